//! What we start ends with us, also when nobody is left to end it: after `kill -9`, or when the system runs out of memory.
//!
//! Owns the start of programs as leaders of process groups of their own, how groups are ended, and the guard: a process that waits for our end. Must not
//! know what a program is for, nor when it is to end while we live.
//!
//! **Invariant:** once we have ended, however that came, nothing that was kept goes on, and nothing that is not known to be it is signalled. There is no guard
//! before the first program, and none is needed for a program to run.

mod keeper;
mod target;

use rustix::process::Pid;
use tokio::process::{Child, Command};

pub use keeper::{Kept, arm, keep};
pub use target::{GRACE, MARK, POLL, Target, alive, end, signal};

/// The process group of a program that was started here. As long as this lives, the group ends with us.
#[derive(Debug)]
pub struct Group {
    id: Pid,
    target: Target,
    _kept: Kept,
}

impl Group {
    /// Its number, which is also its leader's.
    #[must_use]
    pub fn id(&self) -> Pid {
        self.id
    }

    /// The group as it can be signalled and looked at.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }
}

/// Starts a program as the leader of a process group, which ends with us.
///
/// # Errors
/// If it cannot be started.
pub fn spawn(command: &mut Command) -> std::io::Result<(Child, Group)> {
    // Its group has no number before it runs, and we may end in between.
    let mark = target::new_mark();
    let _until_it_has = keep(Target::Mark(mark.clone()));
    spawn_marked(command.env(MARK, mark))
}

/// The same for a program whose environment carries a mark that is kept already.
///
/// # Errors
/// If it cannot be started.
pub fn spawn_marked(command: &mut Command) -> std::io::Result<(Child, Group)> {
    let child = command.process_group(0).spawn()?;
    let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let id = id.ok_or_else(|| std::io::Error::other("the process has no number"))?;
    let target = Target::group(id);
    Ok((child, Group { id, target: target.clone(), _kept: keep(target) }))
}

/// What the guard does at our end: ends what `words` name, as the keeper wrote them. Blocks for at most about a second and a half.
pub fn end_all(words: &[String]) {
    let mut targets: Vec<Target> = words.iter().filter_map(|word| Target::parse(word)).collect();
    end(&targets);
    targets.retain(|target| matches!(target, Target::Mark(_)));
    if !targets.is_empty() {
        // What we were about to start when we ended may have got its mark only now.
        std::thread::sleep(GRACE);
        end(&targets);
    }
}
