//! The `lsp_symbols` tool: the outline of a file, or the project's symbols by name.
//!
//! Must not know any language server.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::args::{Args, schema, wrong};
use crate::lsp_definition::by_name;
use crate::semantic::{self, Symbol, allowed, document};
use crate::text::cut_line;
use crate::{Effect, Offer, Tool, ToolContext, ToolError, ToolOutput};

/// Symbols of one file that are shown.
const SHOWN: usize = 400;

/// The tool.
#[derive(Debug)]
pub struct LspSymbols;

#[async_trait]
impl Tool for LspSymbols {
    fn id(&self) -> &'static str {
        "lsp_symbols"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/lsp_symbols.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(json!({ "filePath": { "type": "string" }, "symbol": { "type": "string" } }), &[])
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
        let args = Args(&args);
        match (args.opt_nonempty("filePath")?, args.opt_nonempty("symbol")?) {
            (Some(path), symbol) => outline(path, symbol, title, context).await,
            (None, Some(symbol)) => by_name(symbol, title, context).await,
            (None, None) => Err(wrong("filePath", "a path (or give `symbol` to search the project)", None)),
        }
    }
}

/// The symbols of a file, or those of them whose names hold a word.
async fn outline(path: &str, word: Option<&str>, title: String, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let (target, document) = document(path, context).await?;
    allowed(&format!("List the symbols of {}", target.relative), Some(&target), context).await?;
    let mut found = context.servers.outline(&document, &context.cancel).await?;
    let word = word.map(str::to_lowercase);
    found.items.retain(|symbol| word.as_ref().is_none_or(|word| symbol.name.to_lowercase().contains(word)));
    let line = |symbol: &Symbol| {
        let number = symbol.line.map_or(String::new(), |line| format!("{}: ", line + 1));
        format!("{}{number}{} {}", "  ".repeat(symbol.depth), symbol.kind, cut_line(symbol.name.chars()))
    };
    let mut lines: Vec<String> = found.items.iter().take(SHOWN).map(line).collect();
    match found.items.len() {
        0 => lines.push("The language server knows of no symbols there.".to_owned()),
        count if count > SHOWN => lines.push(format!("… and {} more", count - SHOWN)),
        _ => {}
    }
    lines.extend(found.note.iter().map(|note| format!("({note})")));
    Ok(ToolOutput { title, output: lines.join("\n"), ..ToolOutput::default() })
}
