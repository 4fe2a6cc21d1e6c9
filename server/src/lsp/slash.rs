//! Slash commands of the chat that are Interline's own. Those of the configuration are the engine's.
//!
//! Owns their names and the words of their replies. Must not do the work itself.
//!
//! **Invariant:** a command of the user's own of the same name goes first; every command is answered in the chat.

use std::path::Path;

use proto::{Session, SessionId, TurnUsage};
use serde_json::{Value, json};
use tower_lsp::jsonrpc::Result;

use crate::builtin::BUILTIN;
use crate::export::{self, Format};
use crate::lsp::commands::{execute, failed, sentence};
use crate::lsp::face::{Face, Started};
use crate::usage;

/// All of them, with what they do.
pub const SLASH: &[(&str, &str)] = &[
    ("help", "list the commands"),
    ("new", "begin a new session"),
    ("sessions", "list this project's sessions, or those that hold some words: /sessions words"),
    ("open", "go on with another session: /open id"),
    ("fork", "go on in a copy of this session: /fork, or without a message and what follows it: /fork message-id"),
    ("rename", "give this session a title: /rename title"),
    ("undo", "take the last turn back"),
    ("redo", "make the last undone turn again"),
    ("compact", "summarise the conversation"),
    ("cancel", "stop the running turn"),
    ("deny", "refuse what asks for permission, and say why: /deny reason"),
    ("model", "choose the model: /model provider/model"),
    ("models", "list the models, or those whose names hold some letters: /models claude"),
    ("agent", "choose the agent: /agent name"),
    ("cost", "say what this session has used and cost"),
    ("export", "write this session to a file: /export markdown, html or json"),
    ("share", "write this session to a page that can be shown to others"),
];

/// Other names of them, which OpenCode has.
const ALIASES: &[(&str, &str)] =
    &[("clear", "new"), ("summarize", "compact"), ("resume", "sessions"), ("continue", "sessions"), ("agents", "agent")];

/// What OpenCode's terminal has, and nothing here: what there is instead. Such a word is no message for a model.
const ELSEWHERE: &[(&str, &str)] = &[
    ("exit", "close your editor; the session can be taken up again by /sessions and /open"),
    ("quit", "close your editor; the session can be taken up again by /sessions and /open"),
    ("q", "close your editor; the session can be taken up again by /sessions and /open"),
    ("connect", "keys are kept by `interline auth`"),
    ("themes", "how things look is your editor's"),
    ("editor", "this is an editor: write as much as you like"),
    ("details", "each tool call is one line here; the files it changed are marked in the editor"),
    ("thinking", "what a model thinks is not shown in the chat"),
    ("unshare", "nothing was sent anywhere: /share writes a file, which you can delete"),
    ("mcps", "`interline mcp list` says how each server is"),
    ("status", "`interline doctor` says what is found and what is missing"),
];

/// The command that a word names; what it is in OpenCode counts where there is none of that name.
#[must_use]
pub fn own(name: &str) -> Option<&'static str> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, own)| own);
    SLASH.iter().chain(ELSEWHERE).find(|(own, _)| *own == name).map(|(own, _)| *own)
}

/// Whether a message is such a command.
#[must_use]
pub fn is_own(text: &str) -> bool {
    config::parse_slash(text).is_some_and(|(name, _)| own(name).is_some())
}

/// Carries out a command of ours; none if the text is none.
pub async fn carry_out(face: &Face, started: &Started, text: &str) -> Option<Result<Option<Value>>> {
    if !is_own(text) {
        return None;
    }
    let (name, rest) = config::parse_slash(text)?;
    let settings = started.engine.settings();
    if settings.config.command.contains_key(name) || settings.guides.skills.iter().any(|skill| skill.name == name) {
        return None;
    }
    let name = own(name)?;
    let rest = rest.to_owned();
    let command = |command: &'static str, argument: Value| Box::pin(execute(face, command, vec![argument]));
    let result = match name {
        "help" => Ok(Some(help(started).into())),
        "new" => command("interline.session.new", Value::Null).await,
        "open" => command("interline.session.open", json!({"session": (!rest.is_empty()).then_some(rest)})).await,
        "fork" => command("interline.session.fork", json!({"message": (!rest.is_empty()).then_some(rest)})).await,
        "rename" => rename(started, &rest),
        "undo" => command("interline.undo", Value::Null).await,
        "redo" => command("interline.redo", Value::Null).await,
        "compact" => command("interline.session.compact", Value::Null).await,
        "cancel" => command("interline.cancel", Value::Null).await,
        "deny" => command("interline.permit", json!({"reply": "reject", "message": rest})).await,
        "models" => command("interline.model", Value::Null).await.map(|models| holding(models, &rest)),
        "model" => command("interline.model", json!({"model": (!rest.is_empty()).then_some(rest)})).await,
        "agent" => command("interline.agent", json!({"agent": (!rest.is_empty()).then_some(rest)})).await,
        "cost" => cost(started),
        "export" => match if rest.is_empty() { Ok(Format::Markdown) } else { rest.parse() } {
            Ok(format) => share(started, face, format).await,
            Err(why) => Err(sentence(&why)),
        },
        "share" => command("interline.session.share", Value::Null).await,
        _ if let Some((_, instead)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) => {
            Ok(Some(format!("/{name} belongs to OpenCode's terminal: {instead}.").into()))
        }
        _ if rest.is_empty() => command("interline.session.list", Value::Null).await,
        _ => search(started, &rest),
    };
    let told = match &result {
        Ok(value) => told(name, value.as_ref().unwrap_or(&Value::Null)),
        Err(error) => error.message.to_string(),
    };
    started.chat.reply(told);
    Some(result)
}

/// Those names of a list that hold a word.
fn holding(names: Option<Value>, word: &str) -> Option<Value> {
    let Some(Value::Array(mut names)) = names else { return names };
    let word = word.to_lowercase();
    names.retain(|name| name.as_str().is_none_or(|name| name.to_lowercase().contains(&word)));
    Some(names.into())
}

/// All commands, the user's own included.
fn help(started: &Started) -> String {
    let own = SLASH.iter().map(|(name, what)| format!("- `/{name}` {what}"));
    let settings = started.engine.settings();
    let users = settings.config.command.iter().map(|(name, command)| {
        let what = command.shown().unwrap_or_else(|| "your own command".to_owned());
        format!("- `/{name}` {}", what.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    let builtin = BUILTIN.iter().map(|(name, what, _)| format!("- `/{name}` {what}"));
    let skills = settings.guides.skills.iter().map(|skill| {
        let what = skill.shown().unwrap_or_else(|| "a skill".to_owned());
        format!("- `/{}` {}", skill.name, what.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    own.chain(builtin).chain(users).chain(skills).collect::<Vec<_>>().join("\n")
}

/// The current session; the last one of the project where none is.
fn current(started: &Started) -> Result<Session> {
    let nothing = || sentence("There is no session in this project yet.");
    match started.engine.current() {
        Some(id) => started.engine.session(&id).map_err(failed)?.ok_or_else(nothing),
        None => started.engine.last_session().map_err(failed)?.ok_or_else(nothing),
    }
}

fn rename(started: &Started, title: &str) -> Result<Option<Value>> {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.is_empty() {
        return Err(sentence("Write the title: /rename title"));
    }
    let session = current(started)?;
    started.engine.rename(&session.id, &title).map_err(failed)?;
    Ok(Some(format!("This session is called \"{title}\" now.").into()))
}

fn search(started: &Started, words: &str) -> Result<Option<Value>> {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let found = started.engine.search(&words).map_err(failed)?;
    Ok(Some(found.into_iter().map(|hit| json!({"id": hit.session.id, "title": hit.session.title, "excerpt": hit.excerpt})).collect()))
}

/// Writes the current session to a file of the project's, in the folder that keeps itself out of git.
pub async fn share(started: &Started, face: &Face, format: Format) -> Result<Option<Value>> {
    let session = current(started)?;
    let messages = started.engine.messages(&session.id).await.map_err(failed)?;
    let root = face.root();
    let written = tokio::task::spawn_blocking(move || write(&root, format, &session.id, &export::render(format, &session, &messages)));
    let written = written.await.map_err(|error| error.to_string()).and_then(|written| written.map_err(|error| error.to_string()));
    let name = written.map_err(|why| sentence(&format!("The session could not be written: {why}")))?;
    let hint = if format == Format::Html { " It is a page for any browser; look through it before you show it to others." } else { "" };
    Ok(Some(format!("This session is in `{name}`.{hint}").into()))
}

fn write(root: &Path, format: Format, session: &SessionId, text: &str) -> std::io::Result<String> {
    let folder = workspace::ensure_interline_dir(root)?.join("exports");
    std::fs::create_dir_all(&folder)?;
    // An id that was imported may hold anything.
    let stem: String = session.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect();
    let path = folder.join(format!("{stem}.{}", format.extension()));
    std::fs::write(&path, text)?;
    Ok(path.strip_prefix(root).unwrap_or(&path).display().to_string())
}

/// What the session has used and cost so far.
fn cost(started: &Started) -> Result<Option<Value>> {
    let session = started.engine.current().map(|id| started.engine.session(&id)).transpose().map_err(failed)?.flatten();
    let used = session.and_then(|s| usage::all(&TurnUsage { tokens: s.tokens, cost: s.cost, session_cost: s.cost }));
    Ok(Some(used.map_or_else(|| "Nothing was counted in this session yet.".into(), |used| format!("This session: {used}.").into())))
}

/// What a command gave, in the chat's words.
fn told(name: &str, value: &Value) -> String {
    const MOST: usize = 50;
    let names = |value: &Value, separator| {
        let names: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        names.join(separator)
    };
    match value {
        Value::String(words) => words.clone(),
        Value::Array(items) => {
            let line = |item: &Value| match item {
                Value::String(name) => Some(format!("- `{name}`")),
                session => {
                    let excerpt = session["excerpt"].as_str().filter(|words| !words.is_empty());
                    let excerpt = excerpt.map_or_else(String::new, |words| format!(" (… {words} …)"));
                    Some(format!("- `{}` {}{excerpt}", session["id"].as_str()?, session["title"].as_str()?))
                }
            };
            let mut lines: Vec<_> = items.iter().filter_map(line).take(MOST).collect();
            if items.len() > MOST {
                lines.push(format!("- … {} more", items.len() - MOST));
            }
            if lines.is_empty() { format!("/{name}: there are none.") } else { lines.join("\n") }
        }
        Value::Object(report) if report.contains_key("changed") => {
            let word = if name == "redo" { "Redone" } else { "Undone" };
            let (changed, kept) = (names(&value["changed"], ", "), names(&value["kept"], "; "));
            let changed = if changed.is_empty() { "nothing had to be changed".to_owned() } else { changed };
            if kept.is_empty() { format!("{word}: {changed}.") } else { format!("{word}: {changed}. Kept as it is: {kept}") }
        }
        Value::Object(report) => match report.get("session").and_then(Value::as_str) {
            Some(session) => format!("The session is `{session}` now."),
            None => format!("/{name}: done."),
        },
        _ => format!("/{name}: done."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opencodes_users_type_is_no_message() {
        let check = |text: &str, expect: bool| assert_eq!(is_own(text), expect, "{text}");
        for word in ["/clear", "/summarize", "/exit", "/themes", "/undo", "/sessions some words", "/agents"] {
            check(word, true);
        }
        check("/usr/bin is a path", false);
        check("/init", false);
        check("exit", false);
        assert_eq!((own("continue"), own("q")), (Some("sessions"), Some("q")));
    }
}
