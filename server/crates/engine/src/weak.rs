//! Which models are worked with without tools, and why.
//!
//! Owns the order in which the configuration, what was measured and a model's name count. Must not know what is done instead.
//!
//! **Invariant:** what the user's configuration says counts over what was measured, and that over a name; nothing is read before the first message.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use providers::{ResolvedModel, is_small};
use serde_json::Value;

/// What is looked at of a long history: its end.
const NEWEST: u64 = 1 << 20;

/// What `interline models check` found, as it is needed here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    wire_id: String,
    deployment: String,
    api: String,
    weak: bool,
    day: String,
}

/// What `interline models check` has found, read again when it has found more.
#[derive(Debug)]
pub struct Verdicts {
    file: PathBuf,
    known: Mutex<Known>,
}

/// What was read last, and the file's time and length then.
#[derive(Debug, Default)]
struct Known {
    state: Option<(SystemTime, u64)>,
    verdicts: Vec<Verdict>,
}

impl Verdicts {
    /// Of the data folder; nothing is read yet. The check writes the file by the same name.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { file: data.join("models-check.jsonl"), known: Mutex::default() }
    }

    /// Why a model is worked with without tools, for the user; none if it is given some.
    #[must_use]
    pub fn without_tools(&self, model: &ResolvedModel) -> Option<String> {
        if model.capabilities.tools_stated || !model.capabilities.tools {
            return (!model.capabilities.tools).then(|| "the configuration or the catalogue says that it calls none".to_owned());
        }
        match self.verdict(model) {
            Some(Verdict { weak: true, day, .. }) => Some(format!("`interline models check` found it weak at them ({day})")),
            Some(_) => None,
            None if is_small(&model.wire_id) => Some("open models of its size are weak at them".to_owned()),
            None => None,
        }
    }

    fn verdict(&self, model: &ResolvedModel) -> Option<Verdict> {
        let state = std::fs::metadata(&self.file).ok().and_then(|meta| Some((meta.modified().ok()?, meta.len())))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.state != Some(state) {
            match newest(&self.file) {
                Ok(text) => *known = Known { state: Some(state), verdicts: verdicts(&text) },
                Err(error) => tracing::warn!("{} cannot be read: {error}", self.file.display()),
            }
        }
        let (deployment, api) = (model.deployment(), model.api.word());
        known.verdicts.iter().rfind(|v| v.wire_id == model.wire_id && v.deployment == deployment && v.api == api).cloned()
    }
}

fn newest(file: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(file)?;
    let start = file.metadata()?.len().saturating_sub(NEWEST);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(NEWEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One line a check. What is no check, or measured no tools, says nothing.
fn verdicts(text: &str) -> Vec<Verdict> {
    let read = |line: &str| {
        let record: Value = serde_json::from_str(line).ok()?;
        let word = |key: &str| record[key].as_str().map(str::to_owned);
        Some(Verdict {
            wire_id: word("wire_id")?,
            deployment: word("deployment")?,
            api: word("api")?,
            weak: record["weak_at_tools"].as_bool()?,
            day: word("date")?.split('T').next().unwrap_or_default().to_owned(),
        })
    };
    text.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use providers::{Catalogue, KeySource, Registry};
    use serde_json::json;

    use super::*;

    fn model(id: &str, more: Value) -> ResolvedModel {
        let config = json!({"provider": {"x": {"options": {"baseURL": "http://user:pass@localhost:8091/v1"}, "models": {id: more}}}});
        let config = serde_json::from_value(config).unwrap();
        Registry::new(Arc::new(config), KeySource::new(|_| None, |_| None), Catalogue::default()).resolve(&format!("x/{id}")).unwrap()
    }

    #[test]
    fn what_counts_over_what() {
        let dir = tempfile::tempdir().unwrap();
        let verdicts = Verdicts::new(dir.path());
        let check = |id: &str, more: Value, expect: &str| {
            let got = verdicts.without_tools(&model(id, more));
            assert!(if expect.is_empty() { got.is_none() } else { got.as_ref().is_some_and(|got| got.contains(expect)) }, "{id}: {got:?}");
        };
        check("large", json!({}), "");
        check("tiny:1b", json!({}), "of its size");
        check("tiny:1b", json!({"tool_call": true}), "");
        check("large", json!({"tool_call": false}), "the configuration");
        let line = |id: &str, weak: Value| {
            let line = json!({"wire_id": id, "deployment": "localhost:8091", "api": "openai-chat", "date": "2026-01-02T03:04:05Z", "weak_at_tools": weak});
            format!("{line}\n")
        };
        let write = |lines: &[String]| std::fs::write(dir.path().join("models-check.jsonl"), lines.concat()).unwrap();
        write(&["no JSON\n".into(), line("large", json!(true)), line("tiny:1b", json!(false)), line("tiny:1b", json!(null))]);
        check("large", json!({}), "weak at them (2026-01-02)");
        check("large", json!({"tool_call": true}), "");
        check("tiny:1b", json!({}), "");
        check("other", json!({}), "");
        // The newest counts.
        write(&[line("large", json!(true)), line("large", json!(false)), "{}\n".into()]);
        check("large", json!({}), "");
    }
}
