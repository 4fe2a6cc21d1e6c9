//! The documents that are open in the editor: one task owns their text, everybody else asks it.
//!
//! Owns text, versions and what the disk is known to hold. Must not know the engine or how edits are made. `did_*` never wait: each is one push on
//! the task's queue, so that messages keep their order.
//!
//! **Invariant:** a reader who asks after a change was pushed sees that change; events come in the order of the changes; positions of any kind
//! never panic.

use std::path::PathBuf;
use std::sync::Arc;

use lsp_types::{DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams};
use ropey::Rope;
use tokio::sync::{mpsc, oneshot};
use workspace::{DocKey, TextEdit};

use crate::lsp::positions::Encoding;

mod compose;
mod disk;
mod early;
mod state;

/// A handle to the open documents. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Documents {
    queue: mpsc::UnboundedSender<Message>,
}

/// One open document at one moment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OpenDocument {
    /// Which.
    pub key: DocKey,
    /// The editor's own spelling of its URI: to be used towards the editor.
    pub uri: Arc<str>,
    /// The editor's version.
    pub version: i32,
    /// Its text.
    pub text: Rope,
    /// The editor's language id.
    pub language: Arc<str>,
    /// Whether its text differs from what the disk held when it was opened or saved.
    pub dirty: bool,
    /// The file that it is in truth, with symbolic links followed; none for virtual documents and files that are not on the disk.
    pub canonical: Option<Arc<PathBuf>>,
}

/// What happened to a document.
#[derive(Clone, Debug)]
pub enum DocEvent {
    /// Opened (or opened again without a close).
    Opened {
        /// Which.
        key: DocKey,
    },
    /// Its text changed.
    Changed {
        /// Which.
        key: DocKey,
        /// The version of the new text.
        version: i32,
        /// What changed, in the old text.
        edits: Vec<TextEdit>,
        /// The texts in between, if it was several changes in one message.
        steps: Vec<Rope>,
        /// The new text.
        text: Rope,
        /// The editor told only that text, in which several changes may lie.
        whole: bool,
    },
    /// Closed.
    Closed {
        /// Which.
        key: DocKey,
    },
    /// Saved.
    Saved {
        /// Which.
        key: DocKey,
    },
}

impl DocEvent {
    /// Which document.
    #[must_use]
    pub fn key(&self) -> &DocKey {
        match self {
            Self::Opened { key } | Self::Changed { key, .. } | Self::Closed { key } | Self::Saved { key } => key,
        }
    }
}

enum Message {
    Editor { encoding: Encoding, overtaking: bool },
    Open(DidOpenTextDocumentParams),
    Change(DidChangeTextDocumentParams),
    Close(DidCloseTextDocumentParams),
    Save(DidSaveTextDocumentParams),
    Checked { key: DocKey, serial: u64, found: disk::Found },
    Get(DocKey, oneshot::Sender<Option<OpenDocument>>),
    GetCanonical(PathBuf, oneshot::Sender<Option<OpenDocument>>),
    All(oneshot::Sender<Vec<OpenDocument>>),
    Subscribe(mpsc::UnboundedSender<DocEvent>),
}

impl Documents {
    /// Starts the task. It ends when the last handle is gone. To be called within a tokio runtime.
    #[must_use]
    pub fn start() -> Self {
        let (queue, messages) = mpsc::unbounded_channel();
        tokio::spawn(state::State::new(queue.downgrade()).run(messages));
        Self { queue }
    }

    /// What was agreed on in `initialize`, and whether the editor's notifications can overtake each other; before the first document is opened.
    pub fn set_editor(&self, encoding: Encoding, overtaking: bool) {
        self.push(Message::Editor { encoding, overtaking });
    }

    /// `textDocument/didOpen`.
    pub fn did_open(&self, params: DidOpenTextDocumentParams) {
        self.push(Message::Open(params));
    }

    /// `textDocument/didChange`.
    pub fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.push(Message::Change(params));
    }

    /// `textDocument/didClose`.
    pub fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.push(Message::Close(params));
    }

    /// `textDocument/didSave`.
    pub fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.push(Message::Save(params));
    }

    /// The document, if it is open under this very name.
    pub async fn get(&self, key: &DocKey) -> Option<OpenDocument> {
        self.ask(|reply| Message::Get(key.clone(), reply)).await.flatten()
    }

    /// The document, if it is open under any name: another spelling, or through a symbolic link.
    pub async fn find(&self, key: &DocKey) -> Option<OpenDocument> {
        if let Some(document) = self.get(key).await {
            return Some(document);
        }
        let canonical = tokio::fs::canonicalize(key.path()?).await.ok()?;
        self.ask(|reply| Message::GetCanonical(canonical, reply)).await.flatten()
    }

    /// All open documents, in the order of their names.
    pub async fn all(&self) -> Vec<OpenDocument> {
        self.ask(Message::All).await.unwrap_or_default()
    }

    /// All that happens from now on. Who does not read must drop the receiver.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<DocEvent> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.push(Message::Subscribe(sender));
        receiver
    }

    fn push(&self, message: Message) {
        // The task ends only after the last handle, or by a panic that was reported already.
        if self.queue.send(message).is_err() {
            tracing::error!("the task that owns the documents has ended");
        }
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.push(message(reply));
        answer.await.ok()
    }
}

#[cfg(test)]
mod tests;
