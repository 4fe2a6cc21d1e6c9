//! Programs that are run on events: what they are told, and what they say.
//!
//! Must not know where they are configured, nor whether a project's may be run: only those that may be are here.
//!
//! **Invariant:** a hook that guards and fails lets nothing pass; no hook allows what a rule denies, and a project's hook allows nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use config::{Hook, HookEvent};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tools::program;
use tools::{Ask, ToolError, ToolOutput};

use crate::extras::hook_identity;

/// The exit code by which a program says no; why is on its standard error.
const NO: i32 = 2;
/// Longer notes are cut, in bytes.
const NOTE: usize = 8000;

/// A hook that may be run.
#[derive(Clone, Debug)]
pub struct Active {
    hook: Hook,
    /// What it was when it was allowed, if the project brings it.
    allowed: Option<String>,
}

impl Active {
    /// `allowed` is its identity, if it is a project's.
    #[must_use]
    pub fn new(hook: Hook, allowed: Option<String>) -> Self {
        Self { hook, allowed }
    }
}

/// What a permission hook says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: as if there were none.
    Pass,
    /// The user need not be asked.
    Allow,
    /// The user is asked, whatever the rules allow.
    Ask,
    /// No: why.
    Deny(String),
}

/// What a program says.
enum Said {
    Reply(Value),
    No(String),
}

/// The hooks of one process.
pub struct Hooks {
    directory: PathBuf,
    now: Mutex<Arc<Vec<Active>>>,
}

impl Hooks {
    /// They run in `directory`.
    #[must_use]
    pub fn new(directory: PathBuf, active: Vec<Active>) -> Self {
        Self { directory, now: Mutex::new(Arc::new(active)) }
    }

    /// These from now on.
    pub fn set(&self, active: Vec<Active>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(active);
    }

    /// Whether there is any for an event.
    #[must_use]
    pub fn any(&self, event: HookEvent) -> bool {
        self.all().iter().any(|active| active.hook.event == event)
    }

    fn all(&self) -> Arc<Vec<Active>> {
        Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn on(&self, event: HookEvent, name: Option<&str>) -> Vec<Active> {
        let fits = |hook: &Hook| {
            let patterns = &hook.tools;
            hook.event == event && (patterns.is_empty() || name.is_none_or(|name| patterns.iter().any(|p| permission::matches(name, p))))
        };
        self.all().iter().filter(|active| fits(&active.hook)).cloned().collect()
    }

    /// Before a call: its arguments as they are to be, and notes for the model.
    ///
    /// # Errors
    /// If a hook says no, or fails.
    pub async fn tool_before(
        &self,
        about: &Value,
        tool: &str,
        mut args: Value,
        cancel: &CancellationToken,
    ) -> Result<(Value, Vec<String>), ToolError> {
        let mut notes = Vec::new();
        for active in self.on(HookEvent::ToolBefore, Some(tool)) {
            let input = with(about, json!({ "tool": tool, "args": args }));
            match self.run(&active, &input, cancel).await {
                Ok(Said::Reply(reply)) => {
                    if let Some(why) = reply.get("deny").filter(|deny| !deny.is_null() && **deny != Value::Bool(false)) {
                        return Err(refused(why.as_str().unwrap_or("no reason is given")));
                    }
                    match reply.get("args").filter(|args| !args.is_null()) {
                        Some(changed) if changed.is_object() => args = changed.clone(),
                        Some(_) => return Err(failed(&active.hook, "printed no object under \"args\"")),
                        None => {}
                    }
                    notes.extend(note(&reply));
                }
                Ok(Said::No(why)) => return Err(refused(&why)),
                Err(_) if cancel.is_cancelled() => return Err(ToolError::Cancelled(Box::default())),
                Err(why) => return Err(failed(&active.hook, &why)),
            }
        }
        Ok((args, notes))
    }

    /// After a call: its output as it is to be.
    pub async fn tool_after(
        &self,
        about: &Value,
        tool: &str,
        args: &Value,
        result: Result<ToolOutput, ToolError>,
        cancel: &CancellationToken,
    ) -> Result<ToolOutput, ToolError> {
        let (mut result, mut notes) = (result, Vec::new());
        for active in self.on(HookEvent::ToolAfter, Some(tool)) {
            let outcome = match &result {
                Ok(output) => json!({ "tool": tool, "args": args, "output": output.output, "title": output.title }),
                Err(error) => json!({ "tool": tool, "args": args, "error": error.to_string() }),
            };
            match self.run(&active, &with(about, outcome), cancel).await {
                Ok(Said::Reply(reply)) => {
                    if let (Some(text), Ok(output)) = (reply.get("output").and_then(Value::as_str), &mut result) {
                        text.clone_into(&mut output.output);
                    }
                    notes.extend(note(&reply));
                }
                Ok(Said::No(why)) => notes.push(why),
                Err(why) => tracing::warn!("the hook `{}` for tool.after {why}", named(&active.hook)),
            }
        }
        noted(result, &notes)
    }

    /// When the user has said something: the words as they are to be, and notes for the model.
    pub async fn message(&self, about: &Value, text: String, cancel: &CancellationToken) -> (String, Vec<String>) {
        let (mut text, mut notes) = (text, Vec::new());
        for active in self.on(HookEvent::Message, None) {
            match self.run(&active, &with(about, json!({ "text": text })), cancel).await {
                Ok(Said::Reply(reply)) => {
                    if let Some(changed) = reply.get("text").and_then(Value::as_str) {
                        text = changed.to_owned();
                    }
                    notes.extend(note(&reply));
                }
                Ok(Said::No(why)) => notes.push(why),
                Err(why) => tracing::warn!("the hook `{}` for message {why}", named(&active.hook)),
            }
        }
        (text, notes)
    }

    /// When something needs permission that no rule denies. `allowed` is whether the rules allow it.
    pub async fn permission(&self, about: &Value, ask: &Ask, allowed: bool, cancel: &CancellationToken) -> Verdict {
        let mut verdict = Verdict::Pass;
        for active in self.on(HookEvent::Permission, Some(&ask.permission)) {
            let input = with(
                about,
                json!({ "permission": ask.permission, "patterns": ask.patterns, "title": ask.metadata["title"], "metadata": ask.metadata, "allowed": allowed }),
            );
            match self.run(&active, &input, cancel).await {
                Ok(Said::Reply(reply)) => match reply.get("decision").filter(|decision| !decision.is_null()) {
                    Some(word) if word == "ask" => verdict = Verdict::Ask,
                    Some(word) if word == "allow" && (active.hook.project || verdict == Verdict::Ask) => {}
                    Some(word) if word == "allow" => verdict = Verdict::Allow,
                    None => {}
                    Some(_) => return Verdict::Deny(reply["why"].as_str().unwrap_or("no reason is given").to_owned()),
                },
                Ok(Said::No(why)) => return Verdict::Deny(why),
                Err(why) => return Verdict::Deny(format!("`{}` {why}", named(&active.hook))),
            }
        }
        verdict
    }

    /// A session begins, or its turn ends. Nobody waits for these.
    pub fn session(self: &Arc<Self>, about: Value) {
        let all = self.on(HookEvent::Session, None);
        if all.is_empty() {
            return;
        }
        let hooks = Arc::clone(self);
        tokio::spawn(async move {
            for active in all {
                if let Err(why) = hooks.run(&active, &about, &CancellationToken::new()).await {
                    tracing::warn!("the hook `{}` for session {why}", named(&active.hook));
                }
            }
        });
    }

    /// What it says to `input`; else why not, as the end of a sentence.
    async fn run(&self, active: &Active, input: &Value, cancel: &CancellationToken) -> Result<Said, String> {
        let hook = &active.hook;
        if active.allowed.as_ref().is_some_and(|allowed| *allowed != hook_identity(hook)) {
            return Err("was changed since it was allowed, and is not run before it is allowed again".to_owned());
        }
        let (program, arguments) = hook.command.split_first().ok_or("has no command")?;
        let program = if program.contains('/') { hook.folder.join(program) } else { PathBuf::from(program) };
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).current_dir(&self.directory).env("INTERLINE_HOOK", hook.event.name());
        let mut input = input.clone();
        input["event"] = hook.event.name().into();
        let ended = program::run(command, input.to_string().as_bytes(), hook.limit, cancel).await;
        let ended = ended.map_err(|failure| format!("failed: {failure}"))?;
        if ended.code == Some(NO) {
            let why = String::from_utf8_lossy(&ended.complaint).trim().to_owned();
            return Ok(Said::No(if why.is_empty() { "no reason is given".to_owned() } else { why }));
        }
        if let Some(fault) = ended.fault() {
            return Err(fault);
        }
        let printed = String::from_utf8_lossy(&ended.output);
        if printed.trim().is_empty() {
            return Ok(Said::Reply(json!({})));
        }
        match serde_json::from_str::<Value>(printed.trim()) {
            Ok(reply) if reply.is_object() => Ok(Said::Reply(reply)),
            _ => Err("printed something that is no JSON object".to_owned()),
        }
    }
}

/// A guard that fails lets nothing pass.
fn failed(hook: &Hook, why: &str) -> ToolError {
    ToolError::model(format!("not run: the user's hook that looks at calls before they run, `{}` {why}", named(hook)))
}

/// A hook's program, as the user knows it.
fn named(hook: &Hook) -> String {
    const LONGEST: usize = 100;
    let words = match &hook.command[..] {
        [_, option, line] if option == "-c" => line.clone(),
        words => words.join(" "),
    };
    words[..words.floor_char_boundary(LONGEST)].to_owned()
}

fn refused(why: &str) -> ToolError {
    ToolError::model(format!("not run: a hook of the user's refused it: {why}"))
}

fn with(about: &Value, more: Value) -> Value {
    let mut all = about.clone();
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
    }
    all
}

fn note(reply: &Value) -> Option<String> {
    let note = reply.get("note")?.as_str()?.trim();
    (!note.is_empty()).then(|| note[..note.floor_char_boundary(NOTE)].to_owned())
}

/// A result with what hooks have to say about it.
pub fn noted(result: Result<ToolOutput, ToolError>, notes: &[String]) -> Result<ToolOutput, ToolError> {
    let told: String = notes.iter().map(|note| format!("\n\n(a hook of the user's says: {note})")).collect();
    match result {
        Ok(mut output) => {
            output.output.push_str(&told);
            Ok(output)
        }
        Err(ToolError::Model(text)) => Err(ToolError::Model(text + &told)),
        Err(error) => Err(error),
    }
}
