//! The `task` tool: work for a subagent.
//!
//! Must not know how a subagent runs, nor which there are.
//!
//! **Invariant:** no subagent is started before the permission for it was given.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::args::{Args, schema};
use crate::{Ask, Effect, Tool, ToolContext, ToolError, ToolOutput};

/// What a subagent is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtask {
    /// A few words for the user.
    pub description: String,
    /// All that the subagent is told.
    pub prompt: String,
    /// Its name.
    pub agent: String,
    /// The session to go on with.
    pub session: Option<String>,
}

/// Starts subagents.
#[async_trait]
pub trait Subagents: Send + Sync {
    /// Why that subagent cannot do it, if it cannot.
    ///
    /// # Errors
    /// In words for the model.
    fn check(&self, task: &Subtask) -> Result<(), ToolError>;

    /// Returns when the subagent has ended.
    ///
    /// # Errors
    /// If it said no last word; the text says why, and what it said so far.
    async fn run(&self, task: Subtask, context: &ToolContext) -> Result<ToolOutput, ToolError>;
}

/// The tool. The subagents' names are added to its description where it is offered.
#[derive(Debug)]
pub struct Task;

#[async_trait]
impl Tool for Task {
    fn id(&self) -> &'static str {
        "task"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/task.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        let text = json!({ "type": "string" });
        schema(
            json!({
                "description": { "type": "string", "description": "3 to 5 words" },
                "prompt": text,
                "subagent_type": text,
                "task_id": text,
            }),
            &["description", "prompt", "subagent_type"],
        )
    }

    /// What subagents change is ordered within each of them, and rebased over what the others did.
    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("description").trim().to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let title = self.title(&args);
        let args = Args(&args);
        let task = Subtask {
            description: args.text("description")?.trim().to_owned(),
            prompt: args.text("prompt")?.to_owned(),
            agent: args.text("subagent_type")?.trim().to_owned(),
            session: args.opt_nonempty("task_id")?.map(|id| id.trim().to_owned()),
        };
        if task.prompt.trim().is_empty() {
            return Err(ToolError::model("invalid arguments: parameter `prompt` is empty"));
        }
        context.subagents.check(&task)?;
        let ask = Ask {
            permission: self.id().to_owned(),
            patterns: vec![task.agent.clone()],
            always: vec!["*".to_owned()],
            metadata: json!({ "title": format!("Start the subagent {}: {title}", task.agent), "description": task.description, "subagent_type": task.agent }),
            place: None,
            always_ask: false,
        };
        context.asker.ask(ask).await?;
        context.subagents.run(task, context).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, has};

    #[tokio::test]
    async fn a_subagent_is_started_when_it_is_allowed() {
        let world = World::new();
        let args = json!({ "description": "look", "prompt": "find it", "subagent_type": "general", "task_id": "" });
        has(&world.text(&Task, args.clone()).await, &["general", "find it"]);
        assert_eq!(world.asked(), [("task".to_owned(), vec!["general".to_owned()])]);
        world.user.deny.lock().expect("lock").push("task");
        assert!(matches!(world.run(&Task, args).await, Err(ToolError::Denied(_))));
    }

    #[tokio::test]
    async fn what_is_no_task_is_explained_before_anybody_is_asked() {
        let world = World::new();
        for (args, word) in [
            (json!({ "description": "a", "subagent_type": "general" }), "`prompt`"),
            (json!({ "description": "a", "prompt": " ", "subagent_type": "general" }), "`prompt`"),
            (json!({ "description": "a", "prompt": "b" }), "`subagent_type`"),
            (json!({ "description": "a", "prompt": "b", "subagent_type": "nobody" }), "nobody"),
        ] {
            has(&world.text(&Task, args).await, &[word]);
        }
        assert!(world.asked().is_empty());
    }
}
