//! A local server's process: a group of its own, its last words, its end.
//!
//! Must not know the protocol.
//!
//! **Invariant:** what a server started ends with it, and it ends when its handle is dropped, or we end; its error stream never holds it up.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use guard::Group;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use crate::settings::Local;
use crate::tame;

/// Bytes of the error stream's end that are kept, and lines of it that are told.
const KEPT: usize = 4096;
const TOLD: usize = 5;
/// How long the error stream may stay open after the end.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Our own settings, which may hold keys.
const OURS: [&str; 4] = ["INTERLINE_CONFIG_CONTENT", "OPENCODE_CONFIG_CONTENT", "INTERLINE_AUTH_CONTENT", "OPENCODE_AUTH_CONTENT"];

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    group: Pid,
    /// How it ended, once it has, and its group with it.
    exit: watch::Receiver<Option<String>>,
}

/// Starts a server, as the leader of a process group.
pub(crate) fn start(local: &Local, project: &Path) -> std::io::Result<(Process, ChildStdin, ChildStdout)> {
    let (program, args) = local.command.split_first().ok_or_else(|| std::io::Error::other("there is no command"))?;
    let folder = local.folder.as_ref().map_or_else(|| project.to_owned(), |folder| project.join(folder));
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    for name in OURS {
        command.env_remove(name);
    }
    command.envs(local.environment.iter().map(|(name, value)| (name, value)));
    let (mut child, group) = guard::spawn(&mut command)?;
    let missing = || std::io::Error::other("the process has no pipes");
    let (input, output) = (child.stdin.take().ok_or_else(missing)?, child.stdout.take().ok_or_else(missing)?);
    let errors = child.stderr.take().ok_or_else(missing)?;
    let (sender, exit) = watch::channel(None);
    let process = Process { group: group.id(), exit };
    tokio::spawn(wait(child, errors, group, sender));
    Ok((process, input, output))
}

impl Process {
    /// How it ended, once it has.
    pub fn exit(&self) -> watch::Receiver<Option<String>> {
        self.exit.clone()
    }

    /// Waits for its end, whose input was closed; then asks for it, then makes it. Half of `patience` for each.
    pub async fn end(&self, patience: Duration) {
        let mut exit = self.exit.clone();
        for signal in [Signal::TERM, Signal::KILL] {
            if tokio::time::timeout(patience / 2, exit.wait_for(Option::is_some)).await.is_ok() {
                return;
            }
            self.signal(signal);
        }
    }

    /// Ends it at once.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if self.exit.borrow().is_none() {
            // It may have ended this very moment.
            let _ = kill_process_group(self.group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn wait(mut child: Child, errors: ChildStderr, group: Group, exit: watch::Sender<Option<String>>) {
    let words = Arc::<Mutex<VecDeque<u8>>>::default();
    let listening = tokio::spawn(listen(errors, Arc::clone(&words)));
    let status = child.wait().await;
    // What it started must not outlive it.
    let _ = kill_process_group(group.id(), Signal::KILL);
    drop(group);
    // Somebody outside the group may hold the stream open.
    let _ = tokio::time::timeout(LAST_WORDS, listening).await;
    let words: Vec<u8> = words.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
    let how = status.map_or_else(|error| error.to_string(), describe);
    exit.send_replace(Some(with_words(&how, &words)));
}

/// The end, and the last lines of the error stream.
fn with_words(how: &str, words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    let mut lines: Vec<&str> = words.lines().rev().map(str::trim_end).filter(|line| !line.trim().is_empty()).take(TOLD).collect();
    lines.reverse();
    if lines.is_empty() { how.to_owned() } else { format!("{how}; its last words:\n{}", tame::words(&lines.join("\n"), KEPT)) }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with code {code}"),
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

/// Reads the error stream to its end, and keeps its end.
async fn listen(mut errors: ChildStderr, words: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = errors.read(&mut buffer).await {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend(&buffer[..count]);
        let extra = words.len().saturating_sub(KEPT);
        words.drain(..extra);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn shell(script: &str) -> (Process, ChildStdin, ChildStdout) {
        let local = Local { command: ["/bin/sh", "-c", script].map(str::to_owned).into(), folder: None, environment: Vec::new() };
        start(&local, Path::new("/")).expect("a shell")
    }

    #[tokio::test]
    async fn last_words() {
        let check = async |script: &str, expect: &str| {
            let (process, _input, _output) = shell(script);
            let exit = process.exit().wait_for(Option::is_some).await.expect("an end").clone();
            assert_eq!(exit.as_deref(), Some(expect), "{script}");
        };
        check("exit 0", "it exited with code 0").await;
        check("kill -9 $$", "it was killed by signal 9").await;
        check("echo one >&2; echo; echo >&2; echo two >&2; exit 3", "it exited with code 3; its last words:\none\ntwo").await;
        check("printf '\\033[31mred\\n' >&2; exit 3", "it exited with code 3; its last words:\n[31mred").await;
        check("yes flood | head -n 200000 >&2; exit 1", &format!("it exited with code 1; its last words:\n{}", ["flood"; 5].join("\n")))
            .await;
    }

    #[tokio::test]
    async fn the_group_ends_with_the_handle_and_with_its_leader() {
        let check = async |script: &str, end: fn(Process)| {
            let (process, input, mut output) = shell(script);
            let mut line = [0; 6];
            output.read_exact(&mut line).await.expect("the child has begun");
            drop(input);
            end(process);
            // The child's child holds the stream open until it ends itself.
            output.read_to_end(&mut Vec::new()).await.expect("the stream ends");
        };
        check("(echo begun; sleep 1000) & exec sleep 1000", drop).await;
        check("(echo begun; sleep 1000) & read line; exit 3", std::mem::forget).await;
    }

    #[tokio::test]
    async fn who_does_not_end_is_ended() {
        let (process, input, mut output) = shell("trap '' TERM; echo begun; while :; do sleep 1000; done");
        output.read_exact(&mut [0; 6]).await.expect("it has begun");
        drop(input);
        process.end(Duration::from_millis(20)).await;
        let exit = process.exit().wait_for(Option::is_some).await.expect("an end").clone();
        assert_eq!(exit.as_deref(), Some("it was killed by signal 9"));
    }
}
