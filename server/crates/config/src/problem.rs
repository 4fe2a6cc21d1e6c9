//! What is wrong with a file of configuration, and where.
//!
//! **Invariant:** a problem never holds a value from the file, only keys, kinds and places: a value may be a secret.

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;

use crate::check::UNSEEN;

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All of the file counts.
    Warning,
    /// Something was left out.
    Error,
}

/// A problem. Shown as `FILE:LINE:COLUMN: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the variable's name for inline configuration.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub message: String,
    /// How bad.
    pub severity: Severity,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning: ",
            Severity::Error => "",
        };
        write!(f, "{}:{}:{}: {severity}{}", self.file.display(), self.line, self.column, self.message)
    }
}

/// How many further places are named where one thing is wrong in many files.
const NAMED: usize = 2;

/// A warning that is the same in several places is told once, where it is first, with the others' places. What was left out is told one by one, and so is
/// every place where something was hidden: none may be lost in a crowd.
pub(crate) fn joined(problems: Vec<Problem>) -> Vec<Problem> {
    let mut groups: IndexMap<(Option<usize>, String), Vec<Problem>> = IndexMap::new();
    for (at, problem) in problems.into_iter().enumerate() {
        let alone = (problem.severity == Severity::Error || problem.message.ends_with(UNSEEN)).then_some(at);
        groups.entry((alone, problem.message.clone())).or_default().push(problem);
    }
    let told = groups.into_values().filter_map(|group| {
        let mut group = group.into_iter();
        let mut first = group.next()?;
        let folder = first.file.parent();
        let place = |p: &Problem| {
            let near = folder.and_then(|folder| p.file.strip_prefix(folder).ok());
            format!("{}:{}", near.unwrap_or(&p.file).display(), p.line)
        };
        let places: Vec<String> = group.by_ref().take(NAMED).map(|p| place(&p)).collect();
        let more = match group.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        if !places.is_empty() {
            first.message.push_str(&format!(" (also in {}{more})", places.join(", ")));
        }
        Some(first)
    });
    told.collect()
}

/// Line and column, from 1 and in characters, of a byte offset.
pub(crate) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once() {
        let problem = |file: &str, line, message: &str| Problem {
            file: file.into(),
            line,
            column: 1,
            message: message.into(),
            severity: Severity::Warning,
        };
        let check = |problems: &[Problem], expect: &[&str]| {
            let told: Vec<String> = joined(problems.to_vec()).iter().map(ToString::to_string).collect();
            assert_eq!(told, expect);
        };
        check(&[problem("/p/a", 1, "x"), problem("/p/a", 1, "y")], &["/p/a:1:1: warning: x", "/p/a:1:1: warning: y"]);
        check(
            &[problem("/p/a", 1, "x"), problem("/p/b", 2, "y"), problem("/q/c", 3, "x")],
            &["/p/a:1:1: warning: x (also in /q/c:3)", "/p/b:2:1: warning: y"],
        );
        let many: Vec<Problem> = (1..=9).map(|n| problem(&format!("/p/{n}.md"), n, "x")).collect();
        check(&many, &["/p/1.md:1:1: warning: x (also in 2.md:2, 3.md:3 and 6 more)"]);
        let error = Problem { severity: Severity::Error, ..problem("/p/b", 1, "x") };
        let unseen = problem("/p/a", 1, &format!("the text {UNSEEN}"));
        let told = joined(vec![unseen.clone(), Problem { file: "/p/b".into(), ..unseen }]);
        assert_eq!(told.len(), 2, "{told:?}");
        check(&[problem("/p/a", 1, "x"), error.clone(), error], &["/p/a:1:1: warning: x", "/p/b:1:1: x", "/p/b:1:1: x"]);
    }
}
