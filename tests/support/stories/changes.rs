//! Edits: how they arrive, how they are taken back, how they are reviewed.
//!
//! **Invariant:** as for all stories, only what a person can see is asserted.

use super::*;

/// An edit of an open file arrives in the buffer, and not on the disk.
pub fn edit_open_clean(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([stage.edit(FILE, OLD, NEW), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").see_last("Done.").back(FILE).see(NEW).miss(OLD);
    assert_eq!(stage.read(FILE), BEFORE);
    person.leave("qa!");
}

/// Unsaved text is what the edit is made in, and it stays.
pub fn edit_open_dirty(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([stage.edit(FILE, &format!("{OLD}{UNSAVED}"), &format!("{NEW}{UNSAVED}")), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.insert("A", UNSAVED).ask("Make it exact.").see_last("Done.").back(FILE).see(&format!("{NEW}{UNSAVED}"));
    assert_eq!(stage.read(FILE), BEFORE);
    person.leave("qa!");
}

/// An edit arrives while the user is typing: all that was typed stays, before and after.
pub fn edit_while_typing(editor: Editor) {
    let (stage, barrier) = (Stage::new(editor, "allow"), Arc::new(Barrier::new(2)));
    let Reply::Call(tool, arguments) = stage.edit(FILE, OLD, NEW) else { unreachable!("it is a call") };
    stage.model.script([Reply::Held(Arc::clone(&barrier), tool, arguments), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").back(FILE).see(OLD).begin_insert(3).type_text(" -- before");
    barrier.wait();
    person.see(NEW).keys(", after").see("end -- before, after").end_insert().command("w").see("written");
    assert_eq!(stage.read(FILE), BEFORE.replace(OLD, NEW).replace("end", "end -- before, after"));
    person.leave("qa!");
}

/// A file that is not open is changed, and is so when it is opened.
pub fn edit_unopened(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([stage.edit(OTHER, "side * side", "side ^ 2"), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Make it short.").see_last("Done.").show(OTHER).see("return side ^ 2");
    person.leave("qa!");
}

/// A file is made; it goes with its turn.
pub fn new_file(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    let write = json!({ "filePath": stage.desk.at("project/cube.lua"), "content": "return side ^ 3\n" });
    stage.model.script([Reply::Call("write", write), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Add a cube.").see_last("Done.").show("cube.lua").see("return side ^ 3");
    person.show(FILE).see(OLD).undo_turn().see("Undone");
    assert!(!stage.desk.at("project/cube.lua").exists());
    person.leave("qa!");
}

/// One file is deleted, another renamed, in one patch; and all is as it was without the turn.
pub fn delete_rename(editor: Editor) {
    let model = ScriptedModel::start();
    let desk = Desk::with_model_named("gpt-5", &model, &json!({ "edit": "allow" }));
    desk.write("project/gone.lua", "return 0\n");
    let stage = Stage { model, desk }.set(editor);
    let patch = "*** Begin Patch\n*** Delete File: gone.lua\n*** Update File: square.lua\n*** Move to: quad.lua\n\
        @@\n-return side * side\n+return side ^ 2\n*** End Patch";
    stage.model.script([Reply::Call("apply_patch", json!({ "patchText": patch })), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Tidy up.").see_last("Done.").show("quad.lua").see("return side ^ 2");
    let there = |name: &str| stage.desk.at("project").join(name).exists();
    assert!(!there("gone.lua") && !there(OTHER) && there("quad.lua"));
    person.show(FILE).see(OLD).undo_turn().see("Undone");
    assert!(there("gone.lua") && there(OTHER) && !there("quad.lua"));
    person.leave("qa!");
}

/// One key takes one edit back.
pub fn undo_edit(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([stage.edit(FILE, OLD, NEW), stage.edit(FILE, "area", "surface"), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").see_last("Done.").back(FILE).see(NEW).see("function surface");
    person.keys("u").see("function area").see(NEW);
    person.keys("u").see(OLD);
    person.redo().see(NEW);
    person.leave("qa!");
}

/// All of a turn is taken back, in all files; what the user wrote since stays.
pub fn undo_turn(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([stage.edit(FILE, OLD, NEW), stage.edit(OTHER, "side * side", "side ^ 2"), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").see_last("Done.").back(FILE).see(NEW);
    person.keys("1G").insert("A", UNSAVED).undo_turn().see("Undone").see(OLD).see(UNSAVED);
    assert_eq!(stage.read(OTHER), OTHER_BEFORE);
    person.leave("qa!");
}

/// An accepted change is not marked any more, and stays.
pub fn accept_hunk(editor: Editor) {
    let (_stage, person) = changed(editor);
    person.review("accept").see_no_mark_on(NEW);
    person.leave("qa!");
}

/// A choice for a selection ends the selection at once: otherwise Neovim shows nothing new for seconds.
pub fn accept_selected(editor: Editor) {
    let (_stage, person) = changed(editor);
    person.pick_on_line("accept this change").see_no_mark_on(NEW);
    person.leave("qa!");
}

/// A rejected change is taken back.
pub fn reject_hunk(editor: Editor) {
    let (_stage, person) = changed(editor);
    person.review("reject").see(OLD).miss(NEW);
    person.leave("qa!");
}

fn changed(editor: Editor) -> (Stage, Person) {
    let stage = Stage::new(editor, "allow");
    stage.model.script([stage.edit(FILE, OLD, NEW), Reply::Text("Done.")]);
    let person = stage.person(editor);
    person.ask("Make it exact.").see_last("Done.").back(FILE).see(NEW).see_mark_on(NEW).keys("2G");
    (stage, person)
}

/// From change to change and back.
pub fn next_previous_hunk(editor: Editor) {
    let stage = Stage::new(editor, "allow");
    stage.desk.write("project/six.lua", "one = 1\ntwo = 2\nthree = 3\nfour = 4\nfive = 5\nsix = 6\n");
    stage.model.script([
        stage.edit("six.lua", "two = 2", "two = 22"),
        stage.edit("six.lua", "five = 5", "five = 55"),
        Reply::Text("Done."),
    ]);
    let person = Person::open(editor, &stage.desk, "six.lua");
    person.settle("six.lua", "six = 6").ask("Make it more.").see_last("Done.").back("six.lua");
    person.see_mark_on("two = 22").see_mark_on("five = 55").keys("1G").see_line(1);
    person.go_to_change(true).see_line(2).go_to_change(true).see_line(5).go_to_change(false).see_line(2);
    person.leave("qa!");
}
