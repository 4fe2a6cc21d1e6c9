//! What the fake editor makes of the server's messages.
//!
//! **Invariant:** every request of the server's is answered, as the editor of the mode would.

use std::time::Duration;

use serde_json::{Value, json};

use super::{FakeEditor, Mode, change, lock, text};

impl FakeEditor {
    pub(super) fn take(&self, message: &Value) {
        if message["jsonrpc"] != "2.0" {
            self.complain(format!("no jsonrpc 2.0: {message}"));
        }
        let (id, params) = (&message["id"], &message["params"]);
        let Some(method) = message["method"].as_str() else { return self.reply(message) };
        if !self.state().initialized && !method.starts_with("window/") {
            self.complain(format!("{method} before the reply to initialize"));
        }
        if id.is_null() {
            return self.notified(method, params);
        }
        let result = match method {
            "workspace/applyEdit" => Some(self.apply(params)),
            "window/workDoneProgress/create" => {
                let token = params["token"].as_str().unwrap_or_default().to_owned();
                self.state().tokens.insert(token);
                Some(Value::Null)
            }
            "window/showDocument" => {
                let uri = params["uri"].as_str().unwrap_or_default();
                if let Some(path) = uri.strip_prefix(&format!("{}/", self.uri("")))
                    && !self.is_open(path)
                    && !self.state().slow_to_show
                {
                    self.open(path, None);
                }
                Some(json!({ "success": true }))
            }
            "client/registerCapability" | "client/unregisterCapability" => Some(Value::Null),
            "interline/save" if self.mode == Mode::Plugin => {
                for uri in params["uris"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if let Some(path) = uri.strip_prefix(&format!("{}/", self.uri(""))) {
                        self.save(path);
                    }
                }
                Some(Value::Null)
            }
            _ => None,
        };
        self.answer(id, result, method);
    }

    fn answer(&self, id: &Value, result: Option<Value>, method: &str) {
        match result {
            Some(result) => self.write(json!({ "id": id, "result": result })),
            None => {
                if method.starts_with("interline/") && self.mode != Mode::Plugin {
                    self.complain(format!("{method} to an editor without our plugin"));
                }
                self.write(json!({ "id": id, "error": { "code": -32601, "message": format!("Method not found: {method}") } }));
            }
        }
        if !self.state().held.is_empty() {
            let later = self.part();
            std::thread::spawn(move || {
                // The gap between the reply and the didChange is what VS Code does.
                std::thread::sleep(Duration::from_millis(30));
                later.flush();
            });
        }
    }

    fn reply(&self, message: &Value) {
        let mut state = self.state();
        state.initialized |= message["result"]["capabilities"].is_object();
        match message["id"].as_i64() {
            Some(id) if state.waiting.remove(&id) => drop(state.replies.insert(id, message.clone())),
            None if message["id"].is_null() => state.events.push(message.clone()),
            _ => state.violations.push(format!("a reply to a request that was never made: {message}")),
        }
    }

    fn notified(&self, method: &str, params: &Value) {
        let mut state = self.state();
        match method {
            "textDocument/publishDiagnostics" => {
                let uri = params["uri"].as_str().unwrap_or_default().to_owned();
                state.diagnostics.insert(uri, params["diagnostics"].clone());
            }
            "$/progress" => {
                let (token, kind) =
                    (params["token"].as_str().unwrap_or_default().to_owned(), params["value"]["kind"].as_str().unwrap_or_default());
                let fits = match kind {
                    "begin" => state.tokens.contains(&token) && state.running.insert(token.clone()),
                    "end" => state.running.remove(&token),
                    _ => state.running.contains(&token),
                };
                state.begun += usize::from(kind == "begin");
                if !fits {
                    state.violations.push(format!("progress {kind} out of place: {params}"));
                }
            }
            "window/showMessage" => state.messages.push(params["message"].as_str().unwrap_or_default().to_owned()),
            "window/logMessage" => {}
            "interline/event" if self.mode == Mode::Plugin => state.events.push(params.clone()),
            _ => state.violations.push(format!("an unknown notification: {method}")),
        }
    }

    fn apply(&self, params: &Value) -> Value {
        // Taken out while it runs, so that it may use the editor.
        let hook = lock(&self.shared.on_apply).take();
        if let Some(mut hook) = hook {
            hook(self);
            lock(&self.shared.on_apply).get_or_insert(hook);
        }
        let outcome = self.apply_all(&params["edit"]);
        let result = match &outcome {
            Ok(()) => json!({ "applied": true }),
            // VS Code gives no reason.
            Err(_) if self.mode == Mode::Late => json!({ "applied": false }),
            Err(why) => json!({ "applied": false, "failureReason": why, "failedChange": 0 }),
        };
        self.state().applied.push((params.clone(), outcome.is_ok()));
        result
    }

    fn apply_all(&self, edit: &Value) -> Result<(), String> {
        let changes = edit["documentChanges"].as_array().ok_or("no documentChanges")?;
        for change in changes {
            match change["kind"].as_str() {
                Some(kind) => self.resource(kind, change)?,
                None => self.apply_one(change)?,
            }
        }
        Ok(())
    }

    fn apply_one(&self, edit: &Value) -> Result<(), String> {
        let uri = edit["textDocument"]["uri"].as_str().ok_or("no uri")?;
        let version = edit["textDocument"]["version"].as_i64();
        if !self.state().docs.contains_key(uri) {
            self.open_as(uri.strip_prefix(&format!("{}/", self.uri(""))).unwrap_or(uri), None, true);
        } else if version.is_none() {
            self.complain(format!("an edit of an open document without a version: {edit}"));
        }
        let mut state = self.state();
        let encoding = state.encoding.clone();
        let doc = &state.docs[uri];
        if version.is_some_and(|v| if self.mode == Mode::Lenient { v < doc.version } else { v != doc.version }) {
            return if self.mode == Mode::Lenient { Ok(()) } else { Err("document has changed".into()) };
        }
        match text::spans(&doc.text, &edit["edits"], &encoding) {
            Err(why) => state.violations.push(why),
            Ok(spans) => {
                let message = change(&mut state, uri, &spans, true);
                if self.mode == Mode::Late {
                    state.held.push(message);
                } else {
                    self.write(message);
                }
            }
        }
        Ok(())
    }

    fn resource(&self, kind: &str, change: &Value) -> Result<(), String> {
        let path = change["uri"].as_str().and_then(|uri| uri.strip_prefix("file://")).ok_or("no file")?;
        let done = match kind {
            "create" => std::fs::File::create_new(path).map(drop),
            "delete" => std::fs::remove_file(path),
            _ => return Err(format!("cannot {kind}")),
        };
        done.map_err(|error| error.to_string())
    }
}
