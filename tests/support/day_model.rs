//! A model that does a day's work: Chat Completions over real HTTP on the loopback interface, for as many processes as there are.
//!
//! It knows nothing of who asks: what it answers is in the request. A message `Put NEW for OLD in FILE.` is answered by that edit and then by a word of
//! thanks; a request without tools by a summary or a title. Every answer but a title is paid for.
//!
//! **Invariant:** the same request gives the same answer, whoever makes it and how often.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

/// The model's server. It ends with the test's process.
pub struct DayModel {
    url: String,
    answers: Arc<AtomicUsize>,
}

impl DayModel {
    /// Listens on a free port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("the port"));
        let answers = Arc::new(AtomicUsize::new(0));
        let count = answers.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = count.clone();
                // Who closes the connection early was killed.
                std::thread::spawn(move || while matches!(serve(&stream, &count), Ok(true)) {});
            }
        });
        Self { url, answers }
    }

    /// The address for `baseURL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many answers were given that are paid for.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }
}

/// Answers one request; whether there was one.
fn serve(mut stream: &TcpStream, count: &AtomicUsize) -> std::io::Result<bool> {
    let Some(request) = read(stream)? else { return Ok(false) };
    let (paid, delta) = reply(&request);
    count.fetch_add(usize::from(paid), Ordering::Relaxed);
    let finish = if delta["tool_calls"].is_null() { "stop" } else { "tool_calls" };
    // About four bytes a token, as the agent reckons too.
    let read = request["messages"].to_string().len() / 4;
    let usage = if paid { json!({ "prompt_tokens": read, "completion_tokens": 20, "total_tokens": read + 20 }) } else { Value::Null };
    let chunks = [
        json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": finish }] }),
        json!({ "choices": [], "usage": usage }),
    ];
    let body: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).chain(["data: [DONE]\n\n".to_owned()]).collect();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    Ok(true)
}

/// What is answered, and whether it is paid for.
fn reply(request: &Value) -> (bool, Value) {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    if request["tools"].as_array().is_none_or(Vec::is_empty) {
        let is_summary = messages.iter().any(|message| message.to_string().contains("Write the summary now."));
        return if is_summary {
            (true, json!({ "content": "The user has things put in places." }))
        } else {
            (false, json!({ "content": "Putting things" }))
        };
    }
    let last = messages.iter().rposition(|message| message["role"] == "user").unwrap_or(0);
    let asked = messages.get(last).map(|message| words(&message["content"])).unwrap_or_default();
    let done = messages.iter().skip(last).any(|message| message["role"] == "tool");
    let order = asked.lines().rev().find_map(|line| line.strip_prefix("Put ")?.strip_suffix('.'));
    let order = order.and_then(|order| {
        let (new, rest) = order.split_once(" for ")?;
        let (old, file) = rest.split_once(" in ")?;
        Some(json!({ "filePath": file, "oldString": old, "newString": new }).to_string())
    });
    match order {
        Some(arguments) if !done => (
            true,
            json!({ "tool_calls": [{ "index": 0, "id": "c1", "type": "function", "function": { "name": "edit", "arguments": arguments } }] }),
        ),
        _ => (true, json!({ "content": "It is done." })),
    }
}

fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Option<Value>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body).unwrap_or_default()))
}
