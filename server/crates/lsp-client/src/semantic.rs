//! What servers answer when they are asked about the code: places, words, symbols, edits, actions. Read from JSON.
//!
//! Must not know how a server is asked, nor what becomes of an answer.
//!
//! **Invariant:** an answer is hostile input: a broken entry of a list of places is left out, an edit that is not understood as a whole is refused as a whole.

pub mod actions;
pub mod edit;
pub mod hover;
pub mod places;
pub mod symbols;

use lsp_types::{Position, Range};
use serde_json::Value;

fn position(value: &Value) -> Option<Position> {
    let number = |name: &str| u32::try_from(value[name].as_u64()?).ok();
    Some(Position::new(number("line")?, number("character")?))
}

fn range(value: &Value) -> Option<Range> {
    Some(Range::new(position(&value["start"])?, position(&value["end"])?))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
