//! Completion in the chat buffer: `/` commands, `@` files and agents. Nowhere else, so that nobody's completion is in the way.
//!
//! **Invariant:** listing changes nothing, and takes a bounded time in any project.

use ignore::WalkBuilder;
use lsp_types::{CompletionItem, CompletionItemKind, CompletionParams, CompletionTextEdit, Range, TextEdit};
use serde::Serialize;
use workspace::DocKey;

use crate::builtin::BUILTIN;
use crate::lsp::face::Face;
use crate::lsp::positions;
use crate::lsp::slash::SLASH;

/// Most files that are looked at, and most that are offered.
const LOOKED_AT: usize = 20_000;
const OFFERED: usize = 200;

/// What can stand where the cursor is.
pub async fn list(face: &Face, params: CompletionParams) -> Vec<CompletionItem> {
    let at = params.text_document_position;
    let key = DocKey::from_uri(at.text_document.uri.as_str());
    if key != face.chat_key() {
        return Vec::new();
    }
    let Some(document) = face.documents().find(&key).await else { return Vec::new() };
    let encoding = face.client().caps().encoding;
    let cursor = positions::offset(&document.text, at.position, encoding);
    let line = document.text.try_byte_to_line(cursor).unwrap_or(0);
    let start = document.text.try_line_to_byte(line).unwrap_or(0);
    let Some(before) = document.text.get_byte_slice(start..cursor).map(|s| s.to_string()) else { return Vec::new() };
    let Some((_, typed)) = token(&before) else { return Vec::new() };
    let range = positions::lsp_range(&document.text, &(cursor - typed.len()..cursor), encoding);
    offer(face, &before).await.into_iter().map(|offered| offered.item(range)).collect()
}

/// What can follow `before`, a line of a message as far as it is written; the typed beginning is part of what is offered.
pub async fn offer(face: &Face, before: &str) -> Vec<Offered> {
    match token(before) {
        Some(('/', _)) => commands(face).await,
        Some((_, typed)) => files(face, typed).await,
        None => Vec::new(),
    }
}

/// A command, an agent or a file.
#[derive(Clone, Debug, Serialize)]
pub struct Offered {
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    kind: CompletionItemKind,
}

impl Offered {
    fn new(label: &str, kind: CompletionItemKind, detail: Option<String>) -> Self {
        Self { label: label.to_owned(), detail, kind }
    }

    fn item(self, range: Range) -> CompletionItem {
        CompletionItem {
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: self.label.clone() })),
            label: self.label,
            kind: Some(self.kind),
            detail: self.detail,
            ..CompletionItem::default()
        }
    }
}

/// The mark before the cursor, and what was typed after it. A slash counts at the line's beginning only.
fn token(before: &str) -> Option<(char, &str)> {
    let at = before.rfind(|c: char| c.is_whitespace()).map_or(0, |at| at + 1);
    let word = before.get(at..)?;
    if let Some(typed) = word.strip_prefix('@') {
        return Some(('@', typed));
    }
    let typed = word.strip_prefix('/')?;
    (at == 0).then_some(('/', typed))
}

async fn commands(face: &Face) -> Vec<Offered> {
    let started = face.started().await;
    started.engine.look_at_configuration().await;
    let offered = |name: &str, what: Option<String>| Offered::new(name, CompletionItemKind::FUNCTION, what);
    let own = SLASH.iter().map(|(name, what)| offered(name, Some((*what).to_owned())));
    let settings = started.engine.settings();
    let users = settings.config.command.iter().map(|(name, c)| offered(name, c.shown()));
    let servers = started.engine.server_prompts();
    let servers = servers.iter().map(|(name, what)| offered(name, Some(what.clone())));
    let builtin = BUILTIN.iter().map(|(name, what, _)| offered(name, Some((*what).to_owned())));
    let skills = settings.guides.skills.iter().map(|skill| offered(&skill.name, skill.shown()));
    own.chain(builtin).chain(users).chain(servers).chain(skills).collect()
}

async fn files(face: &Face, typed: &str) -> Vec<Offered> {
    let agents = face.started().await.engine.subagents();
    let mut out: Vec<_> = agents.iter().map(|name| Offered::new(name, CompletionItemKind::CLASS, Some("agent".into()))).collect();
    let resources = face.started().await.engine.server_resources();
    out.extend(resources.into_iter().map(|(name, what)| Offered::new(&name, CompletionItemKind::REFERENCE, Some(what))));
    let (root, typed) = (face.root(), typed.to_ascii_lowercase());
    let walk = move || {
        let mut found = Vec::new();
        for entry in WalkBuilder::new(&root).require_git(false).build().flatten().take(LOOKED_AT) {
            if !entry.file_type().is_some_and(|t| t.is_file()) {
                continue;
            }
            let Ok(path) = entry.path().strip_prefix(&root) else { continue };
            let name = path.to_string_lossy().into_owned();
            if name.to_ascii_lowercase().contains(&typed) {
                found.push(name);
                if found.len() == OFFERED {
                    break;
                }
            }
        }
        found
    };
    match tokio::task::spawn_blocking(walk).await {
        Ok(found) => out.extend(found.iter().map(|name| Offered::new(name, CompletionItemKind::FILE, None))),
        Err(error) => tracing::error!("the files could not be listed: {error}"),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks() {
        assert_eq!(token("/"), Some(('/', "")));
        assert_eq!(token("/un"), Some(('/', "un")));
        assert_eq!(token("look at @src/ma"), Some(('@', "src/ma")));
        assert_eq!(token("a / b"), None);
        assert_eq!(token("see /usr"), None);
        assert_eq!(token("mail@host"), None);
    }
}
