//! From the engine's events to what the user sees: progress, chat, prompts, messages, and the plugin's events.
//!
//! Owns the one task that reads the events. Must not decide anything, nor wait for the editor's answers.
//!
//! **Invariant:** events are shown in their order; an error of a turn is always told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use engine::{ConfigurationNews, NewsKind};
use lsp_types::MessageType;
use proto::{
    Event, Message, MessageId, NumberedEvent, Part, PartKind, PermissionReply, PermissionRequest, QuestionRequest, SessionId,
    SessionStatus, ToolState, TurnUsage,
};
use providers::Catalogue;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::lsp::client::plugin;
use crate::lsp::countdown::Countdown;
use crate::lsp::face::{Face, Started};
use crate::lsp::progress::TurnProgress;
use crate::memory::GiveBack;
use crate::models_cli::refresh;
use crate::usage;
use kin::Kin;
use said::Said;

mod kin;
mod said;

/// A prompt of the plugin, or a message with buttons, may stay open for ever.
const DAYS: Duration = Duration::from_secs(7 * 24 * 3600);

/// A wait that is over before one has read of it.
const SHORT: Duration = Duration::from_millis(1500);

/// Starts the task.
pub fn start(face: Face, started: Arc<Started>) {
    let events = started.engine.events();
    let (failures, news) = (started.engine.failures(), started.engine.configuration_news());
    let (said, turns, kin, stale) = (Said::default(), HashMap::new(), Kin::default(), Some(face.catalogue()));
    let (answered, told, waits) = (None, None, Countdown::default());
    let (memory, relayed) = (GiveBack::default(), false);
    let pump = Pump { face: face.clone(), started, turns, said, answered, told, kin, stale, waits, memory, relayed };
    tokio::spawn(pump.run(events));
    if let Some(failures) = failures {
        tokio::spawn(tell_failures(face.clone(), failures));
    }
    if let Some(news) = news {
        tokio::spawn(tell_news(face, news));
    }
}

async fn tell_news(face: Face, mut news: mpsc::UnboundedReceiver<ConfigurationNews>) {
    while let Some(ConfigurationNews { kind, words }) = news.recv().await {
        let (kind, how) = match kind {
            NewsKind::Counts => (MessageType::INFO, ""),
            NewsKind::Warning => (MessageType::WARNING, ""),
            NewsKind::Restart => (MessageType::WARNING, face.client().caps().restart()),
        };
        face.client().show_message(kind, format!("Interline: {words}{how}.")).await;
    }
}

async fn tell_failures(face: Face, mut failures: mpsc::UnboundedReceiver<String>) {
    while let Some(why) = failures.recv().await {
        face.client().show_message(MessageType::ERROR, format!("Interline: the session could not be saved: {why}")).await;
    }
}

struct Pump {
    face: Face,
    started: Arc<Started>,
    turns: HashMap<SessionId, TurnProgress>,
    said: Said,
    /// The message of the user that is being answered.
    answered: Option<MessageId>,
    /// The error of the turn that was shown to the user.
    told: Option<String>,
    kin: Kin,
    /// The catalogue of models, until a turn has ended.
    stale: Option<Catalogue>,
    /// Waits for a provider.
    waits: Countdown,
    memory: GiveBack,
    /// What is being shown was said in another process.
    relayed: bool,
}

impl Pump {
    async fn run(mut self, mut events: mpsc::UnboundedReceiver<Arc<NumberedEvent>>) {
        loop {
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                () = until(self.waits.due()) => {
                    while let Some((session, words)) = self.waits.take(Instant::now()) {
                        self.wait(&session, &words);
                    }
                    continue;
                }
            };
            let Some(event) = event else { return };
            if self.face.client().caps().plugin
                && let Ok(params) = serde_json::to_value(&*event)
            {
                self.face.client().event(params).await;
            }
            self.relayed = event.relayed;
            self.show(&event.event).await;
        }
    }

    async fn show(&mut self, event: &Event) {
        let asks = matches!(
            event,
            Event::PermissionAsked(_)
                | Event::PermissionReplied { .. }
                | Event::QuestionAsked(_)
                | Event::QuestionReplied { .. }
                | Event::QuestionRejected { .. }
        );
        // What a subagent does is told by the call that started it.
        if self.kin.hears(event) && !asks {
            return;
        }
        match event {
            Event::SessionStatus { session_id, status } => self.status(session_id, status),
            Event::SessionIdle { session_id, reason, usage } => self.idle(session_id, reason, usage.as_ref()).await,
            Event::SessionError { error, .. } => {
                let message = &error.data().message;
                self.told = Some(message.clone());
                self.face.client().show_message(MessageType::ERROR, format!("Interline: {message}")).await;
                self.started.chat.words(format!(
                    "\n\n> **Error:** {}\n>\n> Your message is still above; send it again when this is mended.",
                    one_line(message)
                ));
            }
            Event::MessageUpdated { info: Message::User(info) } => self.said.by_user(info),
            Event::MessageUpdated { info: Message::Assistant(info) } if info.finish.is_some() || info.error.is_some() => {
                self.started.chat.step_end()
            }
            Event::MessageUpdated { info: Message::Assistant(info) } if self.answered.as_ref() != Some(&info.parent_id) => {
                self.answered = Some(info.parent_id.clone());
                self.started.chat.answers_newest();
            }
            Event::MessageRemoved { .. } => self.started.chat.take_back(),
            Event::PartDelta { part_id, delta, .. } if self.said.streams(part_id) => self.started.chat.words(delta.clone()),
            Event::PartUpdated { part } if !self.said.is_users(part) => self.part(part),
            Event::PartUpdated { part } if self.relayed => {
                if let PartKind::Text { text, synthetic: None, .. } = &part.kind {
                    self.started.chat.question(text.clone(), false);
                }
            }
            Event::PermissionAsked(request) => self.asked(request),
            Event::QuestionAsked(request) => self.question(request),
            Event::PermissionReplied { .. } | Event::QuestionReplied { .. } | Event::QuestionRejected { .. } => {
                self.started.marks.refresh()
            }
            Event::SessionNotice { session_id, message } => {
                let message = one_line(message);
                if let Some(turn) = self.turns.get(session_id) {
                    turn.report(message.clone());
                }
                self.face.client().log_message(MessageType::INFO, format!("Interline: {message}")).await;
                // It stays, whatever becomes of the step.
                self.started.chat.words(format!("\n\n> {message}"));
                self.started.chat.step_end();
            }
            Event::SessionCompacted { .. } => self.started.chat.words("\n\n> The conversation so far was summarised.".into()),
            Event::MessageUpdated { .. }
            | Event::PartDelta { .. }
            | Event::PartUpdated { .. }
            | Event::SessionCreated { .. }
            | Event::SessionUpdated { .. }
            | Event::TodoUpdated { .. } => {}
        }
    }

    /// What is waited for, and how long still.
    fn wait(&self, session: &SessionId, words: &str) {
        if let Some(turn) = self.turns.get(session) {
            turn.report(words);
        }
        self.started.chat.status(format!("> {words}"));
    }

    fn status(&mut self, session: &SessionId, status: &SessionStatus) {
        if self.waits.end(session) {
            self.started.chat.status(String::new());
        }
        match status {
            SessionStatus::Busy => {
                if !self.turns.contains_key(session) {
                    let turn = TurnProgress::begin(self.face.client().clone());
                    self.started.progress.add(&turn, session.clone());
                    self.turns.insert(session.clone(), turn);
                }
            }
            SessionStatus::Retry { attempt, message, next } => {
                let wait = Duration::from_millis(u64::try_from(next - now_ms()).unwrap_or(0));
                let (words, attempt) = (one_line(message).trim_end_matches('.').to_owned(), attempt + 1);
                if wait > SHORT {
                    self.waits.begin(session.clone(), words, attempt, Instant::now(), wait);
                } else if let Some(turn) = self.turns.get(session) {
                    turn.report(format!("{words} — trying again (try {attempt})"));
                }
            }
            SessionStatus::Idle => {}
        }
    }

    async fn idle(&mut self, session: &SessionId, reason: &str, usage: Option<&TurnUsage>) {
        self.started.chat.flush().await;
        self.started.marks.refreshed().await;
        let (word, words) = reason.split_once(": ").unwrap_or((reason, ""));
        // An error that was told is the reason of this end.
        let told = self.told.take();
        if matches!(word, "limit" | "budget" | "refused") && !words.is_empty() && told.as_deref() != Some(words) {
            self.face.client().show_message(MessageType::WARNING, format!("Interline: {words}")).await;
            self.started.chat.words(format!("\n\n> {}", one_line(words)));
            self.started.chat.flush().await;
        }
        if word == "cancelled" {
            self.started.chat.words("\n\n> Cancelled.".into());
            self.started.chat.flush().await;
        }
        let used = usage.and_then(usage::line);
        if let Some(used) = &used {
            self.started.chat.words(format!("\n\n> {used}"));
            self.started.chat.flush().await;
        }
        self.started.chat.step_end();
        self.started.chat.turn_end();
        if let Some(turn) = self.turns.remove(session) {
            self.started.progress.remove(&turn);
            let why = if words.is_empty() { word } else { words };
            turn.end(used.map_or_else(|| why.to_owned(), |used| format!("{why} · {used}")));
        }
        if self.turns.is_empty() {
            self.said.rest();
            self.memory.turn_ended();
        }
        if let Some(catalogue) = self.stale.take() {
            tokio::spawn(refresh::later(catalogue, refresh::SETTLED));
        }
    }

    fn part(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text { text, synthetic: None, time: Some(time) } => {
                if self.relayed {
                    let known = self.said.hears(part, text.len(), time.end.is_some());
                    let new = text.get(known.unwrap_or_default()..).unwrap_or_default();
                    self.started.chat.words(if known.is_none() { format!("\n\n{new}") } else { new.to_owned() });
                } else if time.end.is_some() {
                    self.said.ends(&part.id);
                } else if text.is_empty() && self.said.begins(&part.id) {
                    self.started.chat.words("\n\n".into());
                }
            }
            PartKind::Tool { tool, state, .. } => self.tool(part, tool, state),
            _ => {}
        }
    }

    fn tool(&mut self, part: &Part, tool: &str, state: &ToolState) {
        match state {
            ToolState::Running { title, metadata, .. } => {
                if let Some(turn) = self.turns.get(&part.session_id) {
                    let title = title.as_deref().unwrap_or_default();
                    let root = format!("{}/", self.face.root().display());
                    let title = title.strip_prefix(&root).unwrap_or(title);
                    turn.report(match metadata["now"].as_str() {
                        Some(now) => one_line(&format!("{tool}: {title} · {now}")),
                        None => format!("{tool} {}", one_line(title)),
                    });
                }
            }
            // That an old output is left out of requests from now on is no news.
            ToolState::Completed { title, metadata, time, .. } if time.compacted.is_none() && self.said.called(&part.id) => {
                let mut words = format!("\n\n- `{tool}` {}", one_line(title));
                if tool == "todowrite" {
                    words.push_str(&checklist(&metadata["todos"]));
                }
                if tool == "bash"
                    && let Some(last) = metadata["output"].as_str().and_then(|out| out.lines().rev().find(|line| !line.trim().is_empty()))
                {
                    words.push_str(&format!(" → `{}`", one_line(&last.replace('`', "'"))));
                }
                if let Some(diff) = metadata["diff"].as_str().filter(|d| !d.is_empty()) {
                    words.push_str(&format!("\n\n```diff\n{}\n```", short(diff)));
                }
                self.started.chat.words(words);
            }
            ToolState::Error { input, error, .. } if self.said.called(&part.id) => {
                let what = ["filePath", "command", "pattern", "path", "description"]
                    .iter()
                    .find_map(|key| input[key].as_str())
                    .unwrap_or_default();
                self.started.chat.words(format!("\n\n- `{tool}` {} — {}", one_line(what), one_line(error)));
            }
            ToolState::Pending { .. } | ToolState::Completed { .. } | ToolState::Error { .. } => {}
        }
    }

    /// The turn that the user sees for a session; for one of a subagent that is its starter's.
    fn turn(&self, session: &SessionId) -> Option<&TurnProgress> {
        self.turns.get(self.kin.top(session))
    }

    fn asked(&self, request: &PermissionRequest) {
        self.started.marks.refresh();
        if let Some(turn) = self.turn(&request.session_id) {
            turn.report(format!("waits for permission: {} {}", request.permission, one_line(&request.patterns.join(", "))));
        }
        if self.face.client().caps().plugin {
            tokio::spawn(ask_plugin(self.face.clone(), Arc::clone(&self.started), request.clone()));
        }
        if self.face.client().caps().options["prompts"] == "message" {
            tokio::spawn(ask_by_message(self.face.clone(), Arc::clone(&self.started), request.clone()));
        }
    }

    fn question(&self, request: &QuestionRequest) {
        self.started.marks.refresh();
        let first = request.questions.first().map(|q| one_line(&q.question)).unwrap_or_default();
        if let Some(turn) = self.turn(&request.session_id) {
            turn.report(format!("waits for an answer: {first}"));
        }
        self.started.chat.words(question_words(request));
        if self.face.client().caps().plugin {
            tokio::spawn(question_by_plugin(self.face.clone(), Arc::clone(&self.started), request.clone()));
        }
        if self.face.client().caps().options["prompts"] == "message" {
            tokio::spawn(question_by_message(self.face.clone(), Arc::clone(&self.started), request.clone()));
        }
    }
}

/// Returns then; never if there is no such time.
async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// What the chat shows of a question.
fn question_words(request: &QuestionRequest) -> String {
    let mut words = String::new();
    for question in &request.questions {
        words.push_str(&format!("\n\n**{}**\n", one_line(&question.question)));
        for option in &question.options {
            let more = if option.description.is_empty() { String::new() } else { format!(" — {}", one_line(&option.description)) };
            words.push_str(&format!("\n- {}{more}", one_line(&option.label)));
        }
    }
    words.push_str("\n\n> Answer by a code action, or write it below and send it.");
    words
}

/// The plugin's own way to ask. No answer, or one that is none, leaves the question waiting.
async fn question_by_plugin(face: Face, started: Arc<Started>, request: QuestionRequest) {
    let params = json!({"id": request.id, "session": request.session_id, "questions": request.questions});
    match face.client().plugin::<plugin::Question>(params, DAYS).await {
        Ok(answer) => {
            if let Ok(answers) = serde_json::from_value(answer["answers"].clone()) {
                answer_question(&started, &request, answers);
            }
        }
        Err(error) => tracing::info!("the plugin gave no answer: {error}"),
    }
}

/// One message with buttons for each question. Dismissed is not answered: the question waits on, at its place.
async fn question_by_message(face: Face, started: Arc<Started>, request: QuestionRequest) {
    let mut answers = Vec::new();
    for question in &request.questions {
        let labels: Vec<&str> = question.options.iter().map(|o| o.label.as_str()).collect();
        let text = format!("Interline asks: {}", one_line(&question.question));
        match face.client().ask(MessageType::INFO, text, &labels, DAYS).await {
            Ok(Some(label)) => answers.push(vec![label]),
            Ok(None) => return,
            Err(error) => {
                tracing::info!("no answer to a message: {error}");
                return;
            }
        }
    }
    answer_question(&started, &request, answers);
}

fn answer_question(started: &Started, request: &QuestionRequest, answers: Vec<Vec<String>>) {
    if let Err(error) = started.engine.answer(Some(&request.id), answers) {
        // Somebody was faster.
        tracing::info!("a late answer to {}: {error}", request.id);
    }
    started.marks.refresh();
}

/// The plugin's own prompt. No answer, or one that is none, leaves the prompt waiting.
async fn ask_plugin(face: Face, started: Arc<Started>, request: PermissionRequest) {
    let title = request.metadata["title"].as_str().map_or_else(|| request.patterns.join(", "), str::to_owned);
    let tool = request.metadata["tool"].as_str().unwrap_or(&request.permission).to_owned();
    let mut params = json!({"id": request.id, "session": request.session_id, "tool": tool, "title": title,
        "patterns": request.patterns, "always": request.always});
    if let Some(diff) = request.metadata["diff"].as_str() {
        params["diff"] = diff.into();
    }
    match face.client().plugin::<plugin::Permission>(params, DAYS).await {
        Ok(answer) => {
            let reply = answer["reply"].as_str().and_then(|reply| reply.parse::<PermissionReply>().ok());
            if let Some(reply) = reply {
                let message = answer["message"].as_str().filter(|m| !m.trim().is_empty()).map(str::to_owned);
                settle(&started, &request, reply, message);
            }
        }
        Err(error) => tracing::info!("the plugin gave no answer: {error}"),
    }
}

/// A message with buttons. Dismissed is not answered: the prompt waits on, at its place.
async fn ask_by_message(face: Face, started: Arc<Started>, request: PermissionRequest) {
    const DENY: &str = "Deny";
    const ONCE: &str = "Allow once";
    let always = format!("Always allow {}", one_line(&crate::lsp::marks::always(&request)));
    let title = request.metadata["title"].as_str().map_or_else(|| request.patterns.join(", "), str::to_owned);
    let text = format!("Interline asks for permission: {} {}", request.permission, one_line(&title));
    // The harmless button first: in Helix a stray Enter takes it.
    let answer = face.client().ask(MessageType::WARNING, text, &[DENY, ONCE, &always], DAYS).await;
    let reply = match answer {
        Ok(Some(button)) if button == ONCE => PermissionReply::Once,
        Ok(Some(button)) if button == always => PermissionReply::Always,
        Ok(Some(button)) if button == DENY => PermissionReply::Reject,
        Ok(_) => return,
        Err(error) => {
            tracing::info!("no answer to a message: {error}");
            return;
        }
    };
    settle(&started, &request, reply, None);
}

fn settle(started: &Started, request: &PermissionRequest, reply: PermissionReply, message: Option<String>) {
    if let Err(error) = started.engine.permit(Some(&request.id), reply, message) {
        // Somebody was faster.
        tracing::info!("a late answer to {}: {error}", request.id);
    }
}

/// What is to be done, and what of it is done.
fn checklist(todos: &serde_json::Value) -> String {
    let point = |todo: &serde_json::Value| {
        let (mark, end) = match todo["status"].as_str() {
            Some("completed") => ("x", ""),
            Some("cancelled") => ("x", " (given up)"),
            Some("in_progress") => (" ", " …"),
            _ => (" ", ""),
        };
        format!("\n  - [{mark}] {}{end}", one_line(todo["content"].as_str().unwrap_or_default()))
    };
    todos.as_array().into_iter().flatten().map(point).collect()
}

/// A text in one line.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST - 1).chain(['…']).collect() }
}

/// A diff that is not longer than one cares to read.
fn short(diff: &str) -> String {
    const LINES: usize = 60;
    let diff = diff.trim_end();
    let count = diff.lines().count();
    if count <= LINES {
        return diff.to_owned();
    }
    let mut out: String = diff.lines().take(LINES).flat_map(|line| [line, "\n"]).collect();
    out.push_str(&format!("… {} more lines", count - LINES));
    out
}

fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
