//! A conversation with a server over a pair of streams: requests with their answers, and what the server says by itself.
//!
//! Owns the tasks that read and write, and the table of requests that wait. Must not know what any method means.
//!
//! **Invariant:** each request of ours ends exactly once, also when the stream ends; each request of the server's is answered exactly once. A late answer is dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::{Encoder as _, FramedRead};

use crate::codec::{Codec, Frame, shrink};
use crate::wire::{self, Incoming, METHOD_NOT_FOUND, RpcError};

/// A server that lets this many bytes wait does not read any more.
const WAITING: usize = 64 << 20;

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// The server has ended, or its stream has.
    #[error("the server stopped: {0}")]
    Stopped(String),
    /// It took too long; the server was told to give it up.
    #[error("{method} was not answered within {seconds} s")]
    TimedOut {
        /// What was asked.
        method: String,
        /// How long was waited.
        seconds: f32,
    },
    /// The server said no.
    #[error("the server answered: {0}")]
    Server(#[from] RpcError),
}

/// What is done with what the server says by itself. Called by the reading task, in the order of arrival: it must not block.
pub(crate) trait Handler: Send + Sync + 'static {
    /// It tells something.
    fn notification(&self, method: &str, params: Value);
    /// It asks something.
    fn request(&self, method: &str, params: Value, reply: Reply);
    /// Nothing will come any more.
    fn stopped(&self, why: &str);
}

/// Our side of the conversation. Cheap to clone; the server's input is closed when the last one is gone.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    out: Out,
    pending: Arc<Pending>,
    next: Arc<AtomicI64>,
}

#[derive(Clone, Debug)]
struct Out {
    queue: mpsc::UnboundedSender<Vec<u8>>,
    /// Bytes in the queue.
    waiting: Arc<AtomicUsize>,
}

type Answer = Result<Value, RequestError>;

#[derive(Debug, Default)]
struct Pending(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    waiting: HashMap<i64, oneshot::Sender<Answer>>,
    /// Why nothing is answered any more.
    stopped: Option<String>,
}

/// A server's request that must be answered; one that is dropped is answered with an error.
#[derive(Debug)]
pub(crate) struct Reply {
    id: Value,
    method: String,
    out: Option<Out>,
}

impl Connection {
    /// Begins it: two tasks, which end with the streams. `why` is asked, once the streams have ended, how that came.
    pub(crate) fn open<R, W>(
        reader: R,
        writer: W,
        handler: Arc<dyn Handler>,
        why: impl Future<Output = Option<String>> + Send + 'static,
    ) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (queue, receiver) = mpsc::unbounded_channel();
        let out = Out { queue, waiting: Arc::default() };
        let pending = Arc::<Pending>::default();
        tokio::spawn(write(writer, receiver, Arc::clone(&out.waiting)));
        // The reader's own handle must not keep the writer alive.
        let reading = read(reader, out.queue.downgrade(), Arc::clone(&out.waiting), Arc::clone(&pending), Arc::clone(&handler));
        let ended = Arc::clone(&pending);
        tokio::spawn(async move {
            let end = reading.await;
            let end = why.await.unwrap_or(end);
            ended.stop(&end);
            handler.stopped(&end);
        });
        Self { out, pending, next: Arc::new(AtomicI64::new(1)) }
    }

    /// Asks, and waits for the answer at most `timeout`. If it is dropped meanwhile, the server is told to give it up.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) async fn request(&self, method: &str, params: Value, timeout: Duration) -> Answer {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let receiver = self.pending.add(id)?;
        let mut waiting = Waiting { connection: self, id, answered: false };
        self.out.send(wire::request(id, method, params));
        let answer = tokio::time::timeout(timeout, receiver).await;
        waiting.answered = answer.is_ok();
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(RequestError::Stopped("its stream ended".to_owned())),
            Err(_) => Err(RequestError::TimedOut { method: method.to_owned(), seconds: timeout.as_secs_f32() }),
        }
    }

    /// Tells.
    pub(crate) fn notify(&self, method: &str, params: Value) {
        self.out.send(wire::notification(method, params));
    }

    /// Whether the server has stopped reading: what it is sent only grows our memory.
    pub(crate) fn is_clogged(&self) -> bool {
        self.out.waiting.load(Ordering::Relaxed) > WAITING
    }

    /// Ends all that waits, with this reason; the first reason counts.
    pub(crate) fn stop(&self, why: &str) {
        self.pending.stop(why);
    }

    /// How many requests wait for an answer.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.pending.lock().waiting.len()
    }
}

impl Out {
    fn send(&self, body: Vec<u8>) {
        self.waiting.fetch_add(body.len(), Ordering::Relaxed);
        // The writer is gone where the stream is; who waits for an answer is told by the reader.
        let _ = self.queue.send(body);
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: i64) -> Result<oneshot::Receiver<Answer>, RequestError> {
        let mut table = self.lock();
        if let Some(why) = &table.stopped {
            return Err(RequestError::Stopped(why.clone()));
        }
        let (sender, receiver) = oneshot::channel();
        table.waiting.insert(id, sender);
        Ok(receiver)
    }

    fn stop(&self, why: &str) {
        let mut table = self.lock();
        let why = table.stopped.get_or_insert_with(|| why.to_owned()).clone();
        for (_, waiting) in table.waiting.drain() {
            // Whoever waited may have gone.
            let _ = waiting.send(Err(RequestError::Stopped(why.clone())));
        }
    }
}

/// Takes the request off the table, however its wait ends.
struct Waiting<'a> {
    connection: &'a Connection,
    id: i64,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.connection.pending.lock().waiting.remove(&self.id);
        if !self.answered {
            self.connection.notify("$/cancelRequest", json!({ "id": self.id }));
        }
    }
}

impl Reply {
    /// The answer.
    pub(crate) fn ok(self, result: Value) {
        self.send(Ok(result));
    }

    /// We do not know that method.
    pub(crate) fn unknown(self) {
        let message = format!("{} is not known to this client", self.method);
        self.send(Err(RpcError { code: METHOD_NOT_FOUND, message, data: None }));
    }

    fn send(mut self, result: Result<Value, RpcError>) {
        if let Some(out) = self.out.take() {
            out.send(wire::response(&self.id, result));
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            let error = RpcError { code: -32603, message: format!("{} was given up", self.method), data: None };
            out.send(wire::response(&self.id, Err(error)));
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut queue: mpsc::UnboundedReceiver<Vec<u8>>, waiting: Arc<AtomicUsize>) {
    let (mut codec, mut buffer) = (Codec::default(), BytesMut::new());
    while let Some(body) = queue.recv().await {
        let done = match codec.encode(&body, &mut buffer) {
            Ok(()) => writer.write_all(&buffer).await,
            Err(error) => Err(error),
        };
        waiting.fetch_sub(body.len(), Ordering::Relaxed);
        shrink(&mut buffer);
        if done.is_err() || writer.flush().await.is_err() {
            // The reader will see the end, too, and say so.
            break;
        }
    }
    queue.close();
}

async fn read<R: AsyncRead + Unpin>(
    reader: R,
    queue: mpsc::WeakUnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    pending: Arc<Pending>,
    handler: Arc<dyn Handler>,
) -> String {
    let mut frames = FramedRead::new(reader, Codec::default());
    loop {
        let body = match frames.next().await {
            Some(Ok(Frame::Body(body))) => body,
            Some(Ok(Frame::Garbage(what))) => {
                tracing::debug!(what, "a language server printed what is no message");
                continue;
            }
            Some(Err(error)) => break format!("its output cannot be read: {error}"),
            None => break "its output ended".to_owned(),
        };
        match wire::parse(&body) {
            Ok(Incoming::Response { id, result }) => match pending.lock().waiting.remove(&id) {
                // Whoever waited may have gone this very moment.
                Some(waiting) => drop(waiting.send(result.map_err(RequestError::Server))),
                None => tracing::trace!(id, "a late answer of a language server is dropped"),
            },
            Ok(Incoming::Request { id, method, params }) => {
                let out = queue.upgrade().map(|queue| Out { queue, waiting: Arc::clone(&waiting) });
                handler.request(&method, params, Reply { id, method: method.clone(), out });
            }
            Ok(Incoming::Notification { method, params }) => handler.notification(&method, params),
            Err(what) => tracing::debug!(what, "a language server sent what is no message"),
        }
    }
}

#[cfg(test)]
mod tests;
