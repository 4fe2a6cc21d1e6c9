//! Several calls in one answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Fault, Found, called, fails};
use crate::models_check::arguments;
use crate::models_check::ask::Asker;

pub(super) async fn ask(asker: &mut Asker) -> Found {
    let options = &asker.model.options;
    if ["parallelToolCalls", "parallel_tool_calls"].iter().any(|name| options.get(*name) == Some(&json!(false))) {
        return Err(Fault::DoesNotApply("switched off in the model's options".into()));
    }
    let request = asker.request(
        "Read the files `one.txt` and `two.txt`. They do not depend on each other: make both calls of the read tool in this one answer.",
    );
    let answer = asker.ask(&request).await?;
    called(&answer)?;
    let mut paths = BTreeSet::new();
    for call in &answer.calls {
        let arguments = arguments::checked(call).map_err(Fault::Fails)?;
        paths.extend(arguments.get("filePath").and_then(Value::as_str).map(|path| path.trim_start_matches("./").to_owned()));
    }
    if paths.contains("one.txt") && paths.contains("two.txt") {
        Ok(format!("{} calls in one answer", answer.calls.len()))
    } else if answer.calls.len() == 1 {
        fails("one call in an answer where two were asked for")
    } else {
        fails(format!("the calls are not those that were asked for: {}", paths.into_iter().collect::<Vec<_>>().join(", ")))
    }
}
