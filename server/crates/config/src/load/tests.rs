//! Files in, configuration and problems out.

use std::fmt::Write as _;

use proto::Action;
use serde_json::json;

use super::*;
use crate::permission_rules;

/// Files below a folder that holds `home/` and `p/` (the project).
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("p")).unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    fn load(&self, cwd: &str, vars: &[(&str, &str)]) -> Loaded {
        let home = self.folder.path().join("home").display().to_string();
        let config = format!("{home}/.config");
        let standard = [("HOME", home.as_str()), ("XDG_CONFIG_HOME", &config)];
        let env = Env::from_pairs(standard.into_iter().chain(vars.iter().copied()));
        let dirs = Dirs { managed: vec![self.folder.path().join("etc")], ..Dirs::from_env(&env) };
        load(&env, &dirs, &self.folder.path().join(cwd))
    }

    /// The problems, with paths below the folder.
    fn problems(&self, loaded: &Loaded) -> String {
        let top = format!("{}/", self.folder.path().display());
        loaded.problems.iter().fold(String::new(), |mut shown, problem| {
            writeln!(shown, "{}", problem.to_string().replace(&top, "")).unwrap();
            shown
        })
    }
}

fn model(loaded: &Loaded) -> &str {
    loaded.config.model.as_ref().map_or("", |model| model.first())
}

/// Each file sets the model to its own name; `expect` are the files read, lowest first, of which the last counts.
fn check_order(files: &[&str], cwd: &str, vars: &[(&str, &str)], expect: &[&str]) {
    let texts: Vec<(String, String)> = files.iter().map(|name| ((*name).to_owned(), json!({"model": name}).to_string())).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let place = Place::new(&texts);
    let vars: Vec<(&str, String)> =
        vars.iter().map(|(name, value)| (*name, value.replace("<top>", &place.folder.path().display().to_string()))).collect();
    let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let loaded = place.load(cwd, &vars);
    let read: Vec<String> =
        loaded.sources.iter().map(|path| path.strip_prefix(place.folder.path()).unwrap_or(path).display().to_string()).collect();
    assert_eq!(read, expect);
    assert_eq!(place.problems(&loaded), "");
    assert_eq!(model(&loaded), *expect.last().unwrap_or(&""));
}

#[test]
fn which_files_count_and_in_which_order() {
    check_order(&[], "p", &[], &[]);
    check_order(&["p/opencode.json", "p/opencode.jsonc"], "p", &[], &["p/opencode.json", "p/opencode.jsonc"]);
    check_order(&["p/opencode.json", "p/interline.jsonc"], "p", &[], &["p/interline.jsonc"]);
    check_order(
        &["home/.config/opencode/opencode.json", "home/.config/opencode/config.json", "x.json", "p/opencode.json"],
        "p",
        &[("INTERLINE_CONFIG", "<top>/x.json"), ("OPENCODE_CONFIG", "/nowhere.json")],
        &["home/.config/opencode/config.json", "home/.config/opencode/opencode.json", "x.json", "p/opencode.json"],
    );
    check_order(
        &["home/.config/opencode/opencode.json", "home/.config/interline/interline.json"],
        "p",
        &[],
        &["home/.config/interline/interline.json"],
    );
    check_order(
        &[
            "opencode.json",
            "p/.git/HEAD",
            "p/opencode.json",
            "p/a/interline.json",
            "p/a/b/opencode.json",
            "p/a/.opencode/opencode.json",
            "p/.opencode/opencode.json",
        ],
        "p/a/b",
        &[],
        &["p/opencode.json", "p/a/interline.json", "p/a/b/opencode.json", "p/.opencode/opencode.json", "p/a/.opencode/opencode.json"],
    );
    // Without git only the folder itself counts.
    check_order(&["p/opencode.json", "p/a/opencode.json"], "p/a", &[], &["p/a/opencode.json"]);
    check_order(
        &[
            "home/.opencode/opencode.json",
            "p/.opencode/opencode.json",
            "p/.interline/interline.json",
            "d/opencode.json",
            "etc/opencode.json",
        ],
        "p",
        &[("OPENCODE_CONFIG_DIR", "<top>/d")],
        &[
            "home/.opencode/opencode.json",
            "p/.opencode/opencode.json",
            "p/.interline/interline.json",
            "d/opencode.json",
            "etc/opencode.json",
        ],
    );
    check_order(
        &["p/opencode.json", "home/.opencode/opencode.json"],
        "p",
        &[("OPENCODE_DISABLE_PROJECT_CONFIG", "true")],
        &["home/.opencode/opencode.json"],
    );
}

#[test]
fn inline_configuration_counts_over_the_projects() {
    let place = Place::new(&[("p/opencode.json", r#"{"model": "a/b", "small_model": "a/s"}"#), ("p/k.txt", "K\n")]);
    let content = r#"{"model": "c/d", "provider": {"c": {"options": {"apiKey": "{file:k.txt}"}}}}"#;
    let loaded = place.load("p", &[("INTERLINE_CONFIG_CONTENT", content), ("OPENCODE_CONFIG_CONTENT", "{broken")]);
    assert_eq!((model(&loaded), loaded.config.small_model.as_deref()), ("c/d", Some("a/s")));
    assert_eq!(loaded.config.provider["c"].options.api_key.as_deref(), Some("K"));
    assert!(loaded.problems.is_empty());
}

/// One project file: its problems, and what counts of it.
fn check_file(text: &str, vars: &[(&str, &str)]) -> String {
    let place = Place::new(&[("p/opencode.json", text)]);
    let loaded = place.load("p", vars);
    let mut config = serde_json::to_value(&loaded.config).unwrap();
    let plain = serde_json::to_value(Config::default()).unwrap();
    config.as_object_mut().unwrap().retain(|key, value| plain.get(key) != Some(value));
    format!("{}{config}", place.problems(&loaded))
}

#[test]
fn mistakes_have_a_place() {
    insta::assert_snapshot!(check_file("{\n  \"model\": \"mock/other\",\n  \"permission\": {\"edit\": \"allow\",, }\n}\n", &[]));
    insta::assert_snapshot!(check_file("{\n  \"model\": \n}\n", &[]));
    insta::assert_snapshot!(check_file("{\"model\": \"{env:LONG}\", \"x\" 1}", &[("LONG", "0123456789012345678901234567890")]));
    insta::assert_snapshot!(check_file("{\"model\": \"a/b\"", &[]));
    insta::assert_snapshot!(check_file("[1]", &[]));
    insta::assert_snapshot!(check_file("{'model': 'a/b'}", &[]));
    assert_eq!(check_file("", &[]), "{}");
    assert_eq!(check_file("\u{feff}{}", &[]), "{}");
}

#[test]
fn only_what_is_wrong_is_left_out() {
    insta::assert_snapshot!(check_file(
        "{\n  \"model\": \"mock/other\",\n  \"share\": 17,\n  \"frobnicate\": {\"x\": 1},\n  \"permission\": {\"edit\": \"perhaps\"}\n}\n",
        &[]
    ));
    insta::assert_snapshot!(check_file(
        r#"{
  "provider": {
    "p": {"name": 1, "options": {"apiKey": 7, "baseURL": "http://x", "headerTimeout": -1, "region": "eu"},
          "models": {"m": {"limit": {"context": "big", "output": 5}, "cost": {"input": 0.5}}, "n": 3}},
    "q": "no"
  },
  "agent": {"a": {"temperature": "hot", "mode": "both", "reasoningEffort": "high", "steps": 4}},
  "command": {"c": {"template": "t", "colour": "red"}},
  "instructions": ["a.md", 5], "snapshot": null, "autoupdate": "notify", "lsp": true,
  "tool_output": {"max_lines": 1.5}, "disabled_providers": "x"
}"#,
        &[]
    ));
}

#[test]
fn what_must_be_there() {
    insta::assert_snapshot!(check_file(
        r#"{"permissions": [{"action": "edit", "effect": "ask"}, {"action": "bash"}, {"action": "x", "effect": "maybe"}], "command": {"c": {"description": "d"}}}"#,
        &[]
    ));
}

#[test]
fn a_budget_is_money() {
    let text = "{\n  \"budget\": {\"turn\": 0.5, \"session\": \"much\", \"day\": -1, \"week\": 3}\n}";
    let place = Place::new(&[("p/interline.json", text)]);
    let loaded = place.load("p", &[]);
    let caps = loaded.config.budget;
    assert_eq!((caps.turn, caps.session, caps.day), (Some(0.5), None, None));
    let shown = place.problems(&loaded);
    let expect = "p/interline.json:2:38: \"budget.session\": expected a number of 0 or more (US dollars), found text; it is left out";
    assert!(shown.contains(expect), "{shown}");
    assert!(shown.contains("p/interline.json:2:53: \"budget.day\": expected") && shown.contains("unknown key \"budget.week\""), "{shown}");
}

#[test]
fn a_secret_stands_in_no_problem() {
    let shown = check_file(
        "{\"provider\": {\"p\": {\"options\": {\"apiKey\": [\"sk-SECRET\"], \"timeout\": \"{env:KEY}\"}}}, \"share\": \"{env:KEY}\"}",
        &[("KEY", "sk-SECRET")],
    );
    let keys = check_file(r#"{"{env:KEY}": 1, "agent": {"x": {"tools": {"{env:KEY}": 1}}}}"#, &[("KEY", "sk-SECRET")]);
    assert!(
        keys.starts_with("p/opencode.json:1:2: warning: unknown key \"…\": it is ignored\np/opencode.json:1:57: \"agent.x.tools.…\": "),
        "{keys}"
    );
    assert!(!shown.contains("SECRET") && shown.matches("p/opencode.json:1:").count() == 3, "{shown}");
}

#[test]
fn known_keys_do_not_warn() {
    let text = r#"{"$schema": "x", "share": "manual", "formatter": {"a": {}}, "mcp": {"m": {"type": "local"}}, "lsp": {"x": {"command": ["x"]}},
        "autoupdate": false, "username": "me", "subagent_depth": 2, "experimental": {"mcp_timeout": 5}, "snapshot": false}"#;
    assert!(check_file(text, &[]).starts_with('{'), "{}", check_file(text, &[]));
}

#[test]
fn a_missing_file_is_named() {
    let shown = check_file("{\n  \"model\": \"a/b\",\n  \"username\": \"{file:no.txt}\"\n}", &[]);
    assert!(
        shown.starts_with(
            "p/opencode.json:3:16: cannot read the file of {file:no.txt}: there is no such file; nothing is put in its place\n"
        ),
        "{shown}"
    );
    let place = Place::new(&[]);
    let loaded = place.load("p", &[("INTERLINE_CONFIG", "none.json")]);
    assert_eq!(place.problems(&loaded), "p/none.json:1:1: INTERLINE_CONFIG names this file, but there is no such file\n");
}

#[test]
fn an_absent_variable_counts_as_nothing() {
    let text = r#"{"model": "{env:NONE}", "small_model": "", "provider": {"p": {"options": {"apiKey": "{env:NONE}"}}},
        "agent": {"a": {"prompt": "", "model": ["{env:NONE}"]}}, "command": {"c": {"template": "t", "model": ""}}}"#;
    let config = Place::new(&[("p/opencode.json", text)]).load("p", &[]).config;
    assert_eq!((config.model, config.small_model, &config.provider["p"].options.api_key), (None, None, &None));
    assert_eq!((&config.agent["a"].prompt, &config.agent["a"].model, &config.command["c"].model), (&None, &None, &None));
}

#[test]
fn agents_and_commands_in_markdown() {
    let place = Place::new(&[
        ("p/opencode.json", r#"{"agent": {"reviewer": {"prompt": "JSON", "steps": 7}}}"#),
        ("home/.config/opencode/agent/global.md", "GLOBAL"),
        (
            "p/.opencode/agent/reviewer.md",
            "---\ndescription: Reviews\nmode: primary\nmodel: mock/other\ntemperature: 0.15\npermission:\n  edit: deny\nextra: 1\n---\nPERSONA\n",
        ),
        ("p/.opencode/agents/deep/one.md", "---\ntools:\n  bash: false\n---\nONE"),
        ("p/.opencode/agents/x.md", "---\nname: renamed\nmode: sideways\n---\n"),
        ("p/.opencode/mode/fast.md", "---\nmode: all\n---\nFAST"),
        ("p/.opencode/agent/broken.md", "---\na: [\n---\nB"),
        ("p/.opencode/command/fix.md", "---\ndescription: Fixes\nmodel: a/b#v\n---\nFix $ARGUMENTS\n"),
        ("p/.interline/commands/a/b.md", "AB"),
        ("p/.opencode/command/notes.txt", "not this"),
    ]);
    let loaded = place.load("p", &[]);
    insta::assert_snapshot!(format!(
        "{}{}\n{}",
        place.problems(&loaded),
        serde_json::to_string_pretty(&loaded.config.agent).unwrap(),
        serde_json::to_string_pretty(&loaded.config.command).unwrap()
    ));
    assert_eq!(loaded.agent_files["deep/one"], place.folder.path().join("p/.opencode/agents/deep/one.md"));
    assert_eq!(loaded.command_files.keys().collect::<Vec<_>>(), ["fix", "a/b"]);
    assert_eq!(loaded.folders.len(), 3);
}

#[test]
fn permissions_of_several_files() {
    let check = |files: &[(&str, &str)], vars: &[(&str, &str)], expect: &[(&str, &str, Action)]| {
        let place = Place::new(files);
        let loaded = place.load("p", vars);
        assert_eq!(place.problems(&loaded), "");
        let rules = loaded.config.permission.as_ref().map(|permission| permission_rules(permission, Path::new("/h"))).unwrap_or_default();
        let rules: Vec<(&str, &str, Action)> =
            rules.iter().map(|(name, pattern, action)| (name.as_str(), pattern.as_str(), *action)).collect();
        assert_eq!(rules, expect, "{files:?}");
    };
    let (allow, ask, deny) = (Action::Allow, Action::Ask, Action::Deny);
    check(&[("p/opencode.json", r#"{"permission": "ask"}"#)], &[], &[("*", "*", ask)]);
    check(
        &[
            ("p/opencode.json", r#"{"permission": "allow"}"#),
            ("p/opencode.jsonc", r#"{"permission": {"bash": {"*": "deny", "echo *": "allow",},}}"#),
        ],
        &[("OPENCODE_PERMISSION", r#"{"edit": "ask"}"#)],
        &[("*", "*", allow), ("bash", "*", deny), ("bash", "echo *", allow), ("edit", "*", ask)],
    );
    check(
        &[("p/opencode.json", r#"{"permission": "allow", "tools": {"webfetch": false}}"#)],
        &[],
        &[("*", "*", allow), ("webfetch", "*", deny)],
    );
    check(
        &[
            ("p/opencode.json", r#"{"permission": {"bash": "ask"}}"#),
            (
                "p/opencode.jsonc",
                r#"{"permissions": [{"action": "shell", "resource": "ls", "effect": "allow"}, {"action": "*", "effect": "deny"}]}"#,
            ),
        ],
        &[],
        &[("bash", "*", ask), ("edit", "*", ask), ("webfetch", "*", ask), ("bash", "*", ask), ("bash", "ls", allow), ("*", "*", deny)],
    );
}

#[test]
fn variables_that_change_single_keys() {
    let place = Place::new(&[("p/opencode.json", r#"{"compaction": {"auto": true, "prune": true, "reserved": 5}}"#)]);
    let loaded = place.load("p", &[("OPENCODE_DISABLE_AUTOCOMPACT", "1"), ("INTERLINE_DISABLE_PRUNE", "true"), ("USER", "me")]);
    let compaction = loaded.config.compaction;
    assert_eq!((compaction.auto, compaction.prune, compaction.reserved), (false, false, Some(5)));
    assert_eq!(loaded.config.username.as_deref(), Some("me"));
}

/// Text that is nearly a file: pieces of syntax, placeholders and characters of several bytes.
fn nearly_a_file() -> impl proptest::strategy::Strategy<Value = String> {
    let piece = proptest::prop_oneof![
        proptest::sample::select(
            &[
                "{",
                "}",
                "[",
                "]",
                ",",
                ":",
                "\"",
                "\\",
                "//",
                "/*",
                "*/",
                "\n",
                "---\n",
                "{env:A}",
                "{file:x}",
                "\"model\"",
                "\"agent\"",
                "\"permission\"",
                "\"tools\"",
                "\"mcp\"",
                "\"ask\"",
                "null",
                "true",
                "1",
                "-0.5e9",
                "$1",
                "$ARGUMENTS",
                "!`",
                "`",
                "@",
                "'",
                "[Image 1]",
                "é",
                "🦀",
                "key: x: y",
                "- a",
            ][..]
        )
        .prop_map(str::to_owned),
        ".{0,3}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

use proptest::strategy::Strategy as _;

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_file_stops_anything(text in nearly_a_file()) {
        let place = Place::new(&[("p/opencode.jsonc", &text), ("p/interline.json", "{\"model\": \"a/b\"}"), ("p/.opencode/agent/a.md", &text), ("p/.opencode/command/c.md", &text)]);
        let loaded = place.load("p", &[("A", "s3\"cr\\et"), ("OPENCODE_CONFIG_CONTENT", &text)]);
        for problem in &loaded.problems {
            assert!(problem.line >= 1 && problem.column >= 1 && !problem.message.contains("s3\"cr"), "{problem}");
        }
        assert!(crate::mentions(&text).iter().all(|name| text.contains(&format!("@{name}"))));
        assert!(crate::parse_slash(&text).is_none_or(|(name, _)| text.contains(&format!("/{name}"))));
        let pieces = crate::expand(&text, &text);
        assert!(!pieces.contains(&crate::Piece::Text(String::new())) && !pieces.contains(&crate::Piece::Mention(String::new())));
    }

    #[test]
    fn places_lie_in_the_file(text in nearly_a_file()) {
        let env = Env::from_pairs([("A", "s3\"cr\\et")]);
        let done = substitute(&text, Path::new("/nonexistent"), &env, &Dirs::from_env(&env));
        let mut last = 0;
        for offset in 0..=done.text.len() {
            let original = done.original(offset);
            assert!(original <= text.len() && original >= last, "{offset} {original} {last}");
            last = original;
        }
        assert_eq!(last, text.len());
    }
}

#[test]
fn each_value_is_shown_with_its_place() {
    let place = Place::new(&[
        (
            "home/.config/opencode/opencode.json",
            "{\n  \"model\": \"a/b\",\n  \"instructions\": [\"one.md\"],\n  \"provider\": {\"p\": {\"options\": {\"apiKey\": \"{env:KEY}\", \"headers\": {\"x\": \"plain\"}}}},\n  \"mode\": {\"old\": {\"prompt\": \"P\"}}\n}",
        ),
        (
            "p/opencode.jsonc",
            "{\n  // ours\n  \"model\": \"c/{env:NAME}\",\n  \"instructions\": [\n    \"two.md\"\n  ],\n  \"agents\": {\n    \"a\": {\"system\": \"{file:long.txt}\", \"tools\": {\"bash\": false}}\n  },\n  \"mcp\": {\"servers\": {\n    \"s\": {\"type\": \"local\", \"command\": [\"x\", \"--token=abc\"], \"environment\": {\"T\": \"secret\"}}}}\n}",
        ),
        ("p/long.txt", &"words ".repeat(50)),
        ("p/.opencode/agent/a.md", "---\nmode: primary\n---\nFROM MARKDOWN"),
    ]);
    let vars = [("HOME", place.folder.path().join("home").display().to_string()), ("KEY", "sk-SECRET-1".into()), ("NAME", "m".into())];
    let env = Env::from_pairs(vars);
    let shown = explain(&env, &Dirs::from_env(&env), &place.folder.path().join("p"));
    assert!(!shown.contains("SECRET") && !shown.contains("secret") && !shown.contains("plain") && !shown.contains("abc"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_projects_address_must_stand_there_as_it_is() {
    let place = Place::new(&[
        ("p/opencode.json", r#"{"instructions": ["https://evil.example/{env:KEY}", "https://good.example/a.md", "a.md"]}"#),
        ("home/.config/opencode/opencode.json", r#"{"instructions": ["https://mine.example/{env:KEY}"]}"#),
    ]);
    let loaded = place.load("p", &[("KEY", "secret")]);
    assert_eq!(loaded.config.instructions, ["https://mine.example/secret", "https://good.example/a.md", "a.md"]);
    assert!(
        place.problems(&loaded).starts_with("p/opencode.json:1: \"instructions\"")
            || place.problems(&loaded).contains("an address of a project")
    );
    assert!(!place.problems(&loaded).contains("secret"));
}

#[test]
fn keys_without_effect_say_what_happens_instead() {
    let check = |text: &str, words: &[&str]| {
        let shown = check_file(text, &[]);
        assert_eq!(shown.matches("warning:").count(), words.len(), "{shown}");
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
    };
    check(
        r#"{"theme": "x", "share": "auto"}"#,
        &["\"theme\" has no effect: it belongs to", "\"share\" has no effect: nothing is ever shared"],
    );
    check(r#"{"share": "disabled", "autoupdate": false, "experimental": {"continue_loop_on_deny": true}}"#, &[]);
    check(r#"{"plugin": ["a", ["b", {}]], "experimental": {"policies": []}}"#, &["`.interline/tool/`", "enabled_providers"]);
    check(
        r#"{"mcp": {"a": {"command": ["x"], "args": ["y"], "env": {"K": "v"}}, "b": {"enabled": false}, "c": {"type": "remote", "url": "u", "oauth": {"clientID": "x"}}}}"#,
        &["unknown key \"mcp.a.args\"", "unknown key \"mcp.a.env\"", "unknown key \"mcp.c.oauth.clientID\""],
    );
    check(r#"{"mcp": {"timeout": 5, "servers": {"a": {"command": ["x"], "args": []}}}}"#, &["unknown key \"mcp.servers.a.args\""]);
    check(r#"{"mcp": {"servers": {"type": "local", "command": ["x"]}, "timeout": {"command": ["x"], "timeout": {"startup": 5}}}}"#, &[]);
    check(r#"{"frobnicate": 1}"#, &["unknown key \"frobnicate\": it is ignored"]);
}

#[test]
fn what_opencode_2_fetches_or_asks_elsewhere_is_told_once() {
    let place = Place::new(&[
        ("p/opencode.json", "{\n\"skills\": [\"./own\", \"https://a.example/s\"],\n\"x\": 1}"),
        ("home/.config/opencode/opencode.json", r#"{"websearch": true}"#),
    ]);
    let told = place.problems(&place.load("p", &[]));
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(
        told.contains("p/opencode.json:2:1: warning: \"skills\": addresses have no effect")
            && told.contains("\"websearch\" has no effect: name a service"),
        "{told}"
    );
    let place = Place::new(&[("home/.config/opencode/opencode.json", r#"{"websearch": false, "skills": ["./own"]}"#)]);
    assert_eq!(place.problems(&place.load("p", &[])), "");
}

#[cfg(unix)]
#[test]
fn links_that_go_in_circles_end() {
    let place = Place::new(&[("p/.opencode/command/x.md", "X"), ("p/.opencode/skill/y/SKILL.md", "---\nname: y\n---\nY")]);
    for folder in ["command", "skill"] {
        for name in 'a'..='j' {
            std::os::unix::fs::symlink(".", place.folder.path().join(format!("p/.opencode/{folder}/{name}"))).unwrap();
        }
    }
    let loaded = place.load("p", &[]);
    let commands: Vec<&str> = loaded.config.command.keys().map(String::as_str).collect();
    assert_eq!((commands, loaded.skills.len()), (vec!["x"], 1));
}

#[test]
fn a_rule_that_says_nothing_known_asks() {
    let text = r#"{"permission": {"bash": {"*": "allow", "rm *": "denied", "x": 1}, "edit": "ALLOW", "webfetch": true}, "agent": {"a": {"permission": "never"}}}"#;
    let shown = check_file(text, &[]);
    assert_eq!(shown.matches("it counts as \"ask\"").count(), 5, "{shown}");
    let rules =
        [r#""*":"allow""#, r#""rm *":"ask""#, r#""x":"ask""#, r#""edit":"ask""#, r#""webfetch":"ask""#, r#""permission":{"*":"ask"}"#];
    assert!(rules.iter().all(|rule| shown.contains(rule)), "{shown}");
}

#[test]
fn a_switch_that_says_nothing_known_asks() {
    let check = |text: &str, markdown: &str, told: &[&str], config: &[&str], agent: &[&str]| {
        let place = Place::new(&[("p/opencode.json", text), ("p/.opencode/agent/a.md", markdown)]);
        let loaded = place.load("p", &[]);
        let shown = place.problems(&loaded);
        assert_eq!(shown.lines().count(), told.len(), "{shown}");
        assert!(told.iter().all(|words| shown.contains(&format!("{words}; it counts as \"ask\"\n"))), "{shown}");
        let rules = |permission: &Option<crate::PermissionConfig>| -> Vec<String> {
            let rules = permission.iter().flat_map(|permission| permission_rules(permission, Path::new("/h")));
            rules.map(|(name, pattern, action)| format!("{name} {pattern} {action:?}").to_lowercase()).collect()
        };
        assert_eq!(rules(&loaded.config.permission), config, "{text}");
        assert_eq!(rules(&loaded.config.agent.get("a").and_then(|agent| agent.permission.clone())), agent, "{markdown}");
    };
    check(
        r#"{"tools": {"bash": "no", "read": null, "list": 0, "glob": ["x"], "grep": {"*": true}, "webfetch": "False", "task": "TRUE"}}"#,
        "---\ntools:\n  bash: off\n  read:\n  list: 1\n  webfetch: 'false'\n  glob: \" True\"\n---\nX",
        &[
            "p/opencode.json:1:20: \"tools.bash\": expected true or false, found other text",
            "p/opencode.json:1:34: \"tools.read\": expected true or false, found null",
            "\"tools.list\": expected true or false, found a number",
            "\"tools.glob\": expected true or false, found a list",
            "\"tools.grep\": expected true or false, found an object",
            "p/.opencode/agent/a.md:2:1: \"tools.bash\": expected true or false, found other text",
            "\"tools.read\": expected true or false, found null",
            "\"tools.list\": expected true or false, found a number",
        ],
        &["bash * ask", "read * ask", "list * ask", "glob * ask", "grep * ask", "webfetch * deny", "task * allow"],
        &["bash * ask", "read * ask", "list * ask", "webfetch * deny", "glob * allow"],
    );
    // What is no list of switches at all.
    check(
        r#"{"tools": "bash", "permission": {"edit": "deny"}}"#,
        "---\ntools: false\npermission: {bash: null}\n---\nX",
        &[
            "p/opencode.json:1:11: \"tools\": expected an object, found text",
            "p/.opencode/agent/a.md:2:1: \"tools\": expected an object, text or a list (text each), found a boolean",
            "p/.opencode/agent/a.md:3:1: \"permission.bash\": expected \"allow\", \"ask\" or \"deny\" or an object, found null",
        ],
        &["* * ask", "edit * deny"],
        &["* * ask", "bash * ask"],
    );
    // Two names of one permission; and a key with nothing behind it, which names nothing.
    check(
        r#"{"tools": {"write": "nope", "edit": true}, "permission": null}"#,
        "---\ntools:\npermission:\n---\nX",
        &["\"tools.write\": expected true or false, found other text"],
        &["edit * ask"],
        &[],
    );
}

#[cfg(unix)]
#[test]
fn what_never_ends_is_not_read() {
    let place = Place::new(&[("p/opencode.json", r#"{"username": "{file:zero}"}"#)]);
    let at = |name: &str| place.folder.path().join(name);
    fs::create_dir_all(at("p/.opencode/agent")).unwrap();
    for (device, link) in [
        ("/dev/zero", "p/zero"),
        ("/dev/zero", "p/opencode.jsonc"),
        ("/dev/zero", "p/.opencode/agent/a.md"),
        ("/dev/null", "p/.opencode/opencode.json"),
    ] {
        std::os::unix::fs::symlink(device, at(link)).unwrap();
    }
    let told = place.problems(&place.load("p", &[]));
    assert_eq!((told.lines().count(), told.matches("it is no file but a device or a pipe").count()), (3, 3), "{told}");
}

#[cfg(unix)]
#[test]
fn a_link_to_the_whole_disk_is_not_followed_to_its_end() {
    let place = Place::new(&[("p/opencode.json", r#"{"skills": {"paths": ["many"]}}"#)]);
    let at = |name: &str| place.folder.path().join(name);
    (0..1100).for_each(|n| fs::create_dir_all(at(&format!("p/many/{n}"))).unwrap());
    fs::create_dir_all(at("p/.opencode")).unwrap();
    std::os::unix::fs::symlink(at("p/many"), at("p/.opencode/agent")).unwrap();
    let told = place.problems(&place.load("p", &[]));
    let expect = "p/.opencode/agent:1:1: warning: there are more than 1000 folders in it: the rest is not looked into (also in p/many:1)\n";
    assert_eq!(told, expect);
}

/// What people bring from elsewhere, and write for each other.
#[test]
fn words_that_opencode_does_not_know() {
    let about = "---\nid: a\ncategory: core\ntags: [x]\nmodel_family: claude\ndependencies:\n  - subagent:b\nreasoningEffort: high\nmaxTurns: 5\npermissions:\n  bash:\n    \"sudo *\": deny\n  edit: ask\n---\nDo.";
    let command =
        "---\nargument-hint: [file] [line]\nallowed-tools: Bash(git:*)\ncontext: fork\ndisable-model-invocation: true\n---\nGo $1";
    let place = Place::new(&[
        ("p/.opencode/agent/a.md", about),
        ("p/.opencode/agent/b.md", "---\npermissionMode: plan\npermissions: deny\n---\nDo."),
        ("p/.opencode/command/c.md", command),
        ("p/.opencode/command/d.md", "---\nargument-hint: [message]\ntools:\n  read: true\nallowed-tools: Read\n---\nGo"),
        ("p/.opencode/opencode.json", r#"{"agent": {"c": {"prompt": "{file:.opencode/prompts/c.txt} {file:./prompts/c.txt}"}}}"#),
        ("p/.opencode/prompts/c.txt", "Be c."),
    ]);
    let loaded = place.load("p", &[]);
    let agent = |name: &str| {
        let agent = loaded.config.agent[name].clone();
        json!({"permission": agent.permission, "options": agent.options, "unknown": agent.unknown, "steps": agent.steps, "prompt": agent.prompt})
    };
    assert_eq!(
        agent("a"),
        json!({"permission": {"bash": {"sudo *": "deny"}, "edit": "ask"}, "options": {"reasoningEffort": "high"}, "unknown": {"model_family": "claude"}, "steps": 5, "prompt": "Do."})
    );
    assert_eq!(agent("b"), json!({"permission": {"*": "deny"}, "options": {}, "unknown": {}, "steps": null, "prompt": "Do."}));
    assert_eq!(loaded.config.agent["c"].prompt.as_deref(), Some("Be c. Be c."));
    let command = |name: &str| (loaded.config.command[name].shown(), loaded.config.command[name].subtask);
    assert_eq!(command("c"), (Some("[file] [line]".to_owned()), Some(true)));
    assert_eq!(command("d"), (Some("[message]".to_owned()), None));
    insta::assert_snapshot!(place.problems(&loaded), @r#"
    p/.opencode/command/c.md:3:1: warning: "allowed-tools" has no effect: what a command needs is allowed, asked or denied as always, by `permission` (also in d.md:5)
    p/.opencode/command/d.md:3:1: warning: "tools" has no effect: what a command needs is allowed, asked or denied as always, by `permission`
    p/.opencode/agent/a.md:5:1: warning: unknown key "model_family": only a provider that takes any option (OpenAI-compatible) is sent it; below `options` it is sent to every one
    p/.opencode/agent/b.md:2:1: warning: "permissionMode" has no effect: what an agent may do is said by `permission`, and asked as always
    "#);
}

/// What Claude Code has for commands, agents and skills: each is kept, or told with what happens instead.
#[test]
fn keys_of_claude_code() {
    let command = "---\nmodel: sonnet\nagent: Explore\ncontext: fork\neffort: high\nshell: bash\nuser-invocable: false\n---\nGo";
    let skill = "---\nname: s\ndescription: S\nargument-hint: [file]\nallowed-tools: Bash\nmodel: opus\neffort: high\nagent: x\ncontext: fork\nhooks:\n  Stop: []\nuser-invocable: false\nshell: bash\nlicense: MIT\nmetadata:\n  a: b\n---\nDo";
    let place = Place::new(&[
        ("p/.opencode/command/c.md", command),
        ("p/.opencode/agent/a.md", "---\nmodel: inherit\ntools: Read, Bash(git log:*)\n---\nDo."),
        ("p/.opencode/agent/b.md", "---\nmodel: claude-opus-4-1[1m]\neffort: high\n---\nDo."),
        ("p/.opencode/agent/d.md", "---\nmodel: zen\n---\nDo."),
        ("p/.claude/skills/s/SKILL.md", skill),
        (
            "p/.claude/skills/t/SKILL.md",
            "---\nname: t\ndescription: T\nallowed-tools: Read\nmodel: inherit\ndisable-model-invocation: true\n---\nDo",
        ),
    ]);
    let loaded = place.load("p", &[]);
    let command = &loaded.config.command["c"];
    assert_eq!((command.model.as_deref(), command.agent.as_deref(), command.subtask), (None, Some("explore"), Some(true)));
    let model = |name: &str| loaded.config.agent[name].model.as_ref().map(|model| model.first().to_owned());
    assert_eq!([model("a"), model("b"), model("d")], [None, None, Some("zen".to_owned())]);
    let rules = json!({"*": "deny", "read": "allow", "bash": {"git log *": "allow"}});
    assert_eq!(json!(loaded.config.agent["a"].permission), rules);
    let shown: Vec<_> = loaded.skills.iter().map(|skill| (skill.shown(), skill.offered)).collect();
    assert_eq!(shown, [(Some("[file] S".to_owned()), true), (Some("T".to_owned()), false)]);
    insta::assert_snapshot!(place.problems(&loaded), @r#"
    p/.opencode/command/c.md:2:1: warning: "model": "sonnet" is Claude Code's word for a model; the conversation's own answers (write `provider/model`, as `interline models` lists them)
    p/.opencode/command/c.md:5:1: warning: "effort" has no effect: how much a model thinks is said by `variant`
    p/.opencode/command/c.md:6:1: warning: "shell" has no effect: `shell` of the configuration runs all command lines (also in p/.claude/skills/s/SKILL.md:13)
    p/.opencode/command/c.md:7:1: warning: "user-invocable" has no effect: every command is yours to start
    p/.opencode/agent/b.md:2:1: warning: "model": "claude-opus-4-1[1m]" is Claude Code's word for a model; the conversation's own answers (write `provider/model`, as `interline models` lists them)
    p/.claude/skills/s/SKILL.md:5:1: warning: "allowed-tools" has no effect: what a skill needs is allowed, asked or denied as always, by `permission` (also in p/.claude/skills/t/SKILL.md:4)
    p/.claude/skills/s/SKILL.md:6:1: warning: "model" has no effect: a skill is read by whoever answers: a command may name a model or an agent
    p/.claude/skills/s/SKILL.md:7:1: warning: "effort" has no effect: a skill is read by whoever answers: a command may name a model or an agent
    p/.claude/skills/s/SKILL.md:8:1: warning: "agent" has no effect: a skill is read by whoever answers: a command may name a model or an agent
    p/.claude/skills/s/SKILL.md:9:1: warning: "context" has no effect: a skill is read in the conversation that it is for: a command may be a subagent's (`subtask`)
    p/.claude/skills/s/SKILL.md:10:1: warning: "hooks" has no effect: `hooks` of the configuration count for all messages (docs/extending.md)
    p/.claude/skills/s/SKILL.md:12:1: warning: "user-invocable" has no effect: every skill is yours to start
    "#);
}

#[test]
fn what_is_meant_otherwise_than_it_counts_is_told() {
    let check = |text: &str, expect: &[&str]| {
        let place = Place::new(&[("p/opencode.json", text)]);
        let told = place.problems(&place.load("p", &[]));
        let expect: String = expect.iter().map(|line| format!("p/opencode.json:{line}\n")).collect();
        assert_eq!(told, expect, "{text}");
    };
    let never = "no permission has this name, so the rule never counts";
    check(r#"{"permission":{"bash":"deny","my_tool":"ask","mcp_*":"deny","*":"ask"}}"#, &[]);
    check(r#"{"permission":{"Bash":"deny"}}"#, &[&format!("1:16: warning: \"permission.Bash\": {never}; `bash` has")]);
    check(r#"{"permission":{"edit ":{"*":"deny"}}}"#, &[&format!("1:16: warning: \"permission.edit \": {never}; `edit` has")]);
    check(
        r#"{"agent":{"a":{"permission":{"write":"deny"}}}}"#,
        &[&format!("1:30: warning: \"agent.a.permission.write\": {never}; `edit` has")],
    );
    check(
        "{\"model\":\"a/b\",\n\"model\":\"c/d\",\"permission\":{\"bash\":\"deny\",\"bash\":\"allow\"}}",
        &[
            "2:1: warning: \"model\" stands here once more: what is said of it before does not count",
            "2:43: warning: \"permission.bash\" stands here once more: what is said of it before does not count",
        ],
    );
    let unknown = |column: usize, key: &str, meant: &str| format!("1:{column}: warning: unknown key \"{key}\"{meant}: it is ignored");
    check(r#"{"permision":{"bash":"deny"}}"#, &[&unknown(2, "permision", " (did you mean \"permission\"?)")]);
    check(r#"{"MODEL":"a/b"}"#, &[&unknown(2, "MODEL", " (did you mean \"model\"?)")]);
    check(r#"{"lps":1,"quite_another":1}"#, &[&unknown(2, "lps", ""), &unknown(10, "quite_another", "")]);
    check(r#"{"compaction":{"atuo":true}}"#, &[&unknown(16, "compaction.atuo", " (did you mean \"auto\"?)")]);
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let place =
        Place::new(&[("p/.opencode/skill/x/SKILL.md", "Words."), ("p/.opencode/agent/folder.md/x", ""), ("p/opencode.jsonc/x", "")]);
    fs::write(place.folder.path().join("p/opencode.json"), b"\xff\xfe{\0}\0").unwrap();
    assert_eq!(
        place.problems(&place.load("p", &[])),
        "p/opencode.json:1:1: cannot be read: it is not UTF-8: save it as that; the file is left out\n\
        p/opencode.jsonc:1:1: cannot be read: it is a folder; the file is left out\n\
        p/.opencode/skill/x/SKILL.md:1:1: warning: it has no `description:` in words, so no model is told of it; you can start it as /x\n"
    );
}

#[test]
fn a_variable_that_is_not_set_is_known_with_its_place() {
    let place = Place::new(&[("p/opencode.json", "{\"model\": \"{env:SET}\",\n\"username\": \"{env:NONE}\"}")]);
    let loaded = place.load("p", &[("SET", "a/b")]);
    assert_eq!((loaded.problems.len(), loaded.unset.len(), loaded.unset[0].line, loaded.unset[0].column), (0, 1, 2, 14));
    assert_eq!(loaded.unset[0].message, "the variable NONE is not set: nothing is put in its place");
}
