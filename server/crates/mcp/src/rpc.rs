//! JSON-RPC 2.0 as the protocol uses it: what a message is.
//!
//! Must not know how messages travel.
//!
//! **Invariant:** whatever comes is a message or an error in words; nothing panics on it.

use serde_json::{Value, json};

use crate::tame::words;

/// A method that we do not have.
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
/// Most characters of an error.
const LONGEST: usize = 2000;

/// What came.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// The answer to one of our requests.
    Response {
        /// Ours.
        id: i64,
        /// What it brought.
        result: Result<Value, RpcError>,
    },
    /// The server asks.
    Request {
        /// The server's own.
        id: Value,
        /// What.
        method: String,
    },
    /// The server tells.
    Notification {
        /// What.
        method: String,
        /// With it.
        params: Value,
    },
}

/// What a server said instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (code {code})")]
pub struct RpcError {
    /// JSON-RPC's number.
    pub code: i64,
    /// The server's words.
    pub message: String,
}

/// What stands at a key; null where there is none, or no object.
pub(crate) fn take(value: &mut Value, key: &str) -> Value {
    value.get_mut(key).map(Value::take).unwrap_or_default()
}

/// Reads one message.
pub(crate) fn read(mut message: Value) -> Result<Incoming, &'static str> {
    if !message.is_object() {
        return Err("no object");
    }
    let mut take = |key: &str| take(&mut message, key);
    let (id, method, params) = (take("id"), take("method"), take("params"));
    match (method, id) {
        (Value::String(method), Value::Null) => Ok(Incoming::Notification { method, params }),
        (Value::String(method), id @ (Value::Number(_) | Value::String(_))) => Ok(Incoming::Request { id, method }),
        (Value::Null, id) => {
            let id = id.as_i64().or_else(|| id.as_str()?.parse().ok()).ok_or("an answer to nothing")?;
            let result = match take("error") {
                Value::Null => Ok(take("result")),
                error => Err(RpcError {
                    code: error["code"].as_i64().unwrap_or(0),
                    message: words(error["message"].as_str().unwrap_or("an error without words"), LONGEST),
                }),
            };
            Ok(Incoming::Response { id, result })
        }
        _ => Err("neither a request nor an answer"),
    }
}

/// A request of ours.
pub(crate) fn request(id: i64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// A notification of ours.
pub(crate) fn notification(method: &str, params: &Value) -> String {
    match params {
        Value::Null => json!({"jsonrpc": "2.0", "method": method}),
        params => json!({"jsonrpc": "2.0", "method": method, "params": params}),
    }
    .to_string()
}

/// An answer of ours.
pub(crate) fn response(id: &Value, result: Result<Value, (i64, &str)>) -> String {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err((code, message)) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let check = |message: Value, expect: Result<Incoming, &'static str>| assert_eq!(read(message.clone()), expect, "{message}");
        check(json!({"id": 3, "result": {"a": 1}}), Ok(Incoming::Response { id: 3, result: Ok(json!({"a": 1})) }));
        check(json!({"id": "3", "result": null}), Ok(Incoming::Response { id: 3, result: Ok(Value::Null) }));
        let error = RpcError { code: -1, message: "no".into() };
        check(json!({"id": 3, "error": {"code": -1, "message": "no"}}), Ok(Incoming::Response { id: 3, result: Err(error) }));
        let error = RpcError { code: 0, message: "do [31mthis".into() };
        check(json!({"id": 3, "error": {"message": "\u{202e}do \u{1b}[31mthis\n"}}), Ok(Incoming::Response { id: 3, result: Err(error) }));
        check(json!({"id": "x", "method": "ping"}), Ok(Incoming::Request { id: json!("x"), method: "ping".into() }));
        check(json!({"method": "a", "params": 1}), Ok(Incoming::Notification { method: "a".into(), params: json!(1) }));
        check(json!({"id": null, "error": {"code": 1, "message": "x"}}), Err("an answer to nothing"));
        check(json!("hello"), Err("no object"));
        check(json!({"id": {}, "method": "x"}), Err("neither a request nor an answer"));
    }
}
