//! Byte offsets of a rope ⇄ positions as the editor counts them, in the three encodings; and edits in the editor's words.
//!
//! Pure; must not know documents, the client or the wire.
//!
//! **Invariant:** any position gives an offset inside the text and on a character boundary; the position of an offset never lies inside a
//! character, nor behind its line's end, nor between `\r` and `\n`.

use lsp_types::{Position, Range};
use ropey::{Rope, RopeSlice};
use workspace::TextEdit;

/// What `Position.character` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// 16-bit units: what is meant when nothing was agreed on.
    #[default]
    Utf16,
    /// Code points.
    Utf32,
}

impl Encoding {
    /// The protocol's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Utf32 => "utf-32",
        }
    }

    /// The one that we prefer of those that a client offers: no conversion first.
    #[must_use]
    pub fn choose<'a>(offered: impl IntoIterator<Item = &'a str>) -> Self {
        let offered: Vec<&str> = offered.into_iter().collect();
        [Self::Utf8, Self::Utf32].into_iter().find(|e| offered.contains(&e.name())).unwrap_or_default()
    }
}

/// The byte offset of a position. Beyond a line's end means its end (before the line break), beyond the last line the end of the text, and
/// inside a character its start.
#[must_use]
pub fn offset(text: &Rope, at: Position, encoding: Encoding) -> usize {
    let Some(line) = text.get_line(at.line as usize) else { return text.len_bytes() };
    let line_start = text.try_line_to_byte(at.line as usize).unwrap_or(text.len_bytes());
    let line = without_break(line);
    let units = at.character as usize;
    let char = match encoding {
        Encoding::Utf8 => line.try_byte_to_char(units),
        Encoding::Utf16 => line.try_utf16_cu_to_char(units),
        Encoding::Utf32 => Ok(units),
    };
    line_start + char.and_then(|c| line.try_char_to_byte(c)).unwrap_or(line.len_bytes())
}

/// The position of a byte offset: rounded down to a character's start, and before a `\r\n` that it stands inside of.
#[must_use]
pub fn position(text: &Rope, offset: usize, encoding: Encoding) -> Position {
    let offset = offset.min(text.len_bytes());
    let line = text.try_byte_to_line(offset).unwrap_or(0);
    let line_start = text.try_line_to_byte(line).unwrap_or(0);
    let slice = text.get_line(line).map_or_else(|| text.slice(0..0), without_break);
    let char = slice.try_byte_to_char(offset - line_start).unwrap_or(slice.len_chars());
    let units = match encoding {
        Encoding::Utf8 => slice.try_char_to_byte(char),
        Encoding::Utf16 => slice.try_char_to_utf16_cu(char),
        Encoding::Utf32 => Ok(char),
    };
    let units = units.unwrap_or_default();
    Position::new(u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(units).unwrap_or(u32::MAX))
}

/// The byte range of a range of the editor's; one that ends before it starts is turned round.
#[must_use]
pub fn byte_range(text: &Rope, range: Range, encoding: Encoding) -> std::ops::Range<usize> {
    let (a, b) = (offset(text, range.start, encoding), offset(text, range.end, encoding));
    a.min(b)..a.max(b)
}

/// A byte range in the editor's words.
#[must_use]
pub fn lsp_range(text: &Rope, range: &std::ops::Range<usize>, encoding: Encoding) -> Range {
    Range::new(position(text, range.start, encoding), position(text, range.end, encoding))
}

/// An edit of `text` in the editor's words. One that begins or ends between `\r` and `\n` is widened to hold both, since no position stands there.
#[must_use]
pub fn lsp_edit(text: &Rope, edit: &TextEdit, encoding: Encoding) -> lsp_types::TextEdit {
    let mut range = edit.range.clone();
    let mut new_text = edit.text.clone();
    if splits_break(text, range.start) {
        range.start -= 1;
        new_text.insert(0, '\r');
    }
    if splits_break(text, range.end) {
        range.end += 1;
        new_text.push('\n');
    }
    lsp_types::TextEdit { range: lsp_range(text, &range, encoding), new_text }
}

fn splits_break(text: &Rope, at: usize) -> bool {
    at > 0 && text.get_byte(at - 1) == Some(b'\r') && text.get_byte(at) == Some(b'\n')
}

fn without_break(line: RopeSlice<'_>) -> RopeSlice<'_> {
    let chars = line.len_chars();
    let end = match (chars.checked_sub(2).map(|i| line.char(i)), chars.checked_sub(1).map(|i| line.char(i))) {
        (Some('\r'), Some('\n')) => chars - 2,
        (_, Some('\r' | '\n')) => chars - 1,
        _ => chars,
    };
    line.slice(..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    fn units(text: &str, encoding: Encoding) -> usize {
        match encoding {
            Encoding::Utf8 => text.len(),
            Encoding::Utf16 => text.encode_utf16().count(),
            Encoding::Utf32 => text.chars().count(),
        }
    }

    /// (start, end without line break) of every line, found the slow way.
    fn lines(text: &str) -> Vec<(usize, usize)> {
        let (mut out, mut start, mut rest) = (Vec::new(), 0, text);
        while let Some(at) = rest.find(['\r', '\n']) {
            let width = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
            out.push((start, start + at));
            start += at + width;
            rest = &rest[at + width..];
        }
        out.push((start, text.len()));
        out
    }

    fn naive_offset(text: &str, at: Position, encoding: Encoding) -> usize {
        let Some(&(start, end)) = lines(text).get(at.line as usize) else { return text.len() };
        let line = &text[start..end];
        let mut best = 0;
        for (i, _) in line.char_indices().chain([(line.len(), ' ')]) {
            if units(&line[..i], encoding) <= at.character as usize {
                best = i;
            }
        }
        start + best
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec!["a", "é", "世", "😀", "\u{200d}", "e\u{301}", "\n", "\r\n", "\r", "\u{2028}", "\u{b}", " "]);
        prop::collection::vec(piece, 0..40).prop_map(|v| v.concat())
    }

    proptest! {
        #[test]
        fn offsets_are_those_of_the_slow_way(text in pieces(), line in 0u32..12, character in 0u32..30) {
            let rope = Rope::from_str(&text);
            for encoding in ALL {
                let at = Position::new(line, character);
                prop_assert_eq!(offset(&rope, at, encoding), naive_offset(&text, at, encoding), "{:?} {:?}", encoding, text);
            }
        }

        #[test]
        fn there_and_back(text in pieces()) {
            let rope = Rope::from_str(&text);
            for encoding in ALL {
                for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
                    let inside = at > 0 && text[..at].ends_with('\r') && text[at..].starts_with('\n');
                    prop_assert_eq!(offset(&rope, position(&rope, at, encoding), encoding), if inside { at - 1 } else { at });
                }
            }
        }

        #[test]
        fn edits_mean_the_same_in_the_editors_words(text in pieces(), a in 0usize..60, b in 0usize..60, new in pieces()) {
            let floor = |mut i: usize| { i = i.min(text.len()); while !text.is_char_boundary(i) { i -= 1; } i };
            let (a, b) = (floor(a.min(b)), floor(a.max(b)));
            let rope = Rope::from_str(&text);
            for encoding in ALL {
                let edit = lsp_edit(&rope, &TextEdit { range: a..b, text: new.clone() }, encoding);
                let range = byte_range(&rope, edit.range, encoding);
                let got = format!("{}{}{}", &text[..range.start], edit.new_text, &text[range.end..]);
                prop_assert_eq!(got, format!("{}{}{}", &text[..a], new, &text[b..]));
            }
        }
    }

    #[test]
    fn the_preferred_encoding() {
        let check = |offered: &[&str], want| assert_eq!(Encoding::choose(offered.iter().copied()), want, "{offered:?}");
        check(&["utf-16", "utf-32", "utf-8"], Encoding::Utf8);
        check(&["utf-16", "utf-32"], Encoding::Utf32);
        check(&["utf-16"], Encoding::Utf16);
        check(&[], Encoding::Utf16);
        check(&["utf-7"], Encoding::Utf16);
    }

    #[test]
    fn far_outside() {
        let rope = Rope::from_str("ab\ncd");
        for encoding in ALL {
            assert_eq!(offset(&rope, Position::new(u32::MAX, u32::MAX), encoding), 5);
            assert_eq!(offset(&rope, Position::new(0, u32::MAX), encoding), 2);
            assert_eq!(position(&rope, usize::MAX, encoding), Position::new(1, 2));
        }
        assert_eq!(position(&Rope::new(), 7, Encoding::Utf16), Position::new(0, 0));
    }
}
