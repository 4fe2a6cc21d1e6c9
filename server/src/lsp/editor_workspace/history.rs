//! The undo history that an editor keeps of a file that is not open: it counts only for the text that the editor wrote, so a plugin is told of ours.
//!
//! Must not know how the plugin continues it.
//!
//! **Invariant:** a file is told of after it was written, in the order of the writes; nothing is waited for but the wire.

use serde_json::json;
use workspace::{Applied, Content, Route};

use crate::lsp::client::{Client, plugin};

/// The longest text of a file that is told, in bytes.
const LONGEST: usize = 1 << 20;

/// Tells of texts that were replaced on the disk. What was made or deleted has no history that could go on.
pub(super) async fn tell(client: &Client, changes: &[Applied]) {
    if !client.caps().history {
        return;
    }
    let text =
        |content: &Option<Content>| content.as_ref().and_then(Content::as_text).filter(|text| text.len() <= LONGEST).map(str::to_owned);
    for change in changes.iter().filter(|change| change.route == Route::Disk) {
        if let Some((before, after)) = text(&change.before).zip(text(&change.after)) {
            client.notify::<plugin::Written>(json!({ "uri": change.key.to_uri(), "before": before, "after": after })).await;
        }
    }
}
