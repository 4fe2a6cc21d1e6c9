//! What a call brought is used in the answer after it.

use super::{Fault, Found, called, fails};
use crate::models_check::arguments;
use crate::models_check::ask::{Asker, nonce};
use crate::models_check::report::excerpt;

/// Most answers.
const STEPS: u32 = 4;

pub(super) async fn ask(asker: &mut Asker) -> Found {
    let number = nonce();
    let mut request = asker.request("Read the file `build.txt` with the read tool, then tell me the build number that stands in it.");
    for step in 1..=STEPS {
        let answer = asker.ask(&request).await?;
        if step == 1 {
            called(&answer)?;
        }
        if answer.calls.is_empty() {
            let text = answer.text();
            return if text.contains(&number) {
                Ok(format!("the answer after {} holds what the call brought", if step == 2 { "the call" } else { "the calls" }))
            } else if answer.is_empty() {
                fails("the answer after the result is empty")
            } else {
                fails(format!("the result is not in the answer: {}", excerpt(&text)))
            };
        }
        for call in &answer.calls {
            arguments::checked(call).map_err(Fault::Fails)?;
        }
        answer.continue_in(&mut request.messages, |call| match call.name.as_str() {
            "read" => Ok(format!("state: green\nbuild number: {number}\nbranch: main\n")),
            _ => Err("This is not needed.".into()),
        });
    }
    fails(format!("called again and again ({STEPS} times) with the result before it"))
}
