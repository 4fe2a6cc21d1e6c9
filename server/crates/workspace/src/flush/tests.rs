//! **Invariant:** see `flush.rs`. Crashes are played by a journal whose owner is a process that has ended.

use super::*;

/// A project with its journal and one file of a known age.
struct Project {
    dir: tempfile::TempDir,
    journal: Journal,
}

const OLD: i128 = 1_600_000_000_123_456_789;

impl Project {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("p")).unwrap();
        let journal = Journal::owned_by(dir.path().join("journal"), dead());
        let project = Self { dir, journal };
        project.write("on disk\n");
        disk::set_mtime(&project.file(), OLD).unwrap();
        project
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("p")
    }

    fn file(&self) -> PathBuf {
        self.root().join("a.txt")
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn mtime(&self) -> i128 {
        disk::mtime_ns(&fs::metadata(self.file()).unwrap())
    }

    fn flush(&mut self, text: &str) -> Flushed {
        self.journal.materialise(vec![Dirty { path: self.file(), text: text.into(), bom: false }]).unwrap()
    }

    /// Flush, a command that does nothing, settle.
    fn show(&mut self, text: &str) {
        let flushed = self.flush(text);
        assert_eq!(self.text(), text);
        assert!(self.mtime() > OLD);
        assert_eq!(self.journal.settle(flushed), []);
        assert_eq!((self.text().as_str(), self.mtime()), (text, OLD));
    }

    fn entries(&self) -> usize {
        fs::read_dir(self.dir.path().join("journal")).map_or(0, Iterator::count)
    }

    fn recover(&self) -> Vec<Recovered> {
        recover(&self.dir.path().join("journal"), &self.root())
    }
}

/// A process that has ended.
fn dead() -> Owner {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    Owner { pid: child.id(), started: None }
}

#[test]
fn a_command_sees_the_text_and_the_editor_the_old_mtime() {
    let mut p = Project::new();
    p.show("unsaved\n");
    assert_eq!(p.entries(), 1);
    p.journal.saved(&p.file());
    assert_eq!(p.entries(), 0);
    assert!(!p.journal.closed_unsaved(&p.file()).unwrap());
    assert_eq!(p.text(), "unsaved\n");
}

#[test]
fn closed_without_a_save_the_old_bytes_come_back_with_a_fresh_mtime() {
    let mut p = Project::new();
    p.show("one\n");
    p.show("two\n");
    assert!(p.journal.closed_unsaved(&p.file()).unwrap());
    assert_eq!(p.text(), "on disk\n");
    assert!(p.mtime() > OLD);
    assert_eq!(p.entries(), 0);
}

#[test]
fn the_same_text_is_new_to_every_command() {
    let mut p = Project::new();
    p.show("one\n");
    p.show("one\n");
    p.journal.close();
    assert_eq!((p.text().as_str(), p.mtime(), p.entries()), ("on disk\n", OLD, 0));
}

#[test]
fn what_a_command_wrote_is_told_and_stays() {
    let mut p = Project::new();
    let flushed = p.flush("unsaved\n");
    p.write("by the command\n");
    let change = FlushChange { path: p.file(), wrote: "unsaved\n".into(), now: Some("by the command\n".into()) };
    assert_eq!(p.journal.settle(flushed), [change]);
    assert!(!p.journal.closed_unsaved(&p.file()).unwrap());
    assert_eq!(p.text(), "by the command\n");
}

#[test]
fn what_a_command_deleted_is_told() {
    let mut p = Project::new();
    let flushed = p.flush("unsaved\n");
    fs::remove_file(p.file()).unwrap();
    assert_eq!(p.journal.settle(flushed)[0].now, None);
}

#[test]
fn a_save_while_the_command_runs_ends_it() {
    let mut p = Project::new();
    let flushed = p.flush("unsaved\n");
    p.write("saved by the user\n");
    p.journal.saved(&p.file());
    let saved = p.mtime();
    assert_eq!(p.journal.settle(flushed), []);
    assert_eq!((p.text().as_str(), p.mtime()), ("saved by the user\n", saved));
}

#[test]
fn a_new_buffers_file_is_removed_when_it_is_closed() {
    let mut p = Project::new();
    let path = p.root().join("sub/new.txt");
    let flushed = p.journal.materialise(vec![Dirty { path: path.clone(), text: "new".into(), bom: true }]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "\u{feff}new");
    assert_eq!(p.journal.settle(flushed), []);
    // Older than anything that an editor knows: it may save.
    assert_eq!(disk::mtime_ns(&fs::metadata(&path).unwrap()), 0);
    let flushed = p.journal.materialise(vec![Dirty { path: path.clone(), text: "newer".into(), bom: true }]).unwrap();
    assert_eq!(p.journal.settle(flushed), []);
    assert!(p.journal.closed_unsaved(&path).unwrap());
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn a_file_that_holds_the_text_already_is_not_touched() {
    let mut p = Project::new();
    let flushed = p.flush("on disk\n");
    assert_eq!((p.mtime(), p.entries()), (OLD, 0));
    assert_eq!(p.journal.settle(flushed), []);
}

#[test]
fn after_a_crash_the_disk_is_as_saved_and_the_text_is_kept() {
    let mut p = Project::new();
    let _ = p.flush("unsaved\n");
    let done = p.recover();
    assert_eq!((p.text().as_str(), p.mtime(), p.entries()), ("on disk\n", OLD, 0));
    assert_eq!((done.len(), done[0].restored, &done[0].path), (1, true, &p.file()));
    assert_eq!(fs::read_to_string(&done[0].unsaved).unwrap(), "unsaved\n");
    assert!(done[0].unsaved.starts_with(p.root().join(".interline/recovered")));
    assert_eq!(fs::read_to_string(p.root().join(".interline/.gitignore")).unwrap(), "*\n");
    assert_eq!(p.recover(), []);
}

#[test]
fn after_a_crash_what_others_wrote_stays() {
    let mut p = Project::new();
    p.show("unsaved\n");
    p.write("by somebody else\n");
    let done = p.recover();
    assert!(!done[0].restored);
    assert_eq!(p.text(), "by somebody else\n");
    assert_eq!(fs::read_to_string(&done[0].unsaved).unwrap(), "unsaved\n");
}

#[test]
fn after_a_crash_the_users_save_of_the_same_text_stays() {
    let mut p = Project::new();
    p.show("unsaved\n");
    p.write("unsaved\n");
    assert_eq!(p.recover(), []);
    assert_eq!((p.text().as_str(), p.entries()), ("unsaved\n", 0));
}

#[test]
fn the_entries_of_living_processes_are_left_alone() {
    let mut p = Project::new();
    p.journal.owner = Owner::current();
    let _ = p.flush("unsaved\n");
    assert_eq!(p.recover(), []);
    assert_eq!((p.text().as_str(), p.entries()), ("unsaved\n", 1));
    // The same number, but another process.
    let reused = Owner { started: Some(1), ..Owner::current() };
    assert_eq!(reused.is_alive(), !cfg!(target_os = "linux"));
}

#[test]
fn a_journal_that_cannot_be_written_stops_the_flush_before_the_disk_is_touched() {
    let mut p = Project::new();
    fs::write(p.dir.path().join("journal"), "in the way").unwrap();
    let error = p.journal.materialise(vec![Dirty { path: p.file(), text: "unsaved\n".into(), bom: false }]).unwrap_err();
    assert_eq!(error.path, p.file());
    assert_eq!((p.text().as_str(), p.mtime()), ("on disk\n", OLD));
}

#[test]
fn a_file_that_may_not_be_written_stops_no_command_and_is_named() {
    let mut p = Project::new();
    fs::set_permissions(p.file(), std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    let other = p.root().join("other.txt");
    let dirty = |path: PathBuf| Dirty { path, text: "unsaved\n".into(), bom: false };
    let flushed = p.journal.materialise(vec![dirty(p.file()), dirty(other.clone())]).unwrap();
    let refused: Vec<_> = flushed.refused().iter().map(ToString::to_string).collect();
    assert_eq!(refused, [format!("{}: the file is read-only", p.file().display())]);
    assert_eq!((p.text().as_str(), p.mtime(), fs::read_to_string(other).unwrap().as_str()), ("on disk\n", OLD, "unsaved\n"));
    assert_eq!(p.journal.settle(flushed), []);
    assert!(!p.journal.closed_unsaved(&p.file()).unwrap());
    p.journal.close();
    assert_eq!((p.text().as_str(), p.mtime(), p.entries()), ("on disk\n", OLD, 0));
}
