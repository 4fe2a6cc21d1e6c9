//! One edit of one open document, brought into the editor: the driver of the workspace's state machine.
//!
//! **Invariant:** while a document's lock is held, nobody else of us edits it; success is what the editor reported afterwards, not what it answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, OptionFuture};
use ropey::Rope;
use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use workspace::apply::{ApplyMachine, Input, Output, Quirks};
use workspace::{Applied, ApplyError, Content, DocKey, Edits, Foretold, Route, TextEdit};

use crate::lsp::client::{ApplyReply, Client, RequestError};
use crate::lsp::documents::{DocEvent, Documents};
use crate::lsp::positions;

/// How long an editor may take to answer.
const REPLY_LIMIT: Duration = Duration::from_secs(30);
/// How long after the answer the `didChange` may come. Neovim takes up to 150 ms.
const CONFIRM_LIMIT: Duration = Duration::from_millis(400);

/// How often an edit is begun anew once the user's hands rest, how long they must rest for it, and how long that is waited for.
const ROUNDS: u32 = 1;
const REST: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(3);

/// What edits need. Cheap to clone.
#[derive(Clone)]
pub(super) struct Editing {
    pub client: Client,
    pub documents: Documents,
    locks: Arc<Mutex<HashMap<DocKey, Arc<tokio::sync::Mutex<()>>>>>,
}

/// An edit that was made.
pub struct Made {
    /// The text without it.
    pub before: Rope,
    /// The same with it.
    pub after: Rope,
}

impl Made {
    /// The same with both texts whole, for what keeps them.
    pub(super) fn applied(&self, key: DocKey) -> Applied {
        let content = |text: &Rope| Some(Content::text(text.to_string()));
        Applied { key, before: content(&self.before), after: content(&self.after), route: Route::Editor }
    }
}

impl Editing {
    pub fn new(client: Client, documents: Documents) -> Self {
        Self { client, documents, locks: Arc::default() }
    }

    /// To be held around `edit`. Several are taken in the order of their names.
    pub async fn lock(&self, key: &DocKey) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key.clone()).or_default())
        };
        lock.lock_owned().await
    }

    /// Makes edits of `base` in an open document, over what the user changed since. The document's lock must be held.
    /// `note` is told of it each time before it is sent.
    pub async fn edit(
        &self,
        key: &DocKey,
        base: &Rope,
        edits: &Edits,
        note: Note<'_>,
        cancel: &CancellationToken,
    ) -> Result<Made, ApplyError> {
        let mut rounds = 0;
        loop {
            let version = self.version(key).await;
            match self.try_edit(key, base, edits, note, cancel).await {
                // A slow editor comes too late each time while somebody types fast.
                Err(ApplyError::Refused { tries, .. }) if tries > 0 && rounds < ROUNDS && self.version(key).await != version => {
                    rounds += 1;
                    tokio::select! {
                        () = self.rest(key) => {}
                        () = cancel.cancelled() => return Err(ApplyError::Cancelled { key: key.clone() }),
                    }
                }
                other => return other,
            }
        }
    }

    async fn version(&self, key: &DocKey) -> Option<i32> {
        self.documents.get(key).await.map(|document| document.version)
    }

    /// Returns when the document was not changed for a moment, or after a while in any case.
    async fn rest(&self, key: &DocKey) {
        let mut events = self.documents.subscribe();
        let still = async {
            let mut until = Instant::now() + REST;
            loop {
                match tokio::time::timeout_at(until, events.recv()).await {
                    Ok(Some(event)) if event.key() == key => until = Instant::now() + REST,
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return,
                }
            }
        };
        // Typed on all the time: it is tried all the same.
        let _ = tokio::time::timeout(PATIENCE, still).await;
    }

    async fn try_edit(
        &self,
        key: &DocKey,
        base: &Rope,
        edits: &Edits,
        note: Note<'_>,
        cancel: &CancellationToken,
    ) -> Result<Made, ApplyError> {
        let refused = |reason: String| ApplyError::Refused { key: key.clone(), tries: 0, reason };
        // First the events, then the text: nothing comes between.
        let mut events = self.documents.subscribe();
        let document = self.documents.get(key).await.ok_or_else(|| refused("the document is not open".into()))?;
        let caps = self.client.caps();
        let quirks = Quirks { zero_as_one: caps.neovim, skips: caps.neovim, unversioned: !caps.versioned() };
        let mut machine = ApplyMachine::new(key.clone(), base.clone(), edits, document.version, document.text, quirks)
            .map_err(|error| refused(error.to_string()))?;
        let mut reply: OptionFuture<BoxFuture<'static, Input>> = None.into();
        let mut deadline: Option<Instant> = None;
        let mut cancelled = false;
        let mut next = machine.start();
        loop {
            match next {
                Output::Send { version, edits } => {
                    deadline = None;
                    foretell(note, key, machine.text(), &edits);
                    let edit = self.workspace_edit(&document.uri, version, machine.text(), &edits);
                    let client = self.client.clone();
                    reply = Some(async move { answer(client.apply_edit(edit, Some("Interline"), REPLY_LIMIT).await) }.boxed()).into();
                }
                Output::Wait { timer } => deadline = deadline.or_else(|| timer.then(|| Instant::now() + CONFIRM_LIMIT)),
                Output::Done { before, after } => return Ok(Made { before, after }),
                Output::Failed(error) => return Err(error),
            }
            let input = tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(DocEvent::Changed { key: changed, version, edits, steps, text, whole }) if changed == *key && version > document.version => {
                        Input::Changed { version, edits, steps, text, whole }
                    }
                    Some(DocEvent::Closed { key: closed, .. }) if closed == *key => Input::Closed,
                    Some(_) => { next = Output::Wait { timer: false }; continue }
                    None => Input::Closed,
                },
                Some(answer) = &mut reply => { reply = None.into(); answer }
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => { deadline = None; Input::TimedOut }
                () = cancel.cancelled(), if !cancelled => { cancelled = true; Input::Cancelled }
            };
            next = machine.input(input);
        }
    }

    /// One versioned edit of one document: Neovim checks the version of the first document only, and a call of the agent's is one undo step.
    fn workspace_edit(&self, uri: &str, version: i32, text: &Rope, edits: &[TextEdit]) -> Value {
        let caps = self.client.caps();
        let edits: Vec<_> = edits.iter().map(|edit| positions::lsp_edit(text, edit, caps.encoding)).collect();
        if caps.versioned() {
            json!({ "documentChanges": [{ "textDocument": { "uri": uri, "version": version }, "edits": edits }] })
        } else {
            json!({ "changes": { uri: edits } })
        }
    }
}

/// Whom to tell of an edit before it is sent, if anybody.
pub(super) type Note<'a> = Option<&'a dyn Foretold>;

fn foretell(note: Note<'_>, key: &DocKey, before: &Rope, edits: &[TextEdit]) {
    let Some(note) = note else { return };
    let after = Edits::new(before.len_bytes(), edits.to_vec()).and_then(|edits| edits.apply(before));
    match after {
        Ok(after) => note.about_to(Made { before: before.clone(), after }.applied(key.clone())),
        // The editor will refuse it, too.
        Err(error) => tracing::warn!(%key, %error, "an edit that does not fit its text"),
    }
}

fn answer(reply: Result<ApplyReply, RequestError>) -> Input {
    match reply {
        Ok(reply) => Input::Reply { applied: reply.applied, reason: reply.failure_reason },
        Err(RequestError::Gone) => Input::Cancelled,
        Err(RequestError::TimedOut(_)) => Input::Unanswered,
        Err(error) => Input::Reply { applied: false, reason: Some(error.to_string()) },
    }
}
