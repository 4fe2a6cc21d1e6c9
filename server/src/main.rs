//! `interline`: reads the command line and picks a face.
//!
//! **Invariant:** as a language server nothing but LSP goes to standard output; logs go to standard error.

mod auth_cli;
mod builtin;
mod config_cli;
mod configuration;
mod consent;
mod demo;
mod doctor;
mod export;
mod log;
mod lsp;
mod mcp_cli;
mod memory;
mod models_check;
mod models_cli;
mod output;
mod paths;
#[cfg(unix)]
mod proxy;
mod run;
mod sessions_cli;
mod setup;
mod usage;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use config::{Dirs, Env};

/// A coding agent that your editor starts like a language server.
#[derive(Parser)]
#[command(name = "interline", version, about, long_about = None, after_help = "Without a command it is a language server: your editor starts it. `interline setup helix` or `interline setup neovim` tells your editor how.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve an editor over standard input and output (what is done without a command)
    Lsp {
        /// What many editors pass to every language server; there is no other way
        #[arg(long)]
        stdio: bool,
    },
    /// Answer one prompt on the files on disk, without an editor
    Run(run::RunArgs),
    /// Stand between an editor and its language server, so that the agent can share it: `interline proxy -- rust-analyzer`
    #[cfg(unix)]
    Proxy(proxy::ProxyArgs),
    /// Not supported here: servers are shared over Unix sockets
    #[cfg(not(unix))]
    Proxy {
        /// The language server and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        server: Vec<String>,
    },
    /// See the main job at work: no key, no editor, no network
    Demo(demo::DemoArgs),
    /// Tell an editor how to start Interline
    Setup(setup::SetupArgs),
    /// Say what is found, what is missing, and what to do about it
    Doctor(doctor::DoctorArgs),
    /// Print the configuration that counts here, with the place of each value
    Config(config_cli::ConfigArgs),
    /// List models, or measure how well one works
    Models(models_cli::ModelsArgs),
    /// Keep, list and remove keys
    #[command(subcommand)]
    Auth(auth_cli::AuthCommand),
    /// Let programs be run, and keys be sent, as this project's configuration says
    Allow(consent::AllowArgs),
    /// The MCP servers of the configuration: add one, see how they are, log in to them
    #[command(subcommand)]
    Mcp(mcp_cli::McpCommand),
    /// List, search, rename, fork, delete and import sessions
    Sessions(sessions_cli::SessionsArgs),
    /// Print a session: as OpenCode's JSON, as Markdown, or as a page for a browser
    Export(sessions_cli::ExportArgs),
    /// End what a process that was killed has left: its guard comes to this
    #[command(hide = true)]
    Guard { targets: Vec<String> },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    guard::arm();
    let env = Env::from_process();
    let dirs = Dirs::from_env(&env);
    let cwd = match std::env::current_dir() {
        Ok(cwd) => cwd,
        Err(error) => {
            output::note(&format!("interline: the current folder cannot be used: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match cli.command {
        None if std::io::stdin().is_terminal() => {
            output::write(ABOUT);
            ExitCode::SUCCESS
        }
        None | Some(Command::Lsp { .. }) => {
            log::start(&env, &dirs);
            let Some(runtime) = runtime() else { return ExitCode::FAILURE };
            let ending = runtime.block_on(lsp::run(env));
            // A thread still waits for input that will not come.
            runtime.shutdown_background();
            std::process::exit(ending.exit_code())
        }
        Some(Command::Run(args)) => {
            log::start(&env, &dirs);
            let Some(runtime) = runtime() else { return ExitCode::FAILURE };
            let code = runtime.block_on(run::run(args, env, dirs, cwd));
            runtime.shutdown_background();
            code
        }
        #[cfg(not(unix))]
        Some(Command::Proxy { .. }) => {
            output::note(
                "interline proxy: not supported here, since servers are shared over Unix sockets: let your editor start the server itself",
            );
            ExitCode::FAILURE
        }
        #[cfg(unix)]
        Some(Command::Proxy(args)) => {
            log::start(&env, &dirs);
            let folder = lsp_client::shared::folder(env.get("XDG_RUNTIME_DIR").map(std::path::Path::new), &dirs.data);
            // One thread: what passes is handed from task to task, which costs more between threads.
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    output::note(&format!("interline proxy: the runtime cannot be started: {error}"));
                    return ExitCode::FAILURE;
                }
            };
            let code = runtime.block_on(proxy::run(args, folder));
            runtime.shutdown_background();
            std::process::exit(code)
        }
        Some(Command::Demo(args)) => demo::demo(&args),
        Some(Command::Setup(args)) => setup::setup(&args, &env, &dirs),
        Some(Command::Doctor(args)) => doctor::doctor(&args, &env, &dirs, &cwd),
        Some(Command::Config(args)) => config_cli::config(&args, &env, &dirs, &cwd),
        Some(Command::Models(models_cli::ModelsArgs { command: Some(models_cli::ModelsCommand::Check(args)), .. })) => {
            log::start(&env, &dirs);
            let Some(runtime) = runtime() else { return ExitCode::FAILURE };
            let code = runtime.block_on(models_check::check(args, env, dirs, cwd));
            runtime.shutdown_background();
            code
        }
        Some(Command::Models(args)) => models_cli::models(&args, &env, &dirs, &cwd),
        Some(Command::Allow(args)) => consent::allow_all(&args, &env, &dirs, &cwd),
        Some(Command::Auth(command)) => auth_cli::auth(&command, &env, &dirs, &cwd),
        Some(Command::Mcp(command)) => {
            log::start(&env, &dirs);
            let Some(runtime) = runtime() else { return ExitCode::FAILURE };
            let code = runtime.block_on(mcp_cli::mcp(command, env, dirs, &cwd));
            runtime.shutdown_background();
            code
        }
        Some(Command::Sessions(args)) => sessions_cli::sessions(args, env, dirs, cwd),
        Some(Command::Export(args)) => sessions_cli::export(&args, &dirs, &cwd),
        Some(Command::Guard { targets }) => {
            guard::end_all(&targets);
            ExitCode::SUCCESS
        }
    }
}

/// Two threads: one for the editor, one for a turn. More would only cost memory; heavy work has threads of its own.
fn runtime() -> Option<tokio::runtime::Runtime> {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            output::note(&format!("interline: the runtime cannot be started: {error}"));
            None
        }
    }
}

const ABOUT: &str = "\
Interline is a coding agent that your editor starts like a language server.
It is waiting for an editor on standard input; on a terminal there is none.

  interline demo            see it at work: no key, no editor, no network
  interline setup helix     tell Helix how to start it      (shows the change first)
  interline setup neovim    tell Neovim how to start it     (shows the change first)
  interline doctor          what is found, what is missing
  interline config          the configuration that counts here, and where it comes from
  interline run \"prompt\"    one prompt on the files on disk, without an editor
  interline --help          everything else
";
