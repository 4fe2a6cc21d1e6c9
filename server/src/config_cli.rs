//! `interline config`: the merged configuration, and the schema of its files.
//!
//! **Invariant:** only reads, and shows nothing that may be a secret.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use config::{Dirs, Env};

use crate::{configuration, output};

/// What it takes.
#[derive(Args)]
pub struct ConfigArgs {
    /// The JSON Schema of the files, for editors that complete keys
    #[arg(long)]
    schema: bool,
}

/// Prints one of both; what is wrong with the files goes to standard error.
pub fn config(args: &ConfigArgs, env: &Env, dirs: &Dirs, cwd: &Path) -> ExitCode {
    if args.schema {
        output::line(&format!("{:#}", config::json_schema()));
        return ExitCode::SUCCESS;
    }
    output::write(&config::explain(env, dirs, cwd));
    let loaded = configuration::load(env, dirs, cwd);
    loaded.problems.iter().chain(&loaded.unset).for_each(|problem| output::note(&problem.to_string()));
    ExitCode::SUCCESS
}
