//! Which rules count for an agent's calls.
//!
//! **Invariant:** what an agent of ours may not do (`restrict`) no other rule can allow, "always" included; a subagent may nothing that the agent that
//! started it may not.

use std::sync::Arc;

use permission::{Action, BashAnalysis, BashDecision, Layers, Rule};

/// The rules that count for an agent.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Built-in.
    pub defaults: Vec<Rule>,
    /// The user's.
    pub user: Vec<Rule>,
    /// The user's for this agent.
    pub agent_user: Vec<Rule>,
    /// What the agent itself must not do.
    pub restrict: Vec<Rule>,
    /// `restrict` does not speak of commands that surely only read.
    pub may_look: bool,
    /// Those that these are narrowed by: of the agent that started this one, or of another time.
    pub starter: Option<Arc<Rules>>,
}

impl Rules {
    /// Only what both allow.
    #[must_use]
    pub fn narrowed_by(self, other: Self) -> Self {
        Self { starter: Some(Arc::new(self)), ..other }
    }

    fn layers<'a>(&'a self, approved: &'a [Rule]) -> Layers<'a> {
        Layers { defaults: &self.defaults, user: &self.user, agent_user: &self.agent_user, approved, restrict: &self.restrict }
    }

    /// These rules, and those of whom they are narrowed by.
    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |rules| rules.starter.as_deref())
    }

    /// What is to be done for one pattern. `always` counts after all others, but never over a denial.
    #[must_use]
    pub fn evaluate(&self, permission: &str, pattern: &str, always: &[Rule]) -> Action {
        let reads =
            permission == "bash" && self.all().any(|rules| rules.may_look) && permission::is_read_only(&permission::analyze(pattern));
        let layers = |rules: &Self| {
            let layers = rules.layers(always);
            if rules.may_look && reads { Layers { restrict: &[], ..layers } } else { layers }.evaluate(permission, pattern).0
        };
        self.all().map(layers).max().unwrap_or(Action::Ask)
    }

    /// Whether a rule that names `name` allows a pattern.
    #[must_use]
    pub fn allows_by_name(&self, permission: &str, pattern: &str, name: &str, always: &[Rule]) -> bool {
        self.all().all(|rules| rules.layers(always).allows_by_name(permission, pattern, name))
    }

    /// What is to be done for a shell command.
    #[must_use]
    pub fn decide_shell(&self, analysis: &BashAnalysis, always: &[Rule]) -> BashDecision {
        let own = self.decide_shell_alone(analysis, always);
        self.all().skip(1).fold(own, |decision, rules| stricter(decision, rules.decide_shell_alone(analysis, always)))
    }

    fn decide_shell_alone(&self, analysis: &BashAnalysis, always: &[Rule]) -> BashDecision {
        let layers = self.layers(always);
        let looks = self.may_look && permission::is_read_only(analysis);
        permission::decide(analysis, &if looks { Layers { restrict: &[], ..layers } } else { layers })
    }

    /// Whether a tool is not even offered: its permission is denied for everything.
    #[must_use]
    pub fn hides(&self, permission: &str) -> bool {
        self.all().any(|rules| rules.layers(&[]).is_hidden(permission))
    }
}

/// What both decisions allow; what one of them asks for is asked for.
fn stricter(one: BashDecision, other: BashDecision) -> BashDecision {
    match one.action.cmp(&other.action) {
        std::cmp::Ordering::Greater => one,
        std::cmp::Ordering::Less => other,
        std::cmp::Ordering::Equal => {
            let joined = |mut all: Vec<String>, more: Vec<String>| {
                all.extend(more.into_iter().filter(|text| !all.contains(text)).collect::<Vec<_>>());
                all
            };
            BashDecision {
                action: one.action,
                ask_patterns: joined(one.ask_patterns, other.ask_patterns),
                always: joined(one.always, other.always),
                always_ask: one.always_ask || other.always_ask,
                denied: one.denied.or(other.denied),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(permission: &str, pattern: &str, action: Action) -> Rule {
        Rule { permission: permission.into(), pattern: pattern.into(), action }
    }

    #[test]
    fn always_counts_over_ask_but_not_over_deny() {
        let rules = Rules { user: vec![rule("bash", "*", Action::Ask), rule("bash", "rm *", Action::Deny)], ..Rules::default() };
        let always = [rule("bash", "npm test *", Action::Allow), rule("bash", "rm *", Action::Allow)];
        assert_eq!(rules.evaluate("bash", "npm test --silent", &always), Action::Allow);
        assert_eq!(rules.evaluate("bash", "rm x", &always), Action::Deny);
        assert_eq!(rules.evaluate("bash", "ls", &always), Action::Ask);
    }

    #[test]
    fn a_wildcard_for_everything_names_nothing() {
        let check = |user: &[(&str, Action)], always: &[&str], expect: bool| {
            let rules =
                Rules { user: user.iter().map(|(pattern, action)| rule("webfetch", pattern, *action)).collect(), ..Rules::default() };
            let always: Vec<Rule> = always.iter().map(|pattern| rule("webfetch", pattern, Action::Allow)).collect();
            assert_eq!(rules.allows_by_name("webfetch", "http://127.0.0.1:80/x", "127.0.0.1", &always), expect, "{user:?} {always:?}");
        };
        check(&[("*", Action::Allow)], &[], false);
        check(&[("http://*", Action::Allow)], &[], false);
        check(&[("*", Action::Ask), ("http://127.0.0.1:80/*", Action::Allow)], &[], true);
        check(&[("http://127.0.0.1:80/*", Action::Allow), ("*", Action::Allow)], &[], true);
        check(&[("http://127.0.0.1:80/*", Action::Allow), ("*", Action::Deny)], &[], false);
        check(&[("http://127.0.0.1:90/*", Action::Allow), ("*", Action::Allow)], &[], false);
        check(&[("*", Action::Allow)], &["http://127.0.0.1:80/*"], true);
        check(&[("*", Action::Deny)], &["http://127.0.0.1:80/*"], false);
    }

    #[test]
    fn what_the_agent_may_not_do_nothing_allows() {
        let rules =
            Rules { user: vec![rule("*", "*", Action::Allow)], restrict: vec![rule("edit", "*", Action::Deny)], ..Rules::default() };
        let always = [rule("edit", "*", Action::Allow)];
        assert_eq!(rules.evaluate("edit", "a.txt", &always), Action::Deny);
        assert_eq!(rules.evaluate("read", "a.txt", &always), Action::Allow);
        assert!(rules.hides("edit") && !rules.hides("read"));
    }
}
