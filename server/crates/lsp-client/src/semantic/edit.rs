//! What a server wants to change: `WorkspaceEdit`.
//!
//! Pure: reads it, and applies its text edits to a text. Must not know whether it may be done.
//!
//! **Invariant:** it is understood as a whole or refused as a whole; edits of one text that overlap are refused.

use std::collections::HashSet;

use lsp_types::Range;
use ropey::Rope;
use serde_json::Value;
use workspace::{DocKey, Edits, TextEdit};

use super::{list, range};
use crate::positions::{Encoding, byte_range};

/// Files that one edit may change.
const FILES: usize = 500;
/// Edits of all files together.
const EDITS: usize = 100_000;

/// One step of a `WorkspaceEdit`; they count one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Parts of a text are replaced.
    Edit {
        /// Which document.
        key: DocKey,
        /// The version that it is for, if the server names one.
        version: Option<i64>,
        /// What is replaced, in the server's positions.
        edits: Vec<(Range, String)>,
    },
    /// A file is made.
    Create {
        /// Which.
        key: DocKey,
        /// What becomes of one that is there.
        there: There,
    },
    /// A file gets another name.
    Rename {
        /// Its name.
        from: DocKey,
        /// Its new name.
        to: DocKey,
        /// What becomes of one that has that name.
        there: There,
    },
    /// A file is deleted.
    Delete {
        /// Which.
        key: DocKey,
        /// It need not be there.
        may_be_gone: bool,
    },
}

/// What becomes of a file that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    /// It must not be there.
    Fault,
    /// It is replaced.
    Replaced,
    /// It stays, and the step is left out.
    Stays,
}

impl Step {
    /// The documents that it is about.
    #[must_use]
    pub fn keys(&self) -> Vec<&DocKey> {
        match self {
            Self::Edit { key, .. } | Self::Create { key, .. } | Self::Delete { key, .. } => vec![key],
            Self::Rename { from, to, .. } => vec![from, to],
        }
    }
}

/// Reads a `WorkspaceEdit`. Nothing to do is no fault.
///
/// # Errors
/// What in it cannot be understood or is too much.
pub fn read(edit: &Value) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    match (&edit["documentChanges"], &edit["changes"]) {
        (Value::Array(changes), _) => {
            for change in changes {
                steps.push(step(change)?);
            }
        }
        (_, Value::Object(changes)) => {
            for (uri, edits) in changes {
                steps.push(Step::Edit { key: DocKey::from_uri(uri), version: None, edits: text_edits(edits)? });
            }
        }
        (Value::Null, Value::Null) => {}
        _ => return Err("its changes are no list".to_owned()),
    }
    let edits: usize = steps.iter().map(|step| if let Step::Edit { edits, .. } = step { edits.len() } else { 0 }).sum();
    if steps.len() > FILES || edits > EDITS {
        return Err(format!("it has {} files and {edits} edits, and no more than {FILES} and {EDITS} are taken", steps.len()));
    }
    steps.retain(|step| !matches!(step, Step::Edit { edits, .. } if edits.is_empty()));
    Ok(joined(steps))
}

/// Several edits of one document, with no file operation on it between them, all count in the same text: so editors take it.
fn joined(steps: Vec<Step>) -> Vec<Step> {
    let mut all: Vec<Step> = Vec::new();
    for step in steps {
        if let Step::Edit { key, edits, .. } = &step
            && let Some(Step::Edit { edits: earlier, .. }) = all.iter_mut().rfind(|earlier| earlier.keys().contains(&key))
        {
            earlier.extend(edits.iter().cloned());
        } else {
            all.push(step);
        }
    }
    all
}

fn step(change: &Value) -> Result<Step, String> {
    let key = |name: &str| change[name].as_str().map(DocKey::from_uri).ok_or_else(|| format!("a file operation has no `{name}`"));
    let options = &change["options"];
    let there = match (options["overwrite"] == true, options["ignoreIfExists"] == true) {
        (true, _) => There::Replaced,
        (false, true) => There::Stays,
        (false, false) => There::Fault,
    };
    match change["kind"].as_str() {
        None => {
            let document = &change["textDocument"];
            let key = document["uri"].as_str().map(DocKey::from_uri).ok_or("an edit names no document")?;
            Ok(Step::Edit { key, version: document["version"].as_i64(), edits: text_edits(&change["edits"])? })
        }
        Some("create") => Ok(Step::Create { key: key("uri")?, there }),
        Some("rename") => Ok(Step::Rename { from: key("oldUri")?, to: key("newUri")?, there }),
        Some("delete") => Ok(Step::Delete { key: key("uri")?, may_be_gone: options["ignoreIfNotExists"] == true }),
        Some(other) => Err(format!("it has a file operation of a kind that is not known: {other:?}")),
    }
}

fn text_edits(edits: &Value) -> Result<Vec<(Range, String)>, String> {
    if !edits.is_array() {
        return Err("a document's edits are no list".to_owned());
    }
    let one = |edit: &Value| Some((range(&edit["range"])?, edit["newText"].as_str()?.to_owned()));
    list(edits).iter().map(|edit| one(edit).ok_or_else(|| "a text edit has no range or no text".to_owned())).collect()
}

/// A text's edits as edits of its bytes. The same replacement named twice counts once.
///
/// # Errors
/// They overlap.
pub fn text_edits_of(text: &Rope, edits: &[(Range, String)], encoding: Encoding) -> Result<Edits, String> {
    let crlf = text.len_lines() > 1 && text.line(0).to_string().ends_with("\r\n");
    let mut all: Vec<TextEdit> = Vec::new();
    let mut known = HashSet::new();
    for (range, new) in edits {
        // Servers that work on lines may answer with their own line ends.
        let new = if crlf { new.replace("\r\n", "\n").replace('\n', "\r\n") } else { new.clone() };
        let edit = TextEdit { range: byte_range(text, *range, encoding), text: new };
        if edit.range.is_empty() || known.insert((edit.range.start, edit.range.end, edit.text.clone())) {
            all.push(edit);
        }
    }
    Edits::new(text.len_bytes(), all).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(from: (u32, u32), to: (u32, u32)) -> Value {
        json!({ "start": { "line": from.0, "character": from.1 }, "end": { "line": to.0, "character": to.1 } })
    }

    fn shown(edit: &Value) -> Vec<String> {
        let shown = |step: &Step| match step {
            Step::Edit { key, version, edits } => format!("edit {key} {version:?} {}", edits.len()),
            Step::Create { key, there } => format!("create {key} {there:?}"),
            Step::Rename { from, to, there } => format!("rename {from} {to} {there:?}"),
            Step::Delete { key, may_be_gone } => format!("delete {key} {may_be_gone}"),
        };
        match read(edit) {
            Ok(steps) => steps.iter().map(shown).collect(),
            Err(why) => vec![format!("refused: {why}")],
        }
    }

    #[test]
    fn all_forms() {
        let check = |edit: Value, expect: &[&str]| assert_eq!(shown(&edit), expect, "{edit}");
        let one = json!({ "range": at((0, 0), (0, 1)), "newText": "x" });
        check(json!({ "changes": { "file:///p/a": [one], "file:///p/b": [] } }), &["edit /p/a None 1"]);
        let document = json!({ "textDocument": { "uri": "file:///p/a", "version": 3 }, "edits": [one, { "range": at((1, 0), (1, 0)), "newText": "", "annotationId": "1" }] });
        check(
            json!({ "documentChanges": [document, { "kind": "create", "uri": "file:///p/c", "options": { "ignoreIfExists": true } },
                { "kind": "rename", "oldUri": "file:///p/a", "newUri": "file:///p/d" },
                { "kind": "delete", "uri": "file:///p/e", "options": { "ignoreIfNotExists": true } }], "changes": { "file:///ignored": [one] } }),
            &["edit /p/a Some(3) 2", "create /p/c Stays", "rename /p/a /p/d Fault", "delete /p/e true"],
        );
        let again = json!({ "textDocument": { "uri": "file:///p/a" }, "edits": [one] });
        check(json!({ "documentChanges": [again, again] }), &["edit /p/a None 2"]);
        check(
            json!({ "documentChanges": [again, { "kind": "create", "uri": "file:///p/a" }, again] }),
            &["edit /p/a None 1", "create /p/a Fault", "edit /p/a None 1"],
        );
        check(Value::Null, &[]);
        check(json!({}), &[]);
        check(
            json!({ "documentChanges": [{ "kind": "chmod" }] }),
            &["refused: it has a file operation of a kind that is not known: \"chmod\""],
        );
        check(json!({ "documentChanges": [{ "edits": [] }] }), &["refused: an edit names no document"]);
        check(json!({ "changes": { "file:///p/a": [one, { "newText": "x" }] } }), &["refused: a text edit has no range or no text"]);
        check(json!({ "changes": 5 }), &["refused: its changes are no list"]);
        let many: serde_json::Map<String, Value> = (0..501).map(|n| (format!("file:///{n}"), json!([one]))).collect();
        assert!(read(&json!({ "changes": many })).is_err());
    }

    /// From where to where, and the new text.
    type Put = ((u32, u32), (u32, u32), &'static str);

    #[test]
    fn edits_of_a_text() {
        let check = |text: &str, encoding, edits: &[Put], expect: Result<&str, &str>| {
            let rope = Rope::from_str(text);
            let edits: Vec<(Range, String)> =
                edits.iter().map(|(from, to, new)| (range(&at(*from, *to)).expect("a range"), (*new).to_owned())).collect();
            let got = text_edits_of(&rope, &edits, encoding).map(|edits| edits.apply(&rope).expect("applies").to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), expect, "{text:?} {edits:?}");
        };
        check("let 😀x = 1;\n", Encoding::Utf16, &[((0, 6), (0, 7), "y")], Ok("let 😀y = 1;\n"));
        check("let 😀x = 1;\n", Encoding::Utf8, &[((0, 8), (0, 9), "y")], Ok("let 😀y = 1;\n"));
        check("ab", Encoding::Utf8, &[((0, 1), (0, 2), "c"), ((0, 0), (0, 1), "d")], Ok("dc"));
        check("abc", Encoding::Utf8, &[((0, 0), (0, 2), "x"), ((0, 1), (0, 3), "y")], Err("two edits overlap at byte 1"));
        check("abc", Encoding::Utf8, &[((0, 0), (0, 2), "x"), ((0, 0), (0, 2), "x")], Ok("xc"));
        check("abc", Encoding::Utf8, &[((0, 0), (0, 0), "x"), ((0, 0), (0, 0), "x")], Ok("xxabc"));
        check("abc", Encoding::Utf8, &[((9, 9), (9, 9), "!")], Ok("abc!"));
        check("a\r\nb\r\n", Encoding::Utf8, &[((1, 0), (1, 1), "c\nd")], Ok("a\r\nc\r\nd\r\n"));
    }
}
