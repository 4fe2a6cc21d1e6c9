//! The probes: what is asked, in which order, and what each weighs.
//!
//! **Invariant:** a probe ends in its time, and says in plain words what it saw.

mod cache;
mod large;
mod measured;
mod parallel;
mod results;
mod stop_reason;
mod stops;
mod stream;
mod tool_call;
mod unicode;

use std::time::Duration;

use providers::FinishReason;
use serde_json::{Map, Value};

use super::arguments;
use super::ask::{Answer, Asker, Failure};
use super::report::{Finding, Verdict, excerpt};

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    Stream,
    StopReason,
    ToolCall,
    Results,
    Parallel,
    Unicode,
    Large,
    Cache,
    Stops,
    Usage,
    Speed,
}

/// What a probe's failure means for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It cannot work.
    Essential,
    /// Work gets lost.
    Important,
    /// Work is slower or dearer.
    Minor,
}

impl Probe {
    /// In the order in which they are asked; the last two only look at what came of the others.
    pub const ALL: &[Self] = &[
        Self::Stream,
        Self::StopReason,
        Self::ToolCall,
        Self::Results,
        Self::Parallel,
        Self::Unicode,
        Self::Large,
        Self::Cache,
        Self::Stops,
        Self::Usage,
        Self::Speed,
    ];

    fn row(self) -> (&'static str, &'static str, Weight) {
        match self {
            Self::Stream => ("stream", "streams to the end", Weight::Essential),
            Self::StopReason => ("stop_reason", "stop reason", Weight::Important),
            Self::ToolCall => ("tool_call", "tool call valid", Weight::Essential),
            Self::Results => ("results", "results used", Weight::Essential),
            Self::Parallel => ("parallel", "parallel calls", Weight::Minor),
            Self::Unicode => ("unicode", "unicode, escapes", Weight::Important),
            Self::Large => ("large", "large arguments", Weight::Important),
            Self::Cache => ("cache", "cache", Weight::Minor),
            Self::Stops => ("stops", "random stops", Weight::Important),
            Self::Usage => ("usage", "usage", Weight::Minor),
            Self::Speed => ("speed", "speed", Weight::Minor),
        }
    }

    /// For programs and the history.
    pub fn id(self) -> &'static str {
        self.row().0
    }

    /// For people.
    pub fn title(self) -> &'static str {
        self.row().1
    }

    pub fn weight(self) -> Weight {
        self.row().2
    }

    fn needs_tools(self) -> bool {
        matches!(self, Self::ToolCall | Self::Results | Self::Parallel | Self::Unicode | Self::Large | Self::Stops)
    }

    async fn ask(self, asker: &mut Asker, runs: u32) -> Found {
        if self.needs_tools() && !asker.model.capabilities.tools {
            return Err(Fault::DoesNotApply("the catalogue or the configuration (`tool_call`) says that it calls no tools".into()));
        }
        let limit = match self {
            Self::Large => asker.patience.large,
            // Each run has its own limit, and comes to it first.
            Self::Stops => asker.patience.probe.saturating_mul(runs + 1),
            _ => asker.patience.probe,
        };
        let asked = async {
            match self {
                Self::Stream => stream::ask(asker).await,
                Self::StopReason => stop_reason::ask(asker).await,
                Self::ToolCall => tool_call::ask(asker).await,
                Self::Results => results::ask(asker).await,
                Self::Parallel => parallel::ask(asker).await,
                Self::Unicode => unicode::ask(asker).await,
                Self::Large => large::ask(asker).await,
                Self::Cache => cache::ask(asker).await,
                Self::Stops => stops::ask(asker, runs).await,
                Self::Usage => measured::usage(&asker.tally),
                Self::Speed => measured::speed(&asker.tally),
            }
        };
        in_time(limit, asked).await
    }
}

/// What is worth saying of a pass; or what is wrong.
type Found = Result<String, Fault>;

/// No pass.
#[derive(Debug)]
enum Fault {
    Fails(String),
    DoesNotApply(String),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let when = if failure.began { "amid the answer: " } else { "" };
        Self::Fails(format!("{when}{}", failure.error.message))
    }
}

async fn in_time(limit: Duration, asked: impl Future<Output = Found>) -> Found {
    let late = || Err(Fault::Fails(format!("no end after {} s", limit.as_secs_f32())));
    tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| late())
}

/// Asks everything. Gives the reason if the model could not be asked at all: then nothing is found.
pub async fn all(asker: &mut Asker, runs: u32, findings: &mut Vec<Finding>, told: &dyn Fn(&Finding)) -> Option<String> {
    for probe in Probe::ALL {
        let found = probe.ask(asker, runs).await;
        let (verdict, reason) = match found {
            Ok(note) => (Verdict::Pass, note),
            Err(Fault::Fails(why)) => (Verdict::Fail, why),
            Err(Fault::DoesNotApply(why)) => (Verdict::NotApplicable, why),
        };
        if asker.tally.began == 0 {
            return Some(reason);
        }
        let finding = Finding::new(*probe, verdict, reason);
        told(&finding);
        findings.push(finding);
    }
    None
}

fn fails<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Fails(why.into()))
}

/// The answer's calls, if it is whole and has any.
fn called(answer: &Answer) -> Result<(), Fault> {
    match answer.finish {
        FinishReason::Length => fails("the answer was cut at the limit of tokens"),
        FinishReason::ContentFilter => fails("the answer was withheld by a filter"),
        FinishReason::Refusal => fails("the model refused to answer"),
        _ if answer.is_empty() => fails("the answer is empty"),
        _ if answer.calls.is_empty() => fails(format!("finished without the call; it said {}", excerpt(&answer.text()))),
        _ => Ok(()),
    }
}

/// The arguments of the first call, which must be one of `tool`.
fn first_call(answer: &Answer, tool: &str) -> Result<Map<String, Value>, Fault> {
    called(answer)?;
    let Some(call) = answer.calls.first() else { return fails("finished without the call") };
    let arguments = arguments::checked(call).map_err(Fault::Fails)?;
    if call.name != tool {
        return fails(format!("called {} where {tool} was asked for", call.name));
    }
    Ok(arguments)
}

/// `count` lines of which no two are equal.
fn lines(count: usize) -> String {
    const FIRST: &[&str] = &["amber", "brisk", "calm", "dusty", "early", "faint", "green"];
    const SECOND: &[&str] = &["river", "stone", "cloud", "field", "light", "train", "house", "paper", "glass", "table", "music"];
    let line = |n: usize| format!("k{n} = \"{} {}\"", FIRST[n % FIRST.len()], SECOND[n % SECOND.len()]);
    (1..=count).map(line).collect::<Vec<_>>().join("\n")
}
