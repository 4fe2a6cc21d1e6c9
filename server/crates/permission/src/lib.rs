//! The one evaluator of permission rules, and the reader of shell commands.
//!
//! Owns OpenCode's permission schema, its matching, and what a shell command would do. Pure: no IO, no async, no clock.
//! Must not know who asks, or how a prompt is shown.
//!
//! **Invariant:** whatever cannot be understood is `Ask`, never `Allow`.

use serde::{Deserialize, Serialize};

pub use proto::Action;

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
