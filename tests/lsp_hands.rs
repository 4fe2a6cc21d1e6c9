//! Language servers as the agent's hands, in each kind of editor: against the real binary with a scripted model and a server that answers what is written down.
//!
//! **Invariant:** a keystroke at the worst moment is in every result.

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

const OPEN: &str = "the old word\nand old\n";
const CLOSED: &str = "old\n";

fn edit(line: u32, from: u32, new: &str) -> Value {
    json!({ "range": { "start": { "line": line, "character": from }, "end": { "line": line, "character": from + 3 } }, "newText": new })
}

fn desk(model: &ScriptedModel) -> Desk {
    let desk = Desk::with_model(model, &json!({ "edit": "allow" }));
    desk.write("project/open.txt", OPEN).write("project/closed.txt", CLOSED);
    let uri = |name: &str| format!("file://{}", desk.at(name).display());
    let answers = json!({
        "initialize": { "capabilities": {
            "positionEncoding": "utf-16", "textDocumentSync": 1, "renameProvider": true, "diagnosticProvider": { "interFileDependencies": false },
        } },
        "textDocument/diagnostic": { "kind": "full", "items": [] },
        "textDocument/rename": { "changes": {
            uri("project/open.txt"): [edit(0, 4, "new"), edit(1, 4, "new")],
            uri("project/closed.txt"): [edit(0, 0, "new")],
        } },
    });
    let mut config: Value = serde_json::from_str(&desk.read("interline.json")).unwrap_or_default();
    config["lsp"] = json!({ "fake": {
        "command": [env!("CARGO_BIN_EXE_fake-language-server")],
        "extensions": [".txt"],
        "env": { "FAKE_SERVER_ANSWERS": answers.to_string() },
    } });
    desk.write("interline.json", &config.to_string());
    desk
}

#[test]
fn a_rename_over_an_open_and_an_unopened_file_is_one_step_each_and_one_undo() {
    for mode in [Mode::Strict, Mode::Lenient, Mode::Late, Mode::Plugin] {
        let model = ScriptedModel::start();
        let desk = desk(&model);
        let rename = json!({ "filePath": "open.txt", "line": 1, "symbol": "old", "newName": "new" });
        model.script([Reply::Call("lsp_rename", rename), Reply::Text("Done.")]);
        let editor = FakeEditor::start(&desk, mode);
        editor.open("open.txt", None);
        let mut typed = false;
        editor.on_apply(move |editor| {
            if !std::mem::replace(&mut typed, true) {
                editor.replace("open.txt", "and", "typed 😀 and");
            }
        });
        editor.ask("Rename it.");
        let told = format!("{:?}", model.request(2));
        assert!(told.contains("M open.txt (2 places)") && told.contains("M closed.txt (1 place)"), "{mode:?}: {told}");
        let doc = editor.doc("open.txt");
        assert_eq!((doc.text.as_str(), doc.server_steps()), ("the new word\ntyped 😀 and new\n", 1), "{mode:?}");
        let closed = |text: &str| {
            if editor.is_open("closed.txt") {
                editor.wait_text("closed.txt", text);
            } else {
                assert_eq!(desk.read("project/closed.txt"), text, "{mode:?}");
            }
        };
        closed("new\n");
        editor.command("interline.undo", Value::Null).unwrap_or_else(|error| panic!("{mode:?}: {error}"));
        editor.wait_text("open.txt", "the old word\ntyped 😀 and old\n");
        assert!(editor.wait_message().contains("Undone"));
        closed(CLOSED);
        assert_eq!(editor.doc("open.txt").server_steps(), 2, "{mode:?}");
    }
}
