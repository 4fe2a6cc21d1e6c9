//! `permission` as rules in the order in which they count.
//!
//! Must not know how rules are evaluated: that is the crate `permission`.
//!
//! **Invariant:** the order written is the order given; the last rule that matches wins.

use std::path::Path;

use proto::Action;

use crate::dirs::expand_home;
use crate::schema::{PermissionConfig, PermissionValue};

/// The rules `(permission, pattern, action)`. A flat action has the pattern `*`; a leading `~` or `$HOME` of a pattern is replaced by `home`.
#[must_use]
pub fn permission_rules(config: &PermissionConfig, home: &Path) -> Vec<(String, String, Action)> {
    match config {
        PermissionConfig::All(action) => vec![("*".into(), "*".into(), *action)],
        PermissionConfig::Rules(rules) => {
            rules.iter().map(|rule| (rule.action.clone(), expand_home(&rule.resource, home), rule.effect)).collect()
        }
        PermissionConfig::Map(map) => map
            .iter()
            .flat_map(|(permission, value)| match value {
                PermissionValue::All(action) => vec![(permission.clone(), "*".into(), *action)],
                PermissionValue::Patterns(patterns) => {
                    patterns.iter().map(|(pattern, action)| (permission.clone(), expand_home(pattern, home), *action)).collect()
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_keep_the_order_written() {
        let check = |json: &str, expect: &[&str]| {
            let config: PermissionConfig = serde_json::from_str(json).unwrap();
            let rules: Vec<String> = permission_rules(&config, Path::new("/h"))
                .iter()
                .map(|(name, pattern, action)| format!("{name} {pattern} {action:?}"))
                .collect();
            assert_eq!(rules, expect, "{json}");
        };
        check(r#""ask""#, &["* * Ask"]);
        check(
            r#"{"bash": {"*": "ask", "git *": "allow", "git push*": "deny"}, "*": "deny", "edit": "allow"}"#,
            &["bash * Ask", "bash git * Allow", "bash git push* Deny", "* * Deny", "edit * Allow"],
        );
        check(
            r#"{"external_directory": {"~/x/*": "allow", "$HOME/y": "deny"}}"#,
            &["external_directory /h/x/* Allow", "external_directory /h/y Deny"],
        );
        check(
            r#"[{"action": "*", "effect": "ask"}, {"action": "bash", "resource": "ls", "effect": "allow"}, {"action": "*", "resource": "~/a", "effect": "deny"}]"#,
            &["* * Ask", "bash ls Allow", "* /h/a Deny"],
        );
    }
}
