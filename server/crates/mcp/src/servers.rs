//! All servers of one project, as the engine sees them.
//!
//! Must not know who asks, nor what is allowed.
//!
//! **Invariant:** nothing is started before [`Servers::start`]; no server is waited for longer than the caller says; what is listed is sorted.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::content::{self, Content};
use crate::live::{Places, StartError};
use crate::login::Logins;
use crate::peer::{Lost, RequestError};
use crate::server::{Phase, Server, World};
use crate::settings::ServerConfig;
use crate::tame::{self, Names, Prompt, Resource, Tool};

/// Why a call brought nothing. The texts are for the model.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Something failed.
    #[error("{0}")]
    Failed(String),
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not to be used.
    Disabled,
    /// It may not be started yet.
    Held,
    /// It was not needed yet.
    Idle,
    /// It is being started.
    Starting,
    /// It answers. Its own name and version.
    Running(String),
    /// It ended, and is started again.
    Ended(String),
    /// It cannot be used.
    Failed(StartError),
    /// It was ended.
    Stopped,
}

/// A server and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The user's name for it.
    pub name: String,
    /// How it is.
    pub state: State,
    /// How many tools, prompts and resources it has.
    pub has: [usize; 3],
}

/// All servers.
pub struct Servers {
    servers: Vec<Arc<Server>>,
    world: Arc<World>,
    tools: Mutex<Listed>,
}

/// The tools as they were listed last.
struct Listed {
    names: Names,
    news: u64,
    tools: Arc<[Tool]>,
}

impl Servers {
    /// Starts nothing. `reserved` are names that none of their tools may have; `files` hold logins, the last of them is our own.
    #[must_use]
    pub fn new(configured: Vec<ServerConfig>, places: Places, files: Vec<PathBuf>, reserved: impl IntoIterator<Item = String>) -> Self {
        let Places { directory, roots } = places;
        let world = World { directory, roots: watch::Sender::new(roots), logins: Logins::new(files), news: watch::Sender::new(0) };
        Self {
            servers: configured.into_iter().map(Server::new).collect(),
            world: Arc::new(world),
            tools: Mutex::new(Listed { names: Names::new(reserved), news: 0, tools: Arc::new([]) }),
        }
    }

    /// Whether none is to be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.servers.iter().any(|server| server.config.enabled)
    }

    /// A server that was held may be started from now on.
    pub fn allow(&self, name: &str) {
        self.servers.iter().filter(|server| server.config.name == name).for_each(|server| server.allow());
    }

    /// Whether a server is to be used and may not be started yet.
    #[must_use]
    pub fn is_held(&self, name: &str) -> bool {
        let held = |server: &Arc<Server>| server.config.enabled && matches!(*server.phase.borrow(), Phase::Held);
        self.servers.iter().any(|server| server.config.name == name && held(server))
    }

    /// Starts those that do not run, all at once, and waits for none.
    pub fn start(&self) {
        self.servers.iter().for_each(|server| server.start(&self.world));
    }

    /// Waits until none is being started for the first time, but no longer than `limit`.
    pub async fn settle(&self, limit: Duration) {
        let all = async {
            for server in &self.servers {
                // An error says that it is gone.
                let _ = server.phase.subscribe().wait_for(|phase| !matches!(phase, Phase::Starting)).await;
            }
        };
        // Those that are not ready yet are found at a later step.
        let _ = tokio::time::timeout(limit, all).await;
    }

    /// The project's folders are others now: those that are asked by a server, and it is told so.
    pub fn set_roots(&self, roots: Vec<PathBuf>) {
        self.world.roots.send_if_modified(|known| {
            let differ = *known != roots;
            *known = roots;
            differ
        });
    }

    /// Counts how often what some server has was found to be different.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.world.news.subscribe()
    }

    /// All tools of all servers, sorted by name.
    #[must_use]
    pub fn tools(&self) -> Arc<[Tool]> {
        let news = *self.world.news.borrow();
        let mut listed = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        if listed.news != news {
            listed.news = news;
            let of = |server: &Arc<Server>| tame::tools(&server.config.name, &server.known().lists.tools, &mut listed.names);
            let mut tools: Vec<Tool> = self.servers.iter().flat_map(of).collect();
            tools.sort_by(|a, b| a.name.cmp(&b.name));
            // The same list stays the same.
            if *listed.tools != *tools {
                listed.tools = tools.into();
            }
        }
        Arc::clone(&listed.tools)
    }

    /// What servers say about themselves, by name.
    #[must_use]
    pub fn instructions(&self) -> Vec<(String, String)> {
        let of = |server: &Arc<Server>| (server.config.name.clone(), server.known().instructions.clone());
        let mut all: Vec<_> = self.servers.iter().map(of).filter(|(_, words)| !words.is_empty()).collect();
        all.sort();
        all
    }

    /// All prompts, sorted.
    #[must_use]
    pub fn prompts(&self) -> Vec<Prompt> {
        let of = |server: &Arc<Server>| tame::prompts(&server.config.name, &server.known().lists.prompts);
        let mut all: Vec<Prompt> = self.servers.iter().flat_map(of).collect();
        all.sort_by(|a, b| (&a.server, &a.name).cmp(&(&b.server, &b.name)));
        all
    }

    /// All resources and templates of them, sorted.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource> {
        let of = |server: &Arc<Server>| {
            let known = server.known();
            let mut all = tame::resources(&server.config.name, &known.lists.resources, false);
            all.extend(tame::resources(&server.config.name, &known.lists.templates, true));
            all
        };
        let mut all: Vec<Resource> = self.servers.iter().flat_map(of).collect();
        all.sort_by(|a, b| (&a.server, &a.uri).cmp(&(&b.server, &b.uri)));
        all
    }

    /// Whether there is a server of that name to be used.
    #[must_use]
    pub fn knows(&self, server: &str) -> bool {
        self.servers.iter().any(|known| known.config.enabled && known.config.name == server)
    }

    /// Calls a tool. `on_progress` is told how far it is, as the server says it.
    ///
    /// # Errors
    /// In words for the model.
    pub async fn call(
        &self,
        server: &str,
        tool: &str,
        args: Value,
        cancel: &CancellationToken,
        on_progress: &(dyn Fn(&Value) + Sync),
    ) -> Result<Content, CallError> {
        let params = json!({ "name": tool, "arguments": args });
        self.ask(server, "tools/call", params, cancel, on_progress).await.map(content::of_call)
    }

    /// What a prompt says, with arguments by their places.
    ///
    /// # Errors
    /// In words for the user.
    pub async fn prompt(&self, server: &str, name: &str, given: &[String], cancel: &CancellationToken) -> Result<Content, CallError> {
        self.server(server)?.running().await.map_err(CallError::Failed)?;
        let known = self.prompts().into_iter().find(|prompt| prompt.server == server && prompt.name == name);
        let prompt = known.ok_or_else(|| CallError::Failed(format!("the MCP server `{server}` has no prompt `{name}`")))?;
        let arguments = tame::prompt_arguments(&prompt, given);
        if let Some((missing, _)) = prompt.arguments.iter().find(|(name, needed)| *needed && !arguments.contains_key(name)) {
            return Err(CallError::Failed(format!("/{server}:{name} needs an argument: {missing}")));
        }
        self.ask(server, "prompts/get", json!({ "name": name, "arguments": arguments }), cancel, &|_| {}).await.map(content::of_prompt)
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// In words for the model.
    pub async fn read(&self, server: &str, uri: &str, cancel: &CancellationToken) -> Result<Content, CallError> {
        self.ask(server, "resources/read", json!({ "uri": uri }), cancel, &|_| {}).await.map(content::of_resource)
    }

    fn server(&self, name: &str) -> Result<&Arc<Server>, CallError> {
        let found = self.servers.iter().find(|server| server.config.enabled && server.config.name == name);
        let server = found.ok_or_else(|| CallError::Failed(format!("there is no MCP server `{name}`")))?;
        server.start(&self.world);
        Ok(server)
    }

    async fn ask(
        &self,
        name: &str,
        method: &str,
        params: Value,
        cancel: &CancellationToken,
        on_progress: &(dyn Fn(&Value) + Sync),
    ) -> Result<Value, CallError> {
        let server = self.server(name)?;
        let running = async || {
            tokio::select! {
                live = server.running() => live.map_err(CallError::Failed),
                () = cancel.cancelled() => Err(CallError::Cancelled),
            }
        };
        let limit = server.config.call_limit;
        let live = running().await?;
        let mut asked = live.peer.request(method, params.clone(), limit, cancel, on_progress).await;
        if matches!(asked, Err(RequestError::Lost(Lost::Session))) {
            // It has not done anything: it does not know us any more. A new session begins by itself.
            server.after(&live).await;
            asked = running().await?.peer.request(method, params, limit, cancel, on_progress).await;
        }
        asked.map_err(|error| match error {
            RequestError::Cancelled => CallError::Cancelled,
            RequestError::Server(error) => CallError::Failed(format!("the MCP server `{name}` refused: {error}")),
            RequestError::Ended(why) => CallError::Failed(format!(
                "the MCP server `{name}` ended during this call ({why}). What the call has done is not known. The server is started again."
            )),
            RequestError::Time(limit) => CallError::Failed(format!(
                "the MCP server `{name}` gave no answer within {} s (`timeout` of mcp.{name} in the configuration); the call was given up, what it has done is not known",
                limit.as_secs_f32()
            )),
            RequestError::Lost(Lost::Login(_)) => {
                CallError::Failed(format!("the MCP server `{name}` wants a new login: the user has to run `interline mcp auth {name}`"))
            }
            RequestError::Lost(lost) => CallError::Failed(format!("the MCP server `{name}` could not be asked: {lost}")),
        })
    }

    /// How each is, in the configuration's order.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let of = |server: &Arc<Server>| {
            let known = server.known();
            let state = match &*server.phase.borrow() {
                _ if !server.config.enabled => State::Disabled,
                Phase::Held => State::Held,
                Phase::Idle => State::Idle,
                Phase::Starting => State::Starting,
                Phase::Running(_) => State::Running(known.about.clone()),
                Phase::Ended(why) => State::Ended(why.clone()),
                Phase::Failed(error, _) => State::Failed(error.clone()),
                Phase::Stopped => State::Stopped,
            };
            let has = [known.lists.tools.len(), known.lists.prompts.len(), known.lists.resources.len()];
            Status { name: server.config.name.clone(), state, has }
        };
        self.servers.iter().map(of).collect()
    }

    /// Ends all; after `limit` without ceremony.
    pub async fn shut_down(&self, limit: Duration) {
        self.servers.iter().for_each(|server| server.stop(limit));
        let all = async {
            for server in &self.servers {
                server.stopped().await;
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            self.servers.iter().for_each(|server| server.kill());
        }
    }
}
