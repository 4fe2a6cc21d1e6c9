//! Sibling language servers: starting them, giving them the text that the user sees, and knowing what they say about it.
//!
//! Owns the protocol's client side, the table of servers, the pool of running ones, how fresh diagnostics are, and what changed between two moments; and, for
//! the face too, the protocol's framing and positions. Must not know the engine, tools, editors' faces or models.
//!
//! **Invariant:** a diagnostic is called fresh only by proof; silence is never called clean. Nothing is started before a document needs it, nothing is ever downloaded,
//! and every process that is started ends with the pool.

mod client;
pub mod codec;
mod connection;
mod delta;
mod diagnostic;
mod editor;
mod freshness;
mod history;
mod pool;
pub mod positions;
mod process;
pub mod render;
pub mod semantic;
mod servers;
mod settings;
pub mod shared;
mod watched;
mod wire;
mod wishes;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

pub use client::{Disk, Document, Wanted};
pub use connection::RequestError;
pub use delta::{Delta, Moment};
pub use diagnostic::{Diagnostic, Point, Related, Severity};
pub use editor::{EditorSays, Settled, Shown};
pub use freshness::{Pending, Proof, Report, State};
pub use pool::{Known, KnownFile, Limits, Pool, Sibling, Siblings, Status, Trial, Tried};
pub use process::Program;
pub use servers::{Server, Servers, Unusable};
pub use watched::FileChange;
pub use wire::RpcError;

/// What a server is told about itself when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Its id, such as `rust`.
    pub(crate) id: Arc<str>,
    /// The project's folder, as the server sees it.
    pub(crate) root: PathBuf,
    /// `initializationOptions`.
    pub(crate) options: Value,
    /// What it is answered when it asks for its configuration.
    pub(crate) settings: Value,
    /// The section of the settings that is its own, such as `rust-analyzer`.
    pub(crate) section: Arc<str>,
    /// Part of the progress token of a check that it runs after saves.
    pub(crate) check: Option<&'static str>,
}

impl Setup {
    /// The check that it runs after saves, unless its user switched that off.
    fn check(&self) -> Option<&'static str> {
        self.check.filter(|_| self.options["checkOnSave"] != false)
    }
}
