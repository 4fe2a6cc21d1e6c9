//! Which of the sessions that run are subagents', and whose.
//!
//! Must not know what is shown of them.
//!
//! **Invariant:** a subagent is known from its first event to its end, which is its last one: a day of subagents leaves nothing behind.

use std::collections::HashMap;

use proto::{Event, SessionId};

/// Each subagent's session, and the one that started it.
#[derive(Default)]
pub(super) struct Kin(HashMap<SessionId, SessionId>);

impl Kin {
    /// Whether an event is a subagent's.
    pub(super) fn hears(&mut self, event: &Event) -> bool {
        match event {
            Event::SessionCreated { info } | Event::SessionUpdated { info } => {
                let Some(parent) = &info.parent_id else { return false };
                self.0.insert(info.id.clone(), parent.clone());
                true
            }
            Event::SessionIdle { session_id, .. } => self.0.remove(session_id).is_some(),
            event => self.0.contains_key(event.session_id()),
        }
    }

    /// The session that the user talks to, of which this one is or by which it was started.
    pub(super) fn top<'a>(&'a self, session: &'a SessionId) -> &'a SessionId {
        std::iter::successors(Some(session), |session| self.0.get(*session)).last().unwrap_or(session)
    }
}

#[cfg(test)]
mod tests {
    use proto::{Session, SessionTime, Tokens};

    use super::*;

    fn created(parent: Option<&SessionId>) -> (SessionId, Event) {
        let id = SessionId::new();
        let time = SessionTime { created: 1, updated: 1 };
        let (directory, title, version) = (String::new(), String::new(), String::new());
        let info =
            Session { id: id.clone(), directory, parent_id: parent.cloned(), title, version, cost: 0.0, tokens: Tokens::default(), time };
        (id, Event::SessionCreated { info })
    }

    #[test]
    fn a_day_of_subagents_leaves_nothing_behind() {
        let mut kin = Kin::default();
        let (top, begins) = created(None);
        assert!(!kin.hears(&begins));
        let summarised = |id: &SessionId| Event::SessionCompacted { session_id: id.clone() };
        let ends = |id: &SessionId| Event::SessionIdle { session_id: id.clone(), reason: "done".into(), usage: None };
        for _ in 0..1000 {
            let (child, begins) = created(Some(&top));
            let (grandchild, begins_too) = created(Some(&child));
            assert!(kin.hears(&begins) && kin.hears(&begins_too));
            assert_eq!((kin.top(&grandchild), kin.top(&child), kin.top(&top)), (&top, &top, &top));
            assert!(kin.hears(&summarised(&grandchild)) && !kin.hears(&summarised(&top)));
            assert!(kin.hears(&ends(&grandchild)) && kin.hears(&summarised(&child)) && kin.hears(&ends(&child)));
            assert!(!kin.hears(&ends(&top)));
        }
        assert_eq!(kin.0.len(), 0);
    }
}
