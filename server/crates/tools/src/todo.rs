//! The `todowrite` and `todoread` tools: the session's list of what is to be done.
//!
//! Must not know how it is kept or shown.
//!
//! **Invariant:** a list that is not understood as a whole replaces nothing.

use async_trait::async_trait;
use proto::Todo;
use serde_json::{Value, json};

use crate::args::{Args, schema, wrong};
use crate::{Ask, Effect, Tool, ToolContext, ToolError, ToolOutput};

const STATUS: [&str; 4] = ["pending", "in_progress", "completed", "cancelled"];
const PRIORITY: [&str; 3] = ["high", "medium", "low"];

/// Replaces the list.
#[derive(Debug)]
pub struct TodoWrite;

/// Gives the list.
#[derive(Debug)]
pub struct TodoRead;

#[async_trait]
impl Tool for TodoWrite {
    fn id(&self) -> &'static str {
        "todowrite"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/todowrite.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        let item = schema(
            json!({ "content": { "type": "string" }, "status": { "enum": STATUS }, "priority": { "enum": PRIORITY } }),
            &["content", "status", "priority"],
        );
        schema(json!({ "todos": { "type": "array", "items": item } }), &["todos"])
    }

    fn title(&self, _args: &Value) -> String {
        "to-do list".to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let todos = parse(Args(&args))?;
        ask(self.id(), context).await?;
        context.todos.set(todos.clone());
        Ok(report(&todos))
    }
}

#[async_trait]
impl Tool for TodoRead {
    fn id(&self) -> &'static str {
        "todoread"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/todoread.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(json!({}), &[])
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, _args: &Value) -> String {
        "to-do list".to_owned()
    }

    async fn run(&self, _args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        ask(self.id(), context).await?;
        Ok(report(&context.todos.get()))
    }
}

async fn ask(permission: &str, context: &ToolContext) -> Result<(), ToolError> {
    let all = vec!["*".to_owned()];
    let metadata = json!({ "title": "to-do list" });
    Ok(context
        .asker
        .ask(Ask { permission: permission.to_owned(), patterns: all.clone(), always: all, metadata, place: None, always_ask: false })
        .await?)
}

fn parse(args: Args<'_>) -> Result<Vec<Todo>, ToolError> {
    let expected = "a list of {content, status: pending|in_progress|completed|cancelled, priority: high|medium|low}";
    let value = args.get("todos").ok_or_else(|| wrong("todos", expected, None))?;
    let todos: Vec<Todo> = serde_json::from_value(value.clone())
        .map_err(|error| ToolError::model(format!("invalid arguments: parameter `todos` must be {expected}: {error}")))?;
    match todos.iter().find(|todo| !STATUS.contains(&todo.status.as_str()) || !PRIORITY.contains(&todo.priority.as_str())) {
        Some(bad) => Err(ToolError::model(format!("invalid arguments: parameter `todos` must be {expected}, not {bad:?}"))),
        None => Ok(todos),
    }
}

fn report(todos: &[Todo]) -> ToolOutput {
    let open = todos.iter().filter(|todo| !matches!(todo.status.as_str(), "completed" | "cancelled")).count();
    let value = json!(todos);
    ToolOutput { title: format!("{open} todos"), output: value.to_string(), metadata: json!({ "todos": value }), changes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, has};

    #[tokio::test]
    async fn kept_and_given_back() {
        let world = World::new();
        let todo = |status: &str| json!({ "todos": [{ "id": "1", "content": "paint the SHED", "status": status }] });
        assert_eq!(world.run(&TodoWrite, todo("in_progress")).await.expect("kept").title, "1 todos");
        has(&world.text(&TodoRead, json!({})).await, &["paint the SHED", "in_progress", "medium"]);
        has(&world.text(&TodoWrite, todo("someday")).await, &["`todos`", "someday"]);
        has(&world.text(&TodoWrite, json!({})).await, &["`todos`", "missing"]);
        has(&world.text(&TodoRead, json!({})).await, &["in_progress"]);
    }
}
