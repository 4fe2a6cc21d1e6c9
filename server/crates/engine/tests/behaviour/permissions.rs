//! Prompts and their answers.

use engine::EngineError;
use proto::{Event, Part, PartKind, PermissionReply, ToolState};
use serde_json::json;

use crate::model::{Reply, call, calls};
use crate::world::{World, all_said, outcome, tool_states, well_formed};

fn bash(command: &str) -> (&'static str, serde_json::Value) {
    ("bash", json!({"command": command, "description": "x"}))
}

async fn asking() -> World {
    World::with(json!({"permission": {"bash": "ask", "edit": "ask"}})).await
}

#[tokio::test]
async fn once_allows_one_call() {
    let mut world = asking().await;
    world.model.script([calls([bash("mkdir one")]), calls([bash("mkdir two")]), Reply::Text("ok")]);
    world.ask("go").await;
    world.prompt().await;
    assert!(!world.project().join("one").exists(), "nothing runs before the answer");
    world.permit(PermissionReply::Once);
    world.prompt().await;
    assert!(world.project().join("one").exists());
    world.permit(PermissionReply::Once);
    assert_eq!(world.idle().await, "done");
}

#[tokio::test]
async fn always_holds_for_the_session_and_for_the_next_process() {
    let mut world = asking().await;
    let shell = || calls([bash("touch a"), bash("touch b")]);
    world.model.script([shell(), Reply::Text("ok"), shell(), Reply::Text("ok"), calls([bash("rm a")]), Reply::Text("ok")]);
    world.ask("go").await;
    let prompt = world.prompt().await;
    assert!(!prompt.always.is_empty(), "{prompt:?}");
    world.permit(PermissionReply::Always);
    assert_eq!(world.idle().await, "done");
    world.restart().await;
    assert_eq!(world.turn("again").await, "done");
    world.ask("and now another command").await;
    world.prompt().await;
    world.permit(PermissionReply::Reject);
    assert!(world.idle().await.starts_with("refused"));
}

#[tokio::test]
async fn always_settles_the_other_prompts_that_it_covers() {
    let mut world = World::with(json!({"permission": {"read": "ask"}})).await;
    world.files.set("a.txt", "A\n");
    world.files.set("b.txt", "B\n");
    world.model.script([calls([("read", json!({"filePath": "a.txt"})), ("read", json!({"filePath": "b.txt"}))]), Reply::Text("ok")]);
    world.ask("go").await;
    world.prompt().await;
    world.prompt().await;
    assert_eq!(world.engine.waiting().len(), 2);
    world.permit(PermissionReply::Always);
    assert!(world.engine.waiting().is_empty());
    assert_eq!(world.idle().await, "done");
}

#[tokio::test]
async fn a_plain_no_ends_the_turn_and_a_reason_goes_on() {
    let mut world = asking().await;
    world.model.script([
        calls([bash("touch a"), ("write", json!({"filePath": "w", "content": "x"}))]),
        calls([bash("touch b")]),
        Reply::Text("as you like"),
    ]);
    world.ask("go").await;
    world.prompt().await;
    world.permit(PermissionReply::Reject);
    assert!(world.idle().await.starts_with("refused"));
    assert!(world.engine.waiting().is_empty());
    world.ask("go on").await;
    world.prompt().await;
    world.engine.permit(None, PermissionReply::Reject, Some("use make instead".into())).unwrap();
    assert_eq!(world.idle().await, "done");
    let request = world.model.request(3).await;
    well_formed(&request);
    assert!(all_said(&request).contains("use make instead"));
    assert!(!world.project().join("a").exists() && !world.project().join("b").exists() && world.files.get("w").is_none());
}

#[tokio::test]
async fn a_no_with_an_empty_reason_is_a_plain_no() {
    let mut world = asking().await;
    world.model.script([calls([bash("touch a")])]);
    world.ask("go").await;
    world.prompt().await;
    world.engine.permit(None, PermissionReply::Reject, Some("  ".into())).unwrap();
    assert!(world.idle().await.starts_with("refused"));
}

#[tokio::test]
async fn the_first_answer_counts() {
    let mut world = asking().await;
    world.model.script([calls([bash("touch a")]), Reply::Text("ok")]);
    world.ask("go").await;
    let prompt = world.prompt().await;
    let engines: Vec<_> = (0..8).map(|_| world.engine.clone()).collect();
    let answers = engines.into_iter().map(|engine| {
        let id = prompt.id.clone();
        tokio::spawn(async move { engine.permit(Some(&id), PermissionReply::Reject, None).is_ok() })
    });
    let mut won = 0;
    for answer in answers.collect::<Vec<_>>() {
        won += usize::from(answer.await.unwrap());
    }
    assert_eq!(won, 1);
    assert!(matches!(world.engine.permit(None, PermissionReply::Once, None), Err(EngineError::NotWaiting)));
    assert!(world.idle().await.starts_with("refused"));
    assert!(!world.project().join("a").exists());
}

#[tokio::test]
async fn with_nobody_to_ask_it_is_refused_and_the_turn_goes_on() {
    let mut world = World::alone(json!({"permission": {"bash": "ask"}})).await;
    world.model.script([calls([bash("touch a")]), Reply::Text("then not")]);
    assert_eq!(world.turn("go").await, "done");
    assert!(all_said(&world.model.request(2).await).contains("nobody to ask"));
    assert!(!world.project().join("a").exists());
}

#[tokio::test]
async fn what_a_rule_denies_is_not_offered_and_refused_all_the_same() {
    let mut world = World::with(json!({"permission": {"bash": "deny", "edit": "deny"}})).await;
    world.files.set("a.txt", "x\n");
    world.model.script([
        calls([
            bash("touch a"),
            ("edit", json!({"filePath": "a.txt", "oldString": "x", "newString": "y"})),
            ("write", json!({"filePath": "b.txt", "content": "y"})),
            ("apply_patch", json!({"patchText": "*** Begin Patch\n*** Add File: c.txt\n+hi\n*** End Patch"})),
        ]),
        Reply::Text("ok"),
    ]);
    assert_eq!(world.turn("go").await, "done");
    let offered = world.model.request(1).await["tools"].to_string();
    for name in ["\"bash\"", "\"edit\"", "\"write\"", "\"apply_patch\""] {
        assert!(!offered.contains(name), "{name}");
    }
    world.engine.shutdown().await;
    for (tool, state) in tool_states(&world.stored()) {
        assert!(matches!(&state, ToolState::Error { error, .. } if error.contains("permission denied")), "{tool}: {state:?}");
    }
    assert_eq!((world.files.get("a.txt").as_deref(), world.files.get("b.txt")), (Some("x\n"), None));
}

#[tokio::test]
async fn the_plan_agent_cannot_write_by_any_tool() {
    let mut world = World::with(json!({"permission": {"edit": "allow", "bash": "allow"}})).await;
    world.engine.set_agent("plan").unwrap();
    world.files.set("a.txt", "x\n");
    world.model.script([
        calls([
            ("edit", json!({"filePath": "a.txt", "oldString": "x", "newString": "y"})),
            ("write", json!({"filePath": "b.txt", "content": "y"})),
            ("apply_patch", json!({"patchText": "*** Begin Patch\n*** Add File: c.txt\n+hi\n*** End Patch"})),
            bash("touch d.txt"),
        ]),
        Reply::Text("ok"),
    ]);
    assert_eq!(world.turn("go").await, "done", "nobody is asked what is forbidden");
    assert_eq!(world.files.get("a.txt").as_deref(), Some("x\n"));
    assert!(world.files.get("b.txt").is_none() && world.files.get("c.txt").is_none() && !world.project().join("d.txt").exists());
    assert!(all_said(&world.model.request(1).await).contains("system-reminder"), "the reminder goes with the message");
}

#[tokio::test]
async fn an_agent_that_the_user_changes_to_does_not_run_what_the_other_one_was_asked() {
    let mut world = World::with(json!({"permission": {"bash": {"*": "allow", "cat first": "ask"}}})).await;
    world.engine.set_agent("plan").unwrap();
    world.model.script([calls([bash("cat first"), ("write", json!({"filePath": "w.txt", "content": "y"}))]), Reply::Text("ok")]);
    world.ask("plan it").await;
    world.prompt().await;
    world.engine.set_agent("build").unwrap();
    world.ask("now build").await;
    world.permit(PermissionReply::Once);
    assert_eq!(world.idle().await, "done");
    assert_eq!(world.files.get("w.txt"), None, "the plan agent asked for it");
}

#[tokio::test]
async fn the_third_equal_call_needs_consent() {
    let mut world = World::new().await;
    world.files.set("a.txt", "x\n");
    let read = || call("read", json!({"filePath": "a.txt"}));
    world.model.script([read(), read(), read(), Reply::Text("ok")]);
    world.ask("go").await;
    assert_eq!(world.prompt().await.permission, "doom_loop");
    assert_eq!(world.model.requests().len(), 3);
    world.permit(PermissionReply::Reject);
    assert!(world.idle().await.starts_with("refused"));
    world.engine.shutdown().await;
    let outcomes: Vec<_> = tool_states(&world.stored()).into_iter().map(|(_, state)| outcome(&state)).collect();
    assert!(outcomes[2].contains("rejected"), "{outcomes:?}");
}

#[tokio::test]
async fn an_answer_settles_the_prompts_of_its_session_alone() {
    let mut world = World::with(json!({"permission": {"read": "ask"}})).await;
    world.files.set("a.txt", "A\n");
    let read = || call("read", json!({"filePath": "a.txt"}));
    world.model.script([read(), read()]);
    world.ask("go").await;
    let first = world.prompt().await;
    world.engine.new_session();
    world.ask("go").await;
    let second = world.prompt().await;
    assert_ne!(first.session_id, second.session_id);
    world.engine.permit(Some(&second.id), PermissionReply::Reject, None).unwrap();
    world.idle().await;
    let waiting: Vec<_> = world.engine.waiting().into_iter().map(|w| w.request.id).collect();
    assert_eq!(waiting, [first.id]);
}

#[tokio::test]
async fn a_prompt_that_nobody_answers_is_not_allowed() {
    let mut world = asking().await;
    world.model.script([calls([("write", json!({"filePath": "a.txt", "content": "x"}))])]);
    world.ask("go").await;
    world.prompt().await;
    world.engine.shutdown().await;
    assert!(world.engine.waiting().is_empty());
    assert_eq!(world.files.get("a.txt"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_prompt_its_answer_and_its_call_are_told_in_this_order() {
    const CALLS: usize = 30;
    let mut world = asking().await;
    for n in 0..CALLS {
        world.model.script([call("write", json!({"filePath": format!("{n}.txt"), "content": "x"}))]);
    }
    world.model.script([Reply::Text("ok")]);
    // A user who is quicker than every event.
    let engine = world.engine.clone();
    let user = tokio::spawn(async move {
        let mut answered = 0;
        while answered < CALLS {
            answered += usize::from(engine.permit(None, PermissionReply::Once, None).is_ok());
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(world.turn("go").await, "done");
    user.await.unwrap();
    let log: String = world
        .seen
        .iter()
        .filter_map(|event| match &event.event {
            Event::PermissionAsked(_) => Some('?'),
            Event::PermissionReplied { .. } => Some('!'),
            Event::PartUpdated { part: Part { kind: PartKind::Tool { state: ToolState::Completed { .. }, .. }, .. } } => Some('.'),
            _ => None,
        })
        .collect();
    assert_eq!(log, "?!.".repeat(CALLS));
}
