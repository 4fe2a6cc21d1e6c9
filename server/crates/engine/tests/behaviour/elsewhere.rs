//! One session and several processes: who may work in it, what the others see, and who may answer.

use std::sync::Arc;

use engine::{AskRequest, Engine, EngineError};
use proto::{Event, NumberedEvent, PartKind, PermissionReply, SessionId};
use serde_json::json;
use store::{PromptReply, PromptRequest, Store};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::model::{PATIENCE, Reply, call};
use crate::world::{World, all_said, outcome, said, tool_states};

async fn ask(engine: &Engine, text: &str) -> Result<engine::Asked, EngineError> {
    engine.ask(AskRequest { text: text.into(), ..AskRequest::default() }).await
}

/// The events up to the one that fits.
async fn until(events: &mut UnboundedReceiver<Arc<NumberedEvent>>, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut seen = Vec::new();
    let wait = async {
        loop {
            let event = events.recv().await.unwrap().event.clone();
            let done = fits(&event);
            seen.push(event);
            if done {
                return;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "it did not come: {seen:#?}");
    seen
}

fn is_notice(event: &Event, word: &str) -> bool {
    matches!(event, Event::SessionNotice { message, .. } if message.contains(word))
}

/// Looks again and again: the store sends no events.
async fn prompt_in(store: &Store, session: &SessionId) -> store::Prompt {
    let look = async {
        loop {
            if let Some(prompt) = store.prompts(session).unwrap().into_iter().next() {
                return prompt;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap()
}

#[tokio::test]
async fn what_runs_in_another_process_is_shown_and_asked_nothing_until_it_has_ended() {
    let mut world = World::new().await;
    let gate = Arc::new(Notify::new());
    world.model.script([Reply::Text("first answer"), Reply::Gated("slow answer", Arc::clone(&gate)), Reply::Text("third answer")]);
    world.turn("first").await;
    let other = world.another();
    let mut events = other.events();
    world.ask("second").await;
    world.words("slow answer").await;
    // The other one joins late, and is told what was said before by the store.
    other.open_session(&world.session()).await.unwrap();
    until(&mut events, |event| is_notice(event, "runs in another process")).await;
    let refused = ask(&other, "third").await.unwrap_err();
    assert!(matches!(&refused, EngineError::Elsewhere(_)) && refused.to_string().contains("sessions attach"), "{refused}");
    assert!(matches!(other.undo(None).await, Err(EngineError::Elsewhere(_))), "nor is anything undone under a turn's hands");
    gate.notify_one();
    world.idle().await;
    let seen = until(&mut events, |event| is_notice(event, "you can go on here")).await;
    let told = seen.iter().any(
        |event| matches!(event, Event::PartUpdated { part } if matches!(&part.kind, PartKind::Text { text, .. } if text == "slow answer")),
    );
    assert!(told, "{seen:#?}");
    ask(&other, "third").await.unwrap();
    until(&mut events, |event| matches!(event, Event::SessionIdle { .. })).await;
    let expect = ["user: first", "assistant: first answer", "user: second", "assistant: slow answer", "user: third"];
    assert_eq!(said(&world.model.request(3).await), expect);
    other.shutdown().await;
}

#[tokio::test]
async fn a_prompt_is_answered_from_another_process() {
    for (reply, want, kept) in
        [(PermissionReply::Once, "by a command", 0), (PermissionReply::Always, "by a command", 1), (PermissionReply::Reject, "error", 0)]
    {
        let mut world = World::with(json!({"permission": {"bash": "ask"}})).await;
        world.files.set("generated.txt", "");
        world.model.script([call("bash", json!({"command": "echo by a command", "description": "x"})), Reply::Text("done")]);
        world.ask("go").await;
        let (store, session) = (world.store(), world.session());
        let prompt = prompt_in(&store, &session).await;
        assert!(matches!(&prompt.request, PromptRequest::Permission(request) if request.permission == "bash"));
        assert!(store.reply(&prompt.id, &PromptReply::Permission(reply, None)).unwrap());
        world.idle().await;
        world.engine.shutdown().await;
        let (_, state) = tool_states(&world.stored()).remove(0);
        assert!(outcome(&state).contains(want), "{reply:?}: {}", outcome(&state));
        assert_eq!(store.approvals(&world.project().to_string_lossy()).unwrap().len(), kept, "{reply:?}");
        assert!(!store.reply(&prompt.id, &PromptReply::Permission(reply, None)).unwrap(), "it does not wait any more");
    }
}

#[tokio::test]
async fn a_question_is_answered_from_another_process_and_nonsense_is_no_answer() {
    let mut world = World::new().await;
    let questions = json!({"questions": [{"question": "Which?", "header": "x", "options": [{"label": "A", "description": ""}]}]});
    world.model.script([call("question", questions), Reply::Text("done")]);
    world.ask("go").await;
    let (store, session) = (world.store(), world.session());
    let prompt = prompt_in(&store, &session).await;
    assert!(store.reply(&prompt.id, &PromptReply::Question(vec![vec!["B, of my own".into()]])).unwrap());
    world.idle().await;
    assert!(all_said(&world.model.request(2).await).contains("B, of my own"));
    // What a killed process left behind is cleared by the next that takes the session.
    store.write(|tx| tx.add_prompt(&store::Prompt { id: "per_old".into(), ..prompt.clone() })).unwrap();
    world.model.script([Reply::Text("again")]);
    world.turn("more").await;
    assert!(store.prompts(&session).unwrap().is_empty());
}

#[tokio::test]
async fn a_session_that_was_deleted_elsewhere_is_not_brought_back() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("one"), Reply::Text("two")]);
    world.turn("first").await;
    let deleted = world.session();
    // As `interline sessions delete` does: not under a turn's hands.
    let claim = engine::running::claim_soon(&world.dir.path().join("data"), &deleted).await.unwrap();
    world.store().remove_session(&deleted).unwrap();
    drop(claim);
    assert!(matches!(ask(&world.engine, "second").await, Err(EngineError::UnknownSession(_))));
    world.turn("third").await;
    assert_ne!(world.session(), deleted);
    assert_eq!(said(&world.model.request(2).await), ["user: third"]);
    assert!(world.store().messages(&deleted).unwrap().is_empty());
}

#[tokio::test]
async fn a_title_that_was_given_elsewhere_stays() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("one"), Reply::Text("two")]);
    world.turn("first").await;
    world.store().rename(&world.session(), "mine").unwrap();
    world.turn("second").await;
    world.engine.shutdown().await;
    assert_eq!(world.store().session(&world.session()).unwrap().unwrap().title, "mine");
}
