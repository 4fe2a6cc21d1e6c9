//! The tests in real editors once more, in older and newer ones (`cargo xtask test --all-editors`).
//!
//! Must not know the tests, nor how an editor is installed.
//!
//! **Invariant:** what could not be had is told at the end as not tested; what was tested has passed.

use std::path::Path;

use crate::{
    editors::others::{OTHERS, Other},
    run::{Result, say, step},
    test::target,
    tools,
};

/// Runs each editor's tests, or those of them whose names hold a word; the extension, the binary and the ordinary editors are there.
pub fn test(filters: &[String]) -> Result {
    let (mut report, mut failed) = (Vec::new(), Vec::new());
    for other in OTHERS {
        let found = step(other.name, || other.install());
        match found {
            Err(reason) => report.push(format!("{}: NOT TESTED, it could not be had: {reason}", other.name)),
            Ok((bin, version)) => {
                let passed = step(&format!("tests in {version}"), || tests(other, &bin, filters));
                report.push(format!("{}: {version}, {} cells of the matrix proven", other.name, proven(other)));
                if passed.is_err() {
                    failed.push(other.name);
                }
            }
        }
    }
    say("\neditors of other versions:");
    report.iter().for_each(|line| say(&format!("   {line}")));
    if failed.is_empty() { Ok(()) } else { Err(format!("tests failed in {}", failed.join(", ")).into()) }
}

fn tests(other: &Other, bin: &Path, filters: &[String]) -> Result {
    let proofs = target().join("matrix-of").join(other.name);
    if proofs.exists() {
        std::fs::remove_dir_all(&proofs)?;
    }
    let mut nextest = tools::NEXTEST.command(&["run", "--locked", "--package", "interline-tests", "-E", other.tests])?;
    // Words may name tests of one editor alone.
    nextest.args(["--no-tests", "pass"]).args(filters).env("INTERLINE_EDITORS", bin).env("INTERLINE_PROOFS", proofs);
    crate::run::run(nextest)
}

/// How many cells the tests have left a proof of.
fn proven(other: &Other) -> usize {
    let folder = |column: &&str| target().join("matrix-of").join(other.name).join(column);
    other.columns.iter().filter_map(|column| std::fs::read_dir(folder(column)).ok()).map(Iterator::count).sum()
}
