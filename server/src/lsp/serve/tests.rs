//! The loop over in-memory pipes, with a server that does nothing but misbehave.

use std::sync::atomic::AtomicUsize;

use lsp_types::{InitializeParams, InitializeResult};
use serde_json::json;
use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tower_lsp::jsonrpc;

use super::*;
use crate::lsp::client::Client;

struct Mock {
    client: Client,
    seen: Arc<Mutex<Vec<i64>>>,
    release: Arc<Notify>,
    calls: AtomicUsize,
}

#[tower_lsp::async_trait]
impl LanguageServer for Mock {
    async fn initialize(&self, _: InitializeParams) -> jsonrpc::Result<InitializeResult> {
        Ok(InitializeResult::default())
    }

    async fn shutdown(&self) -> jsonrpc::Result<()> {
        Ok(())
    }
}

impl Mock {
    async fn note(&self, params: Value) {
        self.seen.lock().unwrap().push(params["n"].as_i64().unwrap());
    }

    async fn seen(&self) -> jsonrpc::Result<Vec<i64>> {
        Ok(self.seen.lock().unwrap().clone())
    }

    async fn wait(&self, _: Value) -> jsonrpc::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.release.notified().await;
        Ok(())
    }

    async fn release(&self) {
        self.release.notify_waiters();
    }

    async fn panic(&self, params: Value) -> jsonrpc::Result<()> {
        if params["late"] == true {
            tokio::task::yield_now().await;
        }
        panic!("as asked");
    }

    /// Asks the editor and gives up at once.
    async fn ask(&self, _: Value) -> jsonrpc::Result<String> {
        let reply = self.client.apply_edit(json!({}), None, Duration::from_millis(1)).await;
        Ok(reply.map_or_else(|e| e.to_string(), |r| format!("{}", r.applied)))
    }

    async fn talk(&self, params: Value) {
        let client = self.client.clone();
        tokio::spawn(async move {
            for n in 0..params["count"].as_i64().unwrap() {
                client.show_message(lsp_types::MessageType::LOG, n.to_string()).await;
            }
        });
    }
}

struct Editor {
    input: Option<WriteHalf<DuplexStream>>,
    output: FramedRead<ReadHalf<DuplexStream>, Codec>,
    server: tokio::task::JoinHandle<Ending>,
    initialize: RawInitialize,
    stopped: Arc<AtomicBool>,
}

impl Editor {
    fn start() -> Self {
        let (service, socket) = LspService::build(|client| Mock {
            client: Client::new(client),
            seen: Arc::default(),
            release: Arc::default(),
            calls: AtomicUsize::new(0),
        })
        .custom_method("note", Mock::note)
        .custom_method("seen", Mock::seen)
        .custom_method("wait", Mock::wait)
        .custom_method("release", Mock::release)
        .custom_method("panic", Mock::panic)
        .custom_method("ask", Mock::ask)
        .custom_method("talk", Mock::talk)
        .finish();
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(theirs);
        let initialize = RawInitialize::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = {
            let stopped = stopped.clone();
            async move { stopped.store(true, Ordering::Relaxed) }
        };
        let server = tokio::spawn(serve(input, output, service, socket, initialize.clone(), stop));
        let (output, input) = tokio::io::split(ours);
        Self { input: Some(input), output: FramedRead::new(output, Codec::default()), server, initialize, stopped }
    }

    async fn initialized() -> Self {
        let mut editor = Self::start();
        assert!(editor.ask(1, "initialize", json!({"capabilities": {"window": {"odd": 7}}})).await["result"].is_object());
        editor.send(json!({"method": "initialized"})).await;
        editor
    }

    async fn raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.input.as_mut().unwrap().write_all(bytes.as_ref()).await.unwrap();
    }

    async fn send(&mut self, message: Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len())).await;
    }

    async fn next(&mut self) -> Value {
        match self.output.next().await {
            Some(Ok(Frame::Body(body))) => serde_json::from_slice(&body).unwrap(),
            other => panic!("no message: {other:?}"),
        }
    }

    async fn ask(&mut self, id: i64, method: &str, params: Value) -> Value {
        self.send(json!({"id": id, "method": method, "params": params})).await;
        let reply = self.next().await;
        assert_eq!(reply["id"], id, "{reply}");
        reply
    }

    async fn alive(&mut self) {
        assert_eq!(self.ask(77_777, "shutdown", json!(null)).await["result"], json!(null));
    }

    async fn end(mut self) -> Ending {
        drop(self.input.take());
        // The other half keeps the pipe open: say so.
        drop(self.output);
        let ending = tokio::time::timeout(Duration::from_secs(2), self.server).await.expect("it did not end").unwrap();
        assert!(self.stopped.load(Ordering::Relaxed), "the stop hook did not run");
        ending
    }
}

#[tokio::test]
async fn garbage_is_survived() {
    let mut editor = Editor::initialized().await;
    for (body, code) in [("{not json", -32700), ("[]", -32600), ("\"text\"", -32600), ("{\"jsonrpc\":\"2.0\"}", -32600)] {
        editor.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len())).await;
        let reply = editor.next().await;
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(null), &json!(code)), "{body}");
    }
    editor.raw(b"Content-Length: 3\r\n\r\n\xff\xfe\xfd").await;
    assert_eq!(editor.next().await["error"]["code"], -32700);
    for header in ["Content-Length: abc\r\n\r\n", "X-Nothing: 1\r\n\r\n", "Content-Length: -5\r\n\r\n"] {
        editor.raw(header).await;
        assert_eq!(editor.next().await["error"]["code"], -32700, "{header:?}");
    }
    editor.raw("\r\n\r\n").await;
    editor.alive().await;
}

#[tokio::test]
async fn the_life_cycle() {
    let mut editor = Editor::start();
    assert_eq!(editor.ask(1, "seen", json!(null)).await["error"]["code"], -32002);
    assert_eq!(editor.ask(2, "shutdown", json!(null)).await["error"]["code"], -32002);
    let params = json!({"capabilities": {"experimental": {"interline": {}}}});
    assert!(editor.ask(3, "initialize", params.clone()).await["result"].is_object());
    assert_eq!(editor.initialize.get(), params);
    assert_eq!(editor.ask(4, "initialize", json!({"capabilities": {}})).await["error"]["code"], -32600);
    assert_eq!(editor.initialize.get(), params, "a refused one must not count");
    for params in [json!(null), json!({})] {
        assert_eq!(editor.ask(5, "$/unknown", params.clone()).await["error"]["code"], -32601);
        assert_eq!(editor.ask(6, "textDocument/unknown", params).await["error"]["code"], -32601);
    }
    editor.send(json!({"method": "$/unknown", "params": {}})).await;
    editor.send(json!({"method": "unknown"})).await;
    assert_eq!(editor.ask(7, "shutdown", json!({})).await["result"], json!(null));
    assert_eq!(editor.ask(8, "seen", json!(null)).await["error"]["code"], -32600);
    editor.send(json!({"method": "exit"})).await;
    assert_eq!(editor.server.await.unwrap(), Ending::Exit { after_shutdown: true });
}

#[tokio::test]
async fn how_it_ends() {
    let mut editor = Editor::initialized().await;
    editor.send(json!({"id": 2, "method": "wait", "params": {}})).await;
    editor.send(json!({"method": "exit", "params": null})).await;
    let ending = editor.server.await.unwrap();
    assert_eq!((ending, ending.exit_code()), (Ending::Exit { after_shutdown: false }, 1));

    let mut editor = Editor::initialized().await;
    editor.send(json!({"id": 2, "method": "wait", "params": {}})).await;
    let ending = editor.end().await;
    assert_eq!((ending, ending.exit_code()), (Ending::EndOfInput, 0));
}

#[tokio::test]
async fn ends_with_the_editors_process() {
    let mut child = tokio::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let mut editor = Editor::start();
    editor.ask(1, "initialize", json!({"processId": child.id(), "capabilities": {}})).await;
    child.kill().await.unwrap();
    assert_eq!(editor.server.await.unwrap(), Ending::EditorGone);
    assert!(editor.stopped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn order_is_kept_and_nothing_wedges() {
    let mut editor = Editor::initialized().await;
    for id in 0..300 {
        editor.send(json!({"id": 1000 + id, "method": "wait", "params": {}})).await;
    }
    for n in 0..3000 {
        editor.send(json!({"method": "note", "params": {"n": n}})).await;
    }
    assert_eq!(editor.ask(2, "seen", json!(null)).await["result"], json!((0..3000).collect::<Vec<_>>()));
    editor.send(json!({"method": "release"})).await;
    let mut ids: Vec<i64> = Vec::new();
    for _ in 0..300 {
        ids.push(editor.next().await["id"].as_i64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (1000..1300).collect::<Vec<_>>());
}

#[tokio::test]
async fn cancelling() {
    let mut editor = Editor::initialized().await;
    for id in 0..20 {
        editor.send(json!({"id": 10 + id, "method": "wait", "params": {}})).await;
    }
    for id in [json!(10), json!(29), json!(999), json!("text"), json!(1), json!(null), json!([])] {
        editor.send(json!({"method": "$/cancelRequest", "params": {"id": id}})).await;
    }
    let mut cancelled = [editor.next().await, editor.next().await].map(|r| (r["id"].as_i64(), r["error"]["code"].as_i64()));
    cancelled.sort_unstable();
    assert_eq!(cancelled, [(Some(10), Some(-32800)), (Some(29), Some(-32800))]);
    editor.alive().await;
}

#[tokio::test]
async fn a_panic_is_one_requests_error() {
    let mut editor = Editor::initialized().await;
    for late in [false, true] {
        let reply = editor.ask(5 + i64::from(late), "panic", json!({"late": late})).await;
        assert_eq!(reply["error"]["code"], -32603);
        assert!(reply["error"]["message"].as_str().unwrap().contains("panic"));
    }
    editor.alive().await;
}

#[tokio::test]
async fn answers_that_nobody_waits_for() {
    let mut editor = Editor::initialized().await;
    editor.send(json!({"id": 50, "method": "ask", "params": {}})).await;
    let (mut asked, mut replied) = (None, None);
    for _ in 0..2 {
        let message = editor.next().await;
        let slot = if message["method"].is_string() { &mut asked } else { &mut replied };
        *slot = Some(message);
    }
    assert!(replied.unwrap()["result"].as_str().unwrap().contains("did not answer"));
    let id = asked.unwrap()["id"].clone();
    for id in [id.clone(), id, json!(424_242), json!("x"), json!(null)] {
        editor.send(json!({"id": id, "result": {"applied": true}})).await;
    }
    // The one with id null is no answer at all.
    assert_eq!(editor.next().await["error"]["code"], -32600);
    editor.alive().await;
}

#[tokio::test]
async fn a_slow_reader_does_not_stop_the_reading() {
    let mut editor = Editor::initialized().await;
    // More than the pipe holds, read only later.
    editor.send(json!({"method": "talk", "params": {"count": 3000}})).await;
    for n in 0..2000 {
        editor.send(json!({"method": "note", "params": {"n": n}})).await;
    }
    editor.send(json!({"id": 9, "method": "seen"})).await;
    let mut said = 0;
    loop {
        let message = editor.next().await;
        if message["id"] == 9 {
            assert_eq!(message["result"].as_array().unwrap().len(), 2000);
        } else {
            assert_eq!(message["params"]["message"], said.to_string());
            said += 1;
            if said == 3000 {
                break;
            }
        }
    }
    editor.alive().await;
}

#[tokio::test]
async fn a_giant_header_is_garbage() {
    let mut editor = Editor::initialized().await;
    editor.raw("Content-Length: 8000000000\r\n\r\n{").await;
    assert_eq!(editor.next().await["error"]["code"], -32700);
    // What would have been its body is skipped up to the next good header.
    editor.send(json!({"id": 5, "method": "shutdown"})).await;
    assert_eq!(editor.next().await["error"]["code"], -32700);
    assert_eq!(editor.next().await, json!({"jsonrpc": "2.0", "id": 5, "result": null}));
}
