//! From a provider's and a model's entries to a model that can be asked.
//!
//! **Invariant:** a configured address counts over the catalogue's; without a key that is asked for nothing is built.

use std::time::Duration;

use config::{ModelConfig, ProviderConfig};
use serde_json::Value;

use super::keys::needs_key;
use super::speech::speech;
use super::{Registry, configuration};
use crate::model::{Capabilities, ResolvedModel, Secret, Timeouts};
use crate::{ProviderError, variants};

impl Registry {
    pub(super) fn build(
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
            key_variable: provider.env.first().cloned(),
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
}

fn interleaved_field(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Bool(true) => Some("reasoning_content".to_owned()),
        Value::String(field) => Some(field.clone()),
        Value::Object(object) => object.get("field").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    }
}
