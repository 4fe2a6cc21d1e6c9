//! `mcp-auth.json`: logins at servers, in OpenCode's format.
//!
//! Must not know how a login is had.
//!
//! **Invariant:** OpenCode's file is only read. A token never stands in `Debug`, an error or a log. Our own file is whole at any moment and readable by its
//! owner alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is known of a server's logins.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Entry {
    /// What opens the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// As what we are registered there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_info: Option<ClientInfo>,
    /// The server's address: for another one this does not count.
    pub server_url: String,
    /// Where tokens are renewed, and what for. Interline's own keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// A client's secret goes into the header when tokens are renewed, as when they were given.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret_in_header: bool,
}

/// What opens a server.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Tokens {
    pub access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// In seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// A client that was registered.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClientInfo {
    pub client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// In seconds since 1970; 0 is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_at: Option<f64>,
    /// Interline's own: the address that was registered to come back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("server_url", &self.server_url).finish_non_exhaustive()
    }
}

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file is there but is not understood.
    #[error("{0} is not a JSON object; mend or delete it first")]
    Unreadable(PathBuf),
    /// The file system refused.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a file knows of a server at this address.
pub(crate) fn get(file: &Path, name: &str, url: &str) -> Option<Entry> {
    let mut entries: Map<String, Value> = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    let entry: Entry = serde_json::from_value(entries.get_mut(name)?.take()).ok()?;
    (entry.server_url == url).then_some(entry)
}

/// The names that a file knows.
pub(crate) fn names(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str::<Map<String, Value>>(&text).map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
}

/// Keeps an entry; none removes it. Whether there was one.
pub(crate) fn set(file: &Path, name: &str, entry: Option<&Entry>) -> Result<bool, TokensError> {
    let failed = |source: io::Error| TokensError::Io { path: file.to_owned(), source };
    let mut entries: Map<String, Value> = match fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => Map::new(),
        Ok(text) => serde_json::from_str(&text).map_err(|_| TokensError::Unreadable(file.to_owned()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(failed(error)),
    };
    let before = entries.shift_remove(name).is_some();
    if let Some(entry) = entry {
        let value = serde_json::to_value(entry).map_err(|error| failed(error.into()))?;
        entries.insert(name.to_owned(), value);
    }
    let write = || {
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // It is made with mode 0600.
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut temporary, &entries)?;
        temporary.write_all(b"\n")?;
        temporary.as_file().sync_all()?;
        temporary.persist(file)?;
        Ok(())
    };
    write().map_err(failed)?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn opencodes_format_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/mcp-auth.json");
        let theirs =
            r#"{"a": {"tokens": {"accessToken": "SECRET", "expiresAt": 5}, "codeVerifier": "v", "serverUrl": "https://a/mcp"}, "b": 3}"#;
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, theirs).unwrap();
        let entry = get(&file, "a", "https://a/mcp").unwrap();
        assert_eq!(entry.tokens.as_ref().map(|tokens| (tokens.access_token.as_str(), tokens.expires_at)), Some(("SECRET", Some(5.0))));
        assert!(!format!("{entry:?}").contains("SECRET"));
        assert!(get(&file, "a", "https://evil/mcp").is_none() && get(&file, "b", "").is_none() && get(&file, "c", "").is_none());
        assert!(!set(&file, "c", Some(&entry)).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(set(&file, "c", None).unwrap());
        assert_eq!(names(&file), ["a", "b"]);
        fs::write(&file, "{oops").unwrap();
        assert!(set(&file, "c", None).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "{oops");
    }
}
