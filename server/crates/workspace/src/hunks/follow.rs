//! How hunks move with a change of the text.
//!
//! **Invariant:** an edit that reaches into a hunk is taken into it whole, with the lines around it, so that a hunk's old text always says what stood in
//! all of its place; an edit beside a hunk only moves it.

use std::ops::Range;

use ropey::Rope;

use super::{Hunk, slice};
use crate::diff::{line_end, line_start};
use crate::{TextEdit, diff_str};

/// Replacements larger than this are taken as they are.
const REFINE_MAX: usize = 1 << 20;

/// Moves sorted hunks of `old` over its `edits`, which make `new`.
pub(super) fn follow(hunks: &mut Vec<Hunk>, old: &Rope, edits: &[TextEdit], new: &Rope) {
    let mut edits = refine(old, edits);
    slide(old, &mut edits, hunks);
    if edits.is_empty() {
        return;
    }
    let mut groups: Vec<Group> = Vec::new();
    for hunk in hunks.drain(..) {
        let mut group = Group { range: hunk.range.clone(), hunk, touched: false };
        group.grow(old, &edits);
        while let Some(last) = groups.pop_if(|last| last.range.end > group.range.start) {
            group = last.merge(group, old);
            group.grow(old, &edits);
        }
        groups.push(group);
    }
    let mut moved: Vec<Hunk> = groups.into_iter().filter_map(|group| group.moved(&edits, new)).collect();
    whole_lines(&mut moved, new);
    *hunks = moved;
}

/// A hunk with the edits that reach into it.
struct Group {
    hunk: Hunk,
    /// In the old text.
    range: Range<usize>,
    touched: bool,
}

impl Group {
    /// Takes in the edits that reach into the place.
    fn grow(&mut self, text: &Rope, edits: &[TextEdit]) {
        let first = edits.partition_point(|edit| edit.range.end < self.range.start);
        for edit in &edits[first..] {
            if edit.range.start >= self.range.end {
                break;
            }
            if edit.range.end > self.range.start {
                self.touched = true;
                self.widen(edit.range.start, edit.range.end, text);
            }
        }
    }

    fn widen(&mut self, start: usize, end: usize, text: &Rope) {
        if start < self.range.start {
            let more = slice(text, start..self.range.start);
            self.hunk.old.insert_str(0, &more);
            self.hunk.new.insert_str(0, &more);
            self.range.start = start;
        }
        if end > self.range.end {
            let more = slice(text, self.range.end..end);
            self.hunk.old.push_str(&more);
            self.hunk.new.push_str(&more);
            self.range.end = end;
        }
    }

    /// Two that an edit has joined. What was taken back before is no part of it.
    fn merge(mut self, mut next: Self, text: &Rope) -> Self {
        let (start, end) = (self.range.start.min(next.range.start), self.range.end.max(next.range.end));
        if next.hunk.hidden && !self.hunk.hidden {
            self.widen(start, end, text);
        } else if self.hunk.hidden && !next.hunk.hidden {
            next.widen(start, end, text);
            return next;
        } else {
            // Each counts the text that both took in; the first has it up to where the next hunk stands.
            let at = next.hunk.range.start.max(self.range.start);
            let cut = self.range.end.saturating_sub(at);
            cut_end(&mut self.hunk.old, cut);
            cut_end(&mut self.hunk.new, cut);
            self.range.end -= cut;
            let lead = at.saturating_sub(next.range.start);
            let gap = slice(text, self.range.end..at.max(self.range.end));
            self.hunk.old = [&self.hunk.old, gap.as_str(), next.hunk.old.get(lead..).unwrap_or_default()].concat();
            self.hunk.new = [&self.hunk.new, gap.as_str(), next.hunk.new.get(lead..).unwrap_or_default()].concat();
            self.hunk.turn = next.hunk.turn;
            self.range.end = end;
        }
        self.touched |= next.touched;
        self
    }

    /// The hunk in the new text; none if it was hidden and is not what it was any more.
    fn moved(mut self, edits: &[TextEdit], new: &Rope) -> Option<Hunk> {
        let Range { start, end } = self.range;
        let (mut before, mut within) = ((0, 0), (0, 0));
        let (mut at_start, mut at_end) = (0, 0);
        for edit in edits {
            let insertion = edit.range.is_empty();
            if insertion && edit.range.start == start {
                at_start = edit.text.len();
            } else if insertion && edit.range.start == end {
                at_end = edit.text.len();
            } else if edit.range.end <= start {
                before = (before.0 + edit.range.len(), before.1 + edit.text.len());
            } else if edit.range.start < end {
                within = (within.0 + edit.range.len(), within.1 + edit.text.len());
            } else {
                break;
            }
        }
        let from = start - before.0 + before.1;
        let to = from + at_start + (end - start) - within.0 + within.1;
        // What was inserted at its ends belongs to it only where that makes it whole again.
        let inner = if start == end { from..from } else { from + at_start..to };
        let fits =
            |range: &Range<usize>, text: &str| range.len() == text.len() && new.get_byte_slice(range.clone()).is_some_and(|s| s == text);
        let candidates = [inner.clone(), from..to, from + at_start..to + at_end, from..to + at_end];
        let hunk = &mut self.hunk;
        // First what would be news: the empty text is found everywhere.
        let (stays, turns) = if hunk.hidden { (&hunk.old, &hunk.new) } else { (&hunk.new, &hunk.old) };
        if let Some(range) = candidates.iter().find(|range| fits(range, turns)) {
            hunk.range = range.clone();
            hunk.hidden = !hunk.hidden;
        } else if let Some(range) = candidates.iter().find(|range| fits(range, stays)) {
            hunk.range = range.clone();
        } else if hunk.hidden && self.touched && !inner.is_empty() {
            return None;
        } else {
            // Nothing is left of it: the user has taken it out, and may bring it back.
            hunk.hidden |= inner.is_empty() && !hunk.new.is_empty();
            hunk.range = inner;
        }
        Some(self.hunk)
    }
}

fn cut_end(text: &mut String, count: usize) {
    let keep = text.len().saturating_sub(count);
    if text.is_char_boundary(keep) {
        text.truncate(keep);
    }
}

/// Widens hunks to whole lines; those that come to share a line are joined, and so is one without text with its neighbour.
pub(super) fn whole_lines(hunks: &mut Vec<Hunk>, text: &Rope) {
    let mut out: Vec<Hunk> = Vec::with_capacity(hunks.len());
    for hunk in hunks.drain(..) {
        let Range { start, end } = hunk.range;
        let first = line_start(text, start, 0);
        let last = if start == end && first == start { end } else { line_end(text, end, 0) };
        let mut group = Group { range: start..end, hunk, touched: false };
        group.widen(first, last, text);
        // What comes between a hunk without text and one beside it would belong to neither, or to both.
        let beside = |before: &Hunk| {
            before.range.end == group.range.start
                && before.hidden == group.hunk.hidden
                && (before.range.is_empty() || group.range.is_empty())
        };
        if let Some(before) = out.pop_if(|before| before.range.end > group.range.start || beside(before)) {
            group = Group { range: before.range.clone(), hunk: before, touched: false }.merge(group, text);
        }
        group.hunk.range = group.range;
        trim(&mut group.hunk, text);
        out.push(group.hunk);
    }
    *hunks = out;
}

/// Leaves out the lines at both ends that are the same before, after and now.
fn trim(hunk: &mut Hunk, text: &Rope) {
    let ends = |text: &str| {
        let mut lines = text.split_inclusive('\n');
        (lines.next().map(str::to_owned), lines.next_back().map(str::to_owned))
    };
    let ((first, last), (new_first, new_last)) = (ends(&hunk.old), ends(&hunk.new));
    // As a rule: a keystroke must not cost what a large hunk costs.
    if first != new_first && last.or(first) != new_last.or(new_first) || hunk.old.is_empty() || hunk.new.is_empty() {
        return;
    }
    let now = slice(text, hunk.range.clone());
    let (old, new) = (hunk.old.as_str(), hunk.new.as_str());
    let parts = |text: &str| text.split_inclusive('\n').map(str::len).collect::<Vec<_>>();
    let (a, b, c) = (parts(old), parts(new), parts(&now));
    let (mut head, mut count) = (0, 0);
    for ((x, y), z) in a.iter().zip(&b).zip(&c) {
        let line = &old[head..head + x];
        if x != y || y != z || line != &new[head..head + y] || line != &now[head..head + z] || !line.ends_with('\n') {
            break;
        }
        head += x;
        count += 1;
    }
    let mut tail = 0;
    for ((x, y), z) in a[count..].iter().rev().zip(b[count..].iter().rev()).zip(c[count..].iter().rev()) {
        let line = &old[old.len() - tail - x..old.len() - tail];
        if x != y || y != z || line != &new[new.len() - tail - y..new.len() - tail] || line != &now[now.len() - tail - z..now.len() - tail]
        {
            break;
        }
        tail += x;
    }
    if head + tail > 0 {
        let range = hunk.range.start + head..hunk.range.end - tail;
        (hunk.old, hunk.new) = (old[head..old.len() - tail].to_owned(), new[head..new.len() - tail].to_owned());
        hunk.range = range;
    }
}

/// The same edits, as small as they can be: an editor may replace many lines where few differ.
fn refine(text: &Rope, edits: &[TextEdit]) -> Vec<TextEdit> {
    let mut out = Vec::with_capacity(edits.len());
    for edit in edits {
        if edit.range.is_empty() || edit.text.is_empty() || edit.range.len() + edit.text.len() > REFINE_MAX {
            out.push(edit.clone());
            continue;
        }
        let parts = diff_str(&slice(text, edit.range.clone()), &edit.text).into_vec();
        out.extend(
            parts
                .into_iter()
                .map(|part| TextEdit { range: edit.range.start + part.range.start..edit.range.start + part.range.end, text: part.text }),
        );
    }
    out.retain(|edit| !edit.range.is_empty() || !edit.text.is_empty());
    out
}

/// Lines that came back may be told as if they came some lines further up or down, where the text repeats itself: puts such an insertion at its hunk.
fn slide(text: &Rope, edits: &mut [TextEdit], hunks: &[Hunk]) {
    for hunk in hunks.iter().filter(|hunk| hunk.range.is_empty()) {
        let (at, lines) = (hunk.range.start, if hunk.hidden { &hunk.new } else { &hunk.old });
        let near =
            |edit: &TextEdit| edit.range.is_empty() && edit.text.len() == lines.len() && edit.range.start.abs_diff(at) <= lines.len();
        let Some(n) = edits.iter().position(near) else { continue };
        let from = edits[n].range.start;
        let (low, high) = (from.min(at), from.max(at));
        let alone =
            n.checked_sub(1).is_none_or(|n| edits[n].range.end <= low) && edits.get(n + 1).is_none_or(|next| next.range.start >= high);
        let gap = slice(text, low..high);
        let same = |first: &str, then: &str| first.len() == then.len() && [gap.as_str(), first].concat() == [then, gap.as_str()].concat();
        if alone && if at < from { same(&edits[n].text, lines) } else { same(lines, &edits[n].text) } {
            edits[n] = TextEdit { range: at..at, text: lines.clone() };
        }
    }
}
