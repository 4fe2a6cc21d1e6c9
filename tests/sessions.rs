//! Sessions from the command line, as their user has them: found, renamed, forked, deleted, exported; run in the background and attached to.
//!
//! **Invariant:** each test has a home, a project and a model of its own.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStderr, ChildStdin, Command, Output, Stdio},
};

use interline_tests::{
    editors::{Desk, binary},
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

fn command(desk: &Desk, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(desk.at("project")).env_clear().envs(desk.environment());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn interline(desk: &Desk, arguments: &[&str], input: &str) -> Output {
    let mut child = command(desk, arguments).spawn().expect("interline starts");
    // It may have ended without reading.
    drop(child.stdin.take().expect("its input").write_all(input.as_bytes()));
    child.wait_with_output().expect("it ends")
}

/// What a command prints, which must succeed.
fn said(desk: &Desk, arguments: &[&str]) -> String {
    let output = interline(desk, arguments, "");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn ids(desk: &Desk) -> Vec<String> {
    let listed: Value = serde_json::from_str(&said(desk, &["sessions", "--json"])).expect("a list");
    listed.as_array().into_iter().flatten().filter_map(|session| Some(session["id"].as_str()?.to_owned())).collect()
}

#[test]
fn sessions_are_found_renamed_forked_and_deleted() {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({}));
    model.script([Reply::Text("The parser fails."), Reply::Text("Second."), Reply::Text("The tests pass.")]);
    said(&desk, &["run", "What is wrong?"]);
    said(&desk, &["run", "-c", "And then?"]);
    said(&desk, &["run", "How are the tests?"]);
    let [tests, parser] = ids(&desk).try_into().expect("two sessions");
    let found = said(&desk, &["sessions", "search", "PARSER", "fails"]);
    assert!(found.contains(&parser) && !found.contains(&tests) && found.contains("The parser fails."), "{found}");
    said(&desk, &["sessions", "rename", &parser, "The", "bug"]);
    assert!(said(&desk, &["sessions"]).contains("The bug"));

    let exported: Value = serde_json::from_str(&said(&desk, &["export", &parser])).expect("JSON");
    let second = exported["messages"][2]["info"]["id"].as_str().expect("an id");
    let fork = said(&desk, &["sessions", "fork", &parser, "--at", second]);
    let forked = said(&desk, &["export", fork.trim(), "--format", "md"]);
    assert!(forked.contains("# The bug\n") && forked.contains("The parser fails.") && !forked.contains("And then?"), "{forked}");
    let page = said(&desk, &["export", &parser, "--format", "html"]);
    assert!(page.starts_with("<!doctype html>") && page.contains("And then?"));

    for (answer, left) in [("n\n", 3), ("", 3), ("y\n", 2)] {
        // Where nobody answers, it is a failure: a script must know.
        let answered = !answer.is_empty();
        assert_eq!(interline(&desk, &["sessions", "delete", &tests], answer).status.success(), answered);
        assert_eq!(ids(&desk).len(), left, "{answer:?}");
    }
    let unknown = interline(&desk, &["sessions", "delete", "--yes", &parser, "ses_none"], "");
    assert!(!unknown.status.success() && ids(&desk).len() == 2, "all are found, or none is removed");
    // The texts of an edit whose end nobody saw.
    let edit = format!("home/.local/share/interline/intents/msg_1-1-000000.{parser}");
    desk.write(&edit, "{}\n");
    assert!(interline(&desk, &["sessions", "delete", "--yes", &parser, fork.trim()], "").status.success());
    assert!(ids(&desk).is_empty() && !desk.at(&edit).exists());

    // What was exported comes back, and is asked on.
    desk.write("saved.json", &exported.to_string());
    let saved = desk.at("saved.json").display().to_string();
    assert_eq!(said(&desk, &["sessions", "import", &saved]).trim(), parser);
    model.script([Reply::Text("Third.")]);
    said(&desk, &["run", "-s", &parser, "Go on."]);
    assert!(model.request(4).to_string().contains("The parser fails."));
}

/// Somebody who follows a session.
struct Follower {
    child: Child,
    input: ChildStdin,
    errors: BufReader<ChildStderr>,
}

impl Follower {
    fn attach(desk: &Desk, session: &str) -> Self {
        let mut child = command(desk, &["sessions", "attach", session]).spawn().expect("interline starts");
        let errors = BufReader::new(child.stderr.take().expect("its errors"));
        Self { input: child.stdin.take().expect("its input"), errors, child }
    }

    /// Reads up to a line that holds that; standard error alone, where all but the conversation is told.
    fn see(&mut self, piece: &str) {
        let mut all = String::new();
        loop {
            let from = all.len();
            assert_ne!(self.errors.read_line(&mut all).expect("a line"), 0, "{piece} was not told: {all}");
            if all[from..].contains(piece) {
                return;
            }
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it reads");
    }

    /// No more input: it ends with what runs. What it printed of the conversation.
    fn leave(self) -> String {
        drop(self.input);
        let output = self.child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

#[test]
fn a_run_in_the_background_waits_for_somebody_who_answers() {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({ "bash": "ask" }));
    let echo = |word: &str| json!({ "command": format!("echo {word} >> said.txt"), "description": "x" });
    model.script([Reply::Call("bash", echo("allowed")), Reply::Call("bash", echo("denied")), Reply::Text("All done.")]);
    let started = interline(&desk, &["run", "--background", "--max-steps", "9", "Say it."], "");
    let session = String::from_utf8(started.stdout).expect("text").trim().to_owned();
    assert!(started.status.success() && session.starts_with("ses_"), "{}", String::from_utf8_lossy(&started.stderr));
    let log =
        String::from_utf8_lossy(&started.stderr).lines().find_map(|line| line.split_once("its log is ").map(|(_, path)| path.to_owned()));

    let mut follower = Follower::attach(&desk, &session);
    follower.see("? bash");
    // While it runs nobody else works in it, nor removes it.
    let elsewhere = interline(&desk, &["run", "-s", &session, "Me too."], "");
    assert!(!elsewhere.status.success() && String::from_utf8_lossy(&elsewhere.stderr).contains("another process"), "{elsewhere:?}");
    assert!(!interline(&desk, &["sessions", "delete", "--yes", &session], "").status.success());
    follower.say("what is that?");
    follower.see("write y, a or n");
    assert!(!desk.at("project/said.txt").exists());
    follower.say("y");
    follower.see("? bash");
    assert_eq!(desk.read("project/said.txt"), "allowed\n");
    follower.say("n that is enough");
    follower.see("the turn has ended");
    // A message from here, when nothing else runs.
    model.script([Reply::Text("Yes, really.")]);
    follower.say("Really?");
    follower.see("a turn runs");
    follower.see("the turn has ended");
    let conversation = follower.leave();
    assert!(
        conversation.contains("> Say it.") && conversation.contains("All done.") && conversation.contains("Yes, really."),
        "{conversation}"
    );
    assert_eq!(desk.read("project/said.txt"), "allowed\n");
    assert!(model.request(3).to_string().contains("that is enough"));
    let log = std::path::PathBuf::from(log.expect("a log"));
    let told = wait_for(|| std::fs::read_to_string(&log).ok().filter(|told| told.contains("done · 2 calls")));
    assert!(told.contains("All done.") && told.contains(&session), "{told}");
}

#[test]
fn who_is_attached_reads_what_a_killed_process_left_of_its_answer() {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({}));
    model.script([Reply::Hang("It is the area of")]);
    let editor = FakeEditor::start(&desk, Mode::Plugin);
    let asked = editor.command("interline.ask", json!({ "text": "What is this?" })).expect("ask");
    let session = asked["session"].as_str().expect("a session");
    wait_for(|| said(&desk, &["sessions", "search", "area"]).contains("It is the area of").then_some(()));
    let mut follower = Follower::attach(&desk, session);
    follower.see("a turn runs");
    editor.kill();
    follower.see("the turn has ended");
    let conversation = follower.leave();
    assert_eq!(conversation, "> What is this?\nIt is the area of\n");
    // Who comes later reads the same.
    assert_eq!(Follower::attach(&desk, session).leave(), conversation);
}

#[test]
fn what_cannot_run_in_the_background_says_so_at_once() {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({}));
    for arguments in [&["run", "--background", "-m", "mock/none", "x"][..], &["run", "--background", "-f", "none.png", "x"]] {
        let output = interline(&desk, arguments, "");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && errors.contains("none") && output.stdout.is_empty(), "{errors}");
    }
    let bad = interline(&desk, &["run", "--budget", "-1", "x"], "");
    assert!(!bad.status.success());
}

#[test]
fn the_user_is_told_at_the_end_where_that_is_configured() {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({}));
    let config: Value = serde_json::from_str(&desk.read("interline.json")).expect("JSON");
    let told = desk.at("told.txt").display().to_string();
    let mut config = config;
    config["notify"] = json!(["/bin/sh", "-c", format!("printf %s \"$0\" > {told}.new; mv {told}.new {told}")]);
    desk.write("interline.json", &config.to_string());
    model.script([Reply::Text("Fine.")]);
    let session = said(&desk, &["run", "--background", "Work."]);
    let mut follower = Follower::attach(&desk, session.trim());
    follower.see(session.trim());
    follower.leave();
    let told = wait_for(|| std::fs::read_to_string(desk.at("told.txt")).ok());
    assert!(told.contains("done · 0 calls"), "{told}");
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
