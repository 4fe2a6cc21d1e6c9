//! Showing unsaved text to shell commands: it is written to the disk under a journal that knows what the disk held, and taken back in time.
//!
//! Must not know of editors: the caller says which buffers are dirty, and when they are saved or closed.
//!
//! **Invariant:** before a file is touched, its old bytes, its old mtime and the unsaved text are in the journal; what anybody else wrote is never
//! overwritten.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ropey::Rope;

use crate::disk::{self, Write};
use entry::{Entry, Old, Owner};

mod entry;

/// A buffer with unsaved text.
#[derive(Clone, Debug)]
pub struct Dirty {
    /// Its file.
    pub path: PathBuf,
    /// Its text, without byte order mark.
    pub text: Rope,
    /// Whether its file begins with a byte order mark.
    pub bom: bool,
}

/// What `materialise` wrote; `settle` needs it.
#[derive(Debug, Default)]
#[must_use = "the old mtime is put back by `settle`"]
pub struct Flushed {
    written: Vec<PathBuf>,
    refused: Vec<FlushError>,
}

impl Flushed {
    /// Files that may not be written: they are as the user saved them last.
    #[must_use]
    pub fn refused(&self) -> &[FlushError] {
        &self.refused
    }
}

/// What became of one buffer.
enum Shown {
    Written,
    /// The disk held its text.
    Same,
    /// Its file may not be written.
    Refused(io::Error),
}

/// A flushed file that a command changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlushChange {
    /// Which.
    pub path: PathBuf,
    /// What we had written: the buffer's text, in bytes.
    pub wrote: Vec<u8>,
    /// What it holds now; none if it was deleted.
    pub now: Option<Vec<u8>>,
}

/// What was done about a file that a crashed process had flushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Which.
    pub path: PathBuf,
    /// Where its unsaved text is kept.
    pub unsaved: PathBuf,
    /// Whether the disk holds what the user had saved again; else somebody wrote to it in between, and it was left alone.
    pub restored: bool,
}

/// A file of the flush could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FlushError {
    /// Which.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// The journal of one project and one process.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    owner: Owner,
    entries: HashMap<PathBuf, Entry>,
}

impl Journal {
    /// A journal in `folder`, which is made when it is needed. Several processes may share the folder.
    #[must_use]
    pub fn open(folder: PathBuf) -> Self {
        Self::owned_by(folder, Owner::current())
    }

    fn owned_by(folder: PathBuf, owner: Owner) -> Self {
        Self { folder, owner, entries: HashMap::new() }
    }

    /// Whether nothing is flushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Makes the disk equal to the buffers, with a new mtime. A file that holds the buffer's text already, and was not flushed before, is left alone.
    ///
    /// # Errors
    /// The first file that failed for another reason than that it may not be written; those before it are settled.
    pub fn materialise(&mut self, dirty: Vec<Dirty>) -> Result<Flushed, FlushError> {
        let mut flushed = Flushed::default();
        for buffer in dirty {
            let path = buffer.path.clone();
            match self.flush(buffer) {
                Ok(Shown::Written) => flushed.written.push(path),
                Ok(Shown::Same) => {}
                Ok(Shown::Refused(source)) => flushed.refused.push(FlushError { path, source }),
                Err(source) => {
                    self.settle(flushed);
                    return Err(FlushError { path, source });
                }
            }
        }
        Ok(flushed)
    }

    fn flush(&mut self, buffer: Dirty) -> io::Result<Shown> {
        let path = buffer.path;
        let wrote = disk::encode(buffer.text.to_string().as_bytes(), buffer.bom);
        let on_disk = Old::read(&path)?;
        let ours = |entry: &Entry| on_disk.as_ref().is_some_and(|disk| entry.is_ours(disk));
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let (old, folders) = match self.entries.remove(&path) {
            // Still ours: what the user had saved is what it was.
            Some(entry) if ours(&entry) => (entry.old, entry.folders),
            earlier => {
                if on_disk.as_ref().is_some_and(|disk| disk.bytes == wrote) {
                    if let Some(entry) = earlier {
                        entry.forget(&self.folder, &self.owner);
                    }
                    return Ok(Shown::Same);
                }
                (on_disk, path.ancestors().skip(1).take_while(missing).map(Path::to_owned).collect())
            }
        };
        let mtime_ns = old.as_ref().map_or_else(now_ns, |old| now_ns().max(old.mtime_ns + 1_000_000));
        let entry = Entry { path: path.clone(), old, wrote, mtime_ns, folders };
        entry.store(&self.folder, &self.owner)?;
        let write = Write { mtime_ns: Some(mtime_ns), ..Write::put(&path, entry.wrote.clone(), None) };
        // From here on the entry counts, also if the write fails: it knows what the disk held.
        self.entries.insert(path, entry);
        match disk::write_all(vec![write]) {
            Ok(_) => Ok(Shown::Written),
            Err((_, error)) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                Ok(Shown::Refused(error))
            }
            Err((_, error)) => Err(error),
        }
    }

    /// To be called when the command has ended: files that it left alone get their old mtime back (the text stays, so that what was built from it
    /// stays true); the others are told.
    pub fn settle(&mut self, flushed: Flushed) -> Vec<FlushChange> {
        let mut changes = Vec::new();
        for path in flushed.written {
            // Saved or closed in the meantime: then there is nothing to settle.
            let Some(entry) = self.entries.get(&path) else { continue };
            let now = match Old::read(&path) {
                Ok(now) => now,
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a file that a command was shown cannot be read afterwards");
                    continue;
                }
            };
            if now.as_ref().is_some_and(|now| now.bytes == entry.wrote) {
                if let Err(error) = disk::set_mtime(&path, entry.old_mtime_ns()) {
                    tracing::warn!(path = %path.display(), %error, "the time of writing cannot be put back; the editor may refuse to save");
                }
            } else {
                changes.push(FlushChange { path, wrote: entry.wrote.clone(), now: now.map(|now| now.bytes) });
            }
        }
        changes
    }

    /// The user saved: what is on the disk is the user's again.
    pub fn saved(&mut self, path: &Path) {
        if let Some(entry) = self.entries.remove(path) {
            entry.forget(&self.folder, &self.owner);
        }
    }

    /// The document was closed without a save: the disk gets back what the user had saved, with a fresh mtime, if it still holds what we wrote.
    /// Returns whether it did.
    ///
    /// # Errors
    /// Where the file cannot be read or written; the entry stays, for the next start.
    pub fn closed_unsaved(&mut self, path: &Path) -> Result<bool, FlushError> {
        let Some(entry) = self.entries.remove(path) else { return Ok(false) };
        let restored = entry.take_back(None).map_err(|source| FlushError { path: path.to_owned(), source })?;
        entry.forget(&self.folder, &self.owner);
        Ok(restored)
    }

    /// The process ends, and the editor with it or without: as if all documents were closed, but with the old mtime, because an editor may live on.
    pub fn close(&mut self) {
        for (path, entry) in std::mem::take(&mut self.entries) {
            match entry.take_back(entry.old.as_ref().map(|old| old.mtime_ns)) {
                Ok(_) => entry.forget(&self.folder, &self.owner),
                Err(error) => tracing::warn!(path = %path.display(), %error, "what was shown to a command cannot be taken back now"),
            }
        }
    }
}

/// Puts right what crashed processes left behind in a journal's folder. The editor may have lived on: files get their old mtime, too.
/// The unsaved texts are kept in `.interline/recovered` of the project. What cannot be put right is logged, and stays for the next time.
pub fn recover(folder: &Path, project: &Path) -> Vec<Recovered> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if disk::is_absent(&error) => return Vec::new(),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "the journal of unsaved texts cannot be read");
            return Vec::new();
        }
    };
    let mut recovered = Vec::new();
    for file in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if file.extension().is_none_or(|extension| extension != entry::EXTENSION) {
            continue;
        }
        match recover_entry(&file, project) {
            Ok(done) => recovered.extend(done),
            Err(error) => tracing::warn!(file = %file.display(), %error, "an unsaved text cannot be recovered"),
        }
    }
    recovered
}

fn recover_entry(file: &Path, project: &Path) -> io::Result<Option<Recovered>> {
    let Some((entry, owner)) = Entry::load(file)? else { return Ok(None) };
    if owner.is_alive() {
        return Ok(None);
    }
    let on_disk = Old::read(&entry.path)?;
    // The editor lived on and saved that very text: it is the user's, and nothing is unsaved.
    if on_disk.as_ref().is_some_and(|disk| disk.bytes == entry.wrote && !entry.is_ours(disk)) {
        fs::remove_file(file)?;
        return Ok(None);
    }
    // First the unsaved text, then the disk: it must always be somewhere.
    let unsaved = keep_unsaved(&entry, project)?;
    let mut restored = entry.take_back(entry.old.as_ref().map(|old| old.mtime_ns))?;
    // Killed before the file was touched.
    restored |= on_disk.map(|disk| disk.bytes) == entry.old.as_ref().map(|old| old.bytes.clone());
    fs::remove_file(file)?;
    Ok(Some(Recovered { path: entry.path, unsaved, restored }))
}

fn keep_unsaved(entry: &Entry, project: &Path) -> io::Result<PathBuf> {
    let folder = ensure_interline_dir(project)?.join("recovered");
    let name = entry.path.file_name().unwrap_or_default().to_string_lossy();
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    for n in 1_u32.. {
        let path = folder.join(if n == 1 { format!("{name}-{time}") } else { format!("{name}-{time}-{n}") });
        match disk::write_all(vec![Write { new: true, ..Write::put(&path, entry.wrote.clone(), None) }]) {
            Ok(()) => return Ok(path),
            Err((_, error)) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err((_, error)) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Interline's folder in a project, made with a `.gitignore` that hides it from git.
///
/// # Errors
/// Where it cannot be made.
pub fn ensure_interline_dir(project: &Path) -> io::Result<PathBuf> {
    let folder = project.join(".interline");
    fs::create_dir_all(&folder)?;
    let ignore = folder.join(".gitignore");
    if !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    Ok(folder)
}

/// Now, in nanoseconds since 1970, by whole microseconds: some file systems keep no more.
fn now_ns() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i128::try_from(now.as_micros()).unwrap_or(0) * 1000)
}

#[cfg(test)]
mod tests;
