//! A call's arguments, from what the model wrote to what its tool takes.
//!
//! Owns what may be repaired: that of which there is one reading only. Must not know any tool; a tool's schema is given. Pure.
//!
//! **Invariant:** what is valid JSON is never changed but where it does not fit the schema; nothing that was cut inside a text or a number is
//! completed; what is not understood comes back in words that say what is wrong.

mod fit;
mod lenient;

use serde_json::{Map, Value};

pub use self::fit::fit;

/// How much of the text is shown around a fault, in characters.
const AROUND: usize = 30;

/// The arguments' object. Nothing at all is an empty one, and JSON within a JSON string is unwrapped, since some models write it so.
///
/// `cut`: the answer reached its limit; then what breaks off is not completed, however it looks.
///
/// # Errors
/// In words for the model.
pub fn read(raw: &str, cut: bool) -> Result<Value, String> {
    let text = unfenced(raw.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}'));
    if text.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => lenient::read(text, cut).map_err(|fault| fault_words(text, &error, &fault))?,
    };
    match value {
        Value::Object(_) => Ok(value),
        Value::Null => Ok(Value::Object(Map::new())),
        Value::String(inner) => match serde_json::from_str(unfenced(inner.trim())).ok().or_else(|| lenient::read(inner.trim(), cut).ok()) {
            Some(value @ Value::Object(_)) => Ok(value),
            _ => Err("The arguments are invalid: a JSON object is expected, not a string.".into()),
        },
        Value::Array(mut items) if items.len() == 1 && items[0].is_object() => Ok(items.swap_remove(0)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err("The arguments are invalid: a JSON object is expected.".into()),
    }
}

/// The text within a Markdown fence, if it is in one.
fn unfenced(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("```") else { return text };
    let Some(inner) = rest.trim_end().strip_suffix("```") else { return text };
    let body = inner.strip_prefix("json").or_else(|| inner.strip_prefix("JSON")).unwrap_or(inner);
    body.trim()
}

fn fault_words(text: &str, error: &serde_json::Error, fault: &lenient::Fault) -> String {
    let near = |at: usize| {
        let start = text[..at].char_indices().rev().nth(AROUND).map_or(0, |(start, _)| start);
        let end = text[at..].char_indices().nth(AROUND).map_or(text.len(), |(end, _)| at + end);
        text[start..end].replace('\n', "\\n")
    };
    match fault {
        lenient::Fault::Cut => {
            "The arguments are not valid JSON: they break off. Nothing was done. Call the tool again with a whole JSON object; \
                                if it is long, do the work in several smaller calls."
                .to_owned()
        }
        lenient::Fault::Several => {
            "The arguments are not valid JSON: they hold more than one object. Nothing was done. Make one call for each.".to_owned()
        }
        lenient::Fault::Escape(at) => format!(
            "The arguments are not valid JSON: there is no such escape in `{}`. In a JSON string a backslash is written `\\\\`. Call the tool again.",
            near(*at)
        ),
        lenient::Fault::Unexpected(at) => {
            format!("The arguments are not valid JSON ({error}), near `{}`. Call the tool again with a whole JSON object.", near(*at))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn repaired() {
        let check = |raw: &str, expect: Value| assert_eq!(read(raw, false), Ok(expect), "{raw}");
        check("", json!({}));
        check(" \n", json!({}));
        check("null", json!({}));
        check(r#"{"a":1}"#, json!({"a": 1}));
        check("\u{feff}{\"a\":1}", json!({"a": 1}));
        check(r#""{\"a\":1}""#, json!({"a": 1}));
        check(r#"[{"a":1}]"#, json!({"a": 1}));
        check("```json\n{\"a\": 1}\n```", json!({"a": 1}));
        check("```{\"a\": \"```\"}```\n", json!({"a": "```"}));
        check(r#"{"a": [1, 2,], "b": {"c": 1,},}"#, json!({"a": [1, 2], "b": {"c": 1}}));
        check(r#"{"a": True, "b": False, "c": None}"#, json!({"a": true, "b": false, "c": null}));
        check("{\"a\": \"one\ntwo\tthree\r\n\"}", json!({"a": "one\ntwo\tthree\r\n"}));
        check(r#"{'a': 'it\'s "so"', 'b': "it's"}"#, json!({"a": "it's \"so\"", "b": "it's"}));
        check(r#"{"a": "it\'s"}"#, json!({"a": "it's"}));
        check(r#"{a: 1, filePath: "x"}"#, json!({"a": 1, "filePath": "x"}));
        check(r#"{"a": 1}}"#, json!({"a": 1}));
        check("{\"a\": 1}\n]}`", json!({"a": 1}));
        check(r#"{"a": {"b": "c"}"#, json!({"a": {"b": "c"}}));
        check(r#"{"a": ["b""#, json!({"a": ["b"]}));
        check(r#"{"a": true"#, json!({"a": true}));
        check(r#"{}{"a": 1}"#, json!({"a": 1}));
        check(r#"{"a": "\u00e9\ud83d\ude00\n", b: 1}"#, json!({"a": "é😀\n", "b": 1}));
        check(r#"{"a": -1.5e3, "b": 12345678901234567890, c: 0}"#, json!({"a": -1500.0, "b": 12345678901234567890u64, "c": 0}));
    }

    #[test]
    fn told_to_the_model() {
        let check = |raw: &str, words: &str| {
            let error = read(raw, false).unwrap_err();
            assert!(error.contains("JSON") && error.contains(words), "{raw}: {error}");
        };
        check(r#"{"a": "#, "break off");
        check(r#"{"a": "half of a te"#, "break off");
        check(r#"{"a": "ends in \"#, "break off");
        check(r#"{"a": 12"#, "break off");
        check(r#"{"a": true,"#, "break off");
        check(r#"{"a": ["b", "#, "break off");
        check(r#"{"a": tru"#, "break off");
        check(r#"{"a""#, "break off");
        check(r#"{"a":1}{"a":2}"#, "more than one object");
        check(r#"{"a":1} {"a":1}"#, "more than one object");
        check(r#"{"a": "\d+"}"#, r#"no such escape in `{"a": "\d+"}`"#);
        check(r#"{"a": "C:\Users"}"#, "no such escape");
        check(r#"{"a": "\ud83d", b: 1}"#, "no such escape");
        check(r#"{"a": "\u12", b: 1}"#, "no such escape");
        check(r#"{"a" 1}"#, "near `");
        check(r#"{"a": what}"#, "near `");
        check(r#"I call it: {"a": 1}"#, "near `");
        check(r#"{"a": 1} and so on"#, "near `");
        check(r#"{"a": "x" "b": 1}"#, "near `");
        check("[1]", "object is expected");
        check("7", "object is expected");
        check(r#""text""#, "not a string");
        check(&"[".repeat(100_000), "JSON");
    }

    #[test]
    fn an_answer_that_is_cut_is_not_completed() {
        for raw in [r#"{"a": {"b": "c"}"#, r#"{"a": ["b""#, r#"{"a": true"#] {
            assert!(read(raw, false).is_ok() && read(raw, true).unwrap_err().contains("break off"), "{raw}");
        }
        assert_eq!(read(r#"{"a": [1,],}"#, true), Ok(json!({"a": [1]})));
    }

    #[test]
    fn what_is_valid_stays_as_it_is() {
        for text in [r#"{"a": "```", "b": "'x'", "c": "True", "d": [1, null, {"e": "\\d"}]}"#, r#"{"a": "{}{}"}"#] {
            assert_eq!(read(text, true).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
    }
}
