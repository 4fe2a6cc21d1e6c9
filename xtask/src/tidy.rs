//! The repository's own rules, as a check.
//!
//! Must not know what is in the files beyond their text.
//!
//! **Invariant:** it looks at every file that git has or would take, and names file, line and rule for each slip.

mod protocol;

use std::fs;

use crate::run::{Result, command, output, root, say, step};

/// Lines that a Rust file may have at most.
const LONGEST: usize = 800;
/// Bytes of the largest system prompt, of what all system prompts end with, and of all tool prompts together: they open every request to a model.
const PROMPTS: usize = 12_000;
/// The end of each family's system prompt.
const COMMON: &str = "prompts/system/common.md";
/// Where end-to-end tests are listed; cargo finds none of them by itself.
const TESTS: &str = "tests/Cargo.toml";

/// Looks at all files.
pub fn check() -> Result {
    step("repository rules", || {
        let listed = output(command("git", ["ls-files", "--cached", "--others", "--exclude-standard"]))
            .map_err(|error| format!("{error}\n(the rules are checked over the files that git lists)"))?;
        let manifest = fs::read_to_string(root().join(TESTS))?;
        let mut slips = Vec::new();
        let (mut prompts, mut names) = (Vec::new(), protocol::Names::default());
        for name in listed.lines() {
            // A file may be deleted and not yet committed so; and what is not text has no lines.
            let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
            slips.extend(slips_in(name, &text));
            slips.extend(forgotten(name, &manifest));
            names.add(name, &text);
            if name.starts_with("prompts/") {
                prompts.push((name.to_owned(), text.len()));
            }
        }
        slips.extend(too_long(&prompts));
        slips.extend(names.slips());
        if slips.is_empty() {
            return Ok(());
        }
        slips.iter().for_each(|slip| say(&format!("   {slip}")));
        Err(format!("{} slips", slips.len()).into())
    })
}

fn slips_in(name: &str, text: &str) -> Vec<String> {
    let mut slips = Vec::new();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if ends(&[".rs"]) {
        if !text.starts_with("//!") {
            slips.push(format!("{name}:1: a Rust file starts with `//!`: what it owns, what it must not know, its invariant"));
        }
        if ends(&["/src/lib.rs", "/src/main.rs"]) && !head(text).contains("**Invariant:**") {
            slips.push(format!("{name}:1: a crate's head names its **Invariant:**"));
        }
        if text.lines().count() > LONGEST {
            slips.push(format!("{name}: longer than {LONGEST} lines: split it by what it does"));
        }
        if ends(&["/mod.rs"]) {
            slips.push(format!("{name}: `foo.rs` beside `foo/`, not `foo/mod.rs`"));
        }
    }
    let written = ends(&[".rs", ".toml", ".md", ".sh", ".lua", ".json", ".jsonc"]);
    for (number, line) in (1..).zip(text.lines()) {
        if written && line.ends_with([' ', '\t']) {
            slips.push(format!("{name}:{number}: blanks at the end of the line"));
        }
        // The lock file is cargo's own.
        if name != "Cargo.lock" && hosts().iter().any(|host| line.contains(host.as_str())) {
            slips.push(format!("{name}:{number}: names a package registry's host; leave that to the machine's settings"));
        }
    }
    if written && !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        slips.push(format!("{name}: ends with exactly one line break"));
    }
    slips
}

/// A test file that is not listed would never run.
fn forgotten(name: &str, manifest: &str) -> Option<String> {
    let file = name.strip_prefix("tests/").filter(|file| file.ends_with(".rs") && !file.contains('/'))?;
    let listed = manifest.contains(&format!("path = \"{file}\""));
    (!listed).then(|| format!("{name}: not named in {TESTS}, so it would never run"))
}

fn head(text: &str) -> String {
    text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n")
}

fn too_long(prompts: &[(String, usize)]) -> Option<String> {
    let sizes = |folder: &'static str| prompts.iter().filter(move |(name, _)| name.starts_with(folder)).map(|(_, size)| *size);
    let common = sizes(COMMON).sum::<usize>();
    let sum = sizes("prompts/tools/").sum::<usize>() + sizes("prompts/system/").max().unwrap_or(0) + common;
    (sum > PROMPTS).then(|| {
        format!("prompts: the largest system prompt, what all share, and the tools' are {sum} bytes together, {PROMPTS} are allowed")
    })
}

/// Hosts of package registries, spelt so that this file may exist.
fn hosts() -> Vec<String> {
    let parts = [
        ("pypi", "org"),
        ("files.pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("deb.debian", "org"),
        ("index.crates", "io"),
        ("static.crates", "io"),
    ];
    parts.iter().map(|(name, top)| format!("{name}.{top}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_slip() {
        fn check(name: &str, text: &str, expect: &[&str]) {
            let found = slips_in(name, text);
            assert_eq!(found.len(), expect.len(), "{name}: {found:?}");
            for (found, expect) in found.iter().zip(expect) {
                assert!(found.contains(expect), "{found} lacks {expect}");
            }
        }
        check("a/src/x.rs", "//! Fine.\n", &[]);
        check("a/src/x.rs", "fn f() {}\n", &["starts with `//!`"]);
        check("a/src/lib.rs", "//! Owns.\n", &["Invariant"]);
        check("a/src/lib.rs", "//! Owns.\n//! **Invariant:** holds.\n", &[]);
        check("a/src/x.rs", &format!("//! Long.\n{}", "\n".repeat(800).replace('\n', "//\n")), &["longer than 800"]);
        check("a/mod.rs", "//! Fine.\n", &["not `foo/mod.rs`"]);
        check("a.md", "one \ntwo\t\n", &["a.md:1: blanks", "a.md:2: blanks"]);
        check("a.snap", "one \n", &[]);
        check("a.md", "one", &["exactly one line break"]);
        check("a.md", "one\n\n", &["exactly one line break"]);
        check("a.md", "", &[]);
        check("a.txt", &format!("see https://{}/x\n", hosts()[0]), &["a.txt:1: names a package registry"]);
        check("Cargo.lock", &format!("see https://{}/x\n", hosts()[4]), &[]);
    }

    #[test]
    fn a_forgotten_test_is_found() {
        let manifest = "[[test]]\nname = \"lsp_undo\"\npath = \"lsp_undo.rs\"\n";
        assert_eq!(forgotten("tests/lsp_undo.rs", manifest), None);
        assert_eq!(forgotten("tests/support/lib.rs", manifest), None);
        assert!(forgotten("tests/lsp_redo.rs", manifest).is_some_and(|slip| slip.contains("never run")));
    }

    #[test]
    fn prompts_have_a_budget() {
        let prompts = |tools: usize| {
            vec![
                ("prompts/tools/a.md".to_owned(), tools),
                ("prompts/system/a.md".to_owned(), 4_000),
                ("prompts/system/b.md".to_owned(), 5_000),
                (COMMON.to_owned(), 1_000),
            ]
        };
        assert_eq!(too_long(&prompts(6_000)), None);
        assert!(too_long(&prompts(6_001)).is_some_and(|slip| slip.contains("12001")));
    }
}
