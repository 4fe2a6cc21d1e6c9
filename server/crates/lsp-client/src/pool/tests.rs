//! The pool over servers whose every word the test says.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::Disk;
use crate::client::fake::{Fake, document, pipes};
use crate::freshness::{Pending, Proof, State};
use crate::process::{Pipes, Program};
use crate::servers::Server;

/// Each start makes a server that the test is handed.
#[derive(Debug)]
struct Fakes {
    made: mpsc::UnboundedSender<Fake>,
    installed: bool,
    real: bool,
}

#[async_trait]
impl Launch for Fakes {
    fn find(&self, _: &Server, _: &Path, _: &Path) -> Result<Program, String> {
        if self.installed { Ok(Program::default()) } else { Err("not installed".to_owned()) }
    }

    async fn is_real(&self, _: &Server, _: &Program, _: &Path) -> Result<(), String> {
        if self.real { Ok(()) } else { Err("a stand-in".to_owned()) }
    }

    fn start(&self, _: &Program, _: &Path) -> std::io::Result<Pipes> {
        let (pipes, fake) = pipes();
        self.made.send(fake).map_err(std::io::Error::other)?;
        Ok(pipes)
    }
}

struct World {
    pool: Pool,
    made: mpsc::UnboundedReceiver<Fake>,
    cancel: CancellationToken,
}

const LONG: Duration = Duration::from_secs(1000);
const SHORT: Duration = Duration::from_millis(50);

impl World {
    fn new(limits: Limits) -> Self {
        Self::with(limits, true, true)
    }

    fn with(limits: Limits, installed: bool, real: bool) -> Self {
        Self::named("fake", limits, installed, real)
    }

    fn named(id: &str, limits: Limits, installed: bool, real: bool) -> Self {
        let (sender, made) = mpsc::unbounded_channel();
        let section = json!({ id: { "command": ["fake"], "extensions": [".f"] } });
        let servers = Servers::configured(Some(&section)).0;
        let pool = Pool::with(servers, "/p".into(), limits, Arc::new(Fakes { made: sender, installed, real }));
        Self { pool, made, cancel: CancellationToken::new() }
    }

    /// The next server that is started, once it has shaken hands.
    async fn server(&mut self) -> Fake {
        let mut fake = self.made.recv().await.expect("a server");
        shake_hands(&mut fake).await;
        fake
    }

    /// The version about which it is fresh, once it is.
    async fn until_fresh(&self) -> i32 {
        loop {
            match self.wait(LONG).await {
                State::Fresh { version, .. } => return version,
                State::Pending(_) => tokio::task::yield_now().await,
            }
        }
    }

    fn give(&self, text: &str) {
        assert!(self.pool.give(&document("a.f", text)));
    }

    async fn wait(&self, budget: Duration) -> State {
        let reports = self.pool.wait(&[document("a.f", "").key], budget, &self.cancel).await;
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports[0].state.clone()
    }

    fn states(&self) -> Vec<(String, usize)> {
        self.pool.status().into_iter().map(|status| (status.state, status.documents)).collect()
    }
}

async fn shake_hands(fake: &mut Fake) {
    let id = fake.request("initialize").await.0;
    let sync = json!({ "textDocumentSync": { "openClose": true, "change": 2, "save": true } });
    fake.answer(&id, json!({ "capabilities": sync })).await;
    fake.expect("initialized").await;
}

fn stopped(why: &str) -> State {
    State::Pending(Pending::Stopped(why.to_owned()))
}

#[tokio::test]
async fn nothing_is_started_before_a_document_needs_it() {
    let mut world = World::new(Limits::default());
    assert!(world.pool.may_serve(&document("a.f", "").key) && !world.pool.may_serve(&document("a.txt", "").key));
    assert!(!world.pool.give(&document("a.txt", "")));
    assert_eq!((world.states(), world.made.try_recv().is_err()), (vec![], true));
    world.give("one");
    world.give("two");
    assert_eq!(world.wait(SHORT).await, State::Pending(Pending::Starting));
    let mut server = world.server().await;
    assert_eq!(server.expect("textDocument/didOpen").await["textDocument"]["text"], "two");
    server.publish("a.f", Some(1), &[0]).await;
    let reports = world.pool.wait(&[document("a.f", "").key], LONG, &world.cancel).await;
    assert_eq!(
        (reports[0].state.clone(), reports[0].items.len(), &*reports[0].server),
        (State::Fresh { version: 1, by: Proof::Version, whole: true }, 1, "fake")
    );
    assert_eq!(world.states(), [("running".to_owned(), 1)]);
    assert!(world.made.try_recv().is_err(), "one server for all");
}

#[tokio::test]
async fn two_hundred_edits_leave_nothing_behind() {
    let mut world = World::new(Limits { documents: 8, ..Limits::default() });
    world.give("0");
    let mut server = world.server().await;
    let watch = json!({ "watchers": [{ "globPattern": "**/*.end" }] });
    let watch = json!({ "registrations": [{ "id": "w", "method": "workspace/didChangeWatchedFiles", "registerOptions": watch }] });
    server.expect("textDocument/didOpen").await;
    server.ask("client/registerCapability", watch).await;
    for number in 1..200 {
        world.give(&format!("{number}\n"));
        assert!(world.pool.give(&Document { disk: Disk::Written, ..document(&format!("{number}.f"), "x") }));
        assert!(world.states()[0].1 <= 8);
    }
    let mut all: HashSet<DocKey> = (1..200).map(|number| document(&format!("{number}.f"), "").key).collect();
    all.insert(document("a.f", "").key);
    world.pool.close(&all);
    assert_eq!(world.states(), [("running".to_owned(), 0)]);
    world.pool.disk_changed(&[("/p/the.end".into(), FileChange::Changed)]);
    let mut open = HashSet::from(["\"file:///p/a.f\"".to_owned()]);
    loop {
        let message = server.next().await.expect("a message");
        let uri = message["params"]["textDocument"]["uri"].clone();
        match message["method"].as_str() {
            Some("textDocument/didOpen") => assert!(open.insert(uri.to_string()), "{message}"),
            Some("textDocument/didClose") => assert!(open.remove(&uri.to_string()), "{message}"),
            // The last thing that was said.
            Some("workspace/didChangeWatchedFiles") => break,
            _ => {}
        }
        assert!(open.len() <= 9);
    }
    assert_eq!(open.len(), 0);
    assert!(world.made.try_recv().is_err(), "one server for all");
}

#[tokio::test]
async fn a_slow_server_is_never_fresh_and_never_waited_for_beyond_the_budget() {
    let mut world = World::new(Limits::default());
    world.give("one");
    let mut server = world.server().await;
    for text in ["one", "two"] {
        world.give(text);
        assert_eq!(world.wait(SHORT).await, State::Pending(Pending::Checking));
    }
    // By now it is known to be silent: this would take long if it had the whole time again.
    for text in ["three", "four", "five"] {
        world.give(text);
        assert_eq!(world.wait(LONG).await, State::Pending(Pending::Checking));
    }
    // It answers late, and is waited for again.
    server.publish("a.f", Some(5), &[0]).await;
    assert_eq!(world.until_fresh().await, 5);
    world.give("six");
    let (state, ()) = tokio::join!(world.wait(LONG), async {
        server.expect("textDocument/didOpen").await;
        for version in 2..=6 {
            assert_eq!(server.expect("textDocument/didChange").await["textDocument"]["version"], version);
        }
        server.publish("a.f", Some(6), &[]).await;
    });
    assert_eq!(state, State::Fresh { version: 6, by: Proof::Version, whole: true });
}

#[tokio::test]
async fn a_check_that_never_ends_is_waited_for_shortly() {
    let mut world = World::named("rust", Limits::default(), true, true);
    let save = |text: &str| assert!(world.pool.give(&Document { disk: Disk::Written, ..document("a.f", text) }));
    save("0");
    let mut server = world.made.recv().await.expect("a server");
    shake_hands(&mut server).await;
    server.expect("workspace/didChangeConfiguration").await;
    server.expect("textDocument/didOpen").await;
    let progress = |kind: &str| json!({ "token": "rust-analyzer/flycheck/0", "value": { "kind": kind, "title": "cargo check" } });
    server.say("$/progress", progress("begin")).await;
    let running = State::Pending(Pending::Check("cargo check".to_owned()));
    for version in 2..=6 {
        save(&version.to_string());
        server.publish("a.f", Some(version), &[]).await;
        let budget = if version < 4 { SHORT } else { LONG };
        while world.wait(budget).await != running {
            tokio::task::yield_now().await;
        }
    }
    save("7");
    server.say("$/progress", progress("begin")).await;
    server.say("$/progress", progress("end")).await;
    server.publish("a.f", Some(7), &[]).await;
    assert_eq!(world.until_fresh().await, 7);
}

#[tokio::test]
async fn a_server_that_starts_slowly_is_waited_for_once() {
    let mut world = World::new(Limits { start_wait: SHORT, ..Limits::default() });
    world.give("one");
    assert_eq!(world.wait(LONG).await, State::Pending(Pending::Starting));
    // This would take long if it waited again.
    assert_eq!(world.wait(LONG).await, State::Pending(Pending::Starting));
    let mut server = world.server().await;
    server.expect("textDocument/didOpen").await;
    server.publish("a.f", Some(1), &[0]).await;
    assert!(world.wait(LONG).await.is_fresh());
}

#[tokio::test]
async fn who_cancels_does_not_wait() {
    let mut world = World::new(Limits::default());
    world.give("one");
    let _server = world.server().await;
    let cancel = world.cancel.clone();
    let (state, ()) = tokio::join!(world.wait(LONG), async move { cancel.cancel() });
    assert_eq!(state, State::Pending(Pending::Cancelled));
}

#[tokio::test]
async fn a_crash_in_mid_wait_is_told_and_the_next_server_has_the_documents() {
    let mut world = World::new(Limits { backoff: Duration::from_millis(1), ..Limits::default() });
    world.give("one");
    for _ in 0..3 {
        let mut server = world.server().await;
        assert_eq!(server.expect("textDocument/didOpen").await["textDocument"]["text"], "one");
        let (state, ()) = tokio::join!(world.wait(LONG), async { drop(server) });
        assert_eq!(state, stopped("its output ended"));
    }
    let server = world.server().await;
    drop(server);
    let why = "it crashed 4 times, the last time because its output ended";
    let mut state = world.wait(LONG).await;
    while state != stopped(why) {
        tokio::task::yield_now().await;
        state = world.wait(LONG).await;
    }
    world.give("two");
    assert_eq!((world.states(), world.made.try_recv().is_err()), (vec![(format!("stopped: {why}"), 1)], true));
}

#[tokio::test]
async fn a_server_that_ends_before_it_answers_has_crashed() {
    let mut world = World::new(Limits { crashes: 1, backoff: Duration::from_millis(1), ..Limits::default() });
    world.give("one");
    for _ in 0..2 {
        drop(world.made.recv().await.expect("a server"));
    }
    let mut state = world.wait(LONG).await;
    while !matches!(&state, State::Pending(Pending::Stopped(why)) if why.starts_with("it crashed 2 times")) {
        tokio::task::yield_now().await;
        state = world.wait(LONG).await;
    }
}

#[tokio::test]
async fn what_is_not_installed_is_no_server() {
    let world = World::with(Limits::default(), false, true);
    assert!(!world.pool.give(&document("a.f", "one")));
    assert_eq!(world.pool.wait(&[document("a.f", "").key], LONG, &world.cancel).await, []);
    let world = World::with(Limits::default(), true, false);
    assert!(world.pool.give(&document("a.f", "one")));
    assert_eq!(world.pool.wait(&[document("a.f", "").key], LONG, &world.cancel).await, []);
    assert_eq!(world.states(), [("missing: a stand-in".to_owned(), 1)]);
}

/// Answers `shutdown`, and reads on until the input is closed.
async fn ends(mut server: Fake) {
    loop {
        let message = server.next().await.expect("a shutdown first");
        if message["method"] == "shutdown" {
            server.answer(&message["id"], Value::Null).await;
            break;
        }
    }
    server.expect("exit").await;
    assert_eq!(server.next().await, None);
}

#[tokio::test]
async fn idle_servers_are_stopped_and_come_back_when_they_are_needed() {
    let mut world = World::new(Limits { idle: Duration::ZERO, ..Limits::default() });
    world.give("one");
    let mut server = world.server().await;
    server.expect("textDocument/didOpen").await;
    tokio::join!(sweep::sweep(&world.pool.inner, world.pool.inner.limits), ends(server));
    assert_eq!(world.states(), []);
    world.give("two");
    assert_eq!(world.server().await.expect("textDocument/didOpen").await["textDocument"]["text"], "two");
}

#[tokio::test]
async fn the_pool_ends_its_servers() {
    let mut world = World::new(Limits::default());
    world.give("one");
    let server = world.server().await;
    tokio::join!(world.pool.shut_down(LONG), ends(server));
    world.give("two");
    assert!(world.made.try_recv().is_err(), "nothing is started any more");
    let mut world = World::new(Limits::default());
    world.give("one");
    let mut server = world.server().await;
    server.expect("textDocument/didOpen").await;
    world.pool.shut_down(Duration::ZERO).await;
    assert_eq!(server.request("shutdown").await.1, Value::Null);
    assert_eq!(server.next().await.map(|message| message["method"].clone()), Some(json!("$/cancelRequest")));
    assert_eq!(server.next().await, None, "one that does not end in time is left");
    let mut world = World::new(Limits::default());
    world.give("one");
    let mut server = world.server().await;
    server.expect("textDocument/didOpen").await;
    drop(world.pool);
    assert_eq!(server.next().await, None);
}

/// A world with a server whose marks of syntax are known, which has said that the text `one` is fine.
async fn trial_world(limits: Limits) -> (World, Fake) {
    let mut world = World::named("ruff", limits, true, true);
    world.give("one");
    let mut server = world.server().await;
    server.expect("textDocument/didOpen").await;
    server.publish("a.f", Some(1), &[]).await;
    assert!(world.wait(LONG).await.is_fresh());
    (world, server)
}

fn trial(text: &str) -> Trial {
    Trial { after: document("a.f", text), before: Some(document("a.f", "one")), open: true }
}

/// The server is given this text, and says that a line of it cannot be read.
async fn objects(server: &mut Fake, text: &str, code: &str) {
    let params = server.expect("textDocument/didChange").await;
    assert_eq!(params["contentChanges"][0]["text"], text);
    let mut error = crate::client::fake::item(0);
    (error["source"], error["code"]) = ("Ruff".into(), code.into());
    let params = json!({ "uri": params["textDocument"]["uri"], "version": params["textDocument"]["version"], "diagnostics": [error] });
    server.say("textDocument/publishDiagnostics", params).await;
}

#[tokio::test]
async fn a_text_is_tried_out_and_taken_back() {
    let (world, mut server) = trial_world(Limits { trial: LONG, ..Limits::default() }).await;
    assert_eq!(world.pool.try_out(&[trial("two")], true).await, [], "it has not shown yet that it is quick");
    for (code, errors) in [("invalid-syntax", 1), ("F821", 0)] {
        let work = async {
            objects(&mut server, "two", code).await;
            assert_eq!(server.expect("textDocument/didChange").await["contentChanges"][0]["text"], "one");
        };
        let trials = [trial("two")];
        let (tried, ()) = tokio::join!(world.pool.try_out(&trials, false), work);
        assert_eq!(tried.iter().map(|tried| tried.syntax.len()).sum::<usize>(), errors, "{code}");
        // Nothing that was said of the other text is known any more.
        server.publish("a.f", None, &[]).await;
        assert!(world.wait(LONG).await.is_fresh());
    }
    let new = Trial { after: document("new.f", "x"), before: None, open: false };
    let work = async {
        server.expect("textDocument/didOpen").await;
        server.publish("new.f", Some(99), &[]).await;
        server.expect("textDocument/didClose").await;
    };
    let trials = [new];
    assert_eq!(tokio::join!(world.pool.try_out(&trials, false), work), (vec![], ()));
}

#[tokio::test]
async fn a_trial_that_is_given_up_is_taken_back_and_newer_texts_stay() {
    let (world, mut server) = trial_world(Limits { trial: LONG, ..Limits::default() }).await;
    let text = async |server: &mut Fake| {
        let params = server.expect("textDocument/didChange").await;
        let version = params["textDocument"]["version"].as_i64().and_then(|version| i32::try_from(version).ok());
        (params["contentChanges"][0]["text"].clone(), version)
    };
    let trials = [trial("two")];
    for _ in 0..2 {
        tokio::select! {
            _ = world.pool.try_out(&trials, false) => panic!("nobody has answered"),
            given = text(&mut server) => assert_eq!(given.0, "two"),
        }
        let (given, version) = text(&mut server).await;
        assert_eq!(given, "one");
        server.publish("a.f", version, &[]).await;
    }
    let world = &world;
    let typed = async {
        assert_eq!(text(&mut server).await.0, "two");
        world.give("typed");
        objects(&mut server, "typed", "F821").await;
    };
    assert_eq!(tokio::join!(world.pool.try_out(&trials, false), typed), (vec![], ()));
    world.pool.close(&HashSet::from([document("a.f", "").key]));
    server.expect("textDocument/didClose").await;
}

#[tokio::test]
async fn a_trial_ends_in_time() {
    let (world, mut server) = trial_world(Limits { trial: SHORT, ..Limits::default() }).await;
    assert_eq!(world.pool.try_out(&[trial("two")], false).await, []);
    server.expect("textDocument/didChange").await;
    assert_eq!(server.expect("textDocument/didChange").await["contentChanges"][0]["text"], "one");
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_shortly() {
    let mut world = World::new(Limits::default());
    world.give("one");
    let mut server = world.server().await;
    let slot = world.pool.inner.all().remove(0);
    let patience = |slot: &Slot| match slot.phase() {
        Phase::Running(client) => {
            let heard = client.ledger().heard();
            slot.patience(heard, 0, LONG).0
        }
        phase => panic!("{phase:?}"),
    };
    for text in ["two", "three"] {
        assert_eq!(patience(&slot), LONG);
        world.give(text);
        assert_eq!(world.wait(SHORT).await, State::Pending(Pending::Checking));
    }
    assert!(patience(&slot) < LONG);
    // Late, but it has answered.
    server.publish("a.f", Some(4), &[]).await;
    assert!(world.wait(LONG).await.is_fresh());
    assert_eq!(patience(&slot), LONG);
}
