//! The files as a model without tools is shown them, within its room. Pure.
//!
//! **Invariant:** no more bytes of files than there is room for, and what does not fit is named.

use std::fmt::Write as _;

use crate::text_edits::{Shown, looks_like_path};

const LONG: &str = include_str!("../../../../../prompts/system/tool_free_long.md");
/// A file of more lines is not to be written anew.
const LONG_LINES: usize = 150;

/// How much of a file was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All.
    Whole,
    /// The lines around the selection.
    Lines,
    /// Nothing.
    None,
}

/// The files that the model is shown.
#[derive(Debug)]
pub struct Files {
    /// For its answer to be read against.
    pub shown: Vec<Shown>,
    /// Further files, by name only.
    pub others: Vec<String>,
    room: usize,
    told: String,
    selection: String,
    left_out: Vec<String>,
}

impl Files {
    /// None yet, and room for so many bytes.
    pub fn new(room: usize) -> Self {
        Self { shown: Vec::new(), others: Vec::new(), room, told: String::new(), selection: String::new(), left_out: Vec::new() }
    }

    /// Bytes that still fit.
    pub fn left(&self) -> usize {
        self.room
    }

    /// Whether a file is shown or named.
    pub fn has(&self, name: &str) -> bool {
        self.shown.iter().any(|shown| shown.name == name) || self.left_out.iter().any(|left| left == name)
    }

    /// Takes a file in as far as there is room. `selected` are the lines that the user asks about, from 0, the last included, and their text.
    pub fn add(&mut self, name: String, text: String, selected: Option<((usize, usize), String)>) -> Part {
        let whole = text.len() <= self.room;
        let excerpt = match &selected {
            _ if whole => None,
            Some((lines, _)) => Some(around(&text, *lines, self.room)),
            None => {
                self.left_out.push(name);
                return Part::None;
            }
        };
        let (body, first) = excerpt.as_ref().map_or((text.as_str(), None), |(body, first)| (body.as_str(), Some(*first)));
        let fence = fence(body);
        let ending = if body.is_empty() || body.ends_with('\n') { "" } else { "\n" };
        let part = first.map_or_else(String::new, |first| format!(" (only lines {} to {})", first + 1, first + body.lines().count()));
        // Writing to a string cannot fail.
        let _ = write!(self.told, "File: {name}{part}\n{fence}{}\n{body}{ending}{fence}\n\n", language(&name));
        self.room -= body.len().min(self.room);
        if let Some(((start, end), words)) = &selected {
            let place = if start == end { format!("line {}", start + 1) } else { format!("lines {} to {}", start + 1, end + 1) };
            self.selection = match words.trim() {
                "" => format!("The cursor is in {name}, {place}.\n"),
                words => format!("The user selected {place} of {name}:\n{fence}\n{words}\n{fence}\n"),
            };
        }
        self.shown.push(Shown { name, text, selected: selected.is_some(), whole });
        if whole { Part::Whole } else { Part::Lines }
    }

    /// All that is said before the user's words. `context` is what the face adds.
    pub fn told(&self, context: &[String]) -> String {
        let mut out = self.told.clone();
        let long: Vec<&str> = self
            .shown
            .iter()
            .filter(|shown| !shown.whole || shown.text.lines().count() > LONG_LINES)
            .map(|shown| shown.name.as_str())
            .collect();
        if !long.is_empty() {
            let _ = writeln!(out, "{} {}\n", LONG.trim_end(), long.join(", "));
        }
        if !self.left_out.is_empty() {
            let _ = writeln!(out, "Too long to be shown: {}\n", self.left_out.join(", "));
        }
        if !self.others.is_empty() {
            let _ = writeln!(out, "Further files, not shown: {}\n", self.others.join(", "));
        }
        out.push_str(&self.selection);
        for text in context {
            let _ = writeln!(out, "{text}");
        }
        out.trim_end().to_owned()
    }
}

/// The lines around some, as many as fit, and the number of the first from 0.
fn around(text: &str, (start, end): (usize, usize), room: usize) -> (String, usize) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let start = start.min(lines.len().saturating_sub(1));
    let (mut first, mut next) = (start, start);
    let mut size = 0;
    let mut fits = |line: &str| {
        size += line.len();
        size <= room
    };
    // First what is selected, then by turns what is above and below.
    while next < lines.len() && next <= end && fits(lines[next]) {
        next += 1;
    }
    loop {
        let above = first > 0 && fits(lines[first - 1]);
        first -= usize::from(above);
        let below = next < lines.len() && fits(lines[next]);
        next += usize::from(below);
        if !above && !below {
            return (lines[first..next].concat(), first);
        }
    }
}

/// A fence that is not in the text.
fn fence(text: &str) -> String {
    let longest = text.lines().map(|line| line.trim_start().chars().take_while(|c| *c == '`').count()).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

/// What a file's code block is marked with.
fn language(name: &str) -> &str {
    let ending = name.rsplit('/').next().and_then(|last| last.rsplit_once('.')).map_or("", |(_, ending)| ending);
    match ending {
        "py" => "python",
        "rs" => "rust",
        "js" | "mjs" | "cjs" => "javascript",
        "ts" => "typescript",
        "md" => "markdown",
        "sh" => "bash",
        "yml" => "yaml",
        "rb" => "ruby",
        other => other,
    }
}

/// Words that may be files' names, without a line's number behind them.
pub fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "`'\"(),;<>[]{}|*".contains(c));
    words
        .map(|word| word.trim_start_matches('@').trim_end_matches(['.', ':', '!', '?']))
        .map(|word| {
            let line = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '-' || c == 'L' || c == ':');
            word.split_once([':', '#']).filter(|(_, rest)| line(rest)).map_or(word, |(name, _)| name)
        })
        .filter(|word| looks_like_path(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_in_words() {
        let check = |text: &str, expect: &[&str]| assert_eq!(names_in(text).collect::<Vec<_>>(), expect, "{text}");
        check("Fix src/a.py:12 and `b.rs`, see @docs/x.md.", &["src/a.py", "b.rs", "docs/x.md"]);
        check("In main.c#L3-7 (and Makefile) at 3.14, e.g. https://x.org/a.b", &["main.c", "Makefile", "e.g"]);
        check("no names here", &[]);
    }

    #[test]
    fn what_fits_goes_in_and_what_does_not_is_named() {
        let mut files = Files::new(100);
        assert_eq!(files.add("a.py".into(), "x = 1\n".into(), None), Part::Whole);
        assert_eq!(files.add("b.py".into(), "y".repeat(200), None), Part::None);
        let long: String = (0..40).map(|n| format!("line {n}\n")).collect();
        assert_eq!(files.add("c.txt".into(), long, Some(((20, 21), "line 20\nline 21".into()))), Part::Lines);
        assert_eq!(files.add("d.md".into(), "no room\n".into(), None), Part::None);
        files.others = vec!["e.py".into()];
        insta::assert_snapshot!(files.told(&["From the editor: a hint.".into()]));
        assert!(files.has("b.py") && files.has("a.py") && !files.has("e.py"));
    }

    #[test]
    fn fences_are_longer_than_those_inside() {
        let mut files = Files::new(1000);
        files.add("README.md".into(), "# A\n```sh\nx\n```".into(), Some(((0, 0), String::new())));
        assert_eq!(files.told(&[]), "File: README.md\n````markdown\n# A\n```sh\nx\n```\n````\n\nThe cursor is in README.md, line 1.");
    }

    #[test]
    fn the_example_can_be_told_from_an_edit() {
        let system = include_str!("../../../../../prompts/system/tool_free.md");
        for prompt in [system, LONG] {
            assert!(prompt.contains(&format!("File: {}\n```", crate::text_edits::EXAMPLE)));
        }
        assert!(system.len() <= 1536, "{} bytes", system.len());
    }
}
