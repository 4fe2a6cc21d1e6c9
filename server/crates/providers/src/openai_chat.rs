//! OpenAI's Chat Completions, and everything that imitates it: the request.
//!
//! Owns the body, the dialects' differences and the heads. Must not know the network.
//!
//! **Invariant:** the same request gives the same bytes, so that providers' caches hold; thoughts go back only to a model that wants them.

mod read;

use serde_json::{Map, Value, json};

pub(crate) use self::read::Reader;
use crate::adapter::{WireRequest, max_output, options, sampling, unreadable};
use crate::{ChatMessage, ChatPart, ModelRequest, ResolvedModel, schema};

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
];

pub(crate) fn build(model: &ResolvedModel, request: &ModelRequest) -> WireRequest {
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        messages.push(json!({"role": "system", "content": request.system.join("\n\n")}));
    }
    for message in &request.messages {
        push_message(model, message, &mut messages);
    }
    if model.is_like("claude") {
        mark_for_cache(&mut messages);
    }
    let mut body = Map::new();
    body.insert("model".into(), json!(model.wire_id));
    body.insert("messages".into(), Value::Array(messages));
    body.insert("stream".into(), json!(true));
    // Mistral refuses fields that it does not know, and sends the usage anyway.
    if model.provider_id != "mistral" {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let mut function = json!({"name": tool.name, "description": tool.description});
            let parameters = if model.is_like("gemini") { schema::for_gemini(&tool.parameters) } else { Some(tool.parameters.clone()) };
            if let Some(parameters) = parameters {
                function["parameters"] = parameters;
            }
            json!({"type": "function", "function": function})
        });
        body.insert("tools".into(), tools.collect());
        body.insert("tool_choice".into(), json!("auto"));
    }
    let new_limit = model.provider_id == "openai" && ["gpt-5", "o1", "o3", "o4"].iter().any(|start| model.wire_id.starts_with(start));
    if let Some(limit) = max_output(model, request) {
        body.insert(if new_limit { "max_completion_tokens" } else { "max_tokens" }.into(), json!(limit));
    }
    let (temperature, top_p) = sampling(model, request);
    if let Some(temperature) = temperature {
        body.insert("temperature".into(), json!(temperature));
    }
    if let Some(top_p) = top_p {
        body.insert("top_p".into(), json!(top_p));
    }
    if model.provider_id == "openrouter" {
        body.insert("usage".into(), json!({"include": true}));
    }
    let cache_key = model.provider_options.get("setCacheKey").and_then(Value::as_bool);
    if cache_key.unwrap_or(matches!(model.provider_id.as_str(), "openai" | "xai")) && !request.session.is_empty() {
        body.insert("prompt_cache_key".into(), json!(request.session));
    }
    for (name, value) in options(model, request) {
        let name = NAMES.iter().find(|(ours, _)| *ours == name).map_or(name.as_str(), |(_, wire)| wire).to_owned();
        // OpenAI refuses names that it does not know, such as options of its other API.
        if model.provider_id == "openai" && name.contains(char::is_uppercase) {
            continue;
        }
        if name == "max_completion_tokens" {
            body.shift_remove("max_tokens");
        }
        body.insert(name, value);
    }
    let mut headers = Vec::new();
    if !model.key.is_empty() {
        headers.push(("authorization", format!("Bearer {}", model.key.expose())));
    }
    if !request.session.is_empty() {
        headers.push((
            if model.provider_id.starts_with("opencode") { "x-opencode-session" } else { "x-session-affinity" },
            request.session.clone(),
        ));
    }
    WireRequest { url: format!("{}/chat/completions", model.base_url), headers, body: Value::Object(body) }
}

fn push_message(model: &ResolvedModel, message: &ChatMessage, messages: &mut Vec<Value>) {
    match message {
        ChatMessage::User(parts) => {
            if is_mistral(model) && messages.last().is_some_and(|last| last["role"] == "tool") {
                messages.push(json!({"role": "assistant", "content": "Done."}));
            }
            messages.push(json!({"role": "user", "content": user_content(model, parts)}));
        }
        ChatMessage::Assistant(parts) => messages.push(assistant(model, parts)),
        ChatMessage::Tool(parts) => messages.extend(parts.iter().filter_map(|part| match part {
            ChatPart::ToolResult { id, output, .. } => Some(json!({"role": "tool", "tool_call_id": call_id(model, id), "content": output})),
            _ => None,
        })),
    }
}

/// Plain text where there is nothing else: every server takes that.
fn user_content(model: &ResolvedModel, parts: &[ChatPart]) -> Value {
    let mut pieces = Vec::with_capacity(parts.len());
    let mut plain = true;
    for part in parts {
        pieces.push(match part {
            ChatPart::Text(text) => json!({"type": "text", "text": text}),
            ChatPart::Media { mime, data } if mime.starts_with("image/") && model.capabilities.images => {
                plain = false;
                json!({"type": "image_url", "image_url": {"url": format!("data:{mime};base64,{data}")}})
            }
            ChatPart::Media { mime, data } if mime == "application/pdf" && model.capabilities.pdf => {
                plain = false;
                json!({"type": "file", "file": {"filename": "attachment.pdf", "file_data": format!("data:{mime};base64,{data}")}})
            }
            ChatPart::Media { mime, .. } => json!({"type": "text", "text": unreadable(mime)}),
            ChatPart::Reasoning { .. } | ChatPart::ToolCall { .. } | ChatPart::ToolResult { .. } => continue,
        });
    }
    if !plain {
        return Value::Array(pieces);
    }
    let texts: Vec<&str> = pieces.iter().filter_map(|piece| piece["text"].as_str()).collect();
    Value::String(texts.join("\n\n"))
}

fn assistant(model: &ResolvedModel, parts: &[ChatPart]) -> Value {
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
                    json!({"id": call_id(model, id), "type": "function", "function": {"name": name, "arguments": input.to_string()}});
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
    if model.provider_id == "openrouter" {
        if !details.is_empty() {
            message.insert("reasoning_details".into(), Value::Array(details));
        }
    } else if let Some(field) = &model.interleaved
        && (!thoughts.is_empty() || model.is_like("deepseek"))
    {
        message.insert(field.clone(), json!(thoughts));
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), Value::Array(calls));
    }
    Value::Object(message)
}

fn is_mistral(model: &ResolvedModel) -> bool {
    model.provider_id == "mistral" || ["mistral", "devstral", "codestral", "mixtral", "pixtral"].iter().any(|word| model.is_like(word))
}

/// Mistral takes nine letters and digits only, Claude no punctuation.
fn call_id(model: &ResolvedModel, id: &str) -> String {
    if is_mistral(model) {
        let kept: Vec<char> = id.chars().filter(char::is_ascii_alphanumeric).collect();
        // The end differs more than the beginning, which is `call` and a time.
        let end = &kept[kept.len().saturating_sub(9)..];
        return format!("{:0<9}", end.iter().collect::<String>());
    }
    if model.is_like("claude") { crate::anthropic::call_id(id) } else { id.to_owned() }
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
