//! Anthropic's Messages: the request.
//!
//! Owns the body, its cache markers and the heads. Must not know the network.
//!
//! **Invariant:** what the API refuses is never sent: empty texts, two neighbours of one role, thoughts without their signature, more than four
//! cache markers. The same request gives the same bytes.

mod read;

use serde_json::{Map, Value, json};

pub(crate) use self::read::Reader;
use crate::adapter::{WireRequest, max_output, unreadable};
use crate::dialect::{self, Dialect};
use crate::options::{options, sampling, wire_thinking};
use crate::{ChatMessage, ChatPart, ModelRequest, ResolvedModel};

const VERSION: &str = "2023-06-01";
/// What `effort` needs.
const EFFORT: &str = "effort-2025-11-24";
/// Where the model's limit is not known. The API wants a number.
const SOME_OUTPUT: u64 = 8192;

pub(crate) fn build(model: &ResolvedModel, request: &ModelRequest) -> WireRequest {
    let dialect = dialect::of(model);
    let mut options = options(model, request);
    // The API places a marker by itself.
    let marks = !options.contains_key("cacheControl");
    let thinking = options.shift_remove("thinking").map(wire_thinking);
    let budget = thinking.as_ref().and_then(|thinking| thinking.get("budget_tokens")?.as_u64());
    let thinks = thinking.as_ref().is_some_and(|thinking| thinking["type"] != "disabled");

    let mut limit = max_output(model, request).unwrap_or(SOME_OUTPUT);
    if let Some(budget) = budget {
        // The limit holds thoughts too.
        let most = if model.limit.output > 0 { model.limit.output } else { u64::MAX };
        limit = limit.saturating_add(budget).min(most);
    }
    let mut messages = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        push_message(model, &dialect, message, &mut messages);
    }
    if marks {
        mark_for_cache(&mut messages);
    }
    let texts = request.system.iter().filter(|text| !text.trim().is_empty());
    let mut system: Vec<Value> = texts.map(|text| json!({"type": "text", "text": text})).collect();
    for block in system.iter_mut().take(2).filter(|_| marks) {
        block["cache_control"] = json!({"type": "ephemeral"});
    }

    let mut body = Map::new();
    body.insert("model".into(), json!(model.wire_id));
    body.insert("max_tokens".into(), json!(limit));
    body.insert("stream".into(), json!(true));
    if !system.is_empty() {
        body.insert("system".into(), Value::Array(system));
    }
    body.insert("messages".into(), Value::Array(messages));
    if !request.tools.is_empty() {
        let tools =
            request.tools.iter().map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters}));
        body.insert("tools".into(), tools.collect());
        body.insert("tool_choice".into(), json!({"type": "auto"}));
    }
    if !thinks {
        let sampling = sampling(model, request);
        let top_k = sampling.top_k.map(|top_k| json!(top_k));
        let fields =
            [("temperature", sampling.temperature.map(|t| json!(t))), ("top_p", sampling.top_p.map(|p| json!(p))), ("top_k", top_k)];
        for (name, value) in fields {
            body.extend(value.map(|value| (name.to_owned(), value)));
        }
    }
    if let Some(thinking) = thinking {
        body.insert("thinking".into(), thinking);
    }
    let mut betas = dialect.betas.to_vec();
    if let Some(effort) = options.shift_remove("effort") {
        body.insert("output_config".into(), json!({"effort": effort}));
        if !betas.is_empty() {
            betas.push(EFFORT);
        }
    }
    if let Some(cache) = options.shift_remove("cacheControl") {
        body.insert("cache_control".into(), cache);
    }
    if options.shift_remove("disableParallelToolUse") == Some(Value::Bool(true)) && body.contains_key("tools") {
        body["tool_choice"]["disable_parallel_tool_use"] = json!(true);
    }
    // Names with capitals are options for other providers, which this API would refuse.
    for (name, value) in options.into_iter().filter(|(name, _)| !name.contains(char::is_uppercase)) {
        body.insert(name, value);
    }

    let mut headers = vec![("anthropic-version", VERSION.to_owned())];
    if !betas.is_empty() {
        headers.push(("anthropic-beta", betas.join(",")));
    }
    if !model.key.is_empty() {
        headers.push(("x-api-key", model.key.expose().to_owned()));
    }
    headers.extend(dialect.session_headers(&request.session));
    let base = &model.base_url;
    let url = if base.ends_with("/v1") { format!("{base}/messages") } else { format!("{base}/v1/messages") };
    WireRequest { url, headers, body: Value::Object(body) }
}

fn push_message(model: &ResolvedModel, dialect: &Dialect, message: &ChatMessage, messages: &mut Vec<Value>) {
    let (role, parts) = match message {
        ChatMessage::User(parts) | ChatMessage::Tool(parts) => ("user", parts),
        ChatMessage::Assistant(parts) => ("assistant", parts),
    };
    let blocks: Vec<Value> = parts.iter().filter_map(|part| block(model, dialect, part)).collect();
    if blocks.is_empty() {
        return;
    }
    if let Some(last) = messages.last_mut().filter(|last| last["role"] == role)
        && let Some(content) = last["content"].as_array_mut()
    {
        content.extend(blocks);
        return;
    }
    messages.push(json!({"role": role, "content": blocks}));
}

fn block(model: &ResolvedModel, dialect: &Dialect, part: &ChatPart) -> Option<Value> {
    Some(match part {
        ChatPart::Text(text) if text.trim().is_empty() => return None,
        ChatPart::Text(text) => json!({"type": "text", "text": text}),
        ChatPart::Media { mime, data } if mime.starts_with("image/") && model.capabilities.images && !data.is_empty() => {
            json!({"type": "image", "source": {"type": "base64", "media_type": mime, "data": data}})
        }
        ChatPart::Media { mime, data } if mime == "application/pdf" && model.capabilities.pdf && !data.is_empty() => {
            json!({"type": "document", "source": {"type": "base64", "media_type": mime, "data": data}})
        }
        ChatPart::Media { mime, data } => json!({"type": "text", "text": unreadable(mime, data)}),
        ChatPart::Reasoning { text, metadata } => {
            let own = metadata.get("anthropic")?;
            if let Some(data) = own.get("redactedData").and_then(Value::as_str) {
                json!({"type": "redacted_thinking", "data": data})
            } else {
                json!({"type": "thinking", "thinking": text, "signature": own.get("signature").and_then(Value::as_str)?})
            }
        }
        ChatPart::ToolCall { id, name, input, .. } => {
            let input = if input.is_object() { input.clone() } else { json!({}) };
            json!({"type": "tool_use", "id": dialect.call_id(id), "name": name, "input": input})
        }
        ChatPart::ToolResult { id, output, is_error, media, .. } => {
            let mut content = json!(output);
            if !media.is_empty() {
                let words = ChatPart::Text(output.clone());
                content = std::iter::once(&words).chain(media).filter_map(|part| block(model, dialect, part)).collect();
            }
            let mut result = json!({"type": "tool_result", "tool_use_id": dialect.call_id(id), "content": content});
            if *is_error {
                result["is_error"] = json!(true);
            }
            result
        }
    })
}

/// The last two messages; thoughts and empty results cannot be marked.
fn mark_for_cache(messages: &mut [Value]) {
    let start = messages.len().saturating_sub(2);
    for message in &mut messages[start..] {
        let Some(blocks) = message["content"].as_array_mut() else { continue };
        let markable =
            |block: &&mut Value| !matches!(block["type"].as_str(), Some("thinking" | "redacted_thinking")) && block["content"] != "";
        if let Some(block) = blocks.iter_mut().rev().find(markable) {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
    }
}

#[cfg(test)]
mod tests;
