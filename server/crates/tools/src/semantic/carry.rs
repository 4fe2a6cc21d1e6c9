//! Carrying out what a server wants to change, as the editing tools do it: one prompt with the diff, one application.
//!
//! Must not know what the server was asked.
//!
//! **Invariant:** what was done stays on record, also where what follows it fails.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::{Value, json};
use workspace::{Applied, DocKey, Edits, Origin};

use super::{Carry, Outcome};
use crate::change::{Proposal, carry_out};
use crate::format::{Formatted, format};
use crate::paths::{Roots, ask_outside};
use crate::{Ask, ToolContext, ToolError, ToolOutput};

/// One call's hands.
pub(crate) struct Hands<'a> {
    context: &'a ToolContext,
    /// For prompts.
    title: String,
    done: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    changes: Vec<Applied>,
    diff: String,
    files: Vec<Value>,
    /// One a file.
    lines: Vec<String>,
    note: String,
    /// Folders outside of the project that were asked for.
    outside: HashSet<PathBuf>,
}

impl<'a> Hands<'a> {
    pub fn new(title: String, context: &'a ToolContext) -> Self {
        Self { context, title, done: Mutex::default() }
    }

    /// What the call brought: `head`, the files, and `fault`, which came after something was done. The fault alone where nothing was.
    pub fn output(self, title: String, head: String, fault: Option<ToolError>) -> Result<ToolOutput, ToolError> {
        let Record { changes, diff, files, lines, note, .. } = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let fault = match fault {
            Some(fault) if changes.is_empty() => return Err(fault),
            fault => fault,
        };
        let cancelled = matches!(fault, Some(ToolError::Cancelled(_)));
        let fault = fault.map_or(String::new(), |fault| format!("\nThis was done, but what was to follow was not: {fault}"));
        let output = format!("{head}\n{}{note}{fault}", lines.join("\n"));
        let output = ToolOutput { title, output, metadata: json!({ "diff": diff, "files": files }), changes };
        if cancelled { Err(ToolError::Cancelled(Box::new(output))) } else { Ok(output) }
    }

    fn done(&self) -> MutexGuard<'_, Record> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Carry for Hands<'_> {
    async fn admit(&self, keys: &[DocKey]) -> Result<Vec<DocKey>, ToolError> {
        let roots = Roots::of(self.context);
        let mut targets = Vec::new();
        for key in keys {
            targets.push(roots.target(key.clone()).under_open_name(self.context).await);
        }
        let asked = self.done().outside.clone();
        let outside: Vec<PathBuf> =
            targets.iter().filter_map(|target| target.outside_directory(false)).filter(|folder| !asked.contains(folder)).collect();
        ask_outside(self.context, outside.clone(), &self.title, None).await?;
        self.done().outside.extend(outside);
        Ok(targets.into_iter().map(|target| target.key).collect())
    }

    async fn may_run(&self, command: &str) -> Result<(), ToolError> {
        let ask = Ask {
            permission: "bash".to_owned(),
            patterns: vec![command.to_owned()],
            always: vec![command.to_owned()],
            metadata: json!({ "title": format!("{}: the language server runs its command {command}", self.title), "command": command }),
            place: None,
            always_ask: false,
        };
        Ok(self.context.asker.ask(ask).await?)
    }

    async fn carry_out(&self, outcomes: Vec<Outcome>) -> Result<(), ToolError> {
        let roots = Roots::of(self.context);
        let proposals = outcomes.into_iter().map(|outcome| proposal(outcome, &roots)).collect();
        let Formatted { proposals, note } = format(proposals, self.context).await?;
        let lines: Vec<String> = proposals.iter().map(line).collect();
        let done = carry_out(&proposals, &self.title, self.context).await?;
        let mut record = self.done();
        record.changes.extend(done.changes);
        record.diff.push_str(&done.diff);
        record.files.extend(done.files);
        record.lines.extend(lines);
        record.note.push_str(&note);
        Ok(())
    }
}

fn proposal(outcome: Outcome, roots: &Roots) -> Proposal {
    let Outcome { key, before, after, edits, moved } = outcome;
    let target = roots.target(key);
    match (before, after, edits) {
        (Some(before), Some(after), Some(edits)) => Proposal::with_edits(target, Some(before), after, edits),
        (before, after, _) => {
            let bom = moved.as_ref().is_some_and(|moved| matches!(moved.origin, Origin::Disk { bom: true, .. }));
            Proposal::new(target, before, after).with_bom(bom).moved_from(moved.map(|moved| moved.text))
        }
    }
}

fn line(proposal: &Proposal) -> String {
    let places = proposal.edits.as_ref().map_or(0, |edits| Edits::edits(edits).len());
    match (&proposal.before, &proposal.after) {
        (None, _) => format!("A {}", proposal.target.relative),
        (_, None) => format!("D {}", proposal.target.relative),
        _ => format!("M {} ({places} {})", proposal.target.relative, if places == 1 { "place" } else { "places" }),
    }
}
