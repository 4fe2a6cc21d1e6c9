//! Several changes at once: those of open documents through the editor, the others on the disk; all, or none.
//!
//! **Invariant:** everything that can be checked is checked before anything is changed; what was changed when a later one fails is taken back.

use std::collections::BTreeMap;
use std::sync::Arc;

use ropey::Rope;
use tokio_util::sync::CancellationToken;
use workspace::disk::{self, Write};
use workspace::{
    Applied, ApplyError, Change, ChangeKind, Content, DocKey, Edits, Foretold, Stamp, TextEdit, diff, hash_rope, rebase, unified,
};

use super::edit::{Editing, Made};
use super::{blocking, history};

/// Lines around what the user changed.
const CONTEXT: usize = 3;

/// What is to be done, in the order of the caller's changes.
#[derive(Default)]
struct Plan {
    /// By document: which of the caller's changes, and what they come to as one edit.
    open: BTreeMap<DocKey, OpenPlan>,
    disk: Vec<(usize, Change)>,
}

struct OpenPlan {
    indices: Vec<usize>,
    base: Rope,
    edits: Edits,
}

/// See `Workspace::apply`.
pub(super) async fn apply(
    editing: &Editing,
    changes: Vec<Change>,
    note: Option<Arc<dyn Foretold>>,
    cancel: &CancellationToken,
) -> Result<Vec<Applied>, ApplyError> {
    if let Some(first) = changes.first().filter(|_| cancel.is_cancelled()) {
        return Err(ApplyError::Cancelled { key: first.key.clone() });
    }
    let mut keys = Vec::new();
    for change in &changes {
        keys.extend(editing.documents.find(&change.key).await.map(|document| document.key));
    }
    keys.sort();
    keys.dedup();
    let mut locks = Vec::new();
    for key in &keys {
        locks.push(editing.lock(key).await);
    }
    let count = changes.len();
    let mut plan = Plan::default();
    for (index, change) in changes.into_iter().enumerate() {
        plan.add(editing, index, change).await?;
    }
    let (indices, disk): (Vec<usize>, Vec<Change>) = plan.disk.into_iter().unzip();
    let mut done: Vec<Option<Applied>> = vec![None; count];
    // The disk first: what was written there is taken back without a trace, an edit in a buffer leaves two undo steps.
    let on_disk = if disk.is_empty() { Vec::new() } else { write(disk, note.clone()).await? };
    for (index, applied) in indices.into_iter().zip(&on_disk) {
        done[index] = Some(applied.clone());
    }
    let mut made: Vec<(DocKey, Made)> = Vec::new();
    for (key, OpenPlan { indices, base, edits }) in plan.open {
        match editing.edit(&key, &base, &edits, note.as_deref(), cancel).await {
            Ok(edit) => {
                let whole = edit.applied(key.clone());
                // Further changes of the same document went in with the first.
                let nothing = Applied { before: whole.after.clone(), ..whole.clone() };
                for (n, index) in indices.into_iter().enumerate() {
                    done[index] = Some(if n == 0 { whole.clone() } else { nothing.clone() });
                }
                made.push((key, edit));
            }
            Err(error) => {
                take_back(editing, made, on_disk).await;
                return Err(error);
            }
        }
    }
    drop(locks);
    history::tell(&editing.client, &on_disk).await;
    Ok(done.into_iter().flatten().collect())
}

impl Plan {
    async fn add(&mut self, editing: &Editing, index: usize, change: Change) -> Result<(), ApplyError> {
        let Some(document) = editing.documents.find(&change.key).await else {
            self.disk.push((index, change));
            return Ok(());
        };
        let key = document.key.clone();
        let (base, edits) = match change.kind {
            ChangeKind::Edit { base, edits, .. } => (base, edits),
            ChangeKind::Create { content } => match content.as_text() {
                // The user has made the file by name, and not written it yet.
                Some(text) if document.text.len_bytes() == 0 && !key.path().is_some_and(std::path::Path::exists) => {
                    let insert = TextEdit { range: 0..0, text: text.to_owned() };
                    (document.text.clone(), vec![insert])
                }
                _ => return Err(ApplyError::Exists { key }),
            },
            ChangeKind::Restore { content } => {
                self.disk.push((index, Change { key, kind: ChangeKind::Create { content } }));
                return Ok(());
            }
            ChangeKind::Delete { stamp } => {
                if hash_rope(&document.text) != stamp.hash {
                    return Err(refused(&key, "the user has changed it since it was read"));
                }
                // The buffer stays; the file goes, whatever it holds of the buffer's text.
                let on_disk = {
                    let key = key.clone();
                    blocking(move || workspace::read_from_disk(&key)).await
                };
                let Some(Ok(on_disk)) = on_disk else { return Err(refused(&key, "it is not on the disk")) };
                let stamp = Stamp { version: None, hash: hash_rope(&on_disk.text) };
                self.disk.push((index, Change { key, kind: ChangeKind::Delete { stamp } }));
                return Ok(());
            }
        };
        let edits = Edits::new(base.len_bytes(), edits).map_err(|error| refused(&key, &error.to_string()))?;
        match self.open.get_mut(&key) {
            None => {
                // Checked here already, so that nothing else is changed if it cannot be.
                if rebase(&edits, &diff(&base, &document.text), &document.text).is_err() {
                    return Err(conflict(key, &base, &document.text));
                }
                self.open.insert(key, OpenPlan { indices: vec![index], base, edits });
            }
            Some(earlier) => {
                let now = earlier.edits.apply(&earlier.base).map_err(|error| refused(&key, &error.to_string()))?;
                let Ok(edits) = rebase(&edits, &diff(&base, &now), &now) else { return Err(conflict(key, &base, &now)) };
                earlier.edits = earlier.edits.compose(&edits).map_err(|error| refused(&key, &error.to_string()))?;
                earlier.indices.push(index);
            }
        }
        Ok(())
    }
}

async fn write(changes: Vec<Change>, note: Option<Arc<dyn Foretold>>) -> Result<Vec<Applied>, ApplyError> {
    let key = changes.first().map(|change| change.key.clone());
    match (blocking(move || workspace::apply_to_disk(changes, note.as_deref())).await, key) {
        (Some(result), _) => result,
        (None, Some(key)) => Err(ApplyError::Cancelled { key }),
        (None, None) => Ok(Vec::new()),
    }
}

/// What was made is undone; what cannot be is logged, for the caller says that nothing was changed.
async fn take_back(editing: &Editing, made: Vec<(DocKey, Made)>, on_disk: Vec<Applied>) {
    for (key, Made { before, after }) in made.into_iter().rev() {
        if let Err(error) = editing.edit(&key, &after, &diff(&after, &before), None, &CancellationToken::new()).await {
            tracing::error!(%key, %error, "an edit could not be taken back");
        }
    }
    let mut writes = Vec::new();
    for Applied { key, before, after, .. } in on_disk.into_iter().rev() {
        let Some(path) = key.path() else { continue };
        // Somebody else's work stays.
        if disk::read_content(path).is_ok_and(|now| same(now.as_ref(), after.as_ref())) {
            writes.push(before.map_or_else(|| Write::delete(path), |old| Write::put(path, old.to_bytes(), old.mode)));
        } else {
            tracing::error!(%key, "a file could not be put back: somebody else has written it");
        }
    }
    if let Some(Err((path, error))) = blocking(move || disk::write_all(writes)).await {
        tracing::error!(path = %path.display(), %error, "files could not be put back");
    }
}

fn same(a: Option<&Content>, b: Option<&Content>) -> bool {
    a.map(Content::to_bytes) == b.map(Content::to_bytes)
}

fn refused(key: &DocKey, reason: &str) -> ApplyError {
    ApplyError::Refused { key: key.clone(), tries: 0, reason: reason.to_owned() }
}

fn conflict(key: DocKey, base: &Rope, now: &Rope) -> ApplyError {
    let name = key.to_string();
    ApplyError::Conflict { key, diff: unified(base, now, &name, &name, CONTEXT) }
}
