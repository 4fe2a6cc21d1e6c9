//! The tables, their migrations, and how the file is opened.
//!
//! **Invariant:** a migration that was released is never changed: another one follows it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// How long another process may keep the file locked. A write takes well below a millisecond; only a sleeping laptop comes near.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many statements stay prepared: there are fewer.
const STATEMENTS: usize = 64;

/// One entry a version; `user_version` counts those that were applied.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE session (
        id TEXT PRIMARY KEY, directory TEXT NOT NULL, parent TEXT, updated INTEGER NOT NULL, info TEXT NOT NULL, todos TEXT NOT NULL DEFAULT '[]'
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX session_of_directory ON session (directory, updated);

    CREATE TABLE message (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL, seq INTEGER NOT NULL, info ANY NOT NULL
    ) STRICT;
    CREATE INDEX message_of_session ON message (session, seq);

    CREATE TABLE part (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL, message TEXT NOT NULL, position INTEGER NOT NULL,
        seq INTEGER NOT NULL, info ANY NOT NULL
    ) STRICT;
    CREATE INDEX part_of_session ON part (session, seq);
    CREATE INDEX part_of_message ON part (message);

    CREATE TABLE removed (session TEXT NOT NULL, seq INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY (session, seq)) STRICT, WITHOUT ROWID;

    CREATE TABLE content (hash BLOB PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE change (
        n INTEGER PRIMARY KEY, session TEXT NOT NULL, turn TEXT NOT NULL, call TEXT NOT NULL, key TEXT NOT NULL, route TEXT NOT NULL,
        before_hash BLOB, before_kind TEXT, after_hash BLOB, after_kind TEXT
    ) STRICT;
    CREATE INDEX change_of_turn ON change (turn);
    CREATE INDEX change_of_session ON change (session);
    CREATE TABLE undone (turn TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

    CREATE TABLE approval (
        directory TEXT NOT NULL, permission TEXT NOT NULL, pattern TEXT NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (directory, permission, pattern)
    ) STRICT, WITHOUT ROWID;
", "
    CREATE TABLE review (key TEXT PRIMARY KEY, hash BLOB NOT NULL, hunks ANY NOT NULL) STRICT, WITHOUT ROWID;
", "
    CREATE TABLE spent (day TEXT PRIMARY KEY, dollars REAL NOT NULL) STRICT, WITHOUT ROWID;
", "
    ALTER TABLE session ADD COLUMN title TEXT;

    ALTER TABLE message ADD COLUMN summary INTEGER NOT NULL DEFAULT 0;
    UPDATE message SET summary = 1 WHERE typeof(info) = 'text' AND instr(info, '\"summary\":true') > 0;
    CREATE INDEX message_in_order ON message (session, n);
    CREATE INDEX summary_of_session ON message (session, n) WHERE summary = 1;

    CREATE TABLE prompt (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL, request TEXT NOT NULL, reply TEXT
    ) STRICT;
    CREATE INDEX prompt_of_session ON prompt (session);
"];

/// Opens the file and brings its tables up to date.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // Pages that are given up can be given back to the disk. Counts only before there is any table.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // The switch to WAL does not wait as all else does: two processes may make the file at the same time.
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "wal").map_err(StoreError::from) {
            Err(StoreError::Locked) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(2)),
            result => break result?,
        }
    }
    // In WAL a killed process loses nothing by this; a power cut may take the last writes, but not the file.
    connection.pragma_update(None, "synchronous", "normal")?;
    // Pages of 4 kB: the log is folded into the file at 1 MiB, and does not stay larger.
    connection.pragma_update(None, "wal_autocheckpoint", 256)?;
    connection.pragma_update(None, "journal_size_limit", 1 << 20)?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len();
    if version(connection)? == i64::try_from(known).unwrap_or(i64::MAX) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again: another process may have been quicker.
    let found = version(&transaction)?;
    let missing = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found..));
    let missing = missing.ok_or(StoreError::Newer { found, known: i64::try_from(known).unwrap_or(i64::MAX) })?;
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", i64::try_from(known).unwrap_or(i64::MAX))?;
    Ok(transaction.commit()?)
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}
