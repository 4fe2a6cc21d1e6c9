//! A request's options: what suits the model by default, the configuration's, the agent's, the variant's. And its sampling.
//!
//! Owns OpenCode's defaults, as data, and how layers go over each other. Must not know wire formats: names are OpenCode's, adapters translate them.
//!
//! **Invariant:** the order is defaults ← model ← agent ← variant; what the user wrote is never lost under a default.

use serde_json::{Map, Value};

use crate::which::{ALL, Which};
use crate::{Api, ModelRequest, ResolvedModel};

const CHAT: &[Api] = &[Api::OpenAiChat];
const RESPONSES: &[Api] = &[Api::OpenAiResponses];
const MESSAGES: &[Api] = &[Api::Anthropic];
const OPENROUTER: &[&str] = &["openrouter", "@openrouter/*", "llmgateway", "@llmgateway/*"];

/// OpenCode's defaults, in JSON; every row that fits counts, later ones over earlier ones.
static DEFAULTS: &[(Which, &str)] = &[
    (Which { apis: RESPONSES, ..ALL }, r#"{"store": false}"#),
    (Which { apis: RESPONSES, thinks: true, ..ALL }, r#"{"include": ["reasoning.encrypted_content"]}"#),
    (
        Which { apis: RESPONSES, model: &["*gpt-5*", "*gpt-6*", "o1*", "o3*", "o4*"], but: &["*-chat*"], ..ALL },
        r#"{"include": ["reasoning.encrypted_content"]}"#,
    ),
    (
        Which { apis: RESPONSES, model: &["*gpt-5*", "*gpt-6*"], but: &["*-chat*", "*-pro*"], ..ALL },
        r#"{"reasoningEffort": "medium", "reasoningSummary": "auto"}"#,
    ),
    (Which { apis: RESPONSES, model: &["*gpt-5.*"], but: &["*-chat*", "*codex*"], ..ALL }, r#"{"textVerbosity": "low"}"#),
    (
        Which { from: &["@ai-sdk/openai-compatible"], apis: CHAT, model: &["*gpt-5*"], but: &["*-chat*", "*-pro*"], thinks: true },
        r#"{"reasoningEffort": "medium"}"#,
    ),
    (Which { apis: &[Api::Gemini], thinks: true, ..ALL }, r#"{"thinkingConfig": {"includeThoughts": true}}"#),
    (
        Which { apis: &[Api::Gemini], model: &["*gemini-*"], but: &["*gemini-1*", "*gemini-2*"], thinks: true, ..ALL },
        r#"{"thinkingConfig": {"thinkingLevel": "high"}}"#,
    ),
    (Which { from: OPENROUTER, apis: CHAT, ..ALL }, r#"{"usage": {"include": true}}"#),
    (
        Which { from: OPENROUTER, apis: CHAT, model: &["*gemini-*"], but: &["*gemini-1*", "*gemini-2*"], thinks: true },
        r#"{"reasoning": {"effort": "high"}}"#,
    ),
    (
        Which { from: &["*zai*", "*zhipuai*"], apis: CHAT, thinks: true, ..ALL },
        r#"{"thinking": {"type": "enabled", "clear_thinking": false}}"#,
    ),
    (
        Which { apis: MESSAGES, model: &["*kimi*", "*moonshot*", "k2p5*"], ..ALL },
        r#"{"thinking": {"type": "adaptive", "display": "summarized"}, "effort": "high"}"#,
    ),
    (Which { apis: MESSAGES, model: &["*minimax-m3*"], ..ALL }, r#"{"thinking": {"type": "adaptive"}}"#),
    (Which { from: &["alibaba-cn"], apis: CHAT, but: &["*kimi-k2-thinking*"], thinks: true, ..ALL }, r#"{"enable_thinking": true}"#),
    (Which { from: &["baseten"], apis: CHAT, thinks: true, ..ALL }, r#"{"chat_template_args": {"enable_thinking": true}}"#),
    (
        Which { from: &["opencode*"], apis: CHAT, model: &["*kimi-k2-thinking*", "*glm-4.6*"], ..ALL },
        r#"{"chat_template_args": {"enable_thinking": true}}"#,
    ),
    (Which { from: &["@ai-sdk/gateway"], ..ALL }, r#"{"providerOptions": {"gateway": {"caching": "auto"}}}"#),
];

/// Temperature, `top_p`, `top_k`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u64>,
}

/// OpenCode's; the first row that fits counts.
static SAMPLING: &[(Which, Sampling)] = &[
    (Which { model: &["*gemini-2.5*", "*gemini-3*"], ..ALL }, sampled(Some(1.0), Some(0.95), Some(64))),
    (Which { model: &["*glm-4.6*", "*glm-4.7*", "*north-mini-code*"], ..ALL }, sampled(Some(1.0), None, None)),
    (Which { model: &["*minimax-m2.*", "*minimax-m21*", "*minimax-m25*"], ..ALL }, sampled(Some(1.0), Some(0.95), Some(40))),
    (Which { model: &["*minimax-m2*"], ..ALL }, sampled(Some(1.0), Some(0.95), Some(20))),
    (Which { model: &["*kimi-k2.5*", "*kimi-k2p5*", "*kimi-k2-5*"], ..ALL }, sampled(Some(1.0), Some(0.95), None)),
    (Which { model: &["*kimi-k2*thinking*", "*kimi-k2-thinking*", "*kimi-k2.6*"], ..ALL }, sampled(Some(1.0), None, None)),
    (Which { model: &["*kimi-k2*"], ..ALL }, sampled(Some(0.6), None, None)),
];

const fn sampled(temperature: Option<f64>, top_p: Option<f64>, top_k: Option<u64>) -> Sampling {
    Sampling { temperature, top_p, top_k }
}

/// The agent's, else what suits the model's family. No temperature where the model takes none.
pub(crate) fn sampling(model: &ResolvedModel, request: &ModelRequest) -> Sampling {
    let family = SAMPLING.iter().find(|(which, _)| which.fits(model)).map_or_else(Sampling::default, |(_, sampling)| *sampling);
    Sampling {
        temperature: request.temperature.or(family.temperature).filter(|_| model.capabilities.temperature),
        top_p: request.top_p.or(family.top_p),
        top_k: family.top_k,
    }
}

/// All options of a request.
pub(crate) fn options(model: &ResolvedModel, request: &ModelRequest) -> Map<String, Value> {
    let mut all = Map::new();
    for (_, row) in DEFAULTS.iter().filter(|(which, _)| which.fits(model)) {
        // A test reads every row.
        merge(&mut all, &serde_json::from_str(row).unwrap_or_default());
    }
    merge(&mut all, &model.options);
    merge(&mut all, &request.options);
    if let Some(variant) = &model.variant {
        merge(&mut all, &variant.options);
    }
    all
}

/// Puts `over` over `all`, objects member by member. `thinking` counts as a whole: its members depend on its type.
pub(crate) fn merge(all: &mut Map<String, Value>, over: &Map<String, Value>) {
    // A budget and a level exclude each other.
    for (new, old) in [("thinkingBudget", "thinkingLevel"), ("thinkingLevel", "thinkingBudget")] {
        if over.contains_key(new) {
            all.shift_remove(old);
        }
    }
    for (name, value) in over {
        match (all.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(more)) if name != "thinking" => merge(known, more),
            _ => {
                all.insert(name.clone(), value.clone());
            }
        }
    }
}

/// OpenCode's `budgetTokens` is the wire's `budget_tokens`.
pub(crate) fn wire_thinking(mut thinking: Value) -> Value {
    if let Some(object) = thinking.as_object_mut()
        && let Some(budget) = object.shift_remove("budgetTokens")
    {
        object.insert("budget_tokens".into(), budget);
    }
    thinking
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Variant;
    use crate::samples::model;

    #[test]
    fn every_default_can_be_read() {
        for (which, row) in DEFAULTS {
            let read: Map<String, Value> = serde_json::from_str(row).unwrap_or_else(|error| panic!("{row}: {error}"));
            assert!(!read.is_empty(), "{which:?}");
        }
    }

    #[test]
    fn defaults() {
        let check = |api: Api, provider: &str, id: &str, expect: Value| {
            let got = options(&model(api, provider, id, "http://h/v1"), &ModelRequest::default());
            assert_eq!(Value::Object(got), expect, "{provider}/{id}");
        };
        let encrypted = json!(["reasoning.encrypted_content"]);
        check(
            Api::OpenAiResponses,
            "openai",
            "gpt-5.2",
            json!({"store": false, "include": encrypted, "reasoningEffort": "medium", "reasoningSummary": "auto", "textVerbosity": "low"}),
        );
        check(
            Api::OpenAiResponses,
            "openai",
            "gpt-5.2-codex",
            json!({"store": false, "include": encrypted, "reasoningEffort": "medium", "reasoningSummary": "auto"}),
        );
        check(Api::OpenAiResponses, "openai", "gpt-5-pro", json!({"store": false, "include": encrypted}));
        check(Api::OpenAiResponses, "xai", "grok-4.3", json!({"store": false, "include": encrypted}));
        check(Api::Gemini, "google", "gemini-2.5-pro", json!({"thinkingConfig": {"includeThoughts": true}}));
        check(Api::Gemini, "google", "gemini-3-pro", json!({"thinkingConfig": {"includeThoughts": true, "thinkingLevel": "high"}}));
        check(Api::OpenAiChat, "mock", "gpt-5.1", json!({"reasoningEffort": "medium"}));
        check(Api::OpenAiChat, "openrouter", "google/gemini-3-pro", json!({"usage": {"include": true}, "reasoning": {"effort": "high"}}));
        check(Api::OpenAiChat, "zai-coding-plan", "glm-4.7", json!({"thinking": {"type": "enabled", "clear_thinking": false}}));
        check(Api::OpenAiChat, "alibaba-cn", "qwen3-max", json!({"enable_thinking": true}));
        check(Api::OpenAiChat, "opencode", "glm-4.6", json!({"chat_template_args": {"enable_thinking": true}}));
        check(
            Api::Anthropic,
            "moonshotai",
            "kimi-k3",
            json!({"thinking": {"type": "adaptive", "display": "summarized"}, "effort": "high"}),
        );
        check(Api::Anthropic, "anthropic", "claude-sonnet-4-5", json!({}));
        check(Api::OpenAiChat, "mock", "test", json!({}));
    }

    #[test]
    fn layers() {
        let check = |own: Value, agents: Value, variant: Value, expect: Value| {
            let object = |value: &Value| value.as_object().cloned().unwrap();
            let mut model = model(Api::Gemini, "google", "gemini-3-pro", "http://h/v1");
            model.options = object(&own);
            model.variant = Some(Variant { name: "v".into(), options: object(&variant) });
            let request = ModelRequest { options: object(&agents), ..ModelRequest::default() };
            assert_eq!(Value::Object(options(&model, &request)), expect);
        };
        let config = |level: &str| json!({"thinkingConfig": {"includeThoughts": true, "thinkingLevel": level}});
        check(json!({}), json!({}), json!({}), config("high"));
        check(json!({"thinkingConfig": {"thinkingLevel": "low"}}), json!({}), json!({}), config("low"));
        check(
            json!({"thinkingConfig": {"thinkingLevel": "low"}}),
            json!({"thinkingConfig": {"thinkingBudget": 7}}),
            json!({}),
            json!({"thinkingConfig": {"includeThoughts": true, "thinkingBudget": 7}}),
        );
        check(
            json!({}),
            json!({"thinkingConfig": {"thinkingBudget": 7}}),
            json!({"thinkingConfig": {"thinkingLevel": "low"}}),
            config("low"),
        );
        let with = |thinking: Value| {
            let mut all = config("high");
            all["thinking"] = thinking;
            all
        };
        check(
            json!({"thinking": {"type": "enabled", "budgetTokens": 5}}),
            json!({}),
            json!({"thinking": {"type": "adaptive"}}),
            with(json!({"type": "adaptive"})),
        );
    }

    #[test]
    fn families() {
        let check = |id: &str, temperature: Option<f64>, top_p: Option<f64>, top_k: Option<u64>| {
            let got = sampling(&model(Api::OpenAiChat, "mock", id, "http://h/v1"), &ModelRequest::default());
            assert_eq!(got, sampled(temperature, top_p, top_k), "{id}");
        };
        check("gemini-2.5-pro", Some(1.0), Some(0.95), Some(64));
        check("gemini-3.5-flash", Some(1.0), Some(0.95), Some(64));
        check("zai/glm-4.7", Some(1.0), None, None);
        check("north-mini-code", Some(1.0), None, None);
        check("minimax-m2", Some(1.0), Some(0.95), Some(20));
        check("MiniMax-M2.5", Some(1.0), Some(0.95), Some(40));
        check("kimi-k2.5", Some(1.0), Some(0.95), None);
        check("kimi-k2-thinking", Some(1.0), None, None);
        check("kimi-k2-0905", Some(0.6), None, None);
        check("claude-opus-4-6", None, None, None);
        let mut none = model(Api::OpenAiChat, "mock", "glm-4.7", "http://h/v1");
        none.capabilities.temperature = false;
        assert_eq!(sampling(&none, &ModelRequest { temperature: Some(0.2), ..ModelRequest::default() }).temperature, None);
    }
}
