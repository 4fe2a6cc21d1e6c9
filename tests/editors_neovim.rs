//! Interline in an unmodified Neovim: what a person sees and does, key by key.
//!
//! Must not know the protocol between the two; screens and files are asserted.
//!
//! **Invariant:** Neovim is configured with what `interline setup neovim` writes and nothing else; the plugin has its own tests in `editors_neovim_matrix.rs`.

use std::{path::Path, process::Command};

use interline_tests::{
    editors::{Desk, Editor, Person, installed},
    main_job, stories,
};

#[test]
fn real_neovim_types_undoes_and_saves() {
    let desk = Desk::new();
    desk.write("project/main.lua", "one = 1\ntwo = 2\n");
    let person = Person::open(Editor::Neovim, &desk, "main.lua");
    person.see("two = 2").insert("ggO", "three = 3");
    person.keys("u").miss("three = 3");
    person.redo().see("three = 3");
    person.command("w").see("written");
    assert_eq!(desk.read("project/main.lua"), "three = 3\none = 1\ntwo = 2\n");
    person.leave("q");
}

#[test]
fn real_neovim_asks_allows_undoes_and_saves() {
    main_job::ask_allow_undo_save(Editor::Neovim);
}

#[test]
fn real_neovim_is_left_in_mid_turn_and_resumes() {
    main_job::leave_and_resume(Editor::Neovim);
}

#[test]
fn real_neovim_choice_ends_the_selection() {
    stories::changes::accept_selected(Editor::Neovim);
}

#[test]
fn real_neovim_plugin_units() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("editors").join("neovim/test/unit.lua");
    let desk = Desk::new();
    let mut neovim = Command::new(installed("nvim"));
    neovim.args(["--headless", "-u", "NONE", "-i", "NONE", "-l"]).arg(script).env_clear().envs(desk.environment());
    let out = neovim.output().expect("Neovim starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn real_neovim_knows_a_file_of_no_kind() {
    stories::file_of_no_kind(Editor::Neovim, "notes");
}
