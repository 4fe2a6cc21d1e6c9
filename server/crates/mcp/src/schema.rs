//! The schema of a tool's arguments, made one that each provider takes: a single tool that none takes would have every request refused.
//!
//! Must not know providers' own wishes, which their adapters see to.
//!
//! **Invariant:** what comes out is an object's schema of a bounded size and depth, in which each known word has a value of its kind; it allows no less than what went in.

use serde_json::{Map, Value, json};

/// Most bytes.
const LARGEST: usize = 16 << 10;
/// Deeper, anything goes.
const DEEPEST: usize = 16;
/// The longest name of an argument that all providers take.
const NAME: usize = 64;
const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];

/// A schema for a tool's arguments.
pub(crate) fn of_arguments(schema: &Value) -> Value {
    let mut object = match mended(schema, schema, 0) {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    // Alternatives may not stand at the top.
    for word in ["$schema", "$id", "anyOf", "oneOf", "allOf", "enum", "const", "not", "if", "then", "else", "$ref"] {
        object.shift_remove(word);
    }
    object.insert("type".into(), json!("object"));
    let Value::Object(properties) = object.entry("properties").or_insert_with(|| json!({})) else { return nothing() };
    let fits =
        |name: &str| (1..=NAME).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'));
    properties.retain(|name, _| fits(name));
    let known: Vec<String> = properties.keys().cloned().collect();
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.retain(|name| known.iter().any(|known| name == known));
    }
    let mut schema = Value::Object(object);
    if schema.to_string().len() > LARGEST {
        without_words(&mut schema);
    }
    if schema.to_string().len() > LARGEST { nothing() } else { schema }
}

fn nothing() -> Value {
    json!({ "type": "object", "properties": {} })
}

/// The schema with each known word as it must be; what is not is left out.
fn mended(schema: &Value, root: &Value, depth: usize) -> Value {
    let Value::Object(object) = schema else { return if schema.is_boolean() { schema.clone() } else { json!({}) } };
    if depth > DEEPEST {
        return json!({});
    }
    let below = |schema: &Value| mended(schema, root, depth + 1);
    let word = |(word, value): (&String, &Value)| {
        let value = match (word.as_str(), value) {
            ("type", Value::String(name)) => TYPES.contains(&name.as_str()).then(|| value.clone())?,
            ("type", Value::Array(names)) => names.iter().all(|name| TYPES.iter().any(|known| name == known)).then(|| value.clone())?,
            ("properties" | "$defs" | "definitions" | "patternProperties", Value::Object(schemas)) => {
                schemas.iter().map(|(name, schema)| (name.clone(), below(schema))).collect()
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) if !schemas.is_empty() => {
                schemas.iter().map(below).collect()
            }
            // An older way to write a tuple.
            ("items", Value::Array(schemas)) => schemas.first().map(below)?,
            (
                "items" | "additionalProperties" | "not" | "contains" | "propertyNames" | "if" | "then" | "else",
                Value::Object(_) | Value::Bool(_),
            ) => below(value),
            ("required", Value::Array(names)) => names.iter().all(Value::is_string).then(|| value.clone())?,
            ("enum", Value::Array(values)) => (!values.is_empty()).then(|| value.clone())?,
            ("$ref", Value::String(place)) => place.strip_prefix('#').and_then(|place| root.pointer(place)).map(|_| value.clone())?,
            ("description" | "title" | "format" | "pattern" | "$comment", Value::String(_)) => value.clone(),
            ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf", Value::Number(_)) => value.clone(),
            ("minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties", Value::Number(number)) => {
                number.as_u64().map(|_| value.clone())?
            }
            ("default" | "const" | "examples" | "uniqueItems" | "nullable" | "deprecated" | "readOnly", _) => value.clone(),
            // Words of its own, and known ones that hold something else.
            _ => return None,
        };
        Some((word.clone(), value))
    };
    Value::Object(object.iter().filter_map(word).collect())
}

/// Descriptions are what a schema can do without.
fn without_words(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // Where it holds a schema it is an argument's name.
            let is_words =
                |(key, value): (&String, &Value)| matches!(key.as_str(), "description" | "title" | "examples") && !value.is_object();
            let gone: Vec<String> = object.iter().filter(|pair| is_words(*pair)).map(|(key, _)| key.clone()).collect();
            gone.iter().for_each(|key| drop(object.shift_remove(key)));
            object.values_mut().for_each(without_words);
        }
        Value::Array(list) => list.iter_mut().for_each(without_words),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: Value, expect: Value) {
        assert_eq!(of_arguments(&schema), expect, "{schema}");
    }

    /// One argument.
    fn one(schema: Value) -> Value {
        json!({ "type": "object", "properties": { "a": schema } })
    }

    #[test]
    fn an_object_at_the_top() {
        check(Value::Null, nothing());
        check(json!("hello"), nothing());
        check(json!({"type": "array", "properties": 3, "required": "x", "anyOf": [{}]}), nothing());
        let good = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
        check(good.clone(), good.clone());
        let mut more = good.clone();
        more["$schema"] = json!("x");
        more["x-own"] = json!({});
        more["properties"]["bad name"] = json!({});
        more["required"] = json!(["a", "bad name"]);
        check(more, good);
    }

    #[test]
    fn words_hold_what_they_must() {
        let same = [
            json!({"type": ["string", "null"], "description": "d", "enum": ["x"], "minLength": 1}),
            json!({"anyOf": [{"type": "string"}, {"$ref": "#/properties/a"}]}),
            json!({"type": "array", "items": {"type": "object", "properties": {"type": {"type": "string"}}}}),
        ];
        for schema in same {
            check(one(schema.clone()), one(schema));
        }
        check(
            one(json!({"type": "str", "enum": [], "required": [1], "minLength": -1, "exclusiveMinimum": true, "properties": []})),
            one(json!({})),
        );
        check(one(json!({"type": "array", "items": [{"type": "string"}, {}]})), one(json!({"type": "array", "items": {"type": "string"}})));
        check(one(json!({"$ref": "http://evil.example/x"})), one(json!({})));
        check(one(json!({"$ref": "#/nowhere", "description": {"not": "words"}})), one(json!({})));
    }

    #[test]
    fn a_bounded_size() {
        let long = "x".repeat(LARGEST);
        let short = json!({"type": "object", "properties": {"a": {"type": "string"}, "title": {"type": "string"}}});
        let mut wordy = short.clone();
        wordy["properties"]["a"]["description"] = json!(long);
        check(wordy, short);
        check(one(json!({"const": long})), nothing());
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"type": "array", "items": deep});
        }
        assert!(of_arguments(&one(deep)).to_string().len() < 1000);
    }
}
