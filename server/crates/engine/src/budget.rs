//! Whether a request may be made, and how long its answer may be, by what may be spent. Pure.
//!
//! Owns the arithmetic of caps, prices and estimates. Must not know where the sums come from (`ledger.rs`).
//!
//! **Invariant:** if a request reads no more than was estimated, and writes no more than was allowed, no cap is passed.

use config::{BudgetConfig, Cost};

/// An answer of fewer tokens is of no use.
const USEFUL: u64 = 1000;
/// From here on the prices for long contexts hold, in tokens.
const LONG: u64 = 200_000;

/// Something that is spent, in US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// By the turn.
    pub turn: f64,
    /// By the session.
    pub session: f64,
    /// By all sessions of the day.
    pub day: f64,
}

/// What a request takes at most, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Read anew, or written to the cache.
    pub fresh: u64,
    /// Read from the cache, as the last answer has shown.
    pub cached: u64,
    /// Thought beside the answer, where the provider counts that apart.
    pub thoughts: u64,
    /// Written, unless it is told to write less.
    pub output: u64,
}

/// It fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fits {
    /// Most tokens of the answer.
    pub output: u64,
    /// What the request costs at most, in US dollars.
    pub worst: f64,
    /// The cap that shortens the answer.
    pub cut: Option<Over>,
}

/// It does not fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Over {
    /// `turn`, `session` or `day`.
    cap: &'static str,
    limit: f64,
    spent: f64,
    /// What the request costs, if its answer is as short as is of use.
    least: f64,
}

impl Over {
    /// For the user: what is spent, and how to go on.
    #[must_use]
    pub fn words(&self) -> String {
        let (spender, or) = match self.cap {
            "turn" => ("this turn", "send another message"),
            "session" => ("this session", "begin a new session"),
            _ => ("today", "wait until tomorrow"),
        };
        format!(
            "The budget ends here: {spender} has cost {} of {}, and the next request may cost {}. To go on, raise `budget.{}` in the configuration, or {or}.",
            dollars(self.spent),
            dollars(self.limit),
            dollars(self.least),
            self.cap,
        )
    }
}

/// Whether any cap is set.
#[must_use]
pub fn is_set(caps: &BudgetConfig) -> bool {
    caps.turn.or(caps.session).or(caps.day).is_some()
}

/// Whether a model's prices are known and not nothing.
#[must_use]
pub fn is_priced(prices: &Cost) -> bool {
    prices.input > 0.0 || prices.output > 0.0
}

/// Whether a request fits under all caps, given what was spent and what other requests may still cost.
///
/// # Errors
/// The cap that it does not fit under.
pub fn judge(caps: &BudgetConfig, spent: &Spent, prices: &Cost, estimate: &Estimate) -> Result<Fits, Over> {
    let caps = [("turn", caps.turn, spent.turn), ("session", caps.session, spent.session), ("day", caps.day, spent.day)];
    let set = caps.into_iter().filter_map(|(cap, limit, spent)| Some((cap, limit?, spent)));
    let (read, write) = worst(prices, estimate);
    let Some((cap, limit, spent)) = set.min_by(|a, b| (a.1 - a.2).total_cmp(&(b.1 - b.2))) else {
        let output = estimate.output;
        return Ok(Fits { output, worst: read + write * (output + estimate.thoughts) as f64, cut: None });
    };
    let room = limit - spent - read - write * estimate.thoughts as f64;
    let useful = USEFUL.min(estimate.output);
    // A cast of something negative is 0, of something too large the largest.
    let fits = if write > 0.0 { (room / write).floor() as u64 } else { u64::MAX };
    let output = fits.min(estimate.output);
    let over = Over { cap, limit, spent, least: read + write * (useful + estimate.thoughts) as f64 };
    if room < 0.0 || output < useful {
        return Err(over);
    }
    let cut = (output < estimate.output).then_some(over);
    Ok(Fits { output, worst: read + write * (output + estimate.thoughts) as f64, cut })
}

/// The highest cost of reading, and of one token that is written, in US dollars.
fn worst(prices: &Cost, estimate: &Estimate) -> (f64, f64) {
    let read = estimate.fresh + estimate.cached;
    let reached = prices.tiers.iter().filter(|prices| prices.tier.as_ref().is_some_and(|tier| read > tier.size));
    let long = prices.context_over_200k.as_deref().filter(|_| read > LONG);
    let all: Vec<&Cost> = std::iter::once(prices).chain(reached).chain(long).collect();
    let highest = |price: fn(&Cost) -> f64| all.iter().map(|prices| price(prices)).fold(0.0, f64::max) / 1e6;
    // What is new may be read, written to the cache, or come from it: the dearest counts. A cache that has no price is no cheaper.
    let fresh = highest(|prices| prices.input.max(prices.cache_write.unwrap_or(0.0)).max(prices.cache_read.unwrap_or(0.0)));
    let cached = highest(|prices| prices.cache_read.unwrap_or(prices.input));
    let written = highest(|prices| prices.output.max(prices.reasoning.unwrap_or(0.0)));
    (fresh * estimate.fresh as f64 + cached * estimate.cached as f64, written)
}

/// An amount of US dollars as people write it, with no more digits than say something.
#[must_use]
pub fn dollars(amount: f64) -> String {
    match amount {
        1.0.. => format!("${amount:.2}"),
        0.01.. => format!("${amount:.3}"),
        0.0 => "$0".to_owned(),
        _ => format!("${amount:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::{CacheTokens, Tokens};

    use super::*;

    fn prices() -> Cost {
        Cost { input: 3.0, output: 15.0, cache_read: Some(0.3), cache_write: Some(3.75), ..Cost::default() }
    }

    #[test]
    fn the_answer_is_shortened_to_what_fits_and_refused_where_that_is_too_little() {
        let check = |turn: f64, spent: f64, estimate: Estimate, expect: Option<u64>| {
            let caps = BudgetConfig { turn: Some(turn), ..BudgetConfig::default() };
            let got = judge(&caps, &Spent { turn: spent, ..Spent::default() }, &prices(), &estimate);
            assert_eq!(got.ok().map(|fits| fits.output), expect, "{turn} {spent} {estimate:?}");
        };
        let small = Estimate { fresh: 10_000, output: 32_000, ..Estimate::default() };
        check(1.0, 0.0, small, Some(32_000));
        check(0.1875, 0.0, small, Some(10_000));
        check(0.1875, 0.134, small, Some(1066));
        check(0.1875, 0.1352, small, None);
        check(0.1875, 0.5, small, None);
        check(0.0, 0.0, small, None);
        // Known to be in the cache: a tenth of the price. Thoughts are written too.
        check(0.1875, 0.0, Estimate { fresh: 0, cached: 10_000, ..small }, Some(12_300));
        check(0.1875, 0.0, Estimate { thoughts: 8000, ..small }, Some(1999));
        check(0.1875, 0.0, Estimate { thoughts: 9500, ..small }, None);
        // A model that never writes as much as is else of use.
        check(0.0525, 0.0, Estimate { output: 500, ..small }, Some(500));
    }

    #[test]
    fn the_tightest_cap_counts_and_is_named() {
        let caps = BudgetConfig { turn: Some(5.0), session: Some(6.0), day: Some(20.0) };
        let check = |spent: [f64; 3], expect: &str| {
            let [turn, session, day] = spent;
            let over =
                judge(&caps, &Spent { turn, session, day }, &prices(), &Estimate { output: 9000, ..Estimate::default() }).unwrap_err();
            assert!(over.words().contains(expect), "{}", over.words());
        };
        check([5.0, 5.0, 5.0], "this turn has cost $5.00 of $5.00, and the next request may cost $0.015. To go on, raise `budget.turn`");
        check([1.0, 6.0, 6.0], "this session has cost $6.00");
        check([1.0, 1.0, 19.999], "today has cost $20.00 of $20.00");
        assert!(judge(&BudgetConfig::default(), &Spent { day: 1e9, ..Spent::default() }, &prices(), &Estimate::default()).is_ok());
    }

    #[test]
    fn amounts() {
        let check = |amount: f64, expect: &str| assert_eq!(dollars(amount), expect);
        check(0.0, "$0");
        check(0.000_04, "$0.0000");
        check(0.0042, "$0.0042");
        check(0.042, "$0.042");
        check(0.5, "$0.500");
        check(12.345, "$12.35");
    }

    fn price() -> impl Strategy<Value = f64> {
        0.0..100.0_f64
    }

    fn any_prices() -> impl Strategy<Value = Cost> {
        let maybe = || prop::option::of(price());
        let one = move || {
            (price(), price(), maybe(), maybe(), maybe()).prop_map(|(input, output, cache_read, cache_write, reasoning)| Cost {
                input,
                output,
                cache_read,
                cache_write,
                reasoning,
                ..Cost::default()
            })
        };
        let tier =
            (one(), 0..500_000_u64).prop_map(|(prices, size)| Cost { tier: Some(config::Tier { kind: "context".into(), size }), ..prices });
        (one(), prop::option::of(one()), prop::collection::vec(tier, 0..3)).prop_map(|(base, long, tiers)| Cost {
            context_over_200k: long.map(Box::new),
            tiers,
            ..base
        })
    }

    /// What a request is estimated to take, and which parts of that it takes.
    fn any_request() -> impl Strategy<Value = (Estimate, [f64; 6])> {
        let tokens = (0..400_000_u64, 0..400_000_u64, 0..20_000_u64, 0..64_000_u64);
        let estimate = tokens.prop_map(|(fresh, cached, thoughts, output)| Estimate { fresh, cached, thoughts, output });
        (estimate, prop::array::uniform6(0.0..=1.0_f64))
    }

    proptest! {
        /// Whatever the prices, and however requests use what they may: no cap is ever passed.
        #[test]
        fn no_cap_is_passed(
            prices in any_prices(),
            caps in (prop::option::of(0.0..5.0_f64), prop::option::of(0.0..5.0_f64), prop::option::of(0.0..5.0_f64)),
            before in (0.0..3.0_f64, 0.0..3.0_f64),
            requests in prop::collection::vec(any_request(), 1..30),
        ) {
            let caps = BudgetConfig { turn: caps.0, session: caps.1, day: caps.2 };
            let mut spent = Spent { turn: 0.0, session: before.0, day: before.0 + before.1 };
            for (estimate, shares) in requests {
                let Ok(fits) = judge(&caps, &spent, &prices, &estimate) else { continue };
                prop_assert!(fits.output <= estimate.output);
                let part = |of: u64, share: f64| (of as f64 * share) as u64;
                let fresh = part(estimate.fresh, shares[0]);
                let written = part(fresh, shares[1]);
                let hit = part(fresh - written, shares[2]);
                let output = part(fits.output, shares[3]);
                let tokens = Tokens {
                    input: fresh - written - hit,
                    output,
                    reasoning: part(fits.output - output, shares[4]) + part(estimate.thoughts, shares[5]),
                    cache: CacheTokens { read: hit + part(estimate.cached, shares[5]), write: written },
                };
                let cost = providers::cost(&prices, &tokens);
                prop_assert!(cost <= fits.worst + 1e-9, "{cost} of {fits:?}");
                spent.turn += cost;
                spent.session += cost;
                spent.day += cost;
                for (cap, spent) in [(caps.turn, spent.turn), (caps.session, spent.session), (caps.day, spent.day)] {
                    prop_assert!(cap.is_none_or(|cap| spent <= cap + 1e-9), "{spent} of {cap:?}");
                }
            }
        }
    }
}
