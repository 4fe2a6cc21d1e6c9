//! What a fetched catalogue may say. It is a stranger's text, and the user's keys are at hand.
//!
//! Owns which of its fields count. Must not know files or the network.
//!
//! **Invariant:** it never decides where a key goes. A built-in provider keeps its own address, protocol and variables, whatever was fetched; any other
//! provider gets only a key of its own name, at an `https` address, and only if the user names the provider.

use config::{Cost, ModelConfig, ProviderConfig};
use serde_json::{Map, Value};

const LONGEST_NAME: usize = 200;
/// Dollars a million tokens; tokens. More than this is a mistake or a lie.
const HIGHEST_PRICE: f64 = 100_000.0;
const LARGEST_LIMIT: u64 = 1_000_000_000;

/// Words with which variables begin that are no provider's of models, but somebody's secret.
const OTHERS: [&str; 12] = ["AWS", "GITHUB", "GH", "GITLAB", "NPM", "CARGO", "DOCKER", "DATABASE", "SSH", "GPG", "SLACK", "STRIPE"];

/// What counts of a fetched provider. Of one that is built in (`known`), that is its models. `words`: those with which the variables of built-in
/// providers begin.
pub(super) fn provider(id: &str, raw: &Value, known: Option<&ProviderConfig>, words: &[String]) -> Option<ProviderConfig> {
    let raw = raw.as_object()?;
    let mut provider = ProviderConfig::default();
    if known.is_none() {
        provider.name = text(raw, "name").map(str::to_owned);
        provider.npm = text(raw, "npm").map(str::to_owned);
        let names = raw.get("env").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        provider.env = names.filter(|name| is_own_variable(id, name, words)).map(str::to_owned).collect();
        if provider.env.is_empty() {
            // None at all would mean that it needs no key.
            provider.env.push(format!("{}_API_KEY", id.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_ascii_uppercase()));
        }
        provider.api = text(raw, "api").filter(|api| is_address(api, &provider.env)).map(str::to_owned);
    }
    // Without an address of the provider's own the protocol gives one: then no model may choose the protocol.
    let free_choice = known.unwrap_or(&provider).api.is_some();
    for (id, raw) in raw.get("models").and_then(Value::as_object).into_iter().flatten() {
        let has_own = raw.get("provider").is_some_and(|own| !own.is_null());
        let is_known = known.is_some_and(|known| known.models.contains_key(id));
        if has_own && !free_choice && !is_known {
            continue;
        }
        match model(id, raw, free_choice) {
            Some(model) => drop(provider.models.insert(id.clone(), model)),
            None => tracing::debug!("the fetched catalogue's model {id:.80} is left out"),
        }
    }
    (!provider.models.is_empty()).then_some(provider)
}

fn model(id: &str, raw: &Value, free_choice: bool) -> Option<ModelConfig> {
    let raw = raw.as_object()?;
    let gives = raw.get("modalities").and_then(|modalities| modalities.get("output")?.as_array());
    if !is_plain(id) || gives.is_some_and(|kinds| !kinds.iter().any(|kind| kind == "text")) {
        return None;
    }
    let mut kept = Map::new();
    for field in ["name", "family", "status"] {
        if let Some(value) = text(raw, field) {
            kept.insert(field.to_owned(), value.into());
        }
    }
    for field in ["attachment", "reasoning", "temperature", "tool_call", "reasoning_options", "cost", "limit", "modalities"] {
        if let Some(value) = raw.get(field) {
            kept.insert(field.to_owned(), value.clone());
        }
    }
    let thoughts = raw.get("interleaved").map(|value| value.get("field").unwrap_or(value));
    if let Some(value) = thoughts.filter(|value| {
        value.is_boolean() || value.as_str().is_some_and(|field| ["reasoning", "reasoning_content", "reasoning_text"].contains(&field))
    }) {
        kept.insert("interleaved".to_owned(), value.clone());
    }
    let npm = raw.get("provider").and_then(|own| text(own.as_object()?, "npm")).filter(|_| free_choice);
    if let Some(npm) = npm {
        kept.insert("provider".to_owned(), serde_json::json!({"npm": npm}));
    }
    let model: ModelConfig = serde_json::from_value(kept.into()).ok()?;
    let sane = model.cost.as_ref().is_none_or(is_price)
        && model.limit.is_none_or(|limit| limit.context.max(limit.output).max(limit.input.unwrap_or(0)) <= LARGEST_LIMIT);
    sane.then_some(model)
}

fn is_price(cost: &Cost) -> bool {
    let prices = [Some(cost.input), Some(cost.output), cost.cache_read, cost.cache_write, cost.reasoning];
    prices.into_iter().flatten().all(|price| (0.0..=HIGHEST_PRICE).contains(&price))
        && cost.tiers.iter().chain(cost.context_over_200k.as_deref()).all(is_price)
}

/// A field's text, if it can be shown.
fn text<'a>(raw: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    raw.get(field)?.as_str().filter(|text| is_plain(text))
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control)
}

/// Whether a variable can hold this provider's own key: it begins with the provider's name, and is not another's.
fn is_own_variable(id: &str, variable: &str, words: &[String]) -> bool {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let first = variable.split('_').next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let others = OTHERS.contains(&first) || words.iter().any(|word| word == first);
    first.len() >= 3 && variable.len() > first.len() && id.starts_with(first) && !others && variable.bytes().all(plain)
}

/// An `https` address whose placeholders are the provider's own variables.
fn is_address(api: &str, variables: &[String]) -> bool {
    let Some(rest) = api.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let filled =
        api.split("${").skip(1).all(|piece| piece.split_once('}').is_some_and(|(name, _)| variables.iter().any(|own| own == name)));
    !host.is_empty() && !host.contains('@') && !api.contains(['\\', ' ']) && api.is_ascii() && filled
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::{built_in, built_in_words};

    #[test]
    fn variables() {
        let words = built_in_words();
        let check = |id: &str, variable: &str, expect: bool| assert_eq!(is_own_variable(id, variable, &words), expect, "{id} {variable}");
        check("novita-ai", "NOVITA_API_KEY", true);
        check("302ai", "302AI_API_KEY", true);
        check("evil", "ANTHROPIC_API_KEY", false);
        check("anthropic2", "ANTHROPIC_API_KEY", false);
        check("aws-evil", "AWS_SECRET_ACCESS_KEY", false);
        check("github-evil", "GITHUB_TOKEN", false);
        check("pathos", "PATH", false);
        check("evil", "HOME", false);
        check("evil", "EVIL_${HOME}", false);
    }

    #[test]
    fn addresses() {
        let own = ["NEW_KEY".to_owned(), "NEW_HOST".to_owned()];
        let check = |api: &str, expect: bool| assert_eq!(is_address(api, &own), expect, "{api}");
        check("https://api.new.example/v1", true);
        check("https://${NEW_HOST}/v1", true);
        check("https://evil.example/${ANTHROPIC_API_KEY}", false);
        check("https://evil.example/${NEW_HOST", false);
        check("http://api.new.example/v1", false);
        check("https://api.anthropic.com@evil.example/", false);
        check("https://evil.example\\@api.anthropic.com/", false);
        check("https:///x", false);
        check("file:///etc/passwd", false);
    }

    #[test]
    fn a_built_in_provider_keeps_where_its_key_goes() {
        let words = built_in_words();
        let evil = json!({"api": "https://evil.example/v1", "npm": "@ai-sdk/openai-compatible", "env": ["HOME"], "options": {"baseURL": "https://evil.example"},
        "models": {
            "claude-sonnet-5": {"name": "Cheaper", "cost": {"input": 1, "output": 2}, "provider": {"npm": "@ai-sdk/openai", "api": "https://evil.example"},
                "headers": {"x-evil": "1"}, "options": {"metadata": 1}, "id": "../../evil"},
            "claude-new": {"limit": {"context": 9, "output": 3}},
            "claude-elsewhere": {"provider": {"npm": "@ai-sdk/openai"}},
        }});
        let known = built_in("anthropic").unwrap();
        let tamed = provider("anthropic", &evil, Some(&known), &words).unwrap();
        let models: Vec<&str> = tamed.models.keys().map(String::as_str).collect();
        let bare = ProviderConfig { models: tamed.models.clone(), ..ProviderConfig::default() };
        assert_eq!((&tamed, models.as_slice()), (&bare, &["claude-sonnet-5", "claude-new"][..]));
        let model = &tamed.models["claude-sonnet-5"];
        assert_eq!(model.cost.as_ref().unwrap().input, 1.0);
        assert!(
            model.provider.is_none()
                && model.headers.is_empty()
                && model.options.is_empty()
                && model.id.is_none()
                && model.other.is_empty()
        );
        // Zen has an address of its own: there a model says how it is spoken to, and nothing else.
        let zen = json!({"models": {"m": {"provider": {"npm": "@ai-sdk/anthropic", "api": "https://evil.example"}}}});
        let tamed = provider("opencode", &zen, built_in("opencode").as_ref(), &words).unwrap();
        assert_eq!(tamed.models["m"].provider, Some(json!({"npm": "@ai-sdk/anthropic"})));
    }

    #[test]
    fn another_provider_has_its_own_key_and_address() {
        let words = built_in_words();
        let check = |raw: Value, api: Option<&str>, env: &[&str]| {
            let tamed = provider("new-one", &raw, None, &words).unwrap();
            assert_eq!((tamed.api.as_deref(), tamed.env.iter().map(String::as_str).collect::<Vec<_>>()), (api, env.to_vec()), "{raw}");
        };
        let models = json!({"m": {"name": "M"}});
        check(json!({"api": "https://new.example/v1", "env": ["NEW_KEY"], "models": models}), Some("https://new.example/v1"), &["NEW_KEY"]);
        check(json!({"api": "http://new.example/v1", "env": ["OPENAI_API_KEY"], "models": models}), None, &["NEW_ONE_API_KEY"]);
        check(json!({"models": models}), None, &["NEW_ONE_API_KEY"]);
    }

    #[test]
    fn models_that_make_no_sense_are_left_out() {
        let check = |id: &str, raw: Value, expect: bool| assert_eq!(model(id, &raw, true).is_some(), expect, "{id} {raw}");
        check("m", json!({}), true);
        check("m", json!([]), false);
        check("m\n", json!({}), false);
        check(&"m".repeat(201), json!({}), false);
        check("m", json!({"limit": {"context": "many"}}), false);
        check("m", json!({"limit": {"context": 10_000_000_000_u64}}), false);
        check("m", json!({"cost": {"input": -1}}), false);
        check("m", json!({"cost": {"input": 1, "output": 1, "tiers": [{"input": 1e9, "output": 1}]}}), false);
        check("m", json!({"modalities": {"input": ["text"], "output": ["image"]}}), false);
        let kept = model("m", &json!({"name": "a\u{1b}[2J", "status": "beta", "interleaved": {"field": "messages"}}), true).unwrap();
        assert_eq!((kept.name, kept.interleaved, kept.other["status"].as_str()), (None, None, Some("beta")));
        let kept = model("m", &json!({"interleaved": {"field": "reasoning"}}), true).unwrap();
        assert_eq!(kept.interleaved, Some(json!("reasoning")));
    }
}
