//! Somebody types in a real Neovim while the agent edits the same file, round after round, in no order that anybody has chosen.
//!
//! Must not know how an edit that comes too late is mended.
//!
//! **Invariant:** the file ends as what was typed and what the model was told was applied, together: no letter more or less.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails with the reason")]

use std::sync::{Arc, Barrier};

use interline_tests::{
    editors::{Desk, Editor, Person},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

/// Edits of one turn.
const TURN: usize = 40;
const LINES: usize = 8;
/// From insert mode to normal mode, without the pause that Escape takes.
const TO_NORMAL: &str = "\x1c\x0e";

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("small")
    }
}

/// A line of the file: the agent counts at its beginning, the user writes at its end; or one of the user's own.
struct Line {
    agent: Option<usize>,
    typed: String,
}

/// The user, and the file as it should become.
struct User {
    lines: Vec<Line>,
    counts: [usize; LINES],
    /// Where the cursor is, in insert mode.
    at: Option<usize>,
}

impl User {
    fn text(&self) -> String {
        let line = |line: &Line| match line.agent {
            Some(agent) => format!("k{agent}={};{}\n", self.counts[agent], line.typed),
            None => format!("{}\n", line.typed),
        };
        self.lines.iter().map(line).collect()
    }

    /// The next few keys.
    fn keys(&mut self, random: &mut Random) -> String {
        let mut keys = String::new();
        for _ in 0..=random.below(2) {
            if self.at.is_some() && random.below(4) == 0 {
                keys.push_str(TO_NORMAL);
                self.at = None;
            }
            let at = *self.at.get_or_insert_with(|| {
                let agent = random.below(LINES);
                let at = self.lines.iter().position(|line| line.agent == Some(agent)).expect("it is never deleted");
                keys.push_str(&format!("/k{agent}=\r"));
                if random.below(5) == 0 {
                    keys.push('o');
                    self.lines.insert(at + 1, Line { agent: None, typed: String::new() });
                    return at + 1;
                }
                keys.push('A');
                at
            });
            for _ in 0..=random.below(6) {
                let letter = char::from(b'a' + u8::try_from(random.below(26)).expect("small"));
                keys.push(letter);
                self.lines[at].typed.push(letter);
            }
        }
        keys
    }
}

/// Whether the model was told that its last edit was applied.
fn applied(request: &Value) -> bool {
    let last = request.as_array().and_then(|messages| messages.last()).expect("a message");
    last["role"] == "tool" && last["content"].as_str().is_some_and(|text| text.starts_with("Edit applied"))
}

/// Neovim tells of what is typed as it does by itself: when the hands have been still for a moment.
#[test]
fn real_neovim_loses_no_keystroke() {
    check(80, 0x1f2e_3d4c_5b6a_7988, "");
}

/// It tells of each key at once.
#[test]
fn real_neovim_loses_no_keystroke_told_at_once() {
    check(160, 0x8877_6655_4433_2211, "vim.lsp.config('interline', { flags = { debounce_text_changes = 0 } })\n");
}

fn check(rounds: usize, seed: u64, more: &str) {
    let (mut random, model) = (Random(seed), ScriptedModel::start());
    let desk = Desk::with_model(&model, &json!({ "edit": "allow" }));
    let mut user =
        User { lines: (0..LINES).map(|n| Line { agent: Some(n), typed: String::new() }).collect(), counts: [0; LINES], at: None };
    desk.write("project/count.lua", &user.text()).setup(Editor::Plugin);
    let init = "home/.config/nvim/init.lua";
    desk.write(init, &format!("{}{more}", desk.read(init)));
    let path = desk.at("project/count.lua");
    let person = Person::open(Editor::Plugin, &desk, "count.lua");
    person.settle("count.lua", "k7=0;");
    let (mut last, mut refused) = (LINES, 0);
    // The edit after `line`, of another one: what became of the line before is not known yet.
    let mut prepare = |counts: &[usize; LINES], last: usize| {
        let line = (last + 1 + random.below(LINES - 1)) % LINES;
        let barrier = Arc::new(Barrier::new(2));
        let (old, new) = (format!("k{line}={};", counts[line]), format!("k{line}={};", counts[line] + 1));
        let arguments = json!({ "filePath": path, "oldString": old, "newString": new });
        model.script([Reply::Held(Arc::clone(&barrier), "edit", arguments)]);
        (line, barrier)
    };
    let mut typing = Random(seed + 1);
    for turn in 0..rounds / TURN {
        let (mut line, mut barrier) = prepare(&user.counts, last % LINES);
        person.command(&format!("Interline ask Count, {turn}."));
        let (first, done) = (turn * (TURN + 1), ["One done.", "Two done.", "Three done.", "Four done."][turn]);
        for round in 1..=TURN {
            // The request before this edit has come: it tells what became of the edit before.
            let _ = model.request(first + round);
            let next = if round < TURN {
                Some(prepare(&user.counts, line))
            } else {
                model.script([Reply::Text(done)]);
                None
            };
            barrier.wait();
            person.keys(&user.keys(&mut typing));
            if applied(&model.request(first + round + 1)) {
                user.counts[line] += 1;
            } else {
                refused += 1;
            }
            last = line;
            if let Some(next) = next {
                (line, barrier) = next;
            }
        }
        if user.at.take().is_some() {
            person.keys(TO_NORMAL);
        }
        person.see(done).see_ended();
    }
    person.command("w").see("written");
    assert_eq!(desk.read("project/count.lua"), user.text());
    assert!(refused * 10 < rounds, "{refused} of {rounds} edits were refused");
    person.leave("qa!");
}
