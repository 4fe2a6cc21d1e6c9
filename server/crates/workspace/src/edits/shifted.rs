//! One insertion told in two ways: a line that is put behind a line's end, or before the next line's start, makes the same text.
//!
//! **Invariant:** only insertions that make the same text count as one.

use ropey::Rope;

use crate::TextEdit;

/// A place between somebody's edits, in the text that these have made: what lies in it is as it was.
pub(super) struct Gap<'a> {
    pub now: &'a Rope,
    /// What an edit of ours replaces.
    pub start: usize,
    pub end: usize,
}

impl Gap<'_> {
    /// Whether what an edit puts here is an insertion that one of the neighbours has made. `start` is where it begins in the old text.
    pub fn has_it(&self, text: &str, earlier: Option<&TextEdit>, later: Option<&TextEdit>, start: usize) -> bool {
        let Some((at, inserted)) = self.insertion(text) else { return false };
        // What stands between the two may be as long as the insertion; beyond that only blanks and the like would be the same.
        let near =
            |edit: &&TextEdit, distance: usize| edit.range.is_empty() && edit.text.len() == inserted.len() && distance <= inserted.len();
        let between = |from: usize, to: usize| self.now.get_byte_slice(from..to).map(|slice| slice.to_string());
        let old_at = start + at - self.start;
        let after_it = earlier.filter(|edit| near(edit, old_at - edit.range.end)).and_then(|edit| {
            let between = between(at - (old_at - edit.range.end), at)?;
            Some(format!("{}{between}", edit.text) == format!("{between}{inserted}"))
        });
        let before_it = later.filter(|edit| near(edit, edit.range.start - old_at)).and_then(|edit| {
            let between = between(at, at + (edit.range.start - old_at))?;
            Some(format!("{inserted}{between}") == format!("{between}{}", edit.text))
        });
        after_it == Some(true) || before_it == Some(true)
    }

    /// The edit as an insertion, if it takes nothing away: where, and what.
    fn insertion<'t>(&self, text: &'t str) -> Option<(usize, &'t str)> {
        let length = self.end - self.start;
        let more = text.len().checked_sub(length).filter(|more| *more > 0)?;
        let replaced = self.now.get_byte_slice(self.start..self.end)?.to_string();
        let mut head: usize = replaced.chars().zip(text.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        while head > 0 && !(text.is_char_boundary(head) && text.is_char_boundary(head + more)) {
            head -= 1;
        }
        let inserted = text.get(head..head + more)?;
        (text.get(head + more..) == replaced.get(head..)).then_some((self.start + head, inserted))
    }
}
