//! Names, merging and keys.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::Api;

fn registry(config: Value, variables: &'static [(&'static str, &'static str)]) -> Registry {
    let variable = move |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let stored = |provider: &str| (provider == "groq").then(|| "stored-key".to_owned());
    Registry::new(Arc::new(serde_json::from_value(config).unwrap()), KeySource::new(variable, stored))
}

fn mock() -> Value {
    json!({"provider": {"mock": {"npm": "@ai-sdk/openai-compatible", "name": "Mock", "options": {"baseURL": "http://127.0.0.1:1/v1/", "apiKey": "k", "headers": {"A": "1"}, "chunkTimeout": 1500, "setCacheKey": true},
        "models": {"test": {"id": "vendor/real", "options": {"x": 1}, "headers": {"B": "2"}, "limit": {"context": 10, "output": 5}}, "other": {}}}}})
}

#[test]
fn a_configured_provider() {
    let registry = registry(mock(), &[]);
    let model = registry.resolve("mock/test").unwrap();
    assert_eq!(
        (model.wire_id.as_str(), model.base_url.as_str(), model.key.expose(), model.api),
        ("vendor/real", "http://127.0.0.1:1/v1", "k", Api::OpenAiChat)
    );
    assert_eq!(model.headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(), ["A=1", "B=2"]);
    assert_eq!((model.options["x"].as_u64(), model.timeouts.chunk, model.limit.output), (Some(1), Duration::from_millis(1500), 5));
    assert_eq!(model.provider_options["setCacheKey"], true);
    assert!(!format!("{model:?}").contains("\"k\""), "no key in Debug");
    assert_eq!(registry.default_model().unwrap(), "mock/test");
}

#[test]
fn names_that_are_not_known() {
    let mut config = mock();
    config["disabled_providers"] = json!(["xai"]);
    let registry = registry(config, &[("OPENAI_API_KEY", "k")]);
    let check = |name: &str, words: &[&str]| {
        let error = registry.resolve(name).unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::Configuration);
        for word in words {
            assert!(error.message.contains(word), "{name}: {} lacks {word}", error.message);
        }
    };
    check("mock/nosuchmodel", &["`mock`", "`nosuchmodel`", "test, other"]);
    check("mock/tset", &["`tset`", "Did you mean `test`"]);
    check("openai/gpt5", &["`gpt5`", "`gpt-5`"]);
    check("antropic/claude", &["`antropic`", "Did you mean `anthropic`?"]);
    check("nowhere/x", &["`nowhere`", "Known ones: mock, anthropic"]);
    check("xai/grok-4.3", &["switched off"]);
    check("gpt-5", &["`gpt-5`", "provider/model"]);
    check("mock/", &["provider/model"]);
    check("anthropic/claude-sonnet-4-5", &["ANTHROPIC_API_KEY", "interline auth add anthropic"]);
}

#[test]
fn the_catalogue_and_what_is_configured_over_it() {
    let check = |config: Value, name: &str, see: &dyn Fn(&ResolvedModel)| {
        see(&registry(config, &[("ANTHROPIC_API_KEY", " env-key\n"), ("GROQ_API_KEY", "e"), ("HOST", "h")]).resolve(name).unwrap())
    };
    check(json!({}), "anthropic/claude-sonnet-4-5", &|model| {
        assert_eq!((model.api, model.base_url.as_str(), model.key.expose()), (Api::Anthropic, "https://api.anthropic.com/v1", "env-key"));
        assert_eq!((model.limit.context, model.cost.input, model.cost.output, model.capabilities.images), (200_000, 3.0, 15.0, true));
    });
    check(
        json!({"provider": {"anthropic": {"options": {"baseURL": "http://127.0.0.1:1/v1", "apiKey": "own"}}}}),
        "anthropic/claude-sonnet-4-5",
        &|model| {
            assert_eq!((model.base_url.as_str(), model.key.expose(), model.limit.output), ("http://127.0.0.1:1/v1", "own", 64_000));
        },
    );
    check(
        json!({"provider": {"anthropic": {"models": {"claude-sonnet-4-5": {"cost": {"input": 1}}, "fast": {"id": "claude-haiku-4-5"}}}}}),
        "anthropic/claude-sonnet-4-5",
        &|model| {
            assert_eq!((model.cost.input, model.limit.context), (1.0, 200_000));
        },
    );
    check(json!({"provider": {"anthropic": {"models": {"fast": {"id": "claude-haiku-4-5"}}}}}), "anthropic/fast", &|model| {
        assert_eq!((model.wire_id.as_str(), model.limit.context, model.cost.output), ("claude-haiku-4-5", 200_000, 5.0));
    });
    check(json!({}), "groq/openai/gpt-oss-120b", &|model| {
        assert_eq!((model.wire_id.as_str(), model.key.expose()), ("openai/gpt-oss-120b", "stored-key"))
    });
    check(json!({}), "ollama/qwen3-coder:30b", &|model| {
        assert_eq!((model.base_url.as_str(), model.key.is_empty()), ("http://127.0.0.1:11434/v1", true))
    });
    check(
        json!({"provider": {"mine": {"api": "http://${HOST}/v1"}, "google": {"options": {"apiKey": "g"}}}}),
        "google/gemini-2.5-pro",
        &|model| {
            assert_eq!((model.api, model.base_url.as_str()), (Api::Gemini, "https://generativelanguage.googleapis.com/v1beta"));
        },
    );
    check(
        json!({"provider": {"mine": {"api": "http://${HOST}/v1", "models": {"m": {"interleaved": {"field": "reasoning"}}}}}}),
        "mine/m",
        &|model| {
            assert_eq!(
                (model.base_url.as_str(), model.interleaved.as_deref(), model.capabilities.tools),
                ("http://h/v1", Some("reasoning"), true)
            );
        },
    );
    let key = json!({"apiKey": "k"});
    let apis = [
        ("openai/gpt-5", Api::OpenAiResponses),
        ("xai/grok-4.3", Api::OpenAiResponses),
        ("mine/m", Api::OpenAiChat),
        ("mine/r", Api::OpenAiResponses),
    ];
    for (name, api) in apis {
        let models = json!({"m": {}, "r": {"provider": {"npm": "@ai-sdk/openai"}}});
        let config =
            json!({"provider": {"openai": {"options": key}, "xai": {"options": key}, "mine": {"api": "http://h", "models": models}}});
        check(config, name, &|model| assert_eq!(model.api, api, "{name}"));
    }
    let chat = json!({"provider": {"openai": {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": "http://h/v1", "apiKey": "k"}}}});
    check(chat, "openai/gpt-5", &|model| assert_eq!(model.api, Api::OpenAiChat));
    check(json!({}), "opencode/big-pickle", &|model| assert_eq!(model.key.expose(), "public"));
    check(json!({"provider": {"opencode": {"options": {"apiKey": "z"}}}}), "opencode/claude-sonnet-5", &|model| {
        assert_eq!((model.api, model.base_url.as_str()), (Api::Anthropic, "https://opencode.ai/zen/v1"));
    });
}

#[test]
fn variants() {
    let mut config = mock();
    config["provider"]["mock"]["models"]["test"]["reasoning"] = json!(true);
    config["provider"]["mock"]["models"]["test"]["variants"] = json!({"medium": {"disabled": true}, "own": {"seed": 7}});
    config["provider"]["mock"]["models"]["told"] =
        json!({"reasoning": true, "reasoning_options": [{"type": "effort", "values": ["tiny"]}]});
    config["provider"]["mock"]["models"]["odd#name"] = json!({});
    let registry = registry(config, &[]);
    let check = |name: &str, expect: Result<Option<&str>, &str>| {
        let got = registry.resolve(name).map(|model| model.variant.map(|variant| variant.name));
        let got = got.map_err(|error| error.message);
        assert_eq!(got, expect.map(|name| name.map(str::to_owned)).map_err(str::to_owned), "{name}");
    };
    check("mock/test", Ok(None));
    check("mock/test#high", Ok(Some("high")));
    check("mock/told#tiny", Ok(Some("tiny")));
    check("mock/odd#name", Ok(None));
    check("mock/test#medium", Err("`mock/test` has no variant `medium`; there are: low, high, own"));
    check("mock/other#high", Err("`mock/other` has no variant `high`; it has none"));
    let model = registry.resolve("mock/test#own").unwrap();
    assert_eq!((model.name().as_str(), model.variant.unwrap().options["seed"].as_u64()), ("mock/test", Some(7)));
    assert_eq!(registry.resolve("mock/test").unwrap().for_side_job().variant.unwrap().name, "low");
}

#[test]
fn what_cannot_be_spoken_says_what_can() {
    let check = |config: Value, words: &str| {
        let error = registry(config, &[]).resolve("p/m").unwrap_err();
        assert!(error.message.contains(words), "{}", error.message);
    };
    let npm = |npm: &str| json!({"provider": {"p": {"npm": npm, "models": {"m": {}}}}});
    check(
        npm("@ai-sdk/amazon-bedrock"),
        "for provider.p: set npm to `@ai-sdk/openai-compatible`, options.baseURL to `https://bedrock-runtime",
    );
    check(npm("@ai-sdk/google-vertex"), "use the provider `google`");
    check(npm("@ai-sdk/google-vertex/anthropic"), "use the provider `anthropic`");
    check(npm("@ai-sdk/azure"), "https://RESOURCE.openai.azure.com/openai/v1");
    check(npm("file:///x.js"), "`@ai-sdk/openai` (OpenAI Responses)");
    check(json!({"provider": {"p": {"models": {"m": {}}}}}), "provider.p.options.baseURL");
    check(json!({"provider": {"p": {"api": "http://h", "models": {"m": {}}, "blacklist": ["m"]}}}), "no model `m`");
    check(
        json!({"provider": {"p": {"api": "http://h", "models": {"m": {}, "allowed": {}}, "whitelist": ["allowed"]}}}),
        "It has: allowed.",
    );
}

#[test]
fn a_default_is_found_or_the_ways_to_one_are_named() {
    let check = |config: Value, variables: &'static [(&'static str, &'static str)], expect: &str| {
        assert_eq!(registry(config, variables).default_model().unwrap(), expect);
    };
    check(json!({"model": "a/b"}), &[], "a/b");
    check(json!({"model": ["a/b", "c/d"]}), &[], "a/b");
    check(json!({}), &[("OPENAI_API_KEY", "k"), ("XAI_API_KEY", "k")], "openai/gpt-5.5");
    check(json!({}), &[], "groq/openai/gpt-oss-120b");
    check(json!({"disabled_providers": ["openai"]}), &[("OPENAI_API_KEY", "k"), ("XAI_API_KEY", "k")], "xai/grok-4.3");
    let error = registry(json!({"disabled_providers": ["groq"]}), &[]).default_model().unwrap_err();
    for word in ["ANTHROPIC_API_KEY", "interline auth add", "Ollama", "interline.json", "opencode.json"] {
        assert!(error.message.contains(word), "{}", error.message);
    }
}

#[test]
fn lists() {
    let registry = registry(mock(), &[("ANTHROPIC_API_KEY", "k")]);
    let models = registry.models();
    let find = |name: &str| models.iter().find(|entry| entry.name == name).unwrap();
    assert_eq!(models[0].name, "mock/test");
    assert!(find("anthropic/claude-sonnet-4-5").ready && !find("openai/gpt-5").ready && find("mock/other").ready);
    let main = registry.resolve("anthropic/claude-sonnet-4-5").unwrap();
    assert_eq!(registry.small_model(&main).unwrap(), "anthropic/claude-haiku-4-5");
    assert_eq!(registry.small_model(&registry.resolve("mock/test").unwrap()), None);
}
