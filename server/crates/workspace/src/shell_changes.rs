//! What a shell command changed on the disk, so that it can be shown and undone.
//!
//! In a git project two trees are written to a private repository, before and after; the user's repository and index are only read. Small files that git
//! ignores, and those of a small project without git, are copied. Must not know of buffers: the caller has flushed them.
//!
//! **Invariant:** nothing is written below the project, and no filter, hook or configuration of the user's runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::{Applied, Content, DocKey, Route, disk};
use copies::Copies;
pub use folders::{FoldersBefore, ShellFolders};
use git::{Repository, TreeChange};

mod copies;
mod folders;
mod git;

/// How long taking a picture of the project may keep a command waiting.
const PATIENCE: Duration = Duration::from_secs(10);
/// Without git, larger projects are not copied.
const MAX_PLAIN: usize = 1000;
/// So many of the files that git ignores are looked at.
const MAX_IGNORED: usize = 300;
/// So many names of what is not undone are told.
const MAX_TOLD: usize = 20;

/// Why no picture of the project is taken.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("`snapshot` is false in the configuration")]
    Unwanted,
    #[error("the project is in no git repository, and too large for copies")]
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

/// Watches one folder of a project.
#[derive(Debug)]
pub struct ShellChanges {
    folder: PathBuf,
    root: PathBuf,
    /// Opened at the first command; one command at a time takes pictures.
    repository: tokio::sync::Mutex<Option<Repository>>,
    off: Mutex<Option<String>>,
    /// Of what no tree holds.
    copies: Arc<Mutex<Option<Copies>>>,
    /// What git ignores, as it was listed last: files, and whole folders.
    ignored: Mutex<Option<Ignored>>,
    /// What the last command changed and cannot be undone.
    left: Mutex<Vec<String>>,
}

/// What git ignores.
#[derive(Clone, Debug, Default)]
struct Ignored {
    files: BTreeSet<PathBuf>,
    folders: Vec<PathBuf>,
}

/// The project as it was right before a command.
#[derive(Debug)]
pub struct Before {
    tree: Option<String>,
    /// Copies were taken; of the whole project, if there is no tree.
    copied: bool,
    open: Vec<(PathBuf, Vec<u8>)>,
    /// In nanoseconds since 1970.
    begun: i128,
}

impl ShellChanges {
    /// For the project at `root`. `folder` is for us alone, outside of the project; it is made at the first command.
    #[must_use]
    pub fn new(folder: PathBuf, root: PathBuf) -> Self {
        Self {
            folder,
            root,
            repository: tokio::sync::Mutex::default(),
            off: Mutex::default(),
            copies: Arc::default(),
            ignored: Mutex::default(),
            left: Mutex::default(),
        }
    }

    /// Why changes of files that are not open cannot be found in this project; none while they can be.
    #[must_use]
    pub fn why_off(&self) -> Option<String> {
        self.lock_off().clone()
    }

    /// What the command that ended last changed and cannot be undone. Told once.
    #[must_use]
    pub fn not_undone(&self) -> Vec<String> {
        std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes no pictures: the user wants it so.
    pub fn turn_off(&self) {
        *self.lock_off() = Some(Trouble::Unwanted.to_string());
    }

    /// To be called right before a command is started, when the buffers were flushed. `open` are the open documents' files with their bytes on the disk: they
    /// are compared in any case.
    pub async fn before(&self, open: Vec<(PathBuf, Vec<u8>)>) -> Before {
        let begun = copies::now();
        if self.lock_off().is_some() {
            return Before { tree: None, copied: false, open, begun };
        }
        if !git::is_below_one(&self.root) {
            let copied = self.note(self.copy_all().await).is_some();
            return Before { tree: None, copied, open, begun };
        }
        let tree = self.note(self.tree().await);
        let copied = tree.is_some() && self.copy_ignored().await;
        Before { tree, copied, open, begun }
    }

    /// Copies a project without git.
    async fn copy_all(&self) -> Result<(), Trouble> {
        let root = self.root.clone();
        let everything = root.parent().is_none() || std::env::home_dir().is_some_and(|home| home == root);
        if everything {
            return Err(Trouble::NoRepository);
        }
        let take = move |copies: &mut Copies| match copies::files_below(&root, MAX_PLAIN) {
            Some(files) => copies.take(&files).map_err(Trouble::from),
            None => Err(Trouble::NoRepository),
        };
        self.with_copies(take).await
    }

    /// Copies the single files that git ignores; whether that could be done.
    async fn copy_ignored(&self) -> bool {
        let known = self.ignored.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ignored = match known {
            Some(known) => known,
            None => self.list_ignored().await,
        };
        let copied = self.with_copies(move |copies| copies.take(&ignored.files).map_err(Trouble::from)).await;
        copied.inspect_err(|trouble| tracing::info!(%trouble, "what a command does to files that git ignores is not known")).is_ok()
    }

    async fn list_ignored(&self) -> Ignored {
        let listed = match &*self.repository.lock().await {
            Some(repository) => repository.ignored().await.unwrap_or_default(),
            None => Vec::new(),
        };
        let (mut ignored, inside) = (Ignored::default(), |path: &PathBuf| !path.starts_with(".interline"));
        for (path, folder) in listed.into_iter().filter(|(path, _)| inside(path)).take(MAX_IGNORED) {
            if folder {
                ignored.folders.push(self.root.join(path));
            } else {
                ignored.files.insert(self.root.join(path));
            }
        }
        *self.ignored.lock().unwrap_or_else(PoisonError::into_inner) = Some(ignored.clone());
        ignored
    }

    /// On a thread of its own.
    async fn with_copies<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Copies) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (slot, folder) = (Arc::clone(&self.copies), self.folder.join("copies"));
        let work = move || {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let copies = match slot.take() {
                Some(copies) => copies,
                None => Copies::open(&folder)?,
            };
            work(slot.insert(copies))
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Trouble::Io(std::io::Error::other(error)))?
    }

    /// What a command did to files that no tree holds.
    async fn compare_copies(&self, whole: bool, begun: i128) -> Result<Vec<Applied>, Trouble> {
        let (root, folders);
        let files = if whole {
            root = Some(self.root.clone());
            folders = Vec::new();
            BTreeSet::new()
        } else {
            root = None;
            let ignored = self.list_ignored().await;
            folders = ignored.folders;
            ignored.files
        };
        let compare = move |copies: &mut Copies| {
            let files = match root {
                // A command that made very many files: what was there before is compared.
                Some(root) => copies::files_below(&root, 2 * MAX_PLAIN).unwrap_or_default(),
                None => files,
            };
            let (changes, mut left) = copies.compare(&files)?;
            left.extend(folders.into_iter().filter(|folder| copies::written_since(folder, begun)));
            Ok((changes, left))
        };
        let (changes, left) = self.with_copies(compare).await?;
        self.leave(left.into_iter());
        Ok(changes)
    }

    fn leave(&self, paths: impl Iterator<Item = PathBuf>) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        for path in paths {
            let name = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
            if left.len() < MAX_TOLD && !left.contains(&name) {
                left.push(name);
            }
        }
    }

    /// To be called when the command has ended. What it changed, by path.
    pub async fn after(&self, before: Before) -> Vec<Applied> {
        let mut found = BTreeMap::new();
        if let Some(tree) = &before.tree {
            for applied in self.note(self.compare(tree).await).unwrap_or_default() {
                found.insert(applied.key.clone(), applied);
            }
        }
        if before.copied {
            let applied = self.compare_copies(before.tree.is_none(), before.begun).await;
            let applied =
                applied.inspect_err(|trouble| tracing::info!(%trouble, "what a command did to files without a tree is not known"));
            for applied in applied.unwrap_or_default() {
                found.entry(applied.key.clone()).or_insert(applied);
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
            let (changes, links) = repository.diff(before, &after).await?;
            self.leave(links.into_iter().map(|link| self.root.join(link)));
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
