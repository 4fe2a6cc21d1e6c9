//! What an answer cost.
//!
//! **Invariant:** pure, and never negative or NaN.

use config::Cost;
use proto::Tokens;

/// US dollars for `tokens` at `prices` (dollars a million tokens). The prices of a tier hold for the whole request where its input, cached or not, is
/// longer than the tier's size. Thoughts cost as much as output where no other price is given; a cache price that is not given is free, as in OpenCode.
#[must_use]
pub fn cost(prices: &Cost, tokens: &Tokens) -> f64 {
    let prices = in_force(prices, tokens.input + tokens.cache.read + tokens.cache.write);
    let dollars = tokens.input as f64 * prices.input
        + tokens.output as f64 * prices.output
        + tokens.reasoning as f64 * prices.reasoning.unwrap_or(prices.output)
        + tokens.cache.read as f64 * prices.cache_read.unwrap_or(0.0)
        + tokens.cache.write as f64 * prices.cache_write.unwrap_or(0.0);
    if dollars > 0.0 { dollars / 1e6 } else { 0.0 }
}

/// The prices of the largest tier that `input` tokens are above, else those above 200,000, else the usual ones.
fn in_force(prices: &Cost, input: u64) -> &Cost {
    let reached = prices.tiers.iter().filter_map(|prices| {
        let tier = prices.tier.as_ref().filter(|tier| tier.kind == "context" && input > tier.size)?;
        Some((tier.size, prices))
    });
    let long = || prices.context_over_200k.as_deref().filter(|_| input > 200_000);
    reached.max_by_key(|(size, _)| *size).map(|(_, prices)| prices).or_else(long).unwrap_or(prices)
}

#[cfg(test)]
mod tests {
    use proto::CacheTokens;
    use serde_json::{Value, json};

    use super::*;

    fn check(prices: &Value, tokens: [u64; 5], expect: f64) {
        let [input, output, reasoning, read, write] = tokens;
        let prices: Cost = serde_json::from_value(prices.clone()).unwrap();
        let got = cost(&prices, &Tokens { input, output, reasoning, cache: CacheTokens { read, write } });
        assert!((got - expect).abs() < 1e-12, "{tokens:?}: {got} for {expect}");
    }

    #[test]
    fn dollars() {
        let long = json!({"input": 6.0, "output": 22.5, "cache_read": 0.6, "cache_write": 7.5});
        let prices = json!({"input": 3.0, "output": 15.0, "cache_read": 0.3, "cache_write": 3.75, "context_over_200k": long});
        check(&prices, [0; 5], 0.0);
        check(&prices, [500, 200, 0, 500, 0], 0.00465);
        check(&prices, [0, 100, 100, 0, 1000], 0.003 + 0.00375);
        check(&prices, [200_000, 0, 0, 0, 0], 0.6);
        check(&prices, [1, 0, 0, 200_000, 0], (6.0 + 200_000.0 * 0.6) / 1e6);
        check(&json!({"input": 1.0, "output": 2.0, "reasoning": 4.0}), [1, 1, 1, 9, 9], 7.0 / 1e6);
        check(&json!({"input": -1.0, "output": 0.0}), [1, 1, 0, 0, 0], 0.0);
        let nan = Cost { output: f64::NAN, ..Cost::default() };
        assert_eq!(cost(&nan, &Tokens { output: 1, ..Tokens::default() }), 0.0);
    }

    #[test]
    fn tiers() {
        let tier = |input: u32, size: u32| json!({"input": input, "output": 0, "cache_read": 1, "tier": {"type": "context", "size": size}});
        let other = json!({"input": 99, "output": 99, "tier": {"type": "output", "size": 0}});
        let prices =
            json!({"input": 1, "output": 0, "tiers": [tier(4, 300), tier(2, 100), other], "context_over_200k": {"input": 8, "output": 0}});
        check(&prices, [100, 0, 0, 0, 0], 100.0 / 1e6);
        check(&prices, [101, 0, 0, 0, 0], 202.0 / 1e6);
        check(&prices, [50, 0, 0, 251, 0], (200.0 + 251.0) / 1e6);
        check(&prices, [200_001, 0, 0, 0, 0], 800_004.0 / 1e6);
        let far = json!({"input": 1, "output": 0, "tiers": [tier(4, 500_000)], "context_over_200k": {"input": 8, "output": 0}});
        check(&far, [200_001, 0, 0, 0, 0], 1_600_008.0 / 1e6);
        let round: Cost = serde_json::from_value(prices.clone()).unwrap();
        assert_eq!(serde_json::from_value::<Cost>(serde_json::to_value(&round).unwrap()).unwrap(), round);
    }
}
