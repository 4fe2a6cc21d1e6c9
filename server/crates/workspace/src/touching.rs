//! The part of a change of a text that concerns what was just edited in it.
//!
//! Must not know who made the change: a formatter of whole files, mostly.
//!
//! **Invariant:** a line that was not edited stays as it is where the change only moved blanks in it.

use std::ops::Range;

use ropey::Rope;
use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices};

use crate::diff::changed_lines;
use crate::{Edits, TextEdit};

/// What becomes of `text` (which an edit made of `before`) by those of `new`'s changed lines that touch what was edited. None if `new` indents most of
/// the other lines in another way: what it makes of the edited ones would not fit them.
#[must_use]
pub fn only_touching(before: &Rope, text: &Rope, new: &Rope) -> Option<Rope> {
    let edited: Vec<Range<usize>> = changed_lines(before, text).into_iter().map(|(_, range)| range).collect();
    let touched = |range: &Range<usize>| edited.iter().any(|edited| touch(edited, range));
    let (old, new) = (text.to_string(), new.to_string());
    let (old_lines, new_lines): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let (mut edits, mut at) = (Vec::new(), 0);
    let (mut indented, mut moved) = (0, 0);
    for op in by_words(&old_lines, &new_lines) {
        let (tag, old_range, new_range) = op.as_tag_tuple();
        if tag == DiffTag::Equal {
            for (was, is) in old_lines[old_range].iter().zip(&new_lines[new_range]) {
                let range = at..at + was.len();
                at = range.end;
                if touched(&range) {
                    edits.extend((was != is).then(|| TextEdit { range, text: (*is).to_owned() }));
                } else if !was.trim().is_empty() {
                    indented += usize::from(!indent(was).is_empty() || !indent(is).is_empty());
                    moved += usize::from(indent(was) != indent(is));
                }
            }
        } else {
            let range = at..at + old_lines[old_range].iter().map(|line| line.len()).sum::<usize>();
            at = range.end;
            edits.extend(touched(&range).then(|| TextEdit { range, text: new_lines[new_range].concat() }));
        }
    }
    if moved * 2 > indented {
        return None;
    }
    // Lines are apart and fit, so that this cannot fail.
    Edits::new(text.len_bytes(), edits).and_then(|edits| edits.apply(text)).ok()
}

/// What differs, where lines that differ in blanks alone are equal.
fn by_words(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let words = |lines: &[&str]| lines.iter().map(|line| line.split_whitespace().collect()).collect::<Vec<String>>();
    capture_diff_slices(Algorithm::Myers, &words(old), &words(new))
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// Lines in common; a place between lines also touches those on both sides of it.
fn touch(a: &Range<usize>, b: &Range<usize>) -> bool {
    if a.is_empty() || b.is_empty() { a.start <= b.end && b.start <= a.end } else { a.start < b.end && b.start < a.end }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_touch_the_edit() {
        let check = |before: &str, text: &str, new: &str, expect: Option<&str>| {
            let [before, text, new] = [before, text, new].map(Rope::from_str);
            assert_eq!(only_touching(&before, &text, &new).map(|text| text.to_string()).as_deref(), expect);
        };
        // The edited line alone, though others would change as well, beside it and far from it.
        check("a  b\nx\nc  d\n\ne  f\n", "a  b\nx  y\nc  d\n\ne  f\n", "a b\nx y\nc d\n\ne f\n", Some("a  b\nx y\nc  d\n\ne  f\n"));
        // One line became three.
        check("f(1)\nkeep\n", "f(1, 2)\nkeep\n", "f(\n1,\n2)\nkeep\n", Some("f(\n1,\n2)\nkeep\n"));
        // What was deleted leaves an empty line too many.
        check("a\n\nx\n\nb\n\n\nc\n", "a\n\n\nb\n\n\nc\n", "a\n\nb\n\nc\n", Some("a\n\nb\n\n\nc\n"));
        // The end of a file without a line end is not the edit's matter.
        check("x\nb", "y\nb", "y\nb\n", Some("y\nb"));
        // A new file is edited as a whole; one without an edit not at all.
        check("", "a  b\nc  d", "a b\nc d\n", Some("a b\nc d\n"));
        check("a  b\n", "a  b\n", "a b\n", Some("a  b\n"));
        // Another indentation: the edited line would stand alone with it.
        check("f\n  a\n  b\n  c\n", "f\n  a\n  x\n  c\n", "f\n    a\n    x\n    c\n", None);
        check(
            "f\n    a\n   b\n    c\n    d\n",
            "f\n    a\n   b\n  x\n    d\n",
            "f\n    a\n    b\n    x\n    d\n",
            Some("f\n    a\n   b\n    x\n    d\n"),
        );
    }

    proptest! {
        #[test]
        fn nothing_edited_nothing_taken_all_new_all_taken(before in "[ab \n]{0,12}", text in "[ab \n]{0,12}", new in "[ab \n]{0,12}") {
            let [before, text, new] = [before, text, new].map(Rope::from);
            let part = only_touching(&before, &text, &new);
            if before == text {
                prop_assert!(part.is_none_or(|part| part == text));
            } else if before.len_bytes() == 0 {
                prop_assert_eq!(part, Some(new));
            }
        }
    }
}
