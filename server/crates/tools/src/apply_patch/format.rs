//! The patch format: what a patch says, and where its chunks go in a text (OpenCode's grammar and passes).
//!
//! Must not know documents, permissions or the disk.
//!
//! **Invariant:** a line that the patch only gives for orientation is never changed, however loosely it was matched.

use workspace::TextEdit;
use workspace::disk::majority_crlf;

/// What is wrong with a patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatchError {
    #[error("the patch must begin with the line `*** Begin Patch` and end with `*** End Patch`")]
    Markers,
    #[error("the patch is empty: there is nothing between `*** Begin Patch` and `*** End Patch`")]
    Empty,
    #[error("the patch has no `*** Add File:`, `*** Update File:` or `*** Delete File:` line")]
    NoFiles,
    #[error("the line after @@ was not found: {0}")]
    NoContext(String),
    #[error("these lines were not found (read the file again and copy them as they are):\n{0}")]
    NoLines(String),
}

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileOp {
    Add { path: String, content: String },
    Delete { path: String },
    Update { path: String, move_to: Option<String>, chunks: Vec<Chunk> },
}

/// Lines that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// A line above, from which on is looked.
    context: Option<String>,
    lines: Vec<(Kind, String)>,
    at_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Same,
    Old,
    New,
}

impl FileOp {
    pub fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Delete { path } | Self::Update { path, .. } => path,
        }
    }

    pub fn move_to(&self) -> Option<&str> {
        match self {
            Self::Update { move_to, .. } => move_to.as_deref(),
            _ => None,
        }
    }
}

/// Reads a patch. Lines that mean nothing are skipped.
pub(super) fn parse(text: &str) -> Result<Vec<FileOp>, PatchError> {
    let lines: Vec<&str> = text.lines().collect();
    let find = |marker: &str| lines.iter().position(|line| line.trim() == marker);
    let (Some(begin), Some(end)) = (find("*** Begin Patch"), find("*** End Patch")) else { return Err(PatchError::Markers) };
    let body = lines.get(begin + 1..end).ok_or(PatchError::Markers)?;
    if body.iter().all(|line| line.trim().is_empty()) {
        return Err(PatchError::Empty);
    }
    let mut files = Vec::new();
    for line in body {
        let head = |name: &str| line.trim_end().strip_prefix(name).map(|path| path.trim().to_owned());
        if let Some(path) = head("*** Add File:") {
            files.push(FileOp::Add { path, content: String::new() });
        } else if let Some(path) = head("*** Delete File:") {
            files.push(FileOp::Delete { path });
        } else if let Some(path) = head("*** Update File:") {
            files.push(FileOp::Update { path, move_to: None, chunks: Vec::new() });
        } else if let Some(to) = head("*** Move to:") {
            if let Some(FileOp::Update { move_to, .. }) = files.last_mut() {
                *move_to = Some(to);
            }
        } else {
            match files.last_mut() {
                Some(FileOp::Add { content, .. }) => {
                    if let Some(line) = line.strip_prefix('+') {
                        content.push_str(line);
                        content.push('\n');
                    }
                }
                Some(FileOp::Update { chunks, .. }) => chunk_line(line, chunks),
                _ => {}
            }
        }
    }
    if files.is_empty() { Err(PatchError::NoFiles) } else { Ok(files) }
}

fn chunk_line(line: &str, chunks: &mut Vec<Chunk>) {
    if let Some(context) = line.strip_prefix("@@") {
        let context = Some(context.trim().to_owned()).filter(|text| !text.is_empty());
        chunks.push(Chunk { context, ..Chunk::default() });
        return;
    }
    if chunks.is_empty() {
        chunks.push(Chunk::default());
    }
    let Some(chunk) = chunks.last_mut() else { return };
    if line.trim_end() == "*** End of File" {
        chunk.at_end = true;
    } else if let Some(old) = line.strip_prefix('-') {
        chunk.lines.push((Kind::Old, old.to_owned()));
    } else if let Some(new) = line.strip_prefix('+') {
        chunk.lines.push((Kind::New, new.to_owned()));
    } else if line.is_empty() || line.starts_with(' ') {
        chunk.lines.push((Kind::Same, line.get(1..).unwrap_or_default().to_owned()));
    }
}

/// The edits of `text` that the chunks, one after the other, ask for.
pub(super) fn edits(text: &str, chunks: &[Chunk]) -> Result<Vec<TextEdit>, PatchError> {
    let file = File::new(text);
    let mut out = Vec::new();
    let mut from = 0;
    for chunk in chunks {
        if let Some(context) = &chunk.context {
            let at = file.find(&[context.as_str()], from, false).ok_or_else(|| PatchError::NoContext(context.clone()))?;
            from = at + 1;
        }
        let mut lines = chunk.lines.as_slice();
        let old = |lines: &[(Kind, String)]| -> Vec<String> {
            lines.iter().filter(|(kind, _)| *kind != Kind::New).map(|(_, line)| line.clone()).collect()
        };
        let wanted = old(lines);
        if wanted.is_empty() {
            file.replace(file.lines.len(), lines, &mut out);
            continue;
        }
        let find = |wanted: &[String]| file.find(&wanted.iter().map(String::as_str).collect::<Vec<_>>(), from, chunk.at_end);
        let mut at = find(&wanted);
        if at.is_none()
            && let Some(((Kind::Same, last), rest)) = lines.split_last()
            && last.is_empty()
            && wanted.len() > 1
        {
            // An empty line before the next marker is often only that.
            lines = rest;
            at = find(&old(lines));
        }
        let at = at.ok_or_else(|| PatchError::NoLines(wanted.join("\n")))?;
        from = file.replace(at, lines, &mut out);
    }
    Ok(out)
}

/// A text by its lines.
struct File<'a> {
    text: &'a str,
    /// Without their ends.
    lines: Vec<&'a str>,
    /// Where each begins; one more for the text's end.
    starts: Vec<usize>,
    end: &'static str,
}

impl<'a> File<'a> {
    fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            lines.push(line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line)));
            starts.push(starts.last().copied().unwrap_or(0) + line.len());
        }
        Self { text, lines, starts, end: if majority_crlf(text) { "\r\n" } else { "\n" } }
    }

    /// Where the lines are, from the strictest way of comparing to the loosest.
    fn find(&self, wanted: &[&str], from: usize, at_end: bool) -> Option<usize> {
        let last = self.lines.len().checked_sub(wanted.len())?;
        let passes: [fn(&str) -> String; 4] =
            [str::to_owned, |line| line.trim_end().to_owned(), |line| line.trim().to_owned(), |line| fold(line.trim())];
        passes.iter().find_map(|pass| {
            let wanted: Vec<String> = wanted.iter().map(|line| pass(line)).collect();
            let fits = |at: &usize| wanted.iter().zip(&self.lines[*at..]).all(|(want, line)| *want == pass(line));
            let end = (at_end && last >= from).then_some(last).filter(fits);
            end.or_else(|| (from..=last).find(fits))
        })
    }

    /// Adds the edits of a chunk that lies at a line; returns the line behind it.
    fn replace(&self, mut at: usize, lines: &[(Kind, String)], out: &mut Vec<TextEdit>) -> usize {
        let mut rest = lines;
        while !rest.is_empty() {
            let same = rest.iter().take_while(|(kind, _)| *kind == Kind::Same).count();
            at += same;
            rest = &rest[same..];
            let (changed, after) = rest.split_at(rest.iter().take_while(|(kind, _)| *kind != Kind::Same).count());
            rest = after;
            if changed.is_empty() {
                continue;
            }
            let gone = changed.iter().filter(|(kind, _)| *kind == Kind::Old).count();
            let range = self.starts[at]..self.starts[at + gone];
            let mut text: String =
                changed.iter().filter(|(kind, _)| *kind == Kind::New).flat_map(|(_, line)| [line.as_str(), self.end]).collect();
            if range.end == self.text.len() && !self.text.is_empty() && !self.text.ends_with('\n') {
                // The last line stays without an end.
                text.truncate(text.len().saturating_sub(self.end.len()));
                if gone == 0 {
                    text.insert_str(0, self.end);
                }
            }
            out.push(TextEdit { range, text });
            at += gone;
        }
        at
    }
}

/// Typographic punctuation as its plain form.
fn fold(line: &str) -> String {
    let plain = |c: char| match c {
        '‘' | '’' | '‚' | '‛' => '\'',
        '“' | '”' | '„' | '‟' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '−' => '-',
        '\u{a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => ' ',
        c => c,
    };
    line.chars().map(plain).collect::<String>().replace('…', "...")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(text: &str, body: &str) -> Result<String, PatchError> {
        let files = parse(&format!("*** Begin Patch\n*** Update File: f\n{body}\n*** End Patch"))?;
        let [FileOp::Update { chunks, .. }] = files.as_slice() else { panic!("{files:?}") };
        let mut out = text.to_owned();
        let mut edits = edits(text, chunks)?;
        edits.sort_by_key(|edit| edit.range.start);
        for edit in edits.iter().rev() {
            out.replace_range(edit.range.clone(), &edit.text);
        }
        Ok(out)
    }

    #[test]
    fn chunks_find_their_place() {
        let check = |text: &str, body: &str, expect: &str| assert_eq!(patched(text, body).as_deref(), Ok(expect), "{body}");
        check("a\nb\nc\n", "@@\n a\n-b\n+B\n c", "a\nB\nc\n");
        check("a\nb\nc\n", "-b\n+B\n+BB", "a\nB\nBB\nc\n");
        check("x\nf\nx\n", "@@ f\n-x\n+y", "x\nf\ny\n");
        check("a\r\nb\r\n", "@@\n-b\n+B\n+C", "a\r\nB\r\nC\r\n");
        check("a\nb", "@@\n a\n-b\n+B", "a\nB");
        check("a\nb", "@@\n a\n b\n+c", "a\nb\nc");
        check("a\n", "@@\n+z", "a\nz\n");
        check("x\ny\nx\n", "@@\n-x\n+end\n*** End of File", "x\ny\nend\n");
        check("  a  \n\tb\n", "@@\n a\n-b\n+B", "  a  \nB\n");
        check("say “hi” – now\nb\n", "@@\n say \"hi\" - now\n-b\n+B", "say “hi” – now\nB\n");
        check("a\nb\n", "@@\n-a\n+A\n", "A\nb\n");
        check("a\nb\nc\nd\n", "@@\n-a\n+A\n@@\n-d", "A\nb\nc\n");
    }

    #[test]
    fn faults() {
        assert_eq!(parse("nonsense"), Err(PatchError::Markers));
        assert_eq!(parse("*** Begin Patch\n\n*** End Patch"), Err(PatchError::Empty));
        assert_eq!(parse("*** Begin Patch\nx\n*** End Patch"), Err(PatchError::NoFiles));
        assert_eq!(patched("a\n", "@@ f\n-a"), Err(PatchError::NoContext("f".to_owned())));
        assert_eq!(patched("a\n", "@@\n-b"), Err(PatchError::NoLines("b".to_owned())));
        assert_eq!(parse("cat <<'EOF'\n*** Begin Patch\n*** Delete File: a b\n*** End Patch\nEOF").map(|files| files.len()), Ok(1));
    }
}
