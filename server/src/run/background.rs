//! `interline run --background`: the same run in a process of its own, which outlives the terminal.
//!
//! Owns its log, what its first line says, and what is told at its end. Must not know how a turn runs.
//!
//! **Invariant:** it is told which session runs before the command ends, or why none does; what would ask waits for `interline sessions attach`, and
//! is not allowed until then.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use config::Dirs;
use proto::{MessageWithParts, PartKind, Session, ToolState};
use serde_json::Value;

use crate::output;

/// Begins the line of the log that names the session.
const SESSION: &str = "session ";
/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(20);
/// Most logs that are kept.
const LOGS: usize = 50;

/// Starts it with these options, and says which session runs.
pub fn start(prompt: &str, options: &[String], cwd: &Path, dirs: &Dirs) -> ExitCode {
    match begin(prompt, options, cwd, dirs).and_then(|(child, log)| wait(child, &log).map(|session| (session, log))) {
        Ok(((session, process), log)) => {
            output::line(&session);
            output::note(&format!("It runs in process {process}; its log is {}", log.display()));
            output::note(&format!("Follow it, and answer what it asks, with: interline sessions attach {session}"));
            ExitCode::SUCCESS
        }
        Err(why) => {
            output::note(&format!("interline: nothing runs: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn begin(prompt: &str, options: &[String], cwd: &Path, dirs: &Dirs) -> Result<(Child, PathBuf), String> {
    let folder = dirs.data.join("log").join("runs");
    let words = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(&folder).map_err(words)?;
    keep_newest(&folder);
    let name = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let log = folder.join(format!("{name}-{}.log", std::process::id()));
    let file = std::fs::OpenOptions::new().create_new(true).append(true).open(&log).map_err(words)?;
    let program = std::env::current_exe().map_err(words)?;
    // The prompt goes by the pipe: a command line is seen by all.
    let mut child = Command::new(program)
        .args(["run", "--detached"])
        .args(options)
        .current_dir(cwd)
        .stdin(Stdio::piped())
        .stdout(file.try_clone().map_err(words)?)
        .stderr(file)
        .spawn()
        .map_err(words)?;
    let given = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(prompt.as_bytes()));
    given.map_err(words)?;
    Ok((child, log))
}

/// The session that the log names, and the process; why it ended, if it has ended before.
fn wait(mut child: Child, log: &Path) -> Result<(String, u32), String> {
    loop {
        let ended = child.try_wait().map_err(|error| error.to_string())?;
        let lines = || std::fs::File::open(log).map(|file| BufReader::new(file).lines().map_while(Result::ok).collect::<Vec<_>>());
        let lines = lines().map_err(|error| error.to_string())?;
        if let Some(session) = lines.iter().find_map(|line| line.strip_prefix(SESSION)) {
            return Ok((session.split_whitespace().next().unwrap_or_default().to_owned(), child.id()));
        }
        if ended.is_some() {
            return Err(lines
                .last()
                .map_or_else(|| "it ended without a word".to_owned(), |line| line.trim_start_matches("interline: ").to_owned()));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Removes the oldest logs; their names sort by time.
fn keep_newest(folder: &Path) {
    let mut logs: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    logs.sort();
    let old = logs.len().saturating_sub(LOGS - 1);
    logs.drain(..old).for_each(|log| drop(std::fs::remove_file(log)));
}

/// In the process that runs in the background: it leaves the terminal's session, so that nothing that is typed or closed there reaches it.
pub fn detach() {
    if let Err(error) = rustix::process::setsid() {
        tracing::warn!("it stays in the terminal's session: {error}");
    }
}

/// The first line of the log.
pub fn say_session(session: &str) {
    output::line(&format!("{SESSION}{session} in process {}", std::process::id()));
}

/// What became of it, in a few lines.
#[must_use]
pub fn summary(session: &Session, messages: &[MessageWithParts], reason: &str) -> String {
    let (mut calls, mut files) = (0, Vec::<&str>::new());
    for part in messages.iter().flat_map(|message| &message.parts) {
        if let PartKind::Tool { state, .. } = &part.kind {
            calls += 1;
            if let ToolState::Completed { input, metadata, .. } = state
                && metadata["diff"].as_str().is_some_and(|diff| !diff.is_empty())
                && let Some(file) = metadata["filepath"].as_str().or_else(|| input["filePath"].as_str())
                && !files.contains(&file)
            {
                files.push(file);
            }
        }
    }
    let files = if files.is_empty() { "no file changed by an edit".to_owned() } else { format!("changed {}", files.join(", ")) };
    format!("{}: {reason} · {calls} calls, {files} · session {} · {}", session.title, engine::dollars(session.cost), session.id)
}

/// Tells the user by the program of the configuration's `notify`, if there is one: a list of its name and arguments, to which the summary is added.
pub fn notify(command: Option<&Value>, summary: &str) {
    let words: Vec<&str> = command.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let Some((program, arguments)) = words.split_first() else { return };
    let run = Command::new(program).args(arguments).arg(summary).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    match run {
        // It is not waited for: it may stay on the screen.
        Ok(_) => {}
        Err(error) => output::note(&format!("interline: {program} cannot be started: {error}")),
    }
}
