//! What the editor itself says of documents: what our plugin pushes, and what it shows in the requests for code actions.
//!
//! Must not know who reads it, nor how it came.
//!
//! **Invariant:** what is said counts for exactly the version that it was said of. What is shown in part is never taken for all, and our own marks never count.

use std::collections::HashMap;
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
/// How long it must have been quiet at least, and at most: several servers of an editor speak one after the other.
const QUIET: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// Waits in vain after which a push is waited for shortly, and how long that is.
const MISSES: u32 = 2;
const SHORT: Duration = Duration::from_millis(200);

/// What the editor says.
#[derive(Debug)]
pub struct EditorSays {
    state: Mutex<State>,
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<DocKey, Heard>,
    /// Between pushes of one version; nothing for a version of which there was one push alone.
    gaps: History,
    /// Waits in vain since the last push.
    missed: u32,
}

#[derive(Debug)]
struct Heard {
    version: i32,
    /// All that the editor shows of it, or only some.
    whole: bool,
    items: Vec<Value>,
    encoding: Encoding,
    at: Instant,
    pushes: u32,
}

/// What the editor says of one version of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The worst first.
    pub items: Arc<[Diagnostic]>,
    /// Whether that is all that it shows of it.
    pub whole: bool,
}

impl Default for EditorSays {
    fn default() -> Self {
        Self { state: Mutex::default(), news: watch::Sender::new(0) }
    }
}

impl EditorSays {
    /// All that the editor shows of a version of a document, as LSP's `Diagnostic[]`.
    pub fn pushed(&self, key: &DocKey, version: i32, items: &Value, encoding: Encoding) {
        let items = foreign(items).take(ITEMS).cloned().collect();
        self.state().push(key, Heard { version, whole: true, items, encoding, at: Instant::now(), pushes: 1 });
        self.news.send_modify(|count| *count += 1);
    }

    /// Some of what the editor shows of a version of a document.
    pub fn seen(&self, key: &DocKey, version: i32, items: &Value, encoding: Encoding) {
        let mut state = self.state();
        if !state.has_room(key) || foreign(items).next().is_none() {
            return;
        }
        let heard = Heard { version, whole: false, items: Vec::new(), encoding, at: Instant::now(), pushes: 0 };
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
        self.state().files.remove(key);
    }

    /// Whether the editor tells by itself what it shows of a document.
    #[must_use]
    pub fn covers(&self, key: &DocKey) -> bool {
        self.state().files.get(key).is_some_and(|heard| heard.whole)
    }

    /// What it says of this version of a document, which has this text; none where it has not said anything.
    #[must_use]
    pub fn of(&self, key: &DocKey, version: i32, text: &Rope) -> Option<Shown> {
        let state = self.state();
        let heard = state.files.get(key).filter(|heard| heard.version == version)?;
        let items = read_all(&Value::Array(heard.items.clone()), Some(text), heard.encoding);
        Some(Shown { items: items.into(), whole: heard.whole })
    }

    /// Waits until it has said all of a version of a document that it covers, as far as can be told: it has pushed, and then kept quiet for longer than it usually does. Whether it has.
    pub async fn settled(&self, key: &DocKey, version: i32, budget: Duration) -> bool {
        let deadline = Instant::now() + self.state().patience(budget);
        let mut news = self.news.subscribe();
        loop {
            news.mark_unchanged();
            let due = self.state().due(key, version);
            let now = Instant::now();
            let until = match due {
                Due::Never => return false,
                Due::At(at) if at <= now => return true,
                Due::At(at) => at.min(deadline),
                Due::Later => deadline,
            };
            if now >= deadline {
                self.state().missed += u32::from(matches!(due, Due::Later));
                return false;
            }
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
    /// It is closed, has another text by now, or is not covered.
    Never,
    /// Once there is a push.
    Later,
    /// Unless there is another push before.
    At(Instant),
}

impl State {
    fn push(&mut self, key: &DocKey, heard: Heard) {
        let before = self.files.get(key).filter(|before| before.whole);
        if before.is_some_and(|before| before.version > heard.version) || !self.has_room(key) {
            return;
        }
        let pushes = match before {
            Some(before) if before.version == heard.version => {
                self.gaps.add(heard.at.duration_since(before.at));
                before.pushes + 1
            }
            Some(before) => {
                if before.pushes == 1 {
                    self.gaps.add(Duration::ZERO);
                }
                1
            }
            None => 1,
        };
        self.missed = 0;
        self.files.insert(key.clone(), Heard { pushes, ..heard });
    }

    fn due(&self, key: &DocKey, version: i32) -> Due {
        let quiet = self.gaps.usual().unwrap_or(QUIET.1).clamp(QUIET.0, QUIET.1);
        match self.files.get(key).filter(|heard| heard.whole) {
            Some(heard) if heard.version == version => Due::At(heard.at + quiet),
            Some(heard) if heard.version < version => Due::Later,
            _ => Due::Never,
        }
    }

    fn patience(&self, budget: Duration) -> Duration {
        if self.missed < MISSES { budget } else { budget.min(SHORT) }
    }

    fn has_room(&self, key: &DocKey) -> bool {
        self.files.len() < FILES || self.files.contains_key(key)
    }
}

fn foreign(items: &Value) -> impl Iterator<Item = &Value> {
    items.as_array().into_iter().flatten().filter(|item| item["source"] != OWN)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(source: &str, line: u32, message: &str) -> Value {
        let at = json!({ "line": line, "character": 2 });
        json!({ "range": { "start": at, "end": at }, "severity": 1, "source": source, "message": message })
    }

    fn key() -> DocKey {
        DocKey::file("/p/a.f")
    }

    fn of(says: &EditorSays, version: i32) -> Option<(Vec<String>, bool)> {
        let shown = says.of(&key(), version, &"ä😀b\nc\n".into())?;
        Some((shown.items.iter().map(|item| format!("{}:{} {}", item.start.line, item.start.column, item.message)).collect(), shown.whole))
    }

    #[test]
    fn what_is_said_counts_for_its_version_alone() {
        let says = EditorSays::default();
        says.pushed(&key(), 3, &json!([item("pyright", 0, "one"), item("interline", 0, "ours"), 7]), Encoding::Utf16);
        assert_eq!((of(&says, 2), of(&says, 4)), (None, None));
        assert_eq!(of(&says, 3), Some((vec!["0:1 one".to_owned()], true)), "columns are characters, and our own marks do not count");
        says.pushed(&key(), 2, &json!([item("pyright", 0, "late")]), Encoding::Utf16);
        assert_eq!(of(&says, 3), Some((vec!["0:1 one".to_owned()], true)));
        says.seen(&key(), 3, &json!([item("ruff", 1, "in part")]), Encoding::Utf16);
        assert_eq!(of(&says, 3).map(|(items, _)| items.len()), Some(1), "who tells all needs no parts");
        says.pushed(&key(), 4, &json!(null), Encoding::Utf16);
        assert_eq!(of(&says, 4), Some((vec![], true)));
        says.closed(&key());
        assert_eq!((of(&says, 4), says.covers(&key())), (None, false));
    }

    #[test]
    fn parts_are_put_together() {
        let says = EditorSays::default();
        says.seen(&key(), 1, &json!([]), Encoding::Utf8);
        says.seen(&key(), 1, &json!([item("a", 0, "one")]), Encoding::Utf8);
        says.seen(&key(), 1, &json!([item("a", 0, "one"), item("b", 1, "two")]), Encoding::Utf8);
        assert_eq!(of(&says, 1), Some((vec!["0:1 one".to_owned(), "1:1 two".to_owned()], false)));
        says.seen(&key(), 2, &json!([item("b", 1, "two")]), Encoding::Utf8);
        assert_eq!((of(&says, 1), of(&says, 2)), (None, Some((vec!["1:1 two".to_owned()], false))));
        assert!(!says.covers(&key()));
    }

    #[test]
    fn it_has_said_all_when_it_has_been_quiet() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut state = State::default();
        let push = |state: &mut State, version, ms| {
            state.push(&key(), Heard { version, whole: true, items: Vec::new(), encoding: Encoding::Utf8, at: at(ms), pushes: 1 });
        };
        assert_eq!(state.due(&key(), 1), Due::Never, "nothing is waited for where nothing was ever pushed");
        push(&mut state, 1, 0);
        assert_eq!([state.due(&key(), 1), state.due(&key(), 2)], [Due::At(at(500)), Due::Later], "without experience long");
        for version in 2..6 {
            push(&mut state, version, 1000 * version as u64);
        }
        assert_eq!(state.due(&key(), 5), Due::At(at(5100)), "there never was a second one");
        assert_eq!(state.due(&key(), 4), Due::Never, "the user has typed");
        for version in 6..20 {
            push(&mut state, version, 10_000 * version as u64);
            push(&mut state, version, 10_000 * version as u64 + 240);
        }
        assert_eq!(state.due(&key(), 19), Due::At(at(190_540)), "there always is a second one");
    }

    #[tokio::test]
    async fn who_pushes_nothing_is_waited_for_shortly() {
        let says = EditorSays::default();
        let (long, none) = (Duration::from_secs(1000), Duration::ZERO);
        says.pushed(&key(), 1, &json!([]), Encoding::Utf8);
        for _ in 0..2 {
            assert_eq!(says.state().patience(long), long);
            assert!(!says.settled(&key(), 2, none).await);
        }
        assert_eq!(says.state().patience(long), SHORT);
        let key = key();
        let (settled, ()) = tokio::join!(says.settled(&key, 2, long), async { says.pushed(&key, 3, &json!([]), Encoding::Utf8) });
        assert!(!settled && says.state().patience(long) == long, "a push says that there is somebody");
        assert!(says.settled(&key, 3, long).await);
    }
}
