//! Where Interline keeps what it writes.
//!
//! **Invariant:** everything lies below `Dirs::data` or `Dirs::cache`, except `.interline/` in the project.

use std::path::{Path, PathBuf};

use config::{Dirs, Env};

/// Sessions, approvals and what was changed: one SQLite file. The engine opens it by the same name.
#[must_use]
pub fn database(dirs: &Dirs) -> PathBuf {
    dirs.data.join("interline.db")
}

/// What went wrong, and what was done about it.
#[must_use]
pub fn log_file(dirs: &Dirs) -> PathBuf {
    dirs.data.join("log").join("interline.log")
}

/// What `interline models check` found, one line of JSON a check.
#[must_use]
pub fn models_check(dirs: &Dirs) -> PathBuf {
    dirs.data.join("models-check.jsonl")
}

/// The program that a name on the `PATH` stands for.
#[must_use]
pub fn find_program(env: &Env, name: &str) -> Option<PathBuf> {
    std::env::split_paths(env.get("PATH")?)
        .map(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        .find(|path| is_program(path))
}

/// Whether this is a file that may be run.
#[cfg(unix)]
pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether this is a file that may be run.
#[cfg(not(unix))]
pub fn is_program(path: &Path) -> bool {
    path.is_file()
}
