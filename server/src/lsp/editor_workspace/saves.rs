//! What the user's saves and closes mean: for the journal of what commands were shown, and for whether the editor saves by itself.
//!
//! **Invariant:** every save and every close reaches the journal, in order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use workspace::DocKey;

use super::{SharedJournal, blocking};
use crate::lsp::documents::{DocEvent, Documents};

/// How many saves in a row must come after the same pause to be the editor's own.
const SAVES: usize = 3;
/// How much these pauses may differ: a person's do by more.
const SAME: Duration = Duration::from_millis(80);
/// Editors save by themselves after 1 s (VS Code) or 3 s (Helix), unless told otherwise.
const LONGEST: Duration = Duration::from_secs(5);

/// What is known of saves.
#[derive(Debug, Default)]
pub(super) struct Saves {
    pauses: Mutex<VecDeque<Duration>>,
    /// When the files of the open documents were written, as the editor last saw them.
    times: Mutex<HashMap<DocKey, Option<SystemTime>>>,
}

impl Saves {
    /// Watches from now on.
    pub fn start(documents: &Documents, journal: SharedJournal) -> Arc<Self> {
        let saves = Arc::new(Self::default());
        tokio::spawn(watch(documents.subscribe(), journal, Arc::clone(&saves)));
        saves
    }

    /// Whether the editor was seen to save by itself.
    pub fn automatic(&self) -> bool {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let (least, most) = (pauses.iter().min(), pauses.iter().max());
        pauses.len() == SAVES && least.zip(most).is_some_and(|(least, most)| *most <= LONGEST && *most - *least <= SAME)
    }

    /// Whether somebody else has written the file since the editor read or wrote it: then it would not save without asking.
    pub async fn is_overtaken(&self, key: &DocKey) -> bool {
        let known = self.times.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        match known {
            Some(known) => written(key).await != known,
            None => false,
        }
    }

    async fn look(&self, key: DocKey) {
        let written = written(&key).await;
        self.times.lock().unwrap_or_else(PoisonError::into_inner).insert(key, written);
    }

    fn note(&self, pause: Duration) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.push_back(pause);
        if pauses.len() > SAVES {
            pauses.pop_front();
        }
    }
}

async fn watch(mut events: mpsc::UnboundedReceiver<DocEvent>, journal: SharedJournal, saves: Arc<Saves>) {
    let mut changed: HashMap<DocKey, Instant> = HashMap::new();
    while let Some(event) = events.recv().await {
        match event {
            DocEvent::Opened { key } => saves.look(key).await,
            DocEvent::Changed { key, .. } => drop(changed.insert(key, Instant::now())),
            DocEvent::Saved { key, .. } => {
                // A save without a change before it is a person's.
                saves.note(changed.remove(&key).map_or(Duration::MAX, |at| at.elapsed()));
                tell(&journal, key.clone(), |journal, path| journal.saved(path)).await;
                saves.look(key).await;
            }
            DocEvent::Closed { key, .. } => {
                changed.remove(&key);
                saves.times.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                tell(&journal, key, |journal, path| {
                    if let Err(error) = journal.closed_unsaved(path) {
                        tracing::error!(%error, "unsaved text that a command was shown could not be taken back from the disk");
                    }
                })
                .await;
            }
        }
    }
}

/// When a document's file was last written; none if it is not there.
async fn written(key: &DocKey) -> Option<SystemTime> {
    tokio::fs::metadata(key.path()?).await.ok()?.modified().ok()
}

async fn tell(journal: &SharedJournal, key: DocKey, what: impl FnOnce(&mut workspace::flush::Journal, &std::path::Path) + Send + 'static) {
    let journal = Arc::clone(journal);
    blocking(move || {
        if let Some(path) = key.path() {
            what(&mut journal.lock().unwrap_or_else(PoisonError::into_inner), path);
        }
    })
    .await;
}

/// Waits until all of `documents` were saved (or closed), `limit` at most.
pub(super) async fn saved(mut events: mpsc::UnboundedReceiver<DocEvent>, mut documents: HashSet<DocKey>, limit: Duration) {
    let all = async {
        while !documents.is_empty() {
            match events.recv().await {
                Some(DocEvent::Saved { key, .. } | DocEvent::Closed { key, .. }) => drop(documents.remove(&key)),
                Some(_) => {}
                None => break,
            }
        }
    };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::debug!("the editor did not save in time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_pauses_are_the_editors() {
        let check = |pauses: &[u64], want: bool| {
            let saves = Saves::default();
            pauses.iter().for_each(|ms| saves.note(Duration::from_millis(*ms)));
            assert_eq!(saves.automatic(), want, "{pauses:?}");
        };
        check(&[], false);
        check(&[1000, 1010], false);
        check(&[1000, 1010, 1050], true);
        check(&[300, 1000, 1010, 1050], true);
        check(&[1000, 1010, 1900], false);
        check(&[9000, 9001, 9002], false);
        check(&[1000, 1000, 1000, u64::MAX], false);
    }
}
