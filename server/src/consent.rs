//! What the user has said of what a project brings to be run, as the command line looks at it.
//!
//! Must not know how any of it is run.
//!
//! **Invariant:** what cannot be read counts as not allowed.

use std::path::Path;
use std::process::ExitCode;

use config::{Dirs, Env, Loaded};
use engine::Foreign;
use proto::Action;
use providers::KeyOrigin;
use store::{Approval, Store};

use crate::{models_cli, output, paths};

/// The permission by which a project's programs are asked for.
const PERMISSION: &str = "project_code";

/// What is to be allowed.
#[derive(Clone, Debug, clap::Args)]
pub struct AllowArgs {
    /// Its name; all that this project brings, if none is named
    name: Option<String>,
    /// Allow without asking
    #[arg(long, short)]
    yes: bool,
}

/// What is known of something that a project brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The user's own configuration allows it.
    Trusted,
    /// The user's own configuration denies it.
    Denied,
    /// The user has allowed exactly this for good.
    Allowed,
    /// The user is asked.
    Asked,
}

impl Standing {
    /// Whether it may be run.
    #[must_use]
    pub fn may_run(self) -> bool {
        matches!(self, Self::Trusted | Self::Allowed)
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Trusted => "allowed by your configuration",
            Self::Denied => "denied by your configuration",
            Self::Allowed => "allowed by you",
            Self::Asked => "not allowed yet",
        }
    }
}

/// What the user has said.
pub struct Consents {
    trust: Vec<(String, Action)>,
    approved: Vec<String>,
}

impl Consents {
    /// For a project in `cwd`.
    #[must_use]
    pub fn read(loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> Self {
        Self::of_trust(loaded.project_code.clone(), dirs, cwd)
    }

    fn of_trust(trust: Vec<(String, Action)>, dirs: &Dirs, cwd: &Path) -> Self {
        let file = paths::database(dirs);
        let approvals = if file.exists() {
            Store::open(&file).and_then(|store| store.approvals(&cwd.to_string_lossy())).unwrap_or_else(|error| {
                tracing::warn!("what was allowed for good cannot be read: {error}");
                Vec::new()
            })
        } else {
            Vec::new()
        };
        let approved = approvals.into_iter().filter(|approval| approval.permission == PERMISSION).map(|approval| approval.pattern);
        Self { trust, approved: approved.collect() }
    }

    /// Of what this pattern means.
    #[must_use]
    pub fn of(&self, pattern: &str) -> Standing {
        match self.trust.iter().rev().find(|(rule, _)| permission::matches(pattern, rule)).map(|(_, action)| action) {
            Some(Action::Allow) => Standing::Trusted,
            Some(Action::Deny) => Standing::Denied,
            Some(Action::Ask) | None if self.approved.iter().any(|approved| approved == pattern) => Standing::Allowed,
            Some(Action::Ask) | None => Standing::Asked,
        }
    }
}

/// The MCP servers that a project in `cwd` brings, and what is known of each.
#[must_use]
pub fn servers(loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> Vec<(Foreign, Standing)> {
    let all = engine::foreign_servers(loaded, cwd);
    if all.is_empty() {
        return Vec::new();
    }
    let consents = Consents::read(loaded, dirs, cwd);
    all.into_iter().map(|server| (consents.of(&server.pattern), server)).map(|(standing, server)| (server, standing)).collect()
}

/// The other programs that a project in `cwd` brings, and what is known of each.
#[must_use]
pub fn programs(loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> Vec<(Foreign, Standing)> {
    let all = engine::foreign_programs(loaded, cwd);
    if all.is_empty() {
        return Vec::new();
    }
    let consents = Consents::read(loaded, dirs, cwd);
    all.into_iter().map(|program| (consents.of(&program.pattern), program)).map(|(standing, program)| (program, standing)).collect()
}

/// The providers of a project in `cwd` to which something of the user's would go, and what is known of each.
#[must_use]
pub fn providers(loaded: &Loaded, env: &Env, dirs: &Dirs, cwd: &Path) -> Vec<(Foreign, Standing)> {
    let all = engine::foreign_providers(loaded);
    if all.is_empty() {
        return Vec::new();
    }
    let (consents, registry) = (Consents::read(loaded, dirs, cwd), models_cli::registry_of(loaded, env, dirs, cwd));
    let has_key = |name: &str| matches!(registry.key_origin(name), Some(KeyOrigin::Stored | KeyOrigin::Variable(_)));
    let theirs = all.into_iter().filter(|provider| provider.secret || has_key(&provider.named.name)).map(|provider| provider.named);
    theirs.map(|provider| (consents.of(&provider.pattern), provider)).map(|(standing, provider)| (provider, standing)).collect()
}

/// `interline allow`: consent to all that a project brings, or to what has this name.
#[must_use]
pub fn allow_all(args: &AllowArgs, env: &Env, dirs: &Dirs, cwd: &Path) -> ExitCode {
    let loaded = config::load(env, dirs, cwd);
    let mut found = programs(&loaded, dirs, cwd);
    found.extend(servers(&loaded, dirs, cwd));
    found.extend(providers(&loaded, env, dirs, cwd));
    match settle(found, "part", args, dirs, cwd) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            output::note(&format!("interline allow: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// Says of a provider whether it may be asked, with the user's own key or without: not where a project decides what goes where, before that is allowed.
pub fn guard(loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> impl Fn(&str, bool) -> Result<(), String> + Send + Sync + 'static {
    let (theirs, trust) = (engine::foreign_providers(loaded), loaded.project_code.clone());
    let (dirs, cwd) = (dirs.clone(), cwd.to_owned());
    move |name, users_key| {
        let Some(provider) = theirs.iter().find(|provider| provider.named.name == name && (provider.secret || users_key)) else {
            return Ok(());
        };
        // It may have been allowed since.
        if Consents::of_trust(trust.clone(), &dirs, &cwd).of(&provider.named.pattern).may_run() {
            return Ok(());
        }
        Err(format!(
            "this project's configuration would have your key for `{name}` sent its own way ({}): not done before you allow it, by `interline auth allow {name}` in {}",
            provider.named.shown,
            cwd.display()
        ))
    }
}

/// Asks the user about what a project brings, each that is not settled, and keeps what is allowed. Only that of a name, if one is given.
///
/// # Errors
/// What was not allowed; and those of the store.
pub fn settle(found: Vec<(Foreign, Standing)>, what: &str, args: &AllowArgs, dirs: &Dirs, cwd: &Path) -> Result<(), String> {
    let of_name = |name: &str| args.name.as_deref().is_none_or(|wanted| wanted == name);
    let found: Vec<_> = found.into_iter().filter(|(brought, _)| of_name(&brought.name)).collect();
    match &args.name {
        Some(name) if found.is_empty() => return Err(format!("this project brings no {what} `{name}`: your own need no consent")),
        None if found.is_empty() => output::note(&format!("This project brings no {what} that needs your consent.")),
        _ => {}
    }
    for (brought, standing) in found {
        match standing {
            Standing::Trusted | Standing::Allowed => output::line(&format!("{} is {}: {}", brought.name, standing.words(), brought.shown)),
            Standing::Denied => return Err(format!("{} is {} (permission.project_code)", brought.name, standing.words())),
            Standing::Asked => {
                output::line(&format!("The {what} {}: {}", brought.name, brought.shown));
                let question = format!("Allow {} in {}, until this changes? [y/N] ", brought.name, cwd.display());
                let answer = if args.yes { Some("y".to_owned()) } else { output::ask(&question) };
                match answer.map(|answer| answer.to_lowercase()).as_deref() {
                    Some("y" | "yes") => {}
                    Some(_) => return Err(format!("{} is not allowed", brought.name)),
                    None => {
                        return Err(format!("{} is not allowed: there is nobody to ask; `--yes` allows without asking", brought.name));
                    }
                }
                allow(&brought, dirs, cwd)?;
                output::line(&format!("{} is allowed; `interline doctor` says how to take that back.", brought.name));
            }
        }
    }
    Ok(())
}

/// Allows something for good, in `cwd`.
///
/// # Errors
/// Those of the store.
pub fn allow(brought: &Foreign, dirs: &Dirs, cwd: &Path) -> Result<(), String> {
    let time =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    let approval = Approval { permission: PERMISSION.to_owned(), pattern: brought.pattern.clone(), time };
    let store = Store::open(&paths::database(dirs)).map_err(|error| error.to_string())?;
    store.add_approval(&cwd.to_string_lossy(), &approval).map_err(|error| error.to_string())
}
