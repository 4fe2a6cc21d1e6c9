//! The gateway LiteLLM, for the one test that needs a real one.
//!
//! Owns how it is installed, in a virtual environment of its own below `target`. Must not know what the test does with it.
//!
//! **Invariant:** only who asks for it gets it: nothing else installs or runs it.

use std::path::PathBuf;

use crate::{
    run::{Result, cargo, command, output, run, say, step},
    test, tools,
};

/// The package, with what its proxy needs.
const PACKAGE: &str = "litellm[proxy]";

/// Installs it where it is missing, and runs its test.
pub fn test() -> Result {
    step("test runner", || tools::NEXTEST.start_install()?.wait())?;
    let program = step("LiteLLM", install)?;
    step("build", || run(cargo(["build", "--locked", "--package", "interline"])))?;
    step("a team behind LiteLLM", || {
        let args = ["run", "--locked", "--profile", "long", "--no-capture", "--package", "interline-tests", "--test", "gateway"];
        let mut nextest = tools::NEXTEST.command(&args)?;
        nextest.env("INTERLINE_LITELLM", program);
        run(nextest)
    })
}

fn install() -> Result<PathBuf> {
    let home = test::target().join("litellm");
    let program = home.join("bin/litellm");
    let python = home.join("bin/python");
    if !program.is_file() {
        let mut venv = command("python3", ["-m", "venv"]);
        venv.arg(&home);
        output(venv).map_err(|error| format!("{error}\n(needs python3 with venv: on Debian `apt-get install python3-venv`)"))?;
        run(command(&python, ["-m", "pip", "install", "--quiet", PACKAGE]))?;
    }
    let version = output(command(&python, ["-c", "import importlib.metadata as m; print(m.version('litellm'))"]))?;
    say(&format!("   litellm {version} is installed"));
    Ok(program)
}
