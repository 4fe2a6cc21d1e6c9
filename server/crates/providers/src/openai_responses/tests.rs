//! Exact bodies, and answers.

use serde_json::json;

use super::*;
use crate::adapter::{Events, Parser as _};
use crate::samples::{KEY, conversation, conversation_with_pictures, in_short, model};
use crate::{Api, FinishReason, ModelEvent, ProviderErrorKind};

fn gpt(id: &str) -> ResolvedModel {
    model(Api::OpenAiResponses, "openai", id, "https://api.openai.com/v1")
}

#[test]
fn pictures_that_calls_brought() {
    insta::assert_json_snapshot!(build(&gpt("gpt-5.2"), &conversation_with_pictures()).body);
}

#[test]
fn whole_request() {
    let wire = build(&gpt("gpt-5.2"), &conversation());
    assert_eq!(wire.url, "https://api.openai.com/v1/responses");
    assert_eq!(
        wire.headers,
        [("authorization", format!("Bearer {KEY}")), ("x-session-affinity", "ses_1".to_owned()), ("x-session-id", "ses_1".to_owned())]
    );
    insta::assert_json_snapshot!(wire.body);
}

#[test]
fn a_variant() {
    let mut model = gpt("gpt-5.2");
    model.variants = crate::variants::of(&model, &Map::new());
    insta::assert_json_snapshot!(build(&model.with_variant("xhigh").unwrap(), &conversation()).body);
}

#[test]
fn options_and_models() {
    let check = |provider: &str, id: &str, options: Value, pointer: &str, expect: Value| {
        let mut model = ResolvedModel { provider_id: provider.to_owned(), ..gpt(id) };
        model.capabilities.reasoning = id.starts_with("grok");
        let request = ModelRequest { options: serde_json::from_value(options).unwrap(), temperature: Some(0.5), ..conversation() };
        assert_eq!(build(&model, &request).body.pointer(pointer).cloned().unwrap_or_default(), expect, "{provider}/{id} {pointer}");
    };
    let null = Value::Null;
    let encrypted = json!(["reasoning.encrypted_content"]);
    for (id, role, include, reasoning, verbosity, temperature) in [
        ("gpt-5", "developer", &encrypted, json!({"effort": "medium", "summary": "auto"}), &null, &null),
        ("gpt-5.2", "developer", &encrypted, json!({"effort": "medium", "summary": "auto"}), &json!("low"), &null),
        ("gpt-5.2-codex", "developer", &encrypted, json!({"effort": "medium", "summary": "auto"}), &null, &null),
        ("gpt-6-sol", "developer", &encrypted, json!({"effort": "medium", "summary": "auto"}), &null, &null),
        ("gpt-5-pro", "developer", &encrypted, null.clone(), &null, &null),
        ("gpt-5-chat-latest", "system", &null, null.clone(), &null, &json!(0.5)),
        ("o4-mini", "developer", &encrypted, null.clone(), &null, &null),
        ("gpt-4o", "system", &null, null.clone(), &null, &json!(0.5)),
        ("grok-4.3", "system", &encrypted, null.clone(), &null, &json!(0.5)),
    ] {
        check("openai", id, json!({}), "/input/0/role", json!(role));
        check("openai", id, json!({}), "/include", include.clone());
        check("openai", id, json!({}), "/reasoning", reasoning);
        check("openai", id, json!({}), "/text/verbosity", verbosity.clone());
        check("openai", id, json!({}), "/temperature", temperature.clone());
        check("openai", id, json!({}), "/store", json!(false));
    }
    let options = json!({"reasoningEffort": "high", "reasoningSummary": null, "textVerbosity": "high", "serviceTier": "flex", "thinkingConfig": {}, "custom": 1});
    check("openai", "gpt-5", options.clone(), "/reasoning", json!({"effort": "high"}));
    check("openai", "gpt-5", options.clone(), "/text", json!({"verbosity": "high"}));
    check("openai", "gpt-5", options.clone(), "/service_tier", json!("flex"));
    check("openai", "gpt-5", options.clone(), "/thinkingConfig", null.clone());
    check("openai", "gpt-5", options, "/custom", json!(1));
    check("openai", "gpt-5", json!({"reasoning": {"generate_summary": "auto"}}), "/reasoning/effort", json!("medium"));
    check("openai", "gpt-5", json!({"reasoning": {"generate_summary": "auto"}}), "/reasoning/generate_summary", json!("auto"));
    check("openai", "gpt-5", json!({"store": true}), "/include", null.clone());
    check("xai", "grok-4.3", json!({}), "/prompt_cache_key", json!("ses_1"));
    check("mine", "gpt-5", json!({}), "/prompt_cache_key", null);
}

#[test]
fn thoughts_go_back_encrypted_only() {
    let check = |provider: &str, text: &str, metadata: Value, expect: Value| {
        let model = ResolvedModel { provider_id: provider.to_owned(), ..gpt("m") };
        let got = item(&model, &dialect::of(&model), &ChatPart::Reasoning { text: text.into(), metadata }).unwrap_or_default();
        assert_eq!(got, expect);
    };
    let own = json!({"openai": {"itemId": "rs_1", "encryptedContent": "ZQ"}});
    let summary = json!([{"type": "summary_text", "text": "hm"}]);
    check("openai", "hm", own.clone(), json!({"type": "reasoning", "summary": summary, "encrypted_content": "ZQ"}));
    check("openai", "", own.clone(), json!({"type": "reasoning", "summary": [], "encrypted_content": "ZQ"}));
    check("xai", "hm", own, json!({"type": "reasoning", "summary": summary, "encrypted_content": "ZQ", "id": "rs_1"}));
    check("openai", "hm", json!({"openai": {"itemId": "rs_1"}}), Value::Null);
    check("openai", "hm", json!({"anthropic": {"signature": "s"}}), Value::Null);
    check("openai", "hm", Value::Null, Value::Null);
}

fn read(events: &[Value]) -> (Vec<ModelEvent>, Option<(ProviderErrorKind, String)>) {
    let (mut reader, mut out) = (Reader::default(), Events::default());
    let mut fed = events.iter().try_for_each(|event| reader.feed(event.as_str().unwrap_or(&event.to_string()), &mut out));
    if fed.is_ok() && !out.is_finished() {
        fed = reader.end(&mut out);
    }
    (std::iter::from_fn(|| out.pop()).collect(), fed.err().map(|error| (error.kind, error.message)))
}

fn event(kind: &str, fields: Value) -> Value {
    let mut event = fields;
    event["type"] = json!(format!("response.{kind}"));
    event
}

fn completed() -> Value {
    event(
        "completed",
        json!({"response": {"status": "completed", "output": [], "usage": {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 30, "output_tokens_details": {"reasoning_tokens": 20}}}}),
    )
}

#[test]
fn thoughts_text_and_calls() {
    let reasoning = |fields: Value| {
        let mut item = json!({"type": "reasoning", "id": "rs_1", "summary": []});
        item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        item
    };
    let summary =
        |part: u64, text: &str| event("reasoning_summary_text.delta", json!({"output_index": 0, "summary_index": part, "delta": text}));
    let call = |arguments: &str| json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "read", "arguments": arguments});
    let (events, error) = read(&[
        event("created", json!({"response": {"status": "in_progress"}})),
        event("output_item.added", json!({"output_index": 0, "item": reasoning(json!({}))})),
        summary(0, "h"),
        summary(0, "m"),
        summary(1, "so"),
        event("output_item.done", json!({"output_index": 0, "item": reasoning(json!({"encrypted_content": "ZQ"}))})),
        event("output_item.added", json!({"output_index": 1, "item": {"type": "message", "content": []}})),
        event("content_part.added", json!({"output_index": 1, "part": {"type": "output_text", "text": ""}})),
        event("output_text.delta", json!({"output_index": 1, "delta": "I "})),
        event("output_text.delta", json!({"output_index": 1, "delta": "look"})),
        event("output_text.done", json!({"output_index": 1, "text": "I look"})),
        event(
            "output_item.done",
            json!({"output_index": 1, "item": {"type": "message", "content": [{"type": "output_text", "text": "I look"}]}}),
        ),
        event("output_item.added", json!({"output_index": 2, "item": {"type": "web_search_call"}})),
        event("web_search_call.searching", json!({"output_index": 2})),
        event("output_item.added", json!({"output_index": 3, "item": call("")})),
        event("function_call_arguments.delta", json!({"output_index": 3, "delta": "{\"a\""})),
        event("function_call_arguments.delta", json!({"output_index": 3, "delta": ":1}"})),
        event("function_call_arguments.done", json!({"output_index": 3, "arguments": "{\"a\":1}"})),
        event("output_item.done", json!({"output_index": 3, "item": call("{\"a\":1}")})),
        // Whole at once, and with an id that was there before.
        event("output_item.done", json!({"output_index": 4, "item": call("{\"a\":2}")})),
        completed(),
        json!("[DONE]"),
    ]);
    assert_eq!(error, None);
    let [.., ModelEvent::ToolCallStart { index: 1, id, .. }, _, _, _, _] = events.as_slice() else { panic!("{events:?}") };
    assert!(id.starts_with("call_") && id != "c1", "{id}");
    let tokens = proto::Tokens { input: 30, output: 10, reasoning: 20, cache: proto::CacheTokens { read: 60, write: 10 } };
    let whole_call = |index: usize, id: &str, arguments: &str| {
        [
            ModelEvent::ToolCallStart { index, id: id.into(), name: "read".into() },
            ModelEvent::ToolCallDelta { index, json: arguments.into() },
            ModelEvent::ToolCallEnd { index, arguments: arguments.into(), metadata: Value::Null },
        ]
    };
    let mut expect = vec![
        ModelEvent::Reasoning("hm\n\nso".into()),
        ModelEvent::ReasoningEnd { metadata: json!({"openai": {"itemId": "rs_1", "encryptedContent": "ZQ"}}) },
        ModelEvent::Text("I look".into()),
    ];
    expect.extend(whole_call(0, "c1", "{\"a\":1}"));
    expect.extend(whole_call(1, id, "{\"a\":2}"));
    expect.extend([ModelEvent::Usage(tokens), ModelEvent::Finish(FinishReason::ToolCalls)]);
    assert_eq!(events, expect);
}

#[test]
fn an_answer_without_pieces() {
    let output = json!([
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]);
    let response = json!({"object": "response", "status": "completed", "output": output});
    for events in [vec![response.clone()], vec![event("completed", json!({"response": response}))]] {
        let (events, error) = read(&events);
        assert_eq!(error, None);
        assert_eq!(
            events,
            [
                ModelEvent::Reasoning("a\n\nb".into()),
                ModelEvent::ReasoningEnd { metadata: Value::Null },
                ModelEvent::Text("hi".into()),
                ModelEvent::ToolCallStart { index: 0, id: "c".into(), name: "f".into() },
                ModelEvent::ToolCallDelta { index: 0, json: "{}".into() },
                ModelEvent::ToolCallEnd { index: 0, arguments: "{}".into(), metadata: Value::Null },
                ModelEvent::Finish(FinishReason::ToolCalls),
            ]
        );
    }
}

#[test]
fn endings() {
    let check = |events: &[Value], expect: Result<FinishReason, (ProviderErrorKind, &str)>| {
        let (got, error) = read(events);
        match expect {
            Ok(reason) => assert_eq!((got.last(), &error), (Some(&ModelEvent::Finish(reason)), &None), "{events:?}"),
            Err((kind, words)) => {
                let error = error.unwrap();
                assert!(error.0 == kind && error.1.contains(words), "{error:?} for {kind:?} {words}");
            }
        }
    };
    let text = || event("output_text.delta", json!({"output_index": 0, "delta": "x"}));
    let incomplete =
        |reason: &str| event("incomplete", json!({"response": {"status": "incomplete", "incomplete_details": {"reason": reason}}}));
    check(&[text(), completed()], Ok(FinishReason::Stop));
    check(&[text(), incomplete("max_output_tokens")], Ok(FinishReason::Length));
    check(&[text(), incomplete("content_filter")], Ok(FinishReason::ContentFilter));
    check(&[text(), incomplete("something_new")], Ok(FinishReason::Unknown));
    check(&[event("refusal.delta", json!({"delta": "No."})), completed()], Ok(FinishReason::Refusal));
    check(&[json!({}), json!([1]), event("strange", json!({"delta": {}})), completed()], Ok(FinishReason::Stop));
    check(&[text()], Err((ProviderErrorKind::Connection, "cut")));
    check(&[text(), json!("[DONE]")], Err((ProviderErrorKind::Connection, "cut")));
    check(&[json!("{not json")], Err((ProviderErrorKind::Protocol, "not json")));
    check(&[json!({"type": "error", "code": "rate_limit_exceeded", "message": "slower"})], Err((ProviderErrorKind::RateLimit, "slower")));
    check(&[json!({"type": "error", "error": {"code": "server_error", "message": "oh"}})], Err((ProviderErrorKind::Overloaded, "oh")));
    check(&[json!({"error": {"message": "upstream", "code": 502}})], Err((ProviderErrorKind::Overloaded, "upstream")));
    let failed = |error: Value| event("failed", json!({"response": {"status": "failed", "error": error}}));
    check(
        &[failed(json!({"code": "context_length_exceeded", "message": "Your input exceeds the context window"}))],
        Err((ProviderErrorKind::ContextOverflow, "context window")),
    );
    check(&[failed(Value::Null)], Err((ProviderErrorKind::Overloaded, "does not say why")));
}

#[test]
fn a_call_that_is_cut_short_ends_once() {
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": ""});
    let (events, _) = read(&[
        event("output_item.added", json!({"output_index": 0, "item": call})),
        event("function_call_arguments.delta", json!({"output_index": 0, "delta": "{\"a"})),
        event("incomplete", json!({"response": {"incomplete_details": {"reason": "max_output_tokens"}}})),
    ]);
    let ends = events.iter().filter(|event| matches!(event, ModelEvent::ToolCallEnd { arguments, .. } if arguments == "{\"a"));
    assert_eq!((ends.count(), events.last()), (1, Some(&ModelEvent::Finish(FinishReason::Length))));
}

#[test]
fn what_came_in_no_piece_is_taken_from_the_whole() {
    let check = |events: &[Value], expect: &str| {
        let (got, error) = read(events);
        assert_eq!((in_short(&got).as_str(), error), (expect, None), "{events:?}");
    };
    let message = |text: &str| json!({"type": "message", "content": [{"type": "output_text", "text": text}]});
    let call =
        |name: &str, id: &str, arguments: Value| json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments});
    let whole = |output: Value| event("completed", json!({"response": {"status": "completed", "output": output}}));
    let added = |item: Value| event("output_item.added", json!({"output_index": "0", "item": item}));
    // The words came, the call did not.
    check(&[event("output_text.delta", json!({"delta": "hi"})), whole(json!([message("hi"), call("f", "c", json!("{}"))]))], "hi[f {}]");
    // The item was announced, and nothing of it came.
    check(&[added(json!({"type": "message", "content": []})), whole(json!([message("hi")]))], "hi");
    check(
        &[
            added(json!({"type": "message", "content": []})),
            event("output_text.done", json!({"text": "hi"})),
            whole(json!([message("hi")])),
        ],
        "hi",
    );
    check(
        &[
            added(call("f", "c", json!(""))),
            event("function_call_arguments.done", json!({"arguments": "{\"a\":1}"})),
            whole(json!([call("f", "c", json!("{\"a\":1}"))])),
        ],
        "[f {\"a\":1}]",
    );
    // Its name comes at its end; its arguments are no text.
    check(
        &[
            added(call("", "c", json!(""))),
            event("output_item.done", json!({"output_index": 0, "item": call("f", "c", json!({"a": 1}))})),
            whole(json!([])),
        ],
        "[f {\"a\":1}]",
    );
    check(&[whole(json!([call("f", "", json!(null)), call("g", "", json!("{}"))]))], "[f ][g {}]");
    check(&[json!([event("output_text.delta", json!({"delta": "hi"})), whole(json!([message("hi")]))])], "hi");
    let (_, error) = read(&[json!({"message": "Too many requests", "code": 429})]);
    assert_eq!(error.map(|(kind, _)| kind), Some(ProviderErrorKind::RateLimit));
}
