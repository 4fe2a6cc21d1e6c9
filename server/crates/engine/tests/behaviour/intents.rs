//! Changes whose process ended before it could note that they were made.

use std::sync::Arc;

use proto::Event;
use serde_json::json;

use crate::model::{Reply, call};
use crate::world::World;

const OLD: &str = "one\ntwo\nthree\n";
const NEW: &str = "one\nTWO\nthree\n";

/// How many changes are noted as about to be made.
fn noted(world: &World) -> usize {
    std::fs::read_dir(world.dir.path().join("data/intents")).map_or(0, Iterator::count)
}

/// An edit is made in an open document, and the process ends right then. The turn.
async fn interrupted(world: &mut World) -> proto::TurnId {
    world.files.open("a.txt", OLD);
    world.files.set("halt.txt", "");
    world.model.script([call("edit", json!({"filePath": "a.txt", "oldString": "two", "newString": "TWO"})), Reply::Text("ok")]);
    let turn = world.ask("go").await.turn;
    assert_eq!(world.idle().await, "done");
    assert_eq!((world.files.get("a.txt").as_deref(), noted(world)), (Some(NEW), 1));
    world.restart().await;
    world.files.remove("halt.txt");
    turn
}

#[tokio::test]
async fn an_edit_that_was_made_is_undone_as_any_other() {
    let mut world = World::new().await;
    let turn = interrupted(&mut world).await;
    // The user has gone on elsewhere in the text.
    world.files.set("a.txt", &format!("{NEW}more\n"));
    let undo = world.engine.undo(Some(turn.clone())).await.unwrap();
    assert!(undo.report().kept.is_empty() && undo.report().changed.len() == 1, "{:?}", undo.report());
    undo.carry_out().await.unwrap();
    assert_eq!((world.files.get("a.txt").unwrap(), noted(&world)), (format!("{OLD}more\n"), 0));
    world.engine.redo(Some(turn)).await.unwrap().carry_out().await.unwrap();
    assert_eq!(world.files.get("a.txt").unwrap(), format!("{NEW}more\n"));
}

#[tokio::test]
async fn it_is_known_from_the_next_message_on() {
    let mut world = World::new().await;
    interrupted(&mut world).await;
    let session = world.store().last_session(world.project().to_str().unwrap()).unwrap().unwrap().id;
    world.engine.open_session(&session).await.unwrap();
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn("again").await, "done");
    assert_eq!(noted(&world), 0);
    world.engine.undo(None).await.unwrap().carry_out().await.unwrap();
    assert_eq!(world.files.get("a.txt").as_deref(), Some(OLD));
}

#[tokio::test]
async fn one_that_is_in_doubt_is_told_to_the_model_and_undone_if_it_was_made() {
    for made in [true, false] {
        let mut world = World::new().await;
        world.files.open("a.txt", OLD);
        world.files.set("doubt.txt", "");
        world.model.script([call("edit", json!({"filePath": "a.txt", "oldString": "two", "newString": "TWO"})), Reply::Text("ok")]);
        let turn = world.ask("go").await.turn;
        assert_eq!(world.idle().await, "done");
        let told = world.model.requests().last().unwrap().to_string();
        assert!(told.contains("whether") && told.contains("cannot be told: nobody answered"), "{told}");
        world.files.remove("doubt.txt");
        if !made {
            world.files.set("a.txt", OLD);
        }
        match world.engine.undo(Some(turn)).await {
            Ok(undo) if made => undo.carry_out().await.unwrap(),
            Ok(_) => panic!("there is nothing to undo"),
            Err(error) => assert!(!made, "{error}"),
        }
        assert_eq!((world.files.get("a.txt").as_deref(), noted(&world)), (Some(OLD), 0));
    }
}

#[tokio::test]
async fn one_that_was_not_made_is_forgotten() {
    let mut world = World::new().await;
    let turn = interrupted(&mut world).await;
    world.files.set("a.txt", OLD);
    let Err(error) = world.engine.undo(Some(turn)).await else { panic!("there is nothing to undo") };
    assert!(error.to_string().contains("nothing to undo"), "{error}");
    assert_eq!((world.files.get("a.txt").as_deref(), noted(&world)), (Some(OLD), 0));
}

#[tokio::test]
async fn one_of_which_it_cannot_be_told_is_listed_with_its_text() {
    let mut world = World::new().await;
    let turn = interrupted(&mut world).await;
    world.files.set("a.txt", "one\nsomething else\nthree\n");
    let Err(error) = world.engine.undo(Some(turn)).await else { panic!("it cannot be undone") };
    let error = error.to_string();
    assert!(error.contains("a.txt") && error.contains("-two\n+TWO"), "{error}");
    assert_eq!(world.files.get("a.txt").as_deref(), Some("one\nsomething else\nthree\n"));
}

#[tokio::test]
async fn what_a_killed_process_had_half_written_goes_with_the_next_message_or_undo() {
    let mut world = World::new().await;
    let turn = interrupted(&mut world).await;
    let session = world.store().last_session(world.project().to_str().unwrap()).unwrap().unwrap().id;
    let folder = world.dir.path().join("data/intents");
    let whole = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let halves = |turn: &str| {
        let bytes = std::fs::read(&whole).unwrap();
        // Killed while it was written; killed before it had its name; and what a machine leaves that lost its power.
        std::fs::write(folder.join(format!("{turn}-1-000001.{session}.part")), &bytes[..bytes.len() / 2]).unwrap();
        std::fs::write(folder.join(format!("{turn}-1-000002.{session}.part")), &bytes).unwrap();
        std::fs::write(folder.join(format!("{turn}-1-000003.{session}")), "").unwrap();
    };
    halves(turn.as_str());
    assert_eq!(noted(&world), 4);
    world.engine.undo(Some(turn)).await.unwrap().carry_out().await.unwrap();
    assert_eq!((world.files.get("a.txt").as_deref(), noted(&world)), (Some(OLD), 0));
    std::fs::write(&whole, "cut").unwrap();
    halves("msg_1");
    world.engine.open_session(&session).await.unwrap();
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn("again").await, "done");
    assert_eq!(noted(&world), 0);
}

#[tokio::test]
async fn those_that_nobody_will_ever_know_of_are_told_once_and_do_not_pile_up() {
    const TURNS: usize = 6;
    const EDITS: usize = 4;
    const WAIT: usize = 20;
    let mut world = World::new().await;
    world.files.set("doubt.txt", "");
    for turn in 0..TURNS {
        let name = |n: usize| format!("{turn}-{n}.txt");
        let edit = |n: usize| call("edit", json!({"filePath": name(n), "oldString": "two", "newString": "TWO"}));
        (0..EDITS).for_each(|n| world.files.open(&name(n), OLD));
        world.model.script((0..EDITS).map(edit).chain([Reply::Text("ok")]));
        assert_eq!(world.turn("go").await, "done");
        (0..EDITS).for_each(|n| world.files.set(&name(n), "one\nsomething else\nthree\n"));
    }
    assert_eq!(noted(&world), TURNS * EDITS);
    for _ in 0..2 {
        world.model.script([Reply::Text("ok")]);
        assert_eq!(world.turn("again").await, "done");
        assert_eq!(noted(&world), WAIT);
    }
    let tells = |event: &Event| matches!(event, Event::SessionNotice { message, .. } if message.contains("-two\n+TWO"));
    assert_eq!(world.seen.iter().filter(|event| tells(&event.event)).count(), TURNS * EDITS - WAIT);
}

#[tokio::test]
async fn one_that_another_turns_undo_cannot_decide_waits_for_its_own() {
    let mut world = World::new().await;
    world.files.open("b.txt", OLD);
    world.model.script([call("edit", json!({"filePath": "b.txt", "oldString": "two", "newString": "2"})), Reply::Text("ok")]);
    let other = world.ask("go").await.turn;
    assert_eq!(world.idle().await, "done");
    world.flush().await;
    while noted(&world) > 0 {
        tokio::task::yield_now().await;
    }
    let turn = interrupted(&mut world).await;
    // Somebody has changed the same place since, and takes that back later.
    world.files.set("a.txt", "one\nsomething else\nthree\n");
    let undo = world.engine.undo(Some(other)).await.unwrap();
    assert!(undo.report().kept.is_empty(), "{:?}", undo.report());
    undo.carry_out().await.unwrap();
    assert_eq!((world.files.get("b.txt").as_deref(), noted(&world)), (Some(OLD), 1));
    world.files.set("a.txt", NEW);
    world.engine.undo(Some(turn)).await.unwrap().carry_out().await.unwrap();
    assert_eq!((world.files.get("a.txt").as_deref(), noted(&world)), (Some(OLD), 0));
}

#[tokio::test]
async fn one_that_the_undo_of_the_newest_turn_cannot_decide_waits_for_its_own() {
    let mut world = World::new().await;
    interrupted(&mut world).await;
    world.files.set("a.txt", "one\nsomething else\nthree\n");
    let session = world.store().last_session(world.project().to_str().unwrap()).unwrap().unwrap().id;
    world.engine.open_session(&session).await.unwrap();
    world.files.open("b.txt", OLD);
    world.model.script([call("edit", json!({"filePath": "b.txt", "oldString": "two", "newString": "2"})), Reply::Text("ok")]);
    assert_eq!(world.turn("go on").await, "done");
    let undo = world.engine.undo(None).await.unwrap();
    assert!(undo.report().kept.is_empty(), "{:?}", undo.report());
    undo.carry_out().await.unwrap();
    assert_eq!((world.files.get("b.txt").as_deref(), noted(&world)), (Some(OLD), 1));
    world.files.set("a.txt", NEW);
    world.engine.undo(None).await.unwrap().carry_out().await.unwrap();
    assert_eq!((world.files.get("a.txt").as_deref(), noted(&world)), (Some(OLD), 0));
}

#[tokio::test]
async fn the_last_undo_tells_of_one_that_is_newer_than_all_that_is_known() {
    for now in [NEW, "one\nsomething else\nthree\n"] {
        let mut world = World::new().await;
        interrupted(&mut world).await;
        world.files.set("a.txt", now);
        match world.engine.undo(None).await {
            Ok(undo) if now == NEW => undo.carry_out().await.unwrap(),
            Ok(_) => panic!("it cannot be undone"),
            Err(error) => assert!(now != NEW && error.to_string().contains("-two\n+TWO"), "{error}"),
        }
        assert_eq!(noted(&world), 0);
    }
}

#[tokio::test]
async fn what_is_stored_is_noted_no_more_and_counts_once() {
    let mut world = World::new().await;
    world.files.open("a.txt", OLD);
    let edit = |old: &str, new: &str| call("edit", json!({"filePath": "a.txt", "oldString": old, "newString": new}));
    world.model.script([edit("two", "TWO"), edit("TWO", "2"), edit("nowhere", "x"), Reply::Text("ok")]);
    let files = Arc::clone(&world.files);
    assert_eq!(world.turn("go").await, "done");
    assert_eq!(files.get("a.txt").as_deref(), Some("one\n2\nthree\n"));
    world.flush().await;
    while noted(&world) > 0 {
        tokio::task::yield_now().await;
    }
    world.restart().await;
    world.engine.undo(None).await.unwrap().carry_out().await.unwrap();
    assert_eq!(files.get("a.txt").as_deref(), Some(OLD));
}
