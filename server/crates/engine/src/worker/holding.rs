//! Whose the session is: this process', while something is to be done in it.
//!
//! **Invariant:** what another process did is known before anything is done here, and what was done here is stored before another one may go on.

use super::Worker;
use crate::intents::{self, Which};
use crate::{EngineError, running, shown};

impl Worker {
    /// Takes the session for this process, and takes over what others did in it since.
    pub(super) async fn take_hold(&mut self) -> Result<(), EngineError> {
        let new = self.claim.is_none();
        if new {
            self.claim = Some(running::claim_soon(&self.shared.places.data, self.state.id()).await?);
            // A process that was killed may have asked. What waits here beside the turns stays.
            let session = self.state.id().clone();
            let waiting = self.shared.prompts.waiting().into_iter().map(|waiting| waiting.request);
            let ours: Vec<_> = waiting.filter(|request| request.session_id == session).map(|request| shown::row(&request)).collect();
            self.shared.saver.write(move |tx| {
                tx.remove_prompts(&session)?;
                ours.iter().try_for_each(|prompt| tx.add_prompt(prompt))
            });
            for lost in intents::settle(&self.shared, &Which::Session(self.state.id()), false).await {
                self.notice(format!("{}: {}", lost.key, lost.why));
            }
        }
        match self.state.catch_up().await {
            // What cannot be read now is told where it is written; the turn runs all the same.
            Err(EngineError::Store(why)) => tracing::error!("{why}"),
            Err(gone) => {
                self.claim = None;
                return Err(gone);
            }
            Ok(()) if new => self.state.note_cut_off(),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Another process may go on with the session, and finds all that was done here.
    pub(super) async fn let_go(&mut self) {
        if self.claim.is_none() {
            return;
        }
        match self.shared.saver.flush().await {
            Ok(()) => self.state.left(),
            Err(why) => tracing::error!("{why}"),
        }
        self.claim = None;
    }
}
