//! A small editor at the other end of an in-memory pipe: documents, versions, and the ways in which editors differ.
//!
//! **Invariant:** it takes the server's edits by the rules of the editor that it plays, and counts its undo steps.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use futures_util::StreamExt;
use lsp_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams, InitializeParams,
    InitializeResult, Range,
};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, DuplexStream, WriteHalf};
use tokio::sync::Notify;
use tokio_util::codec::{Encoder, FramedRead};
use tower_lsp::{LanguageServer, LspService, jsonrpc};

use super::*;
use crate::lsp::codec::{Codec, Frame};
use crate::lsp::positions::{self, Encoding};
use crate::lsp::serve::{self, RawInitialize};

/// Which editor it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Like {
    Helix,
    Neovim,
    Code,
    Plugin,
}

pub const ALL: [Like; 4] = [Like::Helix, Like::Neovim, Like::Code, Like::Plugin];

struct Face {
    client: Client,
    documents: Documents,
    raw: RawInitialize,
}

#[tower_lsp::async_trait]
impl LanguageServer for Face {
    async fn initialize(&self, _: InitializeParams) -> jsonrpc::Result<InitializeResult> {
        self.documents.set_editor(self.client.learn(&self.raw.get()).encoding, false);
        Ok(InitializeResult::default())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        self.documents.did_open(params);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.documents.did_change(params);
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.documents.did_save(params);
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.documents.did_close(params);
    }

    async fn shutdown(&self) -> jsonrpc::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
pub struct Doc {
    pub text: String,
    pub version: i32,
    /// Undo steps that are the server's.
    pub steps: usize,
}

type Typing = Box<dyn FnMut(&mut Screen) + Send>;

/// What the user sees, and does when an edit comes.
#[derive(Default)]
pub struct Screen {
    pub docs: BTreeMap<String, Doc>,
    /// What the editor is asked for, by method.
    pub asked: Vec<String>,
    out: VecDeque<Value>,
    /// Messages that go out after the reply.
    late: VecDeque<Value>,
    pub on_apply: Option<Typing>,
    /// What the user types, old and new, before the editor tells of an edit that it has made; both are told as one text.
    pub types_along: Option<(String, String)>,
    /// Refuses every edit of this document.
    pub refuses: Option<String>,
    /// What the plugin was told of files that are not open.
    pub written: Vec<Value>,
}

impl Screen {
    fn send(&mut self, method: &str, params: Value) {
        self.out.push_back(json!({ "method": method, "params": params }));
    }

    pub fn replace(&mut self, uri: &str, old: &str, new: &str) {
        let at = self.docs[uri].text.find(old).unwrap_or_else(|| panic!("no {old:?} in {:?}", self.docs[uri].text));
        let message = self.change(uri, vec![(at..at + old.len(), new.to_owned())]);
        self.out.push_back(message);
    }

    fn change(&mut self, uri: &str, spans: Vec<(std::ops::Range<usize>, String)>) -> Value {
        let doc = self.docs.get_mut(uri).unwrap();
        let old = Rope::from_str(&doc.text);
        let mut changes = Vec::new();
        for (range, text) in spans.into_iter().rev() {
            changes.push(json!({ "range": positions::lsp_range(&old, &range, Encoding::Utf16), "text": text }));
            doc.text.replace_range(range, &text);
        }
        doc.version += 1;
        json!({ "method": "textDocument/didChange", "params": { "textDocument": { "uri": uri, "version": doc.version }, "contentChanges": changes } })
    }

    fn save(&mut self, uri: &str) {
        std::fs::write(uri.strip_prefix("file://").unwrap(), &self.docs[uri].text).unwrap();
        self.send("textDocument/didSave", json!({ "textDocument": { "uri": uri } }));
    }

    fn answer(&mut self, like: Like, method: &str, params: &Value) -> Value {
        self.asked.push(method.to_owned());
        match method {
            "workspace/applyEdit" => self.apply(like, &params["edit"]),
            "interline/save" if like == Like::Plugin => {
                params["uris"].as_array().unwrap().iter().for_each(|uri| self.save(uri.as_str().unwrap()));
                json!(null)
            }
            "interline/written" if like == Like::Plugin => {
                self.written.push(params.clone());
                json!(null)
            }
            _ => panic!("asked for {method}"),
        }
    }

    fn apply(&mut self, like: Like, edit: &Value) -> Value {
        if let Some(mut typing) = self.on_apply.take() {
            typing(self);
            self.on_apply.get_or_insert(typing);
        }
        let [change] = edit["documentChanges"].as_array().unwrap().as_slice() else { panic!("one document an edit: {edit}") };
        let (uri, version) = (change["textDocument"]["uri"].as_str().unwrap(), change["textDocument"]["version"].as_i64().unwrap());
        let doc = &self.docs[uri];
        // Neovim skips a stale edit without a word, unless the version is 0: then it garbles.
        let fits = if like == Like::Neovim {
            version == 1 && doc.version == 0 || version >= i64::from(doc.version)
        } else {
            version == i64::from(doc.version)
        };
        assert!(like != Like::Neovim || version > 0, "Neovim does not check version 0");
        if !fits || self.refuses.as_deref() == Some(uri) {
            return json!({ "applied": like == Like::Neovim });
        }
        let old = Rope::from_str(&doc.text);
        let mut spans: Vec<_> = change["edits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|edit| {
                let range: Range = serde_json::from_value(edit["range"].clone()).unwrap();
                (positions::byte_range(&old, range, Encoding::Utf16), edit["newText"].as_str().unwrap().to_owned())
            })
            .collect();
        spans.sort_by_key(|(range, _)| range.start);
        let mut message = self.change(uri, spans);
        self.docs.get_mut(uri).unwrap().steps += 1;
        if let Some((old, new)) = self.types_along.take() {
            let at = self.docs[uri].text.find(&old).unwrap();
            message = self.change(uri, vec![(at..at + old.len(), new)]);
            message["params"]["contentChanges"] = json!([{ "text": self.docs[uri].text }]);
        }
        if like == Like::Helix {
            self.out.push_back(message)
        } else {
            self.late.push_back(message)
        }
        json!({ "applied": true })
    }
}

/// The editor, and the workspace over it.
pub struct Editor {
    pub workspace: Arc<EditorWorkspace>,
    pub documents: Documents,
    pub screen: Arc<Mutex<Screen>>,
    pub dir: tempfile::TempDir,
    wake: Arc<Notify>,
}

impl Editor {
    pub async fn start(like: Like) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let documents = Documents::start();
        let raw = RawInitialize::default();
        let mut client = None;
        let (service, socket) = LspService::new(|wire| {
            let made = Client::new(wire);
            client = Some(made.clone());
            Face { client: made, documents: documents.clone(), raw: raw.clone() }
        });
        let client = client.unwrap();
        let (input, output) = tokio::io::split(theirs);
        tokio::spawn(serve::serve(input, output, service, socket, raw, async {}));
        let (output, mut input) = tokio::io::split(ours);
        let mut frames = FramedRead::new(output, Codec::default());
        let experimental = if like == Like::Plugin { json!({ "interline": { "history": true } }) } else { json!(null) };
        let name = if like == Like::Neovim { "Neovim" } else { "test" };
        let capabilities = json!({ "experimental": experimental, "workspace": { "workspaceEdit": { "documentChanges": true } } });
        write(
            &mut input,
            json!({ "id": 0, "method": "initialize", "params": { "clientInfo": { "name": name }, "capabilities": capabilities } }),
        )
        .await;
        assert!(frames.next().await.is_some());
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("project")).unwrap();
        std::fs::create_dir(root.join("second")).unwrap();
        let folders = Folders::new(root.join("project"), vec![root.join("second")]);
        let workspace = EditorWorkspace::start(client, documents.clone(), folders, root.join("data"));
        let (screen, wake) = (Arc::new(Mutex::new(Screen::default())), Arc::new(Notify::new()));
        let (shown, woken) = (Arc::clone(&screen), Arc::clone(&wake));
        tokio::spawn(async move {
            loop {
                let mut replies = VecDeque::new();
                tokio::select! {
                    () = woken.notified() => {}
                    frame = frames.next() => {
                        let Some(Ok(Frame::Body(body))) = frame else { return };
                        let message: Value = serde_json::from_slice(&body).unwrap();
                        let result = shown.lock().unwrap().answer(like, message["method"].as_str().unwrap(), &message["params"]);
                        if !message["id"].is_null() {
                            replies.push_back(json!({ "id": message["id"], "result": result }));
                        }
                    }
                }
                let (mut out, late) = {
                    let mut screen = shown.lock().unwrap();
                    (std::mem::take(&mut screen.out), std::mem::take(&mut screen.late))
                };
                out.extend(replies);
                out.extend(late);
                for message in out {
                    write(&mut input, message).await;
                }
            }
        });
        Self { workspace, documents, screen, dir, wake }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("project").join(name)
    }

    pub fn key(&self, name: &str) -> DocKey {
        DocKey::file(self.path(name))
    }

    pub fn uri(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn disk(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The user does something, which the server has seen when this returns.
    pub async fn user(&self, what: impl FnOnce(&mut Screen)) {
        let mut events = self.documents.subscribe();
        what(&mut self.screen.lock().unwrap());
        self.wake.notify_one();
        events.recv().await;
    }

    pub async fn open(&self, name: &str) {
        let (uri, text) = (self.uri(name), self.disk(name));
        self.user(|screen| {
            screen
                .send("textDocument/didOpen", json!({ "textDocument": { "uri": uri, "languageId": "text", "version": 0, "text": text } }));
            screen.docs.insert(uri, Doc { text, ..Doc::default() });
        })
        .await;
    }

    pub async fn save(&self, name: &str) {
        let uri = self.uri(name);
        self.user(|screen| screen.save(&uri)).await;
    }

    pub async fn close(&self, name: &str) {
        let uri = self.uri(name);
        self.user(|screen| {
            screen.docs.remove(&uri);
            screen.send("textDocument/didClose", json!({ "textDocument": { "uri": uri } }));
        })
        .await;
    }

    pub async fn replace(&self, name: &str, old: &str, new: &str) {
        let uri = self.uri(name);
        self.user(|screen| screen.replace(&uri, old, new)).await;
    }

    pub fn text(&self, name: &str) -> String {
        self.screen.lock().unwrap().docs[&self.uri(name)].text.clone()
    }

    pub fn steps(&self, name: &str) -> usize {
        self.screen.lock().unwrap().docs[&self.uri(name)].steps
    }

    pub fn on_apply(&self, typing: impl FnMut(&mut Screen) + Send + 'static) {
        self.screen.lock().unwrap().on_apply = Some(Box::new(typing));
    }
}

async fn write(input: &mut WriteHalf<DuplexStream>, message: Value) {
    let mut buffer = BytesMut::new();
    Codec::default().encode(message.to_string().as_bytes(), &mut buffer).unwrap();
    input.write_all(&buffer).await.unwrap();
}
