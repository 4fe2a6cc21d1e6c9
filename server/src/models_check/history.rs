//! What was found before: one line of JSON a check, in the data folder.
//!
//! **Invariant:** lines are only added; one that cannot be read is counted and left alone.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use super::grade::Grade;
use super::report::Record;

/// Earlier checks, the oldest first.
#[derive(Debug, Default)]
pub struct Past {
    records: Vec<Record>,
    /// Lines that are no check's.
    pub unreadable: usize,
}

/// Reads the file; none is an empty past.
pub fn read(file: &Path) -> io::Result<Past> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Past::default()),
        Err(error) => return Err(error),
    };
    let mut past = Past::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(record) => past.records.push(record),
            Err(_) => past.unreadable += 1,
        }
    }
    Ok(past)
}

/// Adds a check.
pub fn append(file: &Path, record: &Record) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // In one write, so that two checks at a time do not mix their lines.
    let line = format!("{}\n", serde_json::to_string(record)?);
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}

impl Past {
    /// The last grade of each model, by `provider/model`, and its day.
    pub fn grades(&self) -> HashMap<String, (Grade, String)> {
        let graded = self.records.iter().filter_map(|record| Some((record, record.grade?)));
        graded.map(|(record, grade)| (record.model.clone(), (grade, record.date.chars().take(10).collect()))).collect()
    }

    /// The last check of the same deployment.
    pub fn last(&self, now: &Record) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.same_deployment(now))
    }

    /// The last check of each other deployment of the same model, the newest first.
    pub fn others(&self, now: &Record) -> Vec<&Record> {
        let mut found: Vec<&Record> = Vec::new();
        for record in self.records.iter().rev().filter(|record| record.same_model(now) && !record.same_deployment(now)) {
            if !found.iter().any(|known| known.same_deployment(record)) {
                found.push(record);
            }
        }
        found
    }
}
