//! A session as a document: OpenCode's JSON, Markdown, or one HTML page.
//!
//! Must not know where the document goes, and does no IO.
//!
//! **Invariant:** nothing that was said can leave its place: words of users, models and tools are data in every format, never markup of the document.

mod html;
mod markdown;

use clap::ValueEnum;
use proto::{Message, MessageWithParts, PartKind, Session, ToolState};
use serde_json::{Value, json};

/// Which document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As OpenCode exports and imports it
    Json,
    /// For reading as text
    #[value(alias = "md")]
    Markdown,
    /// One page without scripts, for a browser
    Html,
}

impl Format {
    /// The end of a file's name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "md",
            Self::Html => "html",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Json, Self::Markdown, Self::Html];
        let named = |format: &Self| format.extension() == text || format.to_possible_value().is_some_and(|value| value.matches(text, true));
        known.into_iter().find(named).ok_or_else(|| format!("`{text}` is no format: write json, markdown or html"))
    }
}

/// The document, with a line break at its end.
#[must_use]
pub fn render(format: Format, session: &Session, messages: &[MessageWithParts]) -> String {
    match format {
        Format::Json => format!("{:#}\n", json!({"info": info(session), "messages": messages})),
        Format::Markdown => markdown::render(session, &blocks(messages)),
        Format::Html => html::render(session, &blocks(messages)),
    }
}

/// A session with the two fields that OpenCode asks for besides; its import puts its own project in place of the second.
fn info(session: &Session) -> Value {
    let mut info = json!(session);
    info["slug"] = session.id.as_str().trim_start_matches("ses_").to_lowercase().into();
    info["projectID"] = "global".into();
    info
}

/// A piece of the conversation, as a reader sees it.
#[derive(Clone, Debug, PartialEq)]
enum Block<'a> {
    /// The user speaks from here on.
    User { id: &'a str },
    /// A model speaks from here on.
    Model { name: String },
    /// Words.
    Text(&'a str),
    /// Thoughts.
    Thoughts(&'a str),
    /// A call and its result.
    Call { tool: &'a str, title: String, diff: &'a str, output: &'a str, failed: bool },
    /// A file of the user's.
    File(&'a str),
    /// The conversation before here was summarised, in the words that follow.
    Summary,
    /// The step failed.
    Error(&'a str),
}

fn blocks(messages: &[MessageWithParts]) -> Vec<Block<'_>> {
    let mut out = Vec::new();
    let mut speaks = None;
    for message in messages {
        let speaker = match &message.info {
            Message::User(_) => None,
            Message::Assistant(info) => Some(format!("{} · {}", info.model, info.mode)),
        };
        let mut said: Vec<_> = message.parts.iter().filter_map(|part| block(&part.kind)).collect();
        if let Message::Assistant(info) = &message.info {
            if info.summary == Some(true) {
                said.insert(0, Block::Summary);
            }
            said.extend(info.error.iter().map(|error| Block::Error(&error.data().message)));
        }
        // What Interline told the model beside is no message of the user's.
        if said.is_empty() {
            continue;
        }
        match &speaker {
            None => out.push(Block::User { id: message.info.id().as_str() }),
            Some(name) if speaks.as_ref() != Some(&speaker) => out.push(Block::Model { name: name.clone() }),
            Some(_) => {}
        }
        speaks = Some(speaker);
        out.extend(said);
    }
    out
}

fn block(part: &PartKind) -> Option<Block<'_>> {
    match part {
        PartKind::Text { text, synthetic: None | Some(false), .. } if !text.trim().is_empty() => Some(Block::Text(text.trim_end())),
        PartKind::Reasoning { text, .. } if !text.trim().is_empty() => Some(Block::Thoughts(text.trim_end())),
        PartKind::File { filename, url, .. } => {
            Some(Block::File(filename.as_deref().unwrap_or(if url.starts_with("data:") { "a file" } else { url })))
        }
        PartKind::Tool { tool, state, .. } => Some(call(tool, state)),
        _ => None,
    }
}

fn call<'a>(tool: &'a str, state: &'a ToolState) -> Block<'a> {
    match state {
        ToolState::Completed { title, metadata, output, .. } => {
            let diff = metadata["diff"].as_str().unwrap_or_default();
            // What an edit told the model is in its diff.
            Block::Call { tool, title: title.clone(), diff, output: if diff.is_empty() { output } else { "" }, failed: false }
        }
        ToolState::Error { input, error, .. } => Block::Call { tool, title: what(input), diff: "", output: error, failed: true },
        ToolState::Running { input, .. } | ToolState::Pending { input, .. } => {
            Block::Call { tool, title: what(input), diff: "", output: "It was interrupted.", failed: true }
        }
    }
}

/// What a call was about, where it has no title.
fn what(input: &Value) -> String {
    let keys = ["filePath", "command", "pattern", "path", "url", "description"];
    keys.iter().find_map(|key| input[key].as_str()).unwrap_or_default().to_owned()
}

/// Facts of the session, in one line.
fn facts(session: &Session) -> String {
    let when = jiff::Timestamp::from_millisecond(session.time.created).map(|time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let (tokens, cost) = (session.tokens.total(), engine::dollars(session.cost));
    format!("{} · {} · {tokens} tokens · {cost}", session.directory, when.unwrap_or_default())
}

/// The title; what has none has its id.
fn title(session: &Session) -> &str {
    if session.title.trim().is_empty() { session.id.as_str() } else { session.title.trim() }
}

#[cfg(test)]
mod tests;
