//! `interline models check`: asks a model what a coding agent asks, and says how well it did.
//!
//! Owns the command and its order. Must not know wire formats (`providers`), sessions or files of the project: the model's calls are never run.
//!
//! **Invariant:** nothing is graded that was not measured, standard output holds the result alone, and the status is 0 only if every model is usable.

mod arguments;
mod ask;
mod grade;
mod history;
mod probes;
mod report;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use config::{Dirs, Env};
use providers::ResolvedModel;
use serde_json::{Value, json};

use self::ask::Asker;
pub use self::grade::Grade;
use self::probes::Probe;
use self::report::{Finding, Record, Verdict};
use crate::{models_cli, output, paths};

/// What `models check` takes.
#[derive(Clone, Debug, Args)]
#[command(after_help = grade::RULE)]
pub struct CheckArgs {
    /// The models, as provider/model; the configured one if none is named
    models: Vec<String>,
    /// How many runs of a small task the rate of random stops is taken from
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    runs: u32,
    /// A JSON array, one object a model
    #[arg(long)]
    json: bool,
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For the next piece of an answer.
    silence: Duration,
    /// For a probe of a few short requests, and for one run.
    probe: Duration,
    /// For the long write.
    large: Duration,
    /// Before a request is sent again, whatever the provider wants.
    retry: Duration,
}

const PATIENCE: Patience = Patience {
    silence: Duration::from_secs(120),
    probe: Duration::from_secs(300),
    large: Duration::from_secs(900),
    retry: Duration::from_secs(30),
};

/// The status after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// What came of one model.
struct Checked {
    record: Record,
    /// It did not come to its end: the reason stands in the record.
    broken: bool,
    interrupted: bool,
}

/// Checks each model in turn.
pub async fn check(args: CheckArgs, env: Env, dirs: Dirs, cwd: PathBuf) -> ExitCode {
    let models = match resolve(&args.models, &env, &dirs, &cwd) {
        Ok(models) => models,
        Err(why) => {
            output::note(&format!("interline models check: {why}"));
            return ExitCode::FAILURE;
        }
    };
    let file = paths::models_check(&dirs);
    let (mut rows, mut usable, mut interrupted) = (Vec::new(), true, false);
    for model in models {
        output::note(&format!("{} at {}: asking, runs: {}. Ctrl-C ends it.", model.name(), model.deployment(), args.runs));
        let past = history::read(&file).unwrap_or_else(|error| {
            output::note(&format!("interline models check: {} cannot be read: {error}; there is nothing to compare with", file.display()));
            history::Past::default()
        });
        if past.unreadable > 0 {
            output::note(&format!(
                "interline models check: {} lines of {} could not be read and are left out",
                past.unreadable,
                file.display()
            ));
        }
        let checked = one(model, args.runs, PATIENCE, interrupt(), &say).await;
        usable &= checked.record.usable;
        interrupted = checked.interrupted;
        if args.json {
            rows.push(row(&checked.record, &past));
        } else {
            output::write(&table::render(&checked.record, &past));
        }
        if !checked.broken
            && let Err(error) = history::append(&file, &checked.record)
        {
            output::note(&format!("interline models check: the result could not be kept in {}: {error}", file.display()));
        }
        if interrupted {
            break;
        }
    }
    if args.json {
        output::line(&format!("{:#}", Value::Array(rows)));
    }
    match (interrupted, usable) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    }
}

/// Every name is looked up before anything is asked, so that a typing mistake costs nothing.
fn resolve(names: &[String], env: &Env, dirs: &Dirs, cwd: &Path) -> Result<Vec<ResolvedModel>, String> {
    let (_, registry) = models_cli::registry(env, dirs, cwd);
    let default;
    let names = if names.is_empty() {
        default = [registry.default_model().map_err(|error| error.message)?];
        &default
    } else {
        names
    };
    names.iter().map(|name| registry.resolve(name).map_err(|error| error.message)).collect()
}

/// Asks one model everything. `stop` ends it early: what was not asked by then is not measured.
async fn one(model: ResolvedModel, runs: u32, patience: Patience, stop: impl Future<Output = ()>, told: &dyn Fn(&Finding)) -> Checked {
    let mut findings = Vec::new();
    let mut asker = Asker::new(model, patience);
    let ended = tokio::select! {
        unreachable = probes::all(&mut asker, runs, &mut findings, told) => Ok(unreachable),
        () = stop => Err(()),
    };
    let why = ended.clone().unwrap_or_else(|()| Some("interrupted".to_owned()));
    for probe in Probe::ALL {
        if !findings.iter().any(|finding: &Finding| finding.is(*probe)) {
            findings.push(Finding::new(*probe, Verdict::NotMeasured, String::new()));
        }
    }
    Checked { broken: why.is_some(), interrupted: ended.is_err(), record: Record::new(&asker, findings, why) }
}

/// The grade that each model got when it was last checked, and the day.
///
/// # Errors
/// The history is there, but cannot be read.
pub fn grades(dirs: &Dirs) -> std::io::Result<HashMap<String, (Grade, String)>> {
    Ok(history::read(&paths::models_check(dirs))?.grades())
}

async fn interrupt() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!("Ctrl-C cannot be waited for: {error}");
        std::future::pending::<()>().await;
    }
}

/// Progress, for somebody who waits.
fn say(finding: &Finding) {
    output::note(&format!("  {:<18} {}", finding.title(), finding.verdict.word()));
}

fn row(record: &Record, past: &history::Past) -> Value {
    json!({"result": record, "last": past.last(record), "others": past.others(record)})
}
