//! A document's text at one moment, with the proof of which text it was.
//!
//! **Invariant:** two snapshots with equal stamps hold equal text.

use std::sync::Arc;

use ropey::Rope;

use crate::DocKey;

/// Proof of which text an edit was made against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The editor's version of an open document; none for a text from the disk.
    pub version: Option<i32>,
    /// blake3 of the text's UTF-8.
    pub hash: blake3::Hash,
}

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A buffer of the editor.
    Buffer {
        /// The editor's version.
        version: i32,
        /// Whether it differs from what the disk held when it was opened or saved.
        dirty: bool,
    },
    /// The disk.
    Disk {
        /// Whether the file begins with a byte order mark (which is not in the text).
        bom: bool,
        /// Its permission bits.
        mode: u32,
        /// When it was last written, in nanoseconds since 1970.
        mtime_ns: i128,
    },
}

/// A document's text. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Which document.
    pub key: DocKey,
    /// Its text, line ends as they are, without a byte order mark.
    pub text: Rope,
    /// Where it comes from.
    pub origin: Origin,
    /// The editor's language id, such as `rust`; empty for a text from the disk.
    pub language: Arc<str>,
}

impl Snapshot {
    /// Whether it is open in the editor.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.origin, Origin::Buffer { .. })
    }

    /// Whether it is open and has unsaved changes.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        matches!(self.origin, Origin::Buffer { dirty: true, .. })
    }

    /// The proof of which text this is. Takes time in proportion to the text.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let version = match self.origin {
            Origin::Buffer { version, .. } => Some(version),
            Origin::Disk { .. } => None,
        };
        Stamp { version, hash: hash_rope(&self.text) }
    }
}

/// blake3 of a rope's UTF-8.
#[must_use]
pub fn hash_rope(text: &Rope) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for chunk in text.chunks() {
        hasher.update(chunk.as_bytes());
    }
    hasher.finalize()
}
