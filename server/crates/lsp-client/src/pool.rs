//! The servers that run: one for each kind and root, shared by all who ask.
//!
//! Owns when a server is started, started again and stopped. Must not know the protocol, nor what becomes of reports.
//!
//! **Invariant:** making a pool starts nothing. As many servers run, holding as much memory, as the limits say; one that is not used is stopped, one that crashes again and again stays
//! stopped and says so; all of them end with the pool.

mod launch;
mod slot;
mod sweep;
mod wait;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use workspace::DocKey;

use crate::freshness::Report;
use crate::servers::Servers;
use crate::watched::FileChange;
use crate::{Diagnostic, Document};

pub(crate) use launch::{Installed, Launch};
use slot::{Phase, Slot};

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
    /// Crashes within [`Limits::crash_time`] after which a server stays stopped.
    pub crashes: usize,
    /// See [`Limits::crashes`].
    pub crash_time: Duration,
    /// How long after a crash it is started again; twice as long after each further one.
    pub backoff: Duration,
    /// Documents that one server has open.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            servers: 4,
            memory: 4 << 30,
            idle: Duration::from_secs(600),
            start: Duration::from_secs(45),
            crashes: 3,
            crash_time: Duration::from_secs(600),
            backoff: Duration::from_millis(500),
            documents: 64,
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
}

#[derive(Debug, Default)]
struct Slots {
    all: HashMap<(Arc<str>, PathBuf), Arc<Slot>>,
    /// Whether somebody looks after the limits.
    swept: bool,
    closed: bool,
}

impl Pool {
    /// For the project in this folder. Starts nothing.
    #[must_use]
    pub fn new(servers: Servers, project: PathBuf, limits: Limits) -> Self {
        Self::with(servers, project, limits, Arc::new(Installed))
    }

    pub(crate) fn with(servers: Servers, project: PathBuf, limits: Limits, launch: Arc<dyn Launch>) -> Self {
        Self { inner: Arc::new(Inner { servers, project, limits, launch, slots: Mutex::default() }) }
    }

    /// Whether there may be a server for this document. Reads nothing, starts nothing.
    #[must_use]
    pub fn may_serve(&self, key: &DocKey) -> bool {
        key.path().is_some_and(|path| self.inner.servers.may_serve(path))
    }

    /// Gives a document's text to all servers that take it, and starts those that do not run. Does not wait for any server. Looks for programs on the disk: not for a path that must be
    /// quick. Needs a tokio runtime. Returns whether there is a server.
    pub fn give(&self, document: &Document) -> bool {
        let Some(path) = document.key.path() else { return false };
        let found = self
            .inner
            .servers
            .of(path, &self.inner.project, |server, root| self.inner.launch.find(server, root, &self.inner.project).is_ok());
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

    /// Takes all documents away but these.
    pub fn close_all_but(&self, keep: &HashSet<DocKey>) {
        self.inner.all().iter().for_each(|slot| slot.close_all_but(keep));
    }

    /// All that any running server says about any file, with the server's id.
    #[must_use]
    pub fn known(&self) -> Vec<(Arc<str>, DocKey, Arc<[Diagnostic]>)> {
        let mut known = Vec::new();
        for slot in self.inner.all() {
            if let Phase::Running(client) = slot.phase() {
                let ledger = client.ledger();
                known.extend(ledger.files().map(|key| (Arc::clone(&slot.server.id), key.clone(), ledger.items(key))));
            }
        }
        known
    }

    /// What each server says about these documents, once all of that is fresh, or cannot become it within the time that is left. Returns at once if `cancel` is set. Documents without a
    /// server have no report.
    pub async fn wait(&self, keys: &[DocKey], budget: Duration, cancel: &tokio_util::sync::CancellationToken) -> Vec<Report> {
        let slots = self.inner.all();
        let pairs = slots.iter().flat_map(|slot| keys.iter().filter(|key| slot.has(key)).map(move |key| (Arc::clone(slot), key.clone())));
        let start = Instant::now();
        let waits = pairs.map(|(slot, key)| wait::one(slot, key, start, budget, cancel));
        futures_util::future::join_all(waits).await.into_iter().flatten().collect()
    }

    /// All servers that were started and not forgotten.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let mut all: Vec<Status> = self.inner.all().iter().map(|slot| slot.status()).collect();
        all.sort_by(|a, b| (&a.server, &a.root).cmp(&(&b.server, &b.root)));
        all
    }

    /// Ends all servers as the protocol wants it, within a few seconds. Nothing is started any more.
    pub async fn shut_down(&self) {
        let slots = {
            let mut slots = self.inner.slots();
            slots.closed = true;
            std::mem::take(&mut slots.all)
        };
        let ends = slots.into_values().map(|slot| async move { slot.end("Interline ends").await });
        futures_util::future::join_all(ends).await;
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
