//! Whether a change that an editor told of as one holds an edit of ours, beside what the user typed at that moment.
//!
//! Must not know what the editor says of it.
//!
//! **Invariant:** an edit is called made if all that it inserts is in the text and the text is nearer to the one with it, not made if the contrary of both holds;
//! anything else is not known.

use std::cmp::Ordering;
use std::ops::Range;

use ropey::Rope;

use crate::edits::is_word;
use crate::{Edits, Fate, diff};

/// What became of `ours`, which makes `whole` of `before`, now that the text is another one.
pub(super) fn fate(before: &Rope, ours: &Edits, whole: &Rope, text: &Rope) -> Fate {
    let (without, with) = (apart(before, text), apart(whole, text));
    let (was, is) = (before.to_string(), text.to_string());
    let more = |word: &str| is.matches(word).count() > was.matches(word).count();
    let mut words = ours.edits().iter().flat_map(|edit| edit.text.split(|c| !is_word(c))).filter(|word| !word.is_empty()).peekable();
    let nothing_said = words.peek().is_none();
    let (some, all) = words.fold((false, true), |(some, all), word| {
        let there = more(word);
        (some || there, all && there)
    });
    match with.size().cmp(&without.size()) {
        // With no difference at all, something was made and taken back.
        Ordering::Greater if !some && !without.is_empty() => Fate::NotMade,
        // The user may have done a part of it himself.
        Ordering::Less if all && !nothing_said && places(ours).all(|place| is_left(&place, &with)) => Fate::Made,
        _ => Fate::Unknown,
    }
}

/// What differs, to the letter: a word that was typed into is mostly left.
fn apart(old: &Rope, new: &Rope) -> Edits {
    let edits = diff(old, new);
    edits.minimized(old).unwrap_or(edits)
}

/// Where what was inserted stands in the new text.
fn places(edits: &Edits) -> impl Iterator<Item = Range<usize>> {
    let (mut removed, mut added) = (0, 0);
    edits.edits().iter().map(move |edit| {
        let start = edit.range.start - removed + added;
        removed += edit.range.len();
        added += edit.text.len();
        start..start + edit.text.len()
    })
}

/// Whether something of a place is left; of a place where something was taken away, whether nothing was put there.
fn is_left(place: &Range<usize>, later: &Edits) -> bool {
    let mut touching = later.edits().iter().filter(|edit| edit.range.start <= place.end && place.start <= edit.range.end);
    if place.is_empty() {
        return touching.all(|edit| edit.text.is_empty());
    }
    let overlap = |range: &Range<usize>| range.end.min(place.end).saturating_sub(range.start.max(place.start));
    touching.map(|edit| overlap(&edit.range)).sum::<usize>() < place.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff_str;

    #[test]
    fn both_the_words_and_the_nearer_text_must_say_so() {
        let check = |before: &str, whole: &str, text: &str, expect: Fate| {
            let (ours, rope) = (diff_str(before, whole), Rope::from_str);
            assert_eq!(fate(&rope(before), &ours, &rope(whole), &rope(text)), expect, "{before:?} {whole:?} {text:?}");
        };
        // Typed beside it, in it, and elsewhere.
        check("a\nb\n", "a\nnew line\nb\n", "a\nnew line\nxb\n", Fate::Made);
        check("a\nb\n", "a\nnew line\nb\n", "a\nnew x line\nb\n", Fate::Made);
        check("a\nb\n", "a\nnew line\nb\n", "a\nnew line\nb\nx\n", Fate::Made);
        // A word of it is not whole any more; it may be the only one.
        check("", "single", "sinxgle", Fate::Unknown);
        check("a\nb\n", "a\nnew line\nb\n", "a\nnew lixne\nb\n", Fate::Unknown);
        // Only the user's, in the same places.
        check("a\nb\n", "a\nnew line\nb\n", "a\nxb\n", Fate::NotMade);
        check("a\nb\n", "a\nnew line\nb\n", "a\nb\nx\n", Fate::NotMade);
        check("a\nold words\n", "a\nnew line\n", "a\nold x words\n", Fate::NotMade);
        // It was taken back at once, or what the user had typed was.
        check("a\nb\n", "a\nnew line\nb\n", "a\nb\n", Fate::Unknown);
        // Where nothing but blanks and signs is inserted, only that it is not there can be known.
        check("a\nold words\nb\nc\n", "a\nb\nc\n", "a\nb\nxc\n", Fate::Unknown);
        check("a\nold words\nb\nc\n", "a\nb\nc\n", "a\nold words\nb\nxc\n", Fate::NotMade);
        // One of two places.
        check("one\n2\n3\n4\n", "one and many more\n2\n3\nfour\n", "one and many more\n2\n3\n4\n", Fate::Unknown);
        check("one\n2\n3\n4\n", "one and many more\n2\n3\n", "one and many more\n2\n3\n4\n", Fate::Unknown);
        // The user types one of its words.
        check("a\nb\n", "a\nnew line\nb\n", "a\nnew\nb\n", Fate::Unknown);
    }
}
