//! Processes that are ended together: by their group, or by a mark in their environment.
//!
//! Must not know who wants them ended.
//!
//! **Invariant:** a group's number that the system has given to somebody else by now is not signalled (where there is `/proc`; elsewhere the number alone
//! counts), and neither are all processes at once, whatever a number says.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process, test_kill_process_group};

/// The environment variable that marks what we started.
pub const MARK: &str = "INTERLINE_JOB";
/// How long a process may take to end by itself.
pub const GRACE: Duration = Duration::from_millis(500);
/// Between two looks whether it has.
pub const POLL: Duration = Duration::from_millis(10);

/// What can be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A process group.
    Group {
        /// Its number.
        id: Pid,
        /// When its leader was started, in the system's own unit. None where the system does not tell.
        start: Option<u64>,
    },
    /// All that carries a mark which begins so in the environment that it was started with. Only Linux shows it.
    Mark(String),
}

impl Target {
    /// The group of a leader that nobody has waited for yet.
    #[must_use]
    pub fn group(id: Pid) -> Self {
        Self::Group { id, start: start_of(id) }
    }

    /// Whether anything of it runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        alive(std::slice::from_ref(self))
    }

    /// Reads what `Display` writes; none if it is anything else.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        if let Some(mark) = word.strip_prefix('=') {
            return (!mark.is_empty()).then(|| Self::Mark(mark.to_owned()));
        }
        let (id, start) = match word.split_once(':') {
            Some((id, start)) => (id, Some(start.parse().ok()?)),
            None => (word, None),
        };
        // The group 1 stands for all processes in a call to the system.
        let id = id.parse().ok().filter(|id| *id > 1).and_then(Pid::from_raw)?;
        Some(Self::Group { id, start })
    }

    /// The group, if its number is still that of the same one.
    fn id(&self) -> Option<Pid> {
        let Self::Group { id, start } = self else { return None };
        // Without its leader, a group keeps its number from being given away.
        let is_other = start_of(*id).zip(*start).is_some_and(|(now, then)| now != then);
        (!is_other).then_some(*id)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group { id, start: Some(start) } => write!(f, "{id}:{start}"),
            Self::Group { id, start: None } => write!(f, "{id}"),
            Self::Mark(mark) => write!(f, "={mark}"),
        }
    }
}

/// A mark that nobody else has.
pub(crate) fn new_mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let own = rustix::process::getpid();
    format!("{own}.{}.{}-", start_of(own).unwrap_or_default(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Ends them: asks first, then kills. Blocks for at most about half a second.
pub fn end(targets: &[Target]) {
    signal(targets, Signal::TERM);
    let start = Instant::now();
    while start.elapsed() < GRACE {
        if !alive(targets) {
            return;
        }
        std::thread::sleep(POLL);
    }
    signal(targets, Signal::KILL);
}

/// Sends all of them a signal.
pub fn signal(targets: &[Target], signal: Signal) {
    for group in targets.iter().filter_map(Target::id) {
        // It may have ended by itself.
        let _ = kill_process_group(group, signal);
    }
    for pid in marked(targets) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether any of them runs.
#[must_use]
pub fn alive(targets: &[Target]) -> bool {
    targets.iter().filter_map(Target::id).any(|group| test_kill_process_group(group).is_ok())
        || marked(targets).into_iter().any(|pid| test_kill_process(pid).is_ok())
}

fn marked(targets: &[Target]) -> Vec<Pid> {
    let mark = |target: &Target| if let Target::Mark(mark) = target { Some(format!("{MARK}={mark}").into_bytes()) } else { None };
    let marks: Vec<Vec<u8>> = targets.iter().filter_map(mark).collect();
    if marks.is_empty() {
        return Vec::new();
    }
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

/// When a process was started; none for one that is not there, or where there is no `/proc`.
fn start_of(pid: Pid) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, but nothing after it holds a `)`.
    let after = stat.iter().rposition(|byte| *byte == b')')? + 1;
    std::str::from_utf8(&stat[after..]).ok()?.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let own = Target::group(rustix::process::getpid());
        for target in [own, Target::Group { id: Pid::from_raw(7).unwrap(), start: None }, Target::Mark("0a-1-".to_owned())] {
            assert_eq!(Target::parse(&target.to_string()), Some(target));
        }
        for word in ["", "=", "0", "1", "-1", "1:5", "-7:5", "7:", "7:x", "x", "7 8", "99999999999"] {
            assert_eq!(Target::parse(word), None, "{word}");
        }
    }

    fn sleeper(name: &str, mark: &str) -> Child {
        Command::new("sleep").arg0(name).arg("1000").env(MARK, mark).process_group(0).spawn().unwrap()
    }

    fn id(child: &Child) -> Pid {
        Pid::from_child(child)
    }

    #[test]
    fn a_number_that_is_somebody_elses_by_now_is_left_alone() {
        // Also where its name is made to look like the end of a name.
        let mut child = sleeper("a) b (c) 1 2", "none");
        let Target::Group { id, start: Some(start) } = Target::group(id(&child)) else { panic!("a system with /proc") };
        let other = Target::Group { id, start: Some(start - 1) };
        assert!(!other.is_alive());
        end(&[other]);
        let same = Target::Group { id, start: Some(start) };
        assert!(same.is_alive() && child.try_wait().unwrap().is_none());
        signal(&[same], Signal::TERM);
        assert_eq!(child.wait().unwrap().signal(), Some(15));
    }

    #[test]
    fn what_carries_the_mark_is_ended_and_nothing_else() {
        let (mut ours, mut other) = (sleeper("ours", "guard-test-1-"), sleeper("other", "guard-test-2-"));
        signal(&[Target::Mark("guard-test-1-".to_owned())], Signal::KILL);
        assert_eq!(ours.wait().unwrap().signal(), Some(9));
        assert!(other.try_wait().unwrap().is_none());
        signal(&[Target::group(id(&other))], Signal::KILL);
        assert_eq!(other.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn a_group_without_its_leader_is_still_it() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & read line"]).process_group(0).stdin(Stdio::piped()).stdout(writer);
        let mut leader = command.spawn().unwrap();
        drop(command);
        let group = Target::group(id(&leader));
        drop(leader.stdin.take());
        leader.wait().unwrap();
        assert!(group.is_alive());
        end(&[group]);
        // Nobody holds the pipe any more.
        assert_eq!(std::io::Read::read(&mut reader, &mut [0]).unwrap(), 0);
    }
}
