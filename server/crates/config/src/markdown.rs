//! Markdown with YAML in front: agents, commands and skills.
//!
//! Must not know what the keys mean.
//!
//! **Invariant:** text without front matter is all body; front matter that cannot be read is an error with its line, never a guess.

use serde_json::{Map, Value};

use crate::node::{Entry, Kind, Node};

/// A file's two parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Markdown {
    /// The front matter, in the order written.
    pub data: Map<String, Value>,
    /// The rest, trimmed.
    pub body: String,
}

/// What is wrong with front matter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MarkdownError {
    /// The file's line, from 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// Splits `text` and reads its front matter. Where YAML refuses, a value that is none by itself, such as `Use this: when` or `[file] [line]`, is taken as plain
/// text: OpenCode does so with values that hold a colon.
///
/// # Errors
/// If the front matter is not a YAML mapping.
pub fn parse_markdown(text: &str) -> Result<Markdown, MarkdownError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((front, body)) = split(text) else {
        // A line across the page may begin a text, too; but what restricts an agent must not be lost for want of three dashes.
        if let Some(line) = text.strip_prefix("---").and_then(|rest| rest.lines().nth(1))
            && is_entry(line)
        {
            let message = "the front matter has no end: a line of `---` is missing".to_owned();
            return Err(MarkdownError { line: 1, column: 1, message });
        }
        return Ok(Markdown { data: Map::new(), body: text.trim().to_owned() });
    };
    let data = if front.trim().is_empty() {
        Value::Null
    } else {
        read_yaml(front).or_else(|error| read_yaml(&quoted(front)).map_err(|_| error))?
    };
    let data = match data {
        Value::Object(data) => data,
        Value::Null => Map::new(),
        _ => return Err(MarkdownError { line: 2, column: 1, message: "the front matter must be `key: value` lines".into() }),
    };
    Ok(Markdown { data, body: body.trim().to_owned() })
}

/// The front matter of `text`, each key with its place.
pub(crate) fn front_node(text: &str, data: Map<String, Value>) -> Node {
    let entries = data.into_iter().map(|(key, value)| {
        let at = offset_of(text, &key);
        Entry { at, key, value: Node::at_one_place(value, at) }
    });
    Node { at: 0, kind: Kind::Object(entries.collect()) }
}

/// The offset of the line on which the front matter's top-level `key` stands; 0 if it is not found.
fn offset_of(text: &str, key: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start_matches(['"', '\'']).strip_prefix(key).map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
        if rest.is_some_and(|rest| rest.starts_with(':')) {
            return at;
        }
        at += line.len();
    }
    0
}

fn read_yaml(front: &str) -> Result<Value, MarkdownError> {
    // As OpenCode's reader has it, `n`, `yes` and `off` are words.
    serde_saphyr::from_str_with_options(front, serde_saphyr::options! { strict_booleans: true }).map_err(|error| {
        let location = error.location();
        MarkdownError {
            line: location.map_or(1, |at| usize::try_from(at.line()).unwrap_or(1)) + 1,
            column: location.map_or(1, |at| usize::try_from(at.column()).unwrap_or(1)),
            message: "the front matter is not YAML".into(),
        }
    })
}

/// Whether a line is `key: value`.
fn is_entry(line: &str) -> bool {
    let key = line.split_once(':').filter(|(_, value)| value.is_empty() || value.starts_with([' ', '\t'])).map(|(key, _)| key);
    key.is_some_and(|key| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'')))
}

/// The text between the `---` lines, and what follows.
fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("---")?;
    let rest = rest.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n')?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// Each top-level `key: text` that is no YAML by itself, with the indented lines below it, as a block scalar.
fn quoted(front: &str) -> String {
    let mut entries: Vec<String> = Vec::new();
    for line in front.lines() {
        match entries.last_mut() {
            Some(entry) if line.starts_with([' ', '\t']) || line.trim().is_empty() => entry.push_str(&format!("\n{line}")),
            _ => entries.push(line.to_owned()),
        }
    }
    let quote = |entry: String| {
        let parts = entry.split_once(':').filter(|(key, value)| {
            let first = value.lines().next().unwrap_or_default().trim();
            // What has been begun and not ended is a mistake.
            let begun = first.starts_with(['"', '\'', '{', '|', '>', '&', '*']) || first.starts_with('[') && !first.ends_with(']');
            !first.is_empty() && !begun && !key.is_empty() && !key.starts_with(['#', '-']) && read_yaml(&entry).is_err()
        });
        match parts {
            Some((key, value)) => value.lines().fold(format!("{key}: |-"), |block, line| format!("{block}\n  {}", line.trim())),
            None => entry,
        }
    };
    entries.into_iter().map(quote).fold(String::with_capacity(front.len() + 32), |all, entry| all + &entry + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let check = |text: &str, data: &str, body: &str| {
            let got = parse_markdown(text).unwrap();
            assert_eq!((serde_json::to_string(&got.data).unwrap().as_str(), got.body.as_str()), (data, body), "{text}");
        };
        check("no front matter\n", "{}", "no front matter");
        check("---\n---\nbody\n", "{}", "body");
        check("---\r\nmode: primary\r\n---\r\nbody\r\n", r#"{"mode":"primary"}"#, "body");
        check(
            "---\ndescription: Reviews code\ntemperature: 0.15\nhidden: true\npermission:\n  edit: deny\n  bash:\n    \"*\": ask\n    git *: allow\n---\n\nYou.\n---\nmore\n",
            r#"{"description":"Reviews code","temperature":0.15,"hidden":true,"permission":{"edit":"deny","bash":{"*":"ask","git *":"allow"}}}"#,
            "You.\n---\nmore",
        );
        check("---\ndescription: Use this: when\nmode: all\n---\nx", r#"{"description":"Use this: when","mode":"all"}"#, "x");
        check("---\nargument-hint: [file] [line]\ntools: [a, b]\n---\nx", r#"{"argument-hint":"[file] [line]","tools":["a","b"]}"#, "x");
        check(
            "---\ndescription: Looks\n  Examples:\n  - user: \"a\" → b\n\nmode: all\npermission:\n  edit: deny\n---\nx",
            r#"{"description":"Looks\nExamples:\n- user: \"a\" → b","mode":"all","permission":{"edit":"deny"}}"#,
            "x",
        );
        check("---\ndescription: n\nmode: off\nhidden: true\n---\nx", r#"{"description":"n","mode":"off","hidden":true}"#, "x");
        check("---\nA line across: the page\n", "{}", "---\nA line across: the page");
        check("----\nx\n", "{}", "----\nx");
    }

    #[test]
    fn unreadable_front_matter_has_a_line() {
        let error = parse_markdown("---\nok: 1\nbad: [1, 2\n---\nx").unwrap_err();
        assert!((2..=4).contains(&error.line), "{error:?}");
        let error = parse_markdown("---\ntools:\n  bash: false\nYou only look.\n").unwrap_err();
        assert!(error.line == 1 && error.message.contains("no end"), "{error:?}");
        // What is below a key is no text.
        let error = parse_markdown("---\npermission:\n  edit: [deny\n---\nx").unwrap_err();
        assert!((2..=4).contains(&error.line), "{error:?}");
        assert_eq!(parse_markdown("---\n- a\n- b\n---\nx").unwrap_err().line, 2);
    }

    #[test]
    fn places_of_keys() {
        let text = "---\ndescription: x\n\"mode\": all\n---\n";
        assert_eq!([offset_of(text, "description"), offset_of(text, "mode"), offset_of(text, "none")], [4, 19, 0]);
    }
}
