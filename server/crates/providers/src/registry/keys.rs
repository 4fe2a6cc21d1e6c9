//! Where keys come from.
//!
//! **Invariant:** a key is found for the provider that it belongs to, and only handed out as a `Secret`.

use std::sync::Arc;

use config::ProviderConfig;

use super::Registry;
use crate::model::Secret;

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where keys come from, besides the configuration.
#[derive(Clone)]
pub struct KeySource {
    pub(super) variable: Lookup,
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

impl Registry {
    pub(super) fn key(&self, id: &str, provider: &ProviderConfig) -> Secret {
        let variables = || provider.env.iter().find_map(|name| (self.keys.variable)(name).filter(|value| !value.trim().is_empty()));
        let key =
            provider.options.api_key.clone().filter(|key| !key.trim().is_empty()).or_else(|| (self.keys.stored)(id)).or_else(variables);
        Secret::new(&key.unwrap_or_default())
    }
}

/// Whether it asks for one.
pub(super) fn needs_key(provider: &ProviderConfig) -> bool {
    !provider.env.is_empty()
}
