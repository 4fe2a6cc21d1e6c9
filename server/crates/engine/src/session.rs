//! One session as its worker holds it: the conversation, and how each piece of an answer becomes a part that is shown and stored.
//!
//! Owns the history in memory and the step that is being written; what of it streams is in `session/streaming.rs`. Must not know models' wire formats, nor
//! decide anything about the turn.
//!
//! **Invariant:** what is published is what is stored: a part or message is never changed without both.

mod streaming;

use std::sync::{Arc, PoisonError};

use proto::{
    AssistantMessage, ErrorData, Event, Message, MessageError, MessageId, MessagePath, MessageTime, MessageWithParts, ModelRef, Part,
    PartId, PartKind, Session, SessionId, SessionTime, Tokens, ToolState, ToolTime, TurnId, TurnUsage, UserMessage,
};
use serde_json::{Value, json};
use store::{Store, StoreError};
use tools::{SeenFiles, ToolOutput};

use self::streaming::Kept;
use crate::events::Bus;
use crate::files::Media;
use crate::saver::Saver;
use crate::shared::Shared;
use crate::{EngineError, history, pruning};

/// Milliseconds since 1970.
pub fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// Who answers.
#[derive(Clone, Debug)]
pub struct Author {
    /// The agent's name.
    pub agent: String,
    /// The model.
    pub model: ModelRef,
}

/// A summary, and what it cost.
pub struct SummaryText {
    /// The words.
    pub text: String,
    /// The first message that is still sent as it was said.
    pub tail: Option<MessageId>,
    /// Tokens of the request.
    pub tokens: Tokens,
    /// In US dollars.
    pub cost: f64,
}

/// A session in memory.
pub struct SessionState {
    /// Its record.
    pub info: Session,
    /// The messages that still count, in order: those before the last summary are in the store alone.
    pub history: Vec<MessageWithParts>,
    /// What the model has seen.
    pub seen: Arc<SeenFiles>,
    bus: Arc<Bus>,
    saver: Arc<Saver>,
    step: Option<Step>,
    /// The last number that was stored of it when this process knew all of it; 0 if nothing was.
    known: u64,
}

/// Where the pieces of the answer that is being written go: its message, and indices into that message's parts.
#[derive(Default)]
struct Step {
    at: usize,
    text: Option<usize>,
    reasoning: Option<usize>,
    /// What is stored of the one that streams.
    kept: Kept,
    calls: Vec<usize>,
}

impl SessionState {
    /// A session with what was said before.
    #[must_use]
    pub fn new(info: Session, history: Vec<MessageWithParts>, bus: Arc<Bus>, saver: Arc<Saver>) -> Self {
        let state = Self { info, history, seen: Arc::default(), bus, saver, step: None, known: 0 };
        state.seen.told_only(history::told(&state.history));
        state
    }

    /// A new session of the project.
    #[must_use]
    pub fn create(shared: &Shared, title: String, parent: Option<SessionId>) -> Self {
        let info = Session {
            id: SessionId::new(),
            directory: shared.places.directory.to_string_lossy().into_owned(),
            parent_id: parent,
            title,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cost: 0.0,
            tokens: Tokens::default(),
            time: SessionTime { created: now(), updated: now() },
        };
        shared.bus.publish(Event::SessionCreated { info: info.clone() });
        let stored = info.clone();
        shared.saver.session(stored);
        Self::new(info, Vec::new(), Arc::clone(&shared.bus), Arc::clone(&shared.saver))
    }

    /// A stored session, as far as a model is told of it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn load(shared: &Shared, info: Session) -> Result<Self, EngineError> {
        let failed = |error: StoreError| EngineError::Store(error.to_string());
        let store = shared.saver.store().map_err(EngineError::Store)?;
        // The number first: what another process stores meanwhile is then seen to be new.
        let known = last(&store, &info.id).map_err(failed)?;
        let history = store.recent_messages(&info.id).map_err(failed)?;
        let todos = store.todos(&info.id).map_err(failed)?;
        shared.todos.lock().unwrap_or_else(PoisonError::into_inner).insert(info.id.clone(), todos);
        shared.bus.resume(&info.id, known);
        Ok(Self { known, ..Self::new(info, history, Arc::clone(&shared.bus), Arc::clone(&shared.saver)) })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.info.id
    }

    /// Publishes an event that leaves no trace in the store.
    pub fn publish(&self, event: Event) {
        self.bus.publish(event);
    }

    /// Publishes that the turn ended. Its number is stored with the newest message, so that after a restart the numbers go on behind it.
    pub fn idle(&self, reason: String, usage: Option<TurnUsage>) {
        let seq = self.bus.publish(Event::SessionIdle { session_id: self.info.id.clone(), reason, usage });
        if let Some(last) = self.history.last() {
            let info = last.info.clone();
            self.saver.write(move |tx| tx.put_message(&info, seq));
        }
    }

    /// Takes over what another process added to this session since, its title and its cost.
    ///
    /// # Errors
    /// If it was deleted; or the store cannot be read.
    pub async fn catch_up(&mut self) -> Result<(), EngineError> {
        // What this process wrote is on its way.
        self.saver.flush().await.map_err(EngineError::Store)?;
        let store = self.saver.store().map_err(EngineError::Store)?;
        let words = |error: StoreError| EngineError::Store(error.to_string());
        let info = store.session(self.id()).map_err(words)?.ok_or_else(|| EngineError::UnknownSession(self.id().to_string()))?;
        let last = last(&store, self.id()).map_err(words)?;
        self.info = info;
        // Not the number of the last event: events that are not stored, or that were relayed, have numbers too.
        if last == self.known {
            return Ok(());
        }
        self.history = store.recent_messages(self.id()).map_err(words)?;
        self.known = last;
        self.seen.told_only(history::told(&self.history));
        self.bus.resume(self.id(), last);
        Ok(())
    }

    /// All that was done here is stored, and another process may go on with it.
    pub fn left(&mut self) {
        let stored = self.saver.store().and_then(|store| last(&store, self.id()).map_err(|error| error.to_string()));
        self.known = stored.unwrap_or_else(|why| {
            tracing::warn!("{why}");
            // It is read again.
            u64::MAX
        });
    }

    /// Notes at each answer that no process finished that it broke off: whoever wrote it was killed.
    pub fn note_cut_off(&mut self) {
        for at in 0..self.history.len() {
            let Message::Assistant(info) = &mut self.history[at].info else { continue };
            if info.time.completed.is_some() {
                continue;
            }
            if info.finish.is_none() {
                let message = "Interline was ended before the answer was whole.".to_owned();
                info.error.get_or_insert(MessageError::MessageAbortedError(ErrorData { message, ..ErrorData::default() }));
            }
            info.time.completed = Some(now());
            self.put_message(at);
        }
    }

    /// Stores and publishes the record.
    pub fn touch(&mut self) {
        self.info.time.updated = now();
        let info = self.info.clone();
        self.publish(Event::SessionUpdated { info: info.clone() });
        self.saver.session(info);
    }

    /// Adds what others used for it.
    pub fn spend(&mut self, cost: f64, tokens: Tokens) {
        self.info.cost += cost;
        self.info.tokens += tokens;
        self.touch();
    }

    /// Adds what the user said.
    pub fn add_user(&mut self, text: &str, author: &Author) -> TurnId {
        let at = self.begin_user(author);
        self.add_part(at, PartKind::Text { text: text.to_owned(), synthetic: None, time: None });
        self.history[at].info.id().clone()
    }

    fn begin_user(&mut self, author: &Author) -> usize {
        let info = Message::User(UserMessage {
            id: MessageId::new(),
            session_id: self.info.id.clone(),
            time: MessageTime { created: now(), completed: None },
            agent: author.agent.clone(),
            model: author.model.clone(),
        });
        self.add_message(info)
    }

    fn add_message(&mut self, info: Message) -> usize {
        // The one before is whole: a part is large, and a message has seldom more of them than a list begins with.
        if let Some(whole) = self.history.last_mut() {
            whole.parts.shrink_to_fit();
        }
        self.history.push(MessageWithParts { info, parts: Vec::new() });
        let at = self.history.len() - 1;
        self.put_message(at);
        at
    }

    /// Adds a message of ours to the model, behind what was said last.
    pub fn add_note(&mut self, text: &str, author: &Author) {
        self.end_step();
        let at = self.begin_user(author);
        self.add_part(at, PartKind::Text { text: text.to_owned(), synthetic: Some(true), time: None });
    }

    /// What the user said is whole only now: its command lines have run.
    pub fn set_user_text(&mut self, turn: &TurnId, words: &str) {
        let Some(at) = self.position(turn) else { return };
        let own = |part: &Part| matches!(part.kind, PartKind::Text { synthetic: None, .. });
        let Some(part) = self.history[at].parts.iter().position(own) else { return };
        if let PartKind::Text { text, .. } = &mut self.history[at].parts[part].kind {
            words.clone_into(text);
        }
        self.put_part(at, part);
    }

    /// Adds words of ours to what the user said.
    pub fn add_context(&mut self, turn: &TurnId, text: String) {
        if let Some(at) = self.position(turn) {
            self.add_part(at, PartKind::Text { text, synthetic: Some(true), time: None });
        }
    }

    /// Adds an image to what the user said.
    pub fn add_file(&mut self, turn: &TurnId, media: Media) {
        if let Some(at) = self.position(turn) {
            self.add_part(at, media.part());
        }
    }

    /// Leaves old outputs out of the requests from now on. How many tokens that spares, about; 0 if there is nothing to leave out.
    pub fn prune(&mut self) -> usize {
        let found = pruning::plan(&self.history);
        for (message, part) in found.parts {
            if let PartKind::Tool { state: ToolState::Completed { time, .. }, .. } = &mut self.history[message].parts[part].kind {
                time.compacted = Some(now());
            }
            self.put_part(message, part);
        }
        found.tokens
    }

    /// Adds a finished message of the model: a summary.
    pub fn add_summary(&mut self, turn: &TurnId, author: &Author, summary: SummaryText, auto: bool) {
        self.end_step();
        self.begin_step(turn, author);
        let at = self.history.len() - 1;
        if let Message::Assistant(info) = &mut self.history[at].info {
            info.summary = Some(true);
            info.finish = Some("stop".into());
            info.tokens = summary.tokens;
            info.cost = summary.cost;
        }
        self.add_part(at, PartKind::Text { text: summary.text, synthetic: None, time: None });
        self.add_part(at, PartKind::Compaction { auto, tail_start_id: summary.tail });
        self.end_step();
        self.seen.told_only(history::told(&self.history));
        // What was summarised is in the store.
        self.history.drain(..history::first_relevant(&self.history));
        self.info.cost += summary.cost;
        self.info.tokens += summary.tokens;
        self.touch();
        self.publish(Event::SessionCompacted { session_id: self.info.id.clone() });
    }

    /// Begins a step's message.
    pub fn begin_step(&mut self, turn: &TurnId, author: &Author) {
        let info = Message::Assistant(AssistantMessage {
            id: MessageId::new(),
            session_id: self.info.id.clone(),
            time: MessageTime { created: now(), completed: None },
            parent_id: turn.clone(),
            model: author.model.clone(),
            mode: author.agent.clone(),
            agent: author.agent.clone(),
            path: MessagePath { cwd: self.info.directory.clone(), root: self.info.directory.clone() },
            summary: None,
            cost: 0.0,
            tokens: Tokens::default(),
            finish: None,
            error: None,
        });
        let at = self.add_message(info);
        self.step = Some(Step { at, ..Step::default() });
        self.add_part(at, PartKind::StepStart {});
    }

    /// Throws the step's message away.
    pub fn discard_step(&mut self) {
        let Some(step) = self.step.take() else { return };
        if step.at < self.history.len() {
            let message = self.history.remove(step.at);
            let (session_id, message_id) = (self.info.id.clone(), message.info.id().clone());
            let removed = message_id.clone();
            let session = session_id.clone();
            let seq = self.bus.publish(Event::MessageRemoved { session_id, message_id });
            self.saver.write(move |tx| tx.remove_message(&session, &removed, seq));
        }
    }

    /// The step's message.
    #[must_use]
    pub fn step_message(&self) -> Option<&MessageId> {
        self.step.as_ref().and_then(|step| self.history.get(step.at)).map(|m| m.info.id())
    }

    /// The words of the step so far.
    #[must_use]
    pub fn step_words(&self) -> String {
        self.step.as_ref().and_then(|step| self.history.get(step.at)).map(history::words).unwrap_or_default()
    }

    /// A call is being written.
    pub fn call_begun(&mut self, id: &str, tool: &str) {
        self.close_text();
        self.close_reasoning(Value::Null);
        let Some(at) = self.step.as_ref().map(|step| step.at) else { return };
        let part = self.add_part(
            at,
            PartKind::Tool {
                call_id: id.to_owned(),
                tool: tool.to_owned(),
                state: ToolState::Pending { input: json!({}), raw: String::new() },
                metadata: Value::Null,
            },
        );
        if let Some(step) = &mut self.step {
            step.calls.push(part);
        }
    }

    /// Changes the state of a call of this step.
    pub fn call_state(&mut self, call: usize, name: Option<&str>, provider: Option<Value>, state: ToolState) {
        let Some((at, part)) = self.step.as_ref().and_then(|s| Some((s.at, *s.calls.get(call)?))) else { return };
        if let PartKind::Tool { tool, state: old, metadata, .. } = &mut self.history[at].parts[part].kind {
            *old = state;
            if let Some(name) = name {
                name.clone_into(tool);
            }
            if let Some(provider) = provider {
                *metadata = provider;
            }
        }
        self.put_part(at, part);
    }

    /// News of a running call: shown, not stored.
    pub fn call_progress(&mut self, call: usize, news: Value) {
        let Some((at, part)) = self.step.as_ref().and_then(|s| Some((s.at, *s.calls.get(call)?))) else { return };
        if let PartKind::Tool { state: ToolState::Running { metadata, .. }, .. } = &mut self.history[at].parts[part].kind {
            *metadata = news;
            let part = self.history[at].parts[part].clone();
            self.publish(Event::PartUpdated { part });
        }
    }

    /// A call ended well.
    pub fn call_completed(&mut self, call: usize, start: i64, input: Value, output: &ToolOutput) {
        let state = ToolState::Completed {
            input,
            output: output.output.clone(),
            title: output.title.clone(),
            metadata: output.metadata.clone(),
            time: ToolTime { start, end: now(), compacted: None },
        };
        self.call_state(call, None, None, state);
    }

    /// A call ended badly.
    pub fn call_failed(&mut self, call: usize, start: i64, input: Value, error: String, interrupted: bool) {
        let metadata = if interrupted { json!({"interrupted": true}) } else { Value::Null };
        let state = ToolState::Error { input, error, metadata, time: ToolTime { start, end: now(), compacted: None } };
        self.call_state(call, None, None, state);
    }

    /// The answer is whole.
    pub fn finish_step(&mut self, reason: &str, tokens: Tokens, cost: f64) {
        self.close_text();
        self.close_reasoning(Value::Null);
        let Some(at) = self.step.as_ref().map(|step| step.at) else { return };
        self.add_part(at, PartKind::StepFinish { reason: reason.to_owned(), cost, tokens });
        if let Message::Assistant(info) = &mut self.history[at].info {
            info.finish = Some(reason.to_owned());
            info.tokens = tokens;
            info.cost = cost;
        }
        self.put_message(at);
        self.info.cost += cost;
        self.info.tokens += tokens;
        self.touch();
    }

    /// Notes an error at the step's message.
    pub fn error(&mut self, error: MessageError) {
        self.close_text();
        self.close_reasoning(Value::Null);
        let Some(at) = self.step.as_ref().map(|step| step.at) else { return };
        if let Message::Assistant(info) = &mut self.history[at].info {
            info.error = Some(error);
        }
        self.put_message(at);
    }

    /// The step's message is finished.
    pub fn end_step(&mut self) {
        self.close_text();
        self.close_reasoning(Value::Null);
        let Some(Step { at, .. }) = self.step.take() else { return };
        if let Message::Assistant(info) = &mut self.history[at].info {
            info.time.completed = Some(now());
        }
        self.put_message(at);
    }

    fn position(&self, id: &MessageId) -> Option<usize> {
        self.history.iter().rposition(|m| m.info.id() == id)
    }

    fn put_message(&self, at: usize) {
        let info = self.history[at].info.clone();
        let seq = self.bus.publish(Event::MessageUpdated { info: info.clone() });
        self.saver.write(move |tx| tx.put_message(&info, seq));
    }

    fn add_part(&mut self, at: usize, kind: PartKind) -> usize {
        let message_id = self.history[at].info.id().clone();
        self.history[at].parts.push(Part { id: PartId::new(), session_id: self.info.id.clone(), message_id, kind });
        let part = self.history[at].parts.len() - 1;
        self.put_part(at, part);
        part
    }

    fn put_part(&self, at: usize, part: usize) {
        let position = u32::try_from(part).unwrap_or(u32::MAX);
        let part = self.history[at].parts[part].clone();
        let seq = self.bus.publish(Event::PartUpdated { part: part.clone() });
        self.saver.write(move |tx| tx.put_part(&part, seq, position));
    }
}

/// The last number that was stored of a session; 0 if none was.
fn last(store: &Store, session: &SessionId) -> Result<u64, StoreError> {
    Ok(store.next_seq(session)?.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use proto::{ModelRef, SessionTime};

    use super::*;

    #[tokio::test]
    async fn what_is_whole_keeps_no_room_for_more() {
        let dir = tempfile::tempdir().unwrap();
        let (failures, _) = tokio::sync::mpsc::unbounded_channel();
        let saver = Arc::new(Saver::new(dir.path().join("db"), failures));
        let (time, text) = (SessionTime { created: 1, updated: 1 }, String::new);
        let (id, tokens) = (SessionId::new(), Tokens::default());
        let info = Session { id, directory: text(), parent_id: None, title: text(), version: text(), cost: 0.0, tokens, time };
        let mut state = SessionState::new(info, Vec::new(), Arc::new(Bus::default()), saver);
        let model: ModelRef = "mock/test".parse().unwrap();
        let author = Author { agent: "build".into(), model };
        for _ in 0..3 {
            let turn = state.add_user("words", &author);
            state.begin_step(&turn, &author);
            state.text("more".into());
            state.finish_step("stop", tokens, 0.0);
            state.end_step();
        }
        let lists: Vec<&Vec<Part>> = state.history.iter().map(|message| &message.parts).collect();
        assert_eq!(lists.iter().map(|parts| parts.len()).collect::<Vec<_>>(), [1, 3].repeat(3));
        assert!(lists[..5].iter().all(|parts| parts.capacity() == parts.len()));
    }
}
