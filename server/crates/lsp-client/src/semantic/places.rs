//! Places: `Location`, `LocationLink`, and the calls of a call hierarchy.
//!
//! Pure. **Invariant:** each place is named once, in the server's order.

use lsp_types::Range;
use serde_json::Value;
use workspace::DocKey;

use super::{list, range};

/// A range of a document, in the server's positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Which document.
    pub key: DocKey,
    /// The name itself, where the server tells it apart from what belongs to it.
    pub range: Range,
    /// What is there, where the server names it.
    pub name: Option<String>,
}

/// `Location`, `Location[]` or `LocationLink[]`.
#[must_use]
pub fn locations(answer: &Value) -> Vec<Spot> {
    let one = std::slice::from_ref(answer);
    let all = if answer.is_array() { list(answer) } else { one };
    once(all.iter().filter_map(location))
}

fn location(value: &Value) -> Option<Spot> {
    let uri = value["uri"].as_str().or_else(|| value["targetUri"].as_str())?;
    let range = range(&value["range"]).or_else(|| range(&value["targetSelectionRange"])).or_else(|| range(&value["targetRange"]))?;
    Some(Spot { key: DocKey::from_uri(uri), range, name: None })
}

/// `CallHierarchyIncomingCall[]` (with `from`): who calls, at the places of the calls.
#[must_use]
pub fn incoming_calls(answer: &Value) -> Vec<Spot> {
    once(list(answer).iter().flat_map(|call| {
        let caller = &call["from"];
        list(&call["fromRanges"]).iter().filter_map(|at| item(caller, range(at)?))
    }))
}

/// `CallHierarchyOutgoingCall[]` (with `to`): what is called, where it is defined.
#[must_use]
pub fn outgoing_calls(answer: &Value) -> Vec<Spot> {
    once(list(answer).iter().filter_map(|call| item(&call["to"], range(&call["to"]["selectionRange"])?)))
}

fn item(value: &Value, range: Range) -> Option<Spot> {
    Some(Spot { key: DocKey::from_uri(value["uri"].as_str()?), range, name: Some(value["name"].as_str()?.to_owned()) })
}

fn once(all: impl Iterator<Item = Spot>) -> Vec<Spot> {
    let mut seen: Vec<Spot> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for spot in all {
        let start = spot.range.start;
        if known.insert((spot.key.clone(), start.line, start.character)) {
            seen.push(spot);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(line: u32) -> Value {
        json!({ "start": { "line": line, "character": 1 }, "end": { "line": line, "character": 4 } })
    }

    fn shown(spots: &[Spot]) -> Vec<String> {
        let name = |spot: &Spot| spot.name.as_deref().map_or(String::new(), |name| format!(" {name}"));
        spots.iter().map(|spot| format!("{}:{}{}", spot.key, spot.range.start.line, name(spot))).collect()
    }

    #[test]
    fn all_forms() {
        let check = |answer: Value, expect: &[&str]| assert_eq!(shown(&locations(&answer)), expect, "{answer}");
        let a = json!({ "uri": "file:///p/a.rs", "range": at(1) });
        check(a.clone(), &["/p/a.rs:1"]);
        check(
            json!([a, { "targetUri": "file:///p/b.rs", "targetRange": at(0), "targetSelectionRange": at(2) }]),
            &["/p/a.rs:1", "/p/b.rs:2"],
        );
        check(json!([a, a, 5, { "uri": 7 }, { "uri": "file:///x" }]), &["/p/a.rs:1"]);
        check(json!([{ "uri": "file:///x", "range": { "start": { "line": -1, "character": 0 }, "end": {} } }]), &[]);
        check(Value::Null, &[]);
    }

    #[test]
    fn calls() {
        let f = json!({ "name": "f", "uri": "file:///p/a.rs", "range": at(0), "selectionRange": at(3) });
        assert_eq!(shown(&incoming_calls(&json!([{ "from": f, "fromRanges": [at(4), at(5)] }, {}]))), ["/p/a.rs:4 f", "/p/a.rs:5 f"]);
        assert_eq!(shown(&outgoing_calls(&json!([{ "to": f, "fromRanges": [at(4)] }, { "to": 1 }]))), ["/p/a.rs:3 f"]);
    }
}
