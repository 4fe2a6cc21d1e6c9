//! What a server says of a name: `Hover`.
//!
//! Pure. **Invariant:** whatever form it has, it becomes text of a bounded length.

use serde_json::Value;

use super::list;

/// Bytes that are kept.
const MOST: usize = 4000;

/// The text; none if there is none.
#[must_use]
pub fn text(answer: &Value) -> Option<String> {
    let contents = &answer["contents"];
    let text =
        if contents.is_array() { list(contents).iter().filter_map(marked).collect::<Vec<_>>().join("\n\n") } else { marked(contents)? };
    let mut text = text.trim().to_owned();
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    (!text.is_empty()).then_some(text)
}

/// `MarkupContent` or `MarkedString`.
fn marked(value: &Value) -> Option<String> {
    match (value.as_str(), value["value"].as_str(), value["language"].as_str()) {
        (Some(text), ..) | (None, Some(text), None) => Some(text.to_owned()),
        (None, Some(text), Some(language)) => Some(format!("```{language}\n{text}\n```")),
        (None, None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_forms() {
        let check =
            |contents: Value, expect: Option<&str>| assert_eq!(text(&json!({ "contents": contents })).as_deref(), expect, "{contents}");
        check(json!("plain "), Some("plain"));
        check(json!({ "kind": "markdown", "value": "**bold**" }), Some("**bold**"));
        check(json!({ "language": "go", "value": "func F()" }), Some("```go\nfunc F()\n```"));
        check(json!(["one", { "language": "c", "value": "two" }, 3]), Some("one\n\n```c\ntwo\n```"));
        check(json!([]), None);
        check(json!(" "), None);
        check(json!(5), None);
        assert_eq!(text(&Value::Null), None);
        assert_eq!(text(&json!({ "contents": "é".repeat(5000) })).map(|text| text.len()), Some(MOST + "…".len()));
    }
}
