//! Interline in an unmodified Helix: what a person sees and does, key by key.
//!
//! Must not know the protocol between the two; screens and files are asserted.
//!
//! **Invariant:** Helix is configured with what `interline setup helix` writes and nothing else.

use interline_tests::{
    editors::Desk,
    terminal::{ENTER, ESC},
};

#[test]
fn real_helix_types_undoes_and_saves() {
    let desk = Desk::new();
    desk.write("project/main.py", "one = 1\ntwo = 2\n");
    let hx = desk.open("hx", &["main.py"]);
    hx.wait_text("two = 2").wait_text("NOR");
    hx.keys("Othree = 3").wait_text("INS").wait_text("three = 3");
    hx.keys(ESC).wait_text("NOR");
    hx.keys("u").wait_gone("three = 3");
    hx.keys("U").wait_text("three = 3");
    hx.keys(":w").keys(ENTER).wait_text("written");
    assert_eq!(desk.read("project/main.py"), "three = 3\none = 1\ntwo = 2\n");
    hx.keys(":q").keys(ENTER);
    assert!(hx.wait_end().success());
}
