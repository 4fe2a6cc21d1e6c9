//! Servers that an editor has started through `interline proxy`: where they are written down, and how they are found.
//!
//! Must not know how the proxy shares them.
//!
//! **Invariant:** only the user may read what is written down here, and only what the user's own processes wrote down is used.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Error, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use workspace::DocKey;

use crate::process::{Pipes, Program};

/// Tells whether the server has the text of a document that its agent has given: `{uri, version, same}`, with the agent's own version.
pub const SAME_TEXT: &str = "interline/sameText";
/// A registration is no longer than this, in bytes.
const LONGEST: u64 = 4 << 20;

/// A server that is shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The proxy's process.
    pub pid: i32,
    /// The server's command line.
    pub command: Vec<String>,
    /// The folders that the editor has opened, as URIs; the first is the root.
    pub roots: Vec<String>,
    /// What positions count: `utf-8`, `utf-16` or `utf-32`.
    pub encoding: String,
    /// What the server has answered to `initialize`.
    pub result: Value,
    /// Where it is shared.
    pub socket: PathBuf,
    /// What must be said there first, as a line.
    pub token: String,
}

/// The folder where servers are written down, below the user's run-time folder; without one, in the data folder.
#[must_use]
pub fn folder(runtime: Option<&Path>, data: &Path) -> PathBuf {
    runtime.filter(|runtime| runtime.is_absolute()).map_or_else(|| data.join("run"), |runtime| runtime.join("interline"))
}

/// Makes the folder, or finds it; it is the user's alone.
///
/// # Errors
/// It cannot be made, or others may look into it.
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = folder.symlink_metadata()?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(Error::other(format!("{} is not the user's alone: `chmod 700` it", folder.display())));
    }
    Ok(())
}

impl Registration {
    /// Writes it down beside its socket.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self) -> std::io::Result<()> {
        let text = json!({
            "pid": self.pid,
            "command": self.command,
            "roots": self.roots,
            "encoding": self.encoding,
            "result": self.result,
            "socket": self.socket.to_string_lossy(),
            "token": self.token,
        });
        // Nobody must see half of it.
        let (file, new) = (self.socket.with_extension("json"), self.socket.with_extension("new"));
        let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        written.write_all(text.to_string().as_bytes())?;
        std::fs::rename(new, file)
    }

    fn read(path: &Path) -> Option<Self> {
        let mut text = String::new();
        File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let word = |name: &str| Some(value[name].as_str()?.to_owned());
        let words = |name: &str| Some(value[name].as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        let pid = value["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok())?;
        let (command, roots, encoding, token) = (words("command")?, words("roots")?, word("encoding")?, word("token")?);
        Some(Self { pid, command, roots, encoding, result: value["result"].clone(), socket: word("socket")?.into(), token })
    }
}

/// All that are written down in a folder and still live. The leavings of those that were killed are removed.
#[must_use]
pub fn all(folder: &Path) -> Vec<Registration> {
    if private_folder_is_not_ours(folder) {
        return Vec::new();
    }
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = Vec::new();
    for file in files.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let Some(registration) = Registration::read(&file) else { continue };
        let lives = rustix::process::Pid::from_raw(registration.pid.max(0))
            .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
        if lives {
            found.push(registration);
        } else {
            // Somebody else may be quicker.
            let _ = std::fs::remove_file(&file).and_then(|()| std::fs::remove_file(file.with_extension("sock")));
        }
    }
    found.sort_by(|a, b| a.socket.cmp(&b.socket));
    found
}

/// The streams of a server that an editor shares: the same program for the same root. None if there is none that answers.
pub(crate) fn attach(folder: &Path, program: &Program, root: &Path) -> Option<Pipes> {
    let root = DocKey::file(root);
    let fits = |registration: &Registration| {
        registration.command.first().is_some_and(|command| Path::new(command).file_name() == program.path.file_name())
            && registration.roots.iter().any(|uri| DocKey::from_uri(uri) == root)
    };
    all(folder).iter().filter(|registration| fits(registration)).find_map(|registration| match connect(registration) {
        Ok(pipes) => Some(pipes),
        Err(error) => {
            tracing::warn!(%error, "a shared language server does not answer");
            None
        }
    })
}

fn connect(registration: &Registration) -> std::io::Result<Pipes> {
    let mut stream = std::os::unix::net::UnixStream::connect(&registration.socket)?;
    stream.write_all(format!("{}\n", registration.token).as_bytes())?;
    stream.set_nonblocking(true)?;
    let (reader, writer) = tokio::net::UnixStream::from_std(stream)?.into_split();
    Ok(Pipes { reader: Box::new(reader), writer: Box::new(writer), process: None, shared: true })
}

fn private_folder_is_not_ours(folder: &Path) -> bool {
    !folder.is_dir() || private_folder(folder).inspect_err(|error| tracing::warn!(%error, "shared language servers are not used")).is_err()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn registration(folder: &Path, pid: i32) -> Registration {
        Registration {
            pid,
            command: vec!["server".to_owned(), "--stdio".to_owned()],
            roots: vec!["file:///p".to_owned()],
            encoding: "utf-8".to_owned(),
            result: json!({ "capabilities": { "hoverProvider": true } }),
            socket: folder.join(format!("{pid}.sock")),
            token: "secret".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_found_while_it_lives() {
        let temp = tempfile::tempdir().expect("temp");
        let folder = folder(Some(temp.path()), Path::new("/nowhere"));
        assert_eq!(all(&folder), vec![]);
        private_folder(&folder).expect("made");
        let mine = registration(&folder, i32::try_from(std::process::id()).expect("a number"));
        mine.write().expect("written");
        let gone = registration(&folder, i32::MAX);
        gone.write().expect("written");
        std::fs::write(folder.join("broken.json"), "{").expect("write");
        assert_eq!(all(&folder), vec![mine.clone()]);
        assert!(!folder.join("2147483647.json").exists());
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&mine.socket.with_extension("json"))), (0o700, 0o600));
    }

    #[test]
    fn a_folder_that_others_may_look_into_is_not_used() {
        let temp = tempfile::tempdir().expect("temp");
        let folder = folder(None, temp.path());
        private_folder(&folder).expect("made");
        registration(&folder, i32::try_from(std::process::id()).expect("a number")).write().expect("written");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("mode");
        assert!(private_folder(&folder).is_err_and(|error| error.to_string().contains("chmod 700")));
        assert_eq!(all(&folder), vec![]);
    }

    #[tokio::test]
    async fn the_same_program_for_the_same_root_is_found() {
        let temp = tempfile::tempdir().expect("temp");
        let folder = folder(None, temp.path());
        private_folder(&folder).expect("made");
        let mine = registration(&folder, i32::try_from(std::process::id()).expect("a number"));
        mine.write().expect("written");
        let attached = |path: &str, root: &str| {
            let program = Program { path: path.into(), ..Program::default() };
            attach(&folder, &program, Path::new(root)).is_some_and(|pipes| pipes.shared)
        };
        assert!(!attached("/bin/server", "/p"), "nobody listens yet");
        let listener = std::os::unix::net::UnixListener::bind(&mine.socket).expect("bound");
        assert!(attached("/bin/server", "/p"));
        let mut said = String::new();
        listener.accept().expect("it has come").0.read_to_string(&mut said).expect("read");
        assert_eq!(said, "secret\n");
        assert!(!attached("/bin/other", "/p") && !attached("/bin/server", "/q"));
    }
}
