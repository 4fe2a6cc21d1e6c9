//! `$/progress` of one turn: begin, reports, one end.
//!
//! Owns the token's life. Must not hold up anything: it is a task of its own, since an editor may be slow to confirm the token.
//!
//! **Invariant:** nothing is sent before the token was made, and nothing after the end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lsp_types::{WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressEnd, WorkDoneProgressReport};
use proto::SessionId;
use tokio::sync::mpsc;

use crate::lsp::client::Client;

/// How long the editor may take to confirm the token.
const CREATE: Duration = Duration::from_secs(5);

/// A turn's progress. Dropping it ends it without a word.
pub struct TurnProgress {
    token: String,
    news: mpsc::UnboundedSender<News>,
}

/// Which session's turn a token stands for.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<String, SessionId>>);

impl Tokens {
    /// The session whose running turn is shown by that token.
    #[must_use]
    pub fn session(&self, token: &str) -> Option<SessionId> {
        self.all().get(token).cloned()
    }

    /// A turn has begun.
    pub fn add(&self, turn: &TurnProgress, session: SessionId) {
        self.all().insert(turn.token.clone(), session);
    }

    /// It is over.
    pub fn remove(&self, turn: &TurnProgress) {
        self.all().remove(&turn.token);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, SessionId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum News {
    Report(String),
    End(String),
}

impl TurnProgress {
    /// Begins. The token reads well: Helix 25.01 shows it.
    #[must_use]
    pub fn begin(client: Client) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let token = format!("Interline {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let (news, inbox) = mpsc::unbounded_channel();
        if client.caps().progress {
            tokio::spawn(run(client, token.clone(), inbox));
        }
        Self { token, news }
    }

    /// Says what happens now.
    pub fn report(&self, what: impl Into<String>) {
        // An editor without progress has no task.
        let _ = self.news.send(News::Report(what.into()));
    }

    /// The turn is over.
    pub fn end(self, why: impl Into<String>) {
        // An editor without progress has no task.
        let _ = self.news.send(News::End(why.into()));
    }
}

async fn run(client: Client, token: String, mut inbox: mpsc::UnboundedReceiver<News>) {
    if let Err(error) = client.create_progress(&token, CREATE).await {
        tracing::info!("no progress is shown: {error}");
        return;
    }
    let begin =
        WorkDoneProgressBegin { title: "Interline".into(), cancellable: Some(true), message: Some("thinking".into()), percentage: None };
    client.progress(&token, WorkDoneProgress::Begin(begin)).await;
    let mut last = String::new();
    let why = loop {
        match inbox.recv().await {
            Some(News::Report(what)) if what != last => {
                let report = WorkDoneProgressReport { cancellable: Some(true), message: Some(what.clone()), percentage: None };
                client.progress(&token, WorkDoneProgress::Report(report)).await;
                last = what;
            }
            Some(News::Report(_)) => {}
            Some(News::End(why)) => break why,
            None => break String::new(),
        }
    };
    let end = WorkDoneProgressEnd { message: (!why.is_empty()).then_some(why) };
    client.progress(&token, WorkDoneProgress::End(end)).await;
}
