//! Asking for diagnostics, where a server wants to be asked.
//!
//! **Invariant:** an open document is asked about until there is an answer about the text that is open; a question about an older text is given up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use workspace::DocKey;

use super::Said;
use crate::connection::Connection;
use crate::diagnostic::{Diagnostic, Point, Severity, code, cut, read_all, sorted};
use crate::freshness::Question;
use crate::wire::{CONTENT_MODIFIED, RpcError, SERVER_CANCELLED};
use crate::wishes::{Pull, TSSERVER};
use crate::{Related, RequestError};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(120);
/// JSON-RPC's number for what is not to be understood.
const INVALID_ANSWER: i64 = -32600;
/// How soon a server that gave a question up is asked again, at first and at last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Asks whenever there is something to ask, until it is told to stop.
pub(super) async fn keep_asking(connection: Connection, said: Arc<Said>, stop: CancellationToken) {
    let work = async {
        let mut news = said.news.subscribe();
        let mut pause = AGAIN.0;
        loop {
            news.mark_unchanged();
            let next = said.ledger().questions().into_iter().next();
            let Some(question) = next else {
                if news.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let begun = Instant::now();
            let asked = ask(&connection, &said, &question);
            let outdated = async { while news.changed().await.is_ok() && said.ledger().is_current(&question) {} };
            let answer = tokio::select! {
                answer = asked => answer,
                () = outdated => continue,
            };
            match answer {
                Err(RequestError::Server(error)) if [SERVER_CANCELLED, CONTENT_MODIFIED].contains(&error.code) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(AGAIN.1);
                    continue;
                }
                Err(RequestError::Stopped(_)) => return,
                answer => said.ledger().answered(&question, answer.map_err(|error| error.to_string()), begun.elapsed()),
            }
            pause = AGAIN.0;
            said.tell();
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

async fn ask(connection: &Connection, said: &Said, question: &Question) -> Result<Vec<Diagnostic>, RequestError> {
    let pulls: Vec<Pull> = said.wishes().pulls().into_iter().cloned().collect();
    if pulls.is_empty() {
        // It took its registration back this very moment.
        return std::future::pending().await;
    }
    let parts = futures_util::future::try_join_all(pulls.into_iter().map(|pull| async move {
        match pull {
            Pull::Standard { identifier, .. } => standard(connection, said, question, identifier).await,
            Pull::Tsserver => tsserver(connection, &question.key).await,
        }
    }));
    Ok(sorted(parts.await?.concat()))
}

async fn standard(
    connection: &Connection,
    said: &Said,
    question: &Question,
    identifier: Option<String>,
) -> Result<Vec<Diagnostic>, RequestError> {
    let mut params = json!({ "textDocument": { "uri": question.key.to_uri() } });
    if let Some(identifier) = identifier {
        params["identifier"] = identifier.into();
    }
    let answer = connection.request("textDocument/diagnostic", params, TIMEOUT).await?;
    if !answer["items"].is_array() {
        // Such as null, or "unchanged" where nothing was named that could be: no word of it means that all is well.
        let message = "an answer without a list of diagnostics".to_owned();
        return Err(RpcError { code: INVALID_ANSWER, message, data: None }.into());
    }
    let encoding = said.wishes().encoding;
    let mut ledger = said.ledger();
    for (uri, report) in answer["relatedDocuments"].as_object().into_iter().flatten() {
        let key = DocKey::from_uri(uri);
        if report["kind"] == "full" && key != question.key {
            let items = read_all(&report["items"], ledger.given(&key).map(|(_, text)| text), encoding);
            ledger.related(&key, items, question.asked);
        }
    }
    Ok(read_all(&answer["items"], ledger.given(&question.key).map(|(_, text)| text), encoding))
}

async fn tsserver(connection: &Connection, key: &DocKey) -> Result<Vec<Diagnostic>, RequestError> {
    let file = key.to_string();
    let request = |command: &str| {
        let arguments = json!([command, { "file": file, "includeLinePosition": false }]);
        connection.request("workspace/executeCommand", json!({ "command": TSSERVER, "arguments": arguments }), TIMEOUT)
    };
    let (syntactic, semantic) = tokio::try_join!(request("syntacticDiagnosticsSync"), request("semanticDiagnosticsSync"))?;
    let both = [syntactic, semantic];
    let items = both.iter().filter_map(|answer| answer["body"].as_array()).flatten();
    Ok(sorted(items.filter_map(from_tsserver).collect()))
}

/// tsserver counts lines and columns from one.
fn from_tsserver(item: &Value) -> Option<Diagnostic> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok()?.checked_sub(1);
    let point = |name: &str| Some(Point { line: number(&item[name]["line"])?, column: number(&item[name]["offset"])? });
    let related = item["relatedInformation"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(|one| {
        let key = DocKey::file(one["span"]["file"].as_str()?);
        Some(Related { key, line: number(&one["span"]["start"]["line"])?, message: cut(one["message"].as_str()?) })
    });
    Some(Diagnostic {
        start: point("start")?,
        end: point("end")?,
        severity: match item["category"].as_str() {
            Some("warning") => Severity::Warning,
            Some("suggestion") => Severity::Hint,
            Some("message") => Severity::Information,
            _ => Severity::Error,
        },
        code: code(&item["code"]),
        source: Some("typescript".to_owned()),
        message: cut(item["text"].as_str()?),
        related: related.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tsserver_says() {
        let item = json!({ "start": { "line": 2, "offset": 7 }, "end": { "line": 2, "offset": 8 }, "text": "Type", "code": 2322, "category": "error",
            "relatedInformation": [{ "span": { "file": "/p/a.ts", "start": { "line": 3, "offset": 1 } }, "message": "here" }, {}] });
        let read = from_tsserver(&item).expect("a diagnostic");
        assert_eq!((read.start, read.code.as_deref(), read.severity), (Point { line: 1, column: 6 }, Some("2322"), Severity::Error));
        assert_eq!(read.related, [Related { key: DocKey::file("/p/a.ts"), line: 2, message: "here".to_owned() }]);
        assert_eq!(from_tsserver(&json!({ "start": { "line": 0, "offset": 1 }, "end": {}, "text": "no line 0" })), None);
        assert_eq!(from_tsserver(&json!({ "text": "no place" })), None);
    }
}
