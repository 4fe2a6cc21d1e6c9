//! Instruction files: `AGENTS.md` and its kin.
//!
//! Must not know how they are put to the model, nor fetch anything: URLs are handed out as they are.
//!
//! **Invariant:** a file is given once, and the order depends on nothing but the folders and the configuration. However much a pattern names, little is
//! walked and read, and what is left out is said in its place.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;

use crate::load::upwards;
use crate::{Config, Dirs, Env};

/// Most bytes of all texts together: they open every request.
const MOST_BYTES: usize = 1 << 20;
/// Most files that one pattern gives.
const MOST_FILES: usize = 100;
/// Most files and folders that are looked at for one pattern.
const MOST_WALKED: usize = 20_000;

/// A file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Absolute.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
}

/// What counts for the whole session: the user's own file (the first there is of Interline's, OpenCode's `AGENTS.md` and `~/.claude/CLAUDE.md`), the
/// project's (all of the first name of `AGENTS.md`, `CLAUDE.md`, `CONTEXT.md` that is found from `cwd` up to `root`), and the files that
/// `instructions` names. Empty files are left out.
#[must_use]
pub fn instructions(config: &Config, env: &Env, dirs: &Dirs, cwd: &Path, root: &Path) -> Vec<Instruction> {
    let claude = claude_counts(env);
    let mut found = Found::default();
    let mut global = vec![dirs.config.join("AGENTS.md"), dirs.opencode_config.join("AGENTS.md")];
    if claude {
        global.push(dirs.claude.join("CLAUDE.md"));
    }
    if let Some(path) = global.into_iter().find(|path| path.is_file()) {
        found.add(path);
    }
    let folders = upwards(cwd, root);
    for name in names(claude) {
        let files: Vec<PathBuf> = folders.iter().map(|folder| folder.join(name)).filter(|path| path.is_file()).collect();
        if !files.is_empty() {
            files.into_iter().for_each(|path| found.add(path));
            break;
        }
    }
    for entry in config.instructions.iter().filter(|entry| !is_url(entry)) {
        let path = dirs.expand(entry);
        if path.is_absolute() {
            found.add_matching(&path);
        } else {
            folders.iter().for_each(|folder| found.add_matching(&folder.join(&path)));
        }
    }
    found.files
}

/// Instruction files of the folders between `cwd` and `file` (below `cwd`, `cwd` itself not), the outermost first, without those in `already`.
#[must_use]
pub fn nested_instructions(file: &Path, cwd: &Path, env: &Env, already: &HashSet<PathBuf>) -> Vec<Instruction> {
    let Some(folder) = file.parent().filter(|folder| folder.starts_with(cwd) && *folder != cwd) else { return Vec::new() };
    let mut found = Found::default();
    let mut folders = upwards(folder, cwd);
    folders.pop();
    for folder in folders.into_iter().rev() {
        let first = names(claude_counts(env)).iter().map(|name| folder.join(name)).find(|path| path.is_file());
        if let Some(path) = first.filter(|path| !already.contains(path) && path != file) {
            found.add(path);
        }
    }
    found.files
}

#[derive(Default)]
struct Found {
    seen: HashSet<PathBuf>,
    files: Vec<Instruction>,
    bytes: usize,
}

impl Found {
    fn add(&mut self, path: PathBuf) {
        if let Ok(bytes) = beginning(&path)
            && self.seen.insert(path.clone())
        {
            // What nobody sees in it is for nobody.
            let mut text = proto::visible(&String::from_utf8_lossy(&bytes)).into_owned();
            if text.trim().is_empty() {
                return;
            }
            let left = MOST_BYTES - self.bytes;
            if text.len() > left {
                text.truncate(text.floor_char_boundary(left));
                text.push_str("\n(The rest is left out: all instructions together are too long.)");
                self.bytes = MOST_BYTES;
            } else {
                self.bytes += text.len();
            }
            self.files.push(Instruction { path, text });
        }
    }

    fn add_matching(&mut self, pattern: &Path) {
        let (files, is_all) = matching(pattern);
        for path in files {
            if self.bytes < MOST_BYTES {
                self.add(path);
            }
        }
        if !is_all {
            let text = format!("(Not all files of this pattern are here: at most {MOST_FILES} are read, and {MOST_WALKED} looked at.)");
            self.files.push(Instruction { path: pattern.to_owned(), text });
        }
    }
}

/// A file's bytes, as many as there may be room for. What is no file may keep its reader waiting.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    // One more than there is room for: what is cut is seen to be.
    fs::File::open(path)?.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn names(claude: bool) -> &'static [&'static str] {
    if claude { &["AGENTS.md", "CLAUDE.md", "CONTEXT.md"] } else { &["AGENTS.md", "CONTEXT.md"] }
}

fn claude_counts(env: &Env) -> bool {
    !env.flag("DISABLE_CLAUDE_CODE") && !env.flag("DISABLE_CLAUDE_CODE_PROMPT")
}

pub(crate) fn is_url(entry: &str) -> bool {
    entry.starts_with("http://") || entry.starts_with("https://")
}

/// The files that a path with wildcards names, sorted, and whether these are all. Only the folder before the first wildcard is walked.
fn matching(pattern: &Path) -> (Vec<PathBuf>, bool) {
    let is_wild = |component: &Component<'_>| component.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let base: PathBuf = pattern.components().take_while(|component| !is_wild(component)).collect();
    if base == pattern {
        return (if base.is_file() { vec![base] } else { Vec::new() }, true);
    }
    let rest = pattern.components().skip(base.components().count());
    let rest: Vec<String> = rest.map(|component| component.as_os_str().to_string_lossy().into_owned()).collect();
    let Ok(glob) = GlobBuilder::new(&rest.join("/")).literal_separator(true).build() else { return (Vec::new(), true) };
    let glob = glob.compile_matcher();
    let depth = if rest.iter().any(|part| part.contains("**")) { MAX_DEPTH } else { rest.len() };
    let (mut files, mut left) = (Vec::new(), MOST_WALKED);
    walk(&base, depth, &mut left, &mut |path| {
        if path.strip_prefix(&base).is_ok_and(|relative| glob.is_match(relative)) {
            files.push(path.to_path_buf());
        }
    });
    files.sort();
    let is_all = left > 0 && files.len() <= MOST_FILES;
    files.truncate(MOST_FILES);
    (files, is_all)
}

/// How many folders deep `**` looks.
const MAX_DEPTH: usize = 16;

fn walk(folder: &Path, depth: usize, left: &mut usize, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return;
        }
        let path = entry.path();
        // A link to a folder is not followed: it may lead back.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder {
            visit(&path);
        } else if depth > 1 && !matches!(entry.file_name().to_str(), Some(".git" | "node_modules" | "target")) {
            walk(&path, depth - 1, left, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self { folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn names(&self, found: &[Instruction]) -> Vec<String> {
            found.iter().map(|file| file.path.strip_prefix(self.folder.path()).unwrap().to_string_lossy().into_owned()).collect()
        }
    }

    fn check(files: &[&str], entries: &[&str], vars: &[(&str, &str)], expect: &[&str]) {
        let files: Vec<(&str, &str)> = files.iter().map(|name| (*name, "text")).collect();
        let place = Place::new(&files);
        let home = place.path("home").display().to_string();
        let env = Env::from_pairs(vars.iter().copied().chain([("HOME", home.as_str())]));
        let config = Config { instructions: entries.iter().map(|entry| (*entry).to_owned()).collect(), ..Config::default() };
        let found = instructions(&config, &env, &Dirs::from_env(&env), &place.path("p/sub"), &place.path("p"));
        assert_eq!(place.names(&found), expect, "{files:?} {entries:?}");
    }

    #[test]
    fn which_files_count() {
        check(&["p/AGENTS.md", "p/sub/AGENTS.md", "AGENTS.md", "p/sub/CLAUDE.md"], &[], &[], &["p/sub/AGENTS.md", "p/AGENTS.md"]);
        check(&["p/CLAUDE.md", "p/sub/CONTEXT.md"], &[], &[], &["p/CLAUDE.md"]);
        check(&["p/CLAUDE.md", "p/sub/CONTEXT.md"], &[], &[("OPENCODE_DISABLE_CLAUDE_CODE", "1")], &["p/sub/CONTEXT.md"]);
        #[cfg(all(unix, not(target_os = "macos")))]
        {
            check(&["home/.config/opencode/AGENTS.md", "home/.claude/CLAUDE.md"], &[], &[], &["home/.config/opencode/AGENTS.md"]);
            check(
                &["home/.config/opencode/AGENTS.md", "home/.config/interline/AGENTS.md"],
                &[],
                &[],
                &["home/.config/interline/AGENTS.md"],
            );
        }
        check(&["home/.claude/CLAUDE.md"], &[], &[], &["home/.claude/CLAUDE.md"]);
    }

    #[test]
    fn entries_of_the_configuration() {
        check(&["p/ONE.md", "p/sub/ONE.md"], &["ONE.md", "https://x.example/a.md", "ONE.md"], &[], &["p/sub/ONE.md", "p/ONE.md"]);
        check(&["p/docs/b.md", "p/docs/a.md", "p/docs/deep/c.md", "p/docs/x.txt"], &["docs/*.md"], &[], &["p/docs/a.md", "p/docs/b.md"]);
        check(&["p/docs/b.md", "p/docs/deep/c.md"], &["docs/**/*.md"], &[], &["p/docs/b.md", "p/docs/deep/c.md"]);
        check(&["home/rules/a.md", "home/rules/b.md"], &["~/rules/b*"], &[], &["home/rules/b.md"]);
        check(&[], &["missing.md"], &[], &[]);
    }

    #[test]
    fn nested_files_are_given_once() {
        let place =
            Place::new(&[("AGENTS.md", "r"), ("a/AGENTS.md", "a"), ("a/b/CLAUDE.md", "b"), ("a/b/x.rs", ""), ("a/c/CLAUDE.md", "c")]);
        let root = place.folder.path();
        let mut already = HashSet::new();
        let found = nested_instructions(&place.path("a/b/x.rs"), root, &Env::default(), &already);
        assert_eq!(place.names(&found), ["a/AGENTS.md", "a/b/CLAUDE.md"]);
        already.extend(found.into_iter().map(|file| file.path));
        assert_eq!(place.names(&nested_instructions(&place.path("a/c/y.rs"), root, &Env::default(), &already)), ["a/c/CLAUDE.md"]);
        assert!(nested_instructions(&place.path("x.rs"), root, &Env::default(), &already).is_empty());
        assert!(nested_instructions(Path::new("/elsewhere/x.rs"), root, &Env::default(), &already).is_empty());
    }

    #[test]
    fn what_a_pattern_may_give_is_bounded_and_what_is_left_out_is_said() {
        let names: Vec<String> = (0..=MOST_FILES).map(|n| format!("p/docs/{n:04}.md")).collect();
        let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "rule")).collect();
        let long = "ä".repeat(MOST_BYTES);
        files.push(("p/long.md", &long));
        files.push(("p/after.md", "after"));
        let place = Place::new(&files);
        let env = Env::from_pairs([("HOME", place.path("home").display().to_string())]);
        let of = |entries: &[&str]| {
            let config = Config { instructions: entries.iter().map(|entry| (*entry).to_owned()).collect(), ..Config::default() };
            instructions(&config, &env, &Dirs::from_env(&env), &place.path("p"), &place.path("p"))
        };
        let found = of(&["docs/*.md"]);
        assert_eq!((found.len(), found[MOST_FILES].path.clone()), (MOST_FILES + 1, place.path("p/docs/*.md")));
        assert!(found[MOST_FILES].text.contains("Not all files of this pattern"), "{:?}", found[MOST_FILES]);
        let found = of(&["long.md", "after.md"]);
        assert_eq!(found.len(), 1, "there is no room for another");
        assert!(found[0].text.len() < MOST_BYTES + 100 && found[0].text.ends_with("too long.)"), "{}", found[0].text.len());
    }
}
