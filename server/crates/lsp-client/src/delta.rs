//! What came and what went between two moments.
//!
//! Pure. Must not know where diagnostics come from, nor how they are shown.
//!
//! **Invariant:** a diagnostic that only moved with its line neither came nor went; of several equal ones each counts for one. Nothing that came is ever cancelled against something
//! that went elsewhere.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

use ropey::Rope;
use workspace::{Assoc, Edits, diff};

use crate::diagnostic::{Diagnostic, Severity};

/// What is said of one file at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Its diagnostics.
    pub items: &'a [Diagnostic],
    /// Its text at that moment, where that is known: without it lines are taken for unmoved.
    pub text: Option<&'a Rope>,
}

/// What changed in one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// What was not there before, the worst first.
    pub introduced: Vec<Diagnostic>,
    /// What is not there any more, where it stood before.
    pub resolved: Vec<Diagnostic>,
}

impl Delta {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.introduced.is_empty() && self.resolved.is_empty()
    }

    /// How many errors came.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.introduced.iter().filter(|item| item.severity == Severity::Error).count()
    }

    /// Between two moments.
    #[must_use]
    pub fn between(before: Moment<'_>, now: Moment<'_>) -> Self {
        let moved = before.text.zip(now.text).filter(|(old, new)| old != new).map(|(old, new)| Moved { edits: diff(old, new), old, new });
        let mut open: HashMap<Identity<'_>, Vec<usize>> = HashMap::new();
        for (index, item) in now.items.iter().enumerate() {
            open.entry(identity(item)).or_default().push(index);
        }
        let unmoved = |line: usize| Place { touched: false, lines: line..=line };
        let mut places: Vec<(Place, &Diagnostic)> = before
            .items
            .iter()
            .map(|item| (moved.as_ref().map_or_else(|| unmoved(item.start.line), |moved| moved.place(item.start.line)), item))
            .collect();
        // Those on lines that were left alone know their place: they choose first.
        places.sort_by_key(|(place, _)| place.touched);
        let mut resolved = Vec::new();
        for (place, item) in places {
            let left = open.get_mut(&identity(item));
            let found =
                left.and_then(|left| Some((left.iter().position(|index| place.lines.contains(&now.items[*index].start.line))?, left)));
            match found {
                Some((at, left)) => drop(left.remove(at)),
                None => resolved.push(item.clone()),
            }
        }
        let mut came: Vec<usize> = open.into_values().flatten().collect();
        came.sort_unstable();
        let mut introduced: Vec<Diagnostic> = came.into_iter().map(|index| now.items[index].clone()).collect();
        introduced.sort_by_key(|item| (item.severity, item.start));
        resolved.sort_by_key(|item| (item.severity, item.start));
        Self { introduced, resolved }
    }
}

/// What makes two diagnostics the same one, besides the place.
type Identity<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Severity);

fn identity(item: &Diagnostic) -> Identity<'_> {
    (&item.message, item.code.as_deref(), item.source.as_deref(), item.severity)
}

struct Moved<'a> {
    edits: Edits,
    old: &'a Rope,
    new: &'a Rope,
}

/// What a line has become.
struct Place {
    /// It was changed itself, or taken away.
    touched: bool,
    lines: RangeInclusive<usize>,
}

impl Moved<'_> {
    fn place(&self, line: usize) -> Place {
        let offset = |line: usize| self.old.try_line_to_byte(line).unwrap_or_else(|_| self.old.len_bytes());
        let (start, end) = (offset(line), offset(line + 1));
        // Without its line break: what is inserted below it is another line.
        let end = end - usize::from(end > start && self.old.get_byte(end - 1) == Some(b'\n'));
        let meets = |range: &Range<usize>| {
            if range.is_empty() { start < range.start && range.start < end } else { range.start < end.max(start + 1) && start < range.end }
        };
        let touched = self.edits.edits().iter().any(|edit| meets(&edit.range));
        let replaced = self.edits.edits().iter().any(|edit| edit.range.start <= start && edit.range.end > end);
        let (at_start, at_end) = if replaced { (Assoc::Before, Assoc::After) } else { (Assoc::After, Assoc::Before) };
        let line_of = |offset: usize| self.new.try_byte_to_line(offset).unwrap_or_default();
        let (first, last) = (self.edits.map_offset(start, at_start), self.edits.map_offset(end, at_end));
        Place { touched, lines: line_of(first.min(last))..=line_of(first.max(last)) }
    }
}

#[cfg(test)]
mod tests;
