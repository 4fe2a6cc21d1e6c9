//! What each side is told, message by message.

use serde_json::{Value, json};

use super::*;

/// A server that is shared, and what was said to each.
struct Desk {
    hub: Hub,
    said: Vec<(To, Value)>,
}

const A: To = To::Agent(1);
const B: To = To::Agent(2);

impl Desk {
    /// The editor and the server have shaken hands.
    fn new() -> Self {
        let mut desk = Self { hub: Hub::new("secret"), said: Vec::new() };
        desk.editor(json!({ "id": 1, "method": "initialize", "params": { "processId": 7, "rootUri": "file:///p" } }));
        desk.server(json!({ "id": 1, "result": { "capabilities": { "positionEncoding": "utf-8" } } }));
        desk.editor(json!({ "method": "initialized", "params": {} }));
        desk.forget();
        desk
    }

    /// With an agent that has been greeted.
    fn with_agent() -> Self {
        let mut desk = Self::new();
        desk.comes(1);
        desk
    }

    fn comes(&mut self, agent: Agent) {
        self.hub.agent_comes(agent);
        self.agent(agent, json!({ "id": 0, "method": "initialize", "params": {} }));
        self.forget();
    }

    fn editor(&mut self, message: Value) {
        self.hub.hear_editor(frame(&message));
        self.listen();
    }

    fn server(&mut self, message: Value) {
        self.hub.hear_server(frame(&message));
        self.listen();
    }

    fn agent(&mut self, agent: Agent, message: Value) {
        self.hub.hear_agent(agent, message.to_string().as_bytes());
        self.listen();
    }

    fn listen(&mut self) {
        for (to, bytes) in self.hub.take() {
            let mut splitter = super::super::split::Splitter::default();
            splitter.push(&bytes);
            let Some(Piece::Frame(frame)) = splitter.next() else { panic!("no message: {bytes:?}") };
            let mut message: Value = serde_json::from_slice(frame.body()).expect("JSON");
            message.as_object_mut().expect("an object").remove("jsonrpc");
            self.said.push((to, message));
        }
    }

    fn forget(&mut self) {
        self.listen();
        self.said.clear();
    }

    /// What was said since it was last looked at.
    #[track_caller]
    fn said(&mut self, expect: &[(To, Value)]) {
        assert_eq!(std::mem::take(&mut self.said), expect);
    }

    /// The editor opens a document.
    fn editor_opens(&mut self, version: i64, text: &str) {
        self.editor(open(version, text));
        self.forget();
    }
}

fn frame(message: &Value) -> Piece {
    Piece::Frame(Frame::new(message.to_string().as_bytes()))
}

fn open(version: i64, text: &str) -> Value {
    let item = json!({ "uri": "file:///p/a.rs", "languageId": "rust", "version": version, "text": text });
    json!({ "method": "textDocument/didOpen", "params": { "textDocument": item } })
}

fn change(version: i64, text: &str) -> Value {
    let id = json!({ "uri": "file:///p/a.rs", "version": version });
    json!({ "method": "textDocument/didChange", "params": { "textDocument": id, "contentChanges": [{ "text": text }] } })
}

fn close() -> Value {
    json!({ "method": "textDocument/didClose", "params": { "textDocument": { "uri": "file:///p/a.rs" } } })
}

fn same(version: i64, same: bool) -> Value {
    json!({ "method": "interline/sameText", "params": { "uri": "file:///p/a.rs", "version": version, "same": same } })
}

fn publish(version: Option<i64>) -> Value {
    let mut params = json!({ "uri": "file:///p/a.rs", "diagnostics": [{ "message": "m" }] });
    if let Some(version) = version {
        params["version"] = version.into();
    }
    json!({ "method": "textDocument/publishDiagnostics", "params": params })
}

fn hover(id: Value) -> Value {
    json!({ "id": id, "method": "textDocument/hover", "params": { "textDocument": { "uri": "file:///p/a.rs" } } })
}

#[test]
fn the_editor_and_the_server_are_passed_on() {
    let mut desk = Desk::with_agent();
    let check = |desk: &mut Desk, from_editor: bool, message: Value, agents: bool| {
        if from_editor {
            desk.editor(message.clone())
        } else {
            desk.server(message.clone())
        }
        let mut expect = vec![(if from_editor { To::Server } else { To::Editor }, message.clone())];
        expect.extend(agents.then_some((A, message)));
        desk.said(&expect);
    };
    check(&mut desk, true, hover(json!(5)), false);
    check(&mut desk, false, json!({ "id": 5, "result": 1 }), false);
    check(&mut desk, false, json!({ "id": 5, "method": "workspace/configuration", "params": {} }), false);
    check(&mut desk, true, json!({ "id": 5, "result": [] }), false);
    check(&mut desk, false, json!({ "method": "window/logMessage", "params": { "message": "m" } }), true);
    check(&mut desk, false, publish(None), true);
    desk.hub.hear_server(Piece::Raw { bytes: Bytes::from_static(b"garbage\n"), open: false });
    assert_eq!(desk.hub.take(), [(To::Editor, Bytes::from_static(b"garbage\n"))]);
}

#[test]
fn answers_go_to_those_who_asked() {
    let mut desk = Desk::with_agent();
    desk.comes(2);
    // All under the same id, also under that which an agent's first question would have without its secret.
    for id in [json!(1), json!("interline-1")] {
        desk.editor(hover(id.clone()));
        desk.agent(1, hover(id.clone()));
        desk.agent(2, hover(id.clone()));
        let asked: Vec<Value> = std::mem::take(&mut desk.said).into_iter().map(|(_, message)| message["id"].clone()).collect();
        assert!(asked[0] == id && asked[1] != asked[2] && asked[1] != id && asked[2] != id, "{asked:?}");
        for (at, who) in [(2, B), (0, To::Editor), (1, A)] {
            desk.server(json!({ "id": asked[at], "result": at }));
            desk.said(&[(who, json!({ "id": id, "result": at }))]);
        }
        // A second answer is nobody's.
        desk.server(json!({ "id": asked[1], "result": null }));
        desk.said(&[]);
    }
    // The server may ask under such an id, too.
    let asks = json!({ "id": "interline-secret-1", "method": "window/showMessageRequest" });
    desk.server(asks.clone());
    desk.said(&[(To::Editor, asks)]);
}

#[test]
fn greetings() {
    let mut desk = Desk { hub: Hub::new("secret"), said: Vec::new() };
    desk.hub.agent_comes(1);
    desk.agent(1, hover(json!(5)));
    assert_eq!(desk.said.remove(0).1["error"]["code"], -32002);
    desk.agent(1, json!({ "id": 0, "method": "initialize", "params": {} }));
    desk.editor(json!({ "id": "x", "method": "initialize", "params": { "processId": 7, "workspaceFolders": [{ "uri": "file:///p" }, { "uri": "file:///q" }] } }));
    assert_eq!(desk.hub.greeting(), None);
    desk.forget();
    let result = json!({ "capabilities": { "positionEncoding": "utf-32" } });
    desk.server(json!({ "id": "x", "result": result }));
    desk.said(&[(To::Editor, json!({ "id": "x", "result": result })), (A, json!({ "id": 0, "result": result }))]);
    let greeting = Greeting { roots: vec!["file:///p".into(), "file:///q".into()], editor: Some(7), result };
    assert_eq!(desk.hub.greeting(), Some(&greeting));
    desk.agent(1, json!({ "method": "initialized", "params": {} }));
    desk.agent(1, json!({ "id": 1, "method": "shutdown" }));
    desk.agent(1, json!({ "method": "exit" }));
    desk.said(&[(A, json!({ "id": 1, "result": null }))]);
}

#[test]
fn who_comes_later_learns_what_was_said() {
    let mut desk = Desk::new();
    let register = json!({ "id": 3, "method": "client/registerCapability", "params": { "registrations": [{ "id": "r", "method": "m" }, { "id": "s", "method": "m" }] } });
    let begin = json!({ "method": "$/progress", "params": { "token": "t", "value": { "kind": "begin", "title": "Indexing" } } });
    let status = json!({ "method": "experimental/serverStatus", "params": { "quiescent": false } });
    desk.server(register);
    desk.server(
        json!({ "id": 4, "method": "client/unregisterCapability", "params": { "unregisterations": [{ "id": "s", "method": "m" }] } }),
    );
    desk.server(begin.clone());
    desk.server(status.clone());
    desk.editor_opens(9, "text");
    desk.server(publish(Some(9)));
    desk.forget();
    desk.hub.agent_comes(1);
    desk.agent(1, json!({ "id": 0, "method": "initialize", "params": {} }));
    let copy = json!({ "id": "interline-secret-copy", "method": "client/registerCapability", "params": { "registrations": [{ "id": "r", "method": "m" }] } });
    desk.said.remove(0);
    desk.said(&[(A, copy.clone()), (A, begin), (A, status), (A, publish(None))]);
    desk.agent(1, json!({ "id": "interline-secret-copy", "result": null }));
    desk.said(&[]);
    desk.server(json!({ "id": 5, "method": "workspace/diagnostic/refresh", "params": null }));
    assert_eq!(desk.said.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [To::Editor, A]);
}

#[test]
fn documents_of_the_editor() {
    let mut desk = Desk::with_agent();
    desk.editor_opens(4, "one");
    // The server has it already; the agent counts for itself.
    desk.agent(1, open(1, "one"));
    desk.said(&[(A, same(1, true))]);
    desk.server(publish(Some(4)));
    desk.said(&[(To::Editor, publish(Some(4))), (A, publish(Some(1)))]);
    // The agent learns of the user's typing later than the server ...
    desk.editor(change(5, "one two"));
    desk.said(&[(To::Server, change(5, "one two")), (A, same(1, false))]);
    desk.server(publish(Some(5)));
    desk.said(&[(To::Editor, publish(Some(5)))]);
    desk.agent(1, change(2, "one two"));
    desk.said(&[(A, same(2, true)), (A, publish(Some(2)))]);
    // ... or earlier.
    desk.agent(1, change(3, "three"));
    desk.said(&[]);
    desk.server(publish(Some(5)));
    desk.said(&[(To::Editor, publish(Some(5)))]);
    desk.editor(change(6, "three"));
    desk.said(&[(To::Server, change(6, "three")), (A, same(3, true))]);
    desk.server(publish(None));
    desk.said(&[(To::Editor, publish(None)), (A, publish(None))]);
    desk.agent(1, json!({ "method": "textDocument/didSave", "params": { "textDocument": { "uri": "file:///p/a.rs" } } }));
    desk.agent(1, close());
    desk.said(&[]);
    desk.agent(1, json!({ "id": 8, "method": "interline/documents" }));
    let documents = json!([{ "uri": "file:///p/a.rs", "languageId": "rust", "version": 6, "text": "three" }]);
    desk.said(&[(A, json!({ "id": 8, "result": documents }))]);
}

#[test]
fn documents_of_agents() {
    let mut desk = Desk::with_agent();
    desk.comes(2);
    desk.agent(1, open(1, "one"));
    desk.said(&[(To::Server, open(1, "one")), (A, same(1, true))]);
    desk.agent(2, open(5, "one"));
    desk.said(&[(B, same(5, true))]);
    desk.agent(1, change(2, "two"));
    let mut said = std::mem::take(&mut desk.said);
    said[1..].sort_by_key(|(to, _)| *to == B);
    assert_eq!(said, [(To::Server, change(2, "two")), (A, same(2, true)), (B, same(5, false))]);
    // The editor's opening counts over theirs.
    desk.editor(open(0, "one"));
    let said = std::mem::take(&mut desk.said);
    assert_eq!(said[..2], [(To::Server, close()), (To::Server, open(0, "one"))]);
    assert!(said[2..].contains(&(A, same(2, false))) && said[2..].contains(&(B, same(5, true))) && said.len() == 4, "{said:?}");
    desk.agent(1, close());
    desk.said(&[]);
    // What the editor closes is the agent's again.
    desk.editor(close());
    desk.said(&[(To::Server, close()), (To::Server, open(5, "one"))]);
    desk.agent(2, change(6, "six"));
    desk.said(&[(To::Server, change(6, "six")), (B, same(6, true))]);
    desk.hub.agent_goes(2);
    desk.listen();
    desk.said(&[(To::Server, close())]);
}

#[test]
fn an_agent_that_dies_leaves_nothing_behind() {
    let mut desk = Desk::with_agent();
    desk.comes(2);
    desk.agent(1, open(1, "one"));
    desk.agent(2, open(1, "two"));
    desk.agent(1, hover(json!(1)));
    let asked = desk.said.last().expect("asked").1["id"].clone();
    desk.forget();
    desk.hub.agent_goes(1);
    desk.listen();
    let cancel = json!({ "method": "$/cancelRequest", "params": { "id": asked } });
    desk.said(&[(To::Server, close()), (To::Server, open(1, "two")), (B, same(1, true)), (To::Server, cancel)]);
    desk.server(json!({ "id": asked, "error": { "code": -32800 } }));
    desk.said(&[]);
}

#[test]
fn answers_about_another_text_are_none() {
    let mut desk = Desk::with_agent();
    desk.editor_opens(4, "one");
    desk.agent(1, open(1, "other"));
    desk.agent(1, hover(json!(1)));
    assert_eq!((desk.said[0].0, &desk.said[0].1["error"]["code"]), (A, &json!(-32801)));
    desk.agent(1, change(2, "one"));
    desk.forget();
    desk.agent(1, hover(json!(2)));
    let asked = desk.said[0].1["id"].clone();
    desk.editor(change(5, "typed"));
    desk.forget();
    desk.server(json!({ "id": asked, "result": 1 }));
    assert_eq!((desk.said[0].0, &desk.said[0].1["id"], &desk.said[0].1["error"]["code"]), (A, &json!(2), &json!(-32801)));
}

#[test]
fn the_edits_of_an_agents_command_are_the_agents() {
    let command = |id: i64| json!({ "id": id, "method": "workspace/executeCommand", "params": { "command": "c" } });
    let edit = json!({ "id": 9, "method": "workspace/applyEdit", "params": {} });
    let mut desk = Desk::with_agent();
    desk.server(edit.clone());
    desk.said(&[(To::Editor, edit.clone())]);
    desk.agent(1, command(1));
    desk.forget();
    desk.server(edit.clone());
    desk.said(&[(A, edit.clone())]);
    let answer = json!({ "id": 9, "result": { "applied": true } });
    desk.agent(1, answer.clone());
    desk.said(&[(To::Server, answer.clone())]);
    desk.agent(1, answer);
    desk.said(&[]);
    // Beside one of the editor's it cannot be known.
    desk.editor(command(3));
    desk.forget();
    desk.server(edit.clone());
    desk.said(&[(To::Editor, edit.clone())]);
    desk.server(json!({ "id": 3, "result": null }));
    desk.forget();
    desk.server(edit);
    desk.forget();
    desk.hub.agent_goes(1);
    desk.listen();
    assert_eq!(desk.said[1].1["result"]["applied"], false);
}

#[test]
fn nothing_stands_within_a_message_of_the_editors() {
    let mut desk = Desk::with_agent();
    desk.hub.hear_editor(Piece::Raw { bytes: Bytes::from_static(b"half"), open: true });
    desk.hub.hear_agent(1, open(1, "one").to_string().as_bytes());
    desk.hub.hear_editor(Piece::Raw { bytes: Bytes::from_static(b"rest"), open: false });
    let to_server: Vec<Bytes> = desk.hub.take().into_iter().filter(|(to, _)| *to == To::Server).map(|(_, bytes)| bytes).collect();
    assert_eq!(to_server[..2], ["half", "rest"]);
    assert!(to_server.len() == 3 && to_server[2].starts_with(b"Content-Length"));
}

#[test]
fn an_agents_answer_takes_no_line_of_the_editors_with_it() {
    let mut desk = Desk::with_agent();
    desk.agent(1, hover(json!(1)));
    let asked = desk.said[0].1["id"].clone();
    desk.forget();
    let body = json!({ "id": asked, "result": 1 }).to_string();
    let mut splitter = super::super::split::Splitter::default();
    splitter.push(format!("warning: beware\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    desk.hub.hear_server(splitter.next().expect("a message"));
    let said = desk.hub.take();
    assert_eq!((said.len(), &said[0]), (2, &(To::Editor, Bytes::from_static(b"warning: beware\n"))));
}

#[test]
fn what_agents_may_not() {
    let mut desk = Desk::with_agent();
    for method in ["initialized", "exit", "workspace/didChangeConfiguration", "window/workDoneProgress/cancel", "$/setTrace", "x"] {
        desk.agent(1, json!({ "method": method, "params": {} }));
    }
    desk.said(&[]);
    let watched = json!({ "method": "workspace/didChangeWatchedFiles", "params": { "changes": [] } });
    desk.agent(1, watched.clone());
    desk.said(&[(To::Server, watched)]);
    desk.editor(json!({ "id": 9, "method": "shutdown" }));
    assert!(desk.hub.is_ending());
    desk.forget();
    desk.agent(1, hover(json!(1)));
    desk.agent(1, open(1, "x"));
    assert!(desk.said.iter().all(|(to, _)| *to == A) && desk.said[0].1["error"]["code"] == -32600, "{:?}", desk.said);
}
