//! Real, unmodified language servers as the agent's hands: looked up, renamed over two files and undone, mended by an action.
//!
//! They stand in `.servers/bin`, where `cargo xtask servers` puts them.
//!
//! **Invariant:** nothing here waits for a time; only for what a server says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use workspace::DiskWorkspace;

use crate::hands::results;
use crate::model::{Reply, call};
use crate::undo::undo;
use crate::world::{World, engine_at};

/// Files: names and texts.
pub type Files = &'static [(&'static str, &'static str)];

/// A small project in one language.
struct Case {
    /// The server's id in the table.
    id: &'static str,
    /// Its program in `.servers/bin`, with arguments.
    command: &'static [&'static str],
    options: Value,
    /// The first one uses a name that the second one defines.
    files: Files,
    /// The line of that use, and the name.
    at: (u64, &'static str),
    /// Where it is defined, as it is told.
    definition: &'static str,
    /// Its uses, as they are told at once.
    references: &'static [&'static str],
    /// Further ones, which are told once the server's index is complete.
    indexed: &'static [&'static str],
    hover: &'static str,
    /// An entry of the first file's outline.
    outline: &'static str,
    /// What the search for the name tells, if the server searches.
    search: Option<&'static str>,
    /// The files that the rename to `renamed` changes.
    renamed: Files,
    actions: Vec<Action>,
}

/// An action for the first file.
struct Action {
    /// Its text then.
    text: &'static str,
    line: u64,
    /// The name in it, if it is for one.
    symbol: Option<&'static str>,
    title: &'static str,
    /// What it makes of it.
    expect: &'static str,
}

fn servers() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.servers");
    folder.canonicalize().unwrap_or_else(|error| panic!("{error}: `cargo xtask servers` installs them"))
}

/// A server's program in `.servers/bin`, with arguments.
pub fn program(command: &[&str]) -> Vec<String> {
    let program = servers().join("bin").join(command[0]);
    assert!(program.exists(), "{} is missing: `cargo xtask servers` installs it", program.display());
    let arguments = command[1..].iter().map(|part| (*part).to_owned());
    std::iter::once(program.display().to_string()).chain(arguments).collect()
}

/// One turn of these calls: what each brought.
pub async fn turn(world: &mut World, replies: Vec<Reply>) -> Vec<String> {
    let before = world.engine.current().map_or(0, |_| results(world).len());
    let calls = replies.len();
    for reply in replies {
        world.model.script([reply]);
    }
    world.model.script([Reply::Text("done")]);
    world.ask("go").await;
    // Servers take their time; the test runner ends what hangs.
    assert_eq!(world.idle_at_last().await, "done");
    world.flush().await;
    let results = results(world).split_off(before);
    assert_eq!(results.len(), calls);
    results
}

/// An engine on a project of these files, with this server and no other one for its language.
pub async fn open(id: &str, command: &[String], options: &Value, files: Files) -> World {
    let others = ["pyright", "ty", "ruff", "biome", "eslint", "oxlint"].into_iter().filter(|other| *other != id);
    let mut lsp: serde_json::Map<String, Value> = others.map(|id| (id.to_owned(), json!({ "disabled": true }))).collect();
    lsp.insert(id.to_owned(), json!({ "command": command, "initialization": options }));
    let mut world = World::with(json!({ "permission": { "edit": "allow", "bash": "allow" }, "preflight": false, "lsp": lsp })).await;
    let project = world.project();
    for (name, text) in files {
        let path = project.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, filled(&world, text)).unwrap();
    }
    let data = world.dir.path().join("data");
    let workspace = DiskWorkspace::new(vec![project.clone()]);
    world.engine = engine_at(&data, &project, &world.config, Arc::new(workspace), true);
    world.events = world.engine.events();
    world
}

/// A file's text with the project's folder in it.
fn filled(world: &World, text: &str) -> String {
    text.replace("{project}", &world.project().display().to_string())
}

fn read(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.project().join(name)).unwrap()
}

/// The file is wrong, an action mends it, and one undo brings it back.
async fn mend(world: &mut World, file: &str, action: &Action) {
    std::fs::write(world.project().join(file), action.text).unwrap();
    let args = json!({ "filePath": file, "line": action.line, "symbol": action.symbol });
    let mut chosen = args.clone();
    chosen["action"] = json!(action.title);
    let look = call("lsp_diagnostics", json!({ "paths": [file] }));
    let got = turn(world, vec![look, call("lsp_code_action", args), call("lsp_code_action", chosen)]).await;
    assert!(got[1].contains(action.title) && got[2].starts_with("Done: "), "{got:#?}");
    assert_eq!(read(world, file), action.expect, "{got:#?}");
    assert_eq!(undo(world).await.changed.len(), 1);
    assert_eq!(read(world, file), action.text);
}

/// The whole way of one server.
async fn check(case: Case) {
    let mut world = open(case.id, &program(case.command), &case.options, case.files).await;
    let (file, (line, symbol)) = (case.files[0].0, case.at);
    let at = || json!({ "filePath": file, "line": line, "symbol": symbol });
    // An index that is built in the background is complete when it knows all uses; a project that is loaded once more knows nothing meanwhile, and says so.
    let knows_all = |got: &[String]| {
        case.indexed.iter().all(|use_of| got[1].contains(use_of)) && !got.iter().any(|told| told.contains("is still at work"))
    };
    let calls = || {
        vec![
            call("lsp_definition", at()),
            call("lsp_references", at()),
            call("lsp_hover", at()),
            call("lsp_symbols", json!({ "filePath": file })),
            call("lsp_symbols", json!({ "symbol": symbol })),
        ]
    };
    let mut got = turn(&mut world, calls()).await;
    while !knows_all(&got) {
        got = turn(&mut world, calls()).await;
    }
    assert!(got[0].starts_with(case.definition), "definition: {}", got[0]);
    for reference in case.references {
        assert!(got[1].contains(reference), "references: {}", got[1]);
    }
    assert!(got[2].contains(case.hover), "hover: {}", got[2]);
    assert!(got[3].contains(case.outline), "outline: {}", got[3]);
    match case.search {
        Some(expect) => assert!(got[4].contains(expect), "search: {}", got[4]),
        None => assert!(got[4].contains("cannot do that") || got[4].contains("no language server"), "search: {}", got[4]),
    }

    if !case.renamed.is_empty() {
        let mut args = at();
        args["newName"] = json!("renamed");
        let got = turn(&mut world, vec![call("lsp_rename", args)]).await;
        assert!(got[0].starts_with(&format!("Renamed {symbol} to renamed:")), "{}", got[0]);
        assert!(!got[0].contains("ERROR"), "the rename broke something: {}", got[0]);
        for (name, text) in case.renamed {
            assert_eq!(&read(&world, name), text, "{name}: {}", got[0]);
        }
        assert_eq!(undo(&world).await.changed.len(), case.renamed.len());
        for (name, text) in case.files {
            assert_eq!(read(&world, name), filled(&world, text), "{name}");
        }
    }

    for action in &case.actions {
        mend(&mut world, file, action).await;
    }
    world.engine.shutdown().await;
}

#[tokio::test]
async fn real_rust_analyzer() {
    check(Case {
        id: "rust",
        command: &["rust-analyzer"],
        options: json!({
            "cargo": { "sysrootSrc": servers().join("rust-src"), "buildScripts": { "enable": false } },
            "cachePriming": { "enable": false },
            "procMacro": { "enable": false },
            "checkOnSave": false,
        }),
        files: &[
            ("src/b.rs", "pub fn g() -> i32 {\n    crate::a::twice(1)\n}\n"),
            ("src/a.rs", "/// Doubles it.\npub fn twice(x: i32) -> i32 {\n    x + x\n}\n"),
            ("src/lib.rs", "pub mod a;\npub mod b;\n"),
            ("Cargo.toml", "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
        ],
        at: (2, "twice"),
        definition: "src/a.rs:2:8: pub fn twice(x: i32) -> i32 {",
        references: &["src/a.rs:2:8: pub fn twice", "src/b.rs:2:15: crate::a::twice(1)"],
        indexed: &[],
        hover: "Doubles it.",
        outline: "1: function g",
        search: Some("src/a.rs:2: function twice"),
        renamed: &[
            ("src/b.rs", "pub fn g() -> i32 {\n    crate::a::renamed(1)\n}\n"),
            ("src/a.rs", "/// Doubles it.\npub fn renamed(x: i32) -> i32 {\n    x + x\n}\n"),
        ],
        // Each is resolved when it is chosen.
        actions: vec![
            Action {
                text: "pub fn g() -> i32 {\n    twice(1)\n}\n",
                line: 2,
                symbol: Some("twice"),
                title: "Import `crate::a::twice`",
                expect: "use crate::a::twice;\n\npub fn g() -> i32 {\n    twice(1)\n}\n",
            },
            Action {
                text: "pub fn g(x: Option<i32>) -> i32 {\n    match x {\n        Some(x) => x,\n    }\n}\n",
                line: 2,
                symbol: Some("match"),
                title: "Fill match arms",
                expect: "pub fn g(x: Option<i32>) -> i32 {\n    match x {\n        Some(x) => x,\n        None => todo!(),\n    }\n}\n",
            },
        ],
    })
    .await;
}

#[tokio::test]
async fn real_gopls() {
    check(Case {
        id: "gopls",
        command: &["gopls"],
        options: Value::Null,
        files: &[
            ("b.go", "package m\n\nvar X = Twice(1)\n"),
            ("a.go", "package m\n\n// Twice doubles it.\nfunc Twice(x int) int {\n\treturn x + x\n}\n"),
            ("go.mod", "module m\n\ngo 1.21\n"),
        ],
        at: (3, "Twice"),
        definition: "a.go:4:6: func Twice(x int) int {",
        references: &["a.go:4:6: func Twice", "b.go:3:9: var X = Twice(1)"],
        indexed: &[],
        hover: "Twice doubles it.",
        outline: "3: variable X",
        search: Some("a.go:4: function Twice"),
        renamed: &[
            ("b.go", "package m\n\nvar X = renamed(1)\n"),
            ("a.go", "package m\n\n// renamed doubles it.\nfunc renamed(x int) int {\n\treturn x + x\n}\n"),
        ],
        // By a command, which asks for the edit.
        actions: vec![Action {
            text: "package m\n\ntype S struct{ A int }\n\nvar Y = S{}\n",
            line: 5,
            symbol: Some("S{}"),
            title: "Fill S",
            expect: "package m\n\ntype S struct{ A int }\n\nvar Y = S{\n\tA: 0,\n}\n",
        }],
    })
    .await;
}

#[tokio::test]
async fn real_clangd() {
    check(Case {
        id: "clangd",
        command: &["clangd"],
        options: Value::Null,
        files: &[
            ("b.c", "#include \"a.h\"\nint main(void) {\n    return twice(1);\n}\n"),
            ("a.h", "#pragma once\n// Doubles it.\nint twice(int x);\n"),
            ("a.c", "#include \"a.h\"\nint twice(int x) {\n    return x + x;\n}\n"),
            (
                "compile_commands.json",
                r#"[{"directory":"{project}","file":"b.c","arguments":["cc","-c","b.c"]},{"directory":"{project}","file":"a.c","arguments":["cc","-c","a.c"]}]"#,
            ),
        ],
        at: (3, "twice"),
        definition: "a.c:2:5: int twice(int x) {",
        references: &["b.c:3:12: return twice(1);"],
        indexed: &["a.c:2:5: int twice(int x) {", "a.h:3:5: int twice(int x);"],
        hover: "Doubles it.",
        outline: "2: function main",
        search: Some("a.c:2: function twice"),
        renamed: &[
            ("b.c", "#include \"a.h\"\nint main(void) {\n    return renamed(1);\n}\n"),
            ("a.h", "#pragma once\n// Doubles it.\nint renamed(int x);\n"),
            ("a.c", "#include \"a.h\"\nint renamed(int x) {\n    return x + x;\n}\n"),
        ],
        actions: vec![Action {
            text: "int main(void) {\n    return 0\n}\n",
            // It is reported where it was noticed.
            line: 3,
            symbol: None,
            title: "insert ';'",
            expect: "int main(void) {\n    return 0;\n}\n",
        }],
    })
    .await;
}

const PYTHON: Files = &[
    ("b.py", "from a import twice\n\nprint(twice(1))\n"),
    ("a.py", "def twice(x: int) -> int:\n    \"\"\"Doubles it.\"\"\"\n    return x + x\n"),
    ("pyproject.toml", "[project]\nname = \"small\"\nversion = \"0\"\n"),
];
const PYTHON_RENAMED: Files = &[
    ("b.py", "from a import renamed\n\nprint(renamed(1))\n"),
    ("a.py", "def renamed(x: int) -> int:\n    \"\"\"Doubles it.\"\"\"\n    return x + x\n"),
];

fn python(id: &'static str, command: &'static [&'static str]) -> Case {
    Case {
        id,
        command,
        options: Value::Null,
        files: PYTHON,
        at: (3, "twice"),
        definition: "a.py:1:5: def twice(x: int) -> int:",
        references: &["a.py:1:5: def twice", "b.py:1:15: from a import twice", "b.py:3:7: print(twice(1))"],
        indexed: &[],
        hover: "Doubles it.",
        // It only imports and calls.
        outline: "knows of no symbols there",
        search: Some("a.py:1: function twice"),
        renamed: PYTHON_RENAMED,
        actions: Vec::new(),
    }
}

#[tokio::test]
async fn real_pyright() {
    check(python("pyright", &["pyright-langserver", "--stdio"])).await;
}

#[tokio::test]
async fn real_ty() {
    check(python("ty", &["ty", "server"])).await;
}

#[tokio::test]
async fn real_typescript() {
    check(Case {
        id: "typescript",
        command: &["typescript-language-server", "--stdio"],
        options: json!({}),
        files: &[
            ("b.ts", "import { twice } from './a'\nconsole.log(twice(1))\n"),
            ("a.ts", "/** Doubles it. */\nexport function twice(x: number): number {\n  return x + x\n}\n"),
            ("tsconfig.json", "{ \"compilerOptions\": { \"strict\": true } }\n"),
        ],
        at: (2, "twice"),
        definition: "a.ts:2:17: export function twice(x: number): number {",
        references: &["a.ts:2:17: export function twice", "b.ts:2:13: console.log(twice(1))"],
        indexed: &[],
        hover: "Doubles it.",
        outline: "knows of no symbols there",
        search: Some("a.ts:2: function twice"),
        renamed: &[
            ("b.ts", "import { renamed } from './a'\nconsole.log(renamed(1))\n"),
            ("a.ts", "/** Doubles it. */\nexport function renamed(x: number): number {\n  return x + x\n}\n"),
        ],
        actions: vec![Action {
            text: "console.log(twice(1))\n",
            line: 1,
            symbol: None,
            title: "Add import from \"./a\"",
            expect: "import { twice } from \"./a\";\n\nconsole.log(twice(1))\n",
        }],
    })
    .await;
}

#[tokio::test]
async fn real_ruff() {
    let files: Files = &[("a.py", ""), ("pyproject.toml", "[project]\nname = \"small\"\nversion = \"0\"\n")];
    let mut world = open("ruff", &program(&["ruff", "server"]), &Value::Null, files).await;
    let mend_with = |title, expect| Action { text: "import os\nimport sys\n\nprint(sys.argv)\n", line: 1, symbol: None, title, expect };
    let mended = "import sys\n\nprint(sys.argv)\n";
    mend(&mut world, "a.py", &mend_with("Ruff (F401): Remove unused import: `os`", mended)).await;
    mend(&mut world, "a.py", &mend_with("Ruff: Fix all auto-fixable problems", mended)).await;
    let got = turn(&mut world, vec![call("lsp_hover", json!({ "filePath": "a.py", "line": 1, "symbol": "os" }))]).await;
    assert!(got[0].contains("ruff") || got[0].contains("says nothing"), "{}", got[0]);
    world.engine.shutdown().await;
}
