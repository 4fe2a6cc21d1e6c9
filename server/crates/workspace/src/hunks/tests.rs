//! Hunks as an editor and an agent would drive them.

use proptest::prelude::*;

use super::*;
use crate::Edits;

/// A document that an agent and a user change.
struct Doc(Hunks);

impl Doc {
    fn new(text: &str) -> Self {
        Self(Hunks::new(Rope::from_str(text)))
    }

    fn now(&self) -> String {
        self.0.text().to_string()
    }

    /// As the editor tells it: first the change, then the record.
    fn agent(&mut self, from: &str, to: &str) -> &mut Self {
        let before = self.0.text().clone();
        self.user(from, to);
        self.0.recorded("t", &before, &self.0.text().clone());
        self
    }

    fn user(&mut self, from: &str, to: &str) -> &mut Self {
        let at = self.now().find(from).unwrap_or_else(|| panic!("{from:?} is not in {:?}", self.now()));
        self.edit(at..at + from.len(), to)
    }

    fn edit(&mut self, range: Range<usize>, text: &str) -> &mut Self {
        let edits = vec![TextEdit { range, text: text.into() }];
        let new = Edits::new(self.0.text().len_bytes(), edits.clone()).unwrap().apply(self.0.text()).unwrap();
        self.0.changed(&edits, new);
        self
    }

    /// The lines of the shown hunks, with what they replaced.
    fn shown(&self) -> Vec<(usize, String, String)> {
        self.0.shown().map(|h| (self.0.lines(h).0, h.old.clone(), slice(self.0.text(), h.range.clone()))).collect()
    }

    fn reject(&mut self, line: usize) -> usize {
        let id = self.0.shown().find(|h| self.0.lines(h).0 == line).unwrap_or_else(|| panic!("no hunk in {:?}", self.shown())).id;
        let Rejection { edits, kept } = self.0.reject(|h| h.id == id);
        let new = Edits::new(self.0.text().len_bytes(), edits.clone()).unwrap().apply(self.0.text()).unwrap();
        self.0.changed(&edits, new);
        self.0.accept(|h| h.id == id);
        kept.len()
    }
}

fn hunk(line: usize, old: &str, now: &str) -> (usize, String, String) {
    (line, old.to_owned(), now.to_owned())
}

const TEXT: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";

#[test]
fn changes_of_an_agent_are_hunks_of_lines() {
    let mut doc = Doc::new(TEXT);
    doc.agent("two", "TWO").agent("five", "FIVE\nand more").agent("three\n", "").agent("six\n", "six\nseven\n");
    let want = [hunk(1, "two\nthree\n", "TWO\n"), hunk(3, "five\n", "FIVE\nand more\n"), hunk(6, "", "seven\n")];
    assert_eq!(doc.shown(), want);
}

#[test]
fn hunks_move_with_the_text() {
    let mut doc = Doc::new(TEXT);
    doc.agent("five", "FIVE").edit(0..0, "typed\n").edit(0..0, "x").user("six", "SIX").user("FIVE\n", "FIVE\nbelow\n");
    assert_eq!(doc.shown(), [hunk(5, "five\n", "FIVE\n")]);
    assert_eq!(doc.reject(5), 0);
    assert_eq!(doc.now(), "xtyped\none\ntwo\nthree\nfour\nfive\nbelow\nSIX\n");
}

#[test]
fn undo_hides_and_redo_shows() {
    let check = |text: &str, from: &str, to: &str| {
        let mut doc = Doc::new(text);
        doc.agent(from, to);
        let (shown, agents) = (doc.shown(), doc.now());
        assert_eq!(shown.len(), 1, "{from:?} to {to:?}");
        for _ in 0..3 {
            let (was, now) = (doc.now(), text.to_owned());
            doc.edit(0..was.len(), &now);
            assert_eq!(doc.shown(), [], "undone as a whole: {from:?} to {to:?}");
            doc.edit(0..now.len(), &agents);
            assert_eq!(doc.shown(), shown, "redone as a whole: {from:?} to {to:?}");
            doc.user(to, from);
            assert_eq!(doc.shown(), [], "undone: {from:?} to {to:?}");
            doc.user(from, to);
            assert_eq!(doc.shown(), shown, "redone: {from:?} to {to:?}");
        }
    };
    check(TEXT, "two", "TWO");
    check(TEXT, "two\nthree\n", "2\n");
    check("bar\nbaz\n", "bar\nbaz", "baz");
    check("a {\n}\n\nb {\n}\n\nc\n", "a {\n}\n\nb {\n}\n\nc", "a {\n}\n\nc");
    check("a {\n}\n\nc\n", "a {\n}\n\nc", "a {\n}\n\nb {\n}\n\nc");
    check("x\n", "x", "x\ny");
    check("end", "end", "end\nmore");
}

#[test]
fn an_undo_of_several_changes_at_once() {
    let mut doc = Doc::new(TEXT);
    doc.agent("two", "TWO").agent("five", "FIVE");
    doc.user("TWO\nthree\nfour\nFIVE", "two\nthree\nfour\nfive");
    assert_eq!(doc.shown(), []);
}

#[test]
fn a_later_change_of_the_agent_joins() {
    let check = |edits: &[(&str, &str)], want: &[(usize, String, String)]| {
        let mut doc = Doc::new(TEXT);
        for (from, to) in edits {
            doc.agent(from, to);
        }
        assert_eq!(doc.shown(), want, "{edits:?}");
        while let Some((line, ..)) = doc.shown().first().cloned() {
            assert_eq!(doc.reject(line), 0);
        }
        assert_eq!(doc.now(), TEXT, "{edits:?}");
    };
    check(&[("two", "TWO"), ("TWO", "TWO!")], &[hunk(1, "two\n", "TWO!\n")]);
    check(&[("two", "TWO"), ("TWO", "two")], &[]);
    check(&[("two", "a\nb\nc"), ("b\n", "")], &[hunk(1, "two\n", "a\nc\n")]);
    check(&[("two", "TWO"), ("one\nTWO\nthree", "x\ny\nz")], &[hunk(0, "one\ntwo\nthree\n", "x\ny\nz\n")]);
    check(&[("two", "TWO"), ("four", "FOUR"), ("TWO\nthree\nFOUR", "all")], &[hunk(1, "two\nthree\nfour\n", "all\n")]);
    check(&[("two\n", ""), ("one\n", "one\nnew\n")], &[hunk(1, "two\n", "new\n")]);
    check(&[("two", "TWO"), ("TWO\n", "")], &[hunk(1, "two\n", "")]);
}

#[test]
fn what_the_user_did_inside_stays() {
    let mut doc = Doc::new(TEXT);
    doc.agent("two\nthree\nfour", "TWO\nthree or more\nFOUR").user("three or more", "three or mine");
    assert_eq!(doc.shown().len(), 1);
    assert_eq!(doc.reject(1), 1);
    assert_eq!(doc.now(), TEXT.replace("three", "three or mine"));

    let mut doc = Doc::new(TEXT);
    doc.agent("two", "let a = 1;").user("let a = 1;", "all mine");
    assert_eq!(doc.reject(1), 1);
    assert_eq!(doc.now(), TEXT.replace("two", "all mine"));
}

#[test]
fn what_the_user_typed_before_the_record_came() {
    let mut doc = Doc::new(TEXT);
    let before = doc.0.text().clone();
    doc.user("five", "FIVE");
    let after = doc.0.text().clone();
    doc.user("one", "typed\none").0.recorded("t", &before, &after);
    assert_eq!(doc.shown(), [hunk(5, "five\n", "FIVE\n")]);
    // Or before the change itself: a buffer that follows the disk.
    let mut doc = Doc::new(TEXT);
    doc.0.recorded("t", &before, &after);
    assert_eq!(doc.shown(), []);
    doc.user("five", "FIVE");
    assert_eq!(doc.shown(), [hunk(4, "five\n", "FIVE\n")]);
}

#[test]
fn a_hunk_that_the_user_takes_out_is_not_shown() {
    let mut doc = Doc::new(TEXT);
    doc.agent("two", "TWO").user("one\nTWO\nthree\n", "");
    assert_eq!(doc.shown(), []);
    doc.edit(0..0, "one\nTWO\nthree\n");
    assert_eq!(doc.shown(), [hunk(1, "two\n", "TWO\n")]);
}

#[test]
fn a_hunk_that_nobody_reviews_takes_its_own_lines() {
    const TURNS: usize = 800;
    let mut doc = Doc::new("first\nthe end\n");
    for turn in 0..TURNS {
        // By turns at the end of a text that grows, and in its first line.
        doc.agent("the end\n", &format!("turn {turn}\nthe end\n"));
        let first = doc.now().lines().next().unwrap().to_owned();
        doc.agent(&first, &format!("turn {turn} was here"));
    }
    let held: usize = doc.0.all().iter().map(|hunk| size_of::<Hunk>() + hunk.turn.len() + hunk.old.len() + hunk.new.len()).sum();
    assert!(doc.0.all().len() <= TURNS + 1 && held < TURNS * 256, "{} hunks, {held} bytes", doc.0.all().len());
    assert!(doc.0.earlier.is_none(), "what was before is not kept behind the record");
}

#[test]
fn kept_hunks_come_back_over_a_changed_text() {
    let mut doc = Doc::new(TEXT);
    doc.agent("two", "TWO").agent("five", "FIVE");
    let (text, all) = (doc.0.text().clone(), doc.0.all().to_vec());
    let mut again = Hunks::restore(text, all);
    again.became(Rope::from_str(&doc.now().replace("one", "typed\none").replace("FIVE", "five")));
    assert_eq!(Doc(again).shown(), [hunk(2, "two\n", "TWO\n")]);
}

fn line() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a\n", "b\n", "{\n", "}\n", "\n", "word word\n", "世界\n", "x\r\n"]).prop_map(str::to_owned)
}

#[derive(Clone, Debug)]
enum Step {
    User(usize, usize, String),
    Agent(usize, usize, String),
    Reject(usize),
    Accept(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let text = prop_oneof![Just(String::new()), "[a-z\\n]{1,4}", prop::collection::vec(line(), 1..4).prop_map(|l| l.concat())];
    prop_oneof![
        4 => (0usize..60, 0usize..12, text.clone()).prop_map(|(a, n, t)| Step::User(a, n, t)),
        4 => (0usize..60, 0usize..12, text).prop_map(|(a, n, t)| Step::Agent(a, n, t)),
        1 => (0usize..4).prop_map(Step::Reject),
        1 => (0usize..4).prop_map(Step::Accept),
    ]
}

fn range_of(text: &Rope, at: usize, len: usize) -> Range<usize> {
    let chars = text.len_chars();
    let start = at.min(chars);
    text.char_to_byte(start)..text.char_to_byte((start + len).min(chars))
}

proptest! {
    #[test]
    fn hunks_stay_sound(lines in prop::collection::vec(line(), 0..12), steps in prop::collection::vec(step(), 0..24)) {
        let mut doc = Doc::new(&lines.concat());
        for step in steps {
            match step {
                Step::User(at, len, text) => {
                    let range = range_of(doc.0.text(), at, len);
                    doc.edit(range, &text);
                }
                Step::Agent(at, len, text) => {
                    let before = doc.0.text().clone();
                    let range = range_of(&before, at, len);
                    doc.edit(range, &text);
                    let after = doc.0.text().clone();
                    doc.0.recorded("t", &before, &after);
                }
                Step::Reject(n) => {
                    let line = doc.0.shown().nth(n).map(|h| doc.0.lines(h).0);
                    if let Some(line) = line {
                        doc.reject(line);
                    }
                }
                Step::Accept(n) => {
                    let id = doc.0.shown().nth(n).map(|h| h.id);
                    doc.0.accept(|h| Some(h.id) == id);
                }
            }
            let text = doc.now();
            let mut end = 0;
            for hunk in doc.0.all() {
                let Range { start, end: stop } = hunk.range;
                prop_assert!(start >= end && stop >= start && stop <= text.len(), "{:?}", doc.0.all());
                prop_assert!(start == 0 || text.as_bytes()[start - 1] == b'\n' , "{:?} in {text:?}", hunk);
                prop_assert!(stop == 0 || stop == text.len() || text.as_bytes()[stop - 1] == b'\n', "{:?} in {text:?}", hunk);
                end = stop;
            }
        }
    }

    /// Nobody typed: rejecting all, in any order, gives the first text.
    #[test]
    fn rejecting_all_restores_the_text(lines in prop::collection::vec(line(), 0..12),
                                       edits in prop::collection::vec((0usize..60, 0usize..12, prop::collection::vec(line(), 0..3)), 0..6),
                                       last in any::<bool>()) {
        let first = lines.concat();
        let mut doc = Doc::new(&first);
        for (at, len, text) in edits {
            let before = doc.0.text().clone();
            let range = range_of(&before, at, len);
            doc.edit(range, &text.concat());
            let after = doc.0.text().clone();
            doc.0.recorded("t", &before, &after);
        }
        for _ in 0..50 {
            let hunk = if last { doc.0.shown().last() } else { doc.0.shown().next() };
            let Some(id) = hunk.map(|h| h.id) else { break };
            let Rejection { edits, kept } = doc.0.reject(|h| h.id == id);
            prop_assert_eq!(kept.len(), 0);
            let new = Edits::new(doc.0.text().len_bytes(), edits.clone()).unwrap().apply(doc.0.text()).unwrap();
            doc.0.changed(&edits, new);
            doc.0.accept(|h| h.id == id);
        }
        prop_assert_eq!(doc.now(), first);
    }

    /// What the user types around a hunk, in lines of its own, is there after it is rejected, and the hunk's lines are as they were.
    #[test]
    fn rejecting_keeps_what_was_typed_around(before in prop::collection::vec(line(), 1..6), old in prop::collection::vec(line(), 0..4),
                                             after in prop::collection::vec(line(), 1..6), new in prop::collection::vec("[A-Z]{1,6}\n", 1..4),
                                             above in "[0-9]{1,5}\n", below in "[0-9]{1,5}\n") {
        let (head, tail) = (before.concat(), after.concat());
        let mut doc = Doc::new(&[head.as_str(), &old.concat(), &tail].concat());
        let text = doc.0.text().clone();
        doc.edit(head.len()..head.len() + old.concat().len(), &new.concat());
        let made = doc.0.text().clone();
        doc.0.recorded("t", &text, &made);
        doc.edit(0..0, &above);
        let end = doc.now().len();
        doc.edit(end..end, &below);
        let Rejection { edits, kept } = doc.0.reject(|_| true);
        prop_assert!(kept.is_empty());
        let back = Edits::new(doc.0.text().len_bytes(), edits).unwrap().apply(doc.0.text()).unwrap();
        prop_assert_eq!(back.to_string(), [above.as_str(), &head, &old.concat(), &tail, &below].concat());
    }
}
