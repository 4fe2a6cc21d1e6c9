//! A user's entries over the catalogue's.
//!
//! **Invariant:** field by field: what the user did not write stays what it was.

use config::{ModelConfig, ProviderConfig};

/// `own` over `known`.
pub(super) fn provider(mut known: ProviderConfig, own: &ProviderConfig) -> ProviderConfig {
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
            Some(base) => self::model(base, model),
            None => model.clone(),
        };
        known.models.insert(id.clone(), merged);
    }
    known
}

fn model(base: ModelConfig, own: &ModelConfig) -> ModelConfig {
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
