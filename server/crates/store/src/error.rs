//! Why the store failed, in words that say what to do.
//!
//! **Invariant:** no message holds what was to be stored.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no space left.
    #[error("the disk is full: the session could not be saved. Free some space; what was said stays in memory until then")]
    Full,
    /// Another process has been writing for too long.
    #[error("another process keeps the session store locked: the session could not be saved. Is another `interline` hanging?")]
    Locked,
    /// The file is damaged, or something else.
    #[error("the session store is damaged or no SQLite file ({0}). Move it away to begin a new one")]
    Corrupt(String),
    /// A newer Interline wrote it.
    #[error("the session store was written by a newer version of Interline (its schema is {found}, ours is {known}): update Interline")]
    Newer {
        /// The file's.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file or its folder cannot be made or opened.
    #[error("the session store {} cannot be opened: {source}", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The disk failed.
    #[error("the session store cannot be read or written ({0}): check the disk and the permissions of its folder")]
    Io(String),
    /// There is no such session.
    #[error("there is no session {0}")]
    UnknownSession(String),
    /// There is no such message in the session.
    #[error("there is no message {0} in this session; `interline export` shows them with their ids")]
    UnknownMessage(String),
    /// Another session has a message or part of that id.
    #[error("{0} is a part of another session that is there already")]
    Taken(String),
    /// Ours: a wrong statement or value.
    #[error("the session store failed: {0}")]
    Sql(String),
    /// A value that cannot be written as JSON.
    #[error("a value could not be stored: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(text),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::Io(text),
            _ => Self::Sql(text),
        }
    }
}
