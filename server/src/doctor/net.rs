//! Whether a provider's address answers.
//!
//! Must not send anything: a connection is made and closed, so that no key and no money is spent.
//!
//! **Invariant:** it ends in time, also where the name cannot be looked up.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use config::Env;
use url::Url;

/// Connects to the server of `base_url`, or says why that cannot be told.
///
/// # Errors
/// What is wrong, with the address.
pub(super) fn reach(base_url: &str, env: &Env, patience: Duration) -> Result<String, String> {
    let url = Url::parse(base_url).map_err(|error| format!("{base_url} is no address: {error}"))?;
    let host = url.host_str().ok_or_else(|| format!("{base_url} names no host"))?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or_else(|| format!("{base_url} names no port"))?;
    let server = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let is_local = host == "localhost" || host == "::1" || host.starts_with("127.");
    if let Some(variable) = proxy(url.scheme(), env).filter(|_| !is_local) {
        return Ok(format!("not tried: {variable} sends requests to {server} through a proxy"));
    }
    let (sender, receiver) = mpsc::channel();
    let start = Instant::now();
    thread::spawn(move || {
        // Nobody listens any more where this took too long.
        drop(sender.send(connect(&host, port, patience)));
    });
    match receiver.recv_timeout(patience) {
        Ok(Ok(())) => Ok(format!("{server} answers ({} ms)", start.elapsed().as_millis())),
        Ok(Err(reason)) => Err(format!("{server} is unreachable: {reason}")),
        Err(_) => Err(format!("{server} is unreachable: no answer in {} s", patience.as_secs())),
    }
}

fn connect(host: &str, port: u16, patience: Duration) -> Result<(), String> {
    let addresses = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut reason = "its name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}

/// The variable that names a proxy for this scheme.
fn proxy(scheme: &str, env: &Env) -> Option<String> {
    let names = [format!("{scheme}_proxy"), format!("{}_PROXY", scheme.to_uppercase()), "all_proxy".to_owned(), "ALL_PROXY".to_owned()];
    names.into_iter().find(|name| env.get(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let patience = Duration::from_secs(5);
        assert!(reach(&format!("http://{open}/v1"), &Env::default(), patience).unwrap().contains("answers"));
        drop(listener);
        let error = reach(&format!("http://{open}/v1"), &Env::default(), patience).unwrap_err();
        assert!(error.starts_with(&format!("{open} is unreachable: ")), "{error}");
        assert!(reach("no address", &Env::default(), patience).unwrap_err().contains("is no address"));
        let env = Env::from_pairs([("HTTPS_PROXY", "http://proxy.example:1")]);
        assert!(reach("https://provider.example/v1", &env, patience).unwrap().starts_with("not tried: HTTPS_PROXY"));
    }
}
