//! What all answers together show: whether tokens are reported, and how fast they come.

use super::{Fault, Found, fails};
use crate::models_check::ask::Tally;

/// Slower, and an agent's dozen steps take too long: the median, in milliseconds.
const FIRST_TOKEN_MS: u64 = 10_000;
const TOKENS_PER_SECOND: f64 = 10.0;

pub(super) fn usage(tally: &Tally) -> Found {
    match (tally.answers, tally.without_usage) {
        (0, _) => Err(Fault::DoesNotApply("no answer was whole".into())),
        (all, 0) => Ok(format!("in each of {all} answers")),
        (all, none) => fails(format!("missing or zero in {none} of {all} answers: cost and context cannot be known")),
    }
}

pub(super) fn speed(tally: &Tally) -> Found {
    let Some(first) = tally.first_token_ms() else { return Err(Fault::DoesNotApply("nothing came that could be timed".into())) };
    let Some(rate) = tally.tokens_per_second() else {
        return Err(Fault::DoesNotApply(format!("first token after {first} ms; tokens/s not measured: no usage, or answers in one piece")));
    };
    let words = format!("first token after {first} ms, then {rate:.1} tokens/s");
    if first > FIRST_TOKEN_MS || rate < TOKENS_PER_SECOND {
        fails(format!("{words}: slow for an agent (wanted: {} s, {TOKENS_PER_SECOND} tokens/s)", FIRST_TOKEN_MS / 1000))
    } else {
        Ok(words)
    }
}
