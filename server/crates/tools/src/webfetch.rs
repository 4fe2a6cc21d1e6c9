//! The `webfetch` tool: a page of the web as text, an image or a PDF as such.
//!
//! Must not know how an answer is asked for on the user's screen, nor keep anything between calls.
//!
//! **Invariant:** each URL on the way, redirects included, is allowed before its name is looked up, and each address before it is connected to: what is not
//! of the public internet needs a rule that names it, or the user.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use permission::Action;
use reqwest::Url;
use serde_json::{Value, json};

use crate::args::{Args, schema, wrong};
use crate::{Ask, Denied, Effect, Tool, ToolContext, ToolError, ToolOutput, truncate};
pub use ours::fetch_text;
use transport::{Answer, Way};

mod address;
mod ours;
mod page;
pub(crate) mod transport;

const FORMATS: [&str; 3] = ["markdown", "text", "html"];
/// In seconds.
const TIME: u64 = 30;
const LONGEST: u64 = 120;
/// How many redirects are followed.
const REDIRECTS: usize = 8;

/// The tool.
#[derive(Debug)]
pub struct WebFetch;

#[async_trait]
impl Tool for WebFetch {
    fn id(&self) -> &'static str {
        "webfetch"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/webfetch.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(
            json!({
                "url": { "type": "string" },
                "format": { "enum": FORMATS, "description": "default markdown" },
                "timeout": { "type": "integer", "description": "seconds, at most 120" },
            }),
            &["url"],
        )
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("url").to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let args = Args(&args);
        let url = parse(args.text("url")?)?;
        let format = args.opt_nonempty("format")?.unwrap_or(FORMATS[0]);
        if !FORMATS.contains(&format) {
            return Err(wrong("format", "one of markdown, text, html", args.get("format")));
        }
        let limit = Duration::from_secs(args.opt_number("timeout")?.unwrap_or(TIME).clamp(1, LONGEST));
        let (found, answer) = follow(url.clone(), limit, context).await?;
        let html = page::is_html(&answer.kind, &answer.body);
        if !html && !page::is_text(&answer.kind, &answer.body) {
            let (name, bounds, length, body) = (found.to_string(), context.images, answer.body.len(), answer.body);
            let given = tokio::task::spawn_blocking(move || crate::media::give(&name, &body, &bounds)).await;
            let given = given.map_err(|error| ToolError::model(format!("{found}: {error}")))?.map_err(ToolError::Model)?;
            if let Some(given) = given {
                return Ok(crate::media::shown(url.to_string(), found.as_str(), &given));
            }
            let kind = if answer.kind.is_empty() { "no known type" } else { &answer.kind };
            return Err(ToolError::model(format!("{found} is no text but {kind}, {length} bytes: this tool cannot show it")));
        }
        let (status, kind, wanted) = (answer.status.as_u16(), answer.kind.clone(), format.to_owned());
        let render = move || {
            let text = page::decode(&answer.body, answer.charset.as_deref(), html);
            match wanted.as_str() {
                "markdown" if html => page::markdown(&text),
                "text" if html => page::text(&text),
                _ => text,
            }
        };
        let text = tokio::task::spawn_blocking(render).await.map_err(|error| ToolError::model(format!("{found}: {error}")))?;
        let text = if text.trim().is_empty() { "(the page has no text)".to_owned() } else { text };
        let text = if found == url { text } else { format!("(redirected to {found})\n\n{text}") };
        let (output, truncated) = truncate(text, context.limits, &context.output_dir)
            .map_err(|error| ToolError::model(format!("{found}: the whole page cannot be kept: {error}")))?;
        Ok(ToolOutput {
            title: url.to_string(),
            output,
            metadata: json!({ "url": found.as_str(), "status": status, "contentType": kind, "truncated": truncated }),
            changes: Vec::new(),
        })
    }
}

fn parse(text: &str) -> Result<Url, ToolError> {
    let mut url = Url::parse(text.trim())
        .map_err(|error| ToolError::model(format!("{text} is no URL ({error}): write it whole, such as https://example.com/page")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(ToolError::model(format!("{}: is not fetched: only http and https are", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ToolError::model("a URL with a user's name or password is not fetched: leave them out"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Goes where the redirects lead, each allowed by itself.
async fn follow(mut url: Url, limit: Duration, context: &ToolContext) -> Result<(Url, Answer), ToolError> {
    for _ in 0..=REDIRECTS {
        let way = way(&url, context).await?;
        let fault = |error: &dyn std::fmt::Display| ToolError::model(format!("{url} could not be fetched: {error}"));
        let answer = tokio::select! {
            answer = transport::get(&url, &way, limit) => answer.map_err(|error| fault(&error))?,
            () = context.cancel.cancelled() => return Err(ToolError::Cancelled(Box::default())),
        };
        if answer.status.is_success() {
            return Ok((url, answer));
        }
        let next = answer.location.as_deref().filter(|_| answer.status.is_redirection());
        let Some(next) = next else { return Err(fault(&format!("the server answered {}", answer.status))) };
        let next = url.join(next).map_err(|error| fault(&format!("it is redirected to {next}, which is no URL ({error})")))?;
        url = parse(next.as_str())?;
    }
    Err(ToolError::model(format!("{url} could not be fetched: more than {REDIRECTS} redirects")))
}

/// How a URL may be reached, when that is allowed.
async fn way(url: &Url, context: &ToolContext) -> Result<Way, ToolError> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    if let Ok(address) = host.parse::<IpAddr>() {
        let private = address::is_private(address);
        ask(url, private.then_some(address), context).await?;
        let found = vec![SocketAddr::new(address, port)];
        return Ok(if private { Way::Direct(found) } else { Way::Public(found) });
    }
    let own = host.trim_end_matches('.').rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"));
    let loopback = IpAddr::from([127, 0, 0, 1]);
    ask(url, own.then_some(loopback), context).await?;
    let found = tokio::select! {
        found = tokio::net::lookup_host((host, port)) => found.map(Vec::from_iter).unwrap_or_default(),
        () = context.cancel.cancelled() => return Err(ToolError::Cancelled(Box::default())),
    };
    if found.is_empty() {
        let proxy = transport::proxy(&context.guides.env, url.scheme()).filter(|_| !own);
        return proxy.map(Way::Proxy).ok_or_else(|| ToolError::model(format!("{url} could not be fetched: there is no host {host}")));
    }
    let private = found.iter().map(SocketAddr::ip).find(|address| address::is_private(*address));
    match private {
        None => Ok(Way::Public(found)),
        Some(_) if own => Ok(Way::Direct(found)),
        Some(address) => {
            ask(url, Some(address), context).await?;
            Ok(Way::Direct(found))
        }
    }
}

/// Asks for a URL. `private` is what it leads to, if that is not of the public internet.
async fn ask(url: &Url, private: Option<IpAddr>, context: &ToolContext) -> Result<(), ToolError> {
    const NAME: &str = "webfetch";
    let pattern = url.as_str();
    if context.asker.evaluate(NAME, pattern) == Action::Deny {
        return Err(Denied::Rule { permission: NAME.to_owned(), pattern: pattern.to_owned() }.into());
    }
    let named = || url.host_str().is_some_and(|host| context.asker.allows_by_name(NAME, pattern, host));
    let always_ask = private.is_some() && !named();
    let title = match private {
        Some(address) if always_ask => format!("Fetch {url} (a private address, {address})"),
        _ => format!("Fetch {url}"),
    };
    let ask = Ask {
        permission: NAME.to_owned(),
        patterns: vec![pattern.to_owned()],
        always: vec![format!("{}/*", url.origin().ascii_serialization())],
        metadata: json!({ "title": title, "url": pattern }),
        place: None,
        always_ask,
    };
    Ok(context.asker.ask(ask).await?)
}

#[cfg(test)]
mod tests;
