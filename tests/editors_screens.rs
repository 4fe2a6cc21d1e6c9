//! What Neovim and Helix show at work, step by step, for `docs/screens` (`cargo xtask screens`).
//!
//! Must not know how anything is drawn.
//!
//! **Invariant:** a screen is taken when what its caption says is on it.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails with the reason")]

use std::{fmt::Write as _, fs, path::Path};

use interline_tests::{
    editors::{Desk, Editor, Person, binary},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::json;

const FILE: &str = "price.lua";
const TEXT: &str = "local function total(price, count, tax)\n  return price * count - tax\nend\n\nprint(total(3, 4, 2))\n";

struct Film(String);

impl Film {
    fn shot(&mut self, person: &Person, caption: &str) {
        let rule = "─".repeat(100);
        _ = write!(self.0, "── {caption}\n{rule}\n");
        let mut empty = false;
        for line in person.screen().lines().map(|line| line.strip_prefix("  | ").unwrap_or_default().trim_end()) {
            // An empty screen is shown by one line.
            let before = std::mem::replace(&mut empty, line.is_empty() || line.trim() == "~");
            if !(before && empty) {
                _ = writeln!(self.0, "{line}");
            }
        }
        _ = write!(self.0, "{rule}\n\n");
    }
}

/// Ask about a line, look at the prompt, allow, see the change, take it back.
fn film(editor: Editor, name: &str) {
    let model = ScriptedModel::start();
    let desk = Desk::with_model(&model, &json!({ "edit": "ask" }));
    desk.write(&format!("project/{FILE}"), TEXT).setup(editor);
    let edit = json!({ "filePath": desk.at("project").join(FILE), "oldString": "count - tax", "newString": "count + tax" });
    model.script([Reply::Call("edit", edit), Reply::Text("The tax was subtracted; it is added now.")]);
    let mut film = Film(String::new());
    let person = Person::open(editor, &desk, FILE);
    person.settle(FILE, "count - tax").keys("2G");
    film.shot(&person, "A file is open. Interline runs as one of its language servers.");
    person.ask("Why is the total too low?").back(FILE).see_prompt("count - tax");
    film.shot(&person, "A question was asked about the second line. The agent wants to change it, and asks for permission.");
    person.allow(2).see("count + tax").see_mark_on("count + tax");
    film.shot(&person, "Allowed. The change is in the buffer, not on the disk, and is marked until it is reviewed.");
    person.keys("u").see("count - tax").see_no_mark_on("count - tax");
    film.shot(&person, "One `u` takes it back.");
    person.leave("qa!");
    let folder = binary().parent().and_then(Path::parent).map(|target| target.join("screens")).expect("the build's folder");
    fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(format!("{name}.txt")), film.0)).expect("writes the screens");
}

#[test]
fn real_neovim_screens() {
    film(Editor::Plugin, "neovim");
}

#[test]
fn real_helix_screens() {
    film(Editor::Helix, "helix");
}
