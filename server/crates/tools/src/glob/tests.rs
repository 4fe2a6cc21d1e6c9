//! The `glob` tool, as a model calls it.

use serde_json::json;

use super::*;
use crate::testing::{World, has, lacks};

fn project() -> World {
    let world = World::new();
    for name in ["src/a.rs", "src/deep/b.rs", "target/c.rs", "README.md", ".github/w.yml", ".interline/x.rs"] {
        world.write(name, "x\n");
    }
    world.write(".gitignore", "target/\n");
    std::fs::create_dir(world.root.join(".git")).expect("mkdir");
    world
}

#[tokio::test]
async fn finds_what_ripgrep_would() {
    let world = project();
    world.files.open("src/new.rs", "");
    std::fs::write(world.outside.join("o.rs"), "").expect("write");
    std::os::unix::fs::symlink(&world.outside, world.root.join("src/out")).expect("link");
    let check = async |args: Value, expect: &[&str]| {
        let got = world.text(&Glob, args.clone()).await;
        let expect: Vec<String> = expect.iter().map(|name| world.path(name)).collect();
        assert_eq!(got.lines().map(str::to_owned).collect::<Vec<_>>(), expect, "{args}");
    };
    check(json!({ "pattern": "**/*.rs" }), &["src/a.rs", "src/deep/b.rs", "src/new.rs"]).await;
    check(json!({ "pattern": "*.rs", "path": "src/deep" }), &["src/deep/b.rs"]).await;
    check(json!({ "pattern": "src/*.rs" }), &["src/a.rs", "src/new.rs"]).await;
    check(json!({ "pattern": world.path("src/*.rs") }), &["src/a.rs", "src/new.rs"]).await;
    check(json!({ "pattern": ".github/**" }), &[".github/w.yml"]).await;
    check(json!({ "pattern": "*.{md,toml}" }), &["README.md"]).await;
}

#[tokio::test]
async fn says_nothing_cut_and_wrong() {
    let world = project();
    has(&world.text(&Glob, json!({ "pattern": "*.none" })).await, &["No files found"]);
    has(&world.text(&Glob, json!({ "pattern": "*.rs", "path": "README.md" })).await, &["is a file"]);
    has(&world.text(&Glob, json!({ "pattern": "a{b" })).await, &["bad glob pattern"]);
    has(&world.text(&Glob, json!({})).await, &["`pattern`"]);
    for n in 0..250 {
        world.write(&format!("many/{n:03}.txt"), "");
    }
    let got = world.text(&Glob, json!({ "pattern": "*.txt" })).await;
    has(&got, &["many/000.txt", "many/099.txt", "first 100 of 250"]);
    lacks(&got, &["many/100.txt"]);
}
