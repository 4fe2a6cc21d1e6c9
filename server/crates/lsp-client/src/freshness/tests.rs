//! Events in, judgements out, with a clock that the test turns.

use std::time::Duration;

use super::judge::Judged;
use super::*;
use crate::diagnostic::{Point, Severity};

/// Something came without a version.
const UNNAMED: &str = "pending: still checking: what it said does not name the text's version, and may be of an older text";

/// A ledger and its clock.
struct World {
    ledger: Ledger,
    start: Instant,
    now: Instant,
    version: i32,
}

impl World {
    fn new() -> Self {
        let start = Instant::now();
        Self { ledger: Ledger::default(), start, now: start, version: 0 }
    }

    fn after(&mut self, ms: u64) -> &mut Self {
        self.now += Duration::from_millis(ms);
        self
    }

    fn change(&mut self, name: &str) -> &mut Self {
        self.version += 1;
        let text = Rope::from_str(&format!("version {}\n", self.version));
        self.ledger.gave(&key(name), self.version, text, self.now);
        self
    }

    fn publish(&mut self, name: &str, version: Option<i32>) -> &mut Self {
        self.ledger.published(&key(name), version, vec![error()], self.now);
        self
    }

    fn judge(&self, name: &str) -> Judged {
        self.ledger.judge(&key(name), self.now)
    }

    /// `fresh by Version`, `pending: still checking`; with ` again N` and ` likely N` in milliseconds from now, and ` hopeless`.
    fn told(&self, name: &str) -> String {
        let judged = self.judge(name);
        let mut text = match judged.state {
            State::Fresh { by, whole: true, .. } => format!("fresh by {by:?}"),
            State::Fresh { by, whole: false, .. } => format!("fresh by {by:?} in part"),
            State::Pending(why) => format!("pending: {why}"),
        };
        let ms = |at: Instant| {
            i128::try_from(at.duration_since(self.start).as_millis()).expect("small")
                - i128::try_from((self.now - self.start).as_millis()).expect("small")
        };
        if let Some(at) = judged.again {
            text += &format!(", again in {}", ms(at));
        }
        if let Some(at) = judged.likely {
            text += &format!(", likely in {}", ms(at));
        }
        if judged.hopeless {
            text += ", hopeless";
        }
        text
    }
}

fn key(name: &str) -> DocKey {
    DocKey::file(format!("/p/{name}"))
}

fn error() -> Diagnostic {
    let at = Point::default();
    Diagnostic { start: at, end: at, severity: Severity::Error, code: None, source: None, message: "bad".to_owned(), related: Vec::new() }
}

#[test]
fn by_version() {
    let mut world = World::new();
    assert_eq!(world.told("a"), "pending: still checking");
    world.change("a");
    assert_eq!(world.told("a"), "pending: still checking");
    world.publish("a", Some(1));
    assert_eq!(world.told("a"), "fresh by Version");
    world.change("a").publish("a", Some(1));
    assert_eq!(world.told("a"), "pending: still checking");
    world.publish("a", Some(3));
    assert_eq!(world.told("a"), "fresh by Version");
}

#[test]
fn silence_is_never_fresh() {
    let mut world = World::new();
    world.change("a").publish("a", None).change("a").after(3_600_000);
    assert_eq!(world.told("a"), "pending: still checking");
}

#[test]
fn without_versions_it_settles() {
    let mut world = World::new();
    world.change("a").after(800).publish("a", None);
    // As long again as it took.
    assert_eq!(world.told("a"), format!("{UNNAMED}, again in 800, likely in 800"));
    world.after(799);
    assert_eq!(world.told("a"), format!("{UNNAMED}, again in 1, likely in 1"));
    world.after(1);
    assert_eq!(world.told("a"), "fresh by Settled");
    // What was published before the change says nothing.
    world.change("a").after(10_000);
    assert_eq!(world.told("a"), "pending: still checking");
}

#[test]
fn what_is_published_at_once_may_be_of_the_older_text() {
    let mut world = World::new();
    world.change("a").after(300).change("a").after(2);
    world.ledger.published(&key("a"), None, Vec::new(), world.now);
    world.after(300);
    assert!(!world.judge("a").state.is_fresh(), "{}", world.told("a"));
    // And so it was: what is wrong with the newer text follows.
    world.publish("a", None);
    assert_eq!(world.told("a"), format!("{UNNAMED}, again in 698, likely in 698"));
    world.after(698);
    assert_eq!((world.told("a").as_str(), world.ledger.items(&key("a")).len()), ("fresh by Settled", 1));
}

#[test]
fn without_versions_what_may_be_about_an_older_text_proves_nothing() {
    let mut world = World::new();
    // What it says first may still be its answer to the opening.
    world.change("a").after(100).change("a").after(10).publish("a", None).after(3_600_000);
    assert_eq!(world.told("a"), UNNAMED);
    world.publish("a", None).after(7_200_000);
    assert_eq!(world.told("a"), "fresh by Settled", "the second one cannot be");
    // One that answers several texts at once is doubted until it was quiet for long, not for ever.
    world.change("a").change("a").after(10).publish("a", None).after(1000);
    assert_eq!(world.told("a"), UNNAMED);
    world.change("a").after(10).publish("a", None).after(1000);
    assert_eq!(world.told("a"), "fresh by Settled");
}

#[test]
fn what_is_usual_is_learned() {
    let mut world = World::new();
    // It always publishes twice, after 100 and 130 ms.
    for _ in 0..5 {
        world.change("a").after(100).publish("a", None).after(30).publish("a", None).after(1000);
    }
    world.change("a").after(20).publish("a", None);
    assert_eq!(
        world.told("a"),
        format!("{UNNAMED}, again in 142, likely in 142"),
        "a publication that comes too early is not the last one"
    );
    world.after(80).publish("a", None);
    assert_eq!(world.told("a"), format!("{UNNAMED}, again in 62, likely in 62"));
    world.after(30).publish("a", None).after(40);
    assert_eq!(world.told("a"), "fresh by Settled");
    // One that says nothing is given up, not believed.
    world.after(500).change("a");
    assert_eq!(world.told("a"), "pending: still checking, again in 650, likely in 130");
    world.after(650);
    assert_eq!(world.told("a"), "pending: still checking, likely in -520, hopeless");
}

#[test]
fn by_the_servers_word_that_it_is_idle() {
    let mut world = World::new();
    world.change("a");
    world.ledger.began("t", "checking");
    world.after(10).publish("a", None);
    assert_eq!(world.told("a"), format!("{UNNAMED}, again in 990, likely in 990"));
    world.ledger.ended("t", world.now);
    assert_eq!(world.told("a"), "fresh by Idle");
    // What began before the change proves nothing; nor does an end before the publication.
    world.ledger.began("t", "checking");
    world.change("a").publish("a", None);
    world.ledger.ended("t", world.now);
    world.change("a").after(10);
    assert!(!world.judge("a").state.is_fresh());
    world.ledger.began("t", "checking");
    world.ledger.ended("t", world.now);
    assert!(!world.judge("a").state.is_fresh());
    world.publish("a", None);
    assert_eq!(world.told("a"), format!("{UNNAMED}, again in 990, likely in 990"));
}

#[test]
fn by_the_servers_own_status() {
    let mut world = World::new();
    world.ledger.quiescent(false);
    world.ledger.began("i", "Indexing");
    world.change("a").publish("a", Some(1));
    assert_eq!(world.told("a"), "pending: still loading the project: Indexing");
    world.ledger.quiescent(true);
    assert_eq!(world.told("a"), "fresh by Version");
    world.change("a");
    assert_eq!(world.told("a"), "pending: still checking");
    world.ledger.quiescent(false);
    world.ledger.quiescent(true);
    assert_eq!(world.told("a"), "fresh by Idle", "it has looked at the change, and had nothing to add");
}

#[test]
fn by_answers() {
    let mut world = World::new();
    world.ledger.pulls(Some(PullKind { inter_file: true, only: false }));
    world.change("a").change("b");
    let names = |questions: &[Question]| questions.iter().map(|q| q.key.to_string()).collect::<Vec<_>>();
    let questions = world.ledger.questions();
    assert_eq!(names(&questions), ["/p/b", "/p/a"], "the last changed first");
    let answer = |world: &mut World, question: &Question| world.ledger.answered(question, Ok(vec![error()]), Duration::from_millis(50));
    answer(&mut world, &questions[0]);
    answer(&mut world, &questions[1]);
    assert_eq!(
        (world.told("a"), world.told("b"), world.ledger.questions().len()),
        ("fresh by Answer".to_owned(), "fresh by Answer".to_owned(), 0)
    );
    // Another file's change may have changed this one's.
    world.change("b");
    assert_eq!(world.told("a"), "pending: still checking");
    let question = world.ledger.questions().remove(1);
    assert_eq!(question.key, key("a"));
    world.change("a");
    answer(&mut world, &question);
    assert_eq!(world.told("a"), "pending: still checking", "the answer was about the older text");
    assert!(world.ledger.has_questions());
    for question in world.ledger.questions() {
        answer(&mut world, &question);
    }
    assert!(!world.ledger.has_questions());
    // A server that depends on one file alone is not asked about the others.
    world.ledger.pulls(Some(PullKind { inter_file: false, only: false }));
    world.change("a");
    assert_eq!(names(&world.ledger.questions()), ["/p/a"]);
    world.ledger.refresh();
    assert_eq!(world.ledger.questions().len(), 2);
    world.ledger.quiescent(false);
    assert_eq!(world.ledger.questions().len(), 0, "it would answer without knowing all");
    world.ledger.quiescent(true);
    assert_eq!(world.ledger.questions().len(), 2);
}

#[test]
fn a_check_after_the_save_counts() {
    let mut world = World::new();
    world.ledger.checks_after_saves("flycheck", world.now);
    world.change("a").publish("a", Some(1));
    assert_eq!(world.told("a"), "pending: the check after saving is still running");
    let run = |world: &mut World| {
        world.ledger.began("x/flycheck/0", "cargo check");
        assert_eq!(world.after(100).told("a").split(',').next(), Some("pending: cargo check is still running"));
        world.ledger.ended("x/flycheck/0", world.now);
    };
    run(&mut world);
    assert_eq!(world.told("a"), "fresh by Version in part", "the check has not seen this text");
    world.ledger.is_on_disk(&key("a"), true);
    assert_eq!(world.told("a"), "fresh by Version");
    // What began before the save does not count.
    world.ledger.began("x/flycheck/0", "cargo check");
    world.ledger.saved(world.now);
    world.ledger.ended("x/flycheck/0", world.now);
    assert_eq!(world.told("a"), "pending: the check after saving is still running");
    run(&mut world);
    world.ledger.saved(world.now);
    run(&mut world);
    world.ledger.saved(world.now);
    assert_eq!(world.told("a"), "pending: the check after saving is still running, again in 500, likely in 100");
    world.after(500);
    assert_eq!(world.told("a"), "pending: the check after saving is still running, likely in -400, hopeless");
}

#[test]
fn a_stopped_server_says_so() {
    let mut world = World::new();
    world.change("a").publish("a", Some(1)).ledger.stopped("it exited with code 1");
    assert_eq!(world.told("a"), "pending: server stopped: it exited with code 1");
}

#[test]
fn other_files_are_waited_for_as_long_as_is_usual() {
    let mut world = World::new();
    let calm = |world: &World| world.ledger.calm_at(world.now).map(|at| (at - world.now).as_millis());
    assert_eq!(calm(&world), None);
    world.change("a").after(80).publish("a", Some(1));
    assert_eq!(calm(&world), Some(80), "as long again");
    world.after(80);
    assert_eq!(calm(&world), None);
    for _ in 0..3 {
        world.change("a").after(80).publish("a", Some(9)).after(8).publish("b", None).after(1000);
    }
    world.change("a").after(80).publish("a", Some(99));
    assert_eq!(calm(&world), Some(10), "the other file usually follows within 8 ms");
}

#[test]
fn what_is_known_is_bounded_and_forgotten() {
    let mut world = World::new();
    for number in 0..FILES + 10 {
        world.publish(&format!("{number}"), None);
    }
    assert_eq!(world.ledger.files().count(), FILES);
    for number in 0..FILES {
        world.ledger.published(&key(&format!("{number}")), None, Vec::new(), world.now);
    }
    assert_eq!(world.ledger.files().count(), 0);
    for _ in 0..200 {
        let version = world.version + 1;
        world.change("a").publish("a", Some(version)).ledger.closed(&key("a"));
        world.ledger.published(&key("a"), None, Vec::new(), world.now);
    }
    assert_eq!((world.ledger.files().count(), world.ledger.open.len()), (0, 0));
}

#[test]
fn a_shared_server_is_judged_by_what_it_has() {
    let mut world = World::new();
    world.ledger.is_shared();
    world.change("a").publish("a", Some(1));
    assert_eq!(world.judge("a").state, State::Pending(Pending::Checking));
    world.ledger.has_same_text(&key("a"), 1, true, world.now);
    assert!(world.judge("a").state.is_fresh());
    // What is said of an older version, or by the way, proves nothing.
    world.change("a");
    world.ledger.has_same_text(&key("a"), 1, true, world.now);
    world.ledger.began("t", "Checking");
    world.publish("a", None);
    world.ledger.ended("t", world.now);
    assert_eq!(world.judge("a").state, State::Pending(Pending::Checking));
    world.ledger.has_same_text(&key("a"), 2, true, world.now);
    assert!(!world.judge("a").state.is_fresh());
    world.publish("a", Some(2));
    assert!(world.judge("a").state.is_fresh());
    // The user types.
    world.ledger.has_same_text(&key("a"), 2, false, world.now);
    assert!(!world.judge("a").state.is_fresh());
}
