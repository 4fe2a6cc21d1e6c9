//! A list of models, for people and for programs.
//!
//! **Invariant:** pure; says where a key is, never the key, and no grade that was not measured.

use config::{Auth, Cost, Limit};
use providers::{Capabilities, KeyOrigin, ModelEntry};
use serde_json::{Value, json};

use crate::models_check::Grade;

/// A model in the list.
pub struct Row {
    /// `provider/model`.
    pub id: String,
    title: String,
    /// Of a model on this machine nothing more is known.
    known: Option<Known>,
    /// Where the server on this machine is.
    address: Option<String>,
    ready: bool,
    key: Option<KeyOrigin>,
    /// Of the last check, and its day.
    pub grade: Option<(Grade, String)>,
    /// Why it would be worked with without tools, where it would.
    pub tool_free: Option<String>,
}

struct Known {
    limit: Limit,
    cost: Option<Cost>,
    capabilities: Capabilities,
    status: Option<String>,
}

impl From<ModelEntry> for Row {
    fn from(entry: ModelEntry) -> Self {
        let known = Known { limit: entry.limit, cost: entry.cost, capabilities: entry.capabilities, status: entry.status };
        Self {
            id: entry.name,
            title: entry.title,
            known: Some(known),
            address: None,
            ready: entry.ready,
            key: entry.key,
            grade: None,
            tool_free: None,
        }
    }
}

impl Row {
    /// A model that a server on this machine has.
    pub fn local(id: String, address: &str) -> Self {
        let title = id.split_once('/').map_or_else(|| id.clone(), |(_, model)| model.to_owned());
        Self { id, title, known: None, address: Some(address.to_owned()), ready: true, key: None, grade: None, tool_free: None }
    }

    fn key(&self, auth: &Auth) -> Option<String> {
        let provider = self.id.split('/').next().unwrap_or_default();
        Some(match self.key.as_ref()? {
            KeyOrigin::Configuration => format!("provider.{provider}.options.apiKey"),
            KeyOrigin::Stored => auth.source(provider).map_or_else(|| "auth.json".to_owned(), |file| file.display().to_string()),
            KeyOrigin::Variable(name) => name.clone(),
        })
    }
}

/// For programs. What is not known is null or absent.
pub fn json(rows: &[Row], auth: &Auth) -> Value {
    let row = |row: &Row| {
        let mut value = json!({"id": row.id, "name": row.title, "ready": row.ready, "key": row.key(auth),
            "grade": row.grade.as_ref().map(|(grade, _)| grade), "measured": row.grade.as_ref().map(|(_, day)| day),
            "tool_free": row.tool_free});
        if let Some(Known { limit, cost, capabilities, status }) = &row.known {
            value["limit"] = json!(limit);
            value["cost"] = json!(cost);
            value["status"] = json!(status);
            value["abilities"] = json!({"tools": capabilities.tools, "reasoning": capabilities.reasoning, "temperature": capabilities.temperature,
                "images": capabilities.images, "pdf": capabilities.pdf});
        }
        if let Some(address) = &row.address {
            value["address"] = json!(address);
        }
        value
    };
    rows.iter().map(row).collect()
}

/// For people: the name first, in columns.
pub fn table(rows: &[Row], auth: &Auth) -> String {
    let head = ["MODEL", "CONTEXT", "$ IN/OUT", "ABILITIES", "GRADE", "KEY"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let (context, price, abilities) = match &row.known {
            Some(known) => {
                let price = known.cost.as_ref().map_or_else(|| "?".to_owned(), price);
                (tokens(known.limit.context), price, abilities(known, row.tool_free.is_some()))
            }
            None => (String::new(), "this machine".to_owned(), if row.tool_free.is_some() { "tool-free".into() } else { String::new() }),
        };
        let grade = row.grade.as_ref().map_or_else(|| "not measured".to_owned(), |(grade, day)| format!("{grade:?} {day}"));
        let key = row.key(auth).unwrap_or_else(|| if row.ready { String::new() } else { "no key".to_owned() });
        [row.id.clone(), context, price, abilities, grade, key]
    });
    let all: Vec<[String; 6]> = std::iter::once(head).chain(cells).collect();
    let widths: Vec<usize> = (0..6).map(|column| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    all.iter().map(line).collect()
}

fn tokens(count: u64) -> String {
    match count {
        0 => String::new(),
        1..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", (count as f64 / 1e5).round() / 10.0),
    }
}

fn price(cost: &Cost) -> String {
    if cost.input == 0.0 && cost.output == 0.0 {
        return "free".to_owned();
    }
    let more = if cost.tiers.is_empty() && cost.context_over_200k.is_none() { "" } else { "+" };
    format!("{}/{}{more}", cost.input, cost.output)
}

/// In words; `tool-free` is what Interline does for a model that is weak at tools.
fn abilities(known: &Known, tool_free: bool) -> String {
    let Capabilities { tools, reasoning, images, pdf, .. } = known.capabilities;
    let words = [(tools && !tool_free, "tools"), (tool_free, "tool-free"), (reasoning, "thinks"), (images, "images"), (pdf, "pdf")];
    let words = words.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).chain(known.status.as_deref());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let entry = ModelEntry {
            name: "p/big".into(),
            title: "Big".into(),
            limit: Limit { context: 1_050_000, input: None, output: 128_000 },
            cost: Some(serde_json::from_value(json!({"input": 2.5, "output": 15, "tiers": [{"input": 5, "output": 20, "tier": {"type": "context", "size": 200_000}}]})).unwrap()),
            capabilities: Capabilities { tools: true, tools_stated: false, reasoning: true, temperature: false, images: true, pdf: false },
            status: Some("beta".into()),
            ready: true,
            key: Some(KeyOrigin::Variable("P_KEY".into())),
        };
        let unready = ModelEntry {
            name: "p/small".into(),
            cost: None,
            status: None,
            ready: false,
            key: None,
            limit: Limit { context: 32_768, ..Limit::default() },
            ..entry.clone()
        };
        let mut big = Row::from(entry);
        big.grade = Some((Grade::B, "2026-11-27".into()));
        let mut small = Row::from(unready);
        small.tool_free = Some("open models of its size are weak at them".into());
        vec![big, small, Row::local("ollama/q:8b".into(), "http://127.0.0.1:11434/v1")]
    }

    #[test]
    fn columns() {
        let expect = "\
MODEL        CONTEXT  $ IN/OUT      ABILITIES                 GRADE         KEY
p/big        1.1M     2.5/15+       tools thinks images beta  B 2026-11-27  P_KEY
p/small      32k      ?             tool-free thinks images   not measured  no key
ollama/q:8b           this machine                            not measured
";
        assert_eq!(table(&rows(), &Auth::default()), expect);
    }

    #[test]
    fn for_programs() {
        let all = json(&rows(), &Auth::default());
        assert_eq!((&all[0]["key"], &all[0]["grade"], &all[0]["measured"]), (&json!("P_KEY"), &json!("B"), &json!("2026-11-27")));
        assert_eq!(all[0]["cost"]["tiers"][0]["tier"]["size"], 200_000);
        assert_eq!((&all[0]["abilities"]["tools"], &all[0]["status"], &all[1]["ready"]), (&json!(true), &json!("beta"), &json!(false)));
        assert_eq!((&all[0]["tool_free"], &all[1]["tool_free"]), (&Value::Null, &json!("open models of its size are weak at them")));
        assert_eq!(
            (&all[1]["grade"], &all[1]["key"], &all[2]["address"]),
            (&Value::Null, &Value::Null, &json!("http://127.0.0.1:11434/v1"))
        );
    }
}
