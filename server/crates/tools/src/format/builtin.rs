//! The formatters that are known, by OpenCode's names, and in which projects they are used.
//!
//! Must not run one, but those two that only tell by their help whether they are what they are called.
//!
//! **Invariant:** a formatter is used only where its program is there and the project asks for it in the way that its table entry says.

use std::path::{Path, PathBuf};

use config::Env;
use toml_edit::DocumentMut;

use super::run;

/// One of them.
#[derive(Debug)]
pub(super) struct BuiltIn {
    /// OpenCode's name for it.
    pub name: &'static str,
    /// The ends of the names of its files, without the dot before.
    pub extensions: &'static [&'static str],
    /// When it is used.
    pub when: When,
    /// The program and its arguments. `$FILE` is the file, `$EDITION` that of the Rust crate.
    pub command: &'static [&'static str],
    /// How it is given the text.
    pub how: How,
    /// Exit codes that are no failure, besides 0.
    pub also: &'static [i32],
}

/// When a formatter is used.
#[derive(Debug)]
pub(super) enum When {
    /// Where its program is there.
    There,
    /// Where one of these files is in a folder above.
    File(&'static [&'static str]),
    /// Where the nearest manifest of this name lists it; its program may be in the folder named last.
    Listed(&'static str, &'static str, &'static str),
    /// Where a Python project names Ruff.
    Ruff,
    /// Where no project names Ruff, and this call succeeds with these words in what it prints.
    Says(&'static [&'static str], &'static [&'static str]),
}

/// How a formatter is given a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// On standard input; it prints the result. `$FILE` is the name that the text has.
    Pipe,
    /// In a file, which it rewrites.
    File,
}

use How::{File, Pipe};

const JS: &[&str] = &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts"];
const WEB: &[&str] = &[
    "js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "html", "htm", "css", "scss", "sass", "less", "vue", "svelte", "json", "jsonc",
    "yaml", "yml", "toml", "xml", "md", "mdx", "graphql", "gql",
];
const C: &[&str] = &["c", "cc", "cpp", "cxx", "c++", "h", "hh", "hpp", "hxx", "h++", "ino", "C", "H"];
const RUBY: &[&str] = &["rb", "rake", "gemspec", "ru"];
const NODE: &str = "node_modules/.bin";

const fn entry(name: &'static str, extensions: &'static [&'static str], when: When, how: How, command: &'static [&'static str]) -> BuiltIn {
    BuiltIn { name, extensions, when, command, how, also: &[] }
}

/// All of them, in the order in which they are used on one file.
pub(super) const ALL: &[BuiltIn] = &[
    entry("gofmt", &["go"], When::There, Pipe, &["gofmt"]),
    entry(
        "mix",
        &["ex", "exs", "eex", "heex", "leex", "neex", "sface"],
        When::File(&["mix.exs"]),
        Pipe,
        &["mix", "format", "--stdin-filename", "$FILE", "-"],
    ),
    entry("prettier", WEB, When::Listed("package.json", "prettier", NODE), Pipe, &["prettier", "--stdin-filepath", "$FILE"]),
    entry("oxfmt", JS, When::Listed("package.json", "oxfmt", NODE), Pipe, &["oxfmt", "--stdin-filepath", "$FILE"]),
    entry("biome", WEB, When::File(&["biome.json", "biome.jsonc"]), Pipe, &["biome", "format", "--stdin-file-path", "$FILE"]),
    entry("zig", &["zig", "zon"], When::There, File, &["zig", "fmt", "$FILE"]),
    entry("clang-format", C, When::File(&[".clang-format"]), Pipe, &["clang-format", "--assume-filename", "$FILE"]),
    BuiltIn { also: &[1], ..entry("ktlint", &["kt", "kts"], When::There, File, &["ktlint", "-F", "$FILE"]) },
    entry("ruff", &["py", "pyi"], When::Ruff, Pipe, &["ruff", "format", "--stdin-filename", "$FILE", "-"]),
    entry("uv", &["py", "pyi"], When::Says(&["format", "--help"], &[]), File, &["uv", "format", "--", "$FILE"]),
    entry("air", &["R"], When::Says(&["--help"], &["R language", "formatter"]), File, &["air", "format", "$FILE"]),
    BuiltIn {
        also: &[1],
        ..entry("rubocop", RUBY, When::There, Pipe, &["rubocop", "--autocorrect", "--format", "quiet", "--stderr", "--stdin", "$FILE"])
    },
    BuiltIn {
        also: &[1],
        ..entry("standardrb", RUBY, When::There, Pipe, &["standardrb", "--fix", "--format", "quiet", "--stderr", "--stdin", "$FILE"])
    },
    entry("htmlbeautifier", &["erb", "html.erb"], When::There, Pipe, &["htmlbeautifier"]),
    entry("dart", &["dart"], When::There, File, &["dart", "format", "$FILE"]),
    entry("ocamlformat", &["ml", "mli"], When::File(&[".ocamlformat"]), Pipe, &["ocamlformat", "--name", "$FILE", "-"]),
    entry("terraform", &["tf", "tfvars"], When::There, Pipe, &["terraform", "fmt", "-"]),
    entry("latexindent", &["tex"], When::There, Pipe, &["latexindent", "-s", "-g=/dev/null", "-"]),
    entry("gleam", &["gleam"], When::There, Pipe, &["gleam", "format", "--stdin"]),
    entry("shfmt", &["sh", "bash"], When::There, Pipe, &["shfmt", "--filename", "$FILE"]),
    entry("nixfmt", &["nix"], When::There, File, &["nixfmt", "$FILE"]),
    entry("rustfmt", &["rs"], When::There, Pipe, &["rustfmt", "--quiet", "--emit", "stdout", "--edition", "$EDITION"]),
    entry("pint", &["php"], When::Listed("composer.json", "laravel/pint", "vendor/bin"), File, &["pint", "$FILE"]),
    entry("ormolu", &["hs"], When::There, Pipe, &["ormolu", "--stdin-input-file", "$FILE"]),
    entry("cljfmt", &["clj", "cljs", "cljc", "edn"], When::There, File, &["cljfmt", "fix", "--quiet", "$FILE"]),
    entry("dfmt", &["d"], When::There, Pipe, &["dfmt"]),
];

/// A program that fits a file's project, and where to start it.
pub(super) struct Found {
    /// The program.
    pub program: PathBuf,
    /// Where it finds its settings, if it does not look for them by the file's name.
    pub folder: PathBuf,
}

impl BuiltIn {
    /// The program, if the project that `folder` belongs to uses it. `root` is the project's top.
    pub async fn find(&self, folder: &Path, root: &Path, env: &Env) -> Option<Found> {
        let name = self.command[0];
        let here = |folder: &Path| folder.to_owned();
        let (program, folder) = match &self.when {
            When::There => (on_path(env, name)?, here(folder)),
            When::File(names) => {
                let holder = upwards(folder, root).find(|folder| names.iter().any(|name| folder.join(name).is_file()))?;
                (local(NODE, name, folder, root).or_else(|| on_path(env, name))?, holder.to_owned())
            }
            When::Listed(manifest, package, programs) => {
                let manifest = upwards(folder, root).map(|folder| folder.join(manifest)).find(|path| path.is_file())?;
                lists(&std::fs::read_to_string(manifest).ok()?, package).then_some(())?;
                (local(programs, name, folder, root).or_else(|| on_path(env, name))?, here(folder))
            }
            When::Ruff => {
                names_ruff(folder, root).then_some(())?;
                (on_path(env, name)?, here(folder))
            }
            When::Says(arguments, words) => {
                let program = on_path(env, name)?;
                (name != "uv" || on_path(env, "ruff").is_none() || !names_ruff(folder, root)).then_some(())?;
                let said = run::answer(&program, arguments, folder).await?;
                words.iter().all(|word| said.contains(word)).then_some(())?;
                (program, here(folder))
            }
        };
        Some(Found { program, folder })
    }
}

/// `from` and the folders above it, up to `root`.
fn upwards<'a>(from: &'a Path, root: &'a Path) -> impl Iterator<Item = &'a Path> {
    from.ancestors().take_while(move |folder| folder.starts_with(root))
}

fn local(programs: &str, name: &str, from: &Path, root: &Path) -> Option<PathBuf> {
    upwards(from, root).map(|folder| folder.join(programs).join(name)).find(|path| is_program(path))
}

fn on_path(env: &Env, name: &str) -> Option<PathBuf> {
    std::env::split_paths(env.get("PATH")?).map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether a `package.json` or `composer.json` lists a package.
fn lists(manifest: &str, package: &str) -> bool {
    let Ok(manifest) = serde_json::from_str::<serde_json::Value>(manifest) else { return false };
    ["dependencies", "devDependencies", "require", "require-dev"].iter().any(|key| manifest[key].get(package).is_some())
}

fn names_ruff(folder: &Path, root: &Path) -> bool {
    upwards(folder, root).any(|folder| {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        ["ruff.toml", ".ruff.toml"].iter().any(|name| folder.join(name).is_file())
            || ["requirements.txt", "pyproject.toml", "Pipfile"].iter().any(|name| read(name).contains("ruff"))
    })
}

/// The edition of the crate that a folder belongs to, as Cargo sees it; 2021 where there is no crate.
pub(super) fn edition(folder: &Path, root: &Path) -> String {
    let manifests = || upwards(folder, root).filter_map(|folder| std::fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().ok());
    let Some(nearest) = manifests().find(|manifest: &DocumentMut| manifest.contains_key("package")) else { return "2021".to_owned() };
    let own = nearest.get("package").and_then(|package| package.get("edition"));
    let inherited = |manifest: DocumentMut| Some(manifest.get("workspace")?.get("package")?.get("edition")?.as_str()?.to_owned());
    match own {
        None => "2015".to_owned(),
        Some(edition) => {
            edition.as_str().map(str::to_owned).or_else(|| manifests().find_map(inherited)).unwrap_or_else(|| "2021".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The formatters that are used for a file, in a project of these files, with these programs on the `PATH`.
    async fn used(files: &[(&str, &str)], programs: &[(&str, &str)], file: &str) -> Vec<&'static str> {
        let temp = tempfile::tempdir().expect("temp");
        let (root, bin) = (temp.path().join("p"), temp.path().join("bin"));
        let scripts = programs.iter().map(|(name, text)| (bin.join(name), *text));
        for (path, text) in files.iter().map(|(name, text)| (root.join(name), *text)).chain(scripts) {
            std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
            std::fs::write(&path, text).expect("write");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
        }
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        let env = Env::from_pairs([("PATH", bin.display().to_string())]);
        let mut out = Vec::new();
        for entry in ALL.iter().filter(|entry| super::super::is_for(file, entry.extensions.iter().copied())) {
            if entry.find(path.parent().expect("parent"), &root, &env).await.is_some() {
                out.push(entry.name);
            }
        }
        out
    }

    #[tokio::test]
    async fn where_which_is_used() {
        let check = async |files: &[(&str, &str)], programs: &[(&str, &str)], file: &str, expect: &[&str]| {
            assert_eq!(used(files, programs, file).await, expect, "{files:?} {programs:?} {file}");
        };
        check(&[], &[("gofmt", "")], "a.go", &["gofmt"]).await;
        check(&[], &[], "a.go", &[]).await;
        check(&[], &[("gofmt", "")], "a.rs", &[]).await;
        let listed = ("package.json", r#"{"devDependencies": {"prettier": "3"}}"#);
        check(&[listed, ("node_modules/.bin/prettier", "")], &[], "src/a.ts", &["prettier"]).await;
        check(&[listed], &[("prettier", "")], "a.ts", &["prettier"]).await;
        check(&[("package.json", "{}")], &[("prettier", "")], "a.ts", &[]).await;
        check(&[("package.json", "broken")], &[("prettier", "")], "a.ts", &[]).await;
        check(&[("biome.json", "{}")], &[("biome", "")], "deep/er/a.ts", &["biome"]).await;
        check(&[("deep/biome.json", "{}")], &[("biome", "")], "a.ts", &[]).await;
        check(&[(".clang-format", "")], &[("clang-format", "")], "a.C", &["clang-format"]).await;
        check(&[], &[("clang-format", "")], "a.c", &[]).await;
        check(&[("pyproject.toml", "[tool.ruff]")], &[("ruff", "")], "a.py", &["ruff"]).await;
        check(&[("requirements.txt", "ruff==1")], &[("ruff", "")], "a.py", &["ruff"]).await;
        check(&[("pyproject.toml", "[tool.black]")], &[("ruff", "")], "a.py", &[]).await;
        check(&[], &[("uv", "#!/bin/sh\ntest $1 = format")], "a.py", &["uv"]).await;
        check(&[], &[("uv", "#!/bin/sh\nexit 2")], "a.py", &[]).await;
        check(&[("ruff.toml", "")], &[("uv", "#!/bin/sh\n"), ("ruff", "")], "a.py", &["ruff"]).await;
        check(&[], &[("air", "#!/bin/sh\necho An R language formatter")], "a.R", &["air"]).await;
        check(&[], &[("air", "#!/bin/sh\necho live reload for Go")], "a.R", &[]).await;
        check(&[], &[("htmlbeautifier", "")], "a.html.erb", &["htmlbeautifier"]).await;
        let pint = ("composer.json", r#"{"require-dev": {"laravel/pint": "1"}}"#);
        check(&[pint, ("vendor/bin/pint", "")], &[], "app/a.php", &["pint"]).await;
    }

    #[test]
    fn editions() {
        let check = |files: &[(&str, &str)], expect: &str| {
            let temp = tempfile::tempdir().expect("temp");
            for (name, text) in files {
                let path = temp.path().join(name);
                std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
                std::fs::write(path, text).expect("write");
            }
            assert_eq!(edition(&temp.path().join("a/src"), temp.path()), expect, "{files:?}");
        };
        check(&[], "2021");
        check(&[("a/Cargo.toml", "[package]\nname = 'x'\nedition = \"2024\"")], "2024");
        check(&[("a/Cargo.toml", "[package]\nname = 'x'")], "2015");
        let top = ("Cargo.toml", "[workspace]\nmembers = []\n[workspace.package]\nedition = '2018'");
        check(&[("a/Cargo.toml", "[package]\nedition.workspace = true"), top], "2018");
        check(&[("a/Cargo.toml", "[broken"), top], "2021");
    }
}
