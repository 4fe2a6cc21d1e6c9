//! The `lsp_rename` tool: a name becomes another one wherever it is used.
//!
//! Must not know any language server.
//!
//! **Invariant:** all files change, or none; what is shown for permission is what is made.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::args::{Args, schema, wrong};
use crate::semantic::{self, Hands, allowed, spot};
use crate::{Offer, Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct LspRename;

#[async_trait]
impl Tool for LspRename {
    fn id(&self) -> &'static str {
        "lsp_rename"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/lsp_rename.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        let text = json!({ "type": "string" });
        schema(
            json!({ "filePath": text, "line": { "type": "integer" }, "symbol": text, "newName": text }),
            &["filePath", "symbol", "newName"],
        )
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn offer(&self) -> Offer {
        Offer::WithServers
    }

    fn title(&self, args: &Value) -> String {
        format!("{} → {}", semantic::title(args), Args(args).lenient("newName"))
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let title = self.title(&args);
        let args = Args(&args);
        let name = args.text("newName")?.trim();
        if name.is_empty() {
            return Err(wrong("newName", "a name", args.get("newName")));
        }
        let place = spot(args, context).await?;
        allowed(&format!("Rename {title}"), Some(&place.target), context).await?;
        let hands = Hands::new(format!("Rename {} to {name}", place.word), context);
        let fault = context.servers.rename(&place.span, name, &hands, &context.cancel).await.err();
        hands.output(title, format!("Renamed {} to {name}:", place.word), fault)
    }
}
