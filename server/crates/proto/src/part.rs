//! Parts of a message, as OpenCode stores them.
//!
//! **Invariant:** a tool part passes through `pending → running → completed | error` and never leaves the last two.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallId, MessageId, PartId, SessionId, Tokens};

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartTime {
    /// When it was begun.
    pub start: i64,
    /// When it was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<i64>,
}

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolTime {
    /// When the tool was begun.
    pub start: i64,
    /// When it ended.
    #[serde(default)]
    pub end: i64,
    /// When its output was dropped from what the model is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compacted: Option<i64>,
}

/// Where a tool call stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum ToolState {
    /// The model is still writing it.
    Pending {
        /// Empty until it is whole.
        #[serde(default)]
        input: Value,
        /// The arguments' JSON as far as it has come.
        #[serde(default)]
        raw: String,
    },
    /// It runs.
    Running {
        /// The arguments.
        input: Value,
        /// What the user sees of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The tool's own.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        metadata: Value,
        /// When.
        time: PartTime,
    },
    /// It ended, and this is what the model is told.
    Completed {
        /// The arguments.
        input: Value,
        /// For the model.
        output: String,
        /// What the user sees of it.
        title: String,
        /// The tool's own.
        #[serde(default)]
        metadata: Value,
        /// When.
        time: ToolTime,
    },
    /// It failed, was denied or interrupted, and this is what the model is told.
    Error {
        /// The arguments.
        input: Value,
        /// For the model.
        error: String,
        /// The tool's own; `interrupted: true` where it was aborted.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        metadata: Value,
        /// When.
        time: ToolTime,
    },
}

/// A part of another text that a file part stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextRange {
    /// The text of the mention, such as `@src/main.rs`.
    pub value: String,
    /// Byte offset in the message where it starts.
    pub start: usize,
    /// Byte offset where it ends.
    pub end: usize,
}

/// Where a file part comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum FileSource {
    /// A file that was mentioned.
    File {
        /// Relative to the project.
        path: String,
        /// The mention.
        text: TextRange,
    },
}

/// What a part is.
#[expect(clippy::large_enum_variant, reason = "values live in vectors of a conversation; a box each would cost more")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum PartKind {
    /// Words.
    Text {
        /// The words.
        text: String,
        /// True for words that Interline added to the user's, such as the environment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        synthetic: Option<bool>,
        /// When.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time: Option<PartTime>,
    },
    /// The model's thoughts.
    Reasoning {
        /// The words.
        text: String,
        /// The provider's own: signatures, encrypted content. It goes back to the same provider unchanged.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        metadata: Value,
        /// When.
        time: PartTime,
    },
    /// A file that the user gave.
    File {
        /// Its media type.
        mime: String,
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        /// `file:` or `data:`.
        url: String,
        /// Where it comes from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<FileSource>,
    },
    /// A tool call and its result.
    Tool {
        /// The model's name for the call.
        #[serde(rename = "callID")]
        call_id: CallId,
        /// The tool's id.
        tool: String,
        /// Where it stands.
        state: ToolState,
        /// The provider's own, such as thought signatures.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        metadata: Value,
    },
    /// A step begins.
    StepStart {},
    /// A step ended.
    StepFinish {
        /// Why the model stopped.
        reason: String,
        /// In US dollars.
        cost: f64,
        /// Of this step.
        tokens: Tokens,
    },
    /// Files that the step changed.
    Patch {
        /// Names the state before.
        hash: String,
        /// Absolute paths.
        files: Vec<String>,
    },
    /// The request failed and is made again.
    Retry {
        /// 1 for the first.
        attempt: u32,
        /// Why.
        error: crate::MessageError,
        /// When.
        time: crate::MessageTime,
    },
    /// The conversation was summarised here.
    Compaction {
        /// True if nobody asked for it.
        auto: bool,
        /// The first message that is still sent as it was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tail_start_id: Option<MessageId>,
    },
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Its id.
    pub id: PartId,
    /// The session that it belongs to.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// The message that it belongs to.
    #[serde(rename = "messageID")]
    pub message_id: MessageId,
    /// What it is.
    #[serde(flatten)]
    pub kind: PartKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_part_has_opencodes_shape() {
        let part = Part {
            id: "prt_1".into(),
            session_id: "ses_1".into(),
            message_id: "msg_1".into(),
            kind: PartKind::Tool {
                call_id: "call_1".into(),
                tool: "read".into(),
                state: ToolState::Completed {
                    input: serde_json::json!({"filePath": "/a"}),
                    output: "text".into(),
                    title: "a".into(),
                    metadata: Value::Null,
                    time: ToolTime { start: 1, end: 2, compacted: None },
                },
                metadata: Value::Null,
            },
        };
        let json = serde_json::to_value(&part).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", "type": "tool", "callID": "call_1", "tool": "read",
                "state": {"status": "completed", "input": {"filePath": "/a"}, "output": "text", "title": "a", "metadata": null,
                "time": {"start": 1, "end": 2}}})
        );
        assert_eq!(serde_json::from_value::<Part>(json).unwrap(), part);
    }
}
