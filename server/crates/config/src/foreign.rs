//! The programs, the MCP servers and the providers that a project's files have a say in, told from those that are the user's own alone.
//!
//! Must not know whether one may be started or asked, nor how.
//!
//! **Invariant:** one is the user's own only if what would be started, or sent, is what the user's own files say; and what is shown of one holds nothing
//! that was put in from the environment or from files.

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

/// A language server, a formatter or a shell that the project brings, or changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignProgram {
    /// Its key, such as `formatter.prettier`.
    pub key: String,
    /// What it runs, for the user.
    pub shown: String,
    /// All that makes it what it is. Perhaps with secrets.
    pub entry: Value,
    /// What the user's own files have in its place.
    pub own: Option<Value>,
}

/// Where the usual shells are: naming one of them brings nothing.
const SHELLS: [&str; 4] = ["/bin/", "/usr/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"];

/// Those of `merged` whose command or variables are not what `own`, the user's own files merged, says. `put_in` are values that were put in for placeholders.
pub(crate) fn programs(merged: &Map<String, Value>, own: &Map<String, Value>, put_in: &[(String, String)]) -> Vec<ForeignProgram> {
    let of = |section: &'static str, variables: &'static str| {
        let run = move |entry: &Value| {
            let mut run = Map::new();
            for (key, to) in [("command", "command"), (variables, "environment")] {
                if let Some(value) = entry.get(key) {
                    run.insert(to.to_owned(), value.clone());
                }
            }
            Value::from(run)
        };
        let entries = merged.get(section).and_then(Value::as_object).into_iter().flatten();
        entries.filter_map(move |(name, entry)| {
            let (own, entry) = (own.get(section).and_then(|section| section.get(name)), run(entry));
            let same = own.map_or(entry == Value::from(Map::new()), |own| run(own) == entry);
            (!same).then(|| ForeignProgram { key: format!("{section}.{name}"), shown: shown(&entry, put_in), entry, own: own.cloned() })
        })
    };
    let shell = merged.get("shell").filter(|shell| own.get("shell") != Some(*shell)).and_then(Value::as_str);
    let shell =
        shell.filter(|shell| shell.contains('/') && (shell.contains("..") || !SHELLS.iter().any(|folder| shell.starts_with(folder))));
    let shell = shell.map(|shell| {
        let entry = serde_json::json!({"command": [shell]});
        ForeignProgram { key: "shell".to_owned(), shown: shown(&entry, put_in), entry, own: own.get("shell").cloned() }
    });
    of("lsp", "env").chain(of("formatter", "environment")).chain(shell).collect()
}

/// A provider whose requests the project has a say in: where they go, and with what.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignProvider {
    /// Its name in `provider`.
    pub name: String,
    /// Where requests go, for the user.
    pub shown: String,
    /// All that decides what is sent where. Perhaps with secrets.
    pub entry: Value,
    /// Whether something of the user's is in it: a key or headers from the user's own files, or what was put in from the environment or from files.
    pub secret: bool,
}

impl std::fmt::Debug for ForeignProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.shown)
    }
}

/// Those of `merged` that go elsewhere, or with something else, than `own`, the user's own files merged, says. `put_in` are values that were put in for
/// placeholders.
pub(crate) fn providers(merged: &Map<String, Value>, own: &Map<String, Value>, put_in: &[(String, String)]) -> Vec<ForeignProvider> {
    let section = |config: &Map<String, Value>| config.get("provider").and_then(Value::as_object).cloned().unwrap_or_default();
    let theirs = section(own);
    let foreign = |(name, entry): (String, Value)| {
        let own = theirs.get(&name).map(sent).unwrap_or_default();
        let entry = sent(&entry);
        let secret = || {
            let of_the_users = |key: &str| own.get(key).is_some_and(|value| entry.get(key) == Some(value));
            let text = Value::from(entry.clone()).to_string();
            ["apiKey", "headers"].into_iter().any(of_the_users) || put_in.iter().any(|(value, _)| !value.is_empty() && holds(&text, value))
        };
        let address = entry.get("baseURL").or(entry.get("api")).and_then(Value::as_str).unwrap_or("another way of sending");
        let shown = visible(address, put_in);
        (entry != own).then(|| ForeignProvider { shown, secret: secret(), name, entry: entry.clone().into() })
    };
    section(merged).into_iter().filter_map(foreign).collect()
}

/// Whether a JSON text has a value in one of its strings.
fn holds(json: &str, value: &str) -> bool {
    let quoted = Value::from(value).to_string();
    json.contains(quoted.trim_matches('"'))
}

/// What decides where a provider's requests go, and what they carry besides the talk.
fn sent(entry: &Value) -> Map<String, Value> {
    let mut sent = entry["options"].as_object().cloned().unwrap_or_default();
    ["timeout", "headerTimeout", "chunkTimeout", "setCacheKey", "includeUsage"].iter().for_each(|key| _ = sent.shift_remove(*key));
    for key in ["api", "npm", "env"] {
        if let Some(value) = entry.get(key) {
            sent.insert(key.to_owned(), value.clone());
        }
    }
    for (model, entry) in entry["models"].as_object().into_iter().flatten() {
        for key in ["provider", "headers"] {
            if let Some(value) = entry.get(key) {
                sent.insert(format!("{model} {key}"), value.clone());
            }
        }
    }
    sent
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
    visible(&text, put_in)
}

/// A text for the user: placeholders in place of what was put in, nothing that a terminal or a reader does not show, and not too long.
fn visible(text: &str, put_in: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    let mut put_in: Vec<_> = put_in.iter().collect();
    // One may stand in another.
    put_in.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    for (value, placeholder) in put_in {
        text = text.replace(value, placeholder);
    }
    let shown =
        |c: char| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| shown(*c)).collect();
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
    fn whose_a_program_is() {
        let check = |own: Value, merged: Value, expect: &[(&str, &str)]| {
            let found = programs(merged.as_object().unwrap(), own.as_object().unwrap(), &[]);
            let found: Vec<_> = found.iter().map(|program| (program.key.as_str(), program.shown.as_str())).collect();
            assert_eq!(found, expect, "{own} {merged}");
        };
        let mine = json!({"formatter": {"f": {"command": ["f", "$FILE"]}}});
        check(json!({}), mine.clone(), &[("formatter.f", "f $FILE")]);
        check(mine.clone(), json!({"formatter": {"f": {"command": ["f", "$FILE"], "extensions": [".x"]}}}), &[]);
        check(
            mine,
            json!({"formatter": {"f": {"command": ["f", "$FILE"], "environment": {"A": "b"}}}}),
            &[("formatter.f", "f $FILE with the variables A")],
        );
        check(json!({}), json!({"formatter": {"prettier": {"disabled": true}}, "lsp": {"rust": {"initialization": {"x": 1}}}}), &[]);
        check(
            json!({}),
            json!({"lsp": {"rust": {"env": {"PATH": "."}}, "x": {"command": ["./x"]}}}),
            &[("lsp.rust", " with the variables PATH".trim()), ("lsp.x", "./x")],
        );
        check(json!({}), json!({"lsp": false, "formatter": true, "shell": "zsh"}), &[]);
        check(json!({}), json!({"shell": "/bin/zsh"}), &[]);
        check(json!({}), json!({"shell": "./tools/bash"}), &[("shell", "./tools/bash")]);
        check(json!({}), json!({"shell": "/bin/../p/bash"}), &[("shell", "/bin/../p/bash")]);
    }

    #[test]
    fn whose_a_provider_is() {
        // The name, and whether something of the user's would be sent.
        let check = |own: Value, merged: Value, expect: &[(&str, bool)]| {
            let map = |section: &Value| Map::from_iter([("provider".to_owned(), section.clone())]);
            let found = providers(&map(&merged), &map(&own), &[("sk-put-in".into(), "{env:KEY}".into())]);
            let found: Vec<_> = found.iter().map(|provider| (provider.name.as_str(), provider.secret)).collect();
            assert_eq!(found, expect, "{own} {merged}");
        };
        let at = |url: &str| json!({"options": {"baseURL": url}});
        check(json!({}), json!({"a": at("http://x")}), &[("a", false)]);
        check(json!({"a": at("http://x")}), json!({"a": at("http://x")}), &[]);
        check(
            json!({"a": at("http://x")}),
            json!({"a": {"name": "A", "options": {"baseURL": "http://x", "timeout": 5}, "models": {"m": {}}}}),
            &[],
        );
        check(json!({}), json!({"a": {"models": {"m": {"limit": {"context": 5}}}}}), &[]);
        check(json!({}), json!({"a": {"options": {"baseURL": "http://x", "apiKey": "theirs"}}}), &[("a", false)]);
        check(json!({}), json!({"a": {"options": {"baseURL": "http://x", "apiKey": "sk-put-in"}}}), &[("a", true)]);
        check(json!({}), json!({"a": {"options": {"baseURL": "http://x/sk-put-in"}}}), &[("a", true)]);
        let mine = json!({"a": {"options": {"apiKey": "mine"}}});
        check(mine.clone(), json!({"a": {"options": {"apiKey": "mine", "baseURL": "http://x"}}}), &[("a", true)]);
        check(mine, json!({"a": {"options": {"apiKey": "theirs", "baseURL": "http://x"}}}), &[("a", false)]);
        check(json!({}), json!({"a": {"models": {"m": {"provider": {"api": "http://x"}}}}}), &[("a", false)]);
        check(json!({}), json!({"a": {"env": ["AWS_SECRET_KEY"]}}), &[("a", false)]);
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
