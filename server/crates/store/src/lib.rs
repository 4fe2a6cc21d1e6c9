//! Sessions, their messages, what they changed, and what the user allowed, in one SQLite file.
//!
//! Owns the schema and its migrations. Must not know who produces or shows what is stored, nor touch any other file.
//!
//! **Invariant:** what a write returned `Ok` for is there after the process is killed; several processes may use one file at once.

mod approvals;
mod changes;
mod error;
mod json;
mod messages;
mod prompts;
mod reviews;
mod schema;
mod search;
mod sessions;
mod spent;
mod upkeep;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};

pub use approvals::Approval;
pub use changes::{Blob, ChangeRecord, StoredChange, TurnInfo};
pub use error::StoreError;
pub use prompts::{Prompt, PromptReply, PromptRequest};
pub use reviews::Review;
pub use search::Hit;
pub use upkeep::CLEARED;

/// The store. Share it in an `Arc`; each call takes some 10 to 100 µs, so it may be called from async code.
#[derive(Debug)]
pub struct Store(Mutex<Connection>);

/// Several writes that are made together or not at all.
pub struct Tx<'a>(&'a Connection);

impl Store {
    /// Opens the file, or makes it with the folders that it needs.
    ///
    /// # Errors
    /// Where it cannot be made, is no store, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        }
        schema::open(path).map(|connection| Self(Mutex::new(connection)))
    }

    /// Makes several writes in one transaction; none of them if `work` fails.
    ///
    /// # Errors
    /// That of `work`, or of the transaction.
    pub fn write<T>(&self, work: impl FnOnce(&Tx) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = self.lock();
        // Immediate: a transaction that reads first and then wants to write could not wait for another process' writing.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&Tx(&transaction))?;
        transaction.commit()?;
        Ok(value)
    }

    /// Whether another process wrote since that was asked last, by a number that changes then.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn version(&self) -> Result<i64, StoreError> {
        Ok(self.lock().pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
