//! OpenAI's Chat Completions, and everything that imitates it: the request.
//!
//! Owns the body and the heads. Must not know the network, nor a provider by name: what differs between them is `dialect`'s.
//!
//! **Invariant:** the same request gives the same bytes, so that providers' caches hold; thoughts go back only to a model that wants them.

mod calls;
mod read;

use serde_json::{Map, Value, json};

pub(crate) use self::read::Reader;
use crate::adapter::{WireRequest, beside, max_output, unreadable};
use crate::dialect::{self, Dialect};
use crate::options::{options, sampling, wire_thinking};
use crate::{ChatMessage, ChatPart, ModelRequest, ResolvedModel};

/// OpenCode's names of options, and the wire's. Others go as they are.
const NAMES: &[(&str, &str)] = &[
    ("reasoningEffort", "reasoning_effort"),
    ("textVerbosity", "verbosity"),
    ("parallelToolCalls", "parallel_tool_calls"),
    ("serviceTier", "service_tier"),
    ("promptCacheKey", "prompt_cache_key"),
    ("maxCompletionTokens", "max_completion_tokens"),
    ("logitBias", "logit_bias"),
    ("safetyIdentifier", "safety_identifier"),
    ("frequencyPenalty", "frequency_penalty"),
    ("presencePenalty", "presence_penalty"),
    ("topP", "top_p"),
    ("topK", "top_k"),
];

pub(crate) fn build(model: &ResolvedModel, request: &ModelRequest) -> WireRequest {
    let dialect = dialect::of(model);
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        messages.push(json!({"role": "system", "content": request.system.join("\n\n")}));
    }
    for message in &request.messages {
        push_message(model, &dialect, message, &mut messages);
    }
    if dialect.cache_control {
        mark_for_cache(&mut messages);
    }
    let mut body = Map::new();
    body.insert("model".into(), json!(model.wire_id));
    body.insert("messages".into(), Value::Array(messages));
    body.insert("stream".into(), json!(true));
    if dialect.stream_options {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let mut function = json!({"name": tool.name, "description": tool.description});
            if let Some(parameters) = dialect.schema(&tool.parameters) {
                function["parameters"] = parameters;
            }
            json!({"type": "function", "function": function})
        });
        body.insert("tools".into(), tools.collect());
        body.insert("tool_choice".into(), json!("auto"));
    }
    if let Some(limit) = max_output(model, request) {
        body.insert(dialect.limit.into(), json!(limit));
    }
    let sampling = sampling(model, request);
    let top_k = sampling.top_k.filter(|_| dialect.top_k).map(|top_k| json!(top_k));
    let fields = [("temperature", sampling.temperature.map(|t| json!(t))), ("top_p", sampling.top_p.map(|p| json!(p))), ("top_k", top_k)];
    for (name, value) in fields {
        body.extend(value.map(|value| (name.to_owned(), value)));
    }
    if dialect.cache_key && !request.session.is_empty() {
        body.insert("prompt_cache_key".into(), json!(request.session));
    }
    let mut all = options(model, request);
    if dialect.unknown_options {
        request.unknown.iter().for_each(|(name, value)| _ = all.entry(name.clone()).or_insert_with(|| value.clone()));
    }
    for (name, mut value) in all {
        let name = NAMES.iter().find(|(ours, _)| *ours == name).map_or(name.as_str(), |(_, wire)| wire).to_owned();
        if !dialect.unknown_options && name.contains(char::is_uppercase) {
            continue;
        }
        if name == "max_completion_tokens" {
            body.shift_remove("max_tokens");
        }
        if name == "thinking" {
            value = wire_thinking(value);
        }
        body.insert(name, value);
    }
    let mut headers = Vec::new();
    if !model.key.is_empty() {
        headers.push(("authorization", format!("Bearer {}", model.key.expose())));
    }
    headers.extend(dialect.session_headers(&request.session));
    WireRequest { url: format!("{}/chat/completions", model.base_url), headers, body: Value::Object(body) }
}

fn push_message(model: &ResolvedModel, dialect: &Dialect, message: &ChatMessage, messages: &mut Vec<Value>) {
    match message {
        ChatMessage::User(parts) => {
            if dialect.filler && messages.last().is_some_and(|last| last["role"] == "tool") {
                messages.push(json!({"role": "assistant", "content": "Done."}));
            }
            messages.push(json!({"role": "user", "content": user_content(model, parts)}));
        }
        ChatMessage::Assistant(parts) => messages.push(assistant(model, dialect, parts)),
        ChatMessage::Tool(parts) => {
            messages.extend(parts.iter().filter_map(|part| match part {
                ChatPart::ToolResult { id, output, .. } => {
                    Some(json!({"role": "tool", "tool_call_id": dialect.call_id(id), "content": output}))
                }
                _ => None,
            }));
            // A result holds nothing but text here: what came besides is shown after it.
            let media = beside(parts);
            if !media.is_empty() {
                push_message(model, dialect, &ChatMessage::User(media), messages);
            }
        }
    }
}

/// Plain text where there is nothing else: every server takes that.
fn user_content(model: &ResolvedModel, parts: &[ChatPart]) -> Value {
    let mut pieces = Vec::with_capacity(parts.len());
    let mut plain = true;
    for part in parts {
        pieces.push(match part {
            ChatPart::Text(text) => json!({"type": "text", "text": text}),
            ChatPart::Media { mime, data } if mime.starts_with("image/") && model.capabilities.images && !data.is_empty() => {
                plain = false;
                json!({"type": "image_url", "image_url": {"url": format!("data:{mime};base64,{data}")}})
            }
            ChatPart::Media { mime, data } if mime == "application/pdf" && model.capabilities.pdf && !data.is_empty() => {
                plain = false;
                json!({"type": "file", "file": {"filename": "attachment.pdf", "file_data": format!("data:{mime};base64,{data}")}})
            }
            ChatPart::Media { mime, data } => json!({"type": "text", "text": unreadable(mime, data)}),
            ChatPart::Reasoning { .. } | ChatPart::ToolCall { .. } | ChatPart::ToolResult { .. } => continue,
        });
    }
    if !plain {
        return Value::Array(pieces);
    }
    let texts: Vec<&str> = pieces.iter().filter_map(|piece| piece["text"].as_str()).collect();
    Value::String(texts.join("\n\n"))
}

fn assistant(model: &ResolvedModel, dialect: &Dialect, parts: &[ChatPart]) -> Value {
    let (mut text, mut thoughts, mut calls) = (String::new(), String::new(), Vec::new());
    let mut details = Vec::new();
    for part in parts {
        match part {
            ChatPart::Text(piece) => text.push_str(piece),
            ChatPart::Reasoning { text, metadata } if !metadata.is_null() => {
                thoughts.push_str(text);
                details.extend(metadata["reasoning_details"].as_array().into_iter().flatten().cloned());
            }
            ChatPart::ToolCall { id, name, input, metadata } => {
                let mut call =
                    json!({"id": dialect.call_id(id), "type": "function", "function": {"name": name, "arguments": input.to_string()}});
                // Gemini's thought signature, which must come back with its call.
                if let Some(extra) = metadata.get("extra_content") {
                    call["extra_content"] = extra.clone();
                }
                calls.push(call);
            }
            ChatPart::Media { .. } | ChatPart::Reasoning { .. } | ChatPart::ToolResult { .. } => {}
        }
    }
    let mut message = Map::new();
    message.insert("role".into(), json!("assistant"));
    message.insert("content".into(), if text.is_empty() && !calls.is_empty() { Value::Null } else { json!(text) });
    if dialect.reasoning_details {
        if !details.is_empty() {
            message.insert("reasoning_details".into(), Value::Array(details));
        }
    } else if let Some(field) = &model.interleaved
        && (!thoughts.is_empty() || dialect.always_thoughts)
    {
        message.insert(field.clone(), json!(thoughts));
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), Value::Array(calls));
    }
    Value::Object(message)
}

/// Claude behind a gateway: the system prompt and the last two messages are kept in its cache.
fn mark_for_cache(messages: &mut [Value]) {
    let first = messages.iter().take(1).filter(|message| message["role"] == "system").count();
    let last = messages.len().saturating_sub(2).max(first);
    for index in (0..first).chain(last..messages.len()) {
        let Some(content) = messages[index].get_mut("content") else { continue };
        if let Value::String(text) = content {
            if text.is_empty() {
                continue;
            }
            *content = json!([{"type": "text", "text": text}]);
        }
        if let Some(part) = content.as_array_mut().and_then(|parts| parts.last_mut()) {
            part["cache_control"] = json!({"type": "ephemeral"});
        }
    }
}

#[cfg(test)]
mod tests;
