//! What happens to the project's files while nobody tells: commands write, and so do other programs.
//!
//! **Invariant:** each change is told once; nothing is looked at before the first server runs, nor in a project that is too large to be looked at between two steps.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lsp_client::FileChange;

/// A project of more files is not looked at.
const MOST: usize = 20_000;

/// When a file was last written, and how long it is.
type Stamp = (SystemTime, u64);

/// The project's files as they were when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Disk(Option<HashMap<PathBuf, Stamp>>);

impl Disk {
    /// What has changed since the last look; nothing at the first one.
    pub(super) async fn look(&mut self, folder: &Path) -> Vec<(PathBuf, FileChange)> {
        let folder = folder.to_owned();
        let now = match tokio::task::spawn_blocking(move || stamps(&folder)).await {
            Ok(Some(now)) => now,
            Ok(None) => return Vec::new(),
            Err(error) => {
                tracing::error!(%error, "the project's files could not be looked at");
                return Vec::new();
            }
        };
        let changes = self.0.as_ref().map(|before| between(before, &now)).unwrap_or_default();
        self.0 = Some(now);
        changes
    }
}

fn stamps(folder: &Path) -> Option<HashMap<PathBuf, Stamp>> {
    // A hidden one counts: `.clang-tidy` and `.eslintrc` say how the others are looked at.
    let files = tools::files_below(folder, MOST, true)?.into_iter();
    // One that has gone this very moment is gone.
    let stamp = |path: &PathBuf| path.symlink_metadata().and_then(|meta| Ok((meta.modified()?, meta.len()))).ok();
    Some(files.filter_map(|path| stamp(&path).map(|stamp| (path, stamp))).collect())
}

fn between(before: &HashMap<PathBuf, Stamp>, now: &HashMap<PathBuf, Stamp>) -> Vec<(PathBuf, FileChange)> {
    let there = now.iter().filter_map(|(path, stamp)| match before.get(path) {
        Some(old) if old == stamp => None,
        Some(_) => Some((path.clone(), FileChange::Changed)),
        None => Some((path.clone(), FileChange::Created)),
    });
    let gone = before.keys().filter(|path| !now.contains_key(*path)).map(|path| (path.clone(), FileChange::Deleted));
    let mut changes: Vec<_> = there.chain(gone).collect();
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_change_is_told_once() {
        let temp = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(temp.path().join(name), text).unwrap();
        write("a", "1");
        write("b", "1");
        std::fs::create_dir_all(temp.path().join(".github")).unwrap();
        std::fs::create_dir_all(temp.path().join(".git")).unwrap();
        write(".gitignore", "out\n");
        let mut disk = Disk::default();
        assert_eq!(disk.look(temp.path()).await, []);
        write("a", "12");
        write("c", "1");
        for name in [".clangd", ".github/w.yml", ".git/index", "out"] {
            write(name, "1");
        }
        std::fs::remove_file(temp.path().join("b")).unwrap();
        let changes = disk.look(temp.path()).await;
        let name = |path: &PathBuf| path.strip_prefix(temp.path()).unwrap().display().to_string();
        let named: Vec<_> = changes.iter().map(|(path, change)| (name(path), *change)).collect();
        let expect = [
            (".clangd", FileChange::Created),
            (".github/w.yml", FileChange::Created),
            ("a", FileChange::Changed),
            ("b", FileChange::Deleted),
            ("c", FileChange::Created),
        ];
        assert_eq!(named, expect.map(|(name, change)| (name.to_owned(), change)));
        assert_eq!(disk.look(temp.path()).await, []);
        assert_eq!(disk.look(Path::new("/nowhere/at/all")).await, []);
    }
}
