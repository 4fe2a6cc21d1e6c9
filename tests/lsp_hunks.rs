//! Review of what the agent changed, as the user of a stock editor does it: marks, accepting, rejecting, over a restart; against the real binary with a
//! scripted model.
//!
//! **Invariant:** everything here is done by code actions and commands.

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

const TEXT: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";

fn desk(model: &ScriptedModel, edits: &str) -> Desk {
    let desk = Desk::with_model(model, &json!({ "edit": edits }));
    desk.write("project/a.txt", TEXT);
    desk
}

fn edit(desk: &Desk, old: &str, new: &str) -> Reply {
    Reply::Call("edit", json!({ "filePath": desk.at("project/a.txt"), "oldString": old, "newString": new }))
}

/// Two changes of the agent; what the turn is called.
fn changed(desk: &Desk, model: &ScriptedModel, editor: &FakeEditor) -> Value {
    model.script([edit(desk, "two", "TWO"), edit(desk, "five", "FIVE"), Reply::Text("Done.")]);
    let before = editor.begun();
    let asked = command(editor, "interline.ask", json!({ "text": "Change it." }));
    editor.idle_after(before);
    asked["turn"].clone()
}

fn titles(editor: &FakeEditor, line: u32) -> Vec<Value> {
    let at = json!({ "line": line, "character": 0 });
    let params =
        json!({ "textDocument": { "uri": editor.uri("a.txt") }, "range": { "start": at, "end": at }, "context": { "diagnostics": [] } });
    let all = editor.request("textDocument/codeAction", params).unwrap_or_else(|error| panic!("code actions: {error}"));
    all.as_array().into_iter().flatten().map(|action| action["title"].clone()).collect()
}

fn command(editor: &FakeEditor, name: &str, argument: Value) -> Value {
    editor.command(name, argument).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn marks_follow_the_text_and_one_is_rejected() {
    for mode in [Mode::Strict, Mode::Lenient, Mode::Late] {
        let model = ScriptedModel::start();
        let desk = desk(&model, "allow");
        let editor = FakeEditor::start(&desk, mode);
        editor.open("a.txt", None);
        changed(&desk, &model, &editor);
        editor.wait_marks("a.txt", "hunk", &[1, 4]);
        let marks = editor.diagnostics("a.txt");
        assert!(marks.iter().all(|mark| mark["severity"] == 4 && mark["source"] == "interline"), "{marks:?}");
        editor.replace("a.txt", "one", "typed\none");
        editor.replace("a.txt", "FIVE\n", "FIVE\nbelow\n");
        editor.wait_marks("a.txt", "hunk", &[2, 5]);
        assert!(!titles(&editor, 0).iter().any(|t| t == "Interline: reject this change"));
        let here = titles(&editor, 5);
        assert_eq!(here[..2], ["Interline: accept this change", "Interline: reject this change"], "harmless first");
        // Without an argument it is the one whose actions were asked for last.
        let steps = editor.doc("a.txt").server_steps();
        command(&editor, "interline.hunk.reject", Value::Null);
        editor.wait_text("a.txt", "typed\none\nTWO\nthree\nfour\nfive\nbelow\nsix\n");
        assert_eq!(editor.doc("a.txt").server_steps(), steps + 1, "one undo step");
        editor.wait_marks("a.txt", "hunk", &[2]);
    }
}

#[test]
fn our_plugin_is_told_which_lines_and_what_stood_there() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "allow");
    let editor = FakeEditor::start(&desk, Mode::Plugin);
    editor.open("a.txt", None);
    model.script([edit(&desk, "two", "TWO\n2"), edit(&desk, "five\n", ""), Reply::Text("Done.")]);
    let before = editor.begun();
    command(&editor, "interline.ask", json!({ "text": "Change it." }));
    editor.idle_after(before);
    editor.wait_marks("a.txt", "hunk", &[1, 5]);
    let told: Vec<_> = editor.diagnostics("a.txt").iter().map(|mark| json!([mark["data"]["lines"], mark["data"]["old"]])).collect();
    assert_eq!(told, [json!([[1, 3], "two\n"]), json!([[5, 5], "five\n"])]);
}

#[test]
fn lenses_stand_above_the_changes_and_the_old_text_is_told() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "allow");
    let editor = FakeEditor::start(&desk, Mode::Plugin);
    editor.open("a.txt", None);
    let turn = changed(&desk, &model, &editor);
    editor.wait_marks("a.txt", "hunk", &[1, 4]);
    let lenses = editor.request("textDocument/codeLens", json!({ "textDocument": { "uri": editor.uri("a.txt") } })).expect("code lenses");
    let all: Vec<_> = lenses.as_array().into_iter().flatten().collect();
    let lines: Vec<_> = all.iter().map(|lens| (lens["range"]["start"]["line"].clone(), lens["command"]["title"].clone())).collect();
    assert_eq!(lines, [(json!(1), json!("Accept")), (json!(1), json!("Reject")), (json!(4), json!("Accept")), (json!(4), json!("Reject"))]);
    command(&editor, "interline.hunk.accept", all[0]["command"]["arguments"][0].clone());
    editor.wait_marks("a.txt", "hunk", &[4]);
    let listed = command(&editor, "interline.hunks.list", json!({ "turn": turn }));
    assert_eq!(listed["files"][0]["uri"], editor.uri("a.txt"));
    assert_eq!(listed["files"][0]["old"], TEXT.replace("two", "TWO"));
    assert_eq!(command(&editor, "interline.hunks.list", json!({ "turn": "another" })), json!({ "files": [] }));
}

#[test]
fn accepting_clears_marks_alone() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "allow");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    changed(&desk, &model, &editor);
    editor.wait_marks("a.txt", "hunk", &[1, 4]);
    let id = editor.diagnostics("a.txt")[0]["data"]["id"].clone();
    assert_eq!(command(&editor, "interline.hunk.accept", json!({ "id": id })), json!({ "accepted": 1 }));
    editor.wait_marks("a.txt", "hunk", &[4]);
    command(&editor, "interline.hunks.accept", json!({ "uri": editor.uri("a.txt") }));
    editor.wait_marks("a.txt", "hunk", &[]);
    assert_eq!(editor.text("a.txt"), TEXT.replace("two", "TWO").replace("five", "FIVE"));
    let error = editor.command("interline.hunks.reject", Value::Null).expect_err("nothing is left");
    assert!(error["message"].as_str().unwrap_or_default().contains("no change to review"), "{error}");
}

#[test]
fn the_editors_undo_and_redo_clear_marks_and_bring_them_back() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "allow");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    changed(&desk, &model, &editor);
    editor.wait_marks("a.txt", "hunk", &[1, 4]);
    editor.undo("a.txt");
    editor.wait_marks("a.txt", "hunk", &[1]);
    editor.replace("a.txt", "five", "FIVE");
    editor.wait_marks("a.txt", "hunk", &[1, 4]);
    command(&editor, "interline.undo", Value::Null);
    editor.wait_text("a.txt", TEXT);
    editor.wait_marks("a.txt", "hunk", &[]);
    assert!(editor.wait_message().contains("Undone"));
}

#[test]
fn what_the_user_rewrote_stays_and_is_named() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "allow");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    changed(&desk, &model, &editor);
    editor.replace("a.txt", "FIVE", "mine entirely");
    editor.wait_marks("a.txt", "hunk", &[1, 4]);
    let reply = command(&editor, "interline.hunks.reject", json!({ "uri": editor.uri("a.txt") }));
    assert_eq!(reply, json!({ "changed": ["a.txt"], "kept": ["a.txt line 5"] }));
    editor.wait_text("a.txt", &TEXT.replace("five", "mine entirely"));
    editor.wait_marks("a.txt", "hunk", &[]);
    assert!(editor.wait_message().contains("a.txt line 5"));
}

#[test]
fn marks_survive_a_restart_and_a_close() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "allow");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    changed(&desk, &model, &editor);
    editor.wait_marks("a.txt", "hunk", &[1, 4]);
    editor.save("a.txt");
    editor.close("a.txt");
    editor.wait_marks("a.txt", "hunk", &[]);
    editor.open("a.txt", None);
    editor.wait_marks("a.txt", "hunk", &[1, 4]);
    let first = editor.diagnostics("a.txt")[0]["data"]["id"].clone();
    command(&editor, "interline.hunk.accept", json!({ "id": first }));
    editor.wait_marks("a.txt", "hunk", &[4]);
    assert_eq!(editor.shut_down(), 0);
    // The file has moved on meanwhile.
    let text = std::fs::read_to_string(desk.at("project/a.txt")).expect("the file");
    desk.write("project/a.txt", &format!("above\n{text}"));
    let again = FakeEditor::start(&desk, Mode::Strict);
    again.open("a.txt", None);
    again.wait_marks("a.txt", "hunk", &[5]);
    command(&again, "interline.hunks.reject", Value::Null);
    again.wait_text("a.txt", "above\none\nTWO\nthree\nfour\nfive\nsix\n");
    again.wait_marks("a.txt", "hunk", &[]);
}

#[test]
fn a_file_that_is_not_open_is_reviewed_by_its_turn_or_when_it_is_opened() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "allow");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let turn = changed(&desk, &model, &editor);
    assert_eq!(desk.read("project/a.txt"), TEXT.replace("two", "TWO").replace("five", "FIVE"));
    editor.open("a.txt", None);
    editor.wait_marks("a.txt", "hunk", &[1, 4]);
    editor.close("a.txt");
    editor.wait_marks("a.txt", "hunk", &[]);
    let reply = command(&editor, "interline.hunks.reject", json!({ "turn": turn }));
    assert_eq!(reply["changed"], json!(["a.txt"]));
    assert!(editor.wait_message().contains("not open: a.txt"));
    assert_eq!(desk.read("project/a.txt"), TEXT);
}

#[test]
fn a_new_file_is_a_change_too() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "allow");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let write = |name: &str| Reply::Call("write", json!({ "filePath": desk.at(name), "content": "new\nfile\n" }));
    model.script([write("project/open.txt"), write("project/new.txt"), Reply::Text("Done.")]);
    let before = editor.begun();
    let turn = command(&editor, "interline.ask", json!({ "text": "Write them." }))["turn"].clone();
    editor.idle_after(before);
    editor.open("open.txt", None);
    editor.wait_marks("open.txt", "hunk", &[0]);
    assert_eq!(desk.read("project/new.txt"), "new\nfile\n");
    command(&editor, "interline.hunks.reject", json!({ "turn": turn }));
    editor.wait_text("open.txt", "");
    assert!(editor.wait_message().contains("not open: new.txt"));
    assert!(!desk.at("project/new.txt").exists(), "nothing of it is left");
}

#[test]
fn prompts_and_marks_stand_in_one_document() {
    let model = ScriptedModel::start();
    let desk = desk(&model, "ask");
    model.script([edit(&desk, "two", "TWO"), edit(&desk, "five", "FIVE"), Reply::Text("Done.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    let before = editor.begun();
    command(&editor, "interline.ask", json!({ "text": "Change it." }));
    editor.wait_marks("a.txt", "permission", &[1]);
    command(&editor, "interline.permit", json!({ "reply": "once" }));
    editor.wait_marks("a.txt", "permission", &[4]);
    editor.wait_marks("a.txt", "hunk", &[1]);
    command(&editor, "interline.hunks.accept", json!({ "uri": editor.uri("a.txt") }));
    editor.wait_marks("a.txt", "hunk", &[]);
    editor.wait_marks("a.txt", "permission", &[4]);
    command(&editor, "interline.permit", json!({ "reply": "once" }));
    editor.idle_after(before);
    editor.wait_marks("a.txt", "hunk", &[4]);
    editor.wait_marks("a.txt", "permission", &[]);
}
