//! What the turns changed, so that it can be undone after a restart: both contents of each document, stored once each and deflated.
//!
//! **Invariant:** every hash in `change` is in `content`.

use proto::{SessionId, TurnId};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, Tx, json};

/// What a document held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its bytes, without a byte order mark.
    pub bytes: Vec<u8>,
    /// Whether they are text.
    pub is_text: bool,
    /// Whether a byte order mark stood before the text.
    pub bom: bool,
    /// Permission bits, where they matter.
    pub mode: Option<u32>,
}

/// What came of a change of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRecord {
    /// The document's URI.
    pub key: String,
    /// What it held before; none if it did not exist.
    pub before: Option<Blob>,
    /// What it held afterwards; none if it was deleted.
    pub after: Option<Blob>,
    /// Which way the change went: `editor` or `disk`.
    pub route: String,
}

/// A change with the tool call that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChange {
    /// The call, as it was given to `add_changes`.
    pub call: String,
    /// What came of it.
    pub record: ChangeRecord,
}

/// A turn that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnInfo {
    /// The turn.
    pub turn: TurnId,
    /// Whether it was undone.
    pub undone: bool,
    /// The URIs of the documents that it changed, sorted.
    pub keys: Vec<String>,
}

/// What a `Blob` is beside its bytes.
#[derive(Serialize, Deserialize)]
struct Kind {
    text: bool,
    bom: bool,
    mode: Option<u32>,
}

impl Tx<'_> {
    /// Adds what a call of a turn changed, after what is there.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn add_changes(&self, session: &SessionId, turn: &TurnId, call: &str, records: &[ChangeRecord]) -> Result<(), StoreError> {
        for record in records {
            let (before_hash, before_kind) = self.put_blob(record.before.as_ref())?;
            let (after_hash, after_kind) = self.put_blob(record.after.as_ref())?;
            self.0
                .prepare_cached(
                    "INSERT INTO change (session, turn, call, key, route, before_hash, before_kind, after_hash, after_kind)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    session.0,
                    turn.0,
                    call,
                    record.key,
                    record.route,
                    before_hash.as_ref().map(blake3::Hash::as_slice),
                    before_kind,
                    after_hash.as_ref().map(blake3::Hash::as_slice),
                    after_kind
                ])?;
        }
        Ok(())
    }

    /// Removes what is stored for a call of a turn.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_changes(&self, turn: &TurnId, call: &str) -> Result<(), StoreError> {
        self.0.prepare_cached("DELETE FROM change WHERE turn = ?1 AND call = ?2")?.execute([turn.as_str(), call])?;
        Ok(())
    }

    /// Notes that a turn was undone, or redone.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn set_undone(&self, turn: &TurnId, undone: bool) -> Result<(), StoreError> {
        let sql = if undone { "INSERT OR IGNORE INTO undone (turn) VALUES (?1)" } else { "DELETE FROM undone WHERE turn = ?1" };
        self.0.prepare_cached(sql)?.execute([turn.as_str()])?;
        Ok(())
    }

    fn put_blob(&self, blob: Option<&Blob>) -> Result<(Option<blake3::Hash>, Option<String>), StoreError> {
        let Some(blob) = blob else { return Ok((None, None)) };
        let hash = self.put_content(&blob.bytes)?;
        let kind = Kind { text: blob.is_text, bom: blob.bom, mode: blob.mode };
        Ok((Some(hash), Some(serde_json::to_string(&kind)?)))
    }

    /// Stores a content, unless it is there.
    pub(crate) fn put_content(&self, bytes: &[u8]) -> Result<blake3::Hash, StoreError> {
        let hash = blake3::hash(bytes);
        let there = self.0.prepare_cached("SELECT 1 FROM content WHERE hash = ?1")?.exists([hash.as_slice()])?;
        if !there {
            self.0
                .prepare_cached("INSERT INTO content (hash, data) VALUES (?1, ?2)")?
                .execute(params![hash.as_slice(), json::deflate(bytes)])?;
        }
        Ok(hash)
    }

    /// Removes the contents that nothing names any more.
    pub(crate) fn drop_unused_contents(&self) -> Result<(), StoreError> {
        self.0.execute(
            "DELETE FROM content WHERE hash NOT IN (SELECT before_hash FROM change WHERE before_hash IS NOT NULL
                                                    UNION SELECT after_hash FROM change WHERE after_hash IS NOT NULL
                                                    UNION SELECT hash FROM review)",
            [],
        )?;
        Ok(())
    }
}

impl Store {
    /// Adds what a call of a turn changed, after what is there.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn add_changes(&self, session: &SessionId, turn: &TurnId, call: &str, records: &[ChangeRecord]) -> Result<(), StoreError> {
        self.write(|tx| tx.add_changes(session, turn, call, records))
    }

    /// Removes what is stored for a call of a turn.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_changes(&self, turn: &TurnId, call: &str) -> Result<(), StoreError> {
        self.write(|tx| tx.remove_changes(turn, call))
    }

    /// What a turn changed, in the order in which it was added.
    ///
    /// # Errors
    /// Those of the disk, and a content that is damaged.
    pub fn changes(&self, turn: &TurnId) -> Result<Vec<StoredChange>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT call, key, route, before_kind, b.data, after_kind, a.data FROM change
             LEFT JOIN content b ON b.hash = before_hash LEFT JOIN content a ON a.hash = after_hash WHERE turn = ?1 ORDER BY n",
        )?;
        let mut rows = statement.query([turn.as_str()])?;
        let mut changes = Vec::new();
        while let Some(row) = rows.next()? {
            let record = ChangeRecord { key: row.get(1)?, route: row.get(2)?, before: blob(row, 3)?, after: blob(row, 5)? };
            changes.push(StoredChange { call: row.get(0)?, record });
        }
        Ok(changes)
    }

    /// Notes that a turn was undone, or redone.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn set_undone(&self, turn: &TurnId, undone: bool) -> Result<(), StoreError> {
        self.write(|tx| tx.set_undone(turn, undone))
    }

    /// The turns of a session that changed something, the newest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn turns(&self, session: &SessionId) -> Result<Vec<TurnInfo>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT turn, EXISTS (SELECT 1 FROM undone u WHERE u.turn = c.turn), json_group_array(DISTINCT key) FROM change c
             WHERE session = ?1 GROUP BY turn ORDER BY min(n) DESC",
        )?;
        let mut rows = statement.query([session.as_str()])?;
        let mut turns = Vec::new();
        while let Some(row) = rows.next()? {
            let mut keys: Vec<String> = serde_json::from_str(&row.get::<_, String>(2)?)?;
            keys.sort();
            turns.push(TurnInfo { turn: proto::MessageId(row.get(0)?), undone: row.get(1)?, keys });
        }
        Ok(turns)
    }

    /// Whether a turn was undone.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn is_undone(&self, turn: &TurnId) -> Result<bool, StoreError> {
        let connection = self.lock();
        Ok(connection.prepare_cached("SELECT 1 FROM undone WHERE turn = ?1")?.query_row([turn.as_str()], |_| Ok(())).optional()?.is_some())
    }
}

/// The content of the columns `at` (kind) and `at + 1` (data).
fn blob(row: &Row, at: usize) -> Result<Option<Blob>, StoreError> {
    let Some(kind) = row.get::<_, Option<String>>(at)? else { return Ok(None) };
    let Kind { text, bom, mode } = serde_json::from_str(&kind)?;
    let data: Vec<u8> = row.get(at + 1)?;
    let bytes = json::inflate(&data).map_err(StoreError::Corrupt)?;
    Ok(Some(Blob { bytes, is_text: text, bom, mode }))
}
