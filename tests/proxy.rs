//! `interline proxy`: an editor and its server through the real binary, and agents that share the server.
//!
//! Must not know how the proxy works inside.
//!
//! **Invariant:** what the editor gets through the proxy is, byte by byte, what it gets without.

#![expect(clippy::expect_used, reason = "a test that cannot be set up fails with the reason")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use interline_tests::editors::{Desk, binary};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// An editor that speaks to a server, through the proxy or not.
struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

fn server() -> &'static str {
    env!("CARGO_BIN_EXE_fake-language-server")
}

fn frame(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The next message of a stream, without lines that are no header.
fn next(stream: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() && length > 0 {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("JSON"))
}

impl Editor {
    fn start(desk: &Desk, command: &[&str]) -> Self {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .current_dir(desk.at("project"))
            .env_clear()
            .envs(desk.environment())
            .env("XDG_RUNTIME_DIR", desk.at("tmp"))
            .env("FAKE_SERVER_LOG", desk.at("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("its output")));
        Self { child, input, output }
    }

    fn proxied(desk: &Desk) -> Self {
        Self::start(desk, &[&binary().display().to_string(), "proxy", "--", server()])
    }

    /// One that has shaken hands.
    fn greeted(desk: &Desk) -> Self {
        let mut editor = Self::proxied(desk);
        let root = format!("file://{}", desk.at("project").display());
        editor.send(&json!({ "id": 1, "method": "initialize", "params": { "processId": std::process::id(), "rootUri": root } }));
        assert_eq!(editor.next()["id"], 1);
        editor
    }

    fn send(&mut self, message: &Value) {
        self.input.as_mut().expect("open").write_all(&frame(message)).expect("written");
    }

    fn next(&mut self) -> Value {
        next(&mut self.output).expect("a message")
    }

    fn ask(&mut self, id: impl Into<Value>, method: &str, params: Value) -> Value {
        self.send(&json!({ "id": id.into(), "method": method, "params": params }));
        self.next()
    }

    fn ends(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

fn registration(desk: &Desk) -> Option<PathBuf> {
    let files = std::fs::read_dir(desk.at("tmp/interline")).ok()?.flatten().map(|entry| entry.path());
    files.into_iter().find(|path| path.extension().is_some_and(|end| end == "json"))
}

fn wait_for<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An agent that shares the server.
struct Agent {
    stream: BufReader<UnixStream>,
}

impl Agent {
    fn attach(desk: &Desk, token: Option<&str>) -> Self {
        let file = wait_for(|| registration(desk));
        let registration: Value = serde_json::from_str(&std::fs::read_to_string(file).expect("readable")).expect("JSON");
        assert_eq!(registration["command"], json!([server()]));
        assert_eq!(registration["encoding"], "utf-8");
        let mut stream = UnixStream::connect(registration["socket"].as_str().expect("a path")).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let token = token.unwrap_or(registration["token"].as_str().expect("a token"));
        stream.write_all(format!("{token}\n").as_bytes()).expect("written");
        Self { stream: BufReader::new(stream) }
    }

    fn greeted(desk: &Desk) -> Self {
        let mut agent = Self::attach(desk, None);
        assert_eq!(agent.ask(0, "initialize", json!({}))["result"]["capabilities"]["hoverProvider"], true);
        agent
    }

    fn send(&mut self, message: &Value) {
        self.stream.get_mut().write_all(&frame(message)).expect("written");
    }

    fn next(&mut self) -> Option<Value> {
        next(&mut self.stream)
    }

    fn ask(&mut self, id: i64, method: &str, params: Value) -> Value {
        self.send(&json!({ "id": id, "method": method, "params": params }));
        self.next().expect("an answer")
    }
}

/// What an editor reads when it writes this, in parts of that size, and then closes its end.
fn recorded(desk: &Desk, command: &[&str], input: &[u8], step: usize) -> Vec<u8> {
    let mut editor = Editor::start(desk, command);
    let mut writer = editor.input.take().expect("open");
    let parts: Vec<Vec<u8>> = input.chunks(step).map(<[u8]>::to_vec).collect();
    let writing = std::thread::spawn(move || {
        for part in parts {
            writer.write_all(&part).and_then(|()| writer.flush()).expect("written");
        }
    });
    let mut output = Vec::new();
    editor.output.read_to_end(&mut output).expect("read");
    writing.join().expect("written");
    assert_eq!(editor.ends().code(), Some(0));
    output
}

#[test]
fn every_byte_is_as_without_it() {
    let desk = Desk::new();
    let say = |bytes: &str| frame(&json!({ "method": "test/say", "params": { "bytes": bytes } }));
    let with = |header: &str, body: &str| [header.replace("LENGTH", &body.len().to_string()).as_bytes(), body.as_bytes()].concat();
    let session = [
        frame(&json!({ "id": 1, "method": "initialize", "params": { "processId": null, "rootUri": null } })),
        with("content-length: LENGTH\nX-Odd:   1\n\n", "{\"id\": 2,  \"method\":\"m\",\"params\":[1.0]}"),
        b"\r\nno header at all\r\n".to_vec(),
        with(
            "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-length:LENGTH\r\n\r\n",
            "{\"id\":\"x\",\"method\":\"é\"}  ",
        ),
        say("Loading the project ...\nwarning: beware\r\n"),
        say("content-LENGTH:  2\r\nX-Odd: 2\r\n\r\n{}"),
        say("{ not a header\n\n\n"),
        say("Content-Length: 9\r\n\r\nnot JSON!"),
        frame(&json!({ "id": 3, "method": "test/large", "params": { "length": 10_000_000 } })),
        frame(&json!({ "id": 4, "method": "m", "params": { "text": "y".repeat(10_000_000) } })),
        say("the end without a line's end"),
        frame(&json!({ "id": 5, "method": "shutdown" })),
        frame(&json!({ "method": "exit" })),
    ];
    let session = session.concat();
    let proxy = binary().display().to_string();
    for step in [1000, usize::MAX] {
        let without = recorded(&desk, &[server()], &session, step);
        let with = recorded(&desk, &[&proxy, "proxy", "--", server()], &session, step);
        assert!(without.len() > 20_000_000 && with == without, "{} and {} bytes", without.len(), with.len());
        let log = desk.read("log");
        let half = log.len() / 2;
        assert!(log[..half] == log[half..], "the server was told something else");
        std::fs::remove_file(desk.at("log")).expect("removed");
    }
    // One that says what it is told, in parts of a byte.
    let small: Vec<u8> = [&session[..400], b"\n\nContent-Length: 2\r\n\r\n{}Content-Length: 100\r\n\r\nthe end is missing"].concat();
    assert_eq!(recorded(&desk, &[&proxy, "proxy", "cat"], &small, 1), small);
}

#[test]
fn agents_and_the_editor_get_their_own_answers() {
    let desk = Desk::new();
    let mut editor = Editor::greeted(&desk);
    let (mut one, mut two) = (Agent::greeted(&desk), Agent::greeted(&desk));
    // The same ids on purpose, all at once, answered together.
    for id in 1..20 {
        let ask = |who: &str| json!({ "id": id, "method": "test/hold", "params": who });
        editor.send(&ask("editor"));
        one.send(&ask("one"));
        two.send(&ask("two"));
        assert_eq!(editor.ask(format!("interline-{id}"), "m", json!("e"))["result"], "e");
        assert_eq!(one.ask(100 + id, "m", json!("1"))["result"], "1");
        assert_eq!(two.ask(100 + id, "m", json!("2"))["result"], "2");
        editor.send(&json!({ "method": "test/release" }));
        for answer in [editor.next(), one.next().expect("an answer"), two.next().expect("an answer")] {
            assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": id, "result": "held" }));
        }
    }
}

#[test]
fn documents_are_opened_once() {
    let desk = Desk::new();
    let mut editor = Editor::greeted(&desk);
    let mut agent = Agent::greeted(&desk);
    let open = |version: i64, text: &str| {
        let item = json!({ "uri": "file:///a", "languageId": "x", "version": version, "text": text });
        json!({ "method": "textDocument/didOpen", "params": { "textDocument": item } })
    };
    agent.send(&open(1, "agent"));
    assert_eq!(agent.next().expect("news")["params"]["same"], true);
    editor.send(&open(7, "editor"));
    assert_eq!(agent.next().expect("news")["params"]["same"], false);
    let documents = agent.ask(1, "interline/documents", Value::Null);
    assert_eq!(documents["result"][0]["text"], "editor");
    editor.ask(2, "m", Value::Null);
    let log = desk.read("log");
    let told: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let methods: Vec<&str> = told.iter().filter_map(|message| message["method"].as_str()?.strip_prefix("textDocument/")).collect();
    assert_eq!(methods, ["didOpen", "didClose", "didOpen"]);
}

#[test]
fn an_agent_that_dies_or_does_not_read_is_nothing_to_the_editor() {
    let desk = Desk::new();
    let mut editor = Editor::greeted(&desk);
    let mut dies = Agent::greeted(&desk);
    dies.send(&json!({ "id": 1, "method": "test/hold" }));
    assert_eq!(dies.ask(2, "m", json!(1))["result"], 1);
    drop(dies);
    let log = || desk.read("log").lines().filter(|line| line.contains("$/cancelRequest")).count();
    wait_for(|| (log() == 1).then_some(()));
    editor.send(&json!({ "method": "test/release" }));
    assert_eq!(editor.ask(2, "m", json!(2)), json!({ "jsonrpc": "2.0", "id": 2, "result": 2 }));
    // More than the proxy keeps for anybody.
    let _deaf = Agent::greeted(&desk);
    let body = json!({ "method": "window/logMessage", "params": { "message": "x".repeat(1 << 20) } }).to_string();
    let said = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    for _ in 0..50 {
        editor.send(&json!({ "method": "test/say", "params": { "bytes": said } }));
        assert_eq!(editor.next()["method"], "window/logMessage");
    }
    assert_eq!(editor.ask(3, "m", json!(3))["result"], 3);
}

#[test]
fn who_does_not_know_the_token_is_not_let_in() {
    let desk = Desk::new();
    let mut editor = Editor::greeted(&desk);
    let mut stranger = Agent::attach(&desk, Some("wrong"));
    assert_eq!(stranger.next(), None);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: PathBuf| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(desk.at("tmp/interline")), mode(wait_for(|| registration(&desk)))), (0o700, 0o600));
    assert_eq!(editor.ask(2, "m", json!(2))["result"], 2);
    assert_eq!(editor.ask(3, "shutdown", Value::Null)["id"], 3);
    wait_for(|| registration(&desk).is_none().then_some(()));
    editor.send(&json!({ "method": "exit" }));
    assert_eq!(editor.ends().code(), Some(0));
}

#[test]
fn the_servers_end_is_the_proxys() {
    let desk = Desk::new();
    let mut editor = Editor::greeted(&desk);
    let mut agent = Agent::greeted(&desk);
    editor.send(&json!({ "method": "test/die", "params": { "code": 42 } }));
    assert_eq!(next(&mut editor.output), None);
    assert_eq!(agent.next(), None);
    assert_eq!(editor.ends().code(), Some(42));
    assert_eq!(registration(&desk), None);
    let proxy = binary().display().to_string();
    assert_eq!(Editor::start(&desk, &[&proxy, "proxy", "--", "sh", "-c", "kill -9 $$"]).ends().code(), Some(137));
    assert_eq!(Editor::start(&desk, &[&proxy, "proxy", "--", "no-such-server"]).ends().code(), Some(127));
}

#[test]
fn the_editors_end_is_the_servers() {
    let desk = Desk::new();
    let proxy = binary().display().to_string();
    let mut editor = Editor::greeted(&desk);
    drop(editor.input.take());
    assert_eq!(editor.ends().code(), Some(0));
    // Signals pass; what the server started ends with it.
    let script = "trap 'echo caught; exit 7' TERM; sleep 1000 & echo $!; wait";
    let mut editor = Editor::start(&desk, &[&proxy, "proxy", "--", "sh", "-c", script]);
    let mut line = String::new();
    editor.output.read_line(&mut line).expect("read");
    let status = Command::new("kill").args(["-TERM", &editor.child.id().to_string()]).status().expect("kill");
    assert!(status.success());
    let mut rest = String::new();
    editor.output.read_to_string(&mut rest).expect("read");
    let status = editor.ends();
    assert_eq!((rest.as_str(), status.code(), status.signal()), ("caught\n", Some(7), None));
    let gone = || !std::path::Path::new(&format!("/proc/{}", line.trim())).exists();
    wait_for(|| (gone() || cfg!(not(target_os = "linux"))).then_some(()));
}
