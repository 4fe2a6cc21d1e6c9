//! The paths that a command names.
//!
//! Must not know where the project lies: whoever runs the command compares.
//!
//! **Invariant:** a word that begins like a path elsewhere (`/`, `~`, `..`) is named, whatever the command.

use super::{PathKind, PathRef, Word};

/// Adds a word as a path.
pub(super) fn add(word: &Word, kind: PathKind, out: &mut Vec<PathRef>) {
    add_text(&word.text, word, kind, out);
    add_within(word, kind, out);
}

/// Adds the paths elsewhere that the shell may take out of the middle of a word: `{/x,a}`, `$'/x'`, `${y:-/x}`.
fn add_within(word: &Word, kind: PathKind, out: &mut Vec<PathRef>) {
    if !word.dynamic {
        return;
    }
    for (at, _) in word.text.match_indices(['/', '~']) {
        let after = word.text.get(..at).and_then(|before| before.chars().next_back());
        if after.is_some_and(|c| "{,'\"=:-+(<>| ".contains(c)) {
            let rest = word.text.get(at..).unwrap_or_default();
            let path = rest.split([',', '}', '\'', '"', ')', ' ']).next().unwrap_or(rest);
            add_text(path, word, kind, out);
        }
    }
}

fn add_text(text: &str, word: &Word, kind: PathKind, out: &mut Vec<PathRef>) {
    let skipped = word.text.len() - text.len();
    let text = match word.glob.and_then(|at| at.checked_sub(skipped)) {
        Some(at) => text.get(..at).unwrap_or(text),
        None => text,
    };
    let path = PathRef { text: text.to_owned(), literal: !word.dynamic, kind };
    if !text.is_empty() && !out.contains(&path) {
        out.push(path);
    }
}

/// Adds a word if it may lead out of the project.
pub(super) fn add_if_elsewhere(word: &Word, out: &mut Vec<PathRef>) {
    let elsewhere = |text: &str| text.starts_with(['/', '~']) || text.split('/').any(|part| part == "..");
    if elsewhere(&word.text) {
        add(word, PathKind::Read, out);
    } else if let Some((_, value)) = word.text.split_once('=').filter(|(_, value)| elsewhere(value)) {
        add_text(value, word, PathKind::Write, out);
    } else {
        add_within(word, PathKind::Read, out);
    }
}

/// Adds all paths of a command.
pub(super) fn of_command(argv: &[Word], out: &mut Vec<PathRef>) {
    let Some((name, rest)) = argv.split_first() else { return };
    let name = super::effects::base_name(&name.text);
    if let Some(program) = argv.first().filter(|word| word.text.contains('/')) {
        // A program elsewhere on the search path is no matter of the project's files.
        if program.text.split('/').any(|part| part == "..") || program.text.starts_with('~') {
            add(program, PathKind::Read, out);
        }
    }
    let operands: Vec<&Word> = rest.iter().filter(|word| !word.text.starts_with('-') || word.text == "-").collect();
    match name {
        "cd" | "chdir" | "pushd" | "popd" => {
            if operands.is_empty() && name != "popd" {
                out.push(PathRef { text: "~".into(), literal: true, kind: PathKind::Cd });
            }
            operands.iter().for_each(|word| add(word, PathKind::Cd, out));
        }
        "rm" | "mv" | "mkdir" | "rmdir" | "touch" | "tee" | "truncate" | "shred" | "unlink" | "mkfifo" => {
            operands.iter().for_each(|word| add(word, PathKind::Write, out));
        }
        "chmod" | "chown" | "chgrp" => operands.iter().skip(1).for_each(|word| add(word, PathKind::Write, out)),
        "cp" | "ln" | "install" | "rsync" | "scp" => {
            for (at, word) in operands.iter().enumerate() {
                add(word, if at + 1 == operands.len() { PathKind::Write } else { PathKind::Read }, out);
            }
        }
        "dd" => {
            for word in &operands {
                if let Some(path) = word.text.strip_prefix("of=") {
                    add_text(path, word, PathKind::Write, out);
                } else if let Some(path) = word.text.strip_prefix("if=") {
                    add_text(path, word, PathKind::Read, out);
                }
            }
        }
        "cat" | "head" | "tail" | "less" | "more" | "ls" | "wc" | "source" | "." | "find" | "stat" | "file" | "tree" | "du" => {
            operands
                .iter()
                .take_while(|word| name != "find" || !matches!(word.text.as_str(), "(" | "!"))
                .for_each(|word| add(word, PathKind::Read, out));
        }
        "sed" if rest.iter().any(|word| word.text.starts_with("-i") || word.text.starts_with("--in-place")) => {
            operands.iter().skip(1).for_each(|word| add(word, PathKind::Write, out));
        }
        "grep" | "egrep" | "fgrep" | "rg" | "ag" | "sed" | "awk" | "jq" => {
            let given =
                rest.iter().any(|word| word.text.starts_with("-e") || word.text.starts_with("-f") || word.text.starts_with("--regexp"));
            operands.iter().skip(usize::from(!given)).for_each(|word| add_if_elsewhere(word, out));
        }
        "echo" | "printf" | "test" | "[" => return,
        "git" => {
            let mut words = rest.iter();
            while let Some(word) = words.next() {
                if word.text == "-C"
                    && let Some(dir) = words.next()
                {
                    add(dir, PathKind::Cd, out);
                }
            }
            rest.iter().for_each(|word| add_if_elsewhere(word, out));
        }
        _ => rest.iter().for_each(|word| add_if_elsewhere(word, out)),
    }
    // Options may name files too: `--output=/x`, `-t /x`.
    rest.iter().filter(|word| word.text.starts_with('-')).for_each(|word| add_if_elsewhere(word, out));
}
