//! The `read` tool, as a model calls it.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::Guides;
use crate::testing::{World, has, lacks};

#[tokio::test]
async fn windows_and_notes() {
    let world = World::new();
    world.write("a.txt", (1..=5000).map(|n| format!("text {n}\n")).collect::<String>());
    let got = world.text(&Read, json!({ "filePath": "a.txt", "offset": "40", "limit": 2 })).await;
    has(&got, &["40: text 40\n41: text 41\n\n", "Lines 40-41 of 5000", "offset=42"]);
    lacks(&got, &["42: ", "39: "]);
    has(&world.text(&Read, json!({ "filePath": world.path("a.txt") })).await, &["2000: text 2000\n", "offset=2001"]);
    has(&world.text(&Read, json!({ "filePath": "a.txt", "offset": 4999 })).await, &["5000: text 5000\n", "End of file"]);
    has(&world.text(&Read, json!({ "filePath": "a.txt", "offset": 5001 })).await, &["past the end", "5000 lines"]);
    world.write("empty.txt", "");
    has(&world.text(&Read, json!({ "filePath": "empty.txt" })).await, &["End of file, 0 lines"]);
    world.write("wide.txt", format!("{}\nsecond\n", "W".repeat(300_000)));
    let got = world.text(&Read, json!({ "filePath": "wide.txt" })).await;
    has(&got, &["line cut", "2: second"]);
    assert!(got.len() < 3000, "{}", got.len());
    world.write("big.txt", format!("{}\n", "x".repeat(1000)).repeat(100));
    let got = world.text(&Read, json!({ "filePath": "big.txt" })).await;
    has(&got, &["Capped at 50 kB", "offset=51"]);
}

#[tokio::test]
async fn the_buffer_wins_and_is_remembered() {
    let world = World::new();
    world.write("a.txt", "disk\n");
    world.files.open("a.txt", "buffer\n");
    world.files.open("untitled:Untitled-1", "nowhere\n");
    let got = world.text(&Read, json!({ "filePath": "a.txt" })).await;
    has(&got, &["1: buffer", "unsaved"]);
    assert_eq!(world.context.seen.get(&DocKey::file(world.root.join("a.txt"))).map(|t| t.to_string()), Some("buffer\n".to_owned()));
    has(&world.text(&Read, json!({ "filePath": "untitled:Untitled-1" })).await, &["1: nowhere"]);
}

#[tokio::test]
async fn what_cannot_be_read() {
    let world = World::new();
    world.write("src/settings.py", "S = 1\n");
    world.write("blob.bin", [0_u8, 1, 2]);
    world.files.open("src/setting_new.py", "");
    let got = world.text(&Read, json!({ "filePath": "src/setting.py" })).await;
    has(&got, &["not found", "src/settings.py", "src/setting_new.py"]);
    has(&world.text(&Read, json!({ "filePath": "blob.bin" })).await, &["binary", "blob.bin"]);
    has(&world.text(&Read, json!({ "filePath": "src" })).await, &["<type>directory", "settings.py\n", "setting_new.py", "(2 entries)"]);
    has(&world.text(&Read, json!({ "filePath": "" })).await, &["filePath"]);
}

#[tokio::test]
async fn an_image_and_a_pdf_are_given_as_such_whatever_they_are_called() {
    let world = World::new();
    let jpeg = b"\xff\xd8\xff\xe0 rest";
    world.write("shot.png", jpeg);
    world.write("paper", "%PDF-1.4\nnothing but text\n");
    world.write("fake.png", [0_u8, 1, 2]);
    let mut large = jpeg.to_vec();
    large.resize(usize::try_from(crate::media::LARGEST).expect("fits") + 1, 0);
    world.write("large.jpg", large);
    for (name, mime, base64) in
        [("shot.png", "image/jpeg", "/9j/4CByZXN0"), ("paper", "application/pdf", "JVBERi0xLjQKbm90aGluZyBidXQgdGV4dAo=")]
    {
        let got = world.run(&Read, json!({ "filePath": name })).await.expect("read");
        has(&got.output, &[name, mime, "shown beside"]);
        let attachment = json!({ "type": "file", "mime": mime, "url": format!("data:{mime};base64,{base64}") });
        assert_eq!(got.metadata["attachments"], json!([attachment]));
    }
    has(&world.text(&Read, json!({ "filePath": "fake.png" })).await, &["binary", "fake.png"]);
    has(&world.text(&Read, json!({ "filePath": "large.jpg" })).await, &["large.jpg", "3.7 MiB", "make it smaller"]);
    world.files.open("paper", "%PDF-1.4 in the editor");
    has(&world.text(&Read, json!({ "filePath": "paper" })).await, &["1: %PDF-1.4 in the editor"]);
}

#[tokio::test]
async fn text_of_another_encoding_is_shown_but_not_edited() {
    let world = World::new();
    world.write("latin.txt", b"caf\xe9 = 1\nsecond\n");
    let got = world.text(&Read, json!({ "filePath": "latin.txt" })).await;
    has(&got, &["1: caf\u{fffd} = 1\n2: second\n", "not UTF-8"]);
    let edited = world.run(&crate::edit::Edit, json!({ "filePath": "latin.txt", "oldString": "second", "newString": "2nd" })).await;
    assert!(matches!(edited, Err(ToolError::Model(_))), "{edited:?}");
    assert_eq!(std::fs::read(world.path("latin.txt")).expect("read"), b"caf\xe9 = 1\nsecond\n");
}

#[tokio::test]
async fn asks_before_it_looks() {
    let world = World::new();
    world.write("sub/.env", "TOKEN=1\n");
    std::fs::write(world.outside.join("secret.txt"), "SECRET").expect("write");
    std::os::unix::fs::symlink(world.outside.join("secret.txt"), world.root.join("link.txt")).expect("link");
    std::os::unix::fs::symlink("sub/.env", world.root.join("harmless.txt")).expect("link");
    world.text(&Read, json!({ "filePath": "harmless.txt" })).await;
    assert_eq!(world.asked(), [("read".to_owned(), vec!["harmless.txt".to_owned(), "sub/.env".to_owned()])]);
    world.user.deny.lock().expect("lock").push("external_directory");
    for path in ["link.txt", "../outside/secret.txt", "../outside/none.txt"] {
        let result = world.run(&Read, json!({ "filePath": path })).await;
        assert!(matches!(result, Err(ToolError::Denied(_))), "{path}: {result:?}");
    }
    let pattern = world.outside.join("*").display().to_string();
    assert!(world.asked()[1..].iter().all(|(permission, patterns)| permission == "external_directory" && *patterns == [pattern.clone()]));
    std::fs::create_dir_all(&world.context.output_dir).expect("mkdir");
    std::fs::write(world.context.output_dir.join("o"), "kept\n").expect("write");
    has(&world.text(&Read, json!({ "filePath": world.context.output_dir.join("o") })).await, &["1: kept"]);
}

#[tokio::test]
async fn the_rules_of_a_folder_are_told_once() {
    let mut world = World::new();
    for (name, text) in
        [("AGENTS.md", "ROOT"), ("pkg/AGENTS.md", "OF-PKG"), ("pkg/deep/CLAUDE.md", "OF-DEEP"), ("pkg/a", "A"), ("pkg/deep/b", "B")]
    {
        world.write(name, text);
    }
    world.context.guides = Arc::new(Guides { directory: world.root.clone(), ..Guides::default() });
    let read = async |name: &str| world.run(&Read, json!({ "filePath": world.path(name) })).await.expect("read");
    let first = read("pkg/a").await;
    has(&first.output, &["<system-reminder>", "OF-PKG"]);
    lacks(&first.output, &["ROOT", "OF-DEEP"]);
    assert_eq!(first.metadata["loaded"], json!([world.path("pkg/AGENTS.md")]));
    let second = read("pkg/deep/b").await;
    has(&second.output, &["OF-DEEP"]);
    lacks(&second.output, &["OF-PKG"]);
    lacks(&read("pkg/a").await.output, &["reminder"]);
    world.context.seen.told_only(std::collections::HashSet::new());
    has(&read("pkg/deep/b").await.output, &["OF-PKG", "OF-DEEP"]);
}
