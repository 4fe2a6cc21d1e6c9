//! What must not be taken for a whole file: an answer that leaves parts out, by a sign or in silence.
//!
//! **Invariant:** a text passes only if no more of the old one is missing than what was asked for can explain.

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Fewer lines than that may always go.
const FEW: usize = 3;

/// Why a text must not replace a file's; none if it may.
pub fn loss(old: &str, new: &str, removal: bool) -> Option<String> {
    if let Some(line) = elision(old, new) {
        return Some(format!("the answer leaves parts of it out (“{}”), so nothing was changed; give every line of the file", line.trim()));
    }
    let (before, after): (Vec<&str>, Vec<&str>) = (old.lines().map(str::trim_end).collect(), new.lines().map(str::trim_end).collect());
    let count = |lines: &[&str]| lines.iter().filter(|line| !line.trim().is_empty()).count();
    let total = count(&before);
    let ops = capture_diff_slices(Algorithm::Myers, &before, &after);
    let gone = |op: &similar::DiffOp| count(&before[op.old_range()]).saturating_sub(count(&after[op.new_range()]));
    let lost: usize = ops.iter().map(gone).sum();
    let edge = |op: Option<&similar::DiffOp>| op.filter(|op| op.tag() == DiffTag::Delete).map_or(0, gone);
    let (most, most_at_edge) = if removal { (total * 4 / 5, total) } else { (total * 2 / 5, FEW - 1) };
    if (lost >= FEW && lost > most) || edge(ops.first()).max(edge(ops.last())) > most_at_edge || (count(&after) == 0 && total > 0) {
        return Some(format!(
            "the answer has {} of its {total} lines, so nothing was changed; give the whole file, or a search/replace block for the lines to change",
            total - lost
        ));
    }
    None
}

/// A line that stands for others.
pub fn elision<'a>(old: &str, new: &'a str) -> Option<&'a str> {
    let known = |line: &str| old.lines().any(|other| other.trim() == line.trim());
    new.lines().find(|line| stands_for_others(line.trim()) && !known(line))
}

fn stands_for_others(line: &str) -> bool {
    let lower = line.to_lowercase();
    let dots = lower.contains("...") || lower.contains('…');
    let inner = lower.trim_matches(|c: char| c.is_whitespace() || "/#*-<>!;%[](){}\"'".contains(c));
    if dots && inner.trim_matches(['.', '…', ' ']).is_empty() && !inner.is_empty() {
        // `...` alone is a body in Python; in a comment or in brackets it is none.
        return inner != lower;
    }
    let comment = ["//", "#", "--", "/*", "*", "<!--", ";", "%", "{/*", "\"\"\""].iter().any(|start| line.starts_with(start));
    let words: Vec<&str> = inner.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let has = |any: &[&str]| words.iter().any(|word| any.contains(word));
    let about_rest = has(&["rest", "remaining", "existing", "unchanged", "omitted", "previous", "same", "other"]);
    let about_code = has(&["code", "file", "lines", "functions", "methods", "function", "class", "content", "contents", "implementation"]);
    let starts_with_dots = inner.starts_with("...") || inner.starts_with('…');
    comment && ((dots && (about_rest || starts_with_dots || about_code)) || (about_rest && about_code && words.len() <= 8))
}

/// Whether lines are most of a file: then they are meant to be it.
pub fn is_most_of(file: &str, lines: &[&str]) -> bool {
    let (shared, total) = overlap(file, lines);
    total > 0 && shared * 5 >= total * 3
}

/// Whether lines hold something that is only to be found in the file.
pub fn shares(file: &str, lines: &[&str]) -> bool {
    overlap(file, lines).0 > 0
}

/// How many lines of a file that say something stand in `lines`, and how many it has.
fn overlap(file: &str, lines: &[&str]) -> (usize, usize) {
    let says = |line: &&str| line.chars().filter(|c| c.is_alphanumeric()).count() >= 3;
    let own: Vec<&str> = file.lines().map(str::trim).filter(says).collect();
    (own.iter().filter(|line| lines.iter().any(|other| other.trim() == **line)).count(), own.len())
}
