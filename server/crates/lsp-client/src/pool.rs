//! The servers that run: one for each kind and root, shared by all who ask.
//!
//! Owns when a server is started, started again and stopped. Must not know the protocol, nor what becomes of reports.
//!
//! **Invariant:** making a pool starts nothing. As many servers run, holding as much memory, as the limits say; one that is not used is stopped, one that crashes again and again stays
//! stopped and says so; all of them end with the pool.

mod launch;
mod outlook;
mod siblings;
mod slot;
mod sweep;
mod trial;
mod wait;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ropey::Rope;
use tokio::time::Instant;
use workspace::DocKey;

use crate::freshness::Report;
use crate::servers::Servers;
use crate::watched::FileChange;
use crate::{Diagnostic, Document};

pub(crate) use launch::{Installed, Launch};
pub use siblings::{Sibling, Siblings};
use slot::{Phase, Slot};
pub use trial::{Trial, Tried};

/// How long it counts that a program was there, or was not.
const LOOKED: Duration = Duration::from_secs(30);

/// How much a pool may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Servers that run at once.
    pub servers: usize,
    /// Bytes of memory that all of them hold together.
    pub memory: u64,
    /// A server that nobody used for so long is stopped.
    pub idle: Duration,
    /// How long a server may take to answer `initialize`.
    pub start: Duration,
    /// How long it is waited, all in all, for a server that is starting or loading its project; later waits only look.
    pub start_wait: Duration,
    /// Crashes within [`Limits::crash_time`] after which a server stays stopped.
    pub crashes: usize,
    /// See [`Limits::crashes`].
    pub crash_time: Duration,
    /// How long after a crash it is started again; twice as long after each further one.
    pub backoff: Duration,
    /// Documents that one server has open.
    pub documents: usize,
    /// How long a text may be tried out, and how quick a server must be for it.
    pub trial: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            servers: 4,
            memory: 4 << 30,
            idle: Duration::from_secs(600),
            start: Duration::from_secs(45),
            start_wait: Duration::from_secs(8),
            crashes: 3,
            crash_time: Duration::from_secs(600),
            backoff: Duration::from_millis(500),
            documents: 64,
            trial: Duration::from_secs(1),
        }
    }
}

/// One server, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its id.
    pub server: Arc<str>,
    /// Its root.
    pub root: PathBuf,
    /// What it is doing: `running`, `starting`, `stopped: …`.
    pub state: String,
    /// Documents that it has open.
    pub documents: usize,
}

/// What one running server says.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its id.
    pub server: Arc<str>,
    /// Its root.
    pub root: PathBuf,
    /// The files about which it says something, or did.
    pub files: Vec<KnownFile>,
}

/// What is said of one file.
#[derive(Clone, Debug)]
pub struct KnownFile {
    /// Which file.
    pub key: DocKey,
    /// The worst first.
    pub items: Arc<[Diagnostic]>,
    /// The text that the server was given, if the file is open there.
    pub text: Option<Rope>,
}

/// Running servers of one project. Ends them when it is dropped.
#[derive(Debug)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    servers: Servers,
    /// The project's folder.
    project: PathBuf,
    limits: Limits,
    launch: Arc<dyn Launch>,
    slots: Mutex<Slots>,
    /// Held while texts are tried out: nobody must take what is said of them for the truth.
    trials: tokio::sync::RwLock<()>,
}

#[derive(Debug, Default)]
struct Slots {
    all: HashMap<(Arc<str>, PathBuf), Arc<Slot>>,
    /// When a program was looked for, and whether it was there.
    found: HashMap<(Arc<str>, PathBuf), (Instant, bool)>,
    /// Whether somebody looks after the limits.
    swept: bool,
    closed: bool,
}

impl Pool {
    /// For the project in this folder. Starts nothing.
    #[must_use]
    pub fn new(servers: Servers, project: PathBuf, limits: Limits) -> Self {
        Self::with(servers, project, limits, Arc::new(Installed { shared: None }))
    }

    /// The same, with the servers that editors share by `interline proxy`: those are used in place of ones of our own. `folder` is [`crate::shared::folder`].
    #[must_use]
    pub fn sharing(servers: Servers, project: PathBuf, limits: Limits, folder: PathBuf) -> Self {
        Self::with(servers, project, limits, Arc::new(Installed { shared: Some(folder) }))
    }

    pub(crate) fn with(servers: Servers, project: PathBuf, limits: Limits, launch: Arc<dyn Launch>) -> Self {
        Self {
            inner: Arc::new(Inner { servers, project, limits, launch, slots: Mutex::default(), trials: tokio::sync::RwLock::default() }),
        }
    }

    /// Whether there may be a server for this document. Reads nothing, starts nothing.
    #[must_use]
    pub fn may_serve(&self, key: &DocKey) -> bool {
        key.path().is_some_and(|path| self.inner.servers.may_serve(path))
    }

    /// Whether no server was started.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.slots().all.is_empty()
    }

    /// Gives a document's text to all servers that take it, and starts those that do not run. Does not wait for any server. Looks for programs on the disk: not for a path that must be
    /// quick. Needs a tokio runtime. Returns whether there is a server.
    pub fn give(&self, document: &Document) -> bool {
        let Some(path) = document.key.path() else { return false };
        let found = self.inner.servers.of(path, &self.inner.project, |server, root| self.inner.is_there(server, root));
        for (server, root) in &found {
            let slot = self.inner.slot(server, root);
            slot.give(document, self.inner.limits.documents);
        }
        !found.is_empty()
    }

    /// Tells what happened to files on the disk. Documents that are gone are closed.
    pub fn disk_changed(&self, changes: &[(PathBuf, FileChange)]) {
        for slot in self.inner.all() {
            for (path, _) in changes.iter().filter(|(_, change)| *change == FileChange::Deleted) {
                slot.close(&DocKey::file(path));
            }
            if let Phase::Running(client) = slot.phase() {
                client.disk_changed(changes);
            }
        }
    }

    /// Takes documents away.
    pub fn close(&self, keys: &HashSet<DocKey>) {
        for slot in self.inner.all() {
            keys.iter().for_each(|key| slot.close(key));
        }
    }

    /// All that any running server says about any file.
    #[must_use]
    pub fn known(&self) -> Vec<Known> {
        let running = self.inner.all().into_iter().filter_map(|slot| match slot.phase() {
            Phase::Running(client) => Some((slot, client)),
            _ => None,
        });
        running
            .map(|(slot, client)| {
                let ledger = client.ledger();
                let file = |key: &DocKey| KnownFile {
                    key: key.clone(),
                    items: ledger.items(key),
                    text: ledger.given(key).map(|(_, text)| text.clone()),
                };
                Known { server: Arc::clone(&slot.server.id), root: slot.root.clone(), files: ledger.files().map(file).collect() }
            })
            .collect()
    }

    /// What each server says about these documents, once all of that is fresh, or cannot become it within the time that is left. Returns at once if `cancel` is set. Documents without a
    /// server have no report.
    pub async fn wait(&self, keys: &[DocKey], budget: Duration, cancel: &tokio_util::sync::CancellationToken) -> Vec<Report> {
        let _no_trial = self.inner.trials.read().await;
        let slots = self.inner.all();
        let pairs = slots.iter().flat_map(|slot| keys.iter().filter(|key| slot.has(key)).map(move |key| (Arc::clone(slot), key.clone())));
        let start = Instant::now();
        let budget = wait::Budget { start, whole: budget, starting: self.inner.limits.start_wait };
        let waits = pairs.map(|(slot, key)| wait::one(slot, key, budget, cancel));
        futures_util::future::join_all(waits).await.into_iter().flatten().collect()
    }

    /// All servers that were started and not forgotten.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let mut all: Vec<Status> = self.inner.all().iter().map(|slot| slot.status()).collect();
        all.sort_by(|a, b| (&a.server, &a.root).cmp(&(&b.server, &b.root)));
        all
    }

    /// Ends all servers as the protocol wants it; those that have not ended within `limit` are killed. Nothing is started any more.
    pub async fn shut_down(&self, limit: Duration) {
        let slots = {
            let mut slots = self.inner.slots();
            slots.closed = true;
            std::mem::take(&mut slots.all)
        };
        let ends = futures_util::future::join_all(slots.values().map(|slot| slot.end("Interline ends")));
        if tokio::time::timeout(limit, ends).await.is_err() {
            slots.values().for_each(|slot| slot.abandon());
            futures_util::future::join_all(slots.values().map(|slot| slot.gone())).await;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Their tasks let go of the processes then, which kills them.
        for (_, slot) in self.inner.slots().all.drain() {
            slot.abandon();
        }
    }
}

impl Inner {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a server is installed, as it was a short while ago at most.
    fn is_there(&self, server: &crate::servers::Server, root: &Path) -> bool {
        let name = (Arc::clone(&server.id), root.to_owned());
        let known = self.slots().found.get(&name).filter(|(when, _)| when.elapsed() < LOOKED).map(|(_, there)| *there);
        known.unwrap_or_else(|| {
            let there = self.launch.find(server, root, &self.project).is_ok();
            self.slots().found.insert(name, (Instant::now(), there));
            there
        })
    }

    fn all(&self) -> Vec<Arc<Slot>> {
        self.slots().all.values().cloned().collect()
    }

    /// The slot of a server, which is started if it is new. The one that was used longest ago makes room.
    fn slot(self: &Arc<Self>, server: &Arc<crate::servers::Server>, root: &Path) -> Arc<Slot> {
        let mut slots = self.slots();
        let name = (Arc::clone(&server.id), root.to_owned());
        if let Some(slot) = slots.all.get(&name).filter(|slot| !slot.may_be_forgotten(self.limits.crash_time)) {
            return Arc::clone(slot);
        }
        let slot = Slot::new(Arc::clone(server), root.to_owned());
        slots.all.insert(name, Arc::clone(&slot));
        if slots.closed {
            slot.abandon();
            return slot;
        }
        for extra in sweep::too_many(&slots.all.values().cloned().collect::<Vec<_>>(), self.limits.servers) {
            slots.all.retain(|_, other| !Arc::ptr_eq(other, &extra));
            tokio::spawn(async move { extra.end("it made room for another server").await });
        }
        tokio::spawn(slot::run(Arc::clone(&slot), Arc::clone(&self.launch), self.project.clone(), self.limits));
        if !std::mem::replace(&mut slots.swept, true) {
            tokio::spawn(sweep::keep_sweeping(Arc::downgrade(self)));
        }
        slot
    }
}

#[cfg(test)]
mod tests;
