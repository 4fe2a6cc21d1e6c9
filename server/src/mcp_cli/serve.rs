//! `interline mcp serve`: Interline's tools that only look, for other agents, over standard input and output.
//!
//! Must not know what a tool does.
//!
//! **Invariant:** nothing but the protocol goes to standard output; each request has one answer, unless it was cancelled; what is no message is skipped.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use config::{Dirs, Env};
use engine::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::run;

/// The versions of the protocol that are spoken; the newest is the last.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// How long calls may go on when the input has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const PARSE_ERROR: i64 = -32700;

/// Serves until the input ends.
pub(super) async fn serve(env: &Env, dirs: &Dirs, cwd: &Path) -> ExitCode {
    let engine = run::engine(env, dirs, cwd.to_owned(), &run::Bounds::default(), false);
    talk(&engine, BufReader::new(tokio::io::stdin()), tokio::io::stdout()).await;
    engine.shutdown().await;
    ExitCode::SUCCESS
}

/// Calls that run, by their ids.
type Running = Arc<Mutex<HashMap<String, CancellationToken>>>;

async fn talk(engine: &Engine, mut input: impl AsyncBufRead + Unpin, output: impl AsyncWrite + Unpin + Send + 'static) {
    let (out, lines) = mpsc::unbounded_channel();
    let mut writing = tokio::spawn(write(output, lines));
    let running = Running::default();
    let mut line = Vec::new();
    while let Ok(1..) = input.read_until(b'\n', &mut line).await {
        let text = line.trim_ascii();
        match serde_json::from_slice::<Value>(text) {
            Ok(Value::Array(batch)) => batch.into_iter().for_each(|message| take(engine, &running, &out, message)),
            Ok(message) => take(engine, &running, &out, message),
            Err(_) if text.is_empty() => {}
            Err(error) => send(&out, &Value::Null, Err((PARSE_ERROR, error.to_string()))),
        }
        line.clear();
    }
    // What was asked is answered, if that does not take long.
    drop(out);
    if tokio::time::timeout(LAST_WORDS, &mut writing).await.is_err() {
        running.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(CancellationToken::cancel);
    }
}

async fn write(mut output: impl AsyncWrite + Unpin, mut lines: mpsc::UnboundedReceiver<String>) {
    while let Some(line) = lines.recv().await {
        let written = async {
            output.write_all(line.as_bytes()).await?;
            output.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}

fn take(engine: &Engine, running: &Running, out: &mpsc::UnboundedSender<String>, mut message: Value) {
    let mut part = |key: &str| message.get_mut(key).map(Value::take).unwrap_or_default();
    let (id, params, method) = (part("id"), part("params"), part("method"));
    let Some(method) = method.as_str() else { return };
    let key = id.to_string();
    if method == "notifications/cancelled" {
        if let Some(cancel) = running.lock().unwrap_or_else(PoisonError::into_inner).remove(&params["requestId"].to_string()) {
            cancel.cancel();
        }
        return;
    }
    if id.is_null() {
        return;
    }
    match method {
        "initialize" => send(out, &id, Ok(greeting(&params))),
        "ping" => send(out, &id, Ok(json!({}))),
        "tools/list" => send(out, &id, Ok(json!({ "tools": tools(engine) }))),
        "tools/call" => {
            let Some(name) = params["name"].as_str().map(str::to_owned) else {
                return send(out, &id, Err((INVALID_PARAMS, "params.name is missing".to_owned())));
            };
            let cancel = CancellationToken::new();
            running.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), cancel.clone());
            let (engine, running, out) = (engine.clone(), Arc::clone(running), out.clone());
            let args = if params["arguments"].is_object() { params["arguments"].clone() } else { json!({}) };
            tokio::spawn(async move {
                let called = tokio::select! {
                    called = engine.look(&name, args, cancel.clone()) => called,
                    () = cancel.cancelled() => return,
                };
                running.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                let (text, failed) = match called {
                    Ok(output) => (output.output, false),
                    Err(error) => (error.to_string(), true),
                };
                send(&out, &id, Ok(json!({ "content": [{ "type": "text", "text": text }], "isError": failed })));
            });
        }
        _ => send(out, &id, Err((METHOD_NOT_FOUND, format!("{method} is not known here")))),
    }
}

fn greeting(params: &Value) -> Value {
    let newest = VERSIONS[VERSIONS.len() - 1];
    let version = params["protocolVersion"].as_str().filter(|version| VERSIONS.contains(version)).unwrap_or(newest);
    json!({
        "protocolVersion": version,
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "interline", "version": env!("CARGO_PKG_VERSION") },
    })
}

fn tools(engine: &Engine) -> Vec<Value> {
    let tool = |spec: tools::ToolSpec| json!({ "name": spec.name, "description": spec.description, "inputSchema": spec.parameters, "annotations": { "readOnlyHint": true, "openWorldHint": false } });
    engine.looking_tools().into_iter().map(tool).collect()
}

fn send(out: &mpsc::UnboundedSender<String>, id: &Value, result: Result<Value, (i64, String)>) {
    let answer = match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err((code, message)) => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }),
    };
    // The reader may be gone.
    let _ = out.send(format!("{answer}\n"));
}
