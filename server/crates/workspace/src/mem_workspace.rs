//! A workspace in memory, for the tests of tools and engine: documents in a map, and a user who may type at the worst moment.
//!
//! **Invariant:** it holds to the contract of `Workspace` as the others do; nothing is on the disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::disk_workspace::{End, plan};
use crate::{Applied, ApplyError, Change, Content, Data, DocKey, Foretold, Origin, ReadError, Route, ShellRun, Snapshot, Workspace};

/// Called right before changes are applied: the place for what the user does in between.
pub type Hook = Box<dyn FnMut(&MemWorkspace) + Send>;

/// A workspace in memory.
#[derive(Default)]
pub struct MemWorkspace {
    roots: Vec<PathBuf>,
    docs: Mutex<BTreeMap<DocKey, Doc>>,
    hook: Mutex<Option<Hook>>,
}

struct Doc {
    content: Content,
    /// The editor's version, if it is open.
    version: Option<i32>,
    dirty: bool,
}

impl MemWorkspace {
    /// An empty one.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { roots: vec![root.into()], ..Self::default() }
    }

    /// Puts a file there, or changes it as the user would: an open one becomes dirty.
    pub fn set(&self, path: &str, text: &str) {
        self.put(self.key(path), Content::text(text));
    }

    /// Puts a file that is no text.
    pub fn set_bytes(&self, path: &str, bytes: &[u8]) {
        self.put(self.key(path), Content::from_bytes(bytes, None));
    }

    /// A document's text; none if it is absent or no text.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<String> {
        self.docs().get(&self.key(path)).and_then(|doc| doc.content.as_text().map(str::to_owned))
    }

    /// Opens a document with that text in the editor, clean, at version 0.
    pub fn open(&self, path: &str, text: &str) {
        self.docs().insert(self.key(path), Doc { content: Content::text(text), version: Some(0), dirty: false });
    }

    /// Removes a document.
    pub fn remove(&self, path: &str) {
        self.docs().remove(&self.key(path));
    }

    /// Calls `hook` right before each `apply`.
    pub fn before_apply(&self, hook: impl FnMut(&Self) + Send + 'static) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
    }

    /// The key of a path below the root, or of a virtual document's URI.
    #[must_use]
    pub fn key(&self, path: &str) -> DocKey {
        DocKey::from_tool_path(path, &self.roots[0])
    }

    fn put(&self, key: DocKey, content: Content) {
        let mut docs = self.docs();
        let version = docs.get(&key).and_then(|doc| doc.version).map(|version| version + 1);
        docs.insert(key, Doc { content, version, dirty: version.is_some() });
    }

    fn docs(&self) -> MutexGuard<'_, BTreeMap<DocKey, Doc>> {
        self.docs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn snapshot(key: &DocKey, doc: &Doc) -> Result<Snapshot, ReadError> {
    let Data::Text(text) = &doc.content.data else { return Err(ReadError::Binary(key.clone())) };
    let origin = match doc.version {
        Some(version) => Origin::Buffer { version, dirty: doc.dirty },
        None => Origin::Disk { bom: doc.content.bom, mode: doc.content.mode.unwrap_or(0o644), mtime_ns: 0 },
    };
    Ok(Snapshot { key: key.clone(), text: (&**text).into(), origin, language: Arc::from("") })
}

struct Nothing;

impl ShellRun for Nothing {
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

#[async_trait]
impl Workspace for MemWorkspace {
    fn roots(&self) -> Vec<PathBuf> {
        self.roots.clone()
    }

    async fn read(&self, key: &DocKey) -> Result<Snapshot, ReadError> {
        self.docs().get(key).map_or_else(|| Err(ReadError::NotFound(key.clone())), |doc| snapshot(key, doc))
    }

    async fn open_documents(&self) -> Vec<Snapshot> {
        self.docs().iter().filter(|(_, doc)| doc.version.is_some()).filter_map(|(key, doc)| snapshot(key, doc).ok()).collect()
    }

    async fn apply(&self, changes: Vec<Change>, cancel: &CancellationToken) -> Result<Vec<Applied>, ApplyError> {
        self.change(changes, cancel, None)
    }

    async fn apply_foretold(
        &self,
        changes: Vec<Change>,
        cancel: &CancellationToken,
        note: Arc<dyn Foretold>,
    ) -> Result<Vec<Applied>, ApplyError> {
        self.change(changes, cancel, Some(&*note))
    }

    async fn prepare_shell(&self, _cancel: &CancellationToken) -> Result<Box<dyn ShellRun>, ApplyError> {
        Ok(Box::new(Nothing))
    }

    async fn finish_shell(&self, _run: Box<dyn ShellRun>) -> Vec<Applied> {
        Vec::new()
    }
}

impl MemWorkspace {
    fn change(&self, changes: Vec<Change>, cancel: &CancellationToken, note: Option<&dyn Foretold>) -> Result<Vec<Applied>, ApplyError> {
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut hook) = hook {
            hook(self);
            self.hook.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(hook);
        }
        if let Some(first) = changes.first().filter(|_| cancel.is_cancelled()) {
            return Err(ApplyError::Cancelled { key: first.key.clone() });
        }
        let mut plan = plan(changes, |key| Ok(self.docs().get(key).map(|doc| doc.content.clone())))?;
        for applied in &mut plan.applied {
            let open = self.docs().get(&applied.key).is_some_and(|doc| doc.version.is_some());
            applied.route = if open { Route::Editor } else { Route::Disk };
        }
        if let Some(note) = note {
            plan.applied.iter().cloned().for_each(|coming| note.about_to(coming));
        }
        for End { key, end, .. } in plan.ends {
            match end {
                Some(content) => self.put(key, content),
                None => drop(self.docs().remove(&key)),
            }
        }
        Ok(plan.applied)
    }
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;
    use crate::{ChangeKind, TextEdit};

    #[tokio::test]
    async fn what_the_user_types_right_before_an_edit_stays() {
        let workspace = MemWorkspace::new("/p");
        workspace.open("a", "one\ntwo\n");
        workspace.before_apply(|workspace| workspace.set("a", "user\none\ntwo\n"));
        let read = workspace.read(&workspace.key("a")).await.unwrap();
        let edits = vec![TextEdit { range: 4..7, text: "TWO".into() }];
        let kind = ChangeKind::Edit { base: Rope::from_str("one\ntwo\n"), stamp: read.stamp(), edits };
        let change = Change { key: workspace.key("a"), kind };
        let applied = workspace.apply(vec![change], &CancellationToken::new()).await.unwrap();
        assert_eq!(applied[0].route, Route::Editor);
        assert_eq!(workspace.get("a").unwrap(), "user\none\nTWO\n");
        let now = workspace.read(&workspace.key("a")).await.unwrap();
        assert_eq!(now.origin, Origin::Buffer { version: 2, dirty: true });
        workspace.remove("a");
        assert!(matches!(workspace.read(&workspace.key("a")).await, Err(ReadError::NotFound(_))));
    }
}
