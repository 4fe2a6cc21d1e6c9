//! Writes to the store, in order, beside the turn.
//!
//! Owns the thread that has the database open. Must not know what the rows mean.
//!
//! **Invariant:** what `flush` returned `Ok` for is stored: it survives the end of the process. A write that fails is reported once, never dropped in
//! silence; what failed for the disk or a lock is tried again with the next write.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use proto::{Session, SessionId};
use store::{Store, StoreError, Tx};
use tokio::sync::{mpsc, oneshot};

/// An open store and the queue of its thread, or why there is none.
type Opened = Result<(Arc<Store>, mpsc::UnboundedSender<Message>), String>;

type Job = Box<dyn Fn(&Tx<'_>) -> Result<(), StoreError> + Send>;

/// What the thread is told.
pub(crate) enum Message {
    Write(Job),
    Flush(oneshot::Sender<Result<(), String>>),
    Upkeep,
    /// What follows belongs together, up to the `End`.
    Begin,
    End,
}

/// What is written while this lives is stored together or not at all, whenever the process ends. Must not live over a `flush`.
pub struct Together(Option<mpsc::UnboundedSender<Message>>);

impl Drop for Together {
    fn drop(&mut self) {
        if let Some(tx) = &self.0 {
            // The thread ends with the process.
            let _ = tx.send(Message::End);
        }
    }
}

/// How many sessions are looked at for what others do.
const NEWEST: usize = 50;
/// From this size on the user is told how large the store is, in bytes.
const LARGE: u64 = 1 << 30;

/// The store and the thread that writes to it. Opened at the first use.
pub struct Saver {
    path: PathBuf,
    opened: OnceLock<Opened>,
    failures: mpsc::UnboundedSender<String>,
    /// That nothing can be written at all is told once.
    told: AtomicBool,
    /// Its size as it was found last, in bytes.
    size: Arc<AtomicU64>,
    /// When this process' sessions were used last, as it has stored that.
    own: Mutex<HashMap<SessionId, i64>>,
}

impl Saver {
    /// Nothing is opened yet. `failures` gets the words of each write that failed.
    #[must_use]
    pub fn new(path: PathBuf, failures: mpsc::UnboundedSender<String>) -> Self {
        Self { path, opened: OnceLock::new(), failures, told: AtomicBool::new(false), size: Arc::default(), own: Mutex::default() }
    }

    fn open(&self) -> &Opened {
        self.opened.get_or_init(|| {
            let store = Arc::new(Store::open(&self.path).map_err(|e| e.to_string())?);
            let (tx, rx) = mpsc::unbounded_channel();
            let (thread_store, failures, size) = (Arc::clone(&store), self.failures.clone(), Arc::clone(&self.size));
            std::thread::Builder::new()
                .name("store".into())
                .spawn(move || write_all(&thread_store, rx, &failures, &size))
                .map_err(|e| e.to_string())?;
            Ok((store, tx))
        })
    }

    /// For reading.
    ///
    /// # Errors
    /// If the database cannot be opened; the text says why.
    pub fn store(&self) -> Result<Arc<Store>, String> {
        self.open().as_ref().map(|(store, _)| Arc::clone(store)).map_err(Clone::clone)
    }

    /// Writes, later, in order.
    pub fn write(&self, job: impl Fn(&Tx<'_>) -> Result<(), StoreError> + Send + 'static) {
        match self.open() {
            Ok((_, tx)) => {
                if tx.send(Message::Write(Box::new(job))).is_err() {
                    self.report("the thread that writes the session has ended".to_owned());
                }
            }
            Err(why) => self.report(why.clone()),
        }
    }

    /// Writes a session's record.
    pub fn session(&self, info: Session) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(info.id.clone(), info.time.updated);
        self.write(move |tx| tx.put_session(&info));
    }

    /// Whether another process has used a session since then.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn others_since(&self, since: i64) -> Result<bool, String> {
        let newest = self.store()?.sessions(None, NEWEST).map_err(|error| error.to_string())?;
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(newest.iter().any(|session| session.time.updated >= since && own.get(&session.id) != Some(&session.time.updated)))
    }

    /// What is written until that is dropped is stored together.
    pub fn together(&self) -> Together {
        let tx = self.open().as_ref().ok().map(|(_, tx)| tx.clone());
        Together(tx.filter(|tx| tx.send(Message::Begin).is_ok()))
    }

    /// Waits until all that was written before is stored.
    ///
    /// # Errors
    /// Why something is not stored yet, or was lost since the last flush.
    pub async fn flush(&self) -> Result<(), String> {
        let (_, tx) = self.open().as_ref().map_err(Clone::clone)?;
        let (done, wait) = oneshot::channel();
        tx.send(Message::Flush(done)).map_err(|_| "the thread that writes the session has ended".to_owned())?;
        wait.await.map_err(|_| "the thread that writes the session has ended".to_owned())?
    }

    /// `flush`, but opens nothing.
    ///
    /// # Errors
    /// As `flush`.
    pub async fn flush_if_open(&self) -> Result<(), String> {
        if self.opened.get().is_none() { Ok(()) } else { self.flush().await }
    }

    /// Gives free pages back, later, beside what is to be written.
    pub fn upkeep(&self) {
        if let Some(Ok((_, tx))) = self.opened.get() {
            // The thread ends with the process; then there is nothing to keep up.
            let _ = tx.send(Message::Upkeep);
        }
    }

    /// What the user is to know of the store's size, once it is large.
    #[must_use]
    pub fn too_large(&self) -> Option<String> {
        let bytes = self.size.load(Ordering::Relaxed);
        (bytes > LARGE).then(|| {
            let gigabytes = bytes as f64 / f64::from(1 << 30);
            format!(
                "{} takes {gigabytes:.1} GiB: `interline sessions --all` lists what is in it, `interline sessions delete` removes it",
                self.path.display()
            )
        })
    }

    fn report(&self, why: String) {
        tracing::error!("{why}");
        if !self.told.swap(true, Ordering::Relaxed) {
            // Nobody may listen any more at the end of the process.
            let _ = self.failures.send(why);
        }
    }
}

/// What is waiting is written in one transaction, and then acknowledged.
fn write_all(store: &Store, mut messages: mpsc::UnboundedReceiver<Message>, failures: &mpsc::UnboundedSender<String>, size: &AtomicU64) {
    let mut jobs: Vec<Job> = Vec::new();
    let mut lost: Option<String> = None;
    let mut reported = false;
    while let Some(first) = messages.blocking_recv() {
        let mut waiting = Vec::new();
        let (mut upkeep, mut together) = (false, 0_usize);
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Write(job) => jobs.push(job),
                Message::Flush(done) => waiting.push(done),
                Message::Upkeep => upkeep = true,
                Message::Begin => together += 1,
                Message::End => together = together.saturating_sub(1),
            }
            next = if together > 0 { messages.blocking_recv() } else { messages.try_recv().ok() };
        }
        let error = if jobs.is_empty() { None } else { write(store, &mut jobs).err().map(|error| error.to_string()) };
        match &error {
            None => reported = false,
            Some(why) => {
                tracing::error!("{why}");
                if !reported {
                    reported = true;
                    // Nobody may listen any more at the end of the process.
                    let _ = failures.send(why.clone());
                }
            }
        }
        if jobs.is_empty() {
            lost = lost.or(error.clone());
        }
        if !waiting.is_empty() {
            let outcome = if jobs.is_empty() { lost.take() } else { error }.map_or(Ok(()), Err);
            for done in waiting {
                // The one who waited may be gone.
                let _ = done.send(outcome.clone());
            }
        }
        if upkeep {
            match store.shrink().and_then(|_| store.size()) {
                Ok(bytes) => size.store(bytes, Ordering::Relaxed),
                Err(error) => tracing::warn!("free pages could not be given back: {error}"),
            }
        }
    }
}

/// Writes the jobs. Those that may succeed another time are left; one that cannot does not keep the others from being stored.
fn write(store: &Store, jobs: &mut Vec<Job>) -> Result<(), StoreError> {
    match store.write(|tx| jobs.iter().try_for_each(|job| job(tx))) {
        Ok(()) => {
            jobs.clear();
            return Ok(());
        }
        Err(error) if may_pass(&error) => return Err(error),
        Err(_) => {}
    }
    let (mut first, mut done) = (Ok(()), 0);
    while let Some(job) = jobs.get(done) {
        match store.write(job) {
            Ok(()) => {}
            Err(error) if may_pass(&error) => {
                drop(jobs.drain(..done));
                return Err(error);
            }
            Err(error) => first = first.and(Err(error)),
        }
        done += 1;
    }
    jobs.clear();
    first
}

fn may_pass(error: &StoreError) -> bool {
    matches!(error, StoreError::Full | StoreError::Locked | StoreError::Io(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each job notes that it was stored; those of `bad` fail in this way until `mended`.
    async fn check(bad: fn() -> StoreError, stored_before: &str, stored_after: &str, told: usize) {
        let dir = tempfile::tempdir().unwrap();
        let (tx, mut failures) = mpsc::unbounded_channel();
        let saver = Saver::new(dir.path().join("db"), tx);
        let mended = Arc::new(AtomicBool::new(false));
        let session = |id: &str| proto::Session { id: id.into(), directory: "/p".into(), ..serde_json::from_str(SESSION).unwrap() };
        for id in ["a", "b", "c"] {
            let (mended, session) = (Arc::clone(&mended), session(id));
            saver.write(
                move |tx| {
                    if session.id.as_str() == "b" && !mended.load(Ordering::SeqCst) { Err(bad()) } else { tx.put_session(&session) }
                },
            );
        }
        let stored = || {
            let mut ids: Vec<_> = saver.store().unwrap().sessions(None, 9).unwrap().into_iter().map(|s| s.id.0).collect();
            ids.sort();
            ids.concat()
        };
        assert!(saver.flush().await.is_err());
        // The first may have been written by itself.
        assert_eq!(stored().trim_start_matches('a'), stored_before);
        mended.store(true, Ordering::SeqCst);
        saver.flush().await.unwrap();
        assert_eq!(stored(), stored_after);
        assert_eq!(std::iter::from_fn(|| failures.try_recv().ok()).count(), told);
    }

    const SESSION: &str = r#"{"id": "x", "directory": "", "title": "", "version": "", "time": {"created": 1, "updated": 1}}"#;

    #[tokio::test]
    async fn what_the_disk_refuses_is_kept_for_another_time_and_what_cannot_be_stored_hinders_nothing() {
        check(|| StoreError::Full, "", "abc", 1).await;
        check(|| StoreError::Locked, "", "abc", 1).await;
        check(|| StoreError::UnknownSession("b".into()), "c", "ac", 1).await;
    }
}
