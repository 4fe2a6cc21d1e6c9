//! The rungs of inexact matching, from the strictest on. Must not know replacements.
//!
//! **Invariant:** the first rung with any hit decides: its one hit, or an error that names all of them.

use std::ops::Range;

use super::{MatchError, line_numbers};

/// How alike the middle lines must be when only the first and the last are equal.
const ALIKE: f64 = 0.65;
/// Places that are compared by likeness; more of them are no match.
const ALIKE_PLACES_MAX: usize = 200;
/// Longer lines are compared by equality alone.
const ALIKE_LINE_MAX: usize = 500;

/// A place that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Whether it is whole lines (without the last one's line end), so that the indentation of the replacement is to be fitted.
    pub lines: bool,
    /// Whether backslash escapes of the search stand for what they name, in the replacement too.
    pub unescape: bool,
}

struct Line<'a> {
    start: usize,
    /// Without its line end.
    text: &'a str,
}

/// The place of `old` (with plain line ends) in `text` by the strictest rule that finds any.
pub(super) fn climb(text: &str, old: &str, all: bool) -> Result<Vec<Hit>, MatchError> {
    let lines = split(text);
    let mut search: Vec<&str> = old.split('\n').collect();
    if search.len() > 1 && search.last().is_some_and(|line| line.is_empty()) {
        search.pop();
    }
    let rungs: [&dyn Fn() -> Vec<Hit>; 8] = [
        &|| blocks(&lines, &search, |a, b| a.trim_end() == b.trim_end()),
        &|| blocks(&lines, &search, |a, b| a.trim() == b.trim()),
        &|| anchored(&lines, &search),
        &|| blocks(&lines, &search, |a, b| a.split_whitespace().eq(b.split_whitespace())),
        &|| words_in_line(&lines, &search),
        &|| escaped(text, &lines, old),
        &|| trimmed(text, old),
        &|| context(&lines, &search),
    ];
    for rung in rungs {
        let mut hits = rung();
        if hits.is_empty() {
            continue;
        }
        let starts: Vec<usize> = hits.iter().map(|hit| hit.range.start).collect();
        if hits.len() > 1 && !all {
            return Err(MatchError::Ambiguous { lines: line_numbers(text, &starts) });
        }
        if let Some(wide) = hits.iter().find(|hit| too_wide(&text[hit.range.clone()], old, search.len())) {
            return Err(MatchError::TooWide { line: line_numbers(text, &[wide.range.start])[0] });
        }
        hits.dedup_by(|b, a| a.range.end > b.range.start);
        return Ok(hits);
    }
    Err(MatchError::NotFound { nearest: nearest(&lines, &search) })
}

fn split(text: &str) -> Vec<Line<'_>> {
    let mut at = 0;
    let line = |raw| {
        let start = at;
        at += str::len(raw);
        let text = raw.strip_suffix('\n').unwrap_or(raw);
        Line { start, text: text.strip_suffix('\r').unwrap_or(text) }
    };
    text.split_inclusive('\n').map(line).collect()
}

fn too_wide(found: &str, old: &str, lines: usize) -> bool {
    let found_lines = found.split('\n').count();
    let (found, old) = (found.trim().len(), old.trim().len());
    found_lines >= (lines + 3).max(2 * lines) || (lines > 1 && found > (old + 500).max(4 * old))
}

fn hit(lines: &[Line<'_>], first: usize, last: usize) -> Hit {
    Hit { range: lines[first].start..lines[last].start + lines[last].text.len(), lines: true, unescape: false }
}

/// Consecutive lines that are equal by `equal`.
fn blocks(lines: &[Line<'_>], search: &[&str], equal: impl Fn(&str, &str) -> bool) -> Vec<Hit> {
    let block = |(first, window): (usize, &[Line<'_>])| {
        window.iter().zip(search).all(|(line, wanted)| equal(line.text, wanted)).then(|| hit(lines, first, first + search.len() - 1))
    };
    lines.windows(search.len()).enumerate().filter_map(block).collect()
}

/// The first and the last line are equal, about as many lines are between them, and these are alike.
fn anchored(lines: &[Line<'_>], search: &[&str]) -> Vec<Hit> {
    let [head, middle @ .., tail] = search else { return Vec::new() };
    if middle.is_empty() || head.trim().is_empty() || tail.trim().is_empty() {
        return Vec::new();
    }
    let slack = (search.len() / 4).max(1);
    let mut places = Vec::new();
    for first in (0..lines.len()).filter(|first| lines[*first].text.trim() == head.trim()) {
        let nearest = first + search.len().saturating_sub(slack).max(3) - 1;
        let farthest = (first + search.len() + slack).min(lines.len());
        places.extend((nearest..farthest).filter(|last| lines[*last].text.trim() == tail.trim()).map(|last| (first, last)));
        if places.len() > ALIKE_PLACES_MAX {
            return Vec::new();
        }
    }
    let alike = |(first, last): &(usize, usize)| {
        let found = &lines[first + 1..*last];
        let total: f64 = middle.iter().zip(found).map(|(a, b)| likeness(a.trim(), b.text.trim())).sum();
        total / middle.len().max(found.len()).max(1) as f64
    };
    let mut good: Vec<_> = places.into_iter().map(|place| (alike(&place), place)).filter(|(score, _)| *score >= ALIKE).collect();
    // Two ends for one beginning are one place: the better end.
    good.sort_by(|a, b| (a.1.0).cmp(&b.1.0).then(b.0.total_cmp(&a.0)));
    good.dedup_by_key(|(_, (first, _))| *first);
    good.into_iter().map(|(_, (first, last))| hit(lines, first, last)).collect()
}

/// A part of a line with the same words, whatever the blanks between them.
fn words_in_line(lines: &[Line<'_>], search: &[&str]) -> Vec<Hit> {
    let [wanted] = search else { return Vec::new() };
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let Some((head, rest)) = words.split_first() else { return Vec::new() };
    let place = |line: &Line<'_>, at: usize| {
        let mut end = at + head.len();
        for word in rest {
            let tail = &line.text[end..];
            let blank = tail.len() - tail.trim_start().len();
            if blank == 0 || !tail[blank..].starts_with(word) {
                return None;
            }
            end += blank + word.len();
        }
        Some(Hit { range: line.start + at..line.start + end, lines: false, unescape: false })
    };
    lines.iter().flat_map(|line| line.text.match_indices(head).filter_map(move |(at, _)| place(line, at))).collect()
}

/// What is left when backslash escapes stand for what they name.
fn escaped(text: &str, lines: &[Line<'_>], old: &str) -> Vec<Hit> {
    let plain = unescape(old);
    if plain == old || plain.trim().is_empty() {
        return Vec::new();
    }
    let mark = |mut hit: Hit| {
        hit.unescape = true;
        hit
    };
    let direct: Vec<Hit> = text
        .match_indices(&plain)
        .map(|(start, found)| mark(Hit { range: start..start + found.len(), lines: false, unescape: true }))
        .collect();
    if !direct.is_empty() {
        return direct;
    }
    let search: Vec<&str> = plain.trim_end_matches('\n').split('\n').collect();
    blocks(lines, &search, |a, b| a.trim() == b.trim()).into_iter().map(mark).collect()
}

fn trimmed(text: &str, old: &str) -> Vec<Hit> {
    let inner = old.trim();
    if inner == old || inner.is_empty() {
        return Vec::new();
    }
    text.match_indices(inner).map(|(start, _)| Hit { range: start..start + inner.len(), lines: false, unescape: false }).collect()
}

/// The first and the last line and at least half of those between are equal.
fn context(lines: &[Line<'_>], search: &[&str]) -> Vec<Hit> {
    let [head, middle @ .., tail] = search else { return Vec::new() };
    if middle.is_empty() || head.trim().is_empty() || tail.trim().is_empty() {
        return Vec::new();
    }
    let fits = |(first, window): (usize, &[Line<'_>])| {
        let last = window.len() - 1;
        if window[0].text.trim() != head.trim() || window[last].text.trim() != tail.trim() {
            return None;
        }
        let wanted: Vec<_> =
            middle.iter().zip(&window[1..last]).filter(|(a, b)| !a.trim().is_empty() || !b.text.trim().is_empty()).collect();
        let same = wanted.iter().filter(|(a, b)| a.trim() == b.text.trim()).count();
        (2 * same >= wanted.len()).then(|| hit(lines, first, first + last))
    };
    lines.windows(search.len()).enumerate().filter_map(fits).collect()
}

/// `\n`, `\t`, `\r`, quotes, `\\`, `\$` and an escaped line end, as what they name.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some(c @ ('\'' | '"' | '`' | '\\' | '\n' | '$')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

/// From 0 (nothing alike) to 1 (equal): one minus the part of the characters that must be changed.
fn likeness(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    if a.len().max(b.len()) > ALIKE_LINE_MAX {
        return 0.0;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    1.0 - row[b.len()] as f64 / a.len().max(b.len()).max(1) as f64
}

/// The line that is most like the first line of the search that says anything.
fn nearest(lines: &[Line<'_>], search: &[&str]) -> Option<(usize, String)> {
    let wanted = search.iter().map(|line| line.trim()).find(|line| !line.is_empty())?;
    let budget = 5_000;
    let scored = lines.iter().enumerate().take(budget).map(|(index, line)| (likeness(wanted, line.text.trim()), index));
    let (score, index) = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
    (score >= 0.5).then(|| (index + 1, lines[index].text.to_owned()))
}
