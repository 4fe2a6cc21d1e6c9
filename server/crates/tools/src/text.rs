//! Text as the model is shown it. Must not know any tool.
//!
//! **Invariant:** a line that is shown is never longer than `LINE` characters and a note.

use ropey::Rope;

/// How much of a line is shown, in characters (OpenCode's).
const LINE: usize = 2000;

/// How many lines a person would say that a text has: what follows a final newline is none.
pub(crate) fn lines_of(text: &Rope) -> usize {
    let lines = text.len_lines();
    if text.line(lines - 1).len_bytes() == 0 { lines - 1 } else { lines }
}

/// A line without its end, cut if it is very long.
pub(crate) fn cut_line(chars: impl Iterator<Item = char>) -> String {
    let mut chars = chars.filter(|c| *c != '\n' && *c != '\r' && *c != '\0');
    let mut line: String = chars.by_ref().take(LINE).collect();
    if chars.next().is_some() {
        line.push_str("… (line cut)");
    }
    line
}
