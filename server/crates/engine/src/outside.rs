//! Tools that only look, for others than our own turns: they have no session, no model, and nobody to ask.
//!
//! **Invariant:** nothing is changed, and the user's rules count: what would ask is refused.

use std::sync::Arc;

use async_trait::async_trait;
use permission::Action;
use proto::{CallId, MessageId, SessionId, ToolRef};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tools::{Effect, Subagents, Subtask, Tool, ToolContext, ToolError, ToolOutput, ToolSpec};

use crate::agents;
use crate::calls;
use crate::engine::Engine;
use crate::eyes::{Blind, Eyes};
use crate::prompts::CallAsker;
use crate::shared::{SessionTodos, Shared};
use crate::shown::Window;

/// The tools that look at files; those that look through language servers have names that begin so.
const LOOKING: [&str; 4] = ["glob", "grep", "list", "read"];
const SEMANTIC: &str = "lsp_";

impl Engine {
    /// The tools that only look and that the user's rules do not hide, sorted by name.
    #[must_use]
    pub fn looking_tools(&self) -> Vec<ToolSpec> {
        let spec = |tool: Arc<dyn Tool>| ToolSpec {
            name: tool.id().to_owned(),
            description: tool.description().to_owned(),
            parameters: tool.parameters(),
        };
        let mut specs: Vec<ToolSpec> = looking(self.shared()).into_iter().map(spec).collect();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        specs
    }

    /// Calls one of them.
    ///
    /// # Errors
    /// In words for the caller.
    pub async fn look(&self, name: &str, args: Value, cancel: CancellationToken) -> Result<ToolOutput, ToolError> {
        let shared = self.shared();
        let tool = looking(shared)
            .into_iter()
            .find(|tool| tool.id() == name)
            .ok_or_else(|| ToolError::model(format!("there is no tool `{name}`")))?;
        let args = calls::input(Some(&*tool), &args.to_string(), false).map_err(ToolError::Model)?;
        if tool.effect(&args) != Effect::Reads {
            return Err(ToolError::model(format!("`{name}` would change something, which is not done here")));
        }
        let settings = shared.settings();
        let rules = agents::find(&settings.config, &shared.home, None)
            .map(|agent| agent.rules)
            .map_err(|error| ToolError::Model(error.to_string()))?;
        let (session, message, call) = (SessionId::new(), MessageId::new(), CallId::from("call_1"));
        let asker = CallAsker {
            prompts: Arc::clone(&shared.prompts),
            questions: Arc::clone(&shared.questions),
            rules: Arc::new(rules),
            from: None,
            window: Window::new(Arc::clone(&shared.saver), shared.places.directory.to_string_lossy().into_owned()),
            session: session.clone(),
            tool: ToolRef { message_id: message.clone(), call_id: call.clone() },
            asked_from: None,
            interactive: false,
            cancel: cancel.clone(),
            hooks: Arc::clone(&shared.hooks),
            about: serde_json::json!({ "session": session.as_str(), "directory": shared.places.directory.display().to_string() }),
        };
        let eyes = Eyes::new(Arc::clone(&shared.siblings), Arc::clone(&shared.workspace));
        let context = ToolContext {
            workspace: Arc::clone(&shared.workspace),
            asker: Arc::new(asker),
            todos: Arc::new(SessionTodos::new(Arc::clone(shared), session.clone())),
            session,
            message,
            call,
            cancel,
            // Nobody listens.
            progress: mpsc::unbounded_channel().0,
            seen: Arc::default(),
            guides: Arc::clone(&settings.guides),
            formatters: Arc::clone(&settings.formatters),
            diagnostics: Arc::new(Blind),
            servers: Arc::clone(&eyes) as _,
            subagents: Arc::new(Nobody),
            jobs: Arc::clone(&shared.jobs),
            output_dir: shared.places.data.join("tool-output"),
            limits: settings.limits,
            images: settings.config.attachment.image,
            shell: settings.shell.clone(),
        };
        let result = tool.run(args, &context).await;
        eyes.close();
        result
    }
}

fn looking(shared: &Shared) -> Vec<Arc<dyn Tool>> {
    let rules = agents::find(&shared.settings().config, &shared.home, None).map(|agent| agent.rules).unwrap_or_default();
    let mut tools = shared.tools.own().to_vec();
    tools.retain(|tool| {
        let looks = LOOKING.contains(&tool.id()) || (tool.id().starts_with(SEMANTIC) && tool.effect(&Value::Null) == Effect::Reads);
        looks && !rules.hides(tool.permission()) && rules.evaluate(tool.permission(), "*", &[]) != Action::Deny
    });
    tools
}

/// There are no other agents here.
struct Nobody;

#[async_trait]
impl Subagents for Nobody {
    fn check(&self, _: &Subtask) -> Result<(), ToolError> {
        Err(ToolError::model("there are no subagents here"))
    }

    async fn run(&self, task: Subtask, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        self.check(&task).map(|()| ToolOutput::default())
    }
}
