//! What language servers say of the agent's changes: told with each change, and once more before the turn ends.

use std::io::{BufRead as _, Read as _, Write as _};

use serde_json::{Value, json};

use crate::model::{Reply, call};
use crate::world::{World, all_said, well_formed};

/// This program again, as a language server: the test below, which is one only where the environment says so.
fn server(manner: &str) -> Value {
    server_as("fake", manner)
}

/// The same under the name of one whose marks are known.
fn server_as(id: &str, manner: &str) -> Value {
    let me = std::env::current_exe().unwrap();
    json!({ "lsp": { id: {
        "command": [me, "--exact", "siblings::in_disguise", "--nocapture"],
        "extensions": [".f"],
        "env": { "INTERLINE_FAKE_SERVER": manner },
    } } })
}

/// Reads the protocol, and says of each line with BROKEN in it that it is an error, of one with SYNTAX that it is one of syntax, and of `other.f`, when it changes on
/// the disk that it is wrong.
#[test]
fn in_disguise() {
    let Ok(manner) = std::env::var("INTERLINE_FAKE_SERVER") else { return };
    while let Some(message) = read() {
        let document = &message["params"]["textDocument"];
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => say(&json!({ "id": message["id"], "result": { "capabilities": { "textDocumentSync": 1 } } })),
            "shutdown" => say(&json!({ "id": message["id"], "result": null })),
            "exit" => return,
            "initialized" => say(&json!({ "id": 1, "method": "client/registerCapability", "params": { "registrations": [
                { "id": "w", "method": "workspace/didChangeWatchedFiles", "registerOptions": { "watchers": [{ "globPattern": "**/other.f" }] } },
            ] } })),
            "workspace/didChangeWatchedFiles" => {
                for change in message["params"]["changes"].as_array().unwrap() {
                    publish(&json!({ "uri": change["uri"] }), "BROKEN");
                }
            }
            "textDocument/didOpen" if manner != "slow" => publish(document, document["text"].as_str().unwrap()),
            "textDocument/didChange" if manner == "crash" => std::process::exit(7),
            "textDocument/didChange" if manner != "slow" => {
                publish(document, message["params"]["contentChanges"][0]["text"].as_str().unwrap())
            }
            _ => {}
        }
    }
}

/// The next message; none at the end. What the test runner prints before is garbage that a client survives.
pub fn read() -> Option<Value> {
    let mut input = std::io::stdin().lock();
    let (mut length, mut line) = (0, String::new());
    while input.read_line(&mut line).unwrap() > 2 {
        length = line.trim().strip_prefix("Content-Length: ").map_or(length, |n| n.parse().unwrap());
        line.clear();
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).ok()
}

/// Says what is wrong in a text.
pub fn publish(document: &Value, text: &str) {
    let at = |line: usize| json!({ "start": { "line": line, "character": 0 }, "end": { "line": line, "character": 1 } });
    let broken = text.lines().enumerate().filter_map(|(line, text)| match text {
        _ if text.contains("BROKEN") => Some(json!({ "range": at(line), "severity": 1, "message": "it is broken" })),
        _ if text.contains("SYNTAX") => {
            Some(json!({ "range": at(line), "severity": 1, "source": "Ruff", "code": "invalid-syntax", "message": "cannot be read" }))
        }
        _ => None,
    });
    let items: Vec<Value> = broken.collect();
    let mut params = json!({ "uri": document["uri"], "diagnostics": items });
    if document["version"].is_i64() {
        params["version"] = document["version"].clone();
    }
    say(&json!({ "method": "textDocument/publishDiagnostics", "params": params }));
}

/// Says it.
pub fn say(message: &Value) {
    let body = message.to_string();
    let mut out = std::io::stdout().lock();
    write!(out, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    out.flush().unwrap();
}

fn edit(old: &str, new: &str) -> Reply {
    call("edit", json!({ "filePath": "a.f", "oldString": old, "newString": new }))
}

/// What the model was told last.
async fn last(world: &World, request: usize) -> String {
    let request = world.model.request(request).await;
    well_formed(&request);
    let messages = request["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_an_edit_breaks_and_mends_is_told_with_its_result() {
    let mut world = World::with(server("")).await;
    world.files.set("a.f", "one\nBROKEN before\nthree\n");
    world.model.script([edit("one", "zero\none"), edit("three", "BROKEN now"), edit("BROKEN now", "three"), Reply::Text("done")]);
    assert_eq!(world.turn("go").await, "done");
    let told = last(&world, 2).await;
    assert!(
        told.contains("Edit applied to a.f.") && told.ends_with("<diagnostics>\nno new errors or warnings\nfake: fresh\n</diagnostics>"),
        "{told}"
    );
    let told = last(&world, 3).await;
    assert!(told.contains("a.f: introduced 1 error\n  ERROR [4:1] it is broken\nfake: fresh"), "{told}");
    let told = last(&world, 4).await;
    assert!(told.contains("a.f: resolved 1 error\n  ERROR [4:1] it is broken\nfake: fresh"), "{told}");
    assert_eq!(world.model.requests().len(), 4, "nothing is left to be said at the end");
}

#[tokio::test]
async fn before_the_turn_ends_the_model_is_told_once_what_is_still_broken() {
    let mut world = World::with(server("")).await;
    world.files.set("a.f", "one\n");
    world.model.script([edit("one", "BROKEN"), Reply::Text("done"), Reply::Text("it stays so"), Reply::Text("good day")]);
    assert_eq!(world.turn("go").await, "done");
    let told = last(&world, 3).await;
    assert!(told.starts_with("Before you end your turn") && told.contains("ERROR [1:1] it is broken"), "{told}");
    assert_eq!(world.model.requests().len(), 3);
    // It is no message of the user's, and the next turn begins anew.
    assert_eq!(world.turn("hello").await, "done");
    assert_eq!(world.model.requests().len(), 4);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_pending_and_one_that_crashes_says_so() {
    for (manner, expect) in
        [("slow", "fake: pending: still checking after"), ("crash", "fake: pending: server stopped: it exited with code 7")]
    {
        let mut world = World::with(server(manner)).await;
        world.files.set("a.f", "one\n");
        world.model.script([edit("one", "two"), Reply::Text("done")]);
        assert_eq!(world.turn("go").await, "done");
        let told = last(&world, 2).await;
        assert!(told.contains(expect) && !told.contains("no new errors"), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_never_says_anything_is_pending_at_each_edit() {
    let mut world = World::with(server("slow")).await;
    world.files.set("a.f", "0\n");
    let steps: Vec<String> = (0..12).map(|step| step.to_string()).collect();
    let edits = steps.windows(2).map(|pair| edit(&pair[0], &pair[1]));
    world.model.script(edits.chain([Reply::Text("done")]));
    assert_eq!(world.turn("go").await, "done");
    for request in 2..13 {
        let told = last(&world, request).await;
        assert!(told.contains("fake: pending: still checking after") && !told.contains("no new errors"), "{told}");
    }
}

#[tokio::test]
async fn without_a_server_nothing_is_told() {
    for more in [json!({}), json!({ "lsp": false }), json!({ "lsp": { "fake": { "command": ["no-such-program"], "extensions": [".f"] } } })]
    {
        let mut world = World::with(more).await;
        world.files.set("a.f", "one\n");
        world.model.script([edit("one", "BROKEN"), Reply::Text("done")]);
        assert_eq!(world.turn("go").await, "done");
        let request = world.model.request(2).await;
        assert!(!all_said(&request).contains("diagnostics"), "{request}");
    }
}

#[tokio::test]
async fn a_cancelled_turn_does_not_wait_for_servers() {
    let mut world = World::with(server("slow")).await;
    world.files.set("a.f", "one\n");
    world.model.script([edit("one", "two")]);
    world.ask("go").await;
    world.running("edit").await;
    while world.files.get("a.f").as_deref() != Some("two\n") {
        tokio::task::yield_now().await;
    }
    assert!(world.engine.cancel(None));
    assert_eq!(world.idle().await.split(':').next(), Some("cancelled"));
    assert_eq!(world.files.get("a.f").as_deref(), Some("two\n"));
    assert!(world.engine.undo(None).await.is_ok_and(|undo| undo.report().changed.len() == 1), "the change is on record");
}

#[tokio::test]
async fn what_commands_do_to_other_files_is_told_to_servers() {
    let mut world = World::with(server("")).await;
    world.files.set("a.f", "one\n");
    let write = call("bash", json!({ "command": "echo x > other.f", "description": "write" }));
    world.model.script([edit("one", "two"), write, edit("two", "three"), Reply::Text("done"), Reply::Text("so it is")]);
    assert_eq!(world.turn("go").await, "done");
    let told = last(&world, 4).await;
    assert!(told.contains("other.f: introduced 1 error\n  ERROR [1:1] it is broken\nfake: fresh"), "{told}");
}

/// Each tool that changes files, with what makes a line of `a.f` one that cannot be read.
fn breaking() -> [Reply; 3] {
    let patch = "*** Begin Patch\n*** Update File: a.f\n@@\n-one\n+SYNTAX\n*** Add File: new.f\n+fine\n*** End Patch";
    [
        edit("one", "SYNTAX"),
        call("write", json!({ "filePath": "a.f", "content": "zero\nSYNTAX\n" })),
        call("apply_patch", json!({ "patchText": patch })),
    ]
}

#[tokio::test]
async fn errors_of_syntax_are_told_before_anything_is_changed() {
    for call in breaking() {
        let mut config = server_as("ruff", "");
        config["preflight"] = json!(true);
        config["permission"] = json!("ask");
        let mut world = World::with(config).await;
        world.files.open("a.f", "zero\n");
        world.model.script([edit("zero", "zero\none"), call.clone(), call.clone(), Reply::Text("done"), Reply::Text("so it is")]);
        world.ask("go").await;
        world.prompt().await;
        world.permit(proto::PermissionReply::Once);
        // The user is asked only when the model insists.
        world.prompt().await;
        let told = last(&world, 3).await;
        assert!(
            told.contains("Nothing was changed yet") && told.contains("a.f (ruff):\n  ERROR [2:1] cannot be read (Ruff invalid-syntax)"),
            "{told}"
        );
        assert_eq!((world.files.get("a.f").as_deref(), world.files.get("new.f")), (Some("zero\none\n"), None));
        world.permit(proto::PermissionReply::Once);
        assert_eq!(world.idle().await, "done");
        assert_eq!(world.files.get("a.f").as_deref(), Some("zero\nSYNTAX\n"));
        let told = last(&world, 4).await;
        assert!(told.contains("a.f: introduced 1 error\n  ERROR [2:1] cannot be read"), "{told}");
    }
}

#[tokio::test]
async fn what_is_no_new_error_of_syntax_is_not_held_up() {
    // (the server's id, whether it is wanted, the text before, the edit)
    for (id, wanted, before, now) in [
        ("ruff", json!(false), "one\n", "SYNTAX"),
        // It has not shown yet that it is quick.
        ("ruff", Value::Null, "one\n", "SYNTAX"),
        ("ruff", json!(true), "SYNTAX\none\n", "two"),
        ("ruff", json!(true), "one\n", "BROKEN"),
        ("fake", json!(true), "one\n", "SYNTAX"),
    ] {
        let mut config = server_as(id, "");
        config["preflight"] = wanted;
        let mut world = World::with(config).await;
        world.files.set("a.f", before);
        world.model.script([edit("one", "1\none"), edit("one", now), Reply::Text("done"), Reply::Text("so it is")]);
        assert_eq!(world.turn("go").await, "done");
        assert!(world.files.get("a.f").is_some_and(|text| text.contains(&format!("1\n{now}"))), "{id} {before:?} {now:?}");
    }
}

#[tokio::test]
async fn who_is_quick_is_asked_without_being_told_to() {
    let mut world = World::with(server_as("ruff", "")).await;
    world.files.set("a.f", "0\n");
    let grow = ["0", "1", "2", "3", "4"].windows(2).map(|pair| edit(pair[0], pair[1]));
    world.model.script(grow.chain([edit("4", "SYNTAX"), Reply::Text("done")]));
    assert_eq!(world.turn("go").await, "done");
    let told = last(&world, 6).await;
    assert!(told.contains("Nothing was changed yet"), "{told}");
    assert_eq!(world.files.get("a.f").as_deref(), Some("4\n"));
}

#[tokio::test]
async fn edits_in_an_answers_text_are_tried_out_too() {
    let mut config = server_as("ruff", "");
    (config["preflight"], config["model"]) = (json!(true), json!("mock/tiny-1b"));
    let mut world = World::with(config).await;
    world.files.open("a.f", "zero\n");
    let answers = ["File: a.f\n```\nzero\none\n```\n", "File: a.f\n```\nzero\nSYNTAX\n```\n", "File: a.f\n```\nzero\ntwo\n```\n"];
    world.model.script(answers.map(Reply::Text));
    assert_eq!(world.turn("Add one.").await, "done");
    assert_eq!(world.turn("Make it SYNTAX.").await, "done");
    let told = all_said(&world.model.request(3).await);
    assert!(told.contains("a.f: NOT changed: Nothing was changed yet"), "{told}");
    assert_eq!(world.files.get("a.f").as_deref(), Some("zero\ntwo\n"));
}

#[tokio::test]
async fn the_server_has_the_true_text_after_a_refused_change() {
    let mut config = server_as("ruff", "");
    config["preflight"] = json!(true);
    let mut world = World::with(config).await;
    world.files.set("a.f", "zero\nBROKEN before\n");
    world.files.set("b.f", "zero\n");
    let other = call("edit", json!({ "filePath": "b.f", "oldString": "zero", "newString": "one" }));
    world.model.script([edit("zero", "one"), edit("one", "SYNTAX"), other, edit("BROKEN before", "fine"), Reply::Text("done")]);
    assert_eq!(world.turn("go").await, "done");
    let told = last(&world, 3).await;
    assert!(told.contains("cannot be read"), "{told}");
    for request in [4, 5] {
        let told = last(&world, request).await;
        assert!(!told.contains("cannot be read") && told.contains("ruff: fresh"), "{told}");
    }
}
