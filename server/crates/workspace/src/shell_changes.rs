//! What a shell command changed on the disk, so that it can be shown and undone.
//!
//! In a git project two trees are written to a private repository, before and after; the user's repository and index are only read. Outside of one,
//! only the documents that the caller names are compared. Must not know of buffers: the caller has flushed them.
//!
//! **Invariant:** nothing is written below the project, and no filter, hook or configuration of the user's runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Applied, Content, DocKey, Route, disk};
use git::{Repository, TreeChange};

mod git;

/// How long taking a picture of the project may keep a command waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why no picture of the project is taken.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the project is in no git repository")]
    NoRepository,
    #[error("git cannot be started: {0}")]
    NoGit(std::io::Error),
    #[error("the project has {0} files")]
    TooMany(usize),
    #[error("taking a picture of the project takes too long")]
    Slow,
    #[error("the command changed too much ({0})")]
    TooMuch(String),
    #[error("git {command}: {stderr}")]
    Failed { command: String, stderr: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Trouble {
    /// Whether it will be the same the next time.
    fn lasts(&self) -> bool {
        matches!(self, Self::NoRepository | Self::NoGit(_) | Self::TooMany(_) | Self::Slow)
    }
}

/// Watches one project.
#[derive(Debug)]
pub struct ShellChanges {
    folder: PathBuf,
    root: PathBuf,
    /// Opened at the first command; one command at a time takes pictures.
    repository: tokio::sync::Mutex<Option<Repository>>,
    off: Mutex<Option<String>>,
}

/// The project as it was right before a command.
#[derive(Debug)]
pub struct Before {
    tree: Option<String>,
    open: Vec<(PathBuf, Vec<u8>)>,
}

impl ShellChanges {
    /// For the project at `root`. `folder` is for us alone, outside of the project; it is made at the first command.
    #[must_use]
    pub fn new(folder: PathBuf, root: PathBuf) -> Self {
        Self { folder, root, repository: tokio::sync::Mutex::default(), off: Mutex::default() }
    }

    /// Why changes of files that are not open cannot be found in this project; none while they can be.
    #[must_use]
    pub fn why_off(&self) -> Option<String> {
        // Before the first command nothing was tried yet.
        self.lock_off().clone().or_else(|| (!git::is_below_one(&self.root)).then(|| Trouble::NoRepository.to_string()))
    }

    /// To be called right before a command is started, when the buffers were flushed. `open` are the open documents' files with their bytes on the disk: they
    /// are compared in any case.
    pub async fn before(&self, open: Vec<(PathBuf, Vec<u8>)>) -> Before {
        let tree = if self.lock_off().is_some() { None } else { self.note(self.tree().await) };
        Before { tree, open }
    }

    /// To be called when the command has ended. What it changed, by path.
    pub async fn after(&self, before: Before) -> Vec<Applied> {
        let mut found = BTreeMap::new();
        if let Some(tree) = &before.tree {
            for applied in self.note(self.compare(tree).await).unwrap_or_default() {
                found.insert(applied.key.clone(), applied);
            }
        }
        for (path, bytes) in before.open {
            let key = DocKey::file(&path);
            match disk::read_content(&path) {
                Ok(after) if after.as_ref().map(Content::to_bytes).as_deref() == Some(&bytes[..]) => {}
                Ok(after) => {
                    let mode = found.get(&key).and_then(|git| git.before.as_ref()).or(after.as_ref()).and_then(|content| content.mode);
                    let before = Some(Content::from_bytes(&bytes, mode));
                    found.insert(key.clone(), Applied { key, before, after, route: Route::Disk });
                }
                Err(error) => tracing::warn!(%key, %error, "an open file cannot be read after a command"),
            }
        }
        found.into_values().collect()
    }

    async fn tree(&self) -> Result<String, Trouble> {
        let picture = async {
            let mut slot = self.repository.lock().await;
            let repository = match slot.take() {
                Some(repository) => repository,
                None => Repository::open(&self.folder, &self.root).await?,
            };
            slot.insert(repository).write_tree().await
        };
        tokio::time::timeout(PATIENCE, picture).await.map_err(|_| Trouble::Slow)?
    }

    async fn compare(&self, before: &str) -> Result<Vec<Applied>, Trouble> {
        let after = self.tree().await?;
        if after == before {
            return Ok(Vec::new());
        }
        let slot = self.repository.lock().await;
        let repository = slot.as_ref().ok_or(Trouble::NoRepository)?;
        let work = async {
            let changes = repository.diff(before, &after).await?;
            let contents = repository.contents(&changes).await?;
            changes.into_iter().zip(contents).map(|(change, bytes)| self.applied(change, bytes)).collect()
        };
        tokio::time::timeout(PATIENCE, work).await.map_err(|_| Trouble::Slow)?
    }

    fn applied(&self, change: TreeChange, before: Option<Vec<u8>>) -> Result<Applied, Trouble> {
        let path = self.root.join(&change.path);
        let after = disk::read_content(&path)?;
        // git knows but one bit of the mode; the others are as they are now.
        let mode = match &after {
            Some(Content { mode: Some(now), .. }) if change.executable => Some(now | ((now & 0o444) >> 2)),
            Some(Content { mode: Some(now), .. }) => Some(now & !0o111),
            _ => change.executable.then_some(0o755),
        };
        let before = before.map(|bytes| Content::from_bytes(&bytes, mode));
        Ok(Applied { key: DocKey::file(path), before, after, route: Route::Disk })
    }

    /// Says what is the matter: once, where it lasts.
    fn note<T>(&self, result: Result<T, Trouble>) -> Option<T> {
        result
            .inspect_err(|trouble| {
                tracing::info!(root = %self.root.display(), reason = %trouble, "what this command changes in files that are not open cannot be undone");
                if trouble.lasts() {
                    *self.lock_off() = Some(trouble.to_string());
                }
            })
            .ok()
    }

    fn lock_off(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder of a project's pictures below the data folder.
#[must_use]
pub fn snapshot_folder(data: &Path, root: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    data.join("snapshot").join(&blake3::hash(root.as_os_str().as_bytes()).to_hex()[..32])
}

#[cfg(test)]
mod tests;
