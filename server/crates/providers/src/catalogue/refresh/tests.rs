//! What comes over the network, and what is made of it.

use std::sync::Arc;

use config::{Config, Dirs, Env};
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::{KeySource, Registry};

struct World {
    server: MockServer,
    _home: tempfile::TempDir,
    catalogue: Catalogue,
}

async fn world() -> World {
    let (server, home) = (MockServer::start().await, tempfile::tempdir().unwrap());
    let base = server.uri();
    let env = Env::from_pairs([("HOME", home.path().to_str().unwrap()), ("OPENCODE_MODELS_URL", &base)]);
    World { catalogue: Catalogue::of(&env, &Dirs::from_env(&env)), server, _home: home }
}

impl World {
    async fn serves(&self, body: &Value) {
        self.answers(ResponseTemplate::new(200).set_body_json(body)).await;
    }

    async fn answers(&self, answer: ResponseTemplate) {
        self.server.reset().await;
        Mock::given(path("/api.json")).respond_with(answer).mount(&self.server).await;
    }

    fn registry(&self, config: Value) -> Registry {
        let config: Config = serde_json::from_value(config).unwrap();
        let keys = KeySource::new(|name| name.ends_with("_KEY").then(|| format!("value of {name}")), |_| None);
        Registry::new(Arc::new(config), keys, self.catalogue.clone())
    }
}

#[tokio::test]
async fn what_was_fetched_counts_over_what_is_built_in_and_the_user_over_both() {
    let world = world().await;
    assert!(world.catalogue.is_stale());
    let sonnet =
        json!({"cost": {"input": 1, "output": 2}, "limit": {"context": 77, "output": 7}, "provider": {"api": "https://evil.example"}});
    world
        .serves(&json!({
            "anthropic": {"api": "https://evil.example", "models": {"claude-sonnet-5": sonnet, "claude-future": {"limit": {"context": 5, "output": 5}}}},
            "newcomer": {"name": "Newcomer", "npm": "@ai-sdk/openai-compatible", "api": "https://api.newcomer.example/v1", "env": ["NEWCOMER_KEY"], "models": {"m": {}}},
            "../evil": {"models": {"m": {}}},
            "ollama": {"models": {"m": {}}},
        }))
        .await;
    let refreshed = world.catalogue.refresh().await.unwrap();
    assert_eq!((refreshed.providers, refreshed.models), (2, 3));
    assert!(!world.catalogue.is_stale());

    let registry = world.registry(json!({"provider": {"anthropic": {"models": {"claude-sonnet-5": {"limit": {"context": 88}}}}}}));
    let model = registry.resolve("anthropic/claude-sonnet-5").unwrap();
    assert_eq!((model.cost.input, model.limit.context, model.model_name.as_str()), (1.0, 88, "Claude Sonnet 5"));
    assert_eq!((model.base_url.as_str(), model.key.expose()), ("https://api.anthropic.com/v1", "value of ANTHROPIC_API_KEY"));
    assert_eq!(registry.resolve("anthropic/claude-future").unwrap().limit.context, 5);
    let model = registry.resolve("newcomer/m").unwrap();
    assert_eq!((model.base_url.as_str(), model.key.expose()), ("https://api.newcomer.example/v1", "value of NEWCOMER_KEY"));
    assert!(registry.models().iter().any(|entry| entry.name == "newcomer/m"));
    assert_eq!(registry.default_model().unwrap(), "anthropic/claude-sonnet-5", "what was fetched is never taken by itself");
    assert!(registry.resolve("ollama/any").is_ok(), "a local server's models are its own matter");
}

#[tokio::test]
async fn an_address_that_was_there_before_stays() {
    let world = world().await;
    let newcomer = |host: &str, price: u32| json!({"newcomer": {"api": format!("https://{host}/v1"), "env": ["NEWCOMER_KEY"], "models": {"m": {"cost": {"input": price, "output": 0}}}}});
    for (host, price) in [("first.example", 1), ("second.example", 2)] {
        world.serves(&newcomer(host, price)).await;
        world.catalogue.refresh().await.unwrap();
    }
    let model = world.registry(json!({})).resolve("newcomer/m").unwrap();
    assert_eq!((model.base_url.as_str(), model.cost.input), ("https://first.example/v1", 2.0));
}

#[tokio::test]
async fn what_is_no_catalogue_changes_nothing() {
    let world = world().await;
    world.serves(&json!({"deepseek": {"models": {"deepseek-next": {}}}})).await;
    world.catalogue.refresh().await.unwrap();
    for answer in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(302).insert_header("location", "https://evil.example/api.json"),
        ResponseTemplate::new(200).set_body_string("<html>a portal</html>"),
        ResponseTemplate::new(200).set_body_string(r#"{"deepseek": {"models": {"cut": {}"#),
        ResponseTemplate::new(200).set_body_string(r#"{"deepseek": {"models": "none"}}"#),
        ResponseTemplate::new(200).set_body_string(format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000))),
    ] {
        world.answers(answer).await;
        let error = world.catalogue.refresh().await.unwrap_err();
        assert!(error.to_string().contains("/api.json"), "{error}");
        assert!(world.registry(json!({})).resolve("deepseek/deepseek-next").is_ok(), "{error}");
    }
}

#[tokio::test]
async fn a_spoiled_file_is_as_if_it_were_absent() {
    let world = world().await;
    world.serves(&json!({"deepseek": {"models": {"deepseek-next": {}}}})).await;
    let folder = world.catalogue.refresh().await.unwrap().folder;
    for spoiled in ["", "{", "[1]", "null"] {
        std::fs::write(folder.join("deepseek.json"), spoiled).unwrap();
        let registry = world.registry(json!({}));
        assert!(registry.resolve("deepseek/deepseek-next").is_err() && registry.resolve("deepseek/deepseek-v4-pro").is_ok(), "{spoiled}");
    }
}

#[tokio::test]
async fn the_user_may_forbid_it_or_give_a_file() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("api.json");
    std::fs::write(
        &file,
        json!({"a": {"models": {"x": {}}}, "newcomer": {"api": "https://n.example", "models": {"m": {"name": "Mine"}}}}).to_string(),
    )
    .unwrap();
    let check = |variable: &str, value: &str| {
        let env =
            Env::from_pairs([("HOME", home.path().to_str().unwrap()), ("OPENCODE_MODELS_URL", "http://127.0.0.1:1"), (variable, value)]);
        Catalogue::of(&env, &Dirs::from_env(&env))
    };
    let forbidden = check("OPENCODE_DISABLE_MODELS_FETCH", "1");
    assert!(!forbidden.is_stale());
    assert!(forbidden.refresh().await.unwrap_err().to_string().contains("OPENCODE_DISABLE_MODELS_FETCH"));
    let own = check("OPENCODE_MODELS_PATH", file.to_str().unwrap());
    assert!(!own.is_stale());
    assert!(own.refresh().await.unwrap_err().to_string().contains("api.json"));
    assert_eq!(own.fetched_ids(), ["a", "newcomer"]);
    assert_eq!(own.provider("newcomer").unwrap().models["m"].name.as_deref(), Some("Mine"));
    let unreachable = check("NOTHING", "");
    assert!(unreachable.is_stale());
    assert!(unreachable.refresh().await.unwrap_err().to_string().starts_with("http://127.0.0.1:1/api.json cannot be fetched: "));
    assert!(unreachable.is_stale(), "a failure is no fetch");
}
