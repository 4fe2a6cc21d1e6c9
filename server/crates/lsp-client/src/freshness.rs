//! Whether what a server says of a document is about the text that it was given last.
//!
//! Pure: events and the time come in, judgements go out. Must not know the protocol's messages, nor how anybody waits.
//!
//! **Invariant:** silence is never called clean. A document is fresh by its version, by an answer that was asked for after the change, by the server's own word that it
//! is idle, or (marked so) because a server that names no version has published after the change, owes no answer to an older text, and then kept quiet for longer than
//! it usually does; else it is pending.

mod judge;
mod report;

use std::collections::HashMap;
use std::sync::Arc;

use ropey::Rope;
use tokio::time::Instant;
use workspace::DocKey;

use crate::diagnostic::{Diagnostic, sorted};
use crate::history::History;

pub use report::{Pending, Proof, Report, State};

/// Files whose diagnostics are remembered. More than this is a flood.
const FILES: usize = 5000;

/// How many times the usual a silent server is waited for.
const PATIENCE: u32 = 4;
/// How long other files are waited for at most, once the document itself is fresh.
const CALM: std::time::Duration = std::time::Duration::from_millis(500);

/// The order of events.
pub(crate) type Tick = u64;

/// What is known of a running server and of the documents that it was given.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    tick: Tick,
    open: HashMap<DocKey, Open>,
    found: HashMap<DocKey, Found>,
    /// Whether diagnostics are asked for, and whether those of one file depend on others.
    pull: Option<PullKind>,
    /// The last change of anything that the server looks at.
    changed: Tick,
    changed_at: Option<Instant>,
    /// The server said that what it answered is out of date.
    refreshed: Tick,
    /// What the server itself says about being ready, if it says anything.
    quiescent: Option<bool>,
    /// When it last said that it is not.
    disquiet: Tick,
    busy: HashMap<String, Busy>,
    /// The last time that it was busy from its beginning to its end.
    last_busy: Option<(Tick, Tick)>,
    check: Option<Check>,
    published_at: Option<Instant>,
    /// From a change to the last publication about it.
    latency: History,
    /// Between publications after one change.
    gaps: History,
    /// From a question to its answer.
    answers: History,
    /// How often it said something about the text that it was given last.
    heard: u64,
    stopped: Option<String>,
    /// The editor decides what the server has of the documents that it has open.
    shared: bool,
}

/// How diagnostics are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PullKind {
    /// A change of one file may change what is said about others.
    pub(crate) inter_file: bool,
    /// All that the server knows comes by answers: what it publishes by itself is the same, later.
    pub(crate) only: bool,
}

#[derive(Debug)]
struct Open {
    version: i32,
    text: Rope,
    /// The server has this text. Of a shared one that must be told first.
    there: bool,
    /// Whether the disk holds this text.
    saved: bool,
    changed: Tick,
    changed_at: Instant,
    /// From that change to the last publication so far.
    took: Option<std::time::Duration>,
    /// Publications without a version that may still come about older texts.
    owed: u32,
}

#[derive(Debug, Default)]
struct Found {
    push: Option<Push>,
    pull: Option<Pull>,
}

#[derive(Debug)]
struct Push {
    version: Option<i32>,
    tick: Tick,
    at: Instant,
    items: Arc<[Diagnostic]>,
    /// It may be about an older text than the one that was open.
    unsure: bool,
}

#[derive(Debug)]
struct Pull {
    asked: Tick,
    result: Result<Arc<[Diagnostic]>, String>,
}

#[derive(Debug)]
struct Busy {
    began: Tick,
    title: String,
}

/// A slow check that runs after a save beside the server's own analysis, such as `cargo check`.
#[derive(Debug)]
struct Check {
    /// What its progress token has in it.
    token: &'static str,
    /// When one was last called for, by a save or by the start.
    due: Tick,
    due_at: Instant,
    began: Tick,
    done: Tick,
    done_at: Instant,
    took: History,
}

/// Diagnostics of one document are to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) key: DocKey,
    pub(crate) version: i32,
    /// For [`Ledger::answered`].
    pub(crate) asked: Tick,
}

impl Open {
    /// Whether a publication may be about an older text.
    fn is_owed(&self, version: Option<i32>) -> bool {
        version.is_none() && self.owed > 0
    }

    /// The same; one less is then to come.
    fn pays(&mut self, version: Option<i32>) -> bool {
        let owed = self.is_owed(version);
        self.owed -= u32::from(owed);
        owed
    }
}

impl Ledger {
    /// The server runs a check with such a progress token at its start and after each save.
    pub(crate) fn checks_after_saves(&mut self, token: &'static str, now: Instant) {
        self.check = Some(Check { token, due: self.next(), due_at: now, began: 0, done: 0, done_at: now, took: History::default() });
    }

    /// Whether and how it wants to be asked.
    pub(crate) fn pulls(&mut self, kind: Option<PullKind>) {
        self.pull = kind;
    }

    /// The version and the text that the server has of a document, if it is open there.
    pub(crate) fn given(&self, key: &DocKey) -> Option<(i32, &Rope)> {
        self.open.get(key).map(|open| (open.version, &open.text))
    }

    /// The server was given a new text.
    pub(crate) fn gave(&mut self, key: &DocKey, version: i32, text: Rope, now: Instant) {
        let tick = self.next();
        if let Some(took) = self.open.get(key).and_then(|open| open.took) {
            self.latency.add(took);
        }
        let owed = self.open.get(key).map_or(0, |old| self.owed_after(key, old, now));
        let there = !self.shared;
        self.open.insert(key.clone(), Open { version, text, there, saved: false, changed: tick, changed_at: now, took: None, owed });
        (self.changed, self.changed_at) = (tick, Some(now));
    }

    /// The server is shared with the editor: what it is given is there only once that is told.
    pub(crate) fn is_shared(&mut self) {
        self.shared = true;
    }

    /// The server has (or has no more) the text that it was given under that version.
    pub(crate) fn has_same_text(&mut self, key: &DocKey, version: i32, same: bool, now: Instant) {
        let tick = self.next();
        if let Some(open) = self.open.get_mut(key).filter(|open| open.version == version) {
            open.there = same;
            // What it said until now was about another text.
            (open.changed, open.changed_at, open.took) = (tick, now, None);
            (self.changed, self.changed_at) = (tick, Some(now));
        }
    }

    /// Whether it has this text of a document; none where it was given none.
    pub(crate) fn has(&self, key: &DocKey, text: &Rope) -> Option<bool> {
        self.open.get(key).map(|open| open.there && open.text == *text)
    }

    /// What the server itself is at, if it says that it is not done: what it answers meanwhile may not be all.
    pub(crate) fn is_at(&self) -> Option<String> {
        // A check after saving finds errors; it knows no more of the code.
        let checks = |token: &str| self.check.as_ref().is_some_and(|check| token.contains(check.token));
        let busy = self.busy.iter().filter(|(token, _)| !checks(token)).map(|(_, busy)| busy);
        let title = busy.max_by_key(|busy| busy.began).map(|busy| busy.title.clone());
        title.or_else(|| (self.quiescent == Some(false)).then(|| "loading the project".to_owned()))
    }

    /// Whether it says that it is ready; none where it says nothing of that.
    pub(crate) fn says_ready(&self) -> Option<bool> {
        self.quiescent
    }

    /// Whether the disk holds what the server was given.
    pub(crate) fn is_on_disk(&mut self, key: &DocKey, saved: bool) {
        if let Some(open) = self.open.get_mut(key) {
            open.saved = saved;
        }
    }

    /// The server was told that a document was saved.
    pub(crate) fn saved(&mut self, now: Instant) {
        let tick = self.next();
        if let Some(check) = &mut self.check {
            (check.due, check.due_at) = (tick, now);
        }
    }

    /// The server was told that files changed on the disk.
    pub(crate) fn disk_changed(&mut self, now: Instant) {
        (self.changed, self.changed_at) = (self.next(), Some(now));
    }

    /// The server was told that a document is closed: what it answered about it holds no more.
    pub(crate) fn closed(&mut self, key: &DocKey) {
        self.open.remove(key);
        if let Some(found) = self.found.get_mut(key) {
            found.pull = None;
            if found.push.as_ref().is_none_or(|push| push.items.is_empty()) {
                self.found.remove(key);
            }
        }
    }

    /// The server published.
    pub(crate) fn published(&mut self, key: &DocKey, version: Option<i32>, items: Vec<Diagnostic>, now: Instant) {
        let tick = self.next();
        let open = self.open.get_mut(key);
        if let Some(open) = open.filter(|open| version.is_none_or(|version| version >= open.version) && !open.is_owed(version)) {
            open.took = Some(now.duration_since(open.changed_at));
            self.heard += 1;
        }
        if let (Some(changed), Some(last)) = (self.changed_at, self.published_at)
            && last > changed
        {
            self.gaps.add(now.duration_since(last));
        }
        self.published_at = Some(now);
        if !self.has_room(key) || (items.is_empty() && !self.open.contains_key(key) && !self.found.contains_key(key)) {
            return;
        }
        // How soon it was said tells more than how often, once that is known.
        let unsure = self.open.get_mut(key).is_some_and(|open| open.pays(version)) && self.latency.usual().is_none();
        let found = self.found.entry(key.clone()).or_default();
        found.push = Some(Push { version, tick, at: now, items: items.into(), unsure });
        if items_gone(found) && !self.open.contains_key(key) {
            self.found.remove(key);
        }
    }

    /// What may still come about a text and those before it, when another one takes its place.
    fn owed_after(&self, key: &DocKey, old: &Open, now: Instant) -> u32 {
        let push = self.found.get(key).and_then(|found| found.push.as_ref()).filter(|push| push.tick > old.changed);
        // One that answers several texts at once is not doubted for ever.
        let rested = push.is_some_and(|push| {
            let took = push.at.duration_since(old.changed_at);
            now.duration_since(push.at) >= (took * PATIENCE).max(CALM)
        });
        if rested || (old.owed == 0 && old.took.is_some()) { 0 } else { old.owed + 1 }
    }

    fn has_room(&self, key: &DocKey) -> bool {
        self.found.len() < FILES || self.found.contains_key(key)
    }

    /// The documents that must be asked about, the last changed one first. None while the server says itself that it is not ready.
    pub(crate) fn questions(&mut self) -> Vec<Question> {
        if self.pull.is_none() || self.quiescent == Some(false) || self.stopped.is_some() {
            return Vec::new();
        }
        let due = |(key, open): &(&DocKey, &Open)| open.there && !self.answered_since(key, self.due(open));
        let mut wanted: Vec<_> = self.open.iter().filter(due).map(|(key, open)| (open.changed, key.clone(), open.version)).collect();
        wanted.sort_by_key(|(changed, ..)| std::cmp::Reverse(*changed));
        let asked = self.tick;
        wanted.into_iter().map(|(_, key, version)| Question { key, version, asked }).collect()
    }

    /// Whether an answer to a question would still be about the text that is open.
    pub(crate) fn is_current(&self, question: &Question) -> bool {
        self.open.get(&question.key).is_some_and(|open| open.version == question.version)
    }

    /// The answer to a question, or why there is none. One about an older text is dropped.
    pub(crate) fn answered(&mut self, question: &Question, result: Result<Vec<Diagnostic>, String>, took: std::time::Duration) {
        self.next();
        if !self.is_current(question) {
            return;
        }
        if result.is_ok() {
            self.answers.add(took);
            self.heard += 1;
        }
        let found = self.found.entry(question.key.clone()).or_default();
        found.pull = Some(Pull { asked: question.asked, result: result.map(Into::into) });
    }

    /// An answer about one document told about another one, too.
    pub(crate) fn related(&mut self, key: &DocKey, items: Vec<Diagnostic>, asked: Tick) {
        self.next();
        if self.has_room(key) {
            self.found.entry(key.clone()).or_default().pull = Some(Pull { asked, result: Ok(items.into()) });
        }
    }

    /// The server takes back what it answered.
    pub(crate) fn refresh(&mut self) {
        self.refreshed = self.next();
    }

    /// The server begins something.
    pub(crate) fn began(&mut self, token: &str, title: &str) {
        let tick = self.next();
        if let Some(check) = &mut self.check
            && token.contains(check.token)
        {
            check.began = tick;
        }
        // A server that begins without an end is not to fill the memory.
        if self.busy.len() < 100 {
            self.busy.insert(token.to_owned(), Busy { began: tick, title: title.to_owned() });
        }
    }

    /// The server has ended it.
    pub(crate) fn ended(&mut self, token: &str, now: Instant) {
        let tick = self.next();
        if let Some(check) = &mut self.check
            && token.contains(check.token)
            && check.began > check.due
        {
            if check.done < check.due {
                check.took.add(now.duration_since(check.due_at));
            }
            (check.done, check.done_at) = (tick, now);
        }
        if let Some(busy) = self.busy.remove(token)
            && self.busy.is_empty()
        {
            self.last_busy = Some((busy.began, tick));
        }
    }

    /// The server says whether it is ready.
    pub(crate) fn quiescent(&mut self, quiescent: bool) {
        let tick = self.next();
        if quiescent && self.quiescent == Some(false) {
            // What it said before was said without knowing all.
            self.refreshed = tick;
        } else if !quiescent && self.quiescent != Some(false) {
            self.disquiet = tick;
        }
        self.quiescent = Some(quiescent);
    }

    /// The server is gone.
    pub(crate) fn stopped(&mut self, why: &str) {
        self.stopped.get_or_insert_with(|| why.to_owned());
    }

    /// How often it said something about the text that it was given last: grows with each answer, be it ever so late.
    pub(crate) fn heard(&self) -> u64 {
        self.heard
    }

    /// Grows with each end of a check after a save.
    pub(crate) fn checked(&self) -> Tick {
        self.check.as_ref().map_or(0, |check| check.done)
    }

    /// Within which time it nearly always says something about a text that it is given, if that is known.
    pub(crate) fn usual(&self) -> Option<std::time::Duration> {
        if self.pull.is_some() { self.answers.usual() } else { self.latency.usual() }
    }

    /// Whether the editor decides what the server has of the documents that it has open.
    pub(crate) fn is_of_editor(&self) -> bool {
        self.shared
    }

    /// Why the server is gone, if it is.
    pub(crate) fn why_stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// All that is known of a file now.
    pub(crate) fn items(&self, key: &DocKey) -> Arc<[Diagnostic]> {
        let Some(found) = self.found.get(key) else { return Arc::default() };
        let only = self.pull.is_some_and(|kind| kind.only);
        let push = found.push.as_ref().filter(|_| !only).map(|push| &push.items).filter(|items| !items.is_empty());
        let pull = found.pull.as_ref().and_then(|pull| pull.result.as_ref().ok()).filter(|items| !items.is_empty());
        match (push, pull) {
            (None, None) => Arc::default(),
            (Some(one), None) | (None, Some(one)) => Arc::clone(one),
            (Some(push), Some(pull)) => sorted(push.iter().chain(pull.iter()).cloned().collect()).into(),
        }
    }

    /// All files about which something is said.
    pub(crate) fn files(&self) -> impl Iterator<Item = &DocKey> {
        self.found.keys()
    }

    /// Since when an answer counts.
    fn due(&self, open: &Open) -> Tick {
        let inter_file = self.pull.is_some_and(|kind| kind.inter_file);
        self.refreshed.max(if inter_file { self.changed } else { open.changed })
    }

    fn answered_since(&self, key: &DocKey, due: Tick) -> bool {
        self.found.get(key).and_then(|found| found.pull.as_ref()).is_some_and(|pull| pull.asked >= due)
    }

    fn next(&mut self) -> Tick {
        self.tick += 1;
        self.tick
    }
}

fn items_gone(found: &Found) -> bool {
    found.push.as_ref().is_none_or(|push| push.items.is_empty()) && found.pull.is_none()
}

#[cfg(test)]
mod tests;
