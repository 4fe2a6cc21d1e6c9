//! What the project's language servers know of the code, and can do to it, as the tools ask for it.
//!
//! Must not know how a server is found or spoken to.
//!
//! **Invariant:** a server changes nothing itself: what it wants to change is handed to [`Carry`], which asks first.

mod carry;
mod show;
mod spot;

use std::ops::Range;

use async_trait::async_trait;
use ropey::Rope;
use tokio_util::sync::CancellationToken;
use workspace::{DocKey, Edits, Snapshot};

use crate::ToolError;

pub(crate) use carry::Hands;
pub(crate) use show::{allowed, named_symbols, places};
pub(crate) use spot::{document, lines, parameters, spot, title};

/// What is asked about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Where it is defined.
    Definition,
    /// Where it is implemented.
    Implementation,
    /// All its uses, and where it is declared.
    References,
    /// Who calls it.
    Callers,
    /// What it calls.
    Callees,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub struct Span {
    /// The document as it is now.
    pub document: Snapshot,
    /// Bytes of its text.
    pub range: Range<usize>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// In the servers' order.
    pub items: Vec<T>,
    /// Why that may not be all.
    pub note: Option<String>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { items: Vec::new(), note: None }
    }
}

/// A place in a document, counted from zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Which document.
    pub key: DocKey,
    /// Its line.
    pub line: usize,
    /// Characters before it in the line.
    pub column: usize,
    /// The line's text, if it was looked at.
    pub text: Option<String>,
    /// What is there, where the server names it.
    pub name: Option<String>,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Such as `function`.
    pub kind: &'static str,
    /// What it is in.
    pub container: Option<String>,
    /// In how many others of the list it is.
    pub depth: usize,
    /// Its document.
    pub key: DocKey,
    /// Its line, counted from zero, where that is known.
    pub line: Option<usize>,
}

/// Something that a server offers to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeAction {
    /// In its words.
    pub title: String,
    /// Such as `quickfix`.
    pub kind: String,
    /// Why it cannot be done now.
    pub disabled: Option<String>,
    /// The one that mends what is wrong there.
    pub preferred: bool,
}

/// What is to become of one document.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which, by the name that [`Carry::admit`] gave it.
    pub key: DocKey,
    /// What it holds; none if it does not exist.
    pub before: Option<Snapshot>,
    /// What it is to hold; none if it is to be deleted.
    pub after: Option<Rope>,
    /// What makes the one of the other, where that is known.
    pub edits: Option<Edits>,
    /// A new file's origin: the file that it was until now.
    pub moved: Option<Snapshot>,
}

/// Carries out what a server wants to change.
#[async_trait]
pub trait Carry: Send + Sync {
    /// Asks before documents outside of the project are touched. Returns the names under which they are known here, in the same order.
    ///
    /// # Errors
    /// It is not allowed.
    async fn admit(&self, keys: &[DocKey]) -> Result<Vec<DocKey>, ToolError>;

    /// Asks before a server runs a command that may do more than hand edits back.
    ///
    /// # Errors
    /// It is not allowed.
    async fn may_run(&self, command: &str) -> Result<(), ToolError>;

    /// Shows all of it, asks, and makes all of it or nothing.
    ///
    /// # Errors
    /// It is not allowed, or cannot be done.
    async fn carry_out(&self, outcomes: Vec<Outcome>) -> Result<(), ToolError>;
}

/// Chooses one of the actions that are offered.
pub type Choose<'a> = dyn Fn(&[CodeAction]) -> Result<usize, ToolError> + Send + Sync + 'a;

/// The project's language servers. The texts of all errors are for the model, and say what to do.
#[async_trait]
pub trait LanguageServers: Send + Sync {
    /// Places that have to do with a name.
    async fn places(&self, lookup: Lookup, at: &Span, cancel: &CancellationToken) -> Result<Found<Location>, ToolError>;

    /// What is said of a name; none if that is nothing.
    async fn hover(&self, at: &Span, cancel: &CancellationToken) -> Result<Option<String>, ToolError>;

    /// The symbols of a document.
    async fn outline(&self, document: &Snapshot, cancel: &CancellationToken) -> Result<Found<Symbol>, ToolError>;

    /// Symbols of the project by a part of their name. `near` says in which language, if that is known.
    async fn search(&self, name: &str, near: Option<&Snapshot>, cancel: &CancellationToken) -> Result<Found<Symbol>, ToolError>;

    /// Gives a name another one, wherever it is used.
    async fn rename(&self, at: &Span, name: &str, carry: &dyn Carry, cancel: &CancellationToken) -> Result<(), ToolError>;

    /// What is offered for a part of a document.
    async fn actions(&self, at: &Span, cancel: &CancellationToken) -> Result<Vec<CodeAction>, ToolError>;

    /// Does one of these things. Returns which.
    async fn act(&self, at: &Span, choose: &Choose<'_>, carry: &dyn Carry, cancel: &CancellationToken) -> Result<CodeAction, ToolError>;

    /// What is said of these documents, and how fresh that is; without one, what the turn's changes broke and mended.
    async fn diagnostics(&self, documents: &[Snapshot], cancel: &CancellationToken) -> Result<String, ToolError>;
}

#[cfg(test)]
mod tests;
