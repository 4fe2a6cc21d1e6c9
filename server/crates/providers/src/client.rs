//! One attempt at an answer, over HTTP.
//!
//! Owns the connection, its time-outs and its end. Must not know wire formats (adapters) nor whether to try again (the engine).
//!
//! **Invariant:** after `Finish` or an error nothing comes; dropping a stream closes its connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout, timeout_at};

use crate::adapter::{self, WireRequest};
use crate::answer::Answer;
use crate::http::Clients;
use crate::registry::configuration;
use crate::{ModelEvent, ModelRequest, ProviderError, ProviderErrorKind, ResolvedModel, errors};

/// An error's body is read no further, in bytes.
const LONGEST_ERROR: usize = 256 << 10;
/// How long an answer that is over may take to close its connection, so that the next request can use it.
const DRAIN: Duration = Duration::from_secs(1);

/// Sends requests. Cheap to clone; clones share their connections, and nothing is built before the first request.
#[derive(Clone, Debug, Default)]
pub struct Client {
    clients: Arc<Clients>,
}

impl Client {
    /// A client without connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `model` once. The request is sent when the stream is first polled, inside a tokio runtime.
    #[must_use]
    pub fn stream(&self, model: &ResolvedModel, request: &ModelRequest) -> ModelStream {
        let total = model.timeouts.total;
        let state = match self.prepare(model, &adapter::build(model, request)) {
            Ok(request) => State::Asking(Box::pin(ask(request, model.clone()))),
            Err(error) => State::Failed(error),
        };
        let (model, answer) = (model.clone(), Answer::new(model.api));
        let deadline = total.map(|total| Instant::now() + total);
        ModelStream { state, model, answer, quiet_until: None, deadline }
    }

    fn prepare(&self, model: &ResolvedModel, wire: &WireRequest) -> Result<reqwest::RequestBuilder, ProviderError> {
        let url: url::Url = wire.url.parse().map_err(|error| configuration(format!("`{}` is not an address: {error}", wire.url)))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(configuration(format!("`{}` must begin with http:// or https://", model.base_url)));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let own = wire.headers.iter().map(|(name, value)| match model.key_header {
            Some(header) if *name == "authorization" => (header, model.key.expose()),
            _ => (*name, value.as_str()),
        });
        for (name, value) in own.chain(model.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
            let header = HeaderName::try_from(name).map_err(|_| configuration(format!("`{name}` cannot be a header's name")))?;
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                configuration(format!(
                    "the header `{name}` for provider `{}` holds a character that no header may hold; look at its key",
                    model.provider_id
                ))
            })?;
            // Logs show no sensitive value.
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        let client =
            self.clients.get(&url).map_err(|error| configuration(format!("no secure connection can be made: {}", causes(&error))))?;
        Ok(client.post(url).headers(headers).body(wire.body.to_string()))
    }
}

/// Sends the request and waits for the answer's head.
async fn ask(request: reqwest::RequestBuilder, model: ResolvedModel) -> Result<Response, ProviderError> {
    let wait = model.timeouts.header;
    let response = match timeout(wait, request.send()).await {
        Err(_) => return Err(silent("no answer began", wait)),
        Ok(Err(error)) => return Err(connection(&error)),
        Ok(Ok(response)) => response,
    };
    if response.status().is_success() {
        return Ok(response);
    }
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = timeout(Duration::from_secs(10).min(wait), read_some(response)).await.unwrap_or_default();
    Err(errors::from_response(status, &headers, &body, SystemTime::now()))
}

/// The beginning of a body; what cannot be read is left out.
async fn read_some(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < LONGEST_ERROR
        && let Ok(Some(piece)) = response.chunk().await
    {
        body.extend_from_slice(&piece);
    }
    body
}

enum State {
    Asking(Pin<Box<dyn Future<Output = Result<Response, ProviderError>> + Send>>),
    Reading(Response),
    /// The error comes after the events before it.
    Failed(ProviderError),
    /// The rest of the body, if any, is of no interest.
    Done,
}

/// An answer as it comes.
pub struct ModelStream {
    state: State,
    model: ResolvedModel,
    answer: Answer,
    /// When the silence has lasted too long.
    quiet_until: Option<Instant>,
    /// When the whole answer has taken too long.
    deadline: Option<Instant>,
}

impl std::fmt::Debug for ModelStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelStream").field("model", &self.model.name()).finish_non_exhaustive()
    }
}

impl ModelStream {
    /// The next event; `None` after `Finish` or an error. May be dropped and called again without a loss (`select!`).
    pub async fn next(&mut self) -> Option<Result<ModelEvent, ProviderError>> {
        loop {
            if let Some(event) = self.answer.pop() {
                if matches!(event, ModelEvent::Finish(_)) {
                    self.close();
                }
                return Some(Ok(event));
            }
            match &mut self.state {
                State::Done => return None,
                State::Failed(_) => {
                    let State::Failed(error) = std::mem::replace(&mut self.state, State::Done) else { return None };
                    return Some(Err(errors::for_user(&self.model, error)));
                }
                State::Asking(head) => {
                    let deadline = self.deadline.unwrap_or_else(far);
                    self.state = match timeout_at(deadline, head).await {
                        Ok(Ok(response)) => State::Reading(response),
                        Ok(Err(error)) => State::Failed(error),
                        Err(_) => State::Failed(silent("no answer began", self.model.timeouts.total.unwrap_or_default())),
                    };
                }
                State::Reading(response) => {
                    let wait = self.model.timeouts.chunk;
                    let quiet = *self.quiet_until.get_or_insert_with(|| Instant::now() + wait);
                    let until = self.deadline.map_or(quiet, |deadline| deadline.min(quiet));
                    let result = match timeout_at(until, response.chunk()).await {
                        Ok(Ok(Some(piece))) => self.answer.take(&piece),
                        Ok(Ok(None)) => self.answer.end(),
                        Ok(Err(error)) => Err(connection(&error)),
                        Err(_) if until == quiet => Err(silent("the answer stopped", wait)),
                        Err(_) => Err(silent("the answer was not whole", self.model.timeouts.total.unwrap_or_default())),
                    };
                    self.quiet_until = None;
                    if let Err(error) = result {
                        self.state = State::Failed(error);
                    }
                }
            }
        }
    }

    /// The answer is over. Its connection is of use again once its last bytes are read.
    fn close(&mut self) {
        if let State::Reading(mut response) = std::mem::replace(&mut self.state, State::Done) {
            tokio::spawn(timeout(DRAIN, async move { while let Ok(Some(_)) = response.chunk().await {} }));
        }
    }
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(24 * 3600)
}

fn failure(kind: ProviderErrorKind, message: String) -> ProviderError {
    ProviderError { kind, message, status: None, retry_after: None }
}

fn silent(what: &str, wait: Duration) -> ProviderError {
    failure(ProviderErrorKind::Timeout, format!("{what} for {} s", wait.as_secs_f32()))
}

fn connection(error: &reqwest::Error) -> ProviderError {
    let what = if error.is_connect() { "cannot connect" } else { "the connection broke" };
    failure(ProviderErrorKind::Connection, format!("{what}: {}", causes(error)))
}

/// The innermost reason, which is the one that says something, without the address (it may hold a key).
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests;
