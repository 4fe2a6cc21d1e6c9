//! Messages and their parts, each with the number of the event that told of it last, so that a face that joins late can be told all again.
//!
//! **Invariant:** messages stand in the order in which they were first stored, parts in that of their positions.

use std::collections::HashMap;

use proto::{Event, Message, MessageId, MessageWithParts, NumberedEvent, Part, PartKind, SessionId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use crate::json::{self, Column};
use crate::{Store, StoreError, Tx};

/// A message as it is stored: with the event number, and the parts with theirs and their positions.
pub(crate) struct Row {
    pub info: Message,
    pub seq: u64,
    pub parts: Vec<(Part, u64, u32)>,
}

impl Row {
    fn into_message(self) -> MessageWithParts {
        MessageWithParts { info: self.info, parts: self.parts.into_iter().map(|(part, ..)| part).collect() }
    }
}

/// A session's messages from that number on; all from 0 on.
pub(crate) fn rows(connection: &Connection, session: &SessionId, from: i64) -> Result<Vec<Row>, StoreError> {
    let sql = if from == 0 {
        "SELECT message, info, seq, position FROM part WHERE session = ?1 AND ?2 = 0 ORDER BY position, n"
    } else {
        "SELECT p.message, p.info, p.seq, p.position FROM message m CROSS JOIN part p ON p.message = m.id
         WHERE m.session = ?1 AND m.n >= ?2 ORDER BY p.position, p.n"
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut parts: HashMap<String, Vec<(Part, u64, u32)>> = HashMap::new();
    let mut found = statement.query(params![session.0, from])?;
    while let Some(row) = found.next()? {
        if let Some(part) = json::read(row.get(1)?) {
            parts.entry(row.get(0)?).or_default().push((part, unsigned(row.get(2)?), row.get(3)?));
        }
    }
    let mut statement = connection.prepare_cached("SELECT id, info, seq FROM message WHERE session = ?1 AND n >= ?2 ORDER BY n")?;
    let mut found = statement.query(params![session.0, from])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        if let Some(info) = json::read(row.get(1)?) {
            let parts = parts.remove(row.get_ref(0)?.as_str().unwrap_or_default()).unwrap_or_default();
            rows.push(Row { info, seq: unsigned(row.get(2)?), parts });
        }
    }
    Ok(rows)
}

/// Whether it is a summary, finished or not.
fn is_summary(message: &Message) -> bool {
    matches!(message, Message::Assistant(info) if info.summary == Some(true))
}

/// The number of the first message that is still sent to a model: of what the last summary left as it was said, or of that summary; 0 where there is none.
pub(crate) fn still_told(connection: &Connection, session: &SessionId) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT n, id, info FROM message WHERE session = ?1 AND summary = 1 ORDER BY n DESC")?;
    let mut found = statement.query([session.as_str()])?;
    while let Some(row) = found.next()? {
        // One that a killed process left unfinished does not count.
        let whole = |info: &Message| matches!(info, Message::Assistant(info) if info.error.is_none() && info.time.completed.is_some());
        if !json::read(row.get(2)?).is_some_and(|info| whole(&info)) {
            continue;
        }
        let (n, id): (i64, String) = (row.get(0)?, row.get(1)?);
        let mut parts = connection.prepare_cached("SELECT info FROM part WHERE message = ?1")?;
        let parts = parts.query_map([id], |row| row.get(0))?.collect::<Result<Vec<Value>, _>>()?;
        let tail = parts.into_iter().filter_map(json::read::<Part>).find_map(|part| match part.kind {
            PartKind::Compaction { tail_start_id, .. } => tail_start_id,
            _ => None,
        });
        let Some(tail) = tail else { return Ok(n) };
        let at: Option<i64> =
            connection.prepare_cached("SELECT n FROM message WHERE id = ?1")?.query_row([tail.as_str()], |row| row.get(0)).optional()?;
        return Ok(at.unwrap_or(n).min(n));
    }
    Ok(0)
}

/// SQLite's numbers have a sign; ours were none below zero when they were stored.
fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Tx<'_> {
    /// Stores a message, new or changed. `seq` is the number of the event that tells of it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_message(&self, message: &Message, seq: u64) -> Result<(), StoreError> {
        let rows = self
            .0
            .prepare_cached(
                "INSERT INTO message (id, session, seq, info, summary) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET seq = ?3, info = ?4, summary = ?5 WHERE session = ?2",
            )?
            .execute(params![message.id().0, message.session_id().0, signed(seq), Column::of(message)?, is_summary(message)])?;
        if rows == 0 { Err(StoreError::Taken(message.id().0.clone())) } else { Ok(()) }
    }

    /// Stores a part, new or changed, at its position in its message.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_part(&self, part: &Part, seq: u64, position: u32) -> Result<(), StoreError> {
        let rows = self
            .0
            .prepare_cached(
                "INSERT INTO part (id, session, message, position, seq, info) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET position = ?4, seq = ?5, info = ?6 WHERE session = ?2 AND message = ?3",
            )?
            .execute(params![part.id.0, part.session_id.0, part.message_id.0, position, signed(seq), Column::of(part)?])?;
        if rows == 0 { Err(StoreError::Taken(part.id.0.clone())) } else { Ok(()) }
    }

    /// Removes a message with its parts. `seq` is the number of the event that tells of it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_message(&self, session: &SessionId, message: &MessageId, seq: u64) -> Result<(), StoreError> {
        self.0.prepare_cached("DELETE FROM part WHERE message = ?1")?.execute([message.as_str()])?;
        self.0.prepare_cached("DELETE FROM message WHERE id = ?1")?.execute([message.as_str()])?;
        self.0.prepare_cached("INSERT OR REPLACE INTO removed (session, seq, message) VALUES (?1, ?2, ?3)")?.execute(params![
            session.0,
            signed(seq),
            message.0
        ])?;
        Ok(())
    }
}

impl Store {
    /// Stores a message, new or changed. `seq` is the number of the event that tells of it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_message(&self, message: &Message, seq: u64) -> Result<(), StoreError> {
        self.write(|tx| tx.put_message(message, seq))
    }

    /// Stores a part, new or changed, at its position in its message.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_part(&self, part: &Part, seq: u64, position: u32) -> Result<(), StoreError> {
        self.write(|tx| tx.put_part(part, seq, position))
    }

    /// Removes a message with its parts. `seq` is the number of the event that tells of it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_message(&self, session: &SessionId, message: &MessageId, seq: u64) -> Result<(), StoreError> {
        self.write(|tx| tx.remove_message(session, message, seq))
    }

    /// All messages of a session with their parts, the oldest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn messages(&self, session: &SessionId) -> Result<Vec<MessageWithParts>, StoreError> {
        Ok(rows(&self.lock(), session, 0)?.into_iter().map(Row::into_message).collect())
    }

    /// The messages that a model is still told: the last summary, what it left as it was said, and what came after. Takes as long as these are many,
    /// however long the session is.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn recent_messages(&self, session: &SessionId) -> Result<Vec<MessageWithParts>, StoreError> {
        let connection = self.lock();
        let from = still_told(&connection, session)?;
        Ok(rows(&connection, session, from)?.into_iter().map(Row::into_message).collect())
    }

    /// The number that a session's next event gets: one more than the last that was stored.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn next_seq(&self, session: &SessionId) -> Result<u64, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT max(coalesce((SELECT max(seq) FROM message WHERE session = ?1), 0), coalesce((SELECT max(seq) FROM part WHERE session = ?1), 0),
                        coalesce((SELECT max(seq) FROM removed WHERE session = ?1), 0))",
        )?;
        Ok(unsigned(statement.query_row([session.as_str()], |row| row.get(0))?) + 1)
    }

    /// What was stored after the event of that number, as events in their order. What changed several times is told once, as it is now.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn since(&self, session: &SessionId, seq: u64) -> Result<Vec<NumberedEvent>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT seq, 0, info FROM message WHERE session = ?1 AND seq > ?2
             UNION ALL SELECT seq, 1, info FROM part WHERE session = ?1 AND seq > ?2
             UNION ALL SELECT seq, 2, message FROM removed WHERE session = ?1 AND seq > ?2
             ORDER BY 1, 2",
        )?;
        let mut rows = statement.query(params![session.0, signed(seq)])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            let info: Value = row.get(2)?;
            let event = match (row.get::<_, i64>(1)?, info) {
                (0, info) => json::read(info).map(|info| Event::MessageUpdated { info }),
                (1, info) => json::read(info).map(|part| Event::PartUpdated { part }),
                (_, Value::Text(id)) => Some(Event::MessageRemoved { session_id: session.clone(), message_id: MessageId(id) }),
                _ => None,
            };
            events.extend(event.map(|event| NumberedEvent { seq: unsigned(row.get(0).unwrap_or(0)), event, relayed: false }));
        }
        Ok(events)
    }
}
