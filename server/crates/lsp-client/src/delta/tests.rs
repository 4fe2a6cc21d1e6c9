//! Texts and diagnostics at two moments, and what changed between them.

use proptest::prelude::*;

use super::*;
use crate::diagnostic::Point;

/// `LINE` or `LINE:message`, an error where the message is not `warn…`.
fn items(text: &str) -> Vec<Diagnostic> {
    let one = |word: &str| {
        let (line, message) = word.split_once(':').unwrap_or((word, "bad"));
        let start = Point { line: line.parse().expect("a line"), column: 0 };
        let severity = if message.starts_with("warn") { Severity::Warning } else { Severity::Error };
        Diagnostic { start, end: start, severity, code: None, source: None, message: message.to_owned(), related: Vec::new() }
    };
    text.split_whitespace().map(one).collect()
}

fn shown(items: &[Diagnostic]) -> String {
    items.iter().map(|item| format!("{}:{}", item.start.line, item.message)).collect::<Vec<_>>().join(" ")
}

fn between(before: (&str, &str), now: (&str, &str)) -> (String, String) {
    let (old, new) = (Rope::from_str(before.0), Rope::from_str(now.0));
    let (a, b) = (items(before.1), items(now.1));
    let delta = Delta::between(Moment { items: &a, text: Some(&old) }, Moment { items: &b, text: Some(&new) });
    (shown(&delta.introduced), shown(&delta.resolved))
}

#[test]
fn what_came_and_what_went() {
    fn check(before: (&str, &str), now: (&str, &str), introduced: &str, resolved: &str) {
        assert_eq!(between(before, now), (introduced.to_owned(), resolved.to_owned()), "{before:?} {now:?}");
    }
    let text = "a\nb\nc\nd\n";
    check((text, ""), (text, ""), "", "");
    check((text, "1"), (text, "1"), "", "");
    check((text, ""), (text, "1"), "1:bad", "");
    check((text, "1"), (text, ""), "", "1:bad");
    check((text, "1:x"), (text, "1:y"), "1:y", "1:x");
    check((text, "1"), (text, "2"), "2:bad", "1:bad");
    // Each counts for one.
    check((text, "1 1"), (text, "1"), "", "1:bad");
    check((text, "1"), (text, "1 1"), "1:bad", "");
    // Lines move.
    check((text, "2"), ("new\na\nb\nc\nd\n", "3"), "", "");
    check((text, "2"), ("a\nb\nnew\nnew\nc\nd\n", "4"), "", "");
    check((text, "1"), ("a\nb\nnew\nc\nd\n", "1"), "", "");
    check((text, "1"), ("a\nb\nnew\nc\nd\n", "2"), "2:bad", "1:bad");
    check((text, "3"), ("a\nd\n", "1"), "", "");
    check((text, "1 3"), ("a\nd\n", "1"), "", "1:bad");
    // A line that was edited is still that line.
    check(("let x = 1;\n", "0"), ("let x = 2;\n", "0"), "", "");
    check(("let x = 1;\n", "0"), ("// why\nlet x = 2;\n", "1"), "", "");
    // The worst first.
    check((text, ""), (text, "0:warn 3:bad 1:bad"), "1:bad 3:bad 0:warn", "");
    // Behind the end.
    check((text, "99"), ("new\na\nb\nc\nd\n", "5"), "", "");
    // What went in one place does not hide what came in another.
    check(("a\nb\nc\nd\ne\n", "0"), ("A\nb\nc\nd\nE\n", "4"), "4:bad", "0:bad");
}

#[test]
fn without_texts_lines_are_where_they_were() {
    let (a, b) = (items("1 2:warn"), items("1 3:warn"));
    let delta = Delta::between(Moment { items: &a, text: None }, Moment { items: &b, text: None });
    assert_eq!((shown(&delta.introduced), shown(&delta.resolved), delta.errors()), ("3:warn".to_owned(), "2:warn".to_owned(), 0));
}

proptest! {
    /// Lines with names that are theirs alone; some have an error. Other lines are put between them or are taken away.
    #[test]
    fn errors_follow_their_lines(
        lines in prop::collection::vec((any::<bool>(), 0usize..3, any::<bool>()), 1..12),
        extra in prop::collection::vec(0usize..12, 0..3),
    ) {
        let (mut old, mut new, mut before, mut now, mut gone) = (String::new(), String::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut old_line, mut new_line) = (0, 0);
        for (index, (error, inserted, removed)) in lines.iter().enumerate() {
            for n in 0..*inserted {
                new.push_str(&format!("inserted {n} before the line {index}\n"));
                new_line += 1;
            }
            let line = format!("this is the line number {index} of the text\n");
            old.push_str(&line);
            if *error {
                before.push(format!("{old_line}"));
            }
            if *removed {
                gone.extend(error.then(|| format!("{old_line}:bad")));
            } else {
                new.push_str(&line);
                now.extend(error.then(|| format!("{new_line}")));
                new_line += 1;
            }
            old_line += 1;
        }
        let extra: std::collections::BTreeSet<usize> = extra.into_iter().filter(|line| *line < new_line).collect();
        let came: Vec<String> = extra.iter().map(|line| format!("{line}:new")).collect();
        now.extend(came.clone());
        let (introduced, resolved) = between((&old, &before.join(" ")), (&new, &now.join(" ")));
        prop_assert_eq!(introduced, came.join(" "));
        // Equal ones are exchangeable: as many as were on removed lines.
        prop_assert_eq!(resolved.split_whitespace().count(), gone.len(), "{:?}", resolved);
    }

    #[test]
    fn nothing_is_lost(before in "([0-3](:[xy])? ){0,6}", now in "([0-3](:[xy])? ){0,6}", old in "([ab]\n){0,5}", new in "([ab]\n){0,5}") {
        let (introduced, resolved) = between((&old, &before), (&new, &now));
        let count = |text: &str| text.split_whitespace().count();
        prop_assert_eq!(count(&before) + count(&introduced), count(&now) + count(&resolved));
    }
}
