//! The `glob` tool: files by the pattern of their path.
//!
//! Must not know what is in them.
//!
//! **Invariant:** the answer is the same however the walk's threads are scheduled.

use std::collections::BinaryHeap;
use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use ignore::WalkState;
use serde_json::{Value, json};

use crate::args::{Args, schema};
use crate::paths::Roots;
use crate::walk::{Folder, must_be_folder, named};
use crate::{Ask, Effect, Tool, ToolContext, ToolError, ToolOutput};

/// How many files are given (OpenCode's).
const LIMIT: usize = 100;

/// The tool.
#[derive(Debug)]
pub struct Glob;

#[async_trait]
impl Tool for Glob {
    fn id(&self) -> &'static str {
        "glob"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/glob.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(
            json!({
                "pattern": { "type": "string" },
                "path": { "type": "string", "description": "folder to search; default: the project" },
            }),
            &["pattern"],
        )
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("pattern").to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let args = Args(&args);
        let pattern = args.text("pattern")?;
        let roots = Roots::of(context);
        let target = named(&roots, args.opt_nonempty("path")?);
        target.ask_outside_to_read(context, true).await?;
        ask_to_search("glob", pattern, context).await?;
        must_be_folder(&target)?;
        // A hidden name in the pattern says that hidden files are wanted.
        let hidden = pattern.split('/').any(|part| part.starts_with('.') && part != "." && part != "..");
        let folder = Folder::new(&roots, &target, &[pattern.to_owned()], hidden)?;
        let open = context.workspace.open_documents().await;
        let cancel = context.cancel.clone();
        let mut found = First::default();
        for (path, _) in folder.only_open(&open) {
            found.add(path.as_os_str().to_owned());
        }
        let found = Mutex::new(found);
        let search = tokio::task::spawn_blocking(move || {
            folder.parallel().run(|| {
                let mut mine = Flush { mine: First::default(), all: &found };
                let cancel = &cancel;
                Box::new(move |entry| {
                    if cancel.is_cancelled() {
                        return WalkState::Quit;
                    }
                    if let Ok(entry) = entry
                        && entry.file_type().is_some_and(|kind| kind.is_file())
                    {
                        mine.mine.add(entry.into_path().into_os_string());
                    }
                    WalkState::Continue
                })
            });
            found.into_inner().unwrap_or_else(PoisonError::into_inner)
        });
        let found = search.await.map_err(|error| ToolError::model(format!("the search failed: {error}")))?;
        if context.cancel.is_cancelled() {
            return Err(ToolError::Cancelled(Box::default()));
        }
        Ok(found.report(pattern))
    }
}

/// Asks for a search.
pub(crate) async fn ask_to_search(permission: &str, pattern: &str, context: &ToolContext) -> Result<(), ToolError> {
    let ask = Ask {
        permission: permission.to_owned(),
        patterns: vec![pattern.to_owned()],
        always: vec!["*".to_owned()],
        metadata: json!({ "title": format!("{permission} {pattern}"), "pattern": pattern }),
        place: None,
        always_ask: false,
    };
    Ok(context.asker.ask(ask).await?)
}

/// The first files by path, and how many there were.
#[derive(Default)]
struct First {
    heap: BinaryHeap<OsString>,
    count: usize,
}

impl First {
    fn add(&mut self, path: OsString) {
        self.count += 1;
        if self.heap.len() < LIMIT {
            self.heap.push(path);
        } else if let Some(mut last) = self.heap.peek_mut()
            && path < *last
        {
            *last = path;
        }
    }

    fn merge(&mut self, other: Self) {
        let dropped = other.count - other.heap.len();
        other.heap.into_iter().for_each(|path| self.add(path));
        self.count += dropped;
    }

    fn report(self, pattern: &str) -> ToolOutput {
        let shown = self.heap.len();
        let truncated = self.count > shown;
        let mut output = self.heap.into_sorted_vec().iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join("\n");
        if shown == 0 {
            output = "No files found".to_owned();
        } else if truncated {
            output.push_str(&format!(
                "\n\n(truncated: the first {shown} of {} files by path; use a more specific pattern or path)",
                self.count
            ));
        }
        ToolOutput { title: pattern.to_owned(), output, metadata: json!({ "count": shown, "truncated": truncated }), changes: Vec::new() }
    }
}

/// What one thread has found, handed in when the thread ends.
struct Flush<'a> {
    mine: First,
    all: &'a Mutex<First>,
}

impl Drop for Flush<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).merge(std::mem::take(&mut self.mine));
    }
}

#[cfg(test)]
mod tests;
