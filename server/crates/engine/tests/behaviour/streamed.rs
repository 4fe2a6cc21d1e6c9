//! What streams is stored while it streams: it is there when the process is killed, and gone where the step is thrown away.
//!
//! **Invariant:** what a killed process leaves is what the store holds at that moment; nothing here waits for a time.

use std::sync::Arc;

use proto::{Message, MessageError, MessageWithParts, Part, PartKind};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::model::{PATIENCE, Reply};
use crate::world::{World, answers, said, well_formed};

fn text(part: &Part) -> &str {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Reasoning { text, .. } => text,
        _ => "",
    }
}

/// What is stored of the session, once these words are. Looks again and again: the store sends no events.
async fn stored_with(world: &World, words: &str) -> Vec<MessageWithParts> {
    let (store, session) = (world.store(), world.session());
    let look = async {
        loop {
            let stored = store.messages(&session).unwrap();
            if stored.iter().flat_map(|message| &message.parts).any(|part| text(part).contains(words)) {
                return stored;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{words:?} is not stored"))
}

/// What the process would leave if it were killed amid this answer.
async fn left_by(reply: Reply, words: &str) -> (proto::Session, Vec<MessageWithParts>) {
    let mut world = World::new().await;
    world.model.script([reply]);
    world.ask("go").await;
    world.words(words).await;
    let left = stored_with(&world, words).await;
    (world.store().session(&world.session()).unwrap().unwrap(), left)
}

/// Goes on with what was left: the messages that the model is told, and what is stored then.
async fn resumed((session, left): (proto::Session, Vec<MessageWithParts>)) -> (Vec<String>, Vec<MessageWithParts>) {
    let mut world = World::new().await;
    let session = proto::Session { directory: world.project().to_string_lossy().into_owned(), ..session };
    world.leave(&session, &left);
    world.engine.open_session(&session.id).await.unwrap();
    world.model.script([Reply::Text("fine")]);
    assert_eq!(world.turn("go on").await, "done");
    let request = world.model.request(1).await;
    well_formed(&request);
    world.engine.shutdown().await;
    (said(&request), world.stored())
}

/// Fails unless a message is marked as one that nobody finished.
fn is_cut_off(message: &MessageWithParts) {
    let Message::Assistant(info) = &message.info else { panic!("{message:#?}") };
    assert!(info.time.completed.is_some() && matches!(info.error, Some(MessageError::MessageAbortedError(_))), "{info:#?}");
}

#[tokio::test]
async fn words_that_were_shown_are_there_after_the_process_was_killed() {
    let (told, stored) = resumed(left_by(Reply::Hang("It is the area of "), "the area").await).await;
    assert_eq!(told, ["user: go", "assistant: It is the area of ", "user: go on"]);
    assert_eq!(answers(&stored), ["It is the area of ", "fine"]);
    is_cut_off(&stored[1]);
}

#[tokio::test]
async fn thoughts_alone_are_stored_and_told_to_no_model() {
    let (told, stored) = resumed(left_by(Reply::Thinking("I wonder"), "wonder").await).await;
    assert_eq!(told, ["user: go", "user: go on"]);
    assert_eq!(stored.iter().flat_map(|message| &message.parts).filter(|part| text(part) == "I wonder").count(), 1);
    is_cut_off(&stored[1]);
}

#[tokio::test]
async fn an_answer_that_has_not_begun_is_no_words() {
    for blank in ["\n\n", " "] {
        let (told, _) = resumed(left_by(Reply::Hang(blank), blank).await).await;
        assert_eq!(told, ["user: go", "user: go on"], "{blank:?}");
    }
}

/// The words of a step's first try are stored, and then it is tried again.
async fn tried_again(config: Value) {
    let (mut world, gate) = (World::with(config).await, Arc::new(Notify::new()));
    let tries = ["First PART", "Second PART", "Third PART"];
    world.model.script(tries.map(|words| Reply::Broken(words, Arc::clone(&gate))));
    world.model.script([Reply::Text("It is whole.")]);
    world.ask("go").await;
    for words in tries {
        stored_with(&world, words).await;
        gate.notify_one();
    }
    assert_eq!(world.idle().await, "done");
    world.engine.shutdown().await;
    let stored = world.stored();
    assert_eq!(answers(&stored), ["It is whole."]);
    assert!(!serde_json::to_string(&stored).unwrap().contains("PART"), "{stored:#?}");
    let found = world.store().search(None, &["PART".into()], 9).unwrap();
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn a_step_that_is_tried_again_leaves_no_words_of_the_first_try() {
    tried_again(json!({})).await;
}

#[tokio::test]
async fn a_step_that_another_model_takes_over_leaves_no_words_of_the_first() {
    // After three tries.
    tried_again(json!({"model": ["mock/test", "mock/other"]})).await;
}
