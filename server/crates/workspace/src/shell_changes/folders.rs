//! What a shell command changed in all folders of a project.
//!
//! Must not know how one folder is watched.
//!
//! **Invariant:** each folder is watched by itself: what is the matter with one does not blind the others. A folder that lies around or within an earlier one is
//! left out, as that one is seen already, or is too large a price for what lies beside it.

use std::path::{Path, PathBuf};

use super::{Before, ShellChanges, snapshot_folder};
use crate::Applied;

/// Watches a project's folders.
#[derive(Debug)]
pub struct ShellFolders(Vec<ShellChanges>);

/// The folders as they were right before a command.
#[derive(Debug)]
pub struct FoldersBefore(Vec<Before>);

impl ShellFolders {
    /// For the folders `roots`; `data` is Interline's data folder. Nothing is read or made before the first command.
    #[must_use]
    pub fn new(data: &Path, roots: &[PathBuf]) -> Self {
        let mut all: Vec<ShellChanges> = Vec::new();
        for root in roots {
            if !all.iter().any(|known| known.root.starts_with(root) || root.starts_with(&known.root)) {
                all.push(ShellChanges::new(snapshot_folder(data, root), root.clone()));
            }
        }
        Self(all)
    }

    /// Why changes of files that are not open cannot be found; none while they can be.
    #[must_use]
    pub fn why_off(&self) -> Option<String> {
        let off = |folder: &ShellChanges| {
            let why = folder.why_off()?;
            Some(if self.0.len() == 1 { why } else { format!("{}: {why}", folder.root.display()) })
        };
        self.0.iter().find_map(off)
    }

    /// As `ShellChanges::not_undone`; names of the first folder are relative to it.
    #[must_use]
    pub fn not_undone(&self) -> Vec<String> {
        let named = |(at, folder): (usize, &ShellChanges)| {
            let whole = |name: String| if at == 0 { name } else { folder.root.join(name).display().to_string() };
            folder.not_undone().into_iter().map(whole).collect::<Vec<_>>()
        };
        self.0.iter().enumerate().flat_map(named).collect()
    }

    /// As `ShellChanges::turn_off`.
    pub fn turn_off(&self) {
        self.0.iter().for_each(ShellChanges::turn_off);
    }

    /// As `ShellChanges::before`.
    pub async fn before(&self, mut open: Vec<(PathBuf, Vec<u8>)>) -> FoldersBefore {
        let mut all = Vec::new();
        // What lies in none of the others goes with the first.
        for folder in self.0.iter().skip(1) {
            let (inside, outside) = open.into_iter().partition(|(path, _)| path.starts_with(&folder.root));
            open = outside;
            all.push(folder.before(inside).await);
        }
        if let Some(first) = self.0.first() {
            all.insert(0, first.before(open).await);
        }
        FoldersBefore(all)
    }

    /// As `ShellChanges::after`.
    pub async fn after(&self, before: FoldersBefore) -> Vec<Applied> {
        let mut all = Vec::new();
        for (folder, before) in self.0.iter().zip(before.0) {
            all.extend(folder.after(before).await);
        }
        all
    }
}
