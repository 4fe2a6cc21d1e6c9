//! Conversations that become too long.

use proto::Event;
use serde_json::json;

use crate::model::{Reply, call, overflow};
use crate::world::{World, all_said, count, well_formed};

#[tokio::test]
async fn what_does_not_fit_is_summarised_and_the_question_is_asked_again() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("an old answer"), overflow(), Reply::Text("fine")]);
    world.model.summaries([Reply::Text("THE SUMMARY")]);
    world.turn("an old question").await;
    assert_eq!(world.turn("the new question").await, "done");
    let request = world.model.request(3).await;
    well_formed(&request);
    let all = all_said(&request);
    assert!(all.contains("THE SUMMARY") && all.contains("the new question") && !all.contains("old answer"), "{all}");
    let asked = all_said(&world.model.summary(1).await);
    assert!(asked.contains("an old question") && asked.contains("an old answer"), "{asked}");
    assert!(world.seen.iter().any(|e| matches!(e.event, Event::SessionCompacted { .. })));
    // And after a restart.
    let session = world.session();
    world.model.script([Reply::Text("still")]);
    world.restart().await;
    world.engine.open_session(&session).await.unwrap();
    world.turn("and then?").await;
    let all = all_said(&world.model.request(4).await);
    assert!(
        all.contains("THE SUMMARY") && all.contains("the new question") && all.contains("fine") && !all.contains("old answer"),
        "{all}"
    );
}

#[tokio::test]
async fn results_that_do_not_fit_are_summarised_too_and_the_question_stays_word_by_word() {
    let mut world = World::new().await;
    world.files.set("big.txt", &"a line of some length, as it stands in big files\n".repeat(1500));
    world.model.script([
        call("read", json!({"filePath": "big.txt"})),
        call("read", json!({"filePath": "big.txt", "offset": 700})),
        overflow(),
        Reply::Text("fine"),
    ]);
    world.model.summaries([Reply::Text("I read big.txt.")]);
    assert_eq!(world.turn("Count the lines, «exactly».").await, "done");
    let (before, after) = (world.model.request(3).await.to_string().len(), world.model.request(4).await);
    well_formed(&after);
    assert!(after.to_string().len() < before / 2, "{before} → {}", after.to_string().len());
    assert_eq!(count(&all_said(&after), "Count the lines, «exactly»."), 1);
}

#[tokio::test]
async fn where_one_model_cannot_summarise_another_does_and_it_is_told() {
    let mut world = World::with(json!({"model": "mock/test", "agent": {"compaction": {"model": "mock/other"}}})).await;
    world.model.script([Reply::Text("an old answer"), overflow(), Reply::Text("fine")]);
    world.model.summaries([Reply::Error(401, "", r#"{"error":{"message":"no"}}"#), Reply::Text("THE SUMMARY")]);
    world.turn("an old question").await;
    assert_eq!(world.turn("the new question").await, "done");
    let asked = [world.model.summary(1).await, world.model.summary(2).await];
    assert_eq!(asked.map(|request| request["model"].clone()), [json!("other"), json!("test")]);
    assert!(all_said(&world.model.request(3).await).contains("THE SUMMARY"));
    let notice = |event: &Event| matches!(event, Event::SessionNotice { message, .. } if message.starts_with("mock/other could not summarise (") && message.ends_with("; mock/test did"));
    assert_eq!(world.seen.iter().filter(|seen| notice(&seen.event)).count(), 1);
}

#[tokio::test]
async fn a_full_context_is_summarised_before_it_overflows() {
    let mut world = World::with(json!({"model": "mock/narrow"})).await;
    world.model.script([Reply::Used("long", 9500), Reply::Text("fine")]);
    world.model.summaries([Reply::Text("SUM")]);
    world.turn("one").await;
    assert_eq!(world.turn("two").await, "done");
    let all = all_said(&world.model.request(2).await);
    assert!(all.contains("SUM") && all.contains("two") && !all.contains("user: one"), "{all}");
}

#[tokio::test]
async fn a_long_turn_may_be_summarised_as_often_as_it_needs() {
    let mut world = World::new().await;
    let mut script = Vec::new();
    for n in 0..4 {
        world.files.set(&format!("{n}.txt"), "x\n");
        script.extend([call("read", json!({"filePath": format!("{n}.txt")})), overflow()]);
    }
    script.push(Reply::Text("fine"));
    world.model.script([Reply::Text("before")].into_iter().chain(script));
    world.model.summaries(std::iter::repeat_n(Reply::Text("SUM"), 4));
    world.turn("first").await;
    assert_eq!(world.turn("go").await, "done");
}

#[tokio::test]
async fn a_provider_that_is_busy_does_not_prevent_the_summary() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("old"), overflow(), Reply::Text("fine")]);
    world.model.summaries([Reply::Error(529, "retry-after-ms: 10\r\n", "{}"), Reply::Text("SUM")]);
    world.turn("one").await;
    assert_eq!(world.turn("two").await, "done");
}

#[tokio::test]
async fn without_a_summary_the_turn_ends_with_a_reason_and_nothing_is_lost() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("old"), overflow(), Reply::Text("fine")]);
    world.model.summaries([Reply::Error(401, "", "{}")]);
    world.turn("one").await;
    let reason = world.turn("two").await;
    assert!(reason.starts_with("error") && reason.contains("could not be summarised"), "{reason}");
    world.turn("three").await;
    let all = all_said(&world.model.request(3).await);
    assert!(all.contains("one") && all.contains("old") && all.contains("two"), "{all}");
}

#[tokio::test]
async fn what_never_fits_ends_with_a_reason() {
    let mut world = World::new().await;
    world.model.script(std::iter::repeat_n(overflow(), 5));
    world.model.summaries(std::iter::repeat_n(Reply::Text("SUM"), 5));
    assert!(world.turn("much too long").await.starts_with("error"));
    assert!(world.turn("again").await.starts_with("error"));
}

#[tokio::test]
async fn by_hand() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("old answer"), Reply::Text("fine")]);
    world.model.summaries([Reply::Text("SUM")]);
    world.turn("old question").await;
    world.engine.compact(None).await.unwrap();
    assert_eq!(world.idle().await, "done");
    world.turn("new").await;
    let all = all_said(&world.model.request(2).await);
    assert!(all.contains("SUM") && all.contains("new") && !all.contains("old answer"), "{all}");
}

#[tokio::test]
async fn what_the_user_said_stays_word_by_word_whatever_the_model_writes_of_it() {
    let mut world = World::new().await;
    world.model.script((0..3).map(|_| Reply::Text("noted")));
    world.model.summaries([Reply::Text("SUM"), Reply::Text("SUM again")]);
    world.turn("Never touch \"legacy/billing.py\".").await;
    world.engine.compact(None).await.unwrap();
    assert_eq!(world.idle().await, "done");
    world.turn("The port is 5544.").await;
    world.engine.compact(None).await.unwrap();
    assert_eq!(world.idle().await, "done");
    world.turn("go").await;
    let all = all_said(&world.model.request(3).await);
    assert!(all.contains("SUM again") && !all.contains("noted"), "{all}");
    for said in [r#"- "Never touch \"legacy/billing.py\".""#, r#"- "The port is 5544.""#] {
        assert_eq!(count(&all, said), 1, "{all}");
    }
}

#[tokio::test]
async fn by_hand_it_fails_loudly_can_be_cancelled_and_waits_for_the_turn() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("old answer")]);
    world.turn("old question").await;
    world.model.summaries([Reply::Error(401, "", "{}")]);
    world.engine.compact(None).await.unwrap();
    assert!(world.idle().await.starts_with("error"));
    world.model.summaries([Reply::Hang("SU")]);
    world.engine.compact(None).await.unwrap();
    world.model.summary(2).await;
    assert!(world.engine.cancel(None));
    assert!(world.idle().await.starts_with("cancelled"));
    // While a turn runs: after it.
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    world.model.script([Reply::Gated("speaking", gate.clone()), Reply::Text("fine")]);
    world.model.summaries([Reply::Text("SUM")]);
    world.ask("next").await;
    world.words("speaking").await;
    world.engine.compact(None).await.unwrap();
    gate.notify_one();
    assert_eq!(world.idle().await, "done");
    assert_eq!(world.idle().await, "done");
    world.turn("last").await;
    assert!(all_said(&world.model.request(3).await).contains("SUM"));
}

#[tokio::test]
async fn old_outputs_go_before_anything_is_summarised() {
    let mut world = World::new().await;
    // About 12,000 tokens each, which the tool's own limit lets through.
    for n in 0..6 {
        world.files.set(&format!("{n}.txt"), &format!("{n} {}\n", "word ".repeat(80)).repeat(120));
    }
    let read = |n: usize| call("read", json!({"filePath": format!("{n}.txt")}));
    world.model.script((0..6).map(read).chain([Reply::Text("read"), Reply::Text("two"), overflow(), Reply::Text("three")]));
    for text in ["read all", "and?", "and now?"] {
        assert_eq!(world.turn(text).await, "done");
    }
    let (before, after) = (world.model.request(9).await.to_string(), world.model.request(10).await);
    well_formed(&after);
    let after = after.to_string();
    assert!(after.len() + 80_000 < before.len(), "{} → {}", before.len(), after.len());
    assert!(after.contains("was left out") && after.contains("read all"));
    // Nothing of it is lost: it is in what is stored.
    world.engine.shutdown().await;
    assert!(!serde_json::to_string(&world.stored()).unwrap().contains("was left out"));
}

#[tokio::test]
async fn a_summary_that_is_as_long_as_the_conversation_is_not_taken() {
    let mut world = World::new().await;
    let long: &'static str = Box::leak("the same words again ".repeat(500).into_boxed_str());
    world.model.script([Reply::Text("old"), overflow(), Reply::Text("fine")]);
    world.model.summaries([Reply::Text(long)]);
    world.turn("one").await;
    let reason = world.turn("two").await;
    assert!(reason.starts_with("error") && reason.contains("could not be summarised"), "{reason}");
    world.turn("three").await;
    assert!(all_said(&world.model.request(3).await).contains("old"));
}

#[tokio::test]
async fn files_and_todos_are_in_a_summary_whatever_the_model_wrote_and_what_was_said_stays_readable() {
    let mut world = World::with(json!({"permission": {"*": "allow"}})).await;
    world.files.set("a.txt", "one\n");
    let todos = json!({"todos": [{"content": "write tests", "status": "pending", "priority": "high"}, {"content": "done", "status": "completed", "priority": "low"}]});
    world.model.script([
        call("read", json!({"filePath": "a.txt"})),
        call("edit", json!({"filePath": "a.txt", "oldString": "one", "newString": "two"})),
        call("todowrite", todos),
        Reply::Text("changed"),
        Reply::Text("fine"),
    ]);
    world.model.summaries([Reply::Text("SUM")]);
    world.turn("change it, and never touch b.txt").await;
    world.engine.compact(None).await.unwrap();
    assert_eq!(world.idle().await, "done");
    world.turn("go on").await;
    let all = all_said(&world.model.request(5).await);
    assert!(
        all.contains("SUM") && all.contains("Files changed so far: a.txt") && all.contains("- [ ] write tests") && !all.contains("] done"),
        "{all}"
    );
    assert!(world.model.summary(1).await.to_string().contains("word for word"), "what the user demands is to be quoted");
    world.engine.shutdown().await;
    assert!(serde_json::to_string(&world.stored()).unwrap().contains("never touch b.txt"));
}
