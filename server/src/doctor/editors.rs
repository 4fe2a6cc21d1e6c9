//! Which editors are here, and whether each starts Interline.
//!
//! **Invariant:** an editor that is not here stands in nobody's way; one whose files are broken is told with the place.

use std::fs;
use std::path::{Path, PathBuf};

use config::{Dirs, Env};

use super::{Report, first_line};
use crate::paths;
use crate::setup::{self, Editor, helix};

/// Where VS Code and its relatives keep extensions, below the home folder.
const EXTENSIONS: &[(&str, &str)] =
    &[("code", ".vscode/extensions"), ("codium", ".vscode-oss/extensions"), ("code-server", ".local/share/code-server/extensions")];
/// What the extension is built with.
const NODE: u32 = 20;

/// Reports each editor that is found.
pub(super) fn report(env: &Env, dirs: &Dirs, report: &mut Report) {
    for (name, program) in [("Neovim", "nvim"), ("Helix", "hx"), ("Helix", "helix")] {
        let Some((path, version)) = found(env, name, program, report) else { continue };
        if name == "Neovim" {
            neovim(env, dirs, &version, report);
        } else {
            self::helix(env, dirs, &path, &version, report);
        }
    }
    for (program, extensions) in EXTENSIONS {
        if found(env, "VS Code", program, report).is_some() {
            vscode(env, program, &dirs.home.join(extensions), report);
        }
    }
    if report.last != "editor" {
        report.row("editor", "none of nvim, hx, code, codium and code-server is on the PATH (`interline run` needs none)");
    }
}

/// The editor, if it is on the PATH, and its version.
fn found(env: &Env, name: &str, program: &str, report: &mut Report) -> Option<(PathBuf, String)> {
    let path = paths::find_program(env, program)?;
    let version = first_line(&path, "--version").map_or_else(|| "does not tell its version".to_owned(), |line| line.trim().to_owned());
    report.row("editor", format!("{name}: {version} ({})", path.display()));
    Some((path, version))
}

fn neovim(env: &Env, dirs: &Dirs, version: &str, report: &mut Report) {
    let Some(file) = setup::file(Editor::Neovim, env, dirs) else { return };
    if let Ok(text) = fs::read_to_string(&file) {
        let command = text.split_once("cmd = { '").and_then(|(_, rest)| rest.split_once('\'')).map(|(command, _)| command);
        started(env, &file, command, report);
    } else if let Some(own) = speaks_of_us(&file) {
        report.row(
            "editor",
            format!("  {} speaks of Interline; `:checkhealth interline` or `:checkhealth vim.lsp` says more", own.display()),
        );
    } else {
        report.row("editor", format!("  nothing about Interline in {} (`interline setup neovim` puts it there)", file.display()));
    }
    if minor(version).is_some_and(|minor| minor < 10) {
        report.row("editor", "  this Neovim is too old: Interline needs 0.10 or newer");
    }
}

/// The user's own file beside `plugin/interline.lua`, if it has Interline in it.
fn speaks_of_us(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?.parent()?;
    let own = ["init.lua", "init.vim"].map(|name| folder.join(name));
    own.into_iter().find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("interline")))
}

/// The number behind the first dot of `NVIM v0.11.4`, where the one before it is 0.
fn minor(version: &str) -> Option<u32> {
    version.split_once("v0.")?.1.split('.').next()?.parse().ok()
}

/// The year and month of `helix 25.01.1 (e7ac2fcd)`.
fn month(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("helix ")?.split(['.', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn helix(env: &Env, dirs: &Dirs, program: &Path, version: &str, report: &mut Report) {
    let Some(file) = setup::file(Editor::Helix, env, dirs) else { return };
    let config = file.with_file_name("config.toml");
    let text = |file: &Path| fs::read_to_string(file).unwrap_or_default();
    match helix::starts(&text(&file)) {
        Err(why) => report.bad("editor", format!("{}:{why}; Helix starts no language server of yours until it is mended", file.display())),
        Ok(None) => {
            report.row("editor", format!("  nothing about Interline in {} (`interline setup helix` puts it there)", file.display()))
        }
        Ok(Some(command)) => {
            started(env, &file, Some(&command), report);
            report.row("editor", format!("  `{} --health LANGUAGE` says what it makes of it", program.display()));
        }
    }
    if let Err(why) = helix::starts(&text(&config)) {
        report.bad("editor", format!("{}:{why}", config.display()));
    }
    if month(version).is_some_and(|month| month < (25, 1)) {
        report.row("editor", "  Interline is tested with Helix 25.01 and newer; this one is older");
    }
}

fn vscode(env: &Env, program: &str, extensions: &Path, report: &mut Report) {
    let is_ours = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("interline.interline-");
    if fs::read_dir(extensions).is_ok_and(|mut listed| listed.by_ref().flatten().any(is_ours)) {
        return report.row("editor", format!("  its extension is installed in {}", extensions.display()));
    }
    report.row("editor", format!("  its extension is not installed where {program} looks by itself (`interline setup vscode` says how)"));
    let node = paths::find_program(env, "node").and_then(|node| first_line(&node, "--version"));
    match node.as_deref().map(str::trim) {
        None => report.row("editor", format!("  Node.js {NODE} or newer is needed once, to build it; none is on the PATH")),
        Some(version) if version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok()).is_none_or(|n: u32| n < NODE) => {
            report.row("editor", format!("  Node.js {NODE} or newer is needed once, to build it; on the PATH is {version}"));
        }
        Some(_) => {}
    }
}

/// Whether what a file starts Interline by is there.
fn started(env: &Env, file: &Path, command: Option<&str>, report: &mut Report) {
    let is_there = command.is_none_or(|command| Path::new(command).is_file() || paths::find_program(env, command).is_some());
    match command.filter(|_| !is_there) {
        None => report.row("editor", format!("  starts Interline by {}", file.display())),
        Some(command) if Path::new(command).components().count() == 1 => {
            let how = "`cargo install --path server` puts it into ~/.cargo/bin, which has to be on your editor's PATH";
            report.bad("editor", format!("{} starts `{command}`, which is not on the PATH; {how}", file.display()));
        }
        Some(command) => report.bad("editor", format!("{} starts `{command}`, which is not there", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_neovim() {
        assert_eq!(minor("NVIM v0.9.5"), Some(9));
        assert_eq!(minor("NVIM v0.12.0-dev"), Some(12));
        assert_eq!(minor("NVIM v1.0"), None);
        assert_eq!(minor("nonsense"), None);
    }

    #[test]
    fn versions_of_helix() {
        assert_eq!(month("helix 25.01.1 (e7ac2fcd)"), Some((25, 1)));
        assert_eq!(month("helix 23.10 (abc)"), Some((23, 10)));
        assert_eq!(month("helix 25.07"), Some((25, 7)));
        assert_eq!(month("nonsense"), None);
    }
}
