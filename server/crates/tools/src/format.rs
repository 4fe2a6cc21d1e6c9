//! The project's formatters, on what the agent is about to write.
//!
//! Owns which of them are used, and how much of what they do is taken. Must not know how a change is made.
//!
//! **Invariant:** text that the agent did not edit is formatted only where the whole file was formatted before. What a formatter cannot do leaves the text as
//! the model wrote it, and the model is told.

mod builtin;
mod run;

use std::path::Path;

use config::{FormatterConfig, FormatterEntry};
use permission::Action;
use ropey::Rope;
use workspace::disk::{majority_crlf, with_line_ends};
use workspace::{diff, only_touching, unified};

use crate::change::Proposal;
use crate::paths::Roots;
use crate::{ToolContext, ToolError};
use builtin::{ALL, BuiltIn, How};
use run::{Fault, PATIENCE, Ready};

/// How much of what a formatter changed the model is shown, in bytes.
const SHOWN: usize = 3_000;
/// Longer texts are left as they are, in bytes.
const LONGEST: usize = 4 << 20;

/// What formats the agent's changes; nothing unless the user says so.
#[derive(Debug, Default)]
pub struct Formatters(Vec<Formatter>);

#[derive(Debug)]
struct Formatter {
    name: String,
    /// The ends of the names of its files, without the dot before.
    extensions: Vec<String>,
    environment: Vec<(String, String)>,
    what: What,
}

#[derive(Debug)]
enum What {
    BuiltIn(&'static BuiltIn),
    Command(Vec<String>),
}

/// Whether a file's name ends in one of these.
fn is_for<'a>(name: &str, mut extensions: impl Iterator<Item = &'a str>) -> bool {
    extensions.any(|end| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')))
}

impl Formatters {
    /// As the user has configured them.
    #[must_use]
    pub fn new(config: Option<&FormatterConfig>) -> Self {
        let none = FormatterEntry::default();
        let entries = match config {
            None | Some(FormatterConfig::All(false)) => return Self::default(),
            Some(FormatterConfig::All(true)) => None,
            Some(FormatterConfig::Map(entries)) => Some(entries),
        };
        let entry = |name: &str| entries.and_then(|entries| entries.get(name)).unwrap_or(&none);
        // `uv format` is Ruff under another name.
        let disabled = |name: &str| entry(name).disabled || name == "uv" && entry("ruff").disabled;
        let known = ALL.iter().filter(|known| !disabled(known.name)).map(|known| {
            let entry = entry(known.name);
            let extensions = known.extensions.iter().map(|end| (*end).to_owned()).collect();
            Formatter::new(known.name, entry, extensions, What::BuiltIn(known))
        });
        let own = entries.into_iter().flatten().filter(|(name, entry)| !entry.disabled && ALL.iter().all(|known| known.name != **name));
        let own = own.map(|(name, entry)| Formatter::new(name, entry, Vec::new(), What::Command(Vec::new())));
        Self(known.chain(own).filter(Formatter::is_whole).collect())
    }

    /// Those that are there and are for this file, in their order.
    async fn for_file(&self, path: &Path, context: &ToolContext) -> Vec<Ready> {
        let roots = Roots::of(context);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let root = context.workspace.roots().into_iter().find(|root| path.starts_with(root)).unwrap_or(roots.base().to_owned());
        let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(&root);
        let mut ready = Vec::new();
        for formatter in self.0.iter().filter(|formatter| is_for(&name, formatter.extensions.iter().map(String::as_str))) {
            ready.extend(formatter.ready(folder, &root, roots.base(), context).await);
        }
        ready
    }
}

impl Formatter {
    fn new(name: &str, entry: &FormatterEntry, extensions: Vec<String>, what: What) -> Self {
        let given = entry.extensions.as_ref().map(|given| given.iter().map(|end| end.trim_start_matches('.').to_owned()).collect());
        Self {
            name: name.to_owned(),
            extensions: given.unwrap_or(extensions),
            environment: entry.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            what: entry.command.clone().map_or(what, What::Command),
        }
    }

    fn is_whole(&self) -> bool {
        let whole = !self.extensions.is_empty() && !matches!(&self.what, What::Command(command) if command.is_empty());
        if !whole {
            tracing::warn!(formatter = self.name, "a formatter of one's own needs `command` and `extensions`; it is not used");
        }
        whole
    }

    async fn ready(&self, folder: &Path, root: &Path, base: &Path, context: &ToolContext) -> Option<Ready> {
        let (name, environment) = (self.name.clone(), self.environment.clone());
        match &self.what {
            What::BuiltIn(known) => {
                let found = known.find(folder, root, &context.guides.env).await?;
                let edition = |argument: &&str| match *argument {
                    "$EDITION" => builtin::edition(folder, root),
                    other => other.to_owned(),
                };
                let arguments = known.command.iter().skip(1).map(edition).collect();
                let (how, also) = (known.how, known.also.to_vec());
                Some(Ready { name, program: found.program, arguments, folder: found.folder, environment, how, also, patience: PATIENCE })
            }
            What::Command(command) => {
                let (program, arguments) = command.split_first()?;
                let how = if arguments.iter().any(|argument| argument.contains("$FILE")) { How::File } else { How::Pipe };
                let program = if program.contains('/') { base.join(program) } else { program.into() };
                Some(Ready {
                    name,
                    program,
                    arguments: arguments.to_vec(),
                    folder: base.to_owned(),
                    environment,
                    how,
                    also: Vec::new(),
                    patience: PATIENCE,
                })
            }
        }
    }
}

/// What became of proposals.
pub(crate) struct Formatted {
    /// Formatted.
    pub proposals: Vec<Proposal>,
    /// What the model must know of it: empty, or a paragraph that begins with an empty line.
    pub note: String,
}

/// Formats what is proposed, before anybody is asked.
///
/// # Errors
/// If nothing is left to be done, or the turn is cancelled.
pub(crate) async fn format(proposals: Vec<Proposal>, context: &ToolContext) -> Result<Formatted, ToolError> {
    let mut formatted = Formatted { proposals: Vec::new(), note: String::new() };
    for mut proposal in proposals {
        let note = one(&mut proposal, context).await?;
        formatted.note.extend(note.into_iter().map(|note| format!("\n\n{}: {note}", proposal.target.relative)));
        if proposal.changes_something() {
            formatted.proposals.push(proposal);
        }
    }
    if formatted.proposals.is_empty() {
        return Err(ToolError::model(formatted.note.trim_start()));
    }
    Ok(formatted)
}

/// Formats one document; what the model must know of it.
async fn one(proposal: &mut Proposal, context: &ToolContext) -> Result<Option<String>, ToolError> {
    let target = &proposal.target;
    let (Some(path), Some(text), true) = (target.key.path(), proposal.after.clone(), target.inside) else { return Ok(None) };
    let denied = target.patterns().iter().any(|pattern| context.asker.evaluate("edit", pattern) == Action::Deny);
    if denied || text.len_bytes() > LONGEST {
        return Ok(None);
    }
    let chain = Chain { ready: context.formatters.for_file(path, context).await, path, context };
    if chain.ready.is_empty() {
        return Ok(None);
    }
    let mut work = chain.run(&text).await?;
    let whole = work.text.clone();
    if let Some(before) = proposal.origin() {
        let part = only_touching(before, &text, &whole);
        // What does not touch the edit is taken if the file was formatted before, since then it follows from the edit.
        if part.as_ref() != Some(&whole) && !chain.keeps(before).await? {
            // The part stands by itself if formatting the rest gives the same whole: half of an indentation does not.
            work.text = match part {
                Some(part) if part == text || chain.makes(&part, &whole).await? => part,
                _ => {
                    work.faults
                        .push("The file is formatted in another way than the formatter's: what you wrote stands as you wrote it.".into());
                    text.clone()
                }
            };
        }
    }
    if work.text != text {
        proposal.reshape(work.text.clone());
        let names = work.done.join(" and ");
        work.faults.insert(
            0,
            if proposal.changes_something() {
                format!(
                    "{names} formatted what you wrote. What differs from it now (an oldString must match this):\n{}",
                    shown(&text, &work.text)
                )
            } else {
                format!("{names} makes of the new text what the file holds already; nothing was changed")
            },
        );
    }
    Ok((!work.faults.is_empty()).then(|| work.faults.join("\n")))
}

/// The formatters of one file, one after the other.
struct Chain<'a> {
    ready: Vec<Ready>,
    path: &'a Path,
    context: &'a ToolContext,
}

/// What they made.
struct Work {
    text: Rope,
    /// Those that changed something.
    done: Vec<String>,
    /// What those said that failed.
    faults: Vec<String>,
}

impl Chain<'_> {
    async fn run(&self, text: &Rope) -> Result<Work, ToolError> {
        let mut now = text.to_string();
        let crlf = majority_crlf(&now);
        let mut work = Work { text: text.clone(), done: Vec::new(), faults: Vec::new() };
        for ready in &self.ready {
            match ready.format(self.path, &now, &self.context.cancel).await {
                Ok(formatted) => {
                    let formatted = with_line_ends(&formatted, crlf);
                    if formatted != with_line_ends(&now, crlf) {
                        work.done.push(ready.name.clone());
                        now = formatted;
                    }
                }
                Err(Fault::Cancelled) => return Err(ToolError::Cancelled(Box::default())),
                Err(Fault::Failed(why)) => work.faults.push(format!("{} {why}; it changed nothing.", ready.name)),
            }
        }
        if !work.done.is_empty() {
            work.text = Rope::from(now);
        }
        Ok(work)
    }

    /// Whether they leave a text as it is.
    async fn keeps(&self, text: &Rope) -> Result<bool, ToolError> {
        self.makes(text, text).await
    }

    /// Whether they make `expected` of a text, without a fault.
    async fn makes(&self, text: &Rope, expected: &Rope) -> Result<bool, ToolError> {
        let work = self.run(text).await?;
        Ok(work.faults.is_empty() && work.text == *expected)
    }
}

/// What differs, by lines.
fn shown(old: &Rope, new: &Rope) -> String {
    let diff = unified(old, new, "", "", 0);
    let lines = diff.split_inclusive('\n').skip(2).collect::<String>();
    let end = lines.floor_char_boundary(SHOWN);
    match lines[..end].rfind('\n') {
        Some(end) if end + 1 < lines.len() => format!("{}\n… (and more: read the file before you edit it again)", &lines[..end]),
        _ => lines.trim_end().to_owned(),
    }
}

impl Proposal {
    /// The text that the new one was made from.
    fn origin(&self) -> Option<&Rope> {
        self.moved.as_ref().or(self.before.as_ref().map(|before| &before.text))
    }

    /// Whether there is anything to be done.
    fn changes_something(&self) -> bool {
        self.before.as_ref().map(|before| &before.text) != self.after.as_ref()
    }

    /// Another text is to stand there than was first proposed.
    fn reshape(&mut self, text: Rope) {
        if let (Some(before), Some(after)) = (&self.before, &self.after) {
            let all = self.edits.as_ref().and_then(|edits| edits.compose(&diff(after, &text)).ok());
            self.edits = Some(all.unwrap_or_else(|| diff(&before.text, &text)));
        }
        self.after = Some(text);
    }
}

#[cfg(test)]
mod tests;
