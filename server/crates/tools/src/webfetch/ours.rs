//! A text of the web for ourselves: an instruction file that the configuration names by its address.
//!
//! Must not know what it is for.
//!
//! **Invariant:** nothing is connected to that is not of the public internet, unless the caller says that it may; redirects are looked at as the first address is.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use config::Env;
use reqwest::Url;

use super::transport::{self, Way};
use super::{REDIRECTS, address, page, parse};

/// Fetches a text; HTML as Markdown. `private` is whether it may come from the machine itself or a local network.
///
/// # Errors
/// In words for the user.
pub async fn fetch_text(url: &str, env: &Env, limit: Duration, private: bool) -> Result<String, String> {
    let mut url = parse(url).map_err(|error| error.to_string())?;
    for _ in 0..=REDIRECTS {
        let answer = transport::get(&url, &way(&url, env, private).await?, limit).await.map_err(|error| format!("{url}: {error}"))?;
        if answer.status.is_success() {
            let html = page::is_html(&answer.kind, &answer.body);
            if !html && !page::is_text(&answer.kind, &answer.body) {
                return Err(format!("{url} is no text"));
            }
            let text = page::decode(&answer.body, answer.charset.as_deref(), html);
            return Ok(if html { page::markdown(&text) } else { text });
        }
        let next = answer.location.as_deref().filter(|_| answer.status.is_redirection());
        let next = next.and_then(|next| url.join(next).ok()).ok_or_else(|| format!("{url}: the server answered {}", answer.status))?;
        url = parse(next.as_str()).map_err(|error| error.to_string())?;
    }
    Err(format!("{url}: more than {REDIRECTS} redirects"))
}

async fn way(url: &Url, env: &Env, private: bool) -> Result<Way, String> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => tokio::net::lookup_host((host, port)).await.map(Vec::from_iter).unwrap_or_default(),
    };
    if found.is_empty() {
        let proxy = transport::proxy(env, url.scheme());
        return proxy.map(Way::Proxy).ok_or_else(|| format!("{url}: there is no host {host}"));
    }
    match found.iter().map(SocketAddr::ip).find(|address| address::is_private(*address)) {
        None => Ok(Way::Public(found)),
        Some(_) if private => Ok(Way::Direct(found)),
        Some(address) => {
            Err(format!("{url} leads to {address}, which is not of the public internet: only your own configuration may name it"))
        }
    }
}
