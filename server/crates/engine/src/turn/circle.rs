//! Turns that go round in circles: the calls of a turn, in order, and when they are the same over and over.
//!
//! Owns what counts as a circle. Must not know what a call does.
//!
//! **Invariant:** a turn that makes the same few calls for ever, or whose calls all fail, is found after a bounded number of steps, whatever was allowed.

use std::collections::VecDeque;

/// How many equal calls in a row, over all steps, need the user's consent (OpenCode's `doom_loop`).
const DOOM: u32 = 3;
/// So many steps in a row of which every call fails are in vain.
const FAILURES: u32 = 6;
/// So many are if it is the very same call each time: it was told three times why it fails.
const SAME_FAILURES: usize = 4;
/// Among so many calls in a row there must be more than `FEW` different ones.
const WINDOW: usize = 18;
const FEW: usize = 2;

/// The last calls of a turn.
#[derive(Debug, Default)]
pub struct Circle {
    calls: VecDeque<(String, String)>,
    repeats: u32,
    /// Of the step: whether a call failed, and whether one did not.
    outcomes: (bool, bool),
    failures: u32,
}

impl Circle {
    /// A call is made, with this tool and arguments' text; whether it is one to ask about first.
    pub fn made(&mut self, tool: &str, raw: &str) -> bool {
        let same = self.calls.back().is_some_and(|(t, r)| t == tool && r == raw);
        self.repeats = if same { self.repeats + 1 } else { 1 };
        self.calls.push_back((tool.to_owned(), raw.to_owned()));
        if self.calls.len() > WINDOW {
            self.calls.pop_front();
        }
        let doom = self.repeats >= DOOM;
        if doom {
            self.repeats = 0;
        }
        doom
    }

    /// A call ended.
    pub fn ended(&mut self, failed: bool) {
        self.outcomes.0 |= failed;
        self.outcomes.1 |= !failed;
    }

    /// All calls of a step ended. Why it is of no use to go on; none if it may be.
    pub fn stepped(&mut self) -> Option<String> {
        self.failures = if std::mem::take(&mut self.outcomes) == (true, false) { self.failures + 1 } else { 0 };
        let (tool, _) = self.calls.back()?;
        let same =
            self.calls.len() >= SAME_FAILURES && self.calls.iter().rev().take(SAME_FAILURES).all(|call| Some(call) == self.calls.back());
        if self.failures >= FAILURES || (same && self.failures as usize >= SAME_FAILURES) {
            return Some(format!(
                "Stopped: nothing but calls that failed, {} times in a row, the last of `{tool}`. Say it in other words, or choose another model.",
                self.failures
            ));
        }
        let mut different: Vec<&(String, String)> = Vec::new();
        for call in &self.calls {
            if !different.contains(&call) {
                different.push(call);
            }
        }
        (self.calls.len() >= WINDOW && different.len() <= FEW).then(|| {
            format!(
                "Stopped: the same calls are made again and again, the last of `{tool}`. Say it in other words, or choose another model."
            )
        })
    }

    /// The user said something more: what was in vain may not be so now.
    pub fn begin_anew(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters are calls, a capital one fails. The number of the call after which it is a circle.
    fn check(calls: &str, expect: Option<usize>) {
        let mut circle = Circle::default();
        let found = calls.chars().position(|call| {
            circle.made("tool", &call.to_string());
            circle.ended(call.is_uppercase());
            circle.stepped().is_some()
        });
        assert_eq!(found.map(|at| at + 1), expect, "{calls}");
    }

    #[test]
    fn circles() {
        check(&"A".repeat(30), Some(4));
        check("aAAAbAAAA", Some(9));
        check("ABABABAB", Some(6));
        check("ABCDEFGHIJ", Some(6));
        check(&"ABCDEa".repeat(4), None);
        check(&"a".repeat(30), Some(18));
        check(&"ab".repeat(30), Some(18));
        check(&"abc".repeat(30), None);
        check("abcdefghijklmnopqrstuvwxyz", None);
        check(&format!("xyz{}", "ab".repeat(30)), Some(21));
    }

    #[test]
    fn many_calls_of_one_answer_may_fail() {
        let mut circle = Circle::default();
        for call in 0..12 {
            circle.made("read", &call.to_string());
            circle.ended(true);
        }
        assert_eq!(circle.stepped(), None);
    }

    #[test]
    fn every_third_equal_call_needs_consent() {
        let mut circle = Circle::default();
        let asks: Vec<bool> = "aaabaaaaaa".chars().map(|call| circle.made("tool", &call.to_string())).collect();
        assert_eq!(asks.iter().enumerate().filter(|(_, ask)| **ask).map(|(at, _)| at).collect::<Vec<_>>(), [2, 6, 9]);
    }
}
