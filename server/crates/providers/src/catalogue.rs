//! The providers and models that are known without being configured.
//!
//! Owns what is built in: a selection of models.dev's data as of 2026-09-28, in its schema, made by `cargo xtask catalogue`; and over it what was
//! fetched since. `reasoning`: false where absent; `temperature`, `tool_call`: true. The best model of a provider stands first.
//!
//! **Invariant:** nothing is read before a provider is asked for, and then that one only.

mod fetched;
mod refresh;
mod tame;

use std::path::PathBuf;

use config::{Dirs, Env, ProviderConfig};
use serde::Deserialize;

pub use self::refresh::{RefreshError, Refreshed};
use crate::merge;

macro_rules! providers {
    ($($id:literal),+ $(,)?) => { &[$(($id, include_str!(concat!("catalogue/", $id, ".json")))),+] };
}

/// In the order in which a default is looked for: vendors, then gateways, then hosts of open models, then clouds, then this machine.
static PROVIDERS: &[(&str, &str)] = providers![
    "anthropic",
    "openai",
    "google",
    "openrouter",
    "opencode",
    "opencode-go",
    "vercel",
    "deepseek",
    "xai",
    "mistral",
    "moonshotai",
    "zai",
    "zai-coding-plan",
    "zhipuai",
    "zhipuai-coding-plan",
    "alibaba",
    "alibaba-coding-plan",
    "minimax",
    "minimax-coding-plan",
    "groq",
    "cerebras",
    "togetherai",
    "fireworks-ai",
    "deepinfra",
    "baseten",
    "cohere",
    "nvidia",
    "huggingface",
    "ollama-cloud",
    "cloudflare-workers-ai",
    "perplexity",
    "azure",
    "amazon-bedrock",
    "google-vertex",
    "github-copilot",
    "ollama",
    "llama.cpp",
    "lmstudio",
    "vllm",
];

/// Other names for providers; a configured provider of that name counts over it.
static ALIASES: &[(&str, &str)] = &[
    ("zen", "opencode"),
    ("together", "togetherai"),
    ("fireworks", "fireworks-ai"),
    ("moonshot", "moonshotai"),
    ("zhipu", "zhipuai"),
    ("bedrock", "amazon-bedrock"),
    ("copilot", "github-copilot"),
];

/// Where the catalogue is, besides the program itself.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// What was fetched: a file a provider.
    folder: Option<PathBuf>,
    /// A whole `api.json` of the user's, in place of that.
    file: Option<PathBuf>,
    /// Where it is fetched from, without `/api.json`.
    base: String,
    /// The variable that forbids fetching.
    forbidden: Option<String>,
}

impl Catalogue {
    /// As the environment says: `INTERLINE_MODELS_URL`, `…_MODELS_PATH`, `…_DISABLE_MODELS_FETCH`, or OpenCode's of these names. Reads nothing.
    #[must_use]
    pub fn of(env: &Env, dirs: &Dirs) -> Self {
        let given = env.ours("MODELS_URL").map(|(_, base)| base.trim_end_matches('/').to_owned());
        // Another source's data is kept apart.
        let folder = given.as_ref().map_or_else(
            || "models".to_owned(),
            |base| format!("models-{}", base.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-")),
        );
        let forbidden = env.flag("DISABLE_MODELS_FETCH").then(|| env.ours("DISABLE_MODELS_FETCH")).flatten();
        Self {
            folder: Some(dirs.cache.join(folder)),
            file: env.ours("MODELS_PATH").map(|(_, path)| dirs.expand(path)),
            base: given.unwrap_or_else(|| refresh::SOURCE.to_owned()),
            forbidden: forbidden.map(|(variable, _)| variable),
        }
    }

    /// A provider by its id.
    pub(crate) fn provider(&self, id: &str) -> Option<ProviderConfig> {
        let known = built_in(id);
        if is_local(id) {
            return known;
        }
        let fetched = self.fetched(id).and_then(|value| tame::provider(id, &value, known.as_ref(), &built_in_words()));
        match (known, fetched) {
            (Some(mut known), Some(fetched)) => {
                merge::models(&mut known.models, &fetched.models);
                Some(known)
            }
            (known, fetched) => known.or(fetched),
        }
    }
}

/// The ids of what is built in.
pub(crate) fn ids<'a>() -> impl Iterator<Item = &'a str> {
    PROVIDERS.iter().map(|(id, _)| *id)
}

/// The id that a provider's other name stands for.
pub(crate) fn alias(name: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, id)| *id)
}

/// The id of a provider that is built in, by that or by another name of it.
#[must_use]
pub fn known_provider(name: &str) -> Option<&'static str> {
    ids().find(|id| *id == name).or_else(|| alias(name))
}

/// Whether it is a server on the user's own machine, whose models only it knows.
pub(crate) fn is_local(id: &str) -> bool {
    crate::local::LOCAL.contains(&id)
}

fn built_in(id: &str) -> Option<ProviderConfig> {
    serde_json::from_str(json(id)?).ok()
}

fn json(id: &str) -> Option<&'static str> {
    PROVIDERS.iter().find(|(known, _)| *known == id).map(|(_, json)| *json)
}

/// The variables of a built-in provider, without reading its models.
pub(crate) fn variables(id: &str) -> Vec<String> {
    #[derive(Default, Deserialize)]
    struct Head {
        #[serde(default)]
        env: Vec<String>,
    }
    let head: Option<Head> = json(id).and_then(|json| serde_json::from_str(json).ok());
    head.unwrap_or_default().env
}

/// Where Ollama is, as `OLLAMA_HOST` says: `host`, `host:port` or a URL; a server that listens everywhere is asked on this machine.
pub(crate) fn ollama_address(host: &str) -> Option<String> {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let rest = if let Some(port) = rest.strip_prefix(':') { format!("127.0.0.1:{port}") } else { rest.replacen("0.0.0.0", "127.0.0.1", 1) };
    let mut url: url::Url = format!("{scheme}://{rest}").parse().ok()?;
    if url.port().is_none() && !host.contains("://") {
        url.set_port(Some(11434)).ok()?;
    }
    url.host_str().is_some().then(|| format!("{}/v1", url.as_str().trim_end_matches('/')))
}

/// The words with which the variables of built-in providers begin.
fn built_in_words() -> Vec<String> {
    let variables = ids().flat_map(variables);
    variables.map(|name| name.split('_').next().unwrap_or_default().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_can_be_read() {
        for (id, json) in PROVIDERS {
            let provider: ProviderConfig = serde_json::from_str(json).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(is_local(id), provider.env.is_empty(), "{id}: a hosted provider needs a variable for its key");
            assert_eq!(is_local(id), provider.models.is_empty(), "{id}: a hosted provider has a list of models");
            assert!(provider.npm.is_some() && provider.name.is_some(), "{id}");
            for (name, model) in &provider.models {
                let free_plan = model.cost.is_some() || *id == "google" || *id == "ollama-cloud";
                assert!(model.limit.is_some_and(|limit| limit.context > 0) && free_plan, "{id}/{name}");
                assert!(model.other.keys().all(|key| key == "reasoning_options" || key == "status"), "{id}/{name}: {:?}", model.other);
            }
        }
    }

    #[test]
    fn every_file_is_named_and_every_alias_has_its_provider() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalogue");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        let mut named: Vec<&str> = ids().collect();
        files.sort();
        named.sort_unstable();
        assert_eq!(files, named);
        for (alias, id) in ALIASES {
            assert!(json(id).is_some() && json(alias).is_none(), "{alias}");
        }
    }

    #[test]
    fn where_ollama_is() {
        let check = |host: &str, expect: Option<&str>| assert_eq!(ollama_address(host).as_deref(), expect, "{host}");
        check("127.0.0.1", Some("http://127.0.0.1:11434/v1"));
        check("0.0.0.0:8000", Some("http://127.0.0.1:8000/v1"));
        check(":8000", Some("http://127.0.0.1:8000/v1"));
        check("gpu.local:1234/", Some("http://gpu.local:1234/v1"));
        check("http://gpu.local", Some("http://gpu.local/v1"));
        check("https://gpu.local/ollama/", Some("https://gpu.local/ollama/v1"));
        check("[::1]:8000", Some("http://[::1]:8000/v1"));
        check("", None);
    }

    #[test]
    fn the_environment_says_where_it_is() {
        let check = |variables: &[(&str, &str)], expect: &str| {
            let env = Env::from_pairs(variables.iter().copied().chain([("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]));
            let found = Catalogue::of(&env, &Dirs::from_env(&env));
            assert_eq!(format!("{:?} {:?} {} {:?}", found.folder.unwrap(), found.file, found.base, found.forbidden), expect);
        };
        check(&[], r#""/c/interline/models" None https://models.opencode.ai None"#);
        check(&[("OPENCODE_MODELS_URL", "http://h:1/x/")], r#""/c/interline/models-http---h-1-x" None http://h:1/x None"#);
        check(
            &[("OPENCODE_MODELS_PATH", "~/a.json"), ("INTERLINE_DISABLE_MODELS_FETCH", "1")],
            r#""/c/interline/models" Some("/h/a.json") https://models.opencode.ai Some("INTERLINE_DISABLE_MODELS_FETCH")"#,
        );
        check(&[("OPENCODE_DISABLE_MODELS_FETCH", "false")], r#""/c/interline/models" None https://models.opencode.ai None"#);
    }
}
