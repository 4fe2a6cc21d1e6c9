//! `interline mcp add`: a server, written into a configuration file.
//!
//! **Invariant:** the change is shown first; everything else in the file stays as it is, comments included.

use std::path::{Path, PathBuf};

use config::{Dirs, Env, Loaded};
use serde_json::{Map, Value, json};

use crate::consent::{self, Standing};
use crate::setup::{self, Plan};

/// The command line's.
#[derive(Clone, Debug, clap::Args)]
pub struct AddArgs {
    /// The server's name, which its tools' names begin with
    name: String,
    /// The address of a remote server
    #[arg(long, conflicts_with = "command")]
    url: Option<String>,
    /// A header for a remote server: NAME=VALUE (a key is better kept outside: `{env:NAME}`)
    #[arg(long, value_name = "NAME=VALUE", requires = "url")]
    header: Vec<String>,
    /// A variable for a local server: NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "url")]
    env: Vec<String>,
    /// For all projects, not for this one
    #[arg(long)]
    global: bool,
    /// Show the change, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write without asking
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// A local server's program and its arguments
    #[arg(last = true)]
    command: Vec<String>,
}

pub(super) fn add(args: &AddArgs, env: &Env, dirs: &Dirs, loaded: &Loaded, cwd: &Path) -> Result<(), String> {
    let server = entry(args)?;
    let folder = if args.global { &dirs.config } else { &loaded.root };
    let theirs = if args.global { &dirs.opencode_config } else { &loaded.root };
    let file = file(folder, theirs);
    let old = match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
    };
    let new = config::with_entry(old.as_deref().unwrap_or_default(), &["mcp", &args.name], &server)
        .map_err(|why| format!("{}: {why}; nothing was changed", file.display()))?;
    let plan = Plan { file, old, new, next: "`interline mcp list` starts it and says how it is." };
    setup::carry_out(&plan, args.yes, args.dry_run).map_err(|error| error.to_string())?;
    // What the user has just written into the project needs no second word.
    let now = config::load(env, dirs, cwd);
    let written =
        consent::servers(&now, dirs, cwd).into_iter().find(|(known, standing)| known.name == args.name && *standing == Standing::Asked);
    match written.filter(|_| !args.dry_run && std::fs::read_to_string(&plan.file).is_ok_and(|text| text == plan.new)) {
        Some((server, _)) => consent::allow(&server, dirs, cwd),
        None => Ok(()),
    }
}

fn entry(args: &AddArgs) -> Result<Value, String> {
    if args.name.is_empty() || args.name.contains(|c: char| c.is_whitespace() || c == ':') {
        return Err("a server's name has no spaces and no colons".to_owned());
    }
    let mut entry = match (&args.url, args.command.is_empty()) {
        (Some(url), _) => json!({ "type": "remote", "url": url }),
        (None, false) => json!({ "type": "local", "command": args.command }),
        (None, true) => return Err("write `--url URL`, or the program after `--`: interline mcp add NAME -- PROGRAM ARGUMENTS".to_owned()),
    };
    for (key, given) in [("headers", &args.header), ("environment", &args.env)] {
        if !given.is_empty() {
            entry[key] = pairs(given)?.into();
        }
    }
    // What would be refused later is refused now.
    let (_, problems) = mcp::configured(Some(&json!({ &args.name: entry })), None);
    problems.first().map_or(Ok(entry), |problem| Err(problem.to_string()))
}

fn pairs(given: &[String]) -> Result<Map<String, Value>, String> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is no NAME=VALUE"))?;
        Ok((name.to_owned(), Value::from(value)))
    };
    given.iter().map(pair).collect()
}

/// The file that counts: an Interline one beside OpenCode's would count instead of it.
fn file(folder: &Path, theirs: &Path) -> PathBuf {
    let there = ["interline.jsonc", "interline.json"].map(|name| folder.join(name)).into_iter();
    let there = there.chain(["opencode.jsonc", "opencode.json"].map(|name| theirs.join(name))).find(|file| file.exists());
    there.unwrap_or_else(|| folder.join("interline.json"))
}
