//! The project's text as the *user* sees it: open buffers over the disk, and how it is changed without losing a keystroke.
//!
//! Owns text edits (values with the length they expect), their rebase over concurrent ones, edit matching, patches, the disk, the journal of
//! what was flushed for the shell, and undo. Must not know the protocol that an editor speaks, nor models, tools or permissions.
//!
//! **Invariant:** an edit is applied to exactly the text that it was made against, or is rebased over what came between, or is refused with what
//! stands in its way. Text that the user wrote is never overwritten and never deleted from every place at once.

pub mod apply;
mod change;
pub mod diff;
pub mod disk;
mod disk_workspace;
pub mod edits;
pub mod flush;
pub mod hunks;
mod intent;
mod key;
pub mod matching;
mod mem_workspace;
pub mod patch;
pub mod shell_changes;
mod snapshot;
mod touching;
mod traits;
mod undo;

pub use change::{Applied, ApplyError, Change, ChangeKind, Content, Data, Route, TextEdit};
pub use diff::{Conflict, Merge, diff, diff_str, merge3, unified};
pub use disk_workspace::{DiskWorkspace, apply_to_disk, read_from_disk};
pub use edits::{Assoc, Edits, EditsError, Rebased, rebase, rebase_split};
pub use flush::{Dirty, FlushChange, FlushError, Flushed, Journal, Recovered, ensure_interline_dir, recover};
pub use hunks::{Hunk, Hunks, Rejection};
pub use intent::{Fate, Foretold, fate};
pub use key::DocKey;
pub use matching::MatchError;
pub use mem_workspace::MemWorkspace;
pub use shell_changes::{ShellChanges, ShellFolders, snapshot_folder};
pub use snapshot::{Origin, Snapshot, Stamp, hash_rope};
pub use touching::only_touching;
pub use traits::{Place, ReadError, ShellRun, Workspace};
pub use undo::{CurrentState, Kept, UndoPlan, current_state, plan_redo, plan_undo};
