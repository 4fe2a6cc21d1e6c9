//! Every recorded answer of real providers goes through its adapter, and must give what was agreed on.
//!
//! Skipped, with a message, where the recordings are absent: they are no part of the project.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::answer::Answer;
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

fn name(api: Api) -> &'static str {
    match api {
        Api::Anthropic => "anthropic-messages",
        Api::OpenAiChat => "openai-chat",
        Api::OpenAiResponses => "openai-responses",
        Api::Gemini => "gemini",
    }
}

/// The recorded cases of an API.
fn cases(dir: &Path, api: Api) -> Vec<Value> {
    let manifest = read_json(&dir.join("manifest.json"));
    let cases: Vec<Value> = manifest["cases"].as_array().unwrap().iter().filter(|case| case["api"] == name(api)).cloned().collect();
    assert!(!cases.is_empty(), "the manifest names no case of {}", name(api));
    cases
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Runs a body through decoder and parser, in pieces of `size` bytes.
fn run(api: Api, body: &[u8], size: usize) -> (Vec<ModelEvent>, Option<ProviderError>) {
    let mut answer = Answer::new(api);
    let taken = body.chunks(size.max(1)).try_for_each(|piece| answer.take(piece));
    let result = taken.and_then(|()| answer.end());
    let events = std::iter::from_fn(|| answer.pop()).collect();
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
                    FinishReason::ContentFilter | FinishReason::Refusal => "refusal",
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
            "invalid_request" => &["BadRequest", "Unpaid"],
            "not_found" => &["UnknownModel"],
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

fn recorded_answers(api: Api) {
    let Some(dir) = recordings() else { return };
    let expected = read_json(&dir.join("expected.json"));
    let (cases, mut wrong) = (cases(&dir, api), Vec::new());
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let body = std::fs::read(dir.join(case["file"].as_str().unwrap())).unwrap();
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
            for size in [1, 1000] {
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
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A small source of numbers that seem random, and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

/// Changes one thing somewhere in the value: drops it, doubles it, or makes it something else.
fn hurt(value: &mut Value, dice: &mut Dice) {
    const ODD: [&str; 9] = ["null", "0", "-1", "1.5", "\"\"", "\"text\"", "[]", "{}", "true"];
    let deeper = dice.roll(5) > 0;
    match value {
        Value::Object(object) if !object.is_empty() => {
            let at = dice.roll(object.len());
            let name = object.keys().nth(at).unwrap().clone();
            match dice.roll(6) {
                _ if deeper => hurt(&mut object[&name], dice),
                0 | 1 => drop(object.shift_remove(&name)),
                2 => object[&name] = Value::Array(vec![object[&name].clone(), object[&name].clone()]),
                3 => object[&name] = object[&name].to_string().into(),
                _ => object[&name] = serde_json::from_str(ODD[dice.roll(ODD.len())]).unwrap(),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = dice.roll(items.len());
            match dice.roll(3) {
                _ if deeper => hurt(&mut items[at], dice),
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                _ => items[at] = Value::Null,
            }
        }
        other => *other = serde_json::from_str(ODD[dice.roll(ODD.len())]).unwrap(),
    }
}

/// The body with some of its events changed, lost, doubled or cut.
fn damaged(body: &str, dice: &mut Dice) -> String {
    let mut out = String::new();
    for line in body.split_inclusive('\n') {
        let (head, json) = line.strip_prefix("data: ").map_or(("", line), |json| ("data: ", json));
        let mut value: Value = match serde_json::from_str(json) {
            Ok(value) if dice.roll(6) == 0 => value,
            _ => {
                if dice.roll(40) > 0 {
                    out.push_str(line);
                }
                continue;
            }
        };
        for _ in 0..=dice.roll(3) {
            hurt(&mut value, dice);
        }
        for _ in 0..=dice.roll(8) / 7 {
            out.push_str(&format!("{head}{value}\n\n"));
        }
    }
    if dice.roll(8) == 0 {
        out.truncate(out.floor_char_boundary(dice.roll(out.len())));
    }
    out
}

/// What is wrong with how an answer came out, whatever it was.
fn unsound(events: &[ModelEvent], error: Option<&ProviderError>) -> Option<&'static str> {
    let finishes = events.iter().filter(|event| matches!(event, ModelEvent::Finish(_))).count();
    let ended = matches!(events.last(), Some(ModelEvent::Finish(_)));
    if finishes > 1 || (error.is_none() && !ended) {
        return Some("it does not end with one finish, or an error");
    }
    let (mut begun, mut over, mut ids) = (0, Vec::new(), Vec::new());
    for event in events {
        match event {
            ModelEvent::ToolCallStart { index, id, .. } => {
                if *index != begun || ids.contains(id) || id.is_empty() {
                    return Some("a call has another's number or id");
                }
                begun += 1;
                ids.push(id.clone());
            }
            ModelEvent::ToolCallDelta { index, .. } if *index >= begun || over.contains(index) => return Some("a piece of no call"),
            ModelEvent::ToolCallEnd { index, .. } => {
                if *index >= begun || over.contains(index) {
                    return Some("a call ends that did not begin, or twice");
                }
                over.push(*index);
            }
            _ => {}
        }
    }
    (error.is_none() && over.len() != begun).then_some("a call does not end")
}

fn damaged_answers(api: Api) {
    let Some(dir) = recordings() else { return };
    let rounds: usize = std::env::var("INTERLINE_DAMAGE").ok().map_or(1, |rounds| rounds.parse().unwrap());
    let mut dice = Dice(7);
    for case in cases(&dir, api).into_iter().filter(|case| case["kind"] != "error") {
        let body = std::fs::read(dir.join(case["file"].as_str().unwrap())).unwrap();
        let body = String::from_utf8_lossy(&body);
        if body.len() > 30_000 {
            continue;
        }
        for _ in 0..rounds {
            let damaged = damaged(&body, &mut dice);
            let (events, error) = run(api, damaged.as_bytes(), damaged.len());
            assert_eq!(unsound(&events, error.as_ref()), None, "{}:\n{damaged}\n{events:?}", case["id"]);
            let size = 1 + dice.roll(50);
            let (pieces, other) = run(api, damaged.as_bytes(), size);
            let same = outcome(&pieces, other.as_ref()) == outcome(&events, error.as_ref());
            assert!(same, "{} in pieces of {size}:\n{damaged}", case["id"]);
        }
    }
}

macro_rules! over_apis {
    ($($module:ident: $api:expr),+ $(,)?) => {
        $(mod $module {
            use super::*;

            #[test]
            fn recorded() {
                recorded_answers($api);
            }

            /// `INTERLINE_DAMAGE` is how often each case is damaged.
            #[test]
            fn damaged_ones_end_in_good_order() {
                damaged_answers($api);
            }
        })+
    };
}

over_apis! { anthropic: Api::Anthropic, openai_chat: Api::OpenAiChat, openai_responses: Api::OpenAiResponses, gemini: Api::Gemini }
