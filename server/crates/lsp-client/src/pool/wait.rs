//! Waiting for what a server says of a document.
//!
//! **Invariant:** nobody waits longer than the budget, nor for what cannot come; nothing is waited for by time alone where the server says when it is done.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use workspace::DocKey;

use super::slot::{Phase, Slot};
use crate::freshness::{Pending, Report, State};

/// What came of looking.
enum Look {
    /// There is nothing to wait for.
    Done(State),
    /// Look again after news, or at this time.
    Later(State, Option<Instant>),
    /// There is no server.
    Nothing,
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) start: Instant,
    /// For anything.
    pub(super) whole: Duration,
    /// For a server that is not ready, over all waits.
    pub(super) starting: Duration,
}

/// One document of one server. None where the server turns out not to be there.
pub(super) async fn one(slot: Arc<Slot>, key: DocKey, budget: Budget, cancel: &CancellationToken) -> Option<Report> {
    slot.touch();
    let whole = budget.start + budget.whole;
    // For an answer, and for a check's end.
    let mut deadlines = (whole, whole);
    let ready_by = whole.min(budget.start + budget.starting.saturating_sub(slot.waited()));
    let mut phases = slot.phases();
    let mut news = None;
    let state = loop {
        let phase = phases.borrow_and_update().clone();
        if let Phase::Running(client) = &phase {
            if news.is_none() {
                let (heard, checked) = {
                    let ledger = client.ledger();
                    (ledger.heard(), ledger.checked())
                };
                let (answer, check) = slot.patience(heard, checked, budget.whole);
                deadlines = (budget.start + answer, budget.start + check);
            }
            news.get_or_insert_with(|| client.news()).mark_unchanged();
        }
        let (state, again) = match look(&phase, &key, deadlines) {
            Look::Done(state) => break state,
            Look::Nothing => return None,
            Look::Later(state, again) => (state, again),
        };
        let until = if is_unready(&state) { ready_by } else { by(&state, deadlines) };
        let heard = async {
            match &mut news {
                // Its end is told by the phase, too.
                Some(news) => drop(news.changed().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = heard => {}
            changed = phases.changed() => if changed.is_err() { break state },
            () = sleep_until(again.map_or(until, |at| at.min(until))) => if Instant::now() >= until { break state },
            () = cancel.cancelled() => break if state.is_fresh() { state } else { State::Pending(Pending::Cancelled) },
        }
    };
    slot.touch();
    if matches!(state, State::Pending(Pending::Checking | Pending::Unnamed | Pending::Check(_))) && Instant::now() >= by(&state, deadlines)
    {
        slot.missed(budget.start, is_check(&state));
    }
    if is_unready(&state) {
        slot.add_wait(budget.start.elapsed());
    }
    let items = match slot.phase() {
        Phase::Running(client) => client.ledger().items(&key),
        _ => Arc::default(),
    };
    let current = state.is_fresh() || is_check(&state);
    Some(Report {
        key,
        server: Arc::clone(&slot.server.id),
        root: slot.root.clone(),
        state,
        current,
        items,
        waited: budget.start.elapsed(),
    })
}

/// Whether the server itself is not ready, whatever the document.
fn is_unready(state: &State) -> bool {
    matches!(state, State::Pending(Pending::Starting | Pending::Loading(_)))
}

/// Whether only a check after a save is not done.
fn is_check(state: &State) -> bool {
    matches!(state, State::Pending(Pending::Check(_)))
}

/// The deadline of what is waited for in that state.
fn by(state: &State, (answer, check): (Instant, Instant)) -> Instant {
    if is_check(state) { check } else { answer }
}

fn look(phase: &Phase, key: &DocKey, deadlines: (Instant, Instant)) -> Look {
    let client = match phase {
        Phase::Starting => return Look::Later(State::Pending(Pending::Starting), None),
        Phase::Ended(why) | Phase::Stopped(why) => return Look::Done(State::Pending(Pending::Stopped(why.clone()))),
        Phase::Missing(_) => return Look::Nothing,
        Phase::Running(client) => client,
    };
    let now = Instant::now();
    let ledger = client.ledger();
    let judged = ledger.judge(key, now);
    match judged.state {
        // The document itself is known; what its change did to others may follow.
        State::Fresh { .. } => match ledger.calm_at(now) {
            Some(at) => Look::Later(judged.state, Some(at)),
            None if ledger.has_questions() => Look::Later(judged.state, None),
            None => Look::Done(judged.state),
        },
        State::Pending(Pending::Stopped(_)) => Look::Done(judged.state),
        State::Pending(_) if judged.hopeless || judged.likely.is_some_and(|at| at > by(&judged.state, deadlines)) => {
            Look::Done(judged.state)
        }
        State::Pending(_) => Look::Later(judged.state, judged.again),
    }
}
