//! A server's process: a group of its own, its last words, its end.
//!
//! Must not know the protocol.
//!
//! **Invariant:** what a server started ends with it, and it ends when its handle is dropped, or we end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use guard::Group;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Bytes of the error stream's end that are kept.
const LAST_WORDS: usize = 2048;
/// How long a server may take to end by itself, once it was told to.
const GRACE: Duration = Duration::from_secs(1);

/// How a server is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The program, an absolute path.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Set in its environment.
    pub env: Vec<(String, String)>,
}

/// Both streams of a server, and its process if it has one of its own.
pub(crate) struct Pipes {
    pub(crate) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) writer: Box<dyn AsyncWrite + Send + Unpin>,
    pub(crate) process: Option<Process>,
    /// The server is the editor's: what the editor has open is not ours to change.
    pub(crate) shared: bool,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    group: Pid,
    /// Its exit, once it has ended and its group with it.
    exit: watch::Receiver<Option<String>>,
}

impl Program {
    /// Starts it in `folder`, as the leader of a process group.
    pub(crate) fn start(&self, folder: &Path) -> std::io::Result<Pipes> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Our own settings may hold keys.
        for name in ["INTERLINE_CONFIG_CONTENT", "OPENCODE_CONFIG_CONTENT", "OPENCODE_AUTH_CONTENT"] {
            command.env_remove(name);
        }
        let (mut child, group) = guard::spawn(&mut command)?;
        let missing = || std::io::Error::other("the process has no pipes");
        let reader = child.stdout.take().ok_or_else(missing)?;
        let writer = child.stdin.take().ok_or_else(missing)?;
        let errors = child.stderr.take().ok_or_else(missing)?;
        let (sender, exit) = watch::channel(None);
        let words = Arc::<Mutex<Vec<u8>>>::default();
        tokio::spawn(listen(errors, Arc::clone(&words)));
        let process = Some(Process { group: group.id(), exit });
        tokio::spawn(wait(child, group, words, sender));
        Ok(Pipes { reader: Box::new(reader), writer: Box::new(writer), process, shared: false })
    }
}

impl Process {
    /// How it ended, once it has.
    pub(crate) fn exit(&self) -> watch::Receiver<Option<String>> {
        self.exit.clone()
    }

    /// Waits a moment for its end, then makes it.
    pub(crate) async fn end(&self) {
        let mut exit = self.exit.clone();
        if tokio::time::timeout(GRACE, exit.wait_for(Option::is_some)).await.is_err() {
            self.kill();
            // A killed process ends at once, unless the system itself hangs.
            let _ = tokio::time::timeout(GRACE, exit.wait_for(Option::is_some)).await;
        }
    }

    fn kill(&self) {
        if self.exit.borrow().is_none() {
            // It may have ended this very moment.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }

    /// Bytes of memory that its group holds. Only Linux tells.
    pub(crate) fn memory(&self) -> u64 {
        memory_of_group(self.group)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn wait(mut child: Child, group: Group, words: Arc<Mutex<Vec<u8>>>, exit: watch::Sender<Option<String>>) {
    let status = child.wait().await;
    // What it started must not outlive it.
    let _ = kill_process_group(group.id(), Signal::KILL);
    drop(group);
    let words = String::from_utf8_lossy(&words.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    let last = words.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let how = status.map_or_else(|error| error.to_string(), describe);
    exit.send_replace(Some(last.map_or(how.clone(), |last| format!("{how}: {last}"))));
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with code {code}"),
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

/// Reads the error stream to its end, so that the server never waits for us, and keeps its end.
async fn listen(mut errors: impl AsyncRead + Unpin, words: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = errors.read(&mut buffer).await {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend_from_slice(&buffer[..count]);
        let extra = words.len().saturating_sub(LAST_WORDS);
        words.drain(..extra);
    }
}

#[cfg(target_os = "linux")]
fn memory_of_group(group: Pid) -> u64 {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_one = |folder: PathBuf| {
        let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
        // The name may hold anything, but nothing after it holds a `)`.
        let of_group: i32 = stat[stat.rfind(')')? + 1..].split_whitespace().nth(2)?.parse().ok()?;
        let status = (of_group == group.as_raw_nonzero().get()).then(|| std::fs::read_to_string(folder.join("status")).ok())??;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let processes = entries.filter(|entry| entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit));
    processes.filter_map(|entry| of_one(entry.path())).sum::<u64>() << 10
}

#[cfg(not(target_os = "linux"))]
fn memory_of_group(_: Pid) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Pipes {
        let program = Program { path: "/bin/sh".into(), args: vec!["-c".to_owned(), script.to_owned()], env: Vec::new() };
        program.start(Path::new("/")).expect("a shell")
    }

    #[tokio::test]
    async fn last_words() {
        let check = async |script: &str, expect: &str| {
            let process = shell(script).process.expect("a process");
            let exit = process.exit().wait_for(Option::is_some).await.expect("an end").clone();
            assert_eq!(exit.as_deref(), Some(expect), "{script}");
        };
        check("exit 0", "it exited with code 0").await;
        check("kill -9 $$", "it was killed by signal 9").await;
    }

    #[tokio::test]
    async fn the_group_ends_with_its_leader_and_with_the_handle() {
        let check = async |pipes: Pipes, end: fn(Process)| {
            let Pipes { mut reader, writer, process, .. } = pipes;
            drop(writer);
            // The child's child holds the stream open until it ends itself.
            let mut line = [0; 6];
            reader.read_exact(&mut line).await.expect("the child has begun");
            let process = process.expect("a process");
            end(process);
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).await.expect("the stream ends");
        };
        let drop_it = |process: Process| assert!(cfg!(not(target_os = "linux")) || process.memory() > 0);
        check(shell("(echo begun; sleep 1000) & exec sleep 1000"), drop_it).await;
        check(shell("echo begun; sleep 1000 & read line; exit 3"), std::mem::forget).await;
    }

    #[tokio::test]
    async fn who_does_not_end_is_ended() {
        let pipes = shell("trap '' TERM INT; while :; do sleep 1000; done");
        let process = pipes.process.expect("a process");
        process.end().await;
        assert_eq!(process.exit().borrow().as_deref(), Some("it was killed by signal 9"));
    }
}
