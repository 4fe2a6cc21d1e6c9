//! A program that is given a text and prints another.
//!
//! Must not know what for.
//!
//! **Invariant:** who stops waiting for it ends it, with all that it started in its process group; what it prints is bounded.

use std::process::Stdio;
use std::time::Duration;

use guard::Group;
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::bash::OUR_SETTINGS;

/// More than this is printed by mistake, in bytes.
const MOST: u64 = 32 << 20;
/// How long what is left in its pipes may take to be read, once it has ended.
const DRAIN: Duration = Duration::from_millis(200);
/// How much of its complaints is told, in bytes.
const COMPLAINT: usize = 400;

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// None: by a signal.
    pub code: Option<i32>,
    /// What it printed.
    pub output: Vec<u8>,
    /// What it printed to standard error.
    pub complaint: Vec<u8>,
    group: Option<Group>,
}

/// Why a program brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The user has cancelled the turn.
    #[error("cancelled")]
    Cancelled,
    /// It could not be started, or read from.
    #[error("it could not be run: {0}")]
    Io(#[from] std::io::Error),
    /// It took too long.
    #[error("it took longer than {} s and was killed", .0.as_secs_f32())]
    Time(Duration),
}

impl Ended {
    /// What it complained of, as the end of a sentence; empty if of nothing.
    #[must_use]
    pub fn complaint(&self) -> String {
        complaint(&self.complaint)
    }

    /// How it ended, if not well.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        match self.code {
            Some(0) => None,
            Some(code) => Some(format!("failed with exit code {code}{}", self.complaint())),
            None => Some(format!("was killed{}", self.complaint())),
        }
    }
}

/// A process group that ends with this.
struct Ends(Option<Group>);

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(group) = &self.0 {
            guard::signal(std::slice::from_ref(group.target()), Signal::KILL);
        }
    }
}

/// Runs a program to its end, within a time; whatever it left in its process group ends with it.
///
/// # Errors
/// If it cannot be started or read from, takes too long, or the user cancels.
pub async fn run(command: Command, input: &[u8], limit: Duration, cancel: &CancellationToken) -> Result<Ended, Failure> {
    let mut ended = tokio::select! {
        ended = tokio::time::timeout(limit, complete(command, input)) => ended.map_err(|_| Failure::Time(limit))??,
        () = cancel.cancelled() => return Err(Failure::Cancelled),
    };
    drop(Ends(ended.group.take()));
    Ok(ended)
}

/// Runs a program to its end; what it left in the background goes on.
pub(crate) async fn complete(mut command: Command, input: &[u8]) -> std::io::Result<Ended> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    OUR_SETTINGS.iter().for_each(|name| {
        command.env_remove(name);
    });
    let (mut child, group) = guard::spawn(&mut command)?;
    let mut ends = Ends(Some(group));
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut output, mut complaint) = (Vec::new(), Vec::new());
    let feed = async {
        let Some(mut stdin) = stdin else { return };
        // One that does not read to the end says by its exit code whether that is a fault.
        let _ = stdin.write_all(input).await;
    };
    let talk = async {
        let ((), printed, complained) = tokio::join!(feed, read(stdout, &mut output), read(stderr, &mut complaint));
        printed.and(complained)
    };
    let end = async {
        let status = child.wait().await;
        // What it left behind may hold its pipes for ever.
        tokio::time::sleep(DRAIN).await;
        status
    };
    let early = tokio::select! {
        biased;
        talked = talk => talked.map(|()| None)?,
        status = end => Some(status?),
    };
    let status = match early {
        Some(status) => status,
        None => child.wait().await?,
    };
    Ok(Ended { code: status.code(), output, complaint, group: ends.0.take() })
}

async fn read(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) -> std::io::Result<()> {
    if let Some(from) = from {
        from.take(MOST + 1).read_to_end(to).await?;
    }
    if to.len() as u64 > MOST { Err(std::io::Error::other("it prints without end")) } else { Ok(()) }
}

/// What a program complained of, as the end of a sentence.
pub(crate) fn complaint(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    let end = text.floor_char_boundary(COMPLAINT);
    let more = if end < text.len() { "…" } else { "" };
    if text.is_empty() { String::new() } else { format!(": {}{more}", &text[..end]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(line: &str, input: &str, limit: Duration) -> Result<Ended, Failure> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        run(command, input.as_bytes(), limit, &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn a_text_in_a_text_out() {
        let long = Duration::from_secs(20);
        let ended = shell("tr a-z A-Z; echo oh >&2; exit 3", "words", long).await.expect("it ends");
        assert_eq!((ended.code, &ended.output[..]), (Some(3), &b"WORDS"[..]));
        assert_eq!(ended.fault().as_deref(), Some("failed with exit code 3: oh"));
        // One that reads nothing, of much.
        assert_eq!(shell("exec <&-; true", &"x".repeat(1 << 20), long).await.expect("it ends").code, Some(0));
    }

    #[tokio::test]
    async fn what_it_started_ends_with_it() {
        let folder = tempfile::tempdir().expect("temp");
        let pid = folder.path().join("pid");
        let line = format!("sleep 600 & echo $! > {}; echo done", pid.display());
        let ended = shell(&line, "", Duration::from_secs(20)).await.expect("it does not wait for what was left");
        assert_eq!(ended.output, b"done\n");
        let alive = || {
            let pid = std::fs::read_to_string(&pid).expect("written");
            // A dead process that nobody has waited for still has an entry.
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
        };
        while alive() {
            tokio::task::yield_now().await;
        }
        let slow = shell("sleep 600", "", Duration::from_millis(50)).await;
        assert!(matches!(slow, Err(Failure::Time(_))), "{slow:?}");
    }
}
