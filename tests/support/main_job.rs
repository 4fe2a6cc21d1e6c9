//! The main job, end to end, as a person does it in a real editor: the one story that the tests of both editors tell.
//!
//! Must not know an editor's keys, those are the [`Person`]'s; must not look at the protocol.
//!
//! **Invariant:** only what a person can see is asserted: screens and files. And what the model was told.

use serde_json::json;

use crate::{
    editors::{Desk, Editor, Person},
    scripted_model::{Reply, ScriptedModel},
};

const FILE: &str = "project/circle.lua";
const BEFORE: &str = "function area(r)\n  return 3 * r * r\nend\n";
const OLD: &str = "3 * r * r";
const NEW: &str = "math.pi * r ^ 2";
const UNSAVED: &str = "  -- not saved yet";

/// A desk with a small project, Interline set up as the README says, and our model.
#[must_use]
pub fn desk(editor: Editor, model: &ScriptedModel) -> Desk {
    let desk = Desk::with_model(model, &json!({ "edit": "ask", "bash": "allow" }));
    desk.write(FILE, BEFORE).setup(editor);
    desk
}

/// Ask about unsaved code, allow the edit on its line, see it land, let the shell see the unsaved text, undo, redo, save.
///
/// # Panics
/// At the first thing that is not as it should be, with the screen.
pub fn ask_allow_undo_save(editor: Editor) {
    let model = ScriptedModel::start();
    let desk = desk(editor, &model);
    let file = desk.at(FILE).display().to_string();
    model.script([
        Reply::Call("edit", json!({ "filePath": file, "oldString": OLD, "newString": NEW })),
        Reply::Call("bash", json!({ "command": "cat circle.lua", "description": "Shows the file" })),
        Reply::Text("The area is exact now."),
    ]);

    let person = Person::open(editor, &desk, "circle.lua");
    person.see(OLD).ready().show_chat().show("circle.lua").see(OLD);
    person.keys("2G").insert("A", UNSAVED).pick_on_line("explain this");
    let asked = model.request(1).to_string();
    assert!(asked.contains(UNSAVED), "the model was not told of the unsaved text: {asked}");

    // The prompt stands on the line that the edit is about, and nothing changes without a yes.
    person.show("circle.lua").see_mark_on(OLD);
    person.keys("2G").pick("Allow once");
    person.see(NEW).miss(OLD);

    // The shell sees what is on the screen.
    let told = model.request(3).to_string();
    assert!(told.contains(UNSAVED) && told.contains(NEW), "the shell saw another text: {told}");
    person.show(".interline/chat.md").see("The area is exact now.").show("circle.lua").see(NEW);

    // One `u` takes back the edit and nothing else.
    person.keys("u").see(OLD).see(UNSAVED);
    person.redo().see(NEW);
    person.command("w").see("written");
    assert_eq!(desk.read(FILE), BEFORE.replace(OLD, &format!("{NEW}{UNSAVED}")));
    person.leave("qa!");
}

/// Leave in the middle of a turn; come back, and go on with that conversation.
///
/// # Panics
/// At the first thing that is not as it should be, with the screen.
pub fn leave_and_resume(editor: Editor) {
    let model = ScriptedModel::start();
    let desk = desk(editor, &model);
    model.script([Reply::Hang("It is the area of "), Reply::Text("A circle, as I said.")]);

    let person = Person::open(editor, &desk, "circle.lua");
    person.see(OLD).ready().show_chat().show("circle.lua").see(OLD);
    person.keys("2G").pick_on_line("explain this").show(".interline/chat.md").see("It is the area of");
    let first = model.request(1);
    person.leave("qa!");
    assert_eq!(desk.read(FILE), BEFORE);

    let person = Person::open(editor, &desk, "circle.lua");
    person.see(OLD).ready().keys("2G").server_command("interline.session.open");
    person.pick_on_line("explain this");
    let again = model.request(2);
    let question = first.as_array().and_then(|messages| messages.last()).expect("a question");
    let again = again.to_string();
    assert!(again.contains(&question.to_string()), "the conversation was not taken up: {again}");
    assert!(again.contains("It is the area of"), "what was said before the end is lost: {again}");
    person.leave("qa!");
}
