//! One entry of the flush journal: a file of its own, a line of JSON before the old bytes and the unsaved text.
//!
//! **Invariant:** an entry's file is whole or not there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::{self, Write};

/// What entries' files end with.
pub(super) const EXTENSION: &str = "flush";

/// What a file held, and when that was written.
#[derive(Clone, Debug)]
pub(super) struct Old {
    pub bytes: Vec<u8>,
    pub mtime_ns: i128,
}

impl Old {
    /// None if there is no such file.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let read = || -> io::Result<Self> {
            // The time first: a write in between makes it look older than it is, which is told apart from ours all the same.
            let mtime_ns = disk::mtime_ns(&fs::metadata(path)?);
            Ok(Self { bytes: fs::read(path)?, mtime_ns })
        };
        match read() {
            Ok(old) => Ok(Some(old)),
            Err(error) if disk::is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A flushed file.
#[derive(Debug)]
pub(super) struct Entry {
    pub path: PathBuf,
    /// What the user had saved; none if the file did not exist.
    pub old: Option<Old>,
    /// What we wrote.
    pub wrote: Vec<u8>,
    /// The time of writing that we gave it.
    pub mtime_ns: i128,
    /// Folders that were made for it, the deepest first.
    pub folders: Vec<PathBuf>,
}

/// The process that an entry belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub pid: u32,
    /// Tells processes apart that had the same number one after the other; none where the system does not say.
    pub started: Option<u64>,
}

impl Owner {
    pub fn current() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid) }
    }

    pub fn is_alive(&self) -> bool {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
        // A process of somebody else is alive, too.
        let there = !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH));
        there && (self.started.is_none() || self.started == started(self.pid))
    }
}

/// When a process was started, in the system's ticks; none where /proc does not say.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the 22nd field is the 20th after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// The first line of an entry's file.
#[derive(Serialize, Deserialize)]
struct Header {
    path: PathBuf,
    owner: Owner,
    mtime_ns: String,
    /// Length and time of the old bytes.
    old: Option<(usize, String)>,
    folders: Vec<PathBuf>,
}

impl Entry {
    /// Whether the disk holds what we wrote, and nobody wrote it again since.
    pub fn is_ours(&self, disk: &Old) -> bool {
        disk.bytes == self.wrote && (disk.mtime_ns == self.mtime_ns || disk.mtime_ns == self.old_mtime_ns())
    }

    /// The time of writing that editors know; the oldest one for a file that did not exist, since they refuse to save over a newer one.
    pub fn old_mtime_ns(&self) -> i128 {
        self.old.as_ref().map_or(0, |old| old.mtime_ns)
    }

    /// Puts the old bytes back, with that mtime or a fresh one, if the disk holds what we wrote. Returns whether it did.
    pub fn take_back(&self, mtime_ns: Option<i128>) -> io::Result<bool> {
        if !Old::read(&self.path)?.is_some_and(|disk| self.is_ours(&disk)) {
            return Ok(false);
        }
        let write = match &self.old {
            Some(old) => Write { mtime_ns, ..Write::put(&self.path, old.bytes.clone(), None) },
            None => Write::delete(&self.path),
        };
        disk::write_all(vec![write]).map_err(|(_, error)| error)?;
        for folder in &self.folders {
            // Somebody else may have put something into it: then it stays.
            let _ = fs::remove_dir(folder);
        }
        Ok(true)
    }

    /// Writes its file.
    pub fn store(&self, folder: &Path, owner: &Owner) -> io::Result<()> {
        let header = Header {
            path: self.path.clone(),
            owner: owner.clone(),
            mtime_ns: self.mtime_ns.to_string(),
            old: self.old.as_ref().map(|old| (old.bytes.len(), old.mtime_ns.to_string())),
            folders: self.folders.clone(),
        };
        let mut bytes = serde_json::to_vec(&header)?;
        bytes.push(b'\n');
        bytes.extend(self.old.iter().flat_map(|old| &old.bytes));
        bytes.extend(&self.wrote);
        // Nobody else's business.
        disk::write_atomic(&self.file(folder, owner), &bytes, Some(0o600))
    }

    /// Reads an entry's file; none if its owner removed it meanwhile.
    pub fn load(file: &Path) -> io::Result<Option<(Self, Owner)>> {
        let Some(Old { bytes, .. }) = Old::read(file)? else { return Ok(None) };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the journal's entry is damaged");
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let header: Header = serde_json::from_slice(&bytes[..end])?;
        let number = |text: &str| text.parse::<i128>().map_err(|_| damaged());
        let body = &bytes[end + 1..];
        let (old, wrote) = match header.old {
            Some((length, time)) => {
                let (old, wrote) = body.split_at_checked(length).ok_or_else(damaged)?;
                (Some(Old { bytes: old.to_vec(), mtime_ns: number(&time)? }), wrote)
            }
            None => (None, body),
        };
        let mtime_ns = number(&header.mtime_ns)?;
        let entry = Self { path: header.path, old, wrote: wrote.to_vec(), mtime_ns, folders: header.folders };
        Ok(Some((entry, header.owner)))
    }

    /// Removes its file.
    pub fn forget(&self, folder: &Path, owner: &Owner) {
        let file = self.file(folder, owner);
        if let Err(error) = fs::remove_file(&file) {
            tracing::warn!(file = %file.display(), %error, "an entry of the journal cannot be removed");
        }
    }

    fn file(&self, folder: &Path, owner: &Owner) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        let name = blake3::hash(self.path.as_os_str().as_bytes()).to_hex();
        folder.join(format!("{}-{}.{EXTENSION}", &name[..32], owner.pid))
    }
}
