//! What the files of the configuration say, as a turn takes it along.
//!
//! Must not know when they are read again, nor what becomes of a value.
//!
//! **Invariant:** it never changes: a turn ends with the settings that it began with.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use config::{Config, Env, Problem};
use providers::Registry;
use tools::{Formatters, Guides, Limits};

use crate::Places;
use crate::engine::{Brought, usable_shell};
use crate::remote::Remote;
use crate::shared::{Instruction, InstructionsNow};

/// What was read.
pub struct Said {
    /// The configuration.
    pub config: Arc<Config>,
    /// The models.
    pub registry: Registry,
    /// Reads AGENTS.md and the like: once at the start, and again for each message.
    pub instructions: InstructionsNow,
    /// Addresses of further ones, each with whether the user's own configuration names it.
    pub instruction_urls: Vec<(String, bool)>,
    /// What the model may read when a task calls for it.
    pub skills: Vec<config::Skill>,
    /// What is brought to be run.
    pub brought: Brought,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// The files and folders that were looked at.
    pub looked_at: BTreeSet<PathBuf>,
}

/// Reads the configuration again.
pub type Again = Arc<dyn Fn() -> Said + Send + Sync>;

/// What counts for a turn.
pub struct Settings {
    /// The configuration.
    pub config: Arc<Config>,
    /// The models.
    pub registry: Registry,
    /// Instructions of the project's folders, and skills.
    pub guides: Arc<Guides>,
    /// What formats what the agent writes.
    pub(crate) formatters: Arc<Formatters>,
    /// The shell that runs commands.
    pub(crate) shell: PathBuf,
    /// How much of an output the model is given.
    pub(crate) limits: Limits,
    /// Reads AGENTS.md and the like.
    pub(crate) instructions: InstructionsNow,
    /// Those that have addresses.
    pub(crate) remote: Arc<Remote>,
}

impl Settings {
    /// Of what was read, and the instruction files that there are. Addresses that were there `before` are not fetched again.
    pub(crate) fn of(said: &Said, env: &Env, places: &Places, before: Option<&Self>) -> (Arc<Self>, Vec<Instruction>) {
        let (config, directory) = (Arc::clone(&said.config), places.directory.clone());
        let instructions = (said.instructions)();
        let known = before.map(|before| &before.remote).filter(|remote| remote.is_of(&said.instruction_urls));
        let remote = known
            .cloned()
            .unwrap_or_else(|| Arc::new(Remote::new(said.instruction_urls.clone(), places.data.join("instructions"), env.clone())));
        let always = instructions.iter().map(|(path, _)| path.clone()).collect();
        let guides = Guides { directory, env: env.clone(), always, skills: said.skills.clone() };
        let shell = config.shell.clone().or_else(|| std::env::var("SHELL").ok());
        let settings = Self {
            registry: said.registry.clone(),
            guides: Arc::new(guides),
            formatters: Arc::new(Formatters::new(config.formatter.as_ref())),
            shell: usable_shell(shell.as_deref()),
            limits: Limits { lines: config.tool_output.max_lines, bytes: config.tool_output.max_bytes },
            instructions: Arc::clone(&said.instructions),
            remote,
            config,
        };
        (Arc::new(settings), instructions)
    }

    /// Whether both say the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.config == other.config && self.guides.skills == other.guides.skills && Arc::ptr_eq(&self.remote, &other.remote)
    }

    /// A number that stands for what it says.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(serde_json::json!(*self.config).to_string().as_bytes());
        hasher.update(format!("{:?}", self.guides.skills).as_bytes());
        hasher.finalize().to_hex()[..32].to_owned()
    }
}
