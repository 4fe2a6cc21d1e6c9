//! Undo and redo of a turn: what it changed is taken back, what the user did since stays.
//!
//! **Invariant:** what could not be taken back is named, before anything is changed; nothing is guessed.

use std::collections::HashMap;
use std::sync::Arc;

use proto::{Message, MessageWithParts, Part, PartKind, SessionId, ToolState, TurnId};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;
use workspace::{Applied, Change, DocKey};

use crate::intents::{self, Which};
use crate::running::{self, Claim};
use crate::shared::{Shared, applied};
use crate::{EngineError, KeptText, UndoReport};

/// An undo, or a redo, that is planned and not carried out yet.
pub struct Undo {
    shared: Arc<Shared>,
    turn: TurnId,
    again: bool,
    changes: Vec<Change>,
    report: UndoReport,
    _alone: OwnedMutexGuard<()>,
    /// No turn begins in the session meanwhile, in any process.
    _claim: Option<Claim>,
}

impl Undo {
    /// What it will do, and what it will leave.
    #[must_use]
    pub fn report(&self) -> &UndoReport {
        &self.report
    }

    /// Does it.
    ///
    /// # Errors
    /// If the editor or the disk refuses, or the store fails.
    pub async fn carry_out(self) -> Result<(), EngineError> {
        if !self.changes.is_empty() {
            self.shared.workspace.apply(self.changes, &CancellationToken::new()).await?;
        }
        let store = self.shared.saver.store().map_err(EngineError::Store)?;
        store.set_undone(&self.turn, !self.again).map_err(|e| EngineError::Store(e.to_string()))
    }
}

/// Plans to take a turn back, or to make it `again`. Waits until the plan before it is carried out or dropped.
///
/// # Errors
/// If there is nothing to undo or redo, or a turn runs.
pub async fn plan(shared: &Arc<Shared>, session: Option<&SessionId>, turn: Option<TurnId>, again: bool) -> Result<Undo, EngineError> {
    if session.is_some_and(|session| shared.is_busy(session)) {
        return Err(EngineError::Busy);
    }
    let alone = Arc::clone(&shared.undoing).lock_owned().await;
    shared.saver.flush().await.map_err(EngineError::Store)?;
    let store = shared.saver.store().map_err(EngineError::Store)?;
    let failed = |e: store::StoreError| EngineError::Store(e.to_string());
    let word = if again { "redo" } else { "undo" };
    let session = match session.cloned() {
        Some(session) => Some(session),
        None => store.last_session(&shared.places.directory.to_string_lossy()).map_err(failed)?.map(|session| session.id),
    };
    let claim = match &session {
        Some(session) => Some(running::claim_soon(&shared.places.data, session).await?),
        None => None,
    };
    let mut lost = Vec::new();
    if let Some(session) = &session {
        lost.extend(intents::settle(shared, &Which::Session(session), false).await);
    }
    // The newest one that stands, to undo; of those that were undone, the oldest of the newest run, to redo.
    let newest = || -> Result<Option<TurnId>, EngineError> {
        let turns = session.as_ref().map_or_else(|| Ok(Vec::new()), |s| store.turns(s)).map_err(failed)?;
        let found = if again { turns.iter().take_while(|t| t.undone).last() } else { turns.iter().find(|t| !t.undone) };
        Ok(found.map(|t| t.turn.clone()))
    };
    let turn = match (turn, &session) {
        (None, Some(session)) if !again => {
            // What is newer than all that is known comes first, and now or never.
            for noted in intents::turns(&shared.intents, session) {
                if newest()?.is_some_and(|turn| turn >= noted) {
                    break;
                }
                lost.extend(intents::settle(shared, &Which::Turn(&noted), true).await);
            }
            newest()?
        }
        (None, _) => newest()?,
        (turn, _) => turn,
    };
    // Of older turns a text may still come that decides: where newer ones are undone before.
    if let Some(turn) = &turn {
        lost.extend(intents::settle(shared, &Which::Turn(turn), true).await);
    }
    let blind = match (&session, shared.workspace.blind_to_commands()) {
        (Some(session), Some(why)) => Some((store.messages(session).map_err(failed)?, why)),
        _ => None,
    };
    let unknown = |since: Option<&TurnId>| blind.as_ref().and_then(|(messages, why)| blind_spot(messages, since, why));
    let told = match &session {
        Some(session) => store.messages(session).map_err(failed)?,
        None => Vec::new(),
    };
    let nothing = |why: &str| {
        let unknown = unknown(None).map_or_else(String::new, |unknown| format!(" {unknown}"));
        let lost: String = lost.iter().map(|lost| format!(" {}: {}", lost.key, lost.why)).collect();
        EngineError::Nothing(format!("There is nothing to {word}{why}.{unknown}{lost}"))
    };
    let turn = turn.ok_or_else(|| nothing(""))?;
    if store.is_undone(&turn).map_err(failed)? != again {
        return Err(nothing(if again { ": the turn was not undone" } else { ": the turn is undone already" }));
    }
    let records: Vec<Applied> = store.changes(&turn).map_err(failed)?.into_iter().map(|c| applied(c.record)).collect();
    if records.is_empty() {
        return Err(nothing(": the turn changed no file that is known"));
    }
    let mut current = HashMap::new();
    for record in &records {
        if !current.contains_key(&record.key) {
            current.insert(record.key.clone(), workspace::current_state(shared.workspace.as_ref(), &record.key).await);
        }
    }
    let state = |key: &DocKey| current.get(key).cloned().flatten();
    let plan = if again { workspace::plan_redo(&records, state) } else { workspace::plan_undo(&records, state) };
    let mut changed: Vec<_> = plan.changes.iter().map(|c| c.key.clone()).collect();
    // A file that is no text is deleted and made again.
    changed.dedup();
    let kept = plan.kept.into_iter().map(|kept| KeptText { why: kept.to_string(), key: kept.key });
    let kept = kept.chain(lost).collect();
    let unknown = unknown(Some(&turn)).or_else(|| left_by_commands(&told, &turn));
    let report = UndoReport { changed, kept, unknown };
    Ok(Undo { shared: Arc::clone(shared), turn, again, changes: plan.changes, report, _alone: alone, _claim: claim })
}

/// What the turn's commands changed and cannot be undone.
fn left_by_commands(messages: &[MessageWithParts], turn: &TurnId) -> Option<String> {
    let of_turn = |message: &&MessageWithParts| matches!(&message.info, Message::Assistant(info) if info.parent_id == *turn);
    let left = messages.iter().filter(of_turn).flat_map(|message| &message.parts).flat_map(|part| match &part.kind {
        PartKind::Tool { state: ToolState::Completed { metadata, .. }, .. } => {
            metadata["notUndone"].as_array().cloned().unwrap_or_default()
        }
        _ => Vec::new(),
    });
    let mut names: Vec<String> = left.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then(|| format!("What commands changed in these stays: {}.", names.join(", ")))
}

/// What may have been changed without our knowing, if commands ran: since a turn, or in the whole session.
fn blind_spot(messages: &[MessageWithParts], since: Option<&TurnId>, why: &str) -> Option<String> {
    let ran = |part: &Part| matches!(&part.kind, PartKind::Tool { tool, .. } if tool == "bash");
    let before = |message: &&MessageWithParts| since.is_some_and(|turn| message.info.id() != turn);
    let ran = messages.iter().skip_while(before).any(|message| message.parts.iter().any(ran));
    ran.then(|| format!("What commands changed in files that were not open is not known, and stays: {why}."))
}
