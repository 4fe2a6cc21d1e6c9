//! The turn: a pure step machine, and the runner that performs its effects.
//!
//! Owns sessions, turns, prompts that wait, what the model is told, and undo of turns. Must not know editors, protocols of faces, or wire formats of models.
//!
//! **Invariant:** everything about order, limits, retries and stopping is decided in `turn.rs`, which does no IO.

mod api;
pub mod turn;

pub use api::{AskRequest, Asked, EngineError, KeptText, Places, StopReason, UndoReport, Waiting};
