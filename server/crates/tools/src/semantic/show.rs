//! Places and symbols as the model is shown them, and the permission to be asked for.
//!
//! **Invariant:** nothing is told of files that may not be read, and of files outside of the project no more than the place.

use serde_json::json;

use super::{Found, Location, Symbol};
use crate::paths::{Roots, Target};
use crate::text::cut_line;
use crate::{Ask, ToolContext, ToolError};

/// Places that are shown.
const PLACES: usize = 100;

/// Asks whether language servers may be asked.
pub(crate) async fn allowed(title: &str, target: Option<&Target>, context: &ToolContext) -> Result<(), ToolError> {
    let ask = Ask {
        permission: "lsp".to_owned(),
        patterns: target.map_or_else(|| vec!["*".to_owned()], Target::patterns),
        always: vec!["*".to_owned()],
        metadata: json!({ "title": title }),
        place: None,
        always_ask: false,
    };
    Ok(context.asker.ask(ask).await?)
}

/// One line a place.
pub(crate) fn places(found: &Found<Location>, context: &ToolContext) -> String {
    let roots = Roots::of(context);
    shown(found, context, &roots, |location| (location.key.clone(), place(location, &roots)))
}

fn place(location: &Location, roots: &Roots) -> String {
    let target = roots.target(location.key.clone());
    let name = location.name.as_deref().map_or(String::new(), |name| format!(" ({})", cut_line(name.chars())));
    let text =
        location.text.as_deref().filter(|_| target.inside).map_or(String::new(), |text| format!(": {}", cut_line(text.trim().chars())));
    format!("{}:{}:{}{name}{text}", target.relative, location.line + 1, location.column + 1)
}

/// One line a symbol, each with its file.
pub(crate) fn named_symbols(found: &Found<Symbol>, context: &ToolContext) -> String {
    let roots = Roots::of(context);
    shown(found, context, &roots, |symbol| {
        let line = symbol.line.map_or(String::new(), |line| format!(":{}", line + 1));
        let container = symbol.container.as_deref().map_or(String::new(), |container| format!(" (in {})", cut_line(container.chars())));
        let name = cut_line(symbol.name.chars());
        let words = format!("{}{line}: {} {name}{container}", roots.target(symbol.key.clone()).relative, symbol.kind);
        (symbol.key.clone(), words)
    })
}

fn shown<T>(found: &Found<T>, context: &ToolContext, roots: &Roots, line: impl Fn(&T) -> (workspace::DocKey, String)) -> String {
    let lines = found.items.iter().map(line);
    let (seen, hidden): (Vec<_>, Vec<_>) = lines.partition(|(key, _)| roots.target(key.clone()).may_read(context));
    let mut out: Vec<String> = seen.iter().take(PLACES).map(|(_, line)| line.clone()).collect();
    if seen.len() > PLACES {
        out.push(format!("… and {} more", seen.len() - PLACES));
    }
    if !hidden.is_empty() {
        out.push(format!("({} more in files that need permission to be read)", hidden.len()));
    }
    out.extend(found.note.iter().map(|note| format!("({note})")));
    out.join("\n")
}
