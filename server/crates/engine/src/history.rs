//! What was said, as the model is to read it: from stored messages to the messages of a request. Pure.
//!
//! **Invariant:** every call has exactly one result in the message after it; what was interrupted says so; nothing before the last summary is sent.

use std::collections::HashSet;
use std::path::PathBuf;

use proto::{Message, MessageWithParts, ModelRef, Part, PartKind, ToolState};
use providers::{ChatMessage, ChatPart};
use serde_json::Value;

use crate::files;
use crate::pruning::PRUNED;
use crate::turn::TEXT_EDIT;

/// Most bytes of pictures in a request, in base64: the smallest limit of a provider leaves room for the rest.
const PICTURES: usize = 15 << 20;
/// What the model is told where a picture was shown.
const PUT_AWAY: &str = "\n(It was shown then, and is not any more. Call the tool again if you need to see it.)";

/// What the model is told of a call that has no result, since the process ended before it had one.
pub const INTERRUPTED: &str = "The call was interrupted before it ended; its effects are unknown. It was not run again.";

/// The messages of a request to `model`.
#[must_use]
pub fn messages(history: &[MessageWithParts], model: &ModelRef) -> Vec<ChatMessage> {
    let mut out: Vec<ChatMessage> = Vec::new();
    let mut newest = 0;
    for message in relevant(history) {
        match &message.info {
            Message::User(_) => {
                newest = out.len();
                user(message, &mut out);
            }
            Message::Assistant(info) if info.summary == Some(true) => {
                let text = words(message);
                out.push(ChatMessage::User(vec![ChatPart::Text(format!(
                    "<summary>\nThe conversation before this point was summarised:\n\n{text}\n</summary>"
                ))]));
            }
            Message::Assistant(info) => assistant(message, info.model == *model, &mut out),
        }
    }
    put_away(&mut out, newest);
    out
}

/// Takes pictures of tools' out that are no longer shown. They are for the turn that brought them, as they are large and one that a provider refuses must
/// not stay; `newest` is where that turn begins. Of very many in one turn the newest are shown.
fn put_away(out: &mut [ChatMessage], newest: usize) {
    let mut room = PICTURES;
    for (at, said) in out.iter_mut().enumerate().rev() {
        let ChatMessage::Tool(results) = said else { continue };
        for result in results.iter_mut().rev() {
            let ChatPart::ToolResult { output, media, .. } = result else { continue };
            let bytes: usize = media.iter().map(|part| if let ChatPart::Media { data, .. } = part { data.len() } else { 0 }).sum();
            if bytes == 0 || (at >= newest && bytes <= room) {
                room = room.saturating_sub(bytes);
                continue;
            }
            // What is older than the first without room has none either: a request's beginning stays the same.
            room = 0;
            media.clear();
            output.push_str(PUT_AWAY);
        }
    }
}

/// The messages of a request to a model that is given no tools: calls and results in words, the user's and the model's messages by turns.
#[must_use]
pub fn in_words(history: &[MessageWithParts], model: &ModelRef) -> Vec<ChatMessage> {
    let mut out: Vec<ChatMessage> = Vec::new();
    for message in relevant(history) {
        let mut said = messages(std::slice::from_ref(message), model);
        said.retain_mut(|said| {
            let ChatMessage::Tool(results) = said else { return true };
            let media = |result: ChatPart| if let ChatPart::ToolResult { media, .. } = result { media } else { Vec::new() };
            let media: Vec<ChatPart> = std::mem::take(results).into_iter().flat_map(media).collect();
            let any = !media.is_empty();
            *said = ChatMessage::User(media);
            any
        });
        for said in said {
            match (said, out.last_mut()) {
                (ChatMessage::User(parts), Some(ChatMessage::User(last))) => last.extend(parts),
                (ChatMessage::Assistant(mut parts), last) => {
                    parts.retain(|part| !matches!(part, ChatPart::ToolCall { .. }));
                    match last {
                        Some(ChatMessage::Assistant(last)) => last.extend(parts),
                        _ if parts.is_empty() => {}
                        _ => out.push(ChatMessage::Assistant(parts)),
                    }
                }
                (said, _) => out.push(said),
            }
        }
        let results: Vec<String> = message.parts.iter().filter_map(result_in_words).collect();
        if !results.is_empty() {
            let text = ChatPart::Text(format!("What came of it:\n{}", results.join("\n")));
            match out.last_mut() {
                Some(ChatMessage::User(last)) => last.push(text),
                _ => out.push(ChatMessage::User(vec![text])),
            }
        }
    }
    out
}

/// Whether the last answer holds edits or calls that came to nothing.
#[must_use]
pub fn has_failed(history: &[MessageWithParts]) -> bool {
    let failed = |part: &Part| matches!(&part.kind, PartKind::Tool { state: ToolState::Error { .. }, .. });
    history.last().is_some_and(|message| message.parts.iter().any(failed))
}

/// What came of a call, for a model that knows no tools.
fn result_in_words(part: &Part) -> Option<String> {
    /// Most of another model's result.
    const MOST: tools::Limits = tools::Limits { lines: 12, bytes: 800 };
    /// Words of the tools, and what they mean in an answer's text.
    const WORDS: &[(&str, &str)] = &[
        ("; add surrounding lines so that it is unique, or set replaceAll", "; add surrounding lines so that it is unique"),
        ("; read the file again and copy the text as it is", "; copy the lines as they stand in the file"),
        ("; read the file again and name the text as it is", "; copy the lines as they stand in the file"),
        ("Read it again first.", "It is shown above as it is now."),
        ("oldString", "the text between SEARCH and ======="),
        ("newString", "the text between ======= and REPLACE"),
    ];
    let PartKind::Tool { tool, state, metadata, .. } = &part.kind else { return None };
    let (input, output, is_error) = result(state);
    let file = input["filePath"].as_str().unwrap_or_default();
    if metadata[TEXT_EDIT] != Value::Bool(true) {
        let output = crate::prompt::cut(&output, MOST);
        return Some(format!("- {tool} {}: {output}", if file.is_empty() { input.to_string() } else { file.to_owned() }));
    }
    let file = if file.is_empty() { "an edit" } else { file };
    if !is_error {
        return Some(format!("- {file}: changed as you wrote"));
    }
    let why = WORDS.iter().fold(output, |output, (of_tools, here)| output.replace(of_tools, here));
    Some(format!("- {file}: NOT changed: {why}"))
}

/// The messages that still count: the last summary, what it left as it was, and what came after.
pub fn relevant(history: &[MessageWithParts]) -> impl Iterator<Item = &MessageWithParts> {
    let summary = history.iter().rposition(is_summary);
    let tail = summary.map_or(0, |at| tail_start(history, at));
    let rest = history[tail..].iter().filter(|m| !is_summary(m) && !matches!(&m.info, Message::Assistant(i) if i.summary == Some(true)));
    summary.map(|at| &history[at]).into_iter().chain(rest)
}

/// The instruction files that the model was told with what it read, in the messages that still count.
#[must_use]
pub fn told(history: &[MessageWithParts]) -> HashSet<PathBuf> {
    let loaded = |part: &Part| match &part.kind {
        PartKind::Tool { state: ToolState::Completed { metadata, .. }, .. } => metadata["loaded"].as_array().cloned(),
        _ => None,
    };
    let paths = relevant(history).flat_map(|message| &message.parts).filter_map(loaded).flatten();
    paths.filter_map(|path| path.as_str().map(PathBuf::from)).collect()
}

/// Where the messages begin that still count.
#[must_use]
pub fn first_relevant(history: &[MessageWithParts]) -> usize {
    history.iter().rposition(is_summary).map_or(0, |at| tail_start(history, at).min(at))
}

/// Where what a summary left as it was begins.
fn tail_start(history: &[MessageWithParts], summary: usize) -> usize {
    let id = history[summary].parts.iter().find_map(|part| match &part.kind {
        PartKind::Compaction { tail_start_id, .. } => tail_start_id.as_ref(),
        _ => None,
    });
    id.and_then(|id| history.iter().position(|m| m.info.id() == id)).unwrap_or(summary + 1)
}

/// Whether this is the summary that a compaction wrote.
#[must_use]
pub fn is_summary(message: &MessageWithParts) -> bool {
    matches!(&message.info, Message::Assistant(info) if info.summary == Some(true) && info.error.is_none() && info.time.completed.is_some())
}

/// All words of a message.
#[must_use]
pub fn words(message: &MessageWithParts) -> String {
    let mut out = String::new();
    for part in &message.parts {
        if let PartKind::Text { text, .. } = &part.kind {
            out.push_str(text);
        }
    }
    out
}

fn user(message: &MessageWithParts, out: &mut Vec<ChatMessage>) {
    let mut parts = Vec::new();
    for part in &message.parts {
        match &part.kind {
            PartKind::Text { text, .. } if !text.is_empty() => parts.push(ChatPart::Text(text.clone())),
            PartKind::File { filename, url, .. } => {
                let Some((mime, data)) = files::data(url) else { continue };
                parts.push(ChatPart::Text(format!("<attached file=\"{}\" type=\"{mime}\"/>", filename.as_deref().unwrap_or_default())));
                parts.push(ChatPart::Media { mime: mime.to_owned(), data: data.to_owned() });
            }
            _ => {}
        }
    }
    if !parts.is_empty() {
        out.push(ChatMessage::User(parts));
    }
}

fn assistant(message: &MessageWithParts, same_model: bool, out: &mut Vec<ChatMessage>) {
    let mut said = Vec::new();
    let mut results = Vec::new();
    for Part { kind, .. } in &message.parts {
        match kind {
            PartKind::Text { text, .. } if !text.is_empty() => said.push(ChatPart::Text(text.clone())),
            PartKind::Reasoning { text, metadata, .. } => {
                said.push(ChatPart::Reasoning { text: text.clone(), metadata: if same_model { metadata.clone() } else { Value::Null } });
            }
            PartKind::Tool { call_id, tool, state, metadata } => {
                let (input, output, is_error) = result(state);
                said.push(ChatPart::ToolCall {
                    id: call_id.clone(),
                    name: tool.clone(),
                    input,
                    metadata: if same_model { metadata.clone() } else { Value::Null },
                });
                results.push(ChatPart::ToolResult { id: call_id.clone(), name: tool.clone(), output, is_error, media: pictures_of(state) });
            }
            _ => {}
        }
    }
    // Thoughts alone, with neither a word nor a call, are refused by every provider; and so are blanks, which is all that some answers came to.
    let says = |part: &ChatPart| match part {
        ChatPart::Text(text) => !text.trim().is_empty(),
        part => matches!(part, ChatPart::ToolCall { .. }),
    };
    if !said.iter().any(says) {
        return;
    }
    out.push(ChatMessage::Assistant(said));
    if !results.is_empty() {
        out.push(ChatMessage::Tool(results));
    }
}

/// What a call brought besides text (`metadata.attachments`, as OpenCode's file parts).
fn pictures_of(state: &ToolState) -> Vec<ChatPart> {
    let ToolState::Completed { metadata, time, .. } = state else { return Vec::new() };
    if time.compacted.is_some() {
        return Vec::new();
    }
    let picture = |attachment: &Value| {
        let mime = attachment["mime"].as_str()?;
        let data = attachment["url"].as_str()?.strip_prefix("data:")?.strip_prefix(mime)?.strip_prefix(";base64,")?;
        Some(ChatPart::Media { mime: mime.to_owned(), data: data.to_owned() })
    };
    metadata["attachments"].as_array().into_iter().flatten().filter_map(picture).collect()
}

fn result(state: &ToolState) -> (Value, String, bool) {
    let object = |input: &Value| if input.is_object() { input.clone() } else { Value::Object(serde_json::Map::new()) };
    match state {
        ToolState::Completed { input, time, .. } if time.compacted.is_some() => (object(input), PRUNED.to_owned(), false),
        ToolState::Completed { input, output, .. } => (object(input), output.clone(), false),
        ToolState::Error { input, error, .. } => (object(input), error.clone(), true),
        ToolState::Pending { input, .. } | ToolState::Running { input, .. } => (object(input), INTERRUPTED.to_owned(), true),
    }
}

/// What an image counts as, in bytes of text.
const MEDIA: usize = 6000;

/// How much of a request a message takes, in bytes.
#[must_use]
pub fn size(message: &MessageWithParts) -> usize {
    let part = |part: &Part| match &part.kind {
        PartKind::Text { text, .. } | PartKind::Reasoning { text, .. } => text.len(),
        PartKind::Tool { state, .. } => {
            let (input, output, _) = result(state);
            input.to_string().len() + output.len() + pictures_of(state).len() * MEDIA
        }
        PartKind::File { .. } => MEDIA,
        _ => 0,
    };
    message.parts.iter().map(part).sum()
}

/// The conversation as plain text, for the summary. Long results are cut.
#[must_use]
pub fn transcript<'a>(history: impl Iterator<Item = &'a MessageWithParts>) -> String {
    use std::fmt::Write as _;
    const RESULT: usize = 2000;
    let mut out = String::new();
    for message in history {
        let who = match &message.info {
            Message::User(_) => "User",
            Message::Assistant(info) if info.summary == Some(true) => "Summary of what was before",
            Message::Assistant(_) => "Assistant",
        };
        for part in &message.parts {
            // Writing to a string cannot fail.
            let _ = match &part.kind {
                PartKind::Text { text, .. } if !text.trim().is_empty() => writeln!(out, "{who}: {text}\n"),
                PartKind::Tool { tool, state, .. } => {
                    let (input, output, _) = result(state);
                    let cut = output.char_indices().nth(RESULT).map_or(output.as_str(), |(at, _)| &output[..at]);
                    writeln!(out, "Assistant called {tool} {input}\nResult: {cut}\n")
                }
                PartKind::File { filename, mime, .. } => {
                    writeln!(out, "{who} attached {} ({mime})\n", filename.as_deref().unwrap_or("a file"))
                }
                _ => Ok(()),
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proto::{AssistantMessage, MessagePath, MessageTime, PartTime, Tokens, ToolTime, UserMessage};
    use serde_json::json;

    use super::*;

    fn model() -> ModelRef {
        "mock/test".parse().unwrap()
    }

    fn parts(kinds: Vec<PartKind>) -> Vec<Part> {
        kinds.into_iter().map(|kind| Part { id: "prt".into(), session_id: "ses".into(), message_id: "msg".into(), kind }).collect()
    }

    fn user(text: &str) -> MessageWithParts {
        MessageWithParts {
            info: Message::User(UserMessage {
                id: "msg_1".into(),
                session_id: "ses".into(),
                time: MessageTime::default(),
                agent: "build".into(),
                model: model(),
            }),
            parts: parts(vec![PartKind::Text { text: text.into(), synthetic: None, time: None }]),
        }
    }

    fn assistant(kinds: Vec<PartKind>, summary: bool) -> MessageWithParts {
        MessageWithParts {
            info: Message::Assistant(AssistantMessage {
                id: "msg_2".into(),
                session_id: "ses".into(),
                time: MessageTime { created: 1, completed: Some(2) },
                parent_id: "msg_1".into(),
                model: model(),
                mode: "build".into(),
                agent: "build".into(),
                path: MessagePath::default(),
                summary: summary.then_some(true),
                cost: 0.0,
                tokens: Tokens::default(),
                finish: None,
                error: None,
            }),
            parts: parts(kinds),
        }
    }

    fn text(text: &str) -> PartKind {
        PartKind::Text { text: text.into(), synthetic: None, time: None }
    }

    fn tool(state: ToolState) -> PartKind {
        PartKind::Tool { call_id: "c1".into(), tool: "read".into(), state, metadata: Value::Null }
    }

    #[test]
    fn a_call_without_a_result_gets_one() {
        let running = ToolState::Running { input: json!({"filePath": "a"}), title: None, metadata: Value::Null, time: PartTime::default() };
        let out = messages(&[user("go"), assistant(vec![text("I read"), tool(running)], false)], &model());
        assert_eq!(out.len(), 3);
        let ChatMessage::Tool(results) = &out[2] else { panic!("{out:?}") };
        assert_eq!(
            results[0],
            ChatPart::ToolResult { id: "c1".into(), name: "read".into(), output: INTERRUPTED.into(), is_error: true, media: Vec::new() }
        );
    }

    #[test]
    fn pictures_are_shown_in_their_turn() {
        let attachments =
            json!({"attachments": [{"type": "file", "mime": "image/png", "url": "data:image/png;base64,iVBORw0KGgo="}, {"mime": "x"}, 3]});
        let state = ToolState::Completed {
            input: json!({}),
            output: "[image/png]".into(),
            title: String::new(),
            metadata: attachments,
            time: ToolTime::default(),
        };
        let mut history = vec![user("look"), assistant(vec![tool(state)], false)];
        let result = |history: &[MessageWithParts]| match messages(history, &model()).swap_remove(2) {
            ChatMessage::Tool(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        };
        let picture = ChatPart::Media { mime: "image/png".into(), data: "iVBORw0KGgo=".into() };
        let shown = |output: &str, media: Vec<ChatPart>| ChatPart::ToolResult {
            id: "c1".into(),
            name: "read".into(),
            output: output.into(),
            is_error: false,
            media,
        };
        assert_eq!(result(&history), shown("[image/png]", vec![picture.clone()]));
        let words = in_words(&history, &model());
        assert!(words.iter().any(|said| matches!(said, ChatMessage::User(parts) if parts.contains(&picture))), "{words:?}");
        history.push(user("thanks"));
        assert_eq!(result(&history), shown(&format!("[image/png]{PUT_AWAY}"), Vec::new()));
    }

    #[test]
    fn of_very_many_pictures_the_newest_are_shown() {
        let result = |bytes: usize| ChatPart::ToolResult {
            id: "c".into(),
            name: "read".into(),
            output: String::new(),
            is_error: false,
            media: vec![ChatPart::Media { mime: "image/png".into(), data: "A".repeat(bytes) }],
        };
        let mut out: Vec<_> = [1, 6, 6, 6].map(|size| ChatMessage::Tool(vec![result(size << 20)])).into();
        put_away(&mut out, 0);
        let left = out
            .iter()
            .map(|said| matches!(said, ChatMessage::Tool(r) if matches!(&r[0], ChatPart::ToolResult { media, .. } if !media.is_empty())));
        assert_eq!(left.collect::<Vec<_>>(), [false, false, true, true]);
    }

    #[test]
    fn arguments_that_are_no_object_become_an_empty_one() {
        let failed = ToolState::Error {
            input: Value::String("{bad".into()),
            error: "no JSON".into(),
            metadata: Value::Null,
            time: ToolTime::default(),
        };
        let out = messages(&[user("go"), assistant(vec![tool(failed)], false)], &model());
        let ChatMessage::Assistant(said) = &out[1] else { panic!("{out:?}") };
        assert!(matches!(&said[0], ChatPart::ToolCall { input, .. } if *input == json!({})));
    }

    #[test]
    fn nothing_before_the_last_summary_is_sent() {
        let out =
            messages(&[user("old"), assistant(vec![text("answer")], false), assistant(vec![text("SUM")], true), user("new")], &model());
        let all = format!("{out:?}");
        assert!(!all.contains("old") && all.contains("SUM") && all.contains("new"), "{all}");
    }

    #[test]
    fn thoughts_alone_are_left_out_and_lose_their_signature_for_another_model() {
        let thought = PartKind::Reasoning { text: "hm".into(), metadata: json!({"signature": "s"}), time: PartTime::default() };
        assert_eq!(messages(&[user("go"), assistant(vec![thought.clone()], false)], &model()).len(), 1);
        let out = messages(&[user("go"), assistant(vec![thought, text("x")], false)], &"other/model".parse().unwrap());
        let ChatMessage::Assistant(said) = &out[1] else { panic!("{out:?}") };
        assert_eq!(said[0], ChatPart::Reasoning { text: "hm".into(), metadata: Value::Null });
    }
}
