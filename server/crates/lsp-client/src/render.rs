//! What the model is told of diagnostics.
//!
//! Pure. **Invariant:** what is pending is said to be pending; nothing is called clean. What is told of one file is bounded, and what is left out is counted.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use workspace::DocKey;

use crate::Delta;
use crate::diagnostic::{Diagnostic, Severity};
use crate::freshness::{Pending, Proof, Report, State};

/// Entries of one file.
const ENTRIES: usize = 20;
/// Files of which entries are told.
const FILES: usize = 20;
/// Characters of a message.
const MESSAGE: usize = 400;
/// Related places of an entry.
const RELATED: usize = 3;
/// Bytes of entries, all files together.
const BYTES: usize = 10_000;

/// Entries as lines: the worst first, lines and columns counted from one, paths relative to `base`.
#[must_use]
pub fn entries(items: &[Diagnostic], base: &Path) -> String {
    let mut text = String::new();
    for item in items.iter().take(ENTRIES) {
        let _ = writeln!(text, "{}", entry(item));
        for related in item.related.iter().take(RELATED) {
            let _ = writeln!(text, "    {}:{}: {}", name(&related.key, base), related.line + 1, short(&related.message));
        }
    }
    if items.len() > ENTRIES {
        let rest = &items[ENTRIES..];
        let errors = rest.iter().filter(|item| item.severity == Severity::Error).count();
        let _ = writeln!(text, "  … and {} more ({errors} of them errors)", rest.len());
    }
    text
}

/// What changed, file by file. Files without a change are left out; of what is no error or warning nothing is told.
#[must_use]
pub fn deltas(changed: &[(DocKey, Delta)], base: &Path) -> String {
    let mut text = String::new();
    let grave = |items: &[Diagnostic]| items.iter().filter(|item| item.severity <= Severity::Warning).cloned().collect::<Vec<_>>();
    let (mut told, mut left) = (0, 0);
    for (key, delta) in changed {
        let (came, went) = (grave(&delta.introduced), grave(&delta.resolved));
        if came.is_empty() && went.is_empty() {
            continue;
        }
        told += 1;
        if told > FILES || text.len() > BYTES {
            left += 1;
            continue;
        }
        let name = name(key, base);
        if !came.is_empty() {
            let _ = write!(text, "{name}: introduced {}\n{}", count(&came), entries(&came, base));
        }
        if !went.is_empty() {
            let _ = writeln!(text, "{name}: resolved {}", count(&went));
            for item in went.iter().take(RELATED) {
                let _ = writeln!(text, "{}", entry(item));
            }
        }
    }
    if left > 0 {
        let _ = writeln!(text, "… and changes in {left} more files");
    }
    text
}

/// Which servers have looked at the text as it is now, and which have not, and why.
#[must_use]
pub fn states(reports: &[Report]) -> String {
    let mut said: Vec<(Arc<str>, String)> = Vec::new();
    for report in reports {
        let words = match &report.state {
            State::Fresh { by: Proof::Settled, .. } => "fresh, as far as can be told: this server does not say when it is done".to_owned(),
            State::Fresh { whole: false, .. } => {
                "fresh, but its slower check sees only saved files, and this text is not saved yet".to_owned()
            }
            State::Fresh { .. } => "fresh".to_owned(),
            State::Pending(why @ (Pending::Stopped(_) | Pending::Failed(_))) => format!("pending: {why}"),
            State::Pending(why) => format!("pending: {why} after {}", seconds(report.waited)),
        };
        match said.iter_mut().find(|(server, _)| *server == report.server) {
            // Of several files of one server what is pending counts.
            Some((_, old)) if old.starts_with("fresh") => *old = words,
            Some(_) => {}
            None => said.push((Arc::clone(&report.server), words)),
        }
    }
    said.iter().map(|(server, words)| format!("{server}: {words}")).collect::<Vec<_>>().join("; ")
}

fn entry(item: &Diagnostic) -> String {
    let (line, column) = (item.start.line + 1, item.start.column + 1);
    let origin: Vec<&str> = [item.source.as_deref(), item.code.as_deref()].into_iter().flatten().collect();
    let origin = if origin.is_empty() { String::new() } else { format!(" ({})", origin.join(" ")) };
    format!("  {} [{line}:{column}] {}{origin}", item.severity.name().to_uppercase(), short(&item.message))
}

fn count(items: &[Diagnostic]) -> String {
    let of = |severity: Severity| items.iter().filter(|item| item.severity == severity).count();
    let parts = [(of(Severity::Error), "error"), (of(Severity::Warning), "warning")];
    let parts =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }));
    parts.collect::<Vec<_>>().join(", ")
}

/// On one line, and not too long.
fn short(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// A document's name for the model.
#[must_use]
pub fn name(key: &DocKey, base: &Path) -> String {
    match key.path().and_then(|path| path.strip_prefix(base).ok()) {
        Some(relative) => relative.display().to_string(),
        None => key.to_string(),
    }
}

fn seconds(waited: Duration) -> String {
    format!("{:.1} s", waited.as_secs_f32())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Point, Related};

    fn item(line: usize, severity: Severity, message: &str) -> Diagnostic {
        let start = Point { line, column: 4 };
        Diagnostic { start, end: start, severity, code: None, source: None, message: message.to_owned(), related: Vec::new() }
    }

    fn report(server: &str, state: State) -> Report {
        let waited = Duration::from_millis(2040);
        Report {
            key: DocKey::file("/p/a.rs"),
            server: server.into(),
            root: "/p".into(),
            current: state.is_fresh(),
            state,
            items: Arc::default(),
            waited,
        }
    }

    #[test]
    fn what_came_and_what_went() {
        let mut error = item(11, Severity::Error, "mismatched types\n  expected `String`");
        (error.source, error.code) = (Some("rustc".to_owned()), Some("E0308".to_owned()));
        error.related.push(Related { key: DocKey::file("/p/src/b.rs"), line: 2, message: "expected here".to_owned() });
        let delta = Delta {
            introduced: vec![error, item(0, Severity::Warning, "unused"), item(1, Severity::Hint, "nicer")],
            resolved: vec![item(7, Severity::Error, "gone")],
        };
        let quiet = Delta { introduced: vec![item(1, Severity::Hint, "nicer")], resolved: Vec::new() };
        let text = deltas(&[(DocKey::file("/p/src/a.rs"), delta), (DocKey::file("/p/c.rs"), quiet)], Path::new("/p"));
        assert_eq!(
            text,
            "src/a.rs: introduced 1 error, 1 warning\n  ERROR [12:5] mismatched types expected `String` (rustc E0308)\n    src/b.rs:3: expected here\n  \
             WARNING [1:5] unused\nsrc/a.rs: resolved 1 error\n  ERROR [8:5] gone\n"
        );
    }

    #[test]
    fn floods_are_counted() {
        let many: Vec<Diagnostic> =
            (0..50).map(|line| item(line, if line < 25 { Severity::Error } else { Severity::Warning }, "x")).collect();
        let text = entries(&many, Path::new("/p"));
        assert_eq!((text.lines().count(), text.lines().last()), (21, Some("  … and 30 more (5 of them errors)")));
        let delta = Delta { introduced: many[..1].to_vec(), resolved: Vec::new() };
        let files: Vec<(DocKey, Delta)> = (0..23).map(|n| (DocKey::file(format!("/p/{n}")), delta.clone())).collect();
        assert!(deltas(&files, Path::new("/p")).ends_with("… and changes in 3 more files\n"));
        assert!(entries(&[item(0, Severity::Error, &"y".repeat(5000))], Path::new("/p")).len() < 450);
    }

    #[test]
    fn how_fresh() {
        let fresh = |by| State::Fresh { version: 1, by, whole: true };
        let check = |reports: &[Report], expect: &str| assert_eq!(states(reports), expect);
        check(&[], "");
        check(&[report("rust", fresh(Proof::Version))], "rust: fresh");
        let part = State::Fresh { version: 1, by: Proof::Answer, whole: false };
        check(&[report("rust", part)], "rust: fresh, but its slower check sees only saved files, and this text is not saved yet");
        let checking = report("rust", State::Pending(Pending::Checking));
        check(&[report("rust", fresh(Proof::Answer)), checking.clone()], "rust: pending: still checking after 2.0 s");
        check(&[checking, report("rust", fresh(Proof::Idle))], "rust: pending: still checking after 2.0 s");
        let stopped = report("ruff", State::Pending(Pending::Stopped("it exited with code 1".to_owned())));
        let settled = report("x", fresh(Proof::Settled));
        check(
            &[stopped, settled],
            "ruff: pending: server stopped: it exited with code 1; x: fresh, as far as can be told: this server does not say when it is done",
        );
    }
}
