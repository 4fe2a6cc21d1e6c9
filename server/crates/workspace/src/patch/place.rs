//! Where the hunks of a patch go. Must not know the grammar of patches.
//!
//! **Invariant:** a later hunk is placed behind an earlier one; lines that a hunk keeps are left as they are in the text.

use super::{Chunk, PatchError, Sign};
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
        let (mut body, mut old) = (chunk.lines.as_slice(), old_lines(&chunk.lines));
        if old.is_empty() {
            // Nothing to hold on to: behind the context, else at the end.
            let at = if chunk.context.is_some() && !chunk.end_of_file { from } else { lines.bodies.len() };
            replace(&lines, at, body, &mut edits);
            from = at;
            continue;
        }
        let missing = || PatchError::Lines { path: path.to_owned(), lines: old_lines(&chunk.lines).join("\n"), from };
        let mut place = choose(path, &lines, chunk, &old, from)?;
        if let (None, Some(((Sign::Same, last), head))) = (place, body.split_last())
            && last.is_empty()
            && old.len() > 1
        {
            // An empty line before the next marker is often only that.
            body = head;
            old.pop();
            place = choose(path, &lines, chunk, &old, from)?;
        }
        let at = place.ok_or_else(missing)?;
        replace(&lines, at, body, &mut edits);
        from = at + old.len();
    }
    Ok(edits)
}

/// The lines that must be there.
fn old_lines(lines: &[(Sign, String)]) -> Vec<String> {
    lines.iter().filter(|(sign, _)| *sign != Sign::New).map(|(_, line)| line.clone()).collect()
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

/// Replaces only the lines that the hunk says change: those that stay keep their blanks, whatever the patch says.
fn replace(lines: &Lines<'_>, mut at: usize, mut rest: &[(Sign, String)], edits: &mut Vec<TextEdit>) {
    loop {
        let same = rest.iter().take_while(|(sign, _)| *sign == Sign::Same).count();
        at += same;
        rest = &rest[same..];
        let (changed, after) = rest.split_at(rest.iter().take_while(|(sign, _)| *sign != Sign::Same).count());
        if changed.is_empty() {
            return;
        }
        rest = after;
        let last = at + changed.iter().filter(|(sign, _)| *sign == Sign::Old).count();
        let new = changed.iter().filter(|(sign, _)| *sign == Sign::New).map(|(_, line)| line.as_str());
        edits.push(edit(lines, at..last, new));
        at = last;
    }
}

/// New lines for the old ones of a range, which may be empty.
fn edit<'a>(lines: &Lines<'_>, range: std::ops::Range<usize>, new: impl Iterator<Item = &'a str>) -> TextEdit {
    let (mut start, end) = (lines.starts[range.start], lines.starts[range.end]);
    if range.end < lines.bodies.len() || lines.closed {
        return TextEdit { range: start..end, text: new.flat_map(|line| [line, lines.newline]).collect() };
    }
    // The text has no newline at its end, and gets none.
    if range.is_empty() {
        return TextEdit { range: start..end, text: new.flat_map(|line| [lines.newline, line]).collect() };
    }
    let text = new.collect::<Vec<_>>();
    if text.is_empty() && range.start > 0 {
        start = lines.starts[range.start - 1] + lines.bodies[range.start - 1].len();
    }
    TextEdit { range: start..end, text: text.join(lines.newline) }
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
