//! A project in a temporary folder, with buffers over it and a user who answers as the test says.
//!
//! **Invariant:** for tests only; every ask is recorded.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use permission::{Action, BashAnalysis, BashDecision, Layers, Rule};
use proto::{CallId, MessageId, Question, SessionId, Todo};
use ropey::Rope;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;
use workspace::disk::{read_content, read_file};
use workspace::{Applied, ApplyError, Change, ChangeKind, Content, Data, DocKey, Origin, ReadError, Route, ShellRun, Snapshot, Workspace};

use crate::{Ask, Asker, Denied, Limits, Subagents, Subtask, Tool, ToolContext, ToolError, ToolOutput, ToolProgress};

/// What a test works in.
pub struct World {
    pub root: PathBuf,
    pub outside: PathBuf,
    pub context: ToolContext,
    pub files: Arc<Files>,
    pub user: Arc<User>,
    pub servers: Arc<Servers>,
    pub progress: UnboundedReceiver<ToolProgress>,
    _temp: tempfile::TempDir,
}

/// The user: denies what is listed, allows all else.
#[derive(Default)]
pub struct User {
    pub asks: Mutex<Vec<Ask>>,
    /// Permissions that are refused.
    pub deny: Mutex<Vec<&'static str>>,
    /// What the rules say of (permission, pattern).
    pub rules: Mutex<HashMap<(String, String), Action>>,
    /// The rules for the shell.
    pub shell_rules: Mutex<Vec<Rule>>,
    /// What was asked.
    pub questions: Mutex<Vec<Question>>,
    /// The answer to every question; none refuses.
    pub answer: Mutex<Option<Vec<String>>>,
    /// Names that a rule allows.
    pub named: Mutex<Vec<String>>,
}

#[async_trait]
impl Asker for User {
    async fn ask(&self, ask: Ask) -> Result<(), Denied> {
        let denied = self.deny.lock().expect("lock").iter().any(|name| *name == ask.permission);
        self.asks.lock().expect("lock").push(ask);
        if denied { Err(Denied::User { message: None }) } else { Ok(()) }
    }

    async fn allowed(&self, _: Ask) -> Result<(), Denied> {
        Ok(())
    }

    async fn question(&self, questions: Vec<Question>) -> Result<Vec<Vec<String>>, Denied> {
        let answer = self.answer.lock().expect("lock").clone().ok_or(Denied::User { message: None })?;
        let answers = vec![answer; questions.len()];
        self.questions.lock().expect("lock").extend(questions);
        Ok(answers)
    }

    fn evaluate(&self, permission: &str, pattern: &str) -> Action {
        let rules = self.rules.lock().expect("lock");
        rules.get(&(permission.to_owned(), pattern.to_owned())).copied().unwrap_or(Action::Allow)
    }

    fn allows_by_name(&self, _permission: &str, _pattern: &str, name: &str) -> bool {
        self.named.lock().expect("lock").iter().any(|named| named == name)
    }

    fn decide_shell(&self, analysis: &BashAnalysis) -> BashDecision {
        permission::decide(analysis, &Layers { user: &self.shell_rules.lock().expect("lock"), ..Layers::default() })
    }
}

#[derive(Default)]
struct Todos(Mutex<Vec<Todo>>);

impl crate::TodoStore for Todos {
    fn set(&self, todos: Vec<Todo>) {
        *self.0.lock().expect("lock") = todos;
    }

    fn get(&self) -> Vec<Todo> {
        self.0.lock().expect("lock").clone()
    }
}

/// Looks, and says nothing.
#[derive(Default)]
struct Looked;

#[async_trait]
impl crate::Diagnostics for Looked {
    fn looked_at(&self, _: &Snapshot) {}

    async fn preflight(&self, _: &[crate::Proposed<'_>], _: &CancellationToken) -> Option<String> {
        None
    }

    async fn changed(&self, _: &[Applied], _: &CancellationToken) -> String {
        String::new()
    }
}

/// Language servers that answer what the test says.
#[derive(Default)]
pub struct Servers {
    pub places: Mutex<Vec<crate::Location>>,
    pub symbols: Mutex<Vec<crate::Symbol>>,
    pub actions: Mutex<Vec<crate::CodeAction>>,
    /// What a rename or an action changes: each one by itself.
    pub outcomes: Mutex<Vec<Vec<crate::Outcome>>>,
    /// Runs before that.
    pub command: Mutex<Option<String>>,
    /// What was asked: the method and the words of the place.
    pub asked: Mutex<Vec<(String, String)>>,
}

impl Servers {
    fn note(&self, what: &str, at: &crate::Span) {
        let words = at.document.text.byte_slice(at.range.clone()).to_string();
        self.asked.lock().expect("lock").push((what.to_owned(), words));
    }

    async fn change(&self, carry: &dyn crate::Carry) -> Result<(), crate::ToolError> {
        let command = self.command.lock().expect("lock").clone();
        if let Some(command) = command {
            carry.may_run(&command).await?;
        }
        let all = std::mem::take(&mut *self.outcomes.lock().expect("lock"));
        for outcomes in all {
            let keys: Vec<DocKey> = outcomes.iter().map(|outcome| outcome.key.clone()).collect();
            carry.admit(&keys).await?;
            carry.carry_out(outcomes).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl crate::LanguageServers for Servers {
    async fn places(
        &self,
        lookup: crate::Lookup,
        at: &crate::Span,
        _: &CancellationToken,
    ) -> Result<crate::Found<crate::Location>, crate::ToolError> {
        self.note(&format!("{lookup:?}"), at);
        Ok(crate::Found { items: self.places.lock().expect("lock").clone(), note: Some("still indexing".to_owned()) })
    }

    async fn hover(&self, at: &crate::Span, _: &CancellationToken) -> Result<Option<String>, crate::ToolError> {
        self.note("hover", at);
        Ok(Some("fn f()".to_owned()))
    }

    async fn outline(&self, _: &Snapshot, _: &CancellationToken) -> Result<crate::Found<crate::Symbol>, crate::ToolError> {
        Ok(crate::Found { items: self.symbols.lock().expect("lock").clone(), note: None })
    }

    async fn search(
        &self,
        name: &str,
        _: Option<&Snapshot>,
        _: &CancellationToken,
    ) -> Result<crate::Found<crate::Symbol>, crate::ToolError> {
        self.asked.lock().expect("lock").push(("search".to_owned(), name.to_owned()));
        Ok(crate::Found { items: self.symbols.lock().expect("lock").clone(), note: None })
    }

    async fn rename(&self, at: &crate::Span, name: &str, carry: &dyn crate::Carry, _: &CancellationToken) -> Result<(), crate::ToolError> {
        self.note(&format!("rename to {name}"), at);
        self.change(carry).await
    }

    async fn actions(&self, at: &crate::Span, _: &CancellationToken) -> Result<Vec<crate::CodeAction>, crate::ToolError> {
        self.note("actions", at);
        Ok(self.actions.lock().expect("lock").clone())
    }

    async fn act(
        &self,
        at: &crate::Span,
        choose: &crate::Choose<'_>,
        carry: &dyn crate::Carry,
        _: &CancellationToken,
    ) -> Result<crate::CodeAction, crate::ToolError> {
        self.note("act", at);
        let actions = self.actions.lock().expect("lock").clone();
        let chosen = choose(&actions)?;
        self.change(carry).await?;
        Ok(actions[chosen].clone())
    }

    async fn diagnostics(&self, documents: &[Snapshot], _: &CancellationToken) -> Result<String, crate::ToolError> {
        Ok(format!("{} documents", documents.len()))
    }
}

/// Buffers over the disk, without rebase: a stale edit is an error.
pub struct Files {
    root: PathBuf,
    pub open: Mutex<HashMap<DocKey, Rope>>,
    pub log: Mutex<Vec<&'static str>>,
    /// What no command is shown.
    pub not_shown: Mutex<Vec<String>>,
}

impl Files {
    pub fn open(&self, name: &str, text: &str) {
        let key = DocKey::from_tool_path(name, &self.root);
        self.open.lock().expect("lock").insert(key, Rope::from_str(text));
    }

    pub fn text(&self, name: &str) -> String {
        let key = DocKey::from_tool_path(name, &self.root);
        self.open.lock().expect("lock")[&key].to_string()
    }

    fn snapshot(key: &DocKey, text: &Rope) -> Snapshot {
        Snapshot { key: key.clone(), text: text.clone(), origin: Origin::Buffer { version: 1, dirty: true }, language: "".into() }
    }
}

struct Run(Vec<String>);

impl ShellRun for Run {
    fn not_shown(&self) -> Vec<String> {
        self.0.clone()
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

#[async_trait]
impl Workspace for Files {
    fn roots(&self) -> Vec<PathBuf> {
        vec![self.root.clone()]
    }

    async fn read(&self, key: &DocKey) -> Result<Snapshot, ReadError> {
        if let Some(text) = self.open.lock().expect("lock").get(key) {
            return Ok(Self::snapshot(key, text));
        }
        let path = key.path().ok_or_else(|| ReadError::NotFound(key.clone()))?;
        let file = read_file(path)?;
        let origin = Origin::Disk { bom: file.bom, mode: file.mode, mtime_ns: file.mtime_ns };
        Ok(Snapshot { key: key.clone(), text: file.text, origin, language: "".into() })
    }

    async fn open_documents(&self) -> Vec<Snapshot> {
        self.open.lock().expect("lock").iter().map(|(key, text)| Self::snapshot(key, text)).collect()
    }

    async fn apply(&self, changes: Vec<Change>, _cancel: &CancellationToken) -> Result<Vec<Applied>, ApplyError> {
        self.log.lock().expect("lock").push("apply");
        let mut done = Vec::new();
        for Change { key, kind } in changes {
            let path = key.path().map(PathBuf::from);
            let opened = self.open.lock().expect("lock").get(&key).cloned();
            let route = if opened.is_some() { Route::Editor } else { Route::Disk };
            let before = match (&opened, &path) {
                (Some(text), _) => Some(Content::text(text.to_string())),
                (None, Some(path)) => read_content(path).expect("readable"),
                (None, None) => None,
            };
            let after = match kind {
                ChangeKind::Create { content } | ChangeKind::Restore { content } => Some(content),
                ChangeKind::Delete { .. } => None,
                ChangeKind::Edit { base, edits, .. } => {
                    let mut text = base.to_string();
                    let now = before.as_ref().and_then(Content::as_text).unwrap_or_default();
                    if text != now {
                        return Err(ApplyError::Conflict { key, diff: String::new() });
                    }
                    for edit in edits.iter().rev() {
                        text.replace_range(edit.range.clone(), &edit.text);
                    }
                    Some(Content { data: Data::Text(text.into()), ..before.clone().expect("exists") })
                }
            };
            match (&after, route, &path) {
                (Some(content), Route::Editor, _) => {
                    self.open.lock().expect("lock").insert(key.clone(), Rope::from_str(content.as_text().expect("text")));
                }
                (Some(content), Route::Disk, Some(path)) => {
                    std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
                    let bom = if content.bom { "\u{feff}" } else { "" };
                    std::fs::write(path, format!("{bom}{}", content.as_text().expect("text"))).expect("write");
                }
                (None, _, Some(path)) => std::fs::remove_file(path).expect("remove"),
                (_, _, None) => {}
            }
            done.push(Applied { key, before, after, route });
        }
        Ok(done)
    }

    async fn prepare_shell(&self, _cancel: &CancellationToken) -> Result<Box<dyn ShellRun>, ApplyError> {
        self.log.lock().expect("lock").push("prepare");
        Ok(Box::new(Run(self.not_shown.lock().expect("lock").clone())))
    }

    async fn finish_shell(&self, _run: Box<dyn ShellRun>) -> Vec<Applied> {
        self.log.lock().expect("lock").push("finish");
        Vec::new()
    }
}

/// Subagents that repeat what they are told; there is none called `nobody`.
struct Helpers;

#[async_trait]
impl Subagents for Helpers {
    fn check(&self, task: &Subtask) -> Result<(), ToolError> {
        if task.agent == "nobody" { Err(ToolError::model("there is no subagent `nobody`")) } else { Ok(()) }
    }

    async fn run(&self, task: Subtask, _context: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput { output: format!("{}: {}", task.agent, task.prompt), ..ToolOutput::default() })
    }
}

impl World {
    pub fn new() -> Self {
        let temp = tempfile::tempdir().expect("temp");
        let top = temp.path().canonicalize().expect("real");
        let (root, outside) = (top.join("project"), top.join("outside"));
        for dir in [&root, &outside] {
            std::fs::create_dir_all(dir).expect("mkdir");
        }
        let files = Arc::new(Files { root: root.clone(), open: Mutex::default(), log: Mutex::default(), not_shown: Mutex::default() });
        let (user, servers) = (Arc::new(User::default()), Arc::new(Servers::default()));
        permission::push(&mut user.shell_rules.lock().expect("lock"), "bash", "*", Action::Allow);
        let (send, progress) = unbounded_channel();
        let context = ToolContext {
            workspace: files.clone(),
            asker: user.clone(),
            session: SessionId::new(),
            message: MessageId::new(),
            call: CallId::from("call_1"),
            cancel: CancellationToken::new(),
            progress: send,
            seen: Arc::default(),
            guides: Arc::default(),
            formatters: Arc::default(),
            todos: Arc::new(Todos::default()),
            diagnostics: Arc::new(Looked),
            servers: servers.clone(),
            subagents: Arc::new(Helpers),
            jobs: Arc::default(),
            output_dir: top.join("output"),
            limits: Limits::default(),
            images: config::ImageConfig::default(),
            shell: "/bin/bash".into(),
        };
        Self { root, outside, context, files, user, servers, progress, _temp: temp }
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        std::fs::write(path, content).expect("write");
    }

    pub fn disk(&self, name: &str) -> String {
        std::fs::read_to_string(self.root.join(name)).expect("readable")
    }

    pub fn path(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    pub async fn run(&self, tool: &dyn Tool, args: Value) -> Result<ToolOutput, ToolError> {
        tool.run(args, &self.context).await
    }

    /// The output, or the error's text.
    pub async fn text(&self, tool: &dyn Tool, args: Value) -> String {
        match self.run(tool, args).await {
            Ok(output) => output.output,
            Err(error) => error.to_string(),
        }
    }

    /// (permission, patterns) of each ask so far.
    pub fn asked(&self) -> Vec<(String, Vec<String>)> {
        self.user.asks.lock().expect("lock").iter().map(|ask| (ask.permission.clone(), ask.patterns.clone())).collect()
    }

    pub fn rule(&self, permission: &str, pattern: &str, action: Action) {
        self.user.rules.lock().expect("lock").insert((permission.to_owned(), pattern.to_owned()), action);
    }
}

/// Fails unless all words are in the text.
#[track_caller]
pub fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

/// Fails if one of the words is in the text.
#[track_caller]
pub fn lacks(text: &str, words: &[&str]) {
    for word in words {
        assert!(!text.contains(word), "{word:?} is in:\n{text}");
    }
}
