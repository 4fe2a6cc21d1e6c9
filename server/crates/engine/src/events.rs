//! The bus: events are numbered as they are published, and every face gets the same ones in the same order.
//!
//! **Invariant:** a session's numbers grow by one with each event, over restarts too; only where another process had it in between some are left out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use proto::{Event, NumberedEvent, SessionId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The bus.
#[derive(Default)]
pub struct Bus(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    last: HashMap<SessionId, u64>,
    faces: Vec<UnboundedSender<Arc<NumberedEvent>>>,
}

impl Bus {
    /// All events from now on.
    pub fn subscribe(&self) -> UnboundedReceiver<Arc<NumberedEvent>> {
        let (tx, rx) = unbounded_channel();
        self.lock().faces.push(tx);
        rx
    }

    /// The number of the last event that a session had before this process.
    pub fn resume(&self, session: &SessionId, last: u64) {
        let mut inner = self.lock();
        let entry = inner.last.entry(session.clone()).or_default();
        *entry = (*entry).max(last);
    }

    /// Gives an event of another process to every face, with the number that it has there.
    pub fn relay(&self, mut event: NumberedEvent) {
        event.relayed = true;
        let mut inner = self.lock();
        let session = event.event.session_id().clone();
        let last = inner.last.entry(session).or_default();
        *last = (*last).max(event.seq);
        let event = Arc::new(event);
        inner.faces.retain(|face| face.send(Arc::clone(&event)).is_ok());
    }

    /// The number of a session's last event.
    pub fn last(&self, session: &SessionId) -> u64 {
        self.lock().last.get(session).copied().unwrap_or(0)
    }

    /// Numbers an event and gives it to every face. Returns its number.
    pub fn publish(&self, event: Event) -> u64 {
        let mut inner = self.lock();
        let seq = inner.last.entry(event.session_id().clone()).and_modify(|n| *n += 1).or_insert(1);
        let numbered = Arc::new(NumberedEvent { seq: *seq, event, relayed: false });
        inner.faces.retain(|face| face.send(Arc::clone(&numbered)).is_ok());
        numbered.seq
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gaps_and_go_on_after_a_restart() {
        let bus = Bus::default();
        let session = SessionId::from("ses_1");
        bus.resume(&session, 41);
        let mut face = bus.subscribe();
        for _ in 0..3 {
            bus.publish(Event::SessionCompacted { session_id: session.clone() });
        }
        let seen: Vec<_> = std::iter::from_fn(|| face.try_recv().ok()).map(|e| e.seq).collect();
        assert_eq!(seen, [42, 43, 44]);
    }
}
