//! VS Code as code-server (its unmodified workbench, served to a browser), from npm, and a Chromium without a window, from Debian.
//!
//! **Invariant:** neither needs root, a compiler or a display; the machine's own packages are not touched.

use std::path::{Path, PathBuf};

use crate::packages::node::Node;
use crate::packages::{debian, executable, files, fresh};
use crate::run::{Result, output};

/// VS Code 1.100, for the ordinary run.
pub const VERSION: &str = "4.100.3";

/// What the newest one runs on.
const NEWER_NODE: &str = "24";

const SUITE: &str = "trixie";
const BROWSER: &str = "chromium-headless-shell";

/// Of code-server's native modules only this one must be there for it to start; the release that it names has to be compiled, this one brings
/// programs for each machine.
const ARGON2: &str = "0.44.0";

/// Unpacks it below `home` and returns a script that starts it.
pub fn install(home: &Path) -> Result<PathBuf> {
    install_version(VERSION, &Node::find(home)?, home)
}

/// The newest one. It wants a newer Node.js than the machine's, which comes from npm as well.
pub fn install_newest(home: &Path) -> Result<PathBuf> {
    let folder = home.join("node");
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => return Err(format!("npm has no Node.js for {other}").into()),
    };
    let package = format!("node-linux-{machine}");
    let old = Node::find(home)?;
    old.install(fresh(&folder)?, &[&format!("{package}@{NEWER_NODE}")])?;
    let program = folder.join("node_modules").join(package).join("bin/node");
    executable(&program)?;
    install_version("latest", &old.with_program(program), home)
}

fn install_version(version: &str, node: &Node, home: &Path) -> Result<PathBuf> {
    let folder = home.join("vscode");
    fresh(&folder)?;
    let wanted =
        format!("{{\"private\":true,\"dependencies\":{{\"code-server\":\"{version}\"}},\"overrides\":{{\"argon2\":\"{ARGON2}\"}}}}\n");
    std::fs::write(folder.join("package.json"), wanted)?;
    output(node.npm(&folder, &["install"]))?;
    // What its own script would do after installing, but for compiling: a terminal and a log in C++ are not needed here.
    let server = folder.join("node_modules/code-server");
    let workbench = server.join("lib/vscode");
    for part in [workbench.clone(), workbench.join("extensions")] {
        output(node.npm(&part, &["install", "--omit=dev"]))?;
    }
    let config = folder.join("config.yaml");
    std::fs::write(&config, "auth: none\n")?;
    let script = folder.join("code-server");
    let (program, main) = (node.program.display().to_string(), server.join("out/node/entry.js"));
    let lines = [
        "#!/bin/sh".to_owned(),
        format!("export CODE_SERVER_CONFIG=\"${{CODE_SERVER_CONFIG:-{}}}\"", config.display()),
        format!("exec '{program}' '{}' \"$@\"\n", main.display()),
    ];
    std::fs::write(&script, lines.join("\n"))?;
    executable(&script)?;
    Ok(script)
}

/// Unpacks the browser below `home` and returns a script that starts it.
pub fn install_browser(home: &Path) -> Result<PathBuf> {
    let folder = home.join("chromium");
    debian::unpack(SUITE, &[BROWSER], fresh(&folder)?)?;
    let program = folder.join("usr/lib/chromium").join(BROWSER);
    debian::use_own_libraries(&folder, &format!("usr/lib/chromium/{BROWSER}"))?;
    // One library looks for another only where it would be installed.
    let all = files(&folder)?;
    let sound = all.iter().find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libpulsecommon")));
    let sound = sound.and_then(|file| file.parent()).unwrap_or(&folder);
    let script = folder.join("chromium");
    std::fs::write(&script, format!("#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n", sound.display(), program.display()))?;
    executable(&script)?;
    Ok(script)
}
