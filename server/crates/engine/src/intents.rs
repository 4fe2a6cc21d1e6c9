//! Changes that are about to be made, on the disk before they are: what a process that was killed had asked an editor for is known to the next one.
//!
//! Owns the files in `intents`. Must not know how a change is made.
//!
//! **Invariant:** a file stays until its change is stored, or is known not to have been made, or the user was told that nobody knows; a change is stored once.
//! A file that is there is whole, and says by its name whose it is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use async_trait::async_trait;
use proto::{SessionId, TurnId};
use serde_json::{Value, json};
use store::Blob;
use tokio_util::sync::CancellationToken;
use workspace::{Applied, ApplyError, Change, DocKey, Fate, Foretold, ReadError, Route, ShellRun, Snapshot, Workspace, fate};

use crate::KeptText;
use crate::running::{self, file_name};
use crate::shared::{Shared, applied, record};

/// More of a change that is told is cut, in characters.
const TOLD: usize = 2000;
/// Lines around a change that is told.
const CONTEXT: usize = 1;
/// So many of a session's wait for a text that decides; of older ones it is told that nobody knows.
const WAIT: usize = 20;
/// Below the data folder.
const FOLDER: &str = "intents";
/// How the name of a file ends that is being written.
const PART: &str = ".part";

/// The files of this process.
pub struct Intents {
    folder: PathBuf,
    next: AtomicU64,
    /// Those whose changes were made, and are not stored yet.
    made: Mutex<HashMap<TurnId, Vec<(blake3::Hash, PathBuf)>>>,
}

impl Intents {
    /// In Interline's data folder. Nothing is made there yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { folder: data.join(FOLDER), next: AtomicU64::new(0), made: Mutex::default() }
    }

    /// These changes are given to the store: what was noted of them goes when they are there.
    pub fn recorded(&self, shared: &Arc<Shared>, turn: &TurnId, changes: &[Applied]) {
        let mut files = Vec::new();
        {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(noted) = made.get_mut(turn) else { return };
            for change in changes {
                let hash = hash(change);
                if let Some(at) = noted.iter().position(|(noted, _)| *noted == hash) {
                    files.push(noted.remove(at).1);
                }
            }
            if noted.is_empty() {
                made.remove(turn);
            }
        }
        if files.is_empty() {
            return;
        }
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            match shared.saver.flush().await {
                Ok(()) => files.iter().for_each(|file| remove(file)),
                // They stay: the next process stores what this one could not.
                Err(why) => tracing::warn!("changes are not stored yet: {why}"),
            }
        });
    }
}

/// A workspace whose changes are noted before they are made.
pub struct Noted {
    pub workspace: Arc<dyn Workspace>,
    pub intents: Arc<Intents>,
    pub session: SessionId,
    pub turn: TurnId,
}

/// What is noted of one `apply`.
struct Note {
    intents: Arc<Intents>,
    session: SessionId,
    turn: TurnId,
    files: Mutex<HashMap<DocKey, (blake3::Hash, PathBuf)>>,
}

impl Foretold for Note {
    fn about_to(&self, coming: Applied) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match files.remove(&coming.key) {
            Some((_, file)) => file,
            None => {
                let number = self.intents.next.fetch_add(1, Ordering::Relaxed);
                self.intents.folder.join(name(&self.session, &self.turn, number))
            }
        };
        // The change is made all the same: only a process that is killed now would not know of it.
        if let Err(error) = put(&self.intents.folder, &file, &written(&self.session, &self.turn, &coming)) {
            tracing::warn!("{}: {error}", file.display());
        }
        files.insert(coming.key.clone(), (hash(&coming), file));
    }
}

#[async_trait]
impl Workspace for Noted {
    fn roots(&self) -> Vec<PathBuf> {
        self.workspace.roots()
    }

    async fn read(&self, key: &DocKey) -> Result<Snapshot, ReadError> {
        self.workspace.read(key).await
    }

    async fn open_documents(&self) -> Vec<Snapshot> {
        self.workspace.open_documents().await
    }

    async fn apply(&self, changes: Vec<Change>, cancel: &CancellationToken) -> Result<Vec<Applied>, ApplyError> {
        let (intents, session, turn) = (Arc::clone(&self.intents), self.session.clone(), self.turn.clone());
        let note = Arc::new(Note { intents, session, turn, files: Mutex::default() });
        let done = self.workspace.apply_foretold(changes, cancel, Arc::clone(&note) as _).await;
        let files = std::mem::take(&mut *note.files.lock().unwrap_or_else(PoisonError::into_inner));
        match &done {
            Ok(_) => {
                let mut made = self.intents.made.lock().unwrap_or_else(PoisonError::into_inner);
                made.entry(self.turn.clone()).or_default().extend(files.into_values());
            }
            // It may have been made: whoever undoes the turn finds out by the document's text.
            Err(ApplyError::Unsure { key: unsure, .. }) => {
                files.iter().filter(|(key, _)| *key != unsure).for_each(|(_, (_, file))| remove(file));
            }
            Err(_) => files.values().for_each(|(_, file)| remove(file)),
        }
        done
    }

    async fn apply_foretold(
        &self,
        changes: Vec<Change>,
        cancel: &CancellationToken,
        note: Arc<dyn Foretold>,
    ) -> Result<Vec<Applied>, ApplyError> {
        self.workspace.apply_foretold(changes, cancel, note).await
    }

    async fn prepare_shell(&self, cancel: &CancellationToken) -> Result<Box<dyn ShellRun>, ApplyError> {
        self.workspace.prepare_shell(cancel).await
    }

    async fn finish_shell(&self, run: Box<dyn ShellRun>) -> Vec<Applied> {
        self.workspace.finish_shell(run).await
    }

    fn not_undone(&self) -> Vec<String> {
        self.workspace.not_undone()
    }

    fn blind_to_commands(&self) -> Option<String> {
        self.workspace.blind_to_commands()
    }
}

/// Which files are looked at.
pub enum Which<'a> {
    /// Those of a session that this process holds.
    Session(&'a SessionId),
    /// Those of a turn, whosever session it is.
    Turn(&'a TurnId),
}

/// Finds out what became of changes whose process is gone: those that were made are stored as any other. `last`: this is the time to be told, and a document
/// that no editor shows is as the disk has it; for the oldest of too many it is that in any case. Returns those of which it cannot be told.
pub async fn settle(shared: &Arc<Shared>, which: &Which<'_>, last: bool) -> Vec<KeptText> {
    let mut unknown = Vec::new();
    let files = of(&shared.intents.folder, which);
    let late = files.len().saturating_sub(WAIT);
    for (at, (file, session)) in files.into_iter().enumerate() {
        let last = last || at < late;
        let _held = match which {
            Which::Session(_) => None,
            Which::Turn(_) => match running::claim(&shared.places.data, &session) {
                Ok(claim) => Some(claim),
                // It runs, here or elsewhere, unless it is the one that is held for this.
                Err(held) if held.process == Some(std::process::id()) && !shared.is_busy(&session) => None,
                Err(_) => continue,
            },
        };
        let read = match fs::read(&file) {
            Ok(bytes) => read(&bytes),
            // Another process has settled it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                tracing::warn!("{}: {error}", file.display());
                continue;
            }
        };
        // Its process was killed before it had asked for anything; or the machine has lost what was written.
        let Some((session, turn, coming)) = read.filter(|_| !is_part(&file)) else {
            remove(&file);
            continue;
        };
        if shared.intents.is_made(&turn, &file) {
            continue;
        }
        if is_stored(shared, &turn, &coming) {
            remove(&file);
            continue;
        }
        let state = workspace::current_state(shared.workspace.as_ref(), &coming.key).await;
        let shown = state.as_ref().is_some_and(|state| state.version.is_some());
        match fate(&coming, state.as_ref()) {
            Fate::Made => {
                tracing::info!(%turn, key = %coming.key, "a change that was not noted any more is found");
                shared.record_changes(&session, &turn, vec![coming]);
                match shared.saver.flush().await {
                    Ok(()) => remove(&file),
                    Err(why) => tracing::warn!("a change is not stored yet: {why}"),
                }
            }
            // An editor may come that shows it.
            Fate::NotMade | Fate::Unknown if !last && coming.route == Route::Editor && !shown => {}
            Fate::NotMade => remove(&file),
            Fate::Unknown if last => {
                unknown.push(KeptText { why: told(&coming), key: coming.key });
                remove(&file);
            }
            Fate::Unknown => {}
        }
    }
    unknown
}

impl Intents {
    /// Whether this process has made the change, and is about to store it.
    fn is_made(&self, turn: &TurnId, file: &Path) -> bool {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(turn).is_some_and(|noted| noted.iter().any(|(_, noted)| noted == file))
    }
}

fn is_stored(shared: &Shared, turn: &TurnId, coming: &Applied) -> bool {
    let stored = shared.saver.store().and_then(|store| store.changes(turn).map_err(|error| error.to_string()));
    match stored {
        Ok(stored) => stored.into_iter().any(|change| {
            let stored = applied(change.record);
            stored.key == coming.key && stored.before == coming.before && stored.after == coming.after
        }),
        Err(why) => {
            tracing::warn!("{why}");
            false
        }
    }
}

/// What was about to be made, for the user.
fn told(coming: &Applied) -> String {
    let text = |content: &Option<workspace::Content>| {
        content.as_ref().and_then(|content| content.as_text().map(str::to_owned)).unwrap_or_default()
    };
    let (before, after, name) = (text(&coming.before), text(&coming.after), coming.key.to_string());
    let diff = workspace::unified(&before.as_str().into(), &after.as_str().into(), &name, &name, CONTEXT);
    let cut: String = diff.chars().take(TOLD).collect();
    format!(
        "an edit was under way whose end was not seen, and others have changed the same place since, so it cannot be undone; it was\n{cut}"
    )
}

fn hash(change: &Applied) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(change.key.to_uri().as_bytes());
    if let Some(after) = &change.after {
        hasher.update(&after.to_bytes());
    }
    hasher.finalize()
}

/// The name of a change's file: that of its turn, which sorts by time, and behind the point that of its session.
fn name(session: &SessionId, turn: &TurnId, number: u64) -> String {
    format!("{}-{}-{number:06}.{}", file_name(turn.as_str()), std::process::id(), file_name(session.as_str()))
}

fn is_part(file: &Path) -> bool {
    file.to_string_lossy().ends_with(PART)
}

/// Those that may be meant, the oldest first, each with its session as its lock is called.
fn of(folder: &Path, which: &Which<'_>) -> Vec<(PathBuf, SessionId)> {
    // Most often there is no such folder.
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let meant = |name: &str| {
        let (about, session) = name.strip_suffix(PART).unwrap_or(name).split_once('.')?;
        let meant = match which {
            Which::Session(wanted) => file_name(wanted.as_str()) == session,
            Which::Turn(wanted) => about.split('-').next() == Some(&file_name(wanted.as_str())),
        };
        meant.then(|| SessionId::from(session))
    };
    let mut files: Vec<_> = entries.flatten().filter_map(|entry| Some((entry.path(), meant(entry.file_name().to_str()?)?))).collect();
    files.sort();
    files
}

/// The turns of a session of which something is noted, the newest first.
pub fn turns(intents: &Intents, session: &SessionId) -> Vec<TurnId> {
    let about = |(file, _): &(PathBuf, SessionId)| Some(TurnId::from(file.file_name()?.to_str()?.split('-').next()?));
    let mut turns: Vec<_> = of(&intents.folder, &Which::Session(session)).iter().rev().filter_map(about).collect();
    turns.dedup();
    turns
}

/// Writes a file that is there whole, or as it was.
fn put(folder: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = file.as_os_str().to_owned();
    part.push(PART);
    let write = || fs::write(&part, bytes).and_then(|()| fs::rename(&part, file));
    let written = match write() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder).and_then(|()| write()),
        written => written,
    };
    written.inspect_err(|_| remove(Path::new(&part)))
}

/// Removes what is noted of a session that is gone: the texts of its files are in it.
pub fn forget(data: &Path, session: &SessionId) {
    of(&data.join(FOLDER), &Which::Session(session)).iter().for_each(|(file, _)| remove(file));
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!("{}: {error}", file.display());
    }
}

/// A line of JSON, and both contents behind it.
fn written(session: &SessionId, turn: &TurnId, coming: &Applied) -> Vec<u8> {
    let record = record(coming);
    let about = |blob: &Option<Blob>| match blob {
        Some(blob) => json!({ "length": blob.bytes.len(), "text": blob.is_text, "bom": blob.bom, "mode": blob.mode }),
        None => Value::Null,
    };
    let head = json!({ "session": session, "turn": turn, "key": record.key, "route": record.route, "before": about(&record.before), "after": about(&record.after) });
    let mut bytes = head.to_string().into_bytes();
    bytes.push(b'\n');
    for blob in [record.before, record.after].into_iter().flatten() {
        bytes.extend_from_slice(&blob.bytes);
    }
    bytes
}

/// None if it is not whole.
fn read(bytes: &[u8]) -> Option<(SessionId, TurnId, Applied)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: Value = serde_json::from_slice(&bytes[..end]).ok()?;
    let mut rest = &bytes[end + 1..];
    let mut blob = |about: &Value| -> Option<Option<Blob>> {
        if about.is_null() {
            return Some(None);
        }
        let (content, more) = rest.split_at_checked(usize::try_from(about["length"].as_u64()?).ok()?)?;
        rest = more;
        let mode = about["mode"].as_u64().and_then(|mode| u32::try_from(mode).ok());
        Some(Some(Blob { bytes: content.to_vec(), is_text: about["text"].as_bool()?, bom: about["bom"].as_bool()?, mode }))
    };
    let (before, after) = (blob(&head["before"])?, blob(&head["after"])?);
    let text = |key: &str| head[key].as_str().map(str::to_owned);
    let record = store::ChangeRecord { key: text("key")?, before, after, route: text("route")? };
    let turn: TurnId = serde_json::from_value(head["turn"].clone()).ok()?;
    Some((SessionId::from(text("session")?.as_str()), turn, applied(record)))
}

#[cfg(test)]
mod tests {
    use workspace::Content;

    use super::*;

    #[test]
    fn what_is_noted_is_read_and_what_is_cut_is_not() {
        let content = |text: &str| Some(Content { mode: Some(0o755), bom: true, ..Content::text(text) });
        let coming = Applied { key: DocKey::file(Path::new("/p/a b")), before: content("one\n\u{e9}"), after: None, route: Route::Editor };
        for coming in
            [coming.clone(), Applied { before: None, after: content("new"), ..coming.clone() }, Applied { after: content(""), ..coming }]
        {
            let bytes = written(&"ses_1".into(), &TurnId::new(), &coming);
            let (session, _, again) = read(&bytes).unwrap();
            assert_eq!((session.as_str(), again), ("ses_1", coming));
            let head = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            assert!(read(&bytes[..head]).is_none());
        }
        assert!(read(b"{}\n").is_none() && read(b"").is_none() && read(b"\xff\n").is_none());
    }

    #[test]
    fn a_file_is_there_whole_and_says_whose_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        let (session, turn) = (SessionId::from("../ses_1"), TurnId::new());
        let file = folder.join(name(&session, &turn, 7));
        for text in ["first", "then"] {
            put(&folder, &file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        let part = file.with_file_name(format!("{}{PART}", file.file_name().unwrap().display()));
        fs::write(&part, "th").unwrap();
        assert!(is_part(&part) && !is_part(&file));
        fs::write(folder.join("of somebody else"), "").unwrap();
        let (other, later) = (SessionId::from("ses_2"), TurnId::new());
        for (which, found) in
            [(Which::Session(&session), 2), (Which::Turn(&turn), 2), (Which::Session(&other), 0), (Which::Turn(&later), 0)]
        {
            assert_eq!(of(&folder, &which).len(), found);
        }
        forget(dir.path(), &other);
        assert!(file.exists() && part.exists());
        forget(dir.path(), &session);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        // Where it cannot be put, no part of it stays.
        let taken = folder.join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(put(&folder, &taken, b"text").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }
}
