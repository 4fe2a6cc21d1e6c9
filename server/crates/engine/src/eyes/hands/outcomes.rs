//! What a server's edit makes of each document.
//!
//! **Invariant:** an edit counts in the text that the server has, which is the text that the user sees, or it is stale.

use std::collections::HashMap;

use lsp_client::Sibling;
use lsp_client::positions::Encoding;
use lsp_client::semantic::edit::{Step, There, text_edits_of};
use ropey::Rope;
use tools::{Carry, Outcome, Span, ToolError};
use workspace::{DocKey, Edits, Origin, ReadError, Snapshot};

use super::Eyes;

/// Files that a server is given only so that it is known which text it has.
const GIVEN: usize = 40;

/// Why an edit is not made.
pub(super) enum Flaw {
    /// It is for another text. The server has the right one now.
    Stale,
    /// It cannot be made.
    Fault(ToolError),
}

impl From<ToolError> for Flaw {
    fn from(error: ToolError) -> Self {
        Self::Fault(error)
    }
}

/// One document on the way.
struct State {
    before: Option<Snapshot>,
    now: Option<Rope>,
    /// What made `now` of `before`, if that was one edit.
    edits: Option<Edits>,
    moved: Option<Snapshot>,
}

impl Eyes {
    /// What becomes of each document. `asked` is what the server was asked about, and whether all texts must be known to it.
    pub(super) async fn outcomes(
        &self,
        sibling: &Sibling,
        steps: Vec<Step>,
        asked: Option<(&Span, bool)>,
        carry: &dyn Carry,
    ) -> Result<Vec<Outcome>, Flaw> {
        let mut keys: Vec<DocKey> = Vec::new();
        for key in steps.iter().flat_map(Step::keys) {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        let names = carry.admit(&keys).await?;
        let mut states = Vec::new();
        for name in &names {
            let before = match asked {
                // The user may have typed since: the edit is rebased over that when it is applied.
                Some((at, _)) if at.document.key == *name => Some(at.document.clone()),
                _ => self.current(name).await?,
            };
            states.push(State { now: before.as_ref().map(|before| before.text.clone()), before, edits: None, moved: None });
        }
        let index: HashMap<DocKey, usize> = keys.into_iter().zip(0..).collect();
        self.are_known(sibling, &steps, &index, &names, &states, asked.is_some_and(|(_, all)| all)).await?;
        for step in steps {
            take(step, &index, &mut states, sibling.encoding()).map_err(ToolError::Model)?;
        }
        let outcomes = names.into_iter().zip(states).map(|(key, state)| {
            let State { before, now, edits, moved } = state;
            Outcome { key, before, after: now, edits, moved }
        });
        Ok(outcomes.filter(|outcome| outcome.before.as_ref().map(|before| &before.text) != outcome.after.as_ref()).collect())
    }

    /// What a document holds; none if it does not exist.
    async fn current(&self, key: &DocKey) -> Result<Option<Snapshot>, ToolError> {
        match self.workspace.read(key).await {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(ReadError::NotFound(_)) => Ok(None),
            Err(ReadError::IsDirectory(key)) => {
                Err(ToolError::model(format!("the server's edit moves or deletes the folder {key}, which is not done: use bash")))
            }
            Err(error) => Err(ToolError::model(error.to_string())),
        }
    }

    /// Whether the server has the texts that are edited. Those that it has not it is given.
    async fn are_known(
        &self,
        sibling: &Sibling,
        steps: &[Step],
        index: &HashMap<DocKey, usize>,
        names: &[DocKey],
        states: &[State],
        all: bool,
    ) -> Result<(), Flaw> {
        let (mut other, mut unknown) = (Vec::new(), Vec::new());
        for step in steps {
            let (key, version) = match step {
                Step::Edit { key, version, .. } => (key, *version),
                Step::Rename { from, .. } => (from, None),
                Step::Create { .. } | Step::Delete { .. } => continue,
            };
            let (name, before) = (&names[index[key]], &states[index[key]].before);
            let Some(before) = before else { continue };
            match sibling.has(name, &before.text) {
                Some(true) if version.is_none_or(|version| sibling.is_current(name, version)) => {}
                Some(_) => other.push(before.clone()),
                None if matches!(before.origin, Origin::Buffer { dirty: true, .. }) => other.push(before.clone()),
                None => unknown.push(before.clone()),
            }
        }
        if !all || unknown.len() > GIVEN {
            unknown.clear();
        }
        let mut work = self.work.lock().await;
        let stale = !other.is_empty();
        let mut given = false;
        for document in other.iter().chain(&unknown) {
            given |= self.hand_over(&mut work, document);
        }
        // What no server takes, such as a file outside of the project, is read from the disk by all.
        if stale || given { Err(Flaw::Stale) } else { Ok(()) }
    }
}

/// One step of the edit.
fn take(step: Step, index: &HashMap<DocKey, usize>, states: &mut [State], encoding: Encoding) -> Result<(), String> {
    match step {
        Step::Edit { key, edits, .. } => {
            let state = &mut states[index[&key]];
            let Some(now) = &state.now else { return Err(format!("the server edits {key}, which does not exist")) };
            let edits = text_edits_of(now, &edits, encoding).map_err(|why| format!("the server's edit of {key} was refused: {why}"))?;
            let after = edits.apply(now).map_err(|why| format!("the server's edit of {key} was refused: {why}"))?;
            let first = state.before.as_ref().is_some_and(|before| before.text == *now);
            state.edits = first.then_some(edits);
            state.now = Some(after);
        }
        Step::Create { key, there } => {
            let state = &mut states[index[&key]];
            if may_be_made(&key, state, there)? {
                (state.now, state.edits) = (Some(Rope::new()), None);
            }
        }
        Step::Rename { from, to, there } => {
            if states[index[&from]].now.is_none() {
                return Err(format!("the server renames {from}, which does not exist"));
            }
            if may_be_made(&to, &states[index[&to]], there)? {
                let old = &mut states[index[&from]];
                let (now, origin) = (old.now.take(), old.before.clone());
                old.edits = None;
                let new = &mut states[index[&to]];
                (new.now, new.moved, new.edits) = (now, origin, None);
            }
        }
        Step::Delete { key, may_be_gone } => {
            let state = &mut states[index[&key]];
            if state.now.take().is_none() && !may_be_gone {
                return Err(format!("the server deletes {key}, which does not exist"));
            }
            state.edits = None;
        }
    }
    Ok(())
}

fn may_be_made(key: &DocKey, state: &State, there: There) -> Result<bool, String> {
    match (&state.now, there) {
        (None, _) | (Some(_), There::Replaced) => Ok(true),
        (Some(_), There::Stays) => Ok(false),
        (Some(_), There::Fault) => Err(format!("the server makes {key}, which exists already")),
    }
}

#[cfg(test)]
mod tests {
    use lsp_client::semantic::edit;
    use serde_json::{Value, json};

    use super::*;

    fn at(line: u32, from: u32, to: u32) -> Value {
        json!({ "start": { "line": line, "character": from }, "end": { "line": line, "character": to } })
    }

    /// What `edit` makes of these files: names and texts, or why it is refused.
    fn check(files: &[(&str, Option<&str>)], edit: &Value, expect: Result<&[(&str, Option<&str>)], &str>) {
        let snapshot = |name: &str, text: &str| Snapshot {
            key: DocKey::file(name),
            text: Rope::from_str(text),
            origin: Origin::Buffer { version: 1, dirty: true },
            language: "".into(),
        };
        let mut states: Vec<State> = files
            .iter()
            .map(|(name, text)| {
                let before = text.map(|text| snapshot(name, text));
                State { now: before.as_ref().map(|before| before.text.clone()), before, edits: None, moved: None }
            })
            .collect();
        let index: HashMap<DocKey, usize> = files.iter().map(|(name, _)| DocKey::file(name)).zip(0..).collect();
        let steps = edit::read(edit).expect("an edit");
        let done = steps.into_iter().try_for_each(|step| take(step, &index, &mut states, Encoding::Utf8));
        let got: Vec<(&str, Option<String>)> =
            files.iter().zip(&states).map(|((name, _), state)| (*name, state.now.as_ref().map(ToString::to_string))).collect();
        match (done, expect) {
            (Ok(()), Ok(expect)) => {
                assert_eq!(got.iter().map(|(name, text)| (*name, text.as_deref())).collect::<Vec<_>>(), expect, "{edit}");
            }
            (Err(why), Err(expect)) => assert!(why.contains(expect), "{why}"),
            (done, expect) => panic!("{edit}: {done:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn steps_count_one_after_the_other() {
        let text = |uri: &str, edits: Value| json!({ "textDocument": { "uri": uri, "version": null }, "edits": edits });
        let x = json!([{ "range": at(0, 0, 1), "newText": "x" }]);
        let of = |changes: Value| json!({ "documentChanges": changes });
        check(&[("/a", Some("ab"))], &of(json!([text("file:///a", x.clone())])), Ok(&[("/a", Some("xb"))]));
        check(
            &[("/a", Some("ab")), ("/b", None)],
            &of(json!([{ "kind": "rename", "oldUri": "file:///a", "newUri": "file:///b" }, text("file:///b", x.clone())])),
            Ok(&[("/a", None), ("/b", Some("xb"))]),
        );
        check(
            &[("/n", None)],
            &of(
                json!([{ "kind": "create", "uri": "file:///n" }, text("file:///n", json!([{ "range": at(0, 0, 0), "newText": "new\n" }]))]),
            ),
            Ok(&[("/n", Some("new\n"))]),
        );
        check(&[("/a", Some("ab"))], &of(json!([{ "kind": "delete", "uri": "file:///a" }])), Ok(&[("/a", None)]));
        check(
            &[("/a", Some("ab"))],
            &of(json!([{ "kind": "create", "uri": "file:///a", "options": { "ignoreIfExists": true } }])),
            Ok(&[("/a", Some("ab"))]),
        );
        check(&[("/a", Some("ab"))], &of(json!([{ "kind": "create", "uri": "file:///a" }])), Err("exists already"));
        check(&[("/a", None)], &of(json!([text("file:///a", x)])), Err("does not exist"));
        check(&[("/a", None)], &of(json!([{ "kind": "delete", "uri": "file:///a" }])), Err("does not exist"));
        let both = json!([{ "range": at(0, 0, 2), "newText": "x" }, { "range": at(0, 1, 3), "newText": "y" }]);
        check(&[("/a", Some("abc"))], &json!({ "changes": { "file:///a": both } }), Err("overlap"));
    }
}
