//! Which pieces of the running turns are known: whose a message is, which text is being streamed, which call stands in the chat.
//!
//! Must not know how anything is shown.
//!
//! **Invariant:** what is kept is of turns that run, and one message and one text a session: a day of turns takes no more than the longest of them.

use std::collections::{HashMap, HashSet};

use proto::{MessageId, Part, PartId, SessionId, UserMessage};

/// What is known.
#[derive(Default)]
pub(super) struct Said {
    /// Text parts of the model that are being streamed.
    texts: HashSet<PartId>,
    /// Each session's text part that another process writes, and how much of it was shown: it comes as it is stored, a few times a second. Its end never
    /// comes where that process is killed.
    heard: HashMap<SessionId, (PartId, usize)>,
    /// Calls that stand in the chat.
    calls: HashSet<PartId>,
    /// Each session's newest message of the user's. Its parts come right behind it, and are not the model's words.
    users: HashMap<SessionId, MessageId>,
}

impl Said {
    /// The user has said something.
    pub(super) fn by_user(&mut self, message: &UserMessage) {
        self.users.insert(message.session_id.clone(), message.id.clone());
    }

    /// Whether a part is of what the user said last.
    pub(super) fn is_users(&self, part: &Part) -> bool {
        self.users.get(&part.session_id) == Some(&part.message_id)
    }

    /// A text of the model's begins. False if that is known.
    pub(super) fn begins(&mut self, part: &PartId) -> bool {
        self.texts.insert(part.clone())
    }

    /// Whether a text is being streamed.
    pub(super) fn streams(&self, part: &PartId) -> bool {
        self.texts.contains(part)
    }

    /// A text is whole.
    pub(super) fn ends(&mut self, part: &PartId) {
        self.texts.remove(part);
    }

    /// Another process' text is `len` bytes long now, and `whole` or not. How long it was before, if it is known.
    pub(super) fn hears(&mut self, part: &Part, len: usize, whole: bool) -> Option<usize> {
        let before = self.heard.remove(&part.session_id);
        if !whole {
            self.heard.insert(part.session_id.clone(), (part.id.clone(), len));
        }
        before.filter(|(id, _)| *id == part.id).map(|(_, len)| len)
    }

    /// A call has ended. False if it stands in the chat already.
    pub(super) fn called(&mut self, part: &PartId) -> bool {
        self.calls.insert(part.clone())
    }

    /// No turn runs.
    pub(super) fn rest(&mut self) {
        (self.texts, self.calls) = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use proto::{MessageTime, PartKind};

    use super::*;

    #[test]
    fn a_day_of_turns_takes_no_more_than_one() {
        let mut said = Said::default();
        let session = SessionId::new();
        for _ in 0..1000 {
            let (id, call, text) = (MessageId::new(), PartId::new(), PartId::new());
            let time = MessageTime { created: 1, completed: None };
            let (agent, model) = ("build".to_owned(), "mock/test".parse().unwrap());
            said.by_user(&UserMessage { id: id.clone(), session_id: session.clone(), time, agent, model });
            let part = |message: &MessageId| {
                let kind = PartKind::Text { text: "words".into(), synthetic: None, time: None };
                Part { id: PartId::new(), session_id: session.clone(), message_id: message.clone(), kind }
            };
            assert!(said.is_users(&part(&id)) && !said.is_users(&part(&MessageId::new())));
            assert!(said.called(&call) && !said.called(&call));
            // Its end never comes: the answer broke off.
            assert!(said.begins(&text) && !said.begins(&text) && said.streams(&text));
            let whole = PartId::new();
            assert!(said.begins(&whole) && said.streams(&whole));
            said.ends(&whole);
            assert!(!said.streams(&whole));
            let (heard, broken) = (part(&id), part(&id));
            assert_eq!([(3, false), (5, false), (7, true)].map(|(len, is)| said.hears(&heard, len, is)), [None, Some(3), Some(5)]);
            // Nor does that of a text of a process that is killed.
            assert_eq!(said.hears(&broken, 3, false), None);
            said.rest();
        }
        assert_eq!((said.texts.len(), said.calls.len(), said.heard.len(), said.users.len()), (0, 0, 1, 1));
        assert_eq!((said.texts.capacity(), said.calls.capacity()), (0, 0));
    }
}
