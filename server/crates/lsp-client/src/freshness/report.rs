//! What is told of a document: what a server says about it, and whether that is about its text as it is now.
//!
//! Pure. **Invariant:** a report that is not fresh says why.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use workspace::DocKey;

use crate::diagnostic::Diagnostic;

/// What one server says of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Which document.
    pub key: DocKey,
    /// The server's id, such as `rust`.
    pub server: Arc<str>,
    /// The server's root.
    pub root: PathBuf,
    /// Whether it is about the text as it is now.
    pub state: State,
    /// Whether the items are about the text as it is now: always where the state is fresh, and where only a slower check is not done.
    pub current: bool,
    /// What it says, the worst first.
    pub items: Arc<[Diagnostic]>,
    /// How long was waited for it.
    pub waited: Duration,
}

/// Whether diagnostics are about the text as it is now.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// They are.
    Fresh {
        /// The version that the server was given.
        version: i32,
        /// How that is known.
        by: Proof,
        /// Whether all that the server checks has seen the text: a check that runs after saves knows nothing of one that is not saved.
        whole: bool,
    },
    /// They may not be.
    Pending(Pending),
}

impl State {
    /// Whether it is fresh.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Fresh { .. })
    }
}

/// How it is known that diagnostics are fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The server named the version.
    Version,
    /// It was asked after the change.
    Answer,
    /// It said that it was done after the change.
    Idle,
    /// It names no versions; it has published after the change and then kept quiet for longer than it usually does. No certainty.
    Settled,
}

/// Why diagnostics are not fresh; displayed in words for the model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Pending {
    /// The server has not answered `initialize` yet.
    #[error("still starting")]
    Starting,
    /// It says that it is not ready; what it is doing.
    #[error("still loading the project{}", .0.as_deref().map_or(String::new(), |what| format!(": {what}")))]
    Loading(Option<String>),
    /// Nothing came about this text yet.
    #[error("still checking")]
    Checking,
    /// Something came, of a text that it does not name.
    #[error("still checking: what it said does not name the text's version, and may be of an older text")]
    Unnamed,
    /// It is an editor, which says what it shows when it likes to, and has said nothing about this text.
    #[error("nothing said of this text")]
    Silent,
    /// What the server says itself is known, but a slower check after the save is not done; its title.
    #[error("{0} is still running")]
    Check(String),
    /// It could not say anything.
    #[error("it could not check the file: {0}")]
    Failed(String),
    /// It has ended.
    #[error("server stopped: {0}")]
    Stopped(String),
    /// The wait was cancelled.
    #[error("not waited for")]
    Cancelled,
}
