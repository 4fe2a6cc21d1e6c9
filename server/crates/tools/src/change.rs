//! Carrying out what a tool wants to change: one prompt with the diff, one application, and what the model knows afterwards.
//!
//! Must not know how the new text was found.
//!
//! **Invariant:** nothing is changed before the user or a rule allowed exactly the change that was shown, and either all of it is made or none.

use permission::Action;
use ropey::Rope;
use serde_json::{Value, json};
use workspace::{Applied, ApplyError, Change, ChangeKind, Content, DocKey, Edits, Place, ReadError, Snapshot, diff, merge3, unified};

use crate::paths::Target;
use crate::{Ask, Proposed, ToolContext, ToolError};

/// Lines around a change in a diff.
const CONTEXT: usize = 3;
/// How long a diff may be for a prompt, in bytes.
const DIFF: usize = 100_000;

/// What is to become of one document.
pub(crate) struct Proposal {
    pub target: Target,
    /// What it holds; none if it does not exist.
    pub before: Option<Snapshot>,
    /// What it is to hold; none if it is to be deleted.
    pub after: Option<Rope>,
    /// Whether a new file begins with a byte order mark.
    bom: bool,
    /// What makes the one of the other, if both are there.
    pub edits: Option<Edits>,
    /// What a new file was made from: the text of the one that it was moved from.
    pub moved: Option<Rope>,
}

/// What was done.
pub(crate) struct Done {
    pub changes: Vec<Applied>,
    /// All diffs.
    pub diff: String,
    /// For faces.
    pub files: Vec<Value>,
}

impl Proposal {
    /// Of what it holds, and what it is to hold.
    pub fn new(target: Target, before: Option<Snapshot>, after: Option<Rope>) -> Self {
        let edits = before.as_ref().zip(after.as_ref()).map(|(before, after)| diff(&before.text, after));
        Self { target, before, after, bom: false, edits, moved: None }
    }

    /// The same, where the edits are known.
    pub fn with_edits(target: Target, before: Option<Snapshot>, after: Rope, edits: Edits) -> Self {
        Self { target, before, after: Some(after), bom: false, edits: Some(edits), moved: None }
    }

    /// A new file begins with a byte order mark.
    pub fn with_bom(self, bom: bool) -> Self {
        Self { bom, ..self }
    }

    /// A new file is an old one that was moved.
    pub fn moved_from(self, text: Option<Rope>) -> Self {
        Self { moved: text, ..self }
    }

    fn diff(&self) -> String {
        let empty = Rope::new();
        let before = self.before.as_ref().map_or(&empty, |snapshot| &snapshot.text);
        let name = &self.target.relative;
        let (a, b) = (
            self.before.as_ref().map_or_else(|| "/dev/null".to_owned(), |_| format!("a/{name}")),
            self.after.as_ref().map_or_else(|| "/dev/null".to_owned(), |_| format!("b/{name}")),
        );
        unified(before, self.after.as_ref().unwrap_or(&empty), &a, &b, CONTEXT)
    }

    fn verb(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "add",
            (_, None) => "delete",
            _ => "update",
        }
    }

    /// Where in the text the change is.
    fn place(&self) -> Option<Place> {
        let before = self.before.as_ref()?;
        let edits = self.edits.as_ref().map_or(&[][..], Edits::edits);
        let (start, end) = (edits.first().map_or(0, |e| e.range.start), edits.last().map_or(0, |e| e.range.end));
        let last = if end > start { end - 1 } else { end };
        let lines = (before.text.byte_to_line(start), before.text.byte_to_line(last));
        Some(Place { key: before.key.clone(), range: start..end, lines })
    }

    fn change(&self) -> Option<Change> {
        let kind = match (&self.before, &self.after) {
            (Some(before), Some(_)) => {
                ChangeKind::Edit { base: before.text.clone(), stamp: before.stamp(), edits: self.edits.clone()?.into_vec() }
            }
            (Some(before), None) => ChangeKind::Delete { stamp: before.stamp() },
            (None, Some(after)) => ChangeKind::Create { content: Content { bom: self.bom, ..Content::text(after.to_string()) } },
            (None, None) => return None,
        };
        Some(Change { key: self.target.key.clone(), kind })
    }

    /// The model knows its own change now, and nothing that the user typed meanwhile.
    fn remember(&self, context: &ToolContext) {
        let key = &self.target.key;
        match (&self.before, &self.after) {
            (_, None) => context.seen.forget(key),
            (Some(before), Some(after)) => {
                let known = match context.seen.get(key) {
                    Some(seen) if seen != before.text => merge3(&before.text, &seen, after).text,
                    _ => after.clone(),
                };
                context.seen.edited(key.clone(), known);
            }
            (None, Some(after)) => context.seen.set(key.clone(), after.clone()),
        }
    }
}

/// What a document holds, or nothing if it does not exist. Anything but text is an error.
pub(crate) async fn current(target: &Target, context: &ToolContext) -> Result<Option<Snapshot>, ToolError> {
    match context.workspace.read(&target.key).await {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(ReadError::NotFound(DocKey::File(_))) => Ok(None),
        Err(error) => Err(ToolError::model(error.to_string())),
    }
}

/// Shows the change to those who look at the code, unless a rule forbids it anyway.
async fn preflight(proposals: &[Proposal], patterns: &[String], context: &ToolContext) -> Result<(), ToolError> {
    if patterns.iter().any(|pattern| context.asker.evaluate("edit", pattern) == Action::Deny) {
        return Ok(());
    }
    let proposed = proposals.iter().filter_map(|proposal| {
        let (key, before, edits) = (&proposal.target.key, proposal.before.as_ref(), proposal.edits.as_ref());
        Some(Proposed { key, before, after: proposal.after.as_ref()?, edits })
    });
    let proposed: Vec<_> = proposed.collect();
    match context.diagnostics.preflight(&proposed, &context.cancel).await {
        Some(words) => Err(ToolError::model(words)),
        None => Ok(()),
    }
}

/// Asks once for all, then changes all or nothing.
pub(crate) async fn carry_out(proposals: &[Proposal], title: &str, context: &ToolContext) -> Result<Done, ToolError> {
    let diffs: Vec<String> = proposals.iter().map(Proposal::diff).collect();
    let all = cut(diffs.concat());
    let files: Vec<Value> = proposals.iter().zip(&diffs).map(|(proposal, diff)| file(proposal, diff)).collect();
    let mut patterns: Vec<String> = proposals.iter().flat_map(|proposal| proposal.target.patterns()).collect();
    patterns.dedup();
    proposals.iter().filter_map(|proposal| proposal.before.as_ref()).for_each(|before| context.diagnostics.looked_at(before));
    preflight(proposals, &patterns, context).await?;
    let ask = Ask {
        permission: "edit".to_owned(),
        patterns,
        always: vec!["*".to_owned()],
        metadata: json!({
            "title": title,
            "filepath": proposals.iter().map(|p| p.target.relative.as_str()).collect::<Vec<_>>().join(", "),
            "diff": all,
            "files": files,
        }),
        place: proposals.iter().find_map(Proposal::place),
        always_ask: false,
    };
    context.asker.ask(ask).await?;
    proposals.iter().try_for_each(|proposal| proposal.target.still_leads_there())?;
    let changes: Vec<Change> = proposals.iter().filter_map(Proposal::change).collect();
    let changes = context.workspace.apply(changes, &context.cancel).await.map_err(|error| match error {
        ApplyError::Cancelled { .. } => ToolError::Cancelled(Box::default()),
        error => ToolError::model(error.to_string()),
    })?;
    proposals.iter().for_each(|proposal| proposal.remember(context));
    Ok(Done { changes, diff: all, files })
}

fn file(proposal: &Proposal, diff: &str) -> Value {
    let count = |sign: &str| diff.lines().skip(2).filter(|line| line.starts_with(sign)).count();
    json!({
        "filePath": proposal.target.key.to_string(),
        "relativePath": proposal.target.relative,
        "type": proposal.verb(),
        "additions": count("+"),
        "deletions": count("-"),
    })
}

fn cut(mut diff: String) -> String {
    if diff.len() > DIFF {
        diff.truncate(diff.floor_char_boundary(DIFF));
        diff.push_str("\n… (the diff is longer)\n");
    }
    diff
}
