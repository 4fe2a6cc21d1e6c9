//! Faults: of the disk, and of our own.

use std::sync::Arc;

use engine::AskRequest;
use serde_json::json;

use crate::model::{Reply, call};
use crate::world::{Fragile, World, all_said, engine_at, well_formed};

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_is_told_once_and_the_turn_runs() {
    let mut world = World::new().await;
    let file = world.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    world.files.set("a.txt", "x\n");
    // A folder cannot be made below a file, whoever asks.
    world.engine = engine_at(&file.join("data"), &world.project(), &world.config, Arc::new(Fragile(world.files.clone())), true);
    world.events = world.engine.events();
    let mut failures = world.engine.failures().unwrap();
    world.model.script([
        call("edit", json!({"filePath": "a.txt", "oldString": "x", "newString": "y"})),
        Reply::Text("done"),
        Reply::Text("more"),
    ]);
    assert_eq!(world.turn("go").await, "done");
    assert_eq!(world.turn("more").await, "done");
    well_formed(&world.model.request(3).await);
    assert_eq!(world.files.get("a.txt").unwrap(), "y\n");
    let mut told = Vec::new();
    while let Ok(failure) = failures.try_recv() {
        told.push(failure);
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("file"), "{told:?}");
    assert!(world.engine.sessions().is_err());
}

#[tokio::test]
async fn a_fault_of_ours_ends_the_turn_with_a_reason_and_the_session_goes_on() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("hello"), Reply::Text("fine")]);
    world.turn("one").await;
    // What is read for the message, outside every tool.
    let reason = world.turn("look at @panic.txt").await;
    assert!(reason.starts_with("error"), "{reason}");
    assert!(!world.engine.is_busy(None));
    assert_eq!(world.turn("two").await, "done");
    let request = world.model.request(2).await;
    well_formed(&request);
    let all = all_said(&request);
    assert!(all.contains("one") && all.contains("hello") && all.contains("two"), "{all}");
    let numbers: Vec<_> = world.seen.iter().map(|e| e.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_engine_that_is_dropped_ends_its_turns() {
    let mut world = World::new().await;
    world.model.script([Reply::Hang("for ever")]);
    world.ask("go").await;
    world.words("for ever").await;
    let other = world.another();
    world.engine = other;
    world.model.closed(1).await;
}

#[tokio::test]
async fn requests_grow_with_the_conversation_and_no_faster() {
    let mut world = World::new().await;
    world.model.script(std::iter::repeat_n(Reply::Text("ok"), 300));
    for n in 0..300 {
        world.engine.ask(AskRequest { text: format!("message {n}"), ..AskRequest::default() }).await.unwrap();
        world.idle().await;
    }
    let requests = world.model.requests();
    assert_eq!(requests.len(), 300);
    let size = |n: usize| requests[n].to_string().len();
    assert!(size(299) - size(199) < 2 * (size(199) - size(99)), "{} {} {}", size(99), size(199), size(299));
}
