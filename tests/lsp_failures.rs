//! What the user sees when a provider fails: the answer once, whatever broke; what is waited for; who goes on; what it cost.
//!
//! Must not know by which rules it is decided.
//!
//! **Invariant:** each test ends with the whole text of the chat, or of the output, as its user sees it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use interline_tests::{
    editors::{Desk, binary},
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

const CHAT: &str = ".interline/chat.md";

fn desk(model: &ScriptedModel, config: &Value) -> Desk {
    let desk = Desk::with_model(model, &json!({ "bash": "allow" }));
    desk.write("project/a.txt", "CONTENT\n");
    desk.write("project/interline.json", &config.to_string());
    desk
}

/// A second model, and prices of both.
fn two_models() -> Value {
    let cost = json!({ "input": 3, "output": 15, "cache_read": 0.3 });
    json!({
        "model": ["mock/test", "mock/other"],
        "provider": { "mock": { "models": { "test": { "cost": cost }, "other": { "cost": cost } } } },
    })
}

fn send(editor: &FakeEditor, words: &str) {
    editor.command("interline.chat", Value::Null).expect("the chat");
    editor.wait_holds(CHAT, "## You");
    editor.type_at_end(CHAT, &format!("{words}\n"));
    editor.command("interline.send", Value::Null).expect("sends");
}

#[test]
fn an_answer_that_was_cut_stands_once_in_the_chat_and_in_the_history() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({}));
    let read = json!({ "filePath": desk.at("project/a.txt") });
    model.script([
        Reply::Call("read", read),
        Reply::Cut("The answer is PART"),
        Reply::Text("The answer is whole."),
        Reply::Text("Second."),
    ]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    send(&editor, "One.");
    editor.idle_after(before);
    let want = "# Interline\n\n## You\n\nOne.\n\n## Interline\n\n- `read` a.txt\n\nThe answer is whole.\n\n## You\n\n";
    editor.wait_text(CHAT, want);
    let before = editor.begun();
    send(&editor, "Two.");
    editor.idle_after(before);
    let history = model.request(4).to_string();
    assert_eq!(history.matches("The answer is").count(), 1, "{history}");
    assert_eq!(history.matches("CONTENT").count(), 1, "{history}");
}

#[test]
fn a_wait_counts_down_in_the_chat_and_leaves_no_trace() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({}));
    model.script([Reply::Error(429, "retry-after: 4\r\n", r#"{"error":{"message":"too many"}}"#), Reply::Text("At last.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    // What stood there before each edit, however shortly.
    let shown = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&shown);
    editor.on_apply(move |editor| seen.lock().expect("nobody panicked").push(editor.text(CHAT)));
    send(&editor, "One.");
    editor.idle_after(before);
    let shown = shown.lock().expect("nobody panicked");
    let told =
        |n: &usize| shown.iter().any(|text| text.contains(&format!("> mock: too many (HTTP 429) — trying again in {n} s (try 2)\n")));
    // A machine that is busy may skip a second.
    assert!((1..=4).filter(told).count() > 1, "{shown:#?}");
    editor.wait_text(CHAT, "# Interline\n\n## You\n\nOne.\n\n## Interline\n\nAt last.\n\n## You\n\n");
}

#[test]
fn cancel_ends_a_wait_at_once() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({}));
    model.script([Reply::Error(429, "retry-after: 50\r\n", r#"{"error":{"message":"too many"}}"#)]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    send(&editor, "One.");
    editor.wait_holds(CHAT, "trying again in ");
    editor.command("interline.cancel", Value::Null).expect("cancels");
    editor.idle_after(before);
    editor.wait_text(CHAT, "# Interline\n\n## You\n\nOne.\n\n## Interline\n\n> Cancelled.\n\n## You\n\n");
}

#[test]
fn the_chat_says_who_goes_on_and_what_it_cost() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &two_models());
    model.script([Reply::Error(404, "", r#"{"error":{"message":"The model does not exist"}}"#), Reply::Counted("From the second.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    send(&editor, "One.");
    editor.idle_after(before);
    let text = editor.text(CHAT);
    let notice = "> mock/test failed (mock: The model does not exist (HTTP 404). Check the model's name";
    assert!(text.contains(notice) && text.contains("; going on with mock/other\n"), "{text}");
    let end = "\n\nFrom the second.\n\n> 1.0k tokens in (50 % cached), 200 out · $0.0046\n\n## You\n\n";
    assert!(text.ends_with(end), "{text}");
    send(&editor, "/cost");
    editor.wait_holds(CHAT, "## Interline\n\nThis session: 1.0k tokens in (50 % cached), 200 out · $0.0046.\n");
    assert_eq!(editor.take_messages(), Vec::<String>::new(), "nothing that needs the user's eye");
}

#[test]
fn the_command_line_says_so_beside_the_answer() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &two_models());
    model.script([Reply::Error(401, "", r#"{"error":{"message":"wrong key"}}"#), Reply::Counted("From the second.")]);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.arg("run").args(arguments).current_dir(desk.at("project")).env_clear().envs(desk.environment()).stdin(Stdio::null());
        let output = command.output().expect("interline runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (status, answer, beside) = run(&["--cost", "go"]);
    assert_eq!((status, answer.as_str()), (Some(0), "From the second.\n"));
    assert!(beside.contains("mock/test failed (mock: wrong key (HTTP 401)") && beside.contains("going on with mock/other\n"), "{beside}");
    assert!(beside.contains("1.0k tokens in (50 % cached), 200 out · $0.0046\n"), "{beside}");
    // OpenCode's lines are as they were, and a pipe gets no more than was asked for.
    model.script([Reply::Error(401, "", r#"{"error":{"message":"wrong key"}}"#), Reply::Counted("Again.")]);
    let (status, lines, beside) = run(&["--format", "json", "go"]);
    let kinds: Vec<Value> = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["type"].clone()).collect();
    assert_eq!((status, json!(kinds)), (Some(0), json!(["step_start", "step_start", "text", "step_finish"])), "{lines}");
    assert!(!beside.contains("tokens in"), "{beside}");
}

#[test]
fn a_budget_stops_before_it_is_passed_and_says_how_to_go_on() {
    let model = ScriptedModel::start();
    let mut config = two_models();
    config["budget"] = json!({ "turn": 0.01 });
    let desk = desk(&model, &config);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    send(&editor, "One.");
    editor.idle_after(before);
    let text = editor.text(CHAT);
    let words = "> The budget ends here: this turn has cost $0 of $0.010, and the next request may cost ";
    assert!(text.contains(words) && text.contains("raise `budget.turn` in the configuration, or send another message.\n"), "{text}");
    assert!(editor.take_messages().iter().any(|message| message.contains("budget.turn")));
}
