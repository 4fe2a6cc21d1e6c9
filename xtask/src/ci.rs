//! What continuous integration runs.
//!
//! Must not know how a step is done; it only orders them: quick ones first, so that a slip shows within a minute.
//!
//! **Invariant:** it needs a clean clone and the package registries, nothing else: no cache, no secret, no terminal.

use crate::{
    run::{Result, cargo, run, say, step},
    test, tidy, tools,
};

/// All of it, in order; the first failure ends it.
pub fn all() -> Result {
    let start = std::time::Instant::now();
    step("formatting", || run(cargo(["fmt", "--all", "--check"])).map_err(|error| format!("{error}; `cargo fmt --all` mends it").into()))?;
    tidy::check()?;
    // Built beside the lints and the tests, which wait for processes and locks often enough.
    let (deny, machete) = (tools::DENY.start_install()?, tools::MACHETE.start_install()?);
    step("lints", || run(cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])))?;
    test::all(false, &[])?;
    step("documentation", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        run(doc)
    })?;
    step("dependencies", || {
        deny.wait()?;
        machete.wait()?;
        run(tools::MACHETE.command(&["."])?)?;
        run(tools::DENY.command(&["--locked", "check", "licenses", "bans", "sources"])?)
    })?;
    say(&format!("\nall well, {:.0} s", start.elapsed().as_secs_f32()));
    Ok(())
}
