//! The whole suite against a model on loopback: a good one, and one for each fault.

mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser as _;
use config::{Config, Dirs, Env};
use providers::{KeySource, Registry, ResolvedModel};
use serde_json::{Value, json};

use self::server::{Fault, Model};
use super::grade::Grade;
use super::history::{self, Past};
use super::probes::Probe;
use super::report::{Record, Verdict};
use super::{CheckArgs, Checked, Patience, one, table};

const QUICK: Patience = Patience {
    silence: Duration::from_secs(20),
    probe: Duration::from_secs(60),
    large: Duration::from_secs(60),
    retry: Duration::from_millis(1),
};

fn config(url: &str, model: &Value) -> Value {
    json!({
        "model": "test/local-1.5",
        "provider": {"test": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": url, "apiKey": "sk-very-secret"},
            "models": {"local-1.5": model},
        }},
    })
}

fn resolve(url: &str, model: &Value) -> ResolvedModel {
    let config: Config = serde_json::from_value(config(url, model)).unwrap();
    Registry::new(Arc::new(config), KeySource::new(|_| None, |_| None), providers::Catalogue::default()).resolve("test/local-1.5").unwrap()
}

async fn checked(fault: Fault, model: Value) -> Record {
    let server = Model::start(fault);
    let Checked { record, interrupted, .. } = one(resolve(&server.url, &model), 6, QUICK, std::future::pending(), &|_| {}).await;
    assert!(!interrupted);
    assert_eq!(record.figures.requests, server.requests(), "{fault:?}: every request is counted");
    assert_eq!(record.probes.len(), Probe::ALL.len());
    record
}

/// What is not named in `odd` passes; a reason holds the words. Speed is judged only where it is named: on a busy machine an answer's pieces reach us as one.
async fn check(fault: Fault, grade: &str, odd: &[(Probe, Verdict, &str)]) {
    let record = checked(fault, json!({})).await;
    for (finding, probe) in record.probes.iter().zip(Probe::ALL) {
        let (verdict, words) = odd.iter().find(|(p, ..)| p == probe).map_or((Verdict::Pass, ""), |(_, verdict, words)| (*verdict, *words));
        if *probe == Probe::Speed && finding.verdict == Verdict::NotApplicable {
            assert!(words.is_empty() || finding.reason.contains(words), "{fault:?}: {finding:?} without {words}");
            continue;
        }
        assert_eq!(finding.verdict, verdict, "{fault:?}: {finding:?}");
        assert!(finding.reason.contains(words), "{fault:?}: {finding:?} without {words}");
    }
    let got = record.grade.map_or("none".to_owned(), |grade| format!("{grade:?}"));
    assert_eq!(got, grade, "{fault:?}: {}", record.reason);
    assert_eq!(record.usable, matches!(grade, "A" | "B" | "C"));
}

#[tokio::test]
async fn a_good_model() {
    let record = checked(Fault::None, json!({"cost": {"input": 3.0, "output": 15.0}})).await;
    assert_eq!((record.grade, record.reason.as_str(), record.usable), (Some(Grade::A), "", true), "{record:#?}");
    assert!(record.probes.iter().all(|finding| finding.verdict == Verdict::Pass), "{record:#?}");
    let figures = &record.figures;
    assert_eq!((figures.retries, figures.runs, figures.stopped), (0, 6, 0));
    assert!(figures.first_token_ms.is_some() && figures.tokens_per_second.is_some_and(|rate| rate > 0.0));
    assert!(figures.cached.is_some_and(|share| share > 0.85));
    let tokens = figures.tokens;
    let dollars = (tokens.input as f64 * 3.0 + tokens.output as f64 * 15.0) / 1e6;
    assert!(figures.cost.is_some_and(|cost| cost > 0.0 && (cost - dollars).abs() < 1e-9), "{figures:?}");
}

#[tokio::test]
async fn answers_that_do_not_come_whole() {
    use Verdict::{Fail, NotApplicable};
    check(Fault::CutWords, "F", &[(Probe::Stream, Fail, "amid the answer: ")]).await;
    check(Fault::HalfAnswer, "F", &[(Probe::Stream, Fail, "only 30 of 60 numbers")]).await;
    check(Fault::CutIsStop, "C", &[(Probe::StopReason, Fail, "cut after 9 of 500 numbers is said to be whole")]).await;
    check(Fault::Whole, "A", &[(Probe::Speed, NotApplicable, "tokens/s not measured")]).await;
}

#[tokio::test]
async fn calls_that_are_wrong() {
    use Verdict::Fail;
    let broken = "the arguments are not JSON";
    let runs = "6 of 6 runs stopped";
    check(
        Fault::BrokenJson,
        "F",
        &[
            (Probe::ToolCall, Fail, broken),
            (Probe::Parallel, Fail, broken),
            (Probe::Results, Fail, broken),
            (Probe::Unicode, Fail, broken),
            (Probe::Large, Fail, broken),
            (Probe::Stops, Fail, runs),
        ],
    )
    .await;
    check(Fault::Strings, "F", &[(Probe::ToolCall, Fail, "`limit` is a string where the schema says integer")]).await;
    check(Fault::UnknownTool, "F", &[(Probe::ToolCall, Fail, "called “grep”, which it was not given")]).await;
    check(Fault::Forgets, "F", &[(Probe::Results, Fail, "the result is not in the answer: “The build number is 123.”")]).await;
    check(Fault::CallsAgain, "F", &[(Probe::Results, Fail, "called again and again (4 times)")]).await;
    check(Fault::OneCall, "B", &[(Probe::Parallel, Fail, "one call in an answer where two were asked for")]).await;
    let refused =
        [Probe::ToolCall, Probe::Results, Probe::Parallel, Probe::Unicode, Probe::Large].map(|p| (p, Fail, "does not support tools"));
    // The others are asked without tools, or measure what came.
    let all = [&refused[..], &[(Probe::Stops, Fail, runs), (Probe::StopReason, Verdict::Pass, "")]].concat();
    check(Fault::NoTools, "F", &all).await;
}

#[tokio::test]
async fn arguments_that_are_not_whole() {
    use Verdict::Fail;
    check(Fault::Truncates, "C", &[(Probe::Large, Fail, "ends after 212 of 300 lines")]).await;
    check(Fault::LosesLine, "C", &[(Probe::Large, Fail, "line 100 of 300 is “k101 = ")]).await;
    check(Fault::Ascii, "C", &[(Probe::Unicode, Fail, "line 4: `?` where U+00C6 was asked for")]).await;
    check(Fault::Unescapes, "C", &[(Probe::Unicode, Fail, "line 1: `n` where `\\` was asked for")]).await;
}

#[tokio::test]
async fn figures_that_are_missing() {
    use Verdict::{Fail, NotApplicable};
    let odd = [
        (Probe::Usage, Fail, "missing or zero in"),
        (Probe::Cache, NotApplicable, "not reported"),
        (Probe::Speed, NotApplicable, "not measured"),
    ];
    check(Fault::NoUsage, "B", &odd).await;
    check(Fault::NoCache, "A", &[(Probe::Cache, NotApplicable, "no cached tokens are reported")]).await;
    check(Fault::CacheMisses, "B", &[(Probe::Cache, Fail, "none read from it")]).await;
}

#[tokio::test]
async fn runs_that_stop() {
    use Verdict::Fail;
    check(Fault::StopsEarly, "F", &[(Probe::Stops, Fail, "3 of 6 runs stopped: finished without the second call (3 times)")]).await;
    check(Fault::EmptyRuns, "D", &[(Probe::Stops, Fail, "2 of 6 runs stopped: an empty answer (2 times)")]).await;
    check(Fault::CutRuns, "F", &[(Probe::Stops, Fail, "3 of 6 runs stopped: cut amid the answer (3 times)")]).await;
}

#[tokio::test]
async fn retries_are_counted() {
    let record = checked(Fault::Unsteady, json!({})).await;
    assert!(record.figures.retries >= 8, "{record:#?}");
    assert_eq!(record.grade, Some(Grade::B));
    assert!(record.reason.ends_with("requests were retries"), "{}", record.reason);
}

#[tokio::test]
async fn nothing_is_graded_that_was_not_measured() {
    let none = |record: &Record| record.grade.is_none() && !record.usable;
    let record = checked(Fault::Unauthorized, json!({})).await;
    assert!(none(&record) && record.probes.iter().all(|finding| finding.verdict == Verdict::NotMeasured), "{record:#?}");
    assert!(!serde_json::to_string(&record).unwrap().contains("very-secret"), "{record:#?}");
    let text = table::render(&record, &Past::default());
    assert!(text.contains("\n  grade not measured: ") && !text.contains("tool call valid"), "{text}");

    let model = resolve("http://127.0.0.1:9/v1?key=very-secret", &json!({}));
    let record = one(model, 1, QUICK, std::future::pending(), &|_| {}).await.record;
    assert!(none(&record) && record.reason.contains("cannot connect"), "{record:#?}");
    assert!(!serde_json::to_string(&record).unwrap().contains("very-secret"), "{record:#?}");

    let record = checked(Fault::None, json!({"tool_call": false})).await;
    assert!(none(&record) && record.reason == "without tool call valid, results used", "{record:#?}");

    let record = checked(Fault::None, json!({"limit": {"context": 8000, "output": 2000}})).await;
    assert_eq!((record.grade, record.reason.as_str()), (Some(Grade::B), "does not apply: large arguments"));
}

#[tokio::test]
async fn silence_ends() {
    let server = Model::start(Fault::Silent);
    let patience = Patience { silence: Duration::from_millis(50), ..QUICK };
    let found = one(resolve(&server.url, &json!({})), 1, patience, std::future::pending(), &|_| {}).await;
    assert!(found.broken && found.record.reason.contains("no answer began for 0.05 s"), "{:?}", found.record);
    assert_eq!((found.record.figures.requests, found.record.figures.retries), (3, 2));
}

#[tokio::test]
async fn an_interrupt_keeps_what_was_measured() {
    let server = Model::start(Fault::None);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sender = Mutex::new(Some(sender));
    // After the third probe.
    let told = |finding: &super::Finding| {
        if finding.is(Probe::ToolCall) {
            sender.lock().unwrap().take().unwrap().send(()).unwrap();
        }
    };
    let stop = async { receiver.await.unwrap() };
    let found = one(resolve(&server.url, &json!({})), 50, QUICK, stop, &told).await;
    assert!(found.interrupted && found.broken);
    let verdicts: Vec<_> = found.record.probes.iter().map(|finding| finding.verdict).collect();
    assert_eq!(verdicts[..3], [Verdict::Pass; 3]);
    assert_eq!(verdicts.last(), Some(&Verdict::NotMeasured));
    assert_eq!((found.record.grade, found.record.reason.as_str()), (None, "interrupted"));
}

#[tokio::test]
async fn the_command() {
    let home = tempfile::tempdir().unwrap();
    let bad = Model::start(Fault::Truncates);
    let good = Model::start(Fault::None);
    let code = async |url: &str| {
        let content = config(url, &json!({})).to_string();
        let pairs = [("HOME", home.path().to_str().unwrap()), ("INTERLINE_CONFIG_CONTENT", &content)];
        let env = Env::from_pairs(pairs);
        let dirs = Dirs::from_env(&env);
        let args = CheckArgs { models: Vec::new(), runs: 1, json: true };
        let code = super::check(args, env, dirs.clone(), home.path().to_owned()).await;
        (format!("{code:?}"), dirs)
    };
    let fine = format!("{:?}", std::process::ExitCode::SUCCESS);
    let (first, dirs) = code(&bad.url).await;
    assert_eq!(first, fine, "grade C is usable");
    assert_eq!(code(&good.url).await.0, fine);
    let file = crate::paths::models_check(&dirs);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(!text.contains("very-secret"));
    assert_ne!(code(&Model::start(Fault::Forgets).url).await.0, fine, "grade F is not");
    assert_ne!(code(&Model::start(Fault::Unauthorized).url).await.0, fine, "neither is what was not measured");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3, "which is not kept");
}

#[test]
fn the_command_line() {
    let check = |line: &str, expect: bool| {
        let parsed = crate::Cli::try_parse_from(line.split(' '));
        assert_eq!(parsed.is_ok(), expect, "{line}");
    };
    check("interline models", true);
    check("interline models openai --json", true);
    check("interline models check", true);
    check("interline models check a/b c/d --runs 1 --json", true);
    check("interline models check --runs 50", true);
    check("interline models check --runs 51", false);
    check("interline models check --runs 0", false);
    check("interline models openai check", false);
}

fn record(model: &str, wire_id: &str, deployment: &str, day: &str, grade: Grade) -> Record {
    let finding = |probe: &Probe| super::Finding::new(*probe, Verdict::Pass, "fine".into());
    Record {
        model: model.into(),
        wire_id: wire_id.into(),
        deployment: deployment.into(),
        api: "openai-chat".into(),
        date: format!("{day}T12:00:00Z"),
        grade: Some(grade),
        reason: String::new(),
        usable: true,
        weak_at_tools: Some(false),
        probes: Probe::ALL.iter().map(finding).collect(),
        figures: super::report::Figures {
            requests: 31,
            retries: 1,
            first_token_ms: Some(640),
            tokens_per_second: Some(71.25),
            runs: 5,
            seconds: 61.2,
            cost: Some(0.0123),
            ..super::report::Figures::default()
        },
    }
}

#[tokio::test]
async fn weak_at_tools() {
    let strong = checked(Fault::None, json!({})).await;
    let weak = checked(Fault::CallsAgain, json!({})).await;
    let without = checked(Fault::None, json!({"tool_call": false})).await;
    assert_eq!([strong.weak_at_tools, weak.weak_at_tools, without.weak_at_tools], [Some(false), Some(true), None]);
    let advice = |record: &Record| table::render(record, &Past::default()).contains("weak at tools: Interline works with it without tools");
    assert!(advice(&weak) && !advice(&strong));
    assert_eq!(super::row(&weak, &Past::default())["result"]["weak_at_tools"], true);
    // A line of an earlier version says nothing of it.
    let mut old = serde_json::to_value(&strong).unwrap();
    old.as_object_mut().unwrap().remove("weak_at_tools");
    assert_eq!(serde_json::from_value::<Record>(old).unwrap().weak_at_tools, None);
}

#[test]
fn the_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep").join("checks.jsonl");
    assert!(history::read(&file).unwrap().last(&record("a/m", "m", "a.example", "2026-01-03", Grade::A)).is_none());
    let mut old = record("a/glm-4.6", "glm-4.6", "a.example", "2026-01-01", Grade::C);
    old.probes[6].verdict = Verdict::Fail;
    old.figures.stopped = 1;
    for line in [
        record("a/glm-4.6", "glm-4.6", "a.example", "2025-01-01", Grade::F),
        old,
        record("b/glm", "z-ai/GLM-4-6", "b.example", "2025-12-01", Grade::D),
        record("b/glm", "z-ai/GLM-4-6", "b.example", "2025-12-02", Grade::B),
        record("c/other", "other", "c.example", "2025-12-02", Grade::B),
    ] {
        history::append(&file, &line).unwrap();
    }
    std::fs::write(&file, format!("{}\nno record\n", std::fs::read_to_string(&file).unwrap())).unwrap();
    let past = history::read(&file).unwrap();
    assert_eq!(past.unreadable, 1);
    let now = record("a/glm-4.6", "glm-4.6", "a.example", "2026-01-03", Grade::A);
    insta::assert_snapshot!(table::render(&now, &past));
}
