//! What a server says by itself, and what it is answered.
//!
//! **Invariant:** whatever it asks is answered at once; it is never told that something was done which was not.

use serde_json::{Value, json};
use tokio::time::Instant;
use workspace::DocKey;

use super::Said;
use crate::connection::{Handler, Reply};
use crate::shared::SAME_TEXT;
use crate::{diagnostic, settings};

impl Handler for Said {
    fn notification(&self, method: &str, params: Value) {
        match method {
            "textDocument/publishDiagnostics" => self.published(&params),
            // Servers report progress by the hundred; only a beginning or an end changes what is known.
            "$/progress" => match params["value"]["kind"].as_str() {
                Some(kind @ ("begin" | "end")) => self.progress(&params, kind == "begin"),
                _ => return,
            },
            SAME_TEXT => self.same_text(&params),
            "experimental/serverStatus" => match params["quiescent"].as_bool() {
                Some(quiescent) => self.ledger().quiescent(quiescent),
                None => return,
            },
            "window/logMessage" | "window/showMessage" => {
                tracing::debug!(server = %self.setup.id, message = params["message"].as_str().unwrap_or_default(), "a language server says");
                return;
            }
            _ => return,
        }
        self.tell();
    }

    fn request(&self, method: &str, params: Value, reply: Reply) {
        match method {
            "workspace/configuration" => reply.ok(settings::answer(&params, &self.setup.settings, &self.setup.section)),
            "workspace/workspaceFolders" => {
                let name = self.setup.root.file_name().unwrap_or_default().to_string_lossy();
                reply.ok(json!([{ "uri": DocKey::file(&self.setup.root).to_uri(), "name": name }]));
            }
            "client/registerCapability" | "client/unregisterCapability" => {
                let mut wishes = self.wishes();
                if method == "client/registerCapability" {
                    wishes.register(&params, &self.setup.root);
                } else {
                    wishes.unregister(&params);
                }
                self.ledger().pulls(wishes.pull_kind());
                drop(wishes);
                reply.ok(Value::Null);
                self.tell();
            }
            "workspace/diagnostic/refresh" => {
                self.ledger().refresh();
                reply.ok(Value::Null);
                self.tell();
            }
            "window/workDoneProgress/create" | "window/showMessageRequest" => reply.ok(Value::Null),
            "workspace/applyEdit" => self.edit_is_wanted(params, reply),
            _ => reply.unknown(),
        }
    }

    fn stopped(&self, why: &str) {
        self.ledger().stopped(why);
        self.tell();
    }
}

impl Said {
    fn published(&self, params: &Value) {
        let Some(uri) = params["uri"].as_str() else { return };
        let key = DocKey::from_uri(uri);
        let version = params["version"].as_i64().and_then(|version| i32::try_from(version).ok());
        let encoding = self.wishes().encoding;
        let mut ledger = self.ledger();
        if ledger.given(&key).is_some() {
            self.published_of().insert(key.clone(), params["diagnostics"].clone());
        }
        let text = ledger.given(&key).filter(|(given, _)| version.is_none_or(|version| version == *given)).map(|(_, text)| text.clone());
        let items = diagnostic::read_all(&params["diagnostics"], text.as_ref(), encoding);
        ledger.published(&key, version, items, Instant::now());
    }

    /// The proxy of a shared server: whether the server has the text that we have given.
    fn same_text(&self, params: &Value) {
        let (Some(uri), Some(version), Some(same)) = (params["uri"].as_str(), params["version"].as_i64(), params["same"].as_bool()) else {
            return;
        };
        if let Ok(version) = i32::try_from(version) {
            self.ledger().has_same_text(&DocKey::from_uri(uri), version, same, Instant::now());
        }
    }

    fn progress(&self, params: &Value, begins: bool) {
        let token = match &params["token"] {
            Value::String(token) => token.clone(),
            Value::Number(token) => token.to_string(),
            _ => return,
        };
        if begins {
            self.ledger().began(&token, &diagnostic::cut(params["value"]["title"].as_str().unwrap_or_default()));
        } else {
            self.ledger().ended(&token, Instant::now());
        }
    }
}
