//! Changes that have overtaken others on their way: Helix 25.01 sends each notification from a task of its own, so that of two keystrokes the
//! second may come first. Each change makes the next version, so the order can be told.
//!
//! **Invariant:** a change is given out once, after those before it; one whose predecessor does not come is given out when the wait is over.

use std::time::Duration;

use lsp_types::DidChangeTextDocumentParams;
use tokio::time::Instant;
use workspace::DocKey;

/// How long a predecessor is waited for. Tasks of one process overtake each other by microseconds.
const WAIT: Duration = Duration::from_millis(150);

/// Changes that wait for their predecessors.
#[derive(Default)]
pub(super) struct Early {
    held: Vec<(DocKey, DidChangeTextDocumentParams)>,
    until: Option<Instant>,
}

impl Early {
    /// Whether a change has come too early, where the document is at `version` (none: not open yet).
    pub(super) fn is_early(version: Option<i32>, change: &DidChangeTextDocumentParams) -> bool {
        version.is_none_or(|version| change.text_document.version > version.saturating_add(1))
    }

    /// Keeps a change for later.
    pub(super) fn hold(&mut self, key: DocKey, change: DidChangeTextDocumentParams) {
        self.held.push((key, change));
        self.until.get_or_insert_with(|| Instant::now() + WAIT);
    }

    /// The change of a document that comes right after `version`, if it was held.
    pub(super) fn next(&mut self, key: &DocKey, version: i32) -> Option<DidChangeTextDocumentParams> {
        let at = self.held.iter().position(|(k, change)| k == key && change.text_document.version <= version.saturating_add(1))?;
        let (_, change) = self.held.swap_remove(at);
        if self.held.is_empty() {
            self.until = None;
        }
        Some(change)
    }

    /// Waits until the wait is over; for ever if nothing is held.
    pub(super) async fn over(&self) {
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }

    /// All that is held, in the order of the versions.
    pub(super) fn give_up(&mut self) -> Vec<DidChangeTextDocumentParams> {
        self.until = None;
        self.held.sort_by_key(|(_, change)| change.text_document.version);
        std::mem::take(&mut self.held).into_iter().map(|(_, change)| change).collect()
    }
}
