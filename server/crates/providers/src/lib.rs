//! One file a model API: a request in, a stream of events out.
//!
//! Owns wire formats, keys, errors in plain words, and the catalogue of models. Must not know tools, sessions or files. It makes one attempt: whether
//! to try again is decided by the engine.
//!
//! **Invariant:** a key never stands in an error, an event or a log; and a stream that did not end properly ends with an error, never with a finish.

mod adapter;
mod answer;
mod anthropic;
mod catalogue;
mod client;
mod cost;
mod dialect;
mod errors;
mod gemini;
mod http;
mod local;
mod merge;
mod model;
mod openai_chat;
mod openai_responses;
mod options;
mod registry;
mod request;
pub mod retry;
mod schema;
mod small;
mod sse;
mod variants;
mod which;

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod samples;

pub use catalogue::{Catalogue, RefreshError, Refreshed, known_provider};
pub use client::{Client, ModelStream};
pub use cost::cost;
pub use http::Clients;
pub use local::{LOCAL, LocalError, local_models};
pub use model::{Api, Capabilities, ResolvedModel, Secret, Timeouts, Variant};
pub use registry::{KeyOrigin, KeySource, ModelEntry, Registry, keys_in_environment};
pub use request::{ChatMessage, ChatPart, FinishReason, ModelEvent, ModelRequest, ProviderError, ProviderErrorKind, ToolDefinition};
pub use small::is_small;
