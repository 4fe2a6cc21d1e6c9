//! The workspace while an editor is connected: its buffers over the disk.
//!
//! Owns the ways from the agent's changes to the editor or the disk, and what a shell command is shown. Must not know why something is changed, nor
//! what is told to the user.
//!
//! **Invariant:** a file that is open is changed through the editor alone; the one exception is the text that a command is shown, which is journalled.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ropey::Rope;
use tokio_util::sync::CancellationToken;
use workspace::flush::{Journal, Recovered};
use workspace::shell_changes::{ShellFolders, snapshot_folder};
use workspace::{Applied, ApplyError, Change, DocKey, Edits, Foretold, Origin, ReadError, ShellRun, Snapshot, TextEdit, Workspace};

use crate::lsp::client::Client;
use crate::lsp::documents::{Documents, OpenDocument};
use crate::lsp::folders::Folders;
use edit::Editing;
pub use edit::Made;
use saves::Saves;

mod changes;
mod edit;
mod history;
mod saves;
mod shell;

/// The project's text as the editor shows it.
pub struct EditorWorkspace {
    editing: Editing,
    folders: Folders,
    journal: SharedJournal,
    journal_folder: PathBuf,
    saves: Arc<Saves>,
    shell: ShellFolders,
}

/// Locked for as long as files are written, so only by blocking threads.
type SharedJournal = Arc<Mutex<Journal>>;

impl EditorWorkspace {
    /// Over the open documents and the project's folders. `data` is Interline's data folder. Reads nothing yet.
    /// To be called within a tokio runtime.
    #[must_use]
    pub fn start(client: Client, documents: Documents, folders: Folders, data: PathBuf) -> Arc<Self> {
        let journal_folder = data.join("unsaved").join(snapshot_folder(&data, &folders.first()).file_name().unwrap_or_default());
        let journal = Arc::new(Mutex::new(Journal::open(journal_folder.clone())));
        let saves = Saves::start(&documents, Arc::clone(&journal));
        let shell = ShellFolders::new(&data, &folders.all());
        Arc::new(Self { editing: Editing::new(client, documents), folders, journal, journal_folder, saves, shell })
    }

    /// Edits an open document: as `apply` of one change. The chat is written so.
    ///
    /// # Errors
    /// As `Workspace::apply`; `Refused` if the document is not open.
    pub async fn edit_open(&self, key: &DocKey, base: &Rope, edits: Vec<TextEdit>, cancel: &CancellationToken) -> Result<Made, ApplyError> {
        let edits = Edits::new(base.len_bytes(), edits).map_err(|error| ApplyError::Refused {
            key: key.clone(),
            tries: 0,
            reason: error.to_string(),
        })?;
        let (editing, key, base, cancel) = (self.editing.clone(), key.clone(), base.clone(), cancel.clone());
        // What was sent to the editor cannot be called back: whoever waits may go, the edit is brought to its end.
        let edit = async move {
            let lock = editing.lock(&key).await;
            let made = editing.edit(&key, &base, &edits, None, &cancel).await;
            drop(lock);
            made
        };
        run(edit, key_of(&self.folders)).await
    }

    /// Puts right what a crashed process left behind on the disk. To be called once, in the background, when the editor is ready; what it returns is for
    /// the user.
    pub async fn recover(&self) -> Vec<Recovered> {
        let (folder, project) = (self.journal_folder.clone(), self.folders.first());
        blocking(move || workspace::flush::recover(&folder, &project)).await.unwrap_or_default()
    }

    /// Looks no more for what commands change in files that are not open: the user wants it so.
    pub fn leave_commands_alone(&self) {
        self.shell.turn_off();
    }

    /// The editor is gone: what commands were shown, and nobody saved, is taken back from the disk. To be called last.
    pub async fn close(&self) {
        let journal = Arc::clone(&self.journal);
        blocking(move || journal.lock().unwrap_or_else(PoisonError::into_inner).close()).await;
    }
}

#[async_trait]
impl Workspace for EditorWorkspace {
    fn roots(&self) -> Vec<PathBuf> {
        self.folders.all()
    }

    async fn read(&self, key: &DocKey) -> Result<Snapshot, ReadError> {
        if let Some(document) = self.editing.documents.find(key).await {
            return Ok(snapshot(document));
        }
        let name = key.clone();
        match tokio::task::spawn_blocking(move || workspace::read_from_disk(&name)).await {
            Ok(read) => read,
            Err(gone) => Err(ReadError::Io { key: key.clone(), source: Arc::new(std::io::Error::other(gone)) }),
        }
    }

    async fn open_documents(&self) -> Vec<Snapshot> {
        self.editing.documents.all().await.into_iter().map(snapshot).collect()
    }

    async fn apply(&self, changes: Vec<Change>, cancel: &CancellationToken) -> Result<Vec<Applied>, ApplyError> {
        let (editing, cancel) = (self.editing.clone(), cancel.clone());
        run(async move { changes::apply(&editing, changes, None, &cancel).await }, key_of(&self.folders)).await
    }

    async fn apply_foretold(
        &self,
        changes: Vec<Change>,
        cancel: &CancellationToken,
        note: Arc<dyn Foretold>,
    ) -> Result<Vec<Applied>, ApplyError> {
        let (editing, cancel) = (self.editing.clone(), cancel.clone());
        run(async move { changes::apply(&editing, changes, Some(note), &cancel).await }, key_of(&self.folders)).await
    }

    async fn prepare_shell(&self, cancel: &CancellationToken) -> Result<Box<dyn ShellRun>, ApplyError> {
        Ok(Box::new(self.prepare(cancel).await?))
    }

    async fn finish_shell(&self, run: Box<dyn ShellRun>) -> Vec<Applied> {
        match run.into_any().downcast::<shell::Run>() {
            Ok(run) => self.finish(*run).await,
            Err(_) => Vec::new(),
        }
    }

    fn not_undone(&self) -> Vec<String> {
        self.shell.not_undone()
    }

    fn blind_to_commands(&self) -> Option<String> {
        self.shell.why_off()
    }
}

fn snapshot(document: OpenDocument) -> Snapshot {
    Snapshot {
        key: document.key,
        text: document.text,
        origin: Origin::Buffer { version: document.version, dirty: document.dirty },
        language: document.language,
    }
}

fn key_of(folders: &Folders) -> DocKey {
    DocKey::file(folders.first())
}

/// In a task of its own, which goes on if the caller goes.
async fn run<T: Send + 'static>(work: impl Future<Output = Result<T, ApplyError>> + Send + 'static, key: DocKey) -> Result<T, ApplyError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a change was given up half-way");
        Err(ApplyError::Cancelled { key })
    })
}

/// On a blocking thread; none if it panicked.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.inspect_err(|error| tracing::error!(%error, "work on the disk was given up")).ok()
}

#[cfg(test)]
mod tests;
