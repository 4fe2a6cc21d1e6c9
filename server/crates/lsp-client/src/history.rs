//! How long a server usually takes, from what was seen of it.
//!
//! Pure. **Invariant:** what is expected comes from observations alone; without enough of them nothing is expected.

use std::collections::VecDeque;
use std::time::Duration;

/// How many observations are remembered.
const KEPT: usize = 32;
/// Fewer tell nothing.
const ENOUGH: usize = 3;
/// How many spreads above the median still count as usual.
const SPREADS: u32 = 4;

/// The last durations of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(VecDeque<Duration>);

impl History {
    /// One more.
    pub(crate) fn add(&mut self, took: Duration) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(took);
    }

    /// What half of them took at most.
    pub(crate) fn median(&self) -> Option<Duration> {
        (self.0.len() >= ENOUGH).then(|| median(self.0.iter().copied()))
    }

    /// What nearly all of them stay below: the median and some spreads (median absolute deviations) more.
    pub(crate) fn usual(&self) -> Option<Duration> {
        let middle = self.median()?;
        let spread = median(self.0.iter().map(|took| took.abs_diff(middle)));
        // Three equal observations are not yet a promise: a quarter of the median at least.
        Some(middle + (spread * SPREADS).max(middle / 4))
    }
}

fn median(values: impl Iterator<Item = Duration>) -> Duration {
    let mut values: Vec<Duration> = values.collect();
    values.sort();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual() {
        fn check(seen: &[u64], median: Option<u64>, usual: Option<u64>) {
            let mut history = History::default();
            seen.iter().for_each(|ms| history.add(Duration::from_millis(*ms)));
            let ms = |duration: Option<Duration>| duration.map(|d| u64::try_from(d.as_millis()).expect("small"));
            assert_eq!((ms(history.median()), ms(history.usual())), (median, usual), "{seen:?}");
        }
        check(&[], None, None);
        check(&[100, 100], None, None);
        check(&[100, 100, 100], Some(100), Some(125));
        check(&[100, 120, 140], Some(120), Some(200));
        // One long one does not spoil it.
        check(&[100, 100, 100, 9000, 100], Some(100), Some(125));
        // What was long ago is forgotten.
        let recent: Vec<u64> = std::iter::repeat_n(9000, 40).chain(std::iter::repeat_n(100, 32)).collect();
        check(&recent, Some(100), Some(125));
    }
}
