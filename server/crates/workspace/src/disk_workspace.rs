//! The workspace when there is no editor: the disk alone. And how changes of files that no editor has open are made.
//!
//! **Invariant:** a change is made to the file as it is now, whatever was read before; all changes are made, or none.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use ropey::Rope;
use tokio_util::sync::CancellationToken;

use crate::Edits;
use crate::disk::{self, Write};
use crate::shell_changes::{FoldersBefore, ShellFolders};
use crate::{
    Applied, ApplyError, Change, ChangeKind, Content, Data, DocKey, Foretold, Origin, ReadError, Route, ShellRun, Snapshot, Workspace,
    diff, rebase, unified,
};

/// What changes come to.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// What each document holds in the end, in the order in which they were named first.
    pub ends: Vec<End>,
    /// One for each change.
    pub applied: Vec<Applied>,
}

/// What a document is to hold.
#[derive(Debug)]
pub(crate) struct End {
    pub key: DocKey,
    /// What it holds before all changes.
    pub start: Option<Content>,
    pub end: Option<Content>,
}

/// Works changes out over what the documents hold now; several changes of one document follow each other.
pub(crate) fn plan(changes: Vec<Change>, now: impl Fn(&DocKey) -> Result<Option<Content>, ApplyError>) -> Result<Plan, ApplyError> {
    let mut plan = Plan::default();
    let mut places: HashMap<DocKey, usize> = HashMap::new();
    for Change { key, kind } in changes {
        let place = match places.get(&key) {
            Some(place) => *place,
            None => {
                let start = now(&key)?;
                plan.ends.push(End { key: key.clone(), start: start.clone(), end: start });
                places.insert(key.clone(), plan.ends.len() - 1);
                plan.ends.len() - 1
            }
        };
        let before = plan.ends[place].end.clone();
        let after = change(&key, kind, before.as_ref())?;
        plan.ends[place].end.clone_from(&after);
        plan.applied.push(Applied { key, before, after, route: Route::Disk });
    }
    Ok(plan)
}

fn change(key: &DocKey, kind: ChangeKind, now: Option<&Content>) -> Result<Option<Content>, ApplyError> {
    match (kind, now) {
        (ChangeKind::Create { content } | ChangeKind::Restore { content }, None) => Ok(Some(content)),
        (ChangeKind::Create { .. } | ChangeKind::Restore { .. }, Some(_)) => Err(ApplyError::Exists { key: key.clone() }),
        (ChangeKind::Delete { stamp }, Some(now)) => {
            if now.stamp_hash() != stamp.hash {
                return Err(refused(key, "it is not as it was read"));
            }
            Ok(None)
        }
        (ChangeKind::Edit { base, stamp, edits: wanted }, Some(Content { data: Data::Text(text), bom, mode })) => {
            let current = Rope::from_str(text);
            let wanted = Edits::new(base.len_bytes(), wanted).map_err(|error| refused(key, &error.to_string()))?;
            let wanted = if blake3::hash(text.as_bytes()) == stamp.hash {
                wanted
            } else {
                rebase(&wanted, &diff(&base, &current), &current).map_err(|_| {
                    let name = key.to_string();
                    ApplyError::Conflict { key: key.clone(), diff: unified(&base, &current, &name, &name, 3) }
                })?
            };
            let text: Arc<str> = wanted.apply_str(text).map_err(|error| refused(key, &error.to_string()))?.into();
            Ok(Some(Content { data: Data::Text(text), bom: *bom, mode: *mode }))
        }
        (ChangeKind::Edit { .. }, Some(_)) => Err(refused(key, "it is no text any more")),
        (ChangeKind::Edit { .. } | ChangeKind::Delete { .. }, None) => Err(refused(key, "it does not exist any more")),
    }
}

fn refused(key: &DocKey, reason: &str) -> ApplyError {
    ApplyError::Refused { key: key.clone(), tries: 1, reason: reason.to_owned() }
}

fn io_error(key: &DocKey, error: std::io::Error) -> ApplyError {
    ApplyError::Io { key: key.clone(), source: Arc::new(error) }
}

/// Makes changes of files on the disk, all or none, over what the files hold now; `note` is told of each right before. None of them may be open in an editor.
///
/// # Errors
/// `Conflict` where somebody changed the same place; `Exists`, `Refused` and `Io` by their names.
pub fn apply_to_disk(changes: Vec<Change>, note: Option<&dyn Foretold>) -> Result<Vec<Applied>, ApplyError> {
    let plan = plan(changes, |key| {
        let path = key.path().ok_or_else(|| refused(key, "it is no file"))?;
        disk::read_content(path).map_err(|error| io_error(key, error))
    })?;
    let mut writes = Vec::new();
    for End { key, start, end } in &plan.ends {
        let Some(path) = key.path().filter(|_| start != end) else { continue };
        writes.push(match end {
            Some(content) => Write { new: start.is_none(), ..Write::put(path, content.to_bytes(), content.mode) },
            None => Write::delete(path),
        });
    }
    if let Some(note) = note {
        plan.applied.iter().cloned().for_each(|coming| note.about_to(coming));
    }
    disk::write_all(writes).map_err(|(path, error)| {
        let key = DocKey::file(path);
        if error.kind() == std::io::ErrorKind::AlreadyExists { ApplyError::Exists { key } } else { io_error(&key, error) }
    })?;
    Ok(plan.applied)
}

/// A file's text from the disk.
///
/// # Errors
/// As `disk::read_file`; a virtual document does not exist.
pub fn read_from_disk(key: &DocKey) -> Result<Snapshot, ReadError> {
    let path = key.path().ok_or_else(|| ReadError::NotFound(key.clone()))?;
    let file = disk::read_file(path)?;
    let origin = Origin::Disk { bom: file.bom, mode: file.mode, mtime_ns: file.mtime_ns };
    Ok(Snapshot { key: key.clone(), text: file.text, origin, language: Arc::from("") })
}

/// The disk as a workspace.
#[derive(Debug)]
pub struct DiskWorkspace {
    roots: Vec<PathBuf>,
    shell: Option<ShellFolders>,
}

impl DiskWorkspace {
    /// Over the project's folders; never empty.
    #[must_use]
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, shell: None }
    }

    /// Finds what commands change in the folders. `data` is Interline's data folder.
    #[must_use]
    pub fn watching_commands(mut self, data: &Path) -> Self {
        self.shell = Some(ShellFolders::new(data, &self.roots));
        self
    }

    /// Looks no more for what commands change: the user wants it so.
    pub fn leave_commands_alone(&self) {
        if let Some(shell) = &self.shell {
            shell.turn_off();
        }
    }
}

/// The project before a command.
struct Run(Option<FoldersBefore>);

impl ShellRun for Run {
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

#[async_trait]
impl Workspace for DiskWorkspace {
    fn roots(&self) -> Vec<PathBuf> {
        self.roots.clone()
    }

    async fn read(&self, key: &DocKey) -> Result<Snapshot, ReadError> {
        read_from_disk(key)
    }

    async fn open_documents(&self) -> Vec<Snapshot> {
        Vec::new()
    }

    async fn apply(&self, changes: Vec<Change>, cancel: &CancellationToken) -> Result<Vec<Applied>, ApplyError> {
        match changes.first() {
            Some(first) if cancel.is_cancelled() => Err(ApplyError::Cancelled { key: first.key.clone() }),
            _ => apply_to_disk(changes, None),
        }
    }

    async fn apply_foretold(
        &self,
        changes: Vec<Change>,
        cancel: &CancellationToken,
        note: Arc<dyn Foretold>,
    ) -> Result<Vec<Applied>, ApplyError> {
        match changes.first() {
            Some(first) if cancel.is_cancelled() => Err(ApplyError::Cancelled { key: first.key.clone() }),
            _ => apply_to_disk(changes, Some(&*note)),
        }
    }

    async fn prepare_shell(&self, _cancel: &CancellationToken) -> Result<Box<dyn ShellRun>, ApplyError> {
        let before = match &self.shell {
            Some(shell) => Some(shell.before(Vec::new()).await),
            None => None,
        };
        Ok(Box::new(Run(before)))
    }

    async fn finish_shell(&self, run: Box<dyn ShellRun>) -> Vec<Applied> {
        match (&self.shell, run.into_any().downcast::<Run>().map(|run| run.0)) {
            (Some(shell), Ok(Some(before))) => shell.after(before).await,
            _ => Vec::new(),
        }
    }

    fn not_undone(&self) -> Vec<String> {
        self.shell.as_ref().map(ShellFolders::not_undone).unwrap_or_default()
    }

    fn blind_to_commands(&self) -> Option<String> {
        self.shell.as_ref().and_then(ShellFolders::why_off)
    }
}

#[cfg(test)]
mod tests;
