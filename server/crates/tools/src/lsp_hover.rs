//! The `lsp_hover` tool: the type and documentation of a name.
//!
//! Must not know any language server.

use async_trait::async_trait;
use serde_json::Value;

use crate::args::Args;
use crate::semantic::{self, allowed, spot};
use crate::{Effect, Offer, Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct LspHover;

#[async_trait]
impl Tool for LspHover {
    fn id(&self) -> &'static str {
        "lsp_hover"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/lsp_hover.md").trim_ascii()
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
        let title = self.title(&args);
        let place = spot(Args(&args), context).await?;
        allowed(&format!("Look up {title}"), Some(&place.target), context).await?;
        let said = context.servers.hover(&place.span, &context.cancel).await?;
        let output = said.unwrap_or_else(|| "The language server says nothing of it.".to_owned());
        Ok(ToolOutput { title, output, ..ToolOutput::default() })
    }
}
