//! HTTP clients: built when first needed, and no dearer than needed.
//!
//! Owns TLS, proxies and connection pools. Must not know what is sent.
//!
//! **Invariant:** no redirect is followed (a key goes nowhere but where the user sent it), no proxy stands before loopback, and certificates are
//! loaded for `https` only.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

const USER_AGENT: &str = concat!("interline/", env!("CARGO_PKG_VERSION"));

/// The clients, each built once.
#[derive(Debug, Default)]
pub struct Clients {
    /// By `https` and loopback.
    built: [[OnceLock<reqwest::Client>; 2]; 2],
}

impl Clients {
    /// The client for `url`.
    ///
    /// # Errors
    /// If no secure connection can be made on this machine.
    pub fn get(&self, url: &url::Url) -> Result<reqwest::Client, reqwest::Error> {
        let (secure, loopback) = (url.scheme() == "https", is_loopback(url));
        let cell = &self.built[usize::from(secure)][usize::from(loopback)];
        if let Some(client) = cell.get() {
            return Ok(client.clone());
        }
        let client = build(secure, loopback)?;
        Ok(cell.get_or_init(|| client).clone())
    }
}

fn build(secure: bool, loopback: bool) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(60))
        .connect_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(4);
    let builder = if loopback { builder.no_proxy() } else { builder };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    if secure {
        // An error means that somebody was first, which is as good. The roots are the system's.
        let _ = rustls::crypto::CryptoProvider::install_default(rustls::crypto::ring::default_provider());
        return builder.build();
    }
    // Loading the system's certificates takes longer than a whole request to a server on the same machine.
    match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(config) => {
            let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
            builder.http1_only().tls_backend_preconfigured(config).build()
        }
        Err(_) => builder.build(),
    }
}

/// `localhost`, `127.0.0.0/8` or `::1`.
fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback() {
        let check = |url: &str, expect: bool| assert_eq!(is_loopback(&url.parse().unwrap()), expect, "{url}");
        check("http://127.0.0.1:11434/v1", true);
        check("http://localhost/v1", true);
        check("http://[::1]:8080/", true);
        check("https://api.openai.com/v1", false);
        check("http://192.168.0.2:8000", false);
        check("http://localhost.evil.com", false);
    }

    #[test]
    fn one_client_a_kind() {
        let clients = Clients::default();
        for url in ["http://127.0.0.1:1", "http://10.0.0.1", "https://example.com", "https://localhost"] {
            assert!(clients.get(&url.parse().unwrap()).is_ok(), "{url}");
        }
        assert!(clients.built.iter().flatten().all(|cell| cell.get().is_some()));
    }
}
