//! Writes to the store, in order, beside the turn.
//!
//! Owns the thread that has the database open. Must not know what the rows mean.
//!
//! **Invariant:** what `flush` returned for is stored: it survives the end of the process. A write that fails is reported once, never dropped in silence.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use store::{Store, StoreError, Tx};
use tokio::sync::{mpsc, oneshot};

/// An open store and the queue of its thread, or why there is none.
type Opened = Result<(Arc<Store>, mpsc::UnboundedSender<Message>), String>;

type Job = Box<dyn FnOnce(&Tx<'_>) -> Result<(), StoreError> + Send>;

enum Message {
    Write(Job),
    Flush(oneshot::Sender<Result<(), String>>),
}

/// The store and the thread that writes to it. Opened at the first use.
pub struct Saver {
    path: PathBuf,
    opened: OnceLock<Opened>,
    failures: mpsc::UnboundedSender<String>,
    /// That nothing can be written at all is told once.
    told: AtomicBool,
}

impl Saver {
    /// Nothing is opened yet. `failures` gets the words of each write that failed.
    #[must_use]
    pub fn new(path: PathBuf, failures: mpsc::UnboundedSender<String>) -> Self {
        Self { path, opened: OnceLock::new(), failures, told: AtomicBool::new(false) }
    }

    fn open(&self) -> &Opened {
        self.opened.get_or_init(|| {
            let store = Arc::new(Store::open(&self.path).map_err(|e| e.to_string())?);
            let (tx, rx) = mpsc::unbounded_channel();
            let (thread_store, failures) = (Arc::clone(&store), self.failures.clone());
            std::thread::Builder::new()
                .name("store".into())
                .spawn(move || write_all(&thread_store, rx, &failures))
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
    pub fn write(&self, job: impl FnOnce(&Tx<'_>) -> Result<(), StoreError> + Send + 'static) {
        match self.open() {
            Ok((_, tx)) => {
                if tx.send(Message::Write(Box::new(job))).is_err() {
                    self.report("the thread that writes the session has ended".to_owned());
                }
            }
            Err(why) => self.report(why.clone()),
        }
    }

    /// Waits until all that was written before is stored.
    ///
    /// # Errors
    /// The words of the first write that failed since the last flush.
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

    fn report(&self, why: String) {
        tracing::error!("{why}");
        if !self.told.swap(true, Ordering::Relaxed) {
            // Nobody may listen any more at the end of the process.
            let _ = self.failures.send(why);
        }
    }
}

/// What is waiting is written in one transaction, and then acknowledged.
fn write_all(store: &Store, mut messages: mpsc::UnboundedReceiver<Message>, failures: &mpsc::UnboundedSender<String>) {
    let mut failed: Option<String> = None;
    let mut reported = false;
    while let Some(first) = messages.blocking_recv() {
        let (mut jobs, mut waiting) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Write(job) => jobs.push(job),
                Message::Flush(done) => waiting.push(done),
            }
            next = messages.try_recv().ok();
        }
        if !jobs.is_empty() {
            match store.write(|tx| jobs.into_iter().try_for_each(|job| job(tx))) {
                Ok(()) => reported = false,
                Err(error) => {
                    let why = error.to_string();
                    tracing::error!("{why}");
                    if !reported {
                        reported = true;
                        // Nobody may listen any more at the end of the process.
                        let _ = failures.send(why.clone());
                    }
                    failed.get_or_insert(why);
                }
            }
        }
        let outcome = if waiting.is_empty() { Ok(()) } else { failed.take().map_or(Ok(()), Err) };
        for done in waiting {
            // The one who waited may be gone.
            let _ = done.send(outcome.clone());
        }
    }
}
