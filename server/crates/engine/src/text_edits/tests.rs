//! Answers as small models write them, and what becomes of them.

use std::fmt::Write as _;

use super::*;

const A: &str = "def area(w, h):\n    return w + h\n\n\ndef main():\n    print(area(2, 3))\n\n\nmain()\n";
const FIXED: &str = "def area(w, h):\n    return w * h\n\n\ndef main():\n    print(area(2, 3))\n\n\nmain()\n";

fn file(name: &str, text: &str) -> Shown {
    Shown { name: name.into(), text: text.into(), selected: false, whole: true }
}

fn told(edits: &[TextEdit]) -> String {
    let mut out = String::new();
    for edit in edits {
        let _ = match &edit.action {
            Action::Write(text) if text == FIXED => writeln!(out, "write {} FIXED", edit.file),
            Action::Write(text) => writeln!(out, "write {} {text:?}", edit.file),
            Action::Replace { old, new } => writeln!(out, "replace {} {old:?} {new:?}", edit.file),
            Action::Refuse(why) => writeln!(out, "refuse {}: {why}", edit.file),
        };
    }
    out
}

/// `FIXED` in the answer stands for the text. Each line of `expect` is the beginning of what becomes of it; `…` skips words.
fn check_with(shown: &[Shown], asked: &str, whole: bool, answer: &str, expect: &str) {
    let answer = answer.replace("FIXED\n", FIXED);
    let got = told(&parse(&answer, Reading { shown, asked, whole }));
    let fits = |got: &str, want: &str| {
        let mut rest = got;
        want.split('…').enumerate().all(|(n, piece)| match rest.find(piece).filter(|at| n > 0 || *at == 0) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
    };
    let wants: Vec<&str> = expect.lines().collect();
    assert!(
        got.lines().count() == wants.len() && got.lines().zip(&wants).all(|(got, want)| fits(got, want)),
        "{answer}\n--- got\n{got}--- wanted\n{expect}"
    );
}

fn check(answer: &str, expect: &str) {
    check_with(&[file("src/a.py", A)], "Fix the area.", true, answer, expect);
}

#[test]
fn whole_files_by_every_kind_of_name() {
    for answer in [
        "File: src/a.py\n```python\nFIXED\n```\n",
        "File: src/a.py (changed)\n```\nFIXED\n```\n",
        "File: `src/a.py`\n\n```\nFIXED\n```\n",
        "**File: src/a.py**\n```python\nFIXED\n```",
        "Here it is.\n\n```python src/a.py\nFIXED\n```\nDone.",
        "```python:src/a.py\nFIXED\n```",
        "```src/a.py\nFIXED\n```",
        "```python title=\"src/a.py\"\nFIXED\n```",
        "``` {.python file=src/a.py}\nFIXED\n```",
        "### src/a.py\n```python\nFIXED\n```",
        "## 1. `src/a.py`\n```python\nFIXED\n```",
        "**src/a.py**:\n```python\nFIXED\n```",
        "1. **a.py**\n\nThe sum was wrong.\n\n```python\nFIXED\n```",
        "Here is the updated `a.py`:\n```python\nFIXED\n```",
        "```python\n# src/a.py\nFIXED\n```",
        "```python\n# File: src/a.py\nFIXED\n```",
        "```python\nFile: a.py\nFIXED\n```",
        "File: ./src/a.py\n~~~\nFIXED\n~~~",
        "File: /home/me/project/src/a.py\n````python\nFIXED\n````",
        "```python\nFIXED\n```",
        "The fix:\n\n  ```python\nFIXED\n  ```\n\nRun it with:\n```bash\npython src/a.py\n```",
    ] {
        check(answer, "write src/a.py FIXED\n");
    }
    check(&"File: src/a.py\n```python\nFIXED\n```\n".replace('\n', "\r\n").replace("FIXED\r\n", "FIXED\n"), "write src/a.py FIXED\n");
}

#[test]
fn the_final_line_break_is_the_files() {
    let bare = [file("a.txt", "one\ntwo")];
    check_with(&bare, "Change it.", true, "File: a.txt\n```\none\n2\n```", "write a.txt \"one\\n2\"");
}

#[test]
fn search_replace() {
    let edit = "replace src/a.py \"    return w + h\\n\" \"    return w * h\\n\"";
    for answer in [
        "File: src/a.py\n<<<<<<< SEARCH\n    return w + h\n=======\n    return w * h\n>>>>>>> REPLACE\n",
        "File: src/a.py\n```python\n<<<<<<< SEARCH\n    return w + h\n=======\n    return w * h\n>>>>>>> REPLACE\n```\n",
        "```python\nFile: src/a.py\n<<<<<<< SEARCH\n    return w + h\n=======\n    return w * h\n>>>>>>> REPLACE\n```\n",
        "<<<<<<< SEARCH src/a.py\n    return w + h\n=======\n    return w * h\n>>>>>>> REPLACE",
        "<<<<< SEARCH\n    return w + h\n=====\n    return w * h\n>>>>> REPLACE",
        "```\n<<<<<<< ORIGINAL\n    return w + h\n=======\n    return w * h\n>>>>>>> UPDATED\n```",
        "```\n<<<<<<< SEARCH\n    return w + h\n=======\n    return w * h\n```",
        "```diff\n-    return w + h\n+    return w * h\n```",
    ] {
        check(answer, edit);
    }
    check(
        "src/a.py\n<<<<<<< SEARCH\nmain()\n=======\n>>>>>>> REPLACE\nand\n<<<<<<< SEARCH\n    print(area(2, 3))\n=======\n    print(area(3, 2))\n>>>>>>> REPLACE",
        "replace src/a.py \"main()\\n\" \"\"\nreplace src/a.py \"    print(area(2, 3))\\n\" \"    print(area(3, 2))\\n\"",
    );
    check("File: src/a.py\n<<<<<<< SEARCH\n    return w + h\n>>>>>>> REPLACE", "refuse src/a.py: a search/replace block is not whole");
    check("File: src/a.py\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE", "refuse src/a.py: …nothing between SEARCH");
    check("File: src/a.py\n<<<<<<< SEARCH\nmain()\n=======\nmain()\n>>>>>>> REPLACE", "refuse src/a.py: …exactly as it is");
    check(
        "File: src/a.py\n<<<<<<< SEARCH\ndef area(w, h):\n    # ... existing code\n=======\ndef area(a, b):\n    # ... existing code\n>>>>>>> REPLACE",
        "refuse src/a.py: …leaves lines out",
    );
}

#[test]
fn diffs() {
    check(
        "```diff\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n def area(w, h):\n-    return w + h\n+    return w * h\n@@ -9 +9 @@\n-main()\n+run()\n```",
        "replace src/a.py \"def area(w, h):\\n    return w + h\\n\" \"def area(w, h):\\n    return w * h\\n\"\nreplace src/a.py \"main()\\n\" \"run()\\n\"",
    );
    // Without the blank before lines that stay.
    check(
        "File: src/a.py\n```diff\ndef main():\n-    print(area(2, 3))\n+    print(area(3, 3))\n```",
        "replace src/a.py \"def main():\\n    print(area(2, 3))\\n\" \"def main():\\n    print(area(3, 3))\\n\"",
    );
}

#[test]
fn what_leaves_parts_out_is_refused() {
    for sign in [
        "# ... rest of code unchanged",
        "# rest of the code remains the same",
        "# ...",
        "    # … existing code …",
        "// ... (other functions unchanged)",
        "[...]",
        "# (existing code here)",
        "/* ... remaining implementation ... */",
        "<!-- ... same as before ... -->",
    ] {
        check(
            &format!("File: src/a.py\n```python\ndef area(w, h):\n    return w * h\n\n{sign}\n\nmain()\n```"),
            "refuse src/a.py: the answer leaves parts of it out",
        );
    }
    check("File: src/a.py\n```python\ndef area(w, h):\n    return w * h\n```", "refuse src/a.py: the answer has …of its 5 lines");
    check("File: src/a.py\n```python\n```", "refuse src/a.py: the answer has 0 of its 5 lines");
    check(
        "File: src/a.py\n```python\ndef main():\n    print(area(3, 3))\n\n\nmain()\n```",
        "refuse src/a.py: the answer has 3 of its 5 lines",
    );
    let long: String = (0..20).map(|n| format!("line {n}\n")).collect();
    let files = [file("a.txt", &long)];
    let piece =
        |range: std::ops::Range<usize>| format!("File: a.txt\n```\n{}```", range.map(|n| format!("line {n}\n")).collect::<String>());
    check_with(&files, "Change the lines.", true, &piece(3..20), "refuse a.txt: the answer has 17 of its 20 lines");
    check_with(&files, "Change the lines.", true, &piece(0..17), "refuse a.txt: the answer has 17 of its 20 lines");
    check_with(&files, "Delete the first ten.", true, &piece(10..20), "write a.txt");
    check_with(&files, "Delete most.", true, &piece(18..20), "refuse a.txt: the answer has 2 of its 20 lines");
    // A function that is silently left out: as the model wrote it when it was asked for a new name.
    let two = [file("o.py", "def total(lines):\n    return sum(lines)\n\n\ndef summary(name, lines):\n    return name\n")];
    check_with(
        &two,
        "Rename total to all.",
        true,
        "File: o.py\n```\ndef all(lines):\n    return sum(lines)\n```",
        "refuse o.py: the answer has 2 of its 4 lines",
    );
    let three = [file("o.py", "def total(lines):\n    return sum(lines)\n\n\ndef summary(name): return name\n\n\nprint(total([1]))\n")];
    let renamed = "File: o.py\n```\ndef all(lines):\n    return sum(lines)\n\n\nprint(all([1]))\n```";
    check_with(&three, "Rename total to all.", true, renamed, "refuse o.py: `summary` is missing");
    check_with(&three, "Rename total to all, without summary.", true, renamed, "write o.py");
    // A sign that the user wrote, and a body that is one, leave nothing out.
    let own = [file("a.py", "# ... rest of code unchanged\nx = 1\n")];
    check_with(&own, "Set x to 2.", true, "File: a.py\n```\n# ... rest of code unchanged\nx = 2\n```", "write a.py");
    check_with(&own, "Add a stub.", true, "File: a.py\n```\n# ... rest of code unchanged\nx = 2\ndef f():\n    ...\n```", "write a.py");
}

#[test]
fn an_answer_that_was_cut_changes_nothing_of_what_it_cuts() {
    let shown = [file("src/a.py", A), file("b.py", "x = 1\n")];
    let cut = "File: b.py\n```\nx = 2\n```\nFile: src/a.py\n```python\ndef area(w, h):\n    return w * h\n\n\ndef main():\n    print(area(2, 3))\n";
    check_with(&shown, "Fix both.", false, cut, "write b.py \"x = 2\\n\"\nrefuse src/a.py: the answer was cut");
    check_with(&shown, "Fix it.", false, "<<<<<<< SEARCH\nx = 1\n=======\nx =", "refuse : the answer was cut");
    check_with(&shown[..1], "Fix it.", false, "```python\ndef area(w, h):\n    return", "refuse : the answer was cut");
    // A fence that was merely forgotten at the end of a whole answer.
    check("File: src/a.py\n```python\nFIXED\n", "write src/a.py FIXED");
}

#[test]
fn several_files_and_new_ones() {
    let shown = [file("src/a.py", A), file("src/b.py", "import a\n"), file("web/b.py", "import b\n")];
    check_with(
        &shown,
        "Change them.",
        true,
        "### src/b.py\n```python\nimport a, os\n```\n### a.py\n```python\nFIXED\n```\nFile: docs/new.md\n````markdown\n# New\n```sh\nrun\n```\n````\n",
        "write src/b.py \"import a, os\\n\"\nwrite src/a.py FIXED\nwrite docs/new.md \"# New\\n```sh\\nrun\\n```\\n\"",
    );
    // `b.py` may be either: it is taken for a new file by nobody but the tools.
    check_with(&shown, "Change it.", true, "`b.py` or so:\n```python\nx\n```", "");
    check_with(&shown, "Fix it.", true, "```python\nFIXED\n```", "write src/a.py FIXED");
    check_with(
        &shown,
        "Fix it.",
        true,
        "```python\ndef area(w, h):\n    return w * h\n```",
        "refuse : the code in the answer names no file",
    );
    check_with(&[], "Write a script.", true, "File: hello.py\n```python\nprint(1)\n```", "write hello.py \"print(1)\\n\"");
    check_with(&[], "Write a script.", true, "Save it:\n```bash\npython hello.py\n```", "");
}

#[test]
fn blocks_within_blocks() {
    let shown = [file("README.md", "# Title\n\n```sh\nold\n```\n\nEnd.\n")];
    let new = "write README.md \"# Title\\n\\n```sh\\nnew\\n```\\n\\nEnd.\\n\"";
    check_with(&shown, "Update it.", true, "File: README.md\n```markdown\n# Title\n\n```sh\nnew\n```\n\nEnd.\n```\n", new);
    check_with(&shown, "Update it.", true, "File: README.md\n````\n# Title\n\n```sh\nnew\n```\n\nEnd.\n````\n", new);
    check_with(
        &[],
        "Write it.",
        true,
        "File: a.py\n```python\ndef f():\n    \"\"\"\n    ```\n    f()\n    ```\n    \"\"\"\n```",
        "write a.py \"def f():\\n    \\\"\\\"\\\"\\n    ```\\n    f()\\n    ```\\n    \\\"\\\"\\\"\\n\"",
    );
}

#[test]
fn the_last_word_on_a_file_counts() {
    check(
        "Before:\n\nFile: src/a.py\n```python\ndef area(w, h):\n    return w + h\n\n\ndef main():\n    print(area(2, 3))\n\n\nmain()\n```\nAfter:\n\nFile: src/a.py\n```python\nFIXED\n```",
        "write src/a.py FIXED",
    );
    check(&format!("File: src/a.py\n```python\n{A}```"), "refuse src/a.py: the answer gives it exactly as it is already");
    check("I would multiply.", "");
}

#[test]
fn a_file_that_was_shown_in_part_is_not_replaced() {
    let part = [Shown { whole: false, ..file("big.py", A) }];
    check_with(&part, "Fix it.", true, "File: big.py\n```python\nFIXED\n```", "refuse big.py: it was not shown whole");
}

#[test]
fn the_example_is_no_edit() {
    check(&format!("File: {EXAMPLE}\n```python\nprint(\"Hello\")\n```"), "");
    check_with(
        &[file(EXAMPLE, "x\n")],
        "Change it.",
        true,
        &format!("File: {EXAMPLE}\n```python\ny\n```"),
        "write example/greet.py \"y\\n\"",
    );
}

#[test]
fn a_question_changes_nothing() {
    let answer = "File: src/a.py\n```python\nFIXED\n```";
    for question in [
        "What does this do?",
        "explain this",
        "Explain the function.",
        "It prints 5. Why?",
        "How would you make it faster",
        "Is `area` right?",
        "Answer this AI? comment without changing anything: can you fix it",
        "Do the tests cover this?",
        "Was macht das？",
        "```python\nfix()\n```\nWhat is wrong here?",
    ] {
        check_with(&[file("src/a.py", A)], question, true, answer, "");
    }
    for request in [
        "Fix it.",
        "Why is it 5? Fix it.",
        "Can you fix this?",
        "the area is wrong, could you have a look at it?",
        "Rename it, ok?",
        "Fix it. What was wrong?",
        "do the same for b",
        "The result should be 6.",
        "When w is 0, return 0.",
    ] {
        check_with(&[file("src/a.py", A)], request, true, answer, "write src/a.py FIXED");
    }
}

proptest::proptest! {
    #[test]
    fn any_answer_can_be_read(answer in "(File: |a\\.py|```|python|<<<<<<< SEARCH|=======|>>>>>>> REPLACE|@@|\\+|-|\n|\n|x = 1|\\.\\.\\.|é| ){0,60}", whole: bool) {
        let shown = [file("a.py", "x = 1\ny = 2\n")];
        for edit in parse(&answer, Reading { shown: &shown, asked: "Fix it.", whole }) {
            proptest::prop_assert!(!matches!(edit.action, Action::Write(text) if text == shown[0].text));
        }
    }
}
