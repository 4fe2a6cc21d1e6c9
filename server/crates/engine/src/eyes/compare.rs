//! What came and what went since the turn began, of all that servers say.
//!
//! Pure. **Invariant:** a server that has not looked at the newest text is not compared; what nobody knew before is not called new.

use std::path::Path;
use std::sync::Arc;

use lsp_client::{Delta, Diagnostic, Known, Moment, Report, Severity, render};
use ropey::Rope;
use workspace::DocKey;

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
    /// How many errors came.
    pub(super) fn errors(&self) -> usize {
        self.changed.iter().map(|(_, delta)| delta.errors()).sum()
    }

    /// For the model; empty if no server looks at the documents.
    pub(super) fn words(&self, reports: &[Report], base: &Path) -> String {
        if reports.is_empty() {
            return String::new();
        }
        let mut text = render::deltas(&self.changed, base);
        for (key, items) in &self.unknown {
            let name = render::name(key, base);
            text += &format!("{name}: now has (whether it had them before your changes is not known)\n{}", render::entries(items, base));
        }
        if text.is_empty() && reports.iter().all(|report| report.state.is_fresh()) {
            text = "no new errors or warnings\n".to_owned();
        }
        format!("<diagnostics>\n{text}{}\n</diagnostics>", render::states(reports))
    }
}

/// Compares what is known now with what was before the turn, and with what was told last. `documents` are those that were changed.
pub(super) fn look(work: &mut Work, known: &[Known], reports: &[Report], documents: &[DocKey]) -> Told {
    let mut told = Told::default();
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
            let last = work.last.get(&name).or(before.as_ref()).cloned();
            match before.or_else(|| nothing.then(Seen::default)) {
                Some(before) => {
                    let mut delta = Delta::between(before.moment(), now.moment());
                    // While a check is running, what it said before is not gone.
                    delta.resolved = match last.filter(|_| all_fresh) {
                        Some(last) => Delta::between(last.moment(), now.moment()).resolved,
                        None => Vec::new(),
                    };
                    if !delta.is_empty() {
                        told.add(key.clone(), delta);
                    }
                }
                None if documents.contains(&key) => {
                    let grave: Vec<Diagnostic> = now.items.iter().filter(|item| item.severity <= Severity::Warning).cloned().collect();
                    if !grave.is_empty() {
                        told.unknown.push((key.clone(), grave));
                    }
                }
                None => {}
            }
            work.last.insert(name, now);
        }
    }
    told.changed.sort_by_key(|(key, delta)| (!documents.contains(key), std::cmp::Reverse(delta.errors())));
    told
}

impl Told {
    fn add(&mut self, key: DocKey, delta: Delta) {
        match self.changed.iter_mut().find(|(other, _)| *other == key) {
            Some((_, together)) => {
                together.introduced.extend(delta.introduced);
                together.resolved.extend(delta.resolved);
            }
            None => self.changed.push((key, delta)),
        }
    }
}

#[cfg(test)]
mod tests;
