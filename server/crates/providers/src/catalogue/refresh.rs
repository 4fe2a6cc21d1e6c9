//! Fetching the catalogue anew.
//!
//! **Invariant:** nothing is fetched but by `refresh`, which nobody needs to wait for; what was there before stays if anything is wrong with what came.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::fetched::{LONGEST_WHOLE, age, is_id, providers, write};
use super::{Catalogue, built_in, built_in_words, is_local, tame};
use crate::client::causes;
use crate::http::Clients;

/// OpenCode's copy of models.dev.
pub(super) const SOURCE: &str = "https://models.opencode.ai";

/// How old it may become.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the whole download may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// How many providers.
    pub providers: usize,
    /// How many models they have together.
    pub models: usize,
    /// Where they are kept.
    pub folder: PathBuf,
}

/// Why the catalogue was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The user forbids it.
    #[error("fetching is switched off by {0}")]
    Forbidden(String),
    /// There is nothing to keep it for.
    #[error("the catalogue is taken from the file {}, which is not fetched", .0.display())]
    OwnFile(PathBuf),
    /// It did not come.
    #[error("{url} cannot be fetched: {reason}")]
    Fetch {
        /// The address.
        url: String,
        /// Why, in words.
        reason: String,
    },
    /// It is no catalogue.
    #[error("what {url} gave is no catalogue of models: {reason}")]
    Content {
        /// The address.
        url: String,
        /// Why, in words.
        reason: String,
    },
    /// It could not be kept.
    #[error("{} cannot be written: {source}", folder.display())]
    Write {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Catalogue {
    /// Whether it should be fetched: it may be, and what is there is older than a day.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        let folder = self.folder.as_deref().filter(|_| self.file.is_none() && self.forbidden.is_none());
        folder.is_some_and(|folder| age(folder).is_none_or(|age| age >= DAY))
    }

    /// Fetches the catalogue and keeps what it may say.
    ///
    /// # Errors
    /// What stood in the way; all files are as they were, or newer and whole.
    pub async fn refresh(&self) -> Result<Refreshed, RefreshError> {
        if let Some(variable) = &self.forbidden {
            return Err(RefreshError::Forbidden(variable.clone()));
        }
        let folder = match (&self.file, &self.folder) {
            (None, Some(folder)) => folder.clone(),
            (file, _) => return Err(RefreshError::OwnFile(file.clone().unwrap_or_default())),
        };
        let url = format!("{}/api.json", self.base);
        let text = match tokio::time::timeout(PATIENCE, fetch(&url)).await {
            Ok(Ok(text)) => text,
            Ok(Err(reason)) => return Err(RefreshError::Fetch { url, reason }),
            Err(_) => return Err(RefreshError::Fetch { url, reason: format!("it took longer than {} s", PATIENCE.as_secs()) }),
        };
        let keep = move || keep(&folder, &text, &url);
        tokio::task::spawn_blocking(keep)
            .await
            .unwrap_or_else(|error| Err(RefreshError::Content { url: self.base.clone(), reason: error.to_string() }))
    }
}

async fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let url: url::Url = url.parse().map_err(|error| format!("it is no address: {error}"))?;
    let client = Clients::default().get(&url).map_err(|error| causes(&error))?;
    let mut response = client.get(url).send().await.map_err(|error| causes(&error))?;
    if !response.status().is_success() {
        return Err(format!("the answer was {}", response.status()));
    }
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| causes(&error))? {
        if (text.len() + piece.len()) as u64 > LONGEST_WHOLE {
            return Err(format!("it is longer than {} MiB", LONGEST_WHOLE >> 20));
        }
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

fn keep(folder: &Path, text: &[u8], url: &str) -> Result<Refreshed, RefreshError> {
    let words = built_in_words();
    let (mut files, mut models) = (Vec::new(), 0);
    let take = |id: String, raw: Value| {
        let known = built_in(&id);
        let Some(mut provider) = tame::provider(&id, &raw, known.as_ref(), &words) else { return };
        if known.is_none() {
            let earlier = earlier(folder, &id);
            if let Some(api) = earlier.filter(|api| provider.api.as_ref() != Some(api)) {
                // Whoever has given a key to this provider gave it for that address.
                tracing::warn!(
                    "the fetched catalogue has another address for `{id}`; it stays {api}. To take the new one, delete {id}.json in {}",
                    folder.display()
                );
                provider.api = Some(api);
            }
        }
        models += provider.models.len();
        match serde_json::to_value(&provider) {
            Ok(value) => files.push((format!("{id}.json"), slim(value).to_string())),
            Err(error) => tracing::warn!("the fetched catalogue's `{id}` is left out: {error}"),
        }
    };
    let content = |reason: String| RefreshError::Content { url: url.to_owned(), reason };
    providers(text, |id| is_id(id) && !is_local(id), take).map_err(|error| content(error.to_string()))?;
    if files.is_empty() {
        return Err(content("it has no provider with models".to_owned()));
    }
    write(folder, &files).map_err(|source| RefreshError::Write { folder: folder.to_owned(), source })?;
    Ok(Refreshed { providers: files.len(), models, folder: folder.to_owned() })
}

/// The address that a provider had so far.
fn earlier(folder: &Path, id: &str) -> Option<String> {
    let catalogue = Catalogue { folder: Some(folder.to_owned()), ..Catalogue::default() };
    catalogue.fetched(id)?.get("api")?.as_str().map(str::to_owned)
}

/// Without fields that say nothing.
fn slim(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(all) => !all.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    let fields = map.into_iter().map(|(key, value)| match value {
        Value::Object(models) if key == "models" => (key, models.into_iter().map(|(id, model)| (id, slim(model))).collect()),
        value => (key, slim(value)),
    });
    fields.filter(|(_, value)| says(value)).collect()
}

#[cfg(test)]
mod tests;
