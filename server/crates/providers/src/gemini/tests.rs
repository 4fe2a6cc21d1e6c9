//! Exact bodies, and answers.

use serde_json::json;

use super::*;
use crate::adapter::{Events, Parser as _};
use crate::samples::{KEY, conversation, conversation_with_pictures, in_short, model};
use crate::{Api, FinishReason, ModelEvent, ProviderErrorKind};

fn gemini(id: &str) -> ResolvedModel {
    model(Api::Gemini, "google", id, "https://generativelanguage.googleapis.com/v1beta")
}

#[test]
fn pictures_that_calls_brought() {
    insta::assert_json_snapshot!(build(&gemini("gemini-2.5-pro"), &conversation_with_pictures()).body);
}

#[test]
fn whole_request() {
    let wire = build(&gemini("gemini-2.5-pro"), &conversation());
    assert_eq!(wire.url, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
    assert_eq!(wire.headers, [("x-goog-api-key", KEY.to_owned())]);
    insta::assert_json_snapshot!(wire.body);
}

#[test]
fn a_variant() {
    let mut model = gemini("gemini-3-pro");
    model.variants = crate::variants::of(&model, &Map::new());
    insta::assert_json_snapshot!(build(&model.with_variant("low").unwrap(), &conversation()).body);
}

#[test]
fn what_is_empty_is_not_sent() {
    let empty = ChatPart::Media { mime: "image/png".into(), data: String::new() };
    let request = ModelRequest { messages: vec![ChatMessage::User(vec![empty])], ..ModelRequest::default() };
    let body = build(&gemini("gemini-2.5-pro"), &request).body;
    assert!(body["contents"][0]["parts"][0]["text"].as_str().unwrap().contains("empty file"), "{body}");
}

#[test]
fn options_and_models() {
    let check = |id: &str, options: Value, pointer: &str, expect: Value| {
        let request = ModelRequest { options: serde_json::from_value(options).unwrap(), ..conversation() };
        assert_eq!(build(&gemini(id), &request).body.pointer(pointer).cloned().unwrap_or_default(), expect, "{id} {pointer}");
    };
    let null = Value::Null;
    let config = "/generationConfig/thinkingConfig";
    check("gemini-2.5-pro", json!({}), config, json!({"includeThoughts": true}));
    check("gemini-3-pro", json!({}), config, json!({"includeThoughts": true, "thinkingLevel": "high"}));
    check(
        "gemini-3-pro",
        json!({"thinkingConfig": {"thinkingLevel": "low"}}),
        config,
        json!({"includeThoughts": true, "thinkingLevel": "low"}),
    );
    check("gemini-3-pro", json!({"thinkingConfig": {"thinkingBudget": 9}}), config, json!({"includeThoughts": true, "thinkingBudget": 9}));
    let options = json!({"topK": 5, "safetySettings": [], "custom": 1, "reasoningEffort": "high"});
    check("gemini-2.5-pro", options.clone(), "/generationConfig/topK", json!(5));
    check("gemini-2.5-pro", options.clone(), "/safetySettings", json!([]));
    check("gemini-2.5-pro", options.clone(), "/custom", json!(1));
    check("gemini-2.5-pro", options.clone(), "/reasoningEffort", null.clone());
    check("gemini-2.5-pro", options, "/generationConfig/reasoningEffort", null);
    let mut plain = gemini("gemini-2.0-flash");
    plain.capabilities.reasoning = false;
    plain.limit.output = 0;
    assert_eq!(build(&plain, &conversation()).body.get("generationConfig"), None);
    let tuned = build(&gemini("tunedModels/mine"), &ModelRequest::default());
    assert!(tuned.url.ends_with("/v1beta/tunedModels/mine:streamGenerateContent?alt=sse"), "{}", tuned.url);
    assert_eq!(tuned.body.get("tools"), None);
}

#[test]
fn signatures_and_ids_go_back_where_they_came_from() {
    let call = |id: &str, metadata: Value| ChatPart::ToolCall { id: id.into(), name: "f".into(), input: json!({}), metadata };
    let result =
        |id: &str, is_error| ChatPart::ToolResult { id: id.into(), name: "f".into(), output: "o".into(), is_error, media: Vec::new() };
    let thought = |text: &str, metadata| ChatPart::Reasoning { text: text.into(), metadata };
    let check = |id: &str, said: Vec<ChatPart>, results: Vec<ChatPart>, expect: Value| {
        let request = ModelRequest { messages: vec![ChatMessage::Assistant(said), ChatMessage::Tool(results)], ..ModelRequest::default() };
        assert_eq!(build(&gemini(id), &request).body["contents"], expect);
    };
    check(
        "gemini-3-pro",
        vec![call("x1", json!({"google": {"thoughtSignature": "s", "id": "x1"}})), call("made-up", Value::Null)],
        vec![result("x1", false), result("made-up", true)],
        json!([
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}, "id": "x1"}, "thoughtSignature": "s"}, {"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "f", "response": {"output": "o"}, "id": "x1"}},
                {"functionResponse": {"name": "f", "response": {"error": "o"}}}]},
        ]),
    );
    check(
        "gemini-3-pro",
        vec![
            thought("hm", json!({"google": {"thoughtSignature": "a"}})),
            thought("unsigned", Value::Null),
            call("c", Value::Null),
            call("d", Value::Null),
        ],
        vec![],
        json!([{"role": "model", "parts": [
            {"text": "hm", "thought": true, "thoughtSignature": "a"},
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": NO_SIGNATURE},
            {"functionCall": {"name": "f", "args": {}}}]}]),
    );
    check(
        "gemini-2.5-pro",
        vec![ChatPart::Text("words".into()), thought("", json!({"google": {"thoughtSignature": "t"}})), call("c", Value::Null)],
        vec![],
        json!([{"role": "model", "parts": [
            {"text": "words"}, {"text": "", "thoughtSignature": "t"}, {"functionCall": {"name": "f", "args": {}}}]}]),
    );
}

fn read(chunks: &[Value]) -> (Vec<ModelEvent>, Option<(ProviderErrorKind, String)>) {
    let (mut reader, mut out) = (Reader::default(), Events::default());
    let mut fed = chunks.iter().try_for_each(|chunk| reader.feed(chunk.as_str().unwrap_or(&chunk.to_string()), &mut out));
    if fed.is_ok() {
        fed = reader.end(&mut out);
    }
    (std::iter::from_fn(|| out.pop()).collect(), fed.err().map(|error| (error.kind, error.message)))
}

fn chunk(parts: Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}]})
}

fn stopped(reason: impl Into<Value>) -> Value {
    json!({"candidates": [{"finishReason": reason.into(), "finishMessage": "Words of Google."}]})
}

#[test]
fn thoughts_text_and_calls() {
    let (events, error) = read(&[
        chunk(json!([{"text": "h", "thought": true}])),
        chunk(json!([{"text": "m", "thought": true}])),
        chunk(json!([{"text": "I "}])),
        chunk(json!([{"text": "look"}, {"text": "", "thoughtSignature": "t"}, {"executableCode": {"code": "1"}}, {}])),
        chunk(json!([
            {"functionCall": {"name": "read", "args": {"a": 1}}, "thoughtSignature": "s"},
            {"functionCall": {"name": "read", "id": "x"}},
            {"functionCall": {"name": "read", "id": "x"}},
            {"functionCall": {}},
        ])),
        json!({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}], "usageMetadata": {
            "promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "toolUsePromptTokenCount": 1}}),
    ]);
    assert_eq!(error, None);
    let ids: Vec<&str> =
        events.iter().filter_map(|event| if let ModelEvent::ToolCallStart { id, .. } = event { Some(id.as_str()) } else { None }).collect();
    let [made_up, "x", repeated] = ids[..] else { panic!("{ids:?}") };
    assert!(made_up.starts_with("call_") && repeated.starts_with("call_") && made_up != repeated);
    let call = |index: usize, id: &str| ModelEvent::ToolCallStart { index, id: id.into(), name: "read".into() };
    let end = |index: usize, arguments: &str, metadata: Value| ModelEvent::ToolCallEnd { index, arguments: arguments.into(), metadata };
    let tokens = proto::Tokens { input: 41, output: 5, reasoning: 7, cache: proto::CacheTokens { read: 60, write: 0 } };
    assert_eq!(
        events,
        [
            ModelEvent::Reasoning("hm".into()),
            ModelEvent::ReasoningEnd { metadata: Value::Null },
            ModelEvent::Text("I look".into()),
            ModelEvent::ReasoningEnd { metadata: json!({"google": {"thoughtSignature": "t"}}) },
            call(0, made_up),
            ModelEvent::ToolCallDelta { index: 0, json: "{\"a\":1}".into() },
            end(0, "{\"a\":1}", json!({"google": {"thoughtSignature": "s"}})),
            call(1, "x"),
            end(1, "", json!({"google": {"id": "x"}})),
            call(2, repeated),
            end(2, "", Value::Null),
            ModelEvent::Usage(tokens),
            ModelEvent::Finish(FinishReason::ToolCalls),
        ]
    );
}

#[test]
fn signed_thoughts_keep_their_signature() {
    let (events, _) = read(&[chunk(json!([{"text": "hm", "thought": true, "thoughtSignature": "s"}, {"text": "hi"}])), stopped("STOP")]);
    assert_eq!(
        events,
        [
            ModelEvent::Reasoning("hm".into()),
            ModelEvent::ReasoningEnd { metadata: json!({"google": {"thoughtSignature": "s"}}) },
            ModelEvent::Text("hi".into()),
            ModelEvent::Finish(FinishReason::Stop),
        ]
    );
}

#[test]
fn endings() {
    let check = |chunks: &[Value], expect: Result<FinishReason, (ProviderErrorKind, &str)>| {
        let (got, error) = read(chunks);
        match expect {
            Ok(reason) => assert_eq!((got.last(), &error), (Some(&ModelEvent::Finish(reason)), &None), "{chunks:?}"),
            Err((kind, words)) => {
                let error = error.unwrap();
                assert!(error.0 == kind && error.1.contains(words), "{error:?} for {kind:?} {words}");
            }
        }
    };
    let said = || chunk(json!([{"text": "x"}]));
    for (reason, expect) in [
        ("STOP", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("SAFETY", FinishReason::ContentFilter),
        ("RECITATION", FinishReason::ContentFilter),
        ("PROHIBITED_CONTENT", FinishReason::ContentFilter),
        ("OTHER", FinishReason::Unknown),
        ("SOMETHING_NEW", FinishReason::Unknown),
    ] {
        check(&[said(), stopped(reason)], Ok(expect));
        check(&[json!([said(), stopped(reason)])], Ok(expect));
    }
    check(&[stopped(2)], Ok(FinishReason::Length));
    check(&[stopped("STOP"), said()], Ok(FinishReason::Stop));
    check(&[json!({"promptFeedback": {"blockReason": "SAFETY"}})], Ok(FinishReason::ContentFilter));
    check(&[stopped("MALFORMED_FUNCTION_CALL")], Err((ProviderErrorKind::Protocol, "Words of Google.")));
    check(&[stopped("UNEXPECTED_TOOL_CALL")], Err((ProviderErrorKind::Protocol, "UNEXPECTED_TOOL_CALL")));
    check(&[said()], Err((ProviderErrorKind::Connection, "cut")));
    check(&[json!("{not json")], Err((ProviderErrorKind::Protocol, "not json")));
    check(&[json!({"weird": true}), json!(7), said(), stopped("STOP")], Ok(FinishReason::Stop));
    let error = |code: u16, status: &str, message: &str| json!({"error": {"code": code, "status": status, "message": message}});
    check(&[said(), error(503, "UNAVAILABLE", "overloaded")], Err((ProviderErrorKind::Overloaded, "overloaded")));
    check(&[said(), stopped("STOP"), error(499, "CANCELLED", "cancelled")], Err((ProviderErrorKind::Overloaded, "cancelled")));
    check(&[json!([error(429, "RESOURCE_EXHAUSTED", "slower")])], Err((ProviderErrorKind::RateLimit, "slower")));
    let long = "The input token count (9) exceeds the maximum number of tokens allowed (8).";
    check(&[error(400, "INVALID_ARGUMENT", long)], Err((ProviderErrorKind::ContextOverflow, "(9)")));
}

#[test]
fn other_shapes() {
    let check = |chunks: &[Value], expect: &str| {
        let (got, error) = read(&[chunks, &[stopped("STOP")]].concat());
        assert_eq!((in_short(&got).as_str(), error), (expect, None), "{chunks:?}");
    };
    let call = |call: Value| chunk(json!([{"functionCall": call}]));
    check(&[call(json!({"name": "f", "args": "{\"a\":1}"}))], "[f {\"a\":1}]");
    check(&[call(json!({"args": {"a": 1}}))], "[ {\"a\":1}]");
    check(&[call(json!({"name": ""}))], "");
    check(
        &[
            json!({"candidates": [{"index": 1, "content": {"parts": [{"text": "second"}]}}, {"index": 0, "content": {"parts": [{"text": "first"}]}}]}),
        ],
        "first",
    );
    check(&[json!({"candidates": [{"index": "1", "content": {"parts": [{"text": "second"}]}}]})], "");
    check(&[json!({"response": chunk(json!([{"text": "wrapped"}]))})], "wrapped");
    check(&[json!({"candidates": null, "usageMetadata": {"promptTokenCount": "5"}}), chunk(json!([{"text": "x"}]))], "x");
    check(&[json!({"candidates": {}}), json!({"candidates": [null]}), json!({"candidates": [{"content": {"parts": "no"}}]})], "");
}
