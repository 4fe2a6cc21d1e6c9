//! What the editor said in `initialize`, read from the raw JSON: lsp-types 0.94 loses what it does not know.
//!
//! **Invariant:** a missing or odd key means no.

use std::path::PathBuf;

use serde_json::Value;
use workspace::DocKey;

use crate::lsp::positions::Encoding;

/// What the editor can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCaps {
    /// `clientInfo.name`.
    pub name: String,
    /// Neovim: it skips the version check of documents at version 0, and shows labels as messages.
    pub neovim: bool,
    /// Helix: its notifications can overtake each other, it drops diagnostics of any version but its own, and 25.01 shows documents on request without
    /// announcing it.
    pub helix: bool,
    /// The position encoding that we choose of those it offers.
    pub encoding: Encoding,
    /// It shows progress (`window.workDoneProgress`).
    pub progress: bool,
    /// It shows documents on request.
    pub show_document: bool,
    /// It shows questions with buttons (absent in Helix 25.01, which also answers an error).
    pub show_message_request: bool,
    /// It applies edits.
    pub apply_edit: bool,
    /// It takes versioned edits by its own word. Neovim does without saying so.
    pub document_changes: bool,
    /// It creates files.
    pub create_files: bool,
    /// It shows changes with annotations.
    pub change_annotations: bool,
    /// It has code lenses.
    pub code_lens: bool,
    /// It asks again for code lenses on request.
    pub code_lens_refresh: bool,
    /// It takes snippets in completions.
    pub snippets: bool,
    /// Our plugin runs in it (`experimental.interline`).
    pub plugin: bool,
    /// The plugin continues the undo history of files that are not open (`experimental.interline.history`).
    pub history: bool,
    /// Its process.
    pub process_id: Option<i32>,
    /// The project's folders, in its order.
    pub roots: Vec<PathBuf>,
    /// `initializationOptions`.
    pub options: Value,
}

/// Before `initialize`.
pub(super) static NOTHING: std::sync::LazyLock<ClientCaps> = std::sync::LazyLock::new(ClientCaps::default);

impl ClientCaps {
    /// Of the raw params of `initialize`.
    #[must_use]
    pub fn of(initialize: &Value) -> Self {
        let caps = &initialize["capabilities"];
        let has = |pointer: &str| caps.pointer(pointer).is_some_and(|v| v.as_bool().unwrap_or(v.is_object()));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&initialize["clientInfo"]["name"]);
        let lower = name.to_lowercase();
        let list = |pointer: &str| caps.pointer(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        Self {
            neovim: lower.contains("neovim") || lower.contains("nvim"),
            helix: lower == "helix",
            name,
            encoding: Encoding::choose(list("/general/positionEncodings")),
            progress: has("/window/workDoneProgress"),
            show_document: has("/window/showDocument/support") || lower == "helix",
            show_message_request: has("/window/showMessage"),
            apply_edit: has("/workspace/applyEdit"),
            document_changes: has("/workspace/workspaceEdit/documentChanges"),
            create_files: list("/workspace/workspaceEdit/resourceOperations").any(|k| k == "create"),
            change_annotations: has("/workspace/workspaceEdit/changeAnnotationSupport"),
            code_lens: has("/textDocument/codeLens"),
            code_lens_refresh: has("/workspace/codeLens/refreshSupport"),
            snippets: has("/textDocument/completion/completionItem/snippetSupport"),
            plugin: has("/experimental/interline"),
            history: has("/experimental/interline/history"),
            process_id: initialize["processId"].as_i64().and_then(|id| i32::try_from(id).ok()).filter(|id| *id > 0),
            roots: roots(initialize),
            options: initialize["initializationOptions"].clone(),
        }
    }

    /// How the user restarts the server there, if it is known; to be said after "a restart".
    #[must_use]
    pub fn restart(&self) -> &'static str {
        match (self.helix, self.plugin && !self.neovim) {
            (true, _) => ": `:lsp-restart interline`",
            (_, true) => ": the command *Interline: Restart the Server*",
            _ => "",
        }
    }

    /// Whether it takes the version that an edit is for.
    #[must_use]
    pub fn versioned(&self) -> bool {
        self.document_changes || self.neovim
    }
}

fn roots(initialize: &Value) -> Vec<PathBuf> {
    let path = |uri: &Value| uri.as_str().and_then(|uri| DocKey::from_uri(uri).path().map(PathBuf::from));
    let mut roots: Vec<PathBuf> = initialize["workspaceFolders"].as_array().into_iter().flatten().filter_map(|f| path(&f["uri"])).collect();
    if roots.is_empty() {
        roots.extend(path(&initialize["rootUri"]).or_else(|| initialize["rootPath"].as_str().map(PathBuf::from)));
    }
    roots
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_nothing() {
        for raw in [
            json!(null),
            json!({}),
            json!({"capabilities": 7}),
            json!({"capabilities": {"window": null, "general": {"positionEncodings": 3}}}),
        ] {
            assert_eq!(ClientCaps::of(&raw), ClientCaps::default(), "{raw}");
        }
    }

    #[test]
    fn what_lsp_types_would_lose() {
        let raw = json!({
            "processId": 77,
            "clientInfo": {"name": "Neovim", "version": "0.11"},
            "rootUri": "file:///other",
            "workspaceFolders": [{"uri": "file:///a%20b", "name": "a b"}, {"uri": "file:///c", "name": "c"}],
            "capabilities": {
                "experimental": {"interline": {"history": false}},
                "window": {"workDoneProgress": true, "showMessage": {"messageActionItem": {}}, "showDocument": {"support": false}},
                "general": {"positionEncodings": ["utf-16", "utf-8"]},
            },
        });
        let caps = ClientCaps::of(&raw);
        assert!(caps.plugin && !caps.history && caps.neovim && caps.progress && caps.show_message_request && !caps.show_document);
        assert_eq!((caps.encoding, caps.process_id), (Encoding::Utf8, Some(77)));
        assert_eq!(caps.roots, [PathBuf::from("/a b"), PathBuf::from("/c")]);
    }
}
