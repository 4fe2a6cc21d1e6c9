//! Sessions and their to-do lists.
//!
//! **Invariant:** removing a session removes all that belongs to it, and no content that another one needs.

use proto::{MessageId, Session, SessionId, Todo};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row as Columns, params};

use crate::json;
use crate::messages::{self, Row};
use crate::{Store, StoreError, Tx};

impl Tx<'_> {
    /// Stores a session, new or changed.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        self.0
            .prepare_cached(
                "INSERT INTO session (id, directory, parent, updated, info) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET directory = ?2, parent = ?3, updated = ?4, info = ?5",
            )?
            .execute(params![
                session.id.0,
                session.directory,
                session.parent_id.as_ref().map(SessionId::as_str),
                session.time.updated,
                serde_json::to_string(session)?
            ])?;
        Ok(())
    }

    /// Stores a session's to-do list.
    ///
    /// # Errors
    /// Those of the disk, and an unknown session.
    pub fn put_todos(&self, session: &SessionId, todos: &[Todo]) -> Result<(), StoreError> {
        let changed = self
            .0
            .prepare_cached("UPDATE session SET todos = ?2 WHERE id = ?1")?
            .execute(params![session.0, serde_json::to_string(todos)?])?;
        if changed == 0 { Err(StoreError::UnknownSession(session.0.clone())) } else { Ok(()) }
    }
}

/// A session from the columns `info` and `title`: a title that the user gave counts over the one that it was begun with.
pub(crate) fn read(row: &Columns) -> rusqlite::Result<Option<Session>> {
    let (info, title): (Value, Option<String>) = (row.get(0)?, row.get(1)?);
    Ok(json::read(info).map(|session: Session| Session { title: title.unwrap_or(session.title.clone()), ..session }))
}

impl Store {
    /// Stores a session, new or changed.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        self.write(|tx| tx.put_session(session))
    }

    /// A session.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let connection = self.lock();
        let found =
            connection.prepare_cached("SELECT info, title FROM session WHERE id = ?1")?.query_row([id.as_str()], read).optional()?;
        Ok(found.flatten())
    }

    /// A directory's sessions, or all, among those that no other session started; the last used first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sessions(&self, directory: Option<&str>, limit: usize) -> Result<Vec<Session>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT info, title FROM session WHERE (?1 IS NULL OR directory = ?1) AND parent IS NULL ORDER BY updated DESC, id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![directory, i64::try_from(limit).unwrap_or(i64::MAX)], read)?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// A directory's session that was used last, among those that no other session started.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_session(&self, directory: &str) -> Result<Option<Session>, StoreError> {
        let connection = self.lock();
        let found = connection
            .prepare_cached("SELECT info, title FROM session WHERE directory = ?1 AND parent IS NULL ORDER BY updated DESC, id LIMIT 1")?
            .query_row([directory], read)
            .optional()?;
        Ok(found.flatten())
    }

    /// Gives a session a title that stays, whatever the processes that have it open store. False if there is no such session.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn rename(&self, session: &SessionId, title: &str) -> Result<bool, StoreError> {
        let renamed = self.lock().prepare_cached("UPDATE session SET title = ?2 WHERE id = ?1")?.execute([session.as_str(), title])?;
        Ok(renamed > 0)
    }

    /// The session with those that it started as subagents, and those of these.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn family(&self, session: &SessionId) -> Result<Vec<SessionId>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "WITH RECURSIVE family (id) AS (VALUES (?1) UNION SELECT session.id FROM session JOIN family ON session.parent = family.id)
             SELECT id FROM family",
        )?;
        let found = statement.query_map([session.as_str()], |row| Ok(SessionId(row.get(0)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Stores `new` with a copy of a session's messages, parts and to-do list; `until` and what follows it are left out. The copies have ids of their
    /// own, and name each other by those.
    ///
    /// # Errors
    /// Those of the disk, an unknown session, and a message that is none of its.
    pub fn fork(&self, session: &SessionId, new: &Session, until: Option<&MessageId>) -> Result<(), StoreError> {
        let mut rows = messages::rows(&self.lock(), session, 0)?;
        if let Some(until) = until {
            let at = rows.iter().position(|row| row.info.id() == until).ok_or_else(|| StoreError::UnknownMessage(until.0.clone()))?;
            rows.truncate(at);
        }
        let todos = self.todos(session)?;
        if self.session(session)?.is_none() {
            return Err(StoreError::UnknownSession(session.0.clone()));
        }
        self.write(|tx| {
            tx.put_session(new)?;
            tx.put_todos(&new.id, &todos)?;
            let mut names = std::collections::HashMap::new();
            for Row { mut info, seq, parts } in rows {
                let id = MessageId::new();
                names.insert(info.id().clone(), id.clone());
                match &mut info {
                    proto::Message::User(message) => {
                        message.id = id.clone();
                        message.session_id = new.id.clone();
                    }
                    proto::Message::Assistant(message) => {
                        message.id = id.clone();
                        message.session_id = new.id.clone();
                        if let Some(parent) = names.get(&message.parent_id) {
                            message.parent_id = parent.clone();
                        }
                    }
                }
                tx.put_message(&info, seq)?;
                for (mut part, seq, position) in parts {
                    part.id = proto::PartId::new();
                    part.session_id = new.id.clone();
                    part.message_id = id.clone();
                    if let proto::PartKind::Compaction { tail_start_id: Some(tail), .. } = &mut part.kind
                        && let Some(new) = names.get(tail)
                    {
                        *tail = new.clone();
                    }
                    tx.put_part(&part, seq, position)?;
                }
            }
            Ok(())
        })
    }

    /// Removes a session with all that belongs to it, those of its subagents included.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_session(&self, session: &SessionId) -> Result<(), StoreError> {
        let family = self.family(session)?;
        self.write(|tx| {
            for session in &family {
                tx.0.execute("DELETE FROM undone WHERE turn IN (SELECT turn FROM change WHERE session = ?1)", [session.as_str()])?;
                for table in ["part", "message", "removed", "change", "prompt"] {
                    tx.0.execute(&format!("DELETE FROM {table} WHERE session = ?1"), [session.as_str()])?;
                }
                tx.0.execute("DELETE FROM session WHERE id = ?1", [session.as_str()])?;
            }
            tx.drop_unused_contents()
        })
    }

    /// Stores a session's to-do list.
    ///
    /// # Errors
    /// Those of the disk, and an unknown session.
    pub fn put_todos(&self, session: &SessionId, todos: &[Todo]) -> Result<(), StoreError> {
        self.write(|tx| tx.put_todos(session, todos))
    }

    /// A session's to-do list; empty for one that has none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn todos(&self, session: &SessionId) -> Result<Vec<Todo>, StoreError> {
        let connection = self.lock();
        let row: Option<Value> = connection
            .prepare_cached("SELECT todos FROM session WHERE id = ?1")?
            .query_row([session.as_str()], |row| row.get(0))
            .optional()?;
        Ok(row.and_then(json::read).unwrap_or_default())
    }
}
