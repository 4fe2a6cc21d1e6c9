//! Agents: the built-in ones and the user's.
//!
//! **Invariant:** a name gives the same agent everywhere, and the user's own rules for an agent count after the general ones.

use std::path::Path;

use config::{AgentConfig, AgentMode, Config};
use permission::{Action, Rule};
use serde_json::{Map, Value};

use crate::EngineError;
use crate::rules::Rules;

const PLAN: &str = include_str!("../../../../prompts/agents/plan.md");

/// Who answers.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// Replaces the family's system prompt.
    pub prompt: Option<String>,
    /// Added to each message of the user.
    pub reminder: Option<&'static str>,
    /// `provider/model`, where it has its own.
    pub model: Option<String>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// Most steps of a turn.
    pub steps: Option<u32>,
    /// For the provider.
    pub options: Map<String, Value>,
    /// What it may do.
    pub rules: Rules,
}

/// The agent of a name; the default one if none is given. `home` is the user's, for `~` in rules.
///
/// # Errors
/// If there is none of that name for the user to choose.
pub fn find(config: &Config, home: &Path, name: Option<&str>) -> Result<Agent, EngineError> {
    let name = name.or(config.default_agent.as_deref()).unwrap_or("build");
    let own = config.agent.get(name);
    let usable = own.is_none_or(|a| a.disable != Some(true) && a.mode != Some(AgentMode::Subagent));
    let built_in = matches!(name, "build" | "plan");
    if !(built_in || own.is_some()) || !usable {
        return Err(EngineError::UnknownAgent { name: name.to_owned(), known: names(config).join(", ") });
    }
    let none = AgentConfig::default();
    let own = own.unwrap_or(&none);
    let user = config.permission.as_ref().map(|user| rules_of(user, home)).unwrap_or_default();
    let agent_user = own.permission.as_ref().map(|user| rules_of(user, home)).unwrap_or_default();
    let mut defaults = permission::base_rules(&[]);
    if built_in {
        permission::push(&mut defaults, "question", "*", Action::Allow);
    }
    let mut restrict = Vec::new();
    if name == "plan" {
        restrict = vec![
            Rule { permission: "edit".into(), pattern: "*".into(), action: Action::Deny },
            Rule { permission: "bash".into(), pattern: "*".into(), action: Action::Ask },
        ];
    }
    Ok(Agent {
        name: name.to_owned(),
        prompt: own.prompt.clone().filter(|p| !p.trim().is_empty()),
        reminder: (name == "plan").then_some(PLAN),
        model: own.model.as_ref().map(|m| m.first().to_owned()),
        temperature: own.temperature,
        top_p: own.top_p,
        steps: own.steps,
        options: own.options.clone(),
        rules: Rules { defaults, user, agent_user, restrict },
    })
}

/// The names that the user can choose.
#[must_use]
pub fn names(config: &Config) -> Vec<String> {
    let mut out: Vec<_> = ["build", "plan"].map(str::to_owned).into();
    for (name, agent) in &config.agent {
        if !out.contains(name) && agent.mode != Some(AgentMode::Subagent) && agent.hidden != Some(true) {
            out.push(name.clone());
        }
    }
    out.retain(|name| config.agent.get(name).is_none_or(|a| a.disable != Some(true)));
    out
}

fn rules_of(user: &config::PermissionConfig, home: &Path) -> Vec<Rule> {
    config::permission_rules(user, home).into_iter().map(|(permission, pattern, action)| Rule { permission, pattern, action }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: serde_json::Value) -> Config {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn build_is_the_default_and_unknown_names_are_named() {
        assert_eq!(find(&Config::default(), Path::new("/h"), None).unwrap().name, "build");
        let error = find(&Config::default(), Path::new("/h"), Some("frob")).unwrap_err().to_string();
        assert!(error.contains("frob") && error.contains("plan"), "{error}");
    }

    #[test]
    fn plan_cannot_edit_whatever_the_user_allows() {
        let agent =
            find(&config(serde_json::json!({"permission": {"edit": "allow", "bash": "allow"}})), Path::new("/h"), Some("plan")).unwrap();
        assert_eq!(agent.rules.evaluate("edit", "a", &[]), Action::Deny);
        assert_eq!(agent.rules.evaluate("bash", "rm a", &[]), Action::Ask);
        assert!(agent.rules.hides("edit"));
    }

    #[test]
    fn an_agents_own_rules_count_last_and_disabled_ones_are_gone() {
        let config = config(serde_json::json!({"permission": {"edit": "allow"}, "agent": {
            "reviewer": {"permission": {"edit": "deny"}, "mode": "primary"}, "off": {"disable": true}, "sub": {"mode": "subagent"}}}));
        assert_eq!(find(&config, Path::new("/h"), Some("reviewer")).unwrap().rules.evaluate("edit", "a", &[]), Action::Deny);
        assert!(find(&config, Path::new("/h"), Some("off")).is_err());
        assert!(find(&config, Path::new("/h"), Some("sub")).is_err());
        assert_eq!(names(&config), ["build", "plan", "reviewer"]);
    }
}
