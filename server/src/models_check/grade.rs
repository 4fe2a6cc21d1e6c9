//! From what was found to a grade, by one rule.
//!
//! **Invariant:** pure; no grade where something that it rests on was not measured.

use serde::{Deserialize, Serialize};

use super::probes::{Probe, Weight};
use super::report::{Finding, Verdict};

/// The rule, as `--help` tells it.
pub const RULE: &str = "\
Grades:
  F  an essential probe fails (streams to the end, tool call valid, results used), or half of the runs or more stop
  D  two important probes fail (stop reason, large arguments, unicode, random stops), or more than a fifth of the runs stop
  C  one important probe fails
  B  a minor probe fails (parallel calls, cache, usage, speed), an important one does not apply,
     or more than one request in ten had to be sent again
  A  none of these
A, B and C are usable: only then is the status 0. Without every essential and important probe there is no grade.
A model that fails a tool call or the use of its result, or stops in half of the runs, is weak at tools: Interline then works with it without tools,
unless its configuration says `tool_call: true`.
A check with 5 runs is about 25 requests, one of them long; what it cost is shown. Results are kept in models-check.jsonl in the data folder.";

/// How good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    A,
    B,
    C,
    D,
    F,
}

impl Grade {
    pub fn is_usable(self) -> bool {
        self <= Self::C
    }
}

/// What the requests came to, as far as the grade rests on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub requests: u32,
    pub retries: u32,
    pub runs: u32,
    pub stopped: u32,
}

/// The grade, and why it is not better; or why there is none.
pub fn grade(findings: &[Finding], counts: Counts) -> (Option<Grade>, String) {
    let of = |weight: Weight, verdict: Verdict| -> Vec<&'static str> {
        let all = Probe::ALL.iter().filter(|probe| probe.weight() == weight);
        all.filter(|probe| findings.iter().any(|f| f.is(**probe) && f.verdict == verdict)).map(|probe| probe.title()).collect()
    };
    let unmeasured = [
        of(Weight::Essential, Verdict::NotMeasured),
        of(Weight::Important, Verdict::NotMeasured),
        of(Weight::Essential, Verdict::NotApplicable),
    ]
    .concat();
    if !unmeasured.is_empty() {
        return (None, format!("without {}", unmeasured.join(", ")));
    }
    let essential = of(Weight::Essential, Verdict::Fail);
    let important = of(Weight::Important, Verdict::Fail);
    let minor = of(Weight::Minor, Verdict::Fail);
    let open = of(Weight::Important, Verdict::NotApplicable);
    let stops = || format!("{} of {} runs stop", counts.stopped, counts.runs);
    let (grade, why) = if !essential.is_empty() {
        (Grade::F, format!("fails: {}", essential.join(", ")))
    } else if counts.stopped > 0 && counts.stopped * 2 >= counts.runs {
        (Grade::F, stops())
    } else if important.len() >= 2 {
        (Grade::D, format!("fails: {}", important.join(", ")))
    } else if counts.stopped * 5 > counts.runs {
        (Grade::D, stops())
    } else if !important.is_empty() {
        (Grade::C, format!("fails: {}", important.join(", ")))
    } else if !minor.is_empty() {
        (Grade::B, format!("fails: {}", minor.join(", ")))
    } else if !open.is_empty() {
        (Grade::B, format!("does not apply: {}", open.join(", ")))
    } else if counts.retries * 10 > counts.requests {
        (Grade::B, format!("{} of {} requests were retries", counts.retries, counts.requests))
    } else {
        (Grade::A, String::new())
    };
    (Some(grade), why)
}

/// Whether it is weak at tools; none where that was not measured. Whoever cannot call one tool, or goes on without its result, only does harm with them.
pub fn weak_at_tools(findings: &[Finding], counts: Counts) -> Option<bool> {
    let verdict = |probe: Probe| findings.iter().find(|finding| finding.is(probe)).map(|finding| finding.verdict);
    let essential = [verdict(Probe::ToolCall)?, verdict(Probe::Results)?];
    if essential.contains(&Verdict::Fail) || (counts.stopped > 0 && counts.stopped * 2 >= counts.runs) {
        return Some(true);
    }
    essential.iter().all(|verdict| *verdict == Verdict::Pass).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule() {
        use Probe::{Cache, Large, Parallel, Results, StopReason, Stops, Stream, ToolCall, Unicode};
        use Verdict::{Fail, NotApplicable, NotMeasured};
        let check = |odd: &[(Probe, Verdict)], [retries, stopped]: [u32; 2], expect: &str| {
            let verdict = |probe: &Probe| odd.iter().find(|(p, _)| p == probe).map_or(Verdict::Pass, |(_, verdict)| *verdict);
            let findings: Vec<_> = Probe::ALL.iter().map(|probe| Finding::new(*probe, verdict(probe), String::new())).collect();
            let counts = Counts { requests: 40, retries, runs: 10, stopped };
            let (grade, why) = grade(&findings, counts);
            let unsure = odd.iter().any(|(p, v)| matches!(p, ToolCall | Results) && matches!(v, NotMeasured | NotApplicable));
            let weak = stopped >= 5 || odd.iter().any(|(p, v)| matches!(p, ToolCall | Results) && *v == Fail);
            assert_eq!(weak_at_tools(&findings, counts), (weak || !unsure).then_some(weak), "{odd:?}");
            assert_eq!(format!("{} {why}", grade.map_or("none".to_owned(), |g| format!("{g:?}"))).trim(), expect);
            assert!(why.is_empty() == (expect == "A"));
        };
        check(&[], [0, 0], "A");
        check(&[], [4, 0], "A");
        check(&[(Cache, NotApplicable), (Parallel, NotApplicable)], [0, 0], "A");
        check(&[], [5, 0], "B 5 of 40 requests were retries");
        check(&[(Parallel, Fail)], [0, 0], "B fails: parallel calls");
        check(&[(Large, NotApplicable)], [0, 0], "B does not apply: large arguments");
        check(&[(Large, Fail)], [0, 0], "C fails: large arguments");
        check(&[(Stops, Fail)], [0, 2], "C fails: random stops");
        check(&[(Stops, Fail)], [0, 3], "D 3 of 10 runs stop");
        check(&[(Stops, Fail)], [0, 5], "F 5 of 10 runs stop");
        check(&[(Large, Fail), (Unicode, Fail), (Parallel, Fail)], [0, 0], "D fails: unicode, escapes, large arguments");
        for (probe, title) in [(Stream, "streams to the end"), (ToolCall, "tool call valid"), (Results, "results used")] {
            check(&[(probe, Fail)], [0, 0], &format!("F fails: {title}"));
            check(&[(probe, NotMeasured)], [0, 0], &format!("none without {title}"));
            check(&[(probe, NotApplicable)], [0, 0], &format!("none without {title}"));
        }
        check(&[(StopReason, NotMeasured), (Large, Fail)], [0, 0], "none without stop reason");
    }
}
