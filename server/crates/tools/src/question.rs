//! The `question` tool: what only the user can decide.
//!
//! Must not know how a question is shown.
//!
//! **Invariant:** the model is told what the user answered, or that they did not; never an answer of our own.

use async_trait::async_trait;
use proto::Question;
use serde_json::{Value, json};

use crate::args::{Args, schema, wrong};
use crate::{Tool, ToolContext, ToolError, ToolOutput};

/// The tool.
#[derive(Debug)]
pub struct AskUser;

#[async_trait]
impl Tool for AskUser {
    fn id(&self) -> &'static str {
        "question"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/question.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        let text = json!({ "type": "string" });
        let option = schema(json!({ "label": text, "description": text }), &["label", "description"]);
        let question = schema(
            json!({
                "question": text,
                "header": { "type": "string", "description": "at most 30 characters" },
                "options": { "type": "array", "items": option },
                "multiple": { "type": "boolean" },
            }),
            &["question", "header", "options"],
        );
        schema(json!({ "questions": { "type": "array", "items": question } }), &["questions"])
    }

    fn title(&self, args: &Value) -> String {
        args["questions"][0]["question"].as_str().unwrap_or_default().to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let questions = parse(Args(&args))?;
        let answers = context.asker.question(questions.clone()).await?;
        let said = |answer: Option<&Vec<String>>| match answer {
            Some(labels) if !labels.is_empty() => labels.join(", "),
            _ => "(no answer)".to_owned(),
        };
        let lines: Vec<String> =
            questions.iter().enumerate().map(|(at, q)| format!("{}\nAnswer: {}", q.question, said(answers.get(at)))).collect();
        let title = match questions.as_slice() {
            [one] => format!("{} {}", one.question, said(answers.first())),
            several => format!("{} questions answered", several.len()),
        };
        Ok(ToolOutput {
            title,
            output: format!("The user answered:\n{}", lines.join("\n")),
            metadata: json!({ "answers": answers }),
            changes: Vec::new(),
        })
    }
}

fn parse(args: Args<'_>) -> Result<Vec<Question>, ToolError> {
    let expected = "a list of {question, header, options: [{label, description}], multiple?}";
    let value = args.get("questions").ok_or_else(|| wrong("questions", expected, None))?;
    let questions: Vec<Question> = serde_json::from_value(value.clone())
        .map_err(|error| ToolError::model(format!("invalid arguments: parameter `questions` must be {expected}: {error}")))?;
    if questions.is_empty() || questions.iter().any(|q| q.question.trim().is_empty()) {
        return Err(ToolError::model("invalid arguments: parameter `questions` holds no question, or an empty one"));
    }
    Ok(questions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, has};

    #[tokio::test]
    async fn the_answer_reaches_the_model() {
        let world = World::new();
        let ask = json!({ "questions": [{ "question": "Which colour?", "header": "Colour", "options": [{ "label": "Red", "description": "warm" }] }] });
        assert!(matches!(world.run(&AskUser, ask.clone()).await, Err(ToolError::Denied(_))));
        *world.user.answer.lock().expect("lock") = Some(vec!["Red".to_owned(), "or so".to_owned()]);
        let done = world.run(&AskUser, ask).await.expect("answered");
        has(&done.output, &["Which colour?", "Red, or so"]);
        assert_eq!(done.metadata, json!({ "answers": [["Red", "or so"]] }));
        assert_eq!(world.user.questions.lock().expect("lock")[0].options[0].label, "Red");
    }

    #[tokio::test]
    async fn what_is_no_question_is_explained() {
        let world = World::new();
        for args in [json!({}), json!({ "questions": [] }), json!({ "questions": [{ "header": "x" }] }), json!({ "questions": "why?" })] {
            has(&world.text(&AskUser, args).await, &["`questions`"]);
        }
    }
}
