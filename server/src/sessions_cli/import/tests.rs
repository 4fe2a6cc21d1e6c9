//! Stores of OpenCode in each layout, and exported files, as they become sessions.

use std::fs;

use proto::PartKind;
use serde_json::json;

use super::*;

fn dirs(home: &Path) -> Dirs {
    Dirs::from_env(&config::Env::from_pairs([("HOME", home.to_string_lossy().into_owned())]))
}

fn write(path: &Path, value: &Value) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, value.to_string()).unwrap();
}

fn info(id: &str, directory: &str) -> Value {
    json!({"id": id, "slug": "x", "projectID": "p", "directory": directory, "title": "From there", "version": "1.2.3", "time": {"created": 5, "updated": 6}})
}

fn user(id: &str) -> Value {
    json!({"id": id, "sessionID": "ses_a", "role": "user", "time": {"created": 1}, "agent": "build", "model": {"providerID": "p", "modelID": "m"}})
}

fn assistant(id: &str, parent: &str) -> Value {
    json!({"id": id, "sessionID": "ses_a", "role": "assistant", "time": {"created": 2, "completed": 3}, "parentID": parent, "providerID": "p", "modelID": "m",
        "mode": "build", "path": {"cwd": "/p", "root": "/p"}, "cost": 0.5, "tokens": {"input": 1, "output": 2, "reasoning": 0, "cache": {"read": 0, "write": 0}}})
}

fn text(id: &str, text: &str) -> Value {
    json!({"id": id, "sessionID": "ses_a", "messageID": "?", "type": "text", "text": text})
}

/// What was said, by speaker; and what is stored beside.
fn stored(dirs: &Dirs, id: &str) -> (Session, Vec<String>) {
    let store = Store::open(&paths::database(dirs)).unwrap();
    let session = store.session(&id.into()).unwrap().unwrap();
    let said = store.messages(&session.id).unwrap().into_iter().map(|message| {
        let words: Vec<_> = message
            .parts
            .iter()
            .map(|part| match &part.kind {
                PartKind::Text { text, .. } => text.clone(),
                PartKind::Compaction { tail_start_id, .. } => format!("[tail {}]", tail_start_id.as_ref().map_or("-", |id| id.as_str())),
                PartKind::Tool { tool, .. } => format!("[{tool}]"),
                other => format!("{other:?}"),
            })
            .collect();
        format!("{}: {}", if matches!(message.info, Message::User(_)) { "user" } else { "model" }, words.join(" "))
    });
    let said = said.collect();
    (session, said)
}

#[test]
fn json_files_of_both_layouts() {
    for old in [false, true] {
        let home = tempfile::tempdir().unwrap();
        let dirs = dirs(home.path());
        let storage = dirs.opencode_data.join(if old { "project/x/storage" } else { "storage" });
        let (session, messages, parts) = if old {
            (storage.join("session/info"), storage.join("session/message/ses_a"), storage.join("session/part/ses_a"))
        } else {
            (storage.join("session/p"), storage.join("message/ses_a"), storage.join("part"))
        };
        write(&session.join("ses_a.json"), &info("ses_a", "/p"));
        write(&session.join("ses_b.json"), &info("ses_b", "/elsewhere"));
        fs::write(session.join("ses_c.json"), "{damaged").unwrap();
        write(&session.join("ses_d.json"), &info("../../ses_d", "/p"));
        write(&messages.join("msg_1.json"), &user("msg_1"));
        write(&messages.join("msg_2.json"), &assistant("msg_2", "msg_1"));
        write(&parts.join("msg_1/prt_1.json"), &text("prt_1", "question"));
        write(&parts.join("msg_2/prt_2.json"), &json!({"id": "prt_2", "type": "snapshot", "snapshot": "abc"}));
        write(&parts.join("msg_2/prt_3.json"), &text("prt_3", "answer"));
        if !old {
            write(&storage.join("todo/ses_a.json"), &json!([{"content": "more", "status": "pending", "priority": "high", "id": "1"}]));
        }
        import(&dirs, Path::new("/p"), &[], true, false).unwrap();
        let (session, said) = stored(&dirs, "ses_a");
        assert_eq!(said, ["user: question", "model: answer"]);
        assert_eq!((session.title.as_str(), session.directory.as_str(), session.cost), ("From there", "/p", 0.5));
        let store = Store::open(&paths::database(&dirs)).unwrap();
        assert_eq!(store.todos(&"ses_a".into()).unwrap().len(), usize::from(!old));
        assert_eq!(store.sessions(None, 9).unwrap().len(), 1);
        import(&dirs, Path::new("/p"), &[], true, true).unwrap();
        assert_eq!(store.sessions(None, 9).unwrap().len(), 2, "the other folder's, and none twice");
    }
}

#[test]
fn the_database_with_a_summary() {
    let home = tempfile::tempdir().unwrap();
    let dirs = dirs(home.path());
    fs::create_dir_all(&dirs.opencode_data).unwrap();
    let connection = rusqlite::Connection::open(dirs.opencode_data.join("opencode.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT, parent_id TEXT, slug TEXT, directory TEXT, title TEXT, version TEXT, time_created INTEGER, time_updated INTEGER);
             CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);
             CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);
             INSERT INTO session VALUES ('ses_a', 'p', NULL, 's', '/p', 'From there', '1', 5, 6);",
        )
        .unwrap();
    let add = |message: Value, parts: &[Value]| {
        let strip = |value: &Value, keys: &[&str]| {
            let mut value = value.clone();
            keys.iter().for_each(|key| drop(value.as_object_mut().unwrap().shift_remove(*key)));
            value.to_string()
        };
        let id = message["id"].as_str().unwrap();
        connection.execute("INSERT INTO message VALUES (?1, 'ses_a', 1, 1, ?2)", [id, &strip(&message, &["id", "sessionID"])]).unwrap();
        for part in parts {
            let data = strip(part, &["id", "sessionID", "messageID"]);
            connection.execute("INSERT INTO part VALUES (?1, ?2, 'ses_a', 1, 1, ?3)", [part["id"].as_str().unwrap(), id, &data]).unwrap();
        }
    };
    add(user("msg_1"), &[text("prt_1", "old")]);
    add(user("msg_2"), &[text("prt_2", "kept")]);
    add(user("msg_3"), &[json!({"id": "prt_3", "type": "compaction", "auto": true, "tail_start_id": "msg_2"})]);
    let mut summary = assistant("msg_4", "msg_3");
    summary["summary"] = true.into();
    // A kind of error that is not known here.
    summary["error"] = Value::Null;
    add(summary, &[text("prt_4", "SUM")]);
    let mut failed = assistant("msg_5", "msg_3");
    failed["error"] = json!({"name": "StructuredOutputError", "data": {"message": "no shape", "retries": 2}});
    add(failed, &[]);
    import(&dirs, Path::new("/p"), &[], true, false).unwrap();
    let (_, said) = stored(&dirs, "ses_a");
    assert_eq!(said, ["user: old", "user: kept", "model: SUM [tail msg_2]", "model: "]);
    let store = Store::open(&paths::database(&dirs)).unwrap();
    let recent = store.recent_messages(&"ses_a".into()).unwrap();
    assert_eq!(recent.first().unwrap().info.id().as_str(), "msg_2", "only what the summary left is told a model");
}

#[test]
fn exported_files_go_on_here_and_nonsense_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let dirs = dirs(home.path());
    let file = home.path().join("a.json");
    let old = json!({"id": "msg_9", "role": "assistant", "time": {"created": 1}, "providerID": "p", "modelID": "m", "system": []});
    write(
        &file,
        &json!({"info": info("ses_a", "/elsewhere"), "messages": [
            {"info": {"id": "msg_1", "role": "user", "time": {"created": 1}}, "parts": [text("prt_1", "question")]},
            {"info": old, "parts": [text("prt_2", "answer")]},
            {"info": {"nonsense": true}, "parts": [text("prt_3", "x")]},
        ]}),
    );
    import(&dirs, Path::new("/here"), std::slice::from_ref(&file), false, false).unwrap();
    let (session, said) = stored(&dirs, "ses_a");
    assert_eq!((session.directory.as_str(), said), ("/here", vec!["user: question".to_owned(), "model: answer".to_owned()]));
    for (text, why) in [("no", "no JSON"), ("[]", "no exported session"), (r#"{"info": {}, "messages": []}"#, "`info`")] {
        fs::write(&file, text).unwrap();
        let failed = import(&dirs, Path::new("/here"), std::slice::from_ref(&file), false, false).unwrap_err();
        assert!(failed.contains(why) && failed.contains("a.json"), "{failed}");
    }
}

#[test]
fn a_file_takes_nothing_from_a_session_that_is_there() {
    let home = tempfile::tempdir().unwrap();
    let (dirs, cwd) = (dirs(home.path()), home.path());
    let file = |name: &str, id: &str, message: &str, part: &str, words: &str| {
        let path = home.path().join(name);
        let mut said = user(message);
        said["sessionID"] = id.into();
        write(&path, &json!({"info": info(id, "/p"), "messages": [{"info": said, "parts": [text(part, words)]}]}));
        import(&dirs, cwd, &[path], false, false)
    };
    file("first.json", "ses_first", "msg_1", "prt_1", "mine").unwrap();
    for (message, part) in [("msg_1", "prt_2"), ("msg_2", "prt_1")] {
        let refused = file("second.json", "ses_second", message, part, "theirs").unwrap_err();
        assert!(refused.contains("is a part of another session"), "{refused}");
    }
    assert!(file("third.json", "../third", "msg_3", "prt_3", "x").unwrap_err().contains("its id must be"));
    assert_eq!(stored(&dirs, "ses_first").1, ["user: mine"]);
    let store = Store::open(&paths::database(&dirs)).unwrap();
    assert!(store.session(&"ses_second".into()).unwrap().is_none(), "nothing of it is kept");
}
