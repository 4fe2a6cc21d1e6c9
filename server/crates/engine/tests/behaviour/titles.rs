//! Names of sessions, asked of a small model beside the first answer.

use proto::Event;
use serde_json::json;

use crate::model::Reply;
use crate::world::{World, all_said};

async fn world() -> World {
    World::with(json!({"small_model": "mock/tiny-1b"})).await
}

fn title(event: &Event) -> Option<String> {
    match event {
        Event::SessionUpdated { info } => Some(info.title.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn a_session_is_named_once_by_the_small_model() {
    let mut world = world().await;
    world.model.script([Reply::Text("answer"), Reply::Text("another")]);
    world.model.summaries([Reply::Text("<think>hm</think>\n\nA good name\nor two")]);
    world.ask("Please do this.\nAnd that.").await;
    world.event("title", |event| title(event).filter(|title| title == "A good name")).await;
    let asked = world.model.summary(1).await;
    assert_eq!((asked["model"].as_str(), asked["temperature"].as_f64()), (Some("tiny-1b"), Some(0.5)));
    assert!(all_said(&asked).contains("Please do this.\nAnd that."), "{asked}");
    while world.engine.is_busy(None) {
        world.idle().await;
    }
    world.turn("more").await;
    world.engine.shutdown().await;
    // Were it asked again, there would be no answer in the script; the name is stored.
    let session = world.store().session(&world.session()).unwrap().unwrap();
    assert_eq!(session.title, "A good name");
    // What it took counts.
    assert_eq!(session.tokens.input, 30);
}

#[tokio::test]
async fn a_name_that_does_not_come_holds_up_nothing() {
    let mut world = world().await;
    world.model.script([Reply::Text("answer")]);
    world.model.summaries([Reply::Hang("A na")]);
    assert_eq!(world.turn("Do this.").await, "done");
    world.model.summary(1).await;
    world.engine.shutdown().await;
    world.model.closed(1).await;
    assert_eq!(world.store().session(&world.session()).unwrap().unwrap().title, "Do this.");
}

#[tokio::test]
async fn a_name_that_fails_is_no_error_of_the_users() {
    let mut world = world().await;
    world.model.script([Reply::Text("answer"), Reply::Text("another")]);
    world.model.summaries([Reply::Error(401, "", "{}")]);
    assert_eq!(world.turn("Do this.").await, "done");
    assert_eq!(world.turn("And this.").await, "done");
    assert!(!world.seen.iter().any(|event| matches!(event.event, Event::SessionError { .. } | Event::SessionNotice { .. })));
    assert!(world.seen.iter().filter_map(|event| title(&event.event)).all(|title| title == "Do this."));
}
