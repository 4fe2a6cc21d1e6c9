//! `interline run`: one prompt, without an editor, on the files on disk.
//!
//! Owns what is printed: the answer on standard output, everything else on standard error. Must not ask anybody anything: what would ask is refused.
//!
//! **Invariant:** it ends with the turn; its status is 0 only if the turn ended well.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use config::{Dirs, Env};
use engine::{AskRequest, Deps, Engine, EngineError, Places};
use proto::{Event, Message, NumberedEvent, Part, PartKind, SessionId, ToolState};
use providers::KeySource;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tools::Jobs;
use workspace::DiskWorkspace;

use crate::output;

/// What `run` takes.
#[derive(Args)]
pub struct RunArgs {
    /// What is to be done; what is piped in is added to it
    prompt: Vec<String>,
    /// The model, as provider/model
    #[arg(short, long)]
    model: Option<String>,
    /// The agent
    #[arg(long)]
    agent: Option<String>,
    /// Go on with the last session of this project
    #[arg(short, long = "continue")]
    resume: bool,
    /// Go on with this session
    #[arg(short, long)]
    session: Option<String>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The answer alone
    Text,
    /// One JSON event a line, as OpenCode prints them
    Json,
}

/// The status after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// Runs it.
pub async fn run(args: RunArgs, env: Env, dirs: Dirs, cwd: PathBuf) -> ExitCode {
    let prompt = match prompt(&args) {
        Ok(prompt) => prompt,
        Err(why) => {
            output::note(&format!("interline: {why}"));
            return ExitCode::from(2);
        }
    };
    let engine = engine(&env, &dirs, cwd);
    let printer = Printer { format: args.format, session: None, text: None, printed: false };
    let mut events = engine.events();
    let asked = match ask(&engine, &args, prompt).await {
        Ok(asked) => asked,
        Err(error) => {
            printer.error(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let code = printer.show(&engine, &asked, &mut events).await;
    engine.shutdown().await;
    code
}

fn engine(env: &Env, dirs: &Dirs, cwd: PathBuf) -> Engine {
    let loaded = config::load(env, dirs, &cwd);
    for problem in &loaded.problems {
        output::note(&format!("interline: {problem}"));
    }
    let instructions = config::instructions(&loaded.config, env, dirs, &cwd, &loaded.root);
    let auth = config::Auth::load(env, dirs);
    let workspace = DiskWorkspace::new(vec![loaded.root.clone()]).watching_commands(&dirs.data);
    let workspace = if loaded.root == cwd {
        workspace
    } else {
        DiskWorkspace::new(vec![cwd.clone(), loaded.root.clone()]).watching_commands(&dirs.data)
    };
    Engine::new(Deps {
        workspace: Arc::new(workspace),
        config: Arc::new(loaded.config),
        keys: KeySource::from_process(move |provider| auth.key_for(provider).map(str::to_owned)),
        instructions: instructions.into_iter().map(|i| (i.path, i.text)).collect(),
        skills: loaded.skills,
        env: env.clone(),
        places: Places { data: dirs.data.clone(), directory: cwd },
        home: dirs.home.clone(),
        interactive: false,
        jobs: Arc::new(Jobs::default()),
    })
}

/// The words of the command line, and what is piped in.
fn prompt(args: &RunArgs) -> Result<String, String> {
    let mut prompt = args.prompt.join(" ");
    let mut stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let mut piped = Vec::new();
        stdin.read_to_end(&mut piped).map_err(|error| format!("standard input cannot be read: {error}"))?;
        let piped = String::from_utf8_lossy(&piped);
        if !piped.trim().is_empty() {
            if !prompt.is_empty() {
                prompt.push_str("\n\n");
            }
            prompt.push_str(piped.trim_end());
        }
    }
    if prompt.trim().is_empty() {
        return Err("there is no prompt: write `interline run \"what is to be done\"`, or pipe it in".into());
    }
    Ok(prompt)
}

async fn ask(engine: &Engine, args: &RunArgs, text: String) -> Result<engine::Asked, EngineError> {
    let session = match &args.session {
        Some(id) => Some(engine.open_session(&SessionId::from(id.as_str())).await?.id),
        None if args.resume => {
            let last = engine.last_session()?;
            Some(last.ok_or_else(|| EngineError::Nothing("there is no session to continue in this project".into()))?.id)
        }
        None => None,
    };
    engine.ask(AskRequest { text, session, agent: args.agent.clone(), model: args.model.clone(), ..AskRequest::default() }).await
}

struct Printer {
    format: Format,
    session: Option<SessionId>,
    /// The part of the answer that is being printed.
    text: Option<proto::PartId>,
    printed: bool,
}

impl Printer {
    async fn show(mut self, engine: &Engine, asked: &engine::Asked, events: &mut UnboundedReceiver<Arc<NumberedEvent>>) -> ExitCode {
        self.session = Some(asked.session.clone());
        let mut failed = false;
        let mut interrupted = false;
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                signal = tokio::signal::ctrl_c(), if !interrupted => {
                    if signal.is_ok() {
                        interrupted = true;
                        if !engine.cancel(Some(&asked.session)) {
                            return ExitCode::from(INTERRUPTED);
                        }
                    }
                    continue;
                }
            };
            let Some(event) = event else { return ExitCode::FAILURE };
            match &event.event {
                Event::SessionIdle { session_id, reason } if *session_id == asked.session => {
                    self.end_line();
                    let (word, words) = reason.split_once(": ").unwrap_or((reason, ""));
                    if word != "done" && !failed {
                        self.error(if words.is_empty() { word } else { words });
                    }
                    return if interrupted {
                        ExitCode::from(INTERRUPTED)
                    } else if word == "done" && !failed {
                        ExitCode::SUCCESS
                    } else {
                        ExitCode::FAILURE
                    };
                }
                Event::SessionError { error, .. } => {
                    failed = true;
                    self.end_line();
                    self.error(&error.data().message);
                }
                Event::SessionStatus { status: proto::SessionStatus::Retry { attempt, message, .. }, .. } => {
                    output::note(&format!("interline: {message} (try {attempt})"));
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
            self.printed = true;
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.printed) {
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

    fn error(&self, message: &str) {
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
