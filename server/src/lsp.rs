//! The language server: an editor starts Interline and talks LSP over stdin and stdout.
//!
//! **Invariant:** translates; decides nothing.

mod actions;
mod backend;
mod board;
pub mod chat;
pub mod client;
mod commands;
mod comments;
mod completion;
mod countdown;
pub mod documents;
pub mod editor_workspace;
mod face;
mod folders;
mod hunks;
mod lenses;
mod marks;
mod progress;
mod pump;
pub mod serve;
pub mod slash;

use config::Env;
pub use lsp_client::{codec, positions};
use tower_lsp::LspService;

use backend::Backend;
use client::Client;
use documents::Documents;
use face::Face;
use serve::{Ending, RawInitialize};

/// Serves the editor until it is gone.
pub async fn run(env: Env) -> Ending {
    let documents = Documents::start();
    let raw = RawInitialize::default();
    let mut face = None;
    let (service, socket) = LspService::build(|wire| {
        let made = Face::new(Client::new(wire), documents.clone(), env);
        face = Some(made.clone());
        Backend::new(made, raw.clone())
    })
    .custom_method("window/workDoneProgress/cancel", Backend::cancel_progress)
    .custom_method("interline/diagnostics", Backend::diagnostics)
    .custom_method("interline/focus", Backend::focus)
    .finish();
    let stop = async move {
        if let Some(face) = face {
            face.stop().await;
        }
    };
    serve::serve_stdio(service, socket, raw, stop).await
}
