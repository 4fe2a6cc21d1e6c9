//! Code actions: all that a stock editor needs. They only list commands; nothing is changed or asked by listing.
//!
//! **Invariant:** every action is a command of ours, complete as it is: there is no `codeAction/resolve`, which blocks Helix.

use lsp_types::{CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Command, NumberOrString, Range};
use serde_json::{Value, json};
use workspace::DocKey;

use crate::lsp::comments::{self, Wish};
use crate::lsp::face::{Face, place_in};
use crate::lsp::marks::{SOURCE, Subject};
use crate::lsp::positions;

/// The actions for a range.
pub async fn list(face: &Face, params: CodeActionParams) -> Vec<CodeActionOrCommand> {
    let uri = params.text_document.uri.to_string();
    let key = DocKey::from_uri(&uri);
    let document = face.documents().find(&key).await;
    let lines = match &document {
        Some(document) => {
            let bytes = positions::byte_range(&document.text, params.range, face.client().caps().encoding);
            place_in(document, bytes).lines
        }
        None => (params.range.start.line as usize, params.range.end.line as usize),
    };
    if let (Some(document), Ok(shown)) = (&document, serde_json::to_value(&params.context.diagnostics)) {
        face.editor().seen(&document.key, document.version, &shown, face.client().caps().encoding);
    }
    let mut out = prompts(face, &key, lines).await;
    if key == face.chat_key() {
        out.extend(chat(face));
        return only(out, params.context.only.as_deref());
    }
    out.extend(hunks(face, document.as_ref().map_or(&key, |document| &document.key), &uri, lines).await);
    if let Some(document) = &document {
        for line in lines.0..=lines.1.min(lines.0 + 200) {
            let Some(slice) = document.text.get_line(line) else { break };
            if let Some((wish, words)) = comments::wish(&slice.to_string()) {
                out.push(comment(&uri, line, wish, &words));
            }
        }
    }
    let foreign: Vec<_> = params.context.diagnostics.iter().filter(|d| d.source.as_deref() != Some(SOURCE)).collect();
    let place = json!({"uri": uri, "range": params.range, "show": true});
    if !foreign.is_empty() {
        let told: Vec<_> = foreign
            .iter()
            .map(|d| {
                let code = d.code.as_ref().map(|code| match code {
                    NumberOrString::Number(number) => number.to_string(),
                    NumberOrString::String(name) => name.clone(),
                });
                let from: Vec<_> = d.source.iter().chain(&code).map(String::as_str).collect();
                let from = if from.is_empty() { String::new() } else { format!("[{}] ", from.join(" ")) };
                format!("- line {}: {from}{}", d.range.start.line + 1, d.message)
            })
            .collect();
        let text = format!("Fix these problems:\n{}", told.join("\n"));
        let title = if foreign.len() == 1 {
            "Interline: fix this problem".to_owned()
        } else {
            format!("Interline: fix these {} problems", foreign.len())
        };
        out.push(ask(&title, &place, &text, CodeActionKind::QUICKFIX));
    }
    out.push(action("Interline: ask about this…", "interline.ask", Some(place.clone()), CodeActionKind::EMPTY));
    out.push(ask(
        "Interline: explain this",
        &place,
        "Explain this code: what it does, and what is not obvious about it.",
        CodeActionKind::EMPTY,
    ));
    if foreign.is_empty() {
        out.push(ask(
            "Interline: find and fix problems here",
            &place,
            "Look for mistakes in this code and fix them.",
            CodeActionKind::EMPTY,
        ));
    }
    out.push(ask(
        "Interline: write tests for this",
        &place,
        "Write tests for this code, in the way the project's tests are written, and run them.",
        CodeActionKind::EMPTY,
    ));
    out.push(action("Interline: open the chat", "interline.chat", None, CodeActionKind::EMPTY));
    if let Some(started) = face.if_started() {
        if started.engine.is_busy(None) {
            out.push(action("Interline: cancel the running turn", "interline.cancel", None, CodeActionKind::EMPTY));
        } else if started.engine.current().is_some() {
            out.push(action("Interline: undo the last turn", "interline.undo", None, CodeActionKind::EMPTY));
        }
    }
    only(out, params.context.only.as_deref())
}

/// Answers to the prompts and questions of these lines. "Always" comes last: an Enter too many must not allow for good.
async fn prompts(face: &Face, key: &DocKey, lines: (usize, usize)) -> Vec<CodeActionOrCommand> {
    let Some(started) = face.if_started() else { return Vec::new() };
    let mut out = Vec::new();
    for mark in started.marks.at(key, lines).await {
        match &mark.subject {
            Subject::Permission { id, always } => {
                let reply = |reply: &str| Some(json!({"id": id, "reply": reply}));
                out.push(action(&format!("Allow once: {}", mark.title), "interline.permit", reply("once"), CodeActionKind::QUICKFIX));
                out.push(action(&format!("Deny: {}", mark.title), "interline.permit", reply("reject"), CodeActionKind::QUICKFIX));
                out.push(action(&format!("Always allow {always}"), "interline.permit", reply("always"), CodeActionKind::QUICKFIX));
            }
            Subject::Question { id, labels, .. } => {
                let answer = |answers: Value| Some(json!({"id": id, "answers": answers}));
                for label in labels {
                    out.push(action(&format!("Answer: {label}"), "interline.answer", answer(json!([[label]])), CodeActionKind::QUICKFIX));
                }
                let refuse = format!("Do not answer: {}", mark.title);
                out.push(action(&refuse, "interline.answer", answer(json!([])), CodeActionKind::QUICKFIX));
            }
        }
    }
    out
}

/// Accepting and rejecting what the agent changed on these lines. Accepting changes no text, so it comes first.
async fn hunks(face: &Face, key: &DocKey, uri: &str, lines: (usize, usize)) -> Vec<CodeActionOrCommand> {
    let Some(hunks) = face.if_hunks() else { return Vec::new() };
    let ids = hunks.at(key, lines).await;
    if ids.is_empty() {
        return Vec::new();
    }
    let one = |word: &str, command: &str, id: &str| {
        action(&format!("Interline: {word} this change"), command, Some(json!({"id": id})), CodeActionKind::QUICKFIX)
    };
    let all = |word: &str, command: &str| {
        let title = format!("Interline: {word} all changes in this file");
        action(&title, command, Some(json!({"uri": uri})), CodeActionKind::QUICKFIX)
    };
    let mut out: Vec<_> = ids.iter().map(|id| one("accept", "interline.hunk.accept", id)).collect();
    out.extend(ids.iter().map(|id| one("reject", "interline.hunk.reject", id)));
    out.push(all("accept", "interline.hunks.accept"));
    out.push(all("reject", "interline.hunks.reject"));
    out
}

fn chat(face: &Face) -> Vec<CodeActionOrCommand> {
    let kind = CodeActionKind::EMPTY;
    let busy = face.if_started().is_some_and(|started| started.engine.is_busy(None));
    let mut out = Vec::new();
    if busy {
        out.push(action("Cancel the running turn", "interline.cancel", None, kind.clone()));
    }
    out.push(action("Send", "interline.send", None, kind.clone()));
    out.push(action("Undo turn", "interline.undo", None, kind.clone()));
    out.push(action("Compact the conversation", "interline.session.compact", None, kind.clone()));
    out.push(action("New session", "interline.session.new", None, kind));
    out
}

fn comment(uri: &str, line: usize, wish: Wish, words: &str) -> CodeActionOrCommand {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    let range = Range::new(lsp_types::Position::new(line, 0), lsp_types::Position::new(line.saturating_add(1), 0));
    let place = json!({"uri": uri, "range": range, "show": true});
    match wish {
        Wish::Do => {
            let text = format!("Do what this AI! comment asks, then remove the comment: {words}");
            ask("Interline: do it (AI! comment)", &place, &text, CodeActionKind::QUICKFIX)
        }
        Wish::Answer => {
            let text = format!("Answer this AI? comment without changing anything: {words}");
            ask("Interline: answer it (AI? comment)", &place, &text, CodeActionKind::QUICKFIX)
        }
    }
}

fn ask(title: &str, place: &Value, text: &str, kind: CodeActionKind) -> CodeActionOrCommand {
    let mut argument = place.clone();
    argument["text"] = text.into();
    action(title, "interline.ask", Some(argument), kind)
}

fn action(title: &str, command: &str, argument: Option<Value>, kind: CodeActionKind) -> CodeActionOrCommand {
    let command = Command { title: title.to_owned(), command: command.to_owned(), arguments: argument.map(|a| vec![a]) };
    CodeActionOrCommand::CodeAction(CodeAction {
        title: title.to_owned(),
        kind: (kind != CodeActionKind::EMPTY).then_some(kind),
        command: Some(command),
        ..CodeAction::default()
    })
}

/// What the editor asked for: a kind covers its sub-kinds.
fn only(actions: Vec<CodeActionOrCommand>, kinds: Option<&[CodeActionKind]>) -> Vec<CodeActionOrCommand> {
    let Some(kinds) = kinds.filter(|kinds| !kinds.is_empty()) else { return actions };
    let wanted = |action: &CodeActionOrCommand| match action {
        CodeActionOrCommand::CodeAction(CodeAction { kind: Some(kind), .. }) => kinds
            .iter()
            .any(|k| k.as_str().is_empty() || kind.as_str() == k.as_str() || kind.as_str().starts_with(&format!("{}.", k.as_str()))),
        _ => kinds.iter().any(|k| k.as_str().is_empty()),
    };
    actions.into_iter().filter(wanted).collect()
}
