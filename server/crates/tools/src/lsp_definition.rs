//! The `lsp_definition` tool: where a name is defined.
//!
//! Must not know any language server.
//!
//! **Invariant:** without a file, the whole project is searched for exactly that name before names that only contain it.

use async_trait::async_trait;
use serde_json::Value;

use crate::args::Args;
use crate::semantic::{self, Lookup, allowed, named_symbols, places, spot};
use crate::{Effect, Offer, Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct LspDefinition;

#[async_trait]
impl Tool for LspDefinition {
    fn id(&self) -> &'static str {
        "lsp_definition"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/lsp_definition.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        semantic::parameters(&["symbol"])
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
        if args.opt_nonempty("filePath")?.is_none() {
            let name = args.text("symbol")?;
            return by_name(name, title, context).await;
        }
        look_up(Lookup::Definition, args, title, context).await
    }
}

/// Places that have to do with the name that a call means.
pub(crate) async fn look_up(lookup: Lookup, args: Args<'_>, title: String, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let place = spot(args, context).await?;
    allowed(&format!("Look up {title}"), Some(&place.target), context).await?;
    let found = context.servers.places(lookup, &place.span, &context.cancel).await?;
    let output = match (found.items.len(), lookup) {
        (0, _) => {
            let note = found.note.map_or(String::new(), |note| format!(" ({note})"));
            format!("The language server knows of nothing there{note}. If the place is right, use grep.")
        }
        (count, Lookup::References) => format!("{count} uses (with declarations):\n{}", places(&found, context)),
        _ => places(&found, context),
    };
    Ok(ToolOutput { title, output, ..ToolOutput::default() })
}

/// Symbols of the project that are called so; if none is, those whose names are like it.
pub(crate) async fn by_name(name: &str, title: String, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let name = name.trim().trim_matches('`');
    allowed(&format!("Search symbols called {name}"), None, context).await?;
    let tail = name.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).find(|part| !part.is_empty()).unwrap_or(name);
    let mut found = context.servers.search(tail, None, &context.cancel).await?;
    let is_it = |other: &str| other == name || other == tail || other.strip_suffix("()") == Some(tail);
    if found.items.iter().any(|symbol| is_it(&symbol.name)) {
        found.items.retain(|symbol| is_it(&symbol.name));
    }
    let output = if found.items.is_empty() {
        let note = found.note.map_or(String::new(), |note| format!(" ({note})"));
        format!("No symbol is called {name:?}{note}.")
    } else {
        named_symbols(&found, context)
    };
    Ok(ToolOutput { title, output, ..ToolOutput::default() })
}
