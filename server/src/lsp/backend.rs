//! tower-lsp's trait: which message goes where.
//!
//! Owns the announced capabilities. Must not wait: a notification is one push, a request awaits only its own answer.
//!
//! **Invariant:** commands are carried out one after the other, in the order in which they came.

use lsp_client::FileChange;
use lsp_types::{
    CodeActionOptions, CodeActionParams, CodeActionProviderCapability, CodeActionResponse, CodeLens, CodeLensOptions, CodeLensParams,
    CompletionOptions, CompletionParams, CompletionResponse, DidChangeTextDocumentParams, DidChangeWatchedFilesParams,
    DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams,
    ExecuteCommandOptions, ExecuteCommandParams, FileChangeType, FileEvent, InitializeParams, InitializeResult, InitializedParams, OneOf,
    SaveOptions, ServerCapabilities, ServerInfo, TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions,
    TextDocumentSyncSaveOptions, WorkDoneProgressOptions, WorkspaceFolder, WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};
use serde_json::Value;
use tokio::sync::Mutex;
use tower_lsp::LanguageServer;
use tower_lsp::jsonrpc::Result;
use workspace::DocKey;

use crate::lsp::commands::{self, COMMANDS};
use crate::lsp::face::Face;
use crate::lsp::serve::RawInitialize;
use crate::lsp::{actions, completion, lenses};

/// The service's backend.
pub struct Backend {
    face: Face,
    raw: RawInitialize,
    /// Fair: the first to wait is the first to go on.
    commands: Mutex<()>,
}

impl Backend {
    /// A backend of that face.
    #[must_use]
    pub fn new(face: Face, raw: RawInitialize) -> Self {
        Self { face, raw, commands: Mutex::new(()) }
    }

    /// `window/workDoneProgress/cancel`: the user cancels in the editor's own way.
    pub async fn cancel_progress(&self, params: Value) {
        let Some(started) = self.face.if_started() else { return };
        // A turn that is over, or never was: another one that runs now is not meant.
        let session = params["token"].as_str().and_then(|token| started.progress.session(token));
        if !session.is_some_and(|session| started.engine.cancel(Some(&session))) {
            tracing::info!(token = %params["token"], "a progress was cancelled that no turn has");
        }
    }

    /// `interline/diagnostics`: our plugin tells all that the editor shows of a version of a document.
    pub async fn diagnostics(&self, params: Value) {
        let version = params["version"].as_i64().and_then(|version| i32::try_from(version).ok());
        match (params["uri"].as_str(), version) {
            (Some(uri), Some(version)) => {
                self.face.editor().pushed(&DocKey::from_uri(uri), version, &params["items"], self.face.client().caps().encoding);
            }
            // What is not said of a version counts for none.
            _ => tracing::debug!("diagnostics without a document or its version"),
        }
    }

    /// `interline/focus`: our plugin tells where the user is.
    pub async fn focus(&self, params: Value) {
        let range = serde_json::from_value(params["range"].clone()).unwrap_or_default();
        self.face.set_focus(params["uri"].as_str().map(|uri| (DocKey::from_uri(uri), range)));
    }
}

#[tower_lsp::async_trait]
impl LanguageServer for Backend {
    async fn initialize(&self, _: InitializeParams) -> Result<InitializeResult> {
        let caps = self.face.client().learn(&self.raw.get());
        self.face.documents().set_editor(caps.encoding, caps.helix);
        if caps.plugin {
            self.face.editor().will_push();
        }
        Ok(InitializeResult {
            server_info: Some(ServerInfo { name: "interline".into(), version: Some(env!("CARGO_PKG_VERSION").into()) }),
            capabilities: ServerCapabilities {
                position_encoding: Some(caps.encoding.name().to_owned().into()),
                text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                    open_close: Some(true),
                    change: Some(TextDocumentSyncKind::INCREMENTAL),
                    save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
                    ..TextDocumentSyncOptions::default()
                })),
                execute_command_provider: Some(ExecuteCommandOptions {
                    commands: COMMANDS.iter().map(|c| (*c).to_owned()).collect(),
                    work_done_progress_options: WorkDoneProgressOptions::default(),
                }),
                code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                    resolve_provider: Some(false),
                    ..CodeActionOptions::default()
                })),
                code_lens_provider: caps.code_lens.then_some(CodeLensOptions { resolve_provider: Some(false) }),
                completion_provider: Some(CompletionOptions {
                    trigger_characters: Some(vec!["/".into(), "@".into()]),
                    ..CompletionOptions::default()
                }),
                workspace: Some(WorkspaceServerCapabilities {
                    workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                        supported: Some(true),
                        change_notifications: Some(OneOf::Left(true)),
                    }),
                    file_operations: None,
                }),
                ..ServerCapabilities::default()
            },
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        let face = self.face.clone();
        face.resume_review();
        tokio::spawn(async move { face.recover().await });
    }

    async fn shutdown(&self) -> Result<()> {
        // Before the reply: an editor may kill its server right after `exit`.
        if let Some(started) = self.face.if_started() {
            started.engine.shutdown().await;
        }
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        self.face.documents().did_open(params);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.face.documents().did_change(params);
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.face.editor().closed(&DocKey::from_uri(params.text_document.uri.as_str()));
        self.face.documents().did_close(params);
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        if let (Some(started), Some(path)) = (self.face.if_started(), DocKey::from_uri(params.text_document.uri.as_str()).path()) {
            started.engine.saved(path);
        }
        self.face.documents().did_save(params);
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        let Some(started) = self.face.if_started() else { return };
        let change = |event: FileEvent| {
            let change = match event.typ {
                FileChangeType::CREATED => FileChange::Created,
                FileChangeType::DELETED => FileChange::Deleted,
                _ => FileChange::Changed,
            };
            Some((DocKey::from_uri(event.uri.as_str()).path()?.to_owned(), change))
        };
        started.engine.disk_changed(&params.changes.into_iter().filter_map(change).collect::<Vec<_>>());
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        let paths = |folders: Vec<WorkspaceFolder>| {
            folders.iter().filter_map(|folder| Some(DocKey::from_uri(folder.uri.as_str()).path()?.to_owned())).collect::<Vec<_>>()
        };
        self.face.change_folders(paths(params.event.added), &paths(params.event.removed));
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        Ok(Some(actions::list(&self.face, params).await))
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        Ok(Some(lenses::list(&self.face, params).await))
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let items = completion::list(&self.face, params).await;
        Ok((!items.is_empty()).then_some(CompletionResponse::Array(items)))
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        let _in_order = self.commands.lock().await;
        commands::execute(&self.face, &params.command, params.arguments).await
    }
}
