//! How often an answer ends before what was asked is done: cut, empty, or without the call.
//!
//! One run is a small task in which each step follows from the one before: read a file, write what stands in it into another, say so.

use std::collections::BTreeMap;

use providers::{FinishReason, ModelRequest};
use serde_json::Value;

use super::{Found, fails};
use crate::models_check::arguments;
use crate::models_check::ask::{Asker, Call, nonce};

/// Most answers of a run: more than it needs, so that a detour is no stop.
const STEPS: u32 = 6;

pub(super) async fn ask(asker: &mut Asker, runs: u32) -> Found {
    let mut ways: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..runs {
        let limit = asker.patience.probe;
        let stopped = tokio::time::timeout(limit, run(asker)).await.unwrap_or_else(|_| Err("no end in time".into()));
        asker.tally.runs += 1;
        if let Err(way) = stopped {
            asker.tally.stopped += 1;
            *ways.entry(way).or_default() += 1;
        }
    }
    if ways.is_empty() {
        return Ok(format!("0 of {runs} runs stopped before their end"));
    }
    let ways: Vec<String> = ways.into_iter().map(|(way, count)| if count == 1 { way } else { format!("{way} ({count} times)") }).collect();
    fails(format!("{} of {runs} runs stopped: {}", asker.tally.stopped, ways.join("; ")))
}

/// One run, or the way in which it stopped.
async fn run(asker: &mut Asker) -> Result<(), String> {
    let number = nonce();
    let mut request: ModelRequest = asker.request(
        "Read the file `from.txt` with the read tool. Then write the number that stands in it into the file `to.txt` with the write tool. Then say that you are done.",
    );
    let (mut is_read, mut is_written) = (false, false);
    for _ in 0..STEPS {
        let answer = asker.ask_unless_cut(&request).await.map_err(|failure| {
            if failure.began { "cut amid the answer".to_owned() } else { format!("no answer: {}", failure.error.message) }
        })?;
        if answer.finish == FinishReason::Length {
            return Err("cut at the limit of tokens".into());
        }
        if matches!(answer.finish, FinishReason::ContentFilter | FinishReason::Refusal) {
            return Err("refused, or withheld by a filter".into());
        }
        if answer.is_empty() {
            return Err("an empty answer".into());
        }
        if answer.calls.is_empty() {
            return match (is_read, is_written) {
                (_, true) => Ok(()),
                (true, false) => Err("finished without the second call".into()),
                (false, false) => Err("finished without a call".into()),
            };
        }
        is_written |= answer.calls.iter().any(|call| is_read && writes(call, &number));
        is_read |= answer.calls.iter().any(|call| call.name == "read");
        answer.continue_in(&mut request.messages, |call| {
            arguments::checked(call)?;
            match call.name.as_str() {
                "read" => Ok(format!("{number}\n")),
                "write" => Ok("Written.".into()),
                _ => Err("This is not needed.".into()),
            }
        });
    }
    if is_written { Ok(()) } else { Err("six answers without the second call".into()) }
}

fn writes(call: &Call, number: &str) -> bool {
    let arguments = arguments::checked(call);
    call.name == "write" && arguments.is_ok_and(|all| all.get("content").and_then(Value::as_str).is_some_and(|text| text.contains(number)))
}
