//! gopls and the Go that it needs, from Debian's packages.
//!
//! **Invariant:** the machine's own Go, if there is one, is neither used nor changed.

use std::path::{Path, PathBuf};

use super::script;
use crate::packages::debian;
use crate::run::Result;

const SUITE: &str = "trixie";

/// Unpacks both and returns a script that starts gopls.
pub fn install(folder: &Path) -> Result<PathBuf> {
    debian::unpack(SUITE, &["gopls", "golang-go"], folder)?;
    debian::use_own_libraries(folder, "usr/bin/gopls")?;
    let lib = folder.join("usr/lib");
    let mut versions: Vec<PathBuf> = std::fs::read_dir(&lib)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("go-")));
    let go = versions.pop().ok_or("the packages hold no Go")?;
    own_links(&go, folder)?;
    let exports = [
        ("PATH", format!("{}:$PATH", go.join("bin").display())),
        ("GOROOT", go.display().to_string()),
        ("GOTOOLCHAIN", "local".to_owned()),
        ("GOFLAGS", "-mod=mod".to_owned()),
    ];
    script(&folder.join("gopls"), &exports, &format!("'{}'", folder.join("usr/bin/gopls").display()))
}

/// Debian keeps parts of Go below /usr/share, behind absolute links: they are led into our folder.
fn own_links(go: &Path, root: &Path) -> Result {
    let mut open = vec![go.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let meta = path.symlink_metadata()?;
            if meta.is_dir() {
                open.push(path);
            } else if meta.is_symlink() {
                let target = std::fs::read_link(&path)?;
                let inside = target.strip_prefix("/").ok().map(|inside| root.join(inside)).filter(|inside| inside.exists());
                if let Some(inside) = inside {
                    crate::packages::replace(&path, &inside)?;
                }
            }
        }
    }
    Ok(())
}
