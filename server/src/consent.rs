//! What the user has said of what a project brings to be run, as the command line looks at it.
//!
//! Must not know how any of it is run.
//!
//! **Invariant:** what cannot be read counts as not allowed.

use std::path::Path;

use config::{Dirs, Loaded};
use engine::ForeignServer;
use proto::Action;
use store::{Approval, Store};

use crate::paths;

/// The permission by which a project's programs are asked for.
const PERMISSION: &str = "project_code";

/// What is known of something that a project brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The user's own configuration allows it.
    Trusted,
    /// The user's own configuration denies it.
    Denied,
    /// The user has allowed exactly this for good.
    Allowed,
    /// The user is asked.
    Asked,
}

impl Standing {
    /// Whether it may be run.
    #[must_use]
    pub fn may_run(self) -> bool {
        matches!(self, Self::Trusted | Self::Allowed)
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Trusted => "allowed by your configuration",
            Self::Denied => "denied by your configuration",
            Self::Allowed => "allowed by you",
            Self::Asked => "not allowed yet",
        }
    }
}

/// What the user has said.
pub struct Consents {
    trust: Vec<(String, Action)>,
    approved: Vec<String>,
}

impl Consents {
    /// For a project in `cwd`.
    #[must_use]
    pub fn read(loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> Self {
        let file = paths::database(dirs);
        let approvals = if file.exists() {
            Store::open(&file).and_then(|store| store.approvals(&cwd.to_string_lossy())).unwrap_or_else(|error| {
                tracing::warn!("what was allowed for good cannot be read: {error}");
                Vec::new()
            })
        } else {
            Vec::new()
        };
        let approved = approvals.into_iter().filter(|approval| approval.permission == PERMISSION).map(|approval| approval.pattern);
        Self { trust: loaded.project_code.clone(), approved: approved.collect() }
    }

    /// Of what this pattern means.
    #[must_use]
    pub fn of(&self, pattern: &str) -> Standing {
        match self.trust.iter().rev().find(|(rule, _)| permission::matches(pattern, rule)).map(|(_, action)| action) {
            Some(Action::Allow) => Standing::Trusted,
            Some(Action::Deny) => Standing::Denied,
            Some(Action::Ask) | None if self.approved.iter().any(|approved| approved == pattern) => Standing::Allowed,
            Some(Action::Ask) | None => Standing::Asked,
        }
    }
}

/// The MCP servers that a project in `cwd` brings, and what is known of each.
#[must_use]
pub fn servers(loaded: &Loaded, dirs: &Dirs, cwd: &Path) -> Vec<(ForeignServer, Standing)> {
    let all = engine::foreign_servers(loaded, cwd);
    if all.is_empty() {
        return Vec::new();
    }
    let consents = Consents::read(loaded, dirs, cwd);
    all.into_iter().map(|server| (consents.of(&server.pattern), server)).map(|(standing, server)| (server, standing)).collect()
}

/// Allows a server for good, in `cwd`.
///
/// # Errors
/// Those of the store.
pub fn allow(server: &ForeignServer, dirs: &Dirs, cwd: &Path) -> Result<(), String> {
    let time =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    let approval = Approval { permission: PERMISSION.to_owned(), pattern: server.pattern.clone(), time };
    let store = Store::open(&paths::database(dirs)).map_err(|error| error.to_string())?;
    store.add_approval(&cwd.to_string_lossy(), &approval).map_err(|error| error.to_string())
}
