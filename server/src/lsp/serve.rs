//! The loop between the editor's pipes and tower-lsp's service.
//!
//! Owns framing, order, replies, the end of life. Must not know any method but those of the protocol's life cycle. tower-lsp's own `Server` is not used:
//! it ends on one malformed message, panics on late replies, wedges behind 101 waiting messages and outlives its editor.
//!
//! **Invariant:** every request gets exactly one reply; each message is handed over, and its handler runs up to its first wait, before the next one is
//! looked at; nothing that the editor sends, and no handler, ends the loop but `exit` and the end of input.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Sink, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::codec::FramedRead;
use tower::Service;
use tower_lsp::jsonrpc::{Error, Id, Request, Response};
use tower_lsp::{ClientSocket, ExitedError, LanguageServer, Loopback, LspService};

use crate::lsp::codec::{Codec, Frame};
use parse::Parsed;

mod parse;
pub(crate) mod watch;
mod write;

/// How long the stop hook may take, and how long what is left to be written.
const STOP_LIMIT: Duration = Duration::from_millis(700);
const FLUSH_LIMIT: Duration = Duration::from_millis(200);

/// Why the loop has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The editor said `exit`.
    Exit {
        /// And had said `shutdown` before, as it should.
        after_shutdown: bool,
    },
    /// The input ended, or nobody reads our output any more.
    EndOfInput,
    /// SIGTERM, SIGHUP or SIGINT.
    Signal,
    /// The editor's process is gone, though somebody still holds the pipes.
    EditorGone,
}

impl Ending {
    /// The process' exit code. Leave by `std::process::exit`: a thread still waits for input.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        i32::from(self == Self::Exit { after_shutdown: false })
    }
}

/// The params of `initialize` as they came, for what lsp-types loses. Set before the handler runs; null until then.
#[derive(Clone, Debug, Default)]
pub struct RawInitialize(Arc<Mutex<Value>>);

impl RawInitialize {
    /// A copy.
    #[must_use]
    pub fn get(&self) -> Value {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, params: Value) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = params;
    }
}

/// Serves the editor over stdin and stdout until it is gone. See `serve`.
pub async fn serve_stdio<B: LanguageServer>(
    service: LspService<B>,
    socket: ClientSocket,
    initialize: RawInitialize,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Ending {
    serve(tokio::io::stdin(), tokio::io::stdout(), service, socket, initialize, stop).await
}

/// Serves an editor until it is gone; then runs `stop`, which saves what is to be saved and stops children, for at most 700 ms.
pub async fn serve<B: LanguageServer>(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Send + Unpin + 'static,
    service: LspService<B>,
    socket: ClientSocket,
    initialize: RawInitialize,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Ending {
    let (requests, answers) = socket.split();
    let (replies, waiting) = mpsc::unbounded_channel();
    let mut writer = tokio::spawn(write::write(waiting, requests, output));
    let mut handlers =
        Handlers { service, answers, initialize, replies, running: JoinSet::new(), accepted: Arc::default(), shut_down: false };
    let mut frames = FramedRead::new(input, Codec::default());
    let mut signal = std::pin::pin!(watch::signal());
    let mut editor: BoxFuture<'static, ()> = std::future::pending().boxed();
    let ending = loop {
        let frame = tokio::select! {
            biased;
            () = &mut signal => break Ending::Signal,
            () = &mut editor => break Ending::EditorGone,
            _ = &mut writer => break Ending::EndOfInput,
            Some(_) = handlers.running.join_next() => continue,
            frame = frames.next() => frame,
        };
        match frame {
            Some(Ok(Frame::Body(body))) => match handlers.handle(parse::parse(&body)) {
                Next::Go => {}
                Next::Watch(process) => editor = process,
                Next::Exit => break Ending::Exit { after_shutdown: handlers.shut_down },
            },
            Some(Ok(Frame::Garbage(why))) => {
                tracing::warn!(why, "skipped input that is no message");
                handlers.reply(Response::from_error(Id::Null, parse::parse_error(why)));
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot read any more");
                break Ending::EndOfInput;
            }
            None => break Ending::EndOfInput,
        }
    };
    tracing::info!(?ending, "stopping");
    if tokio::time::timeout(STOP_LIMIT, tokio::spawn(stop)).await.is_err() {
        tracing::warn!("what had to be done at the end took too long");
    }
    drop(handlers);
    if !writer.is_finished() && tokio::time::timeout(FLUSH_LIMIT, writer).await.is_err() {
        tracing::debug!("the editor did not read all");
    }
    ending
}

/// What the loop does after a message.
enum Next {
    Go,
    /// This is the editor's end.
    Watch(BoxFuture<'static, ()>),
    Exit,
}

struct Handlers<B: LanguageServer> {
    service: LspService<B>,
    answers: <ClientSocket as Loopback>::ResponseSink,
    initialize: RawInitialize,
    replies: mpsc::UnboundedSender<Response>,
    /// Handlers that wait for something. Dropping it drops them.
    running: JoinSet<()>,
    /// `initialize` was answered well.
    accepted: Arc<AtomicBool>,
    shut_down: bool,
}

type Outcome = Result<Option<Response>, ExitedError>;

enum Started {
    Ended(Outcome),
    Waits(BoxFuture<'static, Outcome>),
}

/// The way back of one message's outcome.
struct Reply {
    id: Option<Id>,
    method: String,
    replies: mpsc::UnboundedSender<Response>,
    accepted: Arc<AtomicBool>,
}

impl Reply {
    fn send(self, outcome: std::thread::Result<Outcome>) {
        if outcome.is_err() {
            tracing::error!(method = self.method, "a handler panicked");
        }
        let Some(id) = self.id else { return };
        let response = match outcome {
            Ok(Ok(Some(response))) => response,
            // tower-lsp keeps silent about unknown requests that begin with `$/`.
            Ok(Ok(None)) => Response::from_error(id, Error::method_not_found()),
            Ok(Err(_)) => Response::from_error(id, Error::invalid_request()),
            Err(_) => Response::from_error(id, parse::error(-32603, format!("internal error in {}; see the log", self.method))),
        };
        if self.method == "initialize" && response.is_ok() {
            self.accepted.store(true, Ordering::Relaxed);
        }
        // The writer has ended only if the editor reads no more; the loop ends then.
        drop(self.replies.send(response));
    }
}

impl<B: LanguageServer> Handlers<B> {
    fn handle(&mut self, parsed: Parsed) -> Next {
        match parsed {
            Parsed::Request(request) => return self.request(request),
            Parsed::Answer(answer) => self.answer(answer),
            Parsed::Wrong(id, error) => {
                tracing::warn!(%error, "skipped a message");
                self.reply(Response::from_error(id, error));
            }
        }
        Next::Go
    }

    fn request(&mut self, request: Request) -> Next {
        let mut next = Next::Go;
        match (request.method(), request.id()) {
            ("exit", _) => return Next::Exit,
            ("initialize", Some(_)) if !self.accepted.load(Ordering::Relaxed) => {
                let params = request.params().cloned().unwrap_or_default();
                if let Some(process) = params["processId"].as_i64().and_then(|p| i32::try_from(p).ok()) {
                    // Before the reply, after which the editor may end.
                    next = Next::Watch(watch::process(process).boxed());
                }
                self.initialize.set(params);
            }
            ("shutdown", Some(_)) => self.shut_down = self.accepted.load(Ordering::Relaxed),
            _ => {}
        }
        self.call(request);
        next
    }

    fn call(&mut self, request: Request) {
        let reply = Reply {
            id: request.id().cloned(),
            method: request.method().to_owned(),
            replies: self.replies.clone(),
            accepted: self.accepted.clone(),
        };
        let mut context = Context::from_waker(Waker::noop());
        // The first poll is here, so that handlers begin in the order of the messages. One that has to wait is polled again by a task of its own.
        let first = catch_unwind(AssertUnwindSafe(|| {
            if !matches!(self.service.poll_ready(&mut context), Poll::Ready(Ok(()))) {
                return Started::Ended(Ok(None));
            }
            let mut handler = self.service.call(request);
            match handler.poll_unpin(&mut context) {
                Poll::Ready(outcome) => Started::Ended(outcome),
                Poll::Pending => Started::Waits(handler),
            }
        }));
        match first {
            Ok(Started::Ended(outcome)) => reply.send(Ok(outcome)),
            Err(panic) => reply.send(Err(panic)),
            Ok(Started::Waits(handler)) => {
                self.running.spawn(async move { reply.send(AssertUnwindSafe(handler).catch_unwind().await) });
            }
        }
    }

    fn answer(&mut self, answer: Response) {
        // tower-lsp panics on an answer whose waiter is gone.
        let taken = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.answers).start_send(answer)));
        if !matches!(taken, Ok(Ok(()))) {
            tracing::warn!("dropped a reply that nobody waits for");
        }
    }

    fn reply(&self, response: Response) {
        // The writer has ended only if the editor reads no more; the loop ends then.
        drop(self.replies.send(response));
    }
}

#[cfg(test)]
mod tests;
