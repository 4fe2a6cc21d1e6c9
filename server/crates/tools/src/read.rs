//! The `read` tool: a document's text with line numbers, a folder's entries, an image or a PDF as such.
//!
//! Must not know whether the text comes from a buffer or the disk.
//!
//! **Invariant:** what is shown was allowed by the rules for reading, and is remembered as what the model has seen.

use std::path::Path;

use async_trait::async_trait;
use config::ImageConfig;
use ropey::Rope;
use serde_json::{Value, json};
use workspace::{DocKey, ReadError};

use crate::args::{Args, schema, wrong};
use crate::paths::{Roots, Target};
use crate::text::{cut_line, lines_of};
use crate::{Ask, Effect, Limits, Tool, ToolContext, ToolError, ToolOutput};

/// How alike a file's name must be to be suggested.
const ALIKE: f32 = 0.6;

const OTHER_ENCODING: &str = "(This file is not UTF-8: � stands for what is not. It cannot be edited as text; convert it first, such as by iconv, if that is wanted)\n";

/// The tool.
#[derive(Debug)]
pub struct Read;

/// Which lines are wanted.
struct Window {
    /// 1-based.
    offset: usize,
    limit: usize,
}

#[async_trait]
impl Tool for Read {
    fn id(&self) -> &'static str {
        "read"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/read.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(
            json!({
                "filePath": { "type": "string" },
                "offset": { "type": "integer", "description": "first line, from 1" },
                "limit": { "type": "integer", "description": "number of lines" },
            }),
            &["filePath"],
        )
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("filePath").to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let args = Args(&args);
        let path = args.text("filePath")?;
        if path.trim().is_empty() {
            return Err(wrong("filePath", "a path", args.get("filePath")));
        }
        let window = Window {
            // Small models count from 0.
            offset: size(args.opt_number("offset")?.unwrap_or(1)).max(1),
            limit: size(args.opt_number("limit")?.unwrap_or(context.limits.lines as u64)).max(1),
        };
        let target = Roots::of(context).resolve(path).under_open_name(context).await;
        let folder = target.key.path().is_some_and(Path::is_dir);
        target.ask_outside_to_read(context, folder).await?;
        ask_to_read(&target, context).await?;
        target.still_leads_there()?;
        match context.workspace.read(&target.key).await {
            // One may hold nothing but text, which says little.
            Ok(snapshot) if !snapshot.is_open() && snapshot.text.line(0).as_str().is_some_and(|line| line.starts_with("%PDF-")) => {
                media(&target, context.images)
                    .await?
                    .ok_or_else(|| ToolError::model(format!("{} has just changed: read it again", target.key)))
            }
            Ok(snapshot) => {
                context.seen.set(snapshot.key.clone(), snapshot.text.clone());
                context.diagnostics.looked_at(&snapshot);
                let note = if snapshot.is_dirty() { "(This is the unsaved text in the editor)\n" } else { "" };
                let mut output = file(&target, &snapshot.text, note, &window, context.limits)?;
                remind(&target, &mut output, context);
                Ok(output)
            }
            Err(ReadError::IsDirectory(_)) => directory(&target, &window, context).await,
            Err(ReadError::NotFound(key)) => Err(not_found(&key, context).await),
            Err(ReadError::Binary(key)) => match media(&target, context.images).await? {
                Some(shown) => Ok(shown),
                None => match other_encoding(&key) {
                    Some(text) => file(&target, &text, OTHER_ENCODING, &window, context.limits),
                    None => Err(ToolError::model(format!("cannot read {key}: it is a binary file"))),
                },
            },
            Err(error @ ReadError::Io { .. }) => Err(ToolError::model(error.to_string())),
        }
    }
}

pub(crate) async fn ask_to_read(target: &Target, context: &ToolContext) -> Result<(), ToolError> {
    let ask = Ask {
        permission: "read".to_owned(),
        patterns: target.patterns(),
        always: vec!["*".to_owned()],
        metadata: json!({ "title": format!("Read {}", target.relative), "filepath": target.key.to_string() }),
        place: None,
        always_ask: false,
    };
    Ok(context.asker.ask(ask).await?)
}

/// The text of a file in another encoding, what is no UTF-8 replaced. It is not what the model has seen: no edit may be made from it.
fn other_encoding(key: &DocKey) -> Option<Rope> {
    let bytes = workspace::disk::read_bytes(key.path()?).ok()?;
    (!workspace::disk::looks_binary(&bytes)).then(|| Rope::from_str(&String::from_utf8_lossy(&bytes)))
}

/// An image or a PDF, for models that see such; none if it is neither.
async fn media(target: &Target, bounds: ImageConfig) -> Result<Option<ToolOutput>, ToolError> {
    let Some(path) = target.key.path().map(Path::to_owned) else { return Ok(None) };
    let title = target.relative.clone();
    let work = tokio::task::spawn_blocking(move || crate::media::of_file(title, &path, &bounds));
    work.await.map_err(|error| ToolError::model(format!("{}: {error}", target.key)))?
}

fn file(target: &Target, text: &Rope, about: &str, window: &Window, limits: Limits) -> Result<ToolOutput, ToolError> {
    let total = lines_of(text);
    if window.offset > total && !(total == 0 && window.offset == 1) {
        return Err(ToolError::model(format!("offset {} is past the end: {} has {total} lines", window.offset, target.key)));
    }
    let mut body = String::new();
    let mut shown = 0;
    let mut full = false;
    for (number, line) in (window.offset..=total).zip(text.lines_at(window.offset - 1)).take(window.limit) {
        let line = cut_line(line.chars());
        let row = format!("{number}: {line}\n");
        if body.len() + row.len() > limits.bytes && shown > 0 {
            full = true;
            break;
        }
        body.push_str(&row);
        shown += 1;
    }
    let next = window.offset + shown;
    let truncated = next <= total;
    let note = if truncated {
        let capped = if full { format!("Capped at {} kB. ", limits.bytes / 1024) } else { String::new() };
        format!("({capped}Lines {}-{} of {total}. More: offset={next})", window.offset, next - 1)
    } else {
        format!("(End of file, {total} lines in total)")
    };
    let output = format!("<path>{}</path>\n<type>file</type>\n<content>\n{body}\n{about}{note}\n</content>", target.key);
    Ok(ToolOutput {
        title: target.relative.clone(),
        output,
        metadata: json!({ "preview": preview(text), "truncated": truncated }),
        changes: Vec::new(),
    })
}

/// Adds the instructions of the folders on the way to the file, at the first file of each.
fn remind(target: &Target, output: &mut ToolOutput, context: &ToolContext) {
    let files = target.key.path().map(|path| context.guides.on_the_way_to(path, &context.seen)).unwrap_or_default();
    if files.is_empty() {
        return;
    }
    output.output.push_str("\n\n<system-reminder>");
    for file in &files {
        output.output.push_str(&format!("\nInstructions from {}:\n{}\n", file.path.display(), file.text.trim_end()));
    }
    output.output.push_str("</system-reminder>");
    output.metadata["loaded"] = files.iter().map(|file| file.path.display().to_string()).collect();
}

fn preview(text: &Rope) -> String {
    text.lines().take(20).map(|line| cut_line(line.chars())).collect::<Vec<_>>().join("\n")
}

async fn directory(target: &Target, window: &Window, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let Some(path) = target.key.path() else { return Err(ToolError::model(format!("{} is no folder", target.key))) };
    let mut names: Vec<String> = std::fs::read_dir(path)
        .map_err(|error| ToolError::model(format!("{}: {error}", path.display())))?
        .flatten()
        .map(|entry| {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            format!("{}{slash}", entry.file_name().to_string_lossy())
        })
        .collect();
    names.extend(unsaved_in(path, context).await);
    names.sort();
    names.dedup();
    let total = names.len();
    if window.offset > total.max(1) {
        return Err(ToolError::model(format!("offset {} is past the end: {} has {total} entries", window.offset, target.key)));
    }
    let shown: Vec<&str> = names.iter().skip(window.offset - 1).take(window.limit).map(String::as_str).collect();
    let next = window.offset + shown.len();
    let truncated = next <= total;
    let note = if truncated { format!("({} of {total} entries. More: offset={next})", shown.len()) } else { format!("({total} entries)") };
    let entries = shown.join("\n");
    Ok(ToolOutput {
        title: target.relative.clone(),
        output: format!("<path>{}</path>\n<type>directory</type>\n<entries>\n{entries}\n{note}\n</entries>", target.key),
        metadata: json!({ "preview": entries, "truncated": truncated }),
        changes: Vec::new(),
    })
}

/// Names of files right in a folder that only the editor has yet.
async fn unsaved_in(folder: &Path, context: &ToolContext) -> Vec<String> {
    let open = context.workspace.open_documents().await;
    open.iter()
        .filter_map(|document| document.key.path())
        .filter(|path| path.parent() == Some(folder))
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect()
}

/// Says that a file does not exist, with up to three names beside it that are alike.
pub(crate) async fn not_found(key: &DocKey, context: &ToolContext) -> ToolError {
    let mut text = format!("file not found: {key}");
    if let (Some(folder), Some(name)) = (key.path().and_then(Path::parent), key.path().and_then(Path::file_name)) {
        let wanted = name.to_string_lossy().to_lowercase();
        let mut names: Vec<String> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.extend(unsaved_in(folder, context).await);
        let mut alike: Vec<(f32, String)> = names.into_iter().map(|name| (likeness(&wanted, &name.to_lowercase()), name)).collect();
        alike.retain(|(likeness, _)| *likeness >= ALIKE);
        alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        alike.dedup();
        if !alike.is_empty() {
            text.push_str(". Did you mean one of these?");
            for (_, name) in alike.into_iter().take(3) {
                text.push_str(&format!("\n{}", folder.join(name).display()));
            }
        }
    }
    ToolError::Model(text)
}

fn likeness(a: &str, b: &str) -> f32 {
    if a.contains(b) || b.contains(a) { 1.0 } else { similar::TextDiff::from_chars(a, b).ratio() }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
