//! What a tool is.
//!
//! **Invariant:** a tool is exclusive (`Effect::Writes`) unless it says otherwise.

use async_trait::async_trait;
use serde_json::Value;
use workspace::Applied;

use crate::{Denied, ToolContext};

/// Whether calls of a tool may run beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: it runs beside other reading calls.
    Reads,
    /// It may change something: it runs alone, in the model's order.
    Writes,
}

/// When a tool is offered to a model; one that is not is understood all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Always.
    Always,
    /// Where a language server may look at the project.
    WithServers,
    /// Never: it is another name for what is offered.
    Never,
}

/// What the model is told of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// Its id.
    pub name: String,
    /// From `prompts/tools`.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// What a call brought.
#[derive(Clone, Debug, Default)]
pub struct ToolOutput {
    /// One line for the user, such as the file's relative path.
    pub title: String,
    /// For the model.
    pub output: String,
    /// For faces: `diff`, `preview`, `exit`, `truncated`, … (OpenCode's keys).
    pub metadata: Value,
    /// What it changed, for undo.
    pub changes: Vec<Applied>,
}

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The model is told, and can do better.
    #[error("{0}")]
    Model(String),
    /// It is not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The user said no to a part of it, and gave no reason: the turn ends. The text is for the model.
    #[error("{0}")]
    Rejected(String),
    /// The turn was cancelled. What the tool has done so far stands in the output.
    #[error("cancelled")]
    Cancelled(Box<ToolOutput>),
}

impl ToolError {
    /// What the model is told.
    #[must_use]
    pub fn model(text: impl Into<String>) -> Self {
        Self::Model(text.into())
    }
}

/// A tool.
#[async_trait]
pub trait Tool: Send + Sync {
    /// Its id, as the model calls it.
    fn id(&self) -> &str;

    /// For the model.
    fn description(&self) -> &str;

    /// JSON Schema of its arguments: an object with `properties` and `required`.
    fn parameters(&self) -> Value;

    /// The permission's name that it asks for; a blanket denial of it hides the tool.
    fn permission(&self) -> &str {
        self.id()
    }

    /// Whether this call may run beside others.
    fn effect(&self, args: &Value) -> Effect {
        let _ = args;
        Effect::Writes
    }

    /// When it is offered.
    fn offer(&self) -> Offer {
        Offer::Always
    }

    /// What the user sees of a call while it runs: a file, a command, a pattern.
    fn title(&self, args: &Value) -> String;

    /// Does it. `args` are an object, but nothing else is checked.
    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError>;
}
