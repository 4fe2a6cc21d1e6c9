//! One request of a check, and what came back; and the sum of them all.
//!
//! Must not judge an answer.
//!
//! **Invariant:** every request is counted, each that had to be sent again as a retry; tokens count also where the answer was cut.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use proto::Tokens;
use providers::{
    ChatMessage, ChatPart, Client, FinishReason, ModelEvent, ModelRequest, ProviderError, ResolvedModel, ToolDefinition, retry,
};
use serde_json::{Value, json};

use super::Patience;
use super::arguments;

/// Most times that one request is sent again.
const RETRIES: u32 = 2;
/// An answer in fewer pieces says nothing about speed: it was held back somewhere.
const PIECES: usize = 8;

/// A call that the model made.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: String,
    pub name: String,
    /// The arguments, as they came.
    pub raw: String,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Words, thoughts and calls, in order, to be sent back.
    said: Vec<ChatPart>,
    pub calls: Vec<Call>,
    pub tokens: Option<Tokens>,
    pub finish: FinishReason,
    /// In how many pieces it came.
    pub pieces: usize,
}

impl Answer {
    /// Its words.
    pub fn text(&self) -> String {
        self.said.iter().filter_map(|part| if let ChatPart::Text(text) = part { Some(text.as_str()) } else { None }).collect()
    }

    /// Whether there is neither a word nor a call.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.text().trim().is_empty()
    }

    /// Puts it into a conversation, with what `result` gives for each call.
    pub fn continue_in(self, messages: &mut Vec<ChatMessage>, result: impl Fn(&Call) -> Result<String, String>) {
        let results = self.calls.iter().map(|call| {
            let (output, is_error) = match result(call) {
                Ok(output) => (output, false),
                Err(output) => (output, true),
            };
            ChatPart::ToolResult { id: call.id.clone(), name: call.name.clone(), output, is_error, media: Vec::new() }
        });
        let results = results.collect();
        messages.push(ChatMessage::Assistant(self.said));
        messages.push(ChatMessage::Tool(results));
    }
}

/// No whole answer.
#[derive(Debug)]
pub struct Failure {
    pub error: ProviderError,
    /// Something of the answer had come.
    pub began: bool,
}

/// What all requests of a check came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub requests: u32,
    pub retries: u32,
    /// Answers of which at least the beginning came.
    pub began: u32,
    /// Whole ones.
    pub answers: u32,
    pub without_usage: u32,
    /// Time to the first token, each.
    pub first: Vec<Duration>,
    /// Tokens and time of the answers that came in pieces.
    pub rated: (u64, Duration),
    pub tokens: Tokens,
    pub cost: f64,
    /// Of the last prompt with a known prefix, what came from the cache: 0 to 1.
    pub cached: Option<f64>,
    pub runs: u32,
    pub stopped: u32,
}

/// Asks one model.
pub struct Asker {
    client: Client,
    pub model: ResolvedModel,
    pub patience: Patience,
    pub tally: Tally,
    pub started: Instant,
    session: String,
}

impl Asker {
    pub fn new(mut model: ResolvedModel, patience: Patience) -> Self {
        model.timeouts.header = model.timeouts.header.min(patience.silence);
        model.timeouts.chunk = model.timeouts.chunk.min(patience.silence);
        let session = format!("check-{}", nonce());
        Self { client: Client::new(), model, patience, tally: Tally::default(), started: Instant::now(), session }
    }

    /// A request with one message from the user, and the tools of the check.
    pub fn request(&self, text: &str) -> ModelRequest {
        ModelRequest {
            system: vec![SYSTEM.to_owned()],
            messages: vec![ChatMessage::User(vec![ChatPart::Text(text.to_owned())])],
            tools: tools(),
            max_output: Some(8192),
            session: self.session.clone(),
            ..ModelRequest::default()
        }
    }

    /// Asks; what the transport broke is asked again.
    pub async fn ask(&mut self, request: &ModelRequest) -> Result<Answer, Failure> {
        self.ask_while(request, |_| true).await
    }

    /// Asks; an answer that was cut once it had begun is not asked for again.
    pub async fn ask_unless_cut(&mut self, request: &ModelRequest) -> Result<Answer, Failure> {
        self.ask_while(request, |failure| !failure.began).await
    }

    async fn ask_while(&mut self, request: &ModelRequest, again: impl Fn(&Failure) -> bool) -> Result<Answer, Failure> {
        let mut attempt = 1;
        loop {
            let failure = match self.once(request).await {
                Err(failure) if attempt <= RETRIES && again(&failure) => failure,
                other => return other,
            };
            let Some(wait) = retry::delay(attempt, &failure.error, 0.5) else { return Err(failure) };
            tokio::time::sleep(wait.min(self.patience.retry)).await;
            self.tally.retries += 1;
            attempt += 1;
        }
    }

    async fn once(&mut self, request: &ModelRequest) -> Result<Answer, Failure> {
        self.tally.requests += 1;
        let start = Instant::now();
        let mut stream = self.client.stream(&self.model, request);
        let mut answer = Answer { said: Vec::new(), calls: Vec::new(), tokens: None, finish: FinishReason::Unknown, pieces: 0 };
        let mut first: Option<Instant> = None;
        let result = loop {
            match stream.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(event)) => {
                    let spoken = answer.take(event);
                    if spoken && first.is_none() {
                        first = Some(Instant::now());
                        self.tally.began += 1;
                    }
                }
            }
        };
        if let Some(tokens) = answer.tokens {
            self.tally.tokens += tokens;
            self.tally.cost += providers::cost(&self.model.cost, &tokens);
        }
        if let Some(first) = first {
            self.tally.first.push(first - start);
        }
        if let Err(error) = result {
            return Err(Failure { error, began: first.is_some() });
        }
        // An answer that is empty but whole is an answer too.
        self.tally.began += u32::from(first.is_none());
        self.tally.answers += 1;
        match answer.tokens.filter(|tokens| tokens.total() > 0 && (tokens.output + tokens.reasoning > 0 || answer.is_empty())) {
            None => self.tally.without_usage += 1,
            Some(tokens) => {
                if let Some(first) = first.filter(|_| answer.pieces >= PIECES) {
                    self.tally.rated.0 += tokens.output + tokens.reasoning;
                    self.tally.rated.1 += first.elapsed();
                }
            }
        }
        Ok(answer)
    }
}

impl Answer {
    /// Takes an event in; whether it is a piece of what the model says.
    fn take(&mut self, event: ModelEvent) -> bool {
        match event {
            ModelEvent::Text(piece) => match self.said.last_mut() {
                Some(ChatPart::Text(text)) => text.push_str(&piece),
                _ => self.said.push(ChatPart::Text(piece)),
            },
            ModelEvent::Reasoning(piece) => match self.said.last_mut() {
                Some(ChatPart::Reasoning { text, metadata }) if metadata.is_null() => text.push_str(&piece),
                _ => self.said.push(ChatPart::Reasoning { text: piece, metadata: Value::Null }),
            },
            ModelEvent::ReasoningEnd { metadata: end } => {
                match self.said.last_mut() {
                    Some(ChatPart::Reasoning { metadata, .. }) if metadata.is_null() => *metadata = end,
                    _ => self.said.push(ChatPart::Reasoning { text: String::new(), metadata: end }),
                }
                return false;
            }
            ModelEvent::ToolCallStart { id, name, .. } => self.calls.push(Call { id, name, raw: String::new() }),
            ModelEvent::ToolCallDelta { .. } => {}
            ModelEvent::ToolCallEnd { index, arguments, metadata } => {
                if let Some(call) = self.calls.get_mut(index) {
                    call.raw = arguments;
                    let input = arguments::parse(&call.raw).unwrap_or_else(|_| json!({}));
                    self.said.push(ChatPart::ToolCall { id: call.id.clone(), name: call.name.clone(), input, metadata });
                }
                return false;
            }
            ModelEvent::Usage(tokens) => {
                self.tokens = Some(tokens);
                return false;
            }
            ModelEvent::Finish(reason) => {
                self.finish = reason;
                return false;
            }
        }
        self.pieces += 1;
        true
    }
}

const SYSTEM: &str = "You are a coding agent. You work on the user's project with the tools that you are given: call them, rather than \
                      describing what you would do. Do exactly what the user asks, and nothing else.";

/// The tools of the check, by name.
pub fn tools() -> Vec<ToolDefinition> {
    let tool = |name: &str, description: &str, properties: Value, required: &[&str]| ToolDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    };
    let path = json!({"type": "string", "description": "The file's path"});
    vec![
        tool("read", "Reads a text file.", json!({"filePath": path}), &["filePath"]),
        tool(
            "search",
            "Searches files for a pattern.",
            json!({
                "pattern": {"type": "string", "description": "What to search for"},
                "folders": {"type": "array", "items": {"type": "string"}, "description": "Where to search"},
                "limit": {"type": "integer", "description": "Most hits to return"},
                "mode": {"type": "string", "enum": ["literal", "regex"], "description": "What the pattern is"},
            }),
            &["pattern", "folders", "limit", "mode"],
        ),
        tool(
            "write",
            "Writes a text file, replacing what was there.",
            json!({"filePath": path, "content": {"type": "string", "description": "The file's whole content"}}),
            &["filePath", "content"],
        ),
    ]
}

/// Six digits that nobody has said before, so that no answer can come from a memory.
pub fn nonce() -> String {
    format!("{:06}", 100_000 + RandomState::new().build_hasher().finish() % 900_000)
}

impl Tally {
    /// The median, in milliseconds.
    pub fn first_token_ms(&self) -> Option<u64> {
        let mut all = self.first.clone();
        all.sort_unstable();
        all.get(all.len() / 2).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    /// Over all answers that came in pieces.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (tokens, time) = self.rated;
        (tokens > 0 && !time.is_zero()).then(|| tokens as f64 / time.as_secs_f64())
    }
}
