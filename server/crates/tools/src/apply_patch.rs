//! The `apply_patch` tool: several documents at once.
//!
//! Must not know how a hunk's place is found.
//!
//! **Invariant:** every hunk is verified before anything is asked or changed; then all files change, or none.

use std::path::PathBuf;

use async_trait::async_trait;
use ropey::Rope;
use serde_json::{Value, json};
use workspace::patch::{FileOp, FilePatch, apply_update, parse};
use workspace::{Edits, Origin, Snapshot};

use crate::args::{Args, schema};
use crate::change::{Proposal, carry_out, current};
use crate::format::{Formatted, format};
use crate::paths::{Roots, Target, ask_outside};
use crate::read::not_found;
use crate::{Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct ApplyPatch;

#[async_trait]
impl Tool for ApplyPatch {
    fn id(&self) -> &'static str {
        "apply_patch"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/apply_patch.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(json!({ "patchText": { "type": "string" } }), &["patchText"])
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn title(&self, args: &Value) -> String {
        let text = Args(args).lenient("patchText");
        let paths: Vec<&str> = text
            .lines()
            .filter_map(|line| ["*** Add File: ", "*** Update File: ", "*** Delete File: "].iter().find_map(|head| line.strip_prefix(head)))
            .collect();
        paths.join(", ")
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let patches = parse(Args(&args).text("patchText")?).map_err(|error| ToolError::model(error.to_string()))?;
        let roots = Roots::of(context);
        let mut targets = Vec::new();
        let mut outside: Vec<PathBuf> = Vec::new();
        for patch in &patches {
            let target = roots.resolve(&patch.path).under_open_name(context).await;
            let to = match &patch.op {
                FileOp::Update { move_to, .. } => move_to.as_deref().map(|path| roots.resolve(path)),
                FileOp::Add(_) | FileOp::Delete => None,
            };
            outside.extend(std::iter::once(&target).chain(&to).filter_map(|target| target.outside_directory(false)));
            targets.push((target, to));
        }
        ask_outside(context, outside, "apply_patch", None).await?;

        let mut proposals = Vec::new();
        for (patch, (target, to)) in patches.iter().zip(targets) {
            propose(patch, target, to, &mut proposals, context).await?;
        }
        let Formatted { proposals, note } = format(proposals, context).await?;
        let summary: Vec<String> = proposals.iter().map(line).collect();
        let names: Vec<&str> = proposals.iter().map(|proposal: &Proposal| proposal.target.relative.as_str()).collect();
        let title = names.join(", ");
        let done = carry_out(&proposals, &format!("Patch {title}"), context).await?;
        Ok(ToolOutput {
            output: format!("The patch was applied:\n{}{note}", summary.join("\n")),
            title,
            metadata: json!({ "diff": done.diff, "files": done.files }),
            changes: done.changes,
        })
    }
}

fn line(proposal: &Proposal) -> String {
    let letter = match (&proposal.before, &proposal.after) {
        (None, _) => 'A',
        (_, None) => 'D',
        _ => 'M',
    };
    format!("{letter} {}", proposal.target.relative)
}

async fn propose(
    patch: &FilePatch,
    target: Target,
    to: Option<Target>,
    proposals: &mut Vec<Proposal>,
    context: &ToolContext,
) -> Result<(), ToolError> {
    let name = target.relative.clone();
    let fault = |error: &dyn std::fmt::Display| ToolError::model(format!("{name}: {error}; nothing was changed"));
    // A second part for the same file goes on from what the first makes of it.
    let earlier = proposals.iter().position(|proposal| proposal.target.key == target.key).map(|at| proposals.remove(at));
    let (before, now) = match earlier {
        Some(earlier) => (earlier.before, earlier.after),
        None => {
            let before = current(&target, context).await?;
            let now = before.as_ref().map(|snapshot| snapshot.text.clone());
            (before, now)
        }
    };
    match &patch.op {
        FileOp::Add(content) => {
            let stale = before.as_ref().is_some_and(|snapshot| context.seen.is_stale(&snapshot.key, &snapshot.text));
            if stale {
                return Err(fault(&"it exists and has changed since you read it; read it again first"));
            }
            proposals.push(Proposal::new(target, before, Some(Rope::from_str(content))));
        }
        FileOp::Delete if now.is_none() => return Err(not_found(&target.key, context).await),
        FileOp::Delete => proposals.push(Proposal::new(target, before, None)),
        FileOp::Update { chunks, .. } => {
            let Some(text) = now else { return Err(not_found(&target.key, context).await) };
            let edits = apply_update(&name, &text.to_string(), chunks)
                .map_err(|error| ToolError::model(format!("{error}; nothing was changed")))?;
            let edits = Edits::new(text.len_bytes(), edits).map_err(|error| fault(&error))?;
            let after = edits.apply(&text).map_err(|error| fault(&error))?;
            match to {
                Some(to) => {
                    let bom = before.as_ref().is_some_and(has_bom);
                    let origin = before.as_ref().map(|before| before.text.clone());
                    proposals.push(Proposal::new(target, before, None));
                    proposals.push(Proposal::new(to, None, Some(after)).with_bom(bom).moved_from(origin));
                }
                None => proposals.push(Proposal::new(target, before, Some(after))),
            }
        }
    }
    Ok(())
}

fn has_bom(snapshot: &Snapshot) -> bool {
    matches!(snapshot.origin, Origin::Disk { bom: true, .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, has};

    const PATCH: &str = "*** Begin Patch
*** Update File: open.txt
@@
 alpha
-beta
+BETA
@@
 gamma
-delta
+DELTA
*** Update File: closed.txt
@@
-one
+ONE
*** Add File: sub/added.txt
+fresh
*** Delete File: gone.txt
*** End Patch";

    fn world(closed: &str) -> World {
        let world = World::new();
        world.files.open("open.txt", "alpha\nbeta\n1\n2\n3\n4\ngamma\ndelta\n");
        world.write("closed.txt", closed);
        world.write("gone.txt", "bye\n");
        world
    }

    #[tokio::test]
    async fn all_files_by_one_prompt() {
        let world = world("one\n");
        let got = world.text(&ApplyPatch, json!({ "patchText": PATCH })).await;
        has(&got, &["M open.txt\nM closed.txt\nA sub/added.txt\nD gone.txt"]);
        assert_eq!(world.files.text("open.txt"), "alpha\nBETA\n1\n2\n3\n4\ngamma\nDELTA\n");
        assert_eq!((world.disk("closed.txt").as_str(), world.disk("sub/added.txt").as_str()), ("ONE\n", "fresh\n"));
        assert!(!world.root.join("gone.txt").exists());
        let names = ["open.txt", "closed.txt", "sub/added.txt", "gone.txt"].map(str::to_owned).to_vec();
        assert_eq!(world.asked(), [("edit".to_owned(), names)]);
        assert_eq!(*world.files.log.lock().expect("lock"), ["apply"]);
    }

    #[tokio::test]
    async fn nothing_if_one_hunk_does_not_fit() {
        let world = world("something else\n");
        has(&world.text(&ApplyPatch, json!({ "patchText": PATCH })).await, &["closed.txt"]);
        assert_eq!(world.files.text("open.txt"), "alpha\nbeta\n1\n2\n3\n4\ngamma\ndelta\n");
        assert!(world.asked().is_empty() && world.root.join("gone.txt").exists());
    }

    #[tokio::test]
    async fn moves_and_faults() {
        let world = world("one\n");
        let patch = |body: &str| json!({ "patchText": format!("*** Begin Patch\n{body}\n*** End Patch") });
        let moved = patch("*** Update File: closed.txt\n*** Move to: new/place.txt\n@@\n-one\n+two");
        has(&world.text(&ApplyPatch, moved).await, &["D closed.txt", "A new/place.txt"]);
        assert_eq!(world.disk("new/place.txt"), "two\n");
        assert!(!world.root.join("closed.txt").exists());
        has(&world.text(&ApplyPatch, patch("*** Delete File: non.txt")).await, &["not found", "non.txt"]);
        has(&world.text(&ApplyPatch, json!({ "patchText": "nonsense" })).await, &["Begin Patch"]);
        has(&world.text(&ApplyPatch, json!({})).await, &["`patchText`"]);
    }
}
