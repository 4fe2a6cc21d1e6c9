//! Words of the grammar's tree as the shell reads them, and checks that it reads the same.
//!
//! **Invariant:** a word is literal only if the shell makes exactly its text of it.

use tree_sitter::Node;

use super::Word;

impl Word {
    /// A word that stands for itself.
    pub(crate) fn literal(text: impl Into<String>) -> Self {
        Self { text: text.into(), literal: true, glob: None, dynamic: false }
    }

    fn add_literal(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn add_dynamic(&mut self, source: &str) {
        self.text.push_str(source);
        self.dynamic = true;
    }

    /// Text outside quotes.
    fn add_bare(&mut self, source: &str) {
        let mut chars = source.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('\n') | None => {}
                    Some(next) => self.text.push(next),
                },
                '*' | '?' | '[' => {
                    self.glob.get_or_insert(self.text.len());
                    self.text.push(c);
                }
                '{' | '$' | '`' => {
                    self.dynamic = true;
                    self.text.push(c);
                }
                _ => self.text.push(c),
            }
        }
    }

    /// Text within double quotes.
    fn add_quoted(&mut self, source: &str) {
        let mut chars = source.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some('\n')) => {
                    chars.next();
                }
                ('\\', Some(&next @ ('"' | '\\' | '$' | '`'))) => {
                    self.text.push(next);
                    chars.next();
                }
                _ => self.text.push(c),
            }
        }
    }

    fn add(&mut self, node: Node<'_>, source: &str) {
        let text = source_of(node, source);
        match node.kind() {
            "word" | "number" | "variable_name" if node.child_count() == 0 => self.add_bare(text),
            "raw_string" => self.add_literal(text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(text)),
            "string" if text.starts_with('"') => {
                let mut at = node.start_byte() + 1;
                let mut cursor = node.walk();
                for child in node.named_children(&mut cursor) {
                    self.add_quoted(source.get(at..child.start_byte()).unwrap_or_default());
                    match child.kind() {
                        "string_content" => self.add_quoted(source_of(child, source)),
                        _ => self.add_dynamic(source_of(child, source)),
                    }
                    at = child.end_byte();
                }
                self.add_quoted(source.get(at..node.end_byte().saturating_sub(1)).unwrap_or_default());
            }
            "command_name" | "concatenation" => {
                let mut cursor = node.walk();
                for child in node.children(&mut cursor) {
                    // Deeper ones are no words that anybody writes.
                    match child.kind() {
                        "concatenation" | "command_name" if node.kind() == "concatenation" => self.add_dynamic(source_of(child, source)),
                        _ => self.add(child, source),
                    }
                }
            }
            _ if !node.is_named() => self.add_bare(text),
            _ => self.add_dynamic(text),
        }
    }
}

/// The word that a node is.
pub(super) fn word(node: Node<'_>, source: &str) -> Word {
    let mut word = Word::literal("");
    word.add(node, source);
    word.literal = !word.dynamic && word.glob.is_none();
    word
}

/// The words with one space between.
pub(super) fn joined(argv: &[Word]) -> String {
    argv.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

pub(super) fn source_of<'a>(node: Node<'_>, source: &'a str) -> &'a str {
    source.get(node.byte_range()).unwrap_or_default()
}

/// Whether there is nothing but space and continued lines.
pub(super) fn is_blank(text: &str) -> bool {
    text.replace("\\\n", "").chars().all(|c| matches!(c, ' ' | '\t' | '\n'))
}

/// `${name}`: nothing that assigns, evaluates or substitutes.
pub(super) fn is_plain_expansion(text: &str) -> bool {
    text.strip_prefix("${")
        .and_then(|text| text.strip_suffix('}'))
        .is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// A copy of a descriptor, or a target where nothing is kept.
pub(super) fn is_harmless_redirect(node: Node<'_>, source: &str) -> bool {
    let mut cursor = node.walk();
    let targets: Vec<Word> = node.children_by_field_name("destination", &mut cursor).map(|target| word(target, source)).collect();
    let bare = source_of(node, source).trim_start_matches(|c: char| c.is_ascii_digit());
    match targets.as_slice() {
        [] => [">&-", "<&-"].contains(&bare),
        [target] if target.literal => {
            let number = !target.text.is_empty() && target.text.chars().all(|c| c.is_ascii_digit());
            ((bare.starts_with(">&") || bare.starts_with("<&")) && (number || target.text == "-"))
                || ["/dev/null", "/dev/stdout", "/dev/stderr"].contains(&target.text.as_str())
        }
        _ => false,
    }
}

/// Whether a piece has a substitution in it that the grammar has not seen.
pub(super) fn hides_substitution(kind: &str, text: &str) -> bool {
    if matches!(kind, "raw_string" | "comment" | "heredoc_content") {
        return false;
    }
    let mut chars = text.chars();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
                before = ' ';
                continue;
            }
            '`' => return true,
            '(' if before == '$' || (kind != "string_content" && matches!(before, '<' | '>' | '=')) => return true,
            '{' if before == '$' => return true,
            _ => {}
        }
        before = c;
    }
    false
}

/// Whether the shell takes the piece as the grammar does: quotes closed where they should be, nothing in it that ends a word.
pub(super) fn is_one_piece(kind: &str, text: &str, before: &str) -> bool {
    match kind {
        "raw_string" => text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'') && text.matches('\'').count() == 2,
        "comment" => {
            let head = before.trim_end_matches([' ', '\t', '\n', ';', '&', '|', '(', ')']);
            !text.contains('\n') && (before.is_empty() || head.len() < before.len()) && !head.ends_with('\\')
        }
        "word" | "number" | "variable_name" | "special_variable_name" => !has_unescaped(text, " \t\n;&|<>()\"'`"),
        "string_content" => !has_unescaped(text, "\"`"),
        _ => true,
    }
}

fn has_unescaped(text: &str, what: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if what.contains(c) {
            return true;
        }
    }
    false
}
