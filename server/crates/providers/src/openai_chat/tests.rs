//! Exact bodies, and answers as servers really write them.

use serde_json::json;

use super::*;
use crate::adapter::{Events, Parser as _};
use crate::samples::{conversation, model};
use crate::{Api, FinishReason, ModelEvent, ProviderErrorKind};

#[test]
fn whole_request() {
    let mut model = model(Api::OpenAiChat, "mock", "test", "http://127.0.0.1:1/v1");
    model.options = serde_json::from_value(json!({"temperature": 0.25, "custom_field": "x", "reasoningEffort": "high"})).unwrap();
    let wire = build(&model, &conversation());
    assert_eq!(wire.url, "http://127.0.0.1:1/v1/chat/completions");
    assert_eq!(
        wire.headers,
        [
            ("authorization", format!("Bearer {}", crate::samples::KEY)),
            ("x-session-affinity", "ses_1".to_owned()),
            ("x-session-id", "ses_1".to_owned())
        ]
    );
    insta::assert_json_snapshot!(wire.body);
}

#[test]
fn variants() {
    let check = |name: &str, npm: &str, id: &str, variant: &str| {
        let mut model = ResolvedModel { npm: npm.into(), ..model(Api::OpenAiChat, "mock", id, "http://h/v1") };
        model.options =
            serde_json::from_value(json!({"reasoningEffort": "low", "thinking": {"type": "enabled", "budgetTokens": 5}})).unwrap();
        model.variants = crate::variants::of(&model, &Map::new());
        insta::assert_json_snapshot!(name, build(&model.with_variant(variant).unwrap(), &conversation()).body);
    };
    check("variant_compatible", "@ai-sdk/openai-compatible", "test", "high");
    check("variant_openrouter", "@openrouter/ai-sdk-provider", "anthropic/claude-sonnet-5", "high");
}

#[test]
fn dialects() {
    let check = |provider: &str, id: &str, change: &dyn Fn(&mut ResolvedModel), pointer: &str, expect: Value| {
        let mut model = model(Api::OpenAiChat, provider, id, "http://h/v1");
        change(&mut model);
        let body = build(&model, &conversation()).body;
        assert_eq!(body.pointer(pointer).cloned().unwrap_or_default(), expect, "{provider}/{id} {pointer}");
    };
    let nothing = |_: &mut ResolvedModel| {};
    check("openai", "gpt-5", &nothing, "/max_completion_tokens", json!(32000));
    check("openai", "gpt-5", &nothing, "/max_tokens", json!(null));
    check("openai", "gpt-5", &nothing, "/prompt_cache_key", json!("ses_1"));
    let options = |model: &mut ResolvedModel| {
        model.options = serde_json::from_value(json!({"reasoningSummary": "auto", "maxCompletionTokens": 5})).unwrap()
    };
    check("openai", "gpt-4o", &options, "/reasoningSummary", json!(null));
    check("mock", "test", &options, "/reasoningSummary", json!("auto"));
    check("mock", "test", &options, "/max_completion_tokens", json!(5));
    check("mock", "test", &options, "/max_tokens", json!(null));
    check("openai", "gpt-4o", &nothing, "/max_tokens", json!(32000));
    check("mock", "test", &|model| model.limit.output = 0, "/max_tokens", json!(null));
    check("mock", "test", &|model| model.limit.output = 900, "/max_tokens", json!(900));
    check("mock", "test", &nothing, "/prompt_cache_key", json!(null));
    check("mistral", "large", &nothing, "/stream_options", json!(null));
    check("mistral", "large", &nothing, "/messages/2/tool_calls/0/id", json!("call10000"));
    check("mistral", "large", &nothing, "/messages/3/tool_call_id", json!("call10000"));
    check("mistral", "large", &nothing, "/messages/5/role", json!("assistant"));
    check("openrouter", "anthropic/claude-x", &nothing, "/messages/2/tool_calls/0/id", json!("call_1"));
    check("openrouter", "anthropic/claude-x", &nothing, "/messages/0/content/0/cache_control/type", json!("ephemeral"));
    check("openrouter", "anthropic/claude-x", &nothing, "/usage/include", json!(true));
    check("google", "gemini-2.5-pro", &nothing, "/tools/0/function/parameters/additionalProperties", json!(null));
    check("google", "gemini-2.5-pro", &nothing, "/temperature", json!(1.0));
    check("google", "gemini-2.5-pro", &|model| model.capabilities.temperature = false, "/temperature", json!(null));
    check("deepseek", "deepseek-chat", &nothing, "/messages/2/reasoning_content", json!(null));
    let interleaved = |model: &mut ResolvedModel| model.interleaved = Some("reasoning_content".into());
    check("deepseek", "deepseek-chat", &interleaved, "/messages/2/reasoning_content", json!("I should look."));
    check("openrouter", "google/gemini-2.5-pro", &nothing, "/top_k", json!(64));
    check("mock", "gemini-2.5-pro", &nothing, "/top_k", json!(null));
    check("zai", "glm-4.7", &nothing, "/thinking", json!({"type": "enabled", "clear_thinking": false}));
    check("mistral", "large", &options, "/reasoningSummary", json!(null));
    check("openai", "kimi-k2", &nothing, "/tools/0/function/parameters/type", json!("object"));
    let blind = |model: &mut ResolvedModel| model.capabilities.images = false;
    check("mock", "test", &blind, "/messages/1/content", json!(format!("What is in a?\n\n{}", unreadable("image/png", "QUJD"))));
}

#[test]
fn no_key_no_header() {
    let mut model = model(Api::OpenAiChat, "ollama", "m", "http://h/v1");
    model.key = crate::Secret::default();
    assert_eq!(build(&model, &ModelRequest::default()).headers, []);
}

fn read(chunks: &[Value]) -> (Vec<ModelEvent>, Option<ProviderErrorKind>) {
    let (mut reader, mut events) = (Reader::default(), Events::default());
    let mut fed = chunks.iter().try_for_each(|chunk| reader.feed(chunk.as_str().unwrap_or(&chunk.to_string()), &mut events));
    if fed.is_ok() && !events.is_finished() {
        fed = reader.end(&mut events);
    }
    (std::iter::from_fn(|| events.pop()).collect(), fed.err().map(|error| error.kind))
}

fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta}]})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

#[test]
fn calls_are_told_apart() {
    let check = |deltas: &[Value], expect: &[(&str, &str, &str)]| {
        let mut chunks: Vec<Value> = deltas.iter().map(|calls| delta(json!({"tool_calls": calls}))).collect();
        chunks.push(finish("tool_calls"));
        let (events, error) = read(&chunks);
        assert_eq!(error, None);
        let mut calls: Vec<(String, String, String)> = Vec::new();
        for event in events {
            match event {
                ModelEvent::ToolCallStart { id, name, .. } => calls.push((id, name, String::new())),
                ModelEvent::ToolCallEnd { index, arguments, .. } => calls[index].2 = arguments,
                _ => {}
            }
        }
        let ids: std::collections::HashSet<&str> = calls.iter().map(|(id, ..)| id.as_str()).collect();
        assert_eq!(ids.len(), calls.len(), "ids differ");
        let got: Vec<(&str, &str, &str)> = calls
            .iter()
            .zip(expect)
            .map(|((id, name, arguments), (wanted, ..))| {
                (if *wanted == "*" { "*" } else { id.as_str() }, name.as_str(), arguments.as_str())
            })
            .collect();
        assert_eq!((got.as_slice(), calls.len()), (expect, expect.len()), "{deltas:?}");
    };
    let call = |index: Value, id: Value, name: Value, arguments: Value| json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}});
    let null = Value::Null;
    // OpenAI's own.
    check(
        &[
            json!([call(json!(0), json!("a"), json!("f"), json!(""))]),
            json!([call(json!(0), null.clone(), null.clone(), json!("{\"x\":"))]),
            json!([call(json!(1), json!("b"), json!("g"), json!("{}"))]),
            json!([call(json!(0), null.clone(), null.clone(), json!("1}"))]),
        ],
        &[("a", "f", "{\"x\":1}"), ("b", "g", "{}")],
    );
    // No index; no id; arguments as an object; the whole in one chunk.
    check(
        &[json!([
            call(null.clone(), null.clone(), json!("f"), json!({"x": 1})),
            call(null.clone(), json!(""), json!("g"), json!("{\"y\":2}"))
        ])],
        &[("*", "f", "{\"x\":1}"), ("*", "g", "{\"y\":2}")],
    );
    // Every call is number 0.
    check(
        &[
            json!([call(json!(0), json!("a"), json!("f"), json!("{}"))]),
            json!([call(json!(0), json!("b"), json!("f"), json!("{\"z\":1}"))]),
        ],
        &[("a", "f", "{}"), ("b", "f", "{\"z\":1}")],
    );
    // The same id twice, and an id in every piece.
    check(
        &[
            json!([call(json!(0), json!("a"), json!("f"), json!("{"))]),
            json!([call(json!(0), json!("a"), json!("f"), json!("}"))]),
            json!([call(json!(1), json!("a"), json!("g"), json!("{}"))]),
        ],
        &[("a", "f", "{}"), ("*", "g", "{}")],
    );
    // No arguments at all.
    check(&[json!([{"index": 0, "id": "a", "function": {"name": "f"}}])], &[("a", "f", "")]);
}

#[test]
fn endings() {
    let said = || delta(json!({"content": "hi"}));
    let check = |chunks: &[Value], expect: Result<FinishReason, ProviderErrorKind>| {
        let (events, error) = read(chunks);
        let finishes: Vec<&ModelEvent> = events.iter().filter(|event| matches!(event, ModelEvent::Finish(_))).collect();
        match expect {
            Ok(reason) => assert_eq!((finishes.as_slice(), error), ([&ModelEvent::Finish(reason)].as_slice(), None), "{chunks:?}"),
            Err(kind) => assert_eq!((finishes.len(), error), (0, Some(kind)), "{chunks:?}"),
        }
    };
    check(&[said(), finish("stop"), json!("[DONE]")], Ok(FinishReason::Stop));
    check(&[said(), finish("stop")], Ok(FinishReason::Stop));
    check(&[said(), json!("[DONE] ")], Ok(FinishReason::Unknown));
    check(&[said(), finish("length"), finish("length"), json!("[DONE]")], Ok(FinishReason::Length));
    check(&[said(), finish("tool_calls")], Ok(FinishReason::Stop));
    check(&[said(), finish("content_filter")], Ok(FinishReason::ContentFilter));
    check(&[said()], Err(ProviderErrorKind::Connection));
    check(&[], Err(ProviderErrorKind::Connection));
    check(&[json!({"weird": true}), said(), finish("stop")], Ok(FinishReason::Stop));
    check(&[json!("{not json"), finish("stop")], Err(ProviderErrorKind::Protocol));
    check(&[said(), json!({"error": {"message": "upstream exploded", "code": 502}})], Err(ProviderErrorKind::Overloaded));
    check(&[json!({"error": "out of luck"})], Err(ProviderErrorKind::Protocol));
    check(&[json!({"error": {"message": "maximum context length is 10", "code": 400}})], Err(ProviderErrorKind::ContextOverflow));
}

#[test]
fn thoughts_and_usage() {
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 60}, "completion_tokens_details": {"reasoning_tokens": 10}});
    let (events, error) = read(&[
        delta(json!({"reasoning_content": "hm"})),
        delta(json!({"reasoning_content": "m", "content": ""})),
        delta(json!({"content": [{"type": "text", "text": "hi"}]})),
        finish("stop"),
        json!({"choices": [], "usage": usage}),
        json!("[DONE]"),
    ]);
    assert_eq!(error, None);
    let tokens = proto::Tokens { input: 40, output: 20, reasoning: 10, cache: proto::CacheTokens { read: 60, write: 0 } };
    assert_eq!(
        events,
        [
            ModelEvent::Reasoning("hmm".into()),
            ModelEvent::ReasoningEnd { metadata: json!({"field": "reasoning_content"}) },
            ModelEvent::Text("hi".into()),
            ModelEvent::Usage(tokens),
            ModelEvent::Finish(FinishReason::Stop),
        ]
    );
}
