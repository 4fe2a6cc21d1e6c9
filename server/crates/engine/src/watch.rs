//! A session that runs in another process, as it is seen here: what is stored of it becomes events.
//!
//! Must not know who looks on, and changes nothing.
//!
//! **Invariant:** what is told here has the numbers that it has there; it ends when the other process has ended its turn, and says so.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use proto::{Event, SessionId};
use store::{Prompt, PromptRequest, Store};

use crate::running::{self, Held};
use crate::shared::Shared;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Follows a session that another process has, until that lets go of it. A session is followed once.
pub fn follow(shared: &Arc<Shared>, held: &Held) {
    let session = held.session.clone();
    // A turn of this process is told as it runs.
    if shared.is_busy(&session) || !shared.watched.lock().unwrap_or_else(PoisonError::into_inner).insert(session.clone()) {
        return;
    }
    let process = held.process.map_or_else(String::new, |id| format!(" ({id})"));
    notice(
        shared,
        &session,
        format!("This session runs in another process{process}. What is said there is shown here; ask again when it has ended."),
    );
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        if let Err(why) = look_on(&shared, &session).await {
            tracing::error!("{session} is not followed any more: {why}");
        }
        shared.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
        notice(&shared, &session, "The other process has ended its turn: you can go on here.".into());
    });
}

async fn look_on(shared: &Arc<Shared>, session: &SessionId) -> Result<(), String> {
    let store = shared.saver.store()?;
    // What was said before is known to who has the session open.
    let mut seq = store.next_seq(session).map_err(words)?.saturating_sub(1);
    let mut told = HashSet::new();
    loop {
        let ends = running::holder(&shared.places.data, session).is_none();
        seq = relay(shared, &store, session, seq)?;
        for prompt in store.prompts(session).map_err(words)? {
            if told.insert(prompt.id.clone()) {
                notice(shared, session, format!("It waits for an answer there: {}", title(&prompt)));
            }
        }
        if ends {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn relay(shared: &Shared, store: &Store, session: &SessionId, seq: u64) -> Result<u64, String> {
    let mut last = seq;
    for event in store.since(session, seq).map_err(words)? {
        last = last.max(event.seq);
        shared.bus.relay(event);
    }
    Ok(last)
}

fn notice(shared: &Shared, session: &SessionId, message: String) {
    shared.bus.publish(Event::SessionNotice { session_id: session.clone(), message });
}

/// What a prompt is about, in a line.
#[must_use]
pub fn title(prompt: &Prompt) -> String {
    match &prompt.request {
        PromptRequest::Permission(request) => {
            let title = request.metadata["title"].as_str().map_or_else(|| request.patterns.join(", "), str::to_owned);
            format!("{} {title}", request.permission)
        }
        PromptRequest::Question(request) => {
            request.questions.iter().map(|question| question.question.as_str()).collect::<Vec<_>>().join(" ")
        }
    }
}

fn words(error: store::StoreError) -> String {
    error.to_string()
}
