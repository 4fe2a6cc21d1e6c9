//! Changes are given to servers before anybody else: one that a language could not be read after any more is thought over by the model first.
//!
//! **Invariant:** a change is held up once at most: the very same one is made when it comes again. What servers cannot tell in time holds up nothing.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use lsp_client::{Disk, Trial, render};
use tools::Proposed;
use workspace::{DocKey, Snapshot};

use super::{Eyes, document, give, seen_on_disk};

/// Which change it is, wherever in a document: the user may have typed since.
pub(super) type Name = u64;

const HEAD: &str = "Nothing was changed yet: these errors of syntax would come with it (lines and columns of the text as it would be):";
const TAIL: &str = "Mend the call, or make the very same one again to have it so.";

fn name(changes: &[Proposed<'_>]) -> Name {
    let mut hasher = DefaultHasher::new();
    for change in changes {
        change.key.hash(&mut hasher);
        match change.edits {
            Some(edits) => edits.edits().iter().for_each(|edit| edit.text.hash(&mut hasher)),
            None => change.after.hash(&mut hasher),
        }
    }
    hasher.finish()
}

fn trial(change: &Proposed<'_>) -> Trial {
    let before = |snapshot: &Snapshot| document(&snapshot.key, snapshot.text.clone(), seen_on_disk(snapshot));
    Trial {
        after: document(change.key, change.after.clone(), Disk::Differs),
        before: change.before.map(before),
        open: change.before.is_some_and(Snapshot::is_open),
    }
}

impl Eyes {
    /// What servers have against it, in words for the model.
    pub(super) async fn try_out(&self, changes: &[Proposed<'_>]) -> Option<String> {
        let pool = self.siblings.pool();
        let trials: Vec<Trial> = changes.iter().filter(|change| pool.may_serve(change.key)).map(trial).collect();
        let name = name(changes);
        {
            let mut work = self.work.lock().await;
            if trials.is_empty() || work.refused.remove(&name) {
                return None;
            }
            self.get_ready(&mut work).await;
        }
        let tried = pool.try_out(&trials, self.siblings.preflight.is_none()).await;
        if tried.is_empty() {
            return None;
        }
        self.work.lock().await.refused.insert(name);
        let mut told = String::new();
        let mut keys: Vec<&DocKey> = Vec::new();
        for one in &tried {
            // One server's words are enough.
            if keys.contains(&&one.key) {
                continue;
            }
            keys.push(&one.key);
            // The user may have typed while it was tried out.
            if let Ok(now) = self.workspace.read(&one.key).await {
                give(pool, &now);
            }
            let base = &self.siblings.directory;
            told += &format!("{} ({}):\n{}", render::name(&one.key, base), one.server, render::entries(&one.syntax, base));
        }
        Some(format!("{HEAD}\n{told}{TAIL}"))
    }
}
