//! Servers that are packages of npm.
//!
//! **Invariant:** each is started with the Node.js that it was installed with.

use std::path::{Path, PathBuf};

use super::script;
use crate::packages::node::Node;
use crate::run::Result;

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
    let node = Node::find(folder)?;
    node.install(folder, packages)?;
    let main = folder.join("node_modules/.bin").join(program).canonicalize()?;
    script(&folder.join(program), &[], &format!("'{}' '{}'", node.program.display(), main.display()))
}
