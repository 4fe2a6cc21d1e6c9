//! What an update of the chat costs the server, where the chat is short, where it is long, and where one answer of it is:
//! `cargo run --release --package interline-tests --example long_chat`, after the release build of the server.
//!
//! Must not look into the server: its processor time is the system's own account of it, so it counts whatever an update sets off, from the model's words to
//! the editor's word that they stand in the buffer.
//!
//! **Invariant:** a measurement, no test: it prints numbers and judges none.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "it is run by hand, and prints what it measured")]

use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

use interline_tests::{
    editors::Desk,
    fake_editor::{FakeEditor, Mode},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::json;

const CHAT: &str = ".interline/chat.md";
/// Lines of a chat that is long, and updates of it that are measured.
const LINES: usize = 20_000;
const UPDATES: usize = 40;

fn main() {
    println!("processor time of the server for an update of the chat (budget: 5 ms at {LINES} lines):");
    for (what, history, answer) in
        [("a short chat", 10, 10), ("a long history", LINES, 10), ("one long answer", 10, LINES), ("both", LINES, LINES)]
    {
        let [quiet, typing] = [false, true].map(|typing| {
            let mut costs = measure(history, answer, typing);
            costs.sort_unstable();
            format!("median {:.2?}, most {:.2?}", costs[UPDATES / 2], costs[UPDATES - 1])
        });
        println!("  {what:<16} {quiet}; while the user writes on: {typing}");
    }
}

/// What each update costs, in a chat with that many lines before the answer and in it; with `typing` the user writes a word of the next message each time.
fn measure(history: usize, answer: usize, typing: bool) -> Vec<Duration> {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({}));
    let turn = "## You\n\nWhat does it do?\n\n## Interline\n\nIt *adds* numbers, as `a.rs` says:\n\n```rust\nfn add() {}\n```\n\n";
    let turns = turn.repeat(history / turn.lines().count());
    desk.write("project/.interline/chat.md", &format!("# Interline\n\n{turns}## You\n\nGo on.\n"));
    let barrier = Arc::new(Barrier::new(2));
    let first = "A line of a long answer, with some words.\n".repeat(answer) + "Begun.";
    let pieces = std::iter::once(first).chain((0..UPDATES).map(|n| format!(" Update {n}.\n\nMore.")));
    model.script([Reply::Pieces(pieces.collect(), Arc::clone(&barrier))]);
    let editor = FakeEditor::start(&desk, Mode::Late);
    let turns = editor.begun();
    editor.open(CHAT, None);
    editor.command("interline.send", json!(null)).expect("send");
    editor.wait_holds(CHAT, "Begun.");
    let mut costs = Vec::with_capacity(UPDATES);
    for n in 0..UPDATES {
        let before = worked(editor.process_id());
        if typing {
            editor.type_at_end(CHAT, "word ");
        }
        barrier.wait();
        editor.wait_holds(CHAT, &format!("Update {n}.\n\nMore."));
        // An answer to a request after the edit: what the edit set off is done.
        editor.command("interline.session.list", json!(null)).expect("the sessions");
        costs.push(worked(editor.process_id()) - before);
    }
    editor.idle_after(turns);
    costs
}

/// Processor time of all threads of a process so far.
fn worked(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a system with /proc");
    let time = |thread: std::fs::DirEntry| {
        // A thread may end between the two looks.
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0)
    };
    Duration::from_nanos(threads.flatten().map(time).sum())
}
