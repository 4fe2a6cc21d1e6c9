//! The tools over servers that answer what the test says.

use permission::Action;
use serde_json::{Value, json};

use super::*;
use crate::testing::{World, has, lacks};
use crate::{Effect, Lsp, LspCodeAction, LspDefinition, LspDiagnostics, LspHover, LspReferences, LspRename, LspSymbols, Tool};

fn world() -> World {
    let world = World::new();
    world.write("a.rs", "fn old() {}\n");
    world.files.open("b.rs", "fn main() {\n    old();\n}\n");
    world
}

fn location(world: &World, name: &str, line: usize, text: &str) -> Location {
    Location { key: DocKey::file(world.root.join(name)), line, column: 3, text: Some(text.to_owned()), name: None }
}

async fn outcome(world: &World, name: &str, old: &str, new: &str) -> Outcome {
    let key = DocKey::file(world.root.join(name));
    let before = world.context.workspace.read(&key).await.ok();
    let after = before.as_ref().map(|before| Rope::from_str(&before.text.to_string().replace(old, new)));
    Outcome { key, before, after, edits: None, moved: None }
}

fn at(name: &str, line: u64, symbol: &str) -> Value {
    json!({ "filePath": name, "line": line, "symbol": symbol })
}

#[tokio::test]
async fn places_have_their_lines() {
    let world = world();
    *world.servers.places.lock().expect("lock") = vec![
        location(&world, "a.rs", 0, "fn old() {}\n"),
        location(&world, "b.rs", 1, "    old();\n"),
        Location { key: DocKey::file(world.outside.join("x.rs")), ..location(&world, "", 6, "not to be shown") },
    ];
    let got = world.text(&LspReferences, at("b.rs", 2, "old()")).await;
    let outside = world.outside.join("x.rs").display().to_string();
    has(&got, &["3 uses", "\na.rs:1:4: fn old() {}\n", "\nb.rs:2:4: old();\n", &format!("\n{outside}:7:4\n"), "(still indexing)"]);
    lacks(&got, &["not to be shown"]);
    assert_eq!(*world.servers.asked.lock().expect("lock"), [("References".to_owned(), "old".to_owned())]);
    assert_eq!(world.asked(), [("read".to_owned(), vec!["b.rs".to_owned()]), ("lsp".to_owned(), vec!["b.rs".to_owned()])]);
    world.rule("read", "a.rs", Action::Ask);
    let got = world.text(&LspDefinition, at("b.rs", 2, "old")).await;
    lacks(&got, &["a.rs"]);
    has(&got, &["b.rs:2:4", "1 more in files that need permission"]);
    world.servers.places.lock().expect("lock").clear();
    has(&world.text(&LspDefinition, at("b.rs", 2, "old")).await, &["knows of nothing there (still indexing)", "grep"]);
    has(&world.text(&LspHover, at("b.rs", 2, "old")).await, &["fn f()"]);
}

#[tokio::test]
async fn nothing_is_looked_up_unasked() {
    let world = world();
    world.user.deny.lock().expect("lock").push("lsp");
    for (tool, args) in [
        (&LspDefinition as &dyn Tool, at("b.rs", 2, "old")),
        (&LspDefinition, json!({ "symbol": "old" })),
        (&LspReferences, at("b.rs", 2, "old")),
        (&LspHover, at("b.rs", 2, "old")),
        (&LspSymbols, json!({ "filePath": "b.rs" })),
        (&LspRename, json!({ "filePath": "b.rs", "line": 2, "symbol": "old", "newName": "new" })),
        (&LspCodeAction, json!({ "filePath": "b.rs", "line": 2 })),
        (&LspDiagnostics, json!({})),
        (&LspDiagnostics, json!({ "paths": ["b.rs"] })),
    ] {
        has(&world.text(tool, args).await, &["permission denied"]);
    }
    assert!(world.servers.asked.lock().expect("lock").is_empty());
    world.user.deny.lock().expect("lock").push("external_directory");
    let outside = world.outside.join("x.rs");
    std::fs::write(&outside, "secret").expect("write");
    let got = world.text(&LspHover, at(&outside.display().to_string(), 1, "x")).await;
    has(&got, &["permission denied"]);
    lacks(&got, &["secret"]);
}

#[tokio::test]
async fn symbols_of_a_file_and_by_name() {
    let world = world();
    let symbol = |name: &str, depth: usize, line: usize| Symbol {
        name: name.to_owned(),
        kind: "function",
        container: Some("m".to_owned()).filter(|_| depth > 0),
        depth,
        key: DocKey::file(world.root.join("a.rs")),
        line: Some(line),
    };
    *world.servers.symbols.lock().expect("lock") = vec![symbol("old", 0, 0), symbol("older", 1, 3)];
    let got = world.text(&LspSymbols, json!({ "filePath": "a.rs" })).await;
    assert_eq!(got, "1: function old\n  4: function older");
    assert_eq!(world.text(&LspSymbols, json!({ "filePath": "a.rs", "symbol": "OLDER" })).await, "  4: function older");
    assert_eq!(world.text(&LspDefinition, json!({ "symbol": "crate::old" })).await, "a.rs:1: function old");
    assert_eq!(world.text(&LspSymbols, json!({ "symbol": "ol" })).await, "a.rs:1: function old\na.rs:4: function older (in m)");
    has(&world.text(&LspSymbols, json!({})).await, &["`filePath`", "`symbol`"]);
}

#[tokio::test]
async fn a_rename_is_one_change_of_all_files() {
    let world = world();
    let both = vec![outcome(&world, "a.rs", "old", "new").await, outcome(&world, "b.rs", "old", "new").await];
    *world.servers.outcomes.lock().expect("lock") = vec![both];
    let args = json!({ "filePath": "b.rs", "line": 2, "symbol": "old", "newName": "new" });
    let output = world.run(&LspRename, args.clone()).await.expect("renamed");
    assert_eq!(output.output, "Renamed old to new:\nM a.rs (1 place)\nM b.rs (1 place)");
    assert_eq!((world.disk("a.rs").as_str(), world.files.text("b.rs").as_str()), ("fn new() {}\n", "fn main() {\n    new();\n}\n"));
    assert_eq!((output.changes.len(), &*world.files.log.lock().expect("lock")), (2, &vec!["apply"]));
    let asks = world.user.asks.lock().expect("lock").clone();
    let edit = asks.last().expect("asked");
    assert_eq!((edit.permission.as_str(), edit.patterns.as_slice()), ("edit", &["a.rs".to_owned(), "b.rs".to_owned()][..]));
    has(edit.metadata["diff"].as_str().expect("a diff"), &["-fn old() {}\n+fn new() {}", "-    old();\n+    new();"]);
    assert_eq!(edit.metadata["title"], "Rename old to new");
    assert_eq!((LspRename.permission(), LspRename.effect(&args)), ("edit", Effect::Writes));
    has(&world.text(&LspRename, json!({ "filePath": "b.rs", "line": 2, "symbol": "new", "newName": " " })).await, &["`newName`"]);
}

#[tokio::test]
async fn what_leads_out_of_the_project_is_asked_for() {
    let world = world();
    let outside = world.outside.join("lib.rs");
    std::fs::write(&outside, "fn old() {}\n").expect("write");
    let args = json!({ "filePath": "b.rs", "line": 2, "symbol": "old", "newName": "new" });
    for denied in [true, false] {
        *world.servers.outcomes.lock().expect("lock") = vec![vec![outcome(&world, &outside.display().to_string(), "old", "new").await]];
        *world.user.deny.lock().expect("lock") = if denied { vec!["external_directory"] } else { Vec::new() };
        let got = world.text(&LspRename, args.clone()).await;
        has(&got, &[if denied { "permission denied" } else { "M " }]);
        let text = std::fs::read_to_string(&outside).expect("readable");
        assert_eq!(text.contains("new"), !denied);
    }
    let asked = world.asked();
    assert!(
        asked
            .iter()
            .any(|(permission, patterns)| permission == "external_directory"
                && patterns[0].starts_with(&world.outside.display().to_string()))
    );
}

#[tokio::test]
async fn actions_are_listed_and_done() {
    let world = world();
    let action = |title: &str| CodeAction { title: title.to_owned(), kind: "quickfix".to_owned(), disabled: None, preferred: false };
    *world.servers.actions.lock().expect("lock") = vec![action("Fix it"), action("Tidy")];
    let list = json!({ "filePath": "b.rs", "line": 2 });
    assert_eq!(world.text(&LspCodeAction, list.clone()).await, "1. Fix it [quickfix]\n2. Tidy [quickfix]");
    assert_eq!(LspCodeAction.effect(&list), Effect::Reads);
    let mut fix = list;
    fix["action"] = json!(1);
    assert_eq!(LspCodeAction.effect(&fix), Effect::Writes);
    *world.servers.outcomes.lock().expect("lock") = vec![vec![outcome(&world, "b.rs", "old()", "old(1)").await]];
    *world.servers.command.lock().expect("lock") = Some("server.fix".to_owned());
    has(&world.text(&LspCodeAction, fix.clone()).await, &["Done: Fix it\nM b.rs (1 place)"]);
    assert_eq!(world.files.text("b.rs"), "fn main() {\n    old(1);\n}\n");
    assert_eq!(
        world.servers.asked.lock().expect("lock").last(),
        Some(&("act".to_owned(), "old();".to_owned())),
        "the line from its first word"
    );
    assert!(world.asked().contains(&("bash".to_owned(), vec!["server.fix".to_owned()])));
    // The second part does not fit any more: the first one stays on record.
    let stale = outcome(&world, "b.rs", "old(1)", "old(3)").await;
    *world.servers.outcomes.lock().expect("lock") = vec![vec![outcome(&world, "b.rs", "old(1)", "old(2)").await], vec![stale]];
    let output = world.run(&LspCodeAction, fix.clone()).await.expect("done in part");
    assert_eq!(output.changes.len(), 1);
    has(&output.output, &["Done in part", "what was to follow was not"]);
    // The command is not allowed: nothing is done.
    *world.servers.outcomes.lock().expect("lock") = vec![vec![outcome(&world, "b.rs", "old(2)", "old(4)").await]];
    world.user.deny.lock().expect("lock").push("bash");
    has(&world.text(&LspCodeAction, fix).await, &["permission denied"]);
    assert_eq!(world.files.text("b.rs"), "fn main() {\n    old(2);\n}\n");
}

#[tokio::test]
async fn diagnostics_of_files() {
    let world = world();
    for (args, expect) in [
        (json!({ "paths": ["a.rs", "b.rs"] }), "2 documents"),
        (json!({ "paths": "a.rs" }), "1 documents"),
        (json!({ "filePath": "a.rs" }), "1 documents"),
        (json!({}), "0 documents"),
    ] {
        assert_eq!(world.text(&LspDiagnostics, args).await, expect);
    }
    has(&world.text(&LspDiagnostics, json!({ "paths": ["none.rs"] })).await, &["not found"]);
}

#[tokio::test]
async fn opencodes_one_tool_is_understood() {
    let world = world();
    *world.servers.places.lock().expect("lock") = vec![location(&world, "a.rs", 0, "fn old() {}\n")];
    let call = |operation: &str| json!({ "operation": operation, "filePath": "b.rs", "line": 2, "character": 5, "query": "old" });
    for (operation, expect) in [
        ("goToDefinition", "a.rs:1:4"),
        ("goToImplementation", "a.rs:1:4"),
        ("findReferences", "1 uses"),
        ("incomingCalls", "a.rs:1:4"),
        ("outgoingCalls", "a.rs:1:4"),
        ("hover", "fn f()"),
        ("documentSymbol", "no symbols"),
        ("workspaceSymbol", "No symbol is called \"old\""),
        ("fly", "goToDefinition"),
    ] {
        has(&world.text(&Lsp, call(operation)).await, &[expect]);
    }
    let asked: Vec<String> = world.servers.asked.lock().expect("lock").iter().map(|(what, _)| what.clone()).collect();
    assert_eq!(asked, ["Definition", "Implementation", "References", "Callers", "Callees", "hover", "search"]);
}
