//! Keeping the catalogue of models fresh.
//!
//! **Invariant:** nobody waits for it but who asked for it by name, and what goes wrong behind a turn is a line in the log.

use std::time::Duration;

use providers::{Catalogue, RefreshError, Refreshed};

use crate::output;

/// After a turn its answer is read first, and the next one may follow at once.
const SETTLED: Duration = Duration::from_secs(20);

/// Fetches the catalogue if it is older than a day, some time after a turn.
pub async fn later(catalogue: Catalogue) {
    if !catalogue.is_stale() {
        return;
    }
    tokio::time::sleep(SETTLED).await;
    // Another process may have been first.
    if !catalogue.is_stale() {
        return;
    }
    match catalogue.refresh().await {
        Ok(new) => tracing::info!("{}", told(&new)),
        Err(error) => tracing::info!("the catalogue of models stays as it is: {error}"),
    }
}

/// Fetches it because the user wants it, and says what came of it.
#[must_use]
pub fn now(catalogue: &Catalogue) -> bool {
    let fetched = super::local::runtime().map_err(|error| error.to_string());
    match fetched.and_then(|runtime| runtime.block_on(catalogue.refresh()).map_err(|error: RefreshError| error.to_string())) {
        Ok(new) => {
            output::note(&told(&new));
            true
        }
        Err(error) => {
            output::note(&format!("interline models: {error}"));
            false
        }
    }
}

fn told(new: &Refreshed) -> String {
    format!("fetched {} models of {} providers into {}", new.models, new.providers, new.folder.display())
}
