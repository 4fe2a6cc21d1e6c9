//! OpenAI's Responses: the answer, streamed or whole.
//!
//! **Invariant:** an item counts once, whether it came in pieces, at its end or only with the whole response; tools that the provider runs itself are
//! none of ours.

use proto::{CacheTokens, Tokens};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::adapter::{Events, Parser, cut, each, is_done, made_up_id, not_json, whole_number};
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
    /// The whole of what came as `delta`s.
    #[serde(default)]
    text: Value,
    #[serde(default)]
    refusal: Value,
    #[serde(default)]
    arguments: Value,
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
    /// Words, or thoughts, have come.
    said: bool,
    thought: bool,
    ids: Vec<String>,
    refused: bool,
    finished: bool,
}

impl Parser for Reader {
    fn feed(&mut self, data: &str, out: &mut Events) -> Result<(), ProviderError> {
        let data = data.trim();
        if self.finished || data.is_empty() || is_done(data) {
            return Ok(());
        }
        each(data, |event, data| self.event(event, data, out))
    }

    fn end(&mut self, _: &mut Events) -> Result<(), ProviderError> {
        if self.finished { Ok(()) } else { Err(cut()) }
    }
}

impl Reader {
    fn event(&mut self, event: Event, data: &str, out: &mut Events) -> Result<(), ProviderError> {
        if self.finished {
            return Ok(());
        }
        let index = whole_number(&event.output_index).unwrap_or(0);
        let delta = event.delta.as_str().unwrap_or_default();
        match event.kind.as_str().unwrap_or_default() {
            "response.output_text.delta" => self.say(index, delta, out),
            "response.refusal.delta" => {
                self.refused |= !delta.is_empty();
                self.say(index, delta, out);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.think(index, whole_number(&event.summary_index).unwrap_or(0), delta, out);
            }
            "response.function_call_arguments.delta" => {
                if let Some(Item::Call { call, arguments }) = self.item(index) {
                    arguments.push_str(delta);
                    out.arguments(*call, delta);
                }
            }
            // Where no piece came.
            "response.function_call_arguments.done" => {
                let all = event.arguments.as_str().unwrap_or_default();
                if let Some(Item::Call { call, arguments }) = self.item(index).filter(|_| !all.is_empty()) {
                    if arguments.is_empty() {
                        out.arguments(*call, all);
                    }
                    all.clone_into(arguments);
                }
            }
            "response.output_text.done" | "response.refusal.done" => {
                let (text, refusal) = (event.text.as_str().unwrap_or_default(), event.refusal.as_str().unwrap_or_default());
                self.refused |= !refusal.is_empty();
                if matches!(self.item(index), Some(Item::Message { said: false })) {
                    self.say(index, if refusal.is_empty() { text } else { refusal }, out);
                }
            }
            "response.output_item.added" => self.start(index, &event.item, out),
            "response.output_item.done" => self.stop(index, &event.item, out),
            "response.completed" | "response.incomplete" | "response.done" => self.whole(&event.response, out)?,
            "response.failed" => return Err(failed(&event.response)),
            // Its fields stand in the event itself, or in `error`.
            "error" => return Err(errors::from_stream(&value(data)?)),
            "" => {
                let response = value(data)?;
                if response["object"] == "response" || response["output"].is_array() {
                    self.whole(&response, out)?;
                } else if errors::is_error(&response) {
                    return Err(errors::from_stream(&response));
                }
            }
            _ if !event.error.is_null() => return Err(errors::from_stream(&json!({"error": event.error}))),
            _ => {}
        }
        Ok(())
    }

    fn item(&mut self, index: u64) -> Option<&mut Item> {
        self.open.iter_mut().find(|(known, _)| *known == index).map(|(_, item)| item)
    }

    fn say(&mut self, index: u64, text: &str, out: &mut Events) {
        self.said |= !text.is_empty();
        if let Some(Item::Message { said }) = self.item(index) {
            *said |= !text.is_empty();
        }
        out.text(text);
    }

    fn think(&mut self, index: u64, part: u64, text: &str, out: &mut Events) {
        self.thought |= !text.is_empty();
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
        let text = |name: &str| item[name].as_str().unwrap_or_default();
        let item = match text("type") {
            "message" => Item::Message { said: false },
            "reasoning" => Item::Reasoning { said: false, part: 0 },
            // The name comes with the whole item.
            "function_call" if text("name").is_empty() && item["status"] != "completed" => return,
            "function_call" => {
                let (call, id) = (self.ids.len(), text("call_id"));
                let id = if id.is_empty() || self.ids.iter().any(|known| known == id) { made_up_id() } else { id.to_owned() };
                self.ids.push(id.clone());
                out.push(ModelEvent::ToolCallStart { index: call, id, name: text("name").to_owned() });
                let arguments = arguments(&item["arguments"]);
                out.arguments(call, &arguments);
                Item::Call { call, arguments }
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
                        let text = refusal.or_else(|| part["text"].as_str()).unwrap_or_default();
                        self.said |= !text.is_empty();
                        out.text(text);
                    }
                }
            }
            Item::Reasoning { said, .. } => {
                if !said {
                    let pieces = ["summary", "content"].into_iter().flat_map(|list| whole[list].as_array().into_iter().flatten());
                    let texts: Vec<&str> = pieces.filter_map(|piece| piece["text"].as_str()).collect();
                    self.thought |= !texts.is_empty();
                    out.reasoning(&texts.join("\n\n"));
                }
                let metadata = match whole["encrypted_content"].as_str().filter(|encrypted| !encrypted.is_empty()) {
                    Some(encrypted) => json!({"openai": {"itemId": whole["id"], "encryptedContent": encrypted}}),
                    None => Value::Null,
                };
                out.push(ModelEvent::ReasoningEnd { metadata });
            }
            Item::Call { call, mut arguments } => {
                let all = self::arguments(&whole["arguments"]);
                if !all.is_empty() {
                    if arguments.is_empty() {
                        out.arguments(call, &all);
                    }
                    arguments = all;
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
        let output = response["output"].as_array().map(Vec::as_slice).unwrap_or_default();
        for index in self.open.iter().map(|(index, _)| *index).collect::<Vec<_>>() {
            self.stop(index, &Value::Null, out);
        }
        // What did not come on the way.
        let (said, thought, called) = (self.said, self.thought, self.ids.clone());
        for item in output {
            let missing = match item["type"].as_str() {
                Some("message") => !said,
                Some("reasoning") => !thought && !said && called.is_empty(),
                Some("function_call") => match item["call_id"].as_str() {
                    Some(id) if !id.is_empty() => called.iter().all(|known| known != id),
                    _ => called.is_empty(),
                },
                _ => false,
            };
            if missing {
                self.stop(u64::MAX, item, out);
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
            None if self.refused => FinishReason::Refusal,
            None => FinishReason::Stop,
        };
        self.finished = true;
        out.finish(reason, self.ids.len());
        Ok(())
    }
}

/// As a text, or as what the text would say.
fn arguments(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        whole => whole.to_string(),
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
    let number = |pointer: &str| usage.pointer(pointer).and_then(whole_number).unwrap_or(0);
    let all = whole_number(&usage["input_tokens"]).or_else(|| whole_number(&usage["prompt_tokens"]))?;
    let (read, write) = (number("/input_tokens_details/cached_tokens"), number("/input_tokens_details/cache_write_tokens"));
    let reasoning = number("/output_tokens_details/reasoning_tokens");
    Some(Tokens {
        input: all.saturating_sub(read).saturating_sub(write),
        output: number("/output_tokens").saturating_sub(reasoning),
        reasoning,
        cache: CacheTokens { read, write },
    })
}
