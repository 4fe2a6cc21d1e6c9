//! Sessions and their to-do lists.
//!
//! **Invariant:** a session belongs to one directory for its whole life.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SessionId, Tokens};

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionTime {
    /// When it was begun.
    pub created: i64,
    /// When something was last said.
    pub updated: i64,
}

/// One conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The folder of the project.
    pub directory: String,
    /// The session that this one was forked from, or that started it as a subagent.
    #[serde(rename = "parentID", default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<SessionId>,
    /// A line that says what it is about.
    pub title: String,
    /// Interline's version that made it.
    pub version: String,
    /// In US dollars.
    #[serde(default)]
    pub cost: f64,
    /// Of all its steps.
    #[serde(default)]
    pub tokens: Tokens,
    /// When.
    pub time: SessionTime,
}

/// An entry of a session's to-do list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Todo {
    /// What is to be done.
    pub content: String,
    /// `pending`, `in_progress`, `completed` or `cancelled`.
    pub status: String,
    /// `high`, `medium` or `low`.
    #[serde(default = "medium")]
    pub priority: String,
}

fn medium() -> String {
    "medium".to_owned()
}
