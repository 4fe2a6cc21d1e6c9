//! Messages, as OpenCode stores them.
//!
//! **Invariant:** an assistant message names the user message that it answers (`parentID`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{MessageId, Part, SessionId};

/// Which model a message was written for, or by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelRef {
    /// The provider's id in the configuration, such as `anthropic`.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// The model's key in the configuration; may hold slashes.
    #[serde(rename = "modelID")]
    pub model_id: String,
}

impl std::fmt::Display for ModelRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.provider_id, self.model_id)
    }
}

impl std::str::FromStr for ModelRef {
    type Err = String;

    /// Splits `provider/model` at the first slash.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                Ok(Self { provider_id: provider.to_owned(), model_id: model.to_owned() })
            }
            _ => Err(format!("`{text}` is not a model: write provider/model, such as anthropic/claude-sonnet-4-5")),
        }
    }
}

/// Times of a message, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageTime {
    /// When it was begun.
    pub created: i64,
    /// When it was ended; absent while it is being written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<i64>,
}

/// Tokens that were read from or written to the provider's cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheTokens {
    /// Read from the cache.
    #[serde(default)]
    pub read: u64,
    /// Written to the cache.
    #[serde(default)]
    pub write: u64,
}

/// Tokens of a step or a session. `input` excludes the cached ones, `output` excludes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// Read anew.
    #[serde(default)]
    pub input: u64,
    /// Written, without the reasoning.
    #[serde(default)]
    pub output: u64,
    /// Written while reasoning.
    #[serde(default)]
    pub reasoning: u64,
    /// By way of the provider's cache.
    #[serde(default)]
    pub cache: CacheTokens,
}

impl Tokens {
    /// All that the model had before it, and wrote: what counts against its context.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input + self.output + self.reasoning + self.cache.read + self.cache.write
    }
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.reasoning += other.reasoning;
        self.cache.read += other.cache.read;
        self.cache.write += other.cache.write;
    }
}

/// Where the agent worked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessagePath {
    /// The folder of the project.
    pub cwd: String,
    /// The root of the work tree.
    pub root: String,
}

/// What an error carries. `message` is in plain words and holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorData {
    /// For the user.
    #[serde(default)]
    pub message: String,
    /// The provider's HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Whether asking again may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_retryable: Option<bool>,
}

/// Why an assistant message ended badly, by OpenCode's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", content = "data")]
pub enum MessageError {
    /// The key is missing or was refused.
    ProviderAuthError(ErrorData),
    /// The answer was longer than the model may write.
    MessageOutputLengthError(ErrorData),
    /// The user cancelled.
    MessageAbortedError(ErrorData),
    /// The conversation does not fit into the model's context.
    ContextOverflowError(ErrorData),
    /// The provider's filter withheld the answer.
    ContentFilterError(ErrorData),
    /// The provider answered with an error.
    #[serde(rename = "APIError")]
    ApiError(ErrorData),
    /// Anything else.
    UnknownError(ErrorData),
}

impl MessageError {
    /// What it carries.
    #[must_use]
    pub fn data(&self) -> &ErrorData {
        match self {
            Self::ProviderAuthError(d)
            | Self::MessageOutputLengthError(d)
            | Self::MessageAbortedError(d)
            | Self::ContextOverflowError(d)
            | Self::ContentFilterError(d)
            | Self::ApiError(d)
            | Self::UnknownError(d) => d,
        }
    }
}

/// What the user said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserMessage {
    /// Its id; also the turn's.
    pub id: MessageId,
    /// The session that it belongs to.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// When.
    pub time: MessageTime,
    /// The agent that is to answer.
    pub agent: String,
    /// The model that is to answer.
    pub model: ModelRef,
}

/// What the model said in one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssistantMessage {
    /// Its id.
    pub id: MessageId,
    /// The session that it belongs to.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// When.
    pub time: MessageTime,
    /// The user message that it answers: the turn.
    #[serde(rename = "parentID")]
    pub parent_id: MessageId,
    /// Who wrote it.
    #[serde(flatten)]
    pub model: ModelRef,
    /// The agent's name; OpenCode calls it mode here.
    pub mode: String,
    /// The agent's name.
    #[serde(default)]
    pub agent: String,
    /// Where the agent worked.
    #[serde(default)]
    pub path: MessagePath,
    /// True for the summary that a compaction wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<bool>,
    /// In US dollars.
    #[serde(default)]
    pub cost: f64,
    /// Of this step.
    #[serde(default)]
    pub tokens: Tokens,
    /// Why the model stopped: `stop`, `tool-calls`, `length`, `content-filter`, `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// Why it ended badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<MessageError>,
}

/// A message of a session.
#[expect(clippy::large_enum_variant, reason = "values live in vectors of a conversation; a box each would cost more")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum Message {
    /// From the user.
    User(UserMessage),
    /// From the model.
    Assistant(AssistantMessage),
}

impl Message {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &MessageId {
        match self {
            Self::User(m) => &m.id,
            Self::Assistant(m) => &m.id,
        }
    }

    /// The session that it belongs to.
    #[must_use]
    pub fn session_id(&self) -> &SessionId {
        match self {
            Self::User(m) => &m.session_id,
            Self::Assistant(m) => &m.session_id,
        }
    }
}

/// A message with its parts, as OpenCode's API and `export` give it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageWithParts {
    /// The message.
    pub info: Message,
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_split_at_the_first_slash() {
        let model: ModelRef = "openrouter/vendor/name".parse().unwrap();
        assert_eq!((model.provider_id.as_str(), model.model_id.as_str()), ("openrouter", "vendor/name"));
        assert!("nothing".parse::<ModelRef>().is_err());
        assert!("/x".parse::<ModelRef>().is_err());
    }

    #[test]
    fn errors_have_opencodes_shape() {
        let error = MessageError::ApiError(ErrorData { message: "no".into(), status_code: Some(400), is_retryable: Some(false) });
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!(json, serde_json::json!({"name": "APIError", "data": {"message": "no", "statusCode": 400, "isRetryable": false}}));
        assert_eq!(serde_json::from_value::<MessageError>(json).unwrap(), error);
    }
}
