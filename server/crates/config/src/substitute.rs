//! `{env:NAME}` and `{file:path}` in a file's raw text, before it is read as JSON.
//!
//! Owns the map from the text so made back to the file's own, so that an error's place is true to what the user wrote.
//! Must not know JSON beyond strings and comments.
//!
//! **Invariant:** inside a string the value is escaped, so that no value can end the string or break the file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::load::read_text;
use crate::{Dirs, Env};

/// Shorter values are no secrets, and would take away too much of a message.
const MIN_SECRET: usize = 6;

/// Text with everything replaced.
pub(crate) struct Substituted {
    /// The text to read.
    pub(crate) text: String,
    /// What could not be replaced: the offset in the original, and why.
    pub(crate) problems: Vec<(usize, String)>,
    /// The variables that are not set: the offset in the original, and the name.
    pub(crate) unset: Vec<(usize, String)>,
    /// What was put in, perhaps secrets, and the placeholder that it stands for.
    values: Vec<(String, String)>,
    /// For each replacement: start and end in `text`, start and end in the original. Ordered.
    spans: Vec<[usize; 4]>,
    /// The files of `{file:…}`.
    pub(crate) files: Vec<PathBuf>,
}

impl Substituted {
    /// `message` without what was put in: a value may have become part of a key, which messages name.
    pub(crate) fn redact(&self, message: String) -> String {
        self.values.iter().filter(|(value, _)| value.len() >= MIN_SECRET).fold(message, |message, (value, _)| message.replace(value, "…"))
    }

    /// What was put in, each with the placeholder that it stands for.
    pub(crate) fn into_values(self) -> Vec<(String, String)> {
        let mut values = self.values;
        values.retain(|(value, _)| value.len() >= MIN_SECRET);
        values
    }

    /// The original's offset for an offset in `text`. Inside a replacement: where its placeholder starts.
    pub(crate) fn original(&self, offset: usize) -> usize {
        let before = self.spans.partition_point(|span| span[0] <= offset);
        let Some(&[_, end, original_start, original_end]) = before.checked_sub(1).and_then(|at| self.spans.get(at)) else { return offset };
        if offset < end { original_start } else { original_end + (offset - end) }
    }
}

/// Replaces everything outside comments. Relative paths are taken from `folder`. A missing variable is empty; a missing file is a problem, and empty.
pub(crate) fn substitute(text: &str, folder: &Path, env: &Env, dirs: &Dirs) -> Substituted {
    let (problems, unset, values, spans, files) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut done = Substituted { text: String::with_capacity(text.len()), problems, unset, values, spans, files };
    let mut in_string = false;
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match next {
            '"' => {
                in_string = !in_string;
                1
            }
            // An escape, as one: its second character may be a quote.
            '\\' if in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '\n' => {
                in_string = false;
                1
            }
            '/' if !in_string && rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if !in_string && rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '{' => match placeholder(rest) {
                Some((kind, name, length)) => {
                    let value = match kind {
                        "env" => env.get(name).map(str::to_owned).unwrap_or_else(|| {
                            done.unset.push((at, name.to_owned()));
                            String::new()
                        }),
                        _ => {
                            let written = dirs.expand(name);
                            let mut read = read_text(&folder.join(&written));
                            done.files.push(folder.join(&written));
                            // In a configuration folder, people also write what the path is from the project.
                            if read.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
                                && let Some(project) = project_of(folder)
                            {
                                read = read_text(&project.join(&written));
                                done.files.push(project.join(&written));
                            }
                            read.map(|content| content.trim().to_owned()).unwrap_or_else(|error| {
                                done.problems.push((
                                    at,
                                    format!("cannot read the file of {{file:{name}}}: {}; nothing is put in its place", reason(&error)),
                                ));
                                String::new()
                            })
                        }
                    };
                    let start = done.text.len();
                    done.text.push_str(&if in_string { escape(&value) } else { value.clone() });
                    done.values.push((value, rest[..length].to_owned()));
                    done.spans.push([start, done.text.len(), at, at + length]);
                    at += length;
                    continue;
                }
                None => 1,
            },
            other => other.len_utf8(),
        };
        done.text.push_str(&rest[..length]);
        at += length;
    }
    done
}

/// The folder that a configuration folder is of.
fn project_of(folder: &Path) -> Option<&Path> {
    folder.file_name().filter(|name| *name == ".opencode" || *name == ".interline").and(folder.parent())
}

/// `{env:NAME}` or `{file:PATH}` at the start of `text`: which, its argument, and its whole length.
fn placeholder(text: &str) -> Option<(&'static str, &str, usize)> {
    let end = text.find('}')?;
    let inner = &text[1..end];
    let kind = ["env", "file"].into_iter().find(|kind| inner.strip_prefix(kind).is_some_and(|rest| rest.starts_with(':')))?;
    let name = inner[kind.len() + 1..].trim();
    (!name.is_empty() && !name.contains(['\n', '"'])).then_some((kind, name, end + 1))
}

fn escape(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A failure to read, in plain words.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::InvalidData => "it is not UTF-8: save it as that".into(),
        ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn values_are_put_in() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key.txt"), "  sk-\"1\"\n").unwrap();
        let env = Env::from_pairs([("A", "x\"y\\z"), ("N", "42"), ("HOME", folder.path().to_str().unwrap())]);
        let dirs = Dirs::from_env(&env);
        let check = |text: &str, expect: &str, problems: usize| {
            let got = substitute(text, folder.path(), &env, &dirs);
            assert_eq!((got.text.as_str(), got.problems.len()), (expect, problems), "{text}");
        };
        check(r#"{"a": "-{env:A}-"}"#, r#"{"a": "-x\"y\\z-"}"#, 0);
        check(r#"{"a": {env:N}, "b": "{env:NONE}"}"#, r#"{"a": 42, "b": ""}"#, 0);
        check(r#"{"a": "{file:key.txt}{file:./key.txt}{file:~/key.txt}"}"#, r#"{"a": "sk-\"1\"sk-\"1\"sk-\"1\""}"#, 0);
        check(r#"{"a": "{file:none.txt}"}"#, r#"{"a": ""}"#, 1);
        check(
            "{ // {file:none.txt}\n /* {env:N} */ \"u\": \"http://{env:N}\"}",
            "{ // {file:none.txt}\n /* {env:N} */ \"u\": \"http://42\"}",
            0,
        );
        check(r#"{"a": "\"{env:N}\\", "b": "{other:x} {env:}"}"#, r#"{"a": "\"42\\", "b": "{other:x} {env:}"}"#, 0);
    }

    #[test]
    fn places_are_those_of_the_file() {
        let env = Env::from_pairs([("LONG", "0123456789"), ("S", "x")]);
        let text = r#"["{env:LONG}", "{env:S}", 1]"#;
        let got = substitute(text, Path::new("/"), &env, &Dirs::from_env(&env));
        let check =
            |part: &str, original: &str| assert_eq!(got.original(got.text.find(part).unwrap()), text.find(original).unwrap(), "{part}");
        check("[", "[");
        check("0", "{env:LONG}");
        check("9", "{env:LONG}");
        check("x", "{env:S}");
        check("1]", "1]");
        assert_eq!(got.original(got.text.len()), text.len());
    }
}
