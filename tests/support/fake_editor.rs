//! An editor without a screen: a real LSP client over real pipes, with documents, versions and an undo stack.
//!
//! Must not look into the server, nor share code with it.
//!
//! **Invariant:** whatever a correct server must never do, and any message to the user that the test has not taken, fails the test when the editor is
//! dropped.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use crate::editors::{Desk, binary};
pub use text::Doc;
use text::Spans;

mod answers;
mod text;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which real editor it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Helix: refuses stale edits and says so; `didChange` goes out before the reply.
    Strict,
    /// Neovim: skips stale edits and says that they were applied.
    Lenient,
    /// VS Code: utf-16 only, checks versions, `didChange` goes out after the reply.
    Late,
    /// With our plugin.
    Plugin,
}

/// What the test does when an edit comes, before it is looked at.
pub type OnApply = Box<dyn FnMut(&FakeEditor) + Send>;

/// The editor.
pub struct FakeEditor {
    child: Mutex<Child>,
    shared: Arc<Shared>,
    root: PathBuf,
    mode: Mode,
    owner: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    wire: Mutex<Option<ChildStdin>>,
    on_apply: Mutex<Option<OnApply>>,
    stderr: Mutex<String>,
}

#[derive(Default)]
struct State {
    encoding: String,
    docs: BTreeMap<String, Doc>,
    next_id: i64,
    waiting: HashSet<i64>,
    replies: HashMap<i64, Value>,
    /// `window/showMessage` that the test has not taken.
    messages: Vec<String>,
    diagnostics: HashMap<String, Value>,
    tokens: HashSet<String>,
    running: HashSet<String>,
    begun: usize,
    applied: Vec<(Value, bool)>,
    /// What it is asked to show is opened by the test, when it likes.
    slow_to_show: bool,
    events: Vec<Value>,
    violations: Vec<String>,
    /// didChange messages that go out after the reply.
    held: Vec<Value>,
    /// The reply to `initialize` has come.
    initialized: bool,
    ended: bool,
}

impl FakeEditor {
    /// Starts the server in the desk's project, and initializes it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(desk: &Desk, mode: Mode) -> Self {
        let encodings: &[&str] = match mode {
            Mode::Late => &["utf-16"],
            _ => &["utf-8", "utf-32", "utf-16"],
        };
        let editor = Self::spawn(desk, mode);
        editor.initialize(encodings, std::process::id());
        editor
    }

    /// Starts the server and says nothing yet.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn spawn(desk: &Desk, mode: Mode) -> Self {
        let root = desk.at("project");
        let mut child = Command::new(binary())
            .current_dir(&root)
            .env_clear()
            .envs(desk.environment())
            // Else how many heaps the C library makes, and which of them a thread takes, is chance, and each stays as large as it once was.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("interline starts");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut errors = child.stderr.take().expect("its errors");
        let shared = Arc::new(Shared {
            state: Mutex::new(State { encoding: "utf-16".into(), ..State::default() }),
            changed: Condvar::new(),
            wire: Mutex::new(child.stdin.take()),
            on_apply: Mutex::new(None),
            stderr: Mutex::default(),
        });
        let editor = Self { child: Mutex::new(child), shared: shared.clone(), root: root.clone(), mode, owner: true };
        let reader = editor.part();
        std::thread::spawn(move || reader.read(output));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut buffer) {
                lock(&shared.stderr).push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        editor
    }

    /// The same editor for another thread; it checks nothing when dropped.
    fn part(&self) -> Self {
        // A process that has ended already stands in for the child, which only the owner waits for.
        let child = Command::new("true").stdin(Stdio::null()).spawn().expect("true");
        Self { child: Mutex::new(child), shared: self.shared.clone(), root: self.root.clone(), mode: self.mode, owner: false }
    }

    /// `initialize` and `initialized`.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn initialize(&self, encodings: &[&str], process: u32) -> Value {
        let uri = self.uri("");
        let mut capabilities = json!({
            "workspace": { "applyEdit": true, "workspaceEdit": { "documentChanges": true, "resourceOperations": ["create", "rename", "delete"] } },
            "textDocument": { "synchronization": { "didSave": true }, "publishDiagnostics": { "versionSupport": true } },
            "window": { "workDoneProgress": true, "showDocument": { "support": true } },
            "general": { "positionEncodings": encodings },
        });
        if self.mode != Mode::Strict {
            capabilities["window"]["showMessage"] = json!({ "messageActionItem": {} });
        }
        if self.mode == Mode::Plugin {
            capabilities["experimental"] = json!({ "interline": {} });
            capabilities["textDocument"]["codeLens"] = json!({});
        }
        let result = self.request(
            "initialize",
            json!({
                "processId": process, "clientInfo": { "name": format!("fake-{:?}", self.mode) }, "rootUri": uri,
                "workspaceFolders": [{ "uri": uri, "name": "project" }], "capabilities": capabilities,
            }),
        );
        let result = result.expect("initialize");
        let encoding = result["capabilities"]["positionEncoding"].as_str().unwrap_or("utf-16").to_owned();
        if encoding != "utf-16" && !encodings.contains(&encoding.as_str()) {
            self.complain(format!("{encoding} was not offered"));
        }
        self.state().encoding = encoding;
        self.notify("initialized", json!({}));
        result
    }

    /// The URI of a file of the project; a URI as it is.
    #[must_use]
    pub fn uri(&self, path: &str) -> String {
        if path.contains(':') {
            path.to_owned()
        } else {
            format!("file://{}", self.root.join(path).display()).trim_end_matches('/').to_owned()
        }
    }

    // ---------------------------------------------------------------------------------------- the wire

    /// Bytes as they are.
    ///
    /// # Panics
    /// If the input was closed.
    pub fn raw(&self, bytes: &[u8]) {
        let mut wire = lock(&self.shared.wire);
        let pipe = wire.as_mut().expect("the input was closed");
        // A server that has ended is found out by whoever waits for it.
        drop(pipe.write_all(bytes).and_then(|()| pipe.flush()));
    }

    fn write(&self, mut message: Value) {
        message["jsonrpc"] = json!("2.0");
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    /// Sends what is held back.
    fn flush(&self) {
        self.flush_held(&mut self.state());
    }

    /// The state stays locked while changes are written: they leave in the order in which they were made.
    fn flush_held(&self, state: &mut State) {
        for message in std::mem::take(&mut state.held) {
            self.write(message);
        }
    }

    /// A notification.
    pub fn notify(&self, method: &str, params: Value) {
        self.flush();
        self.write(json!({ "method": method, "params": params }));
    }

    /// Begins a request; its id. To be finished by `finish`.
    #[must_use]
    pub fn begin(&self, method: &str, params: Value) -> i64 {
        self.flush();
        let mut state = self.state();
        state.next_id += 1;
        let id = state.next_id;
        state.waiting.insert(id);
        drop(state);
        self.write(json!({ "id": id, "method": method, "params": params }));
        id
    }

    /// The result of a request, or its error object.
    ///
    /// # Errors
    /// What the server answered.
    ///
    /// # Panics
    /// If no reply comes.
    pub fn finish(&self, id: i64) -> Result<Value, Value> {
        let mut state = self.wait(&format!("the reply to request {id}"), |state| state.replies.contains_key(&id));
        let mut reply = state.replies.remove(&id).expect("the reply");
        match reply.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(reply["result"].take()),
        }
    }

    /// Asks and waits.
    ///
    /// # Errors
    /// What the server answered.
    pub fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.begin(method, params);
        self.finish(id)
    }

    /// `workspace/executeCommand`.
    ///
    /// # Errors
    /// What the server answered.
    pub fn command(&self, name: &str, argument: Value) -> Result<Value, Value> {
        let arguments = if argument.is_null() { json!([]) } else { json!([argument]) };
        self.request("workspace/executeCommand", json!({ "command": name, "arguments": arguments }))
    }

    /// Asks the agent, and waits until its turn has ended.
    ///
    /// # Panics
    /// If it does not start or end.
    pub fn ask(&self, text: &str) {
        let before = self.state().begun;
        self.command("interline.ask", json!({ "text": text })).expect("the question is taken");
        self.idle_after(before);
    }

    /// How many turns have begun.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.state().begun
    }

    /// Waits until a turn's progress is shown; its token.
    #[must_use]
    pub fn wait_progress(&self) -> String {
        self.wait("a progress", |state| !state.running.is_empty()).running.iter().next().cloned().unwrap_or_default()
    }

    /// Waits until more turns than `before` have begun, and none runs.
    pub fn idle_after(&self, before: usize) {
        drop(self.wait("the turn's progress to end", |state| state.begun > before && state.running.is_empty()));
        self.flush();
    }

    // ---------------------------------------------------------------------------------------- documents

    /// Opens a file, with the disk's text or another.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn open(&self, path: &str, text: Option<&str>) {
        self.open_as(path, text, false);
    }

    fn open_as(&self, path: &str, text: Option<&str>, hidden: bool) {
        let uri = self.uri(path);
        let text = text.map_or_else(|| std::fs::read_to_string(self.root.join(path)).expect("the file"), str::to_owned);
        let doc = Doc { uri: uri.clone(), text: text.clone(), version: 0, hidden, undo: Vec::new() };
        let document = json!({ "uri": uri, "languageId": "text", "version": 0, "text": text });
        // Told before any other thread can see it open: what that sends must come after it, as from an editor's one thread.
        let mut state = self.state();
        state.docs.insert(uri, doc);
        self.flush_held(&mut state);
        self.write(json!({ "method": "textDocument/didOpen", "params": { "textDocument": document } }));
    }

    /// Closes a document.
    pub fn close(&self, path: &str) {
        let uri = self.uri(path);
        let mut state = self.state();
        state.docs.remove(&uri);
        self.flush_held(&mut state);
        self.write(json!({ "method": "textDocument/didClose", "params": { "textDocument": { "uri": uri } } }));
    }

    /// Writes a document to the disk.
    ///
    /// # Panics
    /// If that fails.
    pub fn save(&self, path: &str) {
        let uri = self.uri(path);
        // No edit comes between the text that is written and the word that it was.
        let mut state = self.state();
        let doc = state.docs.get(&uri).unwrap_or_else(|| panic!("{path} is not open"));
        std::fs::write(self.root.join(path), &doc.text).expect("the file is written");
        self.flush_held(&mut state);
        self.write(json!({ "method": "textDocument/didSave", "params": { "textDocument": { "uri": uri } } }));
    }

    /// Whether a document is open.
    #[must_use]
    pub fn is_open(&self, path: &str) -> bool {
        self.state().docs.contains_key(&self.uri(path))
    }

    /// A document as it is now.
    ///
    /// # Panics
    /// If it is not open.
    #[must_use]
    pub fn doc(&self, path: &str) -> Doc {
        self.state().docs.get(&self.uri(path)).unwrap_or_else(|| panic!("{path} is not open")).clone()
    }

    /// Its text.
    #[must_use]
    pub fn text(&self, path: &str) -> String {
        self.doc(path).text
    }

    /// Waits until a document holds this text.
    pub fn wait_text(&self, path: &str, text: &str) {
        let uri = self.uri(path);
        drop(self.wait(&format!("{path} to hold {text:?}"), |state| state.docs.get(&uri).is_some_and(|doc| doc.text == text)));
    }

    /// Waits until a document holds a piece of text.
    pub fn wait_holds(&self, path: &str, piece: &str) {
        let uri = self.uri(path);
        drop(self.wait(&format!("{path} to hold {piece:?}"), |state| state.docs.get(&uri).is_some_and(|doc| doc.text.contains(piece))));
    }

    /// The user replaces the first `old`.
    ///
    /// # Panics
    /// If it is not there.
    pub fn replace(&self, path: &str, old: &str, new: &str) {
        let mut state = self.state();
        let doc = state.docs.get(&self.uri(path)).unwrap_or_else(|| panic!("{path} is not open"));
        let at = doc.text.find(old).unwrap_or_else(|| panic!("no {old:?} in {path}"));
        let spans = vec![(at, at + old.len(), new.to_owned())];
        let message = change(&mut state, &self.uri(path), &spans, false);
        self.flush_held(&mut state);
        self.write(message);
    }

    /// The user types at a document's end.
    ///
    /// # Panics
    /// If it is not open.
    pub fn type_at_end(&self, path: &str, words: &str) {
        let mut state = self.state();
        let end = state.docs.get(&self.uri(path)).unwrap_or_else(|| panic!("{path} is not open")).text.len();
        let message = change(&mut state, &self.uri(path), &vec![(end, end, words.to_owned())], false);
        self.flush_held(&mut state);
        self.write(message);
    }

    /// The editor's own undo.
    ///
    /// # Panics
    /// If there is nothing to undo.
    pub fn undo(&self, path: &str) {
        let uri = self.uri(path);
        let mut state = self.state();
        let doc = state.docs.get_mut(&uri).unwrap_or_else(|| panic!("{path} is not open"));
        let (before, _) = doc.undo.pop().unwrap_or_else(|| panic!("nothing to undo in {path}"));
        let spans = vec![(0, doc.text.len(), before)];
        let message = change(&mut state, &uri, &spans, false);
        if let Some(doc) = state.docs.get_mut(&uri) {
            doc.undo.pop();
        }
        self.flush_held(&mut state);
        self.write(message);
    }

    /// Does something each time an edit arrives, before it is looked at.
    pub fn on_apply(&self, hook: impl FnMut(&FakeEditor) + Send + 'static) {
        *lock(&self.shared.on_apply) = Some(Box::new(hook));
    }

    /// All edits that came, and whether this editor says that it applied them.
    #[must_use]
    pub fn applied(&self) -> Vec<(Value, bool)> {
        self.state().applied.clone()
    }

    /// Our diagnostics of a document.
    #[must_use]
    pub fn diagnostics(&self, path: &str) -> Vec<Value> {
        self.state().diagnostics.get(&self.uri(path)).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Waits for diagnostics with this code, anywhere; the first document's URI, and the diagnostic.
    #[must_use]
    pub fn wait_diagnostic(&self, code: &str) -> (String, Value) {
        let find = |state: &State| {
            let mut all = state.diagnostics.iter().flat_map(|(uri, list)| list.as_array().into_iter().flatten().map(move |d| (uri, d)));
            all.find(|(_, d)| d["code"] == code).map(|(uri, d)| (uri.clone(), d.clone()))
        };
        let state = self.wait(&format!("a diagnostic {code}"), |state| find(state).is_some());
        find(&state).expect("the diagnostic")
    }

    /// Waits until our diagnostics with this code in a document begin on just these lines.
    pub fn wait_marks(&self, path: &str, code: &str, lines: &[u64]) {
        let uri = self.uri(path);
        let marked = |state: &State| {
            let all = state.diagnostics.get(&uri).and_then(Value::as_array).cloned().unwrap_or_default();
            let mut found: Vec<_> = all.iter().filter(|d| d["code"] == code).map(|d| d["range"]["start"]["line"].as_u64()).collect();
            found.sort_unstable();
            found
        };
        let want: Vec<_> = lines.iter().copied().map(Some).collect();
        drop(self.wait(&format!("{code} marks of {path} on lines {lines:?}"), |state| marked(state) == want));
    }

    /// From now on it does not open what it is asked to show, though it says so: the test opens it.
    pub fn be_slow_to_show(&self) {
        self.state().slow_to_show = true;
    }

    /// Takes the messages that the user was shown so far. Those that nobody takes fail the test.
    #[must_use]
    pub fn take_messages(&self) -> Vec<String> {
        std::mem::take(&mut self.state().messages)
    }

    /// Waits for a message to the user, and takes it.
    #[must_use]
    pub fn wait_message(&self) -> String {
        self.wait("a message", |state| !state.messages.is_empty()).messages.remove(0)
    }

    /// The plugin's events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.state().events.clone()
    }

    /// Waits for the plugin's next event of a type; its properties. It and those before it are taken.
    #[must_use]
    pub fn next_event(&self, kind: &str) -> Value {
        let find = |state: &State| state.events.iter().position(|event| event["event"]["type"] == kind);
        let mut state = self.wait(&format!("an event {kind}"), |state| find(state).is_some());
        let at = find(&state).unwrap_or_default();
        state.events.drain(..=at).next_back().map(|mut event| event["event"]["properties"].take()).unwrap_or_default()
    }

    // ---------------------------------------------------------------------------------------- the end

    /// The input ends.
    pub fn end_input(&self) {
        lock(&self.shared.wire).take();
    }

    /// `shutdown` and `exit`; the exit code.
    ///
    /// # Panics
    /// If the server refuses, or stays.
    pub fn shut_down(&self) -> i32 {
        assert_eq!(self.request("shutdown", Value::Null), Ok(Value::Null));
        self.notify("exit", Value::Null);
        self.exit_code()
    }

    /// Waits for the server to end. A second is what it may take.
    ///
    /// # Panics
    /// If it stays, or was killed by a signal.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        drop(self.wait("the server to end", |state| state.ended));
        let status = lock(&self.child).wait().expect("the server's end");
        status.code().unwrap_or_else(|| panic!("{status}"))
    }

    /// `kill -9`. What the server was about to say, and what it was asked, does not count any more.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn kill(&self) {
        let mut child = lock(&self.child);
        child.kill().and_then(|()| child.wait()).expect("it is killed");
        drop(child);
        let mut state = self.wait("the server's end", |state| state.ended);
        state.violations.clear();
        state.messages.clear();
        state.replies.clear();
    }

    /// Waits until that many of the plugin's events have come that nobody took, or one of that type.
    pub fn wait_events(&self, count: usize, kind: &str) {
        let came = |state: &State| state.events.len() >= count || state.events.iter().any(|event| event["event"]["type"] == kind);
        drop(self.wait("events", came));
    }

    /// The process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        lock(&self.child).id()
    }

    /// The server's own memory in KiB, without its program's pages; 0 where the system does not tell.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }

    /// What it has said on stderr.
    #[must_use]
    pub fn stderr(&self) -> String {
        lock(&self.shared.stderr).clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    fn complain(&self, why: impl Into<String>) {
        self.state().violations.push(why.into());
    }

    fn wait(&self, what: &str, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.shared.changed.wait_timeout_while(self.state(), PATIENCE, |state| !done(state) && !state.ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(
            done(&state),
            "waited in vain for {what}; the server has {}; stderr: {}",
            if state.ended { "ended" } else { "not ended" },
            self.stderr()
        );
        state
    }
}

/// The one way in which a document changes; the didChange to send.
fn change(state: &mut State, uri: &str, spans: &Spans, server: bool) -> Value {
    let encoding = state.encoding.clone();
    let Some(doc) = state.docs.get_mut(uri) else { return Value::Null };
    let changes = text::content_changes(&doc.text, spans, &encoding);
    let new = text::replaced(&doc.text, spans);
    doc.undo.push((std::mem::replace(&mut doc.text, new), server));
    doc.version += 1;
    json!({ "method": "textDocument/didChange", "params": { "textDocument": { "uri": uri, "version": doc.version }, "contentChanges": changes } })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for FakeEditor {
    fn drop(&mut self) {
        if !self.owner {
            // Reaps the stand-in.
            drop(lock(&self.child).wait());
            return;
        }
        self.end_input();
        let _ = self.shared.changed.wait_timeout_while(self.state(), Duration::from_secs(3), |state| !state.ended);
        let mut child = lock(&self.child);
        drop(child.kill());
        drop(child.wait());
        drop(child);
        if std::thread::panicking() {
            return;
        }
        let state = self.state();
        assert!(state.violations.is_empty(), "the server broke the rules: {:#?}", state.violations);
        assert!(state.messages.is_empty(), "messages that the test has not taken: {:#?}", state.messages);
        let unread: Vec<_> = state.replies.keys().collect();
        assert!(unread.is_empty(), "replies that the test has not read: {unread:?}");
        drop(state);
        let stderr = self.stderr();
        assert!(!stderr.contains("panicked at"), "a panic: {stderr}");
    }
}

impl FakeEditor {
    fn read(&self, mut output: BufReader<impl Read>) {
        while let Some(body) = self.frame(&mut output) {
            match serde_json::from_slice::<Value>(&body) {
                Ok(message) => self.take(&message),
                Err(error) => self.complain(format!("a frame that is not JSON: {error}")),
            }
            self.shared.changed.notify_all();
        }
        self.state().ended = true;
        self.shared.changed.notify_all();
    }

    fn frame(&self, output: &mut impl BufRead) -> Option<Vec<u8>> {
        let mut length = None;
        loop {
            let mut line = String::new();
            if output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match (line.as_str(), line.to_ascii_lowercase().strip_prefix("content-length: ").map(|n| n.trim().parse::<usize>())) {
                ("\r\n", _) if length.is_some() => break,
                (_, Some(Ok(n))) => length = Some(n),
                _ => self.complain(format!("not LSP on stdout: {line:?}")),
            }
        }
        let mut body = vec![0; length?];
        output.read_exact(&mut body).ok()?;
        Some(body)
    }
}
