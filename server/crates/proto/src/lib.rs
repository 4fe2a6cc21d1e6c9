//! Ids, sessions, messages, parts and events: what is stored and what the faces show.
//!
//! Owns the JSON shapes, which are OpenCode's (names, casing, nesting), so that OpenCode's SDK and files can be used with
//! ours. Must not know who produces or shows them, and does no IO.
//!
//! **Invariant:** a value that was written by an older version of Interline, or by OpenCode, can be read: new fields are
//! optional, and unknown ones are ignored.

mod event;
mod ids;
mod message;
mod part;
mod permission;
mod question;
mod session;
mod visible;

pub use event::{Event, NumberedEvent, SessionStatus, TurnUsage};
pub use ids::{CallId, MessageId, PartId, PermissionId, QuestionId, SessionId, TurnId};
pub use message::{
    AssistantMessage, CacheTokens, ErrorData, Message, MessageError, MessagePath, MessageTime, MessageWithParts, ModelRef, Tokens,
    UserMessage,
};
pub use part::{FileSource, Part, PartKind, PartTime, TextRange, ToolState, ToolTime};
pub use permission::{Action, PermissionReply, PermissionRequest, ToolRef};
pub use question::{Question, QuestionOption, QuestionRequest};
pub use session::{Session, SessionTime, Todo};
pub use visible::{first_hidden, visible};
