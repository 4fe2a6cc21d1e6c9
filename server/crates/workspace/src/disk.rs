//! Files on the disk: reading text, and writing it so that a reader sees the old file or the new one.
//!
//! Must not know of buffers or edits: it moves whole contents.
//!
//! **Invariant:** a write that fails leaves every file as it was, and no temporary file behind.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ropey::Rope;

use crate::{Content, Data, DocKey, ReadError};

/// What the permission bits are masked with: the kind of file is not part of them.
const MODE: u32 = 0o7777;

/// A text file.
#[derive(Clone, Debug)]
pub struct DiskFile {
    /// Its text, line ends as they are, without the byte order mark.
    pub text: Rope,
    /// Whether a byte order mark stands before the text.
    pub bom: bool,
    /// Permission bits.
    pub mode: u32,
    /// When it was last written, in nanoseconds since 1970.
    pub mtime_ns: i128,
}

/// Reads a UTF-8 text file.
///
/// # Errors
/// `Binary` for what is not UTF-8 or looks like no text.
pub fn read_file(path: &Path) -> Result<DiskFile, ReadError> {
    let (bytes, meta) = read_with_metadata(path).map_err(|error| read_error(path, error))?;
    let (text, bom) = decode(&bytes).ok_or_else(|| ReadError::Binary(DocKey::file(path)))?;
    Ok(DiskFile { text: Rope::from_str(text), bom, mode: meta.mode() & MODE, mtime_ns: mtime_ns(&meta) })
}

/// Reads a file's bytes.
///
/// # Errors
/// Where it is missing, a folder, or may not be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    read_with_metadata(path).map(|(bytes, _)| bytes).map_err(|error| read_error(path, error))
}

/// What a file holds, text or not; none if there is no file.
///
/// # Errors
/// Where it is a folder, or may not be read.
pub fn read_content(path: &Path) -> io::Result<Option<Content>> {
    match read_with_metadata(path) {
        Ok((bytes, meta)) => Ok(Some(Content::from_bytes(&bytes, Some(meta.mode() & MODE)))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an error says that there is no such file.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read_with_metadata(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    // Opening a pipe would wait for its other end.
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not a regular file"));
    }
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok((bytes, meta))
}

/// The error of reading a file, by its kind.
pub(crate) fn read_error(path: &Path, error: io::Error) -> ReadError {
    let key = DocKey::file(path);
    match error.kind() {
        _ if is_absent(&error) => ReadError::NotFound(key),
        io::ErrorKind::IsADirectory => ReadError::IsDirectory(key),
        _ => ReadError::Io { key, source: Arc::new(error) },
    }
}

/// When a file was last written, in nanoseconds since 1970.
#[must_use]
pub fn mtime_ns(meta: &Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

/// Sets when a file was last written, in nanoseconds since 1970.
///
/// # Errors
/// Where the file is missing or belongs to somebody else.
pub fn set_mtime(path: &Path, ns: i128) -> io::Result<()> {
    let time = rustix::fs::Timespec {
        tv_sec: i64::try_from(ns.div_euclid(1_000_000_000)).unwrap_or(0),
        tv_nsec: i64::try_from(ns.rem_euclid(1_000_000_000)).unwrap_or(0),
    };
    let unchanged = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    let times = rustix::fs::Timestamps { last_access: unchanged, last_modification: time };
    Ok(rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty())?)
}

/// Whether bytes look like no text: a NUL, or more than 30 % control characters, in the first 4096 (OpenCode's test).
#[must_use]
pub fn looks_binary(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4096)];
    let control = head.iter().filter(|b| **b < 9 || (**b > 13 && **b < 32)).count();
    head.contains(&0) || control * 10 > head.len() * 3
}

/// Text and whether a byte order mark stood before it; none for what is no UTF-8 text.
fn decode(bytes: &[u8]) -> Option<(&str, bool)> {
    if looks_binary(bytes) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.strip_prefix('\u{feff}').map_or((text, false), |rest| (rest, true)))
}

/// Whether most line ends of a text are CRLF.
#[must_use]
pub fn majority_crlf(text: &str) -> bool {
    let (mut crlf, mut lf) = (0_usize, 0_usize);
    let mut before = 0;
    for byte in text.bytes() {
        if byte == b'\n' {
            if before == b'\r' { crlf += 1 } else { lf += 1 }
        }
        before = byte;
    }
    crlf > lf
}

/// A text with all its line ends made CRLF, or LF.
#[must_use]
pub fn with_line_ends(text: &str, crlf: bool) -> String {
    let plain = text.replace("\r\n", "\n");
    if crlf { plain.replace('\n', "\r\n") } else { plain }
}

impl Content {
    /// Of a file's bytes: text where it is some, else binary.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], mode: Option<u32>) -> Self {
        match decode(bytes) {
            Some((text, bom)) => Self { data: Data::Text(text.into()), bom, mode },
            None => Self { data: Data::Binary(bytes.into()), bom: false, mode },
        }
    }

    /// What a `Stamp` of it holds: the hash of the text, or of the bytes of what is none.
    #[must_use]
    pub fn stamp_hash(&self) -> blake3::Hash {
        match &self.data {
            Data::Text(text) => blake3::hash(text.as_bytes()),
            Data::Binary(bytes) => blake3::hash(bytes),
        }
    }

    /// The bytes that a file with this content holds.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.data {
            Data::Text(text) => encode(text.as_bytes(), self.bom),
            Data::Binary(bytes) => bytes.to_vec(),
        }
    }
}

/// A text's bytes, after the byte order mark where there is one.
pub(crate) fn encode(text: &[u8], bom: bool) -> Vec<u8> {
    let mark: &[u8] = if bom { "\u{feff}".as_bytes() } else { &[] };
    [mark, text].concat()
}

/// A whole file to be written or deleted.
#[derive(Clone, Debug)]
pub struct Write {
    /// Where. A symbolic link is followed, and stays one.
    pub path: PathBuf,
    /// What it shall hold; none to delete it.
    pub bytes: Option<Vec<u8>>,
    /// Permission bits; none for those that it has, or the usual ones.
    pub mode: Option<u32>,
    /// Whether it is an error if the file exists.
    pub new: bool,
    /// When it shall seem to be written, in nanoseconds since 1970; none for now.
    pub mtime_ns: Option<i128>,
}

impl Write {
    /// Replaces a file, or makes it.
    #[must_use]
    pub fn put(path: &Path, bytes: Vec<u8>, mode: Option<u32>) -> Self {
        Self { path: path.to_owned(), bytes: Some(bytes), mode, new: false, mtime_ns: None }
    }

    /// Deletes a file.
    #[must_use]
    pub fn delete(path: &Path) -> Self {
        Self { path: path.to_owned(), bytes: None, mode: None, new: false, mtime_ns: None }
    }
}

/// Writes one file, all of it or nothing. Makes the folders that it needs; keeps the mode and, where permitted, the owner.
///
/// # Errors
/// What the system says; the file is as it was then.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    write_all(vec![Write::put(path, bytes.to_vec(), mode)]).map_err(|(_, error)| error)
}

/// Makes all writes or none: everything is prepared beside its place first, and what was put in place is taken back if a later one fails.
///
/// # Errors
/// The path that failed, and what the system said.
pub fn write_all(writes: Vec<Write>) -> Result<(), (PathBuf, io::Error)> {
    let mut made = Folders::default();
    let mut staged = Vec::with_capacity(writes.len());
    for write in writes {
        let path = write.path.clone();
        staged.push(Staged::prepare(write, &mut made).map_err(|error| (path, error))?);
    }
    let mut done: Vec<Undo> = Vec::with_capacity(staged.len());
    for stage in staged {
        let path = stage.path.clone();
        match stage.commit() {
            Ok(undo) => done.push(undo),
            Err(error) => {
                done.into_iter().rev().for_each(Undo::roll_back);
                return Err((path, error));
            }
        }
    }
    made.keep();
    Ok(())
}

/// Folders that were made for files to come; removed again when dropped, unless kept.
#[derive(Default)]
struct Folders(Vec<PathBuf>);

impl Folders {
    fn make(&mut self, folder: &Path) -> io::Result<()> {
        let missing: Vec<_> = folder.ancestors().take_while(|f| !f.as_os_str().is_empty() && !f.exists()).map(Path::to_owned).collect();
        fs::create_dir_all(folder).map_err(|error| match folder.ancestors().find(|f| f.exists()) {
            Some(file) if !file.is_dir() => {
                io::Error::new(io::ErrorKind::NotADirectory, format!("{} is a file, not a folder", file.display()))
            }
            _ => error,
        })?;
        self.0.extend(missing.into_iter().rev());
        Ok(())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // Somebody else may have put something into it: then it stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// A write whose content stands in a temporary file beside its place.
struct Staged {
    path: PathBuf,
    file: Option<tempfile::NamedTempFile>,
    new: bool,
    /// What stands at the path now, to be put back.
    old: Option<(Vec<u8>, u32)>,
}

impl Staged {
    fn prepare(write: Write, made: &mut Folders) -> io::Result<Self> {
        let path = follow(&write.path);
        let old = match read_with_metadata(&path) {
            Ok((bytes, meta)) => Some((bytes, meta)),
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(error),
        };
        if write.new && (old.is_some() || fs::symlink_metadata(&write.path).is_ok()) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let Some(bytes) = write.bytes else {
            // The link itself goes, not what it names.
            let old = old.map(|(bytes, meta)| (bytes, meta.mode() & MODE));
            return Ok(Self { path: write.path, file: None, new: false, old });
        };
        if old.as_ref().is_some_and(|(_, meta)| meta.permissions().readonly()) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        made.make(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(".interline-")
            .suffix(".tmp")
            // The system takes the user's mask off.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        file.write_all(&bytes)?;
        if let Some((_, meta)) = &old {
            keep_owner(file.as_file(), meta);
        }
        if let Some(mode) = write.mode.or(old.as_ref().map(|(_, meta)| meta.mode() & MODE)) {
            file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        }
        if let Some(ns) = write.mtime_ns {
            set_mtime(file.path(), ns)?;
        }
        Ok(Self { path, file: Some(file), new: write.new, old: old.map(|(bytes, meta)| (bytes, meta.mode() & MODE)) })
    }

    fn commit(self) -> io::Result<Undo> {
        match self.file {
            Some(file) if self.new => drop(file.persist_noclobber(&self.path).map_err(|error| error.error)?),
            Some(file) => drop(file.persist(&self.path).map_err(|error| error.error)?),
            None => fs::remove_file(&self.path)?,
        }
        Ok(Undo { path: self.path, old: self.old })
    }
}

/// What stood where something else was put.
struct Undo {
    path: PathBuf,
    old: Option<(Vec<u8>, u32)>,
}

impl Undo {
    fn roll_back(self) {
        let result = match &self.old {
            Some((bytes, mode)) => write_atomic(&self.path, bytes, Some(*mode)),
            None => fs::remove_file(&self.path),
        };
        if let Err(error) = result {
            tracing::error!(path = %self.path.display(), %error, "the file could not be put back after a failed write");
        }
    }
}

/// The file that a path names in the end: symbolic links followed, also one that leads nowhere yet.
fn follow(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // The system's own limit of links in a row.
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().map_or_else(|| target.clone(), |folder| folder.join(&target)),
            Err(_) => break,
        }
    }
    path
}

/// Gives a new file the owner of the one that it replaces. Only root may do so for all owners: for others it is a wish.
fn keep_owner(file: &File, old: &Metadata) {
    let Ok(new) = file.metadata() else { return };
    let (uid, gid) = (old.uid(), old.gid());
    if (new.uid(), new.gid()) != (uid, gid)
        && let Err(error) = std::os::unix::fs::fchown(file, Some(uid), Some(gid))
    {
        tracing::debug!(%error, "the owner of a file could not be kept");
    }
}

#[cfg(test)]
mod tests;
