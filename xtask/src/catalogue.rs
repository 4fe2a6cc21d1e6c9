//! The built-in catalogue of models, made from models.dev's data.
//!
//! Owns what is taken from it (`catalogue/selection.json`) and how little is written. Must not know what the product does with it.
//!
//! **Invariant:** what is written depends on the two files alone, and holds nothing that the selection did not ask for.
//!
//! The selection has, for each provider, what replaces the source's own entry, and `models`: patterns in order of preference (the first model is the
//! provider's best), and `override`: fields of the models that a pattern fits. In a pattern `*` is anything, and `=N` takes the N newest. A pattern with `*` takes no deprecated model and none that calls no tools.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::run::{Result, root, say};

const SELECTION: &str = include_str!("catalogue/selection.json");
const FOLDER: &str = "server/crates/providers/src/catalogue";

/// More than this would be felt in the size of the binary.
const BUDGET: usize = 90_000;

/// Writes the catalogue from a copy of models.dev's `api.json`.
pub fn write(source: &Path) -> Result {
    let text = fs::read_to_string(source).map_err(|error| format!("{}: {error}", source.display()))?;
    let api: Map<String, Value> = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", source.display()))?;
    let selection: Map<String, Value> = serde_json::from_str(SELECTION).map_err(|error| format!("selection.json: {error}"))?;
    let mut size = 0;
    for (id, wanted) in &selection {
        let provider = api.get(id).ok_or_else(|| format!("{} has no provider `{id}`", source.display()))?;
        let (text, missed) = provider_file(provider, wanted)?;
        missed.iter().for_each(|pattern| say(&format!("{id}: nothing is like {pattern}")));
        size += text.len();
        let file = root().join(FOLDER).join(format!("{id}.json"));
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    say(&format!("{} providers, {size} bytes in {FOLDER}; newest entry: {}", selection.len(), newest(&api)));
    say("Now state that date in catalogue.rs, name new providers there, and run the tests.");
    if size > BUDGET { Err(format!("the catalogue may have {BUDGET} bytes").into()) } else { Ok(()) }
}

/// A provider's file, one line a model, and the patterns that fit none.
fn provider_file(provider: &Value, wanted: &Value) -> Result<(String, Vec<String>)> {
    let mut head = Map::new();
    for field in ["npm", "name", "api", "env", "options"] {
        if let Some(value) = wanted.get(field).or_else(|| provider.get(field)) {
            head.insert(field.to_owned(), value.clone());
        }
    }
    let models = provider["models"].as_object().ok_or("a provider without models")?;
    let patterns = wanted["models"].as_str().ok_or("a selection without models")?;
    let (mut lines, mut taken, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    for pattern in patterns.split(' ') {
        let found = matching(models, pattern)?;
        if found.is_empty() {
            missed.push(pattern.to_owned());
        }
        for (id, model) in found {
            if !taken.contains(&id) {
                taken.push(id);
                let mut model = compact(model);
                for (pattern, fields) in wanted["override"].as_object().into_iter().flatten().filter(|(pattern, _)| fits(pattern, id)) {
                    model.extend(fields.as_object().cloned().ok_or_else(|| format!("the override of {pattern} is no object"))?);
                }
                lines.push(format!("{}:{}", json!(id), Value::Object(model)));
            }
        }
    }
    let head = json!(head).to_string();
    Ok((format!("{},\"models\":{{\n{}\n}}}}\n", head.strip_suffix('}').unwrap_or(&head), lines.join(",\n")), missed))
}

/// The models that a pattern stands for, the newest first.
fn matching<'a>(models: &'a Map<String, Value>, pattern: &str) -> Result<Vec<(&'a str, &'a Value)>> {
    let (pattern, most) = match pattern.split_once('=') {
        Some((pattern, most)) => (pattern, most.parse().map_err(|_| format!("`{pattern}={most}` asks for no number"))?),
        None => (pattern, usize::MAX),
    };
    if let Some((id, model)) = models.get_key_value(pattern) {
        return Ok(vec![(id, model)]);
    }
    let good = |model: &Value| model["tool_call"] == true && model["status"] != "deprecated" && writes_text(model);
    let mut found: Vec<_> =
        models.iter().filter(|(id, model)| fits(pattern, id) && good(model)).map(|(id, model)| (id.as_str(), model)).collect();
    // Of two names for one model the shorter one stays what it is called.
    found.sort_by_key(|(id, _)| id.len());
    found.sort_by(|(_, a), (_, b)| b["release_date"].as_str().cmp(&a["release_date"].as_str()));
    found.truncate(most);
    Ok(found)
}

fn writes_text(model: &Value) -> bool {
    model["modalities"]["output"].as_array().is_none_or(|kinds| kinds.iter().all(|kind| kind == "text"))
}

/// `*` is anything, but no slash.
fn fits(pattern: &str, id: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == id,
        Some((start, rest)) => id.strip_prefix(start).is_some_and(|tail| {
            let end = tail.find('/').unwrap_or(tail.len());
            (0..=end).filter(|at| tail.is_char_boundary(*at)).any(|at| fits(rest, &tail[at..]))
        }),
    }
}

/// What the product reads, without what it takes for granted.
fn compact(model: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    let mut take = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(field.to_owned(), value);
        }
    };
    let get = |field: &str| model.get(field).cloned();
    take("name", get("name"));
    take("family", get("family"));
    take("reasoning", get("reasoning").filter(|value| *value == true));
    take("reasoning_options", get("reasoning_options").filter(|value| value.as_array().is_some_and(|all| !all.is_empty())));
    take("temperature", get("temperature").filter(|value| *value == false));
    take("tool_call", get("tool_call").filter(|value| *value == false));
    take("interleaved", get("interleaved").filter(|value| *value != false));
    take("status", get("status"));
    take("cost", model.get("cost").map(cost));
    take("limit", get("limit"));
    let input: Vec<&Value> =
        model["modalities"]["input"].as_array().into_iter().flatten().filter(|kind| **kind != "audio" && **kind != "video").collect();
    take("modalities", (input.len() > 1).then(|| json!({"input": input})));
    take("provider", model.get("provider").map(|provider| picked(provider, &["npm", "api"])));
    out
}

/// Prices of text; those for a long input once, as tiers where there are any.
fn cost(cost: &Value) -> Value {
    let prices = ["input", "output", "cache_read", "cache_write", "reasoning"];
    let mut out = picked(cost, &prices);
    if let Some(tiers) = cost["tiers"].as_array() {
        let fields = [&prices[..], &["tier"]].concat();
        out["tiers"] = tiers.iter().map(|tier| picked(tier, &fields)).collect();
    } else if let Some(long) = cost.get("context_over_200k") {
        out["context_over_200k"] = picked(long, &prices);
    }
    out
}

fn picked(value: &Value, fields: &[&str]) -> Value {
    fields.iter().filter_map(|field| Some(((*field).to_owned(), value.get(field)?.clone()))).collect::<Map<_, _>>().into()
}

/// The day up to which the data goes.
fn newest(api: &Map<String, Value>) -> &str {
    let models = api.values().filter_map(|provider| provider["models"].as_object()).flat_map(Map::values);
    models.filter_map(|model| model["last_updated"].as_str()).max().unwrap_or("none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, id: &str, expect: bool| assert_eq!(fits(pattern, id), expect, "{pattern} {id}");
        check("gpt-5", "gpt-5", true);
        check("gpt-5", "gpt-5.5", false);
        check("gpt-*-codex", "gpt-5.3-codex", true);
        check("gpt-*-codex", "gpt-5.3-codex-spark", false);
        check("*", "a/b", false);
        check("a/*", "a/b:free", true);
        check("é*", "éa", true);
    }

    #[test]
    fn a_provider_is_selected_and_compacted() {
        let model = |id: &str, date: &str, more: Value| {
            let mut model = json!({"id": id, "name": id, "description": "x", "release_date": date, "tool_call": true, "reasoning": false, "attachment": true,
                "modalities": {"input": ["text", "image", "audio"], "output": ["text"]}, "limit": {"context": 10, "output": 5}});
            model.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            model
        };
        let tier = json!({"input": 2, "output": 4, "input_audio": 9, "tier": {"type": "context", "size": 200}});
        let cost = json!({"cost": {"input": 1, "output": 2, "tiers": [tier], "context_over_200k": {"input": 2}}});
        let provider = json!({"id": "p", "name": "P", "npm": "n", "env": ["K"], "doc": "d", "models": {
            "a-1": model("a-1", "2025-01-01", json!({})),
            "a-2": model("a-2", "2026-01-01", cost),
            "a-3": model("a-3", "2026-02-01", json!({"status": "deprecated"})),
            "a-4": model("a-4", "2026-03-01", json!({"tool_call": false})),
            "old": model("old", "2020-01-01", json!({"status": "deprecated", "modalities": {"input": ["text"]}})),
        }});
        let (text, missed) =
            provider_file(&provider, &json!({"env": ["OTHER"], "models": "old a-*=1 b-*", "override": {"o*": {"status": "beta"}}}))
                .unwrap();
        assert_eq!(missed, ["b-*"]);
        let expect = r#"{"npm":"n","name":"P","env":["OTHER"],"models":{
"old":{"name":"old","status":"beta","limit":{"context":10,"output":5}},
"a-2":{"name":"a-2","cost":{"input":1,"output":2,"tiers":[{"input":2,"output":4,"tier":{"type":"context","size":200}}]},"limit":{"context":10,"output":5},"modalities":{"input":["text","image"]}}
}}
"#;
        assert_eq!(text, expect);
    }
}
