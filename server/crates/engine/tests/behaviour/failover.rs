//! Several models, of which one answers when another fails.

use proto::{Event, Message};
use serde_json::{Value, json};

use crate::model::{Reply, call, overflow};
use crate::world::{World, answers, count, said, tool_states, well_formed};

const BAD_KEY: Reply = Reply::Error(401, "", r#"{"error":{"message":"the key is wrong"}}"#);
const BUSY: Reply = Reply::Error(429, "retry-after-ms: 1\r\n", r#"{"error":{"message":"too many"}}"#);

/// Which models were asked, in order.
fn asked(world: &World) -> Vec<String> {
    world.model.requests().iter().map(|request| request["model"].as_str().unwrap().to_owned()).collect()
}

fn notices(world: &World) -> Vec<String> {
    let notice = |event: &Event| match event {
        Event::SessionNotice { message, .. } => Some(message.clone()),
        _ => None,
    };
    world.seen.iter().filter_map(|event| notice(&event.event)).collect()
}

/// Who wrote the model's messages.
fn authors(world: &World) -> Vec<String> {
    let author = |message: &Message| match message {
        Message::Assistant(info) => Some(info.model.to_string()),
        Message::User(_) => None,
    };
    world.stored().iter().filter_map(|message| author(&message.info)).collect()
}

#[tokio::test]
async fn a_refused_key_leads_to_the_next_model_at_once_and_it_is_told() {
    let mut world = World::with(json!({"model": ["mock/test", "mock/other"]})).await;
    world.model.script([BAD_KEY, Reply::Text("from the second"), Reply::Text("again")]);
    assert_eq!(world.turn("go").await, "done");
    assert_eq!(asked(&world), ["test", "other"]);
    assert_eq!(
        notices(&world),
        [
            "mock/test failed (mock: the key is wrong (HTTP 401). Check the key: `interline auth add mock`, or provider.mock.options.apiKey); going on with mock/other"
        ]
    );
    // Nothing of it is an error, and the answer has its own author.
    assert!(!world.seen.iter().any(|event| matches!(event.event, Event::SessionError { .. })));
    // The key will hardly be right a moment later: the next turn passes the first model over, and says so.
    assert_eq!(world.turn("more").await, "done");
    assert_eq!(asked(&world), ["test", "other", "other"]);
    assert!(notices(&world)[1].contains("mock/test was refused"), "{:?}", notices(&world));
    world.engine.shutdown().await;
    assert_eq!(authors(&world), ["mock/other", "mock/other"]);
    assert_eq!(answers(&world.stored()), ["from the second", "again"]);
}

#[tokio::test]
async fn a_busy_model_gets_two_more_tries_and_what_tools_did_stays() {
    let mut world = World::with(json!({"model": ["mock/test", "mock/other"]})).await;
    world.files.set("a.txt", "CONTENT\n");
    world.model.script([call("read", json!({"filePath": "a.txt"})), BUSY, BUSY, BUSY, Reply::Text("done with it"), Reply::Text("second")]);
    assert_eq!(world.turn("go").await, "done");
    assert_eq!(asked(&world), ["test", "test", "test", "test", "other"]);
    let last = world.model.request(5).await;
    well_formed(&last);
    assert_eq!(count(&said(&last).join("\n"), "CONTENT"), 1);
    assert_eq!(notices(&world).len(), 1);
    // It was only busy: the next turn begins with the first again.
    assert_eq!(world.turn("more").await, "done");
    assert_eq!(asked(&world).last().unwrap(), "test");
    world.engine.shutdown().await;
    assert_eq!(tool_states(&world.stored()).len(), 1);
    assert_eq!(authors(&world), ["mock/test", "mock/other", "mock/test"]);
}

#[tokio::test]
async fn the_rest_of_the_turn_stays_with_the_later_model_also_when_the_user_speaks_amid_it() {
    let mut world = World::with(json!({"model": ["mock/test", "mock/other"]})).await;
    world.files.set("a.txt", "x\n");
    let gone = Reply::Error(404, "", r#"{"error":{"message":"The model does not exist"}}"#);
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    world.model.script([
        gone,
        call("read", json!({"filePath": "a.txt"})),
        Reply::Gated("half", std::sync::Arc::clone(&gate)),
        Reply::Text("both"),
    ]);
    world.ask("go").await;
    world.words("half").await;
    world.ask("and this").await;
    gate.notify_one();
    assert_eq!(world.idle().await, "done");
    assert_eq!(asked(&world), ["test", "other", "other", "other"]);
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_sent_to_nobody_else() {
    for body in [r#"{"error":{"message":"Unsupported value"}}"#, r#"{"error":{"code":"content_filter","message":"filtered"}}"#] {
        let mut world = World::with(json!({"model": ["mock/test", "mock/other"]})).await;
        world.model.script([Reply::Error(400, "", body)]);
        let reason = world.turn("go").await;
        assert!(reason.starts_with("error"), "{reason}");
        assert_eq!(asked(&world), ["test"], "{body}");
    }
}

#[tokio::test]
async fn a_model_without_a_key_is_passed_over_and_a_wrong_name_matters_when_it_is_reached() {
    let mut world = World::with(json!({"model": ["anthropic/claude-sonnet-4-5", "mock/test", "mock/nowhere"]})).await;
    world.model.script([Reply::Text("fine"), BAD_KEY]);
    assert_eq!(world.turn("go").await, "done");
    assert_eq!(notices(&world).len(), 1);
    assert!(notices(&world)[0].contains("ANTHROPIC_API_KEY") && notices(&world)[0].ends_with("mock/test answers"), "{:?}", notices(&world));
    let reason = world.turn("more").await;
    assert!(reason.contains("the key is wrong") && reason.contains("nowhere"), "{reason}");
    // That no key is there is told once.
    assert_eq!(notices(&world).len(), 1);
}

#[tokio::test]
async fn what_is_too_long_goes_to_the_model_that_takes_more_before_it_is_summarised() {
    let mut world = World::with(json!({"model": ["mock/narrow", "mock/wide"]})).await;
    world.model.script([overflow(), Reply::Text("fits")]);
    assert_eq!(world.turn("go").await, "done");
    assert_eq!(asked(&world), ["narrow", "wide"]);
    let mut world = World::with(json!({"model": ["mock/wide", "mock/narrow"]})).await;
    world.model.script([Reply::Text("old"), overflow(), Reply::Text("fits")]);
    world.model.summaries([Reply::Text("SUMMARY")]);
    world.turn("first").await;
    assert_eq!(world.turn("go").await, "done");
    assert_eq!(asked(&world), ["wide", "wide", "wide"]);
}

#[tokio::test]
async fn an_agent_and_a_subagent_may_have_models_of_their_own() {
    let own = |models: Value| json!({"model": models});
    let agents = json!({"build": own(json!(["mock/other", "mock/test"])), "explore": own(json!(["mock/tiny-1b", "mock/wide"]))});
    let mut world = World::with(json!({"agent": agents})).await;
    let task = json!({"description": "look", "prompt": "look there", "subagent_type": "explore"});
    world.model.script([BAD_KEY, call("task", task), BAD_KEY, Reply::Text("seen"), Reply::Text("done")]);
    // The subagent's end, and the turn's.
    assert_eq!((world.turn("go").await, world.idle().await), ("done".into(), "done".into()));
    assert_eq!(asked(&world), ["other", "test", "tiny-1b", "wide", "test"]);
}
