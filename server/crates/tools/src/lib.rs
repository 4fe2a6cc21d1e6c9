//! The tools that the model calls, one file each, with OpenCode's names and parameters.
//!
//! Owns what each tool does and what the model is told of it. Must not know which editor, model or session is behind the traits that it is given.
//!
//! **Invariant:** no tool changes or reveals anything before the permission for it was given, and each call has exactly one result.

mod context;
mod tool;

pub use context::{Ask, Asker, Denied, Jobs, Limits, SeenFiles, TodoStore, ToolContext, ToolProgress};
pub use tool::{Effect, Tool, ToolError, ToolOutput, ToolSpec};
