//! What a stock editor offers its user: chat, prompts, code actions, undo; against the real binary with a scripted model.
//!
//! Must not know how an answer gets into the chat; buffers, diagnostics and code actions are looked at.
//!
//! **Invariant:** everything here is done by code actions and argument-free commands, as an editor without a plugin does it.

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

const CHAT: &str = ".interline/chat.md";

fn desk(model: &ScriptedModel) -> Desk {
    let desk = Desk::with_model(model, &json!({ "edit": "ask", "bash": "allow" }));
    desk.write("project/a.txt", "one\ntwo\nthree\n");
    desk
}

fn edit(desk: &Desk, old: &str, new: &str) -> Reply {
    Reply::Call("edit", json!({ "filePath": desk.at("project/a.txt"), "oldString": old, "newString": new }))
}

fn actions(editor: &FakeEditor, path: &str, line: u32) -> Vec<Value> {
    let at = json!({ "line": line, "character": 0 });
    let params =
        json!({ "textDocument": { "uri": editor.uri(path) }, "range": { "start": at, "end": at }, "context": { "diagnostics": [] } });
    editor
        .request("textDocument/codeAction", params)
        .unwrap_or_else(|e| panic!("code actions: {e}"))
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn pick(editor: &FakeEditor, path: &str, line: u32, title: &str) {
    let all = actions(editor, path, line);
    let action = all.iter().find(|a| a["title"].as_str().is_some_and(|t| t.contains(title)));
    let action = action.unwrap_or_else(|| panic!("no action {title:?} among {:?}", all.iter().map(|a| &a["title"]).collect::<Vec<_>>()));
    let command = &action["command"];
    editor
        .request("workspace/executeCommand", json!({ "command": command["command"], "arguments": command["arguments"] }))
        .unwrap_or_else(|e| panic!("the command of the action: {e}"));
}

fn open_chat(editor: &FakeEditor) {
    editor.command("interline.chat", Value::Null).unwrap_or_else(|e| panic!("the chat: {e}"));
    editor.wait_text(CHAT, "# Interline\n\n## You\n\n");
}

#[test]
fn a_message_from_the_chat_is_answered_in_the_chat() {
    for mode in [Mode::Strict, Mode::Lenient, Mode::Late] {
        let model = ScriptedModel::start();
        let desk = desk(&model);
        model.script([Reply::Text("First **answer**.\n\nWith two paragraphs.")]);
        let editor = FakeEditor::start(&desk, mode);
        open_chat(&editor);
        editor.replace(CHAT, "## You\n\n", "## You\n\nWhat is this?\n");
        let before = editor.begun();
        pick(&editor, CHAT, 0, "Send");
        editor.idle_after(before);
        let want = "# Interline\n\n## You\n\nWhat is this?\n\n## Interline\n\nFirst **answer**.\n\nWith two paragraphs.\n\n## You\n\n";
        editor.wait_text(CHAT, want);
        let asked = model.request(1).to_string();
        assert!(asked.contains("What is this?") && !asked.contains("## You"), "{mode:?}: {asked}");
    }
}

#[test]
fn what_the_user_writes_next_stays_below_the_answer() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Text("The answer.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    open_chat(&editor);
    editor.replace(CHAT, "## You\n\n", "## You\n\nFirst.\n");
    let before = editor.begun();
    let mut typed = 0;
    editor.on_apply(move |editor| {
        // The first edit closes the draft; a keystroke crosses each of the next five.
        if editor.text(CHAT).contains("## Interline") && typed < 5 {
            typed += 1;
            let text = editor.text(CHAT);
            let end = &text[text.rfind("## Interline").unwrap_or_default()..];
            editor.replace(CHAT, end, &format!("{end}n{typed} "));
        }
    });
    pick(&editor, CHAT, 0, "Send");
    editor.idle_after(before);
    editor.wait_holds(CHAT, "The answer.");
    let text = editor.text(CHAT);
    let answer = text.find("The answer.").expect("the answer");
    let next = text.rfind("## You").expect("a new heading");
    assert!(answer < next && text[next..].contains("n1 "), "{text}");
    assert_eq!(text.matches("The answer.").count(), 1, "{text}");
}

#[test]
fn a_prompt_stands_on_its_line_and_follows_it() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([edit(&desk, "two", "TWO"), Reply::Text("Done.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Change it." })).expect("ask");
    let (_, prompt) = editor.wait_diagnostic("permission");
    assert_eq!(prompt["range"]["start"]["line"], 1);
    editor.replace("a.txt", "one", "typed\nabove\none");
    // The answers are where the line is now; on other lines there are none.
    let titles =
        |line| actions(&editor, "a.txt", line).iter().map(|a| a["title"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    assert!(!titles(1).iter().any(|t| t.starts_with("Allow once")), "{:?}", titles(1));
    let here = titles(3);
    assert!(here[0].starts_with("Allow once") && here[1].starts_with("Deny") && here[2].starts_with("Always allow"), "{here:?}");
    pick(&editor, "a.txt", 3, "Allow once");
    editor.idle_after(before);
    editor.wait_text("a.txt", "typed\nabove\none\nTWO\nthree\n");
    assert!(editor.diagnostics("a.txt").iter().all(|d| d["code"] != "permission"), "the prompt is still shown");
}

#[test]
fn a_denied_edit_changes_nothing_and_a_late_answer_is_no_yes() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([edit(&desk, "two", "TWO")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Change it." })).expect("ask");
    let (_, prompt) = editor.wait_diagnostic("permission");
    let id = prompt["data"]["id"].clone();
    pick(&editor, "a.txt", 1, "Deny");
    editor.idle_after(before);
    assert!(editor.command("interline.permit", json!({ "id": id, "reply": "once" })).is_err(), "a settled prompt was answered again");
    assert_eq!(editor.text("a.txt"), "one\ntwo\nthree\n");
    assert!(editor.take_messages().iter().any(|m| m.contains("rejected")), "the reason of the stop");
}

#[test]
fn questions_are_answered_by_a_code_action_or_in_the_chat() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let option = |label: &str| json!({ "label": label, "description": "" });
    let question = |words: &str, labels: [&str; 2]| json!({ "question": words, "header": "", "options": labels.map(option) });
    let questions = [question("Which colour?", ["Red", "Blue"]), question("Which size?", ["Big", "Small"])];
    model.script([Reply::Call("question", json!({ "questions": questions })), Reply::Text("Done.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    open_chat(&editor);
    editor.open("a.txt", None);
    let before = editor.begun();
    let at = json!({ "line": 1, "character": 0 });
    editor
        .command("interline.ask", json!({ "text": "Go.", "uri": editor.uri("a.txt"), "range": { "start": at, "end": at } }))
        .expect("ask");
    editor.wait_marks("a.txt", "question", &[1]);
    assert!(editor.command("interline.answer", Value::Null).is_err_and(|e| e.to_string().contains("Which colour?")));
    pick(&editor, "a.txt", 1, "Answer: Blue");
    editor.wait_holds(CHAT, "Answer by a code action");
    let titles: Vec<_> = actions(&editor, "a.txt", 1).iter().filter_map(|a| a["title"].as_str().map(str::to_owned)).collect();
    assert_eq!(titles[..3], ["Answer: Big", "Answer: Small", "Do not answer: Which size?"]);
    let text = editor.text(CHAT);
    let tail = text[text.find("> Answer by").expect("the question")..].to_owned();
    editor.replace(CHAT, &tail, &format!("{}\n\nas large as a house\n", tail.trim_end()));
    pick(&editor, CHAT, 0, "Send");
    editor.idle_after(before);
    editor.wait_marks("a.txt", "question", &[]);
    let told = model.request(2).to_string();
    assert!(told.contains("Blue") && told.contains("as large as a house"), "{told}");
    assert!(editor.command("interline.answer", json!({ "answers": [["Red"]] })).is_err(), "a settled question was answered again");
}

#[test]
fn a_question_that_is_refused_ends_the_turn() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Call("question", json!({ "questions": [{ "question": "Why?", "header": "", "options": [] }] }))]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Go." })).expect("ask");
    let (_, question) = editor.wait_diagnostic("question");
    editor.command("interline.answer", json!({ "id": question["data"]["id"], "answers": [] })).expect("refused");
    editor.idle_after(before);
    assert!(editor.diagnostics(CHAT).is_empty(), "the question is still shown");
    assert!(editor.take_messages().iter().any(|m| m.contains("rejected")), "the reason of the stop");
}

#[test]
fn undo_takes_the_agents_text_back_and_leaves_the_users() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([edit(&desk, "two", "TWO\nTWO-B"), Reply::Text("Done.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Change it." })).expect("ask");
    assert_eq!(editor.wait_diagnostic("permission").1["range"]["start"]["line"], 1);
    editor.command("interline.permit", json!({ "reply": "once" })).expect("permit");
    editor.idle_after(before);
    editor.replace("a.txt", "three", "three, typed since");
    let report = editor.command("interline.undo", Value::Null).expect("undo");
    assert_eq!(report["changed"], json!(["a.txt"]));
    editor.wait_text("a.txt", "one\ntwo\nthree, typed since\n");
    assert!(editor.wait_message().contains("Undone: a.txt"));
    editor.command("interline.redo", Value::Null).expect("redo");
    editor.wait_text("a.txt", "one\nTWO\nTWO-B\nthree, typed since\n");
    assert!(editor.wait_message().contains("Redone: a.txt"));
}

#[test]
fn an_ai_comment_in_unsaved_text_can_be_carried_out() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Text("It is one.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    editor.replace("a.txt", "two", "# why is this two? AI?");
    let before = editor.begun();
    pick(&editor, "a.txt", 1, "answer it (AI? comment)");
    editor.idle_after(before);
    let asked = model.request(1).to_string();
    assert!(asked.contains("why is this two?"), "{asked}");
    // Asked from a menu: the chat is shown, with question and answer.
    let chat = editor.text(CHAT);
    assert!(chat.contains("`a.txt:2`") && chat.contains("It is one."), "{chat}");
}
