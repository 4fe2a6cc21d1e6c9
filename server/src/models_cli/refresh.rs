//! Keeping the catalogue of models fresh.
//!
//! **Invariant:** nobody waits for it but who asked for it by name, and what goes wrong behind a turn is a line in the log.

use std::time::Duration;

use providers::{Catalogue, RefreshError, Refreshed};

use crate::output;

/// After a turn its answer is read first, and the next one may follow at once.
pub const SETTLED: Duration = Duration::from_secs(20);

/// Fetches the catalogue if it is older than a day, some time after a turn.
pub async fn later(catalogue: Catalogue, pause: Duration) {
    if !catalogue.is_stale() {
        return;
    }
    tokio::time::sleep(pause).await;
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use config::{Dirs, Env};

    use super::*;

    /// A source of catalogues, and how often it was asked.
    fn source() -> (String, Arc<AtomicUsize>) {
        let (server, asked) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(AtomicUsize::new(0)));
        let (address, count) = (server.local_addr().unwrap(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in server.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                drop(stream.read(&mut [0; 4096]));
                let body = r#"{"mistral": {"models": {"new": {}}}}"#;
                drop(write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()));
            }
        });
        (format!("http://{address}"), asked)
    }

    #[tokio::test]
    async fn once_a_day_and_only_if_it_may() {
        let ((base, asked), home) = (source(), tempfile::tempdir().unwrap());
        let catalogue = |forbidden: &str| {
            let home = home.path().to_str().unwrap();
            let env = Env::from_pairs([("HOME", home), ("INTERLINE_MODELS_URL", &base), ("OPENCODE_DISABLE_MODELS_FETCH", forbidden)]);
            Catalogue::of(&env, &Dirs::from_env(&env))
        };
        later(catalogue("1"), Duration::ZERO).await;
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        later(catalogue(""), Duration::ZERO).await;
        assert_eq!((asked.load(Ordering::SeqCst), catalogue("").is_stale()), (1, false));
        later(catalogue(""), Duration::ZERO).await;
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let stamp = home.path().join(".cache/interline").read_dir().unwrap().next().unwrap().unwrap().path().join("fetched");
        let yesterday = std::time::SystemTime::now() - Duration::from_secs(25 * 60 * 60);
        std::fs::File::options().write(true).open(stamp).unwrap().set_modified(yesterday).unwrap();
        later(catalogue(""), Duration::ZERO).await;
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
