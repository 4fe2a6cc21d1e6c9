//! The place that is meant, and what comes of it.

use super::{MatchError, find};
use crate::Edits;

fn run(text: &str, old: &str, new: &str, all: bool) -> Result<String, MatchError> {
    let edits = find(text, old, new, all)?;
    Ok(Edits::new(text.len(), edits).unwrap().apply_str(text).unwrap())
}

fn check(text: &str, old: &str, new: &str, expect: &str) {
    assert_eq!(run(text, old, new, false).as_deref(), Ok(expect), "{old:?} in {text:?}");
}

fn check_err(text: &str, old: &str, new: &str, expect: &MatchError) {
    assert_eq!(run(text, old, new, false).as_ref(), Err(expect), "{old:?} in {text:?}");
}

#[test]
fn exact() {
    check("one\ntwo\n", "two", "deux", "one\ndeux\n");
    check("a b c", "b ", "", "a c");
    check("für x", "ü", "u", "fur x");
    assert_eq!(run("a b a", "a", "x", true).as_deref(), Ok("x b x"));
}

#[test]
fn line_ends() {
    check("one\r\ntwo\r\nthree", "two", "deux\nzwei", "one\r\ndeux\r\nzwei\r\nthree");
    check("one\r\ntwo\r\nthree\r\n", "one\ntwo", "1\n2", "1\r\n2\r\nthree\r\n");
    check("one\ntwo\n", "one\r\ntwo", "1\r\n2", "1\n2\n");
    check("  one  \r\n  two\r\n", "one\ntwo", "1\n2", "  1\r\n  2\r\n");
}

#[test]
fn indentation_and_trailing_blanks() {
    check(
        "class A:\n    def f(self):   \n        return 1\n",
        "def f(self):\n    return 1\n",
        "def f(self):\n    x = 1\n    return x\n",
        "class A:\n    def f(self):\n        x = 1\n        return x\n",
    );
    check("fn a() {\n\tb();\n}\n", "fn a() {\n    b();\n}", "fn a() {\n    c();\n}", "fn a() {\n\tc();\n}\n");
    check("    x = 1\n    y = 2\n", "        x = 1\n        y = 2", "        x = 3\n        y = 2", "    x = 3\n    y = 2\n");
    check("if a:\n    b\nc\n", "if a:\n  b\n", "if a:\n  b\n  d\n", "if a:\n    b\n    d\nc\n");
    check("x\n  a\n\n  b\n", "a\n\nb\n", "a\n\nc\n", "x\n  a\n\n  c\n");
}

#[test]
fn blanks_and_escapes() {
    check("let  x   =  1;\n", "let x = 1;", "let x = 2;", "let x = 2;\n");
    check("f( a,  b ); g();\n", "a, b", "c", "f( c ); g();\n");
    check("say(\"hi\")\n", "say(\\\"hi\\\")", "say(\\\"ho\\\")", "say(\"ho\")\n");
    check("a b\n", "\n\na b\n\n", "\n\nc d\n\n", "c d\n");
}

#[test]
fn anchors() {
    check(
        "fn f() {\n    let total = sum(values);\n    total\n}\n",
        "fn f() {\n    let totals = sum(values);\n    total\n}",
        "fn f() {\n    0\n}",
        "fn f() {\n    0\n}\n",
    );
}

#[test]
fn errors() {
    check_err("a\n", "", "b", &MatchError::EmptyOld);
    check_err("a\n", "a", "a", &MatchError::Same);
    check_err("x\nsame words\ny\nz\nsame words\n", "same words", "other", &MatchError::Ambiguous { lines: vec![2, 5] });
    check_err("  a\n  b\nc\n a\n b\n", "a \nb", "x", &MatchError::Ambiguous { lines: vec![1, 4] });
    check_err("x\naaa\n", "aa", "b", &MatchError::Ambiguous { lines: vec![2] });
    check_err(" a\n a\n a\n", "a \na", "b", &MatchError::Ambiguous { lines: vec![1, 2] });
    check_err("one\ntwo words here\n", "two wards here", "x", &MatchError::NotFound { nearest: Some((2, "two words here".into())) });
    check_err("one\n", "nothing of the kind", "x", &MatchError::NotFound { nearest: None });
    check_err("one\n", "\n\n\n", "x", &MatchError::NotFound { nearest: None });
}

#[test]
fn messages() {
    let text = |error: MatchError| error.to_string();
    assert!(text(MatchError::NotFound { nearest: Some((3, "  abc".into())) }).ends_with("not found; the closest is line 3: abc"));
    assert!(text(MatchError::Ambiguous { lines: vec![2, 5] }).contains("lines 2, 5;"));
}

#[test]
fn a_large_text() {
    let text = "some line of text that repeats\n".repeat(1_300_000) + "the end\n";
    assert_eq!(find(&text, "the end", "x", false).unwrap()[0].range.start, text.len() - 8);
}
