//! What the user has not reviewed yet: by document, the hunks and the text in which they stand.
//!
//! **Invariant:** every hash in `review` is in `content`.

use rusqlite::{OptionalExtension, params};

use crate::{Store, StoreError, json};

/// The hunks of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The text in which they stand.
    pub text: String,
    /// The hunks in JSON, as the one who wrote them spells them.
    pub hunks: String,
}

impl Store {
    /// Keeps the hunks of a document, by its URI; none: all are reviewed.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_review(&self, key: &str, review: Option<Review>) -> Result<(), StoreError> {
        let Some(review) = review else {
            self.write(|tx| Ok(tx.0.prepare_cached("DELETE FROM review WHERE key = ?1")?.execute([key])?))?;
            return Ok(());
        };
        let hunks = json::Column::text(review.hunks);
        self.write(|tx| {
            let hash = tx.put_content(review.text.as_bytes())?;
            tx.0.prepare_cached("INSERT OR REPLACE INTO review (key, hash, hunks) VALUES (?1, ?2, ?3)")?.execute(params![
                key,
                hash.as_slice(),
                hunks
            ])?;
            Ok(())
        })
    }

    /// The hunks of a document, by its URI.
    ///
    /// # Errors
    /// Those of the disk, and a content that is damaged.
    pub fn review(&self, key: &str) -> Result<Option<Review>, StoreError> {
        let connection = self.lock();
        let row: Option<(Vec<u8>, rusqlite::types::Value)> = connection
            .prepare_cached("SELECT data, hunks FROM review JOIN content USING (hash) WHERE key = ?1")?
            .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((data, hunks)) = row else { return Ok(None) };
        let bytes = json::inflate(&data).map_err(StoreError::Corrupt)?;
        let text = String::from_utf8(bytes).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let hunks = json::text(hunks).map_err(StoreError::Corrupt)?;
        Ok(Some(Review { text, hunks }))
    }

    /// The URIs of the documents with hunks to review, sorted.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn review_keys(&self) -> Result<Vec<String>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT key FROM review ORDER BY key")?;
        let keys = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(keys)
    }
}
