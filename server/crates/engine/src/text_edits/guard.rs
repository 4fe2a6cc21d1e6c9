//! What must not be taken for a whole file: an answer that leaves parts out, by a sign or in silence.
//!
//! **Invariant:** a text passes only if no more of the old one is missing than what was asked for can explain.

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::wants_removal;

/// Fewer lines than that may always go.
const FEW: usize = 3;

/// Words that begin a definition, whose next word is its name.
const DEFINING: &[&str] = &["def", "class", "fn", "function", "func", "struct", "enum", "trait", "interface", "type", "impl", "module"];
/// Words before them.
const QUALIFYING: &[&str] =
    &["pub", "pub(crate)", "export", "default", "async", "static", "public", "private", "protected", "abstract", "final"];

/// Why a text must not replace a file's; none if it may. `asked` are the user's words: what they name may go.
pub fn loss(old: &str, new: &str, asked: &str) -> Option<String> {
    let removal = wants_removal(asked);
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
    let (most, most_at_edge) = if removal { (total * 4 / 5, total) } else { (total * 2 / 5, 1) };
    if (lost >= FEW && lost > most) || edge(ops.first()).max(edge(ops.last())) > most_at_edge || (count(&after) == 0 && total > 0) {
        return Some(format!(
            "the answer has {} of its {total} lines, so nothing was changed; give the whole file, or a search/replace block for the lines to change",
            total - lost
        ));
    }
    if !removal && let Some(name) = lost_definition(&before, new, asked) {
        return Some(format!(
            "`{name}` is missing in the answer, so nothing was changed; give every line of the file, also those that stay as they are"
        ));
    }
    None
}

/// What the old text defines, and neither the new one nor the user's words name.
fn lost_definition<'a>(before: &[&'a str], new: &str, asked: &str) -> Option<&'a str> {
    let names = |text: &str, name: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name);
    before.iter().filter_map(|line| defined(line)).find(|name| !names(new, name) && !names(asked, name))
}

/// The name that a line defines.
fn defined(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| QUALIFYING.contains(word));
    words.next().filter(|word| DEFINING.contains(word))?;
    let name = words.next()?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(&name[..end]).filter(|name| !name.is_empty())
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
