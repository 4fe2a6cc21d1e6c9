//! The documents that the server has open, and what each agent believes that they hold.
//!
//! Pure. Must not know connections; says what must be told to whom.
//!
//! **Invariant:** the server sees one opening of a document at a time, and the editor's counts over an agent's. An agent is told that the server has its text
//! only while that is so.

use std::collections::{BTreeMap, HashMap};

use lsp_client::positions::{Encoding, byte_range};
use lsp_client::shared::SAME_TEXT;
use ropey::Rope;
use serde_json::{Value, json};
use workspace::DocKey;

use super::message;

/// An agent's number.
pub type Agent = u32;

/// Who has opened a document at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Editor,
    Agent(Agent),
}

/// A text, as one of them sees it.
#[derive(Clone, Debug)]
struct Text {
    /// As it spells it.
    uri: String,
    language: String,
    version: i64,
    /// None if it cannot be known: a change was not understood.
    text: Option<Rope>,
}

/// What the server has.
#[derive(Debug)]
struct Open {
    owner: Owner,
    text: Text,
}

/// What an agent believes.
#[derive(Debug)]
struct View {
    text: Text,
    /// It was told that the server has the same.
    same: bool,
}

/// What the server said last of a document.
#[derive(Debug)]
struct Published {
    params: Value,
    /// As the document's owner counts.
    version: Option<i64>,
}

/// What must be told.
#[derive(Debug, PartialEq)]
pub enum Tell {
    /// A message's body for the server.
    Server(Vec<u8>),
    /// A message's body for an agent.
    Agent(Agent, Vec<u8>),
}

/// All documents.
#[derive(Debug, Default)]
pub struct Documents {
    pub encoding: Encoding,
    open: HashMap<DocKey, Open>,
    views: HashMap<Agent, HashMap<DocKey, View>>,
    published: BTreeMap<DocKey, Published>,
}

/// How many files' diagnostics are kept for agents that come later.
const KEPT: usize = 2000;

impl Documents {
    /// The editor opens one. To be told *before* its message is passed on; then comes [`Self::editor_opened`].
    pub fn editor_opens(&mut self, params: &Value) -> Vec<Tell> {
        let Some(text) = Text::opened(params) else { return Vec::new() };
        let key = DocKey::from_uri(&text.uri);
        let owned = self.open.get(&key).filter(|open| open.owner != Owner::Editor);
        let tell = owned.map(|open| Tell::Server(close(&open.text.uri))).into_iter().collect();
        self.opened(key, Owner::Editor, text);
        tell
    }

    /// The server has what the editor opened.
    pub fn editor_opened(&mut self, params: &Value) -> Vec<Tell> {
        self.compare(&key(params))
    }

    /// The editor has changed one. To be told *after* its message was passed on.
    pub fn editor_changed(&mut self, params: &Value) -> Vec<Tell> {
        let key = key(params);
        let Some(open) = self.open.get_mut(&key) else { return Vec::new() };
        open.text.change(params, self.encoding);
        self.compare(&key)
    }

    /// The editor has closed one: an agent that wants it may have it. To be told *after* its message was passed on.
    pub fn editor_closed(&mut self, params: &Value) -> Vec<Tell> {
        self.closed(&key(params))
    }

    /// An agent comes.
    pub fn agent_comes(&mut self, agent: Agent) -> Vec<Tell> {
        self.views.insert(agent, HashMap::new());
        let publish = |published: &Published| Tell::Agent(agent, message::notification(PUBLISH, &without_version(&published.params)));
        self.published.values().map(publish).collect()
    }

    /// An agent is gone; what it had open is closed, or another agent's now.
    pub fn agent_goes(&mut self, agent: Agent) -> Vec<Tell> {
        let views = self.views.remove(&agent).unwrap_or_default();
        views.keys().flat_map(|key| self.given_up(key, agent)).collect()
    }

    /// An agent opens one.
    pub fn agent_opens(&mut self, agent: Agent, params: &Value) -> Vec<Tell> {
        let (Some(text), Some(views)) = (Text::opened(params), self.views.get_mut(&agent)) else { return Vec::new() };
        let key = DocKey::from_uri(&text.uri);
        views.insert(key.clone(), View { text: text.clone(), same: false });
        let mut tell = Vec::new();
        match self.open.get(&key) {
            Some(open) if open.owner != Owner::Agent(agent) => {}
            already => {
                tell.extend(already.map(|open| Tell::Server(close(&open.text.uri))));
                tell.push(Tell::Server(open_message(&text)));
                self.opened(key.clone(), Owner::Agent(agent), text);
            }
        }
        tell.extend(self.compare(&key));
        tell
    }

    /// An agent changes one; `body` is its message.
    pub fn agent_changes(&mut self, agent: Agent, params: &Value, body: &[u8]) -> Vec<Tell> {
        let key = key(params);
        let Some(view) = self.views.get_mut(&agent).and_then(|views| views.get_mut(&key)) else { return Vec::new() };
        view.text.change(params, self.encoding);
        view.same = false;
        let mut tell = Vec::new();
        if let Some(open) = self.open.get_mut(&key).filter(|open| open.owner == Owner::Agent(agent)) {
            open.text = view.text.clone();
            tell.push(Tell::Server(body.to_vec()));
        }
        tell.extend(self.compare(&key));
        tell
    }

    /// An agent closes one.
    pub fn agent_closes(&mut self, agent: Agent, params: &Value) -> Vec<Tell> {
        let key = key(params);
        let had = self.views.get_mut(&agent).and_then(|views| views.remove(&key)).is_some();
        if had { self.given_up(&key, agent) } else { Vec::new() }
    }

    /// Whether what an agent asks or tells about a document concerns a text that is its own at the server.
    pub fn is_agents(&self, agent: Agent, params: &Value) -> bool {
        self.open.get(&key(params)).is_some_and(|open| open.owner == Owner::Agent(agent))
    }

    /// Whether the server has another text of a document than an agent believes; none where it believes nothing.
    pub fn differs(&self, agent: Agent, params: &Value) -> Option<bool> {
        let key = key(params);
        self.views.get(&agent)?.get(&key).map(|view| !view.same)
    }

    /// The version that the server has of a document.
    pub fn version(&self, params: &Value) -> Option<i64> {
        self.open.get(&key(params)).map(|open| open.text.version)
    }

    /// The server has published diagnostics.
    pub fn published(&mut self, params: Value) -> Vec<Tell> {
        let Some(uri) = params["uri"].as_str() else { return Vec::new() };
        let key = DocKey::from_uri(uri);
        let version = params["version"].as_i64();
        let tell = self.views.keys().filter_map(|agent| self.told(*agent, &key, &params, version)).collect();
        if params["diagnostics"].as_array().is_some_and(Vec::is_empty) && !self.open.contains_key(&key) {
            self.published.remove(&key);
        } else if self.published.len() < KEPT || self.published.contains_key(&key) {
            self.published.insert(key, Published { params, version });
        }
        tell
    }

    /// What the editor has open.
    pub fn of_editor(&self) -> Value {
        let open = self.open.values().filter(|open| open.owner == Owner::Editor).map(|open| &open.text);
        open.map(|text| {
            let whole = text.text.as_ref().map(Rope::to_string);
            json!({ "uri": text.uri, "languageId": text.language, "version": text.version, "text": whole })
        })
        .collect()
    }

    fn opened(&mut self, key: DocKey, owner: Owner, text: Text) {
        // Another one counts the versions now.
        if let Some(published) = self.published.get_mut(&key) {
            published.version = None;
        }
        self.open.insert(key.clone(), Open { owner, text });
    }

    /// A document is not open at the server any more, unless an agent wants it.
    fn closed(&mut self, key: &DocKey) -> Vec<Tell> {
        self.open.remove(key);
        let next =
            self.views.iter().filter_map(|(agent, views)| Some((*agent, views.get(key)?))).find(|(_, view)| view.text.text.is_some());
        let Some((agent, text)) = next.map(|(agent, view)| (agent, view.text.clone())) else { return Vec::new() };
        let mut tell = vec![Tell::Server(open_message(&text))];
        self.opened(key.clone(), Owner::Agent(agent), text);
        tell.extend(self.compare(key));
        tell
    }

    fn given_up(&mut self, key: &DocKey, agent: Agent) -> Vec<Tell> {
        let Some(open) = self.open.get(key).filter(|open| open.owner == Owner::Agent(agent)) else { return Vec::new() };
        let mut tell = vec![Tell::Server(close(&open.text.uri))];
        tell.extend(self.closed(key));
        tell
    }

    /// Tells the agents whether the server has what they believe, where that is news; and then what the server said of just this text.
    fn compare(&mut self, key: &DocKey) -> Vec<Tell> {
        let mut tell = Vec::new();
        let open = self.open.get(key).map(|open| &open.text);
        let mut news = Vec::new();
        for (agent, view) in self.views.iter_mut().filter_map(|(agent, views)| Some((*agent, views.get_mut(key)?))) {
            let same = view.text.text.is_some() && open.is_some_and(|open| open.text == view.text.text);
            if same != view.same {
                view.same = same;
                news.push(agent);
                let params = json!({ "uri": view.text.uri, "version": view.text.version, "same": same });
                tell.push(Tell::Agent(agent, message::notification(SAME_TEXT, &params)));
            }
        }
        if let Some(published) = self.published.get(key).filter(|published| published.version.is_some()) {
            tell.extend(news.into_iter().filter_map(|agent| self.told(agent, key, &published.params, published.version)));
        }
        tell
    }

    /// What an agent is told of a publication: nothing while it believes another text than the one that was looked at.
    fn told(&self, agent: Agent, key: &DocKey, params: &Value, version: Option<i64>) -> Option<Tell> {
        let params = match self.views.get(&agent)?.get(key) {
            // The owner's versions are not this agent's, and it has no text that they could count.
            None => without_version(params),
            Some(view) if view.same && version.is_none() => params.clone(),
            Some(view) if view.same && version == self.open.get(key).map(|open| open.text.version) => {
                let mut params = params.clone();
                params["version"] = view.text.version.into();
                params
            }
            Some(_) => return None,
        };
        Some(Tell::Agent(agent, message::notification(PUBLISH, &params)))
    }
}

const PUBLISH: &str = "textDocument/publishDiagnostics";

impl Text {
    /// Of `didOpen`.
    fn opened(params: &Value) -> Option<Self> {
        let item = params.get("textDocument")?;
        Some(Self {
            uri: item["uri"].as_str()?.to_owned(),
            language: item["languageId"].as_str().unwrap_or_default().to_owned(),
            version: item["version"].as_i64().unwrap_or_default(),
            text: item["text"].as_str().map(Rope::from_str),
        })
    }

    /// By `didChange`.
    fn change(&mut self, params: &Value, encoding: Encoding) {
        self.version = params["textDocument"]["version"].as_i64().unwrap_or(self.version);
        let changed = self.text.take().and_then(|text| changed(text, &params["contentChanges"], encoding));
        // A whole text is known whatever was before.
        self.text = changed.or_else(|| {
            params["contentChanges"].as_array()?.last().filter(|last| last.get("range").is_none())?["text"].as_str().map(Rope::from_str)
        });
    }
}

fn changed(mut text: Rope, changes: &Value, encoding: Encoding) -> Option<Rope> {
    for change in changes.as_array()? {
        let with = change["text"].as_str()?;
        match change.get("range") {
            None | Some(Value::Null) => text = Rope::from_str(with),
            Some(range) => {
                let range = byte_range(&text, serde_json::from_value(range.clone()).ok()?, encoding);
                let (start, end) = (text.byte_to_char(range.start), text.byte_to_char(range.end));
                text.remove(start..end);
                text.insert(start, with);
            }
        }
    }
    Some(text)
}

fn key(params: &Value) -> DocKey {
    DocKey::from_uri(params["textDocument"]["uri"].as_str().unwrap_or_default())
}

fn without_version(params: &Value) -> Value {
    let mut params = params.clone();
    if let Some(params) = params.as_object_mut() {
        params.shift_remove("version");
    }
    params
}

fn close(uri: &str) -> Vec<u8> {
    message::notification("textDocument/didClose", &json!({ "textDocument": { "uri": uri } }))
}

fn open_message(text: &Text) -> Vec<u8> {
    let whole = text.text.as_ref().map(Rope::to_string).unwrap_or_default();
    let item = json!({ "uri": text.uri, "languageId": text.language, "version": text.version, "text": whole });
    message::notification("textDocument/didOpen", &json!({ "textDocument": item }))
}
