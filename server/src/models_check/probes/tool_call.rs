//! A call has a known name, arguments as the schema wants them, and the values that were asked for.

use serde_json::json;

use super::{Found, fails, first_call};
use crate::models_check::ask::Asker;
use crate::models_check::report::excerpt;

pub(super) async fn ask(asker: &mut Asker) -> Found {
    let request = asker.request(
        "Search for the literal text `TODO(kim)` in the folders `src` and `tests`, for at most 20 hits, with one call of the search tool.",
    );
    let answer = asker.ask(&request).await?;
    let arguments = first_call(&answer, "search")?;
    let wanted = [("pattern", json!("TODO(kim)")), ("folders", json!(["src", "tests"])), ("limit", json!(20)), ("mode", json!("literal"))];
    for (name, value) in wanted {
        if arguments.get(name) != Some(&value) {
            let got = arguments.get(name).map(ToString::to_string).unwrap_or_default();
            return fails(format!("`{name}` is {}, where {value} was asked for", excerpt(&got)));
        }
    }
    Ok("name, types and values are right".into())
}
