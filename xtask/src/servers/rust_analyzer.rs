//! rust-analyzer and the sources of the standard library that it needs, from Debian's packages.
//!
//! **Invariant:** cargo and rustc are the machine's own. (rustup's rust-analyzer is only a stand-in where the component is not installed.)

use std::path::{Path, PathBuf};

use crate::packages::debian;
use crate::run::Result;

const SUITE: &str = "trixie";

/// Unpacks both and returns the program. The sources are linked at `.servers/rust-src`.
pub fn install(folder: &Path) -> Result<PathBuf> {
    debian::unpack(SUITE, &["rust-analyzer", "rust-src"], folder)?;
    debian::use_own_libraries(folder, "usr/bin/rust-analyzer")?;
    let mut sources = None;
    for entry in std::fs::read_dir(folder.join("usr/src"))? {
        let path = entry?.path();
        if path.join("library").is_dir() {
            sources = Some(path);
        }
    }
    let sources = sources.ok_or("the packages hold no sources of the standard library")?;
    for entry in std::fs::read_dir(&sources)? {
        let path = entry?.path();
        // The compiler's own sources are large and of no use here.
        if path.is_dir() && !path.ends_with("library") {
            std::fs::remove_dir_all(path)?;
        }
    }
    let home = folder.parent().ok_or("a folder without a parent")?;
    crate::packages::replace(&home.join("rust-src"), &sources.join("library"))?;
    Ok(folder.join("usr/bin/rust-analyzer"))
}
