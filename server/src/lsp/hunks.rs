//! Review of what the agent changed: marks that follow the text until they are accepted or rejected, over restarts too.
//!
//! Owns the one task that holds the hunks of the open documents, and their diagnostics. Those of other files are only in the store. Must not make
//! edits: it says what would take hunks back.
//!
//! **Invariant:** nothing is loaded before a document is opened that has hunks, or a turn changes something; the chat never has any.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use engine::Recorded;
use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString};
use ropey::Rope;
use tokio::sync::{mpsc, oneshot};
use workspace::{Applied, Change, ChangeKind, DocKey, Hunk, Stamp, TextEdit, hash_rope};

use crate::lsp::board::{Board, List, Source};
use crate::lsp::documents::{DocEvent, Documents};
use crate::lsp::folders::Folders;
use crate::lsp::marks::SOURCE;
use crate::lsp::positions::{self, Encoding};
use kept::Kept;
use listing::Listed;

pub mod commands;
mod kept;
pub mod listing;

/// A handle. Cheap to clone.
#[derive(Clone)]
pub struct Hunks {
    orders: mpsc::UnboundedSender<Order>,
}

/// Which hunks.
#[derive(Clone, Debug)]
pub enum Which {
    /// That one.
    Id(String),
    /// The one where the editor asked for code actions last, or the only one.
    Here,
    /// Those of a document, of a turn, of both; without either those of the document where the editor asked last, else all.
    Of {
        /// The document.
        key: Option<DocKey>,
        /// The turn.
        turn: Option<String>,
    },
}

/// What takes hunks back.
#[derive(Debug, Default)]
pub struct Rejection {
    /// To be applied together.
    pub changes: Vec<Change>,
    /// What is then reviewed.
    pub hunks: Vec<(DocKey, HashSet<u64>)>,
    /// Lines that the user changed and that stay: document, first, last, 1 for the first line.
    pub kept: Vec<(DocKey, usize, usize)>,
}

enum Order {
    /// A turn's changes come from here.
    Connect(mpsc::UnboundedReceiver<Recorded>),
    At(DocKey, (usize, usize), oneshot::Sender<Vec<String>>),
    List(Which, oneshot::Sender<Vec<Listed>>),
    Accept(Which, oneshot::Sender<usize>),
    Reject(Which, oneshot::Sender<Rejection>),
    Reviewed(Vec<(DocKey, HashSet<u64>)>),
}

/// Where hunks are shown and kept.
pub struct Places {
    /// The diagnostics.
    pub board: Board,
    /// How positions count.
    pub encoding: Encoding,
    /// Our plugin shows them: it is told the lines that are gone.
    pub plugin: bool,
    /// The store's file. It may not exist yet.
    pub store: PathBuf,
    /// The project's folders.
    pub folders: Folders,
    /// The chat, which is nobody's to review.
    pub chat: DocKey,
}

impl Hunks {
    /// Starts the task.
    #[must_use]
    pub fn start(documents: Documents, places: Places) -> Self {
        let (orders, queue) = mpsc::unbounded_channel();
        let events = documents.subscribe();
        let kept = Kept::new(places.store);
        let (board, encoding, plugin, folders, chat) = (places.board, places.encoding, places.plugin, places.folders, places.chat);
        let (recorded, docs, moved) = (None, HashMap::new(), BTreeSet::new());
        let reviewer =
            Reviewer { documents, board, encoding, plugin, folders, chat, events, recorded, kept, docs, moved, serial: 0, seen: None };
        tokio::spawn(reviewer.run(queue));
        Self { orders }
    }

    /// What the turns change comes from here.
    pub fn connect(&self, changes: mpsc::UnboundedReceiver<Recorded>) {
        self.order(Order::Connect(changes));
    }

    /// The hunks on these lines of a document, by their ids. The place counts as where the user is.
    pub async fn at(&self, key: &DocKey, lines: (usize, usize)) -> Vec<String> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::At(key.clone(), lines, reply));
        answer.await.unwrap_or_default()
    }

    /// The documents with such hunks, each with its text as it would be without them.
    pub async fn list(&self, which: Which) -> Vec<Listed> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::List(which, reply));
        answer.await.unwrap_or_default()
    }

    /// Accepts hunks: how many there were.
    pub async fn accept(&self, which: Which) -> usize {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Accept(which, reply));
        answer.await.unwrap_or_default()
    }

    /// What rejects hunks. They stay until `reviewed` is told.
    pub async fn reject(&self, which: Which) -> Rejection {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Reject(which, reply));
        answer.await.unwrap_or_default()
    }

    /// A rejection was carried out.
    pub fn reviewed(&self, hunks: Vec<(DocKey, HashSet<u64>)>) {
        self.order(Order::Reviewed(hunks));
    }

    fn order(&self, order: Order) {
        // The task is gone only at the process' end.
        let _ = self.orders.send(order);
    }
}

/// An open document with hunks.
struct Doc {
    serial: u64,
    version: i32,
    hunks: workspace::Hunks,
}

struct Reviewer {
    documents: Documents,
    board: Board,
    encoding: Encoding,
    plugin: bool,
    folders: Folders,
    chat: DocKey,
    events: mpsc::UnboundedReceiver<DocEvent>,
    recorded: Option<mpsc::UnboundedReceiver<Recorded>>,
    kept: Kept,
    docs: HashMap<DocKey, Doc>,
    /// Documents whose marks may have to be shown anew.
    moved: BTreeSet<DocKey>,
    serial: u64,
    seen: Option<(DocKey, (usize, usize))>,
}

impl Reviewer {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        for document in self.documents.all().await {
            self.opened(document.key).await;
        }
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some(order) = order else { return };
                    self.catch_up().await;
                    self.carry_out(order).await;
                }
                recorded = next(&mut self.recorded) => {
                    self.catch_up().await;
                    for applied in recorded.changes.iter() {
                        self.record(recorded.turn.as_str(), applied).await;
                    }
                }
                Some(event) = self.events.recv() => self.follow(event).await,
            }
            // A burst of keystrokes is shown once.
            if self.events.is_empty() {
                self.show().await;
            }
        }
    }

    /// Follows all that has happened to the documents before now.
    async fn catch_up(&mut self) {
        // Whoever gets an answer from the documents sees what was told to them before; so its events are there.
        let _ = self.documents.get(&self.chat).await;
        while let Ok(event) = self.events.try_recv() {
            self.follow(event).await;
        }
    }

    async fn follow(&mut self, event: DocEvent) {
        match event {
            DocEvent::Changed { key, version, edits, text, .. } => {
                // What was opened or recorded meanwhile holds it already.
                let Some(doc) = self.docs.get_mut(&key).filter(|doc| doc.version < version) else { return };
                doc.version = version;
                doc.hunks.changed(&edits, text);
                self.moved.insert(key);
            }
            DocEvent::Opened { key } => self.opened(key).await,
            DocEvent::Closed { key } => {
                if self.docs.remove(&key).is_some() {
                    self.moved.insert(key);
                }
            }
            DocEvent::Saved { .. } => {}
        }
    }

    /// Brings the hunks of a document back that was opened.
    async fn opened(&mut self, key: DocKey) {
        self.docs.remove(&key);
        let Some(mut hunks) = self.kept.load(&key).await else { return };
        let Some(document) = self.documents.get(&key).await else { return };
        hunks.became(document.text);
        hunks.accept(|hunk| hunk.hidden);
        if hunks.all().is_empty() {
            self.kept.save(&key, &hunks).await;
            return;
        }
        self.insert(key, document.version, hunks);
    }

    fn insert(&mut self, key: DocKey, version: i32, hunks: workspace::Hunks) {
        self.serial += 1;
        self.moved.insert(key.clone());
        self.docs.insert(key, Doc { serial: self.serial, version, hunks });
    }

    /// What a turn has made of a document.
    async fn record(&mut self, turn: &str, applied: &Applied) {
        let open = self.documents.find(&applied.key).await;
        let key = open.as_ref().map_or(&applied.key, |document| &document.key).clone();
        if key == self.chat || key.path().is_some_and(|path| path.components().any(|part| part.as_os_str() == ".interline")) {
            return;
        }
        let Some(after) = &applied.after else {
            // A file that is gone has no lines to review; undo brings it back.
            if open.is_none() {
                self.kept.save(&key, &workspace::Hunks::default()).await;
            }
            return;
        };
        let made = applied.before.is_none();
        let before = applied.before.as_ref().map_or(Some(""), |before| before.as_text());
        let (Some(before), Some(after)) = (before, after.as_text()) else { return };
        if before == after {
            return;
        }
        let (before, after) = (Rope::from_str(before), Rope::from_str(after));
        let add = |hunks: &mut workspace::Hunks| if made { hunks.created(turn, &after) } else { hunks.recorded(turn, &before, &after) };
        match open {
            Some(document) => {
                if !self.docs.contains_key(&key) {
                    self.insert(key.clone(), document.version, workspace::Hunks::new(document.text));
                }
                let Some(doc) = self.docs.get_mut(&key) else { return };
                add(&mut doc.hunks);
                self.moved.insert(key.clone());
                self.kept.save(&key, &doc.hunks).await;
            }
            None => {
                let mut hunks = self.kept.load(&key).await.unwrap_or_else(|| workspace::Hunks::new(before.clone()));
                hunks.became(after.clone());
                add(&mut hunks);
                self.kept.save(&key, &hunks).await;
            }
        }
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Connect(changes) => self.recorded = Some(changes),
            Order::At(key, lines, reply) => {
                self.seen = Some((key.clone(), lines));
                // The one who asked may be gone.
                let _ = reply.send(self.at(&key, lines));
            }
            Order::List(which, reply) => {
                let mut found = Vec::new();
                for (key, hunks) in self.chosen(&which).await {
                    let ids = self.ids(&which, &key, &hunks, false);
                    let serial = self.docs.get(&key).map(|doc| doc.serial);
                    found.extend(listing::listed(key, &hunks, &ids, serial, self.encoding));
                }
                found.sort_by(|a, b| a.key.cmp(&b.key));
                // The one who asked may be gone.
                let _ = reply.send(found);
            }
            Order::Accept(which, reply) => {
                let mut count = 0;
                for (key, mut hunks) in self.chosen(&which).await {
                    let ids = self.ids(&which, &key, &hunks, true);
                    count += hunks.shown().filter(|hunk| ids.contains(&hunk.id)).count();
                    self.review(&key, &mut hunks, &ids).await;
                }
                let _ = reply.send(count);
            }
            Order::Reject(which, reply) => {
                let _ = reply.send(self.rejection(&which).await);
            }
            Order::Reviewed(reviewed) => {
                for (key, ids) in reviewed {
                    let mut hunks = match self.docs.get(&key) {
                        Some(doc) => doc.hunks.clone(),
                        None => self.kept.load(&key).await.unwrap_or_default(),
                    };
                    self.review(&key, &mut hunks, &ids).await;
                }
            }
        }
    }

    /// Takes reviewed hunks out.
    async fn review(&mut self, key: &DocKey, hunks: &mut workspace::Hunks, ids: &HashSet<u64>) {
        if hunks.accept(|hunk| ids.contains(&hunk.id)) == 0 {
            return;
        }
        self.kept.save(key, hunks).await;
        if let Some(doc) = self.docs.get_mut(key) {
            doc.hunks = hunks.clone();
            self.moved.insert(key.clone());
        }
    }

    fn at(&self, key: &DocKey, lines: (usize, usize)) -> Vec<String> {
        let Some(doc) = self.docs.get(key) else { return Vec::new() };
        let here = |hunk: &&Hunk| {
            let (first, last) = doc.hunks.lines(hunk);
            // Where lines are gone, the line before it is as near as the one behind it.
            first.saturating_sub(usize::from(hunk.range.is_empty())) <= lines.1 && last >= lines.0
        };
        doc.hunks.shown().filter(here).map(|hunk| id(doc.serial, hunk)).collect()
    }

    /// The documents that may have such hunks, with all that they have.
    async fn chosen(&mut self, which: &Which) -> Vec<(DocKey, workspace::Hunks)> {
        let open = |key: &DocKey| self.docs.get(key).map(|doc| (key.clone(), doc.hunks.clone()));
        let shows = |key: &&DocKey| self.docs.get(*key).is_some_and(|doc| doc.hunks.shown().next().is_some());
        match which {
            Which::Id(_) | Which::Here => self.docs.keys().filter_map(open).collect(),
            Which::Of { key: Some(key), .. } => {
                let found = self.documents.find(key).await.map_or_else(|| key.clone(), |document| document.key);
                match self.docs.get(&found) {
                    Some(doc) => vec![(found, doc.hunks.clone())],
                    None => self.closed(&[found]).await,
                }
            }
            Which::Of { key: None, turn: None } if self.seen.as_ref().map(|(key, _)| key).filter(shows).is_some() => {
                self.seen.iter().filter_map(|(key, _)| open(key)).collect()
            }
            Which::Of { key: None, .. } => {
                let mut all: Vec<_> = self.docs.keys().filter_map(open).collect();
                let folders = self.folders.all();
                let inside = |key: &DocKey| key.path().is_some_and(|path| folders.iter().any(|root| path.starts_with(root)));
                let others: Vec<_> = self.kept.keys().await.into_iter().filter(|key| !self.docs.contains_key(key) && inside(key)).collect();
                all.extend(self.closed(&others).await);
                all
            }
        }
    }

    /// The hunks of files that are not open, in the text that the disk has.
    async fn closed(&mut self, keys: &[DocKey]) -> Vec<(DocKey, workspace::Hunks)> {
        let mut found = Vec::new();
        for key in keys {
            let Some(mut hunks) = self.kept.load(key).await else { continue };
            let name = key.clone();
            // A file that is gone or no text any more has nothing to review.
            if let Ok(Ok(snapshot)) = tokio::task::spawn_blocking(move || workspace::read_from_disk(&name)).await {
                hunks.became(snapshot.text);
                found.push((key.clone(), hunks));
            }
        }
        found
    }

    /// Which of a document's hunks are meant; with `all` also those that are not shown now.
    fn ids(&self, which: &Which, key: &DocKey, hunks: &workspace::Hunks, all: bool) -> HashSet<u64> {
        let wanted: Vec<String> = match which {
            Which::Id(id) => vec![id.clone()],
            Which::Here => self.here(),
            Which::Of { turn, .. } => {
                let meant = |hunk: &&Hunk| (all || !hunk.hidden) && turn.as_ref().is_none_or(|turn| *turn == hunk.turn);
                return hunks.all().iter().filter(meant).map(|hunk| hunk.id).collect();
            }
        };
        let Some(doc) = self.docs.get(key) else { return HashSet::new() };
        hunks.shown().filter(|hunk| wanted.contains(&id(doc.serial, hunk))).map(|hunk| hunk.id).collect()
    }

    /// The hunks where the user is: on the lines that the editor named last, else the only one that there is.
    fn here(&self) -> Vec<String> {
        let seen = self.seen.as_ref().map(|(key, lines)| self.at(key, *lines)).unwrap_or_default();
        if !seen.is_empty() {
            return seen;
        }
        let all: Vec<_> = self.docs.values().flat_map(|doc| doc.hunks.shown().map(|hunk| id(doc.serial, hunk))).collect();
        if all.len() == 1 { all } else { Vec::new() }
    }

    async fn rejection(&mut self, which: &Which) -> Rejection {
        let mut out = Rejection::default();
        for (key, hunks) in self.chosen(which).await {
            let ids = self.ids(which, &key, &hunks, false);
            if ids.is_empty() {
                continue;
            }
            let rejection = hunks.reject(|hunk| ids.contains(&hunk.id));
            out.kept.extend(rejection.kept.into_iter().map(|lines| (key.clone(), lines.start + 1, lines.end)));
            let version = self.docs.get(&key).map(|doc| doc.version);
            if version.is_none() && hunks.is_only(|hunk| ids.contains(&hunk.id)) {
                let stamp = Stamp { version, hash: hash_rope(hunks.text()) };
                out.changes.push(Change { key: key.clone(), kind: ChangeKind::Delete { stamp } });
            } else if !rejection.edits.is_empty() {
                out.changes.push(edit(&key, hunks.text(), version, rejection.edits));
            }
            out.hunks.push((key, ids));
        }
        out
    }

    async fn show(&mut self) {
        for key in std::mem::take(&mut self.moved) {
            let list = self.docs.get(&key).map_or_else(List::default, |doc| {
                List::of(doc.hunks.shown().map(|hunk| diagnostic(doc, hunk, self.encoding, self.plugin)))
            });
            self.board.put(Source::Hunks, &key, list).await;
        }
    }
}

/// What comes next from there; nothing ever, where there is nobody.
async fn next(from: &mut Option<mpsc::UnboundedReceiver<Recorded>>) -> Recorded {
    if let Some(receiver) = from
        && let Some(recorded) = receiver.recv().await
    {
        return recorded;
    }
    *from = None;
    std::future::pending().await
}

fn edit(key: &DocKey, base: &Rope, version: Option<i32>, edits: Vec<TextEdit>) -> Change {
    let stamp = Stamp { version, hash: hash_rope(base) };
    Change { key: key.clone(), kind: ChangeKind::Edit { base: base.clone(), stamp, edits } }
}

fn id(serial: u64, hunk: &Hunk) -> String {
    format!("{serial}.{}", hunk.id)
}

/// Where a hunk is marked. Its last line's end belongs to it, but a mark there would reach into the next line.
fn mark_range(text: &Rope, hunk: &Hunk) -> std::ops::Range<usize> {
    let now = text.get_byte_slice(hunk.range.clone()).map(|slice| slice.to_string()).unwrap_or_default();
    hunk.range.start..hunk.range.start + now.trim_end_matches(['\r', '\n']).len()
}

fn diagnostic(doc: &Doc, hunk: &Hunk, encoding: Encoding, plugin: bool) -> Diagnostic {
    let text = doc.hunks.text();
    let now = text.get_byte_slice(hunk.range.clone()).map(|slice| slice.to_string()).unwrap_or_default();
    let range = mark_range(text, hunk);
    let (added, removed) = (now.lines().count(), hunk.old.lines().count());
    let mut data = serde_json::json!({"id": id(doc.serial, hunk), "turn": hunk.turn});
    if plugin {
        let (first, last) = doc.hunks.lines(hunk);
        // Zero-based, the end excluded; of lines that are gone both are where they stood.
        data["lines"] = [first, if hunk.range.is_empty() { first } else { last + 1 }].as_slice().into();
        data["old"] = hunk.old.clone().into();
    }
    Diagnostic {
        range: positions::lsp_range(text, &range, encoding),
        severity: Some(DiagnosticSeverity::HINT),
        code: Some(NumberOrString::String("hunk".into())),
        source: Some(SOURCE.into()),
        // Short: Helix lays it over the code.
        message: format!("Interline: +{added} −{removed}"),
        data: Some(data),
        ..Diagnostic::default()
    }
}
