//! Tools of MCP servers as the agent's: permission, output within its limits, and what servers have to read.
//!
//! Must not know how a server is reached.
//!
//! **Invariant:** a server is asked for nothing before the permission for it was given; what it says is a result, cut as any tool's.

mod resources;

use std::sync::Arc;

use async_trait::async_trait;
use mcp::{CallError, Content, Servers};
use serde_json::{Value, json};
use tools::{Ask, Effect, Tool, ToolContext, ToolError, ToolOutput, ToolProgress};

pub use resources::{READERS, readers};

/// How much of the arguments a prompt shows, in characters.
const SHOWN: usize = 400;

/// A tool of a server.
pub struct ServerTool {
    tool: mcp::Tool,
    servers: Arc<Servers>,
}

impl ServerTool {
    /// Of one of these servers.
    #[must_use]
    pub fn new(tool: mcp::Tool, servers: Arc<Servers>) -> Self {
        Self { tool, servers }
    }
}

#[async_trait]
impl Tool for ServerTool {
    fn id(&self) -> &str {
        &self.tool.name
    }

    fn description(&self) -> &str {
        &self.tool.description
    }

    fn parameters(&self) -> Value {
        self.tool.parameters.clone()
    }

    fn effect(&self, _args: &Value) -> Effect {
        if self.tool.reads { Effect::Reads } else { Effect::Writes }
    }

    fn title(&self, args: &Value) -> String {
        let args = args.to_string();
        let shown: String = args.chars().take(SHOWN).collect();
        format!("{} {shown}{}", self.tool.name, if shown.len() < args.len() { "…" } else { "" })
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let title = self.title(&args);
        context
            .asker
            .ask(Ask {
                permission: self.tool.name.clone(),
                patterns: vec!["*".to_owned()],
                always: vec!["*".to_owned()],
                metadata: json!({ "title": title, "arguments": args }),
                place: None,
                always_ask: false,
            })
            .await?;
        let on_progress = |report: &Value| {
            // The one who shows it may be gone.
            let _ = context.progress.send(ToolProgress { metadata: json!({ "output": progress(report) }) });
        };
        let content = self.servers.call(&self.tool.server, &self.tool.tool, args, &context.cancel, &on_progress).await;
        output(title, content, context).await
    }
}

/// How far a call is, in one line.
fn progress(report: &Value) -> String {
    let message: String = report["message"].as_str().unwrap_or_default().chars().take(200).collect();
    let share = match (&report["progress"], &report["total"]) {
        (Value::Number(done), Value::Number(total)) => format!("{done}/{total} "),
        (Value::Number(done), _) => format!("{done} "),
        _ => String::new(),
    };
    format!("{share}{message}").trim().to_owned()
}

/// What came, cut to its limits.
async fn output(title: String, content: Result<Content, CallError>, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let content = content.map_err(|error| match error {
        CallError::Cancelled => ToolError::Cancelled(Box::default()),
        CallError::Failed(why) => ToolError::model(why),
    })?;
    let mut text = content.text;
    let mut attachments = Vec::new();
    for media in content.media {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        let images = context.images;
        let given = tokio::task::spawn_blocking(move || tools::media::give_again(&media.mime, media.data, &images)).await;
        match given.map_err(|error| error.to_string()).flatten() {
            Ok((mime, data)) => {
                text.push_str(&tools::media::in_words(&mime, data.len() / 4 * 3));
                attachments.push(tools::media::attachment(&mime, &data));
            }
            Err(why) => text.push_str(&format!("[{why}]")),
        }
    }
    let (output, truncated) = tools::truncate(text, context.limits, &context.output_dir)
        .map_err(|error| ToolError::model(format!("what came is too long, and cannot be kept: {error}")))?;
    if content.failed {
        return Err(ToolError::model(output));
    }
    let mut metadata = json!({ "truncated": truncated });
    if !attachments.is_empty() {
        metadata["attachments"] = attachments.into();
    }
    Ok(ToolOutput { title, output, metadata, changes: Vec::new() })
}
