//! What those who look at the code say of what is changed in it.
//!
//! Must not know who they are.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use workspace::{Applied, Snapshot};

/// Looks at the code.
#[async_trait]
pub trait Diagnostics: Send + Sync {
    /// A document was read, and may be changed next: whoever looks at it may get ready. Returns at once.
    fn looked_at(&self, snapshot: &Snapshot);

    /// Documents were changed: what that broke and mended, in words for the model; empty where nobody looks. Waits no longer than its own budget.
    async fn changed(&self, changes: &[Applied], cancel: &CancellationToken) -> String;
}
