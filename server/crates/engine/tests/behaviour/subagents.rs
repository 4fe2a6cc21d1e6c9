//! Tasks that an agent hands to another one.

use std::sync::Arc;

use engine::AskRequest;
use proto::{Event, Part, PartId, PartKind, PermissionReply, Session, SessionId};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::model::{Reply, call, calls};
use crate::world::{World, all_said, outcome, well_formed};

fn task(agent: &str, prompt: &str) -> (&'static str, Value) {
    ("task", json!({"description": format!("do {prompt}"), "prompt": prompt, "subagent_type": agent}))
}

fn bash(command: &str) -> (&'static str, Value) {
    ("bash", json!({"command": command, "description": "x"}))
}

fn edit(file: &str, old: &str, new: &str) -> (&'static str, Value) {
    ("edit", json!({"filePath": file, "oldString": old, "newString": new}))
}

/// A session as it was last told.
fn told(world: &World, id: &SessionId) -> Session {
    let of_event = |event: &Event| match event {
        Event::SessionCreated { info } | Event::SessionUpdated { info } if info.id == *id => Some(info.clone()),
        _ => None,
    };
    world.seen.iter().rev().find_map(|event| of_event(&event.event)).unwrap()
}

/// The sessions that others started, in the order in which they began.
fn children(world: &World) -> Vec<Session> {
    let of_event = |event: &Event| match event {
        Event::SessionCreated { info } if info.parent_id.is_some() => Some(info.id.clone()),
        _ => None,
    };
    world.seen.iter().filter_map(|event| of_event(&event.event)).map(|id| told(world, &id)).collect()
}

/// Waits for the end of the user's turn.
async fn end(world: &mut World) -> String {
    let session = world.session();
    world
        .event("end of the turn", |event| match event {
            Event::SessionIdle { session_id, reason, .. } if *session_id == session => Some(reason.clone()),
            _ => None,
        })
        .await
}

async fn turn(world: &mut World, text: &str) -> String {
    world.ask(text).await;
    end(world).await
}

/// How the calls of a session stand, as it was last told.
fn outcomes(world: &World, session: &SessionId) -> Vec<String> {
    let mut states: Vec<(PartId, String)> = Vec::new();
    for event in &world.seen {
        if let Event::PartUpdated { part: Part { id, session_id, kind: PartKind::Tool { state, .. }, .. } } = &event.event
            && session_id == session
        {
            match states.iter_mut().find(|(known, _)| known == id) {
                Some((_, known)) => *known = outcome(state),
                None => states.push((id.clone(), outcome(state))),
            }
        }
    }
    states.into_iter().map(|(_, state)| state).collect()
}

fn results(world: &World) -> Vec<String> {
    outcomes(world, &world.session())
}

fn offered(request: &Value) -> Vec<&str> {
    request["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_subagent_has_a_session_of_its_own_and_its_last_words_are_the_result() {
    let mut world = World::new().await;
    world.files.set("a.txt", "MAUVE\n");
    world.model.script([
        calls([task("general", "SUB-PROMPT")]),
        call("read", json!({"filePath": "a.txt"})),
        Reply::Text("the colour is mauve"),
        Reply::Text("ok"),
    ]);
    assert_eq!(turn(&mut world, "PARENT-TALK").await, "done");
    let [first, child, _, last] = world.model.requests().try_into().unwrap();
    assert!(offered(&first).contains(&"task") && !offered(&child).contains(&"task") && !offered(&child).contains(&"todowrite"));
    let described = first["tools"].as_array().unwrap().iter().find(|tool| tool["function"]["name"] == "task").unwrap();
    assert!(described["function"]["description"].as_str().unwrap().contains("\n- general: "), "{described}");
    assert!(all_said(&child).contains("SUB-PROMPT") && !all_said(&child).contains("PARENT-TALK"));
    well_formed(&last);
    assert!(all_said(&last).contains("the colour is mauve") && !all_said(&last).contains("MAUVE"));
    let [child] = children(&world).try_into().unwrap();
    assert_eq!(child.title, "do SUB-PROMPT (@general subagent)");
    assert_eq!(child.parent_id, Some(world.session()));
    assert_eq!(results(&world), [format!("<task id=\"{}\" state=\"completed\">\nthe colour is mauve\n</task>", child.id)]);
    assert_eq!(world.engine.sessions().unwrap().len(), 1);
    assert!(world.engine.open_session(&child.id).await.is_err());
}

#[tokio::test]
async fn two_run_at_once() {
    let mut world = World::new().await;
    let gate = Arc::new(Notify::new());
    world.model.script([
        calls([task("general", "ONE"), task("general", "TWO")]),
        Reply::Gated("first", Arc::clone(&gate)),
        Reply::Gated("second", Arc::clone(&gate)),
        Reply::Text("ok"),
    ]);
    world.ask("go").await;
    // Both are asked before either has an answer.
    world.model.request(3).await;
    world.words("first").await;
    gate.notify_waiters();
    gate.notify_one();
    gate.notify_one();
    assert_eq!(end(&mut world).await, "done");
    let all = results(&world).join("\n");
    assert!(all.contains("first") && all.contains("second"), "{all}");
}

#[tokio::test]
async fn it_is_cancelled_with_the_turn_and_its_commands_too() {
    let mut world = World::new().await;
    world.model.script([calls([task("general", "SUB")]), calls([bash("touch begun; sleep 600; touch ended")])]);
    world.ask("go").await;
    world.running("bash").await;
    assert!(world.engine.cancel(None));
    assert_eq!(end(&mut world).await, "cancelled: Cancelled.");
    assert!(!world.project().join("ended").exists());
    let [child] = children(&world).try_into().unwrap();
    assert!(!world.engine.is_busy(Some(&child.id)));
    let states = outcomes(&world, &child.id);
    assert!(states.len() == 1 && states[0].contains("interrupted"), "{states:?}");
    assert!(results(&world)[0].contains(child.id.as_str()), "{:?}", results(&world));
}

#[tokio::test]
async fn it_may_nothing_that_its_starter_may_not() {
    let table = [
        // starter, subagent, the user's rules, edited, whether `touch` ran, whether `ls` was asked for
        ("build", "general", json!({}), true, true, false),
        ("build", "general", json!({"edit": "deny"}), false, true, false),
        ("build", "general", json!({"bash": "deny"}), true, false, false),
        ("build", "explore", json!("allow"), false, false, false),
        ("plan", "general", json!("allow"), false, false, false),
        ("plan", "explore", json!("allow"), false, false, false),
        ("plan", "loose", json!({}), false, false, false),
        ("tight", "loose", json!({}), false, false, false),
        ("build", "loose", json!({"edit": "deny", "bash": "deny"}), false, false, false),
    ];
    for (starter, agent, rules, edited, ran, asked) in table {
        let what = format!("{starter} {agent} {rules}");
        let mut world = World::with(json!({"permission": rules, "agent": {
            "tight": {"permission": {"edit": "deny", "bash": "deny"}},
            "loose": {"permission": {"edit": "allow", "bash": "allow"}},
        }}))
        .await;
        world.files.set("a.txt", "one\n");
        let shell = |command: &str| calls([bash(command)]);
        world.model.script([
            calls([task(agent, "SUB")]),
            calls([edit("a.txt", "one", "two")]),
            shell("ls"),
            shell("touch made"),
            Reply::Text("tried"),
            Reply::Text("ok"),
        ]);
        world.engine.ask(AskRequest { text: "go".into(), agent: Some(starter.into()), ..AskRequest::default() }).await.unwrap();
        let session = world.session();
        let mut prompts = Vec::new();
        loop {
            let prompt = world
                .event("prompt or end", |event| match event {
                    Event::PermissionAsked(request) => Some(Some(request.clone())),
                    Event::SessionIdle { session_id, .. } if *session_id == session => Some(None),
                    _ => None,
                })
                .await;
            let Some(prompt) = prompt else { break };
            assert!(prompt.metadata["title"].as_str().unwrap().starts_with(&format!("do SUB (@{agent}): ")), "{what}: {prompt:?}");
            prompts.extend(prompt.patterns);
            world.engine.permit(None, PermissionReply::Reject, Some("no".into())).unwrap();
        }
        assert_eq!(world.files.get("a.txt").unwrap() == "two\n", edited, "{what}");
        assert_eq!(world.project().join("made").exists(), ran, "{what}");
        assert_eq!(prompts.contains(&"ls".to_owned()), asked, "{what}: {prompts:?}");
    }
}

#[tokio::test]
async fn with_nobody_to_ask_it_is_refused() {
    let mut world = World::alone(json!({"permission": {"bash": "ask"}})).await;
    world.model.script([calls([task("general", "SUB")]), calls([bash("touch made")]), Reply::Text("refused"), Reply::Text("ok")]);
    assert_eq!(turn(&mut world, "go").await, "done");
    assert!(!world.project().join("made").exists());
}

#[tokio::test]
async fn a_plain_no_ends_the_turn_as_well() {
    let mut world = World::with(json!({"permission": {"bash": "ask"}})).await;
    world.model.script([calls([task("general", "SUB")]), calls([bash("touch made")])]);
    world.ask("go").await;
    world.prompt().await;
    world.permit(PermissionReply::Reject);
    assert!(end(&mut world).await.starts_with("refused"));
    assert!(results(&world)[0].contains("state=\"refused\""), "{:?}", results(&world));
}

#[tokio::test]
async fn always_counts_for_the_next_one_too() {
    let mut world = World::with(json!({"permission": {"bash": "ask"}})).await;
    let once = || [calls([task("general", "SUB")]), calls([bash("touch made")]), Reply::Text("made"), Reply::Text("ok")];
    world.model.script(once());
    world.model.script(once());
    world.ask("go").await;
    world.prompt().await;
    world.permit(PermissionReply::Always);
    assert_eq!(end(&mut world).await, "done");
    assert_eq!(turn(&mut world, "again").await, "done");
}

#[tokio::test]
async fn it_goes_on_where_it_was_and_after_a_restart_too() {
    let mut world = World::new().await;
    world.model.script([calls([task("general", "SUB-ONE")]), Reply::Text("half"), Reply::Text("ok")]);
    assert_eq!(turn(&mut world, "go").await, "done");
    let [child] = children(&world).try_into().unwrap();
    let parent = world.session();
    world.restart().await;
    world.engine.open_session(&parent).await.unwrap();
    let again = json!({"description": "more", "prompt": "SUB-TWO", "subagent_type": "general", "task_id": child.id});
    world.model.script([call("task", again), Reply::Text("whole"), Reply::Text("ok")]);
    assert_eq!(turn(&mut world, "go on").await, "done");
    let request = world.model.request(5).await;
    well_formed(&request);
    let said = all_said(&request);
    assert!(said.contains("SUB-ONE") && said.contains("half") && said.contains("SUB-TWO"), "{said}");
    assert!(results(&world).last().unwrap().contains("whole"));
}

#[tokio::test]
async fn faces_learn_whose_it_is_first_and_of_its_end_last() {
    let mut world = World::new().await;
    world.model.script([calls([task("general", "SUB-ONE")]), Reply::Text("half"), Reply::Text("ok")]);
    assert_eq!(turn(&mut world, "go").await, "done");
    let [child] = children(&world).try_into().unwrap();
    let again = json!({"description": "more", "prompt": "SUB-TWO", "subagent_type": "general", "task_id": child.id});
    world.model.script([call("task", again), Reply::Hang("wh")]);
    world.ask("go on").await;
    world.words("wh").await;
    assert!(world.engine.cancel(None));
    assert_eq!(end(&mut world).await, "cancelled: Cancelled.");
    world.engine.shutdown().await;
    while let Ok(event) = world.events.try_recv() {
        world.seen.push(event);
    }
    let events: Vec<&Event> = world.seen.iter().map(|event| &event.event).filter(|event| event.session_id() == &child.id).collect();
    let runs: Vec<_> = events.split_inclusive(|event| matches!(event, Event::SessionIdle { .. })).collect();
    assert_eq!(runs.len(), 2, "{events:?}");
    for run in runs {
        let (first, last) = (run[0], run[run.len() - 1]);
        let told = matches!(first, Event::SessionCreated { info } | Event::SessionUpdated { info } if info.parent_id.is_some());
        assert!(told && matches!(last, Event::SessionIdle { .. }), "{run:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_explained() {
    let mut world = World::new().await;
    let other = |id: &str| json!({"description": "x", "prompt": "x", "subagent_type": "general", "task_id": id});
    let mine = turn(&mut world, "first").await;
    assert!(mine.starts_with("error"));
    let own = world.session();
    world.model.script([
        calls([task("nobody", "x"), task("build", "x"), ("task", other("ses_none")), ("task", other(own.as_str()))]),
        Reply::Text("ok"),
    ]);
    assert_eq!(turn(&mut world, "go").await, "done");
    let results = results(&world);
    assert!(results[0].contains("no subagent `nobody`") && results[0].contains("explore, general"), "{results:?}");
    assert!(results[1].contains("no subagent `build`"), "{results:?}");
    assert!(results[2].contains("no subagent ses_none") && results[3].contains("still at work"), "{results:?}");
    assert!(!world.engine.is_busy(None));
}

#[tokio::test]
async fn what_failed_says_what_it_said_so_far() {
    let mut world = World::with(json!({"agent": {"short": {"steps": 1, "mode": "subagent"}}})).await;
    world.files.set("a.txt", "A\n");
    world.model.script([
        calls([task("short", "ONE"), task("general", "TWO")]),
        Reply::Long("so far"),
        Reply::Long("so far"),
        Reply::Error(400, "", r#"{"error":{"message":"no more money"}}"#),
        Reply::Error(400, "", r#"{"error":{"message":"no more money"}}"#),
    ]);
    assert!(!turn(&mut world, "go").await.is_empty());
    for result in results(&world) {
        assert!(result.contains("<task id=\"ses_") && result.contains("so far"), "{result}");
    }
}

#[tokio::test]
async fn undo_takes_back_what_it_changed() {
    let mut world = World::new().await;
    world.files.open("a.txt", "one\ntwo\nthree\n");
    world.model.script([
        call("read", json!({"filePath": "a.txt"})),
        calls([edit("a.txt", "one", "ONE"), task("general", "SUB")]),
        calls([edit("a.txt", "three", "THREE")]),
        Reply::Text("done"),
        Reply::Text("ok"),
        Reply::Text("ok"),
    ]);
    assert_eq!(turn(&mut world, "go").await, "done");
    assert_eq!(world.files.get("a.txt").unwrap(), "ONE\ntwo\nTHREE\n");
    let told = results(&world);
    assert!(told[2].contains("Changed: a.txt"), "{told:?}");
    assert_eq!(turn(&mut world, "and?").await, "done");
    assert!(!all_said(&world.model.request(6).await).contains("the user changed"));
    world.engine.undo(None).await.unwrap().carry_out().await.unwrap();
    assert_eq!(world.files.get("a.txt").unwrap(), "one\ntwo\nthree\n");
}

#[tokio::test]
async fn what_it_costs_is_the_starters_cost() {
    let mut world = World::new().await;
    world.model.script([calls([task("general", "SUB")]), Reply::Used("words", 1000), Reply::Used("ok", 50)]);
    assert_eq!(turn(&mut world, "go").await, "done");
    let own = world.session();
    let [child] = children(&world).try_into().unwrap();
    assert_eq!(child.tokens.input, 1000);
    assert_eq!(told(&world, &own).tokens.input, 10 + 1000 + 50);
}

#[tokio::test]
async fn what_it_does_is_told_as_the_calls_progress() {
    let mut world = World::new().await;
    world.files.set("a.txt", "A\n");
    world.model.script([calls([task("explore", "SUB")]), call("read", json!({"filePath": "a.txt"})), Reply::Text("A"), Reply::Text("ok")]);
    assert_eq!(turn(&mut world, "go").await, "done");
    let own = world.session();
    let told = world.seen.iter().any(|event| {
        let json = serde_json::to_value(&event.event).unwrap();
        *event.event.session_id() == own && json["properties"]["part"]["state"]["metadata"]["now"] == "read a.txt"
    });
    assert!(told, "{:#?}", world.seen);
}

#[tokio::test]
async fn deeper_ones_count_for_all_above_them() {
    let mut world = World::with(json!({"subagent_depth": 2})).await;
    world.files.set("a.txt", "one\n");
    world.model.script([
        calls([task("general", "SUB")]),
        calls([task("general", "DEEP")]),
        calls([edit("a.txt", "one", "two")]),
        Reply::Used("deep", 1000),
        Reply::Text("sub"),
        Reply::Text("ok"),
    ]);
    assert_eq!(turn(&mut world, "go").await, "done");
    let requests = world.model.requests();
    assert!(offered(&requests[1]).contains(&"task") && !offered(&requests[2]).contains(&"task"));
    assert_eq!(told(&world, &world.session()).tokens.input, 1000 + 5 * 10);
    world.engine.undo(None).await.unwrap().carry_out().await.unwrap();
    assert_eq!(world.files.get("a.txt").unwrap(), "one\n");
}
