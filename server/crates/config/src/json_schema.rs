//! The table of keys as a JSON Schema, for editors that complete them.
//!
//! Must not know more of a key than the table and a line of words.
//!
//! **Invariant:** what the schema accepts is accepted without a warning, but for keys without effect, which it calls deprecated.

use serde_json::{Map, Value, json};

use crate::shape::{ACTIONS, CONFIG, Rest, Shape};

/// A line for each of the most used keys.
const WORDS: &[(&str, &str)] = &[
    ("model", "`provider/model` or `provider/model#variant`; a list is tried in order."),
    ("small_model", "For titles and other side jobs."),
    ("default_agent", "The agent that answers where none is named: `build`."),
    ("subagent_depth", "How deep subagents may start others: 1."),
    ("shell", "The shell that runs commands."),
    ("provider", "Providers by id: keys, addresses, models."),
    ("disabled_providers", "Providers that are not used."),
    ("enabled_providers", "The only providers that are used."),
    ("agent", "Agents by name; Markdown files in `agent/` are the same."),
    ("command", "Slash commands by name; Markdown files in `command/` are the same."),
    ("instructions", "Further instruction files: paths, globs, http(s) addresses."),
    ("permission", "What is allowed, asked or denied; the last rule that matches counts."),
    ("permissions", "The same, as OpenCode 2's list."),
    ("tools", "Deprecated: tools that are on or off."),
    ("mcp", "MCP servers by name."),
    ("lsp", "Language servers: false for none, or by name."),
    ("formatter", "Formatters: true for all that are known, or by name."),
    ("skills", "Further folders with skills."),
    ("snapshot", "False: what commands change in files that are not open cannot be undone."),
    ("compaction", "When and how the conversation is summarised."),
    ("tool_output", "How much of a tool's output the model is given."),
    ("attachment", "How large images may be; what is larger is made smaller."),
    ("budget", "What may be spent, in US dollars: by a turn, a session, a day."),
    ("hooks", "Programs that are run on events."),
    ("websearch", "Whom the `websearch` tool asks."),
    ("experimental", "What may change."),
    ("temperature", "0 to 2."),
    ("template", "With `$ARGUMENTS`, `$1`, `` !`command` `` and `@file`."),
    ("subtask", "Run as a subagent."),
    ("argument-hint", "What is to be written behind the command's name, for people."),
    ("steps", "Most steps of a turn."),
    ("prompt", "Replaces the system prompt."),
];

/// The JSON Schema of a configuration file.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = Map::from_iter([
        ("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into()),
        ("title".to_owned(), "Interline's configuration".into()),
        ("allowTrailingCommas".to_owned(), true.into()),
    ]);
    if let Value::Object(shape) = of(&CONFIG) {
        schema.extend(shape);
    }
    schema.into()
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Any => json!({}),
        Shape::Text | Shape::Words | Shape::Answerer => json!({ "type": "string" }),
        Shape::Flag | Shape::Switch => json!({ "type": "boolean" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Whole => json!({ "type": "integer", "minimum": 0 }),
        Shape::Amount => json!({ "type": "number", "minimum": 0 }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Action => json!({ "enum": ACTIONS }),
        Shape::List(inner) => json!({ "type": "array", "items": of(inner) }),
        Shape::Map(inner) => json!({ "type": "object", "additionalProperties": of(inner) }),
        Shape::Object([], Rest::Permissions(inner)) => of(&Shape::Map(inner)),
        Shape::Object(keys, rest) => {
            let properties: Map<String, Value> = keys.iter().map(|(key, shape)| ((*key).to_owned(), described(key, of(shape)))).collect();
            let more = match rest {
                Rest::Warn => json!(false),
                Rest::Keep | Rest::Known(..) => json!(true),
                Rest::Each(shape) | Rest::Permissions(shape) => of(shape),
            };
            json!({ "type": "object", "properties": properties, "additionalProperties": more })
        }
        Shape::Needs(names, inner) => with(of(inner), "required", json!(names)),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() }),
        Shape::Unused(idle) => {
            with(with(of(&idle.shape), "deprecated", true.into()), "description", format!("Without effect: {}.", idle.instead).into())
        }
    }
}

fn described(key: &str, schema: Value) -> Value {
    match WORDS.iter().find(|(name, _)| *name == key) {
        Some((_, words)) if schema.get("description").is_none() => with(schema, "description", (*words).into()),
        _ => schema,
    }
}

fn with(mut schema: Value, key: &str, value: Value) -> Value {
    schema[key] = value;
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_for_editors_is_current() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/config.schema.json");
        let current = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
        if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
            std::fs::write(file, &current).unwrap();
        }
        let kept = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            kept == current,
            "docs/config.schema.json is not what the table of keys says: `interline config --schema > docs/config.schema.json`"
        );
    }

    #[test]
    fn keys_have_their_types_and_words() {
        let schema = json_schema();
        let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).clone();
        assert_eq!(at("/properties/budget/properties/day"), json!({"type": "number", "minimum": 0}));
        assert_eq!(at("/properties/agent/additionalProperties/properties/mode/enum"), json!(["primary", "subagent", "all"]));
        assert_eq!(at("/properties/command/additionalProperties/required"), json!(["template"]));
        assert_eq!(at("/properties/theme/deprecated"), json!(true));
        assert!(at("/properties/plugin/description").as_str().unwrap().contains(".interline/tool/"));
    }
}
