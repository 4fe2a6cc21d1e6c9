//! What came and what went since the turn began, of all that servers say.
//!
//! Pure. **Invariant:** a server that has not looked at the newest text is not compared; what nobody knew before is not called new.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use lsp_client::{Delta, Diagnostic, Known, Moment, Point, Report, Severity, render};
use ropey::Rope;
use workspace::DocKey;

use super::editor::{self, Editor};
use super::{Server, Work};

/// What a server said of a file at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) items: Arc<[Diagnostic]>,
    pub(super) text: Option<Rope>,
}

impl Seen {
    fn moment(&self) -> Moment<'_> {
        Moment { items: &self.items, text: self.text.as_ref() }
    }
}

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What changed, the documents themselves first.
    changed: Vec<(DocKey, Delta)>,
    /// Errors and warnings of documents of which it is not known what was said before.
    unknown: Vec<(DocKey, Vec<Diagnostic>)>,
}

impl Told {
    /// How many errors came, or may have come.
    pub(super) fn errors(&self) -> usize {
        let unknown = self.unknown.iter().flat_map(|(_, items)| items).filter(|item| item.severity == Severity::Error).count();
        self.changed.iter().map(|(_, delta)| delta.errors()).sum::<usize>() + unknown
    }

    /// For the model; empty if nobody looks at the documents.
    pub(super) fn words(&self, reports: &[Report], base: &Path) -> String {
        let mut text = render::deltas(&self.changed, base);
        for (key, items) in &self.unknown {
            let name = render::name(key, base);
            text += &format!("{name}: now has (whether it had them before your changes is not known)\n{}", render::entries(items, base));
        }
        if text.is_empty() && reports.is_empty() {
            return text;
        }
        if text.is_empty() && reports.iter().all(|report| report.state.is_fresh()) {
            text = "no new errors or warnings\n".to_owned();
        }
        let states = render::states(reports);
        let end = if states.is_empty() { "" } else { "\n" };
        format!("<diagnostics>\n{text}{states}{end}</diagnostics>")
    }
}

/// Compares what is known now with what was before the turn, and with what was told last. `documents` are those that were changed.
pub(super) fn look(work: &mut Work, known: &[Known], reports: &[Report], documents: &[DocKey], editor: &Editor) -> Told {
    let mut told = Told::default();
    let mut covered: HashMap<&DocKey, HashSet<Option<String>>> = HashMap::new();
    // What the editor shows of documents of which it is not known what it showed before.
    let mut shown: Vec<&(DocKey, Seen)> = editor.parts.iter().collect();
    for of_key @ (key, now) in &editor.whole {
        let name = (editor::name(), key.clone());
        let before = work.before.get(&name).cloned().or_else(|| work.created.contains(key).then(Seen::default));
        match &before {
            Some(before) => {
                let sources = before.items.iter().chain(now.items.iter()).map(|item| item.source.clone());
                covered.insert(key, sources.collect());
            }
            None => shown.push(of_key),
        }
        told.add(key, delta(before.as_ref(), work.last.get(&name), now, true));
        work.last.insert(name, now.clone());
    }
    for one in known {
        let server: Server = (Arc::clone(&one.server), one.root.clone());
        let mut own = reports.iter().filter(|report| report.server == server.0 && report.root == server.1).peekable();
        // One that does not look at these documents, or has not yet.
        if own.peek().is_none() || !own.clone().all(|report| report.current) {
            continue;
        }
        let all_fresh = own.all(|report| report.state.is_fresh());
        let mut keys: Vec<DocKey> = one.files.iter().map(|file| file.key.clone()).collect();
        keys.extend(documents.iter().cloned());
        keys.extend(work.last.keys().chain(work.before.keys()).filter(|(of, _)| *of == server).map(|(_, key)| key.clone()));
        keys.sort();
        keys.dedup();
        for key in keys {
            let name = (server.clone(), key.clone());
            let file = one.files.iter().find(|file| file.key == key);
            let now = file.map_or_else(Seen::default, |file| Seen { items: Arc::clone(&file.items), text: file.text.clone() });
            let before = work.before.get(&name).cloned();
            let nothing = work.created.contains(&key) || work.ready.contains(&server);
            match before.or_else(|| nothing.then(Seen::default)) {
                Some(before) => {
                    let mut delta = delta(Some(&before), work.last.get(&name), &now, all_fresh);
                    // What the editor says of the same source is what the user sees.
                    if let Some(covered) = covered.get(&key) {
                        let other = |item: &Diagnostic| !covered.contains(&item.source);
                        delta.introduced.retain(other);
                        delta.resolved.retain(other);
                    }
                    told.add(&key, delta);
                }
                None if documents.contains(&key) => told.add_unknown(work, &key, &now),
                None => {}
            }
            work.last.insert(name, now);
        }
    }
    for (key, now) in shown.into_iter().filter(|(key, _)| documents.contains(key)) {
        let ours = known.iter().flat_map(|one| &one.files).filter(|file| file.key == *key).flat_map(|file| file.items.iter());
        let ours: HashSet<_> = ours.map(identity).collect();
        let items: Vec<Diagnostic> = now.items.iter().filter(|item| !ours.contains(&identity(item))).cloned().collect();
        told.add_unknown(work, key, &Seen { items: items.into(), text: now.text.clone() });
    }
    told.changed.sort_by_key(|(key, delta)| (!documents.contains(key), std::cmp::Reverse(delta.errors())));
    told
}

/// What came since `before`, and what went since the last look. While a check is running, what it said before is not gone.
fn delta(before: Option<&Seen>, last: Option<&Seen>, now: &Seen, all_fresh: bool) -> Delta {
    let since = |seen: &Seen| Delta::between(seen.moment(), now.moment());
    let introduced = before.map(since).unwrap_or_default().introduced;
    let resolved = last.or(before).filter(|_| all_fresh).map(since).unwrap_or_default().resolved;
    Delta { introduced, resolved }
}

/// What makes two of one document the same one, whoever says it: the same server has one name here and another one there (`typescript`, `ts`), and tells more or less.
fn identity(item: &Diagnostic) -> (Point, &str) {
    (item.start, &item.message)
}

/// Those that are not there yet.
pub(super) fn join(all: &mut Vec<Diagnostic>, more: Vec<Diagnostic>) {
    for item in more {
        if !all.iter().any(|other| identity(other) == identity(&item)) {
            all.push(item);
        }
    }
    all.sort_by_key(|item| (item.severity, item.start));
}

impl Told {
    fn add(&mut self, key: &DocKey, delta: Delta) {
        if delta.is_empty() {
            return;
        }
        match self.changed.iter_mut().find(|(other, _)| other == key) {
            Some((_, together)) => {
                join(&mut together.introduced, delta.introduced);
                join(&mut together.resolved, delta.resolved);
            }
            None => self.changed.push((key.clone(), delta)),
        }
    }

    /// What is said of a document of which it is not known what was said before; but that which the editor showed then was there.
    fn add_unknown(&mut self, work: &Work, key: &DocKey, now: &Seen) {
        let before = work.before.get(&(editor::name(), key.clone())).cloned().unwrap_or_default();
        let mut grave = Delta::between(before.moment(), now.moment()).introduced;
        grave.retain(|item| item.severity <= Severity::Warning);
        if grave.is_empty() {
            return;
        }
        match self.unknown.iter_mut().find(|(other, _)| other == key) {
            Some((_, together)) => join(together, grave),
            None => self.unknown.push((key.clone(), grave)),
        }
    }
}

#[cfg(test)]
mod tests;
