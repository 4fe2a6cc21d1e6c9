//! What a wire format has to give.
//!
//! **Invariant:** pure: a request is built and an answer is read without a network.

use std::collections::VecDeque;

use serde_json::Value;

use crate::{
    Api, ChatPart, FinishReason, ModelEvent, ModelRequest, ProviderError, ProviderErrorKind, ResolvedModel, anthropic, gemini, openai_chat,
    openai_responses,
};

/// A request, ready to be sent by POST.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WireRequest {
    pub(crate) url: String,
    /// The adapter's own, without the configured ones and without `content-type`. They hold the key.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Value,
}

/// Reads an answer.
pub(crate) trait Parser: Send {
    /// Takes one event's data, or a whole JSON body. `Finish` is pushed when the answer is over.
    fn feed(&mut self, data: &str, out: &mut Events) -> Result<(), ProviderError>;
    /// The connection was closed without a `Finish`.
    fn end(&mut self, out: &mut Events) -> Result<(), ProviderError>;
}

/// The request in the model's wire format.
pub(crate) fn build(model: &ResolvedModel, request: &ModelRequest) -> WireRequest {
    match model.api {
        Api::Anthropic => anthropic::build(model, request),
        Api::OpenAiChat => openai_chat::build(model, request),
        Api::OpenAiResponses => openai_responses::build(model, request),
        Api::Gemini => gemini::build(model, request),
    }
}

/// A reader for an answer in the model's wire format.
pub(crate) fn parser(api: Api) -> Box<dyn Parser> {
    match api {
        Api::Anthropic => Box::<anthropic::Reader>::default(),
        Api::OpenAiChat => Box::<openai_chat::Reader>::default(),
        Api::OpenAiResponses => Box::<openai_responses::Reader>::default(),
        Api::Gemini => Box::<gemini::Reader>::default(),
    }
}

/// Events that wait to be taken. Neighbouring pieces of the same kind become one.
#[derive(Debug, Default)]
pub(crate) struct Events(VecDeque<ModelEvent>);

impl Events {
    pub(crate) fn pop(&mut self) -> Option<ModelEvent> {
        self.0.pop_front()
    }

    pub(crate) fn push(&mut self, event: ModelEvent) {
        self.0.push_back(event);
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.0.back(), Some(ModelEvent::Finish(_)))
    }

    pub(crate) fn text(&mut self, piece: &str) {
        match self.0.back_mut() {
            _ if piece.is_empty() => {}
            Some(ModelEvent::Text(text)) => text.push_str(piece),
            _ => self.push(ModelEvent::Text(piece.to_owned())),
        }
    }

    pub(crate) fn reasoning(&mut self, piece: &str) {
        match self.0.back_mut() {
            _ if piece.is_empty() => {}
            Some(ModelEvent::Reasoning(text)) => text.push_str(piece),
            _ => self.push(ModelEvent::Reasoning(piece.to_owned())),
        }
    }

    pub(crate) fn arguments(&mut self, call: usize, piece: &str) {
        match self.0.back_mut() {
            _ if piece.is_empty() => {}
            Some(ModelEvent::ToolCallDelta { index, json }) if *index == call => json.push_str(piece),
            _ => self.push(ModelEvent::ToolCallDelta { index: call, json: piece.to_owned() }),
        }
    }

    /// Calls decide over a plain stop: providers say `stop` where the request forced a tool, and `tool_calls` where there is none.
    pub(crate) fn finish(&mut self, reason: FinishReason, calls: usize) {
        let reason = match reason {
            FinishReason::Stop | FinishReason::Unknown if calls > 0 => FinishReason::ToolCalls,
            FinishReason::ToolCalls if calls == 0 => FinishReason::Stop,
            other => other,
        };
        self.push(ModelEvent::Finish(reason));
    }
}

/// Something that is no JSON where JSON must be. A piece of the answer may be lost, so it cannot be gone on with. A web page that calls itself a
/// success is what another address has to say (a chat's own page, a network's login): it will be there the next time, too.
pub(crate) fn not_json(data: &str) -> ProviderError {
    let page = data.trim_start().starts_with('<');
    let kind = if page { ProviderErrorKind::UnknownModel } else { ProviderErrorKind::Protocol };
    let words = crate::errors::words(data);
    let of = if page && !words.contains("web page") { "a web page, " } else { "" };
    let message = format!("the answer could not be read: {of}{words}");
    ProviderError { kind, message, status: None, retry_after: None }
}

/// Reads one event, or several in a list, as `T`. JSON of another shape is let pass.
pub(crate) fn each<T: serde::de::DeserializeOwned>(
    data: &str,
    mut take: impl FnMut(T, &str) -> Result<(), ProviderError>,
) -> Result<(), ProviderError> {
    if !data.starts_with('[')
        && let Ok(event) = serde_json::from_str(data)
    {
        return take(event, data);
    }
    match serde_json::from_str(data).map_err(|_| not_json(data))? {
        Value::Array(items) => items.into_iter().try_for_each(|item| {
            let text = item.to_string();
            serde_json::from_value(item).map_or(Ok(()), |event| take(event, &text))
        }),
        // A key that stands twice, for one.
        value => serde_json::from_value(value).map_or(Ok(()), |event| take(event, data)),
    }
}

/// Whether a field says anything.
pub(crate) fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    }
}

/// The word that ends a stream.
pub(crate) fn is_done(data: &str) -> bool {
    data.trim_matches('"').eq_ignore_ascii_case("[done]")
}

/// A number as servers write it: whole, with a fraction, or as a text.
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates")]
    let rounded = |number: f64| number.is_finite().then_some(number as u64);
    match value {
        Value::Number(number) => number.as_u64().or_else(|| rounded(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().or_else(|| rounded(text.trim().parse().ok()?)),
        _ => None,
    }
}

/// The connection was closed too early.
pub(crate) fn cut() -> ProviderError {
    let message = "the stream was cut before the answer was whole".to_owned();
    ProviderError { kind: ProviderErrorKind::Connection, message, status: None, retry_after: None }
}

/// An id for a call that came without one, or with one that another call has. It suits every provider that sees it later.
pub(crate) fn made_up_id() -> String {
    format!("call_{}", uuid::Uuid::now_v7().simple())
}

/// Most tokens to write; none if neither the request nor the model says.
pub(crate) fn max_output(model: &ResolvedModel, request: &ModelRequest) -> Option<u64> {
    const MOST: u64 = 32_000;
    let limit = Some(model.limit.output).filter(|&limit| limit > 0).map(|limit| limit.min(MOST));
    match (request.max_output, limit) {
        (Some(wanted), Some(limit)) => Some(wanted.min(limit)),
        (wanted, limit) => wanted.or(limit),
    }
}

/// What came besides text with the results of an answer's calls, each behind the name of its call, for APIs whose results hold text alone.
pub(crate) fn beside(results: &[ChatPart]) -> Vec<ChatPart> {
    let mut all = Vec::new();
    for result in results {
        if let ChatPart::ToolResult { name, media, .. } = result
            && !media.is_empty()
        {
            all.push(ChatPart::Text(format!("[What the call of {name} brought besides its text:]")));
            all.extend(media.iter().cloned());
        }
    }
    all
}

/// What stands in place of an attachment that the model cannot take.
pub(crate) fn unreadable(mime: &str, data: &str) -> String {
    if data.is_empty() {
        return format!("[The user attached an empty file of type {mime}. Tell the user so.]");
    }
    format!("[The user attached a file of type {mime}, which this model cannot read. Tell the user so.]")
}
