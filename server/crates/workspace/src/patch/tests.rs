//! What patches say, and what comes of them.

use super::{FileOp, PatchError, apply_update, parse};
use crate::Edits;

/// Applies the hunks `body` to `text`.
fn run(text: &str, body: &str) -> Result<String, PatchError> {
    let files = parse(&format!("*** Begin Patch\n*** Update File: a.txt\n{body}\n*** End Patch"))?;
    let FileOp::Update { chunks, .. } = &files[0].op else { panic!("no update") };
    let edits = apply_update(&files[0].path, text, chunks)?;
    Ok(Edits::new(text.len(), edits).unwrap().apply_str(text).unwrap())
}

fn check(text: &str, body: &str, expect: &str) {
    assert_eq!(run(text, body).as_deref(), Ok(expect), "{body}");
}

fn check_err(text: &str, body: &str, expect: &str) {
    let error = run(text, body).unwrap_err().to_string();
    assert!(error.contains("a.txt") && error.contains(expect), "{error}");
}

#[test]
fn grammar() {
    let text = "*** Begin Patch\n*** Add File: n/a.txt\n+one\n+\n*** Delete File: d\n*** Update File: u\n*** Move to: v\n@@ fn x\n-a\n+b\n*** End of File\n*** End Patch";
    for wrapped in [text.to_owned(), format!("cat <<'EOF'\n{text}\nEOF\n"), format!("<<EOF\n{text}\nEOF")] {
        insta::assert_debug_snapshot!("grammar", parse(&wrapped).unwrap());
    }
    assert_eq!(parse("*** Begin Patch\n-x"), Err(PatchError::Markers));
    assert_eq!(parse("*** Begin Patch\n*** End Patch"), Err(PatchError::Empty));
    assert_eq!(parse("*** Begin Patch\nhello\n*** End Patch"), Err(PatchError::NoFiles));
    assert!(matches!(parse("*** Begin Patch\n*** Add File:\n*** End Patch"), Err(PatchError::NoPath { .. })));
    assert!(matches!(parse("*** Begin Patch\n*** Update File: a\n*** End Patch"), Err(PatchError::NoHunks { .. })));
}

#[test]
fn hunks() {
    check("alpha\nbeta\n1\ngamma\ndelta\n", "@@\n alpha\n-beta\n+BETA\n@@\n gamma\n-delta\n+DELTA", "alpha\nBETA\n1\ngamma\nDELTA\n");
    check("a\nb\n", "-a\n+A", "A\nb\n");
    check("a\nb\n", "@@\n+c", "a\nb\nc\n");
    check("fn a\nx\nfn b\nx\n", "@@ fn b\n-x\n+y", "fn a\nx\nfn b\ny\n");
    check("fn a\nx\n", "@@ fn a\n+y", "fn a\ny\nx\n");
    check("x\ny\nx\n", "@@\n-x\n+z\n*** End of File", "x\ny\nz\n");
    check("a\n\nb\n", "@@\n a\n\n-b\n+c", "a\n\nc\n");
    check("a\nb\n", "@@\n a\n-b\n+c\n ", "a\nc\n");
    check("a\nb\nc\nd\n", "@@\n-a\n+A\n@@\n-d", "A\nb\nc\n");
}

#[test]
fn line_ends() {
    check("a\r\nb\r\nc\r\n", "@@\n a\n-b\n+B\n+B2", "a\r\nB\r\nB2\r\nc\r\n");
    check("a\nb", "@@\n-b\n+c\n+d", "a\nc\nd");
    check("a\nb", "@@\n a\n-b", "a");
    check("a\nb", "@@\n b\n+c", "a\nb\nc");
    check("", "@@\n+a", "a\n");
}

#[test]
fn tolerance() {
    check("a  \n\tb\n", "@@\n a\n-b\n+c", "a  \nc\n");
    // Only the line that the patch takes away goes, though both are alike.
    check("  a\na\n", "@@\n-a\n a", "a\n");
    check("  a\na\n", "@@\n a\n-a", "  a\n");
    check("  x\n\tb\n", "@@\n x\n-b\n+B\n+x", "  x\nB\nx\n");
    check("say “hi” – ok…\n", "@@\n-say \"hi\" - ok...\n+x", "x\n");
}

#[test]
fn errors() {
    check_err("x\ny\nx\n", "@@\n-x\n+z", "lines 1, 3");
    check_err("a\n", "@@ nope\n-a\n+b", "@@ nope");
    check_err("a\nb\n", "@@\n-zz\n+b", "zz");
    check_err("a\nb\n", "@@\n-b\n+c\n@@\n-a\n+d", "after line 2");
}
