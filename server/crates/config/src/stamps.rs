//! Whether files and folders are still as they were.
//!
//! Must not know what they are for.
//!
//! **Invariant:** what was only touched, or is again as it was first seen, has not changed. A change is told once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::load::read_text;

/// What is known of them.
#[derive(Debug, Default)]
pub struct Stamps(BTreeMap<PathBuf, Known>);

#[derive(Debug)]
struct Known {
    /// When it was changed last, as of the last look; none where there was nothing.
    modified: Option<SystemTime>,
    first: Option<u64>,
    last: Option<u64>,
}

impl Stamps {
    /// Those of `paths` that have changed since the last look, and differ from what they were at the first.
    pub fn changed(&mut self, paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        paths.iter().filter(|path| self.has_changed(path)).cloned().collect()
    }

    fn has_changed(&mut self, path: &Path) -> bool {
        let modified = fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let Some(known) = self.0.get_mut(path) else {
            let now = modified.and_then(|_| content(path));
            self.0.insert(path.to_path_buf(), Known { modified, first: now, last: now });
            return false;
        };
        if known.modified == modified {
            return false;
        }
        known.modified = modified;
        let now = modified.and_then(|_| content(path));
        let news = now != known.last && now != known.first;
        known.last = now;
        news
    }
}

/// A file's bytes, or a folder's names, as a number.
fn content(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.file_name()).collect::<BTreeSet<_>>().hash(&mut hasher),
        Err(_) => read_text(path).ok()?.hash(&mut hasher),
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_none_if_it_is_taken_back() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::write(at("a"), "one").unwrap();
        fs::create_dir(at("folder")).unwrap();
        let paths = BTreeSet::from(["a", "folder", "new"].map(at));
        let (mut stamps, mut time) = (Stamps::default(), SystemTime::now());
        let mut check = |expect: &[&str]| {
            // Clocks of disks are coarse.
            time += std::time::Duration::from_secs(10);
            for path in paths.iter().filter(|path| path.exists()) {
                fs::File::open(path).unwrap().set_modified(time).unwrap();
            }
            assert_eq!(stamps.changed(&paths), expect.iter().map(|name| at(name)).collect::<Vec<_>>());
        };
        check(&[]);
        check(&[]);
        fs::write(at("a"), "two").unwrap();
        fs::write(at("folder/x"), "").unwrap();
        check(&["a", "folder"]);
        check(&[]);
        fs::write(at("a"), "one").unwrap();
        fs::write(at("folder/x"), "more").unwrap();
        check(&[]);
        fs::write(at("new"), "").unwrap();
        check(&["new"]);
        fs::remove_file(at("a")).unwrap();
        fs::remove_file(at("new")).unwrap();
        check(&["a"]);
    }
}
