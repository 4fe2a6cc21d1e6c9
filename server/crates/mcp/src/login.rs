//! Logins at servers: the stored token of one, renewed before it ends.
//!
//! Must not know how a person logs in (`oauth.rs`).
//!
//! **Invariant:** a token goes to the address that it was given for, and nowhere else; OpenCode's tokens are used but never renewed, which would take them from OpenCode.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use providers::Clients;
use url::Url;

use crate::oauth;
use crate::settings::OauthConfig;
use crate::tokens::{self, Entry, Tokens, TokensError};

/// A token that ends this soon counts as ended, in seconds.
const SOON: f64 = 30.0;

/// Where logins are kept.
#[derive(Clone, Debug)]
pub struct Logins {
    /// The last one is our own, and counts most.
    files: Arc<[PathBuf]>,
}

impl Logins {
    /// In these files; the last one is our own.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files: files.into() }
    }

    /// What is known of a server, and whether that is our own.
    pub(crate) fn get(&self, name: &str, url: &Url) -> Option<(Entry, bool)> {
        let own = self.files.len().saturating_sub(1);
        let known = |(at, file): (usize, &PathBuf)| Some((tokens::get(file, name, url.as_str())?, at == own));
        self.files.iter().enumerate().rev().find_map(known)
    }

    pub(crate) fn set(&self, name: &str, entry: &Entry) -> Result<(), TokensError> {
        let Some(file) = self.files.last() else { return Ok(()) };
        tokens::set(file, name, Some(entry)).map(drop)
    }

    /// Whether there is a login at a server.
    #[must_use]
    pub fn has(&self, name: &str, url: &Url) -> bool {
        self.get(name, url).is_some_and(|(entry, _)| entry.tokens.is_some())
    }

    /// Forgets a login; whether there was one of our own.
    ///
    /// # Errors
    /// If the file cannot be read or written; it is then as it was.
    pub fn forget(&self, name: &str) -> Result<bool, TokensError> {
        let Some(file) = self.files.last() else { return Ok(false) };
        if !tokens::names(file).iter().any(|known| known == name) {
            return Ok(false);
        }
        tokens::set(file, name, None)
    }
}

/// The login at one server.
pub(crate) struct Login {
    name: String,
    url: Url,
    config: OauthConfig,
    logins: Logins,
    clients: Clients,
    /// Two requests must not renew the same token at once.
    renewing: tokio::sync::Mutex<()>,
}

impl Login {
    pub fn new(name: &str, url: Url, config: OauthConfig, logins: &Logins) -> Self {
        Self {
            name: name.to_owned(),
            url,
            config,
            logins: logins.clone(),
            clients: Clients::default(),
            renewing: tokio::sync::Mutex::default(),
        }
    }

    fn stored(&self) -> Option<(Entry, Tokens, bool)> {
        let (entry, own) = self.logins.get(&self.name, &self.url)?;
        let tokens = entry.tokens.clone().filter(|tokens| !tokens.access_token.is_empty())?;
        Some((entry, tokens, own))
    }

    /// The token to send, if there is one.
    pub async fn token(&self) -> Option<String> {
        let (_, tokens, _) = self.stored()?;
        if tokens.expires_at.is_some_and(|end| end < now() + SOON) && self.renew(&tokens.access_token).await {
            return self.stored().map(|(_, tokens, _)| tokens.access_token);
        }
        Some(tokens.access_token)
    }

    /// Renews a token that the server did not take, or that has ended; whether there is another one now.
    pub async fn renew(&self, old: &str) -> bool {
        let _one_at_a_time = self.renewing.lock().await;
        let Some((mut entry, tokens, own)) = self.stored() else { return false };
        if tokens.access_token != old {
            // Somebody was faster.
            return true;
        }
        if !own || tokens.refresh_token.is_none() {
            return false;
        }
        match oauth::renew(&self.clients, &self.config, &entry, &tokens).await {
            Ok(new) => {
                entry.tokens = Some(new);
                if let Err(error) = self.logins.set(&self.name, &entry) {
                    tracing::error!("a login could not be kept: {error}");
                    return false;
                }
                true
            }
            Err(error) => {
                tracing::info!(server = self.name, "a login could not be renewed: {error}");
                // Another process may have done it.
                self.stored().is_some_and(|(_, tokens, _)| tokens.access_token != old)
            }
        }
    }
}

/// In seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
