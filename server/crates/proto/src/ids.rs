//! Identifiers, as OpenCode writes them: a prefix and a time-ordered suffix.
//!
//! **Invariant:** within one process two ids are never equal, and ids of one kind sort by their time of making:
//! ascending, but for sessions, of which the newest sorts first (OpenCode's order).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time-ordered number: milliseconds since 1970 in the upper bits, a counter in the lower twelve.
fn tick() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(0));
    let now = millis << 12;
    let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)));
    now.max(last.unwrap_or_default() + 1)
}

/// Fourteen characters that differ between processes: the end of a UUID.
fn random() -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    id[id.len() - 14..].to_owned()
}

fn ascending(prefix: &str) -> String {
    format!("{prefix}_{:014x}{}", tick(), random())
}

fn descending(prefix: &str) -> String {
    format!("{prefix}_{:014x}{}", (1_u64 << 56) - 1 - tick(), random())
}

macro_rules! id {
    ($name:ident, $prefix:literal, $order:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// A new one.
            #[must_use]
            pub fn new() -> Self {
                Self($order($prefix))
            }

            /// Its text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

id!(SessionId, "ses", descending, "A session: one conversation, kept over restarts.");
id!(MessageId, "msg", ascending, "A message of a session.");
id!(PartId, "prt", ascending, "A part of a message.");
id!(PermissionId, "per", ascending, "A waiting permission prompt.");
id!(QuestionId, "que", ascending, "A waiting question.");

/// A turn is named by the user message that began it.
pub type TurnId = MessageId;

/// The model's own name for a tool call. Unique within one answer only: providers repeat them.
pub type CallId = String;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let messages: Vec<_> = (0..2000).map(|_| MessageId::new()).collect();
        assert!(messages.windows(2).all(|w| w[0] < w[1]));
        let sessions: Vec<_> = (0..2000).map(|_| SessionId::new()).collect();
        assert!(sessions.windows(2).all(|w| w[0] > w[1]));
    }

    #[test]
    fn ids_have_opencodes_prefixes() {
        assert!(SessionId::new().as_str().starts_with("ses_"));
        assert!(PermissionId::new().as_str().starts_with("per_"));
    }
}
