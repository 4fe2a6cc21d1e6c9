//! An answer that is cut at its limit says so: else a half-written file passes for a whole one.

use providers::{FinishReason, ProviderErrorKind};

use super::{Fault, Found, fails};
use crate::models_check::ask::Asker;

/// Tokens.
const LIMIT: u64 = 32;
const COUNT: usize = 500;

pub(super) async fn ask(asker: &mut Asker) -> Found {
    let mut request =
        asker.request(&format!("Write the numbers from 1 to {COUNT}, each on a line of its own, in digits, and nothing else."));
    request.tools.clear();
    request.max_output = Some(LIMIT);
    let answer = match asker.ask(&request).await {
        Err(failure) if failure.error.kind == ProviderErrorKind::BadRequest => {
            return Err(Fault::DoesNotApply(format!("a limit of {LIMIT} tokens is refused: {}", failure.error.message)));
        }
        other => other?,
    };
    let text = answer.text();
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty()).count();
    match answer.finish {
        FinishReason::Length if numbers >= COUNT => fails("a whole answer is said to have been cut"),
        FinishReason::Length => Ok(format!("a cut at {LIMIT} tokens is called a cut")),
        _ if numbers > LIMIT as usize => Err(Fault::DoesNotApply(format!("the limit of {LIMIT} tokens is not kept"))),
        FinishReason::Stop => fails(format!("an answer that was cut after {numbers} of {COUNT} numbers is said to be whole")),
        FinishReason::ContentFilter => fails("numbers were withheld by a filter"),
        FinishReason::Refusal => fails("the model refused to count"),
        FinishReason::ToolCalls | FinishReason::Unknown => {
            fails(format!("an answer that was cut after {numbers} of {COUNT} numbers says no reason"))
        }
    }
}
