//! The `edit` tool: one text in a document for another.
//!
//! Must not know how the place is found, nor whether the document is open.
//!
//! **Invariant:** exactly one place is changed, or all of them on request; what is unclear is an error that helps to say it better.

use async_trait::async_trait;
use ropey::Rope;
use serde_json::{Value, json};
use workspace::{Edits, MatchError, TextEdit, matching};

use crate::args::{Args, schema, wrong};
use crate::change::{Proposal, carry_out, current};
use crate::format::{Formatted, format};
use crate::paths::Roots;
use crate::read::not_found;
use crate::{Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct Edit;

#[async_trait]
impl Tool for Edit {
    fn id(&self) -> &'static str {
        "edit"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/edit.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(
            json!({
                "filePath": { "type": "string" },
                "oldString": { "type": "string" },
                "newString": { "type": "string" },
                "replaceAll": { "type": "boolean" },
            }),
            &["filePath", "oldString", "newString"],
        )
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("filePath").to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let args = Args(&args);
        let path = args.text("filePath")?;
        let (old, new) = (args.text("oldString")?, args.text("newString")?);
        let all = args.flag("replaceAll")?;
        if path.trim().is_empty() {
            return Err(wrong("filePath", "a path", args.get("filePath")));
        }
        let target = Roots::of(context).resolve(path).under_open_name(context).await;
        target.ask_outside(context, false).await?;
        let name = target.relative.clone();
        let fault = |error: &dyn std::fmt::Display| ToolError::model(format!("{name}: {error}"));
        let before = current(&target, context).await?;
        let (after, edits, places) = match &before {
            Some(snapshot) if old.is_empty() && snapshot.text.len_bytes() == 0 => (Rope::from_str(new), None, 1),
            Some(snapshot) => {
                let text = snapshot.text.to_string();
                let edits = matching::find(&text, old, new, all).map_err(|error| fault(&error))?;
                let places = edits.len();
                let edits = edits.into_iter().flat_map(|edit| by_lines(&text, edit)).collect();
                let edits = Edits::new(text.len(), edits).map_err(|error| fault(&error))?;
                (edits.apply(&snapshot.text).map_err(|error| fault(&error))?, Some(edits), places)
            }
            None if !old.is_empty() => return Err(not_found(&target.key, context).await),
            None => (Rope::from_str(new), None, 1),
        };
        if before.as_ref().is_some_and(|snapshot| snapshot.text == after) {
            return Err(fault(&MatchError::Same));
        }
        let created = before.is_none();
        let title = format!("{} {name}", if created { "Create" } else { "Edit" });
        let proposal = match edits {
            Some(edits) => Proposal::with_edits(target, before, after, edits),
            None => Proposal::new(target, before, Some(after)),
        };
        let Formatted { proposals, note } = format(vec![proposal], context).await?;
        let done = carry_out(&proposals, &title, context).await?;
        let output = match places {
            _ if created => format!("Created {name}."),
            1 => format!("Edit applied to {name}."),
            _ => format!("Edit applied to {name}: {places} places replaced."),
        };
        Ok(ToolOutput {
            title: name,
            output: output + &note,
            metadata: json!({ "diff": done.diff, "files": done.files }),
            changes: done.changes,
        })
    }
}

/// An edit without the lines that it leaves as they are. What the model named beside them is claimed as a whole: where the user rewrites a part of it
/// meanwhile, the two are in conflict.
fn by_lines(text: &str, edit: TextEdit) -> Vec<TextEdit> {
    let Some(old) = text.get(edit.range.clone()) else { return vec![edit] };
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = edit.text.split_inclusive('\n').collect();
    let at = |line: usize| edit.range.start + old[..line].iter().map(|line| line.len()).sum::<usize>();
    similar::capture_diff_slices(similar::Algorithm::Myers, &old, &new)
        .into_iter()
        .filter(|op| op.tag() != similar::DiffTag::Equal)
        .map(|op| TextEdit { range: at(op.old_range().start)..at(op.old_range().end), text: new[op.new_range()].concat() })
        .collect()
}

#[cfg(test)]
mod tests {
    use workspace::DocKey;

    use super::*;
    use crate::Read;
    use crate::testing::{World, has};

    async fn edit(world: &World, old: &str, new: &str) -> String {
        world.text(&Edit, json!({ "filePath": "a.txt", "oldString": old, "newString": new })).await
    }

    #[tokio::test]
    async fn on_disk_and_in_buffers() {
        let world = World::new();
        world.write("a.txt", "\u{feff}one\r\ntwo\r\nthree");
        has(&edit(&world, "two", "deux\nzwei").await, &["Edit applied to a.txt."]);
        assert_eq!(world.disk("a.txt"), "\u{feff}one\r\ndeux\r\nzwei\r\nthree");
        world.files.open("a.txt", "UNSAVED\ntwo\n");
        edit(&world, "two", "TWO").await;
        assert_eq!(world.files.text("a.txt"), "UNSAVED\nTWO\n");
        let asks = world.user.asks.lock().expect("lock").clone();
        assert_eq!(asks[1].place.as_ref().map(|place| place.lines), Some((1, 1)));
        assert_eq!((asks[1].patterns.as_slice(), asks[1].always.as_slice()), (&["a.txt".to_owned()][..], &["*".to_owned()][..]));
        has(asks[1].metadata["diff"].as_str().expect("a diff"), &["--- a/a.txt", "+++ b/a.txt", "-two\n+TWO\n"]);
        world.files.open("untitled:Untitled-1", "alpha beta\n");
        world.text(&Edit, json!({ "filePath": "untitled:Untitled-1", "oldString": "beta", "newString": "gamma" })).await;
        assert_eq!(world.files.text("untitled:Untitled-1"), "alpha gamma\n");
    }

    #[tokio::test]
    async fn all_places_and_new_files() {
        let world = World::new();
        has(&edit(&world, "", "a cat, a cat\n").await, &["Created a.txt."]);
        let all = json!({ "filePath": "a.txt", "oldString": "cat", "newString": "lion", "replaceAll": true });
        has(&world.text(&Edit, all).await, &["2 places"]);
        assert_eq!(world.disk("a.txt"), "a lion, a lion\n");
    }

    #[tokio::test]
    async fn faults_name_what_is_wrong_and_change_nothing() {
        let world = World::new();
        world.write("a.txt", "x\nsame words\ny\nsame words\n");
        has(&edit(&world, "same words", "other").await, &["a.txt", "lines 2, 4"]);
        has(&edit(&world, "no such text anywhere", "x").await, &["a.txt", "not found"]);
        has(&edit(&world, "x", "x").await, &["same"]);
        has(&edit(&world, "", "x").await, &["oldString is empty"]);
        has(&world.text(&Edit, json!({ "filePath": "a.txt", "oldString": "x" })).await, &["`newString`", "missing"]);
        has(&world.text(&Edit, json!({ "filePath": "b.txt", "oldString": "x", "newString": "y" })).await, &["not found", "b.txt", "a.txt"]);
        has(&world.text(&Edit, json!({ "filePath": ".", "oldString": "x", "newString": "y" })).await, &["is a directory"]);
        assert_eq!((world.asked(), world.disk("a.txt").as_str()), (vec![], "x\nsame words\ny\nsame words\n"));
    }

    #[tokio::test]
    async fn the_model_knows_its_own_change_and_not_the_users() {
        let world = World::new();
        world.files.open("a.txt", "head\n\n\nmiddle\n\n\ntail\n");
        world.text(&Read, json!({ "filePath": "a.txt" })).await;
        world.files.open("a.txt", "head\n\n\nmiddle\n\n\ntail typed by the user\n");
        edit(&world, "middle", "MIDDLE").await;
        assert_eq!(world.files.text("a.txt"), "head\n\n\nMIDDLE\n\n\ntail typed by the user\n");
        let seen = world.context.seen.get(&DocKey::file(world.root.join("a.txt"))).map(|text| text.to_string());
        assert_eq!(seen.as_deref(), Some("head\n\n\nMIDDLE\n\n\ntail\n"));
    }

    #[tokio::test]
    async fn through_links_the_strictest_rule_counts() {
        let world = World::new();
        world.write("real/a.txt", "one\n");
        std::os::unix::fs::symlink("real/a.txt", world.root.join("link.txt")).expect("link");
        world.text(&Edit, json!({ "filePath": "link.txt", "oldString": "one", "newString": "two" })).await;
        assert_eq!(world.asked(), [("edit".to_owned(), vec!["link.txt".to_owned(), "real/a.txt".to_owned()])]);
        world.files.open("real/a.txt", "open under its own name\n");
        world.text(&Edit, json!({ "filePath": "link.txt", "oldString": "own", "newString": "real" })).await;
        assert_eq!(world.files.text("real/a.txt"), "open under its real name\n");
    }
}
