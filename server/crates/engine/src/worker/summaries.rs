//! Summaries of the session: on request, and amid a turn.
//!
//! **Invariant:** a summary that failed changes nothing, and costs what it cost.

use std::sync::PoisonError;

use proto::{ErrorData, Message, MessageError, SessionStatus, Todo, TurnId};
use workspace::DocKey;

use super::{Summarising, Worker};
use crate::agents::Agent;
use crate::ledger::Hold;
use crate::session::SummaryText;
use crate::setup::Setup;
use crate::turn::Input;
use crate::{StopReason, compaction, estimate, prompt};

impl Worker {
    pub(super) async fn compact_now(&mut self, setup: Setup) {
        self.shared.turn_began(self.state.id());
        self.status(SessionStatus::Busy);
        self.open_books().await;
        let newest = self.state.history.iter().rfind(|m| matches!(m.info, Message::User(_)));
        let turn = newest.map_or_else(TurnId::new, |m| m.info.id().clone());
        let reason = self.by_hand(&turn, &setup).await;
        // What was asked for meanwhile is what was just done.
        self.summarise = None;
        self.ended(&turn, &reason).await;
    }

    async fn by_hand(&mut self, turn: &TurnId, setup: &Setup) -> StopReason {
        let (mut summary, _hold) = match self.summary(setup, false) {
            Ok(Some(summary)) => summary,
            Ok(None) => return StopReason::Done,
            Err(why) => return StopReason::Budget(why),
        };
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv(), if !self.closed => if let Some(Input::Cancel) = self.amid(command).await {
                    return StopReason::Cancelled;
                },
                summary = &mut summary => {
                    return match self.keep_summary(turn, summary, false) {
                        Ok(()) => StopReason::Done,
                        Err(error) => StopReason::Provider(error.data().message.clone()),
                    };
                }
            }
        }
    }

    /// The request for a summary; none if there is nothing to summarise.
    pub(super) fn summary(&self, setup: &Setup, in_turn: bool) -> Result<Option<(Summarising, Option<Hold>)>, String> {
        let summariser = self.summariser(setup);
        let Some(plan) = compaction::plan(&self.state.history, setup, &summariser, in_turn) else { return Ok(None) };
        let (mut hold, mut max_output) = (None, None);
        let mut writers = vec![summariser.clone()];
        if self.is_capped(&summariser) {
            let estimate = estimate::estimate(&summariser, plan.size(), None);
            let (fits, held) = self.shared.ledger.hold(self.payer(), &summariser.model.cost, &estimate).map_err(|over| over.words())?;
            (hold, max_output) = (Some(held), Some(fits.output));
        } else {
            // With a budget only the one for whom room is held may be asked.
            writers.extend(self.others(summariser, setup));
        }
        let (session, client) = (self.state.id().clone(), self.shared.client.clone());
        Ok(Some((Box::pin(compaction::summarise(plan, writers, session, client, max_output)), hold)))
    }

    /// Who summarises: the configured model of the agent `compaction`, else the session's.
    fn summariser(&self, setup: &Setup) -> Setup {
        let own = setup.settings.config.agent.get("compaction").and_then(|agent| agent.model.as_ref());
        let Some(names) = own.map(|models| models.all().to_vec()) else { return setup.clone() };
        Setup::begin(&self.shared, &setup.settings, Agent::clone(&setup.agent), names).unwrap_or_else(|error| {
            tracing::warn!("the model for summaries cannot be asked: {}", error.message);
            setup.clone()
        })
    }

    /// Who may summarise where that one cannot: what follows it in its chain, and the session's own model and what follows that.
    fn others(&self, summariser: Setup, own: &Setup) -> Vec<Setup> {
        let first = summariser.name().to_owned();
        let mut all: Vec<Setup> = Vec::new();
        for mut setup in [summariser, own.clone()] {
            loop {
                if setup.name() != first && !all.iter().any(|other| other.name() == setup.name()) && !self.is_capped(&setup) {
                    all.push(setup.clone());
                }
                match setup.next() {
                    Ok(next) => setup = next,
                    Err(_) => break,
                }
            }
        }
        all
    }

    /// What the session's turns changed and did not take back, the newest first, by the names that the model knows.
    fn changed_files(&self) -> Vec<String> {
        let turns = self.shared.saver.store().and_then(|store| store.turns(self.state.id()).map_err(|error| error.to_string()));
        let turns = turns.unwrap_or_else(|why| {
            tracing::error!("which files were changed is not known: {why}");
            Vec::new()
        });
        let roots = self.shared.workspace.roots();
        let mut names = Vec::new();
        for key in turns.into_iter().filter(|turn| !turn.undone).flat_map(|turn| turn.keys) {
            let name = prompt::name(&DocKey::from_uri(&key), &roots);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn todos(&self) -> Vec<Todo> {
        self.shared.todos.lock().unwrap_or_else(PoisonError::into_inner).get(self.state.id()).cloned().unwrap_or_default()
    }

    /// Keeps a summary. What was said since it was planned stays as it was said.
    pub(super) fn keep_summary(&mut self, turn: &TurnId, summary: compaction::Outcome, auto: bool) -> Result<(), MessageError> {
        let summary = summary.map_err(|error| {
            MessageError::ContextOverflowError(ErrorData { message: error.message, status_code: error.status, is_retryable: None })
        })?;
        if !summary.passed.is_empty() {
            self.notice(format!("{}; {} did", summary.passed.join("; "), summary.by.author.model));
        }
        let cost = providers::cost(&summary.by.model.cost, &summary.tokens);
        let _together = self.shared.saver.together();
        let Some(room) = compaction::room_beside(&self.state.history, &summary) else {
            self.count(cost, summary.tokens);
            self.state.spend(cost, summary.tokens);
            let message = "The conversation could not be summarised: the summary is as long as what it is of.".to_owned();
            return Err(MessageError::ContextOverflowError(ErrorData { message, ..ErrorData::default() }));
        };
        let text = compaction::with_record(&summary.text, &self.changed_files(), &self.todos(), &summary.said.list(room));
        let since = self.state.history.get(summary.planned).map(|m| m.info.id().clone());
        let author = summary.by.author.clone();
        self.count(cost, summary.tokens);
        let summary = SummaryText { text, tail: summary.tail.or(since), tokens: summary.tokens, cost };
        self.state.add_summary(turn, &author, summary, auto);
        let session = self.state.id().clone();
        self.shared.saver.write(move |tx| tx.clear_outputs(&session));
        Ok(())
    }
}
