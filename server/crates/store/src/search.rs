//! Which sessions hold some words.
//!
//! **Invariant:** a session is found only if its title and what was said in it hold all the words, in any order and either case.

use proto::{Part, PartKind, Session, SessionId};
use rusqlite::params;
use rusqlite::types::Value;

use crate::{Store, StoreError, json, sessions};

/// How many characters are shown on either side of a word.
const AROUND: usize = 40;

/// A session that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The session.
    pub session: Session,
    /// Where the first of the words that stands in what was said stands there; empty where all are in the title.
    pub excerpt: String,
}

impl Store {
    /// The sessions of a directory, or of all, that hold all these words; the last used first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn search(&self, directory: Option<&str>, words: &[String], limit: usize) -> Result<Vec<Hit>, StoreError> {
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let sessions: Vec<Session> = {
            let connection = self.lock();
            let mut statement = connection.prepare_cached(
                "SELECT info, title FROM session WHERE (?1 IS NULL OR directory = ?1) AND parent IS NULL ORDER BY updated DESC, id",
            )?;
            let found = statement.query_map(params![directory], sessions::read)?.collect::<Result<Vec<_>, _>>()?;
            found.into_iter().flatten().collect()
        };
        let mut hits = Vec::new();
        for session in sessions {
            if hits.len() == limit {
                break;
            }
            hits.extend(self.look_into(session, &words)?);
        }
        Ok(hits)
    }

    fn look_into(&self, session: Session, words: &[String]) -> Result<Option<Hit>, StoreError> {
        let title = session.title.to_lowercase();
        let mut missing: Vec<&String> = words.iter().filter(|word| !title.contains(word.as_str())).collect();
        let mut excerpt = String::new();
        if !missing.is_empty() {
            self.each_text(&session.id, |text| {
                let lower = text.to_lowercase();
                missing.retain(|word| {
                    let Some(at) = lower.find(word.as_str()) else { return true };
                    if excerpt.is_empty() {
                        excerpt = around(&lower, text, at);
                    }
                    false
                });
                !missing.is_empty()
            })?;
        }
        Ok(missing.is_empty().then_some(Hit { session, excerpt }))
    }

    /// Gives each text of a session, for as long as `go_on` wants more. The lock is let go in between.
    fn each_text(&self, session: &SessionId, mut go_on: impl FnMut(&str) -> bool) -> Result<(), StoreError> {
        const AT_ONCE: usize = 500;
        let mut last = 0_i64;
        loop {
            let rows: Vec<(i64, Value)> = {
                let connection = self.lock();
                // A long value is deflated: what it is cannot be told from outside.
                let mut statement = connection.prepare_cached(
                    "SELECT n, info FROM part WHERE session = ?1 AND n > ?2 AND (typeof(info) = 'blob' OR instr(info, '\"type\":\"text\"') > 0)
                     ORDER BY n LIMIT ?3",
                )?;
                let found = statement.query_map(params![session.0, last, i64::try_from(AT_ONCE).unwrap_or(i64::MAX)], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
                found.collect::<Result<_, _>>()?
            };
            let Some((n, _)) = rows.last() else { return Ok(()) };
            last = *n;
            for (_, info) in rows {
                if let Some(Part { kind: PartKind::Text { text, synthetic: None, .. }, .. }) = json::read(info)
                    && !go_on(&text)
                {
                    return Ok(());
                }
            }
        }
    }
}

/// What stands around a place, in one line. `at` is a place in `lower`, whose letters may be of other lengths than those of `text`.
fn around(lower: &str, text: &str, at: usize) -> String {
    let before = lower[..at].chars().count();
    let words: String = text.chars().skip(before.saturating_sub(AROUND)).take(2 * AROUND).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
