//! What differs between servers and models that speak one wire format: as data.
//!
//! Owns the table. Must not know how a request is built: adapters ask the dialect, and name no provider.
//!
//! **Invariant:** pure; of two rows that fit, the later one counts.

use crate::which::{ALL, Which};
use crate::{Api, ResolvedModel};

/// What calls may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallIds {
    /// Anything.
    Any,
    /// Letters, digits, `_` and `-`.
    Word,
    /// Exactly nine letters and digits.
    Nine,
}

/// Which words tools' schemas may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schemas {
    /// All of JSON Schema.
    Whole,
    /// OpenAI's.
    OpenAi,
    /// Gemini's, which are a part of OpenAPI's.
    Gemini,
    /// Moonshot's.
    Moonshot,
}

/// How a server and a model want to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// The field for the most tokens to write (Chat).
    pub(crate) limit: &'static str,
    /// Whether the usage is asked for by `stream_options` (Chat).
    pub(crate) stream_options: bool,
    /// Whether thoughts go back in `reasoning_details`, and not in the field that the catalogue names (Chat).
    pub(crate) reasoning_details: bool,
    /// Whether the field for thoughts stands in each of the model's messages, even without any (Chat).
    pub(crate) always_thoughts: bool,
    /// Whether places are marked for the cache by `cache_control` (Chat).
    pub(crate) cache_control: bool,
    /// Whether the cache is named by `prompt_cache_key`, where the user does not say.
    pub(crate) cache_key: bool,
    pub(crate) call_ids: CallIds,
    /// Whether the model must speak between results and the user's next words (Chat).
    pub(crate) filler: bool,
    pub(crate) schemas: Schemas,
    /// Whether options that no table knows are sent as they are (Chat).
    pub(crate) unknown_options: bool,
    /// Whether `top_k` is taken (Chat).
    pub(crate) top_k: bool,
    /// Whether the system prompt comes from a `developer`, and temperature and `top_p` are refused (Responses).
    pub(crate) developer: bool,
    /// Whether a thought needs its id, although nothing is stored (Responses).
    pub(crate) item_ids: bool,
    /// Whether the first call of an answer needs a signature (Gemini).
    pub(crate) signed_calls: bool,
    /// What is switched on by `anthropic-beta` (Messages).
    pub(crate) betas: &'static [&'static str],
    /// Headers that hold the session's id, so that its requests reach the same cache.
    pub(crate) session_headers: &'static [&'static str],
}

const USUAL: Dialect = Dialect {
    limit: "max_tokens",
    stream_options: true,
    reasoning_details: false,
    always_thoughts: false,
    cache_control: false,
    cache_key: false,
    call_ids: CallIds::Any,
    filler: false,
    schemas: Schemas::Whole,
    unknown_options: true,
    top_k: false,
    developer: false,
    item_ids: false,
    signed_calls: false,
    betas: &[],
    session_headers: &["x-session-affinity", "x-session-id"],
};

/// One thing that differs.
#[derive(Clone, Copy, Debug)]
enum Differs {
    Limit(&'static str),
    NoStreamOptions,
    ReasoningDetails,
    AlwaysThoughts,
    CacheControl(bool),
    CacheKey,
    CallIds(CallIds),
    Filler,
    Schemas(Schemas),
    NoUnknownOptions,
    TopK,
    Developer,
    ItemIds,
    SignedCalls,
    Betas(&'static [&'static str]),
    SessionHeaders(&'static [&'static str]),
}

use Differs::{
    AlwaysThoughts, Betas, CacheControl, CacheKey, Developer, Filler, ItemIds, Limit, NoStreamOptions, NoUnknownOptions, ReasoningDetails,
    SessionHeaders, SignedCalls, TopK,
};

/// Mistral refuses fields that it does not know, and sends the usage anyway.
const MISTRAL: &[Differs] = &[NoStreamOptions, NoUnknownOptions, CacheKey];
/// Thoughts between calls, and arguments as they are written.
const ANTHROPIC: &[&str] = &["interleaved-thinking-2025-05-14", "fine-grained-tool-streaming-2025-05-14"];

static ROWS: &[(Which, &[Differs])] = &[
    // Models, wherever they are.
    (Which { model: &["*claude*"], ..ALL }, &[Differs::CallIds(CallIds::Word)]),
    (Which { model: &["*claude*", "*anthropic*"], ..ALL }, &[CacheControl(true)]),
    (
        Which { model: &["*mistral*", "*devstral*", "*codestral*", "*mixtral*", "*pixtral*"], ..ALL },
        &[Differs::CallIds(CallIds::Nine), Filler],
    ),
    (Which { model: &["*deepseek*"], ..ALL }, &[AlwaysThoughts]),
    (Which { model: &["*gemini*"], ..ALL }, &[Differs::Schemas(Schemas::Gemini)]),
    (Which { model: &["*kimi*", "*moonshot*", "k2p5*"], ..ALL }, &[Differs::Schemas(Schemas::Moonshot)]),
    (Which { model: &["*gpt-5*", "*gpt-6*", "o1*", "o3*", "o4*"], but: &["*-chat*"], ..ALL }, &[Developer]),
    (Which { model: &["*gemini-*"], but: &["*gemini-1*", "*gemini-2*"], ..ALL }, &[SignedCalls]),
    // Protocols.
    (Which { apis: &[Api::Anthropic], ..ALL }, &[Differs::CallIds(CallIds::Word)]),
    (Which { apis: &[Api::OpenAiResponses], ..ALL }, &[Differs::Schemas(Schemas::OpenAi)]),
    (Which { apis: &[Api::Gemini], ..ALL }, &[Differs::Schemas(Schemas::Gemini), SessionHeaders(&[])]),
    // Providers.
    (Which { from: &["openai", "azure", "@ai-sdk/azure", "xai"], ..ALL }, &[CacheKey]),
    // OpenAI refuses names that it does not know, such as options of its other API.
    (Which { from: &["openai"], ..ALL }, &[NoUnknownOptions, Differs::Schemas(Schemas::OpenAi)]),
    (
        Which { from: &["openai", "azure", "@ai-sdk/azure"], model: &["gpt-5*", "gpt-6*", "o1*", "o3*", "o4*"], ..ALL },
        &[Limit("max_completion_tokens")],
    ),
    (Which { from: &["xai"], ..ALL }, &[ItemIds]),
    (Which { from: &["anthropic"], apis: &[Api::Anthropic], ..ALL }, &[Betas(ANTHROPIC), SessionHeaders(&[])]),
    (Which { from: &["mistral", "@ai-sdk/mistral"], ..ALL }, MISTRAL),
    (Which { from: &["mistral", "@ai-sdk/mistral"], ..ALL }, &[Differs::CallIds(CallIds::Nine), Filler]),
    (Which { from: &["openrouter", "@openrouter/*", "llmgateway", "@llmgateway/*"], ..ALL }, &[ReasoningDetails, TopK]),
    (Which { from: &["venice", "venice-*", "deepinfra", "@ai-sdk/deepinfra", "cerebras", "@ai-sdk/cerebras"], ..ALL }, &[CacheKey]),
    (Which { from: &["@ai-sdk/alibaba"], ..ALL }, &[CacheControl(true)]),
    // It marks by itself where it is told to cache.
    (Which { from: &["@ai-sdk/gateway"], ..ALL }, &[CacheControl(false)]),
    (Which { from: &["opencode*"], ..ALL }, &[SessionHeaders(&["x-opencode-session"])]),
    (Which { from: &["opencode*"], model: &["*gpt-5*"], ..ALL }, &[CacheKey]),
];

/// How `model` wants to be spoken to.
pub(crate) fn of(model: &ResolvedModel) -> Dialect {
    let mut dialect = USUAL;
    for differs in ROWS.iter().filter(|(which, _)| which.fits(model)).flat_map(|(_, differs)| *differs) {
        match *differs {
            Limit(field) => dialect.limit = field,
            NoStreamOptions => dialect.stream_options = false,
            ReasoningDetails => dialect.reasoning_details = true,
            AlwaysThoughts => dialect.always_thoughts = true,
            CacheControl(marks) => dialect.cache_control = marks,
            CacheKey => dialect.cache_key = true,
            Differs::CallIds(ids) => dialect.call_ids = ids,
            Filler => dialect.filler = true,
            Differs::Schemas(schemas) => dialect.schemas = schemas,
            NoUnknownOptions => dialect.unknown_options = false,
            TopK => dialect.top_k = true,
            Developer => dialect.developer = true,
            ItemIds => dialect.item_ids = true,
            SignedCalls => dialect.signed_calls = true,
            Betas(betas) => dialect.betas = betas,
            SessionHeaders(headers) => dialect.session_headers = headers,
        }
    }
    // The user's word counts over the table.
    if let Some(wanted) = model.provider_options.get("setCacheKey").and_then(serde_json::Value::as_bool) {
        dialect.cache_key = wanted;
    }
    dialect
}

impl Dialect {
    /// A call's id as the model takes it.
    pub(crate) fn call_id(&self, id: &str) -> String {
        match self.call_ids {
            CallIds::Any => id.to_owned(),
            CallIds::Word => id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect(),
            CallIds::Nine => {
                let kept: Vec<char> = id.chars().filter(char::is_ascii_alphanumeric).collect();
                // The end differs more than the beginning, which is `call` and a time.
                let end = &kept[kept.len().saturating_sub(9)..];
                format!("{:0<9}", end.iter().collect::<String>())
            }
        }
    }

    /// A tool's schema as the model takes it; none where it takes nothing.
    pub(crate) fn schema(&self, schema: &serde_json::Value) -> Option<serde_json::Value> {
        match self.schemas {
            Schemas::Whole => Some(schema.clone()),
            Schemas::OpenAi => Some(crate::schema::for_openai(schema)),
            Schemas::Gemini => crate::schema::for_gemini(schema),
            Schemas::Moonshot => Some(crate::schema::for_moonshot(schema)),
        }
    }

    /// Headers with the session's id.
    pub(crate) fn session_headers<'a>(&self, session: &'a str) -> impl Iterator<Item = (&'static str, String)> + use<'a> {
        let headers = if session.is_empty() { &[] } else { self.session_headers };
        headers.iter().map(|name| (*name, session.to_owned()))
    }
}

#[cfg(test)]
mod tests;
