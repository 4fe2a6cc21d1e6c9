//! What may be spent, and what was.

use engine::AskRequest;
use proto::Event;
use serde_json::{Value, json};

use crate::model::{Reply, call, overflow};
use crate::world::World;

/// Models of which a token of input costs a millionth of a dollar, and one of output ten times that.
async fn world(budget: Value) -> World {
    World::with(json!({"model": "mock/paid", "budget": budget})).await
}

fn notices(world: &World) -> Vec<String> {
    let notice = |event: &Event| match event {
        Event::SessionNotice { message, .. } => Some(message.clone()),
        _ => None,
    };
    world.seen.iter().filter_map(|event| notice(&event.event)).collect()
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_there_is_money_for() {
    let mut world = world(json!({"turn": 0.03})).await;
    world.model.script([Reply::Text("ok"), Reply::Long("half")]);
    assert_eq!(world.turn("go").await, "done");
    let most = world.model.request(1).await["max_tokens"].as_u64().unwrap();
    assert!((1000..3000).contains(&most), "{most}");
    // Where that cuts it, it is the budget that is named.
    let reason = world.turn("more").await;
    assert!(reason.starts_with("budget: ") && reason.contains("budget.turn"), "{reason}");
}

#[tokio::test]
async fn a_session_stops_before_its_cap_and_a_new_one_goes_on() {
    let mut world = world(json!({"session": 0.06})).await;
    world.model.script([Reply::Used("ok", 30_000), Reply::Text("fresh")]);
    assert_eq!(world.turn("one").await, "done");
    let reason = world.turn("two").await;
    assert!(reason.starts_with("budget: ") && reason.contains("has cost $0.030 of $0.060"), "{reason}");
    assert_eq!(world.model.requests().len(), 1);
    // It says why, and that is no error.
    assert!(!world.seen.iter().any(|event| matches!(event.event, Event::SessionError { .. })));
    world.engine.new_session();
    assert_eq!(world.turn("three").await, "done");
}

#[tokio::test]
async fn the_day_counts_all_processes() {
    let mut world = world(json!({"day": 0.06})).await;
    world.model.script([Reply::Text("mine"), Reply::Used("theirs", 52_000)]);
    assert_eq!(world.turn("one").await, "done");
    let other = world.another();
    let mut events = other.events();
    other.ask(AskRequest { text: "two".into(), ..AskRequest::default() }).await.unwrap();
    while !matches!(events.recv().await.unwrap().event, Event::SessionIdle { .. }) {}
    other.shutdown().await;
    let reason = world.turn("three").await;
    assert!(reason.starts_with("budget: ") && reason.contains("today has cost $0.052"), "{reason}");
    assert_eq!(world.model.requests().len(), 2);
}

#[tokio::test]
async fn what_subagents_and_summaries_cost_counts() {
    let mut spends = world(json!({"turn": 0.06})).await;
    let task = json!({"description": "look", "prompt": "look there", "subagent_type": "general"});
    spends.model.script([call("task", task), Reply::Used("seen", 54_000)]);
    // The subagent's end, and the turn's.
    assert_eq!(spends.turn("go").await, "done");
    let reason = spends.idle().await;
    assert!(reason.starts_with("budget: ") && reason.contains("this turn has cost $0.054"), "{reason}");
    assert_eq!(spends.model.requests().len(), 2);

    let mut spends = world(json!({"turn": 0.06})).await;
    spends.model.script([Reply::Text("old"), overflow()]);
    spends.model.summaries([Reply::Used("SUMMARY", 54_000)]);
    spends.turn("one").await;
    let reason = spends.turn("two").await;
    assert!(reason.contains("has cost $0.054"), "{reason}");
}

#[tokio::test]
async fn a_cap_that_cannot_hold_is_told_once() {
    let mut world = World::with(json!({"budget": {"turn": 0.5}})).await;
    world.model.script([Reply::Text("one"), Reply::Text("two")]);
    assert_eq!(world.turn("one").await, "done");
    assert_eq!(world.turn("two").await, "done");
    assert_eq!(notices(&world).len(), 1, "{:?}", notices(&world));
    assert!(notices(&world)[0].contains("mock/test") && notices(&world)[0].contains("provider.mock.models.\"test\".cost"));
}

#[tokio::test]
async fn a_turns_end_says_what_it_used() {
    let mut world = World::with(json!({"model": "mock/paid"})).await;
    world.files.set("a.txt", "x\n");
    world.model.script([call("read", json!({"filePath": "a.txt"})), Reply::Used("ok", 1000), Reply::Used("more", 2000)]);
    let mut used = Vec::new();
    for text in ["one", "two"] {
        world.ask(text).await;
        let usage = world
            .event("end of the turn", |event| match event {
                Event::SessionIdle { usage, .. } => Some(usage.unwrap()),
                _ => None,
            })
            .await;
        used.push((usage.tokens.input, usage.tokens.output, (usage.cost * 1e6).round(), (usage.session_cost * 1e6).round()));
    }
    assert_eq!(used, [(1010, 2, 1030.0, 1030.0), (2000, 1, 2010.0, 3040.0)]);
}
