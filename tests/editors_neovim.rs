//! Interline in an unmodified Neovim: what a person sees and does, key by key.
//!
//! Must not know the protocol between the two; screens and files are asserted.
//!
//! **Invariant:** Neovim is configured with what `interline setup neovim` writes and nothing else.

use interline_tests::{
    editors::Desk,
    terminal::{ENTER, ESC},
};

#[test]
fn real_neovim_types_undoes_and_saves() {
    let desk = Desk::new();
    desk.write("project/main.py", "one = 1\ntwo = 2\n");
    let nvim = desk.open("nvim", &["--clean", "main.py"]);
    nvim.wait_text("two = 2");
    nvim.keys("Othree = 3").wait_text("-- INSERT --").wait_text("three = 3");
    nvim.keys(ESC).wait_gone("-- INSERT --");
    nvim.keys("u").wait_gone("three = 3");
    nvim.keys("\x12").wait_text("three = 3");
    nvim.keys(":w").keys(ENTER).wait_text("written");
    assert_eq!(desk.read("project/main.py"), "three = 3\none = 1\ntwo = 2\n");
    nvim.keys(":q").keys(ENTER);
    assert!(nvim.wait_end().success());
}
