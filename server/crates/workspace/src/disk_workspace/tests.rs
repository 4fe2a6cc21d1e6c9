//! **Invariant:** see `disk_workspace.rs`; all over real files.

use std::fs;

use super::*;
use crate::{Stamp, TextEdit, hash_rope};

struct Project {
    dir: tempfile::TempDir,
    workspace: DiskWorkspace,
}

impl Project {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workspace = DiskWorkspace::new(vec![dir.path().to_owned()]);
        Self { dir, workspace }
    }

    fn key(&self, name: &str) -> DocKey {
        DocKey::file(self.dir.path().join(name))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.dir.path().join(name)).ok()
    }

    fn edit(&self, name: &str, base: &str, old: &str, new: &str) -> Change {
        let at = base.find(old).unwrap();
        let base = Rope::from_str(base);
        let stamp = Stamp { version: None, hash: hash_rope(&base) };
        let edits = vec![TextEdit { range: at..at + old.len(), text: new.into() }];
        Change { key: self.key(name), kind: ChangeKind::Edit { base, stamp, edits } }
    }

    fn create(&self, name: &str, text: &str) -> Change {
        Change { key: self.key(name), kind: ChangeKind::Create { content: Content::text(text) } }
    }

    fn delete(&self, name: &str, text: &str) -> Change {
        let stamp = Stamp { version: None, hash: blake3::hash(text.as_bytes()) };
        Change { key: self.key(name), kind: ChangeKind::Delete { stamp } }
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, String> {
        let result = self.workspace.apply(changes, &CancellationToken::new()).await;
        result.map_err(|error| error.to_string().replace(&format!("{}/", self.dir.path().display()), ""))
    }
}

#[tokio::test]
async fn an_edit_is_rebased_over_what_came_between() {
    let p = Project::new();
    p.write("a", "\u{feff}user\none\ntwo\n");
    let applied = p.apply(vec![p.edit("a", "one\ntwo\n", "two", "TWO")]).await.unwrap();
    assert_eq!(p.text("a").unwrap(), "\u{feff}user\none\nTWO\n");
    assert_eq!(applied[0].before.as_ref().unwrap().as_text(), Some("user\none\ntwo\n"));
    assert_eq!(applied[0].after.as_ref().unwrap().as_text(), Some("user\none\nTWO\n"));
}

#[tokio::test]
async fn all_changes_are_made_or_none() {
    let p = Project::new();
    p.write("a", "one\n");
    p.write("b", "user's\n");
    p.write("c", "c");
    let good = || vec![p.edit("a", "one\n", "one", "ONE"), p.create("sub/new", "n"), p.delete("c", "c")];
    let conflict = p.edit("b", "old\n", "old", "new");
    let error = p.apply([good(), vec![conflict]].concat()).await.unwrap_err();
    assert!(error.contains("-old\n+user's\n"), "{error}");
    assert_eq!((p.text("a"), p.text("sub/new"), p.text("c")), (Some("one\n".into()), None, Some("c".into())));
    assert_eq!(p.apply([good(), vec![p.create("b", "x")]].concat()).await.unwrap_err(), "b exists already");
    assert_eq!(p.text("a").unwrap(), "one\n");
    assert_eq!(p.apply(good()).await.unwrap().len(), 3);
    assert_eq!((p.text("a"), p.text("sub/new"), p.text("c")), (Some("ONE\n".into()), Some("n".into()), None));
}

#[tokio::test]
async fn several_changes_of_one_file_follow_each_other() {
    let p = Project::new();
    p.write("a", "one\n");
    let again = p.edit("a", "ONE\n", "ONE", "1");
    p.apply(vec![p.edit("a", "one\n", "one", "ONE"), again]).await.unwrap();
    assert_eq!(p.text("a").unwrap(), "1\n");
    p.apply(vec![p.delete("a", "1\n"), p.create("a", "anew")]).await.unwrap();
    assert_eq!(p.text("a").unwrap(), "anew");
}

#[tokio::test]
async fn only_what_was_read_is_deleted() {
    let p = Project::new();
    p.write("a", "newer");
    assert!(p.apply(vec![p.delete("a", "read")]).await.unwrap_err().contains("it is not as it was read"));
    assert_eq!(p.text("a").unwrap(), "newer");
    assert!(p.apply(vec![p.edit("none", "x", "x", "y")]).await.unwrap_err().contains("does not exist any more"));
    let token = CancellationToken::new();
    token.cancel();
    let result = p.workspace.apply(vec![p.delete("a", "newer")], &token).await;
    assert!(matches!(result, Err(ApplyError::Cancelled { .. })));
}

#[tokio::test]
async fn what_a_command_changes_is_found_in_every_folder() {
    let dir = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
    for folder in [&one, &two] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("a"), "old").unwrap();
    }
    // Too large for a copy.
    fs::write(two.join("big"), vec![b'x'; 300 << 10]).unwrap();
    let workspace = DiskWorkspace::new(vec![one.clone(), two.clone()]).watching_commands(dir.path());
    let run = workspace.prepare_shell(&CancellationToken::new()).await.unwrap();
    fs::write(one.join("a"), "new").unwrap();
    fs::write(two.join("a"), "NEW").unwrap();
    fs::write(two.join("big"), "small").unwrap();
    let found = workspace.finish_shell(run).await;
    let keys: Vec<_> = found.iter().map(|applied| applied.key.clone()).collect();
    assert_eq!(keys, [DocKey::file(one.join("a")), DocKey::file(two.join("a"))]);
    assert_eq!(workspace.not_undone(), [two.join("big").display().to_string()]);
    assert_eq!(workspace.blind_to_commands(), None);
    workspace.leave_commands_alone();
    assert!(workspace.blind_to_commands().unwrap().contains("`snapshot`"));
}
