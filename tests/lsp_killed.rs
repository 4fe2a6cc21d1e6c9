//! An answer whose process is killed: what its user had read of it is there afterwards, once, and the conversation goes on from it.
//!
//! Must not know when or how it is stored: it is looked for as its user would.
//!
//! **Invariant:** nobody is killed before somebody else was told the words, be it another editor or a command.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    process::Command,
    sync::{Arc, Barrier},
};

use interline_tests::{
    editors::{Desk, binary},
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

const CHAT: &str = ".interline/chat.md";
const WORDS: &str = "It is the area of";

fn interline(desk: &Desk, arguments: &[&str]) -> String {
    let ran = Command::new(binary()).args(arguments).current_dir(desk.at("project")).env_clear().envs(desk.environment()).output();
    let ran = ran.expect("interline runs");
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

fn send(editor: &FakeEditor, words: &str) {
    editor.type_at_end(CHAT, &format!("{words}\n"));
    editor.command("interline.send", Value::Null).expect("sends");
}

fn count(text: &str) -> usize {
    text.matches(WORDS).count()
}

/// The conversation as it is exported: the words once, and that they are not all.
fn is_told_as_cut_off(desk: &Desk) {
    let exported = interline(desk, &["export", "--format", "md"]);
    assert_eq!((count(&exported), exported.matches("ended before the answer was whole").count()), (1, 1), "{exported}");
}

#[test]
fn what_was_read_of_an_answer_is_there_after_kill_9() {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({}));
    model.script([Reply::Hang(WORDS), Reply::Text("A circle, as I said.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.command("interline.chat", Value::Null).expect("the chat");
    editor.wait_holds(CHAT, "## You");
    send(&editor, "What is this?");
    editor.wait_holds(CHAT, WORDS);
    // Another process finds it.
    while !interline(&desk, &["sessions", "search", "area"]).contains(WORDS) {
        std::thread::yield_now();
    }
    editor.save(CHAT);
    editor.kill();
    drop(editor);

    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open(CHAT, None);
    editor.command("interline.session.open", Value::Null).expect("the last session");
    let before = editor.begun();
    send(&editor, "Of what?");
    editor.idle_after(before);
    let want = "## You\n\nWhat is this?\n\n## Interline\n\nIt is the area of\n\n## You\n\nOf what?\n\n## Interline\n\nA circle, as I said.\n\n## You\n\n";
    editor.wait_text(CHAT, &format!("# Interline\n\n{want}"));
    let told = model.request(2).to_string();
    assert!(count(&told) == 1 && told.contains("What is this?"), "{told}");
    is_told_as_cut_off(&desk);
}

#[test]
fn another_editor_sees_it_as_it_is_said_and_goes_on_from_there() {
    let (model, barrier) = (ScriptedModel::start(), Arc::new(Barrier::new(2)));
    let desk = Desk::with_model(&model, &json!({}));
    let pieces = ["It is", " the area of", " never said"].map(str::to_owned).to_vec();
    model.script([Reply::Pieces(pieces, Arc::clone(&barrier)), Reply::Text("A circle, as I said.")]);
    let first = FakeEditor::start(&desk, Mode::Plugin);
    first.command("interline.ask", json!({ "text": "What is this?" })).expect("ask");
    drop(first.next_event("message.part.delta"));
    let second = FakeEditor::start(&desk, Mode::Strict);
    second.open(CHAT, Some("## You\n\n"));
    second.command("interline.session.open", Value::Null).expect("the session is opened");
    second.wait_holds(CHAT, "> This session runs in another process");
    barrier.wait();
    second.wait_holds(CHAT, WORDS);
    first.kill();
    drop(first);
    second.wait_holds(CHAT, "you can go on here");
    let before = second.begun();
    second.command("interline.ask", json!({ "text": "Of what?" })).expect("ask");
    second.idle_after(before);
    let told = model.request(2).to_string();
    assert!(count(&told) == 1 && told.contains("What is this?"), "{told}");
    assert_eq!(count(&second.text(CHAT)), 1, "{}", second.text(CHAT));
    is_told_as_cut_off(&desk);
}
