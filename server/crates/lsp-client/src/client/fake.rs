//! A server for tests: the test says each of its words.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio_util::codec::FramedRead;
use workspace::DocKey;

use super::{Client, Disk, Document};
use crate::Setup;
use crate::codec::{Codec, Frame};
use crate::process::Pipes;

/// The server's end of the pipes.
pub(crate) struct Fake {
    frames: FramedRead<DuplexStream, Codec>,
    writer: DuplexStream,
}

/// Both ends.
pub(crate) fn pipes() -> (Pipes, Fake) {
    let (writer, their_reader) = tokio::io::duplex(1 << 20);
    let (their_writer, reader) = tokio::io::duplex(1 << 20);
    let fake = Fake { frames: FramedRead::new(their_reader, Codec::default()), writer: their_writer };
    (Pipes { reader: Box::new(reader), writer: Box::new(writer), process: None, shared: false }, fake)
}

pub(crate) fn setup() -> Setup {
    Setup {
        id: "fake".into(),
        root: "/p".into(),
        options: Value::Null,
        settings: json!({ "fake": { "level": 3 } }),
        section: "fake".into(),
        check: None,
    }
}

/// A client that has shaken hands with a server of these capabilities.
pub(crate) async fn started(capabilities: Value, setup: Setup) -> (Client, Fake) {
    let (pipes, mut fake) = pipes();
    let hello = async {
        let id = fake.request("initialize").await.0;
        fake.answer(&id, json!({ "capabilities": capabilities })).await;
        fake.expect("initialized").await;
        fake.expect("workspace/didChangeConfiguration").await;
    };
    let (client, ()) = tokio::join!(Client::start(pipes, setup, Duration::from_secs(10)), hello);
    (client.expect("a client"), fake)
}

pub(crate) fn document(name: &str, text: &str) -> Document {
    Document { key: DocKey::file(format!("/p/{name}")), text: text.into(), language: Arc::from("text"), disk: Disk::Differs }
}

impl Fake {
    /// The client's next message; none where it has gone.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        match self.frames.next().await? {
            Ok(Frame::Body(body)) => Some(serde_json::from_slice(&body).expect("JSON")),
            other => panic!("the client sent {other:?}"),
        }
    }

    /// The next message is a notification of this method: its params.
    pub(crate) async fn expect(&mut self, method: &str) -> Value {
        let message = self.next().await.expect("a message");
        assert_eq!(message["method"], method, "{message}");
        message["params"].clone()
    }

    /// The next message is a request of this method: its id and params.
    pub(crate) async fn request(&mut self, method: &str) -> (Value, Value) {
        let message = self.next().await.expect("a message");
        assert_eq!(message["method"], method, "{message}");
        assert!(message.get("id").is_some(), "{message}");
        (message["id"].clone(), message["params"].clone())
    }

    pub(crate) async fn answer(&mut self, id: &Value, result: Value) {
        self.send(json!({ "jsonrpc": "2.0", "id": id, "result": result })).await;
    }

    pub(crate) async fn refuse(&mut self, id: &Value, code: i64) {
        self.send(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": "no" } })).await;
    }

    pub(crate) async fn say(&mut self, method: &str, params: Value) {
        self.send(json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    /// Asks, and returns the client's answer.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.send(json!({ "jsonrpc": "2.0", "id": "asked", "method": method, "params": params })).await;
        let answer = self.next().await.expect("an answer");
        assert_eq!(answer["id"], "asked", "{answer}");
        answer
    }

    /// Publishes one error a line.
    pub(crate) async fn publish(&mut self, name: &str, version: Option<i32>, lines: &[usize]) {
        let items: Vec<Value> = lines.iter().map(|line| item(*line)).collect();
        let mut params = json!({ "uri": DocKey::file(format!("/p/{name}")).to_uri(), "diagnostics": items });
        if let Some(version) = version {
            params["version"] = version.into();
        }
        self.say("textDocument/publishDiagnostics", params).await;
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.expect("the client reads");
    }

    async fn send(&mut self, message: Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    }
}

/// An error in a line.
pub(crate) fn item(line: usize) -> Value {
    let at = json!({ "line": line, "character": 0 });
    json!({ "range": { "start": at, "end": at }, "severity": 1, "message": format!("error in line {line}") })
}
