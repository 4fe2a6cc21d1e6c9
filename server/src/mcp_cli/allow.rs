//! `interline mcp allow`: consent to the MCP servers that a project brings.
//!
//! **Invariant:** what is allowed was shown first, and is allowed exactly as it is now.

use std::path::Path;

use config::{Dirs, Loaded};

use crate::consent::{self, Standing};
use crate::output;

/// The command line's.
#[derive(Clone, Debug, clap::Args)]
pub struct AllowArgs {
    /// The server; all that this project brings, if none is named
    name: Option<String>,
    /// Allow without asking
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn allow(args: &AllowArgs, loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> Result<(), String> {
    let named = |name: &str| args.name.as_deref().is_none_or(|wanted| wanted == name);
    let mut found = false;
    for (server, standing) in consent::servers(loaded, dirs, cwd) {
        if !named(&server.name) {
            continue;
        }
        found = true;
        match standing {
            Standing::Trusted | Standing::Allowed => output::line(&format!("{} is {}: {}", server.name, standing.words(), server.shown)),
            Standing::Denied => return Err(format!("{} is {} (permission.project_code)", server.name, standing.words())),
            Standing::Asked => {
                output::line(&format!("{} runs or asks: {}", server.name, server.shown));
                let question = format!("Allow {} in {}, until this changes? [y/N] ", server.name, cwd.display());
                let agreed = args.yes || output::ask(&question).is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes"));
                if !agreed {
                    return Err(format!("{} is not allowed", server.name));
                }
                consent::allow(&server, dirs, cwd)?;
                output::line(&format!("{} is allowed; `interline doctor` says how to take that back.", server.name));
            }
        }
    }
    match &args.name {
        Some(name) if !found => Err(format!("this project brings no MCP server `{name}`: your own need no consent")),
        None if !found => {
            output::note("This project brings no MCP servers.");
            Ok(())
        }
        _ => Ok(()),
    }
}
