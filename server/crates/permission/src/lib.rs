//! The one evaluator of permission rules, and the reader of shell commands.
//!
//! Owns OpenCode's permission schema, its matching, and what a shell command would do. Pure: no IO, no async, no clock.
//! Must not know who asks, or how a prompt is shown.
//!
//! - [`evaluate`]: what an ordered list of rules says; [`Layers::evaluate`]: the same for the user's rules, what "always" has approved, and what an agent
//!   itself must not do. [`is_hidden`]: whether a tool is to be offered at all. [`base_rules`], [`push`], [`expand_home`]: making rules.
//! - [`analyze`]: what a shell command line would run, read and write; [`decide`]: whether it may; [`is_read_only`]: whether it surely changes nothing.
//! - [`directory_pattern`]: the pattern of an `external_directory` request.
//!
//! A tool that runs a shell command does: `let analysis = analyze(command)`; asks `external_directory` for each [`PathRef`] of `analysis.paths` that leaves
//! the project; then `decide(&analysis, &layers)`. `Deny` refuses; `Allow` runs; `Ask` asks with `ask_patterns` and `always`, and where `always_ask` is set
//! no wildcard's allow may answer for the user.
//!
//! **Invariant:** whatever cannot be understood is `Ask`, never `Allow`.

mod bash;
mod rules;
mod wildcard;

use serde::{Deserialize, Serialize};

pub use bash::{BashAnalysis, BashDecision, PathKind, PathRef, Reason, SimpleCommand, Word, analyze, decide, is_read_only};
pub use proto::Action;
pub use rules::{Layers, base_rules, directory_pattern, evaluate, expand_home, is_hidden, push};
pub use wildcard::matches;

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The permission's name, or a wildcard.
    pub permission: String,
    /// What for: a wildcard.
    pub pattern: String,
    /// What then.
    pub action: Action,
}

/// Rules in the order in which they count: the last that matches wins.
pub type Ruleset = Vec<Rule>;
