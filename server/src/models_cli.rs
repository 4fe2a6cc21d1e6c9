//! `interline models`: the models that can be asked.
//!
//! Must not ask any of them, nor open a connection: `models check` does, in `models_check`.
//!
//! **Invariant:** standard output holds names (or JSON) alone, so that it can be piped on.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use config::{Auth, Dirs, Env, Loaded};
use providers::{KeySource, ModelEntry, Registry};
use serde_json::json;

use crate::{models_check, output};

/// The command line's.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ModelsArgs {
    /// Other than a list.
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
    /// Only this provider's, also those for which there is no key yet.
    pub provider: Option<String>,
    /// A JSON array with limits (in tokens) and prices (in US dollars for a million tokens).
    #[arg(long)]
    pub json: bool,
}

/// What can be done with models besides listing them.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ModelsCommand {
    /// Ask models what a coding agent asks, and grade them; this costs what their provider takes for it
    Check(models_check::CheckArgs),
}

/// The models that are configured or built in; what is wrong in the configuration is told.
pub fn registry(env: &Env, dirs: &Dirs, cwd: &Path) -> (Loaded, Registry) {
    let loaded = config::load(env, dirs, cwd);
    for problem in &loaded.problems {
        output::note(&problem.to_string());
    }
    let auth = Auth::load(env, dirs);
    let variables = env.clone();
    let keys =
        KeySource::new(move |name| variables.get(name).map(str::to_owned), move |provider| auth.key_for(provider).map(str::to_owned));
    let registry = Registry::new(Arc::new(loaded.config.clone()), keys);
    (loaded, registry)
}

/// Lists `provider/model` of the configured providers, and of those for which there is a key.
#[must_use]
pub fn models(args: &ModelsArgs, env: &Env, dirs: &Dirs, cwd: &Path) -> ExitCode {
    let (loaded, registry) = registry(env, dirs, cwd);
    let provider_of = |entry: &ModelEntry| entry.name.split('/').next().unwrap_or_default().to_owned();
    let wanted = |entry: &ModelEntry| match &args.provider {
        Some(provider) => provider_of(entry) == *provider,
        None => entry.ready || loaded.config.provider.contains_key(&provider_of(entry)),
    };
    let entries: Vec<ModelEntry> = registry.models().into_iter().filter(wanted).collect();
    if entries.is_empty() {
        let reason = match &args.provider {
            Some(provider) => format!("no models are known for `{provider}`; a local server's model is named as {provider}/NAME"),
            None => {
                registry.default_model().map_or_else(|error| error.message, |model| format!("none is listed, but `{model}` is configured"))
            }
        };
        output::note(&format!("interline models: {reason}"));
        return ExitCode::FAILURE;
    }
    if args.json {
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| json!({"id": entry.name, "name": entry.title, "limit": entry.limit, "cost": entry.cost, "ready": entry.ready}))
            .collect();
        output::line(&format!("{:#}", json!(rows)));
    } else {
        entries.iter().for_each(|entry| output::line(&entry.name));
    }
    ExitCode::SUCCESS
}
