//! `interline sessions` and `interline export`: what is stored, for people and for programs.
//!
//! Owns the words on the terminal. Must not know how a turn runs.
//!
//! **Invariant:** nothing is removed but what was named and agreed to, and nothing while a turn runs in it.

mod attach;
mod import;
mod opencode;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use config::{Dirs, Env};
use proto::{MessageId, Session, SessionId, SessionTime};
use serde_json::json;
use store::{Store, StoreError};

use self::attach::AttachArgs;
use crate::export::{self, Format};
use crate::{log, output, paths};

/// What `sessions` takes.
#[derive(Args)]
pub struct SessionsArgs {
    /// A JSON array
    #[arg(long)]
    json: bool,
    /// Those of all projects
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    command: Option<SessionsCommand>,
}

/// What is done with sessions.
#[derive(Subcommand)]
pub enum SessionsCommand {
    /// List this project's sessions (what is done without a command)
    List {
        /// A JSON array
        #[arg(long)]
        json: bool,
        /// Those of all projects
        #[arg(long)]
        all: bool,
    },
    /// Find the sessions in which all these words were said
    Search {
        /// The words, in either case
        #[arg(required = true)]
        words: Vec<String>,
        /// A JSON array
        #[arg(long)]
        json: bool,
        /// In all projects
        #[arg(long)]
        all: bool,
    },
    /// Give a session a title that stays
    Rename {
        /// The session
        id: String,
        /// The title
        #[arg(required = true)]
        title: Vec<String>,
    },
    /// Make a second session with the same history, and print its id
    Fork {
        /// The session
        id: String,
        /// Without this message and what follows it
        #[arg(long, value_name = "MESSAGE")]
        at: Option<String>,
    },
    /// Remove sessions, with all that was said in them
    Delete {
        /// The sessions
        #[arg(required = true)]
        ids: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Take over sessions from exported files, or from OpenCode's store
    Import {
        /// What `interline export` or `opencode export` wrote
        #[arg(required_unless_present = "opencode")]
        files: Vec<PathBuf>,
        /// This project's sessions of OpenCode
        #[arg(long)]
        opencode: bool,
        /// With --opencode: those of all projects
        #[arg(long, requires = "opencode")]
        all: bool,
    },
    /// Show a session as it goes on, wherever it runs; answer what it asks, and send messages
    Attach(AttachArgs),
}

/// What `export` takes.
#[derive(Args)]
pub struct ExportArgs {
    /// The session; the last one of this project if none is named
    session: Option<String>,
    /// What is written
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

/// Most that are listed.
const LISTED: usize = 200;

/// Why a command failed, for the user.
type Failed = String;

/// Carries out a command; lists the project's sessions without one.
pub fn sessions(args: SessionsArgs, env: Env, dirs: Dirs, cwd: PathBuf) -> ExitCode {
    if let Some(SessionsCommand::Attach(args)) = args.command {
        log::start(&env, &dirs);
        let Some(runtime) = crate::runtime() else { return ExitCode::FAILURE };
        let code = runtime.block_on(attach::attach(args, env, dirs, cwd));
        // A thread still waits for input that will not come.
        runtime.shutdown_background();
        return code;
    }
    ended(command(args, &dirs, &cwd))
}

fn command(args: SessionsArgs, dirs: &Dirs, cwd: &Path) -> Result<(), Failed> {
    let (json, all) = (args.json, args.all);
    match args.command.unwrap_or(SessionsCommand::List { json, all }) {
        SessionsCommand::List { json: more, all: everywhere } => list(dirs, cwd, json || more, all || everywhere),
        SessionsCommand::Search { words, json: more, all: everywhere } => search(dirs, cwd, &words, json || more, all || everywhere),
        SessionsCommand::Rename { id, title } => rename(dirs, &id, &title.join(" ")),
        SessionsCommand::Fork { id, at } => fork(dirs, &id, at.as_deref()),
        SessionsCommand::Delete { ids, yes } => delete(dirs, &ids, yes),
        SessionsCommand::Import { files, opencode, all: everywhere } => import::import(dirs, cwd, &files, opencode, all || everywhere),
        // It needs a runtime, and has it before this.
        SessionsCommand::Attach(_) => Ok(()),
    }
}

/// Prints a session.
pub fn export(args: &ExportArgs, dirs: &Dirs, cwd: &Path) -> ExitCode {
    let printed = open(dirs).and_then(|store| {
        let Some(store) = store else { return Err("there is no session in this project yet".to_owned()) };
        let session = match &args.session {
            Some(id) => find(&store, id)?,
            None => store.last_session(&cwd.to_string_lossy()).map_err(words)?.ok_or("there is no session in this project yet")?,
        };
        let messages = store.messages(&session.id).map_err(words)?;
        output::write(&export::render(args.format, &session, &messages));
        Ok(())
    });
    ended(printed)
}

fn list(dirs: &Dirs, cwd: &Path, json: bool, all: bool) -> Result<(), Failed> {
    let directory = cwd.to_string_lossy();
    let sessions = match open(dirs)? {
        Some(store) => store.sessions((!all).then_some(&directory), LISTED).map_err(words)?,
        None => Vec::new(),
    };
    if json {
        output::line(&json!(sessions).to_string());
    } else if sessions.is_empty() {
        output::note(if all { "There is no session yet." } else { "There is no session in this project yet." });
    } else {
        sessions.iter().for_each(|session| output::line(&row(session, all)));
    }
    Ok(())
}

fn search(dirs: &Dirs, cwd: &Path, words_: &[String], json: bool, all: bool) -> Result<(), Failed> {
    let directory = cwd.to_string_lossy();
    let hits = match open(dirs)? {
        Some(store) => store.search((!all).then_some(&directory), words_, LISTED).map_err(words)?,
        None => Vec::new(),
    };
    if json {
        let rows: Vec<_> = hits.iter().map(|hit| json!({"session": hit.session, "excerpt": hit.excerpt})).collect();
        output::line(&json!(rows).to_string());
    } else if hits.is_empty() {
        output::note("No session holds these words.");
    }
    for hit in hits.iter().filter(|_| !json) {
        output::line(&row(&hit.session, all));
        if !hit.excerpt.is_empty() {
            output::line(&format!("    … {} …", plain(&hit.excerpt)));
        }
    }
    Ok(())
}

/// A session in one line.
fn row(session: &Session, all: bool) -> String {
    let place = if all { format!("  {}", plain(&session.directory)) } else { String::new() };
    format!(
        "{}  {}  {:>9} tokens  ${:<8.4} {}{place}",
        session.id,
        time(session.time.updated),
        session.tokens.total(),
        session.cost,
        plain(&session.title)
    )
}

/// A time where the user is.
fn time(milliseconds: i64) -> String {
    let then = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    then.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Words of a model or a file, without what would command a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn rename(dirs: &Dirs, id: &str, title: &str) -> Result<(), Failed> {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.is_empty() {
        return Err("a title has at least one word".into());
    }
    let store = open(dirs)?.ok_or_else(|| unknown(id))?;
    let session = find(&store, id)?;
    store.rename(&session.id, &title).map_err(words)?;
    output::note(&format!("{} is called \"{}\" now.", session.id, plain(&title)));
    Ok(())
}

fn fork(dirs: &Dirs, id: &str, at: Option<&str>) -> Result<(), Failed> {
    let store = open(dirs)?.ok_or_else(|| unknown(id))?;
    let old = find(&store, id)?;
    let now = jiff::Timestamp::now().as_millisecond();
    let new = Session { id: SessionId::new(), parent_id: None, time: SessionTime { created: now, updated: now }, ..old.clone() };
    store.fork(&old.id, &new, at.map(MessageId::from).as_ref()).map_err(words)?;
    output::line(new.id.as_str());
    Ok(())
}

fn delete(dirs: &Dirs, ids: &[String], yes: bool) -> Result<(), Failed> {
    let store = open(dirs)?.ok_or_else(|| unknown(&ids[0]))?;
    // All are found before any is removed.
    let sessions = ids.iter().map(|id| find(&store, id)).collect::<Result<Vec<_>, _>>()?;
    // Held until they are gone: nothing runs in them meanwhile.
    let mut claims = Vec::new();
    for session in &sessions {
        claims.push(engine::running::claim(&dirs.data, &session.id).map_err(|held| format!("{} cannot be removed: {held}", session.id))?);
    }
    if !yes {
        sessions.iter().for_each(|session| output::note(&row(session, true)));
        let question = if sessions.len() == 1 {
            "Remove it for good? [y/N] ".to_owned()
        } else {
            format!("Remove these {} for good? [y/N] ", sessions.len())
        };
        let answer = output::ask(&question).map(|answer| answer.to_lowercase());
        match answer.as_deref() {
            Some("y" | "yes") => {}
            Some(_) => {
                output::note("Nothing was removed.");
                return Ok(());
            }
            None => return Err("nothing was removed: there is nobody to ask; `--yes` removes without asking".into()),
        }
    }
    for session in &sessions {
        store.remove_session(&session.id).map_err(words)?;
        engine::forget_edits(&dirs.data, &session.id);
    }
    output::note(&format!(
        "{} removed.",
        if sessions.len() == 1 { "1 session was".to_owned() } else { format!("{} sessions were", sessions.len()) }
    ));
    store.shrink_all().map_err(|error| format!("the space is not given back yet: {error}"))
}

/// A session by its id.
fn find(store: &Store, id: &str) -> Result<Session, Failed> {
    store.session(&SessionId::from(id)).map_err(words)?.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Failed {
    format!("there is no session {}; `interline sessions` lists them", plain(id))
}

/// The store; none where nothing was ever stored.
fn open(dirs: &Dirs) -> Result<Option<Store>, Failed> {
    let path = paths::database(dirs);
    match path.try_exists() {
        Ok(false) => Ok(None),
        Ok(true) => Store::open(&path).map(Some).map_err(words),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn words(error: StoreError) -> Failed {
    error.to_string()
}

fn ended(done: Result<(), Failed>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            output::note(&format!("interline: {why}"));
            ExitCode::FAILURE
        }
    }
}
