//! What `interline run` prints of a turn: the answer on standard output, everything else on standard error.
//!
//! Must not know what was asked, nor decide anything but how it ends.
//!
//! **Invariant:** standard output holds the answer, or one JSON event a line, and nothing else; the status is 0 only if the turn ended well.

use std::process::ExitCode;
use std::sync::Arc;

use engine::Engine;
use proto::{Event, Message, NumberedEvent, Part, PartKind, SessionId, ToolState};
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Format;
use crate::{output, usage};

/// What ends a run from outside, and its status then, as shells have it.
pub(super) struct Signals(Option<[(Signal, u8); 3]>);

/// How a run ended.
pub(super) struct Ending {
    /// The process' status.
    pub code: ExitCode,
    /// Why the turn ended.
    pub reason: String,
    /// The user, or the system, wants it to end at once.
    pub interrupted: bool,
}

impl Signals {
    /// Where they cannot be caught, they end the process in their own way.
    pub(super) fn catch() -> Self {
        let caught = |kind: SignalKind| Some((signal(kind).ok()?, u8::try_from(128 + kind.as_raw_value()).ok()?));
        let all = || Some([caught(SignalKind::interrupt())?, caught(SignalKind::terminate())?, caught(SignalKind::hangup())?]);
        Self(all())
    }

    /// The status of the next one.
    pub(super) async fn next(&mut self) -> u8 {
        let Some([int, term, hup]) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            Some(()) = int.0.recv() => int.1,
            Some(()) = term.0.recv() => term.1,
            Some(()) = hup.0.recv() => hup.1,
            else => std::future::pending().await,
        }
    }
}

/// Prints it.
pub(super) struct Printer {
    format: Format,
    /// Whether it is said what the turn used.
    cost: bool,
    session: Option<SessionId>,
    /// The part of the answer that is being printed.
    text: Option<proto::PartId>,
    /// The last line that was printed has not ended.
    open: bool,
}

impl Printer {
    /// `cost`: whether it is said at the end what the turn used.
    pub(super) fn new(format: Format, cost: bool) -> Self {
        Self { format, cost, session: None, text: None, open: false }
    }

    /// Prints until the turn ends.
    pub(super) async fn show(
        mut self,
        engine: &Engine,
        asked: &engine::Asked,
        events: &mut UnboundedReceiver<Arc<NumberedEvent>>,
        signals: &mut Signals,
    ) -> Ending {
        self.session = Some(asked.session.clone());
        let mut failed = false;
        let mut interrupted = None;
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                status = signals.next(), if interrupted.is_none() => {
                    interrupted = Some(status);
                    if !engine.cancel(Some(&asked.session)) {
                        return Ending { code: ExitCode::from(status), reason: "cancelled".into(), interrupted: true };
                    }
                    continue;
                }
            };
            let Some(event) = event else { return Ending { code: ExitCode::FAILURE, reason: "error".into(), interrupted: false } };
            // What subagents do is told by the call that started them; what they ask, by themselves.
            let asks = matches!(event.event, Event::PermissionAsked(_) | Event::QuestionAsked(_));
            if *event.event.session_id() != asked.session && !asks {
                continue;
            }
            match &event.event {
                Event::SessionIdle { reason, usage, .. } => {
                    self.end_line();
                    if let Some(used) = usage.as_ref().filter(|_| self.cost).and_then(usage::all) {
                        output::note(&used);
                    }
                    let (word, words) = reason.split_once(": ").unwrap_or((reason, ""));
                    if word != "done" && !failed {
                        self.error(if words.is_empty() { word } else { words });
                    }
                    let code = if let Some(status) = interrupted {
                        ExitCode::from(status)
                    } else if word == "done" && !failed {
                        ExitCode::SUCCESS
                    } else {
                        ExitCode::FAILURE
                    };
                    return Ending { code, reason: reason.clone(), interrupted: interrupted.is_some() };
                }
                Event::SessionError { error, .. } => {
                    failed = true;
                    self.end_line();
                    self.error(&error.data().message);
                }
                Event::SessionNotice { message, .. } => {
                    self.end_line();
                    output::note(&format!("interline: {message}"));
                }
                Event::PermissionAsked(request) => {
                    self.end_line();
                    let title = request.metadata["title"].as_str().map_or_else(|| request.patterns.join(", "), str::to_owned);
                    output::note(&format!("interline: waits for permission: {} {title}", request.permission));
                }
                Event::QuestionAsked(request) => {
                    self.end_line();
                    let first = request.questions.first().map_or("", |question| question.question.as_str());
                    output::note(&format!("interline: waits for an answer: {first}"));
                }
                Event::SessionStatus { status: proto::SessionStatus::Retry { attempt, message, next }, .. } => {
                    let seconds = (next - now_ms()).max(0) / 1000 + 1;
                    output::note(&format!("interline: {message} Trying again in {seconds} s (try {}).", attempt + 1));
                }
                Event::PartDelta { part_id, delta, .. } if self.format == Format::Text => self.words(part_id, delta),
                Event::MessageUpdated { info: Message::User(_) } => {}
                Event::PartUpdated { part } if part.message_id != asked.turn => self.part(part),
                _ => {}
            }
        }
    }

    fn words(&mut self, part: &proto::PartId, delta: &str) {
        if self.text.as_ref() == Some(part) {
            output::write(delta);
            self.open = if delta.is_empty() { self.open } else { !delta.ends_with('\n') };
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.open) {
            output::line("");
        }
    }

    fn part(&mut self, part: &Part) {
        match self.format {
            Format::Text => self.text_part(part),
            Format::Json => self.json_part(part),
        }
    }

    fn text_part(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text { text, time: Some(time), synthetic: None } if time.end.is_none() && text.is_empty() => {
                self.end_line();
                self.text = Some(part.id.clone());
            }
            PartKind::Tool { tool, state: ToolState::Completed { title, .. }, .. } => output::note(&format!("· {tool} {title}")),
            PartKind::Tool { tool, state: ToolState::Error { error, .. }, .. } => output::note(&format!("· {tool} failed: {error}")),
            _ => {}
        }
    }

    fn json_part(&self, part: &Part) {
        let kind = match &part.kind {
            PartKind::StepStart {} => "step_start",
            PartKind::StepFinish { .. } => "step_finish",
            PartKind::Text { time: Some(time), synthetic: None, .. } if time.end.is_some() => "text",
            PartKind::Tool { state: ToolState::Completed { .. } | ToolState::Error { .. }, .. } => "tool_use",
            _ => return,
        };
        self.json(kind, json!({"part": part}));
    }

    fn json(&self, kind: &str, more: Value) {
        let mut row = json!({"type": kind, "timestamp": now_ms(), "sessionID": self.session});
        if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
            row.extend(more);
        }
        output::line(&row.to_string());
    }

    /// Says what went wrong.
    pub(super) fn error(&self, message: &str) {
        output::note(&format!("interline: {message}"));
        if self.format == Format::Json {
            let session = self.session.as_ref().map_or("", SessionId::as_str);
            output::line(&json!({"type": "error", "timestamp": now_ms(), "sessionID": session, "error": {"name": "UnknownError", "data": {"message": message}}}).to_string());
        }
    }
}

fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
