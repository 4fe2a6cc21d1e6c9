//! `interline sessions import`: what was exported, or what OpenCode stored, becomes a session of this project.
//!
//! Owns how OpenCode's older shapes are read as ours. Must not know where the JSON comes from.
//!
//! **Invariant:** a session that is there already is left as it is; what cannot be read is left out and counted, never guessed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use config::Dirs;
use proto::{Message, MessageWithParts, Part, PartId, PartKind, Session, SessionId, Todo};
use serde_json::{Map, Value, json};
use store::{Store, StoreError};

use super::{Failed, opencode, words};
use crate::{output, paths};

/// Most bytes of a file that is imported.
const LARGEST: u64 = 1 << 30;

/// A session as it was found somewhere: OpenCode's JSON, of whatever age.
#[derive(Debug, Default)]
pub struct Found {
    /// The session.
    pub info: Value,
    /// Its messages, in order, each with its parts in order.
    pub messages: Vec<(Value, Vec<Value>)>,
    /// Its to-do list.
    pub todos: Vec<Todo>,
}

/// A session that can be stored, and how many of its messages and parts could not be read.
struct Readable {
    session: Session,
    messages: Vec<MessageWithParts>,
    todos: Vec<Todo>,
    left_out: usize,
}

/// Takes over what is found in the files, and in OpenCode's store.
pub fn import(dirs: &Dirs, cwd: &Path, files: &[PathBuf], from_opencode: bool, all: bool) -> Result<(), Failed> {
    let store = Store::open(&paths::database(dirs)).map_err(words)?;
    let mut done = Done::default();
    for file in files {
        let found = read(file).map_err(|why| format!("{}: {why}", file.display()))?;
        // What was exported elsewhere goes on here.
        done.take(&store, found, Some(cwd)).map_err(|why| format!("{}: {why}", file.display()))?;
    }
    if from_opencode {
        let wanted = cwd.to_string_lossy();
        let sessions = opencode::sessions(&dirs.opencode_data)?;
        let mine: Vec<_> = sessions.into_iter().filter(|session| all || session.info()["directory"] == *wanted).collect();
        if mine.is_empty() {
            let place = if all { String::new() } else { " of this folder; --all takes those of all folders".to_owned() };
            output::note(&format!("There is no session{place} in {}.", dirs.opencode_data.display()));
        }
        for session in mine {
            let name = session.info()["id"].to_string();
            // One that is damaged does not keep the others from being taken over.
            if let Err(why) = session.load().and_then(|found| done.take(&store, found, None)) {
                output::note(&format!("interline: {name} was left out: {why}"));
            }
        }
    }
    output::note(&done.words());
    Ok(())
}

#[derive(Default)]
struct Done {
    taken: usize,
    known: usize,
    left_out: usize,
}

impl Done {
    fn take(&mut self, store: &Store, found: Found, directory: Option<&Path>) -> Result<(), Failed> {
        let readable = readable(found, directory)?;
        if store.session(&readable.session.id).map_err(words)?.is_some() {
            self.known += 1;
            return Ok(());
        }
        keep(store, &readable).map_err(words)?;
        self.taken += 1;
        self.left_out += readable.left_out;
        output::line(readable.session.id.as_str());
        Ok(())
    }

    fn words(&self) -> String {
        let mut words = format!("{} session{} taken over", self.taken, if self.taken == 1 { " was" } else { "s were" });
        if self.known > 0 {
            words.push_str(&format!(
                ", {} there already",
                if self.known == 1 { "1 was".to_owned() } else { format!("{} were", self.known) }
            ));
        }
        if self.left_out > 0 {
            words.push_str(&format!("; {} pieces of a kind that is not known here were left out", self.left_out));
        }
        words.push('.');
        words
    }
}

/// Reads an exported file.
fn read(file: &Path) -> Result<Found, Failed> {
    let size = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err(format!("it has {size} bytes, which is more than any session"));
    }
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("it is no JSON ({error}); write it with `interline export`"))?;
    let Value::Object(mut value) = value else { return Err("it is no exported session".into()) };
    let messages = value.shift_remove("messages").and_then(|messages| if let Value::Array(all) = messages { Some(all) } else { None });
    let (Some(info), Some(messages)) = (value.shift_remove("info"), messages) else {
        return Err("it is no exported session: it has no `info` and `messages`".into());
    };
    let message = |mut message: Value| {
        let parts = if let Value::Array(parts) = message["parts"].take() { parts } else { Vec::new() };
        (message["info"].take(), parts)
    };
    Ok(Found { info, messages: messages.into_iter().map(message).collect(), todos: Vec::new() })
}

/// What of it can be stored. It goes on in `directory`; where it was, if none is given.
fn readable(found: Found, directory: Option<&Path>) -> Result<Readable, Failed> {
    let mut session = session(found.info)?;
    if let Some(directory) = directory {
        session.directory = directory.to_string_lossy().into_owned();
    }
    if session.directory.is_empty() {
        return Err("it names no folder".into());
    }
    let (mut messages, mut left_out, mut last_user) = (Vec::<MessageWithParts>::new(), 0, None);
    let (mut seen, mut tail) = (HashSet::new(), None);
    for (info, parts) in found.messages {
        let Some(info) = message(info, &session.id, last_user.as_ref()) else {
            left_out += 1 + parts.len();
            continue;
        };
        if !seen.insert(info.id().0.clone()) {
            return Err(format!("it holds the message {} twice", info.id()));
        }
        let mut kept = Vec::new();
        for raw in parts {
            match part(raw, &info) {
                Some(part) if seen.insert(part.id.0.clone()) => kept.push(part),
                _ => left_out += 1,
            }
        }
        if let Message::User(_) = &info {
            last_user = Some(info.id().clone());
            // OpenCode notes with a message of its own that what follows is a summary; we note it with the summary.
            if let Some(at) = kept.iter().position(|part| matches!(part.kind, PartKind::Compaction { .. })) {
                tail = Some(kept.remove(at).kind);
                if kept.is_empty() {
                    continue;
                }
            }
        }
        if matches!(&info, Message::Assistant(info) if info.summary == Some(true)) {
            let noted = tail.take().unwrap_or(PartKind::Compaction { auto: true, tail_start_id: None });
            if !kept.iter().any(|part| matches!(part.kind, PartKind::Compaction { .. })) {
                kept.push(Part { id: PartId::new(), session_id: session.id.clone(), message_id: info.id().clone(), kind: noted });
            }
        }
        messages.push(MessageWithParts { info, parts: kept });
    }
    if session.cost == 0.0 && session.tokens.total() == 0 {
        for message in &messages {
            if let Message::Assistant(info) = &message.info {
                session.cost += info.cost;
                session.tokens += info.tokens;
            }
        }
    }
    Ok(Readable { session, messages, todos: found.todos, left_out })
}

fn session(mut info: Value) -> Result<Session, Failed> {
    let Value::Object(map) = &mut info else { return Err("its `info` is no object".into()) };
    fill(map, "title", &json!(""));
    fill(map, "version", &json!("0"));
    fill(map, "directory", &json!(""));
    fill(map, "time", &json!({"created": 0, "updated": 0}));
    let session: Session = serde_json::from_value(info).map_err(|error| format!("its `info` cannot be read: {error}"))?;
    if opencode::is_name(session.id.as_str()) { Ok(session) } else { Err("its id must be letters, digits, `_` and `-`".into()) }
}

/// A message; what older versions of OpenCode did not write is filled in.
fn message(mut info: Value, session: &SessionId, last_user: Option<&proto::MessageId>) -> Option<Message> {
    let map = info.as_object_mut()?;
    map.insert("sessionID".into(), json!(session));
    fill(map, "time", &json!({"created": 0}));
    if map.get("role")? == "user" {
        fill(map, "agent", &json!("build"));
        fill(map, "model", &json!({"providerID": "unknown", "modelID": "unknown"}));
    } else {
        let parent = last_user.map_or("", proto::MessageId::as_str);
        fill(map, "parentID", &json!(parent));
        let mode = map.get("mode").or_else(|| map.get("agent")).cloned().unwrap_or_else(|| json!("build"));
        fill(map, "mode", &mode);
        fill(map, "agent", &mode);
        // An error of a kind that is not known here is one all the same.
        if let Some(error) = map.get("error").cloned()
            && serde_json::from_value::<Option<proto::MessageError>>(error.clone()).is_err()
        {
            let words = error["data"]["message"].as_str().or_else(|| error["name"].as_str()).unwrap_or("The step failed.").to_owned();
            map.insert("error".into(), json!({"name": "UnknownError", "data": {"message": words}}));
        }
    }
    let read: Message = serde_json::from_value(info).ok()?;
    (!read.id().0.is_empty()).then_some(read)
}

fn fill(map: &mut Map<String, Value>, key: &str, value: &Value) {
    if map.get(key).is_none_or(Value::is_null) {
        map.insert(key.to_owned(), value.clone());
    }
}

/// A part; none for what is not known here, such as OpenCode's snapshots.
fn part(mut raw: Value, message: &Message) -> Option<Part> {
    let map = raw.as_object_mut()?;
    map.insert("sessionID".into(), json!(message.session_id()));
    map.insert("messageID".into(), json!(message.id()));
    if map.get("id").is_none_or(Value::is_null) {
        map.insert("id".into(), json!(PartId::new()));
    }
    serde_json::from_value(raw).ok()
}

fn keep(store: &Store, readable: &Readable) -> Result<(), StoreError> {
    store.write(|tx| {
        tx.put_session(&readable.session)?;
        if !readable.todos.is_empty() {
            tx.put_todos(&readable.session.id, &readable.todos)?;
        }
        let mut seq = 0;
        for message in &readable.messages {
            seq += 1;
            tx.put_message(&message.info, seq)?;
            for (position, part) in (0..).zip(&message.parts) {
                seq += 1;
                tx.put_part(part, seq, position)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
