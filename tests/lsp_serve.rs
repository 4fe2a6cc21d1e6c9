//! The rules of the serve loop, against the real binary over real pipes.
//!
//! Must not know what the agent does; only the protocol's life is looked at.
//!
//! **Invariant:** one test a rule; each fails if the process dies, hangs, or answers twice.

use std::process::Command;

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
};
use serde_json::{Value, json};

fn code(reply: Result<Value, Value>) -> i64 {
    reply.err().and_then(|error| error["code"].as_i64()).unwrap_or_else(|| panic!("no error"))
}

fn frame(body: &[u8]) -> Vec<u8> {
    [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[test]
fn shutdown_and_exit_end_with_0() {
    let desk = Desk::new();
    let editor = FakeEditor::start(&desk, Mode::Strict);
    assert_eq!(editor.shut_down(), 0);
}

#[test]
fn exit_alone_ends_with_1() {
    let desk = Desk::new();
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.notify("exit", Value::Null);
    assert_eq!(editor.exit_code(), 1);
}

#[test]
fn the_end_of_input_ends_with_0() {
    let desk = Desk::new();
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.end_input();
    assert_eq!(editor.exit_code(), 0);
}

#[test]
fn signals_are_a_normal_end() {
    let desk = Desk::new();
    for signal in ["-TERM", "-HUP"] {
        let editor = FakeEditor::start(&desk, Mode::Strict);
        assert!(Command::new("kill").args([signal, &editor.process_id().to_string()]).status().expect("kill").success());
        assert_eq!(editor.exit_code(), 0, "{signal}");
    }
}

#[test]
fn ends_when_the_editors_process_does() {
    let desk = Desk::new();
    let mut process = Command::new("sleep").arg("1000").spawn().expect("sleep");
    let editor = FakeEditor::spawn(&desk, Mode::Strict);
    editor.initialize(&["utf-8"], process.id());
    process.kill().and_then(|()| process.wait()).expect("its end");
    assert_eq!(editor.exit_code(), 0);
}

#[test]
fn requests_before_initialize_and_after_shutdown_are_refused() {
    let desk = Desk::new();
    let editor = FakeEditor::spawn(&desk, Mode::Strict);
    assert_eq!(code(editor.command("interline.session.list", Value::Null)), -32002);
    editor.initialize(&["utf-8"], std::process::id());
    assert_eq!(code(editor.request("initialize", json!({ "capabilities": {} }))), -32600);
    assert_eq!(editor.request("shutdown", json!({})), Ok(Value::Null));
    assert_eq!(code(editor.command("interline.session.list", Value::Null)), -32600);
    editor.notify("exit", Value::Null);
    assert_eq!(editor.exit_code(), 0);
}

#[test]
fn unknown_methods() {
    let desk = Desk::new();
    let editor = FakeEditor::start(&desk, Mode::Strict);
    for method in ["interline/unknown", "textDocument/unknown", "$/unknown"] {
        assert_eq!(code(editor.request(method, json!({}))), -32601, "{method}");
        editor.notify(method, json!({}));
    }
    assert_eq!(editor.shut_down(), 0);
}

#[test]
fn garbage_is_survived() {
    let desk = Desk::new();
    let editor = FakeEditor::start(&desk, Mode::Strict);
    for body in [b"{not json".as_slice(), b"[]", b"\"text\"", b"{\"jsonrpc\":\"2.0\"}", b"\xff\xfe\xfd", b""] {
        editor.raw(&frame(body));
    }
    for header in [
        "Content-Length: abc\r\n\r\n",
        "X-Nothing: 1\r\n\r\n",
        "Content-Length: -5\r\n\r\n",
        "\r\n\r\n",
        "Content-Length: 8000000000\r\n\r\n{",
    ] {
        editor.raw(header.as_bytes());
    }
    // A reply that nobody waits for, and one to a request that never was.
    for id in [json!(0), json!(4_000_000), json!("x")] {
        editor.raw(&frame(json!({ "jsonrpc": "2.0", "id": id, "result": null }).to_string().as_bytes()));
    }
    assert_eq!(editor.shut_down(), 0);
}

#[test]
fn a_promised_giant_takes_no_memory() {
    let desk = Desk::new();
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.raw(b"Content-Length: 500000000\r\n\r\n{");
    // More than a pipe holds: when that is written, the promise was read.
    editor.raw(&[b' '; 1 << 20]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", editor.process_id())).unwrap_or_default();
    let resident = status.split("VmRSS:").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    assert!(resident.is_none_or(|kib| kib < 100_000), "{resident:?} KiB");
    editor.end_input();
    assert_eq!(editor.exit_code(), 0);
}

#[test]
fn many_messages_do_not_wedge_it() {
    let desk = Desk::new();
    desk.write("project/a.txt", "text\n");
    let editor = FakeEditor::start(&desk, Mode::Strict);
    editor.open("a.txt", None);
    let params = json!({
        "textDocument": { "uri": editor.uri("a.txt") }, "context": { "diagnostics": [] },
        "range": { "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 4 } },
    });
    let ids: Vec<i64> = (0..300).map(|_| editor.begin("textDocument/codeAction", params.clone())).collect();
    for _ in 0..300 {
        editor.replace("a.txt", "text", "text");
    }
    for id in &ids {
        editor.notify("$/cancelRequest", json!({ "id": id }));
    }
    editor.notify("$/cancelRequest", json!({ "id": "unknown" }));
    for id in ids {
        if let Err(error) = editor.finish(id) {
            assert_eq!(error["code"], -32800, "{error}");
        }
    }
    assert_eq!(editor.shut_down(), 0);
}

#[test]
fn the_position_encoding_is_the_one_that_we_prefer() {
    let desk = Desk::new();
    for (offered, want) in
        [(&["utf-16", "utf-32", "utf-8"][..], "utf-8"), (&["utf-16", "utf-32"], "utf-32"), (&["utf-16"], "utf-16"), (&[], "utf-16")]
    {
        let editor = FakeEditor::spawn(&desk, Mode::Strict);
        let result = editor.initialize(offered, std::process::id());
        assert_eq!(result["capabilities"]["positionEncoding"].as_str().unwrap_or("utf-16"), want, "{offered:?}");
    }
}
