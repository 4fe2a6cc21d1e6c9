//! Names and what they mean, over every protocol.

use super::*;
use crate::samples::model;

fn a_model(npm: &str, provider: &str, id: &str) -> ResolvedModel {
    let api = match npm {
        "@ai-sdk/openai" | "@ai-sdk/xai" => Api::OpenAiResponses,
        "@ai-sdk/anthropic" => Api::Anthropic,
        "@ai-sdk/google" => Api::Gemini,
        _ => Api::OpenAiChat,
    };
    ResolvedModel { npm: npm.into(), ..model(api, provider, id, "http://h/v1") }
}

fn names(variants: &[Variant]) -> String {
    variants.iter().map(|variant| variant.name.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn rules() {
    let check = |npm: &str, id: &str, expect: &str| assert_eq!(names(&of(&a_model(npm, "p", id), &Map::new())), expect, "{npm} {id}");
    let claude = "@ai-sdk/anthropic";
    check(claude, "claude-3-7-sonnet-20250219", "high max");
    check(claude, "claude-sonnet-4-20250514", "high max");
    check(claude, "claude-opus-4-1", "high max");
    check(claude, "claude-sonnet-4-5", "high max");
    check(claude, "claude-haiku-4-5-20251001", "high max");
    check(claude, "claude-opus-4-5", "low medium high");
    check(claude, "claude-opus-4-6", "low medium high max");
    check(claude, "claude-sonnet-4.6", "low medium high max");
    check(claude, "claude-opus-4-7", "low medium high xhigh max");
    check(claude, "claude-sonnet-5", "low medium high xhigh max");
    check(claude, "kimi-k3", "");
    check(claude, "minimax-m3", "high max");
    let openai = "@ai-sdk/openai";
    check(openai, "gpt-5", "minimal low medium high");
    check(openai, "gpt-5-mini", "minimal low medium high");
    check(openai, "gpt-5.1", "none low medium high");
    check(openai, "gpt-5.2", "none low medium high xhigh");
    check(openai, "gpt-5.5", "none low medium high xhigh");
    check(openai, "gpt-5-codex", "low medium high");
    check(openai, "gpt-5.1-codex-mini", "low medium high");
    check(openai, "gpt-5.1-codex-max", "low medium high xhigh");
    check(openai, "gpt-5.2-codex", "low medium high xhigh");
    check(openai, "gpt-5.3-codex", "none low medium high xhigh");
    check(openai, "gpt-5-pro", "high");
    check(openai, "gpt-5.2-pro", "medium high xhigh");
    check(openai, "o4-mini-deep-research", "medium");
    check(openai, "o3", "low medium high");
    let google = "@ai-sdk/google";
    check(google, "gemini-2.5-flash", "high max");
    check(google, "gemini-3-pro-preview", "low medium high");
    check(google, "gemini-3.5-flash", "minimal low medium high");
    check("@openrouter/ai-sdk-provider", "openai/gpt-5.2", "none minimal low medium high xhigh");
    check("@openrouter/ai-sdk-provider", "anthropic/claude-sonnet-5", "low medium high");
    check("@openrouter/ai-sdk-provider", "moonshotai/kimi-k2-thinking", "");
    check("@ai-sdk/groq", "openai/gpt-oss-120b", "none low medium high");
    check("@ai-sdk/groq", "qwen/qwen3-32b", "");
    check("@ai-sdk/xai", "grok-3-mini", "low high");
    check("@ai-sdk/xai", "grok-4.3", "low medium high");
    check("@ai-sdk/mistral", "mistral-small-latest", "high");
    check("@ai-sdk/mistral", "codestral-latest", "");
    check("@ai-sdk/cohere", "command-a", "");
    let compatible = "@ai-sdk/openai-compatible";
    check(compatible, "deepseek-v4-pro", "low medium high max");
    check(compatible, "deepseek-reasoner", "");
    check(compatible, "glm-5.2", "low medium high");
    check(compatible, "glm-4.7", "");
    let mut plain = a_model(openai, "openai", "gpt-4o");
    plain.capabilities.reasoning = false;
    assert_eq!(of(&plain, &Map::new()), []);
}

#[test]
fn meanings() {
    let check = |npm: &str, id: &str, output: u64, name: &str, expect: Value| {
        let mut model = a_model(npm, "p", id);
        model.limit.output = output;
        let all = of(&model, &Map::new());
        let found = all.iter().find(|variant| variant.name == name).unwrap_or_else(|| panic!("{id} has {}", names(&all)));
        assert_eq!(Value::Object(found.options.clone()), expect, "{id} {name}");
    };
    let budget = |tokens: u64| json!({"thinking": {"type": "enabled", "budgetTokens": tokens}});
    check("@ai-sdk/anthropic", "claude-sonnet-4-5", 64_000, "high", budget(16_000));
    check("@ai-sdk/anthropic", "claude-sonnet-4-5", 64_000, "max", budget(31_999));
    check("@ai-sdk/anthropic", "claude-3-7-sonnet", 8_192, "high", budget(4_095));
    check("@ai-sdk/anthropic", "claude-3-7-sonnet", 8_192, "max", budget(8_191));
    check("@ai-sdk/anthropic", "claude-3-7-sonnet", 0, "max", budget(31_999));
    check(
        "@ai-sdk/anthropic",
        "claude-opus-4-5",
        64_000,
        "low",
        json!({"thinking": {"type": "enabled", "budgetTokens": 16_000}, "effort": "low"}),
    );
    check(
        "@ai-sdk/anthropic",
        "claude-opus-4-7",
        64_000,
        "xhigh",
        json!({"thinking": {"type": "adaptive", "display": "summarized"}, "effort": "xhigh"}),
    );
    check(
        "@ai-sdk/openai",
        "gpt-5",
        0,
        "minimal",
        json!({"reasoningEffort": "minimal", "reasoningSummary": "auto", "include": ["reasoning.encrypted_content"]}),
    );
    check("@ai-sdk/google", "gemini-2.5-pro", 0, "max", json!({"thinkingConfig": {"includeThoughts": true, "thinkingBudget": 32_768}}));
    check("@ai-sdk/google", "gemini-3-pro", 0, "low", json!({"thinkingConfig": {"includeThoughts": true, "thinkingLevel": "low"}}));
    check("@openrouter/ai-sdk-provider", "openai/gpt-5", 0, "none", json!({"reasoning": {"effort": "none"}}));
    check("@ai-sdk/groq", "gpt-oss", 0, "low", json!({"reasoningEffort": "low"}));
}

#[test]
fn the_catalogue_and_the_user_count_over_rules() {
    let check = |npm: &str, id: &str, described: Value, expect: Value| {
        let all = of(&a_model(npm, "p", id), described.as_object().unwrap());
        let got: Map<String, Value> = all.into_iter().map(|variant| (variant.name, Value::Object(variant.options))).collect();
        assert_eq!(Value::Object(got), expect, "{id} {described}");
    };
    let compatible = "@ai-sdk/openai-compatible";
    let low = json!({"reasoningEffort": "low"});
    check(
        compatible,
        "m",
        json!({"reasoning_options": [{"type": "effort", "values": [null, "low"]}]}),
        json!({"none": {"reasoningEffort": "none"}, "low": low}),
    );
    check(compatible, "m", json!({"reasoning_options": []}), json!({}));
    check(
        "@ai-sdk/anthropic",
        "claude-sonnet-4-5",
        json!({"reasoning_options": [{"type": "budget_tokens", "min": 1024, "max": 20_000}]}),
        json!({"high": {"thinking": {"type": "enabled", "budgetTokens": 10_000}}, "max": {"thinking": {"type": "enabled", "budgetTokens": 20_000}}}),
    );
    check(
        "@ai-sdk/google",
        "gemini-2.5-flash",
        json!({"reasoning_options": [{"type": "budget_tokens"}]}),
        json!({"high": {"thinkingConfig": {"includeThoughts": true, "thinkingBudget": 15_999}},
               "max": {"thinkingConfig": {"includeThoughts": true, "thinkingBudget": 31_999}}}),
    );
    check(
        "@ai-sdk/alibaba",
        "qwen3",
        json!({"reasoning_options": [{"type": "toggle"}]}),
        json!({"none": {"enable_thinking": false}, "high": {"enable_thinking": true}}),
    );
    check(compatible, "qwen3", json!({"reasoning_options": [{"type": "toggle"}]}), json!({}));
    let toggle = json!({"reasoning_options": [{"type": "toggle"}, {"type": "budget_tokens", "min": 1}]});
    check("@ai-sdk/cohere", "command-a", toggle.clone(), json!({"none": {"reasoningEffort": "none"}, "high": {"reasoningEffort": "high"}}));
    check(
        "@ai-sdk/gateway",
        "anthropic/claude-haiku-4.5",
        toggle,
        json!({"high": {"reasoning": {"max_tokens": 15_999}}, "max": {"reasoning": {"max_tokens": 31_999}}}),
    );
    check(
        "@ai-sdk/gateway",
        "openai/gpt-6-sol",
        json!({"reasoning_options": [{"type": "effort", "values": ["xhigh"]}]}),
        json!({"xhigh": {"reasoning": {"effort": "xhigh"}}}),
    );
    check(
        compatible,
        "m",
        json!({"variants": {"medium": {"disabled": true}, "high": {"seed": 1, "disabled": false}, "own": {"a": 1}, "bad": 7}}),
        json!({"low": low, "high": {"reasoningEffort": "high", "seed": 1}, "own": {"a": 1}}),
    );
}

#[test]
fn side_jobs_think_least() {
    let check = |npm: &str, provider: &str, id: &str, variant: Option<&str>, expect: Option<&str>, options: Value| {
        let mut model = a_model(npm, provider, id);
        model.variants = of(&model, &Map::new());
        model.variant = variant.map(|name| Variant { name: name.into(), options: Map::new() });
        let side = for_side_job(&model);
        assert_eq!(side.variant.map(|variant| variant.name).as_deref(), expect, "{id}");
        assert_eq!(Value::Object(side.options), options, "{id}");
    };
    check("@ai-sdk/openai", "openai", "gpt-5", None, Some("minimal"), json!({}));
    check("@ai-sdk/openai", "openai", "gpt-5", Some("high"), Some("high"), json!({}));
    check("@ai-sdk/openai-compatible", "p", "glm-4.7", None, None, json!({}));
    check("venice-ai-sdk-provider", "venice", "qwen3", None, None, json!({"venice_parameters": {"disable_thinking": true}}));
    let mut google = a_model("@openrouter/ai-sdk-provider", "openrouter", "google/gemini-2.5-flash");
    google.capabilities.reasoning = false;
    assert_eq!(for_side_job(&google).options["reasoning"], json!({"enabled": false}));
}

/// Over the built-in catalogue: what a name means must reach the wire, whatever the protocol.
#[test]
fn every_variant_of_every_known_model_makes_another_request() {
    use crate::{Catalogue, KeySource, Registry};
    let keys = KeySource::new(|_| Some("k".to_owned()), |_| None);
    let registry = Registry::new(std::sync::Arc::default(), keys, Catalogue::default());
    let (mut models, mut variants) = (0, 0);
    for entry in registry.models() {
        // Some protocols are not spoken.
        let Ok(model) = registry.resolve(&entry.name) else { continue };
        models += 1;
        let mut bodies: Vec<String> = Vec::new();
        for variant in &model.variants {
            let chosen = registry.resolve(&format!("{}#{}", entry.name, variant.name)).unwrap();
            let body = crate::adapter::build(&chosen, &crate::samples::conversation()).body;
            for foreign in ["reasoningEffort", "reasoningSummary", "budgetTokens", "thinkingBudget\":null"] {
                assert!(!body.to_string().contains(foreign), "{}#{}: {foreign} is no word of a wire", entry.name, variant.name);
            }
            bodies.push(body.to_string());
        }
        variants += bodies.len();
        let all = bodies.len();
        bodies.sort();
        bodies.dedup();
        assert_eq!(bodies.len(), all, "{}: {}", entry.name, names(&model.variants));
    }
    assert!(models > 100 && variants > 300, "{models} models, {variants} variants");
}
