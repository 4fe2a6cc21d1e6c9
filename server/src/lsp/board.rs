//! Our diagnostics as the editor has them: one list a document, whoever they come from.
//!
//! Owns what is published where. Must not know what a diagnostic means.
//!
//! **Invariant:** what one source puts up never takes down another one's; the editor gets the lists in the order in which they were put up.

use std::collections::HashMap;
use std::sync::Arc;

use lsp_types::{Diagnostic, Url};
use tokio::sync::Mutex;
use workspace::DocKey;

use crate::lsp::client::Client;
use crate::lsp::documents::Documents;

/// Who puts diagnostics up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Waiting prompts and questions.
    Prompts,
    /// Changes to be reviewed.
    Hunks,
}

/// The diagnostics of both sources.
#[derive(Default)]
struct Lists {
    prompts: Vec<Diagnostic>,
    hunks: Vec<Diagnostic>,
}

/// A handle. Cheap to clone.
#[derive(Clone)]
pub struct Board {
    client: Client,
    documents: Documents,
    lists: Arc<Mutex<HashMap<DocKey, Lists>>>,
}

impl Board {
    /// An empty one.
    #[must_use]
    pub fn new(client: Client, documents: Documents) -> Self {
        Self { client, documents, lists: Arc::default() }
    }

    /// Puts up all that a source has for a document, in place of what it had.
    pub async fn put(&self, source: Source, key: &DocKey, diagnostics: Vec<Diagnostic>) {
        let mut lists = self.lists.lock().await;
        if !lists.contains_key(key) && diagnostics.is_empty() {
            return;
        }
        let both = lists.entry(key.clone()).or_default();
        let mine = match source {
            Source::Prompts => &mut both.prompts,
            Source::Hunks => &mut both.hunks,
        };
        if *mine == diagnostics {
            return;
        }
        let subject = |diagnostic: &Diagnostic| diagnostic.data.as_ref().map(|data| data["id"].clone());
        let subjects = |list: &[Diagnostic]| list.iter().map(subject).collect::<Vec<_>>();
        let others = subjects(mine) != subjects(&diagnostics);
        *mine = diagnostics;
        let all: Vec<_> = both.prompts.iter().chain(&both.hunks).cloned().collect();
        if all.is_empty() {
            lists.remove(key);
        }
        let spelled = self.documents.find(key).await.map_or_else(|| key.to_uri(), |document| document.uri.to_string());
        match Url::parse(&spelled) {
            // Without a version: Helix drops what is not of its very own, and a keystroke may be on its way.
            Ok(uri) => {
                self.client.publish_diagnostics(uri, all, None).await;
                // Those that only move with the text move with it in the editor too.
                if others {
                    self.client.refresh_code_lenses();
                }
            }
            Err(error) => tracing::error!("diagnostics cannot be shown at {spelled}: {error}"),
        }
    }
}
