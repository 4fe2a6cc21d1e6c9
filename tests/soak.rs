//! Many turns against a model that fails in every way that models fail in.
//!
//! `cargo xtask soak` runs it for as long as wanted; as an ordinary test it is short.
//!
//! **Invariant:** every turn is answered, or stopped with the reason that the model knows to be true; what a whole answer asked for is done once, what
//! a broken one asked for is not done; the memory grows by what was said, and no faster.

#![expect(clippy::expect_used, reason = "a test fails by panicking, and a long one tells how far it is")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::Instant,
};

use interline_tests::{
    editors::{Desk, binary},
    fake_editor::{FakeEditor, Mode},
    faulty_model::{Fate, FaultyModel, Last},
};
use serde_json::{Value, json};

/// A conversation has this many turns before the user begins another.
const TURNS_A_SESSION: usize = 50;
/// From this turn on the memory is compared: before, caches fill, and the conversations that stay in memory.
const WARM: usize = 200;
/// What the process may grow by from then on, in KiB, however many turns follow.
const GROWTH: u64 = 4 * 1024;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

#[test]
fn every_turn_is_answered_or_stopped_with_a_true_reason() {
    let (turns, seed) = (number("INTERLINE_SOAK_TURNS", 60), number("INTERLINE_SOAK_SEED", 1));
    let started = Instant::now();
    let desk = Desk::new();
    let document = desk.at("project/log.txt").display().to_string();
    let model = FaultyModel::start(seed as u64, &document, turns / 20);
    desk.write("project/log.txt", "the end\n").write("project/ledger.txt", "");
    desk.write("interline.json", &config(model.url()).to_string());
    let editor = FakeEditor::start(&desk, Mode::Plugin);
    editor.open("log.txt", None);

    let mut stops = BTreeMap::<String, usize>::new();
    let mut sessions: Vec<String> = Vec::new();
    let (mut memory, mut messages) = (Vec::new(), Vec::new());
    for turn in 1..=turns {
        if turn % TURNS_A_SESSION == 1 {
            if turn > 1 {
                // What nobody reviews stays marked, and is kept for that: also what commands did to a file that is not open.
                for file in ["log.txt", "ledger.txt"] {
                    editor.command("interline.hunks.accept", json!({ "uri": editor.uri(file) })).expect("the changes are accepted");
                }
            }
            editor.command("interline.session.new", Value::Null).expect("a new session");
        }
        model.begin(turn);
        let asked = editor.command("interline.ask", json!({ "text": format!("Turn {turn}.") })).expect("the question is taken");
        let session = asked["session"].as_str().expect("a session").to_owned();
        let idle = editor.next_event("session.idle");
        let reason = idle["reason"].as_str().expect("a reason").to_owned();
        judge(turn, &reason, model.last());
        // They may come a little later than the turn's end.
        messages.extend(editor.take_messages());
        *stops.entry(reason).or_default() += 1;
        if sessions.last() != Some(&session) {
            sessions.push(session);
        }
        memory.push(editor.memory());
        if turn % 100 == 0 {
            eprintln!("turn {turn}: {} KiB, {:.0} s", memory[turn - 1], started.elapsed().as_secs_f32());
        }
    }
    let log = editor.text("log.txt");
    // Nobody reads the last replies of a server that is asked to go.
    assert_eq!(editor.shut_down(), 0);
    messages.extend(editor.take_messages());

    told_as_they_were(&stops, &messages);
    assert_eq!(model.violations(), Vec::<String>::new());
    let marks = model.marks();
    calls_ran_once(&marks, &format!("{log}\n{}", desk.read("project/ledger.txt")));
    words_stand_once(&marks, &desk, &sessions);
    let (faults, requests) = model.faults();
    eprintln!(
        "{turns} turns, {requests} requests, seed {seed}, {:.0} s\nfaults: {faults:?}\nends: {stops:#?}",
        started.elapsed().as_secs_f32()
    );
    assert!(stops.get("done").is_some_and(|&done| done * 3 > turns), "most turns survive: {stops:?}");
    if turns > WARM {
        let (warm, last) = (memory[WARM - 1], memory[turns - 1]);
        eprintln!("memory: {warm} KiB after {WARM} turns, {last} KiB after {turns}, at most {:?} KiB", memory.iter().max());
        assert!(last < warm + GROWTH, "the memory grows: {warm} KiB, then {last} KiB");
    }
}

fn config(url: &str) -> Value {
    json!({
        "model": "mock/test",
        "provider": { "mock": {
            "npm": "@ai-sdk/openai-compatible",
            "options": { "baseURL": url, "apiKey": "not-a-secret", "chunkTimeout": 1000 },
            "models": { "test": { "tool_call": true, "limit": { "context": 128_000, "output": 8192 } } },
        } },
        "permission": { "*": "allow" },
    })
}

/// A turn ends as the model knows that it must.
fn judge(turn: usize, reason: &str, last: Last) {
    if reason == "done" {
        // A cut after the model's last word may go unnoticed, and rightly so.
        let whole = matches!(last, Last::Answered | Last::Failed(interline_tests::faulty_model::Fault::Cut));
        assert!(whole, "turn {turn} is done, and the model had not answered: {last:?}");
        return;
    }
    let Last::Failed(fault) = last else { panic!("turn {turn} stopped without a fault: {reason} ({last:?})") };
    let true_words = fault.words().iter().any(|word| reason.to_lowercase().contains(word.as_str()));
    assert!(true_words, "turn {turn} stopped by {fault:?}, and says: {reason}");
}

/// The user is shown the reason of each turn that stopped, and of no other.
fn told_as_they_were(stops: &BTreeMap<String, usize>, messages: &[String]) {
    let mut left = messages.to_vec();
    for (reason, count) in stops.iter().filter(|(reason, _)| *reason != "done") {
        let words = reason.split_once(": ").map_or(reason.as_str(), |(_, words)| words);
        let before = left.len();
        left.retain(|message| !message.contains(words));
        assert_eq!(before - left.len(), *count, "{reason}: {messages:#?}");
    }
    assert!(left.is_empty(), "told, and not so: {left:#?}");
}

/// What a whole answer asked for was done once; what a broken one asked for was not; no step was done twice over.
fn calls_ran_once(marks: &BTreeMap<String, Fate>, done: &str) {
    let is_call = |mark: &&str| mark.contains(".c");
    let mut seen = BTreeSet::new();
    let mut steps = BTreeSet::new();
    for mark in done.lines().filter(is_call) {
        assert!(seen.insert(mark), "{mark} was done twice");
        assert_ne!(marks.get(mark), Some(&Fate::Broken), "{mark} was done, and its answer had broken off");
        let step = mark.rsplit_once('.').expect("a mark").0;
        assert!(steps.insert(step), "{step} was done again, by {mark}");
    }
    let whole = marks.iter().filter(|(mark, fate)| mark.contains(".c") && **fate == Fate::Whole);
    let lost: Vec<_> = whole.map(|(mark, _)| mark.as_str()).filter(|mark| !seen.contains(mark)).collect();
    assert!(lost.is_empty(), "asked for, and not done: {lost:?}");
    assert!(seen.len() > marks.len() / 8, "hardly anything was done: {} of {} marks", seen.len(), marks.len());
}

/// In what is stored, every text stands once: an answer that broke off and was given again left nothing behind.
fn words_stand_once(marks: &BTreeMap<String, Fate>, desk: &Desk, sessions: &[String]) {
    let mut seen = BTreeSet::new();
    let mut broken = 0;
    for session in sessions {
        let export =
            Command::new(binary()).args(["export", session]).current_dir(desk.at("project")).env_clear().envs(desk.environment()).output();
        let export: Value = serde_json::from_slice(&export.expect("interline starts").stdout).expect("an export");
        for message in export["messages"].as_array().expect("messages") {
            let failed = !message["info"]["error"].is_null();
            for part in message["parts"].as_array().into_iter().flatten().filter(|part| part["type"] == "text") {
                for mark in
                    part["text"].as_str().unwrap_or_default().split_whitespace().filter(|word| word.starts_with('t') && word.contains(".a"))
                {
                    let mark = mark.trim_end_matches('.').to_owned();
                    if marks.get(&mark) == Some(&Fate::Broken) {
                        assert!(failed, "{mark}, of an answer that broke off, stands in {message}");
                        broken += 1;
                    }
                    assert!(seen.insert(mark.clone()), "{mark} stands twice");
                }
            }
        }
    }
    assert!(seen.len() > broken, "no answer is stored");
    let whole = marks.iter().filter(|(mark, fate)| !mark.contains(".c") && **fate == Fate::Whole);
    let lost: Vec<_> = whole.map(|(mark, _)| mark).filter(|mark| !seen.contains(*mark)).collect();
    assert!(lost.is_empty(), "said, and not stored: {lost:?}");
}
