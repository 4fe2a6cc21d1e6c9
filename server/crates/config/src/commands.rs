//! Slash commands: `/name arguments`, and the template's expansion.
//!
//! Must not know what a command's shell lines print or what a mention names: it hands out pieces for the engine to fill.
//!
//! **Invariant:** nothing from the arguments becomes a shell line: they are put in after the template's shell lines are found, except where the
//! template itself has a placeholder inside one.

use serde_json::Value;

/// A piece of an expanded template, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Text(String),
    /// `` !`command` ``: its standard output stands here.
    Shell(String),
    /// `@name`, without the `@`: a file relative to the project's root (or `~/…`), else an agent, else plain words. It stays in the text as `@name`.
    Mention(String),
}

/// `/name arguments`: the name (which may hold slashes), and the rest, trimmed. Whether there is such a command is the caller's to see.
#[must_use]
pub fn parse_slash(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim().strip_prefix('/')?;
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    (!name.is_empty()).then(|| (name, arguments.trim()))
}

/// Expands `template` as OpenCode does: `$1`…`$n` (the highest takes all that is left, a missing one is empty), then `$ARGUMENTS`; arguments without any
/// placeholder stand in a paragraph of their own at the end.
#[must_use]
pub fn expand(template: &str, arguments: &str) -> Vec<Piece> {
    let args = split_arguments(arguments);
    let template = template.trim();
    let last = placeholders(template).filter_map(|(_, _, number)| number).max();
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, command, after)) = next_shell(rest) {
        push_text(&mut pieces, &fill(before, &args, arguments, last));
        pieces.push(Piece::Shell(fill(command, &args, arguments, last)));
        rest = after;
    }
    push_text(&mut pieces, &fill(rest, &args, arguments, last));
    if placeholders(template).next().is_none() && !arguments.trim().is_empty() {
        push_text(&mut pieces, &format!("\n\n{}", arguments.trim()));
    }
    pieces
}

/// An `argument-hint` as it was meant: in YAML, `[file]` is a list.
pub(crate) fn hint(written: &Value) -> Option<String> {
    match written {
        Value::String(hint) => Some(hint.clone()),
        Value::Array(words) => Some(format!("[{}]", words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))),
        _ => None,
    }
}

/// What is told of a command or a skill where they are listed: what it takes, and what it is for.
pub(crate) fn shown(hint: Option<&String>, description: Option<&String>) -> Option<String> {
    let parts: Vec<&str> = [hint, description].into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The names that `text` mentions by `@`, each once: not after a word's character or a backtick; up to white space, backtick or comma; without
/// trailing punctuation.
#[must_use]
pub fn mentions(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for (_, name) in mention_places(text) {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn mention_places(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut taken = 0;
    text.match_indices('@').filter_map(move |(at, _)| {
        let before = text[..at].chars().next_back();
        if at < taken || before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '`') {
            return None;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| c.is_whitespace() || c == '`' || c == ',').unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches(['.', ':', ';', '!', '?', '"', '\'', '…']);
        let name = if name.contains('(') { name } else { name.trim_end_matches(')') };
        taken = at + 1 + name.len();
        (!name.is_empty()).then_some((at, name))
    })
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    let mut done = 0;
    for (at, name) in mention_places(text) {
        push_words(pieces, &text[done..at]);
        pieces.push(Piece::Mention(name.to_owned()));
        done = at + 1 + name.len();
    }
    push_words(pieces, &text[done..]);
}

fn push_words(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(words)) => words.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// What stands before the first `` !`command` ``, the command, and what stands after.
fn next_shell(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("!`")?;
    let end = start + 2 + text[start + 2..].find('`')?;
    Some((&text[..start], &text[start + 2..end], &text[end + 1..]))
}

/// Start, end and number of each `$n`; no number for `$ARGUMENTS`.
fn placeholders(text: &str) -> impl Iterator<Item = (usize, usize, Option<usize>)> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        if rest.starts_with("ARGUMENTS") {
            return Some((at, at + 1 + "ARGUMENTS".len(), None));
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..digits].parse().ok().filter(|&number| number > 0)?;
        Some((at, at + 1 + digits, Some(number)))
    })
}

fn fill(text: &str, args: &[String], whole: &str, last: Option<usize>) -> String {
    let mut filled = String::with_capacity(text.len() + whole.len());
    let mut done = 0;
    for (start, end, number) in placeholders(text) {
        filled.push_str(&text[done..start]);
        match number {
            None => filled.push_str(whole.trim()),
            Some(number) if Some(number) == last => filled.push_str(&args.get(number - 1..).unwrap_or_default().join(" ")),
            Some(number) => filled.push_str(args.get(number - 1).map_or("", String::as_str)),
        }
        done = end;
    }
    filled.push_str(&text[done..]);
    filled
}

/// Words; `"…"`, `'…'` and `[Image N]` are one each.
#[must_use]
pub fn split_arguments(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = matches!(first, '"' | '\'').then(|| rest[1..].find(first)).flatten();
        let image = rest.strip_prefix("[Image ").and_then(|tail| tail.find(']')).map(|end| "[Image ".len() + end + 1);
        let (word, length) = match (quoted, image) {
            (Some(end), _) => (&rest[1..=end], end + 2),
            (None, Some(end)) => (&rest[..end], end),
            (None, None) => {
                let end = rest
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| c.is_whitespace() || matches!(c, '"' | '\''))
                    .map_or(rest.len(), |(at, _)| at);
                (&rest[..end], end)
            }
        };
        words.push(word.to_owned());
        rest = rest[length..].trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slash() {
        let check = |text: &str, expect| assert_eq!(parse_slash(text), expect, "{text}");
        check("/fix alpha beta", Some(("fix", "alpha beta")));
        check("  /fix\nmore\nlines \n", Some(("fix", "more\nlines")));
        check("/deep/one", Some(("deep/one", "")));
        check("fix /x", None);
        check("/", None);
        check("/ x", None);
    }

    #[test]
    fn expansion() {
        let check = |template: &str, arguments: &str, expect: &str| {
            let shown: String = expand(template, arguments)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Shell(command) => format!("<sh:{command}>"),
                    Piece::Mention(name) => format!("<at:{name}>"),
                })
                .collect();
            assert_eq!(shown, expect, "{template} {arguments}");
        };
        check("Fix issue $ARGUMENTS first $1.", "alpha beta", "Fix issue alpha beta first alpha beta.");
        check("$1 then $2", "a b c d", "a then b c d");
        check("$1 then $3", "a", "a then ");
        check("$2", "\"a b\" 'c d' e", "c d e");
        check("$1|$2", "[Image 1] x", "[Image 1]|x");
        check("costs $0 or $x", "", "costs $0 or $x");
        check("Do it.", " now ", "Do it.\n\nnow");
        check("Do it.", "  ", "Do it.");
        check("Now: !`echo $1` and !`date`", "x", "Now: <sh:echo x> and <sh:date>");
        check("an open !`tick", "", "an open !`tick");
        check("$ARGUMENTS", "!`rm -rf x`", "!`rm -rf x`");
        check(
            "See @notes.txt. And me@example.com, `@code`, @a/b,@c",
            "",
            "See <at:notes.txt>. And me@example.com, `@code`, <at:a/b>,<at:c>",
        );
        check("Read @$1", "src/x.rs", "Read <at:src/x.rs>");
    }

    #[test]
    fn each_mention_once() {
        assert_eq!(mentions("@a.txt and @b, @a.txt… (@c) @d/@types/e @@"), ["a.txt", "b", "c", "d/@types/e", "@"]);
    }
}
