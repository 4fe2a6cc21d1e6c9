//! A check for people: one probe a line, then the grade, the figures, and how they compare.
//!
//! **Invariant:** pure; a figure that was not taken reads "not measured".

use super::history::Past;
use super::report::{Figures, Record, Verdict};

/// The table, with a line for each probe.
pub fn render(record: &Record, past: &Past) -> String {
    let mut out = format!("{} at {} ({}), {}\n", record.model, record.deployment, record.api, day(record));
    // Where nothing was measured, the grade's line says all.
    let measured = record.probes.iter().any(|finding| finding.verdict != Verdict::NotMeasured);
    for finding in record.probes.iter().filter(|_| measured) {
        let row = format!("  {:<18}  {:<12}  {}", finding.title(), finding.verdict.word(), finding.reason);
        add(&mut out, row.trim_end());
    }
    let why = if record.reason.is_empty() { String::new() } else { format!(": {}", record.reason) };
    let usable = if record.usable { "usable" } else { "not usable" };
    match record.grade {
        Some(grade) => add(&mut out, &format!("  grade {grade:?}, {usable}{why}")),
        None => add(&mut out, &format!("  grade not measured{why}")),
    }
    if record.weak_at_tools == Some(true) {
        add(&mut out, "  weak at tools: Interline works with it without tools, and takes its edits from the text of its answers");
        add(&mut out, "  (`tool_call: true` at the model in the configuration gives it tools all the same)");
    }
    add(&mut out, &format!("  {}", speed(&record.figures)));
    add(&mut out, &format!("  {}", spent(&record.figures)));
    if let Some(last) = past.last(record) {
        add(&mut out, &format!("  last time, {}: {}", day(last), compared(last, record)));
    }
    let others = past.others(record);
    if !others.is_empty() {
        add(&mut out, "  other deployments of this model:");
        let width = others.iter().map(|other| place(other).chars().count()).max().unwrap_or(0);
        for other in others {
            let grade = other.grade.map_or("not measured".to_owned(), |grade| format!("grade {grade:?}"));
            add(&mut out, &format!("    {:<width$}  {}  {grade}  {}", place(other), day(other), speed(&other.figures)));
        }
    }
    out
}

fn add(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn place(record: &Record) -> String {
    format!("{} at {} ({})", record.model, record.deployment, record.api)
}

fn day(record: &Record) -> &str {
    record.date.split('T').next().unwrap_or_default()
}

fn speed(figures: &Figures) -> String {
    let first = figures.first_token_ms.map_or("first token not measured".to_owned(), |ms| format!("first token after {ms} ms"));
    let rate = figures.tokens_per_second.map_or("speed not measured".to_owned(), |rate| format!("{rate:.1} tokens/s"));
    let stops =
        if figures.runs == 0 { "stops not measured".to_owned() } else { format!("{} of {} runs stopped", figures.stopped, figures.runs) };
    format!("{first}, {rate}, {stops}")
}

fn spent(figures: &Figures) -> String {
    let cost = figures.cost.map_or("no price known".to_owned(), |cost| format!("${cost:.4}"));
    let tokens = &figures.tokens;
    let read = tokens.input + tokens.cache.read + tokens.cache.write;
    let written = tokens.output + tokens.reasoning;
    format!(
        "{} requests, {} of them retries; {read} tokens read ({} cached), {written} written; {cost}; {:.0} s",
        figures.requests, figures.retries, tokens.cache.read, figures.seconds
    )
}

/// What is not as it was.
fn compared(last: &Record, now: &Record) -> String {
    let letter = |record: &Record| record.grade.map_or("not measured".to_owned(), |grade| format!("{grade:?}"));
    let mut parts = vec![if last.grade == now.grade {
        format!("grade {} as now", letter(last))
    } else {
        format!("grade {} (now {})", letter(last), letter(now))
    }];
    for finding in &now.probes {
        let before = last.probes.iter().find(|old| old.probe == finding.probe);
        if let Some(before) = before
            && before.verdict != finding.verdict
            && finding.verdict != Verdict::NotMeasured
        {
            parts.push(format!("{} {} (now {})", finding.title(), before.verdict.word(), finding.verdict.word()));
        }
    }
    parts.push(speed(&last.figures));
    parts.join("; ")
}
