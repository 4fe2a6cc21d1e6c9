//! Shapes of errors, and keys.

use std::time::UNIX_EPOCH;

use serde_json::json;

use super::*;
use crate::Api;
use crate::samples::{KEY, model};

fn response(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> ProviderError {
    let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), (*value).parse().unwrap())).collect();
    from_response(status, &headers, body.as_bytes(), UNIX_EPOCH)
}

#[test]
fn kinds_and_words() {
    let check = |status: u16, body: &str, kind: Kind, words: &str| {
        let error = response(status, &[], body);
        assert_eq!((error.kind, error.message.as_str()), (kind, words), "{status} {body}");
    };
    check(400, r#"{"error":{"message":"Unsupported value"}}"#, Kind::BadRequest, "Unsupported value");
    check(401, r#"{"error":"no key"}"#, Kind::Auth, "no key");
    check(403, r#"{"detail":"forbidden"}"#, Kind::Auth, "forbidden");
    check(400, r#"{"code":"x","error":"Incorrect API key provided: s***h."}"#, Kind::Auth, "Incorrect API key provided: s***h.");
    check(422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#, Kind::BadRequest, "field required");
    check(402, r#"{"error":{"message":"Insufficient Balance"}}"#, Kind::BadRequest, "Insufficient Balance");
    check(
        429,
        r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
        Kind::BadRequest,
        "You exceeded your current quota",
    );
    check(
        400,
        r#"{"error":{"message":"Your credit balance is too low to access the API"}}"#,
        Kind::BadRequest,
        "Your credit balance is too low to access the API",
    );
    check(429, "slow down", Kind::RateLimit, "slow down");
    check(408, "", Kind::Overloaded, "Request Timeout");
    check(503, "<html><head><title>Busy</title></head></html>", Kind::Overloaded, "Busy");
    check(500, "<html>no title</html>", Kind::Overloaded, "a web page instead of an answer");
    check(413, "", Kind::ContextOverflow, "Payload Too Large");
    check(
        400,
        r#"[{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8)."}}]"#,
        Kind::ContextOverflow,
        "The input token count (9) exceeds the maximum number of tokens allowed (8).",
    );
    check(
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
        Kind::ContextOverflow,
        "prompt is too long: 9 tokens > 8 maximum",
    );
    check(400, r#"{"error":{"message":"image exceeds the limit of 5 MB"}}"#, Kind::BadRequest, "image exceeds the limit of 5 MB");
    check(404, r#"{"error":{"message":"model: nope"}}"#, Kind::BadRequest, "model: nope");
    check(400, r#"{"error":{"code":"content_filter","message":"filtered"}}"#, Kind::ContentFilter, "filtered");
    check(
        502,
        r#"{"error":{"message":"Provider returned error","metadata":{"raw":"{\"message\":\"upstream says\"}"}}}"#,
        Kind::Overloaded,
        "upstream says",
    );
    check(418, "{}", Kind::BadRequest, "{}");
    assert_eq!(words(&"é".repeat(2000)).chars().count(), LONGEST + 1);
}

#[test]
fn waits() {
    let check = |headers: &[(&'static str, &'static str)], body: &str, expect: Option<u64>| {
        let wait = response(429, headers, body).retry_after.map(|wait| wait.as_millis() as u64);
        assert_eq!(wait, expect, "{headers:?} {body}");
    };
    check(&[], "", None);
    check(&[("retry-after", "3")], "", Some(3000));
    check(&[("retry-after", "0.5")], "", Some(500));
    check(&[("retry-after", "Thu, 01 Jan 1970 00:00:07 GMT")], "", Some(7000));
    check(&[("retry-after", "soon")], "", None);
    check(&[("retry-after", "-1")], "", None);
    check(&[("retry-after-ms", "300"), ("retry-after", "9")], "", Some(300));
    check(&[("retry-after-ms", "0"), ("retry-after", "1")], "", Some(1000));
    check(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1m2.5s")], "", Some(62_500));
    check(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "20ms")], "", Some(20));
    check(&[("x-ratelimit-remaining-tokens", "5"), ("x-ratelimit-reset-tokens", "20ms")], "", None);
    check(&[], r#"{"error":{"details":[{"@type":"RetryInfo","retryDelay":"34s"}]}}"#, Some(34_000));
    assert_eq!(response(400, &[("retry-after", "3")], "").retry_after, None);
}

#[test]
fn inside_a_stream() {
    let check = |error: Value, kind: Kind| assert_eq!(from_stream(&json!({"error": error})).kind, kind, "{error}");
    check(json!({"message": "x", "code": 502}), Kind::Overloaded);
    check(json!({"message": "x", "code": "429"}), Kind::RateLimit);
    check(json!({"type": "overloaded_error", "message": "Overloaded"}), Kind::Overloaded);
    check(json!({"type": "authentication_error", "message": "x"}), Kind::Auth);
    check(json!({"type": "invalid_request_error", "message": "x"}), Kind::BadRequest);
    check(json!("nobody knows"), Kind::Protocol);
}

#[test]
fn keys_are_taken_out() {
    let mut model = model(Api::OpenAiChat, "mock", "test", "http://h/v1");
    model.headers.insert("X-Secret".into(), "Bearer abcdefghijklmnop".into());
    let check = |text: &str, expect: &str| assert_eq!(redact(&model, text), expect);
    check(&format!("bad key {KEY}."), "bad key [key].");
    check("Authorization: Bearer some-other-token-1", "Authorization: Bearer [key]");
    check("sk-ant-api03-xxxxxxxxx and AIzaSyB123456789", "[key] and [key]");
    check("GET /v1?key=abcdefgh123&x=1", "GET /v1?key=[key]&x=1");
    check("abcdefghijklmnop", "[key]");
    check("task-management risk-averse; sk-", "task-management risk-averse; sk-");
    check("model: claude-x", "model: claude-x");
}

#[test]
fn what_the_user_reads() {
    let model = model(Api::OpenAiChat, "mock", "test", "http://h/v1");
    let check = |status: u16, body: &str, expect: &str| assert_eq!(for_user(&model, response(status, &[], body)).message, expect);
    check(401, r#"{"error":"wrong key"}"#, "mock: wrong key (HTTP 401). Check the key: SAMPLE_API_KEY, or `interline auth add mock`.");
    let long = r#"{"error":{"message":"slow","details":[{"retryDelay":"90s"}]}}"#;
    check(429, long, "mock: slow (HTTP 429). The provider wants 2 minutes of rest.");
    check(400, r#"{"error":"QUAGGA."}"#, "mock: QUAGGA (HTTP 400).");
    check(
        404,
        r#"{"error":"no model"}"#,
        "mock: no model (HTTP 404). Check the model's name and the address (http://h/v1): `interline models` lists what is known.",
    );
}
