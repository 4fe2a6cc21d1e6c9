//! Local servers: what they have, what they do wrong, and their end.

use mcp::{CallError, StartError, State};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, fake, servers, started, until, within};

fn never() -> CancellationToken {
    CancellationToken::new()
}

#[tokio::test]
async fn what_a_server_has() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(&json!({ "s": fake::entry("plain") }), folder.path()).await;
    let names: Vec<String> = servers.tools().iter().map(|tool| tool.name.clone()).collect();
    assert_eq!(names, ["s_big", "s_change", "s_die", "s_echo", "s_hang", "s_image", "s_steps"]);
    assert_eq!(servers.instructions(), [("s".to_owned(), "Be brief.".to_owned())]);
    let called = servers.call("s", "echo", json!({ "text": "h\u{e9}" }), &never(), &|_| {}).await.unwrap();
    assert!(called.text.starts_with("\"h\u{e9}\" from ") && !called.failed, "{called:?}");
    let image = servers.call("s", "image", json!({}), &never(), &|_| {}).await.unwrap();
    assert_eq!((image.media.len(), image.media[0].mime.as_str()), (1, "image/png"));
    assert_eq!(servers.call("s", "big", json!({}), &never(), &|_| {}).await.unwrap().text.len(), 3 << 20);
    assert!(servers.call("s", "nothing", json!({}), &never(), &|_| {}).await.unwrap().failed);
    let prompt = servers.prompt("s", "greet", &["the".into(), "world".into()], &never()).await.unwrap();
    assert_eq!(prompt.text, "Greet \"the world\".");
    let error = servers.prompt("s", "greet", &[], &never()).await.unwrap_err().to_string();
    assert_eq!(error, "/s:greet needs an argument: who");
    assert_eq!(servers.read("s", "note:1", &never()).await.unwrap().text, "what stands in it");
    let resources: Vec<_> = servers.resources().into_iter().map(|resource| (resource.uri, resource.template)).collect();
    assert_eq!(resources, [("note:1".to_owned(), false), ("note:{n}".to_owned(), true)]);
    let status = servers.status();
    assert_eq!((status[0].state.clone(), status[0].has), (State::Running("fake 1".into()), [7, 1, 1]));
    servers.shut_down(PATIENCE).await;
    assert_eq!(servers.status()[0].state, State::Stopped);
}

#[tokio::test]
async fn nothing_starts_by_itself_and_nothing_that_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut off = fake::entry("plain");
    off["enabled"] = json!(false);
    let servers = servers(&json!({ "s": fake::entry("plain"), "off": off }), folder.path());
    assert_eq!(servers.status()[0].state, State::Idle);
    servers.start();
    servers.settle(PATIENCE).await;
    assert_eq!(servers.status()[1].state, State::Disabled);
    let error = servers.call("off", "echo", json!({}), &never(), &|_| {}).await.unwrap_err().to_string();
    assert_eq!(error, "there is no MCP server `off`");
}

#[tokio::test]
async fn news_of_tools_and_of_progress() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(&json!({ "s": fake::entry("plain") }), folder.path()).await;
    let reports = std::sync::Mutex::new(Vec::new());
    let heard = |report: &serde_json::Value| reports.lock().unwrap().push(report["progress"].as_i64());
    servers.call("s", "steps", json!({}), &never(), &heard).await.unwrap();
    assert!(reports.lock().unwrap().iter().all(Option::is_some));
    let before = servers.tools();
    servers.call("s", "change", json!({}), &never(), &|_| {}).await.unwrap();
    until(&servers, || servers.tools().iter().any(|tool| tool.name == "s_newcomer")).await;
    assert_eq!(servers.tools().len(), before.len() + 1);
    assert!(std::sync::Arc::ptr_eq(&servers.tools(), &servers.tools()), "the same list is not made anew");
}

#[tokio::test]
async fn a_server_is_told_that_the_folders_have_changed_and_finds_them_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(&json!({ "s": fake::entry("roots") }), folder.path()).await;
    let names = || servers.tools().iter().map(|tool| tool.name.clone()).collect::<Vec<_>>();
    let check = async |roots: &[&str], expect: &[&str]| {
        servers.set_roots(roots.iter().map(std::path::PathBuf::from).collect());
        let rest = ["s_die", "s_echo", "s_hang"].map(str::to_owned);
        let mut all: Vec<String> = expect.iter().map(|name| format!("s_{name}")).chain(rest).collect();
        all.sort();
        until(&servers, || names() == all).await;
    };
    check(&["/p/one", "/p/two"], &["one", "two"]).await;
    check(&["/p/two"], &["two"]).await;
}

#[tokio::test]
async fn one_that_dies_in_a_call_is_explained_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(&json!({ "s": fake::entry("plain") }), folder.path()).await;
    let tools = servers.tools();
    let error = servers.call("s", "die", json!({}), &never(), &|_| {}).await.unwrap_err().to_string();
    for words in ["`s` ended during this call", "exited with code 3", "assertion failed: the disk is full", "started again"] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(servers.tools(), tools, "what the model was told stays");
    let again = within(servers.call("s", "echo", json!({ "text": "x" }), &never(), &|_| {})).await.unwrap();
    assert!(again.text.starts_with("\"x\""), "{again:?}");
}

#[tokio::test]
async fn one_that_never_answers() {
    let folder = tempfile::tempdir().unwrap();
    let mut entry = fake::entry("plain");
    entry["timeout"] = json!({ "execution": 20 });
    let mut mute = fake::entry("mute");
    mute["timeout"] = json!(20);
    let servers = started(&json!({ "s": entry, "mute": mute }), folder.path()).await;
    let error = servers.call("s", "hang", json!({}), &never(), &|_| {}).await.unwrap_err().to_string();
    assert!(error.contains("gave no answer within 0.02 s"), "{error}");
    let State::Failed(why) = &servers.status()[1].state else { panic!("{:?}", servers.status()) };
    assert_eq!(why.to_string(), "it did not answer within 0.02 s");
    let cancel = never();
    let (called, ()) = tokio::join!(servers.call("s", "hang", json!({}), &cancel, &|_| {}), async { cancel.cancel() });
    assert!(matches!(called, Err(CallError::Cancelled)), "{called:?}");
}

#[tokio::test]
async fn one_that_cannot_start() {
    let folder = tempfile::tempdir().unwrap();
    let section = json!({ "dies": fake::entry("dies at once"), "none": { "type": "local", "command": ["/nonexistent/program"] }, "good": fake::entry("flood") });
    let servers = started(&section, folder.path()).await;
    let words = |at: usize| match &servers.status()[at].state {
        State::Failed(why @ StartError::Failed(_)) => why.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(words(0).contains("exited with code 4") && words(0).contains("cannot find the database"), "{}", words(0));
    assert!(words(1).starts_with("`/nonexistent/program` cannot be started: "), "{}", words(1));
    assert!(servers.tools().iter().all(|tool| tool.server == "good") && !servers.tools().is_empty(), "others go on, whatever they print");
    let error = servers.call("dies", "echo", json!({}), &never(), &|_| {}).await.unwrap_err().to_string();
    assert!(error.starts_with("the MCP server `dies` cannot be used: "), "{error}");
}

#[tokio::test]
async fn a_hostile_one_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(&json!({ "h": fake::entry("hostile") }), folder.path()).await;
    let tools = servers.tools();
    assert_eq!(tools.len(), 256);
    let mut names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    names.dedup();
    assert_eq!(names.len(), tools.len(), "each name once, sorted");
    for tool in tools.iter() {
        assert!(tool.name.len() <= 64 && tool.name.starts_with("h_"), "{}", tool.name);
        assert!(tool.name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-')), "{}", tool.name);
        assert!(tool.description.chars().count() <= 2001 && !tool.description.contains(['\u{200B}', '\u{E0041}']), "{}", tool.name);
        assert_eq!(tool.parameters["type"], "object");
    }
    assert!(servers.instructions()[0].1.chars().count() <= 2001);
    let called = servers.call("h", "echo", json!({ "text": "still" }), &never(), &|_| {}).await.unwrap();
    assert!(called.text.starts_with("\"still\""), "{called:?}");
}

#[tokio::test]
async fn nothing_outlives_us() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(&json!({ "s": fake::entry("stubborn") }), folder.path()).await;
    let called = servers.call("s", "echo", json!({ "text": "x" }), &never(), &|_| {}).await.unwrap();
    let pid: i32 = called.text.rsplit(' ').next().unwrap().parse().unwrap();
    let group = rustix::process::Pid::from_raw(pid).unwrap();
    assert!(rustix::process::test_kill_process_group(group).is_ok());
    servers.shut_down(std::time::Duration::from_millis(50)).await;
    // The system takes a moment to clear away what was killed.
    let gone = async {
        while rustix::process::test_kill_process_group(group).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within(gone).await;
}
