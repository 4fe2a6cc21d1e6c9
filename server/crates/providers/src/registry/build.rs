//! From a provider's and a model's entries to a model that can be asked.
//!
//! **Invariant:** a configured address counts over the catalogue's; without a key that is asked for, or against the guard of keys, nothing is built.

use std::time::Duration;

use config::{ModelConfig, ProviderConfig};
use serde_json::Value;

use super::keys::{key_variables, needs_key};
use super::speech::{speech, without_key};
use super::{Registry, configuration};
use crate::model::{Capabilities, ResolvedModel, Secret, Timeouts};
use crate::{ProviderError, ProviderErrorKind, catalogue, variants};

impl Registry {
    pub(super) fn build(
        &self,
        provider_id: &str,
        model_id: &str,
        provider: ProviderConfig,
        model: ModelConfig,
    ) -> Result<ResolvedModel, ProviderError> {
        let (key, origin) = self.key(provider_id, &provider).unzip();
        let refused = |message| ProviderError { kind: ProviderErrorKind::Auth, ..configuration(message) };
        self.permitted(provider_id, origin.as_ref()).map_err(refused)?;
        let key = key.unwrap_or_default();
        let of_model = |field: &str| model.provider.as_ref().and_then(|own| own.get(field)).and_then(Value::as_str);
        let npm = of_model("npm").or(provider.npm.as_deref()).unwrap_or("@ai-sdk/openai-compatible");
        let completions = provider.options.other.get("useCompletionUrls").is_some_and(|value| value == true);
        let speech = speech(npm, provider_id, model_id, completions)?;
        // OpenCode's free models take this word for a key.
        let key = if key.is_empty() && is_free(provider_id, &model) { Secret::new("public") } else { key };
        if key.is_empty() && needs_key(&provider) && provider.options.base_url.is_none() {
            let variable = key_variables(&provider.env).next().unwrap_or("its key");
            let message = format!(
                "there is no key for `{provider_id}`: set {variable}, run `interline auth add {provider_id}`, or set provider.{provider_id}.options.apiKey{}",
                without_key(npm)
            );
            return Err(refused(message));
        }
        let configured = self.config.provider.get(provider_id).is_some_and(|own| own.options.base_url.is_some());
        let address = if configured { None } else { of_model("api") };
        let address = address.map(str::to_owned).or_else(|| self.address(provider_id, &provider)).or(speech.base_url.map(str::to_owned));
        let base_url = self.fill_variables(&address.unwrap_or_default(), provider_id, &provider)?.trim_end_matches('/').to_owned();
        if base_url.is_empty() {
            return Err(configuration(format!(
                "provider `{provider_id}` has no address: set provider.{provider_id}.options.baseURL in interline.json or opencode.json"
            )));
        }
        let millis = Duration::from_millis;
        let default = Timeouts::default();
        let timeouts = Timeouts {
            header: provider.options.header_timeout.map_or(default.header, millis),
            chunk: provider.options.chunk_timeout.map_or(default.chunk, millis),
            total: provider.options.timeout.as_ref().and_then(Value::as_u64).map(millis),
        };
        let own = self.config.provider.get(provider_id).and_then(|own| own.models.get(model_id));
        let capabilities = Capabilities { tools_stated: own.is_some_and(|own| own.tool_call.is_some()), ..capabilities(&model) };
        let mut headers = provider.options.headers.clone();
        headers.extend(model.headers.clone());
        let mut resolved = ResolvedModel {
            provider_name: provider.name.clone().unwrap_or_else(|| provider_id.to_owned()),
            model_name: model.name.clone().unwrap_or_else(|| model_id.to_owned()),
            wire_id: model.id.clone().unwrap_or_else(|| model_id.to_owned()),
            family: model.family.clone().unwrap_or_default(),
            provider_id: provider_id.to_owned(),
            model_id: model_id.to_owned(),
            npm: npm.to_owned(),
            api: speech.api,
            base_url,
            key,
            key_header: speech.key_header,
            key_variable: key_variables(&provider.env).next().map(str::to_owned),
            headers,
            interleaved: interleaved_field(model.interleaved.as_ref()),
            options: model.options,
            provider_options: provider.options.other,
            limit: model.limit.unwrap_or_default(),
            cost: model.cost.unwrap_or_default(),
            capabilities,
            variants: Vec::new(),
            variant: None,
            timeouts,
        };
        resolved.variants = variants::of(&resolved, &model.other);
        Ok(resolved)
    }

    /// Where a provider is, if it or the user says.
    fn address(&self, id: &str, provider: &ProviderConfig) -> Option<String> {
        let ollama = || (self.keys.variable)("OLLAMA_HOST").filter(|_| id == "ollama").and_then(|host| catalogue::ollama_address(&host));
        provider.options.base_url.clone().or_else(ollama).or_else(|| provider.api.clone())
    }

    /// Where the server of a provider on this machine is asked for its models: its address, without a slash at the end.
    #[must_use]
    pub fn local_address(&self, id: &str) -> Option<String> {
        let provider = self.provider(id)?;
        let address = self.address(id, &provider)?;
        Some(self.fill_variables(&address, id, &provider).ok()?.trim_end_matches('/').to_owned())
    }

    /// Replaces each `${VARIABLE}`: by the provider's option of that name (`resourceName` is `AZURE_RESOURCE_NAME`), else by the variable.
    fn fill_variables(&self, url: &str, id: &str, provider: &ProviderConfig) -> Result<String, ProviderError> {
        let mut filled = String::with_capacity(url.len());
        let mut rest = url;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else { break };
            let option = provider.options.other.iter().find(|(option, _)| is_option_for(option, name));
            let value = option.and_then(|(_, value)| value.as_str().map(str::to_owned)).or_else(|| (self.keys.variable)(name));
            let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
            let usual =
                (name == "AWS_REGION").then(|| (self.keys.variable)("AWS_DEFAULT_REGION").unwrap_or_else(|| "us-east-1".to_owned()));
            filled.push_str(before);
            filled.push_str(&value.or(usual).ok_or_else(|| {
                configuration(format!("the address of provider `{id}` needs {name}: set it, or provider.{id}.options.baseURL"))
            })?);
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Whether the option stands for the variable: `resourceName` for `AZURE_RESOURCE_NAME`.
fn is_option_for(option: &str, variable: &str) -> bool {
    let mut name = String::new();
    for c in option.chars() {
        if c.is_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    variable == name || variable.strip_suffix(&name).is_some_and(|rest| rest.ends_with('_'))
}

/// What a model can do.
pub(super) fn capabilities(model: &ModelConfig) -> Capabilities {
    let takes =
        |what: &str| model.modalities.as_ref().map_or(model.attachment.unwrap_or(false), |all| all.input.iter().any(|kind| kind == what));
    Capabilities {
        tools: model.tool_call.unwrap_or(true),
        tools_stated: false,
        reasoning: model.reasoning.unwrap_or(false),
        temperature: model.temperature.unwrap_or(true),
        images: takes("image"),
        pdf: takes("pdf"),
    }
}

/// Whether it can be asked without a key: OpenCode's models that cost nothing.
pub(super) fn is_free(provider: &str, model: &ModelConfig) -> bool {
    provider == "opencode" && model.cost.as_ref().is_some_and(|cost| cost.input == 0.0 && cost.output == 0.0)
}

fn interleaved_field(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Bool(true) => Some("reasoning_content".to_owned()),
        Value::String(field) => Some(field.clone()),
        Value::Object(object) => object.get("field").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    }
}
