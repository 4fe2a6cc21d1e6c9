//! A model that does what the probes ask, or fails in one way: Chat Completions over real HTTP on the loopback interface.
//!
//! **Invariant:** an answer depends on the request and the fault alone (and on the prompts seen before, for the cache).

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Long words break off, without an end.
    CutWords,
    /// Counts to 30 and says that this is all.
    HalfAnswer,
    /// A cut answer is called whole.
    CutIsStop,
    /// The arguments' last brace is missing.
    BrokenJson,
    /// Numbers as strings.
    Strings,
    /// A tool that there is not.
    UnknownTool,
    /// Forgets what a call brought.
    Forgets,
    /// Calls on and on.
    CallsAgain,
    OneCall,
    /// Long arguments lose what comes after line 212.
    Truncates,
    /// One line of a long argument is lost.
    LosesLine,
    /// What is not ASCII becomes question marks.
    Ascii,
    /// Escapes are resolved once too often.
    Unescapes,
    NoUsage,
    NoCache,
    /// Caches are written, never read.
    CacheMisses,
    /// Every second run ends without its second call.
    StopsEarly,
    /// Every third run ends with an empty answer.
    EmptyRuns,
    /// Every second run is cut amid its first answer.
    CutRuns,
    /// The first request of every four fails with a 503.
    Unsteady,
    Unauthorized,
    /// Does not answer.
    Silent,
    /// All in one piece.
    Whole,
    /// Refuses tools.
    NoTools,
}

/// The server; it ends with the test.
pub struct Model {
    pub url: String,
    state: Arc<State>,
}

struct State {
    fault: Fault,
    requests: AtomicU32,
    runs: AtomicU32,
    prompts: Mutex<HashSet<String>>,
}

impl Model {
    pub fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let state = Arc::new(State { fault, requests: AtomicU32::new(0), runs: AtomicU32::new(0), prompts: Mutex::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that has gone away is the client's business.
                std::thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { url, state }
    }

    pub fn requests(&self) -> u32 {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 2 {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let request: Value = serde_json::from_slice(&body).unwrap();
        let refusal = match self.fault {
            Fault::Unauthorized => Some((401, "Incorrect API key provided: sk-very-secret")),
            Fault::Unsteady if number.is_multiple_of(4) => Some((503, "overloaded")),
            Fault::NoTools if request["tools"].is_array() => Some((400, "this model does not support tools")),
            _ => None,
        };
        if let Some((status, words)) = refusal {
            let body = json!({"error": {"message": words}}).to_string();
            return write!(
                stream,
                "HTTP/1.1 {status} No\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        if self.fault == Fault::Silent {
            // Until the client goes away.
            return reader.read_to_end(&mut Vec::new()).map(drop);
        }
        let chunks = self.chunks(&request, length as u64 / 4);
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
        let all: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        if self.fault == Fault::Whole {
            return stream.write_all(all.as_bytes());
        }
        for piece in all.split_inclusive("\n\n") {
            stream.write_all(piece.as_bytes())?;
            stream.flush()?;
            // A little time, so that the pieces stay pieces and have a speed.
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        Ok(())
    }

    fn chunks(&self, request: &Value, prompt: u64) -> Vec<Value> {
        let (deltas, finish) = self.answer(request);
        let mut chunks: Vec<Value> = deltas.iter().map(|delta| json!({"choices": [{"index": 0, "delta": delta}]})).collect();
        let Some(finish) = finish else { return chunks };
        chunks.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}));
        let mut usage = json!({"prompt_tokens": prompt, "completion_tokens": deltas.len().max(1)});
        let system = request["messages"][0]["content"].as_str().unwrap_or_default();
        let seen = !self.prompts.lock().unwrap_or_else(PoisonError::into_inner).insert(system.to_owned());
        match self.fault {
            Fault::NoUsage => return chunks,
            Fault::NoCache => {}
            Fault::CacheMisses => usage["prompt_tokens_details"] = json!({"cached_tokens": 0, "cache_write_tokens": prompt / 2}),
            _ => usage["prompt_tokens_details"] = json!({"cached_tokens": if seen { prompt * 9 / 10 } else { 0 }}),
        }
        chunks.push(json!({"choices": [], "usage": usage}));
        chunks
    }

    /// The pieces, and how it ends; none: it breaks off.
    fn answer(&self, request: &Value) -> (Vec<Value>, Option<&'static str>) {
        let messages = request["messages"].as_array().unwrap();
        let asked = messages.iter().find(|m| m["role"] == "user").unwrap()["content"].as_str().unwrap();
        let results: Vec<&str> = messages.iter().filter(|m| m["role"] == "tool").filter_map(|m| m["content"].as_str()).collect();
        let has = |words: &str| asked.contains(words);
        if has("Write the numbers") {
            return self.count(request);
        }
        if has("TODO(kim)") {
            let limit = if self.fault == Fault::Strings { json!("20") } else { json!(20) };
            let name = if self.fault == Fault::UnknownTool { "grep" } else { "search" };
            return self.call(&[(name, json!({"pattern": "TODO(kim)", "folders": ["src", "tests"], "limit": limit, "mode": "literal"}))]);
        }
        let read = |path: &str| ("read", json!({"filePath": path}));
        if has("build.txt") {
            return match results.first() {
                None => self.call(&[read("build.txt")]),
                Some(_) if self.fault == Fault::CallsAgain => self.call(&[read("build.txt")]),
                Some(_) if self.fault == Fault::Forgets => say("The build number is 123."),
                Some(text) => say(&format!("It says {text}.")),
            };
        }
        if has("one.txt") {
            return if self.fault == Fault::OneCall {
                self.call(&[read("one.txt")])
            } else {
                self.call(&[read("one.txt"), read("two.txt")])
            };
        }
        if let Some((_, rest)) = asked.split_once("<content>\n") {
            let content = self.write(rest.split_once("\n</content>").unwrap().0);
            return self.call(&[("write", json!({"filePath": "x", "content": content}))]);
        }
        if has("from.txt") {
            return self.run(&results, read("from.txt"));
        }
        assert!(has("one word"), "{asked}");
        say("ready")
    }

    fn count(&self, request: &Value) -> (Vec<Value>, Option<&'static str>) {
        let number = |n: u32| json!({"content": format!("{n}\n")});
        match request["max_tokens"].as_u64() {
            Some(32) if self.fault == Fault::CutIsStop => ((1..=9).map(number).collect(), Some("stop")),
            Some(32) => ((1..=9).map(number).collect(), Some("length")),
            _ if self.fault == Fault::CutWords => ((1..=20).map(number).collect(), None),
            _ if self.fault == Fault::HalfAnswer => ((1..=30).map(number).collect(), Some("stop")),
            _ => ((1..=60).map(number).collect(), Some("stop")),
        }
    }

    fn write(&self, content: &str) -> String {
        let lines: Vec<&str> = content.lines().collect();
        match self.fault {
            Fault::Truncates if lines.len() > 100 => lines[..212].join("\n"),
            Fault::LosesLine if lines.len() > 100 => [&lines[..99], &lines[100..]].concat().join("\n"),
            Fault::Ascii => content.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect(),
            Fault::Unescapes => content.replace("\\\\", "\\"),
            _ => content.to_owned(),
        }
    }

    fn run(&self, results: &[&str], read: (&str, Value)) -> (Vec<Value>, Option<&'static str>) {
        match results {
            [] => {
                let run = self.runs.fetch_add(1, Ordering::SeqCst);
                if self.fault == Fault::CutRuns && run % 2 == 1 {
                    return (vec![json!({"content": "I will re"})], None);
                }
                self.call(&[read])
            }
            [number] => match self.fault {
                Fault::StopsEarly if self.runs.load(Ordering::SeqCst).is_multiple_of(2) => say("I will now write the file."),
                Fault::EmptyRuns if self.runs.load(Ordering::SeqCst).is_multiple_of(3) => (Vec::new(), Some("stop")),
                _ => self.call(&[("write", json!({"filePath": "to.txt", "content": number}))]),
            },
            _ => say("I am done."),
        }
    }

    /// Each call in pieces.
    fn call(&self, calls: &[(&str, Value)]) -> (Vec<Value>, Option<&'static str>) {
        let mut deltas = Vec::new();
        for (index, (name, arguments)) in calls.iter().enumerate() {
            let mut raw = arguments.to_string();
            if self.fault == Fault::BrokenJson {
                raw.pop();
            }
            deltas.push(json!({"tool_calls": [{"index": index, "id": format!("call_{index}"), "type": "function", "function": {"name": name, "arguments": ""}}]}));
            let letters: Vec<char> = raw.chars().collect();
            deltas.extend(
                letters
                    .chunks(400)
                    .map(|piece| json!({"tool_calls": [{"index": index, "function": {"arguments": piece.iter().collect::<String>()}}]})),
            );
        }
        (deltas, Some("tool_calls"))
    }
}

fn say(text: &str) -> (Vec<Value>, Option<&'static str>) {
    (text.split_inclusive(' ').map(|word| json!({"content": word})).collect(), Some("stop"))
}
