//! What the engine asks of a model, and what comes back: the same for every API.
//!
//! **Invariant:** every tool call in `messages` has exactly one result, in the message after it.

use std::time::Duration;

use proto::Tokens;
use serde_json::Value;

/// A piece of a message to the model.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatPart {
    /// Words.
    Text(String),
    /// An image or a PDF: of the user's, or beside a call's result.
    Media {
        /// Its media type.
        mime: String,
        /// Base64.
        data: String,
    },
    /// The model's own thoughts, to be sent back to the provider that made them.
    Reasoning {
        /// The words.
        text: String,
        /// The adapter's own: signature, encrypted content. Null if it was made by another provider.
        metadata: Value,
    },
    /// A call that the model made.
    ToolCall {
        /// Its id.
        id: String,
        /// The tool.
        name: String,
        /// An object.
        input: Value,
        /// The adapter's own, such as a thought signature.
        metadata: Value,
    },
    /// A call's result.
    ToolResult {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
        /// What the model is told.
        output: String,
        /// Whether it failed.
        is_error: bool,
        /// What came besides text: `Media`.
        media: Vec<ChatPart>,
    },
}

/// A message to the model.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatMessage {
    /// From the user: `Text` and `Media`.
    User(Vec<ChatPart>),
    /// From the model: `Text`, `Reasoning` and `ToolCall`.
    Assistant(Vec<ChatPart>),
    /// Results of the calls of the message before: `ToolResult`.
    Tool(Vec<ChatPart>),
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// A request to a model.
#[derive(Clone, Debug, Default)]
pub struct ModelRequest {
    /// The system prompt, in parts of falling stability (the first changes least).
    pub system: Vec<String>,
    /// The conversation.
    pub messages: Vec<ChatMessage>,
    /// Sorted by name. None for titles and summaries.
    pub tools: Vec<ToolDefinition>,
    /// Most tokens to write; the model's limit if absent.
    pub max_output: Option<u64>,
    /// The agent's temperature.
    pub temperature: Option<f64>,
    /// The agent's `top_p`.
    pub top_p: Option<f64>,
    /// Further options of the agent, merged over the model's (OpenCode's names).
    pub options: serde_json::Map<String, Value>,
    /// What else is written of the agent: sent only to providers that take any option.
    pub unknown: serde_json::Map<String, Value>,
    /// For caches and session affinity.
    pub session: String,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It has said all.
    Stop,
    /// It waits for the results of its calls.
    ToolCalls,
    /// It was cut at its limit.
    Length,
    /// A filter withheld the answer.
    ContentFilter,
    /// The model refused to answer; it may have said why.
    Refusal,
    /// The provider did not say, or said something unknown.
    Unknown,
}

/// What comes from a model, in order. `index` counts the calls of one answer from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelEvent {
    /// Words.
    Text(String),
    /// Thoughts.
    Reasoning(String),
    /// The thoughts so far are whole.
    ReasoningEnd {
        /// The adapter's own, to be sent back.
        metadata: Value,
    },
    /// A call begins.
    ToolCallStart {
        /// Which of the answer's calls.
        index: usize,
        /// The model's name for it, unique in this answer (repaired where the provider repeats ids or gives none).
        id: String,
        /// The tool.
        name: String,
    },
    /// A piece of its arguments' JSON.
    ToolCallDelta {
        /// Which.
        index: usize,
        /// A piece.
        json: String,
    },
    /// The call is whole.
    ToolCallEnd {
        /// Which.
        index: usize,
        /// Its arguments' whole text; usually JSON, but checked by nobody yet. Empty means none.
        arguments: String,
        /// The adapter's own.
        metadata: Value,
    },
    /// Tokens of this answer so far. The last one counts.
    Usage(Tokens),
    /// The answer is whole. Nothing comes after it.
    Finish(FinishReason),
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderErrorKind {
    /// 401, 403: the key.
    Auth,
    /// 429.
    RateLimit,
    /// 5xx, 529, overloaded.
    Overloaded,
    /// The conversation does not fit.
    ContextOverflow,
    /// Withheld by a filter.
    ContentFilter,
    /// The account has no credit, or its quota is used up.
    Unpaid,
    /// The provider has no such model, or not at this address.
    UnknownModel,
    /// 400, 422: the request is wrong, and will be again.
    BadRequest,
    /// No connection, or it broke before or in the middle of the answer.
    Connection,
    /// Nothing came for too long.
    Timeout,
    /// The answer could not be read.
    Protocol,
    /// The configuration: no such provider or model, no key, no address.
    Configuration,
}

/// A failure, in plain words, without the key.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What kind.
    pub kind: ProviderErrorKind,
    /// For the user: the provider's own words, and what to do.
    pub message: String,
    /// The HTTP status.
    pub status: Option<u16>,
    /// How long the provider wants us to wait.
    pub retry_after: Option<Duration>,
}

impl ProviderError {
    /// Whether asking again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            ProviderErrorKind::RateLimit
            | ProviderErrorKind::Overloaded
            | ProviderErrorKind::Connection
            | ProviderErrorKind::Timeout
            | ProviderErrorKind::Protocol => true,
            ProviderErrorKind::Auth
            | ProviderErrorKind::Unpaid
            | ProviderErrorKind::UnknownModel
            | ProviderErrorKind::ContextOverflow
            | ProviderErrorKind::ContentFilter
            | ProviderErrorKind::BadRequest
            | ProviderErrorKind::Configuration => false,
        }
    }
}
