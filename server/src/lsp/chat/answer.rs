//! Where an answer stands in the chat, kept from one edit to the next: the chat is not read as a whole for every few words. Pure.
//!
//! **Invariant:** an answer that is known stays where its heading is, whatever is written or quoted below it; what still holds in a text is what a look at
//! that heading finds.

use ropey::{Rope, RopeSlice};
use workspace::TextEdit;

use super::headings::{INTERLINE, Unended, Who, YOU, headings, looks_like};
use super::text;

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
        let mut answers = answers_in(text.slice(..), Unended::Nothing);
        answers.truncate((answers.len().saturating_sub(newer)).max(1));
        Self::at(text, answers.pop()?)
    }

    /// The newest answer, where this one is known. What is quoted in a block below them is none, even if nobody has ended the block yet.
    #[must_use]
    pub fn newest(text: &Rope, known: Option<Self>) -> Option<Self> {
        let Some(known) = known else { return Self::find(text, 0) };
        let below = answers_in(text.byte_slice(known.end..), Unended::All).pop();
        below.and_then(|at| Self::at(text, known.end + at)).or(Some(known))
    }

    /// The answer whose heading begins there.
    fn at(text: &Rope, heading: usize) -> Option<Self> {
        let line = text.try_byte_to_line(heading).ok().filter(|line| text.line_to_byte(*line) == heading)?;
        if line >= text.len_lines() || looks_like(text.line(line)) != Some(Who::Interline) {
            return None;
        }
        let start = text::line_end(text, line);
        let mut end = text.line_to_byte(line + 1);
        for line in text.lines_at(line + 1) {
            if looks_like(line).is_some() {
                break;
            }
            end += line.len_bytes();
        }
        Some(Self { heading, start, end: text::trimmed_end(text, start, end) })
    }

    /// Where it is after these edits, which are sorted and have made this text; none if its heading was touched.
    #[must_use]
    pub fn moved(mut self, edits: &[TextEdit], text: &Rope) -> Option<Self> {
        let mut is_touched = false;
        for edit in edits.iter().rev() {
            let (from, to) = (edit.range.start, edit.range.end);
            if to <= self.heading {
                let shift = |at: usize| at + edit.text.len() - edit.range.len();
                self = Self { heading: shift(self.heading), start: shift(self.start), end: shift(self.end) };
            } else if from == self.end && to == self.end && !may_make_heading(&edit.text) {
                self.end += edit.text.trim_end().len();
            } else if from < self.start {
                return None;
            } else if from <= self.end {
                is_touched = true;
            }
        }
        if is_touched { Self::at(text, self.heading) } else { Some(self) }
    }

    /// The same in a text in which nothing but its end may have changed: where that holds, only what is below it was looked at.
    #[must_use]
    pub fn again(self, text: &Rope) -> Option<Self> {
        if self.holds(text) { Some(self) } else { Self::at(text, self.heading) }
    }

    fn holds(self, text: &Rope) -> bool {
        let Ok(line) = text.try_byte_to_line(self.heading) else { return false };
        let is_there = text.line_to_byte(line) == self.heading && looks_like(text.line(line)) == Some(Who::Interline);
        if !is_there || text::line_end(text, line) != self.start {
            return false;
        }
        let Some(rest) = text.get_byte_slice(self.end..) else { return false };
        let is_blank = |line: &RopeSlice<'_>| line.chars().all(char::is_whitespace);
        let below = rest.lines().enumerate().find(|(_, line)| !is_blank(line));
        below.is_none_or(|(at, line)| at > 0 && looks_like(line).is_some())
    }

    /// Whether an edit is made in it, its heading included.
    #[must_use]
    pub fn is_touched(&self, edit: &TextEdit) -> bool {
        edit.range.start >= self.heading && edit.range.start <= self.end
    }
}

/// Where the answers' headings begin.
fn answers_in(text: RopeSlice<'_>, unended: Unended) -> Vec<usize> {
    headings(text, unended).iter().filter(|heading| heading.who == Who::Interline).map(|heading| heading.at).collect()
}

/// Whether a line of it, or the end of one before it together with its first line, may be one of our headings.
fn may_make_heading(words: &str) -> bool {
    let whole = words.split(['\n', '\r']).any(|line| matches!(line.trim_end(), YOU | INTERLINE));
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

    /// What is known after the edits; it is what a look at its heading finds.
    fn after(text: &str, newer: usize, edits: &[TextEdit]) -> Option<Answer> {
        let known = Answer::find(&Rope::from_str(text), newer).unwrap();
        let new = Rope::from_str(&applied(text, edits));
        let known = known.moved(edits, &new).and_then(|known| known.again(&new))?;
        assert_eq!(Answer::at(&new, known.heading), Some(known), "{text:?} {edits:?}");
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
    fn an_answer_stays_where_its_heading_is() {
        let known = |edits: &[TextEdit]| after(TEXT, 0, edits).map(|answer| (answer.heading, answer.end));
        for (edits, end) in [
            (vec![edit(24, 1, "ONE")], END + 2),
            (vec![edit(END, 0, "\n\n## You\n\nx")], END),
            (vec![edit(END + 1, 0, "typed below\n")], END + 12),
            (vec![edit(END, 0, "You")], END + 3),
            (vec![edit(END + 2, 8, "")], END + 6),
            // Whatever is written below it, or quoted there.
            (vec![edit(TEXT.len(), 0, "\n\n## Interline\n\n")], END),
            (vec![edit(TEXT.len(), 0, "\n```\n## You\n## Interline\n")], END),
        ] {
            assert_eq!(known(&edits), Some((11, end)), "{edits:?}");
        }
        assert_eq!(known(&[edit(0, 0, "## Interline\n\n")]), Some((25, END + 14)));
        let newer = format!("{TEXT}\n\n## Interline\n\n## You\n\n");
        assert_eq!(after(&newer, 1, &[edit(END, 0, "!")]).map(|answer| answer.end), Some(END + 1));
    }

    #[test]
    fn an_answer_without_its_heading_is_none() {
        for edits in
            [vec![edit(13, 1, "")], vec![edit(5, 7, "")], vec![edit(23, 0, "x")], vec![edit(11, 0, "x")], vec![edit(0, TEXT.len(), TEXT)]]
        {
            assert_eq!(after(TEXT, 0, &edits), None, "{edits:?}");
        }
    }

    #[test]
    fn the_newest_answer_is_found_above_what_is_quoted() {
        let check = |below: &str, want: usize| {
            let text = Rope::from_str(&format!("{TEXT}{below}"));
            let known = Answer::at(&text, 11);
            assert_eq!(Answer::newest(&text, known).map(|answer| answer.heading), Some(want), "{below:?}");
        };
        check("", 11);
        check("\n\n```\n## You\n## Interline\n", 11);
        check("\n\n## Interline\n\n## You\n\n```\n## Interline\n", TEXT.len() + 2);
        let text = Rope::from_str("## Interline\n\n## You\n\n## Interline\n\n## You\n");
        let found = |newer| Answer::find(&text, newer).map(|answer| answer.heading);
        assert_eq!([0, 1, 2].map(found), [Some(22), Some(0), Some(0)]);
        assert_eq!(Answer::newest(&text, None), Answer::find(&text, 0));
        assert_eq!(Answer::find(&Rope::from_str("## You\n```\n## Interline\n```\n"), 0), None);
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
