//! A document as the fake editor holds it: plain text, positions found the slow way, an undo stack.
//!
//! Must not know the wire. Shares no code with the server on purpose.
//!
//! **Invariant:** every edit that breaks the protocol's rules is told as a violation.

use serde_json::{Value, json};

/// An open document.
#[derive(Clone, Debug)]
pub struct Doc {
    /// Its URI as this editor spells it.
    pub uri: String,
    /// Its text.
    pub text: String,
    /// Its version.
    pub version: i64,
    /// Whether the user sees it; else it was opened for an edit alone.
    pub hidden: bool,
    /// Texts before each step that can be undone, and whether the server made the step.
    pub undo: Vec<(String, bool)>,
}

impl Doc {
    /// How many undo steps are the server's.
    #[must_use]
    pub fn server_steps(&self) -> usize {
        self.undo.iter().filter(|(_, server)| *server).count()
    }
}

/// (start, end without the line break) of every line.
fn lines(text: &str) -> Vec<(usize, usize)> {
    let (mut out, mut start) = (Vec::new(), 0);
    while let Some(at) = text[start..].find(['\r', '\n']).map(|at| at + start) {
        out.push((start, at));
        start = at + if text[at..].starts_with("\r\n") { 2 } else { 1 };
    }
    out.push((start, text.len()));
    out
}

fn units(text: &str, encoding: &str) -> usize {
    match encoding {
        "utf-8" => text.len(),
        "utf-32" => text.chars().count(),
        _ => text.encode_utf16().count(),
    }
}

/// The position of a byte offset.
pub(super) fn position(text: &str, offset: usize, encoding: &str) -> Value {
    let lines = lines(text);
    let line = lines.iter().rposition(|(start, _)| *start <= offset).unwrap_or_default();
    let (start, end) = lines[line];
    json!({ "line": line, "character": units(&text[start..offset.min(end)], encoding) })
}

/// The byte offset of a position, or what is wrong with it.
fn offset(text: &str, at: &Value, encoding: &str) -> Result<usize, String> {
    let wrong = |why: &str| Err(format!("position {at} {why} ({encoding})"));
    let (Some(line), Some(character)) = (at["line"].as_u64(), at["character"].as_u64()) else { return wrong("has no numbers") };
    let (line, character) = (usize::try_from(line).unwrap_or(usize::MAX), usize::try_from(character).unwrap_or(usize::MAX));
    let lines = lines(text);
    let Some(&(start, end)) = lines.get(line) else {
        return if line == lines.len() && character == 0 { Ok(text.len()) } else { wrong("is behind the last line") };
    };
    let line = &text[start..end];
    match line.char_indices().map(|(i, _)| i).chain([line.len()]).find(|i| units(&line[..*i], encoding) >= character) {
        Some(i) if units(&line[..i], encoding) == character => Ok(start + i),
        Some(_) => wrong("stands inside a character"),
        None => wrong("is behind the line's end"),
    }
}

/// Replacements, sorted: (start, end, text).
pub(super) type Spans = Vec<(usize, usize, String)>;

/// Reads the edits of a TextDocumentEdit.
pub(super) fn spans(text: &str, edits: &Value, encoding: &str) -> Result<Spans, String> {
    let mut spans = Spans::new();
    for edit in edits.as_array().ok_or("edits are no list")? {
        let (start, end) = (offset(text, &edit["range"]["start"], encoding)?, offset(text, &edit["range"]["end"], encoding)?);
        if end < start {
            return Err(format!("a range that ends before it starts: {edit}"));
        }
        spans.push((start, end, edit["newText"].as_str().ok_or("no newText")?.to_owned()));
    }
    spans.sort_by_key(|(start, ..)| *start);
    match spans.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        Some(pair) => Err(format!("overlapping edits: {pair:?}")),
        None => Ok(spans),
    }
}

/// The text after the replacements.
pub(super) fn replaced(text: &str, spans: &Spans) -> String {
    let mut new = text.to_owned();
    for (start, end, with) in spans.iter().rev() {
        new.replace_range(*start..*end, with);
    }
    new
}

/// `contentChanges`, from the text's end to its start, as Helix and VS Code send them.
pub(super) fn content_changes(text: &str, spans: &Spans, encoding: &str) -> Value {
    let change = |(start, end, with): &(usize, usize, String)| json!({ "range": { "start": position(text, *start, encoding), "end": position(text, *end, encoding) }, "text": with });
    spans.iter().rev().map(change).collect()
}
