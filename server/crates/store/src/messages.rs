//! Messages and their parts, each with the number of the event that told of it last, so that a face that joins late can be told all again.
//!
//! **Invariant:** messages stand in the order in which they were first stored, parts in that of their positions.

use std::collections::HashMap;

use proto::{Event, Message, MessageId, MessageWithParts, NumberedEvent, Part, SessionId};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::json::{self, Column};
use crate::{Store, StoreError, Tx};

/// A message as it is stored: with the event number, and the parts with theirs and their positions.
pub(crate) struct Row {
    pub info: Message,
    pub seq: u64,
    pub parts: Vec<(Part, u64, u32)>,
}

/// All messages of a session.
pub(crate) fn rows(connection: &Connection, session: &SessionId) -> Result<Vec<Row>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT message, info, seq, position FROM part WHERE session = ?1 ORDER BY position, n")?;
    let mut parts: HashMap<String, Vec<(Part, u64, u32)>> = HashMap::new();
    let mut found = statement.query([session.as_str()])?;
    while let Some(row) = found.next()? {
        if let Some(part) = json::read(row.get(1)?) {
            parts.entry(row.get(0)?).or_default().push((part, unsigned(row.get(2)?), row.get(3)?));
        }
    }
    let mut statement = connection.prepare_cached("SELECT id, info, seq FROM message WHERE session = ?1 ORDER BY n")?;
    let mut found = statement.query([session.as_str()])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        if let Some(info) = json::read(row.get(1)?) {
            let parts = parts.remove(row.get_ref(0)?.as_str().unwrap_or_default()).unwrap_or_default();
            rows.push(Row { info, seq: unsigned(row.get(2)?), parts });
        }
    }
    Ok(rows)
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
        self.0
            .prepare_cached(
                "INSERT INTO message (id, session, seq, info) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET seq = ?3, info = ?4",
            )?
            .execute(params![message.id().0, message.session_id().0, signed(seq), Column::of(message)?])?;
        Ok(())
    }

    /// Stores a part, new or changed, at its position in its message.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_part(&self, part: &Part, seq: u64, position: u32) -> Result<(), StoreError> {
        self.0
            .prepare_cached(
                "INSERT INTO part (id, session, message, position, seq, info) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET position = ?4, seq = ?5, info = ?6",
            )?
            .execute(params![part.id.0, part.session_id.0, part.message_id.0, position, signed(seq), Column::of(part)?])?;
        Ok(())
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
        let rows = rows(&self.lock(), session)?;
        Ok(rows
            .into_iter()
            .map(|row| MessageWithParts { info: row.info, parts: row.parts.into_iter().map(|(part, ..)| part).collect() })
            .collect())
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
            events.extend(event.map(|event| NumberedEvent { seq: unsigned(row.get(0).unwrap_or(0)), event }));
        }
        Ok(events)
    }
}
