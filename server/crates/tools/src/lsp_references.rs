//! The `lsp_references` tool: all uses of a name.
//!
//! Must not know any language server.

use async_trait::async_trait;
use serde_json::Value;

use crate::args::Args;
use crate::lsp_definition::look_up;
use crate::semantic::{self, Lookup};
use crate::{Effect, Offer, Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct LspReferences;

#[async_trait]
impl Tool for LspReferences {
    fn id(&self) -> &'static str {
        "lsp_references"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/lsp_references.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        semantic::parameters(&["filePath", "symbol"])
    }

    fn permission(&self) -> &'static str {
        "lsp"
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn offer(&self) -> Offer {
        Offer::WithServers
    }

    fn title(&self, args: &Value) -> String {
        semantic::title(args)
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        look_up(Lookup::References, Args(&args), self.title(&args), context).await
    }
}
