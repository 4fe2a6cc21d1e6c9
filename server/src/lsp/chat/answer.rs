//! Where an answer stands in the chat, kept from one edit to the next: the chat is not read as a whole for every few words. Pure.
//!
//! **Invariant:** an answer that holds in a text is the one that would be found there.

use ropey::{Rope, RopeSlice};
use workspace::TextEdit;

use super::text::{self, INTERLINE, YOU};

/// The section of an answer, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where its heading begins, and where that ends.
    heading: usize,
    /// Behind its heading.
    pub start: usize,
    /// Behind its last word; `start` if there is none.
    pub end: usize,
}

impl Answer {
    /// The newest answer but `newer`; the oldest where there are fewer.
    #[must_use]
    pub fn find(text: &Rope, newer: usize) -> Option<Self> {
        let heading = text::heading_from_end(text, INTERLINE, newer)?;
        let start = text::line_end(text, heading);
        let mut at = text.line_to_byte(heading + 1);
        let mut end = text.len_bytes();
        for line in text.lines_at(heading + 1) {
            if is_any_heading(line) {
                end = at;
                break;
            }
            at += line.len_bytes();
        }
        Some(Self { heading: text.line_to_byte(heading), start, end: text::trimmed_end(text, start, end) })
    }

    /// Where it is after these edits, which are sorted; none if that takes a look.
    #[must_use]
    pub fn moved(mut self, edits: &[TextEdit]) -> Option<Self> {
        for edit in edits.iter().rev() {
            let (from, to) = (edit.range.start, edit.range.end);
            if to <= self.heading {
                let shift = |at: usize| at + edit.text.len() - edit.range.len();
                self = Self { heading: shift(self.heading), start: shift(self.start), end: shift(self.end) };
            } else if from == self.end && to == self.end && !may_make_heading(&edit.text) {
                self.end += edit.text.trim_end().len();
            } else if from <= self.end {
                return None;
            }
        }
        Some(self)
    }

    /// Whether it is the newest answer but `newer` of a text in which nothing but its end may have changed. Looks only below it.
    #[must_use]
    pub fn holds(&self, text: &Rope, newer: usize) -> bool {
        let Ok(line) = text.try_byte_to_line(self.heading) else { return false };
        let is_there = text.line_to_byte(line) == self.heading && is_heading(text.line(line), INTERLINE);
        if !is_there || text::line_end(text, line) != self.start {
            return false;
        }
        let Some(rest) = text.get_byte_slice(self.end..) else { return false };
        let mut below = rest.lines().enumerate().filter(|(_, line)| line.chars().any(|c| !c.is_whitespace()));
        let first = below.next();
        if first.is_some_and(|(at, line)| at == 0 || !is_any_heading(line)) {
            return false;
        }
        let is_answer = |(_, line): &(usize, RopeSlice<'_>)| is_heading(*line, INTERLINE);
        first.into_iter().chain(below).filter(is_answer).count() == newer
    }

    /// Whether an edit is made in it, its heading included.
    #[must_use]
    pub fn is_touched(&self, edit: &TextEdit) -> bool {
        edit.range.start >= self.heading && edit.range.start <= self.end
    }
}

/// Whether a line is exactly that heading.
pub fn is_heading(line: RopeSlice<'_>, heading: &str) -> bool {
    // A cheap look before the line is copied.
    line.len_bytes() <= heading.len() + 4 && line.byte_slice(..).chars().next() == Some('#') && line.to_string().trim_end() == heading
}

fn is_any_heading(line: RopeSlice<'_>) -> bool {
    is_heading(line, YOU) || is_heading(line, INTERLINE)
}

/// Whether a line of it, or the end of one before it together with its first line, may be one of our headings.
fn may_make_heading(words: &str) -> bool {
    let whole = words.lines().any(|line| matches!(line.trim_end(), YOU | INTERLINE));
    let first = words.lines().next().unwrap_or_default().trim_end();
    whole || (!first.is_empty() && (YOU.ends_with(first) || INTERLINE.ends_with(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(at: usize, len: usize, text: &str) -> TextEdit {
        TextEdit { range: at..at + len, text: text.into() }
    }

    fn applied(text: &str, edits: &[TextEdit]) -> String {
        let mut out = text.to_owned();
        edits.iter().rev().for_each(|edit| out.replace_range(edit.range.clone(), &edit.text));
        out
    }

    /// What is known after the edits; it is what a look would find.
    fn after(text: &str, newer: usize, edits: &[TextEdit]) -> Option<Answer> {
        let known = Answer::find(&Rope::from_str(text), newer).unwrap();
        let new = Rope::from_str(&applied(text, edits));
        let known = known.moved(edits).filter(|known| known.holds(&new, newer))?;
        assert_eq!(Answer::find(&new, newer), Some(known), "{text:?} {edits:?}");
        Some(known)
    }

    const TEXT: &str = "## You\n\na\n\n## Interline\n\none\n\n## You\n\nnext";
    const END: usize = 28;

    #[test]
    fn words_at_its_end_and_what_is_typed_around_it_are_followed() {
        assert_eq!(&TEXT[..END], "## You\n\na\n\n## Interline\n\none");
        let known = |edits: &[TextEdit]| after(TEXT, 0, edits).map(|answer| answer.end);
        assert_eq!(known(&[]), Some(END));
        assert_eq!(known(&[edit(END, 0, " two\n\nthree")]), Some(END + 11));
        assert_eq!(known(&[edit(END, 0, " two  \n")]), Some(END + 4));
        assert_eq!(known(&[edit(8, 1, "another"), edit(END, 0, "!"), edit(TEXT.len(), 0, " question")]), Some(END + 7));
    }

    #[test]
    fn what_may_be_otherwise_takes_a_look() {
        for edits in [
            vec![edit(24, 1, "ONE")],
            vec![edit(END, 0, "\n\n## You\n\nx")],
            vec![edit(END + 1, 0, "typed below\n")],
            vec![edit(END, 0, "You")],
            vec![edit(13, 1, "")],
            vec![edit(TEXT.len(), 0, "\n\n## Interline\n\n")],
            vec![edit(5, 7, "")],
        ] {
            assert_eq!(after(TEXT, 0, &edits), None, "{edits:?}");
        }
        assert_eq!(after(TEXT, 0, &[edit(0, 0, "## Interline\n\n")]).map(|answer| answer.end), Some(END + 14));
        let newer = format!("{TEXT}\n\n## Interline\n\n## You\n\n");
        assert_eq!(after(&newer, 1, &[edit(END, 0, "!")]).map(|answer| answer.end), Some(END + 1));
    }

    #[test]
    fn whatever_is_edited_what_holds_is_what_would_be_found() {
        // Edits at every place, with what makes and breaks headings.
        for at in 0..=TEXT.len() {
            for len in 0..=(TEXT.len() - at).min(8) {
                for with in ["", "\n", "x", "## You\n", "\n## Interline\n", "## ", "You"] {
                    let _ = after(TEXT, 0, &[edit(at, len, with)]);
                }
            }
        }
    }
}
