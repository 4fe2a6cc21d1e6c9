//! What waits for the user here is shown in the store, so that another process can answer it: an editor's prompt on a terminal, a background run's anywhere.
//!
//! Must not know what an answer leads to.
//!
//! **Invariant:** what is shown is taken away when it does not wait any more; an answer that cannot be read is none.

use std::sync::Arc;
use std::time::Duration;

use permission::Rule;
use proto::{PermissionRequest, QuestionRequest};
use store::{Approval, Prompt, PromptReply, PromptRequest};

use crate::saver::Saver;
use crate::session::now;

/// Between two looks for an answer, while a turn waits for it.
pub const PAUSE: Duration = Duration::from_millis(250);
/// The same where none does, perhaps for hours.
pub const LONG_PAUSE: Duration = Duration::from_secs(2);

/// The store, as a place to show what waits.
pub struct Window {
    saver: Arc<Saver>,
    /// The project; what is allowed for good is so there.
    directory: String,
}

/// Something that is shown, until that is dropped.
pub struct Shown {
    saver: Arc<Saver>,
    id: String,
}

impl Window {
    /// In that store.
    #[must_use]
    pub fn new(saver: Arc<Saver>, directory: String) -> Self {
        Self { saver, directory }
    }

    /// Where nobody looks.
    #[cfg(test)]
    pub fn nowhere() -> Self {
        let (failures, _) = tokio::sync::mpsc::unbounded_channel();
        Self::new(Arc::new(Saver::new("/dev/null/nowhere".into(), failures)), String::new())
    }

    /// Shows a permission prompt.
    pub fn permission(&self, request: &PermissionRequest) -> Shown {
        self.show(row(request))
    }

    /// Shows a question.
    pub fn question(&self, request: &QuestionRequest) -> Shown {
        let (id, session) = (request.id.0.clone(), request.session_id.clone());
        self.show(Prompt { id, session, request: PromptRequest::Question(request.clone()) })
    }

    fn show(&self, prompt: Prompt) -> Shown {
        let id = prompt.id.clone();
        self.saver.write(move |tx| tx.add_prompt(&prompt));
        Shown { saver: Arc::clone(&self.saver), id }
    }

    /// Keeps what another process allowed for good.
    pub fn keep(&self, rules: Vec<Rule>) {
        for rule in rules {
            let (directory, approval) =
                (self.directory.clone(), Approval { permission: rule.permission, pattern: rule.pattern, time: now() });
            self.saver.write(move |tx| tx.add_approval(&directory, &approval));
        }
    }
}

/// A permission prompt, as it is shown.
pub fn row(request: &PermissionRequest) -> Prompt {
    Prompt { id: request.id.0.clone(), session: request.session_id.clone(), request: PromptRequest::Permission(request.clone()) }
}

impl Shown {
    /// What another process answers; never, if none does.
    pub async fn reply(&self, pause: Duration) -> PromptReply {
        loop {
            tokio::time::sleep(pause).await;
            match self.saver.store().and_then(|store| store.reply_to(&self.id).map_err(|error| error.to_string())) {
                Ok(Some(reply)) => return reply,
                Ok(None) => {}
                Err(why) => tracing::warn!("whether another process answered is not known: {why}"),
            }
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let id = std::mem::take(&mut self.id);
        self.saver.write(move |tx| tx.remove_prompt(&id));
    }
}
