//! A project, a home and a real editor on it: what the tests with Neovim and Helix share.
//!
//! Must not know the scenarios, nor configure an editor beyond what the README tells a user to do.
//!
//! **Invariant:** an editor sees nothing of the machine's own configuration: home, configuration, state and temporary
//! files all lie in one temporary folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::terminal::{DOWN, ENTER, Terminal};

/// Folders for one test, and the environment that points to them.
pub struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// An empty project and home.
    ///
    /// # Panics
    /// If the temporary folder cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for name in ["home", "project", "tmp"] {
            fs::create_dir(desk.at(name)).expect("a folder");
        }
        desk
    }

    /// A path below the test's folder: `project/…`, `home/.config/…`.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        // The path without symbolic links, as an editor shows it.
        self.folder.path().canonicalize().expect("the folder").join(name)
    }

    /// Writes a file below the test's folder, with the folders above it.
    ///
    /// # Panics
    /// If that fails.
    pub fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).and_then(|()| fs::write(&path, text)).expect("writes the file");
        self
    }

    /// The text of a file below the test's folder.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The environment of a person who works here: `interline` is found on the PATH.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let own = binary().parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let at = |name: &str| self.at(name).display().to_string();
        [
            ("PATH", format!("{own}:{path}")),
            ("HOME", at("home")),
            ("XDG_CONFIG_HOME", at("home/.config")),
            ("XDG_DATA_HOME", at("home/.local/share")),
            ("XDG_STATE_HOME", at("home/.local/state")),
            ("XDG_CACHE_HOME", at("home/.cache")),
            ("TMPDIR", at("tmp")),
            ("LANG", "C.UTF-8".to_owned()),
            ("SHELL", "/bin/bash".to_owned()),
            ("INTERLINE_CONFIG", at("interline.json")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Opens a file of the project in an editor that `cargo xtask editors` has installed.
    ///
    /// # Panics
    /// If the editor is not installed.
    #[must_use]
    pub fn open(&self, editor: &str, args: &[&str]) -> Terminal {
        Terminal::start(&installed(editor), args, &self.at("project"), &self.environment())
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// The debug binary that the tests are about.
///
/// # Panics
/// If it has not been built.
#[must_use]
pub fn binary() -> PathBuf {
    let me = std::env::current_exe().expect("the test's own path");
    // target/debug/deps/TEST
    let folder = me.parent().and_then(Path::parent).expect("the build's folder");
    let path = folder.join("interline");
    assert!(path.is_file(), "{} is not there: run `cargo build` first, or `cargo xtask test`, which does", path.display());
    path
}

/// Picks a code action in Neovim: a numbered list that waits for a number. `keys` open it.
///
/// # Panics
/// If the list does not come up with an entry that holds `title`.
pub fn pick_in_neovim(nvim: &Terminal, keys: &str, title: &str) {
    let number = |line: String| {
        line.split_once(": ").filter(|(_, entry)| entry.contains(title)).and_then(|(number, _)| number.trim().parse::<u32>().ok())
    };
    nvim.keys(keys).wait_for(&format!("{title:?} in the list"), |screen| {
        screen.has("Type number") && screen.lines().any(|line| number(line).is_some())
    });
    let number = nvim.look(|screen| screen.lines().find_map(number)).expect("the entry that was just seen");
    nvim.keys(&format!("{number}{ENTER}")).wait_gone("Type number");
}

/// Picks a code action in Helix: a menu with a marked entry. `keys` open it.
///
/// # Panics
/// If the menu does not come up with an entry that holds `title`.
pub fn pick_in_helix(hx: &Terminal, keys: &str, title: &str) {
    hx.keys(keys).wait_text(title);
    // The menu has a marked entry from its first key on; each Down moves the mark by one.
    let mut marked = None;
    while !hx.look(|screen| screen.is_marked(title)) {
        hx.keys(DOWN).wait_for(&format!("the mark to move to {title:?}"), |screen| screen.marked().is_some_and(|row| Some(row) != marked));
        marked = hx.look(|screen| screen.marked());
    }
    hx.keys(ENTER);
}

fn installed(editor: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(".editors").join("bin").join(editor);
    assert!(path.exists(), "{} is not there: run `cargo xtask editors` first, or `cargo xtask test`, which does", path.display());
    path
}
