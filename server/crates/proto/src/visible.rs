//! What nobody sees and a model reads: zero-width letters, directions, tags, fillers. In a text that somebody else wrote they hide what it says.
//!
//! Must not know whose texts they are.
//!
//! **Invariant:** what is taken for a reader's eyes changes nothing that a person sees: marks of emojis, and joiners within a script that has them, stay.

use std::borrow::Cow;

/// The text without characters that a person does not see.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hidden(c) || is_mark(c) || c == '\r') {
        return Cow::Borrowed(text);
    }
    let mut seen = String::with_capacity(text.len());
    let (mut before, mut rest) = (None, text.chars().peekable());
    while let Some(c) = rest.next() {
        let next = rest.peek();
        let stays = match c {
            // Of a family of emojis, or between two letters of a script that is written so.
            '\u{200C}' | '\u{200D}' => before.is_some_and(joins) && next.copied().is_some_and(joins),
            '\u{FE0E}' | '\u{FE0F}' => before.is_some_and(|c: char| !c.is_ascii_alphabetic() && !c.is_whitespace() && !is_mark(c)),
            '\r' => next == Some(&'\n'),
            c => !is_hidden(c),
        };
        if stays {
            seen.push(c);
        }
        before = Some(c);
    }
    if seen == text { Cow::Borrowed(text) } else { Cow::Owned(seen) }
}

/// Where the first character stands that nobody sees: a byte offset.
#[must_use]
pub fn first_hidden(text: &str) -> Option<usize> {
    let seen = visible(text);
    let same = text.char_indices().zip(seen.chars().map(Some).chain(std::iter::repeat(None)));
    if seen == text { None } else { same.into_iter().find(|((_, c), seen)| Some(*c) != *seen).map(|((at, _), _)| at) }
}

fn joins(c: char) -> bool {
    !c.is_ascii() && !is_hidden(c) && !matches!(c, '\u{200C}' | '\u{200D}')
}

/// Characters that are seen only by what they do to their neighbours.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}')
}

fn is_hidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
        || matches!(
            c,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{3164}'
                | '\u{FE00}'..='\u{FE0D}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_gone() {
        let check = |text: &str, expect: &str| {
            assert_eq!(visible(text), expect, "{text:?}");
            assert_eq!(visible(expect), expect, "{expect:?}");
            assert_eq!(first_hidden(text).is_none(), text == expect, "{text:?}");
        };
        check("plain\n\ttext: Überlänge 日本 עברית\r\n", "plain\n\ttext: Überlänge 日本 עברית\r\n");
        check("a\u{200B}b\u{E0041}\u{E0042}c\u{202E}d\u{7}e\u{2067}f\rg", "abcdefg");
        check("\u{FEFF}x\u{AD}y\u{2063}z\u{3164}", "xyz");
        // Bits as joiners and selectors.
        check("run\u{200D}\u{200C}\u{200D} it\u{FE0F}\u{FE01}", "run it");
        check("é\u{200D}\u{200D}\u{200C}é", "éé");
        // Seen: a person at a computer, a heart on fire, a key with a digit, a Persian word.
        for text in ["🧑\u{200D}💻", "❤\u{FE0F}\u{200D}🔥", "1\u{FE0F}\u{20E3}", "می\u{200C}روم"] {
            check(text, text);
        }
    }

    #[test]
    fn where_the_first_one_stands() {
        assert_eq!(first_hidden("é\u{200B}x"), Some(2));
        assert_eq!(first_hidden("x\u{E0041}"), Some(1));
        assert_eq!(first_hidden("x\n"), None);
    }
}
