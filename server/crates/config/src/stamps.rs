//! Whether files and folders are still as they were.
//!
//! Must not know what they are for.
//!
//! **Invariant:** what was only touched has not changed. A change is told once; that a file's time was put back hides none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::load::read_text;

/// What is known of them.
#[derive(Debug, Default)]
pub struct Stamps(BTreeMap<PathBuf, Known>);

#[derive(Debug)]
struct Known {
    /// As of the last look; none where there was nothing.
    state: Option<State>,
    content: Option<u64>,
}

/// What says, without reading, that a file may be another than it was: when it was changed, and what nobody can put back.
type State = (Option<SystemTime>, (i64, i64), u64);

impl Stamps {
    /// Those of `paths` that differ from what they were at the last look.
    pub fn changed(&mut self, paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        let mut folders = Folders::default();
        paths.iter().filter(|path| self.has_changed(path, folders.state(path))).cloned().collect()
    }

    fn has_changed(&mut self, path: &Path, state: Option<State>) -> bool {
        let Some(known) = self.0.get_mut(path) else {
            let content = state.and_then(|_| content(path));
            self.0.insert(path.to_path_buf(), Known { state, content });
            return false;
        };
        if known.state == state {
            return false;
        }
        let content = state.and_then(|_| content(path));
        let news = content != known.content;
        *known = Known { state, content };
        news
    }
}

/// What is known of folders while paths are looked at in their order: in one that is not there nothing is looked for.
#[derive(Default)]
struct Folders<'a> {
    there: Option<&'a Path>,
    missing: Option<&'a Path>,
}

impl<'a> Folders<'a> {
    fn state(&mut self, path: &'a Path) -> Option<State> {
        if self.missing.is_some_and(|missing| path.starts_with(missing)) {
            return None;
        }
        let state = fs::metadata(path).ok().map(|meta| state(&meta));
        if state.is_none() && path.parent() != self.there {
            let is_there = path.parent().is_some_and(Path::exists);
            *(if is_there { &mut self.there } else { &mut self.missing }) = path.parent();
        }
        state
    }
}

#[cfg(unix)]
fn state(meta: &Metadata) -> State {
    use std::os::unix::fs::MetadataExt as _;
    (meta.modified().ok(), (meta.ctime(), meta.ctime_nsec()), meta.len())
}

#[cfg(not(unix))]
fn state(meta: &Metadata) -> State {
    (meta.modified().ok(), (0, 0), meta.len())
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
    #[cfg(unix)]
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_change_is_told_once_and_a_touch_is_none() {
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
        check(&["a"]);
        fs::write(at("new"), "").unwrap();
        check(&["new"]);
        fs::remove_file(at("a")).unwrap();
        fs::remove_file(at("new")).unwrap();
        check(&["a", "new"]);
    }

    #[test]
    fn folders_come_and_go_with_what_is_in_them() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        let paths = BTreeSet::from(["a/b/one", "a/b/two", "a/three", "four"].map(at));
        let mut stamps = Stamps::default();
        let mut check = |expect: &[&str]| {
            let mut expect: Vec<PathBuf> = expect.iter().map(|name| at(name)).collect();
            expect.sort();
            assert_eq!(stamps.changed(&paths), expect);
        };
        check(&[]);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/two"), "").unwrap();
        fs::write(at("four"), "").unwrap();
        check(&["a/b/two", "four"]);
        fs::write(at("a/three"), "").unwrap();
        check(&["a/three"]);
        fs::remove_dir_all(at("a")).unwrap();
        check(&["a/b/two", "a/three"]);
        check(&[]);
    }

    #[cfg(unix)]
    #[test]
    fn a_time_that_was_put_back_hides_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("a");
        fs::write(&file, "deny ").unwrap();
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        let (mut stamps, paths) = (Stamps::default(), BTreeSet::from([file.clone()]));
        assert!(stamps.changed(&paths).is_empty());
        // The clock by which files are changed is coarse.
        let before = fs::metadata(&file).unwrap().ctime_nsec();
        while fs::metadata(&file).unwrap().ctime_nsec() == before {
            fs::write(&file, "allow").unwrap();
            fs::File::open(&file).unwrap().set_modified(time).unwrap();
        }
        assert_eq!(stamps.changed(&paths), [file]);
    }
}
