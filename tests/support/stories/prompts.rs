//! Prompts and questions.
//!
//! **Invariant:** as for all stories, only what a person can see is asserted.

use super::*;

const FUNCTION: &str = "function area";

/// Two edits that each ask.
fn two_edits(editor: Editor) -> (Stage, Person) {
    let stage = Stage::new(editor, "ask");
    stage.model.script([stage.edit(FILE, OLD, NEW), stage.edit(FILE, FUNCTION, "function surface"), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").back(FILE).see_prompt(OLD).see(OLD);
    (stage, person)
}

/// An edit is allowed; the next one asks again.
pub fn permit_once(editor: Editor) {
    let (stage, person) = two_edits(editor);
    person.allow(2).see(NEW).see_prompt(FUNCTION).see(FUNCTION).allow(1).see("function surface");
    assert_eq!(stage.read(FILE), BEFORE);
    person.leave("qa!");
}

/// Edits are allowed for good; the next one does not ask.
pub fn permit_always(editor: Editor) {
    let (_stage, person) = two_edits(editor);
    person.allow_always(2).see(NEW).see("function surface");
    person.leave("qa!");
}

/// An edit is refused; the model is told why, and goes on.
pub fn deny_with_reason(editor: Editor) {
    let stage = Stage::new(editor, "ask");
    stage.model.script([stage.edit(FILE, OLD, NEW), Reply::Text("I leave it then.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").back(FILE).see_prompt(OLD).deny("use tau instead").see("I leave it then.");
    told(&stage.model.request(2), "use tau instead");
    person.back(FILE).see(OLD);
    person.leave("qa!");
}

/// The agent asks, and is answered.
pub fn question(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    let option = |label: &str| json!({ "label": label, "description": "" });
    let question = json!({ "question": "Which pi?", "header": "Pi", "options": [option("Exact"), option("Rough")] });
    stage.model.script([Reply::Call("question", json!({ "questions": [question] })), Reply::Text("So be it.")]);
    let person = stage.person(editor);
    person.ask("Improve it.").see("Which pi?").answer("Rough").see("So be it.");
    told(&stage.model.request(2), "Answer: Rough");
    person.leave("qa!");
}
