//! Waiting prompts and questions as diagnostics: at the place they concern, and in the chat.
//!
//! Owns which prompt is shown where. Must not settle one.
//!
//! **Invariant:** every waiting prompt has a diagnostic on some document, which follows its lines; a settled one has none.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use engine::{Engine, Waiting, WaitingQuestion};
use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString, Position, Range};
use proto::{PermissionId, PermissionRequest, QuestionId};
use tokio::sync::{mpsc, oneshot};
use workspace::{DocKey, TextEdit};

use crate::lsp::board::{Board, List, Source};
use crate::lsp::chat::text;
use crate::lsp::client::Client;
use crate::lsp::documents::{DocEvent, Documents};
use crate::lsp::positions;

/// What our diagnostics are called by.
pub const SOURCE: &str = "interline";

/// What waits for the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A permission prompt.
    Permission {
        /// Its id.
        id: PermissionId,
        /// What "always" would allow, in words.
        always: String,
    },
    /// A question.
    Question {
        /// Its request's id.
        id: QuestionId,
        /// Which of the request's questions.
        at: usize,
        /// What can be chosen.
        labels: Vec<String>,
    },
}

/// A prompt or question that is shown.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What it is.
    pub subject: Subject,
    /// What is asked, in one line.
    pub title: String,
    key: DocKey,
    range: std::ops::Range<usize>,
    lines: (usize, usize),
}

impl Mark {
    /// The line of the document at which it begins, zero-based.
    #[must_use]
    pub fn first_line(&self) -> usize {
        self.lines.0
    }
}

/// A handle. Cheap to clone.
#[derive(Clone)]
pub struct Marks {
    orders: mpsc::UnboundedSender<Order>,
}

enum Order {
    /// Something was asked or settled. The reply comes when that is published.
    Refresh(oneshot::Sender<()>),
    /// What is shown on these lines of a document?
    At(DocKey, (usize, usize), oneshot::Sender<Vec<Mark>>),
}

impl Marks {
    /// Starts the task that publishes.
    #[must_use]
    pub fn start(client: Client, documents: Documents, board: Board, engine: Engine, chat: DocKey) -> Self {
        let (orders, queue) = mpsc::unbounded_channel();
        let events = documents.subscribe();
        let publisher = Publisher { client, documents, board, engine, chat, events, shown: Vec::new(), published: HashSet::new() };
        tokio::spawn(publisher.run(queue));
        Self { orders }
    }

    /// Something was asked or settled.
    pub fn refresh(&self) {
        // The task is gone only at the process' end.
        let _ = self.orders.send(Order::Refresh(oneshot::channel().0));
    }

    /// The same; returns when what waits now is published, and nothing else.
    pub async fn refreshed(&self) {
        let (done, published) = oneshot::channel();
        // The task is gone only at the process' end.
        let _ = self.orders.send(Order::Refresh(done));
        let _ = published.await;
    }

    /// The prompts that are shown on these lines of a document as it is now; in the chat all of them.
    pub async fn at(&self, key: &DocKey, lines: (usize, usize)) -> Vec<Mark> {
        let (reply, answer) = oneshot::channel();
        // The task is gone only at the process' end.
        let _ = self.orders.send(Order::At(key.clone(), lines, reply));
        answer.await.unwrap_or_default()
    }
}

struct Publisher {
    client: Client,
    documents: Documents,
    board: Board,
    engine: Engine,
    chat: DocKey,
    events: mpsc::UnboundedReceiver<DocEvent>,
    shown: Vec<Mark>,
    /// Documents with diagnostics.
    published: HashSet<DocKey>,
}

impl Publisher {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Refresh(done)) => {
                        self.take_over();
                        self.publish().await;
                        // Mostly nobody waits for it.
                        let _ = done.send(());
                    }
                    Some(Order::At(key, lines, reply)) => {
                        self.catch_up().await;
                        let here = |mark: &&Mark| key == self.chat || (mark.key == key && mark.lines.0 <= lines.1 && mark.lines.1 >= lines.0);
                        // The one who asked may be gone.
                        let _ = reply.send(self.shown.iter().filter(here).cloned().collect());
                    }
                },
                Some(event) = self.events.recv() => {
                    let moved = self.follow(&event);
                    // A burst of keystrokes is published once.
                    if moved && self.events.is_empty() {
                        self.publish().await;
                    }
                }
            }
        }
    }

    /// Follows all that has happened to the documents before now.
    async fn catch_up(&mut self) {
        let mut moved = false;
        while let Ok(event) = self.events.try_recv() {
            moved |= self.follow(&event);
        }
        if moved {
            self.publish().await;
        }
    }

    /// Whether what is shown may have to be published anew.
    fn follow(&mut self, event: &DocEvent) -> bool {
        if self.shown.is_empty() {
            return false;
        }
        match event {
            DocEvent::Changed { key, edits, .. } => self.moved(key, edits),
            DocEvent::Opened { .. } | DocEvent::Closed { .. } | DocEvent::Saved { .. } => true,
        }
    }

    /// Shows what waits now; what is shown already keeps the place to which it has moved.
    fn take_over(&mut self) {
        let prompts = self.engine.waiting().into_iter().map(|prompt| self.mark(&prompt));
        let questions = self.engine.questions().into_iter().map(|question| self.question(&question));
        let kept = |mark: Mark| self.shown.iter().find(|shown| shown.subject == mark.subject).cloned().unwrap_or(mark);
        self.shown = prompts.chain(questions).map(kept).collect();
    }

    fn question(&self, waiting: &WaitingQuestion) -> Mark {
        let at = waiting.answers.len();
        let question = waiting.request.questions.get(at);
        let labels = question.map(|q| q.options.iter().map(|o| o.label.clone()).collect()).unwrap_or_default();
        let title = question.map(|q| one_line(&q.question)).unwrap_or_default();
        let place = waiting.place.as_ref().map(|place| (place.key.clone(), place.range.clone(), place.lines));
        let (key, range, lines) = place.unwrap_or_else(|| (self.chat.clone(), 0..0, (0, 0)));
        Mark { subject: Subject::Question { id: waiting.request.id.clone(), at, labels }, title, key, range, lines }
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
        let subject = Subject::Permission { id: request.id.clone(), always: one_line(&always(request)) };
        Mark { subject, title: one_line(&title), key, range, lines }
    }

    /// Moves the marks of a document with its text. False if there are none.
    fn moved(&mut self, key: &DocKey, edits: &[TextEdit]) -> bool {
        let mut any = false;
        for mark in self.shown.iter_mut().filter(|mark| mark.key == *key) {
            any = true;
            mark.range = moved(mark.range.start, edits, true)..moved(mark.range.end, edits, false);
            mark.range.end = mark.range.end.max(mark.range.start);
        }
        any || *key == self.chat
    }

    async fn publish(&mut self) {
        let marks = self.shown.clone();
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
            if let Some(kept) = self.shown.iter_mut().find(|kept| kept.subject == mark.subject) {
                kept.lines = mark.lines;
            }
            if let Some(document) = chat.as_ref().filter(|_| mark.key != self.chat) {
                let line = text::prompt_line(&document.text);
                now.entry(self.chat.clone()).or_default().push(diagnostic(&mark, lines_range((line, line))));
            }
            now.entry(mark.key.clone()).or_default().push(diagnostic(&mark, range));
        }
        let before = std::mem::replace(&mut self.published, now.keys().cloned().collect());
        for key in before.into_iter().filter(|key| !now.contains_key(key)) {
            self.board.put(Source::Prompts, &key, List::default()).await;
        }
        for (key, diagnostics) in now {
            self.board.put(Source::Prompts, &key, List::of(diagnostics)).await;
        }
    }
}

/// What "always" would allow, in words.
pub fn always(request: &PermissionRequest) -> String {
    let patterns = request.always.join(", ");
    if patterns == "*" { format!("every {} in this project", request.permission) } else { format!("{} {patterns}", request.permission) }
}

fn diagnostic(mark: &Mark, range: Range) -> Diagnostic {
    let (code, message, data) = match &mark.subject {
        Subject::Permission { id, .. } => (
            "permission",
            format!("Interline asks for permission: {} (answer by a code action here)", mark.title),
            serde_json::json!({"id": id}),
        ),
        Subject::Question { id, .. } => (
            "question",
            format!("Interline asks: {} (answer by a code action here, or in the chat)", mark.title),
            serde_json::json!({"id": id}),
        ),
    };
    Diagnostic {
        range,
        severity: Some(DiagnosticSeverity::WARNING),
        code: Some(NumberOrString::String(code.into())),
        source: Some(SOURCE.into()),
        message,
        data: Some(data),
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
