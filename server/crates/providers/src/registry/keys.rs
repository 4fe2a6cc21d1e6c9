//! Where keys come from.
//!
//! **Invariant:** a key is found for the provider that it belongs to, and only handed out as a `Secret`; where a guard says no, nothing is built that could send it.

use std::sync::Arc;

use config::ProviderConfig;

use super::Registry;
use crate::catalogue;
use crate::model::Secret;

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;
type Guard = Arc<dyn Fn(&str, bool) -> Result<(), String> + Send + Sync>;

/// Where keys come from, besides the configuration.
#[derive(Clone)]
pub struct KeySource {
    pub(super) variable: Lookup,
    stored: Lookup,
    guard: Guard,
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
        Self { variable: Arc::new(variable), stored: Arc::new(stored), guard: Arc::new(|_, _| Ok(())) }
    }

    /// Asks `guard` before a provider's model is built: it is given the provider, and whether the key is not the configuration's but a stored one or a
    /// variable's. Its error says why the provider may not be asked.
    #[must_use]
    pub fn guarded(self, guard: impl Fn(&str, bool) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { guard: Arc::new(guard), ..self }
    }
}

/// Where a key was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// `provider.<id>.options.apiKey`.
    Configuration,
    /// `auth.json`.
    Stored,
    /// The variable of that name.
    Variable(String),
}

impl Registry {
    /// The key for a provider, and where it is.
    pub(super) fn key(&self, id: &str, provider: &ProviderConfig) -> Option<(Secret, KeyOrigin)> {
        let configured = provider.options.api_key.clone().map(|key| (key, KeyOrigin::Configuration));
        let stored = || (self.keys.stored)(id).map(|key| (key, KeyOrigin::Stored));
        let variable = || self.key_variable(&provider.env).map(|(name, key)| (key, KeyOrigin::Variable(name)));
        let is_key = |(key, _): &(String, KeyOrigin)| !key.trim().is_empty();
        let (key, origin) = configured.filter(is_key).or_else(stored).filter(is_key).or_else(variable)?;
        Some((Secret::new(&key), origin))
    }

    /// Whether a provider may be asked with the key from `origin`.
    pub(super) fn permitted(&self, id: &str, origin: Option<&KeyOrigin>) -> Result<(), String> {
        (self.keys.guard)(id, matches!(origin, Some(KeyOrigin::Stored | KeyOrigin::Variable(_))))
    }

    /// Whether `auth.json` or a variable has a key for a provider.
    pub(super) fn has_key(&self, id: &str, variables: &[String]) -> bool {
        (self.keys.stored)(id).is_some() || self.key_variable(variables).is_some()
    }

    /// Where the key of a provider is; none if it has none, or is not known.
    #[must_use]
    pub fn key_origin(&self, id: &str) -> Option<KeyOrigin> {
        self.key(id, &self.provider(id)?).map(|(_, origin)| origin)
    }

    fn key_variable(&self, names: &[String]) -> Option<(String, String)> {
        key_variables(names).find_map(|name| {
            let value = (self.keys.variable)(name).filter(|value| !value.trim().is_empty())?;
            Some((name.to_owned(), value))
        })
    }
}

/// Which providers that are built in have a key in the environment, with the variable's name.
pub fn keys_in_environment(is_set: impl Fn(&str) -> bool) -> Vec<(&'static str, String)> {
    let found = |id: &'static str| key_variables(&catalogue::variables(id)).find(|name| is_set(name)).map(|name| (id, name.to_owned()));
    catalogue::ids().filter_map(found).collect()
}

/// Of a provider's variables those that hold a key; others hold a part of its address.
pub(super) fn key_variables(names: &[String]) -> impl Iterator<Item = &str> {
    let all = names.len() == 1;
    let is_key = |name: &str| ["KEY", "TOKEN", "PAT"].iter().any(|end| name.ends_with(end)) || name.contains("_TOKEN_");
    names.iter().map(String::as_str).filter(move |name| all || is_key(name))
}

/// Whether it asks for one.
pub(super) fn needs_key(provider: &ProviderConfig) -> bool {
    !provider.env.is_empty()
}
