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
    check(402, r#"{"error":{"message":"Insufficient Balance"}}"#, Kind::Unpaid, "Insufficient Balance");
    check(
        429,
        r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
        Kind::Unpaid,
        "You exceeded your current quota",
    );
    check(
        400,
        r#"{"error":{"message":"Your credit balance is too low to access the API"}}"#,
        Kind::Unpaid,
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
    check(404, r#"{"error":{"message":"model: nope"}}"#, Kind::UnknownModel, "model: nope");
    let gone = r#"{"error":{"message":"The model `x` does not exist or you do not have access to it.","code":"model_not_found"}}"#;
    check(400, gone, Kind::UnknownModel, "The model `x` does not exist or you do not have access to it.");
    check(
        400,
        r#"{"error":{"message":"Invalid value for tool: a file was not found"}}"#,
        Kind::BadRequest,
        "Invalid value for tool: a file was not found",
    );
    check(400, r#"{"error":{"code":"content_filter","message":"filtered"}}"#, Kind::ContentFilter, "filtered");
    check(
        502,
        r#"{"error":{"message":"Provider returned error","metadata":{"raw":"{\"message\":\"upstream says\"}"}}}"#,
        Kind::Overloaded,
        "upstream says",
    );
    check(418, "{}", Kind::BadRequest, "{}");
    check(402, r#"{"error":{"message":"This request requires more credits"}}"#, Kind::Unpaid, "This request requires more credits");
    check(429, r#"{"error":{"code":"1113","message":"Insufficient balance"}}"#, Kind::Unpaid, "Insufficient balance");
    check(429, r#"{"error":{"type":"usage_limit_reached","message":"Limit"}}"#, Kind::Unpaid, "Limit");
    check(403, r#"{"error":{"message":"Your input was flagged"}}"#, Kind::ContentFilter, "Your input was flagged");
    check(400, r#"{"error":"Unauthorized"}"#, Kind::Auth, "Unauthorized");
    check(500, r#"{"errors":["one","two"]}"#, Kind::Overloaded, "one");
    check(404, r#""plain text in JSON""#, Kind::UnknownModel, "plain text in JSON");
    check(400, r#"{"error":"bad_request","message":"Say what you want"}"#, Kind::BadRequest, "bad_request: Say what you want");
    check(400, r#"{"error":"bad request","detail":"bad request"}"#, Kind::BadRequest, "bad request");
    check(400, r#"{"Message":"Capital"}"#, Kind::BadRequest, "Capital");
    check(500, "event: error\ndata: {\"error\":{\"message\":\"inside\"}}\n\n", Kind::Overloaded, "inside");
    check(
        502,
        r#"{"error":{"message":"Provider returned error","metadata":{"raw":{"detail":"an object"}}}}"#,
        Kind::Overloaded,
        "an object",
    );
    check(502, "upstream connect error", Kind::Overloaded, "upstream connect error");
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
    check(&[("retry-after", "20s")], "", Some(20_000));
    check(&[("retry-after", "soon")], r#"{"message": "try again in 2s"}"#, Some(2000));
    check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")], "", Some(30_000));
    check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1735689600000")], "", Some(1_735_689_600_000));
    check(&[("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "30")], "", None);
    check(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "7")], "", Some(7000));
    check(&[("x-ratelimit-reset-after", "1.5")], "", Some(1500));
    for (words, expect) in [
        ("Rate limit reached. Please try again in 20s.", Some(20_000)),
        ("Please try again in 1.281s. Visit https://x", Some(1281)),
        ("Please try again in 6m0s.", Some(360_000)),
        ("try again in 250ms", Some(250)),
        ("Please retry in 34.07s", Some(34_070)),
        ("Retry after 3 seconds", Some(3000)),
        ("please wait 2 minutes.", Some(120_000)),
        ("try again in 5", Some(5000)),
        ("Try again in a moment", None),
        ("try again later", None),
    ] {
        check(&[], words, expect);
    }
    check(&[], r#"{"retry_after": 12.5}"#, Some(12_500));
    check(&[], r#"{"retry_after_ms":"900"}"#, Some(900));
    check(&[], r#"{"error":{"resets_in_seconds": 40,"x":1}}"#, Some(40_000));
    check(&[], r#"{"retry_after": null}"#, None);
}

#[test]
fn the_words_of_every_provider_for_a_conversation_that_is_too_long() {
    for (status, words) in [
        (400, "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens."),
        (400, "Your input exceeds the context window of this model. Please adjust your input and try again."),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "input length and `max_tokens` exceed context limit: 199000 + 21333 > 200000"),
        (413, "Request size exceeds model context window"),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        (400, "Input is too long for requested model."),
        (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens."),
        (400, "Please reduce the length of the messages or completion."),
        (400, "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"),
        (400, "the request exceeds the available context size, try increasing it"),
        (400, "Trying to keep the first 9000 tokens when context the overflows. greater than the context length"),
        (400, "Invalid request: Your request exceeded model token limit: 262144"),
        (400, "invalid params, context window exceeds limit"),
        (400, "Prompt exceeds max length"),
        (400, "InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]"),
        (400, "too many tokens: size limit exceeded by 3000 tokens"),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096"),
        (400, "prompt token count of 140000 exceeds the limit of 128000"),
        (500, "prompt too long; exceeded max context length by 12 tokens"),
        (400, "{\"code\": \"model_context_window_exceeded\"}"),
        (400, "Current length is 9000 while limit is 8192. Please reduce the length of the messages"),
    ] {
        assert_eq!(response(status, &[], words).kind, Kind::ContextOverflow, "{words}");
        let inside = json!({"error": {"message": words, "code": status}});
        assert_eq!(from_stream(&inside).kind, Kind::ContextOverflow, "{words}");
    }
    for words in ["max_tokens is too large: 99999", "Request too many images", "the file exceeds the limit", "field too long"] {
        assert_eq!(response(400, &[], words).kind, Kind::BadRequest, "{words}");
    }
}

#[test]
fn inside_a_stream() {
    let check = |error: Value, kind: Kind| assert_eq!(from_stream(&json!({"error": error})).kind, kind, "{error}");
    check(json!({"message": "x", "code": 502}), Kind::Overloaded);
    check(json!({"message": "x", "code": "429"}), Kind::RateLimit);
    check(json!({"type": "overloaded_error", "message": "Overloaded"}), Kind::Overloaded);
    check(json!({"type": "authentication_error", "message": "x"}), Kind::Auth);
    check(json!({"type": "invalid_request_error", "message": "x"}), Kind::BadRequest);
    check(json!({"type": "not_found_error", "message": "model: x"}), Kind::UnknownModel);
    check(json!("nobody knows"), Kind::Protocol);
    check(json!([{"message": "x", "type": "server_error"}]), Kind::Overloaded);
    check(json!({"message": "ThrottlingException"}), Kind::RateLimit);
    check(json!({"message": "Request timed out"}), Kind::Overloaded);
    check(json!({"message": "x", "code": 429.0}), Kind::RateLimit);
    check(json!({"message": "x", "code": 1302, "status": "RESOURCE_EXHAUSTED"}), Kind::RateLimit);
    let slow = from_stream(&json!({"error": {"code": 429, "message": "slower", "details": [{"retryDelay": "3.5s"}]}}));
    assert_eq!(slow.retry_after, Some(Duration::from_millis(3500)));
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
