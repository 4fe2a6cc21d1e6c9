//! Building and testing the product.
//!
//! Must not know single tests; only which groups there are.
//!
//! **Invariant:** a test that needs something finds it installed. No test is left out because something is missing,
//! unless `--fast` was said.

use std::path::Path;

use crate::{
    editors, matrix,
    packages::node::Node,
    run::{Result, cargo, output, root, run, say, step},
    servers, tidy, tools,
};

/// The repository's rules, all tests, and the documentation's examples.
pub fn all(fast: bool, filters: &[String]) -> Result {
    tidy::check()?;
    step("test runner", || tools::NEXTEST.start_install()?.wait())?;
    if !fast {
        editors::install()?;
        servers::install()?;
        extension()?;
    }
    // The end-to-end tests start this very program.
    step("build", || run(cargo(["build", "--locked", "--package", "interline"])))?;
    let whole = !fast && filters.is_empty();
    if whole {
        matrix::forget()?;
    }
    step("tests", || {
        let mut nextest = tools::NEXTEST.command(&["run", "--workspace", "--locked"])?;
        if fast {
            nextest.args(["-E", "not test(/(^|::)real_/)"]);
        }
        nextest.args(filters);
        run(nextest)
    })?;
    if whole {
        matrix::check()?;
        step("documentation's examples", || run(cargo(["test", "--doc", "--workspace", "--locked", "--quiet"])))?;
    }
    Ok(())
}

/// What the editors show at work, as texts.
pub fn screens() -> Result {
    all(false, &["_screens".to_owned()])?;
    let to = root().join("docs/screens");
    std::fs::create_dir_all(&to)?;
    for entry in std::fs::read_dir(target().join("screens"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// VS Code's extension: its packages, types, unit tests, and its own package, which the tests in the real editor install.
fn extension() -> Result {
    step("VS Code's extension", || {
        let folder = root().join("editors/vscode");
        let node = Node::find(&root().join(".editors"))?;
        let lock = std::fs::read(folder.join("package-lock.json"))?;
        // npm takes its time to find that nothing has to be done.
        let installed = folder.join("node_modules/.installed");
        if std::fs::read(&installed).ok().as_ref() != Some(&lock) {
            run(node.npm(&folder, &["ci"]))?;
            std::fs::write(&installed, lock)?;
        }
        output(node.npm(&folder, &["test"])).map_err(|error| format!("{error}\n(`npm test` in editors/vscode says more)"))?;
        output(node.npm(&folder, &["run", "package"]))?;
        Ok(())
    })
}

/// The product's own demonstration.
pub fn demo(args: &[String]) -> Result {
    let mut demo = cargo(["run", "--release", "--locked", "--package", "interline", "--", "demo"]);
    // `--editor` hands the terminal to an editor.
    demo.args(args).stdin(std::process::Stdio::inherit());
    run(demo)
}

/// The property test of the workspace, for longer.
pub fn interleavings(cases: u32) -> Result {
    step("test runner", || tools::NEXTEST.start_install()?.wait())?;
    step(&format!("{cases} random interleavings"), || {
        let args = ["run", "--release", "--locked", "--profile", "long", "--package", "interline-workspace", "interleav"];
        let mut nextest = tools::NEXTEST.command(&args)?;
        nextest.env("PROPTEST_CASES", cases.to_string());
        run(nextest)
    })
}

/// The soak, for longer.
pub fn soak(turns: u32, seed: u32, release: bool) -> Result {
    let variables = [("INTERLINE_SOAK_TURNS", turns), ("INTERLINE_SOAK_SEED", seed)];
    long(&format!("{turns} turns of soak, seed {seed}"), "soak", &variables, release)
}

/// The working day, for longer.
pub fn day(turns: u32, kills: u32, seed: u32, release: bool) -> Result {
    let variables = [("INTERLINE_DAY_TURNS", turns), ("INTERLINE_DAY_KILLS", kills), ("INTERLINE_DAY_SEED", seed)];
    long(&format!("a day of {turns} turns and {kills} kills, seed {seed}"), "day", &variables, release)
}

/// One of the end-to-end tests, as long as its variables say.
fn long(what: &str, test: &str, variables: &[(&str, u32)], release: bool) -> Result {
    step("test runner", || tools::NEXTEST.start_install()?.wait())?;
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    step("build", || {
        let mut build = cargo(["build", "--locked", "--package", "interline"]);
        build.args(profile);
        run(build)
    })?;
    step(what, || {
        let args = ["run", "--locked", "--profile", "long", "--no-capture", "--package", "interline-tests", "--test", test];
        let mut nextest = tools::NEXTEST.command(&args)?;
        nextest.args(profile).envs(variables.iter().map(|(name, value)| (*name, value.to_string())));
        run(nextest)
    })
}

/// Builds the release binary, shows its size, and names the ways to measure it.
pub fn bench() -> Result {
    step("release build", || run(cargo(["build", "--release", "--locked", "--package", "interline"])))?;
    let binary = target().join("release/interline");
    let size = std::fs::metadata(&binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
    say(&format!("   {}: {:.1} MB (budget 25)", binary.display(), size as f64 / 1e6));
    say("   start: time it with `interline --version`; a whole turn without a network: `time interline demo`");
    say("   a session of 100,000 messages: `cargo run --release --package interline-store --example long_session`");
    say("   an update of a chat of 20,000 lines: `cargo run --release --package interline-tests --example long_chat`");
    say("   side by side with other agents: point that benchmark's INTERLINE at the binary above");
    Ok(())
}

/// Where cargo builds.
pub fn target() -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |path| root().join(Path::new(&path)))
}
