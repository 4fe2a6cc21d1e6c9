//! Edits in the text of an answer, for models that are not given tools: whole files, search/replace blocks and diffs become calls. Pure.
//!
//! Owns what counts as an edit, and for which file. Must not know tools, the workspace, or how the answer came.
//!
//! **Invariant:** what would lose text of the user's is refused with a reason for the model: an answer that was cut, one that leaves parts out, one that is
//! a piece where a whole file is expected. An answer to a question changes nothing.

mod blocks;
mod guard;
mod names;
mod replace;
#[cfg(test)]
mod tests;
mod words;

use self::blocks::{Block, blocks, mark};
pub use self::names::looks_like_path;
pub use self::words::{is_question, wants_removal};

/// The file of the prompt's example: an answer that copies it changes nothing.
pub const EXAMPLE: &str = "example/greet.py";

/// A file that the model was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// As it was named.
    pub name: String,
    /// All of it, with `\n` at the line ends.
    pub text: String,
    /// The user asks from there.
    pub selected: bool,
    /// The model was shown all of it.
    pub whole: bool,
}

/// What is to be done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is to hold this.
    Write(String),
    /// One text for another.
    Replace {
        /// What is there.
        old: String,
        /// What is to be there.
        new: String,
    },
    /// It cannot be done; the words are for the model.
    Refuse(String),
}

/// An edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEdit {
    /// As the model was shown it, or as it named it; empty if it named none.
    pub file: String,
    /// What is to be done.
    pub action: Action,
}

/// What an answer is read against.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// What the model was shown.
    pub shown: &'a [Shown],
    /// What the user asked for.
    pub asked: &'a str,
    /// The answer came to its end; else it was cut at the limit of tokens.
    pub whole: bool,
}

/// The edits of an answer, in order; none if it is one to a question, or says words alone.
#[must_use]
pub fn parse(answer: &str, reading: Reading<'_>) -> Vec<TextEdit> {
    if is_question(reading.asked) {
        return Vec::new();
    }
    let answer = answer.replace("\r\n", "\n");
    let blocks = blocks(&answer);
    let mut edits: Vec<TextEdit> = Vec::new();
    let mut bare = Vec::new();
    for block in &blocks {
        read(block, reading, &mut edits, &mut bare);
    }
    if edits.is_empty() {
        edits.extend(unnamed(&bare, reading));
    }
    settle(edits)
}

fn refuse(file: &str, why: impl Into<String>) -> TextEdit {
    TextEdit { file: file.to_owned(), action: Action::Refuse(why.into()) }
}

/// What one block asks for. A block that nothing names is kept in `bare`.
fn read<'a>(block: &'a Block<'a>, reading: Reading<'_>, edits: &mut Vec<TextEdit>, bare: &mut Vec<&'a Block<'a>>) {
    let named = names::named(block, reading.shown);
    if named.as_ref().is_some_and(|named| named.file == EXAMPLE && names::known(EXAMPLE, reading.shown).is_none()) {
        return;
    }
    let lines = &block.lines[named.as_ref().map_or(0, |named| named.inside)..];
    let marked = lines.iter().any(|line| mark(line).is_some_and(|mark| matches!(mark, blocks::Mark::Search(_))));
    let diff = replace::is_diff(block.info, lines);
    if !marked && !diff && named.is_none() {
        bare.push(block);
        return;
    }
    let name = named.as_ref().map(|named| named.file.as_str());
    if !block.closed && !reading.whole {
        edits.push(refuse(name.unwrap_or_default(), CUT));
        return;
    }
    if marked || diff {
        let pairs = if marked { replace::pairs(lines) } else { replace::hunks(lines) };
        edits.extend(pairs.into_iter().map(|pair| replace::edit(pair, name, reading)));
        return;
    }
    if let Some(file) = name {
        edits.push(whole_file(file, lines, reading));
    }
}

const CUT: &str =
    "the answer was cut before its end, so nothing of this file was changed; give a shorter answer: only search/replace blocks";

/// A file's whole text.
fn whole_file(file: &str, lines: &[&str], reading: Reading<'_>) -> TextEdit {
    let mut text = lines.join("\n");
    let Some(shown) = reading.shown.iter().find(|shown| shown.name == file) else {
        text.push('\n');
        return TextEdit { file: file.to_owned(), action: Action::Write(text) };
    };
    if shown.text.is_empty() || shown.text.ends_with('\n') {
        text.push('\n');
    }
    if !shown.whole {
        return refuse(file, "it was not shown whole, so it cannot be replaced as a whole; use search/replace blocks");
    }
    match guard::loss(&shown.text, &text, reading.asked) {
        Some(why) => refuse(file, why),
        None if text == shown.text => refuse(file, SAME),
        None => TextEdit { file: file.to_owned(), action: Action::Write(text) },
    }
}

const SAME: &str = "the answer gives it exactly as it is already, so nothing was changed";

/// What code without a name is for: the one file that it is most of. A piece of the only file is worth asking for the rest.
fn unnamed(bare: &[&Block<'_>], reading: Reading<'_>) -> Option<TextEdit> {
    let code: Vec<_> = bare.iter().filter(|block| block.fenced && !names::is_no_file(block.info)).collect();
    for block in code.iter().rev().filter(|block| block.closed || reading.whole) {
        let mut like = reading.shown.iter().filter(|shown| guard::is_most_of(&shown.text, &block.lines));
        if let (Some(shown), None) = (like.next(), like.next()) {
            return Some(whole_file(&shown.name, &block.lines, reading));
        }
    }
    let piece = code.iter().rev().find(|block| reading.shown.iter().any(|shown| guard::shares(&shown.text, &block.lines)))?;
    let why = if !piece.closed && !reading.whole {
        CUT.to_owned()
    } else {
        "the code in the answer names no file, so nothing was changed; write `File: ` and the path above it, then the whole file".to_owned()
    };
    Some(refuse("", why))
}

/// One edit of a whole file a file: the last that says something new. What changes nothing counts only where nothing else does.
fn settle(edits: Vec<TextEdit>) -> Vec<TextEdit> {
    let is_same = |edit: &TextEdit| matches!(&edit.action, Action::Refuse(why) if why == SAME);
    let changes = edits.iter().any(|edit| !matches!(edit.action, Action::Refuse(_)));
    let mut out: Vec<TextEdit> = Vec::new();
    for edit in edits {
        if is_same(&edit) && (changes || out.iter().any(|other| is_same(other) && other.file == edit.file)) {
            continue;
        }
        if matches!(edit.action, Action::Write(_)) {
            out.retain(|other| other.file != edit.file);
        } else if out.contains(&edit) {
            continue;
        }
        out.push(edit);
    }
    out
}
