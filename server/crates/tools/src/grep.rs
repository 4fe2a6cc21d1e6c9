//! The `grep` tool: lines by a regular expression, in the text that the user sees.
//!
//! Must not know where a text comes from beyond "open" and "on the disk".
//!
//! **Invariant:** the answer is the same however the threads are scheduled, and tells nothing of files that may not be read.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use ignore::WalkState;
use ropey::Rope;
use serde_json::{Value, json};
use workspace::{DocKey, Snapshot};

use crate::args::{Args, schema};
use crate::glob::ask_to_search;
use crate::paths::{Roots, Target};
use crate::text::cut_line;
use crate::walk::{Folder, named};
use crate::{Effect, Tool, ToolContext, ToolError, ToolOutput};

/// How many matches are given (OpenCode's).
const LIMIT: usize = 100;

/// The tool.
#[derive(Debug)]
pub struct Grep;

#[async_trait]
impl Tool for Grep {
    fn id(&self) -> &'static str {
        "grep"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/grep.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(
            json!({
                "pattern": { "type": "string" },
                "path": { "type": "string", "description": "file or folder; default: the project" },
                "include": { "type": "string", "description": "glob of files, such as *.{ts,tsx}" },
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
        let include = args.opt_nonempty("include")?;
        let roots = Roots::of(context);
        let target = named(&roots, args.opt_nonempty("path")?);
        let kind = target.key.path().and_then(|path| path.metadata().ok());
        let folder = kind.as_ref().is_some_and(std::fs::Metadata::is_dir);
        target.ask_outside_to_read(context, folder).await?;
        ask_to_search("grep", pattern, context).await?;
        let regex = Regex::new(pattern)?;
        let open = context.workspace.open_documents().await;
        if kind.is_none() && !open.iter().any(|document| document.key == target.key) {
            return Err(ToolError::model(format!("there is no file or folder {}", target.key)));
        }
        let search = Search::new(regex, roots, &open, context);
        let globs: Vec<String> = include.map(str::to_owned).into_iter().collect();
        let place = if folder { Err(Folder::new(&search.roots, &target, &globs, true)?) } else { Ok(target) };
        let found = tokio::task::spawn_blocking(move || {
            match place {
                Ok(file) => search.file(&file),
                Err(folder) => search.folder(&folder, &open),
            }
            search.found.into_inner().unwrap_or_else(PoisonError::into_inner)
        });
        let found = found.await.map_err(|error| ToolError::model(format!("the search failed: {error}")))?;
        if context.cancel.is_cancelled() {
            return Err(ToolError::Cancelled(Box::default()));
        }
        Ok(found.report(pattern))
    }
}

/// A compiled pattern.
struct Regex {
    matcher: RegexMatcher,
    /// It may match beyond the end of a line.
    multi_line: bool,
}

impl Regex {
    fn new(pattern: &str) -> Result<Self, ToolError> {
        let mut builder = RegexMatcherBuilder::new();
        // `$` stands before both kinds of line ends.
        builder.multi_line(true).crlf(true).line_terminator(Some(b'\n'));
        if let Ok(matcher) = builder.build(pattern) {
            return Ok(Self { matcher, multi_line: false });
        }
        // A pattern with `\n` in it cannot be searched line by line.
        builder.line_terminator(None).build(pattern).map(|matcher| Self { matcher, multi_line: true }).map_err(|error| {
            ToolError::model(format!("bad regex pattern {pattern:?}: {error}\nEscape brackets and parentheses that are meant literally."))
        })
    }

    fn searcher(&self) -> Searcher {
        SearcherBuilder::new().line_number(true).multi_line(self.multi_line).binary_detection(BinaryDetection::quit(0)).build()
    }
}

/// What all threads share.
struct Search {
    regex: Regex,
    roots: Roots,
    open: HashMap<PathBuf, Rope>,
    context: ToolContext,
    found: Mutex<Found>,
}

impl Search {
    fn new(regex: Regex, roots: Roots, open: &[Snapshot], context: &ToolContext) -> Self {
        let open = open.iter().filter_map(|document| Some((document.key.path()?.to_owned(), document.text.clone()))).collect();
        Self { regex, roots, open, context: context.clone(), found: Mutex::default() }
    }

    fn folder(&self, folder: &Folder, open: &[Snapshot]) {
        let mut searcher = self.regex.searcher();
        for (path, _) in folder.only_open(open) {
            self.one(&mut searcher, &self.regex.matcher, path);
        }
        folder.parallel().run(|| {
            let mut searcher = self.regex.searcher();
            // A matcher of its own: clones share no caches that threads would wait for.
            let matcher = self.regex.matcher.clone();
            Box::new(move |entry| {
                if self.context.cancel.is_cancelled() {
                    return WalkState::Quit;
                }
                if let Ok(entry) = entry
                    && entry.file_type().is_some_and(|kind| kind.is_file())
                {
                    self.one(&mut searcher, &matcher, entry.path());
                }
                WalkState::Continue
            })
        });
    }

    /// A file that was named itself: it may be ignored by git, or be no file at all.
    fn file(&self, target: &Target) {
        match &target.key {
            DocKey::File(path) => self.one(&mut self.regex.searcher(), &self.regex.matcher, path),
            DocKey::Virtual(_) => {}
        }
    }

    fn one(&self, searcher: &mut Searcher, matcher: &RegexMatcher, path: &Path) {
        if self.lock().is_beyond(path) {
            return;
        }
        let mut hits = Hits::default();
        let result = match self.open.get(path) {
            Some(text) => searcher.search_slice(matcher, text.to_string().as_bytes(), &mut hits),
            None => searcher.search_path(matcher, path, &mut hits),
        };
        if let Err(error) = result {
            tracing::debug!(path = %path.display(), %error, "not searched");
            return;
        }
        if !hits.0.is_empty() && self.roots.target(DocKey::file(path)).may_read(&self.context) {
            self.lock().add(path, hits.0);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Matching lines with their numbers.
#[derive(Default)]
struct Hits(Vec<(u64, String)>);

impl Sink for Hits {
    type Error = std::io::Error;

    fn matched(&mut self, _searcher: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        for (number, line) in (found.line_number().unwrap_or(1)..).zip(found.lines()) {
            self.0.push((number, cut_line(String::from_utf8_lossy(line).chars())));
        }
        Ok(self.0.len() <= LIMIT)
    }
}

/// The matches of the first files by path: as few files as hold one match more than are given.
#[derive(Default)]
struct Found {
    files: BTreeMap<OsString, Vec<(u64, String)>>,
    total: usize,
}

impl Found {
    /// Whether what is in this file cannot be among the first matches any more.
    fn is_beyond(&self, path: &Path) -> bool {
        self.total > LIMIT && self.files.last_key_value().is_some_and(|(last, _)| path.as_os_str() > last.as_os_str())
    }

    fn add(&mut self, path: &Path, hits: Vec<(u64, String)>) {
        self.total += hits.len();
        self.files.insert(path.as_os_str().to_owned(), hits);
        while let Some(last) = self.files.last_entry()
            && self.total - last.get().len() > LIMIT
        {
            self.total -= last.remove().len();
        }
    }

    fn report(self, pattern: &str) -> ToolOutput {
        let truncated = self.total > LIMIT;
        let count = self.total.min(LIMIT);
        let mut output = match count {
            0 => "No matches found".to_owned(),
            _ if truncated => format!("The first {LIMIT} matches; there are more (truncated): use a narrower pattern, path or include\n"),
            1 => "Found 1 match\n".to_owned(),
            _ => format!("Found {count} matches\n"),
        };
        let mut left = LIMIT;
        for (path, hits) in self.files.iter().take_while(|_| count > 0) {
            if left == 0 {
                break;
            }
            output.push_str(&format!("\n{}:\n", path.to_string_lossy()));
            for (number, line) in hits.iter().take(left) {
                output.push_str(&format!("  Line {number}: {line}\n"));
            }
            left = left.saturating_sub(hits.len());
        }
        ToolOutput { title: pattern.to_owned(), output, metadata: json!({ "matches": count, "truncated": truncated }), changes: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
