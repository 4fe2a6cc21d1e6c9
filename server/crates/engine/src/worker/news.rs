//! What a running turn waits for: the user, its calls, the model, clocks, and whoever looks or summarises.
//!
//! Must not know what the turn makes of it.
//!
//! **Invariant:** of several things that have happened the user's word comes first; nothing that is waited for is dropped half-way.

use proto::{Event, SessionStatus};
use providers::{ModelEvent, ModelStream, ProviderError, ProviderErrorKind};
use tools::ToolError;

use super::naming::named;
use super::prelude::filled;
use super::{CallEnd, Looking, Running, Summarising, Worker};
use crate::turn::Input;
use crate::{calls, compaction};

/// What the model is told where it would end its turn.
const BROKEN: &str =
    "Before you end your turn: these errors are there after your changes. Mend those that came with them, or say why they stay.";

impl Worker {
    /// The next thing that happens to the turn.
    pub(super) async fn next(&mut self, run: &mut Running) -> Input {
        loop {
            if let Some(input) = run.early.pop_front() {
                return input;
            }
            tokio::select! {
                biased;
                command = self.commands.recv(), if !self.closed => if let Some(input) = self.amid(command).await {
                    return input;
                },
                Some(done) = run.calls.join_next() => {
                    let end = match done {
                        Ok(end) => end,
                        // `calls::run` catches panics; what is left is a call that was given up.
                        Err(error) => {
                            tracing::warn!("a call was given up: {error}");
                            let Some(call) = run.tasks.remove(&error.id()) else { continue };
                            CallEnd { call, result: Err(ToolError::Cancelled(Box::default())), watched: false }
                        }
                    };
                    return self.call_ended(run, end);
                }
                () = wait(&mut run.grace), if run.grace.is_some() => {
                    run.grace = None;
                    run.calls.abort_all();
                }
                Some((call, news)) = run.news.1.recv() => self.news(run, call, news),
                title = named(&mut self.title), if self.title.is_some() => self.keep_title(title, true),
                () = self.state.due() => self.state.keep(),
                event = next_event(&mut run.answer), if run.answer.is_some() => match event {
                    Some(Ok(event)) => {
                        self.begin_title(&run.setup);
                        if matches!(event, ModelEvent::Finish(_)) {
                            run.answer = None;
                        }
                        return Input::Model(event);
                    }
                    Some(Err(error)) => {
                        run.answer = None;
                        return self.failed(run, error);
                    }
                    None => {
                        run.answer = None;
                        return self.failed(run, ProviderError {
                            kind: ProviderErrorKind::Connection,
                            message: "The provider's answer was cut before its end.".into(),
                            status: None,
                            retry_after: None,
                        });
                    }
                },
                () = wait(&mut run.wait), if run.wait.is_some() => {
                    run.wait = None;
                    self.status(SessionStatus::Busy);
                    return Input::Waited;
                }
                done = filled(&mut run.filling), if run.filling.is_some() => self.filled(run, done).await,
                found = looked(&mut run.look), if run.look.is_some() => {
                    run.look = None;
                    if let Some(found) = &found {
                        self.state.add_note(&format!("{BROKEN}\n{found}"), &run.setup.author);
                    }
                    return Input::Looked(found.is_some());
                }
                summary = summarised(&mut run.summary), if run.summary.is_some() => {
                    run.summary = None;
                    run.hold = None;
                    return Input::Compacted(match self.keep_summary(&run.id, summary, true) {
                        Ok(()) => true,
                        Err(error) => {
                            self.state.publish(Event::SessionError { session_id: self.state.id().clone(), error });
                            false
                        }
                    });
                }
            }
        }
    }

    fn failed(&self, run: &Running, error: ProviderError) -> Input {
        let attempt = run.turn.attempt();
        let delay = providers::retry::delay(attempt + 1, &error, calls::jitter());
        tracing::warn!(attempt, kind = ?error.kind, "{}", error.message);
        let context = run.setup.model.limit.context;
        let roomier = error.kind == ProviderErrorKind::ContextOverflow
            && context > 0
            && run.setup.next().is_ok_and(|next| next.model.limit.context > context);
        Input::Failed { error, delay, roomier }
    }
}

async fn next_event(answer: &mut Option<ModelStream>) -> Option<Result<ModelEvent, ProviderError>> {
    match answer {
        Some(answer) => answer.next().await,
        None => std::future::pending().await,
    }
}

async fn wait(timer: &mut Option<std::pin::Pin<Box<tokio::time::Sleep>>>) {
    match timer {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}

async fn looked(look: &mut Option<Looking>) -> Option<String> {
    match look {
        Some(look) => look.await,
        None => std::future::pending().await,
    }
}

async fn summarised(summary: &mut Option<Summarising>) -> compaction::Outcome {
    match summary {
        Some(summary) => summary.await,
        None => std::future::pending().await,
    }
}
