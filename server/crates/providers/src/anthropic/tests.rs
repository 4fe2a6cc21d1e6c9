//! Exact bodies, and answers.

use serde_json::json;

use super::*;
use crate::adapter::{Events, Parser as _};
use crate::samples::{KEY, conversation, conversation_with_pictures, in_short, model};
use crate::{Api, FinishReason, ModelEvent, ProviderErrorKind};

fn claude() -> ResolvedModel {
    model(Api::Anthropic, "anthropic", "claude-sonnet-4-5", "https://api.anthropic.com/v1")
}

#[test]
fn pictures_that_calls_brought() {
    insta::assert_json_snapshot!(build(&claude(), &conversation_with_pictures()).body);
}

#[test]
fn whole_request() {
    let wire = build(&claude(), &conversation());
    assert_eq!(wire.url, "https://api.anthropic.com/v1/messages");
    assert_eq!(
        wire.headers,
        [
            ("anthropic-version", VERSION.to_owned()),
            ("anthropic-beta", "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14".to_owned()),
            ("x-api-key", KEY.to_owned())
        ]
    );
    assert!(wire.body.to_string().matches("cache_control").count() <= 4);
    insta::assert_json_snapshot!(wire.body);
}

#[test]
fn a_variant() {
    let mut model = ResolvedModel { wire_id: "claude-opus-4-7".into(), model_id: "claude-opus-4-7".into(), ..claude() };
    model.variants = crate::variants::of(&model, &Map::new());
    model.options.insert("thinking".into(), json!({"type": "enabled", "budgetTokens": 9000}));
    let request = ModelRequest { temperature: Some(0.5), ..conversation() };
    let wire = build(&model.with_variant("xhigh").unwrap(), &request);
    assert!(wire.headers[1].1.ends_with(",effort-2025-11-24"), "{:?}", wire.headers);
    insta::assert_json_snapshot!(wire.body);
}

#[test]
fn the_apis_own_marker_stands_alone() {
    let request =
        ModelRequest { options: serde_json::from_value(json!({"cacheControl": {"type": "ephemeral"}})).unwrap(), ..conversation() };
    let body = build(&claude(), &request).body;
    assert_eq!(body["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(body.to_string().matches("cache_control").count(), 1);
}

#[test]
fn options_and_limits() {
    let check = |change: &dyn Fn(&mut ResolvedModel), options: Value, pointer: &str, expect: Value| {
        let mut model = claude();
        change(&mut model);
        let request = ModelRequest { options: serde_json::from_value(options).unwrap(), temperature: Some(0.5), ..conversation() };
        assert_eq!(build(&model, &request).body.pointer(pointer).cloned().unwrap_or_default(), expect, "{pointer}");
    };
    let nothing = |_: &mut ResolvedModel| {};
    check(&nothing, json!({}), "/max_tokens", json!(32_000));
    check(&|model| model.limit.output = 0, json!({}), "/max_tokens", json!(8192));
    check(&|model| model.limit.output = 4096, json!({}), "/max_tokens", json!(4096));
    check(&nothing, json!({}), "/temperature", json!(0.5));
    let thinking = json!({"thinking": {"type": "enabled", "budgetTokens": 16000}, "effort": "low"});
    check(&nothing, thinking.clone(), "/thinking", json!({"type": "enabled", "budget_tokens": 16000}));
    check(&nothing, thinking.clone(), "/max_tokens", json!(48_000));
    check(&nothing, thinking.clone(), "/temperature", json!(null));
    check(&nothing, thinking, "/output_config/effort", json!("low"));
    check(&nothing, json!({"reasoningEffort": "high"}), "/reasoningEffort", json!(null));
    check(&|model| model.base_url = "http://h".into(), json!({"metadata": {"user_id": "u"}}), "/metadata/user_id", json!("u"));
}

#[test]
fn addresses() {
    let check = |base: &str, expect: &str| {
        let model = ResolvedModel { base_url: base.to_owned(), ..claude() };
        assert_eq!(build(&model, &ModelRequest::default()).url, expect);
    };
    check("https://api.anthropic.com", "https://api.anthropic.com/v1/messages");
    check("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/messages");
    check("https://gateway/anthropic", "https://gateway/anthropic/v1/messages");
}

fn read(events: &[Value]) -> (Vec<ModelEvent>, Option<ProviderErrorKind>) {
    let (mut reader, mut out) = (Reader::default(), Events::default());
    let mut fed = events.iter().try_for_each(|event| reader.feed(&event.to_string(), &mut out));
    if fed.is_ok() && !out.is_finished() {
        fed = reader.end(&mut out);
    }
    (std::iter::from_fn(|| out.pop()).collect(), fed.err().map(|error| error.kind))
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

#[test]
fn thoughts_calls_and_usage() {
    let (events, error) = read(&[
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7}}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "c2"})),
        delta(0, json!({"type": "signature_delta", "signature": "ln"})),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "ZA"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}}),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{}"})),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "t", "name": "read", "input": {}}}),
        delta(3, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"})),
        json!({"type": "content_block_stop", "index": 3}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 20}}),
        json!({"type": "message_stop"}),
    ]);
    assert_eq!(error, None);
    let tokens = |output| proto::Tokens { input: 10, output, reasoning: 0, cache: proto::CacheTokens { read: 5, write: 7 } };
    assert_eq!(
        events,
        [
            ModelEvent::Usage(tokens(1)),
            ModelEvent::Reasoning("hm".into()),
            ModelEvent::ReasoningEnd { metadata: json!({"anthropic": {"signature": "c2ln"}}) },
            ModelEvent::ReasoningEnd { metadata: json!({"anthropic": {"redactedData": "ZA"}}) },
            ModelEvent::ToolCallStart { index: 0, id: "t".into(), name: "read".into() },
            ModelEvent::ToolCallDelta { index: 0, json: "{\"a\":1}".into() },
            ModelEvent::ToolCallEnd { index: 0, arguments: "{\"a\":1}".into(), metadata: Value::Null },
            ModelEvent::Usage(tokens(20)),
            ModelEvent::Finish(FinishReason::ToolCalls),
        ]
    );
}

#[test]
fn endings() {
    let check = |events: &[Value], expect: Result<FinishReason, ProviderErrorKind>| {
        let (events, error) = read(events);
        let last = events.last().cloned();
        match expect {
            Ok(reason) => assert_eq!((last, error), (Some(ModelEvent::Finish(reason)), None)),
            Err(kind) => assert_eq!(error, Some(kind)),
        }
    };
    let stopped = |reason: &str| json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}});
    let stop = || json!({"type": "message_stop"});
    for (reason, expect) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("pause_turn", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("refusal", FinishReason::Refusal),
        ("something_new", FinishReason::Unknown),
    ] {
        check(&[stopped(reason), stop()], Ok(expect));
        check(&[stopped(reason)], Ok(expect));
    }
    check(&[delta(0, json!({"type": "text_delta", "text": "x"}))], Err(ProviderErrorKind::Connection));
    check(&[json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})], Err(ProviderErrorKind::Overloaded));
    check(&[json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slower"}})], Err(ProviderErrorKind::RateLimit));
    check(
        &[json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}})],
        Err(ProviderErrorKind::ContextOverflow),
    );
    let whole = json!({"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}});
    check(&[whole], Ok(FinishReason::Stop));
}

#[test]
fn what_imitators_leave_out_or_write_otherwise() {
    let check = |events: &[Value], expect: &str| {
        let (got, error) = read(events);
        assert_eq!((in_short(&got).as_str(), error), (expect, None), "{events:?}");
    };
    let start = |index: Value, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let text =
        |index: Value, text: &str| json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}});
    let json = |index: Value, text: &str| json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": text}});
    let call = |input: Value| json!({"type": "tool_use", "id": "t", "name": "f", "input": input});
    let stop = || json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": null});
    let null = Value::Null;
    // Numbers as texts, or none.
    check(&[start(json!("1"), json!({"type": "text", "text": ""})), text(json!("1"), "hi"), stop()], "hi");
    check(
        &[
            start(null.clone(), json!({"type": "text"})),
            text(null.clone(), "hi"),
            start(null.clone(), call(null.clone())),
            json(null.clone(), "{}"),
            stop(),
        ],
        "hi[f {}]",
    );
    // No beginning, no type.
    check(&[text(json!(0), "h"), text(json!(0), "i"), stop()], "hi");
    check(
        &[delta(0, json!({"type": "thinking_delta", "thinking": "hm"})), delta(1, json!({"type": "text_delta", "text": "hi"})), stop()],
        "(hm)hi",
    );
    check(&[start(json!(0), json!({"type": "text", "text": "h"})), delta(0, json!({"text": "i"})), stop()], "hi");
    // Arguments at the beginning; pieces count over them.
    check(&[start(json!(0), call(json!({"a": 1}))), stop()], "[f {\"a\":1}]");
    check(&[start(json!(0), call(json!("{\"a\":1}"))), stop()], "[f {\"a\":1}]");
    check(&[start(json!(0), call(json!({"a": 1}))), json(json!(0), ""), json(json!(0), "{\"a\":2}"), stop()], "[f {\"a\":2}]");
    // A whole message, with less around it; several events in a list.
    check(
        &[json!({"role": "assistant", "content": [{"type": "text", "text": "hi"}, call(json!({}))], "stop_reason": "tool_use"})],
        "hi[f ]",
    );
    check(&[json!({"type": "message", "content": "hi", "stop_reason": "end_turn"})], "hi");
    check(&[json!([text(json!(0), "hi"), stop(), {"type": "message_stop"}, text(json!(0), "late")])], "hi");
    let failed = |event: Value| read(&[event]).1;
    assert_eq!(failed(json!({"error": "overloaded"})), Some(ProviderErrorKind::Overloaded));
    assert_eq!(failed(json!({"message": "Too many requests", "code": 429})), Some(ProviderErrorKind::RateLimit));
    assert_eq!(failed(json!({"type": "error", "error": {"type": "overloaded_error"}})), Some(ProviderErrorKind::Overloaded));
    assert_eq!(failed(json!({"type": "error", "message": "Overloaded"})), Some(ProviderErrorKind::Overloaded));
}

#[test]
fn usage_as_text() {
    let (events, _) = read(&[
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": "7", "output_tokens": 3.0, "cache_read_input_tokens": null}}),
    ]);
    assert!(matches!(events[0], ModelEvent::Usage(proto::Tokens { input: 7, output: 3, .. })), "{events:?}");
}
