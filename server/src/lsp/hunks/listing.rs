//! Hunks for showing: where they stand, and what stood there before.
//!
//! Pure. **Invariant:** the text before is the text as it is now with each of the hunks taken back, whatever the user did around them.

use std::collections::HashSet;

use lsp_types::Range;
use serde_json::{Value, json};
use workspace::{DocKey, Hunks};

use super::{id, mark_range};
use crate::lsp::positions::{self, Encoding};

/// A document with hunks.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Which.
    pub key: DocKey,
    /// Its text without the hunks.
    pub before: String,
    /// The hunks, from the top. Those of a document that is not open are in `before` only.
    pub hunks: Vec<ListedHunk>,
}

/// A hunk of an open document.
#[derive(Clone, Debug)]
pub struct ListedHunk {
    /// For commands.
    pub id: String,
    /// The turn that made it.
    pub turn: String,
    /// Where it stands.
    pub range: Range,
}

impl Listed {
    /// For the editor.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let hunks: Vec<_> = self.hunks.iter().map(|h| json!({"id": h.id, "turn": h.turn, "range": h.range})).collect();
        json!({"uri": self.key.to_uri(), "old": self.before, "hunks": hunks})
    }
}

/// A document's hunks of these ids; none if it has none of them. `serial` is that of an open document.
pub(super) fn listed(key: DocKey, hunks: &Hunks, ids: &HashSet<u64>, serial: Option<u64>, encoding: Encoding) -> Option<Listed> {
    let mut out = Listed { key, before: String::new(), hunks: Vec::new() };
    let text = hunks.text();
    let (mut at, mut any) = (0, false);
    let upto = |from: usize, to: usize| text.get_byte_slice(from..to).map(|slice| slice.to_string()).unwrap_or_default();
    for hunk in hunks.shown().filter(|hunk| ids.contains(&hunk.id)) {
        any = true;
        out.before.push_str(&upto(at, hunk.range.start));
        out.before.push_str(&hunk.old);
        at = hunk.range.end;
        if let Some(serial) = serial {
            let range = positions::lsp_range(text, &mark_range(text, hunk), encoding);
            out.hunks.push(ListedHunk { id: id(serial, hunk), turn: hunk.turn.clone(), range });
        }
    }
    out.before.push_str(&upto(at, text.len_bytes()));
    any.then_some(out)
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;

    #[test]
    fn the_text_before_is_without_the_hunks() {
        fn check(turns: &[(&str, &str, &str)], user: Option<&str>, turn: Option<&str>, before: Option<&str>, lines: &[u32]) {
            let mut hunks = Hunks::new(Rope::from_str(turns[0].1));
            for (turn, old, new) in turns {
                hunks.recorded(turn, &Rope::from_str(old), &Rope::from_str(new));
                hunks.became(Rope::from_str(new));
            }
            if let Some(text) = user {
                hunks.became(Rope::from_str(text));
            }
            let ids = hunks.shown().filter(|hunk| turn.is_none_or(|turn| turn == hunk.turn)).map(|hunk| hunk.id).collect();
            let found = listed(DocKey::file("/a.txt"), &hunks, &ids, Some(1), Encoding::Utf8);
            assert_eq!(found.as_ref().map(|f| f.before.as_str()), before);
            let at: Vec<_> = found.iter().flat_map(|f| &f.hunks).map(|hunk| hunk.range.start.line).collect();
            assert_eq!(at, lines);
        }
        let (first, second, third) = ("one\ntwo\nthree\n", "one\nTWO\nthree\n", "one\nTWO\nthree\nfour\n");
        check(&[("t1", first, second)], None, None, Some(first), &[1]);
        check(&[("t1", first, second), ("t2", second, third)], None, None, Some(first), &[1, 3]);
        check(&[("t1", first, second), ("t2", second, third)], None, Some("t2"), Some(second), &[3]);
        check(&[("t1", first, second)], Some("zero\none\nTWO\nthree\n"), None, Some("zero\none\ntwo\nthree\n"), &[2]);
        check(&[("t1", first, second)], None, Some("t9"), None, &[]);
    }
}
