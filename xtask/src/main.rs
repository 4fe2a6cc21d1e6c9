//! `cargo xtask`: everything the project's work needs besides `cargo` itself.
//!
//! Owns the command line and the order of the steps. Must not know how the product works: it only starts cargo, the
//! tests and the editors' installers.
//!
//! **Invariant:** continuous integration runs exactly what a contributor runs. `ci` calls the same functions as `test`;
//! there is no second list of steps.

mod catalogue;
mod ci;
mod editors;
mod litellm;
mod matrix;
mod packages;
mod proxy_bench;
mod run;
mod servers;
mod small_model;
mod test;
mod tidy;
mod tools;
mod wide;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "What Interline's work needs")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need and run all of them.
    Test {
        /// Leave out the real editors and the examples in the documentation.
        #[arg(long)]
        fast: bool,
        /// Also older and newer editors: Neovim 0.10 and the newest, the newest Helix and VS Code. Before a release.
        #[arg(long, conflicts_with_all = ["fast", "litellm"])]
        all_editors: bool,
        /// Install LiteLLM into target/litellm, and run only the test of a team behind it.
        #[arg(long, conflicts_with_all = ["fast", "filters"])]
        litellm: bool,
        /// Run only the tests whose names hold one of these.
        filters: Vec<String>,
    },
    /// What continuous integration runs: formatting, lints, all tests, dependencies, documentation.
    Ci,
    /// Show the product at work, without key, editor or network.
    Demo {
        /// Handed on to `interline demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Install Neovim, Helix and VS Code into .editors, for the tests.
    Editors,
    /// Install real language servers and MCP servers into .servers, for the tests.
    Servers,
    /// Write docs/matrix.md anew, from the tests of real editors that have run.
    Matrix,
    /// Write docs/screens anew: what Neovim and Helix show at work.
    Screens,
    /// Build what is measured, and say how to measure it.
    Bench,
    /// Measure how much later answers come through `interline proxy`.
    ProxyBench {
        /// Be the server that is asked.
        #[arg(long, hide = true)]
        server: bool,
        /// Measure this program, in place of a release build of the checkout.
        #[arg(long)]
        binary: Option<PathBuf>,
    },
    /// Run the random interleavings of user and agent for longer than the tests do.
    Interleavings {
        /// How many random histories to try.
        #[arg(long, default_value_t = 200_000)]
        cases: u32,
    },
    /// Make the built-in catalogue of models anew.
    Catalogue {
        /// A copy of models.dev's `api.json`.
        source: PathBuf,
    },
    /// Let a model that fails in every way answer turn after turn, for as long as wanted.
    Soak {
        /// How many turns.
        #[arg(long, default_value_t = 1000)]
        turns: u32,
        /// Which faults come when.
        #[arg(long, default_value_t = 1)]
        seed: u32,
        /// With the release binary.
        #[arg(long)]
        release: bool,
    },
    /// Let three editors work all day in five conversations, and kill their servers now and then.
    Day {
        /// How many turns.
        #[arg(long, default_value_t = 2000)]
        turns: u32,
        /// How many times a process is killed.
        #[arg(long, default_value_t = 50)]
        kills: u32,
        /// When that is.
        #[arg(long, default_value_t = 1)]
        seed: u32,
        /// With the release binary.
        #[arg(long)]
        release: bool,
    },
    /// Measure a small model on tiny tasks, with tools and without.
    SmallModel(small_model::SmallModelArgs),
    /// Check the repository's own rules (also a part of `test`).
    Tidy,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test { litellm: true, .. } => litellm::test(),
        Task::Test { all_editors: true, filters, .. } => test::all(false, &filters).and_then(|()| wide::test(&filters)),
        Task::Test { fast, filters, .. } => test::all(fast, &filters),
        Task::Ci => ci::all(),
        Task::Demo { args } => test::demo(&args),
        Task::Editors => editors::install().map(|_| ()),
        Task::Servers => servers::install(),
        Task::Matrix => matrix::write(),
        Task::Screens => test::screens(),
        Task::Bench => test::bench(),
        Task::ProxyBench { server: true, .. } => proxy_bench::serve(),
        Task::ProxyBench { binary, .. } => proxy_bench::measure(binary),
        Task::Interleavings { cases } => test::interleavings(cases),
        Task::Catalogue { source } => catalogue::write(&source),
        Task::Soak { turns, seed, release } => test::soak(turns, seed, release),
        Task::Day { turns, kills, seed, release } => test::day(turns, kills, seed, release),
        Task::SmallModel(args) => small_model::measure(&args),
        Task::Tidy => tidy::check(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("\nfailed: {error}"));
            ExitCode::FAILURE
        }
    }
}
