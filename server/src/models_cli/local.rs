//! Servers of models on this machine: which are there, and what to write to use them.
//!
//! Owns the words about them. Must not know how each is asked: `providers` does.
//!
//! **Invariant:** looks only when it is called, at all of them at once, and briefly.

use std::time::Duration;

use providers::{LocalError, Registry, local_models};

use super::listing::Row;
use crate::output;

/// A server on this machine answers at once, or is not there.
const PATIENCE: Duration = Duration::from_millis(1000);

/// A place where a server may be.
pub struct Server {
    /// The provider, such as `ollama`.
    pub id: String,
    /// With `/v1`.
    pub address: String,
    /// The names of its models.
    pub models: Result<Vec<String>, LocalError>,
}

impl Server {
    /// For people.
    pub fn name(&self) -> &str {
        match self.id.as_str() {
            "ollama" => "Ollama",
            "lmstudio" => "LM Studio",
            "vllm" => "vLLM",
            other => other,
        }
    }

    /// `provider/model` of each of its models.
    pub fn names(&self) -> Vec<String> {
        self.models.iter().flatten().map(|model| format!("{}/{model}", self.id)).collect()
    }
}

/// Asks the servers of these providers, all at once; those that are switched off are left out.
pub fn find(registry: &Registry, ids: &[&str]) -> Vec<Server> {
    let ask = |id: &str| {
        let (id, address) = (id.to_owned(), registry.local_address(id)?);
        Some(async move { Server { models: local_models(&id, &address, PATIENCE).await, id, address } })
    };
    let all = futures_util::future::join_all(ids.iter().filter_map(|id| ask(id)));
    match runtime() {
        Ok(runtime) => runtime.block_on(all),
        Err(error) => {
            output::note(&format!("interline: servers on this machine cannot be looked for: {error}"));
            Vec::new()
        }
    }
}

/// Says which are there and how to use one.
pub fn explain(servers: &[Server], registry: &Registry) {
    let mut absent = Vec::new();
    for server in servers {
        let (name, address) = (server.name(), &server.address);
        match &server.models {
            Ok(models) if models.is_empty() => output::note(&format!("{name} at {address}: no models. {}", get_one(&server.id))),
            Ok(models) => output::note(&format!("{name} at {address}: {} models", models.len())),
            Err(LocalError::Absent) => absent.push(format!("{name} ({address})")),
            Err(error) => output::note(&format!("{name} at {address}: {error}")),
        }
    }
    if !absent.is_empty() {
        output::note(&format!("not there: {}. Another address: provider.ID.options.baseURL, or OLLAMA_HOST for Ollama", absent.join(", ")));
    }
    if let Some(name) = servers.iter().flat_map(Server::names).next() {
        output::note(&how(&name, registry.resolve(&name).is_ok()));
        if name.starts_with("ollama/") {
            output::note("Ollama cuts long prompts off without a word; for work on code start it with OLLAMA_CONTEXT_LENGTH=32768 or more");
        }
    }
}

/// What to write to use a model; `is_open`: the configuration lets any name of its provider through.
fn how(name: &str, is_open: bool) -> String {
    let mut text = format!("to use one: interline run -m {name} \"…\", or for good, in interline.json: {{\"model\": \"{name}\"}}");
    if let Some((id, model)) = name.split_once('/').filter(|_| !is_open) {
        text.push_str(&format!(
            "; and, as the models of `{id}` are listed there: {{\"provider\": {{\"{id}\": {{\"models\": {{\"{model}\": {{}}}}}}}}}}"
        ));
    }
    text
}

fn get_one(id: &str) -> &'static str {
    match id {
        "ollama" => "`ollama pull NAME` gets one",
        "lmstudio" => "load one in its window, or by `lms load`",
        _ => "start it with one",
    }
}

/// As they are listed.
pub fn rows(servers: &[Server]) -> Vec<Row> {
    servers.iter().flat_map(|server| server.names().into_iter().map(|name| Row::local(name, &server.address))).collect()
}

/// For a command that waits for something and ends.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_write() {
        assert_eq!(
            how("ollama/q:8b", true),
            r#"to use one: interline run -m ollama/q:8b "…", or for good, in interline.json: {"model": "ollama/q:8b"}"#
        );
        assert!(how("vllm/a/b", false).ends_with(r#"{"provider": {"vllm": {"models": {"a/b": {}}}}}"#));
    }
}
