//! Which file a block is for: the name beside it, and the file that the name means.
//!
//! **Invariant:** a name means a file that the model was shown, or is one that nothing else can be meant by; what is unclear is no name.

use super::Shown;
use super::blocks::Block;

/// How clearly a block is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// A sentence that mentions it.
    Mention,
    /// It alone on its line.
    Alone,
    /// As we ask for it: `File: …`, or behind the fence.
    Exact,
}

/// What a block is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// As the model was shown it, or as it wrote it.
    pub file: String,
    /// Lines at the block's beginning that are no part of the text, but say the name.
    pub inside: usize,
}

/// Languages of what is to be run, or was printed: no file, unless one is named exactly.
const NO_FILE: &[&str] =
    &["bash", "sh", "shell", "console", "zsh", "fish", "terminal", "shell-session", "output", "plaintext", "text", "txt"];

/// The block's language; empty if it has none, or the info is a name.
pub fn language(info: &str) -> &str {
    let word = info.split(|c: char| c.is_whitespace() || c == ':' || c == '{' || c == ',').next().unwrap_or_default();
    if looks_like_path(word) { "" } else { word }
}

/// Whether the block's language is that of commands or their output.
pub fn is_no_file(info: &str) -> bool {
    let language = language(info).to_ascii_lowercase();
    NO_FILE.contains(&language.as_str())
}

/// The file that a block is named for.
pub fn named(block: &Block<'_>, shown: &[Shown]) -> Option<Named> {
    let mut found: Vec<(Form, &str, usize)> = Vec::new();
    found.extend(in_info(block.info).map(|name| (Form::Exact, name, 0)));
    if let Some(first) = block.lines.first() {
        // A small letter may be a key of the text itself.
        if let Some(name) = labelled(uncommented(first)).filter(|_| uncommented(first).starts_with("F")) {
            found.push((Form::Exact, name, 1));
        } else if let Some(name) = Some(uncommented(first)).filter(|name| *name != first.trim() && looks_like_path(name)) {
            found.push((Form::Alone, name, 1));
        }
    }
    for (distance, line) in block.above.iter().enumerate() {
        if let Some(name) = labelled(line) {
            found.push((Form::Exact, name, 0));
        } else if looks_like_path(bare(line)) {
            found.push((Form::Alone, bare(line), 0));
        } else if distance == 0
            && let Some(name) = mentioned(line, shown)
        {
            found.push((Form::Mention, name, 0));
        }
    }
    // A file that is known counts before one that is not; the nearest of either first.
    let known = found.iter().find_map(|(_, name, inside)| Some(Named { file: known(name, shown)?, inside: *inside }));
    known.or_else(|| {
        let new = found.iter().find(|(form, ..)| *form == Form::Exact || (*form == Form::Alone && !is_no_file(block.info)))?;
        Some(Named { file: tidy(new.1).to_owned(), inside: new.2 })
    })
}

/// The shown file that a name means: spelled so, or the only one that ends so.
pub fn known(name: &str, shown: &[Shown]) -> Option<String> {
    let name = tidy(name);
    if let Some(file) = shown.iter().find(|file| file.name == name) {
        return Some(file.name.clone());
    }
    let ends = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|head| head.is_empty() || head.ends_with('/'));
    let mut meant = shown.iter().filter(|file| ends(&file.name, name) || ends(name, &file.name));
    let first = meant.next()?;
    meant.next().is_none().then(|| first.name.clone())
}

fn tidy(name: &str) -> &str {
    let name = name.trim();
    name.strip_prefix("./").unwrap_or(name)
}

/// The name in `python a.py`, `python:a.py`, `a.py`, `python title="a.py"`.
fn in_info(info: &str) -> Option<&str> {
    let words = info.split([' ', '\t', '{', '}', ',']).flat_map(|word| match word.split_once(':') {
        // `untitled:…` is a name of its own.
        Some((language, rest)) if language != "untitled" => [rest, ""],
        _ => [word, ""],
    });
    words
        .map(|word| word.rsplit_once('=').map_or(word, |(_, value)| value).trim_matches(['"', '\'']))
        // `.python` is a class of Pandoc's.
        .find(|word| looks_like_path(word) && (!word.starts_with('.') || word.contains('/')))
}

/// What stands behind `File:` and the like.
fn labelled(line: &str) -> Option<&str> {
    let (label, name) = line.split_once(':')?;
    let label = bare(label).to_ascii_lowercase();
    let label = label.split_whitespace().last()?;
    // What we say of a file that is shown in part.
    let name = bare(name.split(" (").next().unwrap_or(name));
    (["file", "filename", "filepath", "path"].contains(&label) && looks_like_path(name)).then_some(name)
}

/// Without Markdown's marks around it.
fn bare(line: &str) -> &str {
    let line = line.trim().trim_start_matches(['#', '*', '-', '>', '`', ' ', '\'', '"', '(']);
    // The number of a list's entry.
    let line = match line.split_once(['.', ')']) {
        Some((number, rest)) if rest.starts_with(' ') && number.len() <= 2 && number.bytes().all(|b| b.is_ascii_digit()) => {
            rest.trim_start_matches([' ', '*', '`'])
        }
        _ => line,
    };
    line.trim_end_matches(['*', '`', ':', ' ', '\'', '"', ')'])
}

/// Without the marks of a comment around it.
fn uncommented(line: &str) -> &str {
    let line = line.trim();
    let line = ["//", "#", "--", "/*", "<!--", ";", "%"].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    line.trim_end_matches("*/").trim_end_matches("-->").trim()
}

/// The only shown file that a line mentions.
fn mentioned<'a>(line: &'a str, shown: &[Shown]) -> Option<&'a str> {
    let words = line.split(|c: char| c.is_whitespace() || "`*\"'(),;".contains(c));
    let mut names =
        words.map(|word| word.trim_end_matches([':', '.'])).filter(|word| looks_like_path(word) && known(word, shown).is_some());
    let first = names.next()?;
    names.all(|name| known(name, shown) == known(first, shown)).then_some(first)
}

/// One word with an ending or a folder; or `untitled:…`.
pub fn looks_like_path(word: &str) -> bool {
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "<>|`\"*?{}()".contains(c)) || word.contains("://") {
        return false;
    }
    if word.starts_with("untitled:") {
        return true;
    }
    let last = word.rsplit('/').next().unwrap_or(word);
    let ending = last.rsplit_once('.').map_or("", |(_, ending)| ending);
    let has_ending = !ending.is_empty() && ending.len() <= 12 && ending.chars().all(|c| c.is_ascii_alphanumeric());
    let is_number = word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let plain = ["Makefile", "Dockerfile", "README", "LICENSE", "Justfile", "justfile", "Gemfile", "Rakefile"].contains(&last);
    !is_number && !word.ends_with('/') && (has_ending || plain || (word.contains('/') && last.len() > 1 && !word.starts_with("//")))
}
