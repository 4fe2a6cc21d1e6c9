//! The demo's editor: a small but honest LSP client over real pipes, with one code buffer and the chat.
//!
//! **Invariant:** it applies what the server sends and nothing else, checks versions, and says so when the server is gone.

use std::collections::HashMap;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use ropey::Rope;
use serde_json::{Value, json};

use super::project::Project;
use super::{myself, uri};
use crate::lsp::positions::{self, Encoding};

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something cannot be made or started.
    #[error("{what}: {source}")]
    Start {
        /// What.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server is gone or silent.
    #[error("the server {0}")]
    Server(String),
    /// The story took another turn.
    #[error("{0}")]
    Story(String),
}

/// What the editor sees.
pub enum Seen {
    /// A prompt, with its code actions.
    Prompt {
        /// Its message.
        title: String,
        /// Its answers.
        actions: Vec<Value>,
    },
    /// The code buffer was changed by the server.
    Edit {
        /// Before.
        before: String,
        /// After.
        after: String,
    },
    /// The turn goes on.
    Progress(String),
    /// New words in the chat.
    Chat(String),
    /// The turn is over.
    TurnEnded,
}

/// The editor.
pub struct Editor {
    server: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    buffers: HashMap<String, (i64, Rope)>,
    code: String,
    chat: String,
    next_id: i64,
    seen: std::collections::VecDeque<Seen>,
    prompts: Vec<String>,
    chat_shown: usize,
    replies: HashMap<i64, Value>,
}

impl Editor {
    /// Starts this binary as the server of the project.
    pub fn start(project: &Project, config: &Value) -> Result<Self, DemoError> {
        let home = project.home();
        let mut command = Command::new(myself()?);
        command
            .current_dir(project.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env("INTERLINE_CONFIG_CONTENT", config.to_string());
        if config.get("provider").is_some() {
            // Nothing of the user's is read or written.
            for (name, folder) in [("HOME", ""), ("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")] {
                command.env(name, home.join(folder));
            }
            command.env_remove("INTERLINE_CONFIG");
        }
        let started = |source| DemoError::Start { what: "the server".into(), source };
        let mut server = command.spawn().map_err(started)?;
        let (Some(input), Some(output)) = (server.stdin.take(), server.stdout.take()) else {
            return Err(DemoError::Server("has no pipes".into()));
        };
        let (tx, messages) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(output);
            while let Some(message) = read(&mut reader) {
                if tx.send(message).is_err() {
                    return;
                }
            }
        });
        let chat = uri(&project.root().join(".interline/chat.md"));
        let mut editor = Self {
            server,
            input,
            messages,
            buffers: HashMap::new(),
            code: String::new(),
            chat,
            next_id: 0,
            seen: std::collections::VecDeque::new(),
            prompts: Vec::new(),
            chat_shown: 0,
            replies: HashMap::new(),
        };
        let root = uri(project.root());
        editor.request(
            "initialize",
            json!({"processId": std::process::id(), "clientInfo": {"name": "interline-demo"}, "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "shop"}],
                "capabilities": {"general": {"positionEncodings": ["utf-8"]}, "window": {"workDoneProgress": true, "showDocument": {"support": true}},
                    "workspace": {"applyEdit": true, "workspaceEdit": {"documentChanges": true}}}}),
        )?;
        editor.notify("initialized", json!({}))?;
        Ok(editor)
    }

    /// Opens the code buffer.
    pub fn open(&mut self, path: &Path) -> Result<(), DemoError> {
        self.code = uri(path);
        self.did_open(&self.code.clone(), path)
    }

    fn did_open(&mut self, uri: &str, path: &Path) -> Result<(), DemoError> {
        let text = std::fs::read_to_string(path).map_err(|source| DemoError::Start { what: path.display().to_string(), source })?;
        self.buffers.insert(uri.to_owned(), (1, Rope::from_str(&text)));
        self.notify("textDocument/didOpen", json!({"textDocument": {"uri": uri, "languageId": "shellscript", "version": 1, "text": text}}))
    }

    /// The code buffer's text.
    pub fn text(&self) -> String {
        self.buffers.get(&self.code).map_or_else(String::new, |(_, text)| text.to_string())
    }

    /// The user types at the beginning of a line.
    pub fn type_text(&mut self, text: &str, line: u32) -> Result<(), DemoError> {
        let code = self.code.clone();
        let at = json!({"line": line, "character": 0});
        self.change(&code, &[json!({"range": {"start": at, "end": at}, "newText": text})])
    }

    fn change(&mut self, uri: &str, edits: &[Value]) -> Result<(), DemoError> {
        let Some((version, text)) = self.buffers.get_mut(uri) else { return Err(DemoError::Story(format!("{uri} is not open"))) };
        let mut spans: Vec<_> =
            edits.iter().filter_map(|edit| Some((range(text, &edit["range"])?, edit["newText"].as_str()?.to_owned()))).collect();
        spans.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        for (span, new) in spans {
            let (start, end) = (text.byte_to_char(span.start), text.byte_to_char(span.end));
            text.remove(start..end);
            text.insert(start, &new);
        }
        *version += 1;
        let params = json!({"textDocument": {"uri": uri, "version": *version}, "contentChanges": [{"text": text.to_string()}]});
        self.notify("textDocument/didChange", params)
    }

    /// The code action with these words in its title, on a line that another server complains about.
    pub fn action(&mut self, line: &str, problem: &str, words: &str) -> Result<Value, DemoError> {
        let number = self.text().lines().position(|l| l == line).ok_or_else(|| DemoError::Story(format!("there is no line {line}")))?;
        let range = json!({"start": {"line": number, "character": 0}, "end": {"line": number, "character": line.len()}});
        let diagnostic = json!({"range": range, "severity": 1, "source": "linter", "message": problem});
        let actions = self.actions(&self.code.clone(), &range, &json!([diagnostic]))?;
        let found = actions.iter().find(|a| a["title"].as_str().is_some_and(|t| t.contains(words)));
        found.cloned().ok_or_else(|| DemoError::Story(format!("there is no code action to {words}")))
    }

    fn actions(&mut self, uri: &str, range: &Value, diagnostics: &Value) -> Result<Vec<Value>, DemoError> {
        let params = json!({"textDocument": {"uri": uri}, "range": range, "context": {"diagnostics": diagnostics}});
        Ok(self.request("textDocument/codeAction", params)?.as_array().cloned().unwrap_or_default())
    }

    /// Picks a code action.
    pub fn run_action(&mut self, action: &Value) -> Result<(), DemoError> {
        let command = &action["command"];
        self.request("workspace/executeCommand", json!({"command": command["command"], "arguments": command["arguments"]})).map(|_| ())
    }

    /// Takes the turn back, and waits until the buffer was changed.
    pub fn undo(&mut self) -> Result<(), DemoError> {
        self.seen.clear();
        self.request("workspace/executeCommand", json!({"command": "interline.undo"}))?;
        loop {
            if let Seen::Edit { .. } = self.next_event()? {
                return Ok(());
            }
        }
    }

    /// Quits as an editor does.
    pub fn quit(mut self) -> Result<(), DemoError> {
        self.request("shutdown", Value::Null)?;
        self.notify("exit", Value::Null)?;
        let status = self.server.wait().map_err(|source| DemoError::Start { what: "the server".into(), source })?;
        if status.success() { Ok(()) } else { Err(DemoError::Server(format!("ended with {status}"))) }
    }

    /// The next thing that the user would see.
    pub fn next_event(&mut self) -> Result<Seen, DemoError> {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return Ok(seen);
            }
            self.step()?;
        }
    }

    fn step(&mut self) -> Result<(), DemoError> {
        let message = match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return Err(DemoError::Server("said nothing for a minute".into())),
            Err(RecvTimeoutError::Disconnected) => return Err(DemoError::Server("has ended".into())),
        };
        let id = message.get("id").cloned();
        match (message["method"].as_str(), id) {
            (None, Some(id)) => {
                if let Some(id) = id.as_i64() {
                    self.replies.insert(id, message);
                }
                Ok(())
            }
            (Some(method), Some(id)) => {
                let result = self.asked(method, &message["params"])?;
                self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
            }
            (Some(method), None) => self.told(method, &message["params"]),
            (None, None) => Ok(()),
        }
    }

    /// Requests of the server.
    fn asked(&mut self, method: &str, params: &Value) -> Result<Value, DemoError> {
        match method {
            "workspace/applyEdit" => self.apply(params),
            "window/showDocument" => {
                if params["uri"] == self.chat.as_str() && !self.buffers.contains_key(&self.chat) {
                    let (chat, path) = (self.chat.clone(), workspace::DocKey::from_uri(&self.chat));
                    let path: PathBuf = path.path().map(Path::to_owned).unwrap_or_default();
                    self.did_open(&chat, &path)?;
                    self.chat_shown = self.buffers[&chat].1.len_bytes();
                }
                Ok(json!({"success": true}))
            }
            _ => Ok(Value::Null),
        }
    }

    fn apply(&mut self, params: &Value) -> Result<Value, DemoError> {
        for change in params["edit"]["documentChanges"].as_array().cloned().unwrap_or_default() {
            let uri = change["textDocument"]["uri"].as_str().unwrap_or_default().to_owned();
            let version = change["textDocument"]["version"].as_i64();
            let Some((held, text)) = self.buffers.get(&uri) else { return Ok(json!({"applied": false, "failureReason": "not open"})) };
            if version != Some(*held) {
                return Ok(json!({"applied": false, "failureReason": "document has changed"}));
            }
            let before = text.to_string();
            self.change(&uri, change["edits"].as_array().map_or(&[], Vec::as_slice))?;
            if uri == self.code {
                self.seen.push_back(Seen::Edit { before, after: self.text() });
            } else {
                self.new_words();
            }
        }
        Ok(json!({"applied": true}))
    }

    /// What the chat says anew, of the agent's.
    fn new_words(&mut self) {
        let Some((_, text)) = self.buffers.get(&self.chat) else { return };
        let text = text.to_string();
        let answer = text.rfind("## Interline").map_or(0, |at| at + "## Interline".len());
        let end = text.rfind("\n## You").unwrap_or(text.len()).max(answer);
        let from = self.chat_shown.clamp(answer, end);
        let words = text[from..end].trim();
        if !words.is_empty() && !words.starts_with("## You") {
            self.seen.push_back(Seen::Chat(words.to_owned()));
        }
        self.chat_shown = text[..end].trim_end().len();
    }

    /// Notifications of the server.
    fn told(&mut self, method: &str, params: &Value) -> Result<(), DemoError> {
        match method {
            "textDocument/publishDiagnostics" if params["uri"] == self.code.as_str() => {
                for diagnostic in params["diagnostics"].as_array().cloned().unwrap_or_default() {
                    let id = diagnostic["data"]["id"].as_str().unwrap_or_default().to_owned();
                    if diagnostic["code"] == "permission" && !self.prompts.contains(&id) {
                        self.prompts.push(id.clone());
                        let all = self.actions(&self.code.clone(), &diagnostic["range"], &json!([diagnostic]))?;
                        let actions = all.into_iter().filter(|a| a["command"]["arguments"][0]["id"] == id.as_str()).collect();
                        let title = diagnostic["message"].as_str().unwrap_or_default().to_owned();
                        self.seen.push_back(Seen::Prompt { title, actions });
                    }
                }
            }
            "$/progress" => match params["value"]["kind"].as_str() {
                Some("report") => self.seen.push_back(Seen::Progress(params["value"]["message"].as_str().unwrap_or_default().to_owned())),
                Some("end") => self.seen.push_back(Seen::TurnEnded),
                _ => {}
            },
            "window/showMessage" if params["type"] == 1 => {
                return Err(DemoError::Server(format!("says: {}", params["message"].as_str().unwrap_or_default())));
            }
            _ => {}
        }
        Ok(())
    }

    fn request(&mut self, method: &str, params: Value) -> Result<Value, DemoError> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        loop {
            if let Some(reply) = self.replies.remove(&id) {
                return match reply.get("error") {
                    Some(error) => Err(DemoError::Server(format!("refused {method}: {}", error["message"]))),
                    None => Ok(reply["result"].clone()),
                };
            }
            self.step()?;
        }
    }

    fn notify(&mut self, method: &str, params: Value) -> Result<(), DemoError> {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
    }

    fn send(&mut self, message: &Value) -> Result<(), DemoError> {
        let body = message.to_string();
        let sent = write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| self.input.flush());
        sent.map_err(|error| DemoError::Server(format!("is gone ({error})")))
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn range(text: &Rope, value: &Value) -> Option<std::ops::Range<usize>> {
    let range: lsp_types::Range = serde_json::from_value(value.clone()).ok()?;
    Some(positions::byte_range(text, range, Encoding::Utf8))
}

fn read(reader: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
