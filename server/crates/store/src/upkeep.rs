//! What keeps the file small: outputs that no model is told any more are cleared, and free pages are given back.
//!
//! **Invariant:** what was said, which calls were made, and what they changed stays; only the long outputs of calls that were summarised away go.

use proto::{Part, PartKind, SessionId, ToolState};
use rusqlite::params;
use rusqlite::types::Value;

use crate::json::{self, Column};
use crate::{Store, StoreError, Tx, messages};

/// What stands in the place of an output.
pub const CLEARED: &str = "(The output was cleared when the conversation was summarised.)";
/// Outputs up to this length stay, in bytes.
const SHORT: usize = 1000;
/// Most pages that are given back at once: a few milliseconds.
const PAGES: i64 = 500;

impl Tx<'_> {
    /// Clears the outputs of calls that the last summary took out of what a model is told. Those before the summary before it were cleared by that one.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn clear_outputs(&self, session: &SessionId) -> Result<(), StoreError> {
        let until = messages::still_told(self.0, session)?;
        let from: i64 = self
            .0
            .prepare_cached("SELECT n FROM message WHERE session = ?1 AND summary = 1 AND n < ?2 ORDER BY n DESC LIMIT 1 OFFSET 1")?
            .query_row(params![session.0, until], |row| row.get(0))
            .unwrap_or(0);
        let mut statement = self.0.prepare_cached(
            "SELECT p.n, p.info FROM message m CROSS JOIN part p ON p.message = m.id
             WHERE m.session = ?1 AND m.n >= ?2 AND m.n < ?3 AND (typeof(p.info) = 'blob' OR instr(p.info, '\"type\":\"tool\"') > 0)",
        )?;
        let rows = statement.query_map(params![session.0, from, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (n, info) in rows.collect::<Result<Vec<(i64, Value)>, _>>()? {
            if let Some(part) = json::read(info).and_then(cleared) {
                self.0.prepare_cached("UPDATE part SET info = ?2 WHERE n = ?1")?.execute(params![n, Column::of(&part)?])?;
            }
        }
        Ok(())
    }
}

/// The part without its output; none if it stays as it is.
fn cleared(mut part: Part) -> Option<Part> {
    let PartKind::Tool { tool, state: ToolState::Completed { output, metadata, time, .. }, .. } = &mut part.kind else { return None };
    let shown = metadata["output"].as_str().map_or(0, str::len);
    let pictures = metadata.as_object_mut().and_then(|all| all.remove("attachments")).is_some();
    if tool == "skill" || (output.len().max(shown) <= SHORT && !pictures) {
        return None;
    }
    CLEARED.clone_into(output);
    if shown > SHORT {
        metadata["output"] = CLEARED.into();
    }
    time.compacted.get_or_insert(time.end);
    Some(part)
}

impl Store {
    /// How large the file is, in bytes.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn size(&self) -> Result<u64, StoreError> {
        let connection = self.lock();
        let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok(u64::try_from(number("page_count")?.saturating_mul(number("page_size")?)).unwrap_or(0))
    }

    /// Gives some free pages back to the disk. True if there may be more.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn shrink(&self) -> Result<bool, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        // It takes a page a row.
        let mut rows = statement.query([])?;
        let mut pages = 0;
        while rows.next()?.is_some() {
            pages += 1;
        }
        Ok(pages >= PAGES)
    }

    /// Gives all free pages back, by writing the whole file anew where it was made before that could be done bit by bit.
    ///
    /// # Errors
    /// Those of the disk; it needs as much free space as the file is large.
    pub fn shrink_all(&self) -> Result<(), StoreError> {
        let bit_by_bit: i64 = self.lock().pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
        if bit_by_bit == 0 {
            let connection = self.lock();
            connection.pragma_update(None, "auto_vacuum", "incremental")?;
            connection.execute_batch("VACUUM")?;
        }
        while self.shrink()? {}
        // The log holds what the file was before: it is folded in, where nobody else reads.
        self.lock().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}
