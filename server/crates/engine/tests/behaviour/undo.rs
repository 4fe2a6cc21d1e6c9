//! Undo and redo of turns.

use engine::EngineError;
use serde_json::json;

use crate::model::{Reply, calls};
use crate::world::{World, engine_at};

async fn changed() -> World {
    let mut world = World::new().await;
    world.files.open("a.txt", "one\ntwo\nthree\nfour\nfive\nsix\n");
    world.files.set("b.txt", "bee\n");
    world.model.script([
        calls([
            ("edit", json!({"filePath": "a.txt", "oldString": "two", "newString": "TWO"})),
            ("edit", json!({"filePath": "a.txt", "oldString": "five", "newString": "FIVE"})),
            ("edit", json!({"filePath": "b.txt", "oldString": "bee", "newString": "wasp"})),
            ("write", json!({"filePath": "new.txt", "content": "new\n"})),
        ]),
        Reply::Text("done"),
        calls([("edit", json!({"filePath": "b.txt", "oldString": "wasp", "newString": "hornet"}))]),
        Reply::Text("done"),
    ]);
    assert_eq!(world.turn("change them").await, "done");
    world
}

/// Takes the last turn back.
pub async fn undo(world: &World) -> engine::UndoReport {
    let undo = world.engine.undo(None).await.unwrap();
    let report = undo.report().clone();
    undo.carry_out().await.unwrap();
    report
}

async fn redo(world: &World) -> engine::UndoReport {
    let redo = world.engine.redo(None).await.unwrap();
    let report = redo.report().clone();
    redo.carry_out().await.unwrap();
    report
}

fn state(world: &World) -> [Option<String>; 3] {
    ["a.txt", "b.txt", "new.txt"].map(|name| world.files.get(name))
}

#[tokio::test]
async fn a_turn_is_taken_back_and_made_again() {
    let world = changed().await;
    let after = state(&world);
    assert_eq!(undo(&world).await.changed.len(), 3);
    assert_eq!(state(&world), [Some("one\ntwo\nthree\nfour\nfive\nsix\n".into()), Some("bee\n".into()), None]);
    assert!(matches!(world.engine.undo(None).await.map(drop), Err(EngineError::Nothing(_))));
    redo(&world).await;
    assert_eq!(state(&world), after);
    assert!(matches!(world.engine.redo(None).await.map(drop), Err(EngineError::Nothing(_))));
}

#[tokio::test]
async fn what_the_user_did_since_stays_and_is_named() {
    let world = changed().await;
    world.files.set("a.txt", "zero\none\nTWO\nthree\nfour\n5, as I like it\nsix\n");
    let report = undo(&world).await;
    assert_eq!(world.files.get("a.txt").unwrap(), "zero\none\ntwo\nthree\nfour\n5, as I like it\nsix\n");
    assert_eq!(report.kept.len(), 1);
    assert!(report.kept[0].key.to_string().contains("a.txt") && report.kept[0].why.contains("6"), "{report:?}");
}

#[tokio::test]
async fn nothing_is_changed_before_it_is_carried_out() {
    let world = changed().await;
    let before = state(&world);
    drop(world.engine.undo(None).await.unwrap());
    assert_eq!(state(&world), before);
}

#[tokio::test]
async fn the_next_one_waits_until_the_first_is_carried_out() {
    let mut world = changed().await;
    world.turn("again").await;
    let first = world.engine.undo(None).await.unwrap();
    let mut second = std::pin::pin!(world.engine.undo(None));
    assert!(futures_util::poll!(&mut second).is_pending());
    first.carry_out().await.unwrap();
    second.await.unwrap().carry_out().await.unwrap();
    assert_eq!(world.files.get("b.txt").unwrap(), "bee\n");
}

#[tokio::test]
async fn turns_are_undone_newest_first_and_redone_oldest_first_after_a_restart_too() {
    let mut world = changed().await;
    world.turn("again").await;
    world.restart().await;
    undo(&world).await;
    assert_eq!(world.files.get("b.txt").unwrap(), "wasp\n");
    undo(&world).await;
    assert_eq!(world.files.get("b.txt").unwrap(), "bee\n");
    world.restart().await;
    redo(&world).await;
    assert_eq!(world.files.get("b.txt").unwrap(), "wasp\n");
    redo(&world).await;
    assert_eq!(world.files.get("b.txt").unwrap(), "hornet\n");
}

#[tokio::test]
async fn not_while_a_turn_runs() {
    let mut world = changed().await;
    world.model.script([Reply::Hang("never")]);
    world.turn("again").await;
    world.ask("and again").await;
    assert!(matches!(world.engine.undo(None).await.map(drop), Err(EngineError::Busy)));
    assert!(world.engine.cancel(None));
    world.idle().await;
    undo(&world).await;
    assert_eq!(world.files.get("b.txt").unwrap(), "wasp\n");
}

#[tokio::test]
async fn what_commands_did_is_taken_back_without_git_too_or_it_is_said() {
    outside_git(false).await;
    outside_git(true).await;
}

async fn outside_git(large: bool) {
    let mut world = World::with(json!({"permission": "allow"})).await;
    let (project, data) = (world.project(), world.dir.path().join("data"));
    for number in 0..=if large { 1000 } else { 3 } {
        std::fs::write(project.join(format!("{number}.txt")), "").unwrap();
    }
    let files = workspace::DiskWorkspace::new(vec![project.clone()]).watching_commands(&data);
    world.engine = engine_at(&data, &project, &world.config, std::sync::Arc::new(files), true);
    world.events = world.engine.events();
    world.model.script([
        calls([("bash", json!({"command": "echo x > by-command.txt"}))]),
        Reply::Text("done"),
        calls([("write", json!({"filePath": "new.txt", "content": "new\n"}))]),
        Reply::Text("done"),
        calls([("bash", json!({"command": "true"}))]),
        Reply::Text("done"),
    ]);
    assert_eq!(world.turn("run it").await, "done");
    if !large {
        world.engine.undo(None).await.unwrap().carry_out().await.unwrap();
        return assert!(!project.join("by-command.txt").exists());
    }
    let nothing = world.engine.undo(None).await.map(drop).unwrap_err().to_string();
    assert!(nothing.contains("nothing to undo") && nothing.contains("in no git repository"), "{nothing}");
    world.turn("write it").await;
    assert_eq!(world.engine.undo(None).await.unwrap().report().unknown, None);
    world.turn("run another").await;
    let undo = world.engine.undo(None).await.unwrap();
    assert!(undo.report().unknown.as_ref().unwrap().contains("in no git repository"));
    undo.carry_out().await.unwrap();
    assert!(!project.join("new.txt").exists());
}
