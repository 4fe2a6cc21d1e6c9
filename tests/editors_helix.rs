//! Interline in an unmodified Helix: what a person sees and does, key by key.
//!
//! Must not know the protocol between the two; screens and files are asserted.
//!
//! **Invariant:** Helix is configured with what `interline setup helix` writes and nothing else; all but one test without its saving by itself.

use interline_tests::{
    editors::{Desk, Editor, Person},
    main_job, stories,
};

#[test]
fn real_helix_types_undoes_and_saves() {
    let desk = Desk::new();
    desk.write("project/main.lua", "one = 1\ntwo = 2\n");
    let person = Person::open(Editor::Helix, &desk, "main.lua");
    person.see("two = 2").insert("ggO", "three = 3");
    person.keys("u").miss("three = 3");
    person.redo().see("three = 3");
    person.command("w").see("written");
    assert_eq!(desk.read("project/main.lua"), "three = 3\none = 1\ntwo = 2\n");
    person.leave("q");
}

#[test]
fn real_helix_asks_allows_undoes_and_saves() {
    main_job::ask_allow_undo_save(Editor::Helix);
}

#[test]
fn real_helix_is_left_in_mid_turn_and_resumes() {
    main_job::leave_and_resume(Editor::Helix);
}

#[test]
fn real_helix_knows_a_plain_text() {
    stories::file_of_no_kind(Editor::Helix, "notes.txt");
}

#[test]
fn real_helix_tells_what_its_other_servers_found_when_it_asks_for_code_actions() {
    stories::diagnostics_shown(Editor::Helix);
}

#[test]
fn real_helix_saves_what_is_changed_in_a_buffer_that_is_not_shown() {
    stories::hidden_buffer_is_saved();
}
