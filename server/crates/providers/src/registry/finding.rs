//! A model by its name, or what may have been meant.
//!
//! **Invariant:** a name that is not known is an error that names it and says what there is.

use config::{ModelConfig, ProviderConfig};

use super::{Registry, build, configuration};
use crate::{ProviderError, catalogue};

impl Registry {
    /// The id that a provider goes by.
    pub(super) fn canonical<'a>(&self, name: &'a str) -> &'a str {
        if self.config.provider.contains_key(name) { name } else { catalogue::alias(name).unwrap_or(name) }
    }

    /// `provider/model` for a provider's name alone.
    pub(super) fn best_of(&self, name: &str) -> Option<String> {
        let id = self.canonical(name);
        let best = self.best_model(id, &self.provider(id)?)?;
        Some(format!("{id}/{best}"))
    }

    /// The provider's first model that calls tools; one that costs nothing where there is no key for the others.
    pub(super) fn best_model(&self, id: &str, provider: &ProviderConfig) -> Option<String> {
        let only_free = self.key(id, provider).is_none() && provider.models.values().any(|model| build::is_free(id, model));
        let is_good = |model: &ModelConfig| {
            let old = model.other.get("status").is_some_and(|status| status == "deprecated");
            model.tool_call != Some(false) && !old && (!only_free || build::is_free(id, model))
        };
        provider.models.iter().find(|(_, model)| is_good(model)).map(|(name, _)| name.clone())
    }

    pub(super) fn unknown_provider(&self, provider: &str, model: &str) -> ProviderError {
        if self.config.provider.contains_key(provider) || catalogue::ids().any(|id| id == provider) {
            return configuration(format!(
                "provider `{provider}` (of `{provider}/{model}`) is switched off by disabled_providers or enabled_providers in the configuration"
            ));
        }
        let known: Vec<String> = self.config.provider.keys().cloned().chain(catalogue::ids().map(str::to_owned)).collect();
        let close = closest(provider, known.iter().map(String::as_str).chain(self.catalogue.fetched_ids().iter().map(String::as_str)));
        let hint = if close.is_empty() { format!("Known ones: {}", known.join(", ")) } else { format!("Did you mean {close}?") };
        configuration(format!("there is no provider `{provider}` (of `{provider}/{model}`). {hint}"))
    }

    pub(super) fn unknown_model(&self, provider: &ProviderConfig, provider_id: &str, model: &str) -> ProviderError {
        let close = closest(model, provider.models.keys().map(String::as_str));
        let hint = if close.is_empty() {
            let some: Vec<&str> = provider.models.keys().take(8).map(String::as_str).collect();
            format!("It has: {}.", if some.is_empty() { "none".to_owned() } else { some.join(", ") })
        } else {
            format!("Did you mean {close}?")
        };
        configuration(format!(
            "provider `{provider_id}` has no model `{model}`. {hint} `interline models --refresh` fetches the newest list, and any model can be added \
             as provider.{provider_id}.models.\"{model}\" in interline.json"
        ))
    }
}

/// A model of the configuration or the catalogue; any name for a local server that lists none (there, only the server knows its models).
pub(super) fn find_model(provider: &ProviderConfig, provider_id: &str, model: &str) -> Option<ModelConfig> {
    let open = provider.models.is_empty() && (provider.options.base_url.is_some() || catalogue::is_local(provider_id));
    provider.models.get(model).cloned().or_else(|| open.then(ModelConfig::default))
}

/// Up to three names that `name` may have been meant for, as `` `a`, `b` ``.
fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let wanted = name.to_lowercase();
    let mut found: Vec<(usize, &str)> = known
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = if lower.contains(&wanted) || wanted.contains(&lower) { 1 } else { strsim::levenshtein(&wanted, &lower) };
            (distance <= 1 + wanted.chars().count() / 4).then_some((distance, candidate))
        })
        .collect();
    found.sort_by_key(|&(distance, _)| distance);
    found.dedup();
    let names: Vec<String> = found.iter().take(3).map(|(_, candidate)| format!("`{candidate}`")).collect();
    names.join(", ")
}
