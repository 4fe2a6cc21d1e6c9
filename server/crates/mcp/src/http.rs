//! Messages over HTTP: the protocol's way of today (a POST each, answered by JSON or a stream of events), and the older one (a stream, and an address to post to).
//!
//! Must not know what a message means, nor how a login is had.
//!
//! **Invariant:** what may be secret goes to the configured origin alone, and stands in no error; an answer has an upper limit; each request is settled, whatever the server does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use providers::Clients;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::login::{Login, Logins};
use crate::peer::{Lost, Outgoing, Peer};
use crate::server::World;
use crate::settings::Remote;
use crate::sse::Decoder;

const BOTH: &str = "application/json, text/event-stream";
const STREAM: &str = "text/event-stream";
const SESSION: &str = "mcp-session-id";
/// No answer is longer, in bytes.
const LONGEST: usize = 32 << 20;
/// How much of an error's body is told, in characters.
const WORDS: usize = 300;
/// How long a message that needs no answer may take.
const TELLING: Duration = Duration::from_secs(10);
/// How long an error's body may take.
const ERROR: Duration = Duration::from_secs(5);
/// A stream that broke is taken up again so often, after a pause.
const RESUMES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// A server that is reached by HTTP.
pub(crate) struct Http {
    name: String,
    /// Where messages are posted.
    target: Url,
    headers: HeaderMap,
    login: Option<Login>,
    clients: Clients,
    session: Mutex<Option<HeaderValue>>,
    version: Mutex<Option<HeaderValue>>,
    peer: Arc<Peer>,
    /// Answers come on a stream of their own.
    older: bool,
}

/// The way of today.
pub(crate) fn start(name: &str, remote: &Remote, world: &World) -> Result<(Arc<Peer>, Arc<Http>), String> {
    let (peer, outgoing) = Peer::new(name, world.roots.subscribe());
    let http = Arc::new(Http::new(name, remote, &world.logins, Arc::clone(&peer))?);
    tokio::spawn(pump(Arc::clone(&http), outgoing));
    Ok((peer, http))
}

/// The older way: the stream is opened first, and says where messages are to be posted.
pub(crate) async fn start_older(name: &str, remote: &Remote, world: &World, limit: Duration) -> Result<(Arc<Peer>, Arc<Http>), Lost> {
    let (peer, outgoing) = Peer::new(name, world.roots.subscribe());
    let mut http = Http::new(name, remote, &world.logins, Arc::clone(&peer)).map_err(Lost::Broken)?;
    http.older = true;
    let opening = async {
        let response = http.send(Method::GET, &remote.url, None, STREAM, None).await?;
        if !response.status().is_success() {
            return Err(status(response).await);
        }
        if !is_stream(&response) {
            return Err(Lost::Broken("it answered with no stream of events".into()));
        }
        let (sender, endpoint) = oneshot::channel();
        tokio::spawn(read_older(response, Arc::clone(&peer), sender));
        endpoint.await.map_err(|_| Lost::Broken("it named no address to post to".into()))
    };
    let endpoint =
        tokio::time::timeout(limit, opening).await.map_err(|_| Lost::Broken("it named no address to post to in time".into()))??;
    let target = remote.url.join(endpoint.trim()).map_err(|error| Lost::Broken(format!("the address that it named is none: {error}")))?;
    if target.origin() != remote.url.origin() {
        return Err(Lost::Broken("it named an address of another server to post to, which is refused".into()));
    }
    http.target = target;
    let http = Arc::new(http);
    tokio::spawn(pump(Arc::clone(&http), outgoing));
    Ok((peer, http))
}

async fn read_older(mut response: Response, peer: Arc<Peer>, endpoint: oneshot::Sender<String>) {
    let (mut decoder, mut endpoint, mut ended) = (Decoder::default(), Some(endpoint), peer.ended());
    loop {
        let piece = tokio::select! {
            biased;
            _ = ended.wait_for(Option::is_some) => return,
            piece = response.chunk() => piece,
        };
        let why = match piece {
            Ok(Some(piece)) => {
                let fed = decoder.feed(&piece, |event| match (event.name.as_str(), endpoint.take()) {
                    // Nobody may wait for it any more.
                    ("endpoint", Some(waiting)) => drop(waiting.send(event.data)),
                    (_, waiting) => {
                        endpoint = waiting;
                        take(&peer, &event.data);
                    }
                });
                match fed {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                }
            }
            Ok(None) => "the server closed the stream".to_owned(),
            Err(error) => format!("the connection broke: {}", cause(&error)),
        };
        return peer.end(&why);
    }
}

/// Delivers messages until the conversation is over.
async fn pump(http: Arc<Http>, mut outgoing: mpsc::UnboundedReceiver<Outgoing>) {
    let mut ended = http.peer.ended();
    loop {
        let message = tokio::select! {
            biased;
            _ = ended.wait_for(Option::is_some) => return,
            message = outgoing.recv() => message,
        };
        let Some(message) = message else { return };
        match message.id {
            Some(id) => drop(tokio::spawn(Arc::clone(&http).ask(id, message))),
            // In their order: what follows may depend on it.
            None => match tokio::time::timeout(TELLING, http.post(&message.text, None)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(server = http.name, "a message was not delivered: {error}"),
                Err(_) => tracing::debug!(server = http.name, "a message was not taken in time"),
            },
        }
    }
}

impl Http {
    fn new(name: &str, remote: &Remote, logins: &Logins, peer: Arc<Peer>) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (key, value) in &remote.headers {
            let header = HeaderName::try_from(key).map_err(|_| format!("`{key}` cannot be a header's name"))?;
            let mut value =
                HeaderValue::try_from(value).map_err(|_| format!("the header `{key}` holds a character that no header may hold"))?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        // A key of the user's own is not overruled.
        let login = remote.oauth.as_ref().filter(|_| !headers.contains_key(AUTHORIZATION));
        let login = login.map(|oauth| Login::new(name, remote.url.clone(), oauth.clone(), logins));
        Ok(Self {
            name: name.to_owned(),
            target: remote.url.clone(),
            headers,
            login,
            clients: Clients::default(),
            session: Mutex::default(),
            version: Mutex::default(),
            peer,
            older: false,
        })
    }

    /// The version that both speak.
    pub fn speaks(&self, version: &str) {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = HeaderValue::try_from(version).ok();
    }

    async fn ask(self: Arc<Self>, id: i64, message: Outgoing) {
        tokio::select! {
            biased;
            () = message.given_up.cancelled() => {}
            posted = self.post(&message.text, Some(id)) => match posted {
                Ok(()) if self.older || !self.peer.waits_for(id) => {}
                Ok(()) => self.peer.settle(id, Err(Lost::Broken("its answer ended before it was whole".into()).into())),
                Err(lost) => {
                    let session = matches!(lost, Lost::Session);
                    self.peer.settle(id, Err(lost.into()));
                    if session {
                        self.peer.end("it has forgotten the session");
                    }
                }
            }
        }
    }

    /// Posts a message, and takes what comes back.
    async fn post(&self, text: &str, id: Option<i64>) -> Result<(), Lost> {
        let response = self.send(Method::POST, &self.target, Some(text), BOTH, None).await?;
        if response.status() == StatusCode::NOT_FOUND && self.session().is_some() {
            return Err(Lost::Session);
        }
        if !response.status().is_success() {
            return Err(status(response).await);
        }
        if let Some(session) = response.headers().get(SESSION) {
            *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        }
        let Some(id) = id.filter(|_| !self.older) else { return Ok(()) };
        if is_stream(&response) {
            return self.stream(response, id).await;
        }
        let body = body(response, LONGEST).await?;
        take(&self.peer, &String::from_utf8_lossy(&body));
        Ok(())
    }

    /// Reads a stream until the answer is there. One that breaks is taken up again where the server has said how.
    async fn stream(&self, mut response: Response, id: i64) -> Result<(), Lost> {
        let mut decoder = Decoder::default();
        let mut failures = 0;
        while failures < RESUMES {
            let before = decoder.last_id.clone();
            let broke = self.events(&mut response, &mut decoder, Some(id)).await?;
            if !self.peer.waits_for(id) {
                return Ok(());
            }
            // A server may close the stream of a long call now and then, and go on when it is asked again.
            failures = if decoder.last_id == before { failures + 1 } else { 0 };
            let Some(last) = decoder.last_id.clone().filter(|last| !last.is_empty()) else { return Err(Lost::Broken(broke)) };
            tokio::time::sleep(PAUSE).await;
            response = self.send(Method::GET, &self.target, None, STREAM, Some(&last)).await?;
            if !response.status().is_success() || !is_stream(&response) {
                return Err(Lost::Broken(broke));
            }
        }
        Err(Lost::Broken("its answer broke off again and again".into()))
    }

    /// Takes events until the stream ends (why is returned) or the answer to `id` is there.
    async fn events(&self, response: &mut Response, decoder: &mut Decoder, id: Option<i64>) -> Result<String, Lost> {
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => {
                    decoder.feed(&piece, |event| take(&self.peer, &event.data)).map_err(|error| Lost::Broken(error.to_string()))?
                }
                Ok(None) => return Ok("its answer ended before it was whole".to_owned()),
                Err(error) => return Ok(format!("the connection broke: {}", cause(&error))),
            }
            if id.is_some_and(|id| !self.peer.waits_for(id)) {
                return Ok(String::new());
            }
        }
    }

    /// Listens to what the server says by itself, where it offers that.
    pub fn listen(self: &Arc<Self>) {
        if self.older {
            return;
        }
        let http = Arc::clone(self);
        tokio::spawn(async move {
            let mut ended = http.peer.ended();
            tokio::select! {
                _ = ended.wait_for(Option::is_some) => {}
                () = http.listening() => {}
            }
        });
    }

    async fn listening(&self) {
        let mut decoder = Decoder::default();
        let mut failures = 0;
        while failures < RESUMES {
            let last = decoder.last_id.clone();
            match self.send(Method::GET, &self.target, None, STREAM, last.as_deref()).await {
                Ok(mut response) if response.status().is_success() && is_stream(&response) => {
                    failures = 0;
                    if let Err(error) = self.events(&mut response, &mut decoder, None).await {
                        tracing::debug!(server = self.name, "the stream of an MCP server ended: {error}");
                        return;
                    }
                }
                // It offers none.
                Ok(_) => return,
                Err(_) => failures += 1,
            }
            tokio::time::sleep(PAUSE * u32::try_from(failures + 1).unwrap_or(1)).await;
        }
    }

    /// Sends a request, with the login that is there; a login that has ended is renewed once.
    async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Option<&str>,
        accept: &'static str,
        last: Option<&str>,
    ) -> Result<Response, Lost> {
        let (mut url, mut renewed) = (url.clone(), false);
        for _ in 0..4 {
            let client =
                self.clients.get(&url).map_err(|error| Lost::Broken(format!("no secure connection can be made: {}", cause(&error))))?;
            let mut headers = self.headers.clone();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            if body.is_some() {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            let known =
                [(SESSION, self.session()), ("mcp-protocol-version", self.version.lock().unwrap_or_else(PoisonError::into_inner).clone())];
            for (name, value) in known {
                value.and_then(|value| headers.insert(HeaderName::from_static(name), value));
            }
            if let Some(value) = last.and_then(|last| HeaderValue::try_from(last).ok()) {
                headers.insert(HeaderName::from_static("last-event-id"), value);
            }
            let token = match &self.login {
                Some(login) => login.token().await,
                None => None,
            };
            if let Some(mut value) = token.as_ref().and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok()) {
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
            let request = client.request(method.clone(), url.clone()).headers(headers);
            let request = if let Some(body) = body { request.body(body.to_owned()) } else { request };
            let response = request.send().await.map_err(|error| {
                let what = if error.is_connect() { "cannot connect" } else { "the connection broke" };
                Lost::Broken(format!("{what}: {}", cause(&error)))
            })?;
            match response.status() {
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                    let to = response.headers().get(LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok());
                    match to.filter(|to| to.origin() == url.origin()) {
                        Some(to) => url = to,
                        None => {
                            return Err(Lost::Broken(
                                "it redirects to another server, which is not followed: write that address into `url`".into(),
                            ));
                        }
                    }
                }
                StatusCode::UNAUTHORIZED if self.login.is_some() => {
                    let renews = match (&self.login, &token) {
                        (Some(login), Some(token)) if !renewed => login.renew(token).await,
                        _ => false,
                    };
                    if !renews {
                        let words = response.headers().get(WWW_AUTHENTICATE).and_then(|words| words.to_str().ok());
                        return Err(Lost::Login(words.map(str::to_owned)));
                    }
                    renewed = true;
                }
                _ => return Ok(response),
            }
        }
        Err(Lost::Broken("it redirects in circles".into()))
    }

    fn session(&self) -> Option<HeaderValue> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the server that the session is over.
    pub async fn close(&self, patience: Duration) {
        if self.session().is_some() && !self.older {
            // It may not care.
            let _ = tokio::time::timeout(patience, self.send(Method::DELETE, &self.target, None, BOTH, None)).await;
        }
    }
}

fn take(peer: &Peer, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    match serde_json::from_str(text) {
        Ok(message) => peer.take(message),
        Err(error) => tracing::debug!(%error, "a server sent what is no message"),
    }
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.trim_start().get(..STREAM.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(STREAM))
}

/// A body, as far as it may be long.
pub(crate) async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, Lost> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| Lost::Broken(format!("the connection broke: {}", cause(&error))))? {
        body.extend_from_slice(&piece);
        if body.len() > most {
            return Err(Lost::Broken(format!("its answer is longer than {} MB", most >> 20)));
        }
    }
    Ok(body)
}

/// What an answer that is no success says.
async fn status(response: Response) -> Lost {
    let code = response.status().as_u16();
    let body = tokio::time::timeout(ERROR, body(response, 64 << 10)).await;
    let text = String::from_utf8_lossy(body.ok().and_then(Result::ok).as_deref().unwrap_or_default()).into_owned();
    let words = serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|json| {
        let said = [&json["error"]["message"], &json["message"], &json["error_description"], &json["error"]];
        said.into_iter().find_map(|said| said.as_str().map(str::to_owned))
    });
    let words = crate::tame::words(&words.unwrap_or_else(|| text.split_whitespace().collect::<Vec<_>>().join(" ")), WORDS);
    Lost::Status(code, if words.is_empty() { String::new() } else { format!(" ({words})") })
}

/// The innermost reason, without the address (it may hold a key).
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
