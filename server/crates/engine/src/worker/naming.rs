//! The session's title: begun when the first answer begins, kept when it comes.
//!
//! **Invariant:** it holds up neither a turn nor the end: it is one more thing that is waited for, and is dropped with the worker.

use std::pin::Pin;

use providers::ProviderError;
use tokio::sync::oneshot;

use super::Worker;
use crate::budget::Estimate;
use crate::ledger::Hold;
use crate::setup::Setup;
use crate::{estimate, history, title};

/// A title that is being written.
pub(super) struct Naming {
    answer: Pin<Box<dyn Future<Output = Result<title::Answer, ProviderError>> + Send>>,
    prices: config::Cost,
    _hold: Option<Hold>,
    /// Who waits for its end, which is that of these.
    waiting: Vec<oneshot::Sender<()>>,
}

impl Worker {
    /// The first answer has begun: what it answers is given a name beside it.
    pub(super) fn begin_title(&mut self, setup: &Setup) {
        if !std::mem::take(&mut self.untitled) {
            return;
        }
        let (shared, settings) = (&self.shared, &setup.settings);
        let Some(name) = title::model(&settings.config, &settings.registry, &setup.model) else { return };
        let model = match settings.registry.resolve(&name) {
            Ok(model) => model,
            Err(error) => return tracing::warn!("no title is asked for: {}", error.message),
        };
        let Some(message) = self.state.history.iter().find(|message| matches!(message.info, proto::Message::User(_))) else { return };
        let request = title::request(&settings.config, self.state.id(), &history::words(message));
        let mut hold = None;
        if shared.ledger.has_caps() {
            let estimate = Estimate { output: title::MAX_OUTPUT, ..estimate::of_size(estimate::size(&request)) };
            match shared.ledger.hold(self.payer(), &model.cost, &estimate) {
                Ok((fits, held)) if fits.output == title::MAX_OUTPUT => hold = Some(held),
                Ok(_) | Err(_) => return tracing::info!("no title is asked for: the budget has no room for it"),
            }
        }
        let prices = model.cost.clone();
        let answer = Box::pin(title::ask(shared.client.clone(), model, request));
        self.title = Some(Naming { answer, prices, _hold: hold, waiting: Vec::new() });
    }

    /// Somebody waits until no title is being written.
    pub(super) fn wait_for_title(&mut self, waits: oneshot::Sender<()>) {
        if let Some(naming) = &mut self.title {
            naming.waiting.push(waits);
        }
    }

    /// Keeps the title; where the session is another process' by now, only what it cost counts.
    pub(super) fn keep_title(&mut self, answer: Result<title::Answer, ProviderError>, ours: bool) {
        let Some(naming) = self.title.take() else { return };
        let _together = self.shared.saver.together();
        match answer {
            Ok(answer) => {
                let cost = providers::cost(&naming.prices, &answer.tokens);
                self.count(cost, answer.tokens);
                match answer.title {
                    _ if !ours => return,
                    Some(title) => self.state.info.title = title,
                    None => tracing::info!("the model gave no title"),
                }
                self.state.spend(cost, answer.tokens);
            }
            Err(error) => tracing::info!("there is no title: {}", error.message),
        }
    }
}

/// The answer, when it has come; never if none is asked for.
pub(super) async fn named(naming: &mut Option<Naming>) -> Result<title::Answer, ProviderError> {
    match naming {
        Some(naming) => naming.answer.as_mut().await,
        None => std::future::pending().await,
    }
}
