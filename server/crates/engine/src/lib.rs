//! The turn: a pure step machine, and the runner that performs its effects.
//!
//! Owns sessions, turns, prompts that wait, what the model is told, and undo of turns. Must not know editors, protocols of faces, or wire formats of models.
//!
//! **Invariant:** everything about order, limits, retries and stopping is decided in `turn.rs`, which does no IO.

mod agents;
mod api;
mod arguments;
mod budget;
mod calls;
mod commands;
mod compaction;
mod engine;
mod estimate;
mod events;
mod extras;
mod eyes;
mod family;
mod files;
mod foreign;
mod history;
mod hooks;
mod intents;
mod ledger;
mod mcp_tools;
mod outside;
mod prompt;
mod prompts;
mod pruning;
mod questions;
mod reload;
mod remote;
mod request;
mod rules;
pub mod running;
mod saver;
mod session;
mod settings;
mod setup;
mod shared;
mod shown;
mod subagents;
mod text_edits;
mod title;
mod tool_free;
mod toolbox;
pub mod turn;
mod undo;
pub mod watch;
mod weak;
mod worker;

pub use agents::nobody as nobody_answers;
pub use api::{AskRequest, Asked, EngineError, KeptText, Places, Recorded, StopReason, UndoReport, Waiting};
pub use budget::dollars;
pub use engine::{Brought, Deps, Engine, usable_shell};
pub use extras::{hook_identity, tool_identity};
pub use foreign::{
    Named as Foreign, NamedProvider as ForeignProvider, named as foreign_servers, programs as foreign_programs,
    providers as foreign_providers,
};
pub use intents::forget as forget_edits;
pub use questions::WaitingQuestion;
pub use reload::{ConfigurationNews, NewsKind};
pub use settings::{Again, Said, Settings};
pub use shared::{Instruction, InstructionsNow};
pub use toolbox::{reserved as reserved_names, servers as mcp_servers};
pub use undo::Undo;
pub use weak::Verdicts;
