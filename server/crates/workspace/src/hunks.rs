//! The agent's changes that the user has not reviewed yet, as they move with the text.
//!
//! Pure. Owns what a hunk is, how it follows edits, how a later change of the agent joins it, and what rejecting it does to the text. Must not know
//! editors, stores or turns (a turn is a name here).
//!
//! **Invariant:** hunks are sorted, apart, and of whole lines; what stands at a hunk differs from `new` only by what the user did there, and rejecting
//! never takes that away.

use std::ops::Range;

use ropey::Rope;
use serde::{Deserialize, Serialize};

use crate::diff::changed_lines;
use crate::{TextEdit, diff, merge3};

mod follow;

/// One contiguous change of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunk {
    /// Unique within its `Hunks`.
    pub id: u64,
    /// The turn that made it; the last one, if several did.
    pub turn: String,
    /// Its place: bytes of the text as it is now; empty where lines were only taken away.
    pub range: Range<usize>,
    /// The lines that stood there before.
    pub old: String,
    /// The lines that the agent put there.
    pub new: String,
    /// It was taken back by other means (the editor's undo), or nothing is left of it: not to be shown, but it may come back (redo).
    pub hidden: bool,
    /// It is all of a file that the agent made.
    pub created: bool,
}

/// The hunks of one document.
#[derive(Clone, Debug, Default)]
pub struct Hunks {
    text: Rope,
    hunks: Vec<Hunk>,
    /// The text and the hunks before the last change, for its record comes after it.
    earlier: Option<(Rope, Vec<Hunk>)>,
    last_id: u64,
}

/// What rejecting does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejection {
    /// Edits of the text as it is now, sorted.
    pub edits: Vec<TextEdit>,
    /// Lines of the text as it is now that the user changed, and that stay as they are: zero-based, the end excluded.
    pub kept: Vec<Range<usize>>,
}

impl Hunks {
    /// No hunks of a text.
    #[must_use]
    pub fn new(text: Rope) -> Self {
        Self { text, ..Self::default() }
    }

    /// Hunks that were kept, with the text in which their ranges count. Those that do not fit the text are left out.
    #[must_use]
    pub fn restore(text: Rope, mut hunks: Vec<Hunk>) -> Self {
        let mut end = 0;
        hunks.retain(|hunk| {
            let Range { start, end: stop } = hunk.range;
            let fits = start >= end && stop >= start && is_boundary(&text, start) && is_boundary(&text, stop);
            end = if fits { stop } else { end };
            fits
        });
        let last_id = hunks.iter().map(|hunk| hunk.id).max().unwrap_or(0);
        Self { text, hunks, earlier: None, last_id }
    }

    /// The text as it is now.
    #[must_use]
    pub fn text(&self) -> &Rope {
        &self.text
    }

    /// All of them, also the hidden ones, for keeping.
    #[must_use]
    pub fn all(&self) -> &[Hunk] {
        &self.hunks
    }

    /// Those to be reviewed.
    pub fn shown(&self) -> impl Iterator<Item = &Hunk> {
        self.hunks.iter().filter(|hunk| !hunk.hidden)
    }

    /// Follows a change of the text: `edits` of the old text, sorted, which make `text`.
    pub fn changed(&mut self, edits: &[TextEdit], text: Rope) {
        self.earlier = None;
        if !self.hunks.is_empty() {
            let hunks = self.hunks.clone();
            follow::follow(&mut self.hunks, &self.text, edits, &text);
            self.earlier = Some((std::mem::take(&mut self.text), hunks));
        }
        self.text = text;
    }

    /// Follows a change of the text that nobody described.
    pub fn became(&mut self, text: Rope) {
        let edits = if self.hunks.is_empty() { Vec::new() } else { diff(&self.text, &text).into_vec() };
        self.changed(&edits, text);
    }

    /// Adds what a turn made of `before`. The text may hold it already (`changed` came first), and more that the user typed since.
    pub fn recorded(&mut self, turn: &str, before: &Rope, after: &Rope) {
        let now = self.text.clone();
        match self.earlier.take().filter(|(text, _)| text == before) {
            Some((text, hunks)) => (self.text, self.hunks) = (text, hunks),
            None => self.became(before.clone()),
        }
        let changes = changed_lines(before, after);
        self.join(turn, &changes, after);
        follow::whole_lines(&mut self.hunks, after);
        self.text = after.clone();
        self.became(now);
        self.earlier = None;
    }

    /// Adds a file that a turn made.
    pub fn created(&mut self, turn: &str, text: &Rope) {
        self.recorded(turn, &Rope::new(), text);
        for hunk in self.hunks.iter_mut().filter(|hunk| hunk.old.is_empty() && hunk.turn == turn) {
            hunk.created = true;
        }
    }

    /// Whether rejecting these leaves nothing of a file that the agent made: it can go.
    #[must_use]
    pub fn is_only(&self, which: impl Fn(&Hunk) -> bool) -> bool {
        let mut shown = self.shown();
        let only = shown.next().filter(|hunk| hunk.created && which(hunk) && hunk.range == (0..self.text.len_bytes()));
        only.is_some_and(|hunk| slice(&self.text, hunk.range.clone()) == hunk.new) && shown.next().is_none()
    }

    /// Lines of a hunk, zero-based, the end included; of one without text, the line before which it stands.
    #[must_use]
    pub fn lines(&self, hunk: &Hunk) -> (usize, usize) {
        let line = |at: usize| self.text.try_byte_to_line(at).unwrap_or_else(|_| self.text.len_lines().saturating_sub(1));
        let first = line(hunk.range.start);
        let last = if hunk.range.is_empty() { first } else { line(hunk.range.end - 1) };
        (first, last)
    }

    /// Takes hunks out: they are reviewed. How many were.
    pub fn accept(&mut self, which: impl Fn(&Hunk) -> bool) -> usize {
        let count = self.hunks.len();
        self.earlier = None;
        self.hunks.retain(|hunk| !which(hunk));
        count - self.hunks.len()
    }

    /// What takes hunks back, over what the user did in them. The hunks stay until they are accepted.
    #[must_use]
    pub fn reject(&self, which: impl Fn(&Hunk) -> bool) -> Rejection {
        let mut rejection = Rejection::default();
        for hunk in self.shown().filter(|hunk| which(hunk)) {
            let (start, now) = (hunk.range.start, slice(&self.text, hunk.range.clone()));
            if now == hunk.new {
                rejection.edits.push(TextEdit { range: hunk.range.clone(), text: hunk.old.clone() });
                continue;
            }
            let merge = merge3(&Rope::from_str(&hunk.new), &Rope::from_str(&now), &Rope::from_str(&hunk.old));
            let moved = |edit: TextEdit| TextEdit { range: start + edit.range.start..start + edit.range.end, text: edit.text };
            rejection.edits.extend(merge.edits_over_ours.into_vec().into_iter().map(moved));
            let first = self.lines(hunk).0;
            rejection.kept.extend(merge.conflicts.iter().map(|c| first + c.ours_lines.start..first + c.ours_lines.end));
        }
        rejection.kept.dedup();
        rejection
    }

    /// Joins the agent's changes of the text (old and new ranges, of whole lines) with the hunks that they meet; the ranges become those of `after`.
    fn join(&mut self, turn: &str, changes: &[(Range<usize>, Range<usize>)], after: &Rope) {
        let before = self.text.clone();
        let mut hunks = std::mem::take(&mut self.hunks);
        // What was taken back is no part of what the agent does now.
        hunks.retain(|hunk| !hunk.hidden || !changes.iter().any(|(old, _)| meets(&hunk.range, old)));
        let mut hunks = hunks.into_iter().peekable();
        let mut changes = changes.iter().peekable();
        // How much longer the new text is so far.
        let (mut removed, mut added) = (0, 0);
        loop {
            let hunk_first = match (hunks.peek(), changes.peek()) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(hunk), Some((old, _))) => (hunk.range.start, hunk.range.end) <= (old.start, old.end),
            };
            let mut union = match (hunks.peek(), changes.peek()) {
                (Some(hunk), _) if hunk_first => hunk.range.clone(),
                (_, Some((old, _))) => old.clone(),
                _ => break,
            };
            let (mut mine, mut theirs) = (Vec::new(), 0);
            let shift = (removed, added);
            loop {
                // The first of the union is taken in the first round: it meets itself.
                if let Some(hunk) = hunks.next_if(|hunk| mine.is_empty() && hunk_first && theirs == 0 || meets(&union, &hunk.range)) {
                    union = union.start.min(hunk.range.start)..union.end.max(hunk.range.end);
                    mine.push(hunk);
                } else if let Some((old, new)) =
                    changes.next_if(|(old, _)| theirs == 0 && !hunk_first && mine.is_empty() || meets(&union, old))
                {
                    union = union.start.min(old.start)..union.end.max(old.end);
                    removed += old.len();
                    added += new.len();
                    theirs += 1;
                } else {
                    break;
                }
            }
            let range = union.start - shift.0 + shift.1..union.end - removed + added;
            if theirs == 0 {
                self.hunks.extend(mine.into_iter().map(|hunk| Hunk { range: range.clone(), ..hunk }));
                continue;
            }
            let (was, is) = (slice(&before, union.clone()), slice(after, range.clone()));
            let old = put(&was, union.start, mine.iter().map(|hunk| (&hunk.range, &hunk.old)));
            let own = put(&was, union.start, mine.iter().map(|hunk| (&hunk.range, &hunk.new)));
            // What the user did in the older hunks is no part of what the agent did.
            let new =
                if own == was { is } else { merge3(&Rope::from_str(&was), &Rope::from_str(&own), &Rope::from_str(&is)).text.to_string() };
            if old == new {
                continue;
            }
            let id = mine.first().map_or_else(
                || {
                    self.last_id += 1;
                    self.last_id
                },
                |hunk| hunk.id,
            );
            let created = mine.iter().any(|hunk| hunk.created);
            self.hunks.push(Hunk { id, turn: turn.to_owned(), range, old, new, hidden: false, created });
        }
    }
}

/// Whether two places of one text have bytes in common, or are the same empty place, or one is empty inside of the other.
fn meets(a: &Range<usize>, b: &Range<usize>) -> bool {
    if a == b { true } else { a.start < b.end && b.start < a.end }
}

/// A text with parts of it replaced; the ranges count from `base`.
fn put<'a>(text: &str, base: usize, parts: impl Iterator<Item = (&'a Range<usize>, &'a String)>) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for (range, part) in parts {
        out.push_str(text.get(at..range.start - base).unwrap_or_default());
        out.push_str(part);
        at = range.end - base;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn slice(text: &Rope, range: Range<usize>) -> String {
    text.get_byte_slice(range).map(|slice| slice.to_string()).unwrap_or_default()
}

fn is_boundary(text: &Rope, at: usize) -> bool {
    text.try_byte_to_char(at).is_ok_and(|char| text.char_to_byte(char) == at)
}

#[cfg(test)]
mod tests;
