//! How far a small model gets: tiny tasks with checks that a machine makes, with tools and without.
//!
//! Owns the tasks' runs and the table. Must not know how the product works: it only starts `interline run` and the tasks' own checks.
//!
//! **Invariant:** each run has a project, a home and a time limit of its own, and passes only if the task's check says so.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::run::{Result, cargo, root, run, say};

/// Between two looks at a run.
const LOOK: Duration = Duration::from_millis(100);

/// The command line's.
#[derive(Args)]
pub struct SmallModelArgs {
    /// The server's address, such as http://127.0.0.1:8091/v1.
    #[arg(long)]
    url: String,
    /// The model's name there.
    #[arg(long)]
    model: String,
    /// How the model is worked with.
    #[arg(long, value_enum, default_value_t = Mode::Both)]
    mode: Mode,
    /// Which protocol is spoken, by OpenCode's names.
    #[arg(long, default_value = "@ai-sdk/openai-compatible")]
    npm: String,
    /// Tokens that the model takes.
    #[arg(long, default_value_t = 16_384)]
    context: u32,
    /// Seconds for a task.
    #[arg(long, default_value_t = 600)]
    patience: u64,
    /// Another folder of tasks.
    #[arg(long, default_value = "tests/small_tasks")]
    tasks: PathBuf,
    /// A program that is built already.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Keep what was said and done here, a folder for each run.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Only these tasks.
    names: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// It is given tools.
    Tools,
    /// It is given the files, and its edits are taken from its answer.
    ToolFree,
    /// One after the other.
    Both,
}

/// What a run came to.
#[derive(Default)]
struct Outcome {
    passed: bool,
    requests: u64,
    read: u64,
    written: u64,
    seconds: f64,
    stop: String,
}

/// Runs all tasks and prints the table.
pub fn measure(args: &SmallModelArgs) -> Result {
    let binary = match &args.binary {
        Some(binary) => binary.canonicalize().map_err(|error| format!("{}: {error}", binary.display()))?,
        None => {
            run(cargo(["build", "--release", "--package", "interline"]))?;
            root().join("target/release/interline")
        }
    };
    let tasks = tasks(args)?;
    for (mode, name, tool_call) in [(Mode::Tools, "tools", true), (Mode::ToolFree, "tool-free", false)] {
        if args.mode != Mode::Both && args.mode != mode {
            continue;
        }
        say(&format!("\n{:<20} {:<9} {:<6} {:>8} {:>8} {:>8} {:>8}  stop", name, "", "", "requests", "read", "written", "seconds"));
        let mut all = Vec::new();
        for task in &tasks {
            let title = task.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let keep = args.keep.as_ref().map(|keep| keep.join(format!("{name}-{title}")));
            let outcome = one(args, &binary, task, tool_call, keep.as_deref())?;
            say(&row(&title, &outcome));
            all.push(outcome);
        }
        let sum = |field: fn(&Outcome) -> u64| all.iter().map(field).sum::<u64>();
        let total = Outcome {
            requests: sum(|o| o.requests),
            read: sum(|o| o.read),
            written: sum(|o| o.written),
            seconds: all.iter().map(|o| o.seconds).sum(),
            ..Outcome::default()
        };
        let passed = all.iter().filter(|outcome| outcome.passed).count();
        say(&format!("{}\n{passed} of {} passed", row("all", &total).replace("FAIL", "    "), all.len()));
    }
    Ok(())
}

fn row(title: &str, outcome: &Outcome) -> String {
    let passed = if outcome.passed { "pass" } else { "FAIL" };
    let Outcome { requests, read, written, seconds, stop, .. } = outcome;
    format!("{title:<20} {:<9} {passed:<6} {requests:>8} {read:>8} {written:>8} {seconds:>8.1}  {stop}", "")
}

/// The tasks' folders, sorted.
fn tasks(args: &SmallModelArgs) -> Result<Vec<PathBuf>> {
    let folder = root().join(&args.tasks);
    let mut tasks = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.join("prompt.txt").is_file() && (args.names.is_empty() || args.names.contains(&name)) {
            tasks.push(path);
        }
    }
    tasks.sort();
    if tasks.is_empty() { Err(format!("no such tasks in {}", folder.display()).into()) } else { Ok(tasks) }
}

fn one(args: &SmallModelArgs, binary: &Path, task: &Path, tool_call: bool, keep: Option<&Path>) -> Result<Outcome> {
    let place = tempfile::tempdir()?;
    let project = place.path().join("project");
    copy(&task.join("before"), &project)?;
    let prompt = fs::read_to_string(task.join("prompt.txt"))?;
    let config = json!({
        "model": format!("small/{}", args.model),
        "permission": "allow",
        "agent": {"build": {"temperature": 0}},
        "provider": {"small": {
            "npm": args.npm,
            "options": {"baseURL": args.url, "apiKey": "none"},
            "models": {args.model.as_str(): {"tool_call": tool_call, "limit": {"context": args.context, "output": args.context / 4}}},
        }},
    });
    let mut command = Command::new(binary);
    command.args(["run", "--format", "json", prompt.trim()]).current_dir(&project).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", place.path());
    command.env("INTERLINE_CONFIG_CONTENT", config.to_string());
    for (variable, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache")] {
        command.env(variable, place.path().join(folder));
    }
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut out = child.stdout.take().ok_or("no output")?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let ended = wait(&mut child, start + Duration::from_secs(args.patience))?;
    let seconds = start.elapsed().as_secs_f64();
    let said = reader.join().map_err(|_| "the output could not be read")??;
    let mut outcome = Outcome { seconds, ..told(&said) };
    match ended {
        None => outcome.stop = "time-out".to_owned(),
        Some(status) if outcome.stop.is_empty() => outcome.stop = if status.success() { "done".to_owned() } else { status.to_string() },
        Some(_) => {}
    }
    let check = Command::new("sh").arg(task.join("check.sh")).current_dir(&project).stdin(Stdio::null()).output()?;
    outcome.passed = check.status.success();
    if let Some(keep) = keep {
        if keep.exists() {
            fs::remove_dir_all(keep)?;
        }
        copy(&project, &keep.join("project"))?;
        fs::write(keep.join("events.jsonl"), said)?;
        fs::write(keep.join("check.txt"), [check.stdout, check.stderr].concat())?;
    }
    Ok(outcome)
}

/// How it ended; none if it was ended because its time was up.
fn wait(child: &mut Child, until: Instant) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// What the events tell: steps, their tokens, and why it stopped.
fn told(said: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for event in said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        match event["type"].as_str() {
            Some("step_finish") => {
                let tokens = &event["part"]["tokens"];
                let count = |pointer: &str| tokens.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
                outcome.requests += 1;
                outcome.read += count("/input") + count("/cache/read") + count("/cache/write");
                outcome.written += count("/output") + count("/reasoning");
            }
            Some("error") => outcome.stop = event["error"]["data"]["message"].as_str().unwrap_or("error").to_owned(),
            _ => {}
        }
    }
    outcome
}

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_events_tell() {
        let step = |input: u64| json!({"type": "step_finish", "part": {"tokens": {"input": input, "output": 5, "reasoning": 1, "cache": {"read": 2, "write": 0}}}});
        let error = json!({"type": "error", "error": {"data": {"message": "too long"}}});
        let outcome = told(&format!("{}\nno JSON\n{}\n{error}\n", step(10), step(20)));
        assert_eq!((outcome.requests, outcome.read, outcome.written, outcome.stop.as_str()), (2, 34, 12, "too long"));
    }

    /// A check that holds before anything is done would measure nothing.
    #[test]
    fn no_task_is_done_before_it_is_begun() {
        let mut count = 0;
        for entry in fs::read_dir(root().join("tests/small_tasks")).expect("the tasks") {
            let task = entry.expect("a task").path();
            let place = tempfile::tempdir().expect("a folder");
            copy(&task.join("before"), place.path()).expect("a copy");
            let check = Command::new("sh").arg(task.join("check.sh")).current_dir(place.path()).output().expect("the check runs");
            assert!(!check.status.success(), "{}", task.display());
            count += 1;
        }
        assert!(count >= 12);
    }
}
