//! A question and its answer: stored, published, replayed.

use proto::{Event, Message, SessionStatus};

use crate::model::Reply;
use crate::world::{World, all_said, answers, said};

#[tokio::test]
async fn an_answer_is_stored_and_its_events_have_no_gaps() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("It is a crate.")]);
    assert_eq!(world.turn("What is this?").await, "done");
    let numbers: Vec<_> = world.seen.iter().map(|e| e.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(matches!(world.seen[0].event, Event::SessionCreated { .. }));
    world.engine.shutdown().await;
    assert_eq!(answers(&world.stored()), ["It is a crate."]);
    let session = world.store().session(&world.session()).unwrap().unwrap();
    assert_eq!((session.title.as_str(), session.tokens.input, session.tokens.output), ("What is this?", 10, 1));
    assert_eq!(said(&world.model.request(1).await), ["user: What is this?"]);
}

#[tokio::test]
async fn a_face_that_joins_late_sees_the_same_session() {
    let mut world = World::new().await;
    world.files.set("a.txt", "one\n");
    world.model.script([crate::model::call("read", serde_json::json!({"filePath": "a.txt"})), Reply::Text("done")]);
    world.turn("go").await;
    world.engine.shutdown().await;
    // What the face that was there from the beginning has in the end, by id.
    let (mut live, mut late) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
    let take = |table: &mut std::collections::BTreeMap<String, serde_json::Value>, event: &Event| {
        match event {
            Event::MessageUpdated { info } => table.insert(info.id().to_string(), serde_json::to_value(info).unwrap()),
            Event::PartUpdated { part } => table.insert(part.id.to_string(), serde_json::to_value(part).unwrap()),
            Event::MessageRemoved { message_id, .. } => table.remove(&message_id.to_string()),
            _ => None,
        };
    };
    world.seen.iter().for_each(|e| take(&mut live, &e.event));
    let told = world.store().since(&world.session(), 0).unwrap();
    told.iter().for_each(|e| take(&mut late, &e.event));
    assert!(live.len() > 5, "{live:#?}");
    assert_eq!(live, late);
    // From the middle on.
    let middle = told[told.len() / 2].seq;
    assert!(world.store().since(&world.session(), middle).unwrap().iter().all(|e| e.seq > middle));
}

#[tokio::test]
async fn numbers_go_on_after_a_restart_above_all_that_was_published() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("one"), Reply::Text("two")]);
    world.turn("1").await;
    let last = world.seen.last().unwrap().seq;
    let session = world.session();
    world.restart().await;
    world.seen.clear();
    world.engine.open_session(&session).await.unwrap();
    world.turn("2").await;
    assert_eq!(world.seen[0].seq, last + 1);
    assert_eq!(said(&world.model.request(2).await), ["user: 1", "assistant: one", "user: 2"]);
}

#[tokio::test]
async fn a_turn_is_busy_from_its_acknowledgement_to_its_end() {
    let mut world = World::new().await;
    world.model.script([Reply::Hang("I think")]);
    world.ask("go").await;
    assert!(world.engine.is_busy(None));
    assert!(world.engine.cancel(None), "what was acknowledged can be cancelled");
    world.event("idle status", |e| matches!(e, Event::SessionStatus { status: SessionStatus::Idle, .. }).then_some(())).await;
    assert!(!world.engine.is_busy(None));
    assert!(!world.engine.cancel(None));
}

#[tokio::test]
async fn unknown_names_are_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let ask = |agent: Option<&str>, model: Option<&str>| {
        world.engine.ask(engine::AskRequest {
            text: "x".into(),
            agent: agent.map(str::to_owned),
            model: model.map(str::to_owned),
            ..engine::AskRequest::default()
        })
    };
    assert!(ask(Some("frob"), None).await.unwrap_err().to_string().contains("frob"));
    assert!(ask(None, Some("mock/frob")).await.unwrap_err().to_string().contains("frob"));
    assert!(world.engine.sessions().unwrap().is_empty());
}

#[tokio::test]
async fn the_session_stays_and_a_new_one_knows_nothing_of_it() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("one"), Reply::Text("two"), Reply::Text("three")]);
    world.turn("first").await;
    world.turn("second").await;
    world.engine.new_session();
    world.turn("third").await;
    assert!(all_said(&world.model.request(2).await).contains("first"));
    assert_eq!(said(&world.model.request(3).await), ["user: third"]);
    assert_eq!(world.engine.sessions().unwrap().len(), 2);
    world.engine.shutdown().await;
    let parents = world.stored().into_iter().filter(|m| matches!(m.info, Message::Assistant(_))).count();
    assert_eq!(parents, 1);
}
