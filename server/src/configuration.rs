//! The configuration as faces read it: with what only those who use a part of it can find wrong.
//!
//! **Invariant:** what is wrong is told with its place; nothing is started to find it. No program counts that a project brings before it is allowed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Auth, Dirs, Env, Loaded, Problem, Severity};
use engine::{Brought, Said};
use lsp_client::Servers;

use crate::consent::{self, Standing};
use crate::lsp::slash;
use crate::models_cli;

/// Reads everything that counts for a session in `cwd`, which is absolute.
#[must_use]
pub fn load(env: &Env, dirs: &Dirs, cwd: &Path) -> Loaded {
    let mut loaded = config::load(env, dirs, cwd);
    let held: Vec<_> = consent::programs(&loaded, dirs, cwd).into_iter().filter(|(_, standing)| !standing.may_run()).collect();
    for (program, standing) in held {
        let (file, line, column) = placed(&loaded, &program.name);
        let how = if standing == Standing::Asked { format!(": `interline allow {}` allows it", program.name) } else { String::new() };
        let message = format!("\"{}\" is a program that the project brings, {}; it is left out{how}", program.name, standing.words());
        loaded.problems.push(Problem { file, line, column, message, severity: Severity::Warning });
        if let Some(program) = loaded.foreign_programs.iter().find(|known| known.key == program.name).cloned() {
            loaded.leave_out(&program);
        }
    }
    for (provider, file) in Auth::load(env, dirs).well_known() {
        let message = format!(
            "\"{provider}\" is a login at an organisation's configuration, which is neither fetched nor sent its token: \
             put its settings into your own configuration, and its key there by `interline auth add`"
        );
        loaded.problems.push(Problem { file: file.to_owned(), line: 1, column: 1, message, severity: Severity::Warning });
    }
    if let Some(named) = &loaded.config.shell {
        let used = engine::usable_shell(Some(named));
        if used != Path::new(named) {
            let (file, line, column) = placed(&loaded, "shell");
            let message = format!(
                "\"shell\": {named} is not there, or none of bash, zsh, ksh, dash and sh, as which commands are checked; {} runs them",
                used.display()
            );
            loaded.problems.push(Problem { file, line, column, message, severity: Severity::Warning });
        }
    }
    if let Some(why) = engine::nobody_answers(&loaded.config) {
        let (file, line, column) = match loaded.agent_files.get("build").filter(|_| loaded.config.default_agent.is_none()) {
            Some(file) => (file.clone(), 1, 1),
            None => placed(&loaded, "default_agent"),
        };
        let message = format!("{why}; a message is answered only where it names an agent");
        loaded.problems.push(Problem { file, line, column, message, severity: Severity::Error });
    }
    for name in loaded.config.command.keys().filter(|name| slash::own(name).is_some_and(|own| own == name.as_str())) {
        let (file, line, column) = match loaded.command_files.get(name) {
            Some(file) => (file.clone(), 1, 1),
            None => placed(&loaded, &format!("command.{name}")),
        };
        let message = format!("\"command.{name}\" has the name of the chat's own /{name}, which is not reached beside it");
        loaded.problems.push(Problem { file, line, column, message, severity: Severity::Warning });
    }
    for unusable in Servers::configured(loaded.config.other.get("lsp")).1 {
        let (file, line, column) = placed(&loaded, &format!("lsp.{}", unusable.id));
        let message = format!("\"lsp.{}\": {}; it is left out", unusable.id, unusable.why);
        loaded.problems.push(Problem { file, line, column, message, severity: Severity::Error });
    }
    let servers = server_problems(&loaded);
    loaded.problems.extend(servers);
    loaded
}

/// The same as the engine takes it.
#[must_use]
pub fn said(loaded: Loaded, env: &Env, dirs: &Dirs, cwd: &Path) -> Said {
    let config = Arc::new(loaded.config.clone());
    let instructions = {
        let (config, env, dirs, cwd, top) = (Arc::clone(&config), env.clone(), dirs.clone(), cwd.to_owned(), loaded.root.clone());
        move || config::instructions(&config, &env, &dirs, &cwd, &top).into_iter().map(|i| (i.path, i.text)).collect()
    };
    Said {
        config,
        registry: models_cli::registry_of(&loaded, env, dirs, cwd),
        instructions: Arc::new(instructions),
        instruction_urls: loaded.instruction_urls(),
        brought: Brought::of(&loaded, cwd),
        skills: loaded.skills,
        problems: loaded.problems,
        looked_at: loaded.looked_at,
    }
}

/// The MCP servers that cannot be used.
pub fn server_problems(loaded: &Loaded) -> Vec<Problem> {
    let told = |unusable: mcp::Unusable| {
        let (file, line, column) = placed(loaded, &format!("mcp.{}", unusable.name));
        let message = format!("\"mcp.{}\": {}; it is left out", unusable.name, unusable.why);
        Problem { file, line, column, message, severity: Severity::Error }
    };
    mcp::configured(loaded.config.other.get("mcp"), None).1.into_iter().map(told).collect()
}

fn placed(loaded: &Loaded, key: &str) -> (PathBuf, usize, usize) {
    loaded.places.get(key).cloned().unwrap_or_else(|| ("configuration".into(), 1, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_at_an_organisations_configuration_are_told_of() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().display().to_string();
        let content = r#"{"https://corp.example": {"type": "wellknown", "key": "K", "token": "SECRET"}, "a": {"type": "api", "key": "k"}}"#;
        let env = Env::from_pairs([("HOME", home.as_str()), ("OPENCODE_AUTH_CONTENT", content)]);
        let loaded = load(&env, &Dirs { managed: Vec::new(), ..Dirs::from_env(&env) }, temp.path());
        let [problem] = &loaded.problems[..] else { panic!("{:?}", loaded.problems) };
        let told = problem.to_string();
        assert!(told.starts_with("OPENCODE_AUTH_CONTENT:1:1: warning: \"https://corp.example\"") && !told.contains("SECRET"), "{told}");
    }

    #[test]
    fn a_shell_that_cannot_be_used_is_told_with_what_runs_instead() {
        let check = |shell: &str, expect: &[&str]| {
            let temp = tempfile::tempdir().unwrap();
            let home = temp.path().display().to_string();
            std::fs::create_dir_all(temp.path().join(".config/interline")).unwrap();
            std::fs::write(temp.path().join(".config/interline/interline.json"), format!("{{\"shell\": \"{shell}\"}}")).unwrap();
            let env = Env::from_pairs([("HOME", home.as_str())]);
            let problems = load(&env, &Dirs { managed: Vec::new(), ..Dirs::from_env(&env) }, temp.path()).problems;
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(told.len() == expect.len() && told.iter().zip(expect).all(|(told, part)| told.contains(part)), "{shell}: {told:?}");
        };
        check("bash", &[]);
        check("/bin/sh", &[]);
        check("fish", &["interline.json:1:2: warning: \"shell\": fish is not there, or none of bash"]);
        check("/nowhere/bash", &["sh runs them"]);
    }

    #[test]
    fn an_agent_that_nobody_is_and_a_command_in_the_way_of_ours_are_told() {
        let check = |files: &[(&str, &str)], expect: &[&str]| {
            let temp = tempfile::tempdir().unwrap();
            let home = temp.path().display().to_string();
            for (name, text) in files {
                let path = temp.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            let env = Env::from_pairs([("HOME", home.as_str())]);
            let problems = load(&env, &Dirs { managed: Vec::new(), ..Dirs::from_env(&env) }, temp.path()).problems;
            let told: Vec<String> = problems.iter().map(|problem| problem.to_string().replace(&format!("{home}/"), "")).collect();
            assert!(
                told.len() == expect.len() && told.iter().zip(expect).all(|(told, part)| told.starts_with(part)),
                "{files:?}: {told:?}"
            );
        };
        check(&[("opencode.json", "{\n\"default_agent\": \"plan\"}")], &[]);
        check(&[("opencode.json", "{\n\"default_agent\": \"nope\"}")], &["opencode.json:2:1: there is no agent `nope`"]);
        let other = "---\nmode: subagent\n---\nX";
        check(&[(".interline/agent/build.md", other)], &[".interline/agent/build.md:1:1: there is no agent `build`"]);
        let file = "{\"command\": {\n\"undo\": {\"template\": \"x\"}, \"ship\": {\"template\": \"x\"}}}";
        check(&[("opencode.json", file)], &["opencode.json:2:1: warning: \"command.undo\" has the name of the chat's own /undo"]);
        check(&[(".interline/command/help.md", "x")], &[".interline/command/help.md:1:1: warning: \"command.help\""]);
    }

    #[test]
    fn servers_that_cannot_be_used_are_told_with_their_place() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().display().to_string();
        std::fs::write(
            temp.path().join("interline.json"),
            "{\n  \"lsp\": {\n    \"rust\": { \"command\": \"x\" },\n    \"mine\": { \"extensions\": [\".m\"] },\n    \"gopls\": { \"extension\": [] }\n  }\n}\n",
        )
        .unwrap();
        let mcp = r#"{"mcp": {
  "away": {"type": "remote"},
  "here": {"type": "local", "command": []},
  "words": {"command": "npx x"},
  "file": {"url": "file:///x?key=SECRET"},
  "none": {"headers": {}}, "off": {"enabled": false},
  "servers": {
    "newer": {"type": "remote", "url": 5}
  }
}}"#;
        std::fs::write(temp.path().join("interline.jsonc"), mcp).unwrap();
        let env = Env::from_pairs([("HOME", home.as_str())]);
        let loaded = load(&env, &Dirs { managed: Vec::new(), ..Dirs::from_env(&env) }, temp.path());
        let problems: Vec<String> = loaded.problems.iter().map(|problem| problem.to_string().replace(&format!("{home}/"), "")).collect();
        assert_eq!(
            problems,
            [
                "interline.json:3:26: \"lsp.rust.command\": expected a list (text each), found text; it is left out",
                "interline.json:5:16: warning: unknown key \"lsp.gopls.extension\" (did you mean \"extensions\"?): it is ignored",
                "interline.jsonc:4:24: \"mcp.words.command\": expected a list (text each), found text; it is left out",
                "interline.jsonc:8:40: \"mcp.servers.newer.url\": expected text, found a number; it is left out",
                "interline.json:4:5: \"lsp.mine\": no built-in server has this name, so `command` is needed; it is left out",
                "interline.jsonc:2:3: \"mcp.away\": a server of the type \"remote\" needs a `url`; it is left out",
                "interline.jsonc:3:3: \"mcp.here\": `command` must be a list: the program and its arguments; it is left out",
                "interline.jsonc:4:3: \"mcp.words\": there is neither a `command` nor a `url` that can be used; it is left out",
                "interline.jsonc:5:3: \"mcp.file\": `url` must begin with http:// or https://; it is left out",
                "interline.jsonc:6:3: \"mcp.none\": there is neither a `command` nor a `url` that can be used; it is left out",
                "interline.jsonc:8:5: \"mcp.newer\": a server of the type \"remote\" needs a `url`; it is left out",
            ]
        );
    }
}
