//! A working day: several editors on one project, several conversations, hundreds of turns, and processes that are killed in the midst of them.
//!
//! `cargo xtask day` runs a long one; as an ordinary test it is short. Must not know how anything is stored: it asks the product.
//!
//! **Invariant:** what was acknowledged is stored once; buffers, conversations, costs and undo tell the same story; neither memory nor the store grows by
//! more than what was said.

#![expect(clippy::expect_used, reason = "a test fails by panicking, and a long one tells how far it is")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use interline_tests::{
    day_model::DayModel,
    editors::{Desk, binary},
    fake_editor::{FakeEditor, Mode},
};
use serde_json::{Value, json};

/// Editors that work at the same time, each on a document of its own. The last one is never killed: its memory is looked at.
const SEATS: usize = 3;
/// Conversations that all of them use.
const SESSIONS: usize = 5;
/// Lines of a document, each of which an edit replaces.
const SLOTS: usize = 30;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Numbers that look random, the same ones each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }
}

/// A message that was acknowledged.
struct Asked {
    session: String,
    turn: String,
    words: String,
    /// Its turn was seen to end well; else its process was killed.
    ended: bool,
}

/// What one editor's user knows of the day.
#[derive(Default)]
struct Diary {
    /// What was asked and acknowledged, in order.
    asked: Vec<Asked>,
    /// The document as it stands in the buffer.
    text: String,
    kills: usize,
    refused: usize,
    /// The server's own memory after each turn, in KiB.
    memory: Vec<u64>,
}

#[test]
fn at_the_end_of_a_day_everything_agrees() {
    let (turns, kills, seed) = (number("INTERLINE_DAY_TURNS", 30), number("INTERLINE_DAY_KILLS", 3), number("INTERLINE_DAY_SEED", 1));
    let started = Instant::now();
    let desk = Desk::new();
    let model = DayModel::start();
    desk.write("interline.json", &config(model.url()).to_string());
    let names: Vec<String> = (0..SEATS).map(|seat| format!("doc{seat}.txt")).collect();
    for name in &names {
        desk.write(&format!("project/{name}"), &fresh_document());
    }
    let sessions = begin_sessions(&desk);
    let (half, sizes) = (Barrier::new(SEATS), [AtomicUsize::new(0), AtomicUsize::new(0)]);
    sizes[0].store(store_size(&desk), Ordering::Relaxed);
    let seat = |seat: usize| {
        let mut dice = Dice(seed as u64 * 1000 + seat as u64);
        let mine = turns / SEATS;
        let killed = if seat + 1 == SEATS { 0 } else { kills.div_ceil(SEATS - 1) };
        let at: BTreeSet<usize> = (0..killed).map(|n| mine * (2 * n + 1) / (2 * killed)).collect();
        let mut diary = Diary { text: fresh_document(), ..Diary::default() };
        let mut editor = sit_down(&desk, seat, &diary.text);
        for turn in 0..mine {
            if turn == mine / 2 && half.wait().is_leader() {
                sizes[1].store(store_size(&desk), Ordering::Relaxed);
            }
            let session = &sessions[dice.below(SESSIONS)];
            let mark = format!("s{seat}t{turn}");
            if !work(&editor, &mut diary, (seat, session.as_str(), mark.as_str()), at.contains(&turn), &mut dice) {
                // Killed: the user starts the editor's server again, with the buffer as it is.
                drop(std::mem::replace(&mut editor, sit_down(&desk, seat, &diary.text)));
            }
            diary.memory.push(editor.memory());
            if turn % 100 == 99 {
                eprintln!("seat {seat}, turn {turn}: {} KiB, {:.0} s", diary.memory[turn], started.elapsed().as_secs_f32());
            }
        }
        assert_eq!(editor.shut_down(), 0);
        drop(editor.take_messages());
        diary
    };
    let diaries: Vec<Diary> = std::thread::scope(|scope| {
        let seats: Vec<_> = (0..SEATS).map(|n| scope.spawn(move || seat(n))).collect();
        seats.into_iter().map(|seat| seat.join().expect("a seat")).collect()
    });
    let stored: Vec<Value> = sessions.iter().map(|session| export(&desk, session)).collect();

    words_are_stored_once(&diaries, &stored);
    costs_agree(&stored, &model);
    undo_everything(&desk, &diaries);
    let end = store_size(&desk);
    let [start, middle] = sizes.map(AtomicUsize::into_inner);
    let sum = |count: fn(&Diary) -> usize| diaries.iter().map(count).sum::<usize>();
    eprintln!(
        "{turns} turns, {} kills, {} refusals, {} answers, seed {seed}, {:.0} s\nstore: {start} bytes at first, {middle} at half, {end} at the end",
        sum(|diary| diary.kills),
        sum(|diary| diary.refused),
        model.answers(),
        started.elapsed().as_secs_f32()
    );
    assert!(sum(|diary| diary.kills) >= kills, "too few were killed");
    if turns >= 600 {
        let (first, second) = (middle - start, end.saturating_sub(middle));
        assert!(second * 10 <= first * 12, "the store grows: {first} bytes in the first half, {second} in the second");
        // It goes up until a conversation is summarised, and down when the heap is trimmed, at most every ten seconds: so the most of many turns is looked
        // at, once each conversation has grown to its full length.
        let memory = &diaries[SEATS - 1].memory;
        let most = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
        let (warm, last) = (most(&memory[memory.len() / 8..memory.len() / 4]), most(&memory[memory.len() * 7 / 8..]));
        eprintln!("memory of the process that lived: {warm} KiB in the second eighth, {last} KiB in the last");
        assert!(last * 10 <= warm * 11, "the memory grows: {warm} KiB, then {last} KiB");
    }
}

fn config(url: &str) -> Value {
    json!({
        "model": "mock/test",
        "provider": { "mock": {
            "npm": "@ai-sdk/openai-compatible",
            "options": { "baseURL": url, "apiKey": "not-a-secret" },
            // Small, so that conversations are summarised many times a day.
            "models": { "test": { "tool_call": true, "limit": { "context": 16_000, "output": 2000 }, "cost": { "input": 1.0, "output": 4.0 } } },
        } },
        "permission": { "*": "allow" },
    })
}

fn fresh_document() -> String {
    (0..SLOTS).map(|slot| format!("slot {slot}: empty\n")).collect()
}

fn interline(desk: &Desk, arguments: &[&str]) -> Vec<u8> {
    let ran = Command::new(binary()).args(arguments).current_dir(desk.at("project")).env_clear().envs(desk.environment()).output();
    let ran = ran.expect("interline starts");
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

/// Conversations with one question each.
fn begin_sessions(desk: &Desk) -> Vec<String> {
    for n in 0..SESSIONS {
        interline(desk, &["run", &format!("Conversation {n}.")]);
    }
    let listed: Value = serde_json::from_slice(&interline(desk, &["sessions", "--json"])).expect("a list");
    let ids: Vec<String> = listed.as_array().into_iter().flatten().filter_map(|session| Some(session["id"].as_str()?.to_owned())).collect();
    assert_eq!(ids.len(), SESSIONS);
    ids
}

fn export(desk: &Desk, session: &str) -> Value {
    serde_json::from_slice(&interline(desk, &["export", session])).expect("an export")
}

/// The store's file without its log, which is folded in now and then.
fn store_size(desk: &Desk) -> usize {
    std::fs::metadata(desk.at("home/.local/share/interline/interline.db")).map_or(0, |meta| usize::try_from(meta.len()).unwrap_or(0))
}

/// Starts a server over a buffer that the editor has.
fn sit_down(desk: &Desk, seat: usize, text: &str) -> FakeEditor {
    let editor = FakeEditor::start(desk, Mode::Plugin);
    editor.open(&format!("doc{seat}.txt"), Some(text));
    editor
}

/// One turn, to its end or to the process' end. False if it was killed.
fn work(editor: &FakeEditor, diary: &mut Diary, (seat, session, mark): (usize, &str, &str), kill: bool, dice: &mut Dice) -> bool {
    let name = format!("doc{seat}.txt");
    let slot = dice.below(SLOTS);
    let old = diary.text.lines().nth(slot).expect("a slot").to_owned();
    let words = format!("Put slot {slot}: {mark} for {old} in {name}.");
    drop(editor.take_messages());
    let turn = loop {
        match editor.command("interline.ask", json!({ "text": words, "session": session })) {
            Ok(asked) => break asked["turn"].as_str().expect("a turn").to_owned(),
            // Another editor's turn runs in it.
            Err(why) => {
                assert!(why.to_string().contains("another process"), "{why}");
                diary.refused += 1;
                std::thread::yield_now();
            }
        }
    };
    let mut asked = Asked { session: session.to_owned(), turn, words, ended: false };
    if kill {
        editor.wait_events(dice.below(14), "session.idle");
        editor.kill();
        diary.text = editor.text(&name);
        diary.kills += 1;
        diary.asked.push(asked);
        return false;
    }
    let idle = loop {
        let idle = editor.next_event("session.idle");
        // That of another one's turn is relayed by no one.
        if idle["sessionID"] == session {
            break idle;
        }
    };
    assert_eq!(idle["reason"], "done", "{}", asked.words);
    editor.wait_holds(&name, &format!("slot {slot}: {mark}\n"));
    // What is reviewed is not kept in memory.
    editor.command("interline.hunks.accept", json!({ "uri": editor.uri(&name) })).ok();
    diary.text = editor.text(&name);
    asked.ended = true;
    diary.asked.push(asked);
    drop(editor.take_messages());
    true
}

/// Each message of the user's stands once in its own conversation; each that was answered has its answer.
fn words_are_stored_once(diaries: &[Diary], stored: &[Value]) {
    let mut found = BTreeMap::<(String, String), (usize, bool)>::new();
    for session in stored {
        let id = session["info"]["id"].as_str().expect("an id").to_owned();
        let messages = session["messages"].as_array().expect("messages");
        for message in messages.iter().filter(|message| message["info"]["role"] == "user") {
            let own = |part: &&Value| part["type"] == "text" && part["synthetic"] != true;
            for text in message["parts"].as_array().into_iter().flatten().filter(own).filter_map(|part| part["text"].as_str()) {
                let answered =
                    messages.iter().any(|answer| answer["info"]["parentID"] == message["info"]["id"] && answer["info"]["finish"] == "stop");
                let entry = found.entry((id.clone(), text.to_owned())).or_insert((0, answered));
                entry.0 += 1;
            }
        }
    }
    for Asked { session, words, ended, .. } in diaries.iter().flat_map(|diary| &diary.asked) {
        let (count, answered) = found.get(&(session.clone(), words.clone())).copied().unwrap_or_default();
        assert_eq!(count, 1, "in {session}: {words}");
        assert!(!ended || answered, "it was seen to end, and has no answer: {words}");
    }
}

/// What conversations cost is what their messages cost, and no more than what the model was paid for.
fn costs_agree(stored: &[Value], model: &DayModel) {
    let mut steps = 0;
    for session in stored {
        let costs: Vec<f64> =
            session["messages"].as_array().into_iter().flatten().filter_map(|message| message["info"]["cost"].as_f64()).collect();
        steps += costs.iter().filter(|cost| **cost > 0.0).count();
        let (sum, all) = (costs.iter().sum::<f64>(), session["info"]["cost"].as_f64().unwrap_or(0.0));
        assert!((sum - all).abs() < 1e-9, "{}: its messages cost {sum}, and it {all}", session["info"]["id"]);
    }
    assert!(steps > 0 && steps <= model.answers(), "{steps} steps are paid for, of {} answers", model.answers());
}

/// Takes every turn back, also those whose process was killed amid an edit: each slot is as it was at first, and nothing is left that could be unknown.
fn undo_everything(desk: &Desk, diaries: &[Diary]) {
    let editor = FakeEditor::start(desk, Mode::Plugin);
    for (seat, diary) in diaries.iter().enumerate() {
        editor.open(&format!("doc{seat}.txt"), Some(&diary.text));
    }
    for asked in diaries.iter().flat_map(|diary| diary.asked.iter().rev()) {
        match editor.command("interline.undo", json!({ "turn": asked.turn })) {
            // The edits follow; the next undo is planned over what they leave.
            Ok(_) => drop(editor.wait_message()),
            Err(why) => assert!(why.to_string().contains("nothing to undo") && !asked.ended, "{}: {why}", asked.words),
        }
    }
    for seat in 0..diaries.len() {
        for line in editor.text(&format!("doc{seat}.txt")).lines() {
            assert!(line.ends_with(" empty"), "doc{seat}.txt: {line} is left of a turn");
        }
    }
    let noted: Vec<_> = std::fs::read_dir(desk.at("home/.local/share/interline/intents"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            (
                entry.file_name(),
                std::fs::read(entry.path()).map(|bytes| String::from_utf8_lossy(&bytes).chars().take(400).collect::<String>()),
            )
        })
        .collect();
    assert!(noted.is_empty(), "what became of some edits is not known: {noted:#?}");
    drop(editor.take_messages());
    assert_eq!(editor.shut_down(), 0);
    drop(editor.take_messages());
}
