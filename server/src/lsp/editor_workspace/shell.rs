//! Around a shell command: the disk shows what the buffers hold, and afterwards the buffers what the command made of it.
//!
//! **Invariant:** nothing that the user typed, before or while the command ran, is lost, whatever the command did.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ropey::Rope;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use workspace::flush::{Dirty, FlushError, Flushed, Journal};
use workspace::shell_changes::FoldersBefore;
use workspace::{Applied, ApplyError, Content, DocKey, ShellRun, disk, merge3};

use super::{EditorWorkspace, SharedJournal, blocking, key_of, saves};
use crate::lsp::client::plugin;
use crate::lsp::documents::OpenDocument;

/// How long the editor may take to save.
const SAVE_LIMIT: Duration = Duration::from_millis(1500);

/// What must be put right after a command.
pub(super) struct Run {
    flushed: Flushed,
    before: FoldersBefore,
    open: Vec<Shown>,
}

/// An open document's file, as the command found it.
struct Shown {
    document: OpenDocument,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl ShellRun for Run {
    fn not_shown(&self) -> Vec<String> {
        self.flushed.refused().iter().map(ToString::to_string).collect()
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

impl EditorWorkspace {
    pub(super) async fn prepare(&self, cancel: &CancellationToken) -> Result<Run, ApplyError> {
        let cancelled = || ApplyError::Cancelled { key: key_of(&self.folders) };
        tokio::select! {
            () = cancel.cancelled() => return Err(cancelled()),
            () = self.let_the_editor_save() => {}
        }
        let open: Vec<OpenDocument> = self.editing.documents.all().await.into_iter().filter(|d| self.is_shown(d)).collect();
        let journal = Arc::clone(&self.journal);
        self.shell.follow(&self.folders.all());
        match blocking(move || show(&journal, open)).await {
            Some(Ok((flushed, open))) => {
                let bytes = open.iter().map(|shown| (shown.path.clone(), shown.bytes.clone())).collect();
                Ok(Run { flushed, before: self.shell.before(bytes).await, open })
            }
            Some(Err(FlushError { path, source })) => Err(ApplyError::Io { key: DocKey::file(path), source: Arc::new(source) }),
            None => Err(cancelled()),
        }
    }

    /// Files of the project; not the chat, and what else is ours.
    fn is_shown(&self, document: &OpenDocument) -> bool {
        let folders = self.folders.all();
        let inside = |path: &Path| folders.iter().any(|root| path.strip_prefix(root).is_ok_and(|rest| !rest.starts_with(".interline")));
        document.key.path().is_some_and(inside)
    }

    /// Best of all the editor itself brings the disk up to date.
    async fn let_the_editor_save(&self) {
        let documents = &self.editing.documents;
        let events = documents.subscribe();
        let plugin = self.editing.client.caps().plugin;
        if !(plugin || self.saves.automatic()) {
            return;
        }
        let mut dirty = Vec::new();
        for document in documents.all().await {
            if document.dirty && self.is_shown(&document) && !self.saves.is_overtaken(&document.key).await {
                dirty.push(document);
            }
        }
        let keys: HashSet<_> = dirty.iter().map(|d| d.key.clone()).collect();
        if dirty.is_empty() {
            return;
        }
        if plugin {
            let uris: Vec<&str> = dirty.iter().map(|d| &*d.uri).collect();
            if let Err(error) = self.editing.client.plugin::<plugin::Save>(json!({ "uris": uris }), SAVE_LIMIT).await {
                tracing::warn!(%error, "the editor did not save");
                return;
            }
        }
        saves::saved(events, keys, SAVE_LIMIT).await;
    }

    pub(super) async fn finish(&self, run: Run) -> Vec<Applied> {
        let Run { flushed, before, open } = run;
        let journal = Arc::clone(&self.journal);
        blocking(move || locked(&journal, |journal| journal.settle(flushed))).await;
        let mut changes = self.shell.after(before).await;
        for shown in open {
            let path = shown.path.clone();
            let Some(Some(now)) = blocking(move || disk::read_content(&path).ok().flatten()).await else { continue };
            if now.to_bytes() == shown.bytes {
                continue;
            }
            if let Some(applied) = self.follow(&shown, &now).await {
                let (key, canonical) = (&shown.document.key, shown.document.canonical.as_deref());
                changes.retain(|change| change.key != *key && change.key.path() != canonical.map(PathBuf::as_path));
                changes.push(applied);
            }
        }
        changes
    }

    /// Brings what a command did to a file into its buffer, as far as the user did not change the same place. The buffer's other text stays.
    async fn follow(&self, shown: &Shown, now: &Content) -> Option<Applied> {
        let key = &shown.document.key;
        let was = Content::from_bytes(&shown.bytes, None);
        let (Some(was), Some(now)) = (was.as_text().map(Rope::from_str), now.as_text().map(Rope::from_str)) else { return None };
        let buffer = self.editing.documents.get(key).await?.text;
        let merged = merge3(&was, &buffer, &now);
        if !merged.conflicts.is_empty() {
            tracing::warn!(%key, count = merged.conflicts.len(), "a command changed lines that the user has changed: the user's stay in the buffer");
        }
        if merged.edits_over_ours.is_empty() {
            return None;
        }
        let edits = merged.edits_over_ours.into_vec();
        match self.edit_open(key, &buffer, edits, &CancellationToken::new()).await {
            Ok(made) => Some(made.applied(key.clone())),
            Err(error) => {
                tracing::warn!(%error, "a buffer does not show what a command did to its file");
                None
            }
        }
    }
}

/// Writes what is unsaved, and reads what the files hold then.
fn show(journal: &SharedJournal, open: Vec<OpenDocument>) -> Result<(Flushed, Vec<Shown>), FlushError> {
    let dirty = open.iter().filter(|d| d.dirty).filter_map(|d| {
        let path = d.key.path()?.to_owned();
        Some(Dirty { bom: has_bom(&path), path, text: d.text.clone() })
    });
    let flushed = locked(journal, |journal| journal.materialise(dirty.collect()))?;
    let shown = open.into_iter().filter_map(|document| {
        let path = document.key.path()?.to_owned();
        let bytes = disk::read_bytes(&path).ok()?;
        Some(Shown { document, path, bytes })
    });
    Ok((flushed, shown.collect()))
}

fn locked<T>(journal: &SharedJournal, work: impl FnOnce(&mut Journal) -> T) -> T {
    work(&mut journal.lock().unwrap_or_else(PoisonError::into_inner))
}

fn has_bom(path: &Path) -> bool {
    let mut start = [0; 3];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"\xef\xbb\xbf"
}
