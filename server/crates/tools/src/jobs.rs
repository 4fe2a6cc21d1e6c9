//! Processes that shell commands have started, and their end.
//!
//! Owns the mark by which a process that left its group is found, and the table of commands that go on in the background.
//! Must not know why a command runs, nor how processes are ended.
//!
//! **Invariant:** whatever a command started ends with the server at the latest, also what left its process group or session, and however the server ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use guard::{Group, Kept, Target};
use proto::SessionId;
use rustix::process::Signal;
use tokio::sync::watch;

use crate::bash::Output;

/// How many commands are remembered; beyond it the oldest that has ended is forgotten.
const KEPT: usize = 32;

/// Shell commands of all sessions of this process.
#[derive(Debug)]
pub struct Jobs {
    /// This process' part of the marks.
    server: String,
    next: AtomicU32,
    running: Mutex<BTreeMap<u32, Arc<Job>>>,
    /// From the first command on: what carries our marks ends with us.
    marked: Mutex<Option<Kept>>,
}

/// A command and everything that it started.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its number in this process.
    pub id: u32,
    /// Who may look at it.
    pub session: SessionId,
    /// The command line.
    pub command: String,
    /// What it printed so far.
    output: Mutex<Output>,
    /// How far it is.
    pub state: watch::Sender<State>,
    given: Mutex<u64>,
    /// Its process group, and what has left it.
    processes: [Target; 2],
    group: Group,
}

/// How far a command is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The shell's exit code, once it has ended.
    pub exit: Option<i32>,
    /// Nobody can print any more.
    pub closed: bool,
    /// Grows with the output.
    pub bytes: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            server: uuid::Uuid::now_v7().simple().to_string(),
            next: AtomicU32::new(1),
            running: Mutex::default(),
            marked: Mutex::default(),
        }
    }
}

impl Jobs {
    /// A number and a mark for a new command.
    pub(crate) fn reserve(&self) -> (u32, String) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.marked).get_or_insert_with(|| guard::keep(self.all_marked()));
        (id, format!("{}-{id}-", self.server))
    }

    /// Keeps a command that was started with its mark.
    pub(crate) fn add(&self, id: u32, mark: String, group: Group, session: SessionId, command: &str, output: Output) -> Arc<Job> {
        let job = Arc::new(Job {
            id,
            session,
            command: command.to_owned(),
            output: Mutex::new(output),
            state: watch::Sender::default(),
            given: Mutex::new(0),
            processes: [group.target().clone(), Target::Mark(mark)],
            group,
        });
        let mut running = self.lock();
        if running.len() >= KEPT {
            let ended = running.iter().find(|(_, job)| job.state.borrow().closed && !job.has_group()).map(|(id, _)| *id);
            ended.and_then(|id| running.remove(&id));
        }
        running.insert(id, Arc::clone(&job));
        drop(running);
        job
    }

    /// Forgets a command of which nothing goes on.
    pub(crate) fn remove(&self, id: u32) {
        self.lock().remove(&id);
    }

    /// A session's command.
    pub(crate) fn get(&self, id: u32, session: &SessionId) -> Option<Arc<Job>> {
        self.lock().get(&id).filter(|job| job.session == *session).cloned()
    }

    /// Numbers and command lines of what a session has in the background.
    pub(crate) fn of(&self, session: &SessionId) -> Vec<(u32, String)> {
        self.lock().values().filter(|job| job.session == *session).map(|job| (job.id, job.command.clone())).collect()
    }

    /// Whether anything that was started still runs.
    #[must_use]
    pub fn any_runs(&self) -> bool {
        self.lock().values().any(|job| !job.state.borrow().closed || job.has_group())
    }

    /// Ends everything that any command started: call it when the server ends. Blocks for at most about half a second.
    pub fn kill_all(&self) {
        if self.next.load(Ordering::Relaxed) == 1 {
            return;
        }
        let jobs = std::mem::take(&mut *self.lock());
        let mut all: Vec<Target> = jobs.values().map(|job| job.group.target().clone()).collect();
        // By their marks also those whose command has long been forgotten.
        all.push(self.all_marked());
        guard::end(&all);
        // The guard has nothing left to do.
        lock(&self.marked).take();
    }

    fn all_marked(&self) -> Target {
        Target::Mark(format!("{}-", self.server))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Job>>> {
        lock(&self.running)
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.kill_all();
    }
}

impl Job {
    /// What it printed so far.
    pub fn output(&self) -> MutexGuard<'_, Output> {
        lock(&self.output)
    }

    /// More of it.
    pub fn push(&self, chunk: &[u8]) {
        self.output().push(chunk);
        self.state.send_modify(|state| state.bytes += chunk.len() as u64);
    }

    /// How many bytes of its output the model was given.
    pub fn given(&self) -> MutexGuard<'_, u64> {
        lock(&self.given)
    }

    /// Whether anything runs in its process group.
    pub fn has_group(&self) -> bool {
        self.group.target().is_alive()
    }

    /// Ends all its processes: asks first, then kills.
    pub async fn kill(&self) {
        guard::signal(&self.processes, Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < guard::GRACE {
            if !guard::alive(&self.processes) {
                return;
            }
            tokio::time::sleep(guard::POLL).await;
        }
        guard::signal(&self.processes, Signal::KILL);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
