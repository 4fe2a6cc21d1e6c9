//! How long a session of 100,000 messages takes to open, and how large it is: `cargo run --release --package interline-store --example long_session`.
//!
//! **Invariant:** a measurement, no test: it prints numbers and judges none.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it is run by hand, and prints what it measured")]

use std::time::Instant;

use interline_store::Store;
use proto::{
    AssistantMessage, Message, MessageId, MessagePath, MessageTime, ModelRef, Part, PartId, PartKind, Session, SessionId, SessionTime,
    Tokens, UserMessage,
};

/// Messages in all, and how many lie between two summaries.
const MESSAGES: usize = 100_000;
const SUMMARISED: usize = 200;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("interline.db");
    let store = Store::open(&path).unwrap();
    let session = Session {
        id: SessionId::new(),
        directory: "/p".into(),
        parent_id: None,
        title: "long".into(),
        version: "1".into(),
        cost: 0.0,
        tokens: Tokens::default(),
        time: SessionTime::default(),
    };
    store.put_session(&session).unwrap();
    let begun = Instant::now();
    let mut parent = MessageId::new();
    for chunk in 0..MESSAGES / SUMMARISED {
        store
            .write(|tx| {
                for n in 0..SUMMARISED {
                    let seq = u64::try_from((chunk * SUMMARISED + n) * 3).unwrap();
                    let message = message(&session.id, &mut parent, n);
                    tx.put_message(&message, seq)?;
                    tx.put_part(
                        &part(
                            &message,
                            PartKind::Text { text: "a few words of the conversation ".repeat(10), synthetic: None, time: None },
                        ),
                        seq + 1,
                        0,
                    )?;
                    if n + 1 == SUMMARISED {
                        tx.put_part(&part(&message, PartKind::Compaction { auto: true, tail_start_id: None }), seq + 2, 1)?;
                    }
                }
                Ok(())
            })
            .unwrap();
    }
    println!("written: {MESSAGES} messages in {:?}, {} bytes", begun.elapsed(), store.size().unwrap());
    drop(store);
    for what in ["first", "second"] {
        let begun = Instant::now();
        let store = Store::open(&path).unwrap();
        let info = store.session(&session.id).unwrap().unwrap();
        let recent = store.recent_messages(&info.id).unwrap();
        let next = store.next_seq(&info.id).unwrap();
        println!("{what} opening: {:?} ({} messages are still told, the next event is {next})", begun.elapsed(), recent.len());
    }
    let begun = Instant::now();
    let all = Store::open(&path).unwrap().messages(&session.id).unwrap();
    println!("all {} messages: {:?}", all.len(), begun.elapsed());
}

fn message(session: &SessionId, parent: &mut MessageId, n: usize) -> Message {
    let (id, model) = (MessageId::new(), ModelRef { provider_id: "p".into(), model_id: "m".into() });
    let time = MessageTime { created: 1, completed: Some(2) };
    if n.is_multiple_of(2) {
        *parent = id.clone();
        return Message::User(UserMessage { id, session_id: session.clone(), time, agent: "build".into(), model });
    }
    Message::Assistant(AssistantMessage {
        id,
        session_id: session.clone(),
        time,
        parent_id: parent.clone(),
        model,
        mode: "build".into(),
        agent: "build".into(),
        path: MessagePath::default(),
        summary: (n + 1 == SUMMARISED).then_some(true),
        cost: 0.001,
        tokens: Tokens::default(),
        finish: Some("stop".into()),
        error: None,
    })
}

fn part(message: &Message, kind: PartKind) -> Part {
    Part { id: PartId::new(), session_id: message.session_id().clone(), message_id: message.id().clone(), kind }
}
