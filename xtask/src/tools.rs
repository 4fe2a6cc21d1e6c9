//! The cargo subcommands that the work needs, installed into `target/tools` where the machine has none.
//!
//! Must not know what they are used for.
//!
//! **Invariant:** what the machine has is used as it is; nothing outside the checkout is changed.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::run::{Result, cargo, on_path, root, say};

/// A cargo subcommand, as its package installs it.
#[derive(Clone, Copy)]
pub struct Tool {
    name: &'static str,
    /// Arguments of `cargo install` besides the name.
    args: &'static [&'static str],
}

/// The test runner.
pub const NEXTEST: Tool = Tool { name: "cargo-nextest", args: &["--no-default-features", "--features", "default-no-update"] };
/// The checker of licences and sources. Without features: its own cargo library is not needed, and takes minutes to build.
pub const DENY: Tool = Tool { name: "cargo-deny", args: &["--no-default-features"] };
/// The finder of dependencies that nothing uses.
pub const MACHETE: Tool = Tool { name: "cargo-machete", args: &[] };

impl Tool {
    /// Where the tool is, if it is there.
    pub fn find(self) -> Option<PathBuf> {
        let own = folder().join("bin").join(self.name);
        on_path(self.name).or_else(|| own.is_file().then_some(own))
    }

    /// The command `cargo NAME`, started directly: cargo would not look into our folder.
    pub fn command(self, args: &[&str]) -> Result<Command> {
        let path = self.find().ok_or_else(|| format!("{} is not installed", self.name))?;
        let mut command = crate::run::command(path, [self.name.trim_start_matches("cargo-")]);
        // cargo-machete takes itself for our part of `cargo run` where this is set, and its own name for a folder.
        command.args(args).env_remove("CARGO_PKG_NAME");
        Ok(command)
    }

    fn build_folder(self) -> PathBuf {
        folder().join("build").join(self.name)
    }

    /// Starts building it where it is missing; [`Building::wait`] says how that went.
    pub fn start_install(self) -> Result<Building> {
        if self.find().is_some() {
            return Ok(Building { tool: self, child: None });
        }
        say(&format!("   {} is not here: building it into target/tools (once; takes minutes)", self.name));
        // Quick to build counts, not quick to run: they take a few seconds either way.
        let mut command = cargo(["install", "--debug", "--locked", "--quiet", self.name, "--root"]);
        command.arg(folder()).args(self.args).env("CARGO_TARGET_DIR", self.build_folder());
        let child = command.stdin(Stdio::null()).spawn().map_err(|error| format!("cannot start cargo install: {error}"))?;
        Ok(Building { tool: self, child: Some(child) })
    }
}

/// A tool that is being built beside other work.
pub struct Building {
    tool: Tool,
    child: Option<Child>,
}

impl Building {
    /// Waits until the tool is there.
    pub fn wait(mut self) -> Result {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("`cargo install {}` ended with {status}; install it by hand and try again", self.tool.name).into());
        }
        // The build's leftovers are large and never used again.
        std::fs::remove_dir_all(self.tool.build_folder()).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        Ok(())
    }
}

impl Drop for Building {
    // Another step failed: the build is of no use any more.
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn folder() -> PathBuf {
    root().join("target/tools")
}
