//! Hunks in the store, so that they survive the process, and documents that are not open.
//!
//! **Invariant:** the store is not made for reading; it is opened by the first need, and not held where it has nothing to review.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use ropey::Rope;
use store::{Review, Store, StoreError};
use workspace::{DocKey, Hunks};

/// What is kept.
pub(super) struct Kept {
    path: PathBuf,
    store: Option<Arc<Store>>,
    /// The documents that have hunks there; none: nobody has asked yet.
    keys: Option<BTreeSet<DocKey>>,
}

impl Kept {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, store: None, keys: None }
    }

    /// The documents with hunks, as this process knows them.
    pub(super) async fn keys(&mut self) -> BTreeSet<DocKey> {
        if let Some(keys) = &self.keys {
            return keys.clone();
        }
        if !self.path.exists() {
            return BTreeSet::new();
        }
        let keys = self.with(|store| store.review_keys()).await.unwrap_or_default();
        let keys: BTreeSet<_> = keys.iter().map(|key| DocKey::from_uri(key)).collect();
        // Most of them are of other projects.
        self.store = None;
        self.keys.insert(keys).clone()
    }

    /// The hunks of a document, in the text in which they were kept.
    pub(super) async fn load(&mut self, key: &DocKey) -> Option<Hunks> {
        if !self.keys().await.contains(key) {
            return None;
        }
        let uri = key.to_uri();
        let review = self.with(move |store| store.review(&uri)).await??;
        match serde_json::from_str(&review.hunks) {
            Ok(hunks) => Some(Hunks::restore(Rope::from(review.text), hunks)),
            Err(error) => {
                tracing::warn!(%key, %error, "the changes to review cannot be read");
                None
            }
        }
    }

    /// Keeps what is there to review; forgets the document where there is nothing.
    pub(super) async fn save(&mut self, key: &DocKey, hunks: &Hunks) {
        let mut keys = self.keys().await;
        if hunks.all().is_empty() && !keys.contains(key) {
            return;
        }
        // As they are: each of hundreds of hunks as a tree of values would be many times its size, at each change.
        let review = match serde_json::to_string(hunks.all()) {
            Ok(_) if hunks.all().is_empty() => None,
            Ok(json) => Some((hunks.text().clone(), json)),
            Err(error) => {
                tracing::error!(%key, %error, "the changes to review cannot be kept");
                return;
            }
        };
        if review.is_some() {
            keys.insert(key.clone());
        } else {
            keys.remove(key);
        }
        self.keys = Some(keys);
        let uri = key.to_uri();
        let write = move |store: &Store| {
            let review = review.map(|(text, hunks)| Review { text: text.to_string(), hunks });
            store.put_review(&uri, review)
        };
        // A failure is in the log; the marks are there for as long as this process is.
        let _ = self.with(write).await;
    }

    /// Does something with the store on a blocking thread. None, and a word in the log, if it fails.
    async fn with<T: Send + 'static>(&mut self, work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static) -> Option<T> {
        let (path, store) = (self.path.clone(), self.store.clone());
        let done = tokio::task::spawn_blocking(move || {
            let store = store.map_or_else(|| Store::open(&path).map(Arc::new), Ok)?;
            work(&store).map(|value| (store, value))
        });
        match done.await {
            Ok(Ok((store, value))) => {
                self.store = Some(store);
                Some(value)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the changes to review are not kept");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the store gave up");
                None
            }
        }
    }
}
