//! Interline is killed by `kill -9`: nothing that it has started goes on.
//!
//! Must not know how that is brought about.
//!
//! **Invariant:** the end of a program is seen by the end of the fifo that it and all its children hold open; nobody is killed before it has begun.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    fs::File,
    io::Read as _,
    process::{Child, Command, Stdio},
};

use interline_tests::{
    editors::{Desk, binary},
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

/// Neither the end of its input nor SIGTERM ends it; one child has a session of its own, the other has lost its parent.
const STUBBORN: &str = "exec 3> \"$FIFO\"; trap '' TERM HUP; setsid sleep 100 & (sleep 100 &) ; sleep 100; :";
/// Without one that leaves the group: those of servers are not looked for.
const MUTE: &str = "exec 3> \"$FIFO\"; trap '' TERM HUP; sleep 100 & sleep 100; :";

/// A desk with a fifo, where everything is allowed.
fn desk(model: &ScriptedModel) -> Desk {
    let desk = Desk::with_model(model, &json!("allow"));
    assert!(Command::new("mkfifo").arg(desk.at("fifo")).status().expect("mkfifo").success());
    desk.write("project/a.txt", "one\n");
    desk
}

fn shell(desk: &Desk, script: &str) -> [String; 3] {
    ["/bin/sh".into(), "-c".into(), script.replace("$FIFO", &desk.at("fifo").display().to_string())]
}

fn interline(desk: &Desk, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(desk.at("project")).env_clear().envs(desk.environment());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until somebody holds the fifo open.
fn begun(desk: &Desk) -> File {
    File::open(desk.at("fifo")).expect("a program begins")
}

/// Waits until nobody does any more.
fn gone(mut fifo: File) {
    assert_eq!(fifo.read(&mut [0]).expect("the end"), 0);
}

fn kill(child: &mut Child) {
    child.kill().and_then(|()| child.wait()).expect("it is killed");
}

fn command(desk: &Desk) -> Reply {
    let [.., script] = shell(desk, STUBBORN);
    Reply::Call("bash", json!({ "command": script, "description": "goes on for long" }))
}

#[test]
fn a_command_ends() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([command(&desk)]);
    let mut run = interline(&desk, &["run", "go"]).spawn().expect("interline starts");
    let fifo = begun(&desk);
    kill(&mut run);
    gone(fifo);
}

#[test]
fn what_an_ended_command_has_left_ends() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let [.., script] = shell(&desk, STUBBORN);
    let left = json!({ "command": format!("({script}) > /dev/null 2>&1 &"), "description": "goes on" });
    let hang = json!({ "command": "sleep 100", "run_in_background": true });
    model.script([Reply::Call("bash", left), Reply::Call("bash", hang), Reply::Hang("Now")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.command("interline.ask", json!({ "text": "go" })).expect("ask");
    let fifo = begun(&desk);
    drop(model.request(3));
    editor.kill();
    gone(fifo);
}

#[test]
fn a_custom_tool_ends() {
    use std::os::unix::fs::PermissionsExt as _;
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let [.., script] = shell(&desk, MUTE);
    let schema = r#"{ "description": "Waits" }"#;
    desk.write(
        "home/.config/interline/tool/wait",
        &format!("#!/bin/sh\n[ \"$1\" = --schema ] && {{ echo '{schema}'; exit; }}\n{script}\n"),
    );
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(desk.at("home/.config/interline/tool/wait"), executable).expect("chmod");
    model.script([Reply::Call("wait", json!({}))]);
    let mut run = interline(&desk, &["run", "go"]).spawn().expect("interline starts");
    let fifo = begun(&desk);
    kill(&mut run);
    gone(fifo);
}

#[test]
fn a_command_of_a_run_in_the_background_ends() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([command(&desk)]);
    let started = interline(&desk, &["run", "--background", "go"]).output().expect("interline runs");
    let told = String::from_utf8(started.stderr).expect("text");
    let process = told.split_once("It runs in process ").and_then(|(_, after)| after.split_once(';')).expect("its number").0;
    let fifo = begun(&desk);
    assert!(Command::new("kill").args(["-9", process]).status().expect("kill").success());
    gone(fifo);
}

#[test]
fn a_server_that_does_not_mind_its_input_ends() {
    type Configure = fn(&mut Value, [String; 3]);
    let kinds: [Configure; 2] = [
        |config, command| config["mcp"] = json!({ "mute": { "type": "local", "command": command } }),
        |config, command| config["lsp"] = json!({ "mute": { "command": command, "extensions": [".txt"] } }),
    ];
    for configure in kinds {
        let model = ScriptedModel::start();
        let desk = desk(&model);
        let mut config: Value = serde_json::from_str(&desk.read("interline.json")).expect("JSON");
        configure(&mut config, shell(&desk, MUTE));
        desk.write("interline.json", &config.to_string());
        model.script([Reply::Call("lsp_diagnostics", json!({ "filePath": desk.at("project/a.txt") })), Reply::Hang("Well")]);
        let editor = FakeEditor::start(&desk, Mode::Strict);
        editor.open("a.txt", None);
        editor.command("interline.ask", json!({ "text": "What is wrong?" })).expect("ask");
        let fifo = begun(&desk);
        editor.kill();
        gone(fifo);
    }
}

#[test]
fn a_stand_in_that_does_not_say_its_version_ends() {
    use std::os::unix::fs::PermissionsExt as _;
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let [.., script] = shell(&desk, MUTE);
    let program = desk.at("home/.cargo/bin/rust-analyzer");
    desk.write("home/.cargo/bin/rust-analyzer", &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let mut config: Value = serde_json::from_str(&desk.read("interline.json")).expect("JSON");
    config["lsp"] = json!({ "rust": { "command": [program], "extensions": [".rs"] } });
    desk.write("interline.json", &config.to_string()).write("project/Cargo.toml", "").write("project/a.rs", "");
    model.script([Reply::Call("lsp_diagnostics", json!({ "filePath": desk.at("project/a.rs") })), Reply::Hang("Well")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.command("interline.ask", json!({ "text": "What is wrong?" })).expect("ask");
    let fifo = begun(&desk);
    editor.kill();
    gone(fifo);
}

#[test]
fn the_server_behind_a_proxy_ends() {
    let desk = desk(&ScriptedModel::start());
    let command = shell(&desk, MUTE);
    let mut arguments = vec!["proxy", "--"];
    arguments.extend(command.iter().map(String::as_str));
    let mut proxy = interline(&desk, &arguments).stdin(Stdio::piped()).spawn().expect("interline starts");
    let fifo = begun(&desk);
    kill(&mut proxy);
    gone(fifo);
}

/// What a process has started, by name.
fn children(process: u32) -> Vec<String> {
    let stats = std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, after) = stat.split_once('(')?.1.rsplit_once(')')?;
        (after.split_whitespace().nth(1) == Some(&process.to_string())).then(|| name.to_owned())
    });
    stats.collect()
}

#[test]
fn nothing_guards_before_the_first_command_and_one_shell_does_then() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    model.script([Reply::Text("Nothing to do.")]);
    editor.ask("Anything?");
    assert_eq!(children(editor.process_id()), [""; 0]);
    for _ in 0..2 {
        model.script([Reply::Call("bash", json!({ "command": "true", "description": "works" })), Reply::Text("Done.")]);
        editor.ask("Work.");
        assert_eq!(children(editor.process_id()), ["sh"]);
    }
}
