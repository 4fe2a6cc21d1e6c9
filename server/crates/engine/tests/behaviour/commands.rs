//! Slash commands: their command lines, and those that are a subagent's.

use proto::PermissionReply;
use serde_json::{Value, json};

use crate::model::Reply;
use crate::world::{World, all_said, outcome, said, tool_states, well_formed};

fn with_line(permission: &str) -> Value {
    json!({"permission": {"bash": permission}, "command": {"log": {"template": "Look:\n!`echo PRIN''TED; touch ran`\nand say."}}})
}

#[tokio::test]
async fn a_command_line_of_a_template_asks_as_the_models_own_do() {
    for (reply, ran, told) in [(PermissionReply::Once, true, "PRINTED"), (PermissionReply::Reject, false, "was not run")] {
        let mut world = World::with(with_line("ask")).await;
        world.model.script([Reply::Text("ok")]);
        world.ask("/log").await;
        let prompt = world.prompt().await;
        assert_eq!(prompt.permission, "bash");
        assert!(!world.project().join("ran").exists(), "nothing runs before the answer");
        world.permit(reply);
        assert_eq!(world.idle().await, "done");
        assert_eq!(world.project().join("ran").exists(), ran);
        let all = all_said(&world.model.request(1).await);
        assert!(all.contains(told) && all.contains("Look:") && all.contains("and say."), "{all}");
        world.engine.shutdown().await;
        let stored = serde_json::to_string(&world.stored()[0]).unwrap();
        assert!(stored.contains(told), "{stored}");
    }
}

#[tokio::test]
async fn a_turn_can_be_cancelled_while_its_command_line_waits_for_an_answer() {
    let mut world = World::with(with_line("ask")).await;
    world.ask("/log").await;
    world.prompt().await;
    assert!(world.engine.cancel(None));
    assert_eq!(world.idle().await.split(':').next(), Some("cancelled"));
    assert!(world.engine.waiting().is_empty() && !world.project().join("ran").exists());
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn("go on").await, "done");
}

#[tokio::test]
async fn where_nobody_can_be_asked_it_is_not_run() {
    let mut world = World::alone(with_line("ask")).await;
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn("/log").await, "done");
    assert!(all_said(&world.model.request(1).await).contains("nobody to ask") && !world.project().join("ran").exists());
    let mut world = World::alone(with_line("allow")).await;
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn("/log").await, "done");
    assert!(all_said(&world.model.request(1).await).contains("PRINTED"));
}

#[tokio::test]
async fn a_template_gives_nothing_outside_the_project() {
    let command = json!({"command": {"look": {"template": "Look at @sub/ and @../outside/ and @link/ and say. $ARGUMENTS"}}});
    let mut world = World::with(command).await;
    for (folder, file) in [("sub", "inside.txt"), ("../outside", "secret.txt")] {
        std::fs::create_dir_all(world.project().join(folder)).unwrap();
        std::fs::write(world.project().join(folder).join(file), "").unwrap();
    }
    std::os::unix::fs::symlink("../outside", world.project().join("link")).unwrap();
    world.model.script([Reply::Text("ok"), Reply::Text("ok")]);
    world.turn("/look").await;
    let told = all_said(&world.model.request(1).await);
    assert!(told.contains("inside.txt") && !told.contains("secret.txt"), "{told}");
    // What the user names is the user's word.
    world.turn("/look And @../outside/ too.").await;
    assert!(all_said(&world.model.request(2).await).contains("secret.txt"));
}

#[tokio::test]
async fn a_command_may_be_a_subagents() {
    let check = async |command: Value, agent: &str| {
        let mut world =
            World::with(json!({"command": {"find": command}, "agent": {"seeker": {"mode": "subagent", "prompt": "SEEKER"}}})).await;
        world.model.script([Reply::Text("found it in a.rs"), Reply::Text("It is in a.rs.")]);
        assert_eq!(world.turn("/find the place").await, "done");
        let (child, after) = (world.model.request(1).await, world.model.request(2).await);
        assert_eq!(said(&child).len(), 1, "{child:#?}");
        assert!(all_said(&child).contains("Find the place"), "{child:#?}");
        assert_eq!(child.to_string().contains("SEEKER"), agent == "seeker", "{agent}");
        well_formed(&after);
        assert!(all_said(&after).contains("found it in a.rs"), "{after:#?}");
        world.flush().await;
        let states = tool_states(&world.stored());
        assert_eq!(states.len(), 1);
        assert!(states[0].0 == "task" && outcome(&states[0].1).contains("found it"), "{states:?}");
    };
    check(json!({"template": "Find $ARGUMENTS", "agent": "seeker"}), "seeker").await;
    check(json!({"template": "Find $ARGUMENTS", "agent": "seeker", "subtask": false}), "seeker").await;
    check(json!({"template": "Find $ARGUMENTS", "subtask": true}), "general").await;
    check(json!({"template": "Find $ARGUMENTS", "agent": "build", "subtask": true}), "general").await;
}

#[tokio::test]
async fn a_mentioned_agent_is_asked_for() {
    let mut world = World::new().await;
    world.files.set("general", "a file of that name\n");
    world.model.script([Reply::Text("ok"), Reply::Text("ok"), Reply::Text("ok")]);
    for (number, text, expect) in [(1, "@explore where is it?", true), (2, "@nobody here", false), (3, "what is in @general?", false)] {
        world.turn(text).await;
        let last = said(&world.model.request(number).await).pop().unwrap();
        assert_eq!(last.contains("by the `task` tool"), expect, "{last}");
    }
}

#[tokio::test]
async fn the_agent_can_be_changed_amid_a_session() {
    let mut world = World::with(json!({"agent": {"poet": {"mode": "primary", "prompt": "POET", "temperature": 0.7}}})).await;
    world.model.script([Reply::Text("ok"), Reply::Text("ok"), Reply::Text("ok")]);
    world.turn("one").await;
    world.engine.set_agent("poet").unwrap();
    world.turn("two").await;
    let request = world.model.request(2).await;
    assert!(
        request["messages"][0].to_string().contains("POET") && request["temperature"] == 0.7 && all_said(&request).contains("one"),
        "{request:#?}"
    );
    world.engine.set_agent("plan").unwrap();
    world.turn("three").await;
    let names: Vec<String> =
        world.model.request(3).await["tools"].as_array().unwrap().iter().map(|t| t["function"]["name"].to_string()).collect();
    assert!(!names.iter().any(|name| name.contains("edit") || name.contains("write\"") && !name.contains("todo")), "{names:?}");
}

#[tokio::test]
async fn a_skill_is_a_command_and_nothing_in_it_is_run() {
    let mut world = World::new().await;
    let path = ".opencode/skills/brew/SKILL.md";
    let text = "---\nname: brew\ndescription: how tea is made\n---\nBoil it. !`touch ran` @a.txt";
    std::fs::create_dir_all(world.project().join(path).parent().unwrap()).unwrap();
    std::fs::write(world.project().join(path), text).unwrap();
    world.files.set(path, text);
    world.files.set("a.txt", "SECRET");
    world.restart().await;
    world.model.script([Reply::Text("ok"), Reply::Text("ok")]);
    assert_eq!(world.turn("/brew for two").await, "done");
    let all = all_said(&world.model.request(1).await);
    assert!(all.contains("Boil it. !`touch ran` @a.txt\n</skill_content>\n\nfor two") && !all.contains("SECRET"), "{all}");
    assert!(!all.contains("description:") && !world.project().join("ran").exists());
    assert_eq!(world.turn("/brewery is no skill").await, "done");
    assert!(all_said(&world.model.request(2).await).ends_with("/brewery is no skill"));
}
