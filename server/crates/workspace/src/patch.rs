//! The patch format of the `apply_patch` tool: what it says, and where its hunks go in a text.
//!
//! Owns the grammar and the places of hunks. Must not know documents, paths on a disk, or permissions.
//!
//! **Invariant:** all hunks of a file have a place, or the patch is refused with what was not found; line ends of the text are kept.

use crate::{Edits, TextEdit};

mod place;
#[cfg(test)]
mod tests;

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePatch {
    /// As it is written in the patch.
    pub path: String,
    /// What is done.
    pub op: FileOp,
}

/// What is done to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOp {
    /// Made, with this content (which ends with a newline unless it is empty).
    Add(String),
    /// Deleted.
    Delete,
    /// Changed, and perhaps moved.
    Update {
        /// Where to.
        move_to: Option<String>,
        /// In the order of the text.
        chunks: Vec<Chunk>,
    },
}

/// One hunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// A line that stands before it (behind `@@`).
    pub context: Option<String>,
    /// Its lines, without their signs.
    pub lines: Vec<(Sign, String)>,
    /// Whether it is at the end of the file.
    pub end_of_file: bool,
}

/// What a hunk says of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is there, and stays as it is in the text.
    Same,
    /// It is there, and goes.
    Old,
    /// It comes.
    New,
}

/// Why a patch was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// No envelope.
    #[error("the patch lacks the line \"*** Begin Patch\" or \"*** End Patch\"")]
    Markers,
    /// Nothing in the envelope.
    #[error("the patch is empty: name at least one file between \"*** Begin Patch\" and \"*** End Patch\"")]
    Empty,
    /// Text in the envelope, but no file.
    #[error("the patch names no file: use \"*** Add File: \", \"*** Update File: \" or \"*** Delete File: \"")]
    NoFiles,
    /// A file without a path.
    #[error("\"{line}\" names no path")]
    NoPath {
        /// The line.
        line: String,
    },
    /// A file to update, without hunks.
    #[error("{path}: \"*** Update File\" has no hunks")]
    NoHunks {
        /// The file.
        path: String,
    },
    /// A context line is not there.
    #[error("{path}: the context \"@@ {context}\" was not found{}", after(*from))]
    Context {
        /// The file.
        path: String,
        /// The line behind `@@`.
        context: String,
        /// After which line it was looked for, from 1; 0 for the whole file.
        from: usize,
    },
    /// The lines to replace are not there.
    #[error("{path}: these lines of the patch were not found{}; read the file again:\n{lines}", after(*from))]
    Lines {
        /// The file.
        path: String,
        /// The lines.
        lines: String,
        /// After which line they were looked for, from 1; 0 for the whole file.
        from: usize,
    },
    /// Several places for a hunk without context.
    #[error("{path}: a hunk fits at lines {}; add lines around it, or \"@@ context\":\n{lines}", list(at))]
    Ambiguous {
        /// The file.
        path: String,
        /// The lines to replace.
        lines: String,
        /// The first line of each place, from 1.
        at: Vec<usize>,
    },
    /// Two hunks for one place.
    #[error("{path}: two hunks change the same lines")]
    Overlap {
        /// The file.
        path: String,
    },
}

fn after(line: usize) -> String {
    if line == 0 { String::new() } else { format!(" after line {line}") }
}

fn list(lines: &[usize]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a patch says.
///
/// # Errors
/// It lacks its markers or says nothing.
pub fn parse(text: &str) -> Result<Vec<FilePatch>, PatchError> {
    let lines: Vec<&str> = text.trim().lines().collect();
    let begin = lines.iter().position(|line| line.trim() == "*** Begin Patch").ok_or(PatchError::Markers)?;
    // What stands around the envelope can only be a shell's heredoc; a line of the content has a sign before it.
    let end = lines.iter().rposition(|line| line.trim() == "*** End Patch").filter(|end| *end > begin).ok_or(PatchError::Markers)?;
    let body = &lines[begin + 1..end];
    if body.iter().all(|line| line.trim().is_empty()) {
        return Err(PatchError::Empty);
    }
    let mut files: Vec<FilePatch> = Vec::new();
    let mut fresh = false;
    for line in body {
        if let Some((path, op)) = header(line)? {
            files.push(FilePatch { path, op });
            fresh = true;
            continue;
        }
        let Some(file) = files.last_mut() else { continue };
        match &mut file.op {
            FileOp::Delete => {}
            FileOp::Add(content) => {
                if let Some(added) = line.strip_prefix('+') {
                    content.push_str(added);
                    content.push('\n');
                }
            }
            FileOp::Update { move_to, chunks } => match line.strip_prefix("*** Move to:") {
                Some(to) if fresh => *move_to = Some(path_of(line, to)?),
                _ => update_line(chunks, line),
            },
        }
        fresh = false;
    }
    if files.is_empty() {
        return Err(PatchError::NoFiles);
    }
    let idle = |file: &&FilePatch| matches!(&file.op, FileOp::Update { move_to: None, chunks } if chunks.is_empty());
    match files.iter().find(idle) {
        Some(file) => Err(PatchError::NoHunks { path: file.path.clone() }),
        None => Ok(files),
    }
}

fn header(line: &str) -> Result<Option<(String, FileOp)>, PatchError> {
    let op = |prefix: &str, op: FileOp| line.strip_prefix(prefix).map(|path| Ok((path_of(line, path)?, op)));
    op("*** Add File:", FileOp::Add(String::new()))
        .or_else(|| op("*** Delete File:", FileOp::Delete))
        .or_else(|| op("*** Update File:", FileOp::Update { move_to: None, chunks: Vec::new() }))
        .transpose()
}

fn path_of(line: &str, path: &str) -> Result<String, PatchError> {
    let path = path.trim();
    if path.is_empty() { Err(PatchError::NoPath { line: line.trim().to_owned() }) } else { Ok(path.to_owned()) }
}

fn update_line(chunks: &mut Vec<Chunk>, line: &str) {
    if let Some(context) = line.strip_prefix("@@") {
        let context = context.trim();
        chunks.push(Chunk { context: (!context.is_empty()).then(|| context.to_owned()), ..Chunk::default() });
        return;
    }
    if line.trim() == "*** End of File" {
        if let Some(chunk) = chunks.last_mut() {
            chunk.end_of_file = true;
        }
        return;
    }
    let (sign, text) = match line.split_at_checked(1) {
        // A blank line that lost its leading blank is a blank line of the text.
        None if line.is_empty() && !chunks.is_empty() => (Sign::Same, ""),
        Some((" ", text)) => (Sign::Same, text),
        Some(("-", text)) => (Sign::Old, text),
        Some(("+", text)) => (Sign::New, text),
        _ => return,
    };
    if chunks.is_empty() {
        chunks.push(Chunk::default());
    }
    if let Some(chunk) = chunks.last_mut() {
        chunk.lines.push((sign, text.to_owned()));
    }
}

/// The edits of `text` that the hunks of the file `path` (named in errors) ask for.
///
/// # Errors
/// A hunk has no place, or several.
pub fn apply_update(path: &str, text: &str, chunks: &[Chunk]) -> Result<Vec<TextEdit>, PatchError> {
    let edits = place::edits(path, text, chunks)?;
    Edits::new(text.len(), edits).map(Edits::into_vec).map_err(|_| PatchError::Overlap { path: path.to_owned() })
}
