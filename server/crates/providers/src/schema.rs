//! JSON Schemas of tools, as APIs take them.
//!
//! **Invariant:** what comes out is never refused, and never allows less than what went in.

use serde_json::{Map, Value, json};

/// Deeper, anything goes: a schema that refers to itself has no end.
const DEEPEST: usize = 24;

/// OpenAI wants an object without alternatives at the top, and no boolean or item-less array schemas below.
pub(crate) fn for_openai(schema: &Value) -> Value {
    let mut whole = openai(schema);
    if let Value::Object(object) = &mut whole {
        for word in ["anyOf", "oneOf", "allOf", "enum", "not"] {
            object.shift_remove(word);
        }
        object.insert("type".into(), json!("object"));
        object.entry("properties").or_insert_with(|| json!({}));
    }
    whole
}

fn openai(schema: &Value) -> Value {
    let Value::Object(object) = schema else { return json!({}) };
    let mut out = Map::new();
    for (word, value) in object {
        let value = match (word.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                schemas.iter().map(|(name, schema)| (name.clone(), openai(schema))).collect()
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => schemas.iter().map(openai).collect(),
            ("items", Value::Array(schemas)) => schemas.first().map_or_else(|| json!({}), openai),
            ("items", schema) => openai(schema),
            _ => value.clone(),
        };
        out.insert(word.clone(), value);
    }
    if schema_type(object) == Some("array") && !out.contains_key("items") {
        out.insert("items".into(), json!({}));
    }
    Value::Object(out)
}

/// Moonshot wants nothing beside a reference, and one schema for a list's items.
pub(crate) fn for_moonshot(schema: &Value) -> Value {
    match schema {
        Value::Object(object) if object.get("$ref").is_some_and(Value::is_string) => json!({"$ref": object["$ref"]}),
        Value::Object(object) => {
            let inner = |(word, value): (&String, &Value)| {
                let value = match (word.as_str(), value) {
                    ("items", Value::Array(tuple)) => tuple.first().map_or_else(|| json!({}), for_moonshot),
                    // Names of properties are no words of the language.
                    ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                        schemas.iter().map(|(name, schema)| (name.clone(), for_moonshot(schema))).collect()
                    }
                    ("enum" | "const" | "default" | "examples" | "required", value) => value.clone(),
                    (_, value) => for_moonshot(value),
                };
                (word.clone(), value)
            };
            Value::Object(object.iter().map(inner).collect())
        }
        Value::Array(schemas) => schemas.iter().map(for_moonshot).collect(),
        other => other.clone(),
    }
}

/// Gemini knows a part of OpenAPI's schemas. None where a tool takes nothing.
pub(crate) fn for_gemini(schema: &Value) -> Option<Value> {
    let whole = gemini(schema, schema, DEEPEST);
    whole.get("properties").is_some().then_some(whole)
}

/// Whether a word goes as it is: its value has the right shape.
fn is_plain(word: &str, value: &Value) -> bool {
    match word {
        "description" => value.is_string(),
        "nullable" => value.is_boolean(),
        "minimum" | "maximum" => value.is_number(),
        "minItems" | "maxItems" | "minLength" | "maxLength" => value.is_u64(),
        _ => false,
    }
}

fn gemini(schema: &Value, root: &Value, depth: usize) -> Value {
    // `true`, or a reference without end: a text can hold anything.
    let anything = || json!({"type": "string"});
    let (Some(object), Some(depth)) = (schema.as_object(), depth.checked_sub(1)) else { return anything() };
    let Some(object) = resolved(object, root, depth) else { return anything() };
    let inner = |schema: &Value| gemini(schema, root, depth);

    let plain = object.iter().filter(|(word, value)| is_plain(word, value));
    let mut out: Map<String, Value> = plain.map(|(word, value)| (word.clone(), value.clone())).collect();
    let types = match object.get("type") {
        Some(Value::Array(types)) => types.clone(),
        Some(one @ Value::String(_)) => vec![one.clone()],
        _ => Vec::new(),
    };
    let alternatives: Vec<Value> = match ["anyOf", "oneOf"].iter().find_map(|word| object.get(*word)?.as_array()) {
        Some(schemas) => schemas.clone(),
        None if types.len() > 1 => types.iter().map(|one| with_type(&object, one)).collect(),
        None => Vec::new(),
    };
    if !alternatives.is_empty() {
        let is_null = |schema: &&Value| schema["type"] == "null" || schema.get("const").is_some_and(Value::is_null);
        let rest: Vec<Value> = alternatives.iter().filter(|schema| !is_null(schema)).map(inner).collect();
        out.retain(|word, _| matches!(word.as_str(), "description" | "nullable"));
        if rest.len() < alternatives.len() {
            out.insert("nullable".into(), json!(true));
        }
        match <[Value; 1]>::try_from(rest) {
            Ok([Value::Object(one)]) => {
                for (word, value) in one {
                    out.entry(word).or_insert(value);
                }
            }
            Ok(_) => {}
            Err(rest) if rest.is_empty() => return anything(),
            Err(rest) => {
                out.insert("anyOf".into(), Value::Array(rest));
            }
        }
        return Value::Object(out);
    }

    let kind = schema_type(&object).unwrap_or("string").to_owned();
    out.insert("type".into(), json!(kind));
    match kind.as_str() {
        "object" => {
            let properties = object.get("properties").and_then(Value::as_object);
            if let Some(properties) = properties.filter(|properties| !properties.is_empty()) {
                let required = object.get("required").and_then(Value::as_array).into_iter().flatten();
                let required: Vec<&Value> =
                    required.filter(|name| name.as_str().is_some_and(|name| properties.contains_key(name))).collect();
                if !required.is_empty() {
                    out.insert("required".into(), json!(required));
                }
                out.insert("properties".into(), properties.iter().map(|(name, schema)| (name.clone(), inner(schema))).collect());
            }
        }
        "array" => {
            let items = match object.get("items").or_else(|| object.get("prefixItems")) {
                Some(Value::Array(tuple)) => tuple.first().map_or_else(anything, inner),
                Some(items) => inner(items),
                None => anything(),
            };
            out.insert("items".into(), items);
        }
        _ => {}
    }
    let values: Vec<&Value> = object.get("enum").and_then(Value::as_array).into_iter().flatten().chain(object.get("const")).collect();
    let texts: Vec<String> = values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    match kind.as_str() {
        _ if texts.is_empty() => {}
        // An empty one is refused.
        "string" => {
            let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
            if texts.len() == values.len() {
                out.insert("enum".into(), json!(texts));
            }
        }
        // Only texts may be enumerated, and texts would come back as such.
        _ => {
            let known = out.get("description").and_then(Value::as_str).map(|text| format!("{text} ")).unwrap_or_default();
            out.insert("description".into(), json!(format!("{known}One of: {}.", texts.join(", "))));
        }
    }
    Value::Object(out)
}

/// The schema with what it refers to (`$ref`) and what it consists of (`allOf`) put in. None if it refers to itself.
fn resolved(object: &Map<String, Value>, root: &Value, depth: usize) -> Option<Map<String, Value>> {
    let depth = depth.checked_sub(1)?;
    let mut out = object.clone();
    let target = out.shift_remove("$ref");
    let parts = out.shift_remove("allOf");
    let target = target.as_ref().and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?));
    for part in target.into_iter().chain(parts.as_ref().and_then(Value::as_array).into_iter().flatten()).filter_map(Value::as_object) {
        for (word, value) in resolved(part, root, depth)? {
            match (out.get_mut(&word), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                (Some(Value::Array(known)), Value::Array(more)) if word == "required" => known.extend(more),
                (Some(_), _) => {}
                (None, value) => {
                    out.insert(word, value);
                }
            }
        }
    }
    Some(out)
}

fn with_type(object: &Map<String, Value>, one: &Value) -> Value {
    let mut branch = object.clone();
    branch.shift_remove("description");
    branch.insert("type".into(), one.clone());
    Value::Object(branch)
}

/// The type that is named, or can be told from the other words.
fn schema_type(object: &Map<String, Value>) -> Option<&str> {
    let named = match object.get("type") {
        Some(Value::Array(types)) => types.first()?.as_str(),
        Some(one) => one.as_str(),
        None => None,
    };
    let of_values = || match object.get("enum").and_then(|values| values.get(0)).or_else(|| object.get("const"))? {
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) => Some(if number.is_f64() { "number" } else { "integer" }),
        _ => Some("string"),
    };
    named
        .or_else(|| object.contains_key("properties").then_some("object"))
        .or_else(|| (object.contains_key("items") || object.contains_key("prefixItems")).then_some("array"))
        .or_else(of_values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openai_takes_these() {
        let check = |schema: Value, expect: Value| assert_eq!(for_openai(&schema), expect, "{schema}");
        let whole = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}, "required": ["a"], "additionalProperties": false});
        check(whole.clone(), whole);
        check(json!({}), json!({"type": "object", "properties": {}}));
        check(json!(true), json!({"type": "object", "properties": {}}));
        check(
            json!({"anyOf": [{"required": ["a"]}], "properties": {"a": true, "items": {"type": "array"}, "t": {"items": [{"type": "string"}]}}}),
            json!({"properties": {"a": {}, "items": {"type": "array", "items": {}}, "t": {"items": {"type": "string"}}}, "type": "object"}),
        );
        check(
            json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "array"}, {"type": "null"}]}}}),
            json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "array", "items": {}}, {"type": "null"}]}}}),
        );
    }

    #[test]
    fn moonshot_takes_these() {
        let check = |schema: Value, expect: Value| assert_eq!(for_moonshot(&schema), expect, "{schema}");
        check(json!({"$ref": "#/$defs/A", "description": "d", "default": 1}), json!({"$ref": "#/$defs/A"}));
        check(
            json!({"type": "object", "properties": {"$ref": {"type": "array", "items": [{"type": "string"}, {"type": "number"}]}}, "required": ["$ref"]}),
            json!({"type": "object", "properties": {"$ref": {"type": "array", "items": {"type": "string"}}}, "required": ["$ref"]}),
        );
        check(json!({"anyOf": [{"$ref": "#/a", "title": "t"}, {"type": "null"}]}), json!({"anyOf": [{"$ref": "#/a"}, {"type": "null"}]}));
    }

    #[test]
    fn gemini_takes_these() {
        let check = |property: Value, expect: Value| {
            let schema = json!({
                "$schema": "x", "type": "object", "additionalProperties": false, "properties": {"p": property}, "required": ["p", "gone"],
                "$defs": {"S": {"type": "string", "description": "s"}, "Loop": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Loop"}}},
                          "Self": {"$ref": "#/$defs/Self"}},
            });
            let got = for_gemini(&schema).unwrap();
            assert_eq!((&got["type"], &got["required"]), (&json!("object"), &json!(["p"])));
            assert_eq!(got["properties"]["p"], expect, "{property}");
        };
        check(
            json!({"type": "string", "description": "d", "pattern": "^a", "format": "uri", "default": "x", "title": "T", "minLength": 1}),
            json!({"description": "d", "minLength": 1, "type": "string"}),
        );
        check(json!({"type": "integer", "minimum": 1, "exclusiveMaximum": 5}), json!({"minimum": 1, "type": "integer"}));
        check(json!({"type": ["string", "null"]}), json!({"nullable": true, "type": "string"}));
        check(
            json!({"type": ["string", "number"], "description": "d"}),
            json!({"description": "d", "anyOf": [{"type": "string"}, {"type": "number"}]}),
        );
        check(json!({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": null}), json!({"nullable": true, "type": "integer"}));
        check(
            json!({"oneOf": [{"const": "a"}, {"type": "boolean"}]}),
            json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "boolean"}]}),
        );
        check(json!({"enum": ["a", "b"]}), json!({"type": "string", "enum": ["a", "b"]}));
        check(json!({"enum": ["", "b"]}), json!({"type": "string"}));
        check(json!({"type": "string", "enum": [1, 2]}), json!({"type": "string", "enum": ["1", "2"]}));
        check(json!({"enum": [1, 2], "description": "Size."}), json!({"description": "Size. One of: 1, 2.", "type": "integer"}));
        check(json!({"const": true}), json!({"type": "boolean", "description": "One of: true."}));
        check(json!({"type": "array"}), json!({"type": "array", "items": {"type": "string"}}));
        check(json!({"type": "array", "items": {}}), json!({"type": "array", "items": {"type": "string"}}));
        check(json!({"prefixItems": [{"type": "number"}]}), json!({"type": "array", "items": {"type": "number"}}));
        check(json!({"type": "string", "properties": {"a": {}}, "required": ["a"]}), json!({"type": "string"}));
        check(json!({"type": "object"}), json!({"type": "object"}));
        check(json!({"$ref": "#/$defs/S", "description": "own"}), json!({"description": "own", "type": "string"}));
        check(json!({"$ref": "#/$defs/Nothing"}), json!({"type": "string"}));
        check(json!({"$ref": "#/$defs/Self"}), json!({"type": "string"}));
        check(json!(true), json!({"type": "string"}));
        check(
            json!({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": true}, "required": ["b"]}]}),
            json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}),
        );
        // Names of properties are no words of the language.
        check(
            json!({"properties": {"$ref": {"type": "string"}, "additionalProperties": {"type": "string"}}}),
            json!({"type": "object", "properties": {"$ref": {"type": "string"}, "additionalProperties": {"type": "string"}}}),
        );
        let looped =
            for_gemini(&json!({"properties": {"l": {"$ref": "#/$defs/L"}}, "$defs": {"L": {"properties": {"n": {"$ref": "#/$defs/L"}}}}}));
        assert!(!looped.unwrap().to_string().contains("$ref"));
        assert_eq!(for_gemini(&json!({"type": "object", "properties": {}})), None);
    }
}
