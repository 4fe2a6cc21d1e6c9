//! Real, unmodified language servers: what an edit breaks is known for certain, what it fixes too, and a server that is killed says so.
//!
//! They stand in `.servers/bin`, where `cargo xtask servers` puts them.
//!
//! **Invariant:** nothing here waits for a time; only for what a server says.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use interline_lsp_client::{
    Delta, Diagnostic, Disk, Document, FileChange, Limits, Moment, Pending, Pool, Proof, Report, Servers, Severity, State,
};
use ropey::Rope;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use workspace::DocKey;

/// A hang ends here; no server needs so long.
const BUDGET: Duration = Duration::from_secs(100);

/// A small project in one language.
struct Case {
    /// The server's id in the table.
    id: &'static str,
    /// Its program in `.servers/bin`, with arguments.
    command: &'static [&'static str],
    /// `initialization`.
    options: Value,
    /// The file that is edited first.
    files: &'static [(&'static str, &'static str)],
    /// Given to the server besides it, as an editor has files open.
    open: &'static [&'static str],
    /// The first file with an error, and its line counted from zero.
    broken: (&'static str, usize),
    /// The first file in a way that breaks another one: that one, and the line.
    breaks: Option<(&'static str, &'static str, usize)>,
    /// The first file is saved with each edit: what checks after saves is then heard, too.
    saves: bool,
    /// How a fresh state is to be proved.
    proof: Proof,
}

struct World {
    folder: tempfile::TempDir,
    pool: Pool,
    case: Case,
}

fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.servers").canonicalize().expect("`cargo xtask servers` installs them")
}

impl World {
    fn new(case: Case) -> Self {
        let folder = tempfile::Builder::new().prefix("interline real ").tempdir().expect("a folder");
        for (name, text) in case.files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, text).expect("a file");
        }
        let program = servers().join("bin").join(case.command[0]);
        assert!(program.exists(), "{} is missing: `cargo xtask servers` installs it", program.display());
        // Its process id is needed to kill it.
        let script = format!("echo $$ > '{}'; exec '{}' \"$@\"", folder.path().join("server.pid").display(), program.display());
        let mut command = vec!["/bin/sh", "-c", &script, "server"];
        command.extend(&case.command[1..]);
        let section = json!({ case.id: { "command": command, "initialization": case.options } });
        let pool =
            Pool::new(Servers::configured(Some(&section)).0, folder.path().to_owned(), Limits { start_wait: BUDGET, ..Limits::default() });
        Self { folder, pool, case }
    }

    fn key(&self, name: &str) -> DocKey {
        DocKey::file(self.folder.path().join(name))
    }

    fn give(&self, name: &str, text: &str, saved: bool) {
        let key = self.key(name);
        if saved {
            let path = key.path().expect("a path").to_owned();
            fs::write(&path, text).expect("a file");
            self.pool.disk_changed(&[(path, FileChange::Changed)]);
        }
        let language = Arc::from(Servers::language(key.path().expect("a path")));
        let disk = if saved { Disk::Written } else { Disk::Differs };
        assert!(self.pool.give(&Document { key, text: Rope::from_str(text), language, disk }), "{} takes {name}", self.case.id);
    }

    async fn wait(&self, names: &[&str]) -> Vec<Report> {
        let keys: Vec<DocKey> = names.iter().map(|name| self.key(name)).collect();
        let mut reports = self.pool.wait(&keys, BUDGET, &CancellationToken::new()).await;
        reports.retain(|report| &*report.server == self.case.id);
        assert_eq!(reports.len(), names.len(), "{reports:?}");
        reports
    }

    /// What the server says of a file, once that is fresh.
    async fn fresh(&self, name: &str) -> Arc<[Diagnostic]> {
        let report = self.wait(&[name]).await.remove(0);
        match report.state {
            State::Fresh { by, .. } => assert_eq!(by, self.case.proof, "{name}"),
            State::Pending(why) => panic!("{name}: {why} after {:?}: {:?}", report.waited, report.items),
        }
        report.items
    }

    /// What the server says of a file that it was not asked about, once it says anything at all.
    async fn told(&self, name: &str) -> Arc<[Diagnostic]> {
        loop {
            let known = self.pool.known().into_iter().filter(|known| &*known.server == self.case.id).flat_map(|known| known.files);
            if let Some(file) = known.into_iter().find(|file| file.key == self.key(name) && !errors(&file.items).is_empty()) {
                return file.items;
            }
            self.wait(&[self.case.files[0].0]).await;
            tokio::task::yield_now().await;
        }
    }

    fn signal(&self, name: &str) {
        let pid = fs::read_to_string(self.folder.path().join("server.pid")).expect("a process id");
        let done = std::process::Command::new("kill").args([name, pid.trim()]).status().expect("kill");
        assert!(done.success());
    }
}

fn errors(items: &[Diagnostic]) -> Vec<usize> {
    items.iter().filter(|item| item.severity == Severity::Error).map(|item| item.start.line).collect()
}

/// What changed between two texts of a file with what was said about them.
fn delta(before: (&str, &[Diagnostic]), now: (&str, &[Diagnostic])) -> Delta {
    let (old, new) = (Rope::from_str(before.0), Rope::from_str(now.0));
    Delta::between(Moment { items: before.1, text: Some(&old) }, Moment { items: now.1, text: Some(&new) })
}

/// The whole way of one server.
async fn check(case: Case) {
    let world = World::new(case);
    let case = &world.case;
    let (name, text) = case.files[0];
    for open in case.open {
        let (_, text) = case.files.iter().find(|(name, _)| name == open).expect("a file");
        world.give(open, text, false);
    }
    world.give(name, text, case.saves);
    let clean = world.fresh(name).await;
    assert_eq!(errors(&clean), Vec::<usize>::new(), "{clean:?}");

    let (broken, line) = case.broken;
    world.give(name, broken, case.saves);
    let now = world.fresh(name).await;
    let came = delta((text, &clean), (broken, &now));
    assert!(came.errors() > 0 && errors(&came.introduced).iter().all(|at| *at == line), "{came:?}");

    // What only moves neither comes nor goes.
    let moved = format!("{}\n{broken}", if name.ends_with(".py") { "# moved" } else { "// moved" });
    world.give(name, &moved, case.saves);
    let then = world.fresh(name).await;
    assert_eq!(errors(&then), [line + 1], "{then:?}");
    assert_eq!(delta((broken, &now), (&moved, &then)), Delta::default());

    world.give(name, text, case.saves);
    let fixed = world.fresh(name).await;
    let went = delta((&moved, &then), (text, &fixed));
    assert!(went.errors() == 0 && errors(&went.resolved) == [line + 1], "{went:?}");

    if let Some((breaking, other, line)) = case.breaks {
        world.give(name, breaking, true);
        world.wait(&[name]).await;
        let there = world.told(other).await;
        assert!(errors(&there).contains(&line), "{there:?}");
        world.give(name, text, true);
        world.wait(&[name]).await;
    }

    // Stopped first, so that it cannot answer in the moment before it is killed.
    world.signal("-STOP");
    world.give(name, broken, case.saves);
    let names = [name];
    let (reports, ()) = tokio::join!(world.wait(&names), async { world.signal("-KILL") });
    let State::Pending(Pending::Stopped(why)) = &reports[0].state else { panic!("{:?}", reports[0]) };
    assert!(why.starts_with("it was killed by signal 9"), "{why}");
    // The next one has the same text.
    loop {
        let report = world.wait(&[name]).await.remove(0);
        if report.state.is_fresh() {
            assert!(errors(&report.items).contains(&line), "{report:?}");
            break;
        }
        assert!(matches!(report.state, State::Pending(Pending::Stopped(_))), "{report:?}");
        tokio::task::yield_now().await;
    }
    world.pool.close(&case.files.iter().map(|(name, _)| world.key(name)).collect());
    assert!(world.pool.status().iter().all(|status| status.documents == 0));
    world.pool.shut_down(BUDGET).await;
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
        }),
        files: &[
            ("src/a.rs", "pub fn f(x: i32) -> i32 {\n    x\n}\n"),
            ("src/b.rs", "pub fn g() -> i32 {\n    crate::a::f(1)\n}\n"),
            ("src/lib.rs", "pub mod a;\npub mod b;\n"),
            ("Cargo.toml", "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
        ],
        open: &[],
        broken: ("pub fn f(x: i32) -> i32 {\n    x\n}\npub fn h() -> String {\n    1\n}\n", 4),
        breaks: Some(("pub fn f(_: String) -> i32 {\n    1\n}\n", "src/b.rs", 1)),
        saves: true,
        proof: Proof::Answer,
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
            ("a.go", "package m\n\nfunc F(x int) int {\n\treturn x\n}\n"),
            ("b.go", "package m\n\nvar X = F(1)\n"),
            ("go.mod", "module m\n\ngo 1.21\n"),
        ],
        open: &[],
        broken: ("package m\n\nfunc F(x int) int {\n\treturn x\n}\n\nvar y string = 1\n", 6),
        breaks: Some(("package m\n\nfunc F(x string) int {\n\treturn 1\n}\n", "b.go", 2)),
        saves: false,
        proof: Proof::Version,
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
            ("a.h", "#pragma once\nint f(int x);\n"),
            ("b.c", "#include \"a.h\"\nint main(void) {\n    struct { int x; } s = {f(1)};\n    return s.x;\n}\n"),
            ("compile_flags.txt", "-xc\n"),
        ],
        open: &["b.c"],
        broken: ("#pragma once\nint f(int x);\nint y = z;\n", 2),
        breaks: Some(("#pragma once\nstruct s { int x; };\nstruct s f(int x);\n", "b.c", 2)),
        saves: false,
        proof: Proof::Version,
    })
    .await;
}

const PYTHON: &[(&str, &str)] = &[
    ("a.py", "def f(x: int) -> int:\n    return x\n"),
    ("b.py", "from a import f\n\nprint(f(1))\n"),
    ("pyproject.toml", "[project]\nname = \"small\"\nversion = \"0\"\n"),
];

#[tokio::test]
async fn real_pyright() {
    check(Case {
        id: "pyright",
        command: &["pyright-langserver", "--stdio"],
        options: Value::Null,
        files: PYTHON,
        open: &["b.py"],
        broken: ("def f(x: int) -> int:\n    return x\n\n\nf(\"x\")\n", 4),
        breaks: Some(("def f(x: str) -> int:\n    return 1\n", "b.py", 2)),
        saves: false,
        proof: Proof::Answer,
    })
    .await;
}

#[tokio::test]
async fn real_ty() {
    check(Case {
        id: "ty",
        command: &["ty", "server"],
        options: Value::Null,
        files: PYTHON,
        open: &["b.py"],
        broken: ("def f(x: int) -> int:\n    return x\n\n\nf(\"x\")\n", 4),
        breaks: Some(("def f(x: str) -> int:\n    return 1\n", "b.py", 2)),
        saves: false,
        proof: Proof::Answer,
    })
    .await;
}

#[tokio::test]
async fn real_ruff() {
    check(Case {
        id: "ruff",
        command: &["ruff", "server"],
        options: Value::Null,
        files: PYTHON,
        open: &[],
        broken: ("def f(x: int) -> int:\n    return x\n\n\nprint(nothing)\n", 4),
        // It looks at one file at a time.
        breaks: None,
        saves: false,
        proof: Proof::Answer,
    })
    .await;
}

#[tokio::test]
async fn real_typescript() {
    check(Case {
        id: "typescript",
        command: &["typescript-language-server", "--stdio"],
        options: Value::Null,
        files: &[
            ("a.ts", "export function f(x: number): number {\n  return x\n}\n"),
            ("b.ts", "import { f } from './a'\nconsole.log(f(1))\n"),
            ("tsconfig.json", "{ \"compilerOptions\": { \"strict\": true } }\n"),
        ],
        open: &["b.ts"],
        broken: ("export function f(x: number): number {\n  return x\n}\nexport const y: string = 1\n", 3),
        breaks: Some(("export function f(x: string): number {\n  return 1\n}\n", "b.ts", 1)),
        saves: false,
        proof: Proof::Answer,
    })
    .await;
}
