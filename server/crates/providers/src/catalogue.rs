//! The providers and models that are built in: a selection of models.dev's data, in its schema. `reasoning`, `attachment`: false where absent;
//! `temperature`, `tool_call`: true. The best model of a provider stands first.
//!
//! **Invariant:** nothing is parsed before a provider is asked for, and then that one only.

use config::ProviderConfig;

macro_rules! providers {
    ($($id:literal),+ $(,)?) => { &[$(($id, include_str!(concat!("catalogue/", $id, ".json")))),+] };
}

/// In the order in which a default is looked for.
static PROVIDERS: &[(&str, &str)] = providers![
    "anthropic",
    "openai",
    "google",
    "openrouter",
    "opencode",
    "deepseek",
    "xai",
    "mistral",
    "groq",
    "together",
    "ollama",
    "llama.cpp",
    "lmstudio",
    "vllm",
];

/// The ids.
pub(crate) fn ids<'a>() -> impl Iterator<Item = &'a str> {
    PROVIDERS.iter().map(|(id, _)| *id)
}

/// A provider by its id.
pub(crate) fn provider(id: &str) -> Option<ProviderConfig> {
    let (_, json) = PROVIDERS.iter().find(|(known, _)| *known == id)?;
    serde_json::from_str(json).ok()
}

/// Whether it is a server on the user's own machine, whose models only it knows.
pub(crate) fn is_local(id: &str) -> bool {
    matches!(id, "ollama" | "llama.cpp" | "lmstudio" | "vllm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_can_be_read() {
        for (id, json) in PROVIDERS {
            let provider: ProviderConfig = serde_json::from_str(json).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(is_local(id), provider.env.is_empty(), "{id}: a hosted provider needs a variable for its key");
            assert_eq!(is_local(id), provider.models.is_empty(), "{id}: a hosted provider has a list of models");
            assert!(provider.npm.is_some() && provider.name.is_some(), "{id}");
            for (name, model) in &provider.models {
                assert!(model.limit.is_some_and(|limit| limit.context > 0) && model.cost.is_some(), "{id}/{name}");
                assert!(
                    model.other.is_empty() || model.other.keys().all(|key| key == "release_date" || key == "status"),
                    "{id}/{name}: {:?}",
                    model.other
                );
            }
        }
    }
}
