//! Which line of which file each value of the merged configuration comes from.
//!
//! Owns the places and how they are shown. Must not know what a value does.
//!
//! **Invariant:** nothing that may be a secret is shown: not what stands under a name that speaks of one, not what came from the environment or a file.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::node::{Kind, Node};

/// The line of a value, and of those below it, as they stand in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spot {
    line: usize,
    below: HashMap<String, Spot>,
}

impl Spot {
    /// `line` tells the line of an offset.
    pub(crate) fn of(node: &Node, line: &dyn Fn(usize) -> usize) -> Self {
        let below = match &node.kind {
            Kind::Object(entries) => {
                let entry = |entry: &crate::node::Entry| (entry.key.clone(), Self { line: line(entry.at), ..Self::of(&entry.value, line) });
                entries.iter().map(entry).collect()
            }
            Kind::Array(nodes) => nodes.iter().enumerate().map(|(at, node)| (at.to_string(), Self::of(node, line))).collect(),
            Kind::Scalar(_) => HashMap::new(),
        };
        Self { line: line(node.at), below }
    }

    /// The same, below these keys.
    pub(crate) fn below(self, keys: &[&str]) -> Self {
        keys.iter().rev().fold(self, |spot, key| Self { line: spot.line, below: HashMap::from([((*key).to_owned(), spot)]) })
    }

    /// The line of a lowered value: that of what it was lowered from, or of what that stood in.
    pub(crate) fn line(&self, path: &[&str]) -> usize {
        let mut here = vec![self];
        for key in path {
            let next: Vec<&Self> = here.iter().flat_map(|spot| spot.find(key)).collect();
            if next.is_empty() {
                break;
            }
            here = next;
        }
        here[0].line
    }

    fn find<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Self> {
        let servers = self.below.get("servers").and_then(|servers| servers.below.get(key));
        std::iter::once(key).chain(other_names(key).iter().copied()).filter_map(|name| self.below.get(name)).chain(servers)
    }
}

/// What a key may be called in a file.
fn other_names(key: &str) -> &'static [&'static str] {
    match key {
        "agent" => &["agents", "mode"],
        "command" => &["commands"],
        "provider" => &["providers"],
        "permission" => &["permissions", "tools"],
        "snapshot" => &["snapshots"],
        "attachment" => &["media"],
        "prompt" => &["system"],
        "disable" | "enabled" => &["disabled"],
        "steps" => &["maxSteps"],
        "options" => &["request"],
        "reserved" => &["buffer"],
        "preserve_recent_tokens" => &["keep"],
        "id" => &["modelID"],
        _ => &[],
    }
}

#[derive(Clone, Debug)]
struct Origin {
    file: PathBuf,
    line: usize,
}

/// Where the values come from.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    /// By path.
    places: HashMap<String, Origin>,
    /// What was put in for placeholders, and those.
    hidden: Vec<(String, String)>,
}

/// Longer texts are shown by their beginning, in characters.
const LONG: usize = 100;

impl Origins {
    /// A file's values, lowered: they count over those before.
    pub(crate) fn record(&mut self, file: &Map<String, Value>, label: &Path, spot: &Spot) {
        for (key, value) in file {
            self.value(&[key], value, label, spot);
        }
    }

    fn value(&mut self, path: &[&str], value: &Value, label: &Path, spot: &Spot) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    self.value(&[path, &[key]].concat(), value, label, spot);
                }
            }
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    let origin = Origin { file: label.to_path_buf(), line: spot.line(&[path, &[at.to_string().as_str()]].concat()) };
                    self.places.insert(entry_of(&path.join("\u{1}"), value), origin);
                }
                self.put(path, label, spot);
            }
            _ => self.put(path, label, spot),
        }
    }

    fn put(&mut self, path: &[&str], label: &Path, spot: &Spot) {
        self.places.insert(path.join("\u{1}"), Origin { file: label.to_path_buf(), line: spot.line(path) });
    }

    /// What was put in for placeholders is shown as those.
    pub(crate) fn hide(&mut self, values: Vec<(String, String)>) {
        self.hidden.extend(values);
        self.hidden.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    }

    /// All values as JSON with comments. Files are named as seen from `cwd` or `home`.
    pub(crate) fn show(&self, merged: &Map<String, Value>, cwd: &Path, home: &Path) -> String {
        let mut shown = Shown { origins: self, cwd, home, text: String::new() };
        shown.object("", merged, 0, false);
        shown.text.push('\n');
        shown.text
    }

    fn find(&self, path: &str) -> Option<&Origin> {
        // `mode` and `tools` of all files are lowered when they are merged.
        let merged = [("agent\u{1}", "mode\u{1}"), ("permission\u{1}", "tools\u{1}")];
        let older = || merged.iter().find_map(|(new, old)| self.places.get(&format!("{old}{}", path.strip_prefix(new)?)));
        self.places.get(path).or_else(older)
    }
}

/// An entry of a list is known by what it is: lists grow from file to file.
fn entry_of(path: &str, value: &Value) -> String {
    format!("{path}\u{1}={value}")
}

struct Shown<'a> {
    origins: &'a Origins,
    cwd: &'a Path,
    home: &'a Path,
    text: String,
}

impl Shown<'_> {
    fn object(&mut self, path: &str, map: &Map<String, Value>, depth: usize, secret: bool) {
        if map.is_empty() {
            return self.text.push_str("{}");
        }
        self.text.push_str("{\n");
        for (at, (key, value)) in map.iter().enumerate() {
            let below = if path.is_empty() { key.clone() } else { format!("{path}\u{1}{key}") };
            let secret = secret || speaks_of_a_secret(key, value);
            let _ = write!(self.text, "{}{}: ", "  ".repeat(depth + 1), Value::from(self.visible(key)));
            self.value(&below, value, depth + 1, secret, at + 1 < map.len());
        }
        let _ = write!(self.text, "{}}}", "  ".repeat(depth));
    }

    fn value(&mut self, path: &str, value: &Value, depth: usize, secret: bool, more: bool) {
        let comma = if more { "," } else { "" };
        let own = self.origins.find(path);
        match value {
            Value::Object(map) => {
                self.object(path, map, depth, secret);
                let note = if map.is_empty() { self.note(own) } else { String::new() };
                let _ = writeln!(self.text, "{comma}{note}");
            }
            Value::Array(values) if !values.is_empty() => {
                self.text.push_str("[\n");
                for (at, value) in values.iter().enumerate() {
                    let comma = if at + 1 < values.len() { "," } else { "" };
                    let note = self.note(self.origins.find(&entry_of(path, value)).or(own));
                    let _ = writeln!(self.text, "{}{}{comma}{note}", "  ".repeat(depth + 1), self.scalar(value, secret));
                }
                let _ = writeln!(self.text, "{}]{comma}", "  ".repeat(depth));
            }
            scalar => {
                let _ = writeln!(self.text, "{}{comma}{}", self.scalar(scalar, secret), self.note(own));
            }
        }
    }

    fn note(&self, origin: Option<&Origin>) -> String {
        let Some(Origin { file, line }) = origin else { return String::new() };
        let name = match (file.strip_prefix(self.cwd), file.strip_prefix(self.home)) {
            (Ok(near), _) => near.display().to_string(),
            (_, Ok(below)) => format!("~/{}", below.display()),
            _ => file.display().to_string(),
        };
        format!(" // {name}:{line}")
    }

    fn scalar(&self, value: &Value, secret: bool) -> String {
        match value {
            Value::String(text) => {
                let seen = self.visible(text);
                // A placeholder says where a secret comes from.
                let placeholder = seen.starts_with('{') && seen.ends_with('}') && seen != *text;
                if (secret && !placeholder) || looks_like_a_key(&seen) {
                    return "\"…\"".to_owned();
                }
                let mut short: String = seen.chars().take(LONG).collect();
                if short.len() < seen.len() {
                    let _ = write!(short, "… ({} characters)", seen.chars().count());
                }
                Value::from(short).to_string()
            }
            Value::Array(values) => format!("[{}]", values.iter().map(|value| self.scalar(value, secret)).collect::<Vec<_>>().join(", ")),
            Value::Object(map) => {
                let pair = |(key, value): (&String, &Value)| {
                    format!("{}: {}", Value::from(self.visible(key)), self.scalar(value, secret || speaks_of_a_secret(key, value)))
                };
                format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }

    /// With placeholders for what was put in.
    fn visible(&self, text: &str) -> String {
        self.origins.hidden.iter().fold(text.to_owned(), |text, (value, placeholder)| text.replace(value, placeholder))
    }
}

/// Whether a value under this name is better not shown.
fn speaks_of_a_secret(key: &str, value: &Value) -> bool {
    let name = key.to_ascii_lowercase().replace(['_', '-'], "");
    let map = value.is_object() && matches!(name.as_str(), "headers" | "environment" | "env");
    let word = ["apikey", "secret", "password", "authorization", "credential"].iter().any(|word| name.contains(word));
    map || word || name == "key" || name.ends_with("token") || name.ends_with("accesskey")
}

/// Whether a text has the form of a key, or holds one: `--api-key=…`, `https://user:password@…`.
fn looks_like_a_key(text: &str) -> bool {
    const BEGIN: [&str; 12] = ["sk-", "sk_", "pk-", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AIza", "AKIA", "Bearer ", "eyJ"];
    let lower = text.to_ascii_lowercase();
    let assigned = ["key=", "token=", "secret=", "password="].iter().any(|name| lower.contains(name));
    let user = lower.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')));
    assigned || user || BEGIN.iter().any(|begin| text.starts_with(begin) && text.len() > begin.len() + 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret() {
        let check = |key: &str, value: Value, expect: bool| assert_eq!(speaks_of_a_secret(key, &value), expect, "{key}");
        for key in ["apiKey", "api_key", "clientSecret", "Authorization", "access_token", "key"] {
            check(key, "x".into(), true);
        }
        check("headers", serde_json::json!({}), true);
        check("environment", serde_json::json!({}), true);
        check("env", serde_json::json!(["NAME"]), false);
        check("preserve_recent_tokens", 1.into(), false);
        check("keybinds", "x".into(), false);
        for (text, expect) in [
            ("sk-ant-0123456789", true),
            ("--api-key=x", true),
            ("https://me:pw@host/x", true),
            ("https://host/a@b", false),
            ("anthropic/claude-sonnet-4-5", false),
            ("sk-1", false),
        ] {
            assert_eq!(looks_like_a_key(text), expect, "{text}");
        }
    }
}
