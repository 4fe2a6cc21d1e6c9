//! How long to wait before the next attempt.
//!
//! **Invariant:** pure: whether and when is decided here, waiting is the engine's.

use std::time::Duration;

use crate::ProviderError;

/// Most attempts after the first.
pub const MAX_RETRIES: u32 = 5;
/// No single wait is longer, whatever the provider wants: the user sees it and may cancel.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A provider that wants more than this is not asked again: retries would be over before it answers.
const HOPELESS: Duration = Duration::from_secs(300);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// How long to wait before attempt `attempt + 1`, where `attempt` attempts (from 1) have failed, the last one with `error`. `jitter` is 0 to 1.
/// None: do not try again.
#[must_use]
pub fn delay(attempt: u32, error: &ProviderError, jitter: f64) -> Option<Duration> {
    if attempt == 0 || attempt > MAX_RETRIES || !error.is_retryable() {
        return None;
    }
    match error.retry_after {
        Some(wait) if wait > HOPELESS => None,
        Some(wait) => Some(wait.min(LONGEST_WAIT)),
        None => {
            let base = Duration::from_millis(500) * 2u32.pow(attempt - 1);
            Some(base.mul_f64(1.0 + jitter.clamp(0.0, 1.0)).min(LONGEST_BACKOFF))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProviderErrorKind;

    #[test]
    fn waits() {
        let check = |attempt, kind, retry_after: Option<u64>, jitter, expect: Option<u64>| {
            let retry_after = retry_after.map(Duration::from_millis);
            let error = ProviderError { kind, message: String::new(), status: None, retry_after };
            assert_eq!(delay(attempt, &error, jitter), expect.map(Duration::from_millis), "{attempt} {kind:?} {retry_after:?} {jitter}");
        };
        use ProviderErrorKind::{Auth, BadRequest, Connection, Overloaded, RateLimit};
        check(1, Overloaded, None, 0.0, Some(500));
        check(1, Overloaded, None, 1.0, Some(1000));
        check(2, Connection, None, 0.5, Some(1500));
        check(5, Connection, None, 0.0, Some(8000));
        check(6, Connection, None, 0.0, None);
        check(1, RateLimit, Some(300), 1.0, Some(300));
        check(1, RateLimit, Some(0), 0.0, Some(0));
        check(1, RateLimit, Some(60_000), 0.0, Some(60_000));
        check(1, RateLimit, Some(90_000), 0.0, Some(60_000));
        check(1, RateLimit, Some(300_001), 0.0, None);
        check(1, Auth, None, 0.0, None);
        check(1, BadRequest, Some(5), 0.0, None);
    }
}
