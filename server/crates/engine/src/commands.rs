//! Slash commands: `/name arguments` becomes the command's template.
//!
//! Must not know how a command line is run, nor how a subagent is started: the worker does both, within the turn, so that the user can be asked.
//!
//! **Invariant:** a message that names no command stays as the user wrote it, and nothing is run here.

use config::Piece;
use tokio_util::sync::CancellationToken;
use workspace::DocKey;

use crate::settings::Settings;
use crate::shared::Shared;
use crate::{AskRequest, EngineError, agents};

/// What a message is besides its words.
#[derive(Clone, Debug, Default)]
pub struct Prelude {
    /// The names that it mentions by `@`; what a command line prints mentions nothing.
    pub mentions: Vec<String>,
    /// Its pieces, if there are command lines among them, whose output is still to be put in.
    pub pieces: Vec<Piece>,
    /// Nothing is left to be done before the model is asked.
    pub ready: bool,
    /// The subagent that is to be given it, and the command's name.
    pub subtask: Option<(String, String)>,
}

/// Replaces a slash command by its template, and takes over the command's agent, model and variant for this message.
///
/// # Errors
/// If it is a prompt of an MCP server that cannot be had.
pub async fn expand(shared: &Shared, settings: &Settings, request: &mut AskRequest) -> Result<Prelude, EngineError> {
    let owned = |text: &str| config::mentions(text).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let plain = |text: &str| Prelude { mentions: owned(text), ..Prelude::default() };
    let Some((name, arguments)) = config::parse_slash(&request.text) else { return Ok(plain(&request.text)) };
    let Some(command) = settings.config.command.get(name) else {
        if let Some(said) = server_prompt(shared, name, arguments).await? {
            request.text = said;
            return Ok(Prelude::default());
        }
        if let Some(said) = skill(shared, settings, name, arguments).await? {
            let mentions = owned(arguments);
            request.text = said;
            return Ok(Prelude { mentions, ..Prelude::default() });
        }
        return Ok(plain(&request.text));
    };
    let mut pieces = config::expand(&command.template, arguments);
    let mut mentions = Vec::new();
    for piece in &pieces {
        match piece {
            Piece::Text(words) => mentions.extend(owned(words)),
            Piece::Mention(name) => mentions.push(name.clone()),
            Piece::Shell(_) => {}
        }
    }
    // What a template names outside the project is given by nobody's word: the model may read it, which asks.
    let given = owned(arguments);
    mentions.retain(|name| given.contains(name) || is_inside(shared, name));
    let subtask = subtask(settings, command).map(|agent| (agent, name.to_owned()));
    request.text = pieces.iter().map(written).collect();
    if !pieces.iter().any(|piece| matches!(piece, Piece::Shell(_))) {
        pieces.clear();
    }
    if subtask.is_none() {
        request.agent = request.agent.take().or_else(|| command.agent.clone());
    }
    // A variant is one of the command's model, unless it names none.
    if request.model.is_none() || command.model.is_none() {
        request.variant = request.variant.take().or_else(|| command.variant.clone());
    }
    request.model = request.model.take().or_else(|| command.model.clone());
    Ok(Prelude { mentions, pieces, ready: false, subtask })
}

/// Whether what a mention names lies in the project, links followed; true for what is no file.
fn is_inside(shared: &Shared, name: &str) -> bool {
    let key = DocKey::from_tool_path(name, shared.main_root());
    let Some(path) = key.path() else { return true };
    let Some(real) = path.ancestors().find_map(|part| part.canonicalize().ok()) else { return false };
    shared.workspace.roots().iter().any(|root| root.canonicalize().is_ok_and(|root| real.starts_with(root)))
}

/// What a prompt of an MCP server says (`server:prompt`); none if there is no such server.
async fn server_prompt(shared: &Shared, name: &str, arguments: &str) -> Result<Option<String>, EngineError> {
    let servers = shared.tools.servers();
    let Some((server, prompt)) = name.split_once(':').filter(|(server, _)| servers.knows(server)) else { return Ok(None) };
    shared.foreign.release(shared);
    let said = servers.prompt(server, prompt, &config::split_arguments(arguments), &CancellationToken::new()).await;
    said.map(|content| Some(proto::visible(&content.text).into_owned())).map_err(|why| EngineError::Nothing(why.to_string()))
}

/// A skill that the user asks for by its name; none if there is no such skill. Nothing in it is run or put in: it is for the model to read.
async fn skill(shared: &Shared, settings: &Settings, name: &str, arguments: &str) -> Result<Option<String>, EngineError> {
    let Some(skill) = settings.guides.skills.iter().find(|skill| skill.name == name) else { return Ok(None) };
    let read = shared.workspace.read(&DocKey::file(&skill.path)).await;
    let snapshot = read.map_err(|error| EngineError::Nothing(format!("the skill {name} cannot be read: {error}")))?;
    let text = snapshot.text.to_string();
    let body = config::parse_markdown(&text).map_or(text.clone(), |file| file.body);
    let body = proto::visible(&body);
    let folder = skill.path.parent().unwrap_or(&skill.path).display();
    Ok(Some(format!("<skill_content name=\"{name}\" folder=\"{folder}\">\n{body}\n</skill_content>\n\n{arguments}").trim_end().to_owned()))
}

/// A piece as the template has it.
pub fn written(piece: &Piece) -> String {
    match piece {
        Piece::Text(words) => words.clone(),
        Piece::Mention(name) => format!("@{name}"),
        Piece::Shell(line) => format!("!`{line}`"),
    }
}

/// The subagent that a command is for: its own where that can be one and is wanted so or can be nothing else; else `general`.
fn subtask(settings: &Settings, command: &config::CommandConfig) -> Option<String> {
    let (started, chosen) = command.agent.as_deref().map_or((false, true), |agent| agents::offered(&settings.config, agent));
    let wanted = command.subtask == Some(true) || (started && !chosen);
    wanted.then(|| command.agent.clone().filter(|_| started).unwrap_or_else(|| "general".to_owned()))
}
