//! What the model is told beside the user's words.

use engine::AskRequest;
use serde_json::{Value, json};
use workspace::Place;

use crate::model::{Reply, call};
use crate::world::{World, all_said, count, said};

#[tokio::test]
async fn what_the_user_changed_is_told_once_and_what_the_agent_changed_is_not() {
    let mut world = World::new().await;
    world.files.open("a.txt", "one\ntwo\n");
    world.model.script([
        call("read", json!({"filePath": "a.txt"})),
        call("edit", json!({"filePath": "a.txt", "oldString": "one", "newString": "ONE"})),
        Reply::Text("done"),
        Reply::Text("nothing"),
        Reply::Text("I see"),
        Reply::Text("still"),
    ]);
    world.turn("go").await;
    world.turn("second").await;
    assert!(!all_said(&world.model.request(4).await).contains("the user changed"));
    world.files.set("a.txt", "ONE\ntwo, mine\n");
    world.turn("third").await;
    let all = all_said(&world.model.request(5).await);
    assert!(all.contains("the user changed a.txt") && all.contains("+two, mine") && !all.contains("-one"), "{all}");
    world.turn("fourth").await;
    assert_eq!(count(&all_said(&world.model.request(6).await), "the user changed"), 1);
    world.files.remove("a.txt");
    world.model.script([Reply::Text("gone"), Reply::Text("ok")]);
    world.turn("fifth").await;
    assert!(said(&world.model.request(7).await).last().unwrap().contains("does not exist any more"));
    world.turn("sixth").await;
    assert!(!said(&world.model.request(8).await).last().unwrap().contains("any more"));
}

#[tokio::test]
async fn what_the_user_undid_is_told() {
    let mut world = World::new().await;
    world.files.set("a.txt", "one\n");
    world.model.script([
        call("edit", json!({"filePath": "a.txt", "oldString": "one", "newString": "ONE"})),
        Reply::Text("done"),
        Reply::Text("I see"),
    ]);
    world.turn("go").await;
    world.engine.undo(None).await.unwrap().carry_out().await.unwrap();
    world.turn("second").await;
    assert!(said(&world.model.request(3).await).last().unwrap().contains("+one"));
}

#[tokio::test]
async fn a_selection_and_a_mentioned_file_go_with_the_message_as_the_buffers_have_them() {
    let mut world = World::new().await;
    world.files.open("a.txt", "one\ntwo\nthree\n");
    world.files.set("b.txt", "from the disk\n");
    world.files.open("b.txt", "from the buffer\n");
    world.model.script([Reply::Text("ok")]);
    let place = Place { key: world.files.key("a.txt"), range: 4..7, lines: (1, 1) };
    let request =
        AskRequest { text: "Explain, see @b.txt.".into(), place: Some(place), context: vec!["a hint".into()], ..AskRequest::default() };
    world.engine.ask(request).await.unwrap();
    world.idle().await;
    let all = all_said(&world.model.request(1).await);
    for want in ["lines 2-2 of a.txt", "\ntwo\n", "from the buffer", "a hint", "Open in the editor:\n- a.txt"] {
        assert!(all.contains(want), "{want}: {all}");
    }
    world.engine.shutdown().await;
    let first = serde_json::to_value(&world.stored()[0]).unwrap();
    let synthetic: Vec<_> = first["parts"].as_array().unwrap().iter().map(|p| p["synthetic"] == true).collect();
    assert_eq!(synthetic, [false, true, true], "what faces show is the user's words alone");
}

#[tokio::test]
async fn where_the_user_is_goes_with_the_message_where_it_may_be_read() {
    let mut world = World::with(json!({"permission": {"read": {"*": "allow", "secret.txt": "deny"}}})).await;
    world.files.open("a.txt", "one\ntwo\nthree\n");
    world.files.open("secret.txt", "hidden\n");
    world.model.script([Reply::Text("ok"), Reply::Text("ok"), Reply::Text("ok")]);
    for (name, range) in [("a.txt", 4..7), ("a.txt", 4..4), ("secret.txt", 0..6)] {
        let line = usize::from(name == "a.txt");
        let focus = Some(Place { key: world.files.key(name), range, lines: (line, line) });
        world.engine.ask(AskRequest { text: "What is it?".into(), focus, ..AskRequest::default() }).await.unwrap();
        world.idle().await;
    }
    let mut told = Vec::new();
    for number in 1..=3 {
        told.push(said(&world.model.request(number).await).pop().unwrap());
    }
    assert!(told[0].contains("lines 2-2 of a.txt") && told[0].contains("\ntwo\n"), "{}", told[0]);
    assert!(told[1].contains("The cursor is at a.txt:2.") && !told[1].contains("two"), "{}", told[1]);
    assert!(!told[2].contains("hidden") && !told[2].contains("The cursor is at"), "{}", told[2]);
}

#[tokio::test]
async fn what_the_models_own_command_changed_is_not_told_as_the_users() {
    let mut world = World::with(json!({"permission": {"bash": "allow"}})).await;
    world.files.set("generated.txt", "one\n");
    world.model.script([
        call("read", json!({"filePath": "generated.txt"})),
        call("bash", json!({"command": "true", "description": "x"})),
        Reply::Text("done"),
        Reply::Text("ok"),
        Reply::Text("I see"),
    ]);
    world.turn("go").await;
    world.turn("second").await;
    let all = all_said(&world.model.request(4).await);
    assert!(!all.contains("the user changed"), "{all}");
    world.files.set("generated.txt", "one\nby a command\nby hand\n");
    world.turn("third").await;
    let all = all_said(&world.model.request(5).await);
    assert!(all.contains("+by hand") && !all.contains("+by a command"), "{all}");
}

#[tokio::test]
async fn a_mention_may_name_a_folder_or_a_line() {
    let mut world = World::new().await;
    world.files.set("a.txt", "the text\n");
    std::fs::create_dir_all(world.dir.path().join("project/sub/deeper")).unwrap();
    std::fs::write(world.dir.path().join("project/sub/b.txt"), "").unwrap();
    world.model.script([Reply::Text("ok"), Reply::Text("ok"), Reply::Text("ok")]);
    world.turn("see @sub/ and @nothing.txt").await;
    let all = all_said(&world.model.request(1).await);
    assert!(all.contains("<folder path=\"sub\">\nb.txt\ndeeper/\n</folder>"), "{all}");
    for (number, mention) in [(2, "@a.txt:12"), (3, "@a.txt#L1-2")] {
        world.turn(&format!("see {mention}")).await;
        let all = all_said(&world.model.request(number).await);
        assert_eq!(count(&all, "<file path=\"a.txt\">\nthe text\n</file>"), number - 1, "{all}");
    }
}

#[tokio::test]
async fn rules_that_were_written_since_count_from_the_next_message_on() {
    let mut world = World::new().await;
    let rules = world.dir.path().join("project/RULES.md");
    world.model.script([Reply::Text("ok"), Reply::Text("ok")]);
    world.turn("one").await;
    assert!(!world.model.request(1).await.to_string().contains("ZEBRA"));
    std::fs::write(rules, "Say ZEBRA.\n").unwrap();
    world.turn("two").await;
    assert!(world.model.request(2).await.to_string().contains("ZEBRA"));
}

#[tokio::test]
async fn a_mentioned_file_that_is_huge_is_cut() {
    let mut world = World::new().await;
    world.files.set("big.log", &"a line of the log\n".repeat(100_000));
    world.model.script([Reply::Text("ok")]);
    world.turn("look at @big.log").await;
    let all = all_said(&world.model.request(1).await);
    assert!(all.len() < 60_000 && all.contains("a line of the log") && all.contains("read"), "{}", all.len());
}

#[tokio::test]
async fn how_much_a_model_thinks_comes_from_the_message_the_command_or_the_agent() {
    let mut world = World::with(json!({
        "command": {"deep": {"template": "x", "model": "mock/thinker", "variant": "high"}, "same": {"template": "x", "variant": "low"}},
        "agent": {"thoughtful": {"model": "mock/thinker", "variant": "medium"}, "plain": {"variant": "high"}},
    }))
    .await;
    let check = async |world: &mut World, text: &str, agent: Option<&str>, model: Option<&str>, variant: Option<&str>, expect: Value| {
        world.model.script([Reply::Text("ok")]);
        let owned = |name: Option<&str>| name.map(str::to_owned);
        let (agent, model, variant) = (owned(agent), owned(model), owned(variant));
        let number = world.model.requests().len() + 1;
        world.engine.ask(AskRequest { text: text.into(), agent, model, variant, ..AskRequest::default() }).await.unwrap();
        world.idle().await;
        assert_eq!(world.model.request(number).await["reasoning_effort"], expect, "{text}");
    };
    let thinker = Some("mock/thinker");
    check(&mut world, "asked", None, thinker, Some("low"), json!("low")).await;
    check(&mut world, "in the name", None, Some("mock/thinker#high"), None, json!("high")).await;
    check(&mut world, "/deep", None, None, None, json!("high")).await;
    check(&mut world, "/deep", None, None, Some("low"), json!("low")).await;
    check(&mut world, "/deep", None, thinker, None, json!(null)).await;
    check(&mut world, "/same", None, thinker, None, json!("low")).await;
    check(&mut world, "by the agent", Some("thoughtful"), None, None, json!("medium")).await;
    check(&mut world, "another model", Some("thoughtful"), Some("mock/test"), None, json!(null)).await;
    check(&mut world, "no model of its own", Some("plain"), None, None, json!(null)).await;
    let request = AskRequest { text: "x".into(), model: Some("mock/thinker#huge".into()), ..AskRequest::default() };
    let error = world.engine.ask(request).await.unwrap_err().to_string();
    assert!(error.contains("`huge`; there are: low, medium, high"), "{error}");
}

#[tokio::test]
async fn a_command_brings_its_template_its_agent_and_its_model() {
    let mut world = World::with(json!({"command": {"check": {
        "template": "Check $ARGUMENTS:\n!`echo from two she''lls`\n@note.txt", "agent": "plan", "model": "mock/other"}}}))
    .await;
    world.files.set("note.txt", "the note\n");
    world.model.script([Reply::Text("ok"), Reply::Text("ok")]);
    world.turn("/check the tests").await;
    let request = world.model.request(1).await;
    assert_eq!(request["model"], "other");
    let all = all_said(&request);
    for want in ["Check the tests:", "from two shells", "the note", "system-reminder"] {
        assert!(all.contains(want), "{want}: {all}");
    }
    world.turn("/unknown stays as it is").await;
    let request = world.model.request(2).await;
    assert_eq!(request["model"], "test");
    assert!(said(&request).last().unwrap().contains("/unknown stays"));
}

#[tokio::test]
async fn what_a_command_prints_mentions_nothing() {
    let mut world = World::with(json!({"command": {"log": {"template": "Look:\n!`echo see @secret.txt`\nand @note.txt"}}})).await;
    world.files.set("secret.txt", "SECRET");
    world.files.set("note.txt", "the note");
    world.model.script([Reply::Text("ok")]);
    world.turn("/log").await;
    let all = all_said(&world.model.request(1).await);
    assert!(all.contains("see @secret.txt") && all.contains("the note") && !all.contains("SECRET"), "{all}");
}
