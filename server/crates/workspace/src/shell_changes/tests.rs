//! **Invariant:** see `shell_changes.rs`. Real git, real files; the "commands" are writes of the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;
use crate::Data;

struct Project {
    dir: tempfile::TempDir,
    changes: ShellChanges,
}

impl Project {
    fn plain() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("p");
        fs::create_dir(&root).unwrap();
        let changes = ShellChanges::new(snapshot_folder(dir.path(), &root), root);
        Self { dir, changes }
    }

    /// A repository with the files committed.
    fn with_git(files: &[(&str, &[u8])]) -> Self {
        let project = Self::plain();
        for (name, bytes) in files {
            project.write(name, bytes);
        }
        project.git(&["init", "-q"]);
        project.git(&["add", "-A"]);
        project.git(&["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "-m", "x"]);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("p").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git").args(arguments).current_dir(self.path("")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn run(&self, command: impl FnOnce(&Self)) -> Vec<String> {
        let before = self.changes.before(Vec::new()).await;
        command(self);
        self.changes.after(before).await.iter().map(|applied| self.show(applied)).collect()
    }

    fn show(&self, applied: &Applied) -> String {
        let content = |content: &Option<Content>| match content.as_ref().map(|c| (&c.data, c.mode.is_some_and(|m| m & 0o100 != 0))) {
            None => "-".to_owned(),
            Some((Data::Text(text), executable)) => format!("{text:?}{}", if executable { "*" } else { "" }),
            Some((Data::Binary(bytes), _)) => format!("{bytes:?}"),
        };
        let path = applied.key.path().unwrap().strip_prefix(self.path("")).unwrap().display().to_string();
        format!("{path}: {} → {}", content(&applied.before), content(&applied.after))
    }
}

#[tokio::test]
async fn changed_deleted_and_new_files_are_found() {
    let p = Project::with_git(&[
        ("a.txt", b"old\n"),
        ("b.txt", b"keep\n"),
        ("sub/c", b"same"),
        ("bin", &[0, 255]),
        (".gitignore", b"ignored\n"),
    ]);
    let status = p.git(&["status", "--porcelain"]);
    let index = fs::read(p.path(".git/index")).unwrap();
    let found = p
        .run(|p| {
            p.write("a.txt", b"new\n");
            fs::remove_file(p.path("b.txt")).unwrap();
            p.write("sub/d.txt", b"d\n");
            p.write("bin", &[0, 1]);
            p.write("ignored", b"x");
            p.write(".interline/chat.md", b"x");
        })
        .await;
    let expect = [
        "a.txt: \"old\\n\" → \"new\\n\"",
        "b.txt: \"keep\\n\" → -",
        "bin: [0, 255] → [0, 1]",
        "ignored: - → \"x\"",
        "sub/d.txt: - → \"d\\n\"",
    ];
    assert_eq!(found, expect);
    // The next command's picture begins where this one's ended.
    assert_eq!(p.run(|p| p.write("a.txt", b"newer\n")).await, ["a.txt: \"new\\n\" → \"newer\\n\""]);
    assert!(p.run(|_| ()).await.is_empty());
    assert_eq!(p.run(|p| p.write("a.txt", b"last!\n")).await, ["a.txt: \"newer\\n\" → \"last!\\n\""]);
    assert_eq!(fs::read(p.path(".git/index")).unwrap(), index);
    assert_eq!(status, "");
}

#[tokio::test]
async fn the_executable_bit_is_a_change() {
    let p = Project::with_git(&[("run", b"x")]);
    let found = p.run(|p| fs::set_permissions(p.path("run"), fs::Permissions::from_mode(0o755)).unwrap()).await;
    assert_eq!(found, ["run: \"x\" → \"x\"*"]);
}

#[tokio::test]
async fn bytes_are_as_on_the_disk_whatever_the_attributes_say() {
    let p = Project::with_git(&[("a.txt", b"one\r\ntwo\r\n"), (".gitattributes", b"* text=auto\n")]);
    assert_eq!(p.run(|p| p.write("a.txt", b"x")).await, ["a.txt: \"one\\r\\ntwo\\r\\n\" → \"x\""]);
}

#[tokio::test]
async fn a_folder_of_a_repository_is_looked_at_alone() {
    let mut p = Project::with_git(&[("sub/a", b"a"), ("b", b"b")]);
    p.changes = ShellChanges::new(p.dir.path().join("snapshot"), p.path("sub"));
    let found = p
        .run(|p| {
            p.write("sub/a", b"A");
            p.write("b", b"B");
        })
        .await;
    assert_eq!(found, ["sub/a: \"a\" → \"A\""]);
}

#[tokio::test]
async fn large_new_files_are_left_out() {
    let p = Project::with_git(&[("a", b"a")]);
    let found = p
        .run(|p| {
            p.write("large [1].bin", &vec![b'x'; 3 << 20]);
            p.write("small", b"s");
        })
        .await;
    assert_eq!(found, ["small: - → \"s\""]);
    assert_eq!(p.changes.not_undone(), ["large [1].bin"]);
}

#[tokio::test]
async fn what_git_ignores_is_copied_or_named() {
    let p = Project::with_git(&[("a", b"a"), (".gitignore", b".env\nbuild/\n*.log\n")]);
    p.write(".env", b"KEY=old");
    p.write("build/one", b"1");
    p.write("big.log", &vec![b'x'; 300 << 10]);
    let found = p
        .run(|p| {
            p.write(".env", b"KEY=new");
            p.write("build/two", b"2");
            p.write("big.log", b"short");
            std::os::unix::fs::symlink("a", p.path("link")).unwrap();
        })
        .await;
    assert_eq!(found, [".env: \"KEY=old\" → \"KEY=new\""]);
    let mut left = p.changes.not_undone();
    left.sort();
    assert_eq!(left, ["big.log", "build", "link"]);
    assert!(p.changes.not_undone().is_empty());
    // The same length, in the same instant.
    assert_eq!(p.run(|p| p.write(".env", b"KEY=NEW")).await, [".env: \"KEY=new\" → \"KEY=NEW\""]);
    assert_eq!(p.run(|p| fs::remove_file(p.path(".env")).unwrap()).await, [".env: \"KEY=NEW\" → -"]);
    assert!(p.run(|_| ()).await.is_empty() && p.changes.not_undone().is_empty());
}

#[tokio::test]
async fn a_large_project_without_git_is_not_copied() {
    let p = Project::plain();
    for number in 0..=1000 {
        p.write(&number.to_string(), b"x");
    }
    assert!(p.run(|p| p.write("0", b"y")).await.is_empty());
    assert!(p.changes.why_off().unwrap().contains("too large"));
}

#[tokio::test]
async fn without_a_repository_copies_are_compared() {
    let p = Project::plain();
    for name in ["a", "b", "c"] {
        p.write(name, b"old");
    }
    let open = ["a", "b", "c"].map(|name| (p.path(name), b"old".to_vec())).to_vec();
    let before = p.changes.before(open).await;
    p.write("a", b"new");
    fs::remove_file(p.path("b")).unwrap();
    p.write("new", b"not found");
    let found: Vec<_> = p.changes.after(before).await.iter().map(|applied| p.show(applied)).collect();
    assert_eq!(found, ["a: \"old\" → \"new\"", "b: \"old\" → -", "new: - → \"not found\""]);
    assert_eq!(p.changes.why_off(), None);
    assert_eq!(p.run(|p| p.write("c", b"NEW")).await, ["c: \"old\" → \"NEW\""]);
    fs::set_permissions(p.path("c"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(p.run(|p| fs::set_permissions(p.path("c"), fs::Permissions::from_mode(0o600)).unwrap()).await, ["c: \"NEW\"* → \"NEW\""]);
}

#[tokio::test]
async fn two_processes_share_the_folder() {
    let p = Project::with_git(&[("a", b"a")]);
    let other = ShellChanges::new(snapshot_folder(p.dir.path(), &p.path("")), p.path(""));
    // What a killed git leaves.
    let first = p.changes.before(Vec::new()).await;
    fs::write(p.changes.folder.join("index.lock"), "").unwrap();
    let (one, two) = tokio::join!(p.changes.before(Vec::new()), other.before(Vec::new()));
    assert!(first.tree.is_some());
    assert_eq!((&one.tree, &two.tree), (&first.tree, &first.tree));
}
