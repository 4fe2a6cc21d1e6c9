//! Trying a text out: what a server would say of it, before anybody else has it.
//!
//! **Invariant:** afterwards, also where it is given up half-way, the servers have the true text again. Nobody waits longer than the limit, nor for a server that is not ready;
//! and what an editor shows of a server that it shares is not touched.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use workspace::DocKey;

use super::slot::{Phase, Slot};
use super::{Limits, Pool};
use crate::client::Client;
use crate::{Delta, Diagnostic, Document, Moment};

/// A text that a document might get.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The document with that text.
    pub after: Document,
    /// As it is now; none where it is not there yet.
    pub before: Option<Document>,
    /// Whether the user has it open in the editor.
    pub open: bool,
}

/// What a server would say.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Which document.
    pub key: DocKey,
    /// The server's id.
    pub server: Arc<str>,
    /// Errors of syntax that the document does not have now, at their places in the new text.
    pub syntax: Vec<Diagnostic>,
}

impl Pool {
    /// Which texts would bring errors of syntax, as far as the servers that run can tell in time. With `quick`, only those are asked that nearly always answer in time. Without servers, or
    /// where somebody waits for one, nothing is known.
    pub async fn try_out(&self, trials: &[Trial], quick: bool) -> Vec<Tried> {
        let Ok(_alone) = self.inner.trials.try_write() else { return Vec::new() };
        let limits = self.inner.limits;
        let deadline = Instant::now() + limits.trial;
        let all = self.inner.all();
        let mut running = Vec::new();
        for trial in trials {
            let Some(path) = trial.after.key.path() else { continue };
            let servers = self.inner.servers.of(path, &self.inner.project, |server, root| self.inner.is_there(server, root));
            for slot in &all {
                let takes = servers.iter().any(|(server, root)| server.id == slot.server.id && *root == slot.root);
                if takes && let Some(client) = able(slot, trial, quick.then_some(limits.trial)) {
                    running.push(Running { slot, client, trial, limits });
                }
            }
        }
        // What stood there before, of all of them, is to be known first: a text may break its neighbours.
        let before = futures_util::future::join_all(running.iter().map(|one| one.before(deadline))).await;
        let known: Vec<_> = running.into_iter().zip(before).filter_map(|(one, before)| Some((one, before?))).collect();
        let given: Vec<_> = known.iter().map(|(one, before)| (one.give(), before)).collect();
        let tried = futures_util::future::join_all(given.iter().map(|(given, before)| given.tried(before, deadline))).await;
        tried.into_iter().flatten().filter(|tried| !tried.syntax.is_empty()).collect()
    }
}

/// The client of a server that can tell, and may be asked.
fn able(slot: &Slot, trial: &Trial, within: Option<std::time::Duration>) -> Option<Arc<Client>> {
    let Phase::Running(client) = slot.phase() else { return None };
    let able = {
        let ledger = client.ledger();
        slot.server.knows_syntax()
            && !(trial.open && ledger.is_of_editor())
            && within.is_none_or(|within| ledger.usual().is_some_and(|usual| usual < within))
    };
    able.then_some(client)
}

/// A trial by one server.
struct Running<'a> {
    slot: &'a Arc<Slot>,
    client: Arc<Client>,
    trial: &'a Trial,
    limits: Limits,
}

impl<'a> Running<'a> {
    /// What is said of the text as it is; none where that is not known in time.
    async fn before(&self, deadline: Instant) -> Option<Arc<[Diagnostic]>> {
        let Some(before) = &self.trial.before else { return Some(Arc::default()) };
        self.slot.give(before, self.limits.documents);
        current(&self.client, &before.key, deadline).await
    }

    fn give(&'a self) -> Given<'a> {
        self.slot.give(&self.trial.after, self.limits.documents);
        Given(self)
    }
}

/// The server has the text that is tried out; it is taken back when this is dropped.
struct Given<'a>(&'a Running<'a>);

impl Given<'_> {
    async fn tried(&self, before: &[Diagnostic], deadline: Instant) -> Option<Tried> {
        let Running { slot, client, trial, .. } = self.0;
        let now = current(client, &trial.after.key, deadline).await?;
        let text = trial.before.as_ref().map(|before| &before.text);
        let delta = Delta::between(Moment { items: before, text }, Moment { items: &now, text: Some(&trial.after.text) });
        let syntax = delta.introduced.into_iter().filter(|item| slot.server.is_syntax(item)).collect();
        Some(Tried { key: trial.after.key.clone(), server: Arc::clone(&slot.server.id), syntax })
    }
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        let Running { slot, trial, limits, .. } = self.0;
        slot.take_back(&trial.after, trial.before.as_ref(), limits.documents);
    }
}

/// What a server says of the text that it was given last; none where it does not in time.
async fn current(client: &Client, key: &DocKey, deadline: Instant) -> Option<Arc<[Diagnostic]>> {
    let mut news = client.news();
    loop {
        news.mark_unchanged();
        let judged = {
            let ledger = client.ledger();
            let judged = ledger.judge(key, Instant::now());
            if judged.is_current() {
                return Some(ledger.items(key));
            }
            judged
        };
        if judged.hopeless || client.ledger().why_stopped().is_some() {
            return None;
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return None },
            () = sleep_until(judged.again.map_or(deadline, |at| at.min(deadline))) => if Instant::now() >= deadline { return None },
        }
    }
}
