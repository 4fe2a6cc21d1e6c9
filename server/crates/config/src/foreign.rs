//! The MCP servers that a project's files have a say in, told from those that are the user's own alone.
//!
//! Must not know whether one may be started, nor how.
//!
//! **Invariant:** a server is the user's own only if what would be started is what the user's own files say; and what is shown of one holds nothing that
//! was put in from the environment or from files.

use serde_json::{Map, Value};

/// What a project may set freely: it starts nothing that the user did not write, or less.
const FREE: [&str; 3] = ["enabled", "disabled", "timeout"];
/// More of a server's command is not shown, in characters.
const SHOWN: usize = 1000;

/// A server that the project brings, or changes.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignServer {
    /// Its name in `mcp`.
    pub name: String,
    /// What it runs, or where it is, for the user.
    pub shown: String,
    /// All that makes it what it is. Perhaps with secrets.
    pub entry: Value,
}

impl std::fmt::Debug for ForeignServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.shown)
    }
}

/// Those of `merged` that `own`, the user's own files merged, do not have in the same way. `put_in` are values that were put in for placeholders.
pub(crate) fn servers(merged: &Map<String, Value>, own: &Map<String, Value>, put_in: &[(String, String)]) -> Vec<ForeignServer> {
    let section = |config: &Map<String, Value>| config.get("mcp").and_then(Value::as_object).cloned().unwrap_or_default();
    let theirs = section(own);
    let foreign = |(name, entry): (String, Value)| {
        let entry = essence(entry);
        let same = theirs.get(&name).is_some_and(|own| essence(own.clone()) == entry);
        (!same).then(|| ForeignServer { shown: shown(&entry, put_in), name, entry })
    };
    section(merged).into_iter().filter_map(foreign).collect()
}

/// An entry without what a project may set freely.
fn essence(mut entry: Value) -> Value {
    if let Value::Object(entry) = &mut entry {
        FREE.iter().for_each(|key| _ = entry.shift_remove(*key));
    }
    entry
}

fn shown(entry: &Value, put_in: &[(String, String)]) -> String {
    let names = |key: &str| {
        let names: Vec<&str> = entry[key].as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let command: Vec<&str> = entry["command"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text = if command.is_empty() { entry["url"].as_str().unwrap_or_default().to_owned() } else { command.join(" ") };
    if let Some(folder) = entry["cwd"].as_str() {
        text.push_str(&format!(" in {folder}"));
    }
    if let Some(names) = names("environment") {
        text.push_str(&format!(" with the variables {names}"));
    }
    if let Some(names) = names("headers") {
        text.push_str(&format!(" with the headers {names}"));
    }
    let mut put_in: Vec<_> = put_in.iter().collect();
    // One may stand in another.
    put_in.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    for (value, placeholder) in put_in {
        text = text.replace(value, placeholder);
    }
    let visible =
        |c: char| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| visible(*c)).collect();
    let more = text.chars().count().saturating_sub(SHOWN);
    if more == 0 { text } else { format!("{}… ({more} more characters)", text.chars().take(SHOWN).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whose_a_server_is() {
        let check = |own: Value, merged: Value, expect: &[&str]| {
            let map = |mcp: &Value| Map::from_iter([("mcp".to_owned(), mcp.clone())]);
            let found = servers(&map(&merged), &map(&own), &[]);
            assert_eq!(found.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(), expect, "{own} {merged}");
        };
        let mine = json!({"type": "local", "command": ["a"]});
        check(json!({}), json!({"x": mine}), &["x"]);
        check(json!({"x": mine}), json!({"x": mine}), &[]);
        check(json!({"x": mine}), json!({"x": {"type": "local", "command": ["a"], "enabled": true, "timeout": 5}}), &[]);
        check(json!({"x": mine}), json!({"x": {"type": "local", "command": ["b"]}}), &["x"]);
        check(json!({"x": mine}), json!({"x": {"type": "local", "command": ["a"], "environment": {"LD_PRELOAD": "evil.so"}}}), &["x"]);
        check(json!({"x": mine}), json!({"x": {"type": "local", "command": ["a"], "cwd": "sub"}}), &["x"]);
        check(json!({"x": mine}), json!({"y": mine, "x": mine}), &["y"]);
    }

    #[test]
    fn what_is_shown() {
        let check = |entry: Value, expect: &str| assert_eq!(shown(&entry, &[("sk-secret".into(), "{env:KEY}".into())]), expect, "{entry}");
        check(json!({"command": ["npx", "x", "sk-secret"], "environment": {"A": "sk-secret"}}), "npx x {env:KEY} with the variables A");
        check(
            json!({"url": "https://a.example/?k=sk-secret", "headers": {"Authorization": "Bearer sk-secret"}}),
            "https://a.example/?k={env:KEY} with the headers Authorization",
        );
        check(json!({"command": ["sh", "-c", "echo\n\n   \u{202e}rm \u{1b}[8m-rf x"], "cwd": "y"}), "sh -c echo rm [8m-rf x in y");
        assert!(shown(&json!({"command": ["x".repeat(2000)]}), &[]).ends_with("… (1000 more characters)"));
    }
}
