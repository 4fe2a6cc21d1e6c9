//! What the user's words ask for, as far as an answer's edits depend on it.
//!
//! **Invariant:** a sentence that begins with what is to be done makes no question, however it ends.

/// Beginnings of a sentence that wants an answer, also without a question mark.
const ASKING: &[&str] = &["what", "why", "how", "who", "which", "explain", "describe", "summarise", "summarize", "tell", "review"];
/// Beginnings of a sentence that wants a change, also with a question mark.
const CHANGING: &[&str] = &[
    "add",
    "change",
    "convert",
    "correct",
    "create",
    "delete",
    "do",
    "drop",
    "extract",
    "fix",
    "format",
    "implement",
    "improve",
    "insert",
    "make",
    "move",
    "optimise",
    "optimize",
    "put",
    "refactor",
    "remove",
    "rename",
    "replace",
    "reverse",
    "rewrite",
    "set",
    "simplify",
    "sort",
    "swap",
    "turn",
    "update",
    "use",
    "write",
];
/// What makes a request of a question.
const POLITE: &[&str] = &["can you", "could you", "would you", "will you", "please"];
/// What no change may come of.
const KEEPING: &[&str] =
    &["without changing", "change nothing", "don't change anything", "do not change anything", "don't edit", "do not edit"];
/// Words that ask for less text.
const REMOVING: &[&str] = &[
    "remove", "delete", "drop", "strip", "clean", "simplify", "shorten", "unused", "replace", "rewrite", "dead", "empty", "clear", "trim",
];

/// Whether the words want an answer, and no change: the last sentence asks, and none wants something done.
#[must_use]
pub fn is_question(asked: &str) -> bool {
    let sentences = sentences(asked);
    let first = |sentence: &str| {
        let word = sentence.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
        word.unwrap_or_default().to_lowercase()
    };
    let lower = asked.to_lowercase();
    if KEEPING.iter().any(|keeping| lower.contains(keeping)) {
        return true;
    }
    let wants_change = |sentence: &String| {
        let (first, lower) = (first(sentence), sentence.to_lowercase());
        let polite = POLITE.iter().any(|polite| lower.contains(polite)) && !ASKING.contains(&first.as_str());
        polite || (CHANGING.contains(&first.as_str()) && !(first == "do" && sentence.ends_with('?')))
    };
    let asks = |sentence: &String| sentence.ends_with(['?', '？']) || ASKING.contains(&first(sentence).as_str());
    !sentences.iter().any(wants_change) && sentences.last().is_some_and(asks)
}

/// Whether the words ask for text to go.
#[must_use]
pub fn wants_removal(asked: &str) -> bool {
    asked.split(|c: char| !c.is_alphabetic()).any(|word| {
        let word = word.to_lowercase();
        REMOVING.iter().any(|removing| word.starts_with(removing))
    })
}

/// The sentences of prose: code between fences asks for nothing.
fn sentences(asked: &str) -> Vec<String> {
    let mut prose = String::new();
    let mut code = false;
    for line in asked.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    let mut out = vec![String::new()];
    let mut characters = prose.chars().peekable();
    while let Some(c) = characters.next() {
        let ends = c == '\n' || (matches!(c, '.' | '!' | '?' | '？' | '。') && characters.peek().is_none_or(|next| next.is_whitespace()));
        if let Some(last) = out.last_mut() {
            last.push(if c == '\n' { ' ' } else { c });
        }
        if ends {
            out.push(String::new());
        }
    }
    out.into_iter().map(|sentence| sentence.trim().to_owned()).filter(|sentence| sentence.chars().any(char::is_alphanumeric)).collect()
}
