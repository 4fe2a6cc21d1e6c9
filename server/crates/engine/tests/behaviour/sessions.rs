//! Sessions over processes: two at once, after a crash, forked.

use proto::{
    AssistantMessage, Message, MessagePath, MessageTime, MessageWithParts, Part, PartId, PartKind, PartTime, Session, SessionId,
    SessionTime, Tokens, ToolState, UserMessage,
};
use serde_json::{Value, json};

use crate::model::{Reply, call, overflow};
use crate::world::{World, all_said, said, well_formed};

fn crashed(world: &World) -> (Session, Vec<MessageWithParts>) {
    let directory = world.project().to_string_lossy().into_owned();
    let session = Session {
        id: SessionId::new(),
        directory,
        parent_id: None,
        title: "t".into(),
        version: "1".into(),
        cost: 0.0,
        tokens: Tokens::default(),
        time: SessionTime { created: 1, updated: 1 },
    };
    let model: proto::ModelRef = "mock/test".parse().unwrap();
    let user = UserMessage {
        id: proto::MessageId::new(),
        session_id: session.id.clone(),
        time: MessageTime::default(),
        agent: "build".into(),
        model: model.clone(),
    };
    let answer = AssistantMessage {
        id: proto::MessageId::new(),
        session_id: session.id.clone(),
        time: MessageTime { created: 1, completed: None },
        parent_id: user.id.clone(),
        model,
        mode: "build".into(),
        agent: "build".into(),
        path: MessagePath::default(),
        summary: None,
        cost: 0.0,
        tokens: Tokens::default(),
        finish: None,
        error: None,
    };
    let with = |info: Message, kinds: Vec<PartKind>| {
        let (session_id, message_id) = (info.session_id().clone(), info.id().clone());
        let part = |kind| Part { id: PartId::new(), session_id: session_id.clone(), message_id: message_id.clone(), kind };
        MessageWithParts { parts: kinds.into_iter().map(part).collect(), info }
    };
    let tool = |id: &str, state| PartKind::Tool { call_id: id.into(), tool: "bash".into(), state, metadata: Value::Null };
    let touch = json!({"command": "touch ran", "description": "x"});
    let history = vec![
        with(Message::User(user), vec![PartKind::Text { text: "do it".into(), synthetic: None, time: None }]),
        with(
            Message::Assistant(answer),
            vec![
                PartKind::Text { text: "I will".into(), synthetic: None, time: None },
                tool("c1", ToolState::Running { input: touch.clone(), title: None, metadata: Value::Null, time: PartTime::default() }),
                tool("c2", ToolState::Pending { input: touch, raw: String::new() }),
                tool("c3", ToolState::Pending { input: Value::String("{\"comm".into()), raw: "{\"comm".into() }),
            ],
        ),
    ];
    (session, history)
}

#[tokio::test]
async fn what_a_killed_process_left_is_told_and_never_run_again() {
    let mut world = World::new().await;
    let (session, history) = crashed(&world);
    world.leave(&session, &history);
    world.engine.open_session(&session.id).await.unwrap();
    world.model.script([Reply::Text("I see")]);
    assert_eq!(world.turn("what happened?").await, "done");
    let request = world.model.request(1).await;
    well_formed(&request);
    let all = all_said(&request);
    assert_eq!(all.matches("interrupted").count(), 3, "{all}");
    assert!(!world.project().join("ran").exists());
}

#[tokio::test]
async fn two_processes_share_one_data_folder() {
    let mut world = World::new().await;
    let other = world.another();
    let mut events = other.events();
    world.model.script(std::iter::repeat_n(Reply::Text("ok"), 40));
    for n in 0..20 {
        world.ask(&format!("mine {n};")).await;
        let text = format!("theirs {n};");
        other.ask(engine::AskRequest { text, ..engine::AskRequest::default() }).await.unwrap();
    }
    while world.engine.is_busy(None) {
        world.idle().await;
    }
    while other.is_busy(None) {
        events.recv().await.unwrap();
    }
    assert_ne!(other.current(), world.engine.current());
    other.shutdown().await;
    world.engine.shutdown().await;
    assert!(world.engine.failures().unwrap().try_recv().is_err());
    for (engine, word) in [(&world.engine, "mine"), (&other, "theirs")] {
        let stored = serde_json::to_string(&world.store().messages(&engine.current().unwrap()).unwrap()).unwrap();
        for n in 0..20 {
            assert_eq!(stored.matches(&format!("{word} {n};")).count(), 1, "{word} {n}");
        }
    }
    assert_eq!(world.engine.sessions().unwrap().len(), 2);
}

#[tokio::test]
async fn a_fork_goes_its_own_way() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("one"), Reply::Text("forked"), Reply::Text("original")]);
    world.turn("first").await;
    let original = world.session();
    let fork = world.engine.fork(None, None).await.unwrap();
    assert_eq!(world.session(), fork.id);
    world.turn("in the fork").await;
    world.engine.open_session(&original).await.unwrap();
    world.turn("in the original").await;
    assert_eq!(said(&world.model.request(2).await), ["user: first", "assistant: one", "user: in the fork"]);
    assert_eq!(said(&world.model.request(3).await), ["user: first", "assistant: one", "user: in the original"]);
}

#[tokio::test]
async fn a_fork_of_a_summarised_session_keeps_what_the_summary_left() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("old"), overflow(), Reply::Text("fine"), Reply::Text("forked")]);
    world.model.summaries([Reply::Text("SUM")]);
    world.turn("one").await;
    world.turn("the question").await;
    world.engine.fork(None, None).await.unwrap();
    world.turn("and?").await;
    let all = all_said(&world.model.request(4).await);
    assert!(all.contains("SUM") && all.contains("the question") && all.contains("fine"), "{all}");
}

#[tokio::test]
async fn todos_outlive_the_process() {
    let mut world = World::new().await;
    let todos = json!({"todos": [{"content": "write tests", "status": "pending", "priority": "high"}]});
    world.model.script([call("todowrite", todos), Reply::Text("ok"), call("todoread", json!({})), Reply::Text("ok")]);
    world.turn("plan").await;
    let session = world.session();
    world.restart().await;
    world.engine.open_session(&session).await.unwrap();
    world.turn("what is left?").await;
    assert!(said(&world.model.request(4).await).last().unwrap().contains("write tests"));
}

#[tokio::test]
async fn a_session_of_another_project_is_unknown_here() {
    let world = World::new().await;
    let (mut session, history) = crashed(&world);
    session.directory = "/elsewhere".into();
    world.leave(&session, &history);
    assert!(world.engine.open_session(&session.id).await.is_err());
    assert!(world.engine.last_session().unwrap().is_none());
}

#[tokio::test]
async fn a_session_that_two_processes_have_open_goes_on_with_what_both_said() {
    let mut world = World::new().await;
    world.model.script([Reply::Text("one"), Reply::Text("two"), Reply::Text("three")]);
    world.turn("first, here").await;
    let other = world.another();
    let mut events = other.events();
    other.open_session(&world.session()).await.unwrap();
    other.ask(engine::AskRequest { text: "second, there".into(), ..engine::AskRequest::default() }).await.unwrap();
    while other.is_busy(None) {
        events.recv().await.unwrap();
    }
    other.shutdown().await;
    world.turn("third, here").await;
    let expect = ["user: first, here", "assistant: one", "user: second, there", "assistant: two", "user: third, here"];
    assert_eq!(said(&world.model.request(3).await), expect);
}

#[tokio::test]
async fn many_sessions_do_not_stay_in_memory_and_are_remembered_all_the_same() {
    let mut world = World::new().await;
    world.model.script(std::iter::repeat_n(Reply::Text("ok"), 13));
    let mut first = None;
    let mut tasks = Vec::new();
    for n in 0..12 {
        world.engine.new_session();
        world.turn(&format!("the word is W{n}")).await;
        first.get_or_insert_with(|| world.session());
        tasks.push(tokio::runtime::Handle::current().metrics().num_alive_tasks());
    }
    assert!(tasks[11] <= tasks[5] + 1, "sessions that nobody uses keep their tasks: {tasks:?}");
    world.engine.open_session(&first.unwrap()).await.unwrap();
    world.turn("which word?").await;
    assert_eq!(said(&world.model.request(13).await), ["user: the word is W0", "assistant: ok", "user: which word?"]);
}
