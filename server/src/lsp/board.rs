//! Our diagnostics as the editor has them: one list a document, whoever they come from.
//!
//! Owns what is published where. Must not know what a diagnostic means.
//!
//! **Invariant:** what one source puts up never takes down another one's; the editor gets the lists in the order in which they were put up. What is up takes
//! no more memory than it has text.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use lsp_types::{Diagnostic, Url};
use serde_json::value::{RawValue, to_raw_value};
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

/// The diagnostics of one source for a document.
#[derive(Debug, Default)]
pub struct List {
    /// As they are written: as values, those of hundreds of changes would take six times as much.
    written: Vec<Box<RawValue>>,
    /// What they are about.
    subjects: u64,
}

impl List {
    /// Of these.
    pub fn of(diagnostics: impl IntoIterator<Item = Diagnostic>) -> Self {
        let (mut written, mut subjects) = (Vec::new(), DefaultHasher::new());
        for diagnostic in diagnostics {
            match to_raw_value(&diagnostic) {
                Ok(text) => written.push(text),
                Err(error) => tracing::error!(%error, "a diagnostic cannot be shown"),
            }
            diagnostic.data.and_then(|mut data| data["id"].take().as_str().map(str::to_owned)).hash(&mut subjects);
        }
        Self { written, subjects: subjects.finish() }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.written.len() == other.written.len() && self.written.iter().zip(&other.written).all(|(one, other)| one.get() == other.get())
    }
}

/// The diagnostics of both sources.
#[derive(Default)]
struct Lists {
    prompts: List,
    hunks: List,
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
    pub async fn put(&self, source: Source, key: &DocKey, list: List) {
        let mut lists = self.lists.lock().await;
        if !lists.contains_key(key) && list.written.is_empty() {
            return;
        }
        let both = lists.entry(key.clone()).or_default();
        let mine = match source {
            Source::Prompts => &mut both.prompts,
            Source::Hunks => &mut both.hunks,
        };
        if mine.says_the_same(&list) {
            return;
        }
        let others = mine.written.len() != list.written.len() || mine.subjects != list.subjects;
        *mine = list;
        let all: Vec<_> = both.prompts.written.iter().chain(&both.hunks.written).cloned().collect();
        if all.is_empty() {
            lists.remove(key);
        }
        let spelled = self.documents.find(key).await.map_or_else(|| key.to_uri(), |document| document.uri.to_string());
        match Url::parse(&spelled) {
            // Without a version: Helix drops what is not of its very own, and a keystroke may be on its way.
            Ok(uri) => {
                self.client.publish_diagnostics(uri, all).await;
                // Those that only move with the text move with it in the editor too.
                if others {
                    self.client.refresh_code_lenses();
                }
            }
            Err(error) => tracing::error!("diagnostics cannot be shown at {spelled}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_up_takes_no_more_than_its_text() {
        let diagnostic = |id: usize| Diagnostic {
            message: "Interline: +1 −0".into(),
            source: Some("interline".into()),
            data: Some(serde_json::json!({ "id": format!("1.{id}"), "turn": "msg_1a221901f1100075242cdb78194b", "old": "" })),
            ..Diagnostic::default()
        };
        const COUNT: usize = 800;
        let list = List::of((0..COUNT).map(diagnostic));
        let held: usize = list.written.iter().map(|text| size_of_val(text) + text.get().len()).sum();
        assert!(held < COUNT * 256, "{held} bytes");
        let again: Vec<Diagnostic> = list.written.iter().map(|text| serde_json::from_str(text.get()).unwrap()).collect();
        assert_eq!(again, (0..COUNT).map(diagnostic).collect::<Vec<_>>());
        let moved = List::of((0..COUNT).map(|id| Diagnostic { message: "elsewhere".into(), ..diagnostic(id) }));
        let other = List::of((1..=COUNT).map(diagnostic));
        assert!(list.says_the_same(&List::of(again)) && !list.says_the_same(&moved) && !list.says_the_same(&List::default()));
        assert!(list.subjects == moved.subjects && list.subjects != other.subjects);
    }
}
