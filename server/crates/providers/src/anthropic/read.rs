//! Anthropic's Messages: the answer, streamed or whole.
//!
//! **Invariant:** a block that is not known is skipped and never fails the answer; a call that the provider runs itself is none of ours.

use proto::{CacheTokens, Tokens};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::adapter::{Events, Parser, cut, each, is_done, made_up_id, whole_number};
use crate::{FinishReason, ModelEvent, ProviderError, errors};

/// Any event, or a whole message (`type: "message"`).
#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    index: Value,
    #[serde(default)]
    delta: Value,
    #[serde(default)]
    content_block: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    usage: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    stop_reason: Value,
}

enum Block {
    Text,
    Thinking {
        signature: String,
    },
    Call {
        call: usize,
        arguments: String,
        /// Came with the beginning; pieces that follow count over it.
        whole: bool,
    },
    Other,
}

/// Reads an answer.
#[derive(Default)]
pub(crate) struct Reader {
    /// By the server's index.
    open: Vec<(u64, Block)>,
    ids: Vec<String>,
    reason: Option<FinishReason>,
    usage: Tokens,
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

    fn end(&mut self, out: &mut Events) -> Result<(), ProviderError> {
        if self.reason.is_none() {
            return Err(cut());
        }
        self.finish(out);
        Ok(())
    }
}

impl Reader {
    fn event(&mut self, event: Event, data: &str, out: &mut Events) -> Result<(), ProviderError> {
        if self.finished {
            return Ok(());
        }
        let index = whole_number(&event.index).unwrap_or(0);
        match event.kind.as_str().unwrap_or_default() {
            "content_block_delta" => self.delta(index, &event.delta, out),
            "content_block_start" => self.start(index, &event.content_block, out),
            "content_block_stop" => self.stop(index, out),
            "message_start" => {
                self.count(&event.message["usage"], out);
                // Some send the whole message here.
                self.stopped(&event.message["stop_reason"]);
            }
            "message_delta" => {
                self.stopped(&event.delta["stop_reason"]);
                self.count(&event.usage, out);
            }
            "message_stop" => self.finish(out),
            // Some leave the type of a whole message out.
            "message" | "" if event.content.is_array() || event.content.is_string() => {
                let text = [json!({"type": "text", "text": event.content})];
                let blocks = event.content.as_array().map_or(text.as_slice(), Vec::as_slice);
                for (index, block) in (0..).zip(blocks) {
                    self.start(index, block, out);
                    self.stop(index, out);
                }
                self.stopped(&event.stop_reason);
                self.count(&event.usage, out);
                self.finish(out);
            }
            "error" | "" | "message" => {
                let event: Value = serde_json::from_str(data).unwrap_or_default();
                if errors::is_error(&event) {
                    return Err(errors::from_stream(&event));
                }
            }
            _ if !event.error.is_null() => return Err(errors::from_stream(&json!({"error": event.error}))),
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, index: u64, block: &Value, out: &mut Events) {
        self.stop(index, out);
        let text = |name: &str| block[name].as_str().unwrap_or_default();
        let block = match text("type") {
            "text" => {
                out.text(text("text"));
                Block::Text
            }
            "thinking" => {
                out.reasoning(text("thinking"));
                Block::Thinking { signature: text("signature").to_owned() }
            }
            "redacted_thinking" => {
                out.push(ModelEvent::ReasoningEnd { metadata: json!({"anthropic": {"redactedData": text("data")}}) });
                Block::Other
            }
            "tool_use" => {
                let (call, id) = (self.ids.len(), text("id"));
                let id = if id.is_empty() || self.ids.iter().any(|known| known == id) { made_up_id() } else { id.to_owned() };
                self.ids.push(id.clone());
                out.push(ModelEvent::ToolCallStart { index: call, id, name: text("name").to_owned() });
                let arguments = match &block["input"] {
                    Value::Object(object) if object.is_empty() => String::new(),
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    input => input.to_string(),
                };
                Block::Call { call, whole: !arguments.is_empty(), arguments }
            }
            _ => Block::Other,
        };
        self.open.push((index, block));
    }

    fn delta(&mut self, index: u64, delta: &Value, out: &mut Events) {
        let text = |name: &str| delta[name].as_str().unwrap_or_default();
        let Some((_, block)) = self.open.iter_mut().find(|(known, _)| *known == index) else {
            // A block whose beginning was left out.
            match text("type") {
                "text_delta" => self.start(index, &json!({"type": "text", "text": text("text")}), out),
                "thinking_delta" => self.start(index, &json!({"type": "thinking", "thinking": text("thinking")}), out),
                _ => {}
            }
            return;
        };
        match (text("type"), block) {
            ("text_delta" | "", Block::Text) => out.text(text("text")),
            ("thinking_delta", Block::Thinking { .. }) => out.reasoning(text("thinking")),
            ("signature_delta", Block::Thinking { signature }) => signature.push_str(text("signature")),
            ("input_json_delta", Block::Call { call, arguments, whole }) if !text("partial_json").is_empty() => {
                if std::mem::take(whole) {
                    arguments.clear();
                }
                arguments.push_str(text("partial_json"));
                out.arguments(*call, text("partial_json"));
            }
            _ => {}
        }
    }

    fn stop(&mut self, index: u64, out: &mut Events) {
        if let Some(at) = self.open.iter().position(|(known, _)| *known == index) {
            let (_, block) = self.open.remove(at);
            close(block, out);
        }
    }

    fn stopped(&mut self, reason: &Value) {
        if let Some(reason) = reason.as_str() {
            self.reason = Some(match reason {
                // After a pause the provider's own tools go on; we offer none.
                "end_turn" | "stop" | "stop_sequence" | "pause_turn" | "compaction" => FinishReason::Stop,
                "tool_use" | "tool_calls" => FinishReason::ToolCalls,
                "max_tokens" | "length" | "model_context_window_exceeded" => FinishReason::Length,
                "refusal" => FinishReason::Refusal,
                "content_filter" | "content_filtered" => FinishReason::ContentFilter,
                _ => FinishReason::Unknown,
            });
        }
    }

    /// Figures are cumulative; those that are left out, or 0 at the end, were said before.
    fn count(&mut self, usage: &Value, out: &mut Events) {
        if !usage.is_object() {
            return;
        }
        let keep = |name: &str, known: u64| whole_number(&usage[name]).filter(|&number| number > 0).unwrap_or(known);
        let known = self.usage;
        let reasoning = usage.pointer("/output_tokens_details/thinking_tokens").and_then(whole_number).unwrap_or(known.reasoning);
        let output = keep("output_tokens", known.output.saturating_add(known.reasoning));
        self.usage = Tokens {
            input: keep("input_tokens", known.input),
            output: output.saturating_sub(reasoning),
            reasoning,
            cache: CacheTokens {
                read: keep("cache_read_input_tokens", known.cache.read),
                write: keep("cache_creation_input_tokens", known.cache.write),
            },
        };
        out.push(ModelEvent::Usage(self.usage));
    }

    fn finish(&mut self, out: &mut Events) {
        self.finished = true;
        for (_, block) in std::mem::take(&mut self.open) {
            close(block, out);
        }
        out.finish(self.reason.unwrap_or(FinishReason::Unknown), self.ids.len());
    }
}

fn close(block: Block, out: &mut Events) {
    match block {
        Block::Thinking { signature } => {
            let metadata = if signature.is_empty() { Value::Null } else { json!({"anthropic": {"signature": signature}}) };
            out.push(ModelEvent::ReasoningEnd { metadata });
        }
        Block::Call { call, arguments, whole } => {
            if whole {
                out.arguments(call, &arguments);
            }
            out.push(ModelEvent::ToolCallEnd { index: call, arguments, metadata: Value::Null });
        }
        Block::Text | Block::Other => {}
    }
}
