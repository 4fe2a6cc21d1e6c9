//! Older and newer forms of the keys, brought to the form of OpenCode 1.
//!
//! Owns what OpenCode 2 calls differently, and what OpenCode has deprecated. Must not know files or places.
//!
//! **Invariant:** the order of permission rules is that in which they were written.

use serde_json::{Map, Value, json};

use crate::Env;
use crate::commands::hint;
use crate::merge::{merge, permission_list};
use crate::shape::{ABOUT, AGENT, OPTIONS, Shape};

type Object = Map<String, Value>;

/// Brings one file's values to OpenCode 1's form. Where a file holds both, OpenCode 2's `permissions` and `agents` count over their older forms; otherwise
/// the older form counts.
pub(crate) fn lower_file(file: &mut Object) {
    rename(file, "snapshots", "snapshot");
    rename(file, "media", "attachment");
    for (new, old) in [("commands", "command"), ("providers", "provider")] {
        if let Some(Value::Object(mut values)) = file.shift_remove(new) {
            if let Some(Value::Object(older)) = file.shift_remove(old) {
                merge(&mut values, older);
            }
            file.insert(old.into(), values.into());
        }
    }
    for key in ["model", "small_model"] {
        lower_model(file, key, key == "model");
    }
    if let Some(Value::Array(entries)) = file.get("skills") {
        let (urls, paths): (Vec<Value>, Vec<Value>) = entries
            .iter()
            .cloned()
            .partition(|entry| entry.as_str().is_some_and(|entry| entry.starts_with("http://") || entry.starts_with("https://")));
        file.insert("skills".into(), json!({"paths": paths, "urls": urls}));
    }
    if let Some(Value::Object(compaction)) = file.get_mut("compaction") {
        rename(compaction, "buffer", "reserved");
        if let Some(tokens) = compaction.shift_remove("keep").and_then(|keep| keep.get("tokens").cloned()) {
            compaction.entry("preserve_recent_tokens").or_insert(tokens);
        }
    }
    if let Some(depth) = file.get("experimental").and_then(|experimental| experimental.get("subagent_depth")).cloned() {
        file.entry("subagent_depth").or_insert(depth);
    }
    if file.shift_remove("autoshare") == Some(Value::Bool(true)) {
        file.entry("share").or_insert("auto".into());
    }
    lower_permission(file);
    lower_mcp(file);
    for key in ["agent", "agents", "mode"] {
        each(file, key, lower_agent);
    }
    if let Some(Value::Object(agents)) = file.shift_remove("agents") {
        merge(object(file, "agent"), agents);
    }
    each(file, "command", lower_command);
    each(file, "provider", |provider| each(provider, "models", |model| rename(model, "modelID", "id")));
}

/// Brings an agent to OpenCode 1's form: `tools` become rules before its own, and keys that are options for providers become such. OpenCode makes all that
/// it does not know options, and its providers leave out what they do not know.
pub(crate) fn lower_agent(agent: &mut Object) {
    rename(agent, "system", "prompt");
    rename(agent, "disabled", "disable");
    rename(agent, "maxSteps", "steps");
    rename(agent, "maxTurns", "steps");
    agent.shift_remove("name");
    lower_model(agent, "model", true);
    lower_permission(agent);
    lower_tools(agent);
    lower_forbidden(agent);
    let (mut options, mut unknown) = (Object::new(), Object::new());
    if let Some(Value::Object(mut request)) = agent.shift_remove("request")
        && let Some(Value::Object(body)) = request.shift_remove("body")
    {
        options = body;
    }
    let others: Vec<String> = agent.keys().filter(|key| !knows(&AGENT, key)).cloned().collect();
    for key in others {
        match agent.shift_remove(&key) {
            Some(value) if OPTIONS.contains(&key.as_str()) => _ = options.insert(key, value),
            Some(value) if !ABOUT.contains(&key.as_str()) => _ = unknown.insert(key, value),
            _ => {}
        }
    }
    if !unknown.is_empty() {
        agent.insert("unknown".into(), unknown.into());
    }
    if !options.is_empty() {
        let written = object(agent, "options");
        merge(&mut options, std::mem::take(written));
        *written = options;
    }
}

fn lower_command(command: &mut Object) {
    lower_model(command, "model", false);
    if let Some(hint) = command.get("argument-hint").and_then(hint) {
        command.insert("argument-hint".into(), hint.into());
    }
    if command.shift_remove("context").is_some() {
        command.entry("subtask").or_insert(true.into());
    }
    // Those of Claude Code's own agents.
    let agent = match command.get("agent").and_then(Value::as_str) {
        Some("Explore") => "explore",
        Some("Plan") => "plan",
        Some("general-purpose") => "general",
        _ => return,
    };
    command.insert("agent".into(), agent.into());
}

/// What follows once all files are merged: `mode`, the variables that change single keys, and `tools`.
pub(crate) fn finish(config: &mut Object, env: &Env, permission: Option<Object>) {
    if let Some(Value::Object(modes)) = config.shift_remove("mode") {
        let agents = object(config, "agent");
        for (name, mode) in modes {
            if let Value::Object(mut mode) = mode {
                mode.insert("mode".into(), "primary".into());
                merge(object(agents, &name), mode);
            }
        }
    }
    if let Some(permission) = permission {
        let mut over = Object::new();
        over.insert("permission".into(), permission.into());
        lower_permission(&mut over);
        merge(config, over);
    }
    lower_tools(config);
    // OpenCode 2 asks where no rule of its list says otherwise; OpenCode 1 allows.
    if let Some(Value::Array(rules)) = config.get_mut("permission") {
        let asked = ["bash", "edit", "webfetch"].map(|action| json!({"action": action, "resource": "*", "effect": "ask"}));
        rules.splice(0..0, asked);
    }
    if env.flag("DISABLE_AUTOCOMPACT") {
        object(config, "compaction").insert("auto".into(), false.into());
    }
    if env.flag("DISABLE_PRUNE") {
        object(config, "compaction").insert("prune".into(), false.into());
    }
    if let Some(user) = env.get("USER").or_else(|| env.get("USERNAME")) {
        config.entry("username").or_insert(user.into());
    }
}

/// `permission: "ask"` as `{"*": "ask"}`; OpenCode 2's list in place of what stands there, by OpenCode 1's names; OpenCode 1's form under OpenCode 2's
/// name over it.
fn lower_permission(object: &mut Object) {
    for key in ["permission", "permissions"] {
        if let Some(action @ Value::String(_)) = object.get(key).cloned() {
            object.insert(key.into(), json!({"*": action}));
        }
    }
    let newer = object.shift_remove("permissions");
    if let Some(Value::Object(newer)) = newer {
        match object.get_mut("permission") {
            Some(Value::Object(older)) => merge(older, newer),
            _ => _ = object.insert("permission".into(), newer.into()),
        }
    } else if let Some(Value::Array(rules)) = newer {
        let rules = rules.into_iter().map(|mut rule| {
            match rule.get("action").and_then(Value::as_str) {
                Some("shell") => rule["action"] = "bash".into(),
                Some("subagent") => rule["action"] = "task".into(),
                _ => {}
            }
            rule
        });
        object.insert("permission".into(), Value::Array(rules.collect()));
    }
}

/// The deprecated switches as rules: after a blanket rule that comes first, before everything else, and only where no explicit rule has that name.
fn lower_tools(owner: &mut Object) {
    let tools = match owner.shift_remove("tools") {
        Some(Value::Object(tools)) => tools,
        // Claude Code's way: those that are named, and no others.
        Some(Value::String(names)) => only(apart(&names).into_iter()),
        Some(Value::Array(names)) => only(names.iter().filter_map(Value::as_str)),
        _ => return,
    };
    let mut rules = Object::new();
    for (tool, on) in tools {
        // Command lines that begin so, and no others.
        if let Some(pattern) = tool.strip_prefix("bash(").and_then(|rest| rest.strip_suffix(')')) {
            let pattern = pattern.strip_suffix(":*").map_or_else(|| pattern.to_owned(), |start| format!("{start} *"));
            if !rules.get("bash").is_some_and(Value::is_string) {
                object(&mut rules, "bash").insert(pattern, "allow".into());
            }
            continue;
        }
        let permission = permission_of(tool);
        let rule = match on {
            Value::Bool(true) => "allow",
            Value::Bool(false) => "deny",
            _ => "ask",
        };
        // Several switches may be of one permission: what is on does not count over one that says nothing known.
        if rule != "allow" || rules.get(&permission).is_none_or(|known| known != "ask") {
            rules.insert(permission, rule.into());
        }
    }
    let permission = match owner.shift_remove("permission") {
        Some(Value::Array(written)) => {
            let blanket = written
                .iter()
                .take_while(|rule| rule["action"] == "*" && rule.get("resource").is_none_or(|pattern| pattern == "*"))
                .count();
            let (first, rest) = written.split_at(blanket);
            Value::Array([first, &permission_list(rules.into()), rest].concat())
        }
        Some(Value::Object(written)) => {
            let mut ordered = Object::new();
            let mut written = written.into_iter().peekable();
            while let Some((key, value)) = written.next_if(|(key, _)| key == "*") {
                ordered.insert(key, value);
            }
            ordered.extend(rules);
            ordered.extend(written);
            ordered.into()
        }
        _ => rules.into(),
    };
    owner.insert("permission".into(), permission);
}

/// Switches that turn all tools off but these, whose names may be Claude Code's: `Read`, `MultiEdit`, `mcp__server__tool`.
fn only<'a>(names: impl Iterator<Item = &'a str>) -> Object {
    let mut tools = Object::from_iter([("*".to_owned(), false.into())]);
    for name in names.filter_map(own_name) {
        tools.insert(name, true.into());
    }
    tools
}

/// Names behind each other; what stands in brackets belongs to one.
fn apart(names: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let between = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    names.split(between).collect()
}

/// Claude Code's `disallowedTools`: they are denied, whatever else is said of them; a pattern of a tool's arguments is not kept, the whole tool is denied.
fn lower_forbidden(agent: &mut Object) {
    let listed = agent.shift_remove("disallowedTools");
    let names: Vec<&str> = match &listed {
        None | Some(Value::Null) => return,
        Some(Value::String(names)) => apart(names),
        // Where it cannot be told what was meant, it is all: a question behind the agent's other rules would loosen those that deny.
        Some(Value::Array(names)) => names.iter().map(|name| name.as_str().unwrap_or("*")).collect(),
        Some(_) => vec!["*"],
    };
    for name in names.into_iter().filter_map(|name| own_name(name.split('(').next()?)) {
        let permission = permission_of(name);
        match agent.entry("permission").or_insert_with(|| Object::new().into()) {
            Value::Array(rules) => rules.push(json!({"action": permission, "resource": "*", "effect": "deny"})),
            Value::Object(rules) => {
                rules.shift_remove(&permission);
                rules.insert(permission, "deny".into());
            }
            _ => {}
        }
    }
}

/// Claude Code's name of a tool as ours.
fn own_name(name: &str) -> Option<String> {
    let name = match name.trim().split_once('(') {
        Some((tool, arguments)) => format!("{}({arguments}", tool.to_lowercase()),
        None => name.trim().to_lowercase(),
    };
    Some(match (name.as_str(), name.strip_prefix("mcp__")) {
        ("", _) => return None,
        ("ls", _) => "list".to_owned(),
        ("notebookedit", _) => "edit".to_owned(),
        // A server without a tool is all of its tools.
        (_, Some(tool)) => tool.split_once("__").map_or_else(|| format!("{tool}_*"), |(server, tool)| format!("{server}_{tool}")),
        _ => name,
    })
}

/// The permission that a tool needs.
fn permission_of(tool: String) -> String {
    if matches!(tool.as_str(), "write" | "edit" | "patch" | "multiedit" | "apply_patch") { "edit".to_owned() } else { tool }
}

/// `{providerID, model, variant}` as `provider/model#variant`. A list stays one only if there may be `many`.
fn lower_model(object: &mut Object, key: &str, many: bool) {
    let Some(value) = object.get_mut(key) else { return };
    let lowered = match value {
        Value::String(name) => Some(Value::from(name.as_str())),
        Value::Array(names) => {
            let mut names: Vec<Value> = names.iter().filter(|name| name.is_string()).cloned().collect();
            if many { Some(Value::Array(names)) } else { (!names.is_empty()).then(|| names.swap_remove(0)) }
        }
        Value::Object(parts) => {
            let part = |names: &[&str]| names.iter().find_map(|name| parts.get(*name)?.as_str());
            let variant = part(&["variant"]).map(|variant| format!("#{variant}")).unwrap_or_default();
            let named = part(&["providerID"]).zip(part(&["model", "modelID", "id"]));
            named.map(|(provider, model)| format!("{provider}/{model}{variant}").into())
        }
        _ => None,
    };
    match lowered {
        Some(lowered) => *value = lowered,
        None => {
            object.shift_remove(key);
        }
    }
}

/// `mcp.servers.<name>` as `mcp.<name>`, `mcp.timeout` as `experimental.mcp_timeout`.
fn lower_mcp(file: &mut Object) {
    let Some(Value::Object(mcp)) = file.get_mut("mcp") else { return };
    let timeout = mcp.get("timeout").is_some_and(Value::is_number).then(|| mcp.shift_remove("timeout")).flatten();
    // A server of that name would have a type or a command.
    let is_list = mcp
        .get("servers")
        .and_then(Value::as_object)
        .is_some_and(|servers| !["type", "command", "url", "enabled"].iter().any(|key| servers.contains_key(*key)));
    if is_list && let Some(Value::Object(servers)) = mcp.shift_remove("servers") {
        for (name, mut server) in servers {
            if let Value::Object(server) = &mut server
                && let Some(disabled) = server.shift_remove("disabled")
            {
                server.entry("enabled").or_insert(Value::Bool(disabled != Value::Bool(true)));
            }
            mcp.entry(name).or_insert(server);
        }
    }
    if let Some(timeout) = timeout {
        object(file, "experimental").entry("mcp_timeout").or_insert(timeout);
    }
}

fn rename(object: &mut Object, from: &str, to: &str) {
    if let Some(value) = object.shift_remove(from) {
        object.entry(to).or_insert(value);
    }
}

fn each(object: &mut Object, key: &str, mut f: impl FnMut(&mut Object)) {
    if let Some(Value::Object(values)) = object.get_mut(key) {
        values.values_mut().filter_map(Value::as_object_mut).for_each(&mut f);
    }
}

/// The object at `key`, made if there is none.
fn object<'a>(parent: &'a mut Object, key: &str) -> &'a mut Object {
    let value = parent.entry(key).or_insert_with(|| Object::new().into());
    if !value.is_object() {
        *value = Object::new().into();
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("it was just made an object"),
    }
}

fn knows(shape: &Shape, key: &str) -> bool {
    matches!(shape, Shape::Object(keys, _) if keys.iter().any(|(name, _)| *name == key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_and_older_forms() {
        let check = |file: &str, expect: &str| {
            let mut lowered: Object = serde_json::from_str(file).unwrap();
            lower_file(&mut lowered);
            finish(&mut lowered, &Env::default(), None);
            assert_eq!(serde_json::to_string(&lowered).unwrap(), expect, "{file}");
        };
        check(r#"{"snapshots":false,"media":{"x":1}}"#, r#"{"snapshot":false,"attachment":{"x":1}}"#);
        check(r#"{"snapshots":false,"snapshot":true}"#, r#"{"snapshot":true}"#);
        check(r#"{"model":"a/b#high"}"#, r#"{"model":"a/b#high"}"#);
        check(r#"{"model":{"providerID":"a","id":"b","variant":"high"}}"#, r#"{"model":"a/b#high"}"#);
        check(r#"{"model":{"providerID":"a","model":"b"},"small_model":["c/d","e/f"]}"#, r#"{"model":"a/b","small_model":"c/d"}"#);
        check(r#"{"skills":["./x","https://y"]}"#, r#"{"skills":{"paths":["./x"],"urls":["https://y"]}}"#);
        check(r#"{"compaction":{"buffer":1,"keep":{"tokens":2}}}"#, r#"{"compaction":{"reserved":1,"preserve_recent_tokens":2}}"#);
        check(
            r#"{"agents":{"a":{"system":"S","disabled":false,"request":{"body":{"effort":"low"}}}},"agent":{"a":{"prompt":"OLD","reasoningEffort":"high","options":{"effort":"x"}}}}"#,
            r#"{"agent":{"a":{"prompt":"S","options":{"reasoningEffort":"high","effort":"low"},"disable":false}}}"#,
        );
        check(r#"{"commands":{"c":{"template":"t","model":"a/b#v"}}}"#, r#"{"command":{"c":{"template":"t","model":"a/b#v"}}}"#);
        check(r#"{"providers":{"p":{"models":{"m":{"modelID":"w"}}}}}"#, r#"{"provider":{"p":{"models":{"m":{"id":"w"}}}}}"#);
        check(
            r#"{"mcp":{"servers":{"s":{"type":"local","disabled":true}},"timeout":5}}"#,
            r#"{"mcp":{"s":{"type":"local","enabled":false}},"experimental":{"mcp_timeout":5}}"#,
        );
        check(r#"{"mcp":{"servers":{"type":"local"}}}"#, r#"{"mcp":{"servers":{"type":"local"}}}"#);
        check(r#"{"autoshare":true}"#, r#"{"share":"auto"}"#);
        check(r#"{"mode":{"m":{"prompt":"P"}},"agent":{"m":{"steps":3}}}"#, r#"{"agent":{"m":{"steps":3,"prompt":"P","mode":"primary"}}}"#);
        check(
            r#"{"permission":{"bash":"allow"},"permissions":[{"action":"shell","resource":"ls","effect":"ask"}]}"#,
            r#"{"permission":[{"action":"bash","resource":"*","effect":"ask"},{"action":"edit","resource":"*","effect":"ask"},{"action":"webfetch","resource":"*","effect":"ask"},{"action":"bash","resource":"ls","effect":"ask"}]}"#,
        );
    }

    #[test]
    fn tools_that_an_agent_is_denied_in_claude_codes_way_are_denied() {
        let check = |agent: &str, expect: &str| {
            let mut lowered: Object = serde_json::from_str(agent).unwrap();
            lower_agent(&mut lowered);
            assert_eq!(serde_json::to_string(&lowered["permission"]).unwrap(), expect, "{agent}");
            assert!(lowered.get("disallowedTools").is_none() && lowered.get("options").is_none(), "{agent}: {lowered:?}");
        };
        check(r#"{"disallowedTools":"Bash, MultiEdit"}"#, r#"{"bash":"deny","edit":"deny"}"#);
        check(r#"{"disallowedTools":["Bash(rm:*)","mcp__docs__find","mcp__web"]}"#, r#"{"bash":"deny","docs_find":"deny","web_*":"deny"}"#);
        check(r#"{"tools":"Write, Edit, Read","disallowedTools":"Write"}"#, r#"{"*":"deny","read":"allow","edit":"deny"}"#);
        check(r#"{"permission":{"bash":{"ls":"allow"},"*":"allow"},"disallowedTools":"Bash"}"#, r#"{"*":"allow","bash":"deny"}"#);
        check(
            r#"{"permissions":[{"action":"shell","resource":"ls","effect":"allow"}],"disallowedTools":"Bash"}"#,
            r#"[{"action":"bash","resource":"ls","effect":"allow"},{"action":"bash","resource":"*","effect":"deny"}]"#,
        );
        check(r#"{"permission":"allow","disallowedTools":{"bash":true}}"#, r#"{"*":"deny"}"#);
        check(r#"{"permission":{"bash":"allow"},"disallowedTools":["Read",5]}"#, r#"{"bash":"allow","read":"deny","*":"deny"}"#);
    }

    #[test]
    fn switches_become_rules() {
        let check = |object: &str, expect: &str| {
            let mut lowered: Object = serde_json::from_str(object).unwrap();
            lower_permission(&mut lowered);
            lower_tools(&mut lowered);
            assert_eq!(serde_json::to_string(&lowered["permission"]).unwrap(), expect, "{object}");
        };
        check(r#"{"tools":{"bash":false,"write":true}}"#, r#"{"bash":"deny","edit":"allow"}"#);
        check(r#"{"tools":{"webfetch":false},"permission":"allow"}"#, r#"{"*":"allow","webfetch":"deny"}"#);
        let only = r#"{"*":"deny","read":"allow","edit":"allow","list":"allow","docs_find":"allow"}"#;
        check(r#"{"tools":"Read, MultiEdit,LS, mcp__docs__find"}"#, only);
        check(r#"{"tools":["Read","Write","LS","mcp__docs__find"],"permission":"allow"}"#, only);
        check(
            r#"{"tools":"Bash(git log:*)","permission":{"webfetch":"ask"}}"#,
            r#"{"*":"deny","bash":{"git log *":"allow"},"webfetch":"ask"}"#,
        );
        check(
            r#"{"tools":"Read, Bash(Make a, b), Bash(git diff:*)"}"#,
            r#"{"*":"deny","read":"allow","bash":{"Make a, b":"allow","git diff *":"allow"}}"#,
        );
        check(r#"{"tools":["Bash(ls:*)","Bash"]}"#, r#"{"*":"deny","bash":"allow"}"#);
        check(
            r#"{"tools":{"bash":false,"edit":false},"permission":{"read":"ask","bash":{"ls":"allow"},"*":"ask"}}"#,
            r#"{"bash":{"ls":"allow"},"edit":"deny","read":"ask","*":"ask"}"#,
        );
        check(
            r#"{"tools":{"bash":false},"permissions":[{"action":"*","effect":"allow"},{"action":"edit","effect":"ask"}]}"#,
            r#"[{"action":"*","effect":"allow"},{"action":"bash","resource":"*","effect":"deny"},{"action":"edit","effect":"ask"}]"#,
        );
    }
}
