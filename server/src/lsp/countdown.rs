//! Waits until a provider is asked again, counted down while they last. Pure: the time is told.
//!
//! Owns when which number is due. Must not know where it is shown.
//!
//! **Invariant:** a number is given once, and none when the wait is over.

use std::collections::HashMap;

use proto::SessionId;
use tokio::time::{Duration, Instant};

/// Waits, by their session.
#[derive(Default)]
pub struct Countdown(HashMap<SessionId, Wait>);

struct Wait {
    until: Instant,
    words: String,
    /// Which try follows.
    attempt: u32,
    /// When the next number is due.
    due: Instant,
}

impl Countdown {
    /// A wait begins, for these words, before this try (2 is the first that follows a wait).
    pub fn begin(&mut self, session: SessionId, words: String, attempt: u32, now: Instant, wait: Duration) {
        self.0.insert(session, Wait { until: now + wait, words, attempt, due: now });
    }

    /// It is over; false if there was none.
    pub fn end(&mut self, session: &SessionId) -> bool {
        self.0.remove(session).is_some()
    }

    /// When there is something to say; none where nothing waits.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.0.values().filter(|wait| wait.due < wait.until).map(|wait| wait.due).min()
    }

    /// What is to be said now, if anything: of which session, and its words with the seconds that are left.
    pub fn take(&mut self, now: Instant) -> Option<(SessionId, String)> {
        let (session, wait) = self.0.iter_mut().find(|(_, wait)| wait.due <= now && wait.due < wait.until)?;
        let left = wait.until.saturating_duration_since(now).as_millis().div_ceil(1000).max(1);
        let rest = u64::try_from(left - 1).unwrap_or(u64::MAX);
        wait.due = wait.until.checked_sub(Duration::from_secs(rest)).unwrap_or(wait.until);
        Some((session.clone(), format!("{} — trying again in {left} s (try {})", wait.words, wait.attempt)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said, and after how many milliseconds, if it is looked at whenever it is due and `late` after that.
    fn check(waits: &[(&str, u64)], late: u64, expect: &[(&str, u128)]) {
        let start = Instant::now();
        let mut countdown = Countdown::default();
        for (session, wait) in waits {
            countdown.begin((*session).into(), (*session).to_uppercase(), 2, start, Duration::from_millis(*wait));
        }
        let mut said = Vec::new();
        while let Some(due) = countdown.due() {
            let now = due + Duration::from_millis(late);
            let (_, words) = countdown.take(now).unwrap();
            said.push((words, (now - start).as_millis()));
        }
        said.sort();
        let expect: Vec<_> = expect.iter().map(|(words, at)| ((*words).to_owned(), *at)).collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn each_second_has_its_number() {
        check(&[("a", 900)], 0, &[("A — trying again in 1 s (try 2)", 0)]);
        check(
            &[("a", 2500), ("b", 1000)],
            0,
            &[
                ("A — trying again in 1 s (try 2)", 1500),
                ("A — trying again in 2 s (try 2)", 500),
                ("A — trying again in 3 s (try 2)", 0),
                ("B — trying again in 1 s (try 2)", 0),
            ],
        );
        // Who looks late sees what is true then.
        check(&[("a", 4000)], 1200, &[("A — trying again in 1 s (try 2)", 3200), ("A — trying again in 3 s (try 2)", 1200)]);
        check(&[], 0, &[]);
    }

    #[test]
    fn a_wait_that_is_over_says_nothing() {
        let now = Instant::now();
        let mut countdown = Countdown::default();
        countdown.begin("a".into(), "A".into(), 2, now, Duration::from_secs(5));
        assert!(countdown.end(&"a".into()) && !countdown.end(&"a".into()));
        assert_eq!((countdown.due(), countdown.take(now)), (None, None));
    }
}
