//! What our plugin for Neovim adds beyond the matrix: keys of the user's choice, completion of its command, what it draws, that it saves, undo histories.
//!
//! Must not know the protocol between the plugin and the server; screens and files are asserted.
//!
//! **Invariant:** Neovim has our plugin, the options and keys that `Desk::setup` writes, and nothing else.

use interline_tests::{
    editors::{Desk, Editor, Person},
    scripted_model::{Reply, ScriptedModel},
    stories,
    terminal::ENTER,
};
use serde_json::json;

const TEXT: &str = "one = 1\ntwo = 2\n\nthree = 3\n";

fn desk(model: &ScriptedModel) -> Desk {
    let desk = Desk::with_model(model, &json!({ "edit": "allow", "bash": "allow" }));
    desk.write("project/main.lua", TEXT).setup(Editor::Plugin);
    desk
}

fn person(desk: &Desk) -> Person {
    let person = Person::open(Editor::Plugin, desk, "main.lua");
    person.settle("main.lua", "three = 3");
    person
}

#[test]
fn real_neovim_plugin_asks_by_motion() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Text("Two numbers.")]);
    let person = person(&desk);
    person.keys(" aip").see("Ask Interline:").keys(&format!("What is this?{ENTER}")).see("Two numbers.");
    let asked = model.request(1).to_string();
    assert!(asked.contains("selected lines 1-2 of main.lua") && asked.contains("What is this?"), "{asked}");
    person.leave("qa!");
}

#[test]
fn real_neovim_plugin_choice_ends_the_selection() {
    stories::changes::accept_selected(Editor::Plugin);
}

#[test]
fn real_neovim_plugin_completes_its_command() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let person = person(&desk);
    person.keys(":Interline acc\t").see(":Interline accept").keys(" a\t").see(":Interline accept all").keys("\x03").miss(":Interline");
    person.command("Interline nonsense").see("there is no `:Interline nonsense`");
    person.leave("qa!");
}

#[test]
fn real_neovim_plugin_draws_the_lines_that_are_gone() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    let edit =
        |old: &str, new: &str| Reply::Call("edit", json!({ "filePath": desk.at("project/main.lua"), "oldString": old, "newString": new }));
    model.script([edit("one = 1", "one = 11"), edit("three = 3\n", ""), Reply::Text("Done.")]);
    let person = person(&desk);
    person
        .command("lua require('interline').setup({ chat = { on_ask = false }, hunks = { deleted = true } })")
        .command("Interline ask Change it.");
    // Also above the first line.
    person.see("one = 11").wait_for("both lines", |screen| screen.lines().any(|line| line.trim() == "one = 1"));
    person.wait_for("the line that is gone", |screen| screen.has("▁") && screen.lines().any(|line| line.trim() == "three = 3"));
    person.command("Interline accept all").wait_for("the marks to go", |screen| !screen.has("three = 3") && !screen.has("┃"));
    person.leave("qa!");
}

#[test]
fn real_neovim_plugin_saves_before_a_command() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    model.script([Reply::Call("bash", json!({ "command": "cat main.lua", "description": "Shows the file" })), Reply::Text("Seen.")]);
    let person = person(&desk);
    person.insert("A", " -- not saved yet").ask("Run it.").see("Seen.");
    assert!(model.request(2).to_string().contains("not saved yet"));
    assert_eq!(desk.read("project/main.lua"), TEXT.replace("one = 1", "one = 1 -- not saved yet"));
    person.miss("main.lua [+]");
    person.leave("qa!");
}

#[test]
fn real_neovim_plugin_continues_the_undo_history_of_a_file_that_is_not_open() {
    let model = ScriptedModel::start();
    let desk = desk(&model);
    desk.write("home/.config/nvim/plugin/history.lua", "vim.o.undofile = true\n").write("project/other.lua", "four = 4\n");
    let edit = json!({ "filePath": desk.at("project/other.lua"), "oldString": "four = 4", "newString": "four = 44" });
    model.script([Reply::Call("edit", edit), Reply::Text("Done.")]);
    let person = person(&desk);
    person.show("other.lua").see("four = 4").insert("A", " -- mine").command("w").see("written").command("bwipeout").see("three = 3");
    person.ask("Change the other.").see("Done.");
    assert_eq!(desk.read("project/other.lua"), "four = 44 -- mine\n");
    person.show("other.lua").see("four = 44 -- mine");
    person.keys("u").see("four = 4 -- mine").keys("u").miss("-- mine").see("four = 4");
    person.leave("qa!");
}

#[test]
fn real_neovim_plugin_knows_a_file_of_no_kind() {
    stories::file_of_no_kind(Editor::Plugin, "notes");
}
