//! What the editor itself says of documents: what our plugin pushes, and what it shows in the requests for code actions.
//!
//! Must not know who reads it, nor how it came.
//!
//! **Invariant:** what is said counts for exactly the version that it was said of. What is shown in part is never taken for all, and our own marks never count. Nobody waits
//! for longer than the editor usually takes with files of that kind, and ever shorter where it keeps silent.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ropey::Rope;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use workspace::DocKey;

use crate::Diagnostic;
use crate::diagnostic::read_all;
use crate::history::History;
use crate::positions::Encoding;

/// Our own marks: waiting prompts and hunks.
const OWN: &str = "interline";
/// Documents, and entries of one, that are remembered.
const FILES: usize = 1000;
const ITEMS: usize = 1000;
/// Kinds of files of which it is remembered how the editor speaks of them.
const KINDS: usize = 100;
/// How long it must have been quiet at least, and at most: several servers of an editor speak one after the other.
const QUIET: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// How long a first word about a change is waited for where nothing is known of how long that takes.
const UNKNOWN: Duration = Duration::from_secs(1);

/// What the editor says.
#[derive(Debug)]
pub struct EditorSays {
    state: Mutex<State>,
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// It tells by itself what it shows.
    pushes: bool,
    files: HashMap<DocKey, Heard>,
    /// Changes of which it has not said anything yet.
    awaited: HashMap<DocKey, Awaited>,
    /// By the file's extension.
    kinds: HashMap<OsString, Manner>,
}

/// How the editor speaks of files of one kind.
#[derive(Debug, Default)]
struct Manner {
    /// From a change to the first push about it.
    latency: History,
    /// Between pushes of one version; nothing for a version of which there was one push alone.
    gaps: History,
    /// Waits in vain since the last push.
    missed: u32,
}

#[derive(Debug)]
struct Awaited {
    version: i32,
    since: Instant,
    /// It was waited for in vain.
    missed: bool,
}

#[derive(Debug)]
struct Heard {
    version: i32,
    /// All that the editor shows of it, or only some.
    whole: bool,
    items: Vec<Value>,
    encoding: Encoding,
    /// The last push, and the first one of this version.
    at: Instant,
    first: Instant,
    pushes: u32,
    /// How long the first one took is known.
    measured: bool,
}

/// What the editor says of one version of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The worst first.
    pub items: Arc<[Diagnostic]>,
    /// Whether that is all that it shows of it.
    pub whole: bool,
}

/// What came of waiting for the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It has said all of that version, as far as can be told.
    Yes,
    /// It speaks of a newer version.
    Outdated,
    /// It has not said anything of that version in time, or does not stop talking of it.
    No,
}

impl Heard {
    fn new(version: i32, whole: bool, items: Vec<Value>, encoding: Encoding, at: Instant) -> Self {
        Self { version, whole, items, encoding, at, first: at, pushes: u32::from(whole), measured: false }
    }
}

impl Default for EditorSays {
    fn default() -> Self {
        Self { state: Mutex::default(), news: watch::Sender::new(0) }
    }
}

impl EditorSays {
    /// The editor will tell by itself what it shows: our plugin runs in it.
    pub fn will_push(&self) {
        self.state().pushes = true;
    }

    /// All that the editor shows of a version of a document, as LSP's `Diagnostic[]`. What is no list says nothing: it is not the same as an empty one.
    pub fn pushed(&self, key: &DocKey, version: i32, items: &Value, encoding: Encoding) {
        if !items.is_array() {
            tracing::warn!(%key, "what the editor says of its diagnostics is no list");
            return;
        }
        let items = foreign(items).take(ITEMS).cloned().collect();
        self.state().push(key, Heard::new(version, true, items, encoding, Instant::now()));
        self.news.send_modify(|count| *count += 1);
    }

    /// Some of what the editor shows of a version of a document.
    pub fn seen(&self, key: &DocKey, version: i32, items: &Value, encoding: Encoding) {
        let mut state = self.state();
        if !state.has_room(key) || foreign(items).next().is_none() {
            return;
        }
        let heard = Heard::new(version, false, Vec::new(), encoding, Instant::now());
        let heard = state
            .files
            .entry(key.clone())
            .and_modify(|old| {
                if !old.whole && old.version != version {
                    old.items.clear()
                }
            })
            .or_insert(heard);
        if heard.whole {
            return;
        }
        heard.version = version;
        for item in foreign(items) {
            if heard.items.len() < ITEMS && !heard.items.contains(item) {
                heard.items.push(item.clone());
            }
        }
    }

    /// The document is closed: versions begin anew when it is opened again.
    pub fn closed(&self, key: &DocKey) {
        let mut state = self.state();
        state.files.remove(key);
        state.awaited.remove(key);
    }

    /// Whether the editor tells by itself what it shows of a document.
    #[must_use]
    pub fn covers(&self, key: &DocKey) -> bool {
        self.state().files.get(key).is_some_and(|heard| heard.whole)
    }

    /// Whether it may say something of a document that is open in it.
    #[must_use]
    pub fn may_speak_of(&self, key: &DocKey) -> bool {
        let state = self.state();
        state.pushes || state.files.contains_key(key)
    }

    /// What it says of this version of a document, which has this text; none where it has not said anything.
    #[must_use]
    pub fn of(&self, key: &DocKey, version: i32, text: &Rope) -> Option<Shown> {
        let state = self.state();
        let heard = state.files.get(key).filter(|heard| heard.version == version)?;
        let items = read_all(&Value::Array(heard.items.clone()), Some(text), heard.encoding);
        Some(Shown { items: items.into(), whole: heard.whole })
    }

    /// Waits until it has said all of a version of a document, as far as can be told: it has pushed, and then kept quiet for longer than it usually does. `since` is when the
    /// document got that text.
    pub async fn settled(&self, key: &DocKey, version: i32, since: Instant, budget: Duration) -> Settled {
        let deadline = Instant::now() + budget;
        let mut news = self.news.subscribe();
        self.state().wait_for(key, version, since);
        loop {
            news.mark_unchanged();
            let now = Instant::now();
            let until = {
                let mut state = self.state();
                let due = state.due(key, version);
                let until = match due {
                    Due::Never => return Settled::No,
                    Due::Outdated => return Settled::Outdated,
                    Due::At(at) if at <= now => return Settled::Yes,
                    Due::At(at) => at.min(deadline),
                    Due::Later => state.patient_until(key, budget).min(deadline),
                };
                if now >= until {
                    if due == Due::Later {
                        state.miss(key);
                    }
                    return Settled::No;
                }
                until
            };
            tokio::select! {
                // The sender is our own.
                _ = news.changed() => {}
                () = sleep_until(until) => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When all is said of a version.
#[derive(Debug, PartialEq)]
enum Due {
    /// It does not tell what it shows, or the document is closed.
    Never,
    /// It speaks of a newer version.
    Outdated,
    /// Once there is a push.
    Later,
    /// Unless there is another push before.
    At(Instant),
}

impl State {
    fn push(&mut self, key: &DocKey, mut heard: Heard) {
        self.pushes = true;
        let before = self.files.get(key).filter(|before| before.whole);
        if before.is_some_and(|before| before.version > heard.version) || !self.has_room(key) {
            return;
        }
        let (mut gap, mut took) = (None, None);
        match before {
            Some(before) if before.version == heard.version => {
                gap = Some(heard.at.duration_since(before.at));
                (heard.pushes, heard.first, heard.measured) = (before.pushes + 1, before.first, before.measured);
            }
            Some(before) if before.pushes == 1 => gap = Some(Duration::ZERO),
            _ => {}
        }
        if let Some(awaited) = self.awaited.remove(key)
            && awaited.version == heard.version
        {
            took = Some(heard.at.saturating_duration_since(awaited.since));
            heard.measured = true;
        }
        let manner = self.manner(key);
        gap.into_iter().for_each(|gap| manner.gaps.add(gap));
        took.into_iter().for_each(|took| manner.latency.add(took));
        manner.missed = 0;
        self.files.insert(key.clone(), heard);
    }

    /// From now on it is noted how long it takes with a change that was made then.
    fn wait_for(&mut self, key: &DocKey, version: i32, since: Instant) {
        if let Some(heard) = self.files.get_mut(key).filter(|heard| heard.whole && heard.version >= version) {
            if heard.version == version && !std::mem::replace(&mut heard.measured, true) {
                let took = heard.first.saturating_duration_since(since);
                self.manner(key).latency.add(took);
            }
            return;
        }
        let (known, room) = (self.awaited.get(key).map(|awaited| awaited.version), self.awaited.len() < FILES);
        if known != Some(version) && (room || known.is_some()) {
            self.awaited.insert(key.clone(), Awaited { version, since, missed: false });
        }
    }

    fn due(&self, key: &DocKey, version: i32) -> Due {
        let quiet = self.kinds.get(&kind(key)).and_then(|manner| manner.gaps.usual()).unwrap_or(QUIET.1).clamp(QUIET.0, QUIET.1);
        match self.files.get(key).filter(|heard| heard.whole) {
            Some(heard) if heard.version == version => Due::At(heard.at + quiet),
            Some(heard) if heard.version > version => Due::Outdated,
            None if !self.pushes => Due::Never,
            _ => Due::Later,
        }
    }

    /// Until when a first word about the last change is worth waiting for: for as long as that usually takes, not at all where that is longer than may be waited, and half as long after
    /// each time that there was none.
    fn patient_until(&self, key: &DocKey, budget: Duration) -> Instant {
        let Some(awaited) = self.awaited.get(key) else { return Instant::now() };
        let manner = self.kinds.get(&kind(key));
        let usual = manner.and_then(|manner| manner.latency.usual()).map_or(UNKNOWN, |usual| usual.max(QUIET.0));
        let missed = manner.map_or(0, |manner| manner.missed);
        let worth = if usual > budget { Duration::ZERO } else { usual };
        awaited.since + worth / 2_u32.saturating_pow(missed)
    }

    /// It was waited for in vain.
    fn miss(&mut self, key: &DocKey) {
        // Once for a change, however often somebody waits.
        if self.awaited.get_mut(key).is_some_and(|awaited| !std::mem::replace(&mut awaited.missed, true)) {
            let manner = self.manner(key);
            manner.missed = manner.missed.saturating_add(1);
        }
    }

    fn manner(&mut self, key: &DocKey) -> &mut Manner {
        let kind = kind(key);
        let known = self.kinds.len() < KINDS || self.kinds.contains_key(&kind);
        self.kinds.entry(if known { kind } else { OsString::new() }).or_default()
    }

    fn has_room(&self, key: &DocKey) -> bool {
        self.files.len() < FILES || self.files.contains_key(key)
    }
}

fn kind(key: &DocKey) -> OsString {
    key.path().and_then(|path| path.extension()).map(ToOwned::to_owned).unwrap_or_default()
}

fn foreign(items: &Value) -> impl Iterator<Item = &Value> {
    items.as_array().into_iter().flatten().filter(|item| item["source"] != OWN)
}

#[cfg(test)]
mod tests;
