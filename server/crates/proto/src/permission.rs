//! A permission prompt and its answer, as OpenCode publishes them.
//!
//! **Invariant:** there is no fourth reply, and no reply is not a reply.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallId, MessageId, PermissionId, SessionId};

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It may be done.
    Allow,
    /// The user decides.
    Ask,
    /// It may not be done.
    Deny,
}

/// The tool call that a prompt is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolRef {
    /// The message that holds the call.
    #[serde(rename = "messageID")]
    pub message_id: MessageId,
    /// The call.
    #[serde(rename = "callID")]
    pub call_id: CallId,
}

/// A waiting prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PermissionRequest {
    /// Its id.
    pub id: PermissionId,
    /// The session that asks.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// The permission's name: `edit`, `bash`, `external_directory`, …
    pub permission: String,
    /// What it is asked for: each pattern is a file, a command, …
    pub patterns: Vec<String>,
    /// What "always" would allow.
    pub always: Vec<String>,
    /// The tool's own: `title`, `diff`, `filepath`, `command`.
    #[serde(default)]
    pub metadata: Value,
    /// The call that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolRef>,
}

/// An answer to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PermissionReply {
    /// This one only.
    Once,
    /// This one, and all that match its `always` patterns, in this project.
    Always,
    /// No.
    Reject,
}

impl std::str::FromStr for PermissionReply {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "once" => Ok(Self::Once),
            "always" => Ok(Self::Always),
            "reject" => Ok(Self::Reject),
            other => Err(format!("`{other}` is not an answer to a prompt: write once, always or reject")),
        }
    }
}
