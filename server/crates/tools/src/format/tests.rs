//! Formatting as the tools do it, with scripts for formatters, and rustfmt.

use serde_json::{Value, json};

use super::*;
use crate::testing::{World, has, lacks};
use crate::{ApplyPatch, Edit, Write};

/// Joins runs of blanks, but for those at a line's start.
const SQUEEZE: &str = "sed -E 's/([^ ]) +/\\1 /g'";

/// A world with these formatters, as the configuration says it.
fn world(config: Value) -> World {
    let mut world = World::new();
    let config: FormatterConfig = serde_json::from_value(config).expect("a configuration");
    world.context.formatters = Formatters::new(Some(&config)).into();
    let path = std::env::var("PATH").expect("PATH");
    let guides = crate::Guides { env: config::Env::from_pairs([("PATH", path)]), ..crate::Guides::default() };
    world.context.guides = guides.into();
    world
}

/// A world where this shell command formats `.txt`.
fn shell(command: &str) -> World {
    world(json!({ "own": { "command": ["sh", "-c", command, "$0"], "extensions": [".txt"] } }))
}

fn shell_on_file(command: &str) -> World {
    world(json!({ "own": { "command": ["sh", "-c", command, "$FILE"], "extensions": [".txt"] } }))
}

async fn edit(world: &World, old: &str, new: &str) -> String {
    world.text(&Edit, json!({ "filePath": "a.txt", "oldString": old, "newString": new })).await
}

#[tokio::test]
async fn the_result_is_what_is_shown_asked_for_and_written_once() {
    let world = shell(SQUEEZE);
    world.write("a.txt", "one\ntwo\n");
    has(&edit(&world, "two", "two  and   more").await, &["Edit applied to a.txt.", "own formatted", "-two  and   more\n+two and more"]);
    assert_eq!(world.disk("a.txt"), "one\ntwo and more\n");
    let asks = world.user.asks.lock().expect("lock").clone();
    has(asks[0].metadata["diff"].as_str().expect("a diff"), &["-two\n+two and more\n"]);
    let key = workspace::DocKey::file(world.root.join("a.txt"));
    assert_eq!(world.context.seen.get(&key), Some(Rope::from_str("one\ntwo and more\n")));
}

#[tokio::test]
async fn lines_that_were_not_edited_stay_in_a_file_that_was_not_formatted() {
    let world = shell(SQUEEZE);
    world.write("a.txt", "the  user's\nkeep\nx\nkeep\nown  style\n");
    edit(&world, "x", "y  z").await;
    assert_eq!(world.disk("a.txt"), "the  user's\nkeep\ny z\nkeep\nown  style\n");
    // `write` names the whole, but changes a line of it.
    let whole = "the  user's\nkeep\ny z\nkeep\nown  way  of it\n";
    has(&world.text(&Write, json!({ "filePath": "a.txt", "content": whole })).await, &["Replaced a.txt (5 lines)."]);
    assert_eq!(world.disk("a.txt"), "the  user's\nkeep\ny z\nkeep\nown way of it\n");
}

#[tokio::test]
async fn what_follows_elsewhere_is_taken_in_a_file_that_was_formatted() {
    // Writes the number of lines into the first.
    let world = shell("awk '{ line[NR] = $0 } END { print NR; for (i = 2; i <= NR; i++) print line[i] }'");
    world.write("a.txt", "4\na\nb\nc\n");
    edit(&world, "c\n", "c\nd\n").await;
    assert_eq!(world.disk("a.txt"), "5\na\nb\nc\nd\n");
    world.write("a.txt", "9\na\nb\nc\n");
    has(&edit(&world, "c\n", "c\n  d\n").await, &["a.txt"]);
    assert_eq!(world.disk("a.txt"), "9\na\nb\nc\n  d\n");
}

#[tokio::test]
async fn what_does_not_fit_the_rest_is_not_taken() {
    // Refuses a text in which some have a number and others have none.
    let number = "t=$(cat); echo \"$t\" | grep -q '^1:x' && echo \"$t\" | grep -q '^x' && exit 1; echo \"$t\" | sed -E 's/^x/1:x/'";
    let world = shell(number);
    world.write("a.txt", "x1\nkeep\nx2\n");
    has(&edit(&world, "x1", "x0").await, &["formatted in another way", "as you wrote it"]);
    assert_eq!(world.disk("a.txt"), "x0\nkeep\nx2\n");
    let world = shell("sed -E 's/^ +/    /'");
    world.write("a.txt", "f\n  a\n  b\n");
    has(&edit(&world, "  a", "  c").await, &["formatted in another way"]);
    assert_eq!(world.disk("a.txt"), "f\n  c\n  b\n");
}

#[tokio::test]
async fn failures_are_told_and_change_nothing() {
    let check = async |world: World, words: &[&str]| {
        world.write("a.txt", "one\n");
        has(&edit(&world, "one", "two  words").await, &[&["Edit applied to a.txt."], words].concat());
        assert_eq!(world.disk("a.txt"), "two  words\n");
        assert_eq!(std::fs::read_dir(&world.root).expect("folder").count(), 1, "a file is left");
    };
    check(shell("echo no such rule >&2; exit 3"), &["own failed with exit code 3: no such rule; it changed nothing"]).await;
    check(shell("cat >/dev/null"), &["own made nothing of it"]).await;
    check(shell("printf '\\377'"), &["no UTF-8"]).await;
    check(shell("kill -9 $$"), &["own was killed"]).await;
    check(shell_on_file("exit 3"), &["exit code 3"]).await;
    check(shell_on_file("rm \"$0\""), &["left no file"]).await;
    check(world(json!({ "own": { "command": ["no-such-program-here"], "extensions": ["txt"] } })), &["own could not be run"]).await;
}

#[tokio::test]
async fn files_for_those_that_rewrite_one() {
    let world = shell_on_file("case $0 in */sub/.interline-*.a.txt) sed -i 's/  */ /g' \"$0\" ;; *) exit 9 ;; esac");
    world.write("sub/a.txt", "one\n");
    let args = json!({ "filePath": "sub/a.txt", "oldString": "one", "newString": "one  two" });
    has(&world.text(&Edit, args).await, &["own formatted"]);
    assert_eq!(world.disk("sub/a.txt"), "one two\n");
    assert_eq!(std::fs::read_dir(world.root.join("sub")).expect("folder").count(), 1);
    // The folder of a new file is not made for it.
    let world = shell_on_file("sed -i 's/  */ /g' \"$0\"; echo \"$0\" >seen");
    has(&world.text(&Write, json!({ "filePath": "new/a.txt", "content": "a  b\n" })).await, &["Created new/a.txt (1 lines)."]);
    assert_eq!(world.disk("new/a.txt"), "a b\n");
    assert!(world.disk("seen").starts_with(&world.path(".interline-")), "{}", world.disk("seen"));
}

#[tokio::test]
async fn the_environment_and_the_folder_are_as_told() {
    let command = ["sh", "-c", "cat >/dev/null; echo \"$STYLE\" \"$INTERLINE_CONFIG_CONTENT\" \"$PWD\""];
    let world = world(json!({ "own": { "command": command, "extensions": [".txt"], "environment": { "STYLE": "wide" } } }));
    world.text(&Write, json!({ "filePath": "deep/a.txt", "content": "x" })).await;
    assert_eq!(world.disk("deep/a.txt"), format!("wide  {}\n", world.root.display()));
}

#[tokio::test]
async fn what_is_formatted_back_is_not_asked_for() {
    let world = shell(SQUEEZE);
    world.write("a.txt", "one two\n");
    has(&edit(&world, "one two", "one   two").await, &["holds already", "nothing was changed"]);
    assert_eq!((world.disk("a.txt").as_str(), world.asked()), ("one two\n", vec![]));
}

#[tokio::test]
async fn line_ends_stay_those_of_the_file() {
    let world = shell("tr -d '\\r' | sed -E 's/([^ ]) +/\\1 /g'");
    world.write("a.txt", "one\r\ntwo\r\nthree\r\n");
    edit(&world, "two", "two  2").await;
    assert_eq!(world.disk("a.txt"), "one\r\ntwo 2\r\nthree\r\n");
    world.files.open("b.txt", "one\r\ntwo\r\n");
    let same = world.text(&Edit, json!({ "filePath": "b.txt", "oldString": "two", "newString": "zwei" })).await;
    lacks(&same, &["formatted"]);
    assert_eq!(world.files.text("b.txt"), "one\r\nzwei\r\n");
}

#[tokio::test]
async fn patches_and_moves() {
    let world = shell(SQUEEZE);
    world.write("a.txt", "the  user's\nkeep\nx\n");
    world.write("b.md", "x\n");
    let patch =
        "*** Begin Patch\n*** Update File: a.txt\n*** Move to: c.txt\n@@\n-x\n+y  z\n*** Update File: b.md\n@@\n-x\n+y  z\n*** End Patch";
    let said = world.text(&ApplyPatch, json!({ "patchText": patch })).await;
    has(&said, &["D a.txt", "A c.txt", "M b.md", "c.txt: own formatted"]);
    assert_eq!((world.disk("c.txt").as_str(), world.disk("b.md").as_str()), ("the  user's\nkeep\ny z\n", "y  z\n"));
}

#[tokio::test]
async fn only_what_may_be_written_is_given_to_a_formatter() {
    let world = shell_on_file("touch was-run");
    world.rule("edit", "a.txt", Action::Deny);
    world.write("a.txt", "x\n");
    edit(&world, "x", "y").await;
    assert!(!world.root.join("was-run").exists());
    world.write("../outside/a.txt", "x\n");
    world.text(&Edit, json!({ "filePath": world.outside.join("a.txt"), "oldString": "x", "newString": "y" })).await;
    world.files.open("untitled:a.txt", "x\n");
    world.text(&Edit, json!({ "filePath": "untitled:a.txt", "oldString": "x", "newString": "y" })).await;
    assert!(!world.root.join("was-run").exists());
}

#[tokio::test]
async fn a_hanging_one_ends_with_the_turn() {
    let world = shell_on_file("touch started; sleep 1000");
    world.write("a.txt", "x\n");
    let started = async {
        while !world.root.join("started").exists() {
            tokio::task::yield_now().await;
        }
        world.context.cancel.cancel();
    };
    let args = json!({ "filePath": "a.txt", "oldString": "x", "newString": "y" });
    let (result, ()) = tokio::join!(world.run(&Edit, args), started);
    assert!(matches!(result, Err(ToolError::Cancelled(_))));
    assert_eq!((world.disk("a.txt").as_str(), world.asked()), ("x\n", vec![]));
    assert_eq!(std::fs::read_dir(&world.root).expect("folder").count(), 2, "a file is left");
}

#[tokio::test]
async fn a_hanging_one_is_given_up() {
    let ready = Ready {
        name: "own".into(),
        program: "sh".into(),
        arguments: vec!["-c".into(), "sleep 1000 & sleep 1000".into()],
        folder: "/".into(),
        environment: Vec::new(),
        how: How::Pipe,
        also: Vec::new(),
        patience: std::time::Duration::from_millis(50),
    };
    let fault = ready.format(Path::new("/a.txt"), "text", &tokio_util::sync::CancellationToken::new()).await.expect_err("a fault");
    assert_eq!(fault.to_string(), "took longer than 0 s and was killed");
}

#[test]
fn which_are_used() {
    let check = |config: Value, name: &str, expect: &[&str]| {
        let config = serde_json::from_value::<Option<FormatterConfig>>(config).expect("a configuration");
        let all = Formatters::new(config.as_ref());
        let used: Vec<&str> =
            all.0.iter().filter(|one| is_for(name, one.extensions.iter().map(String::as_str))).map(|one| one.name.as_str()).collect();
        assert_eq!(used, expect, "{config:?} {name}");
    };
    check(json!(null), "a.py", &[]);
    check(json!(false), "a.py", &[]);
    check(json!(true), "a.py", &["ruff", "uv"]);
    check(json!({}), "a.py", &["ruff", "uv"]);
    check(json!({ "ruff": { "disabled": true } }), "a.py", &[]);
    check(json!({ "uv": { "disabled": true } }), "a.py", &["ruff"]);
    check(json!({ "ruff": { "extensions": [".pyx"] } }), "a.pyx", &["ruff"]);
    check(json!({ "black": { "command": ["black", "-q", "-"], "extensions": [".py"] } }), "a.py", &["ruff", "uv", "black"]);
    check(json!({ "black": { "command": ["black", "-q", "-"] }, "none": { "extensions": ["py"] } }), "a.py", &["ruff", "uv"]);
    check(json!(true), "py", &[]);
    check(json!(true), "a.html.erb", &["htmlbeautifier"]);
}

#[tokio::test]
async fn rustfmt_by_the_crates_edition() {
    let world = world(json!(true));
    world.write("Cargo.toml", "[package]\nname = 'x'\nedition = '2021'\n");
    world.write("src/lib.rs", "mod other;\nasync fn f() {}\nfn  user( ) {}\n");
    world.write("src/other.rs", "fn  other( ) {}\n");
    let args = json!({ "filePath": "src/lib.rs", "oldString": "async fn f() {}", "newString": "async fn f( )  { g( ).await }" });
    has(&world.text(&Edit, args).await, &["rustfmt formatted", "+async fn f() {\n+    g().await\n+}"]);
    assert_eq!(world.disk("src/lib.rs"), "mod other;\nasync fn f() {\n    g().await\n}\nfn  user( ) {}\n");
    assert_eq!(world.disk("src/other.rs"), "fn  other( ) {}\n");
    let broken = json!({ "filePath": "src/lib.rs", "oldString": "fn  user( ) {}", "newString": "fn user( {" });
    has(&world.text(&Edit, broken).await, &["Edit applied", "rustfmt failed with exit code 1", "error"]);
}
