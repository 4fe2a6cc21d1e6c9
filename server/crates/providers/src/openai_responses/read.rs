//! OpenAI's Responses: the answer, streamed or whole.
//!
//! **Invariant:** an item counts once, whether it came in pieces, at its end or only with the whole response; tools that the provider runs itself are
//! none of ours.

use proto::{CacheTokens, Tokens};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::adapter::{Events, Parser, cut, made_up_id, not_json};
use crate::{FinishReason, ModelEvent, ProviderError, errors};

/// Any event. What servers disagree about is a `Value`.
#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    output_index: Value,
    #[serde(default)]
    summary_index: Value,
    #[serde(default)]
    delta: Value,
    #[serde(default)]
    item: Value,
    #[serde(default)]
    response: Value,
    #[serde(default)]
    error: Value,
}

enum Item {
    Message {
        said: bool,
    },
    Reasoning {
        said: bool,
        /// The part of the summary that is being written.
        part: u64,
    },
    Call {
        call: usize,
        arguments: String,
    },
    Other,
}

/// Reads an answer.
#[derive(Default)]
pub(crate) struct Reader {
    /// By the server's index.
    open: Vec<(u64, Item)>,
    /// Something of the answer has come.
    began: bool,
    ids: Vec<String>,
    refused: bool,
    finished: bool,
}

impl Parser for Reader {
    fn feed(&mut self, data: &str, out: &mut Events) -> Result<(), ProviderError> {
        let data = data.trim();
        if self.finished || data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let event: Event = match serde_json::from_str(data) {
            Ok(event) => event,
            // JSON of another shape is let pass.
            Err(_) if serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok() => return Ok(()),
            Err(_) => return Err(not_json(data)),
        };
        let index = event.output_index.as_u64().unwrap_or(0);
        let delta = event.delta.as_str().unwrap_or_default();
        match event.kind.as_str().unwrap_or_default() {
            "response.output_text.delta" => self.say(index, delta, out),
            "response.refusal.delta" => {
                self.refused |= !delta.is_empty();
                self.say(index, delta, out);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.think(index, event.summary_index.as_u64().unwrap_or(0), delta, out);
            }
            "response.function_call_arguments.delta" => {
                if let Some(Item::Call { call, arguments }) = self.item(index) {
                    arguments.push_str(delta);
                    out.arguments(*call, delta);
                }
            }
            "response.output_item.added" => self.start(index, &event.item, out),
            "response.output_item.done" => self.stop(index, &event.item, out),
            "response.completed" | "response.incomplete" | "response.done" => self.whole(&event.response, out)?,
            "response.failed" => return Err(failed(&event.response)),
            // Its fields stand in the event itself, or in `error`.
            "error" => return Err(errors::from_stream(&value(data)?)),
            _ if !event.error.is_null() => return Err(errors::from_stream(&json!({"error": event.error}))),
            "" => {
                let response = value(data)?;
                if response["object"] == "response" || response["output"].is_array() {
                    self.whole(&response, out)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Events) -> Result<(), ProviderError> {
        if self.finished { Ok(()) } else { Err(cut()) }
    }
}

impl Reader {
    fn item(&mut self, index: u64) -> Option<&mut Item> {
        self.open.iter_mut().find(|(known, _)| *known == index).map(|(_, item)| item)
    }

    fn say(&mut self, index: u64, text: &str, out: &mut Events) {
        self.began = true;
        if let Some(Item::Message { said }) = self.item(index) {
            *said |= !text.is_empty();
        }
        out.text(text);
    }

    fn think(&mut self, index: u64, part: u64, text: &str, out: &mut Events) {
        self.began = true;
        if let Some(Item::Reasoning { said, part: known }) = self.item(index) {
            if *said && *known != part {
                out.reasoning("\n\n");
            }
            (*said, *known) = (*said || !text.is_empty(), part);
        }
        out.reasoning(text);
    }

    fn start(&mut self, index: u64, item: &Value, out: &mut Events) {
        // Some servers number every item 0.
        self.stop(index, &Value::Null, out);
        self.began = true;
        let text = |name: &str| item[name].as_str().unwrap_or_default();
        let item = match text("type") {
            "message" => Item::Message { said: false },
            "reasoning" => Item::Reasoning { said: false, part: 0 },
            "function_call" => {
                let (call, id) = (self.ids.len(), text("call_id"));
                let id = if id.is_empty() || self.ids.iter().any(|known| known == id) { made_up_id() } else { id.to_owned() };
                self.ids.push(id.clone());
                out.push(ModelEvent::ToolCallStart { index: call, id, name: text("name").to_owned() });
                out.arguments(call, text("arguments"));
                Item::Call { call, arguments: text("arguments").to_owned() }
            }
            _ => Item::Other,
        };
        self.open.push((index, item));
    }

    /// The item is over; `whole` is null where the server does not say so itself.
    fn stop(&mut self, index: u64, whole: &Value, out: &mut Events) {
        let Some(at) = self.open.iter().position(|(known, _)| *known == index) else {
            if whole.is_object() {
                self.start(index, whole, out);
                self.stop(index, whole, out);
            }
            return;
        };
        match self.open.remove(at).1 {
            Item::Message { said } => {
                for part in whole["content"].as_array().into_iter().flatten() {
                    let refusal = part["refusal"].as_str();
                    self.refused |= refusal.is_some_and(|text| !text.is_empty());
                    if !said && part["type"] != "reasoning_text" {
                        out.text(refusal.or_else(|| part["text"].as_str()).unwrap_or_default());
                    }
                }
            }
            Item::Reasoning { said, .. } => {
                if !said {
                    let pieces = ["summary", "content"].into_iter().flat_map(|list| whole[list].as_array().into_iter().flatten());
                    let texts: Vec<&str> = pieces.filter_map(|piece| piece["text"].as_str()).collect();
                    out.reasoning(&texts.join("\n\n"));
                }
                let metadata = match whole["encrypted_content"].as_str().filter(|encrypted| !encrypted.is_empty()) {
                    Some(encrypted) => json!({"openai": {"itemId": whole["id"], "encryptedContent": encrypted}}),
                    None => Value::Null,
                };
                out.push(ModelEvent::ReasoningEnd { metadata });
            }
            Item::Call { call, mut arguments } => {
                if let Some(all) = whole["arguments"].as_str().filter(|all| !all.is_empty()) {
                    if arguments.is_empty() {
                        out.arguments(call, all);
                    }
                    arguments = all.to_owned();
                }
                out.push(ModelEvent::ToolCallEnd { index: call, arguments, metadata: Value::Null });
            }
            Item::Other => {}
        }
    }

    /// The response is over.
    fn whole(&mut self, response: &Value, out: &mut Events) -> Result<(), ProviderError> {
        if response["status"] == "failed" {
            return Err(failed(response));
        }
        for index in self.open.iter().map(|(index, _)| *index).collect::<Vec<_>>() {
            self.stop(index, &Value::Null, out);
        }
        if !self.began {
            for (index, item) in (0..).zip(response["output"].as_array().into_iter().flatten()) {
                self.stop(index, item, out);
            }
        }
        if let Some(usage) = tokens(&response["usage"]) {
            out.push(ModelEvent::Usage(usage));
        }
        let incomplete = response.pointer("/incomplete_details/reason").and_then(Value::as_str);
        let reason = match incomplete {
            Some("max_output_tokens" | "max_tokens") => FinishReason::Length,
            Some("content_filter") => FinishReason::ContentFilter,
            Some(_) => FinishReason::Unknown,
            None if self.refused => FinishReason::ContentFilter,
            None => FinishReason::Stop,
        };
        self.finished = true;
        out.finish(reason, self.ids.len());
        Ok(())
    }
}

fn value(data: &str) -> Result<Value, ProviderError> {
    serde_json::from_str(data).map_err(|_| not_json(data))
}

fn failed(response: &Value) -> ProviderError {
    let error = &response["error"];
    let unknown = || json!({"code": "server_error", "message": "the provider gave the answer up and does not say why"});
    errors::from_stream(&json!({"error": if error.is_null() { unknown() } else { error.clone() }}))
}

/// Cached tokens are a part of the input, reasoning is a part of the output.
fn tokens(usage: &Value) -> Option<Tokens> {
    let number = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let all = usage["input_tokens"].as_u64()?;
    let (read, write) = (number("/input_tokens_details/cached_tokens"), number("/input_tokens_details/cache_write_tokens"));
    let reasoning = number("/output_tokens_details/reasoning_tokens");
    Some(Tokens {
        input: all.saturating_sub(read).saturating_sub(write),
        output: number("/output_tokens").saturating_sub(reasoning),
        reasoning,
        cache: CacheTokens { read, write },
    })
}
