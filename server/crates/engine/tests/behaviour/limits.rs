//! Steps, empty answers, retries.

use std::sync::Arc;

use proto::{Event, SessionStatus};
use serde_json::json;
use tokio::sync::Notify;

use crate::model::{Reply, call};
use crate::world::{World, all_said, answers, said, well_formed};

#[tokio::test]
async fn the_last_step_is_announced_and_the_turn_ends_with_its_reason() {
    let mut world = World::with(json!({"agent": {"build": {"steps": 2}}})).await;
    world.files.set("a.txt", "x\n");
    world.model.script([call("read", json!({"filePath": "a.txt"})), call("read", json!({"filePath": "a.txt"})), Reply::Text("fresh")]);
    let reason = world.turn("go").await;
    assert!(reason.starts_with("limit") && reason.contains('2'), "{reason}");
    assert!(!all_said(&world.model.request(1).await).contains("last step"));
    assert!(all_said(&world.model.request(2).await).contains("last step"));
    assert_eq!(world.turn("more").await, "done");
    well_formed(&world.model.request(3).await);
}

#[tokio::test]
async fn empty_answers_are_asked_for_again_and_leave_no_trace() {
    let mut world = World::new().await;
    world.model.script([Reply::Empty, Reply::Empty, Reply::Text("at last")]);
    assert_eq!(world.turn("go").await, "done");
    world.engine.shutdown().await;
    assert_eq!(answers(&world.stored()), ["at last"]);
}

#[tokio::test]
async fn nothing_but_empty_answers_ends_with_a_reason() {
    let mut world = World::new().await;
    world.model.script([Reply::Empty, Reply::Empty, Reply::Empty]);
    let reason = world.turn("go").await;
    assert!(reason.starts_with("error") && reason.contains("nothing"), "{reason}");
}

#[tokio::test]
async fn an_answer_at_the_output_limit_says_so() {
    let mut world = World::new().await;
    world.model.script([Reply::Long("half a")]);
    assert!(world.turn("go").await.starts_with("limit"));
}

#[tokio::test]
async fn a_provider_that_is_busy_is_asked_again_when_it_says() {
    let mut world = World::new().await;
    world.model.script([Reply::Error(429, "retry-after-ms: 250\r\n", "{}"), Reply::Text("ok")]);
    world.ask("go").await;
    let wait = world
        .event("retry", |e| match e {
            Event::SessionStatus { status: SessionStatus::Retry { attempt, next, .. }, .. } => Some((*attempt, *next)),
            _ => None,
        })
        .await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert_eq!(wait.0, 1);
    assert!((wait.1 - now).abs() < 2000, "{wait:?} {now}");
    assert_eq!(world.idle().await, "done");
    assert_eq!(said(&world.model.request(2).await), ["user: go"]);
}

#[tokio::test]
async fn what_no_retry_helps_ends_at_once_with_the_reason_and_without_the_key() {
    let mut world = World::new().await;
    world.model.script([Reply::Error(401, "", r#"{"error":{"message":"the key k-secret is wrong"}}"#)]);
    let reason = world.turn("go").await;
    assert!(reason.starts_with("error: "), "{reason}");
    assert!(!reason.contains("k-secret"), "{reason}");
    assert_eq!(world.model.requests().len(), 1);
    assert!(world.seen.iter().any(|e| matches!(e.event, Event::SessionError { .. })));
    let all: String = world.seen.iter().map(|e| serde_json::to_string(&**e).unwrap()).collect();
    assert!(!all.contains("k-secret"), "{all}");
}

#[tokio::test]
async fn a_step_without_usage_does_not_cost_what_the_one_before_did() {
    let mut world = World::new().await;
    world.files.set("a.txt", "x\n");
    let gate = Arc::new(Notify::new());
    gate.notify_one();
    world.model.script([Reply::Used("big", 5000), Reply::Gated("small", gate)]);
    world.turn("one").await;
    world.turn("two").await;
    world.engine.shutdown().await;
    let session = world.store().session(&world.session()).unwrap().unwrap();
    assert_eq!(session.tokens.input, 5010);
}
