//! The task that owns the open documents.
//!
//! **Invariant:** nothing here waits for anything but the next message; the disk is looked at by a blocking thread, which answers by a message.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use lsp_types::{
    DidChangeTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams, TextDocumentContentChangeEvent, TextDocumentItem,
};
use ropey::Rope;
use tokio::sync::{mpsc, oneshot};
use workspace::{DocKey, TextEdit};

use super::early::Early;
use super::{DocEvent, Message, OpenDocument, compose, disk};
use crate::lsp::positions::{self, Encoding};

pub(super) struct State {
    queue: mpsc::WeakUnboundedSender<Message>,
    documents: BTreeMap<DocKey, Document>,
    subscribers: Vec<mpsc::UnboundedSender<DocEvent>>,
    /// Who asked for all documents while some were still being compared to the disk.
    waiting_for_all: Vec<oneshot::Sender<Vec<OpenDocument>>>,
    encoding: Encoding,
    /// The editor's notifications can overtake each other.
    overtaking: bool,
    early: Early,
    serial: u64,
}

struct Document {
    uri: Arc<str>,
    version: i32,
    text: Rope,
    language: Arc<str>,
    /// What the disk held at the time of opening or of the last save; none: it is known to differ from anything the buffer held.
    saved: Option<Rope>,
    /// Whether the text differs from `saved`; none: to be found out when somebody asks, since it costs a comparison.
    dirty: Option<bool>,
    canonical: Option<Arc<PathBuf>>,
    /// Set while a blocking thread compares it to the disk: which comparison counts, and who waits for it.
    check: Option<Check>,
}

struct Check {
    serial: u64,
    waiting: Vec<oneshot::Sender<Option<OpenDocument>>>,
}

impl State {
    pub(super) fn new(queue: mpsc::WeakUnboundedSender<Message>) -> Self {
        Self {
            queue,
            documents: BTreeMap::new(),
            subscribers: Vec::new(),
            waiting_for_all: Vec::new(),
            encoding: Encoding::default(),
            overtaking: false,
            early: Early::default(),
            serial: 0,
        }
    }

    pub(super) async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        loop {
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(message) => self.handle(message),
                    None => return,
                },
                () = self.early.over() => {
                    for change in self.early.give_up() {
                        tracing::warn!(version = change.text_document.version, "the change before this one has not come");
                        self.change(change);
                    }
                }
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Editor { encoding, overtaking } => {
                self.encoding = encoding;
                self.overtaking = overtaking;
            }
            Message::Open(params) => {
                let key = DocKey::from_uri(params.text_document.uri.as_str());
                self.open(params);
                self.change_those_held(&key);
            }
            Message::Change(params) => {
                let key = DocKey::from_uri(params.text_document.uri.as_str());
                if self.overtaking && Early::is_early(self.documents.get(&key).map(|d| d.version), &params) {
                    self.early.hold(key, params);
                } else {
                    self.change(params);
                    self.change_those_held(&key);
                }
            }
            Message::Close(params) => self.close(&DocKey::from_uri(params.text_document.uri.as_str())),
            Message::Save(params) => self.save(&params),
            Message::Checked { key, serial, found } => self.checked(&key, serial, &found),
            Message::Get(key, reply) => self.answer(&key, reply),
            Message::GetCanonical(path, reply) => {
                let key = self.documents.iter().find(|(_, d)| d.canonical.as_deref() == Some(&path)).map(|(key, _)| key.clone());
                match key {
                    Some(key) => self.answer(&key, reply),
                    None => drop(reply.send(None)),
                }
            }
            Message::All(reply) => {
                self.waiting_for_all.push(reply);
                self.answer_all();
            }
            Message::Subscribe(subscriber) => self.subscribers.push(subscriber),
        }
    }

    fn open(&mut self, params: DidOpenTextDocumentParams) {
        let TextDocumentItem { uri, language_id, version, text } = params.text_document;
        let key = DocKey::from_uri(uri.as_str());
        let text = Rope::from(text);
        self.serial += 1;
        let before = self.documents.remove(&key);
        if before.is_some() {
            tracing::warn!(%key, "opened again without a close");
        }
        let mut document = Document {
            uri: uri.as_str().into(),
            version,
            saved: None,
            dirty: Some(text.len_bytes() > 0),
            text,
            language: language_id.into(),
            canonical: None,
            check: None,
        };
        if let Some(path) = key.path() {
            let (path, text, key, serial) = (path.to_owned(), document.text.clone(), key.clone(), self.serial);
            let queue = self.queue.clone();
            document.check = Some(Check { serial, waiting: before.and_then(|d| d.check).map(|c| c.waiting).unwrap_or_default() });
            tokio::task::spawn_blocking(move || {
                let found = disk::check(&path, &text);
                if let Some(queue) = queue.upgrade() {
                    // The task has ended: nobody wants to know.
                    drop(queue.send(Message::Checked { key, serial, found }));
                }
            });
            // Until the disk is known, the text as it was opened is the best guess of what the disk holds.
            document.saved = Some(document.text.clone());
            document.dirty = Some(false);
        }
        self.documents.insert(key.clone(), document);
        self.tell(DocEvent::Opened { key });
    }

    fn change_those_held(&mut self, key: &DocKey) {
        while let Some(version) = self.documents.get(key).map(|d| d.version)
            && let Some(change) = self.early.next(key, version)
        {
            self.change(change);
        }
    }

    fn change(&mut self, params: DidChangeTextDocumentParams) {
        let key = DocKey::from_uri(params.text_document.uri.as_str());
        let Some(document) = self.documents.get_mut(&key) else {
            tracing::warn!(%key, "a change of a document that is not open");
            return;
        };
        let (mut edits, mut steps) = (Vec::new(), Vec::new());
        let whole = params.content_changes.iter().any(|change| change.range.is_none());
        for (n, change) in params.content_changes.into_iter().enumerate() {
            if n > 0 {
                steps.push(document.text.clone());
            }
            apply(&mut document.text, change, self.encoding, &mut edits);
        }
        document.version = params.text_document.version;
        document.dirty = document.saved.is_none().then_some(true);
        let (version, text) = (document.version, document.text.clone());
        self.tell(DocEvent::Changed { key, version, edits, steps, text, whole });
    }

    fn close(&mut self, key: &DocKey) {
        let Some(document) = self.documents.remove(key) else {
            tracing::warn!(%key, "a close of a document that is not open");
            return;
        };
        self.tell(DocEvent::Closed { key: key.clone() });
        for reply in document.check.into_iter().flat_map(|c| c.waiting) {
            drop(reply.send(None));
        }
        self.answer_all();
    }

    fn save(&mut self, params: &DidSaveTextDocumentParams) {
        let key = DocKey::from_uri(params.text_document.uri.as_str());
        let Some(document) = self.documents.get_mut(&key) else {
            tracing::warn!(%key, "a save of a document that is not open");
            return;
        };
        document.saved = Some(document.text.clone());
        document.dirty = Some(false);
        if document.canonical.is_none() {
            document.canonical = key.path().and_then(|path| path.canonicalize().ok()).map(Arc::new);
        }
        // What the disk held when it was opened does not matter any more.
        self.finish_check(&key);
        self.tell(DocEvent::Saved { key });
    }

    fn checked(&mut self, key: &DocKey, serial: u64, found: &disk::Found) {
        let Some(document) = self.documents.get_mut(key) else { return };
        document.canonical = found.canonical.clone().or(document.canonical.take());
        if document.check.as_ref().is_none_or(|check| check.serial != serial) {
            return;
        }
        if !found.equal {
            document.saved = None;
            document.dirty = Some(true);
        }
        self.finish_check(key);
    }

    fn finish_check(&mut self, key: &DocKey) {
        let Some(document) = self.documents.get_mut(key) else { return };
        for reply in document.check.take().into_iter().flat_map(|c| c.waiting) {
            // Whoever asked may have gone.
            drop(reply.send(Some(document.view(key))));
        }
        self.answer_all();
    }

    fn answer(&mut self, key: &DocKey, reply: oneshot::Sender<Option<OpenDocument>>) {
        match self.documents.get_mut(key) {
            Some(Document { check: Some(check), .. }) => check.waiting.push(reply),
            found => drop(reply.send(found.map(|d| d.view(key)))),
        }
    }

    fn answer_all(&mut self) {
        if self.waiting_for_all.is_empty() || self.documents.values().any(|d| d.check.is_some()) {
            return;
        }
        let all: Vec<OpenDocument> = self.documents.iter_mut().map(|(key, d)| d.view(key)).collect();
        for reply in self.waiting_for_all.drain(..) {
            drop(reply.send(all.clone()));
        }
    }

    fn tell(&mut self, event: DocEvent) {
        self.subscribers.retain(|s| s.send(event.clone()).is_ok());
    }
}

impl Document {
    fn is_dirty(&mut self) -> bool {
        *self.dirty.get_or_insert_with(|| self.saved.as_ref().is_none_or(|saved| *saved != self.text))
    }

    fn view(&mut self, key: &DocKey) -> OpenDocument {
        OpenDocument {
            key: key.clone(),
            uri: self.uri.clone(),
            version: self.version,
            text: self.text.clone(),
            language: self.language.clone(),
            dirty: self.is_dirty(),
            canonical: self.canonical.clone(),
        }
    }
}

fn apply(text: &mut Rope, change: TextDocumentContentChangeEvent, encoding: Encoding, edits: &mut Vec<TextEdit>) {
    let (range, new) = match change.range {
        Some(range) => (positions::byte_range(text, range, encoding), change.text),
        None => hull(text, &change.text),
    };
    let (Ok(start), Ok(end)) = (text.try_byte_to_char(range.start), text.try_byte_to_char(range.end)) else { return };
    // Both are inside the text and in order: `byte_range` and `hull` see to it.
    if text.try_remove(start..end).is_ok() && text.try_insert(start, &new).is_ok() {
        compose::add(edits, range, &new);
    }
}

/// The smallest replacement that makes `new` of `old`: a whole new text must not look as if every line were new.
fn hull(old: &Rope, new: &str) -> (std::ops::Range<usize>, String) {
    let mut start = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    while !new.is_char_boundary(start) {
        start -= 1;
    }
    let most = old.len_bytes().min(new.len()) - start;
    let mut end = old.bytes_at(old.len_bytes()).reversed().zip(new.bytes().rev()).take(most).take_while(|(a, b)| a == b).count();
    while !new.is_char_boundary(new.len() - end) {
        end -= 1;
    }
    (start..old.len_bytes() - end, new[start..new.len() - end].to_owned())
}
