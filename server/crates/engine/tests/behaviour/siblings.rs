//! What language servers say of the agent's changes: told with each change, and once more before the turn ends.

use std::io::{BufRead as _, Read as _, Write as _};

use serde_json::{Value, json};

use crate::model::{Reply, call};
use crate::world::{World, all_said, well_formed};

/// This program again, as a language server: the test below, which is one only where the environment says so.
fn server(manner: &str) -> Value {
    let me = std::env::current_exe().unwrap();
    json!({ "lsp": { "fake": {
        "command": [me, "--exact", "siblings::in_disguise", "--nocapture"],
        "extensions": [".f"],
        "env": { "INTERLINE_FAKE_SERVER": manner },
    } } })
}

/// Reads the protocol, and says of each line with BROKEN in it that it is an error. What the test runner prints before is garbage that a client survives.
#[test]
fn in_disguise() {
    let Ok(manner) = std::env::var("INTERLINE_FAKE_SERVER") else { return };
    let mut input = std::io::stdin().lock();
    loop {
        let mut length = 0;
        let mut line = String::new();
        while input.read_line(&mut line).unwrap() > 2 {
            length = line.trim().strip_prefix("Content-Length: ").map_or(length, |n| n.parse().unwrap());
            line.clear();
        }
        if length == 0 {
            return;
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).unwrap();
        let message: Value = serde_json::from_slice(&body).unwrap();
        let document = &message["params"]["textDocument"];
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => say(&json!({ "id": message["id"], "result": { "capabilities": { "textDocumentSync": 1 } } })),
            "shutdown" => say(&json!({ "id": message["id"], "result": null })),
            "exit" => return,
            "textDocument/didOpen" if manner != "slow" => publish(document, document["text"].as_str().unwrap()),
            "textDocument/didChange" if manner == "crash" => std::process::exit(7),
            "textDocument/didChange" if manner != "slow" => {
                publish(document, message["params"]["contentChanges"][0]["text"].as_str().unwrap())
            }
            _ => {}
        }
    }
}

fn publish(document: &Value, text: &str) {
    let at = |line: usize| json!({ "start": { "line": line, "character": 0 }, "end": { "line": line, "character": 1 } });
    let broken = text.lines().enumerate().filter(|(_, line)| line.contains("BROKEN"));
    let items: Vec<Value> = broken.map(|(line, _)| json!({ "range": at(line), "severity": 1, "message": "it is broken" })).collect();
    let params = json!({ "uri": document["uri"], "version": document["version"], "diagnostics": items });
    say(&json!({ "method": "textDocument/publishDiagnostics", "params": params }));
}

fn say(message: &Value) {
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
