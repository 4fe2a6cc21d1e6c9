//! A configuration that changes while Interline runs: what counts from the next message on, what waits for the user, and what is told.
//!
//! Must not know how a change is noticed; files are written as a user or an agent writes them.
//!
//! **Invariant:** nothing that an agent, or a mistake, puts into a configuration allows it more than before.

use std::sync::{Arc, Barrier};

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

const FILE: &str = "project/opencode.json";

/// A desk with these rules in the project's own file.
fn desk(model: &ScriptedModel, rules: &Value) -> Desk {
    let desk = Desk::with_model(model, &json!({}));
    desk.write(FILE, &json!({ "permission": rules }).to_string());
    desk
}

fn bash(command: &str) -> Reply {
    Reply::Call("bash", json!({ "command": command, "description": "Try" }))
}

fn write(desk: &Desk, name: &str, text: &Value) -> Reply {
    Reply::Call("write", json!({ "filePath": desk.at(name), "content": text.to_string() }))
}

/// What the model was told of its last call, in the request with this number.
fn result(model: &ScriptedModel, number: usize) -> String {
    let messages = model.request(number);
    let mut results = messages.as_array().into_iter().flatten().filter(|message| message["role"] == "tool");
    results.next_back().map(|result| result["content"].to_string()).unwrap_or_default()
}

#[test]
fn what_the_user_changes_between_two_messages_counts_for_the_second() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({ "bash": "deny" }));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let check = |what: &str, file: &str, text: String| {
        desk.write(file, &text);
        model.script([Reply::Text("Yes.")]);
        editor.ask(what);
        let told = editor.wait_message();
        let name = file.trim_start_matches("project/").trim_end_matches("/ship.md");
        assert!(told.contains(name) && told.contains("counts from the next message on"), "{what}: {told}");
    };
    let tools = |number: usize| model.body(number)["tools"].to_string();
    model.script([Reply::Text("Hello.")]);
    editor.ask("First.");
    assert!(!tools(1).contains("\"bash\""), "{}", tools(1));
    check("A rule.", FILE, json!({ "permission": { "bash": "allow" } }).to_string());
    assert!(tools(2).contains("\"bash\""), "{}", tools(2));
    check("/ship now", "project/.opencode/command/ship.md", "Ship it, $1.\n".into());
    assert!(model.request(3).to_string().contains("Ship it, now."), "{}", model.request(3));
    check(
        "Another agent.",
        FILE,
        json!({ "permission": { "bash": "allow" }, "default_agent": "brief", "agent": { "brief": { "prompt": "BE BRIEF" } } }).to_string(),
    );
    assert!(model.body(4)["messages"].to_string().contains("BE BRIEF"), "{}", model.body(4));
    let models = json!({ "mock": { "models": { "other": { "tool_call": true } } } });
    check("Another model.", FILE, json!({ "model": "mock/other", "provider": models }).to_string());
    assert_eq!(model.body(5)["model"], "other");
    check("Rules in words.", FILE, json!({ "model": "mock/other", "provider": models, "instructions": ["STYLE.md"] }).to_string());
    desk.write("project/STYLE.md", "WRITE IN RHYMES");
    model.script([Reply::Text("Yes.")]);
    editor.ask("In rhymes.");
    assert!(model.body(7)["messages"].to_string().contains("WRITE IN RHYMES"), "{}", model.body(7));
    assert_eq!(editor.take_messages(), Vec::<String>::new());
}

#[test]
fn what_there_is_to_choose_is_what_there_is_now() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({}));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    model.script([Reply::Text("Hello.")]);
    editor.ask("First.");
    desk.write("project/.opencode/agent/brief.md", "---\nmode: primary\n---\nBE BRIEF\n");
    let agents = editor.command("interline.agent", json!({})).expect("the agents");
    assert!(agents.to_string().contains("brief"), "{agents}");
    assert!(editor.wait_message().contains("counts from the next message on"));
    desk.write("project/.opencode/command/ship.md", "Ship it.\n");
    let offered = editor.command("interline.complete", json!({ "text": "/sh" })).expect("what is offered");
    assert!(offered.to_string().contains("ship"), "{offered}");
    assert!(editor.wait_message().contains("counts from the next message on"));
}

#[test]
fn a_file_with_a_mistake_changes_nothing_and_is_told_with_its_place() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({ "bash": "deny" }));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    model.script([Reply::Text("Hello.")]);
    editor.ask("First.");
    for (number, (text, place)) in
        [("{\n  \"permission\": {\n", "opencode.json:2:17"), ("{\n\"permission\": { \"bash\": 5 } }", "opencode.json:2:25")]
            .into_iter()
            .enumerate()
    {
        desk.write(FILE, text);
        model.script([bash("touch made"), Reply::Text("No.")]);
        editor.ask("Try.");
        let told = editor.wait_message();
        assert!(told.contains(place) && told.contains("before this is mended"), "{told}");
        let told = result(&model, 3 + 2 * number);
        assert!(told.contains("not allowed") || told.contains("denied") || told.contains("rule"), "{told}");
        assert!(!desk.at("project/made").exists());
    }
    desk.write(FILE, "{ \"permission\": { \"bash\": \"allow\" } }");
    model.script([bash("touch made"), Reply::Text("Yes.")]);
    editor.ask("Try again.");
    assert!(editor.wait_message().contains("counts from the next message on"));
    assert!(desk.at("project/made").exists());
}

#[test]
fn what_an_agent_writes_there_allows_it_nothing_before_the_user_does() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({ "edit": "allow", "bash": "deny" }));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let loose = json!({ "permission": { "edit": "allow", "bash": "allow" } });
    model.script([write(&desk, FILE, &loose), Reply::Text("Done.")]);
    editor.ask("Allow yourself more.");
    assert_eq!(desk.read(FILE), loose.to_string());
    let told = editor.wait_message();
    assert!(told.contains("while an agent was at work: opencode.json (`permission`)") && told.contains("once you allow it"), "{told}");
    // Neither in this process, nor by a change of the user's own beside it.
    desk.write("project/.opencode/command/ship.md", "Ship it.\n");
    model.script([bash("touch made"), Reply::Text("No.")]);
    editor.ask("Try.");
    assert!(!desk.at("project/made").exists());
    let told = editor.wait_message();
    assert!(told.contains("opencode.json") && told.contains("once you allow it"), "{told}");
    let (place, prompt) = editor.wait_diagnostic("permission");
    assert!(prompt["message"].to_string().contains("Use the configuration"), "{place}: {prompt}");
    editor.command("interline.permit", json!({ "reply": "once" })).expect("it waits");
    assert!(editor.wait_message().contains("counts from the next message on"));
    model.script([bash("touch made"), Reply::Text("Yes.")]);
    editor.ask("Try again.");
    assert!(desk.at("project/made").exists());
}

#[test]
fn what_the_user_refuses_stays_refused_until_it_is_taken_back() {
    let model = ScriptedModel::start();
    let rules = json!({ "edit": "allow", "bash": "deny" });
    let desk = desk(&model, &rules);
    let editor = FakeEditor::start(&desk, Mode::Strict);
    model.script([write(&desk, FILE, &json!({ "permission": { "bash": "allow" } })), Reply::Text("Done.")]);
    editor.ask("Allow yourself more.");
    assert!(editor.wait_message().contains("once you allow it"));
    let _at = editor.wait_diagnostic("permission");
    editor.command("interline.permit", json!({ "reply": "reject" })).expect("it waits");
    assert!(editor.wait_message().contains("stays as it was before"));
    model.script([bash("touch made"), Reply::Text("No.")]);
    editor.ask("Try.");
    assert!(!desk.at("project/made").exists());
    desk.write(FILE, &json!({ "permission": rules }).to_string());
    model.script([Reply::Text("Fine.")]);
    editor.ask("As it was.");
    desk.write(FILE, "{ \"permission\": { \"bash\": \"allow\" } }");
    model.script([bash("touch made"), Reply::Text("Yes.")]);
    editor.ask("The user's own word.");
    assert!(editor.wait_message().contains("counts from the next message on"));
    assert!(desk.at("project/made").exists());
}

#[test]
fn what_an_agent_wrote_into_a_buffer_is_its_own_also_when_it_is_saved_later() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({ "edit": "allow", "bash": "deny" }));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("opencode.json", None);
    let args = json!({ "filePath": desk.at(FILE), "oldString": "deny", "newString": "allow" });
    model.script([Reply::Call("edit", args), Reply::Text("Done.")]);
    editor.ask("Allow yourself more.");
    assert!(editor.text("opencode.json").contains("\"bash\":\"allow\"") && desk.read(FILE).contains("deny"), "it is not saved yet");
    // By the editor itself, perhaps, a while after.
    editor.save("opencode.json");
    assert!(editor.wait_message().contains("once you allow it"));
    model.script([bash("touch made"), Reply::Text("No.")]);
    editor.ask("Try.");
    assert!(!desk.at("project/made").exists());
}

#[test]
fn what_another_process_agent_writes_is_no_users_word() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({ "edit": "allow", "bash": "deny" }));
    let (editor, other) = (FakeEditor::start(&desk, Mode::Strict), FakeEditor::start(&desk, Mode::Strict));
    model.script([Reply::Text("Hello.")]);
    editor.ask("First.");
    model.script([write(&desk, FILE, &json!({ "permission": { "bash": "allow" } })), Reply::Text("Done.")]);
    other.ask("Allow others more.");
    assert!(other.wait_message().contains("once you allow it"));
    model.script([bash("touch made"), Reply::Text("No.")]);
    editor.ask("Try.");
    assert!(editor.wait_message().contains("once you allow it"));
    assert!(!desk.at("project/made").exists());
}

#[test]
fn what_is_forbidden_amid_a_turn_is_forbidden_at_once() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({ "bash": "allow" }));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let held = Arc::new(Barrier::new(2));
    model.script([Reply::Held(Arc::clone(&held), "bash", json!({ "command": "touch made", "description": "Try" })), Reply::Text("No.")]);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Try." })).expect("ask");
    let _asked = model.request(1);
    desk.write(FILE, "{ \"permission\": { \"bash\": \"deny\" } }");
    editor.notify("textDocument/didSave", json!({ "textDocument": { "uri": editor.uri("opencode.json") } }));
    assert!(editor.wait_message().contains("what it forbids is forbidden already"));
    held.wait();
    editor.idle_after(before);
    assert!(!desk.at("project/made").exists());
    let _result = result(&model, 2);
    assert!(editor.take_messages().iter().all(|told| told.contains("denied")), "nothing else is told");
}

#[test]
fn what_counts_after_a_restart_only_is_told_by_its_name() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &json!({}));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    model.script([Reply::Text("1."), Reply::Text("2."), Reply::Text("3.")]);
    editor.ask("First.");
    desk.write(FILE, &json!({ "mcp": { "away": { "type": "remote", "url": "http://127.0.0.1:9/", "enabled": false } } }).to_string());
    editor.ask("Second.");
    let told = editor.wait_message();
    assert!(told.contains("opencode.json") && told.contains("MCP servers") && told.contains("after a restart"), "{told}");
    editor.ask("Third.");
    assert_eq!(editor.take_messages(), Vec::<String>::new());
}
