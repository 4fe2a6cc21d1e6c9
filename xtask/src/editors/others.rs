//! Editors of other versions than the ordinary run's, for the wide one: each in a folder of its own below `.editors/others`.
//!
//! Must not know what their tests say.
//!
//! **Invariant:** the ordinary run's editors are not touched; one that cannot be had is named with the reason, never taken for tested.

use std::path::{Path, PathBuf};

use super::{check, helix, neovim, vscode};
use crate::packages::replace;
use crate::run::{Result, root};

/// An editor of another version.
pub struct Other {
    /// What it is called.
    pub name: &'static str,
    program: &'static str,
    /// How what it says of itself begins.
    version: &'static str,
    install: fn(&Path) -> Result<PathBuf>,
    /// Its tests, for the test runner.
    pub tests: &'static str,
    /// The columns of the matrix that they prove.
    pub columns: &'static [&'static str],
}

/// All of them. Debian's unstable release has the newest Neovim and Helix.
pub const OTHERS: &[Other] = &[
    Other {
        name: "neovim-0.10",
        program: "nvim",
        version: "NVIM v0.10",
        install: |home| neovim::install_from("trixie", home),
        // Without a plugin it takes 0.11.
        tests: "test(/^real_neovim_(matrix|plugin)/) | test(=real_neovim_loses_no_keystroke)",
        columns: &["neovim"],
    },
    Other {
        name: "neovim-newest",
        program: "nvim",
        version: "NVIM v",
        install: |home| neovim::install_from("sid", home),
        tests: "test(/^real_neovim_/) - test(_screens)",
        columns: &["neovim", "neovim-stock"],
    },
    Other {
        name: "helix-newest",
        program: "hx",
        version: "helix ",
        install: |home| helix::install_from("sid", home),
        tests: "test(/^real_helix_/) - test(_screens)",
        columns: &["helix"],
    },
    Other {
        name: "vscode-newest",
        program: "code-server",
        version: "4.",
        install: vscode::install_newest,
        tests: "test(/^real_vscode_/)",
        columns: &["vscode"],
    },
];

impl Other {
    /// Installs it where it is not; its folder of programs, and what it says of itself.
    pub fn install(&self) -> Result<(PathBuf, String)> {
        let home = root().join(".editors/others").join(self.name);
        let bin = home.join("bin");
        let link = bin.join(self.program);
        if let Ok(found) = check(&link, self.version) {
            return Ok((bin, found));
        }
        std::fs::create_dir_all(&bin)?;
        let path = (self.install)(&home)?;
        let found = check(&path, self.version)?;
        replace(&link, &path)?;
        Ok((bin, found))
    }
}
