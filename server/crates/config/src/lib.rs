//! OpenCode's and Interline's configuration files: found, read, merged, and reported on.
//!
//! Owns the keys and their meaning, substitution, the order of files, agents and commands in Markdown, instruction files and `auth.json`.
//! Must not know what becomes of a value. The environment and the folders are given to it; the only IO is on files.
//!
//! **Invariant:** a bad file never stops anything: what is valid counts, and what is not is reported with file, line and column.
//! Nothing is ever written to a user's configuration here; the only file written is Interline's own `auth.json`.

mod auth;
mod check;
mod commands;
mod dirs;
mod executables;
mod foreign;
mod hooks;
mod insert;
mod instructions;
mod json_schema;
mod load;
mod lower;
mod markdown;
mod merge;
mod node;
mod origins;
mod problem;
mod rules;
mod schema;
mod shape;
mod skills;
mod stamps;
mod substitute;

pub use auth::{Auth, AuthError, Credential, remove_credential, set_credential};
pub use commands::{Piece, expand, mentions, parse_slash, split_arguments};
pub use dirs::{Dirs, Env};
pub use executables::ToolFile;
pub use foreign::{ForeignProgram, ForeignProvider, ForeignServer};
pub use hooks::{Hook, HookEvent};
pub use insert::with_entry;
pub use instructions::{Instruction, instructions, nested_instructions};
pub use json_schema::json_schema;
pub use load::{Loaded, explain, load, worktree_root};
pub use markdown::{Markdown, MarkdownError, parse_markdown};
pub use problem::{Problem, Severity};
pub use rules::permission_rules;
pub use schema::{
    AgentConfig, AgentMode, BudgetConfig, CommandConfig, CompactionConfig, Config, Cost, FormatterConfig, FormatterEntry, ImageConfig,
    Limit, Modalities, ModelConfig, OneOrMany, PermissionConfig, PermissionRule, PermissionValue, ProviderConfig, ProviderOptions, Tier,
    ToolOutputConfig,
};
pub use skills::Skill;
pub use stamps::Stamps;
