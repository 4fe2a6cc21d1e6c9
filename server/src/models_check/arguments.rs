//! Whether a call's arguments are what the tool's schema asks for.
//!
//! Knows the part of JSON Schema that the check's own tools use: objects, required properties, types, items, enumerations.
//!
//! **Invariant:** what is wrong is named with the property that it is about.

use serde_json::{Map, Value, json};

use super::ask::{Call, tools};
use super::report::excerpt;

/// The arguments as an object; no text at all means none.
///
/// # Errors
/// Why they are none.
pub fn parse(raw: &str) -> Result<Value, String> {
    if raw.trim().is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_str(raw) {
        Ok(Value::Object(object)) => Ok(Value::Object(object)),
        Ok(other) => Err(format!("the arguments are {}, not an object", kind(&other))),
        Err(error) => Err(format!("the arguments are not JSON ({error}): {}", excerpt(raw))),
    }
}

/// The arguments of a call to a tool that there is.
///
/// # Errors
/// What is wrong with the call.
pub fn checked(call: &Call) -> Result<Map<String, Value>, String> {
    let Some(tool) = tools().into_iter().find(|tool| tool.name == call.name) else {
        return Err(format!("called {}, which it was not given", excerpt(&call.name)));
    };
    let Value::Object(arguments) = parse(&call.raw).map_err(|why| format!("{}: {why}", call.name))? else { return Ok(Map::new()) };
    for name in tool.parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !arguments.contains_key(name) {
            return Err(format!("{}: `{name}` is missing in {}", call.name, excerpt(&call.raw)));
        }
    }
    for (name, value) in &arguments {
        let schema = &tool.parameters["properties"][name.as_str()];
        if !schema.is_null() {
            fits(value, schema).map_err(|why| format!("{}: `{name}` {why}", call.name))?;
        }
    }
    Ok(arguments)
}

fn fits(value: &Value, schema: &Value) -> Result<(), String> {
    let wanted = schema["type"].as_str().unwrap_or_default();
    let right = match wanted {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        _ => true,
    };
    if !right {
        return Err(format!("is {} where the schema says {wanted}", kind(value)));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("is {}, which is none of {}", excerpt(&value.to_string()), schema["enum"]));
    }
    value.as_array().into_iter().flatten().try_for_each(|item| fits(item, &schema["items"]))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls() {
        let check = |name: &str, raw: &str, expect: &str| {
            let got = checked(&Call { id: "1".into(), name: name.into(), raw: raw.into() });
            assert_eq!(got.map_or_else(|why| why, |_| "fine".to_owned()), expect, "{name} {raw}");
        };
        check("read", r#"{"filePath": "a"}"#, "fine");
        check("read", r#"{"filePath": "a", "more": 1}"#, "fine");
        check("read", "", "read: `filePath` is missing in “”");
        check("read", "[]", "read: the arguments are an array, not an object");
        check(
            "read",
            r#"{"filePath": "a"#,
            "read: the arguments are not JSON (EOF while parsing a string at line 1 column 15): “{\"filePath\": \"a”",
        );
        check("read", r#"{"filePath": 7}"#, "read: `filePath` is a number where the schema says string");
        check("open", "{}", "called “open”, which it was not given");
        let search =
            |limit: &str, folders: &str, mode: &str| format!(r#"{{"pattern":"x","limit":{limit},"folders":{folders},"mode":{mode}}}"#);
        check("search", &search("1", r#"["a"]"#, r#""regex""#), "fine");
        check("search", &search(r#""1""#, "[]", r#""regex""#), "search: `limit` is a string where the schema says integer");
        check("search", &search("1", r#""a""#, r#""regex""#), "search: `folders` is a string where the schema says array");
        check("search", &search("1", "[1]", r#""regex""#), "search: `folders` is a number where the schema says string");
        check("search", &search("1", "[]", r#""glob""#), "search: `mode` is “\"glob\"”, which is none of [\"literal\",\"regex\"]");
    }
}
