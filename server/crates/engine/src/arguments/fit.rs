//! Arguments that nearly fit their schema: a number as a text, a list as JSON in a text, a name in another spelling.
//!
//! Owns what may be read in one way only. Must not know any tool: what is taken comes from its schema, other names from a table.
//!
//! **Invariant:** a value that fits stays as it is; what cannot be fitted is left for the tool to refuse.

use serde_json::{Map, Value};

/// What required parameters are called by other agents' tools, without case, `_` and `-`.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    ("filepath", &["path", "file", "filename", "targetfile"]),
    ("oldstring", &["oldstr", "oldtext"]),
    ("newstring", &["newstr", "newtext"]),
    ("content", &["filetext", "contents", "text"]),
    ("command", &["cmd"]),
    ("patchtext", &["patch", "input"]),
];

/// `value` as `schema` (JSON Schema) wants it, where that is clear.
#[must_use]
pub fn fit(schema: &Value, value: Value) -> Value {
    let value = retyped(schema, value);
    match value {
        Value::Object(object) => Value::Object(members(schema, object)),
        Value::Array(items) if schema["items"].is_object() => items.into_iter().map(|item| fit(&schema["items"], item)).collect(),
        other => other,
    }
}

fn members(schema: &Value, mut object: Map<String, Value>) -> Map<String, Value> {
    let Some(properties) = schema["properties"].as_object() else { return object };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for name in properties.keys().filter(|name| !object.contains_key(*name)).collect::<Vec<_>>() {
        let wanted = plain(name);
        let same = |key: &String| !properties.contains_key(key) && plain(key) == wanted;
        let others = OTHER_NAMES.iter().find(|(known, _)| *known == wanted && required.contains(&name.as_str()));
        let other = |key: &String| !properties.contains_key(key) && others.is_some_and(|(_, names)| names.contains(&plain(key).as_str()));
        if let Some(key) = only(object.keys().filter(|key| same(key))).or_else(|| only(object.keys().filter(|key| other(key))))
            && let Some(value) = object.shift_remove(&key)
        {
            object.insert(name.clone(), value);
        }
    }
    for (name, inner) in properties {
        if let Some(value) = object.get_mut(name) {
            *value = fit(inner, value.take());
        }
    }
    object
}

/// The one that there is; none if there are several.
fn only<'a>(mut keys: impl Iterator<Item = &'a String>) -> Option<String> {
    let first = keys.next()?;
    keys.next().is_none().then(|| first.clone())
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// The value in the schema's type, if it has another one that can be read in one way only.
fn retyped(schema: &Value, value: Value) -> Value {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        _ => return value,
    };
    let has = |kind: &str| types.contains(&kind);
    let fits = match &value {
        Value::Null => true,
        Value::Bool(_) => has("boolean"),
        Value::Number(_) => has("number") || has("integer"),
        Value::String(_) => has("string"),
        Value::Array(_) => has("array"),
        Value::Object(_) => has("object"),
    };
    let read = match &value {
        _ if fits => None,
        Value::String(text) => match (text.trim(), serde_json::from_str::<Value>(text.trim())) {
            ("True", _) if has("boolean") => Some(Value::Bool(true)),
            ("False", _) if has("boolean") => Some(Value::Bool(false)),
            (_, Ok(inner @ Value::Bool(_))) if has("boolean") => Some(inner),
            (_, Ok(inner @ Value::Number(_))) if has("number") || has("integer") => Some(inner),
            (_, Ok(inner @ Value::Array(_))) if has("array") => Some(inner),
            (_, Ok(inner @ Value::Object(_))) if has("object") => Some(inner),
            _ => None,
        },
        Value::Number(_) | Value::Bool(_) if has("string") => Some(Value::String(value.to_string())),
        _ => None,
    };
    read.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types() {
        let check = |property: Value, value: Value, expect: Value| {
            let schema = json!({"type": "object", "properties": {"p": property}});
            assert_eq!(fit(&schema, json!({"p": value})), json!({"p": expect}), "{property} {value}");
        };
        let of = |kind: &str| json!({"type": kind});
        check(of("integer"), json!("5"), json!(5));
        check(of("number"), json!(" 1.5 "), json!(1.5));
        check(of("integer"), json!("five"), json!("five"));
        check(of("boolean"), json!("true"), json!(true));
        check(of("boolean"), json!("False"), json!(false));
        check(of("boolean"), json!("yes"), json!("yes"));
        check(of("string"), json!(5), json!("5"));
        check(of("string"), json!(true), json!("true"));
        check(of("string"), json!({"a": 1}), json!({"a": 1}));
        check(of("string"), json!("[1]"), json!("[1]"));
        check(of("string"), json!(null), json!(null));
        check(of("array"), json!("[\"a\"]"), json!(["a"]));
        check(of("array"), json!("a"), json!("a"));
        check(of("object"), json!("{\"a\": 1}"), json!({"a": 1}));
        check(json!({"type": ["integer", "null"]}), json!("5"), json!(5));
        check(json!({"type": ["integer", "string"]}), json!("5"), json!("5"));
        check(json!({}), json!("5"), json!("5"));
        check(
            json!({"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}),
            json!([{"n": "1"}, 2]),
            json!([{"n": 1}, 2]),
        );
    }

    #[test]
    fn names() {
        let check = |schema: Value, value: Value, expect: Value| assert_eq!(fit(&schema, value.clone()), expect, "{value}");
        let text = json!({"type": "string"});
        let edit = json!({"properties": {"filePath": text, "oldString": text, "replaceAll": {"type": "boolean"}}, "required": ["filePath", "oldString"]});
        check(
            edit.clone(),
            json!({"file_path": "a", "old_str": "b", "replace_all": "true"}),
            json!({"filePath": "a", "oldString": "b", "replaceAll": true}),
        );
        check(edit.clone(), json!({"FilePath": "a"}), json!({"filePath": "a"}));
        check(edit.clone(), json!({"path": "a"}), json!({"filePath": "a"}));
        check(edit.clone(), json!({"path": "a", "file": "b"}), json!({"path": "a", "file": "b"}));
        check(edit.clone(), json!({"filePath": "a", "path": "b"}), json!({"filePath": "a", "path": "b"}));
        check(edit, json!({"filePath": "a", "text": "b"}), json!({"filePath": "a", "text": "b"}));
        // A name of the tool's own is not taken for another one; nor is a parameter guessed that may be left out.
        let both = json!({"properties": {"filePath": text, "path": text}, "required": ["filePath"]});
        check(both, json!({"path": "a"}), json!({"path": "a"}));
        check(json!({"properties": {"filePath": text}}), json!({"path": "a"}), json!({"path": "a"}));
    }
}
