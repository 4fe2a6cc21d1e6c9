//! A question of the model's to the user, as OpenCode publishes it.
//!
//! **Invariant:** an answer is one list of labels for each question, in their order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{QuestionId, SessionId, ToolRef};

/// What the user can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionOption {
    /// One to five words.
    pub label: String,
    /// What it means.
    #[serde(default)]
    pub description: String,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// The whole question.
    pub question: String,
    /// A word or two for it.
    #[serde(default)]
    pub header: String,
    /// What the user can choose; words of their own are an answer too.
    #[serde(default)]
    pub options: Vec<QuestionOption>,
    /// Whether more than one may be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiple: Option<bool>,
}

/// What waits for an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionRequest {
    /// Its id.
    pub id: QuestionId,
    /// The session that asks.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// At least one.
    pub questions: Vec<Question>,
    /// The call that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolRef>,
}
