//! `interline sessions` and `interline export`: what is stored, for people and for programs.
//!
//! **Invariant:** only reads.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use config::Dirs;
use proto::{Session, SessionId};
use serde_json::json;
use store::{Store, StoreError};

use crate::{output, paths};

/// What `sessions` takes.
#[derive(Args)]
pub struct SessionsArgs {
    /// A JSON array
    #[arg(long)]
    json: bool,
}

/// What `export` takes.
#[derive(Args)]
pub struct ExportArgs {
    /// The session; the last one of this project if none is named
    session: Option<String>,
}

/// Most that are listed.
const LISTED: usize = 200;

/// Lists the project's sessions, the newest first.
pub fn sessions(args: &SessionsArgs, dirs: &Dirs, cwd: &Path) -> ExitCode {
    let listed = open(dirs).and_then(|store| match store {
        Some(store) => store.sessions(Some(&cwd.to_string_lossy()), LISTED),
        None => Ok(Vec::new()),
    });
    match listed {
        Ok(sessions) if args.json => output::line(&json!(sessions).to_string()),
        Ok(sessions) if sessions.is_empty() => output::note("There is no session in this project yet."),
        Ok(sessions) => sessions.iter().for_each(|s| output::line(&row(s))),
        Err(error) => return fail(&error.to_string()),
    }
    ExitCode::SUCCESS
}

fn row(session: &Session) -> String {
    format!("{}  {:>9} tokens  ${:<8.4} {}", session.id, session.tokens.total(), session.cost, session.title)
}

/// Prints a session.
pub fn export(args: &ExportArgs, dirs: &Dirs, cwd: &Path) -> ExitCode {
    let found = open(dirs).and_then(|store| {
        let Some(store) = store else { return Ok(None) };
        let session = match &args.session {
            Some(id) => store.session(&SessionId::from(id.as_str()))?,
            None => store.last_session(&cwd.to_string_lossy())?,
        };
        let Some(info) = session else { return Ok(None) };
        let messages = store.messages(&info.id)?;
        Ok(Some(json!({"info": info, "messages": messages})))
    });
    match (found, &args.session) {
        (Ok(Some(session)), _) => {
            output::line(&format!("{session:#}"));
            ExitCode::SUCCESS
        }
        (Ok(None), Some(id)) => fail(&format!("there is no session {id}; `interline sessions` lists them")),
        (Ok(None), None) => fail("there is no session in this project yet"),
        (Err(error), _) => fail(&error.to_string()),
    }
}

/// The store; none where nothing was ever stored.
fn open(dirs: &Dirs) -> Result<Option<Store>, StoreError> {
    let path = paths::database(dirs);
    if path.exists() { Store::open(&path).map(Some) } else { Ok(None) }
}

fn fail(why: &str) -> ExitCode {
    output::note(&format!("interline: {why}"));
    ExitCode::FAILURE
}
