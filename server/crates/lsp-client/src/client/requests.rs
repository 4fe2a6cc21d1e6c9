//! What a server is asked about the code, and what it asks in return while a command of its runs.
//!
//! Must not know what any answer means.
//!
//! **Invariant:** a server may ask for an edit only while a command of ours runs; it is told that the edit was applied only when it was.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use ropey::Rope;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use workspace::DocKey;

use super::{Client, Said};
use crate::RequestError;
use crate::connection::Reply;
use crate::positions::Encoding;
use crate::wire::{CONTENT_MODIFIED, SERVER_CANCELLED};
use crate::wishes::Pull;

/// How long an answer that may not be whole is not taken for the last word.
const PARTIAL: Duration = Duration::from_secs(5);
/// How soon a server that gave a question up is asked again, at first and at last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long a command may take: who waits for it decides that, since a user may have to answer meanwhile.
const COMMAND: Duration = Duration::from_secs(24 * 3600);
/// How long is waited for diagnostics that are to go with a question.
const DIAGNOSTICS: Duration = Duration::from_secs(10);

/// An edit that a server asks for. The server waits for the answer.
#[derive(Debug)]
pub struct Wanted {
    edit: Value,
    reply: Reply,
}

impl Wanted {
    /// LSP's `WorkspaceEdit`.
    #[must_use]
    pub fn edit(&self) -> &Value {
        &self.edit
    }

    /// It was applied, or not: why.
    pub fn answer(self, done: Result<(), &str>) {
        self.reply.ok(match done {
            Ok(()) => json!({ "applied": true }),
            Err(why) => json!({ "applied": false, "failureReason": why }),
        });
    }
}

/// Edits are not taken any more when this goes.
struct Taking<'a>(&'a Said);

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        *self.0.wanted_now() = None;
    }
}

impl Client {
    /// Whether it answers requests of this method.
    pub(crate) fn can(&self, method: &str) -> bool {
        self.said.wishes().can(method)
    }

    /// What its positions count.
    pub(crate) fn encoding(&self) -> Encoding {
        self.said.wishes().encoding
    }

    /// Whether the editor uses it, too.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// The version and the text that it was given of a document.
    pub(crate) fn given(&self, key: &DocKey) -> Option<(i32, Rope)> {
        self.said.ledger().given(key).map(|(version, text)| (version, text.clone()))
    }

    /// Asks. A question that it gives up is asked again; an answer that it gives while it says that it is not done yet, too: one of nothing until it is
    /// done, another for a while.
    pub(crate) async fn ask(&self, method: &str, params: &Value, until: Instant) -> Result<Value, RequestError> {
        let mut news = self.news();
        let mut pause = AGAIN.0;
        let partial_until = until.min(Instant::now() + PARTIAL);
        loop {
            news.mark_unchanged();
            let was_at_work = self.ledger().is_at().is_some();
            let left = until.saturating_duration_since(Instant::now());
            match self.connection.request(method, params.clone(), left.max(AGAIN.0)).await {
                Err(RequestError::Server(error))
                    if [SERVER_CANCELLED, CONTENT_MODIFIED].contains(&error.code) && Instant::now() + pause < until =>
                {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(AGAIN.1);
                }
                Ok(answer) if was_at_work && Instant::now() < if is_nothing(&answer) { until } else { partial_until } => {
                    let waits = if is_nothing(&answer) { until } else { partial_until };
                    let heard = tokio::time::timeout_at(waits, news.changed()).await;
                    if !heard.is_ok_and(|heard| heard.is_ok()) {
                        return Ok(answer);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Waits until it does not say any more that it is at something; what that is, if it does not end in time.
    pub(crate) async fn done(&self, until: Instant) -> Result<(), String> {
        let mut news = self.news();
        loop {
            news.mark_unchanged();
            let Some(what) = self.ledger().is_at() else { return Ok(()) };
            match tokio::time::timeout_at(until, news.changed()).await {
                Ok(Ok(())) => {}
                _ => return Err(what),
            }
        }
    }

    /// Runs a command. The edits that it asks for meanwhile go to `wanted`, and wait there for their answers. One command runs at a time.
    pub(crate) async fn run(&self, command: &str, arguments: &Value, wanted: mpsc::UnboundedSender<Wanted>) -> Result<Value, RequestError> {
        let _alone = self.commanding.lock().await;
        *self.said.wanted_now() = Some(wanted);
        let _taking = Taking(&self.said);
        let mut params = json!({ "command": command });
        if !arguments.is_null() {
            params["arguments"] = arguments.clone();
        }
        self.connection.request("workspace/executeCommand", params, COMMAND).await
    }

    /// Whether it runs this command.
    pub(crate) fn runs(&self, command: &str) -> bool {
        self.said.wishes().runs(command)
    }

    /// What it says of these lines of a document, in its own words: actions are found by them.
    pub(crate) async fn diagnostics_of(&self, key: &DocKey, lines: (u32, u32)) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let pulls: Vec<Pull> = self.said.wishes().pulls().into_iter().cloned().collect();
        for pull in pulls {
            let Pull::Standard { identifier, .. } = pull else { return self.in_our_words(key, lines) };
            let mut params = json!({ "textDocument": { "uri": key.to_uri() } });
            if let Some(identifier) = identifier {
                params["identifier"] = identifier.into();
            }
            // Without an answer there are no fixes; the rest is offered all the same.
            let answer = self.ask("textDocument/diagnostic", &params, Instant::now() + DIAGNOSTICS).await.unwrap_or_default();
            all.extend(answer["items"].as_array().into_iter().flatten().cloned());
        }
        let published = self.said.published_of().get(key).cloned().unwrap_or_default();
        all.extend(published.as_array().into_iter().flatten().cloned());
        let line = |value: &Value| value["line"].as_u64().unwrap_or(u64::MAX);
        all.retain(|item| {
            let range = &item["range"];
            line(&range["start"]) <= u64::from(lines.1) && line(&range["end"]) >= u64::from(lines.0)
        });
        all
    }

    /// The same, where it was asked by requests of its own.
    fn in_our_words(&self, key: &DocKey, lines: (u32, u32)) -> Vec<Value> {
        let Some((_, text)) = self.given(key) else { return Vec::new() };
        let encoding = self.encoding();
        let at = |point: crate::Point| {
            let start = text.try_line_to_char(point.line).unwrap_or(text.len_chars());
            let byte = text.try_char_to_byte((start + point.column).min(text.len_chars())).unwrap_or(text.len_bytes());
            crate::positions::position(&text, byte, encoding)
        };
        let items = self.ledger().items(key);
        let items = items.iter().filter(|item| item.start.line <= lines.1 as usize && item.end.line >= lines.0 as usize);
        items
            .map(|item| {
                let code = item.code.as_deref().map(|code| code.parse::<i64>().map_or_else(|_| json!(code), Value::from));
                json!({
                    "range": { "start": at(item.start), "end": at(item.end) },
                    "message": item.message,
                    "code": code,
                    "source": item.source,
                })
            })
            .collect()
    }
}

impl Said {
    /// It asks for an edit: whoever runs a command decides.
    pub(super) fn edit_is_wanted(&self, mut params: Value, reply: Reply) {
        let wanted = Wanted { edit: params["edit"].take(), reply };
        let refused = match &*self.wanted_now() {
            Some(taker) => taker.send(wanted).map_err(|back| back.0).err(),
            None => Some(wanted),
        };
        if let Some(wanted) = refused {
            wanted.answer(Err("nothing was asked for that may change files"));
        }
    }

    pub(super) fn published_of(&self) -> MutexGuard<'_, HashMap<DocKey, Value>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted_now(&self) -> MutexGuard<'_, Option<mpsc::UnboundedSender<Wanted>>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_nothing(answer: &Value) -> bool {
    answer.is_null() || answer.as_array().is_some_and(Vec::is_empty)
}
