//! Slash commands: `/name arguments` becomes the command's template.
//!
//! **Invariant:** a message that names no command stays as the user wrote it.

use std::process::Stdio;
use std::time::Duration;

use config::Piece;
use tokio_util::sync::CancellationToken;

use crate::shared::Shared;
use crate::{AskRequest, EngineError};

/// How long a `` !`command` `` of a template may take.
const SHELL: Duration = Duration::from_secs(60);

/// Replaces a slash command by its template, and takes over the command's agent, model and variant for this message. Returns the names that the message mentions
/// by `@`; what a command prints mentions nothing.
///
/// # Errors
/// If it is a prompt of an MCP server that cannot be had.
pub async fn expand(shared: &Shared, request: &mut AskRequest) -> Result<Vec<String>, EngineError> {
    let owned = |text: &str| config::mentions(text).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let Some((name, arguments)) = config::parse_slash(&request.text) else { return Ok(owned(&request.text)) };
    let Some(command) = shared.config.command.get(name) else {
        if let Some(said) = server_prompt(shared, name, arguments).await? {
            request.text = said;
            return Ok(Vec::new());
        }
        return Ok(owned(&request.text));
    };
    let (mut text, mut mentions) = (String::new(), Vec::new());
    for piece in config::expand(&command.template, arguments) {
        match piece {
            Piece::Text(words) => {
                mentions.extend(owned(&words));
                text.push_str(&words);
            }
            Piece::Shell(line) => text.push_str(&output(shared, &line).await),
            Piece::Mention(name) => {
                text.push('@');
                text.push_str(&name);
                mentions.push(name);
            }
        }
    }
    request.text = text;
    request.agent = request.agent.take().or_else(|| command.agent.clone());
    // A variant is one of the command's model, unless it names none.
    if request.model.is_none() || command.model.is_none() {
        request.variant = request.variant.take().or_else(|| command.variant.clone());
    }
    request.model = request.model.take().or_else(|| command.model.clone());
    Ok(mentions)
}

/// What a prompt of an MCP server says (`server:prompt`); none if there is no such server.
async fn server_prompt(shared: &Shared, name: &str, arguments: &str) -> Result<Option<String>, EngineError> {
    let servers = shared.tools.servers();
    let Some((server, prompt)) = name.split_once(':').filter(|(server, _)| servers.knows(server)) else { return Ok(None) };
    let said = servers.prompt(server, prompt, &config::split_arguments(arguments), &CancellationToken::new()).await;
    said.map(|content| Some(content.text)).map_err(|why| EngineError::Nothing(why.to_string()))
}

/// What a command of the user's own template prints.
async fn output(shared: &Shared, line: &str) -> String {
    let child = tokio::process::Command::new(&shared.shell)
        .arg("-c")
        .arg(line)
        .current_dir(shared.main_root())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(SHELL, child).await {
        Ok(Ok(done)) => {
            let mut text = String::from_utf8_lossy(&done.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&done.stderr));
            text
        }
        Ok(Err(error)) => format!("(the command `{line}` could not be started: {error})"),
        Err(_) => format!("(the command `{line}` took longer than {} s)", SHELL.as_secs()),
    }
}
