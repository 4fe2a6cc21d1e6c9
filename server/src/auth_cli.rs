//! `interline auth`: the keys in Interline's own file.
//!
//! Must not write OpenCode's file.
//!
//! **Invariant:** a key is read from standard input, unseen on a terminal; it is never an argument (others can read those) and never printed.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

use config::{Auth, Credential, Dirs, Env};

use crate::{consent, output};

/// The command line's.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum AuthCommand {
    /// Keep a provider's key; it is typed unseen, or read from standard input.
    Add {
        /// Such as `anthropic`.
        provider: String,
    },
    /// Let keys of yours be sent as this project's configuration says.
    Allow(consent::AllowArgs),
    /// Which providers have a key, and in which file or variable; the keys are not shown.
    List,
    /// Forget a provider's key.
    Remove {
        /// Such as `anthropic`.
        provider: String,
    },
}

/// Does it; status 1 if it failed.
#[must_use]
pub fn auth(command: &AuthCommand, env: &Env, dirs: &Dirs, cwd: &Path) -> ExitCode {
    let result = match command {
        AuthCommand::Add { provider } => add(env, dirs, cwd, provider),
        AuthCommand::Allow(args) => allow(args, env, dirs, cwd),
        AuthCommand::List => {
            list(env, dirs);
            Ok(())
        }
        AuthCommand::Remove { provider } => remove(env, dirs, provider),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            output::note(&format!("interline auth: {message}"));
            ExitCode::FAILURE
        }
    }
}

fn allow(args: &consent::AllowArgs, env: &Env, dirs: &Dirs, cwd: &Path) -> Result<(), String> {
    let loaded = config::load(env, dirs, cwd);
    consent::settle(consent::providers(&loaded, env, dirs, cwd), "provider", args, dirs, cwd)
}

fn add(env: &Env, dirs: &Dirs, cwd: &Path, provider: &str) -> Result<(), String> {
    if provider.is_empty() || provider.contains(['/', ' ']) {
        return Err(format!("`{provider}` is no provider's id: write it without the model, such as `anthropic`"));
    }
    let configured = config::load(env, dirs, cwd).config.provider.contains_key(provider);
    let id = if configured { provider } else { providers::known_provider(provider).unwrap_or(provider) };
    if !configured && providers::known_provider(id).is_none() {
        output::note(&format!(
            "Interline knows no provider `{id}` by itself: it is used once provider.{id}.options.baseURL stands in interline.json or opencode.json."
        ));
    }
    let key = read_key(id).map_err(|error| format!("cannot read the key: {error}"))?;
    if key.is_empty() {
        return Err("no key was given; nothing was changed".into());
    }
    if key.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("a key has no spaces in it: was more than the key pasted? Nothing was changed".into());
    }
    let replaced = Auth::load(env, dirs).source(id).is_some_and(|source| source.starts_with(&dirs.data));
    let file = config::set_credential(dirs, id, &Credential::Api { key, metadata: None }).map_err(|error| error.to_string())?;
    let before = if replaced { "; the one before is gone" } else { "" };
    output::line(&format!("The key for {id} is kept in {} (readable by you alone){before}.", file.display()));
    Ok(())
}

fn list(env: &Env, dirs: &Dirs) {
    let auth = Auth::load(env, dirs);
    for provider in auth.providers() {
        let kind = auth.get(provider).map_or("", Credential::kind);
        let source = auth.source(provider).map(|source| source.display().to_string()).unwrap_or_default();
        output::line(&format!("{provider}\t{kind}\t{source}"));
    }
    let variables = providers::keys_in_environment(|name| env.get(name).is_some());
    for (provider, variable) in &variables {
        let over = if auth.key_for(provider).is_some() { "\tthe stored one counts" } else { "" };
        output::line(&format!("{provider}\tvariable\t{variable}{over}"));
    }
    if auth.providers().next().is_none() && variables.is_empty() {
        output::note(
            "There are no keys, neither stored nor in the environment. `interline auth add PROVIDER` keeps one; variables such as ANTHROPIC_API_KEY and the configuration count too.",
        );
    }
}

fn remove(env: &Env, dirs: &Dirs, provider: &str) -> Result<(), String> {
    let provider = match Auth::load(env, dirs).get(provider) {
        Some(_) => provider,
        None => providers::known_provider(provider).unwrap_or(provider),
    };
    if config::remove_credential(dirs, provider).map_err(|error| error.to_string())? {
        output::line(&format!("The key for {provider} is forgotten."));
        return Ok(());
    }
    Err(match Auth::load(env, dirs).source(provider) {
        Some(source) => format!("the key for `{provider}` stands in {}, which Interline does not change", source.display()),
        None => format!("there is no stored key for `{provider}`"),
    })
}

/// A line of standard input; on a terminal it is asked for and not shown.
fn read_key(provider: &str) -> io::Result<String> {
    if !io::stdin().is_terminal() {
        // What is copied often begins with an empty line.
        let mut lines = io::stdin().lock().lines().map(|line| line.map(|line| line.trim().to_owned()));
        return lines.find(|line| !line.as_ref().is_ok_and(String::is_empty)).unwrap_or_else(|| Ok(String::new()));
    }
    let hidden = hide_typing()?;
    let key = output::ask(&format!("Key for {provider} (not shown): ")).unwrap_or_default();
    drop(hidden);
    output::note("");
    Ok(key)
}

/// While it lives, the terminal does not show what is typed.
#[cfg(unix)]
struct Hidden(rustix::termios::Termios);

#[cfg(unix)]
fn hide_typing() -> io::Result<Hidden> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let before = tcgetattr(io::stdin())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
    Ok(Hidden(before))
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        // Where the terminal has gone away there is nobody left to type.
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Flush, &self.0);
    }
}

#[cfg(not(unix))]
fn hide_typing() -> io::Result<()> {
    Err(io::Error::other("the key would be seen here: give it on standard input instead"))
}
