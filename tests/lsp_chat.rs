//! The chat buffer while its user does as they please: writes on, closes it, removes its headings.
//!
//! Must not know how often or by which edits an answer gets into the chat; its text is looked at.
//!
//! **Invariant:** each test ends with the whole text of the chat, as its user sees it.

use std::sync::{Arc, Barrier};

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

const CHAT: &str = ".interline/chat.md";

fn desk(model: &ScriptedModel) -> Desk {
    let desk = Desk::with_model(model, &json!({ "edit": "allow" }));
    desk.write("project/a.txt", "one\n");
    desk
}

fn open_chat(editor: &FakeEditor) {
    editor.command("interline.chat", Value::Null).unwrap_or_else(|e| panic!("the chat: {e}"));
    editor.wait_holds(CHAT, "## You");
}

fn send(editor: &FakeEditor) {
    editor.command("interline.send", Value::Null).unwrap_or_else(|e| panic!("send: {e}"));
}

/// Types at the end, and sends.
fn send_next(editor: &FakeEditor, words: &str) {
    // In one step: the chat may be written to at the same time.
    editor.type_at_end(CHAT, &format!("{words}\n"));
    send(editor);
}

/// An answer of which the first half stands in the chat; the second comes at the barrier.
fn half_an_answer(model: &ScriptedModel, editor: &FakeEditor) -> Arc<Barrier> {
    let barrier = Arc::new(Barrier::new(2));
    model.script([Reply::Halves("First half,", Arc::clone(&barrier), " second half.")]);
    open_chat(editor);
    editor.replace(CHAT, "## You\n\n", "## You\n\nQuestion.\n");
    send(editor);
    editor.wait_holds(CHAT, "First half,");
    barrier
}

#[test]
fn an_answer_goes_on_in_its_own_section_when_the_next_message_is_sent() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    let barrier = half_an_answer(&model, &editor);
    model.script([Reply::Text("To the next.")]);
    send_next(&editor, "Next.");
    barrier.wait();
    let want = "# Interline\n\n## You\n\nQuestion.\n\n## Interline\n\nFirst half, second half.\n\n## You\n\nNext.\n\n## Interline\n\nTo the next.\n\n## You\n\n";
    editor.wait_text(CHAT, want);
    editor.idle_after(before);
}

#[test]
fn a_question_and_its_answer_wait_for_an_editor_that_is_slow_to_show_the_chat() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Text("An answer.")]);
    let editor = FakeEditor::start(&desk, Mode::Lenient);
    editor.be_slow_to_show();
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Question.", "show": true })).expect("ask");
    editor.idle_after(before);
    editor.open(CHAT, None);
    editor.wait_text(CHAT, "# Interline\n\n## You\n\nQuestion.\n\n## Interline\n\nAn answer.\n\n## You\n\n");
}

#[test]
fn a_chat_that_was_closed_gets_the_rest_when_it_is_opened_again() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    let barrier = half_an_answer(&model, &editor);
    editor.save(CHAT);
    editor.close(CHAT);
    barrier.wait();
    editor.idle_after(before);
    open_chat(&editor);
    editor.wait_text(CHAT, "# Interline\n\n## You\n\nQuestion.\n\n## Interline\n\nFirst half, second half.\n\n## You\n\n");
}

#[test]
fn a_chat_that_is_opened_late_shows_what_was_said() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let ask = |text: &str| editor.command("interline.ask", json!({ "text": text })).unwrap_or_else(|e| panic!("{text}: {e}"));
    model.script([Reply::Text("To the first.")]);
    let before = editor.begun();
    ask("First.");
    editor.idle_after(before);
    let barrier = Arc::new(Barrier::new(2));
    model.script([Reply::Halves("Half an answer,", Arc::clone(&barrier), " and half."), Reply::Text("To the third.")]);
    let before = editor.begun();
    ask("Second.");
    let _begun = model.request(2);
    ask("Third, amid the second.");
    open_chat(&editor);
    let so_far = "# Interline\n\n## You\n\nFirst.\n\n## Interline\n\nTo the first.\n\n## You\n\nSecond.\n\n## Interline\n\nHalf an answer,";
    editor.wait_holds(CHAT, so_far);
    barrier.wait();
    editor.idle_after(before);
    let end = "## You\n\nThird, amid the second.\n\n## Interline\n\nTo the third.\n\n## You\n\n";
    editor.wait_text(CHAT, &format!("{so_far} and half.\n\n{end}"));
}

#[test]
fn a_heading_to_write_under_comes_back_at_the_end() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let before = editor.begun();
    let barrier = half_an_answer(&model, &editor);
    let text = editor.text(CHAT);
    editor.replace(CHAT, &text, &text[..text.rfind("## You").unwrap_or_default()]);
    barrier.wait();
    editor.idle_after(before);
    editor.wait_text(CHAT, "# Interline\n\n## You\n\nQuestion.\n\n## Interline\n\nFirst half, second half.\n\n## You\n\n");
}

#[test]
fn a_chat_keeps_its_line_ends() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    desk.write(&format!("project/{CHAT}"), "## You\r\n\r\nOne.\r\nTwo.\r\n");
    model.script([Reply::Text("Three.\nFour.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    open_chat(&editor);
    let before = editor.begun();
    send(&editor);
    editor.idle_after(before);
    editor.wait_text(CHAT, "## You\r\n\r\nOne.\r\nTwo.\r\n\r\n## Interline\r\n\r\nThree.\r\nFour.\r\n\r\n## You\r\n\r\n");
    assert!(model.request(1).to_string().contains(r"One.\nTwo."), "the message has line ends of its own");
}

#[test]
fn slash_commands_are_answered_in_words() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let edit = json!({ "filePath": desk.at("project/a.txt"), "oldString": "one", "newString": "two" });
    model.script([Reply::Call("edit", edit), Reply::Text("Done.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    editor.ask("Change it.");
    open_chat(&editor);
    for (command, words) in [
        ("/undo", "## Interline\n\nUndone: a.txt.\n"),
        ("/model", "- `mock/test`\n"),
        ("/agent", "- `plan`\n"),
        ("/models nowhere", "/models: there are none."),
    ] {
        send_next(&editor, command);
        editor.wait_holds(CHAT, words);
    }
    assert!(editor.wait_message().contains("Undone: a.txt"));
    let refused = editor.command("interline.ask", json!({ "text": "/fork nothing" })).expect_err("there is no such message");
    assert!(refused["message"].as_str().is_some_and(|words| words.starts_with("there is no message nothing")), "{refused}");
}

#[test]
fn a_prompt_is_denied_in_the_chat_with_a_reason() {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({ "edit": "ask" }));
    desk.write("project/a.txt", "one\n");
    let edit = json!({ "filePath": desk.at("project/a.txt"), "oldString": "one", "newString": "two" });
    model.script([Reply::Call("edit", edit), Reply::Text("I see.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    open_chat(&editor);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Change it." })).expect("ask");
    editor.wait_marks("a.txt", "permission", &[0]);
    send_next(&editor, "/deny it is one of a kind");
    editor.idle_after(before);
    assert!(model.request(2).to_string().contains("it is one of a kind"), "the model was not told why");
    editor.wait_holds(CHAT, "I see.");
    assert_eq!(editor.text("a.txt"), "one\n");
}

#[test]
fn what_a_filter_withheld_is_told_once() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    model.script([Reply::Filtered("It begins")]);
    open_chat(&editor);
    editor.ask("Tell me.");
    assert!(editor.wait_message().contains("content filter"));
    editor.wait_holds(CHAT, "content filter");
    assert_eq!(editor.shut_down(), 0);
    assert_eq!(editor.take_messages(), Vec::<String>::new());
    assert_eq!(editor.text(CHAT).matches("content filter").count(), 1);
}

#[test]
fn a_cancelled_progress_ends_its_own_turn_alone() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    model.script([Reply::Hang("First")]);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "One." })).expect("ask");
    let token = editor.wait_progress();
    assert!(model.request(1).to_string().contains("One."));
    editor.notify("window/workDoneProgress/cancel", json!({ "token": token }));
    editor.idle_after(before);
    let barrier = Arc::new(Barrier::new(2));
    model.script([Reply::Halves("The second", Arc::clone(&barrier), " is whole.")]);
    open_chat(&editor);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Two." })).expect("ask");
    editor.wait_holds(CHAT, "The second");
    // The first one's once more, late.
    editor.notify("window/workDoneProgress/cancel", json!({ "token": token }));
    barrier.wait();
    editor.idle_after(before);
    editor.wait_holds(CHAT, "The second is whole.");
}

#[test]
fn an_editor_with_a_chat_of_its_own_gets_history_and_completion() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Plugin);
    let command = |name: &str, argument: Value| editor.command(name, argument).unwrap_or_else(|error| panic!("{name}: {error}"));
    let labels = |text: &str| {
        let offered = command("interline.complete", json!({ "text": text }));
        offered.as_array().into_iter().flatten().map(|item| item["label"].clone()).collect::<Vec<_>>()
    };
    assert!(labels("/").contains(&json!("compact")) && labels("see @a.").contains(&json!("a.txt")) && labels("see").is_empty());
    model.script([Reply::Text("An answer.")]);
    let before = editor.begun();
    let session = command("interline.ask", json!({ "text": "A question." }))["session"].clone();
    editor.idle_after(before);
    let told = command("interline.session.messages", json!({ "session": session }));
    assert_eq!(told["session"]["id"], session);
    let messages = told["messages"].to_string();
    assert!(messages.contains("A question.") && messages.contains("An answer."), "{messages}");
    assert!(editor.command("interline.session.messages", json!({ "session": "ses_none" })).is_err());
}

#[test]
fn the_list_of_what_is_to_be_done_stands_in_the_chat() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let todo = |content: &str, status: &str| json!({ "content": content, "status": status, "priority": "high" });
    let todos = [todo("Read\n## You", "completed"), todo("Paint", "in_progress"), todo("Sing", "cancelled"), todo("Rest", "pending")];
    model.script([Reply::Call("todowrite", json!({ "todos": todos })), Reply::Text("On it.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    open_chat(&editor);
    let before = editor.begun();
    send_next(&editor, "Paint the shed.");
    editor.idle_after(before);
    editor.wait_holds(CHAT, "- `todowrite` 2 todos\n  - [x] Read ## You\n  - [ ] Paint …\n  - [x] Sing (given up)\n  - [ ] Rest\n");
}

#[test]
fn where_the_user_was_before_the_chat_goes_with_what_is_asked_there() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let editor = FakeEditor::start(&desk, Mode::Plugin);
    editor.open("a.txt", Some("one\nunsaved two\n"));
    let range = json!({ "start": { "line": 1, "character": 0 }, "end": { "line": 1, "character": 11 } });
    editor.notify("interline/focus", json!({ "uri": editor.uri("a.txt"), "range": range }));
    open_chat(&editor);
    editor.notify("interline/focus", json!({ "uri": editor.uri(CHAT), "range": range }));
    let told = |number: usize, words: &str| {
        model.script([Reply::Text("So it is.")]);
        let before = editor.begun();
        send_next(&editor, words);
        editor.idle_after(before);
        model.request(number).as_array().and_then(|all| all.last()).map(ToString::to_string).unwrap_or_default()
    };
    let first = told(1, "What is this?");
    assert!(first.contains("selected lines 2-2 of a.txt") && first.contains("unsaved two"), "{first}");
    // A place that the message names counts.
    let second = told(2, "About `a.txt:1`: and this?");
    assert!(second.contains("selected lines 1-1 of a.txt"), "{second}");
    editor.notify("interline/focus", json!({ "uri": editor.uri("a.txt") }));
    let third = told(3, "Here?");
    assert!(third.contains("The cursor is at a.txt:1."), "{third}");
    editor.notify("interline/focus", json!({}));
    let fourth = told(4, "And now?");
    assert!(!fourth.contains("The cursor is at") && !fourth.contains("selected lines"), "{fourth}");
}

#[test]
fn sessions_are_named_found_and_written_down_from_the_chat() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Text("The parser fails on <b>.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.ask("What is wrong?");
    open_chat(&editor);
    for (command, words) in [
        ("/help", "- `/export` write this session to a file"),
        ("/rename The bug", "called \"The bug\" now"),
        ("/sessions PARSER", "` The bug (… The parser fails on <b>. …)"),
        ("/sessions nowhere", "/sessions: there are none."),
        ("/export", ".md`."),
        ("/share", ".html`. It is a page for any browser"),
        ("/fork", "The session is `ses_"),
    ] {
        send_next(&editor, command);
        editor.wait_holds(CHAT, words);
    }
    let folder = desk.at("project/.interline/exports");
    let mut written: Vec<_> = std::fs::read_dir(&folder).expect("exports").map(|entry| entry.expect("a file").path()).collect();
    written.sort();
    let [page, text] = written.try_into().expect("two files");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("text");
    assert!(read(&page).contains("fails on &lt;b&gt;.") && read(&text).starts_with("# The bug\n"));
}

#[test]
fn a_second_editor_sees_what_the_first_one_is_told_and_goes_on_afterwards() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let first = FakeEditor::start(&desk, Mode::Strict);
    let before = first.begun();
    let barrier = half_an_answer(&model, &first);
    // It is the last one of the project.
    let second = FakeEditor::start(&desk, Mode::Strict);
    second.open(CHAT, Some("## You\n\n"));
    second.command("interline.session.open", Value::Null).expect("the session is opened");
    second.wait_holds(CHAT, "> This session runs in another process");
    second.type_at_end(CHAT, "Me too.\n");
    let refused = second.command("interline.send", Value::Null).expect_err("it runs elsewhere");
    assert!(refused.to_string().contains("another process"), "{refused}");
    barrier.wait();
    first.idle_after(before);
    second.wait_holds(CHAT, "First half, second half.");
    second.wait_holds(CHAT, "you can go on here");
    model.script([Reply::Text("To both.")]);
    let before = second.begun();
    second.command("interline.ask", json!({ "text": "And now?" })).expect("ask");
    second.idle_after(before);
    let asked = model.request(2).to_string();
    assert!(
        asked.contains("Question.") && asked.contains("second half.") && asked.contains("And now?") && !asked.contains("Me too."),
        "{asked}"
    );
}

/// A message in which a whole chat stands.
const QUOTING: &str = "Why:\n\n```md\n# Interline\n\n## You\n\nq\n\n## Interline\n\na\n\n## You\n```\n\nthat?";
/// The same while it is typed: nobody has closed its block yet.
const HALF_QUOTED: &str = "Why:\n\n```md\n# Interline\n\n## You\n\nq\n\n## Interline\n\na";

#[test]
fn a_message_that_quotes_a_whole_chat_is_sent_whole_and_nothing_is_written_into_it() {
    for ends in ["\n", "\r\n"] {
        let model = ScriptedModel::start();
        let desk = desk(&model);
        let own = |text: &str| text.replace('\n', ends);
        desk.write(&format!("project/{CHAT}"), &own("## You\n\n"));
        model.script([Reply::Text("To it:\n\n```\nnot closed"), Reply::Text("To that.")]);
        let editor = FakeEditor::start(&desk, Mode::Strict);
        open_chat(&editor);
        editor.type_at_end(CHAT, &own(QUOTING));
        let before = editor.begun();
        editor.ask("Elsewhere.");
        editor.idle_after(before);
        let so_far = "## You\n\nElsewhere.\n\n## Interline\n\nTo it:\n\n```\nnot closed";
        editor.wait_text(CHAT, &own(&format!("{so_far}\n\n## You\n\n{QUOTING}")));
        let before = editor.begun();
        send(&editor);
        editor.idle_after(before);
        editor.wait_text(CHAT, &own(&format!("{so_far}\n\n## You\n\n{QUOTING}\n\n## Interline\n\nTo that.\n\n## You\n\n")));
        assert!(model.request(2).to_string().contains(&json!(QUOTING).to_string()), "the whole message is sent");
    }
}

#[test]
fn an_answer_stays_out_of_a_chat_that_is_quoted_below_it() {
    for first in ["First half,", "First:\n\n```rust\nlet half,"] {
        let model = ScriptedModel::start();
        let desk = desk(&model);
        let barrier = Arc::new(Barrier::new(2));
        model.script([Reply::Halves(first, Arc::clone(&barrier), " second half."), Reply::Text("To it.")]);
        let editor = FakeEditor::start(&desk, Mode::Strict);
        open_chat(&editor);
        let before = editor.begun();
        send_next(&editor, "Question.");
        editor.wait_holds(CHAT, first);
        editor.type_at_end(CHAT, HALF_QUOTED);
        barrier.wait();
        editor.idle_after(before);
        let so_far = format!("# Interline\n\n## You\n\nQuestion.\n\n## Interline\n\n{first} second half.\n\n");
        editor.wait_text(CHAT, &format!("{so_far}## You\n\n{HALF_QUOTED}"));
        let before = editor.begun();
        editor.ask("Elsewhere.");
        editor.idle_after(before);
        editor.wait_text(CHAT, &format!("{so_far}## You\n\nElsewhere.\n\n## Interline\n\nTo it.\n\n## You\n\n{HALF_QUOTED}"));
    }
}

#[test]
fn a_block_that_a_message_leaves_open_ends_above_its_answer() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Text("An `x`:\n\n```rust\nlet x;\n```"), Reply::Text("To the next.")]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    open_chat(&editor);
    for message in ["Why?\n\n~~~~\nopen\n", "```\nnew\n```\n"] {
        let before = editor.begun();
        editor.type_at_end(CHAT, message);
        send(&editor);
        editor.idle_after(before);
    }
    let first = "# Interline\n\n## You\n\nWhy?\n\n~~~~\nopen\n~~~~\n\n## Interline\n\nAn `x`:\n\n```rust\nlet x;\n```\n\n";
    editor.wait_text(CHAT, &format!("{first}## You\n\n```\nnew\n```\n\n## Interline\n\nTo the next.\n\n## You\n\n"));
    let last = |request: Value| request.as_array().and_then(|all| all.last().cloned()).unwrap_or_default().to_string();
    let (one, two) = (last(model.request(1)), last(model.request(2)));
    assert!(one.contains(r"~~~~\nopen") && !one.contains(r"open\n~~~~"), "{one}");
    assert!(two.contains(r"```\nnew\n```") && !two.contains("Why?"), "{two}");
}

#[test]
fn a_heading_that_the_model_writes_in_pieces_is_none() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let barrier = Arc::new(Barrier::new(2));
    let pieces = ["Like so:\n\n##", " You\n\nhello\n\n## Inter", "line\n\nthere\n\n## You", "r part\n\n#"];
    model.script([Reply::Pieces(pieces.map(str::to_owned).to_vec(), Arc::clone(&barrier))]);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    open_chat(&editor);
    let before = editor.begun();
    send_next(&editor, "Question.");
    for shown in ["Like so:", "hello", "there"] {
        editor.wait_holds(CHAT, shown);
        barrier.wait();
    }
    editor.idle_after(before);
    let answer = "Like so:\n\n\\## You\n\nhello\n\n\\## Interline\n\nthere\n\n## Your part\n\n#";
    editor.wait_text(CHAT, &format!("# Interline\n\n## You\n\nQuestion.\n\n## Interline\n\n{answer}\n\n## You\n\n"));
}

#[test]
fn an_old_output_that_the_model_is_told_no_more_stands_in_the_chat_once() {
    const CALLS: usize = 6;
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!("allow"));
    let mut config: Value = serde_json::from_str(&desk.read("interline.json")).expect("JSON");
    config["compaction"] = json!({ "prune": true });
    desk.write("interline.json", &config.to_string());
    let call = Reply::Call("bash", json!({ "command": "seq -f %044.0f 1000", "description": "counts" }));
    model.script(std::iter::repeat_n(call, CALLS).chain([Reply::Text("First."), Reply::Text("Second."), Reply::Text("Third.")]));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    open_chat(&editor);
    for words in ["One.", "Two.", "Three."] {
        let before = editor.begun();
        send_next(&editor, words);
        editor.idle_after(before);
    }
    // The next request shows that they were left out when the last turn ended.
    model.script([Reply::Text("Fourth.")]);
    let before = editor.begun();
    send_next(&editor, "Four.");
    editor.idle_after(before);
    let told = model.request(CALLS + 4).to_string();
    assert!(told.contains("is old and was left out"), "{told}");
    let calls = format!("- `bash` seq -f %044.0f 1000 → `{:044}`\n\n", 1000).repeat(CALLS);
    let rest = ["Second.\n\n## You\n\nThree.", "Third.\n\n## You\n\nFour.", "Fourth.\n\n## You\n\n"].join("\n\n## Interline\n\n");
    let want = format!("# Interline\n\n## You\n\nOne.\n\n## Interline\n\n{calls}First.\n\n## You\n\nTwo.\n\n## Interline\n\n{rest}");
    editor.wait_text(CHAT, &want);
}
