//! Helix, from the packages of the Debian release that ships it (25.01: trixie), with that release's own libc beside it.
//!
//! **Invariant:** the machine's own packages are not touched, and programs that Helix starts inherit nothing of this.

use std::path::{Path, PathBuf};

use crate::packages::{debian, executable, fresh};
use crate::run::Result;

const SUITE: &str = "trixie";
const PACKAGE: &str = "hx";

/// Unpacks it below `home` and returns a script that starts it.
pub fn install(home: &Path) -> Result<PathBuf> {
    install_from(SUITE, home)
}

/// The same, of another release of Debian.
pub fn install_from(suite: &str, home: &Path) -> Result<PathBuf> {
    let folder = home.join("helix");
    debian::unpack(suite, &[PACKAGE], fresh(&folder)?)?;
    debian::use_own_libraries(&folder, "usr/lib/hx/hx")?;
    let script = folder.join("hx");
    let runtime = folder.join("usr/lib/hx/runtime");
    let program = folder.join("usr/lib/hx/hx");
    std::fs::write(&script, format!("#!/bin/sh\nHELIX_RUNTIME='{}' exec '{}' \"$@\"\n", runtime.display(), program.display()))?;
    executable(&script)?;
    Ok(script)
}
