//! Real, unmodified editors for the tests, in `.editors` (ignored by git): `.editors/bin/nvim`, `.editors/bin/hx`, `.editors/bin/code-server`.
//!
//! Owns what is installed and how it is checked. Must not know the tests that use it.
//!
//! **Invariant:** after [`install`] returns the programs start and have the version that the tests were written for.

mod helix;
mod neovim;
pub mod others;
mod vscode;

use std::path::{Path, PathBuf};

use crate::packages::node::Node;
use crate::packages::replace;
use crate::run::{Result, command, on_path, output, root, say, step};

/// Installs what is missing; quick when all is there.
pub fn install() -> Result {
    step("editors", || {
        let home = root().join(".editors");
        std::fs::create_dir_all(home.join("bin"))?;
        editor(&home, "nvim", "NVIM v0.11", neovim::install)?;
        editor(&home, "hx", "helix 25.", helix::install)?;
        editor(&home, "node", "v2", |home| Ok(Node::find(home)?.program))?;
        editor(&home, "code-server", vscode::VERSION, vscode::install)?;
        editor(&home, "chromium", "Chromium ", vscode::install_browser)
    })
}

/// Puts `program` into `home/bin`: what was installed before, else what `install` brings, else the user's own one.
fn editor(home: &Path, program: &str, version: &str, install: impl Fn(&Path) -> Result<PathBuf>) -> Result {
    let link = home.join("bin").join(program);
    if let Ok(found) = check(&link, version) {
        say(&format!("   {found} is installed"));
        return Ok(());
    }
    let reason = match install(home).and_then(|path| check(&path, version).map(|found| (path, found))) {
        Ok((path, found)) => {
            replace(&link, &path)?;
            say(&format!("   {found} installed in .editors"));
            return Ok(());
        }
        Err(reason) => reason,
    };
    if let Some(path) = on_path(program)
        && let Ok(found) = check(&path, version)
    {
        say(&format!("   {found} of this machine is used, because installing failed: {reason}"));
        return replace(&link, &path);
    }
    Err(format!(
        "could not install {version}: {reason}\nPut a program `{program}` of that version on the PATH, or use `cargo xtask test --fast`."
    )
    .into())
}

fn check(path: &Path, version: &str) -> Result<String> {
    let text = output(command(path, ["--version"]))?;
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with(version) { Ok(first.to_owned()) } else { Err(format!("{} is {first}", path.display()).into()) }
}
