//! Language servers as the agent's hands: looked up, renamed and mended through the tools, over a server that says what the test wants.

use std::collections::BTreeMap;

use proto::PermissionReply;
use serde_json::{Value, json};

use crate::model::{Reply, call};
use crate::siblings::{publish, read, say};
use crate::undo::undo;
use crate::world::{World, outcome, tool_states};

/// This program again, as a language server: the test below, which is one only where the environment says so.
pub fn server(manner: &str) -> Value {
    let me = std::env::current_exe().unwrap();
    json!({ "permission": { "edit": "allow" }, "lsp": { "fake": {
        "command": [me, "--exact", "hands::in_disguise", "--nocapture"],
        "extensions": [".f"],
        "env": { "INTERLINE_FAKE_HANDS": manner },
    } } })
}

/// What the server has open: text and version, by URI.
type Open = BTreeMap<String, (String, i64)>;

/// In its language each word means the same wherever it stands; it knows the files that are open, and `unopened.f` on the disk.
#[test]
fn in_disguise() {
    let Ok(manner) = std::env::var("INTERLINE_FAKE_HANDS") else { return };
    let mut open = Open::new();
    let mut stale = manner == "stale";
    while let Some(message) = read() {
        let (id, params) = (&message["id"], &message["params"]);
        let answer = |result: Value| say(&json!({ "id": id, "result": result }));
        let document = &params["textDocument"];
        let uri = document["uri"].as_str().unwrap_or_default().to_owned();
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => answer(json!({ "capabilities": {
                "textDocumentSync": 1, "definitionProvider": true, "referencesProvider": true, "renameProvider": true,
                "codeActionProvider": { "resolveProvider": true }, "executeCommandProvider": { "commands": ["_typescript.applyRefactoring", "fake.else"] },
                "workspaceSymbolProvider": true, "documentSymbolProvider": true, "hoverProvider": true,
            } })),
            "textDocument/didOpen" | "textDocument/didChange" => {
                let text = document["text"].as_str().or_else(|| params["contentChanges"][0]["text"].as_str()).unwrap();
                publish(document, text);
                open.insert(uri, (text.to_owned(), document["version"].as_i64().unwrap()));
            }
            "textDocument/didClose" => drop(open.remove(&uri)),
            "textDocument/definition" => answer(json!(uses(&open, &word(&open, params)).into_iter().next())),
            "textDocument/references" => answer(json!(uses(&open, &word(&open, params)))),
            "textDocument/hover" => answer(json!({ "contents": format!("the word {}", word(&open, params)) })),
            "workspace/symbol" => {
                let symbol = |location: Value| json!({ "name": params["query"], "kind": 12, "location": location });
                answer(uses(&open, params["query"].as_str().unwrap()).into_iter().map(symbol).collect());
            }
            "textDocument/rename" => {
                let version = |uri: &str| open.get(uri).map(|(_, version)| if std::mem::take(&mut stale) { version - 1 } else { *version });
                answer(rename(&open, &word(&open, params), params["newName"].as_str().unwrap(), version));
            }
            "textDocument/codeAction" => answer(json!([
                { "title": "Shout", "kind": "quickfix", "data": uri },
                { "title": "By command", "command": { "title": "t", "command": "_typescript.applyRefactoring", "arguments": [uri] } },
                { "title": "Something else", "command": { "title": "t", "command": "fake.else", "arguments": [uri] } },
                { "title": "The extension's", "command": { "title": "t", "command": "extension.only", "arguments": [] } },
                { "title": "Out of the project", "edit": { "changes": { "file:///etc/passwd": [insert("x")] } } },
                { "title": "Overlapping", "edit": { "changes": { uri.clone(): [at(0, 0, 2, "x"), at(0, 1, 3, "y")] } } },
            ])),
            "codeAction/resolve" => {
                let mut action = params.clone();
                action["edit"] = json!({ "changes": { params["data"].as_str().unwrap(): [insert("LOUD ")] } });
                answer(action);
            }
            "workspace/executeCommand" => {
                let uri = params["arguments"][0].as_str().unwrap();
                say(
                    &json!({ "id": "edit", "method": "workspace/applyEdit", "params": { "edit": { "changes": { uri: [insert("COMMANDED ")] } } } }),
                );
                let mut applied = Value::Null;
                let mut has = String::new();
                // It waits for the answer; the new text must have come before it.
                while let Some(message) = read() {
                    if message["id"] == "edit" {
                        applied = message["result"]["applied"].clone();
                        break;
                    }
                    has = message["params"]["contentChanges"][0]["text"].as_str().unwrap_or_default().to_owned();
                }
                assert_eq!(applied == true, has.starts_with("COMMANDED"), "{has}");
                if manner == "again" {
                    say(
                        &json!({ "id": "more", "method": "workspace/applyEdit", "params": { "edit": { "changes": { uri: [insert("MORE ")] } } } }),
                    );
                }
                answer(Value::Null);
            }
            "exit" => return,
            _ if !id.is_null() => answer(Value::Null),
            _ => {}
        }
    }
}

fn at(line: usize, from: usize, to: usize, new: &str) -> Value {
    json!({ "range": { "start": { "line": line, "character": from }, "end": { "line": line, "character": to } }, "newText": new })
}

fn insert(new: &str) -> Value {
    at(0, 0, 0, new)
}

fn word(open: &Open, params: &Value) -> String {
    let (text, _) = &open[params["textDocument"]["uri"].as_str().unwrap()];
    let number = |name: &str| params["position"][name].as_u64().unwrap() as usize;
    let line = text.lines().nth(number("line")).unwrap();
    line[number("character")..].split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()
}

/// All that the server knows: what is open, and one file on the disk.
fn texts(open: &Open) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = open.iter().map(|(uri, (text, _))| (uri.clone(), text.clone())).collect();
    let path = std::env::current_dir().unwrap().join("unopened.f");
    if let Ok(text) = std::fs::read_to_string(&path) {
        texts.entry(format!("file://{}", path.display())).or_insert(text);
    }
    texts
}

fn uses(open: &Open, word: &str) -> Vec<Value> {
    let mut uses = Vec::new();
    for (uri, text) in texts(open) {
        for (number, line) in text.lines().enumerate() {
            uses.extend(line.match_indices(word).map(|(from, _)| {
                let mut use_ = at(number, from, from + word.len(), "");
                use_["uri"] = json!(uri);
                use_
            }));
        }
    }
    uses
}

fn rename(open: &Open, word: &str, new: &str, mut version: impl FnMut(&str) -> Option<i64>) -> Value {
    let mut edits: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for mut one in uses(open, word) {
        one["newText"] = json!(new);
        edits.entry(one["uri"].as_str().unwrap().to_owned()).or_default().push(one);
    }
    let changes = edits.into_iter().map(|(uri, edits)| json!({ "textDocument": { "uri": uri, "version": version(&uri) }, "edits": edits }));
    json!({ "documentChanges": changes.collect::<Vec<_>>() })
}

/// What a call brought, by the model's number for it.
pub fn results(world: &World) -> Vec<String> {
    tool_states(&world.stored()).iter().map(|(_, state)| outcome(state)).collect()
}

async fn world(manner: &str) -> World {
    let world = World::with(server(manner)).await;
    world.files.set("a.f", "one two\nthree one\n");
    world.files.set("b.f", "one\n");
    world
}

fn on(tool: &'static str, line: u64, symbol: &str, more: Value) -> Reply {
    let mut args = json!({ "filePath": "a.f", "line": line, "symbol": symbol });
    args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call(tool, args)
}

fn action(name: &str) -> Reply {
    call("lsp_code_action", json!({ "filePath": "a.f", "line": 1, "action": name }))
}

/// Calls these, one a step; what each brought.
async fn turn(world: &mut World, replies: impl IntoIterator<Item = Reply>) -> Vec<String> {
    world.model.script(replies.into_iter().chain([Reply::Text("done")]));
    assert_eq!(world.turn("go").await, "done");
    world.flush().await;
    results(world)
}

#[tokio::test]
async fn names_are_looked_up() {
    let mut world = world("").await;
    let got = turn(
        &mut world,
        [
            on("lsp_references", 2, "one", json!({})),
            on("lsp_definition", 2, "one", json!({})),
            on("lsp_hover", 2, "three", json!({})),
            call("lsp_symbols", json!({ "symbol": "two" })),
            on("lsp_references", 2, "four", json!({})),
            call("lsp", json!({ "operation": "findReferences", "filePath": "a.f", "line": 2, "character": 1 })),
            call("lsp_hover", json!({ "filePath": "x.unknown", "line": 1, "symbol": "x" })),
        ],
    )
    .await;
    world.files.set("x.unknown", "x\n");
    assert_eq!(got[0], "2 uses (with declarations):\na.f:1:1: one two\na.f:2:7: three one");
    assert_eq!(got[1], "a.f:1:1: one two");
    assert_eq!(got[2], "the word three");
    assert_eq!(got[3], "a.f:1: function two");
    assert!(got[4].contains("`four` does not stand there: line 2 of a.f is: three one"), "{}", got[4]);
    assert_eq!(got[5], "1 uses (with declarations):\na.f:2:1: three one");
    assert!(got[6].contains("not found"), "{}", got[6]);
}

#[tokio::test]
async fn who_is_not_there_is_named() {
    let lsp = json!({ "lsp": { "fake": { "command": ["no-such-server"], "extensions": [".f"] } } });
    for (config, file, expect) in [
        (lsp.clone(), "a.f", "no language server for a.f is installed (it could be no-such-server)"),
        (lsp, "x.unknown", "no language server is known for x.unknown"),
        (json!({ "lsp": false }), "a.f", "switched off"),
    ] {
        let mut world = World::with(config).await;
        world.files.set(file, "one\n");
        let got = turn(&mut world, [call("lsp_hover", json!({ "filePath": file, "line": 1, "symbol": "one" }))]).await;
        assert!(got[0].contains(expect) && got[0].contains("use grep"), "{}", got[0]);
    }
}

#[tokio::test]
async fn a_rename_is_one_step_of_all_files_and_one_undo() {
    for manner in ["", "stale"] {
        let mut world = world(manner).await;
        let got = turn(
            &mut world,
            [
                // The server knows what it was given: both files.
                call("lsp_hover", json!({ "filePath": "b.f", "line": 1, "symbol": "one" })),
                on("lsp_rename", 2, "one", json!({ "newName": "uno" })),
            ],
        )
        .await;
        assert!(got[1].starts_with("Renamed one to uno:\nM a.f (2 places)\nM b.f (1 place)"), "{}", got[1]);
        assert_eq!(world.files.get("a.f").as_deref(), Some("uno two\nthree uno\n"));
        assert_eq!(world.files.get("b.f").as_deref(), Some("uno\n"));
        assert_eq!(undo(&world).await.changed.len(), 2);
        assert_eq!((world.files.get("a.f").as_deref(), world.files.get("b.f").as_deref()), (Some("one two\nthree one\n"), Some("one\n")));
    }
}

#[tokio::test]
async fn the_users_text_counts_not_the_disks() {
    let mut world = world("").await;
    // The server reads this one from the disk, and the user has typed in it.
    std::fs::write(world.project().join("unopened.f"), "one\n").unwrap();
    world.files.set("unopened.f", "typed above\none\n");
    let got = turn(&mut world, [on("lsp_rename", 2, "one", json!({ "newName": "uno" }))]).await;
    assert!(got[0].contains("M unopened.f (1 place)"), "{}", got[0]);
    assert_eq!(world.files.get("unopened.f").as_deref(), Some("typed above\nuno\n"));
}

#[tokio::test]
async fn a_rename_is_asked_for_with_its_diff() {
    let mut config = server("");
    config["permission"] = json!({ "edit": "ask" });
    let mut world = World::with(config).await;
    world.files.set("a.f", "one two\n");
    world.model.script([on("lsp_rename", 1, "one", json!({ "newName": "uno" })), Reply::Text("done")]);
    world.ask("go").await;
    let prompt = world.prompt().await;
    assert_eq!((prompt.permission.as_str(), prompt.patterns.as_slice()), ("edit", &["a.f".to_owned()][..]));
    assert!(prompt.metadata["diff"].as_str().unwrap().contains("-one two\n+uno two"), "{prompt:?}");
    assert_eq!(world.files.get("a.f").as_deref(), Some("one two\n"), "nothing is done unasked");
    world.permit(PermissionReply::Reject);
    world.idle().await;
    assert_eq!(world.files.get("a.f").as_deref(), Some("one two\n"));
}

#[tokio::test]
async fn actions_by_an_edit_and_by_a_command() {
    let mut world = world("").await;
    let got =
        turn(&mut world, [call("lsp_code_action", json!({ "filePath": "a.f", "line": 1 })), action("Shout"), action("By command")]).await;
    assert!(got[0].starts_with("1. Shout [quickfix]\n2. By command\n3. Something else\n"), "{}", got[0]);
    assert!(got[1].starts_with("Done: Shout\nM a.f (1 place)"), "{}", got[1]);
    assert!(got[2].starts_with("Done: By command\nM a.f (1 place)"), "{}", got[2]);
    assert_eq!(world.files.get("a.f").as_deref(), Some("COMMANDED LOUD one two\nthree one\n"));
    assert_eq!(undo(&world).await.changed.len(), 1);
    assert_eq!(world.files.get("a.f").as_deref(), Some("one two\nthree one\n"));
}

#[tokio::test]
async fn several_edits_of_one_command_are_all_made() {
    let mut world = world("again").await;
    let got = turn(&mut world, [action("By command")]).await;
    assert!(got[0].starts_with("Done: By command\nM a.f (1 place)\nM a.f (1 place)"), "{}", got[0]);
    assert_eq!(world.files.get("a.f").as_deref(), Some("MORE COMMANDED one two\nthree one\n"));
}

#[tokio::test]
async fn hostile_edits_change_nothing() {
    let mut config = server("");
    config["permission"] = json!({ "edit": "allow", "external_directory": "deny", "bash": "deny" });
    let mut world = World::with(config).await;
    world.files.set("a.f", "one two\n");
    let got = turn(&mut world, ["Out of the project", "Overlapping", "Something else", "The extension's", "Nothing"].map(action)).await;
    for (got, expect) in got.iter().zip([
        "permission denied",
        "two edits overlap",
        "permission denied",
        "`extension.only` is a command of an editor's extension",
        "no action is called \"Nothing\"",
    ]) {
        assert!(got.starts_with("error") && got.contains(expect), "{got}");
    }
    assert_eq!(world.files.get("a.f").as_deref(), Some("one two\n"));
}

#[tokio::test]
async fn a_command_whose_edit_is_refused_changes_nothing() {
    let mut config = server("");
    config["permission"] = json!({ "edit": "deny" });
    config["agent"] = json!({ "build": { "permission": { "edit": { "*": "allow", "a.f": "deny" } } } });
    let mut world = World::with(config).await;
    world.files.set("a.f", "one two\n");
    let got = turn(&mut world, [action("By command")]).await;
    assert!(got[0].contains("permission denied"), "{}", got[0]);
    assert_eq!(world.files.get("a.f").as_deref(), Some("one two\n"));
}

/// The names of the tools that a request offers.
fn offered(request: &Value) -> Vec<String> {
    let tools = request["tools"].as_array().cloned().unwrap_or_default();
    tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).filter(|name| name.starts_with("lsp")).collect()
}

const READING: [&str; 5] = ["lsp_definition", "lsp_diagnostics", "lsp_hover", "lsp_references", "lsp_symbols"];
const ALL: [&str; 7] = ["lsp_code_action", "lsp_definition", "lsp_diagnostics", "lsp_hover", "lsp_references", "lsp_rename", "lsp_symbols"];

#[tokio::test]
async fn they_are_offered_where_a_server_may_look() {
    for (files, more, model, agent, expect) in [
        (vec!["src/a.f"], json!({}), "mock/test", "build", &ALL[..]),
        (vec!["src/a.f"], json!({}), "mock/test", "plan", &READING),
        (vec![], json!({}), "mock/test", "build", &[]),
        (vec!["src/a.f"], json!({ "lsp": false }), "mock/test", "build", &[]),
        (vec!["src/a.f"], json!({ "permission": { "lsp": "deny" } }), "mock/test", "build", &[]),
        (vec!["src/a.f"], json!({}), "mock/tiny-1b", "build", &[]),
    ] {
        let mut config = server("");
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config["model"] = json!(model);
        let mut world = World::with(config).await;
        for file in &files {
            std::fs::create_dir_all(world.project().join("src")).unwrap();
            std::fs::write(world.project().join(file), "one\n").unwrap();
        }
        world.model.script([Reply::Text("hello")]);
        world
            .engine
            .ask(engine::AskRequest { text: "go".into(), agent: Some(agent.into()), ..engine::AskRequest::default() })
            .await
            .unwrap();
        world.idle().await;
        let request = world.model.request(1).await;
        assert_eq!(offered(&request), expect, "{files:?} {more} {model} {agent}");
        // What is offered does not change amid a session.
        for file in files {
            std::fs::remove_file(world.project().join(file)).unwrap();
        }
        world.model.script([Reply::Text("hello again")]);
        world
            .engine
            .ask(engine::AskRequest { text: "go".into(), agent: Some(agent.into()), ..engine::AskRequest::default() })
            .await
            .unwrap();
        world.idle().await;
        assert_eq!(world.model.request(2).await["tools"], request["tools"]);
    }
}
