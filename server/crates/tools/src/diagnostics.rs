//! What those who look at the code say of what is changed in it.
//!
//! Must not know who they are.

use async_trait::async_trait;
use ropey::Rope;
use tokio_util::sync::CancellationToken;
use workspace::{Applied, DocKey, Edits, Snapshot};

/// What is about to become of a document.
#[derive(Clone, Copy, Debug)]
pub struct Proposed<'a> {
    /// Which document.
    pub key: &'a DocKey,
    /// What it holds; none where it is not there yet.
    pub before: Option<&'a Snapshot>,
    /// What it is to hold.
    pub after: &'a Rope,
    /// What makes the one of the other.
    pub edits: Option<&'a Edits>,
}

/// Looks at the code.
#[async_trait]
pub trait Diagnostics: Send + Sync {
    /// A document was read, and may be changed next: whoever looks at it may get ready. Returns at once.
    fn looked_at(&self, snapshot: &Snapshot);

    /// Documents are about to be changed. Why that should be thought over once more, in words for the model; none where nothing is known against it, and for a change that was
    /// thought over. Waits no longer than its own budget.
    async fn preflight(&self, changes: &[Proposed<'_>], cancel: &CancellationToken) -> Option<String>;

    /// Documents were changed: what that broke and mended, in words for the model; empty where nobody looks. Waits no longer than its own budget.
    async fn changed(&self, changes: &[Applied], cancel: &CancellationToken) -> String;
}
