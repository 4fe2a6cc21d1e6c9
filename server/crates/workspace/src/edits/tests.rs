//! **Invariant:** the laws of edits hold for any texts: many small cases by name, and random ones of few letters, line ends and wide characters.

use proptest::prelude::*;

use super::*;
use crate::diff_str;

/// A text with `[old|new]` where it is changed: the text, and the changes.
fn parse(marked: &str) -> (String, Edits) {
    let (mut text, mut edits) = (String::new(), Vec::new());
    let mut rest = marked;
    while let Some((before, behind)) = rest.split_once('[') {
        text.push_str(before);
        let (old, behind) = behind.split_once('|').unwrap();
        let (new, behind) = behind.split_once(']').unwrap();
        edits.push(TextEdit { range: text.len()..text.len() + old.len(), text: new.to_owned() });
        text.push_str(old);
        rest = behind;
    }
    text.push_str(rest);
    let edits = Edits::new(text.len(), edits).unwrap();
    (text, edits)
}

#[test]
fn rebase_keeps_both() {
    /// The same text marked with the agent's and with the user's changes; what comes of both, or which of the agent's are in conflict.
    #[track_caller]
    fn check(agent: &str, user: &str, expect: Result<&str, &[usize]>) {
        let ((text, agent), (same, user)) = (parse(agent), parse(user));
        assert_eq!(text, same);
        let now = user.apply(&Rope::from_str(&text)).unwrap();
        let got = rebase(&agent, &user, &now).map(|edits| edits.apply(&now).unwrap().to_string());
        assert_eq!(got.as_deref().map_err(Vec::as_slice), expect);
    }
    check("a [b|B] c", "a b c", Ok("a B c"));
    check("a [b|B] c", "[a|A] b [c|C]", Ok("A B C"));
    check("a [b|B] c", "a [|x]b[|y] c", Ok("a xBy c"));
    check("a [b|B] c", "a [b|X] c", Err(&[0]));
    check("a [b|B] c", "a [b|B] c", Ok("a B c"));
    check("a [b c|B] d", "a b[|!] c d", Err(&[0]));
    check("a [b c|] d", "a [b|] c d", Err(&[0]));
    check("a [b c|] d", "[a b c d|]", Ok(""));
    check("a [b c|X] d", "[a b c d|]", Err(&[0]));
    check("a [b|B][ c|] d", "a b c [d|D]", Ok("a B D"));
    check("[a|A] b [c|C]", "[a|x] b c", Err(&[0]));
    check("[a|A] b [c|C]", "a b [c|x]", Err(&[1]));
    check("[a|A] b [c|C]", "[a|A] b c", Ok("A b C"));
    // At one place the user's stays first; the same text is not put there twice.
    check("a[|X]b", "a[|u]b", Ok("auXb"));
    check("a[|X]b", "a[|X]b", Ok("aXb"));
    check("a[|X]b", "[ab|]", Err(&[0]));
    check("a[|X]b", "a[b|]", Ok("aX"));
    // The user has written what the agent's edit makes, in another way; that is seen where it is all within the agent's range.
    check("[old words|new words]", "[old|new] words", Ok("new words"));
    check("a[|x]a", "[aa|axa]", Err(&[0]));
    // A new line behind a line's end is one before the next line's start.
    check("a\n[|new\n]b\n", "a[|\nnew]\nb\n", Ok("a\nnew\nb\n"));
    check("a[|\nnew]\nb\n", "a\n[|new\n]b\n", Ok("a\nnew\nb\n"));
    check("a\nb\n[|new\n]", "a\nb[|\nnew]\n", Ok("a\nb\nnew\n"));
    check("[a|a\nnew]\nb\n", "a\n[|new\n]b\n", Ok("a\nnew\nb\n"));
    check("a\n[bé|bar\nbé]\n", "a\nb[|ar\nb]é\n", Ok("a\nbar\nbé\n"));
    check("a\n[|bar\n]baz\n", "a\nba[|r\nba]z\n", Ok("a\nbar\nbaz\n"));
    check("a\n[|new\n]b\n", "a[|\nold]\nb\n", Ok("a\nold\nnew\nb\n"));
    check("a\n[|new\n]b\n", "a\nb\n[|new\n]", Ok("a\nnew\nb\nnew\n"));
}

#[test]
fn maps_offsets() {
    #[track_caller]
    fn check(marked: &str, at: usize, before: usize, after: usize) {
        let (_, edits) = parse(marked);
        assert_eq!((edits.map_offset(at, Assoc::Before), edits.map_offset(at, Assoc::After)), (before, after));
    }
    check("ab", 1, 1, 1);
    check("a[|xy]b", 0, 0, 0);
    check("a[|xy]b", 1, 1, 3);
    check("a[|xy]b", 2, 4, 4);
    check("a[bc|x]d", 1, 1, 1);
    check("a[bc|x]d", 2, 1, 2);
    check("a[bc|x]d", 3, 2, 2);
    check("[ab|]c", 3, 1, 1);
}

#[test]
fn minimizes() {
    #[track_caller]
    fn check(marked: &str, expect: &str) {
        let ((text, edits), (same, expect)) = (parse(marked), parse(expect));
        assert_eq!(text, same);
        assert_eq!(edits.minimized(&Rope::from_str(&text)).unwrap(), expect);
    }
    check("a[bcd|bXd]e", "ab[c|X]de");
    check("a[bcd|bcd]e", "abcde");
    check("a[世界|世é]e", "a世[界|é]e");
    check("[é|è]", "[é|è]");
    check("[aa|a]", "a[a|]");
    // A line end is one sign.
    check("[a\r\n|a\n]", "a[\r\n|\n]");
    check("[a\n|a\r\n]", "a[\n|\r\n]");
    check("[a\r|a\r\n]", "a[\r|\r\n]");
    check("[a|a\r]\n", "a[|\r]\n");
    check("a\r\n[b|b\r\nc]\r\n", "a\r\nb[|\r\nc]\r\n");
}

#[test]
fn changes_of_words() {
    #[track_caller]
    fn check(marked: &str, expect: &str) {
        let ((text, edits), (same, expect)) = (parse(marked), parse(expect));
        assert_eq!(text, same);
        let old = Rope::from_str(&text);
        assert_eq!(edits.by_words(&old, &edits.apply(&old).unwrap()), expect);
    }
    check("one t[|x]wo", "one [two|txwo]");
    check("one two[|x]", "one [two|twox]");
    check("one [|x]two", "one [two|xtwo]");
    check("one[| and] two", "one[| and] two");
    check("one[ |]two", "[one two|onetwo]");
    check("o[n|]e t[w|]o", "[one|oe] [two|to]");
    check("one two[|(]", "one two[|(]");
    check("é[|世]", "[é|é世]");
}

#[test]
fn refuses_what_does_not_fit() {
    let edit = |range, text: &str| TextEdit { range, text: text.to_owned() };
    assert_eq!(Edits::new(3, vec![edit(2..4, "")]), Err(EditsError::Outside { range: 2..4, len: 3 }));
    assert_eq!(Edits::new(3, vec![edit(0..2, ""), edit(1..3, "")]), Err(EditsError::Overlap { at: 1 }));
    let cut = Edits::new(2, vec![edit(1..2, "")]).unwrap();
    assert_eq!(cut.apply(&Rope::from_str("é")), Err(EditsError::Boundary { at: 1 }));
    assert_eq!(cut.apply_str("é"), Err(EditsError::Boundary { at: 1 }));
    assert_eq!(cut.apply_str("abc"), Err(EditsError::Length { expected: 2, found: 3 }));
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec!["a", "b", "ab", " ", "\n", "\r\n", "\r", "é", "世", "(", "\u{1F600}"]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Edits of a text, at parts of its length.
fn edits(text: &str, parts: &[(u16, u8, String)]) -> Edits {
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let mut at: Vec<usize> = parts.iter().map(|(at, ..)| boundary(usize::from(*at) % (text.len() + 1))).collect();
    at.sort_unstable();
    let ends = at.iter().skip(1).copied().chain([text.len()]);
    let ranges: Vec<_> = at.iter().zip(ends).collect();
    let edits = ranges.into_iter().zip(parts).map(|((start, next), (_, len, text_new))| {
        let end = boundary((start + usize::from(*len) % 6).min(next)).max(*start);
        TextEdit { range: *start..end, text: text_new.clone() }
    });
    Edits::new(text.len(), edits.collect()).unwrap()
}

fn parts() -> impl Strategy<Value = Vec<(u16, u8, String)>> {
    prop::collection::vec((any::<u16>(), any::<u8>(), text().prop_map(|text| text.chars().take(4).collect())), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn apply_invert_compose(old in text(), first in parts(), second in parts(), third in parts()) {
        let rope = Rope::from_str(&old);
        let first = edits(&old, &first);
        let new = first.apply(&rope).unwrap();
        prop_assert_eq!(&first.apply_str(&old).unwrap(), &new.to_string());
        prop_assert_eq!(new.len_bytes(), first.len_after());
        let back = first.invert(&rope).unwrap();
        prop_assert_eq!(back.apply(&new).unwrap(), rope.clone());
        prop_assert_eq!(back.invert(&new).unwrap(), first.clone());
        let second = edits(&new.to_string(), &second);
        let newer = second.apply(&new).unwrap();
        let both = first.compose(&second).unwrap();
        prop_assert_eq!(both.apply(&rope).unwrap(), newer.clone());
        let third = edits(&newer.to_string(), &third);
        let one_way = both.compose(&third).unwrap().apply(&rope).unwrap();
        prop_assert_eq!(one_way, first.compose(&second.compose(&third).unwrap()).unwrap().apply(&rope).unwrap());
        prop_assert_eq!(first.compose(&Edits::none(new.len_bytes())).unwrap(), first.clone());
        prop_assert_eq!(Edits::none(old.len()).compose(&first).unwrap(), first);
    }

    #[test]
    fn smaller_and_larger_changes_are_the_same_change(old in text(), change in parts()) {
        let rope = Rope::from_str(&old);
        let change = edits(&old, &change);
        let new = change.apply(&rope).unwrap();
        let small = change.minimized(&rope).unwrap();
        prop_assert_eq!(small.apply(&rope).unwrap(), new.clone());
        prop_assert!(small.size() <= change.size());
        prop_assert_eq!(change.by_words(&rope, &new).apply(&rope).unwrap(), new.clone());
        prop_assert_eq!(crate::diff::changed(&rope, &new, change.clone().into_vec()).apply(&rope).unwrap(), new);
    }

    #[test]
    fn minimizing_never_cuts_a_line_end(old in text(), new in text()) {
        let rope = Rope::from_str(&old);
        let whole = Edits::whole(&rope, &Rope::from_str(&new));
        for edit in whole.minimized(&rope).unwrap().edits().iter().chain(diff_str(&old, &new).edits()) {
            for at in [edit.range.start, edit.range.end] {
                prop_assert!(!(old[..at].ends_with('\r') && old[at..].starts_with('\n')), "{edit:?}");
            }
            let cuts = |left: &str, right: &str| left.ends_with('\r') && right.starts_with('\n');
            prop_assert!(edit.text.is_empty() || !cuts(&old[..edit.range.start], &edit.text), "{edit:?}");
            prop_assert!(edit.text.is_empty() || !cuts(&edit.text, &old[edit.range.end..]), "{edit:?}");
        }
    }

    #[test]
    fn positions_keep_their_order(old in text(), change in parts()) {
        let change = edits(&old, &change);
        let back = change.invert(&Rope::from_str(&old)).unwrap();
        let mut touched = change.edits().iter().map(|edit| edit.range.clone()).collect::<Vec<_>>().into_iter().peekable();
        let mut last = (0, 0);
        for at in 0..=old.len() {
            let (before, after) = (change.map_offset(at, Assoc::Before), change.map_offset(at, Assoc::After));
            prop_assert!(last.0 <= before && last.1 <= after && before <= after && after <= change.len_after());
            last = (before, after);
            while touched.next_if(|range| range.end < at).is_some() {}
            if touched.peek().is_none_or(|range| at < range.start) {
                prop_assert_eq!((before, back.map_offset(before, Assoc::Before)), (after, at));
            }
        }
    }

    #[test]
    fn rebased_both_ways_gives_one_text(old in text(), agent in parts(), user in parts()) {
        let rope = Rope::from_str(&old);
        let (agent, user) = (edits(&old, &agent), edits(&old, &user));
        let (of_agent, of_user) = (agent.apply(&rope).unwrap(), user.apply(&rope).unwrap());
        let rebased = rebase_split(&agent, &user, &of_user);
        let merged = rebased.edits.apply(&of_user).unwrap();
        prop_assert_eq!(rebased.edits.len_before(), of_user.len_bytes());
        // What the user wrote is all there, in its order, whatever the conflicts.
        let letters: Vec<&str> = user.edits().iter().map(|edit| edit.text.as_str()).collect();
        let merged_text = merged.to_string();
        let mut at = 0;
        for text in letters {
            let found = merged_text[at..].find(text);
            prop_assert!(found.is_some(), "{text:?} is not in {merged_text:?} behind {at}");
            at += found.unwrap() + text.len();
        }
        // Where nothing of them meets, it does not matter who was first.
        let apart = agent.edits().iter().all(|a| user.edits().iter().all(|u| a.range.end < u.range.start || u.range.end < a.range.start));
        if apart {
            let other = rebase(&user, &agent, &of_agent).unwrap();
            prop_assert!(rebased.conflicts.is_empty());
            prop_assert_eq!(other.apply(&of_agent).unwrap(), merged);
        }
        prop_assert_eq!(rebase(&agent, &Edits::none(old.len()), &rope).unwrap(), agent);
    }
}
