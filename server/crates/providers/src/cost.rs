//! What an answer cost.
//!
//! **Invariant:** pure, and never negative or NaN.

use config::Cost;
use proto::Tokens;

/// US dollars for `tokens` at `prices` (dollars a million tokens). Above 200,000 tokens of input, cached ones included, the long-context prices
/// hold for the whole request; reasoning costs as much as output. A cache price that is not given is free, as in OpenCode.
#[must_use]
pub fn cost(prices: &Cost, tokens: &Tokens) -> f64 {
    let read = tokens.input + tokens.cache.read + tokens.cache.write;
    let prices = prices.context_over_200k.as_deref().filter(|_| read > 200_000).unwrap_or(prices);
    let dollars = tokens.input as f64 * prices.input
        + (tokens.output + tokens.reasoning) as f64 * prices.output
        + tokens.cache.read as f64 * prices.cache_read.unwrap_or(0.0)
        + tokens.cache.write as f64 * prices.cache_write.unwrap_or(0.0);
    if dollars > 0.0 { dollars / 1e6 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proto::CacheTokens;

    use super::*;

    #[test]
    fn dollars() {
        let check = |tokens: [u64; 5], expect: f64| {
            let [input, output, reasoning, read, write] = tokens;
            let long = Cost { input: 6.0, output: 22.5, cache_read: Some(0.6), cache_write: Some(7.5), context_over_200k: None };
            let prices =
                Cost { input: 3.0, output: 15.0, cache_read: Some(0.3), cache_write: Some(3.75), context_over_200k: Some(Box::new(long)) };
            let got = cost(&prices, &Tokens { input, output, reasoning, cache: CacheTokens { read, write } });
            assert!((got - expect).abs() < 1e-12, "{tokens:?}: {got} for {expect}");
        };
        check([0; 5], 0.0);
        check([500, 200, 0, 500, 0], 0.00465);
        check([0, 100, 100, 0, 1000], 0.003 + 0.00375);
        check([200_000, 0, 0, 0, 0], 0.6);
        check([1, 0, 0, 200_000, 0], (6.0 + 200_000.0 * 0.6) / 1e6);
        assert_eq!(
            cost(&Cost { input: -1.0, output: f64::NAN, ..Cost::default() }, &Tokens { input: 1, output: 1, ..Tokens::default() }),
            0.0
        );
    }
}
