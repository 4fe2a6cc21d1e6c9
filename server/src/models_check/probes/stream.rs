//! A plain answer comes whole.

use providers::FinishReason;

use super::{Fault, Found, fails};
use crate::models_check::ask::Asker;
use crate::models_check::report::excerpt;

const COUNT: usize = 60;

pub(super) async fn ask(asker: &mut Asker) -> Found {
    let mut request =
        asker.request(&format!("Write the numbers from 1 to {COUNT}, each on a line of its own, in digits, and nothing else."));
    request.tools.clear();
    let answer = asker.ask_unless_cut(&request).await?;
    let text = answer.text();
    if text.trim().is_empty() {
        return fails("the answer is empty");
    }
    match answer.finish {
        FinishReason::Length => return fails("a short answer was cut at the limit of tokens"),
        FinishReason::ContentFilter => return fails("the answer was withheld by a filter"),
        FinishReason::Refusal => return fails("the model refused to answer"),
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Unknown => {}
    }
    let numbers: Vec<usize> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    match (1..=COUNT).find(|n| numbers.get(n - 1) != Some(n)) {
        Some(1) => Err(Fault::Fails(format!("did not count as it was asked to: {}", excerpt(&text)))),
        Some(missing) => fails(format!("ended as if it were whole, but only {} of {COUNT} numbers came", missing - 1)),
        None if answer.pieces == 1 => Ok("whole, but in one piece".into()),
        None => Ok(format!("whole, in {} pieces", answer.pieces)),
    }
}
