//! A model that says what the test has written down: Chat Completions over HTTP on the loopback interface, broken in every way that a test needs.
//!
//! **Invariant:** a request that nothing was written down for is answered with an error, never left open.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// How long anything may take to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Words, and the turn's end.
    Text(&'static str),
    /// Tool calls: name and the arguments' text.
    Calls(Vec<(&'static str, String)>),
    /// Words, and the end, with that many tokens of input.
    Used(&'static str, u64),
    /// Words; the end only when the gate opens.
    Gated(&'static str, Arc<Notify>),
    /// Words, and then nothing: the connection stays open until the other side closes it.
    Hang(&'static str),
    /// Words, a whole tool call, and the connection breaks before the answer's end.
    Cut(&'static str, &'static str, String),
    /// Half of a tool call, and the connection breaks.
    CutCall(&'static str),
    /// Words; when the gate opens the connection breaks.
    Broken(&'static str, Arc<Notify>),
    /// Thoughts, and then nothing: the connection stays open until the other side closes it.
    Thinking(&'static str),
    /// An answer without any word.
    Empty,
    /// Words that the output limit cut.
    Long(&'static str),
    /// An error: status, headers (each with its line end), body.
    Error(u16, &'static str, &'static str),
}

/// Tool calls with arguments.
pub fn calls(calls: impl IntoIterator<Item = (&'static str, Value)>) -> Reply {
    Reply::Calls(calls.into_iter().map(|(name, arguments)| (name, arguments.to_string())).collect())
}

/// One tool call.
pub fn call(name: &'static str, arguments: Value) -> Reply {
    calls([(name, arguments)])
}

/// What the provider says of a conversation that is too long.
pub fn overflow() -> Reply {
    Reply::Error(400, "", r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#)
}

#[derive(Default)]
struct State {
    script: VecDeque<Reply>,
    summaries: VecDeque<Reply>,
    requests: Vec<Value>,
    asked_for_summary: Vec<Value>,
    closed: usize,
}

/// The model's server. It ends with the test's runtime.
pub struct Model {
    pub url: String,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

impl Model {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let (changed, _) = watch::channel(());
        let (accepting, telling) = (Arc::clone(&state), changed.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, changed) = (Arc::clone(&accepting), telling.clone());
                // Who closes the connection early has stopped the turn: the end of this answer.
                tokio::spawn(async move { drop(answer(stream, &state, &changed).await) });
            }
        });
        Self { url, state, changed }
    }

    /// What to answer next, in this order.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().script.extend(replies);
    }

    /// What to answer to requests for a summary, in this order.
    pub fn summaries(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().summaries.extend(replies);
    }

    async fn until<T>(&self, what: &str, find: impl Fn(&State) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        let wait = async {
            loop {
                if let Some(found) = find(&self.state.lock().unwrap()) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(found) => found,
            Err(_) => panic!("{what} did not come; these requests came: {:#?}", self.state.lock().unwrap().requests),
        }
    }

    /// The request with this number, counted from 1, when it has come.
    pub async fn request(&self, number: usize) -> Value {
        self.until(&format!("request {number}"), |state| state.requests.get(number - 1).cloned()).await
    }

    /// The request for a summary with this number, counted from 1, when it has come.
    pub async fn summary(&self, number: usize) -> Value {
        self.until(&format!("summary {number}"), |state| state.asked_for_summary.get(number - 1).cloned()).await
    }

    /// Waits until that many answers were closed by the other side.
    pub async fn closed(&self, count: usize) {
        self.until("a closed connection", |state| (state.closed >= count).then_some(())).await;
    }

    /// All requests so far, but for those for summaries.
    pub fn requests(&self) -> Vec<Value> {
        self.state.lock().unwrap().requests.clone()
    }
}

async fn answer(stream: TcpStream, state: &Mutex<State>, changed: &watch::Sender<()>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await? else { return Ok(()) };
    let reply = {
        let mut state = state.lock().unwrap();
        // A model that is given no tools is asked without them too: only the words tell.
        let side_job = ["Write the summary now.", "Name the conversation"].iter().any(|words| request.to_string().contains(words));
        if !side_job {
            state.requests.push(request);
            state.script.pop_front()
        } else {
            state.asked_for_summary.push(request);
            state.summaries.pop_front()
        }
    };
    changed.send_replace(());
    let reply = reply.unwrap_or(Reply::Error(400, "", r#"{"error":{"message":"nothing more is in the script"}}"#));
    if let Reply::Error(status, headers, body) = reply {
        let head = format!("HTTP/1.1 {status} No\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        return stream.write_all(format!("{head}{body}").as_bytes()).await;
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
        .await?;
    let (mut stop, mut usage) = ("stop", 10);
    match reply {
        Reply::Text(text) => say(&mut stream, json!({"content": text}), Value::Null).await?,
        Reply::Used(text, tokens) => {
            say(&mut stream, json!({"content": text}), Value::Null).await?;
            usage = tokens;
        }
        Reply::Calls(calls) => {
            for (index, (name, arguments)) in calls.into_iter().enumerate() {
                call_delta(&mut stream, index, name, &arguments).await?;
            }
            stop = "tool_calls";
        }
        Reply::Gated(text, gate) => {
            say(&mut stream, json!({"content": text}), Value::Null).await?;
            gate.notified().await;
        }
        Reply::Hang(text) | Reply::Thinking(text) => {
            let field = if matches!(reply, Reply::Hang(_)) { "content" } else { "reasoning_content" };
            say(&mut stream, json!({field: text}), Value::Null).await?;
            let mut rest = Vec::new();
            drop(stream.read_to_end(&mut rest).await);
            state.lock().unwrap().closed += 1;
            changed.send_replace(());
            return Ok(());
        }
        Reply::Cut(text, name, arguments) => {
            say(&mut stream, json!({"content": text}), Value::Null).await?;
            return call_delta(&mut stream, 0, name, &arguments).await;
        }
        Reply::Broken(text, gate) => {
            say(&mut stream, json!({"content": text}), Value::Null).await?;
            gate.notified().await;
            return Ok(());
        }
        Reply::CutCall(name) => return call_delta(&mut stream, 0, name, "{\"comm").await,
        Reply::Empty => {}
        Reply::Long(text) => {
            say(&mut stream, json!({"content": text}), Value::Null).await?;
            stop = "length";
        }
        Reply::Error(..) => unreachable!(),
    }
    say(&mut stream, json!({}), json!(stop)).await?;
    let usage = json!({"choices": [], "usage": {"prompt_tokens": usage, "completion_tokens": 1, "total_tokens": usage + 1}});
    chunk(&mut stream, &format!("data: {usage}\n\ndata: [DONE]\n\n")).await?;
    stream.write_all(b"0\r\n\r\n").await
}

async fn call_delta(stream: &mut BufReader<TcpStream>, index: usize, name: &str, arguments: &str) -> std::io::Result<()> {
    let function = json!({"name": name, "arguments": arguments});
    let call = json!({"index": index, "id": format!("call_{index}_{name}"), "type": "function", "function": function});
    say(stream, json!({"tool_calls": [call]}), Value::Null).await
}

async fn say(stream: &mut BufReader<TcpStream>, delta: Value, finish: Value) -> std::io::Result<()> {
    let data = json!({"id": "1", "object": "chat.completion.chunk", "model": "test", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    chunk(stream, &format!("data: {data}\n\n")).await
}

async fn chunk(stream: &mut BufReader<TcpStream>, data: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{data}\r\n", data.len()).as_bytes()).await
}

/// The body of one request; none if it is not what a model is asked.
async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Value>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body).ok())
}
