//! Accepting, rejecting and listing, as commands.
//!
//! **Invariant:** a command replies at once, with what will be done; what the user wrote in a rejected change stays, and is named.

use lsp_types::MessageType;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower_lsp::jsonrpc::Result;
use workspace::{Change, ChangeKind, DocKey, Workspace};

use super::{Rejection, Which};
use crate::lsp::commands::{parse, relative, sentence};
use crate::lsp::face::Face;

const NOTHING: &str = "There is no change to review here. Where there are several, ask for the code actions on the lines of one.";

#[derive(Default, Deserialize)]
#[serde(default)]
struct One {
    id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Many {
    uri: Option<String>,
    turn: Option<String>,
}

/// `interline.hunk.accept|reject` and `interline.hunks.accept|reject|list`.
///
/// # Errors
/// In one sentence for the user.
pub async fn execute(face: &Face, command: &str, argument: Value) -> Result<Option<Value>> {
    let which = if command.starts_with("interline.hunks.") {
        let many: Many = parse(argument)?;
        Which::Of { key: many.uri.map(|uri| DocKey::from_uri(&uri)), turn: many.turn }
    } else {
        let one: One = parse(argument)?;
        one.id.map_or(Which::Here, Which::Id)
    };
    if command.ends_with(".list") {
        let listed = match face.if_hunks() {
            Some(hunks) => hunks.list(which).await,
            None => Vec::new(),
        };
        return Ok(Some(json!({"files": listed.iter().map(super::listing::Listed::to_json).collect::<Vec<_>>()})));
    }
    let Some(hunks) = face.if_hunks() else { return Err(sentence(NOTHING)) };
    if command.ends_with(".accept") {
        let count = hunks.accept(which).await;
        return if count == 0 { Err(sentence(NOTHING)) } else { Ok(Some(json!({"accepted": count}))) };
    }
    let Rejection { changes, hunks: reviewed, kept } = hunks.reject(which).await;
    if reviewed.is_empty() {
        return Err(sentence(NOTHING));
    }
    let changed: Vec<_> = changes.iter().map(|change| relative(face, &change.key)).collect();
    let unseen: Vec<_> = changes.iter().filter(|change| !is_open(change)).map(|change| relative(face, &change.key)).collect();
    let lines = |first: usize, last: usize| if first >= last { format!("line {first}") } else { format!("lines {first}–{last}") };
    let kept: Vec<_> = kept.iter().map(|(key, first, last)| format!("{} {}", relative(face, key), lines(*first, *last))).collect();
    let reply = json!({"changed": changed, "kept": kept});
    let (client, workspace) = (face.client().clone(), face.workspace().await);
    tokio::spawn(async move {
        if !changes.is_empty()
            && let Err(error) = workspace.apply(changes, &CancellationToken::new()).await
        {
            client.show_message(MessageType::ERROR, format!("Interline: the change was not taken back: {error}")).await;
            return;
        }
        hunks.reviewed(reviewed);
        if !unseen.is_empty() {
            let text = format!("Interline: changes taken back in files that are not open: {}", unseen.join(", "));
            client.show_message(MessageType::INFO, text).await;
        }
        if !kept.is_empty() {
            let text = format!("Interline: you changed these lines since, so they stay as they are: {}", kept.join("; "));
            client.show_message(MessageType::WARNING, text).await;
        }
    });
    Ok(Some(reply))
}

fn is_open(change: &Change) -> bool {
    matches!(&change.kind, ChangeKind::Edit { stamp, .. } if stamp.version.is_some())
}
