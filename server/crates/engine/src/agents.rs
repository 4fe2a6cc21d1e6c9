//! Agents: the built-in ones and the user's, for the user to choose and for other agents to start.
//!
//! **Invariant:** a name gives the same agent everywhere, and the user's own rules for an agent count after the general ones.

use std::path::Path;

use config::{AgentConfig, AgentMode, Config};
use permission::{Action, Rule};
use serde_json::{Map, Value};

use crate::EngineError;
use crate::rules::Rules;
use crate::toolbox;

const PLAN: &str = include_str!("../../../../prompts/agents/plan.md");
const EXPLORE: &str = include_str!("../../../../prompts/agents/explore.md");

/// The built-in agents that other agents start, with what they are for.
const SUBAGENTS: [(&str, &str); 2] = [
    ("explore", "reads files, searches, runs commands that change nothing"),
    ("general", "may do all that you may; for a task of several steps"),
];
/// What `explore` may do; its commands only as far as they change nothing.
const LOOKING: [&str; 10] = ["read", "list", "glob", "grep", "lsp", "webfetch", "websearch", "skill", "external_directory", "doom_loop"];
/// Every command line. Not `*`, which would keep the tool from the model: what only reads may run.
const ANY_COMMAND: &str = "?*";

/// Who answers.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// Replaces the family's system prompt.
    pub prompt: Option<String>,
    /// Added to each message of the user.
    pub reminder: Option<&'static str>,
    /// `provider/model` or `provider/model#variant`, where it has its own: one, or several in the order in which they are tried.
    pub models: Vec<String>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// Most steps of a turn.
    pub steps: Option<u32>,
    /// For the provider.
    pub options: Map<String, Value>,
    /// For a provider that takes any option.
    pub unknown: Map<String, Value>,
    /// What it may do.
    pub rules: Rules,
}

/// The agent of a name; the default one if none is given. `home` is the user's, for `~` in rules.
///
/// # Errors
/// If there is none of that name for the user to choose.
pub fn find(config: &Config, home: &Path, name: Option<&str>) -> Result<Agent, EngineError> {
    let name = name.or(config.default_agent.as_deref()).unwrap_or("build");
    if !mode(config, name).is_some_and(|mode| mode != AgentMode::Subagent) {
        return Err(EngineError::UnknownAgent { name: name.to_owned(), known: names(config).join(", ") });
    }
    let mut agent = make(config, home, name);
    if matches!(name, "build" | "plan") {
        permission::push(&mut agent.rules.defaults, "question", "*", Action::Allow);
    }
    Ok(agent)
}

/// Why no agent answers a message that names none, if so.
#[must_use]
pub fn nobody(config: &Config) -> Option<String> {
    find(config, Path::new("/"), None).err().map(|error| error.to_string())
}

/// The agent of a name for another one to start; none if there is none of that name for it. It has no rules of the starter yet.
#[must_use]
pub fn subagent(config: &Config, home: &Path, name: &str) -> Option<Agent> {
    mode(config, name).filter(|mode| *mode != AgentMode::Primary)?;
    let mut agent = make(config, home, name);
    permission::push(&mut agent.rules.defaults, "todowrite", "*", Action::Deny);
    permission::push(&mut agent.rules.defaults, "todoread", "*", Action::Deny);
    for tool in primary_tools(config) {
        permission::push(&mut agent.rules.restrict, tool, "*", Action::Deny);
    }
    Some(agent)
}

/// Tools that only the user's own agent may use.
fn primary_tools(config: &Config) -> impl Iterator<Item = &str> {
    let tools = config.other.get("experimental").and_then(|experimental| experimental.get("primary_tools")).and_then(Value::as_array);
    tools.into_iter().flatten().filter_map(Value::as_str)
}

/// Whether an agent can be started by others, and whether it can be chosen by the user.
#[must_use]
pub fn offered(config: &Config, name: &str) -> (bool, bool) {
    mode(config, name).map_or((false, false), |mode| (mode != AgentMode::Primary, mode != AgentMode::Subagent))
}

/// The agents that an agent may start, by its rules: names and descriptions, sorted.
#[must_use]
pub fn subagents<'a>(config: &'a Config, rules: &Rules) -> Vec<(&'a str, &'a str)> {
    let described = |name: &'a str| {
        let own = config.agent.get(name).and_then(|agent| agent.description.as_deref());
        own.or_else(|| SUBAGENTS.iter().find(|(built_in, _)| *built_in == name).map(|(_, words)| *words)).unwrap_or_default()
    };
    let mut all: Vec<&str> = SUBAGENTS.iter().map(|(name, _)| *name).chain(config.agent.keys().map(String::as_str)).collect();
    all.retain(|name| {
        mode(config, name).is_some_and(|mode| mode != AgentMode::Primary) && rules.evaluate("task", name, &[]) != Action::Deny
    });
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|name| (name, described(name))).collect()
}

/// The agent's own models; the first with the variant that the agent is to use, unless its name has one.
fn models(own: &AgentConfig) -> Vec<String> {
    let mut models = own.model.as_ref().map(|models| models.all().to_vec()).unwrap_or_default();
    if let (Some(first), Some(variant)) = (models.first_mut().filter(|first| !first.contains('#')), &own.variant) {
        first.push('#');
        first.push_str(variant);
    }
    models
}

/// To whom an agent is offered; none if there is none.
fn mode(config: &Config, name: &str) -> Option<AgentMode> {
    let own = config.agent.get(name);
    if own.is_some_and(|agent| agent.disable == Some(true)) {
        return None;
    }
    let built_in = match name {
        // OpenCode's for its side jobs; a configuration may set their models.
        "title" | "summary" | "compaction" => return None,
        "build" | "plan" => Some(AgentMode::Primary),
        _ if SUBAGENTS.iter().any(|(built_in, _)| *built_in == name) => Some(AgentMode::Subagent),
        _ => own.map(|_| AgentMode::All),
    };
    own.and_then(|agent| agent.mode).or(built_in)
}

/// What the user's own rules say for an agent: they narrow others.
#[must_use]
pub fn users_rules(config: &Config, home: &Path, name: &str) -> Rules {
    let of = |rules: Option<&config::PermissionConfig>| rules.map(|rules| rules_of(rules, home)).unwrap_or_default();
    let mut rules = Rules { user: of(config.permission.as_ref()), ..Rules::default() };
    rules.agent_user = of(config.agent.get(name).and_then(|agent| agent.permission.as_ref()));
    permission::push(&mut rules.defaults, "*", "*", Action::Allow);
    rules
}

fn make(config: &Config, home: &Path, name: &str) -> Agent {
    let none = AgentConfig::default();
    let own = config.agent.get(name).unwrap_or(&none);
    let mut restrict = Vec::new();
    match name {
        "plan" => {
            // What another's tool changes nobody knows.
            permission::push(&mut restrict, "*", "*", Action::Ask);
            for own in toolbox::reserved() {
                permission::push(&mut restrict, own, "*", Action::Allow);
            }
            permission::push(&mut restrict, "edit", "*", Action::Deny);
            permission::push(&mut restrict, "websearch", "*", Action::Allow);
            permission::push(&mut restrict, "bash", ANY_COMMAND, Action::Deny);
        }
        "explore" => {
            permission::push(&mut restrict, "*", "*", Action::Deny);
            for looking in LOOKING {
                permission::push(&mut restrict, looking, "*", Action::Allow);
            }
            permission::push(&mut restrict, "bash", "*", Action::Ask);
        }
        _ => {}
    }
    let prompt = own.prompt.clone().filter(|p| !p.trim().is_empty());
    Agent {
        name: name.to_owned(),
        prompt,
        reminder: match name {
            "plan" => Some(PLAN),
            "explore" => Some(EXPLORE),
            _ => None,
        },
        models: models(own),
        temperature: own.temperature,
        top_p: own.top_p,
        steps: own.steps,
        options: own.options.clone(),
        unknown: own.unknown.clone(),
        rules: Rules {
            defaults: permission::base_rules(&[]),
            restrict,
            may_look: matches!(name, "plan" | "explore"),
            ..users_rules(config, home, name)
        },
    }
}

/// The subagents that are shown to the user, sorted.
#[must_use]
pub fn mentionable(config: &Config) -> Vec<String> {
    let shown = |name: &str| config.agent.get(name).is_none_or(|agent| agent.hidden != Some(true));
    subagents(config, &Rules { defaults: permission::base_rules(&[]), ..Rules::default() })
        .into_iter()
        .filter(|(name, _)| shown(name))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The names that the user can choose.
#[must_use]
pub fn names(config: &Config) -> Vec<String> {
    let mut out: Vec<_> = ["build", "plan"].map(str::to_owned).into();
    for (name, agent) in &config.agent {
        if !out.contains(name) && agent.hidden != Some(true) {
            out.push(name.clone());
        }
    }
    out.retain(|name| mode(config, name).is_some_and(|mode| mode != AgentMode::Subagent));
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
        assert!(agent.rules.hides("edit") && !agent.rules.hides("bash"));
        let shell = |command: &str| agent.rules.decide_shell(&permission::analyze(command), &[]).action;
        for reads in ["git log", "ls -la | head -3", "cd src && cat a"] {
            assert_eq!(shell(reads), Action::Allow, "{reads}");
        }
        for changes in [
            "rm a",
            "echo a > b",
            "cargo test",
            "git commit -m x",
            "bash -c 'rm a'",
            "$(rm a)",
            "ls; touch b",
            "x=1 make",
            "sed -i s/a/b/ c",
        ] {
            assert_eq!(shell(changes), Action::Deny, "{changes}");
        }
        let asking = find(&config(serde_json::json!({"permission": {"bash": "ask"}})), Path::new("/h"), Some("plan")).unwrap().rules;
        assert_eq!([asking.evaluate("bash", "ls", &[]), asking.evaluate("bash", "rm a", &[])], [Action::Ask, Action::Deny]);
        for (tool, expect) in
            [("read", Action::Allow), ("task", Action::Allow), ("todowrite", Action::Allow), ("some_server_tool", Action::Ask)]
        {
            assert_eq!(agent.rules.evaluate(tool, "*", &[]), expect, "{tool}");
        }
    }

    #[test]
    fn some_tools_are_for_the_users_agent_alone() {
        let config = config(serde_json::json!({"experimental": {"primary_tools": ["webfetch"]}}));
        assert!(subagent(&config, Path::new("/h"), "general").unwrap().rules.hides("webfetch"));
        assert!(!find(&config, Path::new("/h"), None).unwrap().rules.hides("webfetch"));
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

    #[test]
    fn some_agents_are_for_other_agents_alone() {
        let config = config(serde_json::json!({"agent": {
            "sub": {"mode": "subagent", "description": "S"}, "both": {}, "first": {"mode": "primary"}, "explore": {"description": "E"}, "general": {"disable": true}, "title": {}}}));
        let rules =
            Rules { user: vec![Rule { permission: "task".into(), pattern: "both".into(), action: Action::Deny }], ..Rules::default() };
        assert_eq!(subagents(&config, &Rules::default()), [("both", ""), ("explore", "E"), ("sub", "S")]);
        assert_eq!(subagents(&config, &rules), [("explore", "E"), ("sub", "S")]);
        assert_eq!(names(&config), ["build", "plan", "both", "first"]);
        assert!(mode(&config, "title").is_none());
        for (name, chosen, started) in
            [("sub", false, true), ("both", true, true), ("first", true, false), ("explore", false, true), ("general", false, false)]
        {
            assert_eq!(find(&config, Path::new("/h"), Some(name)).is_ok(), chosen, "{name}");
            assert_eq!(subagent(&config, Path::new("/h"), name).is_some(), started, "{name}");
        }
    }

    #[test]
    fn explore_only_looks_whatever_the_user_allows() {
        let config = config(
            serde_json::json!({"permission": {"*": "allow", "webfetch": "deny"}, "agent": {"explore": {"permission": {"edit": "allow"}}}}),
        );
        let rules = subagent(&config, Path::new("/h"), "explore").unwrap().rules;
        let check = |permission: &str, pattern: &str, expect: Action| {
            assert_eq!(rules.evaluate(permission, pattern, &[]), expect, "{permission} {pattern}")
        };
        check("read", "a", Action::Allow);
        check("grep", "a", Action::Allow);
        check("edit", "a", Action::Deny);
        check("webfetch", "https://a", Action::Deny);
        check("mcp_tool", "*", Action::Deny);
        let shell = |command: &str| rules.decide_shell(&permission::analyze(command), &[]).action;
        assert_eq!(["git log", "rm a", "echo a > b", "sed -i s/a/b/ c"].map(shell), [Action::Allow, Action::Ask, Action::Ask, Action::Ask]);
        let plain = subagent(&Config::default(), Path::new("/h"), "explore").unwrap().rules;
        assert_eq!(plain.evaluate("read", ".env", &[]), Action::Ask);
    }
}
