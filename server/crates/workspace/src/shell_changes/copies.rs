//! Plain copies of small files, for what no git tree holds: projects without git, and files that git ignores.
//!
//! Must not know which files those are.
//!
//! **Invariant:** copies are in a folder that the user alone can read, and take a bounded place; a file that is too large for one is named when it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, test_kill_process};

use crate::{Applied, Content, DocKey, Route, disk};

/// Larger files are not copied, in bytes.
const MAX_FILE: u64 = 256 << 10;
/// All copies together, in bytes.
const MAX_BYTES: u64 = 8 << 20;
/// A file that was written as shortly before it was copied may be written again at what the system takes for the same time.
const TICK: i128 = 50_000_000;
/// Folders that are made, not written.
const MADE: [&str; 9] = [".git", ".hg", ".svn", "node_modules", "target", ".venv", "venv", "__pycache__", ".interline"];

/// Copies of one project's files.
#[derive(Debug)]
pub(super) struct Copies {
    folder: PathBuf,
    known: BTreeMap<PathBuf, Known>,
    next: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Known {
    state: State,
    /// When it was looked at, in nanoseconds since 1970.
    looked: i128,
    /// The name of its copy.
    copy: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    mtime: i128,
    length: u64,
    mode: u32,
}

impl Copies {
    /// None yet, in a folder of this process' own below the given one; what processes that are gone left there goes.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let own = std::process::id();
        for entry in fs::read_dir(folder)?.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
            let alive = pid.and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok());
            if !alive || pid.is_some_and(|pid| pid.unsigned_abs() == own) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let folder = folder.join(own.to_string());
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self { folder, known: BTreeMap::new(), next: 0, bytes: 0 })
    }

    /// These are the files now: copies of those that are new or were changed are made, those of others are dropped.
    pub fn take(&mut self, files: &BTreeSet<PathBuf>) -> io::Result<()> {
        let gone: Vec<PathBuf> = self.known.keys().filter(|path| !files.contains(*path)).cloned().collect();
        for path in gone {
            self.forget(&path);
        }
        for path in files {
            let Some(state) = state(path) else {
                self.forget(path);
                continue;
            };
            if self.known.get(path).is_some_and(|known| known.state == state && known.is_sure()) {
                continue;
            }
            self.forget(path);
            let looked = now();
            let mut copy = None;
            if state.length <= MAX_FILE && self.bytes + state.length <= MAX_BYTES {
                // One that cannot be read is known without a copy.
                if let Ok(bytes) = fs::read(path) {
                    fs::write(self.folder.join(self.next.to_string()), &bytes)?;
                    copy = Some(self.next);
                    self.next += 1;
                    self.bytes += state.length;
                }
            }
            self.known.insert(path.clone(), Known { state, looked, copy });
        }
        Ok(())
    }

    /// What became of the files; `files` are those that there are now. And those that were changed, but have no copy.
    pub fn compare(&mut self, files: &BTreeSet<PathBuf>) -> io::Result<(Vec<Applied>, Vec<PathBuf>)> {
        let (mut changes, mut left) = (Vec::new(), Vec::new());
        let all: BTreeSet<PathBuf> = self.known.keys().chain(files).cloned().collect();
        for path in all {
            let now = state(&path);
            match self.known.get(&path) {
                None if now.is_some_and(|state| state.length <= MAX_FILE) => {
                    let after = disk::read_content(&path)?;
                    changes.push(Applied { key: DocKey::file(&path), before: None, after, route: Route::Disk });
                }
                None => left.extend(now.map(|_| path)),
                Some(known) if now == Some(known.state) && known.is_sure() => {}
                Some(Known { copy: None, state, .. }) => left.extend((now != Some(*state)).then_some(path)),
                Some(Known { copy: Some(copy), state, .. }) => {
                    let before = Content::from_bytes(&fs::read(self.folder.join(copy.to_string()))?, Some(state.mode));
                    let after = disk::read_content(&path)?;
                    if after.as_ref() != Some(&before) {
                        changes.push(Applied { key: DocKey::file(&path), before: Some(before), after, route: Route::Disk });
                    }
                }
            }
        }
        self.take(files)?;
        Ok((changes, left))
    }

    /// A copy is of no use any more.
    fn forget(&mut self, path: &Path) {
        if let Some(Known { copy: Some(copy), state, .. }) = self.known.remove(path) {
            self.bytes = self.bytes.saturating_sub(state.length);
            // It may be gone already.
            let _ = fs::remove_file(self.folder.join(copy.to_string()));
        }
    }
}

impl Known {
    /// Whether a later change would show in the file's time.
    fn is_sure(&self) -> bool {
        self.looked - self.state.mtime > TICK
    }
}

/// Of a plain file; links are none.
fn state(path: &Path) -> Option<State> {
    let meta = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(State { mtime: disk::mtime_ns(&meta), length: meta.len(), mode: meta.mode() & 0o7777 })
}

pub(super) fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX))
}

/// The plain files below a folder, without those that are made; none if there are more than `most` entries.
pub(super) fn files_below(root: &Path, most: usize) -> Option<BTreeSet<PathBuf>> {
    let (mut files, mut folders, mut seen) = (BTreeSet::new(), vec![root.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > most {
                return None;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_file() {
                files.insert(entry.path());
            } else if kind.is_dir() && !MADE.iter().any(|made| entry.file_name() == *made) {
                folders.push(entry.path());
            }
        }
    }
    Some(files)
}

/// Whether anything right below a folder, or one level deeper, was written since a time; of a large folder only the beginning is looked at.
pub(super) fn written_since(folder: &Path, since: i128) -> bool {
    const LOOKED_AT: usize = 200;
    let newer = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| disk::mtime_ns(&meta) >= since);
    let entries =
        |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).take(LOOKED_AT).collect::<Vec<_>>();
    newer(folder)
        || entries(folder)
            .iter()
            .any(|path| newer(path) || (path.is_dir() && !path.is_symlink() && entries(path).iter().take(20).any(|p| newer(p))))
}

impl Drop for Copies {
    fn drop(&mut self) {
        // If it fails, the next process does it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
