//! `auth.json`: the keys that the user has given.
//!
//! Owns its format, which is OpenCode's, and Interline's own file. Must not know what a key opens.
//!
//! **Invariant:** OpenCode's file is only read. A key never stands in `Debug`, an error or a log. Interline's file is whole at any moment and
//! readable by its owner alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Dirs, Env};

/// What is known for a provider.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Credential {
    /// A key.
    Api {
        /// The key.
        key: String,
        /// The provider's own, such as an account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metadata: Option<Map<String, Value>>,
    },
    /// Tokens of a login.
    Oauth {
        /// Gives a new access token.
        refresh: String,
        /// The access token.
        access: String,
        /// When it ends, in milliseconds since 1970.
        expires: u64,
        /// Anything else: `accountId`, `enterpriseUrl`.
        #[serde(flatten)]
        other: Map<String, Value>,
    },
    /// A host that gives configuration.
    WellKnown {
        /// The name of the variable that it fills.
        key: String,
        /// That variable's value.
        token: String,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl Credential {
    /// `api`, `oauth` or `wellknown`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Api { .. } => "api",
            Self::Oauth { .. } => "oauth",
            Self::WellKnown { .. } => "wellknown",
        }
    }
}

/// All that is known, Interline's entries over OpenCode's.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    entries: IndexMap<String, (Credential, PathBuf)>,
}

impl Auth {
    /// Reads `OPENCODE_AUTH_CONTENT` (or `INTERLINE_AUTH_CONTENT`), or OpenCode's `auth.json` and then Interline's. Whatever cannot be read is left out.
    #[must_use]
    pub fn load(env: &Env, dirs: &Dirs) -> Self {
        let mut auth = Self::default();
        if let Some((variable, content)) = env.ours("AUTH_CONTENT") {
            auth.add(content, Path::new(&variable));
            return auth;
        }
        for file in [dirs.opencode_data.join("auth.json"), own_file(dirs)] {
            if let Ok(text) = fs::read_to_string(&file) {
                auth.add(&text, &file);
            }
        }
        auth
    }

    fn add(&mut self, text: &str, source: &Path) {
        let Ok(entries) = serde_json::from_str::<Map<String, Value>>(text) else { return };
        for (provider, value) in entries {
            if let Ok(credential) = serde_json::from_value(value) {
                self.entries.insert(provider.trim_end_matches('/').to_owned(), (credential, source.to_path_buf()));
            }
        }
    }

    /// The key to send for `provider`: its API key, or the access token of a login.
    #[must_use]
    pub fn key_for(&self, provider: &str) -> Option<&str> {
        match self.get(provider)? {
            Credential::Api { key, .. } => Some(key.as_str()),
            Credential::Oauth { access, .. } => Some(access.as_str()),
            Credential::WellKnown { .. } => None,
        }
        .filter(|key| !key.is_empty())
    }

    /// Addresses of organisations' configurations, each with the file that names it.
    pub fn well_known(&self) -> impl Iterator<Item = (&str, &Path)> {
        let known = self.entries.iter().filter(|(_, (credential, _))| matches!(credential, Credential::WellKnown { .. }));
        known.map(|(address, (_, source))| (address.as_str(), source.as_path()))
    }

    /// What is known for `provider`.
    #[must_use]
    pub fn get(&self, provider: &str) -> Option<&Credential> {
        self.entries.get(provider).map(|(credential, _)| credential)
    }

    /// The file (or variable) that names `provider`.
    #[must_use]
    pub fn source(&self, provider: &str) -> Option<&Path> {
        self.entries.get(provider).map(|(_, source)| source.as_path())
    }

    /// Every provider with an entry, in the files' order.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}

/// Why `auth.json` was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
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

/// Keeps `credential` for `provider` in Interline's own file.
///
/// # Errors
/// If the file cannot be read as JSON or cannot be written; it is then as it was.
pub fn set_credential(dirs: &Dirs, provider: &str, credential: &Credential) -> Result<PathBuf, AuthError> {
    let file = own_file(dirs);
    let mut entries = read_own(&file)?;
    let value = serde_json::to_value(credential).map_err(|error| AuthError::Io { path: file.clone(), source: error.into() })?;
    entries.insert(provider.to_owned(), value);
    write_own(&file, &entries)?;
    Ok(file)
}

/// Removes `provider` from Interline's own file; whether it was there.
///
/// # Errors
/// If the file cannot be read as JSON or cannot be written; it is then as it was.
pub fn remove_credential(dirs: &Dirs, provider: &str) -> Result<bool, AuthError> {
    let file = own_file(dirs);
    let mut entries = read_own(&file)?;
    let there = entries.shift_remove(provider).is_some();
    if there {
        write_own(&file, &entries)?;
    }
    Ok(there)
}

fn own_file(dirs: &Dirs) -> PathBuf {
    dirs.data.join("auth.json")
}

fn read_own(file: &Path) -> Result<Map<String, Value>, AuthError> {
    match fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => Ok(Map::new()),
        Ok(text) => serde_json::from_str(&text).map_err(|_| AuthError::Unreadable(file.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Map::new()),
        Err(source) => Err(AuthError::Io { path: file.to_path_buf(), source }),
    }
}

/// By a temporary file, which is created with mode 0600.
fn write_own(file: &Path, entries: &Map<String, Value>) -> Result<(), AuthError> {
    let write = || {
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut temporary, entries)?;
        temporary.write_all(b"\n")?;
        temporary.as_file().sync_all()?;
        temporary.persist(file)?;
        Ok(())
    };
    write().map_err(|source| AuthError::Io { path: file.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(home: &Path) -> Dirs {
        Dirs::from_env(&Env::from_pairs([("HOME", home.display().to_string())]))
    }

    #[test]
    fn opencode_is_read_and_ours_counts_over_it() {
        let home = tempfile::tempdir().unwrap();
        let dirs = dirs(home.path());
        fs::create_dir_all(&dirs.opencode_data).unwrap();
        let theirs = r#"{"a": {"type": "api", "key": "key-a"}, "b": {"type": "api", "key": "old"}, "bad": {"type": "api"}, "url/": {"type": "wellknown", "key": "K", "token": "t"},
            "o": {"type": "oauth", "refresh": "r", "access": "acc", "expires": 5, "accountId": "x"}}"#;
        fs::write(dirs.opencode_data.join("auth.json"), theirs).unwrap();
        let file = set_credential(&dirs, "b", &Credential::Api { key: "new".into(), metadata: None }).unwrap();
        let auth = Auth::load(&Env::default(), &dirs);
        assert_eq!(["a", "b", "bad", "url", "o"].map(|name| auth.key_for(name)), [Some("key-a"), Some("new"), None, None, Some("acc")]);
        assert_eq!(auth.source("b"), Some(file.as_path()));
        assert!(!format!("{auth:?}").contains("key-a"), "no key in Debug");
        assert!(remove_credential(&dirs, "b").unwrap());
        assert!(!remove_credential(&dirs, "a").unwrap(), "OpenCode's own entries are not ours to remove");
        assert_eq!(Auth::load(&Env::default(), &dirs).key_for("b"), Some("old"));
        assert_eq!(fs::read_to_string(dirs.opencode_data.join("auth.json")).unwrap(), theirs);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(), 0o600);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
            set_credential(&dirs, "c", &Credential::Api { key: "new".into(), metadata: None }).unwrap();
            assert_eq!(mode(), 0o600, "whatever it was before");
        }
    }

    #[test]
    fn a_broken_file_is_not_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let dirs = dirs(home.path());
        fs::create_dir_all(&dirs.data).unwrap();
        fs::write(own_file(&dirs), "{oops").unwrap();
        let error = set_credential(&dirs, "b", &Credential::Api { key: "SECRET".into(), metadata: None }).unwrap_err();
        assert!(!error.to_string().contains("SECRET"));
        assert_eq!(fs::read_to_string(own_file(&dirs)).unwrap(), "{oops");
    }

    #[test]
    fn the_variable_replaces_the_files() {
        let home = tempfile::tempdir().unwrap();
        let env = Env::from_pairs([("OPENCODE_AUTH_CONTENT", r#"{"x": {"type": "api", "key": "k"}}"#)]);
        assert_eq!(Auth::load(&env, &dirs(home.path())).key_for("x"), Some("k"));
    }
}
