//! The `lsp_diagnostics` tool: what language servers say is wrong.
//!
//! Must not know any language server.
//!
//! **Invariant:** what may be out of date is said to be pending, and never called clean.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::args::{Args, schema};
use crate::semantic::{allowed, document};
use crate::{Effect, Offer, Tool, ToolContext, ToolError, ToolOutput};

/// Files of one call.
const FILES: usize = 20;

/// The tool.
#[derive(Debug)]
pub struct LspDiagnostics;

#[async_trait]
impl Tool for LspDiagnostics {
    fn id(&self) -> &'static str {
        "lsp_diagnostics"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/lsp_diagnostics.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(json!({ "paths": { "type": "array", "items": { "type": "string" } } }), &[])
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
        named(Args(args)).unwrap_or_default().join(", ")
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let title = self.title(&args);
        let paths = named(Args(&args))?;
        if paths.len() > FILES {
            return Err(ToolError::model(format!("these are {} files: name {FILES} at most", paths.len())));
        }
        let mut documents = Vec::new();
        for path in paths {
            let (target, snapshot) = document(path, context).await?;
            allowed(&format!("Diagnostics of {}", target.relative), Some(&target), context).await?;
            documents.push(snapshot);
        }
        if documents.is_empty() {
            allowed("Diagnostics of what was changed", None, context).await?;
        }
        let output = context.servers.diagnostics(&documents, &context.cancel).await?;
        Ok(ToolOutput { title, output, ..ToolOutput::default() })
    }
}

/// The files that a call names, one or several.
fn named<'a>(args: Args<'a>) -> Result<Vec<&'a str>, ToolError> {
    let mut paths = match args.get("paths") {
        Some(Value::String(one)) => vec![one.as_str()],
        _ => args.texts("paths")?,
    };
    paths.extend(args.opt_text("filePath")?);
    paths.retain(|path| !path.trim().is_empty());
    Ok(paths)
}
