//! What the agent learns from an editor that tells what it shows, and from real language servers, in a long session.
//!
//! Must not know how diagnostics are compared.
//!
//! **Invariant:** what is asserted is what the model is told, and what a server is told.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

/// A desk with a file of three lines, where everything is allowed, and one language server.
fn desk(model: &ScriptedModel, lsp: &Value) -> Desk {
    let desk = Desk::with_model(model, &json!("allow"));
    let mut config: Value = serde_json::from_str(&desk.read("interline.json")).expect("JSON");
    config["lsp"] = lsp.clone();
    desk.write("interline.json", &config.to_string());
    desk.write("project/a.txt", "one\ntwo\nthree\n");
    desk
}

fn edit(desk: &Desk, file: &str, old: &str, new: &str) -> Reply {
    Reply::Call("edit", json!({ "filePath": desk.at("project").join(file), "oldString": old, "newString": new }))
}

fn error(source: &str, line: u32, message: &str) -> Value {
    let at = |character: u32| json!({ "line": line, "character": character });
    json!({ "range": { "start": at(0), "end": at(1) }, "severity": 1, "source": source, "message": message })
}

fn push(editor: &FakeEditor, path: &str, version: i64, items: &[Value]) {
    editor.notify("interline/diagnostics", json!({ "uri": editor.uri(path), "version": version, "items": items }));
}

/// What the model was told last.
fn last(model: &ScriptedModel, request: usize) -> String {
    let messages = model.request(request);
    messages.as_array().and_then(|all| all.last()).map(|message| message["content"].to_string()).unwrap_or_default()
}

#[test]
fn what_the_plugin_tells_of_the_new_text_is_told_to_the_model() {
    for (version, expect) in [(1, true), (0, false)] {
        let model = ScriptedModel::start();
        let desk = desk(&model, &json!(false));
        let editor = FakeEditor::start(&desk, Mode::Plugin);
        editor.open("a.txt", None);
        let old = error("x", 0, "it was there");
        push(&editor, "a.txt", 0, &[old.clone(), error("interline", 1, "a mark of ours")]);
        // It is said of the version that the edit makes, or of the one before.
        editor.on_apply(move |editor| push(editor, "a.txt", version, &[old.clone(), error("x", 1, "it is new")]));
        model.script([edit(&desk, "a.txt", "two", "TWO"), Reply::Text("Done."), Reply::Text("It stays.")]);
        editor.ask("Change it.");
        let told = last(&model, 2);
        let new = r"a.txt: introduced 1 error\n  ERROR [2:1] it is new (x)\neditor: fresh";
        assert_eq!((told.contains(new), told.contains("it was there")), (expect, false), "{told}");
        if expect {
            assert!(last(&model, 3).contains("Before you end your turn"));
        }
    }
}

/// A server of ours that complains, for `lsp` in the configuration.
fn complaining() -> Value {
    let server = env!("CARGO_BIN_EXE_fake-language-server");
    json!({ "fake": { "command": [server], "extensions": [".txt"], "env": { "FAKE_SERVER_COMPLAINS": "BROKEN" } } })
}

/// What our server says of a line, as the editor shows it: its own copy of that server has another name and tells a code besides.
fn same_by_the_editor(line: u32) -> Value {
    let at = |character: u32| json!({ "line": line, "character": character });
    json!({ "range": { "start": at(0), "end": at(6) }, "severity": 2, "source": "Linter", "code": 7, "message": "this looks wrong" })
}

#[test]
fn what_a_server_of_the_editors_finds_after_the_edit_is_told_to_the_model() {
    let unknown = r"a.txt: now has (whether it had them before your changes is not known)\n  ERROR [3:1] no-undef (eslint)";
    let both = r"a.txt: introduced 1 error, 1 warning\n  ERROR [3:1] no-undef (eslint)\n  WARNING [2:1] this looks wrong (Linter 7)";
    let alone = r"a.txt: introduced 1 error\n  ERROR [3:1] no-undef (eslint)";
    // (our servers, whether the editor has spoken of the file before, what is told)
    for (lsp, spoken, expect) in [
        (complaining(), true, [both, "fake: fresh", "editor: fresh"]),
        (complaining(), false, [unknown, "fake: fresh", "editor: fresh"]),
        (json!(false), true, [alone, "editor: fresh", "editor: fresh"]),
        (json!(false), false, [unknown, "editor: fresh", "editor: fresh"]),
    ] {
        let model = ScriptedModel::start();
        let desk = desk(&model, &lsp);
        let editor = FakeEditor::start(&desk, Mode::Plugin);
        editor.open("a.txt", None);
        let serves = lsp.is_object();
        let old = error("eslint", 0, "it was there");
        let before: Vec<Value> = if spoken { vec![old] } else { Vec::new() };
        if spoken {
            push(&editor, "a.txt", 0, &before);
        }
        model.script([edit(&desk, "a.txt", "two", "BROKEN"), Reply::Text("Done."), Reply::Text("It stays.")]);
        let begun = editor.begun();
        editor.command("interline.ask", json!({ "text": "Change it." })).expect("the question is taken");
        editor.wait_text("a.txt", "one\nBROKEN\nthree\n");
        let mut now = before.clone();
        now.push(error("eslint", 2, "no-undef"));
        now.extend(serves.then(|| same_by_the_editor(1)));
        push(&editor, "a.txt", 1, &now);
        editor.idle_after(begun);
        let told = last(&model, 2);
        for expect in expect {
            assert!(told.contains(expect), "{lsp} {spoken}: {told}");
        }
        assert_eq!((told.matches("this looks wrong").count(), told.contains("it was there")), (usize::from(serves), false), "{told}");
        if serves && !spoken {
            assert!(told.contains("WARNING [2:1] this looks wrong (linter)"), "{told}");
        }
    }
}

#[test]
fn who_asks_what_is_wrong_hears_the_editor_too() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &complaining());
    desk.write("project/a.txt", "one\nBROKEN\nthree\n");
    let editor = FakeEditor::start(&desk, Mode::Plugin);
    editor.open("a.txt", None);
    push(&editor, "a.txt", 0, &[error("eslint", 2, "no-undef"), same_by_the_editor(1)]);
    model.script([Reply::Call("lsp_diagnostics", json!({ "paths": [desk.at("project/a.txt")] })), Reply::Text("So it is.")]);
    editor.ask("What is wrong?");
    let told = last(&model, 2);
    assert!(told.contains("ERROR [3:1] no-undef (eslint)") && told.contains("fake: fresh; editor: fresh"), "{told}");
    assert_eq!(told.matches("this looks wrong").count(), 1, "{told}");
}

#[test]
fn an_editor_that_has_not_spoken_of_the_new_text_is_pending() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &complaining());
    let editor = FakeEditor::start(&desk, Mode::Plugin);
    editor.open("a.txt", None);
    push(&editor, "a.txt", 0, &[]);
    let mut edits = 0;
    editor.on_apply(move |editor| {
        edits += 1;
        if edits == 2 {
            push(editor, "a.txt", 2, &[error("eslint", 1, "a number")]);
        }
    });
    let edits = [edit(&desk, "a.txt", "two", "2"), edit(&desk, "a.txt", "three", "3")];
    model.script(edits.into_iter().chain([Reply::Text("Done."), Reply::Text("It stays.")]));
    editor.ask("Change it.");
    let told = last(&model, 2);
    assert!(told.contains("fake: fresh; editor: pending: nothing said of this text after"), "{told}");
    assert!(!told.contains("no new errors"), "{told}");
    let told = last(&model, 3);
    assert!(told.contains(r"a.txt: introduced 1 error\n  ERROR [2:1] a number (eslint)\nfake: fresh; editor: fresh"), "{told}");
}

/// A request for code actions that brings what the editor shows in the first file.
fn shows(editor: &FakeEditor, items: &[Value]) -> i64 {
    let at = json!({ "line": 0, "character": 0 });
    let params =
        json!({ "textDocument": { "uri": editor.uri("a.txt") }, "range": { "start": at, "end": at }, "context": { "diagnostics": items } });
    editor.begin("textDocument/codeAction", params)
}

fn two_files(desk: &Desk) -> FakeEditor {
    desk.write("project/b.txt", "four\n");
    let editor = FakeEditor::start(desk, Mode::Strict);
    editor.open("a.txt", None);
    editor.open("b.txt", None);
    editor
}

/// An editor with two files that has shown an error in the first one.
fn shown_before(desk: &Desk) -> (FakeEditor, Value) {
    let editor = two_files(desk);
    let old = error("other", 0, "it was there");
    editor.finish(shows(&editor, std::slice::from_ref(&old))).expect("code actions");
    (editor, old)
}

#[test]
fn what_a_code_action_request_shows_is_told_without_any_server() {
    let now = r"a.txt: now has (whether it had them before your changes is not known)\n  ERROR [2:1] it may be new (other)\n</diagnostics>";
    // Whether the editor has shown something of the file before the edit; without that nobody knows before it that there is somebody who may.
    for before in [true, false] {
        let model = ScriptedModel::start();
        let desk = desk(&model, &json!(false));
        let (editor, old) = if before { shown_before(&desk) } else { (two_files(&desk), Value::Null) };
        let barrier = Arc::new(Barrier::new(2));
        let Reply::Call(tool, arguments) = edit(&desk, "b.txt", "four", "4") else { unreachable!("it is a call") };
        let second = Reply::Held(Arc::clone(&barrier), tool, arguments);
        model.script([edit(&desk, "a.txt", "two", "2"), second, Reply::Text("Done."), Reply::Text("It stays.")]);
        let begun = editor.begun();
        editor.command("interline.ask", json!({ "text": "Change it." })).expect("the question is taken");
        editor.wait_text("a.txt", "one\n2\nthree\n");
        // The model has the first edit's result.
        drop(model.request(2));
        let items: Vec<Value> = before.then_some(old).into_iter().chain([error("other", 1, "it may be new")]).collect();
        editor.finish(shows(&editor, &items)).expect("code actions");
        barrier.wait();
        editor.idle_after(begun);
        // It came too late for the first edit's result: it is told before the turn ends.
        let told = last(&model, 4);
        assert!(told.contains("Before you end your turn") && told.contains(now) && !told.contains("it was there"), "{before}: {told}");
        // Nothing says that they came with the changes.
        assert!(!told.contains("introduced") && !told.contains("these errors came"), "{told}");
    }
}

#[test]
fn what_a_code_action_request_shows_is_told_where_no_server_says_it() {
    let model = ScriptedModel::start();
    let desk = desk(&model, &complaining());
    let (editor, old) = shown_before(&desk);
    let mut edits = 0;
    let (sender, asked) = std::sync::mpsc::channel();
    editor.on_apply(move |editor| {
        edits += 1;
        if edits == 2 {
            // The first edit is there, and our server knows of the broken line.
            let known = json!({ "range": { "start": { "line": 1, "character": 0 }, "end": { "line": 1, "character": 6 } }, "severity": 2,
                "source": "linter", "message": "this looks wrong" });
            sender.send(shows(editor, &[old.clone(), known, error("other", 2, "it may be new")])).expect("sent");
        }
    });
    model.script([
        edit(&desk, "a.txt", "two", "BROKEN"),
        edit(&desk, "b.txt", "four", "five"),
        Reply::Text("Done."),
        Reply::Text("It stays."),
    ]);
    editor.ask("Change it.");
    editor.finish(asked.recv().expect("asked")).expect("code actions");
    let told = last(&model, 4);
    let expect = r"a.txt: introduced 1 warning\n  WARNING [2:1] this looks wrong (linter)\na.txt: now has (whether it had them before your changes is not known)\n  ERROR [3:1] it may be new (other)\nfake: fresh";
    assert!(told.contains(expect), "{told}");
}

/// An editor that has started its server through the proxy: it writes, and takes no notice of what it reads.
struct Other {
    child: std::process::Child,
    ids: i64,
}

impl Other {
    fn start(desk: &Desk) -> Self {
        let child = std::process::Command::new(interline_tests::editors::binary())
            .args(["proxy", "--", env!("CARGO_BIN_EXE_fake-language-server")])
            .current_dir(desk.at("project"))
            .env_clear()
            .envs(desk.environment())
            .env("FAKE_SERVER_COMPLAINS", "BROKEN")
            .env("FAKE_SERVER_LOG", desk.at("told"))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("starts");
        let mut other = Self { child, ids: 0 };
        other.ask("initialize", json!({ "processId": std::process::id(), "rootUri": format!("file://{}", desk.at("project").display()) }));
        let folder = desk.at("home/.local/share/interline/run");
        let is_shared = || {
            std::fs::read_dir(&folder).is_ok_and(|all| all.flatten().any(|entry| entry.path().extension().is_some_and(|end| end == "json")))
        };
        wait_for("the shared server", is_shared);
        other
    }

    fn ask(&mut self, method: &str, params: Value) {
        self.ids += 1;
        self.say(json!({ "id": self.ids, "method": method, "params": params }));
    }

    fn say(&mut self, mut message: Value) {
        use std::io::Write as _;
        message["jsonrpc"] = "2.0".into();
        let body = message.to_string();
        let input = self.child.stdin.as_mut().expect("its input");
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| input.flush()).expect("written");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

#[test]
fn a_turn_looks_through_the_server_that_an_editor_shares() {
    let model = ScriptedModel::start();
    let server = env!("CARGO_BIN_EXE_fake-language-server");
    let desk = desk(&model, &json!({ "fake": { "command": [server], "extensions": [".txt"] } }));
    desk.write("project/b.txt", "four\n");
    let mut other = Other::start(&desk);
    let uri = |name: &str| format!("file://{}", desk.at("project").join(name).display());
    let b = uri("b.txt");
    let item = json!({ "uri": b, "languageId": "text", "version": 7, "text": "four\n" });
    other.say(json!({ "method": "textDocument/didOpen", "params": { "textDocument": item } }));
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    editor.open("b.txt", None);
    // The other editor has one of the two open: the server gets the new text from there.
    let mut edits = 0;
    editor.on_apply(move |_| {
        edits += 1;
        other.ask("m", json!({}));
        if edits == 2 {
            let change = json!({ "textDocument": { "uri": b, "version": 8 }, "contentChanges": [{ "text": "BROKEN\n" }] });
            other.say(json!({ "method": "textDocument/didChange", "params": change }));
        }
    });
    model.script([
        edit(&desk, "a.txt", "two", "BROKEN"),
        edit(&desk, "b.txt", "four", "BROKEN"),
        Reply::Text("Done."),
        Reply::Text("It stays."),
    ]);
    editor.ask("Change both.");
    for (request, expect) in [
        (2, r"a.txt: introduced 1 warning\n  WARNING [2:1] this looks wrong (linter)"),
        (3, r"b.txt: introduced 1 warning\n  WARNING [1:1] this looks wrong (linter)"),
    ] {
        let told = last(&model, request);
        assert!(told.contains(expect) && told.contains("fake: fresh"), "{told}");
    }
    let told = desk.read("told");
    let ids: Vec<String> =
        told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?.get("id").map(Value::to_string)).collect();
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!((count(&told, "initialize"), ids.len()), (1, distinct.len()), "{ids:?}");
    let opened = |name: &str| told.lines().filter(|line| line.contains("textDocument/didOpen") && line.contains(&uri(name))).count();
    assert_eq!((opened("a.txt"), opened("b.txt")), (1, 1));
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How often a server was told this.
fn count(log: &str, method: &str) -> usize {
    log.matches(&format!("\"method\":\"{method}\"")).count()
}

fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Two hundred edits with a real server, each one looked at: two turns, so that the second one can be compared with the first.
#[test]
fn real_ruff_sees_two_hundred_edits_and_nothing_stays_behind() {
    const EDITS: usize = 100;
    let ruff = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(".servers").join("bin/ruff");
    assert!(ruff.exists(), "{} is missing: `cargo xtask servers` installs it", ruff.display());
    let model = ScriptedModel::start();
    let logged = "echo started >> ../starts; tee -a ../told | exec \"$0\" server";
    let desk = desk(&model, &json!({ "ruff": { "command": ["/bin/sh", "-c", logged, ruff] } }));
    desk.write("project/a.py", "x = 0\n").write("project/pyproject.toml", "");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.py", None);
    let mut memory = Vec::new();
    for turn in 0..2 {
        // No two are the same: a turn that goes in circles is stopped.
        let word = |number: usize| if number.is_multiple_of(2) { format!("x = {number}") } else { format!("x = missing_{number}") };
        let words: Vec<String> = (turn * EDITS..=(turn + 1) * EDITS).map(word).collect();
        let calls = words.windows(2).map(|pair| edit(&desk, "a.py", &format!("{}\n", pair[0]), &format!("{}\n", pair[1])));
        model.script(calls.chain([Reply::Text("Done.")]));
        let before = editor.begun();
        editor.command("interline.ask", json!({ "text": "Change it." })).expect("the question is taken");
        for number in 0..EDITS {
            let told = last(&model, turn * (EDITS + 1) + number + 2);
            let expect = if number % 2 == 0 { "introduced 1 error" } else { "resolved 1 error" };
            assert!(told.contains(expect) && told.contains("ruff: fresh"), "{number}: {told}");
        }
        editor.idle_after(before);
        // The turn is over: nothing is open there any more.
        wait_for("the end of all documents", || {
            let told = desk.read("told");
            count(&told, "textDocument/didOpen") == turn + 1 && count(&told, "textDocument/didClose") == turn + 1
        });
        memory.push(resident(editor.process_id()));
    }
    assert_eq!(desk.read("starts"), "started\n", "one process for all");
    assert!(memory[1] < memory[0] + 20 * 1024, "{memory:?} KiB");
    assert_eq!(editor.shut_down(), 0);
    drop(editor.take_messages());
}
