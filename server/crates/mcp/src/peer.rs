//! One conversation with a server: requests that wait for their answers, and what the server says by itself.
//!
//! Must not know how messages travel, nor what they mean beyond the protocol's own.
//!
//! **Invariant:** each request ends once: by its answer, its time, its cancellation, or the conversation's end; and the server is told of those that we gave up.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::rpc::{self, Incoming, METHOD_NOT_FOUND, RpcError};

/// So many of a server's own requests may wait for their answers to be delivered; one that asks on and reads nothing is not listened to any more.
const REPLIES: usize = 256;
/// However much progress a server reports, a request takes no longer.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Why a request brought nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The server said so.
    #[error("the server answered with an error: {0}")]
    Server(RpcError),
    /// It was silent for too long.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Time(Duration),
    /// The user cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The conversation is over.
    #[error("{0}")]
    Ended(String),
    /// The message could not be delivered.
    #[error("{0}")]
    Lost(#[from] Lost),
}

/// Why a message could not be delivered.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The server wants a login. Its words on where.
    #[error("the server wants a login")]
    Login(Option<String>),
    /// HTTP's number, and the beginning of the body.
    #[error("the server answered with HTTP status {0}{1}")]
    Status(u16, String),
    /// The session that the server gave us is none any more.
    #[error("the server has forgotten the session")]
    Session,
    /// Anything else.
    #[error("{0}")]
    Broken(String),
}

/// A message on its way to the server.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The request's, if it is one.
    pub id: Option<i64>,
    /// The message.
    pub text: String,
    /// Set when nobody waits for the answer any more.
    pub given_up: CancellationToken,
    /// Held until it is delivered, if it answers the server.
    pub reply: Option<OwnedSemaphorePermit>,
}

/// Where a request's answer and its progress go.
struct Waiter {
    answer: oneshot::Sender<Result<Value, RequestError>>,
    progress: mpsc::UnboundedSender<Value>,
}

/// The conversation.
pub(crate) struct Peer {
    name: String,
    roots: watch::Receiver<Vec<PathBuf>>,
    next: AtomicI64,
    table: Mutex<HashMap<i64, Waiter>>,
    out: mpsc::UnboundedSender<Outgoing>,
    ended: watch::Sender<Option<String>>,
    changed: watch::Sender<u64>,
    replies: Arc<Semaphore>,
}

impl Peer {
    /// A conversation, and the messages that are to be delivered. `roots` are the project's folders.
    pub fn new(name: &str, roots: watch::Receiver<Vec<PathBuf>>) -> (Arc<Self>, mpsc::UnboundedReceiver<Outgoing>) {
        let (out, outgoing) = mpsc::unbounded_channel();
        let peer = Self {
            name: name.to_owned(),
            roots,
            next: AtomicI64::new(1),
            table: Mutex::default(),
            out,
            ended: watch::Sender::new(None),
            changed: watch::Sender::default(),
            replies: Arc::new(Semaphore::new(REPLIES)),
        };
        (Arc::new(peer), outgoing)
    }

    /// Asks, and waits for the answer; `limit` begins anew with each report of progress, which is also handed on.
    pub async fn request(
        &self,
        method: &str,
        mut params: Value,
        limit: Duration,
        cancel: &CancellationToken,
        on_progress: &(dyn Fn(&Value) + Sync),
    ) -> Result<Value, RequestError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if method == "tools/call" {
            params["_meta"] = json!({ "progressToken": id });
        }
        let (answer, mut waiting) = oneshot::channel();
        let (progress, mut news) = mpsc::unbounded_channel();
        let given_up = CancellationToken::new();
        let mut open = Open { peer: self, id, given_up: given_up.clone(), method, answered: false };
        {
            let mut table = self.table();
            // Under the lock, so that the end either is seen here or sees this.
            if let Some(why) = &*self.ended.borrow() {
                open.answered = true;
                return Err(RequestError::Ended(why.clone()));
            }
            table.insert(id, Waiter { answer, progress });
        }
        self.send(Outgoing { id: Some(id), text: rpc::request(id, method, &params), given_up, reply: None });
        let last = Instant::now() + LONGEST;
        let mut until = Instant::now() + limit;
        loop {
            tokio::select! {
                biased;
                answer = &mut waiting => {
                    open.answered = true;
                    return answer.unwrap_or_else(|_| Err(RequestError::Ended("the conversation is over".into())));
                }
                () = cancel.cancelled() => return Err(RequestError::Cancelled),
                Some(report) = news.recv() => {
                    until = (Instant::now() + limit).min(last);
                    on_progress(&report);
                }
                () = tokio::time::sleep_until(until) => return Err(RequestError::Time(limit)),
            }
        }
    }

    /// Tells.
    pub fn notify(&self, method: &str, params: &Value) {
        self.send(Outgoing { id: None, text: rpc::notification(method, params), given_up: CancellationToken::new(), reply: None });
    }

    /// A message came.
    pub fn take(&self, message: Value) {
        if let Value::Array(batch) = message {
            return batch.into_iter().for_each(|message| self.take(message));
        }
        match rpc::read(message) {
            Ok(Incoming::Response { id, result }) => self.settle(id, result.map_err(RequestError::Server)),
            Ok(Incoming::Request { id, method }) => {
                let text = match method.as_str() {
                    "ping" => rpc::response(&id, Ok(json!({}))),
                    "roots/list" => {
                        rpc::response(&id, Ok(json!({ "roots": self.roots.borrow().iter().filter_map(root).collect::<Vec<_>>() })))
                    }
                    _ => rpc::response(&id, Err((METHOD_NOT_FOUND, "this client does not do that"))),
                };
                match Arc::clone(&self.replies).try_acquire_owned() {
                    Ok(reply) => self.send(Outgoing { id: None, text, given_up: CancellationToken::new(), reply: Some(reply) }),
                    Err(_) => self.end("it asks again and again, and reads no answers"),
                }
            }
            Ok(Incoming::Notification { method, params }) => self.told(&method, params),
            Err(what) => tracing::debug!(server = self.name, what, "what a server sent is no message"),
        }
    }

    fn told(&self, method: &str, params: Value) {
        match method {
            "notifications/progress" => {
                let id = params["progressToken"].as_i64();
                if let Some(waiter) = id.and_then(|id| self.table().get(&id).map(|waiter| waiter.progress.clone())) {
                    // Whoever waited may have gone.
                    let _ = waiter.send(params);
                }
            }
            "notifications/tools/list_changed" | "notifications/prompts/list_changed" | "notifications/resources/list_changed" => {
                self.changed.send_modify(|changes| *changes += 1);
            }
            _ => tracing::trace!(server = self.name, method, "a server tells something"),
        }
    }

    /// A request has its answer.
    pub fn settle(&self, id: i64, answer: Result<Value, RequestError>) {
        match self.table().remove(&id) {
            // Whoever waited may have gone this very moment.
            Some(waiter) => drop(waiter.answer.send(answer)),
            None => tracing::trace!(server = self.name, id, "an answer that nobody waits for"),
        }
    }

    /// Whether somebody waits for this answer.
    pub fn waits_for(&self, id: i64) -> bool {
        self.table().contains_key(&id)
    }

    /// The conversation is over; the first reason counts.
    pub fn end(&self, why: &str) {
        let mut table = self.table();
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert_with(|| why.to_owned());
            first
        });
        let why = self.ended.borrow().clone().unwrap_or_default();
        for (_, waiter) in table.drain() {
            // Whoever waited may have gone.
            let _ = waiter.answer.send(Err(RequestError::Ended(why.clone())));
        }
    }

    /// Why the conversation is over, once it is.
    pub fn ended(&self) -> watch::Receiver<Option<String>> {
        self.ended.subscribe()
    }

    /// The project's folders.
    pub fn roots(&self) -> watch::Receiver<Vec<PathBuf>> {
        self.roots.clone()
    }

    /// Counts how often the server said that what it has has changed.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn send(&self, message: Outgoing) {
        // Where nobody delivers any more the conversation's end is told to those who wait.
        let _ = self.out.send(message);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<i64, Waiter>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn root(path: &PathBuf) -> Option<Value> {
    let uri = url::Url::from_file_path(path).ok()?;
    Some(json!({ "uri": uri.as_str(), "name": path.file_name().map(|name| name.to_string_lossy()) }))
}

/// A request that waits; however the wait ends, it is taken off the table.
struct Open<'a> {
    peer: &'a Peer,
    id: i64,
    given_up: CancellationToken,
    method: &'a str,
    answered: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        self.peer.table().remove(&self.id);
        self.given_up.cancel();
        // The protocol forbids to cancel this one.
        if self.method != "initialize" {
            self.peer.notify("notifications/cancelled", &json!({ "requestId": self.id, "reason": "nobody waits for it any more" }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn peer() -> (Arc<Peer>, mpsc::UnboundedReceiver<Outgoing>) {
        Peer::new("s", watch::channel(vec!["/p".into()]).1)
    }

    fn sent(out: &mut mpsc::UnboundedReceiver<Outgoing>) -> Value {
        serde_json::from_str(&out.try_recv().expect("something was sent").text).unwrap()
    }

    #[tokio::test]
    async fn an_answer_reaches_its_request() {
        let (peer, mut out) = peer();
        let cancel = CancellationToken::new();
        let asking = async { peer.request("a", json!({}), LONG, &cancel, &|_| {}).await };
        let answering = async {
            let request: Value = serde_json::from_str(&out.recv().await.unwrap().text).unwrap();
            peer.take(json!({"id": 999, "result": "of nobody"}));
            peer.take(json!([{"id": request["id"], "result": {"x": 1}}]));
        };
        let (answer, ()) = tokio::join!(asking, answering);
        assert_eq!(answer.unwrap(), json!({"x": 1}));
        assert!(out.try_recv().is_err(), "nothing was cancelled");
    }

    #[tokio::test]
    async fn progress_is_handed_on_and_silence_ends() {
        let (peer, mut out) = peer();
        let cancel = CancellationToken::new();
        let reports = Mutex::new(0);
        let count = |_: &Value| *reports.lock().unwrap() += 1;
        let asking = peer.request("tools/call", json!({}), Duration::from_millis(50), &cancel, &count);
        let telling = async {
            let request: Value = serde_json::from_str(&out.recv().await.unwrap().text).unwrap();
            let token = &request["params"]["_meta"]["progressToken"];
            for _ in 0..3 {
                peer.take(json!({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}));
            }
        };
        let (answer, ()) = tokio::join!(asking, telling);
        assert!(matches!(answer, Err(RequestError::Time(_))), "{answer:?}");
        assert_eq!(*reports.lock().unwrap(), 3);
        assert_eq!(sent(&mut out)["method"], "notifications/cancelled");
    }

    #[tokio::test]
    async fn cancelled_and_ended() {
        let (peer, mut out) = peer();
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert!(matches!(peer.request("a", json!({}), LONG, &cancel, &|_| {}).await, Err(RequestError::Cancelled)));
        assert_eq!((sent(&mut out)["method"].clone(), sent(&mut out)["method"].clone()), (json!("a"), json!("notifications/cancelled")));
        let cancel = CancellationToken::new();
        let (answer, ()) = tokio::join!(peer.request("b", json!({}), LONG, &cancel, &|_| {}), async { peer.end("it died") });
        assert!(matches!(answer, Err(RequestError::Ended(why)) if why == "it died"));
        peer.end("later");
        assert!(matches!(peer.request("c", json!({}), LONG, &cancel, &|_| {}).await, Err(RequestError::Ended(why)) if why == "it died"));
    }

    #[tokio::test]
    async fn what_a_server_asks() {
        let (peer, mut out) = peer();
        let mut check = |message: Value, expect: Value| {
            peer.take(message.clone());
            assert_eq!(sent(&mut out), expect, "{message}");
        };
        check(json!({"id": "p", "method": "ping"}), json!({"jsonrpc": "2.0", "id": "p", "result": {}}));
        check(
            json!({"id": 1, "method": "roots/list"}),
            json!({"jsonrpc": "2.0", "id": 1, "result": {"roots": [{"uri": "file:///p", "name": "p"}]}}),
        );
        let error = json!({"code": -32601, "message": "this client does not do that"});
        check(json!({"id": 2, "method": "sampling/createMessage", "params": {}}), json!({"jsonrpc": "2.0", "id": 2, "error": error}));
        let error = json!({"code": -32601, "message": "this client does not do that"});
        check(json!({"id": 3, "method": "elicitation/create", "params": {}}), json!({"jsonrpc": "2.0", "id": 3, "error": error}));
        peer.take(json!({"method": "notifications/tools/list_changed"}));
        assert_eq!(*peer.changed().borrow(), 1);
    }

    #[tokio::test]
    async fn a_server_that_asks_and_does_not_read_is_ended() {
        let (peer, mut out) = peer();
        let ask = |id: usize| peer.take(json!({"id": id, "method": "ping"}));
        for id in 0..REPLIES {
            ask(id);
        }
        // One that is read makes room for another.
        drop(out.try_recv().unwrap());
        ask(REPLIES);
        assert_eq!(*peer.ended().borrow(), None);
        ask(REPLIES + 1);
        assert!(peer.ended().borrow().as_deref().is_some_and(|why| why.contains("reads no answers")));
    }
}
