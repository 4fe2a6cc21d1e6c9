//! Programs that a configuration folder brings: tools of the user's own.
//!
//! Must not know what they do: nothing is run here, nor read but the first bytes.
//!
//! **Invariant:** what is no executable is no tool; what was meant as one is told, once a folder.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::{Problem, Severity};

/// A tool that is an executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolFile {
    /// Its name: the file's, without what follows the first dot.
    pub name: String,
    /// The executable, absolute.
    pub path: PathBuf,
    /// The project brings it: it may come from anybody.
    pub project: bool,
}

/// Where they are in a folder.
const FOLDERS: [&str; 2] = ["tool", "tools"];
/// Where OpenCode's plugins are.
const PLUGINS: [&str; 2] = ["plugin", "plugins"];
/// The longest name that all providers take.
const LONGEST_NAME: usize = 64;

/// The tools of a configuration folder, sorted, and what is wrong with them.
pub(crate) fn find(folder: &Path, project: bool) -> (Vec<ToolFile>, Vec<Problem>) {
    let (mut tools, mut problems) = (Vec::new(), Vec::new());
    let mut warn = |file: PathBuf, message: String| {
        problems.push(Problem { file, line: 1, column: 1, message, severity: Severity::Warning });
    };
    for name in FOLDERS {
        let base = folder.join(name);
        let (mut scripts, mut plain) = (Vec::new(), Vec::new());
        for path in files(&base) {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if is_executable(&path) {
                match name_of(&file) {
                    Some(name) => tools.push(ToolFile { name, path, project }),
                    None => warn(path, "a tool's name is letters, digits, `_` and `-`, 64 at most; it is left out".to_owned()),
                }
            } else if is_javascript(&file) {
                scripts.push(file);
            } else if begins_with_a_shebang(&path) {
                plain.push(file);
            }
        }
        if !scripts.is_empty() {
            let message = format!(
                "{}: tools in JavaScript for OpenCode need its runtime and are not run: a tool here is an executable in any language that takes JSON \
                 (docs/extending.md shows how to wrap one)",
                scripts.join(", ")
            );
            warn(base.clone(), message);
        }
        if !plain.is_empty() {
            warn(base, format!("{}: not executable, and so no tool (`chmod +x`)", plain.join(", ")));
        }
    }
    for name in PLUGINS {
        let base = folder.join(name);
        let names: Vec<String> = files(&base).iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
        let names: Vec<String> = names.into_iter().filter(|name| is_javascript(name)).collect();
        if !names.is_empty() {
            let message =
                format!("{}: plugins for OpenCode are not run: `hooks` run programs on events (docs/extending.md)", names.join(", "));
            warn(base, message);
        }
    }
    (tools, problems)
}

/// The plain files of a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}

fn name_of(file: &str) -> Option<String> {
    let name = file.split('.').next().unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (!name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fits)).then(|| name.to_owned())
}

fn is_javascript(file: &str) -> bool {
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    matches!(extension, "ts" | "tsx" | "js" | "jsx" | "mjs" | "cjs" | "mts" | "cts") && !file.ends_with(".d.ts")
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "exe")
}

fn begins_with_a_shebang(path: &Path) -> bool {
    let mut start = [0; 2];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!"
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn which_files_are_tools() {
        let temp = tempfile::tempdir().unwrap();
        for (name, mode) in [
            ("tool/count.py", 0o755),
            ("tools/two", 0o755),
            ("tools/bad name.sh", 0o755),
            ("tool/github.ts", 0o644),
            ("tool/types.d.ts", 0o644),
            ("tool/forgotten.sh", 0o644),
            ("tool/README.md", 0o644),
            ("plugin/notify.js", 0o644),
            ("plugin/view.tsx", 0o644),
        ] {
            let path = temp.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, if name.ends_with("md") || name.ends_with(".d.ts") { "words" } else { "#!/bin/sh\n" }).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let (tools, problems) = find(temp.path(), true);
        assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["count", "two"]);
        assert!(tools.iter().all(|tool| tool.project));
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:#?}");
        for (at, word) in
            ["github.ts: tools in JavaScript", "forgotten.sh: not executable", "a tool's name", "notify.js, view.tsx: plugins"]
                .iter()
                .enumerate()
        {
            assert!(told[at].contains(word), "{told:#?}");
        }
    }
}
