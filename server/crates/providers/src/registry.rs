//! From `provider/model` to a model that can be asked.
//!
//! Owns how configuration, catalogue, environment and stored keys go together. Must not know requests or sessions, and opens no connection.
//!
//! **Invariant:** what the user configured counts over the catalogue, field by field; a name that is not known is an error that names it.

mod build;
mod finding;
mod keys;
mod speech;

use std::sync::Arc;

use config::{Config, ProviderConfig};
use serde_json::Value;

use self::keys::needs_key;
pub use self::keys::{KeyOrigin, KeySource, keys_in_environment};
use crate::catalogue::{self, Catalogue};
use crate::merge;
use crate::model::{Capabilities, ResolvedModel};
use crate::{ProviderError, ProviderErrorKind};

/// A model that may be asked for, for lists.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelEntry {
    /// `provider/model`.
    pub name: String,
    /// For people.
    pub title: String,
    /// In tokens; 0 is unknown.
    pub limit: config::Limit,
    /// Prices, where known.
    pub cost: Option<config::Cost>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// `alpha`, `beta` or `deprecated`, where the catalogue says so.
    pub status: Option<String>,
    /// Whether a key is at hand, or none is needed.
    pub ready: bool,
    /// Where the key is, if there is one.
    pub key: Option<KeyOrigin>,
}

/// The models that there are.
#[derive(Clone, Debug)]
pub struct Registry {
    config: Arc<Config>,
    keys: KeySource,
    catalogue: Catalogue,
}

impl Registry {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(config: Arc<Config>, keys: KeySource, catalogue: Catalogue) -> Self {
        Self { config, keys, catalogue }
    }

    /// The model that `name` (`provider/model`, or `provider/model#variant`) stands for; a provider's name alone stands for its best model.
    ///
    /// # Errors
    /// `Auth`: there is no key. `Configuration`: no such provider, model or variant, no address, or a wire format that is not spoken. The message
    /// names it and says what there is.
    pub fn resolve(&self, name: &str) -> Result<ResolvedModel, ProviderError> {
        let (bare, variant) = name.split_once('#').map_or((name, None), |(bare, variant)| (bare, Some(variant)));
        if let Some(best) = self.best_of(bare) {
            return self.resolve(&variant.map_or_else(|| best.clone(), |variant| format!("{best}#{variant}")));
        }
        let Some((provider_id, model_id)) = name.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
        else {
            return Err(configuration(format!(
                "`{name}` is not a model's name: write `provider/model`, such as `anthropic/claude-sonnet-5`"
            )));
        };
        let provider_id = self.canonical(provider_id);
        let provider = self.provider(provider_id).ok_or_else(|| self.unknown_provider(provider_id, model_id))?;
        let (model_id, variant) = match model_id.rsplit_once('#') {
            Some((model, variant)) if !provider.models.contains_key(model_id) => (model, Some(variant)),
            _ => (model_id, None),
        };
        let model =
            finding::find_model(&provider, provider_id, model_id).ok_or_else(|| self.unknown_model(&provider, provider_id, model_id))?;
        let model = self.build(provider_id, model_id, provider, model)?;
        match variant {
            Some(variant) => model.with_variant(variant),
            None => Ok(model),
        }
    }

    /// The model to use where none is named: the configuration's, else the best of the first provider that has a key.
    ///
    /// # Errors
    /// `Configuration`: there is none; the message says how to get one.
    pub fn default_model(&self) -> Result<String, ProviderError> {
        if let Some(model) = self.config.model.as_ref().map(config::OneOrMany::first).filter(|model| !model.is_empty()) {
            return Ok(model.to_owned());
        }
        for id in self.config.provider.keys().map(String::as_str).chain(catalogue::ids()) {
            let configured = self.config.provider.contains_key(id);
            // Most have no key: their models are not worth reading.
            if !configured && !self.has_key(id, &catalogue::variables(id)) {
                continue;
            }
            let Some(provider) = self.provider(id) else { continue };
            let usable = self.key(id, &provider).is_some() || (configured && !needs_key(&provider));
            if let Some(model) = usable.then(|| self.best_model(id, &provider)).flatten() {
                return Ok(format!("{id}/{model}"));
            }
        }
        Err(configuration(NO_MODEL.to_owned()))
    }

    /// The model for titles and summaries beside `main`: the configured one, else a small one of the same provider, if it has one.
    #[must_use]
    pub fn small_model(&self, main: &ResolvedModel) -> Option<String> {
        if let Some(small) = &self.config.small_model {
            return Some(small.clone());
        }
        let provider = self.provider(&main.provider_id)?;
        ["gemini-flash", "gpt-nano", "claude-haiku"].iter().find_map(|family| {
            let mut of_family = provider.models.iter().filter(|(_, model)| model.family.as_deref() == Some(family));
            of_family.next().map(|(id, _)| format!("{}/{id}", main.provider_id))
        })
    }

    /// Whether it is known what a model costs: its prices are listed, or it is the user's own server that asks none.
    #[must_use]
    pub fn is_priced(&self, model: &ResolvedModel) -> bool {
        let listed = || self.provider(&model.provider_id)?.models.get(&model.model_id)?.cost.clone();
        catalogue::is_local(&model.provider_id) || listed().is_some()
    }

    /// Every model that is known and switched on, configured providers first; of a provider that was only fetched, if there is a key for it.
    #[must_use]
    pub fn models(&self) -> Vec<ModelEntry> {
        let fetched = self.catalogue.fetched_ids();
        let mut ids: Vec<&str> = self.config.provider.keys().map(String::as_str).collect();
        for id in catalogue::ids().chain(fetched.iter().map(String::as_str)) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.into_iter().flat_map(|id| self.models_of(id, true)).collect()
    }

    /// A provider's models, or those of a provider's other name; none if it is not known or switched off.
    #[must_use]
    pub fn models_of_provider(&self, name: &str) -> Vec<ModelEntry> {
        self.models_of(self.canonical(name), false)
    }

    fn models_of(&self, id: &str, only_usable: bool) -> Vec<ModelEntry> {
        let Some(provider) = self.provider(id) else { return Vec::new() };
        let key = self.key(id, &provider).map(|(_, origin)| origin);
        let ready = !needs_key(&provider) || key.is_some();
        let is_familiar = self.config.provider.contains_key(id) || catalogue::ids().any(|known| known == id);
        if only_usable && !ready && !is_familiar {
            return Vec::new();
        }
        let entry = |(model_id, model): (&String, &config::ModelConfig)| ModelEntry {
            name: format!("{id}/{model_id}"),
            title: model.name.clone().unwrap_or_else(|| model_id.clone()),
            limit: model.limit.unwrap_or_default(),
            cost: model.cost.clone(),
            capabilities: build::capabilities(model),
            status: model.other.get("status").and_then(Value::as_str).map(str::to_owned),
            ready: ready || build::is_free(id, model),
            key: key.clone(),
        };
        provider.models.iter().map(entry).collect()
    }

    /// The catalogue's provider with the configuration's over it; none if unknown or switched off.
    fn provider(&self, id: &str) -> Option<ProviderConfig> {
        let config = &self.config;
        let off = config.disabled_providers.iter().any(|name| name == id);
        if off || config.enabled_providers.as_ref().is_some_and(|names| !names.iter().any(|name| name == id)) {
            return None;
        }
        let mut provider = match (self.catalogue.provider(id), config.provider.get(id)) {
            (Some(known), Some(own)) => merge::provider(known, own),
            (Some(known), None) => known,
            (None, Some(own)) => own.clone(),
            (None, None) => return None,
        };
        let (whitelist, blacklist) = (provider.whitelist.take(), std::mem::take(&mut provider.blacklist));
        provider.models.retain(|model, _| whitelist.as_ref().is_none_or(|list| list.contains(model)) && !blacklist.contains(model));
        Some(provider)
    }
}

const NO_MODEL: &str = "no model is configured. Three quick ways: set ANTHROPIC_API_KEY (or another provider's variable) or run \
     `interline auth add anthropic`; start Ollama, LM Studio, llama.cpp or vLLM and run `interline models --local`, which says what to write; \
     or write \"model\": \"zen\" into interline.json or opencode.json for a free model of OpenCode Zen (it may be trained on what it is sent)";

pub(crate) fn configuration(message: String) -> ProviderError {
    ProviderError { kind: ProviderErrorKind::Configuration, message, status: None, retry_after: None }
}

#[cfg(test)]
mod tests;
