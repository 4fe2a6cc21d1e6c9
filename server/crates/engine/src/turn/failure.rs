//! What a request that failed leads to. Pure.
//!
//! Owns the rules of trying again, of summarising and of going on with another model. Must not know how any of it is done.
//!
//! **Invariant:** a request that is wrong in itself, or that a filter withheld, is sent to no other model.

use std::time::Duration;

use proto::{ErrorData, MessageError};
use providers::{ProviderError, ProviderErrorKind as Kind};

/// How often a request is made again while another model waits.
const TRIES: u32 = 2;
/// How long a model is waited for while another one is at hand.
const PATIENCE: Duration = Duration::from_secs(10);

/// How things stand when a request fails.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// How many tries of this step have failed before.
    pub tries: u32,
    /// The wait of the schedule, or the provider's; none if there is no use in another try.
    pub delay: Option<Duration>,
    /// Another model waits.
    pub next: bool,
    /// It is known to take a longer conversation.
    pub roomier: bool,
    /// The conversation may be summarised.
    pub compact: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait(Duration),
    Compact,
    NextModel,
    Stop,
}

pub(super) fn judge(error: Kind, standing: Standing) -> Verdict {
    let Standing { tries, delay, next, roomier, compact } = standing;
    let or_stop = |go_on: bool, verdict: Verdict| if go_on { verdict } else { Verdict::Stop };
    match error {
        Kind::ContextOverflow if next && roomier => Verdict::NextModel,
        Kind::ContextOverflow => or_stop(compact, Verdict::Compact),
        Kind::Auth | Kind::Unpaid | Kind::UnknownModel | Kind::Configuration => or_stop(next, Verdict::NextModel),
        Kind::BadRequest | Kind::ContentFilter => Verdict::Stop,
        Kind::RateLimit | Kind::Overloaded | Kind::Connection | Kind::Timeout | Kind::Protocol => match delay {
            Some(delay) if !next || (tries < TRIES && delay <= PATIENCE) => Verdict::Wait(delay),
            _ => or_stop(next, Verdict::NextModel),
        },
    }
}

/// As it is noted at the message.
pub(super) fn noted(error: &ProviderError) -> MessageError {
    let data = ErrorData { message: error.message.clone(), status_code: error.status, is_retryable: Some(error.is_retryable()) };
    match error.kind {
        Kind::Auth => MessageError::ProviderAuthError(data),
        Kind::ContextOverflow => MessageError::ContextOverflowError(data),
        Kind::ContentFilter => MessageError::ContentFilterError(data),
        Kind::RateLimit
        | Kind::Overloaded
        | Kind::Unpaid
        | Kind::UnknownModel
        | Kind::BadRequest
        | Kind::Connection
        | Kind::Timeout
        | Kind::Protocol => MessageError::ApiError(data),
        Kind::Configuration => MessageError::UnknownError(data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn with_one_model_everything_that_may_help_is_tried() {
        let check = |kind: Kind, tries: u32, delay: Option<Duration>, expect: Verdict| {
            let standing = Standing { tries, delay, next: false, roomier: false, compact: true };
            assert_eq!(judge(kind, standing), expect, "{kind:?} after {tries}, {delay:?}");
        };
        check(Kind::Overloaded, 4, Some(SECOND), Verdict::Wait(SECOND));
        check(Kind::RateLimit, 0, Some(60 * SECOND), Verdict::Wait(60 * SECOND));
        check(Kind::RateLimit, 0, None, Verdict::Stop);
        check(Kind::ContextOverflow, 0, None, Verdict::Compact);
        for kind in [Kind::Auth, Kind::Unpaid, Kind::UnknownModel, Kind::Configuration, Kind::BadRequest, Kind::ContentFilter] {
            check(kind, 0, None, Verdict::Stop);
        }
    }

    #[test]
    fn with_another_model_at_hand_it_is_asked_sooner() {
        let check = |kind: Kind, tries: u32, delay: Option<Duration>, expect: Verdict| {
            let standing = Standing { tries, delay, next: true, roomier: false, compact: true };
            assert_eq!(judge(kind, standing), expect, "{kind:?} after {tries}, {delay:?}");
        };
        for kind in [Kind::RateLimit, Kind::Overloaded, Kind::Connection, Kind::Timeout, Kind::Protocol] {
            check(kind, 0, Some(SECOND), Verdict::Wait(SECOND));
            check(kind, 1, Some(SECOND), Verdict::Wait(SECOND));
            check(kind, 2, Some(SECOND), Verdict::NextModel);
            check(kind, 0, Some(11 * SECOND), Verdict::NextModel);
            check(kind, 0, None, Verdict::NextModel);
        }
        for kind in [Kind::Auth, Kind::Unpaid, Kind::UnknownModel, Kind::Configuration] {
            check(kind, 0, None, Verdict::NextModel);
        }
        check(Kind::BadRequest, 0, None, Verdict::Stop);
        check(Kind::ContentFilter, 0, None, Verdict::Stop);
        check(Kind::ContextOverflow, 0, None, Verdict::Compact);
    }

    #[test]
    fn what_is_too_long_goes_to_a_model_that_takes_more() {
        let check = |next: bool, roomier: bool, compact: bool, expect: Verdict| {
            assert_eq!(judge(Kind::ContextOverflow, Standing { tries: 0, delay: None, next, roomier, compact }), expect);
        };
        check(true, true, true, Verdict::NextModel);
        check(true, false, true, Verdict::Compact);
        check(true, false, false, Verdict::Stop);
        check(false, true, true, Verdict::Compact);
    }
}
