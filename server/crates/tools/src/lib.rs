//! The tools that the model calls, one file each, with OpenCode's names and parameters.
//!
//! Owns what each tool does and what the model is told of it. Must not know which editor, model or session is behind the traits that it is given.
//!
//! **Invariant:** no tool changes or reveals anything before the permission for it was given, and each call has exactly one result.

mod apply_patch;
mod args;
mod bash;
mod change;
mod context;
mod custom;
mod diagnostics;
mod edit;
mod format;
mod glob;
mod grep;
mod guides;
mod job;
mod jobs;
mod list;
mod lsp;
mod lsp_code_action;
mod lsp_definition;
mod lsp_diagnostics;
mod lsp_hover;
mod lsp_references;
mod lsp_rename;
mod lsp_symbols;
pub mod media;
mod paths;
pub mod program;
mod question;
mod read;
mod semantic;
mod skill;
mod task;
mod text;
mod todo;
mod tool;
mod truncate;
mod walk;
mod webfetch;
mod websearch;
mod write;

#[cfg(test)]
mod testing;

use std::sync::Arc;

pub use apply_patch::ApplyPatch;
pub use bash::Bash;
pub use context::{Ask, Asker, Denied, Limits, SeenFiles, TodoStore, ToolContext, ToolProgress};
pub use custom::{Custom, Description};
pub use diagnostics::{Diagnostics, Proposed};
pub use edit::Edit;
pub use format::Formatters;
pub use glob::Glob;
pub use grep::Grep;
pub use guides::Guides;
pub use job::Job;
pub use jobs::Jobs;
pub use list::List;
pub use lsp::Lsp;
pub use lsp_code_action::LspCodeAction;
pub use lsp_definition::LspDefinition;
pub use lsp_diagnostics::LspDiagnostics;
pub use lsp_hover::LspHover;
pub use lsp_references::LspReferences;
pub use lsp_rename::LspRename;
pub use lsp_symbols::LspSymbols;
pub use question::AskUser;
pub use read::Read;
pub use semantic::{Carry, Choose, CodeAction, Found, LanguageServers, Location, Lookup, Outcome, Span, Symbol};
pub use skill::UseSkill;
pub use task::{Subagents, Subtask, Task};
pub use todo::{TodoRead, TodoWrite};
pub use tool::{Effect, Offer, Tool, ToolError, ToolOutput, ToolSpec};
pub use truncate::truncate;
pub use walk::files_below;
pub use webfetch::{WebFetch, fetch_text};
pub use websearch::WebSearch;
pub use write::Write;

/// All tools, in the order in which they are offered.
#[must_use]
pub fn all_tools() -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(ApplyPatch),
        Arc::new(Bash),
        Arc::new(Edit),
        Arc::new(Glob),
        Arc::new(Grep),
        Arc::new(Job),
        Arc::new(List),
        Arc::new(Lsp),
        Arc::new(LspCodeAction),
        Arc::new(LspDefinition),
        Arc::new(LspDiagnostics),
        Arc::new(LspHover),
        Arc::new(LspReferences),
        Arc::new(LspRename),
        Arc::new(LspSymbols),
        Arc::new(AskUser),
        Arc::new(Read),
        Arc::new(UseSkill),
        Arc::new(Task),
        Arc::new(TodoRead),
        Arc::new(TodoWrite),
        Arc::new(WebFetch),
        Arc::new(Write),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_is_told_of_all_tools_is_short() {
        let spec = |tool: &Arc<dyn Tool>| serde_json::json!({ "name": tool.id(), "description": tool.description(), "parameters": tool.parameters() });
        let bytes = |offer: &[Offer]| {
            let tools = all_tools();
            let specs: Vec<_> = tools.iter().filter(|tool| offer.contains(&tool.offer())).map(spec).collect();
            serde_json::json!(specs).to_string().len()
        };
        let (always, with_servers) = (bytes(&[Offer::Always]), bytes(&[Offer::Always, Offer::WithServers]));
        assert!(always <= 6500 && with_servers <= 8500, "{always} and {with_servers} bytes");
        for tool in all_tools() {
            assert!(!tool.description().is_empty() && tool.parameters()["type"] == "object", "{}", tool.id());
        }
    }
}
