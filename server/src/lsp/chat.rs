//! The chat buffer: a Markdown document of the editor's, into which answers stream.
//!
//! Owns the words that still have to be written. Must not know where they come from. One task writes, a few times a second, by versioned edits.
//!
//! **Invariant:** words are written once and in order; what the user typed in the meantime stays; where the chat is not open nothing is written, and what was
//! said meanwhile is written when it is opened.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use workspace::{DocKey, TextEdit};

use crate::lsp::documents::{DocEvent, Documents, OpenDocument};
use crate::lsp::editor_workspace::EditorWorkspace;

mod answer;
pub mod fence;
mod headings;
#[cfg(test)]
mod tests;
pub mod text;

use answer::Answer;

/// Between two edits: about four a second.
const PACE: Duration = Duration::from_millis(280);
/// How long the user's hands must be still, where they type into the answer itself.
const STILL: Duration = Duration::from_millis(600);
/// Most bytes of questions and answers that wait for a chat that is not open: of more, the oldest are in the session alone.
const MOST_WAITING: usize = 1 << 18;

/// A handle to the chat. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    queue: mpsc::UnboundedSender<Order>,
}

enum Order {
    /// The draft was sent; whether an answer is still being written.
    CloseDraft { busy: bool, done: oneshot::Sender<bool> },
    /// A message that the user wants to write.
    BeginDraft(String),
    /// A question that was asked elsewhere; whether an answer is still being written.
    Question { question: String, busy: bool },
    /// Words of the answer.
    Words(String),
    /// Words below the newest draft, whatever is being answered.
    Reply(String),
    /// A line in the place of the last such line.
    Status(String),
    /// What is said from now on answers the newest message.
    AnswersNewest,
    /// The turn is over.
    TurnEnd,
    /// What was said since the last `StepEnd` will be said again.
    TakeBack,
    /// What was said so far stays.
    StepEnd,
    /// Write what is left now.
    Flush(oneshot::Sender<()>),
}

impl Chat {
    /// Starts the task.
    #[must_use]
    pub fn start(path: PathBuf, documents: Documents, workspace: Arc<EditorWorkspace>) -> Self {
        let (queue, orders) = mpsc::unbounded_channel();
        let key = DocKey::file(path);
        let writer = Writer {
            key,
            events: documents.subscribe(),
            documents,
            workspace,
            answer: None,
            version: None,
            opened: false,
            missed: VecDeque::new(),
            queued: Vec::new(),
            settled: 0,
            asked: None,
            pending: String::new(),
            held: String::new(),
            step: String::new(),
            status: String::new(),
            newer: 0,
            was_open: false,
            user_edit: None,
        };
        tokio::spawn(writer.run(orders));
        Self { queue }
    }

    /// Closes the draft: an answer's section follows it, and a new `## You`. `busy`: an earlier answer is still being written, and stays in its own
    /// section. False if the chat is not open.
    pub async fn close_draft(&self, busy: bool) -> bool {
        let (tx, rx) = oneshot::channel();
        self.send(Order::CloseDraft { busy, done: tx });
        rx.await.unwrap_or(false)
    }

    /// Begins the draft with these words, unless the user has begun it.
    pub fn begin_draft(&self, words: String) {
        self.send(Order::BeginDraft(words));
    }

    /// Shows a question that was asked elsewhere. `busy`: as for `close_draft`. Where the chat is not open, the question and its answer wait for that.
    pub fn question(&self, question: String, busy: bool) {
        self.send(Order::Question { question, busy });
    }

    /// Adds words to the answer.
    pub fn words(&self, words: String) {
        self.send(Order::Words(words));
    }

    /// Shows words in the newest section, beside an answer that may be going on above.
    pub fn reply(&self, words: String) {
        self.send(Order::Reply(words));
    }

    /// Shows a line below the answer for as long as it is true: the next one takes its place, an empty one takes it away.
    pub fn status(&self, line: String) {
        self.send(Order::Status(line));
    }

    /// From now on the words answer the newest message.
    pub fn answers_newest(&self) {
        self.send(Order::AnswersNewest);
    }

    /// The turn is over: the user can write on.
    pub fn turn_end(&self) {
        self.send(Order::TurnEnd);
    }

    /// What was said since the last `step_end` will be said again.
    pub fn take_back(&self) {
        self.send(Order::TakeBack);
    }

    /// What was said so far stays.
    pub fn step_end(&self) {
        self.send(Order::StepEnd);
    }

    /// Writes what is left, now; returns when it is written.
    pub async fn flush(&self) {
        let (tx, rx) = oneshot::channel();
        self.send(Order::Flush(tx));
        // The task is gone only at the process' end.
        let _ = rx.await;
    }

    fn send(&self, order: Order) {
        // The task is gone only at the process' end.
        let _ = self.queue.send(order);
    }
}

/// Whether the line that the words end with goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Here,
    Open,
}

struct Writer {
    key: DocKey,
    documents: Documents,
    workspace: Arc<EditorWorkspace>,
    events: mpsc::UnboundedReceiver<DocEvent>,
    /// Where the answer stands after the last event; none: it has to be looked for.
    answer: Option<Answer>,
    /// Which version the last event has made; none: none since the chat was opened.
    version: Option<i32>,
    /// The chat was opened.
    opened: bool,
    /// Questions with their answers that were not written, because the chat was not open.
    missed: VecDeque<(String, String)>,
    /// Questions that were asked while an answer to another was given, and the chat was not open.
    queued: Vec<String>,
    /// A question that stands before the pending words, for a chat that is not open yet.
    asked: Option<String>,
    /// Words to be written at the next beat.
    pending: String,
    /// How many bytes of `pending` are of steps that have ended.
    settled: usize,
    /// What is written only when words follow it: white space, and a line that may still become a heading.
    held: String,
    /// What was written since the last `StepEnd`.
    step: String,
    /// The line that stands below the answer for a while.
    status: String,
    /// How many sections there are below the one that the words go to: those of messages that were sent while it was being written.
    newer: usize,
    /// The chat was open when the answer began: where it is closed in between, the words wait.
    was_open: bool,
    /// When the user last typed into the answer.
    user_edit: Option<Instant>,
}

impl Writer {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut beat: Option<Instant> = None;
        loop {
            let due = async {
                match beat {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Words(words)) => {
                        self.pending.push_str(&words);
                        beat.get_or_insert_with(|| Instant::now() + PACE);
                    }
                    Some(Order::Status(line)) => {
                        if self.write(Ends::Open).await {
                            self.show_status(line).await;
                        }
                    }
                    Some(Order::CloseDraft { busy, done }) => {
                        self.write(if busy { Ends::Open } else { Ends::Here }).await;
                        let written = self.edit(|text, _| Some(text::close_draft(text))).await;
                        self.sent(written, busy).await;
                        // The one who asked may be gone.
                        let _ = done.send(written);
                    }
                    Some(Order::BeginDraft(words)) => {
                        self.edit(|text, _| text::begin_draft(text, &words)).await;
                    }
                    Some(Order::Question { question, busy }) => {
                        self.write(if busy { Ends::Open } else { Ends::Here }).await;
                        let written = self.edit(|text, answer| Some(text::insert_question(text, &question, answer))).await;
                        if !written && busy {
                            self.queued.push(question);
                        } else if !written {
                            self.miss();
                            self.asked = Some(question);
                        }
                        self.sent(written, busy).await;
                    }
                    Some(Order::Reply(words)) => {
                        self.write(Ends::Open).await;
                        self.edit(|text, answer| Some(text::append(text, &text::escape(&words), Answer::newest(text, answer)))).await;
                    }
                    Some(Order::AnswersNewest) => {
                        if self.newer > 0 {
                            self.write(Ends::Here).await;
                            self.new_section().await;
                        }
                        for question in std::mem::take(&mut self.queued) {
                            self.miss();
                            self.asked = Some(question);
                        }
                    }
                    Some(Order::TurnEnd) => {
                        self.go_to_newest().await;
                        if self.was_open {
                            self.edit(text::restore_draft).await;
                        }
                    }
                    Some(Order::TakeBack) => {
                        self.pending.truncate(self.settled);
                        self.held.clear();
                        let step = std::mem::take(&mut self.step);
                        if !step.trim().is_empty() {
                            self.edit(|text, answer| text::take_back(text, &step, answer)).await;
                        }
                    }
                    Some(Order::StepEnd) => {
                        self.write(Ends::Here).await;
                        self.step.clear();
                        self.settled = self.pending.len();
                    }
                    Some(Order::Flush(done)) => {
                        beat = if self.write(Ends::Here).await { None } else { Some(Instant::now() + PACE) };
                        // The one who asked may be gone.
                        let _ = done.send(());
                    }
                },
                Some(event) = self.events.recv() => self.note(&event),
                () = due => {
                    let still = self.user_edit.is_none_or(|at| at.elapsed() >= STILL);
                    beat = if !still || !self.write(Ends::Open).await { Some(Instant::now() + PACE) } else { None };
                }
            }
            if std::mem::take(&mut self.opened) && self.has_news() {
                beat.get_or_insert_with(|| Instant::now() + PACE);
            }
        }
    }

    /// A message was sent; its section is there if it could be `written`.
    async fn sent(&mut self, written: bool, busy: bool) {
        self.was_open |= written;
        if !busy {
            self.new_section().await;
        } else if written {
            self.newer += 1;
        }
    }

    async fn new_section(&mut self) {
        self.held.clear();
        self.step.clear();
        self.go_to_newest().await;
    }

    /// What is written from now on goes to the newest answer.
    async fn go_to_newest(&mut self) {
        if let Some(document) = self.documents.find(&self.key).await {
            let known = self.answer_in(&document);
            self.know(&document, Answer::newest(&document.text, known));
        }
        self.newer = 0;
    }

    /// Where the answer stands in a document.
    fn know(&mut self, document: &OpenDocument, answer: Option<Answer>) {
        // Of an older text than the last event's it is no news.
        if self.version.is_none_or(|version| version <= document.version) {
            self.answer = answer;
        }
    }

    /// Follows what has happened to the chat.
    fn note(&mut self, event: &DocEvent) {
        let (edits, text) = match event {
            DocEvent::Changed { key, edits, text, version, .. } if *key == self.key => {
                self.version = Some(*version);
                (edits, text)
            }
            DocEvent::Opened { key } if *key == self.key => {
                (self.answer, self.version, self.opened) = (None, None, true);
                return;
            }
            _ => return,
        };
        let before = self.answer.take();
        self.answer = before.and_then(|answer| answer.moved(edits, text));
        let ours = |e: &TextEdit| {
            let text = e.text.replace("\r\n", "\n");
            let is_part_of = |words: &str| !words.is_empty() && words.contains(text.trim());
            !text.is_empty() && (is_part_of(last(&self.step, 2 * text.len())) || is_part_of(&self.status))
        };
        if edits.iter().any(ours) {
            return;
        }
        let before = before.or_else(|| {
            self.answer = Answer::find(text, self.newer);
            self.answer
        });
        if before.is_none_or(|answer| edits.iter().any(|edit| answer.is_touched(edit))) {
            self.user_edit = Some(Instant::now());
        }
    }

    /// The answer's place in the chat as it is, after all that has happened to it.
    fn answer_in(&mut self, document: &OpenDocument) -> Option<Answer> {
        while let Ok(event) = self.events.try_recv() {
            self.note(&event);
        }
        let known = self.answer.and_then(|answer| answer.again(&document.text));
        let answer = known.or_else(|| Answer::find(&document.text, self.newer));
        self.know(document, answer);
        answer
    }

    async fn show_status(&mut self, line: String) {
        let new = text::escape(&line);
        let old = std::mem::replace(&mut self.status, new.clone());
        if !self.edit(|text, answer| text::status(text, &old, &new, answer)).await && old.is_empty() {
            // The chat is not open: there is nothing to take away later.
            self.status.clear();
        }
    }

    /// Whether there is something to be written.
    fn has_news(&self) -> bool {
        self.asked.is_some() || !self.pending.is_empty() || !self.missed.is_empty() || !self.held.trim().is_empty()
    }

    /// What waits is over: another question follows it.
    fn miss(&mut self) {
        let words = text::escape(&format!("{}{}", std::mem::take(&mut self.held), self.take_pending()));
        let question = self.asked.take().unwrap_or_default();
        if !(question.is_empty() && words.trim().is_empty()) {
            self.missed.push_back((question, words.trim_end().to_owned()));
        }
    }

    fn take_pending(&mut self) -> String {
        self.settled = 0;
        std::mem::take(&mut self.pending)
    }

    /// Lets go of the oldest where too much waits.
    fn forget(&mut self) {
        let mut waiting = self.pending.len() + self.missed.iter().map(|(question, words)| question.len() + words.len()).sum::<usize>();
        while waiting > MOST_WAITING
            && let Some((question, words)) = self.missed.pop_front()
        {
            waiting -= question.len() + words.len();
        }
        if waiting > MOST_WAITING {
            self.take_pending();
        }
    }

    /// Writes what is pending. False if it has to be tried again.
    async fn write(&mut self, ends: Ends) -> bool {
        if !self.has_news() {
            return true;
        }
        if self.documents.find(&self.key).await.is_none() {
            self.forget();
            return true;
        }
        self.was_open = true;
        while let Some((question, words)) = self.missed.front_mut() {
            let (question, words) = (std::mem::take(question), words.clone());
            if !question.is_empty() && !self.edit(|text, answer| Some(text::insert_question(text, &question, answer))).await {
                self.missed.front_mut().into_iter().for_each(|missed| missed.0.clone_from(&question));
                return false;
            }
            self.go_to_newest().await;
            if !words.is_empty() && !self.edit(|text, answer| Some(text::append(text, &words, answer))).await {
                return false;
            }
            self.missed.pop_front();
        }
        if let Some(question) = self.asked.take() {
            if !self.edit(|text, answer| Some(text::insert_question(text, &question, answer))).await {
                self.asked = Some(question);
                return false;
            }
            self.go_to_newest().await;
        }
        let words = format!("{}{}", self.held, self.pending);
        let solid = if ends == Ends::Here { words.trim_end().len() } else { text::settled(&words) };
        if solid == 0 {
            self.held = words;
            self.take_pending();
            return true;
        }
        let (now, later) = words.split_at(solid);
        let (now, later) = (text::escape(now), later.to_owned());
        self.step.push_str(&now);
        if self.edit(|text, answer| Some(text::append(text, &now, answer))).await {
            self.take_pending();
            self.held = later;
            return true;
        }
        let kept = self.step.len() - now.len();
        self.step.truncate(kept);
        false
    }

    /// One edit of the chat as it is now. False if the chat is not open or the editor refused.
    async fn edit(&mut self, edit: impl Fn(&ropey::Rope, Option<Answer>) -> Option<TextEdit>) -> bool {
        let Some(document) = self.documents.find(&self.key).await else { return false };
        let answer = self.answer_in(&document);
        let Some(edit) = edit(&document.text, answer) else { return false };
        let edit = text::with_line_ends(&document.text, edit);
        match self.workspace.edit_open(&document.key, &document.text, vec![edit], &CancellationToken::new()).await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!("the chat could not be written: {error}");
                false
            }
        }
    }
}

/// The end of some words: that many bytes at least, as far as there are so many.
fn last(words: &str, len: usize) -> &str {
    let mut from = words.len().saturating_sub(len);
    while !words.is_char_boundary(from) {
        from -= 1;
    }
    &words[from..]
}

/// Makes the chat's file, and the folder that keeps itself out of git, where they are not there.
///
/// # Errors
/// What the system says.
pub fn ensure_file(root: &Path, path: &Path) -> std::io::Result<()> {
    workspace::ensure_interline_dir(root)?;
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text::EMPTY)
}
