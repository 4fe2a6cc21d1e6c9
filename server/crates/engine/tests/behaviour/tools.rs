//! Calls of tools: order, bad calls, faults.

use proto::{Event, Part, PartKind, ToolState};
use serde_json::json;

use crate::model::{Reply, call, calls};
use crate::world::{World, all_said, outcome, tool_states, well_formed};

#[tokio::test]
async fn reading_calls_run_together_and_writing_ones_in_order() {
    let mut world = World::new().await;
    for name in ["a.txt", "b.txt"] {
        world.files.set(name, "old\n");
    }
    world.model.script([
        calls([
            ("read", json!({"filePath": "a.txt"})),
            ("read", json!({"filePath": "b.txt"})),
            ("write", json!({"filePath": "c.txt", "content": "1\n"})),
            ("bash", json!({"command": "echo shell", "description": "x"})),
            ("read", json!({"filePath": "c.txt"})),
            ("edit", json!({"filePath": "c.txt", "oldString": "1", "newString": "2"})),
        ]),
        Reply::Text("done"),
    ]);
    world.turn("go").await;
    let mut log = Vec::new();
    for event in &world.seen {
        if let Event::PartUpdated { part: Part { kind: PartKind::Tool { call_id, state, .. }, .. } } = &event.event {
            match state {
                ToolState::Running { .. } => log.push(format!("+{}", &call_id[5..6])),
                ToolState::Completed { .. } | ToolState::Error { .. } => log.push(format!("-{}", &call_id[5..6])),
                ToolState::Pending { .. } => {}
            }
        }
    }
    log.dedup();
    assert_eq!(log[..2], ["+0", "+1"]);
    assert_eq!(log[4..], ["+2", "-2", "+3", "-3", "+4", "-4", "+5", "-5"]);
    assert_eq!(world.files.get("c.txt").unwrap(), "2\n");
    let request = world.model.request(2).await;
    well_formed(&request);
    assert!(all_said(&request).contains("shell"));
}

#[tokio::test]
async fn bad_calls_are_answered_and_the_turn_goes_on() {
    let mut world = World::new().await;
    world.model.script([
        Reply::Calls(vec![
            ("read", "{\"filePath\": \"a".into()),
            ("frobnicate", "{}".into()),
            ("read", "[1]".into()),
            ("read", "{\"filePath\": \"panic.txt\"}".into()),
        ]),
        Reply::Text("I see"),
    ]);
    assert_eq!(world.turn("go").await, "done");
    let request = world.model.request(2).await;
    well_formed(&request);
    let all = all_said(&request);
    for want in ["not valid JSON", "no tool `frobnicate`", "JSON object is expected", "a fault of the workspace"] {
        assert!(all.contains(want), "{want}: {all}");
    }
}

#[tokio::test]
async fn calls_that_are_nearly_right_run() {
    let mut world = World::new().await;
    world.files.set("a.txt", "one\ntwo\n");
    world.model.script([
        Reply::Calls(vec![
            ("read", "```json\n{\"file_path\": \"a.txt\", \"limit\": \"1\",}\n```".into()),
            ("write", "{'path': 'b.txt', 'content': 'it\\'s\nhere\n'}".into()),
            ("write", "{\"filePath\": \"c.txt\", \"content\": \"half of".into()),
            ("write", "{\"filePath\": \"d.txt\", \"content\": \"1\"}{\"filePath\": \"e.txt\", \"content\": \"2\"}".into()),
        ]),
        Reply::Text("ok"),
    ]);
    world.turn("go").await;
    let request = world.model.request(2).await;
    well_formed(&request);
    let all = all_said(&request);
    for want in ["they break off", "more than one object"] {
        assert!(all.contains(want), "{want}: {all}");
    }
    assert_eq!(world.files.get("b.txt").unwrap(), "it's\nhere\n");
    assert_eq!([world.files.get("c.txt"), world.files.get("d.txt")], [None, None]);
    world.engine.shutdown().await;
    let states = tool_states(&world.stored());
    assert!(outcome(&states[0].1).contains("one") && !outcome(&states[0].1).contains("two"), "{states:?}");
}

#[tokio::test]
async fn a_name_in_other_letters_is_understood() {
    let mut world = World::new().await;
    world.files.set("a.txt", "hello\n");
    world.model.script([call("Read", json!({"filePath": "a.txt"})), Reply::Text("ok")]);
    world.turn("go").await;
    world.engine.shutdown().await;
    let states = tool_states(&world.stored());
    assert_eq!(states[0].0, "read");
    assert!(outcome(&states[0].1).contains("hello"));
}

#[tokio::test]
async fn a_cut_stream_runs_its_call_once_and_leaves_one_answer() {
    let mut world = World::new().await;
    let write = json!({"command": "echo x >> log", "description": "x"}).to_string();
    world.model.script([
        Reply::Cut("first try", "bash", write.clone()),
        Reply::CutCall("bash"),
        Reply::Calls(vec![("bash", write)]),
        Reply::Text("done"),
    ]);
    assert_eq!(world.turn("go").await, "done");
    assert_eq!(std::fs::read_to_string(world.project().join("log")).unwrap(), "x\n");
    let request = world.model.request(4).await;
    well_formed(&request);
    assert!(!all_said(&request).contains("first try"));
    world.engine.shutdown().await;
    assert_eq!(tool_states(&world.stored()).len(), 1);
    assert!(world.seen.iter().any(|e| matches!(e.event, Event::MessageRemoved { .. })));
}
