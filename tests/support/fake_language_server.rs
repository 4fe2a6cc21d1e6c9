//! A language server for the tests of `interline proxy` and of real editors: it says what it was told, and what the test wants it to say.
//!
//! **Invariant:** what it prints depends on what it reads alone, so that two runs with the same input print the same bytes.
//!
//! `FAKE_SERVER_LOG` names a file to which each body that it reads is added as a line. Requests are answered with their params; these do more: `test/say` prints the
//! text `bytes` as it is, `test/large` answers with so many letters, `test/hold` is answered after the next `test/release`, `test/die` ends it with that code.
//! With `FAKE_SERVER_COMPLAINS` it complains about each line of a document that holds that word, by a warning; with `error:` before the word by an error.
//! `FAKE_SERVER_ANSWERS` is a JSON object of methods and what they are answered in place of that.

use std::io::{BufRead as _, Read as _, Write as _};

use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut log =
        std::env::var_os("FAKE_SERVER_LOG").map(|path| std::fs::File::options().create(true).append(true).open(path)).transpose()?;
    let answers = std::env::var("FAKE_SERVER_ANSWERS").ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    let (mut held, complains) = (Vec::new(), std::env::var("FAKE_SERVER_COMPLAINS").ok());
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() && length > 0 {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        if let Some(log) = &mut log {
            log.write_all(&[body.as_slice(), b"\n"].concat())?;
        }
        let Ok(message) = serde_json::from_slice::<Value>(&body) else { continue };
        let (id, params) = (&message["id"], &message["params"]);
        let mut answer = |id: &Value, result: Value| {
            let body = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
            write!(output, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| output.flush())
        };
        match message["method"].as_str() {
            Some(method) if !answers[method].is_null() => answer(id, answers[method].clone())?,
            Some("initialize") => {
                answer(id, json!({ "capabilities": { "positionEncoding": "utf-8", "textDocumentSync": 1, "hoverProvider": true } }))?;
            }
            Some("test/say") => {
                output.write_all(params["bytes"].as_str().unwrap_or_default().as_bytes())?;
                output.flush()?;
            }
            Some("test/large") => answer(id, "x".repeat(params["length"].as_u64().unwrap_or(0) as usize).into())?,
            Some("test/hold") => held.push(id.clone()),
            Some("test/release") => held.drain(..).try_for_each(|id| answer(&id, json!("held")))?,
            Some("test/die") => std::process::exit(params["code"].as_i64().unwrap_or(1) as i32),
            Some("exit") => return Ok(()),
            Some("textDocument/didOpen" | "textDocument/didChange") if let Some(word) = &complains => {
                let body = complaints(params, word).to_string();
                write!(output, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| output.flush())?;
            }
            Some(_) if !id.is_null() => answer(id, params.clone())?,
            _ => {}
        }
    }
}

/// What is wrong with the document that these params hold.
fn complaints(params: &Value, word: &str) -> Value {
    let (severity, word) = word.strip_prefix("error:").map_or((2, word), |word| (1, word));
    let document = &params["textDocument"];
    let text = document["text"].as_str().or_else(|| params["contentChanges"][0]["text"].as_str()).unwrap_or_default();
    let found = text.lines().enumerate().filter_map(|(line, text)| Some((line, text.find(word)?)));
    let complaint = |(line, at): (usize, usize)| {
        let range = json!({ "start": { "line": line, "character": at }, "end": { "line": line, "character": at + word.len() } });
        json!({ "range": range, "severity": severity, "source": "linter", "message": "this looks wrong" })
    };
    let diagnostics: Vec<_> = found.map(complaint).collect();
    let params = json!({ "uri": document["uri"], "version": document["version"], "diagnostics": diagnostics });
    json!({ "jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params })
}
