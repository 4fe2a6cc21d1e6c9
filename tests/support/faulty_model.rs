//! A model that fails in every way that models fail in: Chat Completions over real HTTP on the loopback interface, with faults at random from a seed.
//!
//! Between its faults it plays a small agent: a turn takes up to three steps of commands and edits, then an answer. Every call and every text carries
//! a mark of its own (`t12.s1.c0.a57`: turn, step, call, and the answer that it came with). Must not know how who asks copes with a fault.
//!
//! **Invariant:** the same seed and the same requests give the same answers; a mark is given out once; what stands in a request and must not is kept as
//! a violation.

use std::{
    collections::{BTreeMap, HashSet},
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

pub use faults::Fault;

mod faults;

/// Requests that a turn may take: more would be a loop without an end.
const MOST_REQUESTS: usize = 60;
/// One request in this many fails.
const FAULT_EVERY: u64 = 3;
/// One turn in this many meets the same fault at every request.
const STORM_EVERY: u64 = 25;

/// What became of the answer that a mark came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It reached its end: its calls run, once.
    Whole,
    /// It broke off before its end: none of its calls may run.
    Broken,
    /// It broke off after the model's last word, before the protocol's: its calls run once or not at all.
    Either,
}

/// How a turn went, as the model knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// It was asked nothing.
    Nothing,
    /// It called tools.
    Called,
    /// It gave its answer.
    Answered,
    /// It failed.
    Failed(Fault),
}

/// The model's server. It ends with the test's process.
pub struct FaultyModel {
    url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    random: Random,
    /// The open document that edits go to.
    document: String,
    turn: usize,
    steps: usize,
    done: usize,
    storm: Option<Fault>,
    /// Failures since the last step that succeeded.
    failures: usize,
    /// Faults that cost who asks a wait of its own choice, which are still allowed.
    slow: usize,
    answers: usize,
    requests: usize,
    all_requests: usize,
    last: Last,
    marks: BTreeMap<String, Fate>,
    faults: BTreeMap<String, usize>,
    violations: Vec<String>,
}

/// What is answered.
struct Plan {
    fault: Option<Fault>,
    /// The events of the answer, the last two being its finish and the terminator.
    events: Vec<String>,
    /// Where a cut falls, where a list of retry heads is entered, and such.
    dice: u64,
    /// The marks in it.
    marks: Vec<String>,
}

impl FaultyModel {
    /// Listens on a free port. `document` is what edits go to; `slow` is how many faults may cost who asks a wait of its own choice (half a second and
    /// more), as those that come without a hint from the provider do.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start(seed: u64, document: &str, slow: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("the port"));
        let state = Arc::new(Mutex::new(State {
            random: Random(seed),
            document: document.to_owned(),
            turn: 0,
            steps: 0,
            done: 0,
            storm: None,
            failures: 0,
            slow,
            answers: 0,
            requests: 0,
            all_requests: 0,
            last: Last::Nothing,
            marks: BTreeMap::new(),
            faults: BTreeMap::new(),
            violations: Vec::new(),
        }));
        let accepting = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&accepting);
                // Who closes the connection early has seen enough of this answer.
                std::thread::spawn(move || _ = answer(stream, &state));
            }
        });
        Self { url, state }
    }

    /// The address for `baseURL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The user's next turn begins, with this number.
    pub fn begin(&self, turn: usize) {
        let mut state = lock(&self.state);
        state.turn = turn;
        state.steps = usize::try_from(state.random.below(4)).unwrap_or_default();
        state.storm = (state.random.below(STORM_EVERY) == 0).then(|| Fault::lasting(&mut state.random));
        (state.done, state.failures, state.requests, state.last) = (0, 0, 0, Last::Nothing);
    }

    /// How the turn has gone so far.
    #[must_use]
    pub fn last(&self) -> Last {
        lock(&self.state).last
    }

    /// All marks that were given out.
    #[must_use]
    pub fn marks(&self) -> BTreeMap<String, Fate> {
        lock(&self.state).marks.clone()
    }

    /// How often it failed, by kind; and how often it was asked.
    #[must_use]
    pub fn faults(&self) -> (BTreeMap<String, usize>, usize) {
        let state = lock(&self.state);
        (state.faults.clone(), state.all_requests)
    }

    /// What stood in a request and must not.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        lock(&self.state).violations.clone()
    }
}

impl State {
    /// What to answer a request with.
    fn plan(&mut self, request: &Value) -> Plan {
        self.requests += 1;
        self.all_requests += 1;
        if self.requests > MOST_REQUESTS {
            self.violations.push(format!("turn {} takes more than {MOST_REQUESTS} requests", self.turn));
        }
        if let Err(why) = well_formed(&request["messages"]) {
            self.violations.push(format!("turn {}: {why}", self.turn));
        }
        self.look_for_marks(&request["messages"].to_string());
        let dice = self.random.next();
        let fault = self.storm.or_else(|| (self.random.below(FAULT_EVERY) == 0).then(|| Fault::any(&mut self.random)));
        let fault = fault.filter(|fault| !fault.is_slow() || (self.failures == 0 && self.slow > 0));
        if let Some(fault) = fault {
            self.slow -= usize::from(fault.is_slow());
            self.failures += 1;
            *self.faults.entry(format!("{fault:?}")).or_default() += 1;
            self.last = Last::Failed(fault);
        }
        self.answers += 1;
        let mut plan = Plan { fault, events: Vec::new(), dice, marks: Vec::new() };
        let finish = self.say(&mut plan);
        let usage = self.random.below(4).ne(&0).then(|| json!({ "prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105 }));
        plan.events.push(event(&json!({}), &json!(finish), usage.as_ref()));
        plan.events.push("data: [DONE]\n\n".to_owned());
        plan
    }

    /// The words and calls of an answer; its finish.
    fn say(&mut self, plan: &mut Plan) -> &'static str {
        let (turn, step, answer) = (self.turn, self.done, self.answers);
        match plan.fault {
            Some(Fault::Empty) => return "stop",
            Some(Fault::MalformedCall) => {
                call(plan, 0, "bash", &format!(r#"{{"command": "true {answer}", "descr"#));
                return "tool_calls";
            }
            Some(Fault::UnknownTool) => {
                call(plan, 0, "frobnicate", &json!({ "number": answer }).to_string());
                return "tool_calls";
            }
            Some(Fault::LengthInCall) => {
                call(plan, 0, "bash", &format!(r#"{{"command": "true {answer}"#));
                return "length";
            }
            Some(Fault::Refusal) => {
                plan.events.push(event(&json!({ "refusal": "I will not." }), &Value::Null, None));
                return "stop";
            }
            _ => {}
        }
        let calls = if step < self.steps { 1 + usize::try_from(self.random.below(3)).unwrap_or_default() } else { 0 };
        let mark = self.mark(plan, if calls == 0 { format!("t{turn}.f") } else { format!("t{turn}.s{step}.w") });
        for piece in ["Now ", &mark, ". "] {
            plan.events.push(event(&json!({ "content": piece }), &Value::Null, None));
        }
        if let Some(Fault::ContentFilter) = plan.fault {
            return "content_filter";
        }
        if let Some(Fault::Length) = plan.fault {
            return "length";
        }
        for number in 0..calls {
            let mark = self.mark(plan, format!("t{turn}.s{step}.c{number}"));
            let (tool, arguments) = match self.random.below(3) {
                0 => ("edit", json!({ "filePath": self.document, "oldString": "the end\n", "newString": format!("{mark}\nthe end\n") })),
                _ => ("bash", json!({ "command": format!("echo {mark} >> ledger.txt"), "description": "Leaves a mark" })),
            };
            call(plan, number, tool, &arguments.to_string());
        }
        if !plan.fault.is_some_and(Fault::is_broken) {
            self.last = if calls > 0 { Last::Called } else { Last::Answered };
        }
        // Some say `stop` after calls.
        if calls > 0 && !plan.dice.is_multiple_of(5) { "tool_calls" } else { "stop" }
    }

    fn mark(&mut self, plan: &mut Plan, what: String) -> String {
        let mark = format!("{what}.a{}", self.answers);
        self.marks.insert(mark.clone(), Fate::Whole);
        plan.marks.push(mark.clone());
        mark
    }

    /// Which steps of the turn are in the conversation; and that none is there that broke off.
    fn look_for_marks(&mut self, messages: &str) {
        let before = self.done;
        for (at, start) in messages.match_indices(&format!("t{}.s", self.turn)) {
            let rest = &messages[at + start.len()..];
            let step: String = rest.chars().take_while(char::is_ascii_digit).collect();
            self.done = self.done.max(step.parse().map_or(0, |step: usize| step + 1));
            let mark: String = messages[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
            let mark = mark.trim_end_matches('.');
            if self.marks.get(mark) == Some(&Fate::Broken) {
                self.violations.push(format!("{mark}, of an answer that broke off, stands in the conversation"));
            }
        }
        if self.done > before {
            self.failures = 0;
        }
    }
}

/// One answer, with its fault.
fn answer(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(request) = read(&mut reader)? else { return Ok(()) };
    let mut stream = reader.into_inner();
    if !request["tools"].is_array() {
        let events = [event(&json!({ "content": "A summary." }), &json!("stop"), None), "data: [DONE]\n\n".to_owned()];
        return faults::whole(&mut stream, &events.concat());
    }
    let plan = lock(state).plan(&request);
    let fate = match plan.fault {
        None => Fate::Whole,
        Some(fault) => fault.fate(&plan.events, plan.dice),
    };
    // Before the first byte: who asks may be quick.
    lock(state).marks.extend(plan.marks.into_iter().map(|mark| (mark, fate)));
    match plan.fault {
        None => faults::whole(&mut stream, &plan.events.concat()),
        Some(fault) => fault.send(&mut stream, &plan.events, plan.dice),
    }
}

fn call(plan: &mut Plan, index: usize, tool: &str, arguments: &str) {
    // Some give all calls of all answers the same id.
    let id = if plan.fault == Some(Fault::RepeatedIds) { "call_1".to_owned() } else { format!("call_{index}_{:x}", plan.dice) };
    let (first, rest) = arguments.split_at(arguments.len() / 2);
    let function = json!({ "name": tool, "arguments": first });
    let begin = json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": function }] });
    let more = json!({ "tool_calls": [{ "index": index, "function": { "arguments": rest } }] });
    plan.events.extend([begin, more].map(|delta| event(&delta, &Value::Null, None)));
}

fn event(delta: &Value, finish: &Value, usage: Option<&Value>) -> String {
    let mut chunk = json!({ "id": "1", "object": "chat.completion.chunk", "model": "test", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
    if let Some(usage) = usage {
        chunk["usage"] = usage.clone();
    }
    format!("data: {chunk}\n\n")
}

/// Each call has one result right after its message, and nothing else has.
fn well_formed(messages: &Value) -> Result<(), String> {
    let mut open = HashSet::new();
    for message in messages.as_array().into_iter().flatten() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            if !open.remove(id) {
                return Err(format!("a result without a call: {message}"));
            }
            continue;
        }
        if !open.is_empty() {
            return Err(format!("calls without results: {open:?}"));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let whole = call["function"]["arguments"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if !whole.is_some_and(|arguments| arguments.is_object()) || !open.insert(call["id"].as_str().unwrap_or_default()) {
                return Err(format!("a call that providers refuse: {call}"));
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("calls without results: {open:?}")) }
}

/// The body of one request; none if it is not what a model is asked.
fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Value>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
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
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body).ok())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
