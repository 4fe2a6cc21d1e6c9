//! What folders bring to be run: tools and hooks, and the consent to a project's.

use std::os::unix::fs::PermissionsExt as _;

use proto::{Event, PermissionReply};
use serde_json::{Value, json};

use crate::model::{Reply, call};
use crate::world::{World, all_said, outcome, said, tool_states};

const TOOL: &str = r#"#!/bin/sh
echo "$1" >> ran
if [ "$1" = --schema ]; then
  echo '{"description": "Counts", "parameters": {"properties": {"word": {"type": "string"}}}}'
  exit
fi
printf 'counted: '; cat
"#;

fn put(world: &World, name: &str, text: &str) {
    let path = world.project().parent().unwrap().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn with(config: Value, files: &[(&str, &str)]) -> World {
    let mut world = World::with(config).await;
    for (name, text) in files {
        put(&world, name, text);
    }
    world.restart().await;
    world
}

fn names(request: &Value) -> Vec<String> {
    request["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect()
}

fn ran(world: &World) -> String {
    std::fs::read_to_string(world.project().join("ran")).unwrap_or_default()
}

#[tokio::test]
async fn a_projects_tool_is_not_even_asked_what_it_is_before_the_user_allows_it() {
    // What the project's own rules say of it counts for nothing.
    let mut world = with(json!({"permission": {"project_code": "allow"}}), &[("project/.interline/tool/count.sh", TOOL)]).await;
    world.model.script([call("count", json!({"word": "x"})), Reply::Text("ok")]);
    world.ask("go").await;
    let prompt = world.prompt().await;
    assert_eq!(prompt.permission, "project_code");
    assert!(prompt.metadata["title"].as_str().unwrap().contains(".interline/tool/count.sh"), "{prompt:?}");
    assert_eq!(ran(&world), "");
    world.permit(PermissionReply::Once);
    let prompt = world.prompt().await;
    assert_eq!((prompt.permission.as_str(), ran(&world).as_str()), ("count", "--schema\n"));
    world.permit(PermissionReply::Once);
    assert_eq!(world.idle().await, "done");
    assert!(names(&world.model.request(1).await).contains(&"count".to_owned()));
    world.engine.shutdown().await;
    let states = tool_states(&world.stored());
    assert!(outcome(&states[0].1).contains(r#"counted: {"word":"x"}"#), "{states:?}");
}

#[tokio::test]
async fn what_changes_while_it_is_asked_about_is_not_what_was_allowed() {
    let mut world = with(json!({}), &[("project/.interline/tool/count", TOOL)]).await;
    world.model.script([Reply::Text("ok")]);
    world.ask("go").await;
    world.prompt().await;
    put(&world, "project/.interline/tool/count", &TOOL.replace("Counts", "Other"));
    world.permit(PermissionReply::Once);
    let told = world
        .event("notice", |event| match event {
            Event::SessionNotice { message, .. } => Some(message.clone()),
            _ => None,
        })
        .await;
    assert!(told.contains("tool/count") && told.contains("was changed"), "{told}");
    assert_eq!(world.idle().await, "done");
    assert!(!names(&world.model.request(1).await).contains(&"count".to_owned()) && ran(&world).is_empty());
}

#[tokio::test]
async fn what_is_not_allowed_is_left_out_and_the_turn_goes_on() {
    let mut world = with(json!({}), &[("project/.opencode/tools/count", TOOL)]).await;
    world.model.script([Reply::Text("ok"), Reply::Text("ok")]);
    world.ask("go").await;
    world.prompt().await;
    world.permit(PermissionReply::Reject);
    let told = world
        .event("notice", |event| match event {
            Event::SessionNotice { message, .. } => Some(message.clone()),
            _ => None,
        })
        .await;
    assert!(told.contains("tools/count") && told.contains("did not allow"), "{told}");
    assert_eq!(world.idle().await, "done");
    assert!(!names(&world.model.request(1).await).contains(&"count".to_owned()) && ran(&world).is_empty());
    assert_eq!(world.turn("again: it is not asked twice").await, "done");
}

#[tokio::test]
async fn always_holds_until_the_file_changes() {
    let mut world = with(json!({"permission": {"count": "allow"}}), &[("project/.interline/tool/count", TOOL)]).await;
    world.model.script([Reply::Text("ok"), Reply::Text("ok"), Reply::Text("ok")]);
    world.ask("go").await;
    world.prompt().await;
    world.permit(PermissionReply::Always);
    assert_eq!(world.idle().await, "done");
    world.restart().await;
    assert_eq!(world.turn("again").await, "done");
    assert!(names(&world.model.request(2).await).contains(&"count".to_owned()));
    assert_eq!(ran(&world), "--schema\n", "what it says of itself is kept");
    put(&world, "project/.interline/tool/count", &TOOL.replace("Counts", "Other"));
    world.restart().await;
    world.ask("and now").await;
    assert_eq!(world.prompt().await.permission, "project_code");
    assert!(world.engine.cancel(None));
    world.idle().await;
}

#[tokio::test]
async fn the_users_own_tool_needs_no_consent_and_nobody_else_can_give_it() {
    let own = [("home/.config/interline/tool/count", TOOL)];
    let mut world = with(json!({"permission": {"count": "allow"}}), &own).await;
    world.model.script([call("count", json!({"word": "y"})), Reply::Text("ok")]);
    assert_eq!(world.turn("go").await, "done");
    assert!(all_said(&world.model.request(2).await).contains("counted: "));
    // The user's configuration may speak for projects.
    let trusting = r#"{"permission": {"project_code": {"*": "deny", "tool *": "allow"}}}"#;
    let theirs = [("project/.interline/tool/count", TOOL), ("home/.config/interline/interline.json", trusting)];
    let mut world = with(json!({}), &theirs).await;
    world.model.script([Reply::Text("ok")]);
    assert_eq!(world.turn("go").await, "done");
    assert!(names(&world.model.request(1).await).contains(&"count".to_owned()));
}

#[tokio::test]
async fn no_name_is_offered_twice_nor_is_that_of_a_permission() {
    let config = json!({"mcp": crate::mcp::server("notes", json!({}))});
    let files = ["notes_say", "project_code", "bash"].map(|name| format!("home/.config/interline/tool/{name}"));
    let mut world = with(config, &files.each_ref().map(|name| (name.as_str(), TOOL))).await;
    world.model.script([Reply::Text("ok")]);
    world.ask("go").await;
    let told = world
        .event("notice", |event| match event {
            Event::SessionNotice { message, .. } if message.contains("notes_say") => Some(message.clone()),
            _ => None,
        })
        .await;
    assert_eq!(told, "The MCP tool `notes_say` is not offered: there is another one of that name");
    assert_eq!(world.idle().await, "done");
    let all = names(&world.model.request(1).await);
    let times = |name: &str| all.iter().filter(|known| *known == name).count();
    assert_eq!(["notes_say", "notes_die", "project_code", "bash"].map(times), [1, 1, 0, 1], "{all:?}");
}

#[tokio::test]
async fn where_nobody_can_be_asked_it_is_said() {
    let mut world = World::alone(json!({})).await;
    put(&world, "project/.interline/tool/count", TOOL);
    world.restart().await;
    world.model.script([Reply::Text("ok")]);
    world.ask("go").await;
    let told = world
        .event("notice", |event| match event {
            Event::SessionNotice { message, .. } => Some(message.clone()),
            _ => None,
        })
        .await;
    assert!(told.contains("nobody to ask") && told.contains("project_code"), "{told}");
    assert_eq!(world.idle().await, "done");
    assert_eq!(ran(&world), "");
}

/// One call of a tool under the user's own hooks; what the model was told of it.
async fn hooked(hooks: Value, script: &str, tool: (&'static str, Value)) -> (World, String) {
    let config = json!({"hooks": hooks}).to_string();
    let files = [("home/.config/interline/interline.json", config.as_str()), ("home/.config/interline/hook", script)];
    let mut world = with(json!({"permission": {"bash": "ask"}}), &files).await;
    world.files.set("a.txt", "from a\n");
    world.files.set("b.txt", "from b\n");
    world.model.script([call(tool.0, tool.1), Reply::Text("ok")]);
    assert_eq!(world.turn("go").await, "done");
    let told = all_said(&world.model.request(2).await);
    (world, told)
}

fn read() -> (&'static str, Value) {
    ("read", json!({"filePath": "a.txt"}))
}

#[tokio::test]
async fn hooks_around_a_tool_change_it_refuse_it_or_add_to_it() {
    let before = || json!({"tool.before": [{"command": ["./hook"], "tools": ["read"]}]});
    let check = async |hooks: Value, body: &str, has: &str, lacks: &str| {
        let (_, told) = hooked(hooks, &format!("#!/bin/sh\ncat > said\n{body}\n"), read()).await;
        assert!(told.contains(has) && (lacks.is_empty() || !told.contains(lacks)), "{body}: {told}");
    };
    check(before(), r#"echo '{"args": {"filePath": "b.txt"}}'"#, "from b", "from a").await;
    check(before(), r#"echo '{"deny": "not that one"}'"#, "not that one", "from a").await;
    check(before(), r#"echo '{"note": "a hint"}'"#, "a hint", "from b").await;
    check(before(), "echo no such reading >&2; exit 2", "no such reading", "from a").await;
    check(before(), "exit 1", "not run", "from a").await;
    check(before(), "echo hello", "`./hook` printed something that is no JSON object", "from a").await;
    check(before(), r#"echo '{"args": "b.txt"}'"#, "printed no object under", "from").await;
    check(json!({"tool.before": [{"command": "sleep 600", "timeout": 50}]}), "", "was killed", "from a").await;
    check(json!({"tool.before": [{"command": ["./hook"], "tools": ["bash"]}]}), "exit 1", "from a", "not run").await;
    check(json!({"tool.after": [{"command": ["./hook"]}]}), r#"echo '{"output": "censored"}'"#, "censored", "from a").await;
    check(json!({"tool.after": [{"command": ["./hook"]}]}), "exit 1", "from a", "").await;
    check(json!({"message": [{"command": ["./hook"]}]}), r#"echo '{"text": "said otherwise", "note": "a hint"}'"#, "said otherwise", "")
        .await;
}

#[tokio::test]
async fn a_hook_is_told_what_happens() {
    let hooks = json!({"tool.before": [{"command": ["./hook"]}]});
    let (world, _) = hooked(hooks, "#!/bin/sh\ncat > told.json\n", read()).await;
    let told: Value = serde_json::from_str(&std::fs::read_to_string(world.project().join("told.json")).unwrap()).unwrap();
    assert_eq!((&told["event"], &told["tool"], &told["args"]["filePath"]), (&json!("tool.before"), &json!("read"), &json!("a.txt")));
    assert_eq!((&told["agent"], &told["session"]), (&json!("build"), &json!(world.session().as_str())));
}

#[tokio::test]
async fn a_hook_for_permissions_answers_for_the_user_and_fails_closed() {
    let hooks = || json!({"permission": [{"command": ["./hook"], "tools": ["bash"]}]});
    let touch = || ("bash", json!({"command": "touch made", "description": "x"}));
    for (body, made, told) in [
        (r#"echo '{"decision": "allow"}'"#, true, ""),
        (r#"echo '{"decision": "deny", "why": "not here"}'"#, false, "not here"),
        ("exit 1", false, "denied by a hook"),
        ("echo '[]'", false, "denied by a hook"),
        (r#"echo '{"decision": true}'"#, false, "denied by a hook"),
        (r#"echo '{"decision": "perhaps"}'"#, false, "denied by a hook"),
    ] {
        let (world, said) = hooked(hooks(), &format!("#!/bin/sh\n{body}\n"), touch()).await;
        assert_eq!(world.project().join("made").exists(), made, "{body}");
        assert!(said.contains(told), "{body}: {said}");
    }
}

#[tokio::test]
async fn a_hook_may_have_the_user_asked_though_the_rules_allow_it() {
    let config =
        json!({"hooks": {"permission": [{"command": "echo '{\"decision\": \"allow\"}'"}, {"command": ["./hook"], "tools": ["bash"]}]}})
            .to_string();
    let script = "#!/bin/sh\ngrep -q '\"allowed\":true' && echo '{\"decision\": \"ask\"}'\n";
    let files = [("home/.config/interline/interline.json", config.as_str()), ("home/.config/interline/hook", script)];
    let mut world = with(json!({"permission": {"bash": "allow"}}), &files).await;
    world.model.script([call("bash", json!({"command": "touch made", "description": "x"})), Reply::Text("ok")]);
    world.ask("go").await;
    assert_eq!((world.prompt().await.permission.as_str(), world.project().join("made").exists()), ("bash", false));
    world.permit(PermissionReply::Once);
    assert_eq!((world.idle().await.as_str(), world.project().join("made").exists()), ("done", true));
}

#[tokio::test]
async fn a_hook_hears_of_sessions() {
    let hooks = json!({"session": [{"command": ["./hook"]}]});
    let (world, _) = hooked(hooks, "#!/bin/sh\ncat > heard.$$\n", read()).await;
    let heard = || {
        let files = std::fs::read_dir(world.project()).unwrap().flatten().map(|entry| entry.path());
        files.filter(|path| path.to_string_lossy().contains("heard.")).count()
    };
    while heard() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_projects_hook_needs_consent_and_allows_nothing() {
    let config = json!({"hooks": {"permission": [{"command": "echo '{\"decision\": \"allow\"}'"}]}}).to_string();
    let mut world = with(json!({"permission": {"bash": "ask"}}), &[("project/interline.json", &config)]).await;
    world.model.script([call("bash", json!({"command": "touch made", "description": "x"})), Reply::Text("ok")]);
    world.ask("go").await;
    assert_eq!(world.prompt().await.permission, "project_code");
    world.permit(PermissionReply::Once);
    assert_eq!(world.prompt().await.permission, "bash", "it may not answer for the user");
    world.permit(PermissionReply::Once);
    assert_eq!(world.idle().await, "done");
    assert_eq!(said(&world.model.request(1).await).len(), 1);
}
