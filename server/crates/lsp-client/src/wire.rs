//! JSON-RPC messages: bytes of a body to a value and back.
//!
//! Must not know what any method means.
//!
//! **Invariant:** whatever a server sends is one of the four kinds or is named as what it is not; nothing panics and nothing is guessed.

use serde_json::{Map, Value, json};

/// JSON-RPC: no such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// LSP: the document changed under the request.
pub const CONTENT_MODIFIED: i64 = -32801;
/// LSP: the server gave the request up, and it may be asked again.
pub const SERVER_CANCELLED: i64 = -32802;

/// A server's `error`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// JSON-RPC's or LSP's number.
    pub code: i64,
    /// The server's words.
    pub message: String,
    /// More, where the server says more.
    pub data: Option<Value>,
}

/// What a server sends.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// An answer to our request.
    Response { id: i64, result: Result<Value, RpcError> },
    /// It asks something of us.
    Request { id: Value, method: String, params: Value },
    /// It tells something.
    Notification { method: String, params: Value },
}

/// Reads a body.
pub(crate) fn parse(body: &[u8]) -> Result<Incoming, &'static str> {
    let Ok(Value::Object(mut message)) = serde_json::from_slice(body) else { return Err("a body that is no JSON object") };
    let id = message.remove("id").filter(|id| !id.is_null());
    let params = message.remove("params").unwrap_or_default();
    match (message.remove("method"), id) {
        (Some(Value::String(method)), Some(id)) => Ok(Incoming::Request { id, method, params }),
        (Some(Value::String(method)), None) => Ok(Incoming::Notification { method, params }),
        (Some(_), _) => Err("a method that is no string"),
        (None, Some(id)) => {
            let id = id.as_i64().ok_or("a response to an id that is not ours")?;
            Ok(Incoming::Response { id, result: result(&mut message) })
        }
        (None, None) => Err("neither a method nor an id"),
    }
}

fn result(message: &mut Map<String, Value>) -> Result<Value, RpcError> {
    match message.remove("error") {
        Some(Value::Object(mut error)) => Err(RpcError {
            code: error.get("code").and_then(Value::as_i64).unwrap_or_default(),
            message: error.get("message").and_then(Value::as_str).unwrap_or("no message").to_owned(),
            data: error.remove("data"),
        }),
        _ => Ok(message.remove("result").unwrap_or_default()),
    }
}

/// A request of ours. Null params are left out: some servers refuse them.
pub(crate) fn request(id: i64, method: &str, params: Value) -> Vec<u8> {
    call(Some(id), method, params)
}

/// A notification of ours.
pub(crate) fn notification(method: &str, params: Value) -> Vec<u8> {
    call(None, method, params)
}

fn call(id: Option<i64>, method: &str, params: Value) -> Vec<u8> {
    let mut message = json!({ "jsonrpc": "2.0" });
    if let Some(id) = id {
        message["id"] = id.into();
    }
    message["method"] = method.into();
    if !params.is_null() {
        message["params"] = params;
    }
    message.to_string().into_bytes()
}

/// Our answer to a server's request.
pub(crate) fn response(id: &Value, result: Result<Value, RpcError>) -> Vec<u8> {
    let message = match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": error.code, "message": error.message } }),
    };
    message.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let check = |body: &str, expect: Result<Incoming, &str>| {
            assert_eq!(parse(body.as_bytes()).map_err(str::to_owned), expect.map_err(str::to_owned), "{body}")
        };
        let response = |id, result| Ok(Incoming::Response { id, result });
        check(r#"{"id":1,"result":null}"#, response(1, Ok(Value::Null)));
        check(r#"{"id":1}"#, response(1, Ok(Value::Null)));
        check(r#"{"id":2,"result":{"a":1},"error":null}"#, response(2, Ok(json!({ "a": 1 }))));
        let error = RpcError { code: -32802, message: "no".to_owned(), data: Some(json!({ "retriggerRequest": true })) };
        check(r#"{"id":3,"error":{"code":-32802,"message":"no","data":{"retriggerRequest":true}}}"#, response(3, Err(error)));
        check(r#"{"id":3,"error":{}}"#, response(3, Err(RpcError { code: 0, message: "no message".to_owned(), data: None })));
        let request = Incoming::Request { id: json!("ty/1"), method: "m".to_owned(), params: json!([1]) };
        check(r#"{"id":"ty/1","method":"m","params":[1]}"#, Ok(request));
        check(r#"{"id":null,"method":"m"}"#, Ok(Incoming::Notification { method: "m".to_owned(), params: Value::Null }));
        check(r#"{"id":"7","result":1}"#, Err("a response to an id that is not ours"));
        check(r#"{"method":5}"#, Err("a method that is no string"));
        check("{}", Err("neither a method nor an id"));
        check("[]", Err("a body that is no JSON object"));
        check("{", Err("a body that is no JSON object"));
    }

    #[test]
    fn what_we_say() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        assert_eq!(text(request(1, "shutdown", Value::Null)), r#"{"jsonrpc":"2.0","id":1,"method":"shutdown"}"#);
        assert_eq!(text(notification("n", json!({}))), r#"{"jsonrpc":"2.0","method":"n","params":{}}"#);
        assert_eq!(text(response(&json!("a"), Ok(Value::Null))), r#"{"jsonrpc":"2.0","id":"a","result":null}"#);
        let error = RpcError { code: METHOD_NOT_FOUND, message: "m".to_owned(), data: None };
        assert_eq!(text(response(&json!(1), Err(error))), r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"m"}}"#);
    }
}
