//! Edits of one text as a value: sorted, apart from each other, and with the length of the text that they are for.
//!
//! Owns applying, inverting, composing and rebasing them. Must not know documents, versions or editors.
//!
//! **Invariant:** edits apply to a text of exactly the length that they were made for, or not at all; a rebase never takes away what the other side wrote.

use std::ops::Range;

use ropey::Rope;

use crate::TextEdit;

use shifted::Gap;

mod shifted;

/// Sorted edits that neither overlap nor touch (touching ones are joined), for a text of a known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edits {
    len: usize,
    edits: Vec<TextEdit>,
}

/// To which side of inserted or replaced text a position goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assoc {
    /// Before it.
    Before,
    /// After it.
    After,
}

/// Why edits do not fit a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditsError {
    /// A range ends outside, or before it starts.
    #[error("the edit of bytes {}..{} is outside the text of {len} bytes", range.start, range.end)]
    Outside {
        /// Of the edit.
        range: Range<usize>,
        /// Of the text, in bytes.
        len: usize,
    },
    /// Two edits of the same bytes.
    #[error("two edits overlap at byte {at}")]
    Overlap {
        /// Where the second one starts.
        at: usize,
    },
    /// The edits are for another text.
    #[error("the edits are for a text of {expected} bytes, not of {found}")]
    Length {
        /// What they are for.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A range begins or ends inside a character.
    #[error("byte {at} is inside a character")]
    Boundary {
        /// The byte.
        at: usize,
    },
}

/// Edits moved over somebody else's edits of the same text. Indices are those of the edits that were to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebased {
    /// Those without a conflict, in the other's new text.
    pub edits: Edits,
    /// Those where the other changed the same place.
    pub conflicts: Vec<usize>,
    /// Those that the other had made himself.
    pub done: Vec<usize>,
}

impl Edits {
    /// Sorts the edits and checks that they fit a text of `len` bytes and do not overlap. Insertions at one place stay in their order.
    ///
    /// # Errors
    /// A range outside of the text, or an overlap.
    pub fn new(len: usize, mut edits: Vec<TextEdit>) -> Result<Self, EditsError> {
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut builder = Builder::default();
        for edit in edits {
            let Range { start, end } = edit.range;
            if start > end || end > len {
                return Err(EditsError::Outside { range: start..end, len });
            }
            if start < builder.at {
                return Err(EditsError::Overlap { at: start });
            }
            builder.retain(start - builder.at);
            builder.delete(end - start);
            builder.insert(&edit.text);
        }
        Ok(Self { len, edits: builder.edits })
    }

    /// No edits of a text of `len` bytes.
    #[must_use]
    pub fn none(len: usize) -> Self {
        Self { len, edits: Vec::new() }
    }

    /// One text for another.
    #[must_use]
    pub(crate) fn whole(old: &Rope, new: &Rope) -> Self {
        let len = old.len_bytes();
        Self { len, edits: vec![TextEdit { range: 0..len, text: new.to_string() }] }
    }

    /// All but those with these indices, which are sorted.
    #[must_use]
    pub(crate) fn without(&self, left: &[usize]) -> Self {
        let rest = self.edits.iter().enumerate().filter(|(index, _)| left.binary_search(index).is_err());
        Self { len: self.len, edits: rest.map(|(_, edit)| edit.clone()).collect() }
    }

    /// The edits, sorted, in the old text's bytes.
    #[must_use]
    pub fn edits(&self) -> &[TextEdit] {
        &self.edits
    }

    /// The edits, sorted, in the old text's bytes.
    #[must_use]
    pub fn into_vec(self) -> Vec<TextEdit> {
        self.edits
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Length in bytes of the text that they are for.
    #[must_use]
    pub fn len_before(&self) -> usize {
        self.len
    }

    /// Length in bytes of the text that they make.
    #[must_use]
    pub fn len_after(&self) -> usize {
        let removed: usize = self.edits.iter().map(|edit| edit.range.len()).sum();
        let added: usize = self.edits.iter().map(|edit| edit.text.len()).sum();
        self.len - removed + added
    }

    /// How many bytes they take away and add.
    #[must_use]
    pub fn size(&self) -> usize {
        self.edits.iter().map(|edit| edit.range.len() + edit.text.len()).sum()
    }

    /// The new text.
    ///
    /// # Errors
    /// The text has another length, or a range cuts a character.
    pub fn apply(&self, old: &Rope) -> Result<Rope, EditsError> {
        self.check(old)?;
        let mut new = old.clone();
        for edit in self.edits.iter().rev() {
            let start = new.byte_to_char(edit.range.start);
            new.remove(start..new.byte_to_char(edit.range.end));
            new.insert(start, &edit.text);
        }
        Ok(new)
    }

    /// The new text.
    ///
    /// # Errors
    /// The text has another length, or a range cuts a character.
    pub fn apply_str(&self, old: &str) -> Result<String, EditsError> {
        self.check_len(old.len())?;
        let mut new = String::with_capacity(self.len_after());
        let mut at = 0;
        for edit in &self.edits {
            new.push_str(old.get(at..edit.range.start).ok_or(EditsError::Boundary { at: edit.range.start })?);
            new.push_str(&edit.text);
            at = edit.range.end;
        }
        new.push_str(old.get(at..).ok_or(EditsError::Boundary { at })?);
        Ok(new)
    }

    /// What takes them back, for the new text.
    ///
    /// # Errors
    /// The text has another length, or a range cuts a character.
    pub fn invert(&self, old: &Rope) -> Result<Self, EditsError> {
        self.check(old)?;
        let mut builder = Builder::default();
        let mut at = 0;
        for edit in &self.edits {
            builder.retain(edit.range.start - at);
            builder.delete(edit.text.len());
            builder.insert(&old.byte_slice(edit.range.clone()).to_string());
            at = edit.range.end;
        }
        Ok(Self { len: self.len_after(), edits: builder.edits })
    }

    /// First these, then `next`, as edits of the first text.
    ///
    /// # Errors
    /// `next` is for another text than these make.
    pub fn compose(&self, next: &Self) -> Result<Self, EditsError> {
        next.check_len(self.len_after())?;
        let (first, second) = (self.ops(), next.ops());
        let (mut first, mut second) = (first.into_iter(), second.into_iter());
        let (mut a, mut b) = (first.next(), second.next());
        let mut builder = Builder::default();
        loop {
            match (a, b) {
                (Some(Op::Delete(n)), _) => {
                    builder.delete(n);
                    a = first.next();
                }
                (_, Some(Op::Insert(text))) => {
                    builder.insert(text);
                    b = second.next();
                }
                (Some(now), Some(then)) => {
                    let n = now.len().min(then.len());
                    let ((head, rest), (then, then_rest)) = (now.split(n)?, then.split(n)?);
                    match (head, then) {
                        (Op::Retain(n), Op::Retain(_)) => builder.retain(n),
                        (Op::Retain(n), Op::Delete(_)) => builder.delete(n),
                        (Op::Insert(text), Op::Retain(_)) => builder.insert(text),
                        _ => {}
                    }
                    a = rest.or_else(|| first.next());
                    b = then_rest.or_else(|| second.next());
                }
                (_, None) | (None, _) => break,
            }
        }
        Ok(Self { len: self.len, edits: builder.edits })
    }

    /// Where a position of the old text is in the new one. A position inside of replaced text goes to an end of the replacement.
    #[must_use]
    pub fn map_offset(&self, pos: usize, assoc: Assoc) -> usize {
        let (mut removed, mut added) = (0, 0);
        for edit in &self.edits {
            let Range { start, end } = edit.range;
            let past = end < pos || (end == pos && (start < end || assoc == Assoc::After));
            if past {
                removed += end - start;
                added += edit.text.len();
            } else if start < pos {
                let to = start - removed + added;
                return if assoc == Assoc::After { to + edit.text.len() } else { to };
            } else {
                break;
            }
        }
        pos - removed + added
    }

    /// The same change with what the replaced text and its replacement have in common left out, but never a cut between `\r` and `\n`.
    ///
    /// # Errors
    /// The text has another length, or a range cuts a character.
    pub fn minimized(&self, old: &Rope) -> Result<Self, EditsError> {
        self.check(old)?;
        let edits = self.edits.iter().filter_map(|edit| minimize(edit, old)).collect();
        Self::new(self.len, edits)
    }

    /// The same change in whole words: none of the old or the new text (`new`) is cut, so that somebody else's change of a word meets it.
    #[must_use]
    pub(crate) fn by_words(&self, old: &Rope, new: &Rope) -> Self {
        let mut ranges: Vec<Range<usize>> = Vec::with_capacity(self.edits.len());
        for edit in &self.edits {
            let Range { mut start, mut end } = edit.range;
            let (mut left, mut right) = (old.chars_at(old.byte_to_char(start)).reversed(), old.chars_at(old.byte_to_char(end)));
            let (was, is) = (old.byte_slice(start..end), edit.text.as_str());
            let (behind, before) = (right.next(), left.next());
            let cut_left = [was.chars().next().or(behind), is.chars().next().or(behind)].into_iter().flatten().any(is_word);
            let cut_right = [was.chars_at(was.len_chars()).reversed().next().or(before), is.chars().next_back().or(before)];
            if cut_left {
                start -= before.into_iter().chain(left).take_while(|c| is_word(*c)).map(char::len_utf8).sum::<usize>();
            }
            if cut_right.into_iter().flatten().any(is_word) {
                end += behind.into_iter().chain(right).take_while(|c| is_word(*c)).map(char::len_utf8).sum::<usize>();
            }
            match ranges.last_mut() {
                Some(last) if last.end >= start => last.end = last.end.max(end),
                _ => ranges.push(start..end),
            }
        }
        let grown = ranges.into_iter().map(|range| {
            let place = self.map_offset(range.start, Assoc::Before)..self.map_offset(range.end, Assoc::After);
            TextEdit { range, text: new.byte_slice(place).to_string() }
        });
        Self { len: self.len, edits: grown.collect() }
    }

    fn check_len(&self, found: usize) -> Result<(), EditsError> {
        if found == self.len { Ok(()) } else { Err(EditsError::Length { expected: self.len, found }) }
    }

    fn check(&self, old: &Rope) -> Result<(), EditsError> {
        self.check_len(old.len_bytes())?;
        for at in self.edits.iter().flat_map(|edit| [edit.range.start, edit.range.end]) {
            if old.char_to_byte(old.byte_to_char(at)) != at {
                return Err(EditsError::Boundary { at });
            }
        }
        Ok(())
    }

    fn ops(&self) -> Vec<Op<'_>> {
        let mut ops = Vec::with_capacity(self.edits.len() * 3 + 1);
        let mut at = 0;
        for edit in &self.edits {
            ops.extend([Op::Retain(edit.range.start - at), Op::Delete(edit.range.len()), Op::Insert(&edit.text)]);
            at = edit.range.end;
        }
        ops.push(Op::Retain(self.len - at));
        ops.retain(|op| op.len() > 0);
        ops
    }
}

/// Moves `agent`'s edits over `user`'s edits of the same text, which made `now` of it. At one place the user's insertion stays first.
///
/// # Errors
/// The indices of the agent's edits where the user changed the same place.
pub fn rebase(agent: &Edits, user: &Edits, now: &Rope) -> Result<Edits, Vec<usize>> {
    let rebased = rebase_split(agent, user, now);
    if rebased.conflicts.is_empty() { Ok(rebased.edits) } else { Err(rebased.conflicts) }
}

/// As [`rebase`], with those that are in conflict left out and named.
#[must_use]
pub fn rebase_split(agent: &Edits, user: &Edits, now: &Rope) -> Rebased {
    debug_assert_eq!((agent.len, user.len_after()), (user.len, now.len_bytes()), "both are edits of the same text");
    let (mut conflicts, mut done, mut moved) = (Vec::new(), Vec::new(), Builder::default());
    let (mut next, mut removed, mut added) = (0, 0, 0);
    for (index, edit) in agent.edits.iter().enumerate() {
        let Range { start, end } = edit.range;
        while let Some(theirs) = user.edits.get(next).filter(|theirs| theirs.range.end <= start) {
            removed += theirs.range.len();
            added += theirs.text.len();
            next += 1;
        }
        let before = next.checked_sub(1).and_then(|before| user.edits.get(before)).filter(|theirs| theirs.range.end == start);
        let over = user.edits.get(next).filter(|theirs| theirs.range.start <= end);
        // What the user put right before or behind the place may belong to it or not.
        let made = || {
            let starts = [Assoc::Before, Assoc::After].map(|assoc| user.map_offset(start, assoc));
            let ends = [Assoc::Before, Assoc::After].map(|assoc| user.map_offset(end, assoc));
            let mut places = starts.into_iter().flat_map(|start| ends.map(|end| start..end)).filter(|place| place.start <= place.end);
            places.any(|place| now.get_byte_slice(place).is_some_and(|there| there == edit.text))
        };
        let elsewhere = || {
            let gap = Gap { now, start: start + added - removed, end: end + added - removed };
            let earlier = next.checked_sub(1).and_then(|earlier| user.edits.get(earlier));
            before.is_none() && over.is_none() && gap.has_it(&edit.text, earlier, user.edits.get(next), start)
        };
        let inserted = start == end && before.iter().chain(&over).any(|theirs| theirs.text == edit.text);
        if inserted || elsewhere() || ((before.is_some() || over.is_some()) && made()) {
            done.push(index);
        } else if over.is_some_and(|theirs| theirs.range.start < end) {
            conflicts.push(index);
        } else {
            moved.retain(start - removed + added - moved.at);
            moved.delete(end - start);
            moved.insert(&edit.text);
        }
    }
    Rebased { edits: Edits { len: user.len_after(), edits: moved.edits }, conflicts, done }
}

fn minimize(edit: &TextEdit, old: &Rope) -> Option<TextEdit> {
    let replaced = old.byte_slice(edit.range.clone()).to_string();
    let char_at = |at: usize| (at < old.len_bytes()).then(|| old.char(old.byte_to_char(at)));
    let char_before = |at: usize| (at > 0).then(|| old.char(old.byte_to_char(at) - 1));
    let (after, before) = (char_at(edit.range.end), char_before(edit.range.start));
    let new = edit.text.as_str();

    let mut prefix: usize = replaced.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let starts_lf = |rest: &str| rest.chars().next().or(after) == Some('\n');
    if replaced[..prefix].ends_with('\r') && (starts_lf(&replaced[prefix..]) || starts_lf(&new[prefix..])) {
        prefix -= 1;
    }
    let (old_rest, new_rest) = (&replaced[prefix..], &new[prefix..]);
    let mut suffix: usize = old_rest.chars().rev().zip(new_rest.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let left = replaced[..prefix].chars().next_back().or(before);
    let ends_cr = |rest: &str| rest.chars().next_back().or(left) == Some('\r');
    let (old_mid, new_mid) = (&old_rest[..old_rest.len() - suffix], &new_rest[..new_rest.len() - suffix]);
    if old_rest[old_mid.len()..].starts_with('\n') && (ends_cr(old_mid) || ends_cr(new_mid)) {
        suffix -= 1;
    }
    let text = &new_rest[..new_rest.len() - suffix];
    let range = edit.range.start + prefix..edit.range.end - suffix;
    (replaced != new).then(|| TextEdit { range, text: text.to_owned() })
}

/// Whether it is a part of words.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[derive(Clone, Copy)]
enum Op<'a> {
    Retain(usize),
    Delete(usize),
    Insert(&'a str),
}

impl<'a> Op<'a> {
    fn len(&self) -> usize {
        match self {
            Op::Retain(n) | Op::Delete(n) => *n,
            Op::Insert(text) => text.len(),
        }
    }

    /// The first `n` bytes, and the rest unless it is nothing.
    fn split(self, n: usize) -> Result<(Self, Option<Self>), EditsError> {
        let (head, rest) = match self {
            Op::Retain(len) => (Op::Retain(n), Op::Retain(len - n)),
            Op::Delete(len) => (Op::Delete(n), Op::Delete(len - n)),
            Op::Insert(text) => {
                let (head, rest) = text.split_at_checked(n).ok_or(EditsError::Boundary { at: n })?;
                (Op::Insert(head), Op::Insert(rest))
            }
        };
        Ok((head, Some(rest).filter(|rest| rest.len() > 0)))
    }
}

/// Builds edits from left to right, joining what touches.
#[derive(Default)]
struct Builder {
    edits: Vec<TextEdit>,
    /// How much of the old text is behind.
    at: usize,
}

impl Builder {
    fn retain(&mut self, n: usize) {
        self.at += n;
    }

    fn delete(&mut self, n: usize) {
        if n > 0 {
            self.last().range.end += n;
            self.at += n;
        }
    }

    fn insert(&mut self, text: &str) {
        if !text.is_empty() {
            self.last().text.push_str(text);
        }
    }

    /// The edit that ends here, made if there is none.
    fn last(&mut self) -> &mut TextEdit {
        if self.edits.last().is_none_or(|edit| edit.range.end != self.at) {
            self.edits.push(TextEdit { range: self.at..self.at, text: String::new() });
        }
        let last = self.edits.len() - 1;
        &mut self.edits[last]
    }
}

#[cfg(test)]
mod tests;
