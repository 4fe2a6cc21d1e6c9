//! The files on the disk that a server wants to hear about.
//!
//! Pure. **Invariant:** a server is told of exactly the changes that it registered for; a pattern that cannot be understood matches nothing and is logged.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Value, json};
use workspace::DocKey;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It is new.
    Created,
    /// It has other content.
    Changed,
    /// It is gone.
    Deleted,
}

impl FileChange {
    fn number(self) -> u8 {
        match self {
            Self::Created => 1,
            Self::Changed => 2,
            Self::Deleted => 3,
        }
    }

    /// LSP's `WatchKind`.
    fn bit(self) -> u64 {
        1 << (self.number() - 1)
    }
}

/// One pattern of a registration.
#[derive(Debug)]
pub(crate) struct Watcher {
    glob: GlobMatcher,
    /// What paths are matched relative to; whole paths if none.
    base: Option<PathBuf>,
    kinds: u64,
}

impl Watcher {
    /// Reads `DidChangeWatchedFilesRegistrationOptions`.
    pub(crate) fn read_all(options: &Value, root: &Path) -> Vec<Self> {
        let watchers = options["watchers"].as_array().map(Vec::as_slice).unwrap_or_default();
        watchers.iter().filter_map(|watcher| Self::read(watcher, root)).collect()
    }

    fn read(watcher: &Value, root: &Path) -> Option<Self> {
        let pattern = &watcher["globPattern"];
        let (text, base) = match pattern.as_str() {
            Some(text) if text.starts_with('/') => (text, None),
            Some(text) => (text, Some(root.to_owned())),
            None => {
                let base = &pattern["baseUri"];
                let base = DocKey::from_uri(base.as_str().or_else(|| base["uri"].as_str())?);
                (pattern["pattern"].as_str()?, Some(base.path()?.to_owned()))
            }
        };
        match GlobBuilder::new(text).literal_separator(true).build() {
            Ok(glob) => Some(Self { glob: glob.compile_matcher(), base, kinds: watcher["kind"].as_u64().unwrap_or(7) }),
            Err(error) => {
                tracing::debug!(%error, "a language server watches a pattern that is none");
                None
            }
        }
    }

    fn matches(&self, path: &Path, change: FileChange) -> bool {
        let path = match &self.base {
            Some(base) => path.strip_prefix(base).ok(),
            None => Some(path),
        };
        self.kinds & change.bit() != 0 && path.is_some_and(|path| self.glob.is_match(path))
    }
}

/// The params of `workspace/didChangeWatchedFiles`, or nothing if none of the changes matters to the server.
pub(crate) fn changes<'a>(watchers: impl Iterator<Item = &'a Watcher> + Clone, changes: &[(PathBuf, FileChange)]) -> Option<Value> {
    let wanted = changes.iter().filter(|(path, change)| watchers.clone().any(|watcher| watcher.matches(path, *change)));
    let told: Vec<Value> = wanted.map(|(path, change)| json!({ "uri": DocKey::file(path).to_uri(), "type": change.number() })).collect();
    (!told.is_empty()).then(|| json!({ "changes": told }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: Value, path: &str, expect: bool| {
            let options = json!({ "watchers": [{ "globPattern": pattern }] });
            let watchers = Watcher::read_all(&options, Path::new("/p"));
            let found = changes(watchers.iter(), &[(path.into(), FileChange::Changed)]);
            assert_eq!(found.is_some(), expect, "{pattern} {path}");
        };
        check(json!("**/*.rs"), "/p/src/a.rs", true);
        check(json!("**/*.rs"), "/p/a.rs", true);
        check(json!("**/*.rs"), "/q/a.rs", false);
        check(json!("*.rs"), "/p/src/a.rs", false);
        check(json!("**"), "/p/any/thing", true);
        check(json!("**/*.{mod,work}"), "/p/go.mod", true);
        check(json!("/p/**/*.rs"), "/p/src/a.rs", true);
        check(json!({ "baseUri": "file:///q%20r", "pattern": "**/*.go" }), "/q r/a.go", true);
        check(json!({ "baseUri": { "uri": "file:///q", "name": "q" }, "pattern": "*.go" }), "/q/a.go", true);
        check(json!({ "baseUri": 5, "pattern": "*.go" }), "/q/a.go", false);
        check(json!("[broken"), "/p/[broken", false);
        check(json!(7), "/p/a", false);
    }

    #[test]
    fn kinds_and_words() {
        let options = json!({ "watchers": [{ "globPattern": "**", "kind": 1 }, { "globPattern": "**/*.rs", "kind": 4 }] });
        let watchers = Watcher::read_all(&options, Path::new("/p"));
        let happened = [
            ("/p/a b.rs".into(), FileChange::Created),
            ("/p/b.rs".into(), FileChange::Changed),
            ("/p/c.rs".into(), FileChange::Deleted),
            ("/p/d.py".into(), FileChange::Deleted),
        ];
        let told = changes(watchers.iter(), &happened);
        assert_eq!(told, Some(json!({ "changes": [{ "uri": "file:///p/a%20b.rs", "type": 1 }, { "uri": "file:///p/c.rs", "type": 3 }] })));
    }
}
