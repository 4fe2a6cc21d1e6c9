//! Reading a call's arguments. Must not know any tool.
//!
//! **Invariant:** a missing or mistyped argument is an error that names it and says what was expected; unknown ones are ignored.

use serde_json::{Value, json};

use crate::ToolError;

/// A call's arguments.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a>(pub &'a Value);

impl<'a> Args<'a> {
    /// A text that must be there.
    pub fn text(self, name: &str) -> Result<&'a str, ToolError> {
        self.opt_text(name)?.ok_or_else(|| wrong(name, "a string", None))
    }

    /// A text that may be left out.
    pub fn opt_text(self, name: &str) -> Result<Option<&'a str>, ToolError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "a string", Some(other))),
        }
    }

    /// A text that may be left out; an empty one counts as left out.
    pub fn opt_nonempty(self, name: &str) -> Result<Option<&'a str>, ToolError> {
        Ok(self.opt_text(name)?.filter(|text| !text.trim().is_empty()))
    }

    /// A whole number, zero or more. Small models send numbers as strings, or with a fraction of zero.
    pub fn opt_number(self, name: &str) -> Result<Option<u64>, ToolError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| wrong(name, "a whole number", Some(value)))
    }

    /// Yes or no; no if it is left out.
    pub fn flag(self, name: &str) -> Result<bool, ToolError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            Some(other) => Err(wrong(name, "true or false", Some(other))),
        }
    }

    /// A list of texts; empty if it is left out.
    pub fn texts(self, name: &str) -> Result<Vec<&'a str>, ToolError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) => value
                .as_array()
                .and_then(|list| list.iter().map(Value::as_str).collect())
                .ok_or_else(|| wrong(name, "a list of strings", Some(value))),
        }
    }

    /// What stands under a name; `null` counts as left out.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// For titles: the text, or nothing.
    pub fn lenient(self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
    (number >= 0.0 && number.fract() == 0.0 && number < 9e15).then_some(number as u64)
}

/// The error for an argument that is missing or is something else.
pub(crate) fn wrong(name: &str, expected: &str, got: Option<&Value>) -> ToolError {
    let problem = match got {
        None => format!("parameter `{name}` is missing: expected {expected}"),
        Some(value) => format!("parameter `{name}` must be {expected}, not {}", kind(value)),
    };
    ToolError::model(format!("invalid arguments: {problem}. Call the tool again with all required parameters."))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "that number",
        Value::String(_) => "that string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The JSON Schema of a tool's arguments.
pub(crate) fn schema(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let check = |value: Value, expect: Option<Option<u64>>| {
            let args = json!({ "n": value });
            assert_eq!(Args(&args).opt_number("n").ok(), expect, "{args}");
        };
        check(json!(3), Some(Some(3)));
        check(json!("30"), Some(Some(30)));
        check(json!(2.0), Some(Some(2)));
        check(json!(null), Some(None));
        check(json!(-1), None);
        check(json!(1.5), None);
        check(json!("x"), None);
        check(json!([1]), None);
    }

    #[test]
    fn errors_name_the_parameter() {
        let args = json!({ "command": ["a"] });
        for (error, words) in [
            (Args(&args).text("command"), ["`command`", "a string", "an array"]),
            (Args(&args).text("filePath"), ["`filePath`", "missing", "a string"]),
        ] {
            let text = error.expect_err("an error").to_string();
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        }
    }
}
