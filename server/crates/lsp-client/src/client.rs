//! One running server: the handshake, the documents that it is given, what it says, its end.
//!
//! Owns one side of the protocol. Must not know when a server is started or stopped, nor what becomes of its diagnostics.
//!
//! **Invariant:** the server's view of a document is the last text that it was given, under a version that only grows, also over closing and opening again.

mod answers;
mod ask;
mod changes;
mod requests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ropey::Rope;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use workspace::DocKey;

use crate::connection::{Connection, Handler};
use crate::freshness::Ledger;
use crate::process::{Pipes, Process};
use crate::watched::{self, FileChange};
use crate::wishes::Wishes;
use crate::{RequestError, Setup};

/// How long a server may take to answer `shutdown`.
const SHUTDOWN: Duration = Duration::from_secs(2);
/// How long a server's exit is waited for when its stream has ended, to know why.
const WHY: Duration = Duration::from_millis(500);

pub use requests::Wanted;

/// A text as the user sees it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Which file.
    pub key: DocKey,
    /// Its text.
    pub text: Rope,
    /// The protocol's name of its language.
    pub language: Arc<str>,
    /// What the disk holds.
    pub disk: Disk,
}

/// What the disk holds of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Another text: this one is not saved.
    Differs,
    /// The same text.
    Same,
    /// The same text, which was written just now: checks that run after saves are to run.
    Written,
}

/// A server that has answered `initialize`. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Client {
    connection: Connection,
    said: Arc<Said>,
    process: Option<Process>,
    version: AtomicI32,
    /// The editor's too: what it is asked to change may come to either.
    shared: bool,
    /// Held while a command runs.
    commanding: tokio::sync::Mutex<()>,
    _puller: DropGuard,
}

/// What the server has said so far.
#[derive(Debug)]
pub(crate) struct Said {
    ledger: Mutex<Ledger>,
    wishes: Mutex<Wishes>,
    /// What it published last of documents that are open there, in its own words.
    published: Mutex<HashMap<DocKey, Value>>,
    /// Where edits go that it asks for, while a command runs that may make it ask.
    wanted: Mutex<Option<mpsc::UnboundedSender<Wanted>>>,
    /// Told after each change of the two.
    news: watch::Sender<u64>,
    setup: Setup,
}

impl Client {
    /// Shakes hands.
    ///
    /// # Errors
    /// The server does not answer, or says no.
    pub(crate) async fn start(pipes: Pipes, setup: Setup, timeout: Duration) -> Result<Self, RequestError> {
        let mut ledger = Ledger::default();
        if let Some(token) = setup.check() {
            ledger.checks_after_saves(token, Instant::now());
        }
        let shared = pipes.shared;
        if shared {
            ledger.is_shared();
        }
        let said = Arc::new(Said {
            ledger: Mutex::new(ledger),
            wishes: Mutex::default(),
            published: Mutex::default(),
            wanted: Mutex::default(),
            news: watch::Sender::new(0),
            setup,
        });
        let exit = pipes.process.as_ref().map(Process::exit);
        let why = async move {
            let mut exit = exit?;
            let exit = tokio::time::timeout(WHY, exit.wait_for(Option::is_some)).await.ok()?.ok()?;
            exit.clone()
        };
        let handler: Arc<dyn Handler> = Arc::clone(&said) as _;
        let connection = Connection::open(pipes.reader, pipes.writer, handler, why);
        let hello = connection.request("initialize", initialize(&said.setup), timeout).await?;
        {
            let mut wishes = said.wishes();
            *wishes = Wishes::of(&hello["capabilities"]);
            said.ledger().pulls(wishes.pull_kind());
        }
        connection.notify("initialized", json!({}));
        if !said.setup.settings.is_null() {
            connection.notify("workspace/didChangeConfiguration", json!({ "settings": said.setup.settings }));
        }
        let stop = CancellationToken::new();
        tokio::spawn(ask::keep_asking(connection.clone(), Arc::clone(&said), stop.clone()));
        let (version, commanding) = (AtomicI32::new(0), tokio::sync::Mutex::default());
        Ok(Self { connection, said, process: pipes.process, version, shared, commanding, _puller: stop.drop_guard() })
    }

    /// Gives the server a text, if it has another one, and tells it of a save.
    pub(crate) fn give(&self, document: &Document) {
        let Document { key, text, language, disk } = document;
        let wishes = self.said.wishes();
        if !wishes.open_close() {
            return;
        }
        let mut ledger = self.said.ledger();
        let id = || json!({ "uri": key.to_uri(), "version": self.version.fetch_add(1, Ordering::Relaxed) + 1 });
        let told = match ledger.given(key) {
            Some((_, old)) if old == text => None,
            Some((_, old)) => {
                let changes = changes::of(old, text, wishes.sync(), wishes.encoding);
                Some(("textDocument/didChange", json!({ "textDocument": id(), "contentChanges": changes })))
            }
            None => {
                let mut item = id();
                item["languageId"] = language.as_ref().into();
                item["text"] = text.to_string().into();
                Some(("textDocument/didOpen", json!({ "textDocument": item })))
            }
        };
        // Told while the ledger is held: what the server answers comes after it in the ledger, too.
        if let Some((method, params)) = told {
            ledger.gave(key, self.version.load(Ordering::Relaxed), text.clone(), Instant::now());
            self.connection.notify(method, params);
        }
        ledger.is_on_disk(key, *disk != Disk::Differs);
        if let (Disk::Written, Some(with_text)) = (disk, wishes.save()) {
            let mut params = json!({ "textDocument": { "uri": key.to_uri() } });
            if with_text {
                params["text"] = text.to_string().into();
            }
            ledger.saved(Instant::now());
            self.connection.notify("textDocument/didSave", params);
        }
        drop((ledger, wishes));
        self.said.tell();
    }

    /// Takes a document away again.
    pub(crate) fn close(&self, key: &DocKey) {
        let mut ledger = self.said.ledger();
        if ledger.given(key).is_some() {
            self.connection.notify("textDocument/didClose", json!({ "textDocument": { "uri": key.to_uri() } }));
            ledger.closed(key);
            self.said.published_of().remove(key);
        }
    }

    /// Tells what happened on the disk, as far as the server wants to hear it.
    pub(crate) fn disk_changed(&self, changes: &[(PathBuf, FileChange)]) {
        let Some(params) = watched::changes(self.said.wishes().watchers(), changes) else { return };
        let mut ledger = self.said.ledger();
        ledger.disk_changed(Instant::now());
        self.connection.notify("workspace/didChangeWatchedFiles", params);
        drop(ledger);
        self.said.tell();
    }

    /// What is known of it.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.said.ledger()
    }

    /// Changes when more is known.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.said.news.subscribe()
    }

    /// Bytes of memory that it and what it started hold.
    pub(crate) fn memory(&self) -> u64 {
        self.process.as_ref().map_or(0, Process::memory)
    }

    /// Whether it has stopped reading.
    pub(crate) fn is_clogged(&self) -> bool {
        self.connection.is_clogged()
    }

    /// Ends it as the protocol wants it, within a few seconds.
    pub(crate) async fn shut_down(&self, why: &str) {
        // A server that does not answer is ended below.
        let _ = self.connection.request("shutdown", Value::Null, SHUTDOWN).await;
        self.connection.notify("exit", Value::Null);
        self.connection.stop(why);
        self.said.ledger().stopped(why);
        self.said.tell();
        if let Some(process) = &self.process {
            process.end().await;
        }
    }
}

impl Said {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Always locked before the ledger.
    pub(crate) fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }
}

/// What we are and can: nothing that is not done.
fn initialize(setup: &Setup) -> Value {
    let root = DocKey::file(&setup.root).to_uri();
    let name = setup.root.file_name().map_or_else(|| root.clone(), |name| name.to_string_lossy().into_owned());
    json!({
        "processId": std::process::id(),
        "clientInfo": { "name": "interline", "version": env!("CARGO_PKG_VERSION") },
        "rootUri": root,
        "rootPath": setup.root.to_string_lossy(),
        "workspaceFolders": [{ "uri": root, "name": name }],
        "initializationOptions": setup.options,
        "capabilities": {
            "general": { "positionEncodings": ["utf-8", "utf-32", "utf-16"] },
            "window": { "workDoneProgress": true },
            "workspace": {
                "configuration": true,
                "workspaceFolders": true,
                "didChangeConfiguration": { "dynamicRegistration": true },
                "didChangeWatchedFiles": { "dynamicRegistration": true, "relativePatternSupport": true },
                "diagnostics": { "refreshSupport": true },
                "applyEdit": true,
                "workspaceEdit": { "documentChanges": true, "resourceOperations": ["create", "rename", "delete"] },
                "symbol": {},
                "executeCommand": {},
            },
            "textDocument": {
                "synchronization": { "dynamicRegistration": true, "didSave": true },
                "publishDiagnostics": { "relatedInformation": true, "versionSupport": true },
                "diagnostic": { "dynamicRegistration": true, "relatedDocumentSupport": true },
                "definition": { "linkSupport": true },
                "implementation": { "linkSupport": true },
                "references": {},
                "callHierarchy": {},
                "hover": { "contentFormat": ["markdown", "plaintext"] },
                "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
                "rename": { "prepareSupport": true },
                "codeAction": {
                    "codeActionLiteralSupport": { "codeActionKind": { "valueSet": ["", "quickfix", "refactor", "refactor.extract", "refactor.inline", "refactor.rewrite", "source", "source.organizeImports", "source.fixAll"] } },
                    "isPreferredSupport": true,
                    "disabledSupport": true,
                    "dataSupport": true,
                    "resolveSupport": { "properties": ["edit", "command"] },
                },
            },
            "experimental": { "serverStatusNotification": true },
        },
    })
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
