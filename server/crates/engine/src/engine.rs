//! The engine as faces see it: ask, cancel, permit, sessions, undo.
//!
//! Owns the table of session workers and which session is the current one. Must not know who calls, nor decide anything about a turn.
//!
//! **Invariant:** a message that was acknowledged is stored; a session has one worker in this process.

mod sessions;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use config::{Dirs, Env};
use lsp_client::{EditorSays, FileChange};
use permission::Action;
use proto::{NumberedEvent, PermissionId, PermissionReply, QuestionId, Session, SessionId, TurnId};
use providers::Client;
use tokio::sync::{mpsc, oneshot};
use tools::Jobs;
use workspace::Workspace;

use crate::agents;
use crate::events::Bus;
use crate::extras::Extras;
use crate::eyes::Siblings;
use crate::foreign::{self, Foreign};
use crate::hooks::Hooks;
use crate::intents::Intents;
use crate::ledger::Ledger;
use crate::prompts::Prompts;
use crate::questions::{Questions, WaitingQuestion};
use crate::reload::{self, Reload};
use crate::saver::Saver;
use crate::session::{SessionState, now};
use crate::settings::{Again, Said, Settings};
use crate::setup::{Models, Setup};
use crate::shared::Shared;
use crate::toolbox::{self, Toolbox};
use crate::undo::{self, Undo};
use crate::weak::Verdicts;
use crate::worker::{Command, Worker};
use crate::{AskRequest, Asked, ConfigurationNews, EngineError, Places, Recorded, Waiting, files, watch};

/// How many sessions stay in memory while nothing runs in them. Those that were used before are read from the store again.
const KEPT: usize = 4;
/// How long turns may take to end with the process.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What the engine is made of.
pub struct Deps {
    /// The project's text.
    pub workspace: Arc<dyn Workspace>,
    /// What the configuration says.
    pub said: Said,
    /// Reads it again; none where what was read counts to the end.
    pub again: Option<Again>,
    /// The environment: it says which instruction files of folders count.
    pub env: Env,
    /// Where things are kept.
    pub places: Places,
    /// The user's home.
    pub home: PathBuf,
    /// Whether there is somebody to ask; if not, what would ask is refused.
    pub interactive: bool,
    /// Background commands; the face ends them with the process.
    pub jobs: Arc<Jobs>,
    /// What the editor says of documents, if there is one.
    pub editor: Arc<EditorSays>,
}

/// What configuration folders bring to be run.
#[derive(Default)]
pub struct Brought {
    /// Tools that are executables.
    pub tools: Vec<config::ToolFile>,
    /// Programs on events.
    pub hooks: Vec<config::Hook>,
    /// MCP servers of the project's.
    pub servers: Vec<foreign::Named>,
    /// What the user's own configuration says of projects' programs: patterns, the last that matches counts.
    pub trust: Vec<(String, Action)>,
}

impl Brought {
    /// What was found for a session in `directory`.
    #[must_use]
    pub fn of(loaded: &config::Loaded, directory: &std::path::Path) -> Self {
        let servers = foreign::named(loaded, directory);
        Self { tools: loaded.tools.values().cloned().collect(), hooks: loaded.hooks.clone(), servers, trust: loaded.project_code.clone() }
    }
}

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    workers: Mutex<HashMap<SessionId, mpsc::UnboundedSender<Command>>>,
    /// Sessions are looked up and made one at a time, so that a session never has two workers.
    opening: tokio::sync::Mutex<()>,
    chosen: Mutex<Chosen>,
    failures: Mutex<Option<mpsc::UnboundedReceiver<String>>>,
    news: Mutex<Option<mpsc::UnboundedReceiver<ConfigurationNews>>>,
}

#[derive(Default)]
struct Chosen {
    session: Option<SessionId>,
    /// The sessions that have a worker, the one that was used last at the end.
    recent: Vec<SessionId>,
    model: Option<String>,
    agent: Option<String>,
}

impl Engine {
    /// An engine; it opens and starts nothing before the first message.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let bus = Arc::new(Bus::default());
        let (tx, failures) = mpsc::unbounded_channel();
        let saver = Arc::new(Saver::new(deps.places.data.join("interline.db"), tx));
        let prompts = Arc::new(Prompts::new(Arc::clone(&bus), Vec::new()));
        let offered = |tool: &str| match tool {
            "question" => deps.interactive,
            _ => true,
        };
        let questions = Arc::new(Questions::new(Arc::clone(&bus)));
        let said = deps.said;
        let (settings, instructions) = Settings::of(&said, &deps.env, &deps.places, None);
        let (tell, news) = mpsc::unbounded_channel();
        let reload = Reload::new(&said, deps.again, deps.env.clone(), tell);
        let config = said.config;
        let mut tools: Vec<Arc<dyn tools::Tool>> = tools::all_tools().into_iter().filter(|tool| offered(tool.id())).collect();
        match tools::WebSearch::of(config.other.get("websearch").unwrap_or(&serde_json::Value::Null)) {
            Ok(search) => tools.extend(search.map(|search| Arc::new(search) as _)),
            Err(why) => tracing::warn!("{why}"),
        }
        let tools = {
            let places = mcp::Places { directory: deps.places.directory.clone(), roots: deps.workspace.roots() };
            let theirs = Dirs::from_env(&deps.env).opencode_data;
            let held: Vec<&str> = said.brought.servers.iter().map(|server| &*server.name).collect();
            let servers = toolbox::servers(&config, &held, places, &[&theirs, &deps.places.data]);
            Toolbox::new(tools, servers)
        };
        let shared_servers = lsp_client::shared::folder(deps.env.get("XDG_RUNTIME_DIR").map(std::path::Path::new), &deps.places.data);
        let Brought { tools: files, hooks, servers: theirs, trust } = said.brought;
        let intents = Arc::new(Intents::new(&deps.places.data));
        let foreign = Foreign::new(theirs, trust.clone());
        let extras = Extras::new(files, hooks, trust, deps.places.directory.clone(), &deps.places.data);
        let hooks = Arc::new(Hooks::new(deps.places.directory.clone(), extras.own_hooks()));
        let shared = Shared {
            workspace: deps.workspace,
            settings: RwLock::new(settings),
            reload,
            models: Models::default(),
            ledger: Arc::new(Ledger::new(config.budget)),
            verdicts: Verdicts::new(&deps.places.data),
            client: Client::new(),
            tools,
            jobs: deps.jobs,
            known_instructions: Mutex::new(Arc::new(instructions)),
            extras,
            foreign,
            hooks,
            siblings: Arc::new(Siblings::new(&config, deps.places.directory.clone(), shared_servers, deps.editor)),
            home: deps.home,
            interactive: deps.interactive,
            places: deps.places,
            bus,
            prompts,
            questions,
            saver,
            intents,
            todos: Mutex::default(),
            reviewers: Mutex::default(),
            busy: Mutex::default(),
            watched: Mutex::default(),
            spent: Mutex::default(),
            undoing: Arc::default(),
        };
        Self(Arc::new(Inner {
            shared: Arc::new(shared),
            workers: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            chosen: Mutex::default(),
            failures: Mutex::new(Some(failures)),
            news: Mutex::new(Some(news)),
        }))
    }

    /// What all sessions share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// All events from now on, in order.
    #[must_use]
    pub fn events(&self) -> mpsc::UnboundedReceiver<Arc<NumberedEvent>> {
        self.0.shared.bus.subscribe()
    }

    /// What the turns change from now on, as it is recorded.
    #[must_use]
    pub fn changes(&self) -> mpsc::UnboundedReceiver<Recorded> {
        let (tx, rx) = mpsc::unbounded_channel();
        self.0.shared.reviewers.lock().unwrap_or_else(PoisonError::into_inner).push(tx);
        rx
    }

    /// The words of each write to the store that failed. Can be taken once.
    #[must_use]
    pub fn failures(&self) -> Option<mpsc::UnboundedReceiver<String>> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What is to be told of the configuration. Can be taken once.
    #[must_use]
    pub fn configuration_news(&self) -> Option<mpsc::UnboundedReceiver<ConfigurationNews>> {
        self.0.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the configuration says now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.0.shared.settings()
    }

    /// Reads the configuration again if its files have changed: to be called before a message is taken.
    pub async fn look_at_configuration(&self) {
        reload::look(&self.0.shared, None).await;
    }

    /// The user has saved a file.
    pub fn saved(&self, path: &Path) {
        if self.0.shared.reload.concerns(path) {
            let shared = Arc::clone(&self.0.shared);
            tokio::spawn(async move { reload::look(&shared, None).await });
        }
    }

    /// Files have changed on the disk, as an editor tells that watches them.
    pub fn disk_changed(&self, changes: &[(PathBuf, FileChange)]) {
        if let Some((path, _)) = changes.iter().find(|(path, _)| self.0.shared.reload.concerns(path)) {
            self.saved(path);
        }
        self.0.shared.siblings.disk_changed(changes);
    }

    /// The project's folders are others now.
    pub fn folders_changed(&self) {
        self.0.shared.tools.servers().set_roots(self.0.shared.workspace.roots());
    }

    /// Takes a message. Returns when it is stored; its turn runs beside.
    ///
    /// # Errors
    /// If the session, agent or model is unknown.
    pub async fn ask(&self, mut request: AskRequest) -> Result<Asked, EngineError> {
        let settings = self.settings();
        let mut prelude = crate::commands::expand(&self.0.shared, &settings, &mut request).await?;
        let setup =
            self.setup(&settings, request.agent.as_deref(), request.model.as_deref(), request.variant.as_deref())?.within(request.steps);
        let media = files::gather(&self.0.shared, &request.files, &mut prelude.mentions).await?;
        let named = request.session.is_some();
        let worker = self.worker(request.session.clone().or_else(|| self.current()), &request.text).await?;
        let (reply, answer) = oneshot::channel();
        let gone = || EngineError::Store("the session's worker has ended".into());
        worker.send(Command::Ask { request: Box::new(request), prelude, media, setup, reply }).map_err(|_| gone())?;
        let answer = answer.await.map_err(|_| gone())?;
        match &answer {
            // It was deleted elsewhere: the next message begins a new one.
            Err(EngineError::UnknownSession(_)) if !named => self.new_session(),
            Err(EngineError::Elsewhere(held)) => watch::follow(&self.0.shared, held),
            _ => {}
        }
        answer
    }

    /// Stops the turn of a session; of the current one if none is named. False if none runs.
    #[must_use]
    pub fn cancel(&self, session: Option<&SessionId>) -> bool {
        let Some(session) = session.cloned().or_else(|| self.current()) else { return false };
        let running = self.0.shared.is_busy(&session);
        let workers = self.0.workers.lock().unwrap_or_else(PoisonError::into_inner);
        running && workers.get(&session).is_some_and(|worker| worker.send(Command::Cancel).is_ok())
    }

    /// Whether a turn runs in a session; in the current one if none is named.
    #[must_use]
    pub fn is_busy(&self, session: Option<&SessionId>) -> bool {
        session.cloned().or_else(|| self.current()).is_some_and(|session| self.0.shared.is_busy(&session))
    }

    /// The prompts that wait, the oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.0.shared.prompts.waiting()
    }

    /// Answers a prompt; the oldest if none is named.
    ///
    /// # Errors
    /// If it does not wait.
    pub fn permit(&self, id: Option<&PermissionId>, reply: PermissionReply, message: Option<String>) -> Result<(), EngineError> {
        let kept = self.0.shared.prompts.settle(id, reply, message)?;
        if !kept.is_empty() {
            let directory = self.directory();
            let store = self.0.shared.saver.store().map_err(EngineError::Store)?;
            for rule in kept {
                let approval = store::Approval { permission: rule.permission, pattern: rule.pattern, time: now() };
                store.add_approval(&directory, &approval).map_err(store_error)?;
            }
        }
        Ok(())
    }

    /// The questions that wait, the oldest first.
    #[must_use]
    pub fn questions(&self) -> Vec<WaitingQuestion> {
        self.0.shared.questions.waiting()
    }

    /// Answers the next of a request's questions, or several: for each the chosen labels, or words of the user's own. No answers at all refuse the
    /// request. The oldest request if none is named. True if nothing of it waits any more.
    ///
    /// # Errors
    /// If it does not wait.
    pub fn answer(&self, id: Option<&QuestionId>, answers: Vec<Vec<String>>) -> Result<bool, EngineError> {
        self.0.shared.questions.settle(id, answers)
    }

    /// Whether `/name` is a command of the configuration, a skill, or may be a prompt of an MCP server.
    #[must_use]
    pub fn knows_command(&self, name: &str) -> bool {
        let shared = &self.0.shared;
        let settings = shared.settings();
        let of_server = name.split_once(':').is_some_and(|(server, _)| shared.tools.servers().knows(server));
        of_server || settings.config.command.contains_key(name) || settings.guides.skills.iter().any(|skill| skill.name == name)
    }

    /// The model for the next messages.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn set_model(&self, model: &str) -> Result<(), EngineError> {
        self.setup(&self.settings(), None, Some(model), None)?;
        self.0.chosen.lock().unwrap_or_else(PoisonError::into_inner).model = Some(model.to_owned());
        Ok(())
    }

    /// The agent for the next messages.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn set_agent(&self, agent: &str) -> Result<(), EngineError> {
        agents::find(&self.settings().config, &self.0.shared.home, Some(agent))?;
        self.0.chosen.lock().unwrap_or_else(PoisonError::into_inner).agent = Some(agent.to_owned());
        Ok(())
    }

    /// The models that the user can choose, as `provider/model`.
    #[must_use]
    pub fn models(&self) -> Vec<String> {
        self.settings().registry.models().into_iter().map(|m| m.name).collect()
    }

    /// The prompts of MCP servers that were started: the name of the command, and what it is for.
    #[must_use]
    pub fn server_prompts(&self) -> Vec<(String, String)> {
        let named = |prompt: mcp::Prompt| (format!("{}:{}", prompt.server, prompt.name), prompt.description);
        self.0.shared.tools.servers().prompts().into_iter().map(named).collect()
    }

    /// The resources of MCP servers that were started, as they are mentioned, and what each is.
    #[must_use]
    pub fn server_resources(&self) -> Vec<(String, String)> {
        let all = self.0.shared.tools.servers().resources();
        all.into_iter()
            .filter(|resource| !resource.template)
            .map(|resource| (format!("{}:{}", resource.server, resource.uri), resource.name))
            .collect()
    }

    /// The agents that the user can mention, and that other agents start.
    #[must_use]
    pub fn subagents(&self) -> Vec<String> {
        agents::mentionable(&self.settings().config)
    }

    /// The agents that the user can choose.
    #[must_use]
    pub fn agents(&self) -> Vec<String> {
        agents::names(&self.settings().config)
    }

    /// Plans to take a turn back; the newest one that changed something if none is named.
    ///
    /// # Errors
    /// If there is nothing to undo, or a turn runs.
    pub async fn undo(&self, turn: Option<TurnId>) -> Result<Undo, EngineError> {
        undo::plan(&self.0.shared, self.current().as_ref(), turn, false).await
    }

    /// Plans to make again what an undo took back.
    ///
    /// # Errors
    /// If there is nothing to redo, or a turn runs.
    pub async fn redo(&self, turn: Option<TurnId>) -> Result<Undo, EngineError> {
        undo::plan(&self.0.shared, self.current().as_ref(), turn, true).await
    }

    /// Ends all turns and commands, and waits until everything is stored.
    pub async fn shutdown(&self) {
        self.0.shared.foreign.end();
        let workers: Vec<_> = self.0.workers.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        for (_, worker) in &workers {
            // It may have ended.
            let _ = worker.send(Command::End);
        }
        let ended = async {
            for (_, worker) in &workers {
                worker.closed().await;
            }
        };
        let jobs = Arc::clone(&self.0.shared.jobs);
        let killed = tokio::task::spawn_blocking(move || jobs.kill_all());
        let siblings = self.0.shared.siblings.stop(LAST_WORDS);
        let servers = self.0.shared.tools.servers().shut_down(LAST_WORDS);
        let (ended, killed, (), ()) = tokio::join!(tokio::time::timeout(LAST_WORDS, ended), killed, siblings, servers);
        if ended.is_err() {
            tracing::warn!("a turn could not be ended in time; what it said last may be lost");
        }
        if let Err(error) = killed {
            tracing::error!("the commands could not be ended: {error}");
        }
        if let Err(why) = self.0.shared.saver.flush_if_open().await {
            tracing::error!("{why}");
        }
    }

    fn directory(&self) -> String {
        self.0.shared.places.directory.to_string_lossy().into_owned()
    }

    fn find(&self, session: &SessionId) -> Result<Option<Session>, EngineError> {
        let found = self.0.shared.saver.store().map_err(EngineError::Store)?.session(session).map_err(store_error)?;
        Ok(found.filter(|s| s.directory == self.directory()))
    }

    /// Who answers: the named agent and model, else the chosen ones, else the configured ones; thinking as much as `variant` says.
    fn setup(
        &self,
        settings: &Arc<Settings>,
        agent: Option<&str>,
        model: Option<&str>,
        variant: Option<&str>,
    ) -> Result<Setup, EngineError> {
        let shared = &self.0.shared;
        let (chosen_agent, chosen_model) = {
            let chosen = self.0.chosen.lock().unwrap_or_else(PoisonError::into_inner);
            (chosen.agent.clone(), chosen.model.clone())
        };
        let mut agent = agents::find(&settings.config, &shared.home, agent.or(chosen_agent.as_deref()))?;
        shared.extras.ask_first(&mut agent);
        let of_agent = Some(agent.models.clone()).filter(|models| !models.is_empty());
        let names = match model.map(|name| vec![name.to_owned()]).or(of_agent).or(chosen_model.map(|name| vec![name])) {
            Some(names) => names,
            None => default_models(settings)?,
        };
        let setup = Setup::begin(shared, settings, agent, names);
        let setup = setup.and_then(|setup| if let Some(name) = variant { setup.with_variant(name) } else { Ok(setup) });
        setup.map_err(|e| EngineError::Model(e.message))
    }

    /// The worker of a session, which becomes the current one; of a new session if none is named.
    async fn worker(&self, session: Option<SessionId>, text: &str) -> Result<mpsc::UnboundedSender<Command>, EngineError> {
        let _one_at_a_time = self.0.opening.lock().await;
        let known = session.as_ref().and_then(|id| self.0.workers.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned());
        // One that ended by a fault is started anew, from what is stored.
        if let (Some(id), Some(worker)) = (&session, known.filter(|worker| !worker.is_closed())) {
            self.choose(id.clone());
            return Ok(worker);
        }
        let state = match session {
            Some(id) => {
                // What a worker before this one wrote is on its way; a failure is told where it is written.
                if let Err(why) = self.0.shared.saver.flush().await {
                    tracing::error!("{why}");
                }
                self.load(&id)?
            }
            None => self.create(text),
        };
        let id = state.info.id.clone();
        let (tx, rx) = mpsc::unbounded_channel();
        tokio::spawn(Worker::new(Arc::clone(&self.0.shared), state, rx).run());
        self.0.workers.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), tx.clone());
        self.choose(id);
        Ok(tx)
    }

    /// Makes a session the current one. The worker of one that was not used for long, and in which nothing runs, ends when nobody can send to it.
    fn choose(&self, id: SessionId) {
        let mut chosen = self.0.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        chosen.recent.retain(|other| *other != id);
        let idle = |other: &SessionId| !self.0.shared.is_busy(other);
        if chosen.recent.len() >= KEPT
            && let Some(at) = chosen.recent.iter().position(idle)
        {
            let forgotten = chosen.recent.remove(at);
            self.0.workers.lock().unwrap_or_else(PoisonError::into_inner).remove(&forgotten);
        }
        chosen.recent.push(id.clone());
        chosen.session = Some(id);
    }

    fn create(&self, text: &str) -> SessionState {
        const TITLE: usize = 60;
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("New session").trim();
        let title: String =
            if first.chars().count() > TITLE { first.chars().take(TITLE - 1).chain(['…']).collect() } else { first.to_owned() };
        self.0.shared.recall_approvals();
        SessionState::create(&self.0.shared, title, None)
    }

    fn load(&self, id: &SessionId) -> Result<SessionState, EngineError> {
        let info = self.find(id)?.ok_or_else(|| EngineError::UnknownSession(id.to_string()))?;
        if let Some(parent) = &info.parent_id {
            return Err(EngineError::Nothing(format!("{id} is the session of a subagent of {parent}; fork it to go on with it")));
        }
        self.0.shared.recall_approvals();
        SessionState::load(&self.0.shared, info)
    }
}

/// The configured models, else the one that suggests itself.
fn default_models(settings: &Settings) -> Result<Vec<String>, EngineError> {
    let configured = settings.config.model.as_ref().map(config::OneOrMany::all).unwrap_or_default();
    if configured.len() > 1 {
        return Ok(configured.to_vec());
    }
    Ok(vec![settings.registry.default_model().map_err(|e| EngineError::Model(e.message))?])
}

/// The shell that runs commands: the named one, if it speaks the language that commands are checked in; else bash, else sh.
#[must_use]
pub fn usable_shell(named: Option<&str>) -> PathBuf {
    let named = named.map(PathBuf::from).filter(|path| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        matches!(name, "bash" | "sh" | "dash" | "zsh" | "ksh") && (path.components().count() == 1 || path.exists())
    });
    named.unwrap_or_else(|| {
        ["/bin/bash", "/usr/bin/bash"].map(PathBuf::from).into_iter().find(|p| p.exists()).unwrap_or_else(|| "/bin/sh".into())
    })
}

fn store_error(error: store::StoreError) -> EngineError {
    EngineError::Store(error.to_string())
}
