//! The blocks of an answer: fenced code, and search/replace marks that stand outside of one. Must not know files, nor what a block is for.
//!
//! **Invariant:** every line of the answer is in at most one block, and a block that the answer's end cuts off says so.

/// The lines that a name for a block is looked for in, above it.
const ABOVE: usize = 12;

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// What stands behind the opening fence.
    pub info: &'a str,
    /// What is inside.
    pub lines: Vec<&'a str>,
    /// Lines above it that belong to no other block, the nearest first, blank ones left out.
    pub above: Vec<&'a str>,
    /// Its end was written.
    pub closed: bool,
    /// It had a fence.
    pub fenced: bool,
}

/// A mark of the search/replace format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark<'a> {
    /// `<<<<<<< SEARCH`, with what stands behind the word.
    Search(&'a str),
    /// `=======`
    Divider,
    /// `>>>>>>> REPLACE`
    Replace,
}

/// The mark that a line is.
pub fn mark(line: &str) -> Option<Mark<'_>> {
    let line = line.trim();
    let run = |c: char| line.chars().take_while(|&x| x == c).count();
    if (5..=9).contains(&run('<')) {
        let rest = line.trim_start_matches('<').trim();
        let word = rest.split_whitespace().next().unwrap_or_default();
        let known = ["SEARCH", "ORIGINAL", "OLD", "HEAD", "BEFORE"].iter().any(|w| word.trim_end_matches(':').eq_ignore_ascii_case(w));
        return (known || rest.is_empty()).then(|| Mark::Search(rest.get(word.len()..).unwrap_or_default().trim()));
    }
    if (5..=9).contains(&run('=')) && line.chars().all(|c| c == '=') {
        return Some(Mark::Divider);
    }
    if (5..=9).contains(&run('>')) {
        let rest = line.trim_start_matches('>').trim();
        let word = rest.split_whitespace().next().unwrap_or_default();
        let known = ["REPLACE", "UPDATED", "NEW", "AFTER", "MODIFIED"].iter().any(|w| word.eq_ignore_ascii_case(w));
        return (known || rest.is_empty()).then_some(Mark::Replace);
    }
    None
}

/// A fence: its character, length and indentation, and what stands behind it.
#[derive(Clone, Copy)]
struct Fence<'a> {
    character: char,
    length: usize,
    indent: usize,
    info: &'a str,
}

fn fence(line: &str) -> Option<Fence<'_>> {
    let rest = line.trim_start();
    let indent = line.len() - rest.len();
    let character = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = rest.chars().take_while(|&c| c == character).count();
    let info = rest[length..].trim();
    // Words in backticks on a line of their own are no fence.
    (length >= 3 && !(character == '`' && info.contains('`'))).then_some(Fence { character, length, indent, info })
}

/// All blocks, in order.
pub fn blocks(answer: &str) -> Vec<Block<'_>> {
    let lines: Vec<&str> = answer.lines().collect();
    let mut out = Vec::new();
    let mut above = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let taken = match (fence(lines[at]), mark(lines[at])) {
            (Some(open), _) => Some(fenced(&lines, at, open)),
            (None, Some(Mark::Search(_))) => Some(marked(&lines, at)),
            _ => None,
        };
        match taken {
            Some((mut block, next)) => {
                block.above = above.iter().rev().copied().take(ABOVE).collect();
                above.clear();
                out.push(block);
                at = next;
            }
            None => {
                if !lines[at].trim().is_empty() {
                    above.push(lines[at]);
                }
                at += 1;
            }
        }
    }
    out
}

/// A fenced block. In Markdown, blocks lie within blocks.
fn fenced<'a>(lines: &[&'a str], start: usize, open: Fence<'a>) -> (Block<'a>, usize) {
    let nests = ["md", "markdown", "mdx"].iter().any(|kind| {
        let info = open.info.to_ascii_lowercase();
        info.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == *kind)
    });
    let mut depth = 0;
    let mut inside = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(start + 1) {
        if let Some(next) = fence(line).filter(|next| next.character == open.character && next.length >= open.length) {
            let ends = next.info.is_empty() && (depth > 0 || next.indent <= open.indent);
            match (ends, depth) {
                (true, 0) => {
                    return (Block { info: open.info, lines: inside, above: Vec::new(), closed: true, fenced: true }, at + 1);
                }
                (true, _) => depth -= 1,
                (false, _) if nests && !next.info.is_empty() => depth += 1,
                (false, _) => {}
            }
        }
        inside.push(*line);
    }
    (Block { info: open.info, lines: inside, above: Vec::new(), closed: false, fenced: true }, lines.len())
}

/// Search/replace marks without a fence: to the last `REPLACE` before anything else is said.
fn marked<'a>(lines: &[&'a str], start: usize) -> (Block<'a>, usize) {
    let end = lines.iter().enumerate().skip(start).find(|(_, line)| mark(line) == Some(Mark::Replace)).map(|(at, _)| at);
    let (closed, next) = end.map_or((false, lines.len()), |at| (true, at + 1));
    (Block { info: "", lines: lines[start..next].to_vec(), above: Vec::new(), closed, fenced: false }, next)
}
