//! Sessions of a real editor with real language servers, said again with and without `interline proxy`.
//!
//! They were recorded from Neovim 0.11: all that it said to the server, one message a line, the project's folder as `<root>`. The first line holds its answers to
//! the server's requests.
//!
//! **Invariant:** each reply is the same, with the same id and in the same order; what servers tell unasked is compared as a set.

#![expect(clippy::expect_used, reason = "a test that cannot be set up fails with the reason")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use interline_tests::editors::{Desk, binary};
use serde_json::{Value, json};

const FILE: &str = "import os\nimport sys\n\n\ndef grüße(x: int) -> int:\n    return x\n\n\nprint(grüße(\"a\"),undefined )\n";

/// What a session brought.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    /// Whole replies, in the order in which they came.
    replies: Vec<Value>,
    /// The server's requests: methods.
    asked: BTreeSet<String>,
    /// What it told: all of it, but of diagnostics the last ones of each document.
    told: BTreeSet<String>,
    diagnostics: BTreeMap<String, Value>,
    /// How it ended.
    code: Option<i32>,
}

struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    answers: Value,
    heard: Heard,
}

impl Session {
    fn say(&mut self, message: &Value) {
        let mut message = message.clone();
        message["jsonrpc"] = "2.0".into();
        let body = message.to_string();
        // A server that has ended is found out by whoever reads.
        drop(write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| self.input.flush()));
    }

    /// Reads on: to the reply to this request, or to the end.
    fn hear(&mut self, until: Option<&Value>) {
        while let Some(message) = self.next() {
            let method = message["method"].as_str().unwrap_or_default().to_owned();
            match (message.get("id"), method.as_str()) {
                (Some(id), "") => {
                    let last = until == Some(id);
                    self.heard.replies.push(message);
                    if last {
                        return;
                    }
                }
                (Some(id), _) => {
                    let answer = json!({ "id": id, "result": self.answers[&method] });
                    self.say(&answer);
                    self.heard.asked.insert(method);
                }
                (None, "textDocument/publishDiagnostics") => {
                    let params = &message["params"];
                    self.heard.diagnostics.insert(params["uri"].to_string(), params["diagnostics"].clone());
                }
                // Its tokens are random.
                (None, "$/progress") => {}
                (None, _) => drop(self.heard.told.insert(message.to_string())),
            }
        }
        assert!(until.is_none(), "the server ended before its reply to {until:?}");
    }

    fn next(&mut self) -> Option<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() && length > 0 {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).ok()?;
        Some(serde_json::from_slice(&body).expect("JSON"))
    }
}

fn replay(desk: &Desk, recorded: &str, command: &[String]) -> Heard {
    let recorded = recorded.replace("<root>", &desk.at("project").display().to_string());
    let mut lines = recorded.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let answers = lines.next().expect("the answers")["answers"].clone();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(desk.at("project"))
        .env_clear()
        .envs(desk.environment())
        .env("XDG_RUNTIME_DIR", desk.at("tmp"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let (input, output) = (child.stdin.take().expect("its input"), BufReader::new(child.stdout.take().expect("its output")));
    let mut session = Session { child, input, output, answers, heard: Heard::default() };
    for message in lines {
        session.say(&message);
        if let Some(id) = message.get("id") {
            session.hear(Some(id));
        }
    }
    session.hear(None);
    session.heard.code = session.child.wait().expect("it ends").code();
    session.heard
}

fn check(recorded: &str, server: &[&str], replies: usize) {
    let desk = Desk::new();
    desk.write("project/a.py", FILE).write("project/pyproject.toml", "[project]\nname = \"small\"\nversion = \"0\"\n");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(".servers").join("bin").join(server[0]);
    assert!(program.exists(), "{} is missing: `cargo xtask servers` installs it", program.display());
    let mut command = vec![program.display().to_string()];
    command.extend(server[1..].iter().map(|&argument| argument.to_owned()));
    let without = replay(&desk, recorded, &command);
    let through = [&[binary().display().to_string(), "proxy".to_owned(), "--".to_owned()], &command[..]].concat();
    let with = replay(&desk, recorded, &through);
    assert_eq!((without.replies.len(), without.code), (replies, Some(0)), "{without:#?}");
    assert_eq!(with, without);
}

#[test]
fn real_ruff_says_the_same_to_neovim_with_and_without() {
    check(include_str!("recorded/neovim_ruff.jsonl"), &["ruff", "server"], 12);
}

#[test]
fn real_pyright_says_the_same_to_neovim_with_and_without() {
    check(include_str!("recorded/neovim_pyright.jsonl"), &["pyright-langserver", "--stdio"], 11);
}
