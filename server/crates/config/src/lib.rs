//! OpenCode's and Interline's configuration files: found, read, merged, and reported on.
//!
//! Owns the keys and their meaning, substitution, the order of files, agents and commands in Markdown, instruction files and `auth.json`.
//! Must not know what becomes of a value. The environment and the folders are given to it; the only IO is reading files.
//!
//! **Invariant:** a bad file never stops anything: what is valid counts, and what is not is reported with file, line and column.
//! Nothing is ever written to a user's configuration.

mod schema;

pub use schema::{
    AgentConfig, AgentMode, CommandConfig, CompactionConfig, Config, Cost, Limit, Modalities, ModelConfig, OneOrMany, PermissionConfig,
    PermissionValue, ProviderConfig, ProviderOptions, ToolOutputConfig,
};
