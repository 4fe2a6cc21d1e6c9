//! Whether a document that was just opened holds what the disk holds. Blocking: for tokio's blocking threads.
//!
//! **Invariant:** reads at most a block at a time, whatever the file's size; a file that is no UTF-8 counts as equal, since the editor's text of it is
//! its own translation.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ropey::Rope;

/// What the disk has of a document.
pub(super) struct Found {
    /// Whether it holds the text.
    pub equal: bool,
    /// The file with symbolic links followed, if it exists.
    pub canonical: Option<Arc<PathBuf>>,
}

/// Compares the disk's file to a text, whatever its line breaks and byte order mark: editors make line breaks uniform when they open a file.
pub(super) fn check(path: &Path, text: &Rope) -> Found {
    let canonical = path.canonicalize().ok().map(Arc::new);
    let equal = match File::open(path).and_then(|file| Ok((file.metadata()?.is_file(), file))) {
        Ok((true, mut file)) => holds(&mut file, text).unwrap_or(true),
        Ok((false, _)) => true,
        // A new file that nothing was written into yet is not unsaved work.
        Err(error) if error.kind() == ErrorKind::NotFound => text.len_bytes() == 0,
        Err(_) => true,
    };
    Found { equal, canonical }
}

fn holds(file: &mut impl Read, text: &Rope) -> std::io::Result<bool> {
    let mut want = text.chunks().flat_map(str::bytes).filter(|b| *b != b'\r');
    let mut block = vec![0; 64 * 1024];
    let mut at_start = true;
    let mut equal = true;
    let mut utf8 = Utf8::default();
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            break;
        }
        let mut bytes = &block[..count];
        if std::mem::take(&mut at_start) {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        if !utf8.feed(bytes) {
            return Ok(true);
        }
        equal = equal && bytes.iter().filter(|b| **b != b'\r').all(|b| want.next() == Some(*b));
    }
    Ok(!utf8.ends_whole() || (equal && want.next().is_none()))
}

/// Whether bytes that come in blocks are UTF-8.
#[derive(Default)]
struct Utf8 {
    /// The beginning of a character that the last block ended in.
    rest: Vec<u8>,
}

impl Utf8 {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        let joined;
        let bytes = if self.rest.is_empty() {
            bytes
        } else {
            joined = [self.rest.as_slice(), bytes].concat();
            joined.as_slice()
        };
        match std::str::from_utf8(bytes) {
            Ok(_) => self.rest.clear(),
            Err(error) if error.error_len().is_none() => self.rest = bytes[error.valid_up_to()..].to_vec(),
            Err(_) => return false,
        }
        true
    }

    fn ends_whole(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares() {
        let check = |disk: &[u8], text: &str, want: bool| {
            assert_eq!(holds(&mut &disk[..], &Rope::from_str(text)).unwrap(), want, "{disk:?} {text:?}");
        };
        check(b"", "", true);
        check(b"one\n", "one\n", true);
        check(b"one\n", "one", false);
        check(b"one", "one\n", false);
        check(b"\xef\xbb\xbfone\r\ntwo\n", "one\r\ntwo\r\n", true);
        check(b"one\r\ntwo\r\n", "one\ntwo\n", true);
        check(b"caf\xe9\n", "café\n", true);
        check("café\n".as_bytes(), "cafe\n", false);
    }

    #[test]
    fn long_files() {
        let text = "世界 line\n".repeat(50_000);
        assert!(holds(&mut text.as_bytes(), &Rope::from_str(&text)).unwrap());
        assert!(!holds(&mut text.as_bytes(), &Rope::from_str(&format!("{text}x"))).unwrap());
    }

    #[test]
    fn files_that_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new.txt");
        assert!(check(&path, &Rope::new()).equal);
        assert!(!check(&path, &Rope::from_str("text")).equal);
        assert!(check(&path, &Rope::new()).canonical.is_none());
    }
}
