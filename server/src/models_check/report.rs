//! What a check found: the same for the table, for programs and for the history.
//!
//! **Invariant:** holds no key, no address beyond its host, and words of the model or its provider only shortened and without control characters.

use proto::Tokens;
use serde::{Deserialize, Serialize};

use super::ask::Asker;
use super::grade::{self, Counts, Grade};
use super::probes::Probe;

/// What came of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail,
    NotApplicable,
    NotMeasured,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::NotApplicable => "n/a",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A probe's result. It goes by a name, so that the history outlives a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub probe: String,
    pub verdict: Verdict,
    /// For people: what was seen.
    pub reason: String,
}

impl Finding {
    pub fn new(probe: Probe, verdict: Verdict, reason: String) -> Self {
        Self { probe: probe.id().to_owned(), verdict, reason }
    }

    pub fn is(&self, probe: Probe) -> bool {
        self.probe == probe.id()
    }

    pub fn title(&self) -> &str {
        Probe::ALL.iter().find(|probe| self.is(**probe)).map_or(&self.probe, |probe| probe.title())
    }
}

/// What was counted and timed. What is absent was not measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// All that were sent, retries included.
    pub requests: u32,
    /// Sent again because the transport failed.
    pub retries: u32,
    /// From the request to the first token, the median, in milliseconds.
    pub first_token_ms: Option<u64>,
    /// While an answer comes.
    pub tokens_per_second: Option<f64>,
    /// Of a prompt that was sent before, what came from the cache: 0 to 1.
    pub cached: Option<f64>,
    /// Runs of the small task, and how many of them stopped.
    pub runs: u32,
    pub stopped: u32,
    pub tokens: Tokens,
    /// In US dollars; absent where no price is known.
    pub cost: Option<f64>,
    /// The whole check, in seconds.
    pub seconds: f64,
}

/// A check of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `provider/model`.
    pub model: String,
    /// Its name on the wire.
    pub wire_id: String,
    /// Host and port.
    pub deployment: String,
    /// The wire format.
    pub api: String,
    /// RFC 3339, UTC.
    pub date: String,
    /// Absent: not measured.
    pub grade: Option<Grade>,
    /// Why the grade is not better, or why there is none.
    pub reason: String,
    pub usable: bool,
    /// It calls tools badly, or does not use what they bring: it is worked with without tools. Absent: not measured. The engine reads this.
    #[serde(default)]
    pub weak_at_tools: Option<bool>,
    pub probes: Vec<Finding>,
    pub figures: Figures,
}

impl Record {
    /// `broken` says why the check did not come to its end.
    pub fn new(asker: &Asker, mut probes: Vec<Finding>, broken: Option<String>) -> Self {
        let (model, tally) = (&asker.model, &asker.tally);
        let deployment = model.deployment();
        // Errors name the address, which may hold a key.
        let hidden = |text: &str| plain(text).replace(&model.base_url, &deployment);
        for finding in &mut probes {
            finding.reason = hidden(&finding.reason);
        }
        let counts = Counts { requests: tally.requests, retries: tally.retries, runs: tally.runs, stopped: tally.stopped };
        let (grade, reason) = match broken {
            Some(why) => (None, hidden(&why)),
            None => grade::grade(&probes, counts),
        };
        let priced = model.cost.input > 0.0 || model.cost.output > 0.0;
        Self {
            model: model.name(),
            wire_id: model.wire_id.clone(),
            deployment: deployment.clone(),
            api: model.api.word().to_owned(),
            date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            grade,
            reason,
            usable: grade.is_some_and(Grade::is_usable),
            weak_at_tools: grade.and_then(|_| grade::weak_at_tools(&probes, counts)),
            probes,
            figures: Figures {
                requests: tally.requests,
                retries: tally.retries,
                first_token_ms: tally.first_token_ms(),
                tokens_per_second: tally.tokens_per_second().map(|rate| (rate * 10.0).round() / 10.0),
                cached: tally.cached,
                runs: tally.runs,
                stopped: tally.stopped,
                tokens: tally.tokens,
                cost: priced.then_some(tally.cost),
                seconds: (asker.started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            },
        }
    }

    /// Whether both are of the same model at the same place, spoken to in the same way.
    pub fn same_deployment(&self, other: &Self) -> bool {
        self.wire_id == other.wire_id && self.deployment == other.deployment && self.api == other.api
    }

    /// Whether both are of one model, as far as names tell: gateways write a vendor before it, and dots for dashes.
    pub fn same_model(&self, other: &Self) -> bool {
        let name = |id: &str| id.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().replace('.', "-");
        name(&self.wire_id) == name(&other.wire_id)
    }
}

/// On one line, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The beginning of what somebody else wrote, in quotes, what cannot be seen escaped.
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut out = String::from("“");
    let mut characters = text.trim().chars();
    for c in characters.by_ref().take(LONGEST) {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out.push_str(if characters.next().is_some() { "…”" } else { "”" });
    out
}
