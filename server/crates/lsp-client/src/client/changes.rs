//! The difference of two texts in the protocol's words.
//!
//! Pure. **Invariant:** applied one after the other, as the protocol wants it, the changes make the new text of the old one.

use ropey::Rope;
use serde_json::{Value, json};
use workspace::diff;

use crate::positions::{self, Encoding};
use crate::wishes::Sync;

/// More parts than this are told as the whole text.
const PARTS: usize = 200;

/// The `contentChanges` of `didChange`.
pub(super) fn of(old: &Rope, new: &Rope, sync: Sync, encoding: Encoding) -> Value {
    let whole = || json!([{ "text": new.to_string() }]);
    if sync == Sync::Full {
        return whole();
    }
    let edits = diff(old, new);
    if edits.edits().len() > PARTS {
        return whole();
    }
    // From the end: what stands before a change keeps its place.
    edits
        .edits()
        .iter()
        .rev()
        .map(|edit| {
            let edit = positions::lsp_edit(old, edit, encoding);
            json!({ "range": edit.range, "text": edit.new_text })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(old: &str, changes: &Value, encoding: Encoding) -> String {
        let mut text = old.to_owned();
        for change in changes.as_array().expect("a list") {
            let with = change["text"].as_str().expect("a text");
            match change.get("range") {
                Some(range) => {
                    let range = serde_json::from_value(range.clone()).expect("a range");
                    text.replace_range(positions::byte_range(&Rope::from_str(&text), range, encoding), with);
                }
                None => text = with.to_owned(),
            }
        }
        text
    }

    fn pieces() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "é", "😀", "\n", "\r\n", "fn x", " "]), 0..40).prop_map(|v| v.concat())
    }

    proptest! {
        #[test]
        fn the_server_sees_the_new_text(old in pieces(), new in pieces()) {
            for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
                for sync in [Sync::Full, Sync::Incremental] {
                    let changes = of(&Rope::from_str(&old), &Rope::from_str(&new), sync, encoding);
                    prop_assert_eq!(apply(&old, &changes, encoding), new.clone());
                }
            }
        }
    }

    #[test]
    fn a_small_change_is_told_small() {
        let (old, new) = (Rope::from_str("one\ntwo\nthree\n"), Rope::from_str("one\n2\nthree\n"));
        let told = of(&old, &new, Sync::Incremental, Encoding::Utf8).to_string();
        assert!(told.len() < 120 && !told.contains("three"), "{told}");
        assert!(of(&old, &new, Sync::Full, Encoding::Utf8).to_string().contains("three"));
    }
}
