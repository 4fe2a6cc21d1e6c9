//! What happens in a session, by OpenCode's names.
//!
//! **Invariant:** the numbers of a session's events have no gaps and only grow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Message, MessageError, MessageId, Part, PartId, PermissionId, PermissionReply, PermissionRequest, QuestionId, QuestionRequest, Session,
    SessionId, Todo, Tokens,
};

/// What a session does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SessionStatus {
    /// Nothing.
    Idle,
    /// A turn runs.
    Busy,
    /// The provider failed, and is asked again.
    Retry {
        /// 1 for the first.
        attempt: u32,
        /// Why.
        message: String,
        /// When, in milliseconds since 1970.
        next: i64,
    },
}

/// What a turn used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TurnUsage {
    /// Tokens.
    pub tokens: Tokens,
    /// In US dollars.
    pub cost: f64,
    /// What its whole session has cost by now, in US dollars.
    pub session_cost: f64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "properties")]
pub enum Event {
    /// A session was begun.
    #[serde(rename = "session.created")]
    SessionCreated {
        /// The session.
        info: Session,
    },
    /// Its title, cost or time changed.
    #[serde(rename = "session.updated")]
    SessionUpdated {
        /// The session.
        info: Session,
    },
    /// What it does changed.
    #[serde(rename = "session.status")]
    SessionStatus {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// What it does.
        status: SessionStatus,
    },
    /// Its turn ended.
    #[serde(rename = "session.idle")]
    SessionIdle {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// Why the turn ended, for the user: `done`, `cancelled`, `limit`, … (Interline's own field).
        reason: String,
        /// What the turn used, subagents included (Interline's own field); absent for a subagent's session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<TurnUsage>,
    },
    /// Its turn failed.
    #[serde(rename = "session.error")]
    SessionError {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// Why.
        error: MessageError,
    },
    /// Something that the user should know and that is no error, such as that another model goes on (Interline's own).
    #[serde(rename = "session.notice")]
    SessionNotice {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// For the user.
        message: String,
    },
    /// It was summarised.
    #[serde(rename = "session.compacted")]
    SessionCompacted {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
    },
    /// A message was made or changed.
    #[serde(rename = "message.updated")]
    MessageUpdated {
        /// The message.
        info: Message,
    },
    /// A message was removed: its stream broke and is made again.
    #[serde(rename = "message.removed")]
    MessageRemoved {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// The message.
        #[serde(rename = "messageID")]
        message_id: MessageId,
    },
    /// A part was made or changed.
    #[serde(rename = "message.part.updated")]
    PartUpdated {
        /// The part.
        part: Part,
    },
    /// Words were added to a part.
    #[serde(rename = "message.part.delta")]
    PartDelta {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// The message.
        #[serde(rename = "messageID")]
        message_id: MessageId,
        /// The part.
        #[serde(rename = "partID")]
        part_id: PartId,
        /// `text`.
        field: String,
        /// The words.
        delta: String,
    },
    /// A prompt waits.
    #[serde(rename = "permission.asked")]
    PermissionAsked(PermissionRequest),
    /// A prompt was answered, or withdrawn (then as a rejection).
    #[serde(rename = "permission.replied")]
    PermissionReplied {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// The prompt.
        #[serde(rename = "requestID")]
        request_id: PermissionId,
        /// The answer.
        reply: PermissionReply,
    },
    /// A question waits.
    #[serde(rename = "question.asked")]
    QuestionAsked(QuestionRequest),
    /// It was answered.
    #[serde(rename = "question.replied")]
    QuestionReplied {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// The request.
        #[serde(rename = "requestID")]
        request_id: QuestionId,
        /// The chosen labels, or the user's own words, of each question.
        answers: Vec<Vec<String>>,
    },
    /// It was refused an answer, or withdrawn.
    #[serde(rename = "question.rejected")]
    QuestionRejected {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// The request.
        #[serde(rename = "requestID")]
        request_id: QuestionId,
    },
    /// The to-do list changed.
    #[serde(rename = "todo.updated")]
    TodoUpdated {
        /// The session.
        #[serde(rename = "sessionID")]
        session_id: SessionId,
        /// The list.
        todos: Vec<Todo>,
    },
}

impl Event {
    /// The session that it belongs to.
    #[must_use]
    pub fn session_id(&self) -> &SessionId {
        match self {
            Self::SessionCreated { info } | Self::SessionUpdated { info } => &info.id,
            Self::SessionStatus { session_id, .. }
            | Self::SessionIdle { session_id, .. }
            | Self::SessionError { session_id, .. }
            | Self::SessionNotice { session_id, .. }
            | Self::SessionCompacted { session_id }
            | Self::MessageRemoved { session_id, .. }
            | Self::PartDelta { session_id, .. }
            | Self::PermissionReplied { session_id, .. }
            | Self::QuestionReplied { session_id, .. }
            | Self::QuestionRejected { session_id, .. }
            | Self::TodoUpdated { session_id, .. } => session_id,
            Self::MessageUpdated { info } => info.session_id(),
            Self::PartUpdated { part } => &part.session_id,
            Self::PermissionAsked(request) => &request.session_id,
            Self::QuestionAsked(request) => &request.session_id,
        }
    }
}

/// An event with its number in its session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NumberedEvent {
    /// 1 for the session's first.
    pub seq: u64,
    /// What happened.
    pub event: Event,
    /// Another process made it, and what is told of it here is what it stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relayed: bool,
}
