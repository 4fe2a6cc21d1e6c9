//! One server's place in the pool: what it is to have open, and its life from start to stop.
//!
//! **Invariant:** whatever happens to the process, the documents that it is to have are remembered and given to the next one; who waits is told at once that it has stopped.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use workspace::DocKey;

use super::{Launch, Limits, Status};
use crate::client::Client;
use crate::servers::Server;
use crate::{Disk, Document, Setup};

/// Waits in vain after which a server is waited for shortly.
const MISSES: u32 = 2;
/// How long that is; half as long after each further one.
const SHORT: Duration = Duration::from_millis(200);

/// Waits in a row that ended without what was waited for.
#[derive(Debug, Default)]
struct Missed {
    times: u32,
    /// When the last of them began: several documents that are waited for at once are one wait.
    begun: Option<Instant>,
    /// How often it had come by then.
    heard: u64,
}

impl Missed {
    /// How long it is worth waiting for, if it has come so often by now.
    fn patience(&mut self, heard: u64, whole: Duration) -> Duration {
        if self.heard != heard {
            *self = Self { heard, ..Self::default() };
        }
        match self.times.checked_sub(MISSES) {
            None => whole,
            Some(more) => whole.min(SHORT / 2_u32.saturating_pow(more)),
        }
    }

    fn once_more(&mut self, begun: Instant) {
        if self.begun.replace(begun) != Some(begun) {
            self.times = self.times.saturating_add(1);
        }
    }
}

/// Where a server is in its life.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// It is being started.
    Starting,
    /// It answers.
    Running(Arc<Client>),
    /// It has ended, and is started again soon: why it ended.
    Ended(String),
    /// It has ended, and stays so.
    Stopped(String),
    /// It is not installed after all.
    Missing(String),
}

/// A server and what it is to have.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) server: Arc<Server>,
    pub(super) root: PathBuf,
    phase: watch::Sender<Phase>,
    work: Mutex<Work>,
    /// Set when it is to end.
    end: CancellationToken,
    /// Set when it is to end without ceremony.
    abandoned: CancellationToken,
    /// Set when nothing of it is left.
    gone: CancellationToken,
}

#[derive(Debug)]
struct Work {
    /// What the server is to have open; the number grows with each use.
    documents: HashMap<DocKey, (u64, Document)>,
    uses: u64,
    used: Instant,
    /// How long it was waited for while it was starting or loading.
    waited: Duration,
    /// Its answers.
    missed: Missed,
    /// The ends of its checks after saves.
    unchecked: Missed,
    why: String,
}

impl Slot {
    pub(super) fn new(server: Arc<Server>, root: PathBuf) -> Arc<Self> {
        let (documents, why) = (HashMap::new(), String::new());
        let (missed, unchecked) = (Missed::default(), Missed::default());
        let work = Work { documents, uses: 0, used: Instant::now(), waited: Duration::ZERO, missed, unchecked, why };
        Arc::new(Self {
            server,
            root,
            phase: watch::Sender::new(Phase::Starting),
            work: Mutex::new(work),
            end: CancellationToken::new(),
            abandoned: CancellationToken::new(),
            gone: CancellationToken::new(),
        })
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    pub(super) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Whether the server is to have this document.
    pub(super) fn has(&self, key: &DocKey) -> bool {
        self.work().documents.contains_key(key)
    }

    /// When somebody last had to do with it.
    pub(super) fn used(&self) -> Instant {
        self.work().used
    }

    /// Somebody has to do with it.
    pub(super) fn touch(&self) {
        self.work().used = Instant::now();
    }

    /// Gives it a text. The document that was used longest ago is closed where there are too many.
    pub(super) fn give(&self, document: &Document, most: usize) {
        let mut work = self.work();
        work.used = Instant::now();
        work.uses += 1;
        let uses = work.uses;
        // A server that is started later has not missed the save: it reads the disk.
        let disk = if document.disk == Disk::Written { Disk::Same } else { document.disk };
        work.documents.insert(document.key.clone(), (uses, Document { disk, ..document.clone() }));
        let oldest = (work.documents.len() > most)
            .then(|| work.documents.iter().min_by_key(|(_, (uses, _))| *uses).map(|(key, _)| key.clone()))
            .flatten();
        if let Some(oldest) = &oldest {
            work.documents.remove(oldest);
        }
        // The lock is held: two texts of one document must not overtake each other.
        if let Phase::Running(client) = self.phase() {
            client.give(document);
            oldest.iter().for_each(|key| client.close(key));
        }
    }

    /// Gives back what was there before a trial: `before`, or nothing. A text that somebody else gave meanwhile stays.
    pub(super) fn take_back(&self, trial: &Document, before: Option<&Document>, most: usize) {
        let is_there = self.work().documents.get(&trial.key).is_some_and(|(_, now)| now.text == trial.text);
        match before {
            Some(before) if is_there => self.give(before, most),
            None if is_there => self.close(&trial.key),
            _ => {}
        }
    }

    /// Takes a document away.
    pub(super) fn close(&self, key: &DocKey) {
        let mut work = self.work();
        if work.documents.remove(key).is_some()
            && let Phase::Running(client) = self.phase()
        {
            client.close(key);
        }
    }

    pub(super) fn status(&self) -> Status {
        let state = match self.phase() {
            Phase::Starting => "starting".to_owned(),
            Phase::Running(_) => "running".to_owned(),
            Phase::Ended(why) => format!("is started again: {why}"),
            Phase::Stopped(why) => format!("stopped: {why}"),
            Phase::Missing(why) => format!("missing: {why}"),
        };
        Status { server: Arc::clone(&self.server.id), root: self.root.clone(), state, documents: self.work().documents.len() }
    }

    /// Whether it uses up a place in the pool.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.phase(), Phase::Stopped(_) | Phase::Missing(_))
    }

    /// Whether it ended long enough ago to be tried again.
    pub(super) fn may_be_forgotten(&self, after: Duration) -> bool {
        self.end.is_cancelled() || (!self.is_alive() && self.used().elapsed() > after)
    }

    /// Ends it, and waits for that.
    pub(super) async fn end(&self, why: &str) {
        why.clone_into(&mut self.work().why);
        self.end.cancel();
        let mut phase = self.phase.subscribe();
        // An error says that its task is gone, and the server with it.
        let _ = phase.wait_for(|phase| matches!(phase, Phase::Stopped(_) | Phase::Missing(_))).await;
    }

    /// Ends it without ceremony.
    pub(super) fn abandon(&self) {
        self.abandoned.cancel();
        self.end.cancel();
        self.phase.send_replace(Phase::Stopped("Interline ends".to_owned()));
    }

    /// Waits until nothing of it is left.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// How long it was waited for while it was not ready.
    pub(super) fn waited(&self) -> Duration {
        self.work().waited
    }

    /// It was waited for while it was not ready.
    pub(super) fn add_wait(&self, waited: Duration) {
        self.work().waited += waited;
    }

    /// How long an answer and the end of a check are worth waiting for: what has not come in time again and again is waited for shortly, until it comes. `heard` and `checked` are how often
    /// they have come.
    pub(super) fn patience(&self, heard: u64, checked: u64, whole: Duration) -> (Duration, Duration) {
        let mut work = self.work();
        (work.missed.patience(heard, whole), work.unchecked.patience(checked, whole))
    }

    /// In a wait that began then an answer was waited for in vain; or, with `check`, the end of a check.
    pub(super) fn missed(&self, begun: Instant, check: bool) {
        let mut work = self.work();
        if check { work.unchecked.once_more(begun) } else { work.missed.once_more(begun) }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server runs now: it is given all that it is to have.
    fn is_running(&self, client: &Arc<Client>) {
        let work = self.work();
        work.documents.values().for_each(|(_, document)| client.give(document));
        self.phase.send_replace(Phase::Running(Arc::clone(client)));
    }

    fn stop(&self) {
        let why = self.work().why.clone();
        self.phase.send_replace(Phase::Stopped(why));
    }
}

/// Lives a server's life.
pub(super) async fn run(slot: Arc<Slot>, launch: Arc<dyn Launch>, project: PathBuf, limits: Limits) {
    let _gone = slot.gone.clone().drop_guard();
    let life = live(&slot, &*launch, &project, limits);
    tokio::select! {
        biased;
        // What it holds is dropped then, the process with it.
        () = slot.abandoned.cancelled() => {}
        () = life => {}
    }
}

async fn live(slot: &Slot, launch: &dyn Launch, project: &std::path::Path, limits: Limits) {
    let mut crashes: VecDeque<Instant> = VecDeque::new();
    loop {
        slot.phase.send_replace(Phase::Starting);
        let started = tokio::select! {
            started = start(slot, launch, project, limits) => started,
            () = slot.end.cancelled() => return slot.stop(),
        };
        let why = match started {
            Ok(client) => match until_ended(slot, client).await {
                Some(why) => why,
                None => return slot.stop(),
            },
            Err(Failed::Missing(why)) => {
                tracing::info!(server = %slot.server.id, why, "a language server cannot be used");
                slot.phase.send_replace(Phase::Missing(why));
                return;
            }
            Err(Failed::Crashed(why)) => why,
        };
        tracing::warn!(server = %slot.server.id, why, "a language server has ended");
        let now = Instant::now();
        crashes.push_back(now);
        crashes.retain(|crash| now.duration_since(*crash) < limits.crash_time);
        if crashes.len() > limits.crashes {
            let times = crashes.len();
            slot.phase.send_replace(Phase::Stopped(format!("it crashed {times} times, the last time because {why}")));
            return;
        }
        slot.phase.send_replace(Phase::Ended(why));
        let doubled = u32::try_from(crashes.len() - 1).map_or(u32::MAX, |before| 1 << before.min(10));
        tokio::select! {
            () = tokio::time::sleep(limits.backoff * doubled) => {}
            () = slot.end.cancelled() => return slot.stop(),
        }
    }
}

enum Failed {
    Missing(String),
    Crashed(String),
}

async fn start(slot: &Slot, launch: &dyn Launch, project: &std::path::Path, limits: Limits) -> Result<Arc<Client>, Failed> {
    let (server, root) = (&slot.server, &slot.root);
    let program = launch.find(server, root, project).map_err(Failed::Missing)?;
    launch.is_real(server, &program, root).await.map_err(Failed::Missing)?;
    let pipes = launch.start(&program, root).map_err(|error| Failed::Missing(format!("{}: {error}", program.path.display())))?;
    let setup = Setup {
        id: Arc::clone(&server.id),
        root: root.clone(),
        options: server.options.clone(),
        settings: server.settings(root),
        section: server.section().into(),
        check: server.check(),
    };
    let client = Client::start(pipes, setup, limits.start).await.map_err(|error| Failed::Crashed(error.to_string()))?;
    Ok(Arc::new(client))
}

/// Why it ended by itself; none where it was ended.
async fn until_ended(slot: &Slot, client: Arc<Client>) -> Option<String> {
    slot.is_running(&client);
    let mut news = client.news();
    let ended = async {
        loop {
            if let Some(why) = client.ledger().why_stopped() {
                return why.to_owned();
            }
            if news.changed().await.is_err() {
                return "its client is gone".to_owned();
            }
        }
    };
    tokio::select! {
        why = ended => Some(why),
        () = slot.end.cancelled() => {
            let why = slot.work().why.clone();
            client.shut_down(&why).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_makes_waits_short_until_it_ends() {
        let whole = Duration::from_secs(4);
        let start = Instant::now();
        let mut missed = Missed::default();
        let patience = |missed: &mut Missed, wait: u64, heard: u64| {
            let patience = missed.patience(heard, whole).as_millis();
            // Two documents in one wait.
            missed.once_more(start + Duration::from_secs(wait));
            missed.once_more(start + Duration::from_secs(wait));
            patience
        };
        let waits: Vec<u128> = (0..6).map(|wait| patience(&mut missed, wait, 0)).collect();
        assert_eq!(waits, [4000, 4000, 200, 100, 50, 25]);
        let last = (6..100).map(|wait| patience(&mut missed, wait, 0)).last();
        assert_eq!(last, Some(0));
        assert_eq!([patience(&mut missed, 101, 1), patience(&mut missed, 102, 1)], [4000, 4000], "it has spoken, be it ever so late");
        assert_eq!(missed.patience(1, Duration::from_millis(10)).as_millis(), 10);
    }
}
