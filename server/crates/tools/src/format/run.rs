//! A formatter's process: a text in, a text out.
//!
//! Must not know which formatter it is.
//!
//! **Invariant:** it ends within its time with all that it started in its process group, and leaves no file behind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::builtin::How;
use crate::program::{complaint, complete};

/// How long one may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// One that is ready to be started on a file.
#[derive(Debug)]
pub(super) struct Ready {
    /// For people and the model.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments; `$FILE` in them is the file.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Variables for it.
    pub environment: Vec<(String, String)>,
    /// How it is given the text.
    pub how: How,
    /// Exit codes that are no failure, besides 0.
    pub also: Vec<i32>,
    /// How long it may take.
    pub patience: Duration,
}

/// Why there is no formatted text.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The user has cancelled the turn.
    #[error("cancelled")]
    Cancelled,
    /// In words that follow the formatter's name.
    #[error("{0}")]
    Failed(String),
}

impl Ready {
    /// What it makes of `text`, which is to be what the file `path` holds.
    pub async fn format(&self, path: &Path, text: &str, cancel: &CancellationToken) -> Result<String, Fault> {
        let bytes = match self.how {
            How::Pipe => self.run(path, text.as_bytes(), cancel).await?,
            How::File => {
                let file = beside(path, text).map_err(|error| Fault::Failed(format!("could not be given a file: {error}")))?;
                self.run(file.path(), b"", cancel).await?;
                std::fs::read(file.path()).map_err(|error| Fault::Failed(format!("left no file: {error}")))?
            }
        };
        let formatted = String::from_utf8(bytes).map_err(|_| Fault::Failed("made something that is no UTF-8 text".into()))?;
        let formatted = formatted.strip_prefix('\u{feff}').unwrap_or(&formatted);
        if formatted.trim().is_empty() && !text.trim().is_empty() {
            return Err(Fault::Failed("made nothing of it".into()));
        }
        Ok(formatted.to_owned())
    }

    async fn run(&self, path: &Path, input: &[u8], cancel: &CancellationToken) -> Result<Vec<u8>, Fault> {
        let file = path.to_string_lossy();
        let mut command = Command::new(&self.program);
        command.args(self.arguments.iter().map(|argument| argument.replace("$FILE", &file))).current_dir(&self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let ended = tokio::select! {
            ended = tokio::time::timeout(self.patience, complete(command, input)) => ended,
            () = cancel.cancelled() => return Err(Fault::Cancelled),
        };
        let ended = match ended {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => return Err(Fault::Failed(format!("could not be run: {error}"))),
            Err(_) => return Err(Fault::Failed(format!("took longer than {} s and was killed", self.patience.as_secs()))),
        };
        match ended.code {
            Some(code) if code == 0 || self.also.contains(&code) => Ok(ended.output),
            Some(code) => Err(Fault::Failed(format!("failed with exit code {code}{}", complaint(&ended.complaint)))),
            None => Err(Fault::Failed(format!("was killed{}", complaint(&ended.complaint)))),
        }
    }
}

/// What a program answers to a question about itself; none if it fails.
pub(super) async fn answer(program: &Path, arguments: &[&str], folder: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    let ended = tokio::time::timeout(PATIENCE, complete(command, b"")).await.ok()?.ok()?;
    (ended.code == Some(0)).then(|| String::from_utf8_lossy(&ended.output).into_owned())
}

/// A hidden file in the same folder (or the nearest that exists), with a name that ends as the file's, so that the same settings count.
fn beside(path: &Path, text: &str) -> std::io::Result<tempfile::NamedTempFile> {
    use std::io::Write as _;
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut file = tempfile::Builder::new().prefix(".interline-").suffix(&format!(".{name}")).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    Ok(file)
}
