//! Chat Completions: the answer, streamed or whole.
//!
//! **Invariant:** calls are told apart however the server numbers them, and each ends exactly once, in order, before `Finish`.

use proto::{CacheTokens, Tokens};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::adapter::{Events, Parser, cut, made_up_id, not_json};
use crate::{FinishReason, ModelEvent, ProviderError, errors};

/// A chunk, or a whole answer. What servers disagree about is a `Value`.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Value,
    /// Groq's.
    #[serde(default)]
    x_groq: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    object: Value,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: Value,
    #[serde(default)]
    delta: Option<Message>,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    finish_reason: Value,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Value,
    #[serde(default)]
    reasoning_content: Value,
    #[serde(default)]
    reasoning: Value,
    #[serde(default)]
    reasoning_text: Value,
    #[serde(default)]
    reasoning_details: Value,
    #[serde(default)]
    tool_calls: Value,
    #[serde(default)]
    function_call: Value,
}

#[derive(Default)]
struct Call {
    /// As the server gave it.
    wire_index: Option<u64>,
    wire_id: String,
    arguments: String,
    extra: Value,
}

/// Reads an answer.
#[derive(Default)]
pub(crate) struct Reader {
    calls: Vec<Call>,
    /// Ids that were handed out.
    ids: Vec<String>,
    /// The field in which thoughts came, while they come.
    thinking: Option<&'static str>,
    details: Vec<Value>,
    /// Something of the answer has come.
    began: bool,
    refused: bool,
    reason: Option<FinishReason>,
    usage: Option<Tokens>,
    finished: bool,
}

impl Parser for Reader {
    fn feed(&mut self, data: &str, out: &mut Events) -> Result<(), ProviderError> {
        let data = data.trim();
        if self.finished || data.is_empty() {
            return Ok(());
        }
        if data == "[DONE]" {
            self.finish(out);
            return Ok(());
        }
        let chunk: Chunk = match serde_json::from_str(data) {
            Ok(chunk) => chunk,
            Err(_) => return self.odd(data),
        };
        let choice_failed = chunk.choices.iter().flatten().any(|choice| is_something(&choice.error));
        if is_something(&chunk.error) || chunk.object == "error" || choice_failed {
            let event: Value = serde_json::from_str(data).map_err(|_| not_json(data))?;
            let inner = event.pointer("/choices/0/error").filter(|error| is_something(error) && !is_something(&chunk.error));
            return Err(errors::from_stream(&inner.map_or_else(|| event.clone(), |error| json!({"error": error}))));
        }
        for usage in [&chunk.usage, &chunk.x_groq["usage"]] {
            self.usage = tokens(usage).or(self.usage);
        }
        for choice in chunk.choices.into_iter().flatten() {
            // Of several choices only the first was asked for.
            if choice.index.as_u64().unwrap_or(0) == 0 {
                self.choice(choice, out);
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Events) -> Result<(), ProviderError> {
        if self.reason.is_none() {
            return Err(cut());
        }
        self.finish(out);
        Ok(())
    }
}

impl Reader {
    /// Data that is no chunk: JSON of another shape is let pass, unless it tells of an error.
    fn odd(&mut self, data: &str) -> Result<(), ProviderError> {
        let event: Value = serde_json::from_str(data).map_err(|_| not_json(data))?;
        let inner = event.as_array().and_then(|items| items.first()).unwrap_or(&event);
        if is_something(&inner["error"]) { Err(errors::from_stream(inner)) } else { Ok(()) }
    }

    fn choice(&mut self, choice: Choice, out: &mut Events) {
        if let Some(delta) = choice.delta {
            self.message(delta, out);
        }
        // Perplexity sends the text so far as `message` beside each piece.
        if let Some(message) = choice.message.filter(|_| !self.began) {
            self.message(message, out);
        }
        if let Some(reason) = choice.finish_reason.as_str() {
            self.reason = Some(match reason {
                "stop" | "end_turn" | "eos" | "" => FinishReason::Stop,
                "tool_calls" | "function_call" => FinishReason::ToolCalls,
                "length" | "max_tokens" | "model_length" => FinishReason::Length,
                "content_filter" => FinishReason::ContentFilter,
                _ => FinishReason::Unknown,
            });
        }
    }

    fn message(&mut self, message: Message, out: &mut Events) {
        let fields = [
            ("reasoning_content", &message.reasoning_content),
            ("reasoning", &message.reasoning),
            ("reasoning_text", &message.reasoning_text),
        ];
        let plain = fields.into_iter().find_map(|(field, value)| Some((field, value.as_str().filter(|text| !text.is_empty())?)));
        if let Some((field, text)) = plain {
            self.think(field, text, out);
        }
        if let Value::Array(details) = message.reasoning_details {
            for detail in &details {
                let text = detail["text"].as_str().or_else(|| detail["summary"].as_str()).unwrap_or_default();
                // The same words stand in `reasoning` too.
                let text = if plain.is_some() { "" } else { text };
                self.think("reasoning_details", text, out);
            }
            self.details.extend(details);
        }
        match &message.content {
            Value::String(text) => self.say(text, out),
            Value::Array(parts) => {
                for part in parts {
                    match part["type"].as_str() {
                        Some("thinking") => {
                            let inner = part["thinking"].as_array().into_iter().flatten().filter_map(|piece| piece["text"].as_str());
                            for text in inner.chain(part["thinking"].as_str()) {
                                self.think("content", text, out);
                            }
                        }
                        _ => self.say(part["text"].as_str().unwrap_or_default(), out),
                    }
                }
            }
            _ => {}
        }
        if let Some(text) = message.refusal.as_str().filter(|text| !text.is_empty()) {
            self.refused = true;
            self.say(text, out);
        }
        for call in message.tool_calls.as_array().into_iter().flatten() {
            self.call(call, out);
        }
        if message.function_call.is_object() {
            self.call(&json!({"index": 0, "function": message.function_call}), out);
        }
    }

    fn think(&mut self, field: &'static str, text: &str, out: &mut Events) {
        if self.thinking.is_none() || field != "reasoning_details" {
            self.thinking = Some(field);
        }
        self.began |= !text.is_empty();
        out.reasoning(text);
    }

    fn say(&mut self, text: &str, out: &mut Events) {
        if !text.is_empty() {
            self.began = true;
            self.end_thoughts(out);
            out.text(text);
        }
    }

    fn end_thoughts(&mut self, out: &mut Events) {
        if let Some(field) = self.thinking.take() {
            let mut metadata = Map::new();
            metadata.insert("field".into(), json!(field));
            if !self.details.is_empty() {
                metadata.insert("reasoning_details".into(), joined(std::mem::take(&mut self.details)));
            }
            out.push(ModelEvent::ReasoningEnd { metadata: Value::Object(metadata) });
        }
    }

    fn call(&mut self, delta: &Value, out: &mut Events) {
        let function = if delta["function"].is_object() { &delta["function"] } else { return };
        let name = function["name"].as_str().unwrap_or_default();
        let wire_id = delta["id"].as_str().unwrap_or_default();
        let wire_index = delta["index"].as_u64();
        let arguments = match &function["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            whole => whole.to_string(),
        };
        self.end_thoughts(out);
        let index = match self.known_call(wire_index, wire_id, name) {
            Some(index) => index,
            None => {
                // A piece of a call that never began.
                if name.is_empty() {
                    return;
                }
                let id =
                    if wire_id.is_empty() || self.ids.iter().any(|known| known == wire_id) { made_up_id() } else { wire_id.to_owned() };
                let index = self.calls.len();
                self.began = true;
                out.push(ModelEvent::ToolCallStart { index, id: id.clone(), name: name.to_owned() });
                self.ids.push(id);
                self.calls.push(Call { wire_index, wire_id: wire_id.to_owned(), ..Call::default() });
                index
            }
        };
        let call = &mut self.calls[index];
        if is_something(&delta["extra_content"]) {
            call.extra = delta["extra_content"].clone();
        }
        call.arguments.push_str(&arguments);
        out.arguments(index, &arguments);
    }

    /// The call that a piece belongs to; none if it begins a new one.
    fn known_call(&self, wire_index: Option<u64>, wire_id: &str, name: &str) -> Option<usize> {
        let found = match wire_index {
            Some(_) => self.calls.iter().rposition(|call| call.wire_index == wire_index)?,
            None if !wire_id.is_empty() => self.calls.iter().rposition(|call| call.wire_id == wire_id)?,
            None => self.calls.len().checked_sub(1)?,
        };
        let call = &self.calls[found];
        // Some number every call 0, or none: then another id, or a name after whole arguments, tells a new call.
        let other_id = !wire_id.is_empty() && !call.wire_id.is_empty() && call.wire_id != wire_id;
        let whole = || serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_ok();
        let new = !name.is_empty() && (other_id || (wire_id.is_empty() && whole()));
        (!new).then_some(found)
    }

    fn finish(&mut self, out: &mut Events) {
        self.finished = true;
        self.end_thoughts(out);
        let calls = std::mem::take(&mut self.calls);
        let count = calls.len();
        for (index, call) in calls.into_iter().enumerate() {
            let metadata = if call.extra.is_null() { Value::Null } else { json!({"extra_content": call.extra}) };
            out.push(ModelEvent::ToolCallEnd { index, arguments: call.arguments, metadata });
        }
        if let Some(usage) = self.usage {
            out.push(ModelEvent::Usage(usage));
        }
        let reason = if self.refused { FinishReason::ContentFilter } else { self.reason.unwrap_or(FinishReason::Unknown) };
        out.finish(reason, count);
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    }
}

/// Streamed details with the same index are pieces of one.
fn joined(pieces: Vec<Value>) -> Value {
    let mut whole: Vec<Value> = Vec::new();
    for piece in pieces {
        let same = whole
            .iter_mut()
            .rev()
            .find(|known| !piece["index"].is_null() && known["index"] == piece["index"] && known["type"] == piece["type"]);
        match (same, piece) {
            (Some(known), Value::Object(piece)) => {
                for (name, value) in piece {
                    match (&mut known[name.as_str()], value) {
                        (Value::String(text), Value::String(more))
                            if matches!(name.as_str(), "text" | "summary" | "data" | "signature") =>
                        {
                            text.push_str(&more)
                        }
                        (_, Value::Null) => {}
                        (old, value) => *old = value,
                    }
                }
            }
            (_, piece) => whole.push(piece),
        }
    }
    Value::Array(whole)
}

/// Servers count cached tokens as a part of the prompt, and most count reasoning as a part of the completion.
fn tokens(usage: &Value) -> Option<Tokens> {
    let number =
        |pointer: &str| usage.pointer(pointer).and_then(|value| value.as_u64().or_else(|| value.as_f64().map(|value| value as u64)));
    let prompt = number("/prompt_tokens").or_else(|| number("/input_tokens"))?;
    let completion = number("/completion_tokens").or_else(|| number("/output_tokens")).unwrap_or(0);
    let read =
        number("/prompt_tokens_details/cached_tokens").or_else(|| number("/prompt_cache_hit_tokens")).or_else(|| number("/cached_tokens"));
    let write = number("/prompt_tokens_details/cache_write_tokens").or_else(|| number("/cache_creation_input_tokens"));
    let reasoning = number("/completion_tokens_details/reasoning_tokens").or_else(|| number("/reasoning_tokens")).unwrap_or(0);
    let (read, write) = (read.unwrap_or(0), write.unwrap_or(0));
    let counted_apart = reasoning > 0 && number("/total_tokens") == Some(prompt.saturating_add(completion).saturating_add(reasoning));
    let output = if counted_apart { completion } else { completion.saturating_sub(reasoning) };
    let input = prompt.saturating_sub(read).saturating_sub(write);
    Some(Tokens { input, output, reasoning, cache: CacheTokens { read, write } })
}
