//! The `write` tool: a document's whole text.
//!
//! Must not know whether the document is open.
//!
//! **Invariant:** a text that is not the one which the model saw is never replaced.

use async_trait::async_trait;
use ropey::Rope;
use serde_json::{Value, json};
use workspace::disk::{majority_crlf, with_line_ends};

use crate::args::{Args, schema, wrong};
use crate::change::{Proposal, carry_out, current};
use crate::format::{Formatted, format};
use crate::paths::Roots;
use crate::{Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct Write;

#[async_trait]
impl Tool for Write {
    fn id(&self) -> &'static str {
        "write"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/write.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(json!({ "filePath": { "type": "string" }, "content": { "type": "string" } }), &["filePath", "content"])
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("filePath").to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let args = Args(&args);
        let path = args.text("filePath")?;
        let content = args.text("content")?;
        if path.trim().is_empty() {
            return Err(wrong("filePath", "a path", args.get("filePath")));
        }
        let target = Roots::of(context).resolve(path).under_open_name(context).await;
        target.ask_outside(context, false).await?;
        let before = current(&target, context).await?;
        let (bom, content) = content.strip_prefix('\u{feff}').map_or((false, content), |rest| (true, rest));
        let relative = target.relative.clone();
        let after = match &before {
            Some(now) => {
                if context.seen.is_stale(&now.key, &now.text) {
                    return Err(ToolError::model(format!(
                        "{relative} has changed since you read it (by the user or a program); nothing was written. Read it again first."
                    )));
                }
                let crlf = majority_crlf(&now.text.to_string()) && !content.contains("\r\n");
                let after = Rope::from(if crlf { with_line_ends(content, true) } else { content.to_owned() });
                if after == now.text {
                    context.seen.set(now.key.clone(), after);
                    return Ok(ToolOutput {
                        title: relative,
                        output: "The file has exactly this content already.".into(),
                        ..ToolOutput::default()
                    });
                }
                after
            }
            None => Rope::from_str(content),
        };
        let proposal = Proposal::new(target, before, Some(after)).with_bom(bom);
        let Formatted { proposals, note } = format(vec![proposal], context).await?;
        let lines = proposals[0].after.as_ref().map_or(0, crate::text::lines_of);
        let before = &proposals[0].before;
        let verb = if before.is_some() { "Replaced" } else { "Created" };
        let title = format!("{} {relative}", if before.is_some() { "Write" } else { "Create" });
        let done = carry_out(&proposals, &title, context).await?;
        Ok(ToolOutput {
            output: format!("{verb} {relative} ({lines} lines).{note}"),
            title: relative,
            metadata: json!({ "diff": done.diff, "files": done.files }),
            changes: done.changes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Read;
    use crate::testing::{World, has};

    async fn write(world: &World, path: &str, content: &str) -> String {
        world.text(&Write, json!({ "filePath": path, "content": content })).await
    }

    #[tokio::test]
    async fn new_files_and_folders() {
        let world = World::new();
        has(&write(&world, "deep/er/new.txt", "hello\nworld").await, &["Created deep/er/new.txt (2 lines)"]);
        assert_eq!(world.disk("deep/er/new.txt"), "hello\nworld");
        write(&world, "bom.txt", "\u{feff}x").await;
        assert_eq!(world.disk("bom.txt"), "\u{feff}x");
        assert_eq!(world.asked()[0], ("edit".to_owned(), vec!["deep/er/new.txt".to_owned()]));
        has(&write(&world, "untitled:None", "x").await, &["untitled:None"]);
        has(&world.text(&Write, json!({ "filePath": "x" })).await, &["`content`"]);
    }

    #[tokio::test]
    async fn over_what_was_seen_only() {
        let world = World::new();
        world.write("a.txt", "as seen\n");
        world.text(&Read, json!({ "filePath": "a.txt" })).await;
        world.write("a.txt", "somebody's work\n");
        has(&write(&world, "a.txt", "mine\n").await, &["changed since", "Read it again"]);
        assert_eq!((world.disk("a.txt").as_str(), world.asked().len()), ("somebody's work\n", 1));
        world.text(&Read, json!({ "filePath": "a.txt" })).await;
        has(&write(&world, "a.txt", "mine\n").await, &["Replaced a.txt (1 lines)"]);
        has(&write(&world, "a.txt", "mine again\n").await, &["Replaced"]);
        has(&write(&world, "a.txt", "mine again\n").await, &["already"]);
        assert_eq!(world.disk("a.txt"), "mine again\n");
        // Told of a change is not read; nor is an edit.
        world.write("a.txt", "theirs\nmine again\n");
        let key = workspace::DocKey::file(world.root.join("a.txt"));
        world.context.seen.told_changes(key.clone(), Rope::from_str("theirs\nmine again\n"));
        has(&write(&world, "a.txt", "mine\n").await, &["changed since", "Read it again"]);
        world.text(&crate::Edit, json!({ "filePath": "a.txt", "oldString": "mine", "newString": "MINE" })).await;
        has(&write(&world, "a.txt", "mine\n").await, &["changed since", "Read it again"]);
        world.text(&Read, json!({ "filePath": "a.txt" })).await;
        has(&write(&world, "a.txt", "mine\n").await, &["Replaced"]);
        has(&write(&world, "a.txt", "mine, too\n").await, &["Replaced"]);
    }

    #[tokio::test]
    async fn open_documents_and_line_ends() {
        let world = World::new();
        world.write("a.txt", "disk\n");
        world.files.open("a.txt", "buffer\r\ntext\r\n");
        write(&world, "a.txt", "brand\nnew\n").await;
        assert_eq!((world.files.text("a.txt").as_str(), world.disk("a.txt").as_str()), ("brand\r\nnew\r\n", "disk\n"));
        let asks = world.user.asks.lock().expect("lock");
        has(asks[0].metadata["diff"].as_str().expect("a diff"), &["-buffer", "+brand"]);
        assert_eq!(asks[0].place.as_ref().map(|place| place.lines), Some((0, 1)));
    }

    #[tokio::test]
    async fn rejected_it_changes_nothing() {
        let world = World::new();
        world.write("a.txt", "old\n");
        world.user.deny.lock().expect("lock").push("edit");
        assert!(matches!(world.run(&Write, json!({ "filePath": "a.txt", "content": "new" })).await, Err(ToolError::Denied(_))));
        assert_eq!(world.disk("a.txt"), "old\n");
        assert!(world.files.log.lock().expect("lock").is_empty());
    }
}
