//! What a shell command changed in all folders of a project.
//!
//! Must not know how one folder is watched.
//!
//! **Invariant:** each folder is watched by itself: what is the matter with one does not blind the others. A folder that lies around or within an earlier one is
//! left out, as that one is seen already, or is too large a price for what lies beside it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Before, ShellChanges, snapshot_folder};
use crate::Applied;

/// Watches a project's folders.
#[derive(Debug)]
pub struct ShellFolders {
    data: PathBuf,
    watched: Mutex<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    off: bool,
    folders: Vec<Arc<ShellChanges>>,
}

/// The folders as they were right before a command.
#[derive(Debug)]
pub struct FoldersBefore(Vec<(Arc<ShellChanges>, Before)>);

impl ShellFolders {
    /// For the folders `roots`; `data` is Interline's data folder. Nothing is read or made before the first command.
    #[must_use]
    pub fn new(data: &Path, roots: &[PathBuf]) -> Self {
        let all = Self { data: data.to_owned(), watched: Mutex::default() };
        all.follow(roots);
        all
    }

    /// The project's folders are these from the next command on.
    pub fn follow(&self, roots: &[PathBuf]) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = std::mem::take(&mut watched.folders);
        let mut all: Vec<Arc<ShellChanges>> = Vec::new();
        for root in roots {
            if all.iter().any(|folder| folder.root.starts_with(root) || root.starts_with(&folder.root)) {
                continue;
            }
            let old = known.iter().position(|folder| folder.root == *root).map(|at| known.swap_remove(at));
            all.push(old.unwrap_or_else(|| {
                let folder = ShellChanges::new(snapshot_folder(&self.data, root), root.clone());
                if watched.off {
                    folder.turn_off();
                }
                Arc::new(folder)
            }));
        }
        watched.folders = all;
    }

    fn all(&self) -> Vec<Arc<ShellChanges>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).folders.clone()
    }

    /// Why changes of files that are not open cannot be found; none while they can be.
    #[must_use]
    pub fn why_off(&self) -> Option<String> {
        let all = self.all();
        let off = |folder: &Arc<ShellChanges>| {
            let why = folder.why_off()?;
            Some(if all.len() == 1 { why } else { format!("{}: {why}", folder.root.display()) })
        };
        all.iter().find_map(off)
    }

    /// As `ShellChanges::not_undone`; names of the first folder are relative to it.
    #[must_use]
    pub fn not_undone(&self) -> Vec<String> {
        let named = |(at, folder): (usize, Arc<ShellChanges>)| {
            let whole = |name: String| if at == 0 { name } else { folder.root.join(name).display().to_string() };
            folder.not_undone().into_iter().map(whole).collect::<Vec<_>>()
        };
        self.all().into_iter().enumerate().flat_map(named).collect()
    }

    /// As `ShellChanges::turn_off`.
    pub fn turn_off(&self) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.off = true;
        watched.folders.iter().for_each(|folder| folder.turn_off());
    }

    /// As `ShellChanges::before`.
    pub async fn before(&self, mut open: Vec<(PathBuf, Vec<u8>)>) -> FoldersBefore {
        let (folders, mut all) = (self.all(), Vec::new());
        // What lies in none of the others goes with the first.
        for folder in folders.iter().skip(1) {
            let (inside, outside) = open.into_iter().partition(|(path, _)| path.starts_with(&folder.root));
            open = outside;
            all.push((Arc::clone(folder), folder.before(inside).await));
        }
        if let Some(first) = folders.first() {
            all.insert(0, (Arc::clone(first), first.before(open).await));
        }
        FoldersBefore(all)
    }

    /// As `ShellChanges::after`.
    pub async fn after(&self, before: FoldersBefore) -> Vec<Applied> {
        let mut all = Vec::new();
        for (folder, before) in before.0 {
            all.extend(folder.after(before).await);
        }
        all
    }
}
