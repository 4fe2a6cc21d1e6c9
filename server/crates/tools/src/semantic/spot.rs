//! Which part of which document a call means: a line and a word of it, rather than columns.
//!
//! **Invariant:** a place that cannot be found is an error that shows what stands there, and where the word stands instead.

use std::ops::Range;

use ropey::Rope;
use serde_json::{Value, json};
use workspace::{ReadError, Snapshot};

use super::Span;
use crate::args::{Args, schema, wrong};
use crate::paths::{Roots, Target};
use crate::read::{ask_to_read, not_found};
use crate::text::{cut_line, lines_of};
use crate::{ToolContext, ToolError};

/// Lines that an error names.
const NAMED: usize = 5;

/// A part of a document, and what it is called.
pub(crate) struct Place {
    pub span: Span,
    pub target: Target,
    /// The word that was meant.
    pub word: String,
}

/// The schema of a call that means a name.
pub(crate) fn parameters(required: &[&str]) -> Value {
    let properties = json!({ "filePath": { "type": "string" }, "line": { "type": "integer" }, "symbol": { "type": "string" } });
    schema(properties, required)
}

/// For the user: the file, its line and the name.
pub(crate) fn title(args: &Value) -> String {
    let args = Args(args);
    let line = args.opt_number("line").ok().flatten().map_or(String::new(), |line| format!(":{line}"));
    format!("{}{line} {}", args.lenient("filePath"), args.lenient("symbol")).trim().to_owned()
}

/// The document that `filePath` names, if it may be read.
pub(crate) async fn document(path: &str, context: &ToolContext) -> Result<(Target, Snapshot), ToolError> {
    let target = Roots::of(context).resolve(path).under_open_name(context).await;
    target.ask_outside_to_read(context, false).await?;
    ask_to_read(&target, context).await?;
    target.still_leads_there()?;
    match context.workspace.read(&target.key).await {
        Ok(snapshot) => Ok((target, snapshot)),
        Err(ReadError::NotFound(key)) => Err(not_found(&key, context).await),
        Err(error) => Err(ToolError::model(error.to_string())),
    }
}

/// The name that `filePath`, `line`, `symbol` and `character` mean.
pub(crate) async fn spot(args: Args<'_>, context: &ToolContext) -> Result<Place, ToolError> {
    let path = args.opt_nonempty("filePath")?.ok_or_else(|| wrong("filePath", "a path", None))?;
    let line = args.opt_number("line")?;
    let symbol = args.opt_nonempty("symbol")?;
    let character = args.opt_number("character")?;
    let (target, document) = document(path, context).await?;
    let range = find(&document.text, &target.relative, line, symbol, character)?;
    let word = document.text.byte_slice(range.clone()).to_string();
    Ok(Place { span: Span { document, range }, target, word })
}

/// The lines that `line` and `endLine` mean, or the name in them.
pub(crate) async fn lines(args: Args<'_>, context: &ToolContext) -> Result<Place, ToolError> {
    if args.opt_nonempty("symbol")?.is_some() || args.opt_number("character")?.is_some() {
        return spot(args, context).await;
    }
    let path = args.opt_nonempty("filePath")?.ok_or_else(|| wrong("filePath", "a path", None))?;
    let first = args.opt_number("line")?.ok_or_else(|| wrong("line", "a line, counted from 1", None))?;
    let last = args.opt_number("endLine")?.unwrap_or(first);
    let (target, document) = document(path, context).await?;
    let (first, last) = (line_at(&document.text, &target.relative, first)?, line_at(&document.text, &target.relative, last.max(first))?);
    let range = content(&document.text, first).start..content(&document.text, last).end;
    Ok(Place { span: Span { document, range }, target, word: String::new() })
}

/// Bytes of the word. `line` and `character` count from one.
fn find(text: &Rope, name: &str, line: Option<u64>, symbol: Option<&str>, character: Option<u64>) -> Result<Range<usize>, ToolError> {
    let symbol = symbol.map(|symbol| symbol.trim().trim_matches('`')).map(|symbol| symbol.strip_suffix("()").unwrap_or(symbol));
    let Some(line) = line else {
        let symbol = symbol.ok_or_else(|| ToolError::model("name a `symbol`, and the `line` that it stands on"))?;
        let all = 0..lines_of(text);
        return all.into_iter().find_map(|line| words(text, line, symbol).first().cloned()).ok_or_else(|| {
            ToolError::model(format!("`{symbol}` does not stand in {name}: leave `filePath` out to search the project, or use grep"))
        });
    };
    let line = line_at(text, name, line)?;
    let content = content(text, line);
    let at = character.map(|character| {
        let start = text.byte_to_char(text.line_to_byte(line));
        let column = usize::try_from(character.saturating_sub(1)).unwrap_or(usize::MAX);
        text.char_to_byte(start.saturating_add(column).min(text.byte_to_char(content.end)))
    });
    let here = || format!("line {} of {name} is: {}", line + 1, cut_line(text.line(line).chars()).trim());
    match (symbol, at) {
        (Some(symbol), at) => {
            let found = words(text, line, symbol);
            let near = |range: &Range<usize>| at.map_or(range.start, |at| range.start.abs_diff(at));
            found.into_iter().min_by_key(near).ok_or_else(|| {
                let lines = (0..lines_of(text)).filter(|line| !words(text, *line, symbol).is_empty());
                let lines: Vec<String> = lines.take(NAMED).map(|line| (line + 1).to_string()).collect();
                let instead = if lines.is_empty() { "nowhere in the file".to_owned() } else { format!("on lines {}", lines.join(", ")) };
                ToolError::model(format!("`{symbol}` does not stand there: {}. It stands {instead}.", here()))
            })
        }
        (None, Some(at)) => Ok(at..at),
        (None, None) => Err(ToolError::model(format!("name a `symbol`: a word of the line. {}", here()))),
    }
}

/// A line counted from one, counted from zero.
fn line_at(text: &Rope, name: &str, line: u64) -> Result<usize, ToolError> {
    let total = lines_of(text);
    let line = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    if line < total { Ok(line) } else { Err(ToolError::model(format!("{name} has {total} lines"))) }
}

/// A line from its first word to its end.
fn content(text: &Rope, line: usize) -> Range<usize> {
    let start = text.line_to_byte(line);
    let line = text.line(line).to_string();
    let line = line.trim_end_matches(['\n', '\r']);
    start + line.len() - line.trim_start().len()..start + line.len()
}

/// Where a line has a word; the last one, where `symbol` has several (`module::name`). Whole words go before parts of others.
fn words(text: &Rope, line: usize, symbol: &str) -> Vec<Range<usize>> {
    let start = text.line_to_byte(line);
    let line = text.line(line).to_string();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let tail = symbol.rfind(|c| !is_word(c)).map_or(0, |at| at + symbol[at..].chars().next().map_or(0, char::len_utf8));
    // What ends in no word is taken as it is.
    let tail = if tail == symbol.len() { 0 } else { tail };
    let whole = |at: &usize| {
        !line[..*at].chars().next_back().is_some_and(|c| is_word(c) && symbol.starts_with(is_word))
            && !line[at + symbol.len()..].chars().next().is_some_and(|c| is_word(c) && symbol.ends_with(is_word))
    };
    let all: Vec<usize> = line.match_indices(symbol).map(|(at, _)| at).collect();
    let (words, parts): (Vec<usize>, Vec<usize>) = all.into_iter().partition(whole);
    let found = if words.is_empty() { parts } else { words };
    found.into_iter().map(|at| start + at + tail..start + at + symbol.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn été() {}\n\n    module::call(call, recall);\nlet x = été();\n";

    #[test]
    fn places() {
        let check = |line: Option<u64>, symbol: Option<&str>, character: Option<u64>, expect: Result<(usize, &str), &[&str]>| {
            let text = Rope::from_str(TEXT);
            let got = find(&text, "a.rs", line, symbol, character);
            match (got, expect) {
                (Ok(range), Ok((line, word))) => {
                    assert_eq!((text.byte_to_line(range.start), text.byte_slice(range.clone()).to_string().as_str()), (line, word))
                }
                (Err(error), Err(words)) => crate::testing::has(&error.to_string(), words),
                (got, expect) => panic!("{line:?} {symbol:?} {character:?}: {got:?}, expected {expect:?}"),
            }
        };
        check(Some(1), Some("été"), None, Ok((0, "été")));
        check(Some(3), Some("module::call"), None, Ok((2, "call")));
        check(Some(3), Some("`call()`"), None, Ok((2, "call")));
        check(None, Some("recall"), None, Ok((2, "recall")));
        check(Some(4), None, Some(9), Ok((3, "")));
        check(Some(4), None, Some(900), Ok((3, "")));
        check(Some(1), Some("call"), None, Err(&["line 1 of a.rs is: fn été() {}", "on lines 3"]));
        check(Some(1), Some("none"), None, Err(&["nowhere in the file"]));
        check(None, Some("none"), None, Err(&["does not stand in a.rs", "`filePath`"]));
        check(Some(3), None, None, Err(&["`symbol`", "module::call(call, recall);"]));
        check(Some(9), Some("x"), None, Err(&["a.rs has 4 lines"]));
        check(None, None, Some(1), Err(&["`symbol`", "`line`"]));
    }

    #[test]
    fn of_several_the_nearest_counts() {
        let text = Rope::from_str("a(a, aa, a)");
        let at = |character| find(&text, "a", Some(1), Some("a"), character).expect("found").start;
        assert_eq!((at(None), at(Some(3)), at(Some(11))), (0, 2, 9));
    }

    #[test]
    fn the_content_of_a_line() {
        let text = Rope::from_str("  one two\r\n\t\n");
        assert_eq!((content(&text, 0), content(&text, 1)), (2..9, 12..12));
    }
}
