//! One tool call: its name and arguments understood, its permission asked by rules that fit, its panic turned into an error.
//!
//! **Invariant:** a call always ends with one `CallEnd`, whatever the tool does.

use std::sync::Arc;

use config::HookEvent;
use futures_util::FutureExt as _;
use proto::{CallId, MessageId, SessionId, ToolRef, TurnId};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tools::{Ask, Asker as _, Diagnostics as _, Effect, SeenFiles, Tool, ToolContext, ToolError, ToolOutput, ToolProgress};
use workspace::{Applied, Place};

use crate::arguments;
use crate::eyes::{Blind, Eyes};
use crate::hooks;
use crate::intents::Noted;
use crate::prompts::CallAsker;
use crate::request;
use crate::setup::Setup;
use crate::shared::{SessionTodos, Shared};
use crate::shown::Window;
use crate::subagents::{Origin, Starter};
use crate::worker::CallEnd;

/// A call that is to be run.
pub struct CallJob {
    /// What all sessions share.
    pub shared: Arc<Shared>,
    /// Who calls.
    pub setup: Setup,
    /// In which session.
    pub session: SessionId,
    /// In which turn.
    pub turn: TurnId,
    /// Who started the caller, if it is a subagent.
    pub origin: Option<Arc<Origin>>,
    /// In which message.
    pub message: MessageId,
    /// Which call of the step.
    pub call: usize,
    /// The model's name for it.
    pub id: CallId,
    /// The tool, as the model wrote it.
    pub name: String,
    /// The arguments, or why they cannot be read.
    pub input: Result<Value, String>,
    /// Ask for `doom_loop` first.
    pub doom: bool,
    /// Where the user asked from.
    pub asked_from: Option<Place>,
    /// What the model has seen.
    pub seen: Arc<SeenFiles>,
    /// Set when the user cancels.
    pub cancel: CancellationToken,
    /// Looks at what it changes.
    pub eyes: Arc<Eyes>,
    /// News while it runs.
    pub news: mpsc::UnboundedSender<(usize, CallNews)>,
}

/// What is told of a call before it has ended.
pub enum CallNews {
    /// How far it is.
    Progress(ToolProgress),
    /// What it changed, which is done, though others still look at it.
    Changed(Vec<Applied>),
}

/// The tool of a name; other letter case is understood.
#[must_use]
pub fn tool(tools: &[Arc<dyn Tool>], name: &str) -> Option<Arc<dyn Tool>> {
    let name = name.trim();
    tools.iter().find(|t| t.id() == name).or_else(|| tools.iter().find(|t| t.id().eq_ignore_ascii_case(name))).cloned()
}

/// Whether a call may run beside others. One that cannot be understood changes nothing.
#[must_use]
pub fn classify(tools: &[Arc<dyn Tool>], name: &str, raw: &str) -> Effect {
    let Some(tool) = tool(tools, name) else { return Effect::Reads };
    input(Some(&*tool), raw, false).map_or(Effect::Reads, |args| tool.effect(&args))
}

/// The arguments of a call as its tool takes them. `cut`: the answer reached its limit.
///
/// # Errors
/// In words for the model.
pub fn input(tool: Option<&dyn Tool>, raw: &str, cut: bool) -> Result<Value, String> {
    let args = arguments::read(raw, cut)?;
    Ok(match tool {
        Some(tool) => arguments::fit(&tool.parameters(), args),
        None => args,
    })
}

/// A number from 0 to 1 that differs from call to call, for the spread of retries.
#[must_use]
pub fn jitter() -> f64 {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    f64::from(nanos % 1_000_000) / 1_000_000.0
}

/// What a panic said.
#[must_use]
pub fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Runs it.
pub async fn run(job: CallJob) -> CallEnd {
    let call = job.call;
    let result = match std::panic::AssertUnwindSafe(perform(job)).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let why = panic_words(&*panic);
            tracing::error!("a tool panicked: {why}");
            Err(ToolError::Model(format!("The tool failed by a fault of its own: {why}")))
        }
    };
    match result {
        Ok((output, watched)) => CallEnd { call, result: Ok(output), watched },
        Err(error) => CallEnd { call, result: Err(error), watched: false },
    }
}

/// What hooks are told of whom they look at.
#[must_use]
pub fn about(shared: &Shared, session: &SessionId, setup: &Setup) -> Value {
    serde_json::json!({
        "session": session.as_str(),
        "directory": shared.places.directory.display().to_string(),
        "agent": setup.agent.name,
        "model": setup.author.model.to_string(),
    })
}

/// What it brought, and whether somebody looks at what it changed.
async fn perform(job: CallJob) -> Result<(ToolOutput, bool), ToolError> {
    let shared = &job.shared;
    let Some(tool) = tool(&shared.tools.all(), &job.name) else {
        let offered = request::offered(shared, &job.setup);
        let known: Vec<_> = offered.iter().map(|t| t.id()).collect();
        return Err(ToolError::Model(format!("There is no tool `{}` (unknown tool). There are: {}.", job.name, known.join(", "))));
    };
    let args = job.input.map_err(ToolError::Model)?;
    let (rules, settings) = (Arc::new(shared.rules(&job.setup)), Arc::clone(&job.setup.settings));
    let asker = Arc::new(CallAsker {
        prompts: Arc::clone(&shared.prompts),
        questions: Arc::clone(&shared.questions),
        rules: Arc::clone(&rules),
        from: job.origin.as_ref().map(|origin| origin.name.clone()),
        window: Window::new(Arc::clone(&shared.saver), shared.places.directory.to_string_lossy().into_owned()),
        session: job.session.clone(),
        tool: ToolRef { message_id: job.message.clone(), call_id: job.id.clone() },
        asked_from: job.asked_from.clone(),
        interactive: shared.interactive,
        cancel: job.cancel.clone(),
        hooks: Arc::clone(&shared.hooks),
        about: about(shared, &job.session, &job.setup),
    });
    if rules.hides(tool.permission()) {
        return Err(tools::Denied::Rule { permission: tool.permission().to_owned(), pattern: "*".to_owned() }.into());
    }
    if job.doom {
        asker
            .ask(Ask {
                permission: "doom_loop".into(),
                patterns: vec![tool.id().to_owned()],
                always: vec![tool.id().to_owned()],
                metadata: serde_json::json!({"title": format!("{} {}, for the third time with the same arguments", tool.id(), tool.title(&args))}),
                place: None,
                always_ask: false,
            })
            .await?;
    }
    let (name, told) = (tool.id().to_owned(), about(shared, &job.session, &job.setup));
    let (hooks, cancel) = (Arc::clone(&shared.hooks), job.cancel.clone());
    let (args, notes) = if hooks.any(HookEvent::ToolBefore) {
        let (changed, notes) = hooks.tool_before(&told, &name, args, &cancel).await?;
        (arguments::fit(&tool.parameters(), changed), notes)
    } else {
        (args, Vec::new())
    };
    let kept = if hooks.any(HookEvent::ToolAfter) { args.clone() } else { Value::Null };
    let (progress, mut news) = mpsc::unbounded_channel();
    // What a subagent changes belongs to the user's turn.
    let root = job.origin.as_ref().map_or((&job.session, &job.turn), |origin| origin.root());
    let workspace = Noted {
        workspace: Arc::clone(&shared.workspace),
        intents: Arc::clone(&shared.intents),
        session: root.0.clone(),
        turn: root.1.clone(),
    };
    let context = ToolContext {
        workspace: Arc::new(workspace),
        asker,
        session: job.session.clone(),
        message: job.message,
        call: job.id,
        cancel: job.cancel.clone(),
        progress,
        seen: job.seen,
        guides: Arc::clone(&settings.guides),
        formatters: Arc::clone(&settings.formatters),
        todos: Arc::new(SessionTodos::new(Arc::clone(shared), job.session)),
        diagnostics: if rules.hides("edit") { Arc::new(Blind) } else { Arc::clone(&job.eyes) as _ },
        servers: Arc::clone(&job.eyes) as _,
        subagents: Arc::new(Starter {
            shared: Arc::clone(shared),
            setup: job.setup,
            turn: job.turn,
            asked_from: job.asked_from,
            origin: job.origin,
        }),
        jobs: Arc::clone(&shared.jobs),
        output_dir: shared.places.data.join("tool-output"),
        limits: settings.limits,
        images: settings.config.attachment.image,
        shell: settings.shell.clone(),
    };
    let (call, out) = (job.call, job.news);
    let forward = async {
        while let Some(item) = news.recv().await {
            // The worker may have stopped listening.
            let _ = out.send((call, CallNews::Progress(item)));
        }
        std::future::pending::<()>().await;
    };
    let mut result = tokio::select! {
        result = tool.run(args, &context) => result,
        () = forward => unreachable!("it waits for ever"),
    };
    if hooks.any(HookEvent::ToolAfter) {
        result = hooks.tool_after(&told, &name, &kept, result, &cancel).await;
    }
    let mut output = hooks::noted(result, &notes)?;
    if output.changes.is_empty() || !job.eyes.may_look(&output.changes) {
        return Ok((output, false));
    }
    // Looking may take seconds, and what is done must be on record at once.
    let changes = std::mem::take(&mut output.changes);
    let _ = out.send((call, CallNews::Changed(changes.clone())));
    let told = job.eyes.changed(&changes, &job.cancel).await;
    if !told.is_empty() {
        output.output.push_str("\n\n");
        output.output.push_str(&told);
    }
    // Who has said nothing yet may do so before the turn ends.
    Ok((output, job.eyes.are_looking().await))
}
