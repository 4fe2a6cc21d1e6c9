//! What a body means, and what is forgiven. Pure.
//!
//! **Invariant:** any bytes give a request, an answer, or an error to reply with; none panics.

use serde_json::{Map, Value};
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};

/// A message.
pub(super) enum Parsed {
    /// A request or notification.
    Request(Request),
    /// The editor's answer to a request of ours.
    Answer(Response),
    /// Neither: reply with this.
    Wrong(Id, Error),
}

/// An error with words of our own.
pub(super) fn error(code: i64, message: impl Into<String>) -> Error {
    Error { code: ErrorCode::from(code), message: message.into().into(), data: None }
}

pub(super) fn parse_error(why: &str) -> Error {
    error(-32700, format!("this is no message: {why}"))
}

pub(super) fn parse(body: &[u8]) -> Parsed {
    let value = serde_json::from_slice(body).or_else(|e| repaired(body).and_then(|b| serde_json::from_slice(&b).ok()).ok_or(e));
    match value {
        Ok(Value::Object(map)) => message(map),
        Ok(Value::Array(_)) => Parsed::Wrong(Id::Null, error(-32600, "LSP has no batches: send each message by itself")),
        Ok(_) => Parsed::Wrong(Id::Null, error(-32600, "a message is a JSON object")),
        Err(why) => Parsed::Wrong(Id::Null, parse_error(&why.to_string())),
    }
}

fn message(mut map: Map<String, Value>) -> Parsed {
    let id = match map.remove("id").map(serde_json::from_value::<Id>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return Parsed::Wrong(Id::Null, error(-32600, "an id is a number or a string")),
    };
    match (map.remove("method"), id) {
        (Some(Value::String(method)), id) => {
            let params = forgive(&method, map.remove("params"));
            let mut request = Request::build(method);
            if let Some(params) = params {
                request = request.params(params);
            }
            if let Some(id) = id {
                request = request.id(id);
            }
            Parsed::Request(request.finish())
        }
        (None, Some(id)) if id != Id::Null && (map.contains_key("result") || map.contains_key("error")) => {
            let answer = match map.remove("error") {
                None | Some(Value::Null) => Ok(map.remove("result").unwrap_or_default()),
                Some(wrong) => Err(serde_json::from_value(wrong).unwrap_or_else(|_| error(-32603, "an error that cannot be read"))),
            };
            Parsed::Answer(Response::from_parts(id, answer))
        }
        (_, id) => Parsed::Wrong(id.unwrap_or(Id::Null), error(-32600, "a message needs a method, or the result of a request")),
    }
}

/// Editors write nothing, null and `{}` where they mean the same; tower-lsp takes only one of them.
fn forgive(method: &str, params: Option<Value>) -> Option<Value> {
    match (method, params) {
        ("shutdown", _) => None,
        ("initialized", None | Some(Value::Null)) => Some(Value::Object(Map::new())),
        ("workspace/executeCommand", Some(Value::Object(mut params))) => {
            if params.get("arguments").is_some_and(Value::is_null) {
                params.remove("arguments");
            }
            Some(Value::Object(params))
        }
        (_, params) => params.filter(|p| !p.is_null()),
    }
}

/// The body with each half of a surrogate pair that stands alone replaced: an editor whose strings are UTF-16 can send such, and a lost `didChange`
/// would leave us with a wrong text for ever. The replacement has the same length in UTF-16. None if there is nothing to repair.
fn repaired(body: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| -> Option<u16> {
        let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mut out, mut at, mut changed) = (Vec::with_capacity(body.len()), 0, false);
    while at < body.len() {
        let length = match (body[at], unit(at)) {
            (b'\\', Some(0xD800..0xDC00)) if matches!(unit(at + 6), Some(0xDC00..0xE000)) => 12,
            (b'\\', Some(0xD800..0xE000)) => {
                out.extend_from_slice(b"\\ufffd");
                changed = true;
                at += 6;
                continue;
            }
            (b'\\', _) => 2,
            _ => 1,
        };
        let end = (at + length).min(body.len());
        out.extend_from_slice(&body[at..end]);
        at = end;
    }
    changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn say(body: &str) -> String {
        match parse(body.as_bytes()) {
            Parsed::Request(r) => r.to_string(),
            Parsed::Answer(a) => format!("{a:?}"),
            Parsed::Wrong(id, e) => format!("{id} {}", e.code.code()),
        }
    }

    #[test]
    fn what_is_no_message() {
        let check = |body: &str, want: &str| assert_eq!(say(body), want, "{body}");
        check("{not json", "null -32700");
        check("", "null -32700");
        check("[]", "null -32600");
        check(r#"[{"jsonrpc":"2.0","id":1,"method":"shutdown"}]"#, "null -32600");
        check("\"text\"", "null -32600");
        check("7", "null -32600");
        check(r#"{"jsonrpc":"2.0"}"#, "null -32600");
        check(r#"{"jsonrpc":"2.0","id":5}"#, "5 -32600");
        check(r#"{"jsonrpc":"2.0","id":5,"method":7}"#, "5 -32600");
        check(r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#, "null -32600");
        check(&"[".repeat(100_000), "null -32700");
    }

    #[test]
    fn what_is_forgiven() {
        let check = |body: &str, want: &str| assert_eq!(say(body), want, "{body}");
        check(r#"{"id":1,"method":"shutdown","params":null}"#, r#"{"jsonrpc":"2.0","method":"shutdown","id":1}"#);
        check(r#"{"id":1,"method":"shutdown","params":{}}"#, r#"{"jsonrpc":"2.0","method":"shutdown","id":1}"#);
        check(r#"{"method":"initialized"}"#, r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#);
        check(
            r#"{"id":1,"method":"workspace/executeCommand","params":{"command":"c","arguments":null}}"#,
            r#"{"jsonrpc":"2.0","method":"workspace/executeCommand","params":{"command":"c"},"id":1}"#,
        );
    }

    #[test]
    fn answers() {
        let check = |body: &str, ok: bool| match parse(body.as_bytes()) {
            Parsed::Answer(answer) => assert_eq!(answer.is_ok(), ok, "{body}"),
            _ => panic!("no answer: {body}"),
        };
        check(r#"{"jsonrpc":"2.0","id":1,"result":null}"#, true);
        check(r#"{"jsonrpc":"2.0","id":1,"result":{},"error":null}"#, true);
        check(r#"{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":-32601,"message":"no"}}"#, false);
        check(r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#, false);
    }

    #[test]
    fn halves_of_pairs() {
        let check = |text: &str, want: &str| match parse(format!(r#"{{"method":"m","params":"{text}"}}"#).as_bytes()) {
            Parsed::Request(r) => assert_eq!(r.params(), Some(&json!(want))),
            _ => panic!("{text}"),
        };
        check(r"a\ud83db", "a\u{fffd}b");
        check(r"a\ude00", "a\u{fffd}");
        check(r"\ud83d\ud83d\ude00", "\u{fffd}😀");
        check(r"\\ud83d \ud83d", "\\ud83d \u{fffd}");
        assert!(repaired(br#""\ud83d\ude00 \\ud83d""#).is_none());
    }
}
