//! What language servers say of the changes of one session.
//!
//! Owns what was known before the turn, what the model was told last, and when servers are given which text. Must not know how a server is run, nor decide what
//! the turn does with what is said.
//!
//! **Invariant:** what is told is the difference to what stood there before the turn's first change, and only where both are known; where one is not, that is said. The way
//! of an edit into the editor waits for a server only to be tried out, and no longer than a second.

mod compare;
mod disk;
mod editor;
mod hands;
mod preflight;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use config::Config;
use lsp_client::{Disk, Document, EditorSays, FileChange, Limits, Pool, Report, Servers};
use ropey::Rope;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tools::{Diagnostics, Proposed};
use workspace::{Applied, Content, DocKey, Origin, Route, Snapshot, Workspace};

use compare::{Seen, Told};
use editor::Editor;

/// How long a call waits for servers: half of it for what stood there before.
const BUDGET: Duration = Duration::from_secs(4);
/// How long the end of a turn waits for them.
const LAST_LOOK: Duration = Duration::from_secs(4);
/// Open documents of the user that servers are given beside those that the agent looks at.
const OPEN: usize = 20;

/// The project's language servers: made when the first document that one might take is looked at.
pub struct Siblings {
    section: Option<Value>,
    /// Whether changes are tried out first: where that is quick, if the user does not say.
    preflight: Option<bool>,
    directory: PathBuf,
    /// Where servers are written down that editors share.
    shared: PathBuf,
    pool: OnceLock<Pool>,
    /// What the editor itself says.
    editor: Arc<EditorSays>,
    disk: tokio::sync::Mutex<disk::Disk>,
    /// Whether there may be one at all.
    outlook: OnceLock<bool>,
}

impl Siblings {
    /// As `config` says, for the project in this folder. `shared` is where servers are written down that editors share. Starts and reads nothing.
    #[must_use]
    pub fn new(config: &Config, directory: PathBuf, shared: PathBuf, editor: Arc<EditorSays>) -> Self {
        let section = config.other.get("lsp").cloned();
        let (pool, outlook) = (OnceLock::new(), OnceLock::new());
        Self { section, preflight: config.preflight, directory, shared, pool, editor, disk: tokio::sync::Mutex::default(), outlook }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        self.pool.get_or_init(|| {
            let (servers, problems) = Servers::configured(self.section.as_ref());
            for problem in problems {
                tracing::warn!("{problem}");
            }
            Pool::sharing(servers, self.directory.clone(), Limits::default(), self.shared.clone())
        })
    }

    /// Something else told that files have changed on the disk.
    pub fn disk_changed(&self, changes: &[(PathBuf, FileChange)]) {
        if let Some(pool) = self.pool.get() {
            pool.disk_changed(changes);
        }
    }

    /// What has happened to the project's files since the last look, besides what is known already.
    async fn look_at_disk(&self, known: &[(PathBuf, FileChange)]) -> Vec<(PathBuf, FileChange)> {
        if self.pool.get().is_none_or(Pool::is_empty) {
            return Vec::new();
        }
        let mut changes = self.disk.lock().await.look(&self.directory).await;
        changes.retain(|(path, _)| !known.iter().any(|(other, _)| other == path));
        changes
    }

    /// Whether a server may look at this project, as it was when that was first asked: what the model is offered does not change amid a session.
    #[must_use]
    pub fn have_outlook(&self) -> bool {
        *self.outlook.get_or_init(|| self.pool().has_outlook())
    }

    /// Ends all servers; after `limit` without ceremony.
    pub async fn stop(&self, limit: Duration) {
        if let Some(pool) = self.pool.get() {
            pool.shut_down(limit).await;
        }
    }
}

/// One session's view.
pub struct Eyes {
    siblings: Arc<Siblings>,
    workspace: Arc<dyn Workspace>,
    me: Weak<Self>,
    /// What was looked at and is not given to servers yet, with what the editor said of it then.
    looked: Mutex<Vec<(Snapshot, Option<Seen>)>>,
    work: tokio::sync::Mutex<Work>,
}

/// A server of one root.
type Server = (Arc<str>, PathBuf);

/// What a session knows within a turn.
#[derive(Default)]
struct Work {
    /// What this session gave to servers.
    given: HashSet<DocKey>,
    /// Documents of which it was found out what stood there before.
    based: HashSet<DocKey>,
    /// Documents that did not exist before.
    created: HashSet<DocKey>,
    /// Servers of which it is known what they said of all files before.
    ready: HashSet<Server>,
    before: HashMap<(Server, DocKey), Seen>,
    /// What was told last.
    last: HashMap<(Server, DocKey), Seen>,
    /// What this session changed.
    touched: Vec<DocKey>,
    /// Open documents that it changed, of which nobody was known who might speak: the editor may yet show what others say of them.
    unwatched: Vec<DocKey>,
    /// Changes that the model was asked to think over.
    refused: HashSet<preflight::Name>,
}

impl Work {
    /// Notes which of the changed documents the editor shows, while nobody looks at them.
    fn leave_unwatched(&mut self, changes: &[Applied]) {
        for change in changes.iter().filter(|change| change.route == Route::Editor) {
            if !self.touched.contains(&change.key) && !self.unwatched.contains(&change.key) {
                self.unwatched.push(change.key.clone());
            }
        }
    }
}

impl Eyes {
    /// Of a session.
    #[must_use]
    pub fn new(siblings: Arc<Siblings>, workspace: Arc<dyn Workspace>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self { siblings, workspace, me: me.clone(), looked: Mutex::default(), work: tokio::sync::Mutex::default() })
    }

    /// What is still broken by the changes of this turn, in words for the model; none if that is nothing, or nobody looks.
    pub async fn last_look(&self, cancel: &CancellationToken) -> Option<String> {
        let mut work = self.work.lock().await;
        let spoken_of = |key: &mut DocKey| self.siblings.editor.may_speak_of(key);
        let late: Vec<DocKey> = work.unwatched.extract_if(.., spoken_of).collect();
        work.touched.extend(late);
        let touched = work.touched.clone();
        if touched.is_empty() {
            return None;
        }
        self.siblings.disk_changed(&self.siblings.look_at_disk(&[]).await);
        self.refresh(&mut work, &[]).await;
        let (told, reports) = self.look(&mut work, &touched, Instant::now(), LAST_LOOK, cancel).await;
        let words = told.words(&reports, &self.siblings.directory);
        (told.errors() > 0 && !words.is_empty()).then_some(words)
    }

    /// What is to be told of documents, once those who look at them have seen them, and by whom. `since` is when they were changed.
    async fn look(
        &self,
        work: &mut Work,
        documents: &[DocKey],
        since: Instant,
        budget: Duration,
        cancel: &CancellationToken,
    ) -> (Told, Vec<Report>) {
        let (mut reports, mut editor) = self.see(documents, since, budget, cancel).await;
        let told = compare::look(work, &self.siblings.pool().known(), &reports, documents, &editor);
        reports.append(&mut editor.reports);
        (told, reports)
    }

    /// What servers and the editor say of documents, waiting for both at once.
    async fn see(&self, documents: &[DocKey], since: Instant, budget: Duration, cancel: &CancellationToken) -> (Vec<Report>, Editor) {
        let begun = Instant::now();
        let settled = async {
            tokio::select! {
                settled = self.editor_settles(documents, since) => settled,
                () = cancel.cancelled() => Vec::new(),
            }
        };
        let (reports, settled) = tokio::join!(self.siblings.pool().wait(documents, budget, cancel), settled);
        (reports, self.ask_editor(documents, &settled, begun.elapsed()).await)
    }

    /// Whether somebody looks at what this turn has changed, or may before it ends.
    pub async fn are_looking(&self) -> bool {
        let work = self.work.lock().await;
        !(work.touched.is_empty() && work.unwatched.is_empty())
    }

    /// Whether there may be somebody to look at these changes. Reads nothing.
    #[must_use]
    pub fn may_look(&self, changes: &[Applied]) -> bool {
        changes.iter().any(|change| change.route == Route::Editor || self.is_looked_at(&change.key)) || !self.siblings.pool().is_empty()
    }

    fn is_looked_at(&self, key: &DocKey) -> bool {
        self.siblings.pool().may_serve(key) || self.siblings.editor.may_speak_of(key)
    }

    /// The turn is over: servers need not hold its documents any more, and the next one begins anew.
    pub fn close(&self) {
        let Some(me) = self.me.upgrade() else { return };
        tokio::spawn(async move {
            let mut work = me.work.lock().await;
            me.looked.lock().unwrap_or_else(PoisonError::into_inner).clear();
            let work = std::mem::take(&mut *work);
            if !work.given.is_empty() {
                me.siblings.pool().close(&work.given);
            }
        });
    }

    /// Gives servers what was looked at.
    async fn get_ready(&self, work: &mut Work) {
        let looked = std::mem::take(&mut *self.looked.lock().unwrap_or_else(PoisonError::into_inner));
        let pool = self.siblings.pool();
        for (snapshot, seen) in looked {
            if let Some(seen) = seen {
                // What it was before the turn's first change.
                work.before.entry((editor::name(), snapshot.key.clone())).or_insert(seen);
            }
            let first = work.given.is_empty();
            if give(pool, &snapshot) {
                work.given.insert(snapshot.key.clone());
                if first {
                    // Whoever wrote since the turn before.
                    self.siblings.disk_changed(&self.siblings.look_at_disk(&[]).await);
                    self.give_open(work, &snapshot.key).await;
                }
            }
        }
    }

    /// Many servers look at open documents only: those of the user's, in the same language, are theirs, too.
    async fn give_open(&self, work: &mut Work, like: &DocKey) {
        let extension = |key: &DocKey| key.path().and_then(|path| path.extension()).map(ToOwned::to_owned);
        let alike = extension(like);
        let open = self.workspace.open_documents().await;
        for snapshot in open.into_iter().filter(|snapshot| extension(&snapshot.key) == alike).take(OPEN) {
            if snapshot.key != *like && give(self.siblings.pool(), &snapshot) {
                work.given.insert(snapshot.key);
            }
        }
    }

    /// Gives servers the texts as they are now: the user types, and commands write.
    async fn refresh(&self, work: &mut Work, but: &[DocKey]) {
        let given: Vec<DocKey> = work.given.iter().filter(|key| !but.contains(key)).cloned().collect();
        for key in given {
            if let Ok(snapshot) = self.workspace.read(&key).await {
                give(self.siblings.pool(), &snapshot);
            }
        }
    }

    /// Finds out what was said of documents before they were changed.
    async fn take_base(&self, work: &mut Work, changes: &[&Applied], cancel: &CancellationToken) {
        let pool = self.siblings.pool();
        let mut asked: HashMap<DocKey, Rope> = HashMap::new();
        for change in changes {
            if !work.based.insert(change.key.clone()) {
                continue;
            }
            match text(change.before.as_ref()) {
                Some(text) => {
                    let disk = if change.route == Route::Disk { Disk::Same } else { Disk::Differs };
                    if pool.give(&document(&change.key, text.clone(), disk)) {
                        work.given.insert(change.key.clone());
                        asked.insert(change.key.clone(), text);
                    }
                }
                None => drop(work.created.insert(change.key.clone())),
            }
        }
        let keys: Vec<DocKey> = asked.keys().cloned().collect();
        let reports = pool.wait(&keys, BUDGET / 2, cancel).await;
        let known = pool.known();
        for report in reports.into_iter().filter(|report| report.state.is_fresh()) {
            let server = (Arc::clone(&report.server), report.root.clone());
            if work.ready.insert(server.clone()) {
                let of_server = known.iter().find(|one| one.server == server.0 && one.root == server.1);
                for file in of_server.into_iter().flat_map(|one| &one.files) {
                    let seen = Seen { items: Arc::clone(&file.items), text: file.text.clone() };
                    work.before.insert((server.clone(), file.key.clone()), seen);
                }
            }
            let seen = Seen { items: report.items, text: asked.get(&report.key).cloned() };
            work.before.insert((server, report.key), seen);
        }
    }
}

/// Nobody looks.
pub struct Blind;

#[async_trait]
impl Diagnostics for Blind {
    fn looked_at(&self, _: &Snapshot) {}

    async fn preflight(&self, _: &[Proposed<'_>], _: &CancellationToken) -> Option<String> {
        None
    }

    async fn changed(&self, _: &[Applied], _: &CancellationToken) -> String {
        String::new()
    }
}

#[async_trait]
impl Diagnostics for Eyes {
    fn looked_at(&self, snapshot: &Snapshot) {
        let seen = self.shown(snapshot).map(|(seen, _)| seen);
        if !self.siblings.pool().may_serve(&snapshot.key) && seen.is_none() {
            return;
        }
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).push((snapshot.clone(), seen));
        if let Some(me) = self.me.upgrade() {
            tokio::spawn(async move {
                let mut work = me.work.lock().await;
                me.get_ready(&mut work).await;
            });
        }
    }

    async fn preflight(&self, changes: &[Proposed<'_>], cancel: &CancellationToken) -> Option<String> {
        if self.siblings.preflight == Some(false) || self.siblings.pool().is_empty() {
            return None;
        }
        tokio::select! {
            refused = self.try_out(changes) => refused,
            // The change itself will say that it is cancelled.
            () = cancel.cancelled() => None,
        }
    }

    async fn changed(&self, changes: &[Applied], cancel: &CancellationToken) -> String {
        let pool = self.siblings.pool();
        let looked_at: Vec<&Applied> = changes.iter().filter(|change| self.is_looked_at(&change.key)).collect();
        let on_disk = on_disk(changes);
        if looked_at.is_empty() {
            // Such as a manifest: no server opens it, but some watch it.
            pool.disk_changed(&on_disk);
            self.work.lock().await.leave_unwatched(changes);
            return String::new();
        }
        let begun = Instant::now();
        let mut work = self.work.lock().await;
        self.get_ready(&mut work).await;
        let base = self.take_base(&mut work, &looked_at, cancel);
        let (more_on_disk, ()) = tokio::join!(self.siblings.look_at_disk(&on_disk), base);
        pool.disk_changed(&[on_disk, more_on_disk].concat());
        let mut keys: Vec<DocKey> = Vec::new();
        for change in looked_at {
            let disk = if change.route == Route::Disk { Disk::Written } else { Disk::Differs };
            let Some(text) = text(change.after.as_ref()) else { continue };
            let given = pool.give(&document(&change.key, text, disk));
            if given {
                work.given.insert(change.key.clone());
            }
            if (given || self.siblings.editor.may_speak_of(&change.key)) && !keys.contains(&change.key) {
                keys.push(change.key.clone());
            }
        }
        let new: Vec<DocKey> = keys.iter().filter(|key| !work.touched.contains(key)).cloned().collect();
        work.touched.extend(new);
        work.leave_unwatched(changes);
        self.refresh(&mut work, &keys).await;
        let budget = BUDGET.saturating_sub(begun.elapsed()).max(BUDGET / 2);
        let (told, reports) = self.look(&mut work, &keys, begun, budget, cancel).await;
        told.words(&reports, &self.siblings.directory)
    }
}

fn give(pool: &Pool, snapshot: &Snapshot) -> bool {
    pool.give(&document(&snapshot.key, snapshot.text.clone(), seen_on_disk(snapshot)))
}

fn seen_on_disk(snapshot: &Snapshot) -> Disk {
    match snapshot.origin {
        Origin::Buffer { dirty: true, .. } => Disk::Differs,
        Origin::Buffer { dirty: false, .. } | Origin::Disk { .. } => Disk::Same,
    }
}

fn document(key: &DocKey, text: Rope, disk: Disk) -> Document {
    let language = key.path().map_or("", Servers::language).into();
    Document { key: key.clone(), text, language, disk }
}

fn text(content: Option<&Content>) -> Option<Rope> {
    content.and_then(Content::as_text).map(Rope::from_str)
}

/// What the changes were for those who watch the disk.
fn on_disk(changes: &[Applied]) -> Vec<(PathBuf, FileChange)> {
    let changes = changes.iter().filter(|change| change.route == Route::Disk || change.after.is_none());
    let what = |change: &Applied| match (&change.before, &change.after) {
        (None, _) => FileChange::Created,
        (Some(_), None) => FileChange::Deleted,
        (Some(_), Some(_)) => FileChange::Changed,
    };
    changes.filter_map(|change| Some((change.key.path()?.to_owned(), what(change)))).collect()
}
