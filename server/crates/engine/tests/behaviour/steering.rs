//! Messages that come while a turn runs, or just as it ends.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Notify;

use crate::model::{Reply, call};
use crate::world::{World, all_said, count, said, well_formed};

#[tokio::test]
async fn a_message_while_the_model_speaks_is_answered_once_in_order() {
    let mut world = World::new().await;
    let gate = Arc::new(Notify::new());
    world.model.script([Reply::Gated("first answer", Arc::clone(&gate)), Reply::Text("second answer")]);
    world.ask("first").await;
    world.words("first answer").await;
    world.ask("more").await;
    world.ask("and more").await;
    gate.notify_one();
    assert_eq!(world.idle().await, "done");
    assert_eq!(said(&world.model.request(2).await), ["user: first", "assistant: first answer", "user: more", "user: and more"]);
    assert_eq!(world.model.requests().len(), 2);
}

#[tokio::test]
async fn a_message_while_a_tool_runs_stands_after_its_result() {
    let mut world = World::new().await;
    let wait = json!({"command": "while [ ! -e go ]; do :; done; echo finished", "description": "waits"});
    world.model.script([call("bash", wait), Reply::Text("ok")]);
    world.ask("first").await;
    world.running("bash").await;
    world.ask("steer left").await;
    std::fs::write(world.project().join("go"), "").unwrap();
    assert_eq!(world.idle().await, "done");
    let request = world.model.request(2).await;
    well_formed(&request);
    let said = said(&request);
    assert!(said[said.len() - 2].contains("finished") && said[said.len() - 1].contains("steer left"), "{said:#?}");
    assert_eq!(count(&all_said(&request), "steer left"), 1);
    assert_eq!(world.model.requests().len(), 2);
}

#[tokio::test]
async fn a_message_during_a_retry_wait_is_told_with_the_retry_and_nothing_more_is_asked() {
    let mut world = World::new().await;
    world.model.script([Reply::Error(529, "retry-after-ms: 300\r\n", "{}"), Reply::Text("both"), Reply::Text("superfluous")]);
    world.ask("first").await;
    world
        .event("retry", |e| matches!(e, proto::Event::SessionStatus { status: proto::SessionStatus::Retry { .. }, .. }).then_some(()))
        .await;
    world.ask("second").await;
    assert_eq!(world.idle().await, "done");
    assert_eq!(said(&world.model.request(2).await), ["user: first", "user: second"]);
    assert_eq!(world.model.requests().len(), 2);
}

#[tokio::test]
async fn a_message_right_after_a_cancel_is_answered() {
    let mut world = World::new().await;
    let wait = json!({"command": "while [ ! -e never ]; do :; done", "description": "waits"});
    world.model.script([call("bash", wait), Reply::Text("the new answer")]);
    world.ask("first").await;
    world.running("bash").await;
    assert!(world.engine.cancel(None));
    // The command is being killed at this moment.
    world.ask("do this instead").await;
    assert_eq!(world.idle().await, "cancelled: Cancelled.");
    assert_eq!(world.idle().await, "done");
    let request = world.model.request(2).await;
    well_formed(&request);
    assert_eq!(count(&all_said(&request), "do this instead"), 1);
}

#[tokio::test]
async fn a_message_during_an_answer_that_fails_is_not_lost() {
    let mut world = World::new().await;
    world.model.script([
        Reply::Error(529, "retry-after-ms: 300\r\n", "{}"),
        Reply::Error(401, "", r#"{"error":{"message":"bad key"}}"#),
        Reply::Text("fine"),
    ]);
    world.ask("first").await;
    assert!(world.idle().await.starts_with("error"));
    assert_eq!(world.turn("second").await, "done");
    assert_eq!(said(&world.model.request(3).await), ["user: first", "user: second"]);
}

#[tokio::test]
async fn a_message_that_arrives_as_the_turn_ends_at_a_limit_gets_its_own_turn() {
    let mut world = World::with(json!({"agent": {"build": {"steps": 1}}})).await;
    let gate = Arc::new(Notify::new());
    world.model.script([Reply::Gated("one", Arc::clone(&gate)), Reply::Text("two")]);
    world.ask("first").await;
    world.words("one").await;
    world.ask("second").await;
    gate.notify_one();
    assert!(world.idle().await.starts_with("limit"));
    assert_eq!(world.idle().await, "done");
    assert!(all_said(&world.model.request(2).await).contains("second"));
}

#[tokio::test]
async fn many_messages_at_once_are_all_told_once() {
    let mut world = World::new().await;
    world.model.script(std::iter::repeat_n(Reply::Text("ok"), 30));
    world.ask("message 0;").await;
    for n in 1..20 {
        world.ask(&format!("message {n};")).await;
    }
    while world.engine.is_busy(None) {
        world.idle().await;
    }
    let last = world.model.requests().pop().unwrap();
    well_formed(&last);
    for n in 0..20 {
        assert_eq!(count(&all_said(&last), &format!("message {n};")), 1, "{n}");
    }
}

#[tokio::test]
async fn a_message_during_a_summary_of_everything_is_told_after_it() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("an old answer"), Reply::Text("fine")]);
    let gate = Arc::new(Notify::new());
    world.model.summaries([Reply::Gated("SUM", Arc::clone(&gate))]);
    world.turn("one").await;
    world.engine.compact(None).await.unwrap();
    world.model.summary(1).await;
    world.ask("two").await;
    gate.notify_one();
    assert_eq!(world.idle().await, "done");
    assert_eq!(world.idle().await, "done");
    let all = all_said(&world.model.request(2).await);
    assert!(all.contains("SUM") && all.contains("user: two") && !all.contains("an old answer"), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_at_the_very_end_of_a_turn_are_answered() {
    const MESSAGES: usize = 60;
    let mut world = World::new().await;
    world.model.script(std::iter::repeat_n(Reply::Text("ok"), 2 * MESSAGES));
    world.ask("message 0;").await;
    for n in 1..MESSAGES {
        // The answer is whole, and the turn is about to end, or has ended.
        world
            .event("end of a step", |e| {
                matches!(e, proto::Event::PartUpdated { part: proto::Part { kind: proto::PartKind::StepFinish { .. }, .. } }).then_some(())
            })
            .await;
        world.ask(&format!("message {n};")).await;
    }
    while world.engine.is_busy(None) {
        world.idle().await;
    }
    let last = world.model.requests().pop().unwrap();
    for n in 0..MESSAGES {
        assert_eq!(count(&all_said(&last), &format!("message {n};")), 1, "{n}");
    }
    assert!(said(&last).last().unwrap().contains(&format!("message {};", MESSAGES - 1)));
    assert_eq!(world.model.requests().len(), MESSAGES);
}
