//! Asking running servers about the code.
//!
//! Must not know what is asked, nor what becomes of the answer.
//!
//! **Invariant:** a server is handed out once it is ready to be asked; whoever waits in vain is told for what.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ropey::Rope;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use workspace::DocKey;

use super::Pool;
use super::slot::{Phase, Slot};
use crate::RequestError;
use crate::client::{Client, Wanted};
use crate::positions::Encoding;
use crate::semantic::actions::only_edits;

/// One that says so says it right away.
const SAYS_READY: &str = "rust-analyzer";

/// A server that can be asked.
#[derive(Clone, Debug)]
pub struct Sibling {
    slot: Arc<Slot>,
    client: Arc<Client>,
}

/// Those that take a document.
#[derive(Debug, Default)]
pub struct Siblings {
    /// The ones that can be asked; the first one in the table comes first.
    pub ready: Vec<Sibling>,
    /// Of the others, why not.
    pub unready: Vec<String>,
}

impl Pool {
    /// Those that were given this document, once they are ready; waits for the others until `budget` is over.
    pub async fn siblings(&self, key: &DocKey, budget: Duration, cancel: &CancellationToken) -> Siblings {
        let until = Instant::now() + budget;
        let slots = self.in_order();
        let all = futures_util::future::join_all(slots.iter().filter(|slot| slot.has(key)).map(|slot| async move {
            tokio::select! {
                ready = ready(slot, until) => ready.map(|client| Sibling { slot: Arc::clone(slot), client }),
                () = cancel.cancelled() => Err(format!("{}: not waited for", slot.server.id)),
            }
        }));
        let mut siblings = Siblings::default();
        for one in all.await {
            match one {
                Ok(sibling) => siblings.ready.push(sibling),
                Err(why) => siblings.unready.push(why),
            }
        }
        siblings
    }

    /// All that run, whatever documents they have.
    #[must_use]
    pub fn running(&self) -> Vec<Sibling> {
        let running = self.in_order().into_iter().filter_map(|slot| match slot.phase() {
            Phase::Running(client) => Some(Sibling { slot, client }),
            _ => None,
        });
        running.collect()
    }

    /// Why no server takes a file, for people.
    #[must_use]
    pub fn why_nobody(&self, path: &Path) -> String {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let takers: Vec<_> = self.inner.servers.all().filter(|server| server.takes(path)).collect();
        if self.inner.servers.all().next().is_none() {
            return "language servers are switched off by the configuration (`lsp`)".to_owned();
        }
        if takers.is_empty() {
            return format!("no language server is known for {name}");
        }
        if !path.starts_with(&self.inner.project) {
            return format!("{name} is outside of the project, where no language server looks");
        }
        let names: Vec<&str> = takers.iter().map(|server| server.program()).collect();
        format!("no language server for {name} is installed (it could be {}), or none is for this project", names.join(" or "))
    }

    fn in_order(&self) -> Vec<Arc<Slot>> {
        let mut all = self.inner.all();
        let place = |slot: &Arc<Slot>| self.inner.servers.all().position(|server| Arc::ptr_eq(server, &slot.server));
        all.sort_by(|a, b| (place(a), &a.root).cmp(&(place(b), &b.root)));
        all
    }
}

async fn ready(slot: &Slot, until: Instant) -> Result<Arc<Client>, String> {
    let mut phases = slot.phases();
    slot.touch();
    loop {
        let phase = phases.borrow_and_update().clone();
        let name = &slot.server.id;
        let why = match phase {
            Phase::Running(client) => {
                let mut news = client.news();
                news.mark_unchanged();
                let (says, at) = {
                    let ledger = client.ledger();
                    (ledger.says_ready(), ledger.is_at())
                };
                if says == Some(true) || says.is_none() && slot.server.section() != SAYS_READY {
                    return Ok(client);
                }
                let heard = async {
                    tokio::select! {
                        heard = news.changed() => heard.is_ok(),
                        changed = phases.changed() => changed.is_ok(),
                    }
                };
                match timeout_at(until, heard).await {
                    Ok(true) => continue,
                    // It has never said that it is not ready.
                    Err(_) if says.is_none() => return Ok(client),
                    _ => format!("still {}", at.unwrap_or_else(|| "loading the project".to_owned())),
                }
            }
            Phase::Starting => match timeout_at(until, phases.changed()).await {
                Ok(Ok(())) => continue,
                _ => "still starting".to_owned(),
            },
            Phase::Ended(why) => return Err(format!("{name} has stopped ({why}) and is started again: call again")),
            Phase::Stopped(why) | Phase::Missing(why) => return Err(format!("{name} does not run: {why}")),
        };
        return Err(format!("{name} is {why}: call again later"));
    }
}

impl Sibling {
    /// Its id, such as `rust`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.slot.server.id
    }

    /// Whether it answers requests of this method.
    #[must_use]
    pub fn can(&self, method: &str) -> bool {
        self.client.can(method)
    }

    /// What its positions count.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.client.encoding()
    }

    /// What it is at, if what it answers now may not be all.
    #[must_use]
    pub fn is_at(&self) -> Option<String> {
        self.client.ledger().is_at()
    }

    /// Waits until it is not at anything.
    ///
    /// # Errors
    /// What it is still at.
    pub async fn done(&self, budget: Duration) -> Result<(), String> {
        self.client.done(Instant::now() + budget).await
    }

    /// Whether it has this text of a document; none where it was given none, and reads the disk.
    #[must_use]
    pub fn has(&self, key: &DocKey, text: &Rope) -> Option<bool> {
        self.client.ledger().has(key, text)
    }

    /// Whether an edit for this version is for the text that it was given last.
    #[must_use]
    pub fn is_current(&self, key: &DocKey, version: i64) -> bool {
        // The editor counts the versions of a server that it shares.
        self.client.is_shared() || self.client.given(key).is_none_or(|(given, _)| i64::from(given) == version)
    }

    /// Asks, and asks again where the server gives the question up.
    ///
    /// # Errors
    /// No answer in that time, or one that says no.
    pub async fn ask(&self, method: &str, params: &Value, budget: Duration) -> Result<Value, RequestError> {
        self.slot.touch();
        let answer = self.client.ask(method, params, Instant::now() + budget).await;
        self.slot.touch();
        answer
    }

    /// What it says of these lines, as it wants to be told when it is asked for actions.
    pub async fn diagnostics_of(&self, key: &DocKey, lines: (u32, u32)) -> Vec<Value> {
        self.client.diagnostics_of(key, lines).await
    }

    /// Why it cannot be asked to run a command, if it cannot.
    ///
    /// # Errors
    /// In words for people.
    pub fn may_run(&self, command: &str) -> Result<(), String> {
        let id = self.id();
        if self.client.is_shared() {
            return Err(format!(
                "{id} is the editor's server, shared with it: what its command `{command}` changes could reach the editor unasked"
            ));
        }
        if !self.client.runs(command) {
            return Err(format!("`{command}` is a command of an editor's extension, not of {id}"));
        }
        Ok(())
    }

    /// Whether a command of its hands edits back, and does nothing else.
    #[must_use]
    pub fn only_edits(command: &str) -> bool {
        only_edits(command)
    }

    /// Runs a command of its. The edits that it asks for meanwhile go to `wanted`; it waits for their answers.
    ///
    /// # Errors
    /// It ended, or said no.
    pub async fn run(&self, command: &str, arguments: &Value, wanted: mpsc::UnboundedSender<Wanted>) -> Result<Value, RequestError> {
        self.slot.touch();
        self.client.run(command, arguments, wanted).await
    }
}
