//! Where a server's program is.
//!
//! Reads the PATH and the project's folders of programs. Must not start a server.
//!
//! **Invariant:** what is on the user's PATH goes before what a project brings; nothing is downloaded.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::process::Program;

use super::Server;

/// Folders of programs that a project may have.
const LOCAL: &[&str] = &["node_modules/.bin", ".venv/bin", "venv/bin", "vendor/bin"];
/// How long a program may take to say its version.
const VERSION: Duration = Duration::from_secs(10);

/// The program of a server, or why there is none.
pub(crate) fn program(server: &Server, root: &Path, project: &Path, path: &std::ffi::OsStr) -> Result<Program, String> {
    for command in &server.commands {
        let Some((name, args)) = command.split_first() else { continue };
        if let Some(found) = locate(name, root, server.local.then_some(project), path) {
            return Ok(Program { path: found, args: args.to_vec(), env: server.env.clone() });
        }
    }
    Err(format!("{} is not installed", server.program()))
}

/// `project` is the folder up to which the project's own programs count, if they do.
fn locate(name: &str, root: &Path, project: Option<&Path>, path: &std::ffi::OsStr) -> Option<PathBuf> {
    if name.contains('/') {
        let given = root.join(name);
        return is_program(&given).then_some(given);
    }
    let folders = root.ancestors().take_while(|folder| project.is_some_and(|project| folder.starts_with(project)));
    let local = folders.flat_map(|folder| LOCAL.iter().map(move |bin| folder.join(bin)));
    std::env::split_paths(path).chain(local).map(|folder| folder.join(name)).find(|program| program.is_absolute() && is_program(program))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether it is the server itself, and not what rustup puts in its place where the component is not installed.
pub(crate) async fn is_real(program: &Program, folder: &Path) -> Result<(), String> {
    let mut command = tokio::process::Command::new(&program.path);
    command.arg("--version").current_dir(folder).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = async {
        let (child, _group) = guard::spawn(&mut command)?;
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(VERSION, said).await;
    let name = program.path.display();
    match output {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it says nothing");
            Err(format!("{name} is there, but does not run: {said} (with rustup: `rustup component add rust-analyzer`)"))
        }
        Ok(Err(error)) => Err(format!("{name} cannot be started: {error}")),
        Err(_) => Err(format!("{name} does not say its version within {} s", VERSION.as_secs())),
    }
}

/// The project's own Python.
pub(super) fn python(root: &Path) -> Option<String> {
    let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    let folders = [".venv", "venv"].iter().map(|name| root.join(name)).chain(active);
    folders.map(|folder| folder.join("bin/python")).find(|python| is_program(python)).map(|python| python.to_string_lossy().into_owned())
}
