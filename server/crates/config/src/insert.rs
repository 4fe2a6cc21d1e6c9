//! A value put into a configuration file's text, for commands that the user gives for it.
//!
//! Must not know which key it is.
//!
//! **Invariant:** all else in the text stays as it was, comments and order included; what would not be read afterwards is not made.

use serde_json::{Map, Value};

use crate::node::{Kind, Node};

/// The text with `value` at `path` (two keys), where nothing stands yet. An empty text becomes an object.
///
/// # Errors
/// If the text cannot be read, or something stands there.
pub fn with_entry(text: &str, path: &[&str; 2], value: &Value) -> Result<String, String> {
    let [section, name] = *path;
    if text.trim().is_empty() {
        let whole =
            Value::Object(Map::from_iter([(section.to_owned(), Value::Object(Map::from_iter([(name.to_owned(), value.clone())])))]));
        return Ok(format!("{whole:#}\n"));
    }
    let root = Node::parse(text).map_err(|(offset, message)| format!("{}: {message}", line(text, offset)))?;
    let Kind::Object(entries) = &root.kind else { return Err("it holds no object".to_owned()) };
    let new = match entries.iter().rev().find(|entry| entry.key == section) {
        None => {
            let inner = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
            put(text, root.at, entries.is_empty(), 1, section, &inner)
        }
        Some(entry) => match &entry.value.kind {
            Kind::Object(inside) if inside.iter().any(|entry| entry.key == name) => {
                return Err(format!("{section}.{name} is there already: change it by hand"));
            }
            Kind::Object(inside) => put(text, entry.value.at, inside.is_empty(), 2, name, value),
            _ => return Err(format!("{section} is no object")),
        },
    };
    Node::parse(&new).map(|_| new).map_err(|(_, message)| message)
}

/// Puts a key at the beginning of the object that starts at `at`.
fn put(text: &str, at: usize, empty: bool, depth: usize, key: &str, value: &Value) -> String {
    let indent = "  ".repeat(depth);
    let shown = format!("{value:#}").replace('\n', &format!("\n{indent}"));
    let (head, tail) = text.split_at(at + 1);
    let comma = if empty { "" } else { "," };
    // On a line of its own, also where the object was written on one.
    let gap = if tail.starts_with(['\n', '\r']) {
        String::new()
    } else {
        format!("\n{}", if empty { "  ".repeat(depth - 1) } else { indent.clone() })
    };
    format!("{head}\n{indent}{}: {shown}{comma}{gap}{}", Value::from(key), if gap.is_empty() { tail } else { tail.trim_start_matches(' ') })
}

fn line(text: &str, offset: usize) -> String {
    format!("line {}", text.get(..offset).unwrap_or(text).matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_else_stays() {
        let check = |text: &str, expect: &str| {
            let new = with_entry(text, &["mcp", "x"], &json!({"type": "local"})).unwrap();
            assert_eq!(new, expect, "{text}");
        };
        check("", "{\n  \"mcp\": {\n    \"x\": {\n      \"type\": \"local\"\n    }\n  }\n}\n");
        check("{}", "{\n  \"mcp\": {\n    \"x\": {\n      \"type\": \"local\"\n    }\n  }\n}");
        check(
            "{\n  // mine\n  \"model\": \"a/b\", // yes\n}\n",
            "{\n  \"mcp\": {\n    \"x\": {\n      \"type\": \"local\"\n    }\n  },\n  // mine\n  \"model\": \"a/b\", // yes\n}\n",
        );
        check("{ \"mcp\": { \"y\": 1 } }", "{ \"mcp\": {\n    \"x\": {\n      \"type\": \"local\"\n    },\n    \"y\": 1 } }");
    }

    #[test]
    fn what_is_there_is_not_replaced() {
        let check = |text: &str, expect: &str| assert_eq!(with_entry(text, &["mcp", "x"], &json!(1)).unwrap_err(), expect, "{text}");
        check("{\"mcp\": {\"x\": 2}}", "mcp.x is there already: change it by hand");
        check("{\"mcp\": 2}", "mcp is no object");
        check("[]", "it holds no object");
        assert!(with_entry("{\n\"a\"", &["mcp", "x"], &json!(1)).unwrap_err().starts_with("line 2: "));
    }
}
