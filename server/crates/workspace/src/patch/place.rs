//! Where the hunks of a patch go. Must not know the grammar of patches.
//!
//! **Invariant:** a later hunk is placed behind an earlier one; lines that a hunk keeps are left as they are in the text.

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::{Chunk, PatchError};
use crate::TextEdit;

/// From strict to lax.
const PASSES: [fn(&str, &str) -> bool; 4] =
    [|a, b| a == b, |a, b| a.trim_end() == b.trim_end(), |a, b| a.trim() == b.trim(), |a, b| folded(a.trim()) == folded(b.trim())];

struct Lines<'a> {
    /// Without line ends.
    bodies: Vec<&'a str>,
    /// Where each begins, and where the text ends.
    starts: Vec<usize>,
    /// What new lines end with.
    newline: &'static str,
    /// Whether the last line ends with a newline.
    closed: bool,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let (mut bodies, mut starts, mut at, mut crlf) = (Vec::new(), vec![0], 0, 0_usize);
        for raw in text.split_inclusive('\n') {
            let body = raw.strip_suffix('\n').unwrap_or(raw);
            let plain = body.strip_suffix('\r').unwrap_or(body);
            crlf += usize::from(plain.len() < body.len());
            bodies.push(plain);
            at += raw.len();
            starts.push(at);
        }
        let newline = if 2 * crlf > bodies.len() { "\r\n" } else { "\n" };
        Self { bodies, starts, newline, closed: text.is_empty() || text.ends_with('\n') }
    }

    fn matches_at(&self, at: usize, wanted: &[String], equal: fn(&str, &str) -> bool) -> bool {
        self.bodies.get(at..at + wanted.len()).is_some_and(|lines| lines.iter().zip(wanted).all(|(line, wanted)| equal(line, wanted)))
    }

    /// Where `wanted` is at or behind line `from`, by the strictest comparison that finds any.
    fn places(&self, wanted: &[String], from: usize) -> Vec<usize> {
        let by = |equal| (from..self.bodies.len()).filter(|at| self.matches_at(*at, wanted, equal)).collect::<Vec<_>>();
        PASSES.into_iter().map(by).find(|places| !places.is_empty()).unwrap_or_default()
    }
}

/// The edits, which may overlap if the patch is odd.
pub(super) fn edits(path: &str, text: &str, chunks: &[Chunk]) -> Result<Vec<TextEdit>, PatchError> {
    let lines = Lines::of(text);
    let (mut edits, mut from) = (Vec::new(), 0);
    for chunk in chunks {
        if let Some(context) = &chunk.context {
            let places = lines.places(std::slice::from_ref(context), from);
            let missing = || PatchError::Context { path: path.to_owned(), context: context.clone(), from };
            from = places.first().ok_or_else(missing)? + 1;
        }
        if chunk.old.is_empty() {
            // Nothing to hold on to: behind the context, else at the end.
            let at = if chunk.context.is_some() && !chunk.end_of_file { from } else { lines.bodies.len() };
            insert(&lines, at, &chunk.new, &mut edits);
            from = at;
            continue;
        }
        let (mut old, mut new) = (chunk.old.as_slice(), chunk.new.as_slice());
        let mut place = choose(path, &lines, chunk, old, from)?;
        if let (None, [head @ .., last]) = (place, old)
            && last.is_empty()
            && !head.is_empty()
        {
            old = head;
            new = new.strip_suffix(&[String::new()]).unwrap_or(new);
            place = choose(path, &lines, chunk, old, from)?;
        }
        let missing = || PatchError::Lines { path: path.to_owned(), lines: chunk.old.join("\n"), from };
        let at = place.ok_or_else(missing)?;
        replace(&lines, at, old, new, &mut edits);
        from = at + old.len();
    }
    Ok(edits)
}

fn choose(path: &str, lines: &Lines<'_>, chunk: &Chunk, old: &[String], from: usize) -> Result<Option<usize>, PatchError> {
    if chunk.end_of_file
        && let Some(at) = lines.bodies.len().checked_sub(old.len()).filter(|at| *at >= from)
        && PASSES.into_iter().any(|equal| lines.matches_at(at, old, equal))
    {
        return Ok(Some(at));
    }
    let places = lines.places(old, from);
    if places.len() > 1 && chunk.context.is_none() {
        let at = places.iter().map(|at| at + 1).collect();
        return Err(PatchError::Ambiguous { path: path.to_owned(), lines: old.join("\n"), at });
    }
    Ok(places.first().copied())
}

/// Replaces only the lines that differ between `old` and `new`: those that stay keep their blanks, whatever the patch says.
fn replace(lines: &Lines<'_>, at: usize, old: &[String], new: &[String], edits: &mut Vec<TextEdit>) {
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        let (tag, was, is) = op.as_tag_tuple();
        match tag {
            DiffTag::Equal => {}
            DiffTag::Insert => insert(lines, at + was.start, &new[is], edits),
            DiffTag::Delete | DiffTag::Replace => {
                let (first, last) = (at + was.start, at + was.end);
                let (mut start, end) = (lines.starts[first], lines.starts[last]);
                let mut text: String = new[is].iter().flat_map(|line| [line.as_str(), lines.newline]).collect();
                if last == lines.bodies.len() && !lines.closed {
                    // The text has no newline at its end, and gets none.
                    text.truncate(text.len() - if text.is_empty() { 0 } else { lines.newline.len() });
                    if text.is_empty() && first > 0 {
                        start = lines.starts[first - 1] + lines.bodies[first - 1].len();
                    }
                }
                edits.push(TextEdit { range: start..end, text });
            }
        }
    }
}

fn insert(lines: &Lines<'_>, at: usize, new: &[String], edits: &mut Vec<TextEdit>) {
    let start = lines.starts[at];
    let text: String = if at == lines.bodies.len() && !lines.closed {
        new.iter().flat_map(|line| [lines.newline, line.as_str()]).collect()
    } else {
        new.iter().flat_map(|line| [line.as_str(), lines.newline]).collect()
    };
    edits.push(TextEdit { range: start..start, text });
}

/// With typographic quotes, dashes, dots and blanks as their plain ones.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2018}'..='\u{201B}' => out.push('\''),
            '\u{201C}'..='\u{201F}' => out.push('"'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => out.push('-'),
            '\u{2026}' => out.push_str("..."),
            '\u{A0}' | '\u{2002}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
