//! The `websearch` tool: what a search service finds, as titles, addresses and a few words each.
//!
//! Owns how the known services are asked and what they answer. Must not know where the configuration comes from: a project's does not count.
//!
//! **Invariant:** the key goes to the configured service alone, follows no redirect, and stands in no error; nothing is asked before the permission was given.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{RequestBuilder, Url};
use serde_json::{Value, json};

use crate::args::{Args, schema};
use crate::webfetch::transport::{self, Way};
use crate::{Ask, Effect, Tool, ToolContext, ToolError, ToolOutput, truncate};

const LIMIT: Duration = Duration::from_secs(25);
/// How many results there are, and at most.
const RESULTS: u64 = 8;
const MOST_RESULTS: u64 = 20;
/// Most bytes of an answer.
const LARGEST: usize = 2 << 20;
/// How much of each result's text is told, in characters.
const SNIPPET: usize = 500;

/// The tool, with its service.
pub struct WebSearch {
    service: Service,
    url: Url,
    key: String,
    results: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Brave,
    Tavily,
    Exa,
    Searxng,
}

impl std::fmt::Debug for WebSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSearch").field("service", &self.service).field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl WebSearch {
    /// The tool as `websearch` of the configuration has it; none if it names no service.
    ///
    /// # Errors
    /// What is missing, for the user.
    pub fn of(config: &Value) -> Result<Option<Self>, String> {
        let text = |name: &str| config[name].as_str().map(str::trim).filter(|text| !text.is_empty());
        let Some(provider) = text("provider") else { return Ok(None) };
        let (service, usual) = match provider {
            "brave" => (Service::Brave, Some("https://api.search.brave.com/res/v1/web/search")),
            "tavily" => (Service::Tavily, Some("https://api.tavily.com/search")),
            "exa" => (Service::Exa, Some("https://api.exa.ai/search")),
            "searxng" => (Service::Searxng, None),
            other => return Err(format!("websearch: there is no provider `{other}`; there are: brave, tavily, exa, searxng")),
        };
        let url = text("url").or(usual).ok_or("websearch: searxng needs `url`, the address of its server")?;
        let mut url = Url::parse(url).map_err(|error| format!("websearch.url is no address: {error}"))?;
        if service == Service::Searxng && !url.path().ends_with("/search") {
            let path = format!("{}/search", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        let key = text("apiKey").unwrap_or_default().to_owned();
        if key.is_empty() && service != Service::Searxng {
            return Err(format!("websearch: {provider} needs `apiKey`, such as \"{{env:{}_API_KEY}}\"", provider.to_uppercase()));
        }
        Ok(Some(Self { service, url, key, results: config["results"].as_u64().unwrap_or(RESULTS) }))
    }

    fn request(&self, client: &reqwest::Client, query: &str, count: u64) -> RequestBuilder {
        let mut url = self.url.clone();
        let json = |builder: RequestBuilder, body: Value| builder.header("content-type", "application/json").body(body.to_string());
        match self.service {
            Service::Brave => {
                url.query_pairs_mut().append_pair("q", query).append_pair("count", &count.to_string());
                client.get(url).header("x-subscription-token", &self.key)
            }
            Service::Tavily => json(client.post(url).bearer_auth(&self.key), json!({ "query": query, "max_results": count })),
            Service::Exa => {
                let body = json!({ "query": query, "numResults": count, "contents": { "text": { "maxCharacters": SNIPPET } } });
                json(client.post(url).header("x-api-key", &self.key), body)
            }
            Service::Searxng => {
                url.query_pairs_mut().append_pair("q", query).append_pair("format", "json");
                let request = client.get(url);
                if self.key.is_empty() { request } else { request.bearer_auth(&self.key) }
            }
        }
        .header("accept", "application/json")
    }

    async fn search(&self, query: &str, count: u64) -> Result<Vec<Found>, String> {
        let client = transport::client(&self.url, &Way::Any, LIMIT).map_err(|error| error.to_string())?;
        let fault = |error: reqwest::Error| transport::Fault::from(error).to_string();
        let mut response = self.request(&client, query, count).send().await.map_err(fault)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the service answered {status}"));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(fault)? {
            if body.len() + chunk.len() > LARGEST {
                return Err("its answer is too large".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        let answer: Value = serde_json::from_slice(&body).map_err(|_| "its answer is no JSON".to_owned())?;
        Ok(found(&answer, usize::try_from(count).unwrap_or(usize::MAX)))
    }
}

/// A result.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    title: String,
    url: String,
    text: String,
}

/// The results in an answer of any of the services.
fn found(answer: &Value, most: usize) -> Vec<Found> {
    let list = answer.pointer("/web/results").or_else(|| answer.get("results")).and_then(Value::as_array);
    let one = |result: &Value| {
        let text = |names: &[&str]| names.iter().find_map(|name| result[*name].as_str()).unwrap_or_default().to_owned();
        let url = text(&["url"]);
        (!url.is_empty()).then(|| Found { title: text(&["title"]), url, text: text(&["content", "description", "text", "snippet"]) })
    };
    list.into_iter().flatten().filter_map(one).take(most).collect()
}

#[async_trait]
impl Tool for WebSearch {
    fn id(&self) -> &str {
        "websearch"
    }

    fn description(&self) -> &str {
        include_str!("../../../../prompts/tools/websearch.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(json!({ "query": { "type": "string" }, "numResults": { "type": "integer", "description": "default 8" } }), &["query"])
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("query").trim().to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let args = Args(&args);
        let query = args.text("query")?.trim();
        if query.is_empty() {
            return Err(ToolError::model("invalid arguments: parameter `query` is empty"));
        }
        let count = args.opt_number("numResults")?.unwrap_or(self.results).clamp(1, MOST_RESULTS);
        let ask = Ask {
            permission: "websearch".to_owned(),
            patterns: vec![query.to_owned()],
            always: vec!["*".to_owned()],
            metadata: json!({ "title": format!("Search the web for {query}"), "query": query }),
            place: None,
            always_ask: false,
        };
        context.asker.ask(ask).await?;
        let found = tokio::select! {
            found = self.search(query, count) => found,
            () = context.cancel.cancelled() => return Err(ToolError::Cancelled(Box::default())),
        };
        let found = found.map_err(|why| ToolError::model(format!("the search failed: {why}")))?;
        let mut text = String::new();
        for (number, result) in (1..).zip(&found) {
            let words = result.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let short: String = words.chars().take(SNIPPET).collect();
            let _ = write!(text, "{number}. {}\n{}\n{short}\n\n", result.title.trim(), result.url);
        }
        let text = if found.is_empty() { "(nothing was found)".to_owned() } else { text };
        let (output, truncated) = truncate(text, context.limits, &context.output_dir)
            .map_err(|error| ToolError::model(format!("the results cannot be kept: {error}")))?;
        Ok(ToolOutput {
            title: query.to_owned(),
            output,
            metadata: json!({ "results": found.len(), "truncated": truncated }),
            changes: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::testing::{World, has, lacks};

    /// A service that gives one answer; its address, and what it was asked.
    fn service(status: &'static str, body: &'static str) -> (String, std::sync::mpsc::Receiver<String>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/search", listener.local_addr().expect("an address"));
        let (sender, asked) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut bytes = vec![0; 8192];
            let mut length = stream.read(&mut bytes).expect("readable");
            // A body may come later than its head.
            if bytes[..length].starts_with(b"POST") && bytes[..length].ends_with(b"\r\n\r\n") {
                length += stream.read(&mut bytes[length..]).expect("readable");
            }
            sender.send(String::from_utf8_lossy(&bytes[..length]).into_owned()).expect("heard");
            write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("writable");
        });
        (url, asked)
    }

    #[tokio::test]
    async fn each_service_is_asked_in_its_own_way() {
        const BRAVE: &str = r#"{"web": {"results": [{"title": "T", "url": "https://a.example", "description": "some\nwords"}]}}"#;
        const OTHERS: &str =
            r#"{"results": [{"title": "T", "url": "https://a.example", "content": "some words"}, {"title": "no address"}]}"#;
        for (provider, body, words) in [
            ("brave", BRAVE, ["GET /search?q=rust+%26+c&count=3", "x-subscription-token: KEY"]),
            ("tavily", OTHERS, [r#""query":"rust & c""#, "authorization: Bearer KEY"]),
            ("exa", OTHERS, [r#""numResults":3"#, "x-api-key: KEY"]),
            ("searxng", OTHERS, ["GET /search?q=rust+%26+c&format=json", "authorization: Bearer KEY"]),
        ] {
            let (url, asked) = service("200 OK", body);
            let tool = WebSearch::of(&json!({ "provider": provider, "apiKey": "KEY", "url": url })).expect("right").expect("there");
            let world = World::new();
            let got = world.text(&tool, json!({ "query": "rust & c", "numResults": 3 })).await;
            assert_eq!(got.trim(), "1. T\nhttps://a.example\nsome words", "{provider}");
            has(&asked.recv().expect("asked"), &words);
            assert_eq!(world.asked(), [("websearch".to_owned(), vec!["rust & c".to_owned()])]);
        }
    }

    #[tokio::test]
    async fn a_failure_tells_no_key() {
        let (url, _asked) = service("401 Unauthorized", "KEY-SECRET is wrong");
        let tool = WebSearch::of(&json!({ "provider": "brave", "apiKey": "KEY-SECRET", "url": url })).expect("right").expect("there");
        let got = World::new().text(&tool, json!({ "query": "x" })).await;
        has(&got, &["401"]);
        lacks(&got, &["SECRET"]);
        lacks(&format!("{tool:?}"), &["SECRET"]);
    }

    #[test]
    fn what_is_configured() {
        let check = |config: Value, expect: Result<bool, &str>| match (WebSearch::of(&config), expect) {
            (Ok(tool), Ok(there)) => assert_eq!(tool.is_some(), there, "{config}"),
            (Err(error), Err(word)) => assert!(error.contains(word), "{error}"),
            (got, _) => panic!("{config}: {got:?}"),
        };
        check(json!(null), Ok(false));
        check(json!(true), Ok(false));
        check(json!({ "provider": "brave" }), Err("BRAVE_API_KEY"));
        check(json!({ "provider": "searxng" }), Err("url"));
        check(json!({ "provider": "searxng", "url": "http://127.0.0.1:8888" }), Ok(true));
        check(json!({ "provider": "bing" }), Err("brave, tavily"));
    }
}
