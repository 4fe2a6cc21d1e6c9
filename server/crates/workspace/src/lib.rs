//! The project's text as the *user* sees it: open buffers over the disk, and how it is changed without losing a keystroke.
//!
//! Owns text edits (values with the length they expect), their rebase over concurrent ones, edit matching, patches, the disk, the journal of
//! what was flushed for the shell, and undo. Must not know the protocol that an editor speaks, nor models, tools or permissions.
//!
//! **Invariant:** an edit is applied to exactly the text that it was made against, or is rebased over what came between, or is refused with what
//! stands in its way. Text that the user wrote is never overwritten and never deleted from every place at once.

mod change;
pub mod disk;
pub mod flush;
mod key;
pub mod shell_changes;
mod snapshot;
mod traits;

pub use change::{Applied, ApplyError, Change, ChangeKind, Content, Data, Route, TextEdit};
pub use key::DocKey;
pub use snapshot::{Origin, Snapshot, Stamp, hash_rope};
pub use traits::{Place, ReadError, ShellRun, Workspace};
