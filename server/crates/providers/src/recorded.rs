//! Every recorded answer of real providers goes through its adapter, and must give what was agreed on.
//!
//! Skipped, with a message, where the recordings are absent: they are no part of the project.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::adapter::{self, Events};
use crate::sse::Decoder;
use crate::{Api, FinishReason, ModelEvent, ProviderError, errors};

fn recordings() -> Option<PathBuf> {
    let dir = std::env::var_os("INTERLINE_PROVIDER_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/fixtures/providers"), PathBuf::from);
    if dir.join("expected.json").exists() {
        return Some(dir);
    }
    println!("skipped: no recorded provider responses at {}", dir.display());
    None
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Runs a body through decoder and parser, in pieces of `size` bytes.
fn run(api: Api, body: &[u8], size: usize) -> (Vec<ModelEvent>, Option<ProviderError>) {
    let (mut decoder, mut parser, mut events) = (Decoder::default(), adapter::parser(api), Events::default());
    let mut result = Ok(());
    let mut feed = |data: &str| {
        if result.is_ok() {
            result = parser.feed(data, &mut events);
        }
    };
    for piece in body.chunks(size.max(1)) {
        decoder.feed(piece, &mut feed).unwrap();
    }
    decoder.finish(&mut feed);
    if result.is_ok() && !events.is_finished() {
        result = parser.end(&mut events);
    }
    let events = std::iter::from_fn(|| events.pop()).collect();
    (events, result.err())
}

/// The outcome, in the recordings' terms.
fn outcome(events: &[ModelEvent], error: Option<&ProviderError>) -> Value {
    let (mut text, mut reasoning) = (String::new(), String::new());
    let mut calls: Vec<(String, Option<Value>)> = Vec::new();
    let (mut stop, mut usage) = ("error", Value::Null);
    for event in events {
        match event {
            ModelEvent::Text(piece) => text.push_str(piece),
            ModelEvent::Reasoning(piece) => reasoning.push_str(piece),
            ModelEvent::ReasoningEnd { .. } | ModelEvent::ToolCallDelta { .. } => {}
            ModelEvent::ToolCallStart { index, name, .. } => {
                assert_eq!(*index, calls.len(), "calls are numbered in order");
                calls.push((name.clone(), None));
            }
            ModelEvent::ToolCallEnd { index, arguments, .. } => {
                let parsed = if arguments.trim().is_empty() { Ok(json!({})) } else { serde_json::from_str(arguments) };
                let value =
                    parsed.map_or_else(|_| json!({"$invalid": arguments}), |value: Value| if value.is_null() { json!({}) } else { value });
                assert!(calls[*index].1.replace(value).is_none(), "a call ends once");
            }
            ModelEvent::Usage(tokens) => {
                usage = json!({
                    "input": tokens.input + tokens.cache.read + tokens.cache.write, "output": tokens.output + tokens.reasoning,
                    "cache_read": tokens.cache.read, "cache_write": tokens.cache.write, "reasoning": tokens.reasoning,
                });
            }
            ModelEvent::Finish(reason) => {
                stop = match reason {
                    FinishReason::Stop | FinishReason::Unknown => "stop",
                    FinishReason::ToolCalls => "tool_calls",
                    FinishReason::Length => "length",
                    FinishReason::ContentFilter => "refusal",
                };
            }
        }
    }
    let calls: Vec<Value> = calls.into_iter().map(|(name, arguments)| json!({"name": name, "arguments": arguments})).collect();
    let error =
        error.map(|error| json!({"kind": format!("{:?}", error.kind), "retryable": error.is_retryable(), "message": error.message}));
    json!({"text": text, "reasoning_len": !reasoning.trim().is_empty(), "tool_calls": calls, "stop": stop, "usage": usage, "error": error})
}

/// What differs, beyond the fields that are open.
fn differences(expected: &Value, got: &Value) -> Vec<String> {
    let open: Vec<&str> = expected["debatable_fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut found = Vec::new();
    let mut compare = |field: &str, same: bool, wanted: &Value, got: &Value| {
        let is_open = open.iter().any(|open| *open == "*" || *open == field || field.starts_with(&format!("{open}.")));
        if !same && !is_open {
            found.push(format!("{field}: {got} for {wanted}"));
        }
    };
    let failed = !expected["error"].is_null();
    compare("error", failed != got["error"].is_null(), &expected["error"], &got["error"]);
    if failed && !got["error"].is_null() {
        let (wanted, error) = (&expected["error"], &got["error"]);
        let kinds: &[&str] = match wanted["kind"].as_str().unwrap() {
            "auth" => &["Auth"],
            "rate_limit" => &["RateLimit"],
            "overloaded" | "server" => &["Overloaded"],
            "context_overflow" => &["ContextOverflow"],
            "invalid_request" | "not_found" => &["BadRequest"],
            "content_filter" => &["ContentFilter"],
            "truncated_stream" => &["Connection"],
            _ => &["Protocol", "Overloaded", "BadRequest"],
        };
        compare("error.kind", kinds.contains(&error["kind"].as_str().unwrap()), &wanted["kind"], &error["kind"]);
        compare("error.retryable", wanted["retryable"] == error["retryable"], &wanted["retryable"], &error["retryable"]);
        let words = wanted["message_contains"].as_str().unwrap();
        compare("error.message", error["message"].as_str().unwrap().contains(words), &wanted["message_contains"], &error["message"]);
        return found;
    }
    for field in ["text", "reasoning_len"] {
        compare(field, expected[field] == got[field], &expected[field], &got[field]);
    }
    let calls = |value: &Value| {
        let mut calls = value["tool_calls"].clone();
        for call in calls.as_array_mut().unwrap() {
            // An empty text in a turn that was cut short is invalid; whether it may run is told by the reason.
            if call["arguments"]["$invalid"] == "" {
                call["arguments"] = json!({});
            }
        }
        calls
    };
    compare("tool_calls", calls(expected) == calls(got), &expected["tool_calls"], &got["tool_calls"]);
    let stop = match expected["stop"].as_str().unwrap() {
        "content_filter" => "refusal",
        "incomplete" => "stop",
        other => other,
    };
    compare("stop", got["stop"] == stop, &expected["stop"], &got["stop"]);
    for field in ["input", "output", "cache_read", "cache_write", "reasoning"] {
        let wanted = &expected["usage"][field];
        let got = &got["usage"][field];
        let same = wanted.is_null() || wanted == got;
        compare("usage", same, &json!({field: wanted}), got);
    }
    found
}

#[test]
fn recorded_answers() {
    let Some(dir) = recordings() else { return };
    let (expected, manifest) = (read_json(&dir.join("expected.json")), read_json(&dir.join("manifest.json")));
    let (mut seen, mut wrong) = (0, Vec::new());
    for case in manifest["cases"].as_array().unwrap() {
        let api = match case["api"].as_str().unwrap() {
            "anthropic-messages" => Api::Anthropic,
            "openai-chat" => Api::OpenAiChat,
            "openai-responses" => Api::OpenAiResponses,
            "gemini" => Api::Gemini,
            _ => continue,
        };
        let id = case["id"].as_str().unwrap();
        let body = std::fs::read(dir.join(case["file"].as_str().unwrap())).unwrap();
        seen += 1;
        let got = if case["kind"] == "error" {
            let sidecar = read_json(&dir.join(case["sidecar"].as_str().unwrap()));
            let mut headers = HeaderMap::new();
            for header in sidecar["response"]["headers"].as_array().into_iter().flatten() {
                let name: HeaderName = header[0].as_str().unwrap().parse().unwrap();
                headers.append(name, HeaderValue::from_str(header[1].as_str().unwrap()).unwrap());
            }
            let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
            let error = errors::from_response(status, &headers, &body, SystemTime::now());
            if let Some(seconds) = headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u64>().ok()) {
                assert_eq!(error.retry_after.map(|wait| wait.as_secs()), Some(seconds), "{id}");
            }
            outcome(&[], Some(&error))
        } else {
            let (events, error) = run(api, &body, body.len());
            let got = outcome(&events, error.as_ref());
            for size in [1, 7, 1000] {
                let (events, error) = run(api, &body, size);
                assert_eq!(outcome(&events, error.as_ref()), got, "{id} in pieces of {size} bytes");
            }
            got
        };
        let found = differences(&expected[id], &got);
        if !found.is_empty() {
            wrong.push(format!("{id}\n    {}", found.join("\n    ")));
        }
    }
    assert!(seen > 0, "the manifest names no case of ours");
    assert!(wrong.is_empty(), "{} of {seen} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}
