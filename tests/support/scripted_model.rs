//! A model that says what the test has written down: Chat Completions over real HTTP on the loopback interface.
//!
//! Must not know who asks, nor judge what it is asked: requests are kept for the test to look at.
//!
//! **Invariant:** a request that nothing was written down for is answered with an error, never left open.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Barrier, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// One answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Words, and the turn's end.
    Text(&'static str),
    /// Words, and the end that the provider's filter puts to them.
    Filtered(&'static str),
    /// One tool call.
    Call(&'static str, Value),
    /// Words in two parts: the second comes when the test has met the model at the barrier (of two).
    Halves(&'static str, Arc<Barrier>, &'static str),
    /// Words in parts: for each but the first the test meets the model at the barrier (of two).
    Pieces(Vec<String>, Arc<Barrier>),
    /// Nothing until the test has met the model at the barrier (of two); then a tool call.
    Held(Arc<Barrier>, &'static str, Value),
    /// Words, and then nothing: the connection stays open until the other side closes it.
    Hang(&'static str),
    /// Words, and the connection breaks before the answer's end.
    Cut(&'static str),
    /// Words, and the end, for 1000 tokens of input, half of them from the cache, and 200 of output.
    Counted(&'static str),
    /// An error: status, headers (each with its line end), body.
    Error(u16, &'static str, &'static str),
}

/// The model's server. It ends with the test's process.
pub struct ScriptedModel {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    script: VecDeque<Reply>,
    requests: Vec<Value>,
    /// The same, whole.
    bodies: Vec<Value>,
    /// Titles are not answered.
    holds_titles: bool,
    titles: usize,
    keys: BTreeSet<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScriptedModel {
    /// Listens on a free port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("the port"));
        let shared = Arc::new(Shared::default());
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = accepting.clone();
                // Who closes the connection early has stopped the turn: the end of this answer.
                std::thread::spawn(move || _ = answer(&stream, &shared));
            }
        });
        Self { url, shared }
    }

    /// The address for `baseURL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether who asks for a title is left without an answer, from now on.
    pub fn hold_titles(&self, holds: bool) {
        self.shared.lock().holds_titles = holds;
        self.shared.changed.notify_all();
    }

    /// How many titles were asked for so far.
    #[must_use]
    pub fn titles(&self) -> usize {
        self.shared.lock().titles
    }

    /// What was shown as authorization so far, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.shared.lock().keys.iter().cloned().collect()
    }

    /// What to answer next, in this order.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.lock().script.extend(replies);
    }

    /// Waits for the request with this number, counted from 1, and returns its messages after the system prompt. Side jobs of
    /// the agent (without tools) do not count.
    ///
    /// # Panics
    /// If it does not come, with those that came.
    #[must_use]
    pub fn request(&self, number: usize) -> Value {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| state.requests.len() < number);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "request {number} did not come; these came: {:#?}", state.requests);
        state.requests[number - 1].clone()
    }
}

impl ScriptedModel {
    /// A request that has come, whole.
    ///
    /// # Panics
    /// If it has not come.
    #[must_use]
    pub fn body(&self, number: usize) -> Value {
        let _waited_for = self.request(number);
        self.shared.lock().bodies[number - 1].clone()
    }
}

fn answer(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let Some((request, key)) = read(stream)? else { return Ok(()) };
    shared.lock().keys.insert(key);
    let reply = if request["tools"].is_array() {
        let mut state = shared.lock();
        let reply = state.script.pop_front();
        state.bodies.push(request.clone());
        state.requests.push(request["messages"].as_array().into_iter().flatten().skip(1).cloned().collect());
        shared.changed.notify_all();
        reply
    } else {
        let mut state = shared.lock();
        state.titles += 1;
        let held = shared.changed.wait_while(state, |state| state.holds_titles);
        drop(held.unwrap_or_else(PoisonError::into_inner));
        Some(Reply::Text("A title"))
    };
    let Some(reply) = reply else {
        return stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 30\r\nconnection: close\r\n\r\nnothing more is in the script\n");
    };
    let reply = match reply {
        Reply::Held(barrier, name, arguments) => {
            barrier.wait();
            Reply::Call(name, arguments)
        }
        other => other,
    };
    if let Reply::Error(status, headers, body) = reply {
        let head = format!("HTTP/1.1 {status} No\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        return stream.write_all(format!("{head}{body}").as_bytes());
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    let mut say = |delta: Value, finish: Value| {
        let chunk = json!({ "id": "1", "object": "chat.completion.chunk", "model": "test", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        stream.write_all(format!("data: {chunk}\n\n").as_bytes())
    };
    match reply {
        Reply::Text(text) => {
            say(json!({ "role": "assistant", "content": text }), Value::Null)?;
            say(json!({}), json!("stop"))?;
        }
        Reply::Filtered(text) => {
            say(json!({ "role": "assistant", "content": text }), Value::Null)?;
            say(json!({}), json!("content_filter"))?;
        }
        Reply::Halves(first, barrier, second) => {
            say(json!({ "role": "assistant", "content": first }), Value::Null)?;
            barrier.wait();
            say(json!({ "content": second }), Value::Null)?;
            say(json!({}), json!("stop"))?;
        }
        Reply::Pieces(pieces, barrier) => {
            for (n, piece) in pieces.iter().enumerate() {
                if n > 0 {
                    barrier.wait();
                }
                say(json!({ "content": piece }), Value::Null)?;
            }
            say(json!({}), json!("stop"))?;
        }
        Reply::Call(name, arguments) => {
            let function = json!({ "name": name, "arguments": arguments.to_string() });
            say(
                json!({ "role": "assistant", "tool_calls": [{ "index": 0, "id": format!("call_{name}"), "type": "function", "function": function }] }),
                Value::Null,
            )?;
            say(json!({}), json!("tool_calls"))?;
        }
        Reply::Cut(text) => return say(json!({ "role": "assistant", "content": text }), Value::Null),
        Reply::Counted(text) => {
            say(json!({ "role": "assistant", "content": text }), Value::Null)?;
            say(json!({}), json!("stop"))?;
            let usage = json!({ "prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": { "cached_tokens": 500 } });
            stream.write_all(format!("data: {}\n\n", json!({ "choices": [], "usage": usage })).as_bytes())?;
        }
        Reply::Held(..) | Reply::Error(..) => unreachable!("they were seen to above"),
        Reply::Hang(text) => {
            say(json!({ "role": "assistant", "content": text }), Value::Null)?;
            let mut rest = Vec::new();
            return stream.read_to_end(&mut rest).map(|_| ());
        }
    }
    stream.write_all(b"data: [DONE]\n\n")
}

/// The body of one request, and its authorization; none if it is not what a model is asked.
fn read(stream: &TcpStream) -> std::io::Result<Option<(Value, String)>> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => value.trim().clone_into(&mut key),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body).ok().map(|request| (request, key)))
}
