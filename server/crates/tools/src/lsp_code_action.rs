//! The `lsp_code_action` tool: what language servers offer to do for some lines, and doing one of it.
//!
//! Must not know any language server.
//!
//! **Invariant:** one action is chosen without doubt, or none is done.

use std::fmt::Write as _;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::args::{Args, schema};
use crate::semantic::{self, CodeAction, Hands, allowed, lines};
use crate::{Effect, Offer, Tool, ToolContext, ToolError, ToolOutput};

/// Actions that are shown.
const SHOWN: usize = 40;

/// The tool.
#[derive(Debug)]
pub struct LspCodeAction;

#[async_trait]
impl Tool for LspCodeAction {
    fn id(&self) -> &'static str {
        "lsp_code_action"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/lsp_code_action.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
        schema(json!({ "filePath": text, "line": number, "endLine": number, "symbol": text, "action": text }), &["filePath", "line"])
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn effect(&self, args: &Value) -> Effect {
        if Args(args).get("action").is_none() { Effect::Reads } else { Effect::Writes }
    }

    fn offer(&self) -> Offer {
        Offer::WithServers
    }

    fn title(&self, args: &Value) -> String {
        format!("{} {}", semantic::title(args), Args(args).lenient("action")).trim().to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let title = self.title(&args);
        let args = Args(&args);
        // A number from the list is understood, too.
        let action = match args.get("action") {
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => args.opt_nonempty("action")?.map(str::to_owned),
        };
        let place = lines(args, context).await?;
        allowed(&format!("Code actions for {title}"), Some(&place.target), context).await?;
        let Some(action) = action else {
            let actions = context.servers.actions(&place.span, &context.cancel).await?;
            return Ok(ToolOutput { title, output: list(&actions), ..ToolOutput::default() });
        };
        let hands = Hands::new(format!("{}: {action}", place.target.relative), context);
        let choose = |actions: &[CodeAction]| choose(&action, actions);
        match context.servers.act(&place.span, &choose, &hands, &context.cancel).await {
            Ok(done) => hands.output(title, format!("Done: {}", done.title), None),
            Err(fault) => hands.output(title, format!("Done in part: {action}"), Some(fault)),
        }
    }
}

fn list(actions: &[CodeAction]) -> String {
    if actions.is_empty() {
        return "No code actions are offered there.".to_owned();
    }
    let mut out = String::new();
    for (number, action) in actions.iter().enumerate().take(SHOWN) {
        let kind = if action.kind.is_empty() { "" } else { &format!(" [{}]", action.kind) };
        let preferred = if action.preferred { " (preferred)" } else { "" };
        let disabled = action.disabled.as_deref().map_or(String::new(), |why| format!(" (not now: {why})"));
        let _ = writeln!(out, "{}. {}{kind}{preferred}{disabled}", number + 1, action.title);
    }
    if actions.len() > SHOWN {
        let _ = writeln!(out, "… and {} more: name fewer lines", actions.len() - SHOWN);
    }
    out.trim_end().to_owned()
}

/// The action of that title or number.
fn choose(wanted: &str, actions: &[CodeAction]) -> Result<usize, ToolError> {
    let wanted = wanted.trim();
    let by = |same: &dyn Fn(&str) -> bool| -> Vec<usize> { (0..actions.len()).filter(|at| same(&actions[*at].title)).collect() };
    let exact = by(&|title| title == wanted);
    let like = by(&|title| title.to_lowercase().contains(&wanted.to_lowercase()));
    let number =
        wanted.trim_end_matches('.').parse::<usize>().ok().and_then(|number| number.checked_sub(1)).filter(|at| *at < actions.len());
    let at = match (exact.as_slice(), number, like.as_slice()) {
        ([at, ..], ..) | ([], None, [at]) => *at,
        ([], Some(at), _) => at,
        ([], None, []) => return Err(ToolError::model(format!("no action is called {wanted:?}. There are:\n{}", list(actions)))),
        ([], None, _) => return Err(ToolError::model(format!("several actions are like {wanted:?}: give the number.\n{}", list(actions)))),
    };
    match &actions[at].disabled {
        Some(why) => Err(ToolError::model(format!("{:?} cannot be done now: {why}", actions[at].title))),
        None => Ok(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::has;

    fn action(title: &str, disabled: Option<&str>) -> CodeAction {
        CodeAction {
            title: title.to_owned(),
            kind: "quickfix".to_owned(),
            disabled: disabled.map(str::to_owned),
            preferred: title == "Add import",
        }
    }

    #[test]
    fn one_is_chosen_or_none() {
        let actions = [action("Add import", None), action("Extract variable", None), action("Extract function", Some("not here"))];
        let check = |wanted: &str, expect: Result<usize, &[&str]>| match (choose(wanted, &actions), expect) {
            (Ok(at), Ok(expect)) => assert_eq!(at, expect, "{wanted}"),
            (Err(error), Err(words)) => has(&error.to_string(), words),
            (got, expect) => panic!("{wanted}: {got:?}, expected {expect:?}"),
        };
        check("Add import", Ok(0));
        check("2", Ok(1));
        check("2.", Ok(1));
        check("variable", Ok(1));
        check("extract", Err(&["several", "2. Extract variable"]));
        check("Extract function", Err(&["not here"]));
        check("9", Err(&["no action is called", "1. Add import [quickfix] (preferred)", "(not now: not here)"]));
        check("nothing", Err(&["There are:"]));
    }
}
