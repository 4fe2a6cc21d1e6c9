//! Steps: named, timed commands whose failure says what to do. The only place that prints.
//!
//! Must not know what the commands are for.
//!
//! **Invariant:** a command that fails ends the task with its own output on the screen; nothing is retried or skipped
//! in silence.

use std::{
    error::Error,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// The result of a step; the error's text is what the user reads.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// One line to the person in front of the terminal.
#[expect(clippy::print_stderr, reason = "this is the module that prints")]
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// The checkout's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Runs `body` under a heading, and says how long it took.
pub fn step<T>(name: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("\n── {name}"));
    let start = Instant::now();
    let value = body().map_err(|error| format!("{name}: {error}"))?;
    say(&format!("   {name}: {:.1} s", start.elapsed().as_secs_f32()));
    Ok(value)
}

/// A command in the checkout's folder, without standard input: nothing here may wait for a person.
pub fn command<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that started us.
pub fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
}

/// Runs it with its output on the screen; an error names the command.
pub fn run(mut command: Command) -> Result {
    let status = command.status().map_err(|error| format!("cannot start {}: {error}", shown(&command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(&command)).into()) }
}

/// Runs it and returns what it printed; an error carries its standard error.
pub fn output(mut command: Command) -> Result<String> {
    let out = command.output().map_err(|error| format!("cannot start {}: {error}", shown(&command)))?;
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    } else {
        Err(format!("{} ended with {}\n{}", shown(&command), out.status, String::from_utf8_lossy(&out.stderr).trim()).into())
    }
}

/// Whether the program can be found.
pub fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_string_lossy);
    let line = words.collect::<Vec<_>>().join(" ");
    format!("`{}`", line.chars().take(200).collect::<String>())
}
