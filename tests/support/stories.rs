//! The behaviours of the matrix, each as a person does it in a real editor.
//!
//! Must not know an editor's keys, those are the [`Person`]'s; must not look at the protocol.
//!
//! **Invariant:** only what a person can see is asserted: screens and files. And what the model was told.

use std::sync::{Arc, Barrier};
use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    editors::{Desk, Editor, Person},
    scripted_model::{Reply, ScriptedModel},
    terminal::{ENTER, ESC, PATIENCE},
};

pub mod changes;
pub mod prompts;

const FILE: &str = "circle.lua";
const BEFORE: &str = "function area(r)\n  return 3 * r * r\nend\n";
const OLD: &str = "3 * r * r";
const NEW: &str = "math.pi * r ^ 2";
const OTHER: &str = "square.lua";
const OTHER_BEFORE: &str = "return side * side\n";
const UNSAVED: &str = "  -- not saved yet";

/// A model, and a desk with two files of which the first is about to be opened.
struct Stage {
    model: ScriptedModel,
    desk: Desk,
}

impl Stage {
    fn new(editor: Editor, edits: &str) -> Self {
        let model = ScriptedModel::start();
        let desk = Desk::with_model(&model, &json!({ "edit": edits, "bash": "allow" }));
        Self { model, desk }.set(editor)
    }

    fn set(self, editor: Editor) -> Self {
        self.desk.write(&format!("project/{FILE}"), BEFORE).write(&format!("project/{OTHER}"), OTHER_BEFORE).setup(editor);
        self
    }

    /// Somebody at the first file, in its second line.
    fn person(&self, editor: Editor) -> Person {
        let person = Person::open(editor, &self.desk, FILE);
        person.settle(FILE, OLD).keys("2G");
        person
    }

    /// The agent's edit of a file.
    fn edit(&self, file: &str, old: &str, new: &str) -> Reply {
        let path = self.desk.at("project").join(file);
        Reply::Call("edit", json!({ "filePath": path, "oldString": old, "newString": new }))
    }

    fn read(&self, file: &str) -> String {
        self.desk.read(&format!("project/{file}"))
    }
}

fn told(request: &Value, words: &str) {
    assert!(request.to_string().contains(words), "the model was not told {words:?}: {request:#}");
}

/// Ask about selected lines.
pub fn ask_from_selection(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([Reply::Text("It is the area of a circle.")]);
    let person = stage.person(editor);
    person.ask("What is this?").see("It is the area of a circle.");
    told(&stage.model.request(1), "selected lines 2-2 of circle.lua");
    told(&stage.model.request(1), OLD);
    person.leave("qa!");
}

/// Write in the chat, and send it.
pub fn ask_from_chat(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([Reply::Text("A bit more than three.")]);
    let person = stage.person(editor);
    person.go_to_chat().send("What is pi?").see("A bit more than three.");
    told(&stage.model.request(1), "What is pi?");
    person.leave("qa!");
}

/// The first half of an answer is in view before the second has been said.
pub fn stream(editor: Editor) {
    let (stage, barrier) = half_an_answer(editor);
    let person = stage.person(editor);
    person.ask("What is this?").see("It is the area").miss("of a circle.");
    barrier.wait();
    person.see("of a circle.");
    person.leave("qa!");
}

/// The editor's own place for progress says that a turn runs, and then no more.
pub fn progress(editor: Editor) {
    let (stage, barrier) = half_an_answer(editor);
    let person = stage.person(editor);
    person.ask("What is this?").see("It is the area").see_running();
    barrier.wait();
    person.see("of a circle.").see_ended();
    person.leave("qa!");
}

fn half_an_answer(editor: Editor) -> (Stage, Arc<Barrier>) {
    let (stage, barrier) = (Stage::new(editor, "allow"), Arc::new(Barrier::new(2)));
    stage.model.script([Reply::Halves("It is the area", Arc::clone(&barrier), " of a circle.")]);
    (stage, barrier)
}

/// A turn is stopped in mid answer.
pub fn cancel(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([Reply::Hang("It is the area")]);
    let person = stage.person(editor);
    person.ask("What is this?").see("It is the area").cancel().see("Cancelled.");
    person.leave("qa!");
}

/// What other servers or linters say goes to the model.
pub fn diagnostics(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.desk.add_linter(editor, "3 *");
    stage.model.script([Reply::Text("Indeed.")]);
    let person = Person::open(editor, &stage.desk, FILE);
    person.settle(FILE, OLD).keys("2G").see_mark_on(OLD).fix().see("Indeed.");
    told(&stage.model.request(1), "line 2: [linter] this looks wrong");
    person.leave("qa!");
}

/// What the editor's own servers say of the agent's edit is pushed to the agent, and told with the edit's result.
pub fn diagnostics_pushed(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.desk.add_linter(editor, "tau");
    stage.model.script([stage.edit(FILE, OLD, "tau / 2 * r * r"), Reply::Text("Indeed.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").see_last("Indeed.");
    told(&stage.model.request(2), r"WARNING [2:10] this looks wrong (linter)\neditor: fresh");
    diagnostics(editor);
    person.leave("qa!");
}

/// What the editor's own servers say of the agent's edit, in an editor that names it only when it asks what can be done there (Helix): it is told
/// before the turn ends.
pub fn diagnostics_shown(editor: Editor) {
    let (stage, barrier) = (Stage::new(editor, "allow"), Arc::new(Barrier::new(2)));
    stage.desk.add_linter(editor, "error:TAU");
    let Reply::Call(tool, arguments) = stage.edit(OTHER, "side * side", "side ^ 2") else { unreachable!("it is a call") };
    let again = Reply::Held(Arc::clone(&barrier), tool, arguments);
    stage.model.script([stage.edit(FILE, OLD, "TAU / 2 * r * r"), again, Reply::Text("Done."), Reply::Text("It stays.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").back(FILE).see("TAU / 2").see_mark_on("TAU / 2");
    // The linter's words stand beside what is searched for; the list of what can be done is looked at, and nothing is taken.
    person.keys(&format!("/TAU{ENTER}")).see("this looks wrong").keys(" a").see("accept this change").keys(ESC).miss("accept this change");
    barrier.wait();
    let asked = stage.model.request(4);
    told(&asked, "Before you end your turn");
    told(&asked, "this looks wrong (linter)");
    person.see_ended();
    person.leave("qa!");
}

/// What is wrong with the agent's own edit is told with its result, by a language server that the agent has started.
pub fn diagnostics_of_own_edit(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.desk.add_own_linter("tau");
    stage.model.script([stage.edit(FILE, OLD, "tau / 2 * r * r"), Reply::Text("Indeed.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").see_last("Indeed.");
    told(&stage.model.request(2), "this looks wrong");
    person.leave("qa!");
}

/// A command sees what is on the screen, and the file can be saved afterwards.
pub fn shell_sees_saved(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    let look = json!({ "command": "cat circle.lua", "description": "Shows the file" });
    stage.model.script([Reply::Call("bash", look), Reply::Text("So it is.")]);
    let person = stage.person(editor);
    person.insert("A", UNSAVED).ask("Run it.").see("So it is.");
    told(&stage.model.request(2), UNSAVED);
    person.back(FILE).see(UNSAVED).command("w").see("written");
    assert_eq!(stage.read(FILE), BEFORE.replace(OLD, &format!("{OLD}{UNSAVED}")));
    person.leave("qa!");
}

/// A file whose kind the editor does not know is open like any other: its unsaved text is what the agent sees and changes.
pub fn file_of_no_kind(editor: Editor, name: &str) {
    let stage = Stage::new(editor, "allow");
    stage.desk.write(&format!("project/{name}"), "buy milk\n");
    stage.model.script([stage.edit(name, &format!("milk{UNSAVED}"), "bread"), Reply::Text("Done.")]);
    let person = Person::open(editor, &stage.desk, name);
    person.settle(name, "buy milk").insert("A", UNSAVED).ask("Change it.").see_last("Done.").back(name).see("buy bread");
    assert_eq!(stage.read(name), "buy milk\n");
    person.leave("qa!");
}

/// Set up as a newcomer's, Helix saves what the agent changes in a buffer that is not shown; the change is still taken back by one key.
pub fn hidden_buffer_is_saved() {
    let stage = Stage::new(Editor::Helix, "allow");
    stage.desk.setup_by(&["helix"]);
    stage.model.script([stage.edit(OTHER, "side * side", "side ^ 2"), Reply::Text("Done.")]);
    let person = stage.person(Editor::Helix);
    person.show(OTHER).see("side * side").back(FILE).see(OLD).ask("Make it short.").see_last("Done.");
    // Helix moves a file away while it writes it.
    let holds = |text: &str| std::fs::read_to_string(stage.desk.at("project").join(OTHER)).is_ok_and(|now| now == text);
    until(|| holds("return side ^ 2\n"));
    person.back(OTHER).see("side ^ 2").keys("u").see("side * side");
    until(|| holds(OTHER_BEFORE));
    person.leave("qa!");
}

/// Looks again and again: a file sends no events.
fn until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain for a file");
        std::thread::yield_now();
    }
}

/// Slash commands and names of files are completed in the chat.
pub fn completion(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.desk.write("project/zebra.txt", "stripes\n");
    let person = stage.person(editor);
    person.go_to_chat().keys("A").complete("/comp", "compact").end_insert();
    person.keys("A").keys(" @ze").wait_for("what was typed", |screen| screen.has("@ze"));
    person.complete("", "zebra.txt").end_insert();
    person.leave("qa!");
}

/// Leave in the middle of a turn; come back, and go on with that conversation.
pub fn resume(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([Reply::Hang("It is the area of "), Reply::Text("A circle, as I said.")]);
    let person = stage.person(editor);
    person.ask("What is this?").see("It is the area of");
    let first = stage.model.request(1);
    person.leave("qa!");
    let person = Person::open(editor, &stage.desk, FILE);
    person.see(OLD).ready().keys("2G").resume().ask("Of what?").see("A circle, as I said.");
    let question = first.as_array().and_then(|messages| messages.last()).expect("a question");
    let again = stage.model.request(2);
    told(&again, &question.to_string());
    told(&again, "It is the area of");
    person.leave("qa!");
}
