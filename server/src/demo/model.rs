//! The demo's scripted model: an HTTP server on loopback that speaks Chat Completions.
//!
//! **Invariant:** listens on loopback alone, and its answers depend only on how many tool results it was given.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::editor::DemoError;

/// The largest request that is read, in bytes.
const LARGEST: usize = 8 << 20;

/// The server; its thread ends with the process.
pub struct Model {
    url: String,
}

impl Model {
    /// Starts it.
    pub fn start(project: &Path) -> Result<Self, DemoError> {
        let start = || {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            let url = format!("http://{}/v1", listener.local_addr()?);
            let project = project.to_owned();
            std::thread::Builder::new().name("model".into()).spawn(move || serve(&listener, &project))?;
            Ok(Self { url })
        };
        start().map_err(|source| DemoError::Start { what: "the scripted model".into(), source })
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn serve(listener: &TcpListener, project: &Path) {
    for stream in listener.incoming().flatten() {
        let project: PathBuf = project.to_owned();
        std::thread::spawn(move || {
            if let Err(error) = answer(stream, &project) {
                tracing::warn!("the scripted model: {error}");
            }
        });
    }
}

fn answer(stream: TcpStream, project: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0).min(LARGEST);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut out = stream;
    out.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    for chunk in script(&request, project) {
        write!(out, "data: {chunk}\n\n")?;
    }
    out.write_all(b"data: [DONE]\n\n")
}

/// The next words of the script.
fn script(request: &Value, project: &Path) -> Vec<Value> {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let asked = messages.iter().rposition(|m| m["role"] == "user").unwrap_or(0);
    let results = messages[asked..].iter().filter(|m| m["role"] == "tool").count();
    let file = project.join("price.sh");
    let edit = json!({"filePath": file, "oldString": "total=$(( price * count - tax ))", "newString": "total=$(( price * count + tax ))"});
    match results {
        0 => call("I look at the script first.", "read", &json!({"filePath": file})),
        1 => call("The tax is subtracted; it has to be added.", "edit", &edit),
        2 => call("Now the test.", "bash", &json!({"command": "sh test.sh", "description": "Run the test"})),
        _ => say("The tax is added now, and the test passes. Nothing was saved: that is yours to do."),
    }
}

fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn say(text: &str) -> Vec<Value> {
    vec![chunk(&json!({"role": "assistant", "content": text}), None), chunk(&json!({}), Some("stop"))]
}

fn call(text: &str, tool: &str, arguments: &Value) -> Vec<Value> {
    let call = json!({"index": 0, "id": format!("call_{tool}"), "type": "function", "function": {"name": tool, "arguments": arguments.to_string()}});
    vec![
        chunk(&json!({"role": "assistant", "content": text}), None),
        chunk(&json!({"tool_calls": [call]}), None),
        chunk(&json!({}), Some("tool_calls")),
    ]
}
