//! `interline sessions attach`: a session on a terminal, wherever it runs. What is stored of it is printed, what waits can be answered, and messages can be
//! sent: they run here when nothing else runs.
//!
//! Must not know which process a turn runs in: it reads and writes the store alone, also for turns of its own.
//!
//! **Invariant:** a line that is typed answers the oldest prompt that was shown, and allows nothing that it does not say; without one nothing is allowed.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use config::{Dirs, Env};
use engine::{AskRequest, Engine, EngineError, running, watch};
use proto::{Event, Message, MessageId, MessageWithParts, Part, PartKind, PermissionReply, Session, ToolState};
use store::{Prompt, PromptReply, PromptRequest, Store};
use tokio::sync::mpsc;

use super::{Failed, ended, find, open, plain, words};
use crate::{output, run};

/// What `sessions attach` takes.
#[derive(Args)]
pub struct AttachArgs {
    /// The session; the last one of this project if none is named
    id: Option<String>,
}

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(150);

/// Shows the session until input ends and nothing runs.
pub async fn attach(args: AttachArgs, env: Env, dirs: Dirs, cwd: PathBuf) -> ExitCode {
    let done = async {
        let nothing = || "there is no session in this project yet".to_owned();
        let store = open(&dirs)?.ok_or_else(nothing)?;
        let session = match &args.id {
            Some(id) => find(&store, id)?,
            None => store.last_session(&cwd.to_string_lossy()).map_err(words)?.ok_or_else(nothing)?,
        };
        let mut desk = Desk::new(store, session, env, dirs);
        let done = desk.sit().await;
        if let Some(engine) = &desk.engine {
            engine.shutdown().await;
        }
        done
    };
    ended(done.await)
}

struct Desk {
    store: Store,
    session: Session,
    env: Env,
    dirs: Dirs,
    /// For messages that are sent from here; made for the first.
    engine: Option<Engine>,
    /// The last event that was printed.
    seq: u64,
    user: HashSet<MessageId>,
    printed: HashSet<proto::PartId>,
    /// What was shown and waits, the oldest first.
    waiting: VecDeque<Prompt>,
    shown: HashSet<String>,
    /// Messages that are sent when nothing runs.
    queue: VecDeque<String>,
    runs: bool,
}

impl Desk {
    fn new(store: Store, session: Session, env: Env, dirs: Dirs) -> Self {
        let (user, printed, shown) = (HashSet::new(), HashSet::new(), HashSet::new());
        let (waiting, queue) = (VecDeque::new(), VecDeque::new());
        Self { store, session, env, dirs, engine: None, seq: 0, user, printed, waiting, shown, queue, runs: false }
    }

    async fn sit(&mut self) -> Result<(), Failed> {
        let id = self.session.id.clone();
        output::note(&format!("{id}  {}", plain(&self.session.title)));
        self.seq = self.store.next_seq(&id).map_err(words)?.saturating_sub(1);
        self.print_newest_turn()?;
        let mut lines = lines();
        let mut open = true;
        loop {
            self.runs = self.look()?;
            if !self.runs {
                if let Some(text) = self.queue.pop_front() {
                    self.ask(text).await?;
                    continue;
                }
                if !open {
                    return Ok(());
                }
            }
            tokio::select! {
                line = lines.recv(), if open => match line {
                    Some(line) => self.typed(line.trim())?,
                    None => open = false,
                },
                () = tokio::time::sleep(PAUSE) => {}
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted.map_err(|error| error.to_string())?;
                    return Ok(());
                }
            }
        }
    }

    /// The user's newest message and what followed.
    fn print_newest_turn(&mut self) -> Result<(), Failed> {
        let goes_on = running::holder(&self.dirs.data, &self.session.id).is_some();
        for message in self.newest_turn()? {
            self.message(&message.info);
            message.parts.iter().for_each(|part| self.part(part, goes_on));
        }
        Ok(())
    }

    fn newest_turn(&self) -> Result<Vec<MessageWithParts>, Failed> {
        let mut messages = self.store.recent_messages(&self.session.id).map_err(words)?;
        let from = messages.iter().rposition(|message| matches!(message.info, Message::User(_))).unwrap_or(messages.len());
        Ok(messages.split_off(from))
    }

    /// Prints what is new. Whether a turn runs.
    fn look(&mut self) -> Result<bool, Failed> {
        // Before what it stored is read: nothing of a turn that has ended is missed.
        let held = running::holder(&self.dirs.data, &self.session.id);
        for event in self.store.since(&self.session.id, self.seq).map_err(words)? {
            self.seq = self.seq.max(event.seq);
            match &event.event {
                Event::MessageUpdated { info } => self.message(info),
                Event::PartUpdated { part } => self.part(part, true),
                _ => {}
            }
        }
        let waiting = if held.is_some() { self.store.prompts(&self.session.id).map_err(words)? } else { Vec::new() };
        for prompt in &waiting {
            if self.shown.insert(prompt.id.clone()) {
                show(prompt);
            }
        }
        self.waiting = waiting.into();
        match (&held, self.runs) {
            (Some(held), false) => {
                let place = held.process.filter(|id| *id != std::process::id()).map_or_else(String::new, |id| format!(" in process {id}"));
                output::note(&format!("— a turn runs{place}"));
            }
            (None, true) => {
                // Where the process was killed, the answer has no end.
                for message in self.newest_turn()? {
                    message.parts.iter().for_each(|part| self.part(part, false));
                }
                let cost = self.store.session(&self.session.id).map_err(words)?.map_or(0.0, |session| session.cost);
                output::note(&format!("— the turn has ended · session {}", engine::dollars(cost)));
            }
            _ => {}
        }
        Ok(held.is_some())
    }

    fn typed(&mut self, line: &str) -> Result<(), Failed> {
        if line.is_empty() {
            return Ok(());
        }
        let Some(prompt) = self.waiting.pop_front() else {
            if self.runs {
                output::note("  (it is asked when the turn has ended)");
            }
            self.queue.push_back(line.to_owned());
            return Ok(());
        };
        let Some(reply) = reply(&prompt.request, line) else {
            self.waiting.push_front(prompt);
            output::note("  write y, a or n; or words that tell the model what to do instead, after n");
            return Ok(());
        };
        let counted = self.store.reply(&prompt.id, &reply).map_err(words)?;
        output::note(if counted { "  (answered)" } else { "  (it was answered elsewhere)" });
        Ok(())
    }

    async fn ask(&mut self, text: String) -> Result<(), Failed> {
        let engine = match &self.engine {
            Some(engine) => engine.clone(),
            None => {
                let made = run::engine(&self.env, &self.dirs, PathBuf::from(&self.session.directory), &run::Bounds::default(), true);
                self.engine.insert(made).clone()
            }
        };
        let asked = engine.ask(AskRequest { text: text.clone(), session: Some(self.session.id.clone()), ..AskRequest::default() }).await;
        match asked {
            Ok(_) => {}
            // Somebody was faster.
            Err(EngineError::Elsewhere(_)) => {
                self.queue.push_front(text);
                return Ok(());
            }
            Err(error) => return Err(error.to_string()),
        }
        output::note("— a turn runs");
        self.runs = true;
        Ok(())
    }

    fn message(&mut self, message: &Message) {
        match message {
            Message::User(info) => drop(self.user.insert(info.id.clone())),
            Message::Assistant(info) => {
                if let Some(error) = info.error.as_ref().filter(|_| info.time.completed.is_some()) {
                    output::note(&format!("! {}", plain(&error.data().message)));
                }
            }
        }
    }

    /// `goes_on`: a text without an end is still being written.
    fn part(&mut self, part: &Part, goes_on: bool) {
        let of_user = self.user.contains(&part.message_id);
        let said = match &part.kind {
            PartKind::Text { text, synthetic: None, time } if of_user || !goes_on || time.is_none_or(|time| time.end.is_some()) => {
                let mark = if of_user { "> " } else { "" };
                text.lines().map(|line| format!("{mark}{}\n", plain(line))).collect::<String>()
            }
            PartKind::Tool { tool, state: ToolState::Completed { title, .. }, .. } => format!("· {} {}\n", plain(tool), plain(title)),
            PartKind::Tool { tool, state: ToolState::Error { error, .. }, .. } => format!("· {} failed: {}\n", plain(tool), plain(error)),
            _ => return,
        };
        if self.printed.insert(part.id.clone()) {
            output::write(&said);
        }
    }
}

fn show(prompt: &Prompt) {
    output::note(&format!("? {}", plain(&watch::title(prompt))));
    match &prompt.request {
        PromptRequest::Permission(request) => {
            for line in request.metadata["diff"].as_str().unwrap_or_default().lines() {
                output::note(&format!("    {}", plain(line)));
            }
            let always =
                if request.always.is_empty() { String::new() } else { format!(", a: always ({})", plain(&request.always.join(", "))) };
            output::note(&format!("  y: this once{always}, n: no, n WORDS: no, and what to do instead"));
        }
        PromptRequest::Question(request) => {
            for option in request.questions.iter().flat_map(|question| &question.options) {
                output::note(&format!("    {} — {}", plain(&option.label), plain(&option.description)));
            }
            let many = if request.questions.len() > 1 { "; one answer for each question, with | between them" } else { "" };
            output::note(&format!("  write the answer{many}; n: no answer"));
        }
    }
}

/// What a line says to a prompt; none where it says nothing that is meant for it.
fn reply(request: &PromptRequest, line: &str) -> Option<PromptReply> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match request {
        PromptRequest::Permission(request) => match (word.to_lowercase().as_str(), rest.trim()) {
            ("y" | "yes" | "once", "") => Some(PromptReply::Permission(PermissionReply::Once, None)),
            ("a" | "always", "") if !request.always.is_empty() => Some(PromptReply::Permission(PermissionReply::Always, None)),
            ("n" | "no" | "reject", why) => {
                Some(PromptReply::Permission(PermissionReply::Reject, (!why.is_empty()).then(|| why.to_owned())))
            }
            _ => None,
        },
        PromptRequest::Question(_) if line.eq_ignore_ascii_case("n") => Some(PromptReply::Question(Vec::new())),
        PromptRequest::Question(request) => {
            let answers: Vec<Vec<String>> = line.split('|').map(|answer| vec![answer.trim().to_owned()]).collect();
            if request.questions.len() == 1 {
                return Some(PromptReply::Question(vec![vec![line.to_owned()]]));
            }
            (answers.len() == request.questions.len()).then_some(PromptReply::Question(answers))
        }
    }
}

/// The lines of standard input, from a thread of their own: nothing else ends a read.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (tx, rx) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if tx.send(line).is_err() {
                return;
            }
        }
    });
    rx
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_allows_only_what_it_says() {
        let permission = |always: &[&str]| {
            let request = json!({"id": "per_1", "sessionID": "ses_1", "permission": "bash", "patterns": ["x"], "always": always});
            PromptRequest::Permission(serde_json::from_value(request).unwrap())
        };
        let check = |line: &str, want: Option<(PermissionReply, Option<&str>)>| {
            let want = want.map(|(reply, message)| PromptReply::Permission(reply, message.map(str::to_owned)));
            assert_eq!(reply(&permission(&["x *"]), line), want, "{line}");
        };
        check("y", Some((PermissionReply::Once, None)));
        check("ALWAYS", Some((PermissionReply::Always, None)));
        check("n", Some((PermissionReply::Reject, None)));
        check("n use ls", Some((PermissionReply::Reject, Some("use ls"))));
        for line in ["yes please do", "always y", "ok", "Y?", "what is this?", "a b"] {
            check(line, None);
        }
        assert_eq!(reply(&permission(&[]), "a"), None, "there is nothing that could be allowed for good");
        let questions = |count: usize| {
            let questions: Vec<_> = (0..count).map(|n| json!({"question": format!("{n}?")})).collect();
            PromptRequest::Question(serde_json::from_value(json!({"id": "que_1", "sessionID": "ses_1", "questions": questions})).unwrap())
        };
        let answers = |answers: &[&str]| Some(PromptReply::Question(answers.iter().map(|answer| vec![(*answer).to_owned()]).collect()));
        assert_eq!(reply(&questions(1), "this | that"), answers(&["this | that"]));
        assert_eq!(reply(&questions(2), "this | that"), answers(&["this", "that"]));
        assert_eq!(reply(&questions(2), "this"), None);
        assert_eq!(reply(&questions(2), "n"), answers(&[]));
    }
}
