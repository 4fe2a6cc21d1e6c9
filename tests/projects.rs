//! Projects of OpenCode's users, unchanged: in the shape of public ones, of its first and its second line.
//!
//! **Invariant:** a project is copied before it is worked in.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use interline_tests::{
    editors::{Desk, binary},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

struct Project {
    desk: Desk,
    model: ScriptedModel,
    /// Requests so far.
    asked: usize,
}

impl Project {
    fn of(name: &str) -> Self {
        let model = ScriptedModel::start();
        let desk = Desk::with_model(&model, &json!({}));
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("projects").join(name), &desk.at("project"));
        fs::create_dir(desk.at("project/.git")).expect("a folder");
        Self { desk, model, asked: 0 }
    }

    fn interline(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.desk.at("project")).env_clear().envs(self.desk.environment());
        command.env("TEAM", "payments").stdin(std::process::Stdio::null()).output().expect("interline starts")
    }

    /// What is wrong with its configuration, a line each.
    fn told(&self) -> Vec<String> {
        let output = self.interline(&["config"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect()
    }

    /// Asks, with these answers of the model's; the requests that it got.
    fn run(&mut self, arguments: &[&str], answers: &[Reply]) -> Vec<Value> {
        self.model.script(answers.to_vec());
        let output = self.interline(&[&["run", "-m", "mock/test"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let first = self.asked + 1;
        self.asked += answers.len();
        (first..=self.asked).map(|number| self.model.body(number)).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &target) } else { _ = fs::copy(&path, &target).expect("a copy") }
    }
}

#[track_caller]
fn has(request: &Value, words: &[&str]) {
    let all = request.to_string();
    for word in words {
        assert!(all.contains(word), "{word:?} is not in {request:#}");
    }
}

#[track_caller]
fn lacks(request: &Value, words: &[&str]) {
    let all = request.to_string();
    for word in words {
        assert!(!all.contains(word), "{word:?} is in {request:#}");
    }
}

fn tools(request: &Value) -> Vec<&str> {
    request["tools"].as_array().into_iter().flatten().filter_map(|tool| tool["function"]["name"].as_str()).collect()
}

/// Each warning has its words, in any order; and there is no other.
#[track_caller]
fn only(told: &[String], words: &[&str]) {
    assert_eq!(told.len(), words.len(), "{told:#?}");
    for word in words {
        assert!(told.iter().any(|line| line.contains(word) && line.contains("warning")), "{word:?} is not in {told:#?}");
    }
}

#[test]
fn a_project_for_the_first_line() {
    let mut project = Project::of("rust_cli");
    let told = [
        "\"theme\" has no effect",
        "\"plugin\" has no effect",
        "github.ts: tools in JavaScript",
        "notify.ts: plugins",
        "interline allow lsp.custom",
        "interline allow formatter.ours",
        "the variable DATABASE_URL is not set",
    ];
    only(&project.told(), &told);

    let asked = project.run(&["/test the parser"], &[Reply::Text("ok")]);
    has(
        &asked[0],
        &[
            "Run the tests of the parser.",
            "BRANCH-42",
            "RULE-ROOT",
            "RULE-DOCS",
            "<file path=\\\"CONTRIBUTING.md\\\">",
            "How a release is made",
        ],
    );
    lacks(&asked[0], &["RULE-CORE", "SKILL-RELEASE"]);

    let asked = project.run(&["/review the errors"], &[Reply::Text("A fault in line 1."), Reply::Text("One fault.")]);
    has(&asked[0], &["REVIEWER-PERSONA", "Review the newest change, above all the errors."]);
    assert!(["edit", "write", "bash", "apply_patch"].iter().all(|tool| !tools(&asked[0]).contains(tool)), "{:?}", tools(&asked[0]));
    assert_eq!(asked[0]["temperature"], 0.1);
    has(&asked[1], &["A fault in line 1."]);

    let asked = project.run(&["/changelog 1.2 poems"], &[Reply::Text("ok")]);
    has(&asked[0], &["Write the changelog for 1.2, in the manner of poems."]);

    let read = Reply::Call("read", json!({ "filePath": "crates/core/lib.rs" }));
    let skill = Reply::Call("skill", json!({ "name": "release" }));
    let asked = project.run(&["--agent", "docs", "go"], &[read, skill, Reply::Text("ok")]);
    has(&asked[0], &["DOCS-PERSONA"]);
    assert!(!tools(&asked[0]).contains(&"bash") && tools(&asked[0]).contains(&"read"), "{:?}", tools(&asked[0]));
    has(&asked[1], &["RULE-CORE"]);
    has(&asked[2], &["SKILL-RELEASE"]);

    let asked = project.run(&["@reviewer look at @docs/style.md"], &[Reply::Text("ok")]);
    has(&asked[0], &["the subagent `reviewer`", "RULE-DOCS"]);
}

#[test]
fn an_older_project() {
    let mut project = Project::of("web_shop");
    only(&project.told(), &["\"keybinds\" has no effect"]);
    let shown = String::from_utf8_lossy(&project.interline(&["config"]).stdout).into_owned();
    for word in ["opencode.jsonc:7", "{file:./secrets/key.txt}", "TEACHER-PERSONA", ".opencode/command/db/migrate.md:"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(!shown.contains("not-a-real-key") && !shown.contains("payments"), "{shown}");

    let asked = project.run(&["/db/migrate 'add column' orders"], &[Reply::Text("ok")]);
    has(&asked[0], &["Write the migration \\\"add column\\\" for orders.", "RULE-CLAUDE", "How invoices are numbered"]);
    assert!(!tools(&asked[0]).contains(&"webfetch") && !tools(&asked[0]).contains(&"todowrite"), "{:?}", tools(&asked[0]));
    let asked = project.run(&["--agent", "teach", "go"], &[Reply::Text("ok")]);
    has(&asked[0], &["TEACHER-PERSONA"]);
    assert!(!tools(&asked[0]).contains(&"edit") && tools(&asked[0]).contains(&"bash"), "{:?}", tools(&asked[0]));
    let asked = project.run(&["--agent", "docs", "go"], &[Reply::Text("ok")]);
    has(&asked[0], &["DOCS-MODE"]);
}

#[test]
fn a_project_for_the_second_line() {
    let mut project = Project::of("service_v2");
    only(&project.told(), &["\"plugins\" has no effect"]);

    let asked = project.run(&["/say Ada"], &[Reply::Text("ok")]);
    has(&asked[0], &["Say SAID to Ada.", "RULE-V2", "How to deploy", "How tables are named"]);

    let asked = project.run(&["/where the handlers"], &[Reply::Text("In a.rs."), Reply::Text("There.")]);
    has(&asked[0], &["SCOUT-PERSONA", "Find the handlers."]);
    assert_eq!(asked[0]["temperature"], 0.2);
    has(&asked[1], &["In a.rs."]);

    let skill = Reply::Call("skill", json!({ "name": "tables" }));
    let write = Reply::Call("bash", json!({ "command": "touch made", "description": "x" }));
    let asked = project.run(&["/explain pipes beginners"], &[skill, write, Reply::Text("ok")]);
    has(&asked[0], &["ARCHITECT-PERSONA", "Explain pipes to beginners."]);
    assert!(!tools(&asked[0]).contains(&"edit"), "{:?}", tools(&asked[0]));
    has(&asked[1], &["SKILL-TABLES"]);
    has(&asked[2], &["permission denied"]);
    assert!(!project.desk.at("project/made").exists());
}

/// In the shape of kits of agents that are written for several programs.
#[test]
fn a_kit_with_words_of_its_own() {
    let mut project = Project::of("agent_kit");
    let told = [
        "guard.ts: plugins",
        "command/kit-check.md:4:1: warning: \"tools\" has no effect",
        "command/kit-check.md:6:1: warning: \"allowed-tools\" has no effect",
        "agent/core/lead.md:17:1: warning: unknown key \"model_family\"",
    ];
    let all = project.told();
    let skills: Vec<&String> = all.iter().filter(|line| line.contains("SKILL.md")).collect();
    assert!(skills.iter().all(|line| line.contains("allowed-tools")), "{skills:#?}");
    only(&all.iter().filter(|line| !skills.contains(line)).cloned().collect::<Vec<_>>(), &told);

    let touch = Reply::Call("bash", json!({ "command": "touch made", "description": "x" }));
    let asked = project.run(&["--agent", "Lead", "begin"], &[touch, Reply::Text("ok")]);
    has(&asked[0], &["LEAD-PERSONA", "RULE-KIT", "planner: Plans a phase", "brew: Makes tea"]);
    lacks(&asked[0], &["secret: Ships"]);
    let sent: Vec<&String> = asked[0].as_object().into_iter().flatten().map(|(key, _)| key).collect();
    assert!(
        !["id", "category", "type", "version", "tags", "dependencies"].iter().any(|key| sent.iter().any(|sent| sent == key)),
        "{sent:?}"
    );
    assert_eq!(asked[0]["temperature"], 0.3);
    has(&asked[1], &["permission denied"]);
    assert!(!project.desk.at("project/made").exists());

    let asked = project.run(&["/kit-check 12 soon"], &[Reply::Text("ok")]);
    has(&asked[0], &["Check phase 12 soon (12 soon)."]);
    let asked = project.run(&["@planner begin"], &[Reply::Text("ok")]);
    has(&asked[0], &["the subagent `planner`"]);
    let secret = Reply::Call("skill", json!({ "name": "secret" }));
    let asked = project.run(&["ship it"], &[secret, Reply::Text("ok")]);
    has(&asked[1], &["no skill `secret`", "brew"]);
    lacks(&asked[1], &["SKILL-SECRET"]);
    let asked = project.run(&["/secret"], &[Reply::Text("ok")]);
    has(&asked[0], &["SKILL-SECRET"]);
}

/// Everything that a project says to the model, with words in it that nobody sees.
#[test]
fn a_project_that_hides_words() {
    const HIDDEN: [char; 4] = ['\u{200B}', '\u{202E}', '\u{E0041}', '\u{2063}'];
    let mut project = Project::of("web_shop");
    let hide = |text: &str| text.replace('^', &String::from_iter(HIDDEN));
    for (name, text) in [
        ("CLAUDE.md", "RULE^-ROOT 🧑\u{200D}💻"),
        ("sub/AGENTS.md", "RULE-^SUB"),
        (".opencode/skills/x/SKILL.md", "---\nname: br^ew\ndescription: Makes^ tea\n---\nSKILL-^BODY"),
        (".opencode/agent/sc^out.md", "---\ndescription: Looks^ around\nmode: subagent\n---\nx"),
        (".opencode/agent/chief.md", "---\nmode: primary\n---\nPERSONA^ speaks"),
        (".opencode/command/go.md", "---\ndescription: Goes^\n---\nSay^ it."),
        ("opencode.jsonc", r#"{"command": {"js^on": {"template": "From^ JSON."}}}"#),
        ("sub/a.txt", "x"),
    ] {
        let path = project.desk.at("project").join(hide(name));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, hide(text)).expect("a file");
    }
    let (skill, read) = (Reply::Call("skill", json!({ "name": "brew" })), Reply::Call("read", json!({ "filePath": "sub/a.txt" })));
    let asked = project.run(&["--agent", "chief", "/go"], &[skill, read, Reply::Text("ok")]);
    has(&asked[0], &["RULE-ROOT 🧑\u{200D}💻", "- brew: Makes tea", "- scout: Looks around", "PERSONA speaks", "Say it."]);
    has(&asked[2], &["SKILL-BODY", "RULE-SUB"]);
    let json = project.run(&["/json"], &[Reply::Text("ok")]);
    has(&json[0], &["From JSON."]);
    let brew = project.run(&["/brew"], &[Reply::Text("ok")]);
    has(&brew[0], &["SKILL-BODY"]);
    for request in asked.iter().chain(&json).chain(&brew) {
        assert!(!request.to_string().contains(HIDDEN), "{request:#}");
    }
    let told = project.told();
    for place in [
        "SKILL.md:1:1: warning: its name or description",
        "/agent/chief.md:4:8: warning: the text",
        "/command/go.md:2:1: warning: \"description\"",
        "/command/go.md:4:4: warning: the text",
        "opencode.jsonc:1:39: warning: \"command.",
    ] {
        assert!(told.iter().any(|line| line.contains(place)), "{place:?} is not in {told:#?}");
    }
}
