//! Servers that are reached by HTTP: the way of today, the older one, and what may go wrong on both.

use std::sync::{Arc, Mutex};

use mcp::{Servers, StartError, State};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, started, within};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub head: String,
    pub body: String,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find(line).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What is answered.
pub enum Reply {
    /// Status, headers (each with its line end), body.
    Whole(u16, String, String),
    /// A stream of events, which ends with its sender.
    Stream(mpsc::UnboundedReceiver<String>),
}

pub fn reply(status: u16, body: Value) -> Reply {
    Reply::Whole(status, "content-type: application/json\r\n".into(), body.to_string())
}

/// A server; it ends with the test's runtime.
pub struct Fake {
    pub url: String,
    pub requests: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    pub async fn start(handle: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, handle) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(handle));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, handle) = (Arc::clone(&kept), Arc::clone(&handle));
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else { return };
                    let number = {
                        let mut kept = kept.lock().unwrap();
                        kept.push(request.clone());
                        kept.len()
                    };
                    write(&mut stream, handle(&request, number)).await;
                });
            }
        });
        Self { url, requests }
    }

    fn methods(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| format!("{} {}", request.method, request.json()["method"].as_str().unwrap_or("-")))
            .collect()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut first = head.lines().next()?.split(' ');
            let request = Request { method: first.next()?.into(), target: first.next()?.into(), head: head.into(), body: body.into() };
            if request.header("content-length").map_or(0, |length| length.parse().unwrap()) <= body.len() {
                return Some(request);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}

async fn write(stream: &mut TcpStream, reply: Reply) {
    // The client may be gone at any time.
    match reply {
        Reply::Whole(status, headers, body) => {
            let text = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Reply::Stream(mut events) => {
            let _ =
                stream.write_all(b"HTTP/1.1 200 x\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n").await;
            while let Some(event) = events.recv().await {
                let _ = stream.write_all(event.as_bytes()).await;
            }
        }
    }
    let _ = stream.shutdown().await;
}

/// The answer of a plain server to a message; none to a notification.
pub fn answer(message: &Value) -> Option<Value> {
    let result = match message["method"].as_str()? {
        "initialize" => {
            json!({ "protocolVersion": "2025-03-26", "serverInfo": { "name": "web", "version": "2" }, "capabilities": { "tools": {} } })
        }
        "tools/list" => json!({ "tools": [{ "name": "echo", "inputSchema": { "type": "object" } }] }),
        "tools/call" => json!({ "content": [{ "type": "text", "text": format!("echo {}", message["params"]["arguments"]["text"]) }] }),
        _ => return None,
    };
    Some(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }))
}

pub fn plain(request: &Request) -> Reply {
    match answer(&request.json()) {
        Some(answer) => reply(200, answer),
        None if request.method == "POST" => Reply::Whole(202, String::new(), String::new()),
        None => Reply::Whole(405, String::new(), String::new()),
    }
}

fn events(all: &[String]) -> Reply {
    let (sender, receiver) = mpsc::unbounded_channel();
    all.iter().for_each(|event| sender.send(event.clone()).unwrap());
    Reply::Stream(receiver)
}

fn event(message: &Value) -> String {
    format!("id: e1\nevent: message\ndata: {message}\n\n")
}

async fn echo(servers: &Servers) -> Result<String, String> {
    let cancel = CancellationToken::new();
    let called = servers.call("w", "echo", json!({ "text": "x" }), &cancel, &|_| {});
    within(called).await.map(|content| content.text).map_err(|error| error.to_string())
}

fn section(url: &str) -> Value {
    json!({ "w": { "type": "remote", "url": url, "headers": { "x-key": "SECRET" } } })
}

#[tokio::test]
async fn answers_as_json_with_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request, _| match plain(request) {
        Reply::Whole(status, headers, body) => Reply::Whole(status, format!("{headers}mcp-session-id: S1\r\n"), body),
        stream => stream,
    })
    .await;
    let servers = started(&section(&fake.url), folder.path()).await;
    assert_eq!(echo(&servers).await.unwrap(), "echo \"x\"");
    servers.shut_down(PATIENCE).await;
    let mut methods = fake.methods();
    // Whether it offers a stream of its own is asked beside the rest.
    methods.retain(|method| method != "GET -");
    assert_eq!(methods, ["POST initialize", "POST notifications/initialized", "POST tools/list", "POST tools/call", "DELETE -"]);
    let requests = fake.requests.lock().unwrap().clone();
    for request in &requests {
        assert_eq!(request.header("x-key"), Some("SECRET"));
        let later = request.json()["method"] != "initialize";
        assert_eq!(request.header("mcp-session-id"), later.then_some("S1"), "{request:?}");
        assert_eq!(request.header("mcp-protocol-version"), later.then_some("2025-03-26"), "{request:?}");
    }
}

#[tokio::test]
async fn answers_as_a_stream_and_what_else_comes_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request, _| match answer(&request.json()) {
        Some(answer) => events(&[": hi\n\n".into(), event(&json!({ "jsonrpc": "2.0", "id": 5, "method": "ping" })), event(&answer)]),
        None => plain(request),
    })
    .await;
    let servers = started(&section(&fake.url), folder.path()).await;
    assert_eq!(echo(&servers).await.unwrap(), "echo \"x\"");
    let ponged = async {
        while !fake.requests.lock().unwrap().iter().any(|request| request.json()["id"] == 5 && request.json()["result"] == json!({})) {
            tokio::task::yield_now().await;
        }
    };
    within(ponged).await;
}

#[tokio::test]
async fn a_stream_that_breaks_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Mutex::new(Value::Null);
    let fake = Fake::start(move |request, _| {
        let message = request.json();
        if message["method"] == "tools/call" {
            *kept.lock().unwrap() = answer(&message).unwrap();
            return events(&["id: e7\ndata:\n\n".into()]);
        }
        if request.header("last-event-id") == Some("e7") {
            return events(&[event(&kept.lock().unwrap())]);
        }
        plain(request)
    })
    .await;
    let servers = started(&section(&fake.url), folder.path()).await;
    assert_eq!(echo(&servers).await.unwrap(), "echo \"x\"");
}

#[tokio::test]
async fn an_answer_that_ends_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request, _| if request.json()["method"] == "tools/call" { events(&[]) } else { plain(request) }).await;
    let servers = started(&section(&fake.url), folder.path()).await;
    assert_eq!(echo(&servers).await.unwrap_err(), "the MCP server `w` could not be asked: its answer ended before it was whole");
}

#[tokio::test]
async fn the_older_way() {
    let folder = tempfile::tempdir().unwrap();
    let out = Arc::new(Mutex::new(None::<mpsc::UnboundedSender<String>>));
    let fake = Fake::start(move |request, _| match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/sse") => {
            let (sender, receiver) = mpsc::unbounded_channel();
            sender.send("event: endpoint\ndata: /messages?session=1\n\n".into()).unwrap();
            *out.lock().unwrap() = Some(sender);
            Reply::Stream(receiver)
        }
        ("POST", "/messages?session=1") => {
            if let (Some(answer), Some(out)) = (answer(&request.json()), &*out.lock().unwrap()) {
                out.send(event(&answer)).unwrap();
            }
            Reply::Whole(202, String::new(), "Accepted".into())
        }
        _ => Reply::Whole(405, String::new(), String::new()),
    })
    .await;
    let servers = started(&section(&format!("{}/sse", fake.url)), folder.path()).await;
    assert_eq!(servers.status()[0].state, State::Running("web 2".into()));
    assert_eq!(echo(&servers).await.unwrap(), "echo \"x\"");
}

#[tokio::test]
async fn the_older_way_leads_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request, _| {
        if request.method == "GET" {
            events(&["event: endpoint\ndata: http://127.0.0.1:9/steal\n\n".into()])
        } else {
            Reply::Whole(404, String::new(), String::new())
        }
    })
    .await;
    let servers = started(&section(&fake.url), folder.path()).await;
    let State::Failed(why) = &servers.status()[0].state else { panic!("it failed") };
    assert!(why.to_string().contains("of another server to post to, which is refused"), "{why}");
}

#[tokio::test]
async fn a_forgotten_session_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request, _| {
        let first = request.header("mcp-session-id") == Some("S1");
        if first && request.json()["method"] == "tools/call" {
            return Reply::Whole(404, String::new(), String::new());
        }
        match plain(request) {
            Reply::Whole(200, headers, body) if request.json()["method"] == "initialize" => {
                static TIMES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
                let times = TIMES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Reply::Whole(200, format!("{headers}mcp-session-id: S{times}\r\n"), body)
            }
            other => other,
        }
    })
    .await;
    let servers = started(&section(&fake.url), folder.path()).await;
    assert_eq!(echo(&servers).await.unwrap(), "echo \"x\"", "it was asked again in a new session");
}

#[tokio::test]
async fn errors_say_what_the_server_says() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request, _| match request.json()["method"].as_str() {
        Some("tools/call") => reply(503, json!({ "error": { "message": "too busy" } })),
        _ => plain(request),
    })
    .await;
    let servers = started(&section(&fake.url), folder.path()).await;
    assert_eq!(
        echo(&servers).await.unwrap_err(),
        "the MCP server `w` could not be asked: the server answered with HTTP status 503 (too busy)"
    );
    let gone = started(&section("http://127.0.0.1:9/mcp?key=SECRET"), folder.path()).await;
    let State::Failed(why) = &gone.status()[0].state else { panic!("it failed") };
    assert!(why.to_string().starts_with("cannot connect") && !why.to_string().contains("SECRET"), "{why}");
}

#[tokio::test]
async fn redirects_stay_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let other = Fake::start(|request, _| plain(request)).await;
    let to = other.url.clone();
    let fake = Fake::start(move |request, _| match request.target.as_str() {
        "/mcp" => Reply::Whole(307, "location: /mcp/\r\n".into(), String::new()),
        "/away" => Reply::Whole(307, format!("location: {to}/mcp\r\n"), String::new()),
        _ => plain(request),
    })
    .await;
    let servers = started(&section(&format!("{}/mcp", fake.url)), folder.path()).await;
    assert_eq!(echo(&servers).await.unwrap(), "echo \"x\"");
    let servers = started(&section(&format!("{}/away", fake.url)), folder.path()).await;
    let State::Failed(StartError::Failed(why)) = &servers.status()[0].state else { panic!("it failed") };
    assert!(why.contains("redirects to another server"), "{why}");
    assert!(other.requests.lock().unwrap().is_empty(), "nothing went there");
}

#[tokio::test]
async fn a_version_that_nobody_knows_is_refused() {
    for (version, known) in [("2025-11-25", true), ("2024-11-05", true), ("1999-01-01", false)] {
        let folder = tempfile::tempdir().unwrap();
        let fake = Fake::start(move |request, _| match answer(&request.json()) {
            Some(mut said) if said["result"]["protocolVersion"].is_string() => {
                said["result"]["protocolVersion"] = json!(version);
                reply(200, said)
            }
            _ => plain(request),
        })
        .await;
        let servers = started(&json!({ "w": { "type": "remote", "url": fake.url } }), folder.path()).await;
        match &servers.status()[0].state {
            State::Running(_) => assert!(known, "{version}"),
            State::Failed(StartError::Failed(why)) => assert!(!known && why.contains("version `1999-01-01`"), "{version}: {why}"),
            other => panic!("{version}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_long_answer_may_come_in_many_streams() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(Mutex::new(Value::Null));
    let kept = Arc::clone(&asked);
    let fake = Fake::start(move |request, _| {
        let message = request.json();
        if message["method"] == "tools/call" {
            *kept.lock().unwrap() = message;
            return events(&["id: 0\ndata:\n\n".into()]);
        }
        // More often than a stream that brings nothing new is taken up.
        match request.header("last-event-id").and_then(|last| last.parse::<usize>().ok()) {
            Some(last) if last < 7 => events(&[format!("id: {}\ndata:\n\n", last + 1)]),
            Some(_) => events(&[event(&answer(&kept.lock().unwrap()).unwrap())]),
            None => plain(request),
        }
    })
    .await;
    let servers = started(&json!({ "w": { "type": "remote", "url": fake.url } }), folder.path()).await;
    let said = within(servers.call("w", "echo", json!({ "text": "x" }), &CancellationToken::new(), &|_| {})).await.unwrap();
    assert_eq!(said.text, "echo \"x\"");
    assert_eq!(asked.lock().unwrap()["method"], "tools/call");
}
