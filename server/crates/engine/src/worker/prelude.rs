//! What comes before the model is asked: consent to what the project brings, the command lines of a message's template, hooks; and a message that is a
//! subagent's is handed to it.
//!
//! Must not know templates. Command lines run as the model's own would: by the same rules, with the same prompts, and undone with the turn.
//!
//! **Invariant:** no command line runs that the agent's rules, or the user, did not allow.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use config::{HookEvent, Piece};
use proto::{PartId, ToolRef};
use providers::{FinishReason, ModelEvent};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tools::ToolError;
use workspace::Applied;

use super::{Running, Worker};
use crate::calls::{self, CallJob, CallNews};
use crate::commands::written;
use crate::extras;
use crate::prompts::CallAsker;
use crate::shown::Window;
use crate::turn::Input;

/// What the model is told when a subagent has done what the user's command asks for.
pub const TAKE_UP: &str = "Say in a few words what the subagent brought, and go on from there.";

/// Command lines that run.
pub type Filling = Pin<Box<dyn Future<Output = Filled> + Send>>;

/// A message that is whole.
pub struct Filled {
    /// Which of the messages that wait.
    turn: proto::TurnId,
    text: String,
    /// For the model.
    notes: Vec<String>,
    /// For the user.
    told: Vec<String>,
    changes: Vec<Applied>,
    /// For `call_model`.
    last: bool,
}

/// The call that hands a message to a subagent.
pub fn call(agent: &str, command: &str, prompt: &str) -> Value {
    json!({ "description": format!("/{command}"), "prompt": prompt, "subagent_type": agent })
}

/// When the command lines have run.
pub async fn filled(filling: &mut Option<Filling>) -> Filled {
    match filling {
        Some(filling) => filling.await,
        None => std::future::pending().await,
    }
}

impl Worker {
    /// Begins what the first message needs that is not whole: the consent to what the project brings, its command lines, and hooks.
    pub(super) fn fill(&mut self, run: &Running, last: bool) -> Option<Filling> {
        let ours = self.origin.is_none();
        let settled = self.shared.extras.is_settled() && self.shared.foreign.release(&self.shared);
        let hooked = self.shared.hooks.any(HookEvent::Message);
        for fresh in &mut self.fresh {
            fresh.prelude.ready |= fresh.prelude.pieces.is_empty() && (!ours || (settled && !hooked));
        }
        let fresh = self.fresh.iter_mut().find(|fresh| !fresh.prelude.ready)?;
        let (turn, pieces) = (fresh.turn.clone(), std::mem::take(&mut fresh.prelude.pieces));
        let plain = fresh.request.text.clone();
        let asked_from = fresh.request.place.clone().or_else(|| run.asked_from.clone());
        let (news, mut heard) = mpsc::unbounded_channel();
        let job = {
            let (shared, origin, eyes) = (Arc::clone(&self.shared), self.origin.clone(), Arc::clone(&self.eyes));
            let (session, seen) = (self.state.id().clone(), Arc::clone(&self.state.seen));
            let (setup, cancel, message) = (run.setup.clone(), run.cancel.clone(), turn.clone());
            move |line: &str| CallJob {
                shared: Arc::clone(&shared),
                setup: setup.clone(),
                session: session.clone(),
                turn: message.clone(),
                origin: origin.clone(),
                message: message.clone(),
                call: 0,
                id: "template".to_owned(),
                name: "bash".to_owned(),
                input: Ok(json!({ "command": line })),
                doom: false,
                asked_from: asked_from.clone(),
                seen: Arc::clone(&seen),
                cancel: cancel.clone(),
                eyes: Arc::clone(&eyes),
                news: news.clone(),
            }
        };
        let shared = Arc::clone(&self.shared);
        let about = calls::about(&shared, self.state.id(), &run.setup);
        let asker = {
            let (rules, about) = (Arc::new(run.setup.agent.rules.clone()), about.clone());
            let (shared, session, turn, asked_from) = (Arc::clone(&shared), self.state.id().clone(), turn.clone(), run.asked_from.clone());
            move |cancel: CancellationToken| CallAsker {
                prompts: Arc::clone(&shared.prompts),
                questions: Arc::clone(&shared.questions),
                rules: Arc::clone(&rules),
                from: None,
                session: session.clone(),
                tool: ToolRef { message_id: turn.clone(), call_id: extras::PERMISSION.to_owned() },
                asked_from: asked_from.clone(),
                interactive: shared.interactive,
                cancel,
                hooks: Arc::clone(&shared.hooks),
                about: about.clone(),
                window: Window::new(Arc::clone(&shared.saver), shared.places.directory.to_string_lossy().into_owned()),
            }
        };
        let cancel = run.cancel.clone();
        Some(Box::pin(async move {
            let mut told = Vec::new();
            if ours && !settled {
                told = shared.foreign.ask(&shared, &asker);
                told.extend(shared.extras.settle(&asker(cancel.clone()), &shared.tools, &shared.hooks).await);
            }
            let (mut text, mut changes) = (if pieces.is_empty() { plain } else { String::new() }, Vec::new());
            for piece in pieces {
                let Piece::Shell(line) = &piece else {
                    text.push_str(&written(&piece));
                    continue;
                };
                match calls::run(job(line)).await.result {
                    Ok(mut output) => {
                        text.push_str(output.metadata["output"].as_str().unwrap_or(&output.output).trim_end());
                        changes.append(&mut output.changes);
                    }
                    Err(ToolError::Cancelled(mut output)) => changes.append(&mut output.changes),
                    Err(error) => text.push_str(&format!("(`{line}` was not run: {error})")),
                }
            }
            while let Ok((_, news)) = heard.try_recv() {
                if let CallNews::Changed(mut changed) = news {
                    changes.append(&mut changed);
                }
            }
            let (text, notes) = match ours {
                true => shared.hooks.message(&about, text, &cancel).await,
                false => (text, Vec::new()),
            };
            Filled { turn, text, notes, told, changes, last }
        }))
    }

    /// A message is whole: the model is asked, or the next one is looked at.
    pub(super) async fn filled(&mut self, run: &mut Running, done: Filled) {
        run.filling = None;
        done.told.into_iter().for_each(|words| self.notice(words));
        self.keep_changes(run, done.changes);
        if let Some(fresh) = self.fresh.iter_mut().find(|fresh| fresh.turn == done.turn) {
            fresh.prelude.ready = true;
            if fresh.request.text != done.text {
                self.state.set_user_text(&done.turn, &done.text);
                fresh.request.text = done.text;
            }
        }
        for note in done.notes {
            self.state.add_context(&done.turn, format!("(a hook of the user's says: {note})"));
        }
        let mut inputs = VecDeque::new();
        self.call_model(run, done.last, &mut inputs).await;
        run.early.append(&mut inputs);
    }

    /// Hooks hear of the user's sessions, not of subagents'.
    pub(super) fn tell_hooks(&self, what: &str, reason: &str) {
        if self.origin.is_none() {
            let directory = self.shared.places.directory.display().to_string();
            self.shared
                .hooks
                .session(json!({ "session": self.state.id().as_str(), "directory": directory, "what": what, "reason": reason }));
        }
    }

    /// Begins a step in the model's stead: the calls that hand messages to subagents.
    pub(super) fn hand_over(&mut self, run: &mut Running, subtasks: Vec<Value>, inputs: &mut VecDeque<Input>) {
        self.state.begin_step(&run.id, &run.setup.author);
        run.started.clear();
        run.tasks.clear();
        run.given = None;
        run.handed = true;
        for (index, call) in subtasks.into_iter().enumerate() {
            let id = PartId::new().as_str().replacen("prt", "call", 1);
            inputs.push_back(Input::Model(ModelEvent::ToolCallStart { index, id, name: "task".to_owned() }));
            inputs.push_back(Input::Model(ModelEvent::ToolCallEnd { index, arguments: call.to_string(), metadata: Value::Null }));
        }
        inputs.push_back(Input::Model(ModelEvent::Finish(FinishReason::ToolCalls)));
    }
}
