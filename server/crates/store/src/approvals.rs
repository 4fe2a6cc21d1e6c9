//! What the user allowed for good, by project.
//!
//! **Invariant:** an approval holds in the directory that it was given in, nowhere else.

use rusqlite::params;

use crate::{Store, StoreError, Tx};

/// Something that the user always allows in a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The permission's name: `edit`, `bash`, …
    pub permission: String,
    /// What it allows.
    pub pattern: String,
    /// When it was given, in milliseconds since 1970.
    pub time: i64,
}

impl Tx<'_> {
    /// Adds an approval; one that is there stays as it is.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn add_approval(&self, directory: &str, approval: &Approval) -> Result<(), StoreError> {
        self.0
            .prepare_cached("INSERT OR IGNORE INTO approval (directory, permission, pattern, time) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![directory, approval.permission, approval.pattern, approval.time])?;
        Ok(())
    }
}

impl Store {
    /// Adds an approval; one that is there stays as it is.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn add_approval(&self, directory: &str, approval: &Approval) -> Result<(), StoreError> {
        self.write(|tx| tx.add_approval(directory, approval))
    }

    /// A directory's approvals, the oldest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn approvals(&self, directory: &str) -> Result<Vec<Approval>, StoreError> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT permission, pattern, time FROM approval WHERE directory = ?1 ORDER BY time, permission, pattern")?;
        let rows =
            statement.query_map([directory], |row| Ok(Approval { permission: row.get(0)?, pattern: row.get(1)?, time: row.get(2)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes an approval back. Returns whether it was there.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_approval(&self, directory: &str, permission: &str, pattern: &str) -> Result<bool, StoreError> {
        let removed = self
            .lock()
            .prepare_cached("DELETE FROM approval WHERE directory = ?1 AND permission = ?2 AND pattern = ?3")?
            .execute([directory, permission, pattern])?;
        Ok(removed > 0)
    }
}
