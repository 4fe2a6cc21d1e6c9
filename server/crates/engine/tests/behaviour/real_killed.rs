//! Real, unmodified language servers that die while an edit waits for them: it is told, and the turn goes on.
//!
//! They stand in `.servers/bin`, where `cargo xtask servers` puts them.
//!
//! **Invariant:** nothing here waits for a time: a server is killed once it was given the edit, and was stopped before, so that it cannot have answered.

use serde_json::{Value, json};

use crate::hands::results;
use crate::model::{Reply, call};
use crate::real::{Files, open, program, turn};

/// Notes its process group, its own process and what it is told; the arguments are the server's.
const NOTED: &str = r#"echo $$ > server.group; tee server.told | sh -c 'echo $$ > server.pid; exec "$@"' sh "$@""#;

/// The first file has `first` in it.
async fn check(id: &str, command: &[&str], options: Value, files: Files) {
    let noted = ["/bin/sh", "-c", NOTED, "sh"].map(str::to_owned).into_iter().chain(program(command)).collect::<Vec<_>>();
    let mut world = open(id, &noted, &options, files).await;
    let file = files[0].0;
    let edit = |old: &str, new: &str| call("edit", json!({ "filePath": file, "oldString": old, "newString": new }));
    let fresh = format!("{id}: fresh");
    // It starts as slowly as it does.
    while !turn(&mut world, vec![call("lsp_diagnostics", json!({ "paths": [file] }))]).await[0].contains(&fresh) {}

    let before = results(&world).len();
    let stop = call("bash", json!({ "command": "kill -STOP $(cat server.pid)", "description": "Stop it" }));
    let read = call("read", json!({ "filePath": file }));
    // No letter of the last word stands in the one before: the server is told all of it.
    for reply in [edit("first", "xyz"), stop, edit("xyz", "quw"), read, Reply::Text("done")] {
        world.model.script([reply]);
    }
    let note = |name: &str| std::fs::read_to_string(world.project().join(name)).unwrap();
    world.ask("go").await;
    while !note("server.told").contains("quw") {
        tokio::task::yield_now().await;
    }
    let group = format!("-{}", note("server.group").trim());
    assert!(std::process::Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());

    assert_eq!(world.idle_at_last().await, "done");
    world.flush().await;
    let told = results(&world).split_off(before);
    let expect = format!("{id}: pending: server stopped: it was killed by signal 9");
    assert!(told[2].contains(&expect) && !told[2].contains("no new errors"), "{told:#?}");
    assert!(told[3].contains("quw"), "{told:#?}");
    world.engine.shutdown().await;
}

#[tokio::test]
async fn real_rust_analyzer_is_killed() {
    let options = json!({ "cachePriming": { "enable": false }, "checkOnSave": false, "cargo": { "buildScripts": { "enable": false }, "sysroot": null } });
    let files: Files = &[
        ("src/lib.rs", "pub fn first() {}\n"),
        ("Cargo.toml", "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
    ];
    check("rust", &["rust-analyzer"], options, files).await;
}

#[tokio::test]
async fn real_gopls_is_killed() {
    let files: Files = &[("a.go", "package m\n\nvar first = 1\n"), ("go.mod", "module m\n\ngo 1.21\n")];
    check("gopls", &["gopls"], Value::Null, files).await;
}

#[tokio::test]
async fn real_clangd_is_killed() {
    check("clangd", &["clangd"], Value::Null, &[("a.c", "int first = 1;\n"), ("compile_flags.txt", "-xc\n")]).await;
}

#[tokio::test]
async fn real_typescript_is_killed() {
    let files: Files = &[("a.ts", "export const first = 1\n"), ("tsconfig.json", "{}\n")];
    check("typescript", &["typescript-language-server", "--stdio"], json!({}), files).await;
}

const PYTHON: Files = &[("a.py", "first = 1\n"), ("pyproject.toml", "[project]\nname = \"small\"\nversion = \"0\"\n")];

#[tokio::test]
async fn real_pyright_is_killed() {
    check("pyright", &["pyright-langserver", "--stdio"], Value::Null, PYTHON).await;
}

#[tokio::test]
async fn real_ty_is_killed() {
    check("ty", &["ty", "server"], Value::Null, PYTHON).await;
}

#[tokio::test]
async fn real_ruff_is_killed() {
    check("ruff", &["ruff", "server"], Value::Null, PYTHON).await;
}
