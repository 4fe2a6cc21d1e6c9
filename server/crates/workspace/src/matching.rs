//! Finds the place that a model means by a piece of text which it may remember not quite exactly.
//!
//! Owns the ladder of matchers, the guard against too wide a hit, line ends, and the indentation of the replacement. Must not know documents or tools.
//!
//! **Invariant:** an inexact hit is the only one of its kind; anything else is an error that names the places.

use crate::TextEdit;

mod ladder;
mod reindent;
#[cfg(test)]
mod tests;

/// Inexact matching of longer texts would take too long.
const FUZZY_TEXT_MAX: usize = 4 << 20;
/// Lines of that many places are named.
const LINES_MAX: usize = 20;

/// Why no edit was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// Nothing like it.
    #[error("oldString was not found{}", hint(nearest.as_ref()))]
    NotFound {
        /// The line that is most like its first one: number from 1, and text.
        nearest: Option<(usize, String)>,
    },
    /// Several places.
    #[error("oldString occurs {} times, on lines {}; add surrounding lines so that it is unique, or set replaceAll", lines.len(), list(lines))]
    Ambiguous {
        /// Where they begin, from 1.
        lines: Vec<usize>,
    },
    /// Nothing to do.
    #[error("oldString and newString are the same")]
    Same,
    /// No text to look for.
    #[error("oldString is empty; name the text to replace, or use write for a new file")]
    EmptyOld,
    /// An inexact hit that takes in much more than was named.
    #[error(
        "oldString was not found exactly, and what is most like it (line {line}) is far longer; read the file again and name the text as it is"
    )]
    TooWide {
        /// Where it begins, from 1.
        line: usize,
    },
}

fn hint(nearest: Option<&(usize, String)>) -> String {
    nearest.map_or_else(
        || String::from("; read the file again and copy the text as it is"),
        |(line, text)| format!("; the closest is line {line}: {}", text.trim()),
    )
}

fn list(lines: &[usize]) -> String {
    let mut out = lines.iter().take(LINES_MAX).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if lines.len() > LINES_MAX {
        out.push_str(", …");
    }
    out
}

/// The edits of `text` that replace `old` by `new`: at the one place where it is, or (`replace_all`) at all of them.
///
/// # Errors
/// It is nowhere, at several places, or there is nothing to do.
pub fn find(text: &str, old: &str, new: &str, replace_all: bool) -> Result<Vec<TextEdit>, MatchError> {
    if old.is_empty() {
        return Err(MatchError::EmptyOld);
    }
    let crlf = mostly_crlf(text);
    let exact: Vec<usize> = starts(text, old);
    let same_ends = |s: &str| if crlf { to_crlf(s) } else { s.replace("\r\n", "\n") };
    let replacement = same_ends(new);
    if same_ends(old) == replacement {
        return Err(MatchError::Same);
    }
    let (old, exact) = match exact.is_empty() {
        false => (old.to_owned(), exact),
        true => {
            let old = same_ends(old);
            let exact = starts(text, &old);
            (old, exact)
        }
    };
    match exact.as_slice() {
        [] => {}
        [only] if replace_all || !overlaps_itself(text, &old, *only) => return Ok(at(&exact, old.len(), &replacement)),
        _ if replace_all => return Ok(at(&exact, old.len(), &replacement)),
        _ => return Err(MatchError::Ambiguous { lines: line_numbers(text, &exact) }),
    }
    if text.len() > FUZZY_TEXT_MAX || old.trim().is_empty() {
        return Err(MatchError::NotFound { nearest: None });
    }
    let old_lf = old.replace("\r\n", "\n");
    let new_lf = replacement.replace("\r\n", "\n");
    let place = ladder::climb(text, &old_lf, replace_all)?;
    let edits = place.into_iter().map(|hit| {
        let found = text[hit.range.clone()].replace("\r\n", "\n");
        let put = reindent::fit(&old_lf, &new_lf, &found, &hit);
        TextEdit { range: hit.range, text: if crlf { to_crlf(&put) } else { put } }
    });
    Ok(edits.collect())
}

fn starts(text: &str, old: &str) -> Vec<usize> {
    text.match_indices(old).map(|(start, _)| start).collect()
}

/// Whether `old` occurs once more, beginning inside of its occurrence at `start`.
fn overlaps_itself(text: &str, old: &str, start: usize) -> bool {
    let first = old.chars().next().map_or(1, char::len_utf8);
    let (from, to) = (start + first, (start + 2 * old.len()).min(text.len()));
    text.get(from..text.floor_char_boundary(to)).is_some_and(|rest| rest.contains(old))
}

fn at(starts: &[usize], len: usize, new: &str) -> Vec<TextEdit> {
    starts.iter().map(|start| TextEdit { range: *start..*start + len, text: new.to_owned() }).collect()
}

/// The lines, from 1, of ascending places.
fn line_numbers(text: &str, starts: &[usize]) -> Vec<usize> {
    let (mut line, mut done) = (1, 0);
    let number = |start: &usize| {
        line += text.as_bytes()[done..*start].iter().filter(|byte| **byte == b'\n').count();
        done = *start;
        line
    };
    let mut lines: Vec<usize> = starts.iter().map(number).collect();
    lines.dedup();
    lines
}

fn mostly_crlf(text: &str) -> bool {
    let (mut crlf, mut lf, mut last) = (0_usize, 0_usize, 0_u8);
    for byte in text.bytes() {
        if byte == b'\n' {
            if last == b'\r' { crlf += 1 } else { lf += 1 }
        }
        last = byte;
    }
    crlf > lf
}

fn to_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}
