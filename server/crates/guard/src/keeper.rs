//! What is kept, and the guard that is told of it.
//!
//! The guard is a shell, since one takes a quarter of the memory that we would: it waits for the end of a pipe that we alone hold the other end of, and then
//! becomes our own program, which ends what the last line named. (That a thread ends is no sign, as with Linux' `PR_SET_PDEATHSIG`: who starts
//! programs here are threads that come and go.)
//!
//! **Invariant:** no program waits for the guard, and none is left out because it could not be told; a line that was cut by our end does not count.

use std::collections::BTreeMap;
use std::io::{PipeWriter, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::Target;

/// The whole guard, until our end. What is typed at our terminal does not reach its group; the rest of what might end it early is ignored.
const WAIT: &str = r#"trap '' HUP INT QUIT PIPE TERM TSTP
set -f
while read -r line; do kept=$line; done
[ -z "$kept" ] || exec "$0" guard $kept"#;

static KEEPER: Mutex<Keeper> = Mutex::new(Keeper { program: None, shell: "/bin/sh", next: 0, kept: BTreeMap::new(), guard: Guard::NotYet });

/// Says that this program has a command `guard`, which gives its arguments to `end_all`. Without that nothing guards, as in tests of single crates.
pub fn arm() {
    let program = if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() };
    match program {
        Ok(program) => lock().program = Some(program),
        Err(error) => tracing::warn!(%error, "what is started is not ended if this process is killed"),
    }
}

/// Something that ends with us, as long as this lives.
#[derive(Debug)]
pub struct Kept {
    number: u64,
}

/// Keeps it.
#[must_use]
pub fn keep(target: Target) -> Kept {
    Kept { number: lock().add(target) }
}

impl Drop for Kept {
    fn drop(&mut self) {
        lock().remove(self.number);
    }
}

fn lock() -> MutexGuard<'static, Keeper> {
    KEEPER.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Keeper {
    program: Option<PathBuf>,
    shell: &'static str,
    next: u64,
    kept: BTreeMap<u64, Target>,
    guard: Guard,
}

#[derive(Debug)]
enum Guard {
    NotYet,
    Waits(Child, PipeWriter),
    /// It could not be started, which was said.
    Never,
}

impl Keeper {
    fn ready(&mut self) {
        if matches!(self.guard, Guard::NotYet)
            && let Some(program) = &self.program
        {
            self.guard = match start(self.shell, program) {
                Ok((child, pipe)) => Guard::Waits(child, pipe),
                Err(error) => {
                    tracing::warn!(%error, "no guard: what is started is not ended if this process is killed");
                    Guard::Never
                }
            };
        }
    }

    fn add(&mut self, target: Target) -> u64 {
        self.next += 1;
        self.kept.insert(self.next, target);
        self.ready();
        self.tell();
        self.next
    }

    fn remove(&mut self, number: u64) {
        self.kept.remove(&number);
        self.tell();
    }

    /// Tells the guard all that is kept. One that does not listen is replaced.
    fn tell(&mut self) {
        let line = self.kept.values().map(Target::to_string).collect::<Vec<_>>().join(" ") + "\n";
        let Guard::Waits(child, pipe) = &mut self.guard else { return };
        let Err(error) = say(pipe, &line) else { return };
        tracing::warn!(%error, "the guard does not listen: there is another one now");
        // What it was told before is no longer true.
        if let Err(error) = child.kill().and_then(|()| child.wait()) {
            tracing::warn!(%error, "the old guard cannot be ended");
        }
        self.guard = Guard::NotYet;
        self.ready();
        if let Guard::Waits(_, pipe) = &mut self.guard
            && let Err(error) = say(pipe, &line)
        {
            tracing::warn!(%error, "the guard does not listen: what is started is not ended if this process is killed");
        }
    }
}

/// The pipe waits for nobody: a line that does not fit was not told.
fn say(pipe: &mut PipeWriter, line: &str) -> std::io::Result<()> {
    let written = pipe.write(line.as_bytes())?;
    if written == line.len() { Ok(()) } else { Err(std::io::ErrorKind::WriteZero.into()) }
}

/// Starts it: it sees nothing of our environment, and keeps no folder in use.
fn start(shell: &str, program: &Path) -> std::io::Result<(Child, PipeWriter)> {
    let (reader, writer) = std::io::pipe()?;
    fcntl_setfl(&writer, fcntl_getfl(&writer)? | OFlags::NONBLOCK)?;
    let (held, path) = held(program)?;
    let mut command = Command::new(shell);
    command.arg("-c").arg(WAIT).arg(path).env_clear().current_dir("/").process_group(0);
    Ok((command.stdin(reader).stdout(held).stderr(Stdio::null()).spawn()?, writer))
}

/// The program, held open as the guard's output (there it prints nothing), so that it is the same after an update of the file; and its path.
#[cfg(target_os = "linux")]
fn held(program: &Path) -> std::io::Result<(Stdio, &Path)> {
    Ok((std::fs::File::open(program)?.into(), Path::new("/proc/self/fd/1")))
}

#[cfg(not(target_os = "linux"))]
fn held(program: &Path) -> std::io::Result<(Stdio, &Path)> {
    Ok((Stdio::null(), program))
}

#[cfg(test)]
mod tests;
