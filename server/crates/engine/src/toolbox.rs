//! The tools that there are at this moment: ours, those that folders bring, and those of MCP servers.
//!
//! Owns when servers are started and how long they are waited for. Must not know how a server is reached, nor which agent may use what.
//!
//! **Invariant:** no server is started before a request wants to name its tools, and none is waited for at a later one; while nothing changes the list is the same.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use config::Config;
use mcp::{Servers, State};
use tools::Tool;

use crate::extras;
use crate::mcp_tools::{self, ServerTool};

/// How long the first request waits for servers to start. Their tools are in its cached beginning, where a later one would have to change it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Permissions that are not a tool's.
const PERMISSIONS: [&str; 5] = ["external_directory", "doom_loop", "plan_enter", "plan_exit", extras::PERMISSION];

/// The tools.
pub struct Toolbox {
    own: Vec<Arc<dyn Tool>>,
    brought: Mutex<Vec<Arc<dyn Tool>>>,
    servers: Arc<Servers>,
    current: Mutex<Option<Current>>,
    started: OnceLock<Instant>,
}

/// All tools, as they were after so many news of servers.
struct Current {
    news: u64,
    all: Arc<[Arc<dyn Tool>]>,
}

impl Toolbox {
    /// Starts nothing.
    #[must_use]
    pub fn new(own: Vec<Arc<dyn Tool>>, servers: Servers) -> Self {
        Self { own, brought: Mutex::default(), servers: Arc::new(servers), current: Mutex::default(), started: OnceLock::new() }
    }

    /// Ours alone.
    #[must_use]
    pub fn own(&self) -> &[Arc<dyn Tool>] {
        &self.own
    }

    /// What folders bring. Returns the names that are taken: those are left out.
    pub fn bring(&self, mut tools: Vec<Arc<dyn Tool>>) -> Vec<String> {
        let taken: Vec<String> = reserved().into_iter().chain(self.own.iter().map(|tool| tool.id().to_owned())).collect();
        let is_taken = |tool: &Arc<dyn Tool>| taken.iter().any(|name| name.eq_ignore_ascii_case(tool.id()));
        let refused = tools.iter().filter(|tool| is_taken(tool)).map(|tool| tool.id().to_owned()).collect();
        tools.retain(|tool| !is_taken(tool));
        *self.brought.lock().unwrap_or_else(PoisonError::into_inner) = tools;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        refused
    }

    /// The MCP servers.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// All tools.
    #[must_use]
    pub fn all(&self) -> Arc<[Arc<dyn Tool>]> {
        let news = *self.servers.news().borrow();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_ref().filter(|current| current.news == news) {
            return Arc::clone(&current.all);
        }
        let (listed, clashing) = (self.servers.tools(), self.clashing());
        let theirs = listed
            .iter()
            .filter(|tool| !clashing.contains(&tool.name))
            .map(|tool| Arc::new(ServerTool::new(tool.clone(), Arc::clone(&self.servers))) as Arc<dyn Tool>);
        let readers = if self.servers.resources().is_empty() { Vec::new() } else { mcp_tools::readers(&self.servers) };
        let all: Arc<[Arc<dyn Tool>]> = {
            let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
            self.own.iter().cloned().chain(brought.iter().cloned()).chain(readers).chain(theirs).collect()
        };
        *current = Some(Current { news, all: Arc::clone(&all) });
        all
    }

    /// Starts the servers that do not run. Only while they are started for the first time it waits for them, and not long.
    pub async fn ready(&self) {
        if self.servers.is_empty() {
            return;
        }
        let since = *self.started.get_or_init(Instant::now);
        self.servers.start();
        let left = PATIENCE.saturating_sub(since.elapsed());
        if !left.is_zero() {
            self.servers.settle(left).await;
        }
    }

    /// What is wrong with servers, in words for the user.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let words = |status: mcp::Status| match status.state {
            State::Failed(why) => Some(format!("The MCP server `{}` cannot be used: {why}", status.name)),
            State::Ended(why) => Some(format!("The MCP server `{}` has ended and is started again: {why}", status.name)),
            _ => None,
        };
        let clashing =
            self.clashing().into_iter().map(|name| format!("The MCP tool `{name}` is not offered: there is another one of that name"));
        self.servers.status().into_iter().filter_map(words).chain(clashing).collect()
    }

    /// The names of servers' tools that tools of folders have already.
    fn clashing(&self) -> Vec<String> {
        let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        let is_taken = |name: &str| brought.iter().any(|tool| tool.id() == name);
        self.servers.tools().iter().filter(|tool| is_taken(&tool.name)).map(|tool| tool.name.clone()).collect()
    }
}

/// The MCP servers of a configuration that can be used; faces tell of the others. None is started, and those in `held` not before they are allowed. `folders`
/// hold logins, the last of them is our own.
#[must_use]
pub fn servers(config: &Config, held: &[&str], places: mcp::Places, folders: &[&Path]) -> Servers {
    let timeout = config.other.get("experimental").and_then(|experimental| experimental["mcp_timeout"].as_u64());
    let (mut servers, problems) = mcp::configured(config.other.get("mcp"), timeout);
    problems.iter().for_each(|problem| tracing::warn!("{problem}"));
    servers.iter_mut().for_each(|server| server.held = held.contains(&&*server.name));
    let files = folders.iter().map(|folder| folder.join("mcp-auth.json")).collect();
    Servers::new(servers, places, files, reserved())
}

/// Names of our own, which no tool of a server may have: those of tools, and of permissions.
#[must_use]
pub fn reserved() -> Vec<String> {
    let own = tools::all_tools();
    let names = own.iter().flat_map(|tool| [tool.id().to_owned(), tool.permission().to_owned()]);
    let mut names: Vec<String> = names.chain(PERMISSIONS.map(str::to_owned)).chain(mcp_tools::READERS.map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    names
}
