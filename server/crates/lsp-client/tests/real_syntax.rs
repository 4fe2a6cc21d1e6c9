//! Real, unmodified language servers and texts that are tried out: errors of syntax are known by each one's own marks, others stand in nobody's way.
//!
//! They stand in `.servers/bin`, where `cargo xtask servers` puts them.
//!
//! **Invariant:** nothing here waits for a time; only for what a server says.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use interline_lsp_client::{Disk, Document, Limits, Pool, Servers, Severity, State, Trial};
use ropey::Rope;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use workspace::DocKey;

/// A hang ends here; no server needs so long.
const BUDGET: Duration = Duration::from_secs(100);

/// A server, its program, the files of which the first is edited, and two texts for that: one with an error of syntax, one with another error.
async fn check(id: &str, command: &[&str], options: Value, files: &[(&str, &str)], syntax: &str, other: &str) {
    let folder = tempfile::Builder::new().prefix("interline syntax ").tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }
    let servers =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.servers").canonicalize().expect("`cargo xtask servers` installs them");
    let program = servers.join("bin").join(command[0]);
    let command: Vec<String> =
        std::iter::once(program.display().to_string()).chain(command[1..].iter().map(|&argument| argument.to_owned())).collect();
    let section = json!({ id: { "command": command, "initialization": options } });
    let limits = Limits { start_wait: BUDGET, trial: BUDGET, ..Limits::default() };
    let pool = Pool::new(Servers::configured(Some(&section)).0, folder.path().to_owned(), limits);
    let key = DocKey::file(folder.path().join(files[0].0));
    let document = |text: &str| {
        let language = Arc::from(Servers::language(key.path().expect("a path")));
        Document { key: key.clone(), text: Rope::from_str(text), language, disk: Disk::Differs }
    };
    assert!(pool.give(&document(files[0].1)), "{id} takes it");
    let errors = async || {
        let reports = pool.wait(std::slice::from_ref(&key), BUDGET, &CancellationToken::new()).await;
        let report = reports.into_iter().find(|report| &*report.server == id).expect("a report");
        assert!(report.current || matches!(report.state, State::Fresh { .. }), "{report:?}");
        report.items.iter().filter(|item| item.severity == Severity::Error).count()
    };
    assert_eq!(errors().await, 0, "{id}");
    let tried = async |text: &str| {
        let trial = Trial { after: document(text), before: Some(document(files[0].1)), open: false };
        let tried = pool.try_out(&[trial], false).await;
        tried.into_iter().filter(|tried| &*tried.server == id).flat_map(|tried| tried.syntax).count()
    };
    assert!(tried(syntax).await > 0, "{id}: {syntax}");
    assert_eq!((tried(other).await, errors().await), (0, 0), "{id}: {other}");
    pool.shut_down(BUDGET).await;
}

const PYTHON: &[(&str, &str)] =
    &[("a.py", "def f(x: int) -> int:\n    return x\n"), ("pyproject.toml", "[project]\nname = \"small\"\nversion = \"0\"\n")];
const PYTHON_SYNTAX: &str = "def f(x: int -> int:\n    return x\n";

#[tokio::test]
async fn real_rust_analyzer_and_syntax() {
    let manifest = "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    let options = json!({ "checkOnSave": false, "cachePriming": { "enable": false }, "procMacro": { "enable": false }, "cargo": { "buildScripts": { "enable": false } } });
    let files = [("src/lib.rs", "pub fn f(x: i32) -> i32 {\n    x\n}\n"), ("Cargo.toml", manifest)];
    check("rust", &["rust-analyzer"], options, &files, "pub fn f(x: i32 -> i32 {\n    x\n}\n", "pub fn f(x: i32) -> i32 {\n    y\n}\n")
        .await;
}

#[tokio::test]
async fn real_gopls_and_syntax() {
    let files = [("a.go", "package m\n\nfunc F(x int) int {\n\treturn x\n}\n"), ("go.mod", "module m\n\ngo 1.21\n")];
    let [syntax, other] = ["package m\n\nfunc F(x int int {\n\treturn x\n}\n", "package m\n\nfunc F(x int) int {\n\treturn y\n}\n"];
    check("gopls", &["gopls"], Value::Null, &files, syntax, other).await;
}

#[tokio::test]
async fn real_clangd_and_syntax() {
    let files = [("a.c", "int f(int x) {\n    return x;\n}\n"), ("compile_flags.txt", "-xc\n")];
    check("clangd", &["clangd"], Value::Null, &files, "int f(int x) {\n    return x\n}\n", "int f(int x) {\n    return y;\n}\n").await;
}

#[tokio::test]
async fn real_pyright_and_syntax() {
    let other = "def f(x: int) -> int:\n    return nothing\n";
    check("pyright", &["pyright-langserver", "--stdio"], Value::Null, PYTHON, PYTHON_SYNTAX, other).await;
}

#[tokio::test]
async fn real_ty_and_syntax() {
    check("ty", &["ty", "server"], Value::Null, PYTHON, PYTHON_SYNTAX, "def f(x: int) -> int:\n    return nothing\n").await;
}

#[tokio::test]
async fn real_ruff_and_syntax() {
    check("ruff", &["ruff", "server"], Value::Null, PYTHON, PYTHON_SYNTAX, "def f(x: int) -> int:\n    return nothing\n").await;
}

#[tokio::test]
async fn real_typescript_and_syntax() {
    let files = [("a.ts", "export function f(x: number): number {\n  return x\n}\n"), ("tsconfig.json", "{}\n")];
    let [syntax, other] =
        ["export function f(x: number: number {\n  return x\n}\n", "export function f(x: number): number {\n  return y\n}\n"];
    check("typescript", &["typescript-language-server", "--stdio"], Value::Null, &files, syntax, other).await;
}
