//! How values stand in columns: JSON text, deflated where it is long.
//!
//! **Invariant:** text is read as it is, a blob is inflated; both give the JSON that was written.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// From here on it is worth the time: tool outputs are long, all else is short.
const LONG: usize = 8 * 1024;

/// deflate's quickest level: about 100 MB/s.
const LEVEL: u8 = 1;

/// A value as it stands in a column.
pub(crate) enum Column {
    Text(String),
    Deflated(Vec<u8>),
}

impl Column {
    pub(crate) fn of(value: &impl Serialize) -> Result<Self, StoreError> {
        Ok(Self::text(serde_json::to_string(value)?))
    }

    /// Of what is JSON already.
    pub(crate) fn text(text: String) -> Self {
        if text.len() < LONG { Self::Text(text) } else { Self::Deflated(deflate(text.as_bytes())) }
    }
}

impl ToSql for Column {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Deflated(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Reads a value. None, with a word in the log, for what this version cannot read: one strange row must not cost the session.
pub(crate) fn read<T: DeserializeOwned>(column: Value) -> Option<T> {
    let result = text(column).and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    result.inspect_err(|error| tracing::warn!(error, "a row of the session store cannot be read and is left out")).ok()
}

/// The JSON that a column holds.
pub(crate) fn text(column: Value) -> Result<String, String> {
    match column {
        Value::Text(text) => Ok(text),
        Value::Blob(bytes) => inflate(&bytes).and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string())),
        _ => Err("neither text nor blob".to_owned()),
    }
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(bytes, LEVEL)
}

pub(crate) fn inflate(bytes: &[u8]) -> Result<Vec<u8>, String> {
    miniz_oxide::inflate::decompress_to_vec(bytes).map_err(|error| error.to_string())
}
