//! What faces say to the engine, and what it answers.
//!
//! **Invariant:** nothing here names an editor or a protocol.

use std::path::PathBuf;

use proto::{PermissionRequest, SessionId, TurnId};
use workspace::{DocKey, Place};

/// A message from the user.
#[derive(Clone, Debug, Default)]
pub struct AskRequest {
    /// The user's words.
    pub text: String,
    /// What the user asks about: a selection, or the place of the cursor (an empty range).
    pub place: Option<Place>,
    /// Where the user is, if the message says nothing of a place: shown to the model where it may read the file.
    pub focus: Option<Place>,
    /// Further words that a face adds, such as the diagnostics of the place. Shown to the model only.
    pub context: Vec<String>,
    /// The session to go on with; the current one if absent.
    pub session: Option<SessionId>,
    /// The agent for this message.
    pub agent: Option<String>,
    /// The model for this message, as `provider/model` or `provider/model#variant`.
    pub model: Option<String>,
    /// How much the model is to think for this message, by a name of its own.
    pub variant: Option<String>,
    /// Files that go with it: texts, folders, images. Paths, absolute or relative to the project.
    pub files: Vec<String>,
    /// Most steps of its turn, where the agent is not bound more closely.
    pub steps: Option<u32>,
    /// The user gives its session a title: none is asked for.
    pub has_title: bool,
}

/// A message was taken: it is stored, and its turn runs or waits for the one that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its session.
    pub session: SessionId,
    /// Its turn.
    pub turn: TurnId,
}

/// A prompt that waits for the user.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// What is asked.
    pub request: PermissionRequest,
    /// The place that it concerns; else where the user asked from.
    pub place: Option<Place>,
}

/// Something that could not be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptText {
    /// Which document.
    pub key: DocKey,
    /// Why, and which lines.
    pub why: String,
}

/// What undo or redo did.
#[derive(Clone, Debug, Default)]
pub struct UndoReport {
    /// The documents that were changed.
    pub changed: Vec<DocKey>,
    /// What was left as it is.
    pub kept: Vec<KeptText>,
    /// A sentence on what could have been changed without our knowing.
    pub unknown: Option<String>,
}

/// Why a turn ended. Every turn ends with one, and the user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The model has said all.
    Done,
    /// The user cancelled.
    Cancelled,
    /// A limit: steps, the answer's length, a call repeated over and over.
    Limit(String),
    /// The budget allows no further request.
    Budget(String),
    /// The user rejected a call, or a filter withheld the answer.
    Refused(String),
    /// The provider failed.
    Provider(String),
}

impl StopReason {
    /// One word for events: `done`, `cancelled`, `limit`, `budget`, `refused`, `error`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Limit(_) => "limit",
            Self::Budget(_) => "budget",
            Self::Refused(_) => "refused",
            Self::Provider(_) => "error",
        }
    }

    /// For the user; empty where there is nothing to say.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Done => "",
            Self::Cancelled => "Cancelled.",
            Self::Limit(text) | Self::Budget(text) | Self::Refused(text) | Self::Provider(text) => text,
        }
    }
}

/// Why the engine cannot do what it was asked. The texts are for the user.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such session in this project.
    #[error("there is no session {0} in this project; `interline sessions` lists them")]
    UnknownSession(String),
    /// There is no such agent.
    #[error("there is no agent `{name}`; there are: {known}")]
    UnknownAgent {
        /// As asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// There is no such model, or none at all.
    #[error("{0}")]
    Model(String),
    /// The prompt was answered already, or withdrawn, or never was.
    #[error("no such prompt is waiting")]
    NotWaiting,
    /// The question was answered already, or withdrawn, or never was.
    #[error("no such question is waiting")]
    NoQuestion,
    /// There is nothing to act on.
    #[error("{0}")]
    Nothing(String),
    /// A turn runs.
    #[error("a turn is running: cancel it first")]
    Busy,
    /// Another process has the session.
    #[error("the session cannot be used here now: {0}")]
    Elsewhere(#[from] crate::running::Held),
    /// The store failed.
    #[error("{0}")]
    Store(String),
    /// The edit could not be made.
    #[error(transparent)]
    Apply(#[from] workspace::ApplyError),
}

/// Where the engine keeps things.
#[derive(Clone, Debug)]
pub struct Places {
    /// `$XDG_DATA_HOME/interline`.
    pub data: PathBuf,
    /// The project's folder; sessions and approvals belong to it.
    pub directory: PathBuf,
}

/// What a tool call of a turn has changed.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The turn.
    pub turn: proto::TurnId,
    /// The changes, in their order.
    pub changes: std::sync::Arc<Vec<workspace::Applied>>,
}
