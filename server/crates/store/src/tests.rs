//! The store through its public face, over real files.
//!
//! **Invariant:** each test has a folder of its own.

use std::path::Path;
use std::sync::Arc;

use crate::{Approval, Blob, ChangeRecord, Prompt, PromptReply, PromptRequest, Review, Store, StoreError};
use proto::{
    AssistantMessage, Event, Message, MessageId, MessagePath, MessageTime, ModelRef, Part, PartId, PartKind, PermissionId, PermissionReply,
    PermissionRequest, Session, SessionId, SessionTime, Todo, Tokens, ToolState, ToolTime, UserMessage,
};
use serde_json::json;

fn open(dir: &Path) -> Store {
    Store::open(&dir.join("sub/interline.db")).unwrap()
}

fn session(directory: &str, updated: i64) -> Session {
    Session {
        id: SessionId::new(),
        directory: directory.into(),
        parent_id: None,
        title: "title".into(),
        version: "1".into(),
        cost: 0.5,
        tokens: Tokens::default(),
        time: SessionTime { created: 1, updated },
    }
}

fn model() -> ModelRef {
    ModelRef { provider_id: "p".into(), model_id: "m".into() }
}

fn user(session: &SessionId) -> Message {
    Message::User(UserMessage {
        id: MessageId::new(),
        session_id: session.clone(),
        time: MessageTime::default(),
        agent: "build".into(),
        model: model(),
    })
}

fn assistant(session: &SessionId, parent: &MessageId) -> Message {
    Message::Assistant(AssistantMessage {
        id: MessageId::new(),
        session_id: session.clone(),
        time: MessageTime::default(),
        parent_id: parent.clone(),
        model: model(),
        mode: "build".into(),
        agent: "build".into(),
        path: MessagePath::default(),
        summary: None,
        cost: 0.0,
        tokens: Tokens::default(),
        finish: None,
        error: None,
    })
}

fn text(message: &Message, text: &str) -> Part {
    Part {
        id: PartId::new(),
        session_id: message.session_id().clone(),
        message_id: message.id().clone(),
        kind: PartKind::Text { text: text.into(), synthetic: None, time: None },
    }
}

fn words(part: &Part) -> &str {
    match &part.kind {
        PartKind::Text { text, .. } => text,
        other => panic!("no text: {other:?}"),
    }
}

fn blob(text: &str) -> Option<Blob> {
    Some(Blob { bytes: text.into(), is_text: true, bom: false, mode: Some(0o644) })
}

fn change(key: &str, before: Option<Blob>, after: Option<Blob>) -> ChangeRecord {
    ChangeRecord { key: key.into(), before, after, route: "disk".into() }
}

/// A session with a question of one part and an answer of two, stored out of order.
fn talk(store: &Store, directory: &str) -> (Session, Message, Message) {
    let session = session(directory, 1);
    store.put_session(&session).unwrap();
    let question = user(&session.id);
    let answer = assistant(&session.id, question.id());
    store.put_message(&question, 1).unwrap();
    store.put_part(&text(&question, "why"), 2, 0).unwrap();
    store.put_message(&answer, 3).unwrap();
    store.put_part(&text(&answer, "second"), 5, 1).unwrap();
    store.put_part(&text(&answer, "first"), 4, 0).unwrap();
    (session, question, answer)
}

#[test]
fn what_was_stored_is_there_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let (session, question, answer) = talk(&first, "/p");
    // As after kill -9: the connection is never closed.
    std::mem::forget(first);
    let store = open(dir.path());
    assert_eq!(store.session(&session.id).unwrap(), Some(session.clone()));
    let messages = store.messages(&session.id).unwrap();
    assert_eq!(messages.iter().map(|m| &m.info).collect::<Vec<_>>(), [&question, &answer]);
    assert_eq!(messages[1].parts.iter().map(words).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(store.next_seq(&session.id).unwrap(), 6);
    assert_eq!(store.next_seq(&SessionId::new()).unwrap(), 1);
}

#[test]
fn events_can_be_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, question, answer) = talk(&store, "/p");
    let mut part = store.messages(&session.id).unwrap()[1].parts[0].clone();
    part.kind = PartKind::Text { text: "long ".repeat(4000), synthetic: None, time: None };
    store.put_part(&part, 6, 0).unwrap();
    let told = |seq| -> Vec<String> {
        let events = store.since(&session.id, seq).unwrap();
        events
            .iter()
            .map(|e| match &e.event {
                Event::MessageUpdated { info } => format!("{} {}", e.seq, if info == &question { "question" } else { "answer" }),
                Event::PartUpdated { part } => format!("{} {}", e.seq, &words(part)[..3]),
                Event::MessageRemoved { .. } => format!("{} removed", e.seq),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(told(0), ["1 question", "2 why", "3 answer", "5 sec", "6 lon"]);
    assert_eq!(told(5), ["6 lon"]);
    store.remove_message(&session.id, answer.id(), 7).unwrap();
    assert_eq!(told(0), ["1 question", "2 why", "7 removed"]);
    assert_eq!(store.next_seq(&session.id).unwrap(), 8);
}

#[test]
fn sessions_are_listed_by_their_last_use() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut old = session("/p", 1);
    let new = session("/p", 2);
    let elsewhere = session("/q", 3);
    let child = Session { parent_id: Some(new.id.clone()), ..session("/p", 9) };
    for s in [&old, &new, &elsewhere, &child] {
        store.put_session(s).unwrap();
    }
    let listed = |directory, limit| store.sessions(directory, limit).unwrap().into_iter().map(|s| s.id).collect::<Vec<_>>();
    assert_eq!(listed(Some("/p"), 10), [new.id.clone(), old.id.clone()]);
    assert_eq!(listed(None, 2), [elsewhere.id.clone(), new.id.clone()]);
    assert_eq!(store.last_session("/p").unwrap(), Some(new));
    old.time.updated = 4;
    store.put_session(&old).unwrap();
    assert_eq!(store.last_session("/p").unwrap(), Some(old));
    assert_eq!(store.last_session("/none").unwrap(), None);
}

#[test]
fn a_fork_is_independent() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (original, question, _) = talk(&store, "/p");
    let todos = vec![Todo { content: "x".into(), status: "pending".into(), priority: "low".into() }];
    store.put_todos(&original.id, &todos).unwrap();
    let new = session("/p", 5);
    store.fork(&original.id, &new, None).unwrap();
    let copies = store.messages(&new.id).unwrap();
    assert_eq!(copies.len(), 2);
    assert_ne!(copies[0].info.id(), question.id());
    let Message::Assistant(answer) = &copies[1].info else { panic!("{:?}", copies[1]) };
    assert_eq!(&answer.parent_id, copies[0].info.id());
    assert_eq!(copies[1].parts.iter().map(words).collect::<Vec<_>>(), ["first", "second"]);
    assert!(copies.iter().flat_map(|m| &m.parts).all(|p| p.session_id == new.id));
    assert_eq!(store.todos(&new.id).unwrap(), todos);
    store.remove_session(&new.id).unwrap();
    assert!(store.messages(&new.id).unwrap().is_empty());
    assert_eq!(store.messages(&original.id).unwrap()[1].parts.len(), 2);
    assert!(matches!(store.fork(&SessionId::new(), &new, None), Err(StoreError::UnknownSession(_))));
}

#[test]
fn changes_come_back_in_order_and_contents_are_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, question, _) = talk(&store, "/p");
    let turn = question.id().clone();
    let binary = Some(Blob { bytes: vec![0, 255, 7], is_text: false, bom: false, mode: None });
    let records =
        [change("file:///p/a", blob("one"), blob("two")), change("file:///p/b", None, binary), change("file:///p/c", blob("one"), None)];
    store.add_changes(&session.id, &turn, "call_1", &records[..2]).unwrap();
    store.add_changes(&session.id, &turn, "call_2", &records[2..]).unwrap();
    let stored = store.changes(&turn).unwrap();
    assert_eq!(stored.iter().map(|c| c.call.as_str()).collect::<Vec<_>>(), ["call_1", "call_1", "call_2"]);
    assert_eq!(stored.into_iter().map(|c| c.record).collect::<Vec<_>>(), records);

    let later = MessageId::new();
    store.add_changes(&session.id, &later, "call_1", &records[..1]).unwrap();
    store.set_undone(&turn, true).unwrap();
    let turns = || store.turns(&session.id).unwrap().into_iter().map(|t| (t.turn, t.undone, t.keys.len())).collect::<Vec<_>>();
    assert_eq!(turns(), [(later.clone(), false, 1), (turn.clone(), true, 3)]);
    assert!(store.is_undone(&turn).unwrap());
    store.set_undone(&turn, false).unwrap();
    assert!(!store.is_undone(&turn).unwrap());

    // "one", "two" and the binary: three contents for seven mentions; none once nobody names them.
    let count = || {
        let file = rusqlite::Connection::open(dir.path().join("sub/interline.db")).unwrap();
        file.query_row("SELECT count(*) FROM content", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(count(), 3);
    store.write(|tx| tx.remove_changes(&later, "call_1")).unwrap();
    assert_eq!(store.turns(&session.id).unwrap().len(), 1);
    store.remove_session(&session.id).unwrap();
    assert_eq!(count(), 0);
}

#[test]
fn approvals_belong_to_their_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let approval = |pattern: &str, time| Approval { permission: "bash".into(), pattern: pattern.into(), time };
    store.add_approval("/p", &approval("git *", 2)).unwrap();
    store.add_approval("/p", &approval("ls *", 1)).unwrap();
    store.add_approval("/p", &approval("ls *", 9)).unwrap();
    assert_eq!(store.approvals("/p").unwrap(), [approval("ls *", 1), approval("git *", 2)]);
    assert!(store.approvals("/q").unwrap().is_empty());
    assert!(store.remove_approval("/p", "bash", "ls *").unwrap());
    assert!(!store.remove_approval("/p", "bash", "ls *").unwrap());
    assert_eq!(store.approvals("/p").unwrap(), [approval("git *", 2)]);
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session = session("/p", 1);
    let result: Result<(), _> = store.write(|tx| {
        tx.put_session(&session)?;
        Err(StoreError::Full)
    });
    assert!(result.unwrap_err().to_string().starts_with("the disk is full"));
    assert_eq!(store.session(&session.id).unwrap(), None);
}

#[test]
fn several_writers_wait_for_each_other() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    // Each thread opens the new file itself: the making of it is contended too.
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let dir = Arc::clone(&dir);
            std::thread::spawn(move || {
                let store = open(dir.path());
                let session = session("/p", 1);
                store.put_session(&session).unwrap();
                let message = user(&session.id);
                store.put_message(&message, 1).unwrap();
                for n in 0..100_u32 {
                    store.put_part(&text(&message, &n.to_string()), u64::from(n) + 2, n).unwrap();
                    assert_eq!(store.messages(&session.id).unwrap()[0].parts.len(), n as usize + 1);
                }
                session.id
            })
        })
        .collect();
    let ids: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    let store = open(dir.path());
    for id in &ids {
        assert_eq!(store.messages(id).unwrap()[0].parts.len(), 100);
    }
    assert_eq!(store.sessions(Some("/p"), 10).unwrap().len(), 4);
}

#[test]
fn strange_files_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    std::fs::write(&path, "no database, but long enough to be looked at".repeat(100)).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Corrupt(_))));
    let path = dir.path().join("newer.db");
    drop(Store::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 99, .. })));
    assert!(matches!(Store::open(&path.join("below/a/file")), Err(StoreError::Open { .. })));
}

#[test]
fn long_outputs_leave_a_small_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session = session("/p", 1);
    store.put_session(&session).unwrap();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 1_u64;
    let mut random = || {
        // xorshift: base64 of noise, which no compression makes smaller than three quarters.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        alphabet[(state % 64) as usize] as char
    };
    for n in 0..40_u64 {
        let message = user(&session.id);
        store.put_message(&message, n * 10).unwrap();
        let mut part = text(&message, "");
        let output: String = (0..51_200).map(|_| random()).collect();
        part.kind = PartKind::Text { text: output.clone(), synthetic: None, time: None };
        for step in 1..4 {
            store.put_part(&part, n * 10 + step, 0).unwrap();
        }
        assert_eq!(words(&store.messages(&session.id).unwrap().pop().unwrap().parts[0]), output);
    }
    // All files, as after a kill: the log is counted too.
    let size: u64 = std::fs::read_dir(dir.path().join("sub")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 4_000_000, "{size} bytes");
    assert!(size > 1_000_000, "{size} bytes");
}

#[test]
fn reviews_are_kept_by_document() {
    let dir = tempfile::tempdir().unwrap();
    let review = |text: &str| Review { text: text.into(), hunks: serde_json::json!([{"old": text}]).to_string() };
    let store = open(dir.path());
    store.put_review("file:///a", Some(review("one"))).unwrap();
    store.put_review("file:///b", Some(review(&"long\n".repeat(5000)))).unwrap();
    store.put_review("file:///a", Some(review("two"))).unwrap();
    // What a review names is not swept away with a session.
    store.remove_session(&SessionId::new()).unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.review_keys().unwrap(), ["file:///a", "file:///b"]);
    assert_eq!(store.review("file:///a").unwrap(), Some(review("two")));
    assert_eq!(store.review("file:///b").unwrap(), Some(review(&"long\n".repeat(5000))));
    store.put_review("file:///a", None).unwrap();
    assert_eq!(store.review("file:///a").unwrap(), None);
}

fn tool(message: &Message, tool: &str, output: &str) -> Part {
    let kind = PartKind::Tool {
        call_id: "c".into(),
        tool: tool.into(),
        state: ToolState::Completed {
            input: json!({"command": "x"}),
            output: output.into(),
            title: "T".into(),
            metadata: json!({"output": output, "diff": "+kept", "attachments": ["a picture"]}),
            time: ToolTime { start: 1, end: 2, compacted: None },
        },
        metadata: serde_json::Value::Null,
    };
    Part { kind, ..text(message, "") }
}

/// Turns of a question, a call and an answer; after each third a summary that leaves the newest question as it was said. Returns the ids of the questions.
fn long_talk(store: &Store, session: &Session, turns: usize, output: &str) -> Vec<MessageId> {
    store.put_session(session).unwrap();
    let (mut seq, mut questions) = (0, Vec::new());
    store
        .write(|tx| {
            for turn in 0..turns {
                let question = user(&session.id);
                questions.push(question.id().clone());
                let answer = assistant(&session.id, question.id());
                for (message, parts) in [
                    (&question, vec![text(&question, &format!("question {turn}"))]),
                    (
                        &answer,
                        vec![tool(&answer, "bash", output), tool(&answer, "skill", output), text(&answer, &format!("answer {turn}"))],
                    ),
                ] {
                    seq += 1;
                    tx.put_message(message, seq)?;
                    for (position, part) in (0..).zip(&parts) {
                        seq += 1;
                        tx.put_part(part, seq, position)?;
                    }
                }
                if turn % 3 == 2 {
                    let mut summary = assistant(&session.id, question.id());
                    if let Message::Assistant(info) = &mut summary {
                        (info.summary, info.time.completed) = (Some(true), Some(2));
                    }
                    let tail = PartKind::Compaction { auto: true, tail_start_id: Some(question.id().clone()) };
                    seq += 3;
                    tx.put_message(&summary, seq)?;
                    tx.put_part(&text(&summary, &format!("summary {turn}")), seq + 1, 0)?;
                    tx.put_part(&Part { kind: tail, ..text(&summary, "") }, seq + 2, 1)?;
                    tx.clear_outputs(&session.id)?;
                }
            }
            Ok(())
        })
        .unwrap();
    questions
}

#[test]
fn a_long_session_is_opened_at_its_last_summary() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session = session("/p", 1);
    let questions = long_talk(&store, &session, 8, "short");
    let recent = store.recent_messages(&session.id).unwrap();
    let whole = store.messages(&session.id).unwrap();
    assert_eq!(recent[0].info.id(), &questions[5]);
    assert_eq!(recent, whole[whole.len() - recent.len()..]);
    // A summary that a killed process left unfinished leaves everything as it was.
    let mut torn = assistant(&session.id, &questions[7]);
    if let Message::Assistant(info) = &mut torn {
        info.summary = Some(true);
    }
    store.put_message(&torn, 1000).unwrap();
    assert_eq!(store.recent_messages(&session.id).unwrap().len(), recent.len() + 1);
    // A fork has summaries of its own.
    let new = Session { id: SessionId::new(), ..session.clone() };
    store.fork(&session.id, &new, Some(&questions[7])).unwrap();
    let forked = store.recent_messages(&new.id).unwrap();
    assert_eq!((forked.len(), words(&forked[0].parts[0])), (recent.len() - 2, "question 5"));
    assert!(matches!(store.fork(&session.id, &new, Some(&"msg_none".into())), Err(StoreError::UnknownMessage(_))));
}

#[test]
fn outputs_that_were_summarised_away_are_cleared_and_the_words_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let session = session("/p", 1);
    // Longer than what is deflated.
    let output = "a line of an output\n".repeat(1000);
    long_talk(&store, &session, 7, &output);
    let mut kept = Vec::new();
    for (n, message) in store.messages(&session.id).unwrap().iter().filter(|m| matches!(m.parts[0].kind, PartKind::Tool { .. })).enumerate()
    {
        for part in &message.parts {
            match &part.kind {
                PartKind::Tool { tool, state: ToolState::Completed { output: left, metadata, time, title, .. }, .. } => {
                    assert_eq!(metadata["attachments"].is_null(), time.compacted.is_some());
                    assert_eq!((title.as_str(), &metadata["diff"]), ("T", &json!("+kept")));
                    assert_eq!((left == &output, metadata["output"] == *output), (time.compacted.is_none(), time.compacted.is_none()));
                    if time.compacted.is_none() {
                        kept.push((n, tool.clone()));
                    }
                }
                _ => assert_eq!(words(part), format!("answer {n}")),
            }
        }
    }
    let skills = (0..7).map(|n| (n, "skill".to_owned()));
    let mut want: Vec<_> = skills.chain([5, 6].map(|n| (n, "bash".to_owned()))).collect();
    want.sort();
    kept.sort();
    assert_eq!(kept, want);
}

#[test]
fn what_is_removed_gives_its_place_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (first, second) = (session("/p", 1), session("/p", 2));
    long_talk(&store, &first, 2, "short");
    let small = store.size().unwrap();
    let noise: String = (0..4_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    long_talk(&store, &second, 40, &noise);
    let large = store.size().unwrap();
    assert!(large > small + 500_000, "{small}, {large}");
    store.remove_session(&second.id).unwrap();
    store.shrink_all().unwrap();
    assert!(store.size().unwrap() <= small + 64 * 1024, "{small}, {large}, {}", store.size().unwrap());
    assert_eq!(store.messages(&first.id).unwrap().len(), 4);
}

#[test]
fn a_title_that_the_user_gave_stays_whatever_a_running_process_stores() {
    let dir = tempfile::tempdir().unwrap();
    let (store, running) = (open(dir.path()), open(dir.path()));
    let session = session("/p", 1);
    running.put_session(&session).unwrap();
    assert!(store.rename(&session.id, "mine").unwrap());
    running.put_session(&Session { cost: 9.0, title: "the model's".into(), ..session.clone() }).unwrap();
    let read = store.session(&session.id).unwrap().unwrap();
    assert_eq!((read.title.as_str(), read.cost), ("mine", 9.0));
    assert_eq!(store.sessions(None, 9).unwrap()[0].title, "mine");
    assert_eq!(store.last_session("/p").unwrap().unwrap().title, "mine");
    assert!(!store.rename(&SessionId::new(), "x").unwrap());
}

#[test]
fn sessions_are_found_by_what_was_said_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (mut one, other) = (session("/p", 2), session("/q", 1));
    one.title = "The Parser".into();
    for (session, said) in [(&one, "It FAILS on Ünïcode, and nowhere else."), (&other, "It fails on numbers.")] {
        store.put_session(session).unwrap();
        let question = user(&session.id);
        store.put_message(&question, 1).unwrap();
        let hidden = PartKind::Text { text: "hidden fails".into(), synthetic: Some(true), time: None };
        store.put_part(&Part { kind: hidden, ..text(&question, "") }, 2, 0).unwrap();
        store.put_part(&text(&question, &format!("{}{said}", "long ".repeat(4000))), 3, 1).unwrap();
    }
    let check = |directory: Option<&str>, words: &[&str], want: &[&SessionId]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let hits = store.search(directory, &words, 9).unwrap();
        assert_eq!(hits.iter().map(|hit| &hit.session.id).collect::<Vec<_>>(), want, "{words:?}");
        hits
    };
    let found = check(None, &["fails", "parser"], &[&one.id]);
    assert!(found[0].excerpt.contains("It FAILS on Ünïcode"), "{found:?}");
    check(None, &["fails"], &[&one.id, &other.id]);
    check(Some("/q"), &["fails"], &[&other.id]);
    check(None, &["ünïcode"], &[&one.id]);
    check(None, &["hidden"], &[]);
    assert_eq!(check(None, &["parser"], &[&one.id])[0].excerpt, "");
}

#[test]
fn prompts_are_answered_by_other_processes_once() {
    let dir = tempfile::tempdir().unwrap();
    let (asking, answering) = (open(dir.path()), open(dir.path()));
    let parent = session("/p", 1);
    let child = Session { id: SessionId::new(), parent_id: Some(parent.id.clone()), ..parent.clone() };
    asking.put_session(&parent).unwrap();
    asking.put_session(&child).unwrap();
    let request = PermissionRequest {
        id: PermissionId::new(),
        session_id: child.id.clone(),
        permission: "bash".into(),
        patterns: vec!["rm x".into()],
        always: vec![],
        metadata: json!({}),
        tool: None,
    };
    let prompt = Prompt { id: request.id.0.clone(), session: child.id.clone(), request: PromptRequest::Permission(request) };
    asking.write(|tx| tx.add_prompt(&prompt)).unwrap();
    assert_eq!(answering.prompts(&parent.id).unwrap(), std::slice::from_ref(&prompt));
    assert!(answering.prompts(&SessionId::new()).unwrap().is_empty());
    assert_eq!(asking.reply_to(&prompt.id).unwrap(), None);
    let reply = PromptReply::Permission(PermissionReply::Once, Some("be careful".into()));
    assert!(answering.reply(&prompt.id, &reply).unwrap());
    assert!(!answering.reply(&prompt.id, &PromptReply::Permission(PermissionReply::Always, None)).unwrap(), "the first answer counts");
    assert!(answering.prompts(&parent.id).unwrap().is_empty());
    assert_eq!(asking.reply_to(&prompt.id).unwrap(), Some(reply.clone()));
    asking.write(|tx| tx.remove_prompt(&prompt.id)).unwrap();
    assert!(!answering.reply(&prompt.id, &reply).unwrap());
    // What a killed process left behind goes with the session's next turn, that of its subagents too.
    asking.write(|tx| tx.add_prompt(&prompt)).unwrap();
    asking.write(|tx| tx.remove_prompts(&SessionId::new())).unwrap();
    assert_eq!(answering.prompts(&parent.id).unwrap().len(), 1);
    asking.write(|tx| tx.remove_prompts(&parent.id)).unwrap();
    assert!(answering.prompts(&parent.id).unwrap().is_empty());
}
