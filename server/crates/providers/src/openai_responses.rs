//! OpenAI's Responses: the request.
//!
//! Owns the body's items and the heads. Must not know the network, nor a provider by name: what differs between them is `dialect`'s.
//!
//! **Invariant:** nothing is stored at the provider, so thoughts go back only with their encrypted content; the same request gives the same bytes.

mod read;

use serde_json::{Map, Value, json};

pub(crate) use self::read::Reader;
use crate::adapter::{WireRequest, max_output, unreadable};
use crate::dialect::{self, Dialect};
use crate::options::{options, sampling};
use crate::{ChatMessage, ChatPart, ModelRequest, ResolvedModel};

/// OpenCode's names of options, and the wire's. Others go as they are, but for those with capitals: they belong to other APIs, and are refused here.
const NAMES: &[(&str, &str)] = &[
    ("maxToolCalls", "max_tool_calls"),
    ("parallelToolCalls", "parallel_tool_calls"),
    ("promptCacheKey", "prompt_cache_key"),
    ("promptCacheRetention", "prompt_cache_retention"),
    ("safetyIdentifier", "safety_identifier"),
    ("serviceTier", "service_tier"),
    ("topP", "top_p"),
];

/// Options that are fields of an object on the wire.
const NESTED: &[(&str, &str, &str)] =
    &[("reasoningEffort", "reasoning", "effort"), ("reasoningSummary", "reasoning", "summary"), ("textVerbosity", "text", "verbosity")];

pub(crate) fn build(model: &ResolvedModel, request: &ModelRequest) -> WireRequest {
    let dialect = dialect::of(model);
    let mut input = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        let role = if dialect.developer { "developer" } else { "system" };
        input.push(json!({"role": role, "content": request.system.join("\n\n")}));
    }
    for message in &request.messages {
        push_message(model, &dialect, message, &mut input);
    }
    let mut body = Map::new();
    body.insert("model".into(), json!(model.wire_id));
    body.insert("input".into(), Value::Array(input));
    body.insert("stream".into(), json!(true));
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({
                "type": "function", "name": tool.name, "description": tool.description,
                "parameters": dialect.schema(&tool.parameters), "strict": false,
            })
        });
        body.insert("tools".into(), tools.collect());
        body.insert("tool_choice".into(), json!("auto"));
    }
    if let Some(limit) = max_output(model, request) {
        body.insert("max_output_tokens".into(), json!(limit));
    }
    let sampling = sampling(model, request);
    if let Some(temperature) = sampling.temperature.filter(|_| !dialect.developer) {
        body.insert("temperature".into(), json!(temperature));
    }
    if let Some(top_p) = sampling.top_p.filter(|_| !dialect.developer) {
        body.insert("top_p".into(), json!(top_p));
    }
    if dialect.cache_key && !request.session.is_empty() {
        body.insert("prompt_cache_key".into(), json!(request.session));
    }
    let mut all = options(model, request);
    // What is stored is thought on from there.
    if all.get("store") == Some(&Value::Bool(true)) {
        all.shift_remove("include");
    }
    for (name, value) in all {
        if let Some((_, object, field)) = NESTED.iter().find(|(ours, ..)| *ours == name) {
            let object = body.entry(*object).or_insert_with(|| json!({}));
            if !value.is_null() && object.is_object() {
                object[*field] = value;
            }
            continue;
        }
        let name = NAMES.iter().find(|(ours, _)| *ours == name).map_or(name.as_str(), |(_, wire)| wire).to_owned();
        if name.contains(char::is_uppercase) {
            continue;
        }
        match (body.get_mut(&name).and_then(Value::as_object_mut), value) {
            (Some(known), Value::Object(more)) => known.extend(more),
            (_, value) => {
                body.insert(name, value);
            }
        }
    }
    let mut headers = Vec::new();
    if !model.key.is_empty() {
        headers.push(("authorization", format!("Bearer {}", model.key.expose())));
    }
    headers.extend(dialect.session_headers(&request.session));
    WireRequest { url: format!("{}/responses", model.base_url), headers, body: Value::Object(body) }
}

fn push_message(model: &ResolvedModel, dialect: &Dialect, message: &ChatMessage, input: &mut Vec<Value>) {
    match message {
        ChatMessage::User(parts) => {
            let content: Vec<Value> = parts.iter().filter_map(|part| user_content(model, part)).collect();
            if !content.is_empty() {
                input.push(json!({"role": "user", "content": content}));
            }
        }
        ChatMessage::Assistant(parts) | ChatMessage::Tool(parts) => {
            input.extend(parts.iter().filter_map(|part| item(model, dialect, part)))
        }
    }
}

fn user_content(model: &ResolvedModel, part: &ChatPart) -> Option<Value> {
    Some(match part {
        ChatPart::Text(text) => json!({"type": "input_text", "text": text}),
        ChatPart::Media { mime, data } if mime.starts_with("image/") && model.capabilities.images && !data.is_empty() => {
            json!({"type": "input_image", "image_url": format!("data:{mime};base64,{data}")})
        }
        ChatPart::Media { mime, data } if mime == "application/pdf" && model.capabilities.pdf && !data.is_empty() => {
            json!({"type": "input_file", "filename": "attachment.pdf", "file_data": format!("data:{mime};base64,{data}")})
        }
        ChatPart::Media { mime, data } => json!({"type": "input_text", "text": unreadable(mime, data)}),
        ChatPart::Reasoning { .. } | ChatPart::ToolCall { .. } | ChatPart::ToolResult { .. } => return None,
    })
}

/// What the model said or did, and what came of it.
fn item(model: &ResolvedModel, dialect: &Dialect, part: &ChatPart) -> Option<Value> {
    Some(match part {
        ChatPart::Text(text) if text.trim().is_empty() => return None,
        ChatPart::Text(text) => json!({"role": "assistant", "content": text}),
        ChatPart::Reasoning { text, metadata } => {
            let own = metadata.get("openai")?;
            let encrypted = own.get("encryptedContent")?.as_str()?;
            let summary = if text.is_empty() { json!([]) } else { json!([{"type": "summary_text", "text": text}]) };
            let mut item = json!({"type": "reasoning", "summary": summary, "encrypted_content": encrypted});
            // OpenAI looks an id up, and finds nothing as nothing is stored; xAI wants one.
            if dialect.item_ids {
                item["id"] = own.get("itemId").cloned().unwrap_or_else(|| json!(""));
            }
            item
        }
        ChatPart::ToolCall { id, name, input, .. } => {
            let input = if input.is_object() { input.to_string() } else { "{}".to_owned() };
            json!({"type": "function_call", "call_id": id, "name": name, "arguments": input})
        }
        ChatPart::ToolResult { id, output, media, .. } if media.is_empty() => {
            json!({"type": "function_call_output", "call_id": id, "output": output})
        }
        ChatPart::ToolResult { id, output, media, .. } => {
            let words = ChatPart::Text(output.clone());
            let content: Value = std::iter::once(&words).chain(media).filter_map(|part| user_content(model, part)).collect();
            json!({"type": "function_call_output", "call_id": id, "output": content})
        }
        ChatPart::Media { .. } => return None,
    })
}

#[cfg(test)]
mod tests;
