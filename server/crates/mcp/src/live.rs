//! A server that is reached: from the first message to the last, and what it says that it has.
//!
//! Must not know when a server is started, nor what its tools are used for.
//!
//! **Invariant:** a server is asked for nothing that it did not announce, and each list has an end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio_util::sync::CancellationToken;

use crate::http;
use crate::peer::{Lost, Peer, RequestError};
use crate::process::{self, Process};
use crate::rpc;
use crate::server::World;
use crate::settings::{Local, Reach, ServerConfig};
use crate::stdio;
use crate::tame::{self, MOST};

/// The newest version of the protocol that we speak.
const VERSION: &str = "2025-06-18";
/// All that are understood: what is newer than ours adds nothing that a client has to know.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", VERSION, "2025-11-25"];
/// How long a process that has ended may still be heard.
const ECHO: Duration = Duration::from_millis(200);
/// How long a server's prompts and resources are waited for.
const ASIDE: Duration = Duration::from_secs(5);
/// Most pages of a list.
const PAGES: usize = 100;
/// Most characters of what a server says about itself.
const INSTRUCTIONS: usize = 2000;

/// Where servers work.
#[derive(Clone, Debug)]
pub struct Places {
    /// The project's folder.
    pub directory: PathBuf,
    /// All of its folders, as they are at the start.
    pub roots: Vec<PathBuf>,
}

/// Why a server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It wants a login.
    #[error("it wants a login: run `interline mcp auth {name}`")]
    Login {
        /// The server.
        name: String,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// A server that is reached.
pub(crate) struct Live {
    pub peer: Arc<Peer>,
    capabilities: Value,
    /// What it says about itself.
    pub instructions: String,
    /// Its own name and version.
    pub about: String,
    process: Option<Process>,
    http: Option<Arc<http::Http>>,
}

/// What a server has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    pub tools: Vec<Value>,
    pub prompts: Vec<Value>,
    pub resources: Vec<Value>,
    pub templates: Vec<Value>,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tools,
    Prompts,
    Resources,
}

/// Starts or reaches a server, and greets it.
pub(crate) async fn connect(config: &ServerConfig, world: &World) -> Result<Live, StartError> {
    let limit = config.start_limit;
    match &config.reach {
        Reach::Local(local) => {
            let (peer, process) = spawn(&config.name, local, world)?;
            let live = Live {
                peer,
                capabilities: Value::Null,
                instructions: String::new(),
                about: String::new(),
                process: Some(process),
                http: None,
            };
            live.greet(limit).await.map_err(|error| explain(&config.name, error))
        }
        Reach::Remote(remote) => {
            let (peer, http) = http::start(&config.name, remote, world).map_err(StartError::Failed)?;
            let live = Live {
                peer,
                capabilities: Value::Null,
                instructions: String::new(),
                about: String::new(),
                process: None,
                http: Some(http),
            };
            match live.greet(limit).await {
                // What servers of the older way say to the newer one.
                Err(RequestError::Lost(Lost::Status(400 | 404 | 405 | 406 | 415, why))) => {
                    let (peer, http) = http::start_older(&config.name, remote, world, limit).await.map_err(|error| match error {
                        Lost::Login(_) => explain(&config.name, error.into()),
                        error => StartError::Failed(format!("it speaks neither of the protocol's ways over HTTP{why}: {error}")),
                    })?;
                    let live = Live {
                        peer,
                        capabilities: Value::Null,
                        instructions: String::new(),
                        about: String::new(),
                        process: None,
                        http: Some(http),
                    };
                    live.greet(limit).await
                }
                greeted => greeted,
            }
            .map_err(|error| explain(&config.name, error))
        }
    }
}

fn explain(name: &str, error: RequestError) -> StartError {
    match error {
        RequestError::Lost(Lost::Login(_)) => StartError::Login { name: name.to_owned() },
        RequestError::Time(limit) => StartError::Failed(format!("it did not answer within {} s", limit.as_secs_f32())),
        error => StartError::Failed(error.to_string()),
    }
}

fn spawn(name: &str, local: &Local, world: &World) -> Result<(Arc<Peer>, Process), StartError> {
    let program = local.command.first().map_or("", String::as_str);
    let (process, input, output) =
        process::start(local, &world.directory).map_err(|error| StartError::Failed(format!("`{program}` cannot be started: {error}")))?;
    let (peer, outgoing) = Peer::new(name, world.roots.subscribe());
    tokio::spawn(stdio::write(input, outgoing, Arc::clone(&peer)));
    let mut exit = process.exit();
    let reader = Arc::clone(&peer);
    tokio::spawn(async move {
        let reading = stdio::read(BufReader::new(output), &reader);
        tokio::pin!(reading);
        let why = tokio::select! {
            why = &mut reading => {
                let exit = tokio::time::timeout(ECHO * 2, exit.wait_for(Option::is_some)).await;
                exit.ok().and_then(|exit| exit.ok()?.clone()).unwrap_or(why)
            }
            how = async { exit.wait_for(Option::is_some).await.ok().and_then(|how| how.clone()) } => {
                // What it said before is heard first.
                let _ = tokio::time::timeout(ECHO, &mut reading).await;
                how.unwrap_or_else(|| "its process is gone".to_owned())
            }
        };
        reader.end(&why);
    });
    Ok((peer, process))
}

impl Live {
    async fn greet(mut self, limit: Duration) -> Result<Self, RequestError> {
        let params = json!({
            "protocolVersion": VERSION,
            "capabilities": { "roots": { "listChanged": true } },
            "clientInfo": { "name": "interline", "version": env!("CARGO_PKG_VERSION") },
        });
        let mut answer = self.peer.request("initialize", params, limit, &CancellationToken::new(), &|_| {}).await?;
        // One that says none is taken at its word later.
        let version = answer["protocolVersion"].as_str().unwrap_or(VERSION);
        if !VERSIONS.contains(&version) {
            let version = tame::words(version, 40);
            return Err(Lost::Broken(format!("it speaks version `{version}` of the protocol, which is not known here")).into());
        }
        if let Some(http) = &self.http {
            http.speaks(version);
        }
        self.peer.notify("notifications/initialized", &Value::Null);
        self.instructions = tame::words(answer["instructions"].as_str().unwrap_or_default(), INSTRUCTIONS);
        let about = |key: &str| tame::words(answer["serverInfo"][key].as_str().unwrap_or_default(), 100);
        self.about = format!("{} {}", about("name"), about("version")).split_whitespace().collect::<Vec<_>>().join(" ");
        self.capabilities = rpc::take(&mut answer, "capabilities");
        Ok(self)
    }

    /// Whether it has any of these.
    fn has(&self, kind: Kind) -> bool {
        let key = match kind {
            Kind::Tools => "tools",
            Kind::Prompts => "prompts",
            Kind::Resources => "resources",
        };
        self.capabilities[key].is_object()
    }

    /// Listens to what it says by itself, where that needs a connection of its own.
    pub fn listen(&self) {
        if let Some(http) = &self.http {
            http.listen();
        }
    }

    /// Lists all that it has. Prompts and resources that cannot be listed, or not soon, are none: they hold no tools up.
    pub async fn lists(&self, limit: Duration) -> Result<Lists, RequestError> {
        let aside = ASIDE.min(limit);
        let (tools, prompts, resources, templates) = tokio::join!(
            self.list(Kind::Tools, "tools/list", "tools", limit),
            self.list(Kind::Prompts, "prompts/list", "prompts", aside),
            self.list(Kind::Resources, "resources/list", "resources", aside),
            self.list(Kind::Resources, "resources/templates/list", "resourceTemplates", aside),
        );
        Ok(Lists {
            tools: tools?,
            prompts: prompts.unwrap_or_default(),
            resources: resources.unwrap_or_default(),
            templates: templates.unwrap_or_default(),
        })
    }

    async fn list(&self, kind: Kind, method: &str, key: &str, limit: Duration) -> Result<Vec<Value>, RequestError> {
        if self.has(kind) { self.pages(method, key, limit).await } else { Ok(Vec::new()) }
    }

    async fn pages(&self, method: &str, key: &str, limit: Duration) -> Result<Vec<Value>, RequestError> {
        let (mut all, mut cursor) = (Vec::new(), Value::Null);
        for _ in 0..PAGES {
            let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
            let mut page = self.peer.request(method, params, limit, &CancellationToken::new(), &|_| {}).await?;
            if let Value::Array(items) = rpc::take(&mut page, key) {
                all.extend(items);
            }
            let next = rpc::take(&mut page, "nextCursor");
            if !next.is_string() || next == cursor || all.len() >= MOST {
                break;
            }
            cursor = next;
        }
        Ok(all)
    }

    /// Ends it.
    pub async fn close(&self, patience: Duration) {
        self.peer.end("it was ended");
        if let Some(process) = &self.process {
            process.end(patience).await;
        }
        if let Some(http) = &self.http {
            http.close(patience).await;
        }
    }

    /// Ends its process at once.
    pub fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Its tasks end with the conversation.
        self.peer.end("it was ended");
    }
}
