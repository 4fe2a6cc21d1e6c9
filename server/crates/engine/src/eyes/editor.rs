//! What the editor itself says, beside our servers.
//!
//! **Invariant:** what it says of another version than that which the document has now counts for nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lsp_client::{Pending, Proof, Report, Settled, State};
use tokio::time::Instant;
use workspace::{DocKey, Origin, Snapshot};

use super::compare::Seen;
use super::{Eyes, Server};

/// How long the editor is waited for at most, beside the servers of our own.
const WAIT: Duration = Duration::from_secs(2);

/// What the editor says of the documents as they are now.
#[derive(Default)]
pub(super) struct Editor {
    /// All that it says of a document.
    pub(super) whole: Vec<(DocKey, Seen)>,
    /// Something that it says of one.
    pub(super) parts: Vec<(DocKey, Seen)>,
    /// The same for the model, for documents that it covers.
    pub(super) reports: Vec<Report>,
}

/// The editor, as if it were a server.
pub(super) fn name() -> Server {
    ("editor".into(), PathBuf::new())
}

/// The editor's version of a document that is open in it.
fn version(snapshot: &Snapshot) -> Option<i32> {
    match snapshot.origin {
        Origin::Buffer { version, .. } => Some(version),
        Origin::Disk { .. } => None,
    }
}

impl Eyes {
    /// What it says of a document; whether that is all.
    pub(super) fn shown(&self, snapshot: &Snapshot) -> Option<(Seen, bool)> {
        let shown = self.siblings.editor.of(&snapshot.key, version(snapshot)?, &snapshot.text)?;
        Some((Seen { items: shown.items, text: Some(snapshot.text.clone()) }, shown.whole))
    }

    /// Waits until the editor has said all that it has to say of these documents, which were changed then; those of which it has.
    pub(super) async fn editor_settles<'a>(&self, documents: &'a [DocKey], since: Instant) -> Vec<&'a DocKey> {
        let says = &self.siblings.editor;
        let waits = documents.iter().filter(|key| says.may_speak_of(key)).map(|key| async move {
            let mut last = None;
            loop {
                let now = version(&self.workspace.read(key).await.ok()?)?;
                if last.replace(now) == Some(now) {
                    // It speaks of a version that the document does not have.
                    return None;
                }
                match says.settled(key, now, since, WAIT).await {
                    Settled::Yes => return Some(key),
                    Settled::No => return None,
                    // The user types.
                    Settled::Outdated => {}
                }
            }
        });
        futures_util::future::join_all(waits).await.into_iter().flatten().collect()
    }

    /// What it says of the open documents; of these, if all is said of them.
    pub(super) async fn ask_editor(&self, documents: &[DocKey], settled: &[&DocKey], waited: Duration) -> Editor {
        let mut found = Editor::default();
        for snapshot in self.workspace.open_documents().await {
            let key = snapshot.key.clone();
            let shown = self.shown(&snapshot);
            if let Some((seen, false)) = shown {
                found.parts.push((key, seen));
                continue;
            }
            if documents.contains(&key) {
                let seen = shown.as_ref().filter(|_| settled.contains(&&key)).map(|(seen, _)| seen);
                if self.siblings.editor.covers(&key) {
                    found.reports.push(report(&key, version(&snapshot), seen, waited));
                }
                if seen.is_none() {
                    continue;
                }
            }
            found.whole.extend(shown.map(|(seen, _)| (key, seen)));
        }
        found
    }
}

fn report(key: &DocKey, version: Option<i32>, seen: Option<&Seen>, waited: Duration) -> Report {
    let (server, root) = name();
    let state = match version {
        Some(version) if seen.is_some() => State::Fresh { version, by: Proof::Settled, whole: true },
        _ => State::Pending(Pending::Silent),
    };
    let items = seen.map(|seen| Arc::clone(&seen.items)).unwrap_or_default();
    Report { key: key.clone(), server, root, current: state.is_fresh(), state, items, waited }
}
