//! `interline models`: the models that can be asked.
//!
//! Owns what is listed. Must not ask any model: `models check` does, in `models_check`. Opens a connection only where it is told to.
//!
//! **Invariant:** on a pipe standard output holds names (or JSON) alone, so that it can be piped on.

mod listing;
pub mod local;
pub mod refresh;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use config::{Auth, Dirs, Env, Loaded};
use providers::{Catalogue, KeySource, LOCAL, ModelEntry, Registry};

use self::listing::Row;
use crate::configuration;
use crate::{consent, models_check, output};

/// The command line's.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ModelsArgs {
    /// Other than a list.
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
    /// Only this provider's, also those for which there is no key yet; a server on this machine is asked what it has
    pub provider: Option<String>,
    /// A JSON array with limits (in tokens), prices (in US dollars for a million tokens), abilities, and where the key is
    #[arg(long)]
    pub json: bool,
    /// Look for servers on this machine: Ollama, LM Studio, llama.cpp and vLLM, at their usual or configured addresses
    #[arg(long)]
    pub local: bool,
    /// Fetch the newest catalogue first
    #[arg(long)]
    pub refresh: bool,
}

/// What can be done with models besides listing them.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ModelsCommand {
    /// Ask models what a coding agent asks, and grade them; this costs what their provider takes for it
    Check(models_check::CheckArgs),
}

/// The models that are configured or built in; what is wrong in the configuration is told.
pub fn registry(env: &Env, dirs: &Dirs, cwd: &Path) -> (Loaded, Registry) {
    let loaded = configuration::load(env, dirs, cwd);
    for problem in &loaded.problems {
        output::note(&problem.to_string());
    }
    let registry = registry_of(&loaded, env, dirs, cwd);
    (loaded, registry)
}

/// The models of a configuration that was read for `cwd`.
#[must_use]
pub fn registry_of(loaded: &Loaded, env: &Env, dirs: &Dirs, cwd: &Path) -> Registry {
    let (auth, variables) = (Auth::load(env, dirs), env.clone());
    let keys =
        KeySource::new(move |name| variables.get(name).map(str::to_owned), move |provider| auth.key_for(provider).map(str::to_owned));
    let keys = keys.guarded(consent::guard(loaded, dirs, cwd));
    Registry::new(Arc::new(loaded.config.clone()), keys, Catalogue::of(env, dirs))
}

/// Lists `provider/model` of the configured providers, and of those for which there is a key.
#[must_use]
pub fn models(args: &ModelsArgs, env: &Env, dirs: &Dirs, cwd: &Path) -> ExitCode {
    if args.refresh && !refresh::now(&Catalogue::of(env, dirs)) {
        return ExitCode::FAILURE;
    }
    let (loaded, registry) = registry(env, dirs, cwd);
    let one = args.provider.as_deref();
    let asked: Vec<&str> = LOCAL.into_iter().filter(|id| one.map_or(args.local, |one| one == *id)).collect();
    let found = if asked.is_empty() { Vec::new() } else { local::find(&registry, &asked) };
    local::explain(&found, &registry);
    let configured = |entry: &ModelEntry| loaded.config.provider.contains_key(entry.name.split('/').next().unwrap_or_default());
    let entries = match one {
        Some(provider) => registry.models_of_provider(provider),
        None if args.local => Vec::new(),
        None => registry.models().into_iter().filter(|entry| entry.key.is_some() || configured(entry)).collect(),
    };
    let mut rows: Vec<Row> = local::rows(&found);
    let listed = entries.into_iter().filter(|entry| !rows.iter().any(|row| row.id == entry.name)).map(Row::from).collect::<Vec<_>>();
    rows.extend(listed);
    if rows.is_empty() {
        if let Some(reason) = nothing(one, args.local, &registry) {
            output::note(&format!("interline models: {reason}"));
        }
        // Then a list was not all that was wanted.
        let was_of_use = args.refresh && one.is_none();
        return if was_of_use { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match models_check::grades(dirs) {
        Ok(grades) => rows.iter_mut().for_each(|row| row.grade = grades.get(&row.id).cloned()),
        Err(error) => output::note(&format!("interline models: earlier checks cannot be read: {error}")),
    }
    let verdicts = engine::Verdicts::new(&dirs.data);
    for row in &mut rows {
        row.tool_free = registry.resolve(&row.id).ok().and_then(|model| verdicts.without_tools(&model));
    }
    let auth = Auth::load(env, dirs);
    if args.json {
        output::line(&format!("{:#}", listing::json(&rows, &auth)));
    } else if std::io::stdout().is_terminal() {
        output::write(&listing::table(&rows, &auth));
    } else {
        rows.iter().for_each(|row| output::line(&row.id));
    }
    ExitCode::SUCCESS
}

/// Why there is nothing to list, where that was not told yet.
fn nothing(provider: Option<&str>, local: bool, registry: &Registry) -> Option<String> {
    match provider {
        Some(provider) if LOCAL.contains(&provider) => None,
        Some(provider) => Some(match registry.resolve(&format!("{provider}/?")) {
            Err(error) if error.message.contains("there is no provider") => error.message.replace(&format!(" (of `{provider}/?`)"), ""),
            _ => format!("no models are known for `{provider}`"),
        }),
        None if local => None,
        None => Some(match registry.default_model() {
            Ok(model) => format!("none is listed, but `{model}` is configured"),
            Err(error) => error.message,
        }),
    }
}
