//! Changes to documents, as values: what the agent wants, and what came of it.
//!
//! **Invariant:** a `Change` names the text that it was made against; an `Applied` holds both texts, so that it can be undone without asking anyone.

use std::ops::Range;
use std::sync::Arc;

use ropey::Rope;
use serde::{Deserialize, Serialize};

use crate::{DocKey, Stamp};

/// A replacement of a part of a text. Several edits of one text all count in the *old* text's bytes, are sorted, and do not overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextEdit {
    /// Byte range in the old text, on character boundaries.
    pub range: Range<usize>,
    /// What stands there afterwards.
    pub text: String,
}

/// What is to be done to one document.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which document.
    pub key: DocKey,
    /// What.
    pub kind: ChangeKind,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum ChangeKind {
    /// Replace parts of its text.
    Edit {
        /// The text that the edits were made against (needed to rebase them).
        base: Rope,
        /// Which text that was.
        stamp: Stamp,
        /// In `base`.
        edits: Vec<TextEdit>,
    },
    /// Make a new file (with the folders it needs). An error if it exists.
    Create {
        /// Its content.
        content: Content,
    },
    /// Make a file again that is gone, beneath the buffer that may still show it: that stays as it is. An error if the file exists.
    Restore {
        /// Its content.
        content: Content,
    },
    /// Delete the file.
    Delete {
        /// The text that it may be deleted with; anything else is refused.
        stamp: Stamp,
    },
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its bytes: text without byte order mark where `bom`, else all of them.
    pub data: Data,
    /// Whether a byte order mark stands before the text.
    pub bom: bool,
    /// Permission bits, where they matter.
    pub mode: Option<u32>,
}

/// Text, or what is no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// UTF-8.
    Text(Arc<str>),
    /// Anything else.
    Binary(Arc<[u8]>),
}

impl Content {
    /// Text without byte order mark and of the usual mode.
    #[must_use]
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self { data: Data::Text(text.into()), bom: false, mode: None }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::Binary(_) => None,
        }
    }
}

/// Which way a change went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Into a buffer, by the editor.
    Editor,
    /// Onto the disk.
    Disk,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which document.
    pub key: DocKey,
    /// What it held right before; none if it did not exist.
    pub before: Option<Content>,
    /// What it held right afterwards; none if it was deleted.
    pub after: Option<Content>,
    /// Which way it went.
    pub route: Route,
}

/// Why a change was not made. Nothing was changed in any document then, but for what `Unsure` says.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApplyError {
    /// The user changed the very text that was to be changed.
    #[error("{key} was changed by the user in the same place since it was read; nothing was applied. What the user changed:\n{diff}")]
    Conflict {
        /// Which document.
        key: DocKey,
        /// A unified diff of what the user changed.
        diff: String,
    },
    /// It may have been made, or may yet be; so it is not made again.
    #[error(
        "whether {key} was edited cannot be told: {reason}; it was not tried again. Read it before you go on. What differs from the text that was edited:\n{diff}"
    )]
    Unsure {
        /// Which document.
        key: DocKey,
        /// Why it cannot be told.
        reason: String,
        /// A unified diff of what became of the text.
        diff: String,
    },
    /// The editor refused again and again.
    #[error("the editor did not apply the edit of {key} after {tries} tries ({reason}); nothing was changed")]
    Refused {
        /// Which document.
        key: DocKey,
        /// How often it was asked.
        tries: u32,
        /// Its words.
        reason: String,
    },
    /// The file is there already.
    #[error("{key} exists already")]
    Exists {
        /// Which document.
        key: DocKey,
    },
    /// The disk.
    #[error("{key}: {source}")]
    Io {
        /// Which document.
        key: DocKey,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// The editor is gone, or the turn was cancelled.
    #[error("the edit of {key} was cancelled; nothing was changed")]
    Cancelled {
        /// Which document.
        key: DocKey,
    },
}
