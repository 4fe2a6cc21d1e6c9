//! `interline run`: one prompt, without an editor, on the files on disk.
//!
//! Owns what is printed: the answer on standard output, everything else on standard error. Must not ask anybody anything: what would ask is refused, or,
//! in the background, waits for somebody who attaches.
//!
//! **Invariant:** it ends with the turn, but for the moment that the session's title may still take; its status is 0 only if the turn ended well.

mod background;
mod order;
mod printer;

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use config::{Dirs, Env};
use engine::{AskRequest, Deps, Engine, EngineError, Places};
use proto::{SessionId, TurnId};
use tokio::sync::mpsc;
use tools::Jobs;
use workspace::DiskWorkspace;

use crate::{builtin, configuration, output};
use order::Order;
use printer::{Printer, Signals};

/// How long the session's title may take once all is said.
const TITLE: Duration = Duration::from_secs(3);

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
    /// A command or skill, without its slash; the prompt is its arguments
    #[arg(long, value_name = "NAME")]
    command: Option<String>,
    /// Work in this folder
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The session's title, which stays
    #[arg(long)]
    title: Option<String>,
    /// Go on with the last session of this project
    #[arg(short = 'c', long = "continue")]
    resume: bool,
    /// Go on with this session
    #[arg(short, long)]
    session: Option<String>,
    /// Go on in a copy of that session
    #[arg(long)]
    fork: bool,
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
        add("command", self.command.clone());
        add("title", self.title.clone());
        add("session", self.session.clone());
        self.file.iter().for_each(|file| add("file", Some(file.clone())));
        add("max-steps", self.max_steps.map(|steps| steps.to_string()));
        add("budget", self.budget.map(|budget| budget.to_string()));
        add("format", self.format.to_possible_value().map(|format| format.get_name().to_owned()));
        options.extend(self.resume.then(|| "--continue".to_owned()));
        options.extend(self.fork.then(|| "--fork".to_owned()));
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

/// Runs it.
pub async fn run(args: RunArgs, env: Env, dirs: Dirs, cwd: PathBuf) -> ExitCode {
    let (prompt, cwd) = match prompt(&args).and_then(|prompt| Ok((prompt, folder(&args, cwd)?))) {
        Ok(given) => given,
        Err(why) => {
            output::note(&format!("interline: {why}"));
            return ExitCode::from(2);
        }
    };
    if args.background {
        return background::start(&prompt, &args.options(), &cwd, &dirs);
    }
    if args.detached {
        background::detach();
    }
    // In the background somebody may come who can be asked.
    let engine = engine(&env, &dirs, cwd, &Bounds { budget: args.budget }, args.detached);
    let cost = args.cost || std::io::stderr().is_terminal();
    let printer = Printer::new(args.format, cost);
    let (mut events, failures) = (engine.events(), engine.failures());
    let asked = match ask(&engine, &args, &prompt).await {
        Ok(asked) => asked,
        Err(error) => {
            printer.error(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    if args.detached {
        background::say_session(asked.session.as_str());
    }
    let mut signals = Signals::catch();
    let mut ending = printer.show(&engine, &asked, &mut events, &mut signals).await;
    if ending.reason == "done"
        && !ending.interrupted
        && let Some(status) = wait_for_title(&engine, &asked.session, &mut signals).await
    {
        ending.code = ExitCode::from(status);
    }
    if args.detached {
        tell_end(&engine, &asked, &ending.reason).await;
    }
    engine.shutdown().await;
    tell_what_is_lost(failures);
    ending.code
}

/// All is said; the name of a session whose first answer was short may still be on its way. The status, if a signal ends the wait.
async fn wait_for_title(engine: &Engine, session: &SessionId, signals: &mut Signals) -> Option<u8> {
    tokio::select! {
        biased;
        status = signals.next() => Some(status),
        _ = tokio::time::timeout(TITLE, engine.titled(session)) => None,
    }
}

/// What could not be stored, each reason once.
fn tell_what_is_lost(failures: Option<mpsc::UnboundedReceiver<String>>) {
    let (Some(mut failures), mut told) = (failures, Vec::new()) else { return };
    while let Ok(why) = failures.try_recv() {
        if !told.contains(&why) {
            output::note(&format!("interline: the session could not be saved: {why}"));
            told.push(why);
        }
    }
}

/// Says in the log what became of a run in the background, and tells the user where that is configured.
async fn tell_end(engine: &Engine, asked: &engine::Asked, reason: &str) {
    let session = engine.session(&asked.session);
    let (Ok(Some(session)), Ok(messages)) = (session, engine.messages(&asked.session).await) else { return };
    let from = messages.iter().position(|message| *message.info.id() == asked.turn).unwrap_or(0);
    let summary = background::summary(&session, &messages[from..], reason);
    output::note(&summary);
    background::notify(engine.settings().config.other.get("notify"), &summary);
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
    let roots = if loaded.root == cwd { vec![cwd.clone()] } else { vec![cwd.clone(), loaded.root.clone()] };
    let workspace = DiskWorkspace::new(roots).watching_commands(&dirs.data);
    if loaded.config.snapshot == Some(false) {
        workspace.leave_commands_alone();
    }
    Engine::new(Deps {
        workspace: Arc::new(workspace),
        said: configuration::said(loaded, env, dirs, &cwd),
        again: None,
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
    if prompt.trim().is_empty() && args.command.is_none() {
        return Err("there is no prompt: write `interline run \"what is to be done\"`, or pipe it in".into());
    }
    Ok(prompt)
}

/// Where it works.
fn folder(args: &RunArgs, cwd: PathBuf) -> Result<PathBuf, String> {
    if args.fork && !args.resume && args.session.is_none() {
        return Err("--fork makes a copy of a session: name it by --session, or take the last one by --continue".into());
    }
    let Some(dir) = &args.dir else { return Ok(cwd) };
    let folder = cwd.join(dir).canonicalize().map_err(|error| format!("--dir {}: {error}", dir.display()))?;
    if folder.is_dir() { Ok(folder) } else { Err(format!("--dir {}: it is no folder", dir.display())) }
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

/// What bears on a message alone, where none is sent.
fn without_effect(args: &RunArgs) -> Option<&'static str> {
    let given = [
        ("--file", !args.file.is_empty()),
        ("--agent", args.agent.is_some()),
        ("--variant", args.variant.is_some()),
        ("--max-steps", args.max_steps.is_some()),
    ];
    given.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
}

async fn ask(engine: &Engine, args: &RunArgs, text: &str) -> Result<engine::Asked, EngineError> {
    let order = order::of(args.command.as_deref(), text, |name| engine.knows_command(name)).map_err(EngineError::Nothing)?;
    if order == Order::Compact
        && let Some(option) = without_effect(args)
    {
        let why = format!(
            "/compact sends no message, so {option} would have no effect: leave it out (`--model` names the model that summarises)"
        );
        return Err(EngineError::Nothing(why));
    }
    let nothing = || EngineError::Nothing("there is no session to continue in this project".into());
    let mut session = match &args.session {
        Some(id) => Some(engine.open_session(&SessionId::from(id.as_str())).await?.id),
        None if args.resume || order == Order::Compact => Some(engine.last_session()?.ok_or_else(nothing)?.id),
        None => None,
    };
    if args.fork {
        session = Some(engine.fork(session.as_ref(), None).await?.id);
    }
    let (agent, model, variant) = (args.agent.clone(), args.model.clone(), args.variant.clone());
    let asked = match order {
        Order::Message(text) => {
            let (files, steps) = (args.file.clone(), args.max_steps);
            let text = builtin::expand(&engine.settings().config, text);
            let has_title = args.title.is_some();
            engine.ask(AskRequest { text, session, agent, model, variant, files, steps, has_title, ..AskRequest::default() }).await?
        }
        Order::Compact => {
            if let Some(model) = &model {
                engine.set_model(model)?;
            }
            let session = session.ok_or_else(nothing)?;
            engine.compact(Some(&session)).await?;
            // No message begins it.
            engine::Asked { session, turn: TurnId::new() }
        }
    };
    if let Some(title) = &args.title {
        engine.rename(&asked.session, title)?;
    }
    Ok(asked)
}
