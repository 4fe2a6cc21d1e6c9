//! Permission prompts that wait for the user, and the one way to answer them.
//!
//! Owns the table of waiting prompts and the rules that decide without asking. Must not know how a prompt is shown.
//!
//! **Invariant:** a prompt is settled once: the first answer wins, and a prompt that is dropped, withdrawn or never answered is not allowed.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use config::HookEvent;
use permission::{Action, Rule};
use proto::{Event, PermissionId, PermissionReply, PermissionRequest, Question, SessionId, ToolRef};
use serde_json::Value;
use store::PromptReply;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tools::{Ask, Asker, Denied};
use workspace::Place;

use crate::events::Bus;
use crate::hooks::{Hooks, Verdict};
use crate::questions::Questions;
use crate::rules::Rules;
use crate::shown::Window;
use crate::{EngineError, Waiting, extras, shown};

type Answer = Result<(), Denied>;

struct Pending {
    waiting: Waiting,
    always_ask: bool,
    rules: Arc<Rules>,
    answer: oneshot::Sender<Answer>,
}

impl Pending {
    /// Whether it is about what a project brings, and says nothing of what the agent does.
    fn is_aside(&self) -> bool {
        self.waiting.request.permission == extras::PERMISSION
    }
}

/// The waiting prompts of all sessions.
pub struct Prompts {
    table: Mutex<Vec<Pending>>,
    always: Mutex<Vec<Rule>>,
    bus: Arc<Bus>,
}

impl Prompts {
    /// No prompt waits. `always` is what was allowed for good before.
    #[must_use]
    pub fn new(bus: Arc<Bus>, always: Vec<Rule>) -> Self {
        Self { table: Mutex::default(), always: Mutex::new(always), bus }
    }

    /// What was allowed for good before counts, and what was allowed here.
    pub fn recall(&self, rules: Vec<Rule>) {
        let mut always = self.always.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in rules {
            if !always.contains(&rule) {
                always.push(rule);
            }
        }
    }

    fn remember(&self, rules: Vec<Rule>) {
        self.always.lock().unwrap_or_else(PoisonError::into_inner).extend(rules);
    }

    /// All that wait, the oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.lock().iter().map(|p| p.waiting.clone()).collect()
    }

    /// Answers a prompt, or if none is named the oldest that a call waits for: what a project brings is asked beside, and is not meant by one who answers
    /// what stands at a change. Returns the rules that are to be kept for good.
    ///
    /// # Errors
    /// If it does not wait: it was settled, withdrawn, or never was.
    pub fn settle(&self, id: Option<&PermissionId>, reply: PermissionReply, message: Option<String>) -> Result<Vec<Rule>, EngineError> {
        let pending = {
            let mut table = self.lock();
            let at = match id {
                Some(id) => table.iter().position(|p| p.waiting.request.id == *id),
                None => table.iter().position(|p| !p.is_aside()).or_else(|| (!table.is_empty()).then_some(0)),
            };
            table.remove(at.ok_or(EngineError::NotWaiting)?)
        };
        let (session, aside) = (pending.waiting.request.session_id.clone(), pending.is_aside());
        let message = message.filter(|words| !words.trim().is_empty());
        let mut kept = Vec::new();
        match reply {
            PermissionReply::Once => self.finish(pending, Ok(()), reply),
            PermissionReply::Always => {
                let request = &pending.waiting.request;
                kept = request
                    .always
                    .iter()
                    .map(|pattern| Rule { permission: request.permission.clone(), pattern: pattern.clone(), action: Action::Allow })
                    .collect();
                self.remember(kept.clone());
                self.finish(pending, Ok(()), reply);
                for other in self.take(|p| p.waiting.request.session_id == session && !p.always_ask && self.allowed(p)) {
                    self.finish(other, Ok(()), PermissionReply::Always);
                }
            }
            PermissionReply::Reject => {
                let plain = message.is_none();
                self.finish(pending, Err(Denied::User { message }), reply);
                if plain && !aside {
                    for other in self.take(|p| p.waiting.request.session_id == session && !p.is_aside()) {
                        self.finish(other, Err(Denied::User { message: None }), PermissionReply::Reject);
                    }
                }
            }
        }
        Ok(kept)
    }

    /// Withdraws one prompt.
    fn withdraw(&self, id: &PermissionId) {
        for pending in self.take(|p| p.waiting.request.id == *id) {
            self.finish(pending, Err(Denied::Withdrawn), PermissionReply::Reject);
        }
    }

    fn allowed(&self, pending: &Pending) -> bool {
        let request = &pending.waiting.request;
        request.patterns.iter().all(|pattern| self.decide(&pending.rules, &request.permission, pattern) == Action::Allow)
    }

    /// Whether exactly this was allowed for good.
    #[must_use]
    pub fn is_approved(&self, permission: &str, pattern: &str) -> bool {
        let always = self.always.lock().unwrap_or_else(PoisonError::into_inner);
        always.iter().any(|rule| rule.permission == permission && rule.pattern == pattern && rule.action == Action::Allow)
    }

    /// What the rules say, "always" included.
    pub(crate) fn decide(&self, rules: &Rules, permission: &str, pattern: &str) -> Action {
        let always = self.always.lock().unwrap_or_else(PoisonError::into_inner);
        rules.evaluate(permission, pattern, &always)
    }

    pub(crate) fn allows_by_name(&self, rules: &Rules, permission: &str, pattern: &str, name: &str) -> bool {
        let always = self.always.lock().unwrap_or_else(PoisonError::into_inner);
        rules.allows_by_name(permission, pattern, name, &always)
    }

    pub(crate) fn decide_shell(&self, rules: &Rules, analysis: &permission::BashAnalysis) -> permission::BashDecision {
        let always = self.always.lock().unwrap_or_else(PoisonError::into_inner);
        rules.decide_shell(analysis, &always)
    }

    fn take(&self, which: impl Fn(&Pending) -> bool) -> Vec<Pending> {
        let mut table = self.lock();
        let (out, left) = std::mem::take(&mut *table).into_iter().partition(|p| which(p));
        *table = left;
        out
    }

    fn finish(&self, pending: Pending, answer: Answer, reply: PermissionReply) {
        let request = pending.waiting.request;
        // Before the one who asked goes on, so that faces see things in their order.
        self.bus.publish(Event::PermissionReplied { session_id: request.session_id, request_id: request.id, reply });
        // The one who asked may be gone: then there is nothing to tell.
        let _ = pending.answer.send(answer);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Pending>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for one call.
pub struct CallAsker {
    /// The waiting prompts.
    pub prompts: Arc<Prompts>,
    /// The waiting questions.
    pub questions: Arc<Questions>,
    /// The rules that count for this call.
    pub rules: Arc<Rules>,
    /// What the user is told of a caller that is a subagent.
    pub from: Option<String>,
    /// Where another process can answer.
    pub window: Window,
    /// Whose call.
    pub session: SessionId,
    /// Which call.
    pub tool: ToolRef,
    /// Where the user asked from.
    pub asked_from: Option<Place>,
    /// Whether there is somebody to ask.
    pub interactive: bool,
    /// Set when the user cancels.
    pub cancel: CancellationToken,
    /// They have a say.
    pub hooks: Arc<Hooks>,
    /// What they are told of the call.
    pub about: Value,
}

/// Withdraws a prompt when the one who asked is dropped.
struct Withdraw<'a>(&'a Prompts, PermissionId);

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        self.0.withdraw(&self.1);
    }
}

impl CallAsker {
    /// What hooks say, and then, if it is not allowed, the user. No rule denies it.
    async fn beyond_rules(&self, ask: Ask, allowed: bool) -> Result<(), Denied> {
        let mut always_ask = ask.always_ask;
        // Whether a project's programs may be run is not for programs to say.
        if ask.permission != extras::PERMISSION && self.hooks.any(HookEvent::Permission) {
            match self.hooks.permission(&self.about, &ask, allowed, &self.cancel).await {
                Verdict::Pass => {}
                Verdict::Allow => return Ok(()),
                Verdict::Ask => always_ask = true,
                Verdict::Deny(why) => return Err(Denied::Hook { why }),
            }
        }
        if allowed && !always_ask {
            return Ok(());
        }
        if !self.interactive {
            let pattern = ask.patterns.first().cloned().unwrap_or_default();
            return Err(Denied::NobodyToAsk { permission: ask.permission, pattern });
        }
        if self.cancel.is_cancelled() {
            return Err(Denied::Withdrawn);
        }
        let mut metadata = ask.metadata;
        if let (Some(from), Value::Object(metadata)) = (&self.from, &mut metadata) {
            let title = metadata.get("title").and_then(Value::as_str).map_or_else(|| ask.patterns.join(", "), str::to_owned);
            metadata.insert("title".into(), format!("{from}: {title}").into());
        }
        let request = PermissionRequest {
            id: PermissionId::new(),
            session_id: self.session.clone(),
            permission: ask.permission,
            patterns: ask.patterns,
            always: ask.always,
            metadata,
            tool: Some(self.tool.clone()),
        };
        let (tx, rx) = oneshot::channel();
        let waiting = Waiting { request: request.clone(), place: ask.place.or_else(|| self.asked_from.clone()) };
        let _withdraw = Withdraw(&self.prompts, request.id.clone());
        {
            // Nobody can answer before all have heard of it.
            let mut table = self.prompts.lock();
            table.push(Pending { waiting, always_ask, rules: Arc::clone(&self.rules), answer: tx });
            self.prompts.bus.publish(Event::PermissionAsked(request.clone()));
        }
        let shown = self.window.permission(&request);
        let pause = if request.permission == extras::PERMISSION { shown::LONG_PAUSE } else { shown::PAUSE };
        let elsewhere = async {
            if let PromptReply::Permission(reply, message) = shown.reply(pause).await {
                match self.prompts.settle(Some(&request.id), reply, message) {
                    Ok(rules) => self.window.keep(rules),
                    Err(error) => tracing::info!("a late answer to {}: {error}", request.id),
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = rx => answer.unwrap_or(Err(Denied::Withdrawn)),
            () = self.cancel.cancelled() => Err(Denied::Withdrawn),
            () = elsewhere => Err(Denied::Withdrawn),
        }
    }
}

#[async_trait]
impl Asker for CallAsker {
    async fn ask(&self, ask: Ask) -> Result<(), Denied> {
        let mut allowed = !ask.always_ask && !ask.patterns.is_empty();
        for pattern in &ask.patterns {
            match self.prompts.decide(&self.rules, &ask.permission, pattern) {
                Action::Deny => return Err(Denied::Rule { permission: ask.permission, pattern: pattern.clone() }),
                Action::Ask => allowed = false,
                Action::Allow => {}
            }
        }
        self.beyond_rules(ask, allowed).await
    }

    async fn allowed(&self, ask: Ask) -> Result<(), Denied> {
        self.beyond_rules(ask, true).await
    }

    async fn question(&self, questions: Vec<Question>) -> Result<Vec<Vec<String>>, Denied> {
        let asked = (self.session.clone(), self.tool.clone(), questions);
        self.questions.ask(asked, self.asked_from.clone(), &self.window, &self.cancel).await
    }

    fn evaluate(&self, permission: &str, pattern: &str) -> Action {
        self.prompts.decide(&self.rules, permission, pattern)
    }

    fn allows_by_name(&self, permission: &str, pattern: &str, name: &str) -> bool {
        self.prompts.allows_by_name(&self.rules, permission, pattern, name)
    }

    fn decide_shell(&self, analysis: &permission::BashAnalysis) -> permission::BashDecision {
        self.prompts.decide_shell(&self.rules, analysis)
    }
}
