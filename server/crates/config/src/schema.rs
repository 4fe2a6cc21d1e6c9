//! The keys, as OpenCode names them.
//!
//! **Invariant:** every field is optional, and maps keep the order in which they were written (permission rules depend on it).

use indexmap::IndexMap;
use proto::Action;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::commands;

/// One value, or several in the order in which they are tried (Interline's failover chain).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The first; empty if there is none.
    #[must_use]
    pub fn first(&self) -> &str {
        match self {
            Self::One(value) => value,
            Self::Many(values) => values.first().map_or("", String::as_str),
        }
    }

    /// All, in their order.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// The whole configuration, merged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `provider/model`.
    pub model: Option<OneOrMany>,
    /// For titles and summaries.
    pub small_model: Option<String>,
    /// The agent that answers where none is named.
    pub default_agent: Option<String>,
    /// The shell that runs commands.
    pub shell: Option<String>,
    /// Providers by id.
    pub provider: IndexMap<String, ProviderConfig>,
    /// Providers that are not used.
    pub disabled_providers: Vec<String>,
    /// The only providers that are used.
    pub enabled_providers: Option<Vec<String>>,
    /// Agents by name.
    pub agent: IndexMap<String, AgentConfig>,
    /// Slash commands by name.
    pub command: IndexMap<String, CommandConfig>,
    /// Further instruction files: paths, globs, URLs.
    pub instructions: Vec<String>,
    /// What is allowed.
    pub permission: Option<PermissionConfig>,
    /// What may be spent.
    pub budget: BudgetConfig,
    /// How much of a tool's output the model is given.
    pub tool_output: ToolOutputConfig,
    /// How large images may be.
    pub attachment: AttachmentConfig,
    /// When the conversation is summarised.
    pub compaction: CompactionConfig,
    /// False: no undo of what shell commands did.
    pub snapshot: Option<bool>,
    /// The user's name.
    pub username: Option<String>,
    /// What formats the agent's changes; nothing if absent.
    pub formatter: Option<FormatterConfig>,
    /// Whether an edit is first tried out by a language server; where that is quick, if absent.
    pub preflight: Option<bool>,
    /// Keys that are known to OpenCode and kept as they were written: `mcp`, `lsp`, `share`, `server`, `skills`, `references`, `experimental`, …
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `permission`: one action for everything, or a map by permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PermissionConfig {
    /// `allow`, `ask` or `deny` for everything.
    All(Action),
    /// By permission, in the order written.
    Map(IndexMap<String, PermissionValue>),
    /// OpenCode 2's list.
    Rules(Vec<PermissionRule>),
}

/// An entry of OpenCode 2's `permissions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRule {
    /// The permission.
    pub action: String,
    /// The pattern; `*` if absent.
    #[serde(default = "any_resource")]
    pub resource: String,
    /// What then.
    pub effect: Action,
}

fn any_resource() -> String {
    "*".to_owned()
}

/// What stands at one permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PermissionValue {
    /// For every pattern.
    All(Action),
    /// By pattern, in the order written.
    Patterns(IndexMap<String, Action>),
}

/// `provider.<id>`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderConfig {
    /// Names the wire protocol, by OpenCode's npm package names; `@ai-sdk/openai-compatible` if absent.
    pub npm: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// Base URL.
    pub api: Option<String>,
    /// Environment variables that may hold the key.
    pub env: Vec<String>,
    /// How to reach it.
    pub options: ProviderOptions,
    /// Its models by key.
    pub models: IndexMap<String, ModelConfig>,
    /// The only models that are used.
    pub whitelist: Option<Vec<String>>,
    /// Models that are not used.
    pub blacklist: Vec<String>,
}

/// `provider.<id>.options`. `Debug` never shows the key.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProviderOptions {
    /// The key.
    pub api_key: Option<String>,
    /// Base URL, such as `http://127.0.0.1:11434/v1`.
    #[serde(rename = "baseURL")]
    pub base_url: Option<String>,
    /// Further headers.
    pub headers: IndexMap<String, String>,
    /// For a whole request, in milliseconds; `false` for none.
    pub timeout: Option<Value>,
    /// For the answer's head, in milliseconds (300000).
    pub header_timeout: Option<u64>,
    /// Between two pieces of a stream, in milliseconds (300000).
    pub chunk_timeout: Option<u64>,
    /// Anything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl std::fmt::Debug for ProviderOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderOptions")
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("base_url", &self.base_url)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// US dollars for a million tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// Read anew.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read from the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<f64>,
    /// Written to the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    /// Thought; as much as written if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<f64>,
    /// Other prices where the input is long, each with its `tier`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Cost>,
    /// Of an entry of `tiers`: where it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Other prices where the input is longer than 200,000 tokens; `tiers` count over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_over_200k: Option<Box<Cost>>,
}

/// Where prices of a tier begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tier {
    /// What is measured: `context` is the input, cached or not.
    #[serde(rename = "type")]
    pub kind: String,
    /// In tokens: they hold above it.
    pub size: u64,
}

/// In tokens. 0 is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// What a request and its answer may be together.
    pub context: u64,
    /// What the request may be, where that is less.
    pub input: Option<u64>,
    /// What the answer may be.
    pub output: u64,
}

/// What a model takes and gives: `text`, `image`, `pdf`, …
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Modalities {
    /// Takes.
    pub input: Vec<String>,
    /// Gives.
    pub output: Vec<String>,
}

/// `provider.<id>.models.<key>`, in models.dev's schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// The name on the wire; the key if absent.
    pub id: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// Such as `claude-sonnet`.
    pub family: Option<String>,
    /// Takes attachments.
    pub attachment: Option<bool>,
    /// Thinks.
    pub reasoning: Option<bool>,
    /// Takes a temperature.
    pub temperature: Option<bool>,
    /// Calls tools; true if absent.
    pub tool_call: Option<bool>,
    /// True, a field's name, or `{field}`: where thoughts go in Chat Completions messages.
    pub interleaved: Option<Value>,
    /// Prices.
    pub cost: Option<Cost>,
    /// Limits.
    pub limit: Option<Limit>,
    /// What it takes and gives.
    pub modalities: Option<Modalities>,
    /// Merged into the request's body.
    pub options: Map<String, Value>,
    /// Further headers.
    pub headers: IndexMap<String, String>,
    /// `{npm, api}`: another protocol or address for this model.
    pub provider: Option<Value>,
    /// Anything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// When an agent is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentMode {
    /// To the user.
    Primary,
    /// To other agents.
    Subagent,
    /// To both.
    All,
}

/// `agent.<name>`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    /// `provider/model`.
    pub model: Option<OneOrMany>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// Replaces the family's system prompt.
    pub prompt: Option<String>,
    /// When to use it.
    pub description: Option<String>,
    /// To whom it is offered.
    pub mode: Option<AgentMode>,
    /// Not in the `@` menu.
    pub hidden: Option<bool>,
    /// Most steps of a turn.
    pub steps: Option<u32>,
    /// A name of the model's own for how much it thinks; only for the agent's own model.
    pub variant: Option<String>,
    /// For faces that show colours.
    pub color: Option<String>,
    /// What it may do, after the user's own rules. The deprecated `tools` are in here.
    pub permission: Option<PermissionConfig>,
    /// It is not there.
    pub disable: Option<bool>,
    /// Options for the provider; keys that are known as such are among them, as in OpenCode.
    pub options: Map<String, Value>,
    /// Keys that nobody knows: for providers that take any option, as in OpenCode.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub unknown: Map<String, Value>,
}

/// `command.<name>`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandConfig {
    /// With `$ARGUMENTS`, `$1`, `` !`cmd` `` and `@file`.
    pub template: String,
    /// For people.
    pub description: Option<String>,
    /// The agent for this message.
    pub agent: Option<String>,
    /// The model for this message.
    pub model: Option<String>,
    /// How much the model is to think for this message, by a name of its own.
    pub variant: Option<String>,
    /// Run as a subagent.
    pub subtask: Option<bool>,
    /// What is to be written behind its name, for people.
    #[serde(rename = "argument-hint", skip_serializing_if = "Option::is_none")]
    pub argument_hint: Option<String>,
}

impl CommandConfig {
    /// What is told of it where commands are listed: what it takes, and what it is for.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        commands::shown(self.argument_hint.as_ref(), self.description.as_ref())
    }
}

/// `formatter`: all that are known or none, or a map by name, which also adds to those that are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FormatterConfig {
    /// All that are known and fit the project; or none.
    All(bool),
    /// The same, but for these.
    Map(IndexMap<String, FormatterEntry>),
}

/// `formatter.<name>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormatterEntry {
    /// It is not used.
    pub disabled: bool,
    /// The program and its arguments. `$FILE` stands for the file, which it rewrites; without one it reads the text and prints what it makes of it.
    pub command: Option<Vec<String>>,
    /// Variables for it.
    pub environment: IndexMap<String, String>,
    /// The ends of the names of the files that it is for, such as `.rs`.
    pub extensions: Option<Vec<String>>,
}

/// `budget`, in US dollars. Interline's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetConfig {
    /// By one turn, subagents included.
    pub turn: Option<f64>,
    /// By one session.
    pub session: Option<f64>,
    /// By all sessions of a local day.
    pub day: Option<f64>,
}

/// `tool_output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolOutputConfig {
    /// Lines.
    pub max_lines: usize,
    /// Bytes.
    pub max_bytes: usize,
}

impl Default for ToolOutputConfig {
    fn default() -> Self {
        Self { max_lines: 2000, max_bytes: 51_200 }
    }
}

/// `attachment`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttachmentConfig {
    /// Images that go with a message, or that a call brings.
    pub image: ImageConfig,
}

/// `attachment.image`: what is sent to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// Whether what is larger is made smaller; else it is sent up to the bytes below.
    pub auto_resize: bool,
    /// Pixels.
    pub max_width: u32,
    /// Pixels.
    pub max_height: u32,
    /// Bytes of its text in base64.
    pub max_base64_bytes: usize,
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self { auto_resize: true, max_width: 2000, max_height: 2000, max_base64_bytes: 5 << 20 }
    }
}

impl ImageConfig {
    /// Most bytes of a file.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.max_base64_bytes / 4 * 3
    }
}

/// `compaction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompactionConfig {
    /// Summarise before the context is full.
    pub auto: bool,
    /// Drop old tool outputs.
    pub prune: bool,
    /// Turns kept verbatim.
    pub tail_turns: Option<u32>,
    /// Tokens kept verbatim.
    pub preserve_recent_tokens: Option<u64>,
    /// Tokens kept free.
    pub reserved: Option<u64>,
}

impl Default for CompactionConfig {
    fn default() -> Self {
        Self { auto: true, prune: false, tail_turns: None, preserve_recent_tokens: None, reserved: None }
    }
}
