//! What we ask of the editor and tell it: tower-lsp's client with time limits, and what the editor said it can do.
//!
//! Must not know documents, the engine or what a request is for.
//!
//! **Invariant:** a request's waiter lives until its reply comes, whatever becomes of the one who asked: tower-lsp panics on a reply whose waiter is
//! gone. So each request is made by a task of its own, and the time limit runs beside it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lsp_types::notification::{LogMessage, Notification, Progress, PublishDiagnostics, ShowMessage};
use lsp_types::request::{CodeLensRefresh, Request, ShowDocument, ShowMessageRequest, WorkDoneProgressCreate};
use lsp_types::{
    LogMessageParams, MessageActionItem, MessageType, NumberOrString, ProgressParams, ProgressParamsValue, ShowDocumentParams,
    ShowMessageParams, ShowMessageRequestParams, Url, WorkDoneProgress, WorkDoneProgressCreateParams,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tower_lsp::jsonrpc;

pub use caps::ClientCaps;

mod caps;

/// A handle to the editor. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    wire: tower_lsp::Client,
    caps: Arc<OnceLock<ClientCaps>>,
}

/// Why a request to the editor came to nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    /// No reply in time. The editor may still act on it.
    #[error("the editor did not answer {0} in time")]
    TimedOut(&'static str),
    /// It answered with an error.
    #[error("the editor refused {method}: {message} ({code})")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// JSON-RPC's code.
        code: i64,
        /// Its words.
        message: String,
    },
    /// It never announced that it can.
    #[error("the editor cannot do {0}")]
    Unsupported(&'static str),
    /// The connection is being closed.
    #[error("the editor is gone")]
    Gone,
}

/// The reply to `workspace/applyEdit`. That it was applied is not proof: see `EditorWorkspace`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReply {
    /// What the editor says.
    pub applied: bool,
    /// Why not, if it tells.
    #[serde(default)]
    pub failure_reason: Option<String>,
}

struct ApplyEdit;
impl Request for ApplyEdit {
    type Params = Value;
    type Result = ApplyReply;
    const METHOD: &'static str = "workspace/applyEdit";
}

/// `textDocument/publishDiagnostics` of such that are written already.
struct WrittenDiagnostics;
impl Notification for WrittenDiagnostics {
    type Params = WrittenParams;
    const METHOD: &'static str = PublishDiagnostics::METHOD;
}

#[derive(Serialize, Deserialize)]
struct WrittenParams {
    uri: Url,
    diagnostics: Vec<Box<RawValue>>,
}

impl Client {
    /// Around tower-lsp's.
    #[must_use]
    pub fn new(wire: tower_lsp::Client) -> Self {
        Self { wire, caps: Arc::new(OnceLock::new()) }
    }

    /// Keeps what the editor can do, from the raw params of `initialize`. The first call counts.
    pub fn learn(&self, initialize: &Value) -> &ClientCaps {
        self.caps.get_or_init(|| ClientCaps::of(initialize))
    }

    /// What the editor can do; nothing, before `learn`.
    #[must_use]
    pub fn caps(&self) -> &ClientCaps {
        self.caps.get().unwrap_or(&caps::NOTHING)
    }

    /// Any request. Dropping the future does not take the request back.
    ///
    /// # Errors
    /// No reply within `limit`, or an error reply.
    pub async fn request<R>(&self, params: R::Params, limit: Duration) -> Result<R::Result, RequestError>
    where
        R: Request + 'static,
        R::Params: Send + 'static,
        R::Result: Send + 'static,
    {
        let wire = self.wire.clone();
        let waiter = tokio::spawn(async move { wire.send_request::<R>(params).await });
        match tokio::time::timeout(limit, waiter).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(jsonrpc::Error { code, message, .. }))) => {
                Err(RequestError::Refused { method: R::METHOD, code: code.code(), message: message.into_owned() })
            }
            Ok(Err(_)) => Err(RequestError::Gone),
            Err(_) => Err(RequestError::TimedOut(R::METHOD)),
        }
    }

    /// Any notification. In order among those of one task that awaits each.
    pub async fn notify<N: Notification>(&self, params: N::Params) {
        self.wire.send_notification::<N>(params).await;
    }

    /// `workspace/applyEdit` with a WorkspaceEdit as it stands (so that nothing is lost in a type).
    ///
    /// # Errors
    /// As `request`; after `TimedOut` the edit may still come.
    pub async fn apply_edit(&self, edit: Value, label: Option<&str>, limit: Duration) -> Result<ApplyReply, RequestError> {
        let mut params = serde_json::json!({ "edit": edit });
        // Neovim shows the label as if it were a message.
        if let (Some(label), false) = (label, self.caps().neovim) {
            params["label"] = label.into();
        }
        self.request::<ApplyEdit>(params, limit).await
    }

    /// Shows a document. False if the editor cannot, did not, or took more than 5 s.
    pub async fn show_document(&self, uri: Url, selection: Option<lsp_types::Range>, take_focus: bool) -> bool {
        if !self.caps().show_document {
            return false;
        }
        let params = ShowDocumentParams { uri, external: None, take_focus: Some(take_focus), selection };
        self.request::<ShowDocument>(params, Duration::from_secs(5)).await.is_ok_and(|r| r.success)
    }

    /// Makes a progress token; to be awaited before the first `progress` with it. One that the editor is slow to confirm counts as made after `limit`.
    ///
    /// # Errors
    /// The editor does not show progress, or refused.
    pub async fn create_progress(&self, token: &str, limit: Duration) -> Result<(), RequestError> {
        if !self.caps().progress {
            return Err(RequestError::Unsupported(WorkDoneProgressCreate::METHOD));
        }
        let params = WorkDoneProgressCreateParams { token: NumberOrString::String(token.to_owned()) };
        match self.request::<WorkDoneProgressCreate>(params, limit).await {
            Err(RequestError::TimedOut(_)) => Ok(()),
            other => other,
        }
    }

    /// `$/progress` of a made token.
    pub async fn progress(&self, token: &str, value: WorkDoneProgress) {
        let token = NumberOrString::String(token.to_owned());
        self.notify::<Progress>(ProgressParams { token, value: ProgressParamsValue::WorkDone(value) }).await;
    }

    /// All our diagnostics of a document, each as it is written, for whichever version the editor has.
    pub async fn publish_diagnostics(&self, uri: Url, diagnostics: Vec<Box<RawValue>>) {
        self.notify::<WrittenDiagnostics>(WrittenParams { uri, diagnostics }).await;
    }

    /// What code lenses show has changed. Nothing is waited for.
    pub fn refresh_code_lenses(&self) {
        if self.caps().code_lens_refresh {
            let client = self.clone();
            tokio::spawn(async move {
                if let Err(error) = client.request::<CodeLensRefresh>((), Duration::from_secs(5)).await {
                    tracing::info!("the code lenses were not refreshed: {error}");
                }
            });
        }
    }

    /// A message that the user sees. Helix shows one line and drops line breaks.
    pub async fn show_message(&self, typ: MessageType, message: impl Into<String>) {
        self.notify::<ShowMessage>(ShowMessageParams { typ, message: message.into() }).await;
    }

    /// Words for the editor's log.
    pub async fn log_message(&self, typ: MessageType, message: impl Into<String>) {
        self.notify::<LogMessage>(LogMessageParams { typ, message: message.into() }).await;
    }

    /// A question with buttons. `None`: dismissed, maybe by typing on, which is no answer. It may stay open for hours.
    ///
    /// # Errors
    /// The editor has no such questions, or no answer came within `limit`.
    pub async fn ask(&self, typ: MessageType, message: String, buttons: &[&str], limit: Duration) -> Result<Option<String>, RequestError> {
        if !self.caps().show_message_request {
            return Err(RequestError::Unsupported(ShowMessageRequest::METHOD));
        }
        let actions = buttons.iter().map(|b| MessageActionItem { title: (*b).to_owned(), properties: Default::default() }).collect();
        let params = ShowMessageRequestParams { typ, message, actions: Some(actions) };
        Ok(self.request::<ShowMessageRequest>(params, limit).await?.map(|item| item.title))
    }
}

/// Our own requests and notifications, for editors with our plugin only (`ClientCaps::plugin`).
pub mod plugin {
    use super::{Client, Duration, Notification, Request, RequestError, Value};

    /// Which of the plugin's requests.
    macro_rules! request {
        ($name:ident, $method:literal, $doc:literal) => {
            #[doc = $doc]
            pub struct $name;
            impl Request for $name {
                type Params = Value;
                type Result = Value;
                const METHOD: &'static str = $method;
            }
        };
    }
    request!(Permission, "interline/permission", "`{id, session, tool, title, patterns, always, diff?}` → `{reply, message?}`.");
    request!(Question, "interline/question", "`{id, session, questions}` → `{answers}`: for each question the labels; none at all refuse.");
    request!(Save, "interline/save", "`{uris}`: save these documents now.");

    /// `{seq, event: {type, properties}}`.
    pub struct Event;
    impl Notification for Event {
        type Params = Value;
        const METHOD: &'static str = "interline/event";
    }

    /// `{uri, before, after}`: a file that is not open was written, and had and has this text.
    pub struct Written;
    impl Notification for Written {
        type Params = Value;
        const METHOD: &'static str = "interline/written";
    }

    impl Client {
        /// A request to the plugin.
        ///
        /// # Errors
        /// There is no plugin; or as `Client::request`.
        pub async fn plugin<R>(&self, params: Value, limit: Duration) -> Result<Value, RequestError>
        where
            R: Request<Params = Value, Result = Value> + 'static,
        {
            if !self.caps().plugin {
                return Err(RequestError::Unsupported(R::METHOD));
            }
            self.request::<R>(params, limit).await
        }

        /// An event for the plugin; nothing is sent to others.
        pub async fn event(&self, params: Value) {
            if self.caps().plugin {
                self.notify::<Event>(params).await;
            }
        }
    }
}
