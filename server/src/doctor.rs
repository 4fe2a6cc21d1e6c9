//! `interline doctor`: what Interline finds on this machine, and what is wrong with it.
//!
//! Owns the report. Must not mend anything, except that an approval may be taken back. Changes no file of the user's.
//!
//! **Invariant:** a key is never shown, only where it comes from; and the report ends, whatever does not answer.

mod brought;
mod editors;
mod net;
mod siblings;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use config::{Auth, Dirs, Env, Loaded, Severity};
use providers::{KeyOrigin, LOCAL, LocalError, Registry};
use store::Store;

use crate::configuration;
use crate::models_cli::local;
use crate::{models_cli, output, paths};

/// The command line's.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct DoctorArgs {
    /// Take back what was always allowed in this project, as it stands in the report: `--revoke bash "git push *"`.
    #[arg(long, num_args = 2, value_names = ["PERMISSION", "PATTERN"])]
    pub revoke: Vec<String>,
}

/// How long a program or a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much of the log's end is looked at.
const LOG_TAIL: usize = 64 * 1024;

/// Reports; status 0 if nothing stands in the way of a turn.
#[must_use]
pub fn doctor(args: &DoctorArgs, env: &Env, dirs: &Dirs, cwd: &Path) -> ExitCode {
    let loaded = configuration::load(env, dirs, cwd);
    if let [permission, pattern] = args.revoke.as_slice() {
        return revoke(dirs, &folders(&loaded, cwd), permission, pattern);
    }
    let mut report = Report::default();
    report.row("version", format!("interline {}", env!("CARGO_PKG_VERSION")));
    editors::report(env, dirs, &mut report);
    configuration(&loaded, &mut report);
    let registry = models_cli::registry_of(&loaded, env, dirs, cwd);
    model(&registry, env, dirs, &mut report);
    this_machine(&registry, &mut report);
    siblings::report(&loaded, &mut report);
    brought::report(&brought::Place { loaded: &loaded, env, dirs, cwd }, &mut report);
    report.row("sandbox", "none yet: commands run with your own rights, once you or your rules have allowed them");
    approvals(dirs, &folders(&loaded, cwd), &mut report);
    last_errors(&paths::log_file(dirs), &mut report);
    output::write(&report.text);
    if report.bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[derive(Default)]
struct Report {
    text: String,
    last: &'static str,
    bad: bool,
}

impl Report {
    fn row(&mut self, title: &'static str, line: impl AsRef<str>) {
        let shown = if self.last == title { "" } else { title };
        self.last = title;
        self.text.push_str(&format!("{shown:<14} {}\n", line.as_ref()));
    }

    /// Something that stands in the way of a turn.
    fn bad(&mut self, title: &'static str, line: impl AsRef<str>) {
        self.bad = true;
        self.row(title, format!("PROBLEM: {}", line.as_ref()));
    }
}

/// The first line that a program prints; none if it fails or is silent for too long.
fn first_line(program: &Path, argument: &str) -> Option<String> {
    let mut child = Command::new(program).arg(argument).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        // A receiver that has given up, or output that is no text, leaves nothing to say.
        drop(stdout.take(4096).read_to_string(&mut text).map(|_| sender.send(text)));
    });
    let text = receiver.recv_timeout(PATIENCE).ok();
    if text.is_none() {
        drop(child.kill());
    }
    drop(child.wait());
    text?.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}

fn configuration(loaded: &Loaded, report: &mut Report) {
    for source in &loaded.sources {
        report.row("configuration", source.display().to_string());
    }
    let mut folders: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for file in loaded.agent_files.values().chain(loaded.command_files.values()) {
        folders.entry(file.parent().unwrap_or(file)).or_default().push(file);
    }
    for (folder, files) in folders {
        match files[..] {
            [file] => report.row("configuration", file.display().to_string()),
            _ => report.row("configuration", format!("{}: {} files", folder.display(), files.len())),
        }
    }
    if report.last != "configuration" {
        report.row("configuration", "no interline.json or opencode.json; the defaults count");
    }
    for problem in loaded.problems.iter().chain(&loaded.unset) {
        match problem.severity {
            Severity::Error => report.bad("configuration", problem.to_string()),
            Severity::Warning => report.row("configuration", problem.to_string()),
        }
    }
}

fn model(registry: &Registry, env: &Env, dirs: &Dirs, report: &mut Report) {
    let resolved = registry.default_model().and_then(|name| registry.resolve(&name));
    let model = match resolved {
        Ok(model) => model,
        Err(error) => return report.bad("model", error.message),
    };
    report.row("model", format!("{} ({} of {})", model.name(), model.model_name, model.provider_name));
    if let Some(why) = engine::Verdicts::new(&dirs.data).without_tools(&model) {
        report.row("model", format!("works without tools: {why}"));
    }
    let provider = &model.provider_id;
    match registry.key_origin(provider) {
        None if model.key.is_empty() => report.row("key", "none, and none is asked for before the provider does"),
        None => report.row("key", "none is needed for this model"),
        Some(KeyOrigin::Configuration) => report.row("key", format!("from the configuration (provider.{provider}.options.apiKey)")),
        Some(KeyOrigin::Stored) => {
            let auth = Auth::load(env, dirs);
            report.row("key", auth.source(provider).map_or_else(|| "from auth.json".to_owned(), |file| format!("from {}", file.display())));
        }
        Some(KeyOrigin::Variable(name)) => report.row("key", format!("from the variable {name}")),
    }
    match net::reach(&model.base_url, env, PATIENCE) {
        Ok(answer) => report.row("reachable", answer),
        Err(reason) => report.bad("reachable", reason),
    }
}

/// Servers of models; that there is none stands in nobody's way.
fn this_machine(registry: &Registry, report: &mut Report) {
    let servers = local::find(registry, &LOCAL);
    for server in &servers {
        let (name, address) = (server.name(), &server.address);
        match &server.models {
            Ok(models) => {
                report.row("this machine", format!("{name} at {address}: {} models (`interline models {}`)", models.len(), server.id))
            }
            Err(LocalError::Absent) => {}
            Err(error) => report.row("this machine", format!("{name} at {address}: {error}")),
        }
    }
    if report.last != "this machine" {
        report.row("this machine", "no server of models at its usual address (Ollama, LM Studio, llama.cpp, vLLM)");
    }
}

/// An approval holds in the folder in which the session was.
fn folders(loaded: &Loaded, cwd: &Path) -> BTreeSet<PathBuf> {
    BTreeSet::from([cwd.to_owned(), loaded.root.clone()])
}

fn approvals(dirs: &Dirs, folders: &BTreeSet<PathBuf>, report: &mut Report) {
    let file = paths::database(dirs);
    if !file.exists() {
        return report.row("always", "nothing is allowed for good in this project");
    }
    let store = match Store::open(&file) {
        Ok(store) => store,
        Err(error) => return report.bad("always", error.to_string()),
    };
    for folder in folders {
        match store.approvals(&folder.to_string_lossy()) {
            Ok(approvals) => approvals.iter().for_each(|approval| {
                report.row("always", format!("{} {:?} in {}", approval.permission, approval.pattern, folder.display()))
            }),
            Err(error) => report.bad("always", error.to_string()),
        }
    }
    if report.last != "always" {
        report.row("always", "nothing is allowed for good in this project");
    }
}

fn revoke(dirs: &Dirs, folders: &BTreeSet<PathBuf>, permission: &str, pattern: &str) -> ExitCode {
    let file = paths::database(dirs);
    let mut removed = false;
    if file.exists() {
        let result = Store::open(&file).and_then(|store| {
            for folder in folders {
                removed |= store.remove_approval(&folder.to_string_lossy(), permission, pattern)?;
            }
            Ok(())
        });
        if let Err(error) = result {
            output::note(&format!("interline doctor: {error}"));
            return ExitCode::FAILURE;
        }
    }
    if removed {
        output::line(&format!("{permission} {pattern:?} asks again in this project."));
        ExitCode::SUCCESS
    } else {
        output::note(&format!("interline doctor: {permission} {pattern:?} is not among what is always allowed in this project"));
        ExitCode::FAILURE
    }
}

fn last_errors(file: &Path, report: &mut Report) {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(_) => return report.row("last errors", format!("none ({} is not there)", file.display())),
    };
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LOG_TAIL)..]);
    let errors: Vec<&str> = text.lines().filter(|line| line.contains("ERROR")).collect();
    for line in &errors[errors.len().saturating_sub(3)..] {
        report.row("last errors", line);
    }
    if errors.is_empty() {
        report.row("last errors", format!("none in {}", file.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_name_their_title_once() {
        let mut report = Report::default();
        report.row("a", "1");
        report.row("a", "2");
        report.bad("b", "3");
        assert_eq!(report.text, "a              1\n               2\nb              PROBLEM: 3\n");
        assert!(report.bad);
    }

    #[test]
    fn the_last_errors_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.log");
        let mut report = Report::default();
        last_errors(&file, &mut report);
        assert!(report.text.contains("is not there"));
        fs::write(&file, "t ERROR one\nt INFO no\nt ERROR two\nt ERROR three\nt ERROR four\n").unwrap();
        let mut report = Report::default();
        last_errors(&file, &mut report);
        assert_eq!(report.text, "last errors    t ERROR two\n               t ERROR three\n               t ERROR four\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_has_no_version() {
        assert_eq!(first_line(Path::new("/bin/echo"), "v1.2").as_deref(), Some("v1.2"));
        assert_eq!(first_line(Path::new("/nonexistent"), "x"), None);
    }
}
