//! A project, a model and an engine, and the user who watches.
//!
//! **Invariant:** every wait ends: with what was waited for, or with a failed test that says what came instead.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use engine::{AskRequest, Asked, Deps, Engine, InstructionsNow, Places};
use proto::{Event, Message, MessageWithParts, NumberedEvent, Part, PartKind, PermissionReply, PermissionRequest, SessionId, ToolState};
use providers::{Catalogue, KeySource, Registry};
use serde_json::{Value, json};
use store::Store;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use workspace::{Applied, ApplyError, Change, Content, DocKey, MemWorkspace, ReadError, Route, ShellRun, Snapshot, Workspace};

use crate::model::{Model, PATIENCE};

/// Everything that a test needs.
pub struct World {
    pub model: Model,
    pub files: Arc<MemWorkspace>,
    pub engine: Engine,
    pub events: UnboundedReceiver<Arc<NumberedEvent>>,
    /// All events that were looked at, in order.
    pub seen: Vec<Arc<NumberedEvent>>,
    pub config: Value,
    /// Holds the project (`project`) and the data (`data`).
    pub dir: TempDir,
    interactive: bool,
}

impl World {
    /// With the default configuration.
    pub async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With more keys of the configuration.
    pub async fn with(more: Value) -> Self {
        Self::build(more, true).await
    }

    /// With nobody to ask.
    pub async fn alone(more: Value) -> Self {
        Self::build(more, false).await
    }

    async fn build(more: Value, interactive: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("project")).unwrap();
        let model = Model::start().await;
        let mut config = json!({"model": "mock/test", "shell": "/bin/bash", "provider": {"mock": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": model.url, "apiKey": "k-secret"},
            "models": {"test": {}, "other": {}, "gpt-5": {}, "tiny-1b": {}, "thinker": {"reasoning": true}, "narrow": {"limit": {"context": 10_000, "output": 1000}}, "wide": {"limit": {"context": 100_000, "output": 1000}},
                "paid": {"limit": {"context": 100_000, "output": 4000}, "cost": {"input": 1, "output": 10}}},
        }}});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        let files = Arc::new(MemWorkspace::new(project(&dir)));
        let engine = engine(&dir, &config, Arc::clone(&files), interactive);
        let events = engine.events();
        Self { model, files, engine, events, seen: Vec::new(), config, dir, interactive }
    }

    /// Another engine over the same project and data, as another process has it.
    pub fn another(&self) -> Engine {
        engine(&self.dir, &self.config, Arc::clone(&self.files), self.interactive)
    }

    /// The process ends, and a new one begins.
    pub async fn restart(&mut self) {
        self.engine.shutdown().await;
        self.engine = self.another();
        self.events = self.engine.events();
    }

    /// The project's folder.
    pub fn project(&self) -> std::path::PathBuf {
        project(&self.dir)
    }

    /// Asks, in the current session.
    pub async fn ask(&self, text: &str) -> Asked {
        self.engine.ask(AskRequest { text: text.into(), ..AskRequest::default() }).await.unwrap()
    }

    /// Asks, and waits for the turn's end; returns its reason.
    pub async fn turn(&mut self, text: &str) -> String {
        self.ask(text).await;
        self.idle().await
    }

    /// The next event that fits.
    pub async fn event<T>(&mut self, what: &str, find: impl Fn(&Event) -> Option<T>) -> T {
        let (events, seen) = (&mut self.events, &mut self.seen);
        let wait = async {
            loop {
                let event = events.recv().await.unwrap();
                seen.push(Arc::clone(&event));
                if let Some(found) = find(&event.event) {
                    return found;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(found) => found,
            Err(_) => panic!("no {what}; these came: {:#?}", self.seen.iter().rev().take(12).collect::<Vec<_>>()),
        }
    }

    /// Waits for the end of a turn; returns its reason.
    pub async fn idle(&mut self) -> String {
        self.event("end of the turn", |event| match event {
            Event::SessionIdle { reason, .. } => Some(reason.clone()),
            _ => None,
        })
        .await
    }

    /// The same, where a real program takes the time that it takes.
    pub async fn idle_at_last(&mut self) -> String {
        loop {
            let event = self.events.recv().await.unwrap();
            if let Event::SessionIdle { reason, .. } = &event.event {
                return reason.clone();
            }
        }
    }

    /// Waits for a prompt.
    pub async fn prompt(&mut self) -> PermissionRequest {
        self.event("prompt", |event| match event {
            Event::PermissionAsked(request) => Some(request.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until these words of the answer were shown.
    pub async fn words(&mut self, want: &str) {
        self.event("words", |event| matches!(event, Event::PartDelta { delta, .. } if delta.contains(want)).then_some(())).await;
    }

    /// Waits until a call of this tool runs.
    pub async fn running(&mut self, want: &str) {
        self.event("running call", |event| match event {
            Event::PartUpdated { part: Part { kind: PartKind::Tool { tool, state: ToolState::Running { .. }, .. }, .. } }
                if tool == want =>
            {
                Some(())
            }
            _ => None,
        })
        .await;
    }

    /// Answers the oldest prompt.
    pub fn permit(&self, reply: PermissionReply) {
        self.engine.permit(None, reply, None).unwrap();
    }

    /// The current session.
    pub fn session(&self) -> SessionId {
        self.engine.current().unwrap()
    }

    /// What is stored, read by other eyes.
    pub fn store(&self) -> Store {
        Store::open(&self.dir.path().join("data/interline.db")).unwrap()
    }

    /// Waits until all that was said is stored.
    pub async fn flush(&self) {
        self.engine.messages(&self.session()).await.unwrap();
    }

    /// What is stored of the current session.
    pub fn stored(&self) -> Vec<MessageWithParts> {
        self.store().messages(&self.session()).unwrap()
    }

    /// Puts a stored session there, as a process that was killed left it.
    pub fn leave(&self, session: &proto::Session, history: &[MessageWithParts]) {
        let store = self.store();
        store.put_session(session).unwrap();
        let mut seq = 0;
        for message in history {
            seq += 1;
            store.put_message(&message.info, seq).unwrap();
            for (position, part) in (0..).zip(&message.parts) {
                seq += 1;
                store.put_part(part, seq, position).unwrap();
            }
        }
    }
}

fn project(dir: &TempDir) -> std::path::PathBuf {
    dir.path().canonicalize().unwrap().join("project")
}

/// An engine.
pub fn engine(dir: &TempDir, config: &Value, files: Arc<MemWorkspace>, interactive: bool) -> Engine {
    engine_at(&dir.path().join("data"), &project(dir), config, Arc::new(Fragile(files)), interactive)
}

/// An engine with its data somewhere else.
pub fn engine_at(data: &Path, project: &Path, config: &Value, workspace: Arc<dyn Workspace>, interactive: bool) -> Engine {
    let config: Arc<config::Config> = Arc::new(serde_json::from_value(config.clone()).unwrap());
    let keys = KeySource::new(|_| None, |_| None);
    let said = engine::Said {
        registry: Registry::new(Arc::clone(&config), keys, Catalogue::default()),
        config,
        instructions: instructions(project),
        instruction_urls: Vec::new(),
        skills: loaded(project).skills,
        brought: brought(project),
        problems: Vec::new(),
        looked_at: std::collections::BTreeSet::new(),
    };
    Engine::new(Deps {
        workspace,
        said,
        again: None,
        env: config::Env::default(),
        places: Places { data: data.to_owned(), directory: project.to_owned() },
        home: "/nowhere".into(),
        interactive,
        jobs: Arc::default(),
        editor: Arc::default(),
    })
}

/// What the project's folders and those of the user at `home`, beside the project, bring to be run.
fn brought(project: &Path) -> engine::Brought {
    engine::Brought::of(&loaded(project), project)
}

fn loaded(project: &Path) -> config::Loaded {
    let home = project.with_file_name("home");
    let env = config::Env::from_pairs([("HOME", home.to_str().unwrap())]);
    let dirs = config::Dirs { managed: Vec::new(), ..config::Dirs::from_env(&env) };
    config::load(&env, &dirs, project)
}

/// The rules in `RULES.md`, if there is one.
fn instructions(project: &Path) -> InstructionsNow {
    let path = project.join("RULES.md");
    Arc::new(move || std::fs::read_to_string(&path).map(|text| (path.clone(), text)).into_iter().collect())
}

/// A workspace in which to read `panic.txt` is a fault, and to read `hang.txt` never ends; every command writes on in `generated.txt`; where there is `halt.txt`,
/// a change is made, and nobody hears of it; where there is `doubt.txt`, it is made, and cannot be told from one that was not.
pub struct Fragile(pub Arc<MemWorkspace>);

#[async_trait]
impl Workspace for Fragile {
    fn roots(&self) -> Vec<std::path::PathBuf> {
        self.0.roots()
    }

    async fn read(&self, key: &DocKey) -> Result<Snapshot, ReadError> {
        assert!(!key.path().is_some_and(|path| path.ends_with("panic.txt")), "a fault of the workspace");
        if key.path().is_some_and(|path| path.ends_with("hang.txt")) {
            std::future::pending::<()>().await;
        }
        self.0.read(key).await
    }

    async fn open_documents(&self) -> Vec<Snapshot> {
        self.0.open_documents().await
    }

    async fn apply(&self, changes: Vec<Change>, cancel: &CancellationToken) -> Result<Vec<Applied>, ApplyError> {
        self.0.apply(changes, cancel).await
    }

    async fn apply_foretold(
        &self,
        changes: Vec<Change>,
        cancel: &CancellationToken,
        note: Arc<dyn workspace::Foretold>,
    ) -> Result<Vec<Applied>, ApplyError> {
        let applied = self.0.apply_foretold(changes, cancel, note).await;
        // As if the process were killed now: nobody hears that it was made.
        assert!(self.0.get("halt.txt").is_none(), "a fault of the workspace");
        if self.0.get("doubt.txt").is_some()
            && let Some(Applied { key, .. }) = applied.as_ref().ok().and_then(|applied| applied.first())
        {
            return Err(ApplyError::Unsure { key: key.clone(), reason: "nobody answered".into(), diff: String::new() });
        }
        applied
    }

    async fn prepare_shell(&self, cancel: &CancellationToken) -> Result<Box<dyn ShellRun>, ApplyError> {
        self.0.prepare_shell(cancel).await
    }

    async fn finish_shell(&self, run: Box<dyn ShellRun>) -> Vec<Applied> {
        let mut changes = self.0.finish_shell(run).await;
        let key = self.0.key("generated.txt");
        if let Ok(before) = self.0.read(&key).await {
            let content = |text: String| Some(Content::text(text));
            let text = format!("{}by a command\n", before.text);
            self.0.set("generated.txt", &text);
            changes.push(Applied { key, before: content(before.text.to_string()), after: content(text), route: Route::Disk });
        }
        changes
    }
}

/// The messages of a request after the system prompt, each as `role: text`.
pub fn said(request: &Value) -> Vec<String> {
    let text = |content: &Value| match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    };
    let messages = request["messages"].as_array().unwrap();
    messages
        .iter()
        .filter(|message| message["role"] != "system")
        .map(|message| format!("{}: {}", message["role"].as_str().unwrap(), text(&message["content"])))
        .collect()
}

/// All the text of a request's messages after the system prompt.
pub fn all_said(request: &Value) -> String {
    said(request).join("\n")
}

/// How often a text stands in another.
pub fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

/// Fails unless the request is one that every provider takes: each call has one result right after it, and nothing else has.
pub fn well_formed(request: &Value) {
    let messages: Vec<_> = request["messages"].as_array().unwrap().iter().filter(|m| m["role"] != "system").collect();
    assert_eq!(messages.first().map(|m| &m["role"]), Some(&json!("user")), "{messages:#?}");
    assert_ne!(messages.last().map(|m| &m["role"]), Some(&json!("assistant")), "{messages:#?}");
    let mut open: Vec<String> = Vec::new();
    for message in messages {
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        if message["role"] == "tool" {
            let id = id(&message["tool_call_id"]);
            let at = open.iter().position(|o| *o == id).unwrap_or_else(|| panic!("a result without a call: {request:#?}"));
            open.remove(at);
            continue;
        }
        assert!(open.is_empty(), "calls without results: {open:?}: {request:#?}");
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            open.push(id(&call["id"]));
            let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
            assert!(arguments.is_object(), "{call:#?}");
        }
    }
    assert!(open.is_empty(), "calls without results: {open:?}: {request:#?}");
}

/// All tool parts of a history: name, state.
pub fn tool_states(history: &[MessageWithParts]) -> Vec<(String, ToolState)> {
    history
        .iter()
        .flat_map(|message| &message.parts)
        .filter_map(|part| match &part.kind {
            PartKind::Tool { tool, state, .. } => Some((tool.clone(), state.clone())),
            _ => None,
        })
        .collect()
}

/// What a call was answered; its error if it failed.
pub fn outcome(state: &ToolState) -> String {
    match state {
        ToolState::Completed { output, .. } => output.clone(),
        ToolState::Error { error, .. } => format!("error: {error}"),
        ToolState::Pending { .. } => "pending".into(),
        ToolState::Running { .. } => "running".into(),
    }
}

/// The words of the model's messages.
pub fn answers(history: &[MessageWithParts]) -> Vec<String> {
    let words = |message: &MessageWithParts| {
        message
            .parts
            .iter()
            .filter_map(|part| match &part.kind {
                PartKind::Text { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect::<String>()
    };
    history.iter().filter(|m| matches!(m.info, Message::Assistant(_))).map(words).collect()
}
