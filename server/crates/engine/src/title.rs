//! A session's title: asked of a small model beside the first answer.
//!
//! Owns who is asked, what, and what is left of the answer. Must not know when.
//!
//! **Invariant:** without the user's own word for it, the conversation goes to no other provider than it goes to anyway, and no local server is kept
//! from answering.

use config::Config;
use proto::{SessionId, Tokens};
use providers::{ChatMessage, ChatPart, Client, ModelEvent, ModelRequest, ProviderError, Registry, ResolvedModel};

const PROMPT: &str = include_str!("../../../../prompts/agents/title.md");
/// OpenCode's.
const TEMPERATURE: f64 = 0.5;
/// Most of the message that is told, in characters.
const TOLD: usize = 4000;
/// Longest title, in characters.
const LONGEST: usize = 100;
/// Most that is written for it, thoughts included, in tokens.
pub const MAX_OUTPUT: u64 = 2000;

/// What the model answered.
pub struct Answer {
    /// None if it holds no title.
    pub title: Option<String>,
    /// What it took.
    pub tokens: Tokens,
}

/// The model that names a conversation with `main`; none if it keeps its first line for a title.
#[must_use]
pub fn model(config: &Config, registry: &Registry, main: &ResolvedModel) -> Option<String> {
    let agent = config.agent.get("title");
    if agent.is_some_and(|agent| agent.disable == Some(true)) {
        return None;
    }
    let own = agent.and_then(|agent| agent.model.as_ref()).map(|model| model.first().to_owned()).filter(|model| !model.is_empty());
    if own.is_none() && config.small_model.is_none() && is_near(&main.base_url) {
        return None;
    }
    own.or_else(|| registry.small_model(main))
}

/// Whether a server is on this machine or beside it: it may answer one request at a time.
fn is_near(address: &str) -> bool {
    let after = address.split_once("://").map_or(address, |(_, after)| after);
    let authority = after.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, _)) => host,
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unspecified(),
        Err(_) => !host.contains('.') || host.ends_with(".local") || host.ends_with(".localhost"),
    }
}

/// What is asked, for a conversation that begins with `message`.
#[must_use]
pub fn request(config: &Config, session: &SessionId, message: &str) -> ModelRequest {
    let agent = config.agent.get("title");
    let told: String = message.chars().take(TOLD).collect();
    let prompt = agent.and_then(|agent| agent.prompt.clone()).filter(|prompt| !prompt.trim().is_empty());
    ModelRequest {
        system: vec![prompt.unwrap_or_else(|| PROMPT.to_owned())],
        messages: vec![ChatMessage::User(vec![ChatPart::Text(format!("<message>\n{told}\n</message>\n\nWrite the name now."))])],
        max_output: Some(MAX_OUTPUT),
        temperature: Some(agent.and_then(|agent| agent.temperature).unwrap_or(TEMPERATURE)),
        session: session.as_str().to_owned(),
        ..ModelRequest::default()
    }
}

/// Asks, once.
///
/// # Errors
/// The provider's.
pub async fn ask(client: Client, model: ResolvedModel, request: ModelRequest) -> Result<Answer, ProviderError> {
    let mut stream = client.stream(&model.for_side_job(), &request);
    let (mut text, mut tokens) = (String::new(), Tokens::default());
    while let Some(event) = stream.next().await {
        match event? {
            ModelEvent::Text(words) => text.push_str(&words),
            ModelEvent::Usage(usage) => tokens = usage,
            _ => {}
        }
    }
    Ok(Answer { title: clean(&text), tokens })
}

/// The first line with words in it, without thoughts, marks around it and characters that nobody sees, and no longer than a title may be.
fn clean(answer: &str) -> Option<String> {
    let mut rest = answer;
    let mut said = String::new();
    while let Some((before, thoughts)) = rest.split_once("<think>") {
        said.push_str(before);
        rest = thoughts.split_once("</think>").map_or("", |(_, after)| after);
    }
    said.push_str(rest);
    let seen: String = said.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let line = seen.lines().map(bare).find(|line| !line.is_empty())?;
    if line.chars().count() <= LONGEST {
        return Some(line.to_owned());
    }
    Some(line.chars().take(LONGEST - 3).chain("...".chars()).collect())
}

/// A line without what models like to put around a title.
fn bare(line: &str) -> &str {
    let line = line.trim().trim_start_matches('#').trim_start();
    let mut line = line.strip_prefix("Title:").unwrap_or(line).trim();
    for mark in ["**", "\"", "`"] {
        let inner = line.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
        line = inner.filter(|inner| !inner.contains(mark)).map_or(line, str::trim);
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use providers::{Catalogue, KeySource};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_left_of_an_answer() {
        let check = |answer: &str, expect: Option<&str>| assert_eq!(clean(answer).as_deref(), expect, "{answer}");
        check("Rename parse() in lexer.rs", Some("Rename parse() in lexer.rs"));
        check("\n\n  Title  \nand why", Some("Title"));
        check("<think>hm\nhm</think>\nTitle", Some("Title"));
        check("# Title", Some("Title"));
        check("Title: **\"A title\"**\nmore", Some("A title"));
        check("\"a\" and \"b\"", Some("\"a\" and \"b\""));
        check("\u{1b}[31mRed", Some("[31mRed"));
        check("<think>a</think><think>b</think> \n", None);
        check("<think>never ends", None);
        check("", None);
        check(&"ä".repeat(100), Some(&"ä".repeat(100)));
        check(&"ä".repeat(101), Some(&format!("{}...", "ä".repeat(97))));
    }

    #[test]
    fn who_is_asked() {
        let check = |config: Value, main: &str, expect: Option<&str>| {
            let config: Arc<Config> = Arc::new(serde_json::from_value(config).unwrap());
            let registry = Registry::new(Arc::clone(&config), KeySource::new(|_| Some("k".into()), |_| None), Catalogue::default());
            let main = registry.resolve(main).unwrap();
            let got = model(&config, &registry, &main);
            match expect {
                Some("of the same provider") => assert!(got.is_some_and(|name| name.starts_with(&format!("{}/", main.provider_id)))),
                expect => assert_eq!(got.as_deref(), expect, "{config:?}"),
            }
        };
        check(json!({}), "anthropic/claude-sonnet-4-5", Some("of the same provider"));
        check(json!({"small_model": "ollama/x"}), "anthropic/claude-sonnet-4-5", Some("ollama/x"));
        check(json!({"small_model": "a/b", "agent": {"title": {"model": "c/d"}}}), "anthropic/claude-sonnet-4-5", Some("c/d"));
        check(json!({"small_model": "a/b", "agent": {"title": {"disable": true}}}), "anthropic/claude-sonnet-4-5", None);
        // A local server answers the user first, unless the user says otherwise.
        check(json!({}), "ollama/x", None);
        check(json!({"small_model": "ollama/small"}), "ollama/x", Some("ollama/small"));
        // A provider without a small model.
        check(json!({}), "deepseek/deepseek-flash", None);
    }

    #[test]
    fn what_is_near() {
        let check = |address: &str, expect: bool| assert_eq!(is_near(address), expect, "{address}");
        for near in [
            "http://127.0.0.1:11434/v1",
            "http://localhost:1234",
            "http://[::1]:80/v1",
            "http://192.168.1.5/v1",
            "http://box:1/v1",
            "http://u:p@mac.local/",
        ] {
            check(near, true);
        }
        for far in ["https://api.anthropic.com/v1", "http://8.8.8.8/v1", "https://127.example.com", "http://[2606:4700::1]/v1"] {
            check(far, false);
        }
    }
}
