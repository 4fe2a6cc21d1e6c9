//! Changes that were made one after the other, as edits of the text before the first. Pure.
//!
//! **Invariant:** the composed edits, applied to the first text, give what the changes gave in turn; they are sorted and do not overlap.

use std::ops::Range;

use workspace::TextEdit;

/// Adds a change of the text that `edits` make: `range` counts in that text.
pub(super) fn add(edits: &mut Vec<TextEdit>, range: Range<usize>, text: &str) {
    // Where each edit's new text stands is its old place plus what the edits before it have added.
    let mut shift = 0isize;
    let mut first = 0;
    for edit in &*edits {
        if moved(edit.range.start, shift) + edit.text.len() >= range.start {
            break;
        }
        shift += growth(edit);
        first += 1;
    }
    let mut old = back(range.start, shift)..0;
    let mut new = String::new();
    let (mut last, mut tail) = (first, "");
    for edit in &edits[first..] {
        let start = moved(edit.range.start, shift);
        if start > range.end {
            break;
        }
        if last == first && start < range.start {
            new.push_str(&edit.text[..range.start - start]);
            old.start = edit.range.start;
        }
        old.start = old.start.min(edit.range.start);
        let end = start + edit.text.len();
        tail = if end > range.end { &edit.text[range.end - start..] } else { "" };
        shift += growth(edit);
        old.end = edit.range.end;
        last += 1;
    }
    if tail.is_empty() {
        old.end = old.end.max(back(range.end, shift));
    }
    new.push_str(text);
    new.push_str(tail);
    edits.splice(first..last, [TextEdit { range: old, text: new }]);
}

fn growth(edit: &TextEdit) -> isize {
    edit.text.len().wrapping_sub(edit.range.len()).cast_signed()
}

fn moved(at: usize, shift: isize) -> usize {
    at.wrapping_add_signed(shift)
}

fn back(at: usize, shift: isize) -> usize {
    at.wrapping_add_signed(-shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn composed_is_one_after_the_other(old in "[a-e]{0,30}", changes in prop::collection::vec((0usize..40, 0usize..6, "[v-z]{0,4}"), 0..12)) {
            let (mut now, mut edits) = (old.clone(), Vec::new());
            for (at, len, text) in changes {
                let start = at.min(now.len());
                let end = (start + len).min(now.len());
                now.replace_range(start..end, &text);
                add(&mut edits, start..end, &text);
            }
            for pair in edits.windows(2) {
                prop_assert!(pair[0].range.end <= pair[1].range.start, "{edits:?}");
            }
            let mut got = old;
            for edit in edits.iter().rev() {
                got.replace_range(edit.range.clone(), &edit.text);
            }
            prop_assert_eq!(got, now);
        }
    }

    #[test]
    fn apart_stays_apart() {
        let mut edits = Vec::new();
        add(&mut edits, 10..12, "x");
        add(&mut edits, 2..2, "yy");
        assert_eq!(edits, [TextEdit { range: 2..2, text: "yy".into() }, TextEdit { range: 10..12, text: "x".into() }]);
    }
}
