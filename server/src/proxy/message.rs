//! As much of a message as is needed to know where it belongs.
//!
//! Pure.
//!
//! **Invariant:** a body that is not understood is none of ours, so that it is passed on.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

/// LSP: the document changed under the request.
pub const CONTENT_MODIFIED: i64 = -32801;
/// JSON-RPC: the request makes no sense now.
pub const INVALID: i64 = -32600;

/// What a message is, without what it holds.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Head<'a> {
    /// A number or a text.
    #[serde(default)]
    pub id: Value,
    /// None: an answer.
    #[serde(default, borrow)]
    pub method: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// Of a body; an empty one if it cannot be read.
    pub fn of(body: &'a [u8]) -> Self {
        // A list would be read as the fields in their order.
        if body.trim_ascii_start().starts_with(b"{") { serde_json::from_slice(body).unwrap_or_default() } else { Self::default() }
    }

    /// The method of a request.
    pub fn request(&self) -> Option<&str> {
        self.method.as_deref().filter(|_| !self.id.is_null())
    }

    /// The method of a notification.
    pub fn notification(&self) -> Option<&str> {
        self.method.as_deref().filter(|_| self.id.is_null())
    }

    /// What an answer answers.
    pub fn answers(&self) -> Option<&Value> {
        Some(&self.id).filter(|id| self.method.is_none() && !id.is_null())
    }
}

/// `params` of a body; null if there are none.
pub fn params(body: &[u8]) -> Value {
    field(body, "params")
}

/// `result` of a body; null if there is none.
pub fn result(body: &[u8]) -> Value {
    field(body, "result")
}

fn field(body: &[u8], name: &str) -> Value {
    serde_json::from_slice::<Value>(body).ok().and_then(|mut message| message.get_mut(name).map(Value::take)).unwrap_or_default()
}

/// A notification's body.
pub fn notification(method: &str, params: &Value) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string().into_bytes()
}

/// A request's body.
pub fn request(id: &Value, method: &str, params: &Value) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string().into_bytes()
}

/// An answer's body.
pub fn answer(id: &Value, result: &Value) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string().into_bytes()
}

/// The body of an answer that says no.
pub fn refusal(id: &Value, code: i64, message: &str) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }).to_string().into_bytes()
}

/// The same body under another id. `id` is a text that stands nowhere else in it; none if it is not found as it was written.
pub fn with_id(body: &[u8], id: &str, new: &Value) -> Option<Vec<u8>> {
    let quoted = format!("\"{id}\"");
    let at = body.windows(quoted.len()).position(|part| part == quoted.as_bytes())?;
    Some([&body[..at], new.to_string().as_bytes(), &body[at + quoted.len()..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let check = |body: &str, request: Option<&str>, notification: Option<&str>, answers: Option<Value>| {
            let head = Head::of(body.as_bytes());
            assert_eq!((head.request(), head.notification(), head.answers()), (request, notification, answers.as_ref()), "{body}");
        };
        check(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"id":2,"method":"x"}}"#, Some("m"), None, None);
        check(r#"{"method":"\u006d","id":"a"}"#, Some("m"), None, None);
        check(r#"{"method":"m","params":[]}"#, None, Some("m"), None);
        check(r#"{"result":{"method":"m"},"id":"a"}"#, None, None, Some(json!("a")));
        check(r#"{"error":{},"id":7}"#, None, None, Some(json!(7)));
        check(r#"{"id":null,"error":{}}"#, None, None, None);
        check("not JSON", None, None, None);
        check(r#"{"id":1,"id":2,"method":"m"}"#, None, None, None);
        check("[1]", None, None, None);
    }

    #[test]
    fn ids() {
        let check = |body: &str, expect: Option<&str>| {
            let changed = with_id(body.as_bytes(), "ours-1", &json!(5)).map(|body| String::from_utf8(body).expect("UTF-8"));
            assert_eq!(changed.as_deref(), expect, "{body}");
        };
        check(r#"{"id":"ours-1","result":1.50}"#, Some(r#"{"id":5,"result":1.50}"#));
        check(r#"{"id" : "ours-1" , "result":null}"#, Some(r#"{"id" : 5 , "result":null}"#));
        check(r#"{"id":"ours-10"}"#, None);
    }
}
