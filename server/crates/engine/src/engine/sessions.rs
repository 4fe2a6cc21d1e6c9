//! Sessions as faces see them: which there are, what was said in them, and which one is gone on with.
//!
//! Must not know what a turn does.
//!
//! **Invariant:** what is read was stored before; a session is gone on with by its one worker.

use std::sync::PoisonError;

use proto::{MessageId, MessageWithParts, Session, SessionId, SessionTime};
use tokio::sync::oneshot;

use super::{Engine, store_error};
use crate::session::now;
use crate::worker::Command;
use crate::{EngineError, running, watch};

impl Engine {
    /// The session that a message without one goes to.
    #[must_use]
    pub fn current(&self) -> Option<SessionId> {
        self.0.chosen.lock().unwrap_or_else(PoisonError::into_inner).session.clone()
    }

    /// The next message begins a new session.
    pub fn new_session(&self) {
        self.0.chosen.lock().unwrap_or_else(PoisonError::into_inner).session = None;
    }

    /// Goes back to a session. Where it runs in another process, it is followed from here until it ends there.
    ///
    /// # Errors
    /// If there is none of that id.
    pub async fn open_session(&self, session: &SessionId) -> Result<Session, EngineError> {
        self.worker(Some(session.clone()), "").await?;
        if let Some(held) = running::holder(&self.0.shared.places.data, session) {
            watch::follow(&self.0.shared, &held);
        }
        self.find(session)?.ok_or_else(|| EngineError::UnknownSession(session.to_string()))
    }

    /// The project's sessions, the newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn sessions(&self) -> Result<Vec<Session>, EngineError> {
        self.0.shared.saver.store().map_err(EngineError::Store)?.sessions(Some(&self.directory()), 200).map_err(store_error)
    }

    /// A session of the project.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn session(&self, session: &SessionId) -> Result<Option<Session>, EngineError> {
        self.find(session)
    }

    /// All that was said in a session, what was summarised away included.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn messages(&self, session: &SessionId) -> Result<Vec<MessageWithParts>, EngineError> {
        self.0.shared.saver.flush().await.map_err(EngineError::Store)?;
        let (store, session) = (self.0.shared.saver.store().map_err(EngineError::Store)?, session.clone());
        let read = tokio::task::spawn_blocking(move || store.messages(&session)).await;
        read.map_err(|error| EngineError::Store(error.to_string()))?.map_err(store_error)
    }

    /// The project's sessions that hold all these words, the newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn search(&self, words: &[String]) -> Result<Vec<store::Hit>, EngineError> {
        self.0.shared.saver.store().map_err(EngineError::Store)?.search(Some(&self.directory()), words, 50).map_err(store_error)
    }

    /// Gives a session a title that stays.
    ///
    /// # Errors
    /// If there is none of that id.
    pub fn rename(&self, session: &SessionId, title: &str) -> Result<(), EngineError> {
        let renamed = self.0.shared.saver.store().map_err(EngineError::Store)?.rename(session, title).map_err(store_error)?;
        if renamed { Ok(()) } else { Err(EngineError::UnknownSession(session.to_string())) }
    }

    /// Waits for the title that is being written for a session, if one is. It is up to the caller for how long.
    pub async fn titled(&self, session: &SessionId) {
        let worker = self.0.workers.lock().unwrap_or_else(PoisonError::into_inner).get(session).cloned();
        let (waits, written) = oneshot::channel();
        if worker.is_some_and(|worker| worker.send(Command::Title(waits)).is_ok()) {
            // It is dropped in the end, and never sent.
            let _ = written.await;
        }
    }

    /// The project's newest session.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn last_session(&self) -> Result<Option<Session>, EngineError> {
        self.0.shared.saver.store().map_err(EngineError::Store)?.last_session(&self.directory()).map_err(store_error)
    }

    /// Makes a second session with the same history, without the message `until` and what follows it, and goes on in it.
    ///
    /// # Errors
    /// If there is no session to fork, or no such message in it.
    pub async fn fork(&self, session: Option<&SessionId>, until: Option<&MessageId>) -> Result<Session, EngineError> {
        let nothing = || EngineError::Nothing("There is no session to fork yet.".into());
        let id = session.cloned().or_else(|| self.current()).ok_or_else(nothing)?;
        self.0.shared.saver.flush().await.map_err(EngineError::Store)?;
        let old = self.find(&id)?.ok_or_else(|| EngineError::UnknownSession(id.to_string()))?;
        let time = SessionTime { created: now(), updated: now() };
        let new = Session { id: SessionId::new(), parent_id: None, time, ..old };
        let store = self.0.shared.saver.store().map_err(EngineError::Store)?;
        store.fork(&id, &new, until).map_err(store_error)?;
        self.worker(Some(new.id.clone()), "").await?;
        Ok(new)
    }

    /// Summarises a session now; the current one if none is named.
    ///
    /// # Errors
    /// If there is none, or no model.
    pub async fn compact(&self, session: Option<&SessionId>) -> Result<(), EngineError> {
        let nothing = || EngineError::Nothing("There is no session to summarise yet.".into());
        let id = session.cloned().or_else(|| self.current()).ok_or_else(nothing)?;
        let setup = self.setup(&self.settings(), None, None, None)?;
        let worker = self.worker(Some(id), "").await?;
        let (reply, answer) = oneshot::channel();
        let gone = || EngineError::Store("the session's worker has ended".into());
        worker.send(Command::Compact { setup, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
