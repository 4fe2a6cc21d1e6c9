//! What tools and the engine ask of a workspace, whoever holds the text.
//!
//! **Invariant:** `apply` changes all the documents it is given, or none.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{Applied, ApplyError, Change, DocKey, Foretold, Snapshot};

/// A place in a document, for prompts and for what the user asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which document.
    pub key: DocKey,
    /// Bytes of its text at that time.
    pub range: Range<usize>,
    /// Zero-based lines of its text at that time, the end included.
    pub lines: (usize, usize),
}

/// Why a document cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// Neither open nor on the disk.
    #[error("{0} does not exist")]
    NotFound(DocKey),
    /// It is a folder.
    #[error("{0} is a directory")]
    IsDirectory(DocKey),
    /// It is no UTF-8 text.
    #[error("{0} is a binary file, or text that is not UTF-8")]
    Binary(DocKey),
    /// The system said no.
    #[error("{key}: {source}")]
    Io {
        /// Which document.
        key: DocKey,
        /// What it said.
        source: Arc<std::io::Error>,
    },
}

/// A shell command is being run: what must be put right when it has ended.
pub trait ShellRun: Send {
    /// Files that may not be written, with the reason: the command does not see what is unsaved in their buffers.
    fn not_shown(&self) -> Vec<String> {
        Vec::new()
    }

    /// For `Workspace::finish_shell`, which knows what it made.
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send>;
}

/// The project's text as the user sees it.
#[async_trait]
pub trait Workspace: Send + Sync {
    /// The project's folders; the first is where commands run. Never empty.
    fn roots(&self) -> Vec<PathBuf>;

    /// The buffer's text if the document is open anywhere, else the disk's.
    async fn read(&self, key: &DocKey) -> Result<Snapshot, ReadError>;

    /// All documents that are open in the editor.
    async fn open_documents(&self) -> Vec<Snapshot>;

    /// Makes all changes, or none. Edits are rebased over what was changed since their `base`. Results are in the order of `changes`.
    async fn apply(&self, changes: Vec<Change>, cancel: &CancellationToken) -> Result<Vec<Applied>, ApplyError>;

    /// The same, where each document's change is told right before it is made: what is noted then is known whatever becomes of this process.
    async fn apply_foretold(
        &self,
        changes: Vec<Change>,
        cancel: &CancellationToken,
        note: Arc<dyn Foretold>,
    ) -> Result<Vec<Applied>, ApplyError> {
        // Where nothing can be lost, or nobody looks for it.
        drop(note);
        self.apply(changes, cancel).await
    }

    /// Makes the disk equal to the buffers, and remembers what the disk held. Call right before a command is started.
    async fn prepare_shell(&self, cancel: &CancellationToken) -> Result<Box<dyn ShellRun>, ApplyError>;

    /// Puts right what `prepare_shell` did, brings what the command changed into the buffers, and tells all that it changed.
    /// To be called however the command ended, also when the turn was cancelled.
    async fn finish_shell(&self, run: Box<dyn ShellRun>) -> Vec<Applied>;

    /// What the command that `finish_shell` was called for last changed and cannot be undone: links, large files, folders that git ignores. Told once.
    fn not_undone(&self) -> Vec<String> {
        Vec::new()
    }

    /// Why `finish_shell` cannot tell what a command changed in files that are not open; none where it can.
    fn blind_to_commands(&self) -> Option<String> {
        None
    }
}
