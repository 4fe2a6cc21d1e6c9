//! The matrix of behaviours that are proven in real editors: a test that has passed leaves its cell's proof behind.
//!
//! Must not know which cells there are, nor what becomes of the proofs (`xtask/src/matrix.rs`).
//!
//! **Invariant:** a proof is written after the last assertion of its test, and nowhere else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::editors::{Editor, binary};

/// Runs the story of a cell, and leaves its proof: how it is done there, and by which test. The proof of a run before is gone first.
///
/// # Panics
/// As the story does, or if the proof cannot be written.
pub fn cell(editor: Editor, cell: &str, how: &str, story: impl FnOnce(Editor)) {
    let column = match editor {
        Editor::Plugin => "neovim",
        Editor::Neovim => "neovim-stock",
        Editor::Helix => "helix",
    };
    let folder = proofs().join(column);
    let proof = folder.join(cell);
    // It may be the first run.
    let _ = fs::remove_file(&proof);
    story(editor);
    let thread = std::thread::current();
    let test = thread.name().expect("a test has a name");
    fs::create_dir_all(&folder).and_then(|()| fs::write(&proof, format!("{how}\n{test}\n"))).expect("writes the proof");
}

/// Where proofs are left; those of editors of other versions elsewhere (`INTERLINE_PROOFS`).
///
/// # Panics
/// If the tests were not built by cargo.
#[must_use]
pub fn proofs() -> PathBuf {
    let ordinary = || binary().parent().and_then(Path::parent).map(|target| target.join("matrix")).expect("the build's folder");
    std::env::var_os("INTERLINE_PROOFS").map_or_else(ordinary, PathBuf::from)
}

/// A test for each cell of an editor: its name, its cell, its story, how it is done there.
#[macro_export]
macro_rules! cells {
    ($editor:expr; $($test:ident: $cell:literal, $story:path, $how:literal;)*) => {
        $(
            #[test]
            fn $test() {
                $crate::matrix::cell($editor, $cell, $how, $story);
            }
        )*
    };
}
