//! What the editor says, when, and what is made of it.

use serde_json::json;

use super::*;

fn item(source: &str, line: u32, message: &str) -> Value {
    let at = json!({ "line": line, "character": 2 });
    json!({ "range": { "start": at, "end": at }, "severity": 1, "source": source, "message": message })
}

fn key() -> DocKey {
    DocKey::file("/p/a.f")
}

fn of(says: &EditorSays, version: i32) -> Option<(Vec<String>, bool)> {
    let shown = says.of(&key(), version, &"ä😀b\nc\n".into())?;
    Some((shown.items.iter().map(|item| format!("{}:{} {}", item.start.line, item.start.column, item.message)).collect(), shown.whole))
}

#[test]
fn what_is_said_counts_for_its_version_alone() {
    let says = EditorSays::default();
    says.pushed(&key(), 3, &json!([item("pyright", 0, "one"), item("interline", 0, "ours"), 7]), Encoding::Utf16);
    assert_eq!((of(&says, 2), of(&says, 4)), (None, None));
    assert_eq!(of(&says, 3), Some((vec!["0:1 one".to_owned()], true)), "columns are characters, and our own marks do not count");
    says.pushed(&key(), 2, &json!([item("pyright", 0, "late")]), Encoding::Utf16);
    assert_eq!(of(&says, 3), Some((vec!["0:1 one".to_owned()], true)));
    says.seen(&key(), 3, &json!([item("ruff", 1, "in part")]), Encoding::Utf16);
    assert_eq!(of(&says, 3).map(|(items, _)| items.len()), Some(1), "who tells all needs no parts");
    for no_list in [json!(null), json!({})] {
        says.pushed(&key(), 4, &no_list, Encoding::Utf16);
        assert_eq!(of(&says, 4), None, "it is not the word that there is nothing");
    }
    says.pushed(&key(), 4, &json!([]), Encoding::Utf16);
    assert_eq!(of(&says, 4), Some((vec![], true)));
    says.closed(&key());
    assert_eq!((of(&says, 4), says.covers(&key())), (None, false));
}

#[test]
fn parts_are_put_together() {
    let says = EditorSays::default();
    says.seen(&key(), 1, &json!([]), Encoding::Utf8);
    says.seen(&key(), 1, &json!([item("a", 0, "one")]), Encoding::Utf8);
    says.seen(&key(), 1, &json!([item("a", 0, "one"), item("b", 1, "two")]), Encoding::Utf8);
    assert_eq!(of(&says, 1), Some((vec!["0:1 one".to_owned(), "1:1 two".to_owned()], false)));
    says.seen(&key(), 2, &json!([item("b", 1, "two")]), Encoding::Utf8);
    assert_eq!((of(&says, 1), of(&says, 2)), (None, Some((vec!["1:1 two".to_owned()], false))));
    assert!(!says.covers(&key()));
}

fn push(state: &mut State, version: i32, at: Instant) {
    state.push(&key(), Heard::new(version, true, Vec::new(), Encoding::Utf8, at));
}

#[test]
fn it_has_said_all_when_it_has_been_quiet() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut state = State::default();
    assert_eq!(state.due(&key(), 1), Due::Never, "nothing is waited for where nothing was ever pushed");
    push(&mut state, 1, at(0));
    assert_eq!([state.due(&key(), 1), state.due(&key(), 2)], [Due::At(at(500)), Due::Later], "without experience long");
    assert_eq!(state.due(&DocKey::file("/p/b.g"), 1), Due::Later, "it may push for another one, too");
    for version in 2..6 {
        push(&mut state, version, at(1000 * version as u64));
    }
    assert_eq!(state.due(&key(), 5), Due::At(at(5100)), "there never was a second one");
    assert_eq!(state.due(&key(), 4), Due::Outdated, "the user has typed");
    for version in 6..20 {
        push(&mut state, version, at(10_000 * version as u64));
        push(&mut state, version, at(10_000 * version as u64 + 240));
    }
    assert_eq!(state.due(&key(), 19), Due::At(at(190_540)), "there always is a second one");
}

#[test]
fn it_is_waited_for_as_long_as_it_usually_takes() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let budget = Duration::from_secs(2);
    let mut state = State { pushes: true, ..State::default() };
    let mut changed = 0;
    // A change, and until when its first push is waited for in milliseconds after it.
    let mut change = |state: &mut State| {
        changed += 10_000;
        let version = changed / 10_000;
        state.wait_for(&key(), version as i32, at(changed));
        (version as i32, changed, (state.patient_until(&key(), budget) - at(changed)).as_millis())
    };
    let silent = [(); 4].map(|()| {
        let (_, _, patience) = change(&mut state);
        state.miss(&key());
        state.miss(&key());
        patience
    });
    assert_eq!(silent, [1000, 500, 250, 125], "each silence makes the next wait shorter, and counts once");
    // Late as it is, it has something to say.
    let (version, now, _) = change(&mut state);
    push(&mut state, version, at(now + 700));
    let (version, now, patience) = change(&mut state);
    assert_eq!(patience, 1000);
    push(&mut state, version, at(now + 300));
    // Nobody had begun to wait then.
    let (version, now) = (version + 1, now + 10_000);
    push(&mut state, version, at(now + 300));
    state.wait_for(&key(), version, at(now));
    state.wait_for(&key(), version, at(now));
    state.wait_for(&key(), version + 1, at(now));
    assert_eq!((state.patient_until(&key(), budget) - at(now)).as_millis(), 375, "300 is the median, and a quarter of it is added");
    assert_eq!(state.patient_until(&key(), Duration::from_millis(200)), at(now), "what does not come in time is not waited for");
}

#[tokio::test]
async fn who_says_nothing_of_a_text_is_not_settled() {
    let says = EditorSays::default();
    let (long, now) = (Duration::from_secs(1000), Instant::now());
    assert!(!says.may_speak_of(&key()));
    assert_eq!(says.settled(&key(), 1, now, long).await, Settled::No, "it never said that it would");
    says.will_push();
    assert!(says.may_speak_of(&key()) && !says.covers(&key()));
    assert_eq!(says.settled(&key(), 1, now, Duration::ZERO).await, Settled::No);
    says.pushed(&key(), 1, &json!([]), Encoding::Utf8);
    assert_eq!(says.settled(&key(), 1, now, long).await, Settled::Yes);
    let key = key();
    let (settled, ()) =
        tokio::join!(says.settled(&key, 2, Instant::now(), long), async { says.pushed(&key, 3, &json!([]), Encoding::Utf8) });
    assert_eq!(settled, Settled::Outdated);
}
