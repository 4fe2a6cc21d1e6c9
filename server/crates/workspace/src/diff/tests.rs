//! **Invariant:** see `diff.rs`: the laws by random texts, what a merge is to make of a change by many small cases.

use proptest::prelude::*;

use super::*;

#[test]
fn merges() {
    #[track_caller]
    fn check(base: &str, ours: &str, theirs: &str, expect: &str, conflicts: &[&str]) {
        let merge = merge3(&Rope::from_str(base), &Rope::from_str(ours), &Rope::from_str(theirs));
        let left: Vec<&str> = merge.conflicts.iter().map(|conflict| conflict.theirs.as_str()).collect();
        assert_eq!((merge.text.to_string().as_str(), left.as_slice()), (expect, conflicts));
        assert_eq!(merge.edits_over_ours.apply(&Rope::from_str(ours)).unwrap(), merge.text);
    }
    check("a\nb\nc\n", "a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\n", &[]);
    check("a\nb\nc\n", "x\na\nb\nc\n", "a\nB\nc\n", "x\na\nB\nc\n", &[]);
    check("a\nb\nc\n", "a\nX\nc\n", "a\nB\nc\n", "a\nX\nc\n", &["B"]);
    check("a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\n", "a\nB\nc\n", &[]);
    check("f(a, b)\n", "f(x, b)\n", "f(a, y)\n", "f(x, y)\n", &[]);
    // Never inside of a word.
    check("word\n", "wordx\n", "yword\n", "wordx\n", &["yword"]);
    check("target line\n", "the user's own words\n", "agent's line\n", "the user's own words\n", &["agent's"]);
    check("a\r\nb\r\n", "a\r\nb\r\nc\r\n", "A\r\nb\r\n", "A\r\nb\r\nc\r\n", &[]);
    check("", "ours\n", "theirs\n", "ours\ntheirs\n", &[]);
    check("a\n", "", "a\nb\n", "b\n", &[]);
}

#[test]
fn what_was_moved_is_not_gone_from_both_places() {
    let base = "one\ntwo\nthree\nmoved\n";
    let merge = merge3(&Rope::from_str(base), &Rope::from_str("users\ntwo\nthree\nmoved\n"), &Rope::from_str("moved\ntwo\nthree\n"));
    // The place where it was to go is the user's: so it stays where it is.
    assert_eq!(merge.text, "users\ntwo\nthree\nmoved\n");
    assert_eq!(merge.conflicts.len(), 2);
}

#[test]
fn long_texts_in_time() {
    let line = |n: usize| format!("    let value_{n} = compute({n}, \"text\");\n");
    let old = Rope::from_str(&(0..100_000).map(line).collect::<String>());
    let every =
        |step: usize| Rope::from_str(&(0..100_000).map(|n| if n % step == 0 { line(n + 1_000_000) } else { line(n) }).collect::<String>());
    let turned = Rope::from_str(&(0..100_000).rev().map(line).collect::<String>());
    let mixed = Rope::from_str(&(0..100_000).map(|n| line(n * 7919 % 100_000 / 3)).collect::<String>());
    for (name, new) in
        [("two lines", every(50_000)), ("every tenth line", every(10)), ("all", every(1)), ("turned", turned), ("mixed", mixed)]
    {
        let start = std::time::Instant::now();
        assert_eq!(diff(&old, &new).apply(&old).unwrap(), new);
        eprintln!("{name}: {:?}", start.elapsed());
    }
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec!["a", "b", "ab", " ", "\n", "\n", "\r\n", "\r", "é", "世", "(", "x = 1\n", "a b c\n"]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_diff_makes_the_new_text(old in text(), new in text()) {
        let edits = diff_str(&old, &new);
        prop_assert_eq!(edits.apply_str(&old).unwrap(), new.clone());
        prop_assert_eq!(edits.is_empty(), old == new);
        prop_assert_eq!(unified(&Rope::from_str(&old), &Rope::from_str(&new), "a", "b", 3).is_empty(), old == new);
    }

    #[test]
    fn a_merge_of_one_change_is_that_change(base in text(), other in text()) {
        let (base, other) = (Rope::from_str(&base), Rope::from_str(&other));
        for (ours, theirs) in [(&base, &other), (&other, &base), (&other, &other)] {
            let merge = merge3(&base, ours, theirs);
            prop_assert_eq!(&merge.text, &other);
            prop_assert!(merge.conflicts.is_empty());
        }
    }

    #[test]
    fn a_merge_is_told_in_full(base in text(), ours in text(), theirs in text()) {
        let (base, ours, theirs) = (Rope::from_str(&base), Rope::from_str(&ours), Rope::from_str(&theirs));
        let merge = merge3(&base, &ours, &theirs);
        prop_assert_eq!(merge.edits_over_ours.apply(&ours).unwrap(), merge.text);
        let lines = count_newlines(&ours, ours.len_bytes()) + 1;
        for conflict in merge.conflicts {
            prop_assert!(conflict.ours_lines.start < conflict.ours_lines.end && conflict.ours_lines.end <= lines);
            prop_assert!(conflict.base_range.end <= base.len_bytes());
        }
    }
}
