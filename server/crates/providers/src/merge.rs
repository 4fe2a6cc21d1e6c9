//! One entry of a provider or a model over another: a user's over the catalogue's, what was fetched over what is built in.
//!
//! **Invariant:** field by field: what the upper one does not say stays what it was.

use config::{ModelConfig, ProviderConfig, ProviderOptions};
use indexmap::IndexMap;

/// `own` over `known`.
pub(crate) fn provider(mut known: ProviderConfig, own: &ProviderConfig) -> ProviderConfig {
    known.npm = own.npm.clone().or(known.npm);
    known.name = own.name.clone().or(known.name);
    known.api = own.api.clone().or(known.api);
    if !own.env.is_empty() {
        known.env.clone_from(&own.env);
    }
    known.options = options(known.options, &own.options);
    known.whitelist.clone_from(&own.whitelist);
    known.blacklist.clone_from(&own.blacklist);
    models(&mut known.models, &own.models);
    known
}

/// Each of `own` over the known one of its name, or of its name on the wire; the known ones keep their places.
pub(crate) fn models(known: &mut IndexMap<String, ModelConfig>, own: &IndexMap<String, ModelConfig>) {
    for (id, model) in own {
        let base = known.get(id).or_else(|| known.get(model.id.as_deref()?));
        let merged = base.map_or_else(|| model.clone(), |base| self::model(base.clone(), model));
        known.insert(id.clone(), merged);
    }
}

fn options(base: ProviderOptions, own: &ProviderOptions) -> ProviderOptions {
    let (mut headers, mut other) = (base.headers, base.other);
    headers.extend(own.headers.clone());
    other.extend(own.other.clone());
    ProviderOptions { headers, other, ..own.clone() }
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
