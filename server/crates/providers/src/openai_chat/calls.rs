//! Chat Completions: the calls of an answer, put together from pieces that servers number as they like.
//!
//! Owns which call a piece belongs to. Must not know the rest of the answer.
//!
//! **Invariant:** calls begin in their order, each once, with a name where one came; each ends once.

use serde_json::{Value, json};

use crate::ModelEvent;
use crate::adapter::{Events, is_something, made_up_id, whole_number};

#[derive(Default)]
struct Call {
    /// As the server gave it.
    wire_index: Option<u64>,
    wire_id: String,
    /// May come in pieces, and after the first arguments.
    name: String,
    arguments: String,
    extra: Value,
    /// Its beginning was told.
    told: bool,
}

/// The calls so far.
#[derive(Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// Ids that were handed out.
    ids: Vec<String>,
}

impl Calls {
    /// Takes a piece of a call. False if it says nothing.
    pub(super) fn take(&mut self, piece: &Value, out: &mut Events) -> bool {
        // A tool of free text, which we never offer: not ours.
        if piece["type"] == "custom" || piece["custom"].is_object() && !piece["function"].is_object() {
            return false;
        }
        let function = if piece["function"].is_object() { &piece["function"] } else { piece };
        let name = function["name"].as_str().unwrap_or_default();
        let wire_id = piece["id"].as_str().unwrap_or_default();
        let wire_index = whole_number(&piece["index"]);
        let arguments = match &function["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            whole => whole.to_string(),
        };
        let index = match self.known(wire_index, wire_id, name) {
            Some(index) => index,
            // Nothing that could begin a call.
            None if name.is_empty() && wire_id.is_empty() && arguments.trim().is_empty() => return false,
            None => {
                self.calls.push(Call { wire_index, wire_id: wire_id.to_owned(), ..Call::default() });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[index];
        if !call.told && call.name != name {
            call.name.push_str(name);
        }
        if call.wire_id.is_empty() {
            wire_id.clone_into(&mut call.wire_id);
        }
        if is_something(&piece["extra_content"]) {
            call.extra = piece["extra_content"].clone();
        }
        call.arguments.push_str(&arguments);
        if call.told {
            out.arguments(index, &arguments);
        } else if !call.arguments.is_empty() && !call.name.is_empty() {
            self.tell(index, out);
        }
        true
    }

    /// The call that a piece belongs to; none if it begins a new one.
    fn known(&self, wire_index: Option<u64>, wire_id: &str, name: &str) -> Option<usize> {
        let last = self.calls.len().checked_sub(1);
        let by_id = || if wire_id.is_empty() { None } else { self.calls.iter().rposition(|call| call.wire_id == wire_id) };
        let found = match wire_index {
            Some(_) => match self.calls.iter().rposition(|call| call.wire_index == wire_index) {
                Some(found) => found,
                // The first piece had no number.
                None if name.is_empty() => by_id().or(last.filter(|&last| wire_id.is_empty() && self.calls[last].wire_index.is_none()))?,
                None => return None,
            },
            None if !wire_id.is_empty() => by_id()?,
            None => last?,
        };
        let call = &self.calls[found];
        // Some number every call 0, or none: then another id, or a name after whole arguments, tells a new call.
        let other_id = !wire_id.is_empty() && !call.wire_id.is_empty() && call.wire_id != wire_id;
        let whole = || serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_ok();
        let new = !name.is_empty() && (other_id || (wire_id.is_empty() && whole()));
        (!new).then_some(found)
    }

    /// Tells that the calls up to `last` have begun.
    fn tell(&mut self, last: usize, out: &mut Events) {
        for (index, call) in self.calls.iter_mut().enumerate().take(last + 1).filter(|(_, call)| !call.told) {
            call.told = true;
            let usable = !call.wire_id.is_empty() && !self.ids.contains(&call.wire_id);
            let id = if usable { call.wire_id.clone() } else { made_up_id() };
            self.ids.push(id.clone());
            out.push(ModelEvent::ToolCallStart { index, id, name: call.name.clone() });
            out.arguments(index, &call.arguments);
        }
    }

    /// Ends all calls. How many there were.
    pub(super) fn finish(&mut self, out: &mut Events) -> usize {
        // An id alone is no call.
        while self.calls.last().is_some_and(|call| !call.told && call.name.is_empty() && call.arguments.trim().is_empty()) {
            self.calls.pop();
        }
        if let Some(last) = self.calls.len().checked_sub(1) {
            self.tell(last, out);
        }
        let calls = std::mem::take(&mut self.calls);
        let count = calls.len();
        for (index, call) in calls.into_iter().enumerate() {
            let metadata = if call.extra.is_null() { Value::Null } else { json!({"extra_content": call.extra}) };
            out.push(ModelEvent::ToolCallEnd { index, arguments: call.arguments, metadata });
        }
        count
    }
}
