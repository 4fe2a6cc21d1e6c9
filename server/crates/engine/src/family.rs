//! Model families: how a model is best instructed, and which tools it edits best with. Pure: a name in, a profile out.
//!
//! Must not know what the prompts say, nor which protocol a model speaks: the same model behind another gateway is of the same family.
//!
//! **Invariant:** every name has a profile; what is not known is treated as what most models take well.

use Edits::{Patch, Replace};
use Family::{Claude, Default, Gemini, Gpt, Open, Small};

/// Models that are instructed alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Anthropic's.
    Claude,
    /// OpenAI's GPT, o-series and Codex; not its open models.
    Gpt,
    /// Google's Gemini; not Gemma.
    Gemini,
    /// Open models of some size: Qwen, DeepSeek, GLM, Kimi, MiniMax, Llama, Mistral and others.
    Open,
    /// Open models of less than ten billion parameters, as they run beside an editor.
    Small,
    /// All others.
    Default,
}

/// What a model changes files with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edits {
    /// `edit` and `write`.
    Replace,
    /// `apply_patch`: newer GPT models are trained on that form.
    Patch,
}

/// How a model is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Decides its system prompt.
    pub family: Family,
    /// Decides its tools.
    pub edits: Edits,
}

/// Words of a model's name; the first row that fits counts. A blank stands for anything but a letter or a digit, and for the name's begin and end.
const NAMES: &[(&str, Family, Edits)] = &[
    (" claude", Claude, Replace),
    (" gpt oss", Open, Replace),
    (" gpt 3", Gpt, Replace),
    (" gpt 4", Gpt, Replace),
    (" gpt4", Gpt, Replace),
    (" chatgpt 4", Gpt, Replace),
    (" chatgpt", Gpt, Patch),
    (" gpt", Gpt, Patch),
    (" codex", Gpt, Patch),
    (" o1 ", Gpt, Replace),
    (" o3 ", Gpt, Replace),
    (" o4 ", Gpt, Replace),
    (" gemini", Gemini, Replace),
    (" gemma 3n", Small, Replace),
    (" gemma3n", Small, Replace),
    (" llama 3 2 ", Small, Replace),
    (" llama3 2 ", Small, Replace),
    (" local ", Small, Replace),
    (" phi 3", Small, Replace),
    (" phi3", Small, Replace),
    (" phi 4 mini", Small, Replace),
    (" phi4 mini", Small, Replace),
    (" smollm", Small, Replace),
    (" tinyllama", Small, Replace),
    (" codestral", Open, Replace),
    (" command", Open, Replace),
    (" deepseek", Open, Replace),
    (" devstral", Open, Replace),
    (" gemma", Open, Replace),
    (" glm", Open, Replace),
    (" granite", Open, Replace),
    (" hermes", Open, Replace),
    (" kimi", Open, Replace),
    (" llama", Open, Replace),
    (" longcat", Open, Replace),
    (" magistral", Open, Replace),
    (" mimo", Open, Replace),
    (" minimax", Open, Replace),
    (" ministral", Open, Replace),
    (" mistral", Open, Replace),
    (" mixtral", Open, Replace),
    (" nemotron", Open, Replace),
    (" olmo", Open, Replace),
    (" phi", Open, Replace),
    (" qwen", Open, Replace),
    (" qwq", Open, Replace),
    (" seed oss", Open, Replace),
];

/// What a provider serves, where a model's name says nothing.
const PROVIDERS: &[(&str, Family)] = &[
    ("alibaba", Open),
    ("anthropic", Claude),
    ("deepseek", Open),
    ("google", Gemini),
    ("kimi-for-coding", Open),
    ("llama.cpp", Open),
    ("lmstudio", Open),
    ("minimax", Open),
    ("mistral", Open),
    ("moonshotai", Open),
    ("ollama", Open),
    ("openai", Gpt),
    ("vllm", Open),
    ("zai", Open),
];

/// Billions of parameters from which on an open model is not small.
const SMALL_BELOW: f64 = 10.0;

/// How a model is treated, by its name on the wire, its provider's id, and the catalogue's word for its family, in this order.
#[must_use]
pub fn profile(wire_id: &str, provider_id: &str, catalogue: &str) -> Profile {
    let by_name = |name: &str| {
        let words = words(name);
        let row = NAMES.iter().find(|(pattern, ..)| words.contains(pattern));
        row.map(|&(_, family, edits)| Profile { family, edits })
    };
    let by_provider = || PROVIDERS.iter().find(|(id, _)| *id == provider_id).map(|&(_, family)| Profile { family, edits: Replace });
    let mut profile =
        by_name(wire_id).or_else(|| by_name(catalogue)).or_else(by_provider).unwrap_or(Profile { family: Default, edits: Replace });
    profile.family = match (profile.family, billions(wire_id)) {
        (Open | Default, Some(size)) if size < SMALL_BELOW => Small,
        (Small, Some(size)) if size >= SMALL_BELOW => Open,
        (family, _) => family,
    };
    profile
}

impl Edits {
    /// Whether a model with these edits is not given a tool.
    #[must_use]
    pub fn hides(self, tool: &str) -> bool {
        match self {
            Replace => tool == "apply_patch",
            Patch => matches!(tool, "edit" | "write"),
        }
    }
}

/// The system prompt: the family's own part, and what all are told alike. A small model gets few words.
macro_rules! prompt {
    ($name:literal) => {
        concat!(include_str!(concat!("../../../../prompts/system/", $name, ".md")), include_str!("../../../../prompts/system/common.md"))
    };
}

impl Family {
    /// Its system prompt.
    #[must_use]
    pub fn prompt(self) -> &'static str {
        match self {
            Claude => prompt!("claude"),
            Gpt => prompt!("gpt"),
            Gemini => prompt!("gemini"),
            Open => prompt!("open"),
            Small => include_str!("../../../../prompts/system/small.md"),
            Default => prompt!("default"),
        }
    }
}

/// ` us anthropic claude sonnet 4 5 `
fn words(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
    format!(" {} ", name.chars().map(plain).collect::<String>())
}

/// The largest number of billions that a name gives, as in `qwen3-30b-a3b` (30) or `llama3.2:1.5b`; of experts' sizes none counts.
fn billions(name: &str) -> Option<f64> {
    let name = name.to_ascii_lowercase();
    let pieces = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let sizes = pieces.filter_map(|piece| piece.strip_suffix('b')?.parse::<f64>().ok()).filter(|size| size.is_finite());
    sizes.reduce(f64::max)
}

#[cfg(test)]
mod tests;
