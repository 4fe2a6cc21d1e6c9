//! One attempt at an answer, over HTTP.
//!
//! Owns the connection, its time-outs and its end. Must not know wire formats (adapters) nor whether to try again (the engine).
//!
//! **Invariant:** after `Finish` or an error nothing comes; dropping a stream closes its connection.

use crate::{ModelEvent, ModelRequest, ProviderError, ResolvedModel};

/// Sends requests. Cheap to clone; connections are shared, and nothing is built before the first request.
#[derive(Clone, Debug, Default)]
pub struct Client {}

impl Client {
    /// A client without connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `model` once. The request is sent when the stream is first polled.
    #[must_use]
    pub fn stream(&self, model: &ResolvedModel, request: &ModelRequest) -> ModelStream {
        let _ = (model, request);
        ModelStream {}
    }
}

/// An answer as it comes.
#[derive(Debug)]
pub struct ModelStream {}

impl ModelStream {
    /// The next event; `None` after `Finish` or an error. May be dropped and called again without a loss (`select!`).
    pub async fn next(&mut self) -> Option<Result<ModelEvent, ProviderError>> {
        None
    }
}
