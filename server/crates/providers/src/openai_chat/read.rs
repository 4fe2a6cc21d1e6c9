//! Chat Completions: the answer, streamed or whole.
//!
//! **Invariant:** calls are told apart however the server numbers them, and each ends exactly once, in order, before `Finish`.

use proto::{CacheTokens, Tokens};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::calls::Calls;
use crate::adapter::{Events, Parser, cut, is_done, is_something, not_json, whole_number};
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

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    index: Value,
    delta: Option<Message>,
    message: Option<Message>,
    /// Of the older API.
    text: Value,
    finish_reason: Value,
    error: Value,
    /// Moonshot's.
    usage: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Value,
    refusal: Value,
    reasoning_content: Value,
    reasoning: Value,
    reasoning_text: Value,
    thinking: Value,
    reasoning_details: Value,
    tool_calls: Value,
    function_call: Value,
}

/// Reads an answer.
#[derive(Default)]
pub(crate) struct Reader {
    calls: Calls,
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
        if is_done(data) {
            self.finish(out);
            return Ok(());
        }
        match serde_json::from_str(data) {
            Ok(chunk) => self.chunk(chunk, data, out)?,
            Err(_) => self.odd(serde_json::from_str(data).map_err(|_| not_json(data))?, out)?,
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
    fn chunk(&mut self, chunk: Chunk, data: &str, out: &mut Events) -> Result<(), ProviderError> {
        let choice_failed = chunk.choices.iter().flatten().any(|choice| is_something(&choice.error));
        if is_something(&chunk.error) || chunk.object == "error" || choice_failed || (chunk.choices.is_none() && !self.began) {
            let event: Value = serde_json::from_str(data).map_err(|_| not_json(data))?;
            let inner = event.pointer("/choices/0/error").filter(|error| is_something(error) && !is_something(&chunk.error));
            if choice_failed || errors::is_error(&event) {
                return Err(errors::from_stream(&inner.map_or_else(|| event.clone(), |error| json!({"error": error}))));
            }
        }
        for usage in [&chunk.usage, &chunk.x_groq["usage"]] {
            self.usage = tokens(usage).or(self.usage);
        }
        for (at, choice) in (0..).zip(chunk.choices.into_iter().flatten()) {
            // Of several choices only the first was asked for.
            if whole_number(&choice.index).unwrap_or(at) == 0 {
                self.usage = tokens(&choice.usage).or(self.usage);
                self.choice(choice, out)?;
            }
        }
        Ok(())
    }

    /// JSON that is no chunk: several chunks in a list, one with something of another kind in it, or something else, which is let pass.
    fn odd(&mut self, value: Value, out: &mut Events) -> Result<(), ProviderError> {
        match value {
            Value::Array(items) => items.into_iter().try_for_each(|item| self.odd(item, out)),
            Value::Object(_) => {
                let value = mended(value);
                let text = value.to_string();
                serde_json::from_value(value).map_or(Ok(()), |chunk| self.chunk(chunk, &text, out))
            }
            _ => Ok(()),
        }
    }

    fn choice(&mut self, choice: Choice, out: &mut Events) -> Result<(), ProviderError> {
        // Together sends it beside the newer form.
        if choice.delta.is_none() && choice.message.is_none() {
            self.say(choice.text.as_str().unwrap_or_default(), out);
        }
        if let Some(delta) = choice.delta {
            self.message(delta, out);
        }
        // Perplexity sends the text so far as `message` beside each piece.
        if let Some(message) = choice.message.filter(|_| !self.began) {
            self.message(message, out);
        }
        if let Some(reason) = choice.finish_reason.as_str() {
            self.reason = Some(match reason.to_ascii_lowercase().as_str() {
                "stop" | "end_turn" | "eos" | "eos_token" | "stop_sequence" | "complete" | "completed" | "" => FinishReason::Stop,
                "tool_calls" | "tool_call" | "tool_use" | "function_call" => FinishReason::ToolCalls,
                "length" | "max_tokens" | "max_output_tokens" | "model_length" | "max_length" | "model_context_window_exceeded" => {
                    FinishReason::Length
                }
                "refusal" => FinishReason::Refusal,
                "content_filter" | "safety" | "sensitive" | "recitation" | "prohibited_content" => FinishReason::ContentFilter,
                "error" | "network_error" | "insufficient_system_resource" => {
                    let message = format!("the provider gave the answer up ({reason})");
                    return Err(errors::from_stream(&json!({"error": {"type": "server_error", "message": message}})));
                }
                _ => FinishReason::Unknown,
            });
        } else if choice.finish_reason.is_number() {
            // The number of a token at which some models end.
            self.reason = self.reason.or(Some(FinishReason::Unknown));
        }
        Ok(())
    }

    fn message(&mut self, message: Message, out: &mut Events) {
        let fields = [
            ("reasoning_content", &message.reasoning_content),
            ("reasoning", &message.reasoning),
            ("reasoning_text", &message.reasoning_text),
            ("thinking", &message.thinking),
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
            Value::Array(parts) => parts.iter().for_each(|part| self.part(part, out)),
            one => self.part(one, out),
        }
        self.refuse(message.refusal.as_str().unwrap_or_default(), out);
        let calls = [&message.tool_calls].into_iter().flat_map(|calls| match calls {
            Value::Array(calls) => calls.as_slice(),
            one => std::slice::from_ref(one),
        });
        for call in calls.filter(|call| call.is_object()) {
            self.call(call, out);
        }
        if ["name", "arguments"].iter().any(|field| is_something(&message.function_call[*field])) {
            self.call(&json!({"index": 0, "function": message.function_call}), out);
        }
    }

    /// A piece of the content: a text, or an object with one.
    fn part(&mut self, part: &Value, out: &mut Events) {
        if let Some(text) = part.as_str() {
            return self.say(text, out);
        }
        match part["type"].as_str() {
            Some("thinking" | "reasoning") => {
                let pieces = ["thinking", "reasoning", "text"].into_iter().find(|field| !part[*field].is_null()).map(|field| &part[field]);
                for piece in pieces.into_iter().flat_map(|pieces| pieces.as_array().map_or(std::slice::from_ref(pieces), Vec::as_slice)) {
                    self.think("content", piece.as_str().or_else(|| piece["text"].as_str()).unwrap_or_default(), out);
                }
            }
            Some("refusal") => self.refuse(part["refusal"].as_str().unwrap_or_default(), out),
            _ => self.say(part["text"].as_str().unwrap_or_default(), out),
        }
    }

    fn refuse(&mut self, text: &str, out: &mut Events) {
        self.refused |= !text.is_empty();
        self.say(text, out);
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

    fn call(&mut self, piece: &Value, out: &mut Events) {
        self.end_thoughts(out);
        self.began |= self.calls.take(piece, out);
    }

    fn finish(&mut self, out: &mut Events) {
        self.finished = true;
        self.end_thoughts(out);
        let count = self.calls.finish(out);
        if let Some(usage) = self.usage {
            out.push(ModelEvent::Usage(usage));
        }
        let reason = if self.refused { FinishReason::Refusal } else { self.reason.unwrap_or(FinishReason::Unknown) };
        out.finish(reason, count);
    }
}

/// The chunk with what must be a list or an object made so, where it is something else.
fn mended(mut chunk: Value) -> Value {
    let choices = match chunk["choices"].take() {
        Value::Array(choices) => choices,
        one @ Value::Object(_) => vec![one],
        _ => return without(chunk, "choices"),
    };
    let choices = choices.into_iter().filter(Value::is_object).map(|mut choice| {
        for field in ["delta", "message"] {
            match &choice[field] {
                Value::Object(_) => {}
                Value::String(text) => choice[field] = json!({"content": text}),
                _ => choice = without(choice, field),
            }
        }
        choice
    });
    chunk["choices"] = choices.collect();
    chunk
}

fn without(mut value: Value, field: &str) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.shift_remove(field);
    }
    value
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
    let first = |pointers: &[&str]| pointers.iter().find_map(|pointer| whole_number(usage.pointer(pointer)?));
    let prompt = first(&["/prompt_tokens", "/input_tokens"])?;
    let completion = first(&["/completion_tokens", "/output_tokens"]).unwrap_or(0);
    let read = first(&[
        "/prompt_tokens_details/cached_tokens",
        "/input_tokens_details/cached_tokens",
        "/prompt_cache_hit_tokens",
        "/cached_tokens",
        "/cache_read_input_tokens",
    ]);
    let write = first(&[
        "/prompt_tokens_details/cache_write_tokens",
        "/prompt_tokens_details/cache_creation_tokens",
        "/prompt_tokens_details/cache_creation_input_tokens",
        "/cache_creation_input_tokens",
    ]);
    let reasoning = first(&["/completion_tokens_details/reasoning_tokens", "/output_tokens_details/reasoning_tokens", "/reasoning_tokens"])
        .unwrap_or(0);
    let (read, write) = (read.unwrap_or(0), write.unwrap_or(0));
    let all = first(&["/total_tokens"]);
    let counted_apart = reasoning > completion || reasoning > 0 && all == Some(prompt.saturating_add(completion).saturating_add(reasoning));
    let output = if counted_apart { completion } else { completion.saturating_sub(reasoning) };
    let input = prompt.saturating_sub(read).saturating_sub(write);
    Some(Tokens { input, output, reasoning, cache: CacheTokens { read, write } })
}
