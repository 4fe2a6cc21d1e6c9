//! Subagents: what runs when an agent hands a task to another one.
//!
//! Owns the child's session, its rules, and what its starter is told. Must not know how a turn goes: that is the worker's, as for any session.
//!
//! **Invariant:** a subagent may nothing that its starter may not, ends with its starter, and what it changes and costs counts as its starter's.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use config::Config;
use permission::Action;
use proto::{Event, Message, PartKind, SessionId, Tokens, ToolState, TurnId};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tools::{SeenFiles, Subagents, Subtask, ToolContext, ToolError, ToolOutput, ToolProgress};
use workspace::{Applied, DocKey, Place};

use crate::agents::{self, Agent};
use crate::session::SessionState;
use crate::setup::Setup;
use crate::shared::Shared;
use crate::worker::{Command, Worker};
use crate::{AskRequest, StopReason, history, prompt, request};

/// Who started a subagent, and for what.
pub struct Origin {
    /// The starter's session.
    pub session: SessionId,
    /// The turn that it was started in.
    pub turn: TurnId,
    /// Where the user asked from.
    pub asked_from: Option<Place>,
    /// The task and who does it, for the user.
    pub name: String,
    /// 1 for what the user's agent started.
    depth: u64,
    /// What the starter has seen.
    seen: Arc<SeenFiles>,
    /// What it changed.
    changed: Mutex<BTreeSet<DocKey>>,
    /// Where the starter comes from, if it is a subagent itself.
    starter: Option<Arc<Origin>>,
}

impl Origin {
    /// This, and where the starters come from.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |origin| origin.starter.as_deref())
    }

    /// The session and turn of the user's.
    #[must_use]
    pub fn root(&self) -> (&SessionId, &TurnId) {
        let root = self.chain().last().unwrap_or(self);
        (&root.session, &root.turn)
    }

    /// The subagent changed these: to those that started it that is no news from the user.
    pub fn changed(&self, changes: &[Applied]) {
        for origin in self.chain() {
            request::take_as_own(&origin.seen, changes);
            origin.changed.lock().unwrap_or_else(PoisonError::into_inner).extend(changes.iter().map(|change| change.key.clone()));
        }
    }

    /// The subagent used that much.
    pub fn spent(&self, shared: &Shared, cost: f64, tokens: Tokens) {
        for origin in self.chain() {
            shared.spend(&origin.session, cost, tokens);
        }
    }
}

/// How deep subagents may be nested.
#[must_use]
pub fn deepest(config: &Config) -> u64 {
    config.other.get("subagent_depth").and_then(Value::as_u64).unwrap_or(1)
}

/// Starts subagents for one call.
pub struct Starter {
    /// What all sessions share.
    pub shared: Arc<Shared>,
    /// Who calls.
    pub setup: Setup,
    /// In which turn.
    pub turn: TurnId,
    /// Where the user asked from.
    pub asked_from: Option<Place>,
    /// Where the caller comes from, if it is a subagent itself.
    pub origin: Option<Arc<Origin>>,
}

#[async_trait]
impl Subagents for Starter {
    fn check(&self, task: &Subtask) -> Result<(), ToolError> {
        self.agent(&task.agent)?;
        if self.depth() > deepest(&self.setup.settings.config) {
            return Err(ToolError::model("a subagent may not start others here (`subagent_depth`): do it yourself"));
        }
        Ok(())
    }

    async fn run(&self, task: Subtask, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let setup = self.child_setup(&task.agent)?;
        let state = self.session(&task, &context.session).await?;
        let id = state.id().clone();
        let model = setup.author.model.clone();
        let origin = Arc::new(Origin {
            session: context.session.clone(),
            turn: self.turn.clone(),
            asked_from: self.asked_from.clone(),
            name: format!("{} (@{})", task.description, task.agent),
            depth: self.depth(),
            seen: Arc::clone(&context.seen),
            changed: Mutex::default(),
            starter: self.origin.clone(),
        });
        let mut events = self.shared.bus.subscribe();
        let (commands, inbox) = mpsc::unbounded_channel();
        let request = AskRequest { text: task.prompt, ..AskRequest::default() };
        let worker = Worker::of_subagent(Arc::clone(&self.shared), state, inbox, Arc::clone(&origin));
        // A task of its own: if this call is given up, it sees its commands end, and ends well.
        let mut child = tokio::spawn(worker.once(request, setup));
        let mut metadata = json!({"parentSessionId": context.session, "sessionId": id, "model": model});
        let mut cancelled = false;
        let ended = loop {
            tokio::select! {
                ended = &mut child => break ended,
                () = context.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    // It may just have ended.
                    let _ = commands.send(Command::Cancel);
                }
                Some(event) = events.recv() => {
                    if event.event.session_id() == &id && self.is_news(&event.event, &mut metadata) {
                        // The starter may have stopped listening.
                        let _ = context.progress.send(ToolProgress { metadata: metadata.clone() });
                    }
                }
            }
        };
        if let Value::Object(metadata) = &mut metadata {
            metadata.remove("now");
        }
        let roots = self.shared.workspace.roots();
        let keys = origin.changed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let changed: Vec<_> = keys.iter().map(|key| prompt::name(key, &roots)).collect();
        let (state, reason) = ended.map_err(|error| ToolError::model(format!("the subagent {id} ended by a fault: {error}")))?;
        self.report(&state, &reason, &changed, task.description, metadata)
    }
}

impl Starter {
    /// Of what is started.
    fn depth(&self) -> u64 {
        self.origin.as_ref().map_or(0, |origin| origin.depth) + 1
    }

    /// The agent of that name, narrowed by the caller's rules.
    fn agent(&self, name: &str) -> Result<Agent, ToolError> {
        let config = &self.setup.settings.config;
        let rules = &self.setup.agent.rules;
        let Some(mut agent) = agents::subagent(config, &self.shared.home, name) else {
            let known: Vec<_> = agents::subagents(config, rules).into_iter().map(|(name, _)| name).collect();
            return Err(ToolError::model(format!("there is no subagent `{name}`; there are: {}", known.join(", "))));
        };
        self.shared.extras.ask_first(&mut agent);
        if self.depth() >= deepest(config) {
            permission::push(&mut agent.rules.restrict, "task", "*", Action::Deny);
        }
        agent.rules.starter = Some(Arc::new(rules.clone()));
        Ok(agent)
    }

    /// Who answers: the agent with its own models, else the caller's.
    fn child_setup(&self, name: &str) -> Result<Setup, ToolError> {
        let agent = self.agent(name)?;
        if agent.models.is_empty() {
            return Ok(self.setup.with_agent(agent));
        }
        let names = agent.models.clone();
        Setup::begin(&self.shared, &self.setup.settings, agent, names).map_err(|error| ToolError::Model(error.message))
    }

    /// A session of its own, or the one to go on with.
    async fn session(&self, task: &Subtask, parent: &SessionId) -> Result<SessionState, ToolError> {
        let shared = &self.shared;
        let Some(id) = &task.session else {
            let title = format!("{} (@{} subagent)", task.description, task.agent);
            return Ok(SessionState::create(shared, title, Some(parent.clone())));
        };
        let id = SessionId::from(id.as_str());
        if !shared.claim(&id) {
            return Err(ToolError::model(format!("the subagent {id} is still at work: wait for its result")));
        }
        let loaded = async {
            shared.saver.flush().await?;
            let info = shared.saver.store()?.session(&id).map_err(|error| error.to_string())?;
            let own = info.filter(|info| info.parent_id.is_some() && info.directory == shared.places.directory.to_string_lossy());
            let info = own.ok_or_else(|| format!("there is no subagent {id} to go on with; without `task_id` a new one begins"))?;
            let state = SessionState::load(shared, info).map_err(|error| error.to_string())?;
            // Faces learn whose it is before they see what it does.
            state.publish(Event::SessionUpdated { info: state.info.clone() });
            Ok::<_, String>(state)
        };
        loaded.await.map_err(|why| {
            shared.release(&id);
            ToolError::Model(why)
        })
    }

    /// Whether an event of the subagent's is worth telling: what it does now, or that it used something.
    fn is_news(&self, event: &Event, metadata: &mut Value) -> bool {
        match event {
            Event::PartUpdated { part } => {
                let PartKind::Tool { tool, state: ToolState::Running { title, metadata: inner, .. }, .. } = &part.kind else {
                    return false;
                };
                let root = format!("{}/", self.shared.main_root().display());
                let title = title.as_deref().unwrap_or_default();
                let title = title.strip_prefix(&root).unwrap_or(title);
                let more = inner["now"].as_str().map(|now| format!(" · {now}")).unwrap_or_default();
                let now = json!(format!("{tool} {title}{more}"));
                if metadata["now"] == now {
                    return false;
                }
                metadata["now"] = now;
                true
            }
            Event::MessageUpdated { info: Message::Assistant(info) } => info.finish.is_some() && info.time.completed.is_none(),
            _ => false,
        }
    }

    fn report(
        &self,
        state: &SessionState,
        reason: &StopReason,
        changed: &[String],
        title: String,
        metadata: Value,
    ) -> Result<ToolOutput, ToolError> {
        let said = last_words(state);
        let (word, why) = match reason {
            StopReason::Done => ("completed", ""),
            StopReason::Cancelled => ("cancelled", ""),
            StopReason::Limit(why) => ("limit", why.as_str()),
            StopReason::Budget(why) => ("budget", why.as_str()),
            StopReason::Refused(why) => ("refused", why.as_str()),
            StopReason::Provider(why) => ("error", why.as_str()),
        };
        let folder = self.shared.places.data.join("tool-output");
        let said = tools::truncate(said, self.setup.settings.limits, &folder)
            .map_err(|error| ToolError::model(format!("what the subagent {} said could not be kept: {error}", state.id())))?
            .0;
        let changed = if changed.is_empty() { String::new() } else { format!("Changed: {}", changed.join(", ")) };
        let lines: Vec<&str> = [why, said.trim_end(), &changed].into_iter().filter(|text| !text.is_empty()).collect();
        let output = format!("<task id=\"{}\" state=\"{word}\">\n{}\n</task>", state.id(), lines.join("\n"));
        match reason {
            StopReason::Done | StopReason::Limit(_) | StopReason::Budget(_) => {
                Ok(ToolOutput { title, output, metadata, changes: Vec::new() })
            }
            StopReason::Cancelled => Err(ToolError::Cancelled(Box::new(ToolOutput { title, output, metadata, changes: Vec::new() }))),
            StopReason::Refused(_) if !filtered(state) => Err(ToolError::Rejected(output)),
            StopReason::Refused(_) | StopReason::Provider(_) => Err(ToolError::Model(output)),
        }
    }
}

/// The newest words of the answer to the last message.
fn last_words(state: &SessionState) -> String {
    let answer = state.history.iter().rev().take_while(|message| matches!(message.info, Message::Assistant(_)));
    let words = answer.filter(|message| !history::is_summary(message)).map(history::words);
    words.map(|words| words.trim().to_owned()).find(|words| !words.is_empty()).unwrap_or_default()
}

/// Whether the answer ended by an error; else it was the user who refused.
fn filtered(state: &SessionState) -> bool {
    matches!(state.history.last().map(|message| &message.info), Some(Message::Assistant(info)) if info.error.is_some())
}
