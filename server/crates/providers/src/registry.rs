//! From `provider/model` to a model that can be asked.
//!
//! Owns how configuration, catalogue, environment and stored keys go together. Must not know requests or sessions, and opens no connection.
//!
//! **Invariant:** what the user configured counts over the catalogue, field by field; a name that is not known is an error that names it.

mod speech;

use std::sync::Arc;
use std::time::Duration;

use config::{Config, ModelConfig, ProviderConfig};
use serde_json::Value;

use self::speech::speech;
use crate::catalogue;
use crate::model::{Capabilities, ResolvedModel, Secret, Timeouts};
use crate::{ProviderError, ProviderErrorKind};

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where keys come from, besides the configuration.
#[derive(Clone)]
pub struct KeySource {
    variable: Lookup,
    stored: Lookup,
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySource")
    }
}

impl KeySource {
    /// `variable` gives an environment variable's value, `stored` the key that `auth.json` holds for a provider. A stored key counts over a variable.
    pub fn new(
        variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        stored: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { variable: Arc::new(variable), stored: Arc::new(stored) }
    }

    /// Variables of this process.
    pub fn from_process(stored: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::new(|name| std::env::var(name).ok(), stored)
    }
}

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
    /// Whether a key is at hand, or none is needed.
    pub ready: bool,
}

/// The models that there are.
#[derive(Clone, Debug)]
pub struct Registry {
    config: Arc<Config>,
    keys: KeySource,
}

impl Registry {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(config: Arc<Config>, keys: KeySource) -> Self {
        Self { config, keys }
    }

    /// The model that `name` (`provider/model`) stands for.
    ///
    /// # Errors
    /// `Configuration`: no such provider or model, no address, or a wire format that is not spoken. The message names it and says what there is.
    pub fn resolve(&self, name: &str) -> Result<ResolvedModel, ProviderError> {
        let Some((provider_id, model_id)) = name.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
        else {
            return Err(configuration(format!(
                "`{name}` is not a model's name: write `provider/model`, such as `anthropic/claude-sonnet-4-5`"
            )));
        };
        let provider = self.provider(provider_id).ok_or_else(|| self.unknown_provider(provider_id, model_id))?;
        let model = find_model(&provider, provider_id, model_id).ok_or_else(|| self.unknown_model(&provider, provider_id, model_id))?;
        self.build(provider_id, model_id, provider, model)
    }

    /// The model to use where none is named: the configuration's, else the best of the first provider that has a key.
    ///
    /// # Errors
    /// `Configuration`: there is none; the message says how to get one.
    pub fn default_model(&self) -> Result<String, ProviderError> {
        if let Some(model) = self.config.model.as_ref().map(config::OneOrMany::first).filter(|model| !model.is_empty()) {
            return Ok(model.to_owned());
        }
        let configured = self.config.provider.keys().map(String::as_str);
        for id in configured.chain(catalogue::ids()) {
            let Some(provider) = self.provider(id) else { continue };
            let usable = !self.key(id, &provider).is_empty() || (self.config.provider.contains_key(id) && !needs_key(&provider));
            if let Some(model) = usable.then(|| best_model(&provider)).flatten() {
                return Ok(format!("{id}/{model}"));
            }
        }
        Err(configuration(
            "no model is configured. Three quick ways: set ANTHROPIC_API_KEY (or another provider's variable) or run `interline auth add anthropic`; \
             run Ollama and name its model, as in \"model\": \"ollama/qwen3-coder\"; or write a provider and \"model\" into interline.json or opencode.json"
                .to_owned(),
        ))
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

    /// Every model that is known and switched on, configured providers first.
    #[must_use]
    pub fn models(&self) -> Vec<ModelEntry> {
        let configured = self.config.provider.keys().map(String::as_str);
        let others = catalogue::ids().filter(|id| !self.config.provider.contains_key(*id));
        let mut entries = Vec::new();
        for id in configured.chain(others) {
            let Some(provider) = self.provider(id) else { continue };
            let ready = !needs_key(&provider) || !self.key(id, &provider).is_empty();
            entries.extend(provider.models.iter().map(|(model_id, model)| ModelEntry {
                name: format!("{id}/{model_id}"),
                title: model.name.clone().unwrap_or_else(|| model_id.clone()),
                limit: model.limit.unwrap_or_default(),
                cost: model.cost.clone(),
                ready,
            }));
        }
        entries
    }

    /// The catalogue's provider with the configuration's over it; none if unknown or switched off.
    fn provider(&self, id: &str) -> Option<ProviderConfig> {
        let config = &self.config;
        let off = config.disabled_providers.iter().any(|name| name == id);
        if off || config.enabled_providers.as_ref().is_some_and(|names| !names.iter().any(|name| name == id)) {
            return None;
        }
        let mut provider = match (catalogue::provider(id), config.provider.get(id)) {
            (Some(known), Some(own)) => merge_provider(known, own),
            (Some(known), None) => known,
            (None, Some(own)) => own.clone(),
            (None, None) => return None,
        };
        let (whitelist, blacklist) = (provider.whitelist.take(), std::mem::take(&mut provider.blacklist));
        provider.models.retain(|model, _| whitelist.as_ref().is_none_or(|list| list.contains(model)) && !blacklist.contains(model));
        Some(provider)
    }

    fn key(&self, id: &str, provider: &ProviderConfig) -> Secret {
        let variables = || provider.env.iter().find_map(|name| (self.keys.variable)(name).filter(|value| !value.trim().is_empty()));
        let key =
            provider.options.api_key.clone().filter(|key| !key.trim().is_empty()).or_else(|| (self.keys.stored)(id)).or_else(variables);
        Secret::new(&key.unwrap_or_default())
    }

    fn build(
        &self,
        provider_id: &str,
        model_id: &str,
        provider: ProviderConfig,
        model: ModelConfig,
    ) -> Result<ResolvedModel, ProviderError> {
        let key = self.key(provider_id, &provider);
        let of_model = |field: &str| model.provider.as_ref().and_then(|own| own.get(field)).and_then(Value::as_str);
        let npm = of_model("npm").or(provider.npm.as_deref()).unwrap_or("@ai-sdk/openai-compatible");
        let speech = speech(npm, provider_id, model_id)?;
        let configured = self.config.provider.get(provider_id).is_some_and(|own| own.options.base_url.is_some());
        let address = if configured { None } else { of_model("api") };
        let address = address.or(provider.options.base_url.as_deref()).or(provider.api.as_deref()).or(speech.base_url);
        let base_url = address
            .map(|url| self.fill_variables(url).trim_end_matches('/').to_owned())
            .filter(|url| !url.is_empty())
            .ok_or_else(|| {
                configuration(format!(
                    "provider `{provider_id}` has no address: set provider.{provider_id}.options.baseURL in interline.json or opencode.json"
                ))
            })?;
        // OpenCode's free models take this word for a key.
        let free = provider_id == "opencode" && model.cost.as_ref().is_some_and(|cost| cost.input == 0.0 && cost.output == 0.0);
        let key = if key.is_empty() && free { Secret::new("public") } else { key };
        if key.is_empty() && needs_key(&provider) && provider.options.base_url.is_none() {
            let variable = provider.env.first().map_or("its key", String::as_str);
            return Err(configuration(format!(
                "there is no key for `{provider_id}`: set {variable}, run `interline auth add {provider_id}`, or set provider.{provider_id}.options.apiKey"
            )));
        }
        let millis = Duration::from_millis;
        let default = Timeouts::default();
        let timeouts = Timeouts {
            header: provider.options.header_timeout.map_or(default.header, millis),
            chunk: provider.options.chunk_timeout.map_or(default.chunk, millis),
            total: provider.options.timeout.as_ref().and_then(Value::as_u64).map(millis),
        };
        let takes = |what: &str| {
            model.modalities.as_ref().map_or(model.attachment.unwrap_or(false), |all| all.input.iter().any(|kind| kind == what))
        };
        let capabilities = Capabilities {
            tools: model.tool_call.unwrap_or(true),
            reasoning: model.reasoning.unwrap_or(false),
            temperature: model.temperature.unwrap_or(true),
            images: takes("image"),
            pdf: takes("pdf"),
        };
        let mut headers = provider.options.headers.clone();
        headers.extend(model.headers.clone());
        Ok(ResolvedModel {
            provider_name: provider.name.clone().unwrap_or_else(|| provider_id.to_owned()),
            model_name: model.name.clone().unwrap_or_else(|| model_id.to_owned()),
            wire_id: model.id.clone().unwrap_or_else(|| model_id.to_owned()),
            family: model.family.clone().unwrap_or_default(),
            provider_id: provider_id.to_owned(),
            model_id: model_id.to_owned(),
            api: speech.api,
            base_url,
            key,
            key_variable: provider.env.first().cloned(),
            headers,
            interleaved: interleaved_field(model.interleaved.as_ref()),
            options: model.options,
            provider_options: provider.options.other,
            limit: model.limit.unwrap_or_default(),
            cost: model.cost.unwrap_or_default(),
            capabilities,
            timeouts,
        })
    }

    /// Replaces each `${VARIABLE}`; one that is not set is left out.
    fn fill_variables(&self, url: &str) -> String {
        let mut filled = String::with_capacity(url.len());
        let mut rest = url;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else { break };
            filled.push_str(before);
            filled.push_str(&(self.keys.variable)(name).unwrap_or_default());
            rest = tail;
        }
        filled.push_str(rest);
        filled
    }

    fn unknown_provider(&self, provider: &str, model: &str) -> ProviderError {
        if self.config.provider.contains_key(provider) || catalogue::ids().any(|id| id == provider) {
            return configuration(format!(
                "provider `{provider}` (of `{provider}/{model}`) is switched off by disabled_providers or enabled_providers in the configuration"
            ));
        }
        let known: Vec<String> = self.config.provider.keys().cloned().chain(catalogue::ids().map(str::to_owned)).collect();
        let close = closest(provider, known.iter().map(String::as_str));
        let hint = if close.is_empty() { format!("Known ones: {}", known.join(", ")) } else { format!("Did you mean {close}?") };
        configuration(format!("there is no provider `{provider}` (of `{provider}/{model}`). {hint}"))
    }

    fn unknown_model(&self, provider: &ProviderConfig, provider_id: &str, model: &str) -> ProviderError {
        let close = closest(model, provider.models.keys().map(String::as_str));
        let hint = if close.is_empty() {
            let some: Vec<&str> = provider.models.keys().take(8).map(String::as_str).collect();
            format!("It has: {}.", if some.is_empty() { "none".to_owned() } else { some.join(", ") })
        } else {
            format!("Did you mean {close}?")
        };
        configuration(format!(
            "provider `{provider_id}` has no model `{model}`. {hint} A model that is not listed can be added as provider.{provider_id}.models.\"{model}\" in interline.json"
        ))
    }
}

/// A model of the configuration or the catalogue; any name for a local server that lists none (there, only the server knows its models).
fn find_model(provider: &ProviderConfig, provider_id: &str, model: &str) -> Option<ModelConfig> {
    let open = provider.models.is_empty() && (provider.options.base_url.is_some() || catalogue::is_local(provider_id));
    provider.models.get(model).cloned().or_else(|| open.then(ModelConfig::default))
}

fn needs_key(provider: &ProviderConfig) -> bool {
    !provider.env.is_empty()
}

fn merge_provider(mut known: ProviderConfig, own: &ProviderConfig) -> ProviderConfig {
    known.npm = own.npm.clone().or(known.npm);
    known.name = own.name.clone().or(known.name);
    known.api = own.api.clone().or(known.api);
    if !own.env.is_empty() {
        known.env.clone_from(&own.env);
    }
    known.options = own.options.clone();
    known.whitelist.clone_from(&own.whitelist);
    known.blacklist.clone_from(&own.blacklist);
    for (id, model) in &own.models {
        let merged = match known.models.shift_remove(id).or_else(|| known.models.get(model.id.as_deref()?).cloned()) {
            Some(base) => merge_model(base, model),
            None => model.clone(),
        };
        known.models.insert(id.clone(), merged);
    }
    known
}

fn merge_model(base: ModelConfig, own: &ModelConfig) -> ModelConfig {
    let mut options = base.options;
    options.extend(own.options.clone());
    let mut headers = base.headers;
    headers.extend(own.headers.clone());
    let mut other = base.other;
    other.extend(own.other.clone());
    ModelConfig {
        id: own.id.clone().or(base.id),
        name: own.name.clone().or(base.name),
        family: own.family.clone().or(base.family),
        attachment: own.attachment.or(base.attachment),
        reasoning: own.reasoning.or(base.reasoning),
        temperature: own.temperature.or(base.temperature),
        tool_call: own.tool_call.or(base.tool_call),
        interleaved: own.interleaved.clone().or(base.interleaved),
        cost: own.cost.clone().or(base.cost),
        limit: own.limit.or(base.limit),
        modalities: own.modalities.clone().or(base.modalities),
        provider: own.provider.clone().or(base.provider),
        options,
        headers,
        other,
    }
}

fn interleaved_field(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Bool(true) => Some("reasoning_content".to_owned()),
        Value::String(field) => Some(field.clone()),
        Value::Object(object) => object.get("field").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    }
}

/// OpenCode's order; the catalogue has the best model of each provider first.
fn best_model(provider: &ProviderConfig) -> Option<&str> {
    let mut names = provider.models.iter().filter(|(_, model)| model.tool_call != Some(false)).map(|(name, _)| name.as_str());
    names.next()
}

/// Up to three names that `name` may have been meant for, as `` `a`, `b` ``.
fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let wanted = name.to_lowercase();
    let mut found: Vec<(usize, &str)> = known
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = if lower.contains(&wanted) || wanted.contains(&lower) { 1 } else { edit_distance(&wanted, &lower) };
            (distance <= 1 + wanted.chars().count() / 4).then_some((distance, candidate))
        })
        .collect();
    found.sort_by_key(|&(distance, _)| distance);
    let names: Vec<String> = found.iter().take(3).map(|(_, candidate)| format!("`{candidate}`")).collect();
    names.join(", ")
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

pub(crate) fn configuration(message: String) -> ProviderError {
    ProviderError { kind: ProviderErrorKind::Configuration, message, status: None, retry_after: None }
}

#[cfg(test)]
mod tests;
