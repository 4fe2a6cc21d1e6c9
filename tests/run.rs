//! `interline run` as scripts use it: what is on standard output, and how it ends.
//!
//! **Invariant:** each test has a home, a project and a model of its own.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader, Write},
    process::{Child, Command, Output, Stdio},
};

use interline_tests::{
    editors::{Desk, binary},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::json;

fn desk(model: &ScriptedModel) -> Desk {
    let desk = Desk::with_model(model, &json!({ "bash": "allow" }));
    desk.write("project/a.txt", "one\n");
    desk
}

fn start(desk: &Desk, arguments: &[&str]) -> Child {
    Command::new(binary())
        .arg("run")
        .args(arguments)
        .current_dir(desk.at("project"))
        .env_clear()
        .envs(desk.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("interline starts")
}

fn run(desk: &Desk, arguments: &[&str], input: &str) -> Output {
    let mut child = start(desk, arguments);
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn sessions(desk: &Desk) -> String {
    let mut command = Command::new(binary());
    command.args(["sessions", "list"]).current_dir(desk.at("project")).env_clear().envs(desk.environment());
    String::from_utf8(command.output().expect("the sessions").stdout).expect("text")
}

#[test]
fn an_answer_ends_with_one_line_break() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    for (answer, want) in [("Done.", "Done.\n"), ("Done.\n", "Done.\n"), ("One.\nTwo.", "One.\nTwo.\n")] {
        model.script([Reply::Text(answer)]);
        let output = run(&desk, &["go"], "");
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), want), "{output:?}");
    }
}

#[test]
fn the_last_session_goes_on_by_a_short_option() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Text("First."), Reply::Text("Second.")]);
    assert!(run(&desk, &["one"], "").status.success());
    assert!(run(&desk, &["-c", "two"], "").status.success());
    let asked = model.request(2).to_string();
    assert!(asked.contains("one") && asked.contains("First.") && asked.contains("two"), "{asked}");
}

#[test]
fn a_command_is_carried_out_and_never_said_to_the_model() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    desk.write("project/.opencode/command/ship.md", "Ship $1 in silence.\n");
    model.script([Reply::Text("First."), Reply::Text("Shipped.")]);
    assert!(run(&desk, &["one"], "").status.success());
    let shipped = run(&desk, &["-c", "--fork", "--title", "The copy", "--command", "ship", "it"], "");
    assert!(shipped.status.success(), "{shipped:?}");
    assert!(model.request(2).to_string().contains("Ship it in silence."), "{}", model.request(2));
    assert!(model.request(2).to_string().contains("First."), "the copy has what was said");

    for option in [["--file", "a.txt"], ["--agent", "plan"], ["--variant", "high"], ["--max-steps", "2"]] {
        let refused = run(&desk, &["/compact", option[0], option[1]], "");
        let told = String::from_utf8_lossy(&refused.stderr).contains(&format!("so {} would have no effect", option[0]));
        assert!(!refused.status.success() && told, "{refused:?}");
    }
    // The copy is the last session.
    let summarised = run(&desk, &["/compact"], "");
    assert!(summarised.status.success(), "{summarised:?}");
    model.script([Reply::Text("Third.")]);
    assert!(run(&desk, &["-c", "three"], "").status.success());
    let after = model.request(3).to_string();
    assert!(after.contains("<summary>") && !after.contains("First.") && !after.contains("/compact"), "{after}");
    for (arguments, told) in [(["--command", "sink"], "no command or skill `sink`"), (["/undo", ""], "for the chat in an editor")] {
        let refused = run(&desk, &arguments, "");
        assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains(told), "{refused:?}");
    }
    let listed = sessions(&desk);
    assert_eq!((listed.lines().count(), listed.contains("The copy")), (2, true), "{listed}");
}

#[test]
fn it_works_in_the_folder_that_is_named() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    desk.write("project/inner/b.txt", "two\n");
    model.script([Reply::Call("bash", json!({ "command": "pwd", "description": "Says where" })), Reply::Text("There.")]);
    let done = run(&desk, &["--dir", "inner", "where?"], "");
    assert!(done.status.success(), "{done:?}");
    assert!(model.request(2).to_string().contains("project/inner"), "{}", model.request(2));
    let missing = run(&desk, &["--dir", "nowhere", "where?"], "");
    assert!(missing.status.code() == Some(2) && String::from_utf8_lossy(&missing.stderr).contains("--dir nowhere"), "{missing:?}");
}

#[test]
fn who_left_standard_input_open_is_told_what_is_waited_for() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Text("Done.")]);
    let mut child = start(&desk, &["go"]);
    let mut told = String::new();
    BufReader::new(child.stderr.take().expect("its errors")).read_line(&mut told).expect("a line");
    assert!(told.contains("reads standard input"), "{told}");
    drop(child.stdin.take());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_signal_ends_it_and_its_commands() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    for (signal, status) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let started = desk.at("project/started");
        std::fs::remove_file(&started).ok();
        // The command tells its own number, and would go on for long.
        let command = json!({ "command": "echo $$ > started.new; mv started.new started; sleep 600", "description": "wait" });
        model.script([Reply::Call("bash", command)]);
        let mut child = start(&desk, &["go"]);
        drop(child.stdin.take());
        let shell = wait_for(|| std::fs::read_to_string(&started).ok());
        let kill =
            |what: &str, id: &str| Command::new("kill").args([what, id]).stderr(Stdio::null()).status().expect("kill runs").success();
        assert!(kill(&format!("-{signal}"), &child.id().to_string()));
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(status), "{signal}: {output:?}");
        wait_for(|| (!kill("-0", shell.trim())).then_some(()));
    }
}

/// Looks again and again: files and processes send no events.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(15);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(std::time::Instant::now() < end, "waited in vain");
        std::thread::yield_now();
    }
}

#[test]
fn a_session_that_cannot_be_stored_is_answered_and_told_of() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    desk.write("home/.local/share/interline/interline.db", "no database");
    model.script([Reply::Text("Done.")]);
    let output = run(&desk, &["go"], "");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), "Done.\n"), "{output:?}");
    assert_eq!(told.matches("the session could not be saved").count(), 1, "{told}");
}

/// A run whose answer is out, and whose title is not.
fn answered_without_title(model: &ScriptedModel, arguments: &[&str]) -> (Desk, Child, BufReader<std::process::ChildStdout>) {
    let desk = desk(model);
    let mut config: serde_json::Value = serde_json::from_str(&desk.read("interline.json")).expect("JSON");
    config["small_model"] = json!("mock/test");
    desk.write("interline.json", &config.to_string());
    model.hold_titles(true);
    model.script([Reply::Counted("Done.")]);
    let mut child = start(&desk, arguments);
    drop(child.stdin.take());
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut answer = String::new();
    output.read_line(&mut answer).expect("a line");
    assert_eq!(answer, "Done.\n");
    (desk, child, output)
}

#[test]
fn a_short_run_has_its_title_afterwards_and_its_answer_before() {
    let model = ScriptedModel::start();
    let (desk, child, _output) = answered_without_title(&model, &["go"]);
    model.hold_titles(false);
    assert!(child.wait_with_output().expect("it ends").status.success());
    assert!(sessions(&desk).contains("A title"), "{}", sessions(&desk));
}

#[test]
fn a_title_that_does_not_come_is_given_up_and_none_is_asked_for_where_one_was_given() {
    for (arguments, title, asked) in [(&["go"][..], "go", 1), (&["--title", "Mine", "go"], "Mine", 0)] {
        let model = ScriptedModel::start();
        let (desk, child, _output) = answered_without_title(&model, arguments);
        assert!(child.wait_with_output().expect("it ends").status.success());
        assert!(sessions(&desk).contains(title), "{}", sessions(&desk));
        assert_eq!(model.titles(), asked);
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_title() {
    let model = ScriptedModel::start();
    let (_desk, mut child, _output) = answered_without_title(&model, &["--cost", "go"]);
    // What it used is told when the turn has ended: before, the signal would cancel it.
    let mut told = String::new();
    BufReader::new(child.stderr.take().expect("its errors")).read_line(&mut told).expect("a line");
    assert!(told.contains("tokens"), "{told}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}
