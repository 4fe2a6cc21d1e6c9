//! The client against a server whose every word the test says.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::fake::{Fake, document, item, pipes, setup, started};
use super::*;
use crate::freshness::{Pending, Proof, State};

const PUSH: fn() -> Value = || json!({ "textDocumentSync": { "openClose": true, "change": 2, "save": true } });

fn state(client: &Client, name: &str) -> State {
    client.ledger().judge(&document(name, "").key, Instant::now()).state
}

fn lines(client: &Client, name: &str) -> Vec<usize> {
    client.ledger().items(&document(name, "").key).iter().map(|item| item.start.line).collect()
}

/// Waits for news until the document is in a state like that.
async fn until(client: &Client, name: &str, like: impl Fn(&State) -> bool) -> State {
    let mut news = client.news();
    loop {
        let state = state(client, name);
        if like(&state) {
            return state;
        }
        news.changed().await.expect("the client lives");
    }
}

/// Everything that the server said so far has been heard, once this returns.
async fn heard(server: &mut Fake) {
    let answer = server.ask("workspace/workspaceFolders", Value::Null).await;
    assert_eq!(answer["result"], json!([{ "uri": "file:///p", "name": "p" }]));
}

#[tokio::test]
async fn documents_are_told_as_the_server_wants_them() {
    let (client, mut server) = started(PUSH(), setup()).await;
    client.give(&document("a", "one\ntwo\n"));
    let opened = server.expect("textDocument/didOpen").await["textDocument"].clone();
    assert_eq!(opened, json!({ "uri": "file:///p/a", "languageId": "text", "version": 1, "text": "one\ntwo\n" }));
    client.give(&document("a", "one\ntwo\n"));
    client.give(&document("a", "one\n2\n"));
    let changed = server.expect("textDocument/didChange").await;
    assert_eq!(changed["textDocument"], json!({ "uri": "file:///p/a", "version": 2 }));
    assert_eq!(changed["contentChanges"][0]["range"]["start"]["line"], 1);
    client.give(&Document { disk: Disk::Same, ..document("a", "one\n2\n") });
    client.give(&Document { disk: Disk::Written, ..document("a", "one\n2\n") });
    assert_eq!(server.expect("textDocument/didSave").await, json!({ "textDocument": { "uri": "file:///p/a" } }));
    client.close(&document("a", "").key);
    client.close(&document("a", "").key);
    server.expect("textDocument/didClose").await;
    client.give(&document("a", "one\n"));
    assert_eq!(server.expect("textDocument/didOpen").await["textDocument"]["version"], 3, "versions only grow");
}

#[tokio::test]
async fn a_server_that_wants_nothing_is_told_nothing() {
    let (client, mut server) = started(json!({}), setup()).await;
    client.give(&Document { disk: Disk::Written, ..document("a", "one") });
    client.disk_changed(&[("/p/a".into(), FileChange::Changed)]);
    heard(&mut server).await;
}

#[tokio::test]
async fn what_the_server_asks_is_answered() {
    let (client, mut server) = started(PUSH(), setup()).await;
    let asked = json!({ "items": [{ "section": "fake.level" }, { "section": "other" }] });
    assert_eq!(server.ask("workspace/configuration", asked).await["result"], json!([3, null]));
    assert_eq!(server.ask("window/workDoneProgress/create", json!({ "token": 1 })).await["result"], Value::Null);
    assert_eq!(server.ask("window/showMessageRequest", json!({ "message": "?" })).await["result"], Value::Null);
    assert_eq!(server.ask("workspace/applyEdit", json!({ "edit": {} })).await["result"]["applied"], false);
    assert_eq!(server.ask("no/such/thing", Value::Null).await["error"]["code"], -32601);
    let watch = json!({ "registrations": [{ "id": "w", "method": "workspace/didChangeWatchedFiles",
        "registerOptions": { "watchers": [{ "globPattern": "**/*.rs" }] } }] });
    assert_eq!(server.ask("client/registerCapability", watch).await["result"], Value::Null);
    client.disk_changed(&[("/p/a.txt".into(), FileChange::Changed), ("/p/a.rs".into(), FileChange::Deleted)]);
    let told = server.expect("workspace/didChangeWatchedFiles").await;
    assert_eq!(told, json!({ "changes": [{ "uri": "file:///p/a.rs", "type": 3 }] }));
}

#[tokio::test]
async fn a_publication_of_an_older_text_is_not_fresh() {
    let (client, mut server) = started(PUSH(), setup()).await;
    client.give(&document("a", "one\n"));
    client.give(&document("a", "two\n"));
    server.publish("a", Some(1), &[0]).await;
    heard_after(&mut server, 2).await;
    assert_eq!(state(&client, "a"), State::Pending(Pending::Checking));
    server.publish("a", Some(2), &[]).await;
    let fresh = until(&client, "a", State::is_fresh).await;
    assert_eq!((fresh, lines(&client, "a")), (State::Fresh { version: 2, by: Proof::Version, whole: true }, vec![]));
}

/// As `heard`, after that many notifications of the client's.
async fn heard_after(server: &mut Fake, notifications: usize) {
    for _ in 0..notifications {
        server.next().await.expect("a notification");
    }
    heard(server).await;
}

#[tokio::test]
async fn a_server_that_is_asked_is_asked_again_after_each_change() {
    let (client, mut server) = started(PUSH(), setup()).await;
    client.give(&document("a", "one\n"));
    server.expect("textDocument/didOpen").await;
    // As pyright and ty do it: the registration comes later.
    let pull =
        json!({ "registrations": [{ "id": "p", "method": "textDocument/diagnostic", "registerOptions": { "identifier": "fake" } }] });
    server.ask("client/registerCapability", pull).await;
    let (first, params) = server.request("textDocument/diagnostic").await;
    assert_eq!(params, json!({ "textDocument": { "uri": "file:///p/a" }, "identifier": "fake" }));
    client.give(&document("a", "two\n"));
    server.expect("textDocument/didChange").await;
    assert_eq!(server.expect("$/cancelRequest").await["id"], first);
    let (second, _) = server.request("textDocument/diagnostic").await;
    server.answer(&first, json!({ "kind": "full", "items": [item(9)] })).await;
    server.refuse(&second, -32802).await;
    let (third, _) = server.request("textDocument/diagnostic").await;
    assert_eq!(state(&client, "a"), State::Pending(Pending::Checking));
    let other = json!({ "file:///p/b": { "kind": "full", "items": [item(4)] } });
    server.answer(&third, json!({ "kind": "full", "items": [item(0)], "relatedDocuments": other })).await;
    assert_eq!(until(&client, "a", State::is_fresh).await, State::Fresh { version: 2, by: Proof::Answer, whole: true });
    assert_eq!((lines(&client, "a"), lines(&client, "b")), (vec![0], vec![4]));
    // What the server takes back is asked again; an error is no answer.
    server.ask("workspace/diagnostic/refresh", Value::Null).await;
    let (fourth, _) = server.request("textDocument/diagnostic").await;
    server.refuse(&fourth, -32603).await;
    let failed = until(&client, "a", |state| matches!(state, State::Pending(Pending::Failed(_)))).await;
    assert_eq!(failed, State::Pending(Pending::Failed("the server answered: no (-32603)".to_owned())));
}

#[tokio::test]
async fn all_that_a_server_offers_is_asked_for_and_no_answer_is_taken_for_none() {
    let (client, mut server) = started(PUSH(), setup()).await;
    client.give(&document("a", "one\ntwo\n"));
    server.expect("textDocument/didOpen").await;
    let one = |name: &str| json!({ "id": name, "method": "textDocument/diagnostic", "registerOptions": { "identifier": name } });
    server.ask("client/registerCapability", json!({ "registrations": [one("semantic"), one("syntax")] })).await;
    let (semantic, params) = server.request("textDocument/diagnostic").await;
    assert_eq!(params["identifier"], "semantic");
    let (syntax, params) = server.request("textDocument/diagnostic").await;
    assert_eq!(params["identifier"], "syntax");
    server.answer(&syntax, json!({ "kind": "full", "items": [item(1)] })).await;
    heard(&mut server).await;
    assert_eq!(state(&client, "a"), State::Pending(Pending::Checking), "one of them is still to come");
    server.answer(&semantic, json!({ "kind": "full", "items": [item(0)] })).await;
    until(&client, "a", State::is_fresh).await;
    assert_eq!(lines(&client, "a"), [0, 1]);
    for (text, answer) in [("2", Value::Null), ("3", json!({ "kind": "unchanged", "resultId": "x" }))] {
        client.give(&document("a", text));
        server.expect("textDocument/didChange").await;
        let (first, _) = server.request("textDocument/diagnostic").await;
        let (second, _) = server.request("textDocument/diagnostic").await;
        server.answer(&first, json!({ "kind": "full", "items": [] })).await;
        server.answer(&second, answer).await;
        until(&client, "a", |state| matches!(state, State::Pending(Pending::Failed(_)))).await;
    }
}

#[tokio::test]
async fn tsserver_is_asked_through_its_own_command() {
    let capabilities = json!({ "textDocumentSync": 2, "executeCommandProvider": { "commands": ["typescript.tsserverRequest"] } });
    let (client, mut server) = started(capabilities, setup()).await;
    client.give(&document("a.ts", "one\ntwo\n"));
    server.expect("textDocument/didOpen").await;
    let (syntactic, params) = server.request("workspace/executeCommand").await;
    assert_eq!(params["arguments"], json!(["syntacticDiagnosticsSync", { "file": "/p/a.ts", "includeLinePosition": false }]));
    let (semantic, _) = server.request("workspace/executeCommand").await;
    let error =
        json!({ "start": { "line": 2, "offset": 1 }, "end": { "line": 2, "offset": 2 }, "text": "bad", "code": 2322, "category": "error" });
    server.answer(&semantic, json!({ "success": true, "body": [error] })).await;
    server.answer(&syntactic, json!({ "success": true, "body": [] })).await;
    until(&client, "a.ts", State::is_fresh).await;
    assert_eq!(lines(&client, "a.ts"), [1]);
    // What it publishes comes late and is the same: it does not count.
    server.publish("a.ts", None, &[7]).await;
    heard(&mut server).await;
    assert_eq!(lines(&client, "a.ts"), [1]);
}

#[tokio::test]
async fn a_server_that_says_it_is_not_ready_is_not_believed() {
    let (client, mut server) = started(PUSH(), setup()).await;
    client.give(&document("a", "one\n"));
    server.expect("textDocument/didOpen").await;
    server.say("experimental/serverStatus", json!({ "quiescent": false })).await;
    server.say("$/progress", json!({ "token": "t", "value": { "kind": "begin", "title": "Indexing" } })).await;
    server.publish("a", Some(1), &[]).await;
    heard(&mut server).await;
    assert_eq!(state(&client, "a"), State::Pending(Pending::Loading(Some("Indexing".to_owned()))));
    server.say("experimental/serverStatus", json!({ "quiescent": true })).await;
    until(&client, "a", State::is_fresh).await;
}

#[tokio::test]
async fn garbage_on_its_output_is_survived() {
    let (client, mut server) = started(PUSH(), setup()).await;
    client.give(&document("a", "one\n"));
    server.raw(b"Hello from a print statement\nContent-Length: 3\r\n\r\n{{{").await;
    server.raw(b"Content-Length: 16\r\n\r\n{\"result\":\"late\"}").await;
    server.raw(b"\nContent-Length: 28\r\n\r\n{\"id\":12345,\"result\":\"late\"}").await;
    server.publish("a", Some(1), &[0]).await;
    until(&client, "a", State::is_fresh).await;
    assert_eq!(lines(&client, "a"), [0]);
}

#[tokio::test]
async fn a_crash_ends_all_that_waits() {
    let (client, server) = started(PUSH(), setup()).await;
    client.give(&document("a", "one\n"));
    let request = client.connection.request("textDocument/hover", json!({}), Duration::from_secs(1000));
    let (answer, ()) = tokio::join!(request, async { drop(server) });
    assert_eq!(answer, Err(RequestError::Stopped("its output ended".to_owned())));
    let stopped = State::Pending(Pending::Stopped("its output ended".to_owned()));
    assert_eq!(until(&client, "a", |state| *state == stopped).await, stopped);
    let late = client.connection.request("textDocument/hover", json!({}), Duration::from_secs(1000)).await;
    assert_eq!(late, Err(RequestError::Stopped("its output ended".to_owned())));
}

#[tokio::test]
async fn the_end_is_as_the_protocol_wants_it() {
    let (client, mut server) = started(PUSH(), setup()).await;
    let end = async {
        let (id, params) = server.request("shutdown").await;
        assert_eq!(params, Value::Null);
        server.answer(&id, Value::Null).await;
        server.expect("exit").await;
        server
    };
    let ((), mut server) = tokio::join!(client.shut_down("it was not needed"), end);
    drop(client);
    assert_eq!(server.next().await, None, "its input is closed");
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for() {
    let (pipes, mut server) = pipes();
    let started = Client::start(pipes, setup(), Duration::from_millis(1)).await;
    assert!(matches!(started, Err(RequestError::TimedOut { .. })), "{started:?}");
    server.request("initialize").await;
    assert_eq!(server.expect("$/cancelRequest").await["id"], 1);
}

#[tokio::test]
async fn an_edit_is_taken_only_while_a_command_runs() {
    let commands = json!({ "executeCommandProvider": { "commands": ["do.it"] } });
    let (client, mut server) = started(commands, setup()).await;
    assert!(client.can("workspace/executeCommand") && client.runs("do.it") && !client.runs("do.other"));
    let edit = json!({ "edit": { "changes": {} } });
    let refused = server.ask("workspace/applyEdit", edit.clone()).await;
    assert_eq!(refused["result"]["applied"], false, "{refused}");
    for (done, applied) in [(Ok(()), json!({ "applied": true })), (Err("no"), json!({ "applied": false, "failureReason": "no" }))] {
        let (sender, mut wanted) = tokio::sync::mpsc::unbounded_channel::<Wanted>();
        let (arguments, edit) = (json!([1]), edit.clone());
        let work = async {
            let (id, params) = server.request("workspace/executeCommand").await;
            assert_eq!(params, json!({ "command": "do.it", "arguments": [1] }));
            // It waits for the answer, as gopls does.
            assert_eq!(server.ask("workspace/applyEdit", edit).await["result"], applied);
            server.answer(&id, json!("done")).await;
        };
        let taking = async {
            let wanted = wanted.recv().await.expect("an edit");
            assert_eq!(wanted.edit(), &json!({ "changes": {} }));
            wanted.answer(done);
        };
        let (ran, (), ()) = tokio::join!(client.run("do.it", &arguments, sender), work, taking);
        assert_eq!(ran, Ok(json!("done")));
    }
    // One that nobody decides on is not applied.
    let (sender, wanted) = tokio::sync::mpsc::unbounded_channel::<Wanted>();
    let work = async {
        let (id, _) = server.request("workspace/executeCommand").await;
        drop(wanted);
        assert_eq!(server.ask("workspace/applyEdit", edit.clone()).await["result"]["applied"], false);
        server.answer(&id, Value::Null).await;
    };
    let (ran, ()) = tokio::join!(client.run("do.it", &Value::Null, sender), work);
    assert_eq!(ran, Ok(Value::Null));
    assert_eq!(server.ask("workspace/applyEdit", edit.clone()).await["result"]["applied"], false);
}

#[tokio::test]
async fn a_question_is_asked_again_while_the_server_is_not_done() {
    let (client, mut server) = started(json!({ "hoverProvider": true }), setup()).await;
    let until = Instant::now() + Duration::from_secs(100);
    let progress = |kind: &str| json!({ "token": "t", "value": { "kind": kind, "title": "Indexing" } });
    server.say("$/progress", progress("begin")).await;
    let params = json!({});
    let work = async {
        let (id, _) = server.request("textDocument/references").await;
        server.refuse(&id, crate::wire::CONTENT_MODIFIED).await;
        let (id, _) = server.request("textDocument/references").await;
        server.answer(&id, json!([])).await;
        server.say("$/progress", progress("end")).await;
        let (id, _) = server.request("textDocument/references").await;
        server.answer(&id, json!([1])).await;
        let (id, _) = server.request("textDocument/hover").await;
        server.answer(&id, Value::Null).await;
    };
    let asking = async {
        assert_eq!(client.ask("textDocument/references", &params, until).await, Ok(json!([1])));
        assert_eq!(client.ask("textDocument/hover", &params, until).await, Ok(Value::Null), "it is done: nothing is nothing");
    };
    tokio::join!(work, asking);
}

#[tokio::test]
async fn what_it_is_at_is_waited_for() {
    let (client, mut server) = started(json!({}), setup()).await;
    let until = Instant::now() + Duration::from_secs(100);
    assert_eq!(client.done(until).await, Ok(()));
    let progress = |kind: &str| json!({ "token": "t", "value": { "kind": kind, "title": "indexing" } });
    server.say("$/progress", progress("begin")).await;
    heard(&mut server).await;
    assert_eq!(client.done(Instant::now()).await, Err("indexing".to_owned()));
    let (done, ()) = tokio::join!(client.done(until), server.say("$/progress", progress("end")));
    assert_eq!(done, Ok(()));
}

#[tokio::test]
async fn actions_are_asked_for_with_the_servers_own_words() {
    let (client, mut server) = started(PUSH(), setup()).await;
    let key = document("a", "").key;
    client.give(&document("a", "one\ntwo\nthree\n"));
    server.expect("textDocument/didOpen").await;
    server.publish("a", Some(1), &[0, 2]).await;
    server.publish("other", None, &[0]).await;
    heard(&mut server).await;
    assert_eq!(client.diagnostics_of(&key, (2, 5)).await, [item(2)]);
    assert_eq!(client.diagnostics_of(&document("other", "").key, (0, 9)).await, Vec::<Value>::new(), "it is not open there");
    client.close(&key);
    assert_eq!(client.diagnostics_of(&key, (0, 9)).await, Vec::<Value>::new());
}
