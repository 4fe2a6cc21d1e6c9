//! The `job` tool: what a command in the background has printed, and its end.
//!
//! Must not know how commands are started.
//!
//! **Invariant:** a session reaches its own commands only.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::args::{Args, schema, wrong};
use crate::{Effect, Tool, ToolContext, ToolError, ToolOutput};

/// How long is waited for something new.
const WAIT: Duration = Duration::from_secs(5);

/// The tool.
#[derive(Debug)]
pub struct Job;

#[async_trait]
impl Tool for Job {
    fn id(&self) -> &'static str {
        "job"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/job.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(json!({ "id": { "type": "integer" }, "action": { "enum": ["output", "stop"] } }), &["id", "action"])
    }

    fn permission(&self) -> &'static str {
        "bash"
    }

    fn effect(&self, args: &Value) -> Effect {
        if Args(args).lenient("action") == "output" { Effect::Reads } else { Effect::Writes }
    }

    fn title(&self, args: &Value) -> String {
        let args = Args(args);
        format!("{} of job {}", args.lenient("action"), args.get("id").unwrap_or(&Value::Null))
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let title = self.title(&args);
        let args = Args(&args);
        let number = args.opt_number("id")?.ok_or_else(|| wrong("id", "the number of a job", None))?;
        let job =
            u32::try_from(number).ok().and_then(|id| context.jobs.get(id, &context.session)).ok_or_else(|| unknown(number, context))?;
        let mut state = job.state.subscribe();
        match args.text("action")? {
            "output" => {
                let given = *job.given();
                tokio::select! {
                    _ = tokio::time::timeout(WAIT, state.wait_for(|state| state.bytes > given || state.closed)) => {}
                    () = context.cancel.cancelled() => return Err(ToolError::Cancelled(Box::default())),
                }
            }
            "stop" => {
                job.kill().await;
                // Its shell is waited for by the one who started it.
                let _ = tokio::time::timeout(WAIT, state.wait_for(|state| state.exit.is_some() && state.closed)).await;
            }
            _ => return Err(wrong("action", "\"output\" or \"stop\"", args.get("action"))),
        }
        let now = *job.state.borrow();
        let going_on = !now.closed || job.has_group();
        let status = match now.exit {
            None => "running".to_owned(),
            Some(code) if going_on => format!("its shell has ended with exit code {code}, but what it started goes on"),
            Some(code) => format!("ended with exit code {code}"),
        };
        let running = now.exit.is_none() || going_on;
        let text = {
            let mut given = job.given();
            let (text, bytes) = job.output().since(*given);
            *given = bytes;
            text
        };
        if !running {
            context.jobs.remove(job.id);
        }
        let new = if text.is_empty() { "(no new output)" } else { text.trim_end() };
        Ok(ToolOutput {
            title,
            output: format!("{new}\n\n<shell_metadata>\njob {number} ({}): {status}\n</shell_metadata>", job.command),
            metadata: json!({ "exit": now.exit, "running": running }),
            changes: Vec::new(),
        })
    }
}

fn unknown(number: u64, context: &ToolContext) -> ToolError {
    let jobs: Vec<String> = context.jobs.of(&context.session).into_iter().map(|(id, command)| format!("{id} ({command})")).collect();
    let there = if jobs.is_empty() { "there is none".to_owned() } else { format!("there are: {}", jobs.join(", ")) };
    ToolError::model(format!("there is no job {number}, or it has ended and its output was given; {there}"))
}
