//! The `list` tool, as a model calls it.

use serde_json::json;

use super::*;
use crate::testing::{World, has, lacks};

#[tokio::test]
async fn a_tree() {
    let world = World::new();
    for name in ["src/a.rs", "src/deep/b.rs", "docs/x.md", "README.md"] {
        world.write(name, "");
    }
    world.files.open("src/new/only_open.rs", "");
    let got = world.text(&List, json!({ "ignore": ["docs"] })).await;
    let expect = "/\n  README.md\n  src/\n    a.rs\n    deep/\n      b.rs\n    new/\n      only_open.rs\n";
    assert_eq!(got, format!("{}{expect}", world.root.display()));
    has(&world.text(&List, json!({ "path": "src/deep" })).await, &["b.rs"]);
    has(&world.text(&List, json!({ "path": "nowhere" })).await, &["no folder", "nowhere"]);
}

#[tokio::test]
async fn upper_levels_first() {
    let world = World::new();
    for n in 0..200 {
        world.write(&format!("a/b/{n:03}.txt"), "");
    }
    world.write("z.txt", "");
    let got = world.text(&List, json!({})).await;
    has(&got, &["  z.txt", "    b/", "deeper levels"]);
    lacks(&got, &["000.txt"]);
    has(&world.text(&List, json!({ "path": "a/b" })).await, &["149.txt", "truncated"]);
}
