//! Search/replace blocks and unified diffs: pairs of an old and a new text, and the file that they are for.
//!
//! **Invariant:** a pair that is not whole, or leaves parts out, is refused.

use super::blocks::{Mark, mark};
use super::{Action, Reading, Shown, TextEdit, guard, names, refuse};

/// An old and a new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// A name that stood beside it.
    pub file: Option<String>,
    old: String,
    new: String,
    whole: bool,
}

fn text(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

/// The pairs between the marks.
pub fn pairs(lines: &[&str]) -> Vec<Pair> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(Mark::Search(rest)) = mark(lines[at]) else {
            at += 1;
            continue;
        };
        let end = |from: usize, is: &dyn Fn(Mark<'_>) -> bool| {
            lines[from..].iter().position(|line| mark(line).is_some_and(is)).map_or(lines.len(), |found| from + found)
        };
        let divider = end(at + 1, &|mark| mark == Mark::Divider || mark == Mark::Replace);
        let from = (divider + 1).min(lines.len());
        let close = end(from, &|mark| mark == Mark::Replace || matches!(mark, Mark::Search(_)));
        out.push(Pair {
            file: Some(rest).filter(|rest| names::looks_like_path(rest)).map(str::to_owned),
            old: text(&lines[at + 1..divider]),
            new: text(&lines[from..close]),
            whole: divider < lines.len() && mark(lines[divider]) == Some(Mark::Divider),
        });
        at = if close < lines.len() && mark(lines[close]) == Some(Mark::Replace) { close + 1 } else { close };
    }
    out
}

/// Whether these lines are a diff.
pub fn is_diff(info: &str, lines: &[&str]) -> bool {
    let signed = lines.iter().any(|line| line.starts_with('+') || line.starts_with('-'));
    (matches!(names::language(info), "diff" | "patch") && signed)
        || (lines.iter().any(|line| line.starts_with("@@")) && lines.iter().any(|line| line.starts_with("+++ ")))
}

/// The hunks of a diff. Models count lines badly: the numbers are not looked at.
pub fn hunks(lines: &[&str]) -> Vec<Pair> {
    let mut out: Vec<Pair> = Vec::new();
    let (mut file, mut old, mut new) = (None, Vec::new(), Vec::new());
    let mut flush = |file: &Option<String>, old: &mut Vec<&str>, new: &mut Vec<&str>| {
        if old != new {
            out.push(Pair { file: file.clone(), old: text(old), new: text(new), whole: true });
        }
        old.clear();
        new.clear();
    };
    for (at, line) in lines.iter().enumerate() {
        let header = line.starts_with("--- ") && lines.get(at + 1).is_some_and(|next| next.starts_with("+++ "));
        if header || line.starts_with("@@") || line.starts_with("diff ") || line.starts_with("index ") {
            flush(&file, &mut old, &mut new);
        } else if let Some(name) = line.strip_prefix("+++ ").filter(|_| at > 0 && lines[at - 1].starts_with("--- ")) {
            let name = name.split('\t').next().unwrap_or_default().trim();
            file = Some(name.strip_prefix("b/").unwrap_or(name).to_owned()).filter(|name| name != "/dev/null");
        } else if let Some(line) = line.strip_prefix('+') {
            new.push(line);
        } else if let Some(line) = line.strip_prefix('-') {
            old.push(line);
        } else if !line.starts_with('\\') {
            // A blank before it is what the format wants, and often forgotten.
            let line = line.strip_prefix(' ').unwrap_or(line);
            old.push(line);
            new.push(line);
        }
    }
    flush(&file, &mut old, &mut new);
    out
}

/// The edit that a pair is.
pub fn edit(pair: Pair, name: Option<&str>, reading: Reading<'_>) -> TextEdit {
    let own = pair.file.as_deref().map(|name| names::known(name, reading.shown).unwrap_or_else(|| name.to_owned()));
    let Some(file) = own.or_else(|| name.map(str::to_owned)).or_else(|| holder(&pair.old, reading.shown).map(|shown| shown.name.clone()))
    else {
        return refuse("", "a search/replace block names no file, so it was left out; write `File: ` and the path above it");
    };
    if !pair.whole {
        return refuse(&file, "a search/replace block is not whole: it needs `<<<<<<< SEARCH`, `=======` and `>>>>>>> REPLACE`");
    }
    let known = reading.shown.iter().find(|shown| shown.name == file);
    if let Some(line) = guard::elision(known.map_or("", |shown| &shown.text), &format!("{}{}", pair.old, pair.new)) {
        return refuse(&file, format!("a search/replace block leaves lines out (“{}”); write them", line.trim()));
    }
    if pair.old == pair.new {
        return refuse(&file, super::SAME);
    }
    if pair.old.trim().is_empty() {
        return match known {
            Some(shown) if !shown.text.trim().is_empty() => refuse(
                &file,
                "a search/replace block has nothing between SEARCH and `=======`; write the lines there that stand in the file now",
            ),
            _ => TextEdit { file, action: Action::Write(pair.new) },
        };
    }
    TextEdit { file, action: Action::Replace { old: pair.old, new: pair.new } }
}

/// The file that holds a text: the only one that does, else the selected or only one.
fn holder<'a>(old: &str, shown: &'a [Shown]) -> Option<&'a Shown> {
    let mut holding = shown.iter().filter(|file| !old.trim().is_empty() && file.text.contains(old.trim()));
    match (holding.next(), holding.next()) {
        (Some(only), None) => Some(only),
        _ => shown.iter().find(|file| file.selected).or(match shown {
            [only] => Some(only),
            _ => None,
        }),
    }
}
