//! One request to an address that was looked at before.
//!
//! Must not know what is allowed.
//!
//! **Invariant:** nothing connects anywhere but to the given addresses (or the user's proxy); no redirect is followed; a body has an upper limit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use config::Env;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Proxy, StatusCode, Url};
use rustls::{ClientConfig, RootCertStore};

/// Most bytes of a body.
const LARGEST: usize = 5 << 20;
const USER_AGENT: &str = concat!("Mozilla/5.0 (compatible; interline/", env!("CARGO_PKG_VERSION"), ")");
const WANTED: &str = "text/markdown, text/html;q=0.9, text/plain;q=0.8, */*;q=0.5";

/// How a host is reached.
pub(crate) enum Way {
    /// As the system says.
    Any,
    /// At these addresses, and no other.
    Direct(Vec<SocketAddr>),
    /// At these addresses, or by the proxy that the environment names for it.
    Public(Vec<SocketAddr>),
    /// By this proxy, which knows the way.
    Proxy(String),
}

/// What came.
pub(super) struct Answer {
    pub status: StatusCode,
    /// In lower case, without parameters.
    pub kind: String,
    pub charset: Option<String>,
    /// Where it says that the page is.
    pub location: Option<String>,
    /// Empty but for a success.
    pub body: Vec<u8>,
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Also the message for the model.
    #[error("it is larger than {} MB", LARGEST >> 20)]
    TooLarge,
    #[error("the server sends it compressed ({0}), though asked not to: fetch it by a command such as `curl --compressed`")]
    Encoded(String),
    #[error("no answer in time")]
    Time,
    #[error("{0}")]
    Http(String),
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Time;
        }
        // The last cause says most; the rest repeats the URL.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self::Http(cause.to_string())
    }
}

/// The proxy that the environment names for a scheme.
pub(super) fn proxy(env: &Env, scheme: &str) -> Option<String> {
    let own = if scheme == "https" { ["https_proxy", "HTTPS_PROXY"] } else { ["http_proxy", "HTTP_PROXY"] };
    own.into_iter().chain(["all_proxy", "ALL_PROXY"]).find_map(|name| env.get(name)).map(str::to_owned)
}

/// Asks for a page.
pub(super) async fn get(url: &Url, way: &Way, limit: Duration) -> Result<Answer, Fault> {
    let client = client(url, way, limit)?;
    // Where nothing is said any compression would be welcome.
    let request = client.get(url.clone()).header(ACCEPT, WANTED).header(ACCEPT_LANGUAGE, "en,*;q=0.5").header(ACCEPT_ENCODING, "identity");
    let mut response = request.send().await?;
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (kind, location) = (header(CONTENT_TYPE).unwrap_or_default(), header(LOCATION));
    let mut parts = kind.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset = parts.filter_map(|part| part.split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case("charset"));
    let charset = charset.map(|(_, label)| label.trim().trim_matches('"').to_owned());
    let status = response.status();
    let mut body = Vec::new();
    if let Some(encoding) = header(CONTENT_ENCODING).filter(|encoding| status.is_success() && !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Fault::Encoded(encoding));
    }
    if status.is_success() {
        if response.content_length().is_some_and(|length| length > LARGEST as u64) {
            return Err(Fault::TooLarge);
        }
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(Fault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
    }
    Ok(Answer { status, kind: name, charset, location, body })
}

/// A client of its own for each request: what one may reach another may not.
pub(crate) fn client(url: &Url, way: &Way, limit: Duration) -> Result<Client, Fault> {
    let builder = Client::builder().user_agent(USER_AGENT).redirect(Policy::none()).timeout(limit).referer(false);
    let host = url.host_str().unwrap_or_default();
    let builder = match way {
        Way::Any => builder,
        Way::Direct(addresses) => builder.no_proxy().resolve_to_addrs(host, addresses),
        Way::Public(addresses) => builder.resolve_to_addrs(host, addresses),
        Way::Proxy(proxy) => builder.no_proxy().proxy(Proxy::all(proxy)?),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    if url.scheme() == "https" {
        // An error means that somebody was first, which is as good. The roots are the system's.
        let _ = rustls::crypto::CryptoProvider::install_default(rustls::crypto::ring::default_provider());
        return Ok(builder.build()?);
    }
    // Certificates that nothing will use need not be loaded.
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Fault::Http(error.to_string()))?.with_root_certificates(RootCertStore::empty());
    Ok(builder.tls_backend_preconfigured(config.with_no_client_auth()).build()?)
}
