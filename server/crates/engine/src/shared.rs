//! What all sessions of one project share.
//!
//! **Invariant:** nothing here belongs to one session.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use permission::{Action, Rule};
use proto::{Event, SessionId, Todo, Tokens, TurnId};
use providers::Client;
use store::{Blob, ChangeRecord};
use tokio::sync::mpsc;
use tools::{Jobs, TodoStore};
use workspace::{Applied, Content, Data, DocKey, Route, Workspace};

use crate::agents;
use crate::events::Bus;
use crate::extras::Extras;
use crate::eyes::Siblings;
use crate::foreign::Foreign;
use crate::hooks::Hooks;
use crate::intents::Intents;
use crate::ledger::Ledger;
use crate::prompt::Environment;
use crate::prompts::Prompts;
use crate::questions::Questions;
use crate::reload::Reload;
use crate::rules::Rules;
use crate::saver::Saver;
use crate::settings::Settings;
use crate::setup::{Models, Setup};
use crate::toolbox::Toolbox;
use crate::weak::Verdicts;
use crate::{Places, Recorded, StopReason};

/// What all sessions share.
pub struct Shared {
    /// The project's text.
    pub workspace: Arc<dyn Workspace>,
    /// What the configuration says, for the next turn.
    pub settings: RwLock<Arc<Settings>>,
    /// When that is read again.
    pub reload: Reload,
    /// What is remembered of models.
    pub models: Models,
    /// What is spent on them.
    pub ledger: Arc<Ledger>,
    /// Which of them are worked with without tools.
    pub verdicts: Verdicts,
    /// Asks them.
    pub client: Client,
    /// The tools: ours, those of MCP servers, and those that folders bring.
    pub tools: Toolbox,
    /// Background commands.
    pub jobs: Arc<Jobs>,
    /// AGENTS.md and the like, as they were when the last message was taken up.
    pub known_instructions: Mutex<Arc<Vec<Instruction>>>,
    /// The project's language servers.
    pub siblings: Arc<Siblings>,
    /// Where things are kept.
    pub places: Places,
    /// What folders bring to be run.
    pub extras: Extras,
    /// MCP servers that the project brings.
    pub foreign: Foreign,
    /// Programs that are run on events.
    pub hooks: Arc<Hooks>,
    /// The user's home, for `~` in rules.
    pub home: PathBuf,
    /// Whether there is somebody to ask.
    pub interactive: bool,
    /// Events.
    pub bus: Arc<Bus>,
    /// Waiting prompts.
    pub prompts: Arc<Prompts>,
    /// Waiting questions.
    pub questions: Arc<Questions>,
    /// The store.
    pub saver: Arc<Saver>,
    /// Changes that are about to be made.
    pub intents: Arc<Intents>,
    /// To-do lists.
    pub todos: Mutex<HashMap<SessionId, Vec<Todo>>>,
    /// Who wants to know what the turns change.
    pub reviewers: Mutex<Vec<mpsc::UnboundedSender<Recorded>>>,
    /// Sessions that a turn runs in.
    pub busy: Mutex<HashSet<SessionId>>,
    /// Sessions that run in another process and are shown here.
    pub watched: Mutex<HashSet<SessionId>>,
    /// What subagents used, by the session that it is still to be added to.
    pub spent: Mutex<HashMap<SessionId, (f64, Tokens)>>,
    /// Held from an undo's plan until it is carried out: the next one is planned over what the first leaves.
    pub undoing: Arc<tokio::sync::Mutex<()>>,
}

/// A file for the system prompt, and its text.
pub type Instruction = (PathBuf, String);
/// Reads the instructions as they are now.
pub type InstructionsNow = Arc<dyn Fn() -> Vec<Instruction> + Send + Sync>;

impl Shared {
    /// AGENTS.md and the like.
    #[must_use]
    pub fn instructions(&self) -> Arc<Vec<Instruction>> {
        Arc::clone(&self.known_instructions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the configuration says now. A turn keeps what it began with.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The rules that count for a call: its agent's, and what the configuration says of it now where that is narrower.
    #[must_use]
    pub fn rules(&self, setup: &Setup) -> Rules {
        let newer = [Some(self.settings()), self.reload.offered()].into_iter().flatten();
        newer.filter(|newer| !Arc::ptr_eq(newer, &setup.settings)).fold(setup.agent.rules.clone(), |rules, newer| {
            rules.narrowed_by(agents::users_rules(&newer.config, &self.home, &setup.agent.name))
        })
    }

    /// Reads AGENTS.md and the like again: the user may have written others since.
    pub async fn read_instructions(&self, settings: &Settings) {
        let read = Arc::clone(&settings.instructions);
        match tokio::task::spawn_blocking(move || read()).await {
            Ok(mut now) => {
                now.extend(settings.remote.read().await);
                *self.known_instructions.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
            }
            Err(error) => tracing::error!(%error, "the instructions could not be read"),
        }
    }

    /// The folder where commands run.
    #[must_use]
    pub fn main_root(&self) -> &Path {
        &self.places.directory
    }

    /// For the system prompt.
    #[must_use]
    pub fn environment(&self) -> Environment {
        Environment {
            roots: self.workspace.roots(),
            git: self.places.directory.ancestors().any(|folder| folder.join(".git").exists()),
            platform: std::env::consts::OS,
            date: jiff::Zoned::now().date().to_string(),
        }
    }

    /// What was allowed for good before this process counts again. Where that cannot be read, the user is asked again.
    pub fn recall_approvals(&self) {
        let directory = self.places.directory.to_string_lossy();
        let approvals = self.saver.store().and_then(|store| store.approvals(&directory).map_err(|e| e.to_string()));
        match approvals {
            Ok(approvals) => self.prompts.recall(
                approvals.into_iter().map(|a| Rule { permission: a.permission, pattern: a.pattern, action: Action::Allow }).collect(),
            ),
            Err(why) => tracing::error!("what was allowed for good cannot be read: {why}"),
        }
    }

    /// Keeps what a turn changed, for undo.
    pub fn record_changes(self: &Arc<Self>, session: &SessionId, turn: &TurnId, changes: Vec<Applied>) {
        let (session, turn, changes) = (session.clone(), turn.clone(), Arc::new(changes));
        self.reload.wrote(&changes);
        let recorded = Recorded { turn: turn.clone(), changes: Arc::clone(&changes) };
        let (of, written) = (turn.clone(), Arc::clone(&changes));
        self.reviewers.lock().unwrap_or_else(PoisonError::into_inner).retain(|to| to.send(recorded.clone()).is_ok());
        self.saver.write(move |tx| {
            let records: Vec<_> = changes.iter().map(record).collect();
            tx.add_changes(&session, &turn, "", &records)
        });
        self.intents.recorded(self, &of, &written);
    }

    /// A turn begins.
    pub fn turn_began(&self, session: &SessionId) {
        self.reload.turn_began();
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(session.clone());
    }

    /// Takes a session for a turn; false if one runs in it.
    #[must_use]
    pub fn claim(&self, session: &SessionId) -> bool {
        self.reload.turn_began();
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(session.clone())
    }

    /// No turn runs in it.
    pub fn release(&self, session: &SessionId) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
    }

    /// A subagent of a session used that much.
    pub fn spend(&self, session: &SessionId, cost: f64, tokens: Tokens) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = spent.entry(session.clone()).or_default();
        sum.0 += cost;
        sum.1 += tokens;
    }

    /// What its subagents used since the last time.
    #[must_use]
    pub fn take_spent(&self, session: &SessionId) -> Option<(f64, Tokens)> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).remove(session)
    }

    /// A turn ended.
    pub fn turn_ended(&self, session: &SessionId, turn: &TurnId, reason: &StopReason) {
        tracing::info!(%session, %turn, reason = reason.word(), "{}", reason.message());
        self.release(session);
    }

    /// Whether no agent does anything in this process, but perhaps in a session that is about to end its turn.
    #[must_use]
    pub fn is_quiet(&self, ending: Option<&SessionId>) -> bool {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.iter().all(|session| Some(session) == ending) && !self.jobs.any_runs()
    }

    /// Whether a turn runs in a session.
    #[must_use]
    pub fn is_busy(&self, session: &SessionId) -> bool {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).contains(session)
    }
}

/// As it is stored.
#[must_use]
pub fn record(applied: &Applied) -> ChangeRecord {
    ChangeRecord {
        key: applied.key.to_uri(),
        before: applied.before.as_ref().map(blob),
        after: applied.after.as_ref().map(blob),
        route: match applied.route {
            Route::Editor => "editor".into(),
            Route::Disk => "disk".into(),
        },
    }
}

fn blob(content: &Content) -> Blob {
    let (bytes, is_text) = match &content.data {
        Data::Text(text) => (text.as_bytes().to_vec(), true),
        Data::Binary(bytes) => (bytes.to_vec(), false),
    };
    Blob { bytes, is_text, bom: content.bom, mode: content.mode }
}

/// As it was recorded.
#[must_use]
pub fn applied(record: ChangeRecord) -> Applied {
    Applied {
        key: DocKey::from_uri(&record.key),
        before: record.before.map(content),
        after: record.after.map(content),
        route: if record.route == "editor" { Route::Editor } else { Route::Disk },
    }
}

fn content(blob: Blob) -> Content {
    let data = match (blob.is_text, String::from_utf8(blob.bytes)) {
        (true, Ok(text)) => Data::Text(text.into()),
        (false, Ok(text)) => Data::Binary(text.into_bytes().into()),
        (_, Err(error)) => Data::Binary(error.into_bytes().into()),
    };
    Content { data, bom: blob.bom, mode: blob.mode }
}

/// A session's to-do list.
pub struct SessionTodos {
    shared: Arc<Shared>,
    session: SessionId,
}

impl SessionTodos {
    /// Of that session.
    #[must_use]
    pub fn new(shared: Arc<Shared>, session: SessionId) -> Self {
        Self { shared, session }
    }
}

impl TodoStore for SessionTodos {
    fn set(&self, todos: Vec<Todo>) {
        self.shared.todos.lock().unwrap_or_else(PoisonError::into_inner).insert(self.session.clone(), todos.clone());
        self.shared.bus.publish(Event::TodoUpdated { session_id: self.session.clone(), todos: todos.clone() });
        let session = self.session.clone();
        self.shared.saver.write(move |tx| tx.put_todos(&session, &todos));
    }

    fn get(&self) -> Vec<Todo> {
        self.shared.todos.lock().unwrap_or_else(PoisonError::into_inner).get(&self.session).cloned().unwrap_or_default()
    }
}
