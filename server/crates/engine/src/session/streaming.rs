//! The part of an answer that streams: it is shown at once, and stored while it grows.
//!
//! Owns when that is. Must not know how it is stored, nor what becomes of the words.
//!
//! **Invariant:** one part streams at a time, and one write of it waits at most; its first words are stored at once, what follows after a pause that is the
//! longer the more there is to write, and the whole when it is closed. Nothing wakes up where all is stored.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use proto::{Event, Part, PartId, PartKind, PartTime};
use serde_json::Value;
use store::{StoreError, Tx};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{SessionState, Step, now};

/// Between two writes of a part that is short.
const PAUSE: Duration = Duration::from_millis(250);
/// A part is written as a whole: that many bytes a second at most.
const RATE: u32 = 32 * 1024;

/// How much of the part that streams is stored.
#[derive(Default)]
pub(super) struct Kept {
    /// The number of the event that told of it last.
    seq: u64,
    /// When it is stored again; none if all of it is.
    due: Option<Pin<Box<Sleep>>>,
    /// Not before; none if nothing of it is.
    next: Option<Instant>,
    /// A write that waits holds it, too.
    waiting: Arc<()>,
}

/// The part as it is to be stored.
struct Draft {
    part: Part,
    seq: u64,
    position: u32,
    _waiting: Arc<()>,
}

impl Draft {
    fn put(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        tx.put_part(&self.part, self.seq, self.position)
    }
}

impl Kept {
    /// Whether to store it now; else that is due later.
    fn grew(&mut self, seq: u64) -> bool {
        self.seq = seq;
        match self.next {
            _ if self.due.is_some() => false,
            Some(next) if next > Instant::now() => {
                self.due = Some(Box::pin(sleep_until(next)));
                false
            }
            _ => true,
        }
    }

    /// Begins the pause after a write of so many bytes; none if the one before is still waiting.
    fn begin(&mut self, len: usize) -> Option<Arc<()>> {
        let next = Instant::now() + pause(len);
        self.next = Some(next);
        let slow = Arc::strong_count(&self.waiting) > 1;
        self.due = slow.then(|| Box::pin(sleep_until(next)));
        (!slow).then(|| Arc::clone(&self.waiting))
    }
}

/// How long a part of that size is not written again.
fn pause(len: usize) -> Duration {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    PAUSE.max(Duration::from_secs(1) / RATE * len)
}

fn words(part: &Part) -> &str {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Reasoning { text, .. } => text,
        _ => "",
    }
}

impl SessionState {
    /// Adds words to the answer.
    pub fn text(&mut self, delta: String) {
        self.close_reasoning(Value::Null);
        let empty = || PartKind::Text { text: String::new(), synthetic: None, time: Some(PartTime { start: now(), end: None }) };
        self.grow(|step| &mut step.text, empty, delta);
    }

    /// Adds thoughts to the answer.
    pub fn reasoning(&mut self, delta: String) {
        self.close_text();
        let empty = || PartKind::Reasoning { text: String::new(), metadata: Value::Null, time: PartTime { start: now(), end: None } };
        self.grow(|step| &mut step.reasoning, empty, delta);
    }

    /// Adds to the part that is `open` in the step; it is begun `empty`.
    fn grow(&mut self, open: fn(&mut Step) -> &mut Option<usize>, empty: fn() -> PartKind, delta: String) {
        let Some(step) = &mut self.step else { return };
        let (at, known) = (step.at, *open(step));
        let part = known.unwrap_or_else(|| self.open_part(at, empty()));
        if let Some(step) = &mut self.step {
            *open(step) = Some(part);
        }
        if let PartKind::Text { text, .. } | PartKind::Reasoning { text, .. } = &mut self.history[at].parts[part].kind {
            text.push_str(&delta);
        }
        self.stream(at, part, delta);
    }

    /// The thoughts are whole.
    pub fn reasoning_end(&mut self, metadata: Value) {
        if self.step.as_ref().is_some_and(|s| s.reasoning.is_none()) && !metadata.is_null() {
            // Thoughts that are only a signature or encrypted.
            self.reasoning(String::new());
        }
        self.close_reasoning(metadata);
    }

    pub(super) fn close_text(&mut self) {
        let Some((at, part)) = self.step.as_mut().and_then(|s| Some((s.at, s.text.take()?))) else { return };
        if let PartKind::Text { time: Some(time), .. } = &mut self.history[at].parts[part].kind {
            time.end = Some(now());
        }
        self.close(at, part);
    }

    pub(super) fn close_reasoning(&mut self, data: Value) {
        let Some((at, part)) = self.step.as_mut().and_then(|s| Some((s.at, s.reasoning.take()?))) else { return };
        if let PartKind::Reasoning { time, metadata, .. } = &mut self.history[at].parts[part].kind {
            time.end = Some(now());
            *metadata = data;
        }
        self.close(at, part);
    }

    /// When words that were shown are to be stored; never, if all are.
    pub async fn due(&mut self) {
        match self.step.as_mut().and_then(|step| step.kept.due.as_mut()) {
            Some(due) => due.await,
            None => std::future::pending().await,
        }
    }

    /// Stores the part that streams as it is now; where the write before is still waiting, later.
    pub fn keep(&mut self) {
        let Some(step) = &mut self.step else { return };
        let Some(position) = step.text.or(step.reasoning) else { return };
        let part = &self.history[step.at].parts[position];
        if words(part).is_empty() {
            return;
        }
        if let Some(waiting) = step.kept.begin(words(part).len()) {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            let draft = Draft { part: part.clone(), seq: step.kept.seq, position, _waiting: waiting };
            self.saver.write(move |tx| draft.put(tx));
        }
    }

    /// A part that is published now and stored when it has words.
    fn open_part(&mut self, at: usize, kind: PartKind) -> usize {
        let message_id = self.history[at].info.id().clone();
        let part = Part { id: PartId::new(), session_id: self.info.id.clone(), message_id, kind };
        self.history[at].parts.push(part.clone());
        self.publish(Event::PartUpdated { part });
        self.history[at].parts.len() - 1
    }

    fn stream(&mut self, at: usize, part: usize, delta: String) {
        let part = &self.history[at].parts[part];
        let seq = self.bus.publish(Event::PartDelta {
            session_id: part.session_id.clone(),
            message_id: part.message_id.clone(),
            part_id: part.id.clone(),
            field: "text".into(),
            delta,
        });
        if self.step.as_mut().is_some_and(|step| step.kept.grew(seq)) {
            self.keep();
        }
    }

    fn close(&mut self, at: usize, part: usize) {
        if let Some(step) = &mut self.step {
            step.kept = Kept::default();
        }
        self.put_part(at, part);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use proto::{ModelRef, Session, SessionTime, Tokens, TurnId};
    use tokio::sync::mpsc;

    use super::super::Author;
    use super::*;
    use crate::events::Bus;
    use crate::saver::Saver;

    /// A session whose step has begun.
    fn state(dir: &tempfile::TempDir) -> SessionState {
        let (failures, _) = mpsc::unbounded_channel();
        let saver = Arc::new(Saver::new(dir.path().join("db"), failures));
        let time = SessionTime { created: 1, updated: 1 };
        let (cost, tokens, text) = (0.0, Tokens::default(), String::new);
        let info = Session { id: "ses_1".into(), directory: text(), parent_id: None, title: text(), version: text(), cost, tokens, time };
        let mut state = SessionState::new(info, Vec::new(), Arc::new(Bus::default()), saver);
        let model: ModelRef = "mock/test".parse().unwrap();
        state.begin_step(&TurnId::default(), &Author { agent: "build".into(), model });
        state
    }

    /// The words of each part that is stored.
    async fn stored(state: &SessionState) -> Vec<String> {
        state.saver.flush().await.unwrap();
        let messages = state.saver.store().unwrap().messages(state.id()).unwrap();
        let texts = messages.iter().flat_map(|message| &message.parts).map(words);
        texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }

    fn kept(state: &SessionState) -> &Kept {
        &state.step.as_ref().unwrap().kept
    }

    #[tokio::test]
    async fn the_first_words_are_stored_at_once_and_the_rest_after_a_pause() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = state(&dir);
        state.reasoning("hm".into());
        assert_eq!(stored(&state).await, ["hm"]);
        state.text("one".into());
        assert_eq!(stored(&state).await, ["hm", "one"]);
        assert!(kept(&state).due.is_none(), "all is stored: nothing is to wake up for");
        state.text(" two".into());
        state.text(" three".into());
        assert_eq!(stored(&state).await, ["hm", "one"]);
        state.due().await;
        state.keep();
        assert!(kept(&state).due.is_none());
        assert_eq!(stored(&state).await, ["hm", "one two three"]);
        // The same row, in its place; its number is that of what was shown last.
        let next = state.saver.store().unwrap().next_seq(state.id()).unwrap();
        assert_eq!(next, state.bus.last(state.id()) + 1);
        state.text(" four".into());
        state.end_step();
        assert_eq!(stored(&state).await, ["hm", "one two three four"]);
    }

    #[tokio::test]
    async fn one_write_waits_for_a_slow_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = state(&dir);
        stored(&state).await;
        let slow = Arc::new(Barrier::new(2));
        let held = Arc::clone(&slow);
        state.saver.write(move |_| {
            held.wait();
            Ok(())
        });
        for _ in 0..1000 {
            state.text("x".into());
            state.keep();
        }
        assert_eq!(Arc::strong_count(&kept(&state).waiting), 2);
        slow.wait();
        assert_eq!(stored(&state).await, ["x"]);
        state.keep();
        assert_eq!(stored(&state).await, ["x".repeat(1000)]);
    }

    #[tokio::test]
    async fn what_is_thrown_away_is_not_stored_later() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = state(&dir);
        state.text("one".into());
        state.text(" two".into());
        state.discard_step();
        state.keep();
        assert!(stored(&state).await.is_empty());
    }

    #[test]
    fn what_is_written_is_bounded_however_long_the_part() {
        // A megabyte in pieces of 50 bytes, one each so many microseconds.
        for micros in [10, 100, 1000, 2000, 100_000] {
            let (mut len, mut written, mut now, mut next) = (0, 0, Duration::ZERO, Duration::ZERO);
            while len < 1_000_000 {
                (len, now) = (len + 50, now + Duration::from_micros(micros));
                if now >= next {
                    written += len;
                    next = now + pause(len);
                }
            }
            // The last write's time is not over yet.
            let most = usize::try_from(now.as_secs() + 1).unwrap() * usize::try_from(RATE).unwrap() + len;
            assert!(written <= most, "{written} bytes in {now:?}");
        }
        assert_eq!(pause(0), PAUSE);
        assert!(pause(usize::MAX) > Duration::from_secs(60));
    }

    #[tokio::test]
    async fn what_another_process_finished_meanwhile_is_not_noted_as_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = state(&dir);
        first.touch();
        first.text("one".into());
        stored(&first).await;
        // Another process has read it, and was told of events that it has not read.
        let (failures, _) = mpsc::unbounded_channel();
        let saver = Arc::new(Saver::new(dir.path().join("db"), failures));
        let (info, history) = (first.info.clone(), saver.store().unwrap().messages(first.id()).unwrap());
        assert_eq!(history.len(), 1);
        let bus = Arc::new(Bus::default());
        bus.resume(first.id(), 1000);
        let mut second = SessionState::new(info, history, bus, saver);
        first.finish_step("stop", Tokens::default(), 0.0);
        first.end_step();
        stored(&first).await;
        second.catch_up().await.unwrap();
        second.note_cut_off();
        stored(&second).await;
        let messages = first.saver.store().unwrap().messages(first.id()).unwrap();
        let proto::Message::Assistant(answer) = &messages[0].info else { panic!("{messages:?}") };
        assert!(answer.error.is_none() && answer.finish.is_some(), "{answer:?}");
    }
}
