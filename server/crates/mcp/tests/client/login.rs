//! Logins: found out from the server, allowed in a browser (which the test plays), kept, renewed, and forgotten.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use mcp::{Logins, StartError, State};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::remote::{Fake, Reply, plain, reply};
use crate::{started, within};

/// A server that wants a token, and gives some.
async fn guarded() -> (Fake, Arc<Mutex<String>>) {
    let valid = Arc::new(Mutex::new("TOKEN-1".to_owned()));
    let counts = Arc::clone(&valid);
    let challenge = Mutex::new(String::new());
    let fake = Fake::start(move |request, _| {
        let url = format!("http://{}", request.header("host").unwrap());
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let form = |key: &str| url::form_urlencoded::parse(request.body.as_bytes()).find(|(name, _)| name == key).map(|(_, value)| value.into_owned());
        match path {
            "/mcp" if request.header("authorization") == Some(format!("Bearer {}", counts.lock().unwrap()).as_str()) => plain(request),
            "/mcp" => Reply::Whole(401, format!("www-authenticate: Bearer resource_metadata=\"{url}/meta\"\r\n"), String::new()),
            "/meta" => reply(200, json!({ "resource": format!("{url}/mcp"), "authorization_servers": [url], "scopes_supported": ["read", "write"] })),
            "/.well-known/oauth-authorization-server" => reply(
                200,
                json!({ "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"), "registration_endpoint": format!("{url}/register") }),
            ),
            "/register" => reply(201, json!({ "client_id": "C1", "redirect_uris": request.json()["redirect_uris"] })),
            "/authorize" => {
                let given = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code_challenge").unwrap().1.into_owned();
                *challenge.lock().unwrap() = given;
                reply(200, json!({}))
            }
            "/token" if form("grant_type").as_deref() == Some("authorization_code") => {
                let verifier = form("code_verifier").unwrap();
                let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
                assert_eq!(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest), *challenge.lock().unwrap());
                assert_eq!((form("code").as_deref(), form("client_id").as_deref(), form("resource")), (Some("CODE"), Some("C1"), Some(format!("{url}/mcp"))));
                reply(200, json!({ "access_token": "TOKEN-1", "refresh_token": "REFRESH", "expires_in": 3600, "token_type": "Bearer" }))
            }
            "/token" => {
                assert_eq!((form("grant_type").as_deref(), form("refresh_token").as_deref()), (Some("refresh_token"), Some("REFRESH")));
                reply(200, json!({ "access_token": "TOKEN-2", "expires_in": 3600 }))
            }
            _ => Reply::Whole(404, String::new(), String::new()),
        }
    })
    .await;
    (fake, valid)
}

async fn get(address: &Url) -> String {
    let mut stream = TcpStream::connect((address.host_str().unwrap(), address.port().unwrap())).await.unwrap();
    let target = &address[url::Position::BeforePath..];
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", address.authority()).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Logs in; the browser comes back with these further words.
async fn log_in(section: &Value, logins: &Logins, come_back: &'static str) -> Result<(), String> {
    let (configured, _) = mcp::configured(Some(section), None);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let show = |address: &str| sender.lock().unwrap().take().unwrap().send(address.to_owned()).unwrap();
    let browser = async {
        let Ok(address) = receiver.await else { return };
        let address = Url::parse(&address).unwrap();
        let value = |key: &str| address.query_pairs().find(|(name, _)| name == key).unwrap().1.into_owned();
        assert_eq!((value("client_id"), value("scope"), value("code_challenge_method")), ("C1".into(), "read write".into(), "S256".into()));
        get(&address).await;
        let mut back = Url::parse(&value("redirect_uri")).unwrap();
        back.set_query(Some("code=EVIL&state=guessed"));
        assert!(get(&back).await.starts_with("HTTP/1.1 404"), "what comes without our state is turned away");
        back.set_query(Some(&format!("{come_back}&state={}", value("state"))));
        get(&back).await;
    };
    let logging_in = async {
        let done = mcp::log_in(&configured[0], logins, &show).await.map_err(|error| error.to_string());
        drop(sender.lock().unwrap().take());
        done
    };
    within(async { tokio::join!(logging_in, browser).0 }).await
}

#[tokio::test]
async fn from_refusal_to_renewal() {
    let folder = tempfile::tempdir().unwrap();
    let (fake, valid) = guarded().await;
    let url = format!("{}/mcp", fake.url);
    let section = json!({ "w": { "type": "remote", "url": url, "oauth": { "callbackPort": free_port().await } } });
    let before = started(&section, folder.path()).await;
    assert_eq!(before.status()[0].state, State::Failed(StartError::Login { name: "w".into() }));

    let file = folder.path().join("mcp-auth.json");
    let logins = Logins::new(vec![file.clone()]);
    log_in(&section, &logins, "code=CODE").await.unwrap();
    let url = Url::parse(&url).unwrap();
    assert!(logins.has("w", &url) && !logins.has("w", &Url::parse("http://127.0.0.1:9/mcp").unwrap()));
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&kept["w"]["tokens"]["accessToken"], &kept["w"]["clientInfo"]["clientId"]), (&json!("TOKEN-1"), &json!("C1")));

    let servers = started(&section, folder.path()).await;
    let echo = async || within(servers.call("w", "echo", json!({ "text": "x" }), &CancellationToken::new(), &|_| {})).await;
    assert_eq!(echo().await.unwrap().text, "echo \"x\"");
    *valid.lock().unwrap() = "TOKEN-2".into();
    assert_eq!(echo().await.unwrap().text, "echo \"x\"", "it was renewed");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&kept["w"]["tokens"]["accessToken"], &kept["w"]["tokens"]["refreshToken"]), (&json!("TOKEN-2"), &json!("REFRESH")));
    *valid.lock().unwrap() = "TOKEN-3".into();
    let error = echo().await.unwrap_err().to_string();
    assert!(error.contains("interline mcp auth w") && !error.contains("TOKEN"), "{error}");
    assert!(logins.forget("w").unwrap() && !logins.forget("w").unwrap());
}

#[tokio::test]
async fn a_refusal_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (fake, _) = guarded().await;
    let section = json!({ "w": { "type": "remote", "url": format!("{}/mcp", fake.url), "oauth": { "callbackPort": free_port().await } } });
    let logins = Logins::new(vec![folder.path().join("mcp-auth.json")]);
    let error = log_in(&section, &logins, "error=access_denied&error_description=not+you").await.unwrap_err();
    assert_eq!(error, "it was refused: not you");
}

#[tokio::test]
async fn one_that_claims_to_be_another_gets_no_login() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request, _| match request.target.as_str() {
        "/.well-known/oauth-protected-resource/mcp" => {
            reply(200, json!({ "resource": "https://bank.example/mcp", "authorization_servers": ["https://bank.example"] }))
        }
        _ => Reply::Whole(401, String::new(), String::new()),
    })
    .await;
    let section = json!({ "w": { "type": "remote", "url": format!("{}/mcp", fake.url) } });
    let logins = Logins::new(vec![folder.path().join("mcp-auth.json")]);
    let error = log_in(&section, &logins, "").await.unwrap_err();
    assert_eq!(error, "it says that it is https://bank.example/mcp, which it is not: no login for it");
}

/// What is asked for where the server's own description is `protected`, and that of who gives tokens `authority`; the error that follows.
async fn described(protected: Value, authority: Value, header: &'static str) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(move |request, _| {
        let url = format!("http://{}", request.header("host").unwrap());
        let with = |value: &Value| serde_json::from_str(&value.to_string().replace("URL", &url)).unwrap();
        match request.target.as_str() {
            "/.well-known/oauth-protected-resource/mcp" => reply(200, with(&protected)),
            "/.well-known/oauth-authorization-server" => reply(200, with(&authority)),
            _ => Reply::Whole(401, format!("www-authenticate: Bearer {header}\r\n"), String::new()),
        }
    })
    .await;
    let oauth = json!({ "callbackPort": free_port().await, "clientId": "C1" });
    let section = json!({ "w": { "type": "remote", "url": format!("{}/mcp", fake.url), "oauth": oauth } });
    let (configured, _) = mcp::configured(Some(&section), None);
    let shown = Mutex::new(Vec::new());
    let logins = Logins::new(vec![folder.path().join("mcp-auth.json")]);
    let show = |address: &str| shown.lock().unwrap().push(address.to_owned());
    let logging_in = mcp::log_in(&configured[0], &logins, &show);
    let error = tokio::select! {
        done = logging_in => done.unwrap_err().to_string(),
        // Somebody is asked to open a browser: who comes back from there is another test's matter.
        () = async { while shown.lock().unwrap().is_empty() { tokio::task::yield_now().await } } => String::new(),
    };
    let shown = shown.into_inner().unwrap();
    (error.replace(&fake.url, "URL"), shown)
}

#[tokio::test]
async fn who_gives_tokens_must_be_whom_the_server_names_and_safe() {
    let protected = || json!({ "resource": "URL/mcp", "authorization_servers": ["URL"], "scopes_supported": ["all"] });
    let authority = |more: Value| {
        let mut all = json!({ "authorization_endpoint": "URL/authorize", "token_endpoint": "URL/token" });
        more.as_object().unwrap().iter().for_each(|(key, value)| all[key] = value.clone());
        all
    };
    let check = async |more: Value, header: &'static str, error: &str, asks: &str| {
        let (said, shown) = within(described(protected(), authority(more.clone()), header)).await;
        assert_eq!(said, error, "{more}");
        assert!(shown.iter().all(|address| address.contains(asks)) && shown.is_empty() != error.is_empty(), "{more}: {shown:?}");
    };
    check(json!({ "issuer": "URL/", "code_challenge_methods_supported": ["S256"] }), "", "", "scope=all&").await;
    check(json!({}), "scope=\"read some\"", "", "scope=read+some&").await;
    let other = "URL/ says that it is another one: no login there";
    check(json!({ "issuer": "https://evil.example" }), "", other, "").await;
    let unsafe_ = "URL/ does not take S256, without which a login is not safe";
    check(json!({ "code_challenge_methods_supported": ["plain"] }), "", unsafe_, "").await;
}
