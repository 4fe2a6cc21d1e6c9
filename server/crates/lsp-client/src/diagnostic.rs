//! What a server says about a place in a document.
//!
//! Owns reading it from JSON. Must not know how fresh it is, nor how it is shown.
//!
//! **Invariant:** a broken entry is left out and never takes its neighbours with it; what one file may hold is bounded.

use ropey::Rope;
use serde_json::Value;
use workspace::DocKey;

use crate::positions::{self, Encoding};

/// Entries of one file that are kept: the worst ones.
const ITEMS: usize = 500;
/// Bytes of a message that are kept.
const MESSAGE: usize = 2000;
/// Related places that are kept.
const RELATED: usize = 8;

/// How bad it is. The worst is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// It does not work.
    Error,
    /// It may not do what is meant.
    Warning,
    /// Something to know.
    Information,
    /// Something that could be nicer.
    Hint,
}

impl Severity {
    /// In one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "info",
            Self::Hint => "hint",
        }
    }
}

/// A place in a text, counted from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// The line.
    pub line: usize,
    /// Characters before it in the line (the server's own units where the text is not known).
    pub column: usize,
}

/// Another place that has to do with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Related {
    /// Which document.
    pub key: DocKey,
    /// Its line, counted from zero.
    pub line: usize,
    /// The server's words.
    pub message: String,
}

/// One diagnostic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Where it begins.
    pub start: Point,
    /// Where it ends.
    pub end: Point,
    /// How bad it is.
    pub severity: Severity,
    /// Such as `E0308`.
    pub code: Option<String>,
    /// Such as `rustc`.
    pub source: Option<String>,
    /// The server's words.
    pub message: String,
    /// Other places.
    pub related: Vec<Related>,
}

/// Reads LSP's `Diagnostic[]`, the worst first. `text` is what the positions are of, if that is known.
pub(crate) fn read_all(items: &Value, text: Option<&Rope>, encoding: Encoding) -> Vec<Diagnostic> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    sorted(items.iter().filter_map(|item| read(item, text, encoding)).collect())
}

/// The worst first, by place; those that are said twice once, and no more than are kept.
pub(crate) fn sorted(mut items: Vec<Diagnostic>) -> Vec<Diagnostic> {
    items.sort_by(|a, b| (a.severity, a.start, a.end, &a.message).cmp(&(b.severity, b.start, b.end, &b.message)));
    items.dedup_by(|a, b| (&a.message, &a.code, a.start, a.end) == (&b.message, &b.code, b.start, b.end));
    items.truncate(ITEMS);
    items
}

fn read(item: &Value, text: Option<&Rope>, encoding: Encoding) -> Option<Diagnostic> {
    let point = |name: &str| {
        let at = &item["range"][name];
        let number = |name: &str| at[name].as_u64().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        Some(place(lsp_types::Position::new(number("line")?, number("character")?), text, encoding))
    };
    let severity = match item["severity"].as_u64() {
        Some(2) => Severity::Warning,
        Some(3) => Severity::Information,
        Some(4) => Severity::Hint,
        // Left to the client: an error is what must not be overlooked.
        _ => Severity::Error,
    };
    let related = item["relatedInformation"].as_array().map(Vec::as_slice).unwrap_or_default();
    let related = related.iter().take(RELATED).filter_map(|one| {
        let location = &one["location"];
        let line = location["range"]["start"]["line"].as_u64()?;
        Some(Related {
            key: DocKey::from_uri(location["uri"].as_str()?),
            line: usize::try_from(line).ok()?,
            message: cut(one["message"].as_str()?),
        })
    });
    Some(Diagnostic {
        start: point("start")?,
        end: point("end")?,
        severity,
        code: code(&item["code"]),
        source: item["source"].as_str().map(cut),
        message: cut(item["message"].as_str()?),
        related: related.collect(),
    })
}

fn place(at: lsp_types::Position, text: Option<&Rope>, encoding: Encoding) -> Point {
    let at = match text {
        Some(text) => positions::position(text, positions::offset(text, at, encoding), Encoding::Utf32),
        None => at,
    };
    Point { line: at.line as usize, column: at.character as usize }
}

/// A number or a string.
pub(crate) fn code(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(cut(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// No more of a text than is kept.
pub(crate) fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MESSAGE)].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(line: usize, character: usize) -> Value {
        json!({ "start": { "line": line, "character": character }, "end": { "line": line, "character": character + 1 } })
    }

    #[test]
    fn broken_entries_are_left_out() {
        let items = json!([
            { "range": at(3, 0), "message": "warn", "severity": 2, "code": 77, "source": "x" },
            { "range": at(5, 0), "message": "no severity" },
            { "range": at(5, 0), "message": "no severity" },
            { "message": "no range" },
            { "range": { "start": { "line": -1, "character": 0 } }, "message": "negative" },
            { "range": at(1, 0) },
            { "range": at(1, 0), "message": 7 },
            "nonsense",
            null,
        ]);
        let read = read_all(&items, None, Encoding::Utf16);
        let seen: Vec<_> = read.iter().map(|d| (d.severity.name(), d.start.line, d.code.as_deref(), d.message.as_str())).collect();
        assert_eq!(seen, [("error", 5, None, "no severity"), ("warning", 3, Some("77"), "warn")]);
        assert_eq!(read_all(&json!({ "not": "a list" }), None, Encoding::Utf16), []);
    }

    #[test]
    fn columns_are_characters() {
        let text = Rope::from_str("a😀b\n");
        let column =
            |encoding, character| read_all(&json!([{ "range": at(0, character), "message": "m" }]), Some(&text), encoding)[0].start.column;
        assert_eq!((column(Encoding::Utf8, 5), column(Encoding::Utf16, 3), column(Encoding::Utf32, 2)), (2, 2, 2));
        assert_eq!(column(Encoding::Utf16, 4_000_000_000), 3);
        let far = read_all(&json!([{ "range": at(99, 0), "message": "m" }]), Some(&text), Encoding::Utf8);
        assert_eq!(far[0].start, Point { line: 1, column: 0 });
    }

    #[test]
    fn floods_are_bounded() {
        let mut items: Vec<Value> =
            (0..2000).map(|line| json!({ "range": at(line, 0), "severity": 3, "message": "x".repeat(9000) })).collect();
        items.push(json!({ "range": at(1, 0), "severity": 1, "message": "the one that counts" }));
        let read = read_all(&json!(items), None, Encoding::Utf8);
        assert_eq!((read.len(), read[0].message.as_str(), read[1].message.len()), (ITEMS, "the one that counts", MESSAGE));
    }

    #[test]
    fn related_places() {
        let item = json!([{ "range": at(0, 0), "message": "m", "relatedInformation": [
            { "location": { "uri": "file:///p/b%20c.rs", "range": at(7, 1) }, "message": "here" },
            { "location": { "uri": 5 }, "message": "broken" },
        ] }]);
        let read = read_all(&item, None, Encoding::Utf8);
        assert_eq!(read[0].related, [Related { key: DocKey::file("/p/b c.rs"), line: 7, message: "here".to_owned() }]);
    }
}
