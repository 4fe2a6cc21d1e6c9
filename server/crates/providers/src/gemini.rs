//! Google's Gemini: the request.
//!
//! Owns the body and the head. Must not know the network.
//!
//! **Invariant:** a thought signature goes back on the part that it came with; the results of one answer's calls stand in one content. The same
//! request gives the same bytes.

mod read;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

pub(crate) use self::read::Reader;
use crate::adapter::{WireRequest, beside, max_output, unreadable};
use crate::dialect::{self, Dialect};
use crate::options::{options, sampling};
use crate::{ChatMessage, ChatPart, ModelRequest, ResolvedModel};

/// Options that belong to the body itself. Names with capitals that stand in neither list are options for other APIs, which this one would refuse.
const OF_BODY: &[&str] = &["safetySettings", "cachedContent", "toolConfig", "serviceTier"];
/// Options that belong to `generationConfig`.
const OF_GENERATION: &[&str] = &[
    "temperature",
    "topP",
    "topK",
    "seed",
    "maxOutputTokens",
    "stopSequences",
    "presencePenalty",
    "frequencyPenalty",
    "responseModalities",
    "mediaResolution",
    "audioTimestamp",
    "imageConfig",
    "thinkingConfig",
];
/// Gemini 3 refuses a call without a signature; this word stands for that of a call which another model made.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

pub(crate) fn build(model: &ResolvedModel, request: &ModelRequest) -> WireRequest {
    let dialect = dialect::of(model);
    let given = given_ids(request);
    let mut contents: Vec<Value> = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        push_message(model, &dialect, message, &given, &mut contents);
    }
    let mut body = Map::new();
    let texts = request.system.iter().filter(|text| !text.trim().is_empty());
    let system: Vec<Value> = texts.map(|text| json!({"text": text})).collect();
    if !system.is_empty() {
        body.insert("systemInstruction".into(), json!({"parts": system}));
    }
    body.insert("contents".into(), Value::Array(contents));
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let mut declaration = json!({"name": tool.name, "description": tool.description});
            if let Some(parameters) = dialect.schema(&tool.parameters) {
                declaration["parameters"] = parameters;
            }
            declaration
        });
        body.insert("tools".into(), json!([{"functionDeclarations": tools.collect::<Vec<_>>()}]));
        body.insert("toolConfig".into(), json!({"functionCallingConfig": {"mode": "AUTO"}}));
    }
    let mut generation = Map::new();
    if let Some(limit) = max_output(model, request) {
        generation.insert("maxOutputTokens".into(), json!(limit));
    }
    let sampling = sampling(model, request);
    let fields = [
        ("temperature", sampling.temperature.map(|t| json!(t))),
        ("topP", sampling.top_p.map(|p| json!(p))),
        ("topK", sampling.top_k.map(|k| json!(k))),
    ];
    for (name, value) in fields {
        generation.extend(value.map(|value| (name.to_owned(), value)));
    }
    for (name, value) in options(model, request) {
        if OF_GENERATION.contains(&name.as_str()) {
            generation.insert(name, value);
        } else if OF_BODY.contains(&name.as_str()) || !name.contains(char::is_uppercase) {
            body.insert(name, value);
        }
    }
    if !generation.is_empty() {
        body.insert("generationConfig".into(), Value::Object(generation));
    }
    let mut headers = Vec::new();
    if !model.key.is_empty() {
        headers.push(("x-goog-api-key", model.key.expose().to_owned()));
    }
    headers.extend(dialect.session_headers(&request.session));
    // A tuned model's name is a path already.
    let path = if model.wire_id.contains('/') { model.wire_id.clone() } else { format!("models/{}", model.wire_id) };
    WireRequest { url: format!("{}/{path}:streamGenerateContent?alt=sse", model.base_url), headers, body: Value::Object(body) }
}

/// The ids that Gemini gave itself. Made-up ones are not for its eyes: it tells results apart by their order.
fn given_ids(request: &ModelRequest) -> HashSet<&str> {
    let parts = request.messages.iter().flat_map(|message| match message {
        ChatMessage::Assistant(parts) => parts.as_slice(),
        ChatMessage::User(_) | ChatMessage::Tool(_) => &[],
    });
    let given = parts.filter_map(|part| match part {
        ChatPart::ToolCall { id, metadata, .. } if metadata["google"]["id"] == *id => Some(id.as_str()),
        _ => None,
    });
    given.collect()
}

fn push_message(model: &ResolvedModel, dialect: &Dialect, message: &ChatMessage, given: &HashSet<&str>, contents: &mut Vec<Value>) {
    let (role, parts) = match message {
        ChatMessage::User(parts) | ChatMessage::Tool(parts) => ("user", parts),
        ChatMessage::Assistant(parts) => ("model", parts),
    };
    let mut parts: Vec<Value> = parts.iter().filter_map(|part| wire_part(model, part, given)).collect();
    if let Some(call) = parts.iter_mut().find(|part| part.get("functionCall").is_some())
        && dialect.signed_calls
        && call.get("thoughtSignature").is_none()
    {
        call["thoughtSignature"] = json!(NO_SIGNATURE);
    }
    if parts.is_empty() {
        return;
    }
    // Calls must follow what they answer; results must stand apart from what the user says next.
    if role == "model"
        && let Some(last) = contents.last_mut().filter(|last| last["role"] == role)
        && let Some(known) = last["parts"].as_array_mut()
    {
        known.extend(parts);
        return;
    }
    contents.push(json!({"role": role, "parts": parts}));
    if let ChatMessage::Tool(results) = message {
        // Only the newest models take anything but text in a result.
        let media: Vec<Value> = beside(results).iter().filter_map(|part| wire_part(model, part, given)).collect();
        if !media.is_empty() {
            contents.push(json!({"role": "user", "parts": media}));
        }
    }
}

fn wire_part(model: &ResolvedModel, part: &ChatPart, given: &HashSet<&str>) -> Option<Value> {
    let takes = |mime: &str, data: &str| {
        !data.is_empty() && (mime.starts_with("image/") && model.capabilities.images || mime == "application/pdf" && model.capabilities.pdf)
    };
    Some(match part {
        ChatPart::Text(text) if text.is_empty() => return None,
        ChatPart::Text(text) => json!({"text": text}),
        ChatPart::Media { mime, data } if takes(mime, data) => json!({"inlineData": {"mimeType": mime, "data": data}}),
        ChatPart::Media { mime, data } => json!({"text": unreadable(mime, data)}),
        ChatPart::Reasoning { text, metadata } => {
            let signature = metadata["google"]["thoughtSignature"].as_str()?;
            let mut part = json!({"text": text, "thoughtSignature": signature});
            // Without words it is the signature of the text before it.
            if !text.is_empty() {
                part["thought"] = json!(true);
            }
            part
        }
        ChatPart::ToolCall { id, name, input, metadata } => {
            let mut call = json!({"name": name, "args": if input.is_object() { input.clone() } else { json!({}) }});
            if given.contains(id.as_str()) {
                call["id"] = json!(id);
            }
            let mut part = json!({"functionCall": call});
            if let Some(signature) = metadata["google"]["thoughtSignature"].as_str() {
                part["thoughtSignature"] = json!(signature);
            }
            part
        }
        ChatPart::ToolResult { id, name, output, is_error, .. } => {
            let mut result = json!({"name": name, "response": {if *is_error { "error" } else { "output" }: output}});
            if given.contains(id.as_str()) {
                result["id"] = json!(id);
            }
            json!({"functionResponse": result})
        }
    })
}

#[cfg(test)]
mod tests;
