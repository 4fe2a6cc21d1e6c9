//! `interline run`: one prompt, without an editor, on the files on disk.
//!
//! Owns what is printed: the answer on standard output, everything else on standard error. Must not ask anybody anything: what would ask is refused, or,
//! in the background, waits for somebody who attaches.
//!
//! **Invariant:** it ends with the turn; its status is 0 only if the turn ended well.

mod background;

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use config::{Dirs, Env};
use engine::{AskRequest, Brought, Deps, Engine, EngineError, Places};
use proto::{Event, Message, NumberedEvent, Part, PartKind, SessionId, ToolState};
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tools::Jobs;
use workspace::DiskWorkspace;

use crate::{builtin, configuration, models_cli, output, usage};

/// What `run` takes.
#[derive(Args)]
pub struct RunArgs {
    /// What is to be done; what is piped in is added to it
    prompt: Vec<String>,
    /// The model, as provider/model
    #[arg(short, long)]
    model: Option<String>,
    /// How much the model is to think, by a name of its own, such as high
    #[arg(long)]
    variant: Option<String>,
    /// The agent
    #[arg(long)]
    agent: Option<String>,
    /// Go on with the last session of this project
    #[arg(short = 'c', long = "continue")]
    resume: bool,
    /// Go on with this session
    #[arg(short, long)]
    session: Option<String>,
    /// A file that goes with the prompt: a text, or an image for models that see; may be repeated
    #[arg(short, long)]
    file: Vec<String>,
    /// Most steps: requests to the model
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    max_steps: Option<u32>,
    /// Most dollars that it may cost; a smaller one in the configuration counts
    #[arg(long, value_name = "DOLLARS", value_parser = amount)]
    budget: Option<f64>,
    /// Run on in the background, print the session, and write the rest to a log; what would ask waits for `interline sessions attach`
    #[arg(long)]
    background: bool,
    /// The process that does so
    #[arg(long, hide = true, conflicts_with = "background")]
    detached: bool,
    /// Say at the end what it used and cost, also where standard error is no terminal
    #[arg(long)]
    cost: bool,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl RunArgs {
    /// Everything but the prompt, as it is written on a command line.
    fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        let mut add = |name: &str, value: Option<String>| options.extend(value.map(|value| format!("--{name}={value}")));
        add("model", self.model.clone());
        add("variant", self.variant.clone());
        add("agent", self.agent.clone());
        add("session", self.session.clone());
        self.file.iter().for_each(|file| add("file", Some(file.clone())));
        add("max-steps", self.max_steps.map(|steps| steps.to_string()));
        add("budget", self.budget.map(|budget| budget.to_string()));
        add("format", self.format.to_possible_value().map(|format| format.get_name().to_owned()));
        options.extend(self.resume.then(|| "--continue".to_owned()));
        options.extend(self.cost.then(|| "--cost".to_owned()));
        options
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The answer alone
    Text,
    /// One JSON event a line, as OpenCode prints them
    Json,
}

/// What ends a run from outside, and its status then, as shells have it.
struct Signals([(Signal, u8); 3]);

impl Signals {
    /// None where they cannot be caught: then they end the process in their own way.
    fn catch() -> Option<Self> {
        let caught = |kind: SignalKind| Some((signal(kind).ok()?, u8::try_from(128 + kind.as_raw_value()).ok()?));
        Some(Self([caught(SignalKind::interrupt())?, caught(SignalKind::terminate())?, caught(SignalKind::hangup())?]))
    }

    async fn next(&mut self) -> u8 {
        let [int, term, hup] = &mut self.0;
        tokio::select! {
            Some(()) = int.0.recv() => int.1,
            Some(()) = term.0.recv() => term.1,
            Some(()) = hup.0.recv() => hup.1,
            else => std::future::pending().await,
        }
    }
}

/// Runs it.
pub async fn run(args: RunArgs, env: Env, dirs: Dirs, cwd: PathBuf) -> ExitCode {
    let prompt = match prompt(&args) {
        Ok(prompt) => prompt,
        Err(why) => {
            output::note(&format!("interline: {why}"));
            return ExitCode::from(2);
        }
    };
    if args.background {
        return background::start(&prompt, &args.options(), &dirs);
    }
    if args.detached {
        background::detach();
    }
    // In the background somebody may come who can be asked.
    let engine = engine(&env, &dirs, cwd, &Bounds { budget: args.budget }, args.detached);
    let cost = args.cost || std::io::stderr().is_terminal();
    let printer = Printer { format: args.format, cost, session: None, text: None, open: false };
    let mut events = engine.events();
    let asked = match ask(&engine, &args, prompt).await {
        Ok(asked) => asked,
        Err(error) => {
            printer.error(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    if args.detached {
        background::say_session(asked.session.as_str());
    }
    let (code, reason) = printer.show(&engine, &asked, &mut events).await;
    if args.detached {
        tell_end(&engine, &asked, &reason).await;
    }
    engine.shutdown().await;
    code
}

/// Says in the log what became of a run in the background, and tells the user where that is configured.
async fn tell_end(engine: &Engine, asked: &engine::Asked, reason: &str) {
    let session = engine.session(&asked.session);
    let (Ok(Some(session)), Ok(messages)) = (session, engine.messages(&asked.session).await) else { return };
    let from = messages.iter().position(|message| *message.info.id() == asked.turn).unwrap_or(0);
    let summary = background::summary(&session, &messages[from..], reason);
    output::note(&summary);
    background::notify(engine.config().other.get("notify"), &summary);
}

/// What bounds a run beside the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// In US dollars.
    pub budget: Option<f64>,
}

fn amount(text: &str) -> Result<f64, String> {
    let amount = text.trim_start_matches('$').parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount > 0.0);
    amount.ok_or_else(|| format!("`{text}` is no amount: write dollars, such as 0.50"))
}

/// An engine over the files on disk. `interactive`: somebody can answer what it asks.
pub fn engine(env: &Env, dirs: &Dirs, cwd: PathBuf, bounds: &Bounds, interactive: bool) -> Engine {
    let mut loaded = configuration::load(env, dirs, &cwd);
    if let Some(budget) = bounds.budget {
        let turn = &mut loaded.config.budget.turn;
        *turn = Some(turn.map_or(budget, |own| own.min(budget)));
    }
    for problem in &loaded.problems {
        output::note(&format!("interline: {problem}"));
    }
    let (config, place, top, folder) = (loaded.config.clone(), (env.clone(), dirs.clone()), loaded.root.clone(), cwd.clone());
    let instructions = move || {
        let found = config::instructions(&config, &place.0, &place.1, &folder, &top);
        found.into_iter().map(|i| (i.path, i.text)).collect()
    };
    let roots = if loaded.root == cwd { vec![cwd.clone()] } else { vec![cwd.clone(), loaded.root.clone()] };
    let workspace = DiskWorkspace::new(roots).watching_commands(&dirs.data);
    if loaded.config.snapshot == Some(false) {
        workspace.leave_commands_alone();
    }
    Engine::new(Deps {
        workspace: Arc::new(workspace),
        registry: models_cli::registry_of(&loaded, env, dirs, &cwd),
        instruction_urls: loaded.instruction_urls(),
        brought: Brought::of(&loaded, &cwd),
        config: Arc::new(loaded.config),
        instructions: Arc::new(instructions),
        skills: loaded.skills,
        env: env.clone(),
        places: Places { data: dirs.data.clone(), directory: cwd },
        home: dirs.home.clone(),
        interactive,
        jobs: Arc::new(Jobs::default()),
        editor: Arc::default(),
    })
}

/// The words of the command line, and what is piped in.
fn prompt(args: &RunArgs) -> Result<String, String> {
    let mut prompt = args.prompt.join(" ");
    if !std::io::stdin().is_terminal() {
        let piped = piped(&prompt)?;
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

/// What is piped in, to its end. Who left a pipe open by mistake is told what is waited for.
fn piped(prompt: &str) -> Result<Vec<u8>, String> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let (done, piped) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        // Nobody has gone: the other side waits.
        drop(done.send(std::io::stdin().read_to_end(&mut all).map(|_| all)));
    });
    let read = piped.recv_timeout(PATIENCE).or_else(|_| {
        let hint = if prompt.is_empty() { "" } else { "; if there is none, start it with `< /dev/null`" };
        output::note(&format!("interline: reads standard input to its end{hint}"));
        piped.recv()
    });
    read.map_err(|error| error.to_string())
        .and_then(|read| read.map_err(|error| error.to_string()))
        .map_err(|error| format!("standard input cannot be read: {error}"))
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
    let (agent, model, variant) = (args.agent.clone(), args.model.clone(), args.variant.clone());
    let (files, steps) = (args.file.clone(), args.max_steps);
    let text = builtin::expand(engine.config(), text);
    engine.ask(AskRequest { text, session, agent, model, variant, files, steps, ..AskRequest::default() }).await
}

struct Printer {
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
    async fn show(
        mut self,
        engine: &Engine,
        asked: &engine::Asked,
        events: &mut UnboundedReceiver<Arc<NumberedEvent>>,
    ) -> (ExitCode, String) {
        self.session = Some(asked.session.clone());
        let mut failed = false;
        let mut interrupted = None;
        let mut signals = Signals::catch();
        let mut signal = async || match &mut signals {
            Some(signals) => signals.next().await,
            None => std::future::pending().await,
        };
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                status = signal(), if interrupted.is_none() => {
                    interrupted = Some(status);
                    if !engine.cancel(Some(&asked.session)) {
                        return (ExitCode::from(status), "cancelled".into());
                    }
                    continue;
                }
            };
            let Some(event) = event else { return (ExitCode::FAILURE, "error".into()) };
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
                    return (code, reason.clone());
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
