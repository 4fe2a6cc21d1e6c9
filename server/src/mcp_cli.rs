//! `interline mcp`: the MCP servers of the configuration, logins at them, and Interline itself as one.
//!
//! Must not know how a server is reached.
//!
//! **Invariant:** a server is started only by a command that says so; a token is never printed, and nothing is written to a configuration that was not shown.

mod add;
mod serve;

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use config::{Dirs, Env, Loaded};
use mcp::{Logins, Reach, ServerConfig, Servers, State, Status};

use crate::{configuration, consent, output};

/// How long servers may take to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The command line's.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum McpCommand {
    /// Write a server into the configuration: `add NAME -- COMMAND ARGUMENTS`, or `add NAME --url URL`
    Add(add::AddArgs),
    /// Let the servers be started that this project brings, as they are now
    Allow(consent::AllowArgs),
    /// Start the servers of the configuration and say how each is
    #[command(alias = "ls")]
    List,
    /// Log in to a server in a browser, or list who has a login
    Auth {
        /// The server, or `list`
        name: Option<String>,
    },
    /// Forget the login at a server
    Logout {
        /// The server
        name: String,
    },
    /// Be an MCP server on standard input and output: Interline's tools that only look, for other agents
    Serve,
    /// Start one server and say all that it has
    Debug {
        /// The server
        name: String,
    },
}

/// Does it; status 1 if it failed.
pub async fn mcp(command: McpCommand, env: Env, dirs: Dirs, cwd: &Path) -> ExitCode {
    if matches!(command, McpCommand::Serve) {
        return serve::serve(&env, &dirs, cwd).await;
    }
    let loaded = config::load(&env, &dirs, cwd);
    for problem in loaded.problems.iter().chain(&configuration::server_problems(&loaded)) {
        output::note(&format!("interline: {problem}"));
    }
    let done = match command {
        McpCommand::Serve => Ok(()),
        McpCommand::Add(args) => add::add(&args, &env, &dirs, &loaded, cwd),
        McpCommand::Allow(args) => consent::settle(consent::servers(&loaded, &dirs, cwd), "MCP server", &args, &dirs, cwd),
        McpCommand::List => list(&loaded, &dirs, cwd).await,
        McpCommand::Auth { name: None } => auth_list(&loaded, &dirs),
        McpCommand::Auth { name: Some(name) } if name == "list" => auth_list(&loaded, &dirs),
        McpCommand::Auth { name: Some(name) } => auth(&loaded, &dirs, cwd, &name).await,
        McpCommand::Logout { name } => logout(&dirs, &name),
        McpCommand::Debug { name } => debug(&loaded, &dirs, cwd, &name).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            output::note(&format!("interline mcp: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// The servers of the configuration, none of which is started, and those that the project brings not before they are allowed; only `name`, if that is given.
fn servers(loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> Servers {
    let roots = if loaded.root == cwd { vec![cwd.to_owned()] } else { vec![cwd.to_owned(), loaded.root.clone()] };
    let places = mcp::Places { directory: cwd.to_owned(), roots };
    let foreign = consent::servers(loaded, dirs, cwd);
    let held: Vec<&str> = foreign.iter().filter(|(_, standing)| !standing.may_run()).map(|(server, _)| &*server.name).collect();
    engine::mcp_servers(&loaded.config, &held, places, &[&dirs.opencode_data, &dirs.data])
}

fn configured(loaded: &Loaded) -> Vec<ServerConfig> {
    mcp::configured(loaded.config.other.get("mcp"), None).0
}

fn logins(dirs: &Dirs) -> Logins {
    Logins::new([&dirs.opencode_data, &dirs.data].map(|folder| folder.join("mcp-auth.json")).into())
}

fn find(loaded: &Loaded, name: &str) -> Result<ServerConfig, String> {
    let all = configured(loaded);
    let names: Vec<String> = all.iter().map(|server| server.name.clone()).collect();
    let known = if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) };
    all.into_iter().find(|server| server.name == name).ok_or_else(|| format!("there is no server `{name}` in the configuration; {known}"))
}

async fn list(loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> Result<(), String> {
    let servers = servers(loaded, dirs, cwd);
    let configs = configured(loaded);
    if configs.is_empty() {
        output::note("There are no MCP servers in the configuration. `interline mcp add` writes one into it.");
        return Ok(());
    }
    servers.start();
    servers.settle(configs.iter().map(|config| config.start_limit).max().unwrap_or_default()).await;
    for (status, config) in servers.status().into_iter().zip(&configs) {
        // A server's words may be many lines; a row is one.
        let state = described(&status).split_whitespace().collect::<Vec<_>>().join(" ");
        output::line(&format!("{}\t{state}\t{}", status.name, config.reach));
    }
    servers.shut_down(LAST_WORDS).await;
    Ok(())
}

fn described(status: &Status) -> String {
    let [tools, prompts, resources] = status.has;
    match &status.state {
        State::Disabled => "disabled".to_owned(),
        State::Held => format!("not started: the project brings it, and you have not allowed it (`interline mcp allow {}`)", status.name),
        State::Idle | State::Stopped => "not started".to_owned(),
        State::Starting => "still starting".to_owned(),
        State::Running(about) => format!("connected ({about}): {tools} tools, {prompts} prompts, {resources} resources"),
        State::Ended(why) => format!("ended: {why}"),
        State::Failed(why) => format!("failed: {why}"),
    }
}

fn auth_list(loaded: &Loaded, dirs: &Dirs) -> Result<(), String> {
    let logins = logins(dirs);
    for server in configured(loaded) {
        let Reach::Remote(remote) = &server.reach else { continue };
        let state = match &remote.oauth {
            None => "oauth is switched off",
            Some(_) if logins.has(&server.name, &remote.url) => "logged in",
            Some(_) => "no login",
        };
        output::line(&format!("{}\t{state}\t{}", server.name, server.reach));
    }
    Ok(())
}

async fn auth(loaded: &Loaded, dirs: &Dirs, cwd: &Path, name: &str) -> Result<(), String> {
    let server = find(loaded, name)?;
    if servers(loaded, dirs, cwd).is_held(name) {
        return Err(format!("{name} is the project's, and you have not allowed it: `interline mcp allow {name}` shows what it is"));
    }
    let show = |address: &str| {
        output::note(&format!("Allow Interline in the browser:\n\n  {address}\n"));
        open_browser(address);
    };
    mcp::log_in(&server, &logins(dirs), &show).await.map_err(|error| format!("{name}: {error}"))?;
    output::line(&format!("You are logged in at {name}; its tools are there from the next message on."));
    Ok(())
}

/// Opens a browser where there is one; the address was printed.
fn open_browser(address: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = std::process::Command::new(opener).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = opened {
        tracing::debug!(%error, "no browser was opened");
    }
}

fn logout(dirs: &Dirs, name: &str) -> Result<(), String> {
    if logins(dirs).forget(name).map_err(|error| error.to_string())? {
        output::line(&format!("The login at {name} is forgotten."));
        return Ok(());
    }
    Err(format!("Interline keeps no login at `{name}` (OpenCode's are not changed)"))
}

async fn debug(loaded: &Loaded, dirs: &Dirs, cwd: &Path, name: &str) -> Result<(), String> {
    let server = find(loaded, name)?;
    let only = Loaded { config: only(loaded, name), ..loaded.clone() };
    let servers = servers(&only, dirs, cwd);
    output::line(&format!("{name}: {}", server.reach));
    if let Reach::Remote(remote) = &server.reach
        && remote.oauth.is_some()
    {
        output::line(if logins(dirs).has(name, &remote.url) { "login: there is one" } else { "login: none" });
    }
    servers.start();
    servers.settle(server.start_limit).await;
    let status = servers.status();
    let state = status.iter().find(|status| status.name == name);
    output::line(&state.map_or_else(String::new, described));
    for (_, words) in servers.instructions() {
        output::line(&format!("\nit says:\n{words}"));
    }
    for tool in servers.tools().iter() {
        let line = tool.description.lines().next().unwrap_or_default();
        output::line(&format!("tool\t{}\t{}{line}", tool.name, if tool.reads { "(reads only) " } else { "" }));
    }
    for prompt in servers.prompts() {
        output::line(&format!("prompt\t/{}:{}\t{}", prompt.server, prompt.name, prompt.description));
    }
    for resource in servers.resources() {
        let kind = if resource.template { "template" } else { "resource" };
        output::line(&format!("{kind}\t@{}:{}\t{}", resource.server, resource.uri, resource.name));
    }
    servers.shut_down(LAST_WORDS).await;
    if state.is_some_and(|status| matches!(status.state, State::Running(_) | State::Disabled)) {
        Ok(())
    } else {
        Err(format!("{name} cannot be used"))
    }
}

/// The configuration with one server alone.
fn only(loaded: &Loaded, name: &str) -> config::Config {
    let mut config = loaded.config.clone();
    if let Some(serde_json::Value::Object(section)) = config.other.get_mut("mcp") {
        section.retain(|other, _| other == name);
    }
    config
}
