//! What a session spends: whose it is, whether there is room for it, and where it is noted.
//!
//! **Invariant:** whatever was paid for counts, whether its answer was of use or not.

use std::collections::VecDeque;

use proto::{SessionId, Tokens};
use providers::ModelRequest;

use super::{Running, Worker};
use crate::setup::Setup;
use crate::turn::Input;
use crate::{budget, estimate, ledger};

impl Worker {
    /// Holds back what a request may cost, and shortens its answer to what the budget has room for.
    ///
    /// # Errors
    /// If there is no room: why, for the user.
    pub(super) fn afford(&self, run: &mut Running, request: &mut ModelRequest, inputs: &mut VecDeque<Input>) -> Result<(), String> {
        run.hold = None;
        if !self.is_capped(&run.setup) {
            return Ok(());
        }
        run.size = estimate::size(request);
        let estimate = estimate::estimate(&run.setup, run.size, self.measured.as_ref());
        let held = self.shared.ledger.hold(self.payer(), &run.setup.model.cost, &estimate);
        let (fits, hold) = held.map_err(|over| over.words())?;
        run.hold = Some(hold);
        request.max_output = Some(fits.output);
        if let Some(cut) = fits.cut {
            inputs.push_back(Input::Shortened(cut.words()));
        }
        Ok(())
    }

    /// The user's session, which pays for its subagents.
    pub(super) fn payer(&self) -> &SessionId {
        self.origin.as_ref().map_or_else(|| self.state.id(), |origin| origin.root().0)
    }

    /// What this session uses counts for those that started it, and for the day.
    pub(super) fn count(&self, cost: f64, tokens: Tokens) {
        if let Some(origin) = &self.origin {
            origin.spent(&self.shared, cost, tokens);
        }
        self.shared.ledger.spent(self.payer(), cost, tokens);
        if cost > 0.0 {
            let day = ledger::today();
            self.shared.saver.write(move |tx| tx.add_spent(&day, cost));
        }
    }

    /// A turn of the user's begins: what was spent before it is known.
    pub(super) async fn open_books(&mut self) {
        if self.origin.is_some() {
            return;
        }
        if let Some(large) = self.shared.saver.too_large().filter(|_| self.shared.models.is_news("the store is large")) {
            self.notice(large);
        }
        self.count_subagents();
        self.shared.ledger.begin_turn(self.state.id(), self.state.info.cost);
        if !self.shared.ledger.counts_days() {
            return;
        }
        let day = ledger::today();
        let read = async {
            self.shared.saver.flush().await?;
            self.shared.saver.store()?.spent(&day).map_err(|error| error.to_string())
        };
        match read.await {
            Ok(spent) => self.shared.ledger.stored(day, spent),
            // What this process spends counts all the same.
            Err(why) => tracing::error!("what was spent today is not known: {why}"),
        }
    }

    /// Whether what the model costs has a cap. That a cap cannot hold is told, once.
    pub(super) fn is_capped(&self, setup: &Setup) -> bool {
        if !self.shared.ledger.has_caps() {
            return false;
        }
        let priced = budget::is_priced(&setup.model.cost);
        if !priced && !setup.settings.registry.is_priced(&setup.model) {
            let name = setup.model.name();
            let words = format!(
                "the budget cannot hold for {name}, since its prices are not known: set provider.{}.models.\"{}\".cost, in US dollars a million tokens",
                setup.model.provider_id, setup.model.model_id
            );
            if self.shared.models.is_news(&words) {
                self.notice(words);
            }
        }
        priced
    }

    /// What its subagents used counts for this session.
    pub(super) fn count_subagents(&mut self) {
        if let Some((cost, tokens)) = self.shared.take_spent(self.state.id()) {
            self.state.spend(cost, tokens);
        }
    }
}
