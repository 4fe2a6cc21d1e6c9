//! A long file arrives whole, line by line.

use serde_json::Value;

use super::{Fault, Found, fails, first_call, lines};
use crate::models_check::ask::Asker;
use crate::models_check::report::excerpt;

const LINES: usize = 300;
/// What the call takes, in tokens, with some room.
const ROOM: u64 = 4_000;

pub(super) async fn ask(asker: &mut Asker) -> Found {
    let limit = &asker.model.limit;
    if limit.output > 0 && limit.output < ROOM {
        return Err(Fault::DoesNotApply(format!("the model writes at most {} tokens", limit.output)));
    }
    if limit.context > 0 && limit.context < 2 * ROOM {
        return Err(Fault::DoesNotApply(format!("the model's context is only {} tokens", limit.context)));
    }
    let mut request = asker.request(&format!(
        "Write the file `words.toml` with one call of the write tool. Its content is exactly the {LINES} lines between the tags, without the tags. Leave nothing out, and do not shorten it:\n<content>\n{}\n</content>",
        lines(LINES)
    ));
    // As long as the model may.
    request.max_output = None;
    let answer = asker.ask(&request).await?;
    let arguments = first_call(&answer, "write")?;
    difference(arguments.get("content").and_then(Value::as_str).unwrap_or_default())
}

fn difference(content: &str) -> Found {
    let whole = lines(LINES);
    let content = content.strip_prefix('\n').unwrap_or(content);
    let (wanted, got): (Vec<&str>, Vec<&str>) = (whole.lines().collect(), content.lines().collect());
    let same = wanted.iter().zip(&got).take_while(|(want, have)| want == have).count();
    if same == LINES && got.len() == LINES {
        return Ok(format!("{LINES} lines, exact"));
    }
    match got.get(same) {
        None => fails(format!("ends after {same} of {LINES} lines")),
        Some(line) if same == LINES => fails(format!("{} lines too many, the first {}", got.len() - LINES, excerpt(line))),
        Some(line) => fails(format!("line {} of {LINES} is {} where {} was asked for", same + 1, excerpt(line), excerpt(wanted[same]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let check = |content: &str, expect: &str| {
            let got = difference(content);
            let (Ok(text) | Err(Fault::Fails(text) | Fault::DoesNotApply(text))) = got;
            assert_eq!(text, expect);
        };
        let whole = lines(LINES);
        check(&whole, "300 lines, exact");
        check(&format!("{whole}\n"), "300 lines, exact");
        check(&lines(299), "ends after 299 of 300 lines");
        check("", "ends after 0 of 300 lines");
        check(&format!("{whole}\nmore"), "1 lines too many, the first “more”");
        check(&whole.replace("k7 =", "k8 ="), "line 7 of 300 is “k8 = \"amber paper\"” where “k7 = \"amber paper\"” was asked for");
        check(&whole.replace("k9 = \"calm table\"\n", "# …\n"), "line 9 of 300 is “# …” where “k9 = \"calm table\"” was asked for");
        let unique: std::collections::BTreeSet<_> = whole.lines().collect();
        assert_eq!(unique.len(), LINES);
    }
}
