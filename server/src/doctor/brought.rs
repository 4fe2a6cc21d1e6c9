//! What folders bring to be run: custom tools, hooks and MCP servers; whether each may be run, and what is wrong with it. And the providers to which a
//! project's configuration would send the user's keys.
//!
//! **Invariant:** what the user has not allowed is not run; MCP servers are not started at all.

use std::path::{Path, PathBuf};

use config::{Dirs, Env, Loaded};
use mcp::{Logins, Reach};
use tools::Description;

use super::Report;
use crate::consent::{self, Consents, Standing};
use crate::paths;

/// What the report needs to know.
pub(super) struct Place<'a> {
    pub loaded: &'a Loaded,
    pub env: &'a Env,
    pub dirs: &'a Dirs,
    pub cwd: &'a Path,
}

/// Reports all of it.
pub(super) fn report(place: &Place, report: &mut Report) {
    let consents = Consents::read(place.loaded, place.dirs, place.cwd);
    tools(place, &consents, report);
    hooks(place, &consents, report);
    servers(place, &consents, report);
    for (program, standing) in consent::programs(place.loaded, place.dirs, place.cwd) {
        let hint = if standing == Standing::Asked { format!(" (`interline allow {}`)", program.name) } else { String::new() };
        row("program", &program.name, Some(standing), &format!("{}{hint}", program.shown), None, report);
    }
    for (provider, standing) in consent::providers(place.loaded, place.env, place.dirs, place.cwd) {
        let hint = if standing == Standing::Asked { format!(" (`interline auth allow {}`)", provider.name) } else { String::new() };
        row("provider", &provider.name, Some(standing), &format!("{}{hint}", provider.shown), None, report);
    }
}

/// In a row: what it is, whether it may be run, and what is wrong.
fn row(title: &'static str, name: &str, standing: Option<Standing>, about: &str, wrong: Option<String>, report: &mut Report) {
    let standing = standing.map_or("your own", Standing::words);
    match wrong {
        Some(why) => report.row(title, format!("{name}: {standing}; {about}: PROBLEM: {why}")),
        None => report.row(title, format!("{name}: {standing}; {about}")),
    }
}

fn tools(place: &Place, consents: &Consents, report: &mut Report) {
    let taken = engine::reserved_names();
    for tool in place.loaded.tools.values() {
        let identity = engine::tool_identity(&tool.path);
        let standing = tool.project.then(|| identity.as_deref().map_or(Standing::Asked, |pattern| consents.of(pattern)));
        let wrong = if identity.is_none() {
            Some("it cannot be read".to_owned())
        } else if taken.iter().any(|name| name.eq_ignore_ascii_case(&tool.name)) {
            Some("it is not offered: there is another one of that name".to_owned())
        } else if standing.is_none_or(Standing::may_run) {
            described(&tool.path, place.cwd)
        } else {
            None
        };
        row("tools", &tool.name, standing, &tool.path.display().to_string(), wrong, report);
    }
}

/// What is wrong with what a tool says of itself.
fn described(path: &Path, cwd: &Path) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Some(format!("it cannot be asked: {error}")),
    };
    runtime.block_on(Description::ask(path, cwd)).and_then(|printed| Description::read(&printed)).err()
}

fn hooks(place: &Place, consents: &Consents, report: &mut Report) {
    for hook in &place.loaded.hooks {
        let standing = hook.project.then(|| consents.of(&engine::hook_identity(hook)));
        let wrong = hook.command.first().and_then(|program| missing(program, &hook.folder, place.env));
        row("hooks", hook.event.name(), standing, &hook.command.join(" "), wrong, report);
    }
}

fn servers(place: &Place, consents: &Consents, report: &mut Report) {
    let (servers, _) = mcp::configured(place.loaded.config.other.get("mcp"), None);
    let foreign = engine::foreign_servers(place.loaded, place.cwd);
    let logins = Logins::new([&place.dirs.opencode_data, &place.dirs.data].map(|folder| folder.join("mcp-auth.json")).into());
    for server in &servers {
        let brought = foreign.iter().find(|brought| brought.name == server.name);
        let standing = brought.map(|brought| consents.of(&brought.pattern));
        let about = brought.map_or_else(|| server.reach.to_string(), |brought| brought.shown.clone());
        let wrong = match &server.reach {
            _ if !server.enabled => None,
            Reach::Local(local) => {
                let folder = local.folder.as_ref().map_or_else(|| place.cwd.to_owned(), |folder| place.cwd.join(folder));
                local.command.first().and_then(|program| missing(program, &folder, place.env))
            }
            Reach::Remote(_) => None,
        };
        let login = match &server.reach {
            Reach::Remote(remote) if remote.oauth.is_some() && logins.has(&server.name, &remote.url) => ", logged in",
            _ => "",
        };
        let hint = match standing {
            _ if !server.enabled => " (disabled)".to_owned(),
            Some(Standing::Asked) => format!(" (`interline mcp allow {}`)", server.name),
            Some(Standing::Denied) => String::new(),
            _ => format!("{login} (`interline mcp debug {}` starts it)", server.name),
        };
        row("mcp", &server.name, standing, &format!("{about}{hint}"), wrong, report);
    }
}

/// Why a program cannot be started, as far as that can be seen.
fn missing(program: &str, folder: &Path, env: &Env) -> Option<String> {
    if !program.contains('/') {
        return paths::find_program(env, program).is_none().then(|| format!("`{program}` is not on the PATH"));
    }
    let path: PathBuf = folder.join(program);
    match path.metadata() {
        Ok(meta) if meta.is_file() => (!paths::is_program(&path)).then(|| format!("{} is not executable", path.display())),
        Ok(_) => Some(format!("{} is no file", path.display())),
        Err(error) => Some(format!("{}: {error}", path.display())),
    }
}
