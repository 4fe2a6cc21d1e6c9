//! `workspace/executeCommand`: every command takes at most one object, all keys optional, and replies at once.
//!
//! Owns what a command's arguments mean, and what it acts on without any (Helix 25.01 can send none). Must not do the work itself.
//!
//! **Invariant:** no command waits for a turn; commands are carried out in the order in which they came.

use engine::{AskRequest, EngineError};
use lsp_types::{MessageType, Range};
use proto::{MessageId, PermissionId, PermissionReply, QuestionId, SessionId, TurnId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower_lsp::jsonrpc::{Error, Result};

use crate::lsp::chat::text;
use crate::lsp::completion;
use crate::lsp::face::Face;
use crate::lsp::{hunks, slash};
use crate::{builtin, export};

/// All commands, as they are announced.
pub const COMMANDS: &[&str] = &[
    "interline.ask",
    "interline.send",
    "interline.chat",
    "interline.cancel",
    "interline.permit",
    "interline.answer",
    "interline.hunk.accept",
    "interline.hunk.reject",
    "interline.hunks.accept",
    "interline.hunks.reject",
    "interline.hunks.list",
    "interline.undo",
    "interline.redo",
    "interline.session.new",
    "interline.session.list",
    "interline.session.messages",
    "interline.session.open",
    "interline.session.fork",
    "interline.session.compact",
    "interline.session.share",
    "interline.model",
    "interline.agent",
    "interline.complete",
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ask {
    text: Option<String>,
    uri: Option<String>,
    range: Option<Range>,
    session: Option<SessionId>,
    agent: Option<String>,
    model: Option<String>,
    variant: Option<String>,
    /// Show the chat, since the user asked from a menu and wants to see the answer.
    show: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Permit {
    id: Option<PermissionId>,
    reply: Option<String>,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    id: Option<QuestionId>,
    answers: Option<Vec<Labels>>,
}

/// The answer to one question: its labels, or one of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Labels {
    One(String),
    All(Vec<String>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfSession {
    session: Option<SessionId>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fork {
    session: Option<SessionId>,
    /// Without this message and what follows it.
    message: Option<MessageId>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfTurn {
    turn: Option<TurnId>,
}

/// What stands before the cursor in a message that is being written.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    text: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Name {
    model: Option<String>,
    agent: Option<String>,
}

/// Carries a command out.
///
/// # Errors
/// In one sentence for the user.
pub async fn execute(face: &Face, command: &str, arguments: Vec<Value>) -> Result<Option<Value>> {
    let argument = arguments.into_iter().next().unwrap_or(Value::Null);
    match command {
        "interline.ask" => ask(face, parse(argument)?).await,
        "interline.send" => send(face).await,
        "interline.chat" => {
            face.started().await;
            face.show_chat().await;
            Ok(None)
        }
        "interline.cancel" => {
            let of: OfSession = parse(argument)?;
            let cancelled = face.if_started().is_some_and(|s| s.engine.cancel(of.session.as_ref()));
            if cancelled { Ok(None) } else { Err(sentence("No turn is running.")) }
        }
        "interline.permit" => permit(face, parse(argument)?).await,
        "interline.answer" => answer(face, parse(argument)?),
        "interline.hunk.accept"
        | "interline.hunk.reject"
        | "interline.hunks.accept"
        | "interline.hunks.reject"
        | "interline.hunks.list" => hunks::commands::execute(face, command, argument).await,
        "interline.undo" => undo(face, parse(argument)?, false).await,
        "interline.redo" => undo(face, parse(argument)?, true).await,
        "interline.session.new" => {
            face.started().await.engine.new_session();
            Ok(None)
        }
        "interline.session.list" => {
            let sessions = face.started().await.engine.sessions().map_err(failed)?;
            Ok(Some(serde_json::to_value(sessions).map_err(|e| sentence(&e.to_string()))?))
        }
        "interline.session.messages" => {
            let of: OfSession = parse(argument)?;
            let engine = face.started().await.engine.clone();
            let session = of.session.or_else(|| engine.current()).ok_or_else(|| sentence("There is no session yet."))?;
            let info = engine.session(&session).map_err(failed)?.ok_or_else(|| sentence("There is no such session."))?;
            let messages = engine.messages(&session).await.map_err(failed)?;
            Ok(Some(json!({"session": info, "messages": messages})))
        }
        "interline.session.open" => {
            let of: OfSession = parse(argument)?;
            let started = face.started().await;
            let session = match of.session {
                Some(session) => session,
                None => {
                    started.engine.last_session().map_err(failed)?.ok_or_else(|| sentence("There is no session in this project yet."))?.id
                }
            };
            let session = started.engine.open_session(&session).await.map_err(failed)?;
            Ok(Some(json!({"session": session.id})))
        }
        "interline.session.fork" => {
            let of: Fork = parse(argument)?;
            let session = face.started().await.engine.fork(of.session.as_ref(), of.message.as_ref()).await.map_err(failed)?;
            Ok(Some(json!({"session": session.id})))
        }
        "interline.session.compact" => {
            let of: OfSession = parse(argument)?;
            face.started().await.engine.compact(of.session.as_ref()).await.map_err(failed)?;
            Ok(None)
        }
        "interline.session.share" => {
            let started = face.started().await;
            slash::share(&started, face, export::Format::Html).await
        }
        "interline.complete" => {
            let line: Line = parse(argument)?;
            Ok(Some(json!(completion::offer(face, &line.text).await)))
        }
        "interline.model" | "interline.agent" => choose(face, command, parse(argument)?).await,
        other => Err(Error::invalid_params(format!("There is no command `{other}`."))),
    }
}

async fn ask(face: &Face, ask: Ask) -> Result<Option<Value>> {
    let started = face.started().await;
    started.engine.look_at_configuration().await;
    let place = match &ask.uri {
        Some(uri) => face.place(uri, ask.range).await,
        None => None,
    };
    let Some(text) = ask.text.filter(|text| !text.trim().is_empty()) else {
        face.show_chat().await;
        if let Some(place) = place {
            wait_for_chat(face).await;
            started.chat.begin_draft(text::about(&relative(face, &place.key), place.lines));
        }
        return Ok(None);
    };
    if ask.show {
        face.show_chat().await;
    }
    if let Some(done) = slash::carry_out(face, &started, &text).await {
        return done;
    }
    let variant = ask.variant;
    let focus = if place.is_none() { face.focus().await } else { None };
    let request = AskRequest {
        text,
        place,
        focus,
        context: Vec::new(),
        session: ask.session,
        agent: ask.agent,
        model: ask.model,
        variant,
        ..AskRequest::default()
    };
    if ask.show {
        wait_for_chat(face).await;
    }
    started.chat.question(question(face, &request), started.engine.is_busy(request.session.as_ref()));
    let request = AskRequest { text: builtin::expand(&started.engine.settings().config, request.text), ..request };
    let asked = started.engine.ask(request).await.map_err(failed)?;
    Ok(Some(json!({"session": asked.session, "turn": asked.turn})))
}

/// Sends what stands under the last `## You` of the chat.
async fn send(face: &Face) -> Result<Option<Value>> {
    let started = face.started().await;
    started.engine.look_at_configuration().await;
    let Some(document) = face.documents().find(&face.chat_key()).await else {
        face.show_chat().await;
        return Err(sentence("The chat was not open; it is shown now. Write under the last \"## You\" and send again."));
    };
    let draft = text::draft(&document.text).filter(|draft| !draft.is_empty());
    let Some(text) = draft else { return Err(sentence("Nothing is written under the last \"## You\" of the chat.")) };
    let is_slash = slash::is_own(&text);
    if !started.chat.close_draft(started.engine.is_busy(None)).await {
        return Err(sentence("The chat could not be written, so nothing was sent. Try again."));
    }
    if is_slash && let Some(done) = slash::carry_out(face, &started, &text).await {
        return done;
    }
    // What is said while a question waits is its answer.
    if let Some(question) = started.engine.questions().into_iter().next() {
        started.engine.answer(Some(&question.request.id), vec![vec![text]]).map_err(failed)?;
        started.marks.refresh();
        return Ok(Some(json!({"session": question.request.session_id})));
    }
    let place = match text::subject(&text) {
        Some((name, lines)) => face.lines(&workspace::DocKey::file(face.root().join(name)), lines).await,
        None => None,
    };
    let focus = if place.is_none() { face.focus().await } else { None };
    let text = builtin::expand(&started.engine.settings().config, text);
    let request = AskRequest { text, place, focus, ..AskRequest::default() };
    let asked = started.engine.ask(request).await.map_err(|error| {
        started.chat.words(format!("\n\n> **Error:** {error}"));
        failed(error)
    })?;
    Ok(Some(json!({"session": asked.session, "turn": asked.turn})))
}

/// What the chat shows of a question that was asked elsewhere.
fn question(face: &Face, request: &AskRequest) -> String {
    match &request.place {
        Some(place) => format!("`{}`\n\n{}", text::place(&relative(face, &place.key), place.lines), request.text),
        None => request.text.clone(),
    }
}

/// The editor opens the chat on request; a moment is allowed for it, so that the question stands in it.
async fn wait_for_chat(face: &Face) {
    const MOMENT: std::time::Duration = std::time::Duration::from_millis(700);
    let mut events = face.documents().subscribe();
    let key = face.chat_key();
    if face.documents().find(&key).await.is_some() {
        return;
    }
    let opened = async {
        while let Some(event) = events.recv().await {
            if *event.key() == key {
                return;
            }
        }
    };
    // Where it does not come the answer is told all the same, by progress and messages.
    let _ = tokio::time::timeout(MOMENT, opened).await;
}

async fn permit(face: &Face, permit: Permit) -> Result<Option<Value>> {
    let reply = permit.reply.as_deref().unwrap_or("once").parse::<PermissionReply>().map_err(Error::invalid_params)?;
    // Without a word of what to do nothing is allowed: a bare command shows what waits.
    let Some(started) = face.if_started() else { return Err(sentence("No prompt is waiting.")) };
    if permit.reply.is_none() {
        let waiting = started.engine.waiting();
        let Some(first) = waiting.first() else { return Err(sentence("No prompt is waiting.")) };
        let title = first.request.metadata["title"].as_str().map_or_else(|| first.request.patterns.join(", "), str::to_owned);
        return Err(sentence(&format!("Say once, always or reject; waiting is: {title}")));
    }
    let message = permit.message.filter(|m| !m.trim().is_empty());
    started.engine.permit(permit.id.as_ref(), reply, message).map_err(failed)?;
    Ok(None)
}

/// Without an answer nothing is chosen: a bare command says what waits.
fn answer(face: &Face, answer: Answer) -> Result<Option<Value>> {
    let waiting = face.if_started().and_then(|started| Some((started.engine.questions().into_iter().next()?, started)));
    let Some((first, started)) = waiting else { return Err(sentence("No question is waiting.")) };
    let Some(answers) = answer.answers else {
        let words = first.request.questions.get(first.answers.len()).map(|q| q.question.clone()).unwrap_or_default();
        return Err(sentence(&format!("Say the answer, by the code actions of the place or in the chat; waiting is: {words}")));
    };
    let answers = answers.into_iter().map(|labels| match labels {
        Labels::One(label) => vec![label],
        Labels::All(labels) => labels,
    });
    started.engine.answer(answer.id.as_ref(), answers.collect()).map_err(failed)?;
    started.marks.refresh();
    Ok(None)
}

/// Undo and redo reply at once, with what they will do; the edits follow.
async fn undo(face: &Face, of: OfTurn, again: bool) -> Result<Option<Value>> {
    let started = face.started().await;
    if started.engine.is_busy(None) {
        return Err(failed(EngineError::Busy));
    }
    let planned = if again { started.engine.redo(of.turn).await } else { started.engine.undo(of.turn).await };
    let undo = planned.map_err(failed)?;
    let report = undo.report();
    let names: Vec<_> = report.changed.iter().map(|key| relative(face, key)).collect();
    let kept = report.kept.iter().map(|k| format!("{}: {}", relative(face, &k.key), k.why));
    let kept: Vec<_> = kept.chain(report.unknown.clone()).collect();
    let word = if again { "Redone" } else { "Undone" };
    let done = if names.is_empty() { "nothing had to be changed".to_owned() } else { names.join(", ") };
    let (typ, message) = if kept.is_empty() {
        (MessageType::INFO, format!("Interline: {word}: {done}."))
    } else {
        (MessageType::WARNING, format!("Interline: {word}: {done}. Kept as it is: {}", kept.join("; ")))
    };
    let client = face.client().clone();
    tokio::spawn(async move {
        match undo.carry_out().await {
            Ok(()) => client.show_message(typ, message).await,
            Err(error) => client.show_message(MessageType::ERROR, format!("Interline: {error}")).await,
        }
    });
    Ok(Some(json!({"changed": names, "kept": kept})))
}

async fn choose(face: &Face, command: &str, name: Name) -> Result<Option<Value>> {
    let engine = face.started().await.engine.clone();
    engine.look_at_configuration().await;
    match (command, name.model, name.agent) {
        ("interline.model", Some(model), _) => {
            engine.set_model(&model).map_err(failed)?;
            Ok(Some(json!(format!("The model is {model} now."))))
        }
        ("interline.model", None, _) => Ok(Some(json!(engine.models()))),
        (_, _, Some(agent)) => {
            engine.set_agent(&agent).map_err(failed)?;
            Ok(Some(json!(format!("The agent is {agent} now."))))
        }
        (_, _, None) => Ok(Some(json!(engine.agents()))),
    }
}

/// A document's name for the user.
pub fn relative(face: &Face, key: &workspace::DocKey) -> String {
    let root = face.root();
    key.path().map_or_else(|| key.to_string(), |path| path.strip_prefix(&root).unwrap_or(path).display().to_string())
}

/// A command's argument; none at all counts as one without keys.
///
/// # Errors
/// Where it is no object, or a key has the wrong type.
pub fn parse<T: DeserializeOwned + Default>(argument: Value) -> Result<T> {
    match argument {
        Value::Null => Ok(T::default()),
        Value::Object(map) => {
            // A key that is null counts as absent.
            let map: serde_json::Map<_, _> = map.into_iter().filter(|(_, value)| !value.is_null()).collect();
            serde_json::from_value(Value::Object(map)).map_err(|e| Error::invalid_params(format!("The command's argument is wrong: {e}.")))
        }
        other => Err(Error::invalid_params(format!("The command's argument must be an object, not {other}."))),
    }
}

/// Why the engine did not do what a command asked for.
pub fn failed(error: EngineError) -> Error {
    sentence(&error.to_string())
}

/// Why a command was not carried out, in the user's words.
pub fn sentence(text: &str) -> Error {
    let mut error = Error::new(tower_lsp::jsonrpc::ErrorCode::ServerError(-32803));
    error.message = text.to_owned().into();
    error
}
