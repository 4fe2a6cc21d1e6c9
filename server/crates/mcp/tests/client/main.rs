//! What the engine relies on: real processes and real HTTP, with servers that do what the test has written down, hostile ones above all.
//!
//! **Invariant:** no test sleeps: each waits for what is to happen, and fails where it does not.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a helper that cannot go on is a failed test; a server prints"
)]

extern crate interline_mcp as mcp;

mod fake;
mod local;
mod login;
mod remote;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use mcp::{Places, Servers};
use serde_json::Value;

/// How long anything may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The servers of a section, with logins in this folder.
fn servers(section: &Value, folder: &Path) -> Servers {
    let (configured, problems) = mcp::configured(Some(section), None);
    assert!(problems.is_empty(), "{problems:?}");
    let places = Places { directory: folder.to_owned(), roots: vec![folder.to_owned()] };
    Servers::new(configured, places, vec![folder.join("mcp-auth.json")], ["read".to_owned()])
}

/// Started, and waited for.
async fn started(section: &Value, folder: &Path) -> Servers {
    let servers = servers(section, folder);
    servers.start();
    servers.settle(PATIENCE).await;
    servers
}

/// Waits until a state comes that holds.
async fn until(servers: &Servers, holds: impl Fn() -> bool) {
    let mut news = servers.news();
    let waiting = async {
        while !holds() {
            news.changed().await.unwrap();
        }
    };
    within(waiting).await;
}

/// What must come in time.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes in time")
}
