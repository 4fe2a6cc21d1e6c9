//! Code lenses: the answers to a prompt above its line, and what can be done with a change above it. The same commands as the code actions.
//!
//! **Invariant:** a lens is complete as it is, as code actions are; allowing comes after looking: no lens allows for good.

use lsp_types::{CodeLens, CodeLensParams, Command, Position, Range};
use serde_json::{Value, json};
use workspace::DocKey;

use crate::lsp::face::Face;
use crate::lsp::hunks::Which;
use crate::lsp::marks::Subject;

/// The lenses of a document.
pub async fn list(face: &Face, params: CodeLensParams) -> Vec<CodeLens> {
    let mut key = DocKey::from_uri(params.text_document.uri.as_str());
    if let Some(document) = face.documents().find(&key).await {
        key = document.key;
    }
    let mut out = Vec::new();
    if let Some(started) = face.if_started() {
        for mark in started.marks.at(&key, (0, usize::MAX)).await {
            let Subject::Permission { id, .. } = &mark.subject else { continue };
            let reply = |reply: &str| json!({"id": id, "reply": reply});
            let line = if key == face.chat_key() { 0 } else { u32::try_from(mark.first_line()).unwrap_or(u32::MAX) };
            out.push(lens(line, &format!("Allow once: {}", mark.title), "interline.permit", reply("once")));
            out.push(lens(line, "Deny", "interline.permit", reply("reject")));
        }
    }
    if let Some(hunks) = face.if_hunks() {
        let listed = hunks.list(Which::Of { key: Some(key), turn: None }).await;
        for hunk in listed.into_iter().flat_map(|listed| listed.hunks) {
            let line = hunk.range.start.line;
            out.push(lens(line, "Accept", "interline.hunk.accept", json!({"id": hunk.id})));
            out.push(lens(line, "Reject", "interline.hunk.reject", json!({"id": hunk.id})));
        }
    }
    out
}

fn lens(line: u32, title: &str, command: &str, argument: Value) -> CodeLens {
    let at = Position::new(line, 0);
    let command = Command { title: title.to_owned(), command: command.to_owned(), arguments: Some(vec![argument]) };
    CodeLens { range: Range::new(at, at), command: Some(command), data: None }
}
