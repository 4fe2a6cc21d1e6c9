//! Servers that are packages of PyPI, each in a virtual environment of its own.

use std::path::{Path, PathBuf};

use crate::run::{Result, command, output, run};

/// An MCP server that fetches pages.
pub fn mcp_fetch(folder: &Path) -> Result<PathBuf> {
    let home = folder.join("venv");
    let mut venv = command("python3", ["-m", "venv"]);
    venv.arg(&home);
    output(venv).map_err(|error| format!("{error}\n(needs python3 with venv: on Debian `apt-get install python3-venv`)"))?;
    run(command(home.join("bin/python"), ["-m", "pip", "install", "--quiet", "mcp-server-fetch"]))?;
    Ok(home.join("bin/mcp-server-fetch"))
}
