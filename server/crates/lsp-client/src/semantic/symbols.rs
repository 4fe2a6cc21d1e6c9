//! Symbols of a document and of the workspace: `DocumentSymbol`, `SymbolInformation`, `WorkspaceSymbol`.
//!
//! Pure. **Invariant:** how many there are and how deep they lie is bounded, whatever the server sends.

use lsp_types::Range;
use serde_json::Value;
use workspace::DocKey;

use super::{list, range};

/// Symbols that are kept.
const MOST: usize = 2000;
/// How deep.
const DEEP: usize = 16;

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// The protocol's word for its kind, such as `function`.
    pub kind: &'static str,
    /// What it is in, where the server names that.
    pub container: Option<String>,
    /// In how many others it is.
    pub depth: usize,
    /// Where; none where that is the document that was asked about.
    pub key: Option<DocKey>,
    /// Where in it; none where the server knows only the file.
    pub range: Option<Range>,
}

/// The answer to `textDocument/documentSymbol` or `workspace/symbol`.
#[must_use]
pub fn all(answer: &Value) -> Vec<Symbol> {
    let mut found = Vec::new();
    list(answer).iter().for_each(|value| add(value, 0, &mut found));
    found
}

fn add(value: &Value, depth: usize, found: &mut Vec<Symbol>) {
    let Some(name) = value["name"].as_str() else { return };
    if found.len() >= MOST || depth >= DEEP {
        return;
    }
    let location = &value["location"];
    found.push(Symbol {
        name: name.to_owned(),
        kind: kind(value["kind"].as_u64()),
        container: value["containerName"].as_str().filter(|name| !name.is_empty()).map(str::to_owned),
        depth,
        key: location["uri"].as_str().map(DocKey::from_uri),
        range: range(&value["selectionRange"]).or_else(|| range(&location["range"])).or_else(|| range(&value["range"])),
    });
    list(&value["children"]).iter().for_each(|child| add(child, depth + 1, found));
}

fn kind(number: Option<u64>) -> &'static str {
    const KINDS: [&str; 26] = [
        "file",
        "module",
        "namespace",
        "package",
        "class",
        "method",
        "property",
        "field",
        "constructor",
        "enum",
        "interface",
        "function",
        "variable",
        "constant",
        "string",
        "number",
        "boolean",
        "array",
        "object",
        "key",
        "null",
        "enum member",
        "struct",
        "event",
        "operator",
        "type parameter",
    ];
    let at = number.and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
    at.and_then(|at| KINDS.get(at)).copied().unwrap_or("symbol")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(line: u32) -> Value {
        json!({ "start": { "line": line, "character": 0 }, "end": { "line": line, "character": 9 } })
    }

    fn shown(answer: &Value) -> Vec<String> {
        let line = |symbol: &Symbol| symbol.range.map_or(0, |range| range.start.line + 1);
        let file = |symbol: &Symbol| symbol.key.as_ref().map_or(String::new(), |key| format!(" {key}"));
        let shown =
            |symbol: &Symbol| format!("{}{} {} {}{}", "-".repeat(symbol.depth), line(symbol), symbol.kind, symbol.name, file(symbol));
        all(answer).iter().map(shown).collect()
    }

    #[test]
    fn all_forms() {
        let check = |answer: Value, expect: &[&str]| assert_eq!(shown(&answer), expect, "{answer}");
        let inner = json!({ "name": "f", "kind": 6, "range": at(2), "selectionRange": at(3) });
        check(json!([{ "name": "S", "kind": 23, "range": at(0), "children": [inner, 7] }]), &["1 struct S", "-4 method f"]);
        let flat = json!({ "name": "g", "kind": 12, "containerName": "m", "location": { "uri": "file:///p/a", "range": at(5) } });
        check(json!([flat]), &["6 function g /p/a"]);
        check(json!([{ "name": "h", "kind": 99, "location": { "uri": "file:///p/a" } }]), &["0 symbol h /p/a"]);
        check(json!([{ "kind": 1 }, 5]), &[]);
        check(Value::Null, &[]);
    }

    #[test]
    fn floods_are_cut() {
        let mut deep = json!({ "name": "x" });
        for _ in 0..100 {
            deep = json!({ "name": "x", "children": [deep] });
        }
        assert_eq!(all(&json!([deep])).len(), DEEP);
        let wide: Vec<Value> = (0..MOST + 9).map(|_| json!({ "name": "x" })).collect();
        assert_eq!(all(&json!(wide)).len(), MOST);
    }
}
