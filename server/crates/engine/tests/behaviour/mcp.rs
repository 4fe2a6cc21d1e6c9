//! MCP servers' tools as the model has them: named, permitted, called; and servers that come late, die or lie.

use std::io::{BufRead as _, Write as _};
use std::path::Path;

use proto::{Event, Part, PartKind, PermissionReply};
use serde_json::{Value, json};

use crate::model::{Reply, call};
use crate::world::{World, all_said, outcome, well_formed};

/// A server by this name: this program again, as the test below, which is a server only where the environment says so.
pub fn server(name: &str, more: Value) -> Value {
    let me = std::env::current_exe().unwrap();
    let mut entry = json!({ "type": "local", "command": [me, "--exact", "mcp::in_disguise", "--nocapture"], "environment": { "INTERLINE_FAKE_MCP": "1" } });
    for (key, value) in more.as_object().unwrap() {
        match value {
            Value::Object(inner) => inner.iter().for_each(|(inner, value)| entry[key][inner] = value.clone()),
            value => entry[key] = value.clone(),
        }
    }
    json!({ name: entry })
}

#[test]
fn in_disguise() {
    if std::env::var("INTERLINE_FAKE_MCP").is_err() {
        return;
    }
    let gate = std::env::var("GATE").ok();
    for line in std::io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let result = match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                // Opening a pipe for reading waits for its writer.
                gate.as_ref().map(|gate| std::fs::read(gate).unwrap());
                json!({ "protocolVersion": "2025-06-18", "serverInfo": { "name": "fake" }, "instructions": "Search before you write.",
                    "capabilities": { "tools": {}, "prompts": {}, "resources": {} } })
            }
            "tools/list" => {
                let tool = |name: &str, reads: bool| {
                    json!({ "name": name, "description": "Does it.", "annotations": { "readOnlyHint": reads },
                    "inputSchema": { "type": "object", "properties": { "text": { "type": "string", "description": "Wo\u{200B}rds\u{E0041}." } }, "anyOf": [{}] } })
                };
                json!({ "tools": [tool("say", true), tool("die", false), tool("fail", false)] })
            }
            "prompts/list" => json!({ "prompts": [{ "name": "greet", "arguments": [{ "name": "who", "required": true }] }] }),
            "prompts/get" => {
                json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": format!("Greet {}.", message["params"]["arguments"]["who"]) } }] })
            }
            "resources/list" => json!({ "resources": [{ "uri": "note:1", "name": "First" }] }),
            "resources/templates/list" => json!({ "resourceTemplates": [] }),
            "resources/read" => json!({ "contents": [{ "uri": "note:1", "text": "what stands in the note" }] }),
            "tools/call" => match message["params"]["name"].as_str().unwrap() {
                "die" => {
                    let _ = writeln!(std::io::stderr(), "out of luck");
                    std::process::exit(5);
                }
                "fail" => json!({ "content": [{ "type": "text", "text": "it went wrong" }], "isError": true }),
                _ => {
                    json!({ "content": [{ "type": "text", "text": message["params"]["arguments"]["text"].as_str().unwrap().repeat(50_000) }] })
                }
            },
            _ => continue,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })).unwrap();
        out.flush().unwrap();
    }
}

fn names(request: &Value) -> Vec<String> {
    request["tools"].as_array().into_iter().flatten().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect()
}

fn theirs(request: &Value) -> Vec<String> {
    names(request).into_iter().filter(|name| name.starts_with("notes_")).collect()
}

/// How the last call ended, as it was shown.
fn ended(world: &World) -> String {
    let state = |event: &Event| match event {
        Event::PartUpdated { part: Part { kind: PartKind::Tool { state, .. }, .. } } => Some(outcome(state)),
        _ => None,
    };
    world.seen.iter().rev().find_map(|event| state(&event.event)).unwrap()
}

async fn run(world: &mut World, tool: &'static str, args: Value) -> String {
    world.model.script([call(tool, args), Reply::Text("done")]);
    assert_eq!(world.turn("go").await, "done");
    ended(world)
}

#[tokio::test]
async fn tools_are_named_and_called() {
    let mut world = World::with(json!({ "mcp": server("notes", json!({})) })).await;
    let said = run(&mut world, "notes_say", json!({ "text": "word " })).await;
    assert!(said.starts_with("word word") && said.contains("truncated") && said.len() < 60_000, "{}", said.len());
    let request = world.model.request(1).await;
    let all = names(&request);
    assert!(all.is_sorted() && theirs(&request) == ["notes_die", "notes_fail", "notes_say"], "{all:?}");
    let tools = request["tools"].to_string();
    assert!(tools.contains("Words.") && !tools.contains(['\u{200B}', '\u{E0041}']), "what nobody sees instructs nobody: {tools}");
    let system = request["messages"][0]["content"].to_string();
    assert!(system.contains("Search before you write.") && system.contains("mcp_instructions"), "{system}");
    well_formed(&world.model.request(2).await);
    assert_eq!(run(&mut world, "notes_fail", json!({})).await, "error: it went wrong");
}

#[tokio::test]
async fn one_that_dies_is_explained_and_its_tools_stay() {
    let mut world = World::with(json!({ "mcp": server("notes", json!({})) })).await;
    let said = run(&mut world, "notes_die", json!({})).await;
    assert!(said.starts_with("error: ") && said.contains("exited with code 5") && said.contains("out of luck"), "{said}");
    let (before, after) = (world.model.request(1).await, world.model.request(2).await);
    assert_eq!(before["tools"], after["tools"], "what the provider has cached stays");
}

#[tokio::test]
async fn rules_hold_by_name() {
    let rules = json!({ "mcp": server("notes", json!({})), "permission": { "notes_*": "ask", "notes_fail": "deny" },
        "agent": { "quiet": { "mode": "primary", "permission": { "notes_*": "deny" } } } });
    let mut world = World::with(rules).await;
    world.model.script([call("notes_say", json!({ "text": "x" })), Reply::Text("done")]);
    world.ask("go").await;
    let prompt = world.prompt().await;
    assert_eq!(
        (prompt.permission.as_str(), prompt.patterns.as_slice(), prompt.always.as_slice()),
        ("notes_say", ["*".to_owned()].as_slice(), ["*".to_owned()].as_slice())
    );
    assert!(prompt.metadata["title"].as_str().unwrap().contains("{\"text\":\"x\"}"), "{:?}", prompt.metadata);
    world.permit(PermissionReply::Reject);
    world.idle().await;
    assert!(ended(&world).contains("rejected"));
    assert_eq!(theirs(&world.model.request(1).await), ["notes_die", "notes_say"]);
    world.engine.set_agent("quiet").unwrap();
    world.model.script([Reply::Text("done")]);
    world.turn("go").await;
    let request = world.model.request(2).await;
    assert!(theirs(&request).is_empty() && !request["messages"][0]["content"].to_string().contains("mcp_instructions"));
}

#[tokio::test]
async fn the_planner_asks() {
    let mut world = World::with(json!({ "mcp": server("notes", json!({})), "permission": "allow" })).await;
    world.engine.set_agent("plan").unwrap();
    world.model.script([call("notes_say", json!({ "text": "x" })), Reply::Text("done")]);
    world.ask("go").await;
    assert_eq!(world.prompt().await.permission, "notes_say");
    world.permit(PermissionReply::Once);
    assert_eq!(world.idle().await, "done");
}

#[cfg(unix)]
#[tokio::test]
async fn one_that_is_late_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let mut world = World::with(json!({ "mcp": server("notes", json!({ "environment": { "GATE": gate } })) })).await;
    world.model.script([Reply::Text("first")]);
    assert_eq!(world.turn("hello").await, "done");
    assert!(theirs(&world.model.request(1).await).is_empty());
    open(&gate).await;
    let prompt = "/notes:greet world";
    world.model.script([Reply::Text("second")]);
    assert_eq!(world.turn(prompt).await, "done");
    let request = world.model.request(2).await;
    assert_eq!(theirs(&request), ["notes_die", "notes_fail", "notes_say"]);
    assert!(all_said(&request).contains("Greet \"world\"."));
}

/// Lets those who wait for the pipe's writer go on.
async fn open(gate: &Path) {
    let gate = gate.to_owned();
    tokio::task::spawn_blocking(move || drop(std::fs::OpenOptions::new().write(true).open(gate).unwrap())).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_is_told_once() {
    let mut section = server("notes", json!({}));
    section["broken"] = json!({ "type": "local", "command": ["/nonexistent/program"] });
    let mut world = World::with(json!({ "mcp": section })).await;
    world.model.script([Reply::Text("1"), Reply::Text("2")]);
    world.turn("go").await;
    world.turn("on").await;
    let notices: Vec<String> = world
        .seen
        .iter()
        .filter_map(|event| match &event.event {
            Event::SessionNotice { message, .. } => Some(message.clone()),
            _ => None,
        })
        .collect();
    assert!(notices.len() == 1 && notices[0].contains("`broken` cannot be used"), "{notices:?}");
}

#[tokio::test]
async fn what_there_is_to_read() {
    let mut world = World::with(json!({ "mcp": server("notes", json!({})) })).await;
    assert_eq!(run(&mut world, "list_mcp_resources", json!({})).await.trim(), "notes note:1 — First");
    assert_eq!(run(&mut world, "read_mcp_resource", json!({ "server": "notes", "uri": "note:1" })).await, "what stands in the note");
    world.model.script([Reply::Text("done")]);
    world.turn("see @notes:note:1").await;
    let request = world.model.request(5).await;
    assert!(
        all_said(&request).contains("<resource server=\"notes\" uri=\"note:1\">\nwhat stands in the note\n</resource>"),
        "{}",
        all_said(&request)
    );
}
