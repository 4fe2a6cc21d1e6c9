//! Exact bodies, and answers as servers really write them.

use serde_json::json;

use super::*;
use crate::adapter::{Events, Parser as _};
use crate::samples::{conversation, conversation_with_pictures, model};
use crate::{Api, FinishReason, ModelEvent, ProviderErrorKind};

#[test]
fn pictures_that_calls_brought() {
    insta::assert_json_snapshot!(
        build(&model(Api::OpenAiChat, "mock", "test", "http://127.0.0.1:1/v1"), &conversation_with_pictures()).body
    );
}

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
fn what_nobody_knows_goes_where_anything_is_taken() {
    let check = |provider: &str, expect: bool| {
        let model = model(Api::OpenAiChat, provider, "m", "http://h/v1");
        let object = |value: Value| value.as_object().cloned().unwrap();
        let request = ModelRequest {
            options: object(json!({"known": 1})),
            unknown: object(json!({"status": "stable", "known": 2})),
            ..conversation()
        };
        let body = build(&model, &request).body;
        assert_eq!((&body["known"], body.get("status").is_some()), (&json!(1), expect), "{provider}");
    };
    check("mock", true);
    check("openai", false);
    check("@ai-sdk/mistral", false);
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
    // Numbers as texts, with a gap, and interleaved.
    check(
        &[
            json!([call(json!("0"), json!("a"), json!("f"), json!("{\"x\":"))]),
            json!([call(json!("7"), json!("b"), json!("g"), json!("{"))]),
            json!([call(json!("0"), null.clone(), null.clone(), json!("1}"))]),
            json!([call(json!(7.0), json!(""), json!(""), json!("}"))]),
        ],
        &[("a", "f", "{\"x\":1}"), ("b", "g", "{}")],
    );
    // The name comes late, or in pieces, or again and again.
    check(
        &[
            json!([call(json!(0), json!("a"), null.clone(), json!("{\"x\""))]),
            json!([call(json!(0), null.clone(), json!("late"), json!(":1}"))]),
            json!([call(json!(1), json!("b"), json!("get_"), null.clone())]),
            json!([call(json!(1), null.clone(), json!("weather"), null.clone())]),
            json!([call(json!(1), null.clone(), null.clone(), json!("{}"))]),
            json!([call(json!(2), json!("c"), json!("same"), json!(""))]),
            json!([call(json!(2), json!("c"), json!("same"), json!("{"))]),
            json!([call(json!(2), json!("c"), json!("same"), json!("}"))]),
        ],
        &[("a", "late", "{\"x\":1}"), ("b", "get_weather", "{}"), ("c", "same", "{}")],
    );
    // The number is missing at first; a call alone instead of a list; its fields without `function`.
    check(
        &[
            json!([call(null.clone(), json!("a"), json!("f"), json!("{"))]),
            json!([call(json!(0), null.clone(), null.clone(), json!("}"))]),
            call(json!(1), json!("b"), json!("g"), json!("{}")),
            json!({"id": "c", "name": "h", "arguments": {"y": 2}}),
        ],
        &[("a", "f", "{}"), ("b", "g", "{}"), ("c", "h", "{\"y\":2}")],
    );
    // A call without a name is for the model to be told; nothing at all, and a tool of free text, is none.
    check(&[json!([call(json!(0), json!("a"), json!(""), json!("{\"x\":1}"))])], &[("a", "", "{\"x\":1}")]);
    check(
        &[json!([
            call(json!(0), json!("a"), json!("f"), json!("{}")),
            call(json!(1), null.clone(), json!(""), json!("")),
            call(json!(2), json!("empty"), null.clone(), null.clone()),
            {"id": "free", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}},
            null,
        ])],
        &[("a", "f", "{}")],
    );
    check(&[json!([{"id": "a", "function": {"name": "f", "arguments": "{}"}, "custom": {"name": "", "input": ""}}])], &[("a", "f", "{}")]);
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
    check(&[json!({"errors": [{"message": "out of luck"}]})], Err(ProviderErrorKind::Protocol));
    check(&[json!([{"error": {"message": "slower", "code": "429"}}])], Err(ProviderErrorKind::RateLimit));
    check(&[json!({"message": "Too many requests", "code": 429})], Err(ProviderErrorKind::RateLimit));
    check(&[json!({"detail": "invalid_request"})], Err(ProviderErrorKind::BadRequest));
    check(&[json!({"type": "ServiceUnavailableException", "message": "later"})], Err(ProviderErrorKind::Overloaded));
    check(&[said(), json!({"message": "kept alive", "code": 0}), finish("stop")], Ok(FinishReason::Stop));
    check(&[json!({"error": {}, "choices": []}), json!({"error": 0}), said(), finish("stop")], Ok(FinishReason::Stop));
    check(&[said(), finish("error")], Err(ProviderErrorKind::Overloaded));
    check(&[said(), finish("tool_use"), json!("\"[DONE]\"")], Ok(FinishReason::Stop));
    for (reason, expect) in [
        ("STOP", FinishReason::Stop),
        ("eos", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("model_length", FinishReason::Length),
        ("refusal", FinishReason::Refusal),
        ("sensitive", FinishReason::ContentFilter),
        ("something new", FinishReason::Unknown),
    ] {
        check(&[said(), finish(reason)], Ok(expect));
    }
    let number = json!({"choices": [{"delta": {}, "finish_reason": 154_829}]});
    check(&[said(), number.clone()], Ok(FinishReason::Unknown));
    check(&[said(), finish("length"), number], Ok(FinishReason::Length));
    check(&[delta(json!({"refusal": "No."})), finish("stop")], Ok(FinishReason::Refusal));
    check(&[delta(json!({"content": [{"type": "refusal", "refusal": "No."}]})), finish("stop")], Ok(FinishReason::Refusal));
    check(&[json!([said(), finish("stop")])], Ok(FinishReason::Stop));
    check(&[json!({"error": {"message": "maximum context length is 10", "code": 400}})], Err(ProviderErrorKind::ContextOverflow));
}

#[test]
fn words_wherever_they_are() {
    let check = |chunks: &[Value], thoughts: &str, text: &str| {
        let mut chunks = chunks.to_vec();
        chunks.push(finish("stop"));
        let (events, error) = read(&chunks);
        let (mut got, mut thought) = (String::new(), String::new());
        for event in events {
            match event {
                ModelEvent::Text(piece) => got.push_str(&piece),
                ModelEvent::Reasoning(piece) => thought.push_str(&piece),
                _ => {}
            }
        }
        assert_eq!((thought.as_str(), got.as_str(), error), (thoughts, text, None), "{chunks:?}");
    };
    check(&[delta(json!({"content": [{"type": "text", "text": "a"}, "b", {"type": "output_text", "text": "c"}, null, 7]}))], "", "abc");
    check(&[delta(json!({"content": {"type": "text", "text": "a"}}))], "", "a");
    check(
        &[delta(
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}, {"type": "reasoning", "text": "m"}]}),
        )],
        "hm",
        "",
    );
    check(&[delta(json!({"thinking": "hm", "content": null}))], "hm", "");
    check(&[delta(json!({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}))], "hm", "");
    check(&[delta(json!({"reasoning": 7, "reasoning_content": "", "reasoning_text": "hm"}))], "hm", "");
    // Of several answers the first; numbered, or in their order.
    let choice = |index: Value, text: &str| json!({"index": index, "message": {"content": text}});
    check(&[json!({"choices": [choice(json!("1"), "second"), choice(json!("0"), "first")]})], "", "first");
    check(&[json!({"choices": [choice(json!(null), "first"), choice(json!(null), "second")]})], "", "first");
    // Other shapes of what must be a list or an object.
    check(&[json!({"choices": {"delta": {"content": "a"}}})], "", "a");
    check(&[json!({"choices": [null, {"delta": "a"}, {"delta": [], "message": null}, 7]})], "", "a");
    check(&[json!({"choices": [{"text": "older"}]}), json!({"choices": [{"text": "x", "delta": {"content": "y"}}]})], "", "oldery");
    // A key that stands twice.
    check(&[json!("{\"choices\": [{\"delta\": {\"content\": null, \"content\": \"a\"}}]}")], "", "a");
}

#[test]
fn usage_wherever_it_is() {
    let check = |chunk: Value, expect: [u64; 5]| {
        let (events, _) = read(&[delta(json!({"content": "x"})), chunk.clone(), finish("stop")]);
        let found = events.into_iter().find_map(|event| if let ModelEvent::Usage(tokens) = event { Some(tokens) } else { None });
        let got = found.map(|t| [t.input, t.output, t.reasoning, t.cache.read, t.cache.write]);
        assert_eq!(got, Some(expect), "{chunk}");
    };
    let top = |usage: Value| json!({"choices": [], "usage": usage});
    check(top(json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})), [10, 5, 0, 0, 0]);
    check(top(json!({"prompt_tokens": "10", "completion_tokens": "5.0"})), [10, 5, 0, 0, 0]);
    check(top(json!({"prompt_tokens": 10, "completion_tokens": null, "prompt_tokens_details": null})), [10, 0, 0, 0, 0]);
    check(top(json!({"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}})), [6, 5, 0, 4, 0]);
    check(top(json!({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4})), [6, 5, 0, 4, 0]);
    check(
        top(json!({"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2})),
        [4, 5, 0, 4, 2],
    );
    check(
        top(json!({"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 3}})),
        [10, 2, 3, 0, 0],
    );
    check(top(json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 18, "reasoning_tokens": 3})), [10, 5, 3, 0, 0]);
    check(top(json!({"prompt_tokens": 10, "completion_tokens": 5, "reasoning_tokens": 8})), [10, 5, 8, 0, 0]);
    check(json!({"choices": [{"delta": {}, "usage": {"prompt_tokens": 10, "completion_tokens": 5}}]}), [10, 5, 0, 0, 0]);
    check(json!({"choices": [], "usage": null, "x_groq": {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}}), [10, 5, 0, 0, 0]);
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
