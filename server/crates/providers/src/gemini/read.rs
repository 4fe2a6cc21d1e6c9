//! Google's Gemini: the answer, streamed or whole.
//!
//! **Invariant:** the answer is over when the stream is, and whole only if a reason to stop was told; what the provider runs itself is none of ours.

use proto::{CacheTokens, Tokens};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::adapter::{Events, Parser, cut, each, is_done, made_up_id, whole_number};
use crate::{FinishReason, ModelEvent, ProviderError, ProviderErrorKind, errors};

/// A chunk, or a whole answer. What servers disagree about is a `Value`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    #[serde(default)]
    candidates: Value,
    #[serde(default)]
    prompt_feedback: Value,
    #[serde(default)]
    usage_metadata: Value,
    #[serde(default)]
    error: Value,
    /// Some gateways wrap every chunk.
    #[serde(default)]
    response: Value,
}

/// Reads an answer.
#[derive(Default)]
pub(crate) struct Reader {
    ids: Vec<String>,
    /// Thoughts came, and nothing else since.
    thinking: bool,
    reason: Option<FinishReason>,
    usage: Option<Tokens>,
    finished: bool,
}

impl Parser for Reader {
    fn feed(&mut self, data: &str, out: &mut Events) -> Result<(), ProviderError> {
        let data = data.trim();
        if self.finished || data.is_empty() || is_done(data) {
            return Ok(());
        }
        // Without `alt=sse`, all chunks come as one list.
        each(data, |chunk: Chunk, _| self.chunk(&chunk, out))
    }

    fn end(&mut self, out: &mut Events) -> Result<(), ProviderError> {
        let Some(reason) = self.reason else { return Err(cut()) };
        self.end_thoughts(out);
        if let Some(usage) = self.usage {
            out.push(ModelEvent::Usage(usage));
        }
        self.finished = true;
        out.finish(reason, self.ids.len());
        Ok(())
    }
}

impl Reader {
    fn chunk(&mut self, chunk: &Chunk, out: &mut Events) -> Result<(), ProviderError> {
        if chunk.response["candidates"].is_array() || chunk.response["usageMetadata"].is_object() {
            return Chunk::deserialize(&chunk.response).map_or(Ok(()), |inner| self.chunk(&Chunk { response: Value::Null, ..inner }, out));
        }
        if !chunk.error.is_null() {
            return Err(errors::from_stream(&json!({"error": chunk.error})));
        }
        self.usage = tokens(&chunk.usage_metadata).or(self.usage);
        if ["blockReason", "blockReasonMessage"].iter().any(|field| !chunk.prompt_feedback[*field].is_null()) {
            self.reason = Some(FinishReason::ContentFilter);
        }
        // Of several only the first was asked for.
        let first = |candidate: &&Value| whole_number(&candidate["index"]).unwrap_or(0) == 0;
        let Some(candidate) = chunk.candidates.as_array().into_iter().flatten().find(first) else { return Ok(()) };
        for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
            self.part(part, out);
        }
        self.stopped(candidate)
    }

    fn part(&mut self, part: &Value, out: &mut Events) {
        let signature = part["thoughtSignature"].as_str().filter(|signature| !signature.is_empty());
        let metadata = signature.map_or(Value::Null, |signature| json!({"google": {"thoughtSignature": signature}}));
        if let Some(text) = part["text"].as_str() {
            if part["thought"] == true {
                self.thinking = true;
                out.reasoning(text);
            } else if !text.is_empty() || signature.is_some() {
                self.end_thoughts(out);
                out.text(text);
            }
            // That of a text has no place but beside it.
            if signature.is_some() {
                self.thinking = false;
                out.push(ModelEvent::ReasoningEnd { metadata });
            }
        } else if part["functionCall"]["name"].as_str().is_some_and(|name| !name.is_empty()) || is_filled(&part["functionCall"]["args"]) {
            self.end_thoughts(out);
            self.call(&part["functionCall"], metadata, out);
        }
    }

    /// A call comes whole.
    fn call(&mut self, call: &Value, mut metadata: Value, out: &mut Events) {
        let given = call["id"].as_str().filter(|id| !id.is_empty() && self.ids.iter().all(|known| known != id));
        let id = given.map_or_else(made_up_id, str::to_owned);
        if given.is_some() {
            metadata["google"]["id"] = json!(id);
        }
        let index = self.ids.len();
        self.ids.push(id.clone());
        let arguments = match &call["args"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            args => args.to_string(),
        };
        let name = call["name"].as_str().unwrap_or_default().to_owned();
        out.push(ModelEvent::ToolCallStart { index, id, name });
        out.arguments(index, &arguments);
        out.push(ModelEvent::ToolCallEnd { index, arguments, metadata });
    }

    fn end_thoughts(&mut self, out: &mut Events) {
        if std::mem::take(&mut self.thinking) {
            out.push(ModelEvent::ReasoningEnd { metadata: Value::Null });
        }
    }

    /// A chunk may repeat the reason; more can follow it.
    fn stopped(&mut self, candidate: &Value) -> Result<(), ProviderError> {
        let reason = match &candidate["finishReason"] {
            Value::String(reason) => reason.as_str(),
            // By its number in Google's interface.
            Value::Number(number) => match number.as_u64() {
                Some(1) => "STOP",
                Some(2) => "MAX_TOKENS",
                Some(3) => "SAFETY",
                Some(4) => "RECITATION",
                _ => "OTHER",
            },
            _ => return Ok(()),
        };
        self.reason = Some(match reason {
            "FINISH_REASON_UNSPECIFIED" => return Ok(()),
            "STOP" => FinishReason::Stop,
            "MAX_TOKENS" => FinishReason::Length,
            "SAFETY"
            | "RECITATION"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION" => FinishReason::ContentFilter,
            "MALFORMED_FUNCTION_CALL"
            | "MALFORMED_RESPONSE"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE" => {
                // Another answer may be better.
                let words = errors::words(candidate["finishMessage"].as_str().unwrap_or_default());
                let message = format!("the model wrote a call that cannot be read ({reason}) {words}").trim_end().to_owned();
                return Err(ProviderError { kind: ProviderErrorKind::Protocol, message, status: None, retry_after: None });
            }
            _ => FinishReason::Unknown,
        });
        Ok(())
    }
}

fn is_filled(args: &Value) -> bool {
    args.as_object().is_some_and(|args| !args.is_empty())
}

/// Cached tokens are a part of the prompt; thoughts are counted apart. Figures are cumulative.
fn tokens(usage: &Value) -> Option<Tokens> {
    let number = |name: &str| whole_number(&usage[name]).unwrap_or(0);
    if ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"].iter().all(|name| usage[*name].is_null()) {
        return None;
    }
    let prompt = number("promptTokenCount").saturating_add(number("toolUsePromptTokenCount"));
    let read = number("cachedContentTokenCount");
    Some(Tokens {
        input: prompt.saturating_sub(read),
        output: number("candidatesTokenCount"),
        reasoning: number("thoughtsTokenCount"),
        cache: CacheTokens { read, write: 0 },
    })
}
