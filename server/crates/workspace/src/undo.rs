//! Undo and redo of what an agent did, as changes over what the documents hold now.
//!
//! Pure: it plans, the workspace applies. Must not know turns or tools.
//!
//! **Invariant:** nothing that the user wrote since is taken away; what cannot be undone is named, and left as it is.

use std::ops::Range;

use ropey::Rope;

use crate::{Applied, Assoc, Change, ChangeKind, Content, Data, DocKey, Merge, Origin, ReadError, Stamp, Workspace, diff, disk, merge3};

/// What a document holds now.
#[derive(Clone, Debug)]
pub struct CurrentState {
    /// Its content; none if it is there but cannot be read.
    pub content: Option<Content>,
    /// The editor's version, if it is open.
    pub version: Option<i32>,
    /// Whether it is open, and its file is not on the disk.
    pub gone: bool,
}

/// Something that was left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which document.
    pub key: DocKey,
    /// Lines of the text as it will be, 1 for the first, the end included; empty if all of it was left.
    pub lines: Vec<Range<usize>>,
    /// Why.
    pub why: String,
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, Range { start, end }) in self.lines.iter().enumerate() {
            f.write_str(match (n, self.lines.len()) {
                (0, 1) if start == end => "line ",
                (0, _) => "lines ",
                _ => ", ",
            })?;
            if start == end { write!(f, "{start}")? } else { write!(f, "{start}–{end}")? }
        }
        if !self.lines.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.why)
    }
}

/// What is to be done, and what will be left.
#[derive(Clone, Debug, Default)]
pub struct UndoPlan {
    /// To be applied together. A file that is no text, or whose mode changes, is deleted and made again: two changes.
    pub changes: Vec<Change>,
    /// To be told to the user.
    pub kept: Vec<Kept>,
}

/// What a document holds now, for the planning.
pub async fn current_state(workspace: &dyn Workspace, key: &DocKey) -> Option<CurrentState> {
    match workspace.read(key).await {
        Ok(snapshot) => {
            let (bom, mode, version) = match snapshot.origin {
                Origin::Buffer { version, .. } => (false, None, Some(version)),
                Origin::Disk { bom, mode, .. } => (bom, Some(mode), None),
            };
            let content = Content { data: Data::Text(snapshot.text.to_string().into()), bom, mode };
            let gone = version.is_some() && key.path().is_some_and(|path| !path.exists());
            Some(CurrentState { content: Some(content), version, gone })
        }
        Err(ReadError::NotFound(_)) => None,
        Err(ReadError::Binary(_)) => {
            Some(CurrentState { content: key.path().and_then(|path| disk::read_content(path).ok().flatten()), version: None, gone: false })
        }
        Err(_) => Some(CurrentState { content: None, version: None, gone: false }),
    }
}

/// Takes the records back, the last first, over what the documents hold now.
#[must_use]
pub fn plan_undo(records: &[Applied], current: impl Fn(&DocKey) -> Option<CurrentState>) -> UndoPlan {
    plan(records.iter().rev().map(|record| Step { key: &record.key, from: record.after.as_ref(), to: record.before.as_ref() }), current)
}

/// Makes again what the records say, the first first, over what the documents hold now.
#[must_use]
pub fn plan_redo(records: &[Applied], current: impl Fn(&DocKey) -> Option<CurrentState>) -> UndoPlan {
    plan(records.iter().map(|record| Step { key: &record.key, from: record.before.as_ref(), to: record.after.as_ref() }), current)
}

/// One record in the direction that is gone.
#[derive(Clone, Copy)]
struct Step<'a> {
    key: &'a DocKey,
    from: Option<&'a Content>,
    to: Option<&'a Content>,
}

fn plan<'a>(steps: impl Iterator<Item = Step<'a>>, current: impl Fn(&DocKey) -> Option<CurrentState>) -> UndoPlan {
    let mut files: Vec<(&DocKey, Vec<Step>)> = Vec::new();
    for step in steps {
        match files.iter_mut().find(|(key, _)| *key == step.key) {
            Some((_, steps)) => steps.push(step),
            None => files.push((step.key, vec![step])),
        }
    }
    let mut plan = UndoPlan::default();
    for (key, steps) in files {
        let (start, version, gone) = match current(key) {
            None => (None, None, false),
            Some(CurrentState { content: Some(content), version, gone }) => (Some(content), version, gone),
            Some(CurrentState { content: None, .. }) => {
                plan.kept.push(Kept { key: key.clone(), lines: Vec::new(), why: "it cannot be read".into() });
                continue;
            }
        };
        // What its file held goes its own way, where the editor shows a text and the file is gone.
        let file = Fold::file(&steps, gone);
        let mut fold = Fold { state: start.clone(), kept: Vec::new(), gone };
        let whole = steps.into_iter().find_map(|step| fold.step(step).err());
        if !fold.kept.is_empty() {
            let why = "these lines were changed since and stay as they are".into();
            plan.kept.push(Kept { key: key.clone(), lines: fold.lines(), why });
        }
        plan.kept.extend(whole.map(|why| Kept { key: key.clone(), lines: Vec::new(), why: why.into() }));
        plan.changes.extend(file.map(|content| Change { key: key.clone(), kind: ChangeKind::Restore { content } }));
        plan.changes.extend(changes(key, start, fold.state, version));
    }
    plan
}

/// A document on its way back.
struct Fold {
    state: Option<Content>,
    /// Bytes of the state that were left.
    kept: Vec<Range<usize>>,
    /// Whether the state is that of a buffer whose file is gone.
    gone: bool,
}

impl Fold {
    /// What a file that is gone is to hold at the end, if it was there once on the way.
    fn file(steps: &[Step], gone: bool) -> Option<Content> {
        steps.iter().filter(|_| gone).fold(None, |file: Option<Content>, step| match (file, step.from, step.to) {
            (None, None, Some(to)) => Some(to.clone()),
            (Some(now), Some(from), to) if same(&now, from) => to.cloned(),
            (file, ..) => file,
        })
    }

    /// Goes one step; why the document cannot go this step or any further.
    fn step(&mut self, step: Step) -> Result<(), &'static str> {
        let Step { from, to, .. } = step;
        self.state = match (self.state.take(), from, to) {
            (None, _, None) => None,
            (None, None, Some(to)) => Some(to.clone()),
            (None, Some(_), Some(_)) => return Err("it was deleted since"),
            (Some(now), from, Some(to)) if same(&now, to) => Some(with_mode(now, from, to)),
            // Its file was made again above; the buffer shows what it shows.
            (Some(now), None, Some(_)) if self.gone => Some(now),
            (Some(now), Some(from), None) if same(&now, from) => None,
            (Some(now), Some(from), Some(to)) if same(&now, from) => Some(Content { mode: to.mode.or(now.mode), ..to.clone() }),
            (Some(now), Some(from), Some(to)) => match (now.as_text(), from.as_text(), to.as_text()) {
                (Some(ours), Some(base), Some(theirs)) => {
                    let ours = Rope::from_str(ours);
                    let merge = merge3(&Rope::from_str(base), &ours, &Rope::from_str(theirs));
                    self.keep(&ours, &merge);
                    let data = Data::Text(merge.text.to_string().into());
                    Some(with_mode(Content { data, ..now }, Some(from), to))
                }
                _ => {
                    self.state = Some(now);
                    return Err("it is no text, and was changed since");
                }
            },
            (Some(now), from, _) => {
                self.state = Some(now);
                return Err(if from.is_some() { "it was changed since it was made" } else { "it was made anew since" });
            }
        };
        Ok(())
    }

    /// Notes the conflicts of a merge, and moves what was noted before to the merged text.
    fn keep(&mut self, ours: &Rope, merge: &Merge) {
        let lines =
            merge.conflicts.iter().map(|conflict| line_start(ours, conflict.ours_lines.start)..line_start(ours, conflict.ours_lines.end));
        self.kept.extend(lines);
        for range in &mut self.kept {
            let start = merge.edits_over_ours.map_offset(range.start, Assoc::Before);
            *range = start..merge.edits_over_ours.map_offset(range.end, Assoc::After).max(start);
        }
    }

    /// What was left, in lines that begin with 1.
    fn lines(&self) -> Vec<Range<usize>> {
        let text = self.state.as_ref().and_then(Content::as_text).unwrap_or_default();
        let line = |at: usize| text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
        let mut lines: Vec<_> =
            self.kept.iter().map(|range| line(range.start)..line(range.end.saturating_sub(1).max(range.start))).collect();
        lines.sort_by_key(|range| (range.start, range.end));
        lines.dedup();
        lines
    }
}

/// Where a line starts, in bytes; the text's end for lines behind it. Lines end with a line feed.
fn line_start(text: &Rope, line: usize) -> usize {
    let mut left = line;
    if left == 0 {
        return 0;
    }
    let newline = |(_, byte): &(usize, u8)| *byte == b'\n';
    for (at, _) in text.bytes().enumerate().filter(newline) {
        left -= 1;
        if left == 0 {
            return at + 1;
        }
    }
    text.len_bytes()
}

/// Whether two contents are equal but for the mode.
fn same(a: &Content, b: &Content) -> bool {
    a.data == b.data
}

/// Gives a content the mode it goes to, unless somebody else changed it.
fn with_mode(now: Content, from: Option<&Content>, to: &Content) -> Content {
    let theirs = from.is_some_and(|from| from.mode == now.mode);
    Content { mode: if theirs { to.mode.or(now.mode) } else { now.mode }, ..now }
}

/// What makes `end` of `start`.
fn changes(key: &DocKey, start: Option<Content>, end: Option<Content>, version: Option<i32>) -> Vec<Change> {
    let change = |kind| Change { key: key.clone(), kind };
    let stamp = |content: &Content| Stamp { version, hash: content.stamp_hash() };
    match (start, end) {
        (None, None) => Vec::new(),
        (None, Some(content)) => vec![change(ChangeKind::Create { content })],
        (Some(start), None) => vec![change(ChangeKind::Delete { stamp: stamp(&start) })],
        (Some(start), Some(end)) => {
            // A buffer has no mode: that of its file stays.
            let as_it_is = version.is_some() || end.mode == start.mode;
            match (start.as_text(), end.as_text()) {
                (Some(old), Some(new)) if as_it_is => {
                    let base = Rope::from_str(old);
                    let edits = diff(&base, &Rope::from_str(new)).into_vec();
                    let stamp = stamp(&start);
                    if edits.is_empty() { Vec::new() } else { vec![change(ChangeKind::Edit { base, stamp, edits })] }
                }
                _ if start == end => Vec::new(),
                _ => vec![change(ChangeKind::Delete { stamp: stamp(&start) }), change(ChangeKind::Create { content: end })],
            }
        }
    }
}

#[cfg(test)]
mod tests;
