//! The one name of a document. Must not touch the disk.
//!
//! **Invariant:** two spellings of one file's URI give equal keys.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// A document: a file, or something that only the editor has (`untitled:Untitled-1`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocKey {
    /// An absolute path, without `.` and `..` (symbolic links are not followed).
    File(PathBuf),
    /// Any other URI, decoded.
    Virtual(String),
}

/// What stays as it is in a file URI's path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl DocKey {
    /// Of an absolute path; `.` and `..` are resolved by their text.
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::File(normalize(path.as_ref()))
    }

    /// Of a URI as an editor spells it.
    #[must_use]
    pub fn from_uri(uri: &str) -> Self {
        match file_path(uri) {
            Some(path) => Self::file(OsString::from_vec(percent_decode_str(path).collect())),
            None => Self::Virtual(percent_decode_str(uri).decode_utf8_lossy().into_owned()),
        }
    }

    /// What a tool's `filePath` names: an absolute path, one relative to `base`, or the URI of a virtual document.
    #[must_use]
    pub fn from_tool_path(text: &str, base: &Path) -> Self {
        match text.split_once(':') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("file") => Self::from_uri(text),
            Some((scheme, _))
                if scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) && scheme == "untitled" =>
            {
                Self::from_uri(text)
            }
            _ => Self::file(base.join(text)),
        }
    }

    /// Its URI. An editor's own spelling may differ: answer with that where it is known.
    #[must_use]
    pub fn to_uri(&self) -> String {
        match self {
            Self::File(path) => format!("file://{}", percent_encode(path.as_os_str().as_bytes(), PATH)),
            Self::Virtual(uri) => uri.clone(),
        }
    }

    /// The path of a file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Virtual(_) => None,
        }
    }
}

impl std::fmt::Display for DocKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Virtual(uri) => f.write_str(uri),
        }
    }
}

/// The absolute path, still encoded, of a file's URI: with or without a host (`file://host/x`, `file:///x`, `file:/x`).
fn file_path(uri: &str) -> Option<&str> {
    let rest = uri.split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("file"))?.1;
    let host = rest.strip_prefix("//").map_or(0, |rest| 2 + rest.find('/').unwrap_or(rest.len()));
    Some(&rest[host..]).filter(|path| path.starts_with('/'))
}

/// Resolves `.` and `..` by their text, as an editor does.
fn normalize(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_file_are_equal() {
        let plain = DocKey::file("/a b/für (1) #2.txt");
        for uri in [
            "file:///a%20b/f%C3%BCr%20%281%29%20%232.txt",
            "file:///a%20b/f%c3%bcr%20(1)%20%232.txt",
            "file://localhost/a%20b/f%C3%BCr%20(1)%20%232.txt",
            "file:/a%20b/f%C3%BCr%20(1)%20%232.txt",
            "FILE:///%61%20b/./x/../f%C3%BCr%20(1)%20%232.txt",
            "file:////a%20b//f%C3%BCr%20(1)%20%232.txt",
        ] {
            assert_eq!(DocKey::from_uri(uri), plain, "{uri}");
        }
        assert_eq!(DocKey::from_uri(&plain.to_uri()), plain);
        // Names are bytes: two that are no text are still two files.
        let bytes = DocKey::from_uri("file:///a%FF");
        assert_eq!(bytes.to_uri(), "file:///a%FF");
        assert_ne!(bytes, DocKey::from_uri("file:///a%FE"));
    }

    #[test]
    fn only_an_absolute_path_is_a_file() {
        for uri in ["file:a.rs", "file://a.rs", "file:", "profile:/a.rs", "file", "/a.rs", "ü:/a.rs"] {
            assert_eq!(DocKey::from_uri(uri), DocKey::Virtual(uri.into()));
        }
    }

    #[test]
    fn tool_paths() {
        let base = Path::new("/p");
        assert_eq!(DocKey::from_tool_path("src/../a.rs", base), DocKey::file("/p/a.rs"));
        assert_eq!(DocKey::from_tool_path("/x/a:b.rs", base), DocKey::file("/x/a:b.rs"));
        assert_eq!(DocKey::from_tool_path("untitled:Untitled-1", base), DocKey::Virtual("untitled:Untitled-1".into()));
        assert_eq!(DocKey::from_tool_path("file:///x/a.rs", base), DocKey::file("/x/a.rs"));
    }
}
