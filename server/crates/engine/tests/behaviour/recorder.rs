//! A provider that answers byte for byte what the test has written down, in any protocol, and keeps each request as it came.
//!
//! **Invariant:** requests without tools are side jobs: they are refused, and not kept; a request that nothing was written down for is refused.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Such as `POST /v1/messages`.
    pub line: String,
    /// Names in lower case, sorted; without those of the connection.
    pub headers: Vec<(String, String)>,
    /// Its bytes.
    pub body: String,
}

impl Request {
    /// The body, read.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The provider's server. It ends with the test's runtime.
pub struct Recorder {
    /// Without a path.
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Recorder {
    /// Listens on a free port. `answers` are streams of events.
    pub async fn start(answers: impl IntoIterator<Item = String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let keeping = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, requests) = (Arc::clone(&answers), Arc::clone(&keeping));
                // Who closes the connection early has seen enough.
                tokio::spawn(async move { drop(answer(stream, &answers, &requests).await) });
            }
        });
        Self { url, requests }
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(stream: TcpStream, answers: &Mutex<VecDeque<String>>, requests: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await? else { return Ok(()) };
    let side_job = request.json()["tools"].is_null();
    let answer = if side_job { None } else { answers.lock().unwrap().pop_front() };
    if !side_job {
        requests.lock().unwrap().push(request);
    }
    let (status, kind, body) = match answer {
        Some(body) => ("200 OK", "text/event-stream", body),
        None => ("400 No", "application/json", r#"{"error":{"message":"nothing more is in the script"}}"#.to_owned()),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut headers: Vec<_> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    headers.retain(|(name, _)| !matches!(name.as_str(), "accept" | "content-length" | "host"));
    headers.sort();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let line = lines.first().map_or("", |line| line.trim_end_matches(" HTTP/1.1")).to_owned();
    Ok(Some(Request { line, headers, body: String::from_utf8(body).unwrap() }))
}
