//! Models that are given no tools: the files go into the message, and the edits in the answer are made.

use engine::AskRequest;
use proto::{PermissionReply, ToolState};
use serde_json::{Value, json};
use workspace::Place;

use crate::model::{Reply, call};
use crate::world::{World, all_said, answers, outcome, said, tool_states, well_formed};

const FIXED: &str = "I multiply.\n\nFile: a.py\n```python\ndef area(w, h):\n    return w * h\n```\n";
const TEXT: &str = "def area(w, h):\n    return w + h\n";
const MISSES: &str = "File: a.py\n<<<<<<< SEARCH\n    return width\n=======\n    return w * h\n>>>>>>> REPLACE\n";

async fn world() -> World {
    let world = World::with(json!({"model": "mock/tiny-1b", "permission": {"edit": "allow"}})).await;
    world.files.open("a.py", TEXT);
    world
}

fn has_no_tools(request: &Value) {
    assert!(request.get("tools").is_none(), "{request:#}");
    let roles: Vec<_> = request["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap().to_owned()).collect();
    assert!(roles[1..].iter().enumerate().all(|(n, role)| role == if n % 2 == 0 { "user" } else { "assistant" }), "{roles:?}");
    assert!(roles.len() % 2 == 0, "the user has the last word: {roles:?}");
}

#[tokio::test]
async fn the_open_file_goes_in_and_the_edit_is_made_in_the_buffer() {
    let mut world = world().await;
    world.model.script([Reply::Text(FIXED)]);
    assert_eq!(world.turn("Fix the area.").await, "done");
    assert_eq!(world.files.get("a.py").unwrap(), "def area(w, h):\n    return w * h\n");
    let request = world.model.request(1).await;
    has_no_tools(&request);
    let all = all_said(&request);
    assert!(all.contains("File: a.py\n```python\ndef area(w, h):\n    return w + h\n```") && all.ends_with("Fix the area."), "{all}");
    assert!(request["max_tokens"].as_u64().is_some(), "a model that repeats itself is ended");
    world.engine.undo(None).await.unwrap().carry_out().await.unwrap();
    assert_eq!(world.files.get("a.py").unwrap(), TEXT);
    world.engine.shutdown().await;
    assert_eq!(tool_states(&world.stored()).iter().map(|(tool, _)| tool.as_str()).collect::<Vec<_>>(), ["write"]);
}

#[tokio::test]
async fn what_failed_is_given_back_in_words_with_the_text_as_it_is() {
    let mut world = world().await;
    world.files.open("b.py", "x = 1\n");
    let both = "File: b.py\n```\nx = 2\n```\nFile: a.py\n<<<<<<< SEARCH\n    return width\n=======\n    return w * h\n>>>>>>> REPLACE\n";
    world.model.script([Reply::Text(both), Reply::Text(FIXED)]);
    assert_eq!(world.turn("Fix both.").await, "done");
    assert_eq!(
        (world.files.get("a.py").unwrap().as_str(), world.files.get("b.py").unwrap().as_str()),
        ("def area(w, h):\n    return w * h\n", "x = 2\n")
    );
    let request = world.model.request(2).await;
    has_no_tools(&request);
    let last = said(&request).pop().unwrap();
    for want in ["- b.py: changed as you wrote", "- a.py: NOT changed: ", "was not found", "Answer again", "```python\nx = 2\n```"] {
        assert!(last.contains(want), "{want}: {last}");
    }
    assert!(!last.contains("oldString"), "{last}");
}

#[tokio::test]
async fn a_model_that_never_gets_it_right_is_stopped_with_the_reason() {
    let mut world = world().await;
    let lazy = "File: a.py\n```\n# ...\n```";
    world.model.script([Reply::Text(MISSES), Reply::Text(lazy), Reply::Text(MISSES)]);
    let reason = world.turn("Fix it.").await;
    assert!(reason.starts_with("limit: ") && reason.contains("could not be made"), "{reason}");
    assert_eq!(world.files.get("a.py").unwrap(), TEXT);
    assert_eq!(world.model.requests().len(), 3);
}

#[tokio::test]
async fn an_answer_that_leaves_lines_out_changes_nothing() {
    let mut world = world().await;
    let lazy = "File: a.py\n```python\ndef area(w, h):\n    # ... rest of code unchanged\n```\n";
    world.model.script([Reply::Text(lazy), Reply::Text("I give up.")]);
    assert_eq!(world.turn("Fix it.").await, "done");
    assert_eq!(world.files.get("a.py").unwrap(), TEXT);
    assert!(all_said(&world.model.request(2).await).contains("leaves parts of it out"));
    world.engine.shutdown().await;
    let (_, state) = tool_states(&world.stored()).remove(0);
    assert!(matches!(state, ToolState::Error { .. }) && outcome(&state).contains("nothing was changed"), "{state:?}");
}

#[tokio::test]
async fn a_question_is_answered_and_changes_nothing() {
    let mut world = world().await;
    world.model.script([Reply::Text(FIXED)]);
    assert_eq!(world.turn("What is wrong with a.py?").await, "done");
    world.engine.shutdown().await;
    assert_eq!((world.files.get("a.py").unwrap().as_str(), answers(&world.stored()).concat().as_str()), (TEXT, FIXED));
}

#[tokio::test]
async fn an_agent_that_may_not_edit_does_not() {
    let mut world = world().await;
    world.model.script([Reply::Text(FIXED)]);
    let request = AskRequest { text: "Fix the area.".into(), agent: Some("plan".into()), ..AskRequest::default() };
    world.engine.ask(request).await.unwrap();
    assert_eq!(world.idle().await, "done");
    assert_eq!(world.files.get("a.py").unwrap(), TEXT);
    assert!(world.model.request(1).await["messages"][0]["content"].as_str().unwrap().contains("Change nothing now"));
}

#[tokio::test]
async fn the_user_is_asked_as_ever() {
    let mut world = World::with(json!({"model": "mock/tiny-1b", "permission": {"edit": "ask"}})).await;
    world.files.open("a.py", TEXT);
    world.model.script([Reply::Text(FIXED), Reply::Text("Then I leave it.")]);
    world.ask("Fix the area.").await;
    let prompt = world.prompt().await;
    assert!(prompt.metadata["diff"].as_str().unwrap().contains("+    return w * h"));
    world.engine.permit(None, PermissionReply::Reject, Some("not now".into())).unwrap();
    assert_eq!(world.idle().await, "done");
    assert!(all_said(&world.model.request(2).await).contains("and said: not now"));
    world.model.script([Reply::Text(FIXED)]);
    world.ask("Fix the area.").await;
    world.prompt().await;
    world.permit(PermissionReply::Reject);
    assert!(world.idle().await.starts_with("refused"));
    assert_eq!(world.files.get("a.py").unwrap(), TEXT);
}

#[tokio::test]
async fn a_conversation_goes_from_a_model_with_tools_to_one_without_and_back() {
    let mut world = world().await;
    world.model.script([call("read", json!({"filePath": "a.py"})), Reply::Text("It adds."), Reply::Text(FIXED), Reply::Text("Fine.")]);
    let with = |model: &str, text: &str| AskRequest { text: text.into(), model: Some(model.into()), ..AskRequest::default() };
    for (model, text) in [("mock/test", "Look at a.py."), ("mock/tiny-1b", "Fix it."), ("mock/test", "And now?")] {
        world.engine.ask(with(model, text)).await.unwrap();
        assert_eq!(world.idle().await, "done");
    }
    let without = world.model.request(3).await;
    has_no_tools(&without);
    assert!(all_said(&without).contains("- read a.py: ") && all_said(&without).contains("It adds."));
    let back = world.model.request(4).await;
    well_formed(&back);
    assert!(back["tools"].is_array() && back["messages"].to_string().contains("\\\"filePath\\\":\\\"a.py\\\""), "{back:#}");
}

#[tokio::test]
async fn the_selection_and_named_files_go_in_and_what_may_not_be_read_does_not() {
    let mut world = World::with(json!({"model": "mock/tiny-1b", "permission": {"read": {"secret.txt": "deny"}}})).await;
    world.files.open("a.py", TEXT);
    world.files.set("lib/b.py", "from the disk\n");
    world.files.open("secret.txt", "hidden\n");
    world.model.script([Reply::Text("ok")]);
    let place = Place { key: world.files.key("a.py"), range: 20..32, lines: (1, 1) };
    let ask = AskRequest { text: "Use lib/b.py here.".into(), place: Some(place), context: vec!["a hint".into()], ..AskRequest::default() };
    world.engine.ask(ask).await.unwrap();
    world.idle().await;
    let all = all_said(&world.model.request(1).await);
    for want in
        ["File: a.py\n", "File: lib/b.py\n```python\nfrom the disk\n", "The user selected line 2 of a.py:\n```\nreturn w + h\n", "a hint"]
    {
        assert!(all.contains(want), "{want}: {all}");
    }
    assert!(!all.contains("hidden") && !all.contains("secret"), "{all}");
}

#[tokio::test]
async fn where_the_user_is_comes_first_of_what_is_not_named() {
    let mut world = World::with(json!({"model": "mock/tiny-1b", "permission": {"read": {"secret.txt": "deny"}}})).await;
    world.files.open("a.py", TEXT);
    world.files.open("z.py", "here = 1\nthere = 2\n");
    world.files.open("secret.txt", "hidden\n");
    world.model.script([Reply::Text("ok"), Reply::Text("ok")]);
    for (name, range) in [("z.py", 9..18), ("secret.txt", 0..6)] {
        let focus = Some(Place { key: world.files.key(name), range, lines: (1, 1) });
        world.engine.ask(AskRequest { text: "What is it?".into(), focus, ..AskRequest::default() }).await.unwrap();
        world.idle().await;
    }
    let (first, second) = (all_said(&world.model.request(1).await), all_said(&world.model.request(2).await));
    assert!(first.find("File: z.py").unwrap() < first.find("File: a.py").unwrap(), "{first}");
    assert!(first.contains("The user selected line 2 of z.py:\n```\nthere = 2\n"), "{first}");
    assert!(!second.contains("hidden") && !second.contains("secret"), "{second}");
}

#[tokio::test]
async fn what_models_check_found_counts_from_the_next_message() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("ok"), Reply::Text("ok")]);
    world.turn("one").await;
    assert!(world.model.request(1).await["tools"].is_array());
    let deployment = world.model.url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let line =
        json!({"wire_id": "test", "deployment": deployment, "api": "openai-chat", "date": "2026-01-02T03:04:05Z", "weak_at_tools": true});
    std::fs::write(world.dir.path().join("data/models-check.jsonl"), format!("{line}\n")).unwrap();
    world.turn("two").await;
    has_no_tools(&world.model.request(2).await);
}
