//! OpenCode's store: its SQLite file, and the JSON files that came before it. Only read.
//!
//! Must not know what becomes of what it finds.
//!
//! **Invariant:** nothing of OpenCode's is changed; a file that is damaged costs no other session.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use proto::Todo;
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Map, Value, json};

use super::Failed;
use super::import::Found;

/// A session that can be loaded.
pub struct Stored {
    info: Value,
    place: Place,
}

/// Where the rest of it is.
enum Place {
    Database(PathBuf),
    /// The folders of messages, of parts, and the to-do list. In the older layout parts stand in a folder for their session.
    Files {
        messages: PathBuf,
        parts: PathBuf,
        todos: PathBuf,
    },
}

impl Stored {
    /// The session, as OpenCode spells it.
    #[must_use]
    pub fn info(&self) -> &Value {
        &self.info
    }

    /// All of it.
    ///
    /// # Errors
    /// In the user's words.
    pub fn load(self) -> Result<Found, Failed> {
        match &self.place {
            Place::Database(path) => from_database(path, self.info),
            Place::Files { messages, parts, todos } => {
                let mut found = Found { messages: Vec::new(), todos: list(todos), info: self.info };
                for message in json_files(messages) {
                    let id = message["id"].as_str().unwrap_or_default();
                    // A name that is a path would lead elsewhere.
                    let parts = if is_name(id) { json_files(&parts.join(id)) } else { Vec::new() };
                    found.messages.push((message, parts));
                }
                Ok(found)
            }
        }
    }
}

/// All sessions below OpenCode's data folder, those of its database first; each once.
///
/// # Errors
/// If the database is there and cannot be read.
pub fn sessions(data: &Path) -> Result<Vec<Stored>, Failed> {
    let mut out = Vec::new();
    for path in databases(data) {
        let connection = open(&path)?;
        let found = rows(&connection, "SELECT * FROM session ORDER BY id DESC", &[]).map_err(|error| unreadable(&path, &error))?;
        out.extend(found.into_iter().map(|row| Stored { info: info(row), place: Place::Database(path.clone()) }));
    }
    for storage in storages(data) {
        // `session/PROJECT/SESSION.json`, and before that `session/info/SESSION.json` with all else beside it.
        for folder in folders(&storage.join("session")) {
            let old = folder.file_name().is_some_and(|name| name == "info");
            for info in json_files(&folder) {
                let id = info["id"].as_str().unwrap_or_default().to_owned();
                if !is_name(&id) {
                    continue;
                }
                let place = if old {
                    let all = storage.join("session");
                    Place::Files { messages: all.join("message").join(&id), parts: all.join("part").join(&id), todos: PathBuf::new() }
                } else {
                    let todos = storage.join("todo").join(format!("{id}.json"));
                    Place::Files { messages: storage.join("message").join(&id), parts: storage.join("part"), todos }
                };
                out.push(Stored { info, place });
            }
        }
    }
    let mut seen = HashSet::new();
    out.retain(|stored| seen.insert(stored.info["id"].to_string()));
    Ok(out)
}

/// `opencode.db`, and those of other channels.
fn databases(data: &Path) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.is_file() && name.strip_suffix(".db").is_some_and(|stem| stem == "opencode" || stem.starts_with("opencode-"))
    };
    entries(data).into_iter().filter(is_one).collect()
}

/// `storage`, and those of single projects that the oldest versions made.
fn storages(data: &Path) -> Vec<PathBuf> {
    let of_projects = folders(&data.join("project")).into_iter().map(|project| project.join("storage"));
    std::iter::once(data.join("storage")).chain(of_projects).filter(|path| path.is_dir()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

/// The JSON files of a folder by their names, which are ids and sort by time.
fn json_files(folder: &Path) -> Vec<Value> {
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let read = |path: PathBuf| {
        let value = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        if value.is_none() {
            tracing::warn!("{} cannot be read and is left out", path.display());
        }
        value
    };
    entries(folder).into_iter().filter(is_json).filter_map(read).collect()
}

fn list(path: &Path) -> Vec<Todo> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Whether an id leads nowhere when it becomes a part of a path.
pub fn is_name(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn open(path: &Path) -> Result<Connection, Failed> {
    // It may be in use: WAL readers need to write the index beside it, and nothing else.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> Failed {
    format!("OpenCode's {} cannot be read: {error}", path.display())
}

fn from_database(path: &Path, info: Value) -> Result<Found, Failed> {
    let connection = open(path)?;
    let failed = |error| unreadable(path, &error);
    let id = info["id"].as_str().unwrap_or_default().to_owned();
    let order = "ORDER BY time_created, id";
    let messages = rows(&connection, &format!("SELECT id, data FROM message WHERE session_id = ?1 {order}"), &[&id]).map_err(failed)?;
    let mut found = Found { info, messages: Vec::with_capacity(messages.len()), todos: todos(&connection, &id) };
    for message in messages {
        let message = data(message);
        let of = message["id"].as_str().unwrap_or_default().to_owned();
        let parts = rows(&connection, "SELECT id, data FROM part WHERE message_id = ?1 ORDER BY id", &[&of]).map_err(failed)?;
        found.messages.push((message, parts.into_iter().map(data).collect()));
    }
    Ok(found)
}

/// The to-do list; empty where this version of OpenCode has none.
fn todos(connection: &Connection, id: &str) -> Vec<Todo> {
    let found = rows(connection, "SELECT content, status, priority FROM todo WHERE session_id = ?1 ORDER BY position", &[&id.to_owned()]);
    found.unwrap_or_default().into_iter().filter_map(|row| serde_json::from_value(Value::Object(row)).ok()).collect()
}

/// What a query gives, each row by the names of its columns, which differ from version to version.
fn rows(connection: &Connection, sql: &str, with: &[&String]) -> rusqlite::Result<Vec<Map<String, Value>>> {
    let mut statement = connection.prepare(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let row = |row: &Row| {
        let value = |at: usize| -> rusqlite::Result<Value> {
            Ok(match row.get::<_, rusqlite::types::Value>(at)? {
                rusqlite::types::Value::Integer(n) => n.into(),
                rusqlite::types::Value::Real(n) => n.into(),
                rusqlite::types::Value::Text(text) => text.into(),
                rusqlite::types::Value::Null | rusqlite::types::Value::Blob(_) => Value::Null,
            })
        };
        names.iter().enumerate().map(|(at, name)| Ok((name.clone(), value(at)?))).collect()
    };
    statement.query_map(rusqlite::params_from_iter(with), row)?.collect()
}

/// A session's row as the JSON that OpenCode exports.
fn info(row: Map<String, Value>) -> Value {
    let get = |name: &str| row.get(name).cloned().unwrap_or(Value::Null);
    let number = |name: &str| get(name).as_u64().unwrap_or(0);
    let mut info = json!({
        "id": get("id"), "directory": get("directory"), "title": get("title"), "version": get("version"),
        "cost": get("cost").as_f64().unwrap_or(0.0),
        "tokens": {"input": number("tokens_input"), "output": number("tokens_output"), "reasoning": number("tokens_reasoning"),
            "cache": {"read": number("tokens_cache_read"), "write": number("tokens_cache_write")}},
        "time": {"created": number("time_created"), "updated": number("time_updated")},
    });
    if get("parent_id").is_string() {
        info["parentID"] = get("parent_id");
    }
    info
}

/// A message's or a part's row: its JSON with the id that is a column.
fn data(mut row: Map<String, Value>) -> Value {
    let id = row.shift_remove("id").unwrap_or(Value::Null);
    let mut data = row.get("data").and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({}));
    if let Value::Object(data) = &mut data {
        data.insert("id".into(), id);
    }
    data
}
