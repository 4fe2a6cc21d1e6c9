//! Waiting prompts as diagnostics: at the place they concern, and in the chat.
//!
//! Owns which prompt is shown where. Must not settle one.
//!
//! **Invariant:** every waiting prompt has a diagnostic on some document, which follows its lines; a settled one has none.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine::{Engine, Waiting};
use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString, Position, Range, Url};
use proto::{PermissionId, PermissionRequest};
use tokio::sync::mpsc;
use workspace::{DocKey, TextEdit};

use crate::lsp::chat::text;
use crate::lsp::client::Client;
use crate::lsp::documents::{DocEvent, Documents};
use crate::lsp::positions;

/// What our diagnostics are called by.
pub const SOURCE: &str = "interline";

/// A prompt that is shown.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The prompt.
    pub id: PermissionId,
    /// What is asked, in one line.
    pub title: String,
    /// What "always" would allow, in words.
    pub always: String,
    key: DocKey,
    range: std::ops::Range<usize>,
    lines: (usize, usize),
}

/// A handle. Cheap to clone.
#[derive(Clone)]
pub struct Marks {
    refresh: mpsc::UnboundedSender<()>,
    shown: Arc<Mutex<Vec<Mark>>>,
    chat: DocKey,
}

impl Marks {
    /// Starts the task that publishes.
    #[must_use]
    pub fn start(client: Client, documents: Documents, engine: Engine, chat: DocKey) -> Self {
        let (refresh, orders) = mpsc::unbounded_channel();
        let shown = Arc::new(Mutex::default());
        let publisher = Publisher { client, documents, engine, chat: chat.clone(), shown: Arc::clone(&shown), published: HashMap::new() };
        tokio::spawn(publisher.run(orders));
        Self { refresh, shown, chat }
    }

    /// Something was asked or settled.
    pub fn refresh(&self) {
        // The task is gone only at the process' end.
        let _ = self.refresh.send(());
    }

    /// The prompts that are shown on these lines of a document; in the chat all of them.
    #[must_use]
    pub fn at(&self, key: &DocKey, lines: (usize, usize)) -> Vec<Mark> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let here = |mark: &&Mark| *key == self.chat || (mark.key == *key && mark.lines.0 <= lines.1 && mark.lines.1 >= lines.0);
        shown.iter().filter(here).cloned().collect()
    }
}

struct Publisher {
    client: Client,
    documents: Documents,
    engine: Engine,
    chat: DocKey,
    shown: Arc<Mutex<Vec<Mark>>>,
    published: HashMap<DocKey, Vec<Diagnostic>>,
}

impl Publisher {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<()>) {
        let mut events = self.documents.subscribe();
        loop {
            tokio::select! {
                order = orders.recv() => {
                    if order.is_none() {
                        return;
                    }
                    self.take_over();
                    self.publish().await;
                }
                Some(event) = events.recv() => {
                    let mut any = !self.marks().is_empty();
                    if let DocEvent::Changed { key, edits, .. } = &event {
                        any &= self.moved(key, edits);
                    }
                    // A burst of keystrokes is published once.
                    if any && events.is_empty() {
                        self.publish().await;
                    }
                }
            }
        }
    }

    fn marks(&self) -> std::sync::MutexGuard<'_, Vec<Mark>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what waits now; what is shown already keeps the place to which it has moved.
    fn take_over(&self) {
        let waiting = self.engine.waiting();
        let mut marks = self.marks();
        marks.retain(|mark| waiting.iter().any(|w| w.request.id == mark.id));
        for prompt in waiting {
            if !marks.iter().any(|mark| mark.id == prompt.request.id) {
                marks.push(self.mark(&prompt));
            }
        }
    }

    fn mark(&self, prompt: &Waiting) -> Mark {
        let request = &prompt.request;
        let title = request.metadata["title"]
            .as_str()
            .map_or_else(|| format!("{} {}", request.permission, request.patterns.join(", ")), str::to_owned);
        let (key, range, lines) = match &prompt.place {
            Some(place) => (place.key.clone(), place.range.clone(), place.lines),
            None => {
                let file = request.metadata["filepath"].as_str().map(Path::new).filter(|path| path.is_absolute()).map(DocKey::file);
                (file.unwrap_or_else(|| self.chat.clone()), 0..0, (0, 0))
            }
        };
        Mark { id: request.id.clone(), title: one_line(&title), always: one_line(&always(request)), key, range, lines }
    }

    /// Moves the marks of a document with its text. False if there are none.
    fn moved(&self, key: &DocKey, edits: &[TextEdit]) -> bool {
        let mut any = false;
        for mark in self.marks().iter_mut().filter(|mark| mark.key == *key) {
            any = true;
            mark.range = moved(mark.range.start, edits, true)..moved(mark.range.end, edits, false);
            mark.range.end = mark.range.end.max(mark.range.start);
        }
        any || *key == self.chat
    }

    async fn publish(&mut self) {
        let marks = self.marks().clone();
        let mut now: HashMap<DocKey, Vec<Diagnostic>> = HashMap::new();
        let chat = self.documents.find(&self.chat).await;
        for mut mark in marks {
            let range = match self.documents.find(&mark.key).await {
                Some(document) => {
                    let range = mark.range.start.min(document.text.len_bytes())..mark.range.end.min(document.text.len_bytes());
                    let place = crate::lsp::face::place_in(&document, range);
                    mark.lines = place.lines;
                    positions::lsp_range(&document.text, &place.range, self.client.caps().encoding)
                }
                None => lines_range(mark.lines),
            };
            if let Some(kept) = self.marks().iter_mut().find(|kept| kept.id == mark.id) {
                kept.lines = mark.lines;
            }
            if let Some(document) = chat.as_ref().filter(|_| mark.key != self.chat) {
                let line = text::prompt_line(&document.text);
                now.entry(self.chat.clone()).or_default().push(diagnostic(&mark, lines_range((line, line))));
            }
            now.entry(mark.key.clone()).or_default().push(diagnostic(&mark, range));
        }
        let keys: HashSet<_> = now.keys().chain(self.published.keys()).cloned().collect();
        for key in keys {
            let diagnostics = now.get(&key).cloned().unwrap_or_default();
            if self.published.get(&key) == Some(&diagnostics) {
                continue;
            }
            let document = self.documents.find(&key).await;
            let spelled = document.as_ref().map_or_else(|| key.to_uri(), |d| d.uri.to_string());
            match Url::parse(&spelled) {
                Ok(uri) => self.client.publish_diagnostics(uri, diagnostics.clone(), document.map(|d| d.version)).await,
                Err(error) => tracing::error!("a prompt cannot be shown at {spelled}: {error}"),
            }
            if diagnostics.is_empty() {
                self.published.remove(&key);
            } else {
                self.published.insert(key, diagnostics);
            }
        }
    }
}

/// What "always" would allow, in words.
pub fn always(request: &PermissionRequest) -> String {
    let patterns = request.always.join(", ");
    if patterns == "*" { format!("every {} in this project", request.permission) } else { format!("{} {patterns}", request.permission) }
}

fn diagnostic(mark: &Mark, range: Range) -> Diagnostic {
    Diagnostic {
        range,
        severity: Some(DiagnosticSeverity::WARNING),
        code: Some(NumberOrString::String("permission".into())),
        source: Some(SOURCE.into()),
        message: format!("Interline asks for permission: {} (answer by a code action here)", mark.title),
        data: Some(serde_json::json!({"id": mark.id})),
        ..Diagnostic::default()
    }
}

fn lines_range(lines: (usize, usize)) -> Range {
    let line = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Range::new(Position::new(line(lines.0), 0), Position::new(line(lines.1), 0))
}

fn one_line(text: &str) -> String {
    const LONGEST: usize = 160;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST - 1).chain(['…']).collect() }
}

/// Where an offset of the old text is in the new one. An insertion at the offset itself moves it only where `after`.
fn moved(offset: usize, edits: &[TextEdit], after: bool) -> usize {
    let (mut removed, mut added) = (0, 0);
    for edit in edits {
        if edit.range.start > offset || (edit.range.start == offset && !after) {
            break;
        }
        if edit.range.end > offset {
            // It was within what was replaced: it stands at its beginning.
            return edit.range.start - removed + added;
        }
        removed += edit.range.len();
        added += edit.text.len();
    }
    offset - removed + added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_move_with_the_text() {
        let edit = |range: std::ops::Range<usize>, text: &str| TextEdit { range, text: text.into() };
        assert_eq!(moved(10, &[edit(0..0, "abc")], true), 13);
        assert_eq!(moved(10, &[edit(0..4, "")], true), 6);
        assert_eq!(moved(10, &[edit(12..12, "abc")], true), 10);
        assert_eq!(moved(10, &[edit(10..10, "abc")], true), 13);
        assert_eq!(moved(10, &[edit(10..10, "abc")], false), 10);
        assert_eq!(moved(10, &[edit(2..3, "xyz"), edit(8..12, "q")], true), 10);
    }
}
