//! The section of the configuration, roots in real folders, programs that are scripts.

use std::fs;

use serde_json::json;

use super::*;

fn ids(servers: &Servers, path: &str) -> Vec<String> {
    servers.all().filter(|server| server.takes(Path::new(path))).map(|server| server.id.to_string()).collect()
}

#[test]
fn the_users_section() {
    let (servers, problems) = Servers::configured(None);
    assert_eq!((ids(&servers, "/p/a.rs"), problems), (vec!["rust".to_owned()], vec![]), "on where nothing is said");
    assert_eq!(ids(&Servers::configured(Some(&json!(true))).0, "/p/a.go"), ["gopls"]);
    assert_eq!(Servers::configured(Some(&json!(false))).0.all().count(), 0);
    let section = json!({
        "rust": { "command": ["/opt/ra", "--x"], "env": { "RA_LOG": "info" }, "initialization": { "checkOnSave": false } },
        "gopls": { "disabled": true },
        "mine": { "command": ["mine"], "extensions": [".mine", "rs"] },
        "typescript": { "initialization": { "a": 1 } },
        "nothing": { "command": ["x"] },
        "neither": { "extensions": [".x"] },
        "broken": { "command": "x", "extensions": [".x"] },
        "empty": { "command": [], "extensions": [".x"] },
        "worse": 7,
    });
    let (servers, problems) = Servers::configured(Some(&section));
    assert_eq!(
        (ids(&servers, "/p/a.rs"), ids(&servers, "/p/a.go"), ids(&servers, "/p/x.mine")),
        (vec!["mine".into(), "rust".into()], vec![], vec!["mine".into()])
    );
    let find = |id: &str| servers.all().find(|server| &*server.id == id).expect("a server");
    let rust = find("rust");
    assert_eq!(
        (rust.commands[0].as_slice(), rust.options["checkOnSave"].as_bool()),
        (&["/opt/ra".to_owned(), "--x".to_owned()][..], Some(false))
    );
    assert_eq!(rust.env, [("RA_LOG".to_owned(), "info".to_owned())]);
    // Beside those that are built in.
    let options = &find("typescript").options;
    assert_eq!((&options["disableAutomaticTypingAcquisition"], &options["a"]), (&json!(true), &json!(1)));
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "lsp.nothing: no built-in server has this name, so `extensions` are needed",
            "lsp.neither: no built-in server has this name, so `command` is needed",
            "lsp.broken: `command` is no list of texts",
            "lsp.empty: `command` is empty",
            "lsp.worse: expected an object",
        ]
    );
    assert_eq!(Servers::configured(Some(&json!("yes"))).1[0].to_string(), "lsp: expected true, false or an object, found \"yes\"");
}

#[test]
fn the_table_is_sound() {
    let mut seen = std::collections::HashSet::new();
    for server in BUILTIN {
        assert!(seen.insert(server.id), "{} twice", server.id);
        assert!(!server.files.is_empty() && !server.commands.is_empty(), "{}", server.id);
        assert!(serde_json::from_str::<Value>(server.options).is_ok(), "{}", server.id);
        assert!(server.everywhere || !server.roots.is_empty(), "{} is never used", server.id);
    }
}

#[test]
fn languages() {
    let check = |path: &str, language: &str| assert_eq!(Servers::language(Path::new(path)), language, "{path}");
    check("/p/a.rs", "rust");
    check("/p/a.tsx", "typescriptreact");
    check("/p/a.py", "python");
    check("/p/Dockerfile", "dockerfile");
    check("/p/a.go", "go");
    check("/p/a.sh", "shellscript");
    check("/p/a.unknown", "unknown");
    check("/p/none", "");
}

/// A folder with these files.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    folder
}

#[test]
fn roots() {
    let files = [
        ("package-lock.json", ""),
        ("app/package.json", ""),
        ("deno/deno.json", ""),
        ("rust/Cargo.toml", "[workspace]\nmembers = [\"a\"]\n"),
        ("rust/a/Cargo.toml", "[package]\n"),
        ("rust/alone/x/Cargo.toml", "[package]\n[workspace]\n"),
        ("go/go.mod", ""),
        ("go/nested/go.mod", ""),
        ("work/go.work", ""),
        ("work/one/go.mod", ""),
        ("net/deep/x.csproj", ""),
        ("java/a/pom.xml", ""),
    ];
    let folder = project(&files);
    let base = folder.path();
    let servers = Servers::configured(None).0;
    let check = |file: &str, expect: &[(&str, &str)]| {
        let found = servers.of(&base.join(file), base, |_, _| true);
        let found: Vec<(String, String)> = found
            .iter()
            .map(|(server, root)| (server.id.to_string(), root.strip_prefix(base).expect("inside").display().to_string()))
            .collect();
        let expect: Vec<(String, String)> = expect.iter().map(|(id, root)| ((*id).to_owned(), (*root).to_owned())).collect();
        assert_eq!(found, expect, "{file}");
    };
    check("rust/a/src/lib.rs", &[("rust", "rust")]);
    check("rust/alone/x/src/lib.rs", &[("rust", "rust/alone/x")]);
    check("loose.rs", &[("rust", "")]);
    // A nested module has its own root, unless a workspace holds it.
    check("go/a.go", &[("gopls", "go")]);
    check("go/nested/a.go", &[("gopls", "go/nested")]);
    check("work/one/a.go", &[("gopls", "work")]);
    check("app/a.ts", &[("typescript", "")]);
    check("deno/a.ts", &[("deno", "deno")]);
    check("net/deep/er/a.cs", &[("csharp", "net/deep")]);
    check("java/a/A.java", &[("jdtls", "java/a")]);
    check("A.java", &[]);
    check("a.py", &[("pyright", ""), ("ruff", "")]);
    check("a.txt", &[]);
    assert_eq!(servers.of(Path::new("/elsewhere/a.rs"), base, |_, _| true).len(), 0, "outside of the project");
    // Of alternatives the first that is installed.
    let only = |names: &'static [&'static str]| {
        let found = servers.of(&base.join("a.py"), base, |server, _| names.contains(&&*server.id));
        found.iter().map(|(server, _)| server.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(only(&["ty", "basedpyright"]), ["basedpyright"]);
    assert_eq!(only(&["ty", "ruff"]), ["ty", "ruff"]);
}

#[cfg(unix)]
#[tokio::test]
async fn programs() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = project(&[
        ("bin/gopls", "#!/bin/sh\necho gopls\n"),
        ("bin/not", "text"),
        ("p/node_modules/.bin/typescript-language-server", "#!/bin/sh\n"),
        ("p/app/a.ts", ""),
        ("p/.venv/bin/python", "#!/bin/sh\n"),
        ("proxy/rust-analyzer", "#!/bin/sh\necho \"error: 'rust-analyzer' is not installed\" >&2\nexit 1\n"),
        ("proxy/good", "#!/bin/sh\necho 1.0\n"),
    ]);
    let base = folder.path();
    for name in ["bin/gopls", "p/node_modules/.bin/typescript-language-server", "p/.venv/bin/python", "proxy/rust-analyzer", "proxy/good"] {
        fs::set_permissions(base.join(name), fs::Permissions::from_mode(0o755)).expect("mode");
    }
    let servers = Servers::configured(Some(&json!(true))).0;
    let path = base.join("bin").into_os_string();
    let project = base.join("p");
    let find = |id: &str| {
        let server = servers.all().find(|server| &*server.id == id).expect("a server");
        find::program(server, &project.join("app"), &project, &path)
            .map(|program| program.path.strip_prefix(base).expect("inside").display().to_string())
    };
    assert_eq!(find("gopls"), Ok("bin/gopls".to_owned()));
    assert_eq!(find("typescript"), Ok("p/node_modules/.bin/typescript-language-server".to_owned()));
    let untrusted = Servers::configured(None).0;
    let typescript = untrusted.all().find(|server| &*server.id == "typescript").expect("a server");
    assert!(find::program(typescript, &project.join("app"), &project, &path).is_err(), "what a project brings is not run unasked");
    assert_eq!(find("rust"), Err("rust-analyzer is not installed".to_owned()));
    let given = |name: &str| Program { path: base.join(name), ..Program::default() };
    let stand_in = find::is_real(&given("proxy/rust-analyzer"), base).await;
    assert!(
        stand_in.clone().is_err_and(|why| why.contains("'rust-analyzer' is not installed") && why.contains("rustup component add")),
        "{stand_in:?}"
    );
    assert_eq!(find::is_real(&given("proxy/good"), base).await, Ok(()));
    assert!(find::is_real(&given("bin/not"), base).await.is_err_and(|why| why.contains("cannot be started")));
    let python = servers.all().find(|server| &*server.id == "pyright").expect("pyright").settings(&project);
    assert_eq!(python["python"]["pythonPath"], project.join(".venv/bin/python").display().to_string());
}

use crate::process::Program;

#[test]
fn a_server_that_the_user_names_has_a_section_of_its_name() {
    let (servers, _) =
        Servers::configured(Some(&json!({ "mine": { "command": ["x"], "extensions": [".mine"], "initialization": { "a": { "b": 3 } } } })));
    let server = servers.all().find(|server| &*server.id == "mine").expect("a server");
    let asked = json!({ "items": [{ "section": "mine" }, { "section": "mine.a" }, { "section": "a.b" }, { "section": "other" }] });
    let answer = crate::settings::answer(&asked, &server.settings(Path::new("/p")), server.section());
    assert_eq!(answer, json!([{ "a": { "b": 3 } }, { "b": 3 }, 3, null]));
}
