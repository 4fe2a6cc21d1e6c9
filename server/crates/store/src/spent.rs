//! What all sessions spent, by day.
//!
//! **Invariant:** a day's sum only grows: what was spent stays spent when its session is removed.

use rusqlite::{OptionalExtension, params};

use crate::{Store, StoreError, Tx};

impl Tx<'_> {
    /// Adds US dollars to a day's sum. `day` is a date, such as `2026-01-31`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn add_spent(&self, day: &str, dollars: f64) -> Result<(), StoreError> {
        self.0
            .prepare_cached("INSERT INTO spent (day, dollars) VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET dollars = dollars + ?2")?
            .execute(params![day, dollars])?;
        Ok(())
    }
}

impl Store {
    /// What was spent on a day by all sessions of all processes, in US dollars.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn spent(&self, day: &str) -> Result<f64, StoreError> {
        let connection = self.lock();
        let sum: Option<f64> =
            connection.prepare_cached("SELECT dollars FROM spent WHERE day = ?1")?.query_row([day], |row| row.get(0)).optional()?;
        Ok(sum.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_summed_apart_and_by_several_processes() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(&dir.path().join("db")).unwrap();
        let (one, other) = (open(), open());
        assert_eq!(one.spent("2026-01-31").unwrap(), 0.0);
        one.write(|tx| tx.add_spent("2026-01-31", 0.5)).unwrap();
        other.write(|tx| tx.add_spent("2026-01-31", 0.25)).unwrap();
        other.write(|tx| tx.add_spent("2026-02-01", 3.0)).unwrap();
        assert_eq!((one.spent("2026-01-31").unwrap(), one.spent("2026-02-01").unwrap()), (0.75, 3.0));
    }
}
