//! **Invariant:** see `undo.rs`; the property test plays an agent, then a user, then undo and redo.

use proptest::prelude::*;

use super::*;
use crate::Route;
use crate::disk_workspace::plan as apply;

fn key() -> DocKey {
    DocKey::file("/p/a")
}

fn record(before: Option<Content>, after: Option<Content>) -> Applied {
    Applied { key: key(), before, after, route: Route::Disk }
}

fn texts(texts: &[&str]) -> Vec<Applied> {
    texts.windows(2).map(|w| record(Some(Content::text(w[0])), Some(Content::text(w[1])))).collect()
}

/// What the document holds after the plan, and what was kept.
fn run(plan: UndoPlan, now: Option<Content>) -> (Option<Content>, Vec<String>) {
    let kept = plan.kept.iter().map(ToString::to_string).collect();
    let done = apply(plan.changes, |_| Ok(now.clone())).unwrap();
    (done.ends.into_iter().next().map_or(now, |end| end.end), kept)
}

fn state(now: &Option<Content>) -> impl Fn(&DocKey) -> Option<CurrentState> {
    |_| now.clone().map(|content| CurrentState { content: Some(content), version: None, gone: false })
}

fn undo(records: &[Applied], now: Option<Content>) -> (Option<Content>, Vec<String>) {
    run(plan_undo(records, state(&now)), now)
}

fn redo(records: &[Applied], now: Option<Content>) -> (Option<Content>, Vec<String>) {
    run(plan_redo(records, state(&now)), now)
}

fn binary(bytes: &[u8]) -> Content {
    Content { data: Data::Binary(bytes.into()), bom: false, mode: None }
}

#[track_caller]
fn check(steps: &[&str], now: &str, expect: &str, kept: &[&str]) {
    let (text, said) = undo(&texts(steps), Some(Content::text(now)));
    assert_eq!((text.unwrap().as_text().unwrap(), &said[..]), (expect, &kept.iter().map(ToString::to_string).collect::<Vec<_>>()[..]));
}

#[test]
fn later_words_of_the_user_stay() {
    check(&["a\nb\nc\n", "a\nB\nc\n"], "a\nB\nc\n", "a\nb\nc\n", &[]);
    check(&["a\nb\nc\n", "a\nB\nc\n"], "user\na\nB\nc\nuser\n", "user\na\nb\nc\nuser\n", &[]);
    check(&["x = f(1)  # n\n", "x = f(22)  # n\n"], "x = f(22)  # n by the user\n", "x = f(1)  # n by the user\n", &[]);
    check(&["a\n", "b\n", "c\n"], "c\nuser\n", "a\nuser\n", &[]);
    // The editor's own undo was quicker.
    check(&["a\n", "b\n"], "a\n", "a\n", &[]);
}

#[test]
fn what_the_user_rewrote_is_kept_and_named() {
    let why = "these lines were changed since and stay as they are";
    check(&["a\nb\nc\nd\n", "A\nb\nC\nd\n"], "A\nb\nuser's\nd\n", "a\nb\nuser's\nd\n", &[&format!("line 3: {why}")]);
    check(&["a\nb\nc\n", "new\na\nb\nC\n"], "new\na\nb\nuser's\n", "a\nb\nuser's\n", &[&format!("line 3: {why}")]);
}

#[test]
fn made_and_deleted_files() {
    let text = |text: &str| Some(Content::text(text));
    let made = [record(None, text("x"))];
    assert_eq!(undo(&made, text("x")), (None, vec![]));
    assert_eq!(undo(&made, text("x by the user")), (text("x by the user"), vec!["it was changed since it was made".into()]));
    assert_eq!(undo(&made, None), (None, vec![]));
    assert_eq!(redo(&made, None), (text("x"), vec![]));
    let deleted = [record(text("x"), None)];
    assert_eq!(undo(&deleted, None), (text("x"), vec![]));
    assert_eq!(undo(&deleted, text("y")), (text("y"), vec!["it was made anew since".into()]));
    assert_eq!(redo(&deleted, text("x")), (None, vec![]));
    let both = [record(None, text("x")), record(text("x"), text("y"))];
    assert_eq!(undo(&both, text("y")), (None, vec![]));
    assert_eq!(redo(&both, None), (text("y"), vec![]));
    assert_eq!(undo(&texts(&["a", "b"]), None), (None, vec!["it was deleted since".into()]));
}

#[test]
fn what_is_no_text_is_undone_if_it_is_unchanged() {
    let records = [record(Some(binary(&[0, 1])), Some(binary(&[0, 2])))];
    assert_eq!(undo(&records, Some(binary(&[0, 2]))), (Some(binary(&[0, 1])), vec![]));
    let kept = vec!["it is no text, and was changed since".to_owned()];
    assert_eq!(undo(&records, Some(binary(&[0, 3]))), (Some(binary(&[0, 3])), kept));
}

#[test]
fn the_mode_is_restored_unless_somebody_else_changed_it() {
    let content = |text: &str, mode| Content { mode: Some(mode), ..Content::text(text) };
    let records = [record(Some(content("a\n", 0o644)), Some(content("a\n", 0o755)))];
    assert_eq!(undo(&records, Some(content("a\n", 0o755))).0, Some(content("a\n", 0o644)));
    assert_eq!(undo(&records, Some(content("a\n", 0o700))).0, Some(content("a\n", 0o700)));
    assert_eq!(undo(&records, Some(content("a\nuser\n", 0o755))).0, Some(content("a\nuser\n", 0o644)));
}

#[test]
fn what_cannot_be_read_is_named() {
    let plan = plan_undo(&texts(&["a", "b"]), |_| Some(CurrentState { content: None, version: None, gone: false }));
    assert!(plan.changes.is_empty());
    assert_eq!(plan.kept[0].to_string(), "it cannot be read");
}

/// A change of a text at parts of its length: what is replaced by what.
fn edited(text: &str, edits: &[(f64, usize, String)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, remove, insert) in edits {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
        let at = (at * chars.len() as f64) as usize;
        let end = (at + remove).min(chars.len());
        chars.splice(at..end, insert.chars());
    }
    chars.into_iter().collect()
}

fn agents() -> impl Strategy<Value = Vec<(f64, usize, String)>> {
    prop::collection::vec((0.0..1.0, 0..12_usize, "[a-c \n]{0,12}"), 1..4)
}

proptest! {
    #[test]
    fn no_word_of_the_user_is_lost_and_nothing_else_is_left(
        start in "[a-c \n]{0,60}",
        agent in prop::collection::vec(agents(), 1..4),
        user in prop::collection::vec((0.0..1.0, 0..4_usize), 0..5),
    ) {
        let mut steps = vec![start];
        for edits in &agent {
            let next = edited(&steps[steps.len() - 1], edits);
            steps.push(next);
        }
        let records = texts(&steps.iter().map(String::as_str).collect::<Vec<_>>());
        let last = steps[steps.len() - 1].clone();
        // Alone, undo and redo are exact.
        let (undone, kept) = undo(&records, Some(Content::text(last.clone())));
        prop_assert_eq!((undone.clone(), kept.len()), (Some(Content::text(steps[0].clone())), 0));
        let (redone, kept) = redo(&records, undone);
        prop_assert_eq!((redone, kept.len()), (Some(Content::text(last.clone())), 0));
        // With the user's words in between, each of them stays, through undo and redo.
        let mut now = last;
        for (n, (at, remove)) in user.iter().enumerate() {
            // A word cannot be cut by a later removal: removals go around signs of their own kind.
            let word: char = char::from_u32(0x4E00 + u32::try_from(n).unwrap()).unwrap();
            let candidate = edited(&now, &[(*at, *remove, word.to_string())]);
            let whole = (0..n).all(|m| candidate.contains(char::from_u32(0x4E00 + u32::try_from(m).unwrap()).unwrap()));
            now = if whole { candidate } else { edited(&now, &[(*at, 0, word.to_string())]) };
        }
        let words = |content: &Option<Content>| -> Vec<char> {
            let mut words: Vec<char> = content.iter().flat_map(|c| c.as_text().unwrap().chars()).filter(|c| !c.is_ascii()).collect();
            words.sort_unstable();
            words
        };
        let typed = Some(Content::text(now));
        let (undone, _) = undo(&records, typed.clone());
        prop_assert_eq!(words(&undone), words(&typed));
        let (redone, _) = redo(&records, undone);
        prop_assert_eq!(words(&redone), words(&typed));
    }
}

#[test]
fn a_file_that_is_gone_beneath_its_buffer_is_made_again() {
    let text = |text: &str| Some(Content::text(text));
    let check = |again: bool, records: &[Applied], buffer: &str, file: Option<&str>, edited: bool| {
        let state = |_: &DocKey| Some(CurrentState { content: text(buffer), version: Some(3), gone: true });
        let plan = if again { plan_redo(records, state) } else { plan_undo(records, state) };
        let made = plan.changes.iter().find_map(|change| match &change.kind {
            ChangeKind::Restore { content } => content.as_text().map(str::to_owned),
            _ => None,
        });
        let edits = plan.changes.iter().any(|change| matches!(change.kind, ChangeKind::Edit { .. }));
        assert_eq!((made.as_deref(), edits, plan.kept), (file, edited, Vec::new()));
    };
    let deleted = [record(text("x"), None)];
    check(false, &deleted, "x", Some("x"), false);
    check(false, &deleted, "x unsaved", Some("x"), false);
    check(false, &[record(text("w"), text("x")), record(text("x"), None)], "x", Some("w"), true);
    let made = [record(None, text("x")), record(text("x"), text("y"))];
    check(true, &made, "y", Some("y"), false);
    check(true, &[record(text("x"), text("y"))], "x", None, true);
}
