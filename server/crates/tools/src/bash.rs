//! The `bash` tool: runs a command line in a shell of its own, in the foreground or the background.
//!
//! Must not know how the disk is made equal to the buffers, nor what a command line means to the rules.
//!
//! **Invariant:** what `prepare_shell` began, `finish_shell` ends, also when the call is cancelled or dropped; the call ends with its shell, not with what the
//! shell left in the background.

mod output;
mod permit;

use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use workspace::ApplyError;

use crate::args::{Args, schema};
use crate::jobs::Job;
use crate::paths::Roots;
use crate::{Tool, ToolContext, ToolError, ToolOutput, ToolProgress};

pub(crate) use output::Output;

/// How long a command may take, in milliseconds (OpenCode's).
const TIMEOUT: u64 = 120_000;
/// How long a command in the background is watched for an early end.
const EARLY: Duration = Duration::from_millis(500);
/// How long what is left in the pipe may take to be read, once the shell has ended.
const DRAIN: Duration = Duration::from_millis(100);
/// How often news are told.
const NEWS: Duration = Duration::from_millis(250);
/// How much of the output's end faces are given, in bytes (OpenCode's).
const PREVIEW: usize = 30_000;

/// Variables with settings of our own, which may hold keys: not for other programs.
pub(crate) const OUR_SETTINGS: [&str; 3] = ["INTERLINE_CONFIG_CONTENT", "OPENCODE_CONFIG_CONTENT", "OPENCODE_AUTH_CONTENT"];

/// The tool.
#[derive(Debug)]
pub struct Bash;

/// What is to be run.
struct Request {
    command: String,
    directory: PathBuf,
    timeout: Duration,
    background: bool,
}

/// How a call ended.
enum End {
    Exit(i32),
    TimedOut,
    Cancelled,
    /// It goes on.
    Background,
}

#[async_trait]
impl Tool for Bash {
    fn id(&self) -> &'static str {
        "bash"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/bash.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(
            json!({
                "command": { "type": "string" },
                "timeout": { "type": "integer", "description": "ms; default 120000" },
                "workdir": { "type": "string" },
                "description": { "type": "string", "description": "what it does, in a few words" },
                "run_in_background": { "type": "boolean" },
            }),
            &["command"],
        )
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("command").trim().to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let args = Args(&args);
        let command = args.text("command")?.to_owned();
        let roots = Roots::of(context);
        let workdir = roots.resolve(args.opt_nonempty("workdir")?.unwrap_or("."));
        let request = Request {
            directory: workdir.key.path().unwrap_or(roots.base()).to_owned(),
            timeout: Duration::from_millis(args.opt_number("timeout")?.filter(|ms| *ms > 0).unwrap_or(TIMEOUT)),
            background: args.flag("run_in_background")?,
            command,
        };
        permit::ask(&request.command, &workdir, &roots, context).await?;
        if !request.directory.is_dir() {
            return Err(ToolError::model(format!("workdir: there is no folder {}", request.directory.display())));
        }
        // A task of its own: it is carried to its end even if nobody waits for this call any more.
        let cancel = context.cancel.child_token();
        let guard = cancel.clone().drop_guard();
        let result = tokio::spawn(execute(request, context.clone(), cancel)).await;
        guard.disarm();
        result.unwrap_or_else(|error| Err(ToolError::model(format!("the command could not be run: {error}"))))
    }
}

async fn execute(request: Request, context: ToolContext, cancel: CancellationToken) -> Result<ToolOutput, ToolError> {
    let run = context.workspace.prepare_shell(&cancel).await.map_err(|error| match error {
        ApplyError::Cancelled { .. } => ToolError::Cancelled(Box::default()),
        error => ToolError::model(format!("the command was not run, because unsaved text could not be shown to it: {error}")),
    })?;
    let not_shown = run.not_shown();
    let result = command(&request, &context, &cancel).await;
    let changes = context.workspace.finish_shell(run).await;
    let (end, job) = result.map_err(|error| ToolError::model(format!("the command could not be started: {error}")))?;
    let mut output = report(&request, &context, &job, &end);
    output.changes = changes;
    note_left(&mut output, &context);
    note_not_shown(&mut output, &not_shown);
    if matches!(end, End::Cancelled) { Err(ToolError::Cancelled(Box::new(output))) } else { Ok(output) }
}

/// What a command changed and cannot be undone is kept with its call, for undo to name.
pub(crate) fn note_left(output: &mut ToolOutput, context: &ToolContext) {
    let left = context.workspace.not_undone();
    if !left.is_empty() {
        output.metadata["notUndone"] = json!(left);
    }
}

/// What a command was not shown is told to the model, which else would take its result for that of the unsaved text.
pub(crate) fn note_not_shown(output: &mut ToolOutput, files: &[String]) {
    for file in files {
        output.output.push_str(&format!("\n(It did not see what is unsaved in {file})"));
    }
}

async fn command(request: &Request, context: &ToolContext, cancel: &CancellationToken) -> std::io::Result<(End, Arc<Job>)> {
    let (id, mark) = context.jobs.reserve();
    let (mut child, group, reader) = spawn(request, context, &mark)?;
    let path = context.output_dir.join(format!("bash_{}", uuid::Uuid::now_v7().simple()));
    let output = Output::new(path, context.limits);
    let job = context.jobs.add(id, mark, group, context.session.clone(), &request.command, output);
    tokio::spawn(pump(reader, Arc::clone(&job)));

    let end = watch(request, context, cancel, &mut child, &job).await?;
    match end {
        End::Background => {
            let waited = Arc::clone(&job);
            tokio::spawn(async move {
                let status = child.wait().await;
                waited.state.send_modify(|state| state.exit = Some(status.map_or(-1, code)));
            });
            return Ok((end, job));
        }
        End::Exit(code) => job.state.send_modify(|state| state.exit = Some(code)),
        End::TimedOut | End::Cancelled => {
            // The shell is waited for meanwhile: a dead process that nobody has waited for still counts as alive.
            let (_, status) = tokio::join!(job.kill(), child.wait());
            let exit = status.map_or(-1, code);
            job.state.send_modify(|state| state.exit = Some(exit));
        }
    }
    let mut state = job.state.subscribe();
    let drained = tokio::time::timeout(DRAIN, state.wait_for(|state| state.closed)).await.is_ok();
    if drained && !job.has_group() || !matches!(end, End::Exit(_)) {
        context.jobs.remove(id);
    }
    Ok((end, job))
}

fn spawn(request: &Request, context: &ToolContext, mark: &str) -> std::io::Result<(Child, guard::Group, pipe::Receiver)> {
    // One pipe for both, so that their order is kept.
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(&context.shell);
    command
        .arg("-c")
        .arg(&request.command)
        .current_dir(&request.directory)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .envs([("TERM", "dumb"), ("PAGER", "cat"), ("GIT_PAGER", "cat")]);
    for name in OUR_SETTINGS {
        command.env_remove(name);
    }
    let (child, group) = guard::spawn_marked(command.env(guard::MARK, mark))?;
    Ok((child, group, pipe::Receiver::from_owned_fd(reader.into())?))
}

/// Reads until nobody can write any more, so that what goes on in the background is never stopped by a full or broken pipe.
async fn pump(mut reader: pipe::Receiver, job: Arc<Job>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => break,
            Ok(count) => job.push(&buffer[..count]),
            Err(error) => {
                tracing::warn!(%error, job = job.id, "the output of a command cannot be read");
                break;
            }
        }
    }
    job.state.send_modify(|state| state.closed = true);
}

async fn watch(request: &Request, context: &ToolContext, cancel: &CancellationToken, child: &mut Child, job: &Job) -> std::io::Result<End> {
    let limit = if request.background { EARLY } else { request.timeout };
    let mut limit = pin!(tokio::time::sleep(limit));
    let mut news = tokio::time::interval(NEWS);
    let mut told = 0;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(End::Exit(code(status?))),
            () = cancel.cancelled() => return Ok(End::Cancelled),
            () = &mut limit => return Ok(if request.background { End::Background } else { End::TimedOut }),
            _ = news.tick() => {
                let (bytes, output) = {
                    let output = job.output();
                    if output.len() == told { continue }
                    (output.len(), output.preview(PREVIEW))
                };
                told = bytes;
                // Nobody may listen.
                let _ = context.progress.send(ToolProgress { metadata: json!({ "output": output }) });
            }
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

fn report(request: &Request, context: &ToolContext, job: &Job, end: &End) -> ToolOutput {
    let shown = job.output().shown();
    let going_on = context.jobs.get(job.id, &context.session).is_some();
    let note = match end {
        End::Exit(0) if !going_on => None,
        End::Exit(0) => Some(format!("what the command left in the background goes on as job {}", job.id)),
        End::Exit(code) if going_on => {
            Some(format!("exit code: {code}\nwhat the command left in the background goes on as job {}", job.id))
        }
        End::Exit(code) => Some(format!("exit code: {code}")),
        End::TimedOut => Some(format!(
            "the command timed out after {} ms and was killed; for more time give `timeout`, or use `run_in_background`",
            request.timeout.as_millis()
        )),
        End::Cancelled => Some("the command was cancelled by the user and was killed".to_owned()),
        End::Background => Some(format!("the command goes on in the background as job {}; read or stop it by the job tool", job.id)),
    };
    if matches!(end, End::Background) || going_on {
        *job.given() = job.output().len();
    }
    let mut output = shown.text;
    if output.is_empty() {
        output.push_str("(no output)");
    }
    if let Some(note) = note {
        let gap = if output.ends_with('\n') { "" } else { "\n" };
        output.push_str(&format!("{gap}\n<shell_metadata>\n{note}\n</shell_metadata>"));
    }
    let mut metadata = json!({
        "output": job.output().preview(PREVIEW),
        "exit": match end { End::Exit(code) => Some(*code), _ => None },
        "truncated": shown.path.is_some(),
    });
    if let Some(path) = shown.path {
        metadata["outputPath"] = json!(path.display().to_string());
    }
    ToolOutput { title: request.command.trim().to_owned(), output, metadata, changes: Vec::new() }
}

#[cfg(test)]
mod tests;
