//! `interline auth`: the keys in Interline's own file.
//!
//! Must not write OpenCode's file.
//!
//! **Invariant:** a key is read from standard input, unseen on a terminal; it is never an argument (others can read those) and never printed.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use config::{Auth, Credential, Dirs, Env};

use crate::output;

/// The command line's.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum AuthCommand {
    /// Keep a provider's key; it is typed unseen, or read from standard input.
    Add {
        /// Such as `anthropic`.
        provider: String,
    },
    /// Which providers have a key, and in which file; the keys are not shown.
    List,
    /// Forget a provider's key.
    Remove {
        /// Such as `anthropic`.
        provider: String,
    },
}

/// Does it; status 1 if it failed.
#[must_use]
pub fn auth(command: &AuthCommand, env: &Env, dirs: &Dirs) -> ExitCode {
    let result = match command {
        AuthCommand::Add { provider } => add(dirs, provider),
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

fn add(dirs: &Dirs, provider: &str) -> Result<(), String> {
    if provider.is_empty() || provider.contains(['/', ' ']) {
        return Err(format!("`{provider}` is no provider's id: write it without the model, such as `anthropic`"));
    }
    let key = read_key(provider).map_err(|error| format!("cannot read the key: {error}"))?;
    if key.is_empty() {
        return Err("no key was given; nothing was changed".into());
    }
    let file = config::set_credential(dirs, provider, &Credential::Api { key, metadata: None }).map_err(|error| error.to_string())?;
    output::line(&format!("The key for {provider} is kept in {} (readable by you alone).", file.display()));
    Ok(())
}

fn list(env: &Env, dirs: &Dirs) {
    let auth = Auth::load(env, dirs);
    for provider in auth.providers() {
        let kind = auth.get(provider).map_or("", Credential::kind);
        let source = auth.source(provider).map(|source| source.display().to_string()).unwrap_or_default();
        output::line(&format!("{provider}\t{kind}\t{source}"));
    }
    if auth.providers().next().is_none() {
        output::note(
            "There are no stored keys. `interline auth add PROVIDER` keeps one; variables such as ANTHROPIC_API_KEY and the configuration count too.",
        );
    }
}

fn remove(env: &Env, dirs: &Dirs, provider: &str) -> Result<(), String> {
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
        let mut key = String::new();
        io::stdin().read_line(&mut key)?;
        return Ok(key.trim().to_owned());
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
