//! The `bash` tool, as a model calls it.

use std::time::Instant;

use serde_json::json;

use super::*;
use crate::Job as JobTool;
use crate::testing::{World, has, lacks};

fn bash(command: &str) -> Value {
    json!({ "command": command, "description": "x" })
}

/// Whether a process with this argument runs.
fn runs(argument: &str) -> bool {
    std::fs::read_dir("/proc").expect("proc").flatten().any(|entry| {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        words.split(|b| *b == 0).any(|word| word == argument.as_bytes())
    })
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it happens");
}

#[tokio::test]
async fn what_a_command_was_not_shown_is_told_with_its_result() {
    let world = World::new();
    world.files.not_shown.lock().expect("lock").push("/p/a.txt: the file is read-only".to_owned());
    assert_eq!(world.text(&Bash, bash("echo done")).await, "done\n\n(It did not see what is unsaved in /p/a.txt: the file is read-only)");
}

#[tokio::test]
async fn output_exit_code_and_environment() {
    let world = World::new();
    world.write("sub/x", "");
    let check = async |command: &str, expect: &str| assert_eq!(world.text(&Bash, bash(command)).await, expect, "{command}");
    check("echo a; echo b >&2; echo c; exit 43", "a\nb\nc\n\n<shell_metadata>\nexit code: 43\n</shell_metadata>").await;
    check("cat; read x; echo after-$?", "after-1\n").await;
    check("true", "(no output)").await;
    check("kill -9 $$", "(no output)\n\n<shell_metadata>\nexit code: 137\n</shell_metadata>").await;
    check("printf 'A\\377\\000\\033[31mB'; echo $TERM $PAGER", "A\u{fffd}Bdumb cat\n").await;
    check("cd sub && pwd", &format!("{}\n", world.path("sub"))).await;
    let got = world.text(&Bash, json!({ "command": "pwd", "workdir": "sub" })).await;
    assert_eq!(got, format!("{}\n", world.path("sub")));
    has(&world.text(&Bash, json!({ "command": "pwd", "workdir": "none" })).await, &["workdir", "none"]);
    has(&world.text(&Bash, json!({ "command": ["a"] })).await, &["`command`"]);
    let log = world.files.log.lock().expect("lock").clone();
    assert!(log.chunks(2).all(|pair| pair == ["prepare", "finish"]), "{log:?}");
}

#[tokio::test]
async fn long_output_is_cut_and_kept() {
    let world = World::new();
    let output = world.run(&Bash, bash("seq 1 200000")).await.expect("runs");
    assert!(output.output.len() < 60_000);
    has(&output.output, &["truncated", "200000 lines", "\n199000\n", "\n200000\n"]);
    lacks(&output.output, &["\n100000\n"]);
    let path = output.metadata["outputPath"].as_str().expect("a path");
    let whole = std::fs::read_to_string(path).expect("kept");
    assert!(whole.starts_with("1\n2\n") && whole.ends_with("\n200000\n") && path.starts_with('/'));
}

#[tokio::test]
async fn a_timeout_ends_everything() {
    let world = World::new();
    let command = "echo BEFORE; (trap '' HUP; exec sleep 7351.1) & setsid sleep 7351.2 & exec sleep 7351.3";
    let got = world.text(&Bash, json!({ "command": command, "timeout": 400 })).await;
    has(&got, &["BEFORE\n", "timed out after 400 ms"]);
    until(|| !["7351.1", "7351.2", "7351.3"].iter().any(|n| runs(n))).await;
    assert_eq!(*world.files.log.lock().expect("lock"), ["prepare", "finish"]);
}

#[tokio::test]
async fn what_ignores_the_signal_is_killed() {
    let world = World::new();
    let got = world.text(&Bash, json!({ "command": "trap '' TERM; echo deaf; while :; do sleep 7361.1; done", "timeout": 300 })).await;
    has(&got, &["deaf", "timed out"]);
    until(|| !runs("7361.1")).await;
}

#[tokio::test]
async fn the_background_does_not_hold_the_call_and_ends_with_the_server() {
    let world = World::new();
    let start = Instant::now();
    let got = world.text(&Bash, bash("sleep 7352.1 & setsid sleep 7352.2 >/dev/null 2>&1 & echo started")).await;
    has(&got, &["started\n", "as job 1"]);
    assert!(start.elapsed() < Duration::from_secs(5));
    until(|| runs("7352.2")).await;
    assert!(runs("7352.1"));
    world.context.jobs.kill_all();
    until(|| !runs("7352.1") && !runs("7352.2")).await;
}

#[tokio::test]
async fn jobs() {
    let world = World::new();
    let args = json!({ "command": "echo one; mkfifo go; read x < go; echo $x; sleep 7353", "run_in_background": true });
    let got = world.text(&Bash, args).await;
    has(&got, &["one\n", "job 1"]);
    std::fs::write(world.root.join("go"), "two\n").expect("write");
    let got = world.text(&JobTool, json!({ "id": "1", "action": "output" })).await;
    has(&got, &["two\n", "running"]);
    lacks(&got, &["one\n"]);
    let mut other = world.context.clone();
    other.session = proto::SessionId::new();
    let refused = JobTool.run(json!({ "id": 1, "action": "stop" }), &other).await;
    has(&refused.expect_err("another session's").to_string(), &["no job 1"]);
    has(&world.text(&JobTool, json!({ "id": 1, "action": "stop" })).await, &["no new output", "exit code 143"]);
    until(|| !runs("7353")).await;
    has(&world.text(&JobTool, json!({ "id": 1, "action": "output" })).await, &["no job 1", "there is none"]);
    let early = json!({ "command": "no-such-command-q", "run_in_background": true });
    has(&world.text(&Bash, early).await, &["not found", "exit code: 127"]);
}

#[tokio::test]
async fn cancelled_or_dropped_it_ends_and_is_finished() {
    let mut world = World::new();
    let cancel = world.context.cancel.clone();
    let context = world.context.clone();
    let call = tokio::spawn(async move { Bash.run(bash("echo so far; sleep 7354"), &context).await });
    let news = world.progress.recv().await.expect("news");
    assert_eq!(news.metadata["output"], "so far\n");
    cancel.cancel();
    match call.await.expect("no panic") {
        Err(ToolError::Cancelled(output)) => has(&output.output, &["so far\n", "cancelled"]),
        other => panic!("{other:?}"),
    }
    until(|| !runs("7354")).await;

    world.context.cancel = CancellationToken::new();
    let context = world.context.clone();
    let call = tokio::spawn(async move { Bash.run(bash("echo again; sleep 7355"), &context).await });
    world.progress.recv().await.expect("news");
    call.abort();
    until(|| !runs("7355")).await;
    until(|| world.files.log.lock().expect("lock").len() == 4).await;
}

#[tokio::test]
async fn much_output_stays_bounded() {
    let world = World::new();
    let got = world.text(&Bash, bash("yes | head -c 300000000; echo END")).await;
    assert!(got.len() < 60_000);
    has(&got, &["300000004 bytes", "END"]);
}

#[tokio::test]
async fn asks_for_what_is_outside() {
    let world = World::new();
    world.write("sub/a.txt", "");
    let outside = world.outside.display().to_string();
    let pattern = format!("{outside}/*");
    world.user.deny.lock().expect("lock").push("external_directory");
    for command in [
        format!("cat {outside}/secret.txt"),
        "cd ../outside && rm secret.txt".to_owned(),
        format!("echo x > {outside}/new.txt"),
        "cat ../outside/*".to_owned(),
        format!("ls {outside}/$NAME"),
    ] {
        let result = world.run(&Bash, bash(&command)).await;
        assert!(matches!(result, Err(ToolError::Denied(_))), "{command}: {result:?}");
        assert_eq!(world.asked().last(), Some(&("external_directory".to_owned(), vec![pattern.clone()])), "{command}");
    }
    let asks = world.user.asks.lock().expect("lock").clone();
    assert!(asks.iter().all(|ask| ask.metadata.get("filepath").is_none()), "a command is no file: {asks:?}");
    let count = world.asked().len();
    for command in ["cat sub/a.txt", "cd sub && ls a.txt", "ls *.none", "for f in *; do cat $f; done", "ls > /dev/null", "cd sub; pwd"] {
        world.run(&Bash, bash(command)).await.expect(command);
    }
    assert_eq!(world.asked().len(), count, "{:?}", world.asked());
    let result = world.run(&Bash, json!({ "command": "ls", "workdir": outside })).await;
    assert!(matches!(result, Err(ToolError::Denied(_))));
}

#[tokio::test]
async fn asks_for_commands_and_refuses_the_denied() {
    let world = World::new();
    let rule = |pattern: &str, action| permission::push(&mut world.user.shell_rules.lock().expect("lock"), "bash", pattern, action);
    rule("*", permission::Action::Ask);
    rule("echo *", permission::Action::Allow);
    rule("rm *", permission::Action::Deny);
    has(&world.text(&Bash, bash("echo fine")).await, &["fine"]);
    assert_eq!(world.asked(), []);
    world.text(&Bash, bash("touch made")).await;
    assert_eq!(world.asked(), [("bash".to_owned(), vec!["touch made".to_owned()])]);
    has(&world.text(&Bash, bash("echo x; rm made")).await, &["denied", "rm made"]);
    assert!(world.root.join("made").exists());
    assert_eq!(world.asked().len(), 1);
}
