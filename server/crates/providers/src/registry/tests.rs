//! Names, merging and keys.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::Api;

fn registry(config: Value, variables: &'static [(&'static str, &'static str)]) -> Registry {
    let variable = move |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let stored = |provider: &str| (provider == "groq").then(|| "stored-key".to_owned());
    Registry::new(Arc::new(serde_json::from_value(config).unwrap()), KeySource::new(variable, stored), Catalogue::default())
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
    let check_kind = |kind: ProviderErrorKind, name: &str, words: &[&str]| {
        let error = registry.resolve(name).unwrap_err();
        assert_eq!(error.kind, kind, "{name}");
        for word in words {
            assert!(error.message.contains(word), "{name}: {} lacks {word}", error.message);
        }
    };
    let check = |name: &str, words: &[&str]| check_kind(ProviderErrorKind::Configuration, name, words);
    check("mock/nosuchmodel", &["`mock`", "`nosuchmodel`", "test, other"]);
    check("mock/tset", &["`tset`", "Did you mean `test`"]);
    check("openai/gpt5", &["`gpt5`", "`gpt-5`"]);
    check("antropic/claude", &["`antropic`", "Did you mean `anthropic`?"]);
    check("qqqq/x", &["`qqqq`", "Known ones: mock, anthropic"]);
    check("xai/grok-4.3", &["switched off"]);
    check("gpt-5", &["`gpt-5`", "provider/model"]);
    check("mock/", &["provider/model"]);
    check("ollama", &["`ollama`", "provider/model"]);
    check_kind(ProviderErrorKind::Auth, "anthropic/claude-sonnet-4-5", &["ANTHROPIC_API_KEY", "interline auth add anthropic"]);
}

#[test]
fn the_catalogue_and_what_is_configured_over_it() {
    let check = |config: Value, name: &str, see: &dyn Fn(&ResolvedModel)| {
        see(&registry(config, &[("ANTHROPIC_API_KEY", " env-key\n"), ("GROQ_API_KEY", "e"), ("HOST", "h")]).resolve(name).unwrap())
    };
    check(json!({}), "anthropic/claude-sonnet-4-5", &|model| {
        assert_eq!((model.api, model.base_url.as_str(), model.key.expose()), (Api::Anthropic, "https://api.anthropic.com/v1", "env-key"));
        assert_eq!((model.limit.context, model.cost.input, model.cost.output, model.capabilities.images), (1_000_000, 3.0, 15.0, true));
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
            assert_eq!((model.cost.input, model.limit.context), (1.0, 1_000_000));
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
    check(npm("@ai-sdk/amazon-bedrock"), "for provider.p: use a model that Bedrock offers in OpenAI's protocols");
    check(
        json!({"provider": {"google-vertex": {}, "p": {"npm": "ai-gateway-provider", "models": {"m": {}}}}}),
        "gateway.ai.cloudflare.com",
    );
    check(npm("@ai-sdk/google-vertex/anthropic"), "use the provider `anthropic`");
    check(npm("@ai-sdk/azure"), "the address of provider `p` needs AZURE_RESOURCE_NAME");
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
    check(json!({}), &[("OPENAI_API_KEY", "k"), ("XAI_API_KEY", "k")], "openai/gpt-6-sol");
    check(json!({}), &[], "groq/openai/gpt-oss-120b");
    check(json!({"disabled_providers": ["openai"]}), &[("OPENAI_API_KEY", "k"), ("XAI_API_KEY", "k")], "xai/grok-4.7");
    let error = registry(json!({"disabled_providers": ["groq"]}), &[]).default_model().unwrap_err();
    for word in ["ANTHROPIC_API_KEY", "interline auth add", "Ollama", "interline models --local", "interline.json", "opencode.json"] {
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
    let key = |name: &str| find(name).key.clone();
    assert_eq!(key("mock/test"), Some(KeyOrigin::Configuration));
    assert_eq!(key("groq/openai/gpt-oss-120b"), Some(KeyOrigin::Stored));
    assert_eq!(key("anthropic/claude-sonnet-4-5"), Some(KeyOrigin::Variable("ANTHROPIC_API_KEY".into())));
    assert_eq!((key("openai/gpt-5"), registry.key_origin("openai"), registry.key_origin("nowhere")), (None, None, None));
    assert!(find("opencode/big-pickle").ready && !find("opencode/claude-sonnet-5").ready);
    assert!(registry.models_of_provider("zen").iter().any(|entry| entry.name == "opencode/big-pickle"));
}

#[test]
fn a_providers_name_alone_is_its_best_model() {
    let check = |config: Value, variables: &'static [(&'static str, &'static str)], name: &str, expect: &str| {
        assert_eq!(registry(config, variables).resolve(name).unwrap().name(), expect, "{name}");
    };
    check(json!({}), &[], "zen", "opencode/big-pickle");
    check(json!({}), &[("OPENCODE_API_KEY", "k")], "zen", "opencode/claude-sonnet-5");
    check(json!({}), &[("OPENCODE_API_KEY", "k")], "zen/glm-5.3", "opencode/glm-5.3");
    check(json!({}), &[("MISTRAL_API_KEY", "k")], "mistral", "mistral/mistral-medium-latest");
    let thinking = registry(json!({}), &[("XAI_API_KEY", "k")]).resolve("xai#high").unwrap();
    assert_eq!((thinking.name().as_str(), thinking.variant.map(|variant| variant.name).as_deref()), ("xai/grok-4.7", Some("high")));
    check(json!({"provider": {"zen": {"api": "http://h", "models": {"own": {}}}}}), &[], "zen", "zen/own");
    check(json!({}), &[("TOGETHER_API_KEY", "k")], "together/zai-org/GLM-5.3", "togetherai/zai-org/GLM-5.3");
}

#[test]
fn clouds_whose_address_is_the_users_own() {
    let check = |config: Value, variables: &'static [(&'static str, &'static str)], name: &str, see: (Api, &str, &str, Option<&str>)| {
        let model = registry(config, variables).resolve(name).unwrap();
        assert_eq!((model.api, model.base_url.as_str(), model.key.expose(), model.key_header), see, "{name}");
    };
    let azure: &'static [(&'static str, &'static str)] = &[("AZURE_RESOURCE_NAME", "mine"), ("AZURE_API_KEY", "k")];
    let address = "https://mine.openai.azure.com/openai/v1";
    check(json!({}), azure, "azure/gpt-5.5", (Api::OpenAiResponses, address, "k", Some("api-key")));
    let chat = json!({"provider": {"azure": {"options": {"useCompletionUrls": true}}}});
    check(chat, azure, "azure/gpt-5.5", (Api::OpenAiChat, address, "k", Some("api-key")));
    let named = json!({"provider": {"azure": {"options": {"resourceName": "other", "apiKey": "own"}}}});
    check(named, azure, "azure/gpt-5.5", (Api::OpenAiResponses, "https://other.openai.azure.com/openai/v1", "own", Some("api-key")));
    check(json!({}), azure, "azure/claude-sonnet-5", (Api::Anthropic, "https://mine.services.ai.azure.com/anthropic/v1", "k", None));
    let bedrock: &'static [(&'static str, &'static str)] = &[("AWS_BEARER_TOKEN_BEDROCK", "b")];
    let mantle = "https://bedrock-mantle.us-east-1.api.aws/openai/v1";
    check(json!({}), bedrock, "bedrock/openai.gpt-5.5", (Api::OpenAiResponses, mantle, "b", None));
    let region = json!({"provider": {"amazon-bedrock": {"options": {"region": "eu-west-1"}}}});
    let runtime = "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1";
    check(region, bedrock, "amazon-bedrock/openai.gpt-oss-120b-1:0", (Api::OpenAiChat, runtime, "b", None));
    let vertex: &'static [(&'static str, &'static str)] = &[("GOOGLE_VERTEX_API_KEY", "v")];
    check(
        json!({}),
        vertex,
        "google-vertex/gemini-3.8-flash",
        (Api::Gemini, "https://aiplatform.googleapis.com/v1/publishers/google", "v", None),
    );
    let workers: &'static [(&'static str, &'static str)] = &[("CLOUDFLARE_ACCOUNT_ID", "acc"), ("CLOUDFLARE_API_KEY", "c")];
    let address = "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1";
    check(json!({}), workers, "cloudflare-workers-ai/@cf/zai-org/glm-5.3", (Api::OpenAiChat, address, "c", None));
    let host: &'static [(&'static str, &'static str)] = &[("OLLAMA_HOST", "gpu.local")];
    check(json!({}), host, "ollama/m", (Api::OpenAiChat, "http://gpu.local:11434/v1", "", None));
    assert_eq!(registry(json!({}), host).local_address("ollama").as_deref(), Some("http://gpu.local:11434/v1"));
    assert_eq!(registry(json!({}), host).local_address("vllm").as_deref(), Some("http://127.0.0.1:8000/v1"));

    let fails = |variables, name: &str, words: &str| {
        let error = registry(json!({}), variables).resolve(name).unwrap_err();
        assert!(error.message.contains(words), "{}", error.message);
    };
    fails(&[("AZURE_API_KEY", "k")], "azure/gpt-5.5", "needs AZURE_RESOURCE_NAME");
    fails(&[("AZURE_RESOURCE_NAME", "mine")], "azure/gpt-5.5", "no key for `azure`: set AZURE_API_KEY");
    fails(&[("AWS_REGION", "x")], "bedrock/openai.gpt-5.5", "set AWS_BEARER_TOKEN_BEDROCK");
    fails(&[], "google-vertex/gemini-3.8-flash", "Logins of Google Cloud are not supported");
}

#[test]
fn a_guarded_key_goes_nowhere() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let keys = KeySource::new(|name| (name == "ANTHROPIC_API_KEY").then(|| "k".to_owned()), |_| None).guarded(move |provider, users| {
        heard.lock().unwrap().push((provider.to_owned(), users));
        if provider == "anthropic" { Err("not allowed".to_owned()) } else { Ok(()) }
    });
    let config = json!({"provider": {"mine": {"options": {"baseURL": "http://h/v1", "apiKey": "own"}, "models": {"m": {}}}}});
    let registry = Registry::new(Arc::new(serde_json::from_value(config).unwrap()), keys, Catalogue::default());
    let error = registry.resolve("anthropic/claude-sonnet-4-5").unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ProviderErrorKind::Auth, "not allowed"));
    assert!(registry.resolve("mine/m").is_ok());
    assert_eq!(*asked.lock().unwrap(), [("anthropic".to_owned(), true), ("mine".to_owned(), false)]);
}
