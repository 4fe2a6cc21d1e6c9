//! What the editor itself says, beside our servers.
//!
//! **Invariant:** what it says of another version than that which the document has now counts for nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lsp_client::{Diagnostic, Proof, Report, State};
use tokio::time::Instant;
use workspace::{DocKey, Origin, Snapshot};

use super::compare::Seen;
use super::{Eyes, Server};

/// How long the editor is waited for where servers of our own have said what they think, and where there are none.
const WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

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

    /// What it says of the open documents, once it has looked at these; `told` where servers of our own have.
    pub(super) async fn ask_editor(&self, documents: &[DocKey], told: bool) -> Editor {
        let begun = Instant::now();
        let says = &self.siblings.editor;
        let mut found = Editor::default();
        let mut settled: Vec<&DocKey> = Vec::new();
        let budget = if told { WAIT.0 } else { WAIT.1 };
        for key in documents.iter().filter(|key| says.covers(key)) {
            let Ok(now) = self.workspace.read(key).await else { continue };
            if let Some(version) = version(&now)
                && says.settled(key, version, budget.saturating_sub(begun.elapsed())).await
            {
                settled.push(key);
            }
        }
        for snapshot in self.workspace.open_documents().await {
            let Some((seen, whole)) = self.shown(&snapshot) else { continue };
            let key = snapshot.key.clone();
            if !whole {
                found.parts.push((key, seen));
                continue;
            }
            // Of a document that was changed all must have been said.
            if documents.contains(&key) {
                if !settled.contains(&&key) {
                    continue;
                }
                let version = version(&snapshot).unwrap_or_default();
                found.reports.push(report(&key, version, &seen.items, begun.elapsed()));
            }
            found.whole.push((key, seen));
        }
        found
    }
}

fn report(key: &DocKey, version: i32, items: &Arc<[Diagnostic]>, waited: Duration) -> Report {
    let (server, root) = name();
    let state = State::Fresh { version, by: Proof::Settled, whole: true };
    Report { key: key.clone(), server, root, state, current: true, items: Arc::clone(items), waited }
}
