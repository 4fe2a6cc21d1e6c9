//! The `lsp` tool: OpenCode's one tool for all that language servers are asked. It is understood, and not offered.
//!
//! Must not know any language server.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::args::{Args, schema, wrong};
use crate::lsp_definition::{by_name, look_up};
use crate::semantic::{self, Lookup};
use crate::{Effect, LspHover, LspSymbols, Offer, Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct Lsp;

#[async_trait]
impl Tool for Lsp {
    fn id(&self) -> &'static str {
        "lsp"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/lsp.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
        schema(json!({ "operation": text, "filePath": text, "line": number, "character": number, "query": text }), &["operation"])
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn offer(&self) -> Offer {
        Offer::Never
    }

    fn title(&self, args: &Value) -> String {
        format!("{} {}", Args(args).lenient("operation"), semantic::title(args)).trim().to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let title = self.title(&args);
        let operation = Args(&args).text("operation")?.to_owned();
        let lookup = match operation.as_str() {
            "goToDefinition" => Lookup::Definition,
            "goToImplementation" => Lookup::Implementation,
            "findReferences" => Lookup::References,
            "incomingCalls" | "prepareCallHierarchy" => Lookup::Callers,
            "outgoingCalls" => Lookup::Callees,
            "hover" => return LspHover.run(args, context).await,
            "documentSymbol" => return LspSymbols.run(args, context).await,
            "workspaceSymbol" => return by_name(Args(&args).text("query")?, title, context).await,
            _ => {
                return Err(wrong(
                    "operation",
                    "goToDefinition, goToImplementation, findReferences, hover, documentSymbol, workspaceSymbol, incomingCalls or outgoingCalls",
                    Args(&args).get("operation"),
                ));
            }
        };
        look_up(lookup, Args(&args), title, context).await
    }
}
