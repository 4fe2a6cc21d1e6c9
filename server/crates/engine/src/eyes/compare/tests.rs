//! Servers that say this and that, and what is told of it.

use std::time::Duration;

use lsp_client::{KnownFile, Pending, Point, Proof, State};

use super::*;

fn key(name: &str) -> DocKey {
    DocKey::file(format!("/p/{name}"))
}

fn error(line: usize, message: &str) -> Diagnostic {
    let start = Point { line, column: 0 };
    Diagnostic { start, end: start, severity: Severity::Error, code: None, source: None, message: message.to_owned(), related: Vec::new() }
}

fn seen(text: &str, items: &[Diagnostic]) -> Seen {
    Seen { items: items.into(), text: Some(Rope::from_str(text)) }
}

fn known(files: &[(&str, &Seen)]) -> Vec<Known> {
    let file = |(name, seen): &(&str, &Seen)| KnownFile { key: key(name), items: Arc::clone(&seen.items), text: seen.text.clone() };
    vec![Known { server: "rust".into(), root: "/p".into(), files: files.iter().map(file).collect() }]
}

fn report(name: &str, state: State, current: bool) -> Report {
    Report {
        key: key(name),
        server: "rust".into(),
        root: "/p".into(),
        state,
        current,
        items: Arc::default(),
        waited: Duration::from_secs(1),
    }
}

fn fresh(name: &str) -> Report {
    report(name, State::Fresh { version: 1, by: Proof::Version, whole: true }, true)
}

/// A turn in which it is known what the server said of `a` and `b` before.
fn work(a: &Seen, b: &Seen) -> Work {
    let server: Server = ("rust".into(), "/p".into());
    let mut work = Work::default();
    work.ready.insert(server.clone());
    work.before.insert((server.clone(), key("a")), a.clone());
    work.before.insert((server, key("b")), b.clone());
    work
}

fn told(work: &mut Work, files: &[(&str, &Seen)], reports: &[Report]) -> String {
    look(work, &known(files), reports, &[key("a")], &Editor::default()).words(reports, Path::new("/p"))
}

#[test]
fn what_came_in_the_turn_is_told_until_it_is_gone() {
    let (a, b) = (seen("x\ny\n", &[error(1, "old")]), seen("z\n", &[]));
    let mut work = work(&a, &b);
    let moved = seen("new\nx\ny\n", &[error(2, "old")]);
    assert_eq!(
        told(&mut work, &[("a", &moved), ("b", &b)], &[fresh("a")]),
        "<diagnostics>\nno new errors or warnings\nrust: fresh\n</diagnostics>"
    );
    let (worse, other) = (seen("new\nx\ny\n", &[error(0, "bad"), error(2, "old")]), seen("z\n", &[error(0, "broken")]));
    let both =
        "<diagnostics>\na: introduced 1 error\n  ERROR [1:1] bad\nb: introduced 1 error\n  ERROR [1:1] broken\nrust: fresh\n</diagnostics>";
    assert_eq!(told(&mut work, &[("a", &worse), ("b", &other)], &[fresh("a")]), both);
    assert_eq!(told(&mut work, &[("a", &worse), ("b", &other)], &[fresh("a")]), both, "it is still there");
    let mended = "<diagnostics>\na: resolved 2 errors\n  ERROR [1:1] bad\n  ERROR [3:1] old\nb: resolved 1 error\n  ERROR [1:1] broken\nrust: fresh\n</diagnostics>";
    assert_eq!(told(&mut work, &[("a", &seen("new\nx\ny\n", &[]))], &[fresh("a")]), mended, "a file of which nothing is said any more");
    let quiet = "<diagnostics>\nno new errors or warnings\nrust: fresh\n</diagnostics>";
    assert_eq!(told(&mut work, &[], &[fresh("a")]), quiet, "told once");
}

#[test]
fn who_has_not_looked_is_not_compared() {
    let (a, b) = (seen("x\n", &[error(0, "old")]), seen("z\n", &[]));
    let mut work = work(&a, &b);
    let stale = report("a", State::Pending(Pending::Checking), false);
    let pending = "<diagnostics>\nrust: pending: still checking after 1.0 s\n</diagnostics>";
    assert_eq!(told(&mut work, &[("a", &seen("other\nx\n", &[error(0, "of the older text")]))], std::slice::from_ref(&stale)), pending);
    let stopped = report("a", State::Pending(Pending::Stopped("it exited with code 1".to_owned())), false);
    let words = look(&mut work, &[], std::slice::from_ref(&stopped), &[key("a")], &Editor::default()).words(&[stopped], Path::new("/p"));
    assert_eq!(words, "<diagnostics>\nrust: pending: server stopped: it exited with code 1\n</diagnostics>");
    // What the server says itself counts, but nothing is gone while a check is running.
    let check = report("a", State::Pending(Pending::Check("cargo check".to_owned())), true);
    let words = told(&mut work, &[("a", &seen("x\n", &[error(0, "new")]))], &[check]);
    assert_eq!(
        words,
        "<diagnostics>\na: introduced 1 error\n  ERROR [1:1] new\nrust: pending: cargo check is still running after 1.0 s\n</diagnostics>"
    );
    assert_eq!(told(&mut work, &[], &[]), "", "no server looks at it");
}

#[test]
fn what_nobody_knew_before_is_not_called_new() {
    let now = seen("x\n", &[error(0, "bad")]);
    let mut work = Work::default();
    let words = told(&mut work, &[("a", &now), ("b", &now)], &[fresh("a")]);
    let unknown =
        "<diagnostics>\na: now has (whether it had them before your changes is not known)\n  ERROR [1:1] bad\nrust: fresh\n</diagnostics>";
    assert_eq!(words, unknown);
    // A file that did not exist had nothing.
    let mut work = Work { created: [key("a")].into(), ..Work::default() };
    let words = told(&mut work, &[("a", &now)], &[fresh("a")]);
    assert_eq!(words, "<diagnostics>\na: introduced 1 error\n  ERROR [1:1] bad\nrust: fresh\n</diagnostics>");
}

/// What two servers of ours and the editor say of one file, at three moments: before, and after an edit that makes the first line longer.
#[test]
fn what_the_editor_says_counts_once_and_first() {
    let by = |source: &str, line: usize, message: &str| Diagnostic { source: Some(source.to_owned()), ..error(line, message) };
    let server: Server = ("rust".into(), "/p".into());
    let check = |ours: [&[&Diagnostic]; 2], editor: [&[&Diagnostic]; 2], expect: &str| {
        let all = |items: &[&Diagnostic]| items.iter().map(|&item| item.clone()).collect::<Vec<_>>();
        let mut work = Work::default();
        work.ready.insert(server.clone());
        work.before.insert((server.clone(), key("a")), seen("x\ny\n", &all(ours[0])));
        work.before.insert((editor::name(), key("a")), seen("x\ny\n", &all(editor[0])));
        let says = Editor { whole: vec![(key("a"), seen("xx\ny\n", &all(editor[1])))], ..Editor::default() };
        let told = look(&mut work, &known(&[("a", &seen("xx\ny\n", &all(ours[1])))]), &[fresh("a")], &[key("a")], &says);
        assert_eq!(render::deltas(&told.changed, Path::new("/p")), expect, "{ours:?} {editor:?}");
    };
    let (one, two, strict) = (by("pyright", 0, "one"), by("ruff", 1, "two"), by("pyright", 1, "too strict"));
    let (one, two, strict) = (&one, &two, &strict);
    check([&[], &[one]], [&[], &[one]], "a: introduced 1 error\n  ERROR [1:1] one (pyright)\n");
    check([&[], &[one]], [&[], &[two]], "a: introduced 2 errors\n  ERROR [1:1] one (pyright)\n  ERROR [2:1] two (ruff)\n");
    // Its server has other settings.
    check([&[], &[one, strict]], [&[], &[one]], "a: introduced 1 error\n  ERROR [1:1] one (pyright)\n");
    check([&[one], &[]], [&[one], &[]], "a: resolved 1 error\n  ERROR [1:1] one (pyright)\n");
    check([&[], &[two]], [&[one], &[one]], "a: introduced 1 error\n  ERROR [2:1] two (ruff)\n");
}

#[test]
fn what_the_editor_shows_in_part_is_not_called_new() {
    let by = |source: &str, line: usize, message: &str| Diagnostic { source: Some(source.to_owned()), ..error(line, message) };
    let (old, new) = (by("x", 0, "was there"), by("x", 1, "may be new"));
    let now = seen("a\nb\n", &[old.clone(), new.clone()]);
    let mut work = Work::default();
    work.before.insert((editor::name(), key("a")), seen("a\n", &[old]));
    let says = Editor { parts: vec![(key("a"), now.clone()), (key("b"), now)], ..Editor::default() };
    let told = look(&mut work, &[], &[], &[key("a")], &says);
    assert_eq!((told.errors(), told.unknown.clone()), (1, vec![(key("a"), vec![new.clone()])]));
    // One of ours knows it, too.
    let ours = seen("a\nb\n", &[new]);
    work.before.insert((("rust".into(), "/p".into()), key("a")), ours.clone());
    let told = look(&mut work, &known(&[("a", &ours)]), &[fresh("a")], &[key("a")], &says);
    assert_eq!(told.errors(), 0);
}
