//! MCP servers that the project brings: none is started without consent, and no turn waits for it.

use proto::{Event, PermissionReply};
use serde_json::{Value, json};

use crate::model::{Reply, call};
use crate::world::{World, outcome, tool_states};

/// A server that leaves a trace when it is started.
fn server() -> Value {
    let me = std::env::current_exe().unwrap();
    let script = "echo x >> started; exec \"$0\" --exact mcp::in_disguise --nocapture";
    json!({ "type": "local", "command": ["/bin/sh", "-c", script, me], "environment": { "INTERLINE_FAKE_MCP": "1", "KEY": "sk-of-the-user" } })
}

/// The project brings the server; `home` is the user's own configuration.
async fn with(server: &Value, home: &Value, more: Value) -> World {
    let mut config = json!({ "mcp": { "notes": server } });
    more.as_object().unwrap().iter().for_each(|(key, value)| config[key] = value.clone());
    let mut world = World::with(config).await;
    put(&mut world, server, home).await;
    world
}

/// Writes both down, and begins anew.
async fn put(world: &mut World, server: &Value, home: &Value) {
    let own = world.project().with_file_name("home").join(".config/interline");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("interline.json"), home.to_string()).unwrap();
    std::fs::write(world.project().join("opencode.json"), json!({ "mcp": { "notes": server } }).to_string()).unwrap();
    world.config["mcp"]["notes"] = server.clone();
    world.restart().await;
}

fn starts(world: &World) -> usize {
    std::fs::read_to_string(world.project().join("started")).unwrap_or_default().lines().count()
}

/// Waits until the server has said what it has.
async fn has_answered(world: &World) {
    while world.engine.server_prompts().is_empty() {
        tokio::task::yield_now().await;
    }
}

/// What the user was told so far.
fn notices(world: &World) -> String {
    let told = world.seen.iter().filter_map(|event| match &event.event {
        Event::SessionNotice { message, .. } => Some(message.as_str()),
        _ => None,
    });
    told.collect::<Vec<_>>().join("\n")
}

fn offers(request: &Value) -> bool {
    request["tools"].as_array().unwrap().iter().any(|tool| tool["function"]["name"] == "notes_say")
}

/// Whether a turn asks for consent; it ends well in any case.
async fn asks(world: &mut World, text: &str) -> bool {
    let before = world.seen.len();
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn(text).await, "done");
    world.seen[before..].iter().any(|event| matches!(event.event, Event::PermissionAsked(_)))
}

#[tokio::test]
async fn no_turn_waits_and_nothing_starts_before_the_user_allows_it() {
    // What the project's own rules say of it counts for nothing.
    let mut world = with(&server(), &json!({}), json!({ "permission": { "project_code": "allow", "notes_say": "allow" } })).await;
    world.model.script([Reply::Text("ok"), call("notes_say", json!({ "text": "x" })), Reply::Text("ok")]);
    world.ask("go").await;
    let prompt = world.prompt().await;
    assert_eq!((prompt.permission.as_str(), prompt.patterns.len()), ("project_code", 1));
    assert!(prompt.patterns[0].starts_with("mcp notes #"), "{prompt:?}");
    let shown = prompt.metadata.to_string();
    assert!(shown.contains("mcp::in_disguise") && !shown.contains("sk-of-the-user"), "{shown}");
    assert_eq!(world.idle().await, "done");
    let told = notices(&world);
    assert!(told.contains("`notes`") && told.contains("before you allow it"), "{told}");
    assert!(!offers(&world.model.request(1).await) && starts(&world) == 0);
    world.permit(PermissionReply::Once);
    has_answered(&world).await;
    assert_eq!(world.turn("again").await, "done");
    assert!(offers(&world.model.request(2).await) && starts(&world) == 1);
    world.engine.shutdown().await;
    assert_eq!(outcome(&tool_states(&world.stored())[0].1).len(), 50_000);
}

#[tokio::test]
async fn always_holds_until_the_entry_changes() {
    let mut entry = server();
    let mut world = with(&entry, &json!({}), json!({})).await;
    assert!(asks(&mut world, "1").await);
    world.permit(PermissionReply::Always);
    has_answered(&world).await;
    // It is switched on and off, and waited for, as the project likes.
    entry["timeout"] = json!(9000);
    put(&mut world, &entry, &json!({})).await;
    assert!(!asks(&mut world, "2").await);
    has_answered(&world).await;
    assert_eq!(starts(&world), 2);
    entry["environment"]["LD_PRELOAD"] = json!("evil.so");
    put(&mut world, &entry, &json!({})).await;
    assert!(asks(&mut world, "3").await);
    assert_eq!(starts(&world), 2);
    world.permit(PermissionReply::Reject);
    assert!(!asks(&mut world, "4: it is not asked twice").await);
}

#[tokio::test]
async fn a_program_of_the_project_that_changes_is_asked_for_again() {
    let entry = json!({ "type": "local", "command": ["/bin/sh", "tools/server.sh"] });
    let mut world = with(&entry, &json!({}), json!({})).await;
    std::fs::create_dir(world.project().join("tools")).unwrap();
    let write = |world: &World, text: &str| std::fs::write(world.project().join("tools/server.sh"), text).unwrap();
    write(&world, "exit 0");
    world.restart().await;
    assert!(asks(&mut world, "1").await);
    world.permit(PermissionReply::Always);
    world.restart().await;
    assert!(!asks(&mut world, "2").await);
    write(&world, "echo more >> started");
    world.restart().await;
    assert!(asks(&mut world, "3").await);
    assert_eq!(starts(&world), 0);
}

#[tokio::test]
async fn the_users_own_configuration_needs_no_consent_and_may_speak_for_projects() {
    let home = json!({ "mcp": { "notes": server() } });
    let mut world = with(&server(), &home, json!({})).await;
    assert!(!asks(&mut world, "the same as the user's own").await);
    assert_eq!(starts(&world), 1);
    let mut changed = server();
    changed["command"][2] = json!("echo evil >> started");
    put(&mut world, &changed, &home).await;
    assert!(asks(&mut world, "another one under its name").await);
    put(&mut world, &changed, &json!({ "permission": { "project_code": { "mcp *": "allow" } } })).await;
    assert!(!asks(&mut world, "trusted").await);
    put(&mut world, &server(), &json!({ "permission": { "project_code": "deny" } })).await;
    let before = starts(&world);
    assert!(!asks(&mut world, "denied").await);
    assert_eq!(starts(&world), before);
}

#[tokio::test]
async fn where_nobody_can_be_asked_it_is_said_how_to_allow_it() {
    let mut world = World::alone(json!({ "mcp": { "notes": server() } })).await;
    put(&mut world, &server(), &json!({})).await;
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn("go").await, "done");
    let told = notices(&world);
    assert!(told.contains("nobody to ask") && told.contains("interline mcp allow notes"), "{told}");
    assert!(!offers(&world.model.request(1).await) && starts(&world) == 0);
}

#[tokio::test]
async fn its_answer_says_nothing_of_other_prompts_nor_theirs_of_it() {
    let mut world = with(&server(), &json!({}), json!({ "permission": { "bash": "ask" } })).await;
    let touch = |name: &'static str| call("bash", json!({ "command": format!("touch {name}"), "description": "x" }));
    world.model.script([touch("a"), Reply::Text("ok"), touch("b"), Reply::Text("ok")]);
    world.ask("go").await;
    let consent = world.prompt().await;
    assert_eq!(world.prompt().await.permission, "bash");
    // Who names none means what stands at the call, though the other is older.
    world.permit(PermissionReply::Once);
    assert_eq!(world.idle().await, "done");
    assert!(world.project().join("a").exists() && starts(&world) == 0);
    world.ask("again").await;
    let bash = world.prompt().await;
    world.engine.permit(Some(&consent.id), PermissionReply::Reject, None).unwrap();
    world.engine.permit(Some(&bash.id), PermissionReply::Once, None).unwrap();
    assert_eq!(world.idle().await, "done");
    assert!(world.project().join("b").exists() && starts(&world) == 0);
}

#[tokio::test]
async fn a_call_that_is_refused_leaves_it_waiting() {
    let mut world = with(&server(), &json!({}), json!({ "permission": { "bash": "ask" } })).await;
    world.model.script([call("bash", json!({ "command": "touch a", "description": "x" })), Reply::Text("ok")]);
    world.ask("go").await;
    let consent = world.prompt().await;
    world.prompt().await;
    world.permit(PermissionReply::Reject);
    world.idle().await;
    world.engine.permit(Some(&consent.id), PermissionReply::Once, None).unwrap();
    has_answered(&world).await;
    assert_eq!(starts(&world), 1);
}

#[tokio::test]
async fn its_prompts_and_resources_wait_too() {
    let mut world = with(&server(), &json!({}), json!({})).await;
    let asked = world.engine.ask(engine::AskRequest { text: "/notes:greet you".into(), ..engine::AskRequest::default() }).await;
    let Err(error) = asked else { panic!("it was asked for its prompt") };
    assert!(error.to_string().contains("before the user allows it"), "{error}");
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn("see @notes:note:1").await, "done");
    assert_eq!(starts(&world), 0);
}
