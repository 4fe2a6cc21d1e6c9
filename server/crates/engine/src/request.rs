//! A request to the model, put together from what is known: prompt, conversation, tools, and what the editor shows.
//!
//! **Invariant:** two requests of one session differ only behind what both have in common, so that the provider's cache serves the rest.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use permission::Action;
use proto::{Message, MessageWithParts, Tokens, first_hidden, visible};
use providers::{ChatMessage, ChatPart, FinishReason, ModelRequest, ToolDefinition};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tools::{Offer, SeenFiles, Tool};
use workspace::{Applied, Content, DocKey, Place};

use crate::family::{self, Family, Profile};
use crate::prompt::{self, Selection, UserChange};
use crate::session::SessionState;
use crate::setup::Setup;
use crate::shared::Shared;
use crate::subagents::deepest;
use crate::turn::Limits;
use crate::{AskRequest, agents, history, tool_free};

/// OpenCode's cap of an answer, in tokens.
pub const MAX_OUTPUT: u64 = 32_000;
/// OpenCode's reserve, in tokens.
const RESERVED: u64 = 20_000;

/// What bounds a turn.
#[must_use]
pub fn limits(setup: &Setup) -> Limits {
    let config = &setup.settings.config;
    let limit = &setup.model.limit;
    let output = if limit.output == 0 { MAX_OUTPUT } else { limit.output.min(MAX_OUTPUT) };
    let reserved = config.compaction.reserved.unwrap_or(RESERVED.min(output));
    let usable = match (limit.input, limit.context) {
        (Some(input), _) => Some(input.saturating_sub(reserved)),
        (None, 0) => None,
        (None, context) => Some(context.saturating_sub(output)),
    };
    let experimental = config.other.get("experimental");
    Limits {
        steps: setup.agent.steps,
        usable: usable.filter(|usable| *usable > 0 && config.compaction.auto),
        compact: config.compaction.auto,
        next: setup.has_next(),
        continue_on_deny: experimental.and_then(|e| e.get("continue_loop_on_deny")).and_then(Value::as_bool) == Some(true),
    }
}

/// What the conversation took at its last step.
#[must_use]
pub fn last_tokens(history: &[MessageWithParts]) -> Tokens {
    let last = history.iter().rev().find_map(|m| match &m.info {
        Message::Assistant(info) if info.finish.is_some() => Some(info),
        _ => None,
    });
    last.filter(|info| info.summary != Some(true)).map_or_else(Tokens::default, |info| info.tokens)
}

/// OpenCode's word for a finish.
#[must_use]
pub fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::ToolCalls => "tool-calls",
        FinishReason::Length => "length",
        FinishReason::ContentFilter | FinishReason::Refusal => "content-filter",
        FinishReason::Unknown => "unknown",
    }
}

/// Most names of a mentioned folder.
const FOLDER_NAMES: usize = 200;

/// The request for the next step.
#[must_use]
pub fn build(shared: &Shared, state: &SessionState, setup: &Setup, last: bool) -> ModelRequest {
    let persona = setup.agent.prompt.as_deref().unwrap_or_else(|| profile(setup).family.prompt());
    let mut messages = history::messages(&state.history, &setup.author.model);
    let can = &setup.model.capabilities;
    let takes = |mime: &str| if mime == "application/pdf" { can.pdf } else { can.images };
    let results = messages.iter_mut().filter_map(|said| if let ChatMessage::Tool(results) = said { Some(results) } else { None });
    for result in results.flatten() {
        let ChatPart::ToolResult { output, media, .. } = result else { continue };
        // What the user attached is told of in any case; here it is the model's own business what it looks at.
        media.retain(|part| match part {
            ChatPart::Media { mime, .. } if !takes(mime) => {
                output.push_str(&format!("\n({} takes no {mime}: you see nothing of it. Say so if it matters.)", setup.author.model));
                false
            }
            _ => true,
        });
    }
    if last {
        messages.push(ChatMessage::User(vec![ChatPart::Text(prompt::LAST_STEP.to_owned())]));
    }
    let system = prompt::system(
        persona,
        &setup.author.model.to_string(),
        &shared.environment(),
        &shared.instructions(),
        &skills(setup),
        &server_words(shared, setup),
    );
    ModelRequest {
        // Whoever wrote a part of it: what the user cannot see instructs nobody.
        system: system.into_iter().map(seen_text).collect(),
        messages,
        tools: tools(shared, setup),
        max_output: None,
        temperature: setup.agent.temperature,
        top_p: setup.agent.top_p,
        options: setup.agent.options.clone(),
        unknown: setup.agent.unknown.clone(),
        session: state.id().as_str().to_owned(),
    }
}

fn profile(setup: &Setup) -> Profile {
    family::profile(&setup.model.wire_id, &setup.model.provider_id, &setup.model.family)
}

/// The skills that the agent may use, as they are advertised.
fn skills(setup: &Setup) -> Vec<(&str, &str)> {
    let rules = &setup.agent.rules;
    let all = setup.settings.guides.skills.iter().filter(|_| !rules.hides("skill"));
    all.filter(|skill| skill.offered && rules.evaluate("skill", &skill.name, &[]) != Action::Deny)
        .filter_map(|skill| Some((skill.name.as_str(), skill.description.as_deref()?)))
        .collect()
}

/// What MCP servers say about themselves, of which the agent may use a tool.
fn server_words(shared: &Shared, setup: &Setup) -> Vec<(String, String)> {
    let tools = shared.tools.servers().tools();
    let mut words = shared.tools.servers().instructions();
    words.retain(|(server, _)| tools.iter().any(|tool| tool.server == *server && !setup.agent.rules.hides(&tool.name)));
    words
}

/// The tools that the model may know of, by its agent's rules and its family.
pub fn offered(shared: &Shared, setup: &Setup) -> Vec<Arc<dyn Tool>> {
    let Profile { family, edits } = profile(setup);
    let rules = &setup.agent.rules;
    let fits = |tool: &dyn Tool| match tool.offer() {
        Offer::Always => true,
        // What small models are told must be little.
        Offer::WithServers => family != Family::Small && !rules.hides("lsp") && shared.siblings.have_outlook(),
        Offer::Never => false,
    };
    let is_empty = |tool: &dyn Tool| tool.id() == "skill" && !setup.settings.guides.skills.iter().any(|skill| skill.offered);
    let mut tools = shared.tools.all().to_vec();
    tools.retain(|tool| !rules.hides(tool.permission()) && !edits.hides(tool.id()) && fits(&**tool) && !is_empty(&**tool));
    tools
}

fn tools(shared: &Shared, setup: &Setup) -> Vec<ToolDefinition> {
    let mut out: Vec<_> = offered(shared, setup)
        .iter()
        .filter_map(|tool| {
            let mut description = tool.description().trim().to_owned();
            if tool.id() == "task" {
                description.push_str(&subagents(setup)?);
            }
            let mut parameters = tool.parameters();
            seen(&mut parameters);
            Some(ToolDefinition { name: tool.id().to_owned(), description: seen_text(description), parameters })
        })
        .collect();
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// What a person sees of a text.
fn seen_text(text: String) -> String {
    match visible(&text) {
        Cow::Owned(seen) => seen,
        Cow::Borrowed(_) => text,
    }
}

/// Of a schema what a person sees, too. An argument whose name hides something is no argument.
fn seen(schema: &mut Value) {
    match schema {
        Value::String(text) => *text = seen_text(std::mem::take(text)),
        Value::Array(values) => values.iter_mut().for_each(seen),
        Value::Object(map) => {
            map.retain(|name, _| first_hidden(name).is_none());
            map.values_mut().for_each(seen);
        }
        _ => {}
    }
}

/// The subagents that the agent may start, as they are advertised; none if there is none.
fn subagents(setup: &Setup) -> Option<String> {
    let all = if deepest(&setup.settings.config) == 0 { Vec::new() } else { agents::subagents(&setup.settings.config, &setup.agent.rules) };
    let line = |(name, description): &(&str, &str)| {
        let description = description.split_whitespace().collect::<Vec<_>>().join(" ");
        if description.is_empty() { format!("\n- {name}") } else { format!("\n- {name}: {description}") }
    };
    (!all.is_empty()).then(|| all.iter().map(line).collect())
}

/// What is said to the model beside the user's words: the selection, what the user changed, mentioned files, the agent's reminder.
pub async fn user_context(shared: &Shared, state: &SessionState, ask: &AskRequest, mentions: &[String], setup: &Setup) -> Vec<String> {
    let roots = shared.workspace.roots();
    let mut out = Vec::new();
    let focus =
        ask.focus.as_ref().filter(|focus| tool_free::may_read(shared, setup, &focus.key, &prompt::name(&focus.key, &roots), &roots));
    let selection = match ask.place.as_ref().or(focus) {
        Some(place) => selection(shared, place, &roots).await,
        None => None,
    };
    let changes = user_changes(shared, state, &roots).await;
    let open = shared.workspace.open_documents().await;
    let context = prompt::context(selection.as_ref(), &changes, &open, &roots, &ask.context);
    if !context.is_empty() {
        out.push(context);
    }
    for mention in mentions {
        let found = mentioned(shared, setup, state, mention, &roots).await;
        out.extend(found.or_else(|| wanted(setup, mention)));
    }
    if let Some(reminder) = setup.agent.reminder {
        out.push(format!("<system-reminder>\n{}\n</system-reminder>", reminder.trim()));
    }
    out
}

/// What a mention stands for: a file's text (`@file:12` and `@file#12` mean the file), or a folder's names. None if it is neither.
async fn mentioned(shared: &Shared, setup: &Setup, state: &SessionState, mention: &str, roots: &[PathBuf]) -> Option<String> {
    let lines = |c: char| c.is_ascii_digit() || c == '-' || c == 'L';
    let without_lines = mention.trim_end_matches(lines).strip_suffix([':', '#']).filter(|file| !file.is_empty());
    for name in [Some(mention), without_lines].into_iter().flatten() {
        let key = DocKey::from_tool_path(name, shared.main_root());
        if let Ok(snapshot) = shared.workspace.read(&key).await {
            let text = prompt::cut(&snapshot.text.to_string(), setup.settings.limits);
            let told = format!("<file path=\"{}\">\n{text}\n</file>", prompt::name(&key, roots));
            state.seen.set(key, snapshot.text);
            return Some(told);
        }
        let Some(path) = key.path().map(Path::to_owned) else { continue };
        if let Ok(Ok(names)) = tokio::task::spawn_blocking(move || folder(&path)).await {
            return Some(format!("<folder path=\"{}\">\n{names}\n</folder>", prompt::name(&key, roots)));
        }
    }
    resource(shared, setup, mention).await
}

/// What `server:uri` stands for, if there is such an MCP server.
async fn resource(shared: &Shared, setup: &Setup, mention: &str) -> Option<String> {
    let (server, uri) = mention.split_once(':').filter(|(server, uri)| !uri.is_empty() && shared.tools.servers().knows(server))?;
    let told = match shared.tools.servers().read(server, uri, &CancellationToken::new()).await {
        Ok(content) => prompt::cut(&content.text, setup.settings.limits),
        Err(why) => format!("(it cannot be read: {why})"),
    };
    Some(format!("<resource server=\"{server}\" uri=\"{uri}\">\n{told}\n</resource>"))
}

/// What a mention of a subagent asks for. None if there is none of that name.
fn wanted(setup: &Setup, mention: &str) -> Option<String> {
    let offered = agents::subagents(&setup.settings.config, &setup.agent.rules).iter().any(|(name, _)| *name == mention);
    offered.then(|| format!("The user wants the subagent `{mention}` for this: hand the work to it by the `task` tool."))
}

/// The names in a folder, those of folders with a slash.
fn folder(path: &Path) -> std::io::Result<String> {
    let mut names = Vec::new();
    for entry in path.read_dir()? {
        let entry = entry?;
        let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
        names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
    }
    names.sort();
    if names.len() > FOLDER_NAMES {
        let more = names.len() - FOLDER_NAMES;
        names.truncate(FOLDER_NAMES);
        names.push(format!("… {more} more"));
    }
    Ok(names.join("\n"))
}

/// What a call of the model's own has changed is no news from the user. It has not read the text as it is now, though.
pub fn take_as_own(seen: &SeenFiles, changes: &[Applied]) {
    for change in changes {
        let Some(text) = seen.get(&change.key) else { continue };
        let same = |content: &Option<Content>| content.as_ref().and_then(Content::as_text).is_some_and(|content| text == content);
        // What the user changed before is still to be told.
        if !same(&change.before) || same(&change.after) {
            continue;
        }
        match change.after.as_ref().and_then(Content::as_text) {
            Some(after) => seen.told_changes(change.key.clone(), after.into()),
            None => seen.forget(&change.key),
        }
    }
}

async fn selection(shared: &Shared, place: &Place, roots: &[std::path::PathBuf]) -> Option<Selection> {
    let snapshot = shared.workspace.read(&place.key).await.ok()?;
    let end = place.range.end.min(snapshot.text.len_bytes());
    let start = place.range.start.min(end);
    let text = snapshot.text.get_byte_slice(start..end).map(|s| s.to_string()).unwrap_or_default();
    Some(Selection { name: prompt::name(&place.key, roots), lines: place.lines, text })
}

/// What the user changed in texts that the model has seen. Told once.
async fn user_changes(shared: &Shared, state: &SessionState, roots: &[std::path::PathBuf]) -> Vec<UserChange> {
    let mut out = Vec::new();
    let mut all = state.seen.all();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    for (key, seen) in all {
        let name = prompt::name(&key, roots);
        match shared.workspace.read(&key).await {
            Ok(now) if now.text != seen => {
                let diff = workspace::unified(&seen, &now.text, &name, &name, 2);
                state.seen.told_changes(key, now.text);
                out.push(UserChange { name, diff });
            }
            Ok(_) => {}
            Err(workspace::ReadError::NotFound(_)) => {
                state.seen.forget(&key);
                out.push(UserChange { name, diff: "(it does not exist any more)".into() });
            }
            Err(error) => tracing::warn!("{error}"),
        }
    }
    out
}
