//! Cancelling, at every moment.

use engine::EngineError;
use proto::{Event, PermissionReply, SessionStatus};
use serde_json::json;

use crate::model::{Reply, call, calls};
use crate::world::{World, all_said, answers, outcome, said, tool_states, well_formed};

#[tokio::test]
async fn while_the_model_speaks() {
    let mut world = World::new().await;
    world.model.script([Reply::Hang("I was about to"), Reply::Text("fine")]);
    world.ask("go").await;
    world.words("about to").await;
    assert!(world.engine.cancel(None));
    assert_eq!(world.idle().await, "cancelled: Cancelled.");
    world.model.closed(1).await;
    assert_eq!(world.turn("go on").await, "done");
    let request = world.model.request(2).await;
    assert_eq!(said(&request), ["user: go", "assistant: I was about to", "user: go on"]);
    world.engine.shutdown().await;
    assert_eq!(answers(&world.stored())[0], "I was about to");
}

#[tokio::test]
async fn while_a_command_runs() {
    let mut world = World::new().await;
    let script = "echo $$ > pid; echo begun; while [ ! -e never ]; do :; done; touch after";
    world.model.script([
        calls([("bash", json!({"command": script, "description": "x"})), ("write", json!({"filePath": "w.txt", "content": "x"}))]),
        Reply::Text("fine"),
    ]);
    world.ask("go").await;
    world.event("output", |e| serde_json::to_string(e).unwrap().contains("begun\\n").then_some(())).await;
    assert!(world.engine.cancel(None));
    assert_eq!(world.idle().await, "cancelled: Cancelled.");
    let pid = std::fs::read_to_string(world.project().join("pid")).unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{}/cwd", pid.trim())).exists(), "the command lives");
    assert_eq!(world.files.get("w.txt"), None);
    world.turn("next").await;
    let request = world.model.request(2).await;
    well_formed(&request);
    let all = all_said(&request);
    assert!(all.contains("begun") && all.contains("interrupted") && all.contains("Not run"), "{all}");
}

#[tokio::test]
async fn while_a_prompt_waits() {
    let mut world = World::with(json!({"permission": {"edit": "ask"}})).await;
    world.model.script([call("write", json!({"filePath": "a.txt", "content": "x"})), Reply::Text("fine")]);
    world.ask("go").await;
    let prompt = world.prompt().await;
    assert_eq!(world.engine.waiting().len(), 1);
    assert!(world.engine.cancel(None));
    assert!(world.idle().await.starts_with("cancelled"));
    assert!(world.engine.waiting().is_empty());
    let late = world.engine.permit(Some(&prompt.id), PermissionReply::Once, None);
    assert!(matches!(late, Err(EngineError::NotWaiting)));
    assert_eq!(world.files.get("a.txt"), None);
    assert!(world.seen.iter().any(|e| matches!(&e.event, Event::PermissionReplied { request_id, .. } if *request_id == prompt.id)));
    world.turn("next").await;
    well_formed(&world.model.request(2).await);
}

#[tokio::test]
async fn during_the_wait_before_a_retry() {
    let mut world = World::new().await;
    world.model.script([Reply::Error(529, "retry-after: 50\r\n", "{}"), Reply::Text("fine")]);
    world.ask("go").await;
    world.event("retry", |e| matches!(e, Event::SessionStatus { status: SessionStatus::Retry { .. }, .. }).then_some(())).await;
    assert!(world.engine.cancel(None));
    assert!(world.idle().await.starts_with("cancelled"));
    assert_eq!(world.turn("next").await, "done");
    assert_eq!(said(&world.model.request(2).await), ["user: go", "user: next"]);
}

#[tokio::test]
async fn during_a_summary() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("hello"), crate::model::overflow(), Reply::Text("fine")]);
    world.model.summaries([Reply::Hang("The sum")]);
    world.turn("one").await;
    world.ask("two").await;
    world.model.summary(1).await;
    assert!(world.engine.cancel(None));
    assert!(world.idle().await.starts_with("cancelled"));
    world.model.closed(1).await;
    assert_eq!(world.turn("three").await, "done");
    assert!(all_said(&world.model.request(3).await).contains("user: two"));
}

#[tokio::test]
async fn the_end_of_the_process_interrupts_and_stores_it() {
    let mut world = World::new().await;
    let wait = json!({"command": "while [ ! -e never ]; do :; done", "description": "waits"});
    world.model.script([call("bash", wait)]);
    world.ask("go").await;
    world.running("bash").await;
    world.engine.shutdown().await;
    let states = tool_states(&world.stored());
    assert!(outcome(&states[0].1).contains("interrupted"), "{states:?}");
}

#[tokio::test]
async fn a_tool_that_does_not_listen_is_given_up() {
    let mut world = World::new().await;
    world.model.script([call("read", json!({"filePath": "hang.txt"})), Reply::Text("fine")]);
    world.ask("go").await;
    world.running("read").await;
    assert!(world.engine.cancel(None));
    assert!(world.idle().await.starts_with("cancelled"));
    world.turn("next").await;
    well_formed(&world.model.request(2).await);
}
