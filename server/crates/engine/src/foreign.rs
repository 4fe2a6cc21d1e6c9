//! MCP servers that the project brings, and the user's consent to each.
//!
//! Owns which of them may be started. Must not know how a server is reached, nor how a prompt looks.
//!
//! **Invariant:** none is started before the user's own configuration, or the user, allowed exactly that entry with the files of the project that it names;
//! what the project says about it counts for nothing, and no turn waits for the answer.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use config::{ForeignProgram, ForeignProvider, ForeignServer, Loaded};
use permission::Action;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tools::{Ask, Asker as _, Custom, Denied};

use crate::extras::{PERMISSION, standing};
use crate::prompts::CallAsker;
use crate::shared::Shared;

/// A server, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name in the configuration.
    pub name: String,
    /// The pattern of `permission.project_code` that means exactly this one, as it is now.
    pub pattern: String,
    /// What it runs, or where it is, for the user.
    pub shown: String,
}

/// The servers of a project.
pub struct Foreign {
    servers: Vec<Named>,
    /// What the user's own configuration says of what projects bring.
    trust: Vec<(String, Action)>,
    /// Those that the user was asked about in this process, each with what takes the prompt back.
    asked: Mutex<HashMap<String, CancellationToken>>,
    end: CancellationToken,
}

impl Foreign {
    /// Nobody is asked yet.
    #[must_use]
    pub fn new(servers: Vec<Named>, trust: Vec<(String, Action)>) -> Self {
        Self { servers, trust, asked: Mutex::default(), end: CancellationToken::new() }
    }

    /// Lets those be started that are allowed already. False if one still waits for an answer, or was never asked for.
    pub fn release(&self, shared: &Shared) -> bool {
        let servers = shared.tools.servers();
        let held = || self.servers.iter().filter(|server| servers.is_held(&server.name));
        if held().next().is_none() {
            return true;
        }
        // The user may have allowed one elsewhere since.
        shared.recall_approvals();
        for server in held().filter(|server| standing(&self.trust, &shared.prompts, &server.pattern) == Action::Allow) {
            servers.allow(&server.name);
            if let Some(prompt) = self.asked().remove(&server.name) {
                prompt.cancel();
            }
        }
        held().all(|server| self.asked().contains_key(&server.name))
    }

    /// Asks for those that nothing is known of, each once and beside the turn. What is to be told to the user is returned.
    pub fn ask(&self, shared: &Arc<Shared>, asker: impl Fn(CancellationToken) -> CallAsker) -> Vec<String> {
        let mut told = Vec::new();
        for server in &self.servers {
            let unknown = standing(&self.trust, &shared.prompts, &server.pattern) == Action::Ask;
            if !shared.tools.servers().is_held(&server.name) || self.asked().contains_key(&server.name) {
                continue;
            }
            let prompt = self.end.child_token();
            self.asked().insert(server.name.clone(), prompt.clone());
            if !unknown {
                continue;
            }
            let what = format!(
                "The MCP server `{}` is not started before you allow it, because the project brings it: {}",
                server.name, server.shown
            );
            if !shared.interactive {
                told.push(format!("{what}. There is nobody to ask here: `interline mcp allow {}` allows it", server.name));
                continue;
            }
            told.push(format!("{what}. The turn goes on without its tools"));
            tokio::spawn(await_consent(Arc::clone(shared), asker(prompt), server.clone()));
        }
        told
    }

    /// Takes back what still waits.
    pub fn end(&self) {
        self.end.cancel();
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn await_consent(shared: Arc<Shared>, asker: CallAsker, server: Named) {
    let ask = Ask {
        permission: PERMISSION.to_owned(),
        patterns: vec![server.pattern.clone()],
        always: vec![server.pattern],
        metadata: json!({ "title": format!("Start the MCP server `{}` that this project brings: {}", server.name, server.shown), "command": server.shown }),
        place: None,
        // What the project's own rules say counts for nothing.
        always_ask: true,
    };
    match asker.ask(ask).await {
        Ok(()) => {
            shared.tools.servers().allow(&server.name);
            // Its tools are there at the next step.
            shared.tools.servers().start();
        }
        Err(Denied::Withdrawn) => {}
        Err(why) => tracing::info!(server = server.name, "a project's MCP server stays off: {why}"),
    }
}

/// The servers that a project in `directory` brings, each with what allows it.
#[must_use]
pub fn named(loaded: &Loaded, directory: &Path) -> Vec<Named> {
    let named = |server: &ForeignServer| Named {
        name: server.name.clone(),
        pattern: format!("mcp {} #{}", server.name, digest(&server.entry, directory)),
        shown: server.shown.clone(),
    };
    loaded.foreign_servers.iter().map(named).collect()
}

/// The other programs that a project in `directory` brings, each with what allows it.
#[must_use]
pub fn programs(loaded: &Loaded, directory: &Path) -> Vec<Named> {
    let named = |program: &ForeignProgram| Named {
        name: program.key.clone(),
        pattern: format!("{} #{}", program.key, digest(&program.entry, directory)),
        shown: program.shown.clone(),
    };
    loaded.foreign_programs.iter().map(named).collect()
}

/// A provider to whose requests the user's keys go with consent only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedProvider {
    /// What is asked for.
    pub named: Named,
    /// Whether something of the user's is in its entry, whatever key is found for it.
    pub secret: bool,
}

/// The providers whose requests a project has a say in, each with what allows it.
#[must_use]
pub fn providers(loaded: &Loaded) -> Vec<NamedProvider> {
    let named = |provider: &ForeignProvider| NamedProvider {
        named: Named {
            name: provider.name.clone(),
            pattern: format!("provider {} #{}", provider.name, &blake3::hash(provider.entry.to_string().as_bytes()).to_hex()[..32]),
            shown: provider.shown.clone(),
        },
        secret: provider.secret,
    };
    loaded.foreign_providers.iter().map(named).collect()
}

/// Of an entry, and of all files of the project that its command names.
fn digest(entry: &Value, directory: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(entry.to_string().as_bytes());
    let folder = directory.join(entry["cwd"].as_str().unwrap_or_default());
    let words = entry["command"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for part in words.flat_map(str::split_whitespace) {
        let file = folder.join(part);
        if file.starts_with(directory)
            && file.is_file()
            && let Some(digest) = Custom::digest(&file)
        {
            hasher.update(digest.as_bytes());
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
