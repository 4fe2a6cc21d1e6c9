//! What waits for the user in any process, and what another process answered.
//!
//! **Invariant:** a reply is written once, and only to what waits; the one that asks takes the row away, and a row that was left behind allows nothing.

use proto::{PermissionReply, PermissionRequest, QuestionRequest, SessionId};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, Tx};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptRequest {
    /// Whether something may be done.
    Permission(PermissionRequest),
    /// What the model wants to know.
    Question(QuestionRequest),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptReply {
    /// Whether it may be done, and words to the model.
    Permission(PermissionReply, Option<String>),
    /// To each question the labels, or the user's own words; none refuse it.
    Question(Vec<Vec<String>>),
}

/// Something that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// Its id.
    pub id: String,
    /// The session that asks: perhaps a subagent's.
    pub session: SessionId,
    /// What it asks.
    pub request: PromptRequest,
}

impl Tx<'_> {
    /// Something waits.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn add_prompt(&self, prompt: &Prompt) -> Result<(), StoreError> {
        self.0.prepare_cached("INSERT OR REPLACE INTO prompt (id, session, request) VALUES (?1, ?2, ?3)")?.execute(params![
            prompt.id,
            prompt.session.0,
            serde_json::to_string(&prompt.request)?
        ])?;
        Ok(())
    }

    /// It does not wait any more.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_prompt(&self, id: &str) -> Result<(), StoreError> {
        self.0.prepare_cached("DELETE FROM prompt WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Nothing of a session waits, nor of those that it started: a process that asked was killed.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_prompts(&self, session: &SessionId) -> Result<(), StoreError> {
        self.0
            .prepare_cached(
                "WITH RECURSIVE family (id) AS (VALUES (?1) UNION SELECT session.id FROM session JOIN family ON session.parent = family.id)
                 DELETE FROM prompt WHERE session IN family",
            )?
            .execute([session.as_str()])?;
        Ok(())
    }
}

impl Store {
    /// What waits in a session or in those that it started, the oldest first; what was answered already is not in it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn prompts(&self, session: &SessionId) -> Result<Vec<Prompt>, StoreError> {
        let family = self.family(session)?;
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT id, session, request FROM prompt WHERE reply IS NULL ORDER BY n")?;
        let mut rows = statement.query([])?;
        let mut prompts = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, session, request): (String, SessionId, String) = (row.get(0)?, SessionId(row.get(1)?), row.get(2)?);
            if let (true, Ok(request)) = (family.contains(&session), serde_json::from_str(&request)) {
                prompts.push(Prompt { id, session, request });
            }
        }
        Ok(prompts)
    }

    /// Answers what waits. False if it does not, or was answered before.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn reply(&self, id: &str, reply: &PromptReply) -> Result<bool, StoreError> {
        let reply = serde_json::to_string(reply)?;
        let answered =
            self.lock().prepare_cached("UPDATE prompt SET reply = ?2 WHERE id = ?1 AND reply IS NULL")?.execute(params![id, reply])?;
        Ok(answered > 0)
    }

    /// What another process answered.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn reply_to(&self, id: &str) -> Result<Option<PromptReply>, StoreError> {
        let connection = self.lock();
        let reply: Option<Option<String>> =
            connection.prepare_cached("SELECT reply FROM prompt WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()?;
        // What cannot be read is no answer.
        Ok(reply.flatten().and_then(|reply| serde_json::from_str(&reply).ok()))
    }
}
