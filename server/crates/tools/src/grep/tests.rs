//! The `grep` tool, as a model calls it.

use permission::Action;
use serde_json::json;

use super::*;
use crate::testing::{World, has, lacks};

#[tokio::test]
async fn buffers_disk_and_include() {
    let world = World::new();
    world.write("a.py", "def alpha():\n    pass\n");
    world.write("b.js", "function alpha() {}\n");
    world.write("ignored/c.py", "def alpha(): pass\n");
    world.write(".hidden/d.py", "def alpha(): pass\n");
    world.write(".interline/chat.md", "def alpha(): pass\n");
    world.write("bin.py", b"def alpha():\n\0");
    world.write(".gitignore", "ignored/\n");
    std::fs::create_dir(world.root.join(".git")).expect("mkdir");
    world.files.open("a.py", "x\ndef alpha_renamed():\n");
    world.files.open("new.py", "def alpha_new():\n");
    let got = world.text(&Grep, json!({ "pattern": r"def\s+alpha\w*\(", "include": "*.py" })).await;
    let at = |name: &str| format!("\n{}:\n", world.path(name));
    assert_eq!(
        got,
        format!(
            "Found 3 matches\n{}  Line 1: def alpha(): pass\n{}  Line 2: def alpha_renamed():\n{}  Line 1: def alpha_new():\n",
            at(".hidden/d.py"),
            at("a.py"),
            at("new.py")
        )
    );
    has(&world.text(&Grep, json!({ "pattern": "alpha", "path": "ignored/c.py" })).await, &["Found 1 match\n", "c.py"]);
    has(&world.text(&Grep, json!({ "pattern": "x\\ndef" })).await, &["Line 1: x", "Line 2: def alpha_renamed"]);
    has(&world.text(&Grep, json!({ "pattern": "(unclosed" })).await, &["bad regex pattern", "unclosed group"]);
    world.write("crlf.txt", "needle one\r\nneedle two\r\n");
    has(&world.text(&Grep, json!({ "pattern": "^needle one$" })).await, &["Line 1: needle one\n"]);
    has(&world.text(&Grep, json!({ "pattern": "nowhere_q" })).await, &["No matches found"]);
    has(&world.text(&Grep, json!({ "pattern": "x", "path": "none" })).await, &["no file or folder"]);
}

#[tokio::test]
async fn capped_in_the_same_way_always() {
    let world = World::new();
    for n in 0..60 {
        world.write(&format!("{n:02}.txt"), "needle here\nhay\nneedle here\n");
    }
    let got = world.text(&Grep, json!({ "pattern": "needle" })).await;
    assert_eq!(got.matches("needle here").count(), 100);
    has(&got, &["truncated", "49.txt"]);
    lacks(&got, &["50.txt"]);
    world.write("00.txt", "needle here\n".repeat(5000));
    let got = world.text(&Grep, json!({ "pattern": "needle" })).await;
    assert_eq!(got.matches("needle here").count(), 100);
    lacks(&got, &["01.txt"]);
}

#[tokio::test]
async fn tells_nothing_of_what_may_not_be_read() {
    let world = World::new();
    world.write(".env", "TOKEN=secret\n");
    world.write("a.txt", "TOKEN\n");
    world.rule("read", ".env", Action::Ask);
    let with = world.text(&Grep, json!({ "pattern": "TOKEN" })).await;
    has(&with, &["a.txt", "Found 1 match\n"]);
    lacks(&with, &["secret", ".env"]);
    has(&world.text(&Grep, json!({ "pattern": "TOKEN", "path": ".env" })).await, &["No matches"]);
}

#[tokio::test]
async fn cancelled() {
    let world = World::new();
    world.write("a.txt", "x\n");
    world.context.cancel.cancel();
    assert!(matches!(world.run(&Grep, json!({ "pattern": "x" })).await, Err(ToolError::Cancelled(_))));
}
