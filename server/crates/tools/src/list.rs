//! The `list` tool: a folder's tree.
//!
//! Must not know what is in the files.
//!
//! **Invariant:** upper levels are shown in full before deeper ones are begun.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::{Value, json};
use workspace::Snapshot;

use crate::args::{Args, schema};
use crate::glob::ask_to_search;
use crate::paths::Roots;
use crate::walk::{Folder, must_be_folder, named};
use crate::{Effect, Tool, ToolContext, ToolError, ToolOutput};

/// How many entries are given, unless the first level alone has more.
const LIMIT: usize = 150;
/// How deep a tree is shown at most.
const DEPTH: usize = 12;

/// The tool.
#[derive(Debug)]
pub struct List;

#[async_trait]
impl Tool for List {
    fn id(&self) -> &'static str {
        "list"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/list.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(
            json!({
                "path": { "type": "string", "description": "default: the project" },
                "ignore": { "type": "array", "items": { "type": "string" }, "description": "globs to leave out" },
            }),
            &[],
        )
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, args: &Value) -> String {
        let path = Args(args).lenient("path");
        if path.is_empty() { ".".to_owned() } else { path.to_owned() }
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let args = Args(&args);
        let roots = Roots::of(context);
        let target = named(&roots, args.opt_nonempty("path")?);
        let ignored: Vec<String> = args.texts("ignore")?.iter().map(|glob| format!("!{}", glob.trim_start_matches('!'))).collect();
        target.ask_outside_to_read(context, true).await?;
        ask_to_search("list", &target.relative, context).await?;
        must_be_folder(&target)?;
        let folder = Folder::new(&roots, &target, &ignored, false)?;
        let open = context.workspace.open_documents().await;
        let title = target.relative.clone();
        tokio::task::spawn_blocking(move || list(&folder, &open, title))
            .await
            .map_err(|error| ToolError::model(format!("the listing failed: {error}")))
    }
}

/// Entries of the upper levels, and whether anything was left out.
struct Tree {
    /// Below the folder, each before what it holds.
    entries: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    cut: bool,
}

fn list(folder: &Folder, open: &[Snapshot], title: String) -> ToolOutput {
    let mut tree = level(folder, 1);
    let mut deeper = false;
    for depth in 2..=DEPTH {
        if tree.cut {
            break;
        }
        let next = level(folder, depth);
        if next.cut {
            deeper = true;
            break;
        }
        if next.entries.len() == tree.entries.len() {
            break;
        }
        tree = next;
    }
    for (path, _) in folder.only_open(open) {
        if let Ok(inner) = path.strip_prefix(&folder.path) {
            tree.entries.extend(inner.ancestors().filter(|p| !p.as_os_str().is_empty()).map(Path::to_owned));
            tree.folders.extend(inner.ancestors().skip(1).map(Path::to_owned));
        }
    }
    let mut output = format!("{}/\n", folder.path.display());
    for entry in &tree.entries {
        let slash = if tree.folders.contains(entry) { "/" } else { "" };
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        output.push_str(&format!("{:indent$}{name}{slash}\n", "", indent = 2 * entry.components().count()));
    }
    if tree.entries.is_empty() {
        output.push_str("(empty)\n");
    } else if tree.cut {
        output.push_str(&format!("(truncated: only {LIMIT} entries are shown)\n"));
    } else if deeper {
        output.push_str("(truncated: deeper levels are not shown; list a folder or use glob)\n");
    }
    let count = tree.entries.len();
    ToolOutput { title, output, metadata: json!({ "count": count, "truncated": tree.cut || deeper }), changes: Vec::new() }
}

fn level(folder: &Folder, depth: usize) -> Tree {
    let mut tree = Tree { entries: BTreeSet::new(), folders: BTreeSet::new(), cut: false };
    let walk = folder.builder().max_depth(Some(depth)).sort_by_file_name(Ord::cmp).build();
    for entry in walk.flatten().filter(|entry| entry.depth() > 0) {
        if tree.entries.len() == LIMIT {
            tree.cut = true;
            break;
        }
        let Ok(inner) = entry.path().strip_prefix(&folder.path) else { continue };
        if entry.file_type().is_some_and(|kind| kind.is_dir()) {
            tree.folders.insert(inner.to_owned());
        }
        tree.entries.insert(inner.to_owned());
    }
    tree
}

#[cfg(test)]
mod tests;
