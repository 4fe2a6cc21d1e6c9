//! How much a model may think: the names that a user may put behind `#` or into `variant`, and what they mean.
//!
//! Owns what the catalogue says of it, the rules for models that it does not describe, and the user's own over both. Must not know wire formats:
//! options have OpenCode's names.
//!
//! **Invariant:** pure; a model that does not think has only what the user wrote.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::options::merge;
use crate::which::{ALL, Which};
use crate::{Api, ResolvedModel, Variant};

/// From little to much.
const ORDER: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
/// OpenCode's, in tokens.
const BUDGET_HIGH: u64 = 16_000;
const BUDGET_MAX: u64 = 31_999;

/// What a name means to a model.
#[derive(Clone, Copy, Debug)]
enum Means {
    /// `reasoningEffort`.
    Effort,
    /// The same, with a summary and what can be sent back.
    OpenAi,
    /// OpenRouter's object.
    Reasoning,
    /// Claude decides itself, within an effort.
    Adaptive,
    /// Claude has a budget, in tokens, and an effort.
    BudgetEffort,
    /// Claude has a budget.
    Budget,
    /// Gemini has a budget: for `high` and `max`.
    GeminiBudget(u64, u64),
    /// Gemini has a level.
    Level,
    /// Alibaba can switch it on and off.
    Switch,
}

const LOW_MEDIUM_HIGH: &[&str] = &["low", "medium", "high"];
const OPENAI: &[&str] = &["@ai-sdk/openai", "@ai-sdk/azure", "@ai-sdk/github-copilot", "@ai-sdk/amazon-bedrock/mantle"];
const CLAUDE: &[&str] = &["@ai-sdk/anthropic", "@ai-sdk/google-vertex/anthropic"];
const GOOGLE: &[&str] = &["@ai-sdk/google", "@ai-sdk/google-vertex"];
const OPENROUTER: &[&str] = &["@openrouter/*", "@llmgateway/*"];
/// They take OpenRouter's object.
const GATEWAYS: &[&str] = &["@openrouter/*", "@llmgateway/*", "@ai-sdk/gateway"];
const ALIBABA: Which = Which { from: &["@ai-sdk/alibaba", "alibaba*"], ..ALL };
const COMPATIBLE: &[&str] =
    &["@ai-sdk/openai-compatible", "@ai-sdk/xai", "@ai-sdk/cerebras", "@ai-sdk/togetherai", "@ai-sdk/deepinfra", "venice-ai-sdk-provider"];

/// OpenCode's rules for models that the catalogue does not describe; the first row that fits counts.
static ROWS: &[(Which, &[&str], Means)] = &[
    (
        Which {
            model: &[
                "*deepseek-chat*",
                "*deepseek-reasoner*",
                "*deepseek-r1*",
                "*deepseek-v3*",
                "*minimax*",
                "*glm*",
                "*kimi*",
                "*qwen*",
                "*big-pickle*",
            ],
            but: &["*minimax-m3*", "*glm-5.2*"],
            ..ALL
        },
        &[],
        Means::Effort,
    ),
    (Which { model: &["*grok-3-mini*"], from: OPENROUTER, ..ALL }, &["low", "high"], Means::Reasoning),
    (Which { model: &["*grok-3-mini*"], ..ALL }, &["low", "high"], Means::Effort),
    (Which { from: OPENROUTER, model: &["*gpt*"], ..ALL }, &["none", "minimal", "low", "medium", "high", "xhigh"], Means::Reasoning),
    (Which { from: GATEWAYS, ..ALL }, LOW_MEDIUM_HIGH, Means::Reasoning),
    (Which { from: OPENAI, model: &["*deep-research*"], ..ALL }, &["medium"], Means::OpenAi),
    (Which { from: OPENAI, model: &["*gpt-5-pro*"], ..ALL }, &["high"], Means::OpenAi),
    (Which { from: OPENAI, model: &["*gpt-*-pro*"], ..ALL }, &["medium", "high", "xhigh"], Means::OpenAi),
    (Which { from: OPENAI, model: &["*gpt-5-codex*", "*gpt-5.1-codex", "*gpt-5.1-codex-mini*"], ..ALL }, LOW_MEDIUM_HIGH, Means::OpenAi),
    (Which { from: OPENAI, model: &["*codex-max*", "*gpt-5.2-codex*"], ..ALL }, &["low", "medium", "high", "xhigh"], Means::OpenAi),
    (Which { from: OPENAI, model: &["*gpt-*codex*"], ..ALL }, &["none", "low", "medium", "high", "xhigh"], Means::OpenAi),
    (Which { from: OPENAI, model: &["*gpt-5.1*"], ..ALL }, &["none", "low", "medium", "high"], Means::OpenAi),
    (Which { from: OPENAI, model: &["*gpt-5.*", "*gpt-6*"], ..ALL }, &["none", "low", "medium", "high", "xhigh"], Means::OpenAi),
    (Which { from: OPENAI, model: &["*gpt-5*"], ..ALL }, &["minimal", "low", "medium", "high"], Means::OpenAi),
    (Which { from: OPENAI, ..ALL }, LOW_MEDIUM_HIGH, Means::OpenAi),
    (Which { from: CLAUDE, model: &["*claude*-4-6*", "*claude*-4.6*"], ..ALL }, &["low", "medium", "high", "max"], Means::Adaptive),
    (Which { from: CLAUDE, model: &["*opus-4-5*", "*opus-4.5*"], ..ALL }, LOW_MEDIUM_HIGH, Means::BudgetEffort),
    (
        Which {
            from: CLAUDE,
            model: &[
                "*claude-3*",
                "*sonnet-4",
                "*opus-4",
                "*haiku-4",
                "*-4-0*",
                "*-4-2025*",
                "*-4@*",
                "*-4-1*",
                "*-4.1*",
                "*-4-5*",
                "*-4.5*",
                "*claude-4-sonnet*",
                "*claude-4-opus*",
            ],
            ..ALL
        },
        &["high", "max"],
        Means::Budget,
    ),
    (Which { from: CLAUDE, model: &["*claude*"], ..ALL }, &["low", "medium", "high", "xhigh", "max"], Means::Adaptive),
    (Which { from: CLAUDE, ..ALL }, &["high", "max"], Means::Budget),
    (Which { from: GOOGLE, model: &["*gemini-2.5-pro*"], ..ALL }, &["high", "max"], Means::GeminiBudget(BUDGET_HIGH, 32_768)),
    (Which { from: GOOGLE, model: &["*gemini-2.5*"], ..ALL }, &["high", "max"], Means::GeminiBudget(BUDGET_HIGH, 24_576)),
    (
        Which { from: GOOGLE, model: &["*gemini-*flash*"], but: &["*gemini-1*", "*gemini-2*"], ..ALL },
        &["minimal", "low", "medium", "high"],
        Means::Level,
    ),
    (Which { from: GOOGLE, model: &["*gemini-*"], but: &["*gemini-1*", "*gemini-2*"], ..ALL }, LOW_MEDIUM_HIGH, Means::Level),
    (Which { from: &["@ai-sdk/groq"], ..ALL }, &["none", "low", "medium", "high"], Means::Effort),
    (
        Which { from: &["@ai-sdk/mistral"], model: &["*mistral-small-latest", "*mistral-small-2603*", "*mistral-medium-3.5*"], ..ALL },
        &["high"],
        Means::Effort,
    ),
    (Which { from: COMPATIBLE, model: &["*deepseek-v4*"], ..ALL }, &["low", "medium", "high", "max"], Means::Effort),
    (Which { from: COMPATIBLE, ..ALL }, LOW_MEDIUM_HIGH, Means::Effort),
];

/// What an effort of the catalogue means to a model: by its package, and for Claude by its age.
fn means(model: &ResolvedModel) -> Means {
    let by_rule = ROWS.iter().find(|(which, names, _)| !names.is_empty() && which.fits(model)).map(|(.., means)| *means);
    match by_rule {
        Some(Means::Budget) => Means::Adaptive,
        Some(Means::GeminiBudget(..)) => Means::Level,
        Some(means) => means,
        None => match model.api {
            Api::Anthropic => Means::Adaptive,
            Api::Gemini => Means::Level,
            Api::OpenAiResponses => Means::OpenAi,
            Api::OpenAiChat => Means::Effort,
        },
    }
}

/// The variants of a model: what `described` (the catalogue's entry) says, else the rules; the user's (`variants` in it) over them.
pub(crate) fn of(model: &ResolvedModel, described: &Map<String, Value>) -> Vec<Variant> {
    let mut all: IndexMap<String, Map<String, Value>> = IndexMap::new();
    match described.get("reasoning_options").and_then(Value::as_array) {
        Some(options) => all.extend(catalogued(model, options)),
        None if model.capabilities.reasoning => {
            if let Some((_, names, means)) = ROWS.iter().find(|(which, ..)| which.fits(model)) {
                all.extend(names.iter().map(|name| ((*name).to_owned(), meant(*means, name, model))));
            }
        }
        None => {}
    }
    for (name, own) in described.get("variants").and_then(Value::as_object).into_iter().flatten() {
        let Some(own) = own.as_object() else { continue };
        if own.get("disabled") == Some(&Value::Bool(true)) {
            all.shift_remove(name);
            continue;
        }
        let mut own = own.clone();
        own.shift_remove("disabled");
        merge(all.entry(name.clone()).or_default(), &own);
    }
    all.into_iter().map(|(name, options)| Variant { name, options }).collect()
}

fn catalogued(model: &ResolvedModel, options: &[Value]) -> Vec<(String, Map<String, Value>)> {
    let of_kind = |kind: &str| options.iter().find(|option| option["type"] == kind);
    if let Some(effort) = of_kind("effort") {
        let names = effort["values"].as_array().into_iter().flatten().filter_map(|value| match value {
            Value::Null => Some("none"),
            other => other.as_str(),
        });
        return names.map(|name| (name.to_owned(), meant(means(model), name, model))).collect();
    }
    // Its compatible API knows efforts only.
    if of_kind("toggle").is_some() && (Which { from: &["@ai-sdk/cohere"], ..ALL }).fits(model) {
        return ["none", "high"].map(|name| (name.to_owned(), meant(Means::Effort, name, model))).into();
    }
    if let Some(budget) = of_kind("budget_tokens") {
        let output = if model.limit.output == 0 { u64::MAX } else { model.limit.output };
        let least = budget["min"].as_u64().unwrap_or(1024);
        let most = budget["max"].as_u64().unwrap_or(u64::MAX).min(output.saturating_sub(1)).min(BUDGET_MAX).max(least);
        let half = (most / 2).max(least);
        return [("high", half), ("max", most)].map(|(name, tokens)| (name.to_owned(), object(budgeted(model, tokens)))).into();
    }
    if of_kind("toggle").is_some() && ALIBABA.fits(model) {
        return ["none", "high"].map(|name| (name.to_owned(), meant(Means::Switch, name, model))).into();
    }
    Vec::new()
}

/// A budget in tokens, as the model's protocol names it.
fn budgeted(model: &ResolvedModel, tokens: u64) -> Value {
    match model.api {
        Api::Gemini => json!({"thinkingConfig": {"includeThoughts": true, "thinkingBudget": tokens}}),
        Api::OpenAiChat if (Which { from: GATEWAYS, ..ALL }).fits(model) => json!({"reasoning": {"max_tokens": tokens}}),
        Api::OpenAiChat if ALIBABA.fits(model) => {
            json!({"enable_thinking": true, "thinking_budget": tokens})
        }
        _ => json!({"thinking": {"type": "enabled", "budgetTokens": tokens}}),
    }
}

fn meant(means: Means, name: &str, model: &ResolvedModel) -> Map<String, Value> {
    // The limit holds thoughts and answer; 0 is unknown.
    let output = if model.limit.output == 0 { u64::MAX } else { model.limit.output };
    let high = BUDGET_HIGH.min((output / 2).saturating_sub(1)).max(1024);
    object(match means {
        Means::Effort => json!({"reasoningEffort": name}),
        Means::OpenAi => json!({"reasoningEffort": name, "reasoningSummary": "auto", "include": ["reasoning.encrypted_content"]}),
        Means::Reasoning => json!({"reasoning": {"effort": name}}),
        Means::Adaptive if name == "none" => json!({"thinking": {"type": "disabled"}}),
        Means::Adaptive => json!({"thinking": {"type": "adaptive", "display": "summarized"}, "effort": name}),
        Means::BudgetEffort => json!({"thinking": {"type": "enabled", "budgetTokens": high}, "effort": name}),
        Means::Budget => {
            let tokens = if name == "max" { BUDGET_MAX.min(output.saturating_sub(1)).max(1024) } else { high };
            json!({"thinking": {"type": "enabled", "budgetTokens": tokens}})
        }
        Means::GeminiBudget(high, max) => {
            json!({"thinkingConfig": {"includeThoughts": true, "thinkingBudget": if name == "max" { max } else { high }}})
        }
        Means::Level => json!({"thinkingConfig": {"includeThoughts": true, "thinkingLevel": name}}),
        Means::Switch => json!({"enable_thinking": name != "none"}),
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// The model as it is asked for titles and summaries: thinking as little as it can, unless the user chose how much.
pub(crate) fn for_side_job(model: &ResolvedModel) -> ResolvedModel {
    let mut model = model.clone();
    if model.variant.is_some() {
        return model;
    }
    let rank = |variant: &&Variant| ORDER.iter().position(|name| *name == variant.name).unwrap_or(ORDER.len());
    model.variant = model.variants.iter().min_by_key(rank).cloned();
    if model.variant.is_none() {
        for (which, off) in [
            (Which { from: &["venice*"], ..ALL }, json!({"venice_parameters": {"disable_thinking": true}})),
            (Which { from: OPENROUTER, model: &["google/*"], ..ALL }, json!({"reasoning": {"enabled": false}})),
        ] {
            if which.fits(&model) {
                merge(&mut model.options, &object(off));
            }
        }
    }
    model
}

#[cfg(test)]
mod tests;
