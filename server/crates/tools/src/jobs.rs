//! Processes that shell commands have started, and their end.
//!
//! Owns process groups, the mark by which a process that left its group is found, and the table of commands that go on in the background.
//! Must not know why a command runs.
//!
//! **Invariant:** whatever a command started ends with the server at the latest, also what left its process group or session.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proto::SessionId;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process, test_kill_process_group};
use tokio::sync::watch;

use crate::bash::Output;

/// The environment variable that marks what we started.
pub(crate) const MARK: &str = "INTERLINE_JOB";
/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_millis(500);
/// How many commands are remembered; beyond it the oldest that has ended is forgotten.
const KEPT: usize = 32;
const POLL: Duration = Duration::from_millis(10);

/// Shell commands of all sessions of this process.
#[derive(Debug)]
pub struct Jobs {
    /// This process' part of the marks.
    server: String,
    next: AtomicU32,
    running: Mutex<BTreeMap<u32, Arc<Job>>>,
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
    processes: Processes,
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

/// What one command started.
#[derive(Clone, Debug)]
struct Processes {
    group: Option<Pid>,
    mark: String,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { server: uuid::Uuid::now_v7().simple().to_string(), next: AtomicU32::new(1), running: Mutex::default() }
    }
}

impl Jobs {
    /// A number and a mark for a new command.
    pub(crate) fn reserve(&self) -> (u32, String) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        (id, format!("{}-{id}-", self.server))
    }

    /// Keeps a command that was started with its mark, as leader of a process group.
    pub(crate) fn add(&self, id: u32, mark: String, pid: Option<u32>, session: SessionId, command: &str, output: Output) -> Arc<Job> {
        let group = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let job = Arc::new(Job {
            id,
            session,
            command: command.to_owned(),
            output: Mutex::new(output),
            state: watch::Sender::default(),
            given: Mutex::new(0),
            processes: Processes { group, mark },
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

    /// Ends everything that any command started: call it when the server ends. Blocks for at most about half a second.
    pub fn kill_all(&self) {
        if self.next.load(Ordering::Relaxed) == 1 {
            return;
        }
        let mut all: Vec<Processes> = std::mem::take(&mut *self.lock()).into_values().map(|job| job.processes.clone()).collect();
        // By their marks also those whose command has long been forgotten.
        all.push(Processes { group: None, mark: format!("{}-", self.server) });
        signal(&all, Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if !alive(&all) {
                return;
            }
            std::thread::sleep(POLL);
        }
        signal(&all, Signal::KILL);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Job>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// More of it.
    pub fn push(&self, chunk: &[u8]) {
        self.output().push(chunk);
        self.state.send_modify(|state| state.bytes += chunk.len() as u64);
    }

    /// How many bytes of its output the model was given.
    pub fn given(&self) -> MutexGuard<'_, u64> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything runs in its process group.
    pub fn has_group(&self) -> bool {
        self.processes.group.is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    /// Ends all its processes: asks first, then kills.
    pub async fn kill(&self) {
        let all = std::slice::from_ref(&self.processes);
        signal(all, Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if !alive(all) {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        signal(all, Signal::KILL);
    }
}

fn signal(all: &[Processes], signal: Signal) {
    for group in all.iter().filter_map(|p| p.group) {
        // It may have ended by itself.
        let _ = kill_process_group(group, signal);
    }
    for pid in marked(all) {
        let _ = kill_process(pid, signal);
    }
}

fn alive(all: &[Processes]) -> bool {
    all.iter().filter_map(|p| p.group).any(|group| test_kill_process_group(group).is_ok())
        || marked(all).into_iter().any(|pid| test_kill_process(pid).is_ok())
}

/// Processes that carry one of the marks in the environment that they were started with. Only Linux shows it.
fn marked(all: &[Processes]) -> Vec<Pid> {
    let marks: Vec<Vec<u8>> = all.iter().map(|p| format!("{MARK}={}", p.mark).into_bytes()).collect();
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| marks.iter().any(|mark| variable.starts_with(mark)))
        })
        .collect()
}
