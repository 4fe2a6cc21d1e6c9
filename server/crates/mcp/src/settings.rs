//! The `mcp` section of the configuration: which servers there are, and how each is reached.
//!
//! Must not know what becomes of them.
//!
//! **Invariant:** an entry that cannot be understood is named and left out; the others count. What may be secret never stands in `Debug`.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use url::Url;

/// How long a server may take to start and to list what it has, where nothing else is said.
const START: Duration = Duration::from_secs(30);
/// How long a call may be silent, where nothing else is said.
const CALL: Duration = Duration::from_secs(60);

/// A server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The user's name for it.
    pub name: String,
    /// Whether it is used.
    pub enabled: bool,
    /// Whether it is started only once [`Servers::allow`](crate::Servers::allow) says so.
    pub held: bool,
    /// How it is reached.
    pub reach: Reach,
    /// How long it may take to start, and to list what it has.
    pub start_limit: Duration,
    /// How long a call may be silent.
    pub call_limit: Duration,
}

/// How a server is reached.
#[derive(Clone)]
pub enum Reach {
    /// A program of this machine.
    Local(Local),
    /// By HTTP.
    Remote(Remote),
}

/// A program of this machine.
#[derive(Clone)]
pub struct Local {
    /// The program and its arguments; at least the program.
    pub command: Vec<String>,
    /// Where it runs, relative to the project.
    pub folder: Option<PathBuf>,
    /// Variables for it.
    pub environment: Vec<(String, String)>,
}

/// A server that is reached by HTTP.
#[derive(Clone)]
pub struct Remote {
    /// Where.
    pub url: Url,
    /// Sent with each request.
    pub headers: Vec<(String, String)>,
    /// How to log in; none if that is switched off.
    pub oauth: Option<OauthConfig>,
}

/// How to log in to a server.
#[derive(Clone, Default)]
pub struct OauthConfig {
    /// The client that was registered beforehand.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<String>,
    /// What to ask for.
    pub scope: Option<String>,
    /// The port to come back to.
    pub callback_port: Option<u16>,
    /// The address to come back to.
    pub redirect_uri: Option<String>,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_string())
    }
}

impl std::fmt::Display for Reach {
    /// The program, or the address without what may be secret in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(local) => f.write_str(local.command.first().map_or("", String::as_str)),
            Self::Remote(remote) => f.write_str(&shown(&remote.url)),
        }
    }
}

/// An address without what may be secret in it.
pub(crate) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// An entry of the configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mcp.{name}: {why}")]
pub struct Unusable {
    /// The server's name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// The servers of a configuration, and what is wrong with it. `fallback`: OpenCode's `experimental.mcp_timeout`, in milliseconds.
#[must_use]
pub fn configured(section: Option<&Value>, fallback: Option<u64>) -> (Vec<ServerConfig>, Vec<Unusable>) {
    let (mut servers, mut problems) = (Vec::new(), Vec::new());
    // OpenCode's way to switch off what another file brings; where none does, nothing is meant.
    let switch = |entry: &Value| *entry == serde_json::json!({ "enabled": false });
    for (name, entry) in section.and_then(Value::as_object).into_iter().flatten().filter(|(_, entry)| !switch(entry)) {
        match server(name, entry, fallback) {
            Ok(server) => servers.push(server),
            Err(why) => problems.push(Unusable { name: name.clone(), why }),
        }
    }
    (servers, problems)
}

fn server(name: &str, entry: &Value, fallback: Option<u64>) -> Result<ServerConfig, String> {
    let object = entry.as_object().ok_or("an object with `type`, and `command` or `url`, is expected")?;
    let has = |key: &str| object.contains_key(key);
    let reach = match entry["type"].as_str() {
        Some("local") => local(entry)?,
        Some("remote") => remote(entry)?,
        None if has("command") => local(entry)?,
        None if has("url") => remote(entry)?,
        Some(other) => return Err(format!("`{other}` is no type: \"local\" or \"remote\" is expected")),
        None => return Err("there is neither a `command` nor a `url` that can be used".to_owned()),
    };
    let of = |key: &str| entry["timeout"].as_u64().or_else(|| entry["timeout"][key].as_u64());
    let start = of("startup").or_else(|| of("catalog")).map_or(START, Duration::from_millis);
    let call = of("execution").or(fallback).map_or(CALL, Duration::from_millis);
    let enabled = entry["enabled"].as_bool().unwrap_or(true) && entry["disabled"].as_bool() != Some(true);
    Ok(ServerConfig { name: name.to_owned(), enabled, held: false, reach, start_limit: start, call_limit: call })
}

fn local(entry: &Value) -> Result<Reach, String> {
    let command = texts(&entry["command"]).filter(|words| words.first().is_some_and(|program| !program.is_empty()));
    let command = command.ok_or("`command` must be a list: the program and its arguments")?;
    let folder = entry["cwd"].as_str().map(PathBuf::from);
    Ok(Reach::Local(Local { command, folder, environment: pairs(&entry["environment"])? }))
}

fn remote(entry: &Value) -> Result<Reach, String> {
    let text = entry["url"].as_str().ok_or("a server of the type \"remote\" needs a `url`")?;
    let url = Url::parse(text).map_err(|error| format!("`url` is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("`url` must begin with http:// or https://".to_owned());
    }
    let own = &entry["oauth"];
    let text = |key: &str, other: &str| own[key].as_str().or_else(|| own[other].as_str()).map(str::to_owned);
    let port = own["callbackPort"].as_u64().or_else(|| own["callback_port"].as_u64());
    let oauth = (*own != Value::Bool(false)).then(|| OauthConfig {
        client_id: text("clientId", "client_id"),
        client_secret: text("clientSecret", "client_secret"),
        scope: text("scope", "scope"),
        callback_port: port.and_then(|port| u16::try_from(port).ok()),
        redirect_uri: text("redirectUri", "redirect_uri"),
    });
    Ok(Reach::Remote(Remote { url, headers: pairs(&entry["headers"])?, oauth }))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

fn pairs(value: &Value) -> Result<Vec<(String, String)>, String> {
    let Some(object) = value.as_object() else { return Ok(Vec::new()) };
    let text = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) => Ok((name.clone(), text.to_owned())),
        None => Err(format!("`{name}` must be a text")),
    };
    object.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn opencodes_section() {
        let section = json!({
            "files": {"type": "local", "command": ["npx", "-y", "x"], "environment": {"A": "b"}, "cwd": "sub", "timeout": 5000},
            "off": {"type": "local", "command": ["x"], "enabled": false},
            "web": {"type": "remote", "url": "https://u:p@a.example/mcp?key=SECRET", "headers": {"X-Key": "SECRET"}, "oauth": {"client_id": "c", "callbackPort": 1}},
            "plain": {"type": "remote", "url": "http://127.0.0.1:1/mcp", "oauth": false, "timeout": {"startup": 1, "execution": 3}},
            "toggle": {"enabled": true}, "switched": {"enabled": false}, "words": {"type": "local", "command": "npx x"}, "odd": {"type": "pigeon"}, "file": {"type": "remote", "url": "file:///x"},
        });
        let (servers, problems) = configured(Some(&section), Some(7));
        let names: Vec<_> = servers.iter().map(|server| (server.name.as_str(), server.enabled)).collect();
        assert_eq!(names, [("files", true), ("off", false), ("web", true), ("plain", true)]);
        let limits: Vec<_> = servers.iter().map(|server| (server.start_limit.as_millis(), server.call_limit.as_millis())).collect();
        assert_eq!(limits, [(5000, 5000), (30_000, 7), (30_000, 7), (1, 3)]);
        let Reach::Remote(web) = &servers[2].reach else { panic!("remote") };
        let oauth = web.oauth.as_ref().unwrap();
        assert_eq!((oauth.client_id.as_deref(), oauth.callback_port), (Some("c"), Some(1)));
        assert!(matches!(&servers[3].reach, Reach::Remote(Remote { oauth: None, .. })));
        let shown = format!("{servers:?}");
        assert!(!shown.contains("SECRET") && shown.contains("https://a.example/mcp"), "{shown}");
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems[1].to_string().starts_with("mcp.words: `command` must be a list"), "{problems:?}");
    }
}
