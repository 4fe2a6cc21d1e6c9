//! What a turn used, in one line for people. Pure.
//!
//! **Invariant:** nothing is said where nothing was counted.

use proto::TurnUsage;

/// Fewer tokens, where they cost nothing, are not worth a line in the chat.
const MUCH: u64 = 10_000;

/// For the chat and the progress: none where there is little to tell.
#[must_use]
pub fn line(usage: &TurnUsage) -> Option<String> {
    all(usage).filter(|_| usage.cost > 0.0 || usage.tokens.total() >= MUCH)
}

/// Tokens, the share of the input that came from the provider's cache, and dollars; none where nothing was counted.
#[must_use]
pub fn all(usage: &TurnUsage) -> Option<String> {
    let tokens = &usage.tokens;
    if tokens.total() == 0 {
        return None;
    }
    let read = tokens.input + tokens.cache.read + tokens.cache.write;
    let hit = (tokens.cache.read * 100 + read / 2).checked_div(read).unwrap_or(0);
    let cached = if tokens.cache.read + tokens.cache.write > 0 { format!(" ({hit} % cached)") } else { String::new() };
    let mut line = format!("{} tokens in{cached}, {} out", count(read), count(tokens.output + tokens.reasoning));
    if usage.cost > 0.0 {
        line.push_str(&format!(" · {}", engine::dollars(usage.cost)));
    }
    if usage.session_cost > usage.cost * 1.001 {
        line.push_str(&format!(" · session {}", engine::dollars(usage.session_cost)));
    }
    Some(line)
}

fn count(tokens: u64) -> String {
    match tokens {
        0..1000 => tokens.to_string(),
        1000..999_950 => format!("{:.1}k", tokens as f64 / 1000.0),
        _ => format!("{:.1}M", tokens as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use proto::{CacheTokens, Tokens};

    use super::*;

    fn usage([input, output, read, write]: [u64; 4], cost: f64, session_cost: f64) -> TurnUsage {
        TurnUsage { tokens: Tokens { input, output, reasoning: 0, cache: CacheTokens { read, write } }, cost, session_cost }
    }

    #[test]
    fn what_was_used_stands_in_one_line() {
        let check = |tokens: [u64; 4], cost: f64, session: f64, expect: Option<&str>| {
            assert_eq!(all(&usage(tokens, cost, session)).as_deref(), expect, "{tokens:?}");
        };
        check([0; 4], 0.0, 0.3, None);
        check([500, 20, 0, 0], 0.0, 0.0, Some("500 tokens in, 20 out"));
        check([2000, 1200, 9963, 337], 0.042, 0.31, Some("12.3k tokens in (81 % cached), 1.2k out · $0.042 · session $0.310"));
        check([2000, 0, 0, 100], 0.01, 0.01, Some("2.1k tokens in (0 % cached), 0 out · $0.010"));
        check([1_250_000, 3, 0, 0], 0.0, 1.5, Some("1.2M tokens in, 3 out · session $1.50"));
    }

    #[test]
    fn little_that_costs_nothing_is_not_worth_a_line() {
        assert_eq!(line(&usage([500, 20, 0, 0], 0.0, 0.0)), None);
        assert!(line(&usage([500, 20, 0, 0], 0.001, 0.0)).is_some());
        assert!(line(&usage([9_990, 20, 0, 0], 0.0, 0.0)).is_some());
    }
}
