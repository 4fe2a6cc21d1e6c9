//! Making rules, and what they say.
//!
//! Must not know where rules are written.
//!
//! **Invariant:** the last rule that matches wins; where none does the user is asked; an agent's own restriction is never widened.

use crate::wildcard::matches;
use crate::{Action, Rule, Ruleset};

/// Adds a rule at the end, where it counts most.
pub fn push(rules: &mut Ruleset, permission: impl Into<String>, pattern: impl Into<String>, action: Action) {
    rules.push(Rule { permission: permission.into(), pattern: pattern.into(), action });
}

/// OpenCode's rules for every agent, before all others. `open_dirs` are absolute directories outside the project that need no question
/// (kept tool output, skills, references).
#[must_use]
pub fn base_rules(open_dirs: &[&str]) -> Ruleset {
    let mut rules = Ruleset::new();
    push(&mut rules, "*", "*", Action::Allow);
    push(&mut rules, "doom_loop", "*", Action::Ask);
    push(&mut rules, "external_directory", "*", Action::Ask);
    for dir in open_dirs {
        push(&mut rules, "external_directory", directory_pattern(dir), Action::Allow);
    }
    for name in ["question", "plan_enter", "plan_exit"] {
        push(&mut rules, name, "*", Action::Deny);
    }
    push(&mut rules, "read", "*", Action::Allow);
    push(&mut rules, "read", "*.env", Action::Ask);
    push(&mut rules, "read", "*.env.*", Action::Ask);
    push(&mut rules, "read", "*.env.example", Action::Allow);
    rules
}

/// `pattern` with a leading `~` or `$HOME` replaced by `home`.
#[must_use]
pub fn expand_home(pattern: &str, home: &str) -> String {
    for name in ["~", "$HOME"] {
        if let Some(rest) = pattern.strip_prefix(name)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return format!("{}{rest}", home.trim_end_matches('/'));
        }
    }
    pattern.to_owned()
}

/// The pattern by which `external_directory` is asked for an absolute directory: `<dir>/*`.
#[must_use]
pub fn directory_pattern(dir: &str) -> String {
    format!("{}/*", dir.trim_end_matches(['/', '\\']))
}

/// What the rules, in this order, say for one pattern, and the rule that says it. No match is `Ask`.
#[must_use]
pub fn evaluate(permission: &str, pattern: &str, rulesets: &[&[Rule]]) -> (Action, Option<Rule>) {
    match last_match(permission, pattern, rulesets) {
        Some(rule) => (rule.action, Some(rule.clone())),
        None => (Action::Ask, None),
    }
}

fn last_match<'a>(permission: &str, pattern: &str, rulesets: &[&'a [Rule]]) -> Option<&'a Rule> {
    rulesets
        .iter()
        .rev()
        .flat_map(|rules| rules.iter().rev())
        .find(|rule| matches(permission, &rule.permission) && matches(pattern, &rule.pattern))
}

/// Whether a tool is kept from the model: the last rule for its permission denies everything.
/// `permission` is the tool's key (`edit` for edit, write and apply_patch).
#[must_use]
pub fn is_hidden(permission: &str, rulesets: &[&[Rule]]) -> bool {
    rulesets
        .iter()
        .rev()
        .flat_map(|rules| rules.iter().rev())
        .find(|rule| matches(permission, &rule.permission))
        .is_some_and(|rule| rule.pattern == "*" && rule.action == Action::Deny)
}

/// All rules that count for one agent's call. Each may be empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// Built-in rules, the weakest.
    pub defaults: &'a [Rule],
    /// The user's `permission`.
    pub user: &'a [Rule],
    /// The user's `permission` for this agent; may widen `user`.
    pub agent_user: &'a [Rule],
    /// What the user has allowed by "always": turns `Ask` into `Allow`, never a `Deny`.
    pub approved: &'a [Rule],
    /// What the agent itself must not do. Evaluated by itself; the strictest of both counts. No match restricts nothing.
    pub restrict: &'a [Rule],
}

impl<'a> Layers<'a> {
    fn ordered(&self) -> [&'a [Rule]; 3] {
        [self.defaults, self.user, self.agent_user]
    }

    /// What is to be done for one pattern, and the rule that says it.
    #[must_use]
    pub fn evaluate(&self, permission: &str, pattern: &str) -> (Action, Option<Rule>) {
        let mut best = last_match(permission, pattern, &self.ordered());
        if best.map_or(Action::Ask, |rule| rule.action) == Action::Ask
            && let Some(rule) = last_match(permission, pattern, &[self.approved]).filter(|rule| rule.action == Action::Allow)
        {
            best = Some(rule);
        }
        let action = best.map_or(Action::Ask, |rule| rule.action);
        match last_match(permission, pattern, &[self.restrict]) {
            Some(rule) if rule.action > action => (rule.action, Some(rule.clone())),
            _ => (action, best.cloned()),
        }
    }

    /// Whether a tool is kept from the model.
    #[must_use]
    pub fn is_hidden(&self, permission: &str) -> bool {
        is_hidden(permission, &self.ordered()) || is_hidden(permission, &[self.restrict])
    }

    /// Whether a rule, of the user or by "always", allows exactly this text and was not overruled.
    pub(crate) fn allows_exactly(&self, permission: &str, text: &str) -> bool {
        let rules = self.ordered().into_iter().chain([self.approved]);
        rules.flatten().any(|rule| rule.action == Action::Allow && rule.pattern == text && matches(permission, &rule.permission))
            && self.evaluate(permission, text).0 == Action::Allow
    }

    /// Whether `text` is allowed, and by a rule that names `name` (a host), be it overruled by a wider allowance: a wildcard for everything does not
    /// speak for what its writer may not have thought of.
    #[must_use]
    pub fn allows_by_name(&self, permission: &str, text: &str, name: &str) -> bool {
        let rules = self.ordered().into_iter().chain([self.approved]).flatten();
        let mut named = rules.filter(|rule| rule.action == Action::Allow && rule.pattern.contains(name));
        named.any(|rule| matches(permission, &rule.permission) && matches(text, &rule.pattern))
            && self.evaluate(permission, text).0 == Action::Allow
    }

    /// Whether everything of a permission is allowed, but for what narrower rules say.
    pub(crate) fn allows_everything(&self, permission: &str) -> bool {
        // No sensible pattern but one of stars alone matches this.
        self.evaluate(permission, "\u{1}\u{2}\u{1}").0 == Action::Allow
    }

    /// Whether some rule asks or denies that is not overruled by a later one for everything.
    pub(crate) fn restricts(&self, permission: &str) -> bool {
        let restricts = |rules: &[&[Rule]]| {
            rules
                .iter()
                .rev()
                .flat_map(|rules| rules.iter().rev())
                .filter(|rule| matches(permission, &rule.permission))
                .take_while(|rule| rule.pattern != "*" || rule.action != Action::Allow)
                .any(|rule| rule.action != Action::Allow)
        };
        restricts(&self.ordered()) || restricts(&[self.restrict])
    }
}
