//! OAuth 2.1 as the protocol wants it: where to log in is found out from the server, we register there, and a person allows it in a browser.
//!
//! Must not know what the server is used for, nor how a browser is opened.
//!
//! **Invariant:** codes, verifiers, secrets and tokens go by HTTPS (or stay on this machine), and stand in no error; an answer of the browser counts only with the state that we gave.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use providers::Clients;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use ring::rand::SecureRandom as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::http;
use crate::login::{Logins, now};
use crate::settings::{OauthConfig, Reach, ServerConfig, shown};
use crate::tokens::{ClientInfo, Entry, Tokens};

/// OpenCode's, so that a client that was registered for it can be used.
const PORT: u16 = 19876;
const PATH: &str = "/mcp/oauth/callback";
/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How long a server may take.
const ANSWER: Duration = Duration::from_secs(20);
const LARGEST: usize = 1 << 20;

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoginError(String);

type Result<T> = std::result::Result<T, LoginError>;

fn failed<T>(why: impl Into<String>) -> Result<T> {
    Err(LoginError(why.into()))
}

/// What was found out about who gives tokens.
#[derive(Debug, Default)]
struct Authority {
    authorize: Option<Url>,
    token: Option<Url>,
    register: Option<Url>,
    /// Whether a client's secret goes into the body.
    secret_in_body: bool,
    scope: Option<String>,
    /// What the token is for, where the server says it.
    resource: Option<String>,
}

/// Lets a person log in to a server, and keeps the tokens. `show` is told the address that is to be opened.
///
/// # Errors
/// In words for the user.
pub async fn log_in(server: &ServerConfig, logins: &Logins, show: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let name = &server.name;
    let Reach::Remote(remote) = &server.reach else {
        return failed(format!("`{name}` is a program of this machine: it needs no login here"));
    };
    let Some(config) = &remote.oauth else { return failed(format!("mcp.{name}.oauth is false in the configuration")) };
    let clients = Clients::default();
    let authority = discover(&clients, &remote.url).await?;
    let (Some(authorize), Some(token)) = (&authority.authorize, &authority.token) else { return failed("it does not say where to log in") };

    let port = config.callback_port.unwrap_or(PORT);
    let redirect = config.redirect_uri.clone().unwrap_or_else(|| format!("http://127.0.0.1:{port}{PATH}"));
    let come_back = Url::parse(&redirect).map_err(|error| LoginError(format!("mcp.{name}.oauth.redirectUri: {error}")))?;
    let port = come_back.port().or(config.callback_port).unwrap_or(PORT);
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        LoginError(format!("port {port} of this machine, where the browser is to come back to, cannot be used ({error}); mcp.{name}.oauth.callbackPort names another one"))
    })?;

    let known = logins.get(name, &remote.url).and_then(|(entry, _)| entry.client_info);
    let client = client(&clients, config, known, &authority, &redirect).await?;
    let (verifier, state) = (random()?, random()?);
    let challenge = URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()));
    let mut address = authorize.clone();
    {
        let mut query = address.query_pairs_mut();
        query.append_pair("response_type", "code").append_pair("client_id", &client.client_id);
        query.append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
        query.append_pair("redirect_uri", &redirect).append_pair("state", &state);
        for (key, value) in [("scope", config.scope.as_ref().or(authority.scope.as_ref())), ("resource", authority.resource.as_ref())] {
            if let Some(value) = value {
                query.append_pair(key, value);
            }
        }
    }
    show(address.as_str());
    let code = tokio::time::timeout(PATIENCE, wait_for_code(&listener, come_back.path(), &state));
    let code = code.await.map_err(|_| LoginError("nobody came back from the browser within five minutes".into()))??;

    let mut form = vec![("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect), ("code_verifier", &verifier)];
    if let Some(resource) = &authority.resource {
        form.push(("resource", resource));
    }
    let tokens = ask_for_tokens(&clients, token, &client, authority.secret_in_body, form, None).await?;
    let entry = Entry {
        tokens: Some(tokens),
        client_info: Some(client),
        server_url: remote.url.to_string(),
        token_endpoint: Some(token.to_string()),
        resource: authority.resource,
        secret_in_header: !authority.secret_in_body,
    };
    logins.set(name, &entry).map_err(|error| LoginError(error.to_string()))
}

/// New tokens for old ones.
pub(crate) async fn renew(clients: &Clients, config: &OauthConfig, entry: &Entry, old: &Tokens) -> Result<Tokens> {
    let (Some(endpoint), Some(refresh)) = (&entry.token_endpoint, &old.refresh_token) else {
        return failed("there is nothing to renew it with");
    };
    let endpoint = Url::parse(endpoint).map_err(|error| LoginError(error.to_string()))?;
    let client = configured(config).or_else(|| entry.client_info.clone()).unwrap_or_default();
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    if let Some(resource) = &entry.resource {
        form.push(("resource", resource));
    }
    ask_for_tokens(clients, &endpoint, &client, !entry.secret_in_header, form, Some(old)).await
}

/// The client that the configuration names.
fn configured(config: &OauthConfig) -> Option<ClientInfo> {
    let client_id = config.client_id.clone()?;
    Some(ClientInfo { client_id, client_secret: config.client_secret.clone(), ..ClientInfo::default() })
}

/// As what we log in: the configured client, the one that was registered before, or a new one.
async fn client(
    clients: &Clients,
    config: &OauthConfig,
    known: Option<ClientInfo>,
    authority: &Authority,
    redirect: &str,
) -> Result<ClientInfo> {
    if let Some(client) = configured(config) {
        return Ok(client);
    }
    let valid = |client: &ClientInfo| {
        client.redirect_uri.as_deref() == Some(redirect) && client.client_secret_expires_at.is_none_or(|end| end == 0.0 || end > now())
    };
    if let Some(client) = known.filter(valid) {
        return Ok(client);
    }
    let Some(register) = &authority.register else {
        return failed(
            "it takes registered clients only: register Interline there, and write its id into mcp.NAME.oauth.clientId of the configuration",
        );
    };
    let wish = json!({
        "client_name": "Interline", "redirect_uris": [redirect], "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "none",
    });
    let (code, answer) = ask(clients, Method::POST, register, Some(("application/json", wish.to_string())), None).await?;
    let Some(client_id) = answer["client_id"].as_str().filter(|_| code < 300) else {
        return failed(format!("it refused to register Interline (HTTP status {code}{})", words(&answer)));
    };
    Ok(ClientInfo {
        client_id: client_id.to_owned(),
        client_secret: answer["client_secret"].as_str().map(str::to_owned),
        client_secret_expires_at: answer["client_secret_expires_at"].as_f64(),
        redirect_uri: Some(redirect.to_owned()),
    })
}

async fn ask_for_tokens(
    clients: &Clients,
    endpoint: &Url,
    client: &ClientInfo,
    secret_in_body: bool,
    mut form: Vec<(&str, &str)>,
    old: Option<&Tokens>,
) -> Result<Tokens> {
    form.push(("client_id", &client.client_id));
    let mut basic = None;
    match &client.client_secret {
        Some(secret) if secret_in_body => form.push(("client_secret", secret)),
        Some(secret) => basic = Some((client.client_id.as_str(), secret.as_str())),
        None => {}
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let (code, answer) = ask(clients, Method::POST, endpoint, Some(("application/x-www-form-urlencoded", body)), basic).await?;
    let Some(access) = answer["access_token"].as_str().filter(|token| code < 300 && !token.is_empty()) else {
        return failed(format!("no token was given (HTTP status {code}{})", words(&answer)));
    };
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    Ok(Tokens {
        access_token: access.to_owned(),
        refresh_token: text("refresh_token").or_else(|| old.and_then(|old| old.refresh_token.clone())),
        expires_at: answer["expires_in"].as_f64().map(|seconds| (now() + seconds).floor()),
        scope: text("scope").or_else(|| old.and_then(|old| old.scope.clone())),
    })
}

/// What an error's body says.
fn words(answer: &Value) -> String {
    let said = [&answer["error_description"], &answer["error"]].into_iter().find_map(Value::as_str);
    said.map_or(String::new(), |said| format!(": {}", crate::tame::words(said, 200)))
}

/// Who gives tokens for a server, as it says itself.
async fn discover(clients: &Clients, server: &Url) -> Result<Authority> {
    let (named, scope) = metadata_address(clients, server).await?;
    let own = named.map_or_else(|| well_known(server, "oauth-protected-resource"), |named| vec![named]);
    let protected = first(clients, &own).await;
    let mut authority = Authority::default();
    let mut issuer = None;
    if let Some(protected) = &protected {
        let resource = protected["resource"].as_str().and_then(|resource| Url::parse(resource).ok());
        if let Some(resource) = resource {
            if resource.origin() != server.origin() {
                return failed(format!("it says that it is {}, which it is not: no login for it", shown(&resource)));
            }
            authority.resource = protected["resource"].as_str().map(str::to_owned);
        }
        // What the server asks for at its door counts over what it could ask for.
        authority.scope = scope.or_else(|| scopes(&protected["scopes_supported"]));
        issuer = protected["authorization_servers"][0].as_str().and_then(|issuer| Url::parse(issuer).ok());
    }
    let named_issuer = issuer.is_some();
    let mut root = server.clone();
    root.set_path("/");
    root.set_query(None);
    let issuer = issuer.unwrap_or(root);
    safe(&issuer)?;
    let mut places = well_known(&issuer, "oauth-authorization-server");
    places.extend(well_known(&issuer, "openid-configuration"));
    if let Ok(appended) = Url::parse(&format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/'))) {
        places.push(appended);
    }
    match first(clients, &places).await {
        Some(found) => {
            let same = |a: &str, b: &str| a.trim_end_matches('/') == b.trim_end_matches('/');
            if named_issuer && found["issuer"].as_str().is_some_and(|says| !same(says, issuer.as_str())) {
                return failed(format!("{} says that it is another one: no login there", shown(&issuer)));
            }
            if found["code_challenge_methods_supported"].as_array().is_some_and(|ways| !ways.iter().any(|way| way == "S256")) {
                return failed(format!("{} does not take S256, without which a login is not safe", shown(&issuer)));
            }
            let address =
                |key: &str| found[key].as_str().and_then(|address| Url::parse(address).ok()).filter(|address| safe(address).is_ok());
            authority.authorize = address("authorization_endpoint");
            authority.token = address("token_endpoint");
            authority.register = address("registration_endpoint");
            let ways = found["token_endpoint_auth_methods_supported"].as_array();
            authority.secret_in_body = ways.is_some_and(|ways| !ways.iter().any(|way| way == "client_secret_basic"));
        }
        // Servers of the first version of the protocol say nothing; their addresses are fixed.
        None => {
            authority.authorize = issuer.join("/authorize").ok();
            authority.token = issuer.join("/token").ok();
            authority.register = issuer.join("/register").ok();
        }
    }
    Ok(authority)
}

/// Where a server says that it describes its logins, and what it wants to be allowed, when it is asked without one.
async fn metadata_address(clients: &Clients, server: &Url) -> Result<(Option<Url>, Option<String>)> {
    let client = clients.get(server).map_err(|error| LoginError(http::cause(&error)))?;
    let greeting = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "interline", "version": env!("CARGO_PKG_VERSION")}}});
    let request =
        client.post(server.clone()).header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json, text/event-stream");
    let asked = tokio::time::timeout(ANSWER, request.body(greeting.to_string()).send()).await;
    let response = asked
        .map_err(|_| LoginError("it does not answer".into()))?
        .map_err(|error| LoginError(format!("it cannot be reached: {}", http::cause(&error))))?;
    if response.status().is_success() {
        return failed("it needs no login: it answers without one");
    }
    let header = response.headers().get(WWW_AUTHENTICATE).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let named = parameter(header, "resource_metadata").and_then(|named| Url::parse(&named).ok());
    // Another machine's word for where to look counts as little as a redirect of its.
    let named = named.filter(|named| safe(named).is_ok() && named.origin() == server.origin());
    let scope = parameter(header, "scope").map(|scope| crate::tame::words(&scope, 500)).filter(|scope| !scope.is_empty());
    Ok((named, scope))
}

/// A parameter of `WWW-Authenticate`.
fn parameter(header: &str, name: &str) -> Option<String> {
    let at = header.find(&format!("{name}="))?;
    let value = &header[at + name.len() + 1..];
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(value, _)| value.to_owned()),
        None => Some(value.split([',', ' ']).next().unwrap_or_default().to_owned()),
    }
}

fn scopes(list: &Value) -> Option<String> {
    let names: Vec<&str> = list.as_array()?.iter().filter_map(Value::as_str).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// The well-known places of an address: with its path, and without.
fn well_known(address: &Url, what: &str) -> Vec<Url> {
    let path = address.path().trim_end_matches('/');
    let mut places: Vec<Url> = [format!("/.well-known/{what}{path}"), format!("/.well-known/{what}")]
        .into_iter()
        .map(|path| {
            let mut place = address.clone();
            place.set_query(None);
            place.set_path(&path);
            place
        })
        .collect();
    places.dedup();
    places
}

/// The first place that gives a JSON object.
async fn first(clients: &Clients, places: &[Url]) -> Option<Value> {
    for place in places {
        if let Ok((200, answer)) = ask(clients, Method::GET, place, None, None).await
            && answer.is_object()
        {
            return Some(answer);
        }
    }
    None
}

/// By HTTPS, or on this machine.
fn safe(address: &Url) -> Result<()> {
    let local = match address.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if address.scheme() == "https" || (address.scheme() == "http" && local) {
        return Ok(());
    }
    failed(format!("{} is not reached by HTTPS: no login there", shown(address)))
}

async fn ask(
    clients: &Clients,
    method: Method,
    address: &Url,
    body: Option<(&str, String)>,
    basic: Option<(&str, &str)>,
) -> Result<(u16, Value)> {
    safe(address)?;
    let client = clients.get(address).map_err(|error| LoginError(http::cause(&error)))?;
    let mut request = client.request(method, address.clone()).header(ACCEPT, "application/json");
    if let Some((kind, body)) = body {
        request = request.header(CONTENT_TYPE, kind).body(body);
    }
    if let Some((id, secret)) = basic {
        request = request.basic_auth(id, Some(secret));
    }
    let asking = async {
        let response =
            request.send().await.map_err(|error| LoginError(format!("{} cannot be reached: {}", shown(address), http::cause(&error))))?;
        let code = response.status().as_u16();
        let body = http::body(response, LARGEST).await.map_err(|error| LoginError(error.to_string()))?;
        Ok((code, serde_json::from_slice(&body).unwrap_or_default()))
    };
    tokio::time::timeout(ANSWER, asking).await.unwrap_or_else(|_| failed(format!("{} does not answer", shown(address))))
}

fn random() -> Result<String> {
    let mut bytes = [0; 32];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| LoginError("the system gives no random numbers".into()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Waits for the browser. What comes without our state is turned away, and waited on.
async fn wait_for_code(listener: &TcpListener, path: &str, state: &str) -> Result<String> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let Ok(Some(target)) = tokio::time::timeout(Duration::from_secs(5), request_target(&mut stream)).await else { continue };
        let Ok(address) = Url::parse(&format!("http://127.0.0.1{target}")) else { continue };
        let value = |key: &str| address.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned());
        if address.path() != path || value("state").as_deref() != Some(state) {
            answer(&mut stream, "404 Not Found", "There is nothing here.").await;
            continue;
        }
        let refused = value("error").map(|error| value("error_description").unwrap_or(error));
        match (value("code"), refused) {
            (Some(code), None) => {
                answer(&mut stream, "200 OK", "You are logged in. This page can be closed.").await;
                return Ok(code);
            }
            (_, refused) => {
                answer(&mut stream, "400 Bad Request", "The login failed. See the terminal.").await;
                return failed(format!("it was refused: {}", crate::tame::words(&refused.unwrap_or_default(), 200)));
            }
        }
    }
}

/// The target of a GET request's first line.
async fn request_target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 << 10 {
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => head.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next()?.split(' ');
    (words.next() == Some("GET")).then(|| words.next().map(str::to_owned))?
}

async fn answer(stream: &mut TcpStream, status: &str, text: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    // The browser may be gone.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_look() {
        let check = |address: &str, expect: &[&str]| {
            let places: Vec<String> = well_known(&address.parse().unwrap(), "w").iter().map(Url::to_string).collect();
            assert_eq!(places, expect, "{address}");
        };
        check("https://a.example/mcp/x?k=1", &["https://a.example/.well-known/w/mcp/x", "https://a.example/.well-known/w"]);
        check("https://a.example/", &["https://a.example/.well-known/w"]);
        let header = r#"Bearer realm="x", resource_metadata="https://a/.well-known/y", error=invalid"#;
        assert_eq!(parameter(header, "resource_metadata").as_deref(), Some("https://a/.well-known/y"));
        assert_eq!(parameter(header, "error").as_deref(), Some("invalid"));
        assert_eq!(parameter(header, "scope"), None);
    }

    #[test]
    fn only_by_https() {
        let check = |address: &str, expect: bool| assert_eq!(safe(&address.parse().unwrap()).is_ok(), expect, "{address}");
        check("https://a.example/token", true);
        check("http://127.0.0.1:8000/token", true);
        check("http://localhost/token", true);
        check("http://a.example/token", false);
        check("http://localhost.evil.example/token", false);
        check("ftp://127.0.0.1/", false);
    }
}
