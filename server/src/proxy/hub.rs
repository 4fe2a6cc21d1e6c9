//! Who is told what: the one server, its editor, and the agents that share it.
//!
//! Pure: messages come in, and messages with their addressees go out. Must not know processes, streams or sockets.
//!
//! **Invariant:** what the editor and the server say to each other passes unchanged and in order; the editor sees nothing of an agent, and an agent's answers
//! are its own. A message of an agent never stands within another one.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use lsp_client::positions::Encoding;
use serde_json::{Value, json};

use super::documents::{Agent, Documents, Tell};
use super::message::{self, CONTENT_MODIFIED, Head, INVALID};
use super::split::{Frame, Piece};

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The server.
    Server,
    /// The editor.
    Editor,
    /// An agent.
    Agent(Agent),
}

/// What the agents' clients need to know before they come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Greeting {
    /// The folders that the editor has opened, as URIs.
    pub roots: Vec<String>,
    /// The editor's process, as it says.
    pub editor: Option<i64>,
    /// The server's answer to `initialize`.
    pub result: Value,
}

/// The state of it all.
#[derive(Debug)]
pub struct Hub {
    /// Begins the ids of what agents ask. Nobody can guess it, so that no id of the editor's begins so.
    prefix: String,
    next: u64,
    out: Vec<(To, Bytes)>,
    /// A message of the editor's is only half passed on: what is for the server waits.
    open: bool,
    waiting: Vec<Bytes>,
    /// The id of the editor's `initialize`.
    initialize: Option<Value>,
    greeting: Greeting,
    ready: bool,
    /// The editor ends the server.
    ending: bool,
    documents: Documents,
    agents: BTreeMap<Agent, State>,
    asked: HashMap<String, Asked>,
    /// The ids of the editor's commands that run.
    commands: HashSet<String>,
    /// What the server wants to be told, by its own ids.
    registered: BTreeMap<String, Value>,
    /// What the server is at, by its tokens: how it began.
    busy: BTreeMap<String, Bytes>,
    /// What the server said last about its being ready.
    status: Option<Bytes>,
    /// Requests of the server's that agents are to answer.
    to_answer: HashMap<String, Agent>,
}

/// How far an agent is.
#[derive(Debug, PartialEq)]
enum State {
    /// It has said nothing yet.
    New,
    /// It has asked to begin, under this id, before the server has answered the editor.
    Early(Value),
    /// It has been answered.
    Here,
}

/// A question of an agent's that the server has.
#[derive(Debug)]
struct Asked {
    agent: Agent,
    id: Value,
    /// It runs a command, which may make the server ask for edits.
    command: bool,
    /// The document that it is about, and the version that the server had.
    about: Option<(Value, Option<i64>)>,
}

/// What agents can ask of the proxy itself: the editor's documents.
const DOCUMENTS: &str = "interline/documents";
/// What agents may tell the server besides documents' texts.
const TOLD: [&str; 4] =
    ["workspace/didChangeWatchedFiles", "workspace/didCreateFiles", "workspace/didRenameFiles", "workspace/didDeleteFiles"];

/// How much the server may be at, as far as it is kept.
const BUSY: usize = 1000;

impl Hub {
    /// One that nobody has said anything to. `secret` is unguessable.
    pub fn new(secret: &str) -> Self {
        Self {
            prefix: format!("interline-{secret}-"),
            next: 0,
            out: Vec::new(),
            open: false,
            waiting: Vec::new(),
            initialize: None,
            greeting: Greeting::default(),
            ready: false,
            ending: false,
            documents: Documents::default(),
            agents: BTreeMap::new(),
            asked: HashMap::new(),
            commands: HashSet::new(),
            registered: BTreeMap::new(),
            busy: BTreeMap::new(),
            status: None,
            to_answer: HashMap::new(),
        }
    }

    /// What is to be sent since it was last asked, in order.
    pub fn take(&mut self) -> Vec<(To, Bytes)> {
        std::mem::take(&mut self.out)
    }

    /// What agents must know before they come, once the server has answered the editor.
    pub fn greeting(&self) -> Option<&Greeting> {
        self.ready.then_some(&self.greeting)
    }

    /// Whether the editor has begun to end the server: agents are not served any more.
    pub fn is_ending(&self) -> bool {
        self.ending
    }

    /// From the editor.
    pub fn hear_editor(&mut self, piece: Piece) {
        match piece {
            Piece::Raw { bytes, open } => {
                self.out.push((To::Server, bytes));
                self.open = open;
            }
            Piece::Frame(frame) => {
                self.editor_says(frame);
                self.open = false;
            }
        }
        if !self.open {
            self.out.extend(self.waiting.drain(..).map(|bytes| (To::Server, bytes)));
        }
    }

    /// From the server.
    pub fn hear_server(&mut self, piece: Piece) {
        match piece {
            Piece::Raw { bytes, .. } => self.out.push((To::Editor, bytes)),
            Piece::Frame(frame) => self.server_says(frame),
        }
    }

    /// An agent has come, and has shown that it may.
    pub fn agent_comes(&mut self, agent: Agent) {
        self.agents.insert(agent, State::New);
    }

    /// An agent has gone, whatever it was at.
    pub fn agent_goes(&mut self, agent: Agent) {
        if self.agents.remove(&agent).is_none() {
            return;
        }
        let tell = self.documents.agent_goes(agent);
        self.tell(tell);
        // What it asked is given up. An answer may come all the same, and is nobody's.
        let ids: Vec<String> = self.asked.iter().filter(|(_, asked)| asked.agent == agent).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.tell_server(message::notification("$/cancelRequest", &json!({ "id": id }))));
        let refusals: Vec<String> = self.to_answer.iter().filter(|(_, to)| **to == agent).map(|(id, _)| id.clone()).collect();
        for id in refusals {
            self.to_answer.remove(&id);
            if let Ok(id) = serde_json::from_str(&id) {
                let result = json!({ "applied": false, "failureReason": "who asked for it has gone" });
                self.tell_server(message::answer(&id, &result));
            }
        }
    }

    /// From an agent: a message's body.
    pub fn hear_agent(&mut self, agent: Agent, body: &[u8]) {
        let head = Head::of(body);
        let Some(state) = self.agents.get_mut(&agent) else { return };
        match (head.request(), head.notification()) {
            (Some("initialize"), _) if *state == State::New => {
                *state = State::Early(head.id);
                if self.ready {
                    self.greet(agent);
                }
            }
            _ if *state != State::Here => {
                if head.request().is_some() {
                    self.tell_agent(agent, message::refusal(&head.id, -32002, "`initialize` must come first, and be answered"));
                }
            }
            (Some("shutdown"), _) => self.tell_agent(agent, message::answer(&head.id, &Value::Null)),
            (Some(DOCUMENTS), _) => self.tell_agent(agent, message::answer(&head.id, &self.documents.of_editor())),
            (Some(method), _) => self.agent_asks(agent, &head.id, method, body),
            (None, Some(method)) => self.agent_tells(agent, method, body),
            (None, None) => self.agent_answers(agent, &head, body),
        }
    }

    fn editor_says(&mut self, frame: Frame) {
        let bytes = frame.bytes.clone();
        let head = Head::of(frame.body());
        let params = || message::params(frame.body());
        let mut after = Vec::new();
        match (head.request(), head.notification()) {
            (Some("initialize"), _) => {
                let params = params();
                self.greeting.roots = roots(&params);
                self.greeting.editor = params["processId"].as_i64();
                self.initialize = Some(head.id.clone());
            }
            (Some("shutdown"), _) => self.ending = true,
            (Some("workspace/executeCommand"), _) => {
                self.commands.insert(head.id.to_string());
            }
            (_, Some("textDocument/didOpen")) => {
                let params = params();
                let before = self.documents.editor_opens(&params);
                self.tell(before);
                after = self.documents.editor_opened(&params);
            }
            (_, Some("textDocument/didChange")) => after = self.documents.editor_changed(&params()),
            (_, Some("textDocument/didClose")) => after = self.documents.editor_closed(&params()),
            _ => {}
        }
        self.out.push((To::Server, bytes));
        self.tell(after);
    }

    fn server_says(&mut self, frame: Frame) {
        let head = Head::of(frame.body());
        if let Some(id) = head.answers().and_then(Value::as_str).filter(|id| id.starts_with(&self.prefix)) {
            let others = frame.other_lines();
            if !others.is_empty() {
                self.out.push((To::Editor, others.into()));
            }
            return self.server_answers(id, frame.body());
        }
        let bytes = frame.bytes.clone();
        if let Some(id) = head.answers() {
            self.commands.remove(&id.to_string());
            self.out.push((To::Editor, bytes));
            if self.initialize.as_ref() == Some(id) {
                self.initialize = None;
                self.server_is_ready(message::result(frame.body()));
            }
            return;
        }
        match (head.request(), head.notification()) {
            (Some("workspace/applyEdit"), _) if let Some(agent) = self.who_runs_a_command() => {
                self.to_answer.insert(head.id.to_string(), agent);
                return self.tell_agent(agent, frame.body().to_vec());
            }
            (Some(method @ ("client/registerCapability" | "client/unregisterCapability" | "workspace/diagnostic/refresh")), _) => {
                self.out.push((To::Editor, bytes));
                let params = message::params(frame.body());
                self.register(method, &params);
                // Agents learn of it by a request of the proxy's own; their answers are nobody's.
                let copy = message::request(&json!(format!("{}copy", self.prefix)), method, &params);
                return self.tell_all(&copy);
            }
            (Some(_), _) => {}
            (None, Some("textDocument/publishDiagnostics")) => {
                self.out.push((To::Editor, bytes));
                let tell = self.documents.published(message::params(frame.body()));
                return self.tell(tell);
            }
            (None, Some(method)) => {
                self.out.push((To::Editor, bytes));
                self.remember(method, frame.body());
                return self.tell_all(frame.body());
            }
            (None, None) => {}
        }
        self.out.push((To::Editor, bytes));
    }

    fn server_is_ready(&mut self, result: Value) {
        if result.is_null() || self.ready {
            return;
        }
        self.documents.encoding = encoding(&result);
        self.greeting.result = result;
        self.ready = true;
        let early: Vec<Agent> = self.agents.iter().filter(|(_, state)| matches!(state, State::Early(_))).map(|(agent, _)| *agent).collect();
        early.into_iter().for_each(|agent| self.greet(agent));
    }

    /// Answers an agent's `initialize`, and tells it all that it has missed.
    fn greet(&mut self, agent: Agent) {
        let Some(State::Early(id)) = self.agents.insert(agent, State::Here) else { return };
        self.tell_agent(agent, message::answer(&id, &self.greeting.result));
        if !self.registered.is_empty() {
            let all: Vec<&Value> = self.registered.values().collect();
            let id = json!(format!("{}copy", self.prefix));
            self.tell_agent(agent, message::request(&id, "client/registerCapability", &json!({ "registrations": all })));
        }
        let missed: Vec<Bytes> = self.busy.values().chain(&self.status).cloned().collect();
        missed.iter().for_each(|body| self.tell_agent(agent, body.to_vec()));
        let tell = self.documents.agent_comes(agent);
        self.tell(tell);
    }

    fn agent_asks(&mut self, agent: Agent, id: &Value, method: &str, body: &[u8]) {
        let params = message::params(body);
        if self.documents.differs(agent, &params) == Some(true) {
            return self.tell_agent(agent, message::refusal(id, CONTENT_MODIFIED, "the server has another text of this document"));
        }
        if self.ending {
            return self.tell_agent(agent, message::refusal(id, INVALID, "the editor ends the server"));
        }
        let about = params.get("textDocument").map(|_| {
            let version = self.documents.version(&params);
            (json!({ "textDocument": { "uri": params["textDocument"]["uri"] } }), version)
        });
        self.next += 1;
        let ours = format!("{}{}", self.prefix, self.next);
        let command = method == "workspace/executeCommand";
        self.asked.insert(ours.clone(), Asked { agent, id: id.clone(), command, about });
        self.tell_server(message::request(&ours.into(), method, &params));
    }

    fn agent_tells(&mut self, agent: Agent, method: &str, body: &[u8]) {
        let params = message::params(body);
        let tell = match method {
            "textDocument/didOpen" => self.documents.agent_opens(agent, &params),
            "textDocument/didChange" => self.documents.agent_changes(agent, &params, body),
            "textDocument/didClose" => self.documents.agent_closes(agent, &params),
            // The editor tells of the saving of what it has open.
            "textDocument/didSave" if self.documents.is_agents(agent, &params) => vec![Tell::Server(body.to_vec())],
            "$/cancelRequest" => {
                let asked = self.asked.iter().find(|(_, asked)| asked.agent == agent && asked.id == params["id"]);
                asked.map(|(id, _)| Tell::Server(message::notification(method, &json!({ "id": id })))).into_iter().collect()
            }
            method if TOLD.contains(&method) => vec![Tell::Server(body.to_vec())],
            // The settings and the life of the server are the editor's.
            _ => Vec::new(),
        };
        self.tell(tell);
    }

    /// An agent answers what the server has asked it; answers to copies are nobody's.
    fn agent_answers(&mut self, agent: Agent, head: &Head<'_>, body: &[u8]) {
        let id = head.id.to_string();
        if self.to_answer.get(&id) == Some(&agent) {
            self.to_answer.remove(&id);
            self.tell_server(body.to_vec());
        }
    }

    fn server_answers(&mut self, ours: &str, body: &[u8]) {
        let Some(asked) = self.asked.remove(ours) else { return };
        let changed = asked.about.is_some_and(|(about, version)| {
            self.documents.version(&about) != version || self.documents.differs(asked.agent, &about) == Some(true)
        });
        let answer = if changed {
            Some(message::refusal(&asked.id, CONTENT_MODIFIED, "the document has changed meanwhile"))
        } else {
            message::with_id(body, ours, &asked.id)
        };
        let answer = answer.unwrap_or_else(|| message::refusal(&asked.id, -32603, "the server's answer has an id that is spelled oddly"));
        self.tell_agent(asked.agent, answer);
    }

    /// The agent whose command makes the server ask for an edit. None where it may as well be the editor's.
    fn who_runs_a_command(&self) -> Option<Agent> {
        let mut agents = self.asked.values().filter(|asked| asked.command).map(|asked| asked.agent);
        let agent = agents.next().filter(|_| self.commands.is_empty())?;
        (agents.all(|other| other == agent) && self.agents.contains_key(&agent)).then_some(agent)
    }

    fn register(&mut self, method: &str, params: &Value) {
        let list = |name: &str| params[name].as_array().cloned().unwrap_or_default();
        match method {
            "client/registerCapability" => {
                let named = list("registrations").into_iter().filter_map(|one| Some((one["id"].as_str()?.to_owned(), one)));
                self.registered.extend(named);
            }
            "client/unregisterCapability" => {
                // The protocol's own spelling, and the right one.
                for one in list("unregisterations").iter().chain(&list("unregistrations")) {
                    self.registered.remove(one["id"].as_str().unwrap_or_default());
                }
            }
            _ => {}
        }
    }

    /// Keeps what an agent that comes later must know.
    fn remember(&mut self, method: &str, body: &[u8]) {
        match method {
            "$/progress" => {
                let params = message::params(body);
                let token = params["token"].to_string();
                match params["value"]["kind"].as_str() {
                    Some("begin") if self.busy.len() < BUSY => drop(self.busy.insert(token, Bytes::copy_from_slice(body))),
                    Some("end") => drop(self.busy.remove(&token)),
                    _ => {}
                }
            }
            "experimental/serverStatus" => self.status = Some(Bytes::copy_from_slice(body)),
            _ => {}
        }
    }

    fn tell(&mut self, all: Vec<Tell>) {
        for tell in all {
            match tell {
                Tell::Server(body) => self.tell_server(body),
                Tell::Agent(agent, body) => self.tell_agent(agent, body),
            }
        }
    }

    fn tell_server(&mut self, body: Vec<u8>) {
        let bytes = Frame::new(&body).bytes;
        if self.ending {
            return;
        }
        if self.open {
            self.waiting.push(bytes);
        } else {
            self.out.push((To::Server, bytes));
        }
    }

    fn tell_agent(&mut self, agent: Agent, body: Vec<u8>) {
        if self.agents.contains_key(&agent) {
            self.out.push((To::Agent(agent), Frame::new(&body).bytes));
        }
    }

    fn tell_all(&mut self, body: &[u8]) {
        let here = self.agents.iter().filter(|(_, state)| **state == State::Here);
        let bytes = Frame::new(body).bytes;
        self.out.extend(here.map(|(agent, _)| (To::Agent(*agent), bytes.clone())));
    }
}

fn roots(params: &Value) -> Vec<String> {
    let folders = params["workspaceFolders"].as_array().into_iter().flatten().filter_map(|folder| folder["uri"].as_str());
    let folders: Vec<String> = folders.map(str::to_owned).collect();
    let path = || Some(workspace::DocKey::file(params["rootPath"].as_str()?).to_uri());
    if folders.is_empty() { params["rootUri"].as_str().map(str::to_owned).or_else(path).into_iter().collect() } else { folders }
}

/// What positions count, as the server has answered the editor.
pub fn encoding(result: &Value) -> Encoding {
    match result["capabilities"]["positionEncoding"].as_str() {
        Some("utf-8") => Encoding::Utf8,
        Some("utf-32") => Encoding::Utf32,
        _ => Encoding::Utf16,
    }
}

#[cfg(test)]
mod tests;
