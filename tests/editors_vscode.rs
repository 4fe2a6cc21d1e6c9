//! Interline in a real VS Code, with its extension: what a person sees and does. The scenarios are in `editors/vscode/test/e2e`; this starts them.
//!
//! Must not know a scenario.
//!
//! **Invariant:** all of them pass; what each one proves is noted in `target/matrix/vscode`.

use std::{path::Path, process::Command};

use interline_tests::{
    editors::{binary, installed},
    matrix::proofs,
};

#[test]
fn real_vscode_does_what_its_scenarios_say() {
    let extension = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("editors").join("vscode");
    let main = extension.join("dist/e2e/main.js");
    assert!(main.is_file(), "{} is not there: `cargo xtask test` builds it", main.display());
    let binary = binary();
    let target = binary.ancestors().nth(2).expect("the build's folder");
    let mut node = Command::new(installed("node"));
    node.arg(&main).env("INTERLINE", &binary).env("CODE_SERVER", installed("code-server")).env("CHROMIUM", installed("chromium"));
    node.env("VSIX", extension.join("interline.vsix")).env("MATRIX", proofs().join("vscode")).env("SCREENS", target.join("pictures"));
    let out = node.output().expect("node starts");
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}");
}
