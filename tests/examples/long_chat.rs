//! What an update of the chat costs the server, where the chat is short, where it is long, where one answer of it is, and where the next message is:
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
    let short = Chat { history: 10, answer: 10, draft: 0 };
    for (what, chat) in [
        ("a short chat", short),
        ("a long history", Chat { history: LINES, ..short }),
        ("one long answer", Chat { answer: LINES, ..short }),
        ("a long draft", Chat { draft: LINES, ..short }),
        ("all of them", Chat { history: LINES, answer: LINES, draft: LINES }),
    ] {
        let [quiet, typing] = [false, true].map(|typing| {
            let mut costs = measure(chat, typing);
            costs.sort_unstable();
            format!("median {:.2?}, most {:.2?}", costs[UPDATES / 2], costs[UPDATES - 1])
        });
        println!("  {what:<16} {quiet}; while the user writes on: {typing}");
    }
}

/// How many lines there are.
#[derive(Clone, Copy)]
struct Chat {
    /// Before the answer.
    history: usize,
    /// In it.
    answer: usize,
    /// Of the next message, below it.
    draft: usize,
}

/// What each update costs; with `typing` the user writes a word of the next message each time.
fn measure(chat: Chat, typing: bool) -> Vec<Duration> {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({}));
    let turn = "## You\n\nWhat does it do?\n\n## Interline\n\nIt *adds* numbers, as `a.rs` says:\n\n```rust\nfn add() {}\n```\n\n";
    let turns = turn.repeat(chat.history / turn.lines().count());
    desk.write("project/.interline/chat.md", &format!("# Interline\n\n{turns}## You\n\nGo on.\n"));
    let barrier = Arc::new(Barrier::new(2));
    let first = "A line of a long answer, with some words.\n".repeat(chat.answer) + "Begun.";
    // The first and the last one are not measured: what the long piece has set off may still go on, and the turn's end comes with the last.
    let pieces = std::iter::once(first).chain((0..UPDATES + 2).map(|n| format!(" Update {n}.\n\nMore.")));
    model.script([Reply::Pieces(pieces.collect(), Arc::clone(&barrier))]);
    let editor = FakeEditor::start(&desk, Mode::Late);
    let turns = editor.begun();
    editor.open(CHAT, None);
    editor.command("interline.send", json!(null)).expect("send");
    editor.wait_holds(CHAT, "Begun.");
    let quote = "It says:\n\n```md\n## You\n\nWhat?\n```\n\n";
    editor.type_at_end(CHAT, &quote.repeat(chat.draft / quote.lines().count()));
    // An answer to a request after an edit: what the edit set off is done.
    let settle = || drop(editor.command("interline.session.list", json!(null)).expect("the sessions"));
    let mut costs = Vec::with_capacity(UPDATES);
    for n in 0..=UPDATES {
        let before = worked(editor.process_id());
        if typing {
            editor.type_at_end(CHAT, "word ");
        }
        barrier.wait();
        editor.wait_holds(CHAT, &format!("Update {n}.\n\nMore."));
        settle();
        costs.push(worked(editor.process_id()) - before);
    }
    costs.remove(0);
    barrier.wait();
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
