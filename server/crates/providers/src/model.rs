//! A model that can be asked: where it lives, how it is spoken to, and what it costs.
//!
//! **Invariant:** the key is only ever read by an adapter that writes it into a request's head; `Debug` does not show it.

use std::time::Duration;

use config::{Cost, Limit};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::ProviderError;
use crate::registry::configuration;

/// A key. Neither `Debug` nor `Display` shows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a key; white space around it is dropped.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self(key.trim().to_owned())
    }

    /// The key itself: for a request's head and for redaction only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_empty() { "Secret(none)" } else { "Secret(…)" })
    }
}

/// The wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's Chat Completions, and everything that imitates it.
    OpenAiChat,
    /// OpenAI's Responses.
    OpenAiResponses,
    /// Google's Gemini.
    Gemini,
}

impl Api {
    /// For reports and records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::Gemini => "gemini",
        }
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the answer's head.
    pub header: Duration,
    /// Between two pieces of a stream.
    pub chunk: Duration,
    /// For the whole answer, where configured.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { header: Duration::from_secs(300), chunk: Duration::from_secs(300), total: None }
    }
}

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Calls tools.
    pub tools: bool,
    /// The user's own configuration says whether it calls tools: nothing else counts over that.
    pub tools_stated: bool,
    /// Thinks.
    pub reasoning: bool,
    /// Takes a temperature.
    pub temperature: bool,
    /// Takes images.
    pub images: bool,
    /// Takes PDF files.
    pub pdf: bool,
}

/// How much a model is to think, by a name such as `high`.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Unique for the model.
    pub name: String,
    /// OpenCode's names; they count over all other options of a request.
    pub options: Map<String, Value>,
}

/// A model, ready to be asked.
#[derive(Clone, Debug)]
pub struct ResolvedModel {
    /// The provider's id, such as `anthropic`.
    pub provider_id: String,
    /// The provider's name for people.
    pub provider_name: String,
    /// The model's key, such as `claude-sonnet-4-5`.
    pub model_id: String,
    /// The model's name for people.
    pub model_name: String,
    /// The model's name on the wire.
    pub wire_id: String,
    /// Such as `claude-sonnet`; empty if unknown.
    pub family: String,
    /// The package by which OpenCode names the protocol, such as `@ai-sdk/groq`; servers of one wire format differ by it.
    pub npm: String,
    /// The wire format.
    pub api: Api,
    /// Without a slash at the end.
    pub base_url: String,
    /// Empty where none is needed or known.
    pub key: Secret,
    /// The header that holds the bare key, where it is not the wire format's own.
    pub key_header: Option<&'static str>,
    /// The variable that may hold the key, for advice.
    pub key_variable: Option<String>,
    /// Further headers: the provider's, then the model's.
    pub headers: IndexMap<String, String>,
    /// The model's options, merged into the request's body (OpenCode's names).
    pub options: Map<String, Value>,
    /// The provider's other options, such as `setCacheKey`; never sent.
    pub provider_options: Map<String, Value>,
    /// In tokens; 0 is unknown.
    pub limit: Limit,
    /// Prices.
    pub cost: Cost,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The field of Chat Completions messages in which earlier thoughts are sent back, if they are.
    pub interleaved: Option<String>,
    /// What a user may choose from.
    pub variants: Vec<Variant>,
    /// What was chosen.
    pub variant: Option<Variant>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl ResolvedModel {
    /// The model with one of its variants.
    ///
    /// # Errors
    /// `Configuration`: there is none of that name; the message lists those that there are.
    pub fn with_variant(mut self, name: &str) -> Result<Self, ProviderError> {
        let Some(variant) = self.variants.iter().find(|variant| variant.name == name) else {
            let known: Vec<&str> = self.variants.iter().map(|variant| variant.name.as_str()).collect();
            let known = if known.is_empty() { "it has none".to_owned() } else { format!("there are: {}", known.join(", ")) };
            return Err(configuration(format!("`{}` has no variant `{name}`; {known}", self.name())));
        };
        self.variant = Some(variant.clone());
        Ok(self)
    }

    /// The model as it is to be asked for titles and summaries: thinking as little as it can, unless the user chose a variant.
    #[must_use]
    pub fn for_side_job(&self) -> Self {
        crate::variants::for_side_job(self)
    }

    /// `provider/model`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider_id, self.model_id)
    }

    /// Host and port of its address: the rest may hold a key.
    #[must_use]
    pub fn deployment(&self) -> String {
        let rest = self.base_url.split_once("://").map_or(self.base_url.as_str(), |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        if host.is_empty() { "an address that cannot be read".to_owned() } else { host.to_owned() }
    }
}
