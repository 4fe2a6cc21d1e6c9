//! What a tool is given to work with.
//!
//! **Invariant:** a tool reaches the user, the editor and the store by these traits alone.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use config::{ImageConfig, Instruction};
use permission::Action;
use proto::{CallId, MessageId, Question, SessionId, Todo};
use ropey::Rope;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use workspace::{DocKey, Place, Workspace};

use crate::{Diagnostics, Formatters, Guides, Jobs, LanguageServers, Subagents};

/// Why something is not allowed. The texts are for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A rule forbids it.
    #[error("permission denied: a rule of the user's configuration forbids {permission} for {pattern}")]
    Rule {
        /// The permission's name.
        permission: String,
        /// What it was asked for.
        pattern: String,
    },
    /// The user said no.
    #[error("the user rejected this tool call (permission denied){}", message.as_deref().map_or(String::new(), |m| format!(" and said: {m}")))]
    User {
        /// What the user said with it.
        message: Option<String>,
    },
    /// A hook of the user's said no.
    #[error("permission denied by a hook of the user's: {why}")]
    Hook {
        /// Why.
        why: String,
    },
    /// There is nobody to ask.
    #[error("permission denied: {permission} for {pattern} needs the user's permission, and there is nobody to ask")]
    NobodyToAsk {
        /// The permission's name.
        permission: String,
        /// What it was asked for.
        pattern: String,
    },
    /// The turn was cancelled while the prompt waited.
    #[error("the prompt was withdrawn (permission denied)")]
    Withdrawn,
}

/// A request for permission.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The permission's name: `edit`, `bash`, `read`, `external_directory`, …
    pub permission: String,
    /// What for; all must be allowed.
    pub patterns: Vec<String>,
    /// What "always" would allow.
    pub always: Vec<String>,
    /// For the prompt: `title` (one line), `diff`, `filepath`, `command`, …
    pub metadata: Value,
    /// The place that it concerns, if it is one; else the prompt stands where the user asked from.
    pub place: Option<Place>,
    /// True where no rule's `allow` counts: the user must be asked (what could not be parsed). A `deny` still denies.
    pub always_ask: bool,
}

/// Decides, or asks the user.
#[async_trait]
pub trait Asker: Send + Sync {
    /// Returns when it is allowed. Never returns `Ok` without a rule or a user's answer that says so.
    async fn ask(&self, ask: Ask) -> Result<(), Denied>;

    /// For what the rules allow, as the caller has found out by itself: hooks may still refuse it, or have the user asked.
    async fn allowed(&self, ask: Ask) -> Result<(), Denied>;

    /// Returns what the user answers: for each question the chosen labels, or words of the user's own.
    async fn question(&self, questions: Vec<Question>) -> Result<Vec<Vec<String>>, Denied>;

    /// What the rules say, without asking.
    fn evaluate(&self, permission: &str, pattern: &str) -> Action;

    /// Whether the rules allow a pattern by a rule that names `name`, such as a host; one for everything does not.
    fn allows_by_name(&self, permission: &str, pattern: &str, name: &str) -> bool;

    /// What the rules say about a shell command, without asking.
    fn decide_shell(&self, analysis: &permission::BashAnalysis) -> permission::BashDecision;
}

/// Keeps a session's to-do list.
pub trait TodoStore: Send + Sync {
    /// Replaces the list.
    fn set(&self, todos: Vec<Todo>);
    /// The list.
    fn get(&self) -> Vec<Todo>;
}

/// News of a running call.
#[derive(Clone, Debug)]
pub struct ToolProgress {
    /// OpenCode's `metadata` of the running state (`output`: the end of the output so far).
    pub metadata: Value,
}

/// How much of an output the model is given.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Lines (OpenCode's `tool_output.max_lines`, 2000).
    pub lines: usize,
    /// Bytes (OpenCode's `tool_output.max_bytes`, 51200).
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lines: 2000, bytes: 51_200 }
    }
}

/// What the model has before its eyes: the text of each document as it last saw it or made it, and the instruction files that it was told on the way.
#[derive(Debug, Default)]
pub struct SeenFiles {
    texts: Mutex<HashMap<DocKey, Seen>>,
    told: Mutex<HashSet<PathBuf>>,
}

#[derive(Debug)]
struct Seen {
    text: Rope,
    /// Whether somebody else changed it since the model read it, and the model was told the changed lines alone.
    changed: bool,
}

impl SeenFiles {
    /// The model has read (or written) this text.
    pub fn set(&self, key: DocKey, text: Rope) {
        self.texts().insert(key, Seen { text, changed: false });
    }

    /// The model has changed parts of it: that is no reading.
    pub fn edited(&self, key: DocKey, text: Rope) {
        let mut texts = self.texts();
        let changed = texts.get(&key).is_some_and(|seen| seen.changed);
        texts.insert(key, Seen { text, changed });
    }

    /// The model was told what somebody else changed.
    pub fn told_changes(&self, key: DocKey, text: Rope) {
        self.texts().insert(key, Seen { text, changed: true });
    }

    /// What the model last saw.
    #[must_use]
    pub fn get(&self, key: &DocKey) -> Option<Rope> {
        self.texts().get(key).map(|seen| seen.text.clone())
    }

    /// Whether the model has read it, and not as it is now: then it may not be replaced as a whole.
    #[must_use]
    pub fn is_stale(&self, key: &DocKey, now: &Rope) -> bool {
        self.texts().get(key).is_some_and(|seen| seen.changed || seen.text != *now)
    }

    /// The model knows it no more.
    pub fn forget(&self, key: &DocKey) {
        self.texts().remove(key);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<(DocKey, Rope)> {
        self.texts().iter().map(|(key, seen)| (key.clone(), seen.text.clone())).collect()
    }

    /// These instruction files are what the model still has of those that it was told, and no others.
    pub fn told_only(&self, paths: HashSet<PathBuf>) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = paths;
    }

    /// Instruction files that are not told yet, as `which` finds them; from now on they are.
    pub(crate) fn tell(&self, which: impl FnOnce(&HashSet<PathBuf>) -> Vec<Instruction>) -> Vec<Instruction> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let files = which(&told);
        told.extend(files.iter().map(|file| file.path.clone()));
        files
    }

    fn texts(&self) -> MutexGuard<'_, HashMap<DocKey, Seen>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a tool is given.
#[derive(Clone)]
pub struct ToolContext {
    /// The project's text.
    pub workspace: Arc<dyn Workspace>,
    /// Decides, or asks the user.
    pub asker: Arc<dyn Asker>,
    /// Whose call it is.
    pub session: SessionId,
    /// The message that holds the call.
    pub message: MessageId,
    /// The call.
    pub call: CallId,
    /// Set when the user cancels.
    pub cancel: CancellationToken,
    /// News while it runs.
    pub progress: tokio::sync::mpsc::UnboundedSender<ToolProgress>,
    /// What the model has seen, of this session.
    pub seen: Arc<SeenFiles>,
    /// What the project says to the agent.
    pub guides: Arc<Guides>,
    /// What formats what it writes.
    pub formatters: Arc<Formatters>,
    /// The session's to-do list.
    pub todos: Arc<dyn TodoStore>,
    /// Looks at what is changed.
    pub diagnostics: Arc<dyn Diagnostics>,
    /// What the project's language servers know and can do.
    pub servers: Arc<dyn LanguageServers>,
    /// Starts other agents.
    pub subagents: Arc<dyn Subagents>,
    /// Background commands.
    pub jobs: Arc<Jobs>,
    /// Where whole outputs are kept; pre-approved for reading.
    pub output_dir: PathBuf,
    /// How much the model is given.
    pub limits: Limits,
    /// What an image that the model is given may be.
    pub images: ImageConfig,
    /// The shell that runs commands, such as `/bin/bash`.
    pub shell: PathBuf,
}
