//! What differs between two texts: as edits, as a unified diff for people and models, and as a merge of two changes of one text.
//!
//! Owns the trade between small and fast: what is equal at both ends is skipped bytewise, the rest is compared by lines, and small replaced blocks
//! by words. Must not know documents or editors.
//!
//! **Invariant:** applying `diff(old, new)` to `old` gives `new`; a merge keeps every change of "ours".

use std::collections::HashSet;
use std::fmt::Write;
use std::ops::Range;

use ropey::Rope;
use ropey::iter::Chunks;
use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use crate::TextEdit;
use crate::edits::{Assoc, Edits, is_word, rebase_split};

/// Blocks of lines up to this many bytes are compared by words.
const WORDS_MAX: usize = 4 << 10;
/// Different parts of more lines than this are one replacement.
const LINES_MAX: usize = 100_000;

/// The edits that make `new` of `old`: whole lines where lines came or went, parts of lines where they changed.
#[must_use]
pub fn diff(old: &Rope, new: &Rope) -> Edits {
    if old.is_instance(new) {
        return Edits::none(old.len_bytes());
    }
    let middle = Middle::of(old, new, 0);
    let (old_lines, new_lines) = (lines(&middle.old), lines(&middle.new));
    let (mut edits, mut at, mut done) = (Vec::new(), middle.start, 0);
    for op in line_ops(&old_lines, &new_lines) {
        let (tag, old_range, new_range) = op.as_tag_tuple();
        at += old_lines[done..old_range.start].iter().map(|line| line.len()).sum::<usize>();
        let (was, is) = (&old_lines[old_range.clone()], &new_lines[new_range]);
        let size = |lines: &[&str]| lines.iter().map(|line| line.len()).sum::<usize>();
        let end = at + size(was);
        match tag {
            DiffTag::Equal => {}
            // As many lines as before: each is what became of the one at its place.
            DiffTag::Replace if was.len() == is.len() && size(was).max(size(is)) <= WORDS_MAX => {
                let mut at = at;
                for (was, is) in was.iter().zip(is) {
                    edits.extend(word_edits(at, was, is));
                    at += was.len();
                }
            }
            DiffTag::Replace if size(was).max(size(is)) <= WORDS_MAX => edits.extend(word_edits(at, &was.concat(), &is.concat())),
            _ => edits.push(TextEdit { range: at..end, text: is.concat() }),
        }
        at = end;
        done = old_range.end;
    }
    // The edits are sorted and apart, so that this cannot fail; if it did, the whole would still be true.
    Edits::new(old.len_bytes(), edits).unwrap_or_else(|_| Edits::whole(old, new))
}

/// What somebody did to `old`: from the editor's own account of it where that fits, since a comparison cannot tell which
/// of two equal lines is the new one.
#[must_use]
pub(crate) fn changed(old: &Rope, new: &Rope, edits: Vec<TextEdit>) -> Edits {
    let told = Edits::new(old.len_bytes(), edits).ok();
    let Some(told) = told.filter(|told| told.apply(old).is_ok_and(|text| text == *new)) else { return diff(old, new) };
    // Some editors name all that lies between two changes.
    let parts = told.edits().iter().flat_map(|edit| {
        let was = old.byte_slice(edit.range.clone());
        let lines = edit.text.contains('\n') && was.bytes().any(|byte| byte == b'\n');
        let parts = if lines {
            diff(&Rope::from(was), &Rope::from_str(&edit.text)).into_vec()
        } else {
            vec![TextEdit { range: 0..was.len_bytes(), text: edit.text.clone() }]
        };
        let at = edit.range.start;
        parts.into_iter().map(move |part| TextEdit { range: at + part.range.start..at + part.range.end, text: part.text })
    });
    Edits::new(old.len_bytes(), parts.collect()).unwrap_or(told)
}

/// As [`diff`], of plain strings.
#[must_use]
pub fn diff_str(old: &str, new: &str) -> Edits {
    diff(&Rope::from_str(old), &Rope::from_str(new))
}

/// The blocks of whole lines that differ: their bytes in both texts, sorted and apart.
#[must_use]
pub(crate) fn changed_lines(old: &Rope, new: &Rope) -> Vec<(Range<usize>, Range<usize>)> {
    let middle = Middle::of(old, new, 0);
    let (old_lines, new_lines) = (lines(&middle.old), lines(&middle.new));
    let len = |lines: &[&str]| lines.iter().map(|line| line.len()).sum::<usize>();
    let (mut out, mut old_at, mut new_at) = (Vec::<(Range<usize>, Range<usize>)>::new(), middle.start, middle.start);
    for op in line_ops(&old_lines, &new_lines) {
        let (tag, old_range, new_range) = op.as_tag_tuple();
        let (old_end, new_end) = (old_at + len(&old_lines[old_range]), new_at + len(&new_lines[new_range]));
        if tag != DiffTag::Equal {
            match out.last_mut() {
                Some((before, after)) if before.end == old_at && after.end == new_at => {
                    before.end = old_end;
                    after.end = new_end;
                }
                _ => out.push((old_at..old_end, new_at..new_end)),
            }
        }
        (old_at, new_at) = (old_end, new_end);
    }
    out
}

/// A unified diff with `context` lines around each change; empty for equal texts.
#[must_use]
pub fn unified(old: &Rope, new: &Rope, path_a: &str, path_b: &str, context: usize) -> String {
    let middle = Middle::of(old, new, context);
    let first_line = count_newlines(old, middle.start);
    let (old_lines, new_lines) = (lines(&middle.old), lines(&middle.new));
    let mut out = String::new();
    for group in group_diff_ops(line_ops(&old_lines, &new_lines), context) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        if group.iter().all(|op| op.tag() == DiffTag::Equal) {
            continue;
        }
        if out.is_empty() {
            out = format!("--- {path_a}\n+++ {path_b}\n");
        }
        let header = |from: usize, to: usize| match to - from {
            0 => format!("{},0", first_line + from),
            1 => format!("{}", first_line + from + 1),
            n => format!("{},{n}", first_line + from + 1),
        };
        let old_header = header(first.old_range().start, last.old_range().end);
        let new_header = header(first.new_range().start, last.new_range().end);
        let _ = writeln!(out, "@@ -{old_header} +{new_header} @@");
        for op in &group {
            let (tag, old_range, new_range) = op.as_tag_tuple();
            if tag == DiffTag::Equal {
                push_lines(&mut out, ' ', &old_lines[old_range]);
            } else {
                push_lines(&mut out, '-', &old_lines[old_range]);
                push_lines(&mut out, '+', &new_lines[new_range]);
            }
        }
    }
    out
}

/// Two changes of one text brought together.
#[derive(Clone, Debug)]
pub struct Merge {
    /// "Ours" with those of "theirs" changes that are not in conflict.
    pub text: Rope,
    /// What was done to "ours".
    pub edits_over_ours: Edits,
    /// What was left out.
    pub conflicts: Vec<Conflict>,
}

/// A change of "theirs" that was left out of a merge, because "ours" changed the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The bytes of the base that they wanted to replace.
    pub base_range: Range<usize>,
    /// What they wanted to put there.
    pub theirs: String,
    /// The place in "ours": zero-based lines, the end excluded, at least one.
    pub ours_lines: Range<usize>,
}

/// Applies the changes that `theirs` made to `base` onto `ours`, as far as `ours` did not change the same places.
#[must_use]
pub fn merge3(base: &Rope, ours: &Rope, theirs: &Rope) -> Merge {
    let (mine, other) = (diff(base, ours), diff(base, theirs));
    let conflict = |index: &usize| {
        let edit = other.edits().get(*index)?;
        let start = mine.map_offset(edit.range.start, Assoc::Before);
        let end = mine.map_offset(edit.range.end, Assoc::After);
        let ours_lines = count_newlines(ours, start)..count_newlines(ours, end) + 1;
        Some(Conflict { base_range: edit.range.clone(), theirs: edit.text.clone(), ours_lines })
    };
    let mut left = rebase_split(&other, &mine, ours).conflicts;
    loop {
        let edits = rebase_split(&other.without(&left), &mine, ours).edits;
        let text = match edits.apply(ours) {
            Ok(text) => text,
            // Cannot be, since rebased edits are edits of `ours`; but if, then nothing of theirs is in it, and that is said.
            Err(error) => {
                tracing::error!(%error, "a merge failed");
                let conflicts = (0..other.edits().len()).filter_map(|index| conflict(&index)).collect();
                return Merge { text: ours.clone(), edits_over_ours: Edits::none(ours.len_bytes()), conflicts };
            }
        };
        let torn = torn(base, &other, &left, &text);
        if torn.is_empty() {
            return Merge { text, edits_over_ours: edits, conflicts: left.iter().filter_map(conflict).collect() };
        }
        left.extend(torn);
        left.sort_unstable();
    }
}

/// Edits that belong to those which are left out: they take away the last of a word that the ones left out would have put elsewhere. What was moved
/// must not be gone from both places.
fn torn(base: &Rope, edits: &Edits, left: &[usize], merged: &Rope) -> Vec<usize> {
    let left_out = |index: &usize| left.binary_search(index).is_ok();
    let wanted: HashSet<&str> = left.iter().filter_map(|index| edits.edits().get(*index)).flat_map(|edit| names(&edit.text)).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let merged = merged.to_string();
    let there: HashSet<&str> = names(&merged).collect();
    let takes = |edit: &TextEdit| {
        names(&base.byte_slice(edit.range.clone()).to_string()).any(|word| wanted.contains(word) && !there.contains(word))
    };
    let rest = edits.edits().iter().enumerate().filter(|(index, _)| !left_out(index));
    rest.filter(|(_, edit)| takes(edit)).map(|(index, _)| index).collect()
}

/// The words of a text, without what is between them.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

/// The parts of two texts that differ, grown to whole lines and by some more of them.
struct Middle {
    /// Where both begin, in bytes.
    start: usize,
    old: String,
    new: String,
}

impl Middle {
    fn of(old: &Rope, new: &Rope, context: usize) -> Self {
        let shorter = old.len_bytes().min(new.len_bytes());
        let prefix = common(old.chunks(), new.chunks(), shorter, false);
        if prefix == old.len_bytes() && prefix == new.len_bytes() {
            return Self { start: prefix, old: String::new(), new: String::new() };
        }
        let suffix = common(chunks_back(old), chunks_back(new), shorter - prefix, true);
        let start = line_start(old, prefix, context);
        let end = line_end(old, old.len_bytes() - suffix, context);
        // Only what is equal in both was added after the difference, so it is as long in the new text.
        let new_end = new.len_bytes() - (old.len_bytes() - end);
        // A suffix that begins right behind a newline of only one of the two is no line of the other: take the next one.
        let (end, new_end) = if ends_line(old, end) == ends_line(new, new_end) {
            (end, new_end)
        } else {
            let end = line_end(old, (end + 1).min(old.len_bytes()), context);
            (end, new.len_bytes() - (old.len_bytes() - end))
        };
        Self { start, old: old.byte_slice(start..end).to_string(), new: new.byte_slice(start..new_end).to_string() }
    }
}

fn chunks_back(rope: &Rope) -> Chunks<'_> {
    rope.chunks_at_byte(rope.len_bytes()).0.reversed()
}

/// How many bytes are equal, from the start or (`back`) from the end, `max` at most. May end inside a character.
fn common<'a>(mut a: impl Iterator<Item = &'a str>, mut b: impl Iterator<Item = &'a str>, max: usize, back: bool) -> usize {
    let (mut left, mut right): (&[u8], &[u8]) = (&[], &[]);
    let mut total = 0;
    while total < max {
        while left.is_empty() {
            let Some(chunk) = a.next() else { return total };
            left = chunk.as_bytes();
        }
        while right.is_empty() {
            let Some(chunk) = b.next() else { return total };
            right = chunk.as_bytes();
        }
        let n = left.len().min(right.len()).min(max - total);
        let (l, r) = if back { (&left[left.len() - n..], &right[right.len() - n..]) } else { (&left[..n], &right[..n]) };
        let same = if l == r {
            n
        } else if back {
            l.iter().rev().zip(r.iter().rev()).take_while(|(x, y)| x == y).count()
        } else {
            l.iter().zip(r).take_while(|(x, y)| x == y).count()
        };
        total += same;
        if same < n {
            break;
        }
        (left, right) = if back { (&left[..left.len() - n], &right[..right.len() - n]) } else { (&left[n..], &right[n..]) };
    }
    total
}

/// The start of the line that `at` is in, or of a line `more` lines before it.
pub(crate) fn line_start(text: &Rope, at: usize, more: usize) -> usize {
    let (mut chunks, mut base, _, _) = text.chunks_at_byte(at);
    let mut left = more;
    let mut part: &[u8] = &[];
    if let Some(chunk) = chunks.next() {
        part = &chunk.as_bytes()[..at - base];
        // The iterator stands behind the chunk now: go back over it.
        chunks.prev();
    }
    loop {
        for (index, _) in part.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            if left == 0 {
                return base + index + 1;
            }
            left -= 1;
        }
        let Some(chunk) = chunks.prev() else { return 0 };
        base -= chunk.len();
        part = chunk.as_bytes();
    }
}

/// The end of the line that `at` is in (`at` itself at a line's start), or of a line `more` lines after it.
pub(crate) fn line_end(text: &Rope, at: usize, more: usize) -> usize {
    let mut left = if ends_line(text, at) { more } else { more + 1 };
    if left == 0 {
        return at;
    }
    let (chunks, mut base, _, _) = text.chunks_at_byte(at);
    for chunk in chunks {
        for (index, _) in chunk.bytes().enumerate().filter(|(index, byte)| *byte == b'\n' && base + index >= at) {
            left -= 1;
            if left == 0 {
                return base + index + 1;
            }
        }
        base += chunk.len();
    }
    text.len_bytes()
}

fn ends_line(text: &Rope, at: usize) -> bool {
    at == 0 || text.byte(at - 1) == b'\n'
}

fn count_newlines(text: &Rope, to: usize) -> usize {
    text.byte_slice(..to).chunks().map(|chunk| chunk.bytes().filter(|byte| *byte == b'\n').count()).sum()
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn line_ops(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    match (old.len(), new.len()) {
        (0, 0) => Vec::new(),
        (old_len, new_len) if old_len.max(new_len) > LINES_MAX => vec![DiffOp::Replace { old_index: 0, old_len, new_index: 0, new_len }],
        _ => capture_diff_slices(Algorithm::Myers, old, new),
    }
}

/// The changed words of some lines. What has no word between is one change: that two phrases have a blank or a line's end in common says nothing.
fn word_edits(at: usize, was: &str, is: &str) -> Vec<TextEdit> {
    let (old, new) = (words(was), words(is));
    let mut edits: Vec<TextEdit> = Vec::new();
    let (mut at, mut between) = (at, None);
    // What is there once in both belongs together, whatever it costs.
    for op in capture_diff_slices(Algorithm::Patience, &old, &new) {
        let (tag, old_range, new_range) = op.as_tag_tuple();
        let text = new[new_range].concat();
        let end = at + old[old_range].iter().map(|word| word.len()).sum::<usize>();
        match edits.last_mut() {
            _ if tag == DiffTag::Equal => between = Some(text),
            Some(last) if between.as_deref().is_none_or(|equal| !equal.contains(is_word)) => {
                last.range.end = end;
                last.text.extend([between.take().unwrap_or_default(), text]);
            }
            _ => {
                between = None;
                edits.push(TextEdit { range: at..end, text });
            }
        }
        at = end;
    }
    edits
}

/// Words, line ends, runs of blanks, and single signs.
fn words(text: &str) -> Vec<&str> {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Word,
        Blank,
        Sign,
    }
    let kind = |c: char| match c {
        '\r' | '\n' => Kind::Sign,
        c if is_word(c) => Kind::Word,
        c if c.is_whitespace() => Kind::Blank,
        _ => Kind::Sign,
    };
    let mut out = Vec::new();
    let (mut start, mut last) = (0, None);
    for (index, c) in text.char_indices() {
        let joins = last.is_some_and(|last| (last, c) == ('\r', '\n') || (kind(last) == kind(c) && kind(c) != Kind::Sign));
        if last.is_some() && !joins {
            out.push(&text[start..index]);
            start = index;
        }
        last = Some(c);
    }
    if start < text.len() {
        out.push(&text[start..]);
    }
    out
}

fn push_lines(out: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests;
