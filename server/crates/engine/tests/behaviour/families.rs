//! The exact requests for each family of models, each through the API that it is mostly spoken to by.

use serde_json::{Map, Value, json};

use crate::model::{Reply, call};
use crate::recorder::{Recorder, Request};
use crate::world::{World, all_said};

/// The design's budget for what the model is told before it is told anything, in bytes on the wire.
const BUDGET: usize = 15_000;

/// A protocol: its npm package, the path below the server, a stream that calls `read` for `a.txt`, and one that says `Done.`.
struct Api {
    npm: &'static str,
    base: &'static str,
    call: &'static [&'static str],
    text: &'static [&'static str],
}

const CHAT: Api = Api {
    npm: "@ai-sdk/openai-compatible",
    base: "/v1",
    call: &[
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"read","arguments":"{\"filePath\":\"a.txt\"}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ],
    text: &[r#"{"choices":[{"index":0,"delta":{"content":"Done."},"finish_reason":"stop"}]}"#, "[DONE]"],
};
const ANTHROPIC: Api = Api {
    npm: "@ai-sdk/anthropic",
    base: "/v1",
    call: &[
        r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"I look."}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_1","name":"read","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"filePath\":\"a.txt\"}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ],
    text: &[
        r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Done."}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ],
};
const RESPONSES: Api = Api {
    npm: "@ai-sdk/openai",
    base: "/v1",
    call: &[
        r#"{"type":"response.created","response":{"id":"r"}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"ZW5j"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"ZW5j"}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"read","arguments":""}}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"read","arguments":"{\"filePath\":\"a.txt\"}"}}"#,
        r#"{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":5,"output_tokens":9}}}"#,
    ],
    text: &[
        r#"{"type":"response.created","response":{"id":"r"}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"Done."}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"Done."}]}}"#,
        r#"{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":5,"output_tokens":9}}}"#,
    ],
};
const GEMINI: Api = Api {
    npm: "@ai-sdk/google",
    base: "/v1beta",
    call: &[
        r#"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"read","args":{"filePath":"a.txt"}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":9}}"#,
    ],
    text: &[
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Done."}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":9}}"#,
    ],
};

/// The requests of two turns: a call, its result and an answer; then another question.
async fn requests(api: &Api, provider: &str, model: &str, of_model: Value) -> (World, Vec<Request>) {
    let stream = |events: &[&str]| events.iter().map(|data| format!("data: {data}\n\n")).collect::<String>();
    let recorder = Recorder::start([stream(api.call), stream(api.text), stream(api.text)]).await;
    let mut provider_config =
        json!({"npm": api.npm, "options": {"baseURL": format!("{}{}", recorder.url, api.base), "apiKey": "k-secret"}});
    provider_config["models"] = json!({model: of_model});
    let mut world = World::with(json!({"model": format!("{provider}/{model}"), "provider": {provider: provider_config}})).await;
    world.files.set("a.txt", "the text\n");
    assert_eq!(world.turn("What is in a.txt?").await, "done");
    assert_eq!(world.turn("Thanks. And now?").await, "done");
    let requests = recorder.requests();
    assert_eq!(requests.len(), 3);
    (world, requests)
}

/// What a provider's cache looks at, in its order: all but the conversation, and the conversation's messages. Each as its bytes.
fn prefix(request: &Request) -> (String, String) {
    let mut body = request.json();
    assert_eq!(body.to_string(), request.body, "reading and writing again gives the bytes that were sent");
    // Markers say where the cache ends; they are no part of what is cached.
    unmarked(&mut body);
    let name = ["messages", "input", "contents"].into_iter().find(|name| body[name].is_array()).unwrap();
    let messages = body[name].take().to_string();
    (body.to_string(), messages.trim_end_matches(']').to_owned())
}

fn unmarked(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.shift_remove("cache_control");
            object.values_mut().for_each(unmarked);
        }
        Value::Array(items) => items.iter_mut().for_each(unmarked),
        _ => {}
    }
}

/// The bytes of the system prompt and of the tools.
fn beginning(body: &Value) -> usize {
    let instructing = |message: &&Value| matches!(message["role"].as_str(), Some("system" | "developer"));
    let messages = ["messages", "input"].iter().filter_map(|name| body[name].as_array()).flatten();
    let system: usize = messages.filter(instructing).map(|message| message.to_string().len()).sum();
    let apart = ["system", "systemInstruction", "tools"].iter().filter_map(|name| body.get(name));
    system + apart.map(|value| value.to_string().len()).sum::<usize>()
}

/// The bytes of the tools that are offered only where a language server may look, in the longest form.
fn of_servers() -> usize {
    let tools = tools::all_tools();
    let spec = |tool: &std::sync::Arc<dyn tools::Tool>| {
        let function = json!({"name": tool.id(), "description": tool.description(), "parameters": tool.parameters()});
        json!({"type": "function", "function": function}).to_string().len() + 1
    };
    tools.iter().filter(|tool| tool.offer() == tools::Offer::WithServers).map(spec).sum()
}

/// A request as a person reads it: texts of several lines stand below the body. What depends on the machine is fixed.
fn shown(world: &World, request: &Request) -> String {
    let session = world.session();
    let fixed = |text: &str| {
        let text = text.replace(&*world.project().to_string_lossy(), "[project]").replace(session.as_str(), "[session]");
        let line = |line: &str| match line.split_once(": ") {
            Some((name @ ("Date" | "Platform"), _)) => format!("{name}: […]"),
            _ => line.to_owned(),
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    };
    let (mut body, mut texts) = (request.json(), Vec::new());
    lift(&mut body, &mut texts);
    let mut out = format!("{}\n", request.line);
    for (name, value) in &request.headers {
        out.push_str(&format!("{name}: {value}\n").replace(env!("CARGO_PKG_VERSION"), "[version]"));
    }
    out.push_str(&format!("\n{}\n", serde_json::to_string_pretty(&body).unwrap()));
    for (number, text) in texts.iter().enumerate() {
        out.push_str(&format!("\n── text {number}\n{text}\n"));
    }
    fixed(&out)
}

fn lift(value: &mut Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains('\n') || text.len() > 120 => {
            texts.push(std::mem::replace(text, format!("── text {}", texts.len())));
        }
        Value::Object(object) => object.values_mut().for_each(|value| lift(value, texts)),
        Value::Array(items) => items.iter_mut().for_each(|value| lift(value, texts)),
        _ => {}
    }
}

/// Its last request is the one that was reviewed; what comes before the news is the same in each; and it begins within the budget.
async fn check(name: &str, api: &Api, provider: &str, model: &str, of_model: Value) {
    let (world, requests) = requests(api, provider, model, of_model).await;
    for pair in requests.windows(2) {
        let ((rest, messages), (next_rest, next_messages)) = (prefix(&pair[0]), prefix(&pair[1]));
        assert_eq!(rest, next_rest, "{name}");
        assert!(next_messages.starts_with(&messages), "{name}: {next_messages} does not begin with {messages}");
        assert!(next_messages.len() > messages.len(), "{name}");
    }
    let body = requests[0].json();
    let bytes = beginning(&body);
    let with_servers = bytes + of_servers();
    assert!(bytes >= 6_000 && with_servers <= BUDGET, "{name}: {bytes} bytes, {with_servers} where there is a language server");
    insta::assert_snapshot!(format!("request_{name}"), shown(&world, &requests[2]));
}

#[tokio::test]
async fn claude() {
    check("claude", &ANTHROPIC, "anthropic", "claude-sonnet-4-5", json!({})).await;
}

#[tokio::test]
async fn gpt() {
    check("gpt", &RESPONSES, "openai", "gpt-5.2", json!({})).await;
}

#[tokio::test]
async fn gemini() {
    check("gemini", &GEMINI, "google", "gemini-3.1-pro-preview", json!({})).await;
}

#[tokio::test]
async fn open() {
    check("open", &CHAT, "gateway", "qwen3-coder-480b", json!({"limit": {"context": 262_144, "output": 32_768}})).await;
}

#[tokio::test]
async fn small() {
    check("small", &CHAT, "server", "qwen2.5-coder:1.5b", json!({"tool_call": true})).await;
}

#[tokio::test]
async fn default() {
    check("default", &CHAT, "gateway", "grok-code-fast-1", json!({})).await;
}

/// Those that are told of no tool by their prompt still have it: `edit` for most, `apply_patch` for newer GPT models.
#[tokio::test]
async fn a_gateways_models_have_their_own_familys_tools() {
    for (model, want) in
        [("openai/gpt-5.2", "apply_patch"), ("openai/gpt-4.1", "edit"), ("openai/gpt-oss-120b", "edit"), ("o4-mini", "edit")]
    {
        let (_, requests) = requests(&CHAT, "gateway", model, Value::Object(Map::new())).await;
        let body = requests[0].json();
        let names: Vec<_> = body["tools"].as_array().unwrap().iter().filter_map(|tool| tool["function"]["name"].as_str()).collect();
        let editing: Vec<_> = names.iter().filter(|name| matches!(**name, "apply_patch" | "edit")).collect();
        assert_eq!(editing, [&want], "{model}: {names:?}");
    }
}

#[tokio::test]
async fn who_calls_a_tool_that_is_none_is_told_of_those_that_were_offered() {
    let mut world = World::with(json!({"model": "mock/gpt-5", "permission": {"webfetch": "deny"}})).await;
    world.model.script([call("str_replace", json!({"path": "a.txt"})), Reply::Text("ok")]);
    world.turn("go").await;
    let told = all_said(&world.model.request(2).await);
    assert!(told.contains("There is no tool `str_replace`") && told.contains("apply_patch, bash"), "{told}");
    assert!(!told.contains("webfetch") && !told.contains(" edit,"), "{told}");
}
