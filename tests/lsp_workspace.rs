//! The agent's edits and commands in each kind of editor, against the real binary with a scripted model.
//!
//! Must not know how an edit gets into a buffer; buffers, undo steps and the disk are looked at.
//!
//! **Invariant:** a keystroke at the worst moment is in every test, and in every result.

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

const MODES: [Mode; 4] = [Mode::Strict, Mode::Lenient, Mode::Late, Mode::Plugin];

fn desk(model: &ScriptedModel) -> Desk {
    let desk = Desk::with_model(model, &json!({ "edit": "allow", "bash": "allow" }));
    desk.write("project/a.txt", "head\nmiddle\ntail\n");
    desk
}

#[test]
fn an_edit_that_typing_crosses_lands_once() {
    for mode in MODES {
        let model = ScriptedModel::start();
        let desk = desk(&model);
        let path = desk.at("project/a.txt").display().to_string();
        model
            .script([Reply::Call("edit", json!({ "filePath": path, "oldString": "middle", "newString": "MIDDLE" })), Reply::Text("Done.")]);
        let editor = FakeEditor::start(&desk, mode);
        editor.open("a.txt", None);
        let mut typed = false;
        editor.on_apply(move |editor| {
            if !std::mem::replace(&mut typed, true) {
                editor.replace("a.txt", "head", "typed 😀 head");
            }
        });
        editor.ask("Change it.");
        let doc = editor.doc("a.txt");
        assert_eq!((doc.text.as_str(), doc.server_steps()), ("typed 😀 head\nMIDDLE\ntail\n", 1), "{mode:?}");
        assert_eq!(desk.read("project/a.txt"), "head\nmiddle\ntail\n", "{mode:?}");
    }
}

#[test]
fn a_command_sees_unsaved_text_and_its_change_comes_back() {
    for mode in MODES {
        let model = ScriptedModel::start();
        let desk = desk(&model);
        model.script([
            Reply::Call("bash", json!({ "command": "cat a.txt; sed -i s/middle/MIDDLE/ a.txt", "description": "Look and change" })),
            Reply::Text("Done."),
        ]);
        let editor = FakeEditor::start(&desk, mode);
        editor.open("a.txt", None);
        editor.replace("a.txt", "tail", "unsaved words");
        editor.ask("Run it.");
        let told = format!("{:?}", model.request(2));
        assert!(told.contains("unsaved words"), "{mode:?}: the command saw another text: {told}");
        editor.wait_text("a.txt", "head\nMIDDLE\nunsaved words\n");
    }
}

#[test]
fn a_folder_that_is_added_is_a_part_of_the_project_until_it_is_removed() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    desk.write("other/b.txt", "needle\n");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    let folder = |name: &str| json!({ "uri": editor.uri(desk.at(name).to_str().expect("its name is text")), "name": name });
    let change = |added: &[&str], removed: &[&str]| {
        let all = |names: &[&str]| names.iter().map(|name| folder(name)).collect::<Vec<_>>();
        editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": { "added": all(added), "removed": all(removed) } }));
    };
    let other = desk.at("other").display().to_string();
    let command = format!("echo more >> {other}/b.txt");
    change(&["other"], &[]);
    model.script([
        Reply::Call("grep", json!({ "pattern": "needle", "path": other })),
        Reply::Call("bash", json!({ "command": command, "description": "Add a line" })),
        Reply::Text("Done."),
    ]);
    editor.ask("Look, and write.");
    let told = model.request(2).to_string();
    assert!(told.contains("b.txt:"), "{told}");
    assert_eq!(desk.read("other/b.txt"), "needle\nmore\n");
    editor.command("interline.undo", json!({})).expect("what the command changed is known");
    assert!(editor.wait_message().contains("Undone"));
    assert_eq!(desk.read("other/b.txt"), "needle\n");

    change(&[], &["other"]);
    model.script([Reply::Call("grep", json!({ "pattern": "needle", "path": other })), Reply::Text("Refused.")]);
    let before = editor.begun();
    editor.command("interline.ask", json!({ "text": "Look again." })).expect("it is taken");
    let (_, prompt) = editor.wait_diagnostic("permission");
    assert!(prompt["message"].as_str().is_some_and(|words| words.contains("other")), "{prompt}");
    editor.command("interline.permit", json!({ "reply": "reject", "message": "no" })).expect("it waits");
    editor.idle_after(before);

    change(&["."], &["project"]);
    assert!([editor.wait_message(), editor.wait_message()].iter().any(|told| told.contains("stays the project's folder")));
}

/// An MCP server that asks for the project's folders when it is told that they have changed, and writes what it is answered into `told`, a pipe.
const MCP_SERVER: &str = r#"while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case $line in
    *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}}\n' "$id";;
    *tools/list*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[]}}\n' "$id";;
    *roots/list_changed*) printf '{"jsonrpc":"2.0","id":"r","method":"roots/list"}\n';;
    *'"roots"'*) printf '%s\n' "$line" > told;;
  esac
done
"#;

#[test]
fn mcp_servers_hear_of_folders_that_are_added() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    desk.write("server.sh", MCP_SERVER).write("other/b.txt", "needle\n");
    let mut config: Value = serde_json::from_str(&desk.read("interline.json")).expect("the configuration");
    config["mcp"] = json!({ "s": { "type": "local", "command": ["/bin/sh", desk.at("server.sh")] } });
    desk.write("interline.json", &config.to_string());
    let made = std::process::Command::new("mkfifo").arg(desk.at("project/told")).status().expect("mkfifo starts");
    assert!(made.success());
    let editor = FakeEditor::start(&desk, Mode::Strict);
    model.script([Reply::Text("Hello.")]);
    editor.ask("Start the servers.");
    let uri = editor.uri(desk.at("other").to_str().expect("its name is text"));
    editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": { "added": [{ "uri": uri, "name": "other" }], "removed": [] } }));
    // Waits until the server writes.
    let told = desk.read("project/told");
    assert!(told.contains("/project\"") && told.contains(&uri), "{told}");
}
